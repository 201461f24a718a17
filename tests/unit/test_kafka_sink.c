/*
 * The Kafka sink against librdkafka's mock cluster in this process, and once more against a real broker when
 * WALBRIDGE_TEST_KAFKA=host:port is set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sinks/kafka/kafka.h"

enum { API_PRODUCE = 0, API_INIT_PRODUCER_ID = 22 };

/* ------------------------------------------------------------------------------------------------------- fixture */

static const struct prop_table more_table = {
    (const struct prop[]){{.name = "errors.tolerance", .type = PROP_STRING, .doc = "x"}}, 1};
static const struct prop_table *const tables[] = {&kafka_prop_table, &more_table, NULL};

struct fixture {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
    char servers[64], topic[80];
    struct config *config;
    struct settings settings;
    struct sink *sink;
    struct kafka_prog prog;
    struct recbuf buf;
    uint64_t acked[100000];
    unsigned nacks, calls;
};

static bool
real_broker(void)
{
    return getenv("WALBRIDGE_TEST_KAFKA") != NULL;
}

static void
on_ack(void *arg, uint64_t ticket, unsigned n)
{
    struct fixture *f = arg;

    assert_true(ticket < 100000);
    f->acked[ticket] += n;
    f->nacks += n;
    f->calls++;
}

static int
setup(void **state)
{
    static unsigned serial;
    struct fixture *f = mem_alloc(sizeof *f);
    rd_kafka_conf_t *quiet = rd_kafka_conf_new();
    char why[200];

    rd_kafka_conf_set(quiet, "log_level", "3", why, sizeof why);
    f->rk = rd_kafka_new(RD_KAFKA_PRODUCER, quiet, why, sizeof why);
    f->cluster = rd_kafka_mock_cluster_new(f->rk, 1);
    snprintf(f->servers, sizeof f->servers, "%s",
             real_broker() ? getenv("WALBRIDGE_TEST_KAFKA")
                           : rd_kafka_mock_cluster_bootstraps(f->cluster));
    snprintf(f->topic, sizeof f->topic, "wbsink.%d.%u", (int)getpid(), serial++);
    f->config = config_new("c", tables);
    config_set(f->config, "bootstrap.servers", f->servers);
    config_set(f->config, "producer.override.linger.ms", "1");
    f->settings = (struct settings){.prefix = "shop", .context_headers = true};
    recbuf_init(&f->buf, 64 << 20);
    *state = f;
    return 0;
}

static void
start(struct fixture *f)
{
    struct sink_env env = {
        .config = f->config, .settings = &f->settings, .connector = "c", .run_id = "run-1"};
    struct err e = {0};

    if (!real_broker())
        rd_kafka_mock_topic_create(f->cluster, f->topic, 1, 1);
    f->sink = sink_kafka_new(&env, &e);
    if (!f->sink)
        fail_msg("%s", e.msg);
    f->sink->ack = on_ack;
    f->sink->ack_arg = f;
    f->prog.topic = kafka_topic_named((struct kafka_sink *)f->sink, f->topic);
}

static rd_kafka_event_t *
await_admin(rd_kafka_queue_t *q)
{
    return rd_kafka_queue_poll(q, 10000);
}

