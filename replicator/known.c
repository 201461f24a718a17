#include "replicator/known.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

enum {
    KNOWN_VERSION = 1,
    KNOWN_NAME_MAX =
        512, /* two names of the server's, which are shorter than 64 bytes, and a NUL */
};

/* The map's keys: schema, NUL, table. */
static struct slice
known_key(struct buf *key, const char *schema, const char *table)
{
    buf_init(key, KNOWN_NAME_MAX);
    buf_str(key, schema);
    buf_putc(key, '\0');
    buf_str(key, table);
    return buf_view(key);
}

void
known_clear(struct known *k)
{
    map_free(k->tables, free);
    *k = (struct known){0};
}

void
known_add(struct known *k, uint32_t oid, const char *schema, const char *table)
{
    uint32_t *value = mem_alloc(sizeof(*value));
    struct buf key;

    *value = oid;
    if (!k->tables)
        k->tables = map_new();
    free(map_put(k->tables, known_key(&key, schema, table), value));
    buf_free(&key);
}

bool
known_has(const struct known *k, uint64_t system_id, uint32_t oid, const char *schema,
          const char *table)
{
    const uint32_t *value = NULL;
    struct buf key;

    if (k->tables)
        value = map_get(k->tables, known_key(&key, schema, table));
    if (k->tables)
        buf_free(&key);
    return value && (system_id != k->system_id || *value == oid);
}

size_t
known_count(const struct known *k)
{
    return k->tables ? map_count(k->tables) : 0;
}

static json_t *
known_schemas(const struct known *k)
{
    json_t *schemas = json_object();
    struct slice key;
    void *value;

    for (size_t i = 0; k->tables && map_next(k->tables, &i, &key, &value);) {
        const char *schema = key.p, *table = schema + strlen(schema) + 1;
        size_t n = key.n - (size_t)(table - schema);
        json_t *tables = json_object_get(schemas, schema);

        if (!tables) {
            tables = json_object();
            json_object_set_new(schemas, schema, tables);
        }
        json_object_setn_new(tables, table, n, json_integer(*(uint32_t *)value));
    }
    return schemas;
}

void
known_to_json(const struct known *k, struct buf *out)
{
    json_t *schemas = known_schemas(k);
    char *text = json_dumps(schemas, JSON_COMPACT);

    buf_printf(out, "{\"version\":%d,\"system\":\"%" PRIu64 "\",\"schemas\":", KNOWN_VERSION,
               k->system_id);
    buf_str(out, text ? text : "{}");
    buf_putc(out, '}');
    free(text);
    json_decref(schemas);
}

static bool
known_read_tables(json_t *tables, const char *schema, struct known *k)
{
    const char *table;
    json_t *oid;

    if (!json_is_object(tables))
        return false;
    json_object_foreach(tables, table, oid)
    {
        if (!json_is_integer(oid) || json_integer_value(oid) < 0 ||
            json_integer_value(oid) > UINT32_MAX)
            return false;
        known_add(k, (uint32_t)json_integer_value(oid), schema, table);
    }
    return true;
}

bool
known_from_json(const char *json, struct known *k, struct err *e)
{
    json_t *doc = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    const json_t *version = json_object_get(doc, "version");
    const char *system = json_string_value(json_object_get(doc, "system"));
    json_t *schemas = json_object_get(doc, "schemas"), *tables;
    const char *schema;
    bool ok = json_is_integer(version) && json_integer_value(version) == KNOWN_VERSION && system &&
              json_is_object(schemas);

    *k = (struct known){0};
    ok = ok && num_parse_u64(slice_of(system), &k->system_id);
    if (ok)
        json_object_foreach(schemas, schema, tables)
        {
            ok = ok && known_read_tables(tables, schema, k);
        }
    json_decref(doc);
    if (ok)
        return true;
    known_clear(k);
    return err_set(e, ERR_FATAL, "snapshot.tables",
                   "the stored list of tables that need no snapshot cannot be read");
}
