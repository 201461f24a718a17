#include "decoder/node.h"

#include "base/json.h"
#include "base/num.h"

const struct schema node_string_required = {.type = SCHEMA_STRING};
const struct schema node_string_optional = {.type = SCHEMA_STRING, .optional = true};
const struct schema node_int32_required = {.type = SCHEMA_INT32};
const struct schema node_int32_optional = {.type = SCHEMA_INT32, .optional = true};
const struct schema node_int64_required = {.type = SCHEMA_INT64};
const struct schema node_int64_optional = {.type = SCHEMA_INT64, .optional = true};

/* A constant of a record's own making is a name, a word or a number; a topic at most. */
enum { NODE_TEXT_MAX = 1 << 20 };

static struct node *
node_new(struct arena *a, enum node_kind kind, const struct schema *schema)
{
    struct node *n = arena_alloc(a, sizeof(*n));

    n->kind = kind;
    n->schema = schema;
    return n;
}

const struct node *
node_null(struct arena *a, const struct schema *schema)
{
    return node_new(a, NODE_NULL, schema);
}

const struct node *
node_json(struct arena *a, const struct schema *schema, struct slice json)
{
    struct node *n = node_new(a, NODE_TEXT, schema);

    n->text = arena_slice(a, json);
    return n;
}

const struct node *
node_string(struct arena *a, const struct schema *schema, struct slice text)
{
    const struct node *n;
    struct buf b;

    buf_init(&b, NODE_TEXT_MAX);
    json_str(&b, text);
    n = node_json(a, schema, buf_view(&b));
    buf_free(&b);
    return n;
}

const struct node *
node_int(struct arena *a, const struct schema *schema, int64_t v)
{
    struct buf b;
    const struct node *n;

    buf_init(&b, 64);
    num_add_i64(&b, v);
    n = node_json(a, schema, buf_view(&b));
    buf_free(&b);
    return n;
}

const struct node *
node_computed(struct arena *a, const struct schema *schema, enum node_field f)
{
    struct node *n = node_new(a, NODE_FIELD, schema);

    n->field = f;
    return n;
}

const struct node *
node_column(struct arena *a, const struct plan_field *f, bool old, bool numeric)
{
    struct node *n = node_new(a, NODE_COLUMN, f->value.schema);
    const struct schema *schema = f->value.schema;

    n->column = f;
    n->old = old;
    n->numeric = numeric;
    /* The default of an optional column is the format's business; any other replacement is the column's value (a mask, what a
     * NOT NULL column says). */
    if (!slice_is(f->value.null_json, "null") &&
        (!schema->optional || !slice_eq(f->value.null_json, schema->def)))
        n->null_text = f->value.null_json;
    return n;
}

const struct node *
node_calling(struct arena *a, const struct schema *schema, node_call call, const struct node *in,
             const void *arg)
{
    struct node *n = node_new(a, NODE_CALL, schema);

    n->call = call;
    n->in = in;
    n->arg = arg;
    n->numeric = in && in->numeric;
    return n;
}

const struct node *
node_with_schema(struct arena *a, const struct node *n, const struct schema *schema)
{
    struct node *copy = node_new(a, n->kind, schema);

    *copy = *n;
    copy->schema = schema;
    copy->whole_source = false;
    return copy;
}

const struct node *
node_or_default(struct arena *a, const struct node *n)
{
    struct node *copy;

    if (!n->schema || n->schema->def.n == 0 || n->null_text.p || n->kind == NODE_TEXT ||
        n->kind == NODE_STRUCT)
        return n;
    copy = node_new(a, n->kind, n->schema);
    *copy = *n;
    if (n->kind == NODE_NULL) {
        copy->kind = NODE_TEXT;
        copy->text = n->schema->def;
    } else {
        copy->null_text = n->schema->def;
    }
    return copy;
}

int
node_find(const struct node *n, struct slice name)
{
    if (n->kind != NODE_STRUCT)
        return -1;
    for (size_t i = 0; i < n->schema->nfields; i++)
        if (slice_eq(n->schema->fields[i].name, name))
            return (int)i;
    return -1;
}

const struct node *
node_member(const struct node *n, struct slice name)
{
    int i = node_find(n, name);

    return i < 0 ? NULL : n->members[i];
}

bool
node_is_constant(const struct node *n)
{
    return n->kind == NODE_NULL || n->kind == NODE_TEXT;
}

/* ------------------------------------------------------------------------------------------ schemas and structs */

struct schema *
node_basics(struct arena *a, const struct schema *like)
{
    struct schema *s = arena_alloc(a, sizeof(*s));

    *s = *like;
    s->optional = false;
    s->def = (struct slice){NULL, 0};
    return s;
}

const struct schema *
node_optional(struct arena *a, const struct schema *like)
{
    struct schema *s;

    if (like->optional)
        return like;
    s = arena_alloc(a, sizeof(*s));
    *s = *like;
    s->optional = true;
    return s;
}

void
node_build(struct node_builder *b, struct arena *a, const struct schema *like)
{
    *b = (struct node_builder){.a = a};
    b->schema = arena_alloc(a, sizeof(*b->schema));
    b->schema->type = SCHEMA_STRUCT;
    if (!like)
        return;
    b->schema->name = like->name;
    b->schema->version = like->version;
    b->schema->doc = like->doc;
    b->schema->params = like->params;
    b->schema->nparams = like->nparams;
}

static void
node_builder_grow(struct node_builder *b)
{
    size_t cap = b->cap ? b->cap * 2 : 16;
    struct schema_field *fields = arena_alloc(b->a, cap * sizeof(*fields));
    const struct node **members = arena_alloc(b->a, cap * sizeof(struct node *));

    if (b->n) {
        memcpy(fields, b->fields, b->n * sizeof(*fields));
        memcpy(members, b->members, b->n * sizeof(struct node *));
    }
    b->fields = fields;
    b->members = members;
    b->cap = cap;
}

void
node_add(struct node_builder *b, struct slice name, const struct node *member)
{
    for (size_t i = 0; i < b->n && !b->twice; i++)
        if (slice_eq(b->fields[i].name, name))
            b->twice = arena_strndup(b->a, name.p, name.n);
    if (b->n == b->cap)
        node_builder_grow(b);
    b->fields[b->n] = (struct schema_field){name, member->schema};
    b->members[b->n++] = member;
}

const struct node *
node_built(struct node_builder *b)
{
    struct node *n = node_new(b->a, NODE_STRUCT, b->schema);

    if (!b->cap)
        node_builder_grow(b);
    b->schema->fields = b->fields;
    b->schema->nfields = b->n;
    n->members = b->members;
    n->bare = b->bare;
    return n;
}
