/* A configuration's store and its getters; what is allowed is prop_check.c's. */
#include "base/prop.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/prop_priv.h"

static size_t
count_rows(const struct prop_table *const *tables, unsigned with)
{
    size_t n = 0;

    for (size_t t = 0; tables[t]; t++)
        for (size_t i = 0; i < tables[t]->n; i++)
            n += with == 0 || (tables[t]->rows[i].flags & with) != 0;
    return n;
}

struct config *
config_new(const char *name, const struct prop_table *const *tables)
{
    struct config *c = mem_alloc(sizeof(*c));
    size_t at = 0;

    c->name = mem_strdup(name);
    c->tables = tables;
    c->rows = map_new();
    c->given = map_new();
    c->refs = mem_array(count_rows(tables, 0) + 1, sizeof(*c->refs));
    c->open = mem_array(count_rows(tables, PROP_OPEN) + 1, sizeof(*c->open));
    c->keep = mem_alloc(sizeof(*c->keep));
    arena_init(c->keep);
    for (size_t t = 0; tables[t]; t++) {
        for (size_t i = 0; i < tables[t]->n; i++) {
            const struct prop *row = &tables[t]->rows[i];

            if (row->flags & PROP_OPEN) {
                c->open[c->nopen++].row = row;
            } else {
                c->refs[at].row = row;
                map_put(c->rows, slice_of(row->name), &c->refs[at++]);
            }
        }
    }
    return c;
}

static void
free_issues(struct config *c)
{
    while (c->issues) {
        struct prop_issue *next = c->issues->next;

        free(c->issues);
        c->issues = next;
    }
}

void
config_free(struct config *c)
{
    if (!c)
        return;
    free_issues(c);
    for (size_t i = 0; i < c->n; i++) {
        /* Values may be passwords: they do not stay behind in freed memory. */
        if (c->order[i]->value)
            explicit_bzero(c->order[i]->value, strlen(c->order[i]->value));
        free(c->order[i]->value);
        free(c->order[i]->key);
        free(c->order[i]);
    }
    free(c->order);
    map_free(c->given, NULL);
    map_free(c->rows, NULL);
    arena_free(c->keep);
    free(c->keep);
    free(c->refs);
    free(c->open);
    free(c->name);
    free(c);
}

struct config *
config_copy(const struct config *c)
{
    struct config *copy = config_new(c->name, c->tables);

    for (size_t i = 0; i < c->n; i++)
        if (c->order[i]->value)
            config_set(copy, c->order[i]->key, c->order[i]->value);
    return copy;
}

const char *
config_name(const struct config *c)
{
    return c->name;
}

void
config_set(struct config *c, const char *key, const char *value)
{
    struct prop_entry *en = map_get(c->given, slice_of(key));
    /* Copied first: value may be the one that is replaced. */
    char *text = value ? mem_strdup(value) : NULL;

    if (!en) {
        if (!text)
            return;
        if (c->n == c->cap) {
            c->cap = c->cap ? c->cap * 2 : 64;
            c->order = mem_grow(c->order, c->cap, sizeof(struct prop_entry *));
        }
        en = mem_alloc(sizeof(*en));
        en->key = mem_strdup(key);
        c->order[c->n++] = en;
        map_put(c->given, slice_of(key), en);
    }
    if (en->value)
        explicit_bzero(en->value, strlen(en->value));
    free(en->value);
    en->value = text;
}

const char *
config_keep(const struct config *c, const void *p, size_t n)
{
    return arena_strndup(c->keep, p, n);
}

/* ------------------------------------------------------------------------------------------------- looking rows up */

/*
 * A '<x>' hole stands for one or more characters; for none of them a '.' unless the hole is the last thing of the pattern
 * ("column.mask.hash.<algorithm>.with.salt.<salt>": a salt may hold dots).
 */
static bool
pattern_match(const char *pat, const char *name)
{
    while (*pat) {
        if (*pat != '<') {
            if (*pat++ != *name++)
                return false;
            continue;
        }
        pat += strcspn(pat, ">");
        if (*pat)
            pat++;
        if (!*pat)
            return *name != '\0';
        size_t n = strcspn(name, ".");

        if (n == 0)
            return false;
        name += n;
    }
    return *name == '\0';
}

bool
prop_row_match(const struct prop *row, const char *name)
{
    if (row->flags & PROP_PREFIX) {
        size_t n = strlen(row->name);

        return strncmp(name, row->name, n) == 0 && name[n];
    }
    if (row->flags & PROP_PATTERN)
        return pattern_match(row->name, name);
    return strcmp(row->name, name) == 0;
}

/* Among rows that match, a pattern says more than a prefix and a long prefix more than a short one. */
static const struct prop *
better(const struct prop *a, const struct prop *b)
{
    if (!a)
        return b;
    if ((a->flags & PROP_PATTERN) != (b->flags & PROP_PATTERN))
        return a->flags & PROP_PATTERN ? a : b;
    return strlen(b->name) > strlen(a->name) ? b : a;
}

const struct prop *
config_prop(const struct config *c, const char *name)
{
    const struct prop_ref *exact = map_get(c->rows, slice_of(name));
    const struct prop *found = NULL;

    if (exact)
        return exact->row;
    for (size_t i = 0; i < c->nopen; i++)
        if (prop_row_match(c->open[i].row, name))
            found = better(found, c->open[i].row);
    return found;
}

