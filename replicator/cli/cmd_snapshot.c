/* snapshot: asks a connector that is stopped to read tables at its next start, as the rest of a snapshot is read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/filter.h"
#include "replicator/cli/conf_args.h"
#include "replicator/pg/catalog.h"
#include "replicator/pg/slot.h"
#include "replicator/progress.h"

enum { SNAPSHOT_JSON_MAX = 4 << 20 };

struct snapshot_job {
    const struct cli_args *args;
    struct config *config;
    struct offset_store *store;
    struct offset offset;
    struct pg_params *params;
    PGconn *conn;
    struct filter *filter;
    struct catalog_table *tables;
    size_t ntables;
};

static bool
job_open(struct snapshot_job *j, struct err *e)
{
    bool found = false;

    j->config = conf_args_read(j->args, cli_operand(j->args, 0), e);
    j->store = j->config ? offset_store_open(j->config, e) : NULL;
    if (!j->store || !j->store->ops->load(j->store, &j->offset, &found, e))
        return false;
    if (!config_bool(j->config, "walbridge.snapshot.resume"))
        return err_set(e, ERR_CONFIG, "snapshot.request",
                       "walbridge.snapshot.resume is false: a snapshot of some tables needs it");
    if (j->store->beside[OFFSET_PROGRESS])
        return err_set(e, ERR_FATAL, "snapshot.request",
                       "a snapshot of \"%s\" is under way already; start it and let it finish",
                       config_name(j->config));
    if (!found || !j->offset.own || (j->offset.snapshot[0] && !j->offset.snapshot_completed))
        return err_set(e, ERR_FATAL, "snapshot.request",
                       "\"%s\" has no stored position of its own yet; start it once",
                       config_name(j->config));
    j->params = pg_params_from_config(j->config, e);
    j->conn = j->params ? pg_connect(j->params, PG_GENERAL, e) : NULL;
    j->filter = j->conn ? filter_new(j->config, e) : NULL;
    return j->filter && catalog_tables(j->conn, &j->tables, &j->ntables, e);
}

static void
job_close(struct snapshot_job *j)
{
    catalog_tables_free(j->tables, j->ntables);
    filter_free(j->filter);
    PQfinish(j->conn);
    pg_params_free(j->params);
    offset_free(&j->offset);
    if (j->store)
        j->store->ops->close(j->store);
    config_free(j->config);
}

/* A connector that runs holds what it stores next in memory, and would write over the request. */
static bool
job_check_slot(const struct snapshot_job *j, struct err *e)
{
    const char *name = config_str(j->config, "slot.name");
    struct pg_slot slot;
    bool found;

    if (!pg_slot_get(j->conn, name, &slot, &found, e))
        return false;
    if (!found)
        return err_set(e, ERR_FATAL, "slot.missing", "slot \"%s\" does not exist", name);
    return !slot.active || err_set(e, ERR_FATAL, "slot.in_use",
                                   "slot \"%s\" is in use by pid %d; stop the connector first",
                                   name, slot.active_pid);
}

static bool
job_names(const struct snapshot_job *j, const struct catalog_table *t)
{
    char *name = mem_printf("%s.%s", t->schema, t->name);
    bool named = false;

    for (size_t i = 1; i < cli_noperands(j->args); i++)
        named |= strcmp(cli_operand(j->args, i), name) == 0;
    free(name);
    return named;
}

static bool
job_is_captured(const struct snapshot_job *j, const char *operand)
{
    for (size_t i = 0; i < j->ntables; i++) {
        const struct catalog_table *t = &j->tables[i];
        char *name = mem_printf("%s.%s", t->schema, t->name);
        bool same = strcmp(operand, name) == 0;

        free(name);
        if (same)
            return filter_table(j->filter, slice_of(t->schema), slice_of(t->name));
    }
    return false;
}

/* A snapshot of which all is done but those tables, up to where the connector stands. */
static bool
job_ask(struct snapshot_job *j, struct err *e)
{
    struct progress p = {0};
    struct buf json;
    bool ok;

    progress_ask(&p, &j->offset);
    for (size_t i = 0; i < j->ntables; i++) {
        const struct catalog_table *t = &j->tables[i];

        if (filter_table(j->filter, slice_of(t->schema), slice_of(t->name)) && !job_names(j, t))
            progress_table(&p, t->oid, t->schema, t->name)->whole = true;
    }
    buf_init(&json, SNAPSHOT_JSON_MAX);
    progress_to_json(&p, &json);
    ok = json.n <= PROGRESS_MAX
             ? j->store->ops->save_beside(j->store, OFFSET_PROGRESS, buf_cstr(&json), e)
             : err_set(e, ERR_FATAL, "snapshot.request",
                       "too many tables are captured for a request to be stored");
    progress_clear(&p);
    buf_free(&json);
    return ok;
}

static bool
job_run(struct snapshot_job *j, struct err *e)
{
    if (!job_open(j, e) || !job_check_slot(j, e))
        return false;
    for (size_t i = 1; i < cli_noperands(j->args); i++)
        if (!job_is_captured(j, cli_operand(j->args, i)))
            return err_set(e, ERR_CONFIG, "snapshot.request",
                           "table \"%s\" is not there, or \"%s\" does not capture it; tables are "
                           "named as schema.table",
                           cli_operand(j->args, i), config_name(j->config));
    return job_ask(j, e);
}

static int
snapshot_run(const struct cli_args *a)
{
    struct snapshot_job j = {.args = a};
    struct err e = {0};
    int code = EXIT_OK;

    if (job_run(&j, &e)) {
        printf("\"%s\" reads %zu table%s at its next start\n", config_name(j.config),
               cli_noperands(a) - 1, cli_noperands(a) == 2 ? "" : "s");
    } else if (strcmp(e.code, "slot.in_use") == 0) {
        fprintf(stderr, "walbridge: refused: %s\n", e.msg);
        code = EXIT_REFUSED;
    } else {
        code = conf_args_failed(&e);
    }
    job_close(&j);
    return code;
}

static const struct cli_option snapshot_options[] = {
    CONF_SET_OPTION,
    {0, NULL, NULL, false, NULL, NULL},
};

const struct cli_command cmd_snapshot = {
    .path = "snapshot",
    .operands = "FILE TABLE...",
    .min_operands = 2,
    .max_operands = -1,
    .options = snapshot_options,
    .run = snapshot_run,
    .help = "Ask a stopped connector to read tables at its next start.",
    .details =
        "FILE is the connector's file, as for run; a TABLE is schema.table and captured, as one "
        "that "
        "was just added to table.include.list. At its next start the connector first streams up to "
        "a new point, then reads these tables as of that point, then goes on: nothing is lost, "
        "and no signal table is needed. 'walbridge offsets show' tells whether it is done.",
};
