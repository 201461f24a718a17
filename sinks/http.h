/*
 * A small HTTP client that never blocks: requests go in, completions come out of http_poll, everything is behind one
 * descriptor that can be polled and one deadline. HTTP/1.1 keep-alive or HTTP/2, certificates verified, no redirects.
 * The only module that knows libcurl. One thread.
 */
#ifndef SINKS_HTTP_H
#define SINKS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct http;

struct http_options {
    int64_t connect_timeout_ms; /* 0: 10 s */
    int64_t timeout_ms;         /* of a whole request; 0: 60 s */
    size_t max_response_bytes;  /* longer answers are errors; 0: 16 MB */
    const char *ca_file;        /* NULL: the system's */
};

struct http_request {
    const char *method; /* "GET", "POST", "PATCH" */
    const char *url;
    const char *const *headers; /* "Name: value"; copied */
    size_t nheaders;
    struct slice body;  /* stays valid until the completion */
    int64_t timeout_ms; /* 0: as the client's */
};

struct http_response {
    int status;             /* 0: no answer; error says why */
    struct slice body;      /* valid during the call only, NUL behind it */
    const char *error;      /* NULL when status is set */
    int64_t retry_after_ms; /* of the Retry-After header; -1: none */
};

/* Called from http_poll; may send further requests. */
typedef void (*http_done)(void *arg, const struct http_response *r);

struct http *http_new(const struct http_options *o, struct err *e);
void http_free(struct http *h); /* drops what is under way, without completions */
/* False (e set): the request could not even be formed; done is not called then. */
bool http_send(struct http *h, const struct http_request *req, http_done done, void *arg,
               struct err *e);
void http_poll(struct http *h);
int http_fd(const struct http *h);              /* readable when http_poll has something to do */
int64_t http_deadline_us(const struct http *h); /* monotonic; INT64_MAX: none */
size_t http_active(const struct http *h);       /* requests under way */
/* Percent-encodes one path segment or form value onto the end of out (size bytes); false: no room. */
bool http_escape(char *out, size_t size, struct slice text);

#endif
