#include "decoder/source_type.h"

#include <string.h>

enum {
    NUMERIC_OID = 1700,
    TYPMOD_NONE = -1,
    TYPMOD_HEADER = 4, /* in the typmod of numeric and of character types */
    LENGTH_UNBOUNDED = INT32_MAX,
    NUMERIC_UNBOUNDED = 131089, /* digits of the longest numeric, with point and sign */
    INTERVAL_PRECISION = 0xffff,
    TIME_PRECISION = 6,
    DOMAIN_DEPTH_MAX = 64, /* a catalog read while it changes could show a circle */
};

enum source_kind {
    SOURCE_FIXED,  /* whatever the typmod */
    SOURCE_CHARS,  /* the typmod is a length behind the header */
    SOURCE_BITS,   /* the typmod is the length */
    SOURCE_VARBIT, /* the same, unbounded without */
    SOURCE_TIME,   /* a text of that length, and the fraction's digits */
    SOURCE_INTERVAL,
    SOURCE_NUMERIC,
};

/* org.postgresql.jdbc.TypeInfoCache: getPrecision, getScale. An array counts as its elements; types without a row are
 * unbounded. */
static const struct source_rule {
    uint32_t oid, array;
    enum source_kind kind;
    int32_t length, scale;
} source_rules[] = {
    {16, 1000, SOURCE_FIXED, 1, 0},     /* bool */
    {18, 1002, SOURCE_FIXED, 1, 0},     /* "char" */
    {20, 1016, SOURCE_FIXED, 19, 0},    /* int8 */
    {21, 1005, SOURCE_FIXED, 5, 0},     /* int2 */
    {23, 1007, SOURCE_FIXED, 10, 0},    /* int4 */
    {26, 1028, SOURCE_FIXED, 10, 0},    /* oid */
    {700, 1021, SOURCE_FIXED, 8, 8},    /* float4 */
    {701, 1022, SOURCE_FIXED, 17, 17},  /* float8 */
    {1042, 1014, SOURCE_CHARS, 0, 0},   /* bpchar */
    {1043, 1015, SOURCE_CHARS, 0, 0},   /* varchar */
    {1082, 1182, SOURCE_FIXED, 13, 0},  /* date */
    {1083, 1183, SOURCE_TIME, 8, 0},    /* time */
    {1114, 1115, SOURCE_TIME, 22, 0},   /* timestamp */
    {1184, 1185, SOURCE_TIME, 28, 0},   /* timestamptz */
    {1186, 0, SOURCE_INTERVAL, 49, 0},  /* interval */
    {1266, 1270, SOURCE_TIME, 14, 0},   /* timetz */
    {1560, 1561, SOURCE_BITS, 0, 0},    /* bit */
    {1562, 1563, SOURCE_VARBIT, 0, 0},  /* varbit */
    {1700, 1231, SOURCE_NUMERIC, 0, 0}, /* numeric */
};

static const struct source_rule *
source_rule(uint32_t oid)
{
    for (size_t i = 0; i < sizeof(source_rules) / sizeof(*source_rules); i++)
        if (source_rules[i].oid == oid || (source_rules[i].array && source_rules[i].array == oid))
            return &source_rules[i];
    return NULL;
}

/* The point and the fraction's digits; one digit counts as two, as the driver has it. */
static int32_t
source_fraction(int32_t typmod)
{
    switch (typmod) {
    case TYPMOD_NONE:
        return TIME_PRECISION + 1;
    case 0:
        return 0;
    case 1:
        return 3;
    default:
        return typmod + 1;
    }
}

/* 0: an unbounded numeric. */
static int32_t
source_length(uint32_t oid, int32_t typmod)
{
    const struct source_rule *r = source_rule(oid);

    if (!r)
        return LENGTH_UNBOUNDED;
    switch (r->kind) {
    case SOURCE_FIXED:
    case SOURCE_INTERVAL:
        return r->length;
    case SOURCE_CHARS:
        return typmod == TYPMOD_NONE ? LENGTH_UNBOUNDED : typmod - TYPMOD_HEADER;
    case SOURCE_BITS:
        return typmod;
    case SOURCE_VARBIT:
        return typmod == TYPMOD_NONE ? LENGTH_UNBOUNDED : typmod;
    case SOURCE_TIME:
        return r->length + source_fraction(typmod);
    case SOURCE_NUMERIC:
        return typmod == TYPMOD_NONE ? 0 : (typmod - TYPMOD_HEADER) >> 16;
    }
    return LENGTH_UNBOUNDED;
}

