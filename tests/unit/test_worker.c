/* The worker on storage in memory: what requests answer and what they leave in the topics. No connector runs. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The worker itself, in place of the one that tests of the REST server make up. */
#include "replicator/connect/worker.c"
#include "replicator/connect/worker_loggers.c"
#include "replicator/connect/worker_offsets.c"
#include "replicator/connect/worker_read.c"
#include "replicator/connect/worker_step.c"
#include "replicator/connect/worker_write.c"

struct fixture {
    struct config *config;
    struct worker *worker;
    pthread_t thread;
};

static void *
run(void *arg)
{
    struct fixture *f = arg;
    struct err e = {0};

    assert_true(worker_run(f->worker, &e));
    return NULL;
}

static int
set_up_on(void **state, struct storage *storage)
{
    static const char *const sinks[] = {"null"};
    struct fixture *f = calloc(1, sizeof(*f));
    struct worker_options o = {.storage = storage, .sinks = sinks, .nsinks = 1};
    struct err e = {0};

    f->config = config_new("connect", worker_conf_tables);
    config_set(f->config, "bootstrap.servers", "nowhere:1");
    config_set(f->config, "group.id", "g");
    config_set(f->config, "rest.advertised.host.name", "w");
    config_set(f->config, "rest.advertised.port", "1");
    o.config = f->config;
    f->worker = worker_new(&o, &e);
    if (!f->worker || !worker_start(f->worker, &e))
        return -1;
    pthread_create(&f->thread, NULL, run, f);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    worker_stop(f->worker);
    pthread_join(f->thread, NULL);
    worker_free(f->worker);
    config_free(f->config);
    free(f);
    return 0;
}

/* Loses the first records that are posted to each topic. */
static struct {
    struct storage_ops ops;
    const struct storage_ops *real;
    struct storage_handler handler;
    atomic_int left[STORAGE_TOPICS], written[STORAGE_TOPICS];
} losing;

static bool
losing_start(struct storage *s, const struct storage_handler *h, struct err *e)
{
    losing.handler = *h;
    return losing.real->start(s, h, e);
}

static void
losing_post(struct storage *s, const struct storage_record *r)
{
    if (atomic_fetch_sub(&losing.left[r->topic], 1) > 0) {
        losing.handler.lost(losing.handler.arg, r->topic, r->key);
        return;
    }
    atomic_fetch_add(&losing.written[r->topic], 1);
    losing.real->post(s, r);
}

static int
set_up(void **state)
{
    return set_up_on(state, storage_memory_new());
}

static int
set_up_losing(void **state)
{
    struct storage *s = storage_memory_new();

    losing.real = s->ops;
    losing.ops = *s->ops;
    losing.ops.start = losing_start;
    losing.ops.post = losing_post;
    for (int t = 0; t < STORAGE_TOPICS; t++) {
        atomic_store(&losing.left[t], 2);
        atomic_store(&losing.written[t], 0);
    }
    s->ops = &losing.ops;
    return set_up_on(state, s);
}

/* Takes the document. */
static void
is(json_t *document, const char *want)
{
    struct buf text;

    assert_non_null(document);
    buf_init(&text, 100000);
    json_text_add(&text, document);
    assert_string_equal(buf_cstr(&text), want);
    buf_free(&text);
    json_decref(document);
}

static void
refused(json_t *document, const struct worker_error *e, int status, const char *message)
{
    assert_null(document);
    assert_int_equal(e->status, status);
    assert_string_equal(e->message, message);
}

static json_t *
create(struct fixture *f, const char *name, enum worker_target target, struct worker_error *e)
{
    json_t *config = json_pack("{ss ss}", "connector.class", "PostgresConnector", "a", "b"), *out;

    out = worker_create(f->worker, name, config, &target, e);
    json_decref(config);
    return out;
}

/* Statuses follow a moment later. */
static void
becomes(struct fixture *f, const char *name, const char *want)
{
    struct buf text;

    buf_init(&text, 100000);
    for (int i = 0; i < 500; i++) {
        json_t *status = worker_status(f->worker, name, NULL);

        buf_clear(&text);
        if (status)
            json_text_add(&text, status);
        json_decref(status);
        if (strcmp(buf_cstr(&text), want) == 0)
            break;
        usleep(10000);
    }
    assert_string_equal(buf_cstr(&text), want);
    buf_free(&text);
}

