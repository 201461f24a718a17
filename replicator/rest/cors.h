/* access.control.allow.*: which pages' scripts may call REST, as Kafka Connect's server says it to browsers. */
#ifndef REPLICATOR_REST_CORS_H
#define REPLICATOR_REST_CORS_H

#include <microhttpd.h>

#include "replicator/rest/conf.h"
#include "replicator/rest/request.h"

void cors_headers(const struct rest_conf *c, const struct rest_request *r,
                  struct MHD_Response *response);

#endif
