/* Java's serialization stream → Object[]. A tree of nodes first, which knows no class; then the classes we know. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/rd.h"
#include "decoder/pgtext_civil.h"
#include "replicator/java_priv.h"

enum {
    JAVA_BYTES_MAX = 1 << 20, /* a key of an index has a few kilobytes */
    JAVA_NODES_MAX = 4096,
    JAVA_FIELDS_MAX = 16,
    JAVA_DEPTH_MAX = 16,
};

enum node_type { NODE_NULL, NODE_CLASS, NODE_STRING, NODE_OBJECT, NODE_ARRAY, NODE_BYTES };

struct node {
    enum node_type type;
    struct slice text; /* string; bytes; a class's name; an object's block data */
    const struct node *class;
    const struct node *super; /* of a class */
    uint8_t flags;
    uint16_t nfields;
    char field_types[JAVA_FIELDS_MAX];
    uint64_t numbers[JAVA_FIELDS_MAX]; /* an object's fields, the superclass's first */
    unsigned nnumbers;
    const struct node *object; /* its last field that is one */
    const struct node **items; /* array */
    uint32_t nitems;
};

struct java_reader {
    struct rd rd;
    struct arena *arena;
    struct node *handles[JAVA_NODES_MAX];
    uint32_t nhandles;
    unsigned depth;
    bool bad;
};

static const struct node null_node;

static const struct node *
wrong(struct java_reader *r)
{
    r->bad = true;
    return &null_node;
}

static struct node *
node_new(struct java_reader *r, enum node_type type)
{
    struct node *n = arena_alloc(r->arena, sizeof(*n));

    n->type = type;
    return n;
}

static void
keep_handle(struct java_reader *r, struct node *n)
{
    if (r->nhandles < JAVA_NODES_MAX)
        r->handles[r->nhandles++] = n;
    else
        r->bad = true;
}

static const struct node *read_node(struct java_reader *r);

static const struct node *
read_class(struct java_reader *r)
{
    struct node *n = node_new(r, NODE_CLASS);

    n->text = rd_bytes(&r->rd, rd_u16(&r->rd));
    (void)rd_u64(&r->rd);
    keep_handle(r, n);
    n->flags = rd_u8(&r->rd);
    n->nfields = rd_u16(&r->rd);
    if (n->nfields > JAVA_FIELDS_MAX)
        return wrong(r);
    for (uint16_t i = 0; i < n->nfields && rd_ok(&r->rd); i++) {
        n->field_types[i] = (char)rd_u8(&r->rd);
        (void)rd_bytes(&r->rd, rd_u16(&r->rd));
        if (n->field_types[i] == 'L' || n->field_types[i] == '[')
            (void)read_node(r);
    }
    if (rd_u8(&r->rd) != TC_ENDBLOCKDATA)
        return wrong(r);
    n->super = read_node(r);
    return n;
}

static void
read_fields(struct java_reader *r, const struct node *class, struct node *n)
{
    for (uint16_t i = 0; i < class->nfields; i++) {
        uint64_t v = 0;

        switch (class->field_types[i]) {
        case 'Z':
        case 'B':
            v = rd_u8(&r->rd);
            break;
        case 'S':
        case 'C':
            v = rd_u16(&r->rd);
            break;
        case 'I':
        case 'F':
            v = rd_u32(&r->rd);
            break;
        case 'J':
        case 'D':
            v = rd_u64(&r->rd);
            break;
        case 'L':
        case '[':
            n->object = read_node(r);
            continue;
        default:
            r->bad = true;
            return;
        }
        if (n->nnumbers == JAVA_FIELDS_MAX)
            r->bad = true;
        else
            n->numbers[n->nnumbers++] = v;
    }
}

/* A class's own data: blocks until their end. */
static void
read_blocks(struct java_reader *r, struct node *n)
{
    uint8_t tag;

    while ((tag = rd_u8(&r->rd)) == TC_BLOCKDATA)
        n->text = rd_bytes(&r->rd, rd_u8(&r->rd));
    if (tag != TC_ENDBLOCKDATA)
        r->bad = true;
}

