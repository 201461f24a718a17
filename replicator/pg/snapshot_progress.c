/* What a snapshot tells of itself while it runs. */
#include "base/clock.h"
#include "base/log.h"
#include "replicator/pg/snapshot_priv.h"
#include "replicator/pg/snapshot_text.h"

enum { SHOW_TABLES_MAX = 8, SHOW_BAR_US = 500 * 1000, SHOW_LOG_US = 10 * 1000 * 1000 };

void
snapshot_progress(struct snapshot *s, struct snapshot_progress *out)
{
    *out = (struct snapshot_progress){
        .total_rows = s->total_rows,
        .tables = (unsigned)s->ntables,
        .tables_done = atomic_load(&s->tables_done),
        .table = atomic_load(&s->table),
        .started_us = s->started_us,
        .wal_retained = atomic_load(&s->wal_retained),
        .wal_limit = atomic_load(&s->wal_limit),
    };
    for (size_t i = 0; i < s->ntables; i++) {
        out->rows += atomic_load_explicit(&s->tables[i].nrows, memory_order_relaxed);
        out->bytes += atomic_load_explicit(&s->tables[i].nbytes, memory_order_relaxed);
    }
}

size_t
snapshot_ntables(const struct snapshot *s)
{
    return s->ntables;
}

const char *
snapshot_names_reading(const struct snapshot *s)
{
    return s->reading;
}

const char *
snapshot_names_captured(const struct snapshot *s)
{
    return s->captured;
}

void
snapshot_table_progress(struct snapshot *s, size_t i, struct snapshot_table_progress *out)
{
    struct snap_table *t = &s->tables[i];

    *out = (struct snapshot_table_progress){
        .schema = t->schema,
        .table = t->table,
        .rows = atomic_load_explicit(&t->nrows, memory_order_relaxed),
        .bytes = atomic_load_explicit(&t->nbytes, memory_order_relaxed),
        .total_rows = t->rows > 0 ? t->rows : 0,
        .started_us = atomic_load(&t->started_us),
        .ended_us = atomic_load(&t->ended_us),
        .failed = atomic_load(&t->failed),
    };
}

size_t
snapshot_nunits(const struct snapshot *s)
{
    return s->nunits;
}

void
snapshot_unit(struct snapshot *s, size_t i, struct snapshot_unit *out)
{
    struct snap_unit *u = &s->units[i];
    const struct snap_table *t = &s->tables[u->table];

    *out = (struct snapshot_unit){
        .rows = {t->schema, t->table, u->ranged, INT64_MIN, INT64_MAX},
        .key = u->ranged ? t->key : NULL,
        .oid = t->oid,
        .point_lsn = s->req.point_lsn,
        .nrows = atomic_load(&u->handed),
    };
    if (u->ranged) {
        out->rows.first = u->range.first;
        out->rows.last = u->range.last;
    }
}

void
snapshot_show(struct snapshot *s)
{
    bool terminal = log_is_terminal();
    int64_t now = clock_mono_us();
    struct snapshot_progress total;
    char text[SNAPSHOT_TEXT];
    unsigned shown = 0;

    if (now - s->shown_us < (terminal ? SHOW_BAR_US : SHOW_LOG_US))
        return;
    s->shown_us = now;
    snapshot_progress(s, &total);
    snapshot_text_total(&total, now, terminal, text);
    if (terminal) {
        log_progress(text);
        return;
    }
    log_info("%s", text);
    for (size_t i = 0; i < s->ntables && shown < SHOW_TABLES_MAX; i++) {
        struct snapshot_table_progress t;

        snapshot_table_progress(s, i, &t);
        if (!t.started_us || t.ended_us)
            continue;
        snapshot_text_table(&t, now, text);
        log_info("%s", text);
        shown++;
    }
}
