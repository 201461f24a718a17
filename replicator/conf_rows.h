/*
 * What the property tables (conf_debezium_*.c, conf_walbridge.c) are made of. A row whose effect comes later is refused or
 * without effect by its flags alone: to switch it on, remove PROP_REFUSED or PROP_NOOP and `see`.
 *
 *   PROP_REFUSED  set to anything but the default it would change what is delivered, and we cannot do it yet: an error
 *   PROP_NOOP     set to anything but the default it is accepted with a warning: nothing a consumer could notice
 *
 * Rows stand in the order of Debezium's own validate answer, group by group; `display` is NULL for names that it leaves
 * out.
 */
#ifndef REPLICATOR_CONF_ROWS_H
#define REPLICATOR_CONF_ROWS_H

#include "base/prop.h"
#include "decoder/settings.h"

/* The converter of a class name, the full one or its last part; false: not one of those that are built in. */
bool conf_converter(const char *class_name, enum converter *out);

/* Checks of single values, for `check` in the rows. */
typedef bool conf_rule(const struct config *c, const char *value, struct err *e);
conf_rule conf_rule_name;
conf_rule conf_rule_metric_tags;
conf_rule conf_rule_connector_class;
conf_rule conf_rule_converter;
conf_rule conf_rule_header_converter;
conf_rule conf_rule_topic_prefix;
conf_rule conf_rule_hostname;
conf_rule conf_rule_slot_name;
conf_rule conf_rule_identity_autoset;
conf_rule conf_rule_skipped_operations;
conf_rule conf_rule_snapshot_mode;
conf_rule conf_rule_new_tables;
conf_rule conf_rule_locking_mode;
conf_rule conf_rule_query_mode;
conf_rule conf_rule_placeholder;
conf_rule conf_rule_delimiter;
conf_rule conf_rule_naming;
conf_rule conf_rule_processors;
conf_rule conf_rule_regex_list;
conf_rule conf_rule_schema_exclude;
conf_rule conf_rule_table_exclude;
conf_rule conf_rule_column_exclude;
conf_rule conf_rule_message_exclude;
conf_rule conf_rule_key_columns;
conf_rule conf_rule_stream_params;
conf_rule conf_rule_topic;
conf_rule conf_rule_signal_table;
conf_rule conf_rule_signal_channels;
conf_rule conf_rule_notification_channels;

#endif
