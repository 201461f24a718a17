#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sinks/kafka/translate.h"

/* Java's defaults, except for the queue: 8 MB keeps the process small and is as fast as 64. */
enum {
    DEFAULT_QUEUE_BYTES = 8 << 20,
    DEFAULT_MAX_REQUEST_BYTES = 1 << 20,
    MAX_REQUEST_BYTES = 1000000000
};

bool
kafka_set(rd_kafka_conf_t *rk, const char *name, const char *value, bool secret, struct err *e)
{
    char text[300];

    switch (rd_kafka_conf_set(rk, name, value, text, sizeof text)) {
    case RD_KAFKA_CONF_OK:
        return true;
    case RD_KAFKA_CONF_UNKNOWN:
        return err_set(e, ERR_CONFIG, "kafka.unknown_property",
                       "is known neither to the Kafka producer nor to librdkafka");
    case RD_KAFKA_CONF_INVALID:
        break;
    }
    if (secret)
        return err_set(e, ERR_CONFIG, "kafka.property", "has a value that is not valid");
    return err_set(e, ERR_CONFIG, "kafka.property", "%s", text);
}

static bool
set_int(struct kafka_translation *t, const char *name, int64_t v, struct err *e)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, v);
    return kafka_set(t->rk, name, text, false, e);
}

static bool
parse_int(const char *value, int64_t min, int64_t max, int64_t *out, struct err *e)
{
    char *end;

    errno = 0;
    *out = strtoll(value, &end, 10);
    if (end == value || *end != '\0' || errno != 0 || *out < min || *out > max)
        return err_set(e, ERR_CONFIG, "kafka.property",
                       "got \"%.60s\", expected a whole number from %" PRId64 " to %" PRId64, value,
                       min, max);
    return true;
}

static bool
run_acks(struct kafka_translation *t, const char *v, struct err *e)
{
    (void)t;
    if (strcasecmp(v, "all") == 0 || strcmp(v, "-1") == 0)
        return true;
    return err_set(e, ERR_CONFIG, "kafka.property",
                   "got \"%.60s\", only \"all\" is allowed: with less, a record that was "
                   "acknowledged is lost when its "
                   "leader fails, and the slot has already moved on",
                   v);
}

static bool
run_idempotence(struct kafka_translation *t, const char *v, struct err *e)
{
    bool on = strcasecmp(v, "true") == 0;

    if (!on && strcasecmp(v, "false") != 0)
        return err_set(e, ERR_CONFIG, "kafka.property", "got \"%.60s\", expected true or false", v);
    t->idempotence_given = true;
    t->idempotent = on;
    return true;
}

static bool
run_in_flight(struct kafka_translation *t, const char *v, struct err *e)
{
    return parse_int(v, 1, 1000000, &t->in_flight, e);
}

static bool
run_retries(struct kafka_translation *t, const char *v, struct err *e)
{
    int64_t n;

    (void)t;
    if (!parse_int(v, 0, INT32_MAX, &n, e))
        return false;
    if (n == 0)
        return err_set(e, ERR_CONFIG, "kafka.property",
                       "0 would fail the connector at every change of a leader; leave it out: "
                       "walbridge retries for ever");
    return true;
}

static bool
run_queue(struct kafka_translation *t, const char *v, struct err *e)
{
    int64_t n;

    if (!parse_int(v, 0, INT64_C(1) << 40, &n, e))
        return false;
    /* Less than a batch would only cost requests. */
    t->queue_bytes = n < 65536 ? 65536 : (uint64_t)n;
    return true;
}

static bool
run_queue_kbytes(struct kafka_translation *t, const char *v, struct err *e)
{
    int64_t n;

    if (!parse_int(v, 1, INT32_MAX, &n, e))
        return false;
    t->queue_bytes = (uint64_t)n * 1024;
    return true;
}

static bool
run_max_request(struct kafka_translation *t, const char *v, struct err *e)
{
    int64_t n;

    if (!parse_int(v, 1000, MAX_REQUEST_BYTES, &n, e))
        return false;
    t->max_request_bytes = (uint64_t)n;
    return true;
}

static bool
run_batch_size(struct kafka_translation *t, const char *v, struct err *e)
{
    int64_t n;

    /* Java: 0 means no batching. */
    return parse_int(v, 0, INT32_MAX, &n, e) && set_int(t, "batch.size", n < 1 ? 1 : n, e);
}

