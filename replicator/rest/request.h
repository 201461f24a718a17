/*
 * One request, from its first line to its answer. The server fills it and sends what a handler leaves in it; handlers know
 * nothing of connections.
 */
#ifndef REPLICATOR_REST_REQUEST_H
#define REPLICATOR_REST_REQUEST_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "replicator/rest/uri.h"

struct rest_context;
struct rest_route;
struct worker_error;

enum {
    /* A connector's configuration has some kilobytes, with certificates inline some dozens; a validated one comes back
     * forty times as large. */
    REST_BODY_MAX = 4 << 20,
    REST_ANSWER_MAX = 64 << 20,
};

struct rest_request {
    const struct rest_context *context;
    const struct rest_route *route; /* NULL: none */
    const char *method;
    struct uri uri;
    const char *params[2]; /* the path's, in order */
    struct buf body;
    /* Headers that matter; NULL: absent. */
    const char *content_type, *accept, *authorization, *origin, *host;
    const char *preflight_method, *signature;
    bool is_admin; /* came in on a listener of its own for /admin */
    bool is_tls;

    /* The answer. */
    int status;
    const char *type; /* NULL: no content type */
    struct buf out;
    char *location;    /* to be freed */
    const char *allow; /* methods */
    bool close, authenticate, no_cache;
    char allow_text[80];
};

/* {"error_code":status,"message":…}; typed: with application/json, as an error of a handler has. */
void rest_error(struct rest_request *r, int status, const char *message);
void rest_error_untyped(struct rest_request *r, int status, const char *message);
void rest_refuse(struct rest_request *r, const struct worker_error *e);
/* The document, which is released; NULL: the error instead. */
void rest_answer(struct rest_request *r, int status, json_t *document,
                 const struct worker_error *e);
void rest_no_content(struct rest_request *r, int status);
/*
 * The body as JSON: numbers become strings when texts is set, as Connect's configurations take them. NULL: answered. An
 * empty body is json_null.
 */
json_t *rest_body(struct rest_request *r, bool texts);
/* The same, an object of strings and nulls: a configuration. what: for the message. */
json_t *rest_body_config(struct rest_request *r);
/* Checks and converts an object in place, scalars to strings; false: answered. */
bool rest_make_config(struct rest_request *r, json_t *object);
/* Is the query parameter there and "true"? */
bool rest_flag(const struct rest_request *r, const char *name);

#endif
