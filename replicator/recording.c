#include "replicator/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/rd.h"
#include "replicator/conf.h"

enum {
    RECORDING_VERSION = 1,
    RECORDING_HEAD_BYTES = 5, /* kind and length */
    RECORDING_PART =
        1 << 20, /* read at once: a length that lies costs no more memory than the file has */
    /* A message of PostgreSQL is below 1 GB; what surrounds it is small. */
    RECORDING_ENTRY_MAX = (1 << 30) + (1 << 20),
    RECORDING_TYPE_DEPTH = 32, /* domain over array over domain …; also ends a circle */
    FIRST_USER_OID = 16384,    /* FirstNormalObjectId: below, types are built in */
};

static const char recording_magic[7] = "WALBREC";

struct recording {
    FILE *file;
    char *path;
    uint64_t entries, bytes;
    bool writing;
    struct buf entry; /* being written or read */
    /* Reading: the head's, and the last relation's. */
    struct arena head;
    const char *run_id;
    size_t nprops;
    const char **props; /* key, value, … */
    struct arena facts_arena;
    bool has_facts;
    uint32_t facts_oid;
    struct relation_facts facts;
    size_t ntypes;
    struct pgtype *types;
};

static bool
recording_failed(const struct recording *r, const char *doing, struct err *e)
{
    return err_set(e, ERR_FATAL, "recording.file", "cannot %s recording \"%s\": %s", doing, r->path,
                   strerror(errno));
}

static bool
recording_corrupt(const struct recording *r, const char *why, struct err *e)
{
    return err_set(e, ERR_DATA, "recording.corrupt",
                   "recording \"%s\", entry %" PRIu64 " at byte %" PRIu64 ": %s", r->path,
                   r->entries + 1, r->bytes, why);
}

