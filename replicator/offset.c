/* Debezium's offset as JSON, both ways. */
#include "replicator/offset.h"

#include <inttypes.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/pgtext.h"

enum { OFFSET_MAX = 16 << 20 }; /* thousands of collections */

enum member_kind {
    MEMBER_LSN,
    MEMBER_TXID,
    MEMBER_TS,
    MEMBER_TYPE,
    MEMBER_SNAPSHOT,
    MEMBER_BOOL,
    MEMBER_TRANSACTION,
};

/* In the order in which Debezium puts them into its hash map. */
static const struct member {
    const char *name;
    enum member_kind kind;
    size_t at;
} members[] = {
    {"ts_usec", MEMBER_TS, 0},
    {"txId", MEMBER_TXID, 0},
    {"lsn", MEMBER_LSN, offsetof(struct offset, lsn)},
    {"xmin", MEMBER_LSN, offsetof(struct offset, xmin)},
    {"snapshot", MEMBER_SNAPSHOT, 0},
    {"last_snapshot_record", MEMBER_BOOL, offsetof(struct offset, last_snapshot_record)},
    {"snapshot_completed", MEMBER_BOOL, offsetof(struct offset, snapshot_completed)},
    {"lsn_proc", MEMBER_LSN, offsetof(struct offset, lsn_proc)},
    {"lsn_events_processed", MEMBER_LSN, offsetof(struct offset, events_processed)},
    {"lsn_commit", MEMBER_LSN, offsetof(struct offset, lsn_commit)},
    {"messageType", MEMBER_TYPE, 0},
    {"transaction_id", MEMBER_TRANSACTION, 0},
};
enum { MEMBERS = sizeof members / sizeof *members };

/* One member for each collection that the transaction changed: its number of events. */
#define OFFSET_COLLECTION "transaction_data_collection_order_"

static const uint64_t *
number_at(const struct offset *o, const struct member *m)
{
    return (const uint64_t *)(const void *)((const char *)o + m->at);
}

static const bool *
bool_at(const struct offset *o, const struct member *m)
{
    return (const bool *)((const char *)o + m->at);
}

void
offset_free(struct offset *o)
{
    free(o->extra);
    free((void *)(uintptr_t)o->counts);
    o->extra = NULL;
    o->counts = NULL;
}

/* One block: the summary, its collections, their names. */
static const struct txn_summary *
counts_copy(const struct txn_summary *from)
{
    size_t names = 0;
    struct txn_summary *to;
    struct txn_collection *rows;
    char *text;

    for (size_t i = 0; i < from->ncollections; i++)
        names += from->collections[i].name.n;
    to = mem_alloc(sizeof(*to) + from->ncollections * sizeof(*rows) + names);
    rows = (struct txn_collection *)(void *)(to + 1);
    text = (char *)(rows + from->ncollections);
    for (size_t i = 0; i < from->ncollections; i++) {
        struct slice name = from->collections[i].name;

        if (name.n)
            memcpy(text, name.p, name.n);
        rows[i] = (struct txn_collection){{text, name.n}, from->collections[i].events};
        text += name.n;
    }
    *to = (struct txn_summary){from->events, from->ncollections, rows};
    return to;
}

void
offset_copy(struct offset *to, const struct offset *from)
{
    *to = *from;
    to->extra = from->extra ? mem_strdup(from->extra) : NULL;
    to->counts = from->counts ? counts_copy(from->counts) : NULL;
}

void
offset_move(struct offset *o, uint64_t lsn, uint64_t system_id, uint32_t timeline, const char *slot,
            const char *database)
{
    char *extra = o->extra;

    o->extra = NULL;
    offset_free(o);
    *o = (struct offset){
        .lsn = lsn - 1,
        .lsn_proc = lsn - 1,
        .lsn_commit = lsn,
        .extra = extra,
        .own = true,
        .flush_lsn = lsn,
        .pos_commit_lsn = lsn,
        .pos_lsn = lsn,
        .commit_end = lsn,
        .system_id = system_id,
        .timeline = timeline,
    };
    snprintf(o->slot, sizeof(o->slot), "%s", slot);
    snprintf(o->database, sizeof(o->database), "%s", database);
}

/* -------------------------------------------------------------------------------------------------------- writing */

static bool
is_there(const struct offset *o, const struct member *m)
{
    switch (m->kind) {
    case MEMBER_LSN:
        return *number_at(o, m) != 0;
    case MEMBER_TXID:
        return o->has_txid;
    case MEMBER_TS:
        return o->has_ts;
    case MEMBER_TYPE:
        return o->message_type[0] != '\0';
    case MEMBER_SNAPSHOT:
    case MEMBER_BOOL: /* these three stand or fall together */
        return o->snapshot[0] != '\0';
    case MEMBER_TRANSACTION:
        return o->transaction_id[0] != '\0';
    }
    return false;
}

