/*
 * The type table: one row per PostgreSQL type that Debezium knows, what a column of it becomes,
 * and the functions for what settings or a typmod change. A test walks the table both ways.
 */
#include "decoder/type_rule.h"
#include "base/num.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

#define CONNECT "org.apache.kafka.connect.data."
#define DBZ_DATA "io.debezium.data."
#define DBZ_TIME "io.debezium.time."

/* A numeric's or time's typmod: precision and scale behind PostgreSQL's header of four. */
enum { TYPMOD_NONE = -1, TYPMOD_HEADER = 4, TIME_PRECISION = 6, TIME_MS_PRECISION = 3 };

static const struct schema schema_int16 = {.type = SCHEMA_INT16};
static const struct schema schema_int32 = {.type = SCHEMA_INT32};
static const struct schema schema_int32_optional = {.type = SCHEMA_INT32, .optional = true};
static const struct schema schema_int64 = {.type = SCHEMA_INT64};
static const struct schema schema_float = {.type = SCHEMA_FLOAT32};
static const struct schema schema_double = {.type = SCHEMA_FLOAT64};
static const struct schema schema_bytes = {.type = SCHEMA_BYTES};
static const struct schema schema_bytes_optional = {.type = SCHEMA_BYTES, .optional = true};
static const struct schema schema_string = {.type = SCHEMA_STRING};
static const struct schema schema_string_optional = {.type = SCHEMA_STRING, .optional = true};
static const struct schema schema_sparse_map = {
    .type = SCHEMA_MAP, .keys = &schema_int16, .values = &schema_double};

#define FIELD(text)                                                                                \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct schema_field variable_scale_fields[] = {
    {FIELD("scale"), &schema_int32},
    {FIELD("value"), &schema_bytes},
};
static const struct schema_field point_fields[] = {
    {FIELD("x"), &schema_double},
    {FIELD("y"), &schema_double},
    {FIELD("wkb"), &schema_bytes_optional},
    {FIELD("srid"), &schema_int32_optional},
};
static const struct schema_field geometry_fields[] = {
    {FIELD("wkb"), &schema_bytes},
    {FIELD("srid"), &schema_int32_optional},
};
static const struct schema_field sparse_fields[] = {
    {FIELD("dimensions"), &schema_int16},
    {FIELD("vector"), &schema_sparse_map},
};

static void
shape_set(struct shape *sh, enum schema_type type, const char *semantic, value_writer write)
{
    sh->schema.type = type;
    sh->schema.name = semantic;
    sh->schema.version = semantic != NULL;
    sh->write = write;
}

static void
shape_params(struct shape *sh, const struct shape_in *in, struct schema_param first,
             struct schema_param second)
{
    struct schema_param *params = arena_alloc(in->a, 2 * sizeof(*params));

    params[0] = first;
    params[1] = second;
    sh->schema.params = params;
    sh->schema.nparams = second.name ? 2 : 1;
}

static const char *
shape_number(const struct shape_in *in, int64_t v)
{
    char text[NUM_U64_MAX];

    return arena_strndup(in->a, text, num_u64(text, (uint64_t)v));
}

/*
 * Debezium takes the scale's 16 bits as they are: a negative one, stored in eleven bits since
 * PostgreSQL 15, reads 2046 for -2, and values are padded to that.
 */
static void
shape_numeric(struct shape *sh, const struct shape_in *in)
{
    int32_t packed = in->typmod - TYPMOD_HEADER;
    bool bounded = in->typmod != TYPMOD_NONE;

    sh->scale = bounded ? packed & 0xffff : SCALE_NONE;
    switch (in->s->decimal) {
    case DECIMAL_PRECISE:
        break;
    case DECIMAL_STRING:
        shape_set(sh, SCHEMA_STRING, NULL, text_decimal_string);
        return;
    case DECIMAL_DOUBLE:
        shape_set(sh, SCHEMA_FLOAT64, NULL, text_decimal_double);
        return;
    }
    if (!bounded) {
        shape_set(sh, SCHEMA_STRUCT, DBZ_DATA "VariableScaleDecimal", text_decimal_variable);
        sh->schema.doc = "Variable scaled decimal";
        sh->schema.fields = variable_scale_fields;
        sh->schema.nfields = LENGTH(variable_scale_fields);
        return;
    }
    shape_params(sh, in, (struct schema_param){"scale", shape_number(in, sh->scale)},
                 (struct schema_param){"connect.decimal.precision",
                                       shape_number(in, packed >> 16 & 0xffff)});
}

