/* The program run over a change: pure, no allocation besides the record buffer. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "sinks/bigquery/program.h"

/* One row being written. */
struct row {
    const struct bq_program *p;
    const struct change *c;
    enum change_op op; /* of the record, not of the change: a key change is d and c */
    unsigned index;
    const struct tuple *tuple; /* what "row" means */
    struct recbuf *out;
    const char *dead; /* NULL: the row can be sent */
    char message[256];
};

/* The first fault is the row's. */
static void __attribute__((format(printf, 3, 4)))
kill_row(struct row *r, const char *reason, const char *fmt, ...)
{
    va_list ap;

    if (r->dead)
        return;
    r->dead = reason;
    va_start(ap, fmt);
    vsnprintf(r->message, sizeof(r->message), fmt, ap);
    va_end(ap);
}

/* BQ_OP_ bit; 0: the operation is no row's. */
static unsigned
op_bit(enum change_op op)
{
    static const char letters[] = {OP_READ, OP_CREATE, OP_UPDATE, OP_DELETE, OP_TRUNCATE};
    const char *at = memchr(letters, op, sizeof(letters));

    return at ? 1u << (at - letters) : 0;
}

/* A key-only old tuple says NULL where it means that it does not know. */
static bool
is_gap(const struct change *c, uint16_t col)
{
    return c->old_is_key && !c->plan->rel->cols[col].identity;
}

/* The column's value in the tuple; what an update did not touch and did not send is taken from before if that has it. */
static struct value
tuple_value(const struct row *r, const struct tuple *t, uint16_t col)
{
    static const struct value absent = {NULL, 0, VALUE_ABSENT};

    if (col >= t->n || (t == &r->c->before && is_gap(r->c, col)))
        return absent;
    if (t->v[col].kind == VALUE_UNCHANGED && t == &r->c->after && col < r->c->before.n &&
        !r->c->old_is_key && r->c->before.v[col].kind != VALUE_UNCHANGED)
        return r->c->before.v[col];
    return t->v[col];
}

static struct value
column_value(const struct row *r, const struct bq_column *c)
{
    switch (c->feed) {
    case BQ_FEED_ROW:
        return tuple_value(r, r->tuple, c->col);
    case BQ_FEED_BEFORE:
        return tuple_value(r, &r->c->before, c->col);
    case BQ_FEED_AFTER:
        return tuple_value(r, &r->c->after, c->col);
    case BQ_FEED_COMPUTED:
    case BQ_FEED_CONST:
    case BQ_FEED_OP_IN:
    case BQ_FEED_UNAVAILABLE:
        break;
    }
    return (struct value){NULL, 0, VALUE_NULL};
}

static void
add_literal(struct row *r, const struct bq_column *c, struct slice json)
{
    buf_slice(&r->out->bytes, c->member);
    buf_slice(&r->out->bytes, json);
    buf_putc(&r->out->bytes, ',');
}

static struct slice
trimmed(struct slice s)
{
    while (s.n && s.p[s.n - 1] == ' ')
        s.n--;
    while (s.n && s.p[0] == ' ') {
        s.p++;
        s.n--;
    }
    return s;
}

/* ASCII letters of the JSON string at `from`, escapes left alone. */
static void
upper_case(struct buf *b, size_t from)
{
    for (size_t i = from; i < b->n; i++) {
        if (b->p[i] == '\\')
            i += b->p[i + 1] == 'u' ? 5 : 1;
        else if (b->p[i] >= 'a' && b->p[i] <= 'z')
            b->p[i] = (char)(b->p[i] - 32);
    }
}

