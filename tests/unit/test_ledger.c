/* The laws of replicator/ledger.h, one by one, and then a random walk beside a model that is too simple to be wrong. */
#include "replicator/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LIMIT = 1000000 };

static int
setup(void **state)
{
    *state = led_new(LIMIT);
    return 0;
}

static int
teardown(void **state)
{
    led_free(*state);
    return 0;
}

static struct led_txn
txn(uint64_t commit_lsn)
{
    return (struct led_txn){.commit_lsn = commit_lsn, .commit_us = 1000, .xid = commit_lsn + 1};
}

static void
begin(struct ledger *l, uint64_t commit_lsn)
{
    struct led_txn t = txn(commit_lsn);

    led_begin(l, &t);
}

static void
ack(struct ledger *l, uint64_t ticket, unsigned n)
{
    struct err e = {0};

    if (!led_ack(l, ticket, n, &e))
        fail_msg("%s", e.msg);
}

static struct led_position
position(struct ledger *l)
{
    struct led_position p = {0};

    assert_true(led_position(l, &p));
    return p;
}

/* Where no record stands, beyond the position, which is in *p. */
static uint64_t
quiet(struct ledger *l, struct led_position *p)
{
    uint64_t lsn;

    assert_true(led_quiet(l, p, &lsn));
    return lsn;
}

static void
unchanged(struct ledger *l)
{
    struct led_position p;

    assert_false(led_position(l, &p));
}

/* ------------------------------------------------------------------------------------------------ the laws */

static void
acks_arrive_in_any_order(void **state)
{
    struct ledger *l = *state;
    uint64_t t[4];
    struct led_position p;

    begin(l, 100);
    for (uint64_t i = 0; i < 4; i++)
        t[i] = led_open(l, LED_INSERT, 10 + i, i + 1, 1, 10);
    led_commit(l, 120);
    ack(l, t[3], 1);
    ack(l, t[1], 1);
    unchanged(l);
    ack(l, t[0], 1);
    p = position(l);
    assert_int_equal(p.lsn, 11);
    assert_int_equal(p.ordinal, 2);
    assert_int_equal(p.flush_lsn, 0);
    ack(l, t[2], 1);
    p = position(l);
    assert_int_equal(p.lsn, 13);
    assert_int_equal(p.ordinal, 4);
    assert_int_equal(p.txn.commit_lsn, 100);
    assert_int_equal(p.commit_end, 120);
    assert_int_equal(p.flush_lsn, 120);
    assert_true(led_idle(l));
}

static void
acks_arrive_in_batches(void **state)
{
    struct ledger *l = *state;
    uint64_t t;

    begin(l, 100);
    t = led_open(l, LED_UPDATE, 10, 1, 6, 10);
    ack(l, t, 2);
    ack(l, t, 3);
    unchanged(l);
    assert_int_equal(led_pending(l), 1);
    ack(l, t, 1);
    assert_int_equal(position(l).type, LED_UPDATE);
    assert_int_equal(led_pending(l), 0);
}

static void
more_acks_than_awaited_are_a_bug(void **state)
{
    struct ledger *l = *state;
    struct err e = {0};
    uint64_t t;

    begin(l, 100);
    t = led_open(l, LED_INSERT, 10, 1, 2, 10);
    assert_false(led_ack(l, t, 3, &e));
    assert_int_equal(e.cls, ERR_BUG);
    assert_string_equal(e.code, "ledger.ack");
    ack(l, t, 2);
    assert_false(led_ack(l, t, 1, &e));
    assert_false(led_ack(l, t + 1, 1, &e));
    assert_false(led_ack(l, t - 1, 1, &e));
    assert_false(led_ack(l, UINT64_MAX, 1, &e));
}

