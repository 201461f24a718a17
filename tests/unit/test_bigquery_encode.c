/* From a plan and a change to the rows of a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "sinks/bigquery/feeds.h"
#include "sinks/bigquery/program.h"
#include "tests/unit/bq_fixture.h"
#include "tests/unit/decoder_fixture.h"

/* A configuration without metadata columns and with that mapping (NULL: none). */
static struct bq_conf
conf_of(const char *mapping)
{
    struct bq_conf conf = {.meta_prefix = "_"};
    struct err e = {0};

    if (mapping && !(conf.mapping = bq_mapping_read(mapping, &e)))
        fail_msg("%s", e.msg);
    return conf;
}

static struct bq_program *
program_of(const struct bq_conf *conf, struct fix *f)
{
    struct err e = {0};
    struct bq_program *p = bq_program_new(conf, &f->plan, &e);

    if (!p)
        fail_msg("%s: %s", e.code, e.msg);
    return p;
}

/* Encodes and compares: rows as "op index json[ !reason]", one a line. */
static void
expect(const struct bq_program *p, const struct change *c, const char *want)
{
    struct recbuf b;
    struct buf got;
    struct err e = {0};

    recbuf_init(&b, 1 << 20);
    buf_init(&got, 1 << 20);
    assert_true(bq_program_encode(p, c, &b, &e));
    for (size_t i = 0; i < b.n; i++) {
        const struct record *r = &b.recs[i];

        buf_printf(&got, "%c %u %.*s", r->op, r->index,
                   SLICE_ARG(recbuf_slice(&b, r->value, r->nvalue)));
        if (r->extra_name)
            buf_printf(&got, " !%s", r->extra_name);
        buf_putc(&got, '\n');
        assert_int_equal(r->extra_name != NULL, r->nextra > 0);
        assert_memory_equal(&r->id, &c->id, sizeof(c->id));
    }
    assert_string_equal(buf_cstr(&got), want);
    buf_free(&got);
    recbuf_free(&b);
}

static const struct fix_col keyed[] = {
    {"id", "int8", SCHEMA_INT64, NULL, -1, true, true, NULL},
    {"body", "text", SCHEMA_STRING, NULL, -1, false, false, NULL},
    {"n", "int4", SCHEMA_INT32, NULL, -1, false, false, NULL},
};

static void
each_operation_gives_its_rows(void **state)
{
    static const char *const one[] = {"1", "a", "5"}, *const changed[] = {"1", "b", NULL},
                             *const moved[] = {"2", "a", "5"};
    struct fix f;
    struct bq_conf conf = conf_of(NULL);
    struct bq_program *p;

    (void)state;
    fix_init(&f, "t", keyed, 3, "id", 'f');
    p = program_of(&conf, &f);
    assert_string_equal(p->table, "public_t");
    expect(p, fix_change(&f, OP_READ, NULL, one), "r 0 {\"id\":1,\"body\":\"a\",\"n\":5}\n");
    expect(p, fix_change(&f, OP_CREATE, NULL, one), "c 0 {\"id\":1,\"body\":\"a\",\"n\":5}\n");
    expect(p, fix_change(&f, OP_UPDATE, one, changed), "u 0 {\"id\":1,\"body\":\"b\"}\n");
    expect(p, fix_change(&f, OP_DELETE, one, NULL), "d 0 {\"id\":1,\"body\":\"a\",\"n\":5}\n");
    expect(p, fix_change(&f, OP_UPDATE, one, moved),
           "d 0 {\"id\":1,\"body\":\"a\",\"n\":5}\nc 1 {\"id\":2,\"body\":\"a\",\"n\":5}\n");
    expect(p, fix_change(&f, OP_TRUNCATE, NULL, NULL), "t 0 {}\n");
    expect(p, fix_change(&f, OP_MESSAGE, NULL, NULL), "");
    bq_program_free(p);
}

static void
skipped_operations_give_none(void **state)
{
    static const char *const one[] = {"1", "a", "5"}, *const moved[] = {"2", "a", "5"};
    struct fix f;
    struct bq_conf conf = conf_of(NULL);
    struct bq_program *p;

    (void)state;
    fix_init(&f, "t", keyed, 3, "id", 'f');
    f.settings.skipped_ops = OPS_DELETE | OPS_TRUNCATE;
    p = program_of(&conf, &f);
    expect(p, fix_change(&f, OP_DELETE, one, NULL), "");
    expect(p, fix_change(&f, OP_TRUNCATE, NULL, NULL), "");
    expect(p, fix_change(&f, OP_UPDATE, one, moved), "c 1 {\"id\":2,\"body\":\"a\",\"n\":5}\n");
    bq_program_free(p);
}

