#include "decoder/mapper.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "decoder/mapper_hash.h"
#include "decoder/pattern.h"
#include "decoder/pgtext.h"
#include "decoder/source_type.h"

/* A mask of more asterisks than this is a slip, and a schema's parameter has to hold the number. */
enum { MAPPER_CHARS_MAX = 1 << 20 };

enum rule_kind { RULE_CUT, RULE_MASK, RULE_SOURCE_BY_NAME, RULE_SOURCE_BY_TYPE, RULE_HASH };

struct rule {
    enum rule_kind kind;
    struct pattern_list columns; /* schema.table.column, or .type */
    int32_t chars;               /* RULE_CUT, RULE_MASK */
    struct mapper_hash *hash;    /* RULE_HASH */
};

struct mappers {
    struct rule *v;
    size_t n;
};

/* The properties in the order in which Debezium registers them; a salt is between the parts. */
static const struct rule_row {
    const char *name, *head, *tail;
    enum rule_kind kind;
    bool serialized;
} rule_rows[] = {
    {"column.truncate.to.<n>.chars", "column.truncate.to.", ".chars", RULE_CUT, false},
    {"column.mask.with.<n>.chars", "column.mask.with.", ".chars", RULE_MASK, false},
    {"column.propagate.source.type", NULL, NULL, RULE_SOURCE_BY_NAME, false},
    {"datatype.propagate.source.type", NULL, NULL, RULE_SOURCE_BY_TYPE, false},
    {"column.mask.hash.<algorithm>.with.salt.<salt>", "column.mask.hash.", ".with.salt.", RULE_HASH,
     true},
    {"column.mask.hash.v2.<algorithm>.with.salt.<salt>", "column.mask.hash.v2.", ".with.salt.",
     RULE_HASH, false},
};

struct mapping {
    enum rule_kind kind; /* RULE_CUT, RULE_MASK, RULE_HASH */
    int32_t chars;
    const struct mapper_hash *hash;
    struct slice mask; /* the asterisks */
    bool is_base64;    /* the payload, of bytes */
    bool is_plain;     /* PostgreSQL's text is the string */
    bool is_bytea;     /* it is \x and digits */
};

/* What the wrapping writers are told. The column's own context is the first member: they are given that. */
struct mapped_ctx {
    struct bind_ctx ctx;
    struct mapping map;
    struct slice mask_json;
    value_writer write;
    const struct bind_ctx *inner;
};

/* ---------------------------------------------------------------------------------- reading the rules */

static bool
mapper_read_chars(struct rule *r, const struct rule_row *row, const char *key, struct err *e)
{
    char *end;
    long n = strtol(key + strlen(row->head), &end, 10);

    if (strcmp(end, row->tail) != 0 || n < 0 || n > MAPPER_CHARS_MAX)
        return err_set(e, ERR_CONFIG, "config.value",
                       "property \"%s\": its name should hold a number from 0 to %d", key,
                       MAPPER_CHARS_MAX);
    r->chars = (int32_t)n;
    return true;
}

static bool
mapper_read_hash(struct rule *r, const struct rule_row *row, const char *key, struct err *e)
{
    const char *algorithm = key + strlen(row->head);
    const char *salt = strstr(algorithm, row->tail);

    r->hash = mapper_hash_new(row->name, (struct slice){algorithm, (size_t)(salt - algorithm)},
                              slice_of(salt + strlen(row->tail)), row->serialized, e);
    return r->hash != NULL;
}

static bool
mapper_read_rule(struct rule *r, const struct rule_row *row, const char *key, const char *value,
                 struct err *e)
{
    r->kind = row->kind;
    if (!pattern_add_list(&r->columns, row->name, value, false, e))
        return false;
    switch (row->kind) {
    case RULE_CUT:
    case RULE_MASK:
        return mapper_read_chars(r, row, key, e);
    case RULE_HASH:
        return mapper_read_hash(r, row, key, e);
    case RULE_SOURCE_BY_NAME:
    case RULE_SOURCE_BY_TYPE:
        return true;
    }
    return true;
}

struct mappers *
mappers_new(const struct config *c, struct err *e)
{
    struct mappers *m = mem_alloc(sizeof(*m));

    for (size_t k = 0; k < sizeof(rule_rows) / sizeof(*rule_rows); k++) {
        const char *key, *value;

        for (size_t i = 0; config_next(c, &i, &key, &value);) {
            const struct prop *p = config_prop(c, key);

            if (!p || strcmp(p->name, rule_rows[k].name) != 0)
                continue;
            m->v = mem_grow(m->v, m->n + 1, sizeof(*m->v));
            m->v[m->n] = (struct rule){0};
            if (!mapper_read_rule(&m->v[m->n++], &rule_rows[k], key, value, e)) {
                mappers_free(m);
                return NULL;
            }
        }
    }
    return m;
}

