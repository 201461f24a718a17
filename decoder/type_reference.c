/*
 * The reference page of types. Nothing in its tables is written by hand but PostgreSQL's side: every schema and payload is what
 * the type table, bound with those settings, makes of the example.
 */
#include "decoder/type_rule.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

enum {
    REF_OID = 100000, /* of example types that the server does not have by itself */
    REF_CELL_MAX = 1 << 16,
    REF_NUMERIC_5_2 = (5 << 16 | 2) + 4, /* typmods */
    REF_NUMERIC_5 = (5 << 16) + 4,
};

/* A value for each row of the type table, as PostgreSQL writes it. `type`: the example's where the row has no type. */
static const struct ref_example {
    const char *rule, *text;
    int32_t typmod;
    const char *type;
} ref_examples[] = {
    {"bool", "t", -1, NULL},
    {"int2", "-7", -1, NULL},
    {"int4", "42", -1, NULL},
    {"int8", "9007199254740993", -1, NULL},
    {"oid", "4294967295", -1, NULL},
    {"float4", "0.1", -1, NULL},
    {"float8", "1e+20", -1, NULL},
    {"numeric", "12.50", REF_NUMERIC_5_2, NULL},
    {"money", "$1,234.50", -1, NULL},
    {"text", "naïve", -1, NULL},
    {"varchar", "abc", 14, NULL},
    {"bpchar", "abc  ", 9, NULL},
    {"char", "x", -1, NULL},
    {"name", "abc", -1, NULL},
    {"citext", "Abc", -1, NULL},
    {"ltree", "a.b.c", -1, NULL},
    {"isbn", "0-393-04002-X", -1, NULL},
    {"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", -1, NULL},
    {"json", "{\"a\": 1}", -1, NULL},
    {"jsonb", "{\"a\": 1}", -1, NULL},
    {"xml", "<a/>", -1, NULL},
    {"tsvector", "'cat':3 'fat':2", -1, NULL},
    {"hstore", "\"a\"=>\"1\", \"b\"=>NULL", -1, NULL},
    {"bytea", "\\x00ff10", -1, NULL},
    {"bit", "10100000", 8, NULL},
    {"varbit", "101", 8, NULL},
    {"date", "2024-02-29", -1, NULL},
    {"time", "12:34:56.789012", -1, NULL},
    {"timetz", "12:34:56.789012+02", -1, NULL},
    {"timestamp", "2024-02-29 12:34:56.789012", -1, NULL},
    {"timestamptz", "2024-02-29 12:34:56.789012+00", -1, NULL},
    {"interval", "1 year 2 mons 3 days 04:05:06.789", -1, NULL},
    {"inet", "192.168.0.1/24", -1, NULL},
    {"cidr", "192.168.0.0/24", -1, NULL},
    {"macaddr", "08:00:2b:01:02:03", -1, NULL},
    {"macaddr8", "08:00:2b:01:02:03:04:05", -1, NULL},
    {"int4range", "[1,10)", -1, NULL},
    {"int8range", "[1,10)", -1, NULL},
    {"numrange", "[1.5,2.5]", -1, NULL},
    {"tsrange", "[\"2024-01-01 00:00:00\",)", -1, NULL},
    {"tstzrange", "[\"2024-01-01 00:00:00+00\",)", -1, NULL},
    {"daterange", "[2024-01-01,2024-02-01)", -1, NULL},
    {"point", "(1,2.5)", -1, NULL},
    {"geometry", "0101000020E6100000000000000000F03F000000000000F03F", -1, NULL},
    {"geography", "0101000020E6100000000000000000F03F000000000000F03F", -1, NULL},
    {"vector", "[1,-2.5,3]", -1, NULL},
    {"halfvec", "[0.1,2]", -1, NULL},
    {"sparsevec", "{1:1.5,3:2}/5", -1, NULL},
    {"enum", "new", -1, NULL},
    {"int2vector", "1 2", -1, NULL},
    {"oidvector", "1 2", -1, NULL},
    {"circle", "<(1,2),3>", -1, NULL},
    {"line", "{1,-1,0}", -1, NULL},
    {"lseg", "[(1,2),(3,4)]", -1, NULL},
    {"box", "(3,4),(1,2)", -1, NULL},
    {"path", "((1,2),(3,4))", -1, NULL},
    {"polygon", "((1,2),(3,4),(5,0))", -1, NULL},
    {"refcursor", "c", -1, NULL},
    {"unknown", "16/B374D848", -1, "pg_lsn"},
};

