/*
 * A Connect schema as a tree, and its JSON text. Nodes live in the arena of whoever made them and are never changed.
 * Source: org.apache.kafka.connect.json.JsonConverter.asJsonSchema; member order is part of the contract.
 */
#ifndef DECODER_SCHEMA_H
#define DECODER_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"

enum schema_type {
    SCHEMA_BOOLEAN,
    SCHEMA_INT8,
    SCHEMA_INT16,
    SCHEMA_INT32,
    SCHEMA_INT64,
    SCHEMA_FLOAT32,
    SCHEMA_FLOAT64,
    SCHEMA_BYTES,
    SCHEMA_STRING,
    SCHEMA_ARRAY,
    SCHEMA_MAP,
    SCHEMA_STRUCT,
};

struct schema_param {
    const char *name;
    const char *value;
};

struct schema;
struct schema_field {
    struct slice name;
    const struct schema *schema;
};

struct schema {
    enum schema_type type;
    bool optional;
    const char *name;                  /* NULL: none */
    int version;                       /* 0: none */
    const char *doc;                   /* NULL: none */
    const struct schema_param *params; /* in order */
    size_t nparams;
    struct slice def;                   /* default, as the JSON of a payload value; n == 0: none */
    const struct schema *items;         /* array */
    const struct schema *keys, *values; /* map */
    const struct schema_field *fields;  /* struct */
    size_t nfields;
};

/* Appends the schema's JSON. field: its name when it is a struct's member ("field" comes last), else an empty slice
 * with p == NULL. */
void schema_write(struct buf *out, const struct schema *s, struct slice field);
const char *schema_type_name(enum schema_type t); /* "int32", "float", … as in JSON */

#endif
