#include "decoder/pgoutput.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rd.h"

struct pgo {
    struct value *old_values, *new_values; /* PGO_COLUMNS_MAX each */
    struct pgo_column *cols;               /* PGO_COLUMNS_MAX, made at the first relation */
    uint32_t *oids;
    size_t oids_cap;
};

struct pgo *
pgo_new(void)
{
    struct pgo *d = mem_alloc(sizeof(*d));

    d->old_values = mem_array(PGO_COLUMNS_MAX, sizeof(*d->old_values));
    d->new_values = mem_array(PGO_COLUMNS_MAX, sizeof(*d->new_values));
    return d;
}

void
pgo_free(struct pgo *d)
{
    if (!d)
        return;
    free(d->old_values);
    free(d->new_values);
    free(d->cols);
    free(d->oids);
    free(d);
}

static bool
pgo_bad_length(const char *what, struct err *e)
{
    return err_set(e, ERR_DATA, "pgoutput.length", "%s message has the wrong length", what);
}

/* Microseconds since 2000 → since 1970. No clock says a time that is beyond 64 bits there. */
static bool
pgo_set_time(uint64_t pg_us, int64_t *us, struct err *e)
{
    return !__builtin_add_overflow((int64_t)pg_us, CLOCK_PG_EPOCH_US, us) ||
           err_set(e, ERR_DATA, "pgoutput.time", "commit time %" PRId64 " is out of range",
                   (int64_t)pg_us);
}

/* Begin: u64 final_lsn, i64 commit time, u32 xid. */
static bool
pgo_read_begin(struct rd *r, struct pgo_msg *m, struct err *e)
{
    uint64_t pg_us;

    m->u.begin.final_lsn = rd_u64(r);
    pg_us = rd_u64(r);
    m->u.begin.xid = rd_u32(r);
    if (!rd_done(r))
        return pgo_bad_length("begin", e);
    return pgo_set_time(pg_us, &m->u.begin.commit_us, e);
}

/* Commit: u8 flags (0), u64 commit_lsn, u64 end_lsn, i64 commit time. */
static bool
pgo_read_commit(struct rd *r, struct pgo_msg *m, struct err *e)
{
    uint8_t flags = rd_u8(r);
    uint64_t pg_us;

    m->u.commit.commit_lsn = rd_u64(r);
    m->u.commit.end_lsn = rd_u64(r);
    pg_us = rd_u64(r);
    if (!rd_done(r))
        return pgo_bad_length("commit", e);
    /* A server that sets a flag means something we would get wrong by ignoring it. */
    if (flags != 0)
        return err_set(e, ERR_DATA, "pgoutput.flags", "commit message has unknown flags 0x%02x",
                       flags);
    return pgo_set_time(pg_us, &m->u.commit.commit_us, e);
}

/* Origin: u64 lsn, cstring name. */
static bool
pgo_read_origin(struct rd *r, struct pgo_msg *m, struct err *e)
{
    m->u.origin.lsn = rd_u64(r);
    m->u.origin.name = rd_cstr(r);
    return rd_done(r) || pgo_bad_length("origin", e);
}

/* Type: u32 oid, cstring namespace ("" = pg_catalog), cstring name. */
static bool
pgo_read_type(struct rd *r, struct pgo_msg *m, struct err *e)
{
    m->u.type_.oid = rd_u32(r);
    m->u.type_.schema = rd_cstr(r);
    m->u.type_.name = rd_cstr(r);
    if (m->u.type_.schema.n == 0)
        m->u.type_.schema = SLICE_LIT("pg_catalog");
    return rd_done(r) || pgo_bad_length("type", e);
}

/* Relation: u32 oid, cstring namespace, cstring name, u8 identity, u16 n, n × (u8 flags, cstring name, u32 type, i32 typmod). */
static bool
pgo_read_relation(struct pgo *d, struct rd *r, struct pgo_msg *m, struct err *e)
{
    struct pgo_relation *rel = &m->u.relation;

    rel->oid = rd_u32(r);
    rel->schema = rd_cstr(r);
    rel->table = rd_cstr(r);
    rel->identity = (char)rd_u8(r);
    rel->ncols = rd_u16(r);
    if (!rd_ok(r))
        return pgo_bad_length("relation", e);
    if (rel->schema.n == 0)
        rel->schema = SLICE_LIT("pg_catalog");
    if (!rel->identity || !strchr("dnfi", rel->identity))
        return err_set(e, ERR_DATA, "pgoutput.identity",
                       "relation \"%.*s\" has unknown replica identity 0x%02x",
                       SLICE_ARG(rel->table), (unsigned char)rel->identity);
    if (rel->ncols > PGO_COLUMNS_MAX)
        return err_set(e, ERR_DATA, "pgoutput.columns",
                       "relation \"%.*s\" claims %u columns, at most %d are possible",
                       SLICE_ARG(rel->table), rel->ncols, PGO_COLUMNS_MAX);
    if (!d->cols)
        d->cols = mem_array(PGO_COLUMNS_MAX, sizeof(*d->cols));
    for (uint16_t i = 0; i < rel->ncols; i++) {
        uint8_t flags = rd_u8(r);

        d->cols[i].name = rd_cstr(r);
        d->cols[i].type = rd_u32(r);
        d->cols[i].typmod = (int32_t)rd_u32(r);
        d->cols[i].identity = flags & 1;
    }
    rel->cols = d->cols;
    return rd_done(r) || pgo_bad_length("relation", e);
}

