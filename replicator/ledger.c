#include "replicator/ledger.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"

/*
 * Two rings of powers of two: entries by ticket, transactions by number. Entries leave at the head once delivered, so a
 * slow partition keeps those behind it in the ring; the byte limit alone would not bound that, hence the count.
 */
enum { LED_ENTRIES_MAX = 1 << 20 };

struct led_entry {
    uint64_t lsn;
    uint64_t ordinal;
    uint32_t bytes;
    uint16_t acks; /* still awaited */
    uint8_t type;
};

struct led_slot {
    struct led_txn txn;
    uint64_t end_lsn; /* 0: its commit has not come yet */
    bool has_record;  /* one of its entries, already off the head, was no note */
    uint64_t last;    /* ticket behind its last entry; known at its end */
};

struct led_note {
    uint64_t ticket, mark;
};

struct ledger {
    struct led_note *marks; /* [mark_head, mark_tail) of a growing ring, tickets ascending */
    uint64_t mark_mask, mark_head, mark_tail;
    struct led_entry *entries;
    uint64_t mask;       /* entries' capacity - 1 */
    uint64_t head, tail; /* tickets: [head, tail) are in the ring */
    struct led_slot *txns;
    uint64_t txn_mask, txn_head, txn_tail;
    bool open; /* the newest transaction has not committed */
    uint64_t limit, bytes, pending;
    struct led_position pos;
    bool changed;
    uint64_t quiet; /* beyond pos.flush_lsn when no record has come since */
    uint64_t stored;
};

struct ledger *
led_new(uint64_t limit_bytes)
{
    struct ledger *l = mem_alloc(sizeof(*l));

    l->limit = limit_bytes;
    l->mask = 1023;
    l->entries = mem_array(l->mask + 1, sizeof(*l->entries));
    l->txn_mask = 63;
    l->txns = mem_array(l->txn_mask + 1, sizeof(*l->txns));
    l->mark_mask = 15;
    l->marks = mem_array(l->mark_mask + 1, sizeof(*l->marks));
    return l;
}

void
led_free(struct ledger *l)
{
    if (!l)
        return;
    free(l->entries);
    free(l->txns);
    free(l->marks);
    free(l);
}

void
led_start(struct ledger *l, uint64_t flush_lsn, uint64_t commit_end)
{
    l->pos.commit_end = commit_end;
    l->pos.flush_lsn = flush_lsn;
    l->stored = flush_lsn;
}

static void
led_grow_entries(struct ledger *l)
{
    struct led_entry *bigger = mem_array((l->mask + 1) * 2, sizeof(*bigger));
    uint64_t mask = l->mask * 2 + 1;

    for (uint64_t t = l->head; t != l->tail; t++)
        bigger[t & mask] = l->entries[t & l->mask];
    free(l->entries);
    l->entries = bigger;
    l->mask = mask;
}

static void
led_grow_txns(struct ledger *l)
{
    struct led_slot *bigger = mem_array((l->txn_mask + 1) * 2, sizeof(*bigger));
    uint64_t mask = l->txn_mask * 2 + 1;

    for (uint64_t t = l->txn_head; t != l->txn_tail; t++)
        bigger[t & mask] = l->txns[t & l->txn_mask];
    free(l->txns);
    l->txns = bigger;
    l->txn_mask = mask;
}

static void
led_flush_to(struct ledger *l, uint64_t lsn)
{
    if (lsn > l->pos.flush_lsn) {
        l->pos.flush_lsn = lsn;
        l->changed = true;
    }
}

/* Everything up to here is done with, and no record stands here. */
static void
led_quiet_at(struct ledger *l, uint64_t lsn)
{
    if (lsn > l->quiet)
        l->quiet = lsn;
}

static void
led_stand_at(struct ledger *l, struct led_slot *t, uint64_t ticket)
{
    const struct led_entry *en = &l->entries[ticket & l->mask];

    t->has_record = true;
    l->pos.lsn = en->lsn;
    l->pos.ordinal = en->ordinal;
    l->pos.type = (enum led_type)en->type;
    l->pos.txn = t->txn;
    led_flush_to(l, l->quiet);
    l->changed = true;
}

void
led_mark(struct ledger *l, uint64_t mark)
{
    struct led_note *last = &l->marks[(l->mark_tail - 1) & l->mark_mask];

    assert(mark > l->pos.mark);
    if (l->mark_tail > l->mark_head && last->ticket == l->tail) {
        last->mark = mark;
        return;
    }
    if (l->mark_tail - l->mark_head > l->mark_mask) {
        struct led_note *bigger = mem_array((l->mark_mask + 1) * 2, sizeof(*bigger));

        for (uint64_t i = l->mark_head; i != l->mark_tail; i++)
            bigger[i & (l->mark_mask * 2 + 1)] = l->marks[i & l->mark_mask];
        free(l->marks);
        l->marks = bigger;
        l->mark_mask = l->mark_mask * 2 + 1;
    }
    l->marks[l->mark_tail++ & l->mark_mask] = (struct led_note){l->tail, mark};
}

/* Marks whose entry is delivered. */
static void
led_settle_marks(struct ledger *l)
{
    while (l->mark_head != l->mark_tail && l->marks[l->mark_head & l->mark_mask].ticket < l->head) {
        l->pos.mark = l->marks[l->mark_head++ & l->mark_mask].mark;
        l->changed = true;
    }
}

/*
 * Takes delivered entries off the head and finished transactions with them. Done when somebody asks, not with every ack:
 * acks come by the hundred thousand, questions by the hundred.
 */
