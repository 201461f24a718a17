/* date, time, time with time zone, interval. */
#include <stdio.h>

#include "base/num.h"
#include "decoder/pgtext.h"
#include "decoder/pgtext_civil.h"

enum {
    DATE_TEXT = 10,
    TIME_TEXT = 8,
    TIME_TEXT_MAX = 15
}; /* "2020-02-29", "12:34:56", "12:34:56.789123" */

bool
civil_read_date(const char **p, const char *end, struct civil *c)
{
    const char *s = *p;
    unsigned bad = 0;
    int64_t year = 0;

    while (s < end && (unsigned char)(*s - '0') <= 9 && s - *p < 10)
        year = year * 10 + (*s++ - '0');
    if (s - *p < 4 || end - s < 6 || s[0] != '-' || s[3] != '-')
        return false;
    *c = (struct civil){year, civil_two(s + 1, &bad), civil_two(s + 4, &bad)};
    *p = s + 6;
    return !bad && c->month - 1 < 12 && c->day - 1 < 31;
}

bool
civil_read_time(const char **p, const char *end, struct clock_time *t)
{
    const char *s = *p;
    unsigned bad = 0, digits = 0, nanos = 0;

    if (end - s < 8 || s[2] != ':' || s[5] != ':')
        return false;
    *t = (struct clock_time){civil_two(s, &bad), civil_two(s + 3, &bad), civil_two(s + 6, &bad), 0};
    s += 8;
    if (s < end && *s == '.') {
        for (s++; s < end && (unsigned char)(*s - '0') <= 9 && digits < 9; s++, digits++)
            nanos = nanos * 10 + (unsigned)(*s - '0');
        bad |= digits == 0;
        for (; digits < 9; digits++)
            nanos *= 10;
        t->nanos = nanos;
    }
    *p = s;
    return !bad && t->hour <= 24 && t->minute < 60 && t->second <= 60;
}

bool
civil_read_offset(const char **p, const char *end, int *seconds)
{
    const char *s = *p;
    unsigned bad = 0, total;
    bool negative;

    if (end - s < 3 || (s[0] != '+' && s[0] != '-'))
        return false;
    negative = s[0] == '-';
    total = civil_two(s + 1, &bad) * 3600;
    s += 3;
    for (unsigned unit = 60; unit > 0 && end - s >= 3 && *s == ':'; unit /= 60, s += 3)
        total += civil_two(s + 1, &bad) * unit;
    *seconds = negative ? -(int)total : (int)total;
    *p = s;
    return !bad;
}

bool
civil_read_era(const char **p, const char *end, struct civil *c)
{
    if (end - *p != 3 || memcmp(*p, " BC", 3) != 0)
        return false;
    c->year = 1 - c->year;
    *p = end;
    return true;
}

static char *
civil_put_two(char *w, unsigned v)
{
    w[0] = (char)('0' + v / 10);
    w[1] = (char)('0' + v % 10);
    return w + 2;
}

void
civil_put_date(struct buf *out, struct civil c)
{
    uint64_t year = (uint64_t)(c.year < 0 ? -c.year : c.year);
    char text[NUM_U64_MAX + 8], *w = text;

    if (c.year < 0)
        *w++ = '-';
    else if (c.year > 9999)
        *w++ = '+';
    for (uint64_t limit = 1000; limit > 1 && year < limit; limit /= 10)
        *w++ = '0';
    w += num_u64(w, year);
    *w++ = '-';
    w = civil_put_two(w, c.month);
    *w++ = '-';
    w = civil_put_two(w, c.day);
    buf_add(out, text, (size_t)(w - text));
}

void
civil_put_time(struct buf *out, struct clock_time t)
{
    char text[24], *w = text;
    unsigned nanos = t.nanos;

    w = civil_put_two(w, t.hour);
    *w++ = ':';
    w = civil_put_two(w, t.minute);
    *w++ = ':';
    w = civil_put_two(w, t.second);
    if (nanos)
        *w++ = '.';
    for (unsigned unit = 100000000; nanos; nanos %= unit, unit /= 10)
        *w++ = (char)('0' + nanos / unit);
    buf_add(out, text, (size_t)(w - text));
}

