#include "replicator/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "replicator/metrics_labels.h"

/* clang-format off */
const struct metric_row metric_rows[METRIC_COUNT] = {
    [METRIC_CONNECTED] = {"debezium_metrics_Connected", "streaming", "gauge", "",
        "1 while there is a session with the server."},
    [METRIC_BEHIND_MS] = {"debezium_metrics_MilliSecondsBehindSource", "streaming", "gauge", "milliseconds",
        "Time between the commit of the newest transaction that was read and its reading; -1: none was."},
    [METRIC_EVENTS] = {"debezium_metrics_TotalNumberOfEventsSeen", "streaming", "counter", "changes",
        "Changes seen since the connector started, those that were left out too."},
    [METRIC_CREATES] = {"debezium_metrics_TotalNumberOfCreateEventsSeen", "streaming", "counter", "changes",
        "Inserts among those that were delivered."},
    [METRIC_UPDATES] = {"debezium_metrics_TotalNumberOfUpdateEventsSeen", "streaming", "counter", "changes",
        "Updates among those that were delivered."},
    [METRIC_DELETES] = {"debezium_metrics_TotalNumberOfDeleteEventsSeen", "streaming", "counter", "changes",
        "Deletes among those that were delivered."},
    [METRIC_FILTERED] = {"debezium_metrics_NumberOfEventsFiltered", "streaming", "counter", "changes",
        "Changes of tables that are not captured, and skipped operations."},
    [METRIC_ERRONEOUS] = {"debezium_metrics_NumberOfErroneousEvents", "streaming", "counter", "changes",
        "Changes left out because they could not be said (event.processing.failure.handling.mode)."},
    [METRIC_TRANSACTIONS] = {"debezium_metrics_NumberOfCommittedTransactions", "streaming", "counter", "transactions",
        "Transactions read."},
    [METRIC_SINCE_EVENT_MS] = {"debezium_metrics_MilliSecondsSinceLastEvent", "streaming", "gauge", "milliseconds",
        "Time since the last change was seen; -1: none was."},
    [METRIC_QUEUE_BYTES] = {"debezium_metrics_CurrentQueueSizeInBytes", "streaming", "gauge", "bytes",
        "Size of the records that no sink, or not every sink, has acknowledged yet."},
    [METRIC_QUEUE_MAX_BYTES] = {"debezium_metrics_MaxQueueSizeInBytes", "streaming", "gauge", "bytes",
        "Its limit (walbridge.pending.max.bytes): reading stops there."},
    [METRIC_SNAPSHOT_RUNNING] = {"debezium_metrics_SnapshotRunning", "snapshot", "gauge", "",
        "1 while tables are read."},
    [METRIC_SNAPSHOT_COMPLETED] = {"debezium_metrics_SnapshotCompleted", "snapshot", "gauge", "",
        "1 when a snapshot ended in this run."},
    [METRIC_SNAPSHOT_SECONDS] = {"debezium_metrics_SnapshotDurationInSeconds", "snapshot", "gauge", "seconds",
        "How long it takes, or took."},
    [METRIC_SNAPSHOT_TABLES] = {"debezium_metrics_TotalTableCount", "snapshot", "gauge", "tables",
        "Tables of the snapshot."},
    [METRIC_SNAPSHOT_TABLES_LEFT] = {"debezium_metrics_RemainingTableCount", "snapshot", "gauge", "tables",
        "Those that are not read yet."},
    [METRIC_SNAPSHOT_ROWS] = {"debezium_metrics_RowsScanned", "snapshot", "counter", "rows",
        "Rows read, of all tables."},
    [METRIC_DELIVERED] = {"walbridge_changes_total", NULL, "counter", "changes",
        "Changes given to the sinks, a snapshot's rows too."},
    [METRIC_PENDING] = {"walbridge_pending", NULL, "gauge", "changes",
        "Changes that no sink, or not every sink, has acknowledged yet."},
    [METRIC_REPEATED] = {"walbridge_repeated_total", NULL, "counter", "changes",
        "Changes that the server sent again after a reconnection, and that were dropped because they had been delivered."},
    [METRIC_UNCONVERTED] = {"walbridge_unconverted_total", NULL, "counter", "values",
        "Values written as null because they could not be converted."},
    [METRIC_FAILURES] = {"walbridge_failures_total", NULL, "counter", "failures",
        "Sessions that ended with an error and were begun again."},
    [METRIC_RECEIVED_LSN] = {"walbridge_received_lsn", NULL, "gauge", "bytes",
        "Position up to which the server has sent its WAL."},
    [METRIC_FLUSHED_LSN] = {"walbridge_flushed_lsn", NULL, "gauge", "bytes",
        "Position up to which the server was told that it may drop its WAL."},
};

/* Beside the table: of the process and of states. */
static const struct metric_row other_rows[] = {
    {"process_resident_memory_bytes", NULL, "gauge", "bytes", "Memory in use."},
    {"process_cpu_seconds_total", NULL, "counter", "seconds", "Processor time used."},
    {"process_open_fds", NULL, "gauge", "", "Open descriptors."},
    {"walbridge_connectors", NULL, "gauge", "connectors", "Connectors of this worker."},
    {"walbridge_connector_state", NULL, "gauge", "", "1 for the state that the connector is in (label state)."},
    {"walbridge_task_state", NULL, "gauge", "", "1 for the state that its task is in."},
};
enum { ROW_MEMORY, ROW_CPU, ROW_FDS, ROW_CONNECTORS, ROW_STATE, ROW_TASK, ROW_COUNT };
/* clang-format on */

