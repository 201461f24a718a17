/* Offsets: the store that connectors get, and what requests see and change of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fault.h"
#include "base/mem.h"
#include "replicator/connect/json_text.h"
#include "replicator/connect/worker_priv.h"
#include "replicator/offset_own.h"

enum { OFFSETS_VALUE_MAX = 1 << 20, OFFSETS_KEYS = 64 };

/* ---------------------------------------------------------------------------------------------------------- store */

struct offset_worker {
    struct offset_store base;
    struct worker *worker;
    struct buf key, beside_keys[OFFSET_BESIDES];
};

/* What another worker stored at its end is read first, so nothing older is taken for the newest. */
static bool
store_load(struct offset_store *base, struct offset *out, bool *found, struct err *e)
{
    struct offset_worker *s = (struct offset_worker *)base;
    bool ok;

    *found = false;
    *out = (struct offset){0};
    if (!s->worker->storage->ops->sync(s->worker->storage, e))
        return false;
    pthread_mutex_lock(&s->worker->lock);
    ok = positions_find(s->worker->positions, buf_view(&s->key), out, found, e);
    for (int i = 0; i < OFFSET_BESIDES; i++) {
        free(base->beside[i]);
        base->beside[i] = positions_text(s->worker->positions, buf_view(&s->beside_keys[i]));
    }
    pthread_mutex_unlock(&s->worker->lock);
    return ok;
}

static bool
store_save(struct offset_store *base, const struct offset *o, struct err *e)
{
    struct offset_worker *s = (struct offset_worker *)base;
    struct storage_header headers[OFFSET_OWN_MEMBERS];
    struct offset_own_texts texts;
    struct storage_record r = {.topic = STORAGE_OFFSETS, .key = buf_view(&s->key)};
    struct buf value;
    bool ok;

    if (fault_hit("offset.kafka.save"))
        return err_set(e, ERR_RETRY, "fault", "fault point offset.kafka.save");
    if (o->own) {
        offset_own_write(o, &texts);
        for (int i = 0; i < OFFSET_OWN_MEMBERS; i++)
            headers[i] = (struct storage_header){offset_own_names[i], slice_of(texts.text[i])};
        r.headers = headers;
        r.nheaders = OFFSET_OWN_MEMBERS;
    }
    buf_init(&value, OFFSETS_VALUE_MAX);
    offset_to_json(o, &value);
    r.value = buf_view(&value);
    ok = buf_ok(&value)
             ? s->worker->storage->ops->put(s->worker->storage, &r, 1, e)
             : err_set(e, ERR_FATAL, "offset.too_large", "the offset is larger than 1 MiB");
    buf_free(&value);
    return ok;
}

static bool
store_save_beside(struct offset_store *base, enum offset_beside what, const char *json,
                  struct err *e)
{
    struct offset_worker *s = (struct offset_worker *)base;
    struct storage_record r = {.topic = STORAGE_OFFSETS,
                               .key = buf_view(&s->beside_keys[what]),
                               .place = buf_view(&s->key)};

    if (json)
        r.value = slice_of(json);
    return s->worker->storage->ops->put(s->worker->storage, &r, 1, e);
}

static bool
store_erase(struct offset_store *base, struct err *e)
{
    struct offset_worker *s = (struct offset_worker *)base;
    struct storage_record r = {.topic = STORAGE_OFFSETS, .key = buf_view(&s->key)};

    return s->worker->storage->ops->put(s->worker->storage, &r, 1, e) &&
           store_save_beside(base, OFFSET_PROGRESS, NULL, e) &&
           store_save_beside(base, OFFSET_TABLES, NULL, e);
}

static void
store_close(struct offset_store *base)
{
    struct offset_worker *s = (struct offset_worker *)base;

    buf_free(&s->key);
    for (int i = 0; i < OFFSET_BESIDES; i++) {
        buf_free(&s->beside_keys[i]);
        free(base->beside[i]);
    }
    free(s);
}