void
mappers_free(struct mappers *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++) {
        pattern_list_free(&m->v[i].columns);
        mapper_hash_free(m->v[i].hash);
    }
    free(m->v);
    free(m);
}

/* ---------------------------------------------------------------------------------- what is written */

static const struct mapped_ctx *
mapper_ctx(const struct bind_ctx *ctx)
{
    return (const void *)ctx;
}

static bool
mapper_write_mask(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    (void)text;
    (void)e;
    buf_slice(out, mapper_ctx(ctx)->mask_json);
    return true;
}

/* A hash of n digits as JSON, cut to the column's length. */
static bool
mapper_put_hash(struct buf *out, const struct mapping *map, const char *hex, size_t n)
{
    if (n == 0)
        return false;
    buf_putc(out, '"');
    buf_add(out, hex, map->chars > 0 && (size_t)map->chars < n ? (size_t)map->chars : n);
    buf_putc(out, '"');
    return true;
}

static bool
mapper_write_hash(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    const struct mapped_ctx *m = mapper_ctx(ctx);
    char hex[MAPPER_HASH_HEX_MAX];

    return mapper_put_hash(out, &m->map, hex, mapper_hash_text(m->map.hash, text, hex)) ||
           err_set(e, ERR_DATA, "value.hash", "a value of type %s could not be hashed", ctx->type);
}

/* Cuts the JSON string that begins at `start`; each escape is one UTF-16 unit, halves of a pair included. */
static void
mapper_cut_string(struct buf *out, size_t start, int32_t chars)
{
    size_t i = start + 1;

    for (int32_t left = chars; i < out->n && out->p[i] != '"'; left--) {
        unsigned char c = (unsigned char)out->p[i];

        if (left == 0) {
            out->n = i;
            buf_putc(out, '"');
            return;
        }
        if (c == '\\')
            i += out->p[i + 1] == 'u' ? 6 : 2;
        else
            i += c < 0xC0 ? 1 : c < 0xE0 ? 2 : 3; /* four-byte characters are escapes */
    }
}

/* Cuts base64 text to so many bytes: bits behind the last one become zero. */
static void
mapper_cut_base64(struct buf *out, size_t start, int32_t bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *p = out->p + start + 1;
    size_t n = out->n - start - 2, whole = (size_t)bytes / 3 * 4;
    int rest = bytes % 3;

    while (n && p[n - 1] == '=')
        n--;
    if (n * 3 / 4 <= (size_t)bytes)
        return;
    p += whole;
    out->n = start + 1 + whole;
    if (rest) {
        const unsigned keep[] = {0, 0x30, 0x3C};
        char last = digits[(unsigned)(strchr(digits, p[rest]) - digits) & keep[rest]];

        out->n += (size_t)rest;
        buf_putc(out, last);
        buf_str(out, rest == 1 ? "==" : "=");
    }
    buf_putc(out, '"');
}

/* null and the payloads of other types stay. */
static void
mapper_cut(struct buf *out, size_t start, const struct mapping *map)
{
    if (!buf_ok(out) || out->n == start || out->p[start] != '"')
        return;
    if (map->is_base64)
        mapper_cut_base64(out, start, map->chars);
    else
        mapper_cut_string(out, start, map->chars);
}

/*
 * A prefix of a text that surely holds its first n UTF-16 units: three bytes make at least one. The value itself may be
 * far longer than what is left of it.
 */
static struct slice
mapper_prefix(struct slice text, int32_t chars)
{
    size_t enough = 3 * (size_t)chars + 3;

    return (struct slice){text.p, text.n > enough ? enough : text.n};
}

static bool
mapper_write_cut(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)
{
    const struct mapped_ctx *m = mapper_ctx(ctx);
    size_t start = out->n;

    if (m->write == text_string)
        text = mapper_prefix(text, m->map.chars);
    if (!m->write(out, text, m->inner, e))
        return false;
    mapper_cut(out, start, &m->map);
    return true;
}

/* ---------------------------------------------------------------------------------- for other sinks */

bool
mapping_is_constant(const struct mapping *m)
{
    return m && m->kind == RULE_MASK;
}