static void
a_keepalive_counts_only_when_nothing_is_pending(void **state)
{
    struct ledger *l = *state;
    uint64_t t;
    struct led_position p;

    assert_true(led_keepalive(l, 50));
    assert_int_equal(quiet(l, &p), 50);
    unchanged(l);
    begin(l, 100);
    assert_false(led_keepalive(l, 60));
    t = led_open(l, LED_INSERT, 10, 1, 1, 10);
    assert_false(led_keepalive(l, 60));
    ack(l, t, 1);
    assert_false(led_keepalive(l, 60)); /* delivered, but the transaction is open */
    led_commit(l, 120);
    assert_int_equal(position(l).flush_lsn, 120);
    t = led_open_single(l, &(struct led_txn){.commit_lsn = 130}, LED_MESSAGE, 130, 131, 1, 10);
    assert_false(led_keepalive(l, 140)); /* a message outside of any transaction is an entry too */
    ack(l, t, 1);
    assert_true(led_keepalive(l, 140));
    assert_int_equal(quiet(l, &p), 140);
    assert_int_equal(p.flush_lsn, 131);
    assert_int_equal(p.commit_end, 131);
}

static void
a_keepalive_never_goes_back(void **state)
{
    struct ledger *l = *state;
    struct led_position p;

    assert_true(led_keepalive(l, 50));
    assert_int_equal(quiet(l, &p), 50);
    assert_false(led_keepalive(l, 50));
    assert_false(led_keepalive(l, 49));
    unchanged(l);
}

static void
a_filtered_transaction_is_finished_at_its_commit(void **state)
{
    struct ledger *l = *state;
    struct led_position p;

    begin(l, 100);
    unchanged(l);
    assert_false(led_idle(l));
    led_commit(l, 120);
    unchanged(l);
    assert_int_equal(quiet(l, &p), 120);
    assert_int_equal(p.commit_end, 120);
    assert_true(led_idle(l));
}

static void
a_filtered_transaction_waits_for_those_before_it(void **state)
{
    struct ledger *l = *state;
    uint64_t t;
    struct led_position p;

    begin(l, 100);
    t = led_open(l, LED_DELETE, 10, 1, 1, 10);
    led_commit(l, 120);
    begin(l, 200);
    led_commit(l, 220);
    unchanged(l);
    ack(l, t, 1);
    p = position(l);
    assert_int_equal(p.flush_lsn, 120);
    assert_int_equal(p.lsn, 10);
    assert_int_equal(quiet(l, &p), 220);
    assert_int_equal(p.commit_end, 220);
}

static void
an_entry_without_records_needs_no_ack(void **state)
{
    struct ledger *l = *state;
    struct led_position p;
    uint64_t t;

    begin(l, 100);
    led_open(l, LED_INSERT, 10, 1, 0, 99);
    assert_int_equal(position(l).lsn, 10);
    t = led_open(l, LED_INSERT, 11, 2, 1, 10);
    led_open(l, LED_INSERT, 12, 3, 0, 99);
    unchanged(l);
    assert_int_equal(led_pending_bytes(l), 10);
    ack(l, t, 1);
    p = position(l);
    assert_int_equal(p.lsn, 12);
    assert_int_equal(p.ordinal, 3);
}

static void
acks_release_bytes_one_by_one(void **state)
{
    struct ledger *l = *state;
    uint64_t t[3];

    begin(l, 100);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(led_full(l), i >= 2);
        t[i] =
            led_open(l, LED_INSERT, 10 + i, i + 1, 1, LIMIT / 2); /* full or not: never dropped */
    }
    assert_true(led_full(l));
    assert_int_equal(led_pending_bytes(l), LIMIT / 2 * 3);
    ack(l, t[2], 1);
    assert_true(led_full(l)); /* exactly the limit */
    ack(l, t[0], 1);
    assert_false(led_full(l));
    assert_true(led_in_txn(l));
    ack(l, t[1], 1);
    assert_int_equal(led_pending_bytes(l), 0);
}

