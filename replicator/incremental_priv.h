/* Inside incremental snapshots: chunks (incremental.c), their windows in the stream (incremental_stream.c), tables
 * (incremental_table.c), the stored state (incremental_state.c), orders (incremental_orders.c). */
#ifndef REPLICATOR_INCREMENTAL_PRIV_H
#define REPLICATOR_INCREMENTAL_PRIV_H

#include "base/arena.h"
#include "base/map.h"
#include "replicator/incremental.h"
#include "replicator/incremental_window.h"
#include "replicator/java_object.h"
#include "replicator/pg/chunk.h"

struct inc_table {
    char *name; /* "schema.table" */
    char *schema, *table, *condition, *surrogate;
};

/* A key's values as text, NULL is null; v NULL: there is none. */
struct inc_key {
    char **v;
    enum java_kind *kinds;
    size_t n;
};

enum inc_step {
    INC_IDLE,
    INC_DESCRIBE, /* with the open watermark before it, or alone for the next table */
    INC_TYPES,
    INC_LAST,
    INC_ROWS,
    INC_CLOSE,
    INC_WINDOW, /* the chunk is read: until its window closes in the stream */
};

/* The state as it was when a mark was set. */
struct inc_saved {
    uint64_t mark, ticket; /* of the ledger's next entry then */
    char *text;            /* NULL: none was running */
};

struct incremental {
    struct incremental_parts parts;
    struct chunks *chunks;
    bool read_only, delete_mark;
    int64_t chunk_rows;

    /* What is stored. */
    struct inc_table *tables; /* the first is being read */
    size_t ntables;
    char *id;                  /* the signal's; NULL none */
    struct inc_key sent, upto; /* of the last row that went out, and of the table's last one */
    struct inc_saved *saved;
    size_t nsaved;
    uint64_t mark;

    bool paused;
    char **stops; /* names of tables to be left out */
    size_t nstops;
    struct map *known; /* names of tables that were there; NULL none */

    /* The chunk. */
    enum inc_step step;
    char chunk_id[40];
    char opened[40]; /* when its window was opened, as its watermark says */
    bool open, closed, failed_once;
    unsigned retries, blinds; /* in a row: failures, and chunks that did not see what had come */
    int64_t retry_us;         /* when to begin again; 0: nothing failed */
    uint32_t *xids;           /* what had come before the window opened */
    size_t nxids;
    uint64_t passed; /* everything before it was streamed */
    struct window *window;
    uint64_t number;      /* of the read in its window */
    uint64_t row_bytes;   /* of the table, on average; 0: unknown */
    int64_t window_us;    /* since when a window waits for its end; 0: it was warned of */
    uint64_t rows;        /* read of the table */
    struct inc_key after; /* behind which the next chunk begins: the last one's end */
    struct inc_key end;   /* the chunk's last key */

    /* The table. */
    struct arena arena; /* of its description */
    struct plan *plan;
    char *fingerprint;     /* of the description that the plan was made of */
    char *key_names;       /* of the columns that `after` and `upto` are of; NULL: not known */
    struct slice *columns; /* selected */
    uint16_t *column_of;   /* and which of the relation's they are */
    size_t ncolumns;
    struct chunk_key *key; /* the order of chunks */
    size_t *key_at;        /* among the selected */
    size_t nkey;
    uint16_t *dedup;  /* the relation's columns that name a row in the stream */
    size_t *dedup_at; /* among the selected */
    size_t ndedup;
    struct value *row; /* of the read that goes out */
    struct chunk_snapshot snapshot;
    struct arena snapshot_arena;
};

/* incremental_state.c */
void inc_key_free(struct inc_key *k);
void inc_key_copy(struct inc_key *to, const struct inc_key *from);
void inc_key_move(struct inc_key *to, struct inc_key *from);
/* The state changed: from the next entry on the new one is true. */
void inc_save(struct incremental *i);
/* Are so many states waiting for their entries to be delivered that no more should come? */
bool inc_is_ahead(const struct incremental *i);
/* Of the present state as it is stored; SIZE_MAX: too large by far. */
size_t inc_state_bytes(const struct incremental *i);
char *inc_key_text(const struct inc_key *k);  /* for people */
char *inc_names(const struct incremental *i); /* "public.t,public.u" */
void inc_table_free(struct inc_table *t);
void inc_drop_table(struct incremental *i, size_t at);
void inc_set_id(struct incremental *i, const char *id);

/* incremental_table.c: what a description makes of a table. False: it cannot be read, status says why. */
bool inc_table_ready(struct incremental *i, const char **status);
bool inc_is_as_described(struct incremental *i);
/* -1: none */
int inc_column_at(const struct relation *rel, struct slice name);
void inc_forget_table(struct incremental *i);
void inc_select(const struct incremental *i, struct chunk_select *s);
void inc_take_key(const struct incremental *i, size_t row, bool whole_row, struct inc_key *out);

/* incremental_orders.c: tables that are to be stopped: is it one of them, and they are taken out. */
bool inc_is_stopped(const struct incremental *i, const char *name);
void inc_leave_out(struct incremental *i);

/* incremental_stream.c: the window opens now; a transaction that came before is missing in the chunk. */
void inc_note_open(struct incremental *i);
bool inc_is_blind(const struct incremental *i);
enum pipe_result inc_close_by_position(struct incremental *i, struct err *e);

/* incremental.c: the next chunk; the one at hand once more, at once or once a transaction can be seen. */
void inc_begin_chunk(struct incremental *i);
void inc_read_again(struct incremental *i);
void inc_read_later(struct incremental *i);
void inc_next_table(struct incremental *i);

#endif
