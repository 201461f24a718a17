#include "decoder/envelope.h"

#include "decoder/topic.h"

#define NAME(s)                                                                                    \
    {                                                                                              \
        "" s, sizeof(s) - 1                                                                        \
    }
#define COUNT(v) (sizeof(v) / sizeof(*(v)))

static const struct schema string_required = {.type = SCHEMA_STRING};
static const struct schema string_optional = {.type = SCHEMA_STRING, .optional = true};
static const struct schema bytes_optional = {.type = SCHEMA_BYTES, .optional = true};
static const struct schema int64_required = {.type = SCHEMA_INT64};
static const struct schema int64_optional = {.type = SCHEMA_INT64, .optional = true};

static const struct schema_param snapshot_params[] = {
    {"allowed",
     "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"},
};
static const struct schema snapshot_schema = {
    .type = SCHEMA_STRING,
    .optional = true,
    .name = "io.debezium.data.Enum",
    .version = 1,
    .params = snapshot_params,
    .nparams = COUNT(snapshot_params),
    .def = NAME("\"false\""),
};

static const struct schema_field source_fields[] = {
    {NAME("version"), &string_required},  {NAME("connector"), &string_required},
    {NAME("name"), &string_required},     {NAME("ts_ms"), &int64_required},
    {NAME("snapshot"), &snapshot_schema}, {NAME("db"), &string_required},
    {NAME("sequence"), &string_optional}, {NAME("ts_us"), &int64_optional},
    {NAME("ts_ns"), &int64_optional},     {NAME("schema"), &string_required},
    {NAME("table"), &string_required},    {NAME("txId"), &int64_optional},
    {NAME("lsn"), &int64_optional},       {NAME("xmin"), &int64_optional},
    {NAME("origin"), &string_optional},   {NAME("origin_lsn"), &int64_optional},
};

static const struct schema source_schema = {
    .type = SCHEMA_STRUCT,
    .name = "io.debezium.connector.postgresql.Source",
    .version = 1,
    .fields = source_fields,
    .nfields = COUNT(source_fields),
};

static const struct schema_param snapshot_params_1_2[] = {{"allowed", "true,last,false"}};
static const struct schema snapshot_schema_1_2 = {
    .type = SCHEMA_STRING,
    .optional = true,
    .name = "io.debezium.data.Enum",
    .version = 1,
    .params = snapshot_params_1_2,
    .nparams = COUNT(snapshot_params_1_2),
    .def = NAME("\"false\""),
};

static const struct schema_field source_fields_1_2[] = {
    {NAME("version"), &string_required},      {NAME("connector"), &string_required},
    {NAME("name"), &string_required},         {NAME("ts_ms"), &int64_required},
    {NAME("snapshot"), &snapshot_schema_1_2}, {NAME("db"), &string_required},
    {NAME("schema"), &string_required},       {NAME("table"), &string_required},
    {NAME("txId"), &int64_optional},          {NAME("lsn"), &int64_optional},
    {NAME("xmin"), &int64_optional},
};

static const struct schema source_schema_1_2 = {
    .type = SCHEMA_STRUCT,
    .name = "io.debezium.connector.postgresql.Source",
    .fields = source_fields_1_2,
    .nfields = COUNT(source_fields_1_2),
};

static const struct schema_field transaction_fields[] = {
    {NAME("id"), &string_required},
    {NAME("total_order"), &int64_required},
    {NAME("data_collection_order"), &int64_required},
};

static const struct schema transaction_schema = {
    .type = SCHEMA_STRUCT,
    .optional = true,
    .name = "event.block",
    .version = 1,
    .fields = transaction_fields,
    .nfields = COUNT(transaction_fields),
};

static const struct schema transaction_schema_1_2 = {
    .type = SCHEMA_STRUCT,
    .optional = true,
    .fields = transaction_fields,
    .nfields = COUNT(transaction_fields),
};

const char *
envelope_schema_name(struct arena *a, const struct settings *s, const char *topic,
                     const char *suffix)
{
    struct buf b;
    const char *plain = arena_printf(a, "%s.%s", topic, suffix);
    const char *name;

    buf_init(&b, 8192);
    topic_adjust_name(&b, slice_of(plain), s->schema_adjust, false);
    name = arena_strdup(a, buf_cstr(&b));
    buf_free(&b);
    return name;
}

