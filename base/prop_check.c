/* Validation of a configuration: every problem at once, each with a name, a value and what is allowed. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/prop_priv.h"

enum {
    NAME_MAX_SHOWN = 120,
    VALUE_MAX_SHOWN = 100,
    /* Longer names get no suggestion: no property is as long, and the distance costs length². */
    DISTANCE_MAX_LEN = 90,
    /* Unknown names that get a suggestion; a file with more is not a connector's. */
    SUGGESTIONS_MAX = 32,
};

/* ------------------------------------------------------------------------------------------------------ did you mean */

unsigned
prop_distance(const char *a, const char *b, unsigned limit)
{
    unsigned rows[3][DISTANCE_MAX_LEN + 1];
    size_t na = strlen(a), nb = strlen(b);

    if (na > DISTANCE_MAX_LEN || nb > DISTANCE_MAX_LEN || (na > nb ? na - nb : nb - na) > limit)
        return limit + 1;
    for (unsigned j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= na; i++) {
        unsigned *two = rows[(i + 1) % 3], *prev = rows[(i - 1) % 3], *cur = rows[i % 3];
        unsigned least = cur[0] = i;

        for (unsigned j = 1; j <= nb; j++) {
            int ca = tolower((unsigned char)a[i - 1]), cb = tolower((unsigned char)b[j - 1]);
            unsigned d = prev[j - 1] + (ca != cb);

            if (prev[j] + 1 < d)
                d = prev[j] + 1;
            if (cur[j - 1] + 1 < d)
                d = cur[j - 1] + 1;
            if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
                tolower((unsigned char)a[i - 2]) == cb && two[j - 2] + 1 < d)
                d = two[j - 2] + 1;
            cur[j] = d;
            least = d < least ? d : least;
        }
        if (least > limit)
            return limit + 1;
    }
    return rows[na % 3][nb] > limit ? limit + 1 : rows[na % 3][nb];
}

/* "hostname" for "database.hostname". */
static bool
is_tail(const char *whole, const char *tail)
{
    size_t n = strlen(whole), t = strlen(tail);

    return t >= 4 && n > t + 1 && whole[n - t - 1] == '.' && strcasecmp(whole + n - t, tail) == 0;
}

const char *
prop_suggest(const struct prop_table *const *tables, const char *name)
{
    unsigned limit = strlen(name) <= 5 ? 1 : strlen(name) <= 10 ? 2 : 3;
    unsigned best = limit + 1;
    const char *found = NULL, *tail = NULL;

    for (size_t t = 0; tables[t]; t++) {
        for (size_t i = 0; i < tables[t]->n; i++) {
            const struct prop *row = &tables[t]->rows[i];
            unsigned d;

            if (row->flags & PROP_OPEN)
                continue;
            d = prop_distance(name, row->name, limit);
            if (d < best) {
                best = d;
                found = row->name;
            }
            if (!tail && !(row->flags & PROP_ALIAS) && is_tail(row->name, name))
                tail = row->name;
        }
    }
    return found ? found : tail;
}

/* ------------------------------------------------------------------------------------------------------------ issues */

struct check {
    struct config *c;
    struct prop_issue **tail;
    unsigned errors, unknown;
};

