/*
 * Properties as data. Each component has one const array of `struct prop`; parsing, validation, `walbridge help
 * PROPERTY`, REST validate, docs/configuration.md and secret masking all walk it. A configuration is the map of what the
 * user gave; getters return the given value or the default and abort on a name that stands in no table (our bug).
 */
#ifndef BASE_PROP_H
#define BASE_PROP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum prop_type {
    PROP_STRING,
    PROP_PASSWORD,
    PROP_BOOL,
    PROP_INT,
    PROP_LONG,
    PROP_ENUM,
    PROP_LIST,
    PROP_CLASS,
    PROP_DOUBLE
};
enum prop_importance { PROP_LOW, PROP_MEDIUM, PROP_HIGH };

enum prop_flags {
    PROP_ALIAS = 1 << 0,   /* old name; `see` is the new one, which wins when both are given */
    PROP_NOOP = 1 << 1,    /* accepted, without effect; `see` says why */
    PROP_REFUSED = 1 << 2, /* refused when given; `see` says why and what instead */
    PROP_SECRET = 1 << 3,  /* never printed */
    PROP_REQUIRED = 1 << 4,
    PROP_PREFIX = 1 << 5,  /* name is a prefix ("producer.override."): any name that begins so */
    PROP_PATTERN = 1 << 6, /* name has one or two '<x>' holes: "column.mask.with.<n>.chars" */
    PROP_OWN = 1 << 7,     /* ours, not Debezium's: starts with "walbridge." */
    /* A pattern that begins with a name which the list in the property `see` holds; other names make it unknown. */
    PROP_NAMED = 1 << 8,
};

struct config;

struct prop {
    const char *name;
    enum prop_type type;
    const char *def;  /* default as text, NULL: none */
    int64_t min, max; /* for numbers; both 0: any */
    /* PROP_ENUM: "a,b|old,c", case-insensitive; "old" is an older spelling of b and becomes it. PROP_ALIAS whose values
     * changed too: "skip=t,include=none". */
    const char *choices;
    const char *group;
    enum prop_importance importance;
    unsigned flags;
    const char *see; /* alias target, or reason (one or more sentences, also for people) */
    const char *doc; /* one or two sentences */
    /* Extra check; false with the reason (without the property's name) in e->msg. May be NULL. */
    bool (*check)(const struct config *c, const char *value, struct err *e);
    const char *display; /* display name as in Debezium's validate answer; NULL: name */
};

struct prop_table {
    const struct prop *rows;
    size_t n;
};

/* One message of a validation; all of them are collected, never only the first. */
struct prop_issue {
    bool is_error;    /* else a warning */
    const char *name; /* the property */
    char text[600];   /* names property, value (unless secret) and what is allowed */
    struct prop_issue *next;
};

/* tables: NULL-terminated array of tables that stay valid for the config's life. */
struct config *config_new(const char *name, const struct prop_table *const *tables);
void config_free(struct config *c);
struct config *config_copy(const struct config *c);
const char *config_name(const struct config *c);                       /* the connector's name */
void config_set(struct config *c, const char *key, const char *value); /* value NULL removes */
/* Resolves aliases, warns of unknown names with "did you mean", checks types, ranges, choices, checks, required ones.
 * Issues belong to the config. True when there is no error. */
bool config_validate(struct config *c, const struct prop_issue **issues);
/* A copy (NUL behind it) that lives as long as c: for values worked out of the text. Not thread-safe. */
const char *config_keep(const struct config *c, const void *p, size_t n);

/* The row of a name, also by prefix or pattern; NULL: unknown. */
const struct prop *config_prop(const struct config *c, const char *name);
/* The same without a configuration; a prefix's or pattern's own name finds its row too. */
const struct prop *prop_find(const struct prop_table *const *tables, const char *name);
/* The known name that was probably meant; NULL: none is near. */
const char *prop_suggest(const struct prop_table *const *tables, const char *name);
/* Edits (insert, delete, replace, swap of neighbours) from a to b, case ignored; more than limit: limit + 1. */
unsigned prop_distance(const char *a, const char *b, unsigned limit);
/* Given value as text, else the default; NULL when neither. Aliases are resolved by config_validate, and values that it
 * found wrong count as absent in config_bool, config_int and config_enum. */
const char *config_str(const struct config *c, const char *name);
bool config_given(const struct config *c, const char *name);
/* What was written under just this name; NULL: nothing. */
const char *config_as_given(const struct config *c, const char *name);
bool config_bool(const struct config *c, const char *name);
int64_t config_int(const struct config *c, const char *name);
/* Position of the value in the row's choices; for enums in code order. */
int config_enum(const struct config *c, const char *name);
/* The given names in order of first setting: for (size_t i = 0; config_next(c, &i, &key, &value);) */
bool config_next(const struct config *c, size_t *i, const char **key, const char **value);
/* Comma list: next element, trimmed, "\," unescaped into out; false at the end. Start with *pos = text. */
bool config_list_next(const char **pos, struct buf *out);
/* Is the item in the property's list, in whatever case? */
bool config_list_has(const struct config *c, const char *name, const char *item);

#endif
