/*
 * What pgoutput does not carry, from the catalog "now": NOT NULL, defaults, key order, and the types that are not built
 * in. Runs on a session of its own, asynchronously: ask, then poll until ready; the connector parks the Relation message
 * meanwhile. A lost session is opened again; the question is asked anew.
 */
#ifndef REPLICATOR_PG_CATALOG_H
#define REPLICATOR_PG_CATALOG_H

#include <stdbool.h>
#include <stddef.h>

#include "decoder/relation.h"
#include "decoder/type.h"
#include "replicator/facts.h"
#include "replicator/pg/conn.h"

struct catalog;
struct pgo_relation;

/* Takes over an open general session. params and types must outlive the catalog. */
struct catalog *catalog_new(const struct pg_params *params, PGconn *conn, struct types *types);
void catalog_free(struct catalog *c);

/* Asks about the relation, and about those of its types that the registry lacks. One question at a time. */
bool catalog_ask(struct catalog *c, const struct pgo_relation *rel, struct err *e);
/*
 * FACTS_READY: the types are in `types`, *facts points to what is valid until the next catalog_ask.
 * FACTS_FAILED: e says why; not for a lost session, which is opened again with back-off.
 */
enum facts_state catalog_poll(struct catalog *c, struct types *types,
                              const struct relation_facts **facts, struct err *e);
/* The same as the pipeline sees it. */
struct facts_source catalog_facts_source(struct catalog *c);
int catalog_fd(const struct catalog *c); /* -1: nothing to wait for */
bool catalog_wants_write(const struct catalog *c);
int64_t catalog_deadline_us(const struct catalog *c); /* INT64_MAX: none */

/*
 * Fills the registry with every type that is not built in, blocking. Types are as they stood when the session began, and
 * stay so until the next one, as Debezium's are: an enum's labels in a schema do not change in mid-stream.
 */
bool catalog_load_types(PGconn *c, struct types *types, struct err *e);

/* The tables of the database, blocking, for planning: ordinary and partitioned ones outside the system schemas. */
struct catalog_table {
    uint32_t oid;
    char *schema, *name;
    char kind;     /* r p */
    char identity; /* d n f i */
    bool has_pk;   /* a primary key stands behind identity d */
    double rows;   /* estimate; -1 unknown */
};
bool catalog_tables(PGconn *c, struct catalog_table **out, size_t *n, struct err *e);
void catalog_table_clear(struct catalog_table *t);
void catalog_tables_free(struct catalog_table *t, size_t n);
/* The pieces of catalog_describe and catalog_tables, for who asks on a session that must not block. Names end with a NUL. */
extern const char catalog_tables_sql[];
void catalog_tables_read(const PGresult *r, struct catalog_table **out, size_t *n);
void catalog_describe_sql(struct buf *sql); /* parameters: schema, table */
/* The part of an answer that is about one table. */
struct catalog_rows {
    const PGresult *r;
    int first, end;
};
struct catalog_rows catalog_rows_all(const PGresult *r);
void catalog_read_relation(const struct catalog_rows *rows, const struct catalog_table *t,
                           struct arena *a, struct pgo_relation *rel);
void catalog_read_facts(const struct catalog_rows *rows, struct arena *a,
                        struct relation_facts *out);
/* Appends the question about the types that the registry lacks; false when there are none. */
bool catalog_types_sql(struct buf *sql, const struct types *registry, const struct pgo_column *cols,
                       uint16_t n);
/* renew: also those that are known. */
void catalog_read_types(const PGresult *r, struct types *types, bool renew);
/*
 * Tables as Relation messages would describe them, and their facts, blocking; for the snapshot. What is known of some is asked
 * at once (PQclear; NULL: e), then each is read, one place behind the other: catalog_rows_of goes from a table's rows to
 * the next one's. The views live in `a`. Types that the registry lacks are added to it.
 */
PGresult *catalog_describe_some(PGconn *c, const struct catalog_table *const *tables, size_t n,
                                struct err *e);
void catalog_rows_of(struct catalog_rows *rows, size_t place);
bool catalog_describe(PGconn *c, const struct catalog_rows *rows, const struct catalog_table *t,
                      struct types *types, struct arena *a, struct pgo_relation *rel,
                      struct relation_facts *facts, struct err *e);

#endif
