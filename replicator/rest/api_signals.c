/* POST /connectors/{connector}/signals: walbridge's own. */
#include "replicator/connect/worker.h"
#include "replicator/rest/api.h"
#include "replicator/rest/route.h"
#include "replicator/signal.h"

static void
give(struct rest_request *r, struct arena *a)
{
    struct worker_error e = {0};
    struct signal s;
    struct err why = {0};
    json_t *answer;

    if (!signal_read(r->body.p, r->body.n, a, &s, &why)) {
        rest_error(r, 400, why.msg);
        return;
    }
    answer = worker_signal(r->context->worker, r->params[0], &s, &e);
    rest_answer(r, 202, answer, &e);
}

void
api_signal(struct rest_request *r)
{
    json_t *body = rest_body(r, false);
    struct arena a;

    if (body && !json_is_object(body)) {
        rest_error(r, 400,
                   "The body is expected to be {\"id\": \"…\", \"type\": \"…\", \"data\": {…}}");
    } else if (body) {
        arena_init(&a);
        give(r, &a);
        arena_free(&a);
    }
    json_decref(body);
}
