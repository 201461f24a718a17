#include "sinks/bigquery/reply.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

static void
copy(char *dst, size_t size, json_t *v)
{
    const char *s = json_string_value(v);

    snprintf(dst, size, "%s", s ? s : "");
}

static json_t *
parse(struct slice body)
{
    return json_loadb(body.p, body.n, 0, NULL);
}

/* {"error":{"code":404,"message":"…","errors":[{"reason":"notFound","message":"…"}],"status":"NOT_FOUND"}} */
void
bq_reply_error(struct slice body, struct bq_api_error *out)
{
    json_t *doc = parse(body), *error = json_object_get(doc, "error");
    json_t *first = json_array_get(json_object_get(error, "errors"), 0);

    copy(out->reason, sizeof(out->reason), json_object_get(first, "reason"));
    copy(out->message, sizeof(out->message), json_object_get(error, "message"));
    for (char *p = out->message; *p; p++) {
        if ((unsigned char)*p < 32)
            *p = ' ';
    }
    json_decref(doc);
}

static void
read_row_errors(json_t *list, struct bq_row_error *out)
{
    size_t i;
    json_t *one;

    json_array_foreach(list, i, one)
    {
        const char *reason = json_string_value(json_object_get(one, "reason"));

        if (i > 0 && (strcmp(out->reason, "stopped") != 0 || !reason))
            continue;
        copy(out->reason, sizeof(out->reason), json_object_get(one, "reason"));
        copy(out->location, sizeof(out->location), json_object_get(one, "location"));
        copy(out->message, sizeof(out->message), json_object_get(one, "message"));
    }
}

bool
bq_reply_insert(struct slice body, size_t nrows, struct bq_row_error **errors, size_t *n)
{
    json_t *doc = parse(body), *list = json_object_get(doc, "insertErrors"), *item;
    bool ok = json_is_object(doc) && (!list || json_is_array(list));
    size_t i;

    *errors = mem_array(json_array_size(list) + 1, sizeof(**errors));
    *n = 0;
    json_array_foreach(list, i, item)
    {
        json_int_t index = json_integer_value(json_object_get(item, "index"));

        if (!ok || index < 0 || (size_t)index >= nrows) {
            ok = false;
            break;
        }
        (*errors)[*n].index = (size_t)index;
        read_row_errors(json_object_get(item, "errors"), &(*errors)[*n]);
        ++*n;
    }
    json_decref(doc);
    if (!ok) {
        free(*errors);
        *errors = NULL;
        *n = 0;
    }
    return ok;
}

int64_t
bq_reply_expiration_ms(struct slice body)
{
    json_t *doc = parse(body), *v = json_object_get(doc, "defaultTableExpirationMs");
    int64_t ms =
        json_is_string(v) ? strtoll(json_string_value(v), NULL, 10) : json_integer_value(v);

    json_decref(doc);
    return ms > 0 ? ms : 0;
}

void
bq_remote_free(struct bq_remote *r)
{
    for (size_t i = 0; i < r->nfields; i++) {
        free(r->fields[i].name);
        free(r->fields[i].type);
    }
    free(r->fields);
    free(r->etag);
    json_decref(r->raw);
    memset(r, 0, sizeof(*r));
}

bool
bq_reply_table(struct slice body, struct bq_remote *out)
{
    json_t *doc = parse(body), *fields = json_object_get(json_object_get(doc, "schema"), "fields"),
           *f;
    const char *etag = json_string_value(json_object_get(doc, "etag"));
    bool ok = json_is_object(doc);
    size_t i;

    bq_remote_free(out);
    out->etag = etag ? mem_strdup(etag) : NULL;
    out->raw = json_is_array(fields) ? json_incref(fields) : json_array();
    out->fields = mem_array(json_array_size(fields) + 1, sizeof(*out->fields));
    json_array_foreach(fields, i, f)
    {
        const char *name = json_string_value(json_object_get(f, "name"));
        const char *type = json_string_value(json_object_get(f, "type"));
        const char *mode = json_string_value(json_object_get(f, "mode"));
        struct bq_remote_field *field = &out->fields[out->nfields];

        if (!name || !type)
            continue;
        field->name = mem_strdup(name);
        field->type = mem_strdup(type);
        if (!mode || !bq_mode_parse(mode, &field->mode))
            field->mode = BQ_NULLABLE;
        out->nfields++;
    }
    json_decref(doc);
    return ok;
}

const struct bq_remote_field *
bq_remote_find(const struct bq_remote *r, const char *name)
{
    for (size_t i = 0; i < r->nfields; i++) {
        if (strcasecmp(r->fields[i].name, name) == 0)
            return &r->fields[i];
    }
    return NULL;
}

static json_t *
field_document(const struct bq_desired_column *c, enum bq_mode mode)
{
    json_t *f = json_object();

    json_object_set_new(f, "name", json_string(c->name));
    json_object_set_new(f, "type", json_string(bq_type_name(c->type)));
    json_object_set_new(f, "mode", json_string(bq_mode_name(mode)));
    if (c->description)
        json_object_set_new(f, "description", json_string(c->description));
    return f;
}

static json_t *
partition_document(const struct bq_desired *d)
{
    json_t *p = json_object();

    json_object_set_new(p, "type", json_string(d->partition));
    if (d->partition_field)
        json_object_set_new(p, "field", json_string(d->partition_field));
    if (d->partition_expiration_ms)
        json_object_set_new(p, "expirationMs",
                            json_sprintf("%lld", (long long)d->partition_expiration_ms));
    return p;
}

static char *
dump(json_t *doc)
{
    char *text = json_dumps(doc, JSON_COMPACT);

    json_decref(doc);
    if (!text)
        abort(); /* only memory can fail here */
    return text;
}

char *
bq_table_document(const char *project, const char *dataset, const char *table,
                  const struct bq_desired *d)
{
    json_t *doc = json_object(), *fields = json_array(), *cluster;

    json_object_set_new(
        doc, "tableReference",
        json_pack("{s:s,s:s,s:s}", "projectId", project, "datasetId", dataset, "tableId", table));
    for (size_t i = 0; i < d->ncolumns; i++)
        json_array_append_new(fields, field_document(&d->columns[i], d->columns[i].mode));
    json_object_set_new(doc, "schema", json_pack("{s:o}", "fields", fields));
    if (d->partition)
        json_object_set_new(doc, "timePartitioning", partition_document(d));
    if (d->ncluster) {
        cluster = json_array();
        for (size_t i = 0; i < d->ncluster; i++)
            json_array_append_new(cluster, json_string(d->cluster[i]));
        json_object_set_new(doc, "clustering", json_pack("{s:o}", "fields", cluster));
    }
    return dump(doc);
}

/* The whole list goes back, old fields first and as they came; what is new can only be NULLABLE or REPEATED. */
char *
bq_patch_document(const struct bq_remote *r, const struct bq_desired *d)
{
    json_t *fields = json_copy(r->raw);

    for (size_t i = 0; i < d->ncolumns; i++) {
        const struct bq_desired_column *c = &d->columns[i];

        if (!bq_remote_find(r, c->name))
            json_array_append_new(
                fields, field_document(c, c->mode == BQ_REPEATED ? BQ_REPEATED : BQ_NULLABLE));
    }
    return dump(json_pack("{s:{s:o}}", "schema", "fields", fields));
}

void
bq_redact(char *message)
{
    static const char *const marks[] = {"value:", "value ", "bad number", "invalid date",
                                        "invalid time"};

    for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
        char *at = strcasestr(message, marks[i]);

        if (at)
            memcpy(at, "...", sizeof("...")); /* every mark is longer */
    }
}
