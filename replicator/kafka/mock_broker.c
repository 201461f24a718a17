#include "replicator/kafka/mock_broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rd.h"

enum {
    API_METADATA = 3,
    API_FIND_COORDINATOR = 10,
    CLIENTS_MAX = 256,
    PIPE_BYTES = 256 * 1024,
    /* A request for metadata is looked at whole; the names of some thousand topics fit. */
    LOOKED_AT_MAX = PIPE_BYTES / 2,
    ANSWERS_MAX = 64, /* requests for metadata that one client has on the way */
};

/* Bytes on their way, and how far the frame that is passing has come. */
struct pipe {
    int from, to;
    char *p;
    size_t at, n;   /* p[at..n) is to be written */
    size_t seen;    /* p[..seen) belongs to frames that were looked at */
    uint64_t frame; /* bytes of the current frame that are still to come */
};

struct client {
    struct pipe up, down; /* to the mock broker, back to the client */
    struct {
        uint32_t correlation;
        uint16_t api, version;
    } answers[ANSWERS_MAX];
    unsigned head, n;
};

struct mock_broker {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
    struct sockaddr_in target;
    int listen_fd;
    uint16_t port;
    char servers[32];
    struct client *clients[CLIENTS_MAX];
    size_t nclients;
};

bool
mock_broker_topic(struct mock_broker *b, const char *name, int partitions, struct err *e)
{
    rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(b->cluster, name, partitions, 1);

    if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return err_set(e, ERR_FATAL, "broker.topic", "topic \"%s\": %s", name,
                       rd_kafka_err2str(code));
    return true;
}

/* ------------------------------------------------------------------------------------------------------- protocol */

/* MetadataRequest 0 to 2: i32 n, n × (i16 length, name). Newer ones are not offered. */
static void
make_asked_topics(struct mock_broker *b, struct rd *r)
{
    int32_t n = (int32_t)rd_u32(r);
    struct err e = {0};

    for (int32_t i = 0; i < n && rd_ok(r); i++) {
        struct slice name = rd_bytes(r, rd_u16(r));
        char text[250];

        if (!rd_ok(r) || name.n == 0 || name.n >= sizeof text)
            return;
        memcpy(text, name.p, name.n);
        text[name.n] = '\0';
        if (!mock_broker_topic(b, text, 1, &e))
            log_warn("%s", e.msg);
    }
}

/* A frame that begins at p->seen; false: not enough of it is there to judge. */
static bool
look_at_request(struct mock_broker *b, struct client *c, struct pipe *p)
{
    struct rd r = rd_of(p->p + p->seen, p->n - p->seen);
    uint32_t length = rd_u32(&r);
    uint16_t api = rd_u16(&r), version = rd_u16(&r);
    uint32_t correlation = rd_u32(&r);
    uint16_t client_id;

    if (!rd_ok(&r))
        return false;
    if (api == API_METADATA || api == API_FIND_COORDINATOR) {
        if (api == API_METADATA && length <= LOOKED_AT_MAX) {
            if (p->n - p->seen < length + 4)
                return false;
            client_id = rd_u16(&r);
            if (client_id != UINT16_MAX)
                rd_bytes(&r, client_id);
            make_asked_topics(b, &r);
        }
        if (c->n < ANSWERS_MAX) {
            unsigned i = (c->head + c->n++) % ANSWERS_MAX;

            c->answers[i].correlation = correlation;
            c->answers[i].api = api;
            c->answers[i].version = version;
        }
    }
    p->frame = (uint64_t)length + 4;
    return true;
}

static void
skip_text(struct rd *r)
{
    uint16_t n = rd_u16(r);

    if (n != UINT16_MAX) /* null */
        rd_bytes(r, n);
}

/* Answers lie in our own buffer; the reader only lacks the right to say so. */
static void
put_u32(struct rd *r, uint32_t v)
{
    unsigned char bytes[4] = {(unsigned char)(v >> 24), (unsigned char)(v >> 16),
                              (unsigned char)(v >> 8), (unsigned char)v};
    struct slice here = rd_bytes(r, 4);

    if (rd_ok(r))
        memcpy((void *)(uintptr_t)here.p, bytes, 4);
}

/*
 * MetadataResponse 0 to 2: i32 brokers, each i32 id, string host, i32 port [1: string rack] [2: string cluster]
 * [1: i32 controller]. There is one broker; that it is the controller is for us to say, or admin clients wait for one.
 */