#define STOPPED                                                                                    \
    "{\"name\":\"one\",\"connector\":{\"state\":\"STOPPED\",\"worker_id\":\"w:1\","                \
    "\"version\":\"3.6.1.Final\"},\"tasks\":[],\"type\":\"source\"}"
#define INFO                                                                                       \
    "{\"name\":\"one\",\"config\":{\"connector.class\":\"PostgresConnector\",\"a\":\"b\","         \
    "\"name\":\"one\"},\"tasks\":[],\"type\":\"source\"}"

static void
a_connector_is_created_shown_and_deleted(void **state)
{
    struct fixture *f = *state;
    struct worker_error e = {0};

    is(worker_names(f->worker, &e), "[]");
    is(create(f, "one", WORKER_STOPPED, &e), INFO);
    is(worker_names(f->worker, &e), "[\"one\"]");
    is(worker_info(f->worker, "one", &e), INFO);
    is(worker_config(f->worker, "one", &e),
       "{\"connector.class\":\"PostgresConnector\",\"a\":\"b\",\"name\":\"one\"}");
    is(worker_tasks(f->worker, "one", &e), "[]");
    becomes(f, "one", STOPPED);
    refused(create(f, "one", WORKER_STOPPED, &e), &e, 409, "Connector one already exists");
    assert_true(worker_delete(f->worker, "one", &e));
    is(worker_names(f->worker, &e), "[]");
    becomes(f, "one", "");
}

static void
what_is_not_there_is_said_as_connect_says_it(void **state)
{
    struct worker *w = ((struct fixture *)*state)->worker;
    json_t *config = json_object(), *offsets = json_pack("[{s{ss}}]", "partition", "server", "s");
    struct worker_error e = {0};
    json_t *status;

    refused(worker_info(w, "no", &e), &e, 404, "Connector no not found");
    refused(worker_config(w, "no", &e), &e, 404, "Connector no not found");
    refused(worker_tasks(w, "no", &e), &e, 404, "Connector no not found");
    refused(worker_status(w, "no", &e), &e, 404, "No status found for connector no");
    refused(worker_task_status(w, "no", 0, &e), &e, 404, "No status found for task no-0");
    refused(worker_task_status(w, "no", -1, &e), &e, 404, "No status found for task no--1");
    refused(worker_offsets(w, "no", &e), &e, 404, "Connector no not found");
    refused(worker_patch(w, "no", config, &e), &e, 404, "Connector no not found");
    refused(worker_alter_offsets(w, "no", offsets, &e), &e, 404, "Connector no not found");
    refused(worker_reset_offsets(w, "no", &e), &e, 404, "Connector no not found");
    is(worker_topics(w, "no", &e), "{\"no\":{\"topics\":[]}}");
    assert_false(worker_delete(w, "no", &e));
    assert_string_equal(e.message, "Connector no not found");
    assert_false(worker_set_target(w, "no", WORKER_PAUSED, &e));
    assert_string_equal(e.message, "Unknown connector no");
    assert_false(worker_restart(w, "no", true, false, &status, &e));
    assert_string_equal(e.message, "Unknown connector: no");
    assert_false(worker_restart_task(w, "no", 0, &e));
    assert_string_equal(e.message, "Unknown connector: no");
    json_decref(config);
    json_decref(offsets);
}

static void
a_patch_replaces_adds_and_removes(void **state)
{
    struct fixture *f = *state;
    struct worker_error e = {0};
    json_t *patch = json_pack("{sn ss}", "a", "c", "d");

    json_decref(create(f, "one", WORKER_STOPPED, &e));
    is(worker_patch(f->worker, "one", patch, &e),
       "{\"name\":\"one\",\"config\":{\"connector.class\":\"PostgresConnector\",\"name\":\"one\","
       "\"c\":\"d\"},\"tasks\":[],\"type\":\"source\"}");
    json_decref(patch);
}

/* A check that lets the other patch in between: as one that waits for a database would. */
static bool
patch_meanwhile(void *arg, const char *name, json_t *config, struct worker_error *e)
{
    struct worker *w = *(struct worker **)arg;
    json_t *patch = json_pack("{ss}", "second", "2");

    (void)config;
    w->options.check = NULL;
    is(worker_patch(w, name, patch, e),
       "{\"name\":\"one\",\"config\":{\"connector.class\":\"PostgresConnector\",\"a\":\"b\","
       "\"name\":\"one\",\"second\":\"2\"},\"tasks\":[],\"type\":\"source\"}");
    json_decref(patch);
    return true;
}

