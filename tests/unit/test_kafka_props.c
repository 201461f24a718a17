/* Java's producer properties, JAAS lines, error classes, record sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "sinks/kafka/errors.h"
#include "sinks/kafka/size.h"
#include "sinks/kafka/topic.h"
#include "sinks/kafka/translate.h"
#include "sinks/sink.h"

static const struct prop_table *const tables[] = {&kafka_prop_table, NULL};

/* name, value, …, NULL */
static struct config *
config_of(const char *const *given)
{
    struct config *c = config_new("c", tables);

    config_set(c, "bootstrap.servers", "127.0.0.1:1");
    for (; *given; given += 2)
        config_set(c, given[0], given[1]);
    return c;
}
#define CONFIG(...) config_of((const char *const[]){__VA_ARGS__, NULL})

static bool
make(struct config *c, struct kafka_conf *out, struct err *e)
{
    bool ok = kafka_conf_make(c, KAFKA_SINK, out, e);

    config_free(c);
    return ok;
}

static void
assert_set(struct config *c, const char *name, const char *expected)
{
    struct kafka_conf conf;
    struct err e = {0};
    char value[200];
    size_t n = sizeof value;

    if (!make(c, &conf, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(rd_kafka_conf_get(conf.rk, name, value, &n), RD_KAFKA_CONF_OK);
    assert_string_equal(value, expected);
    rd_kafka_conf_destroy(conf.rk);
}

static void
assert_refused(struct config *c, const char *code, const char *text)
{
    struct kafka_conf conf;
    struct err e = {0};

    assert_false(make(c, &conf, &e));
    assert_int_equal(e.cls, ERR_CONFIG);
    assert_string_equal(e.code, code);
    if (!strstr(e.msg, text))
        fail_msg("\"%s\" is not in \"%s\"", text, e.msg);
}

/* --------------------------------------------------------------------------------------------------------- tables */

static void
each_row_of_the_table_is_whole_and_stands_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < kafka_njava_props; i++) {
        const struct kafka_java_prop *p = &kafka_java_props[i];
        rd_kafka_conf_t *rk = rd_kafka_conf_new();
        char why[400];

        assert_ptr_equal(kafka_java_prop(p->name), p);
        switch (p->how) {
        case KAFKA_MAPPED: /* to a name that librdkafka has */
            if (rd_kafka_conf_set(rk, p->to, "1", why, sizeof why) == RD_KAFKA_CONF_UNKNOWN)
                fail_msg("%s → %s", p->name, p->to);
            break;
        case KAFKA_CALLED:
            assert_non_null(p->run);
            break;
        case KAFKA_NOOP:
        case KAFKA_REFUSED:
            assert_non_null(p->to);
            break;
        }
        rd_kafka_conf_destroy(rk);
    }
}

static void
what_is_secret_in_one_table_is_secret_in_the_other(void **state)
{
    struct config *c = CONFIG("x", "y");

    (void)state;
    for (size_t i = 0; i < kafka_njava_props; i++) {
        const struct kafka_java_prop *p = &kafka_java_props[i];
        char name[200];

        snprintf(name, sizeof name, "producer.override.%s", p->name);
        if (!!(config_prop(c, name)->flags & PROP_SECRET) != !!(p->flags & KAFKA_SECRET))
            fail_msg("%s", name);
        if (config_prop(c, p->name) && strncmp(p->name, "bootstrap", 9) != 0 &&
            !!(config_prop(c, p->name)->flags & PROP_SECRET) != !!(p->flags & KAFKA_SECRET))
            fail_msg("%s", p->name);
    }
    config_free(c);
}

static void
each_error_has_one_row_and_unknown_ones_are_retried(void **state)
{
    (void)state;
    for (size_t i = 0; i < kafka_err_nrows; i++) {
        const struct kafka_err_row *r = &kafka_err_rows[i];

        assert_int_equal(kafka_err_class(r->kafka), r->cls);
        assert_int_not_equal(r->cls, ERR_NONE);
        assert_true(strncmp(r->code, "kafka.", 6) == 0 &&
                    strlen(r->code) < sizeof((struct err *)0)->code);
        assert_true(strncmp(rd_kafka_err2name(r->kafka), "ERR_", 4) != 0);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(kafka_err_rows[j].kafka, r->kafka);
    }
    assert_int_equal(kafka_err_class(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS), ERR_RETRY);
    assert_int_equal(kafka_err_class((rd_kafka_resp_err_t)9999), ERR_RETRY);
}

