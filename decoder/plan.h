/*
 * What is worked out once per relation version and settings: which columns are said, how, to which topic, under which
 * schema names. Converters compile a plan to a program; sinks keep their program in `progs`. Immutable apart from that.
 */
#ifndef DECODER_PLAN_H
#define DECODER_PLAN_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/arena.h"
#include "decoder/relation.h"
#include "decoder/settings.h"

enum plan_kind { PLAN_TABLE, PLAN_MESSAGE, PLAN_TRANSACTION, PLAN_HEARTBEAT, PLAN_NOTIFICATION };
/* Debezium knows types otherwise in a snapshot, and loses values of some in the stream. */
enum plan_use { PLAN_FOR_STREAM, PLAN_FOR_SNAPSHOT };
/* Of a field of the key that is no column but the same in all rows. It stands last. */
enum { PLAN_SINKS_MAX = 4, PLAN_NO_COLUMN = UINT16_MAX };

struct plan_field {
    struct slice name;    /* as said (adjusted) */
    uint16_t col;         /* index into relation.cols, or PLAN_NO_COLUMN */
    struct binding value; /* bound for the value side */
    const struct mapping
        *map; /* what a rule made of the column's values (decoder/mapper.h); NULL: nothing */
};

struct plan {
    enum plan_kind kind;
    uint64_t id; /* unique in the process */
    const struct settings *settings;
    struct relation *rel; /* NULL but for PLAN_TABLE */
    const char *topic;
    uint16_t nfields;
    struct plan_field *fields; /* the surviving columns, table order */
    uint16_t nkey;
    struct plan_field *key; /* key columns in key order, bound for the key side; nkey 0: no key */
    const struct schema *key_schema; /* NULL: none */
    const struct schema *row_schema; /* "<topic>.Value", optional */
    const struct schema *envelope_schema;
    struct slice
        unmasked; /* a column that is named to be masked and is not, another rule being first; p NULL */
    void *progs[PLAN_SINKS_MAX]; /* by sink index; made before the plan is used */
    struct arena arena;
    atomic_uint refs;
};

/* Builds the plan of a relation. NULL: the registry lacks the type *missing, ask the catalog and come again. */
struct plan *plan_new_table(struct relation *rel, enum plan_use use, const struct types *types,
                            const struct settings *s, uint32_t *missing);
/* Of records that are no rows. */
struct plan *plan_new_event(const struct settings *s, enum plan_kind kind);
/* Columns of the key: nkey but for the constant. */
uint16_t plan_key_width(const struct plan *p);
struct plan *plan_ref(struct plan *p);
void plan_unref(struct plan *p); /* the owner of progs discards them before the last unref */

#endif
