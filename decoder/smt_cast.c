/* Kafka's transforms that change values: Cast and MaskField. */
#include <ctype.h>
#include <math.h>
#include <strings.h>

#include "base/json.h"
#include "base/num.h"
#include "decoder/node_text.h"
#include "decoder/smt_number.h"
#include "decoder/smt_priv.h"

/* --------------------------------------------------------------------------------------------------------- Cast */

/* The types that a cast may give, as schemas name them. */
static const struct cast_type {
    const char *name;
    enum schema_type type;
    int64_t min, max;
} cast_types[] = {
    {"int8", SCHEMA_INT8, INT8_MIN, INT8_MAX},
    {"int16", SCHEMA_INT16, INT16_MIN, INT16_MAX},
    {"int32", SCHEMA_INT32, INT32_MIN, INT32_MAX},
    {"int64", SCHEMA_INT64, INT64_MIN, INT64_MAX},
    {"float32", SCHEMA_FLOAT32, 0, 0},
    {"float64", SCHEMA_FLOAT64, 0, 0},
    {"boolean", SCHEMA_BOOLEAN, 0, 0},
    {"string", SCHEMA_STRING, 0, 0},
};

struct cast {
    size_t n;
    struct slice *fields;
    const struct cast_type **types;
    const struct cast_type *whole; /* of the whole, not of fields; NULL: of fields */
    bool replace_null;
};

/* clang-format off */
static const struct prop cast_rows[] = {
    {.name = "spec", .type = PROP_LIST, .importance = PROP_HIGH, .flags = PROP_REQUIRED,
     .doc = "Pairs field:type, or one type for the whole. Types: int8, int16, int32, int64, float32, float64, boolean, string."},
    SMT_REPLACE_NULL_ROW,
};
/* clang-format on */
static const struct prop_table cast_props = SMT_PROPS(cast_rows);

static const struct cast_type *
cast_find(struct slice name)
{
    for (size_t i = 0; i < sizeof(cast_types) / sizeof(*cast_types); i++)
        if (strlen(cast_types[i].name) == name.n &&
            strncasecmp(cast_types[i].name, name.p, name.n) == 0)
            return &cast_types[i];
    return NULL;
}

static bool
cast_init(struct smt_init *in)
{
    struct cast *s = in->setup;
    struct smt_list spec = smt_read_list(in, "spec");

    s->replace_null = config_bool(in->c, "replace.null.with.default");
    s->fields = arena_alloc(in->a, (spec.n + 1) * sizeof(*s->fields));
    s->types = arena_alloc(in->a, (spec.n + 1) * sizeof(struct cast_type *));
    for (size_t i = 0; i < spec.n; i++) {
        struct slice item = spec.v[i];
        const char *colon = memchr(item.p, ':', item.n);
        struct slice name = {colon ? colon + 1 : item.p,
                             colon ? item.n - (size_t)(colon + 1 - item.p) : item.n};
        const struct cast_type *type = cast_find(name);

        if (!type)
            return err_set(in->e, ERR_CONFIG, "config.value",
                           "spec: \"%.*s\" is no type to cast to; allowed are int8, int16, int32, "
                           "int64, float32, float64, boolean, string",
                           SLICE_ARG(name));
        if (!colon) {
            s->whole = type;
            continue;
        }
        s->fields[s->n] = (struct slice){item.p, (size_t)(colon - item.p)};
        s->types[s->n++] = type;
    }
    if (s->whole && s->n)
        return err_set(in->e, ERR_CONFIG, "config.value",
                       "spec: a type for the whole and types for fields exclude each other");
    return true;
}

/* What a value is to Java before it is cast. */
enum cast_kind {
    CAST_WHOLE,
    CAST_FLOAT,
    CAST_BOOLEAN,
    CAST_STRING,
    CAST_DECIMAL,
    CAST_BYTES,
    CAST_NOT
};

static enum cast_kind
cast_kind_of(const struct schema *s)
{
    int scale;

    switch (s->type) {
    case SCHEMA_INT8:
    case SCHEMA_INT16:
    case SCHEMA_INT32:
    case SCHEMA_INT64:
        return CAST_WHOLE;
    case SCHEMA_FLOAT32:
    case SCHEMA_FLOAT64:
        return CAST_FLOAT;
    case SCHEMA_BOOLEAN:
        return CAST_BOOLEAN;
    case SCHEMA_STRING:
        return CAST_STRING;
    case SCHEMA_BYTES:
        return node_decimal_scale(s, &scale) ? CAST_DECIMAL : CAST_BYTES;
    case SCHEMA_ARRAY:
    case SCHEMA_MAP:
    case SCHEMA_STRUCT:
        break;
    }
    return CAST_NOT;
}

