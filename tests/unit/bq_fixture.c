#include "tests/unit/bq_fixture.h"

#include <string.h>

const char FIX_UNCHANGED[] = "\001unchanged", FIX_ABSENT[] = "\001absent";

static bool
listed(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = list; p && *p; p += strcspn(p, ","), p += *p == ',') {
        if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0'))
            return true;
    }
    return false;
}

void
fix_init(struct fix *f, const char *table, const struct fix_col *cols, unsigned n, const char *key,
         char identity)
{
    memset(f, 0, sizeof(*f));
    f->settings.prefix = "server";
    f->settings.database = "shop";
    f->rel.oid = 16400;
    f->rel.schema = slice_of("public");
    f->rel.table = slice_of(table);
    f->rel.identity = identity;
    f->rel.ncols = (uint16_t)n;
    f->rel.cols = f->cols;
    f->plan.kind = PLAN_TABLE;
    f->plan.settings = &f->settings;
    f->plan.rel = &f->rel;
    f->plan.topic = "server.public.t";
    f->plan.fields = f->fields;
    f->plan.key = f->key;
    for (unsigned i = 0; i < n; i++) {
        const struct fix_col *c = &cols[i];

        f->types[i] = (struct pgtype){.schema = "pg_catalog", .name = c->pg, .kind = 'b'};
        f->schemas[i] = (struct schema){.type = c->schema, .name = c->semantic, .items = c->items};
        f->cols[i] = (struct column){.name = slice_of(c->name),
                                     .typmod = c->typmod,
                                     .identity = identity == 'f' || c->identity,
                                     .known = true,
                                     .not_null = c->not_null};
        f->fields[i].name = slice_of(c->name);
        f->fields[i].col = (uint16_t)i;
        f->fields[i].value =
            (struct binding){.schema = &f->schemas[i], .type = &f->types[i], .typmod = c->typmod};
        if (listed(key, c->name))
            f->key[f->plan.nkey++] = f->fields[i];
    }
    f->plan.nfields = (uint16_t)n;
    f->txn = (struct txn){
        .seq = 1, .commit_lsn = 0x1000, .commit_us = INT64_C(1795256445123456), .xid = 742};
}

static struct tuple
fill(struct value *v, unsigned n, const char *const *texts)
{
    if (!texts)
        return (struct tuple){NULL, 0};
    for (unsigned i = 0; i < n; i++) {
        v[i] = (struct value){texts[i], texts[i] ? (uint32_t)strlen(texts[i]) : 0,
                              texts[i] ? VALUE_TEXT : VALUE_NULL};
        if (texts[i] == FIX_UNCHANGED)
            v[i] = (struct value){NULL, 0, VALUE_UNCHANGED};
        if (texts[i] == FIX_ABSENT)
            v[i] = (struct value){NULL, 0, VALUE_ABSENT};
    }
    return (struct tuple){v, (uint16_t)n};
}

const struct change *
fix_change(struct fix *f, enum change_op op, const char *const *before, const char *const *after)
{
    f->change = (struct change){
        .op = op,
        .plan = &f->plan,
        .txn = &f->txn,
        .before = fill(f->before, f->rel.ncols, before),
        .after = fill(f->after, f->rel.ncols, after),
        .lsn = 0x0F00,
        .id = {.commit_lsn = 0x1000, .lsn = 0x0F00, .ordinal = f->change.id.ordinal + 1},
        .now_ns = INT64_C(1795256445789000000),
    };
    if (op == OP_READ) {
        f->change.snapshot = SNAPSHOT_TRUE;
        f->change.id = (struct identity){0x1000, 16400, f->change.id.ordinal, true};
    }
    return &f->change;
}

void
fix_inventory(struct fix *f, char identity)
{
    static const struct fix_col cols[] = {
        {"id", "uuid", SCHEMA_STRING, "io.debezium.data.Uuid", -1, false, false, NULL},
        {"sku", "bpchar", SCHEMA_STRING, NULL, 19, true, false, NULL},
        {"name", "varchar", SCHEMA_STRING, NULL, 154, true, false, NULL},
        {"description", "text", SCHEMA_STRING, NULL, -1, false, false, NULL},
        {"price", "float8", SCHEMA_FLOAT64, NULL, -1, true, false, NULL},
        {"available", "int4", SCHEMA_INT32, NULL, -1, false, false, NULL},
    };

    fix_init(f, "inventory", cols, 6, "", identity);
}
