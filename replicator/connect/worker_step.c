/* One round of the worker: what is brought into line with what is wanted, and told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/conf.h"
#include "replicator/connect/json_text.h"
#include "replicator/connect/worker_conf.h"
#include "replicator/connect/worker_priv.h"
#include "replicator/metrics_labels.h"

enum { TOLD_CONNECTOR, TOLD_TASK };

/* -------------------------------------------------------------------------------------------------------- places */

void
worker_place_free(void *arg)
{
    struct place *p = arg;

    job_free(p->job);
    free(p->told[TOLD_CONNECTOR]);
    free(p->told[TOLD_TASK]);
    metrics_slot_free(&p->metrics);
    json_decref(p->config);
    free(p->labels);
    free(p->server);
    free(p->name);
    free(p);
}

/* The status topic says what a connector writes to. On the connector's thread. */
static void
place_topic(void *arg, const char *topic)
{
    struct place *p = arg;
    struct worker *w = p->worker;
    struct outgoing *o;

    if (!config_bool(w->options.config, "topic.tracking.enable"))
        return;
    pthread_mutex_lock(&w->lock);
    o = worker_queue(w, STORAGE_STATUSES);
    statuses_put_topic(&o->key, &o->value, p->name, topic, clock_now_ns() / 1000000);
    if (map_get(w->places, slice_of(p->name)) == p)
        statuses_apply(w->statuses, buf_view(&o->key), buf_view(&o->value));
    pthread_mutex_unlock(&w->lock);
    worker_wake(w);
}

static struct place *
place_of(struct worker *w, const char *name)
{
    struct place *p = map_get(w->places, slice_of(name));

    if (!p) {
        p = mem_alloc(sizeof(*p));
        p->worker = w;
        p->name = mem_strdup(name);
        p->job = job_new(w->supervisor, p->name, NULL, NULL);
        p->topics.tell = place_topic;
        p->topics.arg = p;
        metrics_slot_init(&p->metrics);
        map_put(w->places, slice_of(name), p);
    }
    return p;
}

/* ------------------------------------------------------------------------------------------------- configuration */

/* All errors in one message: a trace is all that is seen of it. */
static void
config_why(struct config *c, struct err *e)
{
    const struct prop_issue *is;
    struct buf text;

    buf_init(&text, sizeof(e->msg));
    config_validate(c, &is);
    for (; is; is = is->next)
        if (is->is_error)
            buf_printf(&text, "%s%s", text.n ? "; " : "", is->text);
    if (text.n)
        err_set(e, ERR_CONFIG, "config.invalid", "%s", buf_cstr(&text));
    buf_free(&text);
}

static struct config *
place_config(const struct worker *w, const char *name, json_t *raw, struct err *e)
{
    json_t *named = json_copy(raw);
    struct config *c = NULL;
    struct buf text;

    json_object_set_new(named, "name", json_string(name));
    buf_init(&text, WORKER_TEXT_MAX);
    json_text_add(&text, named);
    json_decref(named);
    if (!buf_ok(&text))
        err_set(e, ERR_CONFIG, "config.size", "the configuration is larger than %d bytes",
                WORKER_TEXT_MAX);
    else
        c = conf_parse(text.p, text.n, name, e);
    if (text.p)
        explicit_bzero(text.p, text.n);
    buf_free(&text);
    if (!c)
        return NULL;
    worker_conf_apply(w->options.config, c);
    if (conf_check(c, e))
        return c;
    config_why(c, e);
    config_free(c);
    return NULL;
}

/* As /metrics shows them. */
static void
place_name_figures(struct place *p, const struct config *c)
{
    const char *tags = config_str(c, "custom.metric.tags");
    struct err e = {0};
    struct buf labels;

    buf_init(&labels, WORKER_TEXT_MAX);
    if (tags)
        (void)metrics_labels(&labels, tags, &e); /* was looked at with the configuration */
    free(p->labels);
    p->labels = mem_strdup(buf_cstr(&labels));
    buf_free(&labels);
    free(p->server);
    p->server = mem_strdup(config_str(c, "topic.prefix"));
}

