/* What Java takes for a number, a boolean, a class's name and a regular expression. */
#ifndef REPLICATOR_REST_JAVA_TEXT_H
#define REPLICATOR_REST_JAVA_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Long.valueOf: digits with a sign, nothing around them; and in the range. */
bool java_number(const char *text, int64_t min, int64_t max, int64_t *out);
bool java_bool(const char *text);
/* SourceVersion.isName: identifiers between dots, none a keyword. */
bool java_class_name(const char *text);
/* Pattern.compile: false, with its message, which a caret's line may end. */
bool java_regex(const char *text, size_t n, struct buf *why);

#endif
