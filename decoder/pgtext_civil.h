/*
 * Dates and times of day as PostgreSQL prints them with DateStyle ISO. Inside decoder/pgtext_date.c and
 * decoder/pgtext_timestamp.c.
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

/* Days since 1970-01-01 of the proleptic Gregorian calendar; years count from March so that leap days come last. */
static inline int64_t
civil_days(struct civil c)
{
    int64_t y = c.year - (c.month <= 2), era = (y >= 0 ? y : y - 399) / 400, year = y - era * 400;
    int64_t day = (153 * (int64_t)(c.month + (c.month > 2 ? -3U : 9U)) + 2) / 5 + (int64_t)c.day - 1;

    return era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468;
}

/* The same of the Julian calendar. */
static inline int64_t
civil_julian_days(struct civil c)
{
    int64_t y = c.year - (c.month <= 2), era = (y >= 0 ? y : y - 3) / 4, year = y - era * 4;
    int64_t day = (153 * (int64_t)(c.month + (c.month > 2 ? -3U : 9U)) + 2) / 5 + (int64_t)c.day - 1;

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

/* java.time's ISO forms: years below 1000 padded, above 9999 with a plus; no trailing zeros in a fraction. */
void civil_put_date(struct buf *out, struct civil c);
void civil_put_time(struct buf *out, struct clock_time t);

#endif
