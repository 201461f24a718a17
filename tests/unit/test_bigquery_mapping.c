#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sinks/bigquery/mapping.h"

static void
the_shipped_reference_mapping_says_what_the_reference_does(void **state)
{
    struct err e = {0};
    struct bq_mapping *m = bq_mapping_read("deploy/inventory-mapping.json", &e);
    const struct bq_map_table *t;

    (void)state;
    if (!m)
        fail_msg("%s", e.msg);
    assert_string_equal(m->dataset, "murillodigital_debezium");
    t = bq_mapping_find(m, slice_of("public"), slice_of("inventory"));
    assert_non_null(t);
    assert_string_equal(t->table, "murillodigital_inventory");
    assert_string_equal(t->partition, "DAY");
    assert_null(t->partition_field);
    assert_int_equal(t->ops, BQ_OP_R | BQ_OP_C | BQ_OP_U | BQ_OP_D);
    assert_int_equal(t->ncolumns, 6);
    assert_true(t->columns[0].trim);
    assert_string_equal(t->columns[3].from, "row.available");
    assert_true(slice_is(t->columns[3].on_null, "0"));
    assert_string_equal(t->columns[4].as, "datetime_ms");
    assert_int_equal(t->columns[5].op_in, BQ_OP_D);
    assert_null(bq_mapping_find(m, slice_of("public"), slice_of("inventory2")));
    assert_null(bq_mapping_find(m, slice_of("public.inventory"), slice_of("")));
    bq_mapping_free(m);
}

static void
a_member_bigquery_may_wrap_it_all(void **state)
{
    struct err e = {0};
    struct bq_mapping *m = bq_mapping_read(
        " {\"bigquery\":{\"project\":\"p\",\"dataset\":\"d\",\"tables\":[{\"source\":\"a.b\","
        "\"columns\":\"*\",\"partition\":{\"type\":\"MONTH\",\"field\":\"x\",\"expiration_ms\":5},"
        "\"cluster\":[\"y\"],\"on_missing_before\":\"dead_letter\"}]}}",
        &e);

    (void)state;
    if (!m)
        fail_msg("%s", e.msg);
    assert_string_equal(m->project, "p");
    assert_true(m->tables[0].automatic && m->tables[0].missing_dead);
    assert_string_equal(m->tables[0].partition_field, "x");
    assert_int_equal(m->tables[0].partition_expiration_ms, 5);
    assert_string_equal(m->tables[0].cluster[0], "y");
    bq_mapping_free(m);
}

static void
all_faults_are_told_at_once_with_their_places(void **state)
{
    static const char text[] =
        "{\"dataset\":5,\"typo\":1,\"unmapped\":\"maybe\",\"tables\":[{\"source\":\"inventory\","
        "\"mode\":\"upsert\",\"columns\":{"
        "\"1st\":{\"from\":\"row.a\"},\"a\":{\"from\":\"row.a\",\"type\":\"RECORD\"},\"b\":{"
        "\"from\":\"row.b\",\"const\":1},"
        "\"c\":{},\"d\":{\"from\":\"row.d\",\"as\":\"magic\"},\"e\":{\"from\":\"row.e\",\"type\":"
        "\"INT64\",\"on_null\":\"x\"},"
        "\"f\":{\"op_in\":[\"z\"]},\"g\":{\"op_in\":[\"d\"],\"type\":\"STRING\"},\"h\":{\"from\":"
        "\"row.h\",\"trim\":1},"
        "\"A\":{\"from\":\"row.a\"},\"i\":7,\"j\":{\"from\":\"row.j\",\"on_missing_before\":\"last_"
        "known\"}},\"ops\":[],"
        "\"partition\":{\"field\":\"x\"},\"cluster\":[]},{\"columns\":\"*\"},{\"source\":\"a.b\"}]"
        "}";
    static const char *const places[] = {
        "dataset:",
        "typo: unknown",
        "unmapped:",
        "tables[0].source:",
        "tables[0].mode:",
        "tables[0].columns.1st:",
        "tables[0].columns.a.type:",
        "tables[0].columns.b:",
        "tables[0].columns.c:",
        "tables[0].columns.d.as:",
        "tables[0].columns.e:",
        "tables[0].columns.f.op_in:",
        "tables[0].columns.g:",
        "tables[0].columns.h.trim:",
        "tables[0].columns.A:",
        "tables[0].columns.i:",
        "tables[0].columns.j.on_missing_before:",
        "tables[0].ops:",
        "tables[0].partition:",
        "tables[0].cluster:",
        "tables[1]:",
        "tables[2]:",
    };
    struct bq_faults f;
    struct err e = {0};

    (void)state;
    assert_null(bq_mapping_read(text, &e));
    assert_int_equal(e.cls, ERR_CONFIG);
    assert_string_equal(e.code, "bigquery.mapping");
    /* The message has an end; each fault alone is asked for below. */
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        if (!strstr(e.msg, places[i]) && strlen(e.msg) < sizeof(e.msg) - 1)
            fail_msg("no fault at %s in: %s", places[i], e.msg);
    }
    assert_non_null(strstr(e.msg, places[0]));
    bq_faults_init(&f);
    bq_fault(&f, "one", "is %s", "wrong");
    bq_fault(&f, "two", "too");
    assert_false(bq_faults_end(&f, "x.y", &e));
    assert_string_equal(e.msg, "2 errors: one: is wrong; two: too");
}

