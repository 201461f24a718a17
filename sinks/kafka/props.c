/* The rows that Kafka adds to a connector's configuration, and a librdkafka configuration made of what was given. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sinks/kafka/translate.h"
#include "sinks/sink.h"

#define OVERRIDE "producer.override."

/*
 * A prefix row's check is told the value only: its name is the one whose stored value this is. The same translation runs
 * again when the client is made, so a value cannot pass here and fail there.
 */
static bool
check_java(const struct config *c, const char *value, struct err *e)
{
    const char *key, *given;

    for (size_t i = 0; config_next(c, &i, &key, &given);) {
        struct kafka_translation t;
        bool ok;

        if (given != value)
            continue;
        if (strncmp(key, OVERRIDE, sizeof OVERRIDE - 1) == 0)
            key += sizeof OVERRIDE - 1;
        kafka_translate_init(&t);
        ok = kafka_translate(&t, key, value, e);
        rd_kafka_conf_destroy(t.rk);
        return ok;
    }
    return true;
}

/* A number of partitions or replicas: -1 leaves it to the broker. */
static bool
check_count(const struct config *c, const char *value, struct err *e)
{
    char *end;
    long n = strtol(value, &end, 10);

    (void)c;
    if (end == value || *end != '\0' || n < -1 || n == 0 || n > 100000)
        return err_set(e, ERR_CONFIG, "kafka.topic_creation",
                       "expected a positive number, or -1 for the broker's default");
    return true;
}

#define GROUP "Kafka"
#define CREATION "Topic Creation"

