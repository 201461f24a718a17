/*
 * The Connect worker without its REST server: what the configuration topic says is run, what happens is written to the
 * status topic, positions stand in the offsets topic. This is what REST handlers call, from any thread.
 *
 * Documents go out as new references of JSON values that nobody changes any more, members in Connect's order, ready to be
 * printed; NULL: e is set, with the status and the text that Connect answers with. Configurations are objects of strings
 * (null stays null), raw: variables unresolved, passwords in clear.
 *
 * Reading answers from memory at once. Changing (from worker_create on) waits until Kafka has it and it was read back, up to
 * WORKER_REQUEST_MS: not on a thread that others wait for. While a real worker of the group is alive changes are refused
 * with 409.
 */
#ifndef REPLICATOR_CONNECT_WORKER_H
#define REPLICATOR_CONNECT_WORKER_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/prop.h"

enum { WORKER_REQUEST_MS = 90000 };

/* An answer that is an error: Connect's {"error_code":status,"message":message}. */
struct worker_error {
    int status;
    char message[16384]; /* a name may fill a whole request line */
};
/* Sets it; always returns false. e may be NULL. */
bool worker_refuse(struct worker_error *e, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---------------------------------------------------------------------------------------------------- its life */

struct worker;
struct storage;

struct worker_options {
    const struct config *config; /* of the worker (worker_conf.h), validated; outlives it */
    struct storage *storage;     /* taken over; NULL: in Kafka */
    const char *const *sinks;    /* of each connector: "kafka", … */
    size_t nsinks;
    /* Asked on the caller's thread before a configuration is stored by create, put or patch; NULL: every one will do. */
    bool (*check)(void *arg, const char *name, json_t *config, struct worker_error *e);
    void *check_arg;
};

struct worker *worker_new(const struct worker_options *o, struct err *e);
/* Begins to read the storage topics; returns at once. Until they are read, reading waits a moment and then says 503. */
bool worker_start(struct worker *w, struct err *e);
/* Runs connectors on the calling thread until worker_stop, then stops them in order. False: e says why it cannot. */
bool worker_run(struct worker *w, struct err *e);
/* From any thread. */
void worker_stop(struct worker *w);
/* After worker_run said true: some connectors are left, which were still starting, so nothing is lost by leaving them. */
bool worker_has_left(const struct worker *w);
void worker_free(struct worker *w);

/* ------------------------------------------------------------------------------------------------------- facts */

enum worker_state {
    WORKER_STARTING, /* the storage topics are being read */
    WORKER_WAITING,  /* a real worker of the group is alive: only reading answers */
    WORKER_READY,
    WORKER_FAILED, /* a storage topic cannot be used */
};

struct worker_facts {
    const char *version, *commit; /* Kafka's, which clients look at: "4.3.0" */
    const char *group_id;
    const char *worker_id; /* host:port, as in statuses */
    char cluster_id[64];   /* "" not known yet */
    enum worker_state state;
    char message[600]; /* what /health says beside it: for whom it waits, why it failed */
    bool topic_tracking, topic_reset;
};
void worker_facts(struct worker *w, struct worker_facts *out);

/* ----------------------------------------------------------------------------------------------------- reading */

json_t *worker_names(struct worker *w, struct worker_error *e); /* ["a","b"] */
json_t *worker_info(struct worker *w, const char *name,
                    struct worker_error *e); /* {"name","config","tasks","type"} */
json_t *worker_config(struct worker *w, const char *name,
                      struct worker_error *e); /* {"connector.class":…} */
json_t *worker_status(struct worker *w, const char *name,
                      struct worker_error *e); /* {"name","connector","tasks","type"} */
json_t *worker_tasks(struct worker *w, const char *name,
                     struct worker_error *e); /* [{"id":{…},"config":{…}}] */
json_t *worker_task_status(struct worker *w, const char *name, int task,
                           struct worker_error *e); /* {"id","state","worker_id"} */
json_t *worker_topics(struct worker *w, const char *name,
                      struct worker_error *e); /* {"a":{"topics":[…]}} */
json_t *worker_offsets(struct worker *w, const char *name,
                       struct worker_error *e); /* {"offsets":[…]} */

/* The figures of each connector that was run, one call each; name and server live as long as the call. */
struct metrics;
void worker_metrics(struct worker *w,
                    void (*each)(void *arg, const char *name, const char *server,
                                 const char *labels, const struct metrics *m),
                    void *arg);

/* ---------------------------------------------------------------------------------------------------- changing */

enum worker_target { WORKER_STARTED, WORKER_PAUSED, WORKER_STOPPED };

/* POST: the info document; 409 when it is there. target NULL: none given. */
json_t *worker_create(struct worker *w, const char *name, json_t *config,
                      const enum worker_target *target, struct worker_error *e);
/* PUT: the info document; *created: it was not there. */
json_t *worker_put(struct worker *w, const char *name, json_t *config, bool *created,
                   struct worker_error *e);
/* PATCH: members replace, null removes. */
json_t *worker_patch(struct worker *w, const char *name, json_t *patch, struct worker_error *e);
bool worker_delete(struct worker *w, const char *name, struct worker_error *e);
/* pause, resume, stop */
bool worker_set_target(struct worker *w, const char *name, enum worker_target target,
                       struct worker_error *e);
/* Neither flag: the connector alone, *status NULL (204). Else *status is the document of what will be restarted (202). */
bool worker_restart(struct worker *w, const char *name, bool include_tasks, bool only_failed,
                    json_t **status, struct worker_error *e);
bool worker_restart_task(struct worker *w, const char *name, int task, struct worker_error *e);
/* offsets: [{"partition":{…},"offset":{…}|null}]. Both give {"message":…}. */
json_t *worker_alter_offsets(struct worker *w, const char *name, json_t *offsets,
                             struct worker_error *e);
json_t *worker_reset_offsets(struct worker *w, const char *name, struct worker_error *e);
bool worker_reset_topics(struct worker *w, const char *name, struct worker_error *e);
/* Ours: a signal for the connector that runs here, at once (signal.h). {"id":…}, which is made up where there is none. */
struct signal;
json_t *worker_signal(struct worker *w, const char *name, const struct signal *s,
                      struct worker_error *e);

/* ----------------------------------------------------------------------------------------------------- loggers */

json_t *worker_loggers(struct worker *w); /* {"root":{"level":"INFO","last_modified":null}} */
json_t *worker_logger(struct worker *w, const char *logger, struct worker_error *e);
/* The names that changed; cluster: through the configuration topic, an empty list. */
json_t *worker_set_logger(struct worker *w, const char *logger, const char *level, bool cluster,
                          struct worker_error *e);

#endif