static bool
cast_refuse(const struct cast_type *to, struct err *e)
{
    return err_set(e, ERR_FATAL, "transform.failed",
                   "Cast: a value cannot be cast to %s, being of another kind or out of its range",
                   to->name);
}

/* Narrowing as Java's: the low bits of a whole number, the nearest of a float. */
static int64_t
cast_narrow(int64_t v, const struct cast_type *to)
{
    switch (to->max) {
    case INT8_MAX:
        return (int8_t)(uint8_t)v;
    case INT16_MAX:
        return (int16_t)(uint16_t)v;
    case INT32_MAX:
        return (int32_t)(uint32_t)v;
    default:
        return v;
    }
}

static int64_t
cast_float_to_whole(double v, const struct cast_type *to)
{
    /* byte and short go through int. */
    int64_t min = to->max == INT64_MAX ? INT64_MIN : INT32_MIN;
    int64_t max = to->max == INT64_MAX ? INT64_MAX : INT32_MAX;

    if (isnan(v))
        return 0;
    if (v <= (double)min)
        return cast_narrow(min, to);
    if (v >= (double)max)
        return cast_narrow(max, to);
    return cast_narrow((int64_t)v, to);
}

static double
cast_to_double(struct slice text)
{
    double v = 0;

    (void)smt_parse_float(text, false, &v);
    return v;
}

/* `text`: a string's characters, a decimal's digits, else the JSON. */
static bool
cast_to_whole(enum cast_kind kind, struct slice text, const struct cast_type *to, struct buf *out,
              struct err *e)
{
    int64_t v = 0;

    if (kind == CAST_STRING && !smt_parse_whole(text, to->min, to->max, &v))
        return cast_refuse(to, e);
    if (kind == CAST_WHOLE) {
        num_parse_i64(text, &v);
        v = cast_narrow(v, to);
    } else if (kind == CAST_DECIMAL) {
        v = cast_narrow(smt_decimal_low_bits(text), to);
    } else if (kind == CAST_FLOAT) {
        v = cast_float_to_whole(cast_to_double(text), to);
    } else if (kind == CAST_BOOLEAN) {
        v = slice_is(text, "true");
    }
    num_add_i64(out, v);
    return true;
}

static bool
cast_to_float(enum cast_kind kind, struct slice text, const struct cast_type *to, struct buf *out,
              struct err *e)
{
    bool single = to->type == SCHEMA_FLOAT32;
    double v = 0;

    if (kind == CAST_BOOLEAN)
        v = slice_is(text, "true");
    else if (!smt_parse_float(text, single && kind == CAST_STRING, &v))
        return cast_refuse(to, e);
    smt_put_float(out, single ? (double)(float)v : v, single);
    return true;
}

static bool
cast_to_boolean(enum cast_kind kind, struct slice text, struct buf *out)
{
    bool v = false;
    int64_t whole = 0;

    if (kind == CAST_STRING)
        v = text.n == 4 && strncasecmp(text.p, "true", 4) == 0;
    else if (kind == CAST_BOOLEAN)
        v = slice_is(text, "true");
    else if (kind == CAST_DECIMAL)
        v = smt_decimal_low_bits(text) != 0;
    else if (kind == CAST_FLOAT)
        v = cast_float_to_whole(cast_to_double(text), &cast_types[3]) != 0;
    else
        v = num_parse_i64(text, &whole) && whole != 0;
    buf_str(out, v ? "true" : "false");
    return true;
}

/* One value; n: what it was, for its schema. */
static bool
cast_value(const struct node *n, const struct cast_type *to, struct slice json, struct buf *out,
           struct err *e)
{
    enum cast_kind kind = n->schema ? cast_kind_of(n->schema) : CAST_NOT;
    struct buf text;
    bool ok = false;

    if (kind == CAST_NOT || (kind == CAST_BYTES && to->type != SCHEMA_STRING))
        return cast_refuse(to, e);
    buf_init(&text, out->max);
    if (to->type == SCHEMA_STRING)
        node_plain_text(n, json, &text);
    else if (kind == CAST_DECIMAL)
        node_decimal_plain(&text, n, json);
    else if (json.n && json.p[0] == '"')
        node_unquote(&text, json);
    else
        buf_slice(&text, json);
    if (to->type == SCHEMA_STRING)
        json_str(out, buf_view(&text)), ok = true;
    else if (to->type == SCHEMA_BOOLEAN)
        ok = cast_to_boolean(kind, buf_view(&text), out);
    else if (to->type == SCHEMA_FLOAT32 || to->type == SCHEMA_FLOAT64)
        ok = cast_to_float(kind, buf_view(&text), to, out, e);
    else
        ok = cast_to_whole(kind, buf_view(&text), to, out, e);
    buf_free(&text);
    return ok;
}

