/*
 * JSON as Jackson's UTF-8 generator writes it (what Kafka Connect's JsonConverter uses): no whitespace; '"' and '\'
 * escaped; \b \t \n \f \r short; other controls \u00XX upper-case; 2- and 3-byte UTF-8 raw; 4-byte UTF-8 as two \uD83D
 * escapes. Bytes that are not UTF-8 become U+FFFD as Java's decoder does, so the output is always a valid document; the
 * buffer's `replaced` tells.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

void json_str(struct buf *b, struct slice s);        /* with the quotes */
void json_str_body(struct buf *b, struct slice s);   /* without */
void json_cstr(struct buf *b, const char *s);        /* with the quotes */
void json_base64(struct buf *b, struct slice bytes); /* quoted, padded */

#endif
