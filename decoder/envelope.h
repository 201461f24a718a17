/*
 * Debezium's envelope: the Connect schemas around a row, and the source block. One const description serves the schema
 * text and the converters.
 */
#ifndef DECODER_ENVELOPE_H
#define DECODER_ENVELOPE_H

#include "base/arena.h"
#include "decoder/schema.h"
#include "decoder/settings.h"

/* io.debezium.connector.common, as the version of Debezium had it that walbridge.compat names. */
struct envelope_parts {
    const struct schema *transaction_key,
        *transaction_value;                               /* TransactionMetadataKey and -Value */
    const struct schema *heartbeat_key, *heartbeat_value; /* ServerNameKey and Heartbeat */
    const struct schema *notification_key,
        *notification_value; /* NotificationKey and Notification */
};
const struct envelope_parts *envelope_parts(const struct settings *s);

/* "<topic>.Envelope" around a row schema. Nodes live in `a`. */
const struct schema *envelope_schema_new(struct arena *a, const struct settings *s,
                                         const char *topic, const struct schema *row);
/* io.debezium.connector.postgresql.MessageKey and MessageValue, for logical messages. */
const struct schema *envelope_message_key_schema(void);
const struct schema *envelope_message_schema_new(struct arena *a, const struct settings *s);
/* "<topic>.<suffix>" under schema.name.adjustment.mode. */
const char *envelope_schema_name(struct arena *a, const struct settings *s, const char *topic,
                                 const char *suffix);

#endif
