/*
 * Levels of loggers, by Kafka Connect's names. There is one log with one level: "root", "io.debezium" and "walbridge" set it,
 * the last that was set counts; other names are kept and shown.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/connect/worker_priv.h"

static const struct {
    const char *name;
    enum log_level level;
} levels[] = {
    {"OFF", LOG_ERROR}, {"FATAL", LOG_ERROR}, {"ERROR", LOG_ERROR}, {"WARN", LOG_WARN},
    {"INFO", LOG_INFO}, {"DEBUG", LOG_DEBUG}, {"TRACE", LOG_DEBUG},
};
enum { LEVELS = sizeof(levels) / sizeof(*levels) };

static size_t
level_of(const char *name)
{
    size_t i = 0;

    while (i < LEVELS && strcasecmp(levels[i].name, name) != 0)
        i++;
    return i;
}

static const char *
level_now(void)
{
    size_t i = LEVELS;

    while (i-- > 2)
        if (strcmp(levels[i].name, "TRACE") != 0 && log_enabled(levels[i].level))
            return levels[i].name;
    return "ERROR";
}

/* With the lock. */
void
worker_apply_logger(struct worker *w, const char *logger, const char *level)
{
    struct logger *l = map_get(w->loggers, slice_of(logger));
    size_t i = level_of(level);

    if (i == LEVELS)
        return;
    if (!l) {
        l = mem_alloc(sizeof(*l));
        map_put(w->loggers, slice_of(logger), l);
    }
    snprintf(l->level, sizeof(l->level), "%s", levels[i].name);
    l->modified_ms = clock_now_ns() / 1000000;
    if (strcmp(logger, "root") == 0 || strcmp(logger, "io.debezium") == 0 ||
        strcmp(logger, "walbridge") == 0)
        log_set_level(levels[i].level);
}

static json_t *
logger_document(const char *level, int64_t modified_ms)
{
    json_t *out = json_object();

    json_object_set_new(out, "level", json_string(level));
    json_object_set_new(out, "last_modified",
                        modified_ms ? json_integer(modified_ms) : json_null());
    return out;
}

json_t *
worker_loggers(struct worker *w)
{
    json_t *out = json_object();
    struct slice key;
    void *value;

    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; map_next(w->loggers, &i, &key, &value);) {
        const struct logger *l = value;
        char *name = mem_strndup(key.p, key.n);

        json_object_set_new(out, name, logger_document(l->level, l->modified_ms));
        free(name);
    }
    if (!json_object_get(out, "root"))
        json_object_set_new(out, "root", logger_document(level_now(), 0));
    pthread_mutex_unlock(&w->lock);
    return out;
}

json_t *
worker_logger(struct worker *w, const char *logger, struct worker_error *e)
{
    const struct logger *l;
    json_t *out = NULL;

    pthread_mutex_lock(&w->lock);
    l = map_get(w->loggers, slice_of(logger));
    if (l)
        out = logger_document(l->level, l->modified_ms);
    else if (strcmp(logger, "root") == 0)
        out = logger_document(level_now(), 0);
    else
        worker_refuse(e, 404, "Logger %s not found.", logger);
    pthread_mutex_unlock(&w->lock);
    return out;
}

json_t *
worker_set_logger(struct worker *w, const char *logger, const char *level, bool cluster,
                  struct worker_error *e)
{
    const struct logger *l;
    json_t *out;
    size_t i = level_of(level);

    if (i == LEVELS) {
        worker_refuse(e, 404, "invalid log level '%s'.", level);
        return NULL;
    }
    out = json_array();
    if (cluster) {
        struct outgoing *o;

        if (!worker_enter(w, true, e)) {
            json_decref(out);
            return NULL;
        }
        o = worker_queue(w, STORAGE_CONFIGS);
        configs_put_logger(&o->key, &o->value, logger, levels[i].name);
        worker_leave(w);
        worker_send(w);
        return out;
    }
    pthread_mutex_lock(&w->lock);
    l = map_get(w->loggers, slice_of(logger));
    /* Names are of those that changed. */
    if (!l || strcmp(l->level, levels[i].name) != 0) {
        worker_apply_logger(w, logger, level);
        json_array_append_new(out, json_string(logger));
    }
    pthread_mutex_unlock(&w->lock);
    return out;
}
