/* The ledger's position as the offset that is stored: which one, and when. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "replicator/connector_priv.h"

enum {
    POSITION_GAP_US = 5000,      /* between looks at the position */
    POSITION_QUIET_US = 5000000, /* how long one where no record stands may wait to be stored */
};

static const char *const led_type_texts[] = {
    [LED_INSERT] = "INSERT",   [LED_UPDATE] = "UPDATE",
    [LED_DELETE] = "DELETE",   [LED_TRUNCATE] = "TRUNCATE",
    [LED_MESSAGE] = "MESSAGE", [LED_END] = "COMMIT",
    [LED_NOTE] = "",
};

static void
offset_begin(const struct connector *c, const struct led_position *pos, struct offset *o)
{
    *o = (struct offset){
        .has_txid = pos->txn.xid != 0,
        .txid = pos->txn.xid,
        .has_ts = pos->txn.commit_us != 0,
        .ts_usec = pos->txn.commit_us,
        .xmin = pos->txn.xmin,
        .own = true,
        .commit_end = pos->commit_end,
        .system_id = c->system_id,
        .timeline = c->server.timeline,
        .mark = pos->mark,
        .extra = signals_state(c->signals, pos->mark),
    };
    snprintf(o->slot, sizeof(o->slot), "%s", config_str(c->config, "slot.name"));
    snprintf(o->database, sizeof(o->database), "%s", pg_params_database(c->params));
}

/*
 * A position where no record stands: one below it is written, records are 8-aligned, so it names no row, and the next one
 * may start exactly there.
 */
static void
offset_quiet(const struct connector *c, const struct led_position *pos, uint64_t lsn,
             struct offset *o)
{
    offset_begin(c, pos, o);
    o->lsn = o->lsn_proc = lsn - 1;
    o->lsn_commit = pos->commit_end ? pos->commit_end : pos->txn.last_commit_lsn;
    o->flush_lsn = o->pos_commit_lsn = o->pos_lsn = lsn;
}

/*
 * A record's position, as the offset that Debezium would have stored. `counts` outlives it. When only the state of an
 * incremental snapshot is new, the record is the one that was stored before.
 */
void
connector_record_offset(const struct connector *c, const struct led_position *pos, struct offset *o,
                        struct txn_summary *counts)
{
    offset_begin(c, pos, o);
    if (!pos->lsn) {
        struct offset state = *o;

        /* The server may have been told of quiet positions since: an offset behind them would be refused. */
        if (c->has_stored && !c->quiet_put)
            *o = c->stored;
        else
            offset_quiet(c, pos, c->quiet_put > pos->flush_lsn ? c->quiet_put : pos->flush_lsn, o);
        o->mark = state.mark;
        o->extra = state.extra;
        return;
    }
    o->lsn = o->lsn_proc = o->pos_lsn = pos->lsn;
    o->lsn_commit = pos->type == LED_END ? pos->lsn : pos->txn.last_commit_lsn;
    if (c->settings.transactions && pos->txn.xid) {
        *counts = pipeline_counts_at(c->pipeline, pos->txn.commit_lsn, pos->ordinal);
        o->counts = counts;
        snprintf(o->transaction_id, sizeof(o->transaction_id), "%" PRIu64, pos->txn.xid);
    }
    snprintf(o->message_type, sizeof(o->message_type), "%s", led_type_texts[pos->type]);
    o->flush_lsn = pos->flush_lsn;
    o->pos_commit_lsn = pos->txn.commit_lsn;
    o->pos_ordinal = pos->ordinal;
}

/* The end of a snapshot: Debezium's marks for one that is whole. A transaction that commits exactly at the point is not in
 * the snapshot, so no ordinal of it is done. */
void
connector_snapshot_offset(const struct connector *c, const struct led_position *pos,
                          struct offset *o)
{
    offset_begin(c, pos, o);
    o->lsn = o->flush_lsn = o->pos_commit_lsn = o->pos_lsn = c->snapshot_point;
    o->commit_end = 0;
    snprintf(o->snapshot, sizeof(o->snapshot), "INITIAL");
    o->last_snapshot_record = o->snapshot_completed = true;
}

static void
put_position(struct connector *c, const struct led_position *pos)
{
    struct txn_summary counts;
    struct offset o;

    if (c->snapshot_point && pos->txn.commit_lsn == c->snapshot_point)
        connector_snapshot_offset(c, pos, &o);
    else
        connector_record_offset(c, pos, &o, &counts);
    offsets_put(c->offsets, &o);
}

/* What was stored last, once more: the server's timeline has changed. While a snapshot goes on nothing is stored of it. */
void
connector_store_again(struct connector *c)
{
    struct led_position pos;
    struct offset o;
    uint64_t quiet;

    if (c->phase != PHASE_STREAM || c->life.open)
        return;
    (void)led_quiet(c->ledger, &pos, &quiet);
    if (c->quiet_put > pos.flush_lsn) {
        offset_quiet(c, &pos, c->quiet_put, &o);
        offsets_put(c->offsets, &o);
    } else if (pos.lsn) {
        put_position(c, &pos);
    }
}

/*
 * Hands a new position to the offset thread. A snapshot's counts only when it is whole. A quiet one is in no hurry: an idle
 * server must not cost a disk flush for each keepalive, and a restart within that time reads those transactions again, as
 * Debezium does, with the tables captured then.
 */
void
connector_store_position(struct connector *c, bool now)
{
    struct led_position pos;
    struct offset o;
    uint64_t quiet;
    int64_t us = clock_mono_us();

    c->position_late = !now && us - c->position_us < POSITION_GAP_US;
    if (c->position_late)
        return;
    c->position_us = us;
    if (c->life.open) {
        connector_store_progress(c, now);
        return;
    }
    if (led_position(c->ledger, &pos)) {
        c->quiet_since_us = 0;
        put_position(c, &pos);
    } else if (!led_quiet(c->ledger, &pos, &quiet) || quiet == c->quiet_put) {
        c->quiet_since_us = 0;
    } else if (!c->quiet_since_us) {
        c->quiet_since_us = us;
    } else if (us - c->quiet_since_us >= POSITION_QUIET_US) {
        offset_quiet(c, &pos, quiet, &o);
        offsets_put(c->offsets, &o);
        c->quiet_put = quiet;
        c->quiet_since_us = 0;
    }
}

int64_t
connector_position_deadline_us(const struct connector *c)
{
    return c->position_late ? c->position_us + POSITION_GAP_US : INT64_MAX;
}
