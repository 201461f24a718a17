#include "decoder/json_conv.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "decoder/json_priv.h"
#include "decoder/node_text.h"
#include "decoder/schema.h"

/* A schema of 1600 columns with defaults and long names stays below this. */
enum { JSON_SCHEMA_MAX = 64 << 20 };

/* ------------------------------------------------------------------------------------------------ compiling */

static void
json_compile_row(struct json_program *prog, struct json_row *row, const struct plan_field *fields,
                 uint16_t n, struct buf *b)
{
    row->n = n;
    row->steps = arena_alloc(&prog->arena, (n ? n : 1u) * sizeof(*row->steps));
    for (uint16_t i = 0; i < n; i++) {
        struct slice lit;

        buf_putc(b, i ? ',' : '{');
        json_str(b, fields[i].name);
        buf_putc(b, ':');
        lit = json_keep(&prog->arena, b);
        row->steps[i] = (struct json_step){lit.p, (uint32_t)lit.n, fields[i].col, &fields[i]};
    }
}

static struct slice
json_compile_head(struct json_program *prog, bool schemas, const struct schema *schema,
                  struct buf *b)
{
    if (!schemas)
        return json_keep(&prog->arena, b);
    BUF_LIT(b, "{\"schema\":");
    schema_write(b, schema, (struct slice){NULL, 0});
    BUF_LIT(b, ",\"payload\":");
    return json_keep(&prog->arena, b);
}

static const struct json_voice *const json_voices[] = {
    [COMPAT_3_6] = &json_voice_3_6,
    [COMPAT_1_2] = &json_voice_1_2,
};

struct json_program *
json_compile(const struct plan *p, struct err *e)
{
    struct json_program *prog = mem_alloc(sizeof(*prog));
    const struct settings *s = p->settings;
    struct buf b;

    arena_init(&prog->arena);
    prog->plan = p;
    prog->voice = json_voices[s->compat];
    buf_init(&b, JSON_SCHEMA_MAX);
    json_compile_row(prog, &prog->row, p->fields, p->nfields, &b);
    json_compile_row(prog, &prog->key, p->key, p->nkey, &b);
    prog->value_brace = s->value_json.schemas;
    prog->key_brace = s->key_json.schemas;
    prog->value_head = json_compile_head(prog, s->value_json.schemas, p->envelope_schema, &b);
    buf_slice(&b, prog->value_head);
    BUF_LIT(&b, "{\"before\":null,\"after\":");
    prog->create_head = json_keep(&prog->arena, &b);
    prog->key_head =
        json_compile_head(prog, p->key_schema && s->key_json.schemas, p->key_schema, &b);
    json_compile_source(prog, &b);
    if (!buf_ok(&b)) {
        err_set(e, ERR_DATA, "record.schema", "the schema of topic \"%s\" is larger than %d bytes",
                p->topic, JSON_SCHEMA_MAX);
        json_discard(prog);
        prog = NULL;
    }
    buf_free(&b);
    return prog;
}

void
json_discard(struct json_program *prog)
{
    if (!prog)
        return;
    arena_free(&prog->arena);
    free(prog);
}

/* ------------------------------------------------------------------------------------------------ rows and keys */

bool
json_unconverted(const struct plan *p, const struct plan_field *f, struct recbuf *out,
                 struct buf *b, size_t mark, struct err *e)
{
    if (!buf_ok(b))
        return err_set(e, ERR_DATA, "record.too_large",
                       "a row of table \"%.*s.%.*s\" makes a record larger than %zu bytes",
                       SLICE_ARG(p->rel->schema), SLICE_ARG(p->rel->table), b->max);
    if (p->settings->fail_on_unconvertible)
        return err_wrap(e, "table \"%.*s.%.*s\", column \"%.*s\"", SLICE_ARG(p->rel->schema),
                        SLICE_ARG(p->rel->table), SLICE_ARG(p->rel->cols[f->col].name));
    b->n = mark;
    out->unconverted++;
    out->unconverted_column = p->rel->cols[f->col].name;
    if (e) {
        err_set(&out->unconverted_why, e->cls, e->code, "%s; written as null", e->msg);
        err_clear(e); /* dealt with: whoever asked for the row gets no error */
    }
    return true;
}

static bool
json_is_utf8(struct slice s)
{
    while (s.n) {
        uint32_t cp;
        size_t n = utf8_next(s, &cp);

        if (cp == UTF8_REPLACEMENT && (unsigned char)s.p[0] != 0xEF)
            return false;
        s.p += n;
        s.n -= n;
    }
    return true;
}

