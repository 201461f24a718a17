/* Topics by regular expressions: Kafka's RegexRouter, Debezium's ByLogicalTableRouter. */
#include <stdlib.h>

#include "base/json.h"
#include "decoder/smt_priv.h"
#include "decoder/topic.h"

enum { ROUTE_TOPIC_MAX = 1 << 16 };

/* ------------------------------------------------------------------------------------------------- RegexRouter */

struct router {
    struct pattern_swap *swap;
};

/* clang-format off */
static const struct prop router_rows[] = {
    {.name = "regex", .type = PROP_STRING, .importance = PROP_HIGH, .flags = PROP_REQUIRED,
     .doc = "Java regular expression that has to match the whole topic."},
    {.name = "replacement", .type = PROP_STRING, .importance = PROP_HIGH, .flags = PROP_REQUIRED,
     .doc = "The new topic, with $1 or ${name} for groups."},
};
/* clang-format on */
static const struct prop_table router_props = {router_rows, 2};

static bool
router_init(struct smt_init *in)
{
    struct router *r = in->setup;

    r->swap = pattern_swap_new(config_str(in->c, "regex"), config_str(in->c, "replacement"), in->e);
    return r->swap != NULL;
}

static void
router_fini(const void *setup)
{
    pattern_swap_free(((const struct router *)setup)->swap);
}

static enum smt_result
router_apply(const struct smt *t, struct smt_run *run)
{
    const struct router *r = t->setup;
    enum smt_result result = SMT_OK;
    struct buf topic;

    buf_init(&topic, ROUTE_TOPIC_MAX);
    if (pattern_swap_match(r->swap, slice_of(run->draft->topic), &topic))
        result = smt_set_topic(run, buf_view(&topic));
    buf_free(&topic);
    return result;
}

const struct smt_type smt_type_regex_router = {
    .name = "org.apache.kafka.connect.transforms.RegexRouter",
    .props = &router_props,
    .size = sizeof(struct router),
    .init = router_init,
    .fini = router_fini,
    .apply = router_apply,
    .doc = "Another topic, by a regular expression.",
};

/* --------------------------------------------------------------------------------------- ByLogicalTableRouter */

struct logical {
    struct pattern_swap *topic, *key; /* key NULL: the topic itself tells tables apart */
    bool unique;
    const char *field;
    enum adjust_mode adjust;
};

/* clang-format off */
static const struct prop logical_rows[] = {
    {.name = "topic.regex", .type = PROP_STRING, .importance = PROP_HIGH, .flags = PROP_REQUIRED,
     .doc = "Java regular expression that has to match the whole topic."},
    {.name = "topic.replacement", .type = PROP_STRING, .importance = PROP_HIGH, .flags = PROP_REQUIRED,
     .doc = "The new topic, with $1 or ${name} for groups."},
    {.name = "key.enforce.uniqueness", .type = PROP_BOOL, .def = "true", .importance = PROP_LOW,
     .doc = "Adds a field to the key that tells the tables of one topic apart."},
    {.name = "key.field.regex", .type = PROP_STRING, .importance = PROP_LOW,
     .doc = "Expression for the old topic that makes that field's value; needs key.field.replacement. Without: the topic."},
    {.name = "key.field.replacement", .type = PROP_STRING, .importance = PROP_LOW,
     .doc = "The field's value, with $1 or ${name} for groups."},
    {.name = "key.field.name", .type = PROP_STRING, .def = "__dbz__physicalTableIdentifier", .importance = PROP_LOW,
     .doc = "Name of that field."},
    {.name = "schema.name.adjustment.mode", .type = PROP_ENUM, .def = "none", .choices = "none,avro,avro_unicode",
     .importance = PROP_LOW, .doc = "How the new schema names are made legal."},
    {.name = "logical.table.cache.size", .type = PROP_INT, .def = "16", .importance = PROP_LOW, .flags = PROP_NOOP,
     .see = "schemas are made once for each table", .doc = "Schemas that Debezium keeps."},
};
/* clang-format on */
static const struct prop_table logical_props = SMT_PROPS(logical_rows);

static bool
logical_init(struct smt_init *in)
{
    struct logical *l = in->setup;
    const char *regex = smt_read_string(in, "key.field.regex");
    const char *replacement = smt_read_string(in, "key.field.replacement");

    l->unique = config_bool(in->c, "key.enforce.uniqueness");
    l->field = arena_strdup(in->a, config_str(in->c, "key.field.name"));
    l->adjust = (enum adjust_mode)config_enum(in->c, "schema.name.adjustment.mode");
    if (regex && !replacement)
        return err_set(in->e, ERR_CONFIG, "config.value",
                       "key.field.replacement must not be empty when key.field.regex is set");
    l->topic = pattern_swap_new(config_str(in->c, "topic.regex"),
                                config_str(in->c, "topic.replacement"), in->e);
    if (!l->topic)
        return false;
    l->key = regex ? pattern_swap_new(regex, replacement, in->e) : NULL;
    return !regex || l->key;
}

