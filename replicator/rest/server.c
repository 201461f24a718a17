#include "replicator/rest/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/connect/worker.h"
#include "replicator/rest/auth.h"
#include "replicator/rest/conf.h"
#include "replicator/rest/cors.h"
#include "replicator/rest/pool.h"
#include "replicator/rest/route.h"

enum {
    /* Descriptors are for connectors too, of which a process usually has 1024. */
    CONNECTIONS_MAX = 512,
    CONNECTIONS_CALM = 448, /* more: the longest idle one is closed */
    IDLE_TIMEOUT_S = 30,    /* as Kafka Connect's server */
    /* Of a request's head; libmicrohttpd maps what is beyond 32 KiB, so that an idle connection costs one page of it. */
    CONNECTION_MEMORY = 48 << 10,
    URI_MAX = 8000,
    HEADERS_MAX = 8192,
    BODIES_MAX = 16 << 20, /* of all requests together */
    /* Discarded so that a client reads the answer instead of a broken connection. */
    DISCARD_MAX = 64 << 20,
    WAITING_THREADS = 4,
    WAITING_MAX = 64,
    LAST_ANSWERS_MS = 2000, /* a client that takes longer to read its answer does without */
};

struct listener {
    struct rest *rest;
    struct MHD_Daemon *daemon;
    bool is_tls, is_admin;
    int fd;
    /* Only its thread looks at these. By the time of their last request, oldest first. */
    struct session *first, *last;
    unsigned nsessions;
};

struct session {
    struct session *prev, *next;
    int fd;
    bool busy; /* a handler works for it */
};

struct rest {
    struct rest_conf conf;
    struct rest_context context;
    struct rest_users *users;
    struct pool *pool;
    struct listener listeners[REST_LISTENERS_MAX];
    size_t nlisteners;
    atomic_size_t body_bytes;
    atomic_uint waiting; /* requests that a thread of the pool had, and that are not answered yet */
    char base_url[300];
    unsigned port;
};

enum exchange_state {
    EXCHANGE_HEAD,    /* nothing was looked at */
    EXCHANGE_BODY,    /* the body comes in; answered already, perhaps */
    EXCHANGE_WAITING, /* a thread of the pool has it */
    EXCHANGE_ANSWERED,
};

/* One request on its connection. */
struct exchange {
    struct rest_request r;
    struct listener *listener;
    struct MHD_Connection *connection;
    char *raw_uri;
    enum exchange_state state;
    bool has_waited;
    bool hopeless; /* the body is too large to be read to its end */
    bool answered; /* the rest of the body does not matter */
    size_t discarded;
};

/* ----------------------------------------------------------------------------------------------------------- sessions */

static void
session_unlink(struct listener *l, struct session *s)
{
    *(s->prev ? &s->prev->next : &l->first) = s->next;
    *(s->next ? &s->next->prev : &l->last) = s->prev;
    s->prev = s->next = NULL;
    l->nsessions--;
}

static void
session_append(struct listener *l, struct session *s)
{
    s->prev = l->last;
    *(l->last ? &l->last->next : &l->first) = s;
    l->last = s;
    l->nsessions++;
}

/*
 * Room for the next one. Also those that send a request drop by drop end so: a head or body that is not complete does not
 * count as work.
 */
static void
session_make_room(struct listener *l)
{
    struct session *s = l->first;

    while (s && s->busy)
        s = s->next;
    if (!s)
        return;
    session_unlink(l, s);
    session_append(l, s); /* it goes away soon; not chosen again before others */
    shutdown(s->fd, SHUT_RDWR);
}

static void
on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
              enum MHD_ConnectionNotificationCode what)
{
    struct listener *l = cls;
    struct session *s = *socket_context;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        s = mem_alloc(sizeof(*s));
        s->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        session_append(l, s);
        if (l->nsessions > CONNECTIONS_CALM)
            session_make_room(l);
        *socket_context = s;
    } else if (s) {
        session_unlink(l, s);
        free(s);
        *socket_context = NULL;
    }
}

static struct session *
session_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* ----------------------------------------------------------------------------------------------------------- exchanges */

