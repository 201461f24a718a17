/*
 * The rows of the type table that Debezium 1.2 had otherwise; all others are type_rule.c's. Differences in its code that
 * no row shows: columns have no defaults in the schema, and an unchanged TOAST value is only said where text fits.
 */
#include "decoder/type_rule.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))
#define UNKNOWN_ROW "unknown"

/* Money is a Decimal of two places, whatever the settings. */
static void
shape_money_legacy(struct shape *sh, const struct shape_in *in)
{
    static const struct schema_param scale[] = {{"scale", "2"}};

    (void)in;
    sh->scale = 2;
    sh->schema.params = scale;
    sh->schema.nparams = LENGTH(scale);
}

/* As now, but a string's number is BigDecimal's own text. */
static void
shape_numeric_legacy(struct shape *sh, const struct shape_in *in)
{
    type_rule_find(in->type)->shape(sh, in);
    if (in->s->decimal == DECIMAL_STRING)
        sh->write = text_decimal_scientific;
}

static void
shape_interval_legacy(struct shape *sh, const struct shape_in *in)
{
    type_rule_find(in->type)->shape(sh, in);
    if (in->s->interval == INTERVAL_STRING)
        sh->write = text_interval_double;
}

static void
shape_binary_legacy(struct shape *sh, const struct shape_in *in)
{
    if (in->s->binary != BINARY_BYTES)
        sh->schema.type = SCHEMA_STRING;
}

/* An array of an unknown type had its element's schema, and no value fit. */
#define GEOMETRIC(name, delimiter)                                                                 \
    {                                                                                              \
        name, name, SCHEMA_BYTES, NULL, text_geometric, "", shape_binary_legacy, DEFAULT_NONE,     \
            ARRAY_AS_ELEMENT, RULE_UNKNOWN | (delimiter), NULL                                     \
    }
/* A type that came later. */
#define YOUNGER(name, flags)                                                                       \
    {                                                                                              \
        name, name, SCHEMA_BYTES, NULL, text_unknown, "", shape_binary_legacy, DEFAULT_NONE,       \
            ARRAY_AS_ELEMENT, RULE_UNKNOWN | (flags), NULL                                         \
    }

/* clang-format off: one row per line */
static const struct type_rule legacy_rules[] = {
    {"oid", "oid", SCHEMA_INT64, NULL, text_int, "0", NULL, DEFAULT_NONE, ARRAY_DROPPED, 0, NULL},
    {"numeric", "numeric(p,s)", SCHEMA_BYTES, "org.apache.kafka.connect.data.Decimal", text_decimal,
     "0", shape_numeric_legacy, DEFAULT_NONE, ARRAY_PLAIN, 0, NULL},
    {"money", "money", SCHEMA_BYTES, "org.apache.kafka.connect.data.Decimal", text_money, "0",
     shape_money_legacy, DEFAULT_NONE, ARRAY_DROPPED, 0, NULL},
    {"bytea", "bytea", SCHEMA_BYTES, NULL, text_bytea, "\\x", shape_binary_legacy, DEFAULT_NONE,
     ARRAY_DROPPED, 0, NULL},
    {"ltree", "ltree", SCHEMA_STRING, "io.debezium.data.Ltree", text_string, "", NULL, DEFAULT_NONE,
     ARRAY_NO_NULLS, RULE_EXTENSION | RULE_STREAM_NULL, NULL},
    {"timestamptz", "timestamp with time zone", SCHEMA_STRING, "io.debezium.time.ZonedTimestamp",
     text_timestamptz_short, "\"1970-01-01T00:00:00Z\"", NULL, DEFAULT_NONE, ARRAY_PLAIN,
     RULE_FALLBACK_JSON, NULL},
    {"interval", "interval", SCHEMA_INT64, "io.debezium.time.MicroDuration", text_interval_us,
     "00:00:00", shape_interval_legacy, DEFAULT_NONE, ARRAY_DROPPED, 0, NULL},
    GEOMETRIC("circle", 0),
    GEOMETRIC("line", 0),
    GEOMETRIC("lseg", 0),
    GEOMETRIC("box", RULE_DELIM_SEMICOLON),
    GEOMETRIC("path", 0),
    GEOMETRIC("polygon", 0),
    YOUNGER("tsvector", 0),
    YOUNGER("isbn", RULE_EXTENSION),
    YOUNGER("vector", RULE_EXTENSION),
    YOUNGER("halfvec", RULE_EXTENSION),
    YOUNGER("sparsevec", RULE_EXTENSION),
    YOUNGER("int2vector", 0),
    YOUNGER("oidvector", 0),
    YOUNGER(UNKNOWN_ROW, 0),
};
/* clang-format on */

static const struct type_rule *
type_legacy_find(const struct pgtype *type)
{
    const struct type_rule *rule = type_rule_find(type);

    for (size_t i = 0; rule && i < LENGTH(legacy_rules); i++)
        if (strcmp(legacy_rules[i].name, rule->name) == 0)
            return &legacy_rules[i];
    return rule;
}

static const struct type_rule *
type_legacy_unknown(void)
{
    return &legacy_rules[LENGTH(legacy_rules) - 1];
}

const struct type_dialect type_dialect_1_2 = {
    .find = type_legacy_find,
    .unknown = type_legacy_unknown,
};
