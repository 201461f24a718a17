/* The BigQuery sink: rows by tabledata.insertAll. See sinks/sink.h for the contract, state.h for how it is built. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sinks/bigquery/state.h"

/* The service takes 10 MB with everything around the row. */
enum { ROW_MAX_BYTES = 9500000, URL_MAX = 4096 };

static struct bq_sink *
sink_of(struct sink *s)
{
    return (struct bq_sink *)s;
}

bool
bq_sink_fail(struct bq_sink *s, enum err_class cls, const char *code, const char *fmt, ...)
{
    char text[1200];
    va_list ap;

    if (s->failed.cls != ERR_NONE)
        return false;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return err_set(&s->failed, cls, code, "%s", text);
}

const char *
bq_sink_project(const struct bq_sink *s)
{
    const char *known = bq_auth_project(s->auth);

    return s->conf.project ? s->conf.project : known ? known : "";
}

bool
bq_sink_call(struct bq_sink *s, const char *method, const char *path, const char *if_match,
             struct slice body, http_done done, void *arg, unsigned *generation)
{
    const char *headers[4] = {"Accept: application/json"}, *token;
    char url[URL_MAX], match[300];
    struct http_request req = {
        .method = method, .url = url, .headers = headers, .nheaders = 1, .body = body};
    struct err e = {0};

    /* A token that ended a moment ago is sent all the same: the answer to that is part of the retry table. */
    bq_auth_ready(s->auth, &token);
    if (token)
        headers[req.nheaders++] = token;
    if (body.n)
        headers[req.nheaders++] = "Content-Type: application/json";
    if (if_match) {
        snprintf(match, sizeof(match), "If-Match: %s", if_match);
        headers[req.nheaders++] = match;
    }
    snprintf(url, sizeof(url), "%s/projects/%s/datasets/%s%s", s->conf.base_url, bq_sink_project(s),
             s->conf.dataset, path);
    *generation = bq_auth_generation(s->auth);
    if (http_send(s->http, &req, done, arg, &e))
        return true;
    return bq_sink_fail(s, e.cls, e.code, "%s", e.msg);
}

/* Tickets of neighbours are mostly the same when a transaction is one entry: one call for each run of them. */
void
bq_sink_accepted(struct bq_sink *s, const struct bq_row *rows, size_t n)
{
    for (size_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && rows[k].ticket == rows[i].ticket; k++)
            ;
        s->base.ack(s->base.ack_arg, rows[i].ticket, (unsigned)(k - i));
    }
}

/* ---- the dataset, once at start ---- */

static void
dataset_missing(struct bq_sink *s, const struct bq_api_error *err)
{
    bq_sink_fail(
        s, ERR_CONFIG, "bigquery.dataset_missing",
        "BigQuery dataset \"%s\" does not exist in project \"%s\" (%s); create it, or mend "
        "walbridge.bigquery.dataset and .project (the project's id, not its display name)",
        s->conf.dataset, bq_sink_project(s), err->message);
}

