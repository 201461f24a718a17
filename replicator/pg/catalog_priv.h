/* Inside the catalog: its session (catalog.c), questions and answers (catalog_query.c). */
#ifndef REPLICATOR_PG_CATALOG_PRIV_H
#define REPLICATOR_PG_CATALOG_PRIV_H

#include "replicator/pg/catalog.h"

enum { CATALOG_SQL_MAX = 1 << 20 };

/* The columns of the answer about a table, and of that about types. */
enum {
    COL_KIND,
    COL_N,
    COL_NAME,
    COL_NOT_NULL,
    COL_GENERATED,
    COL_DEFAULT,
    COL_TYPE,
    COL_TYPMOD,
    COL_IDENTITY,
    COL_PLACE,
    COL_COLS
};

enum {
    TYPES_OID,
    TYPES_SCHEMA,
    TYPES_NAME,
    TYPES_KIND,
    TYPES_ELEM,
    TYPES_BASE,
    TYPES_TYPMOD,
    TYPES_LABEL,
    TYPES_COLS
};

/* Once a session, before catalog_facts_sql. */
void catalog_prepare_sql(struct buf *sql);
void catalog_facts_sql(struct buf *sql, struct slice schema, struct slice table);

#endif
