/* walbridge record: the raw stream of a connector's slot, with what the catalog says, into a file. Confirms nothing. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "decoder/pgoutput.h"
#include "replicator/cli/conf_args.h"
#include "replicator/pg/catalog.h"
#include "replicator/pg/slot.h"
#include "replicator/pg/wal.h"
#include "replicator/recording.h"
#include "replicator/uuid.h"

enum {
    RECORD_STATUS_US = 1000000, /* also how often an idle server is asked where it stands */
    RECORD_WAIT_MS = 200,
    RECORD_SECONDS_MAX = 31536000,
};

struct record_job {
    struct config *config;
    struct pg_params *params;
    struct pg_server server;
    struct catalog *catalog;
    struct wal *wal;
    struct types *types;
    struct pgo *pgo;
    struct recording *recording;
    int signal_fd;
    uint64_t until_lsn; /* 0: no such end */
    int64_t until_us;   /* INT64_MAX: no such end */
    bool in_txn, done;
    uint64_t received, frames, transactions;
    int64_t status_us;
};

static bool
record_options(const struct cli_args *a, struct record_job *j, struct err *e)
{
    const char *until = cli_value(a, "until"), *seconds = cli_value(a, "seconds");
    int64_t n = 0;

    if ((until != NULL) + (seconds != NULL) + cli_flag(a, "current") > 1)
        return err_set(e, ERR_CONFIG, "cli.usage",
                       "--until, --seconds and --current exclude each other");
    if (!cli_value(a, "output"))
        return err_set(e, ERR_CONFIG, "cli.usage", "--output FILE is needed");
    if (until && !num_parse_lsn(slice_of(until), &j->until_lsn))
        return err_set(e, ERR_CONFIG, "cli.usage",
                       "--until must be a position such as 0/16B3748, got \"%s\"", until);
    if (seconds && (!num_parse_i64(slice_of(seconds), &n) || n < 1 || n > RECORD_SECONDS_MAX))
        return err_set(e, ERR_CONFIG, "cli.usage",
                       "--seconds must be a number from 1 to %d, got \"%s\"", RECORD_SECONDS_MAX,
                       seconds);
    j->until_us = seconds ? clock_mono_us() + n * 1000000 : INT64_MAX;
    return true;
}

/* ------------------------------------------------------------------------------------------------ opening */

static bool
record_check_slot(const char *name, const char *database, bool exists, const struct pg_slot *s,
                  struct err *e)
{
    if (!exists)
        return err_set(e, ERR_CONFIG, "slot.absent",
                       "slot \"%s\" does not exist; make it: walbridge slot create", name);
    if (strcmp(s->plugin, "pgoutput") != 0 || strcmp(s->database, database) != 0)
        return err_set(e, ERR_CONFIG, "slot.foreign",
                       "slot \"%s\" is one of plugin \"%s\" in database \"%s\"; pgoutput in \"%s\" "
                       "is needed",
                       name, s->plugin, s->database, database);
    if (s->active)
        return err_set(
            e, ERR_RETRY, "slot.in_use",
            "slot \"%s\" is in use by pid %d; stop that reader, or record from a slot of "
            "its own (walbridge slot create, --set slot.name=...)",
            name, s->active_pid);
    return true;
}

/* The general session becomes the catalog's. */
static bool
record_open_server(const struct cli_args *a, struct record_job *j, struct pg_slot *slot,
                   struct err *e)
{
    const char *name = config_str(j->config, "slot.name");
    struct wal_options o = {
        .slot = name,
        .publication = config_str(j->config, "publication.name"),
        .messages = true,
        .extra = config_str(j->config, "slot.stream.params"),
    };
    PGconn *conn, *repl;
    bool exists;

