/*
 * A request from outside: its target, up to the first line feed, and its body. Any target is split or refused; any body is
 * JSON or answered; any configuration is validated to well-formed JSON, with the number of errors that it says.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "replicator/rest/route.h"
#include "replicator/rest/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static void
check_answer(const struct rest_request *r)
{
    json_t *v;

    if (!r->type || strcmp(r->type, "application/json") != 0 || !r->out.n)
        return;
    v = json_loadb(r->out.p, r->out.n, JSON_DECODE_ANY, NULL);
    must(v != NULL, "an answer is JSON");
    json_decref(v);
}

static void
check_target(struct rest_request *r, const char *target)
{
    char *value;
    bool routed = route_begin(r, target);

    must(routed == (r->status == 0), "a request has a route or an answer");
    for (size_t i = 0; i < r->uri.n; i++)
        must(*r->uri.segments[i] != '\0' || strchr(target, ';'), "a segment is a name");
    for (size_t at = 0; (value = uri_query(&r->uri, "expand", &at)) != NULL;)
        free(value);
    check_answer(r);
    uri_free(&r->uri);
}

static void
check_validation(json_t *config)
{
    struct validation v;
    struct buf out;
    json_t *document, *configs, *entry;
    size_t i, errors = 0;

    /* Wrong, so that nobody is connected to. */
    json_object_set_new_nocheck(config, "database.port", json_string("x"));
    validate(&v, "c", config);
    buf_init(&out, REST_ANSWER_MAX);
    validate_write(&v, &out);
    document = json_loadb(out.p, out.n, 0, NULL);
    must(document != NULL, "a validation is JSON");
    configs = json_object_get(document, "configs");
    json_array_foreach(configs, i, entry) errors +=
        json_array_size(json_object_get(json_object_get(entry, "value"), "errors"));
    must(errors == v.nerrors && errors > 0, "every error is said");
    buf_clear(&out);
    validate_summary(&v, &out);
    must(buf_ok(&out), "the summary fits");
    json_decref(document);
    buf_free(&out);
    validate_free(&v);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct rest_context context;
    struct rest_request r = {.context = &context, .method = "PUT"};
    const uint8_t *line = n ? memchr(data, '\n', n) : NULL;
    char *target = mem_strndup((const char *)data, line ? (size_t)(line - data) : n);
    json_t *config;

    log_set_level(LOG_ERROR);
    buf_init(&r.out, REST_ANSWER_MAX);
    buf_init(&r.body, REST_BODY_MAX);
    check_target(&r, target);
    if (line)
        buf_add(&r.body, line + 1, n - (size_t)(line + 1 - data));
    config = rest_body_config(&r);
    check_answer(&r);
    if (config)
        check_validation(config);
    json_decref(config);
    buf_free(&r.body);
    buf_free(&r.out);
    free(target);
    return 0;
}
