#include "replicator/progress.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "replicator/offset_own.h"

enum { PROGRESS_VERSION = 1, PROGRESS_OFFSET_MAX = 4 << 20 };

/* ------------------------------------------------------------------------------------------------ sinks, tables and ranges */

static void
progress_table_clear(struct progress_table *t)
{
    free(t->schema);
    free(t->table);
    free(t->key);
    free(t->ranges);
}

static void
progress_add_sink(struct progress *p, const char *name)
{
    p->sinks = mem_grow(p->sinks, p->nsinks + 1, sizeof(*p->sinks));
    p->sinks[p->nsinks++] = mem_strdup(name);
}

static void
progress_drop_sinks(struct progress *p)
{
    for (size_t i = 0; i < p->nsinks; i++)
        free(p->sinks[i]);
    free(p->sinks);
    p->sinks = NULL;
    p->nsinks = 0;
}

bool
progress_has_sink(const struct progress *p, const char *name)
{
    for (size_t i = 0; i < p->nsinks; i++)
        if (strcmp(p->sinks[i], name) == 0)
            return true;
    return false;
}

void
progress_set_sinks(struct progress *p, const char *const *names, size_t n)
{
    progress_drop_sinks(p);
    for (size_t i = 0; i < n; i++)
        progress_add_sink(p, names[i]);
}

void
progress_clear(struct progress *p)
{
    for (size_t i = 0; i < p->n; i++)
        progress_table_clear(&p->tables[i]);
    free(p->tables);
    free(p->signals);
    arena_free(&p->texts);
    progress_drop_sinks(p);
    free(p->before);
    offset_free(&p->position);
    *p = (struct progress){0};
}

/* The counts of a transaction are not kept here, so where they are said one that was cut off is delivered anew. */
static void
progress_stand(struct offset *at, const struct offset *stored)
{
    struct offset_own_texts own;
    struct err unused;

    offset_own_write(stored, &own);
    *at = (struct offset){0};
    (void)offset_own_read(&own, at, &unused);
    if (!stored->transaction_id[0])
        return;
    at->pos_commit_lsn = at->pos_lsn = at->flush_lsn;
    at->pos_ordinal = 0;
}

void
progress_ask(struct progress *p, const struct offset *stored)
{
    struct buf json;

    buf_init(&json, PROGRESS_OFFSET_MAX);
    offset_to_json(stored, &json);
    p->before = mem_strdup(buf_cstr(&json));
    buf_free(&json);
    p->requested = true;
    progress_stand(&p->position, stored);
}

struct progress_table *
progress_find(const struct progress *p, uint32_t oid)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->tables[i].oid == oid)
            return &p->tables[i];
    return NULL;
}

struct progress_table *
progress_table(struct progress *p, uint32_t oid, const char *schema, const char *table)
{
    struct progress_table *t = progress_find(p, oid);

    if (t)
        return t;
    p->tables = mem_grow(p->tables, p->n + 1, sizeof(*p->tables));
    t = &p->tables[p->n++];
    *t = (struct progress_table){
        .oid = oid, .schema = mem_strdup(schema), .table = mem_strdup(table)};
    return t;
}

void
progress_remove(struct progress *p, size_t i)
{
    progress_table_clear(&p->tables[i]);
    memmove(&p->tables[i], &p->tables[i + 1], (p->n - i - 1) * sizeof(*p->tables));
    p->n--;
}

/* Does a range that ends at `last` touch or overlap one that begins at `first`? */
static bool
progress_reaches(int64_t last, int64_t first)
{
    return last >= first || (last != INT64_MAX && last + 1 == first);
}

void
progress_add_range(struct progress_table *t, struct progress_range r)
{
    size_t at = 0, end;

    while (at < t->n && !progress_reaches(t->ranges[at].last, r.first))
        at++;
    for (end = at; end < t->n && progress_reaches(r.last, t->ranges[end].first); end++) {
        r.first = t->ranges[end].first < r.first ? t->ranges[end].first : r.first;
        r.last = t->ranges[end].last > r.last ? t->ranges[end].last : r.last;
    }
    if (end == at)
        t->ranges = mem_grow(t->ranges, t->n + 1, sizeof(*t->ranges));
    memmove(&t->ranges[at + 1], &t->ranges[end], (t->n - end) * sizeof(*t->ranges));
    t->ranges[at] = r;
    t->n = t->n + 1 - (end - at);
}

bool
progress_covers(const struct progress_table *t, int64_t key)
{
    for (size_t i = 0; i < t->n; i++)
        if (key >= t->ranges[i].first && key <= t->ranges[i].last)
            return true;
    return t->whole;
}

