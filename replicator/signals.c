#include "replicator/signals.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "decoder/filter.h"
#include "replicator/signals_priv.h"

static enum tap_result signals_see(void *arg, const struct change *c, struct tap_read *read);

struct signals *
signals_new(const struct signals_parts *parts, struct err *e)
{
    struct signals *s = mem_alloc(sizeof(*s));

    s->parts = *parts;
    s->notify = notify_new(parts->inc.config);
    s->parts.inc.notify = s->notify;
    s->inc = incremental_new(&s->parts.inc);
    s->lister = script_new(parts->inc.params);
    s->delete_mark =
        strcmp(config_str(parts->inc.config, "incremental.snapshot.watermarking.strategy"),
               "insert_delete") == 0;
    arena_init(&s->arena);
    arena_init(&s->noted_texts);
    pipeline_set_tap(parts->inc.pipeline, (struct pipeline_tap){signals_see, s});
    if (!signals_open_channels(s, e)) {
        signals_free(s);
        return NULL;
    }
    return s;
}

void
signals_free(struct signals *s)
{
    if (!s)
        return;
    signals_end_blocking(s);
    signals_close_channels(s);
    incremental_free(s->inc);
    notify_free(s->notify);
    script_free(s->lister);
    arena_free(&s->arena);
    arena_free(&s->noted_texts);
    free(s->noted);
    free(s);
}

struct incremental *
signals_incremental(struct signals *s)
{
    return s->inc;
}

struct notify *
signals_notify(struct signals *s)
{
    return s->notify;
}

/* ------------------------------------------------------------------------------------------------ orders */

static void
refuse(struct signals *s, struct err *e)
{
    err_wrap(e, "signal \"%s\" is ignored", s->order.id ? s->order.id : "");
    log_err(LOG_WARN, e, "signal");
    s->step = ORDER_NONE;
    signals_owe(s, 0);
}

static void
execute_incremental(struct signals *s, const struct table_list *l)
{
    struct incremental_table *t = arena_alloc(&s->arena, (l->n + 1) * sizeof(*t));
    struct err e = {0};

    for (size_t i = 0; i < l->n; i++)
        t[i] = (struct incremental_table){l->v[i].schema, l->v[i].table, l->v[i].filter,
                                          s->order.surrogate};
    if (!incremental_add(s->inc, s->order.id, t, l->n, &e)) {
        refuse(s, &e);
        return;
    }
    s->step = ORDER_STARTING;
    signals_owe(s, incremental_mark(s->inc));
}

static void
on_listed(struct signals *s)
{
    struct catalog_table *tables;
    struct table_list list = {NULL, 0};
    struct err e = {0};
    size_t n;

    catalog_tables_read(script_result(s->lister, 0), &tables, &n);
    incremental_know(s->inc, tables, n, false);
    if (!signals_expand(s, tables, n, &list, &e))
        refuse(s, &e);
    else if (s->order.blocking)
        signals_block(s, list.v, list.n);
    else
        execute_incremental(s, &list);
    catalog_tables_free(tables, n);
}

static void
start_listing(struct signals *s)
{
    script_clear(s->lister);
    script_add(s->lister, slice_of(catalog_tables_sql), 0, NULL);
    script_run(s->lister);
    s->step = ORDER_LISTING;
}

static void
poll_listing(struct signals *s)
{
    struct err e = {0};

    switch (script_poll(s->lister, &e)) {
    case SCRIPT_IDLE:
    case SCRIPT_BUSY:
        break;
    case SCRIPT_DONE:
        on_listed(s);
        break;
    case SCRIPT_FAILED:
        if (e.cls != ERR_RETRY) {
            refuse(s, &e);
            break;
        }
        /* fall through */
    case SCRIPT_LOST:
        log_err(LOG_WARN, &e, "signal: listing the tables, trying again");
        start_listing(s);
        break;
    }
}

static void
stop(struct signals *s)
{
    const char **names;
    size_t n;
    struct err e = {0};

    if (!signals_to_stop(s, &names, &n, &e)) {
        refuse(s, &e);
        return;
    }
    incremental_stop(s->inc, names, n);
    signals_owe(s, incremental_mark(s->inc));
}

/* "{}" in the message is the position, as in Debezium. */
static void
say_message(const struct signals *s)
{
    const char *at = strstr(s->order.message, "{}");

    if (!at)
        log_info("%s", s->order.message);
    else
        log_info("%.*s{lsn_commit=%" PRIu64 "}%s", (int)(at - s->order.message), s->order.message,
                 pipeline_seen_lsn(s->parts.inc.pipeline), at + 2);
}

