/* Breaking off what a session waits for, when the server does not answer any more. */
#include "replicator/pg/cancel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server that takes the session and then says nothing, neither to it nor to who wants to cancel. */
struct server {
    int listener, session;
    char conninfo[200];
    pthread_t thread;
};

static void *
server_greet(void *arg)
{
    /* AuthenticationOk, BackendKeyData (pid 1, key 2), ReadyForQuery */
    static const unsigned char hello[] = {'R', 0, 0, 0, 8, 0, 0, 0, 0,   'K', 0, 0, 0, 12,
                                          0,   0, 0, 1, 0, 0, 0, 2, 'Z', 0,   0, 0, 5, 'I'};
    struct server *s = arg;
    char startup[1000];

    s->session = accept(s->listener, NULL, NULL);
    if (s->session < 0 || read(s->session, startup, sizeof(startup)) <= 0 ||
        write(s->session, hello, sizeof(hello)) != sizeof(hello))
        abort();
    return NULL;
}

static PGconn *
server_open(struct server *s)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(addr);
    PGconn *c;

    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(s->listener, 5), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&addr, &n), 0);
    snprintf(s->conninfo, sizeof(s->conninfo),
             "hostaddr=127.0.0.1 port=%d user=u dbname=d sslmode=disable gssencmode=disable",
             ntohs(addr.sin_port));
    assert_int_equal(pthread_create(&s->thread, NULL, server_greet, s), 0);
    c = PQconnectdb(s->conninfo);
    pthread_join(s->thread, NULL);
    assert_int_equal(PQstatus(c), CONNECTION_OK);
    return c;
}

static void
server_close(struct server *s)
{
    close(s->session);
    close(s->listener);
}

static void *
wait_for_result(void *arg)
{
    PQclear(PQexec(arg, "SELECT"));
    return NULL;
}

/* Would hang, and so would the test. */
static void
a_server_that_does_not_answer_keeps_nobody(void **state)
{
    struct server s;
    PGconn *c = server_open(&s);
    struct pg_cancel *k = pg_cancel_new(c);
    pthread_t waiter;

    (void)state;
    assert_int_equal(pthread_create(&waiter, NULL, wait_for_result, c), 0);
    assert_false(pg_cancel_ask(&k, 1));
    pg_cancel_shut(k);
    pthread_join(waiter, NULL);
    assert_int_equal(PQstatus(c), CONNECTION_BAD);
    assert_true(pg_cancel_ask(&k, 1)); /* it was asked before */
    pg_cancel_free(k);
    PQfinish(c);
    server_close(&s);
}

static void
a_server_that_refuses_is_not_waited_for(void **state)
{
    struct server s;
    PGconn *c = server_open(&s);
    struct pg_cancel *k = pg_cancel_new(c);

    (void)state;
    close(s.listener);
    assert_true(pg_cancel_ask(&k, 1));
    PQfinish(c);
    pg_cancel_shut(k); /* also of a session that is over */
    pg_cancel_free(k);
    close(s.session);
    assert_true(pg_cancel_ask(NULL, 0));
    pg_cancel_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_does_not_answer_keeps_nobody),
        cmocka_unit_test(a_server_that_refuses_is_not_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
