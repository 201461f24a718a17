/* Which tables a snapshot reads, in which order, and how each is selected. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/filter.h"
#include "decoder/pattern.h"
#include "decoder/pgoutput.h"
#include "replicator/java_order.h"
#include "replicator/pg/snapshot_priv.h"

enum {
    PLAN_TABLES = 256, /* at a time: what is asked of all is in memory at once */
    TABLE_NAMES_MAX = 1 << 22
};

/* ------------------------------------------------------------------------------------------------ which */

/* The caller's entry for a table; NULL: none. */
static const struct snapshot_table *
plan_named(const struct snapshot *s, const struct catalog_table *ct)
{
    for (size_t i = 0; i < s->req.ntables; i++)
        if (strcmp(s->req.tables[i].schema, ct->schema) == 0 &&
            strcmp(s->req.tables[i].table, ct->name) == 0)
            return &s->req.tables[i];
    return NULL;
}

static bool
plan_is_done(const struct snapshot *s, const struct catalog_table *ct)
{
    for (size_t i = 0; i < s->req.ndone; i++)
        if (!s->req.done[i].ranged && strcmp(s->req.done[i].schema, ct->schema) == 0 &&
            strcmp(s->req.done[i].table, ct->name) == 0)
            return true;
    return false;
}

static bool
plan_is_signal_table(const struct config *c, const char *schema, const char *table)
{
    const char *signal = config_str(c, "signal.data.collection");
    size_t n = strlen(schema);

    return signal && strncmp(signal, schema, n) == 0 && signal[n] == '.' &&
           strcmp(signal + n + 1, table) == 0;
}

bool
snapshot_include(const struct config *c, struct pattern_list *out, struct err *e)
{
    return pattern_add_list(out, "snapshot.include.collection.list",
                            config_str(c, "snapshot.include.collection.list"), false, e);
}

static bool
plan_includes(const struct pattern_list *include, const char *schema, const char *table)
{
    char name[PATTERN_NAME_MAX];

    return !include->n ||
           pattern_first(include, pattern_name(name, slice_of(schema), slice_of(table),
                                               (struct slice){NULL, 0})) >= 0;
}

bool
snapshot_reads(const struct config *c, const struct pattern_list *include, const char *schema,
               const char *table)
{
    return !plan_is_signal_table(c, schema, table) && plan_includes(include, schema, table);
}

/* Its place in the order: by the include list's patterns, then by name. */
static int
plan_rank(const struct snapshot *s, const struct catalog_table *ct)
{
    return filter_table_rank(s->req.settings->filter, slice_of(ct->schema), slice_of(ct->name));
}

static bool
plan_wants(const struct snapshot *s, const struct pattern_list *include,
           const struct catalog_table *ct)
{
    if (!filter_table(s->req.settings->filter, slice_of(ct->schema), slice_of(ct->name)) ||
        plan_is_done(s, ct))
        return false;
    return s->req.tables ? plan_named(s, ct) != NULL : plan_includes(include, ct->schema, ct->name);
}

/* Its rows are orders, not data; Debezium names it among what was read nevertheless. */
static bool
plan_sets_aside(struct snapshot *s, const struct catalog_table *ct)
{
    if (!plan_is_signal_table(s->req.config, ct->schema, ct->name))
        return false;
    s->signal.name = mem_printf("%s.%s", ct->schema, ct->name);
    s->signal.rank = plan_rank(s, ct);
    return true;
}

static void
plan_warn_unknown(const struct snapshot *s, const struct catalog_table *tables, size_t n)
{
    for (size_t i = 0; i < s->req.ntables; i++) {
        const struct snapshot_table *want = &s->req.tables[i];
        bool found = false;

        for (size_t k = 0; k < n && !found; k++)
            found = strcmp(want->schema, tables[k].schema) == 0 &&
                    strcmp(want->table, tables[k].name) == 0 &&
                    filter_table(s->req.settings->filter, slice_of(tables[k].schema),
                                 slice_of(tables[k].name));
        if (!found)
            log_warn("table \"%s.%s\" is not there or not captured, the snapshot leaves it out",
                     want->schema, want->table);
    }
}

/* ------------------------------------------------------------------------------------------------ how */

/* The columns that some field or key is fed by, in table order. */
static void
plan_select(struct snap_table *t)
{
    const struct plan *p = t->plan;
    bool *wanted = mem_array(p->rel->ncols + 1u, sizeof(*wanted));
    struct buf list;

    for (uint16_t i = 0; i < p->nfields; i++)
        wanted[p->fields[i].col] = true;
    for (uint16_t i = 0; i < plan_key_width(p); i++)
        wanted[p->key[i].col] = true;
    t->cols = mem_array(p->rel->ncols + 1u, sizeof(*t->cols));
    buf_init(&list, SNAPSHOT_SQL_MAX);
    for (uint16_t i = 0; i < p->rel->ncols; i++) {
        if (!wanted[i])
            continue;
        if (t->ncols)
            BUF_LIT(&list, ", ");
        pg_ident(&list, p->rel->cols[i].name.p);
        t->cols[t->ncols++] = i;
    }
    t->columns = mem_strdup(buf_cstr(&list));
    buf_free(&list);
    free(wanted);
}

/* rows: what the catalog says of it. */
static bool
plan_table(struct snapshot *s, const struct catalog_table *ct, const struct catalog_rows *rows,
           struct err *e)
{
    const struct snapshot_table *named = plan_named(s, ct);
    struct relation_facts facts;
    struct pgo_relation rel;
    struct snap_table *t;
    struct arena a;
    bool ok;

