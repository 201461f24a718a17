/*
 * Debezium's ExtractNewRecordState: the row instead of the envelope.
 *
 *   the row before and after      what comes of it
 *   null      a row               the row, with add.fields; the rewriting modes add __deleted=false
 *   a row     null                by delete.tombstone.handling.mode: nothing; a null of the row's schema; a tombstone; the row
 *                                 before with __deleted=true
 *   null      null (truncate)     nothing
 *   a tombstone                   nothing, but rewrite-with-tombstone keeps it
 *
 * Records that are no envelopes pass as they are.
 */
#include <strings.h>

#include "decoder/smt_priv.h"

enum state_mode {
    STATE_DROP,
    STATE_TOMBSTONE,
    STATE_REWRITE,
    STATE_REWRITE_WITH_TOMBSTONE,
    STATE_DELETE_TO_TOMBSTONE,
};

/* "source.lsn:position": which field, and what it is called. */
struct state_field {
    struct slice in; /* n 0: the envelope itself */
    struct slice name;
    const char *as;
};

struct state {
    enum state_mode mode;
    bool keep_tombstones, replace_null;
    size_t nfields, nheaders;
    struct state_field *fields, *headers;
    const char *route_by, *drop_header;
    bool drop_from_key, drop_compatible;
};

/* ------------------------------------------------------------------------------------------------------ reading */

/* clang-format off */
static const struct prop state_rows[] = {
    {.name = "delete.tombstone.handling.mode", .type = PROP_ENUM, .def = "tombstone",
     .choices = "drop,tombstone,rewrite,rewrite-with-tombstone,delete-to-tombstone", .importance = PROP_MEDIUM,
     .doc = "What becomes of a delete and of its tombstone. drop: neither is there; tombstone: a null of the row's schema "
            "in place of the delete; delete-to-tombstone: a tombstone in its place; rewrite: the row before with "
            "__deleted=true; rewrite-with-tombstone: the same, and the tombstone."},
    {.name = "delete.handling.mode", .type = PROP_ENUM, .def = "drop", .choices = "none,drop,rewrite", .importance = PROP_LOW,
     .doc = "The older form, with drop.tombstones: none lets the delete pass as a null, drop leaves it out, rewrite is "
            "that of today. Counts when delete.tombstone.handling.mode is not given."},
    {.name = "drop.tombstones", .type = PROP_BOOL, .def = "true", .importance = PROP_LOW,
     .doc = "The older form, with delete.handling.mode: false keeps tombstones."},
    {.name = "add.fields", .type = PROP_LIST, .importance = PROP_LOW,
     .doc = "Fields of the envelope to add to the row: op, ts_ms, lsn, source.ts_ms, transaction.id, ... A bare name that "
            "is none of the envelope's own is looked for in source. name:other gives it another name."},
    {.name = "add.fields.prefix", .type = PROP_STRING, .def = "__", .importance = PROP_LOW,
     .doc = "What added fields' names begin with."},
    {.name = "add.headers", .type = PROP_LIST, .importance = PROP_LOW,
     .doc = "The same as headers of the record."},
    {.name = "add.headers.prefix", .type = PROP_STRING, .def = "__", .importance = PROP_LOW,
     .doc = "What added headers' names begin with."},
    {.name = "route.by.field", .type = PROP_STRING, .importance = PROP_LOW,
     .doc = "A text column whose value becomes the topic."},
    {.name = "drop.fields.header.name", .type = PROP_STRING, .importance = PROP_LOW,
     .doc = "A header that lists fields to leave out, as ExtractChangedRecordState makes it."},
    {.name = "drop.fields.from.key", .type = PROP_BOOL, .def = "false", .importance = PROP_LOW,
     .doc = "Leaves those fields out of the key too."},
    {.name = "drop.fields.keep.schema.compatible", .type = PROP_BOOL, .def = "true", .importance = PROP_LOW,
     .doc = "Leaves out only fields that may be null."},
    {.name = "replace.null.with.default", .type = PROP_BOOL, .def = "true", .importance = PROP_LOW,
     .doc = "With a rewriting mode: writes a column's default in place of a null."},
};
/* clang-format on */
static const struct prop_table state_props = {state_rows, sizeof(state_rows) / sizeof(*state_rows)};

