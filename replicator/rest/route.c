#include "replicator/rest/route.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "replicator/rest/api.h"
#include "replicator/rest/auth.h"

/* clang-format off */
const struct rest_route rest_routes[] = {
    {"GET", "/", ROUTE_INSTANT, api_root, "Kafka's version, the cluster's id."},
    {"GET", "/health", ROUTE_INSTANT | ROUTE_OPEN, api_health, "200 when the worker is ready, or waits for another one of its group to leave; 503 while it starts, 500 when it failed."},
    {"GET", "/metrics", ROUTE_OPEN | ROUTE_TEXT, api_metrics, "Figures of the worker and its connectors, for Prometheus."},
    {"GET", "/connectors", 0, api_list, "The connectors' names; with `expand=info`, `expand=status` or both, what is known of each."},
    {"POST", "/connectors", ROUTE_WAITS | ROUTE_WRITES | ROUTE_BODY, api_create, "Makes a connector: `{\"name\", \"config\", \"initial_state\"}`."},
    {"GET", "/connectors/{connector}", 0, api_info, "Name, configuration, tasks, type."},
    {"DELETE", "/connectors/{connector}", ROUTE_WAITS | ROUTE_WRITES, api_delete, "Ends and forgets a connector. Its offsets, its slot and its publication stay."},
    {"GET", "/connectors/{connector}/config", 0, api_config, "The configuration as it was given."},
    {"PUT", "/connectors/{connector}/config", ROUTE_WAITS | ROUTE_WRITES | ROUTE_BODY, api_put, "Replaces the configuration, or makes the connector."},
    {"PATCH", "/connectors/{connector}/config", ROUTE_WAITS | ROUTE_WRITES | ROUTE_BODY, api_patch, "Changes some properties; `null` removes one."},
    {"GET", "/connectors/{connector}/status", 0, api_status, "The state of the connector and its task, with the error of one that failed."},
    {"PUT", "/connectors/{connector}/pause", ROUTE_WAITS | ROUTE_WRITES, api_pause, "Stops the delivery; the slot stays in use."},
    {"PUT", "/connectors/{connector}/resume", ROUTE_WAITS | ROUTE_WRITES, api_resume, "Goes on after pause or stop."},
    {"PUT", "/connectors/{connector}/stop", ROUTE_WAITS | ROUTE_WRITES, api_stop, "Ends the task and lets the slot go; the offsets can then be changed."},
    {"POST", "/connectors/{connector}/restart", ROUTE_WAITS | ROUTE_WRITES, api_restart, "Starts again: the connector, with `includeTasks=true` its task too, with `onlyFailed=true` only what failed."},
    {"GET", "/connectors/{connector}/tasks", 0, api_tasks, "The task and its configuration."},
    {"POST", "/connectors/{connector}/tasks", ROUTE_INSTANT | ROUTE_WRITES, api_internal, "Of workers among themselves: always refused."},
    {"PUT", "/connectors/{connector}/fence", ROUTE_INSTANT | ROUTE_WRITES, api_internal, "Of workers among themselves: always refused."},
    {"GET", "/connectors/{connector}/tasks/{task}/status", 0, api_task_status, "The state of a task."},
    {"POST", "/connectors/{connector}/tasks/{task}/restart", ROUTE_WAITS | ROUTE_WRITES, api_task_restart, "Starts a task again."},
    {"GET", "/connectors/{connector}/topics", 0, api_topics, "The topics that were written to."},
    {"PUT", "/connectors/{connector}/topics/reset", ROUTE_WAITS | ROUTE_WRITES, api_topics_reset, "Forgets them."},
    {"GET", "/connectors/{connector}/offsets", 0, api_offsets, "The stored position."},
    {"PATCH", "/connectors/{connector}/offsets", ROUTE_WAITS | ROUTE_WRITES | ROUTE_BODY, api_offsets_alter, "Sets the position of a stopped connector; an offset of `null` removes it."},
    {"DELETE", "/connectors/{connector}/offsets", ROUTE_WAITS | ROUTE_WRITES, api_offsets_reset, "Forgets the position of a stopped connector: it begins anew."},
    {"POST", "/connectors/{connector}/signals", ROUTE_WAITS | ROUTE_WRITES | ROUTE_BODY, api_signal, "walbridge's own: gives a running connector a [signal](signals.md), `{\"id\", \"type\", \"data\"}`, whatever channels it reads; answered with its id."},
    {"GET", "/connector-plugins", ROUTE_INSTANT, api_plugins, "What can be run; with `connectorsOnly=false` also transformations, predicates and converters."},
    {"GET", "/connector-plugins/{plugin}/config", ROUTE_INSTANT, api_plugin_config, "The properties of one."},
    {"PUT", "/connector-plugins/{plugin}/config/validate", ROUTE_WAITS | ROUTE_BODY, api_validate, "Looks at a configuration: each property with its definition, its value and what is wrong with it."},
    {"GET", "/admin/loggers", ROUTE_ADMIN, api_loggers, "The loggers whose level was set."},
    {"GET", "/admin/loggers/{logger}", ROUTE_ADMIN, api_logger, "The level of one."},
    {"PUT", "/admin/loggers/{logger}", ROUTE_ADMIN | ROUTE_WAITS | ROUTE_WRITES | ROUTE_BODY, api_logger_set, "Sets it: `{\"level\": \"DEBUG\"}`; with `scope=cluster` on all workers."},
};
/* clang-format on */
const size_t rest_nroutes = sizeof(rest_routes) / sizeof(rest_routes[0]);

