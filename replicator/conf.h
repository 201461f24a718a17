/*
 * A connector's configuration: the tables of every Debezium PostgreSQL property, ours, the sinks'; reading files; and the
 * values worked out of it.
 */
#ifndef REPLICATOR_CONF_H
#define REPLICATOR_CONF_H

#include "base/prop.h"
#include "decoder/settings.h"

/* Debezium's, by the groups of its own documentation, and the names it had once. */
extern const struct prop_table debezium_common_table;
extern const struct prop_table debezium_postgres_table;
extern const struct prop_table debezium_connector_table;
extern const struct prop_table debezium_events_table;
extern const struct prop_table debezium_old_table;
extern const struct prop_table walbridge_prop_table;
/* All of a connector's tables, NULL-terminated: Debezium's, ours, the sinks'. */
extern const struct prop_table *const conf_tables[];

/*
 * Reads connector JSON {"name","config"}, flat JSON or a properties file; path "-" is standard input. Variables
 * in values are filled in (conf_provider.h); BOOTSTRAP_SERVERS fills bootstrap.servers when the file has none.
 * The connector's name is the file's, else its topic prefix, else the file name. The configuration is not yet validated.
 */
struct config *conf_read(const char *path, struct err *e);
/* The same from memory; origin names it in messages and, at last, the connector. */
struct config *conf_parse(const char *text, size_t n, const char *origin, struct err *e);
/* Logs every issue; false when one is an error, e then says how many. */
bool conf_check(struct config *c, struct err *e);
/* Fills the decoder's settings from a validated configuration; strings point into c. */
void conf_settings(const struct config *c, struct settings *out);

#endif
