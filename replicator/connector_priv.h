/* Inside the connector: what its life (connector.c), its start (connector_start.c) and its loop (connector_loop.c) share. */
#ifndef REPLICATOR_CONNECTOR_PRIV_H
#define REPLICATOR_CONNECTOR_PRIV_H

#include <stdatomic.h>

#include "decoder/settings.h"
#include "replicator/connector.h"
#include "replicator/known.h"
#include "replicator/ledger.h"
#include "replicator/metrics.h"
#include "replicator/offset.h"
#include "replicator/offsets.h"
#include "replicator/pg/catalog.h"
#include "replicator/pg/conn.h"
#include "replicator/pg/heartbeat.h"
#include "replicator/pg/reselect.h"
#include "replicator/pg/slot.h"
#include "replicator/pg/slot_xmin.h"
#include "replicator/pg/snapshot.h"
#include "replicator/pg/table_now.h"
#include "replicator/pg/timeline.h"
#include "replicator/pg/wal.h"
#include "replicator/pipeline.h"
#include "replicator/signals.h"
#include "replicator/startup.h"
#include "sinks/sink.h"

enum phase {
    PHASE_NEW,      /* nothing is known of where to go on */
    PHASE_CATCH_UP, /* a snapshot goes on: first what is done of it catches up with the stream */
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

/* A unit of the snapshot that is put and not yet delivered. */
struct put_unit {
    struct snapshot_unit unit;
    char schema[64], table[64]; /* the unit's own names go with the reader */
    uint64_t ticket;            /* of its last batch */
};

/* The unfinished snapshot and how far it is (connector_progress.c). */
struct snapshot_life {
    bool resumes;             /* walbridge.snapshot.resume */
    bool found;               /* there is a progress in the store */
    bool open;                /* its offset is not yet handed over */
    struct progress progress; /* before NULL: none */
    bool dirty, too_large;
    int64_t put_us; /* when it was last handed over */
    struct put_unit *put;
    size_t nput;
    struct table_now *tables; /* those that are read by ranges */
    size_t ntables;
    bool whole;          /* all of it is put */
    uint64_t first, end; /* tickets: of its first batch, behind its last one */
    struct led_txn txn;
    /* While catching up: how far, the session that exports the snapshot that is read afterwards, and that. */
    uint64_t until;
    bool reached;
    PGconn *exporter;
    struct pg_slot_created made;
};

/* Tables that need no snapshot (connector_known.c). */
struct known_life {
    bool found;   /* they are noted, for the offset that is stored */
    bool changed; /* in `now` are some that are not */
    struct known now;
    struct known then; /* when the snapshot is whole */
    struct known
        published; /* those that the publication was made to fit, as the incarnation began */
};

/* Figures as last put. */
struct measured {
    struct metrics m;
    int64_t at_us;     /* then; 0: never */
    int64_t commit_us; /* of the newest transaction then */
    int64_t behind_ms; /* when it was read */
    int64_t event_us;  /* when the last change was seen; 0: none was */
    uint64_t seen;     /* changes then */
};

struct connector {
    struct connector_options options;
    struct config *config;
    const char *name;
    char run_id[40];
    struct settings settings;
    struct filter *filter;
    struct mappers *mappers;
    struct naming *naming;
    struct smt_chain *chain;
    struct pg_params *params;
    struct reselect *reselect; /* NULL: no post processor */
    struct signal_box *box;    /* signals from other threads */
    int stop_fd;               /* wakes the thread: one of the flags changed */
    atomic_bool stopping, starting, paused;

    /* One incarnation: from a stored offset to a failure of a sink or the store. */
    struct sink *sinks[PLAN_SINKS_MAX];
    unsigned nsinks;
    struct types *types;
    struct ledger *ledger;
    struct pipeline *pipeline;
    struct signals *signals;
    struct offsets *offsets;
    struct offset stored; /* as loaded */
    bool has_stored;
    bool sink_failed; /* the incarnation cannot go on */
    enum phase phase;
    uint64_t start_lsn;      /* streaming begins here, unless more has been stored since */
    uint64_t snapshot_point; /* of this incarnation's snapshot; 0: none */
    uint64_t run_point;      /* of the last snapshot since the program began */
    struct snapshot_life life;
    struct known_life known;
    int64_t stream_us; /* streaming.delay.ms: streaming begins then; 0: nothing waits */
    bool progressed;   /* since the last failure */
    bool slot_held;    /* the slot was made or read from by us, so it is ours to drop */

