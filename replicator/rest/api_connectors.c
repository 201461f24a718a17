/* The connectors: what they are and how, and what is done with them. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "replicator/connect/json_text.h"
#include "replicator/connect/worker.h"
#include "replicator/rest/api.h"
#include "replicator/rest/route.h"

/* ------------------------------------------------------------------------------------------------------------- reading */

static void
write_member(struct buf *out, bool *first, const char *key, json_t *document)
{
    if (!*first)
        buf_putc(out, ',');
    *first = false;
    json_cstr(out, key);
    buf_putc(out, ':');
    json_text_add(out, document);
    json_decref(document);
}

/* The value is a list of expansions; those that are none say nothing. */
static void
write_expanded(struct rest_request *r, const char *name)
{
    struct worker *w = r->context->worker;
    bool first = true;
    char *what;

    buf_putc(&r->out, '{');
    for (size_t at = 0; (what = uri_query(&r->uri, "expand", &at)) != NULL; free(what)) {
        json_t *document = strcmp(what, "info") == 0     ? worker_info(w, name, NULL)
                           : strcmp(what, "status") == 0 ? worker_status(w, name, NULL)
                                                         : NULL;

        if (document)
            write_member(&r->out, &first, what, document);
    }
    buf_putc(&r->out, '}');
}

void
api_list(struct rest_request *r)
{
    struct worker_error e = {0};
    json_t *names = worker_names(r->context->worker, &e), *name;
    size_t at = 0, i;
    char *expand = uri_query(&r->uri, "expand", &at);

    if (!expand || !names) {
        free(expand);
        rest_answer(r, 200, names, &e);
        return;
    }
    free(expand);
    r->status = 200;
    r->type = "application/json";
    buf_putc(&r->out, '{');
    json_array_foreach(names, i, name)
    {
        if (i)
            buf_putc(&r->out, ',');
        json_cstr(&r->out, json_string_value(name));
        buf_putc(&r->out, ':');
        write_expanded(r, json_string_value(name));
    }
    buf_putc(&r->out, '}');
    json_decref(names);
}

/* Those that ask for one document of one connector. */
static void
read_one(struct rest_request *r,
         json_t *(*read)(struct worker *w, const char *name, struct worker_error *e))
{
    struct worker_error e = {0};
    json_t *document = read(r->context->worker, r->params[0], &e);

    rest_answer(r, 200, document, &e);
}

void
api_info(struct rest_request *r)
{
    read_one(r, worker_info);
}

void
api_config(struct rest_request *r)
{
    read_one(r, worker_config);
}

void
api_status(struct rest_request *r)
{
    read_one(r, worker_status);
}

void
api_tasks(struct rest_request *r)
{
    read_one(r, worker_tasks);
}

void
api_topics(struct rest_request *r)
{
    read_one(r, worker_topics);
}

void
api_offsets(struct rest_request *r)
{
    read_one(r, worker_offsets);
}

/* False: answered, it is no number. */
static bool
task_number(struct rest_request *r, int *task)
{
    char *end;
    long n = strtol(r->params[1], &end, 10);

    if (*end || end == r->params[1] || n < INT32_MIN || n > INT32_MAX) {
        rest_error(r, 404, "HTTP 404 Not Found");
        return false;
    }
    *task = (int)n;
    return true;
}

void
api_task_status(struct rest_request *r)
{
    struct worker_error e = {0};
    json_t *status;
    int task;

    if (!task_number(r, &task))
        return;
    status = worker_task_status(r->context->worker, r->params[0], task, &e);
    rest_answer(r, 200, status, &e);
}

/* ------------------------------------------------------------------------------------------------------------ changing */

static const char *
skip_blanks(const char *p)
{
    while (*p == ' ' || (*p >= '\t' && *p <= '\r'))
        p++;
    return p;
}

/* Location: where the connector is now. */
static void
set_location(struct rest_request *r, const char *name)
{
    struct buf url;

    buf_init(&url, 1 << 20);
    if (r->host)
        buf_printf(&url, "http%s://%s", r->is_tls ? "s" : "", r->host);
    else
        buf_str(&url, r->context->base_url);
    BUF_LIT(&url, "/connectors/");
    for (const char *p = name; *p; p++) {
        if ((unsigned char)*p > 0x20 && (unsigned char)*p < 0x7f && !strchr("\"%<>[\\]^`{|}?#", *p))
            buf_putc(&url, *p);
        else
            buf_printf(&url, "%%%02X", (unsigned char)*p);
    }
    r->location = mem_strdup(buf_cstr(&url));
    buf_free(&url);
}

