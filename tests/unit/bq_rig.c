#include "tests/unit/bq_rig.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"

static void
path_in(const struct rig *r, char *out, size_t size, const char *name)
{
    snprintf(out, size, "%s/%s", r->dir, name);
}

static void
fake_start(struct rig *r, const char *const *extra)
{
    char port_file[128];
    const char *argv[24] = {"python3",     "tests/fakebq/fakebq.py",
                            "--port",      "0",
                            "--port-file", port_file,
                            "--project",   "demo",
                            "--dataset",   "shop:3600000"};
    size_t n = 10;
    FILE *f = NULL;

    strcpy(r->dir, "/tmp/test_bigquery_XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    path_in(r, port_file, sizeof(port_file), "port");
    for (size_t i = 0; extra && extra[i]; i++)
        argv[n++] = extra[i];
    r->fake = fork();
    if (r->fake == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when a test fails half-way */
        if (dup2(open("/dev/null", O_WRONLY), STDERR_FILENO) < 0)
            _exit(126);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    for (int i = 0; i < PATIENCE_MS / 10 && !f; i++) {
        usleep(10000);
        f = fopen(port_file, "r");
    }
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%d", &r->port), 1);
    fclose(f);
}

struct answer {
    bool done;
    int status;
    char *body;
};

static void
on_answer(void *arg, const struct http_response *resp)
{
    struct answer *a = arg;

    a->done = true;
    a->status = resp->status;
    a->body = mem_strndup(resp->body.p ? resp->body.p : "", resp->body.n);
}

static int
wait_ms(int64_t deadline_us)
{
    int64_t left_us = deadline_us - clock_mono_us();

    return left_us <= 0 ? 0 : left_us > 50000 ? 50 : (int)(left_us / 1000) + 1;
}

char *
rig_ask(struct rig *r, const char *method, const char *path, const char *body)
{
    static const char *const headers[] = {"Content-Type: application/json"};
    char url[256];
    struct http_request req = {.method = method,
                               .url = url,
                               .headers = headers,
                               .nheaders = 1,
                               .body = slice_of(body ? body : "")};
    struct answer a = {0};

    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", r->port, path);
    assert_true(http_send(r->http, &req, on_answer, &a, NULL));
    while (!a.done) {
        struct pollfd p = {.fd = http_fd(r->http), .events = POLLIN};

        poll(&p, 1, wait_ms(http_deadline_us(r->http)));
        http_poll(r->http);
    }
    assert_int_equal(a.status, 200);
    return a.body;
}

void
rig_tell(struct rig *r, const char *path, const char *body)
{
    free(rig_ask(r, "POST", path, body));
}

void
rig_make_table(struct rig *r, const char *table, const char *fields)
{
    char *body = mem_printf(
        "{\"tableReference\":{\"projectId\":\"demo\",\"datasetId\":\"shop\",\"tableId\":\"%s\"},"
        "\"schema\":{\"fields\":[%s]}}",
        table, fields);

    rig_tell(r, "/bigquery/v2/projects/demo/datasets/shop/tables", body);
    free(body);
}

json_t *
rig_rows_of(struct rig *r, const char *table)
{
    char path[128];
    char *text, *line, *save = NULL;
    json_t *out = json_array();

    snprintf(path, sizeof(path), "/__rows?table=%s", table);
    text = rig_ask(r, "GET", path, NULL);
    for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        assert_int_equal(json_array_append_new(out, json_loads(line, 0, NULL)), 0);
    free(text);
    return out;
}

unsigned
rig_requests(struct rig *r, const char *method, const char *end, int status)
{
    char *text = rig_ask(r, "GET", "/__requests", NULL);
    json_t *list = json_loads(text, 0, NULL), *one;
    unsigned n = 0;
    size_t i;

    json_array_foreach(list, i, one)
    {
        const char *path = json_string_value(json_object_get(one, "path"));
        size_t np = strlen(path), ne = strlen(end);

        if (np >= ne && strcmp(path + np - ne, end) == 0 &&
            strcmp(json_string_value(json_object_get(one, "method")), method) == 0 &&
            (!status || json_integer_value(json_object_get(one, "status")) == status))
            n++;
    }
    json_decref(list);
    free(text);
    return n;
}

static void
on_ack(void *arg, uint64_t ticket, unsigned n)
{
    struct rig *r = arg;

    assert_true(ticket < TICKETS_MAX);
    r->acked[ticket] += n;
    r->total += n;
}

void
rig_set(struct rig *r, const char *name, const char *value)
{
    char key[128];

    snprintf(key, sizeof(key), "walbridge.bigquery.%s", name);
    config_set(r->config, key, value);
}

void
rig_start(struct rig *r, const char *const *fake_args)
{
    static const struct prop_table *const tables[] = {&bigquery_prop_table, NULL};
    struct http_options o = {0};
    char url[64];

    memset(r, 0, sizeof(*r));
    unsetenv("BIGQUERY_EMULATOR_HOST");
    unsetenv("GOOGLE_APPLICATION_CREDENTIALS");
    fake_start(r, fake_args);
    r->http = http_new(&o, NULL);
    r->config = config_new("test", tables);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", r->port);
    rig_set(r, "endpoint", url);
    rig_set(r, "project", "demo");
    rig_set(r, "dataset", "shop");
    rig_set(r, "linger.ms", "5");
}

struct sink *
rig_open_sink(struct rig *r, struct err *e)
{
    struct sink_env env = {.config = r->config, .settings = &r->fix.settings, .connector = "test"};
    const struct prop_issue *issues;

    assert_true(config_validate(r->config, &issues));
    r->sink = sink_bigquery_new(&env, e);
    if (r->sink) {
        r->sink->ack = on_ack;
        r->sink->ack_arg = r;
    }
    return r->sink;
}

void
rig_open(struct rig *r)
{
    struct err e = {0};

    if (!rig_open_sink(r, &e) || !r->sink->ops->compile(r->sink, &r->fix.plan, &r->prog, &e))
        fail_msg("%s: %s", e.code, e.msg);
}

void
rig_shut_sink(struct rig *r)
{
    if (r->prog)
        r->sink->ops->discard(r->sink, r->prog);
    if (r->sink)
        r->sink->ops->close(r->sink);
    r->prog = NULL;
    r->sink = NULL;
}

void
rig_stop(struct rig *r)
{
    char path[128];
    int status;

    rig_shut_sink(r);
    config_free(r->config);
    http_free(r->http);
    kill(r->fake, SIGKILL);
    waitpid(r->fake, &status, 0);
    path_in(r, path, sizeof(path), "port");
    unlink(path);
    path_in(r, path, sizeof(path), "key.json");
    unlink(path);
    rmdir(r->dir);
}

bool
rig_turn(struct rig *r, struct err *e)
{
    struct pollfd p = {.fd = r->sink->ops->fd(r->sink), .events = POLLIN};

    poll(&p, 1, wait_ms(r->sink->ops->deadline_us(r->sink)));
    return r->sink->ops->poll(r->sink, e);
}

void
rig_run_until(struct rig *r, unsigned acks)
{
    int64_t until_us = clock_mono_us() + PATIENCE_MS * INT64_C(1000);
    struct err e = {0};

    while (r->total < acks) {
        if (!rig_turn(r, &e))
            fail_msg("%s: %s", e.code, e.msg);
        if (clock_mono_us() > until_us)
            fail_msg("%u of %u acknowledged in time", r->total, acks);
    }
    assert_int_equal(r->total, acks);
    assert_int_equal(r->sink->ops->pending_bytes(r->sink), 0);
}

void
rig_run_to_error(struct rig *r, struct err *e)
{
    int64_t until_us = clock_mono_us() + PATIENCE_MS * INT64_C(1000);

    while (rig_turn(r, e))
        assert_true(clock_mono_us() < until_us);
}

enum sink_put
rig_put_change(struct rig *r, const struct change *c, struct err *e)
{
    struct recbuf b;
    enum sink_put got = SINK_TAKEN;

    recbuf_init(&b, 64 << 20);
    assert_true(r->sink->ops->encode(r->prog, c, &b, e));
    for (size_t i = 0; i < b.n && got == SINK_TAKEN; i++)
        got = r->sink->ops->put(r->sink, r->prog, &b, &b.recs[i], r->next_ticket, e);
    recbuf_free(&b);
    if (got == SINK_TAKEN)
        r->next_ticket++;
    return got;
}

void
rig_put_row(struct rig *r, enum change_op op, const char *const *before, const char *const *after)
{
    struct err e = {0};

    if (rig_put_change(r, fix_change(&r->fix, op, before, after), &e) != SINK_TAKEN)
        fail_msg("not taken: %s", e.msg);
}

void
rig_put_item(struct rig *r, const char *sku, const char *available)
{
    const char *const after[] = {
        "5f0c2b52-0000-4000-8000-000000000001", sku, "Widget", NULL, "9.99", available};

    rig_put_row(r, OP_CREATE, NULL, after);
}