static void
add_value(struct buf *out, const struct offset *o, const struct member *m)
{
    switch (m->kind) {
    case MEMBER_LSN: /* Java's long: an LSN beyond 2^63 would be negative there */
        num_add_i64(out, (int64_t)*number_at(o, m));
        break;
    case MEMBER_TXID:
        num_add_u64(out, o->txid);
        break;
    case MEMBER_TS:
        num_add_i64(out, o->ts_usec);
        break;
    case MEMBER_TYPE:
        json_cstr(out, o->message_type);
        break;
    case MEMBER_SNAPSHOT:
        json_cstr(out, o->snapshot);
        break;
    case MEMBER_BOOL:
        buf_str(out, *bool_at(o, m) ? "true" : "false");
        break;
    case MEMBER_TRANSACTION:
        json_cstr(out, o->transaction_id);
        break;
    }
}

/*
 * Members come out in the order of a Java hash map, as Debezium's do: whoever compares texts sees no difference. Each is
 * rendered, then they are sorted by their buckets.
 */
struct part {
    size_t at, n;
    uint32_t hash, bucket;
};

struct parts {
    struct buf text;
    struct part *parts;
    size_t n, cap;
};

static void
part_open(struct parts *p, struct slice name)
{
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 16;
        p->parts = mem_grow(p->parts, p->cap, sizeof(*p->parts));
    }
    p->parts[p->n] = (struct part){.at = p->text.n, .hash = pgtext_java_hash(name)};
    json_str(&p->text, name);
    buf_putc(&p->text, ':');
}

static void
part_close(struct parts *p)
{
    p->parts[p->n].n = p->text.n - p->parts[p->n].at;
    p->n++;
}

static void
add_collections(struct parts *p, const struct txn_summary *counts)
{
    struct buf name;

    buf_init(&name, OFFSET_MAX);
    for (size_t i = 0; i < counts->ncollections; i++) {
        buf_clear(&name);
        buf_str(&name, OFFSET_COLLECTION);
        buf_slice(&name, counts->collections[i].name);
        part_open(p, buf_view(&name));
        num_add_u64(&p->text, counts->collections[i].events);
        part_close(p);
    }
    buf_free(&name);
}

static void
add_extra(struct parts *p, const char *extra)
{
    json_t *doc = json_loads(extra, 0, NULL), *v;
    const char *name;

    json_object_foreach(doc, name, v)
    {
        char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);

        part_open(p, slice_of(name));
        buf_str(&p->text, text ? text : "null");
        part_close(p);
        free(text);
    }
    json_decref(doc);
}

static int
compare_parts(const void *a, const void *b)
{
    const struct part *x = a, *y = b;

    if (x->bucket != y->bucket)
        return x->bucket < y->bucket ? -1 : 1;
    return x->at < y->at ? -1 : 1;
}

void
offset_to_json(const struct offset *o, struct buf *out)
{
    struct parts p = {0};
    uint32_t table;

    buf_init(&p.text, OFFSET_MAX);
    for (size_t i = 0; i < MEMBERS; i++) {
        if (!is_there(o, &members[i]))
            continue;
        part_open(&p, slice_of(members[i].name));
        add_value(&p.text, o, &members[i]);
        part_close(&p);
    }
    if (o->counts)
        add_collections(&p, o->counts);
    if (o->extra)
        add_extra(&p, o->extra);
    table = pgtext_java_table(JAVA_TABLE_DEFAULT, p.n);
    for (size_t i = 0; i < p.n; i++)
        p.parts[i].bucket = pgtext_java_bucket(p.parts[i].hash, table);
    if (p.n)
        qsort(p.parts, p.n, sizeof(*p.parts), compare_parts);
    buf_putc(out, '{');
    for (size_t i = 0; i < p.n; i++) {
        if (i)
            buf_putc(out, ',');
        buf_add(out, p.text.p + p.parts[i].at, p.parts[i].n);
    }
    buf_putc(out, '}');
    out->full = out->full || !buf_ok(&p.text);
    free(p.parts);
    buf_free(&p.text);
}

/* -------------------------------------------------------------------------------------------------------- reading */

static bool
bad(struct err *e, const char *member, const char *expected)
{
    return err_set(e, ERR_FATAL, "offset.corrupt", "stored offset: member \"%.60s\" is not %s",
                   member, expected);
}

static bool
read_text(const char *name, const json_t *v, char *dst, size_t n, struct err *e)
{
    if (!json_is_string(v) || json_string_length(v) >= n ||
        strlen(json_string_value(v)) != json_string_length(v))
        return bad(e, name, "a short text");
    memcpy(dst, json_string_value(v), json_string_length(v) + 1);
    return true;
}

