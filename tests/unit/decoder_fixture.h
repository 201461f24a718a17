/* Settings and plans for tests of the decoder that need no server. */
#ifndef TESTS_UNIT_DECODER_FIXTURE_H
#define TESTS_UNIT_DECODER_FIXTURE_H

#include "base/prop.h"
#include "decoder/change.h"
#include "decoder/filter.h"
#include "decoder/mapper.h"
#include "decoder/pgoutput.h"
#include "decoder/plan.h"

/* Property, value, …, NULL: a configuration that holds the filters' and the column mappers' properties. */
struct config *dfix_config(const char *const *pairs);

struct dfix {
    struct settings settings;
    struct config *config;
    struct filter *filter;
    struct mappers *mappers;
    enum plan_use use; /* PLAN_FOR_STREAM unless changed */
    struct types *types;
    struct plan *plan;
};

/* Debezium's defaults with prefix "p", database "d", without schemas, without headers. filters: as for dfix_config, or NULL. */
void dfix_open(struct dfix *f, const char *const *filters);
void dfix_close(struct dfix *f);
/* Plans a relation; changes of the settings count when made before. */
const struct plan *dfix_plan(struct dfix *f, const struct pgo_relation *rel,
                             const struct relation_facts *facts);

#endif
