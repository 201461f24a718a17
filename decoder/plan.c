#include "decoder/plan.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "decoder/envelope.h"
#include "decoder/filter.h"
#include "decoder/mapper.h"
#include "decoder/topic.h"

static atomic_uint_fast64_t plan_ids;

static struct plan *
plan_alloc(const struct settings *s, enum plan_kind kind)
{
    struct plan *p = mem_alloc(sizeof(*p));

    arena_init(&p->arena);
    atomic_init(&p->refs, 1);
    p->id = atomic_fetch_add(&plan_ids, 1) + 1;
    p->kind = kind;
    p->settings = s;
    return p;
}

struct plan *
plan_ref(struct plan *p)
{
    atomic_fetch_add(&p->refs, 1);
    return p;
}

void
plan_unref(struct plan *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    relation_unref(p->rel);
    arena_free(&p->arena);
    free(p);
}

static struct slice
plan_field_name(struct plan *p, struct slice column)
{
    struct buf b;
    struct slice name;

    if (p->settings->field_adjust == ADJUST_NONE)
        return column;
    buf_init(&b, 4096);
    topic_adjust_name(&b, column, p->settings->field_adjust, true);
    name = arena_slice(&p->arena, buf_view(&b));
    buf_free(&b);
    return name;
}

/* What both sides of a record are bound with. */
struct plan_site {
    enum plan_use use;
    const struct types *types;
    uint32_t *missing;
};

static enum bind_result
plan_bind(struct plan *p, const struct plan_site *at, const struct column *column,
          const struct json_format *json, struct plan_field *f)
{
    enum bind_result r;

    f->name = plan_field_name(p, column->name);
    r = type_bind(at->types, column, p->settings, json, &p->arena, &f->value, at->missing);
    if (r == BIND_OK && at->use == PLAN_FOR_STREAM && f->value.stream_null)
        mapper_lose(&f->value);
    return r;
}

/* Masks and their like, on the value side alone. */
static void
plan_map(struct plan *p, const struct plan_site *at, struct plan_field *f)
{
    const struct mapper_site site = {
        .mappers = p->settings->mappers,
        .types = at->types,
        .schema = p->rel->schema,
        .table = p->rel->table,
        .col = &p->rel->cols[f->col],
        .snapshot = at->use == PLAN_FOR_SNAPSHOT,
        .arena = &p->arena,
    };
    struct mapped mapped = mapper_apply(&site, &f->value);

    f->map = mapped.map;
    if (mapped.unmasked)
        p->unmasked = site.col->name;
}

static const struct schema *
plan_struct(struct plan *p, const struct plan_field *fields, uint16_t n, const char *suffix,
            bool optional)
{
    struct schema *sc = arena_alloc(&p->arena, sizeof(*sc));
    struct schema_field *f = arena_alloc(&p->arena, (n ? n : 1u) * sizeof(*f));

    for (uint16_t i = 0; i < n; i++)
        f[i] = (struct schema_field){fields[i].name, fields[i].value.schema};
    *sc = (struct schema){
        .type = SCHEMA_STRUCT,
        .optional = optional,
        .name = envelope_schema_name(&p->arena, p->settings, p->topic, suffix),
        .fields = f,
        .nfields = n,
    };
    return sc;
}

/* Columns that survive the filters and have a type that can be said. */
static bool
plan_bind_row(struct plan *p, const struct plan_site *at)
{
    const struct relation *rel = p->rel;

    p->fields = arena_alloc(&p->arena, (rel->ncols ? rel->ncols : 1u) * sizeof(*p->fields));
    for (uint16_t i = 0; i < rel->ncols; i++) {
        if (!filter_column(p->settings->filter, rel->schema, rel->table, rel->cols[i].name))
            continue;
        p->fields[p->nfields].col = i;
        switch (plan_bind(p, at, &rel->cols[i], &p->settings->value_json, &p->fields[p->nfields])) {
        case BIND_OK:
            plan_map(p, at, &p->fields[p->nfields++]);
            break;
        case BIND_DROPPED:
            break;
        case BIND_UNKNOWN_TYPE:
            return false;
        }
    }
    return true;
}

