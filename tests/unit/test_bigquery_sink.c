/* The sink against tests/fakebq, the strict stand-in: what is acknowledged is there, what is refused is never lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sinks/sink.h"
#include "tests/unit/bq_rig.h"

static const char *
text_of(json_t *row, const char *name)
{
    return json_string_value(json_object_get(row, name));
}

static void
default_mapping_creates_the_table_and_delivers_rows_with_metadata(void **state)
{
    static const char *const row[] = {"5f0c2b52-0000-4000-8000-000000000001",
                                      "A1             ",
                                      "W\xc3\xb6rk",
                                      NULL,
                                      "9.99",
                                      "3"};
    struct rig r;
    json_t *rows, *first;

    (void)state;
    rig_start(&r, NULL);
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    rig_put_row(&r, OP_READ, NULL, row);
    rig_put_row(&r, OP_CREATE, NULL, row);
    rig_put_row(&r, OP_DELETE, row, NULL);
    rig_run_until(&r, 3);
    rows = rig_rows_of(&r, "public_inventory");
    assert_int_equal(json_array_size(rows), 3);
    first = json_array_get(rows, 1);
    assert_string_equal(text_of(first, "name"), "W\xc3\xb6rk");
    assert_true(json_is_null(json_object_get(first, "description")));
    assert_int_equal(json_integer_value(json_object_get(first, "available")), 3);
    assert_string_equal(text_of(first, "_op"), "c");
    assert_string_equal(text_of(first, "_seq"), "0000000000001000/0000000000000F00/00000002");
    assert_string_equal(text_of(first, "_source_ts"), "2026-11-21T10:20:45.123000Z");
    assert_string_equal(text_of(first, "_commit_ts"), "2026-11-21T10:20:45.123456Z");
    assert_string_equal(text_of(first, "_table"), "public.inventory");
    assert_int_equal(json_integer_value(json_object_get(first, "_txid")), 742);
    assert_true(json_is_false(json_object_get(first, "_snapshot")));
    assert_true(json_is_true(json_object_get(json_array_get(rows, 0), "_snapshot")));
    assert_true(json_is_null(json_object_get(json_array_get(rows, 0), "_commit_ts")));
    assert_string_equal(text_of(json_array_get(rows, 2), "_op"), "d");
    assert_string_equal(text_of(json_array_get(rows, 2), "name"), "W\xc3\xb6rk");
    json_decref(rows);
    assert_int_equal(rig_requests(&r, "POST", "/tables", 200), 1);
    assert_int_equal(rig_requests(&r, "POST", "/insertAll", 200), 1);
    rig_stop(&r);
}

static void
reference_mapping_fills_the_reference_table(void **state)
{
    static const char *const row[] = {
        "5f0c2b52-0000-4000-8000-000000000001", "A1             ", "Widget", NULL, "9.99", NULL};
    static const char *const want =
        "{\"deleted\":true,\"name\":\"Widget\",\"price\":9.9900000000000002,\"quantity\":0,"
        "\"sku\":\"A1\",\"timestamp\":\"2026-11-21T10:20:45.789000\"}";
    struct rig r;
    json_t *rows;
    char *got;

    (void)state;
    rig_start(&r, NULL);
    rig_set(&r, "mapping", "deploy/inventory-mapping.json");
    rig_make_table(
        &r, "murillodigital_inventory",
        "{\"name\":\"sku\",\"type\":\"STRING\",\"mode\":\"REQUIRED\"},{\"name\":\"name\","
        "\"type\":\"STRING\",\"mode\":"
        "\"REQUIRED\"},{\"name\":\"price\",\"type\":\"FLOAT64\",\"mode\":\"REQUIRED\"},{"
        "\"name\":\"quantity\",\"type\":"
        "\"INT64\",\"mode\":\"REQUIRED\"},{\"name\":\"timestamp\",\"type\":\"DATETIME\","
        "\"mode\":\"REQUIRED\"},{\"name\":"
        "\"deleted\",\"type\":\"BOOL\"}");
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    rig_put_row(&r, OP_DELETE, row, NULL);
    rig_run_until(&r, 1);
    rows = rig_rows_of(&r, "murillodigital_inventory");
    got = json_dumps(json_array_get(rows, 0), JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(got, want);
    free(got);
    json_decref(rows);
    assert_int_equal(rig_requests(&r, "PATCH", "murillodigital_inventory", 0), 0);
    rig_stop(&r);
}

static void
rows_are_batched_by_count_in_order_with_one_request_at_a_time(void **state)
{
    struct rig r;
    json_t *rows, *row;
    size_t i;
    char sku[32];

    (void)state;
    rig_start(&r, NULL);
    rig_set(&r, "batch.rows", "100");
    rig_set(&r, "linger.ms", "50");
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    for (int k = 0; k < 1050; k++) {
        snprintf(sku, sizeof(sku), "S%05d", k);
        rig_put_item(&r, sku, "1");
    }
    rig_run_until(&r, 1050);
    rows = rig_rows_of(&r, "public_inventory");
    assert_int_equal(json_array_size(rows), 1050);
    json_array_foreach(rows, i, row)
    {
        snprintf(sku, sizeof(sku), "S%05zu", i);
        assert_string_equal(text_of(row, "sku"), sku);
    }
    json_decref(rows);
    assert_int_equal(rig_requests(&r, "POST", "/insertAll", 200), 11);
    rig_stop(&r);
}

static void
a_bad_row_fails_the_sink_and_is_not_acknowledged(void **state)
{
    struct rig r;
    struct err e = {0};
    json_t *rows;

    (void)state;
    rig_start(&r, NULL);
    /* Somebody else's table is stricter than ours would be. */
    rig_make_table(&r, "public_inventory",
                   "{\"name\":\"available\",\"type\":\"INT64\",\"mode\":\"REQUIRED\"}");
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    rig_put_item(&r, "A", "1");
    rig_put_item(&r, "B", NULL);
    rig_put_item(&r, "C", "3");
    rig_run_to_error(&r, &e);
    assert_string_equal(e.code, "bigquery.row");
    assert_int_equal(e.cls, ERR_DATA);
    assert_int_equal(r.acked[1], 0);
    rows = rig_rows_of(&r, "public_inventory");
    assert_int_equal(json_array_size(rows), r.total);
    json_decref(rows);
    /* It stays failed: the owner restarts from the safe position. */
    assert_false(r.sink->ops->poll(r.sink, &e));
    assert_int_equal(rig_put_change(&r, fix_change(&r.fix, OP_TRUNCATE, NULL, NULL), &e),
                     SINK_ERROR);
    rig_stop(&r);
}

