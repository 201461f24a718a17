/* The HTTP client against a server of canned answers. */
#include "sinks/http.h"

#include <arpa/inet.h>
#include <poll.h>
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

/* Answers each request with `answer` until the client leaves; counts connections and keeps the last request. */
struct server {
    pthread_t thread;
    int listener, port;
    const char *answer; /* NULL: none */
    int connections, requests;
    char request[8192];
};

static size_t
read_request(int fd, char *buf, size_t size)
{
    size_t n = 0, body = 0, head = 0;

    for (;;) {
        ssize_t got = recv(fd, buf + n, size - 1 - n, 0);
        char *end, *length;

        if (got <= 0)
            return 0;
        n += (size_t)got;
        buf[n] = '\0';
        end = strstr(buf, "\r\n\r\n");
        if (!end)
            continue;
        head = (size_t)(end - buf) + 4;
        length = strcasestr(buf, "content-length:");
        body = length ? strtoul(length + 15, NULL, 10) : 0;
        if (n >= head + body)
            return n;
    }
}

static void *
serve(void *arg)
{
    struct server *s = arg;
    int fd;

    while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
        s->connections++;
        while (read_request(fd, s->request, sizeof(s->request)) > 0) {
            s->requests++;
            if (!s->answer)
                continue; /* and say nothing */
            if (send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL) < 0)
                break;
            if (strstr(s->answer, "Connection: close"))
                break;
        }
        close(fd);
    }
    return NULL;
}

