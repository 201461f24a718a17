/*
 * A connector's configuration: the table of every Debezium PostgreSQL property, ours, the sinks'; reading files; and the
 * values worked out of it.
 */
#ifndef REPLICATOR_CONF_H
#define REPLICATOR_CONF_H

#include "base/prop.h"
#include "decoder/settings.h"

extern const struct prop_table debezium_prop_table;
extern const struct prop_table walbridge_prop_table;
/* All of a connector's tables, NULL-terminated: Debezium's, ours, the sinks'. */
extern const struct prop_table *const conf_tables[];

/*
 * Reads connector JSON {"name","config"}, flat JSON or a properties file; path "-" is standard input. A value
 * "${env:NAME}" is replaced by the environment variable. The configuration is not yet validated.
 */
struct config *conf_read(const char *path, struct err *e);
/* Logs every issue; false when one is an error, e then says how many. */
bool conf_check(struct config *c, struct err *e);
/* Fills the decoder's settings; strings point into c. */
void conf_settings(const struct config *c, struct settings *out);

#endif
