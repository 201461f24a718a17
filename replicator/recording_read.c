/* Reading a recording. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rd.h"
#include "replicator/conf.h"
#include "replicator/recording_priv.h"

/* Appends n bytes to the entry; *end: the file ended before the first of them. */
static bool
recording_read(struct recording *r, size_t n, bool *end, struct err *e)
{
    bool first = true;

    *end = false;
    while (n) {
        size_t part = n < RECORDING_PART ? n : RECORDING_PART, got;
        char *room = buf_room(&r->entry, part);

        if (!room)
            return recording_corrupt(r, "it is too large", e);
        got = fread(room, 1, part, r->file);
        buf_took(&r->entry, got);
        n -= got;
        if (got == part) {
            first = false;
            continue;
        }
        if (ferror(r->file))
            return recording_failed(r, "read", e);
        *end = first && got == 0;
        return recording_corrupt(r, "the file was cut off in its middle", e);
    }
    return true;
}

/* The next entry, checked: its payload is behind the head in r->entry. */
static bool
recording_read_entry(struct recording *r, struct err *e)
{
    uint32_t length, sum;
    bool end;

    buf_clear(&r->entry);
    if (!recording_read(r, RECORDING_HEAD_BYTES, &end, e))
        return end ? recording_corrupt(r, "the file was cut off: its end is missing", e) : false;
    memcpy(&length, r->entry.p + 1, sizeof(length));
    length = __builtin_bswap32(length);
    if (length > RECORDING_ENTRY_MAX - 16)
        return recording_corrupt(r, "its length is impossible", e);
    if (!recording_read(r, (size_t)length + sizeof(sum), &end, e))
        return false;
    r->entry.n -= sizeof(sum);
    memcpy(&sum, r->entry.p + r->entry.n, sizeof(sum));
    if (recording_crc(r->entry.p, r->entry.n) != __builtin_bswap32(sum))
        return recording_corrupt(r, "its checksum is wrong", e);
    return true;
}

static struct rd
recording_payload(const struct recording *r)
{
    return rd_of(r->entry.p + RECORDING_HEAD_BYTES, r->entry.n - RECORDING_HEAD_BYTES);
}

static struct slice
recording_get_text(struct rd *r)
{
    uint32_t n = rd_u32(r);

    return rd_bytes(r, n);
}

static const char *
recording_get_cstr(struct rd *r, struct arena *a)
{
    struct slice s = recording_get_text(r);

    return arena_strndup(a, s.p, s.n);
}

/* A count of things that take at least `least` bytes each; 0 and bad when there is no room for so many. */
static uint32_t
recording_get_count(struct rd *r, size_t least)
{
    uint32_t n = rd_u32(r);

    if (n > rd_left(r) / least) {
        r->bad = true;
        return 0;
    }
    return n;
}

static bool
recording_read_head(struct recording *r, struct err *e)
{
    struct rd rd;

    if (!recording_read_entry(r, e))
        return false;
    if (r->entry.p[0] != 'H')
        return recording_corrupt(r, "the head is missing", e);
    rd = recording_payload(r);
    rd_u32(&rd);
    rd_u64(&rd);
    rd_u64(&rd);
    r->run_id = recording_get_cstr(&rd, &r->head);
    r->nprops = recording_get_count(&rd, 8);
    r->props = arena_alloc(&r->head, (r->nprops + 1) * 2 * sizeof(*r->props));
    for (size_t i = 0; i < 2 * r->nprops; i++)
        r->props[i] = recording_get_cstr(&rd, &r->head);
    if (!rd_done(&rd))
        return recording_corrupt(r, "the head has the wrong length", e);
    r->bytes += r->entry.n + 4;
    r->entries++;
    return true;
}

struct recording *
recording_open(const char *path, struct err *e)
{
    FILE *file = fopen(path, "re");
    char magic[sizeof(recording_magic) + 1];
    struct recording *r;
    bool ok;

    if (!file) {
        err_set(e, ERR_CONFIG, "recording.file", "cannot open recording \"%s\": %s", path,
                strerror(errno));
        return NULL;
    }
    r = recording_new(path, file);
    r->bytes = sizeof(magic);
    if (fread(magic, 1, sizeof(magic), file) != sizeof(magic) ||
        memcmp(magic, recording_magic, sizeof(recording_magic)) != 0)
        ok = err_set(e, ERR_CONFIG, "recording.magic", "\"%s\" is no recording", path);
    else if (magic[sizeof(recording_magic)] != RECORDING_VERSION)
        ok = err_set(e, ERR_CONFIG, "recording.version",
                     "recording \"%s\" has version %d, this program reads version %d", path,
                     magic[sizeof(recording_magic)], RECORDING_VERSION);
    else
        ok = recording_read_head(r, e);
    if (!ok) {
        recording_close(r);
        return NULL;
    }
    return r;
}

const char *
recording_run_id(const struct recording *r)
{
    return r->run_id;
}

