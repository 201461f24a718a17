/* The worker itself: what it is, how it is, its loggers. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "replicator/connect/worker.h"
#include "replicator/rest/api.h"
#include "replicator/rest/route.h"

void
api_root(struct rest_request *r)
{
    struct worker_facts f;

    worker_facts(r->context->worker, &f);
    r->status = 200;
    r->type = "application/json";
    buf_printf(&r->out, "{\"version\":\"%s\",\"commit\":\"%s\",\"kafka_cluster_id\":", f.version,
               f.commit);
    json_cstr(&r->out, f.cluster_id);
    buf_putc(&r->out, '}');
}

void
api_health(struct rest_request *r)
{
    static const struct {
        int status;
        const char *word, *message;
    } states[] = {
        [WORKER_STARTING] = {503, "starting",
                             "Worker is still starting up; the storage topics are being read."},
        /* Well enough for a rolling deployment, which stops the other one when this one is. */
        [WORKER_WAITING] = {200, "healthy", "Worker waits for another one of its group."},
        [WORKER_READY] = {200, "healthy",
                          "Worker has completed startup and is ready to handle requests."},
        [WORKER_FAILED] = {500, "unhealthy", "Worker failed."},
    };
    struct worker_facts f;

    worker_facts(r->context->worker, &f);
    r->status = states[f.state].status;
    r->type = "application/json";
    buf_printf(&r->out, "{\"status\":\"%s\",\"message\":", states[f.state].word);
    json_cstr(&r->out, *f.message ? f.message : states[f.state].message);
    buf_putc(&r->out, '}');
}

void
api_loggers(struct rest_request *r)
{
    rest_answer(r, 200, worker_loggers(r->context->worker), NULL);
}

void
api_logger(struct rest_request *r)
{
    struct worker_error e = {0};
    json_t *level = worker_logger(r->context->worker, r->params[0], &e);

    rest_answer(r, 200, level, &e);
}

void
api_logger_set(struct rest_request *r)
{
    struct worker_error e = {0};
    json_t *body = rest_body(r, true), *names;
    const char *level = json_string_value(json_object_get(body, "level"));
    size_t at = 0;
    char *scope = uri_query(&r->uri, "scope", &at);
    bool cluster = scope && strcmp(scope, "cluster") == 0;

    free(scope);
    if (!body)
        return;
    if (!json_is_object(body)) {
        rest_error(r, 500, "The body is expected to be {\"level\": \"…\"}");
    } else if (!level) {
        rest_error(r, 400, "Desired 'level' parameter was not specified in request.");
    } else {
        names = worker_set_logger(r->context->worker, r->params[0], level, cluster, &e);
        if (names && cluster) {
            json_decref(names);
            rest_no_content(r, 204);
        } else {
            rest_answer(r, 200, names, &e);
        }
    }
    json_decref(body);
}
