/* The records of the storage topics: as a Kafka Connect worker 4.3.0 wrote them, both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replicator/connect/configs.h"
#include "replicator/connect/json_text.h"
#include "replicator/connect/positions.h"
#include "replicator/connect/statuses.h"

#define CONFIG                                                                                     \
    "{\"connector.class\":\"io.debezium.connector.postgresql.PostgresConnector\",\"name\":\"rest-" \
    "1\"}"
#define TASK                                                                                       \
    "{\"connector.class\":\"io.debezium.connector.postgresql.PostgresConnector\",\"name\":\"rest-" \
    "1\","                                                                                         \
    "\"task.class\":\"io.debezium.connector.postgresql.PostgresConnectorTask\"}"

struct record {
    const char *key, *value; /* NULL: a tombstone */
};

static struct slice
view(const char *text)
{
    return text ? slice_of(text) : (struct slice){NULL, 0};
}

static struct configs_change
apply(struct configs *c, const char *key, const char *value)
{
    struct configs_change change;

    configs_apply(c, slice_of(key), view(value), &change);
    return change;
}

static void
compare(struct buf *key, struct buf *value, const char *want_key, const char *want_value)
{
    assert_string_equal(buf_cstr(key), want_key);
    assert_string_equal(buf_cstr(value), want_value);
    buf_clear(key);
    buf_clear(value);
}

static void
configurations_are_written_as_recorded(void **state)
{
    json_t *config = json_loads(CONFIG, 0, NULL), *task = configs_task_of("rest-1", config);
    struct buf key, value;

    (void)state;
    buf_init(&key, 1000);
    buf_init(&value, 10000);
    configs_put_connector(&key, &value, "rest-1", config);
    compare(&key, &value, "connector-rest-1", "{\"properties\":" CONFIG "}");
    configs_put_task(&key, &value, "rest-1", 0, task);
    compare(&key, &value, "task-rest-1-0", "{\"properties\":" TASK "}");
    configs_put_commit(&key, &value, "rest-1", 1);
    compare(&key, &value, "commit-rest-1", "{\"tasks\":1}");
    configs_put_target(&key, &value, "rest-1", WORKER_PAUSED);
    compare(&key, &value, "target-state-rest-1", "{\"state\":\"PAUSED\",\"state.v2\":\"PAUSED\"}");
    configs_put_target(&key, &value, "rest-1", WORKER_STARTED);
    compare(&key, &value, "target-state-rest-1",
            "{\"state\":\"STARTED\",\"state.v2\":\"STARTED\"}");
    configs_put_target(&key, &value, "rest-1", WORKER_STOPPED);
    compare(&key, &value, "target-state-rest-1", "{\"state\":\"PAUSED\",\"state.v2\":\"STOPPED\"}");
    configs_put_restart(&key, &value, "rest-1", true, false);
    compare(&key, &value, "restart-connector-rest-1",
            "{\"include-tasks\":true,\"only-failed\":false}");
    configs_put_logger(&key, &value, "io.debezium", "DEBUG");
    compare(&key, &value, "logger-cluster-io.debezium", "{\"level\":\"DEBUG\"}");
    buf_free(&key);
    buf_free(&value);
    json_decref(task);
    json_decref(config);
}

static void
statuses_are_written_as_recorded(void **state)
{
    struct buf key, value;

    (void)state;
    buf_init(&key, 1000);
    buf_init(&value, 10000);
    statuses_put_key(&key, "rest-1", STATUSES_CONNECTOR);
    statuses_put_value(&value, "RUNNING", NULL, "127.0.0.1:8480", 2488, "3.6.1.Final");
    compare(&key, &value, "status-connector-rest-1",
            "{\"state\":\"RUNNING\",\"trace\":null,\"worker_id\":\"127.0.0.1:8480\",\"generation\":"
            "2488,"
            "\"version\":\"3.6.1.Final\"}");
    statuses_put_key(&key, "rest-1", 0);
    statuses_put_value(&value, "UNASSIGNED", NULL, "127.0.0.1:8480", 2489, NULL);
    compare(&key, &value, "status-task-rest-1-0",
            "{\"state\":\"UNASSIGNED\",\"trace\":null,\"worker_id\":\"127.0.0.1:8480\","
            "\"generation\":2489,\"version\":null}");
    statuses_put_topic(&key, &value, "rest-1", "rest.public.rest_t", 1795246242102);
    compare(&key, &value, "status-topic-rest.public.rest_t:connector-rest-1",
            "{\"topic\":{\"name\":\"rest.public.rest_t\",\"connector\":\"rest-1\",\"task\":0,"
            "\"discoverTimestamp\":1795246242102}}");
    buf_free(&key);
    buf_free(&value);
}