struct offset_store *
worker_offset_store(void *arg, const struct config *config, struct err *e)
{
    static const struct offset_store_ops ops = {.name = "worker",
                                                .load = store_load,
                                                .save = store_save,
                                                .save_beside = store_save_beside,
                                                .erase = store_erase,
                                                .close = store_close};
    struct offset_worker *s = mem_alloc(sizeof(*s));
    const char *server = config_str(config, "topic.prefix");

    (void)e;
    s->base.ops = &ops;
    s->worker = arg;
    buf_init(&s->key, 4096);
    offset_own_key(&s->key, config_name(config), server ? server : "", "");
    for (int i = 0; i < OFFSET_BESIDES; i++) {
        buf_init(&s->beside_keys[i], 4096);
        offset_own_key(&s->beside_keys[i], config_name(config), server ? server : "",
                       offset_own_tails[i]);
    }
    return &s->base;
}

/* ------------------------------------------------------------------------------------------------------- requests */

json_t *
worker_offsets(struct worker *w, const char *name, struct worker_error *e)
{
    json_t *out = NULL;

    if (!worker_enter(w, false, e))
        return NULL;
    if (configs_get(w->configs, name)) {
        out = json_object();
        json_object_set_new(out, "offsets", positions_of(w->positions, name));
    } else {
        worker_refuse(e, 404, "Connector %s not found", name);
    }
    worker_leave(w);
    return out;
}

/* Stopped, without tasks, and its last offset stored: only then is there nobody who would write over it. With the lock on
 * true. */
static bool
enter_stopped(struct worker *w, const char *name, struct worker_error *e)
{
    const struct configs_entry *en;
    const struct place *p;
    struct timespec until;

    if (!worker_enter(w, true, e))
        return false;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WORKER_REQUEST_MS / 1000;
    for (;;) {
        en = configs_get(w->configs, name);
        p = map_get(w->places, slice_of(name));
        if (!en)
            worker_refuse(e, 404, "Connector %s not found", name);
        else if (en->target != WORKER_STOPPED || configs_ntasks(en) > 0)
            worker_refuse(e, 400,
                          "Connectors must be in the STOPPED state before their offsets can be "
                          "modified. This can be done for the specified connector by issuing a "
                          "'PUT' request to the '/connectors/%s/stop' endpoint",
                          name);
        else if (!p || !atomic_load(&p->busy))
            return true;
        else if (pthread_cond_timedwait(&w->changed, &w->lock, &until) == 0)
            continue;
        else
            worker_refuse(e, 500, "Connector %s is still stopping", name);
        break;
    }
    worker_leave(w);
    return false;
}

/* And nobody resumes it meanwhile: until pthread_mutex_unlock(&w->writing). Without the lock. */
static bool
keep_stopped(struct worker *w, const char *name, struct worker_error *e)
{
    /* What must be waited for, first. */
    if (!enter_stopped(w, name, e))
        return false;
    worker_leave(w);
    pthread_mutex_lock(&w->writing);
    if (enter_stopped(w, name, e)) {
        worker_leave(w);
        return true;
    }
    pthread_mutex_unlock(&w->writing);
    return false;
}

static json_t *
offsets_done(const char *what)
{
    json_t *out = json_object();
    char *text = mem_printf(
        "The Connect framework-managed offsets for this connector have been %s successfully. "
        "However, if this connector manages offsets externally, they will need to be manually %s "
        "in the system that the connector uses.",
        what, what);

    json_object_set_new(out, "message", json_string(text));
    free(text);
    return out;
}