/* Before anything is unescaped. */
static void *
on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct exchange *x = mem_alloc(sizeof(*x));

    x->listener = cls;
    x->connection = connection;
    x->raw_uri = mem_strdup(uri);
    x->r.context = &x->listener->rest->context;
    x->r.is_admin = x->listener->is_admin;
    x->r.is_tls = x->listener->is_tls;
    buf_init(&x->r.body, REST_BODY_MAX);
    buf_init(&x->r.out, REST_ANSWER_MAX);
    return x;
}

static void
on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
             enum MHD_RequestTerminationCode how)
{
    struct exchange *x = *con_cls;

    (void)cls;
    (void)connection;
    (void)how;
    if (!x)
        return;
    atomic_fetch_sub(&x->listener->rest->body_bytes, x->r.body.n);
    atomic_fetch_sub(&x->listener->rest->waiting, x->has_waited);
    if (x->r.body.p)
        explicit_bzero(x->r.body.p, x->r.body.n);
    buf_free(&x->r.body);
    buf_free(&x->r.out);
    uri_free(&x->r.uri);
    free(x->r.location);
    free(x->raw_uri);
    free(x);
    *con_cls = NULL;
}

/* libmicrohttpd would unescape in place; what is meant is worked out from the raw URI. */
static size_t
leave_escaped(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

static const char *
header(struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

static enum MHD_Result
add_length(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
    (void)kind;
    *(size_t *)cls += strlen(key) + 4 + (value ? strlen(value) : 0);
    return MHD_YES;
}

/* The head is there. False: answered. */
static bool
exchange_head(struct exchange *x, const char *method)
{
    const char *length;
    size_t size = 0;

    x->r.method = method;
    x->r.content_type = header(x, "Content-Type");
    x->r.accept = header(x, "Accept");
    x->r.authorization = header(x, "Authorization");
    x->r.origin = header(x, "Origin");
    x->r.host = header(x, "Host");
    x->r.preflight_method = header(x, "Access-Control-Request-Method");
    x->r.signature = header(x, "X-Connect-Authorization");
    length = header(x, "Content-Length");
    MHD_get_connection_values(x->connection, MHD_HEADER_KIND, add_length, &size);
    if (strlen(x->raw_uri) > URI_MAX) {
        route_refuse(&x->r, 414, "URI Too Long", true);
        return false;
    }
    if (size > HEADERS_MAX) {
        route_refuse(&x->r, 431, "Request Header Fields Too Large", true);
        x->r.close = true;
        return false;
    }
    if (length && strtoull(length, NULL, 10) > REST_BODY_MAX) {
        rest_error(&x->r, 413, "The body is larger than 4 MiB");
        x->r.close = true;
        x->hopeless = strtoull(length, NULL, 10) > DISCARD_MAX;
        return false;
    }
    return route_begin(&x->r, x->raw_uri);
}

/* False: it is too much of a body that nobody wants. */
static bool
exchange_body(struct exchange *x, const char *data, size_t n)
{
    struct rest *rest = x->listener->rest;

    if (!x->answered && x->r.body.n + n > REST_BODY_MAX) {
        rest_error(&x->r, 413, "The body is larger than 4 MiB");
        x->answered = x->r.close = true;
    }
    if (!x->answered && atomic_load(&rest->body_bytes) + n > BODIES_MAX) {
        rest_error(&x->r, 503, "Too many large requests at the same time; try again");
        x->answered = x->r.close = true;
    }
    if (x->answered) {
        x->discarded += n;
        return x->discarded <= DISCARD_MAX;
    }
    atomic_fetch_add(&rest->body_bytes, n);
    buf_add(&x->r.body, data, n);
    return true;
}

static enum MHD_Result
send_answer(struct exchange *x)
{
    struct rest_request *r = &x->r;
    struct MHD_Response *response;
    enum MHD_Result ok;

    if (r->out.n) {
        response = MHD_create_response_from_buffer(r->out.n, r->out.p, MHD_RESPMEM_MUST_FREE);
        buf_init(&r->out, REST_ANSWER_MAX); /* the bytes are the response's now */
    } else {
        static char nothing[1];

        response = MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
    }
    if (r->type)
        MHD_add_response_header(response, "Content-Type", r->type);
    if (r->location)
        MHD_add_response_header(response, "Location", r->location);
    if (r->allow)
        MHD_add_response_header(response, "Allow", r->allow);
    if (r->no_cache)
        MHD_add_response_header(response, "Cache-Control", "must-revalidate,no-cache,no-store");
    if (r->authenticate)
        MHD_add_response_header(response, "WWW-Authenticate", "Basic realm=\"Kafka Connect\"");
    if (r->close)
        MHD_add_response_header(response, "Connection", "close");
    cors_headers(&x->listener->rest->conf, r, response);
    ok = MHD_queue_response(x->connection, (unsigned)r->status, response);
    MHD_destroy_response(response);
    return ok;
}

/* On a thread of the pool. */
static void
exchange_work(void *arg)
{
    struct exchange *x = arg;

    route_run(&x->r);
    x->state = EXCHANGE_ANSWERED;
    MHD_resume_connection(x->connection);
}

/* What a worker that has not yet read its topics is asked about connectors waits a moment for it. */
static bool
exchange_waits(const struct exchange *x)
{
    struct worker_facts f;

    if (x->r.route->flags & (ROUTE_WAITS | ROUTE_INSTANT))
        return x->r.route->flags & ROUTE_WAITS;
    worker_facts(x->listener->rest->context.worker, &f);
    return f.state == WORKER_STARTING;
}

static enum MHD_Result
exchange_run(struct exchange *x)
{
    struct session *s = session_of(x->connection);

    if (x->answered || !exchange_waits(x)) {
        if (!x->answered)
            route_run(&x->r);
        x->state = EXCHANGE_ANSWERED;
        return send_answer(x);
    }
    x->state = EXCHANGE_WAITING;
    x->has_waited = true;
    atomic_fetch_add(&x->listener->rest->waiting, 1);
    if (s)
        s->busy = true;
    MHD_suspend_connection(x->connection);
    if (!pool_add(x->listener->rest->pool, exchange_work, x)) {
        rest_error(&x->r, 503, "Too many requests wait already; try again");
        x->state = EXCHANGE_ANSWERED;
        MHD_resume_connection(x->connection);
    }
    return MHD_YES;
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
           const char *version, const char *data, size_t *size, void **con_cls)
{
    struct exchange *x = *con_cls;
    struct session *s = session_of(connection);

    (void)cls;
    (void)url;
    (void)version;
    switch (x->state) {
    case EXCHANGE_HEAD:
        x->state = EXCHANGE_BODY;
        x->answered = !exchange_head(x, method);
        /* Answered before its body only when that is hopeless: who still sends may not see an answer that closes. */
        return x->hopeless ? send_answer(x) : MHD_YES;
    case EXCHANGE_BODY:
        if (*size > 0) {
            size_t n = *size;

            *size = 0;
            return exchange_body(x, data, n) ? MHD_YES : MHD_NO;
        }
        return exchange_run(x);
    case EXCHANGE_WAITING:
        return MHD_YES;
    case EXCHANGE_ANSWERED:
        break;
    }
    if (s) {
        s->busy = false;
        session_unlink(x->listener, s);
        session_append(x->listener, s);
    }
    return send_answer(x);
}

/* ----------------------------------------------------------------------------------------------------------- listeners */

static void __attribute__((format(printf, 2, 0))) on_log(void *cls, const char *fmt, va_list ap)
{
    char text[300];

    (void)cls;
    vsnprintf(text, sizeof(text), fmt, ap);
    text[strcspn(text, "\n")] = '\0';
    log_debug("REST: %s", text);
}

static int
open_socket(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    int on = 1, off = 0;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (a->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 128) == 0)
        return fd;
    close(fd);
    return -1;
}

static int
listen_on(const struct rest_listener *conf, struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *all, *a;
    int rc, fd = -1;

    rc = getaddrinfo(*conf->host ? conf->host : NULL, conf->port, &hints, &all);
    if (rc != 0) {
        err_set(e, ERR_CONFIG, "rest.listener", "listener %s:%s: %s", conf->host, conf->port,
                gai_strerror(rc));
        return -1;
    }
    /* Every address: the IPv6 one takes IPv4 too. */
    for (a = all; a && fd < 0; a = a->ai_next)
        if (*conf->host || a->ai_family == AF_INET6)
            fd = open_socket(a);
    for (a = all; a && fd < 0; a = a->ai_next)
        fd = open_socket(a);
    if (fd < 0)
        err_set(e, ERR_CONFIG, "rest.listener", "cannot listen on %s:%s: %s", conf->host,
                conf->port, strerror(errno));
    freeaddrinfo(all);
    return fd;
}

static unsigned
port_of(int fd)
{
    struct sockaddr_storage addr = {0};
    socklen_t n = sizeof(addr);
    in_port_t port;

    if (getsockname(fd, (struct sockaddr *)&addr, &n) != 0)
        return 0;
    /* It stands in the same place in an IPv6 address. */
    memcpy(&port, (const char *)&addr + offsetof(struct sockaddr_in, sin_port), sizeof(port));
    return ntohs(port);
}

static bool
start_listener(struct rest *rest, const struct rest_listener *conf, struct err *e)
{
    struct listener *l = &rest->listeners[rest->nlisteners];
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, rest->conf.certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, rest->conf.key},
        {rest->conf.key_password ? MHD_OPTION_HTTPS_KEY_PASSWORD : MHD_OPTION_END, 0, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    static const struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
    char *password = rest->conf.key_password ? mem_strdup(rest->conf.key_password) : NULL;
    unsigned flags = MHD_USE_EPOLL_INTERNALLY | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (conf->is_tls ? MHD_USE_TLS : 0U);

    *l = (struct listener){.rest = rest, .is_tls = conf->is_tls, .is_admin = conf->is_admin};
    tls[2].ptr_value = password;
    l->fd = listen_on(conf, e);
    if (l->fd < 0) {
        free(password);
        return false;
    }
    rest->nlisteners++;
    l->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, l, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, l->fd, MHD_OPTION_URI_LOG_CALLBACK, on_uri, l,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, l, MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_ARRAY, conf->is_tls ? tls : plain, MHD_OPTION_END);
    if (password)
        explicit_bzero(password, strlen(password));
    free(password);
    if (!l->daemon) {
        close(l->fd);
        l->fd = -1;
        return err_set(e, ERR_CONFIG, "rest.listener", "cannot serve on %s:%s%s", conf->host,
                       conf->port,
                       conf->is_tls ? ": is the PEM file one with a private key and its "
                                      "certificate?"
                                    : "");
    }
    if (!rest->port) {
        rest->port = port_of(l->fd);
        snprintf(rest->base_url, sizeof(rest->base_url), "http%s://%s:%u", conf->is_tls ? "s" : "",
                 *conf->host ? conf->host : "localhost", rest->port);
    }
    log_info("REST on %s:%u%s%s", *conf->host ? conf->host : "*", port_of(l->fd),
             conf->is_tls ? ", TLS" : "", conf->is_admin ? ", for /admin" : "");
    return true;
}

