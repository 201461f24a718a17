#include "replicator/pg/slot_report.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"

enum { COLUMNS = 24 };

/*
 * Lag in seconds, best source first: nothing was written since the confirmed position; what the walsender measures from
 * its client's replies; with track_commit_timestamp, the age of the oldest transaction the slot may still need, which is
 * at least the lag.
 */
static void
add_query(struct buf *sql, int version, bool one)
{
    BUF_LIT(sql,
            "SELECT s.slot_name, coalesce(s.plugin, ''), coalesce(s.database, ''), s.active, "
            "s.temporary,"
            " coalesce(s.active_pid, 0), s.restart_lsn, s.confirmed_flush_lsn, "
            "coalesce(s.catalog_xmin::text, '0'),");
    buf_str(sql, version >= 130000 ? " s.wal_status, s.safe_wal_size," : " '', NULL,");
    buf_str(sql, version >= 170000   ? " s.invalidation_reason, s.failover, s.synced,"
                 : version >= 160000 ? " CASE WHEN s.conflicting THEN 'conflict' END, false, false,"
                                     : " NULL, false, false,");
    BUF_LIT(
        sql,
        " s.slot_type, coalesce(a.usename, ''), coalesce(a.application_name, ''),"
        " coalesce(pg_catalog.host(a.client_addr), CASE WHEN a.pid IS NOT NULL THEN 'local' END, "
        "''),"
        " pg_catalog.pg_wal_lsn_diff(w.lsn, s.confirmed_flush_lsn),"
        " pg_catalog.pg_wal_lsn_diff(w.lsn, s.restart_lsn),"
        " CASE WHEN s.confirmed_flush_lsn >= w.lsn THEN 0"
        " WHEN r.flush_lag IS NOT NULL THEN extract(epoch FROM r.flush_lag)"
        " WHEN pg_catalog.current_setting('track_commit_timestamp') = 'on' THEN extract(epoch FROM"
        " pg_catalog.clock_timestamp() - pg_catalog.pg_xact_commit_timestamp(s.catalog_xmin)) END,"
        " CASE WHEN s.confirmed_flush_lsn >= w.lsn THEN 'p' WHEN r.flush_lag IS NOT NULL THEN 'w' "
        "ELSE 'c' END,");
    buf_str(sql, version >= 170000
                     ? " extract(epoch FROM pg_catalog.clock_timestamp() - s.inactive_since),"
                     : " NULL,");
    BUF_LIT(sql,
            " s.slot_type = 'logical'"
            " FROM pg_catalog.pg_replication_slots s"
            " CROSS JOIN (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN "
            "pg_catalog.pg_last_wal_replay_lsn()"
            " ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) w"
            " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid"
            " LEFT JOIN pg_catalog.pg_stat_replication r ON r.pid = s.active_pid");
    if (one)
        BUF_LIT(sql, " WHERE s.slot_name = $1::name");
    BUF_LIT(sql, " ORDER BY s.slot_name");
}

static bool
flag(const PGresult *r, int row, int col)
{
    return PQgetvalue(r, row, col)[0] == 't';
}

static void
text(char *dst, size_t size, const PGresult *r, int row, int col)
{
    snprintf(dst, size, "%s", PQgetvalue(r, row, col));
}

static uint64_t
position(const PGresult *r, int row, int col)
{
    uint64_t v;

    return num_parse_lsn(slice_of(PQgetvalue(r, row, col)), &v) ? v : 0;
}

/* -1 for null; a slot ahead of a standby's replay has no lag. */
static int64_t
bytes(const PGresult *r, int row, int col)
{
    int64_t v = strtoll(PQgetvalue(r, row, col), NULL, 10);

    return PQgetisnull(r, row, col) ? -1 : v < 0 ? 0 : v;
}

static double
seconds(const PGresult *r, int row, int col)
{
    double v = strtod(PQgetvalue(r, row, col), NULL);

    return PQgetisnull(r, row, col) ? -1 : v < 0 ? 0 : v;
}

