#include "replicator/connect/configs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "replicator/connect/json_text.h"

#define TASK_CLASS "io.debezium.connector.postgresql.PostgresConnectorTask"

struct configs {
    struct map *entries;
    uint64_t version;
};

/* ------------------------------------------------------------------------------------------------------- entries */

static void
entry_free(void *p)
{
    struct configs_entry *en = p;

    json_decref(en->config);
    json_decref(en->tasks);
    json_decref(en->pending);
    free(en->name);
    free(en);
}

static struct configs_entry *
entry_of(struct configs *c, const char *name)
{
    struct configs_entry *en = map_get(c->entries, slice_of(name));

    if (!en) {
        en = mem_alloc(sizeof(*en));
        en->name = mem_strdup(name);
        map_put(c->entries, slice_of(name), en);
    }
    return en;
}

struct configs *
configs_new(void)
{
    struct configs *c = mem_alloc(sizeof(*c));

    c->entries = map_new();
    return c;
}

void
configs_free(struct configs *c)
{
    map_free(c->entries, entry_free);
    free(c);
}

static bool
entry_counts(const struct configs_entry *en)
{
    return en->config || en->why_config[0];
}

struct configs_entry *
configs_get(const struct configs *c, const char *name)
{
    struct configs_entry *en = map_get(c->entries, slice_of(name));

    return en && entry_counts(en) ? en : NULL;
}

struct configs_entry *
configs_next(const struct configs *c, size_t *i)
{
    struct slice key;
    void *value;

    while (map_next(c->entries, i, &key, &value))
        if (entry_counts(value))
            return value;
    return NULL;
}

size_t
configs_ntasks(const struct configs_entry *en)
{
    return json_array_size(en->tasks);
}

/* ------------------------------------------------------------------------------------------------------- reading */

/* NULL with the reason in why. */
static json_t *
read_object(struct slice value, char *why, size_t n)
{
    json_error_t error;
    json_t *v;

    if (value.n > CONFIGS_VALUE_MAX) {
        snprintf(why, n, "it is larger than %d bytes", CONFIGS_VALUE_MAX);
        return NULL;
    }
    v = json_loadb(value.p, value.n, JSON_DECODE_ANY, &error);
    if (!v)
        snprintf(why, n, "it is no JSON: %s at byte %d", error.text, error.position);
    else if (!json_is_object(v)) {
        snprintf(why, n, "it is no JSON object");
        json_decref(v);
        v = NULL;
    }
    return v;
}

/* {"properties":{"a":"b"}} → {"a":"b"}; NULL: why. Texts and nulls only, as Connect's own. */
static json_t *
read_properties(struct slice value, char *why, size_t n)
{
    json_t *v = read_object(value, why, n), *props, *each;
    const char *key;

    if (!v)
        return NULL;
    props = json_object_get(v, "properties");
    if (!json_is_object(props)) {
        snprintf(why, n, "member \"properties\" is missing or no object");
        props = NULL;
    }
    json_object_foreach(props, key, each)
    {
        if (!json_is_string(each) && !json_is_null(each)) {
            snprintf(why, n, "property \"%.100s\" is not a text", key);
            props = NULL;
            break;
        }
    }
    json_incref(props);
    json_decref(v);
    return props;
}

static void
apply_connector(struct configs *c, struct configs_entry *en, struct slice value)
{
    char why[200] = "";

    json_decref(en->config);
    en->config = NULL;
    en->why_config[0] = '\0';
    en->version = ++c->version;
    if (!value.p) {
        json_decref(en->tasks);
        json_decref(en->pending);
        en->tasks = en->pending = NULL;
        en->ntasks_ever = 0;
        return;
    }
    en->config = read_properties(value, why, sizeof(why));
    if (!en->config)
        snprintf(en->why_config, sizeof(en->why_config),
                 "the stored configuration of connector \"%.80s\" cannot be used: %s", en->name,
                 why);
}

