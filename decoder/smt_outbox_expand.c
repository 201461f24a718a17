/*
 * The one place where records' values are parsed as JSON: a payload is read into a tree, for its schema and then for its
 * members in the schema's order. The schema's own text names it; that is what programs are told apart by.
 */
#include <jansson.h>
#include <stdint.h>

#include "base/json.h"
#include "base/num.h"
#include "decoder/node_text.h"
#include "decoder/schema.h"
#include "decoder/smt_number.h"
#include "decoder/smt_outbox.h"

enum {
    EXPAND_TEXT_MAX = 64 << 20,
    EXPAND_DEPTH_MAX = 200,
    EXPAND_MERGED_MAX =
        1 << 20, /* fields, over all objects of a list: their schemas grow by squares */
};

/* ------------------------------------------------------------------------------------ a value's schema */

static const struct schema expand_string = {.type = SCHEMA_STRING, .optional = true};
static const struct schema expand_boolean = {.type = SCHEMA_BOOLEAN, .optional = true};
static const struct schema expand_int32 = {.type = SCHEMA_INT32, .optional = true};
static const struct schema expand_int64 = {.type = SCHEMA_INT64, .optional = true};
static const struct schema expand_float64 = {.type = SCHEMA_FLOAT64, .optional = true};
static const struct schema expand_bytes = {.type = SCHEMA_BYTES, .optional = true};

struct expand {
    const struct outbox_expansion *x;
    struct arena *a;
    bool failed; /* a list whose members are of several kinds, or of too many */
    unsigned depth;
    size_t merged; /* fields of merged schemas so far */
};

/* NULL: the member is left out. key NULL: no name. */
static const struct schema *expand_schema(struct expand *k, const char *key, json_t *v);

static struct schema *
expand_new(struct expand *k, enum schema_type type)
{
    struct schema *s = arena_alloc(k->a, sizeof(*s));

    s->type = type;
    s->optional = true;
    return s;
}

static const struct schema *
expand_object(struct expand *k, const char *key, json_t *v)
{
    struct schema *s = expand_new(k, SCHEMA_STRUCT);
    struct schema_field *fields = arena_alloc(k->a, (json_object_size(v) + 1) * sizeof(*fields));
    const char *name;
    json_t *member;

    s->name = key;
    s->fields = fields;
    json_object_foreach(v, name, member)
    {
        const char *path =
            key && *key ? arena_printf(k->a, "%s.%s", key, name) : arena_strdup(k->a, name);
        const struct schema *fs = expand_schema(k, path, member);

        if (fs)
            fields[s->nfields++] = (struct schema_field){slice_of(arena_strdup(k->a, name)), fs};
    }
    return s;
}

static bool
expand_same(const struct schema *a, const struct schema *b)
{
    struct buf ta, tb;
    bool same;

    buf_init(&ta, EXPAND_TEXT_MAX);
    buf_init(&tb, EXPAND_TEXT_MAX);
    schema_write(&ta, a, (struct slice){NULL, 0});
    schema_write(&tb, b, (struct slice){NULL, 0});
    same = slice_eq(buf_view(&ta), buf_view(&tb));
    buf_free(&ta);
    buf_free(&tb);
    return same;
}

/* The fields of both; where they differ, what is known replaces optional bytes. */
static const struct schema *
expand_merge(struct expand *k, const struct schema *left, const struct schema *right)
{
    struct schema *s;
    struct schema_field *fields;

    /* What failed is not used any more, and may be incomplete. */
    if (!left || !right || k->failed)
        return left ? left : right;
    if (expand_same(left, right))
        return left;
    k->merged += (size_t)left->nfields + right->nfields;
    if (k->merged > EXPAND_MERGED_MAX) {
        k->failed = true;
        return left;
    }
    s = expand_new(k, SCHEMA_STRUCT);
    fields = arena_alloc(k->a, (left->nfields + right->nfields + 1) * sizeof(*fields));
    s->optional = false;
    s->name = left->name;
    s->fields = fields;
    for (size_t i = 0; i < left->nfields; i++)
        fields[s->nfields++] = left->fields[i];
    for (size_t i = 0; i < right->nfields; i++) {
        size_t at = 0;

        while (at < s->nfields && !slice_eq(fields[at].name, right->fields[i].name))
            at++;
        if (at == s->nfields)
            fields[s->nfields++] = right->fields[i];
        else if (fields[at].schema->type == SCHEMA_BYTES)
            fields[at] = right->fields[i];
    }
    return s;
}

