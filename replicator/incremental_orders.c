/* What signals ask for. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "replicator/incremental_priv.h"

static char *
text_or_null(const char *text)
{
    return text && *text ? mem_strdup(text) : NULL;
}

/* The same order again (its signal came twice, or the program was ended before it was done with). */
static bool
is_queued(const struct incremental *i, const char *name, const struct incremental_table *t)
{
    for (size_t k = 0; k < i->ntables; k++) {
        const struct inc_table *q = &i->tables[k];

        if (strcmp(q->name, name) == 0 &&
            strcmp(q->condition ? q->condition : "", t->condition ? t->condition : "") == 0 &&
            strcmp(q->surrogate ? q->surrogate : "", t->surrogate ? t->surrogate : "") == 0)
            return true;
    }
    return false;
}

static bool
add_table(struct incremental *i, const struct incremental_table *t, bool again)
{
    char *name = *t->schema ? mem_printf("%s.%s", t->schema, t->table) : mem_strdup(t->table);

    if (again && is_queued(i, name, t)) {
        free(name);
        return false;
    }
    i->tables = mem_grow(i->tables, i->ntables + 1, sizeof(*i->tables));
    i->tables[i->ntables++] = (struct inc_table){.name = name,
                                                 .schema = mem_strdup(t->schema),
                                                 .table = mem_strdup(t->table),
                                                 .condition = text_or_null(t->condition),
                                                 .surrogate = text_or_null(t->surrogate)};
    return true;
}

bool
incremental_add(struct incremental *i, const char *id, const struct incremental_table *tables,
                size_t n, struct err *e)
{
    bool running = i->ntables > 0, again = running && i->id && id && strcmp(i->id, id) == 0;
    size_t added = 0;
    char *names;

    for (size_t k = 0; k < n; k++)
        added += add_table(i, &tables[k], again);
    if (!added) {
        log_info("incremental snapshot \"%s\": its signal came again; it is running", id ? id : "");
        return true;
    }
    if (inc_state_bytes(i) > i->parts.state_max) {
        for (; added; added--)
            inc_drop_table(i, i->ntables - 1);
        return err_set(e, ERR_DATA, "signal.state",
                       "the tables and conditions of %zu tables do not fit into an offset, which "
                       "has room for %zu bytes of them; give several signals, one after the other",
                       n, i->parts.state_max);
    }
    inc_set_id(i, id);
    names = inc_names(i);
    if (running) {
        log_info("incremental snapshot: %zu tables more, now: %s", added, names);
    } else {
        log_info("incremental snapshot \"%s\": begins, tables: %s", id ? id : "", names);
        notify_say(i->parts.notify, NOTIFY_INCREMENTAL, "STARTED", i->id, "data_collections", names,
                   NULL);
        i->rows = 0;
    }
    free(names);
    inc_save(i);
    return true;
}

void
incremental_stop(struct incremental *i, const char *const *names, size_t n)
{
    if (!i->ntables) {
        log_warn("stop-snapshot: no incremental snapshot is running");
        return;
    }
    for (size_t k = 0; k < n; k++) {
        i->stops = mem_grow(i->stops, i->nstops + 1, sizeof(*i->stops));
        i->stops[i->nstops++] = mem_strdup(names[k]);
    }
    /* A chunk that is being read ends first, as Debezium has it. What is stored with the signal knows already. */
    if (i->step == INC_IDLE)
        inc_leave_out(i);
    else
        inc_save(i);
}

bool
inc_is_stopped(const struct incremental *i, const char *name)
{
    size_t at = 0;

    while (at < i->nstops && strcmp(i->stops[at], name) != 0)
        at++;
    return at < i->nstops;
}

static size_t
queued_at(const struct incremental *i, const char *name)
{
    size_t at = 0;

    while (at < i->ntables && strcmp(i->tables[at].name, name) != 0)
        at++;
    return at;
}

/* Tables behind the present one first, the present one at last; so says the notification. */
void
inc_leave_out(struct incremental *i)
{
    struct buf stopped;
    bool current = false;
    char *name = i->ntables ? mem_strdup(i->tables[0].name) : NULL, *id;

    if (!i->nstops) {
        free(name);
        return;
    }
    id = i->id ? mem_strdup(i->id) : NULL;
    buf_init(&stopped, 1 << 20);
    for (size_t k = 0; k < i->nstops; k++) {
        size_t at = queued_at(i, i->stops[k]);

        if (at == i->ntables)
            log_warn("stop-snapshot: table \"%s\" is not part of the incremental snapshot",
                     i->stops[k]);
        else if (at == 0)
            current = true;
        else {
            buf_printf(&stopped, "%s%s", stopped.n ? "," : "", i->stops[k]);
            inc_drop_table(i, at);
        }
        free(i->stops[k]);
    }
    i->nstops = 0;
    if (current) {
        buf_printf(&stopped, "%s%s", stopped.n ? "," : "", name);
        inc_next_table(i);
    } else {
        inc_save(i);
    }
    log_info("incremental snapshot: left out by stop-snapshot: %s", buf_cstr(&stopped));
    notify_say(i->parts.notify, NOTIFY_INCREMENTAL, "ABORTED", i->ntables ? id : NULL,
               "data_collections", buf_cstr(&stopped), NULL);
    buf_free(&stopped);
    free(name);
    free(id);
}

static void
say(struct incremental *i, const char *type)
{
    char *names = inc_names(i);

    notify_say(i->parts.notify, NOTIFY_INCREMENTAL, type, i->id, "data_collections", names, NULL);
    free(names);
}

void
incremental_pause(struct incremental *i)
{
    if (!i->ntables || i->paused)
        return;
    i->paused = true;
    log_info("incremental snapshot: paused");
    say(i, "PAUSED");
}

bool
incremental_resume(struct incremental *i)
{
    if (!i->ntables || !i->paused)
        return false;
    i->paused = false;
    log_info("incremental snapshot: goes on");
    say(i, "RESUMED");
    return true;
}
