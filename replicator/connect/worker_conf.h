/*
 * The worker's configuration: from the environment contract of Debezium's Connect image, or a worker properties file.
 *
 *   CONNECT_<NAME>   any property: lower case, '_' becomes '.'
 *   GROUP_ID, BOOTSTRAP_SERVERS, …   the short forms (worker_conf.c has them all), which win over CONNECT_ of the same name
 *
 * Values are read as the image's script writes them, into lines of a properties file: only the first line of a value, and
 * its backslashes are escapes.
 */
#ifndef REPLICATOR_CONNECT_WORKER_CONF_H
#define REPLICATOR_CONNECT_WORKER_CONF_H

#include "base/err.h"
#include "base/prop.h"

extern const struct prop_table worker_prop_table;
/* NULL-terminated: the worker's own, the REST server's and the connection's to Kafka. */
extern const struct prop_table *const worker_conf_tables[];

/*
 * env: "NAME=value" texts, NULL-terminated. base: the properties file that variables stand in place of, as
 * /kafka/config/connect-distributed.properties in the image; NULL: the image's own.
 */
struct config *worker_conf_env(char *const *env, const char *base, struct err *e);
struct config *worker_conf_file(const char *path, struct err *e);
/* Logs every issue; false when one is an error. */
bool worker_conf_check(struct config *c, struct err *e);

/* host:port, which stands in statuses. Caller frees. */
char *worker_conf_id(const struct config *c);
/*
 * What the worker gives to each of its connectors that has nothing of its own: brokers, the connection's security,
 * producer.* as producer.override.*, converters.
 */
void worker_conf_apply(const struct config *worker, struct config *connector);

#endif
