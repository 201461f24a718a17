/*
 * The offset in Connect's offsets topic: against the embedded endpoint in this process, and once more against a real
 * broker when WALBRIDGE_TEST_KAFKA=host:port is set.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "replicator/kafka/mock_broker.h"
#include "replicator/kafka/offset_store.c"

static const struct prop_table more_table = {
    (const struct prop[]){
        {.name = "topic.prefix", .type = PROP_STRING, .doc = "x"},
        {.name = "offset.storage.topic", .type = PROP_STRING, .doc = "x"},
        {.name = "offset.storage.partitions", .type = PROP_INT, .def = "25", .doc = "x"},
        {.name = "offset.storage.replication.factor", .type = PROP_INT, .def = "1", .doc = "x"},
        {.name = "offset.flush.timeout.ms", .type = PROP_LONG, .def = "5000", .doc = "x"},
    },
    5};
extern const struct prop_table kafka_prop_table;
static const struct prop_table *const tables[] = {&kafka_prop_table, &more_table, NULL};

struct fixture {
    struct mock_broker *broker;
    pthread_t thread;
    int stop;
    char servers[64], topic[80];
    struct config *config;
    struct offset_store *store;
    struct offset offset;
};

static bool
real_broker(void)
{
    return getenv("WALBRIDGE_TEST_KAFKA") != NULL;
}

static void *
serve(void *arg)
{
    struct fixture *f = arg;

    mock_broker_run(f->broker, f->stop, NULL);
    return NULL;
}

static int
setup(void **state)
{
    static unsigned serial;
    struct fixture *f = mem_alloc(sizeof *f);

    f->broker = mock_broker_new(0, NULL);
    f->stop = eventfd(0, 0);
    pthread_create(&f->thread, NULL, serve, f);
    snprintf(f->servers, sizeof f->servers, "%s",
             real_broker() ? getenv("WALBRIDGE_TEST_KAFKA") : mock_broker_servers(f->broker));
    snprintf(f->topic, sizeof f->topic, "wboffsets.%d.%u", (int)getpid(), serial++);
    /* The mock cluster cannot be asked to make it with more than one. */
    if (!real_broker())
        assert_true(mock_broker_topic(f->broker, f->topic, 25, NULL));
    f->config = config_new("inventory-connector", tables);
    config_set(f->config, "bootstrap.servers", f->servers);
    config_set(f->config, "topic.prefix", "dbserver1");
    config_set(f->config, "offset.storage.topic", f->topic);
    f->store = offset_kafka_open(f->config, NULL);
    assert_non_null(f->store);
    f->offset = (struct offset){.lsn = 33554432,
                                .lsn_proc = 33554432,
                                .message_type = "INSERT",
                                .own = true,
                                .flush_lsn = 0x16B374D848,
                                .pos_commit_lsn = 7,
                                .pos_lsn = 0x100000008,
                                .pos_ordinal = 9,
                                .system_id = UINT64_MAX - 1,
                                .timeline = 3,
                                .slot = "s1",
                                .database = "d"};
    *state = f;
    return 0;
}

