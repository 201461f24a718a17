#include "sinks/bigquery/feeds.h"

#include <string.h>

#include "base/num.h"

#define COUNT(v) (sizeof(v) / sizeof(*(v)))

static struct slice
number(struct bq_scratch *s, uint64_t v)
{
    return (struct slice){s->bytes, num_u64(s->bytes, v)};
}

static struct slice
signed_number(struct bq_scratch *s, int64_t v)
{
    unsigned neg = v < 0;

    s->bytes[0] = '-';
    return (struct slice){s->bytes,
                          neg + num_u64(s->bytes + neg, neg ? -(uint64_t)v : (uint64_t)v)};
}

#define FEED(name)                                                                                 \
    static bool name(const struct change *c, enum change_op op, unsigned index,                    \
                     struct bq_scratch *s, struct slice *out)
#define UNUSED3(a, b, d) ((void)(a), (void)(b), (void)(d))

FEED(feed_op)
{
    UNUSED3(c, index, out);
    s->bytes[0] = (char)op;
    *out = (struct slice){s->bytes, 1};
    return true;
}

FEED(feed_seq)
{
    (void)op;
    *out = (struct slice){s->bytes, bq_seq(s->bytes, &c->id, index)};
    return true;
}

FEED(feed_ts_ms)
{
    UNUSED3(op, index, out);
    *out = signed_number(s, c->now_ns / 1000000);
    return true;
}

FEED(feed_ts_us)
{
    UNUSED3(op, index, out);
    *out = signed_number(s, c->now_ns / 1000);
    return true;
}

FEED(feed_ts_ns)
{
    UNUSED3(op, index, out);
    *out = signed_number(s, c->now_ns);
    return true;
}

FEED(feed_source_ts_ms)
{
    UNUSED3(op, index, out);
    *out = signed_number(s, c->txn ? c->txn->commit_us / 1000 : c->now_ns / 1000000);
    return true;
}

FEED(feed_source_ts_us)
{
    UNUSED3(op, index, out);
    *out = signed_number(s, c->txn ? c->txn->commit_us : c->now_ns / 1000);
    return true;
}

/* A snapshot's rows were committed at some time nobody knows. */
FEED(feed_commit_us)
{
    UNUSED3(op, index, out);
    if (c->id.snapshot || !c->txn)
        return false;
    *out = signed_number(s, c->txn->commit_us);
    return true;
}

FEED(feed_lsn)
{
    UNUSED3(op, index, out);
    *out = number(s, c->lsn);
    return true;
}

FEED(feed_commit_lsn)
{
    UNUSED3(op, index, out);
    *out = number(s, c->id.commit_lsn);
    return true;
}

FEED(feed_txid)
{
    UNUSED3(op, index, out);
    if (!c->txn || c->txn->xid == 0)
        return false;
    *out = number(s, c->txn->xid);
    return true;
}

FEED(feed_schema)
{
    UNUSED3(op, index, s);
    *out = c->plan->rel->schema;
    return true;
}

FEED(feed_table)
{
    UNUSED3(op, index, s);
    *out = c->plan->rel->table;
    return true;
}

/* "schema.table"; only names too long for the scratch are cut, and PostgreSQL's are 63 bytes at most. */
FEED(feed_full_table)
{
    const struct relation *rel = c->plan->rel;
    size_t n = rel->schema.n + 1 + rel->table.n;

    UNUSED3(op, index, out);
    if (n > sizeof(s->bytes)) {
        *out = rel->table;
        return true;
    }
    memcpy(s->bytes, rel->schema.p, rel->schema.n);
    s->bytes[rel->schema.n] = '.';
    memcpy(s->bytes + rel->schema.n + 1, rel->table.p, rel->table.n);
    *out = (struct slice){s->bytes, n};
    return true;
}

FEED(feed_db)
{
    UNUSED3(op, index, s);
    *out = slice_of(c->plan->settings->database);
    return true;
}