static void
read_object_data(struct java_reader *r, const struct node *class, struct node *n)
{
    if (class->type != NODE_CLASS || r->bad || ++r->depth > JAVA_DEPTH_MAX) {
        r->bad = r->bad || class->type != NODE_NULL;
        return;
    }
    read_object_data(r, class->super, n);
    r->depth--;
    read_fields(r, class, n);
    if (class->flags & SC_WRITE_METHOD)
        read_blocks(r, n);
}

static const struct node *
read_array(struct java_reader *r)
{
    const struct node *class = read_node(r);
    struct node *n = node_new(r, NODE_ARRAY);
    uint32_t len;

    n->class = class;
    keep_handle(r, n);
    len = rd_u32(&r->rd);
    if (class->type != NODE_CLASS || len > rd_left(&r->rd))
        return wrong(r);
    if (slice_is(class->text, "[B")) {
        n->type = NODE_BYTES;
        n->text = rd_bytes(&r->rd, len);
        return n;
    }
    if (!slice_is(class->text, "[Ljava.lang.Object;"))
        return wrong(r);
    n->items = arena_alloc(r->arena, (len + 1) * sizeof(struct node *));
    for (n->nitems = 0; n->nitems < len && !r->bad; n->nitems++)
        n->items[n->nitems] = read_node(r);
    return n;
}

static const struct node *
read_tagged(struct java_reader *r)
{
    struct node *n;
    uint32_t handle;
    uint8_t tag = rd_u8(&r->rd);

    switch (tag) {
    case TC_NULL:
        return &null_node;
    case TC_REFERENCE:
        handle = rd_u32(&r->rd) - JAVA_FIRST_HANDLE;
        return handle < r->nhandles ? r->handles[handle] : wrong(r);
    case TC_CLASSDESC:
        return read_class(r);
    case TC_STRING:
    case TC_LONGSTRING:
        n = node_new(r, NODE_STRING);
        keep_handle(r, n);
        n->text = rd_bytes(&r->rd, tag == TC_STRING ? rd_u16(&r->rd) : rd_u64(&r->rd));
        return n;
    case TC_OBJECT:
        n = node_new(r, NODE_OBJECT);
        n->class = read_node(r);
        keep_handle(r, n);
        if (n->class->type != NODE_CLASS)
            return wrong(r);
        read_object_data(r, n->class, n);
        return n;
    case TC_ARRAY:
        return read_array(r);
    default:
        return wrong(r);
    }
}

static const struct node *
read_node(struct java_reader *r)
{
    const struct node *n = &null_node;

    if (++r->depth > JAVA_DEPTH_MAX || r->bad || !rd_ok(&r->rd))
        r->bad = true;
    else
        n = read_tagged(r);
    r->depth--;
    return n;
}

/* ------------------------------------------------------------------------------------------------ values */

/* Modified UTF-8 → UTF-8: two surrogates of three bytes are one character of four, 0xc0 0x80 is NUL, which no text has. */
static struct slice
text_of(struct arena *a, struct slice s)
{
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        const unsigned char *p = (const unsigned char *)s.p + i;

        if (s.n - i >= 6 && p[0] == 0xed && (p[1] & 0xf0) == 0xa0 && p[3] == 0xed) {
            unsigned hi = (p[1] & 15u) << 6 | (p[2] & 63u), lo = (p[4] & 15u) << 6 | (p[5] & 63u);
            unsigned cp = 0x10000 + (hi << 10) + lo;

            out[n++] = (char)(0xf0 | cp >> 18);
            out[n++] = (char)(0x80 | (cp >> 12 & 63));
            out[n++] = (char)(0x80 | (cp >> 6 & 63));
            out[n++] = (char)(0x80 | (cp & 63));
            i += 5;
        } else {
            out[n++] = s.p[i];
        }
    }
    return (struct slice){out, n};
}

