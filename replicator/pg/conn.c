/* Sessions: connecting, setting them up, running statements. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-events.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/pg/params.h"

/* database.initial.statements may take their time, but not for ever. */
enum { SETUP_TIMEOUT_MS = 60000, STATEMENT_MAX = 1 << 20 };

/* What a session that is being set up remembers between polls; it hangs on the PGconn and dies with it. */
struct setup {
    bool connected, sent;
    bool want_read; /* libpq waits for the server, rather than to write */
    char *settings; /* SET statements, NULL: none needed */
    size_t next;    /* initial statement to send */
};

static int
on_event(PGEventId id, void *info, void *pass)
{
    (void)pass;
    if (id == PGEVT_CONNDESTROY) {
        struct setup *s = PQinstanceData(((PGEventConnDestroy *)info)->conn, on_event);

        if (s)
            free(s->settings);
        free(s);
    }
    return 1;
}

static void
on_notice(void *arg, const char *text)
{
    (void)arg;
    log_debug("postgres: %.*s", (int)strcspn(text, "\n"), text);
}

/* ---- connecting ---- */

static PGconn *
start_from(const struct pg_params *p, enum pg_role role, size_t first_host, struct err *e)
{
    const char *keyword[PG_KEYWORDS_MAX + 8], *value[PG_KEYWORDS_MAX + 8];
    struct buf host, port, options, application;
    size_t n = 0;
    PGconn *c;

    buf_init(&host, 8192);
    buf_init(&port, 8192);
    buf_init(&options, 8192);
    buf_init(&application, 1024);
    for (size_t i = first_host; i < p->nhosts; i++) {
        buf_printf(&host, "%s%s", i > first_host ? "," : "", p->hosts[i].host);
        buf_printf(&port, "%s%s", i > first_host ? "," : "",
                   p->hosts[i].port ? p->hosts[i].port : "");
    }
    pg_params_options(p, role, &options);
    pg_params_application(p, role, &application);
    for (; n < p->n; n++) {
        keyword[n] = p->keyword[n];
        value[n] = p->value[n];
    }
#define PUT(k, v) (keyword[n] = (k), value[n++] = (v))
    PUT("host", buf_cstr(&host));
    PUT("port", buf_cstr(&port));
    PUT("options", buf_cstr(&options));
    PUT("application_name", buf_cstr(&application));
    PUT("client_encoding", "UTF8");
    if (role == PG_REPLICATION)
        PUT("replication", "database");
    PUT(NULL, NULL);
#undef PUT
    c = PQconnectStartParams(keyword, value, 0);
    buf_free(&host);
    buf_free(&port);
    buf_free(&options);
    buf_free(&application);
    if (!c) {
        err_set(e, ERR_RETRY, "conn.failed", "out of memory");
        return NULL;
    }
    if (PQstatus(c) == CONNECTION_BAD) {
        pg_connect_error(PQerrorMessage(c), p->target, p->user, p->database, e);
        PQfinish(c);
        return NULL;
    }
    /* Verbose, because nothing else carries the SQLSTATE of a refused connection. */
    PQsetErrorVerbosity(c, PQERRORS_VERBOSE);
    PQsetNoticeProcessor(c, on_notice, NULL);
    PQregisterEventProc(c, on_event, "walbridge", NULL);
    PQsetInstanceData(c, on_event, mem_alloc(sizeof(struct setup)));
    return c;
}

PGconn *
pg_connect_start(const struct pg_params *p, enum pg_role role, struct err *e)
{
    return start_from(p, role, 0, e);
}

static bool
reports(PGconn *c, const char *name, const char *value)
{
    const char *is = PQparameterStatus(c, name);

    return !is || strcmp(is, value) == 0;
}

/*
 * What the startup options could not do: settings only newer servers have; the encoding, which hangs on the server's; and
 * all of them again when something on the way (a pooler, PGTZ, PGDATESTYLE) undid them.
 */
static char *
needed_settings(PGconn *c, const struct pg_params *p, enum pg_role role)
{
    const char *encoding = PQparameterStatus(c, "server_encoding");
    struct buf sql;
    char *text;

    buf_init(&sql, STATEMENT_MAX);
    if (!reports(c, "TimeZone", "UTC") || !reports(c, "DateStyle", "ISO, MDY") ||
        !reports(c, "IntervalStyle", "postgres"))
        pg_params_set_statements(p, role, &sql);
    if (PQserverVersion(c) >= 140000)
        BUF_LIT(&sql, "SET idle_session_timeout = 0;");
    if (PQserverVersion(c) >= 170000)
        BUF_LIT(&sql, "SET transaction_timeout = 0;");
    if (encoding && strcmp(encoding, "SQL_ASCII") == 0)
        BUF_LIT(&sql, "SET client_encoding = 'SQL_ASCII';");
    text = sql.n ? mem_strdup(buf_cstr(&sql)) : NULL;
    buf_free(&sql);
    return text;
}

