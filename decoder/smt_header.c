/* Headers: Kafka's InsertHeader, DropHeaders and HeaderFrom, Debezium's HeaderToValue. */
#include <string.h>

#include "base/num.h"
#include "decoder/smt_number.h"
#include "decoder/smt_priv.h"

static const struct schema header_boolean = {.type = SCHEMA_BOOLEAN};
static const struct schema header_float = {.type = SCHEMA_FLOAT32};

/* ------------------------------------------------------------------------------------------------ InsertHeader */

struct insert_header {
    const char *name;
    const struct node *value;
};

/* clang-format off */
static const struct prop insert_rows[] = {
    {.name = "header", .type = PROP_STRING, .importance = PROP_HIGH, .flags = PROP_REQUIRED, .doc = "Name of the header."},
    {.name = "value.literal", .type = PROP_STRING, .importance = PROP_HIGH, .flags = PROP_REQUIRED,
     .doc = "Its value. What looks like a number, true, false or null is one, as in Kafka Connect."},
};
/* clang-format on */
static const struct prop_table insert_props = SMT_PROPS(insert_rows);

/* As org.apache.kafka.connect.data.Values.parseString reads a literal. */
static const struct node *
insert_literal(struct arena *a, struct slice text)
{
    const struct node *n = NULL;
    int64_t whole;
    double number;
    struct buf b;

    if (slice_is(text, "null"))
        return node_null(a, NULL);
    if (slice_is(text, "true") || slice_is(text, "false"))
        return node_json(a, &header_boolean, text);
    if (num_parse_i64(text, &whole))
        return node_int(a, &node_int64_required, whole);
    buf_init(&b, 64);
    if (smt_parse_plain_number(text, &number)) {
        smt_put_float(&b, number, true);
        n = node_json(a, &header_float, buf_view(&b));
    }
    buf_free(&b);
    return n ? n : node_string(a, &node_string_required, text);
}

static bool
insert_init(struct smt_init *in)
{
    struct insert_header *s = in->setup;

    s->name = arena_strdup(in->a, config_str(in->c, "header"));
    s->value = insert_literal(in->a, slice_of(config_str(in->c, "value.literal")));
    return true;
}

static enum smt_result
insert_apply(const struct smt *t, struct smt_run *run)
{
    const struct insert_header *s = t->setup;

    draft_add_header(run->draft, s->name, s->value);
    return SMT_OK;
}

const struct smt_type smt_type_insert_header = {
    .name = KAFKA_SMT("InsertHeader"),
    .props = &insert_props,
    .size = sizeof(struct insert_header),
    .init = insert_init,
    .apply = insert_apply,
    .doc = "A header that is the same on all records.",
};

/* ------------------------------------------------------------------------------------------------- DropHeaders */

struct drop_headers {
    struct smt_list names;
};

static const struct prop drop_rows[] = {
    {.name = "headers",
     .type = PROP_LIST,
     .importance = PROP_HIGH,
     .flags = PROP_REQUIRED,
     .doc = "Names of the headers to leave out."},
};
static const struct prop_table drop_props = SMT_PROPS(drop_rows);

static bool
drop_init(struct smt_init *in)
{
    ((struct drop_headers *)in->setup)->names = smt_read_list(in, "headers");
    return true;
}

static void
headers_drop(struct draft *d, const struct smt_list *names)
{
    size_t n = 0;

    for (size_t i = 0; i < d->nheaders; i++)
        if (!smt_list_has(names, slice_of(d->headers[i].name)))
            d->headers[n++] = d->headers[i];
    d->nheaders = n;
}

static enum smt_result
drop_apply(const struct smt *t, struct smt_run *run)
{
    headers_drop(run->draft, &((const struct drop_headers *)t->setup)->names);
    return SMT_OK;
}

const struct smt_type smt_type_drop_headers = {
    .name = KAFKA_SMT("DropHeaders"),
    .props = &drop_props,
    .size = sizeof(struct drop_headers),
    .init = drop_init,
    .apply = drop_apply,
    .doc = "Headers left out.",
};

/* -------------------------------------------------------------------------------------------------- HeaderFrom */

struct moving {
    struct smt_list fields, headers;
    bool move, replace_null;
};

/* clang-format off */
static const struct prop from_rows[] = {
    {.name = "fields", .type = PROP_LIST, .importance = PROP_HIGH, .flags = PROP_REQUIRED, .doc = "Fields whose values become headers."},
    {.name = "headers", .type = PROP_LIST, .importance = PROP_HIGH, .flags = PROP_REQUIRED, .doc = "Names of the headers, in the same order."},
    {.name = "operation", .type = PROP_ENUM, .choices = "move,copy", .importance = PROP_HIGH, .flags = PROP_REQUIRED,
     .doc = "move takes the fields away, copy leaves them."},
    SMT_REPLACE_NULL_ROW,
};
static const struct prop to_rows[] = {
    {.name = "headers", .type = PROP_LIST, .importance = PROP_HIGH, .flags = PROP_REQUIRED, .doc = "Headers whose values become fields."},
    {.name = "fields", .type = PROP_LIST, .importance = PROP_HIGH, .flags = PROP_REQUIRED,
     .doc = "Names of the fields, in the same order; a.b is field b of struct a."},
    {.name = "operation", .type = PROP_ENUM, .choices = "move,copy", .importance = PROP_HIGH, .flags = PROP_REQUIRED,
     .doc = "move takes the headers away, copy leaves them."},
};
/* clang-format on */
static const struct prop_table from_props = SMT_PROPS(from_rows);
static const struct prop_table to_props = SMT_PROPS(to_rows);