/*
 * Infinite dates. A column's are the LocalDates that Debezium's stream uses; an array's elements
 * went through java.sql.Date, whose epoch day (106751991166 and -…) is cut to 32 bits.
 */
static const struct date_special {
    const char *text, *days, *iso, *array_days, *array_iso;
} date_specials[] = {
    {"infinity", "-2147472692", "\"-5877611-06-21Z\"", "-622191234", "\"+292278994-08-16Z\""},
    {"-infinity", "-2147472691", "\"-5877611-06-22Z\"", "-625821272", "\"+292269055-12-02Z\""},
};

static const struct date_special *
date_special(struct slice text)
{
    for (size_t i = 0; i < sizeof(date_specials) / sizeof(*date_specials); i++)
        if (slice_is(text, date_specials[i].text))
            return &date_specials[i];
    return NULL;
}

/* Within an array the era is lost, as in java.sql.Date.toLocalDate. */
static bool
date_parse(struct slice text, const struct bind_ctx *ctx, struct civil *c)
{
    const char *p = text.p, *end = text.p + text.n;
    int64_t year;

    if (!civil_read_date(&p, end, c))
        return false;
    year = c->year;
    if (p < end && !civil_read_era(&p, end, c))
        return false;
    if (ctx->in_array) {
        c->year = year;
        *c = civil_lenient(*c);
    }
    return true;
}

bool
text_date_days(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    const struct date_special *special;
    unsigned bad = 0, day = text.n == DATE_TEXT ? civil_two(text.p + 8, &bad) : 0;
    struct civil c;
    int64_t days;

    if (text.n == DATE_TEXT && !bad && !(ctx->in_array && memcmp(text.p, "1582-10-", 8) == 0) &&
        civil_fast_days(text.p, day, &days)) {
        num_add_i64(out, days);
        return true;
    }
    if (date_parse(text, ctx, &c)) {
        /* An int32, cut as Java casts: only dates that PostgreSQL cannot hold get there. */
        num_add_i64(out, (int32_t)(uint32_t)(uint64_t)civil_days(c));
        return true;
    }
    special = date_special(text);
    if (!special)
        return pgtext_bad(ctx, e);
    buf_str(out, ctx->in_array ? special->array_days : special->days);
    return true;
}

bool
text_date_iso(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    const struct date_special *special;
    struct civil c;

    if (date_parse(text, ctx, &c)) {
        buf_putc(out, '"');
        civil_put_date(out, c);
        BUF_LIT(out, "Z\"");
        return true;
    }
    special = date_special(text);
    if (!special)
        return pgtext_bad(ctx, e);
    buf_str(out, ctx->in_array ? special->array_iso : special->iso);
    return true;
}

static inline bool
time_fast(struct slice text, struct clock_time *t)
{
    uint64_t bad = 0, w;
    unsigned micros = 0;

    if (text.n < TIME_TEXT || text.n > TIME_TEXT_MAX)
        return false;
    w = civil_word(text.p, CIVIL_WORD('0', '0', ':', '0', '0', ':', '0', '0'),
                   CIVIL_WORD(CIVIL_DIGIT, CIVIL_DIGIT, CIVIL_SIGN, CIVIL_DIGIT, CIVIL_DIGIT,
                              CIVIL_SIGN, CIVIL_DIGIT, CIVIL_DIGIT),
                   &bad);
    if (bad || (text.n > TIME_TEXT &&
                !civil_fast_fraction(text.p + TIME_TEXT, text.n - TIME_TEXT, &micros)))
        return false;
    *t = (struct clock_time){civil_pair(w, 0), civil_pair(w, 3), civil_pair(w, 6), micros * 1000};
    return t->hour <= 24 && t->minute < 60 && t->second <= 60;
}

static bool
time_parse(struct slice text, const struct bind_ctx *ctx, struct clock_time *t, struct err *e)
{
    const char *p = text.p;

    if (time_fast(text, t) && !ctx->in_array)
        return true;
    if (!civil_read_time(&p, text.p + text.n, t) || p != text.p + text.n)
        return pgtext_bad(ctx, e);
    /* java.sql.Time has milliseconds and no 24 o'clock. */
    if (ctx->in_array) {
        t->hour %= 24;
        t->nanos -= t->nanos % 1000000;
    }
    return true;
}

