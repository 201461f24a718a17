/* Tables as they are now, by oid: enough to tell whether rows that were read are still theirs. */
#ifndef REPLICATOR_PG_TABLE_NOW_H
#define REPLICATOR_PG_TABLE_NOW_H

#include <stddef.h>
#include <stdint.h>

#include "replicator/pg/conn.h"

struct table_now {
    uint32_t oid;
    char *schema, *table;
    uint32_t
        filenode; /* another one: it was rewritten or truncated; 0: it has no storage of its own */
    char *key;    /* the primary key's first column; "" none */
};

/* Those that are there, in order of oid. */
bool table_now_read(PGconn *c, const uint32_t *oids, size_t n, struct table_now **out, size_t *nout,
                    struct err *e);
const struct table_now *table_now_find(const struct table_now *t, size_t n, uint32_t oid);
void table_now_free(struct table_now *t, size_t n);

#endif
