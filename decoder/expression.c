/* What an expression is for a record. */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "decoder/expression_priv.h"
#include "decoder/node_text.h"
#include "decoder/smt_number.h"

/* ---------------------------------------------------------------------------------------------- values of a row */

/* A value as texts compare: its kind, and characters or digits. */
static void
plain_value(const struct node *n, struct slice json, struct buf *out)
{
    if (json.n && json.p[0] == '"' && !n->schema)
        node_unquote(out, json);
    else
        node_plain_text(n, json, out);
}

static char
value_kind(const struct node *n, enum node_got got, struct slice json)
{
    int scale;

    if (got == NODE_IS_NULL)
        return '0';
    if (n->schema && node_decimal_scale(n->schema, &scale))
        return '1';
    return json.p[0] == '-' || isdigit((unsigned char)json.p[0]) ? '1' : json.p[0];
}

static bool
compare_holds(enum compare_op op, int order)
{
    switch (op) {
    case CMP_EQ:
        return order == 0;
    case CMP_NE:
        return order != 0;
    case CMP_LT:
        return order < 0;
    case CMP_LE:
        return order <= 0;
    case CMP_GT:
        return order > 0;
    case CMP_GE:
        return order >= 0;
    }
    return false;
}

static int
compare_texts(char kind, struct slice a, struct slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    double x = 0, y = 0;
    int order;

    if (kind == '1' && smt_parse_plain_number(a, &x) && smt_parse_plain_number(b, &y) && x != y)
        return x < y ? -1 : 1;
    /* Whole numbers that a double cannot tell apart differ in their digits. */
    if (kind == '1' && (x < 9e15 && x > -9e15))
        return 0;
    order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

/* arg: the expression, for its operator. */
static enum node_got
call_compare(const struct node *n, struct node_run *run, struct buf *out)
{
    enum compare_op op = ((const struct expression *)n->arg)->op;
    struct slice json;
    struct buf left, right;
    enum node_got ga, gb;
    char ka, kb;
    bool holds;

    buf_init(&left, run->out->bytes.max);
    buf_init(&right, run->out->bytes.max);
    ga = node_input(n->in, run, &json);
    ka = ga == NODE_FAILED ? '0' : value_kind(n->in, ga, json);
    if (ga == NODE_HAS_VALUE)
        plain_value(n->in, json, &left);
    gb = node_input(n->in2, run, &json);
    kb = gb == NODE_FAILED ? '0' : value_kind(n->in2, gb, json);
    if (gb == NODE_HAS_VALUE)
        plain_value(n->in2, json, &right);
    /* What is of different kinds is not equal, and in no order. */
    if (ka == '0' || ka != kb)
        holds = compare_holds(op, ka == kb ? 0 : 1) && (op == CMP_EQ || op == CMP_NE);
    else
        holds = compare_holds(op, compare_texts(ka, buf_view(&left), buf_view(&right)));
    buf_free(&left);
    buf_free(&right);
    buf_str(out, holds ? "true" : "false");
    return ga == NODE_FAILED || gb == NODE_FAILED ? NODE_FAILED : NODE_HAS_VALUE;
}

static enum node_got
call_join(const struct node *n, struct node_run *run, struct buf *out)
{
    const struct node *const parts[] = {n->in, n->in2};
    struct buf text;
    struct slice json;
    enum node_got got = NODE_HAS_VALUE;

    buf_init(&text, run->out->bytes.max);
    for (size_t i = 0; i < 2 && got != NODE_FAILED; i++) {
        got = node_input(parts[i], run, &json);
        if (got == NODE_HAS_VALUE)
            plain_value(parts[i], json, &text);
        else if (got == NODE_IS_NULL)
            BUF_LIT(&text, "null");
    }
    json_str(out, buf_view(&text));
    buf_free(&text);
    return got == NODE_FAILED ? got : NODE_HAS_VALUE;
}

/* ------------------------------------------------------------------------------------------------- of a draft */

static const struct node *
constant_bool(struct smt_run *run, bool v)
{
    return node_json(run->draft->arena, NULL, v ? SLICE_LIT("true") : SLICE_LIT("false"));
}

static const struct node *
call_of(struct smt_run *run, const struct expression *x, node_call call, const struct node *a,
        const struct node *b)
{
    struct node *n = arena_alloc(run->draft->arena, sizeof(*n));

    *n = (struct node){.kind = NODE_CALL, .call = call, .in = a, .in2 = b, .arg = x};
    return n;
}

static enum smt_result
path_schema(const struct expression *x, struct smt_run *run, const struct node **out)
{
    const struct draft *d = run->draft;
    const struct schema *s = slice_is(x->steps[0], "keySchema") ? d->key->schema : d->value->schema;

    if (x->nsteps != 2 || !slice_is(x->steps[1], "name"))
        return smt_fail(run, "of a schema only the name can be asked for");
    *out =
        s && s->name ? node_string(d->arena, NULL, slice_of(s->name)) : node_null(d->arena, NULL);
    return SMT_OK;
}

static enum smt_result
path_header(const struct expression *x, struct smt_run *run, const struct node **out)
{
    const struct node *n = NULL;

    if (x->nsteps > 1)
        n = draft_header(run->draft,
                         arena_strndup(run->draft->arena, x->steps[1].p, x->steps[1].n));
    if (x->nsteps == 3 && !slice_is(x->steps[2], "value"))
        return smt_fail(run, "of a header only the value can be asked for");
    if (x->nsteps == 3 && !n && !x->safe[2])
        return smt_fail(run, "the record has no header \"%.*s\"", SLICE_ARG(x->steps[1]));
    *out = n ? n : node_null(run->draft->arena, NULL);
    return SMT_OK;
}

static enum smt_result
path_node(const struct expression *x, struct smt_run *run, const struct node **out)
{
    const struct draft *d = run->draft;
    const struct node *n = slice_is(x->steps[0], "key") ? d->key : d->value;

    if (slice_is(x->steps[0], "topic")) {
        *out = node_string(d->arena, NULL, slice_of(d->topic));
        return x->nsteps == 1 ? SMT_OK : smt_fail(run, "a topic has no fields");
    }
    if (slice_is(x->steps[0], "header"))
        return path_header(x, run, out);
    if (strstr(x->steps[0].p, "Schema") == x->steps[0].p + x->steps[0].n - 6)
        return path_schema(x, run, out);
    for (size_t i = 1; i < x->nsteps; i++) {
        if (node_is_null(n) && x->safe[i])
            continue;
        if (node_is_null(n))
            return smt_fail(run, "\"%.*s\" is null, and has no field \"%.*s\"; write ?. before it",
                            SLICE_ARG(x->steps[i - 1]), SLICE_ARG(x->steps[i]));
        n = node_member(n, x->steps[i]);
        if (!n)
            return smt_fail(run, "there is no field \"%.*s\"", SLICE_ARG(x->steps[i]));
        n = node_or_default(d->arena, n);
    }
    *out = n;
    return SMT_OK;
}

/* True, or false: what a condition is in this record. A branch of the program for each of the two. */
static enum smt_result
condition(const struct expression *x, struct smt_run *run, bool *holds)
{
    const struct node *n;
    struct smt_value v;
    enum smt_result r = expression_node(x, run, &n);

    if (r != SMT_OK)
        return r;
    if (n->kind == NODE_STRUCT)
        return smt_fail(run, "a struct is no condition");
    if (!smt_known(run, n, &v))
        return SMT_NEED;
    if (!v.null && !slice_is(v.json, "true") && !slice_is(v.json, "false"))
        return smt_fail(run, "a condition is neither true nor false");
    *holds = !v.null && slice_is(v.json, "true");
    return SMT_OK;
}

static enum smt_result
node_of_logic(const struct expression *x, struct smt_run *run, const struct node **out)
{
    bool left, right;
    enum smt_result r = condition(x->a, run, &left);

    if (r != SMT_OK)
        return r;
    if (x->kind == EXPR_CHOICE)
        return expression_node(left ? x->b : x->c, run, out);
    if (x->kind == EXPR_NOT || left == (x->kind == EXPR_OR)) {
        *out = constant_bool(run, x->kind == EXPR_NOT ? !left : left);
        return SMT_OK;
    }
    r = condition(x->b, run, &right);
    if (r == SMT_OK)
        *out = constant_bool(run, right);
    return r;
}

static enum smt_result
node_of_pair(const struct expression *x, struct smt_run *run, const struct node **out)
{
    const struct node *a, *b;
    enum smt_result r = expression_node(x->a, run, &a);

    if (r == SMT_OK)
        r = expression_node(x->b, run, &b);
    if (r != SMT_OK)
        return r;
    /* A struct is null or it is not; whether, is known here. */
    if (a->kind == NODE_STRUCT || b->kind == NODE_STRUCT) {
        if (x->kind != EXPR_COMPARE || x->op > CMP_NE || (!node_is_null(a) && !node_is_null(b)))
            return smt_fail(run, "a struct can only be compared with null");
        *out = constant_bool(run, x->op == CMP_NE);
        return SMT_OK;
    }
    if (node_is_null(a) && node_is_null(b) && x->kind == EXPR_COMPARE) {
        *out = constant_bool(run, x->op == CMP_EQ);
        return SMT_OK;
    }
    *out = call_of(run, x, x->kind == EXPR_COMPARE ? call_compare : call_join, a, b);
    return SMT_OK;
}

enum smt_result
expression_node(const struct expression *x, struct smt_run *run, const struct node **out)
{
    switch (x->kind) {
    case EXPR_CHOICE:
    case EXPR_OR:
    case EXPR_AND:
    case EXPR_NOT:
        return node_of_logic(x, run, out);
    case EXPR_COMPARE:
    case EXPR_JOIN:
        return node_of_pair(x, run, out);
    case EXPR_LITERAL:
        *out = x->json.n ? node_json(run->draft->arena, NULL, x->json)
                         : node_null(run->draft->arena, NULL);
        return SMT_OK;
    case EXPR_PATH:
        return path_node(x, run, out);
    }
    return SMT_OK;
}
