/* The checks of a property's value, in the words of Debezium and Kafka Connect: clients show them, and some parse them. */
#ifndef REPLICATOR_REST_RULES_H
#define REPLICATOR_REST_RULES_H

#include "base/buf.h"
#include "base/prop.h"
#include "replicator/rest/definition.h"

struct rule_value {
    const struct config *config; /* all that is given, aliases unresolved */
    const struct definition *definition;
    const char *name;  /* in messages: of a transformation's property the short one */
    const char *value; /* NULL: not given */
};

/* False: what is wrong stands in out. */
bool rule_check(enum rule rule, const struct rule_value *v, struct buf *out);

#endif