/* A framework schema's own name goes through the adjustment too (only underscores could be touched by it). */
static const struct schema *
envelope_adjusted(struct arena *a, const struct settings *s, const struct schema *framework)
{
    struct schema *copy;
    struct buf b;

    if (s->schema_adjust == ADJUST_NONE)
        return framework;
    copy = arena_alloc(a, sizeof(*copy));
    *copy = *framework;
    buf_init(&b, 1024);
    topic_adjust_name(&b, slice_of(framework->name), s->schema_adjust, false);
    copy->name = arena_strdup(a, buf_cstr(&b));
    buf_free(&b);
    return copy;
}

static const struct schema *
envelope_new(struct arena *a, const char *name, int version, const struct schema_field *fields,
             size_t n)
{
    struct schema_field *copy = arena_alloc(a, n * sizeof(*copy));
    struct schema *sc = arena_alloc(a, sizeof(*sc));

    memcpy(copy, fields, n * sizeof(*copy));
    *sc = (struct schema){
        .type = SCHEMA_STRUCT, .name = name, .version = version, .fields = copy, .nfields = n};
    return sc;
}

const struct schema *
envelope_schema_new(struct arena *a, const struct settings *s, const char *topic,
                    const struct schema *row)
{
    const char *name = envelope_schema_name(a, s, topic, "Envelope");
    const struct schema_field fields_1_2[] = {
        {NAME("before"), row},
        {NAME("after"), row},
        {NAME("source"), &source_schema_1_2},
        {NAME("op"), &string_required},
        {NAME("ts_ms"), &int64_optional},
        {NAME("transaction"), &transaction_schema_1_2},
    };
    const struct schema_field fields[] = {
        {NAME("before"), row},
        {NAME("after"), row},
        {NAME("source"), envelope_adjusted(a, s, &source_schema)},
        {NAME("transaction"), &transaction_schema},
        {NAME("op"), &string_required},
        {NAME("ts_ms"), &int64_optional},
        {NAME("ts_us"), &int64_optional},
        {NAME("ts_ns"), &int64_optional},
    };

    switch (s->compat) {
    case COMPAT_3_6:
        break;
    case COMPAT_1_2:
        return envelope_new(a, name, 0, fields_1_2, COUNT(fields_1_2));
    }
    return envelope_new(a, name, 2, fields, COUNT(fields));
}

static const struct schema_field message_key_fields[] = {{NAME("prefix"), &string_optional}};
static const struct schema message_key_schema = {
    .type = SCHEMA_STRUCT,
    .name = "io.debezium.connector.postgresql.MessageKey",
    .version = 1,
    .fields = message_key_fields,
    .nfields = COUNT(message_key_fields),
};

const struct schema *
envelope_message_key_schema(void)
{
    return &message_key_schema;
}

const struct schema *
envelope_message_schema_new(struct arena *a, const struct settings *s)
{
    const struct schema_field content[] = {
        {NAME("prefix"), &string_optional},
        {NAME("content"), s->binary == BINARY_BYTES ? &bytes_optional : &string_optional},
    };
    struct schema_field *content_copy = arena_alloc(a, sizeof(content));
    struct schema *message = arena_alloc(a, sizeof(*message));
    struct schema *sc = arena_alloc(a, sizeof(*sc));
    const struct schema_field fields[] = {
        {NAME("op"), &string_required},
        {NAME("ts_ms"), &int64_optional},
        {NAME("source"), envelope_adjusted(a, s, &source_schema)},
        {NAME("transaction"), &transaction_schema},
        {NAME("message"), message},
    };
    struct schema_field *copy = arena_alloc(a, sizeof(fields));

    memcpy(content_copy, content, sizeof(content));
    *message = (struct schema){
        .type = SCHEMA_STRUCT,
        .name = "io.debezium.connector.postgresql.Message",
        .version = 1,
        .fields = content_copy,
        .nfields = COUNT(content),
    };
    memcpy(copy, fields, sizeof(fields));
    *sc = (struct schema){
        .type = SCHEMA_STRUCT,
        .name = "io.debezium.connector.postgresql.MessageValue",
        .version = 1,
        .fields = copy,
        .nfields = COUNT(fields),
    };
    return sc;
}

