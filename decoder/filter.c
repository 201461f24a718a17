#define PCRE2_CODE_UNIT_WIDTH 8

#include "decoder/filter.h"

#include <limits.h>
#include <pcre2.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

/* A list as long as a configuration may be; one pattern as long as PCRE2 compiles in reasonable time. */
enum { FILTER_PATTERN_MAX = 65536, FILTER_NAME_MAX = 64 * 3 * 4 };

struct pattern {
    pcre2_code *code;
    char *columns; /* message.key.columns: the part behind the colon */
};

struct pattern_list {
    size_t n;
    struct pattern *v;
};

struct filter {
    struct pattern_list schema_include, schema_exclude;
    struct pattern_list table_include, table_exclude;
    struct pattern_list column_include, column_exclude;
    struct pattern_list message_include, message_exclude;
    struct pattern_list key_columns;
    bool ignore_builtin;
    pcre2_match_data *match; /* only touched while relations are looked at, on one thread */
};

/* The property that fills each list: walked by filter_new. */
static const struct {
    const char *name;
    size_t at;
    bool case_sensitive; /* message prefixes are; Debezium matches the rest without regard to case */
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

/* Java's names for POSIX classes, ASCII only in both. */
static const struct {
    const char *java, *posix;
} pattern_classes[] = {
    {"Lower", "lower"}, {"Upper", "upper"}, {"ASCII", "ascii"},   {"Alpha", "alpha"}, {"Digit", "digit"},
    {"Alnum", "alnum"}, {"Punct", "punct"}, {"Graph", "graph"},   {"Print", "print"}, {"Blank", "blank"},
    {"Cntrl", "cntrl"}, {"XDigit", "xdigit"}, {"Space", "space"},
};

/* \p{Name} and \P{Name} at p, in a class or not: how many bytes it was; 0: another escape. */
static size_t
pattern_add_class(struct buf *out, const char *p, size_t n, bool in_class)
{
    for (size_t i = 0; i < sizeof(pattern_classes) / sizeof(*pattern_classes); i++) {
        size_t len = strlen(pattern_classes[i].java);

        if (n < len + 4 || p[2] != '{' || memcmp(p + 3, pattern_classes[i].java, len) != 0 || p[3 + len] != '}')
            continue;
        buf_printf(out, "%s[:%s%s:]%s", in_class ? "" : "[", p[1] == 'P' ? "^" : "", pattern_classes[i].posix,
                   in_class ? "" : "]");
        return len + 4;
    }
    return 0;
}

/* The escape at p as PCRE2 writes it; returns how many bytes it was. */
static size_t
pattern_add_escape(struct buf *out, const char *p, size_t n, bool in_class)
{
    size_t taken = 0;

    if (n > 1 && (p[1] == 'p' || p[1] == 'P'))
        taken = pattern_add_class(out, p, n, in_class);
    if (n >= 6 && p[1] == 'u' && strspn(p + 2, "0123456789abcdefABCDEF") >= 4) {
        buf_printf(out, "\\x{%.4s}", p + 2);
        taken = 6;
    }
    if (taken)
        return taken;
    taken = n > 1 ? 2 : 1;
    buf_add(out, p, taken);
    return taken;
}

/*
 * Java's syntax as PCRE2's, where they differ: \p{Alpha}, \u0041. Classes inside of classes and && mean something else in
 * PCRE2, silently: false. text has a NUL behind it.
 */
static bool
pattern_translate(struct buf *out, struct slice text)
{
    const char *p = text.p, *end = text.p + text.n;
    bool in_class = false;

    while (p < end) {
        size_t n = (size_t)(end - p);

        if (n >= 2 && p[0] == '\\' && p[1] == 'Q') {
            const char *close = memmem(p, n, "\\E", 2);
            size_t quoted = close ? (size_t)(close - p) + 2 : n;

            buf_add(out, p, quoted);
            p += quoted;
        } else if (*p == '\\') {
            p += pattern_add_escape(out, p, n, in_class);
        } else {
            if (in_class && (*p == '[' || (n >= 2 && p[0] == '&' && p[1] == '&')))
                return false;
            if (*p == '[')
                in_class = true;
            else if (*p == ']')
                in_class = false;
            buf_putc(out, *p++);
        }
    }
    return true;
}

static pcre2_code *
pattern_compile(const char *prop, struct slice text, struct slice translated, bool case_sensitive, struct err *e)
{
    uint32_t options = PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED | (case_sensitive ? 0 : PCRE2_CASELESS);
    char why[160] = "";
    int code;
    size_t at;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)translated.p, translated.n, options, &code, &at, NULL);

    if (re)
        return re;
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
    err_set(e, ERR_CONFIG, "config.regex", "property \"%s\": \"%.*s\" is no regular expression: %s at character %zu", prop,
            SLICE_ARG(text), why, at);
    return NULL;
}

