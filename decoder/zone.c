#include "decoder/zone.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "decoder/pgtext_civil.h"

enum { ZONE_FILE_MAX = 1 << 20, ZONE_TIMES_MAX = 10000 };

struct zone_change {
    int64_t utc;
    int32_t before, after;
};

/* When summer time begins or ends: POSIX's "M3.5.0/2", "J60", "59". */
struct zone_rule {
    char kind; /* 'M', 'J', or 'D' for a day from 0 */
    int month, week, day, seconds;
};

struct zone {
    int32_t first; /* before all changes */
    size_t n;
    struct zone_change *changes;
    /* After them. */
    bool summers;
    int32_t standard, summer;
    struct zone_rule begins, ends;
};

/* --------------------------------------------------------------------------------------- a POSIX TZ string */

static bool
posix_number(const char **p, int *out)
{
    char *end;
    long v;

    if (!isdigit((unsigned char)**p))
        return false;
    v = strtol(*p, &end, 10);
    *p = end;
    *out = (int)v;
    return v < 1000;
}

/* [+-]h[:m[:s]] in seconds */
static bool
posix_time(const char **p, int *seconds)
{
    int sign = **p == '-' ? -1 : 1, part, unit = 3600;

    *seconds = 0;
    *p += **p == '-' || **p == '+';
    do {
        if (!posix_number(p, &part))
            return false;
        *seconds += part * unit;
        unit /= 60;
    } while (unit && **p == ':' && ++*p);
    *seconds *= sign;
    return true;
}

static bool
posix_name(const char **p)
{
    const char *from = *p;

    if (**p == '<') {
        *p += strcspn(*p, ">");
        return *(*p)++ == '>';
    }
    while (isalpha((unsigned char)**p))
        ++*p;
    return *p > from;
}

static bool
posix_rule(const char **p, struct zone_rule *r)
{
    bool ok;

    *r = (struct zone_rule){.kind = **p == 'M' || **p == 'J' ? **p : 'D', .seconds = 7200};
    *p += r->kind != 'D';
    if (r->kind == 'M')
        ok = posix_number(p, &r->month) && *(*p)++ == '.' && posix_number(p, &r->week) &&
             *(*p)++ == '.' && posix_number(p, &r->day) && r->month >= 1 && r->month <= 12;
    else
        ok = posix_number(p, &r->day);
    if (ok && **p == '/')
        ok = ++*p && posix_time(p, &r->seconds);
    return ok;
}

static bool
posix_read(struct zone *z, const char *p)
{
    int offset;

    if (!posix_name(&p) || !posix_time(&p, &offset))
        return false;
    z->standard = z->summer = -offset;
    if (!*p)
        return true;
    if (!posix_name(&p))
        return false;
    z->summer = z->standard + 3600;
    if (*p != ',') {
        if (!posix_time(&p, &offset))
            return false;
        z->summer = -offset;
    }
    z->summers = true;
    return *p++ == ',' && posix_rule(&p, &z->begins) && *p++ == ',' && posix_rule(&p, &z->ends) &&
           !*p;
}

/* ------------------------------------------------------------------------------------------------------- TZif */

static int64_t
tzif_int(const unsigned char *p, unsigned n)
{
    uint64_t v = p[0] & 0x80 ? UINT64_MAX : 0;

    while (n--)
        v = v << 8 | *p++;
    return (int64_t)v;
}

enum { TZIF_HEADER = 44 };

struct tzif {
    size_t isutc, isstd, leap, times, types, chars;
};

static bool
tzif_header(const unsigned char *p, size_t n, struct tzif *h)
{
    size_t *const counts[] = {&h->isutc, &h->isstd, &h->leap, &h->times, &h->types, &h->chars};

    if (n < TZIF_HEADER || memcmp(p, "TZif", 4) != 0)
        return false;
    for (size_t i = 0; i < 6; i++) {
        int64_t v = tzif_int(p + 20 + 4 * i, 4);

        if (v < 0 || v > ZONE_TIMES_MAX)
            return false;
        *counts[i] = (size_t)v;
    }
    return h->types > 0;
}

static size_t
tzif_size(const struct tzif *h, size_t time_size)
{
    return h->times * (time_size + 1) + h->types * 6 + h->chars + h->leap * (time_size + 4) +
           h->isstd + h->isutc;
}

static bool
tzif_changes(struct zone *z, const unsigned char *p, const struct tzif *h)
{
    const unsigned char *index = p + h->times * 8, *types = index + h->times;

    z->first = (int32_t)tzif_int(types, 4);
    z->changes = mem_array(h->times + 1, sizeof(*z->changes));
    for (size_t i = 0; i < h->times; i++) {
        struct zone_change *c = &z->changes[z->n];

        if (index[i] >= h->types)
            return false;
        c->utc = tzif_int(p + 8 * i, 8);
        c->before = z->n ? c[-1].after : z->first;
        c->after = (int32_t)tzif_int(types + 6 * (size_t)index[i], 4);
        z->n++;
    }
    z->standard = z->summer = z->n ? z->changes[z->n - 1].after : z->first;
    return true;
}

