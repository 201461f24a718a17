/* What is asked of the catalog and what its answers mean; and who asks blocking, for planning. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/pgoutput.h"
#include "replicator/pg/catalog_priv.h"

/* ------------------------------------------------------------------------------------------------ questions */

/*
 * Columns, then the key: the primary key, else the first unique index without expressions in the JDBC driver's order
 * (clustered, hash, other; then by name). Rows: 'c' name not_null generated default · 'k' name, and at the end the place of
 * the table among those that were asked for. A domain's NOT NULL counts as the column's. Columns of an index that are only INCLUDEd are no key.
 */
static const char facts_sql[] =
    "WITH rel AS (%s), "
    "idx AS (SELECT DISTINCT ON (rel.place) rel.place, i.indrelid, i.indkey, i.indnkeyatts FROM "
    "pg_catalog.pg_index i "
    "JOIN rel ON i.indrelid = rel.oid JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid "
    "JOIN pg_catalog.pg_am am ON am.oid = ic.relam "
    "WHERE i.indisprimary OR (i.indisunique AND NOT 0 = ANY (i.indkey::int2[])) "
    "ORDER BY rel.place, i.indisprimary DESC, CASE WHEN i.indisclustered THEN 1 WHEN am.amname = "
    "'hash' THEN 2 ELSE 3 END, ic.relname) "
    "SELECT 'c' AS kind, a.attnum::int AS n, a.attname::text, a.attnotnull OR (t.typtype = 'd' AND "
    "t.typnotnull), "
    "a.attgenerated <> '', pg_catalog.pg_get_expr(d.adbin, d.adrelid), "
    "a.atttypid::text, a.atttypmod::text, "
    "EXISTS (SELECT 1 FROM pg_catalog.pg_index ri WHERE ri.indrelid = rel.oid AND "
    "ri.indisreplident AND a.attnum = ANY (ri.indkey::int2[])), rel.place::int "
    "FROM rel JOIN pg_catalog.pg_attribute a ON a.attrelid = rel.oid "
    "JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
    "LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
    "WHERE a.attnum > 0 AND NOT a.attisdropped "
    "UNION ALL "
    "SELECT 'k', k.n::int, a.attname::text, NULL, NULL, NULL, NULL, NULL, NULL, idx.place::int "
    "FROM idx CROSS JOIN LATERAL unnest(idx.indkey::int2[]) WITH ORDINALITY AS k(attnum, n) "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = idx.indrelid AND a.attnum = k.attnum WHERE k.n "
    "<= idx.indnkeyatts "
    "ORDER BY 10, 1, 2";

/* The tables that are asked for: one by its names, or some by oid. */
static const char facts_of_one[] =
    "SELECT c.oid, 1 AS place FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "
    "c.relnamespace WHERE n.nspname = $1 AND c.relname = $2";
static const char facts_of_some[] =
    "SELECT x.oid, x.place FROM unnest($1::oid[]) WITH ORDINALITY AS x(oid, place)";

/* The given types, what they are arrays of and domains over, enum labels in their sort order. */
static const char types_sql[] =
    "WITH RECURSIVE want(oid) AS (SELECT oid FROM pg_catalog.pg_type WHERE %s UNION "
    "SELECT v.oid FROM want w JOIN pg_catalog.pg_type p ON p.oid = w.oid "
    "CROSS JOIN LATERAL (VALUES (CASE WHEN p.typlen = -1 THEN p.typelem ELSE 0 END), "
    "(p.typbasetype)) AS v(oid) "
    "WHERE v.oid <> 0) "
    "SELECT t.oid::text, n.nspname::text, t.typname::text, t.typtype::text, "
    "CASE WHEN t.typlen = -1 THEN t.typelem ELSE 0 END::text, t.typbasetype::text, "
    "t.typtypmod::text, e.enumlabel::text "
    "FROM want w JOIN pg_catalog.pg_type t ON t.oid = w.oid JOIN pg_catalog.pg_namespace n ON "
    "n.oid = t.typnamespace "
    "LEFT JOIN pg_catalog.pg_enum e ON e.enumtypid = t.oid ORDER BY t.oid, e.enumsortorder";

/* All that are not built in, without the row types of tables and their arrays, which no column of use has. */
static const char types_all[] =
    "oid >= 16384 AND typtype <> 'c' AND NOT EXISTS "
    "(SELECT 1 FROM pg_catalog.pg_type el WHERE el.oid = pg_type.typelem AND el.typtype = 'c')";

/*
 * Planning it takes eight times as long as running it, and thousands of tables may be asked about: once a session, and for
 * all tables alike.
 */
void
catalog_prepare_sql(struct buf *sql)
{
    BUF_LIT(sql,
            "SET plan_cache_mode = force_generic_plan; "
            "PREPARE walbridge_facts(name, name) AS ");
    buf_printf(sql, facts_sql, facts_of_one);
    BUF_LIT(sql, "; ");
}

