/* A Java regular expression with a replacement, as java.util.regex.Matcher works: matches(), then replaceFirst(). */
#ifndef DECODER_PATTERN_SWAP_H
#define DECODER_PATTERN_SWAP_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct pattern_swap;

/* replacement NULL: the expression is only asked whether it matches. Groups that it names must be there. */
struct pattern_swap *pattern_swap_new(const char *regex, const char *replacement, struct err *e);
void pattern_swap_free(struct pattern_swap *s);
/* Does it match the whole text? When it does and out is not NULL, appends what replaceFirst answers. Any thread. */
bool pattern_swap_match(const struct pattern_swap *s, struct slice text, struct buf *out);

#endif
