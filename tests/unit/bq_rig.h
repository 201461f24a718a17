/*
 * The BigQuery sink and the stand-in it talks to (tests/fakebq, a process of its own), for tests of delivery. Asserts by
 * itself: a test only says what it wants to see.
 */
#ifndef TESTS_UNIT_BQ_RIG_H
#define TESTS_UNIT_BQ_RIG_H

#include <jansson.h>
#include <sys/types.h>

#include "sinks/http.h"
#include "sinks/sink.h"
#include "tests/unit/bq_fixture.h"

enum { TICKETS_MAX = 4096, PATIENCE_MS = 15000 };

struct rig {
    pid_t fake;
    int port;
    char dir[64];
    struct config *config;
    struct http *http;
    struct sink *sink;
    struct fix fix;
    void *prog;
    unsigned acked[TICKETS_MAX];
    unsigned total;
    uint64_t next_ticket;
};

/* Starts the stand-in (further arguments, NULL-terminated, or NULL) and makes a configuration for it. */
void rig_start(struct rig *r, const char *const *fake_args);
void rig_stop(struct rig *r);
void rig_set(struct rig *r, const char *name,
             const char *value); /* walbridge.bigquery.<name>; NULL: not given */

struct sink *rig_open_sink(struct rig *r, struct err *e); /* NULL: e says why */
void rig_open(struct rig *r);                             /* and compiles r->fix.plan */
void rig_shut_sink(struct rig *r);

/* One turn of the loop, as the pipeline would take it. */
bool rig_turn(struct rig *r, struct err *e);
/* Until that many records are acknowledged in all, and nothing is pending. */
void rig_run_until(struct rig *r, unsigned acks);
/* Until the sink gives up; e says why. */
void rig_run_to_error(struct rig *r, struct err *e);

/* Every change taken gets the next ticket. */
enum sink_put rig_put_change(struct rig *r, const struct change *c, struct err *e);
void rig_put_row(struct rig *r, enum change_op op, const char *const *before,
                 const char *const *after);
void rig_put_item(struct rig *r, const char *sku,
                  const char *available); /* an insert into the inventory */

/* Talks to the stand-in's control paths; free the answer. */
char *rig_ask(struct rig *r, const char *method, const char *path, const char *body);
void rig_tell(struct rig *r, const char *path, const char *body);
void rig_make_table(struct rig *r, const char *table,
                    const char *fields); /* as somebody else would have */
json_t *rig_rows_of(struct rig *r, const char *table);
/* Requests whose path ends so and that were answered with that status (0: any). */
unsigned rig_requests(struct rig *r, const char *method, const char *end, int status);

#endif