static void
read_row(const PGresult *r, int row, struct slot_report *o)
{
    char from;

    text(o->slot.name, sizeof o->slot.name, r, row, 0);
    text(o->slot.plugin, sizeof o->slot.plugin, r, row, 1);
    o->slot.has_plugin = o->slot.plugin[0] != 0;
    text(o->slot.database, sizeof o->slot.database, r, row, 2);
    o->slot.active = flag(r, row, 3);
    o->slot.temporary = flag(r, row, 4);
    o->slot.active_pid = (int)strtol(PQgetvalue(r, row, 5), NULL, 10);
    o->slot.restart_lsn = position(r, row, 6);
    o->slot.confirmed_lsn = position(r, row, 7);
    o->slot.catalog_xmin = strtoull(PQgetvalue(r, row, 8), NULL, 10);
    text(o->slot.wal_status, sizeof o->slot.wal_status, r, row, 9);
    o->slot.has_safe_bytes = !PQgetisnull(r, row, 10);
    o->slot.safe_bytes = strtoll(PQgetvalue(r, row, 10), NULL, 10);
    text(o->slot.invalidation_reason, sizeof o->slot.invalidation_reason, r, row, 11);
    o->failover = flag(r, row, 12);
    o->synced = flag(r, row, 13);
    text(o->user, sizeof o->user, r, row, 15);
    text(o->application, sizeof o->application, r, row, 16);
    text(o->client, sizeof o->client, r, row, 17);
    o->lag_bytes = bytes(r, row, 18);
    o->retained_bytes = bytes(r, row, 19);
    o->lag_s = seconds(r, row, 20);
    from = PQgetvalue(r, row, 21)[0];
    if (o->lag_s >= 0)
        o->lag_from = from == 'p' ? "position" : from == 'w' ? "walsender" : "commit timestamp";
    o->inactive_s = seconds(r, row, 22);
    o->logical = flag(r, row, 23);
}

bool
slot_report_read(PGconn *c, const char *name, struct slot_report **out, size_t *n, struct err *e)
{
    struct buf sql;
    PGresult *r;

    buf_init(&sql, 8192);
    add_query(&sql, PQserverVersion(c), name != NULL);
    r = pg_query_params(c, e, COLUMNS, buf_cstr(&sql), name ? 1 : 0, &name);
    buf_free(&sql);
    if (!r)
        return err_wrap(e, "listing slots");
    *n = (size_t)PQntuples(r);
    *out = mem_array(*n ? *n : 1, sizeof **out);
    for (size_t i = 0; i < *n; i++)
        read_row(r, (int)i, &(*out)[i]);
    PQclear(r);
    return true;
}

static bool
is_own(const struct slot_report *r, const char *own)
{
    return own && strcmp(r->slot.name, own) == 0;
}

static bool
is_lost(const struct slot_report *r)
{
    return strcmp(r->slot.wal_status, "lost") == 0 || r->slot.invalidation_reason[0];
}

bool
slot_report_orphan(const struct slot_report *r, const char *own)
{
    return !r->slot.active && !r->synced && !is_own(r, own);
}

const char *
slot_report_state(const struct slot_report *r, const char *own)
{
    if (is_lost(r))
        return "lost";
    if (r->slot.active)
        return "active";
    if (r->synced)
        return "synced";
    return is_own(r, own) ? "idle" : "orphan";
}

static bool
skip(const char **p, const char *word)
{
    size_t n = strlen(word), digits;

    if (strncmp(*p, word, n) != 0)
        return false;
    digits = strspn(*p + n, "0123456789");
    *p += n + digits;
    return digits > 0;
}

/* "pg_16394_sync_16385_7239": what a subscription's table synchronization calls its slots. */
static bool
is_table_sync(const char *name)
{
    return skip(&name, "pg_") && skip(&name, "_sync_") && skip(&name, "_") && *name == 0;
}

