/*
 * A snapshot that was interrupted goes on. What is done of it first catches up: its tables are streamed from where that
 * stopped up to a new point, which a temporary slot gives; then the rest is read under that slot's snapshot, and the stream
 * goes on from there. So there is one point for all, whatever was read when.
 *
 * Keyed tables are streamed whether they are done or not: rows that a lost run had delivered may have been deleted since.
 * Tables without a key are streamed once they are done, or in part: else their rows would come twice. Until then only what
 * takes rows away is said, so that none of a lost run stays for ever. The signal table is streamed always, as no snapshot
 * reads it.
 *
 * A signal that comes meanwhile is noted in the progress, which is stored before its row counts as delivered, and carried
 * out when the snapshot is whole; only what that makes of it in the offset ends the progress.
 */
#include <poll.h>

#include "base/log.h"
#include "base/num.h"
#include "decoder/filter.h"
#include "replicator/connector_priv.h"

enum { CATCH_UP_RELEASE_MS = 3000, CATCH_UP_LOOK_MS = 20 };

static bool
catch_up_wants(void *arg, const struct plan *plan)
{
    const struct connector *c = arg;
    const struct progress_table *t = progress_find(&c->life.progress, plan->rel->oid);

    return plan->nkey > 0 || (t && (t->whole || t->n > 0)) ||
           filter_signal_table(c->settings.filter, plan->rel->schema, plan->rel->table);
}

/* ------------------------------------------------------------------------------------------------ rows that moved */

static bool
catch_up_key(const struct plan *plan, const char *name, struct tuple row, int64_t *out)
{
    for (uint16_t i = 0; i < row.n; i++)
        if (slice_is(plan->rel->cols[i].name, name))
            return row.v[i].kind == VALUE_TEXT &&
                   num_parse_i64((struct slice){row.v[i].p, row.v[i].n}, out);
    return false;
}

static bool
catch_up_is_whole(const struct change *c)
{
    for (uint16_t i = 0; i < c->after.n; i++)
        if (c->after.v[i].kind == VALUE_UNCHANGED)
            return false;
    return true;
}

/*
 * A row that moves from keys that are not read yet to keys that are: a large value that stayed the same is not sent, and no
 * one has it, nor has anyone the row when updates are not said at all. The row is read again. Without an old key in the change it is the same one, unless the table's replica
 * identity leaves the key out.
 */
static void
catch_up_update(void *arg, const struct change *c, bool said)
{
    struct connector *k = arg;
    struct progress_table *t = progress_find(&k->life.progress, c->plan->rel->oid);
    int64_t from, to;
    char identity = c->plan->rel->identity;

    if (!t || t->whole || (said && catch_up_is_whole(c)) ||
        !catch_up_key(c->plan, t->key, c->after, &to) || !progress_covers(t, to))
        return;
    if (catch_up_key(c->plan, t->key, c->before, &from)) {
        if (progress_covers(t, from))
            return;
    } else if (identity != 'i' && identity != 'n') {
        return;
    }
    progress_reopen(t, to);
    k->life.dirty = true;
}

static bool
catch_up_note(void *arg, const struct signal *s, const struct identity *row)
{
    struct connector *c = arg;

    c->life.dirty = true;
    return progress_add_signal(&c->life.progress, s, row->commit_lsn, row->ordinal);
}

/* ------------------------------------------------------------------------------------------------ the steps */

static void
catch_up_until(struct connector *c, uint64_t lsn)
{
    c->life.until = lsn;
    c->life.reached = false;
    c->reply_due = true;
    pipeline_catch_up(c->pipeline, &(struct pipeline_catch_up){.until = lsn,
                                                               .wants = catch_up_wants,
                                                               .update = catch_up_update,
                                                               .arg = c});
}

/* First up to now: the snapshot that is exported then is held only for what has been written meanwhile. */
bool
connector_catch_up(struct connector *c, const struct startup_plan *plan, struct err *e)
{
    char lsn[NUM_LSN_TEXT];

    log_info("%s: %zu tables are read, wholly or in part; their changes since %s come first",
             c->life.progress.requested
                 ? "tables that are new, or were asked for, are read behind the others"
                 : "a snapshot that was interrupted goes on",
             c->life.progress.n, num_lsn_text(lsn, plan->start_lsn));
    c->start_lsn = plan->start_lsn;
    led_start(c->ledger, plan->flush_lsn, plan->resume.last_commit_lsn);
    pipeline_start(c->pipeline, &plan->resume);
    c->life.open = true;
    c->phase = PHASE_CATCH_UP;
    signals_note_only(c->signals, catch_up_note, c);
    if (!connector_open_wal(c, e))
        return false;
    catch_up_until(c, c->server.wal_lsn);
    return true;
}

/* The walsender lets go of the slot a moment after its session was closed, and soon it is wanted again. */
static bool
catch_up_leave_stream(struct connector *c, PGconn *conn, struct err *e)
{
    struct pg_slot slot = {.active = true};
    bool found = true;

    wal_close(c->wal);
    c->wal = NULL;
    c->parked = false;
    pipeline_catch_up(c->pipeline, NULL);
    for (int ms = 0; found && slot.active && ms < CATCH_UP_RELEASE_MS; ms += CATCH_UP_LOOK_MS) {
        if (ms)
            (void)poll(NULL, 0, CATCH_UP_LOOK_MS);
        if (!pg_slot_get(conn, config_str(c->config, "slot.name"), &slot, &found, e))
            return false;
    }
    return true;
}

static bool
catch_up_make_point(struct connector *c, PGconn *conn, struct err *e)
{
    c->repl = pg_connect(c->params, PG_REPLICATION, e);
    if (!c->repl || !connector_temporary_slot(c, conn, &c->life.made, e))
        return false;
    c->life.exporter = c->repl;
    c->repl = NULL;
    catch_up_until(c, c->life.made.consistent_lsn);
    return true;
}

static bool
catch_up_read_rest(struct connector *c, PGconn *conn, struct err *e)
{
    struct snapshot_life *life = &c->life;
    bool ok =
        catch_up_leave_stream(c, conn, e) && connector_start_snapshot(c, conn, &life->made, e);

    c->start_lsn = life->made.consistent_lsn;
    PQfinish(life->exporter);
    life->exporter = NULL;
    return ok;
}

bool
connector_caught_up(struct connector *c, struct err *e)
{
    PGconn *conn = pg_connect(c->params, PG_GENERAL, e);
    bool ok = conn &&
              (c->life.exporter ? catch_up_read_rest(c, conn, e) : catch_up_make_point(c, conn, e));

    PQfinish(conn);
    return ok;
}