const struct prop *
prop_find(const struct prop_table *const *tables, const char *name)
{
    const struct prop *found = NULL;

    for (size_t t = 0; tables[t]; t++) {
        for (size_t i = 0; i < tables[t]->n; i++) {
            const struct prop *row = &tables[t]->rows[i];

            if (strcmp(row->name, name) == 0)
                return row;
            if ((row->flags & PROP_OPEN) && prop_row_match(row, name))
                found = better(found, row);
        }
    }
    return found;
}

/* -------------------------------------------------------------------------------------------------------- getters */

/* The row of a name that our own code asks for; there must be one. */
static const struct prop *
row_of(const struct config *c, const char *name)
{
    const struct prop *row = config_prop(c, name);

    if (!row) {
        fprintf(stderr, "bug: property \"%s\" stands in no table\n", name);
        abort();
    }
    return row;
}

const char *
prop_given(const struct config *c, const char *name)
{
    const struct prop_entry *en = map_get(c->given, slice_of(name));

    return en ? en->value : NULL;
}

const char *
config_str(const struct config *c, const char *name)
{
    const struct prop *row = row_of(c, name);
    const char *value = prop_given(c, name);

    return value ? value : row->def;
}

bool
config_given(const struct config *c, const char *name)
{
    row_of(c, name);
    return prop_given(c, name) != NULL;
}

const char *
config_as_given(const struct config *c, const char *name)
{
    return prop_given(c, name);
}

bool
config_bool(const struct config *c, const char *name)
{
    const struct prop *row = row_of(c, name);
    const char *value = prop_given(c, name);
    bool on = false;

    if ((!value || !prop_parse_bool(value, &on)) && row->def)
        prop_parse_bool(row->def, &on);
    return on;
}

int64_t
config_int(const struct config *c, const char *name)
{
    const struct prop *row = row_of(c, name);
    const char *value = prop_given(c, name);
    int64_t n = 0;

    if ((!value || !prop_parse_int(row, value, &n)) && row->def)
        prop_parse_int(row, row->def, &n);
    return n;
}

int
config_enum(const struct config *c, const char *name)
{
    const struct prop *row = row_of(c, name);
    const char *value = prop_given(c, name);
    int at = value ? prop_choice(row->choices, value, NULL) : -1;

    if (at < 0 && row->def)
        at = prop_choice(row->choices, row->def, NULL);
    return at;
}

bool
config_next(const struct config *c, size_t *i, const char **key, const char **value)
{
    while (*i < c->n) {
        const struct prop_entry *en = c->order[(*i)++];

        if (en->value) {
            *key = en->key;
            *value = en->value;
            return true;
        }
    }
    return false;
}

/* --------------------------------------------------------------------------------------------------- text to value */

struct slice
prop_trim(const char *text)
{
    size_t n;

    while (isspace((unsigned char)*text))
        text++;
    n = strlen(text);
    while (n && isspace((unsigned char)text[n - 1]))
        n--;
    return (struct slice){text, n};
}

static bool
is_word(struct slice s, const char *word)
{
    return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

bool
prop_parse_bool(const char *text, bool *out)
{
    struct slice s = prop_trim(text);

    *out = is_word(s, "true");
    return *out || is_word(s, "false");
}

bool
prop_parse_int(const struct prop *row, const char *text, int64_t *out)
{
    int64_t low = row->type == PROP_INT ? INT32_MIN : INT64_MIN;
    int64_t high = row->type == PROP_INT ? INT32_MAX : INT64_MAX;
    int64_t n;

    if (row->min != 0 || row->max != 0) {
        low = row->min;
        high = row->max;
    }
    if (!num_parse_i64(prop_trim(text), &n) || n < low || n > high)
        return false;
    *out = n;
    return true;
}

/*
 * choices = word *( "|" older spelling ) *( "," … ). Returns the position of the choice that `text` spells, or -1;
 * *canonical is then its first spelling, a view into choices.
 */
int
prop_choice(const char *choices, const char *text, struct slice *canonical)
{
    struct slice want = prop_trim(text);
    int at = 0;

    for (const char *p = choices; p && want.n; at++) {
        struct slice first = {p, strcspn(p, "|,")};

        for (const char *w = p;; w++) {
            size_t n = strcspn(w, "|,");

            if (n == want.n && strncasecmp(w, want.p, n) == 0) {
                if (canonical)
                    *canonical = first;
                return at;
            }
            w += n;
            if (*w != '|') {
                p = *w ? w + 1 : NULL;
                break;
            }
        }
    }
    return -1;
}

/*
 * As Debezium splits its lists of expressions: "\," is a comma of the element; every other backslash stays, together with
 * the character behind it.
 */
bool
config_list_next(const char **pos, struct buf *out)
{
    const char *p = *pos;

    while (*p) {
        buf_clear(out);
        while (isspace((unsigned char)*p))
            p++;
        for (; *p && *p != ','; p++) {
            if (p[0] == '\\' && p[1]) {
                if (p[1] != ',')
                    buf_putc(out, *p);
                p++;
            }
            buf_putc(out, *p);
        }
        while (out->n && isspace((unsigned char)out->p[out->n - 1]))
            out->n--;
        if (*p)
            p++;
        if (out->n) {
            *pos = p;
            return true;
        }
    }
    *pos = p;
    return false;
}

bool
config_list_has(const struct config *c, const char *name, const char *item)
{
    const char *list = config_str(c, name);
    struct buf element;
    bool found = false;

    if (!list)
        return false;
    buf_init(&element, strlen(list) + 1);
    while (!found && config_list_next(&list, &element))
        found = strcasecmp(buf_cstr(&element), item) == 0;
    buf_free(&element);
    return found;
}
