#include "sinks/bigquery/types.h"

#include <string.h>
#include <strings.h>

#include "sinks/bigquery/values.h"

#define COUNT(v) (sizeof(v) / sizeof(*(v)))
#define ANY (-1)
#define DBZ "io.debezium."
#define CONNECT "org.apache.kafka.connect.data."

/* clang-format off */
const struct bq_rule bq_rules[] = {
    /* PostgreSQL types whose Connect form depends on a mode, while their text and place in BigQuery do not. */
    {ANY, NULL, "money", BQ_SRC_TEXT, BQ_STRING, false},
    {ANY, NULL, "bytea", BQ_SRC_BYTEA, BQ_BYTES, false},
    {ANY, NULL, "hstore", BQ_SRC_HSTORE, BQ_JSON, false},
    {ANY, NULL, "interval", BQ_SRC_TEXT, BQ_STRING, false},
    {ANY, NULL, "varbit", BQ_SRC_TEXT, BQ_STRING, false},

    {ANY, DBZ "time.Date", NULL, BQ_SRC_DATE, BQ_DATE, false},
    {ANY, DBZ "time.IsoDate", NULL, BQ_SRC_DATE, BQ_DATE, false},
    {ANY, CONNECT "Date", NULL, BQ_SRC_DATE, BQ_DATE, false},
    {ANY, DBZ "time.Timestamp", NULL, BQ_SRC_DATETIME, BQ_DATETIME, false},
    {ANY, DBZ "time.MicroTimestamp", NULL, BQ_SRC_DATETIME, BQ_DATETIME, false},
    {ANY, DBZ "time.NanoTimestamp", NULL, BQ_SRC_DATETIME, BQ_DATETIME, false},
    {ANY, DBZ "time.IsoTimestamp", NULL, BQ_SRC_DATETIME, BQ_DATETIME, false},
    {ANY, CONNECT "Timestamp", NULL, BQ_SRC_DATETIME, BQ_DATETIME, false},
    {ANY, DBZ "time.ZonedTimestamp", NULL, BQ_SRC_TIMESTAMP, BQ_TIMESTAMP, false},
    {ANY, DBZ "time.Time", NULL, BQ_SRC_TIME, BQ_TIME, false},
    {ANY, DBZ "time.MicroTime", NULL, BQ_SRC_TIME, BQ_TIME, false},
    {ANY, DBZ "time.NanoTime", NULL, BQ_SRC_TIME, BQ_TIME, false},
    {ANY, DBZ "time.IsoTime", NULL, BQ_SRC_TIME, BQ_TIME, false},
    {ANY, CONNECT "Time", NULL, BQ_SRC_TIME, BQ_TIME, false},
    {ANY, DBZ "time.ZonedTime", NULL, BQ_SRC_TEXT, BQ_STRING, false},
    {ANY, DBZ "data.Json", NULL, BQ_SRC_JSON, BQ_JSON, false},
    {ANY, DBZ "data.Uuid", NULL, BQ_SRC_TEXT, BQ_STRING, false},
    {ANY, DBZ "data.Enum", NULL, BQ_SRC_TEXT, BQ_STRING, false},
    {ANY, CONNECT "Decimal", NULL, BQ_SRC_DECIMAL, BQ_NUMERIC, true},
    {ANY, DBZ "data.VariableScaleDecimal", NULL, BQ_SRC_DECIMAL, BQ_BIGNUMERIC, true},
    {SCHEMA_BOOLEAN, "", "bit", BQ_SRC_BIT, BQ_BOOL, false},
    {SCHEMA_BOOLEAN, "", NULL, BQ_SRC_BOOL, BQ_BOOL, false},
    {SCHEMA_INT8, "", NULL, BQ_SRC_INT, BQ_INT64, false},
    {SCHEMA_INT16, "", NULL, BQ_SRC_INT, BQ_INT64, false},
    {SCHEMA_INT32, "", NULL, BQ_SRC_INT, BQ_INT64, false},
    {SCHEMA_INT64, "", NULL, BQ_SRC_INT, BQ_INT64, false},
    {SCHEMA_FLOAT32, "", NULL, BQ_SRC_FLOAT, BQ_FLOAT64, false},
    /* Also decimal.handling.mode=double: the user said that doubles will do. */
    {SCHEMA_FLOAT64, "", NULL, BQ_SRC_FLOAT, BQ_FLOAT64, false},

    /* Everything else is said best by its text: bits, xml, ltree, ranges, addresses, geometry, vectors … */
    {ANY, NULL, NULL, BQ_SRC_TEXT, BQ_STRING, false},
};