static const struct prop rows[] = {
    {.name = "bootstrap.servers",
     .type = PROP_STRING,
     .group = GROUP,
     .importance = PROP_HIGH,
     .doc = "Kafka brokers to start from, host:port separated by commas. Without it the "
            "environment variable "
            "BOOTSTRAP_SERVERS counts."},
    {.name = "security.protocol",
     .type = PROP_STRING,
     .group = GROUP,
     .importance = PROP_MEDIUM,
     .check = check_java,
     .doc = "How to talk to the brokers: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."},
    {.name = "sasl.mechanism",
     .type = PROP_STRING,
     .group = GROUP,
     .importance = PROP_MEDIUM,
     .check = check_java,
     .doc = "How to log in to the brokers: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or "
            "OAUTHBEARER."},
    {.name = "sasl.jaas.config",
     .type = PROP_PASSWORD,
     .group = GROUP,
     .importance = PROP_MEDIUM,
     .flags = PROP_SECRET,
     .check = check_java,
     .doc = "User and password as Java writes them: <login module> required username=\"...\" "
            "password=\"...\";. Plain and "
            "SCRAM login modules are understood."},
    {.name = "sasl.password",
     .type = PROP_PASSWORD,
     .group = GROUP,
     .importance = PROP_MEDIUM,
     .flags = PROP_SECRET,
     .doc = "The password, where sasl.username is used in place of sasl.jaas.config."},
    {.name = "sasl.",
     .type = PROP_STRING,
     .group = GROUP,
     .importance = PROP_LOW,
     .flags = PROP_PREFIX,
     .check = check_java,
     .doc = "Any other property of the Kafka client that begins so."},
    {.name = "ssl.truststore.location",
     .type = PROP_STRING,
     .group = GROUP,
     .importance = PROP_MEDIUM,
     .doc = "PEM file of the certificate authorities to trust; without it, the system's. Java key "
            "stores are refused with "
            "the command that turns them into PEM."},
    {.name = "ssl.keystore.location",
     .type = PROP_STRING,
     .group = GROUP,
     .importance = PROP_MEDIUM,
     .doc = "Our own certificate and key: a PEM file with both, or a PKCS#12 store."},
    {.name = "ssl.truststore.password",
     .type = PROP_PASSWORD,
     .group = GROUP,
     .importance = PROP_LOW,
     .flags = PROP_SECRET,
     .doc = "Password of the trust store; a PEM file needs none."},
    {.name = "ssl.truststore.certificates",
     .type = PROP_PASSWORD,
     .group = GROUP,
     .importance = PROP_LOW,
     .flags = PROP_SECRET,
     .doc = "The certificate authorities to trust, as PEM text."},
    {.name = "ssl.keystore.password",
     .type = PROP_PASSWORD,
     .group = GROUP,
     .importance = PROP_LOW,
     .flags = PROP_SECRET,
     .doc = "Password of the PKCS#12 store."},
    {.name = "ssl.keystore.key",
     .type = PROP_PASSWORD,
     .group = GROUP,
     .importance = PROP_LOW,
     .flags = PROP_SECRET,
     .doc = "Our private key, as PEM text."},
    {.name = "ssl.key.password",
     .type = PROP_PASSWORD,
     .group = GROUP,
     .importance = PROP_LOW,
     .flags = PROP_SECRET,
     .doc = "Password of our private key."},
    {.name = "ssl.key.pem",
     .type = PROP_PASSWORD,
     .group = GROUP,
     .importance = PROP_LOW,
     .flags = PROP_SECRET,
     .doc = "Our private key, as PEM text, by librdkafka's name."},
    {.name = "ssl.",
     .type = PROP_STRING,
     .group = GROUP,
     .importance = PROP_LOW,
     .flags = PROP_PREFIX,
     .check = check_java,
     .doc = "Any other property of the Kafka client that begins so."},
    {.name = OVERRIDE "sasl.jaas.config",
     .type = PROP_PASSWORD,
     .group = GROUP,
     .importance = PROP_MEDIUM,
     .flags = PROP_SECRET,
     .check = check_java,
     .doc = "sasl.jaas.config for the record producer alone."},
    {.name = OVERRIDE "sasl.password",
     .type = PROP_PASSWORD,
     .group = GROUP,
     .importance = PROP_LOW,
     .flags = PROP_SECRET,
     .doc = "sasl.password for the record producer alone."},
    {.name = OVERRIDE "ssl.truststore.password",
     .type = PROP_PASSWORD,
     .group = GROUP,
     .importance = PROP_LOW,
     .flags = PROP_SECRET,
     .doc = "ssl.truststore.password for the record producer alone."},
    {.name = OVERRIDE "ssl.truststore.certificates",
     .type = PROP_PASSWORD,
     .group = GROUP,
     .importance = PROP_LOW,
     .flags = PROP_SECRET,
     .doc = "ssl.truststore.certificates for the record producer alone."},
    {.name = OVERRIDE "ssl.keystore.password",
     .type = PROP_PASSWORD,
     .group = GROUP,
     .importance = PROP_LOW,
     .flags = PROP_SECRET,
     .doc = "ssl.keystore.password for the record producer alone."},
    {.name = OVERRIDE "ssl.keystore.key",
     .type = PROP_PASSWORD,
     .group = GROUP,
     .importance = PROP_LOW,
     .flags = PROP_SECRET,
     .doc = "ssl.keystore.key for the record producer alone."},
    {.name = OVERRIDE "ssl.key.password",
     .type = PROP_PASSWORD,
     .group = GROUP,
     .importance = PROP_LOW,
     .flags = PROP_SECRET,
     .doc = "ssl.key.password for the record producer alone."},
    {.name = OVERRIDE "ssl.key.pem",
     .type = PROP_PASSWORD,
     .group = GROUP,
     .importance = PROP_LOW,
     .flags = PROP_SECRET,
     .doc = "ssl.key.pem for the record producer alone."},
    {.name = OVERRIDE,
     .type = PROP_STRING,
     .group = GROUP,
     .importance = PROP_MEDIUM,
     .flags = PROP_PREFIX,
     .check = check_java,
     .doc = "A property of the record producer, by the Java producer's name or librdkafka's: "
            "linger.ms, batch.size, "
            "compression.type, buffer.memory (the queue; 8 MiB when not given), max.request.size, "
            "client.id and others."},
    {.name = "topic.creation.enable",
     .type = PROP_BOOL,
     .def = "true",
     .group = CREATION,
     .importance = PROP_LOW,
     .doc = "False leaves all topics to the brokers, whatever the other topic.creation properties "
            "say."},
    {.name = "topic.creation.groups",
     .type = PROP_LIST,
     .group = CREATION,
     .importance = PROP_LOW,
     .doc = "Names of groups of topics that are created with settings of their own, in the order "
            "in which they are asked."},
    {.name = "topic.creation.default.replication.factor",
     .type = PROP_INT,
     .group = CREATION,
     .importance = PROP_MEDIUM,
     .check = check_count,
     .doc = "Replicas of a topic that is created; -1: as the brokers say. Given together with "
            "topic.creation.default.partitions, topics are created before their first record."},
    {.name = "topic.creation.default.partitions",
     .type = PROP_INT,
     .group = CREATION,
     .importance = PROP_MEDIUM,
     .check = check_count,
     .doc = "Partitions of a topic that is created; -1: as the brokers say."},
    {.name = "topic.creation.",
     .type = PROP_STRING,
     .group = CREATION,
     .importance = PROP_LOW,
     .flags = PROP_PREFIX,
     .doc = "topic.creation.<group>.include, .exclude (comma lists of regular expressions that "
            "match whole topic names), "
            ".replication.factor, .partitions, and any topic setting such as .cleanup.policy. The "
            "group \"default\" takes "
            "what no other group takes."},
};