/* ---------------------------------------------------------------------------------------------------- translation */

static void
defaults_are_those_of_a_connect_worker_and_safe(void **state)
{
    static const struct {
        const char *name, *value;
    } expected[] = {
        {"request.required.acks", "-1"},  {"enable.idempotence", "true"},
        {"message.timeout.ms", "0"},      {"partitioner", "murmur2_random"},
        {"queue.buffering.max.ms", "5"},  {"max.in.flight.requests.per.connection", "5"},
        {"compression.codec", "none"},    {"client.id", "connector-producer-c-0"},
        {"message.max.bytes", "1049576"}, {"socket.nagle.disable", "true"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_set(CONFIG("x", "y"), expected[i].name, expected[i].value);
}

static void
java_names_become_librdkafkas(void **state)
{
    static const struct {
        const char *java, *given, *name, *value;
    } rows[] = {
        {"linger.ms", "20", "queue.buffering.max.ms", "20"},
        {"batch.size", "524288", "batch.size", "524288"},
        {"batch.size", "0", "batch.size", "1"},
        {"compression.type", "lz4", "compression.codec", "lz4"},
        {"max.request.size", "10000000", "message.max.bytes", "10001000"},
        {"request.timeout.ms", "20000", "request.timeout.ms", "20000"},
        {"request.timeout.ms", "20000", "socket.timeout.ms", "21000"},
        {"send.buffer.bytes", "-1", "socket.send.buffer.bytes", "0"},
        {"metadata.max.age.ms", "60000", "topic.metadata.refresh.interval.ms", "60000"},
        {"client.id", "me", "client.id", "me"},
        {"security.protocol", "SASL_SSL", "security.protocol", "sasl_ssl"},
        {"ssl.endpoint.identification.algorithm", "", "ssl.endpoint.identification.algorithm",
         "none"},
        {"max.in.flight.requests.per.connection", "3", "max.in.flight.requests.per.connection",
         "3"},
        {"delivery.timeout.ms", "120000", "message.timeout.ms", "0"},
        {"retries", "10", "message.send.max.retries", "2147483647"},
        {"socket.max.fails", "3", "socket.max.fails", "3"}, /* librdkafka's own */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[100];

        snprintf(name, sizeof name, "producer.override.%s", rows[i].java);
        assert_set(CONFIG(name, rows[i].given), rows[i].name, rows[i].value);
    }
}

static void
buffer_memory_is_the_queue(void **state)
{
    struct kafka_conf conf;

    (void)state;
    assert_true(make(CONFIG("x", "y"), &conf, NULL));
    assert_int_equal(conf.queue_bytes, 8 << 20);
    rd_kafka_conf_destroy(conf.rk);
    assert_true(make(CONFIG("producer.override.buffer.memory", "33554432"), &conf, NULL));
    assert_int_equal(conf.queue_bytes, 33554432);
    rd_kafka_conf_destroy(conf.rk);
}

static void
what_is_dangerous_is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *java, *value, *code, *text;
    } rows[] = {
        {"acks", "1", "kafka.property", "only \"all\""},
        {"acks", "0", "kafka.property", "only \"all\""},
        {"retries", "0", "kafka.property", "every change of a leader"},
        {"max.in.flight.requests.per.connection", "6", "kafka.refused", "at most 5"},
        {"partitioner.class", "com.example.Mine", "kafka.property", "murmur2"},
        {"partitioner.ignore.keys", "true", "kafka.property", "order"},
        {"partitioner", "random", "kafka.property", "murmur2_random"},
        {"transactional.id", "t", "kafka.refused", "transactions"},
        {"interceptor.classes", "X", "kafka.refused", "Java class"},
        {"plugin.library.paths", "/x.so", "kafka.refused", "loads code"},
        {"sasl.kerberos.kinit.cmd", "rm", "kafka.refused", "runs a command"},
        {"enable.ssl.certificate.verification", "false", "kafka.property", "ssl.ca.location"},
        {"sasl.mechanism", "AWS_MSK_IAM", "kafka.property", "9096"},
        {"batch.size", "many", "kafka.property", "whole number"},
        {"compression.type", "rar", "kafka.property", "rar"},
        {"linger.mss", "5", "kafka.unknown_property", "did you mean \"linger.ms\""},
        {"no.such.thing.at.all", "5", "kafka.unknown_property", "neither"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[100];

        snprintf(name, sizeof name, "producer.override.%s", rows[i].java);
        assert_refused(CONFIG(name, rows[i].value), rows[i].code, rows[i].text);
        assert_refused(CONFIG(name, rows[i].value), rows[i].code,
                       strcmp(rows[i].text, "at most 5") ? name : "max.in");
    }
}

static void
without_idempotence_one_request_is_in_flight(void **state)
{
    (void)state;
    assert_set(CONFIG("producer.override.enable.idempotence", "false"),
               "max.in.flight.requests.per.connection", "1");
    assert_set(CONFIG("producer.override.enable.idempotence", "false"), "enable.idempotence",
               "false");
    assert_refused(CONFIG("producer.override.enable.idempotence", "false",
                          "producer.override.max.in.flight.requests.per.connection", "5"),
                   "kafka.refused", "order of a key's records");
}

static void
validation_finds_what_the_client_would_refuse(void **state)
{
    const struct prop_issue *issues;
    struct config *c = CONFIG("producer.override.acks", "1", "producer.override.linger.ms", "20",
                              "producer.override.linger.mss", "20", "sasl.mechanism", "NONE");
    unsigned errors = 0;

    (void)state;
    assert_false(config_validate(c, &issues));
    for (const struct prop_issue *i = issues; i; i = i->next)
        errors += i->is_error;
    assert_int_equal(errors, 3);
    config_free(c);
}

/* --------------------------------------------------------------------------------------------------- TLS and SASL */

static void
jaas_lines_are_read(void **state)
{
    static const struct {
        const char *jaas, *user, *password; /* user NULL: an error */
    } rows[] = {
        {"org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" "
         "password=\"p\";",
         "u", "p"},
        {"X REQUIRED username='u'\n   password='p \\' q' ;", "u", "p ' q"},
        {"X required serviceName=\"k\" password=\"a\\\"b\\\\c\" username=u;", "u", "a\"b\\c"},
        {"X required username=\"u\" password=\"a;b=c\";\n", "u", "a;b=c"},
        {"X required username=\"\xc3\xbc\" password=\"\";", "\xc3\xbc", ""},
        {"X required username=\"u\" password=\"p\"", NULL, NULL},
        {"X required username=\"u password=p;", NULL, NULL},
        {"X required username;", NULL, NULL},
        {"X username=\"u\";", NULL, NULL},
        {"X required a=b; Y required c=d;", NULL, NULL},
        {"", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char module[200], user[200], password[200];
        struct err e = {0};
        bool ok = kafka_jaas_parse(rows[i].jaas, module, user, password, sizeof module, &e);

        if (ok != (rows[i].user != NULL))
            fail_msg("%s: %s", rows[i].jaas, e.msg);
        if (!ok) {
            assert_string_equal(e.code, "kafka.jaas");
            continue;
        }
        assert_string_equal(user, rows[i].user);
        assert_string_equal(password, rows[i].password);
    }
}

#define PLAIN                                                                                      \
    "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" "             \
    "password=\"secret\";"
#define SCRAM                                                                                      \
    "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"u\" "             \
    "password=\"secret\";"

static void
jaas_gives_user_password_and_mechanism(void **state)
{
    (void)state;
    assert_set(CONFIG("producer.override.sasl.jaas.config", PLAIN), "sasl.username", "u");
    assert_set(CONFIG("producer.override.sasl.jaas.config", PLAIN), "sasl.mechanisms", "PLAIN");
    assert_set(CONFIG("sasl.jaas.config", SCRAM, "sasl.mechanism", "SCRAM-SHA-512"),
               "sasl.password", "secret");
    assert_set(CONFIG("sasl.jaas.config", SCRAM, "sasl.mechanism", "SCRAM-SHA-512"),
               "sasl.mechanisms", "SCRAM-SHA-512");
    assert_refused(CONFIG("sasl.jaas.config", SCRAM), "kafka.sasl_mechanism", "missing");
    assert_refused(CONFIG("sasl.jaas.config", SCRAM, "sasl.mechanism", "PLAIN"),
                   "kafka.sasl_mechanism", "PLAIN");
    assert_refused(
        CONFIG("sasl.jaas.config", "software.amazon.msk.auth.iam.IAMLoginModule required;"),
        "kafka.jaas", "9096");
}

static void
an_override_wins_over_the_plain_property(void **state)
{
    (void)state;
    assert_set(
        CONFIG("producer.override.security.protocol", "SSL", "security.protocol", "PLAINTEXT"),
        "security.protocol", "ssl");
}

static void
the_environment_of_a_worker_counts_and_the_configuration_wins(void **state)
{
    (void)state;
    setenv("CONNECT_PRODUCER_LINGER_MS", "33", 1);
    setenv("CONNECT_SECURITY_PROTOCOL", "SSL", 1);
    setenv("CONNECT_PRODUCER_NOBODY_KNOWS_IT", "1", 1);
    assert_set(CONFIG("x", "y"), "queue.buffering.max.ms", "33");
    assert_set(CONFIG("x", "y"), "security.protocol", "ssl");
    assert_set(CONFIG("producer.override.linger.ms", "7"), "queue.buffering.max.ms", "7");
    unsetenv("CONNECT_PRODUCER_LINGER_MS");
    unsetenv("CONNECT_SECURITY_PROTOCOL");
    unsetenv("CONNECT_PRODUCER_NOBODY_KNOWS_IT");
}

static void
secrets_stand_in_no_error(void **state)
{
    struct kafka_conf conf;
    struct err e = {0};

    (void)state;
    assert_false(
        make(CONFIG("sasl.jaas.config", "X required username=\"u\" password=\"hush"), &conf, &e));
    assert_null(strstr(e.msg, "hush"));
}

static void
stores_are_told_apart_by_their_bytes(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *trust, *key; /* what the error says; NULL: accepted */
    } rows[] = {
        {"-----BEGIN CERTIFICATE-----", 27, NULL, NULL},
        {"\xFE\xED\xFE\xED...", 7, "keytool -list", "keytool -importkeystore"},
        {"\x30\x82\x01\x00", 4, "openssl pkcs12", NULL},
        {"", 0, "is empty", "is empty"},
    };
    char path[] = "/tmp/wb-store-XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, rows[i].bytes, rows[i].n, 0), rows[i].n);
        if (rows[i].trust)
            assert_refused(CONFIG("ssl.truststore.location", path), "kafka.tls_store",
                           rows[i].trust);
        else
            assert_set(CONFIG("ssl.truststore.location", path), "ssl.ca.location", path);
        if (rows[i].key)
            assert_refused(CONFIG("ssl.keystore.location", path), "kafka.tls_store", rows[i].key);
        else
            assert_set(CONFIG("ssl.keystore.location", path),
                       rows[i].bytes[0] == '-' ? "ssl.key.location" : "ssl.keystore.location",
                       path);
    }
    assert_refused(CONFIG("ssl.truststore.location", "/nowhere"), "kafka.tls_store", "/nowhere");
    close(fd);
    unlink(path);
}

