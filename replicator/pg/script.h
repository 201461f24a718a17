/*
 * A session that runs a few statements one after another without ever making the connector wait. It connects when it is
 * first needed, and again with back-off when it was lost.
 */
#ifndef REPLICATOR_PG_SCRIPT_H
#define REPLICATOR_PG_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "replicator/pg/conn.h"

struct script;

enum script_state {
    SCRIPT_IDLE,
    SCRIPT_BUSY,
    SCRIPT_DONE, /* every result is there, until the next script_clear */
    SCRIPT_FAILED, /* a statement failed (e), the ones behind it were not run, an open transaction was rolled back */
    SCRIPT_LOST, /* the session is gone (e); what ran is not known */
};

/* params must outlive it. */
struct script *script_new(const struct pg_params *params);
void script_free(struct script *s);
/* Forgets statements and results; nothing may run. */
void script_clear(struct script *s);
/* One statement, parameters as text (NULL: null); copied. It is run by itself whatever it holds: never two. */
void script_add(struct script *s, struct slice sql, int nparams, const char *const *params);
/* Runs what was added since the last run; results of earlier ones stay. */
void script_run(struct script *s);
/* Reports DONE, FAILED and LOST once, IDLE afterwards. */
enum script_state script_poll(struct script *s, struct err *e);
bool script_is_busy(const struct script *s);
/* Result of the i-th statement; NULL unless it ran well. */
const PGresult *script_result(const struct script *s, size_t i);
int script_fd(const struct script *s); /* -1: nothing to wait for */
bool script_wants_write(const struct script *s);
int64_t script_deadline_us(const struct script *s); /* INT64_MAX: none */

#endif
