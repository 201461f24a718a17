/*
 * A plan compiled for BigQuery: which table, which columns, fed by what and written how. encode appends one record per
 * row, its value the row's JSON object (the "json" member of insertAll; NULLs are left out, which BigQuery reads as NULL).
 *
 *   change                              records
 *   r, c, u                             one row, from after
 *   d                                   one row, from before
 *   u that changes the key              index 0: the old row as d; index 1: the new row as c (as Debezium says it)
 *   t                                   one row without values, where the mapping lists t
 *   message                             none
 *
 * A row that must not be sent (a value without a place in BigQuery, a REQUIRED column without a value) is a record too:
 * extra_name holds its reason, extra the message, and its JSON holds the offending value as PostgreSQL's text.
 */
#ifndef SINKS_BIGQUERY_PROGRAM_H
#define SINKS_BIGQUERY_PROGRAM_H

#include "base/arena.h"
#include "decoder/mapper.h"
#include "decoder/plan.h"
#include "decoder/record.h"
#include "sinks/bigquery/conf.h"
#include "sinks/bigquery/mapping.h"
#include "sinks/bigquery/types.h"

enum { BQ_SEQ_MAX = 64, BQ_INSERT_ID_MAX = 128 };

struct bq_scratch {
    char bytes[96];
};

/* Gives a computed value as text; false: NULL. op and index: of the record. */
typedef bool (*bq_feed_fn)(const struct change *c, enum change_op op, unsigned index,
                           struct bq_scratch *s, struct slice *out);

enum bq_feed {
    BQ_FEED_ROW, /* after, for deletes before */
    BQ_FEED_BEFORE,
    BQ_FEED_AFTER,
    BQ_FEED_COMPUTED,
    BQ_FEED_CONST,
    BQ_FEED_OP_IN,
    BQ_FEED_UNAVAILABLE, /* names of the columns whose value was not at hand */
};

struct bq_column {
    const char *name;
    struct slice member; /* "name": as JSON */
    enum bq_type type;
    enum bq_mode mode;
    const char *description; /* NULL: none */
    enum bq_feed feed;
    uint16_t col;              /* index into the relation's columns */
    struct slice source;       /* the source column's name */
    const struct mapping *map; /* a mask, hash or cut of its values; NULL: none */
    bq_feed_fn compute;
    bq_writer write; /* of a value, or of an array's element */
    bool array, array_json;
    bool trim, upper, keeps_array_text;
    struct slice constant, on_null; /* JSON; p NULL: none */
    bool on_null_dead, missing_dead;
    unsigned op_in;
};

struct bq_program {
    const char *table; /* BigQuery table; NULL: this plan gives no rows */
    unsigned ops;      /* BQ_OP_ bits that give rows */
    struct bq_column *columns;
    size_t ncolumns;
    enum bq_unrepresentable unrepresentable;
    const char *partition, *partition_field;
    int64_t partition_expiration_ms;
    const char **cluster;
    size_t ncluster;
    uint16_t nkey; /* relation columns of the key: a change of one splits an update */
    const uint16_t *key;
    const char **notes; /* warnings about it, to be logged once */
    size_t nnotes;
    struct bq_table *attached; /* the sink's; only put touches it */
    struct arena arena;
};

struct bq_program *bq_program_new(const struct bq_conf *conf, const struct plan *plan,
                                  struct err *e);
void bq_program_free(struct bq_program *p);
bool bq_program_encode(const struct bq_program *p, const struct change *c, struct recbuf *out,
                       struct err *e);

/* "%016X/%016X/%08X" of commit LSN, record LSN (0 in snapshots), ordinal; "/<index>" behind it for index > 0. */
unsigned bq_seq(char out[BQ_SEQ_MAX], const struct identity *id, unsigned index);
/* The same for the same record for ever, different for every other of this connector. */
unsigned bq_insert_id(char out[BQ_INSERT_ID_MAX], uint32_t tag, const struct identity *id,
                      unsigned index, enum change_op op);

#endif