void
progress_reopen(struct progress_table *t, int64_t key)
{
    for (size_t i = 0; i < t->n; i++) {
        struct progress_range r = t->ranges[i];

        if (key < r.first || key > r.last)
            continue;
        memmove(&t->ranges[i], &t->ranges[i + 1], (t->n - i - 1) * sizeof(*t->ranges));
        t->n--;
        if (key > r.first)
            progress_add_range(t, (struct progress_range){r.first, key - 1});
        if (key < r.last)
            progress_add_range(t, (struct progress_range){key + 1, r.last});
        return;
    }
}

/* ------------------------------------------------------------------------------------------------ signals */

bool
progress_add_signal(struct progress *p, const struct signal *s, uint64_t commit_lsn,
                    uint64_t ordinal)
{
    struct arena *a = &p->texts;

    for (size_t i = 0; i < p->nsignals; i++)
        if (p->signals[i].commit_lsn == commit_lsn && p->signals[i].ordinal == ordinal)
            return false;
    p->signals = mem_grow(p->signals, p->nsignals + 1, sizeof(*p->signals));
    p->signals[p->nsignals++] = (struct progress_signal){
        .signal = {.id = s->id ? arena_strdup(a, s->id) : NULL,
                   .type = arena_strdup(a, s->type),
                   .data = s->data ? arena_strdup(a, s->data) : NULL},
        .commit_lsn = commit_lsn,
        .ordinal = ordinal,
    };
    return true;
}

/* ------------------------------------------------------------------------------------------------ writing */

static void
progress_add_position(const struct offset *o, struct buf *out)
{
    struct offset_own_texts texts;

    offset_own_write(o, &texts);
    for (int i = 0; i < OFFSET_OWN_MEMBERS; i++) {
        buf_putc(out, i ? ',' : '{');
        json_cstr(out, offset_own_names[i]);
        buf_putc(out, ':');
        json_cstr(out, texts.text[i]);
    }
    buf_putc(out, '}');
}

static void
progress_add_table(const struct progress_table *t, struct buf *out)
{
    buf_printf(out, "{\"oid\":%" PRIu32 ",\"schema\":", t->oid);
    json_cstr(out, t->schema);
    BUF_LIT(out, ",\"table\":");
    json_cstr(out, t->table);
    if (!t->whole) {
        BUF_LIT(out, ",\"key\":");
        json_cstr(out, t->key ? t->key : "");
        buf_printf(out, ",\"filenode\":%" PRIu32 ",\"ranges\":[", t->filenode);
        for (size_t i = 0; i < t->n; i++)
            buf_printf(out, "%s[%" PRId64 ",%" PRId64 "]", i ? "," : "", t->ranges[i].first,
                       t->ranges[i].last);
        buf_putc(out, ']');
    }
    buf_putc(out, '}');
}

static void
progress_add_member(struct buf *out, const char *before, const char *value)
{
    if (!value)
        return;
    buf_str(out, before);
    json_cstr(out, value);
}

static void
progress_add_signals(const struct progress *p, struct buf *out)
{
    for (size_t i = 0; i < p->nsignals; i++) {
        const struct progress_signal *s = &p->signals[i];

        buf_str(out, i ? ",{\"type\":" : ",\"signals\":[{\"type\":");
        json_cstr(out, s->signal.type);
        progress_add_member(out, ",\"id\":", s->signal.id);
        progress_add_member(out, ",\"data\":", s->signal.data);
        buf_printf(out, ",\"commit\":%" PRIu64 ",\"ordinal\":%" PRIu64 "}", s->commit_lsn,
                   s->ordinal);
    }
    if (p->nsignals)
        buf_putc(out, ']');
}

void
progress_to_json(const struct progress *p, struct buf *out)
{
    buf_printf(out, "{\"version\":%d,\"before\":", PROGRESS_VERSION);
    json_cstr(out, p->before ? p->before : "");
    if (p->requested)
        BUF_LIT(out, ",\"requested\":true");
    if (p->news)
        BUF_LIT(out, ",\"new\":true");
    BUF_LIT(out, ",\"sinks\":[");
    for (size_t i = 0; i < p->nsinks; i++) {
        if (i)
            buf_putc(out, ',');
        json_cstr(out, p->sinks[i]);
    }
    buf_putc(out, ']');
    BUF_LIT(out, ",\"position\":");
    progress_add_position(&p->position, out);
    BUF_LIT(out, ",\"tables\":[");
    for (size_t i = 0; i < p->n; i++) {
        if (i)
            buf_putc(out, ',');
        progress_add_table(&p->tables[i], out);
    }
    buf_putc(out, ']');
    progress_add_signals(p, out);
    buf_putc(out, '}');
}

/* ------------------------------------------------------------------------------------------------ reading */

static bool
progress_bad(struct err *e, const char *what)
{
    return err_set(e, ERR_FATAL, "snapshot.progress", "the stored progress of a snapshot: %s",
                   what);
}

