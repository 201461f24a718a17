#include "tests/unit/fake_worker.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "replicator/metrics.h"
#include "replicator/signal.h"

#define VERSION "3.6.1.Final"
#define ID "127.0.0.1:8083"

struct worker {
    pthread_mutex_t lock;
    bool (*check)(void *arg, const char *name, json_t *config, struct worker_error *e);
    json_t *connectors; /* name → {"config","state","offsets","topics"} */
    json_t *loggers;
    enum worker_state state;
    char message[200];
    unsigned delay_ms;
};

struct worker *
fake_worker_new(bool (*check)(void *arg, const char *name, json_t *config, struct worker_error *e))
{
    struct worker *w = calloc(1, sizeof(*w));

    pthread_mutex_init(&w->lock, NULL);
    w->check = check;
    w->connectors = json_object();
    w->loggers = json_pack("{s:{s:s,s:n}}", "root", "level", "INFO", "last_modified");
    w->state = WORKER_READY;
    return w;
}

void
fake_worker_free(struct worker *w)
{
    pthread_mutex_destroy(&w->lock);
    json_decref(w->connectors);
    json_decref(w->loggers);
    free(w);
}

void
fake_worker_state(struct worker *w, enum worker_state state, const char *message)
{
    w->state = state;
    snprintf(w->message, sizeof(w->message), "%s", message);
}

void
fake_worker_delay(struct worker *w, unsigned ms)
{
    w->delay_ms = ms;
}

bool
worker_refuse(struct worker_error *e, int status, const char *fmt, ...)
{
    va_list ap;

    if (!e)
        return false;
    e->status = status;
    va_start(ap, fmt);
    vsnprintf(e->message, sizeof(e->message), fmt, ap);
    va_end(ap);
    return false;
}

void
worker_facts(struct worker *w, struct worker_facts *out)
{
    *out = (struct worker_facts){.version = "4.3.0",
                                 .commit = "a9ce3221537b8653",
                                 .group_id = "1",
                                 .worker_id = ID,
                                 .cluster_id = "cluster",
                                 .state = w->state};
    snprintf(out->message, sizeof(out->message), "%s", w->message);
}

/* ------------------------------------------------------------------------------------------------------------- reading */

static json_t *
find(struct worker *w, const char *name, struct worker_error *e)
{
    json_t *c = json_object_get(w->connectors, name);

    if (!c)
        worker_refuse(e, 404, "Connector %s not found", name);
    return c;
}

static const char *
state_of(json_t *c)
{
    return json_string_value(json_object_get(c, "state"));
}

static bool
is_stopped(json_t *c)
{
    return strcmp(state_of(c), "STOPPED") == 0;
}

json_t *
worker_names(struct worker *w, struct worker_error *e)
{
    json_t *names = json_array(), *c;
    const char *name;

    (void)e;
    pthread_mutex_lock(&w->lock);
    json_object_foreach(w->connectors, name, c) json_array_append_new(names, json_string(name));
    pthread_mutex_unlock(&w->lock);
    return names;
}

static json_t *
info_of(const char *name, json_t *c, bool with_tasks)
{
    json_t *tasks = json_array();

    if (with_tasks && !is_stopped(c))
        json_array_append_new(tasks, json_pack("{s:s,s:i}", "connector", name, "task", 0));
    return json_pack("{s:s,s:O,s:o,s:s}", "name", name, "config", json_object_get(c, "config"),
                     "tasks", tasks, "type", "source");
}

json_t *
worker_info(struct worker *w, const char *name, struct worker_error *e)
{
    json_t *c, *info = NULL;

    pthread_mutex_lock(&w->lock);
    if ((c = find(w, name, e)) != NULL)
        info = info_of(name, c, true);
    pthread_mutex_unlock(&w->lock);
    return info;
}

json_t *
worker_config(struct worker *w, const char *name, struct worker_error *e)
{
    json_t *c, *config = NULL;

    pthread_mutex_lock(&w->lock);
    if ((c = find(w, name, e)) != NULL)
        config = json_incref(json_object_get(c, "config"));
    pthread_mutex_unlock(&w->lock);
    return config;
}

static json_t *
task_status(json_t *c)
{
    return json_pack("{s:i,s:s,s:s,s:s}", "id", 0, "state", state_of(c), "worker_id", ID, "version",
                     VERSION);
}

json_t *
worker_status(struct worker *w, const char *name, struct worker_error *e)
{
    json_t *c, *status = NULL;

    pthread_mutex_lock(&w->lock);
    if ((c = json_object_get(w->connectors, name)) != NULL) {
        json_t *tasks = json_array();

        if (!is_stopped(c))
            json_array_append_new(tasks, task_status(c));
        status = json_pack("{s:s,s:{s:s,s:s,s:s},s:o,s:s}", "name", name, "connector", "state",
                           state_of(c), "worker_id", ID, "version", VERSION, "tasks", tasks, "type",
                           "source");
    } else {
        worker_refuse(e, 404, "No status found for connector %s", name);
    }
    pthread_mutex_unlock(&w->lock);
    return status;
}

