/* walbridge run: connectors from files, each on a thread of its own, until a signal or until all have ended. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/cli/conf_args.h"
#include "replicator/supervisor.h"

enum { RUN_ABANDON_US = 3000000 };

struct run {
    struct supervisor *supervisor;
    struct config **configs;
    struct job **jobs;
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
            if (strcmp(config_name(r->configs[i]), config_name(r->configs[k])) == 0)
                return err_set(e, ERR_CONFIG, "cli.names",
                               "two connectors are named \"%s\"; give each \"name\" of its own",
                               config_name(r->configs[i]));
    if (r->n > 1 && r->output && run_has_sink(r, "lines"))
        return err_set(e, ERR_CONFIG, "cli.output",
                       "several connectors cannot share the file \"%s\"; run them apart",
                       r->output);
    return true;
}

static struct connector_options
run_options_of(const struct run *r, size_t i)
{
    return (struct connector_options){.config = r->configs[i],
                                      .sinks = r->sinks,
                                      .nsinks = r->nsinks,
                                      .lines_path = r->output ? r->output : "-"};
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
    r->configs = mem_array(cli_noperands(a), sizeof(struct config *));
    r->jobs = mem_array(cli_noperands(a), sizeof(struct job *));
    for (; r->n < cli_noperands(a); r->n++) {
        struct connector_options o;
        struct connector *trial;

        r->configs[r->n] = conf_args_read(a, cli_operand(a, r->n), e);
        if (!r->configs[r->n])
            return false;
        /* All of them can be made, or none is started. */
        o = run_options_of(r, r->n);
        trial = connector_new(&o, e);
        connector_free(trial);
        if (!trial) {
            r->n++;
            return err_wrap(e, "connector \"%s\"", config_name(o.config));
        }
    }
    return run_check_names(r, e);
}

static void
run_free(struct run *r)
{
    for (size_t i = 0; i < r->n; i++) {
        job_free(r->jobs[i]);
        config_free(r->configs[i]);
    }
    supervisor_free(r->supervisor);
    free(r->jobs);
    free(r->configs);
    free(r->sinks);
}

/* ------------------------------------------------------------------------------------------------ running */

static void
run_start(struct run *r)
{
    r->supervisor = supervisor_new();
    for (size_t i = 0; i < r->n; i++) {
        struct connector_options o = run_options_of(r, i);

        r->jobs[i] = job_new(r->supervisor, config_name(o.config), NULL, NULL);
        o.config = config_copy(o.config);
        job_configure(r->jobs[i], &o);
        job_want(r->jobs[i], JOB_WANT_RUN);
    }
}

/* A connector that is still connecting has nothing in flight: leaving it mid-way loses nothing. */
static bool
run_may_abandon(const struct run *r, int64_t asked_us)
{
    if (!asked_us || clock_mono_us() - asked_us < RUN_ABANDON_US)
        return false;
    for (size_t i = 0; i < r->n; i++)
        if (!job_may_abandon(r->jobs[i]))
            return false;
    return true;
}

/* How many are left. */
static size_t
run_step(struct run *r)
{
    size_t left = 0;

    for (size_t i = 0; i < r->n; i++) {
        job_step(r->jobs[i]);
        left += !job_is_over(r->jobs[i]);
    }
    return left;
}

/* A failure is told at the end, so what has failed is left as it is. */
static void
run_ask_to_stop(struct run *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (!job_is_over(r->jobs[i]))
            job_want(r->jobs[i], JOB_WANT_STOP);
}

/* Until all have ended. False: they were abandoned while starting. */
static bool
run_wait(struct run *r, int signal_fd)
{
    int64_t asked_us = 0;

    while (run_step(r) > 0) {
        struct pollfd fds[] = {{signal_fd, POLLIN, 0}, {supervisor_fd(r->supervisor), POLLIN, 0}};
        struct signalfd_siginfo info;

        if (poll(fds, 2, asked_us ? 100 : -1) < 0 && errno != EINTR)
            log_warn("poll: %s", strerror(errno));
        supervisor_took(r->supervisor);
        if (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
            /* Asked twice: at once. What is open is sent again at the next start. */
            if (asked_us) {
                log_warn("asked again: ending at once");
                _exit(EXIT_FAILED);
            }
            log_info("%s: stopping", info.ssi_signo == SIGINT ? "interrupted" : "told to stop");
            asked_us = clock_mono_us();
            run_ask_to_stop(r);
        }
        if (run_may_abandon(r, asked_us)) {
            log_info("stopped while starting");
            return false;
        }
    }
    return true;
}

static int
run_result(const struct run *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (job_error(r->jobs[i])->cls != ERR_NONE)
            return conf_args_exit(job_error(r->jobs[i]));
    return EXIT_OK;
}

static int
run_check(struct run *r)
{
    int code = EXIT_OK;

    for (size_t i = 0; i < r->n; i++) {
        struct connector_options o = run_options_of(r, i);
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
    } else {
        run_start(&r);
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