    j->params = pg_params_from_config(j->config, e);
    if (!j->params || !(conn = pg_connect(j->params, PG_GENERAL, e)))
        return false;
    if (!pg_server_info(conn, &j->server, e) || !pg_slot_get(conn, name, slot, &exists, e) ||
        !record_check_slot(name, PQdb(conn), exists, slot, e)) {
        PQfinish(conn);
        return false;
    }
    j->types = types_new();
    j->catalog = catalog_new(j->params, conn, j->types);
    if (cli_flag(a, "current"))
        j->until_lsn = j->server.wal_lsn;
    o.server_version = j->server.version;
    repl = pg_connect(j->params, PG_REPLICATION, e);
    j->wal = repl ? wal_open(repl, &o, e) : NULL;
    return j->wal != NULL;
}

/* The file comes last: what cannot be recorded leaves none. */
static bool
record_open(const struct cli_args *a, struct record_job *j, struct err *e)
{
    struct pg_slot slot = {0};
    char run_id[40];

    j->config = conf_args_read(a, cli_operand(a, 0), e);
    if (!j->config || !record_open_server(a, j, &slot, e))
        return false;
    j->pgo = pgo_new();
    uuid_v7(run_id);
    j->recording = recording_create(cli_value(a, "output"),
                                    &(struct recording_info){
                                        .config = j->config,
                                        .run_id = run_id,
                                        .server_version = (uint32_t)j->server.version,
                                        .system_id = j->server.system_id,
                                        .start_lsn = slot.confirmed_lsn,
                                    },
                                    e);
    return j->recording != NULL;
}

static void
record_close(struct record_job *j)
{
    recording_close(j->recording);
    pgo_free(j->pgo);
    wal_close(j->wal);
    catalog_free(j->catalog);
    if (j->types)
        types_free(j->types);
    pg_params_free(j->params);
    if (j->config)
        config_free(j->config);
}

/* ------------------------------------------------------------------------------------------------ recording */

/* Status without a flush position: the slot stays where it is. */
static bool
record_status(struct record_job *j, bool ask, struct err *e)
{
    j->status_us = clock_mono_us();
    return wal_status(j->wal, j->received, 0, ask, e);
}

static bool
record_relation(struct record_job *j, const struct pgo_relation *rel, struct err *e)
{
    const struct relation_facts *facts = NULL;

    if (!catalog_ask(j->catalog, rel, e))
        return false;
    for (;;) {
        struct pollfd fd;

        switch (catalog_poll(j->catalog, j->types, &facts, e)) {
        case FACTS_READY:
            return recording_add_relation(j->recording, rel, facts, j->types, e);
        case FACTS_BUSY:
            break;
        case FACTS_IDLE:
            return err_set(e, ERR_BUG, "catalog.idle", "the catalog was never asked");
        case FACTS_FAILED:
            return err_wrap(e, "looking up table \"%.*s.%.*s\"", SLICE_ARG(rel->schema),
                            SLICE_ARG(rel->table));
        }
        fd = (struct pollfd){catalog_fd(j->catalog),
                             (short)(POLLIN | (catalog_wants_write(j->catalog) ? POLLOUT : 0)), 0};
        if (poll(&fd, 1, RECORD_WAIT_MS) < 0 && errno != EINTR)
            return err_set(e, ERR_FATAL, "cli.poll", "poll: %s", strerror(errno));
    }
}

static bool
record_frame(struct record_job *j, const struct wal_frame *f, struct err *e)
{
    struct pgo_msg m;

    if (f->start > j->received)
        j->received = f->start;
    j->frames++;
    /* A message that cannot be decoded is what a recording may be made for: it is kept, and nothing is looked up. */
    if (pgo_decode(j->pgo, f->data, &m, NULL)) {
        if (m.type == PGO_RELATION && !record_relation(j, &m.u.relation, e))
            return false;
        if (m.type == PGO_BEGIN)
            j->in_txn = true;
        if (m.type == PGO_COMMIT) {
            j->in_txn = false;
            j->transactions++;
            j->done = j->until_lsn && m.u.commit.end_lsn >= j->until_lsn;
        }
    }
    return recording_add_frame(j->recording, f->start, clock_now_ns(), f->data, e);
}

