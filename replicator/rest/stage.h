/*
 * The properties of a configuration's transformations and predicates: "transforms.ALIAS.NAME" for each alias, as rows with
 * definitions. In Connect's order: type, version, then the plugin's by group, order, need, importance and name.
 */
#ifndef REPLICATOR_REST_STAGE_H
#define REPLICATOR_REST_STAGE_H

#include "base/arena.h"
#include "base/prop.h"
#include "replicator/rest/definition.h"

struct stage_row {
    const struct definition *definition;
    struct definition_full full; /* with the full name, group and order */
    const char *given;           /* NULL: not given */
    const char *error;           /* NULL: none that needs no rule */
    enum rule type_rule;
};

struct stage_rows {
    struct arena arena; /* holds what rows point to */
    struct stage_row *v;
    size_t n, cap;
};

/* config outlives the rows. */
void stage_rows(struct stage_rows *out, const struct config *c, bool transforms, bool predicates);
void stage_rows_free(struct stage_rows *s);

#endif
