#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "replicator/rest/route.h"
#include "replicator/rest/server.h"
#include "tests/unit/fake_worker.h"

struct fixture {
    struct config *config;
    struct worker *worker;
    struct rest *rest;
};

static const struct prop_table *const tables[] = {&rest_prop_table, NULL};

/* settings: "name=value", NULL-terminated. */
static struct fixture
start(const char *const *settings)
{
    struct fixture f = {.config = config_new("worker", tables)};
    const struct prop_issue *is;
    struct err e = {0};

    config_set(f.config, "listeners", "http://127.0.0.1:0");
    for (; settings && *settings; settings++) {
        const char *eq = strchr(*settings, '=');
        char *name = mem_strndup(*settings, (size_t)(eq - *settings));

        config_set(f.config, name, eq + 1);
        free(name);
    }
    if (!config_validate(f.config, &is))
        fail_msg("%s", is->text);
    f.worker = fake_worker_new(NULL);
    f.rest = rest_start(f.config, f.worker, &e);
    if (!f.rest)
        fail_msg("%s", e.msg);
    return f;
}

static void
stop(struct fixture *f)
{
    rest_stop(f->rest);
    fake_worker_free(f->worker);
    config_free(f->config);
}

static int
dial(unsigned port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {20, 0};

    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

/* The whole answer, until the server closes. The caller frees. */
static char *
receive(int fd)
{
    size_t n = 0, cap = 1 << 16;
    char *text = mem_array(cap, 1);

    for (;;) {
        ssize_t got = recv(fd, text + n, cap - n - 1, 0);

        if (got <= 0)
            break;
        n += (size_t)got;
        if (cap - n < 1000)
            text = mem_grow(text, cap *= 2, 1);
    }
    text[n] = '\0';
    close(fd);
    return text;
}

/* head: the request line and headers, each with its line's end; the rest is added. */
static char *
ask(unsigned port, const char *head, const char *body)
{
    int fd = dial(port);
    char *text =
        body ? mem_printf("%sHost: h:1\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", head,
                          strlen(body), body)
             : mem_printf("%sHost: h:1\r\nConnection: close\r\n\r\n", head);

    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    free(text);
    return receive(fd);
}

#define JSON "Content-Type: application/json\r\n"

struct exchange {
    const char *head, *body;
    int status;
    const char *has; /* in the answer */
};

static void
check(unsigned port, const struct exchange *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *answer = ask(port, cases[i].head, cases[i].body);
        int status = 0;

        if (sscanf(answer, "HTTP/1.1 %d", &status) != 1 || status != cases[i].status ||
            !strstr(answer, cases[i].has))
            fail_msg("%s%s\n%s\nwant %d %s", cases[i].head, cases[i].body ? cases[i].body : "",
                     answer, cases[i].status, cases[i].has);
        free(answer);
    }
}
#define CHECK(f, cases) check(rest_port((f).rest), cases, sizeof(cases) / sizeof((cases)[0]))

static void
paths_methods_and_media_types_are_answered_as_connect_does(void **state)
{
    static const struct exchange cases[] = {
        {"GET / HTTP/1.1\r\n", NULL, 200, "\"version\":\"4.3.0\""},
        {"HEAD / HTTP/1.1\r\n", NULL, 200, "Content-Type: application/json"},
        {"GET /nosuch HTTP/1.1\r\n", NULL, 404,
         "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}"},
        {"DELETE /connectors HTTP/1.1\r\n", NULL, 405, "Allow: HEAD,POST,GET,OPTIONS\r\n"},
        {"BREW /connectors HTTP/1.1\r\n", NULL, 405, "HTTP 405 Method Not Allowed"},
        {"OPTIONS /connectors/x/config HTTP/1.1\r\n", NULL, 200,
         "Allow: HEAD,GET,OPTIONS,PUT,PATCH\r\n"},
        {"OPTIONS /connectors HTTP/1.1\r\n", NULL, 200, "HEAD, POST, GET, OPTIONS"},
        {"GET /connectors/a%2Fb HTTP/1.1\r\n", NULL, 400, "Ambiguous URI path separator"},
        {"GET /a/b/c/d/e/f/g/h/i HTTP/1.1\r\n", NULL, 404, "HTTP 404 Not Found"},
        {"GET /connectors HTTP/1.1\r\nAccept: text/plain\r\n", NULL, 406, "HTTP 406"},
        {"GET /connectors HTTP/1.1\r\nAccept: text/html, application/json;q=0.1\r\n", NULL, 200,
         "[]"},
        {"GET /connectors HTTP/1.1\r\nContent-Type: text/plain\r\n", NULL, 415, "HTTP 415"},
        {"POST /connectors HTTP/1.1\r\n", "{}", 415, "HTTP 415"},
        {"POST /connectors HTTP/1.1\r\nContent-Type: APPLICATION/JSON; charset=utf-8\r\n",
         "{\"name\":\"a\",\"config\":{}}", 201, "Location: http://h:1/connectors/a\r\n"},
        {"GET /connectors/a/tasks/x/status HTTP/1.1\r\n", NULL, 404, "HTTP 404 Not Found"},
        {"GET /connectors/a/tasks/-1/status HTTP/1.1\r\n", NULL, 404,
         "No status found for task a--1"},
        {"PUT /connectors/a/fence HTTP/1.1\r\n", "", 400, "missing required signature"},
        {"PUT /connectors/a/fence HTTP/1.1\r\nX-Connect-Authorization: eHg=\r\n", "", 403,
         "invalid signature"},
        {"GET /connectors?expand=info&expand=status HTTP/1.1\r\n", NULL, 200,
         "{\"a\":{\"info\":{\"name\":\"a\""},
        {"GET /connectors?expand=nothing HTTP/1.1\r\n", NULL, 200, "{\"a\":{}}"},
    };
    struct fixture f = start(NULL);

    (void)state;
    CHECK(f, cases);
    stop(&f);
}

