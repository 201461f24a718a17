#include "sinks/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

enum { CONNECT_TIMEOUT_MS = 10 * 1000, TIMEOUT_MS = 60 * 1000, EVENTS_MAX = 16 };
static const size_t RESPONSE_MAX = (size_t)16 << 20;

struct transfer {
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    char error[CURL_ERROR_SIZE];
    http_done done;
    void *arg;
    struct transfer *next, **prev;
};

struct http {
    CURLM *multi;
    int epoll_fd;
    int64_t deadline_us;
    struct http_options options;
    char *ca_file;
    struct transfer *active;
    size_t nactive;
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;

static void
global_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* curl tells which sockets it wants watched; all of them sit in one epoll set, whose descriptor is ours to give. */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *sock_arg)
{
    struct http *h = arg;
    struct epoll_event ev = {.data.fd = fd};

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        /* The socket may be closed already: then the kernel has forgotten it by itself. */
        epoll_ctl(h->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    if (what & CURL_POLL_IN)
        ev.events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        ev.events |= EPOLLOUT;
    if (!sock_arg)
        curl_multi_assign(h->multi, fd, h);
    if (epoll_ctl(h->epoll_fd, EPOLL_CTL_MOD, fd, &ev) != 0)
        return epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
    return 0;
}

static int
on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct http *h = arg;

    (void)multi;
    h->deadline_us = timeout_ms < 0 ? INT64_MAX : clock_mono_us() + (int64_t)timeout_ms * 1000;
    return 0;
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;

    buf_add(&t->body, p, size * n);
    /* Any other number than was given ends the transfer with an error. */
    return buf_ok(&t->body) ? size * n : 0;
}

struct http *
http_new(const struct http_options *o, struct err *e)
{
    struct http *h = mem_alloc(sizeof(*h));

    pthread_once(&global_once, global_init);
    h->options = *o;
    if (!h->options.connect_timeout_ms)
        h->options.connect_timeout_ms = CONNECT_TIMEOUT_MS;
    if (!h->options.timeout_ms)
        h->options.timeout_ms = TIMEOUT_MS;
    if (!h->options.max_response_bytes)
        h->options.max_response_bytes = RESPONSE_MAX;
    if (o->ca_file)
        h->ca_file = mem_strdup(o->ca_file);
    h->deadline_us = INT64_MAX;
    h->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    h->multi = curl_multi_init();
    if (h->epoll_fd < 0 || !h->multi) {
        http_free(h);
        err_set(e, ERR_RETRY, "http.init",
                "cannot set up the HTTP client: out of descriptors or memory");
        return NULL;
    }
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    return h;
}

static void
transfer_unlink(struct http *h, struct transfer *t)
{
    *t->prev = t->next;
    if (t->next)
        t->next->prev = t->prev;
    h->nactive--;
}

static void
transfer_free(struct transfer *t)
{
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    buf_free(&t->body);
    free(t);
}

void
http_free(struct http *h)
{
    if (!h)
        return;
    for (struct transfer *t = h->active, *next; t; t = next) {
        next = t->next;
        curl_multi_remove_handle(h->multi, t->easy);
        transfer_free(t);
    }
    curl_multi_cleanup(h->multi);
    if (h->epoll_fd >= 0)
        close(h->epoll_fd);
    free(h->ca_file);
    free(h);
}

static void
set_body(CURL *easy, const struct http_request *req)
{
    if (strcmp(req->method, "GET") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, req->method);
    if (strcmp(req->method, "GET") == 0)
        return;
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.n);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, req->body.p ? req->body.p : "");
}

static bool
set_options(struct http *h, struct transfer *t, const struct http_request *req)
{
    CURL *easy = t->easy;
    int64_t timeout_ms = req->timeout_ms ? req->timeout_ms : h->options.timeout_ms;

    if (curl_easy_setopt(easy, CURLOPT_URL, req->url) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK)
        return false;
    for (size_t i = 0; i < req->nheaders; i++)
        t->headers = curl_slist_append(t->headers, req->headers[i]);
    /* Without it curl waits a second for "100 Continue" before it sends a large body. */
    t->headers = curl_slist_append(t->headers, "Expect:");
    set_body(easy, req);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (h->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, h->ca_file);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)h->options.connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    /* Google compresses only for agents that say "gzip" in their name too. */
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "walbridge (gzip)");
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
    return true;
}

bool
http_send(struct http *h, const struct http_request *req, http_done done, void *arg, struct err *e)
{
    struct transfer *t = mem_alloc(sizeof(*t));

    t->done = done;
    t->arg = arg;
    buf_init(&t->body, h->options.max_response_bytes);
    t->easy = curl_easy_init();
    if (!t->easy || !set_options(h, t, req)) {
        transfer_free(t);
        return err_set(e, ERR_CONFIG, "http.url", "cannot form a request to \"%s\"", req->url);
    }
    t->next = h->active;
    t->prev = &h->active;
    if (t->next)
        t->next->prev = &t->next;
    h->active = t;
    h->nactive++;
    if (curl_multi_add_handle(h->multi, t->easy) != CURLM_OK) {
        transfer_unlink(h, t);
        transfer_free(t);
        return err_set(e, ERR_RETRY, "http.init", "cannot start a request to \"%s\"", req->url);
    }
    return true;
}

static void
finish(struct http *h, struct transfer *t, CURLcode rc)
{
    struct http_response r = {.retry_after_ms = -1};
    long status = 0;
    curl_off_t after_s = 0;

    if (rc == CURLE_OK) {
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &after_s);
        r.status = (int)status;
        if (after_s > 0)
            r.retry_after_ms = (int64_t)after_s * 1000;
        buf_cstr(&t->body);
        r.body = t->body.n ? buf_view(&t->body) : SLICE_LIT("");
    } else if (!buf_ok(&t->body)) {
        r.error = "the answer is longer than a valid one can be";
    } else {
        r.error = t->error[0] ? t->error : curl_easy_strerror(rc);
    }
    curl_multi_remove_handle(h->multi, t->easy);
    transfer_unlink(h, t);
    t->done(t->arg, &r);
    transfer_free(t);
}

void
http_poll(struct http *h)
{
    struct epoll_event ev[EVENTS_MAX];
    int running, left, n = epoll_wait(h->epoll_fd, ev, EVENTS_MAX, 0);
    CURLMsg *m;

    for (int i = 0; i < n; i++) {
        int what = 0;

        if (ev[i].events & EPOLLIN)
            what |= CURL_CSELECT_IN;
        if (ev[i].events & EPOLLOUT)
            what |= CURL_CSELECT_OUT;
        if (ev[i].events & (EPOLLERR | EPOLLHUP))
            what |= CURL_CSELECT_ERR;
        curl_multi_socket_action(h->multi, ev[i].data.fd, what, &running);
    }
    if (clock_mono_us() >= h->deadline_us) {
        h->deadline_us = INT64_MAX;
        curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
        struct transfer *t = NULL;
        CURLcode rc = m->data.result;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        finish(h, t, rc);
    }
}

int
http_fd(const struct http *h)
{
    return h->epoll_fd;
}

int64_t
http_deadline_us(const struct http *h)
{
    return h->deadline_us;
}

size_t
http_active(const struct http *h)
{
    return h->nactive;
}

bool
http_escape(char *out, size_t size, struct slice text)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = strlen(out);

    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
                     (c && strchr("-_.~", c));

        if (n + 4 > size)
            return false;
        if (plain) {
            out[n++] = (char)c;
        } else {
            out[n++] = '%';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        }
        out[n] = '\0';
    }
    return true;
}