static void
a_bad_row_goes_to_the_dead_letters_and_the_stopped_ones_go_on(void **state)
{
    struct rig r;
    json_t *rows, *letter, *row;

    (void)state;
    rig_start(&r, NULL);
    rig_make_table(&r, "public_inventory",
                   "{\"name\":\"available\",\"type\":\"INT64\",\"mode\":\"REQUIRED\"}");
    rig_set(&r, "on.error", "dead-letter");
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    rig_put_item(&r, "A", "1");
    rig_put_item(&r, "B", NULL);
    rig_put_item(&r, "C", "3");
    rig_run_until(&r, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(r.acked[i], 1);
    rows = rig_rows_of(&r, "public_inventory");
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(text_of(json_array_get(rows, 1), "sku"), "C");
    json_decref(rows);
    rows = rig_rows_of(&r, "_walbridge_dead_letter");
    assert_int_equal(json_array_size(rows), 1);
    letter = json_array_get(rows, 0);
    assert_string_equal(text_of(letter, "table"), "public_inventory");
    assert_string_equal(text_of(letter, "op"), "c");
    assert_string_equal(text_of(letter, "seq"), "0000000000001000/0000000000000F00/00000002");
    assert_string_equal(text_of(letter, "reason"), "invalid");
    assert_non_null(strstr(text_of(letter, "message"), "available"));
    row = json_loads(text_of(letter, "row"), 0, NULL);
    assert_string_equal(text_of(row, "sku"), "B");
    json_decref(row);
    json_decref(rows);
    rig_stop(&r);
}

static void
a_dead_letter_that_is_not_accepted_is_not_acknowledged(void **state)
{
    struct rig r;
    struct err e = {0};

    (void)state;
    rig_start(&r, NULL);
    rig_make_table(&r, "public_inventory",
                   "{\"name\":\"available\",\"type\":\"INT64\",\"mode\":\"REQUIRED\"}");
    rig_set(&r, "on.error", "dead-letter");
    rig_tell(
        &r, "/__fault",
        "{\"match\":\"_walbridge_dead_letter/"
        "insertAll\",\"row_errors\":[{\"index\":0,\"reason\":\"invalid\",\"message\":\"no\"}]}");
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    rig_put_item(&r, "B", NULL);
    rig_run_to_error(&r, &e);
    assert_int_equal(e.cls, ERR_FATAL);
    assert_int_equal(r.total, 0);
    rig_stop(&r);
}

static void
mixed_row_errors_resend_only_what_is_not_in(void **state)
{
    struct rig r;
    json_t *rows;

    (void)state;
    /* Nothing is deduplicated: what is sent twice is there twice. */
    rig_start(&r, (const char *const[]){"--dedup-window", "0", NULL});
    rig_set(&r, "on.error", "dead-letter");
    rig_tell(
        &r, "/__fault",
        "{\"match\":\"public_inventory/"
        "insertAll\",\"row_errors\":[{\"index\":1,\"reason\":\"timeout\",\"message\":\"later\"},"
        "{\"index\":2,\"reason\":\"invalid\",\"location\":\"price\",\"message\":\"no\"}]}");
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    for (int i = 0; i < 4; i++)
        rig_put_item(&r, (const char *const[]){"A", "B", "C", "D"}[i], "1");
    rig_run_until(&r, 4);
    rows = rig_rows_of(&r, "public_inventory");
    assert_int_equal(json_array_size(rows), 3);
    assert_string_equal(text_of(json_array_get(rows, 2), "sku"), "B");
    json_decref(rows);
    rows = rig_rows_of(&r, "_walbridge_dead_letter");
    assert_int_equal(json_array_size(rows), 1);
    json_decref(rows);
    rig_stop(&r);
}

static void
values_without_a_place_are_refused_before_they_are_sent(void **state)
{
    static const struct fix_col cols[] = {
        {"id", "int4", SCHEMA_INT32, NULL, -1, true, true, NULL},
        {"at", "timestamptz", SCHEMA_STRING, "io.debezium.time.ZonedTimestamp", -1, false, false,
         NULL},
    };
    static const char *const good[] = {"1", "2026-11-21 10:00:00+00"}, *const bad[] = {"2",
                                                                                       "infinity"};
    struct rig r;
    struct err e = {0};
    enum sink_put got;
    json_t *rows;

    (void)state;
    rig_start(&r, NULL);
    fix_init(&r.fix, "events", cols, 2, "id", 'f');
    rig_open(&r);
    rig_put_row(&r, OP_CREATE, NULL, good);
    /* What came before is delivered first, then the sink says no. */
    fix_change(&r.fix, OP_CREATE, NULL, bad);
    while ((got = rig_put_change(&r, &r.fix.change, &e)) == SINK_FULL)
        assert_true(rig_turn(&r, &e));
    assert_int_equal(got, SINK_ERROR);
    assert_int_equal(e.cls, ERR_DATA);
    assert_int_equal(r.total, 1);
    rig_shut_sink(&r);

    rig_set(&r, "on.error", "dead-letter");
    rig_open(&r);
    rig_put_row(&r, OP_CREATE, NULL, bad);
    rig_run_until(&r, 2);
    rows = rig_rows_of(&r, "_walbridge_dead_letter");
    assert_string_equal(text_of(json_array_get(rows, 0), "reason"), "unrepresentable");
    assert_non_null(strstr(text_of(json_array_get(rows, 0), "row"), "\"at\":\"infinity\""));
    json_decref(rows);
    rig_shut_sink(&r);

    rig_set(&r, "unrepresentable", "null");
    rig_open(&r);
    rig_put_row(&r, OP_CREATE, NULL, bad);
    rig_run_until(&r, 3);
    rows = rig_rows_of(&r, "public_events");
    assert_true(json_is_null(json_object_get(json_array_get(rows, 1), "at")));
    json_decref(rows);
    rig_stop(&r);
}

static void
transient_failures_are_sent_again_under_the_same_ids(void **state)
{
    static const char *const faults[] = {
        "{\"match\":\"insertAll\",\"status\":503,\"reason\":\"backendError\"}",
        "{\"match\":\"insertAll\",\"drop\":\"before\"}",
        "{\"match\":\"insertAll\",\"drop\":\"after\"}", /* it is in, but we cannot know */
        "{\"match\":\"insertAll\",\"status\":403,\"reason\":\"rateLimitExceeded\"}",
        "{\"match\":\"/datasets/"
        "shop\",\"method\":\"GET\",\"status\":500,\"reason\":\"internalError\"}",
        "{\"match\":\"/tables\",\"method\":\"POST\",\"status\":503,\"reason\":\"backendError\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        struct rig r;
        json_t *rows;

        rig_start(&r, NULL);
        rig_tell(&r, "/__fault", faults[i]);
        fix_inventory(&r.fix, 'f');
        rig_open(&r);
        rig_put_item(&r, "A", "1");
        rig_put_item(&r, "B", "2");
        rig_run_until(&r, 2);
        rows = rig_rows_of(&r, "public_inventory");
        assert_int_equal(json_array_size(rows), 2);
        json_decref(rows);
        rig_stop(&r);
    }
}

static void
retry_after_is_a_lower_bound(void **state)
{
    struct rig r;
    int64_t start_us;

    (void)state;
    rig_start(&r, NULL);
    rig_tell(
        &r, "/__fault",
        "{\"match\":\"insertAll\",\"status\":429,\"reason\":\"rateLimitExceeded\",\"retry_after\":"
        "2}");
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    rig_put_item(&r, "A", "1");
    start_us = clock_mono_us();
    rig_run_until(&r, 1);
    assert_true(clock_mono_us() - start_us >= 2000000);
    rig_stop(&r);
}

static void
a_restart_repeats_under_the_same_ids(void **state)
{
    struct rig r;
    json_t *rows;

    (void)state;
    rig_start(&r, NULL);
    fix_inventory(&r.fix, 'f');
    for (int run = 0; run < 2; run++) {
        r.fix.change.id.ordinal = 0;
        rig_open(&r);
        rig_put_item(&r, "A", "1");
        rig_put_item(&r, "B", "2");
        rig_run_until(&r, 2 * (unsigned)(run + 1));
        rig_shut_sink(&r);
    }
    rows = rig_rows_of(&r, "public_inventory");
    assert_int_equal(json_array_size(rows), 2);
    json_decref(rows);
    rig_stop(&r);
}

static void
a_table_that_expires_is_made_again(void **state)
{
    struct rig r;
    json_t *rows;

    (void)state;
    /* And the service needs a while to believe in it. */
    rig_start(&r, (const char *const[]){"--propagation", "1.2", NULL});
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    rig_put_item(&r, "A", "1");
    rig_run_until(&r, 1);
    rig_tell(&r, "/__expire?table=public_inventory", NULL);
    rig_put_item(&r, "B", "2");
    rig_run_until(&r, 2);
    rows = rig_rows_of(&r, "public_inventory");
    assert_int_equal(json_array_size(rows), 1);
    json_decref(rows);
    assert_int_equal(rig_requests(&r, "POST", "/tables", 200), 2);
    rig_stop(&r);
}

static void
a_missing_table_is_a_config_error_when_it_may_not_be_made(void **state)
{
    struct rig r;
    struct err e = {0};

    (void)state;
    rig_start(&r, NULL);
    rig_set(&r, "auto.create.tables", "false");
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    rig_put_item(&r, "A", "1");
    rig_run_to_error(&r, &e);
    assert_string_equal(e.code, "bigquery.table_missing");
    assert_int_equal(e.cls, ERR_CONFIG);
    rig_stop(&r);
}

static void
a_missing_dataset_is_a_config_error_at_start(void **state)
{
    struct rig r;
    struct err e = {0};

    (void)state;
    rig_start(&r, NULL);
    rig_set(&r, "dataset", "nowhere");
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    rig_run_to_error(&r, &e);
    assert_string_equal(e.code, "bigquery.dataset_missing");
    assert_int_equal(e.cls, ERR_CONFIG);
    rig_stop(&r);
}

static void
a_new_column_is_added_and_its_rows_wait_for_it(void **state)
{
    static const struct fix_col cols[] = {
        {"id", "int4", SCHEMA_INT32, NULL, -1, true, true, NULL},
        {"note", "text", SCHEMA_STRING, NULL, -1, false, false, NULL},
    };
    static const char *const row[] = {"1", "x"};
    struct rig r;
    struct err e = {0};
    void *old;
    json_t *rows;

    (void)state;
    rig_start(&r, (const char *const[]){"--propagation", "0.8", NULL});
    fix_init(&r.fix, "notes", cols, 1, "id", 'f');
    rig_open(&r);
    rig_put_row(&r, OP_CREATE, NULL, row);
    rig_run_until(&r, 1);
    old = r.prog;
    fix_init(&r.fix, "notes", cols, 2, "id", 'f');
    r.fix.change.id.ordinal = 1;
    assert_true(r.sink->ops->compile(r.sink, &r.fix.plan, &r.prog, &e));
    r.sink->ops->discard(r.sink, old);
    /* Somebody else changes the table between our look and our change. */
    rig_tell(&r, "/__fault",
             "{\"match\":\"/tables/"
             "public_notes\",\"method\":\"PATCH\",\"status\":412,\"reason\":\"conditionNotMet\"}");
    rig_put_row(&r, OP_CREATE, NULL, row);
    rig_run_until(&r, 2);
    rows = rig_rows_of(&r, "public_notes");
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(text_of(json_array_get(rows, 1), "note"), "x");
    json_decref(rows);
    assert_int_equal(rig_requests(&r, "PATCH", "public_notes", 200), 1);
    rig_stop(&r);
}

static void
a_request_that_is_too_large_is_halved(void **state)
{
    struct rig r;
    json_t *rows, *row;
    size_t i;
    char sku[32];

    (void)state;
    rig_start(&r, NULL);
    rig_tell(&r, "/__fault",
             "[{\"match\":\"insertAll\",\"status\":413},{\"match\":\"insertAll\",\"status\":400,"
             "\"reason\":"
             "\"badRequest\",\"message\":\"Request payload size exceeds the limit\"}]");
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    for (int k = 0; k < 9; k++) {
        snprintf(sku, sizeof(sku), "S%d", k);
        rig_put_item(&r, sku, "1");
    }
    rig_run_until(&r, 9);
    rows = rig_rows_of(&r, "public_inventory");
    assert_int_equal(json_array_size(rows), 9);
    json_array_foreach(rows, i, row)
    {
        snprintf(sku, sizeof(sku), "S%zu", i);
        assert_string_equal(text_of(row, "sku"), sku);
    }
    json_decref(rows);
    assert_int_equal(rig_requests(&r, "POST", "/insertAll", 200), 3);
    rig_stop(&r);
}

static void
full_buffer_says_full_and_drains(void **state)
{
    struct rig r;
    struct err e = {0};
    char *big = mem_alloc(300001);
    const char *const row[] = {"5f0c2b52-0000-4000-8000-000000000001", "A", big, NULL, "1", "1"};
    unsigned taken = 0;
    bool full = false;

    (void)state;
    memset(big, 'x', 300000);
    rig_start(&r, NULL);
    rig_set(&r, "buffer.bytes", "1000000");
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    while (taken < 10) {
        enum sink_put got = rig_put_change(&r, fix_change(&r.fix, OP_CREATE, NULL, row), &e);

        assert_int_not_equal(got, SINK_ERROR);
        assert_true(r.sink->ops->pending_bytes(r.sink) <= 1000000);
        if (got == SINK_TAKEN) {
            taken++;
            continue;
        }
        full = true;
        assert_true(rig_turn(&r, &e));
    }
    rig_run_until(&r, 10);
    assert_true(full);
    free(big);
    rig_stop(&r);
}

static void
flush_sends_what_lingers(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r, NULL);
    rig_set(&r, "linger.ms", "600000");
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    rig_put_item(&r, "A", "1");
    r.sink->ops->flush(r.sink);
    rig_run_until(&r, 1);
    rig_stop(&r);
}

