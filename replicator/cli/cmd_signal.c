/* signal: gives one to a running connector, by the way that it reads. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "replicator/cli/conf_args.h"
#include "replicator/kafka/signals.h"
#include "replicator/pg/conn.h"
#include "replicator/signal.h"
#include "replicator/uuid.h"
#include "sinks/http.h"

/* As a row of the signal table. */
static bool
send_row(const struct config *c, const struct signal *s, struct err *e)
{
    const char *table = config_str(c, "signal.data.collection"), *dot;
    const char *values[] = {s->id, s->type, s->data};
    struct pg_params *params;
    struct buf sql;
    PGconn *conn;
    PGresult *r = NULL;

    if (!table)
        return err_set(e, ERR_CONFIG, "signal.table",
                       "the connector's channel source needs signal.data.collection");
    params = pg_params_from_config(c, e);
    conn = params ? pg_connect(params, PG_GENERAL, e) : NULL;
    if (conn) {
        buf_init(&sql, 4096);
        dot = strchr(table, '.');
        BUF_LIT(&sql, "INSERT INTO ");
        pg_ident_slice(&sql, (struct slice){table, (size_t)(dot - table)});
        buf_putc(&sql, '.');
        pg_ident(&sql, dot + 1);
        BUF_LIT(&sql, " VALUES ($1, $2, $3) RETURNING 1");
        r = pg_query_params(conn, e, 1, buf_cstr(&sql), 3, values);
        buf_free(&sql);
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
                    : config_list_has(c, "signal.enabled.channels", channels[i].name) &&
                          (i > 0 || config_str(c, "signal.data.collection"))) {
            if (channel && !config_list_has(c, "signal.enabled.channels", channels[i].name))
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

/* ------------------------------------------------------------------------------------------------ a worker's REST */

enum { SIGNAL_URL_MAX = 8000 };

struct answer {
    int status;
    char text[1000];
};

static void
take_answer(void *arg, const struct http_response *r)
{
    struct answer *answer = arg;
    json_t *doc = r->status ? json_loadb(r->body.p, r->body.n, 0, NULL) : NULL;
    const char *message = json_string_value(json_object_get(doc, "message"));

    answer->status = r->status;
    snprintf(answer->text, sizeof(answer->text), "%s",
             message    ? message
             : r->error ? r->error
                        : "no message");
    json_decref(doc);
}

static bool
post_and_wait(const struct http_request *request, struct answer *answer, struct err *e)
{
    static const struct http_options options = {0};
    struct http *h = http_new(&options, e);
    bool ok = h && http_send(h, request, take_answer, answer, e);

    while (ok && http_active(h) > 0) {
        struct pollfd fd = {http_fd(h), POLLIN, 0};
        int64_t ms = (http_deadline_us(h) - clock_mono_us()) / 1000 + 1;

        (void)poll(&fd, 1, ms < 0 ? 0 : ms > 1000 ? 1000 : (int)ms);
        http_poll(h);
    }
    if (h)
        http_free(h);
    return ok;
}

static bool
send_to_worker(const char *url, const char *connector, const struct signal *s, struct err *e)
{
    static const char *const headers[] = {"Content-Type: application/json"};
    struct http_request request = {.method = "POST", .headers = headers, .nheaders = 1};
    struct answer answer = {0};
    char name[SIGNAL_URL_MAX / 2] = "", *full, *text;
    size_t n = strlen(url);
    bool ok;

    if (n > SIGNAL_URL_MAX / 4 || !http_escape(name, sizeof(name), slice_of(connector)))
        return err_set(e, ERR_CONFIG, "signal.url", "the URL or the connector's name is too long");
    while (n > 0 && url[n - 1] == '/')
        n--;
    full = mem_printf("%.*s/connectors/%s/signals", (int)n, url, name);
    text = signal_json(s);
    request.url = full;
    request.body = slice_of(text);
    ok = post_and_wait(&request, &answer, e);
    free(full);
    free(text);
    if (ok && answer.status != 202)
        ok = err_set(e, answer.status ? ERR_CONFIG : ERR_RETRY, "signal.worker",
                     "the worker did not take the signal (%d): %s", answer.status, answer.text);
    if (ok)
        printf("signal \"%s\" is given to connector \"%s\"\n", s->id, connector);
    return ok;
}

/* ------------------------------------------------------------------------------------------------ the command */

/* By the connector's file. */
static bool
send_by_file(const struct cli_args *a, const struct signal *s, struct err *e)
{
    struct config *c = conf_args_read(a, cli_operand(a, 0), e);
    bool ok = c && send_signal(c, cli_value(a, "channel"), s, e);

    if (c)
        config_free(c);
    return ok;
}

static int
signal_run(const struct cli_args *a)
{
    struct signal s = {.id = cli_value(a, "id"),
                       .type = cli_operand(a, 1),
                       .data = cli_noperands(a) > 2 ? cli_operand(a, 2) : "{}"};
    const char *url = cli_value(a, "url");
    struct signal_order order;
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
    if (url && cli_value(a, "channel")) {
        fprintf(stderr, "walbridge: --url and --channel exclude each other\n");
        return EXIT_USAGE;
    }
    ok = url ? send_to_worker(url, cli_operand(a, 0), &s, &e) : send_by_file(a, &s, &e);
    return ok ? EXIT_OK : conf_args_failed(&e);
}

static const struct cli_option signal_options[] = {
    {0, "id", "ID", false, NULL, "Name of the signal, in the log and in notifications (a UUID)."},
    {0, "channel", "NAME", false, "source,kafka,file",
     "Give it by this channel; else by the first that the connector reads."},
    {0, "url", "URL", false, NULL,
     "Give it to the connector of this name at a worker (walbridge connect), whatever it reads: "
     "http://HOST:8083."},
    CONF_SET_OPTION,
    {0, NULL, NULL, false, NULL, NULL},
};

const struct cli_command cmd_signal = {
    .path = "signal",
    .operands = "FILE|NAME TYPE [DATA]",
    .min_operands = 2,
    .max_operands = 3,
    .options = signal_options,
    .run = signal_run,
    .help = "Give a running connector a signal: read tables again, stop, pause, resume, log.",
    .details =
        "TYPE is execute-snapshot, stop-snapshot, pause-snapshot, resume-snapshot or log; DATA is "
        "JSON, as {\"data-collections\":[\"public.orders\"],\"type\":\"incremental\"}.\n"
        "FILE is the connector's: the signal goes into its signal table, its signal topic or its "
        "signal file, whichever it reads. With --url it is the connector's NAME at a worker. What "
        "becomes of it stands in the connector's log and in "
        "its notifications. docs/signals.md describes signals.",
};