static bool
json_tell_replaced(const struct plan *p, struct slice column, struct recbuf *out, struct err *e)
{
    if (p->settings->fail_on_unconvertible)
        return err_set(e, ERR_DATA, "value.encoding",
                       "table \"%.*s.%.*s\", column \"%.*s\": bytes that are no UTF-8",
                       SLICE_ARG(p->rel->schema), SLICE_ARG(p->rel->table), SLICE_ARG(column));
    out->unconverted++;
    out->unconverted_column = column;
    err_set(&out->unconverted_why, ERR_DATA, "value.encoding",
            "bytes that are no UTF-8; written as U+FFFD");
    return true;
}

bool
json_value_replaced(const struct plan *p, uint16_t col, const struct value *v, struct recbuf *out,
                    struct buf *b, struct err *e)
{
    b->replaced = false;
    return json_is_utf8((struct slice){v->p, v->n}) ||
           json_tell_replaced(p, p->rel->cols[col].name, out, e);
}

/* Bytes that are no UTF-8 (a database in SQL_ASCII) were replaced: which column's? Told of as values that cannot be said are. */
static bool
json_replaced(const struct json_program *prog, const struct json_row *row, const struct tuple *t,
              struct recbuf *out, struct err *e)
{
    const struct plan *p = prog->plan;
    struct slice column = SLICE_LIT("");

    out->bytes.replaced = false;
    for (uint16_t i = 0; i < row->n && column.n == 0; i++) {
        uint16_t col = row->steps[i].col;

        if (col < t->n && t->v[col].kind == VALUE_TEXT &&
            !json_is_utf8((struct slice){t->v[col].p, t->v[col].n}))
            column = p->rel->cols[col].name;
    }
    return json_tell_replaced(p, column, out, e);
}

static bool
json_unconvertible(const struct json_program *prog, const struct json_step *st, struct recbuf *out,
                   size_t mark, struct err *e)
{
    if (!json_unconverted(prog->plan, st->field, out, &out->bytes, mark, e))
        return false;
    buf_slice(&out->bytes, st->field->value.null_json);
    return true;
}

static bool
json_put_row(const struct json_program *prog, const struct json_row *row, const struct change *c,
             const struct tuple *t, struct recbuf *out, struct err *e)
{
    struct buf *b = &out->bytes;

    if (row->n == 0)
        buf_putc(b, '{');
    for (const struct json_step *st = row->steps, *end = st + row->n; st < end; st++) {
        const struct binding *bind = &st->field->value;
        const struct value *v = st->col < t->n ? &t->v[st->col] : NULL;
        size_t mark;

        buf_add_padded(b, st->lit, st->nlit);
        if (__builtin_expect(bind->stream_null && c->op != OP_READ, 0))
            v = NULL;
        if (__builtin_expect(!v || v->kind != VALUE_TEXT, 0)) {
            if (v && v->kind == VALUE_UNCHANGED && !(v = json_unchanged(c, st->col))) {
                buf_add(b, bind->unavailable_json.p, bind->unavailable_json.n);
                continue;
            }
            if (!v || v->kind != VALUE_TEXT) {
                buf_add(b, bind->null_json.p, bind->null_json.n);
                continue;
            }
        }
        mark = b->n;
        if (__builtin_expect(!bind->write(b, (struct slice){v->p, v->n}, bind->ctx, e), 0) &&
            !json_unconvertible(prog, st, out, mark, e))
            return false;
    }
    buf_putc(b, '}');
    return __builtin_expect(!b->replaced, 1) || json_replaced(prog, row, t, out, e);
}

static bool
json_put_key(const struct json_program *prog, const struct change *c, const struct tuple *t,
             struct recbuf *out, struct record *r, struct err *e)
{
    struct buf *b = &out->bytes;

    r->key = (uint32_t)b->n;
    if (!prog->plan->key_schema) {
        r->null_key = true;
        return true;
    }
    buf_add_padded(b, prog->key_head.p, prog->key_head.n);
    if (!json_put_row(prog, &prog->key, c, t, out, e))
        return false;
    if (prog->key_brace)
        buf_putc(b, '}');
    r->nkey = (uint32_t)b->n - r->key;
    return true;
}

/* ------------------------------------------------------------------------------------------------ records */