static void
on_dataset(void *arg, const struct http_response *r)
{
    struct bq_sink *s = arg;
    struct bq_api_error err;
    const struct retry_rule *rule;
    int64_t ms, wait_ms;

    s->dataset = BQ_DATASET_UNKNOWN;
    bq_reply_error(r->status ? r->body : SLICE_LIT(""), &err);
    rule = retry_find(r->status, err.reason, err.message);
    if (rule->action == RETRY_DONE || rule->action == RETRY_PEOPLE) {
        s->dataset = BQ_DATASET_READY;
        ms = rule->action == RETRY_DONE ? bq_reply_expiration_ms(r->body) : 0;
        if (rule->action == RETRY_PEOPLE)
            log_warn("cannot look at BigQuery dataset \"%s\" (%s); going on", s->conf.dataset,
                     err.message);
        if (ms)
            log_warn(
                "BigQuery dataset \"%s\" lets its tables expire after %lld s: rows older than that "
                "vanish, and a table "
                "that expires is made again; see defaultTableExpirationMs",
                s->conf.dataset, (long long)ms / 1000);
    } else if (rule->action == RETRY_MISSING) {
        dataset_missing(s, &err);
    } else if (rule->action == RETRY_AUTH && bq_auth_refused(s->auth, s->dataset_generation)) {
        s->dataset_retry_us = 0;
    } else if (rule->action == RETRY_AUTH || rule->action == RETRY_REFUSED) {
        bq_sink_fail(s, ERR_CONFIG, rule->code,
                     "BigQuery refuses to show dataset \"%s\" (HTTP %d): %s", s->conf.dataset,
                     r->status, err.message);
    } else {
        wait_ms = retry_wait_ms(rule, s->dataset_attempt++, r->retry_after_ms);
        log_warn("cannot reach BigQuery at %s (HTTP %d): %s; again in %lld ms", s->conf.base_url,
                 r->status, r->status ? err.message : r->error, (long long)wait_ms);
        s->dataset_retry_us = clock_mono_us() + wait_ms * 1000;
    }
}

static bool
dataset_step(struct bq_sink *s, int64_t now_us)
{
    if (s->dataset != BQ_DATASET_UNKNOWN || now_us < s->dataset_retry_us)
        return true;
    s->dataset = BQ_DATASET_BUSY;
    return bq_sink_call(s, "GET", "", NULL, SLICE_LIT(""), on_dataset, s, &s->dataset_generation);
}

/* ---- the contract ---- */

static bool
bq_compile(struct sink *s, const struct plan *p, void **prog, struct err *e)
{
    *prog = bq_program_new(&sink_of(s)->conf, p, e);
    return *prog != NULL;
}

static void
bq_discard(struct sink *s, void *prog)
{
    (void)s;
    bq_program_free(prog);
}

static bool
bq_encode(const void *prog, const struct change *c, struct recbuf *out, struct err *e)
{
    return bq_program_encode(prog, c, out, e);
}

static void
close_batches(struct bq_sink *s)
{
    for (struct bq_table *t = s->active; t; t = t->next_active) {
        if (t->tail)
            bq_batch_close(t->tail);
    }
}

static enum sink_put
report(const struct bq_sink *s, struct err *e)
{
    if (e)
        *e = s->failed;
    return SINK_ERROR;
}

/* A row that is known to be refused before it is sent. */
static enum sink_put
put_dead(struct bq_sink *s, struct bq_table *t, const struct record *r, uint64_t ticket,
         struct slice json, const struct bq_refusal *why, struct err *e)
{
    /* What came before it is delivered first, so that the position stands right before the culprit. */
    if (s->conf.on_error == BQ_FAIL && s->pending_bytes > 0) {
        close_batches(s);
        return SINK_FULL;
    }
    if (bq_row_refused(t, ticket, &r->id, r->index, r->op, json, why))
        return SINK_TAKEN;
    return report(s, e);
}

static enum sink_put
bq_put(struct sink *sink, void *prog, const struct recbuf *b, const struct record *r,
       uint64_t ticket, struct err *e)
{
    struct bq_sink *s = sink_of(sink);
    struct bq_program *p = prog;
    struct slice json = recbuf_slice(b, r->value, r->nvalue);
    char message[400];
    struct bq_refusal why = {r->extra_name, NULL, message};

    if (s->failed.cls != ERR_NONE)
        return report(s, e);
    if (s->pending_bytes > 0 && s->pending_bytes + bq_row_cost(json.n) > s->conf.buffer_bytes)
        return SINK_FULL;
    if (!p->attached) {
        p->attached = bq_table_get(s, p->table);
        bq_table_attach(p->attached, p);
    }
    if (r->extra_name) {
        snprintf(message, sizeof(message), "%.*s", SLICE_ARG(recbuf_slice(b, r->extra, r->nextra)));
        return put_dead(s, p->attached, r, ticket, json, &why, e);
    }
    if (json.n > ROW_MAX_BYTES) {
        why.reason = "too large";
        snprintf(message, sizeof(message), "the row has %zu bytes, BigQuery takes 10 MB", json.n);
        return put_dead(s, p->attached, r, ticket, json, &why, e);
    }
    bq_batch_put(p->attached, ticket, &r->id, r->index, r->op, json);
    return SINK_TAKEN;
}