static bool
pattern_add(struct pattern_list *l, const char *prop, struct slice text, bool case_sensitive, struct err *e)
{
    pcre2_code *re = NULL;
    struct buf translated;

    buf_init(&translated, 2 * FILTER_PATTERN_MAX);
    if (!pattern_translate(&translated, text))
        err_set(e, ERR_CONFIG, "config.regex",
                "property \"%s\": \"%.*s\" has a character class inside of another, or &&, which are not supported; write the "
                "class out",
                prop, SLICE_ARG(text));
    else
        re = pattern_compile(prop, text, (struct slice){buf_cstr(&translated), translated.n}, case_sensitive, e);
    buf_free(&translated);
    if (!re)
        return false;
    /* The JIT only makes it faster; without it matching works as well. */
    (void)pcre2_jit_compile(re, PCRE2_JIT_COMPLETE);
    l->v = mem_grow(l->v, l->n + 1, sizeof(*l->v));
    l->v[l->n++] = (struct pattern){re, NULL};
    return true;
}

/* A name that is no UTF-8 (a database without encoding): a character per byte, so that patterns still see characters. */
static int
pattern_match_bytes(const struct filter *f, const pcre2_code *re, struct slice name)
{
    char wide[2 * FILTER_NAME_MAX];
    size_t n = 0;

    for (size_t i = 0; i < name.n && n + 2 <= sizeof(wide); i++) {
        unsigned char c = (unsigned char)name.p[i];

        if (c >= 0x80)
            wide[n++] = (char)(0xC0 | c >> 6);
        wide[n++] = (char)(c < 0x80 ? c : 0x80 | (c & 0x3F));
    }
    return pcre2_match(re, (PCRE2_SPTR)wide, n, 0, 0, f->match, NULL);
}

static int
pattern_first(const struct filter *f, const struct pattern_list *l, struct slice name)
{
    for (size_t i = 0; i < l->n; i++) {
        int found = pcre2_match(l->v[i].code, (PCRE2_SPTR)name.p, name.n, 0, 0, f->match, NULL);

        if (found <= PCRE2_ERROR_UTF8_ERR1 && found >= PCRE2_ERROR_UTF8_ERR21)
            found = pattern_match_bytes(f, l->v[i].code, name);
        if (found >= 0)
            return (int)i;
    }
    return -1;
}

static bool
pattern_any(const struct filter *f, const struct pattern_list *l, struct slice name)
{
    return pattern_first(f, l, name) >= 0;
}

static bool
filter_read_list(struct filter *f, const struct config *c, size_t row, struct err *e)
{
    struct pattern_list *l = (void *)((char *)f + filter_lists[row].at);
    const char *pos = config_str(c, filter_lists[row].name);
    struct buf item;
    bool ok = true;

    buf_init(&item, FILTER_PATTERN_MAX);
    while (ok && pos && config_list_next(&pos, &item))
        if (item.n)
            ok = pattern_add(l, filter_lists[row].name, (struct slice){buf_cstr(&item), item.n},
                             filter_lists[row].case_sensitive, e);
    buf_free(&item);
    return ok;
}

/* "<table regex>:<column>[,<column>…][;…]" */
static bool
filter_read_key_columns(struct filter *f, const struct config *c, struct err *e)
{
    const char *p = config_str(c, "message.key.columns");

    while (p && *p) {
        size_t n = strcspn(p, ";");
        struct slice entry = {p, n};
        const char *colon = memrchr(entry.p, ':', entry.n);

        p += n + (p[n] == ';');
        while (entry.n && (*entry.p == ' ' || *entry.p == '\n'))
            entry.p++, entry.n--;
        if (entry.n == 0)
            continue;
        if (!colon || colon == entry.p || colon + 1 == entry.p + entry.n)
            return err_set(e, ERR_CONFIG, "config.value",
                           "property \"message.key.columns\": \"%.*s\" should be <schema>.<table>:<column>[,<column>]",
                           SLICE_ARG(entry));
        if (!pattern_add(&f->key_columns, "message.key.columns", (struct slice){entry.p, (size_t)(colon - entry.p)}, false, e))
            return false;
        f->key_columns.v[f->key_columns.n - 1].columns =
            mem_strndup(colon + 1, (size_t)(entry.p + entry.n - colon - 1));
    }
    return true;
}

