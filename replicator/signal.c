#include "replicator/signal.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

static const struct {
    const char *type;
    enum signal_kind kind;
} kinds[] = {
    {"execute-snapshot", SIGNAL_EXECUTE},
    {"stop-snapshot", SIGNAL_STOP},
    {"pause-snapshot", SIGNAL_PAUSE},
    {"resume-snapshot", SIGNAL_RESUME},
    {"log", SIGNAL_LOG},
    {"schema-changes", SIGNAL_SCHEMA_CHANGES},
    {"snapshot-window-open", SIGNAL_OPEN},
    {"snapshot-window-close", SIGNAL_CLOSE},
};

const char *const signal_types[] = {"execute-snapshot", "stop-snapshot", "pause-snapshot",
                                    "resume-snapshot",  "log",           NULL};

bool
signal_kind_of(const char *type, enum signal_kind *kind, struct err *e)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (type && strcmp(type, kinds[i].type) == 0) {
            *kind = kinds[i].kind;
            return true;
        }
    return err_set(e, ERR_DATA, "signal.type",
                   "type \"%.100s\" is unknown; execute-snapshot, stop-snapshot, pause-snapshot, "
                   "resume-snapshot and log are there",
                   type ? type : "");
}

static bool
wrong(struct err *e, const char *what)
{
    return err_set(e, ERR_DATA, "signal.data", "%s", what);
}

/* Jackson reads numbers as texts where a text is asked for; people write them so. */
static const char *
text_in(struct arena *a, const json_t *v)
{
    if (json_is_string(v))
        return arena_strdup(a, json_string_value(v));
    if (json_is_integer(v))
        return arena_printf(a, "%lld", (long long)json_integer_value(v));
    return NULL;
}

/* Without the blanks around it. */
static const char *
trimmed(struct arena *a, const char *text)
{
    size_t n;

    text += strspn(text, " \t\r\n");
    n = strlen(text);
    while (n && strchr(" \t\r\n", text[n - 1]))
        n--;
    return arena_strndup(a, text, n);
}

static bool
parse_tables(const json_t *doc, struct arena *a, struct signal_order *out, struct err *e)
{
    const json_t *list = json_object_get(doc, "data-collections");
    size_t n = json_array_size(list);

    if (list && !json_is_null(list) && !json_is_array(list))
        return wrong(e, "\"data-collections\" is not a list");
    out->tables = arena_alloc(a, (n + 1) * sizeof(*out->tables));
    for (size_t i = 0; i < n; i++) {
        const char *name = text_in(a, json_array_get(list, i));

        if (!name)
            return wrong(e, "an element of \"data-collections\" is no text");
        out->tables[out->ntables++] = trimmed(a, name);
    }
    return true;
}

static bool
parse_conditions(const json_t *doc, struct arena *a, struct signal_order *out, struct err *e)
{
    const json_t *list = json_object_get(doc, "additional-conditions");
    size_t n = json_array_size(list);
    struct signal_condition *c = arena_alloc(a, (n + 1) * sizeof(*c));

    if (list && !json_is_null(list) && !json_is_array(list))
        return wrong(e, "\"additional-conditions\" is not a list");
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, i);

        c[i].tables = text_in(a, json_object_get(item, "data-collection"));
        c[i].filter = text_in(a, json_object_get(item, "filter"));
        if (!c[i].tables || !c[i].filter)
            return wrong(e,
                         "an element of \"additional-conditions\" is not "
                         "{\"data-collection\":…,\"filter\":…}");
    }
    out->conditions = c;
    out->nconditions = n;
    return true;
}

/* "type": incremental when it is left out. */
static bool
parse_snapshot_type(const json_t *doc, struct arena *a, struct signal_order *out, struct err *e)
{
    const json_t *v = json_object_get(doc, "type");
    const char *type = v && !json_is_null(v) ? text_in(a, v) : "incremental";

    out->blocking = type && strcasecmp(type, "blocking") == 0;
    if (!type || (!out->blocking && strcasecmp(type, "incremental") != 0))
        return err_set(e, ERR_DATA, "signal.data",
                       "snapshot type \"%.60s\" is unknown; incremental and blocking are there",
                       type ? type : "");
    return true;
}