const struct prop_table kafka_prop_table = {rows, sizeof rows / sizeof *rows};

const char *
kafka_given(const struct config *c, const char *name)
{
    const char *key, *value;

    for (size_t i = 0; config_next(c, &i, &key, &value);)
        if (strcmp(key, name) == 0)
            return value;
    return NULL;
}

const char *
kafka_bootstrap(const struct config *c)
{
    const char *servers = kafka_given(c, "bootstrap.servers");

    for (size_t i = 0; i < 2 && (!servers || !*servers); i++)
        servers = getenv(i == 0 ? "BOOTSTRAP_SERVERS" : "CONNECT_BOOTSTRAP_SERVERS");
    return servers && *servers ? servers : NULL;
}

static bool
is_security(const char *name)
{
    return strncmp(name, "security.", 9) == 0 || strncmp(name, "sasl.", 5) == 0 ||
           strncmp(name, "ssl.", 4) == 0;
}

static bool
wanted(enum kafka_role role, const char *name)
{
    const struct kafka_java_prop *p = kafka_java_prop(name);

    return role == KAFKA_SINK || (p ? (p->flags & KAFKA_COMMON) != 0 : is_security(name));
}

static bool
apply(struct kafka_translation *t, const char *name, const char *value, const char *shown,
      struct err *e)
{
    const struct kafka_java_prop *p = kafka_java_prop(name);

    if (p && p->how == KAFKA_NOOP)
        log_debug("kafka: property \"%s\" has no effect: %s", shown, p->to);
    return kafka_translate(t, name, value, e) || err_wrap(e, "property \"%s\"", shown);
}

/* CONNECT_SASL_MECHANISM → sasl.mechanism, by the rule of the Connect image. A name that nobody knows is no error there. */
static bool
apply_environment(struct kafka_translation *t, const char *prefix, bool security_only,
                  enum kafka_role role, struct err *e)
{
    size_t n = strlen(prefix);

    for (char **v = environ; *v; v++) {
        const char *eq = strchr(*v, '=');
        char name[128], shown[160];
        size_t i = 0;

        if (strncmp(*v, prefix, n) != 0 || !eq || (size_t)(eq - *v) - n >= sizeof name)
            continue;
        for (const char *p = *v + n; p < eq; p++)
            name[i++] = *p == '_' ? '.' : (char)tolower((unsigned char)*p);
        name[i] = '\0';
        if ((security_only && !is_security(name)) || !wanted(role, name))
            continue;
        snprintf(shown, sizeof shown, "%.*s", (int)(eq - *v), *v);
        if (!apply(t, name, eq + 1, shown, e)) {
            if (!e || strcmp(e->code, "kafka.unknown_property") != 0)
                return false;
            log_warn("kafka: %s", e->msg);
            err_clear(e);
        }
    }
    return true;
}

/* The given properties: the connection's plain ones, or producer.override.* */
static bool
apply_given(struct kafka_translation *t, const struct config *c, bool override,
            enum kafka_role role, struct err *e)
{
    const char *key, *value;

    for (size_t i = 0; config_next(c, &i, &key, &value);) {
        const char *name = key;

        if (override) {
            if (strncmp(key, OVERRIDE, sizeof OVERRIDE - 1) != 0)
                continue;
            name += sizeof OVERRIDE - 1;
        } else if (!is_security(key)) {
            continue;
        }
        if (wanted(role, name) && !apply(t, name, value, key, e))
            return false;
    }
    return true;
}

static bool
apply_all(struct kafka_translation *t, const struct config *c, enum kafka_role role, struct err *e)
{
    /* What only the producer was told also opens the storage topics, but the worker's own settings count more. */
    if (role == KAFKA_STORE)
        return apply_given(t, c, true, role, e) &&
               apply_environment(t, "CONNECT_PRODUCER_", false, role, e) &&
               apply_environment(t, "CONNECT_", true, role, e) && apply_given(t, c, false, role, e);
    return apply_environment(t, "CONNECT_", true, role, e) &&
           apply_environment(t, "CONNECT_PRODUCER_", false, role, e) &&
           apply_given(t, c, false, role, e) && apply_given(t, c, true, role, e);
}