/* ------------------------------------------------------------------------------------------------------------ finding */

/* Do the path's segments fit the pattern's? Fills params. */
static bool
path_matches(struct rest_request *r, const char *pattern)
{
    size_t nparams = 0;

    for (size_t i = 0; i < r->uri.n; i++) {
        size_t n;

        if (*pattern != '/' || !pattern[1])
            return false;
        pattern++;
        n = strcspn(pattern, "/");
        if (*pattern == '{')
            r->params[nparams++] = r->uri.segments[i];
        else if (strlen(r->uri.segments[i]) != n || strncmp(pattern, r->uri.segments[i], n) != 0)
            return false;
        pattern += n;
    }
    return !*pattern || (r->uri.n == 0 && strcmp(pattern, "/") == 0);
}

static bool
is_served(const struct rest_request *r, const struct rest_route *route)
{
    const struct rest_context *c = r->context;

    if (r->is_admin)
        return route->flags & ROUTE_ADMIN;
    return !(route->flags & ROUTE_ADMIN) || !(c->admin_apart || c->admin_off);
}

void
route_refuse(struct rest_request *r, int status, const char *why, bool malformed)
{
    r->status = status;
    r->close = !malformed;
    r->no_cache = true;
    if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "POST") != 0 &&
        strcmp(r->method, "HEAD") != 0)
        return;
    r->type = "text/html;charset=iso-8859-1";
    buf_printf(&r->out,
               "<html>\n<head>\n<meta http-equiv=\"Content-Type\" "
               "content=\"text/html;charset=ISO-8859-1\"/>\n<title>Error %d %s</title>\n</head>\n"
               "<body>\n<h2>HTTP ERROR %d %s</h2>\n<table>\n<tr><th>URI:</th><td>/%s</td></tr>\n"
               "<tr><th>STATUS:</th><td>%d</td></tr>\n<tr><th>MESSAGE:</th><td>%s</td></tr>\n"
               "</table>\n<hr/><a href=\"https://jetty.org/\"></a><hr/>\n\n</body>\n</html>\n",
               status, why, status, why, malformed ? "badMessage" : "badURI", status, why);
}

/* The methods of a path, in the order in which Connect says them. */
static void
allowed_methods(struct rest_request *r)
{
    static const char *const order[] = {"HEAD", "POST", "DELETE", "GET", "OPTIONS", "PUT", "PATCH"};

    size_t n = 0;

    for (size_t m = 0; m < sizeof(order) / sizeof(order[0]); m++) {
        bool there = strcmp(order[m], "OPTIONS") == 0;
        const char *method = strcmp(order[m], "HEAD") == 0 ? "GET" : order[m];

        for (size_t i = 0; i < rest_nroutes && !there; i++)
            there = strcmp(rest_routes[i].method, method) == 0 && is_served(r, &rest_routes[i]) &&
                    path_matches(r, rest_routes[i].path);
        if (there)
            n += (size_t)snprintf(r->allow_text + n, sizeof(r->allow_text) - n, "%s%s",
                                  n ? "," : "", order[m]);
    }
    r->allow = r->allow_text;
}

