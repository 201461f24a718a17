/* A batch's life: filled, sent as one insertAll request, answered row by row. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "sinks/bigquery/state.h"

enum {
    BODY_MAX_BYTES = 10 * 1024 * 1024, /* of the service, for requests and rows alike */
    ROW_OVERHEAD_BYTES = 64 + (int)sizeof(struct bq_row),
    NO_SUCH_FIELD_WAIT_MS = 30000,
};
static const char body_start[] = "{\"rows\":[";

uint64_t
bq_row_cost(size_t json_bytes)
{
    return json_bytes + ROW_OVERHEAD_BYTES;
}

static struct bq_batch *
batch_new(struct bq_table *t)
{
    struct bq_batch *b = mem_alloc(sizeof(*b));

    b->t = t;
    /* Twice: a dead letter can be longer than the row it tells of; what is really too long the service will say. */
    buf_init(&b->body, 2 * (size_t)BODY_MAX_BYTES);
    BUF_LIT(&b->body, "{\"rows\":[");
    b->opened_us = clock_mono_us();
    return b;
}

void
bq_batch_free(struct bq_batch *b)
{
    buf_free(&b->body);
    free(b->rows);
    free(b);
}

static void
append(struct bq_table *t, struct bq_batch *b)
{
    if (t->tail)
        t->tail->next = b;
    else
        t->head = b;
    t->tail = b;
}

static void
unlink_batch(struct bq_table *t, struct bq_batch *b)
{
    struct bq_batch **at = &t->head, *before = NULL;

    while (*at != b) {
        before = *at;
        at = &(*at)->next;
    }
    *at = b->next;
    if (t->tail == b)
        t->tail = before;
}

static void
activate(struct bq_table *t)
{
    struct bq_sink *s = t->s;

    if (t->active)
        return;
    t->next_active = s->active;
    s->active = t;
    t->active = true;
}

/* ']' takes the place of the last row's comma. */
void
bq_batch_close(struct bq_batch *b)
{
    if (b->closed)
        return;
    b->body.p[b->body.n - 1] = ']';
    buf_putc(&b->body, '}');
    b->closed = true;
}

static struct bq_row *
row_add(struct bq_batch *b)
{
    if (b->nrows == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 16;
        b->rows = mem_grow(b->rows, b->cap, sizeof(*b->rows));
    }
    return &b->rows[b->nrows++];
}

void
bq_batch_put(struct bq_table *t, uint64_t ticket, const struct identity *id, uint16_t index,
             uint8_t op, struct slice json)
{
    const struct bq_conf *conf = &t->s->conf;
    struct bq_batch *b = t->tail;
    char insert_id[BQ_INSERT_ID_MAX];
    size_t n = bq_insert_id(insert_id, conf->tag, id, index, (enum change_op)op), start;
    struct bq_row *row;

    if (b && !b->closed && b->body.n + n + json.n + 32 > conf->max_bytes)
        bq_batch_close(b);
    if (!b || b->closed) {
        b = batch_new(t);
        append(t, b);
        activate(t);
    }
    start = b->body.n;
    BUF_LIT(&b->body, "{\"insertId\":\"");
    buf_add(&b->body, insert_id, n);
    BUF_LIT(&b->body, "\",\"json\":");
    row = row_add(b);
    *row = (struct bq_row){
        .ticket = ticket, .id = *id, .index = index, .op = op, .at = (uint32_t)start};
    row->json_at = (uint32_t)b->body.n;
    buf_slice(&b->body, json);
    buf_putc(&b->body, '}');
    row->n = (uint32_t)(b->body.n - start);
    buf_putc(&b->body, ',');
    t->s->pending_bytes += bq_row_cost(json.n);
    if (b->nrows >= conf->max_rows || b->body.n >= conf->max_bytes)
        bq_batch_close(b);
}

bool
bq_batch_due(const struct bq_batch *b, int64_t now_us)
{
    return b->closed || now_us - b->opened_us >= b->t->s->conf.linger_us;
}

static struct slice
row_json(const struct bq_batch *b, const struct bq_row *row)
{
    return (struct slice){b->body.p + row->json_at, row->n - (row->json_at - row->at) - 1};
}

static uint64_t
row_cost(const struct bq_batch *b, const struct bq_row *row)
{
    return bq_row_cost(row_json(b, row).n);
}

