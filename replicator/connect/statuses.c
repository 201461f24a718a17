#include "replicator/connect/statuses.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "replicator/connect/json_text.h"

#define TOPIC_PREFIX "status-topic-"
#define TOPIC_SPLIT ":connector-"

enum { STATUSES_VALUE_MAX = 8 << 20 };

struct statuses {
    struct map *values; /* by key */
    int64_t generation;
};

static void
value_free(void *p)
{
    json_decref(p);
}

struct statuses *
statuses_new(void)
{
    struct statuses *s = mem_alloc(sizeof(*s));

    s->values = map_new();
    return s;
}

void
statuses_free(struct statuses *s)
{
    map_free(s->values, value_free);
    free(s);
}

/* ------------------------------------------------------------------------------------------------------- reading */

static bool
starts_with(struct slice key, const char *prefix)
{
    return key.n >= strlen(prefix) && memcmp(key.p, prefix, strlen(prefix)) == 0;
}

static bool
is_usable(struct slice key, const json_t *v)
{
    if (starts_with(key, TOPIC_PREFIX)) {
        const json_t *t = json_object_get(v, "topic");

        return json_is_string(json_object_get(t, "name")) &&
               json_is_string(json_object_get(t, "connector"));
    }
    return json_is_string(json_object_get(v, "state")) &&
           json_is_string(json_object_get(v, "worker_id")) &&
           json_is_integer(json_object_get(v, "generation"));
}

void
statuses_apply(struct statuses *s, struct slice key, struct slice value)
{
    json_t *v = NULL;

    if (!key.p || (!starts_with(key, TOPIC_PREFIX) && !starts_with(key, "status-connector-") &&
                   !starts_with(key, "status-task-")))
        return;
    if (value.p) {
        if (value.n <= STATUSES_VALUE_MAX)
            v = json_loadb(value.p, value.n, 0, NULL);
        if (!v || !is_usable(key, v)) {
            log_warn("status topic: the record of \"%.*s\" cannot be read and is left out",
                     (int)(key.n < 200 ? key.n : 200), key.p);
            json_decref(v);
            return;
        }
    }
    if (v && json_integer_value(json_object_get(v, "generation")) > s->generation)
        s->generation = json_integer_value(json_object_get(v, "generation"));
    json_decref(v ? map_put(s->values, key, v) : map_del(s->values, key));
}

int64_t
statuses_generation(const struct statuses *s)
{
    return s->generation;
}

const json_t *
statuses_get(const struct statuses *s, const char *name, int task)
{
    struct buf key;
    const json_t *v;

    buf_init(&key, strlen(name) + 64);
    statuses_put_key(&key, name, task);
    v = map_get(s->values, buf_view(&key));
    buf_free(&key);
    return v;
}

const char *
statuses_state(const struct statuses *s, const char *name, int task)
{
    const char *state = json_string_value(json_object_get(statuses_get(s, name, task), "state"));

    return state ? state : "";
}

bool
statuses_value(const struct statuses *s, struct slice key, struct buf *value)
{
    const json_t *v = map_get(s->values, key);

    if (v)
        json_text_add(value, v);
    return v != NULL;
}

int
statuses_last_task(const struct statuses *s, const char *name)
{
    char *prefix = mem_printf("status-task-%s-", name);
    struct slice key;
    void *value;
    uint64_t n;
    int last = -1;

    for (size_t i = 0; map_next(s->values, &i, &key, &value);)
        if (starts_with(key, prefix) &&
            num_parse_u64((struct slice){key.p + strlen(prefix), key.n - strlen(prefix)}, &n) &&
            n < 1000 && (int)n > last)
            last = (int)n;
    free(prefix);
    return last;
}

/* ----------------------------------------------------------------------------------------------------- documents */

static json_t *
document(const json_t *status, json_t *out, const char *state)
{
    const char *trace = json_string_value(json_object_get(status, "trace"));

    json_object_set_new(out, "state",
                        state ? json_string(state) : json_incref(json_object_get(status, "state")));
    json_object_set(out, "worker_id", json_object_get(status, "worker_id"));
    json_object_set(out, "version", json_object_get(status, "version"));
    if (!json_object_get(out, "version"))
        json_object_set_new(out, "version", json_null());
    if (!state && trace && *trace)
        json_object_set(out, "trace", json_object_get(status, "trace"));
    return out;
}

json_t *
statuses_task_document(const struct statuses *s, const char *name, int task, const char *state)
{
    const json_t *status = statuses_get(s, name, task);
    json_t *out;

    if (!status)
        return NULL;
    out = json_object();
    json_object_set_new(out, "id", json_integer(task));
    return document(status, out, state);
}

json_t *
statuses_connector_document(const struct statuses *s, const char *name, const char *state)
{
    const json_t *status = statuses_get(s, name, STATUSES_CONNECTOR);

    return status ? document(status, json_object(), state) : NULL;
}

json_t *
statuses_topics(const struct statuses *s, const char *name)
{
    json_t *out = json_array();
    struct slice key;
    void *value;

    for (size_t i = 0; map_next(s->values, &i, &key, &value);) {
        const json_t *topic = json_object_get(value, "topic");

        if (starts_with(key, TOPIC_PREFIX) &&
            strcmp(json_string_value(json_object_get(topic, "connector")), name) == 0)
            json_array_append(out, json_object_get(topic, "name"));
    }
    return out;
}

/* ------------------------------------------------------------------------------------------------------- writing */

void
statuses_put_key(struct buf *key, const char *name, int task)
{
    if (task == STATUSES_CONNECTOR)
        buf_printf(key, "status-connector-%s", name);
    else
        buf_printf(key, "status-task-%s-%d", name, task);
}

static void
put_text(struct buf *out, const char *text)
{
    if (text)
        json_cstr(out, text);
    else
        BUF_LIT(out, "null");
}

void
statuses_put_value(struct buf *value, const char *state, const char *trace, const char *worker_id,
                   int64_t generation, const char *version)
{
    BUF_LIT(value, "{\"state\":");
    json_cstr(value, state);
    BUF_LIT(value, ",\"trace\":");
    put_text(value, trace);
    BUF_LIT(value, ",\"worker_id\":");
    json_cstr(value, worker_id);
    BUF_LIT(value, ",\"generation\":");
    num_add_i64(value, generation);
    BUF_LIT(value, ",\"version\":");
    put_text(value, version);
    buf_putc(value, '}');
}

void
statuses_put_topic(struct buf *key, struct buf *value, const char *name, const char *topic,
                   int64_t now_ms)
{
    buf_printf(key, TOPIC_PREFIX "%s" TOPIC_SPLIT "%s", topic, name);
    BUF_LIT(value, "{\"topic\":{\"name\":");
    json_cstr(value, topic);
    BUF_LIT(value, ",\"connector\":");
    json_cstr(value, name);
    BUF_LIT(value, ",\"task\":0,\"discoverTimestamp\":");
    num_add_i64(value, now_ms);
    BUF_LIT(value, "}}");
}
