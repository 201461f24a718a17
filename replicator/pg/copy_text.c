/*
 * https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2: fields are separated by tabs; \N alone is NULL;
 * \b \f \n \r \t \v and \\ stand for those characters, any other character behind a backslash for itself.
 */
#include "replicator/pg/copy_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static char
copy_unescape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'v':
        return '\v';
    default:
        return c;
    }
}

/* The first tab or backslash at or after p; eight bytes at a time. */
static char *
copy_next_special(char *p, const char *end)
{
    static const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
    static const uint64_t tabs = UINT64_C(0x0909090909090909);
    static const uint64_t slashes = UINT64_C(0x5c5c5c5c5c5c5c5c);

    while (end - p >= 8) {
        uint64_t x, t, s, hit;

        memcpy(&x, p, 8);
        /* A byte's top bit is set where it is zero, and only there. */
        t = x ^ tabs;
        t = ~(((t & low) + low) | t | low);
        s = x ^ slashes;
        s = ~(((s & low) + low) | s | low);
        hit = t | s;
        if (hit) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
            return p + __builtin_clzll(hit) / 8;
#else
            return p + __builtin_ctzll(hit) / 8;
#endif
        }
        p += 8;
    }
    while (p < end && *p != '\t' && *p != '\\')
        p++;
    return p;
}

/* The rest of a field from its first backslash at p; returns its end, *w is the end of what it stands for. */
static char *
copy_unescape_field(char *p, char *end, char **w)
{
    char *to = p;

    while (p < end && *p != '\t') {
        char *next;

        if (*p == '\\' && p + 1 < end) {
            *to++ = copy_unescape(p[1]);
            p += 2;
        } else {
            *to++ = *p++;
        }
        next = copy_next_special(p, end);
        memmove(to, p, (size_t)(next - p));
        to += next - p;
        p = next;
    }
    *w = to;
    return p;
}

unsigned
copy_text_split(char *row, size_t n, const uint16_t *cols, unsigned ncols, struct value *v)
{
    char *p = row, *end = row + n;

    if (ncols == 0)
        return n ? 1 : 0;
    for (unsigned i = 0; i < ncols; i++) {
        char *stop = copy_next_special(p, end), *w = stop;
        bool null = false;

        if (stop < end && *stop == '\\') {
            null = stop == p && end - p >= 2 && p[1] == 'N' && (end - p == 2 || p[2] == '\t');
            if (null) {
                stop = p + 2;
            } else {
                stop = copy_unescape_field(stop, end, &w);
            }
        }
        v[cols[i]] = null ? (struct value){NULL, 0, VALUE_NULL}
                          : (struct value){p, (uint32_t)(w - p), VALUE_TEXT};
        if (stop == end)
            return i + 1;
        p = stop + 1;
    }
    return ncols + 1;
}