static bool
find_route(struct rest_request *r)
{
    const char *method = strcmp(r->method, "HEAD") == 0 ? "GET" : r->method;
    bool path = false;

    for (size_t i = 0; i < rest_nroutes && !r->uri.too_deep; i++) {
        if (!is_served(r, &rest_routes[i]) || !path_matches(r, rest_routes[i].path))
            continue;
        path = true;
        if (strcmp(rest_routes[i].method, method) == 0) {
            r->route = &rest_routes[i];
            return true;
        }
    }
    if (!path) {
        rest_error_untyped(r, 404, "HTTP 404 Not Found");
        return false;
    }
    allowed_methods(r);
    if (strcmp(r->method, "OPTIONS") != 0) {
        rest_error_untyped(r, 405, "HTTP 405 Method Not Allowed");
        return false;
    }
    r->status = 200;
    r->type = "application/json";
    if (!r->accept || !strstr(r->accept, "application/json")) {
        r->type = "text/plain";
        for (const char *p = r->allow; *p; p++) {
            buf_putc(&r->out, *p);
            if (*p == ',')
                buf_putc(&r->out, ' ');
        }
    }
    return false;
}

/* ----------------------------------------------------------------------------------------------------------- media types */

static bool
is_type(const char *text, size_t n, const char *type)
{
    while (n && (*text == ' ' || *text == '\t')) {
        text++;
        n--;
    }
    n = strnlen(text, n);
    for (size_t i = 0; i < n; i++)
        if (strchr("; \t,", text[i]))
            n = i;
    return strlen(type) == n && strncasecmp(text, type, n) == 0;
}

/* One of the ranges of Accept takes it. */
static bool
is_acceptable(const char *accept, const char *type)
{
    const char *any = strncmp(type, "text/", 5) == 0 ? "text/*" : "application/*";

    if (!accept || !*accept)
        return true;
    while (*accept) {
        size_t n = strcspn(accept, ",");

        if (is_type(accept, n, type) || is_type(accept, n, "*/*") || is_type(accept, n, any))
            return true;
        accept += n + (accept[n] == ',');
    }
    return false;
}

/* What is no media type at all is refused below Kafka Connect, which would have said it otherwise. */
static void
bad_media_type(struct rest_request *r)
{
    r->status = 400;
    r->type = "application/json";
    r->no_cache = true;
    buf_printf(&r->out, "{\n\"message\":\"Bad Request\",\n\"url\":\"http%s://",
               r->is_tls ? "s" : "");
    json_str_body(&r->out, slice_of(r->host ? r->host : ""));
    for (size_t i = 0; i < r->uri.n; i++) {
        buf_putc(&r->out, '/');
        json_str_body(&r->out, slice_of(r->uri.segments[i]));
    }
    BUF_LIT(&r->out, "\",\n\"status\":\"400\"\n}");
}

/* False: answered. */
static bool
check_media(struct rest_request *r)
{
    bool text = r->route->flags & ROUTE_TEXT;
    const char *ct = r->content_type;

    if (ct && !strchr(ct, '/')) {
        bad_media_type(r);
        return false;
    }
    if (ct && (r->route->flags & ROUTE_BODY) && is_type(ct, strlen(ct), "*/*")) {
        rest_error(r, 415, "HTTP 415 Unsupported Media Type");
        return false;
    }
    if (ct && !is_type(ct, strlen(ct), "application/json") && !text) {
        rest_error_untyped(r, 415, "HTTP 415 Unsupported Media Type");
        return false;
    }
    if (!ct && r->body.n && (r->route->flags & ROUTE_BODY)) {
        rest_error(r, 415, "HTTP 415 Unsupported Media Type");
        return false;
    }
    if (!text && !is_acceptable(r->accept, "application/json")) {
        rest_error_untyped(r, 406, "HTTP 406 Not Acceptable");
        return false;
    }
    return true;
}

/* -------------------------------------------------------------------------------------------------------------- running */