static void
led_settle_entries(struct ledger *l)
{
    while (l->txn_head != l->txn_tail) {
        struct led_slot *t = &l->txns[l->txn_head & l->txn_mask];
        uint64_t last = t->end_lsn ? t->last : l->tail, record = UINT64_MAX;

        for (; l->head != last && l->entries[l->head & l->mask].acks == 0; l->head++)
            if (l->entries[l->head & l->mask].type != LED_NOTE)
                record = l->head;
        if (record != UINT64_MAX)
            led_stand_at(l, t, record);
        if (l->head != last || t->end_lsn == 0)
            return;
        if (t->end_lsn > l->pos.commit_end)
            l->pos.commit_end = t->end_lsn;
        if (!t->has_record)
            led_quiet_at(l, t->end_lsn);
        else
            led_flush_to(l, t->end_lsn);
        l->txn_head++;
    }
}

static void
led_settle(struct ledger *l)
{
    led_settle_entries(l);
    led_settle_marks(l);
}

void
led_begin(struct ledger *l, const struct led_txn *t)
{
    assert(!l->open);
    if (l->txn_tail - l->txn_head > l->txn_mask) {
        led_settle(l);
        if (l->txn_tail - l->txn_head > l->txn_mask)
            led_grow_txns(l);
    }
    l->txns[l->txn_tail & l->txn_mask] = (struct led_slot){.txn = *t};
    l->txn_tail++;
    l->open = true;
}

uint64_t
led_open(struct ledger *l, enum led_type type, uint64_t lsn, uint64_t ordinal, unsigned acks,
         uint32_t bytes)
{
    uint64_t ticket = l->tail;

    assert(l->open);
    assert(acks <= UINT16_MAX);
    if (l->tail - l->head > l->mask) {
        led_settle(l);
        if (l->tail - l->head > l->mask)
            led_grow_entries(l);
    }
    l->entries[ticket & l->mask] = (struct led_entry){
        .lsn = lsn,
        .ordinal = ordinal,
        .bytes = acks ? bytes : 0,
        .acks = (uint16_t)acks,
        .type = (uint8_t)type,
    };
    l->tail++;
    if (acks) {
        l->pending++;
        l->bytes += bytes;
    }
    return ticket;
}

bool
led_ack(struct ledger *l, uint64_t ticket, unsigned n, struct err *e)
{
    struct led_entry *en = &l->entries[ticket & l->mask];

    if (ticket - l->head >= l->tail - l->head || en->acks < n)
        return err_set(e, ERR_BUG, "ledger.ack", "%u acks for ticket %" PRIu64 ", which awaits %u",
                       n, ticket, ticket - l->head < l->tail - l->head ? en->acks : 0u);
    en->acks = (uint16_t)(en->acks - n);
    if (en->acks)
        return true;
    l->pending--;
    l->bytes -= en->bytes;
    return true;
}

void
led_commit(struct ledger *l, uint64_t end_lsn)
{
    assert(l->open);
    l->open = false;
    l->txns[(l->txn_tail - 1) & l->txn_mask].last = l->tail;
    l->txns[(l->txn_tail - 1) & l->txn_mask].end_lsn = end_lsn;
}

uint64_t
led_open_single(struct ledger *l, const struct led_txn *t, enum led_type type, uint64_t lsn,
                uint64_t end_lsn, unsigned acks, uint32_t bytes)
{
    uint64_t ticket;

    led_begin(l, t);
    ticket = led_open(l, type, lsn, 0, acks, bytes);
    led_commit(l, end_lsn);
    return ticket;
}

uint64_t
led_open_note(struct ledger *l, unsigned acks, uint32_t bytes)
{
    /* The smallest end there is: it never moves the flush LSN. */
    return led_open_single(l, &(struct led_txn){0}, LED_NOTE, 0, 1, acks, bytes);
}

bool
led_keepalive(struct ledger *l, uint64_t wal_end)
{
    led_settle(l);
    if (!led_idle(l) || wal_end <= l->pos.flush_lsn || wal_end <= l->quiet)
        return false;
    led_quiet_at(l, wal_end);
    return true;
}

bool
led_full(const struct ledger *l)
{
    return l->bytes >= l->limit || (l->tail - l->head >= LED_ENTRIES_MAX && l->pending > 0);
}

bool
led_in_txn(const struct ledger *l)
{
    return l->open;
}

bool
led_idle(const struct ledger *l)
{
    return l->pending == 0 && !l->open;
}

uint64_t
led_pending(const struct ledger *l)
{
    return l->pending;
}

uint64_t
led_pending_bytes(const struct ledger *l)
{
    return l->bytes;
}

uint64_t
led_next(const struct ledger *l)
{
    return l->tail;
}

uint64_t
led_delivered(struct ledger *l)
{
    led_settle(l);
    return l->head;
}

bool
led_position(struct ledger *l, struct led_position *out)
{
    led_settle(l);
    if (!l->changed)
        return false;
    l->changed = false;
    *out = l->pos;
    return true;
}

bool
led_quiet(struct ledger *l, struct led_position *out, uint64_t *lsn)
{
    led_settle(l);
    *out = l->pos;
    *lsn = l->quiet;
    return l->quiet > l->pos.flush_lsn;
}

void
led_stored(struct ledger *l, uint64_t flush_lsn)
{
    assert(flush_lsn <= l->pos.flush_lsn || flush_lsn <= l->quiet);
    if (flush_lsn > l->stored)
        l->stored = flush_lsn;
}

uint64_t
led_flush_lsn(const struct ledger *l)
{
    return l->stored;
}