static bool
parse_data(const json_t *doc, struct arena *a, struct signal_order *out, struct err *e)
{
    switch (out->kind) {
    case SIGNAL_EXECUTE:
        if (!parse_tables(doc, a, out, e) || !parse_conditions(doc, a, out, e) ||
            !parse_snapshot_type(doc, a, out, e))
            return false;
        out->surrogate = text_in(a, json_object_get(doc, "surrogate-key"));
        if (out->surrogate && !*trimmed(a, out->surrogate))
            out->surrogate = NULL;
        return out->ntables || wrong(e, "\"data-collections\" is missing or empty");
    case SIGNAL_STOP:
        if (!parse_tables(doc, a, out, e) || !parse_snapshot_type(doc, a, out, e))
            return false;
        return !out->blocking || wrong(e, "a blocking snapshot cannot be stopped");
    case SIGNAL_LOG:
        out->message = text_in(a, json_object_get(doc, "message"));
        return (out->message && *out->message) || wrong(e, "\"message\" is missing");
    case SIGNAL_PAUSE:
    case SIGNAL_RESUME:
    case SIGNAL_SCHEMA_CHANGES:
    case SIGNAL_OPEN:
    case SIGNAL_CLOSE:
        break;
    }
    return true;
}

bool
signal_parse(const struct signal *s, struct arena *a, struct signal_order *out, struct err *e)
{
    size_t n = s->data ? strlen(s->data) : 0;
    json_error_t why = {0};
    json_t *doc;
    bool ok;

    *out = (struct signal_order){.id = s->id ? arena_strdup(a, s->id) : NULL};
    if (!signal_kind_of(s->type, &out->kind, e))
        return false;
    if (n > SIGNAL_DATA_MAX)
        return err_set(e, ERR_DATA, "signal.data",
                       "data of %zu bytes is longer than the %d that a signal may have; name "
                       "tables by a regular expression",
                       n, SIGNAL_DATA_MAX);
    doc = n ? json_loadb(s->data, n, 0, &why) : json_object();
    if (!doc)
        return err_set(e, ERR_DATA, "signal.data", "data is not JSON: %s at byte %d", why.text,
                       why.position);
    ok = json_is_object(doc) ? parse_data(doc, a, out, e) : wrong(e, "data is no JSON object");
    json_decref(doc);
    return ok;
}

bool
signal_read(const char *json, size_t n, struct arena *a, struct signal *out, struct err *e)
{
    json_error_t why;
    json_t *doc = json_loadb(json, n, 0, &why), *data;
    char *text;

    if (!doc)
        return err_set(e, ERR_DATA, "signal.json", "not JSON: %s at byte %d", why.text,
                       why.position);
    data = json_object_get(doc, "data");
    text = json_is_object(data) ? json_dumps(data, JSON_COMPACT) : NULL;
    *out = (struct signal){.id = text_in(a, json_object_get(doc, "id")),
                           .type = text_in(a, json_object_get(doc, "type")),
                           .data = text ? arena_strdup(a, text) : text_in(a, data)};
    free(text);
    json_decref(doc);
    return out->type != NULL || wrong(e, "\"type\" is missing");
}

char *
signal_json(const struct signal *s)
{
    json_t *doc = json_object();
    json_t *data = s->data && *s->data ? json_loads(s->data, 0, NULL) : json_object();
    char *text, *copy;

    json_object_set_new(doc, "id", s->id ? json_string(s->id) : json_null());
    json_object_set_new(doc, "type", json_string(s->type));
    json_object_set_new(doc, "data", data ? data : json_string(s->data));
    text = json_dumps(doc, JSON_COMPACT);
    copy = mem_strdup(text ? text : "{}");
    free(text);
    json_decref(doc);
    return copy;
}
