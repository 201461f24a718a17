/* pgoutput messages made by hand. Each function writes one message into `b`, which it empties first. */
#ifndef TESTS_UNIT_WIRE_H
#define TESTS_UNIT_WIRE_H

#include <stdint.h>

#include "base/buf.h"

struct wire_column {
    const char *name;
    uint32_t type;
    int32_t typmod;
    uint8_t flags;
};

/* In a row: not the text but an unchanged TOAST value. NULL is SQL's NULL. */
extern const char WIRE_UNCHANGED[];

void wire_u8(struct buf *b, uint8_t v);
void wire_u16(struct buf *b, uint16_t v);
void wire_u32(struct buf *b, uint32_t v);
void wire_u64(struct buf *b, uint64_t v);
void wire_cstr(struct buf *b, const char *s);

/* Times are microseconds since 1970. */
void wire_begin(struct buf *b, uint64_t final_lsn, int64_t commit_us, uint32_t xid);
void wire_commit(struct buf *b, uint64_t commit_lsn, uint64_t end_lsn, int64_t commit_us);
void wire_origin(struct buf *b, uint64_t lsn, const char *name);
void wire_type(struct buf *b, uint32_t oid, const char *schema, const char *name);
void wire_relation(struct buf *b, uint32_t oid, const char *schema, const char *table,
                   char identity, unsigned n, const struct wire_column *cols);
/* type: I U D; old_kind: K O or 0; rows of n values each, NULL: the message has none. */
void wire_row(struct buf *b, char type, uint32_t oid, char old_kind, unsigned n,
              const char *const *old_row, const char *const *new_row);
void wire_truncate(struct buf *b, uint8_t options, unsigned n, const uint32_t *oids);
void wire_message(struct buf *b, uint8_t flags, uint64_t lsn, const char *prefix,
                  const char *content);

#endif
