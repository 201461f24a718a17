/* Object[] → Java's serialization stream. Handles are counted as ObjectOutputStream counts them. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "replicator/java_priv.h"

enum java_class {
    CLASS_NONE,
    CLASS_OBJECTS,
    CLASS_NUMBER,
    CLASS_SHORT,
    CLASS_INTEGER,
    CLASS_LONG,
    CLASS_FLOAT,
    CLASS_DOUBLE,
    CLASS_BOOLEAN,
    CLASS_UUID,
    CLASS_DECIMAL,
    CLASS_BIGINT,
    CLASS_BYTES,
    CLASS_UTIL_DATE,
    CLASS_SQL_DATE,
    CLASSES
};

static const struct java_class_row {
    const char *name;
    uint64_t uid;
    uint8_t flags; /* 2: serializable, 1: writes its own data behind its fields */
    enum java_class super;
    const char *fields; /* "<type><name>[:<signature>]", separated by blanks */
} classes[CLASSES] = {
    [CLASS_OBJECTS] = {"[Ljava.lang.Object;", 0x90ce589f1073296c, 2, CLASS_NONE, ""},
    [CLASS_NUMBER] = {"java.lang.Number", 0x86ac951d0b94e08b, 2, CLASS_NONE, ""},
    [CLASS_SHORT] = {"java.lang.Short", 0x684d37133460da52, 2, CLASS_NUMBER, "Svalue"},
    [CLASS_INTEGER] = {"java.lang.Integer", 0x12e2a0a4f7818738, 2, CLASS_NUMBER, "Ivalue"},
    [CLASS_LONG] = {"java.lang.Long", 0x3b8be490cc8f23df, 2, CLASS_NUMBER, "Jvalue"},
    [CLASS_FLOAT] = {"java.lang.Float", 0xdaedc9a2db3cf0ec, 2, CLASS_NUMBER, "Fvalue"},
    [CLASS_DOUBLE] = {"java.lang.Double", 0x80b3c24a296bfb04, 2, CLASS_NUMBER, "Dvalue"},
    [CLASS_BOOLEAN] = {"java.lang.Boolean", 0xcd207280d59cfaee, 2, CLASS_NONE, "Zvalue"},
    [CLASS_UUID] = {"java.util.UUID", 0xbc9903f7986d852f, 2, CLASS_NONE,
                    "JleastSigBits JmostSigBits"},
    [CLASS_DECIMAL] = {"java.math.BigDecimal", 0x54c71557f981284f, 3, CLASS_NUMBER,
                       "Iscale LintVal:Ljava/math/BigInteger;"},
    [CLASS_BIGINT] = {"java.math.BigInteger", 0x8cfc9f1fa93bfb1d, 3, CLASS_NUMBER,
                      "IbitCount IbitLength IfirstNonzeroByteNum IlowestSetBit Isignum "
                      "[magnitude:[B"},
    [CLASS_BYTES] = {"[B", 0xacf317f8060854e0, 2, CLASS_NONE, ""},
    [CLASS_UTIL_DATE] = {"java.util.Date", 0x686a81014b597419, 3, CLASS_NONE, ""},
    [CLASS_SQL_DATE] = {"java.sql.Date", 0x14fa46683f356697, 2, CLASS_UTIL_DATE, ""},
};

/* Boxes that Java keeps one object of: the second time they are a reference. */
struct java_box {
    enum java_kind kind;
    int64_t value;
    uint32_t handle;
};

struct java_writer {
    struct buf *hex;
    uint32_t next; /* handle */
    uint32_t class_handles[CLASSES];
    struct java_box boxes[64];
    size_t nboxes;
};

static void
put_bytes(struct java_writer *w, const void *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = bytes;

    for (size_t i = 0; i < n; i++) {
        buf_putc(w->hex, digits[p[i] >> 4]);
        buf_putc(w->hex, digits[p[i] & 15]);
    }
}

/* The low n bytes of v, the highest first. */
static void
put_number(struct java_writer *w, uint64_t v, unsigned n)
{
    unsigned char b[8];

    for (unsigned i = 0; i < n; i++)
        b[i] = (unsigned char)(v >> (8 * (n - 1 - i)));
    put_bytes(w, b, n);
}

