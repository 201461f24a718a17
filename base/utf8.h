/*
 * Characters as UTF-8, one at a time. For names and escapes; values go through json_str, which takes whole runs and judges
 * invalid bytes as Java does.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/buf.h"

enum { UTF8_REPLACEMENT = 0xFFFD };

/* A code point beyond the first 65536 as the two UTF-16 units that Java holds. */
static inline uint32_t
utf8_high_unit(uint32_t cp)
{
    return 0xD800 + ((cp - 0x10000) >> 10);
}

static inline uint32_t
utf8_low_unit(uint32_t cp)
{
    return 0xDC00 + ((cp - 0x10000) & 0x3FF);
}

static inline uint32_t
utf8_of_units(uint32_t high, uint32_t low)
{
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

/* utf8_next beyond ASCII. */
size_t utf8_decode(struct slice s, uint32_t *cp);

/* The character that s (not empty) begins with; a byte that starts none counts as U+FFFD. Returns its length. */
static inline size_t
utf8_next(struct slice s, uint32_t *cp)
{
    *cp = (unsigned char)s.p[0];
    return *cp < 0x80 ? 1 : utf8_decode(s, cp);
}
/* Appends a code point; half a surrogate pair as its three bytes, as Java's modified UTF-8 has them. */
void utf8_put(struct buf *out, uint32_t cp);
/* Appends s in capital letters as Java's toUpperCase has them; what the system's tables do not know stays. */
void utf8_upper(struct buf *out, struct slice s);
/* Four hexadecimal digits of a \u escape, known to be such. */
uint32_t utf8_hex4(const char *p);

#endif
