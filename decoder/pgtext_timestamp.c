/*
 * timestamp and timestamp with time zone. The common form, a year of four digits and no era, is
 * checked and taken apart eight bytes at a time; everything else goes the long way, with the same
 * results.
 */
#include "base/num.h"
#include "decoder/pgtext.h"
#include "decoder/pgtext_civil.h"

enum {
    STAMP_MIN = 19,
    STAMP_MAX = 26
}; /* "2020-02-29 12:34:56" and the same with six digits of a fraction */

/* A moment: days and seconds apart, so that a year of nine digits does not overflow. */
struct stamp {
    struct civil date;
    struct clock_time time;
    int64_t days, second;
};

struct stamp_fast {
    int64_t seconds; /* since 1970 */
    unsigned micros;
};

/* "YYYY-MM-DD HH:MM:SS" at p; false when it is something else. */
static inline bool
stamp_read_fast(const char *p, int64_t *seconds)
{
    uint64_t bad = 0, w;
    unsigned low = 0, hour, minute, second;
    int64_t days;

    w = civil_word(p + 8, CIVIL_WORD('0', '0', ' ', '0', '0', ':', '0', '0'),
                   CIVIL_WORD(CIVIL_DIGIT, CIVIL_DIGIT, CIVIL_SIGN, CIVIL_DIGIT, CIVIL_DIGIT,
                              CIVIL_SIGN, CIVIL_DIGIT, CIVIL_DIGIT),
                   &bad);
    second = civil_two(p + 17, &low);
    hour = civil_pair(w, 3);
    minute = civil_pair(w, 6);
    if (bad || low || p[16] != ':' || hour > 24 || minute >= 60 || second > 60 ||
        !civil_fast_days(p, civil_pair(w, 0), &days))
        return false;
    *seconds = days * DAY_S + (int64_t)(hour * 3600 + minute * 60 + second);
    return true;
}

static inline bool
stamp_fast(struct slice text, struct stamp_fast *f)
{
    f->micros = 0;
    if (text.n < STAMP_MIN || text.n > STAMP_MAX || !stamp_read_fast(text.p, &f->seconds))
        return false;
    return text.n == STAMP_MIN ||
           civil_fast_fraction(text.p + STAMP_MIN, text.n - STAMP_MIN, &f->micros);
}

/* Debezium reads an array's elements through java.util.GregorianCalendar, Julian before
 * 1582-10-15. */
static bool
stamp_is_julian(struct civil c)
{
    return c.year < 1582 || (c.year == 1582 && (c.month < 10 || (c.month == 10 && c.day < 15)));
}

static bool
stamp_parse(struct slice text, const struct bind_ctx *ctx, struct stamp *s)
{
    const char *p = text.p, *end = text.p + text.n;

    if (!civil_read_date(&p, end, &s->date) || p == end || *p++ != ' ' ||
        !civil_read_time(&p, end, &s->time) || (p < end && !civil_read_era(&p, end, &s->date)))
        return false;
    if (ctx->in_array && stamp_is_julian(s->date)) {
        s->days = civil_julian_days(s->date);
        s->date = civil_from_days(s->days);
    } else {
        s->days = civil_days(s->date);
    }
    s->second = (int64_t)s->time.hour * 3600 + s->time.minute * 60 + s->time.second;
    return true;
}

/* The moments pgjdbc takes for infinity: 9223372036825200 and -9223372036832400 ms. */
static const struct stamp_special {
    const char *text, *ms, *us, *ns, *iso;
} stamp_specials[] = {
    {"infinity", "9223372036825200", "9223372036825200000", "9223372036854775807",
     "\"+294247-01-10T04:00:25.2Z\""},
    {"-infinity", "-9223372036832400", "-9223372036832400000", "-9223372036854775808",
     "\"-290308-12-21T19:59:27.6Z\""},
};

static const struct stamp_special *
stamp_special(struct slice text)
{
    for (size_t i = 0; i < sizeof(stamp_specials) / sizeof(*stamp_specials); i++)
        if (slice_is(text, stamp_specials[i].text))
            return &stamp_specials[i];
    return NULL;
}