static void
bodies_that_are_none_are_refused(void **state)
{
    static const struct exchange cases[] = {
        {"POST /connectors HTTP/1.1\r\n" JSON, "{\"name\":", 500, "\"error_code\":500"},
        {"POST /connectors HTTP/1.1\r\n" JSON, "", 500, "\"error_code\":500"},
        {"POST /connectors HTTP/1.1\r\n" JSON, "{} {}", 500, "\"error_code\":500"},
        {"POST /connectors HTTP/1.1\r\n" JSON, "5", 500, "\"error_code\":500"},
        {"POST /connectors HTTP/1.1\r\n" JSON, "{\"name\":\"a\\u0000b\",\"config\":{}}", 500,
         "\"error_code\":500"},
        {"POST /connectors HTTP/1.1\r\n" JSON, "{\"name\":\"a\",\"config\":{\"x\":{\"y\":1}}}", 500,
         "java.lang.String"},
        {"POST /connectors HTTP/1.1\r\n" JSON, "{\"name\":\"a\",\"config\":{},\"more\":1}", 500,
         "Unrecognized field"},
        {"POST /connectors HTTP/1.1\r\n" JSON,
         "{\"name\":\"a\",\"config\":{},\"initial_state\":\"DANCING\"}", 500, "initial_state"},
        {"PUT /connectors/a/config HTTP/1.1\r\n" JSON, "[]", 500, "\"error_code\":500"},
        {"PATCH /connectors/a/offsets HTTP/1.1\r\n" JSON, "{\"offsets\":[]}", 404, "not found"},
        {"PUT /admin/loggers/x HTTP/1.1\r\n" JSON, "{}", 400, "'level'"},
        {"PUT /admin/loggers/x HTTP/1.1\r\n" JSON, "{\"level\":5}", 404, "invalid log level '5'."},
        {"GET /connectors HTTP/1.1\r\n", NULL, 200, "\r\n\r\n[]"},
    };
    struct fixture f = start(NULL);

    (void)state;
    CHECK(f, cases);
    stop(&f);
}

static void
numbers_become_the_text_that_was_written(void **state)
{
    static const struct exchange cases[] = {
        {"POST /connectors HTTP/1.1\r\n" JSON,
         "{\"name\":\" n \",\"config\":{\"a\":1.50,\"b\":true,\"c\":12345678901234567890,\"d\":"
         "null,\"e\":\"5 \\\" 6\",\"f\":-1e+5}}",
         201,
         "\"config\":{\"a\":\"1.50\",\"b\":\"true\",\"c\":\"12345678901234567890\",\"d\":null,"
         "\"e\":\"5 \\\" 6\",\"f\":\"-1e+5\",\"name\":\"n\"}"},
        {"POST /connectors HTTP/1.1\r\n" JSON, "{\"name\":\"m\",\"config\":{\"a\":01}}", 500,
         "\"error_code\":500"},
        {"POST /connectors HTTP/1.1\r\n" JSON, "{\"name\":\"m\",\"config\":{\"a\":1.}}", 500,
         "\"error_code\":500"},
    };
    struct fixture f = start(NULL);

    (void)state;
    CHECK(f, cases);
    stop(&f);
}

