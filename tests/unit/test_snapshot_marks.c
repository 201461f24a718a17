/* Markers of a snapshot's rows, whatever the order in which workers come to them. */
#include "replicator/pg/snapshot_marks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORKERS = 5, TABLES = 6, UNITS = 32, PIECES = 64, ROWS = 6, OUT = PIECES * ROWS + UNITS };

/* What the connector would see: rows, and ends of units (number 0: no row). */
struct said {
    size_t table, unit;
    uint64_t number;
    enum snapshot_marker marker;
    bool ends;
};

struct piece {
    size_t unit;
    unsigned rows;
};

struct worker {
    struct run *run;
    struct piece *piece; /* NULL: idle */
    unsigned read;
    uint64_t number;
    struct mark_row kept;
    struct said filling[OUT];
    size_t n;
};

struct run {
    unsigned seed;
    unsigned nworkers;
    size_t ntables, nunits, npieces, next;
    size_t unit_table[UNITS];
    unsigned unit_pieces[UNITS];
    struct piece pieces[PIECES];
    struct marks *marks;
    struct worker workers[WORKERS];
    struct said out[OUT];
    size_t nout;
    uint64_t total;
    bool stop; /* emit refuses */
};

static unsigned
dice(struct run *r, unsigned below)
{
    r->seed = r->seed * 1103515245u + 12345u;
    return (r->seed >> 16) % below;
}

static bool
emit(void *arg, const struct mark_row *row, enum snapshot_marker m, bool ends, struct err *e)
{
    struct worker *w = arg;

    (void)e;
    free(row->line);
    if (w->run->stop)
        return false;
    assert_true(w->n < OUT);
    w->filling[w->n++] = (struct said){row->table, row->unit, row->line ? row->number : 0, m, ends};
    return true;
}

static void
flush(void *arg)
{
    struct worker *w = arg;

    for (size_t i = 0; i < w->n; i++)
        w->run->out[w->run->nout++] = w->filling[i];
    w->n = 0;
}

static void
run_init(struct run *r, unsigned seed, unsigned nworkers)
{
    memset(r, 0, sizeof(*r));
    r->seed = seed;
    r->nworkers = nworkers;
    r->ntables = dice(r, TABLES);
    for (size_t t = 0; t < r->ntables; t++) {
        bool ranged = dice(r, 2);
        unsigned units = ranged ? 1 + dice(r, 4) : 1;

        for (unsigned u = 0; u < units; u++) {
            unsigned pieces = ranged ? 1 : 1 + dice(r, 5);

            r->unit_table[r->nunits] = t;
            r->unit_pieces[r->nunits] = pieces;
            for (unsigned p = 0; p < pieces; p++)
                r->pieces[r->npieces++] = (struct piece){r->nunits, dice(r, ROWS)};
            r->nunits++;
        }
    }
    for (unsigned i = 0; i < nworkers; i++)
        r->workers[i].run = r;
    r->marks = marks_new(r->ntables, r->nunits, r->unit_table, r->unit_pieces, nworkers > 1, free);
}

/* One step of the worker, as snapshot_worker.c makes it. False: nothing is left for it. */
static bool
step(struct worker *w)
{
    const struct mark_says says = {emit, flush, w};
    struct run *r = w->run;
    struct err e = {0};

    if (!w->piece) {
        if (r->next == r->npieces)
            return false;
        w->piece = &r->pieces[r->next++];
        w->read = 0;
        return true;
    }
    if (w->read < w->piece->rows) {
        struct mark_row row = {.line = malloc(1),
                               .n = 1,
                               .number = ++r->total,
                               .table = r->unit_table[w->piece->unit],
                               .unit = w->piece->unit};
        bool mine = true, ok;

        w->read++;
        if (w->kept.line)
            ok = emit(w, &w->kept, SNAPSHOT_TRUE, false, &e);
        else if (w->read == 1)
            ok = marks_first_row(r->marks, &row, &mine, &says, &e);
        else
            ok = marks_second_row(r->marks, row.table, &says, &e);
        w->kept = mine ? row : (struct mark_row){0};
        if (dice(r, 3) == 0)
            flush(w);
        return ok;
    }
    flush(w);
    if (!marks_piece_done(r->marks, &w->kept, w->piece->unit, &says, &e)) {
        w->kept.line = NULL;
        return false;
    }
    w->kept = (struct mark_row){0};
    w->piece = NULL;
    return true;
}

