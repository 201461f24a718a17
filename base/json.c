#include "base/json.h"

#include "base/json_scan.h"
#include "base/utf8.h"

/* What stands behind the backslash; 0: \u00XX. */
static const char json_letters[128] = {
    ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\t'] = 't',
    ['\n'] = 'n', ['\f'] = 'f',  ['\r'] = 'r',
};

static void
json_unicode(struct buf *b, unsigned unit)
{
    static const char hex[] = "0123456789ABCDEF";
    const char text[6] = {
        '\\', 'u', hex[unit >> 12 & 15], hex[unit >> 8 & 15], hex[unit >> 4 & 15], hex[unit & 15],
    };

    buf_add(b, text, sizeof(text));
}

/* What has gathered since the last escape, and the escape of c. */
static void
json_run_and_ascii(struct buf *b, const unsigned char *run, size_t n, unsigned char c)
{
    char *w;

    if (!json_letters[c]) {
        buf_add(b, run, n);
        json_unicode(b, c);
        return;
    }
    w = buf_room(b, n + 2);
    if (!w)
        return;
    memcpy(w, run, n);
    w[n] = '\\';
    w[n + 1] = json_letters[c];
    buf_took(b, n + 2);
}

/* A character beyond the first 65536, as the two surrogates that Java holds. */
static void
json_surrogates(struct buf *b, const unsigned char *p)
{
    unsigned code =
        (p[0] & 0x07U) << 18 | (p[1] & 0x3fU) << 12 | (p[2] & 0x3fU) << 6 | (p[3] & 0x3fU);

    json_unicode(b, utf8_high_unit(code));
    json_unicode(b, utf8_low_unit(code));
}

static void
json_replace(struct buf *b)
{
    BUF_LIT(b, "\xef\xbf\xbd");
    b->replaced = true;
}

void
json_str_body(struct buf *b, struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.p, *const end = p + s.n;
    const unsigned char *run = p; /* what is from here to p goes out as it is, in one piece */

    while (p < end) {
        struct json_seq seq;

        p += json_scan(p, (size_t)(end - p));
        p += json_scan_utf8(p, (size_t)(end - p));
        if (p == end)
            break;
        if (*p < 0x80) {
            if (json_is_plain(*p))
                continue;
            json_run_and_ascii(b, run, (size_t)(p - run), *p);
            run = ++p;
            continue;
        }
        seq = json_utf8(p, (size_t)(end - p));
        if (seq.valid && seq.n < 4) {
            p += seq.n;
            continue;
        }
        buf_add(b, run, (size_t)(p - run));
        if (seq.valid)
            json_surrogates(b, p);
        else
            json_replace(b);
        run = p += seq.n;
    }
    if (run < end)
        buf_add(b, run, (size_t)(end - run));
}

void
json_str(struct buf *b, struct slice s)
{
    buf_putc(b, '"');
    json_str_body(b, s);
    buf_putc(b, '"');
}

void
json_cstr(struct buf *b, const char *s)
{
    json_str(b, slice_of(s));
}

void
json_base64(struct buf *b, struct slice bytes)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)bytes.p;
    size_t left = bytes.n, need;
    char *w;

    if (__builtin_mul_overflow(left / 3 + (left % 3 != 0), (size_t)4, &need) ||
        need > SIZE_MAX - 2) {
        b->full = true;
        return;
    }
    w = buf_room(b, need + 2);
    if (!w)
        return;
    buf_took(b, need + 2);
    *w++ = '"';
    for (; left >= 3; p += 3, left -= 3) {
        unsigned group = (unsigned)p[0] << 16 | (unsigned)p[1] << 8 | p[2];

        *w++ = alphabet[group >> 18];
        *w++ = alphabet[group >> 12 & 63];
        *w++ = alphabet[group >> 6 & 63];
        *w++ = alphabet[group & 63];
    }
    if (left) {
        unsigned group = (unsigned)p[0] << 16 | (left == 2 ? (unsigned)p[1] << 8 : 0);

        *w++ = alphabet[group >> 18];
        *w++ = alphabet[group >> 12 & 63];
        *w++ = left == 2 ? alphabet[group >> 6 & 63] : '=';
        *w++ = '=';
    }
    *w = '"';
}