static void
delete_topic(struct fixture *f)
{
    char why[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_DeleteTopic_t *t = rd_kafka_DeleteTopic_new(f->topic);
    rd_kafka_t *rk;
    rd_kafka_queue_t *q;

    rd_kafka_conf_set(conf, "bootstrap.servers", f->servers, why, sizeof why);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    q = rd_kafka_queue_new(rk);
    rd_kafka_DeleteTopics(rk, &t, 1, NULL, q);
    rd_kafka_event_destroy(await_admin(q));
    rd_kafka_DeleteTopic_destroy(t);
    rd_kafka_queue_destroy(q);
    rd_kafka_destroy(rk);
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    if (f->sink)
        f->sink->ops->close(f->sink);
    if (real_broker())
        delete_topic(f);
    rd_kafka_mock_cluster_destroy(f->cluster);
    rd_kafka_destroy(f->rk);
    config_free(f->config);
    recbuf_free(&f->buf);
    free(f);
    return 0;
}

static struct record *
record(struct fixture *f, const char *key, const char *value, size_t nvalue)
{
    struct record *r;

    recbuf_clear(&f->buf);
    r = recbuf_add(&f->buf);
    r->null_key = key == NULL;
    r->null_value = value == NULL;
    if (key) {
        r->nkey = (uint32_t)strlen(key);
        buf_add(&f->buf.bytes, key, r->nkey);
    }
    r->value = (uint32_t)f->buf.bytes.n;
    if (value) {
        r->nvalue = (uint32_t)nvalue;
        buf_add(&f->buf.bytes, value, nvalue);
    }
    return r;
}

static enum sink_put
put(struct fixture *f, const struct record *r, uint64_t ticket, struct err *e)
{
    return f->sink->ops->put(f->sink, &f->prog, &f->buf, r, ticket, e);
}

/* Polls until `n` are acknowledged; false when poll fails or nothing comes. */
static bool
await_acks(struct fixture *f, unsigned n, struct err *e)
{
    for (int i = 0; i < 20000 && f->nacks < n; i++) {
        if (!f->sink->ops->poll(f->sink, e))
            return false;
        usleep(1000);
    }
    return f->nacks >= n;
}

/* Puts one, waiting while the sink is full. */
static void
put_sure(struct fixture *f, const struct record *r, uint64_t ticket)
{
    struct err e = {0};
    enum sink_put got;

    for (int i = 0; (got = put(f, r, ticket, &e)) == SINK_FULL && i < 20000; i++) {
        if (!f->sink->ops->poll(f->sink, &e))
            fail_msg("%s", e.msg);
        usleep(500);
    }
    if (got != SINK_TAKEN)
        fail_msg("put answered %d: %s", got, e.msg);
}

/* Everything in the topic, as one text: "key=value h:v …\n". */
static void
read_topic(struct fixture *f, unsigned n, char *out, size_t size)
{
    char why[200], group[64];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_t *rkt;
    rd_kafka_t *rk;
    size_t at = 0;

    snprintf(group, sizeof group, "g%d", (int)getpid());
    rd_kafka_conf_set(conf, "bootstrap.servers", f->servers, why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", group, why, sizeof why);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    rkt = rd_kafka_topic_new(rk, f->topic, NULL);
    rd_kafka_consume_start(rkt, 0, RD_KAFKA_OFFSET_BEGINNING);
    *out = '\0';
    for (int tries = 0; n > 0 && tries < 100; tries++) {
        rd_kafka_message_t *m = rd_kafka_consume(rkt, 0, 200);
        rd_kafka_headers_t *headers;
        const char *name;
        const void *value;
        size_t nvalue;

        if (!m)
            continue;
        if (!m->err) {
            n--;
            at += (size_t)snprintf(out + at, size - at, "%.*s=%.*s", m->key ? (int)m->key_len : 4,
                                   m->key ? (char *)m->key : "null", m->payload ? (int)m->len : 4,
                                   m->payload ? (char *)m->payload : "null");
            if (rd_kafka_message_headers(m, &headers) == 0)
                for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &nvalue) == 0;
                     i++)
                    at += (size_t)snprintf(out + at, size - at, " %s:%.*s", name, (int)nvalue,
                                           (const char *)value);
            at += (size_t)snprintf(out + at, size - at, "\n");
        }
        rd_kafka_message_destroy(m);
    }
    rd_kafka_consume_stop(rkt, 0);
    rd_kafka_topic_destroy(rkt);
    rd_kafka_destroy(rk);
    assert_int_equal(n, 0);
}

/* --------------------------------------------------------------------------------------------------------- tests */

static void
records_arrive_in_order_and_each_is_acknowledged_once(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    char value[32];

    start(f);
    for (uint64_t t = 0; t < 2000; t++) {
        int n = snprintf(value, sizeof value, "v%llu", (unsigned long long)t);

        put_sure(f, record(f, "k", value, (size_t)n), t);
    }
    assert_true(await_acks(f, 2000, &e));
    for (uint64_t t = 0; t < 2000; t++)
        assert_int_equal(f->acked[t], 1);
    assert_int_equal(f->sink->ops->pending_bytes(f->sink), 0);
}

