/* What the users of Java's regular expressions share. Inside decoder/pattern*.c only. */
#ifndef DECODER_PATTERN_PRIV_H
#define DECODER_PATTERN_PRIV_H

#define PCRE2_CODE_UNIT_WIDTH 8

#include <pcre2.h>

#include "base/err.h"
#include "base/slice.h"

/* The whole text and nothing less. */
#define PATTERN_WHOLE (PCRE2_ANCHORED | PCRE2_ENDANCHORED)

/* Java's syntax compiled; NULL: e is set. A NUL comes somewhere behind the text. */
pcre2_code *pattern_code(const char *prop, struct slice text, uint32_t options, struct err *e);

#endif