static bool
run_socket_buffer(struct kafka_translation *t, const char *name, const char *v, struct err *e)
{
    int64_t n;

    /* Java: -1 leaves it to the system; librdkafka says 0. */
    return parse_int(v, -1, 100000000, &n, e) && set_int(t, name, n < 0 ? 0 : n, e);
}

static bool
run_send_buffer(struct kafka_translation *t, const char *v, struct err *e)
{
    return run_socket_buffer(t, "socket.send.buffer.bytes", v, e);
}

static bool
run_receive_buffer(struct kafka_translation *t, const char *v, struct err *e)
{
    return run_socket_buffer(t, "socket.receive.buffer.bytes", v, e);
}

/* How long one request may take: librdkafka tells the broker one number and keeps the other for itself. */
static bool
run_request_timeout(struct kafka_translation *t, const char *v, struct err *e)
{
    int64_t ms;

    return parse_int(v, 1, 300000 - 1000, &ms, e) && set_int(t, "request.timeout.ms", ms, e) &&
           set_int(t, "socket.timeout.ms", ms + 1000, e);
}

static bool
run_metadata_age(struct kafka_translation *t, const char *v, struct err *e)
{
    int64_t ms;

    /* librdkafka wants at least 10 ms between refreshes. */
    return parse_int(v, 0, 3600000, &ms, e) &&
           set_int(t, "topic.metadata.refresh.interval.ms", ms < 10 ? 10 : ms, e);
}

static bool
run_idle(struct kafka_translation *t, const char *v, struct err *e)
{
    int64_t ms;

    /* Java: a negative number never closes; librdkafka says 0. */
    return parse_int(v, INT64_MIN + 1, INT32_MAX, &ms, e) &&
           set_int(t, "connections.max.idle.ms", ms < 0 ? 0 : ms, e);
}

static bool
run_partitioner_class(struct kafka_translation *t, const char *v, struct err *e)
{
    (void)t;
    if (*v == '\0' ||
        strcmp(v, "org.apache.kafka.clients.producer.internals.DefaultPartitioner") == 0)
        return true;
    return err_set(e, ERR_CONFIG, "kafka.property",
                   "\"%.200s\" is not supported: keys go to partitions as the Java default does it "
                   "(murmur2); any other way "
                   "would put a key's records into two partitions",
                   v);
}

static bool
run_partitioner(struct kafka_translation *t, const char *v, struct err *e)
{
    (void)t;
    if (strcmp(v, "murmur2_random") == 0 || strcmp(v, "murmur2") == 0)
        return true;
    return err_set(
        e, ERR_CONFIG, "kafka.property",
        "got \"%.60s\", only murmur2_random is allowed: it is what the Java producer does", v);
}

static bool
run_ignore_keys(struct kafka_translation *t, const char *v, struct err *e)
{
    (void)t;
    if (strcasecmp(v, "false") == 0)
        return true;
    return err_set(e, ERR_CONFIG, "kafka.property", "would lose the order of a key's records");
}

static bool
run_verification(struct kafka_translation *t, const char *v, struct err *e)
{
    (void)t;
    if (strcasecmp(v, "true") == 0)
        return true;
    return err_set(e, ERR_CONFIG, "kafka.property",
                   "would talk to anybody who answers; give the certificate authority in "
                   "ssl.ca.location instead");
}

static bool
run_identification(struct kafka_translation *t, const char *v, struct err *e)
{
    return kafka_set(t->rk, "ssl.endpoint.identification.algorithm", *v == '\0' ? "none" : v, false,
                     e);
}

static bool
run_mechanism(struct kafka_translation *t, const char *v, struct err *e)
{
    static const char *const known[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI",
                                        "OAUTHBEARER"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(v, known[i]) == 0) {
            t->mechanism = known[i];
            return true;
        }
    return err_set(
        e, ERR_CONFIG, "kafka.property",
        "got \"%.60s\", expected PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or OAUTHBEARER%s", v,
        strcasecmp(v, "AWS_MSK_IAM") == 0
            ? " (Amazon MSK: use its SCRAM listener, port 9096, or mutual TLS, port 9094)"
            : "");
}

#define KEEP(fn, member)                                                                           \
    static bool fn(struct kafka_translation *t, const char *v, struct err *e)                      \
    {                                                                                              \
        (void)e;                                                                                   \
        t->member = v;                                                                             \
        return true;                                                                               \
    }