/* What would lie in librdkafka for the rest of a trip is not given to it: the pipeline keeps it. */
static void
a_far_broker_gets_no_more_than_its_batches_take(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    enum sink_put got = SINK_TAKEN;
    uint64_t t = 0;

    if (real_broker())
        skip(); /* how far it is away is not for us to say */
    rd_kafka_mock_broker_set_rtt(f->cluster, -1, 40);
    start(f);
    put_sure(f, record(f, "k", "v", 1), t++);
    assert_true(await_acks(f, 1, &e));
    while (t < 20000 && got == SINK_TAKEN) {
        assert_true(f->sink->ops->poll(f->sink, &e));
        got = put(f, record(f, "k", "v", 1), t, &e);
        t += got == SINK_TAKEN;
    }
    assert_int_equal(got, SINK_FULL);
    assert_true(f->sink->ops->pending_bytes(f->sink) < 8 << 20);
    for (unsigned before = (unsigned)t; t < before + 3000; t++)
        put_sure(f, record(f, "k", "v", 1), t);
    assert_true(await_acks(f, (unsigned)t, &e));
    for (uint64_t i = 0; i < t; i++)
        assert_int_equal(f->acked[i], 1);
}

static void
acks_of_one_ticket_are_told_together(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};

    start(f);
    for (int i = 0; i < 100; i++)
        put_sure(f, record(f, "k", "v", 1), 7);
    assert_true(await_acks(f, 100, &e));
    assert_int_equal(f->acked[7], 100);
    assert_true(f->calls < 50);
}

static void
null_key_and_null_value_are_null_bytes_and_empty_ones_are_not(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    char text[500];

    start(f);
    put_sure(f, record(f, NULL, "v", 1), 1);
    put_sure(f, record(f, "k", NULL, 0), 2);
    put_sure(f, record(f, "", "", 0), 3);
    assert_true(await_acks(f, 3, &e));
    read_topic(f, 3, text, sizeof text);
    assert_string_equal(text, "null=v\nk=null\n=\n");
}

static void
headers_stand_in_debeziums_order_with_the_extra_one_first(void **state)
{
    static const char context[] =
        " __debezium.context.connectorLogicalName:shop __debezium.context.taskId:0"
        " __debezium.context.connectorName:postgresql __debezium.context.runId:run-1\n";
    struct fixture *f = *state;
    struct err e = {0};
    char text[2000], expected[2000];
    struct record *r;

    start(f);
    r = record(f, "a", "1", 1);
    r->headers = RECORD_CONTEXT;
    put_sure(f, r, 1);
    for (int i = 0; i < 2; i++) {
        r = record(f, "b", "2", 1);
        r->headers = i == 0 ? RECORD_CONTEXT : RECORD_PLAIN;
        r->extra = (uint32_t)f->buf.bytes.n;
        r->nextra = 8;
        r->extra_name = "__debezium.newkey";
        buf_str(&f->buf.bytes, "{\"id\":3}");
        put_sure(f, r, 2);
    }
    assert_true(await_acks(f, 3, &e));
    read_topic(f, 3, text, sizeof text);
    snprintf(expected, sizeof expected,
             "a=1%sb=2 __debezium.newkey:{\"id\":3}%sb=2 __debezium.newkey:{\"id\":3}\n", context,
             context);
    assert_string_equal(text, expected);
}

static void
the_queue_is_full_at_its_bytes_and_empties_by_acks(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    static char big[20000];
    unsigned taken = 0;
    enum sink_put got;

    config_set(f->config, "producer.override.buffer.memory", "100000");
    start(f);
    memset(big, 'x', sizeof big);
    while ((got = put(f, record(f, "k", big, sizeof big), taken, &e)) == SINK_TAKEN)
        taken++;
    assert_int_equal(got, SINK_FULL);
    assert_int_equal(taken, 4);
    assert_int_equal(f->sink->ops->pending_bytes(f->sink), 4 * (20001 + KAFKA_RECORD_COST));
    assert_true(await_acks(f, 4, &e));
    put_sure(f, record(f, "k", big, sizeof big), 5);
    assert_true(await_acks(f, 5, &e));
}

static void
a_record_larger_than_the_queue_passes_alone(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    static char big[500000];

    config_set(f->config, "producer.override.buffer.memory", "65536");
    start(f);
    memset(big, 'x', sizeof big);
    assert_int_equal(put(f, record(f, "k", "v", 1), 1, &e), SINK_TAKEN);
    assert_int_equal(put(f, record(f, "k", big, sizeof big), 2, &e), SINK_FULL);
    assert_true(await_acks(f, 1, &e));
    assert_int_equal(put(f, record(f, "k", big, sizeof big), 2, &e), SINK_TAKEN);
    assert_true(await_acks(f, 2, &e));
}