static void
access_denied_at_start_needs_a_person(void **state)
{
    struct rig r;
    struct err e = {0};

    (void)state;
    rig_start(&r, NULL);
    rig_tell(&r, "/__fault",
             "{\"match\":\"insertAll\",\"times\":9,\"status\":403,\"reason\":\"accessDenied\"}");
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    rig_put_item(&r, "A", "1");
    rig_run_to_error(&r, &e);
    assert_string_equal(e.code, "bigquery.access_denied");
    assert_int_equal(r.total, 0);
    rig_stop(&r);
}

static void
service_account_key_gets_a_token_and_renews_a_refused_one(void **state)
{
    struct rig r;
    char key[128], template[] = "/tmp/test_bqkey_XXXXXX";
    int fd = mkstemp(template);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    snprintf(key, sizeof(key), "%s", template);
    rig_start(&r, (const char *const[]){"--auth", "--make-key", key, NULL});
    rig_set(&r, "credentials", key);
    rig_set(&r, "project", NULL); /* the key knows it */
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    rig_put_item(&r, "A", "1");
    rig_run_until(&r, 1);
    for (unsigned i = 2; i < 4; i++) {
        rig_tell(&r, "/__revoke", NULL);
        rig_put_item(&r, "B", "1");
        rig_run_until(&r, i);
    }
    assert_int_equal(rig_requests(&r, "POST", "/insertAll", 401), 2);
    unlink(key);
    rig_stop(&r);
}

