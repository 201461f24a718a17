#include "decoder/draft.h"

#include <stdlib.h>

#include "decoder/json_priv.h"

/* What each kind of record is made of. */
static const struct draft_row {
    enum change_op op;
    bool before, after; /* the envelope has them */
    bool old_key;       /* keyed by the row before */
    bool keyless, tombstone;
    const char *header; /* it points to the other half's key by this header */
} draft_rows[DRAFT_KINDS] = {
    [DRAFT_CREATE] = {OP_CREATE, .after = true},
    [DRAFT_READ] = {OP_READ, .after = true},
    [DRAFT_UPDATE] = {OP_UPDATE, .after = true},
    [DRAFT_UPDATE_OLD] = {OP_UPDATE, .before = true, .after = true},
    [DRAFT_DELETE] = {OP_DELETE, .before = true, .old_key = true},
    [DRAFT_TOMBSTONE] = {OP_DELETE, .old_key = true, .tombstone = true},
    [DRAFT_TRUNCATE] = {OP_TRUNCATE, .keyless = true},
    [DRAFT_MOVED_AWAY] = {OP_DELETE, .before = true, .old_key = true,
                          .header = "__debezium.newkey"},
    [DRAFT_MOVED_TOMBSTONE] = {OP_DELETE, .old_key = true, .tombstone = true,
                               .header = "__debezium.newkey"},
    [DRAFT_MOVED_HERE] = {OP_CREATE, .after = true, .header = "__debezium.oldkey"},
    [DRAFT_MESSAGE] = {OP_MESSAGE},
    [DRAFT_BEGIN] = {OP_BEGIN},
    [DRAFT_END] = {OP_END},
    [DRAFT_HEARTBEAT] = {OP_HEARTBEAT},
    [DRAFT_NOTIFICATION] = {OP_NOTIFICATION},
};

enum change_op
draft_op(enum draft_kind kind)
{
    return draft_rows[kind].op;
}

/* ------------------------------------------------------------------------------------- what is no column */

struct draft_site {
    struct arena *a;
    const struct plan *p;
    const struct draft_row *row;
    enum draft_kind kind;
    bool block;
};

/* Members that the change tells, by the struct they are in and their name. */
static const struct {
    const char *in, *name;
    enum node_field field;
} draft_fields[] = {
    {"source", "ts_ms", FIELD_SOURCE_TS_MS},
    {"source", "ts_us", FIELD_SOURCE_TS_US},
    {"source", "ts_ns", FIELD_SOURCE_TS_NS},
    {"source", "snapshot", FIELD_SNAPSHOT},
    {"source", "sequence", FIELD_SEQUENCE},
    {"source", "txId", FIELD_TXID},
    {"source", "lsn", FIELD_LSN},
    {"source", "origin", FIELD_ORIGIN},
    {"source", "origin_lsn", FIELD_ORIGIN_LSN},
    {"transaction", "id", FIELD_BLOCK_ID},
    {"transaction", "total_order", FIELD_BLOCK_TOTAL},
    {"transaction", "data_collection_order", FIELD_BLOCK_COLLECTION},
    {"message", "prefix", FIELD_MESSAGE_PREFIX},
    {"message", "content", FIELD_MESSAGE_CONTENT},
    {"message key", "prefix", FIELD_MESSAGE_PREFIX},
    {"bound", "id", FIELD_BLOCK_ID},
    {"bound", "event_count", FIELD_EVENTS},
    {"bound", "data_collections", FIELD_COLLECTIONS},
    {"bound", "ts_ms", FIELD_SOURCE_TS_MS},
    {"notification", "id", FIELD_NOTIFICATION_ID},
    {"notification", "type", FIELD_NOTIFICATION_TYPE},
    {"notification", "aggregate_type", FIELD_NOTIFICATION_AGGREGATE},
    {"notification", "additional_data", FIELD_NOTIFICATION_DATA},
    {"notification", "timestamp", FIELD_NOTIFICATION_MS},
    {"", "ts_ms", FIELD_TS_MS},
    {"", "ts_us", FIELD_TS_US},
    {"", "ts_ns", FIELD_TS_NS},
};