static bool
plan_key_has(const uint16_t *cols, uint16_t n, uint16_t col)
{
    for (uint16_t i = 0; i < n; i++)
        if (cols[i] == col)
            return true;
    return false;
}

/*
 * What message.key.columns lists, in the order of the list, wins over the table's own key. A list that names the table and none
 * of its columns says nothing.
 */
static uint16_t
plan_key_columns(const struct plan *p, uint16_t *cols, bool *listed)
{
    const struct relation *rel = p->rel;
    const struct filter *f = p->settings->filter;
    uint16_t n = 0;

    for (size_t rule = 0; rule < filter_key_rules(f); rule++)
        for (uint16_t i = 0; i < rel->ncols; i++)
            if (filter_key_column(f, rule, rel->schema, rel->table, rel->cols[i].name) &&
                !plan_key_has(cols, n, i))
                cols[n++] = i;
    *listed = n > 0;
    if (n > 0)
        return n;
    memcpy(cols, rel->key, rel->nkey * sizeof(*cols));
    return rel->nkey;
}

/*
 * A key column that the filters leave out stays in the key, but Debezium asks for it nowhere: its catalog query in the stream
 * lacks the column, so that NOT NULL and default are unknown, and its SELECT in a snapshot does, so that the value is lost.
 */
static enum bind_result
plan_bind_hidden_key(struct plan *p, const struct plan_site *at, const struct column *col,
                     struct plan_field *f)
{
    struct column unknown = *col;
    enum bind_result r;

    if (at->use == PLAN_FOR_SNAPSHOT) {
        r = plan_bind(p, at, col, &p->settings->key_json, f);
        if (r == BIND_OK)
            mapper_lose(&f->value);
        return r;
    }
    unknown.known = unknown.not_null = false;
    unknown.default_expr = NULL;
    return plan_bind(p, at, &unknown, &p->settings->key_json, f);
}

static enum bind_result
plan_bind_key_column(struct plan *p, const struct plan_site *at, uint16_t col, struct plan_field *f)
{
    const struct relation *rel = p->rel;

    f->col = col;
    if (!filter_column(p->settings->filter, rel->schema, rel->table, rel->cols[col].name))
        return plan_bind_hidden_key(p, at, &rel->cols[col], f);
    return plan_bind(p, at, &rel->cols[col], &p->settings->key_json, f);
}