static struct slice
state_struct_of(struct slice bare)
{
    static const char *const own[] = {"op", "ts_ms", "ts_us", "ts_ns"};
    static const char *const block[] = {"id", "total_order", "data_collection_order"};

    for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
        if (slice_is(bare, own[i]))
            return (struct slice){NULL, 0};
    for (size_t i = 0; i < sizeof(block) / sizeof(*block); i++)
        if (slice_is(bare, block[i]))
            return SLICE_LIT("transaction");
    return SLICE_LIT("source");
}

static bool
state_read_field(struct smt_init *in, struct slice item, const char *prefix,
                 struct state_field *out)
{
    const char *colon = memchr(item.p, ':', item.n);
    struct slice path = {item.p, colon ? (size_t)(colon - item.p) : item.n};
    struct slice alias = {colon ? colon + 1 : NULL, colon ? item.n - path.n - 1 : 0};
    const char *dot = memchr(path.p, '.', path.n);

    if (colon && (alias.n == 0 || memchr(alias.p, ':', alias.n)))
        return err_set(in->e, ERR_CONFIG, "config.value",
                       "\"%.*s\" is no field; allowed are name, struct.name and either with :other",
                       SLICE_ARG(item));
    out->name = path;
    if (dot) {
        const char *second = memchr(dot + 1, '.', path.n - (size_t)(dot + 1 - path.p));

        out->in = (struct slice){path.p, (size_t)(dot - path.p)};
        out->name =
            (struct slice){dot + 1, (size_t)((second ? second : path.p + path.n) - dot - 1)};
    } else {
        out->in = state_struct_of(path);
    }
    if (colon)
        out->as = arena_printf(in->a, "%s%.*s", prefix, SLICE_ARG(alias));
    else if (dot)
        out->as =
            arena_printf(in->a, "%s%.*s_%.*s", prefix, SLICE_ARG(out->in), SLICE_ARG(out->name));
    else
        out->as = arena_printf(in->a, "%s%.*s", prefix, SLICE_ARG(out->name));
    return true;
}

static bool
state_read_fields(struct smt_init *in, const char *property, const char *prefix_property,
                  struct state_field **out, size_t *n)
{
    struct smt_list list = smt_read_list(in, property);
    const char *prefix = config_str(in->c, prefix_property);

    *out = arena_alloc(in->a, (list.n + 1) * sizeof(**out));
    for (*n = 0; *n < list.n; (*n)++)
        if (!state_read_field(in, list.v[*n], prefix, &(*out)[*n]))
            return err_wrap(in->e, "%s", property);
    return true;
}

/* The names before Debezium 3.2 counted on their own: what becomes of a delete, and whether tombstones pass. */
static void
state_read_mode(struct smt_init *in, struct state *s)
{
    static const enum state_mode old[] = {STATE_TOMBSTONE, STATE_DROP, STATE_REWRITE};

    if (config_given(in->c, "delete.tombstone.handling.mode") ||
        (!config_given(in->c, "delete.handling.mode") && !config_given(in->c, "drop.tombstones"))) {
        s->mode = (enum state_mode)config_enum(in->c, "delete.tombstone.handling.mode");
        s->keep_tombstones = s->mode == STATE_REWRITE_WITH_TOMBSTONE;
        return;
    }
    s->mode = old[config_enum(in->c, "delete.handling.mode")];
    s->keep_tombstones = !config_bool(in->c, "drop.tombstones");
}

static bool
state_init(struct smt_init *in)
{
    struct state *s = in->setup;

    state_read_mode(in, s);
    s->replace_null = config_bool(in->c, "replace.null.with.default");
    s->route_by = smt_read_string(in, "route.by.field");
    s->drop_header = smt_read_string(in, "drop.fields.header.name");
    s->drop_from_key = config_bool(in->c, "drop.fields.from.key");
    s->drop_compatible = config_bool(in->c, "drop.fields.keep.schema.compatible");
    return state_read_fields(in, "add.fields", "add.fields.prefix", &s->fields, &s->nfields) &&
           state_read_fields(in, "add.headers", "add.headers.prefix", &s->headers, &s->nheaders);
}

/* ----------------------------------------------------------------------------------------------- added fields */

/* The schema that an envelope's struct has, whether it is there or not. */
static const struct schema *
state_schema_in(const struct schema *s, struct slice name)
{
    for (size_t i = 0; s && s->type == SCHEMA_STRUCT && i < s->nfields; i++)
        if (slice_eq(s->fields[i].name, name))
            return s->fields[i].schema;
    return NULL;
}