/* One bound example column. */
struct ref {
    struct types *types;
    struct arena arena;
    struct pgtype type, array;
    enum bind_result result;
    struct binding b;
};

static const struct pgtype *
ref_builtin(const char *name, uint32_t elem)
{
    for (size_t i = 0; i < type_nbuiltins; i++)
        if (name ? strcmp(type_builtins[i].name, name) == 0
                 : type_builtins[i].elem == elem && type_builtins[i].name[0] == '_')
            return &type_builtins[i];
    return NULL;
}

/* The example's type and the array of it, from the built-in ones or made up. */
static void
ref_types(struct ref *r, const struct ref_example *x)
{
    static const char *const labels[] = {"new", "done"};
    const char *name = x->type ? x->type : x->rule;
    const struct pgtype *known = ref_builtin(name, 0);
    bool is_enum = strcmp(name, "enum") == 0;

    r->types = types_new();
    arena_init(&r->arena);
    r->type = known ? *known
                    : (struct pgtype){.oid = REF_OID,
                                      .schema = "public",
                                      .name = name,
                                      .kind = is_enum ? 'e' : 'b',
                                      .base_typmod = -1,
                                      .labels = labels,
                                      .nlabels = is_enum ? LENGTH(labels) : 0};
    known = known ? ref_builtin(NULL, known->oid) : NULL;
    r->array = known ? *known
                     : (struct pgtype){.oid = REF_OID + 1,
                                       .schema = "public",
                                       .name = "_example",
                                       .kind = 'b',
                                       .elem = r->type.oid,
                                       .base_typmod = -1};
    types_add(r->types, &r->type);
    types_add(r->types, &r->array);
}

static void
ref_bind(struct ref *r, const struct ref_example *x, const struct settings *s, bool array,
         bool not_null)
{
    struct column col = {
        .name = SLICE_LIT("c"), .typmod = x->typmod, .known = true, .not_null = not_null};
    uint32_t missing;

    ref_types(r, x);
    col.type = array ? r->array.oid : r->type.oid;
    r->result = type_bind(r->types, &col, s, &s->value_json, &r->arena, &r->b, &missing);
}

static void
ref_end(struct ref *r)
{
    types_free(r->types);
    arena_free(&r->arena);
}

/* Text in a table's cell. */
static void
ref_code(struct buf *out, struct slice text)
{
    buf_str(out, " `");
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '|')
            buf_putc(out, '\\');
        buf_putc(out, text.p[i]);
    }
    buf_str(out, "` |");
}

static void
ref_payload(struct buf *out, const struct ref *r, const char *text)
{
    struct buf cell;

    buf_init(&cell, REF_CELL_MAX);
    if (!r->b.write(&cell, slice_of(text), r->b.ctx, NULL)) {
        buf_clear(&cell);
        buf_slice(&cell, r->b.null_json);
    }
    ref_code(out, buf_view(&cell));
    buf_free(&cell);
}

static void
ref_schema(struct buf *out, const struct schema *schema)
{
    buf_printf(out, " `%s` |", schema_type_name(schema->type));
    if (schema->name)
        ref_code(out, slice_of(schema->name));
    else
        buf_str(out, " |");
}

/* ---------------------------------------------------------------------------------------------- default settings */

static struct settings
ref_settings(void)
{
    return (struct settings){
        .money_scale = 2,
        .unavailable = SLICE_LIT("__debezium_unavailable_value"),
        .unknown_types = true, /* rows that need it say so */
        .value_json = {.schemas = true, .replace_null = true},
    };
}

static const struct ref_example *
ref_example_of(const struct type_rule *rule)
{
    for (size_t i = 0; i < LENGTH(ref_examples); i++)
        if (strcmp(ref_examples[i].rule, rule->name) == 0)
            return &ref_examples[i];
    return NULL;
}

static void
ref_type_row(struct buf *out, const struct type_rule *rule, const struct settings *s)
{
    const struct ref_example *x = ref_example_of(rule);
    struct ref r;

    ref_bind(&r, x, s, false, false);
    buf_printf(out, "| %s |", rule->sql);
    ref_schema(out, r.b.schema);
    ref_code(out, slice_of(x->text));
    ref_payload(out, &r, x->text);
    buf_printf(out, " %s |\n", rule->note ? rule->note : "");
    ref_end(&r);
}

