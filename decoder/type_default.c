/*
 * A column's default, read from pg_get_expr's text the way Debezium's
 * PostgresDefaultValueConverter reads it: it does not evaluate, it looks for three things.
 *
 *   a call in front, or CURRENT_TIMESTAMP and its like   a placeholder: 0, "", 1970 …
 *   something between single quotes                      that text, to the next quote: 'it''s' is "it"
 *   else                                                 the expression itself
 *
 * What then is no value of the type gives no default. Columns of a domain have none: the domain's
 * name is in no table there.
 */
#include "base/json.h"
#include "base/num.h"
#include "decoder/type_rule.h"

/* Java's '.' stops at \n, \r, U+0085, U+2028 and U+2029. */
static bool
default_line_ends(const char *p, const char *end)
{
    return *p == '\n' || *p == '\r' || (end - p >= 2 && memcmp(p, "\xc2\x85", 2) == 0) ||
           (end - p >= 3 &&
            (memcmp(p, "\xe2\x80\xa8", 3) == 0 || memcmp(p, "\xe2\x80\xa9", 3) == 0));
}

/* The regular expression ^[(]?[A-Za-z0-9_.]+\((?:.+(?:, ?.+)*)?\) finds a match. */
static bool
default_is_call(struct slice expr)
{
    const char *p = expr.p, *end = expr.p + expr.n, *name;

    if (p < end && *p == '(')
        p++;
    name = p;
    while (p < end && ((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') ||
                       (*p >= '0' && *p <= '9') || *p == '_' || *p == '.'))
        p++;
    if (p == name || p == end || *p++ != '(')
        return false;
    for (; p < end && !default_line_ends(p, end); p++)
        if (*p == ')')
            return true;
    return false;
}

static bool
default_is_clock(struct slice expr)
{
    static const char *const clocks[] = {"CURRENT_TIMESTAMP", "CURRENT_TIME", "CURRENT_DATE",
                                         "LOCALTIME", "LOCALTIMESTAMP"};

    for (size_t i = 0; i < sizeof(clocks) / sizeof(*clocks); i++)
        if (slice_is(expr, clocks[i]))
            return true;
    return false;
}

/* The regular expression '(.*?)' finds a match: its group. An expression without quotes is taken
 * whole. */
static bool
default_literal(struct slice expr, struct slice *out)
{
    const char *end = expr.p + expr.n, *open = memchr(expr.p, '\'', expr.n);

    *out = expr;
    if (!open)
        return true;
    while (open) {
        const char *p = open + 1;

        while (p < end && *p != '\'' && !default_line_ends(p, end))
            p++;
        if (p < end && *p == '\'') {
            *out = (struct slice){open + 1, (size_t)(p - open) - 1};
            return true;
        }
        open = p < end ? memchr(p, '\'', (size_t)(end - p)) : NULL;
    }
    return false;
}

static struct slice
default_trim(struct slice s)
{
    while (s.n > 0 && (unsigned char)s.p[0] <= ' ')
        s = (struct slice){s.p + 1, s.n - 1};
    while (s.n > 0 && (unsigned char)s.p[s.n - 1] <= ' ')
        s.n--;
    return s;
}

/* What stands for a function's result, in PostgreSQL's text. */
static const char *const default_placeholders[] = {
    [DEFAULT_NONE] = "",
    [DEFAULT_BOOL] = "false",
    [DEFAULT_INT] = "0",
    [DEFAULT_FLOAT] = "0",
    [DEFAULT_NUMERIC] = "0",
    [DEFAULT_TEXT] = "",
    [DEFAULT_JSON] = "{}",
    [DEFAULT_XML] = "",
    [DEFAULT_UUID] = "00000000-0000-0000-0000-000000000000",
    [DEFAULT_DATE] = "1970-01-01",
    [DEFAULT_TIME] = "00:00:00",
    [DEFAULT_TIMESTAMP] = "1970-01-01 00:00:00",
    [DEFAULT_TIMESTAMPTZ] = "1970-01-01 00:00:00+00",
    [DEFAULT_INTERVAL] = "00:00:00",
    [DEFAULT_BIT] = "0",
};

/* Values that java.time's parsers map elsewhere than a column's value goes: LocalDateTime.MAX and
 * the like. */
static const struct {
    enum default_kind kind;
    const char *text, *means; /* NULL: no default */
} default_specials[] = {
    {DEFAULT_DATE, "infinity", "999999999-12-31"},
    {DEFAULT_DATE, "-infinity", "1000000000-01-01 BC"},
    {DEFAULT_TIMESTAMP, "infinity", "999999999-12-31 23:59:59.999999999"},
    {DEFAULT_TIMESTAMP, "-infinity", "1000000000-01-01 00:00:00 BC"},
    {DEFAULT_TIMESTAMPTZ, "infinity", NULL},
    {DEFAULT_TIMESTAMPTZ, "-infinity", NULL},
    {DEFAULT_TIME, "24:00:00", "23:59:59.999999999"},
};

static bool
default_special(enum default_kind kind, struct slice *text)
{
    for (size_t i = 0; i < sizeof(default_specials) / sizeof(*default_specials); i++)
        if (default_specials[i].kind == kind && slice_is(*text, default_specials[i].text)) {
            if (default_specials[i].means)
                *text = slice_of(default_specials[i].means);
            return default_specials[i].means != NULL;
        }
    return true;
}

static bool
default_int(struct buf *out, struct slice text, enum schema_type type)
{
    int64_t v, limit = type == SCHEMA_INT16   ? INT16_MAX
                       : type == SCHEMA_INT32 ? INT32_MAX
                                              : INT64_MAX;

    if (!num_parse_i64(text, &v) || v > limit || v < -limit - 1)
        return false;
    num_add_i64(out, v);
    return true;
}

/* BigDecimal.setScale without rounding: 1.005 is no default of a numeric(6,2), in any mode. */
static bool
default_numeric(struct buf *out, struct slice text, const struct shape *sh,
                const struct bind_ctx *ctx)
{
    struct pgdec d;

    if (!pgdec_parse(text, &d))
        return false;
    if (sh->scale != SCALE_NONE) {
        while (d.fraction.n > (size_t)sh->scale && d.fraction.p[d.fraction.n - 1] == '0')
            d.fraction.n--;
        if (d.fraction.n > (size_t)sh->scale)
            return false;
        text.n =
            (size_t)((d.fraction.n ? d.fraction.p + d.fraction.n : d.whole.p + d.whole.n) - text.p);
    } else if (sh->schema.type == SCHEMA_STRUCT) {
        return false; /* structs have no defaults */
    }
    return sh->write(out, text, ctx, NULL);
}

/* Integer.valueOf(text, 2) would take it. */
static bool
default_is_binary(struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != '0' && text.p[i] != '1')
            return false;
    return text.n > 0;
}

