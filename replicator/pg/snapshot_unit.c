/*
 * What is read as a whole and what at a time. A unit is what a restart need not read again: a table, or a range of the keys
 * of a big one, if the rows lie in the keys' order and a range is therefore cheap by the index. Within a unit that is a whole
 * table, ranges of blocks share the work between the threads of this run; another run's snapshot could not go on with those,
 * for an update moves its row to another block.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "replicator/pg/snapshot_priv.h"

enum {
    UNIT_CORRELATION_PERCENT = 90, /* less, and an index scan jumps about in the table */
    UNIT_BYTES_MIN = 16 << 20,     /* of a range that is made for the threads' sake */
    PIECES_PER_THREAD = 4,         /* so that none waits long for the last one */
    PIECE_BLOCKS_MIN = 256,
    BLOCKS_BY_TID_VERSION = 140000, /* TID range scans; before, each range reads the whole table */
};

/* ------------------------------------------------------------------------------------------------ what the server knows */

/*
 * One row for each table, by its place: its tree of partitions or children taken together, and the first column of its primary key.
 * Below a parent that is no partitioned table, children have keys of their own: they might hold none.
 */
static const char sizes_sql[] =
    "WITH RECURSIVE tree AS (SELECT x.i - 1 AS place, x.oid AS root, x.oid FROM "
    "unnest($1::oid[]) WITH ORDINALITY AS x(oid, i) "
    "UNION SELECT t.place, t.root, i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i ON "
    "i.inhparent = t.oid) "
    "SELECT g.place::text, g.bytes::int8::text, "
    "(g.largest / pg_catalog.current_setting('block_size')::int8)::text, g.n > 1, g.others, "
    "g.rows::text, "
    "(SELECT a.attname FROM pg_catalog.pg_index x JOIN pg_catalog.pg_attribute a ON a.attrelid = "
    "x.indrelid AND a.attnum = x.indkey[0] WHERE x.indrelid = g.root AND x.indisprimary AND "
    "x.indisvalid AND a.atttypid IN (20, 21, 23) AND (g.n = 1 OR g.partitioned)) "
    "FROM (SELECT t.place, t.root, count(*) AS n, "
    "coalesce(sum(pg_catalog.pg_relation_size(t.oid)), 0) AS bytes, "
    "coalesce(max(pg_catalog.pg_relation_size(t.oid)), 0) AS largest, "
    "bool_or(c.relkind NOT IN ('r', 'p')) AS others, "
    "bool_or(c.relkind = 'p' AND c.oid = t.root) AS partitioned, "
    "coalesce(sum(c.reltuples) FILTER (WHERE c.relkind = 'r' AND c.reltuples > 0), 0) AS rows "
    "FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.oid GROUP BY t.place, t.root) g";
enum {
    SIZES_PLACE,
    SIZES_BYTES,
    SIZES_BLOCKS,
    SIZES_CHILDREN,
    SIZES_FOREIGN,
    SIZES_ROWS,
    SIZES_KEY,
    SIZES_COLS
};

static void
unit_read_size(const PGresult *r, int row, struct snap_table *t)
{
    (void)num_parse_u64(slice_of(PQgetvalue(r, row, SIZES_BYTES)), &t->bytes);
    (void)num_parse_u64(slice_of(PQgetvalue(r, row, SIZES_BLOCKS)), &t->blocks);
    t->has_children = PQgetvalue(r, row, SIZES_CHILDREN)[0] == 't';
    t->has_foreign = PQgetvalue(r, row, SIZES_FOREIGN)[0] == 't';
    if (t->has_children)
        t->rows = strtod(PQgetvalue(r, row, SIZES_ROWS), NULL);
    if (!PQgetisnull(r, row, SIZES_KEY))
        t->key = mem_strdup(PQgetvalue(r, row, SIZES_KEY));
}

static bool
unit_sizes(struct snapshot *s, struct err *e)
{
    struct buf oids;
    const char *params[1];
    PGresult *r;

    if (!s->ntables)
        return true;
    buf_init(&oids, SNAPSHOT_SQL_MAX);
    for (size_t i = 0; i < s->ntables; i++)
        buf_printf(&oids, "%c%u", i ? ',' : '{', s->tables[i].oid);
    buf_putc(&oids, '}');
    params[0] = buf_cstr(&oids);
    r = pg_query_params(s->conn, e, SIZES_COLS, sizes_sql, 1, params);
    buf_free(&oids);
    for (int i = 0; r && i < PQntuples(r); i++) {
        uint64_t place;

        if (num_parse_u64(slice_of(PQgetvalue(r, i, SIZES_PLACE)), &place) && place < s->ntables)
            unit_read_size(r, i, &s->tables[place]);
    }
    PQclear(r);
    return r != NULL || err_wrap(e, "looking at the size of tables");
}

