/* offsets show, accept, reset: a connector's stored offset, for when it and the server no longer agree. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "replicator/cli/conf_args.h"
#include "replicator/offset.h"
#include "replicator/pg/conn.h"
#include "replicator/pg/slot.h"
#include "replicator/progress.h"

/* A connector's file, its store, and what is stored there. */
struct offsets_job {
    struct config *config;
    struct offset_store *store;
    struct offset offset;
    bool found;
};

static bool
offsets_open(const struct cli_args *a, struct offsets_job *j, struct err *e)
{
    j->config = conf_args_read(a, cli_operand(a, 0), e);
    if (!j->config)
        return false;
    j->store = offset_store_open(j->config, e);
    return j->store != NULL;
}

/* After offsets_open: a reset works on an offset that cannot be read, too. */
static bool
offsets_load(struct offsets_job *j, struct err *e)
{
    return j->store->ops->load(j->store, &j->offset, &j->found, e);
}

static void
offsets_close(struct offsets_job *j)
{
    offset_free(&j->offset);
    if (j->store)
        j->store->ops->close(j->store);
    if (j->config)
        config_free(j->config);
}

static int
offsets_refused(const char *why)
{
    fprintf(stderr, "walbridge: refused: %s\n", why);
    return EXIT_REFUSED;
}

