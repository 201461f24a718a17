#include "replicator/pg/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/pgoutput.h"

enum {
    CATALOG_SQL_MAX = 1 << 20,
    CATALOG_BACKOFF_MS = 200,
    CATALOG_BACKOFF_CAP_MS = 10000,
};

enum step { STEP_IDLE, STEP_CONNECTING, STEP_WAITING, STEP_BROKEN };

struct catalog {
    const struct pg_params *params;
    struct types *registry;
    PGconn *conn;
    enum step step;
    bool want_write;
    bool asked;    /* sql holds a question that awaits its answer */
    bool prepared; /* this session knows the statement */
    struct buf sql;
    unsigned failures;
    int64_t retry_us; /* STEP_BROKEN: when to connect again */
    unsigned results; /* how many of the question's results have come */
    bool failed;      /* one of them was an error */
    bool refused;     /* the session cannot be opened again: somebody has to act; why says how */
    struct err why;
    struct arena arena; /* the answer's */
    struct relation_facts facts;
    PGresult *types; /* taken into the registry when the whole answer is there */
};

/* ------------------------------------------------------------------------------------------------ questions */

/*
 * Columns, then the key: the primary key, else the first unique index without expressions in the JDBC driver's order
 * (clustered, hash, other; then by name). Rows: 'c' name not_null generated default · 'k' name.
 * A domain's NOT NULL counts as the column's. Columns of an index that are only INCLUDEd are no key.
 */
static const char facts_sql[] =
    "WITH rel AS (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid "
    "= c.relnamespace "
    "WHERE n.nspname = %s AND c.relname = %s), "
    "idx AS (SELECT i.indexrelid, i.indrelid, i.indkey, i.indnkeyatts FROM pg_catalog.pg_index i "
    "JOIN rel ON i.indrelid = rel.oid JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid "
    "JOIN pg_catalog.pg_am am ON am.oid = ic.relam "
    "WHERE i.indisprimary OR (i.indisunique AND NOT 0 = ANY (i.indkey::int2[])) "
    "ORDER BY i.indisprimary DESC, CASE WHEN i.indisclustered THEN 1 WHEN am.amname = 'hash' THEN "
    "2 ELSE 3 END, ic.relname "
    "LIMIT 1) "
    "SELECT 'c' AS kind, a.attnum::int AS n, a.attname::text, a.attnotnull OR (t.typtype = 'd' AND "
    "t.typnotnull), "
    "a.attgenerated <> '', pg_catalog.pg_get_expr(d.adbin, d.adrelid), "
    "a.atttypid::text, a.atttypmod::text, "
    "EXISTS (SELECT 1 FROM rel JOIN pg_catalog.pg_index ri ON ri.indrelid = rel.oid AND "
    "ri.indisreplident "
    "WHERE a.attnum = ANY (ri.indkey::int2[])) "
    "FROM rel JOIN pg_catalog.pg_attribute a ON a.attrelid = rel.oid "
    "JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
    "LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
    "WHERE a.attnum > 0 AND NOT a.attisdropped "
    "UNION ALL "
    "SELECT 'k', k.n::int, a.attname::text, NULL, NULL, NULL, NULL, NULL, NULL "
    "FROM idx CROSS JOIN LATERAL unnest(idx.indkey::int2[]) WITH ORDINALITY AS k(attnum, n) "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = idx.indrelid AND a.attnum = k.attnum WHERE k.n "
    "<= idx.indnkeyatts "
    "ORDER BY 1, 2";

enum {
    COL_KIND,
    COL_N,
    COL_NAME,
    COL_NOT_NULL,
    COL_GENERATED,
    COL_DEFAULT,
    COL_TYPE,
    COL_TYPMOD,
    COL_IDENTITY,
    COL_COLS
};

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

enum {
    TYPES_OID,
    TYPES_SCHEMA,
    TYPES_NAME,
    TYPES_KIND,
    TYPES_ELEM,
    TYPES_BASE,
    TYPES_TYPMOD,
    TYPES_LABEL,
    TYPES_COLS
};

/*
 * Planning it takes eight times as long as running it, and thousands of tables may be asked about: once a session, and for
 * all tables alike.
 */
static void
catalog_prepare_sql(struct buf *sql)
{
    BUF_LIT(sql,
            "SET plan_cache_mode = force_generic_plan; "
            "PREPARE walbridge_facts(name, name) AS ");
    buf_printf(sql, facts_sql, "$1", "$2");
    BUF_LIT(sql, "; ");
}

/* The same for who asks with parameters, on a session of his own. */
void
catalog_describe_sql(struct buf *sql)
{
    buf_printf(sql, facts_sql, "$1", "$2");
}