/* Keeps the rows whose flag is set, in order; their bytes move to the front of the body. */
static void
keep_rows(struct bq_batch *b, const bool *keep)
{
    size_t n = 0, at = sizeof(body_start) - 1;

    for (size_t i = 0; i < b->nrows; i++) {
        struct bq_row *row = &b->rows[i];

        if (!keep[i])
            continue;
        memmove(b->body.p + at, b->body.p + row->at, row->n);
        row->json_at = (uint32_t)(at + (row->json_at - row->at));
        row->at = (uint32_t)at;
        at += row->n;
        b->body.p[at++] = ',';
        b->rows[n++] = *row;
    }
    b->nrows = n;
    b->body.n = at;
    b->closed = false;
    bq_batch_close(b);
}

static void
accept_all(struct bq_batch *b)
{
    struct bq_table *t = b->t;

    t->accepted_any = t->s->accepted_any = true;
    for (size_t i = 0; i < b->nrows; i++)
        t->s->pending_bytes -= row_cost(b, &b->rows[i]);
    bq_sink_accepted(t->s, b->rows, b->nrows);
    unlink_batch(t, b);
    bq_batch_free(b);
}

static void
again(struct bq_batch *b, int64_t wait_ms)
{
    b->retry_at_us = clock_mono_us() + wait_ms * 1000;
}

/* ---- row errors of a request that was understood ---- */

enum row_fate { ROW_STOPPED, ROW_AGAIN, ROW_UNKNOWN_COLUMN, ROW_BAD };

/* clang-format off */
static const struct {
    const char *reason;
    const char *message; /* begins so; NULL: any */
    enum row_fate fate;
} row_reasons[] = {
    {"stopped", NULL, ROW_STOPPED},              /* innocent: another row of the request was at fault */
    {"backendError", NULL, ROW_AGAIN},
    {"internalError", NULL, ROW_AGAIN},
    {"timeout", NULL, ROW_AGAIN},
    {"rateLimitExceeded", NULL, ROW_AGAIN},
    {"quotaExceeded", NULL, ROW_AGAIN},
    {"invalid", "no such field", ROW_UNKNOWN_COLUMN},
};
/* clang-format on */

static enum row_fate
row_fate(const struct bq_row_error *err)
{
    for (size_t i = 0; i < sizeof(row_reasons) / sizeof(*row_reasons); i++) {
        const char *m = row_reasons[i].message;

        if (strcmp(err->reason, row_reasons[i].reason) == 0 &&
            (!m || strncasecmp(err->message, m, strlen(m)) == 0))
            return row_reasons[i].fate;
    }
    return ROW_BAD;
}

/*
 * "No such field" has two meanings. The table lacks the column: look at it again, which adds it if that is allowed. The
 * table has it but the streaming front end has not heard yet: wait, but not for ever.
 */
static bool
column_may_come(struct bq_table *t, const struct bq_row_error *err)
{
    const struct bq_conf *conf = &t->s->conf;
    int64_t now_us = clock_mono_us();
    const char *name = err->location[0] ? err->location : NULL;

    if (!conf->evolve && !(name && bq_remote_find(&t->remote, name)))
        return false;
    if (t->unknown_column_us == 0)
        t->unknown_column_us = now_us;
    return now_us - t->unknown_column_us < conf->propagation_us;
}

struct verdict {
    bool stopped, again, unknown_column, bad, failed;
    unsigned nkept;
};

static void
refuse(struct bq_batch *b, const struct bq_row_error *err, struct verdict *v)
{
    struct bq_row row = b->rows[err->index];
    struct bq_refusal why = {err->reason[0] ? err->reason : "invalid", err->location, err->message};

    v->bad = true;
    if (!bq_row_refused(b->t, row.ticket, &row.id, row.index, row.op, row_json(b, &row), &why))
        v->failed = true;
}

