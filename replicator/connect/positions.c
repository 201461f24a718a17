#include "replicator/connect/positions.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "replicator/connect/json_text.h"
#include "replicator/offset_own.h"

struct positions {
    struct map *keys;
};

struct position {
    char *value; /* NULL: a tombstone */
    size_t n;
    int32_t partition;
    int64_t offset;
    bool strayed;
    struct offset_own_texts *own; /* NULL: none */
    struct err bad;               /* its headers cannot be read */
};

static void
position_free(void *p)
{
    struct position *at = p;

    free(at->value);
    free(at->own);
    free(at);
}

struct positions *
positions_new(void)
{
    struct positions *p = mem_alloc(sizeof(*p));

    p->keys = map_new();
    return p;
}

void
positions_free(struct positions *p)
{
    map_free(p->keys, position_free);
    free(p);
}

static void
read_headers(struct position *at, const struct storage_record *r)
{
    for (size_t h = 0; h < r->nheaders; h++)
        for (int i = 0; i < OFFSET_OWN_MEMBERS; i++) {
            if (strcmp(r->headers[h].name, offset_own_names[i]) != 0)
                continue;
            if (!at->own)
                at->own = mem_alloc(sizeof(*at->own));
            offset_own_take(at->own, i, r->headers[h].value.p, r->headers[h].value.n, &at->bad);
        }
}

void
positions_apply(struct positions *p, const struct storage_record *r)
{
    const struct position *old = r->key.p ? map_get(p->keys, r->key) : NULL;
    struct position *at;
    bool strayed;

    if (!r->key.p)
        return;
    strayed = r->strayed && !offset_own_is_beside(r->key, NULL);
    if (strayed)
        log_warn(
            "offsets topic: partition %d holds the key %.*s, where only another partitioner "
            "puts it",
            r->partition, (int)(r->key.n < 200 ? r->key.n : 200), r->key.p);
    /* A stray one counts only as long as there is none where it belongs. */
    if (old && strayed && !old->strayed)
        return;
    at = mem_alloc(sizeof(*at));
    at->partition = r->partition;
    at->offset = r->offset;
    at->strayed = strayed;
    if (r->value.p && r->value.n) {
        at->value = mem_strndup(r->value.p, r->value.n);
        at->n = r->value.n;
        read_headers(at, r);
    }
    at = map_put(p->keys, r->key, at);
    if (at)
        position_free(at);
}

bool
positions_find(const struct positions *p, struct slice key, struct offset *out, bool *found,
               struct err *e)
{
    const struct position *at = map_get(p->keys, key);
    bool ok = true;

    *out = (struct offset){0};
    *found = at && at->value;
    if (!*found)
        return true;
    if (at->bad.cls != ERR_NONE) {
        *e = at->bad;
        ok = false;
    }
    ok = ok && offset_from_json(at->value, at->n, out, e) &&
         (!at->own || offset_own_read(at->own, out, e));
    if (ok)
        return true;
    offset_free(out);
    return err_wrap(e, "offsets topic, partition %d, offset %lld", at->partition,
                    (long long)at->offset);
}

char *
positions_text(const struct positions *p, struct slice key)
{
    const struct position *at = map_get(p->keys, key);

    return at && at->value ? mem_strndup(at->value, at->n) : NULL;
}

/* The parts of a key; NULL: it is not one of this connector. */
static json_t *
partition_of(struct slice key, const char *connector)
{
    json_t *v = json_loadb(key.p, key.n, 0, NULL), *partition = NULL;
    const char *name = json_string_value(json_array_get(v, 0));

    if (json_array_size(v) == 2 && name && strcmp(name, connector) == 0)
        partition = json_incref(json_array_get(v, 1));
    json_decref(v);
    return partition;
}

bool
positions_next(const struct positions *p, const char *connector, size_t *i, struct slice *key)
{
    void *value;

    while (map_next(p->keys, i, key, &value)) {
        json_t *partition =
            ((const struct position *)value)->value ? partition_of(*key, connector) : NULL;

        json_decref(partition);
        if (partition)
            return true;
    }
    return false;
}

json_t *
positions_of(const struct positions *p, const char *connector)
{
    json_t *out = json_array();
    struct slice key;

    for (size_t i = 0; positions_next(p, connector, &i, &key);) {
        const struct position *at = map_get(p->keys, key);
        json_t *partition = partition_of(key, connector);
        json_t *offset = json_loadb(at->value, at->n, JSON_DECODE_ANY, NULL);

        json_t *one = json_object();

        json_object_set(one, "partition", partition);
        json_object_set_new(one, "offset", offset ? json_incref(offset) : json_null());
        json_array_append_new(out, one);
        json_decref(partition);
        json_decref(offset);
    }
    return out;
}

void
positions_put_key(struct buf *key, const char *connector, const json_t *partition)
{
    buf_putc(key, '[');
    json_cstr(key, connector);
    buf_putc(key, ',');
    json_text_add(key, partition);
    buf_putc(key, ']');
}
