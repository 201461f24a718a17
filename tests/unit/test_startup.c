/* Every decision before the first byte: a table of what is found, what is stored and what comes of it. */
#include "replicator/startup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

enum { WAL = 1000, CONFIRMED = 500, SYSTEM = 42 };

enum stored {
    NOTHING,
    OWN,        /* by us, for this server, database and slot */
    OWN_SYSTEM, /* by us, for another server */
    OWN_DATABASE,
    OWN_SLOT,
    OWN_ANYWHERE,  /* by us, without saying for what */
    BARE,          /* by Debezium, at a row */
    BARE_SNAPSHOT, /* by Debezium, at the end of a snapshot */
    IN_SNAPSHOT,   /* a snapshot that never finished */
    OWN_SNAPSHOT,  /* by us, at the end of a snapshot */
};

enum found {
    NO_SLOT,
    SLOT,
    SLOT_LOST,
    SLOT_PLUGIN,
    SLOT_DATABASE,
    SLOT_OLD_SERVER, /* says no plugin, no status */
    SLOT_ANEW,       /* made again since */
};

enum mode { INITIAL, NO_DATA, ALWAYS, WHEN_NEEDED, INITIAL_ONLY, ALWAYS_ONLY, NOTHING_AT_ALL };

static const struct startup_mode modes[] = {
    [INITIAL] = {DATA_INITIAL, .streams = true},
    [NO_DATA] = {DATA_NEVER, .streams = true},
    [ALWAYS] = {DATA_ALWAYS, .streams = true},
    [WHEN_NEEDED] = {DATA_INITIAL, .resnapshot = true, .streams = true},
    [INITIAL_ONLY] = {DATA_INITIAL},
    [ALWAYS_ONLY] = {DATA_ALWAYS},
    [NOTHING_AT_ALL] = {DATA_NEVER},
};

struct row {
    const char *name;
    enum stored stored;
    uint64_t at;
    enum found found;
    enum mode mode;
    bool drops_slot;
    enum mismatch mismatch;
    /* What comes of it: an error, or the plan. */
    const char *code;
    uint64_t start_lsn, advance_to;
    bool create, snapshot, warns, drop;
};