static enum node_got
cast_call(const struct node *n, struct node_run *run, struct buf *out)
{
    struct slice json;
    enum node_got got = node_input(n->in, run, &json);

    if (got == NODE_HAS_VALUE && !cast_value(n->in, n->arg, json, out, run->e))
        return NODE_FAILED;
    return got;
}

/* The node as it is cast, under a schema of the type; NULL: the default cannot be cast, and e is set. */
static const struct node *
cast_node(const struct cast *s, struct smt_run *run, const struct node *n,
          const struct cast_type *to, const struct schema *like)
{
    struct arena *a = run->draft->arena;
    struct schema *schema = arena_alloc(a, sizeof(*schema));
    struct buf def;

    *schema = (struct schema){.type = to->type, .optional = n->schema && n->schema->optional};
    if (like) {
        schema->name = like->name;
        schema->version = like->version;
        schema->doc = like->doc;
        schema->params = like->params;
        schema->nparams = like->nparams;
    }
    if (n->schema && n->schema->def.n) {
        bool ok;

        buf_init(&def, 1 << 20);
        ok = cast_value(n, to, n->schema->def, &def, run->e);
        schema->def = arena_slice(a, buf_view(&def));
        buf_free(&def);
        if (!ok)
            return NULL;
    }
    if (n->kind == NODE_NULL)
        return s->replace_null ? node_or_default(a, node_null(a, schema)) : node_null(a, schema);
    return node_calling(a, schema, cast_call, s->replace_null ? node_or_default(a, n) : n, to);
}

static enum smt_result
cast_apply(const struct smt *t, struct smt_run *run)
{
    const struct cast *s = t->setup;
    const struct node *n = smt_operand(t, run), *made;
    struct node_builder b;
    bool null;
    enum smt_result r = smt_operand_null(t, run, &null);

    if (r != SMT_OK || null)
        return r;
    if (s->whole) {
        made = cast_node(s, run, n, s->whole, n->schema);
        if (made)
            smt_put(t, run, made);
        return made ? SMT_OK : SMT_FAIL;
    }
    if ((r = smt_struct(run, n, "cast types")) != SMT_OK)
        return r;
    node_build(&b, run->draft->arena, n->schema);
    b.bare = n->bare;
    b.schema->optional = n->schema->optional;
    for (size_t i = 0; i < n->schema->nfields; i++) {
        const struct node *m = n->members[i];

        for (size_t k = 0; k < s->n; k++)
            if (slice_eq(s->fields[k], n->schema->fields[i].name))
                m = cast_node(s, run, n->members[i], s->types[k], NULL);
        if (!m)
            return SMT_FAIL;
        node_add(&b, n->schema->fields[i].name,
                 s->replace_null ? node_or_default(run->draft->arena, m) : m);
    }
    r = smt_built(run, &b, &made);
    if (r == SMT_OK)
        smt_put(t, run, made);
    return r;
}

const struct smt_type smt_type_cast = {
    .name = KAFKA_SMT("Cast"),
    .side = SMT_SIDES,
    .props = &cast_props,
    .size = sizeof(struct cast),
    .init = cast_init,
    .apply = cast_apply,
    .doc = "Values in another type.",
};

/* --------------------------------------------------------------------------------------------------- MaskField */

struct mask {
    struct smt_list fields;
    const char *replacement;
    bool replace_null;
};

/* clang-format off */
static const struct prop mask_rows[] = {
    {.name = "fields", .type = PROP_LIST, .importance = PROP_HIGH, .flags = PROP_REQUIRED, .doc = "Fields to mask."},
    {.name = "replacement", .type = PROP_STRING, .importance = PROP_LOW,
     .doc = "What stands for a value; without it 0, false, an empty text, list or map."},
    SMT_REPLACE_NULL_ROW,
};
/* clang-format on */
static const struct prop_table mask_props = SMT_PROPS(mask_rows);