static void
a_body_too_large_is_refused_before_it_is_read(void **state)
{
    struct fixture f = start(NULL);
    int fd = dial(rest_port(f.rest));
    static const char head[] =
        "POST /connectors HTTP/1.1\r\nHost: h\r\n" JSON "Content-Length: 1073741824\r\n\r\n";
    char *answer;

    (void)state;
    send(fd, head, sizeof(head) - 1, MSG_NOSIGNAL);
    answer = receive(fd);
    assert_non_null(strstr(answer, "HTTP/1.1 413"));
    free(answer);
    stop(&f);
}

static void
deep_json_is_refused(void **state)
{
    struct fixture f = start(NULL);
    size_t n = 1 << 20;
    char *body = mem_array(n + 1, 1), *answer;

    (void)state;
    memset(body, '[', n);
    answer = ask(rest_port(f.rest), "POST /connectors HTTP/1.1\r\n" JSON, body);
    assert_non_null(strstr(answer, "HTTP/1.1 500"));
    free(answer);
    free(body);
    stop(&f);
}

static void
heads_have_a_limit(void **state)
{
    struct fixture f = start(NULL);
    char *head = mem_array(10000, 1), *answer;

    (void)state;
    strcpy(head, "GET /connectors HTTP/1.1\r\nX: ");
    memset(head + strlen(head), 'y', 9000);
    strcat(head, "\r\n");
    answer = ask(rest_port(f.rest), head, NULL);
    assert_non_null(strstr(answer, "HTTP/1.1 431"));
    free(answer);
    strcpy(head, "GET /connectors/");
    memset(head + 16, 'x', 9000);
    strcpy(head + 9016, " HTTP/1.1\r\n");
    answer = ask(rest_port(f.rest), head, NULL);
    assert_non_null(strstr(answer, "HTTP/1.1 414"));
    free(answer);
    free(head);
    stop(&f);
}

static void
idle_connections_make_room_for_new_ones(void **state)
{
    struct fixture f = start(NULL);
    int fds[700];
    char *answer;

    (void)state;
    for (size_t i = 0; i < 700; i++) {
        fds[i] = dial(rest_port(f.rest));
        /* Half of them have begun a request that they do not end. */
        if (i % 2)
            send(fds[i], "GET /conn", 9, MSG_NOSIGNAL);
    }
    answer = ask(rest_port(f.rest), "GET /connectors HTTP/1.1\r\n", NULL);
    assert_non_null(strstr(answer, "HTTP/1.1 200"));
    free(answer);
    for (size_t i = 0; i < 700; i++)
        close(fds[i]);
    stop(&f);
}

static void *
slow_request(void *arg)
{
    struct fixture *f = arg;

    return ask(rest_port(f->rest), "PUT /connectors/x/pause HTTP/1.1\r\n", "");
}

static void
others_are_answered_while_a_change_waits(void **state)
{
    struct fixture f = start(NULL);
    pthread_t slow[10];
    char *answer;
    int64_t before;

    (void)state;
    fake_worker_delay(f.worker, 1000);
    for (size_t i = 0; i < 10; i++)
        pthread_create(&slow[i], NULL, slow_request, &f);
    usleep(100000);
    before = clock_mono_us();
    answer = ask(rest_port(f.rest), "GET /connectors HTTP/1.1\r\n", NULL);
    /* A tenth of what the changes wait for. */
    assert_true(clock_mono_us() - before < 500000);
    assert_non_null(strstr(answer, "HTTP/1.1 200"));
    free(answer);
    for (size_t i = 0; i < 10; i++) {
        void *got;

        pthread_join(slow[i], &got);
        assert_non_null(strstr(got, "HTTP/1.1 404"));
        free(got);
    }
    stop(&f);
}

static void
what_waits_is_answered_before_the_server_ends(void **state)
{
    struct fixture f = start(NULL);
    pthread_t slow;
    void *got;

    (void)state;
    fake_worker_delay(f.worker, 300);
    pthread_create(&slow, NULL, slow_request, &f);
    usleep(100000);
    rest_stop(f.rest);
    pthread_join(slow, &got);
    assert_non_null(strstr(got, "HTTP/1.1 404"));
    free(got);
    fake_worker_free(f.worker);
    config_free(f.config);
}

static void
a_read_only_server_changes_nothing(void **state)
{
    static const char *const settings[] = {"walbridge.rest.read.only=true", NULL};
    static const struct exchange cases[] = {
        {"GET /connectors HTTP/1.1\r\n", NULL, 200, "[]"},
        {"POST /connectors HTTP/1.1\r\n" JSON, "{\"name\":\"a\",\"config\":{}}", 403, "read-only"},
        {"POST /connectors/a/signals HTTP/1.1\r\n" JSON, "{\"type\":\"log\"}", 403, "read-only"},
        {"PUT /connectors/a/stop HTTP/1.1\r\n", "", 403, "read-only"},
    };
    struct fixture f = start(settings);

    (void)state;
    CHECK(f, cases);
    stop(&f);
}

