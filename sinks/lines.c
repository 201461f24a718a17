/*
 * The lines sink: a JSON object per record and line, {"topic":…,"key":…,"value":…,"headers":{…}}, to a file or standard
 * output. Key and value are the converter's JSON as it is, or a string of what another converter made; null stands for no
 * bytes.
 *
 * A record is acknowledged when write(2) has taken its line; in a regular file, when fdatasync has, which is done for many
 * lines at a time. A pipe whose reader is slow makes the sink full.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "decoder/encoder.h"
#include "sinks/sink.h"

enum {
    WRITE_BYTES = 256 * 1024, /* a put that reaches this writes at once */
    QUEUE_BYTES = 1 << 20,    /* more than this unwritten: full */
    LINE_MAX_BYTES = 1 << 30, /* a field's limit in PostgreSQL; below it a line always fits */
    SYNC_BYTES = 4 << 20,     /* so much may be written and not yet synced, */
    SYNC_US = 50000,          /* for so long */
};

/* Records of one ticket whose lines end at or before `end` of the stream. */
struct lines_run {
    uint64_t ticket, end;
    unsigned n;
};

struct lines_sink {
    struct sink base;
    int fd,
        epoll_fd; /* the latter is readable when the former can be written; -1: a regular file */
    bool waiting; /* for the reader */
    bool regular, owned;
    bool mid_line;                             /* the last byte written does not end a line */
    struct buf out;                            /* lines not yet written */
    size_t out_at;                             /* of them, written */
    uint64_t put_end, written_end, synced_end; /* positions in the stream */
    int64_t unsynced_us;    /* since when something is written and not synced; 0: nothing */
    struct lines_run *runs; /* [head, n) wait */
    size_t head, n, cap;
    bool flushing;
    char *context; /* the context headers as JSON members */
    char path[300];
};

struct lines_prog {
    struct encoder *encoder;
    char *start; /* {"topic":"…","key": */
    size_t nstart;
    bool json_key, json_value;
};

static bool
lines_compile(struct sink *s, const struct plan *p, void **prog, struct err *e)
{
    struct lines_prog *l = mem_alloc(sizeof *l);
    struct buf b;

    (void)s;
    l->encoder = encoder_new(p, e);
    if (!l->encoder) {
        free(l);
        return false;
    }
    l->json_key = p->settings->key_converter == CONVERTER_JSON;
    l->json_value = p->settings->value_converter == CONVERTER_JSON;
    buf_init(&b, 4096);
    BUF_LIT(&b, "{\"topic\":");
    json_cstr(&b, p->topic);
    BUF_LIT(&b, ",\"key\":");
    l->nstart = b.n;
    l->start = mem_strndup(b.p, b.n);
    buf_free(&b);
    *prog = l;
    return true;
}

static void
lines_discard(struct sink *s, void *prog)
{
    struct lines_prog *l = prog;

    (void)s;
    encoder_free(l->encoder);
    free(l->start);
    free(l);
}

static bool
lines_encode(const void *prog, const struct change *c, struct recbuf *out, struct err *e)
{
    return encoder_encode(((const struct lines_prog *)prog)->encoder, c, out, e);
}

/* -------------------------------------------------------------------------------------------------------- writing */

static bool
lines_failed(const struct lines_sink *s, int error, struct err *e)
{
    if (error == EPIPE)
        return err_set(e, ERR_FATAL, "lines.closed", "the reader of \"%s\" has gone", s->path);
    return err_set(e, ERR_RETRY, "lines.write", "cannot write \"%s\": %s", s->path,
                   strerror(error));
}

static void
watch(struct lines_sink *s, bool waiting)
{
    struct epoll_event ev = {.events = waiting ? EPOLLOUT : 0};

    if (s->epoll_fd >= 0 && waiting != s->waiting)
        epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, s->fd, &ev);
    s->waiting = waiting;
}