/* What a reference stands for in this envelope; *out NULL: nothing, and it is passed over. */
static enum smt_result
state_find(struct smt_run *run, const struct node *envelope, const struct state_field *f,
           const struct node **out)
{
    const struct node *parent = f->in.n ? node_member(envelope, f->in) : envelope;
    const struct schema *in = f->in.n ? state_schema_in(envelope->schema, f->in) : envelope->schema;
    const struct schema *schema;

    *out = NULL;
    if (!in)
        return smt_fail(run, "the envelope has no \"%.*s\" to add fields of", SLICE_ARG(f->in));
    schema = state_schema_in(in, f->name);
    if (!schema) {
        parent = envelope;
        schema = state_schema_in(envelope->schema, f->name);
    }
    if (!schema)
        return SMT_OK;
    if (schema->type == SCHEMA_STRUCT)
        return smt_fail(run, "\"%.*s\" is a struct; add its fields one by one", SLICE_ARG(f->name));
    schema = node_optional(run->draft->arena, node_basics(run->draft->arena, schema));
    *out = parent && parent->kind == NODE_STRUCT
               ? node_with_schema(run->draft->arena, node_member(parent, f->name), schema)
               : node_null(run->draft->arena, schema);
    return SMT_OK;
}

static enum smt_result
state_add_headers(const struct state *s, struct smt_run *run)
{
    struct draft *d = run->draft;

    for (size_t i = 0; i < s->nheaders; i++) {
        const struct node *n = NULL;
        enum smt_result r = SMT_OK;

        if (d->value->kind == NODE_STRUCT)
            r = state_find(run, d->value, &s->headers[i], &n);
        else if (slice_is(s->headers[i].name, "op"))
            n = node_string(d->arena, &node_string_required, SLICE_LIT("d"));
        if (r != SMT_OK)
            return r;
        if (n)
            draft_add_header_in_place(d, s->headers[i].as, n);
    }
    return SMT_OK;
}

static enum smt_result
state_add_fields(const struct state *s, struct smt_run *run, const struct node *envelope)
{
    const struct node *value = run->draft->value;
    struct node_builder b;

    smt_copy_struct(&b, run, value, false, NULL);
    for (size_t i = 0; i < s->nfields; i++) {
        const struct node *n;
        enum smt_result r = state_find(run, envelope, &s->fields[i], &n);

        if (r != SMT_OK)
            return r;
        if (n)
            node_add(&b, slice_of(s->fields[i].as), n);
    }
    return smt_built(run, &b, &run->draft->value);
}

/* -------------------------------------------------------------------------------------------- dropped fields */

/* ["a","b"] */
static struct smt_list
state_read_names(struct smt_run *run, const struct smt_value *v)
{
    struct smt_list l = {0};

    l.v = arena_alloc(run->draft->arena, (v->json.n / 3 + 1) * sizeof(*l.v));
    for (size_t i = 0; i < v->json.n; i++) {
        size_t from = i;

        if (v->json.p[i] != '"')
            continue;
        while (v->json.p[++i] != '"')
            i += v->json.p[i] == '\\';
        l.v[l.n++] = smt_text_of(run, &(struct smt_value){{v->json.p + from, i + 1 - from}, false});
    }
    return l;
}

static enum smt_result
state_drop_of(const struct state *s, struct smt_run *run, const struct smt_list *names,
              const struct node **side)
{
    const struct node *n = *side;
    struct smt_list drop = {arena_alloc(run->draft->arena, (names->n + 1) * sizeof(*drop.v)), 0};
    struct node_builder b;

    if (n->kind != NODE_STRUCT)
        return n->kind == NODE_NULL ? SMT_OK : smt_struct(run, n, "dropping fields");
    for (size_t i = 0; i < names->n; i++) {
        int at = node_find(n, names->v[i]);

        if (!s->drop_compatible || (at >= 0 && n->schema->fields[at].schema->optional))
            drop.v[drop.n++] = names->v[i];
    }
    if (drop.n == 0)
        return SMT_OK;
    smt_copy_struct(&b, run, n, true, &drop);
    return smt_built(run, &b, side);
}

static enum smt_result
state_drop_fields(const struct state *s, struct smt_run *run)
{
    const struct node *header = s->drop_header ? draft_header(run->draft, s->drop_header) : NULL;
    struct smt_value v;
    struct smt_list names;
    enum smt_result r = SMT_OK;

    if (!header)
        return SMT_OK;
    if (!smt_known(run, header, &v))
        return SMT_NEED;
    if (v.null)
        return SMT_OK;
    names = state_read_names(run, &v);
    if (s->drop_from_key)
        r = state_drop_of(s, run, &names, &run->draft->key);
    return r == SMT_OK ? state_drop_of(s, run, &names, &run->draft->value) : r;
}

