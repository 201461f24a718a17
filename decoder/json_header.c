#include <string.h>

#include "decoder/json_priv.h"

/* Four hex digits of a \u escape. */
static uint32_t
json_hex4(const char *p)
{
    uint32_t v = 0;

    for (int i = 0; i < 4; i++) {
        char ch = p[i];

        v = v << 4 | (uint32_t)(ch <= '9' ? ch - '0' : (ch | 0x20) - 'a' + 10);
    }
    return v;
}

static void
json_put_utf8(struct buf *b, uint32_t cp)
{
    if (cp < 0x80) {
        buf_putc(b, (char)cp);
    } else if (cp < 0x800) {
        buf_putc(b, (char)(0xC0 | cp >> 6));
        buf_putc(b, (char)(0x80 | (cp & 0x3F)));
    } else if (cp < 0x10000) {
        buf_putc(b, (char)(0xE0 | cp >> 12));
        buf_putc(b, (char)(0x80 | (cp >> 6 & 0x3F)));
        buf_putc(b, (char)(0x80 | (cp & 0x3F)));
    } else {
        buf_putc(b, (char)(0xF0 | cp >> 18));
        buf_putc(b, (char)(0x80 | (cp >> 12 & 0x3F)));
        buf_putc(b, (char)(0x80 | (cp >> 6 & 0x3F)));
        buf_putc(b, (char)(0x80 | (cp & 0x3F)));
    }
}

/*
 * A key struct as Connect's SimpleHeaderConverter writes it: like JSON, but inside strings only '"' and '\' are escaped.
 * `json` is text we rendered ourselves.
 */
void
json_put_header_text(struct buf *b, const char *json, size_t n)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";

    for (size_t i = 0; i < n; i++) {
        const char *short_form;

        if (json[i] != '\\' || i + 1 >= n) {
            buf_putc(b, json[i]);
        } else if (json[i + 1] == 'u' && i + 5 < n) {
            uint32_t cp = json_hex4(json + i + 2);

            i += 5;
            if (cp >= 0xD800 && cp < 0xDC00 && i + 6 < n && json[i + 1] == '\\' &&
                json[i + 2] == 'u') {
                cp = 0x10000 + ((cp - 0xD800) << 10) + (json_hex4(json + i + 3) - 0xDC00);
                i += 6;
            }
            json_put_utf8(b, cp);
        } else if ((short_form = strchr(from, json[i + 1])) != NULL) {
            buf_putc(b, to[short_form - from]);
            i++;
        } else {
            buf_putc(b, json[i]);
            buf_putc(b, json[++i]);
        }
    }
}
