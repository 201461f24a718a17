/* Binding: from a column and the settings to a schema, a writer, and what is written when there is
 * no value. */
#include "decoder/type.h"

#include "decoder/type_rule.h"

enum {
    DOMAIN_DEPTH_MAX =
        64, /* domains over domains; a catalog read while it changes could show a circle */
    BIND_TEXT_MAX =
        64 * 1024 * 1024, /* a default is an expression in the catalog, a placeholder a setting */
};

static const struct type_dialect type_dialect_3_6 = {
    .find = type_rule_find,
    .unknown = type_rule_unknown,
    .defaults = true,
    .toast_forms = true,
};

static const struct type_dialect *const type_dialects[] = {
    [COMPAT_3_6] = &type_dialect_3_6,
    [COMPAT_1_2] = &type_dialect_1_2,
};

struct bind {
    const struct type_dialect *dialect;
    const struct types *types;
    const struct column *col;
    const struct settings *s;
    const struct json_format *json;
    struct arena *a;
    const struct pgtype *type; /* domains resolved */
    int32_t typmod;
    const struct type_rule *rule; /* of the type, or of an array's elements */
    bool is_array;
};

static bool
bind_resolve(struct bind *b, uint32_t *missing)
{
    uint32_t oid = b->col->type;

    b->typmod = b->col->typmod;
    for (int depth = 0; depth < DOMAIN_DEPTH_MAX; depth++) {
        *missing = oid;
        b->type = types_get(b->types, oid);
        if (!b->type)
            return false;
        if (b->type->kind != 'd')
            return true;
        oid = b->type->base;
        if (b->typmod < 0)
            b->typmod = b->type->base_typmod;
    }
    return false;
}

/* Which row applies. A type without one, and an array of such, is said or left out as
 * include.unknown.datatypes says. */
static enum bind_result
bind_rule(struct bind *b, const struct pgtype **element, uint32_t *missing)
{
    *element = b->type;
    b->rule = b->dialect->find(b->type);
    b->is_array = !b->rule && b->type->elem != 0 && b->type->kind == 'b';
    if (b->is_array) {
        *missing = b->type->elem;
        *element = types_get(b->types, b->type->elem);
        if (!*element)
            return BIND_UNKNOWN_TYPE;
        b->rule = b->dialect->find(*element);
    }
    if (!b->rule)
        b->rule = b->dialect->unknown();
    if ((b->rule->flags & RULE_UNKNOWN && !b->s->unknown_types) ||
        (b->is_array && b->rule->array == ARRAY_DROPPED))
        return BIND_DROPPED;
    return BIND_OK;
}

static struct bind_ctx *
bind_ctx(const struct bind *b, const struct pgtype *type, const struct shape *sh)
{
    struct bind_ctx *ctx = arena_alloc(b->a, sizeof(*ctx));

    ctx->type = type->name;
    ctx->scale = sh->scale;
    ctx->digits = sh->digits;
    ctx->binary = b->s->binary;
    ctx->plain_decimal = b->json->decimal_numeric;
    return ctx;
}

/* Turns the element's shape into the array's. */
static struct bind_ctx *
bind_array(const struct bind *b, const struct pgtype *element, struct shape *sh)
{
    struct schema *item = arena_alloc(b->a, sizeof(*item));
    struct bind_ctx *item_ctx = bind_ctx(b, element, sh), *ctx = bind_ctx(b, b->type, sh);

    if (b->rule->array == ARRAY_AS_ELEMENT) {
        sh->write = text_null;
        return ctx;
    }
    *item = sh->schema;
    item->optional = b->rule->array != ARRAY_REQUIRED;
    item_ctx->in_array = true;
    ctx->item = sh->write;
    ctx->item_ctx = item_ctx;
    ctx->item_required = b->rule->array == ARRAY_REQUIRED || b->rule->array == ARRAY_NO_NULLS;
    ctx->item_lenient = b->rule->array == ARRAY_LENIENT;
    ctx->delim = b->rule->flags & RULE_DELIM_SEMICOLON ? ';'
                 : b->rule->flags & RULE_DELIM_COLON   ? ':'
                                                       : ',';
    sh->schema = (struct schema){.type = SCHEMA_ARRAY, .items = item};
    sh->write = text_array;
    return ctx;
}

/* NULL in a NOT NULL column: what an old row of the default identity holds for it. */
static struct slice
bind_fallback(const struct bind *b, const struct shape *sh, const struct bind_ctx *ctx,
              struct buf *tmp)
{
    struct slice text = slice_of(b->rule->fallback);

    if (b->is_array && b->rule->array != ARRAY_AS_ELEMENT)
        return SLICE_LIT("[]");
    if (sh->schema.type == SCHEMA_BOOLEAN)
        return SLICE_LIT("false");
    if (b->rule->flags & RULE_FALLBACK_JSON)
        return text;
    buf_clear(tmp);
    /* A row of the table whose writer does not take its own fallback: a test walks them. */
    if (b->is_array || !sh->write(tmp, text, ctx, NULL))
        return SLICE_LIT("null");
    return arena_slice(b->a, buf_view(tmp));
}

static void
bind_finish(const struct bind *b, const struct pgtype *element, struct shape *sh,
            struct bind_ctx *ctx, struct binding *out)
{
    struct schema *schema = arena_alloc(b->a, sizeof(*schema));
    bool required = b->col->known && b->col->not_null;
    struct buf tmp;

    buf_init(&tmp, BIND_TEXT_MAX);
    *schema = sh->schema;
    schema->optional = !required || (b->rule->flags & RULE_OPTIONAL && !b->is_array);
    if (b->dialect->defaults && b->col->known && !b->is_array &&
        type_default(&tmp, b->rule, element, b->col, sh, ctx) && buf_ok(&tmp))
        schema->def = arena_slice(b->a, buf_view(&tmp));
    if (schema->def.n > 0 && (required || b->json->replace_null))
        out->null_json = schema->def;
    else if (required)
        out->null_json = bind_fallback(b, sh, ctx, &tmp);
    else
        out->null_json = SLICE_LIT("null");
    ctx->null_json = out->null_json;
    buf_clear(&tmp);
    out->unavailable_json = out->null_json;
    if (type_toast(&tmp, b->rule, schema, b->s, b->dialect) && buf_ok(&tmp))
        out->unavailable_json = arena_slice(b->a, buf_view(&tmp));
    buf_free(&tmp);
    out->schema = schema;
}

enum bind_result
type_bind(const struct types *t, const struct column *col, const struct settings *s,
          const struct json_format *json, struct arena *a, struct binding *out, uint32_t *missing)
{
    struct bind b = {
        .dialect = type_dialects[s->compat], .types = t, .col = col, .s = s, .json = json, .a = a};
    const struct pgtype *element;
    struct shape_in in;
    struct shape sh;
    struct bind_ctx *ctx;
    enum bind_result result;

    if (!bind_resolve(&b, missing))
        return BIND_UNKNOWN_TYPE;
    result = bind_rule(&b, &element, missing);
    if (result != BIND_OK)
        return result;
    in = (struct shape_in){s, element, b.typmod, a};
    type_rule_shape(b.rule, &in, &sh);
    ctx = b.is_array ? bind_array(&b, element, &sh) : bind_ctx(&b, element, &sh);
    bind_finish(&b, element, &sh, ctx, out);
    out->write = sh.write;
    out->ctx = ctx;
    out->type = b.type;
    out->typmod = b.typmod;
    out->stream_null = b.rule->flags & RULE_STREAM_NULL && !s->unknown_types;
    return BIND_OK;
}
