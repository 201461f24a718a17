/*
 * Transaction metadata: what an open transaction has had so far, and what it had at a position that is to be stored.
 *
 * The counts stand in rows and in END, and Debezium stores them with its offset, so that a restart inside a transaction goes
 * on counting. What was counted is logged until a stored position passes it; the log is as long as what the sinks have not
 * acknowledged, which the ledger bounds.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "decoder/pgtext.h"
#include "replicator/pipeline_priv.h"

/* One counted change. */
struct count_entry {
    uint64_t commit_lsn, ordinal;
    const struct count_name *name;
    uint64_t events;
};

/* "schema.table": there are few, and they live as long as the pipeline. */
struct count_name {
    struct slice text;
    uint32_t hash; /* Java's */
};

/* Every message has a collection of its own in Debezium, named after a Java object's identity: here they share one. */
static const char count_messages[] =
    "io.debezium.connector.postgresql.LogicalDecodingMessageMonitor$LogicalDecodingMessageId@0";

/* ------------------------------------------------------------------------------------------------ names and sets */

static const struct count_name *
count_name(struct txn_counts *t, struct slice text)
{
    struct count_name *name = map_get(t->names, text);

    if (!name) {
        name = arena_alloc(&t->arena, sizeof(*name));
        name->text = arena_slice(&t->arena, text);
        name->hash = pgtext_java_hash(text);
        map_put(t->names, text, name);
    }
    return name;
}

static const struct count_name *
count_name_of(struct txn_counts *t, const struct plan *plan)
{
    const struct count_name *name;
    struct buf text;

    if (plan->kind == PLAN_MESSAGE)
        return count_name(t, slice_of(count_messages));
    buf_init(&text, plan->rel->schema.n + plan->rel->table.n + 2);
    buf_slice(&text, plan->rel->schema);
    buf_putc(&text, '.');
    buf_slice(&text, plan->rel->table);
    name = count_name(t, buf_view(&text));
    buf_free(&text);
    return name;
}

static size_t
count_find(struct count_set *s, const struct count_name *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->names[i] == name)
            return i;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 8;
        s->names = mem_grow(s->names, s->cap, sizeof(struct count_name *));
        s->collections = mem_grow(s->collections, s->cap, sizeof(*s->collections));
    }
    s->names[s->n] = name;
    s->collections[s->n] = (struct txn_collection){.name = name->text};
    return s->n++;
}

static void
count_add(struct count_set *s, size_t at, uint64_t events)
{
    s->collections[at].events += events;
    s->events += events;
}

static void
count_clear(struct count_set *s)
{
    s->n = 0;
    s->events = 0;
}

static void
count_set_free(struct count_set *s)
{
    free(s->names);
    free(s->collections);
}

/* ------------------------------------------------------------------------------------------------ the log */

static void
count_log(struct txn_counts *t, const struct count_entry *entry)
{
    if (!t->logs)
        return;
    if (t->log_tail - t->log_head == t->log_cap) {
        size_t cap = t->log_cap ? t->log_cap * 2 : 64;
        struct count_entry *bigger = mem_array(cap, sizeof(*bigger));

        for (size_t i = t->log_head; i != t->log_tail; i++)
            bigger[i & (cap - 1)] = t->log[i & (t->log_cap - 1)];
        free(t->log);
        t->log = bigger;
        t->log_cap = cap;
    }
    t->log[t->log_tail++ & (t->log_cap - 1)] = *entry;
}

struct txn_summary
pipeline_counts_at(struct pipeline *p, uint64_t commit_lsn, uint64_t ordinal)
{
    struct txn_counts *t = &p->counts;

    for (; t->log_head != t->log_tail; t->log_head++) {
        const struct count_entry *en = &t->log[t->log_head & (t->log_cap - 1)];

        if (en->commit_lsn > commit_lsn || (en->commit_lsn == commit_lsn && en->ordinal > ordinal))
            break;
        if (en->commit_lsn != t->stored_commit)
            count_clear(&t->stored);
        t->stored_commit = en->commit_lsn;
        count_add(&t->stored, count_find(&t->stored, en->name), en->events);
    }
    if (t->stored_commit != commit_lsn)
        count_clear(&t->stored);
    t->stored_commit = commit_lsn;
    return (struct txn_summary){t->stored.events, t->stored.n, t->stored.collections};
}