static void
mend_metadata(struct mock_broker *b, struct rd *r, uint16_t version)
{
    rd_u32(r);
    rd_u32(r);
    skip_text(r);
    put_u32(r, b->port);
    if (version < 1)
        return;
    skip_text(r);
    if (version >= 2)
        skip_text(r);
    put_u32(r, 1);
}

/* FindCoordinatorResponse 0 to 2: [1: i32 throttle] i16 error [1: string message] i32 id, string host, i32 port. */
static void
mend_coordinator(struct mock_broker *b, struct rd *r, uint16_t version)
{
    if (version >= 1)
        rd_u32(r);
    rd_u16(r);
    if (version >= 1)
        skip_text(r);
    rd_u32(r);
    skip_text(r);
    put_u32(r, b->port);
}

/* The begin of an answer holds all that is to be mended. */
enum { ANSWER_HEAD_BYTES = 512 };

static bool
look_at_answer(struct mock_broker *b, struct client *c, struct pipe *p)
{
    struct rd r = rd_of(p->p + p->seen, p->n - p->seen);
    uint32_t length = rd_u32(&r), correlation = rd_u32(&r);

    if (!rd_ok(&r))
        return false;
    if (c->n > 0 && c->answers[c->head].correlation == correlation) {
        if (p->n - p->seen <
            ((uint64_t)length + 4 < ANSWER_HEAD_BYTES ? length + 4 : ANSWER_HEAD_BYTES))
            return false;
        if (c->answers[c->head].api == API_METADATA)
            mend_metadata(b, &r, c->answers[c->head].version);
        else
            mend_coordinator(b, &r, c->answers[c->head].version);
        c->head = (c->head + 1) % ANSWERS_MAX;
        c->n--;
    }
    p->frame = (uint64_t)length + 4;
    return true;
}

/* -------------------------------------------------------------------------------------------------------- passing */

/* Frame by frame over what has come; what is looked at may be written on. */
static void
look(struct mock_broker *b, struct client *c, struct pipe *p)
{
    while (p->seen < p->n) {
        uint64_t here = p->n - p->seen;

        if (p->frame == 0 && !(p == &c->up ? look_at_request(b, c, p) : look_at_answer(b, c, p)))
            return;
        here = here < p->frame ? here : p->frame;
        p->seen += here;
        p->frame -= here;
    }
}