    s->tables = mem_grow(s->tables, s->ntables + 1, sizeof(*s->tables));
    t = &s->tables[s->ntables++];
    memset(t, 0, sizeof(*t));
    t->oid = ct->oid;
    t->rows = ct->rows;
    t->rank = plan_rank(s, ct);
    t->name = mem_printf("%s.%s", ct->schema, ct->name);
    arena_init(&a);
    ok = catalog_describe(s->conn, rows, ct, s->req.types, &a, &rel, &facts, e) &&
         (t->plan = pipeline_plan(s->req.pipeline, PLAN_FOR_SNAPSHOT, &rel, &facts, e)) != NULL;
    arena_free(&a);
    if (!ok)
        return false;
    t->schema = t->plan->rel->schema.p;
    t->table = t->plan->rel->table.p;
    if (t->plan->rel->ncols > s->widest)
        s->widest = t->plan->rel->ncols;
    if (named && named->condition)
        t->condition = mem_strdup(named->condition);
    if (named && named->select)
        t->select = mem_strdup(named->select);
    plan_select(t);
    return snapshot_override(s, t, e);
}

/* ------------------------------------------------------------------------------------------------ order */

/* The order of the include list's patterns, or of the caller's list, then by name. */
static int
plan_by_rank(const void *a, const void *b)
{
    const struct snap_table *x = a, *y = b;

    return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1) : strcmp(x->name, y->name);
}

static int
plan_by_rows(const void *a, const void *b)
{
    const struct snap_table *x = a, *y = b;

    return x->rows != y->rows ? (x->rows < y->rows ? -1 : 1) : plan_by_rank(a, b);
}

static int
plan_by_rows_down(const void *a, const void *b)
{
    const struct snap_table *x = a, *y = b;

    return x->rows != y->rows ? (x->rows > y->rows ? -1 : 1) : plan_by_rank(a, b);
}

static char *
plan_join(const char *const *names, const size_t *order, size_t n)
{
    struct buf list;
    char *out;

    buf_init(&list, TABLE_NAMES_MAX);
    for (size_t i = 0; i < n; i++)
        buf_printf(&list, "%s%s", i ? "," : "", names[order ? order[i] : i]);
    out = mem_strdup(buf_cstr(&list));
    buf_free(&list);
    return out;
}

/* As Debezium's notifications list them: while one is read in the order of a Java set, then in that of the tables. */
static void
plan_lists(struct snapshot *s)
{
    const char **names = mem_array(s->ntables + 1, sizeof(*names));
    size_t *order = mem_array(s->ntables + 1, sizeof(*order)), n = 0;

    for (size_t i = 0; i < s->ntables; i++)
        names[i] = s->tables[i].name;
    java_order(names, s->ntables, java_set_table(s->ntables), order);
    s->reading = plan_join(names, order, s->ntables);
    while (s->signal.name && n < s->ntables && plan_by_rank(&s->tables[n], &s->signal) < 0)
        n++;
    if (s->signal.name) {
        memmove(&names[n + 1], &names[n], (s->ntables - n) * sizeof(*names));
        names[n] = s->signal.name;
    }
    s->captured = plan_join(names, NULL, s->ntables + (s->signal.name != NULL));
    free(names);
    free(order);
}

static void
plan_sort(struct snapshot *s)
{
    static int (*const orders[])(const void *, const void *) = {plan_by_rank, plan_by_rows,
                                                                plan_by_rows_down};
    int order =
        s->req.tables ? 0 : config_enum(s->req.config, "snapshot.tables.order.by.row.count");

    if (s->ntables)
        qsort(s->tables, s->ntables, sizeof(*s->tables), plan_by_rank);
    plan_lists(s);
    if (s->ntables && order)
        qsort(s->tables, s->ntables, sizeof(*s->tables), orders[order]);
}

/* A part of them, with one question each for all: a round trip for each table would add up. */
static bool
plan_some(struct snapshot *s, const struct catalog_table *const *tables, size_t n, struct err *e)
{
    struct catalog_rows rows = {0};
    PGresult *r = NULL;
    bool ok = snapshot_lock(s, tables, n, e) &&
              (r = catalog_describe_some(s->conn, tables, n, e)) != NULL;

    rows.r = r;
    for (size_t i = 0; ok && i < n; i++) {
        catalog_rows_of(&rows, i);
        ok = plan_table(s, tables[i], &rows, e);
    }
    PQclear(r);
    return ok;
}

static bool
plan_all(struct snapshot *s, const struct pattern_list *include, const struct catalog_table *tables,
         size_t n, struct err *e)
{
    const struct catalog_table *some[PLAN_TABLES];
    size_t nsome = 0;
    bool ok = true;

    for (size_t i = 0; ok && i < n; i++) {
        if (plan_wants(s, include, &tables[i]) && !plan_sets_aside(s, &tables[i]))
            some[nsome++] = &tables[i];
        if (nsome == PLAN_TABLES || (nsome > 0 && i + 1 == n)) {
            ok = plan_some(s, some, nsome, e);
            nsome = 0;
        }
    }
    return ok;
}

bool
snapshot_plan(struct snapshot *s, struct err *e)
{
    struct catalog_table *tables = NULL;
    struct pattern_list include = {0};
    size_t n = 0;
    bool ok = snapshot_include(s->req.config, &include, e) &&
              catalog_tables(s->conn, &tables, &n, e) && snapshot_lock_timeout(s, true, e) &&
              plan_all(s, &include, tables, n, e);

    if (ok)
        plan_warn_unknown(s, tables, n);
    pattern_list_free(&include);
    catalog_tables_free(tables, n);
    if (!ok || !snapshot_lock_timeout(s, false, e))
        return false;
    snapshot_override_warn(s);
    plan_sort(s);
    return snapshot_cut(s, e);
}
