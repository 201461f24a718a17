#include "decoder/date_format.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "decoder/pgtext_civil.h"

enum { DAY_MS = 86400000 };

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};

/* A pattern's next piece: n letters of one kind, or a text (letter 0). */
struct piece {
    char letter;
    unsigned n;
    struct slice text;
};

/* Moves *p behind it; false at the end. A text is one character, or what stands in quotes; '' is a quote. */
static bool
next_piece(const char **p, struct piece *out)
{
    const char *s = *p;

    *out = (struct piece){.text = SLICE_LIT("")};
    if (!*s)
        return false;
    if (isalpha((unsigned char)*s)) {
        out->letter = *s;
        while (**p == *s)
            ++*p, out->n++;
        return true;
    }
    if (*s == '\'' && s[1] != '\'') {
        const char *close = strchr(s + 1, '\'');

        out->text = (struct slice){s + 1, close ? (size_t)(close - s) - 1 : strlen(s + 1)};
        *p = close ? close + 1 : s + strlen(s);
        return true;
    }
    out->text = (struct slice){s, 1};
    *p = s + (*s == '\'' ? 2 : 1);
    return true;
}

bool
date_format_check(const char *pattern, struct err *e)
{
    struct piece piece;
    size_t quotes = 0;

    for (const char *q = pattern; *q; q++)
        quotes += *q == '\'';
    if (quotes % 2)
        return err_set(e, ERR_CONFIG, "config.value", "a quote in \"%s\" is not closed", pattern);
    for (const char *p = pattern; next_piece(&p, &piece);)
        if (piece.letter && !strchr("GyMdDHkKhmsSaEuzZX", piece.letter))
            return err_set(e, ERR_CONFIG, "config.value",
                           "the letter %c of \"%s\" is not known here; allowed are G y M d D H k K "
                           "h m s S a E u z Z X, and text in single quotes",
                           piece.letter, pattern);
    return true;
}

/* ------------------------------------------------------------------------------------------------------ printing */

static void
put_name(struct buf *out, const char *name, unsigned n)
{
    buf_add(out, name, n >= 4 ? strlen(name) : 3);
}

static void
put_number(struct buf *out, int64_t v, unsigned width)
{
    buf_printf(out, "%0*lld", (int)width, (long long)v);
}

static void
put_zone(struct buf *out, char letter)
{
    buf_str(out, letter == 'z' ? "UTC" : letter == 'Z' ? "+0000" : "Z");
}

static void
put_piece(struct buf *out, const struct piece *p, int64_t days, unsigned of_day)
{
    struct civil c = civil_from_days(days);
    unsigned hour = of_day / 3600000;
    int64_t year = c.year > 0 ? c.year : 1 - c.year;
    unsigned weekday = (unsigned)(((days + 4) % 7 + 7) % 7);

    switch (p->letter) {
    case 'G':
        buf_str(out, c.year > 0 ? "AD" : "BC");
        break;
    case 'y':
        put_number(out, p->n == 2 ? year % 100 : year, p->n);
        break;
    case 'M':
        if (p->n >= 3)
            put_name(out, month_names[c.month - 1], p->n);
        else
            put_number(out, c.month, p->n);
        break;
    case 'd':
        put_number(out, c.day, p->n);
        break;
    case 'D':
        put_number(out, days - civil_days((struct civil){c.year, 1, 1}) + 1, p->n);
        break;
    case 'H':
        put_number(out, hour, p->n);
        break;
    case 'k':
        put_number(out, hour ? hour : 24, p->n);
        break;
    case 'K':
        put_number(out, hour % 12, p->n);
        break;
    case 'h':
        put_number(out, hour % 12 ? hour % 12 : 12, p->n);
        break;
    case 'm':
        put_number(out, of_day / 60000 % 60, p->n);
        break;
    case 's':
        put_number(out, of_day / 1000 % 60, p->n);
        break;
    case 'S':
        put_number(out, of_day % 1000, p->n);
        break;
    case 'a':
        buf_str(out, hour < 12 ? "AM" : "PM");
        break;
    case 'E':
        put_name(out, day_names[weekday], p->n);
        break;
    case 'u':
        put_number(out, weekday ? weekday : 7, p->n);
        break;
    case 'z':
    case 'Z':
    case 'X':
        put_zone(out, p->letter);
        break;
    default:
        buf_slice(out, p->text);
    }
}

void
date_format_put(struct buf *out, const char *pattern, int64_t ms)
{
    int64_t days = ms / DAY_MS - (ms % DAY_MS < 0);
    struct piece piece;

    for (const char *p = pattern; next_piece(&p, &piece);)
        put_piece(out, &piece, days, (unsigned)(ms - days * DAY_MS));
}

/* ------------------------------------------------------------------------------------------------------- parsing */

struct parsed {
    int64_t year, month, day, of_year, hour, hour12, minute, second, ms, offset_min;
    bool has_hour12, pm, bc;
};

/* Digits with an optional minus; at most `width` of them when others follow directly, 0: any number. */
static bool
take_number(const char **p, const char *end, unsigned width, int64_t *out)
{
    const char *s = *p;
    bool negative;
    int64_t v = 0;
    unsigned n = 0;

    while (s < end && (*s == ' ' || *s == '\t'))
        s++;
    negative = s < end && *s == '-';
    s += negative;
    for (; s < end && isdigit((unsigned char)*s) && (width == 0 || n < width) && n < 18; n++)
        v = v * 10 + (*s++ - '0');
    *out = negative ? -v : v;
    *p = s;
    return n > 0;
}

