#include "base/utf8.h"

#include "base/json_scan.h"

size_t
utf8_decode(struct slice s, uint32_t *cp)
{
    const unsigned char *p = (const unsigned char *)s.p;
    struct json_seq seq = json_utf8(p, s.n);

    if (!seq.valid) {
        *cp = UTF8_REPLACEMENT;
        return seq.n;
    }
    *cp = p[0] & (0xFFu >> (seq.n + 1));
    for (size_t i = 1; i < seq.n; i++)
        *cp = *cp << 6 | (p[i] & 0x3F);
    return seq.n;
}

void
utf8_put(struct buf *out, uint32_t cp)
{
    if (cp < 0x80) {
        buf_putc(out, (char)cp);
    } else if (cp < 0x800) {
        buf_putc(out, (char)(0xC0 | cp >> 6));
        buf_putc(out, (char)(0x80 | (cp & 0x3F)));
    } else if (cp < 0x10000) {
        buf_putc(out, (char)(0xE0 | cp >> 12));
        buf_putc(out, (char)(0x80 | (cp >> 6 & 0x3F)));
        buf_putc(out, (char)(0x80 | (cp & 0x3F)));
    } else {
        buf_putc(out, (char)(0xF0 | cp >> 18));
        buf_putc(out, (char)(0x80 | (cp >> 12 & 0x3F)));
        buf_putc(out, (char)(0x80 | (cp >> 6 & 0x3F)));
        buf_putc(out, (char)(0x80 | (cp & 0x3F)));
    }
}

uint32_t
utf8_hex4(const char *p)
{
    uint32_t v = 0;

    for (int i = 0; i < 4; i++)
        v = v << 4 | (uint32_t)(p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
    return v;
}
