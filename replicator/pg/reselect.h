/*
 * Debezium's ReselectColumnsPostProcessor (post.processors): columns of an inserted or updated row whose value did not come
 * (a TOASTed value that did not change), or that are null, are read again from the table by the row's key, as they are now.
 * On a session of its own and without making the connector wait: the change is parked until the answer is there.
 *
 * What cannot be read again, because the row is gone or the statement failed, stays as it came, with a warning;
 * reselect.error.handling.mode=fail makes it an error of the change. A lost session is tried anew a few times before.
 */
#ifndef REPLICATOR_PG_RESELECT_H
#define REPLICATOR_PG_RESELECT_H

#include "base/prop.h"
#include "decoder/change.h"
#include "decoder/settings.h"

struct pg_params;
struct reselect;

enum reselect_result {
    RESELECT_GO,   /* c->after is complete, as far as it can be */
    RESELECT_WAIT, /* not yet: ask again with the same change */
    RESELECT_FAILED,
};

/*
 * *out stays NULL when post.processors is empty. False: the configuration names something else. settings and params outlive
 * it; params NULL: only the configuration is looked at.
 */
bool reselect_new(const struct config *c, const struct settings *s, const struct pg_params *params,
                  struct reselect **out, struct err *e);
void reselect_free(struct reselect *r);
/* Of an insert or update; what c->after points to afterwards is valid until the next call. */
enum reselect_result reselect_complete(struct reselect *r, struct change *c, struct err *e);
int reselect_fd(const struct reselect *r); /* -1: nothing to wait for */
bool reselect_wants_write(const struct reselect *r);
int64_t reselect_deadline_us(const struct reselect *r); /* INT64_MAX: none */

#endif