/* Another configuration than the job has. */
static void
place_load(struct place *p, struct configs_entry *en)
{
    const struct worker *w = p->worker;
    struct connector_options o = {
        .sinks = w->options.sinks,
        .nsinks = w->options.nsinks,
        .lines_path = "-",
        .open_offsets = worker_offset_store,
        .offsets_arg = p->worker,
        .topics = &p->topics,
        .metrics = &p->metrics,
    };

    p->version = en->version;
    p->stop_written = false;
    err_clear(&p->why);
    if (!en->config) {
        err_set(&p->why, ERR_CONFIG, "config.stored", "%s", en->why_config);
    } else {
        log_set_connector(p->name);
        o.config = place_config(w, p->name, en->config, &p->why);
        log_set_connector(NULL);
    }
    p->bad = o.config == NULL;
    json_decref(p->config);
    p->config = p->bad ? NULL : json_incref(en->config);
    if (!p->bad) {
        place_name_figures(p, o.config);
        job_configure(p->job, &o);
        job_restart(p->job);
        return;
    }
    log_set_connector(p->name);
    log_err(LOG_ERROR, &p->why, "configuration");
    log_set_connector(NULL);
}

/* ------------------------------------------------------------------------------------------------------- statuses */

/* As a Java program would have it, so that whoever looks for exceptions finds one. */
static void
trace_text(struct buf *out, const struct err *e)
{
    static const char *const classes[] = {
        [ERR_NONE] = "org.apache.kafka.connect.errors.ConnectException",
        [ERR_RETRY] = "org.apache.kafka.connect.errors.RetriableException",
        [ERR_CONFIG] = "org.apache.kafka.connect.errors.ConnectException",
        [ERR_DATA] = "org.apache.kafka.connect.errors.DataException",
        [ERR_FATAL] = "io.debezium.DebeziumException",
        [ERR_BUG] = "java.lang.IllegalStateException",
    };

    buf_printf(out, "%s: %s\n\tat walbridge.%s(" WALBRIDGE_VERSION ")\n", classes[e->cls], e->msg,
               e->code);
}

/* state NULL: a tombstone. Only what is new is written. */
static void
place_tell(struct place *p, int which, const char *state, const struct err *e)
{
    struct worker *w = p->worker;
    struct outgoing *o;
    struct buf trace, text;

    buf_init(&trace, 8192);
    if (e)
        trace_text(&trace, e);
    buf_init(&text, 8192);
    buf_printf(&text, "%s %s", state ? state : "", e ? buf_cstr(&trace) : "");
    if (p->told[which] && strcmp(p->told[which], buf_cstr(&text)) == 0) {
        buf_free(&trace);
        buf_free(&text);
        return;
    }
    free(p->told[which]);
    p->told[which] = mem_strdup(buf_cstr(&text));
    o = worker_queue(w, STORAGE_STATUSES);
    statuses_put_key(&o->key, p->name, which == TOLD_TASK ? 0 : STATUSES_CONNECTOR);
    o->tombstone = state == NULL;
    if (state)
        statuses_put_value(&o->value, state, e ? buf_cstr(&trace) : NULL, w->id, w->generation,
                           WORKER_PLUGIN_VERSION);
    statuses_apply(w->statuses, buf_view(&o->key),
                   state ? buf_view(&o->value) : (struct slice){NULL, 0});
    buf_free(&trace);
    buf_free(&text);
}

/* What is left of tasks that others once made. */
static void
place_forget_tasks(struct place *p)
{
    struct worker *w = p->worker;

    for (int task = statuses_last_task(w->statuses, p->name); task > 0; task--) {
        struct outgoing *o;

        if (!statuses_get(w->statuses, p->name, task))
            continue;
        o = worker_queue(w, STORAGE_STATUSES);
        statuses_put_key(&o->key, p->name, task);
        o->tombstone = true;
        statuses_apply(w->statuses, buf_view(&o->key), (struct slice){NULL, 0});
    }
}

static void
place_tell_task(struct place *p, const struct configs_entry *en)
{
    switch (job_state(p->job)) {
    case JOB_RUNNING:
    case JOB_DONE:
        /* Its configuration comes first: who sees it running asks for that. */
        if (configs_ntasks(en) > 0)
            place_tell(p, TOLD_TASK, "RUNNING", NULL);
        break;
    case JOB_PAUSED:
        place_tell(p, TOLD_TASK, "PAUSED", NULL);
        break;
    case JOB_FAILED:
        place_tell(p, TOLD_TASK, "FAILED", job_error(p->job));
        break;
    case JOB_STOPPING: /* what comes next is told */
        break;
    case JOB_OFF:
        if (configs_ntasks(en) == 0) {
            if (statuses_get(p->worker->statuses, p->name, 0))
                place_tell(p, TOLD_TASK, NULL, NULL);
        } else {
            place_tell(p, TOLD_TASK, "UNASSIGNED", NULL);
        }
        break;
    }
}

