#include "replicator/rest/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "replicator/connect/json_text.h"
#include "replicator/connect/worker.h"

enum { PROPERTIES_MAX = 4096 };

void
rest_error_untyped(struct rest_request *r, int status, const char *message)
{
    buf_clear(&r->out);
    r->status = status;
    r->type = NULL;
    buf_printf(&r->out, "{\"error_code\":%d,\"message\":", status);
    json_cstr(&r->out, message);
    buf_putc(&r->out, '}');
}

void
rest_error(struct rest_request *r, int status, const char *message)
{
    rest_error_untyped(r, status, message);
    r->type = "application/json";
}

void
rest_refuse(struct rest_request *r, const struct worker_error *e)
{
    rest_error(r, e->status, e->message);
}

void
rest_answer(struct rest_request *r, int status, json_t *document, const struct worker_error *e)
{
    if (!document) {
        rest_refuse(r, e);
        return;
    }
    r->status = status;
    r->type = "application/json";
    json_text_add(&r->out, document);
    json_decref(document);
}

void
rest_no_content(struct rest_request *r, int status)
{
    r->status = status;
}

/* ------------------------------------------------------------------------------------------------------------- bodies */

/* -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?: its length; 0: none. */
static size_t
number_length(const char *p, const char *end)
{
    const char *start = p;

#define DIGITS_FROM(p)                                                                             \
    for (digits = 0; (p) < end && *(p) >= '0' && *(p) <= '9'; (p)++)                               \
    digits++
    size_t digits;

    p += p < end && *p == '-';
    if (p < end && *p == '0')
        p++;
    else {
        DIGITS_FROM(p);
        if (!digits)
            return 0;
    }
    if (p < end && *p == '.') {
        p++;
        DIGITS_FROM(p);
        if (!digits)
            return 0;
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        p += p < end && (*p == '-' || *p == '+');
        DIGITS_FROM(p);
        if (!digits)
            return 0;
    }
#undef DIGITS_FROM
    return (size_t)(p - start);
}

/* Numbers as strings of just what was written: 1.50 stays 1.50, and none is too large. */
static void
quote_numbers(struct buf *out, const char *p, const char *end)
{
    bool quoted = false;

    while (p < end) {
        size_t n = quoted ? 0 : number_length(p, end);

        if (n) {
            buf_putc(out, '"');
            buf_add(out, p, n);
            buf_putc(out, '"');
            p += n;
            continue;
        }
        if (*p == '"')
            quoted = !quoted;
        else if (quoted && *p == '\\' && p + 1 < end)
            buf_putc(out, *p++);
        buf_putc(out, *p++);
    }
}

json_t *
rest_body(struct rest_request *r, bool texts)
{
    struct buf quoted;
    json_error_t je;
    json_t *v;

    if (r->body.n == 0)
        return json_null();
    buf_init(&quoted, 3 * (size_t)REST_BODY_MAX);
    if (texts)
        quote_numbers(&quoted, r->body.p, r->body.p + r->body.n);
    v = texts ? json_loadb(quoted.p, quoted.n, JSON_DECODE_ANY, &je)
              : json_loadb(r->body.p, r->body.n, JSON_DECODE_ANY, &je);
    if (quoted.p)
        explicit_bzero(quoted.p, quoted.n);
    buf_free(&quoted);
    if (!v) {
        char text[160];

        /* jansson quotes what it found, which may be a secret: only the place is said. */
        snprintf(text, sizeof(text), "The body is not well-formed JSON: line %d, column %d",
                 je.line, je.column);
        rest_error(r, 500, text);
    }
    return v;
}

bool
rest_make_config(struct rest_request *r, json_t *object)
{
    const char *key;
    json_t *v;

    if (!json_is_object(object)) {
        /* Kafka Connect's own words for none. */
        rest_error(
            r, 500,
            !object || json_is_null(object)
                ? "Cannot invoke \"java.util.Map.get(Object)\" because \"connectorConfig\" is null"
                : "A configuration is expected to be an object of strings");
        return false;
    }
    json_object_foreach(object, key, v)
    {
        if (json_is_object(v) || json_is_array(v)) {
            char text[300];

            snprintf(text, sizeof(text),
                     "Cannot deserialize value of type `java.lang.String` from %s value: property "
                     "\"%.200s\"",
                     json_is_array(v) ? "Array" : "Object", key);
            rest_error(r, 500, text);
            return false;
        }
        if (json_is_boolean(v))
            json_object_set_new_nocheck(object, key,
                                        json_string(json_is_true(v) ? "true" : "false"));
    }
    return true;
}

json_t *
rest_body_config(struct rest_request *r)
{
    json_t *v = rest_body(r, true);

    if (v && !rest_make_config(r, v)) {
        json_decref(v);
        return NULL;
    }
    return v;
}

bool
rest_flag(const struct rest_request *r, const char *name)
{
    size_t at = 0;
    char *value = uri_query(&r->uri, name, &at);
    bool on = value && strcasecmp(value, "true") == 0;

    free(value);
    return on;
}
