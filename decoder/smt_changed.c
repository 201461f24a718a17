/* Debezium's ExtractChangedRecordState (which columns an update changed) and PartitionRouting (a partition by columns). */
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"
#include "decoder/murmur.h"
#include "decoder/node_text.h"
#include "decoder/smt_number.h"
#include "decoder/smt_priv.h"

/* ------------------------------------------------------------------------------------ ExtractChangedRecordState */

struct changed {
    const char *changed, *unchanged; /* headers; NULL: none */
};

/* clang-format off */
static const struct prop changed_rows[] = {
    {.name = "header.changed.name", .type = PROP_STRING, .importance = PROP_MEDIUM, .doc = "Header that lists the columns an update changed."},
    {.name = "header.unchanged.name", .type = PROP_STRING, .importance = PROP_MEDIUM, .doc = "Header that lists those it left as they were."},
};
/* clang-format on */
static const struct prop_table changed_props = SMT_PROPS(changed_rows);

static bool
changed_init(struct smt_init *in)
{
    struct changed *s = in->setup;

    s->changed = smt_read_string(in, "header.changed.name");
    s->unchanged = smt_read_string(in, "header.unchanged.name");
    return true;
}

/* Are both values the same? Compared as they are said. */
static bool
changed_same(const struct node *a, const struct node *b, struct node_run *run, bool *same)
{
    enum node_got ga, gb;
    struct buf ta, tb;

    buf_init(&ta, run->out->bytes.max);
    buf_init(&tb, run->out->bytes.max);
    ga = node_eval(a, run, &ta);
    gb = node_eval(b, run, &tb);
    *same = ga == gb && slice_eq(buf_view(&ta), buf_view(&tb));
    buf_free(&ta);
    buf_free(&tb);
    return ga != NODE_FAILED && gb != NODE_FAILED;
}

/* in: after, in2: before; arg: whether to list what changed or what did not. */
static enum node_got
changed_call(const struct node *n, struct node_run *run, struct buf *out)
{
    bool want = *(const bool *)n->arg, first = true;

    buf_putc(out, '[');
    for (size_t i = 0; i < n->in->schema->nfields; i++) {
        bool same;

        if (!changed_same(n->in->members[i], n->in2->members[i], run, &same))
            return NODE_FAILED;
        if (same == want)
            continue;
        if (!first)
            buf_putc(out, ',');
        first = false;
        json_str(out, n->in->schema->fields[i].name);
    }
    buf_putc(out, ']');
    return NODE_HAS_VALUE;
}

static void
changed_add(struct smt_run *run, const char *name, const struct node *after,
            const struct node *before, bool changed)
{
    static const bool wants[] = {false, true};
    struct arena *a = run->draft->arena;
    struct schema *schema = arena_alloc(a, sizeof(*schema));
    struct node *n;

    if (!name)
        return;
    *schema = (struct schema){
        .type = SCHEMA_ARRAY, .optional = true, .name = name, .items = &node_string_optional};
    if (after->kind != NODE_STRUCT || before->kind != NODE_STRUCT) {
        draft_add_header_in_place(run->draft, name, node_json(a, schema, SLICE_LIT("[]")));
        return;
    }
    n = arena_alloc(a, sizeof(*n));
    *n = (struct node){.kind = NODE_CALL,
                       .schema = schema,
                       .call = changed_call,
                       .in = after,
                       .in2 = before,
                       .arg = &wants[changed]};
    draft_add_header_in_place(run->draft, name, n);
}

static enum smt_result
changed_apply(const struct smt *t, struct smt_run *run)
{
    const struct changed *s = t->setup;
    const struct node *value = run->draft->value, *after, *before;

    if (value->kind != NODE_STRUCT || !draft_is_envelope(run->draft))
        return SMT_OK;
    after = node_member(value, SLICE_LIT("after"));
    before = node_member(value, SLICE_LIT("before"));
    if (!after || !before)
        return smt_fail(run, "the envelope lacks \"%s\"", after ? "before" : "after");
    changed_add(run, s->changed, after, before, true);
    changed_add(run, s->unchanged, after, before, false);
    return SMT_OK;
}