static const struct {
    const char *name;
    const char *old; /* for workers that know no STOPPED */
} target_names[] = {
    [WORKER_STARTED] = {"STARTED", "STARTED"},
    [WORKER_PAUSED] = {"PAUSED", "PAUSED"},
    [WORKER_STOPPED] = {"STOPPED", "PAUSED"},
};

static void
apply_target(struct configs_entry *en, struct slice value)
{
    char why[200] = "";
    const char *state = NULL;
    json_t *v = NULL;

    en->why_target[0] = '\0';
    if (!value.p) {
        en->target = WORKER_STARTED;
        return;
    }
    v = read_object(value, why, sizeof(why));
    if (v) {
        state = json_string_value(json_object_get(v, "state.v2"));
        if (!state)
            state = json_string_value(json_object_get(v, "state"));
        for (unsigned i = 0; state && i < sizeof(target_names) / sizeof(*target_names); i++)
            if (strcmp(state, target_names[i].name) == 0) {
                en->target = (enum worker_target)i;
                json_decref(v);
                return;
            }
        snprintf(why, sizeof(why), "it says \"%.60s\", which is none of STARTED, PAUSED, STOPPED",
                 state ? state : "");
    }
    snprintf(en->why_target, sizeof(en->why_target),
             "the stored target state of connector \"%.80s\" cannot be used: %s", en->name, why);
    json_decref(v);
}

static void
apply_task(struct configs *c, const char *rest, struct slice value)
{
    const char *dash = strrchr(rest, '-');
    char why[200] = "", *name;
    struct configs_entry *en;
    json_t *task;
    uint64_t number;

    if (!dash || !num_parse_u64(slice_of(dash + 1), &number)) {
        log_warn("configuration topic: task key \"%.100s\" has no number and is left alone", rest);
        return;
    }
    name = mem_strndup(rest, (size_t)(dash - rest));
    en = entry_of(c, name);
    free(name);
    if (!en->pending)
        en->pending = json_object();
    if (!value.p) {
        json_object_del(en->pending, dash + 1);
        return;
    }
    task = read_properties(value, why, sizeof(why));
    if (task)
        json_object_set_new(en->pending, dash + 1, task);
    else
        log_warn("configuration topic: task \"%.100s\" cannot be read and is written anew: %s",
                 rest, why);
}

/* As many tasks as it says, or none count: then they are made anew. */
static void
apply_commit(struct configs_entry *en, struct slice value)
{
    char why[200] = "";
    json_t *v = value.p ? read_object(value, why, sizeof(why)) : NULL;
    const json_t *n = json_object_get(v, "tasks");
    json_t *tasks = NULL;

    if (json_is_integer(n) && json_integer_value(n) >= 0 && json_integer_value(n) < 1000) {
        tasks = json_array();
        for (int i = 0; tasks && i < json_integer_value(n); i++) {
            char number[16];
            json_t *task;

            snprintf(number, sizeof(number), "%d", i);
            task = json_object_get(en->pending, number);
            if (!task)
                task = json_array_get(en->tasks, (size_t)i);
            if (task) {
                json_array_append(tasks, task);
            } else {
                json_decref(tasks);
                tasks = NULL;
            }
        }
    }
    json_decref(en->tasks);
    json_decref(en->pending);
    en->tasks = tasks;
    en->pending = NULL;
    if (configs_ntasks(en) > en->ntasks_ever)
        en->ntasks_ever = configs_ntasks(en);
    json_decref(v);
}

static void
apply_restart(struct slice value, struct configs_change *out)
{
    char why[200];
    json_t *v = value.p ? read_object(value, why, sizeof(why)) : NULL;

    if (!v) {
        out->kind = CONFIGS_NOTHING;
        return;
    }
    out->include_tasks = json_is_true(json_object_get(v, "include-tasks"));
    out->only_failed = json_is_true(json_object_get(v, "only-failed"));
    json_decref(v);
}

static void
apply_logger(const char *logger, struct slice value, struct configs_change *out)
{
    char why[200];
    json_t *v = value.p ? read_object(value, why, sizeof(why)) : NULL;
    const char *level = json_string_value(json_object_get(v, "level"));

    out->kind = level ? CONFIGS_LOGGER : CONFIGS_NOTHING;
    snprintf(out->logger, sizeof(out->logger), "%s", logger);
    snprintf(out->level, sizeof(out->level), "%s", level ? level : "");
    json_decref(v);
}