/* Magnitude in base 256 → decimal digits with the point where scale has it. */
static bool
decimal_text(struct arena *a, bool negative, struct slice bytes, int32_t scale, struct slice *out)
{
    size_t max = bytes.n * 3 + 3, n = 0, at;
    char *digits, *text;
    unsigned char *rest;

    if (max > JAVA_DIGITS_MAX || scale > JAVA_DIGITS_MAX || scale < -JAVA_DIGITS_MAX)
        return false;
    digits = arena_alloc(a, max);
    rest = arena_alloc(a, bytes.n + 1);
    memcpy(rest, bytes.p, bytes.n);
    for (at = 0; at < bytes.n;) {
        unsigned carry = 0;

        for (size_t i = at; i < bytes.n; i++) {
            carry = carry << 8 | rest[i];
            rest[i] = (unsigned char)(carry / 10);
            carry %= 10;
        }
        digits[n++] = (char)('0' + carry);
        while (at < bytes.n && rest[at] == 0)
            at++;
    }
    text = arena_alloc(a, n + (size_t)abs(scale) + 8);
    at = 0;
    if (negative)
        text[at++] = '-';
    for (int64_t i = (int64_t)n > scale ? (int64_t)n - 1 : scale; i >= 0; i--) {
        text[at++] = i < (int64_t)n ? digits[i] : '0';
        if (i == scale && i > 0)
            text[at++] = '.';
    }
    for (int32_t i = scale; i < 0; i++)
        text[at++] = '0';
    *out = (struct slice){text, at};
    return true;
}

static bool
read_decimal(struct java_reader *r, const struct node *n, struct java_value *v)
{
    const struct node *big = n->object;

    if (!big || big->type != NODE_OBJECT || n->nnumbers < 1 || big->nnumbers < 5 || !big->object ||
        big->object->type != NODE_BYTES)
        return false;
    return decimal_text(r->arena, (int32_t)big->numbers[4] < 0, big->object->text,
                        (int32_t)n->numbers[0], &v->text);
}

static void
hex_text(struct arena *a, struct slice bytes, struct java_value *v)
{
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(a, bytes.n * 2 + 3);

    text[0] = '\\';
    text[1] = 'x';
    for (size_t i = 0; i < bytes.n; i++) {
        text[2 + 2 * i] = digits[(unsigned char)bytes.p[i] >> 4];
        text[3 + 2 * i] = digits[(unsigned char)bytes.p[i] & 15];
    }
    v->text = (struct slice){text, bytes.n * 2 + 2};
}

static void
float_text(struct arena *a, enum java_kind kind, uint64_t bits, struct java_value *v)
{
    uint32_t low = (uint32_t)bits;
    double d;
    float f;

    if (kind == JAVA_FLOAT) {
        memcpy(&f, &low, sizeof(f));
        v->text = slice_of(f != f ? "NaN" : arena_printf(a, "%.9g", (double)f));
    } else {
        memcpy(&d, &bits, sizeof(d));
        v->text = slice_of(d != d ? "NaN" : arena_printf(a, "%.17g", d));
    }
}

static bool
read_moment(struct java_reader *r, const struct node *n, struct java_value *v)
{
    struct rd block = rd_of(n->text.p, n->text.n);
    int64_t ms = (int64_t)rd_u64(&block), days;
    char date[16];

    if (!rd_done(&block))
        return false;
    days = ms / 86400000 - (ms % 86400000 < 0);
    ms -= days * 86400000;
    java_date_text(days, date);
    if (v->kind == JAVA_DATE)
        v->text = slice_of(arena_strdup(r->arena, date));
    else
        v->text = slice_of(arena_printf(
            r->arena, "%s %02" PRId64 ":%02" PRId64 ":%02" PRId64 ".%06u+00", date, ms / 3600000,
            ms / 60000 % 60, ms / 1000 % 60, (uint32_t)n->numbers[0] / 1000 % 1000000));
    return true;
}