/* ------------------------------------------------------------------------------------------------ counting */

void
pipeline_count_init(struct pipeline *p)
{
    arena_init(&p->counts.arena);
    p->counts.names = map_new();
    p->counts.logs = p->parts.stores_positions;
}

void
pipeline_count_free(struct pipeline *p)
{
    struct txn_counts *t = &p->counts;

    count_set_free(&t->now);
    count_set_free(&t->stored);
    free(t->order);
    free(t->log);
    map_free(t->names, NULL);
    arena_free(&t->arena);
}

void
pipeline_count_restore(struct pipeline *p, uint64_t xid, const struct txn_summary *had)
{
    struct txn_counts *t = &p->counts;

    count_clear(&t->now);
    t->restored_xid = had ? xid : 0;
    for (size_t i = 0; had && i < had->ncollections; i++)
        count_add(&t->now, count_find(&t->now, count_name(t, had->collections[i].name)),
                  had->collections[i].events);
}

bool
pipeline_count_begin(struct pipeline *p)
{
    struct txn_counts *t = &p->counts;
    bool restored = t->restored_xid && t->restored_xid == p->txn.xid;

    t->last_plan = 0;
    t->restored_xid = 0;
    if (!restored) {
        count_clear(&t->now);
        return true;
    }
    for (size_t i = 0; i < t->now.n; i++)
        count_log(t, &(struct count_entry){p->txn.commit_lsn, 0, t->now.names[i],
                                           t->now.collections[i].events});
    return false;
}

void
pipeline_count_block(struct pipeline *p, struct change *c)
{
    struct txn_counts *t = &p->counts;
    bool message = c->plan->kind == PLAN_MESSAGE;

    if (t->last_plan != c->plan->id)
        t->current = count_find(&t->now, count_name_of(t, c->plan));
    t->last_plan = c->plan->id;
    t->block = (struct txn_block){t->now.events + 1,
                                  message ? 1 : t->now.collections[t->current].events + 1};
    c->block = &t->block;
}

/* A key change is two events, a tombstone none. Sinks differ in how they say a change; the one that says most counts. */
void
pipeline_count_records(struct pipeline *p)
{
    struct txn_counts *t = &p->counts;
    uint64_t most = 0;

    for (unsigned i = 0; i < p->parts.nsinks; i++) {
        uint64_t n = p->out[i].hidden;

        for (size_t k = 0; k < p->out[i].n; k++)
            n += !p->out[i].recs[k].null_value;
        most = n > most ? n : most;
    }
    if (!most)
        return;
    count_add(&t->now, t->current, most);
    count_log(t,
              &(struct count_entry){p->txn.commit_lsn, p->ordinal, t->now.names[t->current], most});
}

/* ------------------------------------------------------------------------------------------------ END */

struct count_place {
    uint32_t bucket;
    size_t at;
};

static int
count_compare(const void *a, const void *b)
{
    const struct count_place *x = a, *y = b;

    if (x->bucket != y->bucket)
        return x->bucket < y->bucket ? -1 : 1;
    return x->at < y->at ? -1 : 1;
}

/* Debezium keeps them in a java.util.HashMap that it empties after each transaction: it stays as large as it once was. */
struct txn_summary
pipeline_count_summary(struct pipeline *p)
{
    struct txn_counts *t = &p->counts;
    size_t n = 0;
    uint32_t table = pgtext_java_table(JAVA_TABLE_DEFAULT, t->now.n);
    struct count_place *places = mem_array(t->now.n + 1, sizeof(*places));

    t->java_table = table > t->java_table ? table : t->java_table;
    for (size_t i = 0; i < t->now.n; i++)
        if (t->now.collections[i].events) /* a change that could not be said counts for nothing */
            places[n++] =
                (struct count_place){pgtext_java_bucket(t->now.names[i]->hash, t->java_table), i};
    qsort(places, n, sizeof(*places), count_compare);
    t->order = mem_grow(t->order, n + 1, sizeof(*t->order));
    for (size_t i = 0; i < n; i++)
        t->order[i] = t->now.collections[places[i].at];
    free(places);
    return (struct txn_summary){t->now.events, n, t->order};
}
