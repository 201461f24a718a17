#include "decoder/node_text.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/json_priv.h"
#include "decoder/pgtext_civil.h"

/* -------------------------------------------------------------------------------------------------------- strings */

void
node_unquote(struct buf *out, struct slice json)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";

    for (size_t i = 1; i + 1 < json.n; i++) {
        const char *short_form;

        if (json.p[i] != '\\') {
            buf_putc(out, json.p[i]);
        } else if (json.p[i + 1] == 'u') {
            i += json_put_unicode(out, json.p + i, json.n - i) - 1;
        } else {
            short_form = strchr(from, json.p[++i]);
            buf_putc(out, short_form ? to[short_form - from] : json.p[i]);
        }
    }
}

static int
node_base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

void
node_unbase64(struct buf *out, struct slice json)
{
    uint32_t bits = 0;
    unsigned n = 0;

    for (size_t i = 1; i + 1 < json.n; i++) {
        int digit = node_base64_digit(json.p[i]);

        if (digit < 0)
            continue;
        bits = bits << 6 | (uint32_t)digit;
        if (++n == 4) {
            buf_putc(out, (char)(bits >> 16));
            buf_putc(out, (char)(bits >> 8));
            buf_putc(out, (char)bits);
            n = 0;
        }
    }
    if (n == 3)
        buf_putc(out, (char)(bits >> 10));
    if (n >= 2)
        buf_putc(out, (char)(n == 3 ? bits >> 2 : bits >> 4));
}

/* ------------------------------------------------------------------------------------------------------- decimals */

bool
node_decimal_scale(const struct schema *s, int *scale)
{
    int64_t v = 0;

    if (!s || !s->name || strcmp(s->name, "org.apache.kafka.connect.data.Decimal") != 0)
        return false;
    for (size_t i = 0; i < s->nparams; i++)
        if (strcmp(s->params[i].name, "scale") == 0)
            (void)num_parse_i64(slice_of(s->params[i].value), &v);
    *scale = (int)v;
    return true;
}

/* Divides the big-endian magnitude by 10 in place; returns the remainder. */
static unsigned
node_divide_ten(unsigned char *v, size_t n)
{
    unsigned rest = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned part = rest << 8 | v[i];

        v[i] = (unsigned char)(part / 10);
        rest = part % 10;
    }
    return rest;
}

/* The digits of a two's complement number, without sign, least first. */
static void
node_digits(struct buf *digits, unsigned char *v, size_t n, bool negative)
{
    unsigned carry = negative;
    size_t top = 0;

    for (size_t i = n; negative && i-- > 0;) {
        unsigned sum = (unsigned char)~v[i] + carry;

        v[i] = (unsigned char)sum;
        carry = sum >> 8;
    }
    do {
        buf_putc(digits, (char)('0' + node_divide_ten(v + top, n - top)));
        while (top < n && v[top] == 0)
            top++;
    } while (top < n);
}

/* BigDecimal.toString: plain while the scale is not negative and the exponent not below -6, else with E. */
static void
node_put_decimal(struct buf *out, const struct buf *digits, int scale)
{
    long n = (long)digits->n, adjusted = n - 1 - scale;
    const char *d = digits->p;

    if (scale >= 0 && adjusted >= -6) {
        for (long i = n > scale ? n : scale + 1L; i-- > 0;) {
            buf_putc(out, i < n ? d[i] : '0');
            if (i == scale && scale > 0)
                buf_putc(out, '.');
        }
        return;
    }
    for (long i = n; i-- > 0;) {
        buf_putc(out, d[i]);
        if (i == n - 1 && n > 1)
            buf_putc(out, '.');
    }
    if (adjusted != 0)
        buf_printf(out, "E%+ld", adjusted);
}

void
node_decimal_text(struct buf *out, struct slice json, int scale)
{
    struct buf bytes, digits;
    bool negative;

    buf_init(&bytes, out->max);
    buf_init(&digits, out->max);
    node_unbase64(&bytes, json);
    negative = bytes.n && (bytes.p[0] & 0x80);
    node_digits(&digits, (unsigned char *)bytes.p, bytes.n, negative);
    if (negative)
        buf_putc(out, '-');
    node_put_decimal(out, &digits, scale);
    buf_free(&bytes);
    buf_free(&digits);
}

