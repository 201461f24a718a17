#include "replicator/pg/slot.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "replicator/pg/cancel.h"

static const char *
field(const PGresult *r, int row, int col)
{
    return PQgetvalue(r, row, col);
}

static void
copy_text(char *dst, size_t size, const PGresult *r, int row, int col)
{
    snprintf(dst, size, "%s", field(r, row, col));
}

static bool
is_true(const PGresult *r, int row, int col)
{
    return field(r, row, col)[0] == 't';
}

static int64_t
number(const PGresult *r, int row, int col)
{
    return strtoll(field(r, row, col), NULL, 10);
}

static uint64_t
lsn(const PGresult *r, int row, int col)
{
    uint64_t v = 0;

    return num_parse_lsn(slice_of(field(r, row, col)), &v) ? v : 0;
}

bool
pg_server_info(PGconn *c, struct pg_server *out, struct err *e)
{
    PGresult *r = pg_query(
        c, e, 7,
        "SELECT pg_catalog.current_setting('server_version_num'), s.system_identifier,"
        " " PG_TIMELINE_SQL
        ","
        " CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
        " ELSE pg_catalog.pg_current_wal_lsn() END,"
        " pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('wal_level'),"
        " pg_catalog.current_setting('server_encoding')"
        " FROM pg_catalog.pg_control_system() s, " PG_TIMELINE_FROM);

    if (!r)
        return err_wrap(e, "asking the server about itself");
    memset(out, 0, sizeof *out);
    if (PQntuples(r) == 1) {
        out->version = (int)number(r, 0, 0);
        out->system_id = strtoull(field(r, 0, 1), NULL, 10);
        out->timeline = (uint32_t)number(r, 0, 2);
        out->wal_lsn = lsn(r, 0, 3);
        out->in_recovery = is_true(r, 0, 4);
        copy_text(out->wal_level, sizeof out->wal_level, r, 0, 5);
        copy_text(out->encoding, sizeof out->encoding, r, 0, 6);
    }
    PQclear(r);
    return true;
}

bool
pg_timeline_history_end(const char *history, uint32_t timeline, uint64_t *lsn)
{
    for (const char *line = history; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        char *end;
        unsigned long n = strtoul(line, &end, 10);
        size_t length;

        if (end == line || n != timeline)
            continue;
        end += strspn(end, " \t");
        length = strcspn(end, " \t\n");
        return num_parse_lsn((struct slice){end, length}, lsn);
    }
    return false;
}

bool
pg_timeline_end(PGconn *repl, uint32_t server_timeline, uint32_t timeline, uint64_t *lsn,
                bool *found, struct err *e)
{
    char sql[40];
    PGresult *r;
    bool ok;

    snprintf(sql, sizeof sql, "TIMELINE_HISTORY %u", server_timeline);
    r = PQexec(repl, sql);
    ok = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1 && PQnfields(r) == 2;
    if (ok)
        *found = pg_timeline_history_end(PQgetvalue(r, 0, 1), timeline, lsn);
    else
        pg_error(repl, r, e);
    PQclear(r);
    return ok || err_wrap(e, "asking for the history of timeline %u", server_timeline);
}

/* The columns of pg_replication_slots that a version has; a constant stands for the ones it has not. */
static void
add_slot_query(struct buf *sql, int version)
{
    BUF_LIT(sql,
            "SELECT slot_name, plugin, database, active, temporary, coalesce(active_pid, 0),"
            " restart_lsn, confirmed_flush_lsn, catalog_xmin,");
    buf_str(sql, version >= 130000 ? " wal_status, safe_wal_size," : " '', NULL,");
    /* 16 has only a flag for conflicts on a standby; 17 names the reason. */
    buf_str(sql, version >= 170000   ? " invalidation_reason"
                 : version >= 160000 ? " CASE WHEN conflicting THEN 'conflict' END"
                                     : " NULL");
    BUF_LIT(sql, " FROM pg_catalog.pg_replication_slots WHERE slot_name = $1::name");
}

bool
pg_slot_get(PGconn *c, const char *name, struct pg_slot *out, bool *found, struct err *e)
{
    struct buf sql;
    PGresult *r;

    buf_init(&sql, 4096);
    add_slot_query(&sql, PQserverVersion(c));
    r = pg_query_params(c, e, 12, buf_cstr(&sql), 1, &name);
    buf_free(&sql);
    if (!r)
        return err_wrap(e, "looking up slot \"%s\"", name);
    memset(out, 0, sizeof *out);
    *found = PQntuples(r) == 1;
    if (*found) {
        copy_text(out->name, sizeof out->name, r, 0, 0);
        copy_text(out->plugin, sizeof out->plugin, r, 0, 1);
        out->has_plugin = !PQgetisnull(r, 0, 1);
        copy_text(out->database, sizeof out->database, r, 0, 2);
        out->active = is_true(r, 0, 3);
        out->temporary = is_true(r, 0, 4);
        out->active_pid = (int)number(r, 0, 5);
        out->restart_lsn = lsn(r, 0, 6);
        out->confirmed_lsn = lsn(r, 0, 7);
        out->catalog_xmin = strtoull(field(r, 0, 8), NULL, 10);
        copy_text(out->wal_status, sizeof out->wal_status, r, 0, 9);
        out->has_safe_bytes = !PQgetisnull(r, 0, 10);
        out->safe_bytes = number(r, 0, 10);
        copy_text(out->invalidation_reason, sizeof out->invalidation_reason, r, 0, 11);
    }
    PQclear(r);
    return true;
}