KEEP(run_jaas, jaas)
KEEP(run_trust_location, trust.location)
KEEP(run_trust_password, trust.password)
KEEP(run_trust_type, trust.type)
KEEP(run_trust_pem, trust.pem)
KEEP(run_key_location, key.location)
KEEP(run_key_password_store, key.password)
KEEP(run_key_type, key.type)
KEEP(run_key_chain, key.pem)
KEEP(run_key_pem, key.key_pem)
KEEP(run_key_password, key.key_password)
#undef KEEP

#define NO_JVM "belongs to the JVM"
#define NEVER_GIVES_UP                                                                             \
    "walbridge never gives a record up: the queue fills, and the slot keeps what is not delivered"
#define LOADS_CODE "loads code into the process or runs a command"
#define JAVA_CLASS "names a Java class"
#define OWN_BUSINESS "walbridge sets it itself"

/* In the order of Kafka's own reference; after them librdkafka's names that need a word. */
const struct kafka_java_prop kafka_java_props[] = {
    {"bootstrap.servers", KAFKA_MAPPED, "bootstrap.servers", NULL, KAFKA_COMMON},
    {"acks", KAFKA_CALLED, NULL, run_acks, 0},
    {"request.required.acks", KAFKA_CALLED, NULL, run_acks, 0},
    {"batch.size", KAFKA_CALLED, NULL, run_batch_size, 0},
    {"buffer.memory", KAFKA_CALLED, NULL, run_queue, 0},
    {"client.dns.lookup", KAFKA_NOOP, "all addresses of a name are tried in turn", NULL,
     KAFKA_COMMON},
    {"client.id", KAFKA_MAPPED, "client.id", NULL, 0},
    {"client.rack", KAFKA_NOOP, "a producer always writes to the leader", NULL, 0},
    {"compression.type", KAFKA_MAPPED, "compression.type", NULL, 0},
    {"compression.gzip.level", KAFKA_MAPPED, "compression.level", NULL, 0},
    {"compression.lz4.level", KAFKA_MAPPED, "compression.level", NULL, 0},
    {"compression.zstd.level", KAFKA_MAPPED, "compression.level", NULL, 0},
    {"connections.max.idle.ms", KAFKA_CALLED, NULL, run_idle, KAFKA_COMMON},
    {"delivery.timeout.ms", KAFKA_NOOP, NEVER_GIVES_UP, NULL, 0},
    {"enable.idempotence", KAFKA_CALLED, NULL, run_idempotence, 0},
    {"enable.metrics.push", KAFKA_NOOP, NO_JVM, NULL, 0},
    {"interceptor.classes", KAFKA_REFUSED,
     JAVA_CLASS " that would see and change records; use a transform", NULL, 0},
    {"key.serializer", KAFKA_NOOP, "bytes are written as the converter makes them", NULL, 0},
    {"value.serializer", KAFKA_NOOP, "bytes are written as the converter makes them", NULL, 0},
    {"linger.ms", KAFKA_MAPPED, "linger.ms", NULL, 0},
    {"max.block.ms", KAFKA_NOOP, "nothing blocks: " NEVER_GIVES_UP, NULL, 0},
    {"max.in.flight.requests.per.connection", KAFKA_CALLED, NULL, run_in_flight, 0},
    {"max.request.size", KAFKA_CALLED, NULL, run_max_request, 0},
    {"metadata.max.age.ms", KAFKA_CALLED, NULL, run_metadata_age, 0},
    {"metadata.max.idle.ms", KAFKA_NOOP, "topics are kept as long as the connector runs", NULL, 0},
    {"metadata.recovery.strategy", KAFKA_NOOP, "bootstrap.servers are always tried again", NULL,
     KAFKA_COMMON},
    {"metadata.recovery.rebootstrap.trigger.ms", KAFKA_NOOP,
     "bootstrap.servers are always tried again", NULL, KAFKA_COMMON},
    {"metric.reporters", KAFKA_NOOP, NO_JVM, NULL, 0},
    {"auto.include.jmx.reporter", KAFKA_NOOP, NO_JVM, NULL, 0},
    {"metrics.num.samples", KAFKA_NOOP, NO_JVM, NULL, 0},
    {"metrics.recording.level", KAFKA_NOOP, NO_JVM, NULL, 0},
    {"metrics.sample.window.ms", KAFKA_NOOP, NO_JVM, NULL, 0},
    {"partitioner.adaptive.partitioning.enable", KAFKA_NOOP,
     "records without a key are spread at random", NULL, 0},
    {"partitioner.availability.timeout.ms", KAFKA_NOOP,
     "records without a key are spread at random", NULL, 0},
    {"partitioner.class", KAFKA_CALLED, NULL, run_partitioner_class, 0},
    {"partitioner.ignore.keys", KAFKA_CALLED, NULL, run_ignore_keys, 0},
    {"receive.buffer.bytes", KAFKA_CALLED, NULL, run_receive_buffer, KAFKA_COMMON},
    {"send.buffer.bytes", KAFKA_CALLED, NULL, run_send_buffer, KAFKA_COMMON},
    {"reconnect.backoff.ms", KAFKA_MAPPED, "reconnect.backoff.ms", NULL, KAFKA_COMMON},
    {"reconnect.backoff.max.ms", KAFKA_MAPPED, "reconnect.backoff.max.ms", NULL, KAFKA_COMMON},
    {"request.timeout.ms", KAFKA_CALLED, NULL, run_request_timeout, 0},
    {"retries", KAFKA_CALLED, NULL, run_retries, 0},
    {"retry.backoff.ms", KAFKA_MAPPED, "retry.backoff.ms", NULL, 0},
    {"retry.backoff.max.ms", KAFKA_NOOP, "the wait between two tries does not grow", NULL, 0},
    {"socket.connection.setup.timeout.ms", KAFKA_MAPPED, "socket.connection.setup.timeout.ms", NULL,
     KAFKA_COMMON},
    {"socket.connection.setup.timeout.max.ms", KAFKA_NOOP, "the time to connect does not grow",
     NULL, KAFKA_COMMON},
    {"transactional.id", KAFKA_REFUSED,
     "would promise what is not done: records are not written in Kafka transactions", NULL, 0},
    {"transaction.timeout.ms", KAFKA_NOOP, "records are not written in Kafka transactions", NULL,
     0},

    {"security.protocol", KAFKA_MAPPED, "security.protocol", NULL, KAFKA_COMMON},
    {"security.providers", KAFKA_REFUSED, JAVA_CLASS, NULL, KAFKA_COMMON},
    {"sasl.mechanism", KAFKA_CALLED, NULL, run_mechanism, KAFKA_COMMON},
    {"sasl.mechanisms", KAFKA_CALLED, NULL, run_mechanism, KAFKA_COMMON},
    {"sasl.jaas.config", KAFKA_CALLED, NULL, run_jaas, KAFKA_COMMON | KAFKA_SECRET},
    {"sasl.username", KAFKA_MAPPED, "sasl.username", NULL, KAFKA_COMMON},
    {"sasl.password", KAFKA_MAPPED, "sasl.password", NULL, KAFKA_COMMON | KAFKA_SECRET},
    {"sasl.client.callback.handler.class", KAFKA_REFUSED,
     JAVA_CLASS "; PLAIN and SCRAM work without it (Amazon MSK: SCRAM on port 9096 or mutual TLS "
                "on port 9094)",
     NULL, KAFKA_COMMON},
    {"sasl.login.callback.handler.class", KAFKA_REFUSED,
     JAVA_CLASS "; PLAIN and SCRAM work without it", NULL, KAFKA_COMMON},
    {"sasl.login.class", KAFKA_REFUSED, JAVA_CLASS "; PLAIN and SCRAM work without it", NULL,
     KAFKA_COMMON},
    {"sasl.kerberos.service.name", KAFKA_MAPPED, "sasl.kerberos.service.name", NULL, KAFKA_COMMON},
    {"sasl.kerberos.kinit.cmd", KAFKA_REFUSED, LOADS_CODE, NULL, KAFKA_COMMON},
    {"sasl.login.connect.timeout.ms", KAFKA_NOOP, NO_JVM, NULL, KAFKA_COMMON},
    {"sasl.login.read.timeout.ms", KAFKA_NOOP, NO_JVM, NULL, KAFKA_COMMON},
    {"sasl.login.refresh.buffer.seconds", KAFKA_NOOP, NO_JVM, NULL, KAFKA_COMMON},
    {"sasl.login.refresh.min.period.seconds", KAFKA_NOOP, NO_JVM, NULL, KAFKA_COMMON},
    {"sasl.login.refresh.window.factor", KAFKA_NOOP, NO_JVM, NULL, KAFKA_COMMON},
    {"sasl.login.refresh.window.jitter", KAFKA_NOOP, NO_JVM, NULL, KAFKA_COMMON},
    {"sasl.login.retry.backoff.ms", KAFKA_NOOP, NO_JVM, NULL, KAFKA_COMMON},
    {"sasl.login.retry.backoff.max.ms", KAFKA_NOOP, NO_JVM, NULL, KAFKA_COMMON},

    {"ssl.truststore.location", KAFKA_CALLED, NULL, run_trust_location, KAFKA_COMMON},
    {"ssl.truststore.password", KAFKA_CALLED, NULL, run_trust_password,
     KAFKA_COMMON | KAFKA_SECRET},
    {"ssl.truststore.type", KAFKA_CALLED, NULL, run_trust_type, KAFKA_COMMON},
    {"ssl.truststore.certificates", KAFKA_CALLED, NULL, run_trust_pem, KAFKA_COMMON | KAFKA_SECRET},
    {"ssl.keystore.location", KAFKA_CALLED, NULL, run_key_location, KAFKA_COMMON},
    {"ssl.keystore.password", KAFKA_CALLED, NULL, run_key_password_store,
     KAFKA_COMMON | KAFKA_SECRET},
    {"ssl.keystore.type", KAFKA_CALLED, NULL, run_key_type, KAFKA_COMMON},
    {"ssl.keystore.certificate.chain", KAFKA_CALLED, NULL, run_key_chain, KAFKA_COMMON},
    {"ssl.keystore.key", KAFKA_CALLED, NULL, run_key_pem, KAFKA_COMMON | KAFKA_SECRET},
    {"ssl.key.password", KAFKA_CALLED, NULL, run_key_password, KAFKA_COMMON | KAFKA_SECRET},
    {"ssl.key.pem", KAFKA_MAPPED, "ssl.key.pem", NULL, KAFKA_COMMON | KAFKA_SECRET},
    {"ssl.endpoint.identification.algorithm", KAFKA_CALLED, NULL, run_identification, KAFKA_COMMON},
    {"ssl.cipher.suites", KAFKA_MAPPED, "ssl.cipher.suites", NULL, KAFKA_COMMON},
    {"ssl.enabled.protocols", KAFKA_NOOP, "OpenSSL's policy on this machine decides", NULL,
     KAFKA_COMMON},
    {"ssl.protocol", KAFKA_NOOP, "OpenSSL's policy on this machine decides", NULL, KAFKA_COMMON},
    {"ssl.provider", KAFKA_NOOP, NO_JVM, NULL, KAFKA_COMMON},
    {"ssl.keymanager.algorithm", KAFKA_NOOP, NO_JVM, NULL, KAFKA_COMMON},
    {"ssl.trustmanager.algorithm", KAFKA_NOOP, NO_JVM, NULL, KAFKA_COMMON},
    {"ssl.secure.random.implementation", KAFKA_NOOP, NO_JVM, NULL, KAFKA_COMMON},
    {"ssl.engine.factory.class", KAFKA_REFUSED, JAVA_CLASS, NULL, KAFKA_COMMON},

    {"message.max.bytes", KAFKA_CALLED, NULL, run_max_request, 0},
    {"queue.buffering.max.kbytes", KAFKA_CALLED, NULL, run_queue_kbytes, 0},
    {"queue.buffering.max.messages", KAFKA_NOOP, "the queue is bounded in bytes: buffer.memory",
     NULL, 0},
    {"max.in.flight", KAFKA_CALLED, NULL, run_in_flight, 0},
    {"message.send.max.retries", KAFKA_CALLED, NULL, run_retries, 0},
    {"message.timeout.ms", KAFKA_NOOP, NEVER_GIVES_UP, NULL, 0},
    {"partitioner", KAFKA_CALLED, NULL, run_partitioner, 0},
    {"enable.gapless.guarantee", KAFKA_NOOP, OWN_BUSINESS, NULL, 0},
    {"statistics.interval.ms", KAFKA_NOOP, "nobody reads them", NULL, 0},
    {"delivery.report.only.error", KAFKA_REFUSED,
     "would leave nothing to acknowledge to the server", NULL, 0},
    {"log.queue", KAFKA_NOOP, OWN_BUSINESS, NULL, 0},
    {"plugin.library.paths", KAFKA_REFUSED, LOADS_CODE, NULL, KAFKA_COMMON},
    {"ssl.engine.location", KAFKA_REFUSED, LOADS_CODE, NULL, KAFKA_COMMON},
    {"ssl.engine.id", KAFKA_REFUSED, LOADS_CODE, NULL, KAFKA_COMMON},
    {"ssl.providers", KAFKA_REFUSED, LOADS_CODE, NULL, KAFKA_COMMON},
    {"enable.ssl.certificate.verification", KAFKA_CALLED, NULL, run_verification, KAFKA_COMMON},
};
const size_t kafka_njava_props = sizeof kafka_java_props / sizeof *kafka_java_props;

