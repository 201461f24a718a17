/*
 * A value of a record as far as it is known when the record's program is made: a constant, a column of the old or new row,
 * something the change tells (its LSN, the clock), a struct of such values, or what a call makes of one. Transforms build
 * new nodes out of old ones; rows pay only for the leaves that are left. Nodes are immutable and live in an arena.
 */
#ifndef DECODER_NODE_H
#define DECODER_NODE_H

#include "base/arena.h"
#include "decoder/plan.h"
#include "decoder/record.h"

enum node_kind {
    NODE_NULL,
    NODE_TEXT,   /* a constant, as the JSON of a payload */
    NODE_STRUCT, /* one member for each field of its schema */
    NODE_COLUMN, /* of the old or new row */
    NODE_FIELD,  /* what the change tells */
    NODE_CALL,   /* worked out of other nodes for each row */
};

/* What differs from change to change beside the row. */
enum node_field {
    FIELD_TS_MS, /* the connector's clock */
    FIELD_TS_US,
    FIELD_TS_NS,
    FIELD_SOURCE_TS_MS, /* the server's, at commit */
    FIELD_SOURCE_TS_US,
    FIELD_SOURCE_TS_NS,
    FIELD_SNAPSHOT,
    FIELD_SEQUENCE,
    FIELD_TXID,
    FIELD_LSN,
    FIELD_ORIGIN,
    FIELD_ORIGIN_LSN,
    FIELD_BLOCK_ID,
    FIELD_BLOCK_TOTAL,
    FIELD_BLOCK_COLLECTION,
    FIELD_MESSAGE_PREFIX,
    FIELD_MESSAGE_CONTENT,
    FIELD_EVENTS,
    FIELD_COLLECTIONS,
    FIELD_NOTIFICATION_ID,
    FIELD_NOTIFICATION_TYPE,
    FIELD_NOTIFICATION_AGGREGATE,
    FIELD_NOTIFICATION_DATA,
    FIELD_NOTIFICATION_MS,
};

enum node_got { NODE_HAS_VALUE, NODE_IS_NULL, NODE_FAILED };

struct node;
struct node_run;
/* Appends the JSON of n's value; nothing when it is null. NODE_FAILED: run->e is set. */
typedef enum node_got (*node_call)(const struct node *n, struct node_run *run, struct buf *out);

struct node {
    enum node_kind kind;
    bool numeric; /* decimals in it are written as numbers, else as base64 */
    bool bare;    /* a struct without a Connect schema (a map); its schema only names the members */
    bool whole_source;           /* the source block as it came */
    bool old;                    /* a column: of the row before */
    const struct schema *schema; /* NULL: none */
    struct slice null_text;      /* the value that stands for null; p NULL: null stays null */
    struct slice text;           /* NODE_TEXT */
    const struct node **members; /* NODE_STRUCT */
    const struct plan_field *column;
    enum node_field field;
    node_call call;
    const struct node *in, *in2; /* what a call works on */
    const void *arg;
};

/* Deeper calls of calls are no configuration's. */
enum { NODE_DEPTH_MAX = 16 };

/* One record of one change. */
struct node_run {
    const struct change *c;
    const struct json_program *json; /* of the plan */
    struct recbuf *out;
    struct buf *scratch; /* NODE_DEPTH_MAX + 1 of them; the last is for who is no call */
    unsigned depth;
    bool second;       /* the later half of a key change */
    bool replace_null; /* of the side that is written */
    struct err *e;
};

/* ------------------------------------------------------------------------------------------ making (node.c) */

const struct node *node_null(struct arena *a, const struct schema *schema);
const struct node *node_json(struct arena *a, const struct schema *schema, struct slice json);
const struct node *node_string(struct arena *a, const struct schema *schema, struct slice text);
const struct node *node_int(struct arena *a, const struct schema *schema, int64_t v);
const struct node *node_computed(struct arena *a, const struct schema *schema, enum node_field f);
const struct node *node_column(struct arena *a, const struct plan_field *f, bool old, bool numeric);
const struct node *node_calling(struct arena *a, const struct schema *schema, node_call call,
                                const struct node *in, const void *arg);
/* The same node under another schema. */
const struct node *node_with_schema(struct arena *a, const struct node *n,
                                    const struct schema *schema);
/* As Struct.get reads it: a null of a schema with a default is the default. */
const struct node *node_or_default(struct arena *a, const struct node *n);

/* Position of a struct's member; -1: none. */
int node_find(const struct node *n, struct slice name);
/* NULL: no such member, or no struct. */
const struct node *node_member(const struct node *n, struct slice name);
/* Of the constant that a node is; false: it is none. */
bool node_is_constant(const struct node *n);
/* Null for every row. */
static inline bool
node_is_null(const struct node *n)
{
    return n->kind == NODE_NULL;
}

/* A struct that is being put together. */
struct node_builder {
    struct arena *a;
    struct schema *schema;
    struct schema_field *fields;
    const struct node **members;
    size_t n, cap;
    bool bare;         /* without a Connect schema */
    const char *twice; /* the first name that came twice; NULL: none */
};

/* like: its name, version, doc and parameters are taken, not its optionality (Kafka's copySchemaBasics); NULL: none. */
void node_build(struct node_builder *b, struct arena *a, const struct schema *like);
void node_add(struct node_builder *b, struct slice name, const struct node *member);
const struct node *node_built(struct node_builder *b);
/* A schema of the same type, name, version, doc and parameters, neither optional nor with a default. */
struct schema *node_basics(struct arena *a, const struct schema *like);
/* The same schema, optional. */
const struct schema *node_optional(struct arena *a, const struct schema *like);

extern const struct schema node_string_required, node_string_optional, node_int32_required,
    node_int32_optional, node_int64_required, node_int64_optional;

/* ---------------------------------------------------------------------------------------- running (node_run.c) */

enum node_got node_eval(const struct node *n, struct node_run *run, struct buf *out);
/* The same with null written as the node and the format have it; false: failed. */
bool node_write(const struct node *n, struct node_run *run, struct buf *out);
/* What the format writes for null: the schema's default, or null. */
struct slice node_null_text(const struct node *n, bool replace_null);
/* Evaluates a call's input; text is valid until the next input of the same call. */
enum node_got node_input(const struct node *in, struct node_run *run, struct slice *text);

#endif
