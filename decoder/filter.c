#include "decoder/filter.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "decoder/pattern.h"

struct filter {
    struct pattern_list schema_include, schema_exclude;
    struct pattern_list table_include, table_exclude;
    struct pattern_list column_include, column_exclude;
    struct pattern_list message_include, message_exclude;
    struct pattern_list key_columns; /* message.key.columns: "<table>.<column>", one by one */
    bool ignore_builtin;
    struct slice signals; /* signal.data.collection; n 0 none */
};

/* The property that fills each list: walked by filter_new. */
static const struct {
    const char *name;
    size_t at;
    bool
        case_sensitive; /* message prefixes are; Debezium matches the rest without regard to case */
} filter_lists[] = {
    {"schema.include.list", offsetof(struct filter, schema_include), false},
    {"schema.exclude.list", offsetof(struct filter, schema_exclude), false},
    {"table.include.list", offsetof(struct filter, table_include), false},
    {"table.exclude.list", offsetof(struct filter, table_exclude), false},
    {"column.include.list", offsetof(struct filter, column_include), false},
    {"column.exclude.list", offsetof(struct filter, column_exclude), false},
    {"message.prefix.include.list", offsetof(struct filter, message_include), false},
    {"message.prefix.exclude.list", offsetof(struct filter, message_exclude), false},
};

static struct pattern_list *
filter_list(struct filter *f, size_t row)
{
    return (void *)((char *)f + filter_lists[row].at);
}

static bool
pattern_any(const struct pattern_list *l, struct slice name)
{
    return pattern_first(l, name) >= 0;
}

static struct slice
filter_trim(struct slice s)
{
    while (s.n && isspace((unsigned char)*s.p))
        s.p++, s.n--;
    while (s.n && isspace((unsigned char)s.p[s.n - 1]))
        s.n--;
    return s;
}

/* An entry's columns, each joined with its table to one expression, as Debezium does: a column may be an expression too. */
static bool
filter_add_key_columns(struct filter *f, struct slice table, struct slice columns, struct err *e)
{
    struct buf rule;
    bool ok = true;

    buf_init(&rule, table.n + columns.n + 2);
    while (ok && columns.n) {
        const char *comma = memchr(columns.p, ',', columns.n);
        struct slice column = {columns.p, comma ? (size_t)(comma - columns.p) : columns.n};

        columns.p += column.n + (comma != NULL);
        columns.n -= column.n + (comma != NULL);
        column = filter_trim(column);
        buf_clear(&rule);
        buf_add(&rule, table.p, table.n);
        buf_putc(&rule, '.');
        buf_add(&rule, column.p, column.n);
        ok = pattern_add(&f->key_columns, "message.key.columns",
                         (struct slice){buf_cstr(&rule), rule.n}, false, e);
    }
    buf_free(&rule);
    return ok;
}

/* "<table regex>:<column>[,<column>…][;…]" */
static bool
filter_read_key_columns(struct filter *f, const struct config *c, struct err *e)
{
    const char *p = config_str(c, "message.key.columns");

    while (p && *p) {
        size_t n = strcspn(p, ";");
        struct slice entry = filter_trim((struct slice){p, n});
        const char *colon = entry.n ? memrchr(entry.p, ':', entry.n) : NULL;
        struct slice columns;

        p += n + (p[n] == ';');
        if (entry.n == 0)
            continue;
        if (!colon || colon == entry.p || colon + 1 == entry.p + entry.n)
            return err_set(e, ERR_CONFIG, "config.value",
                           "property \"message.key.columns\": \"%.*s\" should be "
                           "<schema>.<table>:<column>[,<column>]",
                           SLICE_ARG(entry));
        columns = (struct slice){colon + 1, (size_t)(entry.p + entry.n - colon - 1)};
        if (!filter_add_key_columns(f, (struct slice){entry.p, (size_t)(colon - entry.p)}, columns,
                                    e))
            return false;
    }
    return true;
}

struct filter *
filter_new(const struct config *c, struct err *e)
{
    struct filter *f = mem_alloc(sizeof(*f));
    bool ok = true;

    f->ignore_builtin = config_bool(c, "table.ignore.builtin");
    if (config_str(c, "signal.data.collection"))
        f->signals = slice_of(config_str(c, "signal.data.collection"));
    for (size_t i = 0; ok && i < sizeof(filter_lists) / sizeof(*filter_lists); i++)
        ok = pattern_add_list(filter_list(f, i), filter_lists[i].name,
                              config_str(c, filter_lists[i].name), filter_lists[i].case_sensitive,
                              e);
    ok = ok && filter_read_key_columns(f, c, e);
    if (!ok) {
        filter_free(f);
        return NULL;
    }
    return f;
}

void
filter_free(struct filter *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < sizeof(filter_lists) / sizeof(*filter_lists); i++)
        pattern_list_free(filter_list(f, i));
    pattern_list_free(&f->key_columns);
    free(f);
}

static bool
filter_is_builtin(struct slice schema)
{
    return slice_is(schema, "pg_catalog") || slice_is(schema, "information_schema") ||
           slice_is(schema, "pg_toast") || (schema.n >= 8 && memcmp(schema.p, "pg_temp_", 8) == 0);
}

/* An include list that is given decides; else the exclude list does. */
static bool
filter_passes(const struct pattern_list *include, const struct pattern_list *exclude,
              struct slice name)
{
    return include->n ? pattern_any(include, name) : !pattern_any(exclude, name);
}

bool
filter_signal_table(const struct filter *f, struct slice schema, struct slice table)
{
    return f->signals.n == schema.n + 1 + table.n && f->signals.p[schema.n] == '.' &&
           memcmp(f->signals.p, schema.p, schema.n) == 0 &&
           memcmp(f->signals.p + schema.n + 1, table.p, table.n) == 0;
}

bool
filter_table(const struct filter *f, struct slice schema, struct slice table)
{
    char name[PATTERN_NAME_MAX];

    if (filter_signal_table(f, schema, table))
        return true;
    if (f->ignore_builtin && filter_is_builtin(schema))
        return false;
    return filter_passes(&f->schema_include, &f->schema_exclude, schema) &&
           filter_passes(&f->table_include, &f->table_exclude,
                         pattern_name(name, schema, table, (struct slice){NULL, 0}));
}

bool
filter_column(const struct filter *f, struct slice schema, struct slice table, struct slice column)
{
    char name[PATTERN_NAME_MAX];

    if (!f->column_include.n && !f->column_exclude.n)
        return true;
    return filter_passes(&f->column_include, &f->column_exclude,
                         pattern_name(name, schema, table, column));
}

bool
filter_message(const struct filter *f, struct slice prefix)
{
    return filter_passes(&f->message_include, &f->message_exclude, prefix);
}

size_t
filter_key_rules(const struct filter *f)
{
    return f->key_columns.n;
}

bool
filter_key_column(const struct filter *f, size_t rule, struct slice schema, struct slice table,
                  struct slice column)
{
    char name[PATTERN_NAME_MAX];

    return pattern_matches(&f->key_columns, rule, pattern_name(name, schema, table, column));
}

int
filter_table_rank(const struct filter *f, struct slice schema, struct slice table)
{
    char name[PATTERN_NAME_MAX];
    int i = pattern_first(&f->table_include,
                          pattern_name(name, schema, table, (struct slice){NULL, 0}));

    return i < 0 ? INT_MAX : i;
}
