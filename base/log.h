/*
 * The log: one line per event on standard error; text on a terminal, JSON objects otherwise (or as log_init says).
 * Thread-safe: a line is one write(2). Never a column value, never a secret.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_AUTO, LOG_TEXT, LOG_JSON };

void log_init(enum log_level level, enum log_format format);
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
/* connector: its name, or NULL; set per thread, stands in every line that thread writes. Not copied. */
void log_set_connector(const char *connector);

void log_at(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
/* Logs an error with its class, code and SQLSTATE as members of their own. */
void log_err(enum log_level level, const struct err *e, const char *doing);

/* A progress line, rewritten in place when standard error is a terminal; nothing otherwise. NULL ends it. */
void log_progress(const char *text);
bool log_is_terminal(void);

#endif