void
node_decimal_plain(struct buf *out, const struct node *n, struct slice json)
{
    int scale;

    if (!n->numeric && node_decimal_scale(n->schema, &scale))
        node_decimal_text(out, json, scale);
    else
        buf_slice(out, json);
}

/* ---------------------------------------------------------------------------------------------------------- dates */

enum { NODE_DAY_MS = 86400000 };

enum node_date
node_date_of(const struct schema *s)
{
    static const struct {
        const char *name;
        enum node_date kind;
    } dates[] = {
        {"org.apache.kafka.connect.data.Date", NODE_DATE},
        {"org.apache.kafka.connect.data.Time", NODE_TIME},
        {"org.apache.kafka.connect.data.Timestamp", NODE_TIMESTAMP},
    };

    for (size_t i = 0; s && s->name && i < sizeof(dates) / sizeof(*dates); i++)
        if (strcmp(s->name, dates[i].name) == 0)
            return dates[i].kind;
    return NODE_NO_DATE;
}

bool
node_date_ms(enum node_date kind, struct slice json, int64_t *ms)
{
    if (!num_parse_i64(json, ms))
        return false;
    return kind != NODE_DATE || !__builtin_mul_overflow(*ms, (int64_t)NODE_DAY_MS, ms);
}

void
node_date_text(struct buf *out, int64_t ms)
{
    int64_t days = ms / NODE_DAY_MS - (ms % NODE_DAY_MS < 0);
    unsigned of_day = (unsigned)(ms - days * NODE_DAY_MS);
    struct civil c = civil_from_days(days);

    if (ms >= NODE_DAY_MS)
        buf_printf(out, "%04lld-%02u-%02u", (long long)c.year, c.month, c.day);
    if (ms >= NODE_DAY_MS && of_day == 0)
        return;
    buf_printf(out, "%s%02u:%02u:%02u.%03uZ", ms >= NODE_DAY_MS ? "T" : "", of_day / 3600000,
               of_day / 60000 % 60, of_day / 1000 % 60, of_day % 1000);
}

/* -------------------------------------------------------------------------------------------------------- headers */

static enum node_got node_header_struct(const struct node *n, struct node_run *run,
                                        struct buf *out);

void
node_plain_text(const struct node *n, struct slice json, struct buf *out)
{
    enum node_date date = node_date_of(n->schema);
    int64_t ms;
    int scale;

    if (date != NODE_NO_DATE && node_date_ms(date, json, &ms)) {
        node_date_text(out, ms);
    } else if (node_decimal_scale(n->schema, &scale)) {
        node_decimal_plain(out, n, json);
    } else if (json.n && json.p[0] == '"') {
        node_unquote(out, json);
    } else {
        /* Numbers and words are no different from JSON's; lists and maps escape less. */
        json_put_header_text(out, json.p, json.n);
    }
}

/* Members of a struct: texts keep their quotes, dates and decimals are no longer what JsonConverter makes of them. */
static enum node_got
node_header_member(const struct node *n, struct node_run *run, struct buf *out)
{
    struct buf *b = &run->scratch[NODE_DEPTH_MAX];
    struct slice json;
    enum node_got got;
    int scale;

    if (n->kind == NODE_STRUCT)
        return node_header_struct(n, run, out);
    buf_clear(b);
    got = node_eval(n, run, b);
    json = buf_view(b);
    if (got == NODE_IS_NULL)
        buf_slice(out, n->schema && n->schema->def.n ? n->schema->def : SLICE_LIT("null"));
    else if (got == NODE_HAS_VALUE &&
             (node_date_of(n->schema) != NODE_NO_DATE || node_decimal_scale(n->schema, &scale) ||
              (n->schema && (n->schema->type == SCHEMA_FLOAT32 ||
                             n->schema->type == SCHEMA_FLOAT64)))) /* NaN and the infinities */
        node_plain_text(n, json, out);
    else if (got == NODE_HAS_VALUE)
        json_put_header_text(out, json.p, json.n);
    return got;
}

static enum node_got
node_header_struct(const struct node *n, struct node_run *run, struct buf *out)
{
    struct buf name;

    buf_init(&name, 1 << 20);
    buf_putc(out, '{');
    for (size_t i = 0; i < n->schema->nfields; i++) {
        if (i)
            buf_putc(out, ',');
        buf_clear(&name);
        json_str(&name, n->schema->fields[i].name);
        json_put_header_text(out, name.p, name.n);
        buf_putc(out, ':');
        if (node_header_member(n->members[i], run, out) == NODE_FAILED) {
            buf_free(&name);
            return NODE_FAILED;
        }
    }
    buf_putc(out, '}');
    buf_free(&name);
    return NODE_HAS_VALUE;
}