static void
server_start(struct server *s, const char *answer)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(addr);

    memset(s, 0, sizeof(*s));
    s->answer = answer;
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(s->listener, 8), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&addr, &n), 0);
    s->port = ntohs(addr.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void
server_stop(struct server *s)
{
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
}

struct got {
    unsigned n;
    int status;
    char *body, *error;
    int64_t retry_after_ms;
};

static void
on_done(void *arg, const struct http_response *r)
{
    struct got *g = arg;

    free(g->body);
    free(g->error);
    g->n++;
    g->status = r->status;
    g->body = mem_strndup(r->body.p ? r->body.p : "", r->body.n);
    g->error = r->error ? mem_strdup(r->error) : NULL;
    g->retry_after_ms = r->retry_after_ms;
}

static void
got_free(struct got *g)
{
    free(g->body);
    free(g->error);
}

static void
drive(struct http *h, const struct got *g, unsigned n)
{
    int64_t until_us = clock_mono_us() + 10 * INT64_C(1000000);

    while (g->n < n) {
        struct pollfd p = {.fd = http_fd(h), .events = POLLIN};
        int64_t left_us = http_deadline_us(h) - clock_mono_us();

        assert_true(clock_mono_us() < until_us);
        poll(&p, 1, left_us <= 0 ? 0 : left_us > 100000 ? 100 : (int)(left_us / 1000) + 1);
        http_poll(h);
    }
}

static void
send_to(struct http *h, int port, const char *method, const char *body, struct got *g)
{
    static const char *const headers[] = {"X-One: 1", "Content-Type: text/plain"};
    char url[64];
    struct http_request req = {
        .method = method, .url = url, .headers = headers, .nheaders = 2, .body = slice_of(body)};
    struct err e = {0};

    snprintf(url, sizeof(url), "http://127.0.0.1:%d/path?q=1", port);
    assert_true(http_send(h, &req, on_done, g, &e));
}

static void
request_and_answer_arrive_whole_over_one_connection(void **state)
{
    struct http_options o = {0};
    struct http *h = http_new(&o, NULL);
    struct server s;
    struct got g = {0};

    (void)state;
    server_start(&s, "HTTP/1.1 201 Created\r\nContent-Length: 5\r\nRetry-After: 7\r\n\r\nhello");
    send_to(h, s.port, "POST", "the body", &g);
    assert_int_equal(http_active(h), 1);
    drive(h, &g, 1);
    assert_int_equal(http_active(h), 0);
    assert_int_equal(g.status, 201);
    assert_string_equal(g.body, "hello");
    assert_null(g.error);
    assert_int_equal(g.retry_after_ms, 7000);
    assert_memory_equal(s.request, "POST /path?q=1 HTTP/1.1\r\n", 25);
    assert_non_null(strstr(s.request, "\r\nX-One: 1\r\n"));
    assert_null(strcasestr(s.request, "\r\nExpect:"));
    assert_non_null(strstr(s.request, "\r\n\r\nthe body"));
    send_to(h, s.port, "PATCH", "x", &g);
    drive(h, &g, 2);
    assert_memory_equal(s.request, "PATCH ", 6);
    send_to(h, s.port, "GET", "", &g);
    drive(h, &g, 3);
    assert_memory_equal(s.request, "GET ", 4);
    assert_int_equal(s.connections, 1);
    http_free(h);
    server_stop(&s);
    got_free(&g);
}

static void
redirects_are_not_followed(void **state)
{
    struct http_options o = {0};
    struct http *h = http_new(&o, NULL);
    struct server s;
    struct got g = {0};

    (void)state;
    server_start(
        &s, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    send_to(h, s.port, "GET", "", &g);
    drive(h, &g, 1);
    assert_int_equal(g.status, 302);
    http_free(h);
    server_stop(&s);
    got_free(&g);
}

static void
an_answer_beyond_the_cap_is_an_error(void **state)
{
    struct http_options o = {.max_response_bytes = 4};
    struct http *h = http_new(&o, NULL);
    struct server s;
    struct got g = {0};

    (void)state;
    server_start(&s, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    send_to(h, s.port, "GET", "", &g);
    drive(h, &g, 1);
    assert_int_equal(g.status, 0);
    assert_non_null(strstr(g.error, "longer"));
    http_free(h);
    server_stop(&s);
    got_free(&g);
}

static void
silence_refusal_and_a_cut_answer_end_without_a_status(void **state)
{
    struct http_options o = {.timeout_ms = 200};
    struct http *h = http_new(&o, NULL);
    struct server s;
    struct got g = {0};
    int64_t start_us = clock_mono_us();

    (void)state;
    server_start(&s, NULL);
    send_to(h, s.port, "GET", "", &g);
    drive(h, &g, 1);
    assert_int_equal(g.status, 0);
    assert_non_null(g.error);
    assert_true(clock_mono_us() - start_us >= 150000); /* it was silence, not a refusal */
    server_stop(&s);
    send_to(h, s.port, "GET", "", &g); /* nobody listens any more */
    drive(h, &g, 2);
    assert_int_equal(g.status, 0);
    assert_non_null(g.error);
    server_start(&s, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\nConnection: close\r\n\r\nhello");
    send_to(h, s.port, "GET", "", &g);
    drive(h, &g, 3);
    assert_int_equal(g.status, 0);
    http_free(h);
    server_stop(&s);
    got_free(&g);
}

static void
what_is_under_way_at_the_end_is_dropped_without_a_call(void **state)
{
    struct http_options o = {0};
    struct http *h = http_new(&o, NULL);
    struct server s;
    struct got g = {0};

    (void)state;
    server_start(&s, NULL);
    send_to(h, s.port, "POST", "x", &g);
    http_poll(h);
    http_free(h);
    assert_int_equal(g.n, 0);
    server_stop(&s);
}

static void
other_schemes_are_refused(void **state)
{
    static const char *const urls[] = {"file:///etc/passwd", "ftp://127.0.0.1/",
                                       "gopher://127.0.0.1/"};
    struct http_options o = {0};
    struct http *h = http_new(&o, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        struct http_request req = {.method = "GET", .url = urls[i]};
        struct got g = {0};

        assert_true(http_send(h, &req, on_done, &g, NULL));
        drive(h, &g, 1);
        assert_int_equal(g.status, 0);
        assert_non_null(g.error);
        got_free(&g);
    }
    http_free(h);
}

static void
escaping_leaves_only_what_is_safe(void **state)
{
    char out[32] = "a=";

    (void)state;
    assert_true(http_escape(out, sizeof(out), slice_of("b c/&+~\xc3\xa4")));
    assert_string_equal(out, "a=b%20c%2F%26%2B~%C3%A4");
    assert_false(http_escape(out, sizeof(out), slice_of("//////")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_and_answer_arrive_whole_over_one_connection),
        cmocka_unit_test(redirects_are_not_followed),
        cmocka_unit_test(an_answer_beyond_the_cap_is_an_error),
        cmocka_unit_test(silence_refusal_and_a_cut_answer_end_without_a_status),
        cmocka_unit_test(what_is_under_way_at_the_end_is_dropped_without_a_call),
        cmocka_unit_test(other_schemes_are_refused),
        cmocka_unit_test(escaping_leaves_only_what_is_safe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
