/*
 * Looking at a connector's configuration as Kafka Connect's validate does: every property with its definition, its value and
 * what is wrong with it, in Connect's and Debezium's words. What walbridge itself refuses stands there too, at its property.
 */
#ifndef REPLICATOR_REST_VALIDATE_H
#define REPLICATOR_REST_VALIDATE_H

#include <jansson.h>

#include "base/buf.h"
#include "base/prop.h"

struct validation {
    const char *class_name; /* as asked */
    json_t *given;          /* the configuration: strings, null */
    struct config *config;  /* the same, variables filled in */
    json_t *errors;         /* name → array of messages */
    unsigned nerrors;
    bool unreachable; /* an error may pass by itself: the database did not answer */
};

/* config: of strings and nulls. Connects to the database when nothing is wrong so far: may block. */
void validate(struct validation *v, const char *class_name, json_t *config);
void validate_free(struct validation *v);
/* {"name","error_count","groups","configs"} */
void validate_write(const struct validation *v, struct buf *out);
/* "Connector configuration is invalid and contains the following N error(s):…" */
void validate_summary(const struct validation *v, struct buf *out);

/* The definitions of a plugin: GET /connector-plugins/NAME/config. */
struct plugin;
void validate_write_plugin(const struct plugin *p, struct buf *out);

#endif