static void
logical_messages_and_ignored_tables_give_none(void **state)
{
    static const char *const one[] = {"1", "a", "5"};
    struct fix f;
    struct bq_conf conf = conf_of("{\"unmapped\":\"ignore\",\"tables\":[]}");
    struct bq_program *p;

    (void)state;
    fix_init(&f, "t", keyed, 3, "id", 'f');
    p = program_of(&conf, &f);
    assert_null(p->table);
    expect(p, fix_change(&f, OP_CREATE, NULL, one), "");
    bq_program_free(p);
    f.plan.kind = PLAN_MESSAGE;
    f.plan.rel = NULL;
    p = program_of(&conf, &f);
    expect(p, fix_change(&f, OP_MESSAGE, NULL, NULL), "");
    bq_program_free(p);
    bq_mapping_free(conf.mapping);
}

static void
values_that_were_not_sent_come_from_before_or_are_named(void **state)
{
    static const char *const full[] = {"1", "long", "5"}, *const after[] = {"1", FIX_UNCHANGED,
                                                                            "6"};
    static const char *const old_key[] = {"1", FIX_ABSENT, FIX_ABSENT}, *const moved[] = {
                                                                            "2", FIX_UNCHANGED,
                                                                            "6"};
    struct fix f;
    struct bq_conf conf = conf_of(
        "{\"tables\":[{\"source\":\"public.t\",\"columns\":{\"id\":{\"from\":\"row.id\"},\"body\":{"
        "\"from\":\"row.body\"},"
        "\"missing\":{\"from\":\"unavailable\"}}}]}");
    struct bq_program *p;

    (void)state;
    fix_init(&f, "t", keyed, 3, "id", 'f');
    p = program_of(&conf, &f);
    expect(p, fix_change(&f, OP_UPDATE, full, after), "u 0 {\"id\":1,\"body\":\"long\"}\n");
    bq_program_free(p);

    fix_init(&f, "t", keyed, 3, "id", 'd');
    p = program_of(&conf, &f);
    expect(p, fix_change(&f, OP_UPDATE, NULL, after), "u 0 {\"id\":1,\"missing\":[\"body\"]}\n");
    fix_change(&f, OP_UPDATE, old_key, moved);
    f.change.old_is_key = true;
    expect(p, &f.change, "d 0 {\"id\":1}\nc 1 {\"id\":2,\"missing\":[\"body\"]}\n");
    bq_program_free(p);
    bq_mapping_free(conf.mapping);
}

/* A key-only tuple's other columns are gaps even where the wire says NULL. */
static void
key_only_before_is_no_source_of_nulls(void **state)
{
    static const char *const old_key[] = {"1", NULL, NULL};
    struct fix f;
    struct bq_conf conf = conf_of(
        "{\"tables\":[{\"source\":\"public.t\",\"columns\":{\"id\":{\"from\":\"row.id\"},\"n\":{"
        "\"from\":"
        "\"row.n\",\"type\":\"INT64\",\"mode\":\"REQUIRED\",\"on_null\":0}}}]}");
    struct bq_program *p;

    (void)state;
    fix_init(&f, "t", keyed, 3, "id", 'd');
    p = program_of(&conf, &f);
    fix_change(&f, OP_DELETE, old_key, NULL);
    f.change.old_is_key = true;
    expect(p, &f.change, "d 0 {\"id\":1} !missing\n");
    bq_program_free(p);
    bq_mapping_free(conf.mapping);
}

