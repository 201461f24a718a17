/* The worker's documents, from memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "replicator/connect/worker_priv.h"

#define PLUGIN_CLASS "io.debezium.connector.postgresql.PostgresConnector"

static bool
enter_ready(const struct worker *w, bool change)
{
    return w->failed ||
           (change ? w->active || (w->group_known && w->members > 0 && w->read) : w->read);
}

bool
worker_enter(struct worker *w, bool change, struct worker_error *e)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (change ? WORKER_REQUEST_MS : WORKER_READ_WAIT_MS) / 1000;
    pthread_mutex_lock(&w->lock);
    while (!enter_ready(w, change) && !atomic_load(&w->stopping) &&
           pthread_cond_timedwait(&w->changed, &w->lock, &until) == 0)
        ;
    if (w->failed)
        worker_refuse(e, 500, "%s", w->why.msg);
    else if (atomic_load(&w->stopping) && change)
        worker_refuse(e, 503, "The worker is stopping");
    else if (!enter_ready(w, change))
        worker_refuse(e, 503, "The worker is still starting: %s",
                      w->why.msg[0] ? w->why.msg : "the storage topics are being read");
    else if (change && !w->active)
        worker_refuse(e, 409,
                      "Cannot complete request momentarily due to a Kafka Connect worker of the "
                      "group that is alive (%s); this one only answers until it has left",
                      w->member);
    else
        return true;
    pthread_mutex_unlock(&w->lock);
    return false;
}

void
worker_leave(struct worker *w)
{
    pthread_mutex_unlock(&w->lock);
}

static struct configs_entry *
entry_or_404(struct worker *w, const char *name, struct worker_error *e)
{
    struct configs_entry *en = configs_get(w->configs, name);

    if (!en)
        worker_refuse(e, 404, "Connector %s not found", name);
    return en;
}

void
worker_metrics(struct worker *w,
               void (*each)(void *arg, const char *name, const char *server, const char *labels,
                            const struct metrics *m),
               void *arg)
{
    struct slice name;
    void *value;

    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; map_next(w->places, &i, &name, &value);) {
        struct place *p = value;
        struct metrics m = metrics_slot_get(&p->metrics);

        if (p->server)
            each(arg, p->name, p->server, p->labels, &m);
    }
    pthread_mutex_unlock(&w->lock);
}

json_t *
worker_names(struct worker *w, struct worker_error *e)
{
    struct configs_entry *en;
    json_t *out;

    if (!worker_enter(w, false, e))
        return NULL;
    out = json_array();
    for (size_t i = 0; (en = configs_next(w->configs, &i));)
        json_array_append_new(out, json_string(en->name));
    worker_leave(w);
    return out;
}

static json_t *
type_of(const json_t *config)
{
    const char *name = json_string_value(json_object_get(config, "connector.class"));

    return json_string(name && strcmp(name, PLUGIN_CLASS) != 0 &&
                               strcmp(name, "PostgresConnector") != 0 &&
                               strcmp(name, "Postgres") != 0
                           ? "unknown"
                           : "source");
}

json_t *
worker_info_of(const struct configs_entry *en, json_t *tasks)
{
    json_t *out = json_object(), *list = json_array();

    for (size_t i = 0; i < json_array_size(tasks); i++) {
        json_t *one = json_object();

        json_object_set_new(one, "connector", json_string(en->name));
        json_object_set_new(one, "task", json_integer((json_int_t)i));
        json_array_append_new(list, one);
    }
    json_object_set_new(out, "name", json_string(en->name));
    if (en->config)
        json_object_set(out, "config", en->config);
    else
        json_object_set_new(out, "config", json_object());
    json_object_set_new(out, "tasks", list);
    json_object_set_new(out, "type", type_of(en->config));
    return out;
}

json_t *
worker_info(struct worker *w, const char *name, struct worker_error *e)
{
    struct configs_entry *en;
    json_t *out = NULL;

    if (!worker_enter(w, false, e))
        return NULL;
    en = entry_or_404(w, name, e);
    if (en)
        out = worker_info_of(en, en->tasks);
    worker_leave(w);
    return out;
}

json_t *
worker_config(struct worker *w, const char *name, struct worker_error *e)
{
    struct configs_entry *en;
    json_t *out = NULL;

    if (!worker_enter(w, false, e))
        return NULL;
    en = entry_or_404(w, name, e);
    if (en)
        out = en->config ? json_incref(en->config) : json_object();
    worker_leave(w);
    return out;
}

/* restarting: the connector, its task. */
json_t *
worker_status_of(struct worker *w, const char *name, const bool restarting[2],
                 struct worker_error *e)
{
    static const char *const state[] = {NULL, "RESTARTING"};
    const struct configs_entry *en = configs_get(w->configs, name);
    json_t *connector = statuses_connector_document(w->statuses, name, state[restarting[0]]);
    json_t *out, *tasks;

    if (!connector) {
        worker_refuse(e, 404, "No status found for connector %s", name);
        return NULL;
    }
    tasks = json_array();
    for (int i = 0, n = statuses_last_task(w->statuses, name); i <= n; i++) {
        json_t *one = statuses_task_document(w->statuses, name, i, state[restarting[1]]);

        if (one)
            json_array_append_new(tasks, one);
    }
    out = json_object();
    json_object_set_new(out, "name", json_string(name));
    json_object_set_new(out, "connector", connector);
    json_object_set_new(out, "tasks", tasks);
    json_object_set_new(out, "type", type_of(en ? en->config : NULL));
    return out;
}

json_t *
worker_status(struct worker *w, const char *name, struct worker_error *e)
{
    static const bool restarting[2];
    json_t *out;

    if (!worker_enter(w, false, e))
        return NULL;
    out = worker_status_of(w, name, restarting, e);
    worker_leave(w);
    return out;
}

json_t *
worker_tasks(struct worker *w, const char *name, struct worker_error *e)
{
    struct configs_entry *en;
    json_t *out = NULL;

    if (!worker_enter(w, false, e))
        return NULL;
    en = entry_or_404(w, name, e);
    if (en)
        out = json_array();
    for (size_t i = 0; en && i < configs_ntasks(en); i++) {
        json_t *one = json_object(), *id = json_object();

        json_object_set_new(id, "connector", json_string(name));
        json_object_set_new(id, "task", json_integer((json_int_t)i));
        json_object_set_new(one, "id", id);
        json_object_set(one, "config", json_array_get(en->tasks, i));
        json_array_append_new(out, one);
    }
    worker_leave(w);
    return out;
}

json_t *
worker_task_status(struct worker *w, const char *name, int task, struct worker_error *e)
{
    json_t *out;

    if (!worker_enter(w, false, e))
        return NULL;
    out = task < 0 ? NULL : statuses_task_document(w->statuses, name, task, NULL);
    if (!out)
        worker_refuse(e, 404, "No status found for task %s-%d", name, task);
    worker_leave(w);
    return out;
}

json_t *
worker_topics(struct worker *w, const char *name, struct worker_error *e)
{
    json_t *out, *topics;

    if (!worker_enter(w, false, e))
        return NULL;
    out = json_object();
    topics = json_object();
    json_object_set_new(topics, "topics", statuses_topics(w->statuses, name));
    json_object_set_new(out, name, topics);
    worker_leave(w);
    return out;
}
