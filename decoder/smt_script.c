/* Debezium's transforms by expressions: Filter and ContentBasedRouter. */
#include "decoder/expression.h"
#include "decoder/smt_priv.h"

enum script_null { SCRIPT_KEEP, SCRIPT_DROP, SCRIPT_EVALUATE };

struct script {
    const struct expression *expression;
    enum script_null nulls;
    struct pattern_swap *topics; /* NULL: all */
};

/* clang-format off */
#define SCRIPT_ROWS                                                                                                         \
    {.name = "language", .type = PROP_ENUM, .choices = "jsr223.groovy,jsr223.graal.js", .importance = PROP_HIGH,            \
     .flags = PROP_REQUIRED, .doc = "What the expression is written in. Of both, the part that docs/transforms.md lists."}, \
    {.name = "null.handling.mode", .type = PROP_ENUM, .def = "keep", .choices = "keep,drop,evaluate", .importance = PROP_MEDIUM, \
     .doc = "What becomes of tombstones: they pass, are left out, or are judged as well."},                                 \
    {.name = "topic.regex", .type = PROP_STRING, .importance = PROP_MEDIUM,                                                 \
     .doc = "Java regular expression for the topics that are looked at; others pass."}
static const struct prop filter_rows[] = {
    {.name = "condition", .type = PROP_STRING, .importance = PROP_HIGH, .flags = PROP_REQUIRED,
     .doc = "Records pass for which it is true, as value.op == 'u' && value.after.id == 2."},
    SCRIPT_ROWS,
};
static const struct prop router_rows[] = {
    {.name = "topic.expression", .type = PROP_STRING, .importance = PROP_HIGH, .flags = PROP_REQUIRED,
     .doc = "The topic, as value.op == 'u' ? 'updates' : null; null leaves it."},
    SCRIPT_ROWS,
};
/* clang-format on */
static const struct prop_table filter_props = SMT_PROPS(filter_rows);
static const struct prop_table router_props = SMT_PROPS(router_rows);

static bool
script_init(struct smt_init *in, const char *property)
{
    struct script *s = in->setup;
    const char *topics = smt_read_string(in, "topic.regex");

    s->nulls = (enum script_null)config_enum(in->c, "null.handling.mode");
    s->expression =
        expression_parse(in->a, arena_strdup(in->a, config_str(in->c, property)), in->e);
    if (!s->expression)
        return err_wrap(in->e, "%s", property);
    if (topics)
        s->topics = pattern_swap_new(topics, NULL, in->e);
    return !topics || s->topics;
}

static bool
filter_init(struct smt_init *in)
{
    return script_init(in, "condition");
}

static bool
router_init(struct smt_init *in)
{
    return script_init(in, "topic.expression");
}

static void
script_fini(const void *setup)
{
    pattern_swap_free(((const struct script *)setup)->topics);
}

/* The expression's value. *skip: the record is not looked at. */
static enum smt_result
script_value(const struct script *s, struct smt_run *run, struct smt_value *v, bool *skip)
{
    const struct node *n;
    enum smt_result r;
    bool null;

    *skip = s->topics && !pattern_swap_match(s->topics, slice_of(run->draft->topic), NULL);
    if (*skip)
        return SMT_OK;
    if (!smt_known_null(run, run->draft->value, &null))
        return SMT_NEED;
    if (null && s->nulls != SCRIPT_EVALUATE) {
        *skip = true;
        return s->nulls == SCRIPT_DROP ? SMT_DROP : SMT_OK;
    }
    r = expression_node(s->expression, run, &n);
    if (r == SMT_OK && n->kind == NODE_STRUCT)
        return smt_fail(run, "the expression gives a struct");
    if (r == SMT_OK && !smt_known(run, n, v))
        return SMT_NEED;
    return r;
}

static enum smt_result
filter_apply(const struct smt *t, struct smt_run *run)
{
    struct smt_value v;
    bool skip;
    enum smt_result r = script_value(t->setup, run, &v, &skip);

    if (r != SMT_OK || skip)
        return r;
    if (!v.null && !slice_is(v.json, "true") && !slice_is(v.json, "false"))
        return smt_fail(run, "the condition is neither true nor false");
    return !v.null && slice_is(v.json, "true") ? SMT_OK : SMT_DROP;
}

static enum smt_result
router_apply(const struct smt *t, struct smt_run *run)
{
    struct smt_value v;
    bool skip;
    enum smt_result r = script_value(t->setup, run, &v, &skip);

    if (r != SMT_OK || skip || v.null)
        return r;
    if (v.json.n == 0 || v.json.p[0] != '"')
        return smt_fail(run, "the topic's expression gives no text");
    return smt_set_topic(run, smt_text_of(run, &v));
}

const struct smt_type smt_type_script_filter = {
    .name = "io.debezium.transforms.Filter",
    .props = &filter_props,
    .size = sizeof(struct script),
    .init = filter_init,
    .fini = script_fini,
    .apply = filter_apply,
    .doc = "Records left out for which an expression is not true.",
};

const struct smt_type smt_type_content_router = {
    .name = "io.debezium.transforms.ContentBasedRouter",
    .props = &router_props,
    .size = sizeof(struct script),
    .init = router_init,
    .fini = script_fini,
    .apply = router_apply,
    .doc = "A topic by an expression.",
};
