/*
 * PostgreSQL text → BigQuery's JSON row encoding. Two const tables: what a column bound for Connect is made of and which
 * BigQuery type it gets by default (bq_rules), and how each such source is written as each BigQuery type it can become
 * (bq_conversions). A value BigQuery has no place for (infinity, BC, year 10000, 24:00, NaN in a NUMERIC, NULL in an
 * array …) is never bent into one that fits: the writer says no, and the sink's policy decides.
 */
#ifndef SINKS_BIGQUERY_TYPES_H
#define SINKS_BIGQUERY_TYPES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "decoder/type.h"

enum bq_type {
    BQ_STRING,
    BQ_BYTES,
    BQ_INT64,
    BQ_FLOAT64,
    BQ_NUMERIC,
    BQ_BIGNUMERIC,
    BQ_BOOL,
    BQ_DATE,
    BQ_DATETIME,
    BQ_TIME,
    BQ_TIMESTAMP,
    BQ_JSON,
};
enum { BQ_NTYPES = BQ_JSON + 1 };

enum bq_mode { BQ_NULLABLE, BQ_REQUIRED, BQ_REPEATED };

/* What a value's text looks like. */
enum bq_source {
    BQ_SRC_BOOL, /* t, f */
    BQ_SRC_BIT,  /* bit(1): 1, 0 */
    BQ_SRC_INT,
    BQ_SRC_FLOAT,
    BQ_SRC_DECIMAL,
    BQ_SRC_TEXT,
    BQ_SRC_BYTEA, /* \x... */
    BQ_SRC_DATE,
    BQ_SRC_DATETIME,
    BQ_SRC_TIMESTAMP, /* with zone */
    BQ_SRC_TIME,
    BQ_SRC_JSON,
    BQ_SRC_HSTORE,
};

/* Appends the JSON of a value. False: not representable; what was appended so far is the caller's to take back. */
typedef bool (*bq_writer)(struct buf *out, struct slice text);

/* One row: any member that is NULL (or -1) matches everything; the first match wins. */
struct bq_rule {
    int schema;           /* enum schema_type, or -1 */
    const char *semantic; /* Connect schema name; "" only unnamed */
    const char *pg;       /* pg_type.typname */
    enum bq_source source;
    enum bq_type type;
    bool by_typmod; /* numeric: precision and scale decide */
};
extern const struct bq_rule bq_rules[];
extern const size_t bq_nrules;

struct bq_conversion {
    enum bq_source source;
    enum bq_type type;
    bq_writer write;
};
extern const struct bq_conversion bq_conversions[];
extern const size_t bq_nconversions;

/* `as` of the mapping file: a converter with a name. */
struct bq_named_conversion {
    const char *name;
    enum bq_source source;
    enum bq_type type;
    bq_writer write;
};
extern const struct bq_named_conversion bq_named[];
extern const size_t bq_nnamed;

struct bq_typed {
    enum bq_source source;
    enum bq_type type;
    bool array; /* the source is a PostgreSQL array; source and type are its elements' */
};

const char *bq_type_name(enum bq_type t);
const char *bq_mode_name(enum bq_mode m);
/* Also the legacy names INTEGER, FLOAT, BOOLEAN, DECIMAL, BIGDECIMAL. */
bool bq_type_parse(const char *text, enum bq_type *out);
bool bq_mode_parse(const char *text, enum bq_mode *out);

/* The default type of a bound column. */
struct bq_typed bq_type_of(const struct binding *b);
/* NULL: that source cannot become that type. */
bq_writer bq_writer_for(enum bq_source source, enum bq_type type);
/* NUMERIC when it fits, else BIGNUMERIC, else STRING. typmod -1: BIGNUMERIC. */
enum bq_type bq_numeric_type(int typmod);

/* A one-dimensional array as a JSON array. False also for NULL elements and more dimensions: REPEATED has neither. */
bool bq_write_array(struct buf *out, struct slice text, bq_writer element);
/* Any array as the text of a JSON document in a JSON string: for columns of type JSON. */
bool bq_write_array_json(struct buf *out, struct slice text, bq_writer element);

#endif