static void
play(struct run *r)
{
    unsigned idle = 0;

    while (idle < 200) {
        if (step(&r->workers[dice(r, r->nworkers)]))
            idle = 0;
        else
            idle++;
    }
}

/* By the order in which rows came out. */
static void
judge(const struct run *r)
{
    uint64_t of_table[TABLES] = {0}, left[TABLES] = {0}, rows = 0, seen = 0;
    unsigned ends[UNITS] = {0};

    for (size_t i = 0; i < r->nout; i++)
        if (r->out[i].number) {
            left[r->out[i].table]++;
            rows++;
        }
    assert_int_equal(rows, r->total);
    for (size_t i = 0; i < r->nout; i++) {
        const struct said *s = &r->out[i];
        enum snapshot_marker want = SNAPSHOT_TRUE;

        assert_int_equal(ends[s->unit], 0);
        ends[s->unit] += s->ends;
        if (!s->number) {
            assert_true(s->ends);
            continue;
        }
        seen++;
        left[s->table]--;
        if (seen == rows)
            want = SNAPSHOT_LAST;
        else if (seen == 1 && (r->nworkers > 1 || s->table == 0))
            want = SNAPSHOT_FIRST;
        else if (left[s->table] == 0)
            want = SNAPSHOT_LAST_IN_COLLECTION;
        else if (of_table[s->table] == 0)
            want = SNAPSHOT_FIRST_IN_COLLECTION;
        of_table[s->table]++;
        if (s->marker != want)
            fail_msg("row %llu of %llu, table %zu: marker %s, not %s", (unsigned long long)seen,
                     (unsigned long long)rows, s->table, snapshot_marker_text(s->marker),
                     snapshot_marker_text(want));
    }
    for (size_t u = 0; u < r->nunits; u++)
        assert_int_equal(ends[u], 1);
}

static void
markers_are_right_in_any_order(void **state)
{
    static struct run r;

    (void)state;
    for (unsigned seed = 0; seed < 4000; seed++) {
        run_init(&r, seed, 1 + seed % WORKERS);
        play(&r);
        judge(&r);
        marks_free(r.marks);
    }
}

static void
one_worker_keeps_the_order(void **state)
{
    static struct run r;

    (void)state;
    for (unsigned seed = 0; seed < 500; seed++) {
        uint64_t last = 0;

        run_init(&r, seed, 1);
        play(&r);
        for (size_t i = 0; i < r.nout; i++)
            if (r.out[i].number) {
                assert_int_equal(r.out[i].number, last + 1);
                last++;
            }
        marks_free(r.marks);
    }
}

static void
a_stop_in_the_middle_leaks_no_row(void **state)
{
    static struct run r;

    (void)state;
    for (unsigned seed = 0; seed < 500; seed++) {
        run_init(&r, seed, 1 + seed % WORKERS);
        for (unsigned i = 0; i < 5 + seed % 40; i++)
            (void)step(&r.workers[dice(&r, r.nworkers)]);
        r.stop = true;
        for (unsigned i = 0; i < r.nworkers; i++)
            (void)step(&r.workers[i]);
        for (unsigned i = 0; i < r.nworkers; i++)
            free(r.workers[i].kept.line);
        marks_free(r.marks);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markers_are_right_in_any_order),
        cmocka_unit_test(one_worker_keeps_the_order),
        cmocka_unit_test(a_stop_in_the_middle_leaks_no_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