static void
shape_money(struct shape *sh, const struct shape_in *in)
{
    sh->scale = in->s->money_scale;
    switch (in->s->decimal) {
    case DECIMAL_PRECISE:
        shape_params(sh, in, (struct schema_param){"scale", shape_number(in, sh->scale)},
                     (struct schema_param){NULL, NULL});
        break;
    case DECIMAL_STRING:
        shape_set(sh, SCHEMA_STRING, NULL, text_money_string);
        break;
    case DECIMAL_DOUBLE:
        shape_set(sh, SCHEMA_FLOAT64, NULL, text_money_double);
        break;
    }
}

/* One row per time.precision.mode, in the order of enum time_mode. */
struct time_row {
    enum schema_type type;
    const char *semantic;
    value_writer write;
};

/* clang-format off: one row per line */
static const struct time_row time_dates[] = {
    [TIME_ADAPTIVE] = {SCHEMA_INT32, DBZ_TIME "Date", text_date_days},
    [TIME_ADAPTIVE_US] = {SCHEMA_INT32, DBZ_TIME "Date", text_date_days},
    [TIME_CONNECT] = {SCHEMA_INT32, CONNECT "Date", text_date_days},
    [TIME_ISOSTRING] = {SCHEMA_STRING, DBZ_TIME "IsoDate", text_date_iso},
    [TIME_MICROSECONDS] = {SCHEMA_INT32, DBZ_TIME "Date", text_date_days},
    [TIME_NANOSECONDS] = {SCHEMA_INT32, DBZ_TIME "Date", text_date_days},
};
/* Second index: three digits of a fraction or fewer. */
static const struct time_row time_times[][2] = {
    [TIME_ADAPTIVE] = {{SCHEMA_INT64, DBZ_TIME "MicroTime", text_time_us},
                       {SCHEMA_INT32, DBZ_TIME "Time", text_time_ms}},
    [TIME_ADAPTIVE_US] = {{SCHEMA_INT64, DBZ_TIME "MicroTime", text_time_us},
                          {SCHEMA_INT64, DBZ_TIME "MicroTime", text_time_us}},
    [TIME_CONNECT] = {{SCHEMA_INT32, CONNECT "Time", text_time_ms},
                      {SCHEMA_INT32, CONNECT "Time", text_time_ms}},
    [TIME_ISOSTRING] = {{SCHEMA_STRING, DBZ_TIME "IsoTime", text_time_iso},
                        {SCHEMA_STRING, DBZ_TIME "IsoTime", text_time_iso}},
    [TIME_MICROSECONDS] = {{SCHEMA_INT64, DBZ_TIME "MicroTime", text_time_us},
                           {SCHEMA_INT64, DBZ_TIME "MicroTime", text_time_us}},
    [TIME_NANOSECONDS] = {{SCHEMA_INT64, DBZ_TIME "NanoTime", text_time_ns},
                          {SCHEMA_INT64, DBZ_TIME "NanoTime", text_time_ns}},
};
static const struct time_row time_timestamps[][2] = {
    [TIME_ADAPTIVE] = {{SCHEMA_INT64, DBZ_TIME "MicroTimestamp", text_timestamp_us},
                       {SCHEMA_INT64, DBZ_TIME "Timestamp", text_timestamp_ms}},
    [TIME_ADAPTIVE_US] = {{SCHEMA_INT64, DBZ_TIME "MicroTimestamp", text_timestamp_us},
                          {SCHEMA_INT64, DBZ_TIME "Timestamp", text_timestamp_ms}},
    [TIME_CONNECT] = {{SCHEMA_INT64, CONNECT "Timestamp", text_timestamp_ms},
                      {SCHEMA_INT64, CONNECT "Timestamp", text_timestamp_ms}},
    [TIME_ISOSTRING] = {{SCHEMA_STRING, DBZ_TIME "IsoTimestamp", text_timestamp_iso},
                        {SCHEMA_STRING, DBZ_TIME "IsoTimestamp", text_timestamp_iso}},
    [TIME_MICROSECONDS] = {{SCHEMA_INT64, DBZ_TIME "MicroTimestamp", text_timestamp_us},
                           {SCHEMA_INT64, DBZ_TIME "MicroTimestamp", text_timestamp_us}},
    [TIME_NANOSECONDS] = {{SCHEMA_INT64, DBZ_TIME "NanoTimestamp", text_timestamp_ns},
                          {SCHEMA_INT64, DBZ_TIME "NanoTimestamp", text_timestamp_ns}},
};
/* clang-format on */

