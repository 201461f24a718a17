/* The worker's configuration: what the image's environment means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "replicator/conf.h"
#include "replicator/connect/worker_conf.h"

#define TOPICS "CONFIG_STORAGE_TOPIC=c", "OFFSET_STORAGE_TOPIC=o", "STATUS_STORAGE_TOPIC=s"

static struct config *
from(const char *const *env)
{
    struct err e = {0};
    struct config *c = worker_conf_env((char *const *)(uintptr_t)env, NULL, &e);

    if (!c)
        print_message("%s\n", e.msg);
    assert_non_null(c);
    return c;
}

static void
short_names_and_defaults_are_the_images(void **state)
{
    static const struct {
        const char *name, *value;
    } wanted[] = {
        {"bootstrap.servers", "b:9092"},
        {"group.id", "1"},
        {"config.storage.topic", "c"},
        {"offset.storage.topic", "o"},
        {"status.storage.topic", "s"},
        {"config.storage.replication.factor", "1"},
        {"offset.storage.partitions", "25"},
        {"status.storage.partitions", "5"},
        {"key.converter", "org.apache.kafka.connect.json.JsonConverter"},
        {"value.converter.schemas.enable", "true"},
        {"offset.flush.interval.ms", "60000"},
        {"offset.flush.timeout.ms", "5000"},
        {"task.shutdown.graceful.timeout.ms", "10000"},
        {"rest.advertised.port", "8083"},
    };
    struct config *c = from((const char *const[]){"BOOTSTRAP_SERVERS=b:9092", TOPICS, NULL});
    struct err e = {0};

    (void)state;
    assert_true(worker_conf_check(c, &e));
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
        assert_string_equal(config_str(c, wanted[i].name), wanted[i].value);
    config_free(c);
}

static void
connect_names_become_properties_and_short_ones_win(void **state)
{
    struct config *c = from((const char *const[]){
        "CONNECT_BOOTSTRAP_SERVERS=b:9092", TOPICS, "CONNECT_GROUP_ID=never", "GROUP_ID=mine",
        "CONNECT_STATUS_STORAGE_TOPIC=never", "CONNECT_CONFIG_STORAGE_REPLICATION_FACTOR=3",
        "CONNECT_PRODUCER_COMPRESSION_TYPE=lz4", "CONNECT_KEY_CONVERTER_SCHEMAS_ENABLE=false",
        "CONNECT_SASL_JAAS_CONFIG=a=\"b@c\" d;", "CONNECT_LOG4J_LOGGERS=INFO, stdout",
        "CONNECT_KEY_CONVERTER_APICURIO_REGISTRY_AUTO-REGISTER=true", "CONNECT_=x", NULL});

    const char *key, *value;

    (void)state;
    assert_string_equal(config_str(c, "bootstrap.servers"), "b:9092");
    assert_string_equal(config_str(c, "group.id"), "mine");
    assert_string_equal(config_str(c, "status.storage.topic"), "s");
    assert_int_equal(config_int(c, "config.storage.replication.factor"), 3);
    assert_string_equal(config_str(c, "producer.compression.type"), "lz4");
    assert_string_equal(config_str(c, "key.converter.schemas.enable"), "false");
    assert_string_equal(config_str(c, "sasl.jaas.config"), "a=\"b@c\" d;");
    assert_string_equal(config_str(c, "key.converter.apicurio.registry.auto-register"), "true");
    for (size_t i = 0; config_next(c, &i, &key, &value);)
        assert_null(strstr(key, "log4j"));
    config_free(c);
}

/* The script writes the first line of a value into a properties file. */
static void
values_are_lines_of_a_properties_file(void **state)
{
    struct config *c = from((const char *const[]){TOPICS, "CONNECT_PRODUCER_A=one\ntwo",
                                                  "CONNECT_PRODUCER_B=a\\\\.b\\u0041\\tc",
                                                  "CONNECT_PRODUCER_C=  blank", NULL});

    (void)state;
    assert_string_equal(config_str(c, "producer.a"), "one");
    assert_string_equal(config_str(c, "producer.b"), "a\\.bA\tc");
    assert_string_equal(config_str(c, "producer.c"), "blank");
    config_free(c);
}

static void
without_its_topics_it_says_which_variable(void **state)
{
    struct err e = {0};
    static const char *const env[] = {"BOOTSTRAP_SERVERS=b:1", "CONFIG_STORAGE_TOPIC=c", NULL};

    (void)state;
    assert_null(worker_conf_env((char *const *)(uintptr_t)env, NULL, &e));
    assert_string_equal(e.code, "worker.topic");
    assert_non_null(strstr(e.msg, "OFFSET_STORAGE_TOPIC"));
}