static const struct row rows[] = {
    /* Nothing is stored. */
    {"new", NOTHING, 0, NO_SLOT, .create = true, .snapshot = true},
    {"new without data", NOTHING, 0, NO_SLOT, .mode = NO_DATA, .create = true},
    {"new on an old slot", NOTHING, 0, SLOT, .start_lsn = CONFIRMED, .snapshot = true},
    {"new on an old slot without data", NOTHING, 0, SLOT, .mode = NO_DATA, .start_lsn = CONFIRMED},
    {"new on a slot of another plugin", NOTHING, 0, SLOT_PLUGIN, .code = "slot.plugin"},
    {"new on a slot of another database", NOTHING, 0, SLOT_DATABASE, .code = "slot.database"},
    {"new on a lost slot", NOTHING, 0, SLOT_LOST, .code = "slot.lost"},
    {"unfinished snapshot, no slot", IN_SNAPSHOT, 400, NO_SLOT, .create = true, .snapshot = true},
    {"unfinished snapshot", IN_SNAPSHOT, 400, SLOT, .start_lsn = CONFIRMED, .snapshot = true},

    /* All is well. */
    {"equal", OWN, 500, SLOT, .start_lsn = 500},
    {"offset ahead of the slot", OWN, 700, SLOT, .start_lsn = 700},
    {"offset at the server's end", OWN, WAL, SLOT, .start_lsn = WAL},
    {"an old server says less of a slot", OWN, 500, SLOT_OLD_SERVER, .start_lsn = 500},
    {"own offset that names no server", OWN_ANYWHERE, 500, SLOT, .start_lsn = 500},
    {"finished snapshot", OWN_SNAPSHOT, 500, SLOT, .start_lsn = 500},
    {"Debezium's finished snapshot", BARE_SNAPSHOT, 500, SLOT, .start_lsn = 500},
    {"Debezium's row", BARE, 600, SLOT, .start_lsn = 600},

    /* The slot is not what it was. */
    {"slot gone", OWN, 500, NO_SLOT, .code = "slot.missing"},
    {"slot gone, Debezium's offset", BARE, 500, NO_SLOT, .code = "slot.missing"},
    {"slot gone, trusted", OWN, 500, NO_SLOT, .mismatch = MISMATCH_TRUST_SLOT,
     .code = "slot.missing"},
    {"slot gone, unvalidated", OWN, 500, NO_SLOT, .mismatch = MISMATCH_NO_VALIDATION,
     .code = "slot.missing"},
    {"slot dropped on stop", OWN, 500, NO_SLOT, .drops_slot = true, .create = true, .warns = true},
    {"slot dropped on stop, other server", OWN_SYSTEM, 500, NO_SLOT, .drops_slot = true,
     .code = "offset.foreign_system"},
    {"slot kept, dropped on stop", OWN, 500, SLOT, .drops_slot = true, .start_lsn = 500},
    {"slot lost", OWN, 500, SLOT_LOST, .code = "slot.lost"},
    {"slot lost, trusted", OWN, 500, SLOT_LOST, .mismatch = MISMATCH_TRUST_GREATER,
     .code = "slot.lost"},
    {"other plugin", OWN, 500, SLOT_PLUGIN, .code = "slot.plugin"},
    {"other database's slot", OWN, 500, SLOT_DATABASE, .code = "slot.database"},

    /* The offset is another's; no strategy settles that. */
    {"other server", OWN_SYSTEM, 500, SLOT, .code = "offset.foreign_system"},
    {"other server, slot gone", OWN_SYSTEM, 500, NO_SLOT, .code = "offset.foreign_system"},
    {"other server, unvalidated", OWN_SYSTEM, 500, SLOT, .mismatch = MISMATCH_NO_VALIDATION,
     .code = "offset.foreign_system"},
    {"other database", OWN_DATABASE, 500, SLOT, .code = "offset.foreign_database"},
    {"other slot", OWN_SLOT, 500, SLOT, .code = "offset.foreign_slot"},
    {"other slot, trusted", OWN_SLOT, 500, SLOT, .mismatch = MISMATCH_TRUST_SLOT,
     .code = "offset.foreign_slot"},

    /* Ahead of the server. */
    {"ahead", OWN, WAL + 1, SLOT, .code = "offset.ahead"},
    {"ahead, Debezium's", BARE, WAL + 1, SLOT, .code = "offset.ahead"},
    {"ahead, trusting the offset", OWN, WAL + 1, SLOT, .mismatch = MISMATCH_TRUST_OFFSET,
     .code = "offset.ahead"},
    {"ahead, trusting the greater", OWN, WAL + 1, SLOT, .mismatch = MISMATCH_TRUST_GREATER,
     .code = "offset.ahead"},
    {"ahead, unvalidated", OWN, WAL + 1, SLOT, .mismatch = MISMATCH_NO_VALIDATION,
     .start_lsn = WAL + 1},

    /* Behind the slot. */
    {"behind", OWN, 499, SLOT, .code = "offset.behind"},
    {"behind, unvalidated", OWN, 499, SLOT, .mismatch = MISMATCH_NO_VALIDATION, .start_lsn = 499,
     .warns = true},
    {"behind, trusting the offset", OWN, 499, SLOT, .mismatch = MISMATCH_TRUST_OFFSET,
     .code = "offset.behind"},
    {"behind, trusting the slot", OWN, 499, SLOT, .mismatch = MISMATCH_TRUST_SLOT,
     .start_lsn = CONFIRMED, .warns = true},
    {"behind, trusting the greater", OWN, 499, SLOT, .mismatch = MISMATCH_TRUST_GREATER,
     .start_lsn = CONFIRMED, .warns = true},
    {"Debezium's, behind by keepalives", BARE, 400, SLOT, .start_lsn = 400, .warns = true},
    {"Debezium's, behind, trusting the offset", BARE, 400, SLOT, .mismatch = MISMATCH_TRUST_OFFSET,
     .code = "offset.behind"},
    {"Debezium's, behind, trusting the slot", BARE, 400, SLOT, .mismatch = MISMATCH_TRUST_SLOT,
     .start_lsn = CONFIRMED, .warns = true},
    {"Debezium's, behind, unvalidated", BARE, 400, SLOT, .mismatch = MISMATCH_NO_VALIDATION,
     .start_lsn = 400, .warns = true},
    {"behind a slot made anew, unvalidated", OWN, 499, SLOT_ANEW,
     .mismatch = MISMATCH_NO_VALIDATION, .code = "offset.behind"},
    {"Debezium's, behind a slot made anew, unvalidated", BARE, 499, SLOT_ANEW,
     .mismatch = MISMATCH_NO_VALIDATION, .code = "offset.behind"},
    {"behind a slot made anew, trusting the slot", OWN, 499, SLOT_ANEW,
     .mismatch = MISMATCH_TRUST_SLOT, .start_lsn = CONFIRMED, .warns = true},

    /* Ahead of the slot, by a strategy. */
    {"advance to the offset", OWN, 700, SLOT, .mismatch = MISMATCH_TRUST_OFFSET, .start_lsn = 700,
     .advance_to = 700},
    {"advance to the greater", OWN, 700, SLOT, .mismatch = MISMATCH_TRUST_GREATER, .start_lsn = 700,
     .advance_to = 700},
    {"nothing to advance", OWN, 500, SLOT, .mismatch = MISMATCH_TRUST_OFFSET, .start_lsn = 500},
    {"the slot is trusted, not moved", OWN, 700, SLOT, .mismatch = MISMATCH_TRUST_SLOT,
     .start_lsn = 700},
    {"unvalidated, not moved", OWN, 700, SLOT, .mismatch = MISMATCH_NO_VALIDATION,
     .start_lsn = 700},

    /* Read at every start; what is stored still has to fit. */
    {"always, new", NOTHING, 0, NO_SLOT, .mode = ALWAYS, .create = true, .snapshot = true},
    {"always", OWN, 700, SLOT, .mode = ALWAYS, .start_lsn = CONFIRMED, .snapshot = true},
    {"always, not advanced", OWN, 700, SLOT, .mode = ALWAYS, .mismatch = MISMATCH_TRUST_OFFSET,
     .start_lsn = CONFIRMED, .snapshot = true},
    {"always, slot gone", OWN, 500, NO_SLOT, .mode = ALWAYS, .code = "slot.missing"},
    {"always, slot dropped on stop", OWN, 500, NO_SLOT, .mode = ALWAYS, .drops_slot = true,
     .create = true, .snapshot = true, .warns = true},

    /* Read when there is no other way. */
    {"when needed, not needed", OWN, 600, SLOT, .mode = WHEN_NEEDED, .start_lsn = 600},
    {"when needed, new", NOTHING, 0, NO_SLOT, .mode = WHEN_NEEDED, .create = true,
     .snapshot = true},
    {"when needed, slot gone", OWN, 500, NO_SLOT, .mode = WHEN_NEEDED, .create = true,
     .snapshot = true, .warns = true},
    {"when needed, slot dropped on stop", OWN, 500, NO_SLOT, .mode = WHEN_NEEDED,
     .drops_slot = true, .create = true, .snapshot = true, .warns = true},
    {"when needed, slot lost", OWN, 500, SLOT_LOST, .mode = WHEN_NEEDED, .drop = true,
     .create = true, .snapshot = true, .warns = true},
    {"when needed, new on a lost slot", NOTHING, 0, SLOT_LOST, .mode = WHEN_NEEDED, .drop = true,
     .create = true, .snapshot = true, .warns = true},
    {"when needed, behind", OWN, 499, SLOT, .mode = WHEN_NEEDED, .start_lsn = CONFIRMED,
     .snapshot = true, .warns = true},
    {"when needed, ahead", OWN, WAL + 1, SLOT, .mode = WHEN_NEEDED, .start_lsn = CONFIRMED,
     .snapshot = true, .warns = true},
    {"when needed, other server", OWN_SYSTEM, 500, SLOT, .mode = WHEN_NEEDED,
     .code = "offset.foreign_system"},
    {"when needed, other plugin", OWN, 500, SLOT_PLUGIN, .mode = WHEN_NEEDED,
     .code = "slot.plugin"},

    /* Nothing is streamed: no slot matters. */
    {"initial_only, new", NOTHING, 0, NO_SLOT, .mode = INITIAL_ONLY, .snapshot = true},
    {"initial_only, unfinished", IN_SNAPSHOT, 400, SLOT, .mode = INITIAL_ONLY, .snapshot = true},
    {"initial_only, done", OWN_SNAPSHOT, 500, NO_SLOT, .mode = INITIAL_ONLY},
    {"initial_only, on another's slot", NOTHING, 0, SLOT_PLUGIN, .mode = INITIAL_ONLY,
     .snapshot = true},
    {"always, without a stream", OWN_SNAPSHOT, 500, NO_SLOT, .mode = ALWAYS_ONLY, .snapshot = true},
    {"nothing at all", NOTHING, 0, NO_SLOT, .mode = NOTHING_AT_ALL},
};

