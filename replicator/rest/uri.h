/*
 * A request's target as it came: the path split at its slashes before anything is unescaped (so that an encoded slash never
 * makes a segment), and the query. What is refused, and how, is as the server in Kafka Connect does.
 */
#ifndef REPLICATOR_REST_URI_H
#define REPLICATOR_REST_URI_H

#include <stdbool.h>
#include <stddef.h>

/* More segments than any route has: the path is then unknown, whatever it says. */
enum { URI_SEGMENTS_MAX = 8 };

struct uri {
    char *segments[URI_SEGMENTS_MAX]; /* unescaped, UTF-8, without ";parameters" */
    size_t n;
    bool too_deep;
    char *query; /* raw, "" without one */
    char *text;  /* what segments point into */
};

/*
 * Takes "/a/b?c=d". False: it is refused with 400, *why says what for ("Bad Request": the request itself is malformed).
 * uri_free in either case.
 */
bool uri_parse(const char *raw, struct uri *out, const char **why);
void uri_free(struct uri *u);
/*
 * The values of a query parameter, one at a time, unescaped; NULL: no more. *at starts as 0; the caller frees. A value that
 * cannot be unescaped is taken as it stands.
 */
char *uri_query(const struct uri *u, const char *name, size_t *at);

#endif