/* Like mapper_cut_string, but half a pair is left out: it cannot stand alone in UTF-8. */
static struct slice
mapping_cut_text(struct slice text, int32_t chars)
{
    size_t i = 0;

    for (int32_t left = chars; i < text.n; left--) {
        unsigned char c = (unsigned char)text.p[i];
        size_t n = c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;

        if (n == 4)
            left--;
        if (left <= 0)
            return (struct slice){text.p, i};
        i += n;
    }
    return text;
}

struct slice
mapping_text(const struct mapping *m, struct slice text, char scratch[MAPPING_TEXT_MAX])
{
    size_t n;

    switch (m->kind) {
    case RULE_MASK:
        return m->mask;
    case RULE_HASH:
        n = mapper_hash_text(m->hash, text, scratch);
        return (struct slice){scratch, m->chars > 0 && (size_t)m->chars < n ? (size_t)m->chars : n};
    case RULE_CUT:
        if (m->is_plain)
            return mapping_cut_text(text, m->chars);
        if (m->is_bytea && text.n > 2 + 2 * (size_t)m->chars) /* \x and two digits a byte */
            text.n = 2 + 2 * (size_t)m->chars;
        return text;
    case RULE_SOURCE_BY_NAME:
    case RULE_SOURCE_BY_TYPE:
        break;
    }
    return text;
}

/* ---------------------------------------------------------------------------------- wrapping */

/* What JDBC calls a character type; an enumeration is one. */
static bool
mapper_is_character(const struct pgtype *type)
{
    static const char *const names[] = {"char", "bpchar", "varchar", "text", "name"};

    if (type->kind == 'e')
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(type->name, names[i]) == 0)
            return type->kind == 'b' && strcmp(type->schema, "pg_catalog") == 0;
    return false;
}

static void
mapper_add_params(struct arena *a, struct binding *b, const struct schema_param *add, size_t n)
{
    const struct schema *old = b->schema;
    struct schema *schema = arena_alloc(a, sizeof(*schema));
    struct schema_param *params = arena_alloc(a, (old->nparams + n) * sizeof(*params));

    *schema = *old;
    if (old->nparams)
        memcpy(params, old->params, old->nparams * sizeof(*params));
    memcpy(params + old->nparams, add, n * sizeof(*params));
    schema->params = params;
    schema->nparams = old->nparams + n;
    b->schema = schema;
}

static void
mapper_add_source(const struct mapper_site *at, const struct source_type *t, struct binding *b)
{
    struct schema_param params[4];
    struct buf type;
    size_t n = 0;

    buf_init(&type, 4096); /* two names and their quotes */
    utf8_upper(&type, slice_of(t->name));
    params[n++] = (struct schema_param){"__debezium.source.column.type",
                                        arena_strndup(at->arena, type.p, type.n)};
    buf_free(&type);
    if (t->length != -1)
        params[n++] = (struct schema_param){"__debezium.source.column.length",
                                            arena_printf(at->arena, "%d", t->length)};
    if (t->has_scale)
        params[n++] = (struct schema_param){"__debezium.source.column.scale",
                                            arena_printf(at->arena, "%d", t->scale)};
    params[n++] = (struct schema_param){"__debezium.source.column.name",
                                        arena_strndup(at->arena, at->col->name.p, at->col->name.n)};
    mapper_add_params(at->arena, b, params, n);
}

/* What stands for NULL and for an unchanged value goes through the rule too, unless it is plain null. */
static struct slice
mapper_map_json(const struct mapper_site *at, const struct mapping *map, struct slice json)
{
    char hex[MAPPER_HASH_HEX_MAX];
    struct slice mapped;
    struct buf b;

    if (json.n < 2 || json.p[0] != '"')
        return json;
    buf_init(&b, json.n + sizeof(hex) + 2);
    if (map->kind == RULE_HASH) {
        if (!mapper_put_hash(
                &b, map, hex,
                mapper_hash_json(map->hash, (struct slice){json.p + 1, json.n - 2}, hex)))
            BUF_LIT(&b, "null");
    } else {
        buf_slice(&b, json);
        mapper_cut(&b, 0, map);
    }
    mapped = arena_slice(at->arena, buf_view(&b));
    buf_free(&b);
    return mapped;
}