/* Without the lock. value NULL: a tombstone. */
static bool
offsets_write(struct worker *w, struct slice key, const json_t *value, struct worker_error *e)
{
    struct storage_record r = {.topic = STORAGE_OFFSETS, .key = key};
    struct err why = {0};
    struct buf text, place;
    bool ok;

    buf_init(&text, OFFSETS_VALUE_MAX);
    buf_init(&place, OFFSETS_VALUE_MAX);
    if (offset_own_is_beside(key, &place))
        r.place = buf_view(&place);
    if (value) {
        json_text_add(&text, value);
        r.value = buf_view(&text);
    }
    ok = buf_ok(&text) ? w->storage->ops->put(w->storage, &r, 1, &why)
                       : err_set(&why, ERR_DATA, "offset.too_large", "it is larger than 1 MiB");
    buf_free(&text);
    buf_free(&place);
    return ok || worker_refuse(e, 500, "Failed to write an offset: %s", why.msg);
}

static bool
offsets_are_plain(const json_t *offsets, struct worker_error *e)
{
    for (size_t i = 0; i < json_array_size(offsets); i++) {
        json_t *offset = json_object_get(json_array_get(offsets, i), "offset"), *value;
        const char *key;

        json_object_foreach(offset, key, value)
        {
            if (json_is_object(value) || json_is_array(value))
                return worker_refuse(
                    e, 500,
                    "Offsets may only contain primitive types as values, but field %s contains %s",
                    key, json_is_object(value) ? "MAP" : "ARRAY");
        }
    }
    return true;
}

/* Read back, so that the next GET shows it. */
static bool
offsets_settle(struct worker *w, struct worker_error *e)
{
    struct err why = {0};

    return w->storage->ops->sync(w->storage, &why) ||
           worker_refuse(e, 500, "Failed to read the offsets topic: %s", why.msg);
}

json_t *
worker_alter_offsets(struct worker *w, const char *name, json_t *offsets, struct worker_error *e)
{
    bool ok;

    if (json_array_size(offsets) == 0) {
        worker_refuse(e, 400,
                      "Partitions / offsets need to be provided for an alter offsets request");
        return NULL;
    }
    if (!keep_stopped(w, name, e))
        return NULL;
    ok = offsets_are_plain(offsets, e);
    for (size_t i = 0; ok && i < json_array_size(offsets); i++) {
        const json_t *one = json_array_get(offsets, i);
        const json_t *partition = json_object_get(one, "partition");
        const json_t *offset = json_object_get(one, "offset");
        struct buf key;

        if (!json_is_object(partition))
            continue;
        buf_init(&key, OFFSETS_VALUE_MAX);
        positions_put_key(&key, name, partition);
        ok = offsets_write(w, buf_view(&key), json_is_object(offset) ? offset : NULL, e);
        buf_free(&key);
    }
    ok = ok && offsets_settle(w, e);
    pthread_mutex_unlock(&w->writing);
    return ok ? offsets_done("altered") : NULL;
}

/* All keys of a name, a few at a time. *more: there may be others. */
static bool
offsets_erase(struct worker *w, const char *name, bool *more, struct worker_error *e)
{
    struct slice key;
    char *keys[OFFSETS_KEYS];
    size_t n = 0;
    bool ok = true;

    if (!worker_enter(w, true, e))
        return false;
    for (size_t i = 0; n < OFFSETS_KEYS && positions_next(w->positions, name, &i, &key);)
        keys[n++] = mem_strndup(key.p, key.n);
    worker_leave(w);
    for (size_t i = 0; i < n; i++) {
        ok = ok && offsets_write(w, slice_of(keys[i]), NULL, e);
        free(keys[i]);
    }
    *more = n == OFFSETS_KEYS;
    return ok && offsets_settle(w, e);
}

json_t *
worker_reset_offsets(struct worker *w, const char *name, struct worker_error *e)
{
    bool ok = true, more = true;

    if (!keep_stopped(w, name, e))
        return NULL;
    while (ok && more)
        ok = offsets_erase(w, name, &more, e);
    for (int i = 0; i < OFFSET_BESIDES; i++) {
        char *beside = mem_printf("%s%s", name, offset_own_tails[i]);

        for (more = true; ok && more;)
            ok = offsets_erase(w, beside, &more, e);
        free(beside);
    }
    pthread_mutex_unlock(&w->writing);
    return ok ? offsets_done("reset") : NULL;
}
