/*
 * Figures of connectors and of the process, in Prometheus' text format. What Debezium measures too has its name, as its
 * Prometheus exporter gives it (debezium_metrics_…); the rest begins with walbridge_ or, of any process, process_.
 *
 * A connector's thread puts a copy of its figures into its slot a few times a second; others read it there.
 */
#ifndef REPLICATOR_METRICS_H
#define REPLICATOR_METRICS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum metric {
    METRIC_CONNECTED,
    METRIC_BEHIND_MS,
    METRIC_EVENTS,
    METRIC_CREATES,
    METRIC_UPDATES,
    METRIC_DELETES,
    METRIC_FILTERED,
    METRIC_ERRONEOUS,
    METRIC_TRANSACTIONS,
    METRIC_SINCE_EVENT_MS,
    METRIC_QUEUE_BYTES,
    METRIC_QUEUE_MAX_BYTES,
    METRIC_SNAPSHOT_RUNNING,
    METRIC_SNAPSHOT_COMPLETED,
    METRIC_SNAPSHOT_SECONDS,
    METRIC_SNAPSHOT_TABLES,
    METRIC_SNAPSHOT_TABLES_LEFT,
    METRIC_SNAPSHOT_ROWS,
    METRIC_DELIVERED,
    METRIC_PENDING,
    METRIC_REPEATED,
    METRIC_UNCONVERTED,
    METRIC_FAILURES,
    METRIC_RECEIVED_LSN,
    METRIC_FLUSHED_LSN,
    METRIC_COUNT
};

/* One connector's; all zero: it has not begun. */
struct metrics {
    int64_t v[METRIC_COUNT];
};

struct metrics_slot {
    pthread_mutex_t lock;
    struct metrics now;
};
void metrics_slot_init(struct metrics_slot *s);
void metrics_slot_free(struct metrics_slot *s);
void metrics_slot_put(struct metrics_slot *s, const struct metrics *m);
struct metrics metrics_slot_get(struct metrics_slot *s);

/* A connector as it is shown. */
struct metrics_connector {
    const char *name;
    const char *server; /* topic.prefix */
    const char *state;  /* "RUNNING"; of the connector, */
    const char *task;   /* and of its task; NULL: it has none */
    const char *labels; /* of its custom.metric.tags (metrics_labels.h); "" none */
    struct metrics m;
};

/* Everything: the process, then every figure of every connector. */
void metrics_write(struct buf *out, const struct metrics_connector *connectors, size_t n);

struct metric_row {
    const char *name;
    const char *context; /* Debezium's label; NULL: one of ours */
    const char *kind;    /* gauge, counter */
    const char *unit;
    const char *help;
};
extern const struct metric_row metric_rows[METRIC_COUNT];

/* `walbridge help metrics`: docs/metrics.md. */
void metrics_write_page(struct buf *out);

#endif