/* Writes what there is until the reader is slow. */
static bool
write_out(struct lines_sink *s, struct err *e)
{
    while (s->out_at < s->out.n) {
        ssize_t n = fault_hit("lines.write")
                        ? (errno = EIO, -1)
                        : write(s->fd, s->out.p + s->out_at, s->out.n - s->out_at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            /* A slow reader that never lets us finish must not make the buffer grow. */
            memmove(s->out.p, s->out.p + s->out_at, s->out.n - s->out_at);
            s->out.n -= s->out_at;
            s->out_at = 0;
            watch(s, true);
            return true;
        }
        if (n < 0)
            return lines_failed(s, errno, e);
        s->out_at += (size_t)n;
        s->written_end += (size_t)n;
        s->mid_line = s->out.p[s->out_at - 1] != '\n';
    }
    buf_recycle(&s->out);
    s->out_at = 0;
    watch(s, false);
    if (s->regular && s->unsynced_us == 0 && s->synced_end < s->written_end)
        s->unsynced_us = clock_mono_us();
    return true;
}

static bool
sync_out(struct lines_sink *s, struct err *e)
{
    if (!s->regular) {
        s->synced_end = s->written_end;
        return true;
    }
    if (s->synced_end == s->written_end ||
        (!s->flushing && s->written_end - s->synced_end < SYNC_BYTES &&
         clock_mono_us() - s->unsynced_us < SYNC_US))
        return true;
    if (fault_hit("lines.sync") || fdatasync(s->fd) != 0)
        return lines_failed(s, errno, e);
    s->synced_end = s->written_end;
    s->unsynced_us = 0;
    return true;
}

/* Own headers from..to; `first`: none stands before. */
static bool
own_headers(struct lines_sink *s, const struct recbuf *b, const struct record *r, uint32_t from,
            uint32_t to, bool first)
{
    for (uint32_t i = from; i < to; i++) {
        const struct record_header_value *h = &b->headers[r->hdr + i];

        if (!first)
            buf_putc(&s->out, ',');
        first = false;
        json_cstr(&s->out, h->name);
        buf_putc(&s->out, ':');
        if (h->null)
            BUF_LIT(&s->out, "null");
        else
            json_str(&s->out, recbuf_slice(b, h->at, h->n));
    }
    return first;
}

static void
headers(struct lines_sink *s, const struct recbuf *b, const struct record *r)
{
    bool first = r->nextra == 0;

    BUF_LIT(&s->out, ",\"headers\":{");
    if (r->nextra > 0) {
        json_cstr(&s->out, r->extra_name);
        buf_putc(&s->out, ':');
        json_str(&s->out, recbuf_slice(b, r->extra, r->nextra));
    }
    first = own_headers(s, b, r, 0, r->nlead, first);
    if (r->headers == RECORD_CONTEXT) {
        if (!first)
            buf_putc(&s->out, ',');
        first = false;
        buf_str(&s->out, s->context);
    }
    own_headers(s, b, r, r->nlead, r->nhdr, first);
    BUF_LIT(&s->out, "}}\n");
}

/* Key or value: the converter's JSON as it is; what another converter made, as a string. */
static void
side(struct lines_sink *s, const struct recbuf *b, uint32_t at, uint32_t n, bool null, bool is_json)
{
    if (null)
        BUF_LIT(&s->out, "null");
    else if (is_json)
        buf_slice(&s->out, recbuf_slice(b, at, n));
    else
        json_str(&s->out, recbuf_slice(b, at, n));
}

static void
begin_line(struct lines_sink *s, const struct lines_prog *l, const struct record *r)
{
    if (!r->topic) {
        buf_add(&s->out, l->start, l->nstart);
        return;
    }
    BUF_LIT(&s->out, "{\"topic\":");
    json_cstr(&s->out, r->topic);
    BUF_LIT(&s->out, ",\"key\":");
}