/* The same for who asks with parameters, on a session of his own. */
void
catalog_describe_sql(struct buf *sql)
{
    buf_printf(sql, facts_sql, facts_of_one);
}

void
catalog_facts_sql(struct buf *sql, struct slice schema, struct slice table)
{
    BUF_LIT(sql, "EXECUTE walbridge_facts(");
    pg_literal(sql, schema.p);
    BUF_LIT(sql, ", ");
    pg_literal(sql, table.p);
    buf_putc(sql, ')');
}

bool
catalog_types_sql(struct buf *sql, const struct types *registry, const struct pgo_column *cols,
                  uint16_t n)
{
    struct buf list;

    buf_init(&list, CATALOG_SQL_MAX);
    for (uint16_t i = 0; i < n; i++)
        if (!types_get(registry, cols[i].type)) {
            buf_str(&list, list.n ? "," : "oid IN (");
            num_add_u64(&list, cols[i].type);
        }
    if (list.n) {
        buf_putc(&list, ')');
        buf_printf(sql, types_sql, buf_cstr(&list));
    }
    buf_free(&list);
    return sql->n != 0;
}

/* ------------------------------------------------------------------------------------------------ answers */

static uint32_t
catalog_u32(const PGresult *r, int row, int col)
{
    uint64_t v = 0;

    (void)num_parse_u64(slice_of(PQgetvalue(r, row, col)), &v);
    return (uint32_t)v;
}

static struct slice
catalog_text(struct arena *a, const PGresult *r, int row, int col)
{
    return arena_slice(a,
                       (struct slice){PQgetvalue(r, row, col), (size_t)PQgetlength(r, row, col)});
}

static bool
catalog_is_true(const PGresult *r, int row, int col)
{
    return PQgetvalue(r, row, col)[0] == 't';
}

void
catalog_read_facts(const struct catalog_rows *rows, struct arena *a, struct relation_facts *out)
{
    const PGresult *r = rows->r;
    size_t n = rows->end > rows->first ? (size_t)(rows->end - rows->first) : 1;
    struct column_facts *cols = arena_alloc(a, n * sizeof(*cols));
    struct slice *key = arena_alloc(a, n * sizeof(*key));

    *out = (struct relation_facts){.found = rows->end > rows->first, .cols = cols, .key = key};
    for (int i = rows->first; i < rows->end; i++) {
        struct column_facts *c;

        if (PQgetvalue(r, i, COL_KIND)[0] == 'k') {
            key[out->nkey++] = catalog_text(a, r, i, COL_NAME);
            continue;
        }
        c = &cols[out->ncols++];
        c->name = catalog_text(a, r, i, COL_NAME);
        c->not_null = catalog_is_true(r, i, COL_NOT_NULL);
        c->generated = catalog_is_true(r, i, COL_GENERATED);
        if (!PQgetisnull(r, i, COL_DEFAULT))
            c->default_expr = catalog_text(a, r, i, COL_DEFAULT);
    }
}

void
catalog_read_types(const PGresult *r, struct types *types, bool renew)
{
    int rows = PQntuples(r);

    for (int i = 0; i < rows;) {
        uint32_t oid = catalog_u32(r, i, TYPES_OID);
        int end = i;
        const char **labels;
        int64_t typmod = -1;
        struct pgtype t = {
            .oid = oid,
            .schema = PQgetvalue(r, i, TYPES_SCHEMA),
            .name = PQgetvalue(r, i, TYPES_NAME),
            .kind = PQgetvalue(r, i, TYPES_KIND)[0],
            .elem = catalog_u32(r, i, TYPES_ELEM),
            .base = catalog_u32(r, i, TYPES_BASE),
        };

        (void)num_parse_i64(slice_of(PQgetvalue(r, i, TYPES_TYPMOD)), &typmod);
        t.base_typmod = (int32_t)typmod;
        while (end < rows && catalog_u32(r, end, TYPES_OID) == oid)
            end++;
        labels = mem_array((size_t)(end - i), sizeof(*labels));
        for (; i < end; i++)
            if (!PQgetisnull(r, i, TYPES_LABEL))
                labels[t.nlabels++] = PQgetvalue(r, i, TYPES_LABEL);
        t.labels = labels;
        /* A built-in or a known one may come along as an element; what is known stays as it is. */
        if (renew || !types_get(types, oid))
            types_add(types, &t);
        free(labels);
    }
}

/* ------------------------------------------------------------------------------------------------ planning */

bool
catalog_load_types(PGconn *c, struct types *types, struct err *e)
{
    struct buf sql;
    PGresult *r;

    buf_init(&sql, CATALOG_SQL_MAX);
    buf_printf(&sql, types_sql, types_all);
    r = pg_query(c, e, TYPES_COLS, buf_cstr(&sql));
    buf_free(&sql);
    if (!r)
        return err_wrap(e, "loading types");
    catalog_read_types(r, types, true);
    PQclear(r);
    return true;
}