static void
one_slow_record_does_not_let_the_ring_grow_for_ever(void **state)
{
    struct ledger *l = *state;
    uint64_t first;
    uint64_t n = 1;

    begin(l, 100);
    first = led_open(l, LED_INSERT, 10, 1, 1, 1);
    for (; !led_full(l) && n < 1u << 22; n++)
        ack(l, led_open(l, LED_INSERT, 10, n + 1, 1, 1), 1);
    assert_true(n <= 1u << 21);
    unchanged(l);
    ack(l, first, 1);
    assert_int_equal(position(l).ordinal, n);
    assert_false(led_full(l));
}

static void
the_server_is_told_what_is_stored(void **state)
{
    struct ledger *l = *state;
    uint64_t t;

    led_start(l, 90, 88);
    assert_int_equal(led_flush_lsn(l), 90);
    begin(l, 100);
    t = led_open(l, LED_INSERT, 10, 1, 1, 10);
    led_commit(l, 120);
    ack(l, t, 1);
    assert_int_equal(position(l).flush_lsn, 120);
    assert_int_equal(led_flush_lsn(l), 90);
    led_stored(l, 120);
    assert_int_equal(led_flush_lsn(l), 120);
    led_stored(l, 90); /* an older store that ends later */
    assert_int_equal(led_flush_lsn(l), 120);
}

static void
a_position_inside_a_transaction_does_not_move_the_flush_lsn(void **state)
{
    struct ledger *l = *state;
    struct led_position p;
    uint64_t t;

    led_start(l, 90, 88);
    begin(l, 100);
    t = led_open(l, LED_INSERT, 95, 1, 1, 10);
    ack(l, t, 1);
    p = position(l);
    assert_int_equal(p.lsn, 95);
    assert_int_equal(p.flush_lsn, 90);
    assert_int_equal(p.commit_end, 88);
}

static void
many_transactions_fit(void **state)
{
    struct ledger *l = *state;
    enum { N = 3000 };
    static uint64_t t[N];

    for (uint64_t i = 0; i < N; i++) {
        begin(l, 100 * i + 50);
        t[i] = led_open(l, LED_INSERT, 100 * i + 10, 1, 1, 1);
        led_commit(l, 100 * i + 60);
    }
    assert_int_equal(led_pending(l), N);
    for (uint64_t i = N; i-- > 1;)
        ack(l, t[i], 1);
    unchanged(l);
    ack(l, t[0], 1);
    assert_int_equal(position(l).flush_lsn, 100 * (N - 1) + 60);
    assert_true(led_idle(l));
}

/* ------------------------------------------------------------------------------------------------ a random walk */

/* The model keeps everything and looks at all of it, every time. */
enum { MODEL_MAX = 4000 };

struct model_entry {
    uint64_t ticket, lsn, ordinal;
    unsigned acks;
    unsigned txn;
};

struct model_txn {
    uint64_t commit_lsn, end_lsn; /* 0: open */
    unsigned entries;
};

struct model {
    struct model_entry entries[MODEL_MAX];
    struct model_txn txns[MODEL_MAX];
    unsigned n, ntxns;
    uint64_t keepalive;       /* the last one that counted */
    unsigned keepalive_after; /* transactions finished by then */
    uint64_t received;
};

struct expected {
    uint64_t lsn, ordinal, flush, pending;
    bool nothing;
};

static void
model_expect(const struct model *m, struct expected *x)
{
    unsigned at = 0;

    *x = (struct expected){0};
    for (unsigned i = 0; i < m->n; i++)
        x->pending += m->entries[i].acks != 0;
    for (unsigned t = 0; t < m->ntxns; t++) {
        for (unsigned k = 0; k < m->txns[t].entries; k++, at++) {
            if (m->entries[at].acks)
                return;
            x->lsn = m->entries[at].lsn;
            x->ordinal = m->entries[at].ordinal;
            x->nothing = false;
        }
        if (!m->txns[t].end_lsn)
            return;
        if (m->txns[t].end_lsn > x->flush) {
            x->flush = m->txns[t].end_lsn;
            if (!m->txns[t].entries) {
                x->lsn = x->flush;
                x->ordinal = 0;
                x->nothing = true;
            }
        }
        if (m->keepalive_after == t + 1 && m->keepalive > x->flush) {
            x->flush = x->lsn = m->keepalive;
            x->ordinal = 0;
            x->nothing = true;
        }
    }
}

