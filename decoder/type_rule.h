/* The type table's row, and what type_bind makes of one. Inside decoder/type*.c only. */
#ifndef DECODER_TYPE_RULE_H
#define DECODER_TYPE_RULE_H

#include "base/arena.h"
#include "decoder/pgtext.h"
#include "decoder/type.h"

/* How Debezium's default value converter reads a default's expression. */
enum default_kind {
    DEFAULT_NONE, /* columns of the type have no default in the schema */
    DEFAULT_BOOL,
    DEFAULT_INT,
    DEFAULT_FLOAT,
    DEFAULT_NUMERIC,
    DEFAULT_TEXT,
    DEFAULT_JSON,
    DEFAULT_XML,
    DEFAULT_UUID,
    DEFAULT_DATE,
    DEFAULT_TIME,
    DEFAULT_TIMESTAMP,
    DEFAULT_TIMESTAMPTZ,
    DEFAULT_INTERVAL,
    DEFAULT_BIT,
};

/* What an array of the type becomes. */
enum array_kind {
    ARRAY_PLAIN,      /* optional items */
    ARRAY_LENIENT,    /* and an item that cannot be said is null */
    ARRAY_NO_NULLS,   /* optional items, but a NULL among them makes the array null */
    ARRAY_REQUIRED,   /* required items */
    ARRAY_AS_ELEMENT, /* the element's schema, always null */
    ARRAY_DROPPED,    /* left out, whatever include.unknown.datatypes says */
};

enum rule_flag {
    RULE_EXTENSION = 1 << 0,       /* found by name in any schema; the others are pg_catalog's */
    RULE_UNKNOWN = 1 << 1,         /* only said with include.unknown.datatypes */
    RULE_FALLBACK_JSON = 1 << 2,   /* `fallback` is JSON, not PostgreSQL text */
    RULE_STREAM_NULL = 1 << 3,     /* see struct binding */
    RULE_TOAST_TEXT = 1 << 4,      /* an unchanged array of it: [placeholder] */
    RULE_TOAST_INTS = 1 << 5,      /* the placeholder's bytes as numbers */
    RULE_TOAST_UUID = 1 << 6,      /* [UUID made of the placeholder] */
    RULE_TOAST_BYTES = 1 << 7,     /* [placeholder] in bytes mode */
    RULE_TOAST_HSTORE = 1 << 8,    /* the column itself: a map of the placeholder to itself */
    RULE_DELIM_SEMICOLON = 1 << 9, /* pg_type.typdelim, where it is no comma */
    RULE_DELIM_COLON = 1 << 10,
    RULE_OPTIONAL = 1 << 11, /* its schema is optional even where the column is NOT NULL */
};

struct shape_in {
    const struct settings *s;
    const struct pgtype *type;
    int32_t typmod;
    struct arena *a;
};

/* What a value of the type is in Connect's terms; the column adds optionality and default. */
struct shape {
    struct schema schema;
    value_writer write;
    int scale, digits; /* for bind_ctx */
};

struct type_rule {
    const char *name; /* pg_type.typname */
    const char *sql;  /* as people write it */
    enum schema_type type;
    const char *semantic; /* schema name, version 1; NULL: none */
    value_writer write;
    /* For NULL in a NOT NULL column without default: PostgreSQL text, said by `write`. */
    const char *fallback;
    /* Where settings or the typmod change the above; NULL: never. */
    void (*shape)(struct shape *sh, const struct shape_in *in);
    enum default_kind def;
    enum array_kind array;
    unsigned flags;
    const char *note; /* for the reference page; NULL: none */
};

/* How the versions that walbridge.compat names read the table. */
struct type_dialect {
    const struct type_rule *(*find)(const struct pgtype *type); /* as type_rule_find */
    const struct type_rule *(*unknown)(void);
    bool defaults;    /* columns' defaults stand in schemas */
    bool toast_forms; /* an unchanged TOAST value has a form in types that no text fits in */
};
extern const struct type_dialect type_dialect_1_2; /* type_legacy.c */

/* The row of a type that is no domain and no array; NULL: Debezium does not know it. */
const struct type_rule *type_rule_find(const struct pgtype *type);
const struct type_rule *type_rule_unknown(void);
/* Walks the table: NULL at its end. */
const struct type_rule *type_rule_at(size_t i);
void type_rule_shape(const struct type_rule *rule, const struct shape_in *in, struct shape *sh);

/* Appends the payload of the column's default; false: it has none that Debezium would say. */
bool type_default(struct buf *out, const struct type_rule *rule, const struct pgtype *type,
                  const struct column *col, const struct shape *sh, const struct bind_ctx *ctx);

/* Appends what an unchanged TOAST value is said as; false: nothing fits the schema. */
bool type_toast(struct buf *out, const struct type_rule *rule, const struct schema *schema,
                const struct settings *s, const struct type_dialect *dialect);

extern const struct pgtype type_builtins[];
extern const size_t type_nbuiltins;

#endif