static void
shape_time_row(struct shape *sh, const struct time_row *row)
{
    shape_set(sh, row->type, row->semantic, row->write);
}

static bool
shape_is_ms(const struct shape_in *in)
{
    return in->typmod != TYPMOD_NONE && in->typmod <= TIME_MS_PRECISION;
}

static void
shape_date(struct shape *sh, const struct shape_in *in)
{
    shape_time_row(sh, &time_dates[in->s->time]);
}

static void
shape_time(struct shape *sh, const struct shape_in *in)
{
    shape_time_row(sh, &time_times[in->s->time][shape_is_ms(in)]);
}

static void
shape_timestamp(struct shape *sh, const struct shape_in *in)
{
    shape_time_row(sh, &time_timestamps[in->s->time][shape_is_ms(in)]);
}

static void
shape_timestamptz(struct shape *sh, const struct shape_in *in)
{
    sh->digits = in->typmod < 0 || in->typmod > TIME_PRECISION ? TIME_PRECISION : in->typmod;
}

static void
shape_interval(struct shape *sh, const struct shape_in *in)
{
    if (in->s->interval == INTERVAL_STRING)
        shape_set(sh, SCHEMA_STRING, DBZ_TIME "Interval", text_interval_iso);
}

static void
shape_bits(struct shape *sh, const struct shape_in *in)
{
    if (in->typmod == 1) {
        shape_set(sh, SCHEMA_BOOLEAN, NULL, text_bit);
        return;
    }
    shape_params(
        sh, in,
        (struct schema_param){"length", shape_number(in, in->typmod < 0 ? INT32_MAX : in->typmod)},
        (struct schema_param){NULL, NULL});
}

static void
shape_binary(struct shape *sh, const struct shape_in *in)
{
    if (in->s->binary != BINARY_BYTES)
        sh->schema.type = SCHEMA_STRING;
}

static void
shape_hstore(struct shape *sh, const struct shape_in *in)
{
    if (in->s->hstore == HSTORE_JSON)
        return;
    shape_set(sh, SCHEMA_MAP, NULL, text_hstore_map);
    sh->schema.keys = &schema_string;
    sh->schema.values = &schema_string_optional;
}

static void
shape_enum(struct shape *sh, const struct shape_in *in)
{
    size_t n = 1;
    char *allowed, *w;

    for (size_t i = 0; i < in->type->nlabels; i++)
        n += strlen(in->type->labels[i]) + 1;
    allowed = w = arena_alloc(in->a, n);
    for (size_t i = 0; i < in->type->nlabels; i++) {
        if (i > 0)
            *w++ = ',';
        w = stpcpy(w, in->type->labels[i]);
    }
    shape_params(sh, in, (struct schema_param){"allowed", allowed},
                 (struct schema_param){NULL, NULL});
}

static void
shape_struct(struct shape *sh, const char *doc, const struct schema_field *fields, size_t n)
{
    sh->schema.doc = doc;
    sh->schema.fields = fields;
    sh->schema.nfields = n;
}