static void
an_over_long_record_is_an_error_of_the_data_that_names_the_setting(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    static char big[1200000];

    start(f);
    memset(big, 'x', sizeof big);
    assert_int_equal(put(f, record(f, "k", big, sizeof big), 1, &e), SINK_ERROR);
    assert_int_equal(e.cls, ERR_DATA);
    assert_string_equal(e.code, "kafka.record_too_large");
    assert_non_null(strstr(
        e.msg,
        "which is larger than 1048576, which is the value of the max.request.size configuration"));
    assert_false(f->sink->ops->poll(f->sink, &e));
    assert_int_equal(f->nacks, 0);
}

static void
an_over_long_record_is_skipped_when_errors_are_tolerated(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    static char big[1200000];

    config_set(f->config, "errors.tolerance", "all");
    start(f);
    memset(big, 'x', sizeof big);
    assert_int_equal(put(f, record(f, "k", big, sizeof big), 1, &e), SINK_TAKEN);
    assert_int_equal(f->nacks, 0);
    assert_true(await_acks(f, 1, &e));
    put_sure(f, record(f, "k", "v", 1), 2);
    assert_true(await_acks(f, 2, &e));
}

static void
a_record_up_to_the_limit_passes(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    static char big[1048576];

    start(f);
    memset(big, 'x', sizeof big);
    /* The estimate of a plain record with a one-byte key: 61 + 21 + 2 + 3 + n + 1. */
    put_sure(f, record(f, "k", big, sizeof big - 88), 1);
    assert_true(await_acks(f, 1, &e));
    assert_int_equal(put(f, record(f, "k", big, sizeof big - 87), 2, &e), SINK_ERROR);
}

static void
the_fd_is_readable_when_poll_has_something_to_do(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    struct timeval wait;
    fd_set set;
    int fd;

    start(f);
    fd = f->sink->ops->fd(f->sink);
    put_sure(f, record(f, "k", "v", 1), 1);
    for (int i = 0; i < 100 && f->nacks == 0; i++) {
        FD_ZERO(&set);
        FD_SET(fd, &set);
        wait = (struct timeval){5, 0};
        assert_int_equal(select(fd + 1, &set, NULL, NULL, &wait), 1);
        assert_true(f->sink->ops->poll(f->sink, &e));
    }
    assert_int_equal(f->nacks, 1);
}