static void
of_two_patches_at_once_both_count(void **state)
{
    struct fixture *f = *state;
    struct worker_error e = {0};
    json_t *patch = json_pack("{ss}", "first", "1");

    json_decref(create(f, "one", WORKER_STOPPED, &e));
    f->worker->options.check = patch_meanwhile;
    f->worker->options.check_arg = &f->worker;
    is(worker_patch(f->worker, "one", patch, &e),
       "{\"name\":\"one\",\"config\":{\"connector.class\":\"PostgresConnector\",\"a\":\"b\","
       "\"name\":\"one\",\"second\":\"2\",\"first\":\"1\"},\"tasks\":[],\"type\":\"source\"}");
    json_decref(patch);
}

/* As another program writes into a topic. */
static void
write_record(struct fixture *f, enum storage_topic topic, const char *key, const char *value)
{
    struct storage *s = f->worker->storage;
    struct storage_record r = {.topic = topic, .key = slice_of(key)};
    struct err e = {0};

    if (value)
        r.value = slice_of(value);
    assert_true(s->ops->put(s, &r, 1, &e));
    worker_wake(f->worker);
}

static void
what_cannot_be_read_is_not_patched(void **state)
{
    struct fixture *f = *state;
    struct worker_error e = {0};
    json_t *patch = json_pack("{ss}", "a", "b");

    write_record(f, STORAGE_CONFIGS, "connector-one", "{\"properties\":{");
    assert_null(worker_patch(f->worker, "one", patch, &e));
    assert_int_equal(e.status, 409);
    assert_non_null(strstr(e.message, "PUT"));
    json_decref(patch);
}

static void
a_stopped_task_is_not_restarted(void **state)
{
    struct fixture *f = *state;
    struct worker_error e = {0};

    json_decref(create(f, "one", WORKER_PAUSED, &e));
    assert_false(worker_restart_task(f->worker, "one", 0, &e));
    assert_int_equal(e.status, 404);
    write_record(f, STORAGE_CONFIGS, "task-one-0", "{\"properties\":{}}");
    write_record(f, STORAGE_CONFIGS, "commit-one", "{\"tasks\":1}");
    assert_true(worker_restart_task(f->worker, "one", 0, &e));
    assert_true(worker_set_target(f->worker, "one", WORKER_STOPPED, &e));
    assert_false(worker_restart_task(f->worker, "one", 0, &e));
    assert_int_equal(e.status, 409);
    assert_false(worker_restart_task(f->worker, "one", 1, &e));
    assert_int_equal(e.status, 404);
}

static void
signals_are_for_what_runs(void **state)
{
    struct fixture *f = *state;
    struct worker_error e = {0};
    struct signal s = {.type = "log", .data = "{\"message\":\"m\"}"};

    refused(worker_signal(f->worker, "no", &s, &e), &e, 404, "Connector no not found");
    json_decref(create(f, "one", WORKER_STOPPED, &e));
    becomes(f, "one", STOPPED);
    refused(worker_signal(f->worker, "one", &s, &e), &e, 409,
            "connector \"one\" is off: only one that runs takes signals");
}

static void
what_could_not_be_written_is_written_again(void **state)
{
    struct fixture *f = *state;
    struct worker_error e = {0};
    enum worker_target paused = WORKER_PAUSED;
    json_t *tasks = NULL,
           *config = json_pack("{ss ss ss ss ss}", "connector.class", "PostgresConnector",
                               "topic.prefix", "p", "database.hostname", "127.0.0.1",
                               "database.user", "u", "database.dbname", "d");

    json_decref(worker_create(f->worker, "one", config, &paused, &e));
    json_decref(config);
    write_record(f, STORAGE_CONFIGS, "task-one-0", "{\"properties\":{}}");
    write_record(f, STORAGE_CONFIGS, "commit-one", "{\"tasks\":1}");
    write_record(f, STORAGE_CONFIGS, "target-state-one", "{\"state\":\"STOPPED\"}");
    becomes(f, "one", STOPPED);
    for (int i = 0; i < 1000 && (!tasks || json_array_size(tasks) > 0 ||
                                 atomic_load(&losing.written[STORAGE_STATUSES]) == 0);
         i++) {
        json_decref(tasks);
        usleep(10000);
        tasks = worker_tasks(f->worker, "one", &e);
    }
    is(tasks, "[]");
    assert_true(atomic_load(&losing.written[STORAGE_STATUSES]) > 0);
    becomes(f, "one", STOPPED);
}

