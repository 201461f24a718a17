/* walbridge run: connectors from files, each on a thread of its own, until a signal or until all have ended. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/cli/conf_args.h"
#include "replicator/connector.h"

enum { RUN_ABANDON_US = 3000000 };

struct job {
    struct config *config;
    struct connector *connector;
    pthread_t thread;
    int done_fd;
    bool running, ended, ok;
    struct err e;
};

struct run {
    struct job *jobs;
    size_t n;
    const char **sinks;
    size_t nsinks;
    const char *output;
};

/* ------------------------------------------------------------------------------------------------ configuration */

static bool
run_has_sink(const struct run *r, const char *name)
{
    for (size_t i = 0; i < r->nsinks; i++)
        if (strcmp(r->sinks[i], name) == 0)
            return true;
    return false;
}

static bool
run_check_names(const struct run *r, struct err *e)
{
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(config_name(r->jobs[i].config), config_name(r->jobs[k].config)) == 0)
                return err_set(e, ERR_CONFIG, "cli.names",
                               "two connectors are named \"%s\"; give each \"name\" of its own",
                               config_name(r->jobs[i].config));
    if (r->n > 1 && r->output && run_has_sink(r, "lines"))
        return err_set(e, ERR_CONFIG, "cli.output",
                       "several connectors cannot share the file \"%s\"; run them apart",
                       r->output);
    return true;
}

static bool
run_prepare(struct run *r, const struct cli_args *a, struct err *e)
{
    const char *sink;
    size_t cap = 0;

    for (size_t i = 0; (sink = cli_each(a, "sink", &i)) != NULL;) {
        if (r->nsinks == cap)
            r->sinks = mem_grow(r->sinks, cap = cap ? cap * 2 : 4, sizeof(*r->sinks));
        r->sinks[r->nsinks++] = sink;
    }
    if (!r->nsinks) {
        r->sinks = mem_grow(r->sinks, 1, sizeof(*r->sinks));
        r->sinks[r->nsinks++] = "kafka";
    }
    r->output = cli_value(a, "output");
    r->jobs = mem_array(cli_noperands(a), sizeof(*r->jobs));
    for (; r->n < cli_noperands(a); r->n++) {
        struct job *j = &r->jobs[r->n];
        struct connector_options o = {
            .sinks = r->sinks, .nsinks = r->nsinks, .lines_path = r->output ? r->output : "-"};

        j->config = conf_args_read(a, cli_operand(a, r->n), e);
        if (!j->config)
            return false;
        o.config = j->config;
        j->connector = connector_new(&o, e);
        if (!j->connector) {
            r->n++;
            return err_wrap(e, "connector \"%s\"", config_name(j->config));
        }
    }
    return run_check_names(r, e);
}

static void
run_free(struct run *r)
{
    for (size_t i = 0; i < r->n; i++) {
        connector_free(r->jobs[i].connector);
        config_free(r->jobs[i].config);
    }
    free(r->jobs);
    free(r->sinks);
}

/* ------------------------------------------------------------------------------------------------ running */

static void *
run_thread(void *arg)
{
    struct job *j = arg;
    uint64_t one = 1;

    j->ok = connector_run(j->connector, &j->e);
    if (!j->ok)
        log_err(LOG_ERROR, &j->e, "connector failed");
    if (write(j->done_fd, &one, sizeof(one)) < 0)
        log_warn("eventfd: write failed");
    return NULL;
}

static bool
run_start(struct run *r, struct err *e)
{
    for (size_t i = 0; i < r->n; i++) {
        struct job *j = &r->jobs[i];

        j->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (j->done_fd < 0 || pthread_create(&j->thread, NULL, run_thread, j) != 0)
            return err_set(e, ERR_FATAL, "cli.thread", "cannot start a thread: %s",
                           strerror(errno));
        j->running = true;
    }
    return true;
}

/* A connector that is still connecting has nothing in flight: leaving it mid-way loses nothing. */
static bool
run_may_abandon(const struct run *r, int64_t asked_us)
{
    if (!asked_us || clock_mono_us() - asked_us < RUN_ABANDON_US)
        return false;
    for (size_t i = 0; i < r->n; i++)
        if (r->jobs[i].running && !connector_is_starting(r->jobs[i].connector))
            return false;
    return true;
}