/* Printable, short. User text must not be able to forge lines of a log. */
static void
show(char *dst, size_t max, const char *text)
{
    size_t n = 0;

    for (; *text && n + 4 < max; text++)
        dst[n++] = (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text;
    if (*text) {
        /* Not in the middle of a UTF-8 sequence. */
        while (n && ((unsigned char)dst[n - 1] & 0xc0) == 0x80)
            n--;
        if (n && (unsigned char)dst[n - 1] >= 0xc0)
            n--;
        memcpy(dst + n, "...", 3);
        n += 3;
    }
    dst[n] = '\0';
}

/* A pattern's name may hold a salt, so the row's name stands for it. */
static const char *
name_of(const struct prop *row, const char *given)
{
    return row && (row->flags & PROP_PATTERN) ? row->name : given;
}

static void __attribute__((format(printf, 4, 5)))
issue(struct check *k, bool is_error, const char *name, const char *fmt, ...)
{
    struct prop_issue *is = mem_alloc(sizeof(*is));
    char shown[NAME_MAX_SHOWN];
    va_list ap;
    int n;

    show(shown, sizeof(shown), name);
    is->is_error = is_error;
    is->name = config_keep(k->c, name, strlen(name));
    n = snprintf(is->text, sizeof(is->text), "property \"%s\" ", shown);
    va_start(ap, fmt);
    vsnprintf(is->text + n, sizeof(is->text) - (size_t)n, fmt, ap);
    va_end(ap);
    *k->tail = is;
    k->tail = &is->next;
    k->errors += is_error;
}

/* "has the value "x"", or without it when it is a secret. */
static const char *
has_value(char dst[VALUE_MAX_SHOWN + 24], const struct prop *row, const char *value)
{
    char shown[VALUE_MAX_SHOWN];

    if (row->type == PROP_PASSWORD || (row->flags & PROP_SECRET))
        return "has a value that is not allowed (not shown)";
    show(shown, sizeof(shown), value);
    snprintf(dst, VALUE_MAX_SHOWN + 24, "has the value \"%s\"", shown);
    return dst;
}

/* "a, b, c" without old spellings. */
static void
list_choices(char *dst, size_t max, const char *choices)
{
    size_t n = 0;
    bool old = false;

    for (; *choices && n + 3 < max; choices++) {
        if (*choices == ',') {
            old = false;
            dst[n++] = ',';
            dst[n++] = ' ';
        } else if (*choices == '|') {
            old = true;
        } else if (!old) {
            dst[n++] = *choices;
        }
    }
    dst[n] = '\0';
}

/* ------------------------------------------------------------------------------------------------------------ values */

static bool
equals_default(const struct prop *row, const char *value)
{
    struct slice s = prop_trim(value);
    int64_t n, def;
    bool on, def_on;

    if (!row->def)
        return s.n == 0;
    switch (row->type) {
    case PROP_BOOL:
        return prop_parse_bool(value, &on) && prop_parse_bool(row->def, &def_on) && on == def_on;
    case PROP_INT:
    case PROP_LONG:
        return prop_parse_int(row, value, &n) && prop_parse_int(row, row->def, &def) && n == def;
    case PROP_ENUM:
        return prop_choice(row->choices, value, NULL) == prop_choice(row->choices, row->def, NULL);
    case PROP_STRING:
    case PROP_PASSWORD:
    case PROP_LIST:
    case PROP_CLASS:
    case PROP_DOUBLE:
        break;
    }
    return s.n == strlen(row->def) && strncasecmp(s.p, row->def, s.n) == 0;
}

static bool
is_double(const char *text)
{
    struct slice s = prop_trim(text);
    char *end;

    strtod(s.p, &end);
    return s.n > 0 && end == s.p + s.n;
}

static void
set_slice(struct config *c, const char *key, struct slice value)
{
    config_set(c, key, config_keep(c, value.p, value.n));
}

static bool
wrong_enum(struct check *k, const struct prop *row, const char *key, const char *value)
{
    char has[VALUE_MAX_SHOWN + 24], allowed[360];

    list_choices(allowed, sizeof(allowed), row->choices);
    issue(k, true, key, "%s: allowed are %s", has_value(has, row, value), allowed);
    return false;
}

/* An enumeration's value becomes the spelling of today, so that readers may compare. */
static bool
check_enum(struct check *k, const struct prop *row, const char *key, const char *value)
{
    struct slice now, was = prop_trim(value);
    char old[VALUE_MAX_SHOWN];

    if (prop_choice(row->choices, value, &now) < 0)
        return wrong_enum(k, row, key, value);
    if (was.n != now.n || strncasecmp(was.p, now.p, now.n) != 0) {
        show(old, sizeof(old), value);
        issue(k, false, key, "has the old value \"%s\", which is called \"%.*s\" now", old,
              SLICE_ARG(now));
    }
    set_slice(k->c, key, now);
    return true;
}

static bool
check_number(struct check *k, const struct prop *row, const char *key, const char *value)
{
    char has[VALUE_MAX_SHOWN + 24];
    int64_t n, min = row->min, max = row->max;

    if (prop_parse_int(row, value, &n)) {
        set_slice(k->c, key, prop_trim(value));
        return true;
    }
    if (min == 0 && max == 0) {
        min = row->type == PROP_INT ? INT32_MIN : INT64_MIN;
        max = row->type == PROP_INT ? INT32_MAX : INT64_MAX;
    }
    issue(k, true, key, "%s: allowed are whole numbers from %lld to %lld",
          has_value(has, row, value), (long long)min, (long long)max);
    return false;
}

/* Checks the type, and writes the value in its canonical form. */
static bool
check_type(struct check *k, const struct prop *row, const char *key, const char *value)
{
    char has[VALUE_MAX_SHOWN + 24];
    bool on;

    switch (row->type) {
    case PROP_ENUM:
        return check_enum(k, row, key, value);
    case PROP_INT:
    case PROP_LONG:
        return check_number(k, row, key, value);
    case PROP_BOOL:
        if (prop_parse_bool(value, &on)) {
            config_set(k->c, key, on ? "true" : "false");
            return true;
        }
        issue(k, true, key, "%s: allowed are true, false", has_value(has, row, value));
        return false;
    case PROP_DOUBLE:
        if (is_double(value))
            return true;
        issue(k, true, key, "%s: a number is expected", has_value(has, row, value));
        return false;
    case PROP_CLASS:
        set_slice(k->c, key, prop_trim(value));
        return true;
    case PROP_STRING:
    case PROP_PASSWORD:
    case PROP_LIST:
        break;
    }
    return true;
}

static bool
may_be_empty(const struct prop *row)
{
    return row->type == PROP_STRING || row->type == PROP_PASSWORD || row->type == PROP_LIST ||
           row->type == PROP_CLASS;
}

static void
check_value(struct check *k, const struct prop *row, const char *key, const char *value)
{
    const char *name = name_of(row, key);
    char has[VALUE_MAX_SHOWN + 24];
    struct err e = {0};

    if (prop_trim(value).n == 0 && may_be_empty(row))
        return; /* the same as not given; required ones are looked at afterwards */
    if (row->flags & PROP_REFUSED) {
        if (!equals_default(row, value))
            issue(k, true, name, "is not supported: %s", row->see);
        return;
    }
    if (!check_type(k, row, key, value))
        return;
    value = prop_given(k->c, key);
    if (row->check && !row->check(k->c, value, &e))
        issue(k, true, name, "%s: %s", has_value(has, row, value), e.msg);
    else if ((row->flags & PROP_NOOP) && !equals_default(row, value))
        issue(k, false, name, "has no effect: %s", row->see);
}

/* ------------------------------------------------------------------------------------------------------------- names */

/* The new value of an old name's value, by the alias row's "old=new" pairs. NULL: not among them. */
static const char *
map_old_value(const struct config *c, const struct prop *row, const char *value)
{
    struct slice want = prop_trim(value);

    if (!row->choices)
        return value;
    for (const char *p = row->choices; *p;) {
        size_t old = strcspn(p, "="), all = strcspn(p, ",");

        if (old == want.n && strncasecmp(p, want.p, old) == 0)
            return config_keep(c, p + old + 1, all - old - 1);
        p += all;
        p += *p == ',';
    }
    return NULL;
}

static void
resolve_alias(struct check *k, const struct prop *row, const char *given)
{
    const char *now = map_old_value(k->c, row, given);
    char has[VALUE_MAX_SHOWN + 24];

    if (prop_given(k->c, row->see))
        issue(k, false, row->name, "is an old name of \"%s\", which is given too and wins",
              row->see);
    else if (!now)
        issue(k, true, row->name, "%s: the old name knows %s", has_value(has, row, given),
              row->choices);
    else {
        issue(k, false, row->name, "is an old name of \"%s\" and counts as it", row->see);
        config_set(k->c, row->see, now);
    }
    config_set(k->c, row->name, NULL);
}

static void
unknown_name(struct check *k, const char *key)
{
    const char *meant = k->unknown++ < SUGGESTIONS_MAX ? prop_suggest(k->c->tables, key) : NULL;

    if (meant)
        issue(k, false, key, "is unknown and has no effect; did you mean \"%s\"?", meant);
    else
        issue(k, false, key, "is unknown and has no effect");
}

/* Nothing reads it unless the list says so. */
static bool
is_listed(const struct config *c, const struct prop *row, const char *key)
{
    const char *list = row->flags & PROP_NAMED ? config_str(c, row->see) : NULL;
    size_t n = strcspn(key, ".");
    struct buf name;
    bool found = !(row->flags & PROP_NAMED);

    buf_init(&name, list ? strlen(list) + 1 : 1);
    while (list && !found && config_list_next(&list, &name))
        found = name.n == n && memcmp(name.p, key, n) == 0;
    buf_free(&name);
    return found;
}

/* A misspelt name can hide behind a prefix: "database.hostnme" is passed on to the server's driver. */
static void
check_near_miss(struct check *k, const struct prop *row, const char *key)
{
    for (size_t t = 0; k->c->tables[t] && k->unknown < SUGGESTIONS_MAX; t++) {
        for (size_t i = 0; i < k->c->tables[t]->n; i++) {
            const struct prop *other = &k->c->tables[t]->rows[i];

            if (!(other->flags & PROP_OPEN) && prop_distance(key, other->name, 1) <= 1) {
                k->unknown++;
                issue(k, false, key, "is taken as one of \"%s*\"; did you mean \"%s\"?", row->name,
                      other->name);
                return;
            }
        }
    }
}

static void
check_required(struct check *k)
{
    for (size_t t = 0; k->c->tables[t]; t++) {
        for (size_t i = 0; i < k->c->tables[t]->n; i++) {
            const struct prop *row = &k->c->tables[t]->rows[i];
            const char *value = prop_given(k->c, row->name);

            if ((row->flags & PROP_REQUIRED) && (!value || prop_trim(value).n == 0))
                issue(k, true, row->name, "is required");
        }
    }
}

bool
config_validate(struct config *c, const struct prop_issue **issues)
{
    struct check k = {.c = c, .tail = &c->issues};

    while (c->issues) {
        struct prop_issue *next = c->issues->next;

        free(c->issues);
        c->issues = next;
    }
    /* Old names first: checks that look at other properties see the names of today. Resolving may add entries, which
     * are never aliases. */
    for (size_t i = 0; i < c->n; i++) {
        const struct prop *row = c->order[i]->value ? config_prop(c, c->order[i]->key) : NULL;

        if (row && (row->flags & PROP_ALIAS))
            resolve_alias(&k, row, c->order[i]->value);
    }
    for (size_t i = 0; i < c->n; i++) {
        const char *key = c->order[i]->key, *value = c->order[i]->value;
        const struct prop *row = value ? config_prop(c, key) : NULL;

        if (row && is_listed(c, row, key)) {
            if (row->flags & PROP_PREFIX)
                check_near_miss(&k, row, key);
            check_value(&k, row, key, value);
        } else if (value) {
            unknown_name(&k, key);
        }
    }
    check_required(&k);
    *issues = c->issues;
    return k.errors == 0;
}
