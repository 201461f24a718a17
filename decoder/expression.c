#include "decoder/expression.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "decoder/node_text.h"
#include "decoder/smt_number.h"

enum expression_kind {
    EXPR_CHOICE,
    EXPR_OR,
    EXPR_AND,
    EXPR_NOT,
    EXPR_COMPARE,
    EXPR_JOIN,
    EXPR_LITERAL,
    EXPR_PATH,
};

enum compare_op { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE };

struct expression {
    enum expression_kind kind;
    const struct expression *a, *b, *c;
    enum compare_op op;
    struct slice json; /* a literal; n 0: null */
    size_t nsteps;     /* of a path, the root first */
    struct slice *steps;
    bool *safe; /* by "?.": null stays null */
};

/* ------------------------------------------------------------------------------------------------------ reading */

enum { EXPR_DEPTH_MAX = 60, EXPR_STEPS_MAX = 16 };

struct reader {
    struct arena *arena;
    const char *text, *p;
    unsigned depth;
    struct err *e;
};

static const struct expression *read_choice(struct reader *r);

static const struct expression *
read_fail(struct reader *r, const char *what)
{
    err_set(r->e, ERR_CONFIG, "config.value",
            "%s at character %zu of \"%.300s\"; allowed are comparisons of value, key, topic and "
            "header with constants, joined by &&, ||, ! and ?:",
            what, (size_t)(r->p - r->text) + 1, r->text);
    return NULL;
}

static void
skip_space(struct reader *r)
{
    while (isspace((unsigned char)*r->p))
        r->p++;
}

static bool
take(struct reader *r, const char *token)
{
    size_t n = strlen(token);

    skip_space(r);
    if (strncmp(r->p, token, n) != 0)
        return false;
    r->p += n;
    return true;
}

static struct expression *
expression_new(struct reader *r, enum expression_kind kind, const struct expression *a,
               const struct expression *b)
{
    struct expression *x = arena_alloc(r->arena, sizeof(*x));

    x->kind = kind;
    x->a = a;
    x->b = b;
    return x;
}

/* A text in either kind of quotes. */
static bool
read_text(struct reader *r, struct slice *out)
{
    char quote = *r->p;
    struct buf b;
    bool closed;

    buf_init(&b, 1 << 16);
    for (r->p++; *r->p && *r->p != quote; r->p++) {
        if (*r->p == '\\' && r->p[1])
            r->p++;
        buf_putc(&b, *r->p);
    }
    closed = *r->p == quote;
    r->p += closed;
    *out = arena_slice(r->arena, buf_view(&b));
    buf_free(&b);
    return closed || read_fail(r, "a quote is not closed");
}

static const struct expression *
read_literal(struct reader *r, struct slice json)
{
    struct expression *x = expression_new(r, EXPR_LITERAL, NULL, NULL);

    x->json = arena_slice(r->arena, json);
    return x;
}

static const struct expression *
read_text_literal(struct reader *r)
{
    const struct expression *x;
    struct slice text;
    struct buf b;

    if (!read_text(r, &text))
        return NULL;
    buf_init(&b, 1 << 17);
    json_str(&b, text);
    x = read_literal(r, buf_view(&b));
    buf_free(&b);
    return x;
}

static struct slice
read_name(struct reader *r)
{
    const char *from = r->p;

    while (isalnum((unsigned char)*r->p) || *r->p == '_' || *r->p == '$')
        r->p++;
    return (struct slice){from, (size_t)(r->p - from)};
}

/* ".name", "?.name", "[text]" or ".get(text)"; false: none, or e is set and *bad. */
static bool
read_step(struct reader *r, struct slice *name, bool *safe, bool *bad)
{
    bool bracket, get = false;

    *safe = take(r, "?.");
    bracket = !*safe && take(r, "[");
    if (!*safe && !bracket && !take(r, "."))
        return false;
    skip_space(r);
    if (!bracket && strncmp(r->p, "get(", 4) == 0) {
        get = true;
        r->p += 4;
        skip_space(r);
    }
    if (bracket || get) {
        *bad = (*r->p != '\'' && *r->p != '"') || !read_text(r, name) || !take(r, get ? ")" : "]");
    } else {
        *name = read_name(r);
        *bad = name->n == 0;
    }
    if (*bad && r->e && r->e->cls == ERR_NONE)
        read_fail(r, "a field's name is expected");
    return !*bad;
}

