/* Names as Debezium makes them legal: topics for Kafka, schema and field names for Avro. */
#ifndef DECODER_TOPIC_H
#define DECODER_TOPIC_H

#include "base/buf.h"
#include "decoder/settings.h"

/*
 * "<prefix><delimiter><schema><delimiter><table>", every UTF-16 unit outside [A-Za-z0-9._-] an underscore, at most 249 long;
 * or as settings.naming says.
 */
void topic_name(struct buf *out, const struct settings *s, struct slice schema, struct slice table);
/* The field that settings.naming adds to the table's key, and its value behind out; NULL: none. */
const char *topic_key_field(struct buf *out, const struct settings *s, struct slice schema,
                            struct slice table);
/* "<prefix><delimiter><suffix>", made legal the same way: "transaction". */
void topic_name_of(struct buf *out, const struct settings *s, const char *suffix);
/* A schema's full name or a field's name under *.name.adjustment.mode. Fields may not hold dots. */
void topic_adjust_name(struct buf *out, struct slice name, enum adjust_mode mode, bool is_field);

#endif