struct config *
recording_config(const struct recording *r)
{
    const char *name = r->path;
    struct config *c;

    for (size_t i = 0; i < r->nprops; i++)
        if (strcmp(r->props[2 * i], "name") == 0)
            name = r->props[2 * i + 1];
    c = config_new(name, conf_tables);
    for (size_t i = 0; i < r->nprops; i++)
        config_set(c, r->props[2 * i], r->props[2 * i + 1]);
    return c;
}

static void
recording_get_type(struct rd *rd, struct arena *a, struct pgtype *t)
{
    const char **labels;

    t->oid = rd_u32(rd);
    t->schema = recording_get_cstr(rd, a);
    t->name = recording_get_cstr(rd, a);
    t->kind = (char)rd_u8(rd);
    t->elem = rd_u32(rd);
    t->base = rd_u32(rd);
    t->base_typmod = (int32_t)rd_u32(rd);
    t->nlabels = recording_get_count(rd, 4);
    labels = arena_alloc(a, (t->nlabels + 1) * sizeof(*labels));
    for (size_t i = 0; i < t->nlabels; i++)
        labels[i] = recording_get_cstr(rd, a);
    t->labels = labels;
}

static void
recording_get_columns(struct rd *rd, struct arena *a, struct relation_facts *f)
{
    struct column_facts *cols;
    struct slice *key;

    f->ncols = recording_get_count(rd, 9);
    f->cols = cols = arena_alloc(a, (f->ncols + 1) * sizeof(*cols));
    for (size_t i = 0; i < f->ncols; i++) {
        uint8_t flags;
        struct slice text;

        cols[i].name = arena_slice(a, recording_get_text(rd));
        flags = rd_u8(rd);
        text = recording_get_text(rd);
        cols[i].not_null = flags & 1;
        cols[i].generated = flags & 2;
        if (flags & 4)
            cols[i].default_expr = arena_slice(a, text);
    }
    f->nkey = recording_get_count(rd, 4);
    f->key = key = arena_alloc(a, (f->nkey + 1) * sizeof(*key));
    for (size_t i = 0; i < f->nkey; i++)
        key[i] = arena_slice(a, recording_get_text(rd));
}

static bool
recording_take_relation(struct recording *r, struct err *e)
{
    struct rd rd = recording_payload(r);
    struct arena *a = &r->facts_arena;

    arena_reset(a);
    r->facts_oid = rd_u32(&rd);
    r->facts = (struct relation_facts){.found = rd_u8(&rd)};
    recording_get_columns(&rd, a, &r->facts);
    r->ntypes = recording_get_count(&rd, 29);
    r->types = arena_alloc(a, (r->ntypes + 1) * sizeof(*r->types));
    for (size_t i = 0; i < r->ntypes; i++)
        recording_get_type(&rd, a, &r->types[i]);
    r->has_facts = rd_done(&rd);
    return r->has_facts ||
           recording_corrupt(r, "the description of a relation has the wrong length", e);
}

static enum recording_kind
recording_take(struct recording *r, struct recording_entry *out, bool *more, struct err *e)
{
    struct rd rd = recording_payload(r);

    *more = false;
    switch (r->entry.p[0]) {
    case 'F':
        out->lsn = rd_u64(&rd);
        out->now_ns = (int64_t)rd_u64(&rd);
        out->data = (struct slice){(const char *)rd.p, rd_left(&rd)};
        if (rd_ok(&rd))
            return RECORDING_FRAME;
        break;
    case 'K':
        out->lsn = rd_u64(&rd);
        if (rd_done(&rd))
            return RECORDING_KEEPALIVE;
        break;
    case 'R':
        *more = recording_take_relation(r, e);
        return RECORDING_BAD;
    case 'E':
        if (rd_u64(&rd) == r->entries && rd_done(&rd))
            return RECORDING_END;
        break;
    default:
        recording_corrupt(r, "it is of an unknown kind", e);
        return RECORDING_BAD;
    }
    recording_corrupt(r, "it has the wrong length or number", e);
    return RECORDING_BAD;
}

enum recording_kind
recording_next(struct recording *r, struct recording_entry *out, struct err *e)
{
    enum recording_kind kind;
    bool more;

    do {
        if (!recording_read_entry(r, e))
            return RECORDING_BAD;
        kind = recording_take(r, out, &more, e);
        r->bytes += r->entry.n + 4;
        r->entries++;
    } while (more);
    return kind;
}

/* ------------------------------------------------------------------------------------------------ facts */

static bool
recording_ask(void *arg, const struct pgo_relation *rel, struct err *e)
{
    const struct recording *r = arg;

    if (r->has_facts && r->facts_oid == rel->oid)
        return true;
    return recording_corrupt(r, "what the catalog said of its relation is missing", e);
}

static enum facts_state
recording_poll(void *arg, struct types *types, const struct relation_facts **facts, struct err *e)
{
    struct recording *r = arg;

    (void)e;
    if (!r->has_facts)
        return FACTS_IDLE;
    for (size_t i = 0; i < r->ntypes; i++)
        types_add(types, &r->types[i]);
    r->has_facts = false;
    *facts = &r->facts;
    return FACTS_READY;
}

struct facts_source
recording_facts(struct recording *r)
{
    return (struct facts_source){recording_ask, recording_poll, r};
}
