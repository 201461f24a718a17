/* Changes: written to the configuration topic, and done when they are read back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "replicator/connect/worker_priv.h"
#include "replicator/signal.h"
#include "replicator/uuid.h"

enum { WRITE_RECORDS = 2, WRITE_PATCHES = 100 };

/* Records of the configuration topic that belong together. */
struct batch_of_records {
    struct buf key[WRITE_RECORDS], value[WRITE_RECORDS];
    bool tombstone[WRITE_RECORDS];
    size_t n;
};

static size_t
batch_add(struct batch_of_records *b)
{
    buf_init(&b->key[b->n], 4096);
    buf_init(&b->value[b->n], WORKER_TEXT_MAX);
    return b->n++;
}

/* Frees the batch. Without the lock. */
static bool
batch_write(struct worker *w, struct batch_of_records *b, struct worker_error *e)
{
    struct storage_record records[WRITE_RECORDS];
    struct err why = {0};
    bool ok = true;

    for (size_t i = 0; i < b->n; i++) {
        records[i] = (struct storage_record){.topic = STORAGE_CONFIGS, .key = buf_view(&b->key[i])};
        if (!b->tombstone[i])
            records[i].value = (struct slice){buf_cstr(&b->value[i]), b->value[i].n};
        ok = ok && buf_ok(&b->key[i]) && buf_ok(&b->value[i]);
    }
    if (!ok)
        worker_refuse(e, 400, "The name or the configuration is too large");
    else if (!w->storage->ops->put(w->storage, records, b->n, &why))
        ok = worker_refuse(e, 500, "Failed to write to the configuration topic: %s", why.msg);
    for (size_t i = 0; i < b->n; i++) {
        if (b->value[i].p)
            explicit_bzero(b->value[i].p, b->value[i].n);
        buf_free(&b->key[i]);
        buf_free(&b->value[i]);
    }
    return ok;
}

/* Text values, and "name". A value that is no text is refused by whoever reads requests. */
static json_t *
config_named(const char *name, json_t *config)
{
    json_t *out = json_copy(config);

    if (!json_is_string(json_object_get(out, "name")))
        json_object_set_new(out, "name", json_string(name));
    return out;
}

static bool
config_passes(struct worker *w, const char *name, json_t *config, struct worker_error *e)
{
    return !w->options.check || w->options.check(w->options.check_arg, name, config, e);
}

/* Without the lock. The document names the tasks that were there before. */
static json_t *
config_store(struct worker *w, const char *name, json_t *config, const enum worker_target *target,
             json_t *tasks, struct worker_error *e)
{
    struct batch_of_records b = {0};
    struct configs_entry shown = {.config = config};
    json_t *out = NULL;
    size_t i;

    /* First where it is to stand, so that it never runs when it should not. */
    if (target) {
        i = batch_add(&b);
        configs_put_target(&b.key[i], &b.value[i], name, *target);
    }
    i = batch_add(&b);
    configs_put_connector(&b.key[i], &b.value[i], name, config);
    if (batch_write(w, &b, e)) {
        shown.name = mem_strdup(name);
        out = worker_info_of(&shown, tasks);
        free(shown.name);
        worker_wake(w);
    }
    return out;
}

json_t *
worker_create(struct worker *w, const char *name, json_t *config, const enum worker_target *target,
              struct worker_error *e)
{
    json_t *named, *out = NULL;
    bool there;

    named = config_named(name, config);
    /* In Connect's order: a configuration that is wrong is told even of a name that is taken. */
    if (config_passes(w, name, named, e)) {
        pthread_mutex_lock(&w->writing);
        if (worker_enter(w, true, e)) {
            there = configs_get(w->configs, name) != NULL;
            worker_leave(w);
            if (there)
                worker_refuse(e, 409, "Connector %s already exists", name);
            else
                out = config_store(w, name, named, target, NULL, e);
        }
        pthread_mutex_unlock(&w->writing);
    }
    json_decref(named);
    return out;
}

json_t *
worker_put(struct worker *w, const char *name, json_t *config, bool *created,
           struct worker_error *e)
{
    json_t *named = config_named(name, config), *tasks = NULL, *out = NULL;

    if (config_passes(w, name, named, e)) {
        pthread_mutex_lock(&w->writing);
        if (worker_enter(w, true, e)) {
            const struct configs_entry *en = configs_get(w->configs, name);

            *created = en == NULL;
            if (en)
                tasks = json_incref(en->tasks);
            worker_leave(w);
            out = config_store(w, name, named, NULL, tasks, e);
            json_decref(tasks);
        }
        pthread_mutex_unlock(&w->writing);
    }
    json_decref(named);
    return out;
}

