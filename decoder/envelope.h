/*
 * Debezium's envelope: the Connect schemas around a row, and the source block. One const description serves the schema
 * text and the converters.
 */
#ifndef DECODER_ENVELOPE_H
#define DECODER_ENVELOPE_H

#include "base/arena.h"
#include "decoder/schema.h"
#include "decoder/settings.h"

/* io.debezium.connector.postgresql.Source, version 1. */
extern const struct schema envelope_source_schema;
/* event.block, version 1, optional. */
extern const struct schema envelope_transaction_schema;

/* "<topic>.Envelope" around a row schema. Nodes live in `a`. */
const struct schema *envelope_schema_new(struct arena *a, const struct settings *s, const char *topic,
                                         const struct schema *row);
/* io.debezium.connector.postgresql.MessageKey and MessageValue, for logical messages. */
const struct schema *envelope_message_key_schema(void);
const struct schema *envelope_message_schema_new(struct arena *a, const struct settings *s);
/* TransactionMetadataKey and TransactionMetadataValue; ServerNameKey and Heartbeat: io.debezium.connector.common. */
extern const struct schema envelope_transaction_key_schema, envelope_transaction_value_schema;
extern const struct schema envelope_heartbeat_key_schema, envelope_heartbeat_value_schema;
/* "<topic>.<suffix>" under schema.name.adjustment.mode. */
const char *envelope_schema_name(struct arena *a, const struct settings *s, const char *topic, const char *suffix);

#endif
