#include "base/map.h"

#include <stdlib.h>

#include "base/mem.h"

/*
 * Entries stand in an array in insertion order; an open-addressed table of entry numbers finds them. A removed entry stays
 * as a hole (value NULL) that keeps probe chains whole, until the next growth squeezes the holes out.
 */
enum { MAP_INLINE = 8, MAP_FIRST = 16 };

struct map_entry {
    uint32_t hash;
    uint32_t n; /* length of the key */
    union {
        char small[MAP_INLINE]; /* n <= MAP_INLINE */
        char *p;
    } key;
    void *value; /* NULL: removed */
};

struct map {
    struct map_entry *entries;
    uint32_t *slots; /* entry number + 1; 0: free */
    uint32_t nslots; /* power of two */
    uint32_t used;   /* entries including holes, at most nslots / 2 */
    uint32_t live;
};

__extension__ typedef unsigned __int128 map_product;

static uint64_t
map_mix(uint64_t a, uint64_t b)
{
    map_product product =
        (map_product)(a ^ UINT64_C(0x9e3779b97f4a7c15)) * (b ^ UINT64_C(0xe7037ed1a0b428db));

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint32_t
map_hash(struct slice key)
{
    const char *p = key.p;
    size_t n = key.n;
    uint64_t h = n, word;

    for (; n > 8; p += 8, n -= 8) {
        memcpy(&word, p, 8);
        h = map_mix(h, word);
    }
    word = 0;
    if (n)
        memcpy(&word, p, n);
    h = map_mix(h, word);
    return (uint32_t)(h ^ (h >> 32));
}

static const char *
map_key_bytes(const struct map_entry *e)
{
    return e->n <= MAP_INLINE ? e->key.small : e->key.p;
}

static void
map_entry_release(struct map_entry *e)
{
    if (e->n > MAP_INLINE)
        free(e->key.p);
    e->n = 0;
    e->value = NULL;
}

struct map *
map_new(void)
{
    struct map *m = mem_alloc(sizeof(*m));

    m->nslots = MAP_FIRST;
    m->slots = mem_array(m->nslots, sizeof(*m->slots));
    m->entries = mem_array(m->nslots / 2, sizeof(*m->entries));
    return m;
}

void
map_free(struct map *m, void (*free_value)(void *))
{
    if (!m)
        return;
    for (uint32_t i = 0; i < m->used; i++) {
        if (m->entries[i].value && free_value)
            free_value(m->entries[i].value);
        map_entry_release(&m->entries[i]);
    }
    free(m->entries);
    free(m->slots);
    free(m);
}

/* The entry of `key`, or NULL; then *slot is the free slot where it belongs. */
static struct map_entry *
map_find(const struct map *m, struct slice key, uint32_t hash, uint32_t *slot)
{
    uint32_t mask = m->nslots - 1;

    for (uint32_t s = hash & mask;; s = (s + 1) & mask) {
        struct map_entry *e;

        *slot = s;
        if (!m->slots[s])
            return NULL;
        e = &m->entries[m->slots[s] - 1];
        if (e->hash == hash && e->value && e->n == key.n &&
            (!key.n || memcmp(map_key_bytes(e), key.p, key.n) == 0))
            return e;
    }
}

/* Squeezes out the holes; doubles when more than half of the entries live. */
static void
map_rebuild(struct map *m)
{
    uint32_t kept = 0, mask;

    if (m->live > m->used / 2) {
        if (m->nslots > UINT32_MAX / 4)
            abort();
        m->nslots *= 2;
        m->entries = mem_grow(m->entries, m->nslots / 2, sizeof(*m->entries));
    }
    free(m->slots);
    m->slots = mem_array(m->nslots, sizeof(*m->slots));
    mask = m->nslots - 1;
    for (uint32_t i = 0; i < m->used; i++) {
        uint32_t s = m->entries[i].hash & mask;

        if (!m->entries[i].value)
            continue;
        while (m->slots[s])
            s = (s + 1) & mask;
        m->entries[kept] = m->entries[i];
        m->slots[s] = ++kept;
    }
    m->used = kept;
}

void *
map_get(const struct map *m, struct slice key)
{
    uint32_t slot;
    const struct map_entry *e = map_find(m, key, map_hash(key), &slot);

    return e ? e->value : NULL;
}

void *
map_put(struct map *m, struct slice key, void *value)
{
    uint32_t hash = map_hash(key), slot;
    struct map_entry *e = map_find(m, key, hash, &slot);

    if (!value || key.n > UINT32_MAX)
        abort(); /* our own mistake: NULL would read as absent */
    if (e) {
        void *old = e->value;

        e->value = value;
        return old;
    }
    if (m->used == m->nslots / 2) {
        map_rebuild(m);
        (void)map_find(m, key, hash, &slot);
    }
    e = &m->entries[m->used];
    *e = (struct map_entry){.hash = hash, .n = (uint32_t)key.n, .value = value};
    if (key.n > MAP_INLINE)
        e->key.p = mem_strndup(key.p, key.n);
    else if (key.n)
        memcpy(e->key.small, key.p, key.n);
    m->slots[slot] = ++m->used;
    m->live++;
    return NULL;
}

void *
map_del(struct map *m, struct slice key)
{
    uint32_t slot;
    struct map_entry *e = map_find(m, key, map_hash(key), &slot);
    void *old;

    if (!e)
        return NULL;
    old = e->value;
    map_entry_release(e);
    m->live--;
    return old;
}

static struct slice
map_u32_key(const uint32_t *key)
{
    return (struct slice){(const char *)key, sizeof(*key)};
}

void *
map_get_u32(const struct map *m, uint32_t key)
{
    return map_get(m, map_u32_key(&key));
}

void *
map_put_u32(struct map *m, uint32_t key, void *value)
{
    return map_put(m, map_u32_key(&key), value);
}

void *
map_del_u32(struct map *m, uint32_t key)
{
    return map_del(m, map_u32_key(&key));
}

size_t
map_count(const struct map *m)
{
    return m->live;
}

bool
map_next(const struct map *m, size_t *i, struct slice *key, void **value)
{
    while (*i < m->used) {
        const struct map_entry *e = &m->entries[(*i)++];

        if (!e->value)
            continue;
        if (key)
            *key = (struct slice){map_key_bytes(e), e->n};
        if (value)
            *value = e->value;
        return true;
    }
    return false;
}