/* The configuration with the patch over it, the tasks and the version of what was patched. NULL: e. */
static json_t *
config_patched(struct worker *w, const char *name, json_t *patch, json_t **tasks, uint64_t *version,
               struct worker_error *e)
{
    const struct configs_entry *en;
    json_t *merged = NULL, *value;
    const char *key;

    *tasks = NULL;
    if (!worker_enter(w, true, e))
        return NULL;
    en = configs_get(w->configs, name);
    if (!en) {
        worker_refuse(e, 404, "Connector %s not found", name);
    } else if (!en->config) {
        worker_refuse(e, 409, "%s; it cannot be patched, only replaced by PUT", en->why_config);
    } else {
        merged = json_copy(en->config);
        *tasks = json_incref(en->tasks);
        *version = en->version;
    }
    worker_leave(w);
    if (!merged)
        return NULL;
    json_object_foreach(patch, key, value)
    {
        if (json_is_null(value))
            json_object_del(merged, key);
        else
            json_object_set(merged, key, value);
    }
    return merged;
}

/* Stores it, unless another change came first: then *again. */
static json_t *
config_store_over(struct worker *w, const char *name, json_t *config, json_t *tasks,
                  uint64_t version, bool *again, struct worker_error *e)
{
    const struct configs_entry *en;
    json_t *out = NULL;

    pthread_mutex_lock(&w->writing);
    *again = false;
    if (worker_enter(w, true, e)) {
        en = configs_get(w->configs, name);
        *again = !en || en->version != version;
        worker_leave(w);
        if (!*again)
            out = config_store(w, name, config, NULL, tasks, e);
    }
    pthread_mutex_unlock(&w->writing);
    return out;
}

/* Looking at what comes out may take its time, so nobody is kept from writing meanwhile; whoever was overtaken begins anew. */
json_t *
worker_patch(struct worker *w, const char *name, json_t *patch, struct worker_error *e)
{
    json_t *merged, *tasks, *out = NULL;
    uint64_t version = 0;
    bool again = true;

    for (int i = 0; again && i < WRITE_PATCHES; i++) {
        merged = config_patched(w, name, patch, &tasks, &version, e);
        again = false;
        if (merged && config_passes(w, name, merged, e))
            out = config_store_over(w, name, merged, tasks, version, &again, e);
        json_decref(merged);
        json_decref(tasks);
    }
    if (again)
        worker_refuse(e, 409, "The configuration of connector %s is changed all the time", name);
    return out;
}

/* With "unknown" as Connect words it for this request. The lock is free again when it returns. */
static bool
must_exist(struct worker *w, const char *name, const char *text, struct worker_error *e)
{
    bool there;

    if (!worker_enter(w, true, e))
        return false;
    there = configs_get(w->configs, name) != NULL;
    worker_leave(w);
    return there || worker_refuse(e, 404, "%s %s%s", text, name,
                                  strcmp(text, "Connector") == 0 ? " not found" : "");
}

bool
worker_delete(struct worker *w, const char *name, struct worker_error *e)
{
    struct batch_of_records b = {0};
    bool ok;

    pthread_mutex_lock(&w->writing);
    ok = must_exist(w, name, "Connector", e);
    for (int k = 0; ok && k < 2; k++) {
        size_t i = batch_add(&b);

        buf_printf(&b.key[i], "%s-%s", k == 0 ? "connector" : "target-state", name);
        b.tombstone[i] = true;
    }
    ok = ok && batch_write(w, &b, e);
    pthread_mutex_unlock(&w->writing);
    if (ok)
        worker_wake(w);
    return ok;
}

bool
worker_set_target(struct worker *w, const char *name, enum worker_target target,
                  struct worker_error *e)
{
    struct batch_of_records b = {0};
    size_t i;
    bool ok;

    /* Not behind its deletion: the next one of that name would find it. */
    pthread_mutex_lock(&w->writing);
    ok = must_exist(w, name, "Unknown connector", e);
    if (ok && target == WORKER_STOPPED) {
        i = batch_add(&b);
        configs_put_commit(&b.key[i], &b.value[i], name, 0);
    }
    if (ok) {
        i = batch_add(&b);
        configs_put_target(&b.key[i], &b.value[i], name, target);
        ok = batch_write(w, &b, e);
    }
    pthread_mutex_unlock(&w->writing);
    if (ok)
        worker_wake(w);
    return ok;
}

