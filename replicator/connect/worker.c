#include "replicator/connect/worker_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/connect/worker_conf.h"

enum {
    /* A real worker that joins reads the offsets about a second later: until then ours are to be stored. */
    WORKER_GROUP_MS = 300,
    WORKER_GROUP_RETRY_MS = 1000,
    WORKER_GROUP_SAY = 60, /* of so many failures in a row one is told */
    WORKER_ABANDON_US = 3000000,
    WORKER_FLUSH_MS = 3000,
};

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
worker_wake(struct worker *w)
{
    uint64_t one = 1;

    if (write(w->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        log_warn("eventfd: write failed");
}

/* ------------------------------------------------------------------------------------------------------- writing */

struct outgoing *
worker_queue(struct worker *w, enum storage_topic topic)
{
    struct outgoing *o = mem_alloc(sizeof(*o));

    o->topic = topic;
    buf_init(&o->key, 4096);
    buf_init(&o->value, WORKER_TEXT_MAX);
    *w->last = o;
    w->last = &o->next;
    return o;
}

void
worker_send(struct worker *w)
{
    struct outgoing *o, *next;

    pthread_mutex_lock(&w->lock);
    o = w->first;
    w->first = NULL;
    w->last = &w->first;
    pthread_mutex_unlock(&w->lock);
    for (; o; o = next) {
        struct storage_record r = {.topic = o->topic, .key = buf_view(&o->key)};

        next = o->next;
        if (!o->tombstone)
            r.value = (struct slice){buf_cstr(&o->value), o->value.n};
        w->storage->ops->post(w->storage, &r);
        buf_free(&o->key);
        buf_free(&o->value);
        free(o);
    }
}

/* ------------------------------------------------------------------------------------------------------- reading */

/* What a restart request of another worker, or of our own, means for its connector. */
static void
worker_take_restart(struct worker *w, const struct configs_change *c)
{
    const char *name = c->entry->name;
    struct place *p = map_get(w->places, slice_of(name));

    if (!p)
        return;
    if (!c->only_failed ||
        strcmp(statuses_state(w->statuses, name, STATUSES_CONNECTOR), "FAILED") == 0)
        atomic_store(&p->restart, RESTART_TOGETHER);
    if (c->include_tasks &&
        (!c->only_failed || strcmp(statuses_state(w->statuses, name, 0), "FAILED") == 0))
        atomic_store(&p->restart_task, RESTART_TOGETHER);
}

static void
worker_on_record(void *arg, const struct storage_record *r)
{
    struct worker *w = arg;
    struct configs_change c = {0};

    pthread_mutex_lock(&w->lock);
    switch (r->topic) {
    case STORAGE_CONFIGS:
        configs_apply(w->configs, r->key, r->value, &c);
        /* What was asked of a worker that ran then is not asked of one that starts. */
        if (c.kind == CONFIGS_RESTART && w->active)
            worker_take_restart(w, &c);
        if (c.kind == CONFIGS_LOGGER && w->read)
            worker_apply_logger(w, c.logger, c.level);
        pthread_cond_broadcast(&w->changed);
        break;
    case STORAGE_STATUSES:
        /* While connectors are ours to run, nobody knows better than we do. */
        if (!w->active)
            statuses_apply(w->statuses, r->key, r->value);
        break;
    case STORAGE_OFFSETS:
        positions_apply(w->positions, r);
        break;
    case STORAGE_TOPICS:
        break;
    }
    pthread_mutex_unlock(&w->lock);
    if (r->topic == STORAGE_CONFIGS && w->read)
        worker_wake(w);
}

static void
worker_on_ready(void *arg, const struct err *e)
{
    struct worker *w = arg;

    pthread_mutex_lock(&w->lock);
    w->read = e == NULL;
    w->failed = e != NULL;
    if (e)
        w->why = *e;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    worker_wake(w);
}

static void
worker_on_trouble(void *arg, const struct err *e)
{
    struct worker *w = arg;

    pthread_mutex_lock(&w->lock);
    w->why = *e;
    pthread_mutex_unlock(&w->lock);
}

static void
worker_on_lost(void *arg, enum storage_topic topic, struct slice key)
{
    struct worker *w = arg;

    pthread_mutex_lock(&w->lock);
    if (topic == STORAGE_STATUSES)
        map_put(w->lost_statuses, key, w);
    else
        w->lost_configs = true;
    w->lost_us = clock_mono_us();
    pthread_mutex_unlock(&w->lock);
    worker_wake(w);
}

/* --------------------------------------------------------------------------------------------------------- group */

static void
worker_look_at_group(struct worker *w, int64_t *wait_ms, unsigned *failures)
{
    char who[STORAGE_MEMBER_TEXT] = "";
    struct err e = {0};
    unsigned n = 0;
    int64_t began_us = clock_mono_us();
    bool ok = w->storage->ops->members(w->storage, &n, who, &e), news;

    pthread_mutex_lock(&w->lock);
    /* A broker that does not answer says nothing about members: what was known goes on. */
    news = ok && (!w->group_known || (n > 0) != (w->members > 0));
    if (ok) {
        w->group_known = true;
        w->members = n;
        snprintf(w->member, sizeof(w->member), "%s", who);
    } else if (!w->group_known) {
        w->why = e;
    }
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    /* Where there are many groups the answer is long: a tenth of the time is spent on it at most. */
    *wait_ms = (clock_mono_us() - began_us) / 100;
    if (*wait_ms < (ok ? WORKER_GROUP_MS : WORKER_GROUP_RETRY_MS))
        *wait_ms = ok ? WORKER_GROUP_MS : WORKER_GROUP_RETRY_MS;
    *failures = ok ? 0 : *failures + 1;
    if (*failures % WORKER_GROUP_SAY == 1)
        log_err(LOG_WARN, &e, "looking at the group");
    if (news && n > 0)
        log_warn(
            "a Kafka Connect worker of group \"%s\" is alive (%s): waiting until it has left, "
            "and only answering meanwhile",
            config_str(w->options.config, "group.id"), who);
    if (news)
        worker_wake(w);
}

static void *
worker_watch_group(void *arg)
{
    struct worker *w = arg;
    int64_t wait_ms = 0;
    unsigned failures = 0;

    while (!atomic_load(&w->stopping)) {
        worker_look_at_group(w, &wait_ms, &failures);
        for (int64_t until = clock_mono_us() + wait_ms * 1000;
             !atomic_load(&w->stopping) && clock_mono_us() < until;)
            (void)poll(NULL, 0, 50);
    }
    return NULL;
}

/* ---------------------------------------------------------------------------------------------------------- life */

struct worker *
worker_new(const struct worker_options *o, struct err *e)
{
    struct worker *w = mem_alloc(sizeof(*w));

    w->options = *o;
    w->storage = o->storage ? o->storage : storage_kafka_new(o->config, e);
    w->last = &w->first;
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&w->writing, NULL);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    w->places = map_new();
    w->lost_statuses = map_new();
    w->configs = configs_new();
    w->statuses = statuses_new();
    w->positions = positions_new();
    w->loggers = map_new();
    w->id = worker_conf_id(o->config);
    w->supervisor = supervisor_new();
    if (w->wake_fd >= 0 && w->storage)
        return w;
    if (w->storage)
        err_set(e, ERR_FATAL, "worker.eventfd", "eventfd: %s", strerror(errno));
    worker_free(w);
    return NULL;
}

bool
worker_start(struct worker *w, struct err *e)
{
    struct storage_handler h = {w, worker_on_record, worker_on_ready, worker_on_trouble,
                                worker_on_lost};

    if (!w->storage->ops->start(w->storage, &h, e))
        return err_wrap(e, "storage topics");
    if (pthread_create(&w->group_thread, NULL, worker_watch_group, w) != 0)
        return err_set(e, ERR_FATAL, "worker.thread", "cannot start a thread: %s", strerror(errno));
    w->has_group_thread = true;
    return true;
}

/* Until it is woken. */
static bool
worker_may_sleep(struct worker *w)
{
    bool lost;

    pthread_mutex_lock(&w->lock);
    lost = w->lost_us != 0;
    pthread_mutex_unlock(&w->lock);
    return !lost && !w->try_again;
}

bool
worker_run(struct worker *w, struct err *e)
{
    int64_t asked_us = 0;
    bool ok;

    for (;;) {
        struct pollfd fds[] = {{w->wake_fd, POLLIN, 0}, {supervisor_fd(w->supervisor), POLLIN, 0}};
        uint64_t count;

        ok = worker_step(w, e);
        worker_send(w);
        if (!asked_us && (!ok || atomic_load(&w->stopping)))
            asked_us = clock_mono_us();
        if (!ok)
            break;
        if (asked_us && worker_is_quiet(w, clock_mono_us() - asked_us > WORKER_ABANDON_US))
            break;
        if (poll(fds, 2,
                 asked_us              ? 100
                 : worker_may_sleep(w) ? -1
                                       : WORKER_RETRY_MS) < 0 &&
            errno != EINTR)
            log_warn("poll: %s", strerror(errno));
        if (read(w->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
            log_warn("eventfd: read failed");
        supervisor_took(w->supervisor);
    }
    w->has_left = !worker_is_quiet(w, false);
    w->storage->ops->flush(w->storage, WORKER_FLUSH_MS);
    return ok;
}

void
worker_stop(struct worker *w)
{
    atomic_store(&w->stopping, true);
    worker_wake(w);
}

bool
worker_has_left(const struct worker *w)
{
    return w->has_left;
}

void
worker_free(struct worker *w)
{
    atomic_store(&w->stopping, true);
    if (w->has_group_thread)
        pthread_join(w->group_thread, NULL);
    map_free(w->places, worker_place_free);
    if (w->storage)
        w->storage->ops->close(w->storage);
    supervisor_free(w->supervisor);
    configs_free(w->configs);
    statuses_free(w->statuses);
    positions_free(w->positions);
    map_free(w->loggers, free);
    map_free(w->lost_statuses, NULL);
    for (struct outgoing *o = w->first, *next; o; o = next) {
        next = o->next;
        buf_free(&o->key);
        buf_free(&o->value);
        free(o);
    }
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    pthread_mutex_destroy(&w->writing);
    if (w->wake_fd >= 0)
        close(w->wake_fd);
    free(w->id);
    free(w);
}

/* --------------------------------------------------------------------------------------------------------- facts */

void
worker_facts(struct worker *w, struct worker_facts *out)
{
    const struct config *c = w->options.config;

    *out = (struct worker_facts){
        .version = WORKER_KAFKA_VERSION,
        .commit = WORKER_KAFKA_COMMIT,
        .group_id = config_str(c, "group.id"),
        .worker_id = w->id,
        .topic_tracking = config_bool(c, "topic.tracking.enable"),
        .topic_reset = config_bool(c, "topic.tracking.allow.reset"),
    };
    w->storage->ops->cluster_id(w->storage, out->cluster_id, sizeof(out->cluster_id));
    pthread_mutex_lock(&w->lock);
    if (w->failed) {
        out->state = WORKER_FAILED;
        snprintf(out->message, sizeof(out->message), "%.500s", w->why.msg);
    } else if (w->group_known && w->members > 0) {
        out->state = WORKER_WAITING;
        snprintf(out->message, sizeof(out->message),
                 "A Kafka Connect worker of group %.150s is alive (%.250s): waiting until it has "
                 "left.",
                 out->group_id, w->member);
    } else if (w->active) {
        out->state = WORKER_READY;
        snprintf(out->message, sizeof(out->message),
                 "Worker has completed startup and is ready to handle requests.");
    } else {
        out->state = WORKER_STARTING;
        snprintf(out->message, sizeof(out->message), "Worker is still starting up.%s%.400s",
                 w->why.msg[0] ? " " : "", w->why.msg);
    }
    pthread_mutex_unlock(&w->lock);
}
