/* Java producer properties as librdkafka's: the table, and what is worked out of several properties together. */
#ifndef SINKS_KAFKA_TRANSLATE_H
#define SINKS_KAFKA_TRANSLATE_H

#include <stddef.h>
#include <stdint.h>

#include "sinks/kafka/client.h"

/* A TLS store as Java names its parts. Values point into the configuration or the environment. */
struct kafka_tls_store {
    const char *location, *password, *type, *key_password;
    const char *pem,
        *key_pem; /* ssl.truststore.certificates or ssl.keystore.certificate.chain; ssl.keystore.key */
};

/* What cannot be said by one librdkafka property is gathered here and settled at the end. */
struct kafka_translation {
    rd_kafka_conf_t *rk;
    bool idempotence_given, idempotent;
    int64_t in_flight; /* 0: not given */
    uint64_t queue_bytes, max_request_bytes;
    const char *mechanism, *jaas;
    struct kafka_tls_store trust, key;
};

enum kafka_prop_how {
    KAFKA_MAPPED,  /* to: librdkafka's name */
    KAFKA_CALLED,  /* run works it out */
    KAFKA_NOOP,    /* accepted without effect; to: why */
    KAFKA_REFUSED, /* to: why, and what instead */
};

enum { KAFKA_COMMON = 1 /* belongs to the connection: also for the stores */, KAFKA_SECRET = 2 };

struct kafka_java_prop {
    const char *name;
    enum kafka_prop_how how;
    const char *to;
    bool (*run)(struct kafka_translation *t, const char *value, struct err *e);
    unsigned flags;
};

extern const struct kafka_java_prop kafka_java_props[];
extern const size_t kafka_njava_props;

const struct kafka_java_prop *kafka_java_prop(const char *name); /* NULL: no row */

void kafka_translate_init(struct kafka_translation *t);
/* One property; the message leaves its name out. Values must outlive the translation. */
bool kafka_translate(struct kafka_translation *t, const char *name, const char *value,
                     struct err *e);
/* Settles what depends on several properties. */
bool kafka_translate_end(struct kafka_translation *t, struct err *e);

/* auth.c: the parts of kafka_translate_end. */
bool kafka_auth_end(struct kafka_translation *t, struct err *e);
bool kafka_tls_end(struct kafka_translation *t, struct err *e);

/* A JAAS entry: `<class> required key="value" …;`. Fills username and password (of size n each). */
bool kafka_jaas_parse(const char *jaas, char *module, char *username, char *password, size_t n,
                      struct err *e);

/* rd_kafka_conf_set with our error; the value is left out of it when secret. */
bool kafka_set(rd_kafka_conf_t *rk, const char *name, const char *value, bool secret,
               struct err *e);

#endif
