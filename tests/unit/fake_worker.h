/* A worker in memory, for tests of what asks it: everything happens at once, nothing is run. */
#ifndef TESTS_UNIT_FAKE_WORKER_H
#define TESTS_UNIT_FAKE_WORKER_H

#include "replicator/connect/worker.h"

struct worker *fake_worker_new(bool (*check)(void *arg, const char *name, json_t *config,
                                             struct worker_error *e));
void fake_worker_free(struct worker *w);
void fake_worker_state(struct worker *w, enum worker_state state, const char *message);
/* Every change waits so long: as if Kafka did not answer. */
void fake_worker_delay(struct worker *w, unsigned ms);

#endif