const char *
slot_report_foreign(const struct slot_report *r, const char *own, const char *database)
{
    if (!r->logical)
        return "is a physical slot, of a standby or a backup";
    if (strcmp(r->slot.plugin, "pgoutput") != 0)
        return "is another plugin's, not pgoutput's";
    if (strcmp(r->slot.database, database) != 0)
        return "belongs to another database";
    if (r->synced)
        return "is a standby's copy of a slot of the primary";
    if (is_table_sync(r->slot.name))
        return "belongs to a subscription that copies a table";
    if (own && !is_own(r, own))
        return "is not the one the connector file names";
    return NULL;
}

/* What the connector reads with too; logical messages exist from 14 on. */
static const char *
options(PGconn *c)
{
    return PQserverVersion(c) >= 140000
               ? "'proto_version', '1', 'messages', 'true', 'publication_names'"
               : "'proto_version', '1', 'publication_names'";
}

/*
 * pgoutput's message types: B C R Y O frame, I U D T M change. upto_nchanges counts messages and is looked at only behind a
 * commit, so one big transaction is counted whole, on the server.
 */
bool
slot_count(PGconn *c, const char *name, const char *publications, uint64_t upto_lsn, int limit,
           struct slot_content *out, struct err *e)
{
    char upto[NUM_LSN_TEXT], most[16];
    const char *params[] = {name, upto_lsn ? num_lsn_text(upto, upto_lsn) : NULL, most,
                            publications};
    uint64_t rows, v[8];
    struct buf sql;
    PGresult *r;

    snprintf(most, sizeof most, "%d", limit);
    buf_init(&sql, 4096);
    buf_printf(
        &sql,
        "SELECT count(*), count(*) FILTER (WHERE k = 'B'), count(*) FILTER (WHERE k IN ('I', 'U', "
        "'D', 'T', 'M')),"
        " count(*) FILTER (WHERE k = 'I'), count(*) FILTER (WHERE k = 'U'), count(*) FILTER (WHERE "
        "k = 'D'),"
        " count(*) FILTER (WHERE k = 'T'), count(*) FILTER (WHERE k = 'M'),"
        " count(DISTINCT CASE WHEN k IN ('I', 'U', 'D') THEN pg_catalog.substr(data, 2, 4) END)"
        " FROM (SELECT pg_catalog.chr(pg_catalog.get_byte(data, 0)) AS k, data"
        " FROM pg_catalog.pg_logical_slot_peek_binary_changes($1::name, $2::pg_lsn, $3::int, %s, "
        "$4::text)) m",
        options(c));
    r = pg_query_params(c, e, 9, buf_cstr(&sql), 4, params);
    buf_free(&sql);
    if (!r)
        return err_wrap(e, "looking into slot \"%s\"", name);
    rows = strtoull(PQgetvalue(r, 0, 0), NULL, 10);
    for (int i = 0; i < 8; i++)
        v[i] = strtoull(PQgetvalue(r, 0, i + 1), NULL, 10);
    PQclear(r);
    *out = (struct slot_content){.transactions = v[0],
                                 .changes = v[1],
                                 .inserts = v[2],
                                 .updates = v[3],
                                 .deletes = v[4],
                                 .truncates = v[5],
                                 .messages = v[6],
                                 .tables = v[7],
                                 .more = rows >= (uint64_t)limit};
    return true;
}

/* Text throughout but for data: the whole answer is text or binary. Columns: lsn, xid, data, rows the slot gave. */
static PGresult *
peek_query(PGconn *c, const char *name, const char *publications, int changes, int limit,
           struct err *e)
{
    char wanted[16], most[16];
    const char *params[] = {name, wanted, publications, most};
    struct buf sql;
    PGresult *r;

    snprintf(wanted, sizeof wanted, "%d", changes);
    snprintf(most, sizeof most, "%d", limit);
    buf_init(&sql, 4096);
    buf_printf(&sql,
               "SELECT lsn::text, xid::text, data, total::text FROM (SELECT lsn, xid, data, n, "
               "count(*) OVER () AS total,"
               " count(*) FILTER (WHERE pg_catalog.get_byte(data, 0) IN (73, 85, 68, 84, 77)) OVER "
               "(ORDER BY n) AS k"
               " FROM pg_catalog.pg_logical_slot_peek_binary_changes($1::name, NULL, $4::int, %s, "
               "$3::text)"
               " WITH ORDINALITY AS p(lsn, xid, data, n)) m WHERE k <= $2::int ORDER BY n",
               options(c));
    r = PQexecParams(c, buf_cstr(&sql), 4, NULL, params, NULL, NULL, 1);
    buf_free(&sql);
    if (PQresultStatus(r) == PGRES_TUPLES_OK && PQnfields(r) == 4)
        return r;
    pg_error(c, r, e);
    PQclear(r);
    err_wrap(e, "looking into slot \"%s\"", name);
    return NULL;
}