static bool
target_of(struct rest_request *r, json_t *state, enum worker_target *target)
{
    static const struct {
        const char *name;
        enum worker_target target;
    } states[] = {
        {"RUNNING", WORKER_STARTED}, {"PAUSED", WORKER_PAUSED}, {"STOPPED", WORKER_STOPPED}};
    const char *text = json_string_value(state);

    for (size_t i = 0; text && i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcasecmp(text, states[i].name) == 0) {
            *target = states[i].target;
            return true;
        }
    }
    rest_error(r, 500, "initial_state is expected to be one of RUNNING, PAUSED, STOPPED");
    return false;
}

/* {"name", "config", "initial_state"} and nothing else. */
static bool
check_members(struct rest_request *r, json_t *body)
{
    const char *key;
    json_t *v;

    if (!json_is_object(body)) {
        rest_error(r, 500, "The body is expected to be {\"name\": \"…\", \"config\": {…}}");
        return false;
    }
    json_object_foreach(body, key, v)
    {
        if (strcmp(key, "name") != 0 && strcmp(key, "config") != 0 &&
            strcmp(key, "initial_state") != 0) {
            char *text = mem_printf(
                "Unrecognized field \"%.200s\" (3 known properties: "
                "\"config\", \"name\", \"initial_state\")",
                key);

            rest_error(r, 500, text);
            free(text);
            return false;
        }
    }
    return true;
}

/* The name without blanks around it; NULL: answered. */
static char *
name_of(struct rest_request *r, json_t *body)
{
    json_t *given = json_object_get(body, "name");
    const char *name = json_string_value(given);
    size_t n;

    if (!given || json_is_null(given))
        return mem_strdup("");
    if (!name) {
        rest_error(r, 500, "The name is expected to be a string");
        return NULL;
    }
    name = skip_blanks(name);
    for (n = strlen(name);
         n && (name[n - 1] == ' ' || (name[n - 1] >= '\t' && name[n - 1] <= '\r'));)
        n--;
    return mem_strndup(name, n);
}

/* A configuration without a name gets it. False: answered, it has another one. PATCH is not asked so much. */
static bool
check_name(struct rest_request *r, const char *name, json_t *config)
{
    json_t *given = json_object_get(config, "name");
    const char *own = json_string_value(given);
    char *text;

    if (!given)
        json_object_set_new_nocheck(config, "name", json_string_nocheck(name));
    if (!own || strcmp(own, name) == 0)
        return true;
    text = mem_printf(
        "Connector name configuration (%.1000s) doesn't match connector name in the "
        "URL (%.1000s)",
        own, name);
    rest_error(r, 400, text);
    free(text);
    return false;
}

static void
create(struct rest_request *r, const char *name, json_t *body)
{
    json_t *config = json_object_get(body, "config"),
           *state = json_object_get(body, "initial_state");
    struct worker_error e = {0};
    enum worker_target target;
    json_t *info;

    if (!rest_make_config(r, config))
        return;
    if (state && !json_is_null(state) && !target_of(r, state, &target))
        return;
    if (!check_name(r, name, config))
        return;
    info = worker_create(r->context->worker, name, config,
                         state && !json_is_null(state) ? &target : NULL, &e);
    if (info)
        set_location(r, name);
    rest_answer(r, 201, info, &e);
}

void
api_create(struct rest_request *r)
{
    json_t *body = rest_body(r, true);
    char *name = NULL;

    if (body && check_members(r, body))
        name = name_of(r, body);
    if (name)
        create(r, name, body);
    free(name);
    json_decref(body);
}

void
api_put(struct rest_request *r)
{
    json_t *config = rest_body_config(r), *info;
    struct worker_error e = {0};
    bool created = false;

    if (config && check_name(r, r->params[0], config)) {
        info = worker_put(r->context->worker, r->params[0], config, &created, &e);
        if (info && created)
            set_location(r, r->params[0]);
        rest_answer(r, created ? 201 : 200, info, &e);
    }
    json_decref(config);
}

void
api_patch(struct rest_request *r)
{
    json_t *patch = rest_body_config(r), *info;
    struct worker_error e = {0};

    if (!patch)
        return;
    info = worker_patch(r->context->worker, r->params[0], patch, &e);
    rest_answer(r, 200, info, &e);
    json_decref(patch);
}