struct rest *
rest_start(const struct config *config, struct worker *worker, struct err *e)
{
    struct rest *rest = mem_alloc(sizeof(*rest));
    bool ok = rest_conf_read(config, &rest->conf, e);

    rest->pool = pool_new(WAITING_THREADS, WAITING_MAX);
    if (ok && rest->conf.users)
        ok = (rest->users = auth_read(rest->conf.users, e)) != NULL;
    rest->context = (struct rest_context){
        .worker = worker,
        .config = config,
        .users = rest->users,
        .read_only = rest->conf.read_only,
        .admin_apart = rest->conf.admin_apart,
        .admin_off = rest->conf.admin_off,
        .base_url = rest->base_url,
    };
    for (size_t i = 0; ok && i < rest->conf.nlisteners; i++)
        ok = start_listener(rest, &rest->conf.listeners[i], e);
    if (!ok) {
        rest_stop(rest);
        return NULL;
    }
    return rest;
}

unsigned
rest_port(const struct rest *r)
{
    return r->port;
}

void
rest_stop(struct rest *r)
{
    if (!r)
        return;
    /* First nobody new comes; then what waits is answered, so that no connection is suspended when its daemon ends. */
    for (size_t i = 0; i < r->nlisteners; i++)
        if (r->listeners[i].daemon)
            MHD_quiesce_daemon(r->listeners[i].daemon);
    pool_end(r->pool);
    for (unsigned ms = 0; atomic_load(&r->waiting) && ms < LAST_ANSWERS_MS; ms++)
        usleep(1000);
    for (size_t i = 0; i < r->nlisteners; i++) {
        if (r->listeners[i].daemon)
            MHD_stop_daemon(r->listeners[i].daemon);
        if (r->listeners[i].fd >= 0)
            close(r->listeners[i].fd);
    }
    pool_free(r->pool);
    auth_free(r->users);
    rest_conf_free(&r->conf);
    free(r);
}