/* Which rows stay; the bad ones go to the policy, which either takes them over or fails the sink. */
static struct verdict
judge(struct bq_batch *b, const struct bq_row_error *errors, size_t n, bool *keep, bool *bad)
{
    struct verdict v = {0};

    for (size_t i = 0; i < n; i++) {
        const struct bq_row_error *err = &errors[i];
        enum row_fate fate = row_fate(err);

        if (fate == ROW_UNKNOWN_COLUMN && !column_may_come(b->t, err))
            fate = ROW_BAD;
        if (bad[err->index])
            continue;
        keep[err->index] = fate != ROW_BAD;
        bad[err->index] = fate == ROW_BAD;
        v.stopped |= fate == ROW_STOPPED;
        v.again |= fate == ROW_AGAIN;
        v.unknown_column |= fate == ROW_UNKNOWN_COLUMN;
        if (fate == ROW_BAD)
            refuse(b, err, &v);
    }
    return v;
}

/*
 * The rows that are not listed are in, unless one was "stopped": then nothing of the request is in, and a row that the
 * answer forgot is sent again under its id rather than believed to be there.
 */
static void
settle(struct bq_batch *b, const struct verdict *v, bool *keep, const bool *bad)
{
    struct bq_table *t = b->t;
    struct bq_row *in = mem_array(b->nrows, sizeof(*in));
    size_t nin = 0;

    for (size_t i = 0; i < b->nrows; i++) {
        if (bad[i] && v->failed) {
            keep[i] = true; /* nobody took it over; the connector stops with it pending */
            continue;
        }
        if (!keep[i] && !bad[i] && v->stopped)
            keep[i] = true;
        if (keep[i])
            continue;
        t->s->pending_bytes -= row_cost(b, &b->rows[i]);
        if (!bad[i])
            in[nin++] = b->rows[i];
    }
    if (nin)
        t->accepted_any = t->s->accepted_any = true;
    bq_sink_accepted(t->s, in, nin);
    free(in);
    keep_rows(b, keep);
}

static void
row_errors(struct bq_batch *b, const struct bq_row_error *errors, size_t n)
{
    struct bq_table *t = b->t;
    bool *keep = mem_array(b->nrows, sizeof(*keep)), *bad = mem_array(b->nrows, sizeof(*bad));
    struct verdict v = judge(b, errors, n, keep, bad);
    int64_t wait_ms = 0;

    settle(b, &v, keep, bad);
    free(keep);
    free(bad);
    if (b->nrows == 0) {
        unlink_batch(t, b);
        bq_batch_free(b);
        return;
    }
    if (v.unknown_column) {
        wait_ms = clock_backoff_ms(b->attempt++, 1000, NO_SUCH_FIELD_WAIT_MS);
        log_info("BigQuery does not know a column of table \"%s\" yet; its rows wait", t->name);
        bq_table_look_again(t, 0);
    } else if (v.bad) {
        b->attempt = 0; /* the culprit is out: the others go at once */
    } else {
        wait_ms = clock_backoff_ms(b->attempt++, 1000, 64000);
        log_warn("BigQuery put off %zu rows for table \"%s\": %s", b->nrows, t->name,
                 errors[0].message);
    }
    again(b, wait_ms);
}

/* ---- a request that failed as a whole ---- */

static void
split(struct bq_batch *b)
{
    struct bq_table *t = b->t;
    struct bq_batch *second = batch_new(t);
    size_t half = b->nrows / 2;
    bool *keep = mem_array(b->nrows, sizeof(*keep));

    for (size_t i = half; i < b->nrows; i++) {
        const struct bq_row *from = &b->rows[i];
        struct bq_row *to = row_add(second);

        *to = *from;
        to->at = (uint32_t)second->body.n;
        to->json_at = (uint32_t)(second->body.n + (from->json_at - from->at));
        buf_add(&second->body, b->body.p + from->at, from->n);
        buf_putc(&second->body, ',');
    }
    bq_batch_close(second);
    for (size_t i = 0; i < half; i++)
        keep[i] = true;
    keep_rows(b, keep);
    free(keep);
    second->next = b->next;
    b->next = second;
    if (t->tail == b)
        t->tail = second;
    b->attempt = 0;
    again(b, 0);
}

/* Halves are tried until the row that cannot go is alone; it is refused then. */
static void
split_or_refuse(struct bq_batch *b, const struct retry_rule *rule, const struct bq_api_error *err)
{
    struct bq_row row = b->rows[0];
    struct bq_refusal why = {rule->action == RETRY_SPLIT ? "too large"
                             : err->reason[0]            ? err->reason
                                                         : "refused",
                             NULL, err->message[0] ? err->message : "BigQuery gives no reason"};

    if (b->nrows > 1) {
        split(b);
        return;
    }
    if (!bq_row_refused(b->t, row.ticket, &row.id, row.index, row.op, row_json(b, &row), &why))
        return;
    b->t->s->pending_bytes -= row_cost(b, &row);
    unlink_batch(b->t, b);
    bq_batch_free(b);
}