    /* One session with the server. */
    struct pg_server server;
    uint64_t
        system_id; /* of the server that this incarnation began with: a name may come to mean another */
    uint32_t timeline; /* of that server, as of the last session */
    PGconn *repl;      /* until wal takes it over */
    struct wal *wal;
    struct catalog *catalog;
    struct heartbeat *heartbeat;    /* NULL: none are wanted */
    struct slot_xmin *xmin;         /* NULL: it is not asked for */
    struct timeline_watch *standby; /* NULL: the source is none */
    struct snapshot *snapshot;
    struct batch *batch;
    bool parked;
    bool flush_is_ours; /* lsn.flush.mode */
    bool xmin_awaited;  /* its first answer */
    bool status_left;   /* a full socket kept some of a status */
    bool reply_due;
    struct notify_tables snapshot_told;
    uint64_t received_lsn;
    uint64_t told_lsn;
    int64_t status_us;      /* when the last status was sent */
    int64_t position_us;    /* when the position was last looked at */
    bool position_late;     /* it was not looked at since, because that was just before */
    uint64_t quiet_put;     /* the last quiet position that was handed over */
    int64_t quiet_since_us; /* since when a newer one waits; 0: none does */
    struct pace pace;
    struct measured measured;
    struct err ack_error;
};

/* connector.c: takes a wake-up. */
void connector_woken(struct connector *c);

/* What the server is told. Zero says nothing: the slot stays where it is (lsn.flush.mode=manual). */
uint64_t connector_flush_lsn(const struct connector *c);

/* connector_tables.c: the captured tables; catalog_tables_free. */
bool connector_captured(const struct connector *c, PGconn *conn, struct catalog_table **out,
                        size_t *n, struct err *e);
/* What they need before a slot reads them: a publication, the replica identity. */
bool connector_prepare_tables(struct connector *c, PGconn *conn, struct catalog_table *tables,
                              size_t n, bool dry_run, struct err *e);
/* For the commands that wait for other sessions: making a slot, changing a publication. */
int connector_timeout_ms(const struct connector *c);

/* connector_start.c: from nothing to a running snapshot or stream. */
bool connector_connect(struct connector *c, struct err *e);
/* Looks without changing. */
bool connector_look(struct connector *c, struct err *e);
/* A session that streams from where this incarnation stands; */
bool connector_open_wal(struct connector *c, struct err *e);
/* PHASE_SNAPSHOT is over: streaming begins, */
bool connector_stream(struct connector *c, struct err *e);
/* or, in a mode without, nothing does. */
void connector_rest(struct connector *c);

/* made NULL: under a snapshot of its own. */
bool connector_start_snapshot(struct connector *c, PGconn *conn, const struct pg_slot_created *made,
                              struct err *e);
bool connector_temporary_slot(struct connector *c, PGconn *conn, struct pg_slot_created *made,
                              struct err *e);

/* connector_catch_up.c: a snapshot goes on. What is done of it is streamed up to the point at which the rest is read. */
bool connector_catch_up(struct connector *c, const struct startup_plan *plan, struct err *e);
/* When it has caught up: to the next step, at last the snapshot. */
bool connector_caught_up(struct connector *c, struct err *e);

/* connector_progress.c: takes up what is stored, as an incarnation begins. */
void connector_load_progress(struct connector *c, const struct offset_store *store);
void connector_clear_progress(struct connector *c);
/* What need not be read, for a snapshot that starts: of tables that still are what they were. Freed by the caller. */
bool connector_done(struct connector *c, PGconn *conn, struct snapshot_interval **out, size_t *n,
                    struct err *e);
/* It has started, its first batch is still to be put. */
bool connector_begin_progress(struct connector *c, PGconn *conn, struct err *e);
void connector_put_unit(struct connector *c, const struct batch *b);
/* While the snapshot is open: hands over how far it is, and its offset when it is delivered. */
void connector_store_progress(struct connector *c, bool now);
/* connector_known.c: which tables need no snapshot. Takes up what is stored, as an incarnation begins; */
void connector_load_known(struct connector *c, const struct offset_store *store);
void connector_clear_known(struct connector *c);
/* asks, by a progress, for those that are new (*asked): the plan is to be made again; */
bool connector_ask_for_new(struct connector *c, const struct startup_plan *plan,
                           const struct catalog_table *tables, size_t n, bool *asked,
                           struct err *e);
/* takes those out that are captured no more, before any position passes their changes; */
void connector_note_known(struct connector *c, const struct startup_plan *plan,
                          const struct catalog_table *tables, size_t n);
/* a snapshot has begun to read some; */
void connector_note_read(struct connector *c);
/* and is whole. */
void connector_snapshot_known(struct connector *c);

/* connector_offset.c: hands a new position to the offset thread, when it is time to or now; */
void connector_store_position(struct connector *c, bool now);
void connector_store_again(struct connector *c);
int64_t connector_position_deadline_us(const struct connector *c); /* INT64_MAX: none waits */
/* the offsets that Debezium would have stored. */
void connector_record_offset(const struct connector *c, const struct led_position *pos,
                             struct offset *o, struct txn_summary *counts);
void connector_snapshot_offset(const struct connector *c, const struct led_position *pos,
                               struct offset *o);

/* connector_snapshot.c: puts what the reader has ready; *empty: nothing is. At its end streaming begins, */
bool connector_snapshot(struct connector *c, bool *empty, struct err *e);
/* The batch that was taken; it may be parked. */
bool connector_put_batch(struct connector *c, struct err *e);
/* once streaming.delay.ms is over. */
bool connector_begin_stream(struct connector *c, struct err *e);

/* connector_metrics.c: puts the figures, when it is time to. */
void connector_measure(struct connector *c, bool idle);
/* The session is over. */
void connector_measure_end(struct connector *c, bool failed);

/* connector_loop.c: until stopping (true) or an error. */
bool connector_loop(struct connector *c, struct err *e);
/* Gives the sinks time to finish, stores the position, tells the server. */
void connector_drain(struct connector *c);
/* A sink's refusal or a row that cannot be said, at an LSN: both end the incarnation. */
bool connector_step_failed(struct connector *c, uint64_t lsn, struct err *e);

#endif
