/*
 * Who we are to Google: an access token from a service account's key (signed assertion), from a user's refresh token, or
 * from the metadata server; fetched without blocking, kept, and replaced before it ends. One thread.
 */
#ifndef SINKS_BIGQUERY_AUTH_H
#define SINKS_BIGQUERY_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sinks/bigquery/conf.h"
#include "sinks/http.h"

struct bq_auth;

/* Both arguments outlive it. */
struct bq_auth *bq_auth_new(const struct bq_conf *conf, struct http *http, struct err *e);
void bq_auth_free(struct bq_auth *a);
/* Starts what is due. False: no token is to be had until a person acts. */
bool bq_auth_step(struct bq_auth *a, struct err *e);
int64_t bq_auth_deadline_us(const struct bq_auth *a);
/* True when requests can be made; *header is NULL when they need no token. */
bool bq_auth_ready(const struct bq_auth *a, const char **header);
/* Which token is in use: goes up with each new one. */
unsigned bq_auth_generation(const struct bq_auth *a);
/* The service refused that token (HTTP 401). False: it was the newest one, fetched because of an earlier refusal. */
bool bq_auth_refused(struct bq_auth *a, unsigned generation);
/* The service took that token: a later refusal is news again. */
void bq_auth_worked(struct bq_auth *a, unsigned generation);
/* The project that the credentials belong to; NULL: not known (yet). */
const char *bq_auth_project(const struct bq_auth *a);

#endif
