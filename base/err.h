/*
 * Errors. What can fail returns bool and has `struct err *e` last; the error is set once where most is known, wrapped on
 * the way up with what was being done, and logged once at the top. Messages are lower case, name the object in quotes,
 * say got versus expected and what to do, and never hold a column value or a secret.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

/* What the supervisor does about it. */
enum err_class {
    ERR_NONE,
    ERR_RETRY,  /* passes by itself: back off and try again from the safe position */
    ERR_CONFIG, /* a person must change a setting or a right */
    ERR_DATA,   /* this input cannot be processed */
    ERR_FATAL,  /* going on would lose or corrupt data */
    ERR_BUG,    /* ours */
};

struct err {
    enum err_class cls;
    char code[40];    /* stable, dotted: "slot.in_use" */
    char sqlstate[6]; /* of the server's error, or empty */
    char msg[1500];   /* one line */
};

/* Sets the error; always returns false, so that `return err_set(...)` reads as it runs. e may be NULL. */
bool err_set(struct err *e, enum err_class cls, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Puts "<text>: " before the message; always returns false. */
bool err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void err_clear(struct err *e);
/* "retry", "config", ... */
const char *err_class_name(enum err_class cls);

#endif