/* The answer of a change that has none. */
static void
done(struct rest_request *r, bool ok, int status, const struct worker_error *e)
{
    if (ok)
        rest_no_content(r, status);
    else
        rest_refuse(r, e);
}

void
api_delete(struct rest_request *r)
{
    struct worker_error e = {0};

    done(r, worker_delete(r->context->worker, r->params[0], &e), 204, &e);
}

void
api_pause(struct rest_request *r)
{
    struct worker_error e = {0};

    done(r, worker_set_target(r->context->worker, r->params[0], WORKER_PAUSED, &e), 202, &e);
}

void
api_resume(struct rest_request *r)
{
    struct worker_error e = {0};

    done(r, worker_set_target(r->context->worker, r->params[0], WORKER_STARTED, &e), 202, &e);
}

void
api_stop(struct rest_request *r)
{
    struct worker_error e = {0};

    done(r, worker_set_target(r->context->worker, r->params[0], WORKER_STOPPED, &e), 204, &e);
}

void
api_restart(struct rest_request *r)
{
    struct worker_error e = {0};
    json_t *status = NULL;

    if (!worker_restart(r->context->worker, r->params[0], rest_flag(r, "includeTasks"),
                        rest_flag(r, "onlyFailed"), &status, &e))
        rest_refuse(r, &e);
    else if (status)
        rest_answer(r, 202, status, &e);
    else
        rest_no_content(r, 204);
}

void
api_task_restart(struct rest_request *r)
{
    struct worker_error e = {0};
    int task;

    if (task_number(r, &task))
        done(r, worker_restart_task(r->context->worker, r->params[0], task, &e), 204, &e);
}

void
api_topics_reset(struct rest_request *r)
{
    struct worker_error e = {0};

    done(r, worker_reset_topics(r->context->worker, r->params[0], &e), 202, &e);
}

/* A real worker would forward such a request, signed with the group's session key, to us as its leader; we never lead. */
void
api_internal(struct rest_request *r)
{
    if (r->signature)
        rest_error(r, 403, "Internal request contained invalid signature.");
    else
        rest_error(r, 400, "Internal request missing required signature");
}

/* ------------------------------------------------------------------------------------------------------------- offsets */

/* Every element is {"partition", "offset"}. */
static bool
check_offsets(struct rest_request *r, json_t *offsets)
{
    json_t *element, *v;
    const char *key;
    size_t i;

    json_array_foreach(offsets, i, element)
    {
        if (!json_is_object(element)) {
            rest_error(r, 500, "An offset is expected to be {\"partition\": {…}, \"offset\": {…}}");
            return false;
        }
        json_object_foreach(element, key, v)
        {
            bool known = strcmp(key, "partition") == 0 || strcmp(key, "offset") == 0;

            if (known && (json_is_object(v) || json_is_null(v)))
                continue;
            rest_error(r, 500,
                       known ? "partition and offset are expected to be objects"
                             : "Unrecognized field (2 known properties: \"partition\", "
                               "\"offset\")");
            return false;
        }
    }
    return true;
}

void
api_offsets_alter(struct rest_request *r)
{
    json_t *body = rest_body(r, false), *offsets = json_object_get(body, "offsets");
    struct worker_error e = {0};
    json_t *info;

    if (!body)
        return;
    if (!json_is_object(body) || (offsets && !json_is_array(offsets) && !json_is_null(offsets))) {
        rest_error(r, 500, "The body is expected to be {\"offsets\": […]}");
    } else if (json_array_size(offsets) == 0) {
        /* What the connector is comes first. */
        info = worker_info(r->context->worker, r->params[0], &e);
        if (info)
            rest_error(r, 400,
                       "Partitions / offsets need to be provided for an alter offsets request");
        else
            rest_refuse(r, &e);
        json_decref(info);
    } else if (check_offsets(r, offsets)) {
        rest_answer(r, 200, worker_alter_offsets(r->context->worker, r->params[0], offsets, &e),
                    &e);
    }
    json_decref(body);
}

void
api_offsets_reset(struct rest_request *r)
{
    struct worker_error e = {0};
    json_t *message = worker_reset_offsets(r->context->worker, r->params[0], &e);

    rest_answer(r, 200, message, &e);
}