/* What stands where there is no value, and what arrays become. */
static void
ref_column_row(struct buf *out, const struct type_rule *rule, const struct settings *s)
{
    static const char *const arrays[] = {
        [ARRAY_PLAIN] = "array",
        [ARRAY_LENIENT] = "array; an item that cannot be said is null",
        [ARRAY_NO_NULLS] = "array; null when an item is",
        [ARRAY_REQUIRED] = "array of required items",
        [ARRAY_AS_ELEMENT] = "as the column, always null",
        [ARRAY_DROPPED] = "left out",
    };
    const struct ref_example *x = ref_example_of(rule);
    struct ref r;

    buf_printf(out, "| %s | %s | %s |", rule->sql, arrays[rule->array],
               rule->def == DEFAULT_NONE ? "no" : "yes");
    ref_bind(&r, x, s, false, true);
    ref_code(out, r.b.null_json);
    ref_end(&r);
    for (int array = 0; array < 2; array++) {
        ref_bind(&r, x, s, array, false);
        if (r.result == BIND_OK)
            ref_code(out, r.b.unavailable_json);
        else
            buf_str(out, " |");
        ref_end(&r);
    }
    buf_putc(out, '\n');
}

/* ---------------------------------------------------------------------------------------------- modes */

enum { REF_MODES_MAX = 6, REF_SAMPLES_MAX = 8 };

static void
ref_set_decimal(struct settings *s, int mode)
{
    s->decimal = (enum decimal_mode)mode;
}

static void
ref_set_time(struct settings *s, int mode)
{
    s->time = (enum time_mode)mode;
}

static void
ref_set_interval(struct settings *s, int mode)
{
    s->interval = (enum interval_mode)mode;
}

static void
ref_set_binary(struct settings *s, int mode)
{
    s->binary = (enum binary_mode)mode;
}

static void
ref_set_hstore(struct settings *s, int mode)
{
    s->hstore = (enum hstore_mode)mode;
}

static const struct ref_property {
    const char *name, *about;
    void (*set)(struct settings *s, int mode);
    const char *modes[REF_MODES_MAX];
    struct ref_sample {
        const char *sql;
        struct ref_example x;
    } samples[REF_SAMPLES_MAX];
} ref_properties[] = {
    {"decimal.handling.mode",
     "`money` has `money.fraction.digits` (2) places behind the point. What a mode cannot hold "
     "(NaN and infinities in a "
     "Decimal) is written as "
     "NULL is, or goes by `event.converting.failure.handling.mode`.",
     ref_set_decimal,
     {"precise", "string", "double"},
     {{"numeric(5,2)", {"numeric", "12.50", REF_NUMERIC_5_2, NULL}},
      {"numeric(5)", {"numeric", "12", REF_NUMERIC_5, NULL}},
      {"numeric", {"numeric", "12.50", -1, NULL}},
      {"numeric", {"numeric", "NaN", -1, NULL}},
      {"money", {"money", "$1,234.50", -1, NULL}}}},
    {"time.precision.mode",
     "`timestamptz` and `timetz` are strings in UTC in every mode.",
     ref_set_time,
     {"adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds",
      "nanoseconds"},
     {{"date", {"date", "2024-02-29", -1, NULL}},
      {"time(3)", {"time", "12:34:56.789", 3, NULL}},
      {"time", {"time", "12:34:56.789012", -1, NULL}},
      {"timestamp(3)", {"timestamp", "2024-02-29 12:34:56.789", 3, NULL}},
      {"timestamp", {"timestamp", "2024-02-29 12:34:56.789012", -1, NULL}},
      {"timestamp", {"timestamp", "infinity", -1, NULL}},
      {"timestamptz", {"timestamptz", "2024-02-29 12:34:56.789012+00", -1, NULL}}}},
    {"interval.handling.mode",
     "As a number a month is 365.25 / 12 days.",
     ref_set_interval,
     {"numeric", "string"},
     {{"interval", {"interval", "1 year 2 mons 3 days 04:05:06.789", -1, NULL}},
      {"interval", {"interval", "-1 mons", -1, NULL}}}},
    {"binary.handling.mode",
     "Types that Debezium does not know are columns only with `include.unknown.datatypes`; this "
     "mode goes for their text "
     "too, and for the "
     "content of logical messages.",
     ref_set_binary,
     {"bytes", "base64", "base64-url-safe", "hex"},
     {{"bytea", {"bytea", "\\xfbff10", -1, NULL}},
      {"pg_lsn (unknown)", {"unknown", "16/B374D848", -1, "pg_lsn"}}}},
    {"hstore.handling.mode",
     NULL,
     ref_set_hstore,
     {"json", "map"},
     {{"hstore", {"hstore", "\"a\"=>\"1\", \"b\"=>NULL", -1, NULL}}}},
};