static bool
enough(const PGresult *r, int changes, int limit)
{
    int found = 0, n = PQntuples(r);

    for (int i = 0; i < n; i++)
        found += PQgetlength(r, i, 2) > 0 && strchr("IUDTM", PQgetvalue(r, i, 2)[0]) != NULL;
    return found >= changes || n == 0 || strtol(PQgetvalue(r, 0, 3), NULL, 10) < limit;
}

bool
slot_peek(PGconn *c, const char *name, const char *publications, int changes,
          bool (*each)(void *arg, uint64_t lsn, uint64_t xid, struct slice message, struct err *e),
          void *arg, struct err *e)
{
    /* The server's limit counts Begin, Relation and Commit too, so it is raised until there are changes enough. */
    int limit = 4 * changes + 64;
    PGresult *r = peek_query(c, name, publications, changes, limit, e);
    bool ok;

    while (r && !enough(r, changes, limit) && limit < INT_MAX / 8) {
        PQclear(r);
        limit *= 8;
        r = peek_query(c, name, publications, changes, limit, e);
    }
    ok = r != NULL;
    for (int i = 0; ok && i < PQntuples(r); i++) {
        struct slice message = {PQgetvalue(r, i, 2), (size_t)PQgetlength(r, i, 2)};

        ok = each(arg, position(r, i, 0), strtoull(PQgetvalue(r, i, 1), NULL, 10), message, e);
    }
    PQclear(r);
    return ok;
}

bool
slot_publications(PGconn *c, struct buf *out, struct err *e)
{
    PGresult *r =
        pg_query(c, e, 1, "SELECT pubname FROM pg_catalog.pg_publication ORDER BY pubname");

    if (!r)
        return err_wrap(e, "listing publications");
    for (int i = 0; i < PQntuples(r); i++) {
        if (i)
            buf_putc(out, ',');
        pg_ident(out, PQgetvalue(r, i, 0));
    }
    PQclear(r);
    return true;
}

bool
slot_publication_exists(PGconn *c, const char *name, bool *exists, struct err *e)
{
    PGresult *r = pg_query_params(
        c, e, 1, "SELECT 1 FROM pg_catalog.pg_publication WHERE pubname = $1::name", 1, &name);

    if (!r)
        return err_wrap(e, "looking up publication \"%s\"", name);
    *exists = PQntuples(r) > 0;
    PQclear(r);
    return true;
}

bool
slot_release(PGconn *c, const char *name, int timeout_ms, struct err *e)
{
    int64_t deadline = clock_mono_us() + INT64_C(1000) * timeout_ms;
    const struct timespec pause = {0, 50 * 1000 * 1000};
    struct pg_slot slot;
    bool found;

    for (;;) {
        if (!pg_slot_get(c, name, &slot, &found, e))
            return false;
        if (!found || !slot.active)
            return true;
        if (clock_mono_us() > deadline)
            return err_set(e, ERR_RETRY, "slot.in_use",
                           "pid %d still holds slot \"%s\", though it was told to end",
                           slot.active_pid, name);
        PGresult *r = NULL;
        char pid[16];
        const char *params[] = {pid};

        snprintf(pid, sizeof pid, "%d", slot.active_pid);
        r = pg_query_params(c, e, 1, "SELECT pg_catalog.pg_terminate_backend($1::int)", 1, params);
        if (!r)
            return err_wrap(e, "ending pid %d, which holds slot \"%s\"", slot.active_pid, name);
        PQclear(r);
        nanosleep(&pause, NULL);
    }
}
