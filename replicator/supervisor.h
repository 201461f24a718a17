/*
 * The supervisor of connectors: each is a job with at most one thread, and its life is a table (supervisor.c, job_table).
 * The owner says what is wanted and calls job_step when the supervisor's descriptor is readable or a wish changed; both on
 * one thread.
 *
 *            run                      pause
 *    OFF ──────────► RUNNING ◄──────────────────► PAUSED        from both: stop, or restart ► STOPPING ► OFF
 *     ▲               │   │          run            │           from both: an error that does not pass ► FAILED
 *     │      ends ────┘   └──── DONE                │
 *     └── FAILED, DONE: by stop or restart ─────────┘
 */
#ifndef REPLICATOR_SUPERVISOR_H
#define REPLICATOR_SUPERVISOR_H

#include "replicator/connector.h"

enum job_state {
    JOB_OFF,      /* no thread */
    JOB_RUNNING,  /* starting, streaming, or waiting to try again */
    JOB_PAUSED,   /* reads nothing; keeps its session, or does not begin one */
    JOB_STOPPING, /* drains, lets go of the slot */
    JOB_FAILED,   /* a person must act; no thread */
    JOB_DONE,     /* ended by itself: there was nothing more to do; no thread */
};

enum job_why {
    JOB_WANT_RUN,
    JOB_WANT_PAUSE,
    JOB_WANT_STOP,
    JOB_RESTART, /* also: another configuration */
    JOB_ENDED,
    JOB_BROKE,
};

struct supervisor;
struct job;

/* Called from job_step after each change of state; e: why it failed, else NULL. */
typedef void (*job_changed)(void *arg, struct job *j, enum job_state from, enum job_state to,
                            const struct err *e);

struct supervisor *supervisor_new(void);
/* Readable when a connector ended; job_step takes the news. */
int supervisor_fd(const struct supervisor *s);
void supervisor_took(struct supervisor *s);
void supervisor_free(struct supervisor *s);

/* changed may be NULL. */
struct job *job_new(struct supervisor *s, const char *name, job_changed changed, void *arg);
/* With what the next start runs; o->config is taken over. A running connector is not touched: job_restart. */
void job_configure(struct job *j, const struct connector_options *o);
/* JOB_WANT_RUN, _PAUSE or _STOP. */
void job_want(struct job *j, enum job_why wish);
/* Once: stop and start again, as is wanted. Also what has failed is tried again. */
void job_restart(struct job *j);
/* Gives what runs a signal (connector.h); false: e, also of one that does not run. */
struct signal;
bool job_signal(struct job *j, const struct signal *s, struct err *e);
/* Everything that the table says, until it says no more. */
void job_step(struct job *j);
enum job_state job_state(const struct job *j);
const char *job_name(const struct job *j);
/* Of its last end; class ERR_NONE when that was no failure. */
const struct err *job_error(const struct job *j);
/* It is OFF, FAILED or DONE, or what its thread does may be cut off without a loss: it is still starting. */
bool job_may_abandon(const struct job *j);
/* Off, failed or done. */
bool job_is_over(const struct job *j);
void job_free(struct job *j);

const char *job_state_name(enum job_state s);
/* What the table says: false when nothing happens. For the test that walks it. */
bool job_next(enum job_state from, enum job_why why, enum job_state *to);

#endif