static void
nulls_follow_the_mapping(void **state)
{
    static const struct {
        const char *column, *want;
    } rows[] = {
        {"{\"from\":\"row.n\"}", "c 0 {}\n"},
        {"{\"from\":\"row.n\",\"on_null\":null}", "c 0 {}\n"},
        {"{\"from\":\"row.n\",\"on_null\":0}", "c 0 {\"x\":0}\n"},
        {"{\"from\":\"row.n\",\"mode\":\"REQUIRED\",\"on_null\":-1}", "c 0 {\"x\":-1}\n"},
        {"{\"from\":\"row.n\",\"on_null\":\"dead_letter\"}", "c 0 {} !null\n"},
        {"{\"from\":\"row.n\",\"mode\":\"REQUIRED\"}", "c 0 {} !null\n"},
        {"{\"from\":\"row.body\",\"on_null\":\"none\"}", "c 0 {\"x\":\"none\"}\n"},
        {"{\"const\":7,\"type\":\"INT64\"}", "c 0 {\"x\":7}\n"},
        {"{\"const\":\"eu\",\"type\":\"STRING\"}", "c 0 {\"x\":\"eu\"}\n"},
        {"{\"op_in\":[\"c\",\"r\"]}", "c 0 {\"x\":true}\n"},
        {"{\"op_in\":[\"d\"]}", "c 0 {\"x\":false}\n"},
        {"{\"from\":\"before.id\"}", "c 0 {}\n"},
        {"{\"from\":\"after.id\"}", "c 0 {\"x\":1}\n"},
        {"{\"from\":\"key.id\",\"as\":\"string\"}", "c 0 {\"x\":\"1\"}\n"},
    };
    static const char *const row[] = {"1", NULL, NULL};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char mapping[400];
        struct fix f;
        struct bq_conf conf;
        struct bq_program *p;

        snprintf(mapping, sizeof(mapping),
                 "{\"tables\":[{\"source\":\"public.t\",\"columns\":{\"x\":%s}}]}", rows[i].column);
        conf = conf_of(mapping);
        fix_init(&f, "t", keyed, 3, "id", 'f');
        p = program_of(&conf, &f);
        expect(p, fix_change(&f, OP_CREATE, NULL, row), rows[i].want);
        bq_program_free(p);
        bq_mapping_free(conf.mapping);
    }
}

static void
converters_do_what_they_are_called(void **state)
{
    static const struct {
        const char *column, *want;
    } rows[] = {
        {"{\"from\":\"row.body\",\"trim\":true}", "{\"x\":\"a\\n\xc3\xa4\"}"},
        {"{\"from\":\"row.body\",\"as\":[\"trim\",\"upper\"]}", "{\"x\":\"A\\n\xc3\xa4\"}"},
        {"{\"from\":\"row.n\",\"type\":\"FLOAT64\"}", "{\"x\":86400000}"},
        {"{\"from\":\"row.n\",\"type\":\"NUMERIC\"}", "{\"x\":\"86400000\"}"},
        {"{\"from\":\"row.n\",\"type\":\"STRING\"}", "{\"x\":\"86400000\"}"},
        {"{\"from\":\"row.n\",\"as\":\"datetime_ms\"}", "{\"x\":\"1970-01-02T00:00:00\"}"},
        {"{\"from\":\"row.n\",\"as\":\"timestamp_ms\"}", "{\"x\":\"1970-01-02T00:00:00Z\"}"},
        {"{\"from\":\"row.n\",\"as\":\"date\"}", "{\"x\":\"1970-01-02\"}"},
        {"{\"from\":\"ts_ms\",\"as\":\"datetime_ms\"}", "{\"x\":\"2026-11-21T10:20:45.789000\"}"},
        {"{\"from\":\"source.ts_ms\"}", "{\"x\":1795256445123}"},
        {"{\"from\":\"source.lsn\"}", "{\"x\":3840}"},
        {"{\"from\":\"source.txId\"}", "{\"x\":742}"},
        {"{\"from\":\"source.snapshot\"}", "{\"x\":\"false\"}"},
        {"{\"from\":\"source.db\"}", "{\"x\":\"shop\"}"},
        {"{\"from\":\"source.name\"}", "{\"x\":\"server\"}"},
        {"{\"from\":\"source.table\"}", "{\"x\":\"t\"}"},
        {"{\"from\":\"op\"}", "{\"x\":\"c\"}"},
        {"{\"from\":\"deleted\"}", "{\"x\":false}"},
    };
    static const char *const row[] = {"1", "  a\n\xc3\xa4  ", "86400000"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char mapping[400], want[200];
        struct fix f;
        struct bq_conf conf;
        struct bq_program *p;

        snprintf(mapping, sizeof(mapping),
                 "{\"tables\":[{\"source\":\"public.t\",\"columns\":{\"x\":%s}}]}", rows[i].column);
        snprintf(want, sizeof(want), "c 0 %s\n", rows[i].want);
        conf = conf_of(mapping);
        fix_init(&f, "t", keyed, 3, "id", 'f');
        p = program_of(&conf, &f);
        expect(p, fix_change(&f, OP_CREATE, NULL, row), want);
        bq_program_free(p);
        bq_mapping_free(conf.mapping);
    }
}