static void
add_text(struct row *r, const struct bq_column *c, struct slice text)
{
    struct buf *b = &r->out->bytes;
    size_t start = b->n, value;
    char mapped[MAPPING_TEXT_MAX];
    bool ok;

    if (c->map)
        text = mapping_text(c->map, text, mapped);
    buf_slice(b, c->member);
    value = b->n;
    if (c->trim)
        text = trimmed(text);
    if (c->array_json)
        ok = bq_write_array_json(b, text, c->write);
    else if (c->array)
        ok = bq_write_array(b, text, c->write);
    else
        ok = c->write(b, text);
    if (!ok && !buf_ok(b))
        return;
    if (ok) {
        if (c->upper)
            upper_case(b, value);
        buf_putc(b, ',');
        return;
    }
    b->n = start;
    if (r->p->unrepresentable == BQ_UNREP_NULL && c->mode != BQ_REQUIRED)
        return;
    kill_row(r, "unrepresentable", "column \"%s\" has no place for a value of \"%.*s\" in this row",
             c->name, SLICE_ARG(c->source));
    buf_slice(b, c->member);
    json_str(b, text);
    buf_putc(b, ',');
}

static void
add_null(struct row *r, const struct bq_column *c)
{
    if (c->on_null_dead)
        kill_row(r, "null", "column \"%s\" must not be NULL, and \"%.*s\" is in this row", c->name,
                 SLICE_ARG(c->source));
    else if (c->on_null.p)
        add_literal(r, c, c->on_null);
    else if (c->mode == BQ_REQUIRED)
        kill_row(r, "null", "column \"%s\" is REQUIRED, and \"%.*s\" is NULL in this row", c->name,
                 SLICE_ARG(c->source));
}

/* There may be a value, but PostgreSQL did not send it: no default may stand in for it. */
static void
add_missing(struct row *r, const struct bq_column *c)
{
    if (r->op == OP_TRUNCATE && !c->missing_dead && c->mode != BQ_REQUIRED)
        return;
    if (c->missing_dead || c->mode == BQ_REQUIRED)
        kill_row(r, "missing",
                 "column \"%s\" needs \"%.*s\", whose value PostgreSQL did not send; the table "
                 "needs REPLICA IDENTITY FULL",
                 c->name, SLICE_ARG(c->source));
}

/* Each name once, in the order of the columns. */
static void
add_unavailable(struct row *r, const struct bq_column *c)
{
    struct buf *b = &r->out->bytes;
    size_t start = b->n;
    bool any = false;

    buf_slice(b, c->member);
    for (size_t i = 0; i < r->p->ncolumns; i++) {
        const struct bq_column *other = &r->p->columns[i];

        if (other->feed > BQ_FEED_AFTER || column_value(r, other).kind != VALUE_UNCHANGED)
            continue;
        buf_putc(b, any ? ',' : '[');
        json_cstr(b, other->name);
        any = true;
    }
    if (any)
        BUF_LIT(b, "],");
    else
        b->n = start;
}

static void
add_column_value(struct row *r, const struct bq_column *c)
{
    struct bq_scratch scratch;
    struct slice text;
    struct value v;

    switch (c->feed) {
    case BQ_FEED_ROW:
    case BQ_FEED_BEFORE:
    case BQ_FEED_AFTER:
        v = column_value(r, c);
        if (v.kind == VALUE_TEXT || (v.kind == VALUE_NULL && mapping_is_constant(c->map)))
            add_text(r, c, (struct slice){v.p, v.n});
        else if (v.kind == VALUE_NULL)
            add_null(r, c);
        else
            add_missing(r, c);
        break;
    case BQ_FEED_COMPUTED:
        if (c->compute(r->c, r->op, r->index, &scratch, &text))
            add_text(r, c, text);
        else
            add_null(r, c);
        break;
    case BQ_FEED_CONST:
        add_literal(r, c, c->constant);
        break;
    case BQ_FEED_OP_IN:
        add_literal(r, c, c->op_in & op_bit(r->op) ? SLICE_LIT("true") : SLICE_LIT("false"));
        break;
    case BQ_FEED_UNAVAILABLE:
        add_unavailable(r, c);
        break;
    }
}

