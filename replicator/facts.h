/*
 * Where the pipeline gets what pgoutput does not carry: the catalog of a running server, or what was recorded of it. Ask,
 * then poll until it is ready; the Relation message is parked meanwhile.
 */
#ifndef REPLICATOR_FACTS_H
#define REPLICATOR_FACTS_H

#include "base/err.h"
#include "decoder/pgoutput.h"
#include "decoder/relation.h"
#include "decoder/type.h"

enum facts_state { FACTS_IDLE, FACTS_BUSY, FACTS_READY, FACTS_FAILED };

struct facts_source {
    /* About the relation and those of its types that are not built in. One question at a time. */
    bool (*ask)(void *arg, const struct pgo_relation *rel, struct err *e);
    /* FACTS_READY: the types are in `types`, *facts is valid until the next ask. FACTS_FAILED: e. */
    enum facts_state (*poll)(void *arg, struct types *types, const struct relation_facts **facts,
                             struct err *e);
    void *arg;
};

#endif
