#include "sinks/bigquery/values.h"

#include <stdint.h>

#include "base/json.h"
#include "base/num.h"

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

static void
quoted(struct buf *out, struct slice text)
{
    buf_putc(out, '"');
    buf_slice(out, text);
    buf_putc(out, '"');
}

bool
bq_write_bool(struct buf *out, struct slice text)
{
    if (slice_is(text, "t"))
        BUF_LIT(out, "true");
    else if (slice_is(text, "f"))
        BUF_LIT(out, "false");
    else
        return false;
    return true;
}

bool
bq_write_bool_text(struct buf *out, struct slice text)
{
    bool ok;

    buf_putc(out, '"');
    ok = bq_write_bool(out, text);
    buf_putc(out, '"');
    return ok;
}

bool
bq_write_bit(struct buf *out, struct slice text)
{
    if (slice_is(text, "1"))
        BUF_LIT(out, "true");
    else if (slice_is(text, "0"))
        BUF_LIT(out, "false");
    else
        return false;
    return true;
}

static bool
is_int(struct slice s)
{
    size_t i = s.n && s.p[0] == '-';

    if (i == s.n)
        return false;
    for (; i < s.n; i++) {
        if (!is_digit(s.p[i]))
            return false;
    }
    return true;
}

bool
bq_write_int(struct buf *out, struct slice text)
{
    if (!is_int(text))
        return false;
    /* JSON numbers pass through doubles on the way; 15 digits always survive that, longer ones go as strings. */
    if (text.n <= 15)
        buf_slice(out, text);
    else
        quoted(out, text);
    return true;
}

bool
bq_write_int_text(struct buf *out, struct slice text)
{
    if (!is_int(text))
        return false;
    quoted(out, text);
    return true;
}

bool
bq_write_float(struct buf *out, struct slice text)
{
    if (slice_is(text, "NaN") || slice_is(text, "Infinity") || slice_is(text, "-Infinity")) {
        quoted(out, text);
        return true;
    }
    if (text.n == 0 || !(is_digit(text.p[0]) || text.p[0] == '-') || !is_digit(text.p[text.n - 1]))
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (!is_digit(text.p[i]) && !one_of(text.p[i], "+-.e"))
            return false;
    }
    /* PostgreSQL's shortest text ("1e-05", "0.1") is a JSON number as it stands. */
    buf_slice(out, text);
    return true;
}

/*
 * [-]digits[.digits]: the digits in front without leading zeros, and those behind without trailing ones.
 */
static bool
split_decimal(struct slice s, struct slice *whole, struct slice *fraction)
{
    size_t i = s.n && s.p[0] == '-', start, point, end = s.n;

    for (; i < s.n && s.p[i] == '0'; i++)
        ;
    for (start = i; i < s.n && is_digit(s.p[i]); i++)
        ;
    *whole = (struct slice){s.p + start, i - start};
    *fraction = (struct slice){s.p + s.n, 0};
    if (i == s.n)
        return s.n > 0 && is_digit(s.p[s.n - 1]);
    if (s.p[i] != '.')
        return false;
    point = ++i;
    for (; i < s.n; i++) {
        if (!is_digit(s.p[i]))
            return false;
    }
    while (end > point && s.p[end - 1] == '0')
        end--;
    *fraction = (struct slice){s.p + point, end - point};
    return s.n > point;
}

bool
bq_write_numeric(struct buf *out, struct slice text)
{
    struct slice whole, fraction;

    if (!split_decimal(text, &whole, &fraction) || whole.n > 29 || fraction.n > 9)
        return false;
    quoted(out, text);
    return true;
}

bool
bq_write_bignumeric(struct buf *out, struct slice text)
{
    /* The whole digits of the largest value, 2^255 / 10^38. */
    static const char largest[] = "578960446186580977117854925043439539266";
    struct slice whole, fraction;

    if (!split_decimal(text, &whole, &fraction) || fraction.n > 38 || whole.n > sizeof(largest) - 1)
        return false;
    if (whole.n == sizeof(largest) - 1 && memcmp(whole.p, largest, whole.n) >= 0)
        return false;
    quoted(out, text);
    return true;
}

bool
bq_write_text(struct buf *out, struct slice text)
{
    json_str(out, text);
    return true;
}

bool
bq_write_bytea(struct buf *out, struct slice text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = text.n / 2 - 1;
    char *w;

    if (text.n < 2 || text.p[0] != '\\' || text.p[1] != 'x' || text.n % 2 != 0)
        return false;
    w = buf_room(out, (n + 2) / 3 * 4 + 2);
    if (!w)
        return true; /* the buffer is full for good; its owner will see */
    *w++ = '"';
    for (size_t i = 0; i < n; i += 3) {
        uint32_t bits = 0;
        unsigned have = n - i < 3 ? (unsigned)(n - i) : 3;

        for (unsigned k = 0; k < have; k++) {
            const char *p = text.p + 2 + 2 * (i + k);
            int hi = num_hex_digit(p[0]), lo = num_hex_digit(p[1]);

            if (hi < 0 || lo < 0)
                return false;
            bits |= (uint32_t)(hi * 16 + lo) << (16 - 8 * k);
        }
        *w++ = digits[bits >> 18];
        *w++ = digits[(bits >> 12) & 63];
        *w++ = have > 1 ? digits[(bits >> 6) & 63] : '=';
        *w++ = have > 2 ? digits[bits & 63] : '=';
    }
    *w = '"';
    buf_took(out, (n + 2) / 3 * 4 + 2);
    return true;
}