const struct bq_conversion bq_conversions[] = {
    {BQ_SRC_BOOL, BQ_BOOL, bq_write_bool},
    {BQ_SRC_BOOL, BQ_STRING, bq_write_bool_text},
    {BQ_SRC_BIT, BQ_BOOL, bq_write_bit},
    {BQ_SRC_BIT, BQ_STRING, bq_write_text},
    {BQ_SRC_INT, BQ_INT64, bq_write_int},
    {BQ_SRC_INT, BQ_FLOAT64, bq_write_float},
    {BQ_SRC_INT, BQ_NUMERIC, bq_write_int_text},
    {BQ_SRC_INT, BQ_BIGNUMERIC, bq_write_int_text},
    {BQ_SRC_INT, BQ_STRING, bq_write_text},
    {BQ_SRC_FLOAT, BQ_FLOAT64, bq_write_float},
    {BQ_SRC_FLOAT, BQ_STRING, bq_write_text},
    {BQ_SRC_DECIMAL, BQ_NUMERIC, bq_write_numeric},
    {BQ_SRC_DECIMAL, BQ_BIGNUMERIC, bq_write_bignumeric},
    {BQ_SRC_DECIMAL, BQ_FLOAT64, bq_write_float},
    {BQ_SRC_DECIMAL, BQ_INT64, bq_write_int},
    {BQ_SRC_DECIMAL, BQ_STRING, bq_write_text},
    {BQ_SRC_TEXT, BQ_STRING, bq_write_text},
    {BQ_SRC_TEXT, BQ_JSON, bq_write_json},
    {BQ_SRC_BYTEA, BQ_BYTES, bq_write_bytea},
    {BQ_SRC_BYTEA, BQ_STRING, bq_write_text},
    {BQ_SRC_DATE, BQ_DATE, bq_write_date},
    {BQ_SRC_DATE, BQ_STRING, bq_write_text},
    {BQ_SRC_DATETIME, BQ_DATETIME, bq_write_datetime},
    {BQ_SRC_DATETIME, BQ_TIMESTAMP, bq_write_utc_timestamp},
    {BQ_SRC_DATETIME, BQ_DATE, bq_write_date},
    {BQ_SRC_DATETIME, BQ_STRING, bq_write_text},
    {BQ_SRC_TIMESTAMP, BQ_TIMESTAMP, bq_write_timestamp},
    {BQ_SRC_TIMESTAMP, BQ_DATETIME, bq_write_datetime},
    {BQ_SRC_TIMESTAMP, BQ_DATE, bq_write_date},
    {BQ_SRC_TIMESTAMP, BQ_STRING, bq_write_text},
    {BQ_SRC_TIME, BQ_TIME, bq_write_time},
    {BQ_SRC_TIME, BQ_STRING, bq_write_text},
    {BQ_SRC_JSON, BQ_JSON, bq_write_json},
    {BQ_SRC_JSON, BQ_STRING, bq_write_text},
    {BQ_SRC_HSTORE, BQ_JSON, bq_write_hstore},
    {BQ_SRC_HSTORE, BQ_STRING, bq_write_text},
};

const struct bq_named_conversion bq_named[] = {
    {"datetime_ms", BQ_SRC_INT, BQ_DATETIME, bq_write_ms_datetime},
    {"timestamp_ms", BQ_SRC_INT, BQ_TIMESTAMP, bq_write_ms_timestamp},
    {"datetime_us", BQ_SRC_INT, BQ_DATETIME, bq_write_us_datetime},
    {"timestamp_us", BQ_SRC_INT, BQ_TIMESTAMP, bq_write_us_timestamp},
    {"date", BQ_SRC_INT, BQ_DATE, bq_write_ms_date},
    {"date", BQ_SRC_DATE, BQ_DATE, bq_write_date},
    {"date", BQ_SRC_DATETIME, BQ_DATE, bq_write_date},
    {"date", BQ_SRC_TIMESTAMP, BQ_DATE, bq_write_date},
    {"json", BQ_SRC_JSON, BQ_JSON, bq_write_json},
    {"json", BQ_SRC_TEXT, BQ_JSON, bq_write_json},
    {"json", BQ_SRC_HSTORE, BQ_JSON, bq_write_hstore},
};
/* clang-format on */
const size_t bq_nrules = COUNT(bq_rules);
const size_t bq_nconversions = COUNT(bq_conversions);
const size_t bq_nnamed = COUNT(bq_named);

