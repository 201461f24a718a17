/* The statement that makes a slot in each server's grammar, and whose a slot is. */
#include "replicator/pg/slot_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
create_speaks_each_versions_grammar(void **state)
{
    static const struct {
        int version;
        bool temporary, failover, export;
        const char *sql;
    } cases[] = {
        {120000, false, false, true,
         "CREATE_REPLICATION_SLOT \"s\" LOGICAL pgoutput EXPORT_SNAPSHOT"},
        {140000, true, false, false,
         "CREATE_REPLICATION_SLOT \"s\" TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT"},
        {150000, false, false, true,
         "CREATE_REPLICATION_SLOT \"s\" LOGICAL pgoutput (SNAPSHOT 'export')"},
        {160000, true, true, false,
         "CREATE_REPLICATION_SLOT \"s\" TEMPORARY LOGICAL pgoutput (SNAPSHOT 'nothing')"},
        {170000, false, true, true,
         "CREATE_REPLICATION_SLOT \"s\" LOGICAL pgoutput (SNAPSHOT 'export', FAILOVER)"},
        {180000, false, false, false,
         "CREATE_REPLICATION_SLOT \"s\" LOGICAL pgoutput (SNAPSHOT 'nothing')"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf b;

        buf_init(&b, 256);
        pg_slot_create_sql(&b, cases[i].version, "s", cases[i].temporary, cases[i].failover,
                           cases[i].export);
        assert_string_equal(buf_cstr(&b), cases[i].sql);
        buf_free(&b);
    }
}

static struct slot_report
report(const char *name, const char *plugin, const char *database)
{
    struct slot_report r = {.logical = true};

    snprintf(r.slot.name, sizeof r.slot.name, "%s", name);
    snprintf(r.slot.plugin, sizeof r.slot.plugin, "%s", plugin);
    snprintf(r.slot.database, sizeof r.slot.database, "%s", database);
    return r;
}

static void
a_slot_of_pgoutput_in_this_database_is_ours(void **state)
{
    struct slot_report r = report("debezium", "pgoutput", "d");

    (void)state;
    assert_null(slot_report_foreign(&r, NULL, "d"));
    assert_null(slot_report_foreign(&r, "debezium", "d"));
}

static void
other_peoples_slots_are_foreign(void **state)
{
    struct slot_report plugin = report("s", "test_decoding", "d"),
                       database = report("s", "pgoutput", "e"),
                       sync = report("pg_16394_sync_16385_7239881234567890123", "pgoutput", "d"),
                       physical = report("standby", "", ""), copy = report("s", "pgoutput", "d"),
                       other = report("other", "pgoutput", "d"),
                       looks = report("pg_1_sync_2_3x", "pgoutput", "d");

    (void)state;
    physical.logical = false;
    copy.synced = true;
    assert_non_null(slot_report_foreign(&plugin, "s", "d"));
    assert_non_null(slot_report_foreign(&database, "s", "d"));
    assert_non_null(slot_report_foreign(&sync, NULL, "d"));
    assert_non_null(slot_report_foreign(&physical, "standby", ""));
    assert_non_null(slot_report_foreign(&copy, "s", "d"));
    assert_non_null(slot_report_foreign(&other, "s", "d"));
    assert_null(slot_report_foreign(&looks, NULL, "d"));
}

static void
an_orphan_is_inactive_and_nobodys(void **state)
{
    struct slot_report r = report("s", "pgoutput", "d");

    (void)state;
    assert_true(slot_report_orphan(&r, NULL));
    assert_string_equal(slot_report_state(&r, NULL), "orphan");
    assert_false(slot_report_orphan(&r, "s"));
    assert_string_equal(slot_report_state(&r, "s"), "idle");
    r.slot.active = true;
    assert_false(slot_report_orphan(&r, NULL));
    assert_string_equal(slot_report_state(&r, NULL), "active");
    r.slot.active = false;
    r.synced = true;
    assert_false(slot_report_orphan(&r, NULL));
    assert_string_equal(slot_report_state(&r, NULL), "synced");
}

static void
a_lost_slot_is_lost_whoever_holds_it(void **state)
{
    struct slot_report r = report("s", "pgoutput", "d");

    (void)state;
    r.slot.active = true;
    snprintf(r.slot.wal_status, sizeof r.slot.wal_status, "lost");
    assert_string_equal(slot_report_state(&r, "s"), "lost");
    r.slot.wal_status[0] = 0;
    snprintf(r.slot.invalidation_reason, sizeof r.slot.invalidation_reason, "idle_timeout");
    assert_string_equal(slot_report_state(&r, "s"), "lost");
}

static void
a_history_says_where_a_timeline_was_left(void **state)
{
    static const char history[] =
        "1\t0/3000060\tno recovery target specified\n\n"
        "2\t1/A0\tbefore 2026-11-21 14:00:00+00\n";
    uint64_t lsn;

    (void)state;
    assert_true(pg_timeline_history_end(history, 1, &lsn));
    assert_int_equal(lsn, 0x3000060);
    assert_true(pg_timeline_history_end(history, 2, &lsn));
    assert_int_equal(lsn, 0x1000000A0);
    assert_false(pg_timeline_history_end(history, 3, &lsn));
    assert_false(pg_timeline_history_end("", 1, &lsn));
    assert_false(pg_timeline_history_end("1", 1, &lsn));
    assert_false(pg_timeline_history_end("1\tx/y\n", 1, &lsn));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_speaks_each_versions_grammar),
        cmocka_unit_test(a_slot_of_pgoutput_in_this_database_is_ours),
        cmocka_unit_test(other_peoples_slots_are_foreign),
        cmocka_unit_test(an_orphan_is_inactive_and_nobodys),
        cmocka_unit_test(a_history_says_where_a_timeline_was_left),
        cmocka_unit_test(a_lost_slot_is_lost_whoever_holds_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