static void
logical_fini(const void *setup)
{
    const struct logical *l = setup;

    pattern_swap_free(l->topic);
    pattern_swap_free(l->key);
}

static const char *
logical_schema_name(const struct logical *l, struct smt_run *run, const char *topic,
                    const char *suffix)
{
    struct arena *a = run->draft->arena;
    const char *plain = arena_printf(a, "%s.%s", topic, suffix), *name;
    struct buf b;

    buf_init(&b, ROUTE_TOPIC_MAX);
    topic_adjust_name(&b, slice_of(plain), l->adjust, false);
    name = arena_strdup(a, buf_cstr(&b));
    buf_free(&b);
    return name;
}

/* A copy of the schema under another name, optional as it was. */
static struct schema *
logical_renamed(struct smt_run *run, const struct schema *s, const char *name)
{
    struct schema *copy = arena_alloc(run->draft->arena, sizeof(*copy));

    *copy = *s;
    copy->def = (struct slice){NULL, 0};
    copy->name = name;
    return copy;
}

static enum smt_result
logical_key(const struct logical *l, struct smt_run *run, const char *topic)
{
    struct draft *d = run->draft;
    const struct node *key = d->key;
    struct slice old = slice_of(d->topic);
    enum smt_result r = SMT_OK;
    struct node_builder b;
    struct buf id;

    if (node_is_null(key)) {
        d->key = node_null(d->arena, NULL);
        return SMT_OK;
    }
    if ((r = smt_struct(run, key, "updating the key's schema")) != SMT_OK)
        return r;
    smt_copy_struct(&b, run, key, false, NULL);
    b.schema->optional = key->schema->optional;
    b.schema->name = logical_schema_name(l, run, topic, "Key");
    buf_init(&id, ROUTE_TOPIC_MAX);
    if (!l->key || !pattern_swap_match(l->key, old, &id))
        buf_slice(&id, old);
    if (l->unique)
        node_add(&b, slice_of(l->field),
                 node_string(d->arena, &node_string_required, buf_view(&id)));
    buf_free(&id);
    return smt_built(run, &b, &d->key);
}

/* before and after get the new row schema, which is that of the one that comes first. */
static void
logical_value(const struct logical *l, struct smt_run *run, const char *topic)
{
    struct draft *d = run->draft;
    const struct node *n = d->value, *row = node_member(n, SLICE_LIT("before"));
    const struct schema *row_schema;
    struct node_builder b;

    if (!row)
        row = node_member(n, SLICE_LIT("after"));
    row_schema =
        row ? logical_renamed(run, row->schema, logical_schema_name(l, run, topic, "Value")) : NULL;
    node_build(&b, d->arena, n->schema);
    b.schema->optional = n->schema->optional;
    b.schema->name = logical_schema_name(l, run, topic, "Envelope");
    for (size_t i = 0; i < n->schema->nfields; i++) {
        struct slice name = n->schema->fields[i].name;
        bool is_row = slice_is(name, "before") || slice_is(name, "after");

        node_add(&b, name,
                 is_row ? node_with_schema(d->arena, n->members[i], row_schema)
                        : node_or_default(d->arena, n->members[i]));
    }
    d->value = node_built(&b);
}

static enum smt_result
logical_apply(const struct smt *t, struct smt_run *run)
{
    const struct logical *l = t->setup;
    struct draft *d = run->draft;
    enum smt_result r = SMT_OK;
    struct buf topic;

    buf_init(&topic, ROUTE_TOPIC_MAX);
    if (pattern_swap_match(l->topic, slice_of(d->topic), &topic) && topic.n) {
        const char *name = arena_strdup(d->arena, buf_cstr(&topic));

        r = logical_key(l, run, name);
        if (r == SMT_OK && d->value->kind == NODE_STRUCT && draft_is_envelope(d))
            logical_value(l, run, name);
        if (r == SMT_OK)
            r = smt_set_topic(run, slice_of(name));
    }
    buf_free(&topic);
    return r;
}

const struct smt_type smt_type_by_logical_table = {
    .name = "io.debezium.transforms.ByLogicalTableRouter",
    .props = &logical_props,
    .size = sizeof(struct logical),
    .init = logical_init,
    .fini = logical_fini,
    .apply = logical_apply,
    .doc = "Several tables into one topic; the key tells them apart.",
};