static void
a_mapping_that_does_not_fit_the_table_tells_all_its_faults(void **state)
{
    struct fix f;
    struct err e = {0};
    struct bq_conf conf = conf_of(
        "{\"tables\":[{\"source\":\"public.t\",\"columns\":{"
        "\"a\":{\"from\":\"row.nothing\"},\"b\":{\"from\":\"key.body\"},\"c\":{\"from\":"
        "\"nonsense\"},"
        "\"d\":{\"from\":\"row.body\",\"type\":\"INT64\"},\"e\":{\"from\":\"row.body\",\"as\":"
        "\"datetime_ms\"},"
        "\"f\":{\"from\":\"row.n\",\"trim\":true},\"g\":{\"from\":\"row.n\",\"mode\":\"REPEATED\"}}"
        "}]}");

    (void)state;
    fix_init(&f, "t", keyed, 3, "id", 'f');
    assert_null(bq_program_new(&conf, &f.plan, &e));
    assert_string_equal(e.code, "bigquery.mapping");
    for (const char *c = "abcdefg"; *c; c++) {
        char place[32];

        snprintf(place, sizeof(place), "column \"%c\"", *c);
        assert_non_null(strstr(e.msg, place));
    }
    bq_mapping_free(conf.mapping);
}

static void
names_become_legal_and_stay_distinct(void **state)
{
    static const struct fix_col cols[] = {
        {"a-b", "text", SCHEMA_STRING, NULL, -1, false, false, NULL},
        {"1st", "text", SCHEMA_STRING, NULL, -1, false, false, NULL},
        {"_PARTITIONTIME", "text", SCHEMA_STRING, NULL, -1, false, false, NULL},
        {"A_B", "text", SCHEMA_STRING, NULL, -1, false, false, NULL},
    };
    static const char *const row[] = {"w", "x", "y", "z"};
    struct fix f;
    struct err e = {0};
    struct bq_conf conf = conf_of(NULL);
    struct bq_program *p;

    (void)state;
    fix_init(&f, "my table", cols, 3, "", 'f');
    p = program_of(&conf, &f);
    assert_string_equal(p->table, "public_my_table");
    expect(p, fix_change(&f, OP_CREATE, NULL, row),
           "c 0 {\"a_b\":\"w\",\"_1st\":\"x\",\"x_PARTITIONTIME\":\"y\"}\n");
    bq_program_free(p);
    fix_init(&f, "t", cols, 4, "", 'f');
    assert_null(bq_program_new(&conf, &f.plan, &e));
    assert_string_equal(e.code, "bigquery.mapping");
}

static void
metadata_columns_must_not_collide(void **state)
{
    static const struct fix_col cols[] = {
        {"_op", "text", SCHEMA_STRING, NULL, -1, false, false, NULL}};
    struct fix f;
    struct err e = {0};
    struct bq_conf conf = conf_of(NULL);
    struct bq_program *p;

    (void)state;
    conf.metadata = true;
    fix_init(&f, "t", cols, 1, "", 'f');
    assert_null(bq_program_new(&conf, &f.plan, &e));
    assert_non_null(strstr(e.msg, "\"_op\""));
    conf.meta_prefix = "cdc_";
    p = program_of(&conf, &f);
    assert_int_equal(p->ncolumns, 1 + bq_nmeta_columns);
    bq_program_free(p);
}