static int64_t
time_seconds(const struct clock_time *t)
{
    return (int64_t)t->hour * 3600 + t->minute * 60 + t->second;
}

bool
text_time_ms(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    struct clock_time t;

    if (!time_parse(text, ctx, &t, e))
        return false;
    pgtext_put_i64(out, time_seconds(&t) * 1000 + t.nanos / 1000000);
    return true;
}

bool
text_time_us(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    struct clock_time t;

    if (!time_parse(text, ctx, &t, e))
        return false;
    pgtext_put_i64(out, time_seconds(&t) * 1000000 + t.nanos / 1000);
    return true;
}

bool
text_time_ns(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    struct clock_time t;

    if (!time_parse(text, ctx, &t, e))
        return false;
    pgtext_put_i64(out, time_seconds(&t) * 1000000000 + t.nanos);
    return true;
}

bool
text_time_iso(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    struct clock_time t;

    if (!time_parse(text, ctx, &t, e))
        return false;
    t.hour %= 24;
    buf_putc(out, '"');
    civil_put_time(out, t);
    BUF_LIT(out, "Z\"");
    return true;
}

/* Said in UTC; of an array's elements java.sql.Time keeps whole seconds. */
bool
text_timetz(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    const char *p = text.p, *end = text.p + text.n;
    struct clock_time t;
    int offset = 0;
    int64_t utc;

    if (!civil_read_time(&p, end, &t) || !civil_read_offset(&p, end, &offset) || p != end)
        return pgtext_bad(ctx, e);
    /* Offsets are below 100 hours, so five days more keep the remainder positive. */
    utc = (time_seconds(&t) - offset + INT64_C(5) * DAY_S) % DAY_S;
    t = (struct clock_time){(unsigned)(utc / 3600), (unsigned)(utc / 60 % 60), (unsigned)(utc % 60),
                            ctx->in_array ? 0 : t.nanos};
    buf_putc(out, '"');
    civil_put_time(out, t);
    BUF_LIT(out, "Z\"");
    return true;
}

struct interval {
    int64_t years, months, days, hours, minutes;
    int64_t seconds_us;
};

static bool
interval_number(const char **p, const char *end, bool *negative, int64_t *v)
{
    const char *s = *p, *start;
    struct slice digits;

    *negative = s < end && *s == '-';
    if (s < end && (*s == '-' || *s == '+'))
        s++;
    start = s;
    while (s < end && (unsigned char)(*s - '0') <= 9)
        s++;
    digits = (struct slice){start, (size_t)(s - start)};
    *p = s;
    /* Of PostgreSQL's fields none has more digits; it keeps the arithmetic below away from its
     * limits. */
    return digits.n <= 10 && num_parse_i64(digits, v);
}

/* The rest of [sign]hh:mm:ss[.ffffff] behind the hours; the sign is everybody's. */
static bool
interval_clock(const char **p, const char *end, bool negative, struct interval *iv)
{
    const char *s = *p;
    unsigned bad = 0, digits = 0;
    int64_t us = 0;

    if (end - s < 6 || s[3] != ':')
        return false;
    iv->minutes = civil_two(s + 1, &bad);
    iv->seconds_us = civil_two(s + 4, &bad) * INT64_C(1000000);
    s += 6;
    if (s < end && *s == '.') {
        for (s++; s < end && (unsigned char)(*s - '0') <= 9 && digits < 6; s++, digits++)
            us = us * 10 + (*s - '0');
        for (; digits < 6; digits++)
            us *= 10;
        iv->seconds_us += us;
    }
    if (negative) {
        iv->hours = -iv->hours;
        iv->minutes = -iv->minutes;
        iv->seconds_us = -iv->seconds_us;
    }
    *p = s;
    return !bad;
}

