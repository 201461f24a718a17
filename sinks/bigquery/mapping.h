/*
 * The mapping file: which source table feeds which BigQuery table, column by column.
 *
 *   { "project": "...", "dataset": "...", "unmapped": "default" | "ignore", "tables": [ {
 *       "source": "public.inventory", "table": "murillodigital_inventory", "mode": "history", "method": "insertall",
 *       "columns": { "quantity": {"from": "row.available", "type": "INT64", "mode": "REQUIRED", "on_null": 0}, ... },
 *       "ops": ["r","c","u","d"], "partition": {"type": "DAY", "field": "...", "expiration_ms": 0},
 *       "cluster": ["sku"], "on_missing_before": "null" | "dead_letter" } ] }
 *
 * All of it may stand in a member "bigquery". A column is fed by "from" (row.x, before.x, after.x, key.x, op, seq, ts_ms,
 * source.lsn …), "const", or "op_in" (true when the operation is listed). "row" is the row after the change, for deletes
 * the row before it. "columns": "*" is the default mapping. What the words mean to a plan is checked by program.c.
 */
#ifndef SINKS_BIGQUERY_MAPPING_H
#define SINKS_BIGQUERY_MAPPING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "sinks/bigquery/types.h"

enum { BQ_OP_R = 1, BQ_OP_C = 2, BQ_OP_U = 4, BQ_OP_D = 8, BQ_OP_T = 16 };

struct bq_map_column {
    const char *name;
    const char *from;      /* NULL: constant or op_in */
    struct slice constant; /* JSON; p NULL: none */
    unsigned op_in;        /* 0: none */
    bool typed;            /* type was given */
    enum bq_type type;
    enum bq_mode mode;
    bool moded;     /* mode was given */
    const char *as; /* NULL, or a name of bq_named, or "string" */
    bool trim, upper;
    struct slice on_null; /* JSON; p NULL: none */
    bool on_null_dead;
    bool missing_dead;       /* on_missing_before: dead_letter */
    const char *description; /* NULL: none */
};

struct bq_map_table {
    const char *source; /* "schema.table" */
    const char *table;
    bool automatic; /* columns: "*" */
    struct bq_map_column *columns;
    size_t ncolumns;
    unsigned ops; /* 0: not given */
    bool missing_dead;
    const char *partition;       /* "DAY" …; NULL: none */
    const char *partition_field; /* NULL: ingestion time */
    int64_t partition_expiration_ms;
    const char **cluster;
    size_t ncluster;
};

struct bq_mapping {
    const char *project, *dataset; /* NULL: not given */
    bool ignore_unmapped;
    struct bq_map_table *tables;
    size_t ntables;
    struct arena arena;
};

/* Collects faults, each with its place, so that all are told at once. */
struct bq_faults {
    struct buf text;
    unsigned n;
};
void bq_faults_init(struct bq_faults *f);
void bq_fault(struct bq_faults *f, const char *place, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* True when there was none; else e tells them all. Frees f. */
bool bq_faults_end(struct bq_faults *f, const char *code, struct err *e);

/* text: a path, or the JSON itself (begins with '{'). */
struct bq_mapping *bq_mapping_read(const char *text, struct err *e);
void bq_mapping_free(struct bq_mapping *m);
/* NULL: the mapping does not name the table. */
const struct bq_map_table *bq_mapping_find(const struct bq_mapping *m, struct slice schema,
                                           struct slice table);
/* Legal as a BigQuery column or table name. */
bool bq_name_is_legal(const char *name);

#endif