static void
a_mounted_file_stands_below_the_variables(void **state)
{
    static const char text[] =
        "bootstrap.servers=f:1\ngroup.id=from-file\n"
        "config.storage.topic=fc\noffset.storage.topic=fo\n"
        "status.storage.topic=fs\nproducer.linger.ms=7\n";
    static const char *const env[] = {"OFFSET_STORAGE_TOPIC=eo", NULL};
    char path[] = "/tmp/worker-conf-XXXXXX";
    int fd = mkstemp(path);
    struct config *c;

    (void)state;
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    c = worker_conf_env((char *const *)(uintptr_t)env, path, NULL);
    assert_string_equal(config_str(c, "config.storage.topic"), "fc");
    assert_string_equal(config_str(c, "offset.storage.topic"), "eo");
    assert_string_equal(config_str(c, "producer.linger.ms"), "7");
    /* The image's short form has a default of its own. */
    assert_string_equal(config_str(c, "group.id"), "1");
    config_free(c);
    c = worker_conf_file(path, NULL);
    assert_string_equal(config_str(c, "group.id"), "from-file");
    assert_true(worker_conf_check(c, NULL));
    config_free(c);
    unlink(path);
}

static void
what_must_be_given_is_missed(void **state)
{
    struct config *c = from((const char *const[]){TOPICS, NULL});
    struct err e = {0};

    (void)state;
    assert_false(worker_conf_check(c, &e));
    assert_string_equal(e.code, "kafka.bootstrap");
    config_set(c, "bootstrap.servers", "b:1");
    config_set(c, "exactly.once.source.support", "enabled");
    assert_false(worker_conf_check(c, &e));
    config_free(c);
}

static void
the_id_is_the_advertised_host_and_port(void **state)
{
    struct config *c = from((const char *const[]){TOPICS, "ADVERTISED_HOST_NAME=10.0.0.1", NULL});
    char *id = worker_conf_id(c);

    (void)state;
    assert_string_equal(id, "10.0.0.1:8083");
    free(id);
    config_set(c, "rest.advertised.port", NULL);
    config_set(c, "listeners", "http://0.0.0.0:9090,https://:9443");
    id = worker_conf_id(c);
    assert_string_equal(id, "10.0.0.1:9090");
    free(id);
    config_free(c);
}

static void
connectors_get_what_they_do_not_have_themselves(void **state)
{
    struct config *w = from((const char *const[]){
        "BOOTSTRAP_SERVERS=w:1", TOPICS, "CONNECT_SECURITY_PROTOCOL=SSL",
        "CONNECT_PRODUCER_COMPRESSION_TYPE=lz4", "CONNECT_PRODUCER_LINGER_MS=9",
        "CONNECT_VALUE_CONVERTER_SCHEMAS_ENABLE=false", NULL});
    struct config *c = config_new("one", conf_tables);

    (void)state;
    config_set(c, "producer.override.linger.ms", "3");
    config_set(c, "key.converter", "org.apache.kafka.connect.json.JsonConverter");
    config_set(c, "value.converter.decimal.format", "NUMERIC"); /* of no converter: gone */
    worker_conf_apply(w, c);
    assert_string_equal(config_str(c, "bootstrap.servers"), "w:1");
    assert_int_equal(config_int(c, "slot.max.retries"), 60);
    assert_string_equal(config_str(c, "security.protocol"), "SSL");
    assert_string_equal(config_str(c, "producer.override.compression.type"), "lz4");
    assert_string_equal(config_str(c, "producer.override.linger.ms"), "3");
    /* Its own converter has its own options only. */
    assert_false(config_given(c, "key.converter.schemas.enable"));
    assert_string_equal(config_str(c, "value.converter"),
                        "org.apache.kafka.connect.json.JsonConverter");
    assert_string_equal(config_str(c, "value.converter.schemas.enable"), "false");
    assert_false(config_given(c, "value.converter.decimal.format"));
    config_free(c);
    config_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_names_and_defaults_are_the_images),
        cmocka_unit_test(connect_names_become_properties_and_short_ones_win),
        cmocka_unit_test(values_are_lines_of_a_properties_file),
        cmocka_unit_test(without_its_topics_it_says_which_variable),
        cmocka_unit_test(a_mounted_file_stands_below_the_variables),
        cmocka_unit_test(what_must_be_given_is_missed),
        cmocka_unit_test(the_id_is_the_advertised_host_and_port),
        cmocka_unit_test(connectors_get_what_they_do_not_have_themselves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