static void
the_stores_take_the_connection_and_not_the_producers_settings(void **state)
{
    struct config *c = CONFIG("producer.override.security.protocol", "SSL",
                              "producer.override.linger.ms", "77", "producer.override.acks", "all");
    struct kafka_conf conf;
    char value[100];
    size_t n = sizeof value;

    (void)state;
    assert_true(kafka_conf_make(c, KAFKA_STORE, &conf, NULL));
    assert_int_equal(rd_kafka_conf_get(conf.rk, "security.protocol", value, &n), RD_KAFKA_CONF_OK);
    assert_string_equal(value, "ssl");
    n = sizeof value;
    assert_int_equal(rd_kafka_conf_get(conf.rk, "queue.buffering.max.ms", value, &n),
                     RD_KAFKA_CONF_OK);
    assert_string_not_equal(value, "77");
    rd_kafka_conf_destroy(conf.rk);
    config_free(c);
}

/* ----------------------------------------------------------------------------------------------- size and topics */

static void
sizes_are_those_java_computes(void **state)
{
    static const struct kafka_header context[] = {{"abc", {"12345", 5}}};
    struct record r = {.null_key = true, .null_value = true};

    (void)state;
    assert_int_equal(kafka_record_size(NULL, &r, context, 1), 61 + 21 + 1 + 1 + 1);
    r = (struct record){.nkey = 10, .nvalue = 1200000};
    assert_int_equal(kafka_record_size(NULL, &r, context, 1), 61 + 21 + 1 + 10 + 4 + 1200000 + 1);
    r = (struct record){.nkey = 63, .nvalue = 64, .headers = RECORD_CONTEXT};
    assert_int_equal(kafka_record_size(NULL, &r, context, 1),
                     61 + 21 + 1 + 63 + 2 + 64 + 1 + 1 + 3 + 1 + 5);
    r = (struct record){.nkey = 1, .nvalue = 1, .nextra = 2, .extra_name = "xx"};
    assert_int_equal(kafka_record_size(NULL, &r, context, 1), 61 + 21 + 2 + 2 + 1 + 3 + 3);
}