/* -------------------------------------------------------------------------------------------------- applying */

static enum smt_result
state_route(const struct state *s, struct smt_run *run, const struct node *row)
{
    const struct node *n = s->route_by ? node_member(row, slice_of(s->route_by)) : NULL;
    struct smt_value v;
    struct slice topic;

    if (!s->route_by)
        return SMT_OK;
    if (!n || !n->schema || n->schema->type != SCHEMA_STRING)
        return smt_fail(run, "the row has no text column \"%s\" to route by", s->route_by);
    if (!smt_known(run, n, &v))
        return SMT_NEED;
    topic = smt_text_of(run, &v);
    for (size_t i = 0; i < topic.n && !v.null; i++)
        if ((unsigned char)topic.p[i] > ' ')
            return smt_set_topic(run, topic);
    return SMT_OK;
}

/* The row with "__deleted". */
static enum smt_result
state_rewrite(const struct state *s, struct smt_run *run, const struct node *row,
              const char *deleted)
{
    struct node_builder b;

    smt_copy_struct(&b, run, row, s->replace_null, NULL);
    node_add(&b, SLICE_LIT("__deleted"),
             node_string(run->draft->arena, &node_string_optional, slice_of(deleted)));
    return smt_built(run, &b, &run->draft->value);
}

static enum smt_result
state_apply_delete(const struct state *s, struct smt_run *run, const struct node *before,
                   const struct node *after)
{
    struct draft *d = run->draft;
    const struct node *envelope = d->value;
    enum smt_result r = SMT_OK;

    switch (s->mode) {
    case STATE_DROP:
        return SMT_DROP;
    case STATE_TOMBSTONE:
        d->value = after;
        break;
    case STATE_DELETE_TO_TOMBSTONE:
        d->value = node_null(d->arena, NULL);
        break;
    case STATE_REWRITE:
    case STATE_REWRITE_WITH_TOMBSTONE:
        r = state_rewrite(s, run, before, "true");
        break;
    }
    if (r == SMT_OK)
        r = state_route(s, run, before);
    if (r == SMT_OK)
        r = state_drop_fields(s, run);
    if (r == SMT_OK && d->value->kind == NODE_STRUCT)
        r = state_add_fields(s, run, envelope);
    return r;
}

static enum smt_result
state_apply_row(const struct state *s, struct smt_run *run, const struct node *after)
{
    const struct node *envelope = run->draft->value;
    enum smt_result r = SMT_OK;

    run->draft->value = after;
    if (s->mode == STATE_REWRITE || s->mode == STATE_REWRITE_WITH_TOMBSTONE)
        r = state_rewrite(s, run, after, "false");
    if (r == SMT_OK)
        r = state_route(s, run, run->draft->value);
    if (r == SMT_OK)
        r = state_add_fields(s, run, envelope);
    return r == SMT_OK ? state_drop_fields(s, run) : r;
}

static enum smt_result
state_apply(const struct smt *t, struct smt_run *run)
{
    const struct state *s = t->setup;
    struct draft *d = run->draft;
    const struct node *before, *after;
    enum smt_result r;
    bool tombstone, envelope = draft_is_envelope(d);

    if (!smt_known_null(run, d->value, &tombstone))
        return SMT_NEED;
    if ((envelope || tombstone) && (r = state_add_headers(s, run)) != SMT_OK)
        return r;
    if (tombstone)
        return s->keep_tombstones ? SMT_OK : SMT_DROP;
    if (!envelope)
        return SMT_OK;
    if ((r = smt_struct(run, d->value, "an envelope")) != SMT_OK)
        return r;
    after = node_member(d->value, SLICE_LIT("after"));
    before = node_member(d->value, SLICE_LIT("before"));
    if (!after || !before)
        return smt_fail(run, "the envelope lacks \"%s\"", after ? "before" : "after");
    if (!node_is_null(after))
        return state_apply_row(s, run, after);
    return node_is_null(before) ? SMT_DROP : state_apply_delete(s, run, before, after);
}

const struct smt_type smt_type_extract_state = {
    .name = "io.debezium.transforms.ExtractNewRecordState",
    .props = &state_props,
    .size = sizeof(struct state),
    .init = state_init,
    .apply = state_apply,
    .doc = "The row instead of Debezium's envelope.",
};
