/*
 * topic.naming.strategy: which of Debezium's ways names a table's topic. All classes are named io.debezium.schema.*:
 *
 *   SchemaTopicNamingStrategy           <prefix>.<schema>.<table>, the default
 *   DefaultTopicNamingStrategy          <prefix>.<table>
 *   …UnicodeTopicNamingStrategy         of either, what Kafka does not allow as _uXXXX and not as an underscore
 *   …RegexTopicNamingStrategy           of either, the name replaced by topic.regex and topic.replacement; tables that share
 *                                       a topic are told apart by a field of the key, which tables without a key have too
 */
#ifndef DECODER_NAMING_H
#define DECODER_NAMING_H

#include "base/prop.h"
#include "decoder/settings.h"

struct naming;

/* *out stays NULL for the default. False: the class is none of them, or an expression is none. */
bool naming_new(const struct config *c, struct naming **out, struct err *e);
void naming_free(struct naming *n);

bool naming_escapes(const struct naming *n);    /* …Unicode… */
bool naming_has_schema(const struct naming *n); /* Schema…, not Default… */
/* What the expression makes of a name; false: it does not match, or makes nothing. */
bool naming_replace(const struct naming *n, struct slice topic, struct buf *out);
/* The key's field for the table; NULL: it has none. */
const char *naming_key_field(const struct naming *n);
/* Appends that field's value for a table whose topic would be `origin`. */
void naming_key_value(const struct naming *n, struct slice origin, struct buf *out);

#endif
