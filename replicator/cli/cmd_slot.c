/* slot create, drop, advance: changing slots. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "replicator/cli/slot_session.h"
#include "replicator/offset.h"

enum {
    RELEASE_TIMEOUT_MS = 10000,
    COUNT_LIMIT = 100000, /* messages looked at before an advance */
};

/* ---- slot create ---- */

/* A slot that is older than its publication can never decode: pgoutput looks the publication up as of each change. */
static int
create_check_publication(const struct cli_args *a, struct slot_session *s)
{
    const char *name = cli_value(a, "publication") ? cli_value(a, "publication") : s->publication;
    struct err e = {0};
    bool exists;

    if (!name || cli_flag(a, "force"))
        return EXIT_OK;
    if (!slot_publication_exists(s->c, name, &exists, &e))
        return slot_failed(&e);
    if (!exists)
        return slot_refused(
            "publication \"%s\" does not exist; a slot made before it could never be read: CREATE "
            "PUBLICATION \"%s\" "
            "FOR TABLE … first, or --force",
            name, name);
    return EXIT_OK;
}

static int
create_slot(const struct cli_args *a, struct slot_session *s, const char *name, int64_t timeout_s)
{
    struct pg_slot_created made;
    struct err e = {0};
    char at[NUM_LSN_TEXT];
    PGconn *repl;
    bool ok;

    if (cli_flag(a, "failover") && PQserverVersion(s->c) < 170000)
        return slot_refused("--failover needs PostgreSQL 17; this server is %d",
                            PQserverVersion(s->c) / 10000);
    repl = pg_connect(s->params, PG_REPLICATION, &e);
    ok = repl && pg_slot_create_within(repl, s->c, name, false, cli_flag(a, "failover"), false,
                                       (int)timeout_s * 1000, &made, &e);
    PQfinish(repl);
    if (!ok)
        return slot_failed(&e);
    num_lsn_text(at, made.consistent_lsn);
    if (cli_flag(a, "json"))
        slot_print_json(json_pack("{s:s, s:s}", "slot", name, "consistent_point", at), false);
    else
        printf("created slot \"%s\"; it sees every transaction that commits after %s\n", name, at);
    return EXIT_OK;
}

static int
run_create(const struct cli_args *a)
{
    const char *timeout = cli_value(a, "timeout"), *name;
    struct slot_session s = {0};
    struct err e = {0};
    int64_t timeout_s = 90;
    int code;

    if (timeout &&
        (!num_parse_i64(slice_of(timeout), &timeout_s) || timeout_s < 1 || timeout_s > 86400)) {
        fprintf(stderr, "walbridge: --timeout must be seconds from 1 to 86400, got \"%s\"\n",
                timeout);
        return EXIT_USAGE;
    }
    if (!slot_session_open(a, &s, &e)) {
        code = slot_failed(&e);
    } else {
        name = slot_session_name(a, &s);
        code = name ? create_check_publication(a, &s) : EXIT_USAGE;
        if (code == EXIT_OK)
            code = create_slot(a, &s, name, timeout_s);
    }
    slot_session_close(&s);
    return code;
}

static const struct cli_option create_options[] = {
    SLOT_CONNECTION_OPTIONS,
    {0, "publication", "NAME", false, NULL,
     "The publication it will be read with; must exist (default: the connector's)."},
    {0, "failover", NULL, false, NULL, "Keep it on standbys too (PostgreSQL 17)."},
    {0, "timeout", "SECONDS", false, NULL,
     "How long to wait for open transactions to end (default 90)."},
    SLOT_FORCE_OPTION("Create it although the publication does not exist."),
    SLOT_JSON_OPTION,
    {0, NULL, NULL, false, NULL, NULL},
};

const struct cli_command cmd_slot_create = {
    .path = "slot create",
    .operands = "[SLOT]",
    .max_operands = 1,
    .options = create_options,
    .run = run_create,
    .help = "Create a logical slot for pgoutput.",
    .details =
        "Without SLOT: the slot.name of --config. From now on the server keeps all WAL the slot "
        "may need, until somebody "
        "reads it. Creation waits for every transaction that is open; when the time is over, the "
        "message names them.",
};

/* ---- slot drop ---- */

static int
drop_slot(const struct cli_args *a, struct slot_session *s, const char *name)
{
    struct slot_report r;
    struct err e = {0};
    char retained[32], lag[32], at[NUM_LSN_TEXT];
    int code = slot_session_report(s, name, &r);

    if (code == EXIT_OK)
        code = slot_session_may(a, s, &r, "drops");
    if (code != EXIT_OK)
        return code;
    if ((r.slot.active && !slot_release(s->c, name, RELEASE_TIMEOUT_MS, &e)) ||
        !pg_slot_drop(s->c, name, &e))
        return slot_failed(&e);
    if (cli_flag(a, "json"))
        slot_print_json(json_pack("{s:b, s:o}", "dropped", 1, "slot", slot_report_json(&r, s->own)),
                        false);
    else
        printf(
            "dropped slot \"%s\"; its confirmed position was %s, %s behind, and it retained %s\n",
            name, num_lsn_text(at, r.slot.confirmed_lsn), slot_bytes_text(lag, r.lag_bytes),
            slot_bytes_text(retained, r.retained_bytes));
    return EXIT_OK;
}

