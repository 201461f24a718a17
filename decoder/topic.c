#include "decoder/topic.h"

#include <stdio.h>

#include "base/utf8.h"

enum { TOPIC_LENGTH_MAX = 249 };

static bool
topic_is_legal(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static void
topic_add_legal(struct buf *out, struct slice s)
{
    while (s.n) {
        uint32_t cp;
        size_t n = utf8_next(s, &cp);

        buf_putc(out, topic_is_legal(cp) ? (char)cp : '_');
        if (cp > 0xFFFF) /* two UTF-16 units, each replaced */
            buf_putc(out, '_');
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

void
topic_name(struct buf *out, const struct settings *s, struct slice schema, struct slice table)
{
    size_t start = out->n;

    topic_add_legal(out, slice_of(s->prefix));
    topic_add_legal(out, slice_of(s->delimiter));
    topic_add_legal(out, schema);
    topic_add_legal(out, slice_of(s->delimiter));
    topic_add_legal(out, table);
    topic_finish(out, start);
}

void
topic_name_of(struct buf *out, const struct settings *s, const char *suffix)
{
    size_t start = out->n;

    topic_add_legal(out, slice_of(s->prefix));
    topic_add_legal(out, slice_of(s->delimiter));
    topic_add_legal(out, slice_of(suffix));
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
