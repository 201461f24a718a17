/*
 * The routes: one table, walked to find a request's handler, its 405 and OPTIONS, and printed as docs/rest.md. What is
 * checked before a handler runs, and in which words, is as Kafka Connect's server has it.
 */
#ifndef REPLICATOR_REST_ROUTE_H
#define REPLICATOR_REST_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "replicator/rest/request.h"

struct config;
struct worker;

enum {
    ROUTE_WAITS = 1 << 0,   /* may wait for Kafka or a database: not on the server's thread */
    ROUTE_WRITES = 1 << 1,  /* refused in read-only mode */
    ROUTE_BODY = 1 << 2,    /* reads a JSON body */
    ROUTE_ADMIN = 1 << 3,   /* on the administration's listener, if there is one */
    ROUTE_OPEN = 1 << 4,    /* without a password */
    ROUTE_TEXT = 1 << 5,    /* answers text/plain */
    ROUTE_INSTANT = 1 << 6, /* asks nothing of the worker that could wait */
};

struct rest_route {
    const char *method;
    const char *path; /* "/connectors/{connector}/config" */
    unsigned flags;
    void (*run)(struct rest_request *r);
    const char *doc; /* for docs/rest.md */
};

extern const struct rest_route rest_routes[];
extern const size_t rest_nroutes;

/* Who may come, and as whom. */
struct rest_users;

/* What handlers work with. */
struct rest_context {
    struct worker *worker;
    const struct config *config;    /* the worker's */
    const struct rest_users *users; /* NULL: anyone */
    bool read_only;
    bool admin_apart;     /* /admin is not on the ordinary listeners */
    bool admin_off;       /* nor anywhere else */
    const char *base_url; /* "http://host:8083", for Location */
};

/*
 * Finds the route, once the first line and the headers are there. False: the answer is in r already, as it is for a path that
 * is none.
 */
bool route_begin(struct rest_request *r, const char *raw_uri);
/* A request that Kafka Connect never sees: what the server below it answers, a page. malformed: no URI to speak of. */
void route_refuse(struct rest_request *r, int status, const char *why, bool malformed);
/* Runs the handler, or answers what it need not be asked for. */
void route_run(struct rest_request *r);

/* `walbridge help rest`: docs/rest.md. */
void route_write_page(struct buf *out);

#endif