static void
mapper_wrap(const struct mapper_site *at, struct mapped_ctx *m, struct binding *b)
{
    static const value_writer writers[] = {[RULE_CUT] = mapper_write_cut,
                                           [RULE_MASK] = mapper_write_mask,
                                           [RULE_HASH] = mapper_write_hash};
    bool unavailable_is_null = b->unavailable_json.p == b->null_json.p;
    bool lost = b->write == text_null;

    m->ctx = *b->ctx;
    m->inner = b->ctx;
    m->write = b->write;
    if (m->map.kind == RULE_MASK) {
        b->null_json = b->unavailable_json = m->mask_json;
    } else {
        /* NULL itself passes every rule; what a NOT NULL column says instead does not. */
        if (!b->schema->optional)
            b->null_json = mapper_map_json(at, &m->map, b->null_json);
        /* The placeholder of bytes is not cut. */
        if (unavailable_is_null)
            b->unavailable_json = b->null_json;
        else if (!m->map.is_base64)
            b->unavailable_json = mapper_map_json(at, &m->map, b->unavailable_json);
    }
    m->ctx.null_json = b->null_json;
    b->ctx = &m->ctx;
    if (!lost || m->map.kind == RULE_MASK)
        b->write = writers[m->map.kind];
}

static const struct mapping *
mapper_cut_column(const struct mapper_site *at, const struct rule *r, const struct source_type *t,
                  struct binding *b)
{
    const struct schema_param param = {"truncateLength", arena_printf(at->arena, "%d", r->chars)};
    bool bytes = b->schema->type == SCHEMA_BYTES && !b->schema->name;
    struct mapped_ctx *m;

    if (t->length >= 0 && t->length <= r->chars)
        return NULL;
    mapper_add_params(at->arena, b, &param, 1);
    if (b->schema->type != SCHEMA_STRING && !bytes)
        return NULL;
    m = arena_alloc(at->arena, sizeof(*m));
    m->map = (struct mapping){
        .kind = RULE_CUT,
        .chars = r->chars,
        .is_base64 = bytes,
        .is_plain = b->write == text_string && strncmp(b->type->name, "json", 4) != 0,
        .is_bytea = b->write == text_bytea,
    };
    mapper_wrap(at, m, b);
    return &m->map;
}

static const struct mapping *
mapper_mask_column(const struct mapper_site *at, const struct rule *r, const struct source_type *t,
                   struct binding *b)
{
    static const struct schema_param param = {"masked", "true"};
    struct mapped_ctx *m;
    char *json;

    mapper_add_params(at->arena, b, &param, 1);
    if (!mapper_is_character(b->type))
        return NULL;
    m = arena_alloc(at->arena, sizeof(*m));
    m->map.kind = r->kind;
    m->map.hash = r->hash;
    m->map.chars = r->kind == RULE_HASH ? t->length : r->chars;
    if (r->kind == RULE_MASK) {
        json = arena_alloc(at->arena, (size_t)r->chars + 2);
        memset(json, '*', (size_t)r->chars + 2);
        json[0] = json[r->chars + 1] = '"';
        m->mask_json = (struct slice){json, (size_t)r->chars + 2};
        m->map.mask = (struct slice){json + 1, (size_t)r->chars};
    }
    mapper_wrap(at, m, b);
    return &m->map;
}

static bool
mapper_names(const struct mapper_site *at, const struct rule *r, const struct source_type *t)
{
    char name[PATTERN_NAME_MAX];
    struct slice last = r->kind == RULE_SOURCE_BY_TYPE ? slice_of(t->name) : at->col->name;

    return pattern_first(&r->columns, pattern_name(name, at->schema, at->table, last)) >= 0;
}

struct mapped
mapper_apply(const struct mapper_site *at, struct binding *b)
{
    const struct rule *r = at->mappers ? at->mappers->v : NULL;
    const struct rule *end = at->mappers ? r + at->mappers->n : NULL;
    struct mapped out = {0};
    struct source_type t;

    if (r == end)
        return out;
    t = source_type_of(at->types, at->col, at->snapshot, at->arena);
    while (r < end && !mapper_names(at, r, &t))
        r++;
    if (r == end)
        return out;
    switch (r->kind) {
    case RULE_CUT:
        out.map = mapper_cut_column(at, r, &t, b);
        break;
    case RULE_MASK:
    case RULE_HASH:
        out.map = mapper_mask_column(at, r, &t, b);
        return out;
    case RULE_SOURCE_BY_NAME:
    case RULE_SOURCE_BY_TYPE:
        mapper_add_source(at, &t, b);
        break;
    }
    while (++r < end && !out.unmasked)
        out.unmasked = (r->kind == RULE_MASK || r->kind == RULE_HASH) &&
                       mapper_is_character(b->type) && mapper_names(at, r, &t);
    return out;
}

void
mapper_lose(struct binding *b)
{
    b->write = text_null;
    b->unavailable_json = b->null_json;
}
