/* Values as text: what headers hold, and what conversions read. The JSON is always some that we rendered ourselves. */
#ifndef DECODER_NODE_TEXT_H
#define DECODER_NODE_TEXT_H

#include "decoder/node.h"

/* Appends the characters of a JSON string, in UTF-8. */
void node_unquote(struct buf *out, struct slice json);
/* Appends the bytes of a JSON string of base64. */
void node_unbase64(struct buf *out, struct slice json);
/* The scale of a schema that is Connect's Decimal; false: it is none. */
bool node_decimal_scale(const struct schema *s, int *scale);
/* Appends a decimal as BigDecimal.toString has it; json: base64 of its unscaled value. */
void node_decimal_text(struct buf *out, struct slice json, int scale);
/* A Decimal's number whichever way it is written. */
void node_decimal_plain(struct buf *out, const struct node *n, struct slice json);
/* Is it one of Connect's own logical types whose values are java.util.Date? */
enum node_date { NODE_NO_DATE, NODE_DATE, NODE_TIME, NODE_TIMESTAMP };
enum node_date node_date_of(const struct schema *s);
/* Milliseconds since 1970 as Connect's Values.dateFormatFor writes them: a time of day, a day or both. */
void node_date_text(struct buf *out, int64_t ms);
/* Milliseconds since 1970 of such a value. */
bool node_date_ms(enum node_date kind, struct slice json, int64_t *ms);

/*
 * Appends n's value as Connect's SimpleHeaderConverter writes it: strings as they are, numbers and words as Java prints
 * them, bytes in base64, structs and lists like JSON with little escaped.
 */
enum node_got node_header_text(const struct node *n, struct node_run *run, struct buf *out);
/* As Java's toString, which Connect's StringConverter writes: a struct is "Struct{a=1,b=x}", without its nulls. */
enum node_got node_java_text(const struct node *n, struct node_run *run, struct buf *out);
/* The same of a value that is already rendered. */
void node_plain_text(const struct node *n, struct slice json, struct buf *out);

#endif
