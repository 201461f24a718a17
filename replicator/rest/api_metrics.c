/* GET /metrics. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "replicator/connect/worker.h"
#include "replicator/metrics.h"
#include "replicator/rest/api.h"
#include "replicator/rest/route.h"

/* Every connector that has a status, and the document that its texts stand in. */
struct gathered {
    struct metrics_connector *v;
    json_t **statuses;
    size_t n;
};

static const char *
text_of(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void
take_figures(void *arg, const char *name, const char *server, const char *labels,
             const struct metrics *m)
{
    struct gathered *g = arg;

    for (size_t i = 0; i < g->n; i++) {
        if (strcmp(g->v[i].name, name) != 0)
            continue;
        g->v[i].m = *m;
        free((void *)(uintptr_t)g->v[i].server);
        g->v[i].server = mem_strdup(server);
        free((void *)(uintptr_t)g->v[i].labels);
        g->v[i].labels = mem_strdup(labels);
    }
}

void
api_metrics(struct rest_request *r)
{
    json_t *names = worker_names(r->context->worker, NULL), *name;
    struct gathered g = {.v = mem_array(json_array_size(names) + 1, sizeof(*g.v)),
                         .statuses = mem_array(json_array_size(names) + 1, sizeof(json_t *))};
    size_t i;

    json_array_foreach(names, i, name)
    {
        json_t *status = worker_status(r->context->worker, json_string_value(name), NULL);
        json_t *task = json_array_get(json_object_get(status, "tasks"), 0);

        if (!status)
            continue;
        g.statuses[g.n] = status;
        g.v[g.n++] = (struct metrics_connector){
            .name = json_string_value(name),
            .server = mem_strdup(""),
            .labels = mem_strdup(""),
            .state = text_of(json_object_get(status, "connector"), "state"),
            .task = text_of(task, "state")};
    }
    worker_metrics(r->context->worker, take_figures, &g);
    r->status = 200;
    r->type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_write(&r->out, g.v, g.n);
    for (i = 0; i < g.n; i++) {
        free((void *)(uintptr_t)g.v[i].server);
        free((void *)(uintptr_t)g.v[i].labels);
        json_decref(g.statuses[i]);
    }
    free(g.v);
    free(g.statuses);
    json_decref(names);
}