static void
a_connectors_life_is_read(void **state)
{
    struct configs *c = configs_new();
    struct configs_change change = apply(c, "connector-rest-1", "{\"properties\":" CONFIG "}");
    const struct configs_entry *en = change.entry;
    uint64_t first = en->version;

    (void)state;
    assert_int_equal(change.kind, CONFIGS_CONNECTOR);
    assert_ptr_equal(configs_get(c, "rest-1"), en);
    assert_int_equal(configs_ntasks(en), 0);
    assert_int_equal(en->target, WORKER_STARTED);
    /* A task counts from its commit on. */
    apply(c, "task-rest-1-0", "{\"properties\":" TASK "}");
    assert_int_equal(configs_ntasks(en), 0);
    assert_int_equal(apply(c, "commit-rest-1", "{\"tasks\":1}").kind, CONFIGS_TASKS);
    assert_int_equal(configs_ntasks(en), 1);
    assert_int_equal(
        apply(c, "target-state-rest-1", "{\"state\":\"PAUSED\",\"state.v2\":\"STOPPED\"}").kind,
        CONFIGS_TARGET);
    assert_int_equal(en->target, WORKER_STOPPED);
    apply(c, "commit-rest-1", "{\"tasks\":0}");
    assert_int_equal(configs_ntasks(en), 0);
    /* Older workers know no second state. */
    apply(c, "target-state-rest-1", "{\"state\":\"PAUSED\"}");
    assert_int_equal(en->target, WORKER_PAUSED);
    apply(c, "target-state-rest-1", NULL);
    assert_int_equal(en->target, WORKER_STARTED);
    apply(c, "connector-rest-1", NULL);
    assert_null(configs_get(c, "rest-1"));
    apply(c, "connector-rest-1", "{\"properties\":" CONFIG "}");
    assert_true(en->version != first);
    configs_free(c);
}

static void
a_commit_without_its_tasks_has_none(void **state)
{
    struct configs *c = configs_new();

    (void)state;
    apply(c, "connector-a", "{\"properties\":{}}");
    apply(c, "task-a-0", "{\"properties\":{}}");
    apply(c, "commit-a", "{\"tasks\":2}");
    assert_int_equal(configs_ntasks(configs_get(c, "a")), 0);
    configs_free(c);
}

static void
requests_are_read(void **state)
{
    struct configs *c = configs_new();
    struct configs_change change;

    (void)state;
    change = apply(c, "restart-connector-a", "{\"include-tasks\":true,\"only-failed\":false}");
    assert_int_equal(change.kind, CONFIGS_RESTART);
    assert_true(change.include_tasks);
    assert_false(change.only_failed);
    change = apply(c, "logger-cluster-io.debezium", "{\"level\":\"DEBUG\"}");
    assert_int_equal(change.kind, CONFIGS_LOGGER);
    assert_string_equal(change.logger, "io.debezium");
    assert_string_equal(change.level, "DEBUG");
    configs_free(c);
}

static void
what_belongs_to_real_workers_is_left_alone(void **state)
{
    static const struct record records[] = {
        {"session-key",
         "{\"key\":\"eA==\",\"algorithm\":\"HmacSHA256\",\"creation-timestamp\":1700000000000}"},
        {"tasks-fencing-a", "{\"task-count\":1}"},
        {"something-newer-a", "{}"},
        {"", "{}"},
    };
    struct configs *c = configs_new();
    size_t i = 0;

    (void)state;
    for (size_t r = 0; r < sizeof(records) / sizeof(*records); r++)
        assert_int_equal(apply(c, records[r].key, records[r].value).kind, CONFIGS_NOTHING);
    assert_null(configs_next(c, &i));
    configs_free(c);
}