/* Names as the server sorts them bytewise: the snapshot's order must not depend on a locale. */
const char catalog_tables_sql[] =
    "SELECT c.oid::text, n.nspname::text, c.relname::text, c.relkind::text, c.relreplident::text, "
    "c.reltuples::text, EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND "
    "i.indisprimary) FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' "
    "AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') "
    "ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"";

void
catalog_tables_read(const PGresult *r, struct catalog_table **out, size_t *n)
{
    *n = (size_t)PQntuples(r);
    *out = mem_array(*n ? *n : 1, sizeof(**out));
    for (int i = 0; i < PQntuples(r); i++) {
        struct catalog_table *t = &(*out)[i];

        t->oid = catalog_u32(r, i, 0);
        t->schema = mem_strdup(PQgetvalue(r, i, 1));
        t->name = mem_strdup(PQgetvalue(r, i, 2));
        t->kind = PQgetvalue(r, i, 3)[0];
        t->identity = PQgetvalue(r, i, 4)[0];
        t->rows = strtod(PQgetvalue(r, i, 5), NULL);
        t->has_pk = catalog_is_true(r, i, 6);
    }
}

bool
catalog_tables(PGconn *c, struct catalog_table **out, size_t *n, struct err *e)
{
    PGresult *r = pg_query(c, e, 7, catalog_tables_sql);

    if (!r)
        return err_wrap(e, "listing tables");
    catalog_tables_read(r, out, n);
    PQclear(r);
    return true;
}

void
catalog_table_clear(struct catalog_table *t)
{
    free(t->schema);
    free(t->name);
}

void
catalog_tables_free(struct catalog_table *t, size_t n)
{
    for (size_t i = 0; i < n; i++)
        catalog_table_clear(&t[i]);
    free(t);
}

void
catalog_read_relation(const struct catalog_rows *rows, const struct catalog_table *t,
                      struct arena *a, struct pgo_relation *rel)
{
    const PGresult *r = rows->r;
    size_t n = rows->end > rows->first ? (size_t)(rows->end - rows->first) : 1;
    struct pgo_column *cols = arena_alloc(a, n * sizeof(*cols));

    *rel = (struct pgo_relation){.oid = t->oid,
                                 .schema = slice_of(t->schema),
                                 .table = slice_of(t->name),
                                 .identity = t->identity,
                                 .cols = cols};
    for (int i = rows->first; i < rows->end; i++) {
        int64_t typmod = -1;

        if (PQgetvalue(r, i, COL_KIND)[0] != 'c')
            continue;
        (void)num_parse_i64(slice_of(PQgetvalue(r, i, COL_TYPMOD)), &typmod);
        cols[rel->ncols++] = (struct pgo_column){
            .name = catalog_text(a, r, i, COL_NAME),
            .type = catalog_u32(r, i, COL_TYPE),
            .typmod = (int32_t)typmod,
            .identity = catalog_is_true(r, i, COL_IDENTITY),
        };
    }
}

PGresult *
catalog_describe_some(PGconn *c, const struct catalog_table *const *tables, size_t n, struct err *e)
{
    const char *params[1];
    struct buf sql, oids;
    PGresult *r;

    buf_init(&sql, CATALOG_SQL_MAX);
    buf_init(&oids, CATALOG_SQL_MAX);
    for (size_t i = 0; i < n; i++)
        buf_printf(&oids, "%c%u", i ? ',' : '{', tables[i]->oid);
    buf_str(&oids, n ? "}" : "{}");
    buf_printf(&sql, facts_sql, facts_of_some);
    params[0] = buf_cstr(&oids);
    r = pg_query_params(c, e, COL_COLS, buf_cstr(&sql), 1, params);
    buf_free(&sql);
    buf_free(&oids);
    if (!r)
        err_wrap(e, "describing tables");
    return r;
}

struct catalog_rows
catalog_rows_all(const PGresult *r)
{
    return (struct catalog_rows){r, 0, PQntuples(r)};
}

void
catalog_rows_of(struct catalog_rows *rows, size_t place)
{
    rows->first = rows->end;
    while (rows->end < PQntuples(rows->r) &&
           catalog_u32(rows->r, rows->end, COL_PLACE) == place + 1)
        rows->end++;
}

bool
catalog_describe(PGconn *c, const struct catalog_rows *rows, const struct catalog_table *t,
                 struct types *types, struct arena *a, struct pgo_relation *rel,
                 struct relation_facts *facts, struct err *e)
{
    struct buf sql;
    PGresult *r;
    bool ok = true;

    catalog_read_relation(rows, t, a, rel);
    catalog_read_facts(rows, a, facts);
    buf_init(&sql, CATALOG_SQL_MAX);
    if (catalog_types_sql(&sql, types, rel->cols, rel->ncols)) {
        r = pg_query(c, e, TYPES_COLS, buf_cstr(&sql));
        ok = r != NULL;
        if (r)
            catalog_read_types(r, types, false);
        PQclear(r);
    }
    buf_free(&sql);
    return ok || err_wrap(e, "describing table \"%s.%s\"", t->schema, t->name);
}