/* One kind for all members that are not null; numbers of one type. */
static json_t *
expand_sample(struct expand *k, json_t *list)
{
    json_t *sample = NULL, *v;
    size_t i;

    json_array_foreach(list, i, v)
    {
        bool number = json_is_number(v);

        if (json_is_null(v))
            continue;
        if (!sample)
            sample = v;
        k->failed |= number != json_is_number(sample) ||
                     (!number && json_is_boolean(v) != json_is_boolean(sample)) ||
                     (!number && !json_is_boolean(v) && json_typeof(v) != json_typeof(sample)) ||
                     (number && expand_schema(k, NULL, v) != expand_schema(k, NULL, sample));
    }
    return sample;
}

static const struct schema *
expand_list(struct expand *k, const char *key, json_t *list)
{
    struct schema *s = expand_new(k, SCHEMA_ARRAY);
    json_t *sample = expand_sample(k, list), *v;
    size_t i;

    if (json_array_size(list) == 0)
        return NULL;
    if (json_is_object(sample)) {
        json_array_foreach(list, i, v)
        {
            if (json_is_object(v))
                s->items = expand_merge(k, s->items, expand_schema(k, key, v));
        }
    } else {
        s->items =
            sample ? expand_schema(k, NULL, sample) : (k->x->keep_nulls ? &expand_bytes : NULL);
    }
    k->failed |= s->items == NULL;
    return s;
}

static const struct schema *
expand_of_kind(struct expand *k, const char *key, json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_STRING:
        return &expand_string;
    case JSON_TRUE:
    case JSON_FALSE:
        return &expand_boolean;
    case JSON_INTEGER:
        return json_integer_value(v) == (int32_t)json_integer_value(v) ? &expand_int32
                                                                       : &expand_int64;
    case JSON_REAL:
        return &expand_float64;
    case JSON_ARRAY:
        return expand_list(k, key, v);
    case JSON_OBJECT:
        return expand_object(k, key, v);
    case JSON_NULL:
        break;
    }
    return k->x->keep_nulls ? &expand_bytes : NULL;
}

static const struct schema *
expand_schema(struct expand *k, const char *key, json_t *v)
{
    const struct schema *s;

    if (++k->depth > EXPAND_DEPTH_MAX)
        k->failed = true;
    s = k->failed ? NULL : expand_of_kind(k, key, v);
    k->depth--;
    return s;
}

/* -------------------------------------------------------------------------------------- from a schema's text */

static enum schema_type
expand_type_named(const char *name)
{
    for (int t = SCHEMA_BOOLEAN; t < SCHEMA_STRUCT; t++)
        if (strcmp(schema_type_name((enum schema_type)t), name) == 0)
            return (enum schema_type)t;
    return SCHEMA_STRUCT;
}

static const struct schema *
expand_read_schema(struct arena *a, json_t *v)
{
    struct schema *s = arena_alloc(a, sizeof(*s));
    json_t *list = json_object_get(v, "fields"), *items = json_object_get(v, "items"), *member;
    json_t *name = json_object_get(v, "name");
    struct schema_field *fields = arena_alloc(a, (json_array_size(list) + 1) * sizeof(*fields));
    size_t i;

    s->type = expand_type_named(json_string_value(json_object_get(v, "type")));
    s->optional = json_is_true(json_object_get(v, "optional"));
    s->name = name ? arena_strdup(a, json_string_value(name)) : NULL;
    s->items = items ? expand_read_schema(a, items) : NULL;
    s->fields = fields;
    json_array_foreach(list, i, member)
    {
        json_t *field = json_object_get(member, "field");

        fields[s->nfields++] = (struct schema_field){
            slice_of(arena_strdup(a, json_string_value(field))), expand_read_schema(a, member)};
    }
    return s;
}

/* ------------------------------------------------------------------------------------------------- a value's data */

