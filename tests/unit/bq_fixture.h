/* Plans and changes made by hand, for tests of the BigQuery sink that need no server and no catalog. */
#ifndef TESTS_UNIT_BQ_FIXTURE_H
#define TESTS_UNIT_BQ_FIXTURE_H

#include "decoder/change.h"
#include "decoder/plan.h"

struct fix_col {
    const char *name;
    const char *pg; /* pg_type.typname */
    enum schema_type schema;
    const char *semantic; /* NULL: unnamed */
    int typmod;
    bool not_null;
    bool identity;
    const struct schema *items; /* arrays */
};

enum { FIX_COLS_MAX = 24 };

struct fix {
    struct settings settings;
    struct relation rel;
    struct plan plan;
    struct column cols[FIX_COLS_MAX];
    struct plan_field fields[FIX_COLS_MAX], key[FIX_COLS_MAX];
    struct schema schemas[FIX_COLS_MAX];
    struct pgtype types[FIX_COLS_MAX];
    struct txn txn;
    struct value before[FIX_COLS_MAX], after[FIX_COLS_MAX];
    struct change change;
};

/* public.<table>; key columns are those with key names in `key` ("a,b"), identity: d n f i. */
void fix_init(struct fix *f, const char *table, const struct fix_col *cols, unsigned n,
              const char *key, char identity);

/* In a list of values: not the text but a value PostgreSQL did not send, or a key-only tuple's gap. NULL is SQL's NULL. */
extern const char FIX_UNCHANGED[], FIX_ABSENT[];

/* Fills f->change; before or after NULL: no such tuple. Lists have one entry per column. */
const struct change *fix_change(struct fix *f, enum change_op op, const char *const *before,
                                const char *const *after);

/* The reference inventory table: id, sku, name, description, price, available. */
void fix_inventory(struct fix *f, char identity);

#endif