bool
route_begin(struct rest_request *r, const char *raw_uri)
{
    const char *why;

    if (!uri_parse(raw_uri, &r->uri, &why)) {
        route_refuse(r, 400, why, strcmp(why, "Bad Request") == 0);
        return false;
    }
    if (!find_route(r))
        return false;
    if (r->context->users && !(r->route->flags & ROUTE_OPEN) &&
        !auth_is_allowed(r->context->users, r->authorization)) {
        r->status = 401;
        r->type = "text/plain";
        r->authenticate = true;
        buf_str(&r->out, "User cannot access the resource.");
        return false;
    }
    if (r->context->read_only && (r->route->flags & ROUTE_WRITES)) {
        rest_error(r, 403, "This worker's REST interface is read-only (walbridge.rest.read.only)");
        return false;
    }
    return true;
}

void
route_run(struct rest_request *r)
{
    if (check_media(r))
        r->route->run(r);
    if (!buf_ok(&r->out))
        rest_error(r, 500, "The answer is larger than this worker gives");
}

static const char page_head[] =
    "# REST\n\n"
    "`walbridge connect` answers as a Kafka Connect worker with Debezium's PostgreSQL connector "
    "does: the same paths, "
    "statuses, bodies and\nerror texts, on port 8083, or where `listeners` says. Bodies are JSON "
    "(`Content-Type: "
    "application/json`), errors\n`{\"error_code\": 404, \"message\": \"…\"}`. What reads is "
    "answered from memory at once; "
    "what changes something waits until Kafka\nhas it.\n\n";

static const char page_tail[] =
    "\n`HEAD` is answered wherever `GET` is, `OPTIONS` everywhere. A path's other methods get 405 "
    "with `Allow`.\n\n"
    "## Where it differs\n\n"
    "- An invalid configuration is answered with 400 and the list of errors that Kafka Connect "
    "documents; Debezium 3.6.1 "
    "itself makes the\n  worker answer 500 to every one.\n"
    "- Names that could not be addressed afterwards (`/`, `\\`, `%`) are refused.\n"
    "- `validate` also says what walbridge refuses, at the property; `connector-plugins` lists "
    "what it can run.\n"
    "- Malformed JSON is answered with the place of the mistake, not with what stood there. Where "
    "Kafka Connect prints a\n"
    "  configuration in an error, passwords are `[hidden]`.\n"
    "- `/metrics` is ours ([metrics.md](metrics.md)), and so is `POST "
    "/connectors/{connector}/signals`.\n\n"
    "## Limits\n\n"
    "A request's line has at most 8000 bytes (414), its headers 8192 (431), its body 4 MiB (413) "
    "with at most 4096 properties; "
    "all bodies\ntogether 16 MiB (503). There are at most 512 connections to a listener; before "
    "that, the longest idle one is "
    "closed for a new one,\nand every one after 30 seconds without a byte. Four requests wait for "
    "Kafka or a database at the "
    "same time, 64 more stand in line\n(503 beyond), and none of them keeps others from being "
    "answered.\n\n"
    "## Who may ask\n\n"
    "- `walbridge.rest.users.file`: a file of lines `name=password`; every request but `/health` "
    "and `/metrics` then needs one of\n"
    "  them (basic authentication). `rest.extension.classes` may name Kafka Connect's own "
    "extension for it.\n"
    "- `walbridge.rest.read.only=true` refuses whatever would change something (403).\n"
    "- `listeners=https://…` with `listeners.https.ssl.keystore.location` (PEM), or "
    "`…keystore.certificate.chain` and\n"
    "  `…keystore.key`.\n"
    "- `admin.listeners` serves `/admin` apart, or, when empty, nowhere.\n"
    "- `access.control.allow.origin` and `access.control.allow.methods` for browsers.\n\n"
    "Configurations are answered as they were given, passwords in clear, as Kafka Connect does, "
    "because clients compare them with "
    "what they sent.\nKeep secrets out of them with `${env:NAME}`, `${file:PATH:KEY}` and "
    "`${dir:PATH:FILE}`, which are filled in "
    "only when a connector is made.\n";

void
route_write_page(struct buf *out)
{
    buf_str(out, page_head);
    buf_str(out, "| Method | Path | |\n|---|---|---|\n");
    for (size_t i = 0; i < rest_nroutes; i++)
        buf_printf(out, "| %s | `%s` | %s |\n", rest_routes[i].method, rest_routes[i].path,
                   rest_routes[i].doc);
    buf_str(out, page_tail);
}