const struct kafka_java_prop *
kafka_java_prop(const char *name)
{
    for (size_t i = 0; i < kafka_njava_props; i++)
        if (strcmp(kafka_java_props[i].name, name) == 0)
            return &kafka_java_props[i];
    return NULL;
}

void
kafka_translate_init(struct kafka_translation *t)
{
    *t = (struct kafka_translation){.rk = rd_kafka_conf_new(),
                                    .idempotent = true,
                                    .queue_bytes = DEFAULT_QUEUE_BYTES,
                                    .max_request_bytes = DEFAULT_MAX_REQUEST_BYTES};
}

/* The known name that differs least from what was given; NULL when none is near. */
static const char *
nearest(const char *name)
{
    size_t n = strlen(name), best = 4;
    const char *found = NULL;

    if (n >= 64)
        return NULL;
    for (size_t r = 0; r < kafka_njava_props; r++) {
        const char *other = kafka_java_props[r].name;
        size_t m = strlen(other), row[65];

        for (size_t i = 0; i <= n; i++)
            row[i] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t diagonal = row[0];

            row[0] = j;
            for (size_t i = 1; i <= n; i++) {
                size_t change = diagonal + (name[i - 1] != other[j - 1]);

                diagonal = row[i];
                row[i] = row[i] + 1 < change ? row[i] + 1 : change;
                row[i] = row[i - 1] + 1 < row[i] ? row[i - 1] + 1 : row[i];
            }
        }
        if (row[n] < best) {
            best = row[n];
            found = other;
        }
    }
    return found;
}