static bool
mask_init(struct smt_init *in)
{
    struct mask *s = in->setup;

    s->fields = smt_read_list(in, "fields");
    s->replacement = smt_read_string(in, "replacement");
    s->replace_null = config_bool(in->c, "replace.null.with.default");
    return true;
}

/* arg: the mask's JSON; NULL: such a value cannot be masked. */
static enum node_got
mask_call(const struct node *n, struct node_run *run, struct buf *out)
{
    struct slice json;
    enum node_got got = node_input(n->in, run, &json);

    if (got != NODE_HAS_VALUE)
        return got;
    if (!n->arg) {
        err_set(run->e, ERR_FATAL, "transform.failed",
                "MaskField: a value of type %s%s%s cannot be masked so",
                schema_type_name(n->schema->type), n->schema->name ? " " : "",
                n->schema->name ? n->schema->name : "");
        return NODE_FAILED;
    }
    buf_slice(out, *(const struct slice *)n->arg);
    return got;
}

/* The mask of a type as JSON; false: there is none. */
static bool
mask_text(const struct mask *s, const struct node *n, struct buf *out)
{
    struct slice text = slice_of(s->replacement ? s->replacement : "0");
    enum cast_kind kind = cast_kind_of(n->schema);
    double number;
    int scale;

    if (node_date_of(n->schema) != NODE_NO_DATE && s->replacement)
        return false;
    switch (kind) {
    case CAST_WHOLE:
        for (size_t i = 0; i < 4; i++)
            if (cast_types[i].type == n->schema->type)
                return cast_to_whole(CAST_STRING, text, &cast_types[i], out, NULL);
        return false;
    case CAST_FLOAT:
        if (!smt_parse_float(text, n->schema->type == SCHEMA_FLOAT32, &number))
            return false;
        smt_put_float(out, number, n->schema->type == SCHEMA_FLOAT32);
        return true;
    case CAST_BOOLEAN:
        BUF_LIT(out, "false");
        return !s->replacement;
    case CAST_STRING:
        json_cstr(out, s->replacement ? s->replacement : "");
        return true;
    case CAST_DECIMAL:
        /* BigDecimal.ZERO has the scale 0, which a schema of another scale does not take in base64. */
        node_decimal_scale(n->schema, &scale);
        if (n->numeric)
            buf_slice(out, text);
        else
            BUF_LIT(out, "\"AA==\"");
        return n->numeric ? smt_parse_plain_number(text, &number) : scale == 0 && !s->replacement;
    case CAST_BYTES:
        return false;
    case CAST_NOT:
        break;
    }
    buf_str(out, n->schema->type == SCHEMA_ARRAY ? "[]" : "{}");
    return n->schema->type != SCHEMA_STRUCT && !s->replacement;
}

static const struct node *
mask_node(const struct mask *s, struct smt_run *run, const struct node *n)
{
    struct arena *a = run->draft->arena;
    struct slice *arg = NULL;
    struct buf text;

    if (n->kind == NODE_NULL || !n->schema)
        return n;
    buf_init(&text, 1 << 20);
    if (mask_text(s, n, &text)) {
        arg = arena_alloc(a, sizeof(*arg));
        *arg = arena_slice(a, buf_view(&text));
    }
    buf_free(&text);
    return node_calling(a, n->schema, mask_call, n, arg);
}

static enum smt_result
mask_apply(const struct smt *t, struct smt_run *run)
{
    const struct mask *s = t->setup;
    struct arena *a = run->draft->arena;
    const struct node *n = smt_operand(t, run), *made;
    struct node_builder b;
    enum smt_result r = smt_struct(run, n, "mask fields");

    if (r != SMT_OK)
        return r;
    node_build(&b, a, n->schema);
    b.bare = n->bare;
    b.schema->optional = n->schema->optional;
    b.schema->def = n->schema->def;
    for (size_t i = 0; i < n->schema->nfields; i++) {
        const struct node *m = s->replace_null ? node_or_default(a, n->members[i]) : n->members[i];

        node_add(&b, n->schema->fields[i].name,
                 smt_list_has(&s->fields, n->schema->fields[i].name) ? mask_node(s, run, m) : m);
    }
    r = smt_built(run, &b, &made);
    if (r == SMT_OK)
        smt_put(t, run, made);
    return r;
}

const struct smt_type smt_type_mask_field = {
    .name = KAFKA_SMT("MaskField"),
    .side = SMT_SIDES,
    .props = &mask_props,
    .size = sizeof(struct mask),
    .init = mask_init,
    .apply = mask_apply,
    .doc = "Fields' values replaced by nothing that matters.",
};