static int32_t
source_scale(uint32_t oid, int32_t typmod)
{
    const struct source_rule *r = source_rule(oid);

    if (!r)
        return 0;
    switch (r->kind) {
    case SOURCE_FIXED:
        return r->scale;
    case SOURCE_CHARS:
    case SOURCE_BITS:
    case SOURCE_VARBIT:
        return 0;
    case SOURCE_TIME:
        return typmod == TYPMOD_NONE ? TIME_PRECISION : typmod;
    case SOURCE_INTERVAL:
        return typmod == TYPMOD_NONE ? TIME_PRECISION : typmod & INTERVAL_PRECISION;
    case SOURCE_NUMERIC:
        return typmod == TYPMOD_NONE ? 0 : (typmod - TYPMOD_HEADER) & 0xffff;
    }
    return 0;
}

static int32_t
source_length_or_text(uint32_t oid, int32_t typmod)
{
    int32_t n = source_length(oid, typmod);

    return n == 0 ? NUMERIC_UNBOUNDED : n;
}

/* A domain's own bound counts, else its base's. */
static int32_t
source_default_length(const struct types *types, const struct pgtype *t, int depth)
{
    const struct pgtype *base = t->base ? types_get(types, t->base) : NULL;

    if (!base || depth > DOMAIN_DEPTH_MAX)
        return source_length_or_text(t->oid, TYPMOD_NONE);
    if (t->base_typmod == TYPMOD_NONE)
        return source_default_length(types, base, depth + 1);
    return source_length_or_text(base->oid, t->base_typmod);
}

static int32_t
source_default_scale(const struct types *types, const struct pgtype *t, int depth)
{
    const struct pgtype *base = t->base ? types_get(types, t->base) : NULL;

    if (!base || depth > DOMAIN_DEPTH_MAX)
        return source_scale(t->oid, TYPMOD_NONE);
    if (t->base_typmod == TYPMOD_NONE)
        return source_default_scale(types, base, depth + 1);
    return source_scale(base->oid, t->base_typmod);
}

/* The driver calls an integer that a sequence fills by the name of its declaration. */
static const char *
source_metadata_name(const struct pgtype *t, const struct column *col, struct arena *a)
{
    static const struct {
        uint32_t oid;
        const char *serial;
    } serials[] = {{20, "bigserial"}, {21, "smallserial"}, {23, "serial"}};

    if (col->default_expr && strstr(col->default_expr, "nextval("))
        for (size_t i = 0; i < sizeof(serials) / sizeof(*serials); i++)
            if (serials[i].oid == t->oid)
                return serials[i].serial;
    /* Which schemas are on the path is the session's matter; these two nearly always are, and others nearly never. */
    if (strcmp(t->schema, "pg_catalog") == 0 || strcmp(t->schema, "public") == 0)
        return t->name;
    return arena_printf(a, "\"%s\".\"%s\"", t->schema, t->name);
}

struct source_type
source_type_of(const struct types *types, const struct column *col, bool snapshot, struct arena *a)
{
    const struct pgtype *t = types_get(types, col->type);
    struct source_type out = {.name = t->name, .has_scale = true};

    if (snapshot)
        out.name = source_metadata_name(t, col, a);
    if (t->kind == 'd' || (!snapshot && col->typmod == TYPMOD_NONE)) {
        out.length = source_default_length(types, t, 0);
        out.scale = source_default_scale(types, t, 0);
        return out;
    }
    /* An unbounded numeric, but not an array of them, has neither. */
    out.has_scale = t->oid != NUMERIC_OID || col->typmod != TYPMOD_NONE;
    out.length = out.has_scale ? source_length_or_text(t->oid, col->typmod) : 0;
    out.scale = source_scale(t->oid, col->typmod);
    return out;
}
