/*
 * How far the snapshot is. A unit is done when every sink has acknowledged its last batch and all before, and that is
 * stored; the offset follows when all of them are. Why nothing is lost in between: docs/architecture.md, "Snapshots".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "decoder/filter.h"
#include "replicator/connector_priv.h"

enum {
    PROGRESS_GAP_US = 250000, /* between two progresses handed over: they may be long */
    PROGRESS_OFFSET_MAX = 4 << 20
};

/* Their changes are not delivered now, while the position moves on. Captured again some day, they are read anew. */
static void
progress_leave_out(struct connector *c)
{
    struct progress *p = &c->life.progress;

    for (size_t i = p->n; i-- > 0;)
        if (!filter_table(c->filter, slice_of(p->tables[i].schema), slice_of(p->tables[i].table)))
            progress_remove(p, i);
}

static void
progress_name_sinks(struct connector *c)
{
    progress_set_sinks(&c->life.progress, c->options.sinks, c->options.nsinks);
}

/*
 * A sink that was not there when rows were delivered lacks them: all are read again, for it. The others hear of what
 * changed since all the same, and signals that were noted stay. Not so on request: what is done there was read long ago.
 */
static void
progress_check_sinks(struct connector *c)
{
    struct progress *p = &c->life.progress;

    for (size_t i = 0; p->before && i < c->options.nsinks; i++) {
        const char *sink = c->options.sinks[i];

        if (progress_has_sink(p, sink) || (p->requested && !p->nsinks))
            continue;
        if (p->requested) {
            log_warn(
                "sink \"%s\" is new: of the tables that were asked for it lacks what was "
                "read before; ask for them again afterwards",
                sink);
        } else {
            log_info(
                "sink \"%s\" is new and lacks what was read before: the interrupted "
                "snapshot begins anew",
                sink);
            while (p->n)
                progress_remove(p, p->n - 1);
        }
    }
    if (p->before)
        progress_name_sinks(c);
}

void
connector_load_progress(struct connector *c, const struct offset_store *store)
{
    struct snapshot_life *life = &c->life;
    struct err e = {0};

    life->resumes = config_bool(c->config, "walbridge.snapshot.resume");
    life->found = store->beside[OFFSET_PROGRESS] != NULL;
    if (life->found && !progress_from_json(store->beside[OFFSET_PROGRESS], &life->progress, &e))
        log_err(LOG_WARN, &e, "an interrupted snapshot begins anew");
    progress_leave_out(c);
    progress_check_sinks(c);
}

void
connector_clear_progress(struct connector *c)
{
    struct snapshot_life *life = &c->life;

    PQfinish(life->exporter);
    progress_clear(&life->progress);
    table_now_free(life->tables, life->ntables);
    free(life->put);
    *life = (struct snapshot_life){0};
}

/* ------------------------------------------------------------------------------------------------ what is left */

static void
done_add(struct snapshot_interval **out, size_t *n, const struct progress_table *t,
         struct progress_range r)
{
    *out = mem_grow(*out, *n + 1, sizeof(**out));
    (*out)[(*n)++] = (struct snapshot_interval){
        .schema = t->schema,
        .table = t->table,
        .ranged = r.first != INT64_MIN || r.last != INT64_MAX,
        .first = r.first,
        .last = r.last,
    };
}

/* Rows that were read are a table's no more when it was made anew or renamed; ranges count keys, which a rewrite changes. */
static bool
done_still_is(const struct progress_table *t, const struct table_now *now)
{
    if (!now || strcmp(t->schema, now->schema) != 0 || strcmp(t->table, now->table) != 0)
        return false;
    return t->whole || (t->filenode == now->filenode && strcmp(t->key, now->key) == 0);
}

static bool
done_check(struct connector *c, PGconn *conn, struct err *e)
{
    struct progress *p = &c->life.progress;
    uint32_t *oids = mem_array(p->n + 1, sizeof(*oids));
    struct table_now *now;
    size_t nnow;
    bool ok;

    for (size_t i = 0; i < p->n; i++)
        oids[i] = p->tables[i].oid;
    ok = table_now_read(conn, oids, p->n, &now, &nnow, e);
    free(oids);
    for (size_t i = p->n; ok && i-- > 0;) {
        const struct progress_table *t = &p->tables[i];

        if (done_still_is(t, table_now_find(now, nnow, t->oid)))
            continue;
        log_info("snapshot: table \"%s.%s\" is another one by now; it is read anew", t->schema,
                 t->table);
        progress_remove(p, i);
    }
    table_now_free(now, ok ? nnow : 0);
    return ok;
}