static void
shape_point(struct shape *sh, const struct shape_in *in)
{
    (void)in;
    shape_struct(sh, "Geometry (POINT)", point_fields, LENGTH(point_fields));
}

static void
shape_postgis(struct shape *sh, const struct shape_in *in)
{
    bool geography = strcmp(in->type->name, "geography") == 0;

    shape_struct(sh, geography ? "Geography" : "Geometry", geometry_fields,
                 LENGTH(geometry_fields));
}

static void
shape_sparsevec(struct shape *sh, const struct shape_in *in)
{
    (void)in;
    shape_struct(sh, "Sparse double vector", sparse_fields, LENGTH(sparse_fields));
}

/* Arrays that Debezium knows as types of their own. */
static void
shape_vector(struct shape *sh, const struct shape_in *in)
{
    static const struct {
        const char *name;
        const struct schema *items;
    } vectors[] = {
        {"vector", &schema_double},
        {"halfvec", &schema_float},
        {"int2vector", &schema_int16},
        {"oidvector", &schema_int64},
    };

    for (size_t i = 0; i < LENGTH(vectors); i++)
        if (strcmp(in->type->name, vectors[i].name) == 0)
            sh->schema.items = vectors[i].items;
}

#define INT64 SCHEMA_INT64
#define STRING SCHEMA_STRING
#define BYTES SCHEMA_BYTES
#define STRUCT SCHEMA_STRUCT
#define EWKB_NOTHING "010700000000000000" /* an empty collection */
#define EPOCH "1970-01-01"
#define BITS_NOTE "`bit(1)` and `varbit(1)` are `boolean`; parameter `length`; little-endian bytes"
#define UNKNOWN_NOTE                                                                               \
    "only with `include.unknown.datatypes`: the text, as `binary.handling.mode` says"

