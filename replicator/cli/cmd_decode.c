/* walbridge decode: a recording through the same pipeline that run has, to the same lines. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "decoder/filter.h"
#include "decoder/mapper.h"
#include "decoder/naming.h"
#include "decoder/smt.h"
#include "replicator/cli/conf_args.h"
#include "replicator/conf.h"
#include "replicator/pipeline.h"
#include "replicator/recording.h"

enum { DECODE_POLL_FRAMES = 1000, DECODE_WAIT_MS = 100 };

struct decode_job {
    struct recording *recording;
    struct config *config;
    struct settings settings;
    struct filter *filter;
    struct mappers *mappers;
    struct naming *naming;
    struct smt_chain *chain;
    struct sink *sink;
    struct ledger *ledger;
    struct types *types;
    struct pipeline *pipeline;
    struct err ack_error;
};

static void
decode_on_ack(void *arg, uint64_t ticket, unsigned n)
{
    struct decode_job *j = arg;

    if (j->ack_error.cls == ERR_NONE)
        (void)led_ack(j->ledger, ticket, n, &j->ack_error);
}

/* ------------------------------------------------------------------------------------------------ opening */

static void
decode_want_schemas(struct config *c)
{
    static const char *const sides[] = {"key.converter", "value.converter"};
    char name[64];

    for (size_t i = 0; i < sizeof(sides) / sizeof(*sides); i++) {
        snprintf(name, sizeof(name), "%s.schemas.enable", sides[i]);
        config_set(c, name, "true");
        if (!config_given(c, sides[i]))
            config_set(c, sides[i], "org.apache.kafka.connect.json.JsonConverter");
    }
}

static bool
decode_configure(const struct cli_args *a, struct decode_job *j, struct err *e)
{
    const char *file = cli_value(a, "config");

    j->config = file ? conf_read(file, e) : recording_config(j->recording);
    if (!j->config)
        return false;
    if (cli_flag(a, "schemas"))
        decode_want_schemas(j->config);
    if (!conf_args_set(a, j->config, e) || !conf_check(j->config, e))
        return false;
    conf_settings(j->config, &j->settings);
    j->filter = filter_new(j->config, e);
    j->settings.filter = j->filter;
    if (j->filter)
        j->mappers = mappers_new(j->config, e);
    j->settings.mappers = j->mappers;
    if (!j->mappers || !naming_new(j->config, &j->naming, e))
        return false;
    j->settings.naming = j->naming;
    if (!smt_chain_new(j->config, &j->settings, recording_run_id(j->recording), &j->chain, e))
        return false;
    j->settings.chain = j->chain;
    return true;
}

static bool
decode_open(const struct cli_args *a, struct decode_job *j, struct err *e)
{
    j->recording = recording_open(cli_operand(a, 0), e);
    if (!j->recording || !decode_configure(a, j, e))
        return false;
    j->sink = sink_lines_new(
        &(struct sink_env){
            .config = j->config,
            .settings = &j->settings,
            .connector = config_name(j->config),
            .run_id = recording_run_id(j->recording),
            .lines_path = cli_value(a, "output") ? cli_value(a, "output") : "-",
        },
        e);
    if (!j->sink)
        return false;
    j->sink->ack = decode_on_ack;
    j->sink->ack_arg = j;
    j->types = types_new();
    j->ledger = led_new((uint64_t)config_int(j->config, "walbridge.pending.max.bytes"));
    j->pipeline = pipeline_new(&(struct pipeline_parts){.settings = &j->settings,
                                                        .sinks = &j->sink,
                                                        .nsinks = 1,
                                                        .ledger = j->ledger,
                                                        .types = j->types});
    pipeline_start(j->pipeline, &(struct pipeline_resume){0});
    pipeline_new_session(j->pipeline, recording_facts(j->recording));
    return true;
}

static void
decode_close(struct decode_job *j)
{
    pipeline_free(j->pipeline);
    if (j->sink)
        j->sink->ops->close(j->sink);
    led_free(j->ledger);
    if (j->types)
        types_free(j->types);
    filter_free(j->filter);
    mappers_free(j->mappers);
    naming_free(j->naming);
    smt_chain_free(j->chain);
    recording_close(j->recording);
    if (j->config)
        config_free(j->config);
}