bool
text_timestamp_ms(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    const struct stamp_special *special;
    struct stamp_fast f;
    struct stamp s;
    int64_t ms;

    if (!ctx->in_array && stamp_fast(text, &f)) {
        pgtext_put_i64(out, f.seconds * 1000 + f.micros / 1000);
        return true;
    }
    special = stamp_special(text);
    if (special) {
        buf_str(out, special->ms);
        return true;
    }
    if (!stamp_parse(text, ctx, &s) ||
        __builtin_mul_overflow(s.days * DAY_S + s.second, INT64_C(1000), &ms) ||
        __builtin_add_overflow(ms, (int64_t)(s.time.nanos / 1000000), &ms))
        return pgtext_bad(ctx, e);
    num_add_i64(out, ms);
    return true;
}

/*
 * Years from 294247 on: TimeUnit.SECONDS.toMicros stops at the largest long, and adding the
 * fraction to it wraps, as in Java. PostgreSQL's last timestamps do come here.
 */
bool
text_timestamp_us(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    const struct stamp_special *special;
    struct stamp_fast f;
    struct stamp s;
    int64_t seconds, us;

    if (!ctx->in_array && stamp_fast(text, &f)) {
        pgtext_put_i64(out, f.seconds * 1000000 + f.micros);
        return true;
    }
    special = stamp_special(text);
    if (special) {
        buf_str(out, special->us);
        return true;
    }
    if (!stamp_parse(text, ctx, &s))
        return pgtext_bad(ctx, e);
    seconds = s.days * DAY_S + s.second;
    if (__builtin_mul_overflow(seconds, INT64_C(1000000), &us))
        us = seconds < 0 ? INT64_MIN : INT64_MAX;
    num_add_i64(out, (int64_t)((uint64_t)us + s.time.nanos / 1000));
    return true;
}

/* What does not fit a long of nanoseconds, before 1677 and after 2262, Debezium cannot say. */
bool
text_timestamp_ns(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    const struct stamp_special *special = stamp_special(text);
    struct stamp s;
    int64_t ns;

    if (special) {
        buf_str(out, special->ns);
        return true;
    }
    if (!stamp_parse(text, ctx, &s) ||
        __builtin_mul_overflow(s.days * DAY_S + s.second, INT64_C(1000000000), &ns) ||
        __builtin_add_overflow(ns, (int64_t)s.time.nanos, &ns))
        return pgtext_bad(ctx, e);
    num_add_i64(out, ns);
    return true;
}

bool
text_timestamp_iso(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    const struct stamp_special *special = stamp_special(text);
    struct stamp s;

    if (special) {
        buf_str(out, special->iso);
        return true;
    }
    if (!stamp_parse(text, ctx, &s) || s.time.hour == 24 || s.time.second == 60)
        return pgtext_bad(ctx, e);
    buf_putc(out, '"');
    civil_put_date(out, s.date);
    buf_putc(out, 'T');
    civil_put_time(out, s.time);
    BUF_LIT(out, "Z\"");
    return true;
}

/*
 * The fraction, always with the column's number of digits. A column without has no value with a fraction, but may have such a
 * default: as many digits as that has.
 */
static void
stamp_put_fraction(struct buf *out, unsigned nanos, int digits)
{
    if (digits == 0 && nanos > 0) {
        digits = 9;
        for (unsigned rest = nanos; rest % 10 == 0; rest /= 10)
            digits--;
    }
    if (digits > 0)
        buf_putc(out, '.');
    for (unsigned unit = 100000000; digits > 0 && unit > 0; digits--, unit /= 10) {
        buf_putc(out, (char)('0' + nanos / unit));
        nanos %= unit;
    }
}