static void
expand_write(const struct schema *s, json_t *v, struct buf *out)
{
    json_t *member;
    size_t i;

    if (!v || json_is_null(v)) {
        BUF_LIT(out, "null");
    } else if (json_is_string(v)) {
        json_str(out, (struct slice){json_string_value(v), json_string_length(v)});
    } else if (json_is_boolean(v)) {
        buf_str(out, json_is_true(v) ? "true" : "false");
    } else if (json_is_integer(v)) {
        num_add_i64(out, json_integer_value(v));
    } else if (json_is_real(v)) {
        smt_put_float(out, json_real_value(v), false);
    } else if (json_is_array(v)) {
        buf_putc(out, '[');
        json_array_foreach(v, i, member)
        {
            if (i)
                buf_putc(out, ',');
            expand_write(s->items, member, out);
        }
        buf_putc(out, ']');
    } else {
        buf_putc(out, '{');
        for (i = 0; i < s->nfields; i++) {
            char *name = strndup(s->fields[i].name.p, s->fields[i].name.n);

            if (i)
                buf_putc(out, ',');
            json_str(out, s->fields[i].name);
            buf_putc(out, ':');
            expand_write(s->fields[i].schema, json_object_get(v, name), out);
            free(name);
        }
        buf_putc(out, '}');
    }
}

/* The payload's text as a tree, if it is an object; NULL: it is not. */
static json_t *
expand_parse(struct slice json)
{
    struct buf text;
    json_t *v = NULL;

    buf_init(&text, 2 * json.n + 16);
    if (json.n && json.p[0] == '"')
        node_unquote(&text, json);
    if (text.n && text.p[0] == '{')
        v = json_loadb(text.p, text.n, JSON_ALLOW_NUL, NULL);
    buf_free(&text);
    if (v && !json_is_object(v)) {
        json_decref(v);
        v = NULL;
    }
    return v;
}

struct expand_arg {
    const struct outbox_expansion *x;
    const char *name;
};

/* The schema's text; empty: the payload is no object; null: it is null. */
static enum node_got
expand_call_schema(const struct node *n, struct node_run *run, struct buf *out)
{
    const struct expand_arg *arg = n->arg;
    struct slice json;
    struct arena arena;
    struct expand k = {.x = arg->x, .a = &arena};
    enum node_got got = node_input(n->in, run, &json);
    const struct schema *s;
    json_t *v;

    if (got != NODE_HAS_VALUE)
        return got;
    v = expand_parse(json);
    if (!v)
        return NODE_HAS_VALUE;
    arena_init(&arena);
    s = expand_schema(&k, arg->name, v);
    if (!k.failed)
        schema_write(out, s, (struct slice){NULL, 0});
    arena_free(&arena);
    json_decref(v);
    return NODE_HAS_VALUE;
}

/* Only the outbox's payload has a name. */
static enum smt_result
expand_no_text(struct smt_run *run, const struct node *payload, struct slice name)
{
    bool null = true;

    if (name.p && !smt_known_null(run, payload, &null))
        return SMT_NEED;
    if (!null)
        smt_say(run, false, "the payload is to be expanded and is no text");
    return SMT_OK;
}

static enum node_got
expand_call_data(const struct node *n, struct node_run *run, struct buf *out)
{
    struct slice json;
    enum node_got got = node_input(n->in, run, &json);
    json_t *v = got == NODE_HAS_VALUE ? expand_parse(json) : NULL;

    if (!v)
        return got;
    expand_write(n->schema, v, out);
    json_decref(v);
    return got;
}

enum smt_result
outbox_expand(const struct outbox_expansion *x, struct smt_run *run, const struct node *payload,
              struct slice name, const struct node **out)
{
    struct arena *a = run->draft->arena;
    struct expand_arg *arg = arena_alloc(a, sizeof(*arg));
    struct smt_value text;
    json_t *schema;

