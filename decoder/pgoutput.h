/*
 * PostgreSQL's pgoutput protocol, version 1: the payload of one XLogData frame → one message. Views point into the frame.
 * https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
 */
#ifndef DECODER_PGOUTPUT_H
#define DECODER_PGOUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "decoder/change.h"

enum pgo_type {
    PGO_BEGIN = 'B',
    PGO_COMMIT = 'C',
    PGO_ORIGIN = 'O',
    PGO_RELATION = 'R',
    PGO_TYPE = 'Y',
    PGO_INSERT = 'I',
    PGO_UPDATE = 'U',
    PGO_DELETE = 'D',
    PGO_TRUNCATE = 'T',
    PGO_MESSAGE = 'M',
};

/* PostgreSQL allows 1600 columns a table and 1664 in a tuple; more is not a tuple. */
enum { PGO_COLUMNS_MAX = 1664 };

struct pgo_column {
    struct slice name;
    uint32_t type;
    int32_t typmod;
    bool identity; /* flag 1: part of the replica identity */
};

struct pgo_relation {
    uint32_t oid;
    struct slice schema,
        table;     /* an empty schema on the wire means pg_catalog and is returned as such */
    char identity; /* d n f i */
    uint16_t ncols;
    const struct pgo_column *cols;
};

struct pgo_row {
    uint32_t oid;
    char old_kind; /* 'K' identity columns only, 'O' the whole row, 0 none */
    struct tuple old_row, new_row;
};

struct pgo_msg {
    enum pgo_type type;
    union {
        struct {
            uint64_t final_lsn; /* of the commit record */
            int64_t commit_us;  /* µs since 1970 */
            uint32_t xid;
        } begin;
        struct {
            uint64_t commit_lsn, end_lsn;
            int64_t commit_us;
        } commit;
        struct {
            uint64_t lsn;
            struct slice name;
        } origin;
        struct {
            uint32_t oid;
            struct slice schema, name;
        } type_;
        struct {
            uint8_t options; /* 1 cascade, 2 restart identity */
            uint32_t n;
            const uint32_t *oids;
        } truncate;
        struct {
            bool transactional;
            uint64_t lsn;
            struct slice prefix, content;
        } message;
        struct pgo_relation relation;
        struct pgo_row row;
    } u;
};

/* The decoder's scratch: arrays that the messages' views point to. Reused by the next message. */
struct pgo;
struct pgo *pgo_new(void);
void pgo_free(struct pgo *d);

/* False: the bytes are no message of protocol 1 (data); nothing was read past their end. */
bool pgo_decode(struct pgo *d, struct slice bytes, struct pgo_msg *out, struct err *e);

#endif