/* interval = [ n " year" ["s"] ] [ n " mon" ["s"] ] [ n " day" ["s"] ] [ [sign] h:mm:ss[.f] ] */
static bool
interval_parse(struct slice text, struct interval *iv)
{
    static const struct {
        const char *name;
        size_t n;
    } units[] = {{" year", 5}, {" mon", 4}, {" day", 4}};
    const char *p = text.p, *end = text.p + text.n;

    *iv = (struct interval){0};
    if (p == end)
        return false;
    while (p < end) {
        int64_t *fields[] = {&iv->years, &iv->months, &iv->days}, v;
        bool negative;
        size_t i = 0;

        if (!interval_number(&p, end, &negative, &v))
            return false;
        if (p < end && *p == ':') {
            iv->hours = v;
            return interval_clock(&p, end, negative, iv) && p == end;
        }
        while (i < 3 &&
               ((size_t)(end - p) < units[i].n || memcmp(p, units[i].name, units[i].n) != 0))
            i++;
        if (i == 3)
            return false;
        *fields[i] = negative ? -v : v;
        p += units[i].n;
        if (p < end && *p == 's')
            p++;
        if (p < end && *p++ != ' ')
            return false;
    }
    return true;
}

/*
 * io.debezium.time.MicroDuration: in doubles, step by step as there (another order gives other
 * last digits), a month being 365.25 / 12 days; the cast stops at the ends of a long.
 */
bool
text_interval_us(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    struct interval iv;
    double days, seconds, us;
    int64_t whole;

    if (!interval_parse(text, &iv))
        return pgtext_bad(ctx, e);
    whole = iv.seconds_us / 1000000;
    days = (double)(iv.years * 12 + iv.months) * (365.25 / 12.0) + (double)iv.days;
    seconds = (double)whole + (double)(iv.seconds_us % 1000000) / 1000000.0;
    us = (((days * 24 + (double)iv.hours) * 60 + (double)iv.minutes) * 60 + seconds) * 1e6;
    num_add_i64(out, us >= 9223372036854775808.0    ? INT64_MAX
                     : us <= -9223372036854775808.0 ? INT64_MIN
                                                    : (int64_t)us);
    return true;
}

static void
interval_put_head(struct buf *out, const struct interval *iv)
{
    BUF_LIT(out, "\"P");
    num_add_i64(out, iv->years);
    buf_putc(out, 'Y');
    num_add_i64(out, iv->months);
    buf_putc(out, 'M');
    num_add_i64(out, iv->days);
    BUF_LIT(out, "DT");
    num_add_i64(out, iv->hours);
    buf_putc(out, 'H');
    num_add_i64(out, iv->minutes);
    buf_putc(out, 'M');
}

/*
 * BigDecimal.valueOf(whole + fraction), rounded down at nine digits: where the sum of the doubles is less than the decimal's
 * double, its text ends in nines. It is never a microsecond off, so that its digits need not be written to know them.
 */
bool
text_interval_iso(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    struct interval iv;
    int64_t us, ns, whole, unit = 100000000;

    if (!interval_parse(text, &iv))
        return pgtext_bad(ctx, e);
    interval_put_head(out, &iv);
    us = iv.seconds_us;
    if (us < 0) {
        buf_putc(out, '-');
        us = -us;
    }
    whole = us / 1000000;
    ns = us * 1000;
    if ((double)whole + (double)(us % 1000000) / 1000000.0 < (double)us / 1000000.0)
        ns--;
    num_add_i64(out, ns / 1000000000);
    ns %= 1000000000;
    if (ns)
        buf_putc(out, '.');
    for (; ns; ns %= unit, unit /= 10)
        buf_putc(out, (char)('0' + ns / unit));
    BUF_LIT(out, "S\"");
    return true;
}

/* new BigDecimal(double), rounded down at nine digits: 0.29 s are 0.289999999. */
bool
text_interval_double(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    enum { INTERVAL_PLACES = 9, INTERVAL_EXACT = 60 };
    char digits[32 + INTERVAL_EXACT];
    struct interval iv;
    int64_t whole;
    size_t n;

    if (!interval_parse(text, &iv))
        return pgtext_bad(ctx, e);
    interval_put_head(out, &iv);
    whole = iv.seconds_us / 1000000;
    n = (size_t)snprintf(digits, sizeof(digits), "%.*f", INTERVAL_EXACT,
                         (double)whole + (double)(iv.seconds_us % 1000000) / 1000000.0);
    n -= INTERVAL_EXACT - INTERVAL_PLACES;
    while (digits[n - 1] == '0')
        n--;
    if (digits[n - 1] == '.')
        n--;
    buf_add(out, digits, n);
    BUF_LIT(out, "S\"");
    return true;
}