/* True when s begins like the pattern: '0' stands for a digit, anything else for itself. */
static bool
looks_like(struct slice s, const char *pattern)
{
    for (size_t i = 0; pattern[i]; i++) {
        if (i >= s.n || (pattern[i] == '0' ? !is_digit(s.p[i]) : s.p[i] != pattern[i]))
            return false;
    }
    return true;
}

/*
 * "2026-11-21 10:34:05[.123456][+00]" → day, clock, zone. Years beyond 9999 have more digits, " BC" stands at the end,
 * "infinity" is no date at all: none of them has this form.
 */
static bool
split_timestamp(struct slice s, struct slice *day, struct slice *clock, struct slice *zone)
{
    size_t i = 19;

    if (!looks_like(s, "0000-00-00 00:00:00"))
        return false;
    if (i < s.n && s.p[i] == '.') {
        for (i++; i < s.n && is_digit(s.p[i]); i++)
            ;
    }
    *day = (struct slice){s.p, 10};
    *clock = (struct slice){s.p + 11, i - 11};
    *zone = (struct slice){s.p + i, s.n - i};
    return zone->n == 0 || looks_like(*zone, "+00") || looks_like(*zone, "-00");
}

static void
add_stamp(struct buf *out, struct slice day, struct slice clock, const char *end)
{
    buf_putc(out, '"');
    buf_slice(out, day);
    buf_putc(out, 'T');
    buf_slice(out, clock);
    buf_str(out, end);
}

bool
bq_write_date(struct buf *out, struct slice text)
{
    struct slice day = {text.p, 10}, clock, zone;

    if (!(text.n == 10 && looks_like(text, "0000-00-00"))) {
        if (!split_timestamp(text, &day, &clock, &zone) || (zone.n != 0 && zone.n != 3))
            return false;
    }
    quoted(out, day);
    return true;
}

bool
bq_write_datetime(struct buf *out, struct slice text)
{
    struct slice day, clock, zone;

    if (!split_timestamp(text, &day, &clock, &zone) || !(zone.n == 0 || slice_is(zone, "+00")))
        return false;
    add_stamp(out, day, clock, "\"");
    return true;
}

bool
bq_write_timestamp(struct buf *out, struct slice text)
{
    struct slice day, clock, zone;

    /* Every session of ours runs in UTC, so another offset is not PostgreSQL's text of this value. */
    if (!split_timestamp(text, &day, &clock, &zone) || !slice_is(zone, "+00"))
        return false;
    add_stamp(out, day, clock, "Z\"");
    return true;
}

bool
bq_write_utc_timestamp(struct buf *out, struct slice text)
{
    struct slice day, clock, zone;

    if (!split_timestamp(text, &day, &clock, &zone) || zone.n != 0)
        return false;
    add_stamp(out, day, clock, "Z\"");
    return true;
}

bool
bq_write_time(struct buf *out, struct slice text)
{
    size_t i = 9;

    if (!looks_like(text, "00:00:00") || looks_like(text, "24"))
        return false;
    if (text.n > 8) {
        if (text.p[8] != '.' || text.n == 9)
            return false;
        for (; i < text.n; i++) {
            if (!is_digit(text.p[i]))
                return false;
        }
    }
    quoted(out, text);
    return true;
}

/*
 * A JSON column holds integers of 64 bits exactly and rounds longer ones without a word; a document with such a number
 * is refused here instead.
 */
static bool
json_integers_fit(struct slice s)
{
    bool in_string = false;

    for (size_t i = 0; i < s.n; i++) {
        size_t start = i;
        uint64_t u;
        int64_t v;

        if (in_string) {
            if (s.p[i] == '\\')
                i++;
            else if (s.p[i] == '"')
                in_string = false;
            continue;
        }
        if (s.p[i] == '"')
            in_string = true;
        if (!is_digit(s.p[i]) && s.p[i] != '-')
            continue;
        for (i++; i < s.n && is_digit(s.p[i]); i++)
            ;
        if (i < s.n && one_of(s.p[i], ".eE")) {
            for (i++; i < s.n && (is_digit(s.p[i]) || one_of(s.p[i], "+-eE")); i++)
                ;
        } else if (i - start > 18 && !num_parse_i64((struct slice){s.p + start, i - start}, &v) &&
                   !num_parse_u64((struct slice){s.p + start, i - start}, &u)) {
            return false;
        }
        i--;
    }
    return true;
}

bool
bq_write_json(struct buf *out, struct slice text)
{
    if (!json_integers_fit(text))
        return false;
    json_str(out, text);
    return true;
}

