#include "replicator/pg/snapshot_marks.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

struct mark_table {
    bool any;              /* a row of it was seen */
    size_t units_left;     /* not yet wholly read */
    struct mark_row first; /* its first row, while it may be the only one */
    struct mark_row last;  /* the latest end of a piece; never together with `first` */
};

struct mark_unit {
    size_t table;
    unsigned pieces_left;
};

struct marks {
    pthread_mutex_t lock;
    bool shared;
    void (*free_line)(void *);
    bool any; /* a row of the snapshot was seen */
    size_t ntables, tables_left;
    size_t first_table; /* whose first row is the snapshot's */
    struct mark_table *tables;
    size_t nunits;
    struct mark_unit *units;
    /* The last row of a table that was read: the snapshot's last, unless another row comes. */
    struct mark_row last;
};

struct marks *
marks_new(size_t ntables, size_t nunits, const size_t *unit_table, const unsigned *unit_pieces,
          bool shared, void (*free_line)(void *))
{
    struct marks *m = mem_alloc(sizeof(*m));

    pthread_mutex_init(&m->lock, NULL);
    m->shared = shared;
    m->free_line = free_line;
    m->ntables = ntables;
    m->tables = mem_array(ntables + 1, sizeof(*m->tables));
    m->nunits = nunits;
    m->units = mem_array(nunits + 1, sizeof(*m->units));
    for (size_t i = 0; i < nunits; i++) {
        m->units[i] = (struct mark_unit){unit_table[i], unit_pieces[i]};
        if (m->tables[unit_table[i]].units_left++ == 0)
            m->tables_left++;
    }
    return m;
}

void
marks_free(struct marks *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->ntables; i++) {
        m->free_line(m->tables[i].first.line);
        m->free_line(m->tables[i].last.line);
    }
    m->free_line(m->last.line);
    free(m->tables);
    free(m->units);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static struct mark_row
mark_take(struct mark_row *row)
{
    struct mark_row taken = *row;

    *row = (struct mark_row){0};
    return taken;
}

/* Of a row that another one follows; ends: it is its table's last. */
static enum snapshot_marker
mark_of(const struct mark_row *row, bool ends)
{
    if (row->first)
        return SNAPSHOT_FIRST;
    if (ends)
        return SNAPSHOT_LAST_IN_COLLECTION;
    return row->first_in_table ? SNAPSHOT_FIRST_IN_COLLECTION : SNAPSHOT_TRUE;
}

/* Says a row that waited, if there is one. A unit ends with it when none of its rows can come any more. */
static bool
mark_say(struct marks *m, struct mark_row *waiting, bool ends_table, bool unit_goes_on,
         const struct mark_says *says, struct err *e)
{
    struct mark_row row = mark_take(waiting);

    if (!row.line)
        return true;
    return says->emit(says->arg, &row, mark_of(&row, ends_table),
                      !unit_goes_on && m->units[row.unit].pieces_left == 0, e);
}

bool
marks_first_row(struct marks *m, struct mark_row *row, bool *mine, const struct mark_says *says,
                struct err *e)
{
    struct mark_table *t = &m->tables[row->table];
    bool ok, waited;

    pthread_mutex_lock(&m->lock);
    /* As Debezium has it: when the first table is empty no row is the first one. Its threads know no first table. */
    row->first = !m->any && (m->shared || row->table == 0);
    row->first_in_table = !t->any;
    if (row->first)
        m->first_table = row->table;
    /* This row follows them all, so their markers are known. */
    waited = m->last.line || t->first.line || t->last.line ||
             (m->any && m->tables[m->first_table].first.line);
    ok = mark_say(m, &m->last, true, false, says, e) &&
         (!m->any || !m->tables[m->first_table].first.first ||
          mark_say(m, &m->tables[m->first_table].first, false, false, says, e)) &&
         mark_say(m, &t->first, false, false, says, e) &&
         mark_say(m, &t->last, false, false, says, e);
    if (ok && waited && m->shared)
        says->flush(says->arg);
    *mine = !row->first_in_table;
    if (row->first_in_table)
        t->first = *row;
    m->any = t->any = true;
    pthread_mutex_unlock(&m->lock);
    return ok;
}

bool
marks_second_row(struct marks *m, size_t table, const struct mark_says *says, struct err *e)
{
    struct mark_table *t = &m->tables[table];
    bool ok = true;

    pthread_mutex_lock(&m->lock);
    if (t->first.line) {
        ok = mark_say(m, &t->first, false, false, says, e);
        if (ok && m->shared)
            says->flush(says->arg);
    }
    pthread_mutex_unlock(&m->lock);
    return ok;
}

/* The table's end: its last row waits for another table's, and the one that waited so far is none any more. */
static bool
mark_table_done(struct marks *m, struct mark_table *t, const struct mark_says *says, struct err *e)
{
    struct mark_row row = mark_take(t->last.line ? &t->last : &t->first);

    if (row.line) {
        if (!mark_say(m, &m->last, true, false, says, e)) {
            m->free_line(row.line);
            return false;
        }
        m->last = row;
    }
    if (--m->tables_left > 0 || !m->last.line)
        return true;
    row = mark_take(&m->last);
    return says->emit(says->arg, &row, SNAPSHOT_LAST, true, e);
}

/* Under the lock: marks_piece_done. */
static bool
mark_piece_done(struct marks *m, const struct mark_row *kept, size_t unit,
                const struct mark_says *says, struct err *e)
{
    struct mark_unit *u = &m->units[unit];
    struct mark_table *t = &m->tables[u->table];

    assert(u->pieces_left > 0);
    u->pieces_left--;
    if (kept->line) {
        bool same = t->last.line && t->last.unit == unit;

        if (!mark_say(m, &t->last, false, same, says, e)) {
            m->free_line(kept->line);
            return false;
        }
        t->last = *kept;
    }
    if (u->pieces_left > 0)
        return true;
    /* Whoever says the unit's last row ends it; there may be none. */
    if (!(t->last.line && t->last.unit == unit) && !(t->first.line && t->first.unit == unit)) {
        const struct mark_row none = {.table = u->table, .unit = unit};

        if (!says->emit(says->arg, &none, SNAPSHOT_TRUE, true, e))
            return false;
    }
    return --t->units_left > 0 || mark_table_done(m, t, says, e);
}

bool
marks_piece_done(struct marks *m, const struct mark_row *kept, size_t unit,
                 const struct mark_says *says, struct err *e)
{
    bool ok;

    pthread_mutex_lock(&m->lock);
    ok = mark_piece_done(m, kept, unit, says, e);
    if (ok)
        says->flush(says->arg);
    pthread_mutex_unlock(&m->lock);
    return ok;
}
