/*
 * Variables in a configuration's values, as Kafka's configuration providers fill them in:
 *
 *   ${env:NAME}        the environment variable
 *   ${file:PATH:KEY}   the property KEY of the properties file PATH
 *   ${dir:PATH:FILE}   what stands in PATH/FILE, whole; also ${directory:…}
 *
 * What has no such form is text. They are filled in when a connector is made, never in what is stored, shown or logged.
 */
#ifndef REPLICATOR_CONF_PROVIDER_H
#define REPLICATOR_CONF_PROVIDER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* out: the value filled in. key names the property in messages, which hold no value. */
bool conf_expand(struct buf *out, const char *key, const char *value, struct err *e);

#endif
