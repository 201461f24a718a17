/* The handlers of rest_routes. Each leaves its answer in the request. */
#ifndef REPLICATOR_REST_API_H
#define REPLICATOR_REST_API_H

#include <jansson.h>

#include "replicator/rest/request.h"

typedef void api_handler(struct rest_request *r);

api_handler api_root, api_health, api_metrics, api_loggers, api_logger, api_logger_set;
api_handler api_list, api_create, api_info, api_delete, api_config, api_put, api_patch, api_status;
api_handler api_pause, api_resume, api_stop, api_restart, api_tasks, api_internal;
api_handler api_task_status, api_task_restart, api_topics, api_topics_reset;
api_handler api_offsets, api_offsets_alter, api_offsets_reset;
api_handler api_signal;
api_handler api_plugins, api_plugin_config, api_validate;

struct worker_error;
/* Is this configuration one that can be run? What worker_options.check asks; arg: the worker's struct config, or NULL. */
bool api_check(void *arg, const char *name, json_t *config, struct worker_error *e);

#endif