void
configs_apply(struct configs *c, struct slice key, struct slice value, struct configs_change *out)
{
    /* In Connect's order: "tasks-fencing-" is no "task-". */
    static const struct {
        const char *prefix;
        enum configs_kind kind;
    } prefixes[] = {
        {"target-state-", CONFIGS_TARGET},
        {"connector-", CONFIGS_CONNECTOR},
        {"task-", CONFIGS_NOTHING},
        {"commit-", CONFIGS_TASKS},
        {"restart-connector-", CONFIGS_RESTART},
        {"logger-cluster-", CONFIGS_LOGGER},
    };
    size_t k = 0;
    char *text;
    const char *rest;

    *out = (struct configs_change){.kind = CONFIGS_NOTHING};
    if (!key.p || memchr(key.p, '\0', key.n))
        return;
    text = mem_strndup(key.p, key.n);
    while (k < sizeof(prefixes) / sizeof(*prefixes) &&
           strncmp(text, prefixes[k].prefix, strlen(prefixes[k].prefix)) != 0)
        k++;
    if (k < sizeof(prefixes) / sizeof(*prefixes)) {
        rest = text + strlen(prefixes[k].prefix);
        out->kind = prefixes[k].kind;
        if (out->kind == CONFIGS_LOGGER)
            apply_logger(rest, value, out);
        else if (out->kind == CONFIGS_NOTHING)
            apply_task(c, rest, value);
        else
            out->entry = entry_of(c, rest);
        if (out->kind == CONFIGS_TARGET)
            apply_target(out->entry, value);
        else if (out->kind == CONFIGS_CONNECTOR)
            apply_connector(c, out->entry, value);
        else if (out->kind == CONFIGS_TASKS)
            apply_commit(out->entry, value);
        else if (out->kind == CONFIGS_RESTART)
            apply_restart(value, out);
    }
    free(text);
}

/* ------------------------------------------------------------------------------------------------------- writing */

static void
put_properties(struct buf *value, const json_t *config)
{
    BUF_LIT(value, "{\"properties\":");
    json_text_add(value, config);
    buf_putc(value, '}');
}

void
configs_put_connector(struct buf *key, struct buf *value, const char *name, const json_t *config)
{
    buf_printf(key, "connector-%s", name);
    put_properties(value, config);
}

void
configs_put_task(struct buf *key, struct buf *value, const char *name, int task,
                 const json_t *config)
{
    buf_printf(key, "task-%s-%d", name, task);
    put_properties(value, config);
}

void
configs_put_commit(struct buf *key, struct buf *value, const char *name, int tasks)
{
    buf_printf(key, "commit-%s", name);
    buf_printf(value, "{\"tasks\":%d}", tasks);
}

void
configs_put_target(struct buf *key, struct buf *value, const char *name, enum worker_target target)
{
    buf_printf(key, "target-state-%s", name);
    buf_printf(value, "{\"state\":\"%s\",\"state.v2\":\"%s\"}", target_names[target].old,
               target_names[target].name);
}

void
configs_put_restart(struct buf *key, struct buf *value, const char *name, bool include_tasks,
                    bool only_failed)
{
    buf_printf(key, "restart-connector-%s", name);
    buf_printf(value, "{\"include-tasks\":%s,\"only-failed\":%s}", include_tasks ? "true" : "false",
               only_failed ? "true" : "false");
}

void
configs_put_logger(struct buf *key, struct buf *value, const char *logger, const char *level)
{
    buf_printf(key, "logger-cluster-%s", logger);
    buf_printf(value, "{\"level\":\"%s\"}", level);
}

json_t *
configs_task_of(const char *name, json_t *config)
{
    json_t *task = json_copy(config);

    json_object_set_new(task, "task.class", json_string(TASK_CLASS));
    json_object_set_new(task, "name", json_string(name));
    return task;
}
