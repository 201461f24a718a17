#include "replicator/pg/snapshot.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/filter.h"
#include "decoder/pgoutput.h"
#include "replicator/pg/catalog.h"

enum {
    SNAPSHOT_BATCH_ROWS = 512,
    SNAPSHOT_BATCH_BYTES = 256 << 10,
    SNAPSHOT_BATCHES = 4,           /* in flight between the two threads */
    SNAPSHOT_RECORDS_MAX = 1 << 30, /* one row may be as large as PostgreSQL allows */
    SNAPSHOT_SQL_MAX = 1 << 20,
};

struct snap_table {
    struct plan *plan;
    char *name;     /* "schema.table", for messages */
    char *sql;      /* COPY (SELECT …) TO STDOUT */
    uint16_t ncols; /* selected */
    uint16_t *cols; /* which column of the relation each is */
    int rank;       /* position of the include pattern that names it */
    double rows;
    uint32_t oid;
    const char *schema, *table; /* the plan's */
    bool skip;                  /* finished before */
    atomic_uint_fast64_t nrows, bytes, handed;
    _Atomic int64_t started_us, ended_us;
};

/* A row that waits for its marker. */
struct held_row {
    char *line;
    int n;
    struct snap_table *table;
    uint64_t number;
};

struct snapshot {
    struct snapshot_request req;
    PGconn *conn;
    PGcancel *cancel;
    struct snap_table *tables;
    size_t ntables;
    struct led_txn txn;
    double total_rows;
    int64_t started_us;

    /* The worker's. */
    pthread_t thread;
    bool threaded;
    struct txn row_txn;
    struct held_row held;
    bool any_row;
    struct value *values; /* of the row being encoded, one per relation column */
    struct batch *filling;
    int64_t now_ns;

    atomic_uint tables_done;
    _Atomic(const char *) table;

    int fd;
    pthread_mutex_t lock;
    pthread_cond_t room;
    /* Under the lock: */
    struct batch *ready, **ready_end, *spare;
    unsigned in_flight;
    bool stopping, done, failed;
    struct err why;
};

/* ------------------------------------------------------------------------------------------------ planning */

static bool
snapshot_begin(struct snapshot *s, struct err *e)
{
    struct buf lit;
    PGresult *r = NULL;
    bool ok;
    int64_t us = 0;
    uint64_t xid = 0;

    buf_init(&lit, 1024);
    if (s->req.exported)
        pg_literal(&lit, s->req.exported);
    /* One worker reads a table in the server's own order only without synchronized scans. */
    ok = pg_exec(s->conn, e, "SET synchronize_seqscans = off") &&
         pg_exec(s->conn, e, "BEGIN ISOLATION LEVEL REPEATABLE READ") &&
         (!s->req.exported || pg_exec(s->conn, e, "SET TRANSACTION SNAPSHOT %s", buf_cstr(&lit)));
    buf_free(&lit);
    if (ok)
        r = pg_query(s->conn, e, 3,
                     "SELECT (extract(epoch FROM current_timestamp) * 1000000)::int8::text, "
                     "CASE WHEN pg_catalog.pg_is_in_recovery() THEN 0 ELSE "
                     "pg_catalog.txid_current() END::text, "
                     "(CASE WHEN pg_catalog.pg_is_in_recovery() THEN "
                     "pg_catalog.pg_last_wal_replay_lsn() ELSE "
                     "pg_catalog.pg_current_wal_lsn() END - '0/0'::pg_lsn)::text");
    ok = r && num_parse_i64(slice_of(PQgetvalue(r, 0, 0)), &us) &&
         num_parse_u64(slice_of(PQgetvalue(r, 0, 1)), &xid) &&
         (s->req.exported || num_parse_u64(slice_of(PQgetvalue(r, 0, 2)), &s->req.point_lsn));
    PQclear(r);
    if (!ok)
        return err_wrap(e, "starting the snapshot transaction");
    s->txn = (struct led_txn){.commit_lsn = s->req.point_lsn, .commit_us = us, .xid = xid};
    return true;
}