const struct smt_type smt_type_extract_changed = {
    .name = "io.debezium.transforms.ExtractChangedRecordState",
    .props = &changed_props,
    .size = sizeof(struct changed),
    .init = changed_init,
    .apply = changed_apply,
    .doc =
        "Headers that list the columns an update changed, and those it did not. The table needs "
        "REPLICA IDENTITY FULL.",
};

/* -------------------------------------------------------------------------------------------- PartitionRouting */

struct routing {
    struct smt_list fields;
    int partitions;
    bool murmur;
};

/* clang-format off */
static const struct prop routing_rows[] = {
    {.name = "partition.payload.fields", .type = PROP_LIST, .importance = PROP_HIGH, .flags = PROP_REQUIRED,
     .doc = "Fields of the envelope, as after.a, source.table or change.a, which is after.a, or before.a for deletes."},
    {.name = "partition.topic.num", .type = PROP_INT, .min = 1, .max = INT32_MAX, .importance = PROP_HIGH, .flags = PROP_REQUIRED,
     .doc = "Partitions of the topic."},
    {.name = "partition.hash.function", .type = PROP_ENUM, .def = "java", .choices = "java,murmur", .importance = PROP_LOW,
     .doc = "How the values make a number: as Java's hashCode, or as Debezium's MurmurHash3."},
};
/* clang-format on */
static const struct prop_table routing_props = SMT_PROPS(routing_rows);

static bool
routing_init(struct smt_init *in)
{
    struct routing *s = in->setup;

    s->fields = smt_read_list(in, "partition.payload.fields");
    s->partitions = (int)config_int(in->c, "partition.topic.num");
    s->murmur = config_enum(in->c, "partition.hash.function") == 1;
    return true;
}

/* String.hashCode, of UTF-16 units. */
static uint32_t
routing_hash_text(struct slice s)
{
    uint32_t h = 0;

    while (s.n) {
        uint32_t cp;
        size_t n = utf8_next(s, &cp);

        if (cp > 0xFFFF) {
            h = h * 31 + utf8_high_unit(cp);
            cp = utf8_low_unit(cp);
        }
        h = h * 31 + cp;
        s.p += n;
        s.n -= n;
    }
    return h;
}

static uint32_t
routing_hash_bits(uint64_t v)
{
    return (uint32_t)(v ^ v >> 32);
}

static uint32_t
routing_hash_float(struct slice text, bool single)
{
    double v = 0;
    float f;
    uint64_t bits;
    uint32_t bits32;

    smt_parse_float(text, single, &v);
    if (single) {
        f = (float)v;
        memcpy(&bits32, &f, sizeof(bits32));
        return bits32;
    }
    memcpy(&bits, &v, sizeof(bits));
    return routing_hash_bits(bits);
}

/* False: the value's hash is not one that is known here. */
static bool
routing_hash_java(const struct node *n, struct slice json, uint32_t *hash)
{
    struct buf text;
    int64_t v = 0;

    switch (n->schema->type) {
    case SCHEMA_INT8:
    case SCHEMA_INT16:
    case SCHEMA_INT32:
        num_parse_i64(json, &v);
        *hash = (uint32_t)v;
        return true;
    case SCHEMA_INT64:
        num_parse_i64(json, &v);
        *hash = routing_hash_bits((uint64_t)v);
        return true;
    case SCHEMA_BOOLEAN:
        *hash = slice_is(json, "true") ? 1231 : 1237;
        return true;
    case SCHEMA_FLOAT32:
    case SCHEMA_FLOAT64:
    case SCHEMA_STRING:
        buf_init(&text, json.n + 16);
        if (json.p[0] == '"')
            node_unquote(&text, json);
        else
            buf_slice(&text, json);
        *hash = n->schema->type == SCHEMA_STRING
                    ? routing_hash_text(buf_view(&text))
                    : routing_hash_float(buf_view(&text), n->schema->type == SCHEMA_FLOAT32);
        buf_free(&text);
        return true;
    case SCHEMA_BYTES:
    case SCHEMA_ARRAY:
    case SCHEMA_MAP:
    case SCHEMA_STRUCT:
        break;
    }
    return false;
}

