#include "replicator/startup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/buf.h"
#include "base/num.h"

enum { STARTUP_OFFSET_MAX = 4 << 20 };

/* The values of snapshot.mode; configuration_based is read from its own properties. */
static const struct {
    const char *name;
    struct startup_mode mode;
} startup_modes[] = {
    {"initial", {DATA_INITIAL, .streams = true}},
    {"exported", {DATA_INITIAL, .streams = true}},
    {"initial_only", {DATA_INITIAL, .streams = false}},
    {"always", {DATA_ALWAYS, .streams = true}},
    {"when_needed", {DATA_INITIAL, .resnapshot = true, .streams = true}},
    {"no_data", {DATA_NEVER, .streams = true}},
    {"never", {DATA_NEVER, .streams = true}},
};

struct startup_mode
startup_mode(const struct config *c)
{
    const char *name = config_str(c, "snapshot.mode");

    for (size_t i = 0; i < sizeof(startup_modes) / sizeof(*startup_modes); i++)
        if (strcasecmp(name, startup_modes[i].name) == 0)
            return startup_modes[i].mode;
    return (struct startup_mode){
        .data = config_bool(c, "snapshot.mode.configuration.based.snapshot.data") ? DATA_ALWAYS
                                                                                  : DATA_NEVER,
        .resnapshot = config_bool(c, "snapshot.mode.configuration.based.snapshot.on.data.error"),
        .streams = config_bool(c, "snapshot.mode.configuration.based.start.stream"),
    };
}

bool
startup_offset_counts(const struct offset *o)
{
    return !(o->snapshot[0] && !o->snapshot_completed && !o->last_snapshot_record);
}

static uint64_t
startup_offset_lsn(const struct offset *o)
{
    return o->own ? o->flush_lsn : o->lsn_proc ? o->lsn_proc : o->lsn;
}

static bool
startup_check_slot(const struct startup_facts *f, struct err *e)
{
    const struct pg_slot *s = f->slot;

    if (!f->has_slot)
        return true;
    if (s->has_plugin && strcmp(s->plugin, "pgoutput") != 0)
        return err_set(e, ERR_CONFIG, "slot.plugin",
                       "slot \"%s\" uses the plugin \"%s\", but pgoutput is needed; drop it "
                       "(walbridge slot drop %s) or set "
                       "slot.name to another name",
                       s->name, s->plugin, s->name);
    if (s->database[0] && strcmp(s->database, f->database) != 0)
        return err_set(
            e, ERR_CONFIG, "slot.database",
            "slot \"%s\" belongs to database \"%s\", not \"%s\"; set slot.name to another name",
            s->name, s->database, f->database);
    if (strcmp(s->wal_status, "lost") == 0)
        return err_set(e, ERR_FATAL, "slot.lost",
                       "slot \"%s\" is invalidated (%s): WAL it needed is gone. Drop it (walbridge "
                       "slot drop %s), forget the "
                       "offset (walbridge offsets reset) and take a new snapshot; raise "
                       "max_slot_wal_keep_size to avoid this",
                       s->name,
                       s->invalidation_reason[0] ? s->invalidation_reason
                                                 : "max_slot_wal_keep_size was exceeded",
                       s->name);
    return true;
}

/* Another server or database numbers its WAL on its own: comparing positions would be meaningless. */
static bool
startup_check_identity(const struct startup_facts *f, struct err *e)
{
    const struct offset *o = f->offset;

    if (!o->own)
        return true;
    if (o->system_id && o->system_id != f->server->system_id)
        return err_set(
            e, ERR_FATAL, "offset.foreign_system",
            "the stored offset of \"%s\" belongs to the server with system identifier %" PRIu64
            ", this one is %" PRIu64 "; if that is meant, run: walbridge offsets accept",
            f->connector, o->system_id, f->server->system_id);
    if (o->database[0] && strcmp(o->database, f->database) != 0)
        return err_set(e, ERR_FATAL, "offset.foreign_database",
                       "the stored offset of \"%s\" belongs to database \"%s\", not \"%s\"; if "
                       "that is meant, run: walbridge "
                       "offsets accept",
                       f->connector, o->database, f->database);
    if (o->slot[0] && strcmp(o->slot, f->slot_name) != 0)
        return err_set(e, ERR_FATAL, "offset.foreign_slot",
                       "the stored offset of \"%s\" belongs to slot \"%s\", not \"%s\"; if that is "
                       "meant, run: walbridge "
                       "offsets accept",
                       f->connector, o->slot, f->slot_name);
    return true;
}