static void
refusals_that_can_be_foreseen_are_noted(void **state)
{
    static const char mapping[] =
        "{\"tables\":[{\"source\":\"public.t\",\"columns\":{\"id\":{\"from\":\"row.id\",\"mode\":"
        "\"REQUIRED\"},"
        "\"n\":{\"from\":\"row.n\",\"mode\":\"REQUIRED\"%s}}%s}]}";
    static const struct {
        const char *on_null, *ops;
        char identity;
        unsigned notes;
        const char *says;
    } rows[] = {
        {",\"on_null\":0", "", 'f', 0, NULL},
        {"", "", 'f', 1, "fed by \"n\""},
        {",\"on_null\":0", "", 'd', 1, "REQUIRED columns \"n\";"},
        {",\"on_null\":0", "", 'n', 1, "sends nothing"},
        {",\"on_null\":0", ",\"ops\":[\"c\"]", 'd', 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        static const uint16_t key[] = {0};
        struct fix_col cols[3];
        char text[500];
        struct fix f;
        struct bq_conf conf;
        struct bq_program *p;

        memcpy(cols, keyed, sizeof(cols));
        cols[0].identity = false; /* as a snapshot's relation has it */
        snprintf(text, sizeof(text), mapping, rows[i].on_null, rows[i].ops);
        conf = conf_of(text);
        fix_init(&f, "t", cols, 3, "id", rows[i].identity);
        f.rel.key = (uint16_t *)(uintptr_t)key;
        f.rel.nkey = 1;
        p = program_of(&conf, &f);
        assert_int_equal(p->nnotes, rows[i].notes);
        if (rows[i].says && !strstr(p->notes[0], rows[i].says))
            fail_msg("%s", p->notes[0]);
        bq_program_free(p);
        bq_mapping_free(conf.mapping);
    }
}

static void
every_metadata_column_has_its_feed(void **state)
{
    (void)state;
    for (size_t i = 0; i < bq_nmeta_columns; i++) {
        const struct bq_feed_word *w = bq_feed_find(bq_meta_columns[i].from);

        assert_true(w || strcmp(bq_meta_columns[i].from, "unavailable") == 0);
        assert_true(bq_meta_columns[i].doc[0] != '\0');
    }
}

static void
sequence_sorts_and_ids_differ(void **state)
{
    static const struct {
        struct identity id;
        unsigned index;
    } rows[] = {
        /* ascending */
        {{0x10, 16400, 1, true}, 0},         {{0x10, 16400, 2, true}, 0},
        {{0x10, 0x08, 0, false}, 0},         {{0x10, 0x08, 1, false}, 0},
        {{0x10, 0x08, 1, false}, 1},         {{0x10, 0x09, 0, false}, 0},
        {{0x16B374D848, 0x09, 0, false}, 0},
    };
    char seq[2][BQ_SEQ_MAX], id[2][BQ_INSERT_ID_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        unsigned n = bq_seq(seq[i & 1], &rows[i].id, rows[i].index);

        assert_int_equal(n, strlen(seq[i & 1]));
        assert_true(bq_insert_id(id[i & 1], 0xABCD, &rows[i].id, rows[i].index, OP_CREATE) <
                    BQ_INSERT_ID_MAX);
        if (i > 0) {
            assert_true(strcmp(seq[(i - 1) & 1], seq[i & 1]) < 0);
            assert_string_not_equal(id[0], id[1]);
        }
    }
    assert_string_equal(seq[0], "00000016B374D848/0000000000000009/00000000");
    assert_string_equal(id[0], "0000ABCDw00000016B374D848/0000000000000009/00000000/0");
    bq_insert_id(id[1], 0xABCE, &rows[6].id, 0, OP_CREATE);
    assert_string_not_equal(id[0], id[1]);
    bq_insert_id(id[1], 0xABCD, &rows[6].id, 0, OP_READ);
    assert_string_not_equal(id[0], id[1]);
}

static void
arrays_follow_the_setting(void **state)
{
    static const struct schema item = {.type = SCHEMA_INT32, .optional = true};
    static const struct fix_col cols[] = {
        {"a", "_int4", SCHEMA_ARRAY, NULL, -1, false, false, &item}};
    static const char *const row[] = {"{1,2}"}, *const nulls[] = {"{1,NULL}"};
    struct fix f;
    struct bq_conf conf = conf_of(NULL);
    struct bq_program *p;

    (void)state;
    fix_init(&f, "t", cols, 1, "", 'f');
    p = program_of(&conf, &f);
    assert_int_equal(p->columns[0].mode, BQ_REPEATED);
    assert_int_equal(p->columns[0].type, BQ_INT64);
    expect(p, fix_change(&f, OP_CREATE, NULL, row), "c 0 {\"a\":[1,2]}\n");
    expect(p, fix_change(&f, OP_CREATE, NULL, nulls),
           "c 0 {\"a\":\"{1,NULL}\"} !unrepresentable\n");
    bq_program_free(p);
    conf.arrays = BQ_ARRAYS_JSON;
    p = program_of(&conf, &f);
    assert_int_equal(p->columns[0].type, BQ_JSON);
    expect(p, fix_change(&f, OP_CREATE, NULL, nulls), "c 0 {\"a\":\"[1,null]\"}\n");
    bq_program_free(p);
}

static void
a_row_beyond_the_record_buffer_is_a_data_error(void **state)
{
    static const char *const row[] = {"1", "0123456789012345678901234567890123456789", "2"};
    struct fix f;
    struct err e = {0};
    struct bq_conf conf = conf_of(NULL);
    struct bq_program *p;

    (void)state;
    fix_init(&f, "t", keyed, 3, "id", 'f');
    p = program_of(&conf, &f);
    for (size_t max = 1; max < 60; max++) {
        struct recbuf b;

        recbuf_init(&b, max);
        assert_false(bq_program_encode(p, fix_change(&f, OP_CREATE, NULL, row), &b, &e));
        assert_string_equal(e.code, "bigquery.row_size");
        assert_int_equal(b.n, 0);
        recbuf_free(&b);
    }
    bq_program_free(p);
}

/* What the decoder really binds for PostgreSQL's types, in the modes that change it. */
static void
every_postgresql_type_gets_its_column_and_value(void **state)
{
    enum { STRING_MODES = 1, DOUBLE = 2, CONNECT_TIME = 4 };
    static const struct {
        uint32_t oid;
        int32_t typmod;
        unsigned modes;
        enum bq_type type;
        bool repeated;
        const char *text, *want; /* NULL: not representable */
    } rows[] = {
        {16, -1, 0, BQ_BOOL, false, "t", "true"},
        {21, -1, 0, BQ_INT64, false, "-7", "-7"},
        {23, -1, 0, BQ_INT64, false, "7", "7"},
        {20, -1, 0, BQ_INT64, false, "9223372036854775807", "\"9223372036854775807\""},
        {26, -1, 0, BQ_INT64, false, "4294967295", "4294967295"},
        {700, -1, 0, BQ_FLOAT64, false, "0.1", "0.1"},
        {701, -1, 0, BQ_FLOAT64, false, "1e+22", "1e+22"},
        {1700, ((12 << 16) | 2) + 4, 0, BQ_NUMERIC, false, "1.50", "\"1.50\""},
        {1700, ((40 << 16) | 12) + 4, 0, BQ_BIGNUMERIC, false, "1.5", "\"1.5\""},
        {1700, ((90 << 16) | 12) + 4, 0, BQ_STRING, false, "1.5", "\"1.5\""},
        {1700, -1, 0, BQ_BIGNUMERIC, false, "NaN", NULL},
        {1700, -1, STRING_MODES, BQ_STRING, false, "NaN", "\"NaN\""},
        {1700, -1, DOUBLE, BQ_FLOAT64, false, "NaN", "\"NaN\""},
        {790, -1, 0, BQ_STRING, false, "$1.00", "\"$1.00\""},
        {25, -1, 0, BQ_STRING, false, "x\"y", "\"x\\\"y\""},
        {1043, 14, 0, BQ_STRING, false, "x", "\"x\""},
        {1042, 8, 0, BQ_STRING, false, "x   ", "\"x   \""},
        {2950, -1, 0, BQ_STRING, false, "5f0c2b52-0000-4000-8000-000000000001",
         "\"5f0c2b52-0000-4000-8000-000000000001\""},
        {17, -1, 0, BQ_BYTES, false, "\\x00ff", "\"AP8=\""},
        {17, -1, STRING_MODES, BQ_BYTES, false, "\\x00ff", "\"AP8=\""},
        {1560, 1, 0, BQ_BOOL, false, "1", "true"},
        {1560, 3, 0, BQ_STRING, false, "101", "\"101\""},
        {1562, -1, 0, BQ_STRING, false, "101", "\"101\""},
        {114, -1, 0, BQ_JSON, false, "{}", "\"{}\""},
        {3802, -1, 0, BQ_JSON, false, "[1]", "\"[1]\""},
        {142, -1, 0, BQ_STRING, false, "<a/>", "\"<a/>\""},
        {1082, -1, 0, BQ_DATE, false, "2026-11-21", "\"2026-11-21\""},
        {1082, -1, CONNECT_TIME, BQ_DATE, false, "infinity", NULL},
        {1083, -1, 0, BQ_TIME, false, "10:00:00.5", "\"10:00:00.5\""},
        {1083, -1, CONNECT_TIME, BQ_TIME, false, "24:00:00", NULL},
        {1266, -1, 0, BQ_STRING, false, "10:00:00+00", "\"10:00:00+00\""},
        {1114, -1, 0, BQ_DATETIME, false, "2026-11-21 10:00:00", "\"2026-11-21T10:00:00\""},
        {1114, 3, 0, BQ_DATETIME, false, "2026-11-21 10:00:00.5", "\"2026-11-21T10:00:00.5\""},
        {1114, -1, CONNECT_TIME, BQ_DATETIME, false, "infinity", NULL},
        {1114, -1, STRING_MODES, BQ_DATETIME, false, "2026-11-21 10:00:00",
         "\"2026-11-21T10:00:00\""},
        {1184, -1, 0, BQ_TIMESTAMP, false, "2026-11-21 10:00:00+00", "\"2026-11-21T10:00:00Z\""},
        {1184, -1, CONNECT_TIME, BQ_TIMESTAMP, false, "0044-03-15 10:00:00+00 BC", NULL},
        {1186, -1, 0, BQ_STRING, false, "1 day", "\"1 day\""},
        {600, -1, 0, BQ_STRING, false, "(1,2)", "\"(1,2)\""},
        {869, -1, 0, BQ_STRING, false, "10.0.0.1/8", "\"10.0.0.1/8\""},
        {3904, -1, 0, BQ_STRING, false, "[1,5)", "\"[1,5)\""},
        {1007, -1, 0, BQ_INT64, true, "{1,2}", "[1,2]"},
        {1009, -1, 0, BQ_STRING, true, "{a,\"b c\"}", "[\"a\",\"b c\"]"},
        {1231, ((12 << 16) | 2) + 4, 0, BQ_NUMERIC, true, "{1.50}", "[\"1.50\"]"},
        {1185, -1, 0, BQ_TIMESTAMP, true, "{\"2026-11-21 10:00:00+00\"}",
         "[\"2026-11-21T10:00:00Z\"]"},
        {22, -1, 0, BQ_INT64, true, "1 2", "[1,2]"},
        {1020, -1, 0, BQ_STRING, false, "{(1,1),(0,0);(2,2),(1,1)}",
         "\"{(1,1),(0,0);(2,2),(1,1)}\""},
        {1561, -1, 0, BQ_STRING, false, "{101,1}", "\"{101,1}\""},
        {1000, -1, 0, BQ_BOOL, true, "{t,f}", "[true,false]"},
        {3807, -1, 0, BQ_JSON, true, "{\"{\\\"a\\\": 1}\"}", "[\"{\\\"a\\\": 1}\"]"},
    };
    struct types *types = types_new();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        static const struct fix_col col = {.name = "x", .pg = "", .schema = SCHEMA_STRING};
        const char *const values[] = {rows[i].text};
        struct bq_conf conf = conf_of(NULL);
        struct bq_program *p;
        struct arena a;
        struct json_format json = {0};
        struct fix f;
        char want[200];
        uint32_t missing = 0;

        fix_init(&f, "t", &col, 1, "", 'f');
        arena_init(&a);
        f.cols[0].type = rows[i].oid;
        f.cols[0].typmod = rows[i].typmod;
        f.settings.delimiter = ".";
        f.settings.unavailable = SLICE_LIT("__debezium_unavailable_value");
        f.settings.time = TIME_ADAPTIVE_US;
        if (rows[i].modes & STRING_MODES) {
            f.settings.decimal = DECIMAL_STRING;
            f.settings.binary = BINARY_HEX;
            f.settings.time = TIME_ISOSTRING;
        }
        if (rows[i].modes & DOUBLE)
            f.settings.decimal = DECIMAL_DOUBLE;
        if (rows[i].modes & CONNECT_TIME)
            f.settings.time = TIME_CONNECT;
        f.settings.unknown_types = true;
        assert_int_equal(
            type_bind(types, &f.cols[0], &f.settings, &json, &a, &f.fields[0].value, &missing),
            BIND_OK);
        p = program_of(&conf, &f);
        if (p->columns[0].type != rows[i].type ||
            (p->columns[0].mode == BQ_REPEATED) != rows[i].repeated)
            fail_msg("oid %u, modes %u: got %s %s", rows[i].oid, rows[i].modes,
                     bq_type_name(p->columns[0].type), bq_mode_name(p->columns[0].mode));
        if (rows[i].want)
            snprintf(want, sizeof(want), "c 0 {\"x\":%s}\n", rows[i].want);
        else
            snprintf(want, sizeof(want), "c 0 {\"x\":\"%s\"} !unrepresentable\n", rows[i].text);
        expect(p, fix_change(&f, OP_CREATE, NULL, values), want);
        bq_program_free(p);
        arena_free(&a);
    }
    types_free(types);
}