static void
each_fault_is_an_error(void **state)
{
    static const char *const columns[] = {
        "\"1st\":{\"from\":\"row.a\"}",
        "\"a\":{\"from\":\"row.a\",\"type\":\"RECORD\"}",
        "\"b\":{\"from\":\"row.b\",\"const\":1,\"type\":\"INT64\"}",
        "\"c\":{}",
        "\"d\":{\"from\":\"row.d\",\"as\":\"magic\"}",
        "\"d\":{\"from\":\"row.d\",\"as\":[\"json\",\"date\"]}",
        "\"e\":{\"from\":\"row.e\",\"type\":\"INT64\",\"on_null\":\"x\"}",
        "\"e\":{\"const\":1}",
        "\"f\":{\"op_in\":[\"z\"]}",
        "\"f\":{\"op_in\":[]}",
        "\"g\":{\"op_in\":[\"d\"],\"type\":\"STRING\"}",
        "\"h\":{\"from\":\"row.h\",\"trim\":1}",
        "\"a\":{\"from\":\"row.a\"},\"A\":{\"from\":\"row.a\"}",
        "\"i\":7",
        "\"j\":{\"from\":\"row.j\",\"on_missing_before\":\"last_known\"}",
        "\"k\":{\"from\":\"\"}",
        "\"k\":{\"from\":3}",
        "\"k\":{\"from\":\"row.k\",\"mode\":\"MANY\"}",
        "\"k\":{\"from\":\"row.k\",\"on_null\":[]}",
        "\"_TABLE_x\":{\"from\":\"row.k\"}",
        "\"k\":{\"from\":\"row.k\"},\"k\":{\"from\":\"row.k\"}",
        "",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
        char text[400];
        struct err e = {0};

        snprintf(text, sizeof(text), "{\"tables\":[{\"source\":\"a.b\",\"columns\":{%s}}]}",
                 columns[i]);
        if (bq_mapping_read(text, &e))
            fail_msg("taken: %s", columns[i]);
        assert_string_equal(e.code, "bigquery.mapping");
    }
}

static void
what_is_no_json_or_no_file_is_an_error(void **state)
{
    static const char *const texts[] = {"/nonexistent/mapping.json",
                                        "{\"tables\":[",
                                        "Makefile",
                                        "{}",
                                        "{\"tables\":{}}",
                                        "{\"tables\":[1]}",
                                        "{\"bigquery\":[]}",
                                        "{\"tables\":[{\"source\":\"a.b\",\"columns\":\"*\"},{"
                                        "\"source\":\"a.b\",\"columns\":\"*\"}]}"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct err e = {0};

        assert_null(bq_mapping_read(texts[i], &e));
        assert_string_equal(e.code, "bigquery.mapping");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shipped_reference_mapping_says_what_the_reference_does),
        cmocka_unit_test(a_member_bigquery_may_wrap_it_all),
        cmocka_unit_test(all_faults_are_told_at_once_with_their_places),
        cmocka_unit_test(each_fault_is_an_error),
        cmocka_unit_test(what_is_no_json_or_no_file_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