/*
 * The slot was moved past the offset by somebody: what lies between would be lost without a word. What is never validated
 * goes on nevertheless, but not with a slot that was made anew behind the offset: Debezium looks at restart_lsn, too.
 */
static bool
startup_behind(const struct startup_facts *f, uint64_t at, struct startup_plan *out, struct err *e)
{
    char a[NUM_LSN_TEXT], b[NUM_LSN_TEXT];

    num_lsn_text(a, at);
    num_lsn_text(b, f->slot->confirmed_lsn);
    if (f->mismatch == MISMATCH_TRUST_SLOT || f->mismatch == MISMATCH_TRUST_GREATER) {
        out->start_lsn = f->slot->confirmed_lsn;
        snprintf(out->warning, sizeof(out->warning),
                 "the stored offset %s lies behind slot \"%s\" at %s: going on from the slot, as "
                 "offset.mismatch.strategy says",
                 a, f->slot_name, b);
        return true;
    }
    if ((f->mismatch == MISMATCH_NO_VALIDATION && f->slot->restart_lsn <= at) ||
        (!f->offset->own && f->mismatch == MISMATCH_REFUSE)) {
        snprintf(out->warning, sizeof(out->warning),
                 "the stored offset %s lies behind slot \"%s\" at %s: changes between them, if "
                 "there were any, are not sent "
                 "again%s",
                 a, f->slot_name, b,
                 f->offset->own
                     ? ""
                     : "; Debezium's driver confirms keepalives, so this is usual after it");
        return true;
    }
    return err_set(e, ERR_FATAL, "offset.behind",
                   "the stored offset of \"%s\" is %s, but slot \"%s\" is confirmed up to %s: "
                   "somebody moved or made it anew, "
                   "and what lies between cannot be read any more; to go on from the slot, run: "
                   "walbridge offsets accept; to "
                   "read the tables again, run: walbridge offsets reset",
                   f->connector, a, f->slot_name, b);
}

static bool
startup_check_position(const struct startup_facts *f, struct startup_plan *out, struct err *e)
{
    uint64_t at = startup_offset_lsn(f->offset);
    char a[NUM_LSN_TEXT], b[NUM_LSN_TEXT];

    out->start_lsn = at;
    out->flush_lsn = f->offset->own && at > f->slot->confirmed_lsn ? at : f->slot->confirmed_lsn;
    if (at > f->server->wal_lsn && f->mismatch != MISMATCH_NO_VALIDATION)
        return err_set(e, ERR_FATAL, "offset.ahead",
                       "the stored offset of \"%s\" is %s, but the server has only reached %s: it "
                       "was restored from a backup "
                       "or is another one; to go on from the slot, run: walbridge offsets accept; "
                       "to read the tables again, "
                       "run: walbridge offsets reset",
                       f->connector, num_lsn_text(a, at), num_lsn_text(b, f->server->wal_lsn));
    if (at < f->slot->confirmed_lsn)
        return startup_behind(f, at, out, e);
    if (at > f->slot->confirmed_lsn &&
        (f->mismatch == MISMATCH_TRUST_OFFSET || f->mismatch == MISMATCH_TRUST_GREATER))
        out->advance_to = out->flush_lsn = at;
    return true;
}

/* messageType says whether lsn_proc names a row; a message outside a transaction is no row. */
static bool
startup_bare_is_row(const struct offset *o)
{
    static const char *const rows[] = {"INSERT", "UPDATE", "DELETE", "TRUNCATE"};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (strcmp(o->message_type, rows[i]) == 0)
            return true;
    return strcmp(o->message_type, "MESSAGE") == 0 && o->lsn_commit != o->lsn_proc;
}

