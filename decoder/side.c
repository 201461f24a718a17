#include "decoder/side.h"
#include <assert.h>

#include "base/json.h"
#include "decoder/node_text.h"
#include "decoder/pgtext.h"
#include "decoder/schema.h"

/* As in json_conv.c. */
enum { SIDE_SCHEMA_MAX = 64 << 20 };

/* ------------------------------------------------------------------------------------------------------ compiling */

struct side_maker {
    struct arena *a;
    const struct json_format *format;
    struct buf lit; /* what comes before the next step */
    struct side_step *steps;
    size_t n, cap;
};

static void
side_add_step(struct side_maker *m, enum side_step_kind kind, const struct node *n)
{
    struct slice lit = json_keep(m->a, &m->lit);

    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 16;
        struct side_step *grown = arena_alloc(m->a, cap * sizeof(*grown));

        if (m->n)
            memcpy(grown, m->steps, m->n * sizeof(*grown));
        m->steps = grown;
        m->cap = cap;
    }
    m->steps[m->n++] = (struct side_step){
        .lit = lit.p,
        .nlit = (uint32_t)lit.n,
        .kind = (uint8_t)kind,
        .col = n->kind == NODE_COLUMN ? n->column->col : 0,
        .node = n,
        .null_text = n->null_text.p ? n->null_text : node_null_text(n, m->format->replace_null),
    };
}

/* The writers of decimals are told by the context how: a column that was bound for the other side gets this side's. */
static const struct bind_ctx *
side_decimal_ctx(struct arena *a, const struct bind_ctx *ctx, bool numeric)
{
    struct bind_ctx *copy = arena_alloc(a, sizeof(*copy));

    *copy = *ctx;
    copy->plain_decimal = numeric;
    if (ctx->item_ctx)
        copy->item_ctx = side_decimal_ctx(a, ctx->item_ctx, numeric);
    return copy;
}

static enum node_got
side_call_decimal(const struct node *n, struct node_run *run, struct buf *out)
{
    struct slice json;
    enum node_got got = node_input(n->in, run, &json);

    if (got == NODE_HAS_VALUE)
        node_decimal_plain(out, n->in, json);
    return got;
}

static const struct node *
side_decimal(struct side_maker *m, const struct node *n)
{
    const struct schema *s = n->schema;
    struct plan_field *f;
    int scale;

    if (n->kind == NODE_STRUCT || !s || n->numeric == m->format->decimal_numeric ||
        !node_decimal_scale(s->type == SCHEMA_ARRAY ? s->items : s, &scale))
        return n;
    if (n->kind == NODE_COLUMN) {
        f = arena_alloc(m->a, sizeof(*f));
        *f = *n->column;
        f->value.ctx = side_decimal_ctx(m->a, f->value.ctx, m->format->decimal_numeric);
        return node_column(m->a, f, n->old, m->format->decimal_numeric);
    }
    return m->format->decimal_numeric ? node_calling(m->a, s, side_call_decimal, n, NULL) : n;
}

static void side_walk(struct side_maker *m, const struct node *n);

static void
side_walk_struct(struct side_maker *m, const struct node *n)
{
    assert(n->schema); /* what has none is a map */
    buf_putc(&m->lit, '{');
    for (size_t i = 0; i < n->schema->nfields; i++) {
        const struct schema_field *f = &n->schema->fields[i];

        /* The cached source block brings its name. */
        if (i > 0 && n->members[i]->whole_source && slice_is(f->name, "source")) {
            side_add_step(m, SIDE_SOURCE, n->members[i]);
            continue;
        }
        if (i)
            buf_putc(&m->lit, ',');
        json_str(&m->lit, f->name);
        buf_putc(&m->lit, ':');
        side_walk(m, n->members[i]);
    }
    buf_putc(&m->lit, '}');
}

static void
side_walk(struct side_maker *m, const struct node *n)
{
    n = side_decimal(m, n);
    switch (n->kind) {
    case NODE_NULL:
        buf_slice(&m->lit, node_null_text(n, m->format->replace_null));
        break;
    case NODE_TEXT:
        buf_slice(&m->lit, n->text);
        break;
    case NODE_STRUCT:
        side_walk_struct(m, n);
        break;
    case NODE_COLUMN:
        side_add_step(m, n->old ? SIDE_OLD_COLUMN : SIDE_COLUMN, n);
        break;
    case NODE_FIELD:
    case NODE_CALL:
        side_add_step(m, SIDE_NODE, n);
        break;
    }
}

static bool
side_compile_json(struct side *s, const struct node *n, struct arena *a, struct err *e)
{
    struct side_maker m = {.a = a, .format = s->format};
    bool ok;

    if (n->kind == NODE_NULL && !n->schema) {
        s->null = true;
        return true;
    }
    buf_init(&m.lit, SIDE_SCHEMA_MAX);
    if (s->format->schemas) {
        BUF_LIT(&m.lit, "{\"schema\":");
        if (n->schema && !n->bare)
            schema_write(&m.lit, n->schema, (struct slice){NULL, 0});
        else
            BUF_LIT(&m.lit, "null");
        BUF_LIT(&m.lit, ",\"payload\":");
    }
    side_walk(&m, n);
    if (s->format->schemas)
        buf_putc(&m.lit, '}');
    ok = buf_ok(&m.lit) || err_set(e, ERR_DATA, "record.schema",
                                   "the schema is larger than %d bytes", SIDE_SCHEMA_MAX);
    s->tail = json_keep(a, &m.lit);
    s->steps = m.steps;
    s->n = m.n;
    buf_free(&m.lit);
    return ok;
}

