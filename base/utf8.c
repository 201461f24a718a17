#include "base/utf8.h"

#include <locale.h>
#include <wctype.h>

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

/* Letters whose capital is more than one. */
static const struct {
    uint32_t cp;
    const char *upper;
} utf8_expanded[] = {{0xDF, "SS"},   {0x149, "\xca\xbcN"}, {0x1F0, "J\xcc\x8c"}, {0xFB00, "FF"},
                     {0xFB01, "FI"}, {0xFB02, "FL"},       {0xFB03, "FFI"},      {0xFB04, "FFL"},
                     {0xFB05, "ST"}, {0xFB06, "ST"}};

static void
utf8_put_upper(struct buf *out, uint32_t cp, locale_t tables)
{
    for (size_t i = 0; i < sizeof(utf8_expanded) / sizeof(*utf8_expanded); i++)
        if (utf8_expanded[i].cp == cp) {
            buf_str(out, utf8_expanded[i].upper);
            return;
        }
    utf8_put(out, tables ? (uint32_t)towupper_l((wint_t)cp, tables) : cp);
}

void
utf8_upper(struct buf *out, struct slice s)
{
    locale_t tables = (locale_t)0;

    while (s.n > 0) {
        uint32_t cp;
        size_t n = utf8_next(s, &cp);

        if (cp >= 'a' && cp <= 'z')
            buf_putc(out, (char)(cp - 'a' + 'A'));
        else if (cp < 0x80)
            buf_putc(out, (char)cp);
        else {
            /* Not the process's own locale: that is nobody's business here. */
            if (!tables)
                tables = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
            utf8_put_upper(out, cp, tables);
        }
        s.p += n;
        s.n -= n;
    }
    if (tables)
        freelocale(tables);
}