static void
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
catalog_read_facts(const PGresult *r, struct arena *a, struct relation_facts *out)
{
    int rows = PQntuples(r);
    size_t n = rows > 0 ? (size_t)rows : 1;
    struct column_facts *cols = arena_alloc(a, n * sizeof(*cols));
    struct slice *key = arena_alloc(a, n * sizeof(*key));

    *out = (struct relation_facts){.found = rows > 0, .cols = cols, .key = key};
    for (int i = 0; i < rows; i++) {
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

/* ------------------------------------------------------------------------------------------------ the session */

struct catalog *
catalog_new(const struct pg_params *params, PGconn *conn, struct types *types)
{
    struct catalog *c = mem_alloc(sizeof(*c));

    c->params = params;
    c->registry = types;
    c->conn = conn;
    PQsetnonblocking(conn, 1);
    buf_init(&c->sql, CATALOG_SQL_MAX);
    arena_init(&c->arena);
    return c;
}

void
catalog_free(struct catalog *c)
{
    if (!c)
        return;
    PQclear(c->types);
    PQfinish(c->conn);
    buf_free(&c->sql);
    arena_free(&c->arena);
    free(c);
}

static void
catalog_broken(struct catalog *c, const struct err *why)
{
    int64_t wait_ms = clock_backoff_ms(c->failures++, CATALOG_BACKOFF_MS, CATALOG_BACKOFF_CAP_MS);

    if (why->cls != ERR_NONE && why->cls != ERR_RETRY) {
        c->refused = true;
        c->why = *why;
    }
    log_err(LOG_WARN, why, "catalog session");
    PQfinish(c->conn);
    c->conn = NULL;
    c->prepared = false;
    c->step = STEP_BROKEN;
    c->want_write = false;
    c->retry_us = clock_mono_us() + wait_ms * 1000;
}

static void
catalog_send(struct catalog *c)
{
    struct err e = {0};
    int rc = 0;
    struct buf sql;
    bool sent;

    c->results = 0;
    c->failed = false;
    PQclear(c->types);
    c->types = NULL;
    arena_reset(&c->arena);
    buf_init(&sql, 2 * CATALOG_SQL_MAX);
    if (!c->prepared)
        catalog_prepare_sql(&sql);
    buf_slice(&sql, buf_view(&c->sql));
    sent = PQsendQuery(c->conn, buf_cstr(&sql)) && (rc = PQflush(c->conn)) >= 0;
    buf_free(&sql);
    if (!sent) {
        pg_error(c->conn, NULL, &e);
        catalog_broken(c, &e);
        return;
    }
    c->step = STEP_WAITING;
    c->want_write = rc > 0;
}

bool
catalog_ask(struct catalog *c, const struct pgo_relation *rel, struct err *e)
{
    struct buf types;

    buf_clear(&c->sql);
    catalog_facts_sql(&c->sql, rel->schema, rel->table);
    buf_init(&types, CATALOG_SQL_MAX);
    if (catalog_types_sql(&types, c->registry, rel->cols, rel->ncols)) {
        BUF_LIT(&c->sql, "; ");
        buf_slice(&c->sql, buf_view(&types));
    }
    buf_free(&types);
    if (!buf_ok(&c->sql))
        return err_set(e, ERR_DATA, "catalog.question",
                       "table \"%.*s.%.*s\" has too many columns of user-defined types",
                       SLICE_ARG(rel->schema), SLICE_ARG(rel->table));
    c->asked = true;
    if (c->step == STEP_IDLE && c->conn)
        catalog_send(c);
    return true;
}

/* One result of the question: the facts first, the types second. */
static void
catalog_take(struct catalog *c, PGresult *r)
{
    unsigned which;

    if (PQresultStatus(r) == PGRES_COMMAND_OK) {
        c->prepared = c->prepared || strcmp(PQcmdStatus(r), "PREPARE") == 0;
        PQclear(r);
        return;
    }
    which = c->results++;
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        if (!c->failed)
            pg_error(c->conn, r, &c->why);
        c->failed = true;
    } else if (which == 0 && PQnfields(r) == COL_COLS) {
        catalog_read_facts(r, &c->arena, &c->facts);
    } else if (which == 1 && PQnfields(r) == TYPES_COLS) {
        c->types = r;
        return;
    } else if (!c->failed) {
        err_set(&c->why, ERR_BUG, "catalog.shape", "catalog query answered with %d columns",
                PQnfields(r));
        c->failed = true;
    }
    PQclear(r);
}

/* Reads results until the question is answered; true then. */
static bool
catalog_receive(struct catalog *c)
{
    struct err e = {0};
    int rc = 0;

    if (!PQconsumeInput(c->conn) || (c->want_write && (rc = PQflush(c->conn)) < 0)) {
        pg_error(c->conn, NULL, &e);
        catalog_broken(c, &e);
        return false;
    }
    c->want_write = rc > 0;
    while (!PQisBusy(c->conn)) {
        PGresult *r = PQgetResult(c->conn);

        if (!r) {
            if (PQstatus(c->conn) != CONNECTION_OK) {
                catalog_broken(c, &c->why);
                return false;
            }
            c->step = STEP_IDLE;
            return true;
        }
        catalog_take(c, r);
    }
    return false;
}

static void
catalog_reconnect(struct catalog *c)
{
    struct err e = {0};
    bool done;

    if (c->step == STEP_BROKEN) {
        if (clock_mono_us() < c->retry_us)
            return;
        c->conn = pg_connect_start(c->params, PG_GENERAL, &e);
        if (!c->conn) {
            catalog_broken(c, &e);
            return;
        }
        c->step = STEP_CONNECTING;
    }
    if (!pg_connect_poll(c->conn, c->params, PG_GENERAL, &done, &c->want_write, &e)) {
        catalog_broken(c, &e);
        return;
    }
    if (!done)
        return;
    log_info("catalog session is open again");
    c->failures = 0;
    c->step = STEP_IDLE;
    PQsetnonblocking(c->conn, 1);
    if (c->asked)
        catalog_send(c);
}

enum facts_state
catalog_poll(struct catalog *c, struct types *types, const struct relation_facts **facts,
             struct err *e)
{
    if (c->step == STEP_BROKEN || c->step == STEP_CONNECTING)
        catalog_reconnect(c);
    if (!c->asked)
        return FACTS_IDLE;
    if (c->refused) {
        c->asked = c->refused = false;
        *e = c->why;
        return FACTS_FAILED;
    }
    if (c->step == STEP_IDLE)
        catalog_send(c);
    if (c->step != STEP_WAITING || !catalog_receive(c))
        return FACTS_BUSY;
    if (c->failed) {
        /* The server ended the session, or another passing trouble: ask again. */
        if (c->why.cls == ERR_RETRY) {
            catalog_broken(c, &c->why);
            return FACTS_BUSY;
        }
        c->asked = false;
        *e = c->why;
        return FACTS_FAILED;
    }
    c->asked = false;
    c->failures = 0;
    if (c->types)
        catalog_read_types(c->types, types, false);
    *facts = &c->facts;
    return FACTS_READY;
}

static bool
catalog_source_ask(void *arg, const struct pgo_relation *rel, struct err *e)
{
    return catalog_ask(arg, rel, e);
}

static enum facts_state
catalog_source_poll(void *arg, struct types *types, const struct relation_facts **facts,
                    struct err *e)
{
    return catalog_poll(arg, types, facts, e);
}

struct facts_source
catalog_facts_source(struct catalog *c)
{
    return (struct facts_source){catalog_source_ask, catalog_source_poll, c};
}

int
catalog_fd(const struct catalog *c)
{
    return c->conn && (c->step == STEP_WAITING || c->step == STEP_CONNECTING) ? PQsocket(c->conn)
                                                                              : -1;
}

bool
catalog_wants_write(const struct catalog *c)
{
    return c->want_write;
}

int64_t
catalog_deadline_us(const struct catalog *c)
{
    return c->step == STEP_BROKEN ? c->retry_us : INT64_MAX;
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
catalog_tables_free(struct catalog_table *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(t[i].schema);
        free(t[i].name);
    }
    free(t);
}

void
catalog_read_relation(const PGresult *r, const struct catalog_table *t, struct arena *a,
                      struct pgo_relation *rel)
{
    int rows = PQntuples(r);
    struct pgo_column *cols = arena_alloc(a, (size_t)(rows ? rows : 1) * sizeof(*cols));

    *rel = (struct pgo_relation){.oid = t->oid,
                                 .schema = slice_of(t->schema),
                                 .table = slice_of(t->name),
                                 .identity = t->identity,
                                 .cols = cols};
    for (int i = 0; i < rows; i++) {
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

bool
catalog_describe_begin(PGconn *c, struct err *e)
{
    struct buf sql;
    bool ok;

    buf_init(&sql, CATALOG_SQL_MAX);
    catalog_prepare_sql(&sql);
    ok = pg_exec(c, e, "%s", buf_cstr(&sql));
    buf_free(&sql);
    return ok;
}

bool
catalog_describe(PGconn *c, const struct catalog_table *t, struct types *types, struct arena *a,
                 struct pgo_relation *rel, struct relation_facts *facts, struct err *e)
{
    struct buf sql;
    PGresult *r;
    bool ok = false;

    buf_init(&sql, CATALOG_SQL_MAX);
    catalog_facts_sql(&sql, slice_of(t->schema), slice_of(t->name));
    r = pg_query(c, e, COL_COLS, buf_cstr(&sql));
    if (r) {
        catalog_read_relation(r, t, a, rel);
        catalog_read_facts(r, a, facts);
        PQclear(r);
        buf_clear(&sql);
        ok = true;
        if (catalog_types_sql(&sql, types, rel->cols, rel->ncols)) {
            r = pg_query(c, e, TYPES_COLS, buf_cstr(&sql));
            ok = r != NULL;
            if (r)
                catalog_read_types(r, types, false);
            PQclear(r);
        }
    }
    buf_free(&sql);
    return ok || err_wrap(e, "describing table \"%s.%s\"", t->schema, t->name);
}