static void
signals_are_given(void **state)
{
    static const struct exchange cases[] = {
        {"POST /connectors HTTP/1.1\r\n" JSON, "{\"name\":\"a\",\"config\":{}}", 201, "\"a\""},
        {"POST /connectors/a/signals HTTP/1.1\r\n" JSON,
         "{\"id\":\"i\",\"type\":\"log\",\"data\":{\"message\":\"m\"}}", 202,
         "{\"id\":\"i\",\"type\":\"log\"}"},
        {"POST /connectors/b/signals HTTP/1.1\r\n" JSON, "{\"type\":\"log\"}", 404, "No status"},
        {"POST /connectors/a/signals HTTP/1.1\r\n" JSON, "{\"id\":\"i\"}", 400, "\\\"type\\\""},
        {"POST /connectors/a/signals HTTP/1.1\r\n" JSON, "[]", 400, "expected"},
        {"POST /connectors/a/signals HTTP/1.1\r\n" JSON, "", 400, "expected"},
        {"POST /connectors/a/signals HTTP/1.1\r\n" JSON, "{", 500, "JSON"},
        {"GET /connectors/a/signals HTTP/1.1\r\n", NULL, 405, "Allow: POST,OPTIONS"},
    };
    struct fixture f = start(NULL);

    (void)state;
    CHECK(f, cases);
    stop(&f);
}

static void
users_are_asked_for_their_password(void **state)
{
    static const char path[] = "/tmp/wb-rest-users.properties";
    static const char *const settings[] = {
        "walbridge.rest.users.file=/tmp/wb-rest-users.properties", NULL};
    static const struct exchange cases[] = {
        {"GET /connectors HTTP/1.1\r\n", NULL, 401, "WWW-Authenticate: Basic"},
        {"GET /connectors HTTP/1.1\r\nAuthorization: Basic YWRhOnMzY3JldA==\r\n", NULL, 200, "[]"},
        {"GET /connectors HTTP/1.1\r\nAuthorization: Basic YWRhOndyb25n\r\n", NULL, 401, "User"},
        {"GET /connectors HTTP/1.1\r\nAuthorization: Basic !!!!\r\n", NULL, 401, "User"},
        {"GET /connectors HTTP/1.1\r\nAuthorization: Basic YWRh\r\n", NULL, 401, "User"},
        {"GET /connectors HTTP/1.1\r\nAuthorization: Bearer x\r\n", NULL, 401, "User"},
        {"GET /health HTTP/1.1\r\n", NULL, 200, "healthy"},
    };
    FILE *file = fopen(path, "we");
    struct fixture f;

    (void)state;
    fputs("ada=s3cret\nbob=x\n", file);
    fclose(file);
    f = start(settings);
    CHECK(f, cases);
    stop(&f);
    unlink(path);
}

static void
pages_of_allowed_origins_may_ask(void **state)
{
    static const char *const settings[] = {"access.control.allow.origin=http://*.corp,http://a",
                                           "access.control.allow.methods=GET,PUT", NULL};
    static const struct exchange cases[] = {
        {"GET /connectors HTTP/1.1\r\nOrigin: http://x.corp\r\n", NULL, 200,
         "Access-Control-Allow-Origin: http://x.corp\r\n"},
        {"GET /connectors HTTP/1.1\r\nOrigin: http://a\r\n", NULL, 200,
         "Access-Control-Allow-Credentials: true\r\n"},
        {"OPTIONS /connectors HTTP/1.1\r\nOrigin: http://a\r\nAccess-Control-Request-Method: "
         "PUT\r\n",
         NULL, 200, "Access-Control-Allow-Methods: GET,PUT\r\n"},
    };
    struct fixture f = start(settings);
    char *answer;

    (void)state;
    CHECK(f, cases);
    answer = ask(rest_port(f.rest), "GET /connectors HTTP/1.1\r\nOrigin: http://evil\r\n", NULL);
    assert_null(strstr(answer, "Access-Control"));
    free(answer);
    stop(&f);
}

static void
administration_can_be_nowhere(void **state)
{
    static const char *const settings[] = {"admin.listeners=", NULL};
    static const struct exchange cases[] = {
        {"GET /admin/loggers HTTP/1.1\r\n", NULL, 404, "HTTP 404"},
        {"GET /connectors HTTP/1.1\r\n", NULL, 200, "[]"},
    };
    struct fixture f = start(settings);

    (void)state;
    CHECK(f, cases);
    stop(&f);
}