static void
remember(struct lines_sink *s, uint64_t ticket)
{
    if (s->n > s->head && s->runs[s->n - 1].ticket == ticket) {
        s->runs[s->n - 1].end = s->put_end;
        s->runs[s->n - 1].n++;
        return;
    }
    if (s->n == s->cap && s->head > s->cap / 2) {
        memmove(s->runs, s->runs + s->head, (s->n - s->head) * sizeof *s->runs);
        s->n -= s->head;
        s->head = 0;
    } else if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->runs = mem_grow(s->runs, s->cap, sizeof *s->runs);
    }
    s->runs[s->n++] = (struct lines_run){ticket, s->put_end, 1};
}

static enum sink_put
lines_put(struct sink *base, void *prog, const struct recbuf *b, const struct record *r,
          uint64_t ticket, struct err *e)
{
    struct lines_sink *s = (struct lines_sink *)base;
    const struct lines_prog *l = prog;
    size_t before;

    if (s->out.n - s->out_at > QUEUE_BYTES || s->written_end - s->synced_end > 2 * SYNC_BYTES)
        return SINK_FULL;
    before = s->out.n;
    begin_line(s, l, r);
    side(s, b, r->key, r->nkey, r->null_key, l->json_key);
    BUF_LIT(&s->out, ",\"value\":");
    side(s, b, r->value, r->nvalue, r->null_value, l->json_value);
    headers(s, b, r);
    if (!buf_ok(&s->out)) {
        s->out.n = before;
        s->out.full = false;
        err_set(e, ERR_DATA, "lines.too_long", "a line longer than %d bytes", LINE_MAX_BYTES);
        return SINK_ERROR;
    }
    s->put_end += s->out.n - before;
    remember(s, ticket);
    if (s->out.n - s->out_at >= WRITE_BYTES && !s->waiting && !write_out(s, e))
        return SINK_ERROR;
    return SINK_TAKEN;
}

static bool
lines_poll(struct sink *base, struct err *e)
{
    struct lines_sink *s = (struct lines_sink *)base;

    if (!write_out(s, e) || !sync_out(s, e))
        return false;
    while (s->head < s->n && s->runs[s->head].end <= s->synced_end) {
        struct lines_run run = s->runs[s->head++];

        s->base.ack(s->base.ack_arg, run.ticket, run.n);
    }
    if (s->head == s->n)
        s->head = s->n = 0;
    return true;
}

static int
lines_fd(struct sink *base)
{
    return ((struct lines_sink *)base)->epoll_fd;
}

static int64_t
lines_deadline_us(struct sink *base)
{
    struct lines_sink *s = (struct lines_sink *)base;

    if (s->out_at < s->out.n)
        return s->waiting ? INT64_MAX : 0;
    if (s->synced_end < s->written_end)
        return s->flushing ? 0 : s->unsynced_us + SYNC_US;
    return INT64_MAX;
}

static void
lines_flush(struct sink *base)
{
    ((struct lines_sink *)base)->flushing = true;
}

static uint64_t
lines_pending_bytes(struct sink *base)
{
    struct lines_sink *s = (struct lines_sink *)base;

    return s->put_end - s->synced_end;
}

/* ------------------------------------------------------------------------------------------------------------ life */

/* A line that was begun is ended, so that what is written next (by the next run, say) is a line of its own. */
static void
end_line(struct lines_sink *s)
{
    const char *rest = s->out.p + s->out_at, *nl;
    struct pollfd p = {.fd = s->fd, .events = POLLOUT};

    if (!s->mid_line)
        return;
    nl = memchr(rest, '\n', s->out.n - s->out_at);
    while (rest <= nl) {
        ssize_t n = poll(&p, 1, 1000) == 1 ? write(s->fd, rest, (size_t)(nl + 1 - rest)) : -1;

        if (n <= 0)
            return;
        rest += n;
    }
}

static void
lines_close(struct sink *base)
{
    struct lines_sink *s = (struct lines_sink *)base;

    if (s->fd >= 0) {
        end_line(s);
        if (s->owned)
            close(s->fd);
    }
    if (s->epoll_fd >= 0)
        close(s->epoll_fd);
    buf_free(&s->out);
    free(s->runs);
    free(s->context);
    free(s);
}

