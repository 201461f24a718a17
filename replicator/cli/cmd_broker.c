/* walbridge broker: a Kafka endpoint for trials, inside this process. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "replicator/cli/cli.h"
#include "replicator/kafka/mock_broker.h"

/* "NAME:PARTITIONS", or a name alone for one. */
static bool
make_topic(struct mock_broker *b, const char *given, struct err *e)
{
    const char *colon = strrchr(given, ':');
    char name[250], *end;
    long partitions = 1;
    size_t n = colon ? (size_t)(colon - given) : strlen(given);

    if (colon) {
        partitions = strtol(colon + 1, &end, 10);
        if (end == colon + 1 || *end != '\0' || partitions < 1 || partitions > 1000)
            return err_set(e, ERR_CONFIG, "broker.topic",
                           "\"%s\": expected NAME:PARTITIONS, 1 to 1000", given);
    }
    if (n == 0 || n >= sizeof name)
        return err_set(e, ERR_CONFIG, "broker.topic", "\"%s\": the name has 1 to 249 characters",
                       given);
    memcpy(name, given, n);
    name[n] = '\0';
    return mock_broker_topic(b, name, (int)partitions, e);
}

static bool
write_port_file(const char *path, const char *servers, struct err *e)
{
    FILE *f = fopen(path, "we");
    bool ok = f && fprintf(f, "%s\n", strrchr(servers, ':') + 1) > 0;

    if (f && fclose(f) != 0)
        ok = false;
    return ok || err_set(e, ERR_CONFIG, "broker.port_file", "cannot write \"%s\": %s", path,
                         strerror(errno));
}

static bool
prepare(struct mock_broker *b, const struct cli_args *a, struct err *e)
{
    const char *topic, *path = cli_value(a, "port-file");

    for (size_t i = 0; (topic = cli_each(a, "topics", &i));)
        if (!make_topic(b, topic, e))
            return false;
    if (path && !write_port_file(path, mock_broker_servers(b), e))
        return false;
    if (printf("bootstrap.servers=%s\n", mock_broker_servers(b)) < 0 || fflush(stdout) != 0)
        return err_set(e, ERR_FATAL, "broker.stdout", "cannot write to standard output: %s",
                       strerror(errno));
    return true;
}

/* *out stays as it is when the option is not given. */
static bool
take_number(const struct cli_args *a, const char *name, long most, int *out)
{
    const char *given = cli_value(a, name);
    char *end;
    long n;

    if (!given)
        return true;
    n = strtol(given, &end, 10);
    if (end == given || *end != '\0' || n < 0 || n > most) {
        log_error("--%s: got \"%s\", expected a number up to %ld", name, given, most);
        return false;
    }
    *out = (int)n;
    return true;
}

static int
run_broker(const struct cli_args *a)
{
    struct mock_broker *b;
    struct err e = {0};
    sigset_t stop;
    int fd, code, port = 0, delay_ms = 0;

    if (!take_number(a, "port", 65535, &port) || !take_number(a, "delay", 60000, &delay_ms))
        return EXIT_USAGE;
    /* Before any thread begins, so that none of them takes the signal. */
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    fd = signalfd(-1, &stop, SFD_CLOEXEC);
    b = mock_broker_new(port, &e);
    if (b)
        mock_broker_delay(b, delay_ms);
    if (!b || !prepare(b, a, &e) || !mock_broker_run(b, fd, &e))
        log_err(LOG_ERROR, &e, "broker");
    code = e.cls == ERR_NONE ? EXIT_OK : e.cls == ERR_CONFIG ? EXIT_CONFIG : EXIT_FAILED;
    if (b)
        mock_broker_free(b);
    close(fd);
    return code;
}

static const struct cli_option broker_options[] = {
    {0, "topics", "NAME:PARTITIONS", true, NULL,
     "Make this topic at start; others are made with one partition when they are asked for"},
    {0, "port", "PORT", false, NULL, "Listen on this port; without it, on one that is free"},
    {0, "delay", "MS", false, NULL,
     "Answer everything so many milliseconds late, as a broker far away"},
    {0, "port-file", "FILE", false, NULL, "Write the port to this file once the endpoint answers"},
    {0},
};

const struct cli_command cmd_broker = {
    .path = "broker",
    .operands = "",
    .options = broker_options,
    .run = run_broker,
    .help = "Run a Kafka endpoint for trials inside this process",
    .details =
        "Prints \"bootstrap.servers=127.0.0.1:PORT\" once it answers, and runs until SIGTERM or "
        "SIGINT. It is no "
        "broker for real data: everything is in memory, and a partition keeps only its last 5 MB "
        "or 100000 "
        "messages.",
};