struct walk {
    struct ledger *l;
    struct model *m;
    uint64_t seed, lsn, ordinal;
    bool open;
    struct led_position pos; /* as last reported */
    bool quiet;              /* no record stands there */
};

static uint64_t
draw(struct walk *w, uint64_t below)
{
    w->seed = w->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (w->seed >> 33) % below;
}

static void
walk_open(struct walk *w)
{
    unsigned acks = (unsigned)draw(w, 4);
    uint64_t ticket;

    if (!w->open || w->m->n == MODEL_MAX)
        return;
    ticket = led_open(w->l, LED_INSERT, w->lsn += 8, ++w->ordinal, acks, 1);
    w->m->entries[w->m->n++] = (struct model_entry){ticket, w->lsn, w->ordinal, acks, w->m->ntxns};
    w->m->txns[w->m->ntxns - 1].entries++;
}

static void
walk_begin(struct walk *w)
{
    if (w->open || w->m->ntxns == MODEL_MAX)
        return;
    begin(w->l, w->lsn + 1000);
    w->m->txns[w->m->ntxns++] = (struct model_txn){.commit_lsn = w->lsn + 1000};
    w->open = true;
    w->ordinal = 0;
}

static void
walk_commit(struct walk *w)
{
    if (!w->open)
        return;
    w->lsn += 8;
    led_commit(w->l, w->lsn);
    w->m->txns[w->m->ntxns - 1].end_lsn = w->lsn;
    w->open = false;
}

static void
walk_single(struct walk *w)
{
    struct led_txn t = {.commit_lsn = w->lsn += 8};
    uint64_t ticket;

    if (w->open || w->m->n == MODEL_MAX || w->m->ntxns == MODEL_MAX)
        return;
    ticket = led_open_single(w->l, &t, LED_MESSAGE, w->lsn, w->lsn + 1, 1, 1);
    w->m->entries[w->m->n++] = (struct model_entry){ticket, w->lsn, 0, 1, w->m->ntxns};
    w->m->txns[w->m->ntxns++] = (struct model_txn){w->lsn, w->lsn + 1, 1};
    w->lsn += 8;
}

static void
walk_ack(struct walk *w)
{
    unsigned i, n;

    if (!w->m->n)
        return;
    i = (unsigned)draw(w, w->m->n);
    /* Mostly what is near the head, else the walk never gets on. */
    if (draw(w, 3))
        for (i = 0; i < w->m->n - 1 && !w->m->entries[i].acks;)
            i++;
    if (!w->m->entries[i].acks)
        return;
    n = 1 + (unsigned)draw(w, w->m->entries[i].acks);
    ack(w->l, w->m->entries[i].ticket, n);
    w->m->entries[i].acks -= n;
}

static void
walk_keepalive(struct walk *w)
{
    struct expected x;
    bool idle, moved;

    model_expect(w->m, &x);
    idle = !w->open && x.pending == 0;
    w->lsn += 8;
    moved = led_keepalive(w->l, w->lsn);
    assert_int_equal(moved, idle);
    if (moved && w->m->ntxns) {
        w->m->keepalive = w->lsn;
        w->m->keepalive_after = w->m->ntxns;
    }
}