/* One step in one direction. False: the connection is over. */
static bool
pass(struct mock_broker *b, struct client *c, struct pipe *p, bool readable)
{
    ssize_t n;

    if (readable && p->n < PIPE_BYTES) {
        n = recv(p->from, p->p + p->n, PIPE_BYTES - p->n, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        if (n > 0)
            p->n += (size_t)n;
        look(b, c, p);
    }
    if (p->at < p->seen) {
        n = send(p->to, p->p + p->at, p->seen - p->at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (n > 0)
            p->at += (size_t)n;
    }
    /* Room for what follows: when all is written, when half is, or when the rest waits to be looked at. */
    if (p->at == p->n) {
        p->at = p->n = p->seen = 0;
    } else if (p->at > 0 && (p->at == p->seen || p->at > PIPE_BYTES / 2)) {
        memmove(p->p, p->p + p->at, p->n - p->at);
        p->n -= p->at;
        p->seen -= p->at;
        p->at = 0;
    }
    return true;
}

static void
client_close(struct client *c)
{
    if (c->up.from >= 0)
        close(c->up.from);
    if (c->up.to >= 0)
        close(c->up.to);
    free(c->up.p);
    free(c->down.p);
    free(c);
}

static void
accept_client(struct mock_broker *b)
{
    int one = 1, fd = accept4(b->listen_fd, NULL, NULL, SOCK_CLOEXEC), to;
    struct client *c;

    if (fd < 0)
        return;
    to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (to < 0 || b->nclients == CLIENTS_MAX ||
        connect(to, (const struct sockaddr *)&b->target, sizeof b->target) != 0) {
        close(fd);
        if (to >= 0)
            close(to);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(to, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c = mem_alloc(sizeof *c);
    c->up = (struct pipe){.from = fd, .to = to, .p = mem_alloc(PIPE_BYTES)};
    c->down = (struct pipe){.from = to, .to = fd, .p = mem_alloc(PIPE_BYTES)};
    b->clients[b->nclients++] = c;
}

static short
wanted(const struct pipe *in, const struct pipe *out)
{
    return (short)((in->n < PIPE_BYTES ? POLLIN : 0) | (out->at < out->seen ? POLLOUT : 0));
}

bool
mock_broker_run(struct mock_broker *b, int stop_fd, struct err *e)
{
    struct pollfd fds[2 + 2 * CLIENTS_MAX];

    for (;;) {
        size_t n = b->nclients, kept = 0;

        fds[0] = (struct pollfd){.fd = stop_fd, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = b->listen_fd, .events = POLLIN};
        for (size_t i = 0; i < n; i++) {
            struct client *c = b->clients[i];

            fds[2 + 2 * i] = (struct pollfd){.fd = c->up.from, .events = wanted(&c->up, &c->down)};
            fds[3 + 2 * i] = (struct pollfd){.fd = c->up.to, .events = wanted(&c->down, &c->up)};
        }
        if (poll(fds, 2 + 2 * n, -1) < 0) {
            if (errno == EINTR)
                continue;
            return err_set(e, ERR_FATAL, "broker.poll", "poll: %s", strerror(errno));
        }
        if (fds[0].revents)
            return true;
        for (size_t i = 0; i < n; i++) {
            struct client *c = b->clients[i];
            bool up = (fds[2 + 2 * i].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
            bool down = (fds[3 + 2 * i].revents & (POLLIN | POLLHUP | POLLERR)) != 0;

            if (pass(b, c, &c->up, up) && pass(b, c, &c->down, down))
                b->clients[kept++] = c;
            else
                client_close(c);
        }
        b->nclients = kept;
        if (fds[1].revents)
            accept_client(b);
    }
}

/* ----------------------------------------------------------------------------------------------------------- life */

static bool
listen_on(struct mock_broker *b, int port, struct err *e)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t n = sizeof a;
    int one = 1;

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    b->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (b->listen_fd < 0)
        return err_set(e, ERR_FATAL, "broker.listen", "socket: %s", strerror(errno));
    setsockopt(b->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(b->listen_fd, (const struct sockaddr *)&a, sizeof a) != 0 ||
        listen(b->listen_fd, 64) != 0 || getsockname(b->listen_fd, (struct sockaddr *)&a, &n) != 0)
        return err_set(e, ERR_CONFIG, "broker.listen", "cannot listen on 127.0.0.1:%d: %s", port,
                       strerror(errno));
    b->port = ntohs(a.sin_port);
    snprintf(b->servers, sizeof b->servers, "127.0.0.1:%u", b->port);
    return true;
}

static bool
start_cluster(struct mock_broker *b, struct err *e)
{
    char why[300], host[64];
    const char *servers, *colon;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    /* The client that carries the cluster never connects anywhere, and would remark on it. */
    rd_kafka_conf_set(conf, "log_level", "3", why, sizeof why);
    b->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!b->rk)
        return err_set(e, ERR_FATAL, "broker.start", "%s", why);
    b->cluster = rd_kafka_mock_cluster_new(b->rk, 1);
    servers = b->cluster ? rd_kafka_mock_cluster_bootstraps(b->cluster) : "";
    colon = strrchr(servers, ':');
    if (!colon || (size_t)(colon - servers) >= sizeof host)
        return err_set(e, ERR_FATAL, "broker.start", "the mock cluster did not start");
    memcpy(host, servers, (size_t)(colon - servers));
    host[colon - servers] = '\0';
    if (inet_pton(AF_INET, host, &b->target.sin_addr) != 1)
        return err_set(e, ERR_FATAL, "broker.start",
                       "the mock cluster listens on \"%s\", which is no address", servers);
    b->target.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    b->target.sin_family = AF_INET;
    /* The versions whose bytes we understand. */
    rd_kafka_mock_set_apiversion(b->cluster, API_METADATA, 0, 2);
    rd_kafka_mock_set_apiversion(b->cluster, API_FIND_COORDINATOR, 0, 2);
    return true;
}

struct mock_broker *
mock_broker_new(int port, struct err *e)
{
    struct mock_broker *b = mem_alloc(sizeof *b);

    b->listen_fd = -1;
    if (start_cluster(b, e) && listen_on(b, port, e))
        return b;
    mock_broker_free(b);
    return NULL;
}

const char *
mock_broker_servers(const struct mock_broker *b)
{
    return b->servers;
}

void
mock_broker_delay(struct mock_broker *b, int ms)
{
    rd_kafka_mock_broker_set_rtt(b->cluster, -1, ms);
}

void
mock_broker_free(struct mock_broker *b)
{
    for (size_t i = 0; i < b->nclients; i++)
        client_close(b->clients[i]);
    if (b->listen_fd >= 0)
        close(b->listen_fd);
    if (b->cluster)
        rd_kafka_mock_cluster_destroy(b->cluster);
    if (b->rk)
        rd_kafka_destroy(b->rk);
    free(b);
}