struct filter *
filter_new(const struct config *c, struct err *e)
{
    struct filter *f = mem_alloc(sizeof(*f));
    bool ok = true;

    f->match = pcre2_match_data_create(1, NULL);
    f->ignore_builtin = config_bool(c, "table.ignore.builtin");
    for (size_t i = 0; ok && i < sizeof(filter_lists) / sizeof(*filter_lists); i++)
        ok = filter_read_list(f, c, i, e);
    ok = ok && filter_read_key_columns(f, c, e);
    if (!ok) {
        filter_free(f);
        return NULL;
    }
    return f;
}

static void
pattern_list_free(struct pattern_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        pcre2_code_free(l->v[i].code);
        free(l->v[i].columns);
    }
    free(l->v);
}

void
filter_free(struct filter *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < sizeof(filter_lists) / sizeof(*filter_lists); i++)
        pattern_list_free((void *)((char *)f + filter_lists[i].at));
    pattern_list_free(&f->key_columns);
    pcre2_match_data_free(f->match);
    free(f);
}

/* "a.b" or "a.b.c" in dst; names are at most 63 bytes each, longer ones match nothing. */
static struct slice
filter_join(char dst[FILTER_NAME_MAX], struct slice a, struct slice b, struct slice c)
{
    size_t n = 0;
    const struct slice parts[] = {a, b, c};

    for (size_t i = 0; i < 3; i++) {
        if (!parts[i].p)
            break;
        if (n + parts[i].n + 2 > FILTER_NAME_MAX)
            return (struct slice){dst, 0};
        if (i)
            dst[n++] = '.';
        memcpy(dst + n, parts[i].p, parts[i].n);
        n += parts[i].n;
    }
    return (struct slice){dst, n};
}

static bool
filter_is_builtin(struct slice schema)
{
    return slice_is(schema, "pg_catalog") || slice_is(schema, "information_schema") || slice_is(schema, "pg_toast") ||
           (schema.n >= 8 && memcmp(schema.p, "pg_temp_", 8) == 0);
}

/* An include list that is given decides; else the exclude list does. */
static bool
filter_passes(const struct filter *f, const struct pattern_list *include, const struct pattern_list *exclude, struct slice name)
{
    return include->n ? pattern_any(f, include, name) : !pattern_any(f, exclude, name);
}

bool
filter_table(const struct filter *f, struct slice schema, struct slice table)
{
    char name[FILTER_NAME_MAX];

    if (f->ignore_builtin && filter_is_builtin(schema))
        return false;
    return filter_passes(f, &f->schema_include, &f->schema_exclude, schema) &&
           filter_passes(f, &f->table_include, &f->table_exclude,
                         filter_join(name, schema, table, (struct slice){NULL, 0}));
}

bool
filter_column(const struct filter *f, struct slice schema, struct slice table, struct slice column)
{
    char name[FILTER_NAME_MAX];

    if (!f->column_include.n && !f->column_exclude.n)
        return true;
    return filter_passes(f, &f->column_include, &f->column_exclude, filter_join(name, schema, table, column));
}

bool
filter_message(const struct filter *f, struct slice prefix)
{
    return filter_passes(f, &f->message_include, &f->message_exclude, prefix);
}

bool
filter_key_columns(const struct filter *f, struct slice schema, struct slice table, struct slice *columns)
{
    char name[FILTER_NAME_MAX];
    int i = f->key_columns.n
                ? pattern_first(f, &f->key_columns, filter_join(name, schema, table, (struct slice){NULL, 0}))
                : -1;

    if (i < 0)
        return false;
    *columns = slice_of(f->key_columns.v[i].columns);
    return true;
}

int
filter_table_rank(const struct filter *f, struct slice schema, struct slice table)
{
    char name[FILTER_NAME_MAX];
    int i = pattern_first(f, &f->table_include, filter_join(name, schema, table, (struct slice){NULL, 0}));

    return i < 0 ? INT_MAX : i;
}
