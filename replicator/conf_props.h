/* Java's properties syntax, as java.util.Properties.load reads it. */
#ifndef REPLICATOR_CONF_PROPS_H
#define REPLICATOR_CONF_PROPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Called for each property, in order; false stops the reading with e set. */
typedef bool (*props_each)(void *arg, const char *key, const char *value, struct err *e);

bool props_parse(const char *text, size_t n, props_each each, void *arg, struct err *e);

#endif