static void
token_is_renewed_before_it_ends(void **state)
{
    struct rig r;
    char host[64];
    struct err e = {0};
    int64_t until_us;

    (void)state;
    rig_start(&r, (const char *const[]){"--auth", "--token-lifetime", "2", NULL});
    snprintf(host, sizeof(host), "127.0.0.1:%d", r.port);
    setenv("GCE_METADATA_HOST", host, 1);
    rig_set(&r, "credentials", "metadata");
    rig_set(&r, "project", NULL); /* the metadata server knows it */
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    for (unsigned i = 1; i < 5; i++) {
        rig_put_item(&r, "A", "1");
        rig_run_until(&r, i);
        until_us = clock_mono_us() + 900000;
        while (clock_mono_us() < until_us)
            assert_true(rig_turn(&r, &e));
    }
    assert_int_equal(rig_requests(&r, "POST", "/insertAll", 401), 0);
    assert_int_equal(rig_requests(&r, "POST", "/insertAll", 200), 4);
    unsetenv("GCE_METADATA_HOST");
    rig_stop(&r);
}

static void
refused_tokens_end_in_a_config_error(void **state)
{
    struct rig r;
    struct err e = {0};

    (void)state;
    rig_start(&r, (const char *const[]){"--auth", NULL});
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    rig_put_item(&r, "A", "1");
    rig_run_to_error(&r, &e);
    assert_string_equal(e.code, "bigquery.unauthenticated");
    assert_int_equal(e.cls, ERR_CONFIG);
    rig_stop(&r);
}