static int
plan_compare_columns(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

static bool
plan_write_nothing(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    (void)out, (void)text, (void)ctx;
    return err_set(e, ERR_BUG, "plan.constant", "a constant of the key was asked for a column's");
}

/* A field that is the same for all rows: a column that no row has, with its null said as that. */
static void
plan_add_key_constant(struct plan *p)
{
    static const struct schema schema = {.type = SCHEMA_STRING};
    struct plan_field *f = &p->key[p->nkey];
    const char *field;
    struct buf value, json;

    buf_init(&value, 1 << 16);
    buf_init(&json, 1 << 20);
    field = topic_key_field(&value, p->settings, p->rel->schema, p->rel->table);
    if (field) {
        json_str(&json, buf_view(&value));
        *f = (struct plan_field){.name = slice_of(field), .col = PLAN_NO_COLUMN};
        f->value.schema = &schema;
        f->value.write = plan_write_nothing;
        f->value.null_json = arena_slice(&p->arena, buf_view(&json));
        p->nkey++;
    }
    buf_free(&value);
    buf_free(&json);
}

static bool
plan_bind_key(struct plan *p, const struct plan_site *at)
{
    uint16_t *cols = arena_alloc(&p->arena, (p->rel->ncols ? p->rel->ncols : 1u) * sizeof(*cols));
    bool listed;
    uint16_t n = plan_key_columns(p, cols, &listed);

    /* Debezium 1.2 said a key in the order of the table's columns, but for a primary key in a snapshot. */
    if (p->settings->compat == COMPAT_1_2 && (at->use == PLAN_FOR_STREAM || listed))
        qsort(cols, n, sizeof(*cols), plan_compare_columns);
    p->key = arena_alloc(&p->arena, (n + 1u) * sizeof(*p->key));
    for (uint16_t i = 0; i < n; i++)
        switch (plan_bind_key_column(p, at, cols[i], &p->key[p->nkey])) {
        case BIND_OK:
            p->nkey++;
            break;
        case BIND_DROPPED:
            break;
        case BIND_UNKNOWN_TYPE:
            return false;
        }
    plan_add_key_constant(p);
    /* A key of columns whose types are left out is a key of no fields, not no key. */
    if (n > 0 || p->nkey > 0)
        p->key_schema = plan_struct(p, p->key, p->nkey, "Key", false);
    return true;
}

struct plan *
plan_new_table(struct relation *rel, enum plan_use use, const struct types *types,
               const struct settings *s, uint32_t *missing)
{
    const struct plan_site at = {use, types, missing};
    struct plan *p = plan_alloc(s, PLAN_TABLE);
    struct buf topic;

    *missing = 0;
    p->rel = relation_ref(rel);
    buf_init(&topic, 4096);
    topic_name(&topic, s, rel->schema, rel->table);
    p->topic = arena_strdup(&p->arena, buf_cstr(&topic));
    buf_free(&topic);
    if (!plan_bind_row(p, &at) || !plan_bind_key(p, &at)) {
        plan_unref(p);
        return NULL;
    }
    p->row_schema = plan_struct(p, p->fields, p->nfields, "Value", true);
    p->envelope_schema = envelope_schema_new(&p->arena, s, p->topic, p->row_schema);
    return p;
}

uint16_t
plan_key_width(const struct plan *p)
{
    return p->nkey > 0 && p->key[p->nkey - 1].col == PLAN_NO_COLUMN ? (uint16_t)(p->nkey - 1)
                                                                    : p->nkey;
}

/* "__debezium-heartbeat.<prefix>", or the name that is given. */
static void
plan_heartbeat_topic(const struct settings *s, struct buf *out)
{
    struct settings as_prefix = *s;

    as_prefix.prefix = s->heartbeat_prefix;
    if (s->heartbeat_topic)
        buf_str(out, s->heartbeat_topic);
    else
        topic_name_of(out, &as_prefix, s->prefix);
}

struct plan *
plan_new_event(const struct settings *s, enum plan_kind kind)
{
    struct plan *p = plan_alloc(s, kind);
    struct buf topic;

    buf_init(&topic, 4096);
    switch (kind) {
    case PLAN_TABLE:
        break;
    case PLAN_MESSAGE:
        buf_printf(&topic, "%s.message", s->prefix); /* a point, whatever topic.delimiter says */
        p->key_schema = envelope_message_key_schema();
        p->envelope_schema = envelope_message_schema_new(&p->arena, s);
        break;
    case PLAN_TRANSACTION:
        topic_name_of(&topic, s, s->transaction_topic);
        p->key_schema = envelope_parts(s)->transaction_key;
        p->envelope_schema = envelope_parts(s)->transaction_value;
        break;
    case PLAN_HEARTBEAT:
        plan_heartbeat_topic(s, &topic);
        p->key_schema = envelope_parts(s)->heartbeat_key;
        p->envelope_schema = envelope_parts(s)->heartbeat_value;
        break;
    case PLAN_NOTIFICATION:
        buf_str(&topic, s->notification_topic);
        p->key_schema = envelope_parts(s)->notification_key;
        p->envelope_schema = envelope_parts(s)->notification_value;
        break;
    }
    p->topic = arena_strdup(&p->arena, buf_cstr(&topic));
    buf_free(&topic);
    return p;
}
