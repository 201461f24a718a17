/* Rows of COPY's text form. */
#include "replicator/pg/copy_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COLS = 4 };
static const uint16_t straight[COLS] = {0, 1, 2, 3};

/* In a block of its own size, so that a read past its end is seen by the sanitizers. */
static unsigned
split(const char *row, const uint16_t *cols, unsigned ncols, struct value *v, char **block)
{
    size_t n = strlen(row);

    *block = malloc(n ? n : 1);
    assert_non_null(*block);
    memcpy(*block, row, n);
    return copy_text_split(*block, n, cols, ncols, v);
}

static void
one_field_is(const char *row, const char *want)
{
    struct value v[COLS] = {0};
    char *block;

    assert_int_equal(split(row, straight, 1, v, &block), 1);
    if (!want) {
        assert_int_equal(v[0].kind, VALUE_NULL);
    } else {
        assert_int_equal(v[0].kind, VALUE_TEXT);
        assert_int_equal(v[0].n, strlen(want));
        assert_memory_equal(v[0].p, want, strlen(want));
    }
    free(block);
}

static void
escapes_are_undone(void **state)
{
    static const struct {
        const char *row, *want;
    } cases[] = {
        {"", ""},
        {"a", "a"},
        {"seven77", "seven77"},
        {"eight888", "eight888"},
        {"a longer text of more than sixteen", "a longer text of more than sixteen"},
        {"\\N", NULL},
        {"\\Nx", "Nx"},
        {"x\\N", "xN"},
        {"\\\\N", "\\N"},
        {"\\b\\f\\n\\r\\t\\v\\\\", "\b\f\n\r\t\v\\"},
        {"line one\\nand line two\\nand three", "line one\nand line two\nand three"},
        {"\\.", "."},
        {"ends in a backslash\\", "ends in a backslash\\"},
        {"\xc3\xa9t\xc3\xa9\\tx", "\xc3\xa9t\xc3\xa9\tx"},
        {"\x88\x89\x8a\xdc\xdd", "\x88\x89\x8a\xdc\xdd"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        one_field_is(cases[i].row, cases[i].want);
}

static void
fields_go_to_their_columns(void **state)
{
    static const uint16_t cols[] = {2, 0, 3};
    struct value v[COLS] = {{NULL, 0, VALUE_ABSENT}, {NULL, 0, VALUE_ABSENT}};
    char *block;

    (void)state;
    assert_int_equal(split("one\\ttab\t\\N\t", cols, 3, v, &block), 3);
    assert_int_equal(v[2].n, 7);
    assert_memory_equal(v[2].p, "one\ttab", 7);
    assert_int_equal(v[0].kind, VALUE_NULL);
    assert_int_equal(v[1].kind, VALUE_ABSENT);
    assert_int_equal(v[3].kind, VALUE_TEXT);
    assert_int_equal(v[3].n, 0);
    free(block);
}

static void
a_wrong_number_of_fields_is_counted(void **state)
{
    static const struct {
        const char *row;
        unsigned ncols, want;
    } cases[] = {
        {"a\tb", 3, 2},       {"a", 3, 1},         {"", 3, 1},
        {"a\tb\tc\td", 3, 4}, {"a\tb\tc\t", 3, 4}, {"a\tb\tc", 3, 3},
        {"\\N\t\\N", 1, 2},   {"", 0, 0},          {"a", 0, 1},
    };
    struct value v[COLS];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *block;

        assert_int_equal(split(cases[i].row, straight, cases[i].ncols, v, &block), cases[i].want);
        free(block);
    }
}

/* Every position of a tab and of an escape within a row of every length, against the plain reading. */
static void
every_alignment_reads_the_same(void **state)
{
    (void)state;
    for (size_t n = 2; n < 40; n++)
        for (size_t tab = 0; tab < n; tab++)
            for (size_t esc = 0; esc + 1 < n; esc++) {
                char row[64], first[64], second[64], *block;
                struct value v[COLS];
                size_t nfirst = 0, nsecond = 0;

                if (esc == tab || esc + 1 == tab)
                    continue;
                memset(row, 'x', n);
                row[n] = '\0';
                row[tab] = '\t';
                memcpy(row + esc, "\\t", 2);
                for (size_t i = 0; i < n; i++) {
                    char c = row[i];

                    if (i == tab)
                        continue;
                    if (i == esc)
                        c = '\t', i++;
                    if (i < tab)
                        first[nfirst++] = c;
                    else
                        second[nsecond++] = c;
                }
                assert_int_equal(split(row, straight, 2, v, &block), 2);
                assert_int_equal(v[0].n, nfirst);
                assert_memory_equal(v[0].p, first, nfirst);
                assert_int_equal(v[1].n, nsecond);
                assert_memory_equal(v[1].p, second, nsecond);
                free(block);
            }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_are_undone),
        cmocka_unit_test(fields_go_to_their_columns),
        cmocka_unit_test(a_wrong_number_of_fields_is_counted),
        cmocka_unit_test(every_alignment_reads_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
