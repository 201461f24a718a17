/*
 * The statements of an incremental snapshot: watermarks, a table's description, its greatest key, a chunk of its rows in
 * the order of the key. On a session of their own, asynchronously: start one, then poll until it is over.
 */
#ifndef REPLICATOR_PG_CHUNK_H
#define REPLICATOR_PG_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "decoder/change.h"
#include "decoder/pgoutput.h"
#include "decoder/plan.h"
#include "decoder/relation.h"
#include "replicator/pg/script.h"

struct chunks;

/* signal_table: "schema.table", or empty. params must outlive it. */
struct chunks *chunks_new(const struct pg_params *params, struct slice signal_table);
void chunks_free(struct chunks *c);
enum script_state chunks_poll(struct chunks *c, struct err *e);
int chunks_fd(const struct chunks *c);
bool chunks_wants_write(const struct chunks *c);
int64_t chunks_deadline_us(const struct chunks *c);

/* Forgets all answers. Then come questions, then chunks_run; further ones can follow, which leaves the answers in place. */
void chunks_clear(struct chunks *c);
/* A row of the signal table. */
void chunks_insert_mark(struct chunks *c, const char *id, const char *type, const char *data);
void chunks_delete_mark(struct chunks *c, const char *id);
void chunks_describe(struct chunks *c, const char *schema, const char *table);
/* The types that the registry lacks; false when there are none. */
bool chunks_ask_types(struct chunks *c, const struct types *registry,
                      const struct pgo_relation *rel);

/* Which rows of which columns. */
struct chunk_key {
    struct slice column;
    bool nullable;
};
struct chunk_select {
    const char *schema, *table;
    const struct slice *columns;
    size_t ncolumns;
    const struct chunk_key *key;
    size_t nkey;
    const char *condition; /* SQL behind WHERE; NULL none */
    const char *const
        *after; /* the key (text, NULL is null) behind which to read; NULL: from the beginning */
    const char *const *upto; /* … and up to which */
    int64_t limit;
};
/* The greatest key: the key's columns of one row, or none. */
void chunks_ask_last(struct chunks *c, const struct chunk_select *s);
/* Under one snapshot, with the table locked: which one it is, where the WAL stood, the table that was described once more,
 * the rows. */
void chunks_ask_rows(struct chunks *c, const struct chunk_select *s);
void chunks_run(struct chunks *c);

/* Answers, valid until chunks_clear. */
/* False: there is no such table. Generated columns are left out, as the stream leaves them out. */
bool chunks_relation(const struct chunks *c, struct arena *a, struct pgo_relation *rel,
                     struct relation_facts *facts);
/* What a row of the table takes on average, as the server estimates; 0: unknown. */
uint64_t chunks_row_bytes(const struct chunks *c);
void chunks_take_types(const struct chunks *c, struct types *registry);
/* Rows of the last question. */
size_t chunks_nrows(const struct chunks *c);
struct value chunks_value(const struct chunks *c, size_t row, size_t column);

/* Which transactions a snapshot sees. */
struct chunk_snapshot {
    uint64_t xmin, xmax;
    const uint64_t *xip; /* in progress */
    size_t nxip;
    uint64_t lsn; /* every transaction that it sees ends before */
};
bool chunks_snapshot(const struct chunks *c, struct arena *a, struct chunk_snapshot *out);

/* SQL of a question, for its test: parameters are $1 … in the order of `params`. */
struct buf;
void chunk_rows_sql(struct buf *sql, const struct chunk_select *s, const char **params,
                    int *nparams);
enum { CHUNK_KEY_MAX = 32, CHUNK_PARAMS_MAX = CHUNK_KEY_MAX * (CHUNK_KEY_MAX + 1) };
/* "1:5:2,3" */
bool chunk_snapshot_parse(struct slice text, struct arena *a, struct chunk_snapshot *out);
bool chunk_snapshot_sees(const struct chunk_snapshot *s, uint32_t xid);

#endif