static void
a_configuration_that_cannot_be_read_is_there_with_the_reason(void **state)
{
    static const char *const values[] = {
        "",
        "{",
        "{\"properties\":{\"connector.class\":\"io.debe",
        "[]",
        "7",
        "null",
        "{}",
        "{\"properties\":null}",
        "{\"properties\":[]}",
        "{\"properties\":{\"a\":1}}",
        "{\"properties\":{\"a\":{\"b\":\"c\"}}}",
        "{\"properties\":{\"a\":\"\\u0000\"}}",
        "\xff\xfe",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        struct configs *c = configs_new();
        const struct configs_entry *en = apply(c, "connector-a", values[i]).entry;

        assert_ptr_equal(configs_get(c, "a"), en);
        assert_null(en->config);
        assert_string_not_equal(en->why_config, "");
        /* A good one makes it good. */
        apply(c, "connector-a", "{\"properties\":{\"a\":\"b\",\"c\":null},\"newer\":1}");
        assert_non_null(en->config);
        assert_string_equal(en->why_config, "");
        configs_free(c);
    }
}

static void
every_length_of_a_truncated_configuration_is_an_error(void **state)
{
    static const char whole[] = "{\"properties\":" TASK "}";

    (void)state;
    for (size_t n = 0; n < strlen(whole); n++) {
        struct configs *c = configs_new();
        struct configs_change change;

        configs_apply(c, slice_of("connector-a"), (struct slice){whole, n}, &change);
        assert_string_not_equal(configs_get(c, "a")->why_config, "");
        configs_free(c);
    }
}

/* A state that is not known might mean "stopped". */
static void
a_target_state_that_cannot_be_read_is_kept_with_the_reason(void **state)
{
    static const char *const values[] = {"{", "{}", "{\"state\":7}", "{\"state.v2\":\"SLEEPING\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        struct configs *c = configs_new();
        const struct configs_entry *en;

        apply(c, "connector-a", "{\"properties\":{}}");
        en = apply(c, "target-state-a", values[i]).entry;
        assert_string_not_equal(en->why_target, "");
        apply(c, "target-state-a", "{\"state\":\"STARTED\"}");
        assert_string_equal(en->why_target, "");
        configs_free(c);
    }
}

static void
statuses_are_read_into_documents(void **state)
{
    struct statuses *s = statuses_new();
    struct buf text;
    json_t *doc;

    (void)state;
    statuses_apply(
        s, slice_of("status-connector-a-1"),
        slice_of("{\"state\":\"RUNNING\",\"trace\":null,\"worker_id\":\"w:1\",\"generation\":7}"));
    statuses_apply(s, slice_of("status-task-a-1-0"),
                   slice_of("{\"state\":\"FAILED\",\"trace\":\"java: x\",\"worker_id\":\"w:1\","
                            "\"generation\":9,\"version\":\"3\"}"));
    statuses_apply(s, slice_of("status-topic-p.t:connector-a-1"),
                   slice_of("{\"topic\":{\"name\":\"p.t\",\"connector\":\"a-1\",\"task\":0,"
                            "\"discoverTimestamp\":1}}"));
    assert_int_equal(statuses_generation(s), 9);
    assert_int_equal(statuses_last_task(s, "a-1"), 0);
    assert_int_equal(statuses_last_task(s, "a"), -1);
    buf_init(&text, 1000);
    doc = statuses_task_document(s, "a-1", 0, NULL);
    json_text_add(&text, doc);
    assert_string_equal(buf_cstr(&text),
                        "{\"id\":0,\"state\":\"FAILED\",\"worker_id\":\"w:1\",\"version\":\"3\","
                        "\"trace\":\"java: x\"}");
    json_decref(doc);
    buf_clear(&text);
    doc = statuses_topics(s, "a-1");
    json_text_add(&text, doc);
    assert_string_equal(buf_cstr(&text), "[\"p.t\"]");
    json_decref(doc);
    buf_free(&text);
    /* What cannot be read changes nothing. */
    statuses_apply(s, slice_of("status-task-a-1-0"), slice_of("{\"state\":"));
    statuses_apply(s, slice_of("status-topic-p.t:connector-a-1"), slice_of("{}"));
    assert_string_equal(statuses_state(s, "a-1", 0), "FAILED");
    statuses_apply(s, slice_of("status-task-a-1-0"), view(NULL));
    assert_string_equal(statuses_state(s, "a-1", 0), "");
    statuses_free(s);
}

