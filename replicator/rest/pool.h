/* A few threads for what may wait. They are made when they are needed, and stay. */
#ifndef REPLICATOR_REST_POOL_H
#define REPLICATOR_REST_POOL_H

#include <stdbool.h>

struct pool;

struct pool *pool_new(unsigned threads_max, unsigned queue_max);
/* False: as many wait already as may, and run is not called. */
bool pool_add(struct pool *p, void (*run)(void *arg), void *arg);
/* What waits is run; nothing is taken any more. */
void pool_end(struct pool *p);
void pool_free(struct pool *p); /* ended */

#endif