static struct offset
make_offset(enum stored stored, uint64_t at)
{
    struct offset o = {.lsn = at, .lsn_proc = at};

    o.own = stored != BARE && stored != BARE_SNAPSHOT && stored != IN_SNAPSHOT && stored != NOTHING;
    if (o.own) {
        o.flush_lsn = at;
        o.lsn = o.lsn_proc = at - 1;
        o.pos_commit_lsn = at - 8;
        o.pos_ordinal = 3;
        o.lsn_commit = 90;
        o.commit_end = at;
    }
    if (o.own && stored != OWN_ANYWHERE) {
        o.system_id = stored == OWN_SYSTEM ? SYSTEM + 1 : SYSTEM;
        snprintf(o.database, sizeof(o.database), "%s", stored == OWN_DATABASE ? "other" : "shop");
        snprintf(o.slot, sizeof(o.slot), "%s", stored == OWN_SLOT ? "other" : "orders");
    }
    if (stored == IN_SNAPSHOT || stored == BARE_SNAPSHOT || stored == OWN_SNAPSHOT)
        snprintf(o.snapshot, sizeof(o.snapshot), "INITIAL");
    if (stored == BARE_SNAPSHOT || stored == OWN_SNAPSHOT) {
        o.lsn_proc = 0;
        o.lsn = at;
        o.last_snapshot_record = o.snapshot_completed = true;
    }
    if (stored == BARE)
        snprintf(o.message_type, sizeof(o.message_type), "INSERT");
    return o;
}

