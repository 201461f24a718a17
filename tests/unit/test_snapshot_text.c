/* What is shown of a snapshot's progress. */
#include "replicator/pg/snapshot_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const int64_t second = 1000000;

static void
all_tables_are_one_line(void **state)
{
    struct snapshot_progress p = {.rows = 250,
                                  .bytes = 5000000,
                                  .total_rows = 1000,
                                  .tables = 3,
                                  .tables_done = 1,
                                  .started_us = 100 * second,
                                  .wal_retained = -1,
                                  .wal_limit = -1};
    char out[SNAPSHOT_TEXT];

    (void)state;
    snapshot_text_total(&p, 110 * second, false, out);
    assert_string_equal(out,
                        "snapshot: 1 of 3 tables, 250 of about 1000 rows, 5.0 MB, 25 rows/s, "
                        "0.5 MB/s, about 30 s left");
    snapshot_text_total(&p, 110 * second, true, out);
    assert_string_equal(out,
                        "snapshot: [#####...............] 25 % 1 of 3 tables, 250 of about "
                        "1000 rows, 5.0 MB, 25 rows/s, 0.5 MB/s, about 30 s left");
    p.wal_retained = 123000000;
    p.rows = 2000;
    snapshot_text_total(&p, 110 * second, true, out);
    assert_string_equal(out,
                        "snapshot: [####################] 100 % 1 of 3 tables, 2000 rows, "
                        "5.0 MB, 200 rows/s, 0.5 MB/s; the slot keeps 123 MB of WAL");
    p.wal_limit = INT64_C(20000000000);
    p.total_rows = 0;
    snapshot_text_total(&p, 100 * second, true, out);
    assert_string_equal(out,
                        "snapshot: 1 of 3 tables, 2000 rows, 5.0 MB; the slot keeps 123 MB of "
                        "WAL, and may keep 20.0 GB");
}

static void
a_table_tells_its_pace(void **state)
{
    const struct {
        uint64_t rows;
        double total;
        const char *want;
    } cases[] = {
        {10, 1000, "10 of about 1000 rows, 1.0 MB, 1 rows/s, 0.1 MB/s, about 16 min left"},
        {10, 100000, "10 of about 100000 rows, 1.0 MB, 1 rows/s, 0.1 MB/s, about 27.8 h left"},
        {0, 1000, "0 of about 1000 rows, 1.0 MB, 0 rows/s, 0.1 MB/s"},
    };
    char out[SNAPSHOT_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct snapshot_table_progress t = {.schema = "s",
                                                  .table = "t",
                                                  .rows = cases[i].rows,
                                                  .bytes = 1000000,
                                                  .total_rows = cases[i].total,
                                                  .started_us = second};

        snapshot_text_table(&t, 11 * second, out);
        assert_memory_equal(out, "snapshot: table \"s.t\", ", 23);
        assert_string_equal(out + 23, cases[i].want);
    }
}

static void
long_names_are_cut(void **state)
{
    char name[200], out[SNAPSHOT_TEXT];
    struct snapshot_table_progress t = {.schema = name, .table = name, .started_us = 0};

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    snapshot_text_table(&t, second, out);
    assert_int_equal(strlen(out), SNAPSHOT_TEXT - 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_tables_are_one_line),
        cmocka_unit_test(a_table_tells_its_pace),
        cmocka_unit_test(long_names_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
