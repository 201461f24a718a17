#include "decoder/relation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "decoder/pgoutput.h"

#define S(text) SLICE_INIT(text)

static const struct pgo_column wire_cols[] = {
    {S("a"), 23, -1, true},
    {S("b"), 1043, 44, false},
    {S("c"), 25, -1, false},
};

static struct pgo_relation
wire(uint16_t n)
{
    return (struct pgo_relation){.oid = 16400,
                                 .schema = SLICE_LIT("public"),
                                 .table = SLICE_LIT("t"),
                                 .identity = 'd',
                                 .ncols = n,
                                 .cols = wire_cols};
}

static const struct column_facts known[] = {
    {S("a"), true, false, {NULL, 0}},
    {S("b"), false, false, S("'x'::character varying")},
    {S("c"), false, true, {NULL, 0}},
};

static void
wire_and_catalog_are_joined_by_name(void **state)
{
    /* In another order, and with a column that came since. */
    const struct column_facts shuffled[] = {
        known[2], {S("new"), true, false, S("1")}, known[0], known[1]};
    const struct slice key[] = {S("a")};
    const struct relation_facts facts = {true, 4, shuffled, 1, key};
    struct pgo_relation w = wire(3);
    struct relation *r;

    (void)state;
    r = relation_new(&w, &facts);
    assert_int_equal(r->oid, 16400);
    assert_true(slice_is(r->schema, "public"));
    assert_true(slice_is(r->table, "t"));
    assert_int_equal(r->identity, 'd');
    assert_int_equal(r->ncols, 3);
    assert_true(slice_is(r->cols[0].name, "a"));
    assert_true(r->cols[0].known && r->cols[0].not_null && r->cols[0].identity);
    assert_null(r->cols[0].default_expr);
    assert_int_equal(r->cols[1].type, 1043);
    assert_int_equal(r->cols[1].typmod, 44);
    assert_false(r->cols[1].not_null || r->cols[1].identity);
    assert_string_equal(r->cols[1].default_expr, "'x'::character varying");
    assert_true(r->cols[2].generated);
    assert_int_equal(r->nkey, 1);
    assert_int_equal(r->key[0], 0);
    relation_unref(r);
}

static void
the_key_keeps_the_catalogs_order(void **state)
{
    const struct slice key[] = {S("c"), S("a")};
    const struct relation_facts facts = {true, 3, known, 2, key};
    struct pgo_relation w = wire(3);
    struct relation *r;

    (void)state;
    r = relation_new(&w, &facts);
    assert_int_equal(r->nkey, 2);
    assert_int_equal(r->key[0], 2);
    assert_int_equal(r->key[1], 0);
    relation_unref(r);
}

/* The catalog is asked "now" and may be ahead of the message. */
static void
the_key_is_what_the_message_has_of_it(void **state)
{
    const struct slice key[] = {S("later"), S("b")};
    const struct relation_facts facts = {true, 3, known, 2, key};
    struct pgo_relation w = wire(3);
    struct relation *r;

    (void)state;
    r = relation_new(&w, &facts);
    assert_int_equal(r->nkey, 1);
    assert_int_equal(r->key[0], 1);
    relation_unref(r);
}

static void
a_table_that_is_gone_has_optional_columns_and_no_key(void **state)
{
    const struct relation_facts facts = {0};
    struct pgo_relation w = wire(3);
    struct relation *r;

    (void)state;
    r = relation_new(&w, &facts);
    assert_int_equal(r->nkey, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_false(r->cols[i].known || r->cols[i].not_null || r->cols[i].default_expr);
    relation_unref(r);
}

static void
a_column_that_the_catalog_lacks_is_unknown(void **state)
{
    const struct relation_facts facts = {true, 1, known, 0, NULL};
    struct pgo_relation w = wire(3);
    struct relation *r;

    (void)state;
    r = relation_new(&w, &facts);
    assert_true(r->cols[0].known);
    assert_false(r->cols[1].known);
    relation_unref(r);
}

static void
nothing_of_the_message_is_kept(void **state)
{
    struct pgo_column cols[1];
    char *name = mem_strdup("column"), *table = mem_strdup("table");
    struct pgo_relation w = {
        .oid = 1, .schema = SLICE_LIT("s"), .identity = 'f', .ncols = 1, .cols = cols};
    const struct relation_facts facts = {0};
    struct relation *r;

    (void)state;
    cols[0] = (struct pgo_column){slice_of(name), 23, -1, false};
    w.table = slice_of(table);
    r = relation_new(&w, &facts);
    memset(name, '#', 6);
    free(name);
    free(table);
    cols[0].type = 0;
    assert_string_equal(r->cols[0].name.p, "column"); /* a NUL stands behind */
    assert_string_equal(r->table.p, "table");
    assert_int_equal(r->cols[0].type, 23);
    relation_unref(r);
}

static void
it_lives_until_its_last_user_is_gone(void **state)
{
    const struct relation_facts facts = {true, 3, known, 0, NULL};
    struct pgo_relation w = wire(3);
    struct relation *r, *again;

    (void)state;
    r = relation_new(&w, &facts);
    again = relation_ref(r);
    relation_unref(r);
    assert_true(slice_is(again->cols[1].name, "b"));
    relation_unref(again);
    relation_unref(NULL);
}

static void
a_table_without_columns_is_one(void **state)
{
    const struct relation_facts facts = {.found = true};
    struct pgo_relation w = wire(0);
    struct relation *r;

    (void)state;
    r = relation_new(&w, &facts);
    assert_int_equal(r->ncols, 0);
    assert_int_equal(r->nkey, 0);
    relation_unref(r);
}

static void
the_widest_table_fits(void **state)
{
    enum { N = 1600 };
    struct pgo_column *cols = mem_array(N, sizeof(*cols));
    struct column_facts *facts_cols = mem_array(N, sizeof(*facts_cols));
    char(*names)[24] = mem_array(N, sizeof(*names));
    struct pgo_relation w = {.oid = 1,
                             .schema = SLICE_LIT("s"),
                             .table = SLICE_LIT("t"),
                             .identity = 'd',
                             .ncols = N,
                             .cols = cols};
    struct relation_facts facts = {true, N, facts_cols, 0, NULL};
    struct relation *r;

    (void)state;
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof(names[i]), "column%d", i);
        cols[i] = (struct pgo_column){slice_of(names[i]), 23, -1, false};
        facts_cols[N - 1 - i] = (struct column_facts){slice_of(names[i]), i % 2, false, {NULL, 0}};
    }
    r = relation_new(&w, &facts);
    for (int i = 0; i < N; i++) {
        assert_true(slice_is(r->cols[i].name, names[i]));
        assert_int_equal(r->cols[i].not_null, i % 2);
    }
    relation_unref(r);
    free(cols);
    free(facts_cols);
    free(names);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wire_and_catalog_are_joined_by_name),
        cmocka_unit_test(the_key_keeps_the_catalogs_order),
        cmocka_unit_test(the_key_is_what_the_message_has_of_it),
        cmocka_unit_test(a_table_that_is_gone_has_optional_columns_and_no_key),
        cmocka_unit_test(a_column_that_the_catalog_lacks_is_unknown),
        cmocka_unit_test(nothing_of_the_message_is_kept),
        cmocka_unit_test(it_lives_until_its_last_user_is_gone),
        cmocka_unit_test(a_table_without_columns_is_one),
        cmocka_unit_test(the_widest_table_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