static bool
routing_hash(const struct routing *s, const struct node *n, struct slice json, uint32_t *hash)
{
    struct buf text;

    if (!s->murmur || n->schema->type != SCHEMA_STRING) {
        bool known = routing_hash_java(n, json, hash);

        if (s->murmur)
            *hash = murmur_hash_int(*hash);
        return known;
    }
    buf_init(&text, json.n + 16);
    node_unquote(&text, json);
    *hash = murmur_hash(buf_view(&text));
    buf_free(&text);
    return true;
}

/* arg: struct routing; in: a struct of the fields. */
static enum node_got
routing_call(const struct node *n, struct node_run *run, struct buf *out)
{
    uint32_t sum = 0;
    bool any = false;

    for (size_t i = 0; i < n->in->schema->nfields; i++) {
        struct slice json;
        uint32_t hash = 0;
        enum node_got got = node_input(n->in->members[i], run, &json);

        if (got == NODE_IS_NULL)
            continue;
        if (got == NODE_HAS_VALUE && !routing_hash(n->arg, n->in->members[i], json, &hash)) {
            err_set(run->e, ERR_FATAL, "transform.failed",
                    "PartitionRouting: a field of type %s cannot decide on the partition",
                    schema_type_name(n->in->members[i]->schema->type));
            got = NODE_FAILED;
        }
        if (got == NODE_FAILED)
            return got;
        sum += hash;
        any = true;
    }
    if (!any)
        return NODE_IS_NULL;
    sum &= INT32_MAX;
    num_add_u64(out, (sum == INT32_MAX ? 0 : sum) %
                         (uint32_t)((const struct routing *)n->arg)->partitions);
    return NODE_HAS_VALUE;
}

/* a.b.c inside of the envelope; *out NULL: it has no such field. */
static enum smt_result
routing_find(struct smt_run *run, struct slice path, bool deleted, const struct node **out)
{
    const struct node *n = run->draft->value;

    *out = NULL;
    while (n) {
        const char *dot = memchr(path.p, '.', path.n);
        struct slice step = {path.p, dot ? (size_t)(dot - path.p) : path.n};

        if (dot && slice_is(step, "change"))
            step = deleted ? SLICE_LIT("before") : SLICE_LIT("after");
        n = node_member(n, step);
        if (!dot) {
            *out = n;
            return SMT_OK;
        }
        if (n && node_is_null(n))
            return smt_fail(run, "\"%.*s\" is null, and has no field to decide on the partition",
                            SLICE_ARG(step));
        path.n -= step.p == path.p ? step.n + 1 : (size_t)(dot + 1 - path.p);
        path.p = dot + 1;
    }
    return SMT_OK;
}

static enum smt_result
routing_apply(const struct smt *t, struct smt_run *run)
{
    const struct routing *s = t->setup;
    struct draft *d = run->draft;
    const struct node *op;
    struct node_builder b;
    enum smt_result r = SMT_OK;

    if (d->value->kind != NODE_STRUCT || !draft_is_envelope(d))
        return SMT_OK;
    op = node_member(d->value, SLICE_LIT("op"));
    if (!op || op->kind != NODE_TEXT || slice_is(op->text, "\"t\"") || slice_is(op->text, "\"m\""))
        return SMT_OK;
    node_build(&b, d->arena, NULL);
    for (size_t i = 0; i < s->fields.n && r == SMT_OK; i++) {
        const struct node *n;

        r = routing_find(run, s->fields.v[i], slice_is(op->text, "\"d\""), &n);
        if (r == SMT_OK && n)
            node_add(&b, s->fields.v[i], n);
    }
    if (r == SMT_OK && b.n)
        d->partition =
            node_calling(d->arena, &node_int32_optional, routing_call, node_built(&b), s);
    return r;
}

const struct smt_type smt_type_partition_routing = {
    .name = "io.debezium.transforms.partitions.PartitionRouting",
    .props = &routing_props,
    .size = sizeof(struct routing),
    .init = routing_init,
    .apply = routing_apply,
    .doc = "A partition by the values of columns.",
};
