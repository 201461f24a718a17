/* Inside the connector: what its life (connector.c), its start (connector_start.c) and its loop (connector_loop.c) share. */
#ifndef REPLICATOR_CONNECTOR_PRIV_H
#define REPLICATOR_CONNECTOR_PRIV_H

#include <stdatomic.h>

#include "decoder/settings.h"
#include "replicator/connector.h"
#include "replicator/ledger.h"
#include "replicator/offset.h"
#include "replicator/offsets.h"
#include "replicator/pg/catalog.h"
#include "replicator/pg/conn.h"
#include "replicator/pg/heartbeat.h"
#include "replicator/pg/slot.h"
#include "replicator/pg/slot_xmin.h"
#include "replicator/pg/snapshot.h"
#include "replicator/pg/wal.h"
#include "replicator/pipeline.h"
#include "replicator/startup.h"
#include "sinks/sink.h"

enum phase {
    PHASE_NEW,      /* nothing is known of where to go on */
    PHASE_SNAPSHOT, /* tables are being read */
    PHASE_STREAM,
    PHASE_IDLE, /* the mode streams nothing, and there is nothing left to read */
};

/* How fast frames come: whether to read lazily (see connector_sleep). */
struct pace {
    uint64_t frames;     /* since the session began, */
    uint64_t seen;       /* before the last nap, */
    uint64_t window;     /* when the present millisecond began */
    int64_t since_us;    /* that is */
    unsigned empty_naps; /* in a row */
    bool behind;
};

struct connector {
    struct connector_options options;
    struct config *config;
    const char *name;
    char run_id[40];
    struct settings settings;
    struct filter *filter;
    struct mappers *mappers;
    struct smt_chain *chain;
    struct pg_params *params;
    int stop_fd; /* wakes the thread: one of the flags changed */
    atomic_bool stopping, starting, paused;

    /* One incarnation: from a stored offset to a failure of a sink or the store. */
    struct sink *sinks[PLAN_SINKS_MAX];
    unsigned nsinks;
    struct types *types;
    struct ledger *ledger;
    struct pipeline *pipeline;
    struct offsets *offsets;
    struct offset stored; /* as loaded */
    bool has_stored;
    bool sink_failed; /* the incarnation cannot go on */
    enum phase phase;
    uint64_t start_lsn;      /* streaming begins here, unless more has been stored since */
    uint64_t snapshot_point; /* of this incarnation's snapshot; 0: none */
    uint64_t run_point;      /* of the last snapshot since the program began */
    int64_t stream_us;       /* streaming.delay.ms: streaming begins then; 0: nothing waits */
    bool progressed;         /* since the last failure */
    bool slot_held;          /* the slot was made or read from by us, so it is ours to drop */

    /* One session with the server. */
    struct pg_server server;
    uint64_t
        system_id; /* of the server that this incarnation began with: a name may come to mean another */
    PGconn *repl; /* until wal takes it over */
    struct wal *wal;
    struct catalog *catalog;
    struct heartbeat *heartbeat; /* NULL: none are wanted */
    struct slot_xmin *xmin;      /* NULL: it is not asked for */
    struct snapshot *snapshot;
    struct batch *batch;
    bool parked;
    bool xmin_awaited; /* its first answer */
    bool status_left;  /* a full socket kept some of a status */
    bool reply_due;
    uint64_t received_lsn;
    uint64_t told_lsn;
    int64_t status_us;      /* when the last status was sent */
    int64_t position_us;    /* when the position was last looked at */
    bool position_late;     /* it was not looked at since, because that was just before */
    uint64_t quiet_put;     /* the last quiet position that was handed over */
    int64_t quiet_since_us; /* since when a newer one waits; 0: none does */
    struct pace pace;
    struct err ack_error;
};

/* connector.c: takes a wake-up. */
void connector_woken(struct connector *c);

/* connector_start.c: from nothing to a running snapshot or stream. */
bool connector_connect(struct connector *c, struct err *e);
/* Looks without changing. */
bool connector_look(struct connector *c, struct err *e);
/* PHASE_SNAPSHOT is over: streaming begins, */
bool connector_stream(struct connector *c, struct err *e);
/* or, in a mode without, nothing does. */
void connector_rest(struct connector *c);

/* connector_snapshot.c: puts what the reader has ready; *empty: nothing is. At its end streaming begins, */
bool connector_snapshot(struct connector *c, bool *empty, struct err *e);
/* once streaming.delay.ms is over. */
bool connector_begin_stream(struct connector *c, struct err *e);

/* connector_loop.c: until stopping (true) or an error. */
bool connector_loop(struct connector *c, struct err *e);
/* Gives the sinks time to finish, stores the position, tells the server. */
void connector_drain(struct connector *c);
/* A sink's refusal or a row that cannot be said, at an LSN: both end the incarnation. */
bool connector_step_failed(struct connector *c, uint64_t lsn, struct err *e);

#endif
