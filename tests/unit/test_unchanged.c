/* Which updates say nothing new. */
#include "decoder/unchanged.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/decoder_fixture.h"

#define ROW(...) ((const char *const[]){__VA_ARGS__})

static const char unchanged[] = "?", absent[] = "-";
enum { COLUMNS = 7 };

/* t (id int, name text, cut text, masked text, hidden text, amount numeric, fixed text not null default 'd') */
static const struct pgo_column columns[COLUMNS] = {
    {SLICE_INIT("id"), 23, -1, true},     {SLICE_INIT("name"), 25, -1, true},
    {SLICE_INIT("cut"), 25, -1, true},    {SLICE_INIT("masked"), 25, -1, true},
    {SLICE_INIT("hidden"), 25, -1, true}, {SLICE_INIT("amount"), 1700, -1, true},
    {SLICE_INIT("fixed"), 25, -1, true},
};
static const struct column_facts facts[COLUMNS] = {
    {SLICE_INIT("id"), true, false, {NULL, 0}},
    {SLICE_INIT("name"), false, false, SLICE_INIT("'d'::text")},
    {SLICE_INIT("cut"), false, false, {NULL, 0}},
    {SLICE_INIT("masked"), false, false, {NULL, 0}},
    {SLICE_INIT("hidden"), false, false, {NULL, 0}},
    {SLICE_INIT("amount"), false, false, {NULL, 0}},
    {SLICE_INIT("fixed"), true, false, SLICE_INIT("'d'::text")},
};

static struct tuple
tuple(struct value v[COLUMNS], const char *const *texts)
{
    if (!texts)
        return (struct tuple){NULL, 0};
    for (int i = 0; i < COLUMNS; i++)
        v[i] = texts[i] == unchanged ? (struct value){NULL, 0, VALUE_UNCHANGED}
               : texts[i] == absent  ? (struct value){NULL, 0, VALUE_ABSENT}
               : !texts[i]           ? (struct value){NULL, 0, VALUE_NULL}
                           : (struct value){texts[i], (uint32_t)strlen(texts[i]), VALUE_TEXT};
    return (struct tuple){v, COLUMNS};
}

static bool
says_nothing(const struct plan *p, bool old_is_key, const char *const *before,
             const char *const *after)
{
    struct value old[COLUMNS], new[COLUMNS];
    const struct change c = {.op = OP_UPDATE,
                             .plan = p,
                             .old_is_key = old_is_key,
                             .before = tuple(old, before),
                             .after = tuple(new, after)};
    struct buf scratch;
    bool nothing;

    buf_init(&scratch, 1 << 20);
    nothing = unchanged_update(&c, &scratch);
    buf_free(&scratch);
    return nothing;
}

static const struct {
    const char *name;
    const char *before[COLUMNS], *after[COLUMNS];
    bool nothing;
} cases[] = {
    {"equal", {"1", "a", "c", "m", "h", "1.5", "f"}, {"1", "a", "c", "m", "h", "1.5", "f"}, true},
    {"a text", {"1", "a", "c", "m", "h", "1", "f"}, {"1", "b", "c", "m", "h", "1", "f"}, false},
    {"a number", {"1", "a", "c", "m", "h", "1", "f"}, {"2", "a", "c", "m", "h", "1", "f"}, false},
    {"left out",
     {"1", "a", "c", "m", "h", "1", "f"},
     {"1", "a", "c", "m", "other", "1", "f"},
     true},
    {"masked", {"1", "a", "c", "m", "h", "1", "f"}, {"1", "a", "c", "other", "h", "1", "f"}, true},
    {"masked and NULL",
     {"1", "a", "c", NULL, "h", "1", "f"},
     {"1", "a", "c", "m", "h", "1", "f"},
     true},
    {"behind the cut",
     {"1", "a", "abcd", "m", "h", "1", "f"},
     {"1", "a", "abcx", "m", "h", "1", "f"},
     true},
    {"before the cut",
     {"1", "a", "abcd", "m", "h", "1", "f"},
     {"1", "a", "xbcd", "m", "h", "1", "f"},
     false},
    {"a zero behind the point",
     {"1", "a", "c", "m", "h", "1.0", "f"},
     {"1", "a", "c", "m", "h", "1.000", "f"},
     true},
    {"both NULL",
     {"1", NULL, "c", "m", "h", NULL, "f"},
     {"1", NULL, "c", "m", "h", NULL, "f"},
     true},
    {"NULL and the default it is written as",
     {"1", NULL, "c", "m", "h", "1", "f"},
     {"1", "d", "c", "m", "h", "1", "f"},
     false},
    {"from NULL", {"1", "a", "c", "m", "h", NULL, "f"}, {"1", "a", "c", "m", "h", "1", "f"}, false},
    {"untouched", {"1", "a", "c", "m", "h", "1", "f"}, {"1", "?", "c", "m", "h", "1", "f"}, true},
};

static void
updates_are_compared_as_they_are_said(void **state)
{
    static const char *const config[] = {"column.exclude.list",
                                         "public.t.hidden",
                                         "column.mask.with.3.chars",
                                         "public.t.masked",
                                         "column.truncate.to.3.chars",
                                         "public.t.cut",
                                         NULL};
    const struct pgo_relation rel = {.oid = 1,
                                     .schema = SLICE_LIT("public"),
                                     .table = SLICE_LIT("t"),
                                     .identity = 'f',
                                     .ncols = COLUMNS,
                                     .cols = columns};
    const struct relation_facts f = {.found = true, .ncols = COLUMNS, .cols = facts};
    const struct plan *p;
    struct dfix d;

    (void)state;
    dfix_open(&d, config);
    p = dfix_plan(&d, &rel, &f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *after[COLUMNS];

        for (int k = 0; k < COLUMNS; k++)
            after[k] = cases[i].after[k] && strcmp(cases[i].after[k], "?") == 0 ? unchanged
                                                                                : cases[i].after[k];
        if (says_nothing(p, false, cases[i].before, after) != cases[i].nothing)
            fail_msg("%s", cases[i].name);
    }
    dfix_close(&d);
}

static void
without_an_old_row_every_update_is_said(void **state)
{
    const struct pgo_relation rel = {.oid = 1,
                                     .schema = SLICE_LIT("public"),
                                     .table = SLICE_LIT("t"),
                                     .identity = 'd',
                                     .ncols = COLUMNS,
                                     .cols = columns};
    const struct relation_facts f = {.found = true, .ncols = COLUMNS, .cols = facts};
    const char *const *row = ROW("1", "a", "c", "m", "h", "1", "f");
    const struct plan *p;
    struct dfix d;

    (void)state;
    dfix_open(&d, NULL);
    p = dfix_plan(&d, &rel, &f);
    assert_false(says_nothing(p, false, NULL, row));
    assert_false(
        says_nothing(p, true, ROW("1", absent, absent, absent, absent, absent, absent), row));
    /* A key-only row knows no other column: NULL, or what a NOT NULL column says instead. */
    assert_true(says_nothing(p, true, ROW("1", absent, absent, absent, absent, absent, absent),
                             ROW("1", NULL, NULL, NULL, NULL, NULL, "d")));
    dfix_close(&d);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_are_compared_as_they_are_said),
        cmocka_unit_test(without_an_old_row_every_update_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