static void
what_cannot_be_run_has_failed_and_can_be_put_right(void **state)
{
    struct fixture *f = *state;
    struct worker_error e = {0};
    json_t *status = NULL;
    const char *trace = NULL;

    json_decref(create(f, "one", WORKER_STARTED, &e));
    for (int i = 0; i < 500 && !trace; i++) {
        json_decref(status);
        usleep(10000);
        status = worker_status(f->worker, "one", NULL);
        trace = json_string_value(json_object_get(json_object_get(status, "connector"), "trace"));
    }
    assert_non_null(trace);
    assert_memory_equal(trace, "org.apache.kafka.connect.errors.ConnectException: ", 50);
    assert_non_null(strstr(trace, "database.hostname"));
    assert_non_null(strstr(trace, "\n\tat "));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(status, "connector"), "state")),
        "FAILED");
    json_decref(status);
    assert_true(worker_restart(f->worker, "one", true, true, &status, &e));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(status, "connector"), "state")),
        "RESTARTING");
    json_decref(status);
}

static void
offsets_are_changed_of_stopped_connectors_only(void **state)
{
    struct fixture *f = *state;
    struct worker_error e = {0};
    json_t *none = json_array(),
           *offsets = json_pack("[{s{ss}s{si}}]", "partition", "server", "s", "offset", "lsn", 5),
           *nested = json_pack("[{s{ss}s{s[i]}}]", "partition", "server", "s", "offset", "x", 5);

    json_decref(create(f, "one", WORKER_PAUSED, &e));
    assert_null(worker_alter_offsets(f->worker, "one", offsets, &e));
    assert_int_equal(e.status, 400);
    assert_true(worker_set_target(f->worker, "one", WORKER_STOPPED, &e));
    refused(worker_alter_offsets(f->worker, "one", none, &e), &e, 400,
            "Partitions / offsets need to be provided for an alter offsets request");
    refused(worker_alter_offsets(f->worker, "one", nested, &e), &e, 500,
            "Offsets may only contain primitive types as values, but field x contains ARRAY");
    is(worker_alter_offsets(f->worker, "one", offsets, &e),
       "{\"message\":\"The Connect framework-managed offsets for this connector have been altered "
       "successfully. However, if this connector manages offsets externally, they will need to be "
       "manually altered in the system that the connector uses.\"}");
    is(worker_offsets(f->worker, "one", &e),
       "{\"offsets\":[{\"partition\":{\"server\":\"s\"},\"offset\":{\"lsn\":5}}]}");
    json_decref(worker_reset_offsets(f->worker, "one", &e));
    is(worker_offsets(f->worker, "one", &e), "{\"offsets\":[]}");
    json_decref(none);
    json_decref(offsets);
    json_decref(nested);
}

static void
levels_of_loggers_are_kept(void **state)
{
    struct worker *w = ((struct fixture *)*state)->worker;
    struct worker_error e = {0};
    json_t *logger;

    refused(worker_logger(w, "some.class", &e), &e, 404, "Logger some.class not found.");
    refused(worker_set_logger(w, "some.class", "LOUD", false, &e), &e, 404,
            "invalid log level 'LOUD'.");
    is(worker_set_logger(w, "some.class", "debug", false, &e), "[\"some.class\"]");
    logger = worker_logger(w, "some.class", &e);
    assert_string_equal(json_string_value(json_object_get(logger, "level")), "DEBUG");
    json_decref(logger);
    is(worker_set_logger(w, "other", "WARN", true, &e), "[]");
    logger = worker_logger(w, "other", &e);
    assert_string_equal(json_string_value(json_object_get(logger, "level")), "WARN");
    json_decref(logger);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_connector_is_created_shown_and_deleted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_said_as_connect_says_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_patch_replaces_adds_and_removes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_two_patches_at_once_both_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_not_patched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stopped_task_is_not_restarted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(signals_are_for_what_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_could_not_be_written_is_written_again, set_up_losing,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_run_has_failed_and_can_be_put_right, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(offsets_are_changed_of_stopped_connectors_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(levels_of_loggers_are_kept, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