static void
startup_resume(const struct offset *o, struct pipeline_resume *r)
{
    r->counts = o->counts;
    r->xid =
        strtoull(o->transaction_id, NULL, 10); /* some versions have ":" and an LSN behind it */
    if (o->own) {
        r->commit_lsn = o->pos_commit_lsn;
        r->ordinal = o->pos_ordinal;
        r->last_commit_lsn = o->commit_end > o->lsn_commit ? o->commit_end : o->lsn_commit;
        return;
    }
    r->last_commit_lsn = o->lsn_commit;
    /* A finished snapshot's offset names no record of the stream. */
    if (o->snapshot[0])
        return;
    r->bare = true;
    r->bare_commit = o->lsn_commit;
    r->bare_lsn = o->lsn_proc;
    r->bare_is_row = o->lsn_proc && startup_bare_is_row(o);
    r->bare_rows = o->events_processed ? o->events_processed : 1;
    r->bare_xid = o->has_txid ? o->txid : 0;
}

/* A slot that an offset belongs to is only made again when its loss was asked for. */
static bool
startup_missing_slot(const struct startup_facts *f, struct startup_plan *out, struct err *e)
{
    char at[NUM_LSN_TEXT];

    if (!f->drops_slot || f->mode.resnapshot)
        return err_set(e, ERR_FATAL, "slot.missing",
                       "slot \"%s\" does not exist, but \"%s\" has a stored offset: what was "
                       "written since cannot be read any "
                       "more, so the slot is not made again silently; to begin anew with a "
                       "snapshot, run: walbridge offsets "
                       "reset",
                       f->slot_name, f->connector);
    out->create_slot = true;
    snprintf(out->warning, sizeof(out->warning),
             "slot \"%s\" was dropped, as slot.drop.on.stop says, and is made again: what was "
             "written since the stored offset "
             "%s is lost",
             f->slot_name, num_lsn_text(at, startup_offset_lsn(f->offset)));
    return true;
}

/*
 * A standby that was promoted has what it had received: beyond that its log is another one, under the same numbers. From
 * the slot on everything is sent again, and nothing of it is taken for a repetition.
 */
static bool
startup_check_timeline(const struct startup_facts *f, struct startup_plan *out, struct err *e)
{
    const struct offset *o = f->offset;
    /* A transaction of which a part was delivered reaches to its commit. */
    uint64_t flush = startup_offset_lsn(o), commit = o->pos_commit_lsn + (o->pos_ordinal > 0);
    uint64_t at = commit > flush ? commit : flush;
    char a[NUM_LSN_TEXT], b[NUM_LSN_TEXT];

    if (!o->own || !o->timeline || o->timeline == f->server->timeline || at <= f->fork_lsn)
        return true;
    num_lsn_text(a, at);
    num_lsn_text(b, f->fork_lsn);
    if (f->mismatch != MISMATCH_TRUST_SLOT)
        return err_set(e, ERR_FATAL, "offset.diverged",
                       "the stored offset of \"%s\" is %s on timeline %" PRIu32
                       ", but the server is on timeline %" PRIu32
                       " and left the other at %s: it lacks what was delivered last, and what it "
                       "wrote instead would be skipped; to send again what comes after the slot's "
                       "position, set offset.mismatch.strategy=trust_slot; to read the tables "
                       "again, run: walbridge offsets reset",
                       f->connector, a, o->timeline, f->server->timeline, b);
    out->start_lsn = out->flush_lsn = f->slot->confirmed_lsn;
    out->advance_to = 0;
    out->resume = (struct pipeline_resume){0};
    snprintf(out->warning, sizeof(out->warning),
             "the server left timeline %" PRIu32
             " at %s, before the stored offset %s: what comes "
             "after slot \"%s\" is sent again, as offset.mismatch.strategy says",
             o->timeline, b, a, f->slot_name);
    return true;
}

/* Goes on from the stored offset, or says why not. */
static bool
startup_go_on(const struct startup_facts *f, struct startup_plan *out, struct err *e)
{
    if (!startup_check_slot(f, e) || !startup_check_identity(f, e))
        return false;
    if (!f->has_slot)
        return startup_missing_slot(f, out, e);
    startup_resume(f->offset, &out->resume);
    return startup_check_position(f, out, e) && startup_check_timeline(f, out, e);
}

