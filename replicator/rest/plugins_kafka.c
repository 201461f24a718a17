/* What `validate` and /connector-plugins say of the properties of Kafka's transformations, predicates and converters. See definition.h. */
#include "replicator/rest/definition.h"

/* clang-format off */
static const struct definition cast[] = {
    {.name = "spec", .type = "LIST", .importance = "HIGH", .order = -1, .width = "NONE",
     .required = true,
     .doc = "List of fields and the type to cast them to of the form field1:type,field2:type "
            "to cast fields of Maps or Structs. A single type to cast the entire value. Valid "
            "types are int8, int16, int32, int64, float32, float64, boolean, and string. Note "
            "that binary fields can only be cast to string."},
    {.name = "replace.null.with.default", .type = "BOOLEAN", .def = "true", .importance = "MEDIUM",
     .order = -1, .width = "NONE",
     .doc = "Whether to replace fields that have a default value and that are null to the "
            "default value. When set to true, the default value is used, otherwise null is "
            "used."},
};

static const struct definition drop_headers[] = {
    {.name = "headers", .type = "LIST", .importance = "HIGH", .order = -1, .width = "NONE",
     .required = true,
     .doc = "The name of the headers to be removed."},
};

static const struct definition extract_field[] = {
    {.name = "field", .type = "STRING", .importance = "MEDIUM", .order = -1, .width = "NONE",
     .required = true,
     .doc = "Field name to extract."},
    {.name = "replace.null.with.default", .type = "BOOLEAN", .def = "true", .importance = "MEDIUM",
     .order = -1, .width = "NONE",
     .doc = "Whether to replace fields that have a default value and that are null to the "
            "default value. When set to true, the default value is used, otherwise null is "
            "used."},
    {.name = "field.syntax.version", .type = "STRING", .def = "V1", .importance = "HIGH",
     .order = -1, .width = "NONE",
     .doc = "Defines the version of the syntax to access fields. If set to <code>V1</code>, "
            "then the field paths are limited to access the elements at the root level of the "
            "struct or map. If set to <code>V2</code>, the syntax will support accessing "
            "nested elements. To access nested elements, dotted notation is used. If dots are "
            "already included in the field name, then backtick pairs can be used to wrap field "
            "names containing dots. E.g. to access the subfield <code>baz</code> from a field "
            "named \"foo.bar\" in a struct/map the following format can be used to access its "
            "elements: \"<code>foo.bar</code>.baz\"."},
};

static const struct definition flatten[] = {
    {.name = "delimiter", .type = "STRING", .def = ".", .importance = "MEDIUM", .order = -1,
     .width = "NONE",
     .doc = "Delimiter to insert between field names from the input record when generating "
            "field names for the output record"},
};

static const struct definition header_from[] = {
    {.name = "fields", .type = "LIST", .importance = "HIGH", .order = -1, .width = "NONE",
     .required = true,
     .doc = "Field names in the record whose values are to be copied or moved to headers."},
    {.name = "headers", .type = "LIST", .importance = "HIGH", .order = -1, .width = "NONE",
     .required = true,
     .doc = "Header names, in the same order as the field names listed in the fields "
            "configuration property."},
    {.name = "operation", .type = "STRING", .importance = "HIGH", .order = -1, .width = "NONE",
     .required = true,
     .doc = "Either <code>move</code> if the fields are to be moved to the headers (removed "
            "from the key/value), or <code>copy</code> if the fields are to be copied to the "
            "headers (retained in the key/value)."},
    {.name = "replace.null.with.default", .type = "BOOLEAN", .def = "true", .importance = "MEDIUM",
     .order = -1, .width = "NONE",
     .doc = "Whether to replace fields that have a default value and that are null to the "
            "default value. When set to true, the default value is used, otherwise null is "
            "used."},
};

static const struct definition hoist_field[] = {
    {.name = "field", .type = "STRING", .importance = "MEDIUM", .order = -1, .width = "NONE",
     .required = true,
     .doc = "Field name for the single field that will be created in the resulting Struct or "
            "Map."},
};