    *out = payload;
    if (!payload->schema || payload->schema->type != SCHEMA_STRING)
        return expand_no_text(run, payload, name);
    *arg = (struct expand_arg){x, name.p ? arena_strndup(a, name.p, name.n) : NULL};
    if (!smt_known(run, node_calling(a, NULL, expand_call_schema, payload, arg), &text))
        return SMT_NEED;
    if (text.null)
        return SMT_OK;
    if (text.json.n == 0) {
        if (name.p)
            smt_say(run, false,
                    "the payload is no JSON object that can be expanded; it stays text");
        return SMT_OK;
    }
    schema = json_loadb(text.json.p, text.json.n, 0, NULL);
    if (!schema)
        return smt_fail(run, "the payload's schema cannot be read back");
    *out = node_calling(a, expand_read_schema(a, schema), expand_call_data, payload, arg);
    json_decref(schema);
    return SMT_OK;
}

/* ------------------------------------------------------------------------- DecodeLogicalDecodingMessageContent */

struct decode_message {
    struct outbox_expansion expansion;
};

static const struct prop decode_rows[] = {
    {.name = "fields.null.include",
     .type = PROP_BOOL,
     .def = "false",
     .importance = PROP_LOW,
     .doc = "Members that are null become optional bytes; without it they are left out."},
};
static const struct prop_table decode_props = SMT_PROPS(decode_rows);

static bool
decode_init(struct smt_init *in)
{
    struct decode_message *s = in->setup;

    s->expansion.keep_nulls = config_bool(in->c, "fields.null.include");
    return true;
}

/* The content's bytes as a string. */
static enum node_got
decode_call_text(const struct node *n, struct node_run *run, struct buf *out)
{
    struct slice json;
    enum node_got got = node_input(n->in, run, &json);
    struct buf bytes;

    if (got != NODE_HAS_VALUE)
        return got;
    buf_init(&bytes, json.n + 16);
    node_unbase64(&bytes, json);
    json_str(out, buf_view(&bytes));
    buf_free(&bytes);
    return got;
}

/* The envelope without "message", as an insert of what the message says. */
static enum smt_result
decode_envelope(struct smt_run *run, const struct node *after)
{
    struct draft *d = run->draft;
    const struct node *value = d->value;
    struct node_builder b;

    node_build(&b, d->arena, NULL);
    b.schema->name = arena_printf(d->arena, "%s.Envelope", value->schema->name);
    for (size_t i = 0; i < value->schema->nfields; i++) {
        struct slice name = value->schema->fields[i].name;

        if (slice_is(name, "op"))
            node_add(&b, name, node_string(d->arena, value->members[i]->schema, SLICE_LIT("c")));
        else if (!slice_is(name, "message"))
            node_add(&b, name, node_or_default(d->arena, value->members[i]));
    }
    node_add(&b, SLICE_LIT("after"), after);
    d->key = node_null(d->arena, NULL);
    return smt_built(run, &b, &d->value);
}

static enum smt_result
decode_apply(const struct smt *t, struct smt_run *run)
{
    const struct decode_message *s = t->setup;
    struct draft *d = run->draft;
    const struct node *message, *content, *text, *after;
    enum smt_result r;

    if (!d->value->schema)
        return smt_fail(run,
                        "the record has no schema; give the transform a predicate that leaves "
                        "tombstones out");
    if (!d->value->schema->name || d->value->kind != NODE_STRUCT ||
        strcmp(d->value->schema->name, "io.debezium.connector.postgresql.MessageValue") != 0)
        return SMT_OK;
    message = node_member(d->value, SLICE_LIT("message"));
    content = message ? node_member(message, SLICE_LIT("content")) : NULL;
    if (!content || content->schema->type != SCHEMA_BYTES)
        return smt_fail(run, "the content is no bytes; binary.handling.mode must be bytes");
    text = node_calling(d->arena, &node_string_optional, decode_call_text, content, NULL);
    r = outbox_expand(&s->expansion, run, text, (struct slice){NULL, 0}, &after);
    if (r != SMT_OK)
        return r;
    if (after == text)
        return smt_fail(run, "the message's content is no JSON object");
    return decode_envelope(run, after);
}

const struct smt_type smt_type_decode_message = {
    .name = "io.debezium.connector.postgresql.transforms.DecodeLogicalDecodingMessageContent",
    .props = &decode_props,
    .size = sizeof(struct decode_message),
    .init = decode_init,
    .apply = decode_apply,
    .doc = "Logical messages that hold JSON as if they were inserted rows, for EventRouter.",
};
