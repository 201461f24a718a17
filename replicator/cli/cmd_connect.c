/* walbridge connect: a Kafka Connect worker, with the connectors that its storage topics hold. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/cli/conf_args.h"
#include "replicator/connect/worker.h"
#include "replicator/connect/worker_conf.h"
#include "replicator/rest/api.h"
#include "replicator/rest/server.h"

enum { CONNECT_TWICE_US = 300000 };

#define CONNECT_IMAGE_FILE "/config/connect-distributed.properties"

/* ------------------------------------------------------------------------------------------------ configuration */

/* LOG_LEVEL, as the image takes it, unless the command line says one. */
static void
connect_log_level(const struct cli_args *a)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {{"ERROR", LOG_ERROR}, {"WARN", LOG_WARN},   {"WARNING", LOG_WARN},
                  {"INFO", LOG_INFO},   {"DEBUG", LOG_DEBUG}, {"TRACE", LOG_DEBUG}};
    const char *name = getenv("LOG_LEVEL");

    if (!name || !*name || cli_value(a, "log-level"))
        return;
    for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
        if (strcasecmp(name, levels[i].name) == 0) {
            log_set_level(levels[i].level);
            return;
        }
    log_warn("variable LOG_LEVEL is \"%s\": ERROR, WARN, INFO, DEBUG and TRACE are known", name);
}

/* The file that the image's script edits, where there is one: people mount their own. */
static struct config *
connect_from_environment(struct err *e)
{
    const char *home = getenv("KAFKA_HOME");
    char *path = mem_printf("%s" CONNECT_IMAGE_FILE, home && *home ? home : "/kafka");
    struct config *c = worker_conf_env(environ, access(path, F_OK) == 0 ? path : NULL, e);

    free(path);
    return c;
}

static struct config *
connect_read(const struct cli_args *a, struct err *e)
{
    struct config *c =
        cli_noperands(a) ? worker_conf_file(cli_operand(a, 0), e) : connect_from_environment(e);

    if (c && (!conf_args_set(a, c, e) || !worker_conf_check(c, e))) {
        config_free(c);
        c = NULL;
    }
    return c;
}

/* ------------------------------------------------------------------------------------------------ signals */

struct connect_signals {
    struct worker *worker;
    pthread_t thread;
    sigset_t set;
    int64_t asked_us; /* 0: not yet */
};

static void
connect_signal_set(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGUSR1);
}

/* Asked twice: at once. What is open is sent again at the next start. SIGUSR1 is our own: the worker has ended. */
static void *
connect_wait_for_signals(void *arg)
{
    struct connect_signals *s = arg;
    int sig;

    while (sigwait(&s->set, &sig) == 0 && sig != SIGUSR1) {
        /* Whoever signals a whole process group may do so twice in a row, and means it once. */
        if (s->asked_us && clock_mono_us() - s->asked_us < CONNECT_TWICE_US)
            continue;
        if (s->asked_us) {
            log_warn("asked again: ending at once");
            _exit(EXIT_FAILED);
        }
        s->asked_us = clock_mono_us();
        log_info("%s: stopping", sig == SIGINT ? "interrupted" : "told to stop");
        worker_stop(s->worker);
    }
    return NULL;
}

static bool
connect_watch_signals(struct connect_signals *s, struct err *e)
{
    int code = pthread_create(&s->thread, NULL, connect_wait_for_signals, s);

    return code == 0 ||
           err_set(e, ERR_FATAL, "connect.thread", "cannot start a thread: %s", strerror(code));
}

/* ------------------------------------------------------------------------------------------------ running */

/* The REST server first, so that whoever looks after the container sees it: the topics are read meanwhile. It goes last, too,
 * for those who ask how the stop is getting on. */
static bool
connect_serve(struct worker *w, const struct config *c, struct connect_signals *signals,
              struct err *e)
{
    struct rest *rest = rest_start(c, w, e);
    bool ok;

    if (!rest)
        return err_wrap(e, "REST server");
    ok = worker_start(w, e) && connect_watch_signals(signals, e);
    if (ok) {
        ok = worker_run(w, e);
        pthread_kill(signals->thread, SIGUSR1);
        pthread_join(signals->thread, NULL);
    }
    worker_stop(w);
    rest_stop(rest);
    return ok;
}

static int
connect_run(const struct config *c, const struct worker_options *o)
{
    struct connect_signals signals;
    struct err e = {0};
    struct worker *w = worker_new(o, &e);
    bool ok;

    if (!w) {
        log_err(LOG_ERROR, &e, "worker");
        return conf_args_exit(&e);
    }
    signals = (struct connect_signals){.worker = w};
    connect_signal_set(&signals.set);
    ok = connect_serve(w, c, &signals, &e);
    if (!ok)
        log_err(LOG_ERROR, &e, "worker");
    if (worker_has_left(w)) {
        log_info("stopped while connectors were starting");
        _exit(ok ? EXIT_OK : EXIT_FAILED);
    }
    worker_free(w);
    if (ok)
        log_info("the worker has stopped");
    return ok ? EXIT_OK : conf_args_exit(&e);
}

static int
connect_main(const struct cli_args *a)
{
    static const char *const sinks[] = {"kafka"};
    struct worker_options o = {.sinks = sinks, .nsinks = 1, .check = api_check};
    struct config *c;
    struct err e = {0};
    sigset_t set;
    int code;

    /* Before any thread exists: all of them inherit the mask, one reads them. */
    connect_signal_set(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    connect_log_level(a);
    c = connect_read(a, &e);
    if (!c) {
        log_err(LOG_ERROR, &e, "configuration");
        return conf_args_exit(&e);
    }
    o.config = c;
    o.check_arg = c;
    code = connect_run(c, &o);
    config_free(c);
    return code;
}

static const struct cli_option connect_options[] = {
    CONF_SET_OPTION,
    {0, NULL, NULL, false, NULL, NULL},
};

const struct cli_command cmd_connect = {
    .path = "connect",
    .operands = "[FILE]",
    .min_operands = 0,
    .max_operands = 1,
    .options = connect_options,
    .run = connect_main,
    .help = "stand in for a Kafka Connect worker",
    .details =
        "FILE is a worker's properties file. Without it the environment is read as Debezium's "
        "Connect image reads it: BOOTSTRAP_SERVERS, GROUP_ID, CONFIG_STORAGE_TOPIC, "
        "OFFSET_STORAGE_TOPIC, STATUS_STORAGE_TOPIC, CONNECT_* and the others.\n"
        "Connectors, their positions and their states stand in the storage topics, in Kafka "
        "Connect's formats: a real worker can take over, and be taken over from. While a real "
        "worker of the group is alive this one waits, and lets go of all slots when one joins.\n"
        "SIGTERM and SIGINT stop all connectors in order and hand them back; exit status 0.",
};