/* Does what the order says; what takes time goes on in poll. */
static void
carry_out(struct signals *s)
{
    struct err e = {0};

    s->step = ORDER_NONE;
    switch (s->order.kind) {
    case SIGNAL_EXECUTE:
        if (!s->order.blocking && !incremental_is_possible(s->inc)) {
            err_set(&e, ERR_CONFIG, "signal.table",
                    "an incremental snapshot needs signal.data.collection, a table for its "
                    "watermarks, or read.only=true");
            refuse(s, &e);
            return;
        }
        start_listing(s);
        return;
    case SIGNAL_STOP:
        stop(s);
        return;
    case SIGNAL_PAUSE:
        incremental_pause(s->inc);
        break;
    case SIGNAL_RESUME:
        if (incremental_resume(s->inc))
            s->step = ORDER_STARTING;
        break;
    case SIGNAL_LOG:
        say_message(s);
        break;
    case SIGNAL_SCHEMA_CHANGES:
        log_warn(
            "signal \"%s\": schema-changes has no effect, PostgreSQL's stream describes its "
            "tables itself",
            s->order.id ? s->order.id : "");
        break;
    case SIGNAL_OPEN:
    case SIGNAL_CLOSE:
        log_warn("signal \"%s\": a watermark that is not the stream's is ignored",
                 s->order.id ? s->order.id : "");
        break;
    }
    signals_owe(s, 0);
}

static void
accept(struct signals *s, const struct signal *signal)
{
    struct err e = {0};

    if (!signal_parse(signal, &s->arena, &s->order, &e)) {
        refuse(s, &e);
        return;
    }
    log_info("signal \"%s\": %s", s->order.id ? s->order.id : "", signal->type);
    carry_out(s);
}

/* ------------------------------------------------------------------------------------------------ the stream */

static const char *
column_text(struct arena *a, const struct tuple *t, uint16_t col)
{
    return col < t->n && t->v[col].kind == VALUE_TEXT ? arena_strndup(a, t->v[col].p, t->v[col].n)
                                                      : NULL;
}

/* A row whose key moves is a new row: its record is a create. */
static bool
is_new_row(const struct change *c)
{
    const struct plan *plan = c->plan;

    if (c->op != OP_UPDATE)
        return c->op == OP_CREATE;
    for (size_t k = 0; k < plan_key_width(plan); k++) {
        uint16_t col = plan->key[k].col;

        if (col < c->before.n && col < c->after.n && c->before.v[col].kind == VALUE_TEXT &&
            c->after.v[col].kind == VALUE_TEXT &&
            !slice_eq((struct slice){c->before.v[col].p, c->before.v[col].n},
                      (struct slice){c->after.v[col].p, c->after.v[col].n}))
            return true;
    }
    return false;
}

/* id, type, data are its first three columns. Deleting an open watermark closes its window (insert_delete). */
static bool
row_signal(struct signals *s, const struct change *c, struct arena *a, struct signal *out)
{
    bool made = is_new_row(c);
    const struct tuple *t = made ? &c->after : &c->before;
    char *id;

    if (!made && (c->op != OP_DELETE || !s->delete_mark))
        return false;
    *out = (struct signal){column_text(a, t, 0), column_text(a, t, 1), column_text(a, t, 2)};
    if (!out->id || (made && !out->type))
        return false;
    if (c->op == OP_DELETE) {
        size_t n = strlen(out->id);

        if (n < 5 || strcmp(out->id + n - 5, "-open") != 0)
            return false;
        id = arena_printf(a, "%.*s-close", (int)(n - 5), out->id);
        *out = (struct signal){id, "snapshot-window-close", NULL};
    }
    return true;
}

/* What is wrong with it is said at once. */
static void
note_only(struct signals *s, const struct change *c, const struct signal *signal)
{
    struct err e = {0};

    arena_reset(&s->arena);
    if (!signal_parse(signal, &s->arena, &s->order, &e))
        refuse(s, &e);
    else if (s->note(s->note_arg, signal, &c->id))
        log_info("signal \"%s\": %s, once the snapshot is whole", signal->id, signal->type);
}

/* An order is carried out before its row goes out, so that the offset of that row knows of it. */
static enum tap_result
take_row(struct signals *s, const struct change *c, const struct signal *signal)
{
    if (s->row_commit == c->id.commit_lsn && s->row_ordinal == c->id.ordinal)
        return s->step == ORDER_NONE ? TAP_GO : TAP_WAIT;
    if (s->step != ORDER_NONE || s->noted_at < s->nnoted)
        return TAP_WAIT;
    s->row_commit = c->id.commit_lsn;
    s->row_ordinal = c->id.ordinal;
    if (!s->channels[CHANNEL_SOURCE])
        return TAP_GO;
    if (s->note) {
        note_only(s, c, signal);
        return TAP_GO;
    }
    arena_reset(&s->arena);
    s->channel = CHANNEL_SOURCE;
    accept(s, signal);
    return s->step == ORDER_NONE ? TAP_GO : TAP_WAIT;
}