/* Is the progress that of the snapshot which this offset, or none, waits for? */
static bool
startup_is_unfinished(const struct startup_facts *f)
{
    struct buf now;
    bool same;

    if (!f->progress)
        return false;
    buf_init(&now, STARTUP_OFFSET_MAX);
    if (f->has_offset)
        offset_to_json(f->offset, &now);
    same = strcmp(buf_cstr(&now), f->progress->before) == 0;
    buf_free(&now);
    return same;
}

/*
 * A snapshot goes on where it stopped if the stream of what is done can: the same server and timeline, the same slot, and
 * nothing confirmed to it that was not delivered. Otherwise it begins anew, which loses nothing. Gives where the stream
 * begins, or NULL.
 */
static const struct offset *
startup_resumable(const struct startup_facts *f)
{
    const struct offset *o;

    if (!startup_is_unfinished(f))
        return NULL;
    o = &f->progress->position;
    if (o->system_id != f->server->system_id || strcmp(o->database, f->database) != 0)
        return NULL;
    if (!f->mode.streams)
        return o;
    return f->has_slot && strcmp(f->slot->wal_status, "lost") != 0 &&
                   strcmp(o->slot, f->slot_name) == 0 && o->timeline == f->server->timeline &&
                   f->slot->confirmed_lsn <= o->flush_lsn && o->flush_lsn <= f->server->wal_lsn
               ? o
               : NULL;
}

/* Tables are read, or only the stream is begun; what was stored counts no more. */
static void
startup_begin_anew(const struct startup_facts *f, bool snapshot, struct startup_plan *out)
{
    bool lost = f->has_slot && strcmp(f->slot->wal_status, "lost") == 0;
    const struct offset *from = snapshot ? startup_resumable(f) : NULL;

    out->drop_slot = lost;
    out->create_slot = !f->has_slot || lost;
    out->snapshot = snapshot;
    out->advance_to = 0;
    out->resume = (struct pipeline_resume){0};
    out->start_lsn = out->flush_lsn = out->create_slot ? 0 : f->slot->confirmed_lsn;
    out->resume_snapshot = from != NULL;
    if (!from)
        return;
    out->start_lsn = out->flush_lsn = from->flush_lsn;
    startup_resume(from, &out->resume);
}

/* What a new snapshot mends, for modes that take one then. Another server, database or slot is a mistake rather than a gap. */
static bool
startup_is_gap(const struct err *e)
{
    static const char *const gaps[] = {"slot.missing", "slot.lost", "offset.behind", "offset.ahead",
                                       "offset.diverged"};

    for (size_t i = 0; i < sizeof(gaps) / sizeof(*gaps); i++)
        if (strcmp(e->code, gaps[i]) == 0)
            return true;
    return false;
}

static bool
startup_mend(const struct startup_facts *f, struct startup_plan *out, struct err *e)
{
    if (!f->mode.resnapshot || !startup_is_gap(e))
        return false;
    snprintf(out->warning, sizeof(out->warning),
             "the tables are read again, as snapshot.mode says: %.600s", e->msg);
    err_clear(e);
    startup_begin_anew(f, true, out);
    return true;
}

bool
startup_decide(const struct startup_facts *f, struct startup_plan *out, struct err *e)
{
    /* What a snapshot is about to replace is no offset to go on from: the slot may have passed it meanwhile. */
    bool replaced =
        ((f->mode.resnapshot || f->mode.data == DATA_ALWAYS) && startup_is_unfinished(f)) ||
        (f->progress && f->progress->requested && startup_resumable(f));
    bool counts = f->has_offset && startup_offset_counts(f->offset) && !replaced;

    *out = (struct startup_plan){.streams = f->mode.streams};
    if (!out->streams) {
        out->snapshot = f->mode.data == DATA_ALWAYS || (f->mode.data == DATA_INITIAL && !counts);
        out->resume_snapshot = out->snapshot && startup_resumable(f) != NULL;
        return true;
    }
    if (!(counts ? startup_go_on(f, out, e) : startup_check_slot(f, e)))
        return startup_mend(f, out, e);
    if (!counts || f->mode.data == DATA_ALWAYS)
        startup_begin_anew(f, f->mode.data != DATA_NEVER || replaced, out);
    return true;
}
