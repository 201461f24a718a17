/*
 * What the configuration topic says, record by record, and the records that say it: Kafka Connect's exact formats.
 *
 *   connector-<name>          {"properties":{…}}, null: deleted
 *   task-<name>-<i>           {"properties":{…,"task.class":…}}, counts from the commit on
 *   commit-<name>             {"tasks":1}
 *   target-state-<name>       {"state":"PAUSED","state.v2":"STOPPED"}, null: as if it was never set
 *   restart-connector-<name>  {"include-tasks":true,"only-failed":false}
 *   logger-cluster-<logger>   {"level":"DEBUG"}
 *   session-key, tasks-fencing-<name>: of real workers among themselves, left alone
 *
 * A record that cannot be read makes its connector unusable, with the reason, until a good one comes. Pure: no thread, no
 * Kafka; the caller locks.
 */
#ifndef REPLICATOR_CONNECT_CONFIGS_H
#define REPLICATOR_CONNECT_CONFIGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "replicator/connect/worker.h"

enum { CONFIGS_VALUE_MAX = 8 << 20 /* of a record; Kafka's own default limit is one MiB */ };

/* One connector. Values are immutable and shared by reference. */
struct configs_entry {
    char *name;
    json_t *config; /* NULL: there is none (deleted, or only its other records are left) */
    json_t *tasks; /* array of the committed tasks' configurations; NULL: none was ever committed */
    json_t *pending;    /* by number, as text: written, not yet committed */
    size_t ntasks_ever; /* the most that were committed in its life */
    enum worker_target target;
    uint64_t version;                      /* another one with each configuration */
    char why_config[400], why_target[400]; /* not "": why the record cannot be used */
};

enum configs_kind {
    CONFIGS_NOTHING, /* nothing that anyone must act on */
    CONFIGS_CONNECTOR,
    CONFIGS_TARGET,
    CONFIGS_TASKS,
    CONFIGS_RESTART,
    CONFIGS_LOGGER,
};

/* What a record changed. */
struct configs_change {
    enum configs_kind kind;
    struct configs_entry *entry; /* of all but the logger */
    bool include_tasks, only_failed;
    char logger[256], level[16];
};

struct configs;

struct configs *configs_new(void);
void configs_free(struct configs *c);
/* value.p NULL: a tombstone. */
void configs_apply(struct configs *c, struct slice key, struct slice value,
                   struct configs_change *out);
/* An entry with a configuration, or with one that cannot be used; NULL: unknown. */
struct configs_entry *configs_get(const struct configs *c, const char *name);
/* In the order in which they came: for (size_t i = 0; (en = configs_next(c, &i));) */
struct configs_entry *configs_next(const struct configs *c, size_t *i);
size_t configs_ntasks(const struct configs_entry *en);

/* The records. key and value are appended to. */
void configs_put_connector(struct buf *key, struct buf *value, const char *name,
                           const json_t *config);
void configs_put_task(struct buf *key, struct buf *value, const char *name, int task,
                      const json_t *config);
void configs_put_commit(struct buf *key, struct buf *value, const char *name, int tasks);
void configs_put_target(struct buf *key, struct buf *value, const char *name,
                        enum worker_target target);
void configs_put_restart(struct buf *key, struct buf *value, const char *name, bool include_tasks,
                         bool only_failed);
void configs_put_logger(struct buf *key, struct buf *value, const char *logger, const char *level);
/* The configuration that a task gets: the connector's and its class. */
json_t *configs_task_of(const char *name, json_t *config);

#endif