static void
put_name(struct java_writer *w, const char *s, size_t n)
{
    put_number(w, n, 2);
    put_bytes(w, s, n);
}

static void
put_fields(struct java_writer *w, const char *fields)
{
    uint64_t n = 0;

    for (const char *p = fields; *p; p++)
        n += p == fields || p[-1] == ' ';
    put_number(w, n, 2);
    while (*fields) {
        size_t len = strcspn(fields, " "), name = strcspn(fields, ": ");

        put_bytes(w, fields, 1);
        put_name(w, fields + 1, name - 1);
        if (name < len) {
            put_number(w, TC_STRING, 1);
            w->next++;
            put_name(w, fields + name + 1, len - name - 1);
        }
        fields += len + (fields[len] == ' ');
    }
}

static void
put_class(struct java_writer *w, enum java_class c)
{
    const struct java_class_row *row = &classes[c];

    if (c == CLASS_NONE) {
        put_number(w, TC_NULL, 1);
        return;
    }
    if (w->class_handles[c]) {
        put_number(w, TC_REFERENCE, 1);
        put_number(w, w->class_handles[c], 4);
        return;
    }
    put_number(w, TC_CLASSDESC, 1);
    put_name(w, row->name, strlen(row->name));
    put_number(w, row->uid, 8);
    w->class_handles[c] = w->next++;
    put_number(w, row->flags, 1);
    put_fields(w, row->fields);
    put_number(w, TC_ENDBLOCKDATA, 1);
    put_class(w, row->super);
}

static void
put_head(struct java_writer *w, uint8_t tag, enum java_class c)
{
    put_number(w, tag, 1);
    put_class(w, c);
    w->next++;
}

static void
put_byte_array(struct java_writer *w, const unsigned char *p, size_t n)
{
    put_head(w, TC_ARRAY, CLASS_BYTES);
    put_number(w, n, 4);
    put_bytes(w, p, n);
}

/* Java's modified UTF-8: characters beyond the basic plane as two surrogates of three bytes each. */
static void
put_string(struct java_writer *w, struct slice s)
{
    struct buf m;

    buf_init(&m, s.n * 2 + 16);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c >= 0xf0 && s.n - i >= 4) {
            unsigned cp = (c & 7u) << 18 | ((unsigned char)s.p[i + 1] & 63u) << 12 |
                          ((unsigned char)s.p[i + 2] & 63u) << 6 |
                          ((unsigned char)s.p[i + 3] & 63u);
            unsigned pair[2] = {0xd800 + ((cp - 0x10000) >> 10), 0xdc00 + ((cp - 0x10000) & 0x3ff)};

            for (unsigned k = 0; k < 2; k++) {
                buf_putc(&m, (char)(0xe0 | pair[k] >> 12));
                buf_putc(&m, (char)(0x80 | (pair[k] >> 6 & 63)));
                buf_putc(&m, (char)(0x80 | (pair[k] & 63)));
            }
            i += 3;
        } else {
            buf_putc(&m, (char)c);
        }
    }
    put_number(w, m.n > UINT16_MAX ? TC_LONGSTRING : TC_STRING, 1);
    w->next++;
    put_number(w, m.n, m.n > UINT16_MAX ? 8 : 2);
    put_bytes(w, m.p, m.n);
    buf_free(&m);
}

/* Integer, Long and Boolean objects of small values are the same object wherever they stand. */
static bool
put_box_again(struct java_writer *w, enum java_kind kind, int64_t value)
{
    if (kind == JAVA_SHORT || value < -128 || value > 127)
        return false;
    for (size_t i = 0; i < w->nboxes; i++)
        if (w->boxes[i].kind == kind && w->boxes[i].value == value) {
            put_number(w, TC_REFERENCE, 1);
            put_number(w, w->boxes[i].handle, 4);
            return true;
        }
    return false;
}

static void
keep_box(struct java_writer *w, enum java_kind kind, int64_t value)
{
    if (w->nboxes < sizeof(w->boxes) / sizeof(*w->boxes))
        w->boxes[w->nboxes++] = (struct java_box){kind, value, w->next - 1};
}