static bool
read_object(struct java_reader *r, const struct node *n, struct java_value *v)
{
    static const struct {
        const char *class;
        enum java_kind kind;
    } kinds[] = {
        {"java.lang.Short", JAVA_SHORT},   {"java.lang.Integer", JAVA_INTEGER},
        {"java.lang.Long", JAVA_LONG},     {"java.lang.Float", JAVA_FLOAT},
        {"java.lang.Double", JAVA_DOUBLE}, {"java.lang.Boolean", JAVA_BOOLEAN},
        {"java.util.UUID", JAVA_UUID},     {"java.math.BigDecimal", JAVA_DECIMAL},
        {"java.sql.Date", JAVA_DATE},      {"java.sql.Timestamp", JAVA_TIMESTAMP},
    };
    uint64_t number = n->numbers[0], low = n->numbers[1];

    v->kind = JAVA_NULL;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (slice_is(n->class->text, kinds[i].class))
            v->kind = kinds[i].kind;
    switch (v->kind) {
    case JAVA_SHORT:
        v->text = slice_of(arena_printf(r->arena, "%d", (int16_t)number));
        return n->nnumbers == 1;
    case JAVA_INTEGER:
        v->text = slice_of(arena_printf(r->arena, "%" PRId32, (int32_t)number));
        return n->nnumbers == 1;
    case JAVA_LONG:
        v->text = slice_of(arena_printf(r->arena, "%" PRId64, (int64_t)number));
        return n->nnumbers == 1;
    case JAVA_FLOAT:
    case JAVA_DOUBLE:
        float_text(r->arena, v->kind, number, v);
        return n->nnumbers == 1;
    case JAVA_BOOLEAN:
        v->text = slice_of(number ? "t" : "f");
        return n->nnumbers == 1;
    case JAVA_UUID: /* the low half comes first */
        v->text = slice_of(arena_printf(r->arena, "%08x-%04x-%04x-%04x-%012" PRIx64,
                                        (uint32_t)(low >> 32), (unsigned)(low >> 16 & 0xffff),
                                        (unsigned)(low & 0xffff), (unsigned)(number >> 48),
                                        number & 0xffffffffffff));
        return n->nnumbers == 2;
    case JAVA_DECIMAL:
        return read_decimal(r, n, v);
    case JAVA_DATE:
    case JAVA_TIMESTAMP:
        return read_moment(r, n, v);
    case JAVA_NULL:
    case JAVA_STRING:
    case JAVA_BYTES:
        break;
    }
    return false;
}

static bool
read_value(struct java_reader *r, const struct node *n, struct java_value *v)
{
    switch (n->type) {
    case NODE_NULL:
        v->kind = JAVA_NULL;
        return true;
    case NODE_STRING:
        *v = (struct java_value){JAVA_STRING, text_of(r->arena, n->text)};
        return true;
    case NODE_BYTES:
        v->kind = JAVA_BYTES;
        hex_text(r->arena, n->text, v);
        return true;
    case NODE_OBJECT:
        return read_object(r, n, v);
    case NODE_CLASS:
    case NODE_ARRAY:
        break;
    }
    return false;
}

static bool
read_failed(struct err *e, const char *why)
{
    return err_set(e, ERR_DATA, "java.object", "a stored key of an incremental snapshot %s", why);
}

bool
java_read(struct slice hex, struct arena *a, struct java_value **v, size_t *n, struct err *e)
{
    struct java_reader r = {.arena = a};
    const struct node *root;
    char *bytes;

    *v = NULL;
    *n = 0;
    if (hex.n > JAVA_BYTES_MAX)
        return read_failed(e, "is longer than a key can be");
    bytes = arena_alloc(a, hex.n / 2 + 1);
    if (!num_unhex(hex, bytes))
        return read_failed(e, "is not hexadecimal");
    r.rd = rd_of(bytes, hex.n / 2);
    if (rd_u32(&r.rd) != 0xaced0005)
        return read_failed(e, "is no Java object");
    root = read_node(&r);
    if (r.bad || !rd_done(&r.rd) || (root->type != NODE_ARRAY && root->type != NODE_NULL))
        return read_failed(e, "is cut off or no array of objects");
    if (root->type == NODE_NULL)
        return true;
    *v = arena_alloc(a, (root->nitems + 1) * sizeof(**v));
    for (*n = 0; *n < root->nitems; ++*n)
        if (!read_value(&r, root->items[*n], &(*v)[*n])) {
            *v = NULL;
            return read_failed(e, "has a value of a Java class that is not known here");
        }
    return true;
}

/* ------------------------------------------------------------------------------------------------ dates */

bool
java_days(struct slice text, int64_t *days)
{
    const char *p = text.p, *end = text.p + text.n;
    struct civil c;

    if (text.n != 10 || !civil_read_date(&p, end, &c) || p != end)
        return false;
    *days = civil_days(c);
    return true;
}

void
java_date_text(int64_t days, char dst[16])
{
    struct civil c = civil_from_days(days);

    snprintf(dst, 16, "%04d-%02u-%02u", (int)(c.year % 10000), c.month, c.day);
}