static void
walk_check(struct walk *w)
{
    struct expected x;
    struct led_position p;
    uint64_t lsn;

    model_expect(w->m, &x);
    if (led_position(w->l, &p)) {
        assert_true(p.flush_lsn >= w->pos.flush_lsn);
        assert_true(p.commit_end >= w->pos.commit_end);
        w->pos = p;
        w->quiet = false;
    }
    if (led_quiet(w->l, &p, &lsn)) {
        assert_true(lsn > p.flush_lsn);
        w->pos.lsn = w->pos.flush_lsn = lsn;
        w->pos.ordinal = 0;
        w->quiet = true;
    }
    assert_int_equal(w->pos.flush_lsn, x.flush);
    assert_int_equal(w->pos.lsn, x.lsn);
    assert_int_equal(w->pos.ordinal, x.ordinal);
    assert_int_equal(w->quiet, x.nothing);
    assert_int_equal(led_pending(w->l), x.pending);
    assert_int_equal(led_in_txn(w->l), w->open);
    assert_true(w->pos.flush_lsn <= w->lsn && w->pos.lsn <= w->lsn);
    assert_true(led_flush_lsn(w->l) <= w->pos.flush_lsn);
    if (draw(w, 8) == 0)
        led_stored(w->l, w->pos.flush_lsn);
}

static void
a_random_walk_agrees_with_the_model(void **state)
{
    static void (*const steps[])(struct walk *) = {walk_open,   walk_open,   walk_begin,
                                                   walk_commit, walk_ack,    walk_ack,
                                                   walk_ack,    walk_single, walk_keepalive};

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct walk w = {.l = led_new(LIMIT), .seed = seed, .lsn = 8};

        w.m = calloc(1, sizeof(*w.m));
        assert_non_null(w.m);
        /* The model counts keepalives behind a transaction. */
        walk_begin(&w);
        walk_commit(&w);
        for (int i = 0; i < 1500; i++) {
            steps[draw(&w, sizeof(steps) / sizeof(*steps))](&w);
            walk_check(&w);
        }
        free(w.m);
        led_free(w.l);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void
a_mark_is_true_with_the_entry_behind_it_and_all_before(void **state)
{
    struct ledger *l = *state;
    uint64_t a, read, b;

    begin(l, 100);
    a = led_open(l, LED_INSERT, 90, 1, 1, 10);
    led_mark(l, 1);
    led_mark(l, 2); /* the later one counts */
    read = led_open(l, LED_NOTE, 95, 1, 1, 10);
    b = led_open(l, LED_INSERT, 95, 2, 1, 10);
    led_commit(l, 110);
    ack(l, read, 1);
    ack(l, b, 1);
    assert_false(led_position(l, &(struct led_position){0}));
    ack(l, a, 1);
    assert_int_equal(position(l).mark, 2);
}

static void
a_note_moves_the_mark_and_not_the_position(void **state)
{
    struct ledger *l = *state;
    struct led_position p;
    uint64_t a, read;

    begin(l, 100);
    a = led_open(l, LED_INSERT, 90, 1, 1, 10);
    ack(l, a, 1);
    assert_int_equal(position(l).mark, 0);
    for (uint64_t m = 1; m < 100; m++) {
        led_mark(l, m);
        read = led_open(l, LED_NOTE, 95, 1, 1, 10);
        if (m > 1)
            ack(l, read, 1);
        else
            a = read;
    }
    assert_false(led_position(l, &p));
    ack(l, a, 1);
    p = position(l);
    assert_int_equal(p.mark, 99);
    assert_int_equal(p.lsn, 90);
    assert_int_equal(p.ordinal, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_mark_is_true_with_the_entry_behind_it_and_all_before,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_note_moves_the_mark_and_not_the_position, setup,
                                        teardown),
        T(acks_arrive_in_any_order),
        T(acks_arrive_in_batches),
        T(more_acks_than_awaited_are_a_bug),
        T(a_keepalive_counts_only_when_nothing_is_pending),
        T(a_keepalive_never_goes_back),
        T(a_filtered_transaction_is_finished_at_its_commit),
        T(a_filtered_transaction_waits_for_those_before_it),
        T(an_entry_without_records_needs_no_ack),
        T(acks_release_bytes_one_by_one),
        T(one_slow_record_does_not_let_the_ring_grow_for_ever),
        T(the_server_is_told_what_is_stored),
        T(a_position_inside_a_transaction_does_not_move_the_flush_lsn),
        T(many_transactions_fit),
        cmocka_unit_test(a_random_walk_agrees_with_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