static void
a_passing_broker_error_is_retried_without_loss_or_repeat(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    char text[500];

    if (real_broker())
        skip();
    start(f);
    rd_kafka_mock_push_request_errors(
        f->cluster, API_PRODUCE, 4, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR__TRANSPORT,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
    for (uint64_t t = 1; t <= 3; t++)
        put_sure(f, record(f, "k", t == 1 ? "1" : t == 2 ? "2" : "3", 1), t);
    assert_true(await_acks(f, 3, &e));
    read_topic(f, 3, text, sizeof text);
    assert_string_equal(text, "k=1\nk=2\nk=3\n");
}

static void
a_refused_record_is_an_error_and_never_an_ack(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};

    if (real_broker())
        skip();
    start(f);
    rd_kafka_mock_push_request_errors(f->cluster, API_PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    put_sure(f, record(f, "k", "v", 1), 1);
    assert_false(await_acks(f, 1, &e));
    assert_int_equal(e.cls, ERR_CONFIG);
    assert_string_equal(e.code, "kafka.topic_denied");
    assert_int_equal(f->nacks, 0);
}

static void
nothing_is_delivered_behind_a_refused_record(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    char text[100];

    if (real_broker())
        skip();
    start(f);
    put_sure(f, record(f, "k", "0", 1), 1);
    assert_true(await_acks(f, 1, &e));
    rd_kafka_mock_push_request_errors(f->cluster, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    for (uint64_t t = 2; t < 50; t++) {
        struct err ignored = {0};

        /* The failure may be known before all are put. */
        if (put(f, record(f, "k", "v", 1), t, &ignored) != SINK_TAKEN)
            break;
        usleep(2000);
    }
    for (int i = 0; i < 3000 && f->sink->ops->poll(f->sink, &e); i++)
        usleep(1000);
    assert_string_equal(e.code, "kafka.record_invalid");
    usleep(300000);
    f->sink->ops->poll(f->sink, &e);
    assert_int_equal(f->nacks, 1);
    read_topic(f, 1, text, sizeof text);
    assert_string_equal(text, "k=0\n");
}

static void
a_broker_that_is_away_is_waited_for(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};

    if (real_broker())
        skip();
    start(f);
    put_sure(f, record(f, "k", "v", 1), 1);
    assert_true(await_acks(f, 1, &e));
    rd_kafka_mock_broker_set_down(f->cluster, 1);
    put_sure(f, record(f, "k", "v", 1), 2);
    for (int i = 0; i < 500; i++) {
        assert_true(f->sink->ops->poll(f->sink, &e));
        usleep(1000);
    }
    assert_int_equal(f->nacks, 1);
    rd_kafka_mock_broker_set_up(f->cluster, 1);
    assert_true(await_acks(f, 2, &e));
}

static void
a_lost_sequence_restarts_the_connector(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};

    if (real_broker())
        skip();
    start(f);
    put_sure(f, record(f, "k", "v", 1), 1);
    assert_true(await_acks(f, 1, &e));
    rd_kafka_mock_push_request_errors(f->cluster, API_PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    put_sure(f, record(f, "k", "v", 1), 2);
    /* librdkafka may mend it with a new epoch; if it cannot, the class is what counts. */
    if (!await_acks(f, 2, &e)) {
        assert_int_equal(e.cls, ERR_RETRY);
        assert_int_equal(f->acked[2], 0);
    }
}

static void
an_idempotent_producer_that_is_denied_says_which_right_is_missing(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};

    if (real_broker())
        skip();
    rd_kafka_mock_push_request_errors(f->cluster, API_INIT_PRODUCER_ID, 1,
                                      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
    start(f);
    put_sure(f, record(f, "k", "v", 1), 1);
    assert_false(await_acks(f, 1, &e));
    assert_int_equal(e.cls, ERR_CONFIG);
    assert_string_equal(e.code, "kafka.cluster_denied");
}

/* The headers that records share must survive it: the address sanitizer would tell. */
static void
close_with_records_on_the_way(struct fixture *f)
{
    int64_t before;

    for (uint64_t t = 0; t < 1000; t++) {
        struct record *r = record(f, "k", "v", 1);

        r->headers = RECORD_CONTEXT;
        put_sure(f, r, t);
    }
    usleep(20000);
    before = clock_mono_us();
    f->sink->ops->close(f->sink);
    f->sink = NULL;
    /* A close that waited for the broker would wait for ever. */
    assert_true(clock_mono_us() - before < 60 * INT64_C(1000000));
}

static void
close_with_records_in_the_queue_returns_soon(void **state)
{
    struct fixture *f = *state;

    start(f);
    rd_kafka_mock_broker_set_down(f->cluster, 1);
    close_with_records_on_the_way(f);
}

static void
close_with_records_in_flight_returns_soon(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};

    if (real_broker())
        skip();
    start(f);
    put_sure(f, record(f, "k", "v", 1), 1);
    assert_true(await_acks(f, 1, &e));
    rd_kafka_mock_broker_set_rtt(f->cluster, 1, 10000);
    close_with_records_on_the_way(f);
}

static void
without_brokers_the_error_names_the_ways_to_give_them(void **state)
{
    struct fixture *f = *state;
    struct sink_env env = {
        .config = f->config, .settings = &f->settings, .connector = "c", .run_id = "r"};
    struct err e = {0};

    config_set(f->config, "bootstrap.servers", NULL);
    unsetenv("BOOTSTRAP_SERVERS");
    assert_null(sink_kafka_new(&env, &e));
    assert_int_equal(e.cls, ERR_CONFIG);
    assert_string_equal(e.code, "kafka.bootstrap");
}

static void
a_topic_that_nobody_makes_is_an_error_that_names_it(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};

    if (real_broker())
        skip();
    config_set(f->config, "producer.override.topic.metadata.propagation.max.ms", "500");
    start(f);
    rd_kafka_mock_topic_set_error(f->cluster, f->topic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    put_sure(f, record(f, "k", "v", 1), 1);
    assert_true(f->sink->ops->deadline_us(f->sink) <= clock_mono_us() + KAFKA_TOPIC_SILENT_US);
    assert_false(await_acks(f, 1, &e));
    assert_int_equal(e.cls, ERR_CONFIG);
    assert_string_equal(e.code, "kafka.unknown_topic");
    assert_non_null(strstr(e.msg, f->topic));
    assert_non_null(strstr(e.msg, "topic.creation.default.partitions"));
    assert_int_equal(f->nacks, 0);
}

