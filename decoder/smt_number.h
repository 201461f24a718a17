/* Numbers as Java reads and prints them, for transforms that change values. */
#ifndef DECODER_SMT_NUMBER_H
#define DECODER_SMT_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Appends a float or double as Java's toString; NaN and infinities as quoted JSON strings. */
void smt_put_float(struct buf *out, double v, bool single);
/* Digits with an optional sign, fraction and exponent, and nothing else. */
bool smt_parse_plain_number(struct slice text, double *out);
/* Float.parseFloat and Double.parseDouble. */
bool smt_parse_float(struct slice text, bool single, double *out);
/* Integer.parseInt and its like, within min and max. */
bool smt_parse_whole(struct slice text, int64_t min, int64_t max, int64_t *out);
/* The low 64 bits of a decimal's whole part, as BigDecimal.longValue. */
int64_t smt_decimal_low_bits(struct slice text);

#endif