static size_t
run_reap(struct run *r)
{
    size_t left = 0;

    for (size_t i = 0; i < r->n; i++) {
        struct job *j = &r->jobs[i];
        uint64_t count;

        if (j->running && read(j->done_fd, &count, sizeof(count)) > 0) {
            pthread_join(j->thread, NULL);
            close(j->done_fd);
            j->running = false;
        }
        left += j->running;
    }
    return left;
}

/* Until all have ended. False: they were abandoned while starting. */
static bool
run_wait(struct run *r, int signal_fd)
{
    struct pollfd *fds = mem_array(r->n + 1, sizeof(*fds));
    int64_t asked_us = 0;
    bool all = true;

    while (run_reap(r) > 0) {
        struct signalfd_siginfo info;

        fds[0] = (struct pollfd){signal_fd, POLLIN, 0};
        for (size_t i = 0; i < r->n; i++)
            fds[i + 1] = (struct pollfd){r->jobs[i].running ? r->jobs[i].done_fd : -1, POLLIN, 0};
        if (poll(fds, (nfds_t)(r->n + 1), asked_us ? 100 : -1) < 0 && errno != EINTR)
            log_warn("poll: %s", strerror(errno));
        if (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
            /* Asked twice: at once. What is open is sent again at the next start. */
            if (asked_us) {
                log_warn("asked again: ending at once");
                _exit(EXIT_FAILED);
            }
            log_info("%s: stopping", info.ssi_signo == SIGINT ? "interrupted" : "told to stop");
            asked_us = clock_mono_us();
            for (size_t i = 0; i < r->n; i++)
                connector_stop(r->jobs[i].connector);
        }
        if (run_may_abandon(r, asked_us)) {
            log_info("stopped while starting");
            all = false;
            break;
        }
    }
    free(fds);
    return all;
}

static int
run_result(const struct run *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (!r->jobs[i].ok)
            return conf_args_exit(&r->jobs[i].e);
    return EXIT_OK;
}

static int
run_check(struct run *r)
{
    int code = EXIT_OK;

    for (size_t i = 0; i < r->n; i++) {
        struct connector_options o = {.config = r->jobs[i].config,
                                      .sinks = r->sinks,
                                      .nsinks = r->nsinks,
                                      .lines_path = r->output ? r->output : "-"};
        struct err e = {0};

        log_set_connector(config_name(o.config));
        if (connector_check(&o, &e)) {
            log_info("the configuration and the database are fine");
            continue;
        }
        log_err(LOG_ERROR, &e, "check");
        if (code == EXIT_OK)
            code = conf_args_exit(&e);
    }
    return code;
}

static int
run_main(const struct cli_args *a)
{
    struct run r = {0};
    struct err e = {0};
    sigset_t set;
    int signal_fd, code;

    /* Before any thread exists: all of them inherit the mask, the signals are read here. */
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (!run_prepare(&r, a, &e)) {
        log_err(LOG_ERROR, &e, "configuration");
        code = conf_args_exit(&e);
    } else if (cli_flag(a, "check")) {
        code = run_check(&r);
    } else if (!run_start(&r, &e)) {
        log_err(LOG_ERROR, &e, "starting");
        _exit(EXIT_FAILED);
    } else {
        if (!run_wait(&r, signal_fd))
            _exit(EXIT_OK);
        code = run_result(&r);
    }
    close(signal_fd);
    run_free(&r);
    return code;
}

static const struct cli_option run_options[] = {
    {0, "sink", "NAME", true, "kafka,bigquery,lines,null",
     "where changes go; may be given several times (default: kafka)"},
    {0, "output", "FILE", false, NULL,
     "for --sink lines: the file to append to (default: standard output)"},
    CONF_SET_OPTION,
    {0, "check", NULL, false, NULL,
     "looks at the configuration, the database and the sinks, changes nothing, and says what it "
     "found"},
    {0, NULL, NULL, false, NULL, NULL},
};

const struct cli_command cmd_run = {
    .path = "run",
    .operands = "FILE...",
    .min_operands = 1,
    .max_operands = -1,
    .options = run_options,
    .run = run_main,
    .help = "run connectors from their files",
    .details =
        "FILE is connector JSON {\"name\": ..., \"config\": {...}}, flat JSON or a properties "
        "file; - is standard input. "
        "Several files are several connectors: when one fails the others go on, and the command "
        "ends non-zero at the "
        "end. SIGTERM and SIGINT stop in order: what the sinks have is acknowledged, the offset is "
        "stored, the server "
        "is told; exit status 0.",
};