/* The columns that some field or key is fed by, in table order. */
static void
snapshot_select(struct snap_table *t, struct slice schema, struct slice table)
{
    const struct plan *p = t->plan;
    bool *wanted = mem_array(p->rel->ncols ? p->rel->ncols : 1u, sizeof(*wanted));
    struct buf sql;

    for (uint16_t i = 0; i < p->nfields; i++)
        wanted[p->fields[i].col] = true;
    for (uint16_t i = 0; i < p->nkey; i++)
        wanted[p->key[i].col] = true;
    t->cols = mem_array(p->rel->ncols ? p->rel->ncols : 1u, sizeof(*t->cols));
    buf_init(&sql, SNAPSHOT_SQL_MAX);
    BUF_LIT(&sql, "COPY (SELECT ");
    for (uint16_t i = 0; i < p->rel->ncols; i++) {
        if (!wanted[i])
            continue;
        if (t->ncols)
            BUF_LIT(&sql, ", ");
        pg_ident(&sql, p->rel->cols[i].name.p);
        t->cols[t->ncols++] = i;
    }
    BUF_LIT(&sql, " FROM ");
    pg_ident(&sql, schema.p);
    buf_putc(&sql, '.');
    pg_ident(&sql, table.p);
    BUF_LIT(&sql, ") TO STDOUT");
    t->sql = mem_strdup(buf_cstr(&sql));
    buf_free(&sql);
    free(wanted);
}

/*
 * Held to the end, and one that came too late is noticed: rows of a table that was rewritten (ALTER TABLE) or emptied
 * (TRUNCATE) are not there for a snapshot that was taken before, so the table would be read as if it had none.
 * pg_class is read under the snapshot, pg_relation_filenode says what is true now.
 */
static bool
snapshot_lock_table(struct snapshot *s, const struct catalog_table *ct, struct err *e)
{
    static const char same[] =
        "SELECT NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class c WHERE c.relkind = 'r' AND c.oid IN "
        "(SELECT $1::oid UNION ALL SELECT p.relid FROM "
        "pg_catalog.pg_partition_tree($1::oid::regclass) p) "
        "AND c.relfilenode IS DISTINCT FROM pg_catalog.pg_relation_filenode(c.oid))";
    struct buf sql;
    PGresult *r = NULL;
    char oid[16];
    const char *params[] = {oid};
    bool ok;

    snprintf(oid, sizeof(oid), "%u", ct->oid);
    buf_init(&sql, 4096);
    BUF_LIT(&sql, "LOCK TABLE ");
    pg_ident(&sql, ct->schema);
    buf_putc(&sql, '.');
    pg_ident(&sql, ct->name);
    BUF_LIT(&sql, " IN ACCESS SHARE MODE");
    ok = pg_exec(s->conn, e, "%s", buf_cstr(&sql));
    if (ok) {
        r = pg_query_params(s->conn, e, 1, same, 1, params);
        ok = r && (PQgetvalue(r, 0, 0)[0] == 't' ||
                   err_set(e, ERR_RETRY, "snapshot.rewritten",
                           "the table was rewritten after the snapshot began; it begins anew"));
    }
    PQclear(r);
    buf_free(&sql);
    return ok || err_wrap(e, "table \"%s.%s\"", ct->schema, ct->name);
}

static bool
snapshot_is_named(const struct snapshot *s, const struct catalog_table *ct)
{
    for (size_t i = 0; i < s->req.ntables; i++)
        if (strcmp(s->req.tables[i].schema, ct->schema) == 0 &&
            strcmp(s->req.tables[i].table, ct->name) == 0)
            return true;
    return !s->req.tables;
}

static bool
snapshot_is_done(const struct snapshot *s, const struct catalog_table *ct)
{
    for (size_t i = 0; i < s->req.ndone; i++)
        if (!s->req.done[i].ranged && strcmp(s->req.done[i].schema, ct->schema) == 0 &&
            strcmp(s->req.done[i].table, ct->name) == 0)
            return true;
    return false;
}