static int
run_drop(const struct cli_args *a)
{
    struct slot_session s = {0};
    struct err e = {0};
    int code;

    if (slot_session_open(a, &s, &e)) {
        const char *name = slot_session_name(a, &s);

        code = name ? drop_slot(a, &s, name) : EXIT_USAGE;
    } else {
        code = slot_failed(&e);
    }
    slot_session_close(&s);
    return code;
}

static const struct cli_option drop_options[] = {
    SLOT_CONNECTION_OPTIONS,
    SLOT_FORCE_OPTION("Drop it though it is in use (its session is ended) or is not ours."),
    SLOT_JSON_OPTION,
    {0, NULL, NULL, false, NULL, NULL},
};

const struct cli_command cmd_slot_drop = {
    .path = "slot drop",
    .operands = "[SLOT]",
    .max_operands = 1,
    .options = drop_options,
    .run = run_drop,
    .help = "Drop a slot and let the server remove the WAL it kept.",
    .details =
        "Without SLOT: the slot.name of --config. What the slot had not delivered is lost to its "
        "reader.\n\n" SLOT_THEIRS_TEXT,
};

/* ---- slot advance ---- */

struct advance {
    const char *name;
    uint64_t to;
    struct slot_report r;
    bool counted;
    struct slot_content content;
    struct err why_not; /* not counted */
};

static int
advance_target(const struct cli_args *a, struct slot_session *s, struct advance *v)
{
    const char *to = cli_value(a, "to");
    struct pg_server server;
    struct err e = {0};
    char text[2][NUM_LSN_TEXT];

    if (!pg_server_info(s->c, &server, &e))
        return slot_failed(&e);
    v->to = server.wal_lsn;
    if (to && !num_parse_lsn(slice_of(to), &v->to)) {
        fprintf(stderr, "walbridge: --to must be a position such as 0/16B3748, got \"%s\"\n", to);
        return EXIT_USAGE;
    }
    if (v->to > server.wal_lsn)
        return slot_refused("%s is ahead of the server, which has written up to %s",
                            num_lsn_text(text[0], v->to), num_lsn_text(text[1], server.wal_lsn));
    if (v->to < v->r.slot.confirmed_lsn)
        return slot_refused("slot \"%s\" stands at %s and cannot go back to %s", v->name,
                            num_lsn_text(text[0], v->r.slot.confirmed_lsn),
                            num_lsn_text(text[1], v->to));
    return EXIT_OK;
}

static void
advance_count(struct slot_session *s, struct advance *v)
{
    struct buf publications;

    buf_init(&publications, 1 << 20);
    if (v->r.slot.active)
        err_set(&v->why_not, ERR_CONFIG, "slot.in_use", "the slot is in use");
    else
        v->counted = slot_session_publications(s, &publications, &v->why_not) &&
                     slot_count(s->c, v->name, buf_cstr(&publications), v->to, COUNT_LIMIT,
                                &v->content, &v->why_not);
    buf_free(&publications);
}

static void
advance_say(const struct advance *v)
{
    const struct slot_content *k = &v->content;
    char from[NUM_LSN_TEXT], to[NUM_LSN_TEXT], bytes[32];

    printf("slot \"%s\" stands at %s; advancing it to %s skips %s of WAL", v->name,
           num_lsn_text(from, v->r.slot.confirmed_lsn), num_lsn_text(to, v->to),
           slot_bytes_text(bytes, (int64_t)(v->to - v->r.slot.confirmed_lsn)));
    if (!v->counted)
        printf("; what is in it cannot be counted: %s\n", v->why_not.msg);
    else
        printf(
            " with %s%llu transaction%s and %llu change%s of %llu table%s (%llu inserts, %llu "
            "updates, %llu deletes, %llu "
            "truncates, %llu messages)\n",
            k->more ? "at least " : "", (unsigned long long)k->transactions,
            k->transactions == 1 ? "" : "s", (unsigned long long)k->changes,
            k->changes == 1 ? "" : "s", (unsigned long long)k->tables, k->tables == 1 ? "" : "s",
            (unsigned long long)k->inserts, (unsigned long long)k->updates,
            (unsigned long long)k->deletes, (unsigned long long)k->truncates,
            (unsigned long long)k->messages);
    fflush(stdout);
}

static int
advance_confirm(const struct cli_args *a)
{
    char line[16];

    if (cli_flag(a, "yes"))
        return EXIT_OK;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return slot_refused("nothing was changed; --yes confirms");
    printf("Skip them for good? [y/N] ");
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y'))
        return EXIT_OK;
    return slot_refused("nothing was changed");
}