static void
ref_mode_rows(struct buf *out, const struct ref_property *p, int mode)
{
    struct settings s = ref_settings();
    struct ref r;

    p->set(&s, mode);
    for (size_t i = 0; i < REF_SAMPLES_MAX && p->samples[i].sql; i++) {
        const struct ref_sample *sample = &p->samples[i];

        ref_bind(&r, &sample->x, &s, false, false);
        buf_printf(out, "| `%s` | %s |", p->modes[mode], sample->sql);
        ref_code(out, slice_of(sample->x.text));
        ref_schema(out, r.b.schema);
        ref_payload(out, &r, sample->x.text);
        buf_putc(out, '\n');
        ref_end(&r);
    }
}

static void
ref_property_section(struct buf *out, const struct ref_property *p)
{
    buf_printf(out, "\n### `%s`\n\n", p->name);
    if (p->about)
        buf_printf(out, "%s\n\n", p->about);
    buf_str(out,
            "| Mode | Column | Value | Connect type | Schema name | Payload |\n"
            "|---|---|---|---|---|---|\n");
    for (int mode = 0; mode < REF_MODES_MAX && p->modes[mode]; mode++)
        ref_mode_rows(out, p, mode);
}

/* ---------------------------------------------------------------------------------------------- the page */

static const char ref_intro[] =
    "# PostgreSQL types\n\n"
    "<!-- printed by `walbridge help types`; `make docs` renews it -->\n\n"
    "What a column becomes in a record, and its value in JSON. The tables are made by the code "
    "that writes the "
    "records.\n\n"
    "- **Domains** are what their base type is, with its length and precision; a domain over an "
    "array is that array.\n"
    "- **Enumerations** carry their labels in the schema's parameter `allowed`.\n"
    "- **Arrays** of one dimension are Connect arrays. In those of more, an inner array stands as "
    "null; where items are "
    "required, the column goes "
    "by `event.converting.failure.handling.mode`.\n"
    "- **Composite types, multiranges and everything else** that has no row are unknown types: "
    "left out, or with "
    "`include.unknown.datatypes` "
    "their text.\n"
    "- Types of **extensions** are found by their name, in whatever schema they are installed.\n"
    "- With the JSON converter's default settings a NULL in a column with a default is written as "
    "that default "
    "(`replace.null.with.default`).\n"
    "\n## Types\n\nWith the default settings; the last column names what changes them.\n\n"
    "| PostgreSQL | Connect type | Schema name | Value | Payload | Notes |\n"
    "|---|---|---|---|---|---|\n";

static const char ref_columns[] =
    "\n## Columns\n\n"
    "*Array of it*: what a column of the type's array is. *Default*: whether a column's default "
    "stands in the schema. *Missing*: what "
    "is written in a NOT NULL column without default where the stream has no value (the old row of "
    "a delete, which "
    "holds the key alone). *Unchanged*: what stands for a TOASTed value that the update did not "
    "touch, in the column "
    "and in an array of the type, with the default `unavailable.value.placeholder`; `null` where "
    "the type has no room "
    "for it.\n\n"
    "| PostgreSQL | Array of it | Default | Missing | Unchanged | Unchanged array |\n"
    "|---|---|---|---|---|---|\n";

void
type_print_reference(struct buf *out)
{
    const struct settings s = ref_settings();
    const struct type_rule *rule;

    buf_str(out, ref_intro);
    for (size_t i = 0; (rule = type_rule_at(i)) != NULL; i++)
        ref_type_row(out, rule, &s);
    buf_str(out, ref_columns);
    for (size_t i = 0; (rule = type_rule_at(i)) != NULL; i++)
        ref_column_row(out, rule, &s);
    buf_str(out, "\n## Modes\n");
    for (size_t i = 0; i < LENGTH(ref_properties); i++)
        ref_property_section(out, &ref_properties[i]);
}