static bool
rules(struct config *c, struct kafka_rules **r, struct err *e)
{
    bool ok = kafka_rules_new(c, r, e);

    config_free(c);
    return ok;
}

static void
topics_are_created_only_when_both_numbers_are_given(void **state)
{
    struct kafka_rules *r;
    struct err e = {0};

    (void)state;
    assert_true(rules(CONFIG("x", "y"), &r, NULL));
    assert_null(r);
    assert_true(
        rules(CONFIG("topic.creation.enable", "false", "topic.creation.default.partitions", "1"),
              &r, NULL));
    assert_null(r);
    assert_false(rules(CONFIG("topic.creation.default.partitions", "1"), &r, &e));
    assert_string_equal(e.code, "kafka.topic_creation");
    assert_true(rules(CONFIG("topic.creation.default.partitions", "1",
                             "topic.creation.default.replication.factor", "-1"),
                      &r, NULL));
    assert_non_null(r);
    kafka_rules_free(r);
}

static void
rules_that_cannot_work_are_errors(void **state)
{
    static const char *const bad[][2] = {
        {"topic.creation.a.include", "(["},
        {"topic.creation.a.include", ""},
        {"topic.creation.a.partitions", "0"},
        {"topic.creation.a.replication.factor", "x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kafka_rules *r;
        struct err e = {0};

        assert_false(rules(CONFIG("topic.creation.default.partitions", "1",
                                  "topic.creation.default.replication.factor", "1",
                                  "topic.creation.groups", "a", bad[i][0], bad[i][1]),
                           &r, &e));
        assert_string_equal(e.code, "kafka.topic_creation");
        assert_int_equal(e.cls, ERR_CONFIG);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_of_the_table_is_whole_and_stands_once),
        cmocka_unit_test(what_is_secret_in_one_table_is_secret_in_the_other),
        cmocka_unit_test(each_error_has_one_row_and_unknown_ones_are_retried),
        cmocka_unit_test(defaults_are_those_of_a_connect_worker_and_safe),
        cmocka_unit_test(java_names_become_librdkafkas),
        cmocka_unit_test(buffer_memory_is_the_queue),
        cmocka_unit_test(what_is_dangerous_is_refused_with_a_reason),
        cmocka_unit_test(without_idempotence_one_request_is_in_flight),
        cmocka_unit_test(validation_finds_what_the_client_would_refuse),
        cmocka_unit_test(jaas_lines_are_read),
        cmocka_unit_test(jaas_gives_user_password_and_mechanism),
        cmocka_unit_test(an_override_wins_over_the_plain_property),
        cmocka_unit_test(the_environment_of_a_worker_counts_and_the_configuration_wins),
        cmocka_unit_test(secrets_stand_in_no_error),
        cmocka_unit_test(stores_are_told_apart_by_their_bytes),
        cmocka_unit_test(the_stores_take_the_connection_and_not_the_producers_settings),
        cmocka_unit_test(sizes_are_those_java_computes),
        cmocka_unit_test(topics_are_created_only_when_both_numbers_are_given),
        cmocka_unit_test(rules_that_cannot_work_are_errors),
    };

    log_init(LOG_ERROR, LOG_TEXT);
    unsetenv("BOOTSTRAP_SERVERS");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