/* CRC-32 (IEEE 802.3), four bits at a time: the table is small enough to be seen to be right. */
static uint32_t
recording_crc(const void *p, size_t n)
{
    static const uint32_t nibble[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    const unsigned char *b = p;
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < n; i++) {
        crc ^= b[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}

static struct recording *
recording_new(const char *path, FILE *file)
{
    struct recording *r = mem_alloc(sizeof(*r));

    r->path = mem_strdup(path);
    r->file = file;
    buf_init(&r->entry, RECORDING_ENTRY_MAX);
    arena_init(&r->head);
    arena_init(&r->facts_arena);
    return r;
}

void
recording_close(struct recording *r)
{
    if (!r)
        return;
    if (r->file)
        fclose(r->file);
    buf_free(&r->entry);
    arena_free(&r->head);
    arena_free(&r->facts_arena);
    free(r->path);
    free(r);
}

uint64_t
recording_bytes(const struct recording *r)
{
    return r->bytes;
}

/* ------------------------------------------------------------------------------------------------ writing */

static void
recording_put_u32(struct buf *b, uint32_t v)
{
    v = __builtin_bswap32(v);
    buf_add(b, &v, sizeof(v));
}

static void
recording_put_u64(struct buf *b, uint64_t v)
{
    v = __builtin_bswap64(v);
    buf_add(b, &v, sizeof(v));
}

static void
recording_put_text(struct buf *b, struct slice s)
{
    recording_put_u32(b, (uint32_t)s.n);
    buf_slice(b, s);
}

static void
recording_begin(struct recording *r, char kind)
{
    buf_clear(&r->entry);
    buf_putc(&r->entry, kind);
    recording_put_u32(&r->entry, 0);
}

/* Puts the length and the checksum in their places and writes the entry. */
static bool
recording_write(struct recording *r, struct err *e)
{
    struct buf *b = &r->entry;
    uint32_t n;

    if (!buf_ok(b))
        return err_set(e, ERR_DATA, "recording.too_large", "an entry is larger than %d bytes",
                       RECORDING_ENTRY_MAX);
    n = __builtin_bswap32((uint32_t)(b->n - RECORDING_HEAD_BYTES));
    memcpy(b->p + 1, &n, sizeof(n));
    recording_put_u32(b, recording_crc(b->p, b->n));
    if (!buf_ok(b) || fwrite(b->p, 1, b->n, r->file) != b->n)
        return recording_failed(r, "write", e);
    r->bytes += b->n;
    r->entries++;
    return true;
}

/*
 * What decoding needs, and nothing that opens a door: no secrets, no names that are not known (they may be secrets of
 * something else), and of the connection only what names it.
 */
static bool
recording_keeps(const struct config *c, const char *key)
{
    static const char *const connection[] = {"database.hostname", "database.dbname",
                                             "database.user"};
    const struct prop *row = config_prop(c, key);

    for (size_t i = 0; i < sizeof(connection) / sizeof(*connection); i++)
        if (strcmp(key, connection[i]) == 0)
            return true;
    if (!row || (row->flags & (PROP_SECRET | PROP_PATTERN)) || strncmp(key, "database.", 9) == 0)
        return false;
    return !(row->flags & PROP_PREFIX) || strcmp(row->name, "transforms.") == 0 ||
           strcmp(row->name, "predicates.") == 0;
}

static bool
recording_write_head(struct recording *r, const struct recording_info *info, struct err *e)
{
    const char *key, *value;
    uint32_t n = 0;

    for (size_t i = 0; config_next(info->config, &i, &key, &value);)
        n += recording_keeps(info->config, key);
    recording_begin(r, 'H');
    recording_put_u32(&r->entry, info->server_version);
    recording_put_u64(&r->entry, info->system_id);
    recording_put_u64(&r->entry, info->start_lsn);
    recording_put_text(&r->entry, slice_of(info->run_id));
    recording_put_u32(&r->entry, n);
    for (size_t i = 0; config_next(info->config, &i, &key, &value);)
        if (recording_keeps(info->config, key)) {
            recording_put_text(&r->entry, slice_of(key));
            recording_put_text(&r->entry, slice_of(value));
        }
    return recording_write(r, e);
}

struct recording *
recording_create(const char *path, const struct recording_info *info, struct err *e)
{
    const char version = RECORDING_VERSION;
    FILE *file = fopen(path, "wxe");
    struct recording *r;

    if (!file) {
        err_set(e, ERR_CONFIG, "recording.file", "cannot make recording \"%s\": %s", path,
                strerror(errno));
        return NULL;
    }
    r = recording_new(path, file);
    r->writing = true;
    if (fwrite(recording_magic, 1, sizeof(recording_magic), file) != sizeof(recording_magic) ||
        fwrite(&version, 1, 1, file) != 1) {
        recording_failed(r, "write", e);
        recording_close(r);
        return NULL;
    }
    r->bytes = sizeof(recording_magic) + 1;
    if (!recording_write_head(r, info, e)) {
        recording_close(r);
        return NULL;
    }
    return r;
}

bool
recording_add_frame(struct recording *r, uint64_t lsn, int64_t now_ns, struct slice data,
                    struct err *e)
{
    recording_begin(r, 'F');
    recording_put_u64(&r->entry, lsn);
    recording_put_u64(&r->entry, (uint64_t)now_ns);
    buf_slice(&r->entry, data);
    return recording_write(r, e);
}

bool
recording_add_keepalive(struct recording *r, uint64_t wal_end, struct err *e)
{
    recording_begin(r, 'K');
    recording_put_u64(&r->entry, wal_end);
    return recording_write(r, e);
}

static void
recording_put_type(struct buf *b, const struct pgtype *t)
{
    recording_put_u32(b, t->oid);
    recording_put_text(b, slice_of(t->schema));
    recording_put_text(b, slice_of(t->name));
    buf_putc(b, t->kind);
    recording_put_u32(b, t->elem);
    recording_put_u32(b, t->base);
    recording_put_u32(b, (uint32_t)t->base_typmod);
    recording_put_u32(b, (uint32_t)t->nlabels);
    for (size_t i = 0; i < t->nlabels; i++)
        recording_put_text(b, slice_of(t->labels[i]));
}

/* A type and what it is made of; the same one may come twice, which does no harm. */
static uint32_t
recording_put_types(struct buf *b, const struct types *types, uint32_t oid, int depth)
{
    const struct pgtype *t = oid >= FIRST_USER_OID && depth ? types_get(types, oid) : NULL;

    if (!t)
        return 0;
    recording_put_type(b, t);
    return 1 + recording_put_types(b, types, t->elem, depth - 1) +
           recording_put_types(b, types, t->base, depth - 1);
}

static void
recording_put_facts(struct buf *b, const struct relation_facts *f)
{
    buf_putc(b, f->found);
    recording_put_u32(b, (uint32_t)f->ncols);
    for (size_t i = 0; i < f->ncols; i++) {
        const struct column_facts *c = &f->cols[i];

        recording_put_text(b, c->name);
        buf_putc(b, (char)(c->not_null | c->generated << 1 | (c->default_expr.p != NULL) << 2));
        recording_put_text(b, c->default_expr.p ? c->default_expr : SLICE_LIT(""));
    }
    recording_put_u32(b, (uint32_t)f->nkey);
    for (size_t i = 0; i < f->nkey; i++)
        recording_put_text(b, f->key[i]);
}

bool
recording_add_relation(struct recording *r, const struct pgo_relation *rel,
                       const struct relation_facts *facts, const struct types *types, struct err *e)
{
    uint32_t n = 0;
    size_t at;

    recording_begin(r, 'R');
    recording_put_u32(&r->entry, rel->oid);
    recording_put_facts(&r->entry, facts);
    at = r->entry.n;
    recording_put_u32(&r->entry, 0);
    for (uint16_t i = 0; i < rel->ncols; i++)
        n += recording_put_types(&r->entry, types, rel->cols[i].type, RECORDING_TYPE_DEPTH);
    n = __builtin_bswap32(n);
    if (buf_ok(&r->entry))
        memcpy(r->entry.p + at, &n, sizeof(n));
    return recording_write(r, e);
}

bool
recording_finish(struct recording *r, struct err *e)
{
    uint64_t entries = r->entries;

    recording_begin(r, 'E');
    recording_put_u64(&r->entry, entries);
    if (!recording_write(r, e))
        return false;
    if (fflush(r->file) != 0 || (fsync(fileno(r->file)) != 0 && errno != EINVAL))
        return recording_failed(r, "write", e);
    return true;
}

/* ------------------------------------------------------------------------------------------------ reading */

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