static const struct schema_field transaction_key_fields[] = {{NAME("id"), &string_required}};
static const struct schema_field collection_fields[] = {
    {NAME("data_collection"), &string_required},
    {NAME("event_count"), &int64_required},
};
static const struct schema collection_schema = {
    .type = SCHEMA_STRUCT,
    .optional = true,
    .name = "event.collection",
    .version = 1,
    .fields = collection_fields,
    .nfields = COUNT(collection_fields),
};
static const struct schema collection_schema_1_2 = {
    .type = SCHEMA_STRUCT,
    .fields = collection_fields,
    .nfields = COUNT(collection_fields),
};
static const struct schema collections_schema = {
    .type = SCHEMA_ARRAY, .optional = true, .items = &collection_schema};
static const struct schema collections_schema_1_2 = {
    .type = SCHEMA_ARRAY, .optional = true, .items = &collection_schema_1_2};
static const struct schema_field transaction_value_fields[] = {
    {NAME("status"), &string_required},     {NAME("id"), &string_required},
    {NAME("event_count"), &int64_optional}, {NAME("data_collections"), &collections_schema},
    {NAME("ts_ms"), &int64_required},
};
static const struct schema_field transaction_value_fields_1_2[] = {
    {NAME("status"), &string_required},
    {NAME("id"), &string_required},
    {NAME("event_count"), &int64_optional},
    {NAME("data_collections"), &collections_schema_1_2},
};
static const struct schema_field heartbeat_key_fields[] = {{NAME("serverName"), &string_required}};
static const struct schema_field heartbeat_value_fields[] = {{NAME("ts_ms"), &int64_required}};
static const struct schema text_map = {
    .type = SCHEMA_MAP, .optional = true, .keys = &string_required, .values = &string_required};
static const struct schema_field notification_key_fields[] = {{NAME("id"), &string_required}};
static const struct schema_field notification_fields[] = {
    {NAME("id"), &string_required},
    {NAME("type"), &string_required},
    {NAME("aggregate_type"), &string_required},
    {NAME("additional_data"), &text_map},
    {NAME("timestamp"), &int64_required},
};

#define COMMON(text, number, members)                                                              \
    {                                                                                              \
        .type = SCHEMA_STRUCT, .name = "io.debezium.connector.common." text, .version = (number),  \
        .fields = (members), .nfields = COUNT(members)                                             \
    }

static const struct schema transaction_key =
    COMMON("TransactionMetadataKey", 1, transaction_key_fields);
static const struct schema transaction_key_1_2 =
    COMMON("TransactionMetadataKey", 0, transaction_key_fields);
static const struct schema transaction_value =
    COMMON("TransactionMetadataValue", 1, transaction_value_fields);
static const struct schema transaction_value_1_2 =
    COMMON("TransactionMetadataValue", 0, transaction_value_fields_1_2);
static const struct schema heartbeat_key = COMMON("ServerNameKey", 1, heartbeat_key_fields);
static const struct schema heartbeat_key_1_2 = COMMON("ServerNameKey", 0, heartbeat_key_fields);
static const struct schema heartbeat_value = COMMON("Heartbeat", 1, heartbeat_value_fields);
static const struct schema heartbeat_value_1_2 = COMMON("Heartbeat", 0, heartbeat_value_fields);
static const struct schema notification_key = COMMON("NotificationKey", 1, notification_key_fields);
static const struct schema notification_value = COMMON("Notification", 1, notification_fields);

const struct envelope_parts *
envelope_parts(const struct settings *s)
{
    static const struct envelope_parts parts[] = {
        [COMPAT_3_6] = {&transaction_key, &transaction_value, &heartbeat_key, &heartbeat_value,
                        &notification_key, &notification_value},
        /* Notifications are younger than 1.2. */
        [COMPAT_1_2] = {&transaction_key_1_2, &transaction_value_1_2, &heartbeat_key_1_2,
                        &heartbeat_value_1_2, &notification_key, &notification_value},
    };

    return &parts[s->compat];
}
