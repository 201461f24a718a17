/*
 * librdkafka clients made from a connector's configuration: names of the Java producer translated to librdkafka's, the
 * defaults of a Connect worker, and the class of every error. Shared by the sink and by the stores under
 * replicator/kafka/.
 */
#ifndef SINKS_KAFKA_CLIENT_H
#define SINKS_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>

#include "base/err.h"
#include "base/log.h"
#include "base/prop.h"

enum kafka_role {
    KAFKA_SINK, /* the record producer: bootstrap.servers, producer settings, producer.override.* */
    KAFKA_STORE, /* storage topics: bootstrap.servers and the connection's security only, as a Connect worker does */
};

struct kafka_conf {
    rd_kafka_conf_t
        *rk; /* owned by the caller: rd_kafka_new takes it, else rd_kafka_conf_destroy */
    uint64_t queue_bytes;       /* buffer.memory */
    uint64_t max_request_bytes; /* max.request.size */
    uint64_t batch_bytes;       /* batch.size */
    int64_t linger_us;          /* linger.ms */
    bool idempotent;
};

/*
 * Sources, later ones win: CONNECT_SECURITY_, CONNECT_SASL_ and CONNECT_SSL_ variables, CONNECT_PRODUCER_ variables, plain
 * security., sasl. and ssl. properties, producer.override.*. False: nothing is left to free.
 */
bool kafka_conf_make(const struct config *c, enum kafka_role role, struct kafka_conf *out,
                     struct err *e);

/* The brokers: bootstrap.servers, else BOOTSTRAP_SERVERS, else CONNECT_BOOTSTRAP_SERVERS; NULL: none is given. */
const char *kafka_bootstrap(const struct config *c);

/* A value given in the configuration, NULL when absent: unlike config_str it does not need the name in a table. */
const char *kafka_given(const struct config *c, const char *name);

/* Class of a librdkafka or broker error. Codes without a row pass by themselves: ERR_RETRY. */
enum err_class kafka_err_class(rd_kafka_resp_err_t code);
/* Sets e from a code: "<what>: <text of the code>; <hint of the table>"; always returns false. */
bool kafka_err(struct err *e, rd_kafka_resp_err_t code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* librdkafka's syslog level → ours. */
enum log_level kafka_log_level(int syslog_level);
void kafka_log_event(rd_kafka_event_t *ev);

#endif