static void
health_says_what_the_worker_does(void **state)
{
    static const struct exchange waiting[] = {
        {"GET /health HTTP/1.1\r\n", NULL, 200, "waits for connect-1"}};
    static const struct exchange failed[] = {
        {"GET /health HTTP/1.1\r\n", NULL, 500, "\"status\":\"unhealthy\""}};
    struct fixture f = start(NULL);

    (void)state;
    fake_worker_state(f.worker, WORKER_WAITING, "waits for connect-1");
    CHECK(f, waiting);
    fake_worker_state(f.worker, WORKER_FAILED, "");
    CHECK(f, failed);
    stop(&f);
}

static void
figures_are_shown_of_every_connector(void **state)
{
    static const struct exchange cases[] = {
        {"POST /connectors HTTP/1.1\r\n" JSON,
         "{\"name\":\"a\",\"config\":{},\"initial_state\":\"STOPPED\"}", 201, ""},
        {"GET /metrics HTTP/1.1\r\n", NULL, 200, "Content-Type: text/plain; version=0.0.4"},
        {"GET /metrics HTTP/1.1\r\nAccept: text/html\r\n", NULL, 200, "\nwalbridge_connectors 1\n"},
        {"GET /metrics HTTP/1.1\r\n", NULL, 200,
         "\nwalbridge_connector_state{connector=\"a\",state=\"STOPPED\"} 1\n"},
        {"GET /metrics HTTP/1.1\r\n", NULL, 200,
         "\n# TYPE debezium_metrics_Connected gauge\n"
         "debezium_metrics_Connected{context=\"streaming\",plugin=\"postgres\","
         "name=\"pre\\\"fix\",connector=\"a\"} 1\n"},
    };
    struct fixture f = start(NULL);

    (void)state;
    CHECK(f, cases);
    stop(&f);
}

static void
wrong_listeners_are_refused(void **state)
{
    static const struct {
        const char *name, *value, *code;
    } cases[] = {
        {"listeners", "ftp://x:1", "rest.listener"},
        {"listeners", "http://x", "rest.listener"},
        {"listeners", "http://x:99999", "rest.listener"},
        {"listeners", "", "rest.listener"},
        {"listeners", "https://127.0.0.1:0", "rest.tls"},
        {"listeners", "http://192.0.2.1:80", "rest.listener"},
        {"walbridge.rest.users.file", "/nonexistent", "rest.users"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = config_new("worker", tables);
        const struct prop_issue *is;
        struct err e = {0};

        config_set(c, "listeners", "http://127.0.0.1:0");
        config_set(c, cases[i].name, cases[i].value);
        assert_true(config_validate(c, &is));
        assert_null(rest_start(c, NULL, &e));
        assert_string_equal(e.code, cases[i].code);
        config_free(c);
    }
}

static void
every_route_has_a_pattern_that_finds_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < rest_nroutes; i++) {
        struct rest_context context = {0};
        struct rest_request r = {.context = &context, .method = rest_routes[i].method};

        buf_init(&r.out, 1000);
        assert_true(route_begin(&r, rest_routes[i].path));
        assert_ptr_equal(r.route, &rest_routes[i]);
        assert_non_null(rest_routes[i].doc);
        uri_free(&r.uri);
        buf_free(&r.out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_methods_and_media_types_are_answered_as_connect_does),
        cmocka_unit_test(bodies_that_are_none_are_refused),
        cmocka_unit_test(numbers_become_the_text_that_was_written),
        cmocka_unit_test(a_body_too_large_is_refused_before_it_is_read),
        cmocka_unit_test(deep_json_is_refused),
        cmocka_unit_test(heads_have_a_limit),
        cmocka_unit_test(idle_connections_make_room_for_new_ones),
        cmocka_unit_test(others_are_answered_while_a_change_waits),
        cmocka_unit_test(what_waits_is_answered_before_the_server_ends),
        cmocka_unit_test(a_read_only_server_changes_nothing),
        cmocka_unit_test(signals_are_given),
        cmocka_unit_test(users_are_asked_for_their_password),
        cmocka_unit_test(pages_of_allowed_origins_may_ask),
        cmocka_unit_test(administration_can_be_nowhere),
        cmocka_unit_test(health_says_what_the_worker_does),
        cmocka_unit_test(figures_are_shown_of_every_connector),
        cmocka_unit_test(wrong_listeners_are_refused),
        cmocka_unit_test(every_route_has_a_pattern_that_finds_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