static void
step_tables(struct bq_sink *s, int64_t now_us)
{
    /* A row that goes to the dead letters may put a table in front of the list meanwhile. */
    for (struct bq_table **at = &s->active, *t; (t = *at) && s->failed.cls == ERR_NONE;) {
        if (t->head) {
            bq_table_step(t, now_us);
            at = &t->next_active;
        } else {
            *at = t->next_active;
            t->active = false;
        }
    }
}

static bool
bq_poll(struct sink *sink, struct err *e)
{
    struct bq_sink *s = sink_of(sink);
    int64_t now_us;
    const char *token;

    http_poll(s->http);
    now_us = clock_mono_us();
    if (s->failed.cls == ERR_NONE)
        bq_auth_step(s->auth, &s->failed);
    if (s->failed.cls == ERR_NONE && bq_auth_ready(s->auth, &token)) {
        dataset_step(s, now_us);
        if (s->dataset == BQ_DATASET_READY)
            step_tables(s, now_us);
    }
    if (s->failed.cls == ERR_NONE)
        return true;
    report(s, e);
    return false;
}

static int
bq_fd(struct sink *s)
{
    return http_fd(sink_of(s)->http);
}

static int64_t
earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t
bq_deadline_us(struct sink *sink)
{
    const struct bq_sink *s = sink_of(sink);
    int64_t at_us = earlier(http_deadline_us(s->http), bq_auth_deadline_us(s->auth));
    const char *token;

    if (!bq_auth_ready(s->auth, &token))
        return at_us;
    if (s->dataset == BQ_DATASET_UNKNOWN)
        at_us = earlier(at_us, s->dataset_retry_us);
    if (s->dataset == BQ_DATASET_READY) {
        for (const struct bq_table *t = s->active; t; t = t->next_active)
            at_us = earlier(at_us, t->head ? bq_table_deadline_us(t) : INT64_MAX);
    }
    return at_us;
}

static void
bq_flush(struct sink *s)
{
    close_batches(sink_of(s));
}

static uint64_t
bq_pending_bytes(struct sink *s)
{
    return sink_of(s)->pending_bytes;
}

static void
bq_close(struct sink *sink)
{
    struct bq_sink *s = sink_of(sink);

    http_free(s->http); /* first: answers would go to what is freed next */
    bq_auth_free(s->auth);
    map_free(s->tables, bq_table_free);
    map_free(s->said, NULL);
    bq_conf_free(&s->conf);
    free(s);
}

static const struct sink_ops ops = {
    .name = "bigquery",
    .compile = bq_compile,
    .discard = bq_discard,
    .encode = bq_encode,
    .put = bq_put,
    .poll = bq_poll,
    .fd = bq_fd,
    .deadline_us = bq_deadline_us,
    .flush = bq_flush,
    .pending_bytes = bq_pending_bytes,
    .close = bq_close,
};

struct sink *
sink_bigquery_new(const struct sink_env *env, struct err *e)
{
    struct bq_sink *s = mem_alloc(sizeof(*s));
    struct http_options http = {0};

    s->base.ops = &ops;
    s->tables = map_new();
    s->said = map_new();
    if (!bq_conf_load(&s->conf, env->config, env->connector,
                      env->settings ? env->settings->database : NULL, e))
        goto failed;
    http.timeout_ms = s->conf.request_timeout_ms;
    http.ca_file = s->conf.ca_file;
    s->http = http_new(&http, e);
    if (!s->http)
        goto failed;
    s->auth = bq_auth_new(&s->conf, s->http, e);
    if (!s->auth)
        goto failed;
    return &s->base;
failed:
    bq_close(&s->base);
    return NULL;
}