/* Bytes pass as they are, and nothing else does. */
static bool
side_compile_bytes(struct side *s, const struct node *n, struct err *e)
{
    int scale;

    s->null = n->kind == NODE_NULL && (!n->schema || n->schema->type == SCHEMA_BYTES);
    if (s->null)
        return true;
    s->node = n;
    if (n->schema && n->schema->type == SCHEMA_BYTES && !node_decimal_scale(n->schema, &scale))
        return true;
    return err_set(e, ERR_FATAL, "converter.failed",
                   "ByteArrayConverter writes bytes alone, and this is of type %s",
                   n->schema ? schema_type_name(n->schema->type) : "map");
}

bool
side_compile(struct side *s, const struct node *n, enum converter converter,
             const struct json_format *format, struct arena *a, struct err *e)
{
    *s = (struct side){.converter = converter, .format = format};
    switch (converter) {
    case CONVERTER_JSON:
        return side_compile_json(s, n, a, e);
    case CONVERTER_BYTES:
        return side_compile_bytes(s, n, e);
    case CONVERTER_STRING:
    case CONVERTER_SIMPLE:
        s->null = n->kind == NODE_NULL;
        s->node = n;
        return true;
    }
    return true;
}

/* -------------------------------------------------------------------------------------------------------- running */

static bool
side_write_column(const struct side_step *st, const struct tuple *t, struct node_run *run)
{
    const struct plan_field *f = st->node->column;
    const struct binding *bind = &f->value;
    const struct change *c = run->c;
    const struct value *v = st->col < t->n ? &t->v[st->col] : NULL;
    struct buf *b = &run->out->bytes;
    size_t mark;

    if (__builtin_expect(bind->stream_null && c->op != OP_READ, 0))
        v = NULL;
    if (__builtin_expect(!v || v->kind != VALUE_TEXT, 0)) {
        if (v && v->kind == VALUE_UNCHANGED && !(v = json_unchanged(c, st->col))) {
            buf_slice(b, bind->unavailable_json);
            return true;
        }
        if (!v || v->kind != VALUE_TEXT) {
            buf_slice(b, st->null_text);
            return true;
        }
    }
    mark = b->n;
    if (__builtin_expect(!bind->write(b, (struct slice){v->p, v->n}, bind->ctx, run->e), 0)) {
        if (!json_unconverted(c->plan, f, run->out, b, mark, run->e))
            return false;
        buf_slice(b, st->null_text);
    }
    return __builtin_expect(!b->replaced, 1) ||
           json_value_replaced(c->plan, f->col, v, run->out, b, run->e);
}

static bool
side_write_json(const struct side *s, struct node_run *run)
{
    struct buf *b = &run->out->bytes;

    for (const struct side_step *st = s->steps, *end = st + s->n; st < end; st++) {
        enum node_got got = NODE_HAS_VALUE;

        buf_add_padded(b, st->lit, st->nlit);
        switch ((enum side_step_kind)st->kind) {
        case SIDE_COLUMN:
            got = side_write_column(st, &run->c->after, run) ? got : NODE_FAILED;
            break;
        case SIDE_OLD_COLUMN:
            got = side_write_column(st, &run->c->before, run) ? got : NODE_FAILED;
            break;
        case SIDE_SOURCE:
            json_put_source(run->json, run->c, run->out);
            break;
        case SIDE_NODE:
            got = node_eval(st->node, run, b);
            if (got == NODE_IS_NULL)
                buf_slice(b, st->null_text);
            break;
        }
        if (__builtin_expect(got == NODE_FAILED, 0))
            return false;
    }
    buf_add_padded(b, s->tail.p, s->tail.n);
    return true;
}

static enum node_got
side_write_bytes(const struct side *s, struct node_run *run)
{
    struct buf *text = &run->scratch[NODE_DEPTH_MAX];
    enum node_got got;

    buf_clear(text);
    got = node_eval(s->node, run, text);
    if (got == NODE_HAS_VALUE)
        node_unbase64(&run->out->bytes, buf_view(text));
    return got;
}

enum node_got
side_write(const struct side *s, struct node_run *run)
{
    if (s->null)
        return NODE_IS_NULL;
    run->replace_null = s->format->replace_null;
    switch (s->converter) {
    case CONVERTER_JSON:
        return side_write_json(s, run) ? NODE_HAS_VALUE : NODE_FAILED;
    case CONVERTER_BYTES:
        return side_write_bytes(s, run);
    case CONVERTER_STRING:
        return node_java_text(s->node, run, &run->out->bytes);
    case CONVERTER_SIMPLE:
        return node_header_text(s->node, run, &run->out->bytes);
    }
    return NODE_FAILED;
}