bool
json_put_envelope(const struct json_program *prog, const struct change *c, enum change_op op,
                  const struct tuple *before, const struct tuple *after, const struct tuple *key,
                  uint16_t index, struct recbuf *out, struct err *e)
{
    struct record *r = json_open(out, c, op, index);
    struct buf *b = &out->bytes;

    if (!key)
        r->null_key = true;
    else if (!json_put_key(prog, c, key, out, r, e))
        return false;
    r->value = (uint32_t)b->n;
    if (!before) {
        buf_add_padded(b, prog->create_head.p, prog->create_head.n);
    } else {
        buf_slice(b, prog->value_head);
        BUF_LIT(b, "{\"before\":");
        if (!json_put_row(prog, &prog->row, c, before, out, e))
            return false;
        BUF_LIT(b, ",\"after\":");
    }
    if (!after)
        BUF_LIT(b, "null");
    else if (!json_put_row(prog, &prog->row, c, after, out, e))
        return false;
    json_put_source_and_tail(prog, c, op, index > 0, out);
    return json_close(prog, out, r, e);
}

/* Key bytes of the record before, a null value. */
static void
json_put_tombstone(const struct change *c, struct recbuf *out, uint16_t index)
{
    struct record *r = json_open(out, c, OP_DELETE, index);
    const struct record *deleted = r - 1;

    r->key = deleted->key;
    r->nkey = deleted->nkey;
    r->null_key = deleted->null_key;
    r->value = deleted->value;
    r->null_value = true;
}

/* A key field's value as Connect's header converter says it: dates and decimals are no longer what JsonConverter made of them. */
static void
json_put_header_value(const struct json_program *prog, const struct schema *schema,
                      struct slice json, struct buf *out)
{
    enum node_date date = node_date_of(schema);
    int64_t ms;
    int scale;

    if (date != NODE_NO_DATE && node_date_ms(date, json, &ms))
        node_date_text(out, ms);
    else if (json.p[0] == '"' && !prog->plan->settings->key_json.decimal_numeric &&
             node_decimal_scale(schema, &scale))
        node_decimal_text(out, json, scale);
    else if (json.p[0] == '"' && (schema->type == SCHEMA_FLOAT32 || schema->type == SCHEMA_FLOAT64))
        node_unquote(out, json); /* NaN and the infinities */
    else
        json_put_header_text(out, json.p, json.n);
}

/* The header that points from one half of a key change to the other; `other` is the other half's key row. */
static bool
json_put_key_header(const struct json_program *prog, const struct change *c,
                    const struct tuple *other, const char *name, struct recbuf *out, size_t rec,
                    struct err *e)
{
    size_t at = out->bytes.n;
    struct buf text;
    bool ok = true;

    buf_init(&text, out->bytes.max);
    for (uint16_t i = 0; ok && i < prog->key.n; i++) {
        const struct json_step *st = &prog->key.steps[i];
        struct json_row one = {1, &prog->key.steps[i]};

        ok = json_put_row(prog, &one, c, other, out, e);
        if (ok && buf_ok(&out->bytes)) {
            struct slice json = {out->bytes.p + at, out->bytes.n - at - 1}; /* without its brace */

            json_put_header_text(&text, json.p, st->nlit);
            json_put_header_value(prog, st->field->value.schema,
                                  (struct slice){json.p + st->nlit, json.n - st->nlit}, &text);
            out->bytes.n = at;
        }
    }
    if (ok) {
        buf_slice(&out->bytes, buf_view(&text));
        buf_putc(&out->bytes, '}');
    }
    buf_free(&text);
    if (!ok)
        return false;
    out->recs[rec].extra = (uint32_t)at;
    out->recs[rec].nextra = (uint32_t)(out->bytes.n - at);
    out->recs[rec].extra_name = name;
    return true;
}

/* Also what cannot be said; nothing stays in out. */
static bool
json_is_null(const struct binding *bind, const struct value *v, struct buf *out)
{
    size_t mark = out->n;
    bool said, replaced = out->replaced;

    if (v->kind != VALUE_TEXT)
        return v->kind == VALUE_NULL;
    said = bind->write(out, (struct slice){v->p, v->n}, bind->ctx, NULL) &&
           !slice_is((struct slice){out->p + mark, out->n - mark}, "null");
    out->n = mark;
    out->replaced = replaced;
    return !said;
}

/* NULL is written as the default is, but is another value: where it can be NULL at all. */
static bool
json_null_is_default(const struct json_step *st, const struct value *a, const struct value *b,
                     struct buf *out)
{
    const struct binding *bind = &st->field->value;

    return bind->schema->optional && bind->schema->def.n > 0 &&
           json_is_null(bind, a, out) != json_is_null(bind, b, out);
}