FEED(feed_name)
{
    UNUSED3(op, index, s);
    *out = slice_of(c->plan->settings->prefix);
    return true;
}

FEED(feed_snapshot_marker)
{
    UNUSED3(op, index, s);
    *out = slice_of(snapshot_marker_text(c->snapshot));
    return true;
}

FEED(feed_snapshot)
{
    UNUSED3(op, index, s);
    *out = c->snapshot == SNAPSHOT_FALSE ? SLICE_LIT("f") : SLICE_LIT("t");
    return true;
}

FEED(feed_deleted)
{
    UNUSED3(c, index, s);
    *out = op == OP_DELETE ? SLICE_LIT("t") : SLICE_LIT("f");
    return true;
}

/* clang-format off */
const struct bq_feed_word bq_feed_words[] = {
    {"op", BQ_SRC_TEXT, feed_op, false},
    {"seq", BQ_SRC_TEXT, feed_seq, false},
    {"ts_ms", BQ_SRC_INT, feed_ts_ms, false},
    {"ts_us", BQ_SRC_INT, feed_ts_us, false},
    {"ts_ns", BQ_SRC_INT, feed_ts_ns, false},
    {"deleted", BQ_SRC_BOOL, feed_deleted, false},
    {"snapshot", BQ_SRC_BOOL, feed_snapshot, false},
    {"table", BQ_SRC_TEXT, feed_full_table, false},
    {"commit_us", BQ_SRC_INT, feed_commit_us, true},
    {"commit_lsn", BQ_SRC_INT, feed_commit_lsn, false},
    {"source.ts_ms", BQ_SRC_INT, feed_source_ts_ms, false},
    {"source.ts_us", BQ_SRC_INT, feed_source_ts_us, false},
    {"source.lsn", BQ_SRC_INT, feed_lsn, false},
    {"source.txId", BQ_SRC_INT, feed_txid, true},
    {"source.schema", BQ_SRC_TEXT, feed_schema, false},
    {"source.table", BQ_SRC_TEXT, feed_table, false},
    {"source.db", BQ_SRC_TEXT, feed_db, false},
    {"source.name", BQ_SRC_TEXT, feed_name, false},
    {"source.snapshot", BQ_SRC_TEXT, feed_snapshot_marker, false},
};
const size_t bq_nfeed_words = COUNT(bq_feed_words);

const struct bq_meta_column bq_meta_columns[] = {
    {"seq", "seq", NULL, BQ_STRING, BQ_NULLABLE, "Orders all events: commit LSN/record LSN/ordinal"},
    {"op", "op", NULL, BQ_STRING, BQ_NULLABLE, "r read by a snapshot, c created, u updated, d deleted (the row before), t truncated"},
    {"source_ts", "source.ts_ms", "timestamp_ms", BQ_TIMESTAMP, BQ_NULLABLE, "When the change was made in PostgreSQL"},
    {"commit_ts", "commit_us", "timestamp_us", BQ_TIMESTAMP, BQ_NULLABLE, "Commit time, microseconds; NULL for snapshot rows"},
    {"lsn", "source.lsn", NULL, BQ_INT64, BQ_NULLABLE, "WAL position of the change"},
    {"txid", "source.txId", NULL, BQ_INT64, BQ_NULLABLE, "Transaction id"},
    {"table", "table", NULL, BQ_STRING, BQ_NULLABLE, "Source table"},
    {"snapshot", "snapshot", NULL, BQ_BOOL, BQ_NULLABLE, "Whether a snapshot read the row"},
    {"unavailable", "unavailable", NULL, BQ_STRING, BQ_REPEATED, "Columns PostgreSQL did not send because the update left them alone"},
};
/* clang-format on */
const size_t bq_nmeta_columns = COUNT(bq_meta_columns);

const struct bq_feed_word *
bq_feed_find(const char *name)
{
    for (size_t i = 0; i < bq_nfeed_words; i++) {
        if (strcmp(bq_feed_words[i].name, name) == 0)
            return &bq_feed_words[i];
    }
    return NULL;
}