/* Before anything the user gave. */
static bool
apply_defaults(struct kafka_translation *t, const struct config *c, enum kafka_role role,
               struct err *e)
{
    static const struct {
        const char *name, *value;
    } defaults[] = {
        {"socket.keepalive.enable", "true"},
        {"socket.nagle.disable",
         "true"}, /* as Java's TCP_NODELAY: a small request leaves at once */
        {"log.queue", "true"},
        {"reconnect.backoff.ms", "50"},
        {"reconnect.backoff.max.ms", "1000"},
    };
    const char *servers = kafka_bootstrap(c);
    char client[200];

    if (!servers && !kafka_given(c, OVERRIDE "bootstrap.servers"))
        return err_set(
            e, ERR_CONFIG, "kafka.bootstrap",
            "no Kafka brokers are given: set bootstrap.servers in the connector's configuration, "
            "--set bootstrap.servers=host:port, or the environment variable BOOTSTRAP_SERVERS");
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        if (!kafka_set(t->rk, defaults[i].name, defaults[i].value, false, e))
            return err_wrap(e, "%s", defaults[i].name);
    snprintf(client, sizeof client,
             role == KAFKA_SINK ? "connector-producer-%.150s-0" : "%.150s-offsets", config_name(c));
    return kafka_set(t->rk, "client.id", client, false, e) &&
           (!servers || kafka_set(t->rk, "bootstrap.servers", servers, false, e));
}

/* What a user cannot change. */
static bool
apply_sink(struct kafka_translation *t, struct err *e)
{
    static const struct {
        const char *name, *value;
    } fixed[] = {
        {"acks", "all"},
        {"message.timeout.ms", "0"},
        {"partitioner", "murmur2_random"},
        {"queue.buffering.max.messages", "10000000"},
    };
    uint64_t queue = t->queue_bytes > t->max_request_bytes ? t->queue_bytes : t->max_request_bytes;
    char text[24];

    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (!kafka_set(t->rk, fixed[i].name, fixed[i].value, false, e))
            return err_wrap(e, "%s", fixed[i].name);
    /* Our own count is the limit; librdkafka's is only not to be in its way. */
    queue = queue / 1024 * 2 + 1024;
    snprintf(text, sizeof text, "%" PRIu64, queue > INT32_MAX ? INT32_MAX : queue);
    if (!kafka_set(t->rk, "queue.buffering.max.kbytes", text, false, e))
        return err_wrap(e, "buffer.memory");
    /* Java's limit is of one record and we check it as Java does; a batch needs a little more. */
    snprintf(text, sizeof text, "%" PRIu64,
             t->max_request_bytes < 999999000 ? t->max_request_bytes + 1000 : (uint64_t)1000000000);
    return kafka_set(t->rk, "message.max.bytes", text, false, e) || err_wrap(e, "max.request.size");
}

/* What librdkafka works with in the end, whoever set it. */
static double
conf_number(const rd_kafka_conf_t *rk, const char *name)
{
    char text[32] = "";
    size_t n = sizeof text;

    rd_kafka_conf_get(rk, name, text, &n);
    return strtod(text, NULL);
}

bool
kafka_conf_make(const struct config *c, enum kafka_role role, struct kafka_conf *out, struct err *e)
{
    struct kafka_translation t;
    bool ok;

    kafka_translate_init(&t);
    ok = apply_defaults(&t, c, role, e) &&
         (role == KAFKA_STORE || kafka_set(t.rk, "linger.ms", "5", false, e)) &&
         apply_all(&t, c, role, e);
    if (ok && role == KAFKA_SINK)
        ok = kafka_translate_end(&t, e) && apply_sink(&t, e);
    else if (ok)
        ok = kafka_auth_end(&t, e) && kafka_tls_end(&t, e);
    if (!ok) {
        rd_kafka_conf_destroy(t.rk);
        return false;
    }
    *out = (struct kafka_conf){.rk = t.rk,
                               .queue_bytes = t.queue_bytes,
                               .max_request_bytes = t.max_request_bytes,
                               .batch_bytes = (uint64_t)conf_number(t.rk, "batch.size"),
                               .linger_us = (int64_t)(conf_number(t.rk, "linger.ms") * 1000),
                               .idempotent = t.idempotent};
    return true;
}