static bool
progress_read_position(const json_t *doc, struct offset *o, struct err *e)
{
    struct offset_own_texts texts = {0};

    for (int i = 0; i < OFFSET_OWN_MEMBERS; i++) {
        const json_t *v = json_object_get(doc, offset_own_names[i]);

        if (json_is_string(v) &&
            !offset_own_take(&texts, i, json_string_value(v), json_string_length(v), e))
            return false;
    }
    return offset_own_read(&texts, o, e) && (o->own || progress_bad(e, "it has no position"));
}

static bool
progress_read_u32(const json_t *doc, const char *name, uint32_t *out)
{
    const json_t *v = json_object_get(doc, name);

    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > UINT32_MAX)
        return false;
    *out = (uint32_t)json_integer_value(v);
    return true;
}

static bool
progress_read_ranges(const json_t *doc, struct progress_table *t)
{
    const json_t *ranges = json_object_get(doc, "ranges"), *r;
    const char *key = json_string_value(json_object_get(doc, "key"));
    size_t i;

    t->whole = !ranges;
    if (t->whole)
        return true;
    if (!key || !json_is_array(ranges) || !progress_read_u32(doc, "filenode", &t->filenode))
        return false;
    t->key = mem_strdup(key);
    json_array_foreach(ranges, i, r)
    {
        const json_t *first = json_array_get(r, 0), *last = json_array_get(r, 1);

        if (!json_is_integer(first) || !json_is_integer(last) ||
            json_integer_value(first) > json_integer_value(last))
            return false;
        progress_add_range(t, (struct progress_range){(int64_t)json_integer_value(first),
                                                      (int64_t)json_integer_value(last)});
    }
    return true;
}

/* Left out: none is known to have anything. */
static bool
progress_read_sinks(const json_t *sinks, struct progress *p)
{
    const json_t *v;
    size_t i;

    if (sinks && !json_is_array(sinks))
        return false;
    json_array_foreach(sinks, i, v)
    {
        if (!json_is_string(v))
            return false;
        progress_add_sink(p, json_string_value(v));
    }
    return true;
}

static bool
progress_read_tables(const json_t *tables, struct progress *p)
{
    const json_t *v;
    size_t i;

    if (!json_is_array(tables))
        return false;
    json_array_foreach(tables, i, v)
    {
        const char *schema = json_string_value(json_object_get(v, "schema"));
        const char *table = json_string_value(json_object_get(v, "table"));
        uint32_t oid;

        if (!schema || !table || !progress_read_u32(v, "oid", &oid) || progress_find(p, oid) ||
            !progress_read_ranges(v, progress_table(p, oid, schema, table)))
            return false;
    }
    return true;
}

static bool
progress_read_signals(const json_t *signals, struct progress *p)
{
    const json_t *v;
    size_t i;

    if (signals && !json_is_array(signals))
        return false;
    json_array_foreach(signals, i, v)
    {
        const json_t *id = json_object_get(v, "id"), *data = json_object_get(v, "data");
        const json_t *type = json_object_get(v, "type");
        const json_t *commit = json_object_get(v, "commit");
        const json_t *ordinal = json_object_get(v, "ordinal");

        if (!json_is_string(type) || (id && !json_is_string(id)) ||
            (data && !json_is_string(data)) || !json_is_integer(commit) ||
            !json_is_integer(ordinal))
            return false;
        (void)progress_add_signal(p,
                                  &(struct signal){json_string_value(id), json_string_value(type),
                                                   json_string_value(data)},
                                  (uint64_t)json_integer_value(commit),
                                  (uint64_t)json_integer_value(ordinal));
    }
    return true;
}

bool
progress_from_json(const char *json, struct progress *p, struct err *e)
{
    json_t *doc = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    const json_t *version = json_object_get(doc, "version");
    const char *before = json_string_value(json_object_get(doc, "before"));
    bool ok;

    *p = (struct progress){0};
    if (!json_is_integer(version) || json_integer_value(version) != PROGRESS_VERSION)
        ok = progress_bad(e, "this walbridge does not know its form");
    else if (!before)
        ok = progress_bad(e, "it does not name the offset before");
    else
        ok = progress_read_position(json_object_get(doc, "position"), &p->position, e) &&
             (progress_read_sinks(json_object_get(doc, "sinks"), p) ||
              progress_bad(e, "its sinks cannot be read")) &&
             (progress_read_tables(json_object_get(doc, "tables"), p) ||
              progress_bad(e, "its tables cannot be read")) &&
             (progress_read_signals(json_object_get(doc, "signals"), p) ||
              progress_bad(e, "its signals cannot be read"));
    if (ok) {
        p->before = mem_strdup(before);
        p->requested = json_is_true(json_object_get(doc, "requested"));
        p->news = json_is_true(json_object_get(doc, "new"));
    } else {
        progress_clear(p);
    }
    json_decref(doc);
    return ok;
}