static bool
put_whole(struct java_writer *w, enum java_kind kind, struct slice text)
{
    static const struct {
        enum java_class class;
        unsigned bytes;
        int64_t min, max;
    } kinds[] = {
        [JAVA_SHORT] = {CLASS_SHORT, 2, INT16_MIN, INT16_MAX},
        [JAVA_INTEGER] = {CLASS_INTEGER, 4, INT32_MIN, INT32_MAX},
        [JAVA_LONG] = {CLASS_LONG, 8, INT64_MIN, INT64_MAX},
    };
    int64_t v;

    if (!num_parse_i64(text, &v) || v < kinds[kind].min || v > kinds[kind].max)
        return false;
    if (put_box_again(w, kind, v))
        return true;
    put_head(w, TC_OBJECT, kinds[kind].class);
    keep_box(w, kind, v);
    put_number(w, (uint64_t)v, kinds[kind].bytes);
    return true;
}

static bool
put_boolean(struct java_writer *w, struct slice text)
{
    bool v = slice_is(text, "t") || slice_is(text, "true");

    if (!v && !slice_is(text, "f") && !slice_is(text, "false"))
        return false;
    if (put_box_again(w, JAVA_BOOLEAN, v))
        return true;
    put_head(w, TC_OBJECT, CLASS_BOOLEAN);
    keep_box(w, JAVA_BOOLEAN, v);
    put_number(w, v, 1);
    return true;
}

static bool
put_float(struct java_writer *w, enum java_kind kind, struct slice text)
{
    char copy[64], *end;
    uint64_t bits = 0;

    if (text.n == 0 || text.n >= sizeof(copy))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (kind == JAVA_FLOAT) {
        float f = strtof(copy, &end);
        uint32_t b;

        memcpy(&b, &f, sizeof(b));
        bits = f != f ? 0x7fc00000 : b;
    } else {
        double d = strtod(copy, &end);

        memcpy(&bits, &d, sizeof(bits));
        if (d != d)
            bits = 0x7ff8000000000000;
    }
    if (*end)
        return false;
    put_head(w, TC_OBJECT, kind == JAVA_FLOAT ? CLASS_FLOAT : CLASS_DOUBLE);
    put_number(w, bits, kind == JAVA_FLOAT ? 4 : 8);
    return true;
}

static bool
put_uuid(struct java_writer *w, struct slice text)
{
    uint64_t half[2] = {0, 0};
    unsigned n = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '-')
            continue;
        if (num_hex_digit(text.p[i]) < 0 || n == 32)
            return false;
        half[n / 16] = half[n / 16] << 4 | (uint64_t)num_hex_digit(text.p[i]);
        n++;
    }
    if (n != 32)
        return false;
    put_head(w, TC_OBJECT, CLASS_UUID);
    put_number(w, half[1], 8);
    put_number(w, half[0], 8);
    return true;
}

/* "\x01ff" */
static bool
put_bytea(struct java_writer *w, struct slice text)
{
    unsigned char *bytes;
    size_t n = text.n / 2 - 1;
    bool ok = text.n >= 2 && text.n % 2 == 0 && text.p[0] == '\\' && text.p[1] == 'x';

    if (!ok)
        return false;
    bytes = mem_array(n + 1, 1);
    ok = num_unhex((struct slice){text.p + 2, text.n - 2}, bytes);
    if (ok)
        put_byte_array(w, bytes, n);
    free(bytes);
    return ok;
}

/* Digits in base 10 → magnitude in base 256, the highest byte first; how many bytes. */
static size_t
magnitude(const char *digits, size_t n, unsigned char *out)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned carry = (unsigned)(digits[i] - '0');

        for (size_t k = 0; k < len; k++) {
            carry += out[k] * 10u;
            out[k] = (unsigned char)carry;
            carry >>= 8;
        }
        if (carry)
            out[len++] = (unsigned char)carry;
    }
    for (size_t k = 0; k < len / 2; k++) {
        unsigned char swap = out[k];

        out[k] = out[len - 1 - k];
        out[len - 1 - k] = swap;
    }
    return len;
}