/* ------------------------------------------------------------------------------------------------ decoding */

static bool
decode_poll(struct decode_job *j, struct err *e)
{
    if (!j->sink->ops->poll(j->sink, e))
        return false;
    if (j->ack_error.cls == ERR_NONE)
        return true;
    *e = j->ack_error;
    return false;
}

/* The reader of the lines is slow: waits for it. */
static bool
decode_wait(struct decode_job *j, struct err *e)
{
    int64_t us = j->sink->ops->deadline_us(j->sink) - clock_mono_us();
    struct pollfd fd = {j->sink->ops->fd(j->sink), POLLIN, 0};

    if (us > 0 &&
        poll(&fd, 1, us < DECODE_WAIT_MS * 1000 ? (int)(us / 1000) + 1 : DECODE_WAIT_MS) < 0 &&
        errno != EINTR)
        return err_set(e, ERR_FATAL, "cli.poll", "poll: %s", strerror(errno));
    return decode_poll(j, e);
}

static bool
decode_frame(struct decode_job *j, const struct recording_entry *f, struct err *e)
{
    enum pipe_result r = pipeline_feed(j->pipeline, f->data, f->lsn, f->now_ns, e);
    char lsn[NUM_LSN_TEXT];

    while (r == PIPE_PARKED) {
        if (!pipeline_waits_for_server(j->pipeline) && !decode_wait(j, e))
            return false;
        r = pipeline_resume(j->pipeline, e);
    }
    return r == PIPE_OK || err_wrap(e, "LSN %s", num_lsn_text(lsn, f->lsn));
}

static bool
decode_entries(struct decode_job *j, struct err *e)
{
    struct recording_entry entry;

    for (unsigned n = 1;; n++) {
        switch (recording_next(j->recording, &entry, e)) {
        case RECORDING_FRAME:
            if (!decode_frame(j, &entry, e))
                return false;
            break;
        case RECORDING_KEEPALIVE:
            break;
        case RECORDING_END:
            return true;
        case RECORDING_BAD:
            return false;
        }
        if (n % DECODE_POLL_FRAMES == 0 && !decode_poll(j, e))
            return false;
        while (led_full(j->ledger))
            if (!decode_wait(j, e))
                return false;
    }
}

/* What was decoded before an error comes out all the same. */
static bool
decode_run(struct decode_job *j, struct err *e)
{
    struct err late = {0};
    bool ok = decode_entries(j, e);

    j->sink->ops->flush(j->sink);
    while (led_pending(j->ledger))
        if (!decode_wait(j, &late)) {
            if (ok)
                *e = late;
            return false;
        }
    return ok;
}

static int
decode_main(const struct cli_args *a)
{
    struct decode_job j = {0};
    struct err e = {0};
    int code = EXIT_OK;

    signal(SIGPIPE, SIG_IGN);
    if (!decode_open(a, &j, &e) || !decode_run(&j, &e))
        code = conf_args_failed(&e);
    decode_close(&j);
    return code;
}

static const struct cli_option decode_options[] = {
    {'o', "output", "FILE", false, NULL, "The file to append to (default: standard output)."},
    {'c', "config", "FILE", false, NULL,
     "Decode with this connector's settings instead of the recorded ones."},
    {0, "schemas", NULL, false, NULL,
     "Write the schemas of keys and values, whatever the settings say."},
    CONF_SET_OPTION,
    {0, NULL, NULL, false, NULL, NULL},
};

const struct cli_command cmd_decode = {
    .path = "decode",
    .operands = "RECORDING",
    .min_operands = 1,
    .max_operands = 1,
    .options = decode_options,
    .run = decode_main,
    .help = "Decode a recording to the records it makes, as JSON lines.",
    .details =
        "Needs no server: what 'walbridge record' has written goes through the same decoder to the "
        "same lines as run "
        "--sink lines, with the clock of the recording. A recording that is damaged or was cut off "
        "is decoded up to "
        "there; the message then says where, and the exit status is not 0.",
};