/* libpq takes being asked for its socket's being ready, and fails when it is not. Callers have other reasons to wake up. */
static bool
is_ready(PGconn *c, const struct setup *s)
{
    struct pollfd fd = {PQsocket(c), s->want_read ? POLLIN : POLLOUT, 0};

    return fd.fd < 0 || poll(&fd, 1, 0) != 0;
}

/* The statement to send next, NULL: none is left. */
static const char *
next_statement(const struct setup *s, const struct pg_params *p, enum pg_role role)
{
    if (s->settings)
        return s->settings;
    /* As Debezium does: not on the replication connection. */
    if (role != PG_REPLICATION && s->next < p->ninitial)
        return p->initial[s->next];
    return NULL;
}

static bool
statement_result(PGconn *c, const PGresult *r, const struct setup *s, struct err *e)
{
    ExecStatusType st = PQresultStatus(r);

    if (st == PGRES_COMMAND_OK || st == PGRES_TUPLES_OK || st == PGRES_EMPTY_QUERY)
        return true;
    pg_error(c, r, e);
    if (s->settings)
        return err_wrap(e, "setting the session up");
    return err_wrap(e, "running statement %zu of \"database.initial.statements\"", s->next + 1);
}

static void
statement_end(struct setup *s)
{
    if (s->settings) {
        free(s->settings);
        s->settings = NULL;
    } else {
        s->next++;
    }
    s->sent = false;
}

static bool
setup_poll(PGconn *c, struct setup *s, const struct pg_params *p, enum pg_role role, bool *done,
           bool *want_write, struct err *e)
{
    *want_write = false;
    for (;;) {
        const char *sql = next_statement(s, p, role);

        if (!sql) {
            *done = true;
            return true;
        }
        if (!s->sent) {
            if (!PQsendQuery(c, sql))
                return pg_error(c, NULL, e);
            s->sent = true;
        }
        if (!PQconsumeInput(c))
            return pg_error(c, NULL, e);
        if (PQisBusy(c)) {
            *want_write = PQflush(c) == 1;
            return true;
        }
        PGresult *r = PQgetResult(c);

        if (!r)
            statement_end(s);
        else if (!statement_result(c, r, s, e)) {
            PQclear(r);
            return false;
        }
        PQclear(r);
    }
}

bool
pg_connect_poll(PGconn *c, const struct pg_params *p, enum pg_role role, bool *done,
                bool *want_write, struct err *e)
{
    struct setup *s = PQinstanceData(c, on_event);

    *done = false;
    if (!s)
        return err_set(e, ERR_BUG, "conn.state", "the session was not started by pg_connect_start");
    if (!s->connected) {
        *want_write = !s->want_read;
        if (!is_ready(c, s))
            return true;
        switch (PQconnectPoll(c)) {
        case PGRES_POLLING_READING:
            *want_write = false;
            s->want_read = true;
            return true;
        case PGRES_POLLING_WRITING:
        case PGRES_POLLING_ACTIVE: /* "not in use" says the header */
            *want_write = true;
            s->want_read = false;
            return true;
        case PGRES_POLLING_FAILED:
            return pg_connect_error(PQerrorMessage(c), p->target, p->user, p->database, e);
        case PGRES_POLLING_OK:
            break;
        }
        s->connected = true;
        s->settings = needed_settings(c, p, role);
        PQsetErrorVerbosity(c, PQERRORS_DEFAULT);
    }
    return setup_poll(c, s, p, role, done, want_write, e);
}

/* libpq goes from host to host by itself, except when one does not answer: then we begin again behind it. */
static size_t
current_host(const struct pg_params *p, PGconn *c, size_t from)
{
    const char *host = PQhost(c), *port = PQport(c);

    for (size_t i = from; i < p->nhosts; i++)
        if (host && port && strcmp(p->hosts[i].host, host) == 0 &&
            (!p->hosts[i].port || strcmp(p->hosts[i].port, port) == 0))
            return i;
    return from;
}

enum try_result { TRY_DONE, TRY_FAILED, TRY_TIMEOUT };

