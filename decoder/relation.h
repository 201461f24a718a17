/*
 * A table as it stood at one point of the WAL: columns and types from the Relation message, NOT NULL, defaults and key
 * order from the catalog. Immutable; a changed definition is a new version, old ones live until their last user is gone.
 */
#ifndef DECODER_RELATION_H
#define DECODER_RELATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "decoder/type.h"

struct relation {
    uint32_t oid;
    struct slice schema, table; /* NUL behind each */
    char identity;              /* pg_class.relreplident: d n f i */
    uint16_t ncols;
    struct column *cols;
    uint16_t nkey; /* primary key, else the first usable unique index; 0: none */
    uint16_t *key; /* indexes into cols, in the key's order */
    struct arena arena;
    atomic_uint refs;
};

/* What the catalog says of a table now. Views live as long as the answer. */
struct column_facts {
    struct slice name;
    bool not_null;
    bool generated;
    struct slice default_expr; /* p NULL: none */
};

struct relation_facts {
    bool found; /* false: no such table (dropped or renamed since): optional columns, no key */
    size_t ncols;
    const struct column_facts *cols;
    size_t nkey;
    const struct slice *key; /* column names in key order */
};

struct pgo_relation;

/* Joins the two by column name. The key is what the message has of it, as in Debezium: the catalog may be ahead of the row. */
struct relation *relation_new(const struct pgo_relation *wire, const struct relation_facts *facts);
struct relation *relation_ref(struct relation *r);
void relation_unref(struct relation *r);

#endif
