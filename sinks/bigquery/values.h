/* The writers that the tables of types.c name: PostgreSQL text in, one JSON value of BigQuery's row encoding out. */
#ifndef SINKS_BIGQUERY_VALUES_H
#define SINKS_BIGQUERY_VALUES_H

#include <stdbool.h>

#include "base/buf.h"

bool bq_write_bool(struct buf *out, struct slice text);      /* t, f */
bool bq_write_bool_text(struct buf *out, struct slice text); /* t, f → "true", "false" */
bool bq_write_bit(struct buf *out, struct slice text);       /* 1, 0 */
bool bq_write_int(struct buf *out, struct slice text);       /* a string above 2^53 */
bool bq_write_int_text(struct buf *out, struct slice text);  /* always a string: for NUMERIC */
bool bq_write_float(struct buf *out, struct slice text);     /* NaN and infinities as strings */
bool bq_write_numeric(struct buf *out,
                      struct slice text); /* 29 digits before the point, 9 behind */
bool bq_write_bignumeric(struct buf *out, struct slice text); /* ±5.7896e38, 38 digits behind */
bool bq_write_text(struct buf *out, struct slice text);
bool bq_write_bytea(struct buf *out, struct slice text); /* \x00ff → base64 */
bool bq_write_date(struct buf *out, struct slice text);  /* also the day of a timestamp */
bool bq_write_datetime(struct buf *out,
                       struct slice text); /* the wall clock; a zone must be UTC and is left out */
bool bq_write_timestamp(struct buf *out, struct slice text);
bool bq_write_utc_timestamp(struct buf *out,
                            struct slice text); /* a timestamp without zone, taken for UTC */
bool bq_write_time(struct buf *out, struct slice text);
bool bq_write_json(struct buf *out, struct slice text); /* refuses integers beyond 64 bits */
bool bq_write_json_raw(struct buf *out,
                       struct slice text); /* the document itself, to stand within another */
bool bq_write_hstore(struct buf *out, struct slice text);

/* Epoch milliseconds and microseconds. The fraction is left out when it is zero and has six digits otherwise. */
bool bq_write_ms_datetime(struct buf *out, struct slice text);
bool bq_write_ms_timestamp(struct buf *out, struct slice text);
bool bq_write_ms_date(struct buf *out, struct slice text);
bool bq_write_us_datetime(struct buf *out, struct slice text);
bool bq_write_us_timestamp(struct buf *out, struct slice text);

#endif
