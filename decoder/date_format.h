/*
 * java.text.SimpleDateFormat in UTC and English, as far as timestamps need it: G y M d D H k K h m s S a E u z Z X, text in
 * quotes and any other characters. Parsing is lenient as Java's is: 32 days are a day of the next month.
 */
#ifndef DECODER_DATE_FORMAT_H
#define DECODER_DATE_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* False: the pattern has a letter that is not there, or a quote that is not closed; e says which. */
bool date_format_check(const char *pattern, struct err *e);
void date_format_put(struct buf *out, const char *pattern, int64_t ms);
/* Text behind what the pattern takes is ignored. */
bool date_format_parse(const char *pattern, struct slice text, int64_t *ms);

#endif