static bool
snapshot_plan_table(struct snapshot *s, const struct catalog_table *ct, struct err *e)
{
    struct slice schema = slice_of(ct->schema), table = slice_of(ct->name);
    struct relation_facts facts;
    struct pgo_relation rel;
    struct snap_table *t;
    struct arena a;
    bool ok, done;

    if (!filter_table(s->req.settings->filter, schema, table) || !snapshot_is_named(s, ct))
        return true;
    done = snapshot_is_done(s, ct);
    if (!done && !snapshot_lock_table(s, ct, e))
        return false;
    s->tables = mem_grow(s->tables, s->ntables + 1, sizeof(*s->tables));
    t = &s->tables[s->ntables++];
    *t = (struct snap_table){.rank = filter_table_rank(s->req.settings->filter, schema, table),
                             .rows = ct->rows,
                             .oid = ct->oid,
                             .skip = done};
    t->name = mem_printf("%s.%s", ct->schema, ct->name);
    arena_init(&a);
    ok = catalog_describe(s->conn, ct, s->req.types, &a, &rel, &facts, e) &&
         (t->plan = pipeline_plan(s->req.pipeline, PLAN_FOR_SNAPSHOT, &rel, &facts, e)) != NULL;
    arena_free(&a);
    if (!ok)
        return false;
    t->schema = t->plan->rel->schema.p;
    t->table = t->plan->rel->table.p;
    snapshot_select(t, t->plan->rel->schema, t->plan->rel->table);
    if (ct->rows > 0)
        s->total_rows += ct->rows;
    return true;
}

/* The order of the include list's patterns, then by name. */
static int
snapshot_table_cmp(const void *a, const void *b)
{
    const struct snap_table *x = a, *y = b;

    return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1) : strcmp(x->name, y->name);
}

static bool
snapshot_plan(struct snapshot *s, struct err *e)
{
    struct catalog_table *tables = NULL;
    size_t n = 0;
    bool ok = catalog_tables(s->conn, &tables, &n, e);
    uint16_t widest = 0;

    for (size_t i = 0; ok && i < n; i++)
        ok = snapshot_plan_table(s, &tables[i], e);
    catalog_tables_free(tables, n);
    if (!ok)
        return false;
    if (s->ntables)
        qsort(s->tables, s->ntables, sizeof(*s->tables), snapshot_table_cmp);
    for (size_t i = 0; i < s->ntables; i++)
        if (s->tables[i].plan->rel->ncols > widest)
            widest = s->tables[i].plan->rel->ncols;
    s->values = mem_array(widest + 1u, sizeof(*s->values));
    return true;
}

/* ------------------------------------------------------------------------------------------------ handing over */

