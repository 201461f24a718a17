#include "replicator/connect/json_text.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/num.h"

static void
json_text_real(struct buf *out, double v)
{
    char text[40];
    int n = 0;

    for (int digits = 1; digits <= 17; digits++) {
        n = snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    if (!num_add_java_float(out, (struct slice){text, (size_t)n}, false))
        buf_add(out, text, (size_t)n);
}

static void
json_text_object(struct buf *out, const json_t *v)
{
    bool first = true;

    buf_putc(out, '{');
    /* jansson's iterators take no const object, and change nothing. */
    for (void *it = json_object_iter((json_t *)(uintptr_t)v); it;
         it = json_object_iter_next((json_t *)(uintptr_t)v, it)) {
        const char *key = json_object_iter_key(it);

        if (!first)
            buf_putc(out, ',');
        first = false;
        json_cstr(out, key);
        buf_putc(out, ':');
        json_text_add(out, json_object_iter_value(it));
    }
    buf_putc(out, '}');
}

static void
json_text_array(struct buf *out, const json_t *v)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < json_array_size(v); i++) {
        if (i)
            buf_putc(out, ',');
        json_text_add(out, json_array_get(v, i));
    }
    buf_putc(out, ']');
}

void
json_text_add(struct buf *out, const json_t *v)
{
    if (!v) {
        buf_str(out, "null");
        return;
    }
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        json_text_object(out, v);
        break;
    case JSON_ARRAY:
        json_text_array(out, v);
        break;
    case JSON_STRING:
        json_str(out, (struct slice){json_string_value(v), json_string_length(v)});
        break;
    case JSON_INTEGER:
        num_add_i64(out, (int64_t)json_integer_value(v));
        break;
    case JSON_REAL:
        json_text_real(out, json_real_value(v));
        break;
    case JSON_TRUE:
        buf_str(out, "true");
        break;
    case JSON_FALSE:
        buf_str(out, "false");
        break;
    case JSON_NULL:
        buf_str(out, "null");
        break;
    }
}
