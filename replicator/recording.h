/*
 * Recordings: the raw replication stream of a slot with what was looked up in the catalog meanwhile, in a file that can be
 * decoded without a server. Food for tests, benchmarks and reports of errors. Integers are big-endian:
 *
 *   file   = "WALBREC" u8 version (1), head, entry …
 *   entry  = u8 kind, u32 length, payload, u32 CRC-32 of all three
 *   'H' head      u32 server version, u64 system identifier, u64 LSN where the slot stood, text run id,
 *                 u32 n, n × (text key, text value): the connector's configuration, without secrets
 *   'F' frame     u64 LSN, i64 clock in ns, message
 *   'K' keepalive u64 the server's position
 *   'R' relation  what the catalog said of the relation that the next frame describes: u32 oid, u8 found,
 *                 u32 n, n × (text column, u8 flags, text default), u32 n, n × (text key column),
 *                 u32 n, n × (u32 type oid, text schema, text name, u8 kind, u32 element, u32 base, i32 typmod,
 *                 u32 n, n × (text label))
 *   'E' end       u64 number of entries before it
 *   text   = u32 length, bytes
 *
 * A recording that was cut off has no end: what is there can be read, then there is an error.
 */
#ifndef REPLICATOR_RECORDING_H
#define REPLICATOR_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prop.h"
#include "base/slice.h"
#include "replicator/facts.h"

/* ---- writing ---- */

struct recording_info {
    const struct config *config; /* validated */
    const char *run_id;
    uint32_t server_version;
    uint64_t system_id, start_lsn;
};

struct recording;

/* Makes the file; one that exists is not written over. */
struct recording *recording_create(const char *path, const struct recording_info *info,
                                   struct err *e);
bool recording_add_frame(struct recording *r, uint64_t lsn, int64_t now_ns, struct slice data,
                         struct err *e);
bool recording_add_keepalive(struct recording *r, uint64_t wal_end, struct err *e);
/* Before the Relation's frame. types: where its types that are not built in are. */
bool recording_add_relation(struct recording *r, const struct pgo_relation *rel,
                            const struct relation_facts *facts, const struct types *types,
                            struct err *e);
uint64_t recording_bytes(const struct recording *r);
/* Writes the end and syncs. */
bool recording_finish(struct recording *r, struct err *e);
/* Closes; without recording_finish the file stays without its end. */
void recording_close(struct recording *r);

/* ---- reading ---- */

enum recording_kind { RECORDING_FRAME, RECORDING_KEEPALIVE, RECORDING_END, RECORDING_BAD };

struct recording_entry {
    uint64_t lsn; /* of the frame; the keepalive's position */
    int64_t now_ns;
    struct slice data; /* valid until the next recording_next */
};

struct recording *recording_open(const char *path, struct err *e);
/* The recorded configuration, not yet validated; the caller frees it. */
struct config *recording_config(const struct recording *r);
const char *recording_run_id(const struct recording *r);
/* The next frame or keepalive; what is said of relations goes to the facts. RECORDING_BAD: e. */
enum recording_kind recording_next(struct recording *r, struct recording_entry *out, struct err *e);
/* Answers from what was recorded in front of the Relation message at hand. */
struct facts_source recording_facts(struct recording *r);

#endif