/* With a client of its own: one that still knows the topic would ask for it and so make it again. */
static void
delete_topic(const struct fixture *f)
{
    char why[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_DeleteTopic_t *t = rd_kafka_DeleteTopic_new(f->topic);
    rd_kafka_queue_t *q;
    rd_kafka_t *rk;

    rd_kafka_conf_set(conf, "bootstrap.servers", f->servers, why, sizeof why);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    q = rd_kafka_queue_new(rk);
    rd_kafka_DeleteTopics(rk, &t, 1, NULL, q);
    rd_kafka_event_destroy(rd_kafka_queue_poll(q, 10000));
    rd_kafka_DeleteTopic_destroy(t);
    rd_kafka_queue_destroy(q);
    rd_kafka_destroy(rk);
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    uint64_t one = 1;

    f->store->ops->close(f->store);
    if (real_broker())
        delete_topic(f);
    assert_int_equal(write(f->stop, &one, sizeof one), sizeof one);
    pthread_join(f->thread, NULL);
    mock_broker_free(f->broker);
    close(f->stop);
    config_free(f->config);
    free(f);
    return 0;
}

/* Another store for the same key, which has seen nothing: what the next run reads. */
static bool
load_anew(struct fixture *f, struct offset *o, bool *found, struct err *e)
{
    struct offset_store *s = offset_kafka_open(f->config, e);
    bool ok = s->ops->load(s, o, found, e);

    s->ops->close(s);
    return ok;
}

/* A record as somebody else writes it. */
static void
produce_raw(struct fixture *f, int32_t partition, const char *key, const char *value)
{
    struct offset_kafka *k = (struct offset_kafka *)f->store;

    struct buf other;
    int32_t ours;

    assert_true(connect_producer(k, NULL));
    ours = k->partition;
    buf_init(&other, 200);
    buf_str(&other, key);
    k->partition = partition;
    assert_true(produce(k, &other, slice_of(value), NULL, NULL));
    k->partition = ours;
    buf_free(&other);
    assert_true(await_report(k, NULL));
}

static const char KEY[] = "[\"inventory-connector\",{\"server\":\"dbserver1\"}]";

static void
murmur2_is_javas(void **state)
{
    static const struct {
        const char *key;
        int32_t hash, n, partition;
    } rows[] = {
        {"[\"inventory-connector\",{\"server\":\"dbserver1\"}]", -1922584362, 25, 11},
        {"{\"id\":1}", -56768732, 25, 16},
        {"{\"id\":1}", -56768732, 5, 1},
        {"{\"id\":1}", -56768732, 3, 0},
        {"status-connector-inventory-connector", -1465933654, 5, 4},
        {"status-task-inventory-connector-0", -1384630023, 5, 0},
        {"a", -1563381124, 0, 0},
        {"", 275646681, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(murmur2(rows[i].key, strlen(rows[i].key)), rows[i].hash);
        if (rows[i].n)
            assert_int_equal(murmur2_partition(rows[i].key, strlen(rows[i].key), rows[i].n),
                             rows[i].partition);
    }
}

static void
the_key_is_connects(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(buf_cstr(&((struct offset_kafka *)f->store)->key), KEY);
}

static void
an_empty_topic_holds_no_offset(void **state)
{
    struct fixture *f = *state;
    struct offset o;
    bool found = true;

    assert_true(load_anew(f, &o, &found, NULL));
    assert_false(found);
    found = true;
    assert_true(load_anew(f, &o, &found, NULL)); /* looking has changed nothing */
    assert_false(found);
}

static void
what_was_saved_is_loaded_by_the_next_run(void **state)
{
    struct fixture *f = *state;
    struct offset o;
    bool found;

    for (int i = 0; i < 3; i++) {
        f->offset.lsn++;
        assert_true(f->store->ops->save(f->store, &f->offset, NULL));
    }
    assert_int_equal(((struct offset_kafka *)f->store)->partition, 11);
    assert_true(load_anew(f, &o, &found, NULL));
    assert_true(found && o.own);
    assert_int_equal(o.lsn, f->offset.lsn);
    assert_true(o.flush_lsn == f->offset.flush_lsn && o.system_id == f->offset.system_id &&
                o.timeline == 3);
    assert_true(o.pos_commit_lsn == 7 && o.pos_lsn == 0x100000008 && o.pos_ordinal == 9);
    assert_string_equal(o.slot, "s1");
    assert_string_equal(o.database, "d");
    offset_free(&o);
}

static void
a_tombstone_is_no_offset(void **state)
{
    struct fixture *f = *state;
    struct offset o;
    bool found;

    assert_true(f->store->ops->save(f->store, &f->offset, NULL));
    assert_true(f->store->ops->erase(f->store, NULL));
    assert_true(load_anew(f, &o, &found, NULL));
    assert_false(found);
}

static void
what_connect_wrote_is_accepted_without_our_members(void **state)
{
    struct fixture *f = *state;
    struct offset o;
    bool found;

    produce_raw(f, 3, "[\"other\",{\"server\":\"dbserver1\"}]", "{\"lsn\":1}");
    produce_raw(f, 11, "[\"other\",{\"server\":\"dbserver1\"}]", "{\"lsn\":2}");
    produce_raw(f, 11, KEY, "{\"lsn_proc\":5,\"lsn\":5,\"x\":7}");
    produce_raw(f, 24, "[\"other2\",{\"server\":\"dbserver1\"}]", "not even JSON");
    assert_true(load_anew(f, &o, &found, NULL));
    assert_true(found && !o.own && o.lsn == 5);
    assert_string_equal(o.extra, "{\"x\":7}");
    offset_free(&o);
}

static void
the_keys_own_partition_wins_over_a_stray_one(void **state)
{
    struct fixture *f = *state;
    struct offset o;
    bool found;

    produce_raw(f, 2, KEY, "{\"lsn\":1}");
    assert_true(load_anew(f, &o, &found, NULL));
    assert_true(found && o.lsn == 1);
    produce_raw(f, 11, KEY, "{\"lsn\":2}");
    produce_raw(f, 20, KEY, "{\"lsn\":3}");
    assert_true(load_anew(f, &o, &found, NULL));
    assert_true(found && o.lsn == 2);
}

static void
a_value_that_is_no_offset_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct offset o;
    struct err e = {0};
    bool found;

    produce_raw(f, 11, KEY, "{\"lsn\":");
    assert_false(load_anew(f, &o, &found, &e));
    assert_int_equal(e.cls, ERR_FATAL);
    assert_string_equal(e.code, "offset.corrupt");
}

static void
the_topic_is_made_compacted_with_its_partitions(void **state)
{
    struct fixture *f = *state;
    struct offset_kafka *k = (struct offset_kafka *)f->store;
    struct compacted_topic topic;

    if (!real_broker())
        skip();
    config_set(k->config, "offset.storage.partitions", "7");
    assert_true(f->store->ops->save(f->store, &f->offset, NULL));
    assert_int_equal(k->partitions, 7);
    /* Anything but "compact" would be an error of this. */
    topic = topic_of(k);
    assert_true(compacted_topic_ready(k->producer, &topic, &k->partitions, NULL));
}

static void
a_topic_that_deletes_by_age_is_refused(void **state)
{
    struct fixture *f = *state;
    struct offset_kafka *k = (struct offset_kafka *)f->store;
    struct err e = {0};
    rd_kafka_NewTopic_t *t;
    rd_kafka_queue_t *q;
    rd_kafka_t *rk;
    char why[200];
    rd_kafka_conf_t *conf;

    if (!real_broker())
        skip();
    conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", f->servers, why, sizeof why);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    q = rd_kafka_queue_new(rk);
    t = rd_kafka_NewTopic_new(f->topic, 1, 1, why, sizeof why);
    rd_kafka_NewTopic_set_config(t, "cleanup.policy", "compact,delete");
    rd_kafka_CreateTopics(rk, &t, 1, NULL, q);
    rd_kafka_event_destroy(rd_kafka_queue_poll(q, 10000));
    rd_kafka_NewTopic_destroy(t);
    assert_false(f->store->ops->save(f->store, &f->offset, &e));
    assert_int_equal(e.cls, ERR_CONFIG);
    assert_string_equal(e.code, "offset.topic_policy");
    rd_kafka_queue_destroy(q);
    rd_kafka_destroy(rk);
    assert_null(k->producer);
}

static void
brokers_that_are_away_are_an_error_that_passes(void **state)
{
    struct fixture *f = *state;
    struct offset_kafka *k = (struct offset_kafka *)f->store;
    struct err e = {0};

    config_set(k->config, "bootstrap.servers", "127.0.0.1:1");
    assert_false(f->store->ops->save(f->store, &f->offset, &e));
    assert_int_equal(e.cls, ERR_RETRY);
}

/* What the next run finds beside the offset. */
static char *
beside_anew(struct fixture *f, enum offset_beside what, bool *found)
{
    struct offset_store *s = offset_kafka_open(f->config, NULL);
    struct offset o;
    char *text;

    assert_true(s->ops->load(s, &o, found, NULL));
    offset_free(&o);
    text = s->beside[what] ? strdup(s->beside[what]) : NULL;
    s->ops->close(s);
    return text;
}

static void
progress_lives_beside_the_offset(void **state)
{
    struct fixture *f = *state;
    char *text;
    bool found;

    assert_true(f->store->ops->save_beside(f->store, OFFSET_PROGRESS, "{\"a\":1}", NULL));
    assert_true(f->store->ops->save_beside(f->store, OFFSET_PROGRESS, "{\"a\":2}", NULL));
    text = beside_anew(f, OFFSET_PROGRESS, &found);
    assert_false(found);
    assert_string_equal(text, "{\"a\":2}");
    free(text);
    assert_true(f->store->ops->save(f->store, &f->offset, NULL));
    text = beside_anew(f, OFFSET_PROGRESS, &found);
    assert_true(found);
    assert_string_equal(text, "{\"a\":2}");
    free(text);
    assert_true(f->store->ops->save_beside(f->store, OFFSET_PROGRESS, NULL, NULL));
    assert_null(beside_anew(f, OFFSET_PROGRESS, &found));
    assert_true(found);
    assert_true(f->store->ops->save_beside(f->store, OFFSET_TABLES, "{\"b\":1}", NULL));
    assert_null(beside_anew(f, OFFSET_PROGRESS, &found));
    text = beside_anew(f, OFFSET_TABLES, &found);
    assert_string_equal(text, "{\"b\":1}");
    free(text);
    assert_true(f->store->ops->save_beside(f->store, OFFSET_PROGRESS, "{}", NULL));
    assert_true(f->store->ops->erase(f->store, NULL));
    assert_null(beside_anew(f, OFFSET_TABLES, &found));
    assert_null(beside_anew(f, OFFSET_PROGRESS, &found));
    assert_false(found);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(murmur2_is_javas),
        T(the_key_is_connects),
        T(an_empty_topic_holds_no_offset),
        T(what_was_saved_is_loaded_by_the_next_run),
        T(a_tombstone_is_no_offset),
        T(what_connect_wrote_is_accepted_without_our_members),
        T(the_keys_own_partition_wins_over_a_stray_one),
        T(a_value_that_is_no_offset_is_an_error),
        T(the_topic_is_made_compacted_with_its_partitions),
        T(a_topic_that_deletes_by_age_is_refused),
        T(brokers_that_are_away_are_an_error_that_passes),
        T(progress_lives_beside_the_offset),
    };

#ifdef __SANITIZE_THREAD__
    /* librdkafka makes its threads by C11's thrd_create, which ThreadSanitizer does not see and dies of. */
    puts("skipped under ThreadSanitizer");
    return 0;
#endif
    log_init(getenv("WALBRIDGE_TEST_LOG") ? LOG_DEBUG : LOG_ERROR, LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
