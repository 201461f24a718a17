/* A table as the sink sees it: is it there, has it the columns we need, what waits to go into it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sinks/bigquery/state.h"

struct bq_table *
bq_table_get(struct bq_sink *s, const char *name)
{
    struct bq_table *t = map_get(s->tables, slice_of(name));

    if (t)
        return t;
    t = mem_alloc(sizeof(*t));
    t->s = s;
    t->name = mem_strdup(name);
    arena_init(&t->arena);
    map_put(s->tables, slice_of(name), t);
    return t;
}

void
bq_table_free(void *table)
{
    struct bq_table *t = table;

    while (t->head) {
        struct bq_batch *b = t->head;

        t->head = b->next;
        bq_batch_free(b);
    }
    bq_remote_free(&t->remote);
    free(t->want.columns);
    free(t->document);
    free(t->name);
    arena_free(&t->arena);
    free(t);
}

void
bq_table_look_again(struct bq_table *t, int64_t wait_ms)
{
    if (t->state == BQ_TABLE_BUSY)
        return;
    t->state = BQ_TABLE_UNKNOWN;
    t->retry_at_us = clock_mono_us() + wait_ms * 1000;
}

void
bq_table_want(struct bq_table *t, const char *name, enum bq_type type, enum bq_mode mode,
              const char *description)
{
    struct bq_desired *d = &t->want;

    for (size_t i = 0; i < d->ncolumns; i++) {
        if (strcasecmp(d->columns[i].name, name) != 0)
            continue;
        d->columns[i].type = type; /* the table is made with the newest wish */
        return;
    }
    if (d->ncolumns == d->cap) {
        d->cap = d->cap ? d->cap * 2 : 16;
        d->columns = mem_grow(d->columns, d->cap, sizeof(*d->columns));
    }
    d->columns[d->ncolumns++] = (struct bq_desired_column){
        .name = arena_strdup(&t->arena, name),
        .type = type,
        .mode = mode,
        .description = description ? arena_strdup(&t->arena, description) : NULL,
    };
    if (t->state == BQ_TABLE_READY && !bq_remote_find(&t->remote, name))
        bq_table_look_again(t, 0);
}

static const char *
keep(struct bq_table *t, const char *s)
{
    return s ? arena_strdup(&t->arena, s) : NULL;
}

void
bq_table_attach(struct bq_table *t, const struct bq_program *p)
{
    struct bq_desired *d = &t->want;

    for (size_t i = 0; i < p->nnotes; i++) {
        if (!map_put(t->s->said, slice_of(p->notes[i]), t))
            log_warn("%s", p->notes[i]);
    }
    if (d->ncolumns == 0) {
        d->partition = keep(t, p->partition);
        d->partition_field = keep(t, p->partition_field);
        d->partition_expiration_ms = p->partition_expiration_ms;
        d->cluster = arena_alloc(&t->arena, (p->ncluster + 1) * sizeof(*d->cluster));
        for (size_t i = 0; i < p->ncluster; i++)
            d->cluster[i] = keep(t, p->cluster[i]);
        d->ncluster = p->ncluster;
    }
    for (size_t i = 0; i < p->ncolumns; i++)
        bq_table_want(t, p->columns[i].name, p->columns[i].type, p->columns[i].mode,
                      p->columns[i].description);
}

static bool
table_call(struct bq_table *t, const char *method, const char *path, const char *if_match,
           http_done done)
{
    struct slice body = t->document ? slice_of(t->document) : SLICE_LIT("");

    t->state = BQ_TABLE_BUSY;
    return bq_sink_call(t->s, method, path, if_match, body, done, t, &t->generation);
}

static void
answered(struct bq_table *t)
{
    free(t->document);
    t->document = NULL;
    t->state = BQ_TABLE_UNKNOWN;
}

static void
table_error(struct bq_table *t, const char *doing, const struct http_response *r)
{
    struct bq_api_error err;
    const struct retry_rule *rule;
    int64_t wait_ms;

    bq_reply_error(r->status ? r->body : SLICE_LIT(""), &err);
    rule = retry_find(r->status, err.reason, err.message);
    if (rule->action == RETRY_AUTH && bq_auth_refused(t->s->auth, t->generation)) {
        bq_table_look_again(t, 0);
        return;
    }
    if (rule->action == RETRY_AUTH || rule->action == RETRY_REFUSED ||
        rule->action == RETRY_SPLIT || rule->action == RETRY_MISSING ||
        (rule->action == RETRY_PEOPLE && !t->s->accepted_any)) {
        bq_sink_fail(t->s, ERR_CONFIG, rule->code, "cannot %s BigQuery table \"%s\" (HTTP %d): %s",
                     doing, t->name, r->status, err.message);
        return;
    }
    if (rule->action == RETRY_EXISTS) {
        bq_table_look_again(t, 0);
        return;
    }
    wait_ms = retry_wait_ms(rule, t->attempt++, r->retry_after_ms);
    log_warn("cannot %s BigQuery table \"%s\" (HTTP %d): %s; again in %lld ms", doing, t->name,
             r->status, r->status ? err.message : r->error, (long long)wait_ms);
    bq_table_look_again(t, wait_ms);
}