static struct pg_slot
make_slot(enum found found)
{
    struct pg_slot s = {.name = "orders",
                        .plugin = "pgoutput",
                        .database = "shop",
                        .has_plugin = true,
                        .confirmed_lsn = CONFIRMED};

    snprintf(s.wal_status, sizeof(s.wal_status), "%s", found == SLOT_LOST ? "lost" : "reserved");
    if (found == SLOT_PLUGIN)
        snprintf(s.plugin, sizeof(s.plugin), "wal2json");
    if (found == SLOT_DATABASE)
        snprintf(s.database, sizeof(s.database), "other");
    if (found == SLOT_OLD_SERVER)
        s.wal_status[0] = '\0';
    s.restart_lsn = found == SLOT_ANEW ? CONFIRMED : 1;
    return s;
}

static bool
decide(const struct row *r, struct startup_plan *plan, struct err *e)
{
    struct offset o = make_offset(r->stored, r->at);
    struct pg_slot slot = make_slot(r->found);
    struct pg_server server = {.system_id = SYSTEM, .wal_lsn = WAL};

    *e = (struct err){0};
    return startup_decide(
        &(struct startup_facts){
            .connector = "orders",
            .slot_name = "orders",
            .database = "shop",
            .mode = modes[r->mode],
            .drops_slot = r->drops_slot,
            .mismatch = r->mismatch,
            .has_offset = r->stored != NOTHING,
            .offset = &o,
            .server = &server,
            .has_slot = r->found != NO_SLOT,
            .slot = &slot,
        },
        plan, e);
}

static void
every_case_has_its_decision(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct row *r = &rows[i];
        struct startup_plan plan;
        struct err e;
        bool ok = decide(r, &plan, &e);

        if (ok != !r->code || (r->code && strcmp(e.code, r->code) != 0))
            fail_msg("%s: %s", r->name, ok ? "taken" : e.msg);
        if (!ok)
            continue;
        if (plan.start_lsn != r->start_lsn || plan.advance_to != r->advance_to ||
            plan.create_slot != r->create || plan.snapshot != r->snapshot ||
            plan.drop_slot != r->drop || plan.streams != modes[r->mode].streams ||
            (plan.warning[0] != '\0') != r->warns)
            fail_msg("%s: start %d, advance %d, create %d, snapshot %d, \"%s\"", r->name,
                     (int)plan.start_lsn, (int)plan.advance_to, plan.create_slot, plan.snapshot,
                     plan.warning);
    }
}