json_t *
worker_tasks(struct worker *w, const char *name, struct worker_error *e)
{
    json_t *c, *tasks = NULL;

    pthread_mutex_lock(&w->lock);
    if ((c = find(w, name, e)) != NULL) {
        tasks = json_array();
        if (!is_stopped(c)) {
            json_t *config = json_copy(json_object_get(c, "config"));

            json_object_set_new(
                config, "task.class",
                json_string("io.debezium.connector.postgresql.PostgresConnectorTask"));
            json_array_append_new(tasks, json_pack("{s:{s:s,s:i},s:o}", "id", "connector", name,
                                                   "task", 0, "config", config));
        }
    }
    pthread_mutex_unlock(&w->lock);
    return tasks;
}

json_t *
worker_task_status(struct worker *w, const char *name, int task, struct worker_error *e)
{
    json_t *c, *status = NULL;

    pthread_mutex_lock(&w->lock);
    c = json_object_get(w->connectors, name);
    if (c && task == 0 && !is_stopped(c))
        status = task_status(c);
    else
        worker_refuse(e, 404, "No status found for task %s-%d", name, task);
    pthread_mutex_unlock(&w->lock);
    return status;
}

json_t *
worker_topics(struct worker *w, const char *name, struct worker_error *e)
{
    json_t *c, *topics;

    (void)e;
    pthread_mutex_lock(&w->lock);
    c = json_object_get(w->connectors, name);
    topics = c ? json_incref(json_object_get(c, "topics")) : json_array();
    pthread_mutex_unlock(&w->lock);
    return json_pack("{s:{s:o}}", name, "topics", topics);
}

json_t *
worker_offsets(struct worker *w, const char *name, struct worker_error *e)
{
    json_t *c, *offsets = NULL;

    pthread_mutex_lock(&w->lock);
    if ((c = find(w, name, e)) != NULL)
        offsets = json_pack("{s:O}", "offsets", json_object_get(c, "offsets"));
    pthread_mutex_unlock(&w->lock);
    return offsets;
}

void
worker_metrics(struct worker *w,
               void (*each)(void *arg, const char *name, const char *server, const char *labels,
                            const struct metrics *m),
               void *arg)
{
    struct metrics m = {{0}};
    json_t *c;
    const char *name;

    m.v[METRIC_CONNECTED] = 1;
    pthread_mutex_lock(&w->lock);
    json_object_foreach(w->connectors, name, c) each(arg, name, "pre\"fix", "", &m);
    pthread_mutex_unlock(&w->lock);
}

/* ------------------------------------------------------------------------------------------------------------ changing */

static bool
checked(struct worker *w, const char *name, json_t *config, struct worker_error *e)
{
    usleep(w->delay_ms * 1000);
    return !w->check || w->check(NULL, name, config, e);
}

static void
store(struct worker *w, const char *name, json_t *config, const char *state)
{
    json_t *c = json_object_get(w->connectors, name);
    json_t *kept = c ? json_incref(json_object_get(c, "offsets")) : json_array();

    json_object_set_new(w->connectors, name,
                        json_pack("{s:O,s:s,s:o,s:[]}", "config", config, "state",
                                  state ? state
                                  : c   ? state_of(c)
                                        : "RUNNING",
                                  "offsets", kept, "topics"));
}

json_t *
worker_create(struct worker *w, const char *name, json_t *config, const enum worker_target *target,
              struct worker_error *e)
{
    static const char *const states[] = {"RUNNING", "PAUSED", "STOPPED"};
    json_t *info = NULL;

    if (!checked(w, name, config, e))
        return NULL;
    pthread_mutex_lock(&w->lock);
    if (json_object_get(w->connectors, name)) {
        worker_refuse(e, 409, "Connector %s already exists", name);
    } else {
        store(w, name, config, target ? states[*target] : NULL);
        info = info_of(name, json_object_get(w->connectors, name), false);
    }
    pthread_mutex_unlock(&w->lock);
    return info;
}

json_t *
worker_put(struct worker *w, const char *name, json_t *config, bool *created,
           struct worker_error *e)
{
    json_t *info;

    if (!checked(w, name, config, e))
        return NULL;
    pthread_mutex_lock(&w->lock);
    *created = !json_object_get(w->connectors, name);
    store(w, name, config, NULL);
    info = info_of(name, json_object_get(w->connectors, name), !*created);
    pthread_mutex_unlock(&w->lock);
    return info;
}