/* The borders of the key's equal parts, ascending; none when the table's rows do not lie in its order. */
static bool
unit_bounds(struct snapshot *s, const struct snap_table *t, int64_t **out, size_t *n, struct err *e)
{
    static const char sql[] =
        "SELECT x::int8::text FROM pg_catalog.pg_stats, "
        "unnest(histogram_bounds::text::int8[]) WITH ORDINALITY AS b(x, i) WHERE schemaname = $1 "
        "AND tablename = $2 AND attname = $3 AND inherited = $4::bool AND "
        "abs(correlation) * 100 >= $5::int ORDER BY i";
    char percent[16];
    const char *params[] = {t->schema, t->table, t->key, t->has_children ? "t" : "f", percent};
    PGresult *r;

    snprintf(percent, sizeof(percent), "%d", UNIT_CORRELATION_PERCENT);
    r = pg_query_params(s->conn, e, 1, sql, 5, params);
    if (!r)
        return err_wrap(e, "looking at the keys of table \"%s\"", t->name);
    *out = mem_array((size_t)PQntuples(r) + 1, sizeof(**out));
    for (int i = 0; i < PQntuples(r); i++)
        if (num_parse_i64(slice_of(PQgetvalue(r, i, 0)), &(*out)[*n]))
            (*n)++;
    PQclear(r);
    return true;
}

/* ------------------------------------------------------------------------------------------------ units */

static struct snap_unit *
unit_add(struct snapshot *s, struct snap_table *t)
{
    struct snap_unit *u;

    s->units = mem_grow(s->units, s->nunits + 1, sizeof(*s->units));
    u = &s->units[s->nunits++];
    memset(u, 0, sizeof(*u));
    u->table = (size_t)(t - s->tables);
    t->nunits++;
    return u;
}

static void
unit_add_piece(struct snapshot *s, struct snap_table *t, struct snap_unit *u, uint64_t first,
               uint64_t end)
{
    s->pieces = mem_grow(s->pieces, s->npieces + 1, sizeof(*s->pieces));
    if (u->npieces++ == 0)
        u->first_piece = s->npieces;
    s->pieces[s->npieces++] = (struct snap_piece){
        .unit = (size_t)(u - s->units),
        .base = (uint64_t)atomic_fetch_add(&t->pieces_left, 1) << 40,
        .by_block = first > 0 || end < UINT64_MAX,
        .first_block = first,
        .end_block = end,
    };
}

/* About as many ranges as the table is to be cut into; 1: it stays whole. */
static size_t
unit_ranges_wanted(const struct snapshot *s, const struct snap_table *t)
{
    uint64_t size = (uint64_t)config_int(s->req.config, "walbridge.snapshot.unit.bytes");
    bool big = t->bytes > size;
    uint64_t share = t->bytes / (s->nworkers * PIECES_PER_THREAD);

    /* For the threads' sake: where blocks cannot share the work, and where ranges are needed anyway. */
    if (s->nworkers > 1 && (big || s->req.server_version < BLOCKS_BY_TID_VERSION)) {
        share = share < UNIT_BYTES_MIN ? UNIT_BYTES_MIN : share;
        size = share < size ? share : size;
    }
    return t->bytes > size ? (size_t)((t->bytes + size - 1) / size) : 1;
}

/* Those ranges of its keys that are not done. False: none was, and it is better read whole. */
static bool
unit_add_ranges(struct snapshot *s, struct snap_table *t, bool *added, struct err *e)
{
    struct key_range *done = mem_array(s->req.ndone + 1, sizeof(*done)), *left, *cut;
    size_t ndone = 0, nleft, ncut, nbounds = 0, wanted = unit_ranges_wanted(s, t);
    int64_t *bounds = NULL;
    bool ok = true;

    for (size_t i = 0; i < s->req.ndone; i++)
        if (strcmp(s->req.done[i].schema, t->schema) == 0 &&
            strcmp(s->req.done[i].table, t->table) == 0)
            done[ndone++] = (struct key_range){s->req.done[i].first, s->req.done[i].last};
    if (wanted > 1 || ndone)
        ok = unit_bounds(s, t, &bounds, &nbounds, e);
    *added = ok && (ndone > 0 || nbounds > 2);
    if (*added) {
        nleft = key_range_left(done, ndone, &left);
        ncut = key_range_cut(left, nleft, bounds, nbounds, wanted, &cut);
        for (size_t i = 0; i < ncut; i++) {
            struct snap_unit *u = unit_add(s, t);

            u->ranged = true;
            u->range = cut[i];
            unit_add_piece(s, t, u, 0, UINT64_MAX);
        }
        free(left);
        free(cut);
    }
    free(bounds);
    free(done);
    return ok;
}