static bool
record_keepalive(struct record_job *j, const struct wal_frame *f, struct err *e)
{
    if (f->end > j->received)
        j->received = f->end;
    if (j->until_lsn && f->end >= j->until_lsn && !j->in_txn)
        j->done = true;
    return (!f->reply || record_status(j, false, e)) &&
           recording_add_keepalive(j->recording, f->end, e);
}

/* Waits for the server, a signal, or the time. */
static bool
record_wait(struct record_job *j, struct err *e)
{
    struct pollfd fds[2] = {{j->signal_fd, POLLIN, 0}, {wal_fd(j->wal), POLLIN, 0}};

    if (clock_mono_us() - j->status_us >= RECORD_STATUS_US && !record_status(j, true, e))
        return false;
    if (poll(fds, 2, RECORD_WAIT_MS) < 0 && errno != EINTR)
        return err_set(e, ERR_FATAL, "cli.poll", "poll: %s", strerror(errno));
    if (fds[0].revents)
        j->done = true;
    return wal_read(j->wal, e);
}

static bool
record_loop(struct record_job *j, struct err *e)
{
    struct wal_frame f;

    if (!record_status(j, true, e))
        return false;
    while (!j->done && clock_mono_us() < j->until_us) {
        bool ok = false;

        switch (wal_next(j->wal, &f, e)) {
        case WAL_DATA:
            ok = record_frame(j, &f, e);
            break;
        case WAL_KEEPALIVE:
            ok = record_keepalive(j, &f, e);
            break;
        case WAL_NONE:
            ok = record_wait(j, e);
            break;
        case WAL_ERROR:
            break;
        }
        if (!ok)
            return false;
    }
    return true;
}

/* What came before an error is worth keeping: the recording gets its end unless writing it was what failed. */
static bool
record_run(struct record_job *j, struct err *e)
{
    bool ok = record_loop(j, e), finished;
    char lsn[NUM_LSN_TEXT];

    if (!ok && strcmp(e->code, "recording.file") == 0)
        return false;
    finished = recording_finish(j->recording, ok ? e : NULL);
    if (finished)
        log_info("recorded %" PRIu64 " messages, %" PRIu64 " whole transactions, %" PRIu64
                 " bytes, up to %s",
                 j->frames, j->transactions, recording_bytes(j->recording),
                 num_lsn_text(lsn, j->received));
    return ok && finished;
}

static int
record_main(const struct cli_args *a)
{
    struct record_job j = {.signal_fd = -1};
    struct err e = {0};
    sigset_t set;
    int code = EXIT_OK;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    j.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (!record_options(a, &j, &e) || !record_open(a, &j, &e) || !record_run(&j, &e)) {
        code = conf_args_failed(&e);
        if (strcmp(e.code, "cli.usage") == 0)
            code = EXIT_USAGE;
        else if (strcmp(e.code, "slot.in_use") == 0)
            code = EXIT_REFUSED;
    }
    record_close(&j);
    close(j.signal_fd);
    return code;
}

static const struct cli_option record_options_table[] = {
    {'o', "output", "RECORDING", false, NULL,
     "The file to make; one that exists is not written over."},
    {0, "until", "LSN", false, NULL, "End once everything up to this position is recorded."},
    {0, "seconds", "N", false, NULL, "End after so many seconds."},
    {0, "current", NULL, false, NULL, "End once everything that is written by now is recorded."},
    CONF_SET_OPTION,
    {0, NULL, NULL, false, NULL, NULL},
};

const struct cli_command cmd_record = {
    .path = "record",
    .operands = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .options = record_options_table,
    .run = record_main,
    .help = "Record the raw stream of a connector's slot in a file.",
    .details =
        "FILE is the connector's file, as for run. Its slot must exist and be free; it stays where "
        "it is, so the same "
        "can be recorded again. With the stream are kept what the catalog says of its tables and "
        "types, and the "
        "connector's settings without secrets; 'walbridge decode' needs nothing else. The "
        "recording holds the "
        "values of all columns of the publication. Ends at an interrupt, unless told otherwise.",
};
