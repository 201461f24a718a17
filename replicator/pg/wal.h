/*
 * The replication stream of one slot: frames in, standby status out. Nothing here blocks after wal_open.
 */
#ifndef REPLICATOR_PG_WAL_H
#define REPLICATOR_PG_WAL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct wal;

struct wal_options {
    const char *slot;
    const char *publication;
    uint64_t start_lsn;
    int server_version;
    bool messages;     /* logical messages (PostgreSQL 14 and later) */
    const char *extra; /* slot.stream.params: "k=v;k=v", or NULL */
};

enum wal_result { WAL_NONE, WAL_DATA, WAL_KEEPALIVE, WAL_ERROR };

struct wal_frame {
    uint64_t start;    /* XLogData: the message's own LSN (0 for Relation, Type and Origin) */
    uint64_t end;      /* keepalive: the server's position */
    bool reply;        /* keepalive: the server wants a status now */
    struct slice data; /* valid until the next wal_next */
};

/* Starts streaming on a replication session, which it takes over (also when it fails). */
struct wal *wal_open(PGconn *repl, const struct wal_options *o, struct err *e);
/* Takes one frame out of what has been read; WAL_NONE: nothing whole is there, see wal_read. */
enum wal_result wal_next(struct wal *w, struct wal_frame *f, struct err *e);
/* Reads what the socket has. False: the connection is gone (e). */
bool wal_read(struct wal *w, struct err *e);
/* Standby status: write = received, flush = apply = flushed. */
bool wal_status(struct wal *w, uint64_t received, uint64_t flushed, bool reply, struct err *e);
/* Sends what a full socket left over; true in *more when there is still some. */
bool wal_flush(struct wal *w, bool *more, struct err *e);
int wal_fd(const struct wal *w);
void wal_close(struct wal *w);

#endif