bool
json_key_changed(const struct json_program *prog, const struct change *c, struct recbuf *out,
                 bool *changed, struct err *e)
{
    bool same = true;
    size_t at = out->bytes.n, n1;

    *changed = false;
    for (uint16_t i = 0, n = plan_key_width(prog->plan); !*changed && i < n; i++) {
        uint16_t col = prog->key.steps[i].col;
        const struct value *o = &c->before.v[col], *v = &c->after.v[col];

        if (v->kind == VALUE_UNCHANGED)
            continue;
        if (o->kind != VALUE_TEXT || v->kind != VALUE_TEXT || o->n != v->n ||
            memcmp(o->p, v->p, o->n) != 0) {
            same = false;
            *changed = json_null_is_default(&prog->key.steps[i], o, v, &out->bytes);
        }
    }
    if (same || *changed)
        return true;
    if (!json_put_row(prog, &prog->key, c, &c->before, out, e))
        return false;
    n1 = out->bytes.n - at;
    if (!json_put_row(prog, &prog->key, c, &c->after, out, e))
        return false;
    *changed =
        n1 != out->bytes.n - at - n1 || memcmp(out->bytes.p + at, out->bytes.p + at + n1, n1) != 0;
    out->bytes.n = at;
    return true;
}

static bool
json_encode_delete(const struct json_program *prog, const struct change *c, struct recbuf *out,
                   struct err *e)
{
    if (!json_put_envelope(prog, c, OP_DELETE, &c->before, NULL, &c->before, 0, out, e))
        return false;
    if (c->plan->settings->tombstones)
        json_put_tombstone(c, out, 1);
    return true;
}

/*
 * Delete under the old key, its tombstone, create under the new one; headers tie them together. Each half is left out when
 * its operation is skipped.
 */
static bool
json_encode_key_change(const struct json_program *prog, const struct change *c, struct recbuf *out,
                       struct err *e)
{
    const struct settings *s = c->plan->settings;
    size_t first = out->n;

    if (!(s->skipped_ops & OPS_DELETE)) {
        if (!json_put_envelope(prog, c, OP_DELETE, &c->before, NULL, &c->before, 0, out, e) ||
            !json_put_key_header(prog, c, &c->after, "__debezium.newkey", out, first, e))
            return false;
        if (s->tombstones) {
            json_put_tombstone(c, out, 1);
            out->recs[first + 1].extra = out->recs[first].extra;
            out->recs[first + 1].nextra = out->recs[first].nextra;
            out->recs[first + 1].extra_name = out->recs[first].extra_name;
        }
    }
    if (s->skipped_ops & OPS_CREATE)
        return true;
    return json_put_envelope(prog, c, OP_CREATE, NULL, &c->after, &c->after,
                             (uint16_t)(out->n - first), out, e) &&
           json_put_key_header(prog, c, &c->before, "__debezium.oldkey", out, out->n - 1, e);
}

static bool
json_encode_update(const struct json_program *prog, const struct change *c, struct recbuf *out,
                   struct err *e)
{
    bool changed = false;

    if (c->before.n && prog->key.n && !json_key_changed(prog, c, out, &changed, e))
        return false;
    if (changed)
        return json_encode_key_change(prog, c, out, e);
    return json_put_envelope(prog, c, OP_UPDATE, c->before.n ? &c->before : NULL, &c->after,
                             &c->after, 0, out, e);
}

bool
json_encode(const struct json_program *prog, const struct change *c, struct recbuf *out,
            struct err *e)
{
    switch (c->op) {
    case OP_CREATE:
    case OP_READ:
        return json_put_envelope(prog, c, c->op, NULL, &c->after, &c->after, 0, out, e);
    case OP_UPDATE:
        return json_encode_update(prog, c, out, e);
    case OP_DELETE:
        return json_encode_delete(prog, c, out, e);
    case OP_TRUNCATE:
        return json_put_envelope(prog, c, OP_TRUNCATE, NULL, NULL, NULL, 0, out, e);
    case OP_MESSAGE:
        return json_encode_message(prog, c, out, e);
    case OP_BEGIN:
    case OP_END:
        return json_encode_transaction(prog, c, out, e);
    case OP_HEARTBEAT:
        return json_encode_heartbeat(prog, c, out, e);
    case OP_NOTIFICATION:
        return json_encode_notification(prog, c, out, e);
    }
    return err_set(e, ERR_BUG, "change.op", "change with unknown operation 0x%02x",
                   (unsigned)c->op);
}
