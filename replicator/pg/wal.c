#include "replicator/pg/wal.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rd.h"
#include "replicator/pg/conn.h"

struct wal {
    PGconn *conn;
    char *frame; /* libpq's copy of the current frame */
};

/* Frame tags and the sizes of their heads. */
enum {
    WAL_XLOGDATA_HEAD = 1 + 8 + 8 + 8,
    WAL_KEEPALIVE_SIZE = 1 + 8 + 8 + 1,
    WAL_STATUS_SIZE = 1 + 8 + 8 + 8 + 8 + 1
};

/* slot.stream.params: "k=v;k=v" → , "k" 'v' */
static void
wal_add_params(struct buf *sql, const char *params)
{
    while (params && *params) {
        size_t n = strcspn(params, ";"), eq = strcspn(params, "=");

        if (eq < n) {
            char *k = mem_strndup(params, eq), *v = mem_strndup(params + eq + 1, n - eq - 1);

            BUF_LIT(sql, ", ");
            pg_ident(sql, k);
            buf_putc(sql, ' ');
            pg_literal(sql, v);
            free(k);
            free(v);
        }
        params += n + (params[n] == ';');
    }
}

/* publication_names is itself a list of identifiers in a literal. */
static void
wal_add_publication(struct buf *sql, const char *name)
{
    struct buf ident;

    buf_init(&ident, 1024);
    pg_ident(&ident, name);
    pg_literal(sql, buf_cstr(&ident));
    buf_free(&ident);
}

static void
wal_start_sql(struct buf *sql, const struct wal_options *o)
{
    char lsn[NUM_LSN_TEXT];

    BUF_LIT(sql, "START_REPLICATION SLOT ");
    pg_ident(sql, o->slot);
    buf_printf(sql, " LOGICAL %s (\"proto_version\" '1', \"publication_names\" ",
               num_lsn_text(lsn, o->start_lsn));
    wal_add_publication(sql, o->publication);
    if (o->messages && o->server_version >= 140000)
        BUF_LIT(sql, ", \"messages\" 'true'");
    wal_add_params(sql, o->extra);
    buf_putc(sql, ')');
}

struct wal *
wal_open(PGconn *repl, const struct wal_options *o, struct err *e)
{
    struct buf sql;
    PGresult *r;
    struct wal *w;

    buf_init(&sql, 65536);
    wal_start_sql(&sql, o);
    r = PQexec(repl, buf_cstr(&sql));
    buf_free(&sql);
    if (PQresultStatus(r) != PGRES_COPY_BOTH) {
        pg_error(repl, r, e);
        err_wrap(e, "cannot start replication from slot \"%s\"", o->slot);
        PQclear(r);
        PQfinish(repl);
        return NULL;
    }
    PQclear(r);
    PQsetnonblocking(repl, 1);
    w = mem_alloc(sizeof(*w));
    w->conn = repl;
    return w;
}

/* The stream ended: by an error of the server, or in order (a server that shuts down). */
static enum wal_result
wal_ended(struct wal *w, int n, struct err *e)
{
    if (n == -1) {
        PGresult *r = PQgetResult(w->conn);

        if (PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_COPY_IN || !r)
            err_set(e, ERR_RETRY, "wal.ended", "the server ended the replication stream");
        else
            pg_error(w->conn, r, e);
        PQclear(r);
    } else {
        pg_error(w->conn, NULL, e);
    }
    err_wrap(e, "replication stream");
    return WAL_ERROR;
}

/* XLogData: 'w', u64 start, u64 end, i64 clock, message. Keepalive: 'k', u64 end, i64 clock, u8 reply. */
enum wal_result
wal_next(struct wal *w, struct wal_frame *f, struct err *e)
{
    int n;
    struct rd r;

    if (w->frame) {
        PQfreemem(w->frame);
        w->frame = NULL;
    }
    n = PQgetCopyData(w->conn, &w->frame, 1);
    if (n == 0)
        return WAL_NONE;
    if (n < 0)
        return wal_ended(w, n, e);
    r = rd_of(w->frame, (size_t)n);
    switch (rd_u8(&r)) {
    case 'w':
        f->start = rd_u64(&r);
        f->end = rd_u64(&r);
        rd_u64(&r);
        if (!rd_ok(&r))
            break;
        f->data = (struct slice){w->frame + WAL_XLOGDATA_HEAD, (size_t)n - WAL_XLOGDATA_HEAD};
        return WAL_DATA;
    case 'k':
        f->end = rd_u64(&r);
        rd_u64(&r);
        f->reply = rd_u8(&r) != 0;
        if (n != WAL_KEEPALIVE_SIZE)
            break;
        return WAL_KEEPALIVE;
    default:
        err_set(e, ERR_DATA, "wal.frame", "replication frame of unknown kind 0x%02x",
                (unsigned char)w->frame[0]);
        return WAL_ERROR;
    }
    err_set(e, ERR_DATA, "wal.length", "replication frame of %d bytes has the wrong length", n);
    return WAL_ERROR;
}

bool
wal_read(struct wal *w, struct err *e)
{
    if (PQconsumeInput(w->conn))
        return true;
    pg_error(w->conn, NULL, e);
    return err_wrap(e, "replication stream");
}

static void
wal_put_u64(char **p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(*p, &v, 8);
    *p += 8;
}

bool
wal_status(struct wal *w, uint64_t received, uint64_t flushed, bool reply, struct err *e)
{
    char msg[WAL_STATUS_SIZE], *p = msg;
    bool more;

    *p++ = 'r';
    wal_put_u64(&p, received);
    wal_put_u64(&p, flushed);
    wal_put_u64(&p, flushed);
    wal_put_u64(&p, (uint64_t)(clock_now_ns() / 1000 - CLOCK_PG_EPOCH_US));
    *p = reply ? 1 : 0;
    if (PQputCopyData(w->conn, msg, sizeof(msg)) < 0) {
        pg_error(w->conn, NULL, e);
        return err_wrap(e, "standby status");
    }
    return wal_flush(w, &more, e);
}

bool
wal_flush(struct wal *w, bool *more, struct err *e)
{
    int rc = PQflush(w->conn);

    *more = rc > 0;
    if (rc >= 0)
        return true;
    pg_error(w->conn, NULL, e);
    return err_wrap(e, "standby status");
}

int
wal_fd(const struct wal *w)
{
    return PQsocket(w->conn);
}

void
wal_close(struct wal *w)
{
    if (!w)
        return;
    if (w->frame)
        PQfreemem(w->frame);
    PQfinish(w->conn);
    free(w);
}
