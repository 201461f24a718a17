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

enum member_kind { MEMBER_LSN, MEMBER_TXID, MEMBER_TS, MEMBER_TYPE, MEMBER_SNAPSHOT, MEMBER_BOOL };

/* In the order in which Debezium's (a Java hash map's) members come out: whoever compares texts sees no difference. */
static const struct member {
    const char *name;
    enum member_kind kind;
    size_t at;
} members[] = {
    {"lsn_proc", MEMBER_LSN, offsetof(struct offset, lsn_proc)},
    {"lsn_events_processed", MEMBER_LSN, offsetof(struct offset, events_processed)},
    {"last_snapshot_record", MEMBER_BOOL, offsetof(struct offset, last_snapshot_record)},
    {"messageType", MEMBER_TYPE, 0},
    {"lsn_commit", MEMBER_LSN, offsetof(struct offset, lsn_commit)},
    {"lsn", MEMBER_LSN, offsetof(struct offset, lsn)},
    {"txId", MEMBER_TXID, 0},
    {"ts_usec", MEMBER_TS, 0},
    {"snapshot", MEMBER_SNAPSHOT, 0},
    {"snapshot_completed", MEMBER_BOOL, offsetof(struct offset, snapshot_completed)},
};
enum { MEMBERS = sizeof members / sizeof *members };

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
    o->extra = NULL;
}

void
offset_copy(struct offset *to, const struct offset *from)
{
    *to = *from;
    to->extra = from->extra ? mem_strdup(from->extra) : NULL;
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
    }
    return false;
}

static void
add_member(struct buf *out, const struct offset *o, const struct member *m)
{
    json_cstr(out, m->name);
    buf_putc(out, ':');
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
    }
}

void
offset_to_json(const struct offset *o, struct buf *out)
{
    bool first = true;

    buf_putc(out, '{');
    for (size_t i = 0; i < MEMBERS; i++) {
        if (!is_there(o, &members[i]))
            continue;
        if (!first)
            buf_putc(out, ',');
        add_member(out, o, &members[i]);
        first = false;
    }
    /* The text of an object that is not empty: its members without the braces. */
    if (o->extra && strlen(o->extra) > 2) {
        if (!first)
            buf_putc(out, ',');
        buf_add(out, o->extra + 1, strlen(o->extra) - 2);
    }
    buf_putc(out, '}');
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
read_members(json_t *doc, struct offset *o, struct err *e)
{
    json_t *rest = json_object(), *v;
    const char *name;
    char *text;
    bool ok = true;

    json_object_foreach(doc, name, v)
    {
        const struct member *m = member_named(name);

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
