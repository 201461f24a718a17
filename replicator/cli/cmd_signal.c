/* signal: gives one to a running connector, by the way that it reads. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "replicator/cli/conf_args.h"
#include "replicator/kafka/signals.h"
#include "replicator/pg/conn.h"
#include "replicator/signal.h"
#include "replicator/uuid.h"

static bool
has_channel(const struct config *c, const char *channel)
{
    const char *list = config_str(c, "signal.enabled.channels");
    struct buf item;
    bool found = false;

    buf_init(&item, 1 << 16);
    while (list && config_list_next(&list, &item))
        found |= strcasecmp(buf_cstr(&item), channel) == 0;
    buf_free(&item);
    return found;
}

/* As a row of the signal table. */
static bool
send_row(const struct config *c, const struct signal *s, struct err *e)
{
    const char *table = config_str(c, "signal.data.collection"), *dot;
    const char *values[] = {s->id, s->type, s->data};
    struct pg_params *params;
    struct arena a;
    struct buf sql;
    PGconn *conn;
    PGresult *r = NULL;

    if (!table)
        return err_set(e, ERR_CONFIG, "signal.table",
                       "the connector's channel source needs signal.data.collection");
    params = pg_params_from_config(c, e);
    conn = params ? pg_connect(params, PG_GENERAL, e) : NULL;
    if (conn) {
        arena_init(&a);
        buf_init(&sql, 4096);
        dot = strchr(table, '.');
        BUF_LIT(&sql, "INSERT INTO ");
        pg_ident(&sql, arena_strndup(&a, table, (size_t)(dot - table)));
        buf_putc(&sql, '.');
        pg_ident(&sql, dot + 1);
        BUF_LIT(&sql, " VALUES ($1, $2, $3) RETURNING 1");
        r = pg_query_params(conn, e, 1, buf_cstr(&sql), 3, values);
        buf_free(&sql);
        arena_free(&a);
        PQfinish(conn);
    }
    pg_params_free(params);
    PQclear(r);
    return r != NULL;
}

/* As a line of the signal file. */
static bool
send_line(const struct config *c, const struct signal *s, struct err *e)
{
    const char *path = config_str(c, "signal.file");
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    char *text = signal_json(s);
    struct buf line;
    bool ok;

    buf_init(&line, SIGNAL_DATA_MAX * 8);
    buf_printf(&line, "%s\n", text);
    ok = fd >= 0 && write(fd, line.p, line.n) == (ssize_t)line.n;
    if (!ok)
        err_set(e, ERR_CONFIG, "signal.file", "signal.file \"%s\": %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    buf_free(&line);
    free(text);
    return ok;
}

/* In the order in which they are looked for when none is named. */
static const struct {
    const char *name;
    bool (*send)(const struct config *c, const struct signal *s, struct err *e);
} channels[] = {{"source", send_row}, {"kafka", kafka_signals_send}, {"file", send_line}};

static bool
send_signal(const struct config *c, const char *channel, const struct signal *s, struct err *e)
{
    for (size_t i = 0; i < sizeof(channels) / sizeof(*channels); i++)
        if (channel ? strcasecmp(channel, channels[i].name) == 0
                    : has_channel(c, channels[i].name) &&
                          (i > 0 || config_str(c, "signal.data.collection"))) {
            if (channel && !has_channel(c, channels[i].name))
                return err_set(e, ERR_CONFIG, "signal.channel",
                               "the connector does not read channel %s: see "
                               "signal.enabled.channels",
                               channel);
            if (!channels[i].send(c, s, e))
                return false;
            printf("signal \"%s\" is given by channel %s\n", s->id, channels[i].name);
            return true;
        }
    return err_set(e, ERR_CONFIG, "signal.channel",
                   "the connector reads none of the channels source (it needs "
                   "signal.data.collection), kafka and file: see signal.enabled.channels");
}

static int
signal_run(const struct cli_args *a)
{
    struct signal s = {.id = cli_value(a, "id"),
                       .type = cli_operand(a, 1),
                       .data = cli_noperands(a) > 2 ? cli_operand(a, 2) : "{}"};
    struct signal_order order;
    struct config *c;
    struct arena arena;
    struct err e = {0};
    char uuid[40];
    bool ok;

    arena_init(&arena);
    ok = signal_parse(&s, &arena, &order, &e);
    arena_free(&arena);
    if (!ok) {
        fprintf(stderr, "walbridge: %s\n", e.msg);
        return EXIT_USAGE;
    }
    if (!s.id) {
        uuid_v7(uuid);
        s.id = uuid;
    }
    c = conf_args_read(a, cli_operand(a, 0), &e);
    if (!c || !send_signal(c, cli_value(a, "channel"), &s, &e)) {
        int code = conf_args_failed(&e);

        if (c)
            config_free(c);
        return code;
    }
    config_free(c);
    return EXIT_OK;
}

static const struct cli_option signal_options[] = {
    {0, "id", "ID", false, NULL, "Name of the signal, in the log and in notifications (a UUID)."},
    {0, "channel", "NAME", false, "source,kafka,file",
     "Give it by this channel; else by the first that the connector reads."},
    CONF_SET_OPTION,
    {0, NULL, NULL, false, NULL, NULL},
};

const struct cli_command cmd_signal = {
    .path = "signal",
    .operands = "FILE TYPE [DATA]",
    .min_operands = 2,
    .max_operands = 3,
    .options = signal_options,
    .run = signal_run,
    .help = "Give a running connector a signal: read tables again, stop, pause, resume, log.",
    .details =
        "TYPE is execute-snapshot, stop-snapshot, pause-snapshot, resume-snapshot or log; DATA is "
        "JSON, as {\"data-collections\":[\"public.orders\"],\"type\":\"incremental\"}.\n"
        "FILE is the connector's: the signal goes into its signal table, its signal topic or its "
        "signal file, whichever it reads. What becomes of it stands in the connector's log and in "
        "its notifications. docs/signals.md describes signals.",
};
