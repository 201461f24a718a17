/*
 * Inside the worker: what its life (worker.c), its reconciling (worker_step.c), its documents (worker_read.c), its changes
 * (worker_write.c) and its offsets (worker_offsets.c) share.
 *
 * One mutex guards what the topics say and what is told of it. Records are applied on the storage's thread; jobs belong to
 * the thread in worker_run, which brings what is into line with what is wanted whenever one of the two changed.
 */
#ifndef REPLICATOR_CONNECT_WORKER_PRIV_H
#define REPLICATOR_CONNECT_WORKER_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "replicator/connect/configs.h"
#include "replicator/connect/positions.h"
#include "replicator/connect/statuses.h"
#include "replicator/connect/storage.h"
#include "replicator/connect/worker.h"
#include "replicator/metrics.h"
#include "replicator/supervisor.h"
#include "sinks/sink.h"

#define WORKER_KAFKA_VERSION "4.3.0"
#define WORKER_KAFKA_COMMIT "a9ce3221537b8653"
#define WORKER_PLUGIN_VERSION "3.6.1.Final"

enum { WORKER_READ_WAIT_MS = 2000, WORKER_RETRY_MS = 500, WORKER_TEXT_MAX = 16 << 20 };

/* By what a status says in between. */
enum restart { RESTART_NONE, RESTART_ALONE, RESTART_TOGETHER };

/* A connector's place in this worker. Belongs to the thread in worker_run, but for what is marked. */
struct place {
    struct worker *worker;
    char *name;
    struct job *job;
    struct sink_topics topics;
    struct metrics_slot metrics;
    char *server;           /* topic.prefix of the configuration that the job has; NULL: none yet */
    char *labels;           /* its custom.metric.tags, as /metrics says them; with server */
    uint64_t version;       /* of the configuration that the job has; 0: none */
    uint64_t tasks_version; /* for which the task was written */
    bool stop_written;      /* "no tasks" was, for the present stop */
    json_t *config;         /* as it was stored; NULL: none that can be used */
    bool bad;               /* the configuration cannot be used: */
    struct err why;
    char *told[2]; /* the statuses as last written, connector and task; NULL: none of this life */
    atomic_int restart, restart_task; /* enum restart: asked for */
    atomic_bool busy;                 /* its thread lives */
};

struct outgoing {
    enum storage_topic topic;
    struct buf key, value;
    bool tombstone;
    struct outgoing *next;
};

struct logger {
    char level[16];
    int64_t modified_ms; /* 0: never */
};

struct worker {
    struct worker_options options;
    struct storage *storage;
    struct supervisor *supervisor;
    char *id;
    int wake_fd;
    atomic_bool stopping;
    pthread_t group_thread;
    bool has_group_thread, has_left;
    bool try_again;     /* taking over failed and passes by itself */
    struct map *places; /* by name */

    pthread_mutex_t
        writing; /* taken before the other: whether it is there and the change of it are one */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct configs *configs;
    struct statuses *statuses;
    struct positions *positions;
    struct map *loggers;
    bool read;        /* the topics were, up to where they stood at the start */
    bool failed;      /* they cannot be: */
    struct err why;   /* also of a group that cannot be looked at */
    bool group_known; /* whether there are members: */
    unsigned members;
    char member[STORAGE_MEMBER_TEXT];
    bool active; /* connectors are ours to run */
    int64_t generation;
    struct outgoing *first, **last; /* to be sent when the lock is free */
    /* What could not be written is written again, though not at once: what failed just now fails again. */
    struct map *lost_statuses; /* keys */
    bool lost_configs;
    int64_t lost_us; /* when the last was; 0: nothing is */
};

/* worker.c */
void worker_wake(struct worker *w);
/* A record to be written when worker_send is called without the lock. Fill in key and value. */
struct outgoing *worker_queue(struct worker *w, enum storage_topic topic);
void worker_send(struct worker *w);

/* worker_step.c: one round, on the thread in worker_run. False: the worker cannot go on. */
bool worker_step(struct worker *w, struct err *e);
/* All jobs have ended, or may be left. */
bool worker_is_quiet(struct worker *w, bool may_abandon);
void worker_place_free(void *arg);

/* worker_read.c: with the lock, which stays taken when they return true, and free when false. */
bool worker_enter(struct worker *w, bool change, struct worker_error *e);
void worker_leave(struct worker *w);
/* The info document; tasks: the array that it names. With the lock. */
json_t *worker_info_of(const struct configs_entry *en, json_t *tasks);
json_t *worker_status_of(struct worker *w, const char *name, const bool restarting[2],
                         struct worker_error *e);

/* worker_offsets.c: a store for a connector's thread; arg: the worker. */
struct offset_store *worker_offset_store(void *arg, const struct config *config, struct err *e);

/* worker_loggers.c */
void worker_apply_logger(struct worker *w, const char *logger, const char *level);

#endif