/* Every '1' of the text sets a bit, everything else is a 0: "(5)::bit(10)", which is no literal,
 * has one in ten. */
static bool
default_bit(struct buf *out, struct slice text, const struct shape *sh, const struct bind_ctx *ctx)
{
    struct buf bits;
    bool ok;

    if (sh->schema.type == SCHEMA_BOOLEAN) {
        buf_str(out, slice_is(text, "1") ? "true" : "false");
        return default_is_binary(text);
    }
    buf_init(&bits, text.n + 1);
    for (size_t i = 0; i < text.n; i++)
        buf_putc(&bits, text.p[i] == '1' ? '1' : '0');
    ok = sh->write(out, buf_view(&bits), ctx, NULL);
    buf_free(&bits);
    return ok;
}

static bool
default_value(struct buf *out, enum default_kind kind, struct slice text, const struct shape *sh,
              const struct bind_ctx *ctx)
{
    switch (kind) {
    case DEFAULT_NONE:
        return false;
    case DEFAULT_BOOL:
        buf_str(out, text.n == 4 && strncasecmp(text.p, "true", 4) == 0 ? "true" : "false");
        return true;
    case DEFAULT_INT:
        return default_int(out, text, sh->schema.type);
    case DEFAULT_FLOAT:
        return pgtext_java_float(out, text, sh->schema.type == SCHEMA_FLOAT32);
    case DEFAULT_NUMERIC:
        return default_numeric(out, text, sh, ctx);
    case DEFAULT_BIT:
        return default_bit(out, text, sh, ctx);
    case DEFAULT_TEXT:
    case DEFAULT_JSON:
    case DEFAULT_XML:
    case DEFAULT_UUID:
        json_str(out, text);
        return true;
    case DEFAULT_DATE:
    case DEFAULT_TIME:
    case DEFAULT_TIMESTAMP:
    case DEFAULT_TIMESTAMPTZ:
    case DEFAULT_INTERVAL:
        return default_special(kind, &text) && sh->write(out, text, ctx, NULL);
    }
    return false;
}

/* cast = [ schema "." ] ( type | '"' type '"' ); whichever schema it is. */
static bool
default_cast_is(struct slice cast, const char *type)
{
    size_t n = strlen(type), quote = cast.n > 0 && cast.p[cast.n - 1] == '"';
    const char *name;

    if (cast.n < n + 2 * quote)
        return false;
    name = cast.p + cast.n - quote - n;
    if (memcmp(name, type, n) != 0 || (quote && name[-1] != '"'))
        return false;
    name -= quote;
    return name == cast.p || name[-1] == '.';
}

/*
 * enum default = "'" label "'::" cast; another cast or an expression gives none. As in Debezium a quote in the
 * label stays doubled, and a type with a double quote or a dot in its name has none: it takes such a name apart.
 */
static bool
default_enum(struct buf *out, struct slice expr, const struct pgtype *type)
{
    const char *p = expr.p, *end = expr.p + expr.n, *start;
    struct slice label;

    if (p == end || *p++ != '\'' || strpbrk(type->name, "\"."))
        return false;
    start = p;
    while (p < end && (*p != '\'' || (end - p > 1 && p[1] == '\'')))
        p += 1 + (*p == '\'');
    label = (struct slice){start, (size_t)(p - start)};
    if (end - p < 4 || memcmp(p, "'::", 3) != 0 ||
        !default_cast_is((struct slice){p + 3, (size_t)(end - p) - 3}, type->name))
        return false;
    json_str(out, label);
    return true;
}

bool
type_default(struct buf *out, const struct type_rule *rule, const struct pgtype *type,
             const struct column *col, const struct shape *sh, const struct bind_ctx *ctx)
{
    struct slice expr, text;

    if (!col->default_expr || type->oid != col->type)
        return false;
    expr = slice_of(col->default_expr);
    if (type->kind == 'e')
        return default_enum(out, expr, type);
    if (rule->def == DEFAULT_NONE || (expr.n >= 6 && memcmp(expr.p, "NULL::", 6) == 0))
        return false;
    if (default_is_call(expr) || default_is_clock(expr))
        text = slice_of(default_placeholders[rule->def]);
    else if (!default_literal(expr, &text))
        return false;
    return default_value(out, rule->def, rule->def == DEFAULT_TEXT ? text : default_trim(text), sh,
                         ctx);
}