/* Version 2 and later: the second block, with times of eight bytes, and the string behind it. */
static bool
tzif_read(struct zone *z, char *file, size_t n)
{
    const unsigned char *p = (const unsigned char *)file, *end = p + n;
    struct tzif h;
    size_t size;
    char *tail;

    if (!tzif_header(p, n, &h) || p[4] < '2')
        return false;
    size = TZIF_HEADER + tzif_size(&h, 4);
    if (size > n || !tzif_header(p + size, n - size, &h))
        return false;
    p += size + TZIF_HEADER;
    size = tzif_size(&h, 8);
    if (size + 2 > (size_t)(end - p) || !tzif_changes(z, p, &h) || p[size] != '\n')
        return false;
    tail = file + (p - (const unsigned char *)file) + size + 1;
    tail[strcspn(tail, "\n")] = '\0';
    return !*tail || posix_read(z, tail);
}

static bool
zone_read_file(struct zone *z, const char *name, struct err *e)
{
    char path[300], *file = mem_alloc(ZONE_FILE_MAX + 1);
    const char *folder = getenv("TZDIR");
    FILE *f;
    size_t n = 0;
    bool ok;

    snprintf(path, sizeof(path), "%s/%s", folder ? folder : "/usr/share/zoneinfo", name);
    f = fopen(path, "re");
    if (f) {
        n = fread(file, 1, ZONE_FILE_MAX, f);
        fclose(f);
    }
    ok = n && tzif_read(z, file, n);
    free(file);
    if (ok)
        return true;
    return err_set(e, ERR_CONFIG, "config.value",
                   "\"%s\" is no time zone that the system knows (%s); write a name such as "
                   "Europe/Berlin or an offset such as +02:00, and see that tzdata is installed",
                   name, path);
}

/* "+hh:mm" and "+hh:mm:ss" */
static bool
zone_read_offset(struct zone *z, const char *name)
{
    const char *p = name;
    int seconds;

    if ((*p != '+' && *p != '-') || (strlen(p) != 6 && strlen(p) != 9) || p[3] != ':' ||
        !posix_time(&p, &seconds) || *p)
        return false;
    z->first = z->standard = z->summer = seconds;
    return true;
}

struct zone *
zone_load(const char *name, struct err *e)
{
    struct zone *z = mem_alloc(sizeof(*z));
    bool plain = *name != '/' && !strstr(name, "..") && strlen(name) < 100;

    if (zone_read_offset(z, name))
        return z;
    if (plain ? zone_read_file(z, name, e)
              : err_set(e, ERR_CONFIG, "config.value", "\"%.100s\" is no time zone", name))
        return z;
    zone_free(z);
    return NULL;
}

void
zone_free(struct zone *z)
{
    if (!z)
        return;
    free(z->changes);
    free(z);
}

/* -------------------------------------------------------------------------------------------------------- asking */

/* The day of a year that a rule names, in days since 1970. */
static int64_t
rule_day(const struct zone_rule *r, int64_t year)
{
    int64_t first = civil_days((struct civil){year, r->kind == 'M' ? (unsigned)r->month : 1, 1});
    int64_t weekday, day, next;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    if (r->kind == 'D')
        return first + r->day;
    if (r->kind == 'J')
        return first + r->day - 1 + (leap && r->day >= 60);
    weekday = ((first + 4) % 7 + 7) % 7;
    day = first + (r->day - weekday + 7) % 7 + 7 * (int64_t)(r->week - 1);
    next = civil_days((struct civil){year + (r->month == 12), (unsigned)(r->month % 12) + 1, 1});
    return day >= next ? day - 7 : day;
}

/* The last change that t is behind, by the rules of the years around it. local: t is a time of day there. */
static int32_t
zone_by_rules(const struct zone *z, int64_t t, bool local)
{
    int64_t year = civil_from_days(t / DAY_S).year;
    int64_t best = INT64_MIN;
    int32_t offset = z->standard;

    for (int64_t y = year - 1; y <= year + 1; y++)
        for (int i = 0; i < 2; i++) {
            const struct zone_rule *r = i ? &z->ends : &z->begins;
            int32_t before = i ? z->summer : z->standard, after = i ? z->standard : z->summer;
            int64_t utc = rule_day(r, y) * DAY_S + r->seconds - before;
            int64_t from = utc + (local ? (before > after ? before : after) : 0);

            if (t >= from && utc > best) {
                best = utc;
                offset = after;
            }
        }
    return offset;
}

static int32_t
zone_offset(const struct zone *z, int64_t t, bool local)
{
    int32_t offset = z->first;
    size_t i = 0;

    for (; i < z->n; i++) {
        const struct zone_change *c = &z->changes[i];

        if (t < c->utc + (local ? (c->before > c->after ? c->before : c->after) : 0))
            return offset;
        offset = c->after;
    }
    return z->summers ? zone_by_rules(z, t, local) : z->n ? offset : z->standard;
}

int32_t
zone_offset_local(const struct zone *z, int64_t local)
{
    return zone_offset(z, local, true);
}

int32_t
zone_offset_at(const struct zone *z, int64_t utc)
{
    return zone_offset(z, utc, false);
}
