/* Inside recordings: the file, its end and writing (recording.c), reading (recording_read.c). */
#ifndef REPLICATOR_RECORDING_PRIV_H
#define REPLICATOR_RECORDING_PRIV_H

#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "replicator/recording.h"

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

extern const char recording_magic[7];

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

struct recording *recording_new(const char *path, FILE *file);
uint32_t recording_crc(const void *p, size_t n);
/* Errors; both return false. */
bool recording_failed(const struct recording *r, const char *doing, struct err *e);
bool recording_corrupt(const struct recording *r, const char *why, struct err *e);

#endif