/* The name that the text begins with, the long ones first; -1: none. */
static int
take_name(const char **p, const char *end, const char *const *names, int n)
{
    for (int shorter = 0; shorter < 2; shorter++)
        for (int i = 0; i < n; i++) {
            size_t len = shorter ? 3 : strlen(names[i]);

            if ((size_t)(end - *p) >= len && strncasecmp(*p, names[i], len) == 0) {
                *p += len;
                return i;
            }
        }
    return -1;
}

/* "Z", "UTC", "GMT", "+01", "+0100", "+01:00", "GMT+1:00" */
static bool
take_zone(const char **p, const char *end, int64_t *offset_min)
{
    static const char *const words[] = {"UTC", "GMT", "Z"};
    const char *s = *p;
    int64_t hours = 0, minutes = 0;
    bool word = false, negative;

    for (size_t i = 0; i < 3 && !word; i++) {
        size_t n = strlen(words[i]);

        word = (size_t)(end - s) >= n && strncasecmp(s, words[i], n) == 0;
        s += word ? n : 0;
    }
    if (s == end || (*s != '+' && *s != '-')) {
        *p = s;
        return word;
    }
    negative = *s++ == '-';
    if (!take_number(&s, end, 2, &hours))
        return false;
    if (s < end && *s == ':')
        s++;
    if (s < end && isdigit((unsigned char)*s))
        take_number(&s, end, 2, &minutes);
    *offset_min = (hours * 60 + minutes) * (negative ? -1 : 1);
    *p = s;
    return true;
}

static bool
take_year(const char **p, const char *end, const struct piece *piece, unsigned width,
          struct parsed *d)
{
    const char *from = *p;

    if (!take_number(p, end, width, &d->year))
        return false;
    /* Two digits are of the century that ends 20 years from now; the program has no clock here, so 2046. */
    if (piece->n <= 2 && *p - from == 2)
        d->year += d->year < 46 ? 2000 : 1900;
    return true;
}

static bool
take_hour12(const char **p, const char *end, unsigned width, struct parsed *d)
{
    d->has_hour12 = true;
    if (!take_number(p, end, width, &d->hour12))
        return false;
    d->hour12 %= 12;
    return true;
}

static bool
take_half(const char **p, const char *end, struct parsed *d)
{
    if (end - *p < 2 || (strncasecmp(*p, "AM", 2) != 0 && strncasecmp(*p, "PM", 2) != 0))
        return false;
    d->pm = (**p | 0x20) == 'p';
    *p += 2;
    return true;
}

static bool
take_month(const char **p, const char *end, const struct piece *piece, unsigned width,
           struct parsed *d)
{
    if (piece->n < 3)
        return take_number(p, end, width, &d->month);
    d->month = take_name(p, end, month_names, 12) + 1;
    return d->month > 0;
}

static bool
take_piece(const char **p, const char *end, const struct piece *piece, unsigned width,
           struct parsed *d)
{
    int64_t ignored;

    switch (piece->letter) {
    case 'y':
        return take_year(p, end, piece, width, d);
    case 'M':
        return take_month(p, end, piece, width, d);
    case 'd':
        return take_number(p, end, width, &d->day);
    case 'D':
        return take_number(p, end, width, &d->of_year);
    case 'H':
        return take_number(p, end, width, &d->hour);
    case 'k':
        if (!take_number(p, end, width, &d->hour))
            return false;
        d->hour %= 24;
        return true;
    case 'K':
    case 'h':
        return take_hour12(p, end, width, d);
    case 'm':
        return take_number(p, end, width, &d->minute);
    case 's':
        return take_number(p, end, width, &d->second);
    case 'S':
        return take_number(p, end, width, &d->ms);
    case 'u':
        return take_number(p, end, width, &ignored);
    case 'E':
        return take_name(p, end, day_names, 7) >= 0;
    case 'a':
        return take_half(p, end, d);
    case 'G':
        if (end - *p < 2)
            return false;
        d->bc = (**p | 0x20) == 'b';
        *p += 2;
        return true;
    default:
        return take_zone(p, end, &d->offset_min);
    }
}

static int64_t
parsed_ms(const struct parsed *d)
{
    int64_t months = (d->bc ? 1 - d->year : d->year) * 12 + d->month - 1;
    int64_t year = months / 12 - (months % 12 < 0), days;

    days = civil_days((struct civil){year, (unsigned)(months - year * 12) + 1, 1}) + d->day - 1;
    if (d->of_year)
        days = civil_days((struct civil){year, 1, 1}) + d->of_year - 1;
    return days * DAY_MS +
           ((d->has_hour12 ? d->hour12 + (d->pm ? 12 : 0) : d->hour) * 60 + d->minute -
            d->offset_min) *
               60000 +
           d->second * 1000 + d->ms;
}

bool
date_format_parse(const char *pattern, struct slice text, int64_t *ms)
{
    const char *p = text.p, *end = text.p + text.n;
    struct parsed d = {.year = 1970, .month = 1, .day = 1};
    struct piece piece;

    for (const char *q = pattern; next_piece(&q, &piece);) {
        if (!piece.letter) {
            if ((size_t)(end - p) < piece.text.n || memcmp(p, piece.text.p, piece.text.n) != 0)
                return false;
            p += piece.text.n;
        } else if (!take_piece(&p, end, &piece, isalpha((unsigned char)*q) ? piece.n : 0, &d)) {
            return false;
        }
    }
    *ms = parsed_ms(&d);
    return true;
}
