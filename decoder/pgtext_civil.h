/*
 * Dates and times of day as PostgreSQL prints them with DateStyle ISO, and the calendar.
 *
 *   date   = 4*10digit "-" 2digit "-" 2digit
 *   time   = 2digit ":" 2digit ":" 2digit [ "." 1*9digit ]
 *   offset = ( "+" / "-" ) 2digit [ ":" 2digit [ ":" 2digit ] ]
 *   era    = " BC"
 */
#ifndef DECODER_PGTEXT_CIVIL_H
#define DECODER_PGTEXT_CIVIL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/slice.h"

enum { DAY_S = 86400 };

struct civil {
    int64_t year; /* astronomical: 1 BC is 0 */
    unsigned month, day;
};

struct clock_time {
    unsigned hour, minute, second, nanos;
};

/* Two digits; sets *bad when they are none. */
static inline unsigned
civil_two(const char *p, unsigned *bad)
{
    unsigned a = (unsigned)(unsigned char)p[0] - '0', b = (unsigned)(unsigned char)p[1] - '0';

    *bad |= (a > 9) | (b > 9);
    return a * 10 + b;
}

/*
 * Eight characters of which some must be digits and the others are known: `form` has '0' for a
 * digit. Afterwards digits are 0..9 and the rest 0; adding `limits` carries into the top bit of a
 * byte where they are not.
 */
#define CIVIL_WORD(a, b, c, d, e, f, g, h)                                                         \
    ((uint64_t)(a) | (uint64_t)(b) << 8 | (uint64_t)(c) << 16 | (uint64_t)(d) << 24 |              \
     (uint64_t)(e) << 32 | (uint64_t)(f) << 40 | (uint64_t)(g) << 48 | (uint64_t)(h) << 56)
enum { CIVIL_DIGIT = 0x76 /* + 10 reaches the top bit */, CIVIL_SIGN = 0x7f /* + 1 does */ };

static inline uint64_t
civil_word(const char *p, uint64_t form, uint64_t limits, uint64_t *bad)
{
    uint64_t w;

    memcpy(&w, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    w ^= form;
    *bad |= (w | (w + limits)) & UINT64_C(0x8080808080808080);
    return w;
}

/* The two digits at byte i of a word, as a number. */
static inline unsigned
civil_pair(uint64_t word, unsigned i)
{
    return (unsigned)((word * 10 + (word >> 8)) >> 8 * i & 0xff);
}

/* "YYYY-MM-DD" at p, of which day's two digits were read already; false when it is no date of
 * years 1 to 9999. */
static inline bool
civil_fast_days(const char *p, unsigned day, int64_t *days)
{
    /* Days before each month of a year that begins in March; index 0 is never used. */
    static const uint16_t before[13] = {0, 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275};
    uint64_t bad = 0;
    uint64_t w = civil_word(p, CIVIL_WORD('0', '0', '0', '0', '-', '0', '0', '-'),
                            CIVIL_WORD(CIVIL_DIGIT, CIVIL_DIGIT, CIVIL_DIGIT, CIVIL_DIGIT,
                                       CIVIL_SIGN, CIVIL_DIGIT, CIVIL_DIGIT, CIVIL_SIGN),
                            &bad);
    unsigned year = civil_pair(w, 0) * 100 + civil_pair(w, 2), month = civil_pair(w, 5), century;

    if (bad || year == 0 || month - 1 >= 12 || day - 1 >= 31)
        return false;
    year -= month <= 2;
    century = year / 100;
    *days = (int64_t)(year * 365 + year / 4 - century + century / 4 + before[month] + day) - 719469;
    return true;
}

/* "." and one to six digits, n characters in all, behind a digit. */
static inline bool
civil_fast_fraction(const char *p, size_t n, unsigned *micros)
{
    static const unsigned units[7] = {0, 100000, 10000, 1000, 100, 10, 1};
    unsigned v = 0, bad = n < 2 || n > 7 || p[0] != '.';

    if (n == 7) {
        uint64_t wrong = 0;
        uint64_t w = civil_word(p - 1, CIVIL_WORD('0', '.', '0', '0', '0', '0', '0', '0'),
                                CIVIL_WORD(CIVIL_DIGIT, CIVIL_SIGN, CIVIL_DIGIT, CIVIL_DIGIT,
                                           CIVIL_DIGIT, CIVIL_DIGIT, CIVIL_DIGIT, CIVIL_DIGIT),
                                &wrong);

        *micros = (civil_pair(w, 2) * 100 + civil_pair(w, 4)) * 100 + civil_pair(w, 6);
        return !wrong;
    }
    for (size_t i = 1; !bad && i < n; i++) {
        unsigned digit = (unsigned)(unsigned char)p[i] - '0';

        bad |= digit > 9;
        v = v * 10 + digit;
    }
    if (bad)
        return false;
    *micros = v * units[n - 1];
    return true;
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar; years count from March so that leap
 * days come last. */
static inline int64_t
civil_days(struct civil c)
{
    int64_t y = c.year - (c.month <= 2), era = (y >= 0 ? y : y - 399) / 400, year = y - era * 400;
    int64_t day =
        (153 * (int64_t)(c.month + (c.month > 2 ? -3U : 9U)) + 2) / 5 + (int64_t)c.day - 1;

    return era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468;
}

/* Days that were left out when the calendar changed: java.util.GregorianCalendar, which reads an array's elements, is lenient. */
static inline struct civil
civil_lenient(struct civil c)
{
    if (c.year == 1582 && c.month == 10 && c.day > 4 && c.day < 15)
        c.day += 10;
    return c;
}

/* The same of the Julian calendar. */
static inline int64_t
civil_julian_days(struct civil c)
{
    int64_t y = c.year - (c.month <= 2), era = (y >= 0 ? y : y - 3) / 4, year = y - era * 4;
    int64_t day =
        (153 * (int64_t)(c.month + (c.month > 2 ? -3U : 9U)) + 2) / 5 + (int64_t)c.day - 1;

    return era * 1461 + year * 365 + day - 719470;
}

static inline struct civil
civil_from_days(int64_t days)
{
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100), m = (5 * of_year + 2) / 153;

    return (struct civil){year + era * 400 + (m >= 10), (unsigned)(m < 10 ? m + 3 : m - 9),
                          (unsigned)(of_year - (153 * m + 2) / 5 + 1)};
}

/* Each reads at *p, moves *p behind what it read, and answers false when it is not there. */
bool civil_read_date(const char **p, const char *end, struct civil *c);
bool civil_read_time(const char **p, const char *end, struct clock_time *t);
bool civil_read_offset(const char **p, const char *end, int *seconds);
bool civil_read_era(const char **p, const char *end, struct civil *c); /* when it is there */

/* java.time's ISO forms: years below 1000 padded, above 9999 with a plus; no trailing zeros in a
 * fraction. */
void civil_put_date(struct buf *out, struct civil c);
void civil_put_time(struct buf *out, struct clock_time t);

#endif