static void
wrong_settings_are_refused_at_once(void **state)
{
    static const struct {
        const char *name, *value, *code;
    } rows[] = {
        {"dataset", NULL, "bigquery.dataset"},
        {"project", NULL, "bigquery.project"},
        {"project", "My Project", "bigquery.name"},
        {"dataset", "a/b", "bigquery.name"},
        {"credentials", "/nonexistent/key.json", "bigquery.key"},
    };
    struct rig r;

    (void)state;
    rig_start(&r, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct config *whole = r.config;
        struct err e = {0};

        r.config = config_copy(whole);
        rig_set(&r, rows[i].name, rows[i].value);
        assert_null(rig_open_sink(&r, &e));
        assert_string_equal(e.code, rows[i].code);
        assert_int_equal(e.cls, ERR_CONFIG);
        config_free(r.config);
        r.config = whole;
    }
    rig_set(&r, "endpoint", "https://bigquery.example");
    rig_set(&r, "credentials", "none");
    {
        struct err e = {0};

        assert_null(rig_open_sink(&r, &e));
        assert_string_equal(e.code, "bigquery.credentials");
    }
    rig_set(&r, "endpoint", "http://bigquery.example");
    rig_set(&r, "credentials", "metadata");
    {
        struct err e = {0};

        assert_null(rig_open_sink(&r, &e));
        assert_string_equal(e.code, "bigquery.plain_token");
    }
    rig_stop(&r);
}