static void
put_bigint(struct java_writer *w, bool negative, const unsigned char *bytes, size_t n)
{
    put_head(w, TC_OBJECT, CLASS_BIGINT);
    put_number(w, (uint64_t)-1, 4); /* bitCount and the like are no longer read, but written */
    put_number(w, (uint64_t)-1, 4);
    put_number(w, (uint64_t)-2, 4);
    put_number(w, (uint64_t)-2, 4);
    put_number(w, n == 0 ? 0 : negative ? (uint64_t)-1 : 1, 4);
    put_byte_array(w, bytes, n);
    put_number(w, TC_ENDBLOCKDATA, 1);
}

static bool
put_decimal(struct java_writer *w, struct slice text)
{
    char *digits;
    unsigned char *bytes;
    size_t n = 0, scale = 0;
    bool negative = false, point = false, ok = text.n > 0 && text.n <= JAVA_DIGITS_MAX;

    if (!ok)
        return false;
    digits = mem_array(text.n, 1);
    for (size_t i = 0; ok && i < text.n; i++) {
        char c = text.p[i];

        if (c >= '0' && c <= '9') {
            digits[n++] = c;
            scale += point;
        } else if (c == '.' && !point) {
            point = true;
        } else if (c == '-' && n == 0) {
            negative = true;
        } else {
            ok = c == '$' || c == ','; /* money */
        }
    }
    if (ok && n > 0) {
        bytes = mem_array(n + 1, 1);
        put_head(w, TC_OBJECT, CLASS_DECIMAL);
        put_number(w, scale, 4);
        put_bigint(w, negative, bytes, magnitude(digits, n, bytes));
        put_number(w, TC_ENDBLOCKDATA, 1);
        free(bytes);
    }
    free(digits);
    return ok && n > 0;
}

static bool
put_date(struct java_writer *w, struct slice text)
{
    int64_t days;

    if (!java_days(text, &days))
        return false;
    put_head(w, TC_OBJECT, CLASS_SQL_DATE);
    put_number(w, TC_BLOCKDATA, 1);
    put_number(w, 8, 1);
    put_number(w, (uint64_t)(days * 86400000), 8);
    put_number(w, TC_ENDBLOCKDATA, 1);
    return true;
}

static bool
put_value(struct java_writer *w, const struct java_value *v)
{
    switch (v->kind) {
    case JAVA_NULL:
        put_number(w, TC_NULL, 1);
        return true;
    case JAVA_SHORT:
    case JAVA_INTEGER:
    case JAVA_LONG:
        return put_whole(w, v->kind, v->text);
    case JAVA_FLOAT:
    case JAVA_DOUBLE:
        return put_float(w, v->kind, v->text);
    case JAVA_BOOLEAN:
        return put_boolean(w, v->text);
    case JAVA_DECIMAL:
        return put_decimal(w, v->text);
    case JAVA_UUID:
        return put_uuid(w, v->text);
    case JAVA_DATE:
        return put_date(w, v->text);
    case JAVA_BYTES:
        return put_bytea(w, v->text);
    case JAVA_STRING:
    case JAVA_TIMESTAMP: /* pgjdbc hands them over as text */
        return false;
    }
    return false;
}

void
java_write(struct buf *hex, const struct java_value *v, size_t n)
{
    struct java_writer w = {.hex = hex, .next = JAVA_FIRST_HANDLE};

    put_number(&w, 0xaced0005, 4);
    if (!v) {
        put_number(&w, TC_NULL, 1);
        return;
    }
    put_head(&w, TC_ARRAY, CLASS_OBJECTS);
    put_number(&w, n, 4);
    for (size_t i = 0; i < n; i++)
        if (!put_value(&w, &v[i]))
            put_string(&w, v[i].text);
}

enum java_kind
java_kind_of(uint32_t type)
{
    static const struct {
        uint32_t oid;
        enum java_kind kind;
    } kinds[] = {
        {16, JAVA_BOOLEAN},  {17, JAVA_BYTES},  {20, JAVA_LONG},      {21, JAVA_INTEGER},
        {23, JAVA_INTEGER},  {26, JAVA_LONG},   {700, JAVA_FLOAT},    {701, JAVA_DOUBLE},
        {790, JAVA_DECIMAL}, {1082, JAVA_DATE}, {1700, JAVA_DECIMAL}, {2950, JAVA_UUID},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (kinds[i].oid == type)
            return kinds[i].kind;
    return JAVA_STRING;
}