static bool
moving_read(struct smt_init *in)
{
    struct moving *s = in->setup;

    s->fields = smt_read_list(in, "fields");
    s->headers = smt_read_list(in, "headers");
    s->move = config_enum(in->c, "operation") == 0;
    if (s->fields.n != s->headers.n)
        return err_set(in->e, ERR_CONFIG, "config.value",
                       "fields has %zu names and headers has %zu; they go in pairs", s->fields.n,
                       s->headers.n);
    return true;
}

static bool
from_init(struct smt_init *in)
{
    ((struct moving *)in->setup)->replace_null = config_bool(in->c, "replace.null.with.default");
    return moving_read(in);
}

static enum smt_result
from_apply(const struct smt *t, struct smt_run *run)
{
    const struct moving *s = t->setup;
    struct draft *d = run->draft;
    const struct node *n = smt_operand(t, run), *left;
    struct node_builder b;
    enum smt_result r = smt_struct(run, n, s->move ? "header move" : "header copy");

    for (size_t i = 0; r == SMT_OK && i < s->fields.n; i++) {
        const struct node *m = node_member(n, s->fields.v[i]);

        if (!m && !n->bare)
            return smt_fail(run, "unknown field \"%.*s\"", SLICE_ARG(s->fields.v[i]));
        if (!m)
            m = node_null(d->arena, NULL);
        draft_add_header(d, s->headers.v[i].p, s->replace_null ? node_or_default(d->arena, m) : m);
    }
    if (r != SMT_OK || !s->move)
        return r;
    smt_copy_struct(&b, run, n, s->replace_null, &s->fields);
    r = smt_built(run, &b, &left);
    if (r == SMT_OK)
        smt_put(t, run, left);
    return r;
}

const struct smt_type smt_type_header_from = {
    .name = KAFKA_SMT("HeaderFrom"),
    .side = SMT_SIDES,
    .props = &from_props,
    .size = sizeof(struct moving),
    .init = from_init,
    .apply = from_apply,
    .doc = "Fields as headers.",
};

/* ----------------------------------------------------------------------------------------------- HeaderToValue */

static bool
to_init(struct smt_init *in)
{
    return moving_read(in);
}

static enum smt_result to_add(struct smt_run *run, const struct node *n, struct slice path,
                              const struct node *value, const struct node **out);

/* A null struct stays null, but its schema has the field. */
static enum smt_result
to_add_schema(struct smt_run *run, const struct node *n, struct slice path,
              const struct node *value, const struct node **out)
{
    struct arena *a = run->draft->arena;
    struct node_builder b;
    enum smt_result r;

    node_build(&b, a, n->schema);
    for (size_t i = 0; i < n->schema->nfields; i++)
        node_add(&b, n->schema->fields[i].name, node_null(a, n->schema->fields[i].schema));
    r = to_add(run, node_built(&b), path, value, out);
    if (r == SMT_OK)
        *out = node_null(a, (*out)->schema);
    return r;
}

/* The struct with `path` added, inside of the structs that it names. */
static enum smt_result
to_add(struct smt_run *run, const struct node *n, struct slice path, const struct node *value,
       const struct node **out)
{
    struct arena *a = run->draft->arena;
    const char *dot = memchr(path.p, '.', path.n);
    struct slice name = {path.p, dot ? (size_t)(dot - path.p) : path.n};
    struct slice rest = {dot ? dot + 1 : NULL, dot ? path.n - name.n - 1 : 0};
    struct node_builder b;
    bool found = false;

    if (n->kind == NODE_NULL && n->schema && n->schema->type == SCHEMA_STRUCT)
        return to_add_schema(run, n, path, value, out);
    if (n->kind != NODE_STRUCT)
        return smt_fail(run, "\"%.*s\" is to be added to what is no struct", SLICE_ARG(path));
    node_build(&b, a, n->schema);
    for (size_t i = 0; i < n->schema->nfields; i++) {
        const struct node *m = node_or_default(a, n->members[i]);

        if (slice_eq(n->schema->fields[i].name, name)) {
            enum smt_result r = SMT_OK;

            found = true;
            if (dot)
                r = to_add(run, m, rest, value, &m);
            else
                m = node_with_schema(a, value, n->schema->fields[i].schema);
            if (r != SMT_OK)
                return r;
        }
        node_add(&b, n->schema->fields[i].name, m);
    }
    if (!found && dot) {
        struct node_builder inner;
        const struct node *fresh;

        node_build(&inner, a, NULL);
        inner.schema->optional = true;
        if (to_add(run, node_built(&inner), rest, value, &fresh) != SMT_OK)
            return SMT_FAIL;
        node_add(&b, name, node_with_schema(a, fresh, node_optional(a, fresh->schema)));
    } else if (!found) {
        node_add(&b, name, value);
    }
    return smt_built(run, &b, out);
}

static enum smt_result
to_apply(const struct smt *t, struct smt_run *run)
{
    const struct moving *s = t->setup;
    struct draft *d = run->draft;
    enum smt_result r = SMT_OK;
    bool found = false;

    if (d->value->kind == NODE_NULL)
        return SMT_OK;
    for (size_t i = 0; i < d->nheaders && r == SMT_OK; i++) {
        size_t k = 0;

        while (k < s->headers.n && !slice_is(s->headers.v[k], d->headers[i].name))
            k++;
        if (k == s->headers.n)
            continue;
        found = true;
        r = to_add(run, d->value, s->fields.v[k], d->headers[i].value, &d->value);
    }
    if (r == SMT_OK && found && s->move)
        headers_drop(d, &s->headers);
    return r;
}

const struct smt_type smt_type_header_to_value = {
    .name = "io.debezium.transforms.HeaderToValue",
    .props = &to_props,
    .size = sizeof(struct moving),
    .init = to_init,
    .apply = to_apply,
    .doc = "Headers as fields of the value.",
};
