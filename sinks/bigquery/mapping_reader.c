#include "sinks/bigquery/mapping_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FAULTS_MAX_BYTES = 16 * 1024 };

void
bq_faults_init(struct bq_faults *f)
{
    f->n = 0;
    buf_init(&f->text, FAULTS_MAX_BYTES);
}

void
bq_fault(struct bq_faults *f, const char *place, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    buf_printf(&f->text, "%s%s: %s", f->n ? "; " : "", place, text);
    f->n++;
}

bool
bq_faults_end(struct bq_faults *f, const char *code, struct err *e)
{
    bool ok = f->n == 0;

    if (!ok)
        err_set(e, ERR_CONFIG, code, "%u error%s: %s", f->n, f->n == 1 ? "" : "s",
                buf_cstr(&f->text));
    buf_free(&f->text);
    return ok;
}

void
mapping_place_push(struct mapping_reader *r, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(r->place + r->nplace, sizeof(r->place) - r->nplace, fmt, ap);
    va_end(ap);
    if (n > 0)
        r->nplace +=
            (size_t)n < sizeof(r->place) - r->nplace ? (size_t)n : sizeof(r->place) - r->nplace - 1;
}

void
mapping_place_pop(struct mapping_reader *r, size_t to)
{
    r->nplace = to;
    r->place[to] = '\0';
}

void
mapping_read_members(struct mapping_reader *r, json_t *object, const struct mapping_member *members,
                     size_t n)
{
    const char *key;
    json_t *v;

    if (!json_is_object(object)) {
        bq_fault(r->faults, r->place[0] ? r->place : "mapping", "must be an object");
        return;
    }
    json_object_foreach(object, key, v)
    {
        size_t back = r->nplace, i;

        mapping_place_push(r, "%s%s", r->nplace ? "." : "", key);
        for (i = 0; i < n && strcmp(members[i].name, key) != 0; i++)
            ;
        if (i < n)
            members[i].read(r, v);
        else
            bq_fault(r->faults, r->place, "unknown member");
        mapping_place_pop(r, back);
    }
}

const char *
mapping_read_string(struct mapping_reader *r, json_t *v)
{
    const char *s = json_string_value(v);

    if (!s || !*s) {
        bq_fault(r->faults, r->place, "must be a string that is not empty");
        return NULL;
    }
    return arena_strdup(&r->m->arena, s);
}

bool
mapping_read_bool(struct mapping_reader *r, json_t *v)
{
    if (!json_is_boolean(v))
        bq_fault(r->faults, r->place, "must be true or false");
    return json_is_true(v);
}

struct slice
mapping_read_json(struct mapping_reader *r, json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    struct slice out;

    if (!text)
        abort();
    out = arena_slice(&r->m->arena, slice_of(text));
    free(text);
    return out;
}

int
mapping_read_word(struct mapping_reader *r, json_t *v, const char *const *allowed)
{
    const char *s = json_string_value(v);
    char list[160] = "";

    for (int i = 0; allowed[i]; i++) {
        if (s && strcasecmp(s, allowed[i]) == 0)
            return i;
        snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "",
                 allowed[i]);
    }
    bq_fault(r->faults, r->place, "got \"%s\", allowed: %s", s ? s : "(no string)", list);
    return -1;
}

unsigned
mapping_read_ops(struct mapping_reader *r, json_t *v)
{
    static const char letters[] = "rcudt";
    unsigned ops = 0;
    size_t i;
    json_t *item;

    json_array_foreach(v, i, item)
    {
        const char *s = json_string_value(item),
                   *at = s && s[0] && !s[1] ? strchr(letters, s[0]) : NULL;

        if (at)
            ops |= 1u << (at - letters);
        else
            bq_fault(r->faults, r->place, "element %zu is no operation: r, c, u, d or t", i);
    }
    if (!json_is_array(v) || json_array_size(v) == 0)
        bq_fault(r->faults, r->place, "must be a list of operations that is not empty");
    return ops;
}

bool
mapping_read_missing(struct mapping_reader *r, json_t *v)
{
    static const char *const words[] = {"null", "dead_letter", NULL};

    if (json_is_string(v) && strcmp(json_string_value(v), "last_known") == 0) {
        bq_fault(
            r->faults, r->place,
            "\"last_known\" would need a store of rows, which this sink does not keep; give the "
            "table REPLICA IDENTITY FULL instead");
        return false;
    }
    return mapping_read_word(r, v, words) == 1;
}
