#include <string.h>

#include "replicator/connect/worker.h"
#include "replicator/rest/api.h"
#include "replicator/rest/route.h"

void
api_metrics(struct rest_request *r)
{
    json_t *names = worker_names(r->context->worker, NULL);

    r->status = 200;
    r->type = "text/plain; version=0.0.4; charset=utf-8";
    buf_printf(&r->out, "# TYPE walbridge_connectors gauge\nwalbridge_connectors %zu\n",
               json_array_size(names));
    json_decref(names);
}
