/* Numbers to text, without printf. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum { NUM_U64_MAX = 20 };

/* Writes v in decimal at p (room for NUM_U64_MAX), returns the length. */
unsigned num_u64(char *p, uint64_t v);
/* Two digits of v < 100. */
static inline void
num_two(char *p, unsigned v)
{
    extern const char num_pairs[200];

    memcpy(p, num_pairs + 2 * v, 2);
}
void num_add_u64(struct buf *b, uint64_t v);
void num_add_i64(struct buf *b, int64_t v);
/* Text → number; the whole slice must be one, else false. */
bool num_parse_i64(struct slice s, int64_t *out);
bool num_parse_u64(struct slice s, uint64_t *out);
int num_hex_digit(char c); /* -1: none */
/* Two digits for each byte of out; false: they are not hexadecimal, or one is left over. */
bool num_unhex(struct slice hex, void *out);
/* "16/B374D848" in both directions. num_lsn_text returns a NUL-terminated text in dst. */
enum { NUM_LSN_TEXT = 20 };
const char *num_lsn_text(char dst[NUM_LSN_TEXT], uint64_t lsn);
bool num_parse_lsn(struct slice s, uint64_t *out);
/*
 * A float in PostgreSQL's shortest text (extra_float_digits >= 1: "1e+22", "0.1", "-0") as Java's Double.toString /
 * Float.toString writes it since JDK 19 ("1.0E22", "0.1", "-0.0"); NaN and infinities as quoted JSON strings ("\"NaN\"").
 * False when the text is no float.
 */
bool num_add_java_float(struct buf *b, struct slice pg_text, bool single);

#endif