static const char *const type_names[BQ_NTYPES] = {
    [BQ_STRING] = "STRING",   [BQ_BYTES] = "BYTES",         [BQ_INT64] = "INT64",
    [BQ_FLOAT64] = "FLOAT64", [BQ_NUMERIC] = "NUMERIC",     [BQ_BIGNUMERIC] = "BIGNUMERIC",
    [BQ_BOOL] = "BOOL",       [BQ_DATE] = "DATE",           [BQ_DATETIME] = "DATETIME",
    [BQ_TIME] = "TIME",       [BQ_TIMESTAMP] = "TIMESTAMP", [BQ_JSON] = "JSON",
};
static const char *const mode_names[] = {
    [BQ_NULLABLE] = "NULLABLE", [BQ_REQUIRED] = "REQUIRED", [BQ_REPEATED] = "REPEATED"};

/* The API answers with the first names; the reference mapping and people use the second. */
static const struct {
    const char *name;
    enum bq_type type;
} legacy_names[] = {
    {"INTEGER", BQ_INT64},   {"FLOAT", BQ_FLOAT64},         {"BOOLEAN", BQ_BOOL},
    {"DECIMAL", BQ_NUMERIC}, {"BIGDECIMAL", BQ_BIGNUMERIC},
};

const char *
bq_type_name(enum bq_type t)
{
    return type_names[t];
}

const char *
bq_mode_name(enum bq_mode m)
{
    return mode_names[m];
}

bool
bq_type_parse(const char *text, enum bq_type *out)
{
    for (size_t i = 0; i < COUNT(type_names); i++) {
        if (strcasecmp(text, type_names[i]) == 0) {
            *out = (enum bq_type)i;
            return true;
        }
    }
    for (size_t i = 0; i < COUNT(legacy_names); i++) {
        if (strcasecmp(text, legacy_names[i].name) == 0) {
            *out = legacy_names[i].type;
            return true;
        }
    }
    return false;
}

bool
bq_mode_parse(const char *text, enum bq_mode *out)
{
    for (size_t i = 0; i < COUNT(mode_names); i++) {
        if (strcasecmp(text, mode_names[i]) == 0) {
            *out = (enum bq_mode)i;
            return true;
        }
    }
    return false;
}

enum bq_type
bq_numeric_type(int typmod)
{
    int precision, scale;

    if (typmod < 4)
        return BQ_BIGNUMERIC;
    precision = ((typmod - 4) >> 16) & 0xffff;
    scale = (((typmod - 4) & 0x7ff) ^ 1024) - 1024; /* eleven bits, signed */
    /* A scale above the precision leaves no digit in front; a negative one makes more of them. */
    if (scale <= 9 && precision - scale <= 29)
        return BQ_NUMERIC;
    if (scale <= 38 && precision - scale <= 38)
        return BQ_BIGNUMERIC;
    return BQ_STRING;
}

static const struct bq_rule *
rule_find(const struct schema *s, const char *pg)
{
    const char *semantic = s->name ? s->name : "";

    for (size_t i = 0; i < bq_nrules; i++) {
        const struct bq_rule *r = &bq_rules[i];

        if ((r->schema == ANY || r->schema == (int)s->type) &&
            (!r->semantic || strcmp(r->semantic, semantic) == 0) &&
            (!r->pg || strcmp(r->pg, pg) == 0))
            return r;
    }
    return &bq_rules[bq_nrules - 1];
}

/*
 * Arrays whose elements are not separated by commas (typdelim of box and of PostGIS's types): their whole text is a STRING.
 */
static const char *const odd_arrays[] = {"_box", "_geometry", "_geography", "_box2d", "_box3d"};

static bool
is_odd_array(const char *pg)
{
    for (size_t i = 0; i < COUNT(odd_arrays); i++) {
        if (strcmp(odd_arrays[i], pg) == 0)
            return true;
    }
    return false;
}

struct bq_typed
bq_type_of(const struct binding *b)
{
    const struct schema *s = b->schema;
    const char *pg = b->type ? b->type->name : "";
    struct bq_typed out = {0};
    const struct bq_rule *r;

    if (is_odd_array(pg))
        return (struct bq_typed){.source = BQ_SRC_TEXT, .type = BQ_STRING};
    if (s->type == SCHEMA_ARRAY && s->items) {
        out.array = true;
        s = s->items;
        /* An array type is named after its element, with an underscore in front. */
        if (pg[0] == '_')
            pg++;
    }
    r = rule_find(s, pg);
    out.source = r->source;
    out.type = r->by_typmod ? bq_numeric_type(b->typmod) : r->type;
    return out;
}

bq_writer
bq_writer_for(enum bq_source source, enum bq_type type)
{
    for (size_t i = 0; i < bq_nconversions; i++) {
        if (bq_conversions[i].source == source && bq_conversions[i].type == type)
            return bq_conversions[i].write;
    }
    return NULL;
}