/* The table in one unit; its blocks shared between the threads. The last range is open: a table grows, and the largest of
 * its relations may not be the one that has most blocks under this snapshot. */
static void
unit_add_whole(struct snapshot *s, struct snap_table *t, bool one_piece)
{
    struct snap_unit *u = unit_add(s, t);
    uint64_t n = s->nworkers * PIECES_PER_THREAD, step;

    if (one_piece || s->nworkers == 1 || t->has_foreign ||
        s->req.server_version < BLOCKS_BY_TID_VERSION)
        n = 1;
    if (n > t->blocks / PIECE_BLOCKS_MIN)
        n = t->blocks / PIECE_BLOCKS_MIN;
    step = n > 1 ? t->blocks / n : 0;
    for (uint64_t i = 0; i + 1 < n; i++)
        unit_add_piece(s, t, u, i * step, (i + 1) * step);
    unit_add_piece(s, t, u, n > 1 ? (n - 1) * step : 0, UINT64_MAX);
}

bool
snapshot_cut(struct snapshot *s, struct err *e)
{
    bool legacy = config_bool(s->req.config, "legacy.snapshot.max.threads") ||
                  config_bool(s->req.config, "internal.legacy.snapshot.max.threads");
    /* READ COMMITTED: a row that moves between two parts while they are read is in neither. */
    bool apart = !s->req.exported && s->isolation == ISOLATION_COMMITTED;

    if (!unit_sizes(s, e))
        return false;
    for (size_t i = 0; i < s->ntables; i++) {
        struct snap_table *t = &s->tables[i];
        bool ranged = false;

        t->first_unit = s->nunits;
        if (t->key && !t->select && !t->condition && !apart && !unit_add_ranges(s, t, &ranged, e))
            return false;
        if (!ranged)
            unit_add_whole(s, t, legacy || apart || t->select != NULL);
        if (t->rows > 0)
            s->total_rows += t->rows;
    }
    s->pieces_left = s->npieces;
    return true;
}

/* ------------------------------------------------------------------------------------------------ statements */

static void
unit_and(struct buf *sql, bool *first)
{
    buf_str(sql, *first ? " WHERE " : " AND ");
    *first = false;
}

void
snapshot_piece_sql(const struct snapshot *s, const struct snap_piece *p, struct buf *sql)
{
    const struct snap_unit *u = &s->units[p->unit];
    const struct snap_table *t = &s->tables[u->table];
    bool first = true;

    if (t->select) {
        /* A comment at its end must not take the parenthesis with it. */
        buf_printf(sql, "COPY (%s\n) TO STDOUT", t->select);
        return;
    }
    buf_printf(sql, "COPY (SELECT %s FROM ", t->columns);
    pg_ident(sql, t->schema);
    buf_putc(sql, '.');
    pg_ident(sql, t->table);
    if (t->condition) {
        unit_and(sql, &first);
        buf_printf(sql, "(%s\n)", t->condition);
    }
    if (u->ranged && u->range.first > INT64_MIN) {
        unit_and(sql, &first);
        pg_ident(sql, t->key);
        BUF_LIT(sql, " >= ");
        num_add_i64(sql, u->range.first);
    }
    if (u->ranged && u->range.last < INT64_MAX) {
        unit_and(sql, &first);
        pg_ident(sql, t->key);
        BUF_LIT(sql, " <= ");
        num_add_i64(sql, u->range.last);
    }
    if (p->by_block && p->first_block > 0) {
        unit_and(sql, &first);
        buf_printf(sql, "ctid >= '(%llu,0)'", (unsigned long long)p->first_block);
    }
    if (p->by_block && p->end_block < UINT64_MAX) {
        unit_and(sql, &first);
        buf_printf(sql, "ctid < '(%llu,0)'", (unsigned long long)p->end_block);
    }
    BUF_LIT(sql, ") TO STDOUT");
}
