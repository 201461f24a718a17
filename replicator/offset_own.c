#include "replicator/offset_own.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/num.h"

enum own_member {
    OWN_FLUSH_LSN,
    OWN_POSITION,
    OWN_COMMIT_END,
    OWN_SYSTEM_ID,
    OWN_TIMELINE,
    OWN_SLOT,
    OWN_DATABASE,
};

const char *const offset_own_names[OFFSET_OWN_MEMBERS] = {
    [OWN_FLUSH_LSN] = "walbridge.flush_lsn",   [OWN_POSITION] = "walbridge.position",
    [OWN_COMMIT_END] = "walbridge.commit_end", [OWN_SYSTEM_ID] = "walbridge.system_identifier",
    [OWN_TIMELINE] = "walbridge.timeline",     [OWN_SLOT] = "walbridge.slot",
    [OWN_DATABASE] = "walbridge.database",
};

static void
own_text(const struct offset *o, enum own_member m, char text[OFFSET_OWN_TEXT])
{
    char a[NUM_LSN_TEXT], b[NUM_LSN_TEXT];

    switch (m) {
    case OWN_FLUSH_LSN:
        num_lsn_text(text, o->flush_lsn);
        break;
    case OWN_POSITION: /* commit LSN, record LSN, ordinal */
        snprintf(text, OFFSET_OWN_TEXT, "%s %s %" PRIu64, num_lsn_text(a, o->pos_commit_lsn),
                 num_lsn_text(b, o->pos_lsn), o->pos_ordinal);
        break;
    case OWN_COMMIT_END:
        num_lsn_text(text, o->commit_end);
        break;
    case OWN_SYSTEM_ID:
        snprintf(text, OFFSET_OWN_TEXT, "%" PRIu64, o->system_id);
        break;
    case OWN_TIMELINE:
        snprintf(text, OFFSET_OWN_TEXT, "%" PRIu32, o->timeline);
        break;
    case OWN_SLOT:
        snprintf(text, OFFSET_OWN_TEXT, "%s", o->slot);
        break;
    case OWN_DATABASE:
        snprintf(text, OFFSET_OWN_TEXT, "%s", o->database);
        break;
    }
}

/* "<commit LSN> <LSN> <ordinal>" */
static bool
parse_position(const char *text, struct offset *o)
{
    const char *first = strchr(text, ' '), *second = first ? strchr(first + 1, ' ') : NULL;

    return second &&
           num_parse_lsn((struct slice){text, (size_t)(first - text)}, &o->pos_commit_lsn) &&
           num_parse_lsn((struct slice){first + 1, (size_t)(second - first - 1)}, &o->pos_lsn) &&
           num_parse_u64(slice_of(second + 1), &o->pos_ordinal);
}

static bool
own_copy(char *dst, size_t n, const char *text)
{
    if (strlen(text) >= n)
        return false;
    memcpy(dst, text, strlen(text) + 1);
    return true;
}

static bool
own_parse(struct offset *o, enum own_member m, const char *text)
{
    uint64_t n;

    switch (m) {
    case OWN_FLUSH_LSN:
        return num_parse_lsn(slice_of(text), &o->flush_lsn);
    case OWN_POSITION:
        return parse_position(text, o);
    case OWN_COMMIT_END:
        return num_parse_lsn(slice_of(text), &o->commit_end);
    case OWN_SYSTEM_ID:
        return num_parse_u64(slice_of(text), &o->system_id);
    case OWN_TIMELINE:
        if (!num_parse_u64(slice_of(text), &n) || n > UINT32_MAX)
            return false;
        o->timeline = (uint32_t)n;
        return true;
    case OWN_SLOT:
        return own_copy(o->slot, sizeof o->slot, text);
    case OWN_DATABASE:
        return own_copy(o->database, sizeof o->database, text);
    }
    return false;
}

static bool
own_bad(int member, struct err *e)
{
    return err_set(e, ERR_FATAL, "offset.corrupt", "header \"%s\" is not readable",
                   offset_own_names[member]);
}

void
offset_own_write(const struct offset *o, struct offset_own_texts *out)
{
    for (int i = 0; i < OFFSET_OWN_MEMBERS; i++) {
        own_text(o, (enum own_member)i, out->text[i]);
        out->found[i] = true;
    }
}

bool
offset_own_take(struct offset_own_texts *t, int member, const void *value, size_t n, struct err *e)
{
    if (!value || n >= sizeof t->text[member])
        return own_bad(member, e);
    memcpy(t->text[member], value, n);
    t->text[member][n] = '\0';
    t->found[member] = true;
    return true;
}

bool
offset_own_read(const struct offset_own_texts *t, struct offset *o, struct err *e)
{
    int found = 0;

    for (int i = 0; i < OFFSET_OWN_MEMBERS; i++) {
        if (!t->found[i])
            continue;
        if (!own_parse(o, (enum own_member)i, t->text[i]))
            return own_bad(i, e);
        found++;
    }
    o->own = found == OFFSET_OWN_MEMBERS;
    return found == 0 || o->own ||
           err_set(e, ERR_FATAL, "offset.corrupt", "only %d of %d walbridge headers are there",
                   found, OFFSET_OWN_MEMBERS);
}

const char *const offset_own_tails[OFFSET_BESIDES] = {
    [OFFSET_PROGRESS] = "/snapshot",
    [OFFSET_TABLES] = "/tables",
};

void
offset_own_key(struct buf *out, const char *connector, const char *server, const char *tail)
{
    BUF_LIT(out, "[\"");
    json_str_body(out, slice_of(connector));
    buf_str(out, tail);
    BUF_LIT(out, "\",{\"server\":");
    json_cstr(out, server);
    BUF_LIT(out, "}]");
}

/* Where `["<connector>` ends in front of `<tail>",{`; NULL: it has no such tail. */
static const char *
own_tail(struct slice key, const char *tail)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%s\",{", tail);

    return memmem(key.p, key.n, text, (size_t)n);
}

bool
offset_own_is_beside(struct slice key, struct buf *key_of)
{
    for (int i = 0; i < OFFSET_BESIDES; i++) {
        const char *tail = own_tail(key, offset_own_tails[i]);
        size_t before = tail ? (size_t)(tail - key.p) : 0, n = strlen(offset_own_tails[i]);

        if (!tail)
            continue;
        if (key_of) {
            buf_add(key_of, key.p, before);
            buf_add(key_of, tail + n, key.n - before - n);
        }
        return true;
    }
    return false;
}
