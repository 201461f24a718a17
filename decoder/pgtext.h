/*
 * Writers from PostgreSQL's text to JSON payloads, and what they are told about their column.
 * Inside decoder/type*.c, mapper.c and decoder/pgtext*.c only; everybody else goes through struct binding.
 *
 * The text is what a session with DateStyle ISO, TimeZone UTC, IntervalStyle postgres,
 * bytea_output hex, extra_float_digits 3 and lc_monetary C prints. A writer that meets another
 * text returns false; what it appended by then is the caller's to take back.
 */
#ifndef DECODER_PGTEXT_H
#define DECODER_PGTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "decoder/settings.h"
#include "decoder/type.h"

enum { SCALE_NONE = -1 };

struct bind_ctx {
    const char *type;       /* PostgreSQL's name, for messages */
    struct slice null_json; /* what a value that Debezium silently makes null is written as */
    int scale; /* numeric: of the column, SCALE_NONE: as the value has it; money: fraction digits */
    int digits; /* timestamptz: digits of the fraction */
    enum binary_mode binary;
    bool plain_decimal; /* decimal.format=NUMERIC */
    bool in_array; /* Debezium reads elements through java.sql: its calendar, its milliseconds */
    /* Arrays: */
    value_writer item;
    const struct bind_ctx *item_ctx;
    bool item_required; /* a NULL element cannot be said: then the whole array cannot */
    bool item_lenient;  /* an element that cannot be said becomes null */
    char delim;
};

/* Sets the error "value.convert" for a text that is no value of the type; always false. */
bool pgtext_bad(const struct bind_ctx *ctx, struct err *e);

#define PGTEXT_WRITER(name)                                                                        \
    bool name(struct buf *out, struct slice text, const struct bind_ctx *ctx, struct err *e)

/* pgtext_num.c */
PGTEXT_WRITER(text_bool);
PGTEXT_WRITER(text_int);
PGTEXT_WRITER(text_float4);
PGTEXT_WRITER(text_float8);
PGTEXT_WRITER(text_bit);  /* one bit: boolean */
PGTEXT_WRITER(text_bits); /* Bits: little-endian bytes */

/* pgtext_decimal.c */
PGTEXT_WRITER(text_decimal);          /* Decimal of ctx->scale */
PGTEXT_WRITER(text_decimal_variable); /* VariableScaleDecimal */
PGTEXT_WRITER(text_decimal_string);
PGTEXT_WRITER(text_decimal_scientific); /* as BigDecimal.toString: small numbers with an exponent */
PGTEXT_WRITER(text_decimal_double);
PGTEXT_WRITER(text_money);
PGTEXT_WRITER(text_money_string);
PGTEXT_WRITER(text_money_double);

/* pgtext_date.c: date, time, timetz, interval */
PGTEXT_WRITER(text_date_days);
PGTEXT_WRITER(text_date_iso);
PGTEXT_WRITER(text_time_ms);
PGTEXT_WRITER(text_time_us);
PGTEXT_WRITER(text_time_ns);
PGTEXT_WRITER(text_time_iso);
PGTEXT_WRITER(text_timetz);
PGTEXT_WRITER(text_interval_us);
PGTEXT_WRITER(text_interval_iso);
PGTEXT_WRITER(text_interval_double); /* the same, its seconds a double's digits, cut to nine */

/* pgtext_timestamp.c */
PGTEXT_WRITER(text_timestamp_ms);
PGTEXT_WRITER(text_timestamp_us);
PGTEXT_WRITER(text_timestamp_ns);
PGTEXT_WRITER(text_timestamp_iso);
PGTEXT_WRITER(text_timestamptz);
PGTEXT_WRITER(text_timestamptz_short); /* no zeros at the end of the fraction; ctx->digits is 6 */

/* pgtext_string.c */
PGTEXT_WRITER(text_string);
PGTEXT_WRITER(text_bytea);
PGTEXT_WRITER(text_unknown);   /* the UTF-8 of the text, as binary.handling.mode says */
PGTEXT_WRITER(text_geometric); /* the same of a geometric type, its numbers as Java prints them */
PGTEXT_WRITER(text_null);      /* Debezium has a schema but never a value */

/* pgtext_hstore.c */
PGTEXT_WRITER(text_hstore_json);
PGTEXT_WRITER(text_hstore_map);

/* pgtext_space.c: point, PostGIS, pgvector */
PGTEXT_WRITER(text_point);
PGTEXT_WRITER(text_postgis);
PGTEXT_WRITER(text_vector);
PGTEXT_WRITER(text_halfvec);
PGTEXT_WRITER(text_sparsevec);

/* pgtext_array.c */
PGTEXT_WRITER(text_array);
PGTEXT_WRITER(text_empty_array); /* int2vector, oidvector: [] whatever they hold, null when empty */

/* Shared pieces. */
/* num_add_i64 for the long numbers of times and timestamps: eight digits at once instead of two. */
void pgtext_put_i64(struct buf *out, int64_t v);
void pgtext_binary(struct buf *out, struct slice bytes, enum binary_mode mode); /* quoted */
/* A float's text with more digits than needed ("0.1000", "16777217"): as Java parses and prints
 * it. */
bool pgtext_java_float(struct buf *out, struct slice text, bool single);
/* The position of a key in a Java HashMap: entries are sorted by it, ties stay in order. */
uint32_t pgtext_java_hash(struct slice utf8);
/* The number of buckets of a map that was made for so many entries; it doubles when more than three quarters are taken. */
enum { JAVA_TABLE_DEFAULT = 16 };
uint32_t pgtext_java_table(size_t made_for, size_t entries);
static inline uint32_t
pgtext_java_bucket(uint32_t hash, uint32_t table)
{
    return (hash ^ hash >> 16) & (table - 1);
}

/* A decimal number's text, taken apart; digits without a point lie in whole and fraction. */
struct pgdec {
    bool negative;
    struct slice whole, fraction;
};
bool pgdec_parse(struct slice text, struct pgdec *d);
/* A Decimal payload (base64 or number) of that scale; false when the value has more digits behind
 * the point. */
bool pgdec_write(struct buf *out, const struct pgdec *d, int scale, bool plain_decimal);

#endif
