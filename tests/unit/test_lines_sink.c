/* The lines and null sinks: what is written, and what is acknowledged when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "sinks/lines.c"

struct fixture {
    char folder[64], path[100];
    struct settings settings;
    struct sink *sink;
    struct lines_prog prog;
    struct recbuf buf;
    unsigned acks[1000], nacks;
};

static void
on_ack(void *arg, uint64_t ticket, unsigned n)
{
    struct fixture *f = arg;

    f->acks[ticket] += n;
    f->nacks += n;
}

static int
setup(void **state)
{
    static char start[] = "{\"topic\":\"t\",\"key\":";
    struct fixture *f = mem_alloc(sizeof *f);

    strcpy(f->folder, "/tmp/wb-lines-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/out", f->folder);
    f->settings = (struct settings){.prefix = "shop"};
    f->prog = (struct lines_prog){
        .start = start, .nstart = sizeof start - 1, .json_key = true, .json_value = true};
    recbuf_init(&f->buf, 64 << 20);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    char command[100];

    if (f->sink)
        f->sink->ops->close(f->sink);
    recbuf_free(&f->buf);
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static void
start(struct fixture *f)
{
    struct sink_env env = {.settings = &f->settings, .run_id = "r1", .lines_path = f->path};
    struct err e = {0};

    f->sink = sink_lines_new(&env, &e);
    if (!f->sink)
        fail_msg("%s", e.msg);
    f->sink->ack = on_ack;
    f->sink->ack_arg = f;
}

static struct record *
record(struct fixture *f, const char *key, const char *value)
{
    struct record *r;

    recbuf_clear(&f->buf);
    r = recbuf_add(&f->buf);
    r->null_key = key == NULL;
    r->null_value = value == NULL;
    r->nkey = key ? (uint32_t)strlen(key) : 0;
    r->nvalue = value ? (uint32_t)strlen(value) : 0;
    buf_str(&f->buf.bytes, key ? key : "");
    r->value = (uint32_t)f->buf.bytes.n;
    buf_str(&f->buf.bytes, value ? value : "");
    return r;
}

static enum sink_put
put(struct fixture *f, const struct record *r, uint64_t ticket)
{
    return f->sink->ops->put(f->sink, &f->prog, &f->buf, r, ticket, NULL);
}

static void
poll_until_acked(struct fixture *f, unsigned n)
{
    struct err e = {0};

    f->sink->ops->flush(f->sink);
    for (int i = 0; i < 1000 && f->nacks < n; i++)
        if (!f->sink->ops->poll(f->sink, &e))
            fail_msg("%s", e.msg);
    assert_int_equal(f->nacks, n);
}

static void
assert_file(struct fixture *f, const char *expected)
{
    char text[4096];
    FILE *in = fopen(f->path, "r");
    size_t n = fread(text, 1, sizeof text - 1, in);

    fclose(in);
    text[n] = '\0';
    assert_string_equal(text, expected);
}

static void
a_line_is_a_json_object_with_the_converters_json_inside(void **state)
{
    struct fixture *f = *state;
    struct record *r;

    start(f);
    assert_int_equal(put(f, record(f, "{\"id\":1}", "{\"op\":\"c\"}"), 1), SINK_TAKEN);
    assert_int_equal(put(f, record(f, NULL, NULL), 2), SINK_TAKEN);
    r = record(f, "1", "2");
    r->headers = RECORD_CONTEXT;
    r->extra = (uint32_t)f->buf.bytes.n;
    r->nextra = 8;
    r->extra_name = "__debezium.newkey";
    buf_str(&f->buf.bytes, "{\"id\":2}");
    assert_int_equal(put(f, r, 3), SINK_TAKEN);
    poll_until_acked(f, 3);
    assert_file(
        f,
        "{\"topic\":\"t\",\"key\":{\"id\":1},\"value\":{\"op\":\"c\"},\"headers\":{}}\n"
        "{\"topic\":\"t\",\"key\":null,\"value\":null,\"headers\":{}}\n"
        "{\"topic\":\"t\",\"key\":1,\"value\":2,\"headers\":{\"__debezium.newkey\":\"{\\\"id\\\":2}"
        "\","
        "\"__debezium.context.connectorLogicalName\":\"shop\",\"__debezium.context.taskId\":\"0\","
        "\"__debezium.context.connectorName\":\"postgresql\",\"__debezium.context.runId\":\"r1\"}}"
        "\n");
}

static void
a_file_is_appended_to_and_a_torn_last_line_cut_off(void **state)
{
    struct fixture *f = *state;
    FILE *out = fopen(f->path, "w");

    fputs("whole\nto", out);
    fclose(out);
    start(f);
    assert_int_equal(put(f, record(f, "1", "2"), 1), SINK_TAKEN);
    poll_until_acked(f, 1);
    assert_file(f, "whole\n{\"topic\":\"t\",\"key\":1,\"value\":2,\"headers\":{}}\n");
}

static void
nothing_is_acknowledged_before_it_is_synced(void **state)
{
    struct fixture *f = *state;
    struct lines_sink *s;

    start(f);
    s = (struct lines_sink *)f->sink;
    assert_int_equal(put(f, record(f, "1", "2"), 1), SINK_TAKEN);
    assert_true(f->sink->ops->deadline_us(f->sink) == 0);
    assert_true(f->sink->ops->poll(f->sink, NULL));
    assert_int_equal(f->nacks, 0);
    assert_true(f->sink->ops->pending_bytes(f->sink) > 0);
    assert_true(f->sink->ops->deadline_us(f->sink) <= s->unsynced_us + SYNC_US);
    poll_until_acked(f, 1);
    assert_int_equal(f->sink->ops->pending_bytes(f->sink), 0);
    assert_true(f->sink->ops->deadline_us(f->sink) == INT64_MAX);
}

static void
a_slow_reader_makes_it_full_and_every_line_arrives(void **state)
{
    struct fixture *f = *state;
    static char big[100001], in[65536];
    unsigned taken = 0;
    size_t lines = 0, bytes = 0;
    int fd;

    assert_int_equal(mkfifo(f->path, 0600), 0);
    fd = open(f->path, O_RDONLY | O_NONBLOCK);
    start(f);
    memset(big, '7', sizeof big - 1);
    while (put(f, record(f, "1", big), taken) == SINK_TAKEN) {
        taken++;
        assert_true(f->sink->ops->poll(f->sink, NULL));
        assert_true(taken < 1000);
    }
    assert_true(taken > 5 && f->nacks < taken);
    assert_true(f->sink->ops->fd(f->sink) >= 0);
    assert_true(f->sink->ops->deadline_us(f->sink) == INT64_MAX);
    for (int i = 0; i < 100000 && lines < taken; i++) {
        struct pollfd p = {.fd = f->sink->ops->fd(f->sink), .events = POLLIN};
        ssize_t n = read(fd, in, sizeof in);

        for (ssize_t k = 0; k < n; k++)
            lines += in[k] == '\n';
        bytes += n > 0 ? (size_t)n : 0;
        if (poll(&p, 1, 0) == 1)
            assert_true(f->sink->ops->poll(f->sink, NULL));
    }
    assert_int_equal(lines, taken);
    assert_int_equal(f->nacks, taken);
    assert_true(bytes > (size_t)taken * 100000);
    assert_int_equal(f->sink->ops->pending_bytes(f->sink), 0);
    close(fd);
}

static void
a_reader_that_has_gone_is_an_error_and_no_ack(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    int fd;

    assert_int_equal(mkfifo(f->path, 0600), 0);
    fd = open(f->path, O_RDONLY | O_NONBLOCK);
    start(f);
    /* A FIFO opened for both directions would have a reader in ourselves. */
    assert_int_equal(put(f, record(f, "1", "2"), 1), SINK_TAKEN);
    close(fd);
    assert_false(f->sink->ops->poll(f->sink, &e));
    assert_int_equal(e.cls, ERR_FATAL);
    assert_string_equal(e.code, "lines.closed");
    assert_int_equal(f->nacks, 0);
}

