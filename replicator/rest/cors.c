#include "replicator/rest/cors.h"

#include <string.h>
#include <strings.h>

/* A pattern with at most one '*'. */
static bool
origin_matches(const char *pattern, size_t n, const char *origin)
{
    const char *star = memchr(pattern, '*', n);
    size_t len = strlen(origin), head = star ? (size_t)(star - pattern) : n;
    size_t tail = star ? n - head - 1 : 0;

    if (!star)
        return len == n && strncasecmp(pattern, origin, n) == 0;
    return len >= head + tail && strncasecmp(pattern, origin, head) == 0 &&
           strncasecmp(star + 1, origin + len - tail, tail) == 0;
}

/* Is one of a comma list the text? */
static bool
in_list(const char *list, const char *text, bool (*match)(const char *, size_t, const char *))
{
    while (*list) {
        size_t n;

        list += strspn(list, ", ");
        n = strcspn(list, ", ");
        if (n && match(list, n, text))
            return true;
        list += n;
    }
    return false;
}

static bool
same_word(const char *word, size_t n, const char *text)
{
    return strlen(text) == n && strncmp(word, text, n) == 0;
}

void
cors_headers(const struct rest_conf *c, const struct rest_request *r, struct MHD_Response *response)
{
    if (!c->origins)
        return;
    if (strcmp(c->origins, "*") != 0)
        MHD_add_response_header(response, "Vary", "Origin");
    if (!r->origin || !in_list(c->origins, r->origin, origin_matches))
        return;
    if (strcmp(r->method, "OPTIONS") == 0 && r->preflight_method) {
        if (!in_list(c->methods, r->preflight_method, same_word))
            return;
        MHD_add_response_header(response, "Access-Control-Max-Age", "1800");
        MHD_add_response_header(response, "Access-Control-Allow-Methods", c->methods);
        MHD_add_response_header(response, "Access-Control-Allow-Headers",
                                "X-Requested-With,Content-Type,Accept,Origin");
    }
    MHD_add_response_header(response, "Access-Control-Allow-Origin", r->origin);
    MHD_add_response_header(response, "Access-Control-Allow-Credentials", "true");
}