static const struct sink_ops lines_ops = {
    .name = "lines",
    .compile = lines_compile,
    .discard = lines_discard,
    .encode = lines_encode,
    .put = lines_put,
    .poll = lines_poll,
    .fd = lines_fd,
    .deadline_us = lines_deadline_us,
    .flush = lines_flush,
    .pending_bytes = lines_pending_bytes,
    .close = lines_close,
};

/*
 * A crash may have torn the last line. It was never acknowledged, so it is cut off: its record comes again, and the file
 * stays one of whole lines.
 */
static bool
cut_torn_line(struct lines_sink *s, off_t size, struct err *e)
{
    int fd = open(s->path, O_RDONLY | O_CLOEXEC);
    char block[4096];
    off_t end = size;

    while (fd >= 0 && end > 0) {
        off_t from = end > (off_t)sizeof block ? end - (off_t)sizeof block : 0;
        const char *nl;

        if (pread(fd, block, (size_t)(end - from), from) != end - from) {
            close(fd);
            return lines_failed(s, EIO, e);
        }
        nl = memrchr(block, '\n', (size_t)(end - from));
        end = nl ? from + (nl - block) + 1 : from;
        if (nl)
            break;
    }
    if (fd >= 0)
        close(fd);
    /* Without the right to read there is no way to know: then the line stays. */
    return fd < 0 || end == size || ftruncate(s->fd, end) == 0 || lines_failed(s, errno, e);
}

/*
 * Standard output is opened anew where the system can, because O_NONBLOCK belongs to the open file that our parent and
 * its terminal share.
 */
static bool
lines_open(struct lines_sink *s, struct err *e)
{
    bool standard = strcmp(s->path, "-") == 0;
    struct stat st;

    /* For writing only: reading too would make us a reader of our own pipe, who never goes away. */
    s->fd = open(standard ? "/proc/self/fd/1" : s->path,
                 O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK | (standard ? 0 : O_CREAT), 0600);
    s->owned = s->fd >= 0;
    if (s->fd < 0 && standard) {
        s->fd = STDOUT_FILENO;
        if (fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) | O_NONBLOCK) < 0)
            return lines_failed(s, errno, e);
    }
    if (standard)
        snprintf(s->path, sizeof s->path, "standard output");
    if (s->fd < 0 || fstat(s->fd, &st) != 0)
        return err_set(e, ERR_CONFIG, "lines.open", "cannot open \"%s\": %s", s->path,
                       strerror(errno));
    s->regular = S_ISREG(st.st_mode);
    if (s->regular)
        return standard || cut_torn_line(s, st.st_size, e);
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll_fd >= 0) {
        struct epoll_event ev = {0};

        /* /dev/null and the like cannot be watched, and never make us wait. */
        if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->fd, &ev) != 0) {
            close(s->epoll_fd);
            s->epoll_fd = -1;
        }
    }
    return true;
}

static char *
make_context(const struct sink_env *env)
{
    struct buf b;
    char *text;

    buf_init(&b, 65536);
    BUF_LIT(&b, "\"__debezium.context.connectorLogicalName\":");
    json_cstr(&b, env->settings->prefix);
    BUF_LIT(&b,
            ",\"__debezium.context.taskId\":\"0\",\"__debezium.context.connectorName\":"
            "\"postgresql\",\"__debezium.context.runId\":");
    json_cstr(&b, env->run_id ? env->run_id : "");
    text = mem_strdup(buf_cstr(&b));
    buf_free(&b);
    return text;
}

struct sink *
sink_lines_new(const struct sink_env *env, struct err *e)
{
    struct lines_sink *s = mem_alloc(sizeof *s);

    s->base.ops = &lines_ops;
    s->epoll_fd = s->fd = -1;
    buf_init(&s->out, (size_t)LINE_MAX_BYTES + QUEUE_BYTES);
    snprintf(s->path, sizeof s->path, "%s", env->lines_path ? env->lines_path : "-");
    s->context = make_context(env);
    /* A reader that goes away is an error of ours to tell, not the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    if (!lines_open(s, e)) {
        lines_close(&s->base);
        return NULL;
    }
    return &s->base;
}