json_t *
worker_patch(struct worker *w, const char *name, json_t *patch, struct worker_error *e)
{
    json_t *config = worker_config(w, name, e), *merged, *v, *info;
    const char *key;
    bool created;

    if (!config)
        return NULL;
    merged = json_copy(config);
    json_decref(config);
    json_object_foreach(patch, key, v)
    {
        if (json_is_null(v))
            json_object_del(merged, key);
        else
            json_object_set(merged, key, v);
    }
    info = worker_put(w, name, merged, &created, e);
    json_decref(merged);
    return info;
}

bool
worker_delete(struct worker *w, const char *name, struct worker_error *e)
{
    bool ok;

    pthread_mutex_lock(&w->lock);
    ok = find(w, name, e) != NULL;
    if (ok)
        json_object_del(w->connectors, name);
    pthread_mutex_unlock(&w->lock);
    return ok;
}

bool
worker_set_target(struct worker *w, const char *name, enum worker_target target,
                  struct worker_error *e)
{
    static const char *const states[] = {"RUNNING", "PAUSED", "STOPPED"};
    json_t *c;

    usleep(w->delay_ms * 1000);
    pthread_mutex_lock(&w->lock);
    c = json_object_get(w->connectors, name);
    if (c)
        json_object_set_new(c, "state", json_string(states[target]));
    pthread_mutex_unlock(&w->lock);
    return c || worker_refuse(e, 404, "Unknown connector %s", name);
}

bool
worker_restart(struct worker *w, const char *name, bool include_tasks, bool only_failed,
               json_t **status, struct worker_error *e)
{
    *status = worker_status(w, name, NULL);
    if (!*status)
        return worker_refuse(e, 404, "Unknown connector: %s", name);
    if (!include_tasks && !only_failed) {
        json_decref(*status);
        *status = NULL;
    }
    return true;
}

bool
worker_restart_task(struct worker *w, const char *name, int task, struct worker_error *e)
{
    json_t *status = worker_status(w, name, NULL);

    json_decref(status);
    if (!status)
        return worker_refuse(e, 404, "Unknown connector: %s", name);
    return task == 0 || worker_refuse(e, 404, "Unknown task: %s-%d", name, task);
}

static json_t *
change_offsets(struct worker *w, const char *name, json_t *offsets, struct worker_error *e)
{
    json_t *c, *message = NULL;

    pthread_mutex_lock(&w->lock);
    if ((c = find(w, name, e)) != NULL && !is_stopped(c)) {
        worker_refuse(e, 400, "Connectors must be in the STOPPED state");
    } else if (c) {
        json_object_set(c, "offsets", offsets);
        message = json_pack("{s:s}", "message", "done");
    }
    pthread_mutex_unlock(&w->lock);
    return message;
}

json_t *
worker_alter_offsets(struct worker *w, const char *name, json_t *offsets, struct worker_error *e)
{
    return change_offsets(w, name, offsets, e);
}

json_t *
worker_reset_offsets(struct worker *w, const char *name, struct worker_error *e)
{
    json_t *none = json_array(), *message = change_offsets(w, name, none, e);

    json_decref(none);
    return message;
}

bool
worker_reset_topics(struct worker *w, const char *name, struct worker_error *e)
{
    (void)w;
    (void)name;
    (void)e;
    return true;
}

json_t *
worker_signal(struct worker *w, const char *name, const struct signal *s, struct worker_error *e)
{
    json_t *status = worker_status(w, name, e);

    json_decref(status);
    return status ? json_pack("{ss*ss}", "id", s->id, "type", s->type) : NULL;
}

/* ------------------------------------------------------------------------------------------------------------- loggers */

json_t *
worker_loggers(struct worker *w)
{
    json_t *copy;

    pthread_mutex_lock(&w->lock);
    copy = json_deep_copy(w->loggers);
    pthread_mutex_unlock(&w->lock);
    return copy;
}

json_t *
worker_logger(struct worker *w, const char *logger, struct worker_error *e)
{
    json_t *level;

    pthread_mutex_lock(&w->lock);
    level = json_incref(json_object_get(w->loggers, logger));
    pthread_mutex_unlock(&w->lock);
    if (!level)
        worker_refuse(e, 404, "Logger %s not found.", logger);
    return level;
}

json_t *
worker_set_logger(struct worker *w, const char *logger, const char *level, bool cluster,
                  struct worker_error *e)
{
    if (strcasecmp(level, "DEBUG") != 0 && strcasecmp(level, "INFO") != 0) {
        worker_refuse(e, 404, "invalid log level '%s'.", level);
        return NULL;
    }
    pthread_mutex_lock(&w->lock);
    json_object_set_new(w->loggers, logger,
                        json_pack("{s:s,s:i}", "level", level, "last_modified", 1));
    pthread_mutex_unlock(&w->lock);
    return cluster ? json_array() : json_pack("[s]", logger);
}
