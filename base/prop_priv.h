/* What prop.c (store, getters) and prop_check.c (validation) share; for nobody else. */
#ifndef BASE_PROP_PRIV_H
#define BASE_PROP_PRIV_H

#include "base/arena.h"
#include "base/map.h"
#include "base/prop.h"

/* Rows that stand for many names. */
enum { PROP_OPEN = PROP_PREFIX | PROP_PATTERN };

struct prop_entry {
    char *key;
    char *value; /* NULL: removed; the entry keeps the place of its first setting */
};

struct prop_ref {
    const struct prop *row;
};

struct config {
    char *name;
    const struct prop_table *const *tables;
    struct map *rows; /* exact name → struct prop_ref */
    struct prop_ref *refs;
    struct prop_ref *open; /* prefixes and patterns */
    size_t nopen;
    struct map *given;         /* name → struct prop_entry */
    struct prop_entry **order; /* by first setting */
    size_t n, cap;
    struct arena *keep;
    struct prop_issue *issues; /* of the last validation */
};

bool prop_row_match(const struct prop *row, const char *name);
const char *prop_given(const struct config *c, const char *name); /* NULL: absent */
struct slice prop_trim(const char *text);
bool prop_parse_bool(const char *text, bool *out);
bool prop_parse_int(const struct prop *row, const char *text, int64_t *out);
int prop_choice(const char *choices, const char *text, struct slice *canonical);

#endif
