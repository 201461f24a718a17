#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ERR_MSG_MAX = sizeof(((struct err *)0)->msg) };

bool
err_set(struct err *e, enum err_class cls, const char *code, const char *fmt, ...)
{
    va_list ap;
    char msg[ERR_MSG_MAX];

    if (!e)
        return false;
    /* The text is made first: an argument may point into the error that is being replaced. */
    va_start(ap, fmt);
    vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);

    e->cls = cls;
    if (code != e->code)
        snprintf(e->code, sizeof(e->code), "%s", code);
    e->sqlstate[0] = '\0';
    memcpy(e->msg, msg, sizeof(msg));
    return false;
}

bool
err_wrap(struct err *e, const char *fmt, ...)
{
    va_list ap;
    char msg[ERR_MSG_MAX];
    size_t n, left;

    if (!e)
        return false;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);

    /* What is too long loses its end, never the part that says what was being done. */
    n = strlen(msg);
    left = sizeof(msg) - n;
    if (left > sizeof(": ")) {
        memcpy(msg + n, ": ", 2);
        memccpy(msg + n + 2, e->msg, '\0', left - 2);
        msg[sizeof(msg) - 1] = '\0';
    }
    memcpy(e->msg, msg, sizeof(msg));
    return false;
}

void
err_clear(struct err *e)
{
    if (!e)
        return;
    e->cls = ERR_NONE;
    e->code[0] = '\0';
    e->sqlstate[0] = '\0';
    e->msg[0] = '\0';
}

const char *
err_class_name(enum err_class cls)
{
    static const char *const names[] = {
        [ERR_NONE] = "none", [ERR_RETRY] = "retry", [ERR_CONFIG] = "config",
        [ERR_DATA] = "data", [ERR_FATAL] = "fatal", [ERR_BUG] = "bug",
    };

    return (size_t)cls < sizeof(names) / sizeof(names[0]) ? names[cls] : "unknown";
}