/* Older versions wrote a boolean. */
static bool
read_snapshot(const char *name, const json_t *v, struct offset *o, struct err *e)
{
    if (json_is_boolean(v)) {
        snprintf(o->snapshot, sizeof o->snapshot, "%s", json_is_true(v) ? "INITIAL" : "");
        return true;
    }
    return read_text(name, v, o->snapshot, sizeof o->snapshot, e);
}

static bool
read_member(const struct member *m, const json_t *v, struct offset *o, struct err *e)
{
    int64_t n = json_is_integer(v) ? (int64_t)json_integer_value(v) : 0;

    if (json_is_null(v))
        return true;
    if ((m->kind == MEMBER_LSN || m->kind == MEMBER_TXID || m->kind == MEMBER_TS) &&
        !json_is_integer(v))
        return bad(e, m->name, "a whole number");
    switch (m->kind) {
    case MEMBER_LSN:
        *(uint64_t *)(void *)((char *)o + m->at) = (uint64_t)n;
        return true;
    case MEMBER_TXID:
        o->has_txid = true;
        o->txid = (uint64_t)n;
        return n >= 0 || bad(e, m->name, "a transaction id");
    case MEMBER_TS:
        o->has_ts = true;
        o->ts_usec = n;
        return true;
    case MEMBER_TYPE:
        return read_text(m->name, v, o->message_type, sizeof o->message_type, e);
    case MEMBER_SNAPSHOT:
        return read_snapshot(m->name, v, o, e);
    case MEMBER_TRANSACTION:
        return read_text(m->name, v, o->transaction_id, sizeof o->transaction_id, e);
    case MEMBER_BOOL:
        if (!json_is_boolean(v))
            return bad(e, m->name, "true or false");
        *(bool *)((char *)o + m->at) = json_is_true(v);
        return true;
    }
    return false;
}

static const struct member *
member_named(const char *name)
{
    for (size_t i = 0; i < MEMBERS; i++)
        if (strcmp(members[i].name, name) == 0)
            return &members[i];
    return NULL;
}

static bool
is_collection(const char *name)
{
    return strncmp(name, OFFSET_COLLECTION, sizeof OFFSET_COLLECTION - 1) == 0;
}

static bool
read_counts(json_t *doc, struct offset *o, struct err *e)
{
    struct txn_collection *rows = mem_array(json_object_size(doc) + 1, sizeof(*rows));
    struct txn_summary sum = {.collections = rows};
    const char *name;
    json_t *v;
    bool ok = true;

    json_object_foreach(doc, name, v)
    {
        if (!is_collection(name))
            continue;
        if (!json_is_integer(v) || json_integer_value(v) < 0) {
            ok = bad(e, name, "a number of events");
            break;
        }
        rows[sum.ncollections++] = (struct txn_collection){
            slice_of(name + sizeof OFFSET_COLLECTION - 1), (uint64_t)json_integer_value(v)};
        sum.events += (uint64_t)json_integer_value(v);
    }
    if (ok && sum.ncollections)
        o->counts = counts_copy(&sum);
    free(rows);
    return ok;
}

static bool
read_members(json_t *doc, struct offset *o, struct err *e)
{
    json_t *rest = json_object(), *v;
    const char *name;
    char *text;
    bool ok = read_counts(doc, o, e);

    json_object_foreach(doc, name, v)
    {
        const struct member *m = member_named(name);

        if (!ok || is_collection(name))
            continue;
        if (!m)
            json_object_set(rest, name, v);
        else if (!read_member(m, v, o, e)) {
            ok = false;
            break;
        }
    }
    if (ok && json_object_size(rest) > 0) {
        text = json_dumps(rest, JSON_COMPACT);
        if (text) {
            o->extra = mem_strdup(text);
            free(text);
        } else {
            ok = bad(e, "(unknown)", "writable as JSON");
        }
    }
    json_decref(rest);
    return ok;
}

bool
offset_from_json(const char *json, size_t n, struct offset *o, struct err *e)
{
    json_error_t why;
    json_t *doc = json_loadb(json, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    bool ok;

    *o = (struct offset){0};
    if (!doc)
        return err_set(e, ERR_FATAL, "offset.corrupt", "stored offset is not JSON: %s at byte %d",
                       why.text, why.position);
    if (!json_is_object(doc)) {
        json_decref(doc);
        return err_set(e, ERR_FATAL, "offset.corrupt", "stored offset is not a JSON object");
    }
    ok = read_members(doc, o, e);
    json_decref(doc);
    if (!ok) {
        offset_free(o);
        *o = (struct offset){0};
    }
    return ok;
}