static void
put_position(struct positions *p, const char *key, const char *value, bool strayed)
{
    struct storage_record r = {
        .topic = STORAGE_OFFSETS, .key = slice_of(key), .value = view(value), .strayed = strayed};

    positions_apply(p, &r);
}

static void
offsets_are_found_by_their_exact_key(void **state)
{
    static const char key[] = "[\"rest-1\",{\"server\":\"rest\"}]";
    struct positions *p = positions_new();
    struct offset o;
    bool found;
    char *progress;
    json_t *doc;
    struct buf text;

    (void)state;
    put_position(p, key, "{\"lsn_proc\":33554432,\"messageType\":\"INSERT\",\"lsn\":33554432}",
                 false);
    /* What stands beside it, in its partition, is nobody's offset. */
    put_position(p, "[\"rest-1/tables\",{\"server\":\"rest\"}]", "{\"b\":1}", true);
    put_position(p, "[\"rest-1/snapshot\",{\"server\":\"rest\"}]", "{\"a\":1}", true);
    put_position(p, "[\"other\",{\"server\":\"rest\"}]", "{\"lsn\":1}", false);
    put_position(p, "no key", "{\"lsn\":1}", false);
    assert_true(positions_find(p, slice_of(key), &o, &found, NULL));
    assert_true(found);
    assert_int_equal(o.lsn_proc, 33554432);
    assert_false(o.own);
    offset_free(&o);
    /* From a partition where only another partitioner puts it: it does not count beside the right one. */
    put_position(p, key, "{\"lsn\":5}", true);
    assert_true(positions_find(p, slice_of(key), &o, &found, NULL));
    assert_int_equal(o.lsn, 33554432);
    offset_free(&o);
    progress = positions_text(p, slice_of("[\"rest-1/snapshot\",{\"server\":\"rest\"}]"));
    assert_string_equal(progress, "{\"a\":1}");
    free(progress);
    doc = positions_of(p, "rest-1");
    buf_init(&text, 1000);
    json_text_add(&text, doc);
    assert_string_equal(buf_cstr(&text),
                        "[{\"partition\":{\"server\":\"rest\"},\"offset\":{\"lsn_proc\":33554432,"
                        "\"messageType\":\"INSERT\",\"lsn\":33554432}}]");
    buf_free(&text);
    json_decref(doc);
    put_position(p, key, NULL, false);
    assert_true(positions_find(p, slice_of(key), &o, &found, NULL));
    assert_false(found);
    positions_free(p);
}

static void
an_offset_that_cannot_be_read_is_an_error(void **state)
{
    static const char key[] = "[\"a\",{\"server\":\"s\"}]";
    struct positions *p = positions_new();
    struct err e = {0};
    struct offset o;
    bool found;

    (void)state;
    put_position(p, key, "{\"lsn\":\"text\"}", false);
    assert_false(positions_find(p, slice_of(key), &o, &found, &e));
    assert_string_equal(e.code, "offset.corrupt");
    put_position(p, key, "{\"lsn\":33", false);
    assert_false(positions_find(p, slice_of(key), &o, &found, &e));
    positions_free(p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configurations_are_written_as_recorded),
        cmocka_unit_test(statuses_are_written_as_recorded),
        cmocka_unit_test(a_connectors_life_is_read),
        cmocka_unit_test(a_commit_without_its_tasks_has_none),
        cmocka_unit_test(requests_are_read),
        cmocka_unit_test(what_belongs_to_real_workers_is_left_alone),
        cmocka_unit_test(a_configuration_that_cannot_be_read_is_there_with_the_reason),
        cmocka_unit_test(every_length_of_a_truncated_configuration_is_an_error),
        cmocka_unit_test(a_target_state_that_cannot_be_read_is_kept_with_the_reason),
        cmocka_unit_test(statuses_are_read_into_documents),
        cmocka_unit_test(offsets_are_found_by_their_exact_key),
        cmocka_unit_test(an_offset_that_cannot_be_read_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