/*
 * The connector's stored offset follows, as if all up to `to` had been delivered; else it would refuse to start, because its
 * slot was moved behind its back.
 */
static bool
advance_offset(struct slot_session *s, uint64_t to, bool *moved, struct err *e)
{
    struct offset_store *store = offset_store_open(s->config, e);
    struct pg_server server;
    struct offset o = {0};
    bool found = false, ok;

    *moved = false;
    if (!store)
        return err_wrap(e, "opening the connector's offset store");
    ok = store->ops->load(store, &o, &found, e) && pg_server_info(s->c, &server, e);
    if (ok && found) {
        offset_move(&o, to, server.system_id, server.timeline, s->own, s->database);
        ok = store->ops->save(store, &o, e);
        *moved = ok;
    }
    offset_free(&o);
    store->ops->close(store);
    return ok || err_wrap(e, "moving the connector's stored offset");
}

static int
advance_slot(const struct cli_args *a, struct slot_session *s, struct advance *v)
{
    bool own = s->own && strcmp(s->own, v->name) == 0, moved = false;
    struct err e = {0};
    char at[NUM_LSN_TEXT];
    uint64_t end;

    if ((v->r.slot.active && !slot_release(s->c, v->name, RELEASE_TIMEOUT_MS, &e)) ||
        !pg_slot_advance(s->c, v->name, v->to, &end, &e))
        return slot_failed(&e);
    num_lsn_text(at, end);
    if (own && !advance_offset(s, end, &moved, &e)) {
        fprintf(stderr,
                "walbridge: slot \"%s\" was advanced to %s, but the connector's offset was not: "
                "'walbridge offsets accept' "
                "settles it\n",
                v->name, at);
        return slot_failed(&e);
    }
    if (cli_flag(a, "json")) {
        json_t *j =
            json_pack("{s:s, s:s, s:b}", "slot", v->name, "position", at, "offset_moved", moved);

        json_object_set_new(j, "skipped_bytes",
                            json_integer((json_int_t)(end - v->r.slot.confirmed_lsn)));
        json_object_set_new(j, "skipped_transactions",
                            v->counted ? json_integer((json_int_t)v->content.transactions)
                                       : json_null());
        json_object_set_new(j, "skipped_changes",
                            v->counted ? json_integer((json_int_t)v->content.changes)
                                       : json_null());
        json_object_set_new(j, "counted_all", json_boolean(v->counted && !v->content.more));
        slot_print_json(j, false);
    } else {
        printf("advanced slot \"%s\" to %s%s\n", v->name, at,
               moved ? "; the connector's offset follows" : "");
    }
    return EXIT_OK;
}

static int
run_advance(const struct cli_args *a)
{
    struct slot_session s = {0};
    struct advance v = {0};
    struct err e = {0};
    int code;

    if (!slot_session_open(a, &s, &e)) {
        code = slot_failed(&e);
    } else {
        if (cli_value(a, "publication"))
            s.publication = cli_value(a, "publication");
        v.name = slot_session_name(a, &s);
        code = v.name ? slot_session_report(&s, v.name, &v.r) : EXIT_USAGE;
        if (code == EXIT_OK)
            code = slot_session_may(a, &s, &v.r, "advances");
        if (code == EXIT_OK)
            code = advance_target(a, &s, &v);
        if (code == EXIT_OK) {
            advance_count(&s, &v);
            if (!cli_flag(a, "json"))
                advance_say(&v);
            code = advance_confirm(a);
        }
        if (code == EXIT_OK)
            code = advance_slot(a, &s, &v);
    }
    slot_session_close(&s);
    return code;
}

static const struct cli_option advance_options[] = {
    SLOT_CONNECTION_OPTIONS,
    {0, "to", "LSN", false, NULL, "Where to (default: all that is written now)."},
    {0, "publication", "NAME", false, NULL,
     "Count by this publication (default: the connector's, or all)."},
    {'y', "yes", NULL, false, NULL, "Do not ask."},
    SLOT_FORCE_OPTION("Advance it though it is in use (its session is ended) or is not ours."),
    SLOT_JSON_OPTION,
    {0, NULL, NULL, false, NULL, NULL},
};

const struct cli_command cmd_slot_advance = {
    .path = "slot advance",
    .operands = "[SLOT]",
    .max_operands = 1,
    .options = advance_options,
    .run = run_advance,
    .help = "Move a slot forward, skipping what it has not delivered.",
    .details =
        "Says first how many bytes, transactions and changes would be skipped, and asks. They are "
        "gone for the slot's reader. "
        "Without SLOT: the slot.name of --config. With --config the connector's stored offset is "
        "moved along, so that it "
        "starts from there.\n\n" SLOT_THEIRS_TEXT,
};
