/*
 * What REST says of a property: Kafka Connect's ConfigKeyInfo, and the checks that `validate` makes. A connector's rows take
 * type, default, importance, group and display name from the property's own row (base/prop.h) unless they are given here;
 * the texts are Debezium's and Kafka's, because clients show them. A plugin's rows (transformations, predicates, converters)
 * have no other row and give all.
 *
 * Order in the group is one more than the row before, unless given.
 */
#ifndef REPLICATOR_REST_DEFINITION_H
#define REPLICATOR_REST_DEFINITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* The checks, in the words of those who make them (rules.c). */
enum rule {
    RULE_NONE,
    /* Debezium's: "The 'NAME' value is invalid: …" */
    RULE_REQUIRED,
    RULE_INT,
    RULE_LONG,
    RULE_BOOL,
    RULE_CLASS,
    RULE_POS_INT,
    RULE_NAT_INT,
    RULE_POS_LONG,
    RULE_NAT_LONG,
    RULE_CHOICE,
    RULE_MAP,
    RULE_REGEX_LIST,
    RULE_EXCLUDES,
    RULE_NOT_EMPTY,
    RULE_TOPIC_PREFIX,
    RULE_HOST,
    RULE_SLOT,
    RULE_OPERATIONS,
    RULE_QUEUE_POSITIVE,
    RULE_QUEUE_SIZE,
    RULE_KEY_COLUMNS,
    RULE_IDENTITY,
    RULE_NOTIFICATION_TOPIC,
    /* Kafka Connect's: "Invalid value VALUE for configuration NAME: …" */
    RULE_NAME,
    RULE_CONNECT_INT,
    RULE_CONNECT_LONG,
    RULE_CONNECT_BOOL,
    RULE_CONNECT_MIN,
    RULE_CONNECT_NATURAL,
    RULE_CONNECT_CHOICE,
    RULE_CONNECT_CHOICE_ANY, /* case-insensitive */
    RULE_CONNECT_CLASS,
    RULE_CONNECT_NOT_EMPTY,
    RULE_CONNECT_REGEX,
    RULE_CONNECT_ONE_OF, /* the same as CHOICE, said otherwise */
    RULE_EXACTLY_ONCE,
    RULE_PLUGIN_VERSION,
    RULE_ALIASES,
};

struct definition {
    const char *name;
    const char *row; /* the property's name when it is not this one */
    const char *type;
    const char *def;
    const char *importance;
    const char *group;
    int order;
    const char *width;
    const char *display;
    bool required;
    uint8_t rules[3];
    const char *with;        /* what a rule needs: choices, the other property */
    const char *recommended; /* "a, b" */
    const char *dependents;
    bool hidden;    /* "visible":false */
    bool no_value;  /* Debezium has no value for it */
    bool trimmed;   /* its value counts without blanks around it */
    bool of_worker; /* the default is the worker's, so the plugin alone has none */
    const char *doc;
};

struct definition_table {
    const struct definition *rows;
    size_t n;
};
extern const struct definition_table definitions_worker, definitions_postgres;
extern const struct definition_table definitions_connector, definitions_events;

enum plugin_type {
    PLUGIN_SOURCE = 1 << 0,
    PLUGIN_TRANSFORMATION = 1 << 1,
    PLUGIN_PREDICATE = 1 << 2,
    PLUGIN_CONVERTER = 1 << 3,
    PLUGIN_HEADER_CONVERTER = 1 << 4,
};

struct plugin {
    const char *class_name;
    unsigned types;
    const char *version;
    struct definition_table properties;
};
/* By name. */
extern const struct plugin plugins_debezium[], plugins_kafka[];
extern const size_t plugins_debezium_n, plugins_kafka_n;

/* The connector, and the versions that are said to clients. */
#define CONNECTOR_CLASS "io.debezium.connector.postgresql.PostgresConnector"
#define CONNECTOR_VERSION "3.6.1.Final"

/* A row with everything filled in. */
struct definition_full {
    const char *name, *type, *def, *importance, *doc, *group, *width, *display, *dependents;
    bool required;
    int order;
};
/* order: of the row before in the same table and group; 0 at first. */
struct definition_full definition_fill(const struct definition *d, int order_before);
/* {"name":…,"type":…,…} */
void definition_write(struct buf *out, const struct definition_full *d);
/* "a, b" as ["a","b"]; NULL: []. */
void definition_write_list(struct buf *out, const char *list);

/* Class as given, its simple name ("PostgresConnector"), or that without "Connector"/"Converter"; NULL: none. */
const struct plugin *plugin_find(const char *name, unsigned types);
/* for (size_t i = 0; (p = plugin_next(&i, &kind));): by kind as Connect lists them, so a class of two kinds comes twice. */
const struct plugin *plugin_next(size_t *at, unsigned *kind);

#endif