static bool
stamp_tz_slow(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    const char *p = text.p, *end = text.p + text.n;
    struct civil date;
    struct clock_time t;
    int offset = 0;
    int64_t seconds, year;

    if (slice_is(text, "infinity") || (slice_is(text, "-infinity") && !ctx->in_array)) {
        buf_putc(out, '"');
        buf_slice(out, text);
        buf_putc(out, '"');
        return true;
    }
    buf_putc(out, '"');
    if (slice_is(text, "-infinity")) {
        /* java.sql.Timestamp's beginning with its era lost; so are those of other elements. */
        BUF_LIT(out, "+292269055-12-02T23:00:00");
        stamp_put_fraction(out, 0, ctx->digits);
        BUF_LIT(out, "Z\"");
        return true;
    }
    if (!civil_read_date(&p, end, &date) || p == end || *p++ != ' ' ||
        !civil_read_time(&p, end, &t) || !civil_read_offset(&p, end, &offset))
        return pgtext_bad(ctx, e);
    year = date.year;
    if (p < end && !civil_read_era(&p, end, &date))
        return pgtext_bad(ctx, e);
    if (ctx->in_array) {
        date.year = year;
        date = civil_lenient(date);
    }
    seconds = civil_days(date) * DAY_S + (int64_t)t.hour * 3600 + t.minute * 60 + t.second - offset;
    date = civil_from_days((seconds >= 0 ? seconds : seconds - (DAY_S - 1)) / DAY_S);
    seconds = ((seconds % DAY_S) + DAY_S) % DAY_S;
    civil_put_date(out, date);
    buf_putc(out, 'T');
    civil_put_time(out,
                   (struct clock_time){(unsigned)(seconds / 3600), (unsigned)(seconds / 60 % 60),
                                       (unsigned)(seconds % 60), 0});
    stamp_put_fraction(out, t.nanos, ctx->digits);
    BUF_LIT(out, "Z\"");
    return true;
}

/* "2020-02-29 07:04:56.789+00" is nearly what it becomes: "2020-02-29T07:04:56.789000Z". */
bool
text_timestamptz(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    size_t stamp = text.n - 3, digits = stamp > STAMP_MIN ? stamp - STAMP_MIN - 1 : 0;
    static const char zeros[7] = {'.', '0', '0', '0', '0', '0', '0'};
    int64_t seconds;
    unsigned micros;
    char *w;

    if (text.n < STAMP_MIN + 3 || text.n > STAMP_MAX + 3 || memcmp(text.p + stamp, "+00", 3) != 0 ||
        digits > (size_t)ctx->digits || !stamp_read_fast(text.p, &seconds) ||
        memcmp(text.p + 11, "24", 2) == 0 || (ctx->in_array && memcmp(text.p, "1582-10-", 8) == 0))
        return stamp_tz_slow(out, text, ctx, e);
    w = buf_room(out, STAMP_MAX + 3);
    if (!w)
        return false;
    *w++ = '"';
    memcpy(w, text.p, STAMP_MIN);
    w[10] = 'T';
    w += STAMP_MIN;
    if (stamp > STAMP_MIN &&
        (ctx->digits == 0 || !civil_fast_fraction(text.p + STAMP_MIN, stamp - STAMP_MIN, &micros)))
        return pgtext_bad(ctx, e);
    if (ctx->digits > 0) {
        memcpy(w, zeros, sizeof(zeros));
        memcpy(w, text.p + STAMP_MIN, stamp - STAMP_MIN);
        w += 1 + ctx->digits;
    }
    *w++ = 'Z';
    *w++ = '"';
    buf_took(out, (size_t)(w - (out->p + out->n)));
    return true;
}

bool
text_timestamptz_short(struct buf *out, struct slice text, const struct bind_ctx *ctx,
                       struct err *e)
{
    static const char zone[] = "Z\"";
    size_t n = sizeof(zone) - 1;

    if (!text_timestamptz(out, text, ctx, e))
        return false;
    if (!buf_ok(out) || memcmp(out->p + out->n - n, zone, n) != 0) /* infinity */
        return true;
    out->n -= n;
    while (out->p[out->n - 1] == '0' && ctx->digits > 0)
        out->n--;
    if (out->p[out->n - 1] == '.')
        out->n--;
    buf_add(out, zone, n);
    return true;
}
