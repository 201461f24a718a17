/*
 * What the status topic says: states of connectors and tasks, and the topics they write to, in Kafka Connect's exact
 * formats.
 *
 *   status-connector-<name>                    {"state","trace","worker_id","generation","version"}, null: gone
 *   status-task-<name>-<i>                     likewise
 *   status-topic-<topic>:connector-<name>      {"topic":{"name","connector","task","discoverTimestamp"}}, null: forgotten
 *
 * Pure: no thread, no Kafka; the caller locks.
 */
#ifndef REPLICATOR_CONNECT_STATUSES_H
#define REPLICATOR_CONNECT_STATUSES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum { STATUSES_CONNECTOR = -1 }; /* in place of a task's number */

struct statuses;

struct statuses *statuses_new(void);
void statuses_free(struct statuses *s);
/* value.p NULL: a tombstone. A record that cannot be read is left out with a warning: it is no more than a report. */
void statuses_apply(struct statuses *s, struct slice key, struct slice value);
/* Of all statuses read so far. */
int64_t statuses_generation(const struct statuses *s);
/* {"state":…}, as recorded; NULL: none. */
const json_t *statuses_get(const struct statuses *s, const char *name, int task);
/* The state's name; "" none. */
const char *statuses_state(const struct statuses *s, const char *name, int task);
/* What stands under a key of the topic, appended; false: nothing. */
bool statuses_value(const struct statuses *s, struct slice key, struct buf *value);
/* The highest task number with a status; -1: none. */
int statuses_last_task(const struct statuses *s, const char *name);

/* Parts of documents, new references. states: RESTARTING in place of the recorded state; NULL as recorded. */
json_t *statuses_task_document(const struct statuses *s, const char *name, int task,
                               const char *state);
json_t *statuses_connector_document(const struct statuses *s, const char *name, const char *state);
/* Names of the topics of a connector. */
json_t *statuses_topics(const struct statuses *s, const char *name);

/* The records; appended to. task STATUSES_CONNECTOR: the connector's own. trace NULL: none; version NULL: null. */
void statuses_put_key(struct buf *key, const char *name, int task);
void statuses_put_value(struct buf *value, const char *state, const char *trace,
                        const char *worker_id, int64_t generation, const char *version);
void statuses_put_topic(struct buf *key, struct buf *value, const char *name, const char *topic,
                        int64_t now_ms);

#endif
