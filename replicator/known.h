/*
 * The tables that need no snapshot any more: those that were read, and those that were captured when an offset was taken
 * up whose history nobody had noted. Kept in the offset store beside the offset.
 *
 *   {"version":1,"system":"<system identifier>","schemas":{"<schema>":{"<table>":<oid>,…},…}}
 *
 * A table is known by oid and name, so one that was made anew or renamed is a new one; on another server, where oids mean
 * nothing, by its name alone.
 */
#ifndef REPLICATOR_KNOWN_H
#define REPLICATOR_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"

struct known {
    uint64_t system_id; /* of the server whose oids they are */
    struct map *tables; /* NULL: none */
};

void known_clear(struct known *k);
void known_add(struct known *k, uint32_t oid, const char *schema, const char *table);
bool known_has(const struct known *k, uint64_t system_id, uint32_t oid, const char *schema,
               const char *table);
size_t known_count(const struct known *k);

void known_to_json(const struct known *k, struct buf *out);
bool known_from_json(const char *json, struct known *k, struct err *e);

#endif