static void
request_failed(struct bq_batch *b, const struct retry_rule *rule, const struct http_response *r,
               const struct bq_api_error *err)
{
    struct bq_table *t = b->t;
    struct bq_sink *s = t->s;
    int64_t wait_ms = retry_wait_ms(rule, b->attempt++, r->retry_after_ms);

    log_warn("insert into BigQuery table \"%s\" failed (HTTP %d): %s; again in %lld ms", t->name,
             r->status, r->status ? err->message : r->error, (long long)wait_ms);
    if (rule->action == RETRY_PEOPLE && !s->accepted_any) {
        bq_sink_fail(s, rule->cls, rule->code, "BigQuery refuses to insert into table \"%s\": %s",
                     t->name, err->message);
        return;
    }
    if (rule->action == RETRY_MISSING || rule->action == RETRY_SCHEMA)
        bq_table_look_again(t, wait_ms);
    again(b, wait_ms);
}

static void
answered_error(struct bq_batch *b, const struct http_response *r)
{
    struct bq_api_error err;
    const struct retry_rule *rule;
    struct bq_sink *s = b->t->s;

    bq_reply_error(r->status ? r->body : SLICE_LIT(""), &err);
    rule = retry_find(r->status, err.reason, err.message);
    switch (rule->action) {
    case RETRY_AUTH:
        if (bq_auth_refused(s->auth, b->generation))
            again(b, 0);
        else
            bq_sink_fail(s, ERR_CONFIG, rule->code,
                         "BigQuery refuses a new access token too: %s; see "
                         "walbridge.bigquery.credentials",
                         err.message);
        break;
    case RETRY_REFUSED:
        /* Nothing was ever accepted: not a row is wrong but the way we ask. */
        if (!b->t->accepted_any && s->conf.on_error == BQ_DEAD_LETTER && b->nrows > 1 &&
            !s->accepted_any)
            bq_sink_fail(s, ERR_CONFIG, rule->code,
                         "BigQuery refuses inserts into table \"%s\": %s", b->t->name, err.message);
        else
            split_or_refuse(b, rule, &err);
        break;
    case RETRY_SPLIT:
        split_or_refuse(b, rule, &err);
        break;
    case RETRY_DONE: /* not reached: a success is no error; a body that is none is retried by the caller */
    case RETRY_AGAIN:
    case RETRY_MISSING:
    case RETRY_EXISTS:
    case RETRY_STALE:
    case RETRY_SCHEMA:
    case RETRY_PEOPLE:
        request_failed(b, rule, r, &err);
        break;
    }
}

static void
on_answer(void *arg, const struct http_response *r)
{
    struct bq_batch *b = arg;
    struct bq_row_error *errors;
    size_t n;

    b->in_flight = false;
    if (fault_hit("bigquery.answer")) {
        again(b, 0);
        return;
    }
    if (r->status != 200) {
        answered_error(b, r);
        return;
    }
    bq_auth_worked(b->t->s->auth, b->generation);
    if (!bq_reply_insert(r->body, b->nrows, &errors, &n)) {
        struct http_response odd = {.error = "the answer is not BigQuery's", .retry_after_ms = -1};

        answered_error(b, &odd);
        return;
    }
    if (n == 0) {
        b->t->unknown_column_us = 0;
        accept_all(b);
    } else {
        row_errors(b, errors, n);
    }
    free(errors);
}

bool
bq_batch_send(struct bq_batch *b)
{
    char path[1200];

    bq_batch_close(b);
    if (!buf_ok(&b->body))
        return bq_sink_fail(b->t->s, ERR_DATA, "bigquery.row_size",
                            "a row for BigQuery table \"%s\" is longer than %d bytes", b->t->name,
                            2 * BODY_MAX_BYTES);
    snprintf(path, sizeof(path), "/tables/%s/insertAll", b->t->name);
    b->in_flight =
        bq_sink_call(b->t->s, "POST", path, NULL, buf_view(&b->body), on_answer, b, &b->generation);
    return b->in_flight;
}