static const struct expression *
read_path(struct reader *r, struct slice root)
{
    static const char *const roots[] = {"value",  "key",         "topic",
                                        "header", "valueSchema", "keySchema"};
    struct expression *x = expression_new(r, EXPR_PATH, NULL, NULL);
    bool bad = true;

    for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++)
        bad &= !slice_is(root, roots[i]);
    if (bad) {
        r->p -= root.n;
        return read_fail(r, "a name that is not known");
    }
    x->steps = arena_alloc(r->arena, EXPR_STEPS_MAX * sizeof(*x->steps));
    x->safe = arena_alloc(r->arena, EXPR_STEPS_MAX * sizeof(*x->safe));
    x->steps[x->nsteps++] = root;
    while (x->nsteps < EXPR_STEPS_MAX &&
           read_step(r, &x->steps[x->nsteps], &x->safe[x->nsteps], &bad))
        x->nsteps++;
    return bad ? NULL : x;
}

static const struct expression *
read_word(struct reader *r)
{
    struct slice word = read_name(r);

    if (word.n == 0)
        return read_fail(r, "a value is expected");
    if (slice_is(word, "true") || slice_is(word, "false"))
        return read_literal(r, word);
    if (slice_is(word, "null"))
        return read_literal(r, (struct slice){NULL, 0});
    return read_path(r, word);
}

static const struct expression *
read_operand(struct reader *r)
{
    const struct expression *x;
    size_t n;

    if (take(r, "(")) {
        x = read_choice(r);
        return !x || take(r, ")") ? x : read_fail(r, "\")\" is expected");
    }
    skip_space(r);
    if (*r->p == '\'' || *r->p == '"')
        return read_text_literal(r);
    n = (size_t)(*r->p == '-') + strspn(r->p + (*r->p == '-'), "0123456789.eE");
    if (isdigit((unsigned char)r->p[*r->p == '-'])) {
        x = read_literal(r, (struct slice){r->p, n});
        r->p += n;
        return x;
    }
    return read_word(r);
}

static const struct expression *
read_sum(struct reader *r)
{
    const struct expression *x = read_operand(r);

    while (x && take(r, "+")) {
        const struct expression *right = read_operand(r);

        x = right ? expression_new(r, EXPR_JOIN, x, right) : NULL;
    }
    return x;
}

static const struct expression *
read_compare(struct reader *r)
{
    static const struct {
        const char *token;
        enum compare_op op;
    } ops[] = {{"===", CMP_EQ}, {"!==", CMP_NE}, {"==", CMP_EQ}, {"!=", CMP_NE},
               {"<=", CMP_LE},  {">=", CMP_GE},  {"<", CMP_LT},  {">", CMP_GT}};
    const struct expression *x = read_sum(r), *right;
    struct expression *made;

    for (size_t i = 0; x && i < sizeof(ops) / sizeof(*ops); i++) {
        if (!take(r, ops[i].token))
            continue;
        right = read_sum(r);
        if (!right)
            return NULL;
        made = expression_new(r, EXPR_COMPARE, x, right);
        made->op = ops[i].op;
        return made;
    }
    return x;
}

static const struct expression *
read_not(struct reader *r)
{
    const struct expression *x;

    skip_space(r);
    if (*r->p != '!' || r->p[1] == '=')
        return read_compare(r);
    r->p++;
    if (++r->depth > EXPR_DEPTH_MAX)
        return read_fail(r, "too deep");
    x = read_not(r);
    r->depth--;
    return x ? expression_new(r, EXPR_NOT, x, NULL) : NULL;
}

static const struct expression *
read_and(struct reader *r)
{
    const struct expression *x = read_not(r);

    while (x && take(r, "&&")) {
        const struct expression *right = read_not(r);

        x = right ? expression_new(r, EXPR_AND, x, right) : NULL;
    }
    return x;
}

static const struct expression *
read_or(struct reader *r)
{
    const struct expression *x = read_and(r);

    while (x && take(r, "||")) {
        const struct expression *right = read_and(r);

        x = right ? expression_new(r, EXPR_OR, x, right) : NULL;
    }
    return x;
}

static const struct expression *
read_choice(struct reader *r)
{
    const struct expression *x, *yes, *no;
    struct expression *made;

    if (++r->depth > EXPR_DEPTH_MAX)
        return read_fail(r, "too deep");
    x = read_or(r);
    if (x && take(r, "?")) {
        yes = read_choice(r);
        if (yes && !take(r, ":"))
            return read_fail(r, "\":\" is expected");
        no = yes ? read_choice(r) : NULL;
        if (!no)
            return NULL;
        made = expression_new(r, EXPR_CHOICE, x, yes);
        made->c = no;
        x = made;
    }
    r->depth--;
    return x;
}

const struct expression *
expression_parse(struct arena *a, const char *text, struct err *e)
{
    struct reader r = {.arena = a, .text = text, .p = text, .e = e};
    const struct expression *x = read_choice(&r);

    skip_space(&r);
    return x && *r.p ? read_fail(&r, "more than is understood") : x;
}

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