static const struct definition insert_field[] = {
    {.name = "topic.field", .type = "STRING", .importance = "MEDIUM", .order = -1, .width = "NONE",
     .doc = "Field name for Kafka topic. Suffix with <code>!</code> to make this a required "
            "field, or <code>?</code> to keep it optional (the default)."},
    {.name = "partition.field", .type = "STRING", .importance = "MEDIUM", .order = -1,
     .width = "NONE",
     .doc = "Field name for Kafka partition. Suffix with <code>!</code> to make this a "
            "required field, or <code>?</code> to keep it optional (the default)."},
    {.name = "offset.field", .type = "STRING", .importance = "MEDIUM", .order = -1, .width = "NONE",
     .doc = "Field name for Kafka offset - only applicable to sink connectors.<br/>Suffix with "
            "<code>!</code> to make this a required field, or <code>?</code> to keep it "
            "optional (the default)."},
    {.name = "timestamp.field", .type = "STRING", .importance = "MEDIUM", .order = -1,
     .width = "NONE",
     .doc = "Field name for record timestamp. Suffix with <code>!</code> to make this a "
            "required field, or <code>?</code> to keep it optional (the default)."},
    {.name = "static.field", .type = "STRING", .importance = "MEDIUM", .order = -1, .width = "NONE",
     .doc = "Field name for static data field. Suffix with <code>!</code> to make this a "
            "required field, or <code>?</code> to keep it optional (the default)."},
    {.name = "static.value", .type = "STRING", .importance = "MEDIUM", .order = -1, .width = "NONE",
     .doc = "Static field value, if field name configured."},
    {.name = "replace.null.with.default", .type = "BOOLEAN", .def = "true", .importance = "MEDIUM",
     .order = -1, .width = "NONE",
     .doc = "Whether to replace fields that have a default value and that are null to the "
            "default value. When set to true, the default value is used, otherwise null is "
            "used."},
};

static const struct definition insert_header[] = {
    {.name = "header", .type = "STRING", .importance = "HIGH", .order = -1, .width = "NONE",
     .required = true,
     .doc = "The name of the header."},
    {.name = "value.literal", .type = "STRING", .importance = "HIGH", .order = -1, .width = "NONE",
     .required = true,
     .doc = "The literal value that is to be set as the header value on all records."},
};

static const struct definition mask_field[] = {
    {.name = "fields", .type = "LIST", .importance = "HIGH", .order = -1, .width = "NONE",
     .required = true,
     .doc = "Names of fields to mask."},
    {.name = "replacement", .type = "STRING", .importance = "LOW", .order = -1, .width = "NONE",
     .doc = "Custom value replacement, that will be applied to all 'fields' values (numeric or "
            "non-empty string values only)."},
    {.name = "replace.null.with.default", .type = "BOOLEAN", .def = "true", .importance = "MEDIUM",
     .order = -1, .width = "NONE",
     .doc = "Whether to replace fields that have a default value and that are null to the "
            "default value. When set to true, the default value is used, otherwise null is "
            "used."},
};

static const struct definition regex_router[] = {
    {.name = "regex", .type = "STRING", .rules = {RULE_CONNECT_REGEX}, .importance = "HIGH", .order = -1, .width = "NONE",
     .required = true,
     .doc = "Regular expression to use for matching."},
    {.name = "replacement", .type = "STRING", .importance = "HIGH", .order = -1, .width = "NONE",
     .required = true,
     .doc = "Replacement string."},
};

static const struct definition replace_field[] = {
    {.name = "exclude", .type = "LIST", .def = "", .importance = "MEDIUM", .order = -1,
     .width = "NONE",
     .doc = "Fields to exclude. This takes precedence over the fields to include."},
    {.name = "include", .type = "LIST", .def = "", .importance = "MEDIUM", .order = -1,
     .width = "NONE",
     .doc = "Fields to include. If specified, only these fields will be used."},
    {.name = "renames", .type = "LIST", .def = "", .importance = "MEDIUM", .order = -1,
     .width = "NONE",
     .doc = "Field rename mappings."},
    {.name = "replace.null.with.default", .type = "BOOLEAN", .def = "true", .importance = "MEDIUM",
     .order = -1, .width = "NONE",
     .doc = "Whether to replace fields that have a default value and that are null to the "
            "default value. When set to true, the default value is used, otherwise null is "
            "used."},
};

static const struct definition set_schema_metadata[] = {
    {.name = "schema.name", .type = "STRING", .importance = "HIGH", .order = -1, .width = "NONE",
     .doc = "Schema name to set."},
    {.name = "schema.version", .type = "INT", .importance = "HIGH", .order = -1, .width = "NONE",
     .doc = "Schema version to set."},
    {.name = "replace.null.with.default", .type = "BOOLEAN", .def = "true", .importance = "MEDIUM",
     .order = -1, .width = "NONE",
     .doc = "Whether to replace fields that have a default value and that are null to the "
            "default value. When set to true, the default value is used, otherwise null is "
            "used."},
};