static int
offsets_confirm(const struct cli_args *a, const char *question)
{
    char line[16];

    if (cli_flag(a, "yes"))
        return EXIT_OK;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return offsets_refused("nothing was changed; --yes confirms");
    printf("%s [y/N] ", question);
    fflush(stdout);
    if (fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y'))
        return EXIT_OK;
    return offsets_refused("nothing was changed");
}

/* What a start compares with the slot. */
static uint64_t
offsets_position(const struct offset *o)
{
    return o->own ? o->flush_lsn : o->lsn_proc ? o->lsn_proc : o->lsn;
}

static bool
offsets_in_snapshot(const struct offset *o)
{
    return o->snapshot[0] && !o->snapshot_completed && !o->last_snapshot_record;
}

/* ---- offsets show ---- */

static void
offsets_set_lsn(json_t *j, const char *name, uint64_t lsn)
{
    char text[NUM_LSN_TEXT];

    json_object_set_new(j, name, lsn ? json_string(num_lsn_text(text, lsn)) : json_null());
}

static json_t *
offsets_own_json(const struct offset *o)
{
    json_t *j = json_object();
    char id[24];

    if (!o->own)
        return j;
    offsets_set_lsn(j, "flush_lsn", o->flush_lsn);
    offsets_set_lsn(j, "position_commit_lsn", o->pos_commit_lsn);
    offsets_set_lsn(j, "position_lsn", o->pos_lsn);
    json_object_set_new(j, "position_ordinal", json_integer((json_int_t)o->pos_ordinal));
    offsets_set_lsn(j, "commit_end", o->commit_end);
    snprintf(id, sizeof(id), "%" PRIu64, o->system_id);
    json_object_set_new(j, "system_identifier", json_string(id));
    json_object_set_new(j, "timeline", json_integer((json_int_t)o->timeline));
    json_object_set_new(j, "slot", json_string(o->slot));
    json_object_set_new(j, "database", json_string(o->database));
    return j;
}

static bool
offsets_print_json(const struct offsets_job *j, const char *debezium)
{
    json_t *doc = json_object();

    json_object_set_new(doc, "connector", json_string(config_name(j->config)));
    json_object_set_new(doc, "store", json_string(j->store->ops->name));
    json_object_set_new(doc, "stored", json_boolean(j->found));
    if (j->found) {
        offsets_set_lsn(doc, "position", offsets_position(&j->offset));
        json_object_set_new(doc, "own", j->offset.own ? offsets_own_json(&j->offset) : json_null());
        json_object_set_new(doc, "offset", json_loads(debezium, 0, NULL));
    }
    if (j->store->beside[OFFSET_PROGRESS])
        json_object_set_new(doc, "snapshot",
                            json_loads(j->store->beside[OFFSET_PROGRESS], 0, NULL));
    json_dumpf(doc, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(doc);
    return fflush(stdout) == 0;
}

static void
offsets_print_own(const struct offset *o)
{
    char a[NUM_LSN_TEXT], b[NUM_LSN_TEXT];

    printf("server     system identifier %" PRIu64 ", timeline %" PRIu32 ", database \"%s\"\n",
           o->system_id, o->timeline, o->database);
    printf("slot       \"%s\"\n", o->slot);
    if (o->pos_ordinal)
        printf("delivered  up to change %" PRIu64 " at %s of the transaction that commits at %s\n",
               o->pos_ordinal, num_lsn_text(a, o->pos_lsn), num_lsn_text(b, o->pos_commit_lsn));
    else
        printf("delivered  up to %s\n", num_lsn_text(a, o->pos_lsn));
}

static void
offsets_print_progress(const struct offsets_job *j)
{
    struct progress p = {0};
    struct err e = {0};
    size_t whole = 0;
    char at[NUM_LSN_TEXT];

    if (!j->store->beside[OFFSET_PROGRESS])
        return;
    if (!progress_from_json(j->store->beside[OFFSET_PROGRESS], &p, &e)) {
        printf("snapshot   interrupted; it begins anew: %s\n", e.msg);
        return;
    }
    for (size_t i = 0; i < p.n; i++)
        whole += p.tables[i].whole;
    printf("snapshot   interrupted; %zu tables are read, %zu in part; streamed since up to %s\n",
           whole, p.n - whole, num_lsn_text(at, p.position.flush_lsn));
    progress_clear(&p);
}

static bool
offsets_print_text(const struct offsets_job *j, const char *debezium)
{
    const struct offset *o = &j->offset;
    char at[NUM_LSN_TEXT];

    printf("connector  \"%s\", %s store\n", config_name(j->config), j->store->ops->name);
    offsets_print_progress(j);
    if (!j->found) {
        printf("position   none is stored: the connector begins %s\n",
               j->store->beside[OFFSET_PROGRESS] ? "with the rest of its snapshot" : "anew");
        return fflush(stdout) == 0;
    }
    if (offsets_in_snapshot(o))
        printf("position   in a snapshot that did not finish; it begins anew\n");
    else
        printf("position   %s%s\n", num_lsn_text(at, offsets_position(o)),
               o->own ? "" : " (written by Debezium)");
    if (o->own)
        offsets_print_own(o);
    printf("offset     %s\n", debezium);
    return fflush(stdout) == 0;
}

static int
offsets_run_show(const struct cli_args *a)
{
    struct offsets_job j = {0};
    struct err e = {0};
    struct buf debezium;
    int code = EXIT_OK;
    bool printed;

    buf_init(&debezium, 1 << 22);
    if (!offsets_open(a, &j, &e) || !offsets_load(&j, &e)) {
        code = conf_args_failed(&e);
    } else {
        if (j.found)
            offset_to_json(&j.offset, &debezium);
        printed = cli_flag(a, "json") ? offsets_print_json(&j, buf_cstr(&debezium))
                                      : offsets_print_text(&j, buf_cstr(&debezium));
        code = printed ? EXIT_OK : EXIT_FAILED;
    }
    buf_free(&debezium);
    offsets_close(&j);
    return code;
}

static const struct cli_option offsets_show_options[] = {
    {0, "json", NULL, false, NULL, "Print JSON."},
    CONF_SET_OPTION,
    {0, NULL, NULL, false, NULL, NULL},
};

const struct cli_command cmd_offsets_show = {
    .path = "offsets show",
    .operands = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .options = offsets_show_options,
    .run = offsets_run_show,
    .help = "Show a connector's stored offset.",
    .details =
        "FILE is the connector's file, as for run. Asks the offset store alone, not the "
        "server; 'walbridge slot list' shows where the slot stands.",
};

/* ---- offsets accept ---- */

struct offsets_target {
    struct pg_server server;
    struct pg_slot slot;
    const char *database;
};

static int
offsets_check_slot(const struct cli_args *a, const char *name, bool exists,
                   const struct offsets_target *t)
{
    if (!exists) {
        fprintf(stderr,
                "walbridge: slot \"%s\" does not exist, so there is no position to accept; to "
                "begin anew, run: walbridge offsets reset\n",
                name);
        return EXIT_FAILED;
    }
    if (strcmp(t->slot.plugin, "pgoutput") != 0 || strcmp(t->slot.database, t->database) != 0) {
        fprintf(stderr,
                "walbridge: slot \"%s\" is one of plugin \"%s\" in database \"%s\"; pgoutput in "
                "\"%s\" is needed\n",
                name, t->slot.plugin, t->slot.database, t->database);
        return EXIT_FAILED;
    }
    if (t->slot.confirmed_lsn == 0) {
        fprintf(stderr, "walbridge: slot \"%s\" is still being made\n", name);
        return EXIT_FAILED;
    }
    if (t->slot.active && !cli_flag(a, "force")) {
        fprintf(stderr,
                "walbridge: refused: slot \"%s\" is in use by pid %d, which may store an offset of "
                "its own; stop the connector, or --force\n",
                name, t->slot.active_pid);
        return EXIT_REFUSED;
    }
    return EXIT_OK;
}

static void
offsets_say_accept(const struct offsets_job *j, const struct offsets_target *t)
{
    const struct offset *o = &j->offset;
    uint64_t at = offsets_position(o);
    char a[NUM_LSN_TEXT], b[NUM_LSN_TEXT];

    printf("stored offset of \"%s\": %s", config_name(j->config), num_lsn_text(a, at));
    if (o->own)
        printf(" of slot \"%s\", database \"%s\", system identifier %" PRIu64, o->slot, o->database,
               o->system_id);
    printf("\nslot \"%s\": confirmed up to %s, database \"%s\", system identifier %" PRIu64 "\n",
           t->slot.name, num_lsn_text(b, t->slot.confirmed_lsn), t->database, t->server.system_id);
    if (o->own && o->system_id && o->system_id != t->server.system_id)
        printf(
            "these are different servers: what one wrote and the other did not is not "
            "delivered, or is delivered twice\n");
    else if (at == t->slot.confirmed_lsn)
        printf("they are the same\n");
    else if (at < t->slot.confirmed_lsn)
        printf("changes between %s and %s are not delivered\n", a, b);
    else
        printf("changes from %s on are delivered, also those that were delivered before\n", b);
    fflush(stdout);
}

static int
offsets_accept(const struct cli_args *a, struct offsets_job *j, PGconn *conn)
{
    const char *name = config_str(j->config, "slot.name");
    struct offsets_target t = {.database = PQdb(conn)};
    struct err e = {0};
    char at[NUM_LSN_TEXT];
    bool exists;
    int code;

    if (!pg_server_info(conn, &t.server, &e) || !pg_slot_get(conn, name, &t.slot, &exists, &e))
        return conf_args_failed(&e);
    code = offsets_check_slot(a, name, exists, &t);
    if (code != EXIT_OK)
        return code;
    offsets_say_accept(j, &t);
    code = offsets_confirm(a, "Go on from the slot?");
    if (code != EXIT_OK)
        return code;
    offset_move(&j->offset, t.slot.confirmed_lsn, t.server.system_id, t.server.timeline,
                t.slot.name, t.database);
    if (!j->store->ops->save(j->store, &j->offset, &e))
        return conf_args_failed(&e);
    printf("\"%s\" goes on from %s\n", config_name(j->config),
           num_lsn_text(at, t.slot.confirmed_lsn));
    return EXIT_OK;
}

static bool
offsets_open_server(struct offsets_job *j, struct pg_params **params, PGconn **conn, struct err *e)
{
    if (!j->found)
        return err_set(e, ERR_FATAL, "offsets.none",
                       "\"%s\" has no stored offset: there is nothing to accept",
                       config_name(j->config));
    *params = pg_params_from_config(j->config, e);
    if (*params)
        *conn = pg_connect(*params, PG_GENERAL, e);
    return *conn != NULL;
}

static int
offsets_run_accept(const struct cli_args *a)
{
    struct offsets_job j = {0};
    struct pg_params *params = NULL;
    struct err e = {0};
    PGconn *conn = NULL;
    int code;

    if (offsets_open(a, &j, &e) && offsets_load(&j, &e) &&
        offsets_open_server(&j, &params, &conn, &e))
        code = offsets_accept(a, &j, conn);
    else
        code = conf_args_failed(&e);
    PQfinish(conn);
    pg_params_free(params);
    offsets_close(&j);
    return code;
}

static const struct cli_option offsets_accept_options[] = {
    {'y', "yes", NULL, false, NULL, "Do not ask."},
    {0, "force", NULL, false, NULL, "Do it though the slot is in use."},
    CONF_SET_OPTION,
    {0, NULL, NULL, false, NULL, NULL},
};

const struct cli_command cmd_offsets_accept = {
    .path = "offsets accept",
    .operands = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .options = offsets_accept_options,
    .run = offsets_run_accept,
    .help = "Go on from where the slot stands, accepting the gap.",
    .details =
        "For a connector that refuses to start because its stored offset does not fit its "
        "slot, database or server. Says both positions, asks, and stores the slot's "
        "confirmed position as the offset. What lies between is not delivered. Refused "
        "while the slot is in use.",
};

/* ---- offsets reset ---- */

static void
offsets_say_reset(const struct offsets_job *j)
{
    char at[NUM_LSN_TEXT];

    if (j->store->beside[OFFSET_PROGRESS])
        printf("an interrupted snapshot of \"%s\" would begin anew\n", config_name(j->config));
    if (j->found)
        printf("stored offset of \"%s\": %s\n", config_name(j->config),
               num_lsn_text(at, offsets_position(&j->offset)));
    printf(
        "without it the connector begins anew: with snapshot.mode \"%s\", and with what slot "
        "\"%s\" still holds, also what was delivered before; a connector that runs stores it "
        "again\n",
        config_str(j->config, "snapshot.mode"), config_str(j->config, "slot.name"));
    fflush(stdout);
}

static int
offsets_run_reset(const struct cli_args *a)
{
    struct offsets_job j = {0};
    struct err e = {0};
    int code;

    if (!offsets_open(a, &j, &e)) {
        code = conf_args_failed(&e);
        offsets_close(&j);
        return code;
    }
    /* One that cannot be read may be what the reset is for. */
    if (!offsets_load(&j, &e) && e.cls == ERR_RETRY) {
        code = conf_args_failed(&e);
    } else if (e.cls == ERR_NONE && !j.found && !j.store->beside[OFFSET_PROGRESS]) {
        printf("\"%s\" has no stored offset\n", config_name(j.config));
        code = EXIT_OK;
    } else {
        if (e.cls != ERR_NONE)
            fprintf(stderr, "walbridge: %s\n", e.msg);
        offsets_say_reset(&j);
        code = offsets_confirm(a, "Erase it?");
        if (code == EXIT_OK && !j.store->ops->erase(j.store, &e))
            code = conf_args_failed(&e);
        else if (code == EXIT_OK)
            printf("the offset of \"%s\" is erased\n", config_name(j.config));
    }
    offsets_close(&j);
    return code;
}

static const struct cli_option offsets_reset_options[] = {
    {'y', "yes", NULL, false, NULL, "Do not ask."},
    CONF_SET_OPTION,
    {0, NULL, NULL, false, NULL, NULL},
};

const struct cli_command cmd_offsets_reset = {
    .path = "offsets reset",
    .operands = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .options = offsets_reset_options,
    .run = offsets_run_reset,
    .help = "Erase a connector's stored offset, so that it begins anew.",
    .details =
        "Stop the connector first: one that runs stores its offset again. The slot stays; "
        "'walbridge slot drop' removes it.",
};
