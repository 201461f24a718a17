/*
 * Before the first byte is streamed: does the stored offset belong to this server, database and slot, and where does the
 * stream go on? Pure decisions over what the server and the store said, so that a unit test can walk them.
 */
#ifndef REPLICATOR_STARTUP_H
#define REPLICATOR_STARTUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/prop.h"
#include "replicator/offset.h"
#include "replicator/pg/slot.h"
#include "replicator/pipeline.h"
#include "replicator/progress.h"

/* offset.mismatch.strategy; unset is ours: any mismatch is refused. */
enum mismatch {
    MISMATCH_REFUSE,
    MISMATCH_NO_VALIDATION,
    MISMATCH_TRUST_OFFSET,
    MISMATCH_TRUST_SLOT,
    MISMATCH_TRUST_GREATER
};

/* When tables are read: never, without an offset of a whole snapshot, at every start. */
enum startup_data { DATA_NEVER, DATA_INITIAL, DATA_ALWAYS };

/* What snapshot.mode comes to. */
struct startup_mode {
    enum startup_data data;
    bool resnapshot; /* tables are read again when the stream cannot go on from where it stood */
    bool streams;
};

struct startup_mode startup_mode(const struct config *c);
/* An offset is of use unless its snapshot never finished: then the snapshot begins anew. */
bool startup_offset_counts(const struct offset *o);

struct startup_facts {
    const char *connector, *slot_name, *database;
    struct startup_mode mode;
    bool drops_slot; /* slot.drop.on.stop: a slot that is missing is no surprise */
    enum mismatch mismatch;
    bool has_offset;
    const struct offset *offset;
    const struct pg_server *server;
    uint64_t
        fork_lsn; /* where the server left the offset's timeline, if it is another; 0: it was never on it */
    bool has_slot;
    const struct pg_slot *slot;
    const struct progress
        *progress; /* of a snapshot that was interrupted; NULL: none, or not wanted */
};

struct startup_plan {
    bool drop_slot;   /* an invalidated slot is in the way of the one to be made */
    bool create_slot; /* the connector's slot is to be made; its point is where streaming starts */
    bool
        snapshot; /* tables are to be read first, under the created slot's snapshot or a temporary slot's */
    bool resume_snapshot; /* what the progress says is done is not read again */
    bool streams;         /* else no slot is touched: there is the snapshot, or nothing to do */
    uint64_t advance_to;  /* the slot is to be advanced before; 0: no */
    uint64_t start_lsn;   /* 0: known only once a slot is made */
    uint64_t
        flush_lsn; /* what the server knows already, or our store has: nothing stored from now on may claim less */
    struct pipeline_resume resume;
    char warning[700]; /* to be logged; "" none */
};

/* False: e says what does not fit, with both positions and the command that settles it. */
bool startup_decide(const struct startup_facts *f, struct startup_plan *out, struct err *e);

#endif
