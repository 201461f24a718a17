#include "replicator/rest/uri.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

/* In place, from from[0..n) to to; plus: '+' is a blank (a query). False: a '%' without two digits, or a NUL. */
static bool
unescape(const char *from, size_t n, bool plus, char *to)
{
    while (n > 0) {
        if (*from == '%') {
            int hi = n > 2 ? num_hex_digit(from[1]) : -1, lo = n > 2 ? num_hex_digit(from[2]) : -1;

            if (hi < 0 || lo < 0 || (hi | lo) == 0)
                return false;
            *to++ = (char)(hi << 4 | lo);
            from += 3;
            n -= 3;
        } else {
            *to++ = plus && *from == '+' ? ' ' : *from;
            from++;
            n--;
        }
    }
    *to = '\0';
    return true;
}

/* Well-formed UTF-8, without overlong forms and surrogates. */
static bool
is_utf8(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    while (*p) {
        unsigned more = *p < 0x80   ? 0
                        : *p < 0xc2 ? 9
                        : *p < 0xe0 ? 1
                        : *p < 0xf0 ? 2
                        : *p < 0xf5 ? 3
                                    : 9;
        if (more == 9 || (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
            (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
            return false;
        for (p++; more > 0; more--, p++)
            if ((*p & 0xc0) != 0x80)
                return false;
    }
    return true;
}

/* An escape that a path may not hold: what it would mean is not what it says. */
static const char *
refuse_escape(const char *seg, size_t n)
{
    static const struct {
        const char *escape, *why;
    } rules[] = {
        {"%2f", "Ambiguous URI path separator"},
        {"%25", "Ambiguous URI path encoding"},
        {"%5c", "Suspicious Path Character"},
    };

    for (size_t i = 0; i + 2 < n; i++) {
        if (seg[i] != '%')
            continue;
        for (size_t r = 0; r < sizeof(rules) / sizeof(rules[0]); r++)
            if (seg[i + 1] == rules[r].escape[1] && (seg[i + 2] | 0x20) == rules[r].escape[2])
                return rules[r].why;
    }
    return NULL;
}

/* "%2e%2e", ".%2e": a way up that is hidden. Written out it is a name like any other. */
static bool
is_hidden_dot(const char *seg, size_t n)
{
    size_t dots = 0;
    bool hidden = false;

    for (size_t i = 0; i < n; dots++) {
        if (seg[i] == '.') {
            i++;
        } else if (n - i > 2 && seg[i] == '%' && seg[i + 1] == '2' && (seg[i + 2] | 0x20) == 'e') {
            hidden = true;
            i += 3;
        } else {
            return false;
        }
    }
    return hidden && dots < 3;
}

static bool
add_segment(struct uri *u, const char *seg, size_t n, char **to, const char **why)
{
    const char *params = memchr(seg, ';', n);

    if (params)
        n = (size_t)(params - seg);
    *why = refuse_escape(seg, n);
    if (*why)
        return false;
    if (is_hidden_dot(seg, n)) {
        *why = "Ambiguous URI path segment";
        return false;
    }
    if (!unescape(seg, n, false, *to)) {
        *why = "Bad Request";
        return false;
    }
    if (!is_utf8(*to)) {
        *why = "Bad UTF-8 encoding";
        return false;
    }
    for (const char *p = *to; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == '\\') {
            *why = "Suspicious Path Character";
            return false;
        }
    }
    if (u->n == URI_SEGMENTS_MAX) {
        u->too_deep = true;
        return true;
    }
    u->segments[u->n++] = *to;
    *to += strlen(*to) + 1;
    return true;
}

bool
uri_parse(const char *raw, struct uri *out, const char **why)
{
    size_t path = strcspn(raw, "?#");
    const char *p = raw, *end = raw + path;
    char *to;

    *out = (struct uri){0};
    *why = "Bad Request";
    out->query = mem_strdup(raw[path] == '?' ? raw + path + 1 : "");
    /* Unescaping only shortens, and each segment's slash makes room for its NUL. */
    out->text = to = mem_array(path + 1, 1);
    if (*p != '/')
        return false;
    while (p < end) {
        const char *seg = ++p;
        const char *slash = memchr(seg, '/', (size_t)(end - seg));

        p = slash ? slash : end;
        if (p > seg) {
            if (!add_segment(out, seg, (size_t)(p - seg), &to, why))
                return false;
        } else if (slash) {
            *why = "Ambiguous URI empty segment";
            return false;
        }
    }
    return true;
}

void
uri_free(struct uri *u)
{
    free(u->text);
    free(u->query);
    *u = (struct uri){0};
}

char *
uri_query(const struct uri *u, const char *name, size_t *at)
{
    while (u->query[*at]) {
        const char *pair = u->query + *at;
        size_t n = strcspn(pair, "&"), eq = strcspn(pair, "=&");
        char *key = mem_array(n + 1, 1);

        *at += n + (pair[n] == '&');
        if (unescape(pair, eq, true, key) && strcmp(key, name) == 0) {
            const char *value = eq < n ? pair + eq + 1 : "";
            size_t value_n = eq < n ? n - eq - 1 : 0;

            if (!unescape(value, value_n, true, key)) {
                memcpy(key, value, value_n);
                key[value_n] = '\0';
            }
            return key;
        }
        free(key);
    }
    return NULL;
}
