/*
 * What the decoder needs to know of a connector's configuration, worked out once. Plain values: filled by the replicator
 * from the property table, constant for the connector's life, read by any thread.
 */
#ifndef DECODER_SETTINGS_H
#define DECODER_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/prop.h"
#include "base/slice.h"

/* In the order of the property's choices. */
enum decimal_mode { DECIMAL_PRECISE, DECIMAL_STRING, DECIMAL_DOUBLE };
enum time_mode {
    TIME_ADAPTIVE,
    TIME_ADAPTIVE_US,
    TIME_CONNECT,
    TIME_ISOSTRING,
    TIME_MICROSECONDS,
    TIME_NANOSECONDS
};
enum binary_mode { BINARY_BYTES, BINARY_BASE64, BINARY_BASE64_URL, BINARY_HEX };
enum interval_mode { INTERVAL_NUMERIC, INTERVAL_STRING };
enum hstore_mode { HSTORE_JSON, HSTORE_MAP };
enum adjust_mode {
    ADJUST_NONE,
    ADJUST_AVRO,
    ADJUST_AVRO_UNICODE,
    ADJUST_AVRO_1_2 /* no choice: what 1.2 always did */
};
enum compat { COMPAT_3_6, COMPAT_1_2 };

/* The converters of Kafka Connect that are built in. */
enum converter {
    CONVERTER_JSON,
    CONVERTER_STRING,
    CONVERTER_BYTES,
    CONVERTER_SIMPLE, /* SimpleHeaderConverter: of headers alone */
};

/* JsonConverter's options of one side (key, value or headers). */
struct json_format {
    bool schemas;         /* schemas.enable */
    bool replace_null;    /* replace.null.with.default */
    bool decimal_numeric; /* decimal.format=NUMERIC */
};

struct filter;
struct mappers;
struct naming;
struct smt_chain;

enum { OPS_CREATE = 1, OPS_UPDATE = 2, OPS_DELETE = 4, OPS_TRUNCATE = 8, OPS_MESSAGE = 16 };

struct settings {
    const char *prefix;    /* topic.prefix */
    const char *database;  /* database.dbname */
    const char *delimiter; /* topic.delimiter */
    enum compat
        compat; /* walbridge.compat: whose records; asked when plans and programs are made, not for rows */
    const char *version; /* what source.version says: "3.6.1.Final" */
    enum decimal_mode decimal;
    enum time_mode time;
    enum binary_mode binary;
    enum interval_mode interval;
    enum hstore_mode hstore;
    enum adjust_mode schema_adjust, field_adjust;
    int money_scale;                /* money.fraction.digits */
    bool unknown_types;             /* include.unknown.datatypes */
    struct slice unavailable;       /* unavailable.value.placeholder, "hex:" already decoded */
    bool tombstones;                /* tombstones.on.delete */
    bool context_headers;           /* extended.headers.enabled */
    bool transactions;              /* provide.transaction.metadata */
    const char *transaction_topic;  /* topic.transaction: the part behind the prefix */
    const char *heartbeat_prefix;   /* topic.heartbeat.prefix */
    const char *heartbeat_topic;    /* topic.heartbeat.name: the whole name, NULL none */
    const char *notification_topic; /* notification.sink.topic.name; NULL none */
    unsigned skipped_ops;           /* OPS_ bits that are not emitted */
    struct json_format key_json, value_json, header_json;
    enum converter key_converter, value_converter, header_converter;
    bool
        fail_on_unconvertible; /* event.converting.failure.handling.mode=fail; else the value is written as NULL is */
    bool silent_unconvertible; /* … =skip: and nothing is logged */
    bool
        skip_failed; /* event.processing.failure.handling.mode other than fail: a change that cannot be said */
    bool silent_failed;            /* is left out; skip and ignore: and only counted */
    bool skip_unchanged;           /* skip.messages.without.change */
    const struct filter *filter;   /* decoder/filter.h; whose life is the connector's */
    const struct mappers *mappers; /* decoder/mapper.h; the same; NULL: none */
    const struct naming *naming;   /* decoder/naming.h; the same; NULL: the default */
    const struct smt_chain
        *chain; /* decoder/smt.h; the same; NULL: no transforms, and JSON alone */
};

#endif