static void
several_requests_in_flight_lose_nothing(void **state)
{
    struct rig r;
    json_t *rows;

    (void)state;
    rig_start(&r, NULL);
    rig_set(&r, "max.in.flight", "4");
    rig_set(&r, "batch.rows", "10");
    rig_tell(&r, "/__fault",
             "[{\"match\":\"insertAll\",\"times\":3,\"delay_ms\":200},"
             "{\"match\":\"insertAll\",\"drop\":\"before\"}]");
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    for (int i = 0; i < 95; i++)
        rig_put_item(&r, "A", "1");
    rig_run_until(&r, 95);
    rows = rig_rows_of(&r, "public_inventory");
    assert_int_equal(json_array_size(rows), 95);
    json_decref(rows);
    rig_stop(&r);
}

static void
emulator_variable_is_taken_as_it_is(void **state)
{
    struct rig r;
    char host[64];

    (void)state;
    rig_start(&r, NULL);
    snprintf(host, sizeof(host), "127.0.0.1:%d", r.port);
    setenv("BIGQUERY_EMULATOR_HOST", host, 1);
    rig_set(&r, "endpoint", NULL);
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    rig_put_item(&r, "A", "1");
    rig_run_until(&r, 1);
    unsetenv("BIGQUERY_EMULATOR_HOST");
    assert_int_equal(rig_requests(&r, "GET", "/bigquery/v2/projects/demo/datasets/shop", 0), 0);
    assert_int_equal(rig_requests(&r, "GET", "/projects/demo/datasets/shop", 200), 1);
    rig_stop(&r);
}