/* The plan of public.t (id int4 primary key, secret text, hashed varchar(8), cut text, bytes bytea), bound for real. */
static const struct plan *
plan_with_rules(struct dfix *d)
{
    static const char *const rules[] = {"column.mask.with.3.chars",
                                        "public.t.(id|secret)",
                                        "column.mask.hash.MD5.with.salt.a.b",
                                        "public.t.hashed",
                                        "column.truncate.to.2.chars",
                                        "public.t.(cut|bytes)",
                                        NULL};
    static const struct pgo_column cols[] = {{SLICE_INIT("id"), 25, -1, true},
                                             {SLICE_INIT("secret"), 25, -1, false},
                                             {SLICE_INIT("hashed"), 1043, 12, false},
                                             {SLICE_INIT("cut"), 25, -1, false},
                                             {SLICE_INIT("bytes"), 17, -1, false}};
    static const struct column_facts facts[] = {{SLICE_INIT("id"), true, false, {NULL, 0}},
                                                {SLICE_INIT("secret"), false, false, {NULL, 0}},
                                                {SLICE_INIT("hashed"), false, false, {NULL, 0}},
                                                {SLICE_INIT("cut"), false, false, {NULL, 0}},
                                                {SLICE_INIT("bytes"), false, false, {NULL, 0}}};
    static const struct slice key = SLICE_INIT("id");

    dfix_open(d, rules);
    return dfix_plan(d,
                     &(struct pgo_relation){.oid = 1,
                                            .schema = SLICE_LIT("public"),
                                            .table = SLICE_LIT("t"),
                                            .identity = 'f',
                                            .ncols = 5,
                                            .cols = cols},
                     &(struct relation_facts){true, 5, facts, 1, &key});
}