bool
kafka_translate(struct kafka_translation *t, const char *name, const char *value, struct err *e)
{
    const struct kafka_java_prop *p = kafka_java_prop(name);
    const char *near;

    /* Without a row librdkafka's own names are left, whose values may be secrets we do not know of. */
    if (!p) {
        if (kafka_set(t->rk, name, value, true, e))
            return true;
        if (e && strcmp(e->code, "kafka.unknown_property") == 0 && (near = nearest(name)))
            return err_set(
                e, ERR_CONFIG, "kafka.unknown_property",
                "is known neither to the Kafka producer nor to librdkafka; did you mean \"%s\"?",
                near);
        return false;
    }
    switch (p->how) {
    case KAFKA_NOOP:
        return true;
    case KAFKA_REFUSED:
        return err_set(e, ERR_CONFIG, "kafka.refused", "is refused: it %s", p->to);
    case KAFKA_MAPPED:
        return kafka_set(t->rk, p->to, value, (p->flags & KAFKA_SECRET) != 0, e);
    case KAFKA_CALLED:
        return p->run(t, value, e);
    }
    return false;
}

/* Order per key is safe with one request in flight, or with an idempotent producer and up to five. */
static bool
settle_idempotence(struct kafka_translation *t, struct err *e)
{
    if (t->idempotent && t->in_flight > 5)
        return err_set(e, ERR_CONFIG, "kafka.refused",
                       "property \"max.in.flight.requests.per.connection\": got %" PRId64
                       ", an idempotent producer allows at most 5",
                       t->in_flight);
    if (!t->idempotent && t->in_flight > 1)
        return err_set(e, ERR_CONFIG, "kafka.refused",
                       "property \"enable.idempotence\"=false with %" PRId64
                       " requests in flight would change the order of a key's records when one is "
                       "retried; set "
                       "max.in.flight.requests.per.connection=1 or leave both out",
                       t->in_flight);
    if (t->in_flight == 0)
        t->in_flight = t->idempotent ? 5 : 1;
    return kafka_set(t->rk, "enable.idempotence", t->idempotent ? "true" : "false", false, e) &&
           set_int(t, "max.in.flight.requests.per.connection", t->in_flight, e);
}

bool
kafka_translate_end(struct kafka_translation *t, struct err *e)
{
    return settle_idempotence(t, e) && kafka_auth_end(t, e) && kafka_tls_end(t, e);
}
