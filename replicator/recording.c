/* Recordings: the file, and writing one. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "replicator/conf.h"
#include "replicator/recording_priv.h"

const char recording_magic[7] = "WALBREC";

bool
recording_failed(const struct recording *r, const char *doing, struct err *e)
{
    return err_set(e, ERR_FATAL, "recording.file", "cannot %s recording \"%s\": %s", doing, r->path,
                   strerror(errno));
}

bool
recording_corrupt(const struct recording *r, const char *why, struct err *e)
{
    return err_set(e, ERR_DATA, "recording.corrupt",
                   "recording \"%s\", entry %" PRIu64 " at byte %" PRIu64 ": %s", r->path,
                   r->entries + 1, r->bytes, why);
}

/* CRC-32 (IEEE 802.3), four bits at a time: the table is small enough to be seen to be right. */
uint32_t
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

struct recording *
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
