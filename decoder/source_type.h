/*
 * What Debezium says of a column's type: its name, length and scale as PostgreSQL's JDBC driver counts them. They stand in
 * the schema under column.propagate.source.type, and a value is cut or hashed to the length.
 *
 * A snapshot asks the driver's metadata, the stream works from the Relation message, and the two differ: only the first
 * knows serial types, quotes the names of types outside the search path, and gives an unbounded numeric no length.
 */
#ifndef DECODER_SOURCE_TYPE_H
#define DECODER_SOURCE_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "decoder/type.h"

struct source_type {
    const char *name; /* "int4", "serial", "_text"; of a domain, its own */
    int32_t length;   /* -1: unknown */
    int32_t scale;
    bool has_scale;
};

/* The name may live in `a`. The column's type is in the registry. */
struct source_type source_type_of(const struct types *types, const struct column *col,
                                  bool snapshot, struct arena *a);

#endif
