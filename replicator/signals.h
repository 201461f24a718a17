/*
 * Ad-hoc work of a running connector: signals from every channel, and what they start. One for an incarnation; all calls
 * but signals_post on the connector thread, and none of them waits.
 */
#ifndef REPLICATOR_SIGNALS_H
#define REPLICATOR_SIGNALS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "replicator/incremental.h"
#include "replicator/pipeline.h"
#include "replicator/signal.h"
#include "sinks/sink.h"

struct signals;
struct signal_box;

/* In-process signals, from any thread; outlives incarnations. */
struct signal_box *signal_box_new(void);
void signal_box_free(struct signal_box *b);
/* Copied. False: e says what is wrong with it. */
bool signal_box_post(struct signal_box *b, const struct signal *s, struct err *e);
int signal_box_fd(const struct signal_box *b);
/* The next one, in `a`; false: none. */
bool signal_box_take(struct signal_box *b, struct arena *a, struct signal *out);

struct signals_parts {
    struct incremental_parts inc; /* without notify */
    const char *connector;
    struct signal_box *box;
    struct sink *const *sinks;
    unsigned nsinks;
};

/* Takes a signal that is only noted; false: it was noted before. */
typedef bool signals_note_fn(void *arg, const struct signal *s, const struct identity *row);

/* The pipeline's tap is set. */
struct signals *signals_new(const struct signals_parts *parts, struct err *e);
void signals_free(struct signals *s);
struct incremental *signals_incremental(struct signals *s);
struct notify *signals_notify(struct signals *s);

/*
 * While an interrupted snapshot catches up, signals of the stream are handed to `note` and nothing is done; NULL: carried
 * out. Whoever notes them gives them back in their order once streaming begins; they come before any other then.
 */
void signals_note_only(struct signals *s, signals_note_fn *note, void *arg);
void signals_give_back(struct signals *s, const struct signal *signal);
/* Are those carried out? Then *mark is the state that knows of them (signals_state), true once all before *ticket is
 * delivered. */
bool signals_given_done(const struct signals *s, uint64_t *mark, uint64_t *ticket);

/*
 * While streaming: looks at channels, sessions, notifications. *busy: a blocking snapshot is being read, the stream waits.
 * PARKED: a sink was full; unless busy, pipeline_resume goes on.
 */
enum pipe_result signals_poll(struct signals *s, bool *busy, struct err *e);
/* Notifications alone, for an initial snapshot; PARKED: come again before anything else is put. */
enum pipe_result signals_notes(struct signals *s, struct err *e);
/* More of a blocking snapshot is there. */
bool signals_has_more(const struct signals *s);
/* Everything before this LSN was streamed (keepalive). */
void signals_passed(struct signals *s, uint64_t lsn);
/* What an offset stores with the mark of a position, and that it was stored. */
char *signals_state(struct signals *s, uint64_t mark);
void signals_stored(struct signals *s, uint64_t mark);
void signals_new_session(struct signals *s, int server_version);
/* A blocking snapshot cannot go on with another session. */
bool signals_is_blocking(const struct signals *s);
/* Has one been read to its end since this was asked? */
bool signals_take_blocked(struct signals *s);

enum { SIGNALS_FDS = 4 };
nfds_t signals_fds(struct signals *s, struct pollfd fds[SIGNALS_FDS]);
int64_t signals_deadline_us(const struct signals *s);
/* Should the server be asked where it is? */
bool signals_wants_keepalive(const struct signals *s);

#endif