/* -------------------------------------------------------------------------------------------- topics, real broker */

static void
a_topic_is_created_with_the_settings_of_its_group(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    const struct rd_kafka_metadata *md;
    char pattern[100];

    if (!real_broker())
        skip();
    snprintf(pattern, sizeof pattern, "nothing,%.6s.*", f->topic);
    config_set(f->config, "topic.creation.default.partitions", "1");
    config_set(f->config, "topic.creation.default.replication.factor", "1");
    config_set(f->config, "topic.creation.groups", "mine");
    config_set(f->config, "topic.creation.mine.include", pattern);
    config_set(f->config, "topic.creation.mine.partitions", "3");
    config_set(f->config, "topic.creation.mine.cleanup.policy", "compact");
    start(f);
    assert_int_equal(put(f, record(f, "k", "v", 1), 1, &e), SINK_FULL);
    put_sure(f, record(f, "k", "v", 1), 1);
    assert_true(await_acks(f, 1, &e));
    assert_int_equal(
        rd_kafka_metadata(((struct kafka_sink *)f->sink)->rk, 0, f->prog.topic->rkt, &md, 5000), 0);
    assert_int_equal(md->topics[0].partition_cnt, 3);
    rd_kafka_metadata_destroy(md);
}

static void
a_topic_that_exists_is_used_as_it_is(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};

    if (!real_broker())
        skip();
    config_set(f->config, "topic.creation.default.partitions", "1");
    config_set(f->config, "topic.creation.default.replication.factor", "1");
    start(f);
    put_sure(f, record(f, "k", "v", 1), 1);
    assert_true(await_acks(f, 1, &e));
    f->sink->ops->close(f->sink);
    start(f);
    put_sure(f, record(f, "k", "v", 1), 2);
    assert_true(await_acks(f, 2, &e));
}

static void
a_replication_factor_beyond_the_cluster_is_an_error_of_the_settings(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};

    if (!real_broker())
        skip();
    config_set(f->config, "topic.creation.default.partitions", "1");
    config_set(f->config, "topic.creation.default.replication.factor", "7");
    start(f);
    assert_int_equal(put(f, record(f, "k", "v", 1), 1, &e), SINK_FULL);
    assert_false(await_acks(f, 1, &e));
    assert_int_equal(e.cls, ERR_CONFIG);
    assert_string_equal(e.code, "kafka.topic_creation");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(records_arrive_in_order_and_each_is_acknowledged_once),
        T(a_far_broker_gets_no_more_than_its_batches_take),
        T(acks_of_one_ticket_are_told_together),
        T(null_key_and_null_value_are_null_bytes_and_empty_ones_are_not),
        T(headers_stand_in_debeziums_order_with_the_extra_one_first),
        T(the_queue_is_full_at_its_bytes_and_empties_by_acks),
        T(a_record_larger_than_the_queue_passes_alone),
        T(an_over_long_record_is_an_error_of_the_data_that_names_the_setting),
        T(an_over_long_record_is_skipped_when_errors_are_tolerated),
        T(a_record_up_to_the_limit_passes),
        T(the_fd_is_readable_when_poll_has_something_to_do),
        T(a_passing_broker_error_is_retried_without_loss_or_repeat),
        T(a_refused_record_is_an_error_and_never_an_ack),
        T(nothing_is_delivered_behind_a_refused_record),
        T(a_broker_that_is_away_is_waited_for),
        T(a_lost_sequence_restarts_the_connector),
        T(an_idempotent_producer_that_is_denied_says_which_right_is_missing),
        T(close_with_records_in_the_queue_returns_soon),
        T(close_with_records_in_flight_returns_soon),
        T(without_brokers_the_error_names_the_ways_to_give_them),
        T(a_topic_that_nobody_makes_is_an_error_that_names_it),
        T(a_topic_is_created_with_the_settings_of_its_group),
        T(a_topic_that_exists_is_used_as_it_is),
        T(a_replication_factor_beyond_the_cluster_is_an_error_of_the_settings),
    };

#ifdef __SANITIZE_THREAD__
    /* librdkafka makes its threads by C11's thrd_create, which ThreadSanitizer does not see and dies of. */
    puts("skipped under ThreadSanitizer");
    return 0;
#endif
    log_init(getenv("WALBRIDGE_TEST_LOG") ? LOG_DEBUG : LOG_ERROR, LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