static enum try_result
try_connect(PGconn *c, const struct pg_params *p, enum pg_role role, size_t *host, struct err *e)
{
    int64_t deadline = clock_mono_us() + INT64_C(1000) * p->timeout_ms;
    bool done = false, want_write = true, setting_up = false;

    for (;;) {
        struct pollfd fd = {PQsocket(c), want_write ? POLLOUT : POLLIN, 0};
        size_t now_at = current_host(p, c, *host);
        int64_t left_us;
        int n;

        if (now_at != *host) {
            *host = now_at;
            deadline = clock_mono_us() + INT64_C(1000) * p->timeout_ms;
        }
        if (!setting_up && PQstatus(c) == CONNECTION_OK) {
            setting_up = true;
            deadline = clock_mono_us() + INT64_C(1000) * SETUP_TIMEOUT_MS;
        }
        left_us = deadline - clock_mono_us();
        n = poll(&fd, 1, left_us > 0 ? (int)(left_us / 1000 + 1) : 0);
        if (n < 0 && errno != EINTR) {
            err_set(e, ERR_RETRY, "conn.failed", "cannot wait for \"%s\": %s", p->target,
                    strerror(errno));
            return TRY_FAILED;
        }
        if (n == 0)
            return TRY_TIMEOUT;
        if (n < 0)
            continue;
        if (!pg_connect_poll(c, p, role, &done, &want_write, e))
            return TRY_FAILED;
        if (done)
            return TRY_DONE;
    }
}

PGconn *
pg_connect(const struct pg_params *p, enum pg_role role, struct err *e)
{
    size_t host = 0;

    for (;;) {
        PGconn *c = start_from(p, role, host, e);
        enum try_result r = c ? try_connect(c, p, role, &host, e) : TRY_FAILED;
        bool connected = c && PQstatus(c) == CONNECTION_OK;

        if (r == TRY_DONE)
            return c;
        PQfinish(c);
        if (r == TRY_FAILED)
            return NULL;
        if (connected || host + 1 >= p->nhosts) {
            err_set(
                e, ERR_RETRY, "conn.timeout",
                "cannot connect to \"%s\": no %s in %d s; check the address, routing and firewalls",
                p->target, connected ? "end of the session's set-up" : "answer",
                (connected ? SETUP_TIMEOUT_MS : p->timeout_ms) / 1000);
            return NULL;
        }
        host++;
    }
}

/* ---- statements ---- */

static PGresult *
check(PGconn *c, PGresult *r, int cols, struct err *e)
{
    if (!r || PQresultStatus(r) != PGRES_TUPLES_OK) {
        pg_error(c, r, e);
        PQclear(r);
        return NULL;
    }
    if (cols >= 0 && PQnfields(r) != cols) {
        err_set(e, ERR_FATAL, "server.shape", "the server's answer has %d columns, expected %d",
                PQnfields(r), cols);
        PQclear(r);
        return NULL;
    }
    return r;
}

PGresult *
pg_query(PGconn *c, struct err *e, int cols, const char *sql)
{
    return check(c, PQexec(c, sql), cols, e);
}

PGresult *
pg_query_params(PGconn *c, struct err *e, int cols, const char *sql, int n,
                const char *const *params)
{
    return check(c, PQexecParams(c, sql, n, NULL, params, NULL, NULL, 0), cols, e);
}

bool
pg_exec(PGconn *c, struct err *e, const char *fmt, ...)
{
    char *sql = NULL;
    ExecStatusType st;
    PGresult *r;
    va_list ap;
    bool ok;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&sql, fmt, ap);
    va_end(ap);
    if (n < 0)
        return err_set(e, ERR_RETRY, "server.error", "out of memory");
    r = PQexec(c, sql);
    free(sql);
    st = PQresultStatus(r);
    ok = st == PGRES_COMMAND_OK || st == PGRES_TUPLES_OK || st == PGRES_EMPTY_QUERY;
    if (!ok)
        pg_error(c, r, e);
    PQclear(r);
    return ok;
}

/* ---- quoting ---- */

static void
add_doubled(struct buf *out, struct slice text, char a, char b)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == a || text.p[i] == b)
            buf_putc(out, text.p[i]);
        buf_putc(out, text.p[i]);
    }
}

void
pg_ident_slice(struct buf *out, struct slice name)
{
    buf_putc(out, '"');
    add_doubled(out, name, '"', '"');
    buf_putc(out, '"');
}

void
pg_ident(struct buf *out, const char *name)
{
    pg_ident_slice(out, slice_of(name));
}

/* Right whatever standard_conforming_strings is: a backslash makes it an E'' text. */
void
pg_literal(struct buf *out, const char *text)
{
    bool backslash = strchr(text, '\\') != NULL;

    if (backslash)
        BUF_LIT(out, " E");
    buf_putc(out, '\'');
    add_doubled(out, slice_of(text), '\'', backslash ? '\\' : '\'');
    buf_putc(out, '\'');
}