/*
 *   before 15: CREATE_REPLICATION_SLOT "s" [TEMPORARY] LOGICAL pgoutput {EXPORT_SNAPSHOT | NOEXPORT_SNAPSHOT}
 *   from 15:   CREATE_REPLICATION_SLOT "s" [TEMPORARY] LOGICAL pgoutput (SNAPSHOT 'export' | 'nothing' [, FAILOVER])
 * FAILOVER exists from 17.
 */
void
pg_slot_create_sql(struct buf *out, int server_version, const char *name, bool temporary,
                   bool failover, bool export_snapshot)
{
    BUF_LIT(out, "CREATE_REPLICATION_SLOT ");
    pg_ident(out, name);
    buf_str(out, temporary ? " TEMPORARY LOGICAL pgoutput " : " LOGICAL pgoutput ");
    if (server_version < 150000)
        buf_str(out, export_snapshot ? "EXPORT_SNAPSHOT" : "NOEXPORT_SNAPSHOT");
    else
        buf_printf(out, "(SNAPSHOT '%s'%s)", export_snapshot ? "export" : "nothing",
                   failover && server_version >= 170000 ? ", FAILOVER" : "");
}

/* One row: slot_name, consistent_point, snapshot_name (null without export), output_plugin. */
bool
pg_slot_create_result(PGconn *repl, const PGresult *r, struct pg_slot_created *out, struct err *e)
{
    memset(out, 0, sizeof *out);
    if (PQresultStatus(r) != PGRES_TUPLES_OK)
        return pg_error(repl, r, e);
    if (PQntuples(r) != 1 || PQnfields(r) != 4 ||
        !num_parse_lsn(slice_of(PQgetvalue(r, 0, 1)), &out->consistent_lsn))
        return err_set(e, ERR_FATAL, "server.shape",
                       "the answer to CREATE_REPLICATION_SLOT has an unknown shape");
    copy_text(out->snapshot, sizeof out->snapshot, r, 0, 2);
    return true;
}

bool
pg_slot_create(PGconn *repl, int server_version, const char *name, bool temporary, bool failover,
               bool export_snapshot, struct pg_slot_created *out, struct err *e)
{
    struct buf sql;
    PGresult *r;
    bool ok;

    buf_init(&sql, 1024);
    pg_slot_create_sql(&sql, server_version, name, temporary, failover, export_snapshot);
    r = PQexec(repl, buf_cstr(&sql));
    buf_free(&sql);
    ok = pg_slot_create_result(repl, r, out, e);
    PQclear(r);
    return ok || err_wrap(e, "creating slot \"%s\"", name);
}

/* False: the time is over, or the connection broke (PQgetResult then says so). */
static bool
wait_result(PGconn *c, int timeout_ms)
{
    int64_t deadline = clock_mono_us() + INT64_C(1000) * timeout_ms;

    while (PQisBusy(c)) {
        struct pollfd fd = {PQsocket(c), POLLIN, 0};
        int64_t left_us = deadline - clock_mono_us();
        int n;

        if (left_us <= 0)
            return false;
        n = poll(&fd, 1, (int)(left_us / 1000 + 1));
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0 && !PQconsumeInput(c))
            return true;
    }
    return true;
}

/* The server gives up what it was asked for, unless it has gone. */
static void
stop_waiting(PGconn *c)
{
    struct pg_cancel *k = pg_cancel_new(c);

    if (pg_cancel_ask(&k, 1))
        (void)wait_result(c, PG_CANCEL_MS);
    pg_cancel_shut(k);
    pg_cancel_free(k);
}

static void
drain(PGconn *c)
{
    PGresult *r;

    while ((r = PQgetResult(c)) != NULL)
        PQclear(r);
}

static void
timed_out(PGconn *repl, const char *name, int timeout_ms, const char *blockers, struct err *e)
{
    const char *standby = PQparameterStatus(repl, "in_hot_standby"); /* reported from 14 on */

    if (standby && strcmp(standby, "on") == 0)
        err_set(e, ERR_RETRY, "slot.timeout",
                "creating slot \"%s\" took more than %d s: on a standby it waits until the primary "
                "logs its running transactions; "
                "SELECT pg_log_standby_snapshot() on the primary",
                name, timeout_ms / 1000);
    else
        err_set(e, ERR_RETRY, "slot.timeout",
                "creating slot \"%s\" took more than %d s: it waits for open transactions to "
                "end%s%s; end them, e.g. SELECT "
                "pg_terminate_backend(pid)",
                name, timeout_ms / 1000, *blockers ? ": " : "", blockers);
}

