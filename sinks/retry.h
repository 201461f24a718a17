/*
 * What an HTTP answer of a Google API means for whoever sent the request. One const table, first match wins; status 0
 * stands for "no answer" (connect, TLS, time-out, broken connection: the outcome is unknown). Statuses of a class
 * that stand in no row of their own are covered by the class's row, so retry_find always finds one.
 *
 * Source: https://cloud.google.com/bigquery/docs/error-messages and the troubleshooting page of streaming inserts.
 */
#ifndef SINKS_RETRY_H
#define SINKS_RETRY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum retry_action {
    RETRY_DONE,    /* success */
    RETRY_AGAIN,   /* transient: the same request with the same ids after a wait, without end */
    RETRY_AUTH,    /* the token was refused: get a new one, once */
    RETRY_SPLIT,   /* the request was too large: halve it */
    RETRY_MISSING, /* the object is not there, or not yet */
    RETRY_EXISTS,  /* somebody was faster, which is as good */
    RETRY_STALE,   /* the etag is old: read, merge, send again */
    RETRY_SCHEMA,  /* the table's schema is not what we think */
    RETRY_PEOPLE,  /* a setting, a right or a bill: a person must act, then it passes */
    RETRY_REFUSED, /* nonsense in the service's eyes: sending it again cannot help */
};

struct retry_rule {
    int lo, hi;         /* HTTP status, both inclusive */
    const char *reason; /* error.errors[0].reason; NULL: any */
    const char *text;   /* part of error.message, case-insensitive; NULL: any */
    enum retry_action action;
    enum err_class cls;      /* of the error when it is reported as one */
    int64_t base_ms, cap_ms; /* back-off; 0: none */
    const char *code;        /* of the error */
};

extern const struct retry_rule retry_rules[];
extern const size_t retry_nrules;

const struct retry_rule *retry_find(int status, const char *reason, const char *message);
/* How long to wait before try number attempt + 1; a Retry-After (-1: none) is a lower bound. */
int64_t retry_wait_ms(const struct retry_rule *r, unsigned attempt, int64_t retry_after_ms);

#endif