static void
a_full_disk_is_an_error_that_passes(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};

    strcpy(f->path, "/dev/full");
    start(f);
    assert_int_equal(put(f, record(f, "1", "2"), 1), SINK_TAKEN);
    assert_false(f->sink->ops->poll(f->sink, &e));
    assert_int_equal(e.cls, ERR_RETRY);
    assert_int_equal(f->nacks, 0);
}

static void
a_path_that_cannot_be_opened_is_an_error_of_the_settings(void **state)
{
    struct fixture *f = *state;
    struct sink_env env = {.settings = &f->settings, .lines_path = f->path};
    struct err e = {0};

    strcat(f->path, "/in/no/folder");
    assert_null(sink_lines_new(&env, &e));
    assert_int_equal(e.cls, ERR_CONFIG);
}

static void
the_null_sink_acknowledges_each_record_at_the_next_poll(void **state)
{
    struct fixture *f = *state;
    struct sink_env env = {.settings = &f->settings};

    f->sink = sink_null_new(&env, NULL);
    f->sink->ack = on_ack;
    f->sink->ack_arg = f;
    assert_true(f->sink->ops->deadline_us(f->sink) == INT64_MAX);
    for (uint64_t t = 0; t < 6; t++)
        assert_int_equal(put(f, record(f, "1", "2"), t / 2), SINK_TAKEN);
    assert_int_equal(f->nacks, 0);
    assert_int_equal(f->sink->ops->pending_bytes(f->sink), 12);
    assert_true(f->sink->ops->deadline_us(f->sink) == 0);
    assert_true(f->sink->ops->poll(f->sink, NULL));
    assert_int_equal(f->nacks, 6);
    assert_true(f->acks[0] == 2 && f->acks[1] == 2 && f->acks[2] == 2);
    assert_int_equal(f->sink->ops->pending_bytes(f->sink), 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_line_is_a_json_object_with_the_converters_json_inside),
        T(a_file_is_appended_to_and_a_torn_last_line_cut_off),
        T(nothing_is_acknowledged_before_it_is_synced),
        T(a_slow_reader_makes_it_full_and_every_line_arrives),
        T(a_reader_that_has_gone_is_an_error_and_no_ack),
        T(a_full_disk_is_an_error_that_passes),
        T(a_path_that_cannot_be_opened_is_an_error_of_the_settings),
        T(the_null_sink_acknowledges_each_record_at_the_next_poll),
    };

    log_init(LOG_ERROR, LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