/* Members that are the same in every record of the plan; NULL: none of them. */
static const char *
draft_constant(const struct draft_site *at, const char *in, struct slice name, char op[2])
{
    const struct settings *s = at->p->settings;
    bool source = strcmp(in, "source") == 0;

    if (source && slice_is(name, "version"))
        return s->version;
    if (source && slice_is(name, "connector"))
        return "postgresql";
    if ((source && slice_is(name, "name")) || slice_is(name, "serverName"))
        return s->prefix;
    if (source && slice_is(name, "db"))
        return s->database;
    if (source && slice_is(name, "schema"))
        return at->p->rel ? at->p->rel->schema.p : "";
    if (source && slice_is(name, "table"))
        return at->p->rel ? at->p->rel->table.p : "";
    if (slice_is(name, "status"))
        return at->kind == DRAFT_END ? "END" : "BEGIN";
    if (*in == '\0' && slice_is(name, "op")) {
        op[0] = (char)at->row->op;
        return op;
    }
    return NULL;
}

static const struct node *
draft_leaf(const struct draft_site *at, const char *in, const struct schema_field *f)
{
    char op[2] = "";
    const char *constant = draft_constant(at, in, f->name, op);

    if (constant)
        return node_string(at->a, f->schema, slice_of(constant));
    for (size_t i = 0; i < sizeof(draft_fields) / sizeof(*draft_fields); i++)
        if (strcmp(draft_fields[i].in, in) == 0 && slice_is(f->name, draft_fields[i].name))
            return node_computed(at->a, f->schema, draft_fields[i].field);
    return node_null(at->a, f->schema); /* source.xmin */
}

/* A struct all of whose members are such leaves. */
static const struct node *
draft_leaves(const struct draft_site *at, const char *in, const struct schema *schema)
{
    struct node *n = arena_alloc(at->a, sizeof(*n));

    *n = (struct node){.kind = NODE_STRUCT, .schema = schema};
    n->whole_source = strcmp(in, "source") == 0;
    n->members = arena_alloc(at->a, (schema->nfields + 1) * sizeof(struct node *));
    for (size_t i = 0; i < schema->nfields; i++)
        n->members[i] = draft_leaf(at, in, &schema->fields[i]);
    return n;
}

/* -------------------------------------------------------------------------------------- rows and envelopes */

static const struct node *
draft_row_node(const struct draft_site *at, const struct schema *schema,
               const struct plan_field *fields, bool old, const struct json_format *format)
{
    struct node *n = arena_alloc(at->a, sizeof(*n));

    *n = (struct node){.kind = NODE_STRUCT, .schema = schema};
    n->members = arena_alloc(at->a, (schema->nfields + 1) * sizeof(struct node *));
    for (size_t i = 0; i < schema->nfields; i++)
        n->members[i] = node_column(at->a, &fields[i], old, format->decimal_numeric);
    return n;
}

static const struct node *
draft_key_node(const struct draft_site *at, bool old)
{
    const struct plan *p = at->p;

    if (!p->key_schema)
        return node_null(at->a, NULL);
    return draft_row_node(at, p->key_schema, p->key, old, &p->settings->key_json);
}

/* Where a plan's members stand in draft_fields. */
static const char *
draft_place(const struct plan *p, bool key)
{
    switch (p->kind) {
    case PLAN_TABLE:
        break;
    case PLAN_MESSAGE:
        return key ? "message key" : "";
    case PLAN_TRANSACTION:
        return "bound";
    case PLAN_HEARTBEAT:
        return key ? "bound" : "";
    case PLAN_NOTIFICATION:
        return "notification";
    }
    return "";
}

