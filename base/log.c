#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

/* A message is cut at LOG_MESSAGE_MAX; escaping makes at most six bytes of one, so a line always fits. */
enum { LOG_MESSAGE_MAX = 4096, LOG_LINE_MAX = 8 * LOG_MESSAGE_MAX };

static atomic_int log_level_now = LOG_INFO;
static atomic_int log_format_now = LOG_AUTO;
static atomic_bool log_progress_shown;
static _Thread_local const char *log_connector;

static const struct {
    const char *text, *json;
} log_level_names[] = {
    [LOG_ERROR] = {"ERROR", "error"},
    [LOG_WARN] = {"WARN ", "warn"},
    [LOG_INFO] = {"INFO ", "info"},
    [LOG_DEBUG] = {"DEBUG", "debug"},
};

void
log_init(enum log_level level, enum log_format format)
{
    log_set_level(level);
    atomic_store(&log_format_now, (int)format);
}

void
log_set_level(enum log_level level)
{
    atomic_store(&log_level_now, (int)level);
}

bool
log_enabled(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&log_level_now, memory_order_relaxed);
}

void
log_set_connector(const char *connector)
{
    log_connector = connector;
}

bool
log_is_terminal(void)
{
    return isatty(STDERR_FILENO) == 1;
}

static bool
log_is_json(void)
{
    int format = atomic_load_explicit(&log_format_now, memory_order_relaxed);

    if (format == LOG_AUTO) {
        format = log_is_terminal() ? LOG_TEXT : LOG_JSON;
        atomic_store(&log_format_now, format);
    }
    return format == LOG_JSON;
}

/* There is nowhere to report that the log cannot be written; the line is lost and the work goes on. */
static void
log_write(const struct buf *b)
{
    size_t done = 0;

    while (done < b->n) {
        ssize_t n = write(STDERR_FILENO, b->p + done, b->n - done);

        if (n < 0 && errno != EINTR)
            return;
        if (n > 0)
            done += (size_t)n;
    }
}

/* 2026-01-31T23:59:59.123Z */
static void
log_add_time(struct buf *b)
{
    int64_t now_ms = clock_now_ns() / 1000000;
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
               tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(now_ms % 1000));
}

/* One line stays one line, and nobody's object name moves the cursor of a terminal. */
static void
log_add_plain(struct buf *b, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        buf_putc(b, c < 0x20 || c == 0x7f ? ' ' : *text);
    }
}

static void
log_add_member(struct buf *b, const char *name, const char *value)
{
    buf_printf(b, ",\"%s\":", name);
    json_cstr(b, value);
}

static void
log_line_json(struct buf *b, enum log_level level, const char *message, const struct err *e)
{
    BUF_LIT(b, "{\"ts\":\"");
    log_add_time(b);
    BUF_LIT(b, "\"");
    log_add_member(b, "level", log_level_names[level].json);
    if (log_connector)
        log_add_member(b, "connector", log_connector);
    log_add_member(b, "message", message);
    if (e) {
        log_add_member(b, "class", err_class_name(e->cls));
        log_add_member(b, "code", e->code);
        if (*e->sqlstate)
            log_add_member(b, "sqlstate", e->sqlstate);
    }
    BUF_LIT(b, "}\n");
}

static void
log_line_text(struct buf *b, enum log_level level, const char *message, const struct err *e)
{
    /* The progress line is wiped first; its owner draws it again with the next step. */
    if (atomic_exchange(&log_progress_shown, false))
        BUF_LIT(b, "\r\x1b[K");
    log_add_time(b);
    buf_printf(b, " %s ", log_level_names[level].text);
    if (log_connector) {
        BUF_LIT(b, "[");
        log_add_plain(b, log_connector);
        BUF_LIT(b, "] ");
    }
    log_add_plain(b, message);
    if (e) {
        buf_printf(b, " (%s, %s", err_class_name(e->cls), e->code);
        if (*e->sqlstate)
            buf_printf(b, ", SQLSTATE %s", e->sqlstate);
        BUF_LIT(b, ")");
    }
    BUF_LIT(b, "\n");
}

static void
log_line(enum log_level level, const char *message, const struct err *e)
{
    struct buf b;
    int saved_errno = errno;

    buf_init(&b, LOG_LINE_MAX);
    if (log_is_json())
        log_line_json(&b, level, message, e);
    else
        log_line_text(&b, level, message, e);
    log_write(&b);
    buf_free(&b);
    /* Logging between a failed call and the look at errno must not change what is seen. */
    errno = saved_errno;
}

void
log_at(enum log_level level, const char *fmt, ...)
{
    char message[LOG_MESSAGE_MAX];
    va_list ap;

    if (!log_enabled(level))
        return;
    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    log_line(level, message, NULL);
}

void
log_err(enum log_level level, const struct err *e, const char *doing)
{
    char message[LOG_MESSAGE_MAX];

    if (!log_enabled(level))
        return;
    if (doing && *doing)
        snprintf(message, sizeof(message), "%s: %s", doing, e->msg);
    else
        snprintf(message, sizeof(message), "%s", e->msg);
    log_line(level, message, e);
}

void
log_progress(const char *text)
{
    struct buf b;

    if (!log_is_terminal() || log_is_json())
        return;
    if (!text && !atomic_exchange(&log_progress_shown, false))
        return;
    buf_init(&b, LOG_LINE_MAX);
    BUF_LIT(&b, "\r\x1b[K");
    if (text) {
        log_add_plain(&b, text);
        atomic_store(&log_progress_shown, true);
    }
    log_write(&b);
    buf_free(&b);
}
