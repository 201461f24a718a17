/*
 * What stands for a TOASTed value that an update did not touch and that the old row does not hold
 * either: the placeholder, in the form that the column's schema allows. Where none does (numbers,
 * most arrays) Debezium cannot convert it and the column is written as a value that cannot be
 * converted is.
 */
#include <openssl/evp.h>

#include "base/json.h"
#include "base/num.h"
#include "decoder/type_rule.h"

enum { MD5_BYTES = 16 };

/* UUID.nameUUIDFromBytes: MD5 with version 3 and the variant of RFC 4122. */
static bool
toast_uuid(struct buf *out, struct slice name)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char md5[EVP_MAX_MD_SIZE];

    if (EVP_Digest(name.p, name.n, md5, NULL, EVP_md5(), NULL) != 1)
        return false;
    md5[6] = (unsigned char)((md5[6] & 0x0f) | 0x30);
    md5[8] = (unsigned char)((md5[8] & 0x3f) | 0x80);
    buf_putc(out, '"');
    for (int i = 0; i < MD5_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            buf_putc(out, '-');
        buf_putc(out, hex[md5[i] >> 4]);
        buf_putc(out, hex[md5[i] & 15]);
    }
    buf_putc(out, '"');
    return true;
}

static void
toast_ints(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (i > 0)
            buf_putc(out, ',');
        num_add_i64(out, (signed char)text.p[i]); /* Java's bytes are signed */
    }
}

static bool
toast_array(struct buf *out, unsigned flags, const struct schema *item, const struct settings *s)
{
    bool ok = true;

    buf_putc(out, '[');
    if (flags & RULE_TOAST_TEXT)
        json_str(out, s->unavailable);
    else if (flags & RULE_TOAST_INTS && item->type != SCHEMA_STRING)
        toast_ints(out, s->unavailable);
    else if (flags & RULE_TOAST_UUID)
        ok = toast_uuid(out, s->unavailable);
    else if (flags & RULE_TOAST_BYTES && item->type == SCHEMA_BYTES)
        json_base64(out, s->unavailable);
    else
        ok = false;
    buf_putc(out, ']');
    return ok;
}

/* {"p":"p"}, as a map or as JSON text. */
static void
toast_hstore(struct buf *out, const struct schema *schema, struct slice p)
{
    struct buf pair;

    /* A byte becomes at most six. */
    buf_init(&pair, 2 * 6 * p.n + 16);
    buf_putc(&pair, '{');
    json_str(&pair, p);
    buf_putc(&pair, ':');
    json_str(&pair, p);
    buf_putc(&pair, '}');
    if (schema->type == SCHEMA_MAP)
        buf_slice(out, buf_view(&pair));
    else
        json_str(out, buf_view(&pair));
    buf_free(&pair);
}

bool
type_toast(struct buf *out, const struct type_rule *rule, const struct schema *schema,
           const struct settings *s, const struct type_dialect *dialect)
{
    /* The columns that binary.handling.mode speaks of; as base64 Debezium fails on the
     * placeholder. */
    bool binary = rule->type == SCHEMA_BYTES && !rule->semantic;

    unsigned flags = dialect->toast_forms ? rule->flags : 0;

    if (schema->type == SCHEMA_ARRAY)
        return toast_array(out, flags, schema->items, s);
    if (flags & RULE_TOAST_HSTORE) {
        toast_hstore(out, schema, s->unavailable);
        return true;
    }
    if (schema->type == SCHEMA_STRING &&
        (!binary || (s->binary == BINARY_HEX && dialect->toast_forms))) {
        json_str(out, s->unavailable);
        return true;
    }
    if (schema->type == SCHEMA_BYTES && binary) {
        json_base64(out, s->unavailable);
        return true;
    }
    return false;
}
