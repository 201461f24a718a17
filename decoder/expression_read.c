/* Reading an expression. */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "decoder/expression_priv.h"

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