/* statement_timeout does not reach replication commands, so the time is ours to keep. */
bool
pg_slot_create_within(PGconn *repl, PGconn *c, const char *name, bool temporary, bool failover,
                      bool export_snapshot, int timeout_ms, struct pg_slot_created *out,
                      struct err *e)
{
    struct buf text;
    PGresult *r;
    bool ok;

    buf_init(&text, 4096);
    pg_slot_create_sql(&text, PQserverVersion(repl), name, temporary, failover, export_snapshot);
    ok = PQsendQuery(repl, buf_cstr(&text)) == 1;
    if (ok && !wait_result(repl, timeout_ms)) {
        struct err ignored = {0};

        buf_clear(&text);
        pg_slot_blockers(c, PQbackendPID(repl), &text, &ignored);
        stop_waiting(repl);
        timed_out(repl, name, timeout_ms, buf_cstr(&text), e);
        buf_free(&text);
        return false;
    }
    buf_free(&text);
    r = ok ? PQgetResult(repl) : NULL;
    ok = pg_slot_create_result(repl, r, out, e);
    PQclear(r);
    drain(repl);
    return ok || err_wrap(e, "creating slot \"%s\"", name);
}

bool
pg_slot_blockers(PGconn *c, int waiter_pid, struct buf *out, struct err *e)
{
    char pid[16];
    const char *params[] = {pid};
    PGresult *r;

    /* pg_blocking_pids names a prepared transaction 0. */
    snprintf(pid, sizeof pid, "%d", waiter_pid);
    r = pg_query_params(
        c, e, 1,
        "SELECT 'pid ' || a.pid || ' (user ' || coalesce(a.usename, '?') || coalesce(', "
        "application ' || nullif(a.application_name, ''), '')"
        " || coalesce(', client ' || pg_catalog.host(a.client_addr), '') || ', '"
        " || coalesce(a.state, '?') || coalesce(', in transaction for ' || extract(epoch FROM "
        "pg_catalog.clock_timestamp() - a.xact_start)::int || ' s', '') || ')'"
        " FROM pg_catalog.pg_stat_activity a WHERE a.pid <> pg_catalog.pg_backend_pid() AND CASE "
        "WHEN $1::int = 0 THEN a.backend_xid IS NOT NULL"
        " ELSE a.pid = ANY (pg_catalog.pg_blocking_pids($1::int)) END"
        " UNION ALL SELECT 'prepared transaction ' || pg_catalog.quote_literal(p.gid) || ' (user ' "
        "|| p.owner || ', database ' || p.database || ')'"
        " FROM pg_catalog.pg_prepared_xacts p WHERE $1::int = 0 OR 0 = ANY "
        "(pg_catalog.pg_blocking_pids($1::int))"
        " LIMIT 10",
        1, params);
    if (!r)
        return err_wrap(e, "asking who keeps the slot waiting");
    for (int i = 0; i < PQntuples(r); i++)
        buf_printf(out, "%s%s", i ? ", " : "", PQgetvalue(r, i, 0));
    PQclear(r);
    return true;
}

bool
pg_slot_unused(PGconn *c, struct buf *out, struct err *e)
{
    PGresult *r = pg_query(c, e, 1,
                           "SELECT pg_catalog.quote_ident(slot_name) FROM "
                           "pg_catalog.pg_replication_slots WHERE NOT active ORDER BY 1 LIMIT 5");

    if (!r)
        return err_wrap(e, "asking for slots that nobody reads from");
    for (int i = 0; i < PQntuples(r); i++)
        buf_printf(out, "%s%s", i ? ", " : "", PQgetvalue(r, i, 0));
    PQclear(r);
    return true;
}

bool
pg_slot_drop(PGconn *c, const char *name, struct err *e)
{
    PGresult *r =
        pg_query_params(c, e, 1, "SELECT pg_catalog.pg_drop_replication_slot($1::name)", 1, &name);

    if (!r)
        return err_wrap(e, "dropping slot \"%s\"", name);
    PQclear(r);
    return true;
}

bool
pg_slot_advance(PGconn *c, const char *name, uint64_t to, uint64_t *end, struct err *e)
{
    char text[NUM_LSN_TEXT];
    const char *params[] = {name, num_lsn_text(text, to)};
    PGresult *r = pg_query_params(
        c, e, 1, "SELECT end_lsn FROM pg_catalog.pg_replication_slot_advance($1::name, $2::pg_lsn)",
        2, params);
    bool ok;

    if (!r)
        return err_wrap(e, "advancing slot \"%s\" to %s", name, text);
    ok = PQntuples(r) == 1 && num_parse_lsn(slice_of(PQgetvalue(r, 0, 0)), end);
    PQclear(r);
    return ok || err_set(e, ERR_FATAL, "server.shape",
                         "the answer to pg_replication_slot_advance has an unknown shape");
}