static const struct definition timestamp_converter[] = {
    {.name = "field", .type = "STRING", .def = "", .importance = "HIGH", .order = -1,
     .width = "NONE",
     .doc = "The field containing the timestamp, or empty if the entire value is a timestamp"},
    {.name = "target.type", .type = "STRING", .importance = "HIGH", .order = -1, .width = "NONE",
     .required = true,
     .doc = "The desired timestamp representation: string, unix, Date, Time, or Timestamp"},
    {.name = "format", .type = "STRING", .def = "", .importance = "MEDIUM", .order = -1,
     .width = "NONE",
     .doc = "A SimpleDateFormat-compatible format for the timestamp. Used to generate the "
            "output when type=string or used to parse the input if the input is a string."},
    {.name = "unix.precision", .type = "STRING", .def = "milliseconds", .importance = "LOW",
     .order = -1, .width = "NONE",
     .doc = "The desired Unix precision for the timestamp: seconds, milliseconds, "
            "microseconds, or nanoseconds. Used to generate the output when type=unix or used "
            "to parse the input if the input is a Long.Note: This SMT will cause precision "
            "loss during conversions from, and to, values with sub-millisecond components."},
    {.name = "replace.null.with.default", .type = "BOOLEAN", .def = "true", .importance = "MEDIUM",
     .order = -1, .width = "NONE",
     .doc = "Whether to replace fields that have a default value and that are null to the "
            "default value. When set to true, the default value is used, otherwise null is "
            "used."},
};

static const struct definition timestamp_router[] = {
    {.name = "topic.format", .type = "STRING", .def = "${topic}-${timestamp}", .importance = "HIGH",
     .order = -1, .width = "NONE",
     .doc = "Format string which can contain <code>${topic}</code> and "
            "<code>${timestamp}</code> as placeholders for the topic and timestamp, "
            "respectively."},
    {.name = "timestamp.format", .type = "STRING", .def = "yyyyMMdd", .importance = "HIGH",
     .order = -1, .width = "NONE",
     .doc = "Format string for the timestamp that is compatible with "
            "<code>java.text.SimpleDateFormat</code>."},
};

static const struct definition value_to_key[] = {
    {.name = "fields", .type = "LIST", .importance = "HIGH", .order = -1, .width = "NONE",
     .required = true,
     .doc = "Field names on the record value to extract as the record key."},
    {.name = "replace.null.with.default", .type = "BOOLEAN", .def = "true", .importance = "MEDIUM",
     .order = -1, .width = "NONE",
     .doc = "Whether to replace fields that have a default value and that are null to the "
            "default value. When set to true, the default value is used, otherwise null is "
            "used."},
};

static const struct definition has_header_key[] = {
    {.name = "name", .type = "STRING", .importance = "MEDIUM", .order = -1, .width = "NONE",
     .required = true,
     .doc = "The header name."},
};

static const struct definition topic_name_matches[] = {
    {.name = "pattern", .type = "STRING", .rules = {RULE_CONNECT_REGEX}, .importance = "MEDIUM", .order = -1, .width = "NONE",
     .required = true,
     .doc = "A Java regular expression for matching against the name of a record's topic."},
};

static const struct definition byte_array_converter[] = {
    {.name = "converter.type", .type = "STRING", .importance = "LOW", .order = -1, .width = "NONE",
     .required = true,
     .doc = "How this converter will be used."},
};

static const struct definition json_converter[] = {
    {.name = "converter.type", .type = "STRING", .importance = "LOW", .order = -1, .width = "NONE",
     .required = true,
     .doc = "How this converter will be used."},
    {.name = "schemas.enable", .type = "BOOLEAN", .def = "true", .importance = "HIGH",
     .group = "Schemas", .order = 0, .width = "MEDIUM", .display = "Enable Schemas",
     .doc = "Include schemas within each of the serialized values and keys."},
    {.name = "schemas.cache.size", .type = "INT", .def = "1000", .importance = "HIGH",
     .group = "Schemas", .order = 1, .width = "MEDIUM", .display = "Schema Cache Size",
     .doc = "The maximum number of schemas that can be cached in this converter instance."},
    {.name = "schema.content", .type = "STRING", .importance = "HIGH", .group = "Schemas",
     .order = 2, .width = "MEDIUM", .display = "Schema Content",
     .doc = "When set, this is used as the schema for all messages, and the schemas within "
            "each of the message will be ignored.Otherwise, the schema will be included in the "
            "content of each message. This configuration applies only 'schemas.enable' is "
            "true, and it exclusively affects the sink connector."},
    {.name = "decimal.format", .type = "STRING", .def = "BASE64", .importance = "LOW",
     .group = "Serialization", .order = 0, .width = "MEDIUM", .display = "Decimal Format",
     .doc = "Controls which format this converter will serialize decimals in. This value is "
            "case insensitive and can be either 'BASE64' (default) or 'NUMERIC'"},
    {.name = "replace.null.with.default", .type = "BOOLEAN", .def = "true", .importance = "LOW",
     .group = "Serialization", .order = 1, .width = "MEDIUM",
     .display = "Replace null with default",
     .doc = "Whether to replace fields that have a default value and that are null to the "
            "default value. When set to true, the default value is used, otherwise null is "
            "used."},
};