static enum tap_result
see_signal(struct signals *s, const struct change *c, struct tap_read *read)
{
    struct signal signal;
    struct arena a;
    enum tap_result r = TAP_GO;

    arena_init(&a);
    if (row_signal(s, c, &a, &signal)) {
        if (strcmp(signal.type, "snapshot-window-open") == 0)
            incremental_open(s->inc, signal.id);
        else if (strcmp(signal.type, "snapshot-window-close") == 0)
            r = incremental_close(s->inc, signal.id, read);
        else
            r = take_row(s, c, &signal);
    }
    arena_free(&a);
    return r;
}

static enum tap_result
signals_see(void *arg, const struct change *c, struct tap_read *read)
{
    struct signals *s = arg;
    const struct relation *rel = c->plan->rel;

    if (filter_signal_table(s->parts.inc.settings->filter, rel->schema, rel->table)) {
        enum tap_result r = see_signal(s, c, read);

        if (r != TAP_GO)
            return r;
    }
    return incremental_change(s->inc, c, read);
}

/* ------------------------------------------------------------------------------------------------ the loop */

enum pipe_result
signals_notes(struct signals *s, struct err *e)
{
    struct pipeline *p = s->parts.inc.pipeline;
    enum pipe_result r;

    if (s->note_parked) {
        r = pipeline_resume(p, e);
        if (r == PIPE_ERROR)
            return r;
        if (pipeline_waits_for_sink(p))
            return PIPE_PARKED;
        s->note_parked = false;
    }
    r = notify_flush(s->notify, p, e);
    s->note_parked = r == PIPE_PARKED;
    return r;
}

static void
take_signals(struct signals *s)
{
    struct signal signal;

    while (s->step == ORDER_NONE) {
        arena_reset(&s->arena);
        if (!signals_take(s, &signal))
            return;
        accept(s, &signal);
    }
}

enum pipe_result
signals_poll(struct signals *s, bool *busy, struct err *e)
{
    enum pipe_result r;

    *busy = s->step == ORDER_BLOCKING;
    if (*busy) {
        r = signals_blocking_step(s, e);
        *busy = s->step == ORDER_BLOCKING;
        return r;
    }
    if (pipeline_waits_for_sink(s->parts.inc.pipeline))
        return PIPE_OK;
    if (s->step == ORDER_LISTING)
        poll_listing(s);
    r = incremental_poll(s->inc, e);
    /* The next signal comes behind the first chunk, as in Debezium. */
    if (s->step == ORDER_STARTING && !incremental_is_reading(s->inc))
        s->step = ORDER_NONE;
    if (r == PIPE_OK)
        r = notify_flush(s->notify, s->parts.inc.pipeline, e);
    if (r == PIPE_OK)
        take_signals(s);
    return r;
}

bool
signals_has_more(const struct signals *s)
{
    return s->more;
}

void
signals_passed(struct signals *s, uint64_t lsn)
{
    incremental_passed(s->inc, lsn);
}

char *
signals_state(struct signals *s, uint64_t mark)
{
    return incremental_state(s->inc, mark);
}

void
signals_stored(struct signals *s, uint64_t mark)
{
    if (mark <= s->stored_mark)
        return;
    s->stored_mark = mark;
    signals_settle(s);
}

void
signals_new_session(struct signals *s, int server_version)
{
    s->server_version = server_version;
    incremental_new_session(s->inc);
}

bool
signals_is_blocking(const struct signals *s)
{
    return s->step == ORDER_BLOCKING;
}

bool
signals_take_blocked(struct signals *s)
{
    bool blocked = s->blocked;

    s->blocked = false;
    return blocked;
}

nfds_t
signals_fds(struct signals *s, struct pollfd fds[SIGNALS_FDS])
{
    short events;
    int fd = incremental_fd(s->inc, &events);
    nfds_t n = 0;

    if (fd >= 0)
        fds[n++] = (struct pollfd){fd, events, 0};
    if (script_fd(s->lister) >= 0)
        fds[n++] =
            (struct pollfd){script_fd(s->lister),
                            (short)(POLLIN | (script_wants_write(s->lister) ? POLLOUT : 0)), 0};
    if (s->snapshot)
        fds[n++] = (struct pollfd){snapshot_fd(s->snapshot), POLLIN, 0};
    else if (s->kafka && s->step == ORDER_NONE)
        fds[n++] = (struct pollfd){kafka_signals_fd(s->kafka), POLLIN, 0};
    if (s->step == ORDER_NONE)
        fds[n++] = (struct pollfd){signal_box_fd(s->parts.box), POLLIN, 0};
    return n;
}

int64_t
signals_deadline_us(const struct signals *s)
{
    int64_t at = incremental_deadline_us(s->inc), listing = script_deadline_us(s->lister);

    if (s->file && s->look_us < at)
        at = s->look_us;
    return listing < at ? listing : at;
}

bool
signals_wants_keepalive(const struct signals *s)
{
    return incremental_wants_keepalive(s->inc);
}
