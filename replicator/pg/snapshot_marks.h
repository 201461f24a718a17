/*
 * Which marker each row of a snapshot carries, with any number of workers: one row is `first`, one is `last`, and so it is
 * in each table, in the order in which batches are handed over. A worker keeps a piece's latest row back by itself; what
 * is shared are the rows that others decide about: a table's first one, and the last ones of pieces and tables. No libpq.
 *
 * All calls lock. Rows are said (`emit`) under the lock, which is what keeps `first` first and `last` last.
 */
#ifndef REPLICATOR_PG_SNAPSHOT_MARKS_H
#define REPLICATOR_PG_SNAPSHOT_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "decoder/change.h"

/* A row that waits for its marker; line NULL: none. */
struct mark_row {
    char *line;
    size_t n;
    uint64_t number;
    size_t table, unit;
    bool first, first_in_table;
};

/* What a worker does for the marks. False: e, or (e->cls ERR_NONE) it is being stopped. */
struct mark_says {
    /* Takes row->line. row->line NULL: there is no row, only the unit's end. */
    bool (*emit)(void *arg, const struct mark_row *row, enum snapshot_marker m, bool unit_ends,
                 struct err *e);
    /* Hands over what was said. */
    void (*flush)(void *arg);
    void *arg;
};

struct marks;

/* unit_table[i]: the table of unit i; units of one table stand together. shared: there is more than one worker. */
struct marks *marks_new(size_t ntables, size_t nunits, const size_t *unit_table,
                        const unsigned *unit_pieces, bool shared, void (*free_line)(void *));
void marks_free(struct marks *m);

/* A piece's first row has come. *mine false: it was taken, and the worker keeps none; true: he keeps it. */
bool marks_first_row(struct marks *m, struct mark_row *row, bool *mine,
                     const struct mark_says *says, struct err *e);
/* The second row of a piece whose first one was taken. */
bool marks_second_row(struct marks *m, size_t table, const struct mark_says *says, struct err *e);
/* A piece's end, with the row that the worker kept (line NULL: none); all before it is handed over. */
bool marks_piece_done(struct marks *m, const struct mark_row *kept, size_t unit,
                      const struct mark_says *says, struct err *e);
/* Tables without any unit left to read, and a snapshot without tables, need no call. */

#endif