static void
place_tell_all(struct place *p, const struct configs_entry *en)
{
    static const char *const targets[] = {
        [WORKER_STARTED] = "RUNNING", [WORKER_PAUSED] = "PAUSED", [WORKER_STOPPED] = "STOPPED"};

    struct err e = {0};

    /* One that is stopped is not begun, so what is wrong with it is not yet a failure; but it has to be readable. */
    if (p->bad && (en->target != WORKER_STOPPED || !en->config)) {
        place_tell(p, TOLD_CONNECTOR, "FAILED", &p->why);
    } else if (en->why_target[0]) {
        err_set(&e, ERR_CONFIG, "config.stored", "%s", en->why_target);
        place_tell(p, TOLD_CONNECTOR, "FAILED", &e);
    } else {
        place_tell(p, TOLD_CONNECTOR, targets[en->target], NULL);
    }
    place_tell_task(p, en);
    place_forget_tasks(p);
}

/* --------------------------------------------------------------------------------------------------- one connector */

static void
place_write_tasks(struct place *p, struct configs_entry *en)
{
    struct worker *w = p->worker;
    json_t *task = configs_task_of(p->name, en->config);
    struct outgoing *o;

    if (p->tasks_version != en->version &&
        (configs_ntasks(en) != 1 || !json_equal(json_array_get(en->tasks, 0), task))) {
        o = worker_queue(w, STORAGE_CONFIGS);
        configs_put_task(&o->key, &o->value, p->name, 0, task);
        o = worker_queue(w, STORAGE_CONFIGS);
        configs_put_commit(&o->key, &o->value, p->name, 1);
        p->tasks_version = en->version;
    }
    json_decref(task);
}

/* A stop that another worker's tool wrote, as a leader does it: no tasks from now on. */
static void
place_write_stop(struct place *p, const struct configs_entry *en)
{
    struct outgoing *o;

    p->tasks_version = 0;
    if (configs_ntasks(en) == 0 || p->stop_written)
        return;
    o = worker_queue(p->worker, STORAGE_CONFIGS);
    configs_put_commit(&o->key, &o->value, p->name, 0);
    p->stop_written = true;
}

static enum job_why
place_wish(struct place *p, struct configs_entry *en)
{
    /* Stored again and the same, as programs do it that put what they want every hour, leaves the task alone, also one that
     * has failed. */
    if (p->version != 0 && p->config && en->config && json_equal(p->config, en->config))
        p->version = en->version;
    if (p->version != en->version) {
        if (p->told[TOLD_CONNECTOR])
            place_tell(p, TOLD_CONNECTOR, "UNASSIGNED", NULL);
        if (job_state(p->job) != JOB_OFF)
            place_tell(p, TOLD_TASK, "UNASSIGNED", NULL);
        place_load(p, en);
    }
    /* Whether it should run is not known: it might have been stopped for a reason. */
    if (p->bad || en->why_target[0])
        return JOB_WANT_STOP;
    switch (en->target) {
    case WORKER_STARTED:
        place_write_tasks(p, en);
        p->stop_written = false;
        return JOB_WANT_RUN;
    case WORKER_PAUSED:
        p->stop_written = false;
        /* One that never ran has no tasks, and begins nothing. */
        return configs_ntasks(en) > 0 ? JOB_WANT_PAUSE : JOB_WANT_STOP;
    case WORKER_STOPPED:
        place_write_stop(p, en);
        break;
    }
    return JOB_WANT_STOP;
}

/* A connector by itself is nothing that runs; what failed to begin, and its task, are tried again. */
static void
place_restarts(struct place *p)
{
    static const char *const between[] = {
        [RESTART_ALONE] = "UNASSIGNED", [RESTART_TOGETHER] = "RESTARTING"};
    int how = atomic_exchange(&p->restart, RESTART_NONE);

    if (how != RESTART_NONE) {
        place_tell(p, TOLD_CONNECTOR, between[how], NULL);
        if (p->bad)
            p->version = 0;
    }
    how = atomic_exchange(&p->restart_task, RESTART_NONE);
    if (how != RESTART_NONE && job_state(p->job) != JOB_OFF) {
        place_tell(p, TOLD_TASK, between[how], NULL);
        job_restart(p->job);
    }
}

static void
place_step(struct place *p, struct configs_entry *en)
{
    struct worker *w = p->worker;

    if (w->active && en)
        place_restarts(p);
    job_want(p->job, w->active && en ? place_wish(p, en) : JOB_WANT_STOP);
    job_step(p->job);
    atomic_store(&p->busy, !job_is_over(p->job));
    if (w->active && en) {
        place_tell_all(p, en);
    } else if (job_is_over(p->job) && p->told[TOLD_CONNECTOR] && en) {
        /* Handed back: nobody has it until another worker says so. */
        place_tell(p, TOLD_CONNECTOR, "UNASSIGNED", NULL);
        if (configs_ntasks(en) > 0)
            place_tell(p, TOLD_TASK, "UNASSIGNED", NULL);
        p->version = p->tasks_version = 0;
        for (int i = 0; i < 2; i++) {
            free(p->told[i]);
            p->told[i] = NULL;
        }
    }
}