static void
masked_columns_are_masked_here_too(void **state)
{
    static const struct value none[5], all[5] = {{"k", 1, VALUE_TEXT},
                                                 {"word", 4, VALUE_TEXT},
                                                 {"hello", 5, VALUE_TEXT},
                                                 {"abc", 3, VALUE_TEXT},
                                                 {"\\x010203", 8, VALUE_TEXT}};
    struct bq_conf conf = conf_of(
        "{\"tables\":[{\"source\":\"public.t\",\"table\":\"t\",\"columns\":{"
        "\"k\":{\"from\":\"key.id\"},\"r\":{\"from\":\"row.id\"}}}]}");
    struct bq_conf plain = conf_of(NULL);
    const struct txn txn = {.seq = 1};
    struct change c = {.op = OP_CREATE, .txn = &txn, .after = {all, 5}};
    struct bq_program *p;
    struct err e = {0};
    struct dfix d;

    (void)state;
    c.plan = plan_with_rules(&d);
    p = bq_program_new(&plain, c.plan, &e);
    assert_non_null(p);
    expect(p, &c,
           "c 0 "
           "{\"id\":\"***\",\"secret\":\"***\",\"hashed\":\"d7da5099\",\"cut\":\"ab\",\"bytes\":"
           "\"AQI=\"}\n");
    c.after.v = none;
    expect(p, &c, "c 0 {\"id\":\"***\",\"secret\":\"***\"}\n");
    bq_program_free(p);

    /* The key is said as it is, as in Debezium's records. */
    c.after.v = all;
    p = bq_program_new(&conf, c.plan, &e);
    if (!p)
        fail_msg("%s", e.msg);
    expect(p, &c, "c 0 {\"k\":\"k\",\"r\":\"***\"}\n");
    bq_program_free(p);
    bq_mapping_free(conf.mapping);
    dfix_close(&d);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masked_columns_are_masked_here_too),
        cmocka_unit_test(each_operation_gives_its_rows),
        cmocka_unit_test(skipped_operations_give_none),
        cmocka_unit_test(logical_messages_and_ignored_tables_give_none),
        cmocka_unit_test(values_that_were_not_sent_come_from_before_or_are_named),
        cmocka_unit_test(key_only_before_is_no_source_of_nulls),
        cmocka_unit_test(nulls_follow_the_mapping),
        cmocka_unit_test(converters_do_what_they_are_called),
        cmocka_unit_test(a_mapping_that_does_not_fit_the_table_tells_all_its_faults),
        cmocka_unit_test(names_become_legal_and_stay_distinct),
        cmocka_unit_test(metadata_columns_must_not_collide),
        cmocka_unit_test(refusals_that_can_be_foreseen_are_noted),
        cmocka_unit_test(every_metadata_column_has_its_feed),
        cmocka_unit_test(sequence_sorts_and_ids_differ),
        cmocka_unit_test(arrays_follow_the_setting),
        cmocka_unit_test(every_postgresql_type_gets_its_column_and_value),
        cmocka_unit_test(a_row_beyond_the_record_buffer_is_a_data_error),
    };

    log_init(LOG_ERROR, LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
