#include <string.h>

#include "base/utf8.h"
#include "decoder/json_priv.h"

/* A \uXXXX escape at p, or a pair of them, as UTF-8; returns how many bytes it was. */
size_t
json_put_unicode(struct buf *b, const char *p, size_t n)
{
    uint32_t cp;

    if (n < 6) {
        buf_putc(b, *p);
        return 1;
    }
    cp = utf8_hex4(p + 2);
    if (cp >= 0xD800 && cp < 0xDC00 && n >= 12 && p[6] == '\\' && p[7] == 'u') {
        utf8_put(b, utf8_of_units(cp, utf8_hex4(p + 8)));
        return 12;
    }
    utf8_put(b, cp);
    return 6;
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
        } else if (json[i + 1] == 'u') {
            i += json_put_unicode(b, json + i, n - i) - 1;
        } else if ((short_form = strchr(from, json[i + 1])) != NULL) {
            buf_putc(b, to[short_form - from]);
            i++;
        } else {
            buf_putc(b, json[i]);
            buf_putc(b, json[++i]);
        }
    }
}