/*
 * A position inside the first transaction is stored with the flush LSN that the run began with: were that less than what
 * the slot has confirmed, the next start would take it for an offset that somebody left behind.
 */
static void
nothing_is_flushed_that_lies_behind_the_slot(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct row *r = &rows[i];
        struct startup_plan plan;
        struct err e;
        uint64_t slot;

        if (!decide(r, &plan, &e) || plan.create_slot || !plan.streams)
            continue;
        slot = plan.advance_to ? plan.advance_to : CONFIRMED;
        if (plan.flush_lsn < slot)
            fail_msg("%s: %d", r->name, (int)plan.flush_lsn);
        if (r->stored == BARE && !plan.advance_to && plan.flush_lsn != CONFIRMED)
            fail_msg("%s: the server is promised %d", r->name, (int)plan.flush_lsn);
    }
}

/* A refusal must say what to do, or it is a dead end. */
static void
every_refusal_names_what_settles_it(void **state)
{
    static const struct {
        const char *code, *way;
    } ways[] = {
        {"offset.foreign_system", "offsets accept"},
        {"offset.foreign_database", "offsets accept"},
        {"offset.foreign_slot", "offsets accept"},
        {"offset.ahead", "offsets accept"},
        {"offset.behind", "offsets accept"},
        {"slot.missing", "offsets reset"},
        {"slot.lost", "offsets reset"},
        {"slot.plugin", "slot.name"},
        {"slot.database", "slot.name"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct startup_plan plan;
        struct err e;
        bool known = false;

        if (decide(&rows[i], &plan, &e))
            continue;
        for (size_t k = 0; k < sizeof(ways) / sizeof(*ways); k++)
            if (strcmp(e.code, ways[k].code) == 0) {
                known = true;
                assert_non_null(strstr(e.msg, ways[k].way));
            }
        if (!known)
            fail_msg("%s: %s", rows[i].name, e.code);
        assert_int_equal(e.cls,
                         strcmp(e.code, "slot.plugin") == 0 || strcmp(e.code, "slot.database") == 0
                             ? ERR_CONFIG
                             : ERR_FATAL);
    }
}

static void
positions_are_named_in_messages(void **state)
{
    const struct row behind = {.name = "behind", .stored = OWN, .at = 0x199, .found = SLOT};
    const struct row ahead = {.name = "ahead", .stored = OWN, .at = 0x9999, .found = SLOT};
    struct startup_plan plan;
    struct err e;

    (void)state;
    assert_false(decide(&behind, &plan, &e));
    assert_non_null(strstr(e.msg, "0/199"));
    assert_non_null(strstr(e.msg, "0/1F4"));
    assert_false(decide(&ahead, &plan, &e));
    assert_non_null(strstr(e.msg, "0/9999"));
    assert_non_null(strstr(e.msg, "0/3E8"));
}

/* ------------------------------------------------------------------------------------------------ timelines */

static bool
decide_on_timeline(uint32_t stored, uint32_t server, uint64_t fork, enum mismatch mismatch,
                   enum mode mode, struct startup_plan *plan, struct err *e)
{
    struct offset o = make_offset(OWN, 700); /* in a transaction that commits at 692 */
    struct pg_slot slot = make_slot(SLOT);
    struct pg_server s = {.system_id = SYSTEM, .wal_lsn = WAL, .timeline = server};

    o.timeline = stored;
    *e = (struct err){0};
    return startup_decide(&(struct startup_facts){.connector = "orders",
                                                  .slot_name = "orders",
                                                  .database = "shop",
                                                  .mode = modes[mode],
                                                  .mismatch = mismatch,
                                                  .has_offset = true,
                                                  .offset = &o,
                                                  .server = &s,
                                                  .fork_lsn = fork,
                                                  .has_slot = true,
                                                  .slot = &slot},
                          plan, e);
}

static void
a_promoted_server_that_had_all_goes_on(void **state)
{
    struct startup_plan plan;
    struct err e;

    (void)state;
    assert_true(decide_on_timeline(1, 2, 700, MISMATCH_REFUSE, INITIAL, &plan, &e));
    assert_int_equal(plan.start_lsn, 700);
    assert_true(decide_on_timeline(2, 2, 0, MISMATCH_REFUSE, INITIAL, &plan, &e));
    assert_true(decide_on_timeline(0, 2, 0, MISMATCH_REFUSE, INITIAL, &plan, &e)); /* not known */
}

static void
a_promoted_server_that_lacks_what_was_delivered_is_refused(void **state)
{
    struct startup_plan plan;
    struct err e;

    (void)state;
    assert_false(decide_on_timeline(1, 2, 699, MISMATCH_REFUSE, INITIAL, &plan, &e));
    assert_string_equal(e.code, "offset.diverged");
    assert_non_null(strstr(e.msg, "trust_slot"));
    assert_non_null(strstr(e.msg, "offsets reset"));
    assert_false(decide_on_timeline(1, 2, 600, MISMATCH_NO_VALIDATION, INITIAL, &plan, &e));
    assert_false(
        decide_on_timeline(3, 2, 0, MISMATCH_REFUSE, INITIAL, &plan, &e)); /* an older state */
    assert_string_equal(e.code, "offset.diverged");
}

static void
what_a_promoted_server_lacks_is_settled_by_strategy_or_mode(void **state)
{
    struct startup_plan plan;
    struct err e;

    (void)state;
    assert_true(decide_on_timeline(1, 2, 600, MISMATCH_TRUST_SLOT, INITIAL, &plan, &e));
    assert_int_equal(plan.start_lsn, CONFIRMED);
    assert_int_equal(plan.resume.commit_lsn, 0); /* nothing is taken for a repetition */
    assert_true(plan.warning[0] && !plan.snapshot);
    assert_true(decide_on_timeline(1, 2, 600, MISMATCH_REFUSE, WHEN_NEEDED, &plan, &e));
    assert_true(plan.snapshot && plan.warning[0]);
}

/* ------------------------------------------------------------------------------------------------ an interrupted snapshot */

/* The progress of a snapshot that stood at 500, and what is wrong with it. */
enum flaw {
    SOUND,
    OTHER_OFFSET,
    OTHER_SYSTEM,
    OTHER_TIMELINE,
    OTHER_SLOT,
    OTHER_DATABASE,
    PASSED,
    TOO_FAR
};

static bool requested; /* by a command */

static struct startup_plan
plan_with_progress(enum mode mode, enum stored stored, enum found found, enum flaw flaw)
{
    struct offset o = make_offset(stored, 400);
    struct pg_slot slot = make_slot(found);
    struct pg_server server = {.system_id = SYSTEM, .wal_lsn = WAL};
    struct progress p = {.requested = requested, .position = make_offset(OWN, CONFIRMED)};
    struct startup_plan plan = {0};
    struct err e = {0};
    struct buf before;

    buf_init(&before, 1000);
    if (stored != NOTHING)
        offset_to_json(&o, &before);
    if (flaw == OTHER_OFFSET)
        buf_str(&before, " ");
    p.before = mem_strdup(buf_cstr(&before));
    buf_free(&before);
    p.position.system_id += flaw == OTHER_SYSTEM;
    p.position.timeline += flaw == OTHER_TIMELINE;
    p.position.slot[0] = flaw == OTHER_SLOT ? 'x' : p.position.slot[0];
    p.position.database[0] = flaw == OTHER_DATABASE ? 'x' : p.position.database[0];
    p.position.flush_lsn = flaw == PASSED    ? CONFIRMED - 1
                           : flaw == TOO_FAR ? WAL + 1
                                             : CONFIRMED + 8;
    if (!startup_decide(&(struct startup_facts){.connector = "orders",
                                                .slot_name = "orders",
                                                .database = "shop",
                                                .mode = modes[mode],
                                                .has_offset = stored != NOTHING,
                                                .offset = &o,
                                                .server = &server,
                                                .has_slot = found != NO_SLOT,
                                                .slot = &slot,
                                                .progress = &p},
                        &plan, &e))
        fail_msg("%s", e.msg);
    free(p.before);
    return plan;
}

static void
a_snapshot_goes_on_where_its_stream_stands(void **state)
{
    struct startup_plan plan = plan_with_progress(INITIAL, NOTHING, SLOT, SOUND);

    (void)state;
    assert_true(plan.resume_snapshot && plan.snapshot && !plan.create_slot);
    assert_int_equal(plan.start_lsn, CONFIRMED + 8);
    assert_int_equal(plan.flush_lsn, CONFIRMED + 8);
    assert_int_equal(plan.resume.commit_lsn, CONFIRMED - 8);
    assert_int_equal(plan.resume.ordinal, 3);
}

static void
a_snapshot_that_replaces_an_offset_goes_on_too(void **state)
{
    (void)state;
    assert_true(plan_with_progress(ALWAYS, OWN, SLOT, SOUND).resume_snapshot);
    assert_true(plan_with_progress(WHEN_NEEDED, OWN, SLOT, SOUND).resume_snapshot);
    assert_true(plan_with_progress(WHEN_NEEDED, BARE, SLOT, SOUND).resume_snapshot);
    assert_true(plan_with_progress(INITIAL, IN_SNAPSHOT, SLOT, SOUND).resume_snapshot);
    assert_true(plan_with_progress(INITIAL_ONLY, NOTHING, NO_SLOT, SOUND).resume_snapshot);
}

static void
a_snapshot_begins_anew_when_its_stream_cannot_go_on(void **state)
{
    (void)state;
    for (enum flaw f = OTHER_OFFSET; f <= TOO_FAR; f++) {
        struct startup_plan plan = plan_with_progress(INITIAL, NOTHING, SLOT, f);

        if (plan.resume_snapshot || !plan.snapshot || plan.start_lsn != CONFIRMED)
            fail_msg("flaw %d: resume %d, snapshot %d", (int)f, plan.resume_snapshot,
                     plan.snapshot);
    }
    assert_true(plan_with_progress(INITIAL, NOTHING, NO_SLOT, SOUND).create_slot);
    assert_false(plan_with_progress(INITIAL, NOTHING, NO_SLOT, SOUND).resume_snapshot);
    assert_false(plan_with_progress(WHEN_NEEDED, NOTHING, SLOT_LOST, SOUND).resume_snapshot);
    assert_false(plan_with_progress(INITIAL_ONLY, NOTHING, NO_SLOT, OTHER_SYSTEM).resume_snapshot);
}

static void
what_was_asked_for_is_read_in_every_mode_that_streams(void **state)
{
    struct startup_plan plan;

    (void)state;
    requested = true;
    assert_true(plan_with_progress(INITIAL, OWN, SLOT, SOUND).resume_snapshot);
    assert_true(plan_with_progress(NO_DATA, OWN_SNAPSHOT, SLOT, SOUND).resume_snapshot);
    /* Not from an offset that is another by now. */
    plan = plan_with_progress(INITIAL, BARE_SNAPSHOT, SLOT, OTHER_OFFSET);
    assert_false(plan.resume_snapshot || plan.snapshot);
    requested = false;
}

static void
an_offset_that_is_good_leaves_a_progress_alone(void **state)
{
    struct startup_plan plan = plan_with_progress(NO_DATA, NOTHING, SLOT, SOUND);

    (void)state;
    assert_false(plan.resume_snapshot || plan.snapshot);
    plan = plan_with_progress(WHEN_NEEDED, BARE_SNAPSHOT, SLOT, OTHER_OFFSET);
    assert_false(plan.resume_snapshot || plan.snapshot);
}

/* ------------------------------------------------------------------------------------------------ where to go on */

static struct pipeline_resume
resume_of(const struct offset *o)
{
    struct pg_slot slot = make_slot(SLOT);
    struct pg_server server = {.system_id = SYSTEM, .wal_lsn = WAL};
    struct startup_facts f = {.connector = "c",
                              .mode = modes[INITIAL],
                              .slot_name = "orders",
                              .database = "shop",
                              .has_offset = true,
                              .offset = o,
                              .server = &server,
                              .has_slot = true,
                              .slot = &slot};
    struct startup_plan plan;
    struct err e;

    if (!startup_decide(&f, &plan, &e))
        fail_msg("%s", e.msg);
    return plan.resume;
}

static void
our_own_offset_names_the_change_exactly(void **state)
{
    struct offset o = make_offset(OWN, 600);
    struct pipeline_resume r;

    (void)state;
    r = resume_of(&o);
    assert_false(r.bare);
    assert_int_equal(r.commit_lsn, 592);
    assert_int_equal(r.ordinal, 3);
    assert_int_equal(r.last_commit_lsn, 600); /* the end of the last whole transaction */
    o.commit_end = 0;
    assert_int_equal(resume_of(&o).last_commit_lsn, 90);
}

static void
debeziums_offset_names_a_row_of_a_transaction(void **state)
{
    struct offset o = make_offset(BARE, 600);
    struct pipeline_resume r;

    (void)state;
    o.lsn_commit = 550;
    o.has_txid = true;
    o.txid = 77;
    r = resume_of(&o);
    assert_true(r.bare && r.bare_is_row);
    assert_int_equal(r.bare_commit, 550);
    assert_int_equal(r.bare_lsn, 600);
    assert_int_equal(r.bare_rows, 1);
    assert_int_equal(r.bare_xid, 77);
    assert_int_equal(r.last_commit_lsn, 550);
    o.events_processed = 4;
    o.has_txid = false;
    r = resume_of(&o);
    assert_int_equal(r.bare_rows, 4);
    assert_int_equal(r.bare_xid, 0);
}

static void
what_stands_at_the_position_depends_on_the_message_type(void **state)
{
    static const struct {
        const char *type;
        uint64_t commit;
        bool is_row;
    } types[] = {
        {"INSERT", 550, true},
        {"UPDATE", 550, true},
        {"DELETE", 550, true},
        {"TRUNCATE", 550, true},
        {"MESSAGE", 550, true},
        {"MESSAGE", 600, false}, /* outside of a transaction it is its own commit */
        {"COMMIT", 600, false},
        {"BEGIN", 550, false},
        {"NOOP", 550, false},
        {"", 550, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        struct offset o = make_offset(BARE, 600);

        snprintf(o.message_type, sizeof(o.message_type), "%s", types[i].type);
        o.lsn_commit = types[i].commit;
        assert_int_equal(resume_of(&o).bare_is_row, types[i].is_row);
    }
}

static void
a_finished_snapshot_names_no_change(void **state)
{
    struct offset o = make_offset(BARE_SNAPSHOT, 600);
    struct pipeline_resume r;

    (void)state;
    r = resume_of(&o);
    assert_false(r.bare);
    assert_int_equal(r.commit_lsn, 0);
    assert_int_equal(r.last_commit_lsn, 0);
}

static void
an_offset_without_lsn_proc_is_judged_by_its_lsn(void **state)
{
    struct offset o = {.lsn = 600, .message_type = "INSERT"};

    (void)state;
    assert_false(
        resume_of(&o).bare_is_row); /* nothing to look for: what comes from there on is delivered */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_has_its_decision),
        cmocka_unit_test(nothing_is_flushed_that_lies_behind_the_slot),
        cmocka_unit_test(every_refusal_names_what_settles_it),
        cmocka_unit_test(positions_are_named_in_messages),
        cmocka_unit_test(a_promoted_server_that_had_all_goes_on),
        cmocka_unit_test(a_promoted_server_that_lacks_what_was_delivered_is_refused),
        cmocka_unit_test(what_a_promoted_server_lacks_is_settled_by_strategy_or_mode),
        cmocka_unit_test(a_snapshot_goes_on_where_its_stream_stands),
        cmocka_unit_test(a_snapshot_that_replaces_an_offset_goes_on_too),
        cmocka_unit_test(a_snapshot_begins_anew_when_its_stream_cannot_go_on),
        cmocka_unit_test(what_was_asked_for_is_read_in_every_mode_that_streams),
        cmocka_unit_test(an_offset_that_is_good_leaves_a_progress_alone),
        cmocka_unit_test(our_own_offset_names_the_change_exactly),
        cmocka_unit_test(debeziums_offset_names_a_row_of_a_transaction),
        cmocka_unit_test(what_stands_at_the_position_depends_on_the_message_type),
        cmocka_unit_test(a_finished_snapshot_names_no_change),
        cmocka_unit_test(an_offset_without_lsn_proc_is_judged_by_its_lsn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