static bool
encode_row(struct row *r, struct err *e)
{
    struct buf *b = &r->out->bytes;
    size_t start = b->n, end;
    struct record *rec;

    buf_putc(b, '{');
    for (size_t i = 0; i < r->p->ncolumns; i++)
        add_column_value(r, &r->p->columns[i]);
    if (buf_ok(b) && b->p[b->n - 1] == ',')
        b->p[b->n - 1] = '}';
    else
        buf_putc(b, '}');
    end = b->n;
    if (r->dead)
        buf_str(b, r->message);
    if (!buf_ok(b) || b->n > UINT32_MAX)
        return err_set(e, ERR_DATA, "bigquery.row_size",
                       "a row of \"%s\" is larger than the record buffer's %zu bytes", r->p->table,
                       b->max);
    rec = recbuf_add(r->out);
    rec->value = (uint32_t)start;
    rec->nvalue = (uint32_t)(end - start);
    rec->extra = (uint32_t)end;
    rec->nextra = (uint32_t)(b->n - end);
    rec->extra_name = r->dead;
    rec->id = r->c->id;
    rec->index = (uint16_t)r->index;
    rec->null_key = true;
    rec->op = (uint8_t)r->op;
    return true;
}

/* An update whose old and new keys differ; an old tuple is sent for those (and always under FULL). */
static bool
key_changed(const struct bq_program *p, const struct change *c)
{
    if (c->op != OP_UPDATE || c->before.n == 0 || c->after.n == 0)
        return false;
    for (uint16_t i = 0; i < p->nkey; i++) {
        uint16_t col = p->key[i];
        const struct value *old, *new;

        if (col >= c->before.n || col >= c->after.n)
            continue;
        old = &c->before.v[col];
        new = &c->after.v[col];
        if (old->kind == VALUE_ABSENT || new->kind == VALUE_UNCHANGED || is_gap(c, col))
            continue;
        if (old->kind != new->kind || old->n != new->n ||
            (old->n && memcmp(old->p, new->p, old->n) != 0))
            return true;
    }
    return false;
}

bool
bq_program_encode(const struct bq_program *p, const struct change *c, struct recbuf *out,
                  struct err *e)
{
    struct row r = {.p = p, .c = c, .op = c->op, .out = out, .tuple = &c->after};

    if (!p->table || !op_bit(c->op))
        return true;
    if (key_changed(p, c)) {
        r.op = OP_DELETE;
        r.tuple = &c->before;
        if ((p->ops & BQ_OP_D) && !encode_row(&r, e))
            return false;
        r = (struct row){
            .p = p, .c = c, .op = OP_CREATE, .index = 1, .out = out, .tuple = &c->after};
    } else if (c->op == OP_DELETE) {
        r.tuple = &c->before;
    }
    return !(p->ops & op_bit(r.op)) || encode_row(&r, e);
}

static char *
hex(char *p, uint64_t v, unsigned digits)
{
    static const char set[] = "0123456789ABCDEF";

    while (digits < 16 && v >> (4 * digits))
        digits++;
    for (unsigned i = 0; i < digits; i++)
        p[i] = set[(v >> (4 * (digits - 1 - i))) & 15];
    return p + digits;
}

unsigned
bq_seq(char out[BQ_SEQ_MAX], const struct identity *id, unsigned index)
{
    char *p = hex(out, id->commit_lsn, 16);

    *p++ = '/';
    /* A snapshot's rows sort before everything that was committed after its point. */
    p = hex(p, id->snapshot ? 0 : id->lsn, 16);
    *p++ = '/';
    p = hex(p, id->ordinal, 8);
    if (index) {
        *p++ = '/';
        p = hex(p, index, 1);
    }
    *p = '\0';
    return (unsigned)(p - out);
}

unsigned
bq_insert_id(char out[BQ_INSERT_ID_MAX], uint32_t tag, const struct identity *id, unsigned index,
             enum change_op op)
{
    char *p = hex(out, tag, 8);

    /* Snapshot, incremental snapshot (its rows stand at the position of a watermark), WAL. */
    *p++ = id->snapshot ? 's' : op == OP_READ ? 'i' : 'w';
    p = hex(p, id->commit_lsn, 16);
    *p++ = '/';
    p = hex(p, id->lsn, 16); /* the table's oid in snapshots */
    *p++ = '/';
    p = hex(p, id->ordinal, 8);
    *p++ = '/';
    p = hex(p, index, 1);
    *p = '\0';
    return (unsigned)(p - out);
}