/* Without a stream no one hears of a row that moved meanwhile, out of what is not done into what is. */
static void
done_whole_only(struct progress *p)
{
    for (size_t i = p->n; i-- > 0;) {
        const struct progress_table *t = &p->tables[i];

        if (!t->whole &&
            !(t->n == 1 && t->ranges[0].first == INT64_MIN && t->ranges[0].last == INT64_MAX))
            progress_remove(p, i);
    }
}

bool
connector_done(struct connector *c, PGconn *conn, struct snapshot_interval **out, size_t *n,
               struct err *e)
{
    static const struct progress_range all = {INT64_MIN, INT64_MAX};
    struct progress *p = &c->life.progress;

    *out = NULL;
    *n = 0;
    if (!startup_mode(c->config).streams)
        done_whole_only(p);
    if (p->n && !done_check(c, conn, e))
        return false;
    for (size_t i = 0; i < p->n; i++) {
        const struct progress_table *t = &p->tables[i];

        if (t->whole)
            done_add(out, n, t, all);
        for (size_t k = 0; k < t->n; k++)
            done_add(out, n, t, t->ranges[k]);
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------ a snapshot begins */

static char *
progress_before(const struct connector *c)
{
    struct buf now;
    char *text;

    buf_init(&now, PROGRESS_OFFSET_MAX);
    if (c->has_stored)
        offset_to_json(&c->stored, &now);
    text = mem_strdup(buf_cstr(&now));
    buf_free(&now);
    return text;
}

/* The tables whose units are ranges, while the reader keeps them from being rewritten. */
static bool
progress_ranged_tables(struct connector *c, PGconn *conn, struct err *e)
{
    size_t units = snapshot_nunits(c->snapshot), n = 0;
    uint32_t *oids = mem_array(units + 1, sizeof(*oids));
    struct snapshot_unit u;
    bool ok;

    for (size_t i = 0; i < units; i++) {
        snapshot_unit(c->snapshot, i, &u);
        if (u.rows.ranged && (n == 0 || oids[n - 1] != u.oid))
            oids[n++] = u.oid;
    }
    ok = n == 0 || table_now_read(conn, oids, n, &c->life.tables, &c->life.ntables, e);
    free(oids);
    return ok;
}

/* A progress has only what is ours of an offset. */
static void
progress_position(struct connector *c, const struct led_position *pos)
{
    struct offset *o = &c->life.progress.position;

    offset_free(o);
    *o = (struct offset){
        .own = true,
        .flush_lsn = pos->flush_lsn,
        .pos_commit_lsn = pos->txn.commit_lsn,
        .pos_lsn = pos->lsn,
        .pos_ordinal = pos->ordinal,
        .commit_end = pos->commit_end,
        .system_id = c->system_id,
        .timeline = c->server.timeline,
    };
    snprintf(o->slot, sizeof(o->slot), "%s", config_str(c->config, "slot.name"));
    snprintf(o->database, sizeof(o->database), "%s", pg_params_database(c->params));
}

/* All transactions that commit before are delivered, and none after. */
static void
progress_stand_at(struct connector *c, uint64_t lsn)
{
    struct led_position pos = {.lsn = lsn, .flush_lsn = lsn, .txn.commit_lsn = lsn};

    progress_position(c, &pos);
}

/*
 * What was streamed before lies before the point. Without a stream nothing brings what is done up to a later point, so the
 * first one is where a stream has to begin some day.
 */
static void
progress_stand_at_point(struct connector *c)
{
    if (startup_mode(c->config).streams || !c->life.progress.position.own)
        progress_stand_at(c, c->snapshot_point);
}

bool
connector_begin_progress(struct connector *c, PGconn *conn, struct err *e)
{
    struct snapshot_life *life = &c->life;

    life->open = true;
    life->first = led_next(c->ledger);
    snapshot_txn(c->snapshot, &life->txn);
    if (!life->progress.before)
        life->progress.before = progress_before(c);
    progress_name_sinks(c);
    if (led_delivered(c->ledger) >= life->first)
        progress_stand_at_point(c);
    life->dirty = true;
    connector_note_read(c);
    return progress_ranged_tables(c, conn, e);
}

/* ------------------------------------------------------------------------------------------------ and goes on */

void
connector_put_unit(struct connector *c, const struct batch *b)
{
    struct snapshot_life *life = &c->life;
    struct put_unit *put;

    life->put = mem_grow(life->put, life->nput + 1, sizeof(*life->put));
    put = &life->put[life->nput++];
    put->ticket = b->ticket;
    snapshot_unit(c->snapshot, b->unit, &put->unit);
    snprintf(put->schema, sizeof(put->schema), "%s", put->unit.rows.schema);
    snprintf(put->table, sizeof(put->table), "%s", put->unit.rows.table);
}

static void
progress_unit_done(struct connector *c, const struct put_unit *put)
{
    struct snapshot_life *life = &c->life;
    const struct snapshot_unit *u = &put->unit;
    const struct table_now *now = table_now_find(life->tables, life->ntables, u->oid);
    struct progress_table *t;

    if (u->rows.ranged && (!now || !now->key[0]))
        return; /* dropped since: there is nothing to be known of it */
    t = progress_table(&life->progress, u->oid, put->schema, put->table);
    t->whole |= !u->rows.ranged;
    if (u->rows.ranged) {
        if (!t->key)
            t->key = mem_strdup(now->key);
        t->filenode = now->filenode;
        progress_add_range(t, (struct progress_range){u->rows.first, u->rows.last});
    }
    life->dirty = true;
}

/* Units are put in the order of their tickets. */
static void
progress_take_units(struct connector *c, uint64_t delivered)
{
    struct snapshot_life *life = &c->life;
    size_t n = 0;

    while (n < life->nput && life->put[n].ticket < delivered)
        progress_unit_done(c, &life->put[n++]);
    if (!n)
        return;
    life->nput -= n;
    memmove(life->put, life->put + n, life->nput * sizeof(*life->put));
    progress_stand_at_point(c);
}

static void
progress_put(struct connector *c, uint64_t flush_lsn)
{
    struct snapshot_life *life = &c->life;
    struct buf json;

    buf_init(&json, PROGRESS_MAX);
    progress_to_json(&life->progress, &json);
    if (buf_ok(&json)) {
        offsets_put_progress(c->offsets, buf_cstr(&json), flush_lsn);
        life->found = true;
    } else if (!life->too_large) {
        life->too_large = true;
        log_warn(
            "snapshot: what is done is more than can be stored (%d kB); what follows is read "
            "again after an interruption",
            PROGRESS_MAX >> 10);
    }
    buf_free(&json);
    life->dirty = false;
}

/* It is whole and delivered, and so is what became of the signals that were noted: the state of this mark. */
static void
progress_end(struct connector *c, uint64_t mark)
{
    struct led_position pos = {0}, newest;
    struct txn_summary counts;
    bool moved = led_position(c->ledger, &newest);
    uint64_t read_at = c->snapshot_point;
    struct offset o;

    pos.mark = mark;
    if (moved && newest.mark < mark)
        newest.mark = mark;
    if (!startup_mode(c->config).streams)
        c->snapshot_point = c->life.progress.position.flush_lsn;
    if (c->life.end > c->life.first)
        pos.txn = c->life.txn;
    if (moved && newest.txn.commit_lsn > read_at)
        connector_record_offset(c, &newest, &o, &counts); /* the stream has come beyond already */
    else
        connector_snapshot_offset(c, &pos, &o);
    connector_snapshot_known(c);
    offsets_put(c->offsets, &o);
    if (c->life.found)
        offsets_put_progress(c->offsets, NULL, 0);
    c->quiet_put = read_at;
    connector_clear_progress(c);
}

/*
 * Catching up, what is delivered may be told to the server: it is stored, if not as the offset. The counts of a transaction
 * are not, so where they are said a transaction that was cut off is delivered anew.
 */
static void
progress_follow_stream(struct connector *c)
{
    struct led_position pos;

    if (!led_position(c->ledger, &pos) || !pos.lsn)
        return;
    if (c->settings.transactions)
        progress_stand_at(c, pos.flush_lsn);
    else
        progress_position(c, &pos);
    c->life.dirty = true;
}

void
connector_store_progress(struct connector *c, bool now)
{
    struct snapshot_life *life = &c->life;
    uint64_t delivered = led_delivered(c->ledger), flush = 0, mark, ticket;
    int64_t us = clock_mono_us();

    if (life->whole && delivered >= life->end && signals_given_done(c->signals, &mark, &ticket) &&
        delivered >= ticket) {
        progress_end(c, mark);
        return;
    }
    if (c->phase == PHASE_CATCH_UP || delivered < life->first) {
        progress_follow_stream(c);
        flush = life->progress.position.flush_lsn;
    } else {
        progress_take_units(c, delivered);
    }
    if (life->resumes && life->dirty && (now || us - life->put_us >= PROGRESS_GAP_US)) {
        life->put_us = us;
        progress_put(c, flush);
    }
}
