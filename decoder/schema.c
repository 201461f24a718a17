#include "decoder/schema.h"

#include "base/json.h"
#include "base/num.h"

static const char *const schema_type_names[] = {
    [SCHEMA_BOOLEAN] = "boolean", [SCHEMA_INT8] = "int8",   [SCHEMA_INT16] = "int16",
    [SCHEMA_INT32] = "int32",     [SCHEMA_INT64] = "int64", [SCHEMA_FLOAT32] = "float",
    [SCHEMA_FLOAT64] = "double",  [SCHEMA_BYTES] = "bytes", [SCHEMA_STRING] = "string",
    [SCHEMA_ARRAY] = "array",     [SCHEMA_MAP] = "map",     [SCHEMA_STRUCT] = "struct",
};

const char *
schema_type_name(enum schema_type t)
{
    return schema_type_names[t];
}

/* What a compound type adds between "type" and "optional". */
static void
schema_write_parts(struct buf *out, const struct schema *s)
{
    const struct slice none = {NULL, 0};

    if (s->type == SCHEMA_ARRAY) {
        BUF_LIT(out, ",\"items\":");
        schema_write(out, s->items, none);
    } else if (s->type == SCHEMA_MAP) {
        BUF_LIT(out, ",\"keys\":");
        schema_write(out, s->keys, none);
        BUF_LIT(out, ",\"values\":");
        schema_write(out, s->values, none);
    } else if (s->type == SCHEMA_STRUCT) {
        BUF_LIT(out, ",\"fields\":[");
        for (size_t i = 0; i < s->nfields; i++) {
            if (i > 0)
                buf_putc(out, ',');
            schema_write(out, s->fields[i].schema, s->fields[i].name);
        }
        buf_putc(out, ']');
    }
}

static void
schema_write_params(struct buf *out, const struct schema *s)
{
    BUF_LIT(out, ",\"parameters\":{");
    for (size_t i = 0; i < s->nparams; i++) {
        if (i > 0)
            buf_putc(out, ',');
        json_cstr(out, s->params[i].name);
        buf_putc(out, ':');
        json_cstr(out, s->params[i].value);
    }
    buf_putc(out, '}');
}

void
schema_write(struct buf *out, const struct schema *s, struct slice field)
{
    BUF_LIT(out, "{\"type\":\"");
    buf_str(out, schema_type_names[s->type]);
    buf_putc(out, '"');
    schema_write_parts(out, s);
    if (s->optional)
        BUF_LIT(out, ",\"optional\":true");
    else
        BUF_LIT(out, ",\"optional\":false");
    if (s->name) {
        BUF_LIT(out, ",\"name\":");
        json_cstr(out, s->name);
    }
    if (s->version != 0) {
        BUF_LIT(out, ",\"version\":");
        num_add_i64(out, s->version);
    }
    if (s->doc) {
        BUF_LIT(out, ",\"doc\":");
        json_cstr(out, s->doc);
    }
    if (s->nparams > 0)
        schema_write_params(out, s);
    if (s->def.n > 0) {
        BUF_LIT(out, ",\"default\":");
        buf_slice(out, s->def);
    }
    if (field.p) {
        BUF_LIT(out, ",\"field\":");
        json_str(out, field);
    }
    buf_putc(out, '}');
}