/* Of a connector that is gone nothing stays but its offsets. */
static bool
place_gone(struct place *p)
{
    struct worker *w = p->worker;
    json_t *topics;

    if (!job_is_over(p->job))
        return false;
    if (w->active) {
        place_tell(p, TOLD_CONNECTOR, NULL, NULL);
        place_tell(p, TOLD_TASK, NULL, NULL);
        place_forget_tasks(p);
        topics = statuses_topics(w->statuses, p->name);
        for (size_t i = 0; i < json_array_size(topics); i++) {
            struct outgoing *o = worker_queue(w, STORAGE_STATUSES);

            statuses_put_topic(&o->key, &o->value, p->name,
                               json_string_value(json_array_get(topics, i)), 0);
            o->tombstone = true;
            statuses_apply(w->statuses, buf_view(&o->key), (struct slice){NULL, 0});
        }
        json_decref(topics);
    }
    map_del(w->places, slice_of(p->name));
    worker_place_free(p);
    return true;
}

/* ------------------------------------------------------------------------------------------------------ the round */

static bool
worker_may_run(const struct worker *w)
{
    return w->read && w->group_known && w->members == 0 && !atomic_load(&w->stopping);
}

/* What the worker before us wrote at its end is read first. */
static bool
worker_take_over(struct worker *w, struct err *e)
{
    bool ok;

    pthread_mutex_unlock(&w->lock);
    ok = w->storage->ops->sync(w->storage, e);
    pthread_mutex_lock(&w->lock);
    w->try_again = !ok;
    if (!ok) {
        w->why = *e;
        log_err(LOG_WARN, e, "taking over");
        return e->cls == ERR_RETRY;
    }
    if (!worker_may_run(w))
        return true;
    w->active = true;
    w->generation = statuses_generation(w->statuses) + 1;
    err_clear(&w->why);
    pthread_cond_broadcast(&w->changed);
    log_info("running the connectors of group \"%s\"", config_str(w->options.config, "group.id"));
    return true;
}

static bool
worker_step_state(struct worker *w, struct err *e)
{
    if (w->failed) {
        *e = w->why;
        return false;
    }
    if (!w->active && worker_may_run(w))
        return worker_take_over(w, e);
    if (w->active && !worker_may_run(w)) {
        w->active = false;
        pthread_cond_broadcast(&w->changed);
        if (!atomic_load(&w->stopping))
            log_warn("letting go of all slots for that worker");
    }
    return true;
}

/* With what is true now. A worker that came instead of us writes its own. */
static void
worker_write_again(struct worker *w)
{
    struct slice key;
    void *value;

    if (!w->lost_us || clock_mono_us() - w->lost_us < WORKER_RETRY_MS * INT64_C(1000))
        return;
    for (size_t i = 0; w->active && map_next(w->lost_statuses, &i, &key, &value);) {
        struct outgoing *o = worker_queue(w, STORAGE_STATUSES);

        buf_add(&o->key, key.p, key.n);
        o->tombstone = !statuses_value(w->statuses, key, &o->value);
    }
    for (size_t i = 0; w->lost_configs && map_next(w->places, &i, &key, &value);) {
        struct place *p = value;

        p->tasks_version = 0;
        p->stop_written = false;
    }
    map_free(w->lost_statuses, NULL);
    w->lost_statuses = map_new();
    w->lost_configs = false;
    w->lost_us = 0;
}

bool
worker_step(struct worker *w, struct err *e)
{
    struct configs_entry *en;
    struct slice key;
    void *value;
    bool ok, again;

    pthread_mutex_lock(&w->lock);
    ok = worker_step_state(w, e);
    worker_write_again(w);
    for (size_t i = 0; ok && w->active && (en = configs_next(w->configs, &i));)
        (void)place_of(w, en->name);
    do {
        again = false;
        for (size_t i = 0; !again && map_next(w->places, &i, &key, &value);) {
            struct place *p = value;

            en = configs_get(w->configs, p->name);
            place_step(p, ok ? en : NULL);
            again = !en && place_gone(p);
        }
    } while (again);
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    return ok;
}

bool
worker_is_quiet(struct worker *w, bool may_abandon)
{
    struct slice key;
    void *value;

    for (size_t i = 0; map_next(w->places, &i, &key, &value);) {
        const struct place *p = value;

        if (!(may_abandon ? job_may_abandon(p->job) : job_is_over(p->job)))
            return false;
    }
    return true;
}
