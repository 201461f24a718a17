#include "decoder/topic.h"

#include <stdio.h>

#include "base/utf8.h"
#include "decoder/naming.h"

enum { TOPIC_LENGTH_MAX = 249 };

static bool
topic_is_legal(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

/* UnicodeReplacementFunction of a UTF-16 unit: at least four digits, unless there are three. */
static void
topic_add_unit(struct buf *out, unsigned unit)
{
    buf_printf(out, unit < 0x100 ? "_u00%x" : "_u%x", unit);
}

static void
topic_add_legal(struct buf *out, struct slice s, bool escapes)
{
    while (s.n) {
        uint32_t cp;
        size_t n = utf8_next(s, &cp);

        /* The underscore starts the escapes, so there it is escaped itself. */
        if (topic_is_legal(cp) && !(escapes && cp == '_')) {
            buf_putc(out, (char)cp);
        } else if (!escapes) {
            buf_str(out, cp > 0xFFFF ? "__" : "_"); /* for each UTF-16 unit */
        } else if (cp > 0xFFFF) {
            topic_add_unit(out, utf8_high_unit(cp));
            topic_add_unit(out, utf8_low_unit(cp));
        } else {
            topic_add_unit(out, cp);
        }
        s.p += n;
        s.n -= n;
    }
}

/* "." and ".." are no topics. */
static void
topic_finish(struct buf *out, size_t start)
{
    if (out->n - start > TOPIC_LENGTH_MAX)
        out->n = start + TOPIC_LENGTH_MAX;
    if (out->n - start <= 2 && out->n > start && out->p[start] == '.' && out->p[out->n - 1] == '.')
        memset(out->p + start, '_', out->n - start);
}

/* "<prefix>.<schema>.<table>" before anything is made legal. */
static void
topic_origin(struct buf *out, const struct settings *s, struct slice schema, struct slice table)
{
    buf_str(out, s->prefix);
    buf_str(out, s->delimiter);
    if (naming_has_schema(s->naming)) {
        buf_slice(out, schema);
        buf_str(out, s->delimiter);
    }
    buf_slice(out, table);
}

static void
topic_name_origin(struct buf *out, const struct settings *s, struct slice schema,
                  struct slice table)
{
    struct buf origin;
    size_t start = out->n;

    buf_init(&origin, out->max);
    topic_origin(&origin, s, schema, table);
    topic_add_legal(out, buf_view(&origin), naming_escapes(s->naming));
    topic_finish(out, start);
    buf_free(&origin);
}

void
topic_name(struct buf *out, const struct settings *s, struct slice schema, struct slice table)
{
    struct buf legal;

    buf_init(&legal, out->max);
    topic_name_origin(&legal, s, schema, table);
    if (!naming_replace(s->naming, buf_view(&legal), out))
        buf_slice(out, buf_view(&legal));
    buf_free(&legal);
}

const char *
topic_key_field(struct buf *out, const struct settings *s, struct slice schema, struct slice table)
{
    const char *field = naming_key_field(s->naming);
    struct buf origin;

    if (!field)
        return NULL;
    buf_init(&origin, out->max);
    topic_origin(&origin, s, schema, table);
    naming_key_value(s->naming, buf_view(&origin), out);
    buf_free(&origin);
    return field;
}

void
topic_name_of(struct buf *out, const struct settings *s, const char *suffix)
{
    size_t start = out->n;

    topic_add_legal(out, slice_of(s->prefix), false);
    topic_add_legal(out, slice_of(s->delimiter), false);
    topic_add_legal(out, slice_of(suffix), false);
    topic_finish(out, start);
}

static bool
topic_is_letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void
topic_add_escape(struct buf *out, uint32_t cp, enum adjust_mode mode)
{
    if (mode != ADJUST_AVRO_UNICODE) {
        buf_str(out, cp > 0xFFFF ? "__" : "_");
    } else if (cp > 0xFFFF) {
        buf_printf(out, "_u%04x_u%04x", utf8_high_unit(cp), utf8_low_unit(cp));
    } else {
        buf_printf(out, "_u%04x", cp);
    }
}

void
topic_adjust_name(struct buf *out, struct slice name, enum adjust_mode mode, bool is_field)
{
    bool first = true;

    if (mode == ADJUST_NONE) {
        buf_slice(out, name);
        return;
    }
    while (name.n) {
        uint32_t cp;
        size_t n = utf8_next(name, &cp);
        bool digit = cp >= '0' && cp <= '9';
        /* The underscore starts avro_unicode's escapes, so there it is escaped itself. */
        bool plain = topic_is_letter(cp) || (digit && !first) ||
                     (cp == '_' && mode != ADJUST_AVRO_UNICODE) ||
                     (cp == '.' && !is_field && !first);

        if (plain) {
            buf_putc(out, (char)cp);
        } else if (digit && mode == ADJUST_AVRO) {
            buf_putc(out, '_');
            buf_putc(out, (char)cp);
        } else {
            topic_add_escape(out, cp, mode);
        }
        first = false;
        name.p += n;
        name.n -= n;
    }
}