static const struct node *
draft_envelope_member(const struct draft_site *at, const struct schema_field *f)
{
    const struct plan *p = at->p;
    bool before = slice_is(f->name, "before"), after = slice_is(f->name, "after");

    if (p->kind == PLAN_TABLE && (before || after)) {
        if (before ? !at->row->before : !at->row->after)
            return node_null(at->a, f->schema);
        return draft_row_node(at, f->schema, p->fields, before, &p->settings->value_json);
    }
    if (slice_is(f->name, "source"))
        return draft_leaves(at, "source", f->schema);
    if (slice_is(f->name, "message"))
        return draft_leaves(at, "message", f->schema);
    if (slice_is(f->name, "transaction"))
        return at->block ? draft_leaves(at, "transaction", f->schema) : node_null(at->a, f->schema);
    return draft_leaf(at, draft_place(p, false), f);
}

static const struct node *
draft_value_node(const struct draft_site *at)
{
    const struct schema *schema = at->p->envelope_schema;
    struct node *n;

    if (at->row->tombstone)
        return node_null(at->a, NULL);
    n = arena_alloc(at->a, sizeof(*n));
    *n = (struct node){.kind = NODE_STRUCT, .schema = schema};
    n->members = arena_alloc(at->a, (schema->nfields + 1) * sizeof(struct node *));
    for (size_t i = 0; i < schema->nfields; i++)
        n->members[i] = draft_envelope_member(at, &schema->fields[i]);
    return n;
}

void
draft_new(struct draft *d, struct arena *a, const struct plan *p, enum draft_kind kind, bool block,
          const struct draft_context *context)
{
    const struct draft_row *row = &draft_rows[kind];
    const struct draft_site at = {a, p, row, kind, block};

    *d = (struct draft){.arena = a, .plan = p, .kind = kind, .topic = p->topic};
    if (p->kind == PLAN_TABLE)
        d->key = row->keyless ? node_null(a, NULL) : draft_key_node(&at, row->old_key);
    else
        d->key = draft_leaves(&at, draft_place(p, true), p->key_schema);
    d->value = draft_value_node(&at);
    if (row->header)
        draft_add_header(d, row->header, draft_key_node(&at, !row->old_key));
    for (size_t i = 0;
         p->kind == PLAN_TABLE && p->settings->context_headers && i < DRAFT_CONTEXT_HEADERS; i++)
        draft_add_header(d, context->name[i], context->value[i]);
    if (kind == DRAFT_HEARTBEAT)
        d->partition = node_int(a, &node_int32_optional, 0);
}

void
draft_add_header(struct draft *d, const char *name, const struct node *value)
{
    if (d->nheaders == d->headers_cap) {
        size_t cap = d->headers_cap ? d->headers_cap * 2 : 8;
        struct draft_header *grown = arena_alloc(d->arena, cap * sizeof(*grown));

        if (d->nheaders)
            memcpy(grown, d->headers, d->nheaders * sizeof(*grown));
        d->headers = grown;
        d->headers_cap = cap;
    }
    d->headers[d->nheaders++] = (struct draft_header){name, value};
}

void
draft_add_header_in_place(struct draft *d, const char *name, const struct node *value)
{
    draft_add_header(d, name, value);
    if (!d->own_headers && d->nshared < DRAFT_SHARED_HEADERS)
        d->shared[d->nshared++] = (struct draft_header){name, value};
}

enum draft_kind
draft_deleting(enum draft_kind kind)
{
    return kind == DRAFT_TOMBSTONE         ? DRAFT_DELETE
           : kind == DRAFT_MOVED_TOMBSTONE ? DRAFT_MOVED_AWAY
                                           : DRAFT_KINDS;
}

const struct node *
draft_header(const struct draft *d, const char *name)
{
    for (size_t i = 0; i < d->nheaders; i++)
        if (strcmp(d->headers[i].name, name) == 0)
            return d->headers[i].value;
    return NULL;
}

bool
draft_is_envelope(const struct draft *d)
{
    const struct schema *s = d->value->schema;
    const char suffix[] = ".Envelope";
    size_t n = s && s->name ? strlen(s->name) : 0;

    return n >= sizeof(suffix) - 1 && strcmp(s->name + n - (sizeof(suffix) - 1), suffix) == 0;
}
