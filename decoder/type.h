/*
 * PostgreSQL types: what they are (registry), and how a column of one is said in Connect's terms
 * (binding). The registry knows the built-in types from a const table; extension types, enums,
 * domains, composites and their arrays are added from catalog rows before a relation that uses
 * them is bound.
 */
#ifndef DECODER_TYPE_H
#define DECODER_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "decoder/schema.h"
#include "decoder/settings.h"

struct pgtype {
    uint32_t oid;
    const char *schema;        /* "pg_catalog", "public", … */
    const char *name;          /* pg_type.typname: "int4", "_text", "mood" */
    char kind;                 /* pg_type.typtype: b c d e m p r */
    uint32_t elem;             /* array: element type, else 0 */
    uint32_t base;             /* domain: base type, else 0 */
    int32_t base_typmod;       /* domain: its typmod, -1 none */
    const char *const *labels; /* enum: labels in enumsortorder */
    size_t nlabels;
};

/* The registry. Not thread-safe for writing: only the connector thread adds, between relations. */
struct types;
struct types *types_new(void);
void types_free(struct types *t);
const struct pgtype *types_get(const struct types *t, uint32_t oid); /* NULL: ask the catalog */
/* Copies the description; replaces an earlier one of that oid (old copies stay valid until
 * types_free). */
void types_add(struct types *t, const struct pgtype *type);

/* A column as the wire and the catalog describe it. */
struct column {
    struct slice name;
    uint32_t type; /* oid */
    int32_t typmod;
    bool identity; /* part of the replica identity (wire) */
    bool known;    /* the catalog had it; else the members below are false/NULL */
    bool not_null;
    bool generated;
    const char *default_expr; /* pg_get_expr text, NULL: none */
};

struct bind_ctx;
/* Appends the JSON payload of a value given in PostgreSQL's text form. Pure. False: the value
 * cannot be said (data). */
typedef bool (*value_writer)(struct buf *out, struct slice text, const struct bind_ctx *ctx,
                             struct err *e);

/* How a column is written. */
struct binding {
    const struct schema *schema; /* with optional and default as the column needs */
    value_writer write;          /* JSON payload from text */
    const struct bind_ctx *ctx;
    /* What a NULL is written as: null, the default (replace.null) or the NOT NULL fallback. */
    struct slice null_json;
    /* What an unchanged TOAST value that is not at hand is written as. */
    struct slice unavailable_json;
    const struct pgtype *type; /* the column's type, domains resolved */
    int32_t typmod;            /* the effective one, through domains */
    /* Debezium loses values of this type (name) in the stream, though not in snapshots: streamed
     * ones are written as null_json. */
    bool stream_null;
};

enum bind_result {
    BIND_OK,
    BIND_DROPPED,      /* Debezium leaves such a column out */
    BIND_UNKNOWN_TYPE, /* the registry lacks it */
};

/*
 * Works out how `col` is written. `json`: the format of the side it is bound for. Everything made
 * lives in `a`. BIND_UNKNOWN_TYPE names the missing oid in *missing.
 */
enum bind_result type_bind(const struct types *t, const struct column *col,
                           const struct settings *s, const struct json_format *json,
                           struct arena *a, struct binding *out, uint32_t *missing);

/* The reference page of types, in Markdown, from the type table. */
void type_print_reference(struct buf *out);

#endif