static const struct definition string_converter[] = {
    {.name = "converter.type", .type = "STRING", .importance = "LOW", .order = -1, .width = "NONE",
     .required = true,
     .doc = "How this converter will be used."},
    {.name = "converter.encoding", .type = "STRING", .def = "UTF-8", .importance = "HIGH",
     .order = -1, .width = "MEDIUM", .display = "Encoding",
     .doc = "The name of the Java character set to use for encoding strings as byte arrays."},
};

/* clang-format on */

#define TABLE(t)                                                                                   \
    {                                                                                              \
        t, sizeof(t) / sizeof((t)[0])                                                              \
    }

const struct plugin plugins_kafka[] = {
    {"org.apache.kafka.connect.transforms.Cast$Key", PLUGIN_TRANSFORMATION, "4.3.0", TABLE(cast)},
    {"org.apache.kafka.connect.transforms.Cast$Value", PLUGIN_TRANSFORMATION, "4.3.0", TABLE(cast)},
    {"org.apache.kafka.connect.transforms.DropHeaders", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(drop_headers)},
    {"org.apache.kafka.connect.transforms.ExtractField$Key", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(extract_field)},
    {"org.apache.kafka.connect.transforms.ExtractField$Value", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(extract_field)},
    {"org.apache.kafka.connect.transforms.Filter", PLUGIN_TRANSFORMATION, "4.3.0", {NULL, 0}},
    {"org.apache.kafka.connect.transforms.Flatten$Key", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(flatten)},
    {"org.apache.kafka.connect.transforms.Flatten$Value", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(flatten)},
    {"org.apache.kafka.connect.transforms.HeaderFrom$Key", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(header_from)},
    {"org.apache.kafka.connect.transforms.HeaderFrom$Value", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(header_from)},
    {"org.apache.kafka.connect.transforms.HoistField$Key", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(hoist_field)},
    {"org.apache.kafka.connect.transforms.HoistField$Value", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(hoist_field)},
    {"org.apache.kafka.connect.transforms.InsertField$Key", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(insert_field)},
    {"org.apache.kafka.connect.transforms.InsertField$Value", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(insert_field)},
    {"org.apache.kafka.connect.transforms.InsertHeader", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(insert_header)},
    {"org.apache.kafka.connect.transforms.MaskField$Key", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(mask_field)},
    {"org.apache.kafka.connect.transforms.MaskField$Value", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(mask_field)},
    {"org.apache.kafka.connect.transforms.RegexRouter", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(regex_router)},
    {"org.apache.kafka.connect.transforms.ReplaceField$Key", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(replace_field)},
    {"org.apache.kafka.connect.transforms.ReplaceField$Value", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(replace_field)},
    {"org.apache.kafka.connect.transforms.SetSchemaMetadata$Key", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(set_schema_metadata)},
    {"org.apache.kafka.connect.transforms.SetSchemaMetadata$Value", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(set_schema_metadata)},
    {"org.apache.kafka.connect.transforms.TimestampConverter$Key", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(timestamp_converter)},
    {"org.apache.kafka.connect.transforms.TimestampConverter$Value", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(timestamp_converter)},
    {"org.apache.kafka.connect.transforms.TimestampRouter", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(timestamp_router)},
    {"org.apache.kafka.connect.transforms.ValueToKey", PLUGIN_TRANSFORMATION, "4.3.0",
     TABLE(value_to_key)},
    {"org.apache.kafka.connect.transforms.predicates.HasHeaderKey", PLUGIN_PREDICATE, "4.3.0",
     TABLE(has_header_key)},
    {"org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
     PLUGIN_PREDICATE,
     "4.3.0",
     {NULL, 0}},
    {"org.apache.kafka.connect.transforms.predicates.TopicNameMatches", PLUGIN_PREDICATE, "4.3.0",
     TABLE(topic_name_matches)},
    {"org.apache.kafka.connect.converters.ByteArrayConverter",
     PLUGIN_CONVERTER | PLUGIN_HEADER_CONVERTER, "4.3.0", TABLE(byte_array_converter)},
    {"org.apache.kafka.connect.json.JsonConverter", PLUGIN_CONVERTER | PLUGIN_HEADER_CONVERTER,
     "4.3.0", TABLE(json_converter)},
    {"org.apache.kafka.connect.storage.StringConverter", PLUGIN_CONVERTER | PLUGIN_HEADER_CONVERTER,
     "4.3.0", TABLE(string_converter)},
    {"org.apache.kafka.connect.storage.SimpleHeaderConverter",
     PLUGIN_HEADER_CONVERTER,
     "4.3.0",
     {NULL, 0}},
};
const size_t plugins_kafka_n = sizeof(plugins_kafka) / sizeof(plugins_kafka[0]);