/* Rows in the order of the reference page. */
/* clang-format off: one row per line */
static const struct type_rule rules[] = {
    {"bool", "boolean", SCHEMA_BOOLEAN, NULL, text_bool, "f", NULL, DEFAULT_BOOL, ARRAY_PLAIN, 0,
     NULL},
    {"int2", "smallint", SCHEMA_INT16, NULL, text_int, "0", NULL, DEFAULT_INT, ARRAY_PLAIN, 0,
     NULL},
    {"int4", "integer", SCHEMA_INT32, NULL, text_int, "0", NULL, DEFAULT_INT, ARRAY_PLAIN,
     RULE_TOAST_INTS, NULL},
    {"int8", "bigint", INT64, NULL, text_int, "0", NULL, DEFAULT_INT, ARRAY_PLAIN, RULE_TOAST_INTS,
     NULL},
    {"oid", "oid", INT64, NULL, text_int, "0", NULL, DEFAULT_NONE, ARRAY_PLAIN, 0, NULL},
    {"float4", "real", SCHEMA_FLOAT32, NULL, text_float4, "0", NULL, DEFAULT_FLOAT, ARRAY_PLAIN, 0,
     NULL},
    {"float8", "double precision", SCHEMA_FLOAT64, NULL, text_float8, "0", NULL, DEFAULT_FLOAT,
     ARRAY_PLAIN, 0, NULL},
    {"numeric", "numeric(p,s)", BYTES, CONNECT "Decimal", text_decimal, "0", shape_numeric,
     DEFAULT_NUMERIC, ARRAY_PLAIN, 0,
     "`decimal.handling.mode`; without precision a struct `" DBZ_DATA "VariableScaleDecimal`"},
    {"money", "money", BYTES, CONNECT "Decimal", text_money, "0", shape_money, DEFAULT_NONE,
     ARRAY_DROPPED, 0, "`decimal.handling.mode`, `money.fraction.digits`"},
    {"text", "text", STRING, NULL, text_string, "", NULL, DEFAULT_TEXT, ARRAY_PLAIN,
     RULE_TOAST_TEXT, NULL},
    {"varchar", "character varying(n)", STRING, NULL, text_string, "", NULL, DEFAULT_TEXT,
     ARRAY_PLAIN, RULE_TOAST_TEXT, NULL},
    {"bpchar", "character(n)", STRING, NULL, text_string, "", NULL, DEFAULT_TEXT, ARRAY_PLAIN,
     RULE_TOAST_TEXT, "padded with blanks, as stored"},
    {"char", "\"char\"", STRING, NULL, text_string, "", NULL, DEFAULT_NONE, ARRAY_PLAIN, 0, NULL},
    {"name", "name", STRING, NULL, text_string, "", NULL, DEFAULT_NONE, ARRAY_DROPPED,
     RULE_STREAM_NULL, "a value in snapshots only, unless `include.unknown.datatypes`"},
    {"citext", "citext", STRING, NULL, text_string, "", NULL, DEFAULT_NONE, ARRAY_PLAIN,
     RULE_EXTENSION, NULL},
    {"ltree", "ltree", STRING, DBZ_DATA "Ltree", text_string, "", NULL, DEFAULT_NONE,
     ARRAY_NO_NULLS, RULE_EXTENSION, NULL},
    {"isbn", "isbn", STRING, NULL, text_string, "", NULL, DEFAULT_NONE, ARRAY_REQUIRED,
     RULE_EXTENSION, NULL},
    {"uuid", "uuid", STRING, DBZ_DATA "Uuid", text_string, "", NULL, DEFAULT_UUID, ARRAY_PLAIN,
     RULE_TOAST_UUID, NULL},
    {"json", "json", STRING, DBZ_DATA "Json", text_string, "", NULL, DEFAULT_JSON, ARRAY_PLAIN,
     RULE_TOAST_TEXT, NULL},
    {"jsonb", "jsonb", STRING, DBZ_DATA "Json", text_string, "", NULL, DEFAULT_JSON, ARRAY_PLAIN,
     RULE_TOAST_TEXT, NULL},
    {"xml", "xml", STRING, DBZ_DATA "Xml", text_string, "", NULL, DEFAULT_XML, ARRAY_DROPPED, 0,
     NULL},
    {"tsvector", "tsvector", STRING, DBZ_DATA "Tsvector", text_string, "", NULL, DEFAULT_NONE,
     ARRAY_REQUIRED, 0, NULL},
    {"hstore", "hstore", STRING, DBZ_DATA "Json", text_hstore_json, "", shape_hstore, DEFAULT_NONE,
     ARRAY_PLAIN, RULE_EXTENSION | RULE_TOAST_HSTORE,
     "`hstore.handling.mode`; members in the order of a Java HashMap"},
    {"bytea", "bytea", BYTES, NULL, text_bytea, "\\x", shape_binary, DEFAULT_NONE, ARRAY_PLAIN,
     RULE_TOAST_BYTES, "`binary.handling.mode`"},
    {"bit", "bit(n)", BYTES, DBZ_DATA "Bits", text_bits, "", shape_bits, DEFAULT_BIT,
     ARRAY_AS_ELEMENT, 0, BITS_NOTE},
    {"varbit", "bit varying(n)", BYTES, DBZ_DATA "Bits", text_bits, "", shape_bits, DEFAULT_BIT,
     ARRAY_DROPPED, 0, BITS_NOTE},
    {"date", "date", SCHEMA_INT32, DBZ_TIME "Date", text_date_days, EPOCH, shape_date, DEFAULT_DATE,
     ARRAY_PLAIN, RULE_TOAST_INTS, "`time.precision.mode`"},
    {"time", "time(p)", INT64, DBZ_TIME "MicroTime", text_time_us, "00:00:00", shape_time,
     DEFAULT_TIME, ARRAY_PLAIN, 0, "`time.precision.mode`"},
    {"timetz", "time(p) with time zone", STRING, DBZ_TIME "ZonedTime", text_timetz, "00:00:00+00",
     NULL, DEFAULT_NONE, ARRAY_PLAIN, 0, "in UTC"},
    {"timestamp", "timestamp(p)", INT64, DBZ_TIME "MicroTimestamp", text_timestamp_us,
     EPOCH " 00:00:00", shape_timestamp, DEFAULT_TIMESTAMP, ARRAY_LENIENT, 0,
     "`time.precision.mode`"},
    {"timestamptz", "timestamp(p) with time zone", STRING, DBZ_TIME "ZonedTimestamp",
     text_timestamptz, "\"" EPOCH "T00:00:00Z\"", shape_timestamptz, DEFAULT_TIMESTAMPTZ,
     ARRAY_PLAIN, RULE_FALLBACK_JSON, "in UTC, a fraction of p digits"},
    {"interval", "interval", INT64, DBZ_TIME "MicroDuration", text_interval_us, "00:00:00",
     shape_interval, DEFAULT_INTERVAL, ARRAY_DROPPED, 0,
     "`interval.handling.mode`; a month is 365.25 / 12 days"},
    {"inet", "inet", STRING, NULL, text_string, "", NULL, DEFAULT_NONE, ARRAY_PLAIN, 0, NULL},
    {"cidr", "cidr", STRING, NULL, text_string, "", NULL, DEFAULT_NONE, ARRAY_PLAIN, 0, NULL},
    {"macaddr", "macaddr", STRING, NULL, text_string, "", NULL, DEFAULT_NONE, ARRAY_PLAIN, 0, NULL},
    {"macaddr8", "macaddr8", STRING, NULL, text_string, "", NULL, DEFAULT_NONE, ARRAY_PLAIN, 0,
     NULL},
    {"int4range", "int4range", STRING, NULL, text_string, "", NULL, DEFAULT_NONE, ARRAY_PLAIN, 0,
     NULL},
    {"int8range", "int8range", STRING, NULL, text_string, "", NULL, DEFAULT_NONE, ARRAY_PLAIN, 0,
     NULL},
    {"numrange", "numrange", STRING, NULL, text_string, "", NULL, DEFAULT_NONE, ARRAY_PLAIN, 0,
     NULL},
    {"tsrange", "tsrange", STRING, NULL, text_string, "", NULL, DEFAULT_NONE, ARRAY_PLAIN, 0, NULL},
    {"tstzrange", "tstzrange", STRING, NULL, text_string, "", NULL, DEFAULT_NONE, ARRAY_PLAIN, 0,
     NULL},
    {"daterange", "daterange", STRING, NULL, text_string, "", NULL, DEFAULT_NONE, ARRAY_PLAIN, 0,
     NULL},
    {"point", "point", STRUCT, DBZ_DATA "geometry.Point", text_point, "(0,0)", shape_point,
     DEFAULT_NONE, ARRAY_DROPPED, 0, "x, y, well-known binary, no SRID"},
    {"geometry", "geometry (PostGIS)", STRUCT, DBZ_DATA "geometry.Geometry", text_postgis,
     EWKB_NOTHING, shape_postgis, DEFAULT_NONE, ARRAY_PLAIN,
     RULE_EXTENSION | RULE_DELIM_COLON | RULE_OPTIONAL,
     "EWKB and SRID; `optional` even where NOT NULL"},
    {"geography", "geography (PostGIS)", STRUCT, DBZ_DATA "geometry.Geography", text_postgis,
     EWKB_NOTHING, shape_postgis, DEFAULT_NONE, ARRAY_PLAIN, RULE_EXTENSION | RULE_DELIM_COLON,
     "EWKB and SRID"},
    {"vector", "vector (pgvector)", SCHEMA_ARRAY, DBZ_DATA "DoubleVector", text_vector, "[]",
     shape_vector, DEFAULT_NONE, ARRAY_REQUIRED, RULE_EXTENSION | RULE_FALLBACK_JSON,
     "items `double`"},
    {"halfvec", "halfvec (pgvector)", SCHEMA_ARRAY, DBZ_DATA "FloatVector", text_halfvec, "[]",
     shape_vector, DEFAULT_NONE, ARRAY_REQUIRED, RULE_EXTENSION | RULE_FALLBACK_JSON,
     "items `float`"},
    {"sparsevec", "sparsevec (pgvector)", STRUCT, DBZ_DATA "SparseDoubleVector", text_sparsevec,
     "{}/0", shape_sparsevec, DEFAULT_NONE, ARRAY_REQUIRED, RULE_EXTENSION,
     "dimensions and a map of index to `double`"},
    {"enum", "enumerations", STRING, DBZ_DATA "Enum", text_string, "", shape_enum, DEFAULT_NONE,
     ARRAY_REQUIRED, 0, "parameter `allowed`: the labels in their order"},
    {"int2vector", "int2vector", SCHEMA_ARRAY, NULL, text_empty_array, "", shape_vector,
     DEFAULT_NONE, ARRAY_DROPPED, 0, "items `int16`; always empty"},
    {"oidvector", "oidvector", SCHEMA_ARRAY, NULL, text_empty_array, "", shape_vector, DEFAULT_NONE,
     ARRAY_DROPPED, 0, "items `int64`; always empty"},
    {"circle", "circle", BYTES, NULL, text_geometric, "", shape_binary, DEFAULT_NONE,
     ARRAY_REQUIRED, RULE_UNKNOWN, UNKNOWN_NOTE},
    {"line", "line", BYTES, NULL, text_geometric, "", shape_binary, DEFAULT_NONE, ARRAY_REQUIRED,
     RULE_UNKNOWN, UNKNOWN_NOTE},
    {"lseg", "lseg", BYTES, NULL, text_geometric, "", shape_binary, DEFAULT_NONE, ARRAY_REQUIRED,
     RULE_UNKNOWN, UNKNOWN_NOTE},
    {"box", "box", BYTES, NULL, text_geometric, "", shape_binary, DEFAULT_NONE, ARRAY_REQUIRED,
     RULE_UNKNOWN | RULE_DELIM_SEMICOLON, UNKNOWN_NOTE},
    {"path", "path", BYTES, NULL, text_geometric, "", shape_binary, DEFAULT_NONE, ARRAY_REQUIRED,
     RULE_UNKNOWN, UNKNOWN_NOTE},
    {"polygon", "polygon", BYTES, NULL, text_geometric, "", shape_binary, DEFAULT_NONE,
     ARRAY_REQUIRED, RULE_UNKNOWN, UNKNOWN_NOTE},
    {"refcursor", "refcursor", BYTES, NULL, text_unknown, "", shape_binary, DEFAULT_NONE,
     ARRAY_DROPPED, RULE_UNKNOWN, UNKNOWN_NOTE},
    {"unknown", "any other", BYTES, NULL, text_unknown, "", shape_binary, DEFAULT_NONE,
     ARRAY_REQUIRED, RULE_UNKNOWN, UNKNOWN_NOTE},
};
/* clang-format on */