void
metrics_slot_init(struct metrics_slot *s)
{
    *s = (struct metrics_slot){0};
    pthread_mutex_init(&s->lock, NULL);
}

void
metrics_slot_free(struct metrics_slot *s)
{
    pthread_mutex_destroy(&s->lock);
}

void
metrics_slot_put(struct metrics_slot *s, const struct metrics *m)
{
    pthread_mutex_lock(&s->lock);
    s->now = *m;
    pthread_mutex_unlock(&s->lock);
}

struct metrics
metrics_slot_get(struct metrics_slot *s)
{
    struct metrics m;

    pthread_mutex_lock(&s->lock);
    m = s->now;
    pthread_mutex_unlock(&s->lock);
    return m;
}

/* ------------------------------------------------------------------------------------------------------------ the text */

static void
write_head(struct buf *out, const struct metric_row *r)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", r->name, r->help, r->name, r->kind);
}

/* Behind the last label of our own. */
static void
write_end(struct buf *out, const struct metrics_connector *c)
{
    if (*c->labels) {
        buf_putc(out, ',');
        buf_str(out, c->labels);
    }
    buf_putc(out, '}');
}

static void
write_state(struct buf *out, const struct metric_row *row, const struct metrics_connector *c,
            const char *state)
{
    buf_printf(out, "%s{", row->name);
    metrics_write_label(out, "connector", c->name);
    buf_putc(out, ',');
    metrics_write_label(out, "state", state);
    write_end(out, c);
    BUF_LIT(out, " 1\n");
}

/* The second number of statm, in pages. */
static int64_t
resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    char line[200] = "";
    const char *second;

    if (f) {
        if (!fgets(line, sizeof(line), f))
            line[0] = '\0';
        fclose(f);
    }
    second = strchr(line, ' ');
    return second ? strtoll(second, NULL, 10) * sysconf(_SC_PAGESIZE) : 0;
}

/* The lowest free descriptor says how many are open, as long as they are closed in no odd order: near enough, and cheap. */
static int64_t
open_descriptors(void)
{
    int fd = dup(STDERR_FILENO);

    if (fd >= 0)
        close(fd);
    return fd;
}

static void
write_process(struct buf *out, size_t connectors)
{
    struct timespec cpu = {0};

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    write_head(out, &other_rows[ROW_MEMORY]);
    buf_printf(out, "%s %" PRId64 "\n", other_rows[ROW_MEMORY].name, resident_bytes());
    write_head(out, &other_rows[ROW_CPU]);
    buf_printf(out, "%s %lld.%03ld\n", other_rows[ROW_CPU].name, (long long)cpu.tv_sec,
               cpu.tv_nsec / 1000000);
    write_head(out, &other_rows[ROW_FDS]);
    buf_printf(out, "%s %" PRId64 "\n", other_rows[ROW_FDS].name, open_descriptors());
    write_head(out, &other_rows[ROW_CONNECTORS]);
    buf_printf(out, "%s %zu\n", other_rows[ROW_CONNECTORS].name, connectors);
}

static void
write_sample(struct buf *out, const struct metric_row *r, const struct metrics_connector *c,
             int64_t value)
{
    buf_printf(out, "%s{", r->name);
    if (r->context) {
        buf_printf(out, "context=\"%s\",plugin=\"postgres\",", r->context);
        metrics_write_label(out, "name", c->server);
        buf_putc(out, ',');
    }
    metrics_write_label(out, "connector", c->name);
    write_end(out, c);
    buf_printf(out, " %" PRId64 "\n", value);
}

void
metrics_write(struct buf *out, const struct metrics_connector *connectors, size_t n)
{
    write_process(out, n);
    write_head(out, &other_rows[ROW_STATE]);
    for (size_t i = 0; i < n; i++)
        write_state(out, &other_rows[ROW_STATE], &connectors[i], connectors[i].state);
    write_head(out, &other_rows[ROW_TASK]);
    for (size_t i = 0; i < n; i++)
        if (connectors[i].task)
            write_state(out, &other_rows[ROW_TASK], &connectors[i], connectors[i].task);
    for (size_t m = 0; m < METRIC_COUNT; m++) {
        write_head(out, &metric_rows[m]);
        for (size_t i = 0; i < n; i++)
            write_sample(out, &metric_rows[m], &connectors[i], connectors[i].m.v[m]);
    }
}

/* ------------------------------------------------------------------------------------------------------------ the page */

static void
write_page_row(struct buf *out, const struct metric_row *r)
{
    buf_printf(out, "| `%s` | %s | %s | %s |\n", r->name, r->kind, r->unit, r->help);
}

void
metrics_write_page(struct buf *out)
{
    buf_str(out,
            "# Metrics\n\n"
            "`GET /metrics` of `walbridge connect` answers in Prometheus' text format. What "
            "Debezium measures too has "
            "the name under which its\nPrometheus exporter shows it, with the labels `context`, "
            "`name` (the topic "
            "prefix) and `plugin`, so that its dashboards go on\nworking; `connector` is the "
            "connector's name; its "
            "`custom.metric.tags` are labels too. "
            "Figures are at most a quarter of a second old.\n\n"
            "| Name | Kind | Unit | |\n|---|---|---|---|\n");
    for (size_t m = 0; m < METRIC_COUNT; m++)
        write_page_row(out, &metric_rows[m]);
    for (size_t m = 0; m < ROW_COUNT; m++)
        write_page_row(out, &other_rows[m]);
}
