/* Publications as Debezium makes and checks them (publication.autocreate.mode). */
#ifndef REPLICATOR_PG_PUBLICATION_H
#define REPLICATOR_PG_PUBLICATION_H

#include "replicator/pg/conn.h"

/* In the order of the property's choices. */
enum pub_mode { PUB_DISABLED, PUB_ALL_TABLES, PUB_FILTERED, PUB_NO_TABLES };

struct pub_table {
    char *schema, *table;
};

struct pub_request {
    const char *name;
    enum pub_mode mode;
    const struct pub_table *tables; /* the captured tables, sorted; PUB_FILTERED */
    size_t ntables;
    bool via_root;       /* publish.via.partition.root */
    const char *publish; /* "insert,update,delete" or NULL: the server's default */
    int timeout_ms;      /* a statement waits for locks on the tables; 0: for ever */
};

/* Makes it when missing, adjusts a filtered one, or says what is wrong and the SQL that mends it. dry_run changes nothing. */
bool pg_publication_ensure(PGconn *c, const struct pub_request *r, bool dry_run, struct err *e);

#endif