static void
snapshot_signal(struct snapshot *s)
{
    uint64_t one = 1;

    if (write(s->fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        log_warn("eventfd: write failed");
}

static struct batch *
batch_new(unsigned nsinks)
{
    struct batch *b = mem_alloc(sizeof(*b));

    for (unsigned i = 0; i < nsinks; i++)
        recbuf_init(&b->out[i], SNAPSHOT_RECORDS_MAX);
    return b;
}

static void
batch_list_free(struct batch *b, unsigned nsinks)
{
    while (b) {
        struct batch *next = b->next;

        for (unsigned i = 0; i < nsinks; i++)
            recbuf_free(&b->out[i]);
        free(b);
        b = next;
    }
}

/* An empty batch; waits while too many are on their way. NULL: stopping. */
static struct batch *
snapshot_room(struct snapshot *s)
{
    struct batch *b;

    pthread_mutex_lock(&s->lock);
    while (s->in_flight >= SNAPSHOT_BATCHES && !s->stopping)
        pthread_cond_wait(&s->room, &s->lock);
    if (s->stopping) {
        pthread_mutex_unlock(&s->lock);
        return NULL;
    }
    s->in_flight++;
    b = s->spare;
    if (b)
        s->spare = b->next;
    pthread_mutex_unlock(&s->lock);
    if (!b)
        b = batch_new(s->req.nsinks);
    b->next = NULL;
    b->nrows = 0;
    b->unit_ends = false;
    for (unsigned i = 0; i < s->req.nsinks; i++)
        recbuf_clear(&b->out[i]);
    s->now_ns = clock_now_ns();
    return b;
}

static void
snapshot_hand_over(struct snapshot *s)
{
    struct batch *b = s->filling;

    if (!b)
        return;
    s->filling = NULL;
    atomic_fetch_add(&s->tables[b->unit].handed, b->nrows);
    pthread_mutex_lock(&s->lock);
    *s->ready_end = b;
    s->ready_end = &b->next;
    pthread_mutex_unlock(&s->lock);
    snapshot_signal(s);
}

bool
snapshot_take(struct snapshot *s, struct batch **out, bool *done, struct err *e)
{
    uint64_t count;
    bool ok = true;

    if (read(s->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
        log_warn("eventfd: read failed");
    pthread_mutex_lock(&s->lock);
    *out = s->ready;
    if (s->ready) {
        s->ready = s->ready->next;
        if (!s->ready)
            s->ready_end = &s->ready;
        (*out)->next = NULL;
    }
    *done = !*out && s->done;
    if (!*out && s->failed) {
        *e = s->why;
        ok = false;
    }
    pthread_mutex_unlock(&s->lock);
    return ok;
}

void
snapshot_give_back(struct snapshot *s, struct batch *b)
{
    pthread_mutex_lock(&s->lock);
    b->next = s->spare;
    s->spare = b;
    s->in_flight--;
    pthread_cond_signal(&s->room);
    pthread_mutex_unlock(&s->lock);
}

/* ------------------------------------------------------------------------------------------------ the worker */

/* COPY text escapes: \b \f \n \r \t \v and \\; any other character behind a backslash stands for itself. */
static char
copy_unescape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'v':
        return '\v';
    default:
        return c;
    }
}

/* One field, unescaped in place; returns where the next begins, NULL at the end of the line. */
static char *
copy_field(char *p, char *end, struct value *v)
{
    char *w = p, *start = p;

    if (end - p >= 2 && p[0] == '\\' && p[1] == 'N' && (end - p == 2 || p[2] == '\t')) {
        *v = (struct value){NULL, 0, VALUE_NULL};
        return end - p == 2 ? NULL : p + 3;
    }
    while (p < end && *p != '\t' && *p != '\\')
        p++;
    for (w = p; p < end && *p != '\t'; p++) {
        if (*p == '\\' && p + 1 < end)
            *w++ = copy_unescape(*++p);
        else
            *w++ = *p;
    }
    *v = (struct value){start, (uint32_t)(w - start), VALUE_TEXT};
    return p < end ? p + 1 : NULL;
}

static bool
snapshot_split(struct snapshot *s, const struct held_row *row, struct err *e)
{
    struct snap_table *t = row->table;
    char *p = row->line, *end = row->line + row->n;

    if (end > p && end[-1] == '\n')
        end--;
    for (uint16_t i = 0; i < t->plan->rel->ncols; i++)
        s->values[i] = (struct value){NULL, 0, VALUE_ABSENT};
    for (uint16_t i = 0; i < t->ncols; i++) {
        if (!p)
            return err_set(e, ERR_DATA, "copy.columns", "a row of \"%s\" has fewer than %u columns",
                           t->name, t->ncols);
        p = copy_field(p, end, &s->values[t->cols[i]]);
    }
    return !p || t->ncols == 0 ||
           err_set(e, ERR_DATA, "copy.columns", "a row of \"%s\" has more than %u columns", t->name,
                   t->ncols);
}

/* The marker of a row, by what comes after it. */
enum what_next { NEXT_SAME_TABLE, NEXT_OTHER_TABLE, NEXT_NOTHING };

static enum snapshot_marker
snapshot_marker_of(const struct snapshot *s, const struct held_row *row, enum what_next next)
{
    if (next == NEXT_NOTHING)
        return SNAPSHOT_LAST;
    if (!s->any_row)
        return SNAPSHOT_FIRST;
    if (next == NEXT_OTHER_TABLE)
        return SNAPSHOT_LAST_IN_COLLECTION;
    return row->number == 1 ? SNAPSHOT_FIRST_IN_COLLECTION : SNAPSHOT_TRUE;
}

/* Encodes the held row for every sink into the batch that is being filled. */
static bool
snapshot_encode(struct snapshot *s, const struct change *c, const struct held_row *row,
                struct err *e)
{
    struct plan *plan = row->table->plan;
    size_t most = 0;

    for (unsigned i = 0; i < s->req.nsinks; i++) {
        struct recbuf *out = &s->filling->out[i];

        if (!s->req.sinks[i]->ops->encode(plan->progs[i], c, out, e))
            return err_wrap(e, "row %llu of \"%s\"", (unsigned long long)row->number,
                            row->table->name);
        if (out->unconverted) {
            log_warn("table \"%s\", column \"%.*s\": %s; written as null", row->table->name,
                     SLICE_ARG(out->unconverted_column), out->unconverted_why.msg);
            out->unconverted = 0;
        }
        most = out->bytes.n > most ? out->bytes.n : most;
    }
    s->filling->number = row->number;
    s->filling->nrows++;
    if (s->filling->nrows >= SNAPSHOT_BATCH_ROWS || most >= SNAPSHOT_BATCH_BYTES ||
        s->filling->unit_ends)
        snapshot_hand_over(s);
    return true;
}

static bool
snapshot_fill(struct snapshot *s, const struct snap_table *t)
{
    size_t unit = (size_t)(t - s->tables);

    if (s->filling && s->filling->unit != unit)
        snapshot_hand_over(s);
    if (!s->filling && !(s->filling = snapshot_room(s)))
        return false;
    s->filling->unit = unit;
    s->filling->plan = t->plan;
    return true;
}

/* Lets the held row go now that it is known what follows. False with e.cls ERR_NONE: stopping. */
static bool
snapshot_emit(struct snapshot *s, enum what_next next, struct err *e)
{
    struct held_row row = s->held;
    struct change c = {.op = OP_READ, .txn = &s->row_txn, .lsn = s->req.point_lsn};
    bool ok;

    s->held = (struct held_row){0};
    if (!snapshot_fill(s, row.table)) {
        PQfreemem(row.line);
        return false;
    }
    s->filling->unit_ends = next != NEXT_SAME_TABLE;
    c.snapshot = snapshot_marker_of(s, &row, next);
    s->any_row = true;
    c.plan = row.table->plan;
    c.now_ns = s->now_ns;
    c.id = (struct identity){s->req.point_lsn, row.table->plan->rel->oid, row.number, true};
    c.after = (struct tuple){s->values, row.table->plan->rel->ncols};
    ok = snapshot_split(s, &row, e) && snapshot_encode(s, &c, &row, e);
    PQfreemem(row.line);
    return ok;
}

static bool
snapshot_read_table(struct snapshot *s, struct snap_table *t, struct err *e)
{
    PGresult *r = PQexec(s->conn, t->sql);
    uint64_t number = 0;
    char *line;
    int n;

    atomic_store(&t->started_us, clock_mono_us());
    if (PQresultStatus(r) != PGRES_COPY_OUT) {
        pg_error(s->conn, r, e);
        PQclear(r);
        return err_wrap(e, "reading table \"%s\"", t->name);
    }
    PQclear(r);
    while ((n = PQgetCopyData(s->conn, &line, 0)) > 0) {
        if (s->held.line && !snapshot_emit(s, number ? NEXT_SAME_TABLE : NEXT_OTHER_TABLE, e)) {
            PQfreemem(line);
            return false;
        }
        s->held = (struct held_row){line, n, t, ++number};
        atomic_fetch_add_explicit(&t->nrows, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&t->bytes, (uint64_t)n, memory_order_relaxed);
    }
    r = PQgetResult(s->conn);
    if (n != -1 || PQresultStatus(r) != PGRES_COMMAND_OK) {
        pg_error(s->conn, r, e);
        PQclear(r);
        return err_wrap(e, "reading table \"%s\"", t->name);
    }
    PQclear(r);
    while ((r = PQgetResult(s->conn)) != NULL)
        PQclear(r);
    log_info("snapshot: table \"%s\" is read, %llu rows", t->name, (unsigned long long)number);
    atomic_store(&t->ended_us, clock_mono_us());
    if (number == 0) {
        if (!snapshot_fill(s, t))
            return false;
        s->filling->unit_ends = true;
        snapshot_hand_over(s);
    }
    return true;
}

static void *
snapshot_run(void *arg)
{
    struct snapshot *s = arg;
    struct err e = {0};
    bool ok = true;

    log_set_connector(s->req.connector);
    for (size_t i = 0; ok && i < s->ntables; i++) {
        atomic_store(&s->table, s->tables[i].name);
        ok = s->tables[i].skip || snapshot_read_table(s, &s->tables[i], &e);
        atomic_fetch_add(&s->tables_done, 1);
    }
    if (ok && s->held.line)
        ok = snapshot_emit(s, NEXT_NOTHING, &e);
    snapshot_hand_over(s);
    atomic_store(&s->table, NULL);
    pthread_mutex_lock(&s->lock);
    s->done = ok;
    s->failed = !ok && !s->stopping;
    s->why = e;
    pthread_mutex_unlock(&s->lock);
    snapshot_signal(s);
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ life */

struct snapshot *
snapshot_start(const struct snapshot_request *r, struct err *e)
{
    struct snapshot *s = mem_alloc(sizeof(*s));

    s->req = *r;
    s->ready_end = &s->ready;
    s->started_us = clock_mono_us();
    s->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->room, NULL);
    s->conn = pg_connect(r->params, PG_SNAPSHOT, e);
    if (!s->conn || !snapshot_begin(s, e) || !snapshot_plan(s, e)) {
        snapshot_free(s);
        return NULL;
    }
    s->cancel = PQgetCancel(s->conn);
    s->row_txn = (struct txn){
        .seq = 1, .commit_lsn = r->point_lsn, .commit_us = s->txn.commit_us, .xid = s->txn.xid};
    if (s->fd < 0 || pthread_create(&s->thread, NULL, snapshot_run, s) != 0) {
        err_set(e, ERR_RETRY, "snapshot.thread", "cannot start the snapshot thread: %s",
                strerror(errno));
        snapshot_free(s);
        return NULL;
    }
    s->threaded = true;
    log_info("snapshot: %zu tables, about %.0f rows", s->ntables, s->total_rows);
    return s;
}

void
snapshot_txn(const struct snapshot *s, struct led_txn *out)
{
    *out = s->txn;
}

int
snapshot_fd(const struct snapshot *s)
{
    return s->fd;
}

void
snapshot_progress(struct snapshot *s, struct snapshot_progress *out)
{
    *out = (struct snapshot_progress){
        .total_rows = s->total_rows,
        .tables = (unsigned)s->ntables,
        .tables_done = atomic_load(&s->tables_done),
        .table = atomic_load(&s->table),
        .started_us = s->started_us,
        .wal_retained = -1,
        .wal_limit = -1,
    };
    for (size_t i = 0; i < s->ntables; i++) {
        out->rows += atomic_load_explicit(&s->tables[i].nrows, memory_order_relaxed);
        out->bytes += atomic_load_explicit(&s->tables[i].bytes, memory_order_relaxed);
    }
}

size_t
snapshot_ntables(const struct snapshot *s)
{
    return s->ntables;
}

void
snapshot_table_progress(struct snapshot *s, size_t i, struct snapshot_table_progress *out)
{
    struct snap_table *t = &s->tables[i];

    *out = (struct snapshot_table_progress){
        .schema = t->schema,
        .table = t->table,
        .rows = atomic_load_explicit(&t->nrows, memory_order_relaxed),
        .bytes = atomic_load_explicit(&t->bytes, memory_order_relaxed),
        .total_rows = t->rows > 0 ? t->rows : 0,
        .started_us = atomic_load(&t->started_us),
        .ended_us = atomic_load(&t->ended_us),
    };
}

size_t
snapshot_nunits(const struct snapshot *s)
{
    return s->ntables;
}

void
snapshot_unit(struct snapshot *s, size_t i, struct snapshot_unit *out)
{
    *out = (struct snapshot_unit){
        .rows = {s->tables[i].schema, s->tables[i].table, false, INT64_MIN, INT64_MAX},
        .oid = s->tables[i].oid,
        .point_lsn = s->req.point_lsn,
        .nrows = atomic_load(&s->tables[i].handed),
    };
}

void
snapshot_free(struct snapshot *s)
{
    char why[256];

    if (!s)
        return;
    if (s->threaded) {
        pthread_mutex_lock(&s->lock);
        s->stopping = true;
        if (!s->done && !s->failed && s->cancel)
            (void)PQcancel(s->cancel, why,
                           sizeof(why)); /* a worker that waits for rows ends at once */
        pthread_cond_signal(&s->room);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->thread, NULL);
    }
    PQfreemem(s->held.line);
    PQfreeCancel(s->cancel);
    PQfinish(s->conn);
    batch_list_free(s->filling, s->req.nsinks);
    batch_list_free(s->ready, s->req.nsinks);
    batch_list_free(s->spare, s->req.nsinks);
    for (size_t i = 0; i < s->ntables; i++) {
        pipeline_drop_plan(s->req.pipeline, s->tables[i].plan);
        free(s->tables[i].name);
        free(s->tables[i].sql);
        free(s->tables[i].cols);
    }
    free(s->tables);
    free(s->values);
    if (s->fd >= 0)
        close(s->fd);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->room);
    free(s);
}
