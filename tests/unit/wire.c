#include "tests/unit/wire.h"

#include "base/clock.h"

const char WIRE_UNCHANGED[] = "\001unchanged";

void
wire_u8(struct buf *b, uint8_t v)
{
    buf_putc(b, (char)v);
}

void
wire_u16(struct buf *b, uint16_t v)
{
    v = __builtin_bswap16(v);
    buf_add(b, &v, sizeof(v));
}

void
wire_u32(struct buf *b, uint32_t v)
{
    v = __builtin_bswap32(v);
    buf_add(b, &v, sizeof(v));
}

void
wire_u64(struct buf *b, uint64_t v)
{
    v = __builtin_bswap64(v);
    buf_add(b, &v, sizeof(v));
}

void
wire_cstr(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s) + 1);
}

void
wire_begin(struct buf *b, uint64_t final_lsn, int64_t commit_us, uint32_t xid)
{
    buf_clear(b);
    wire_u8(b, 'B');
    wire_u64(b, final_lsn);
    wire_u64(b, (uint64_t)(commit_us - CLOCK_PG_EPOCH_US));
    wire_u32(b, xid);
}

void
wire_commit(struct buf *b, uint64_t commit_lsn, uint64_t end_lsn, int64_t commit_us)
{
    buf_clear(b);
    wire_u8(b, 'C');
    wire_u8(b, 0);
    wire_u64(b, commit_lsn);
    wire_u64(b, end_lsn);
    wire_u64(b, (uint64_t)(commit_us - CLOCK_PG_EPOCH_US));
}

void
wire_origin(struct buf *b, uint64_t lsn, const char *name)
{
    buf_clear(b);
    wire_u8(b, 'O');
    wire_u64(b, lsn);
    wire_cstr(b, name);
}

void
wire_type(struct buf *b, uint32_t oid, const char *schema, const char *name)
{
    buf_clear(b);
    wire_u8(b, 'Y');
    wire_u32(b, oid);
    wire_cstr(b, schema);
    wire_cstr(b, name);
}

void
wire_relation(struct buf *b, uint32_t oid, const char *schema, const char *table, char identity,
              unsigned n, const struct wire_column *cols)
{
    buf_clear(b);
    wire_u8(b, 'R');
    wire_u32(b, oid);
    wire_cstr(b, schema);
    wire_cstr(b, table);
    wire_u8(b, (uint8_t)identity);
    wire_u16(b, (uint16_t)n);
    for (unsigned i = 0; i < n; i++) {
        wire_u8(b, cols[i].flags);
        wire_cstr(b, cols[i].name);
        wire_u32(b, cols[i].type);
        wire_u32(b, (uint32_t)cols[i].typmod);
    }
}

static void
wire_tuple(struct buf *b, char tag, unsigned n, const char *const *values)
{
    wire_u8(b, (uint8_t)tag);
    wire_u16(b, (uint16_t)n);
    for (unsigned i = 0; i < n; i++) {
        if (!values[i]) {
            wire_u8(b, 'n');
        } else if (values[i] == WIRE_UNCHANGED) {
            wire_u8(b, 'u');
        } else {
            wire_u8(b, 't');
            wire_u32(b, (uint32_t)strlen(values[i]));
            buf_str(b, values[i]);
        }
    }
}

void
wire_row(struct buf *b, char type, uint32_t oid, char old_kind, unsigned n,
         const char *const *old_row, const char *const *new_row)
{
    buf_clear(b);
    wire_u8(b, (uint8_t)type);
    wire_u32(b, oid);
    if (old_row)
        wire_tuple(b, old_kind, n, old_row);
    if (new_row)
        wire_tuple(b, 'N', n, new_row);
}

void
wire_truncate(struct buf *b, uint8_t options, unsigned n, const uint32_t *oids)
{
    buf_clear(b);
    wire_u8(b, 'T');
    wire_u32(b, n);
    wire_u8(b, options);
    for (unsigned i = 0; i < n; i++)
        wire_u32(b, oids[i]);
}

void
wire_message(struct buf *b, uint8_t flags, uint64_t lsn, const char *prefix, const char *content)
{
    buf_clear(b);
    wire_u8(b, 'M');
    wire_u8(b, flags);
    wire_u64(b, lsn);
    wire_cstr(b, prefix);
    wire_u32(b, (uint32_t)strlen(content));
    buf_str(b, content);
}
