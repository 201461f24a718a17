#include <string.h>

#include "base/utf8.h"
#include "decoder/json_priv.h"

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
            uint32_t cp = utf8_hex4(json + i + 2);

            i += 5;
            if (cp >= 0xD800 && cp < 0xDC00 && i + 6 < n && json[i + 1] == '\\' &&
                json[i + 2] == 'u') {
                cp = utf8_of_units(cp, utf8_hex4(json + i + 3));
                i += 6;
            }
            utf8_put(b, cp);
        } else if ((short_form = strchr(from, json[i + 1])) != NULL) {
            buf_putc(b, to[short_form - from]);
            i++;
        } else {
            buf_putc(b, json[i]);
            buf_putc(b, json[++i]);
        }
    }
}