static void
an_answer_that_never_comes_is_asked_for_again(void **state)
{
    struct rig r;
    json_t *rows;

    (void)state;
    rig_start(&r, NULL);
    rig_set(&r, "request.timeout.ms", "300");
    rig_tell(&r, "/__fault", "{\"match\":\"insertAll\",\"delay_ms\":1000}");
    fix_inventory(&r.fix, 'f');
    rig_open(&r);
    rig_put_item(&r, "A", "1");
    rig_run_until(&r, 1);
    rows = rig_rows_of(&r, "public_inventory");
    assert_int_equal(json_array_size(rows), 1);
    json_decref(rows);
    rig_stop(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_mapping_creates_the_table_and_delivers_rows_with_metadata),
        cmocka_unit_test(reference_mapping_fills_the_reference_table),
        cmocka_unit_test(rows_are_batched_by_count_in_order_with_one_request_at_a_time),
        cmocka_unit_test(a_bad_row_fails_the_sink_and_is_not_acknowledged),
        cmocka_unit_test(a_bad_row_goes_to_the_dead_letters_and_the_stopped_ones_go_on),
        cmocka_unit_test(a_dead_letter_that_is_not_accepted_is_not_acknowledged),
        cmocka_unit_test(mixed_row_errors_resend_only_what_is_not_in),
        cmocka_unit_test(values_without_a_place_are_refused_before_they_are_sent),
        cmocka_unit_test(transient_failures_are_sent_again_under_the_same_ids),
        cmocka_unit_test(retry_after_is_a_lower_bound),
        cmocka_unit_test(a_restart_repeats_under_the_same_ids),
        cmocka_unit_test(a_table_that_expires_is_made_again),
        cmocka_unit_test(a_missing_table_is_a_config_error_when_it_may_not_be_made),
        cmocka_unit_test(a_missing_dataset_is_a_config_error_at_start),
        cmocka_unit_test(a_new_column_is_added_and_its_rows_wait_for_it),
        cmocka_unit_test(a_request_that_is_too_large_is_halved),
        cmocka_unit_test(full_buffer_says_full_and_drains),
        cmocka_unit_test(flush_sends_what_lingers),
        cmocka_unit_test(access_denied_at_start_needs_a_person),
        cmocka_unit_test(service_account_key_gets_a_token_and_renews_a_refused_one),
        cmocka_unit_test(token_is_renewed_before_it_ends),
        cmocka_unit_test(refused_tokens_end_in_a_config_error),
        cmocka_unit_test(several_requests_in_flight_lose_nothing),
        cmocka_unit_test(emulator_variable_is_taken_as_it_is),
        cmocka_unit_test(an_answer_that_never_comes_is_asked_for_again),
        cmocka_unit_test(wrong_settings_are_refused_at_once),
    };

    log_init(LOG_ERROR, LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