bool
bq_write_json_raw(struct buf *out, struct slice text)
{
    if (!json_integers_fit(text))
        return false;
    buf_slice(out, text);
    return true;
}

/* One quoted item of hstore's output, from its opening quote: "a\"b" with backslashes before '"' and '\'. */
static bool
hstore_item(struct slice s, size_t *i, struct buf *doc)
{
    struct buf raw;

    if (*i >= s.n || s.p[*i] != '"')
        return false;
    buf_init(&raw, s.n + 1);
    for (++*i; *i < s.n && s.p[*i] != '"'; ++*i) {
        if (s.p[*i] == '\\' && *i + 1 < s.n)
            ++*i;
        buf_putc(&raw, s.p[*i]);
    }
    json_str(doc, buf_view(&raw));
    buf_free(&raw);
    return (*i)++ < s.n;
}

/* "k"=>"v", "k2"=>NULL */
static bool
hstore_to_json(struct slice s, struct buf *doc)
{
    size_t i = 0;

    buf_putc(doc, '{');
    while (i < s.n) {
        if (!hstore_item(s, &i, doc) || !looks_like((struct slice){s.p + i, s.n - i}, "=>"))
            return false;
        i += 2;
        buf_putc(doc, ':');
        if (looks_like((struct slice){s.p + i, s.n - i}, "NULL")) {
            BUF_LIT(doc, "null");
            i += 4;
        } else if (!hstore_item(s, &i, doc)) {
            return false;
        }
        if (i == s.n)
            break;
        if (!looks_like((struct slice){s.p + i, s.n - i}, ", "))
            return false;
        buf_putc(doc, ',');
        i += 2;
    }
    buf_putc(doc, '}');
    return buf_ok(doc);
}

bool
bq_write_hstore(struct buf *out, struct slice text)
{
    struct buf doc;
    bool ok;

    buf_init(&doc, text.n * 6 + 16);
    ok = hstore_to_json(text, &doc);
    if (ok)
        json_str(out, buf_view(&doc));
    buf_free(&doc);
    return ok;
}

static void
two(char *p, unsigned v)
{
    p[0] = (char)('0' + v / 10 % 10);
    p[1] = (char)('0' + v % 10);
}

enum { STAMP_MAX = 32 };

/* Civil date from days since 1970 (Howard Hinnant's algorithm): years 1 to 9999, what BigQuery has. */
static bool
format_day(char *p, int64_t days)
{
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    unsigned day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
    int64_t year = (int64_t)yoe + era * 400 + (month <= 2);

    if (year < 1 || year > 9999)
        return false;
    two(p, (unsigned)(year / 100));
    two(p + 2, (unsigned)(year % 100));
    p[4] = p[7] = '-';
    two(p + 5, month);
    two(p + 8, day);
    return true;
}

/* µs since 1970 → "2026-11-21T10:34:05[.123456]"; returns the length, 0: out of range. */
static unsigned
format_us(char p[STAMP_MAX], int64_t us)
{
    const int64_t day_us = INT64_C(86400000000);
    int64_t days = us / day_us - (us % day_us < 0), rest = us - days * day_us;
    unsigned sec = (unsigned)(rest / 1000000), frac = (unsigned)(rest % 1000000);

    if (!format_day(p, days))
        return 0;
    p[10] = 'T';
    two(p + 11, sec / 3600);
    two(p + 14, sec / 60 % 60);
    two(p + 17, sec % 60);
    p[13] = p[16] = ':';
    if (!frac)
        return 19;
    p[19] = '.';
    two(p + 20, frac / 10000);
    two(p + 22, frac / 100 % 100);
    two(p + 24, frac % 100);
    return 26;
}

static bool
write_epoch(struct buf *out, struct slice text, int64_t scale, const char *end)
{
    char stamp[STAMP_MAX];
    int64_t v;
    unsigned n;

    if (!num_parse_i64(text, &v) || __builtin_mul_overflow(v, scale, &v) ||
        (n = format_us(stamp, v)) == 0)
        return false;
    buf_putc(out, '"');
    buf_add(out, stamp, n);
    buf_str(out, end);
    return true;
}

bool
bq_write_ms_datetime(struct buf *out, struct slice text)
{
    return write_epoch(out, text, 1000, "\"");
}

bool
bq_write_ms_timestamp(struct buf *out, struct slice text)
{
    return write_epoch(out, text, 1000, "Z\"");
}

bool
bq_write_us_datetime(struct buf *out, struct slice text)
{
    return write_epoch(out, text, 1, "\"");
}

bool
bq_write_us_timestamp(struct buf *out, struct slice text)
{
    return write_epoch(out, text, 1, "Z\"");
}

bool
bq_write_ms_date(struct buf *out, struct slice text)
{
    char stamp[STAMP_MAX];
    int64_t v;

    if (!num_parse_i64(text, &v) || __builtin_mul_overflow(v, 1000, &v) || format_us(stamp, v) == 0)
        return false;
    quoted(out, (struct slice){stamp, 10});
    return true;
}