static void
warn_of_differences(struct bq_table *t)
{
    for (size_t i = 0; i < t->remote.nfields; i++) {
        const struct bq_remote_field *f = &t->remote.fields[i];
        bool fed = false;

        for (size_t k = 0; k < t->want.ncolumns && !fed; k++)
            fed = strcasecmp(t->want.columns[k].name, f->name) == 0;
        if (!fed && f->mode == BQ_REQUIRED)
            log_warn(
                "column \"%s\" of BigQuery table \"%s\" is REQUIRED but nothing feeds it: every "
                "row will be refused",
                f->name, t->name);
    }
    for (size_t i = 0; i < t->want.ncolumns; i++) {
        const struct bq_desired_column *c = &t->want.columns[i];
        const struct bq_remote_field *f = bq_remote_find(&t->remote, c->name);
        enum bq_type type;

        if (!f)
            log_warn(
                "BigQuery table \"%s\" lacks the column \"%s\", and "
                "walbridge.bigquery.schema.evolution is none: its "
                "rows will be refused",
                t->name, c->name);
        else if (!bq_type_parse(f->type, &type) || type != c->type)
            log_warn(
                "column \"%s\" of BigQuery table \"%s\" is %s but gets %s: what does not convert "
                "will be refused",
                c->name, t->name, f->type, bq_type_name(c->type));
        else if (f->mode == BQ_REQUIRED && c->mode == BQ_NULLABLE)
            log_warn(
                "column \"%s\" of BigQuery table \"%s\" is REQUIRED but can get NULL: such rows "
                "will be refused",
                c->name, t->name);
    }
}

static void
table_is_ready(struct bq_table *t)
{
    t->state = BQ_TABLE_READY;
    t->attempt = 0;
    if (!t->warned)
        warn_of_differences(t);
    t->warned = true;
}

static void
on_patched(void *arg, const struct http_response *r)
{
    struct bq_table *t = arg;

    answered(t);
    if (r->status != 200) {
        table_error(t, "add columns to", r);
        return;
    }
    log_info("added columns to BigQuery table \"%s\"", t->name);
    bq_reply_table(r->body, &t->remote);
    table_is_ready(t);
}

static void
on_created(void *arg, const struct http_response *r)
{
    struct bq_table *t = arg;

    answered(t);
    if (r->status != 200) {
        table_error(t, "create", r);
        return;
    }
    log_info("created BigQuery table \"%s\"", t->name);
    bq_reply_table(r->body, &t->remote);
    table_is_ready(t);
}

static void
create(struct bq_table *t)
{
    struct bq_sink *s = t->s;

    if (!s->conf.auto_create && t != s->dead_letters) {
        bq_sink_fail(s, ERR_CONFIG, "bigquery.table_missing",
                     "BigQuery table \"%s.%s\" does not exist; create it or set "
                     "walbridge.bigquery.auto.create.tables=true",
                     s->conf.dataset, t->name);
        return;
    }
    t->document = bq_table_document(bq_sink_project(s), s->conf.dataset, t->name, &t->want);
    table_call(t, "POST", "/tables", NULL, on_created);
}

static bool
lacks_columns(const struct bq_table *t)
{
    for (size_t i = 0; i < t->want.ncolumns; i++) {
        if (!bq_remote_find(&t->remote, t->want.columns[i].name))
            return true;
    }
    return false;
}

static void
table_path(const struct bq_table *t, char out[1200])
{
    snprintf(out, 1200, "/tables/%s", t->name);
}

static void
on_got(void *arg, const struct http_response *r)
{
    struct bq_table *t = arg;
    struct bq_api_error err;
    char path[1200];

    answered(t);
    if (r->status == 404) {
        bq_reply_error(r->body, &err);
        if (strcasestr(err.message, "not found: dataset"))
            bq_sink_fail(t->s, ERR_CONFIG, "bigquery.dataset_missing",
                         "BigQuery dataset \"%s\" is gone: %s", t->s->conf.dataset, err.message);
        else
            create(t);
        return;
    }
    if (r->status != 200 || !bq_reply_table(r->body, &t->remote)) {
        table_error(t, "look at", r);
        return;
    }
    if (!t->s->conf.evolve || !lacks_columns(t)) {
        table_is_ready(t);
        return;
    }
    t->document = bq_patch_document(&t->remote, &t->want);
    table_path(t, path);
    table_call(t, "PATCH", path, t->remote.etag, on_patched);
}

static bool
send_batches(struct bq_table *t, int64_t now_us)
{
    unsigned window = t->s->conf.max_in_flight;

    for (struct bq_batch *b = t->head; b && window > 0; b = b->next, window--) {
        if (b->in_flight || !bq_batch_due(b, now_us) || now_us < b->retry_at_us)
            continue;
        if (!bq_batch_send(b))
            return false;
    }
    return true;
}

bool
bq_table_step(struct bq_table *t, int64_t now_us)
{
    char path[1200];

    switch (t->state) {
    case BQ_TABLE_BUSY:
        return true;
    case BQ_TABLE_UNKNOWN:
        if (now_us < t->retry_at_us)
            return true;
        table_path(t, path);
        return table_call(t, "GET", path, NULL, on_got);
    case BQ_TABLE_READY:
        return send_batches(t, now_us);
    }
    return true;
}

int64_t
bq_table_deadline_us(const struct bq_table *t)
{
    unsigned window = t->s->conf.max_in_flight;
    int64_t at_us = INT64_MAX;

    if (t->state == BQ_TABLE_BUSY)
        return INT64_MAX;
    if (t->state == BQ_TABLE_UNKNOWN)
        return t->retry_at_us;
    for (const struct bq_batch *b = t->head; b && window > 0; b = b->next, window--) {
        int64_t due_us = b->closed ? 0 : b->opened_us + t->s->conf.linger_us;

        if (b->in_flight)
            continue;
        if (due_us < b->retry_at_us)
            due_us = b->retry_at_us;
        if (due_us < at_us)
            at_us = due_us;
    }
    return at_us;
}