/* ------------------------------------------------------------------------------------------------------- restarts */

static void
ask_restart(struct worker *w, const char *name, bool task)
{
    struct place *p = map_get(w->places, slice_of(name));

    if (p)
        atomic_store(task ? &p->restart_task : &p->restart, RESTART_ALONE);
}

bool
worker_restart(struct worker *w, const char *name, bool include_tasks, bool only_failed,
               json_t **status, struct worker_error *e)
{
    struct batch_of_records b = {0};
    bool restarting[2];
    size_t i;

    *status = NULL;
    if (!must_exist(w, name, "Unknown connector:", e) || !worker_enter(w, true, e))
        return false;
    if (!include_tasks && !only_failed) {
        ask_restart(w, name, false);
        worker_leave(w);
        worker_wake(w);
        return true;
    }
    for (int k = 0; k < 2; k++)
        restarting[k] = (k == 0 || include_tasks) &&
                        (!only_failed ||
                         strcmp(statuses_state(w->statuses, name, k == 0 ? STATUSES_CONNECTOR : 0),
                                "FAILED") == 0);
    *status = worker_status_of(w, name, restarting, e);
    worker_leave(w);
    if (!*status)
        return false;
    i = batch_add(&b);
    configs_put_restart(&b.key[i], &b.value[i], name, include_tasks, only_failed);
    if (!batch_write(w, &b, e)) {
        json_decref(*status);
        *status = NULL;
        return false;
    }
    worker_wake(w);
    return true;
}

bool
worker_restart_task(struct worker *w, const char *name, int task, struct worker_error *e)
{
    const struct configs_entry *en;
    bool ok = false;

    if (!worker_enter(w, true, e))
        return false;
    en = configs_get(w->configs, name);
    if (!en) {
        worker_refuse(e, 404, "Unknown connector: %s", name);
    } else if (task < 0 || (size_t)task >= en->ntasks_ever) {
        worker_refuse(e, 404, "Unknown task: %s-%d", name, task);
    } else if ((size_t)task >= configs_ntasks(en)) {
        /* It was stopped. A real worker looks for the one that runs the task, and these are its words. */
        worker_refuse(e, 409,
                      "Cannot complete request momentarily due to no known leader URL, likely "
                      "because a rebalance was underway.");
    } else {
        ask_restart(w, name, true);
        ok = true;
    }
    worker_leave(w);
    worker_wake(w);
    return ok;
}

bool
worker_reset_topics(struct worker *w, const char *name, struct worker_error *e)
{
    struct place *p;
    json_t *topics;

    if (!worker_enter(w, true, e))
        return false;
    topics = statuses_topics(w->statuses, name);
    for (size_t i = 0; i < json_array_size(topics); i++) {
        struct outgoing *o = worker_queue(w, STORAGE_STATUSES);

        statuses_put_topic(&o->key, &o->value, name, json_string_value(json_array_get(topics, i)),
                           0);
        o->tombstone = true;
        statuses_apply(w->statuses, buf_view(&o->key), (struct slice){NULL, 0});
    }
    json_decref(topics);
    p = map_get(w->places, slice_of(name));
    if (p)
        atomic_fetch_add(&p->topics.epoch, 1);
    worker_leave(w);
    worker_send(w);
    return true;
}

/* ------------------------------------------------------------------------------------------------------- signals */

/* Of no topic: who runs the connector is here. */
json_t *
worker_signal(struct worker *w, const char *name, const struct signal *s, struct worker_error *e)
{
    struct signal named = *s;
    const struct place *p;
    struct err why = {0};
    char uuid[40];
    bool ok = false;

    if (!named.id) {
        uuid_v7(uuid);
        named.id = uuid;
    }
    if (!worker_enter(w, true, e))
        return NULL;
    p = map_get(w->places, slice_of(name));
    if (!configs_get(w->configs, name))
        worker_refuse(e, 404, "Connector %s not found", name);
    else if (!p)
        worker_refuse(e, 409, "Connector %s is still starting", name);
    else if (!(ok = job_signal(p->job, &named, &why)))
        worker_refuse(e,
                      why.cls == ERR_DATA    ? 400
                      : why.cls == ERR_RETRY ? 503
                                             : 409,
                      "%s", why.msg);
    worker_leave(w);
    return ok ? json_pack("{ss}", "id", named.id) : NULL;
}