/* TupleData: u16 n, n × ('n' null | 'u' unchanged TOAST | 't' u32 length, text). */
static bool
pgo_read_tuple(struct rd *r, struct value *values, struct tuple *out, struct err *e)
{
    uint16_t n = rd_u16(r);

    if (n > PGO_COLUMNS_MAX)
        return err_set(e, ERR_DATA, "pgoutput.columns",
                       "tuple claims %u columns, at most %d are possible", n, PGO_COLUMNS_MAX);
    for (struct value *v = values, *end = values + n; v < end; v++) {
        uint8_t kind;

        /* The common case with one bounds check for its head. */
        if (__builtin_expect(rd_left(r) >= 5 && r->p[0] == 't', 1)) {
            uint32_t len;

            memcpy(&len, r->p + 1, sizeof(len));
            len = __builtin_bswap32(len);
            r->p += 5;
            if (__builtin_expect(!rd_need(r, len), 0))
                break;
            *v = (struct value){(const char *)r->p, len, VALUE_TEXT};
            r->p += len;
            continue;
        }
        kind = rd_u8(r);
        if (kind == 'n') {
            *v = (struct value){NULL, 0, VALUE_NULL};
        } else if (kind == 'u') {
            *v = (struct value){NULL, 0, VALUE_UNCHANGED};
        } else if (!rd_ok(r) || kind == 't') { /* a text value's head is cut off */
            r->bad = true;
            break;
        } else {
            return err_set(e, ERR_DATA, "pgoutput.value",
                           "tuple has a value of unknown kind 0x%02x%s", kind,
                           kind == 'b' ? " (binary, which was not asked for)" : "");
        }
    }
    *out = (struct tuple){values, n};
    return rd_ok(r) || pgo_bad_length("row", e);
}

/*
 * Insert: u32 oid, 'N' tuple.
 * Update: u32 oid, ['K' tuple | 'O' tuple], 'N' tuple.
 * Delete: u32 oid, 'K' tuple | 'O' tuple.
 */
static bool
pgo_read_row(struct pgo *d, struct rd *r, struct pgo_msg *m, struct err *e)
{
    struct pgo_row *row = &m->u.row;
    uint8_t tag;

    row->old_kind = 0;
    row->old_row = row->new_row = (struct tuple){NULL, 0};
    row->oid = rd_u32(r);
    tag = rd_u8(r);
    if (m->type != PGO_INSERT && (tag == 'K' || tag == 'O')) {
        row->old_kind = (char)tag;
        if (!pgo_read_tuple(r, d->old_values, &row->old_row, e))
            return false;
        if (m->type == PGO_DELETE)
            return rd_done(r) || pgo_bad_length("delete", e);
        tag = rd_u8(r);
    }
    if (!rd_ok(r))
        return pgo_bad_length("row", e);
    if (tag != 'N' || m->type == PGO_DELETE)
        return err_set(e, ERR_DATA, "pgoutput.tuple", "'%c' message has unknown tuple tag 0x%02x",
                       m->type, tag);
    if (!pgo_read_tuple(r, d->new_values, &row->new_row, e))
        return false;
    return rd_done(r) || pgo_bad_length("row", e);
}

/* Truncate: u32 n, u8 options, n × u32 oid. */
static bool
pgo_read_truncate(struct pgo *d, struct rd *r, struct pgo_msg *m, struct err *e)
{
    uint32_t n = rd_u32(r);

    m->u.truncate.options = rd_u8(r);
    if (!rd_ok(r) || rd_left(r) != (size_t)n * 4)
        return pgo_bad_length("truncate", e);
    if (n > d->oids_cap) {
        d->oids = mem_grow(d->oids, n, sizeof(*d->oids));
        d->oids_cap = n;
    }
    for (uint32_t i = 0; i < n; i++)
        d->oids[i] = rd_u32(r);
    m->u.truncate.n = n;
    m->u.truncate.oids = d->oids;
    return true;
}

/* Message: u8 flags (1 transactional), u64 lsn, cstring prefix, u32 n, n bytes. */
static bool
pgo_read_message(struct rd *r, struct pgo_msg *m, struct err *e)
{
    uint8_t flags = rd_u8(r);
    uint32_t n;

    m->u.message.transactional = flags & 1;
    m->u.message.lsn = rd_u64(r);
    m->u.message.prefix = rd_cstr(r);
    n = rd_u32(r);
    m->u.message.content = rd_bytes(r, n);
    if (!rd_done(r))
        return pgo_bad_length("logical", e);
    if (flags > 1)
        return err_set(e, ERR_DATA, "pgoutput.flags", "logical message has unknown flags 0x%02x",
                       flags);
    return true;
}

bool
pgo_decode(struct pgo *d, struct slice bytes, struct pgo_msg *out, struct err *e)
{
    struct rd r = rd_of(bytes.p, bytes.n);
    uint8_t type = rd_u8(&r);

    out->type = (enum pgo_type)type;
    switch (type) {
    case PGO_INSERT:
    case PGO_UPDATE:
    case PGO_DELETE:
        return pgo_read_row(d, &r, out, e);
    case PGO_BEGIN:
        return pgo_read_begin(&r, out, e);
    case PGO_COMMIT:
        return pgo_read_commit(&r, out, e);
    case PGO_ORIGIN:
        return pgo_read_origin(&r, out, e);
    case PGO_RELATION:
        return pgo_read_relation(d, &r, out, e);
    case PGO_TYPE:
        return pgo_read_type(&r, out, e);
    case PGO_TRUNCATE:
        return pgo_read_truncate(d, &r, out, e);
    case PGO_MESSAGE:
        return pgo_read_message(&r, out, e);
    default:
        if (!rd_ok(&r))
            return err_set(e, ERR_DATA, "pgoutput.length", "message is empty");
        return err_set(
            e, ERR_DATA, "pgoutput.type",
            "message of unknown type 0x%02x; the server speaks a later protocol than was asked for",
            type);
    }
}