static const struct type_rule *
rule_named(const char *name)
{
    for (size_t i = 0; i < LENGTH(rules); i++)
        if (strcmp(rules[i].name, name) == 0)
            return &rules[i];
    return NULL;
}

const struct type_rule *
type_rule_at(size_t i)
{
    return i < LENGTH(rules) ? &rules[i] : NULL;
}

const struct type_rule *
type_rule_unknown(void)
{
    return &rules[LENGTH(rules) - 1];
}

/* "enum" and "unknown" are rows, but no names that pg_catalog has for base types. */
const struct type_rule *
type_rule_find(const struct pgtype *type)
{
    const struct type_rule *rule;

    if (type->kind == 'e')
        return rule_named("enum");
    if (type->kind != 'b' && type->kind != 'r')
        return NULL;
    rule = rule_named(type->name);
    if (!rule || (rule->flags & RULE_EXTENSION ? type->kind != 'b'
                                               : strcmp(type->schema, "pg_catalog") != 0))
        return NULL;
    return rule;
}

void
type_rule_shape(const struct type_rule *rule, const struct shape_in *in, struct shape *sh)
{
    *sh = (struct shape){.scale = SCALE_NONE, .digits = TIME_PRECISION};
    shape_set(sh, rule->type, rule->semantic, rule->write);
    if (rule->shape)
        rule->shape(sh, in);
}