enum node_got
node_header_text(const struct node *n, struct node_run *run, struct buf *out)
{
    struct buf *b = &run->scratch[NODE_DEPTH_MAX];
    enum node_got got;

    if (n->kind == NODE_STRUCT)
        return node_header_struct(n, run, out);
    buf_clear(b);
    got = node_eval(n, run, b);
    if (got == NODE_HAS_VALUE)
        node_plain_text(n, buf_view(b), out);
    return got;
}

/* ------------------------------------------------------------------------------------------------- Java's toString */

/* Lists and maps, whose members have no nodes: {"a":1} is {a=1}, and there are spaces behind commas. */
static void
node_java_json(struct buf *out, struct slice json)
{
    bool braces[64] = {false};
    unsigned depth = 0;

    for (size_t i = 0; i < json.n; i++) {
        char ch = json.p[i];
        size_t from = i;

        switch (ch) {
        case '"':
            while (++i < json.n && json.p[i] != '"')
                i += json.p[i] == '\\';
            node_unquote(out, (struct slice){json.p + from, i + 1 - from});
            break;
        case '{':
        case '[':
            if (depth < 63)
                braces[++depth] = ch == '{';
            buf_putc(out, ch);
            break;
        case '}':
        case ']':
            depth -= depth > 0;
            buf_putc(out, ch);
            break;
        case ':':
            buf_putc(out, braces[depth] ? '=' : ':');
            break;
        case ',':
            BUF_LIT(out, ", ");
            break;
        default:
            buf_putc(out, ch);
        }
    }
}

/* java.util.Date.toString: "Sat Feb 29 12:34:56 UTC 2020". */
static void
node_java_date(struct buf *out, int64_t ms)
{
    static const char days[] = "ThuFriSatSunMonTueWed";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t day = ms / NODE_DAY_MS - (ms % NODE_DAY_MS < 0);
    unsigned s = (unsigned)(ms - day * NODE_DAY_MS) / 1000;
    struct civil c = civil_from_days(day);
    unsigned weekday = (unsigned)((day % 7 + 7) % 7);

    buf_printf(out, "%.3s %.3s %02u %02u:%02u:%02u UTC %04lld", days + 3 * (size_t)weekday,
               months + 3 * (size_t)(c.month - 1), c.day, s / 3600, s / 60 % 60, s % 60,
               (long long)c.year);
}

static enum node_got
node_java_struct(const struct node *n, struct node_run *run, struct buf *out)
{
    bool first = true;

    buf_str(out, n->bare ? "{" : "Struct{");
    for (size_t i = 0; i < n->schema->nfields; i++) {
        struct slice name = n->schema->fields[i].name;
        size_t at = out->n;
        enum node_got got;

        if (!first)
            buf_str(out, n->bare ? ", " : ",");
        buf_slice(out, name);
        buf_putc(out, '=');
        /* A map's null is said, a struct's is not; a struct's default is. */
        got = node_java_text(n->members[i], run, out);
        if (got == NODE_FAILED)
            return got;
        if (got == NODE_IS_NULL && n->bare)
            BUF_LIT(out, "null");
        if (got == NODE_IS_NULL && !n->bare)
            out->n = at;
        else
            first = false;
    }
    buf_putc(out, '}');
    return NODE_HAS_VALUE;
}

enum node_got
node_java_text(const struct node *n, struct node_run *run, struct buf *out)
{
    struct buf *b = &run->scratch[NODE_DEPTH_MAX];
    enum node_date date = node_date_of(n->schema);
    enum node_got got;
    int64_t ms;

    if (n->kind == NODE_STRUCT)
        return node_java_struct(n, run, out);
    buf_clear(b);
    got = node_eval(n, run, b);
    if (got != NODE_HAS_VALUE)
        return got;
    if (date != NODE_NO_DATE && node_date_ms(date, buf_view(b), &ms))
        node_java_date(out, ms);
    else if (b->n && (b->p[0] == '[' || b->p[0] == '{'))
        node_java_json(out, buf_view(b));
    else
        node_plain_text(n, buf_view(b), out);
    return got;
}
