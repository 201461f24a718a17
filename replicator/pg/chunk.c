#include "replicator/pg/chunk.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "replicator/pg/catalog.h"

enum {
    CHUNK_SQL_MAX = 1 << 20,
    CHUNK_PAGE = 8192, /* XLOG_BLCKSZ unless the server was built otherwise */
};

/* Where in the script an answer is; SIZE_MAX: not asked. */
struct chunks {
    struct script *script;
    char *signal_table; /* quoted; NULL none */
    size_t n;           /* statements in the script */
    size_t head, facts, types, snapshot, rows;
    struct catalog_table described;
};

struct chunks *
chunks_new(const struct pg_params *params, struct slice signal_table)
{
    struct chunks *c = mem_alloc(sizeof(*c));
    const char *dot = signal_table.n ? memchr(signal_table.p, '.', signal_table.n) : NULL;
    struct buf name;

    c->script = script_new(params);
    if (dot) {
        size_t n = (size_t)(dot - signal_table.p);

        buf_init(&name, 4096);
        pg_ident_slice(&name, (struct slice){signal_table.p, n});
        buf_putc(&name, '.');
        pg_ident_slice(&name, (struct slice){dot + 1, signal_table.n - n - 1});
        c->signal_table = mem_strdup(buf_cstr(&name));
        buf_free(&name);
    }
    chunks_clear(c);
    return c;
}

void
chunks_free(struct chunks *c)
{
    if (!c)
        return;
    script_free(c->script);
    free(c->described.schema);
    free(c->described.name);
    free(c->signal_table);
    free(c);
}

enum script_state
chunks_poll(struct chunks *c, struct err *e)
{
    return script_poll(c->script, e);
}

int
chunks_fd(const struct chunks *c)
{
    return script_fd(c->script);
}

bool
chunks_wants_write(const struct chunks *c)
{
    return script_wants_write(c->script);
}

int64_t
chunks_deadline_us(const struct chunks *c)
{
    return script_deadline_us(c->script);
}

/* ------------------------------------------------------------------------------------------------ questions */

void
chunks_clear(struct chunks *c)
{
    script_clear(c->script);
    c->n = 0;
    c->head = c->facts = c->types = c->snapshot = c->rows = SIZE_MAX;
}

static size_t
chunks_add(struct chunks *c, struct buf *sql, int nparams, const char *const *params)
{
    script_add(c->script, buf_view(sql), nparams, params);
    buf_free(sql);
    return c->n++;
}

void
chunks_insert_mark(struct chunks *c, const char *id, const char *type, const char *data)
{
    const char *params[] = {id, type, data};
    struct buf sql;

    buf_init(&sql, CHUNK_SQL_MAX);
    buf_printf(&sql, "INSERT INTO %s VALUES ($1, $2, $3)", c->signal_table);
    chunks_add(c, &sql, 3, params);
}

void
chunks_delete_mark(struct chunks *c, const char *id)
{
    struct buf sql;

    buf_init(&sql, CHUNK_SQL_MAX);
    buf_printf(&sql, "DELETE FROM %s WHERE id = $1", c->signal_table);
    chunks_add(c, &sql, 1, &id);
}

static void
add_description(struct chunks *c)
{
    const char *params[] = {c->described.schema, c->described.name};
    struct buf sql;

    buf_init(&sql, CHUNK_SQL_MAX);
    BUF_LIT(&sql,
            "SELECT c.oid::text, c.relreplident::text, CASE WHEN c.reltuples > 0 THEN "
            "(pg_catalog.pg_table_size(c.oid) / c.reltuples)::int8 ELSE 0 END::text "
            "FROM pg_catalog.pg_class c "
            "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')");
    c->head = chunks_add(c, &sql, 2, params);
    buf_init(&sql, CHUNK_SQL_MAX);
    catalog_describe_sql(&sql);
    c->facts = chunks_add(c, &sql, 2, params);
}

void
chunks_describe(struct chunks *c, const char *schema, const char *table)
{
    free(c->described.schema);
    free(c->described.name);
    c->described = (struct catalog_table){.schema = mem_strdup(schema), .name = mem_strdup(table)};
    add_description(c);
}

bool
chunks_ask_types(struct chunks *c, const struct types *registry, const struct pgo_relation *rel)
{
    struct buf sql;

    buf_init(&sql, CHUNK_SQL_MAX);
    if (!catalog_types_sql(&sql, registry, rel->cols, rel->ncols)) {
        buf_free(&sql);
        return false;
    }
    c->types = chunks_add(c, &sql, 0, NULL);
    return true;
}

static void
add_columns(struct buf *sql, const struct chunk_select *s, const char *behind)
{
    for (size_t i = 0; i < s->nkey; i++) {
        buf_str(sql, i ? ", " : "");
        pg_ident_slice(sql, s->key[i].column);
        buf_str(sql, behind);
    }
}

struct bound {
    struct buf *sql;
    const char **params;
    int *nparams;
};

static void
add_param(struct bound *b, const char *value)
{
    b->params[(*b->nparams)++] = value;
    buf_printf(b->sql, "$%d", *b->nparams);
}

/* "a" > $1, or ROW("a", "b") > ROW($1, $2), which an index serves. */
static void
add_row_bound(struct bound *b, const struct chunk_select *s, const char *op,
              const char *const *value)
{
    bool row = s->nkey > 1;

    buf_str(b->sql, row ? "ROW(" : "");
    add_columns(b->sql, s, "");
    buf_printf(b->sql, "%s %s %s", row ? ")" : "", op, row ? "ROW(" : "");
    for (size_t i = 0; i < s->nkey; i++) {
        buf_str(b->sql, i ? ", " : "");
        add_param(b, value[i]);
    }
    buf_str(b->sql, row ? ")" : "");
}

/* One column of the form for columns that may be null, which sort last: behind the value, or at it. */
static void
add_null_term(struct bound *b, const struct chunk_key *key, const char *value, bool behind)
{
    if (!value && behind) {
        BUF_LIT(b->sql, "1 = 0");
        return;
    }
    buf_str(b->sql, behind && key->nullable ? "(" : "");
    pg_ident_slice(b->sql, key->column);
    if (!value) {
        BUF_LIT(b->sql, " IS NULL");
        return;
    }
    buf_str(b->sql, behind ? " > " : " = ");
    add_param(b, value);
    if (behind && key->nullable) {
        BUF_LIT(b->sql, " OR ");
        pg_ident_slice(b->sql, key->column);
        BUF_LIT(b->sql, " IS NULL)");
    }
}

/* (a > 1) OR (a = 1 AND b > 2) … */
static void
add_null_bound(struct bound *b, const struct chunk_select *s, const char *const *value)
{
    BUF_LIT(b->sql, "(");
    for (size_t i = 0; i < s->nkey; i++) {
        buf_str(b->sql, i ? " OR (" : "(");
        for (size_t k = 0; k <= i; k++) {
            buf_str(b->sql, k ? " AND " : "");
            add_null_term(b, &s->key[k], value[k], k == i);
        }
        BUF_LIT(b->sql, ")");
    }
    BUF_LIT(b->sql, ")");
}

static bool
may_be_null(const struct chunk_select *s)
{
    for (size_t i = 0; i < s->nkey; i++)
        if (s->key[i].nullable)
            return true;
    return false;
}

static void
add_bounds(struct bound *b, const struct chunk_select *s)
{
    if (may_be_null(s)) {
        add_null_bound(b, s, s->after);
        BUF_LIT(b->sql, " AND NOT ");
        add_null_bound(b, s, s->upto);
    } else {
        add_row_bound(b, s, ">", s->after);
        BUF_LIT(b->sql, " AND ");
        add_row_bound(b, s, "<=", s->upto);
    }
}

static void
add_name(struct buf *sql, const struct chunk_select *s)
{
    pg_ident(sql, s->schema);
    buf_putc(sql, '.');
    pg_ident(sql, s->table);
}

static void
add_from(struct buf *sql, const struct chunk_select *s)
{
    BUF_LIT(sql, " FROM ");
    add_name(sql, s);
}

/* The condition on a line of its own: a comment at its end must not swallow the parenthesis. */
static void
add_condition(struct buf *sql, const struct chunk_select *s, bool behind_bounds)
{
    if (s->condition)
        buf_printf(sql, "%s(%s\n)", behind_bounds ? " AND " : " WHERE ", s->condition);
}

void
chunk_rows_sql(struct buf *sql, const struct chunk_select *s, const char **params, int *nparams)
{
    struct bound b = {sql, params, nparams};

    *nparams = 0;
    BUF_LIT(sql, "SELECT ");
    for (size_t i = 0; i < s->ncolumns; i++) {
        buf_str(sql, i ? ", " : "");
        pg_ident_slice(sql, s->columns[i]);
    }
    add_from(sql, s);
    if (s->after) {
        BUF_LIT(sql, " WHERE ");
        add_bounds(&b, s);
    }
    add_condition(sql, s, s->after != NULL);
    BUF_LIT(sql, " ORDER BY ");
    add_columns(sql, s, "");
    buf_printf(sql, " LIMIT %lld", (long long)s->limit);
}

void
chunks_ask_last(struct chunks *c, const struct chunk_select *s)
{
    struct buf sql;

    buf_init(&sql, CHUNK_SQL_MAX);
    BUF_LIT(&sql, "SELECT ");
    add_columns(&sql, s, "");
    add_from(&sql, s);
    add_condition(&sql, s, false);
    BUF_LIT(&sql, " ORDER BY ");
    add_columns(&sql, s, " DESC");
    BUF_LIT(&sql, " LIMIT 1");
    c->rows = chunks_add(c, &sql, 0, NULL);
}

static size_t
chunks_add_text(struct chunks *c, const char *text)
{
    struct buf sql;

    buf_init(&sql, CHUNK_SQL_MAX);
    buf_str(&sql, text);
    return chunks_add(c, &sql, 0, NULL);
}

/*
 * Read only: what a condition calls must not change anything either. The lock comes first, and a LOCK takes no snapshot: to
 * one that is older than a rewrite of the table (ALTER COLUMN TYPE, TRUNCATE), and then waits for it, the table would be
 * empty. Described again, as what was described before may have been altered until the lock was there.
 */
void
chunks_ask_rows(struct chunks *c, const struct chunk_select *s)
{
    const char *params[CHUNK_PARAMS_MAX];
    struct buf sql;
    int n = 0;

    chunks_add_text(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    buf_init(&sql, CHUNK_SQL_MAX);
    BUF_LIT(&sql, "LOCK TABLE ");
    add_name(&sql, s);
    BUF_LIT(&sql, " IN ACCESS SHARE MODE");
    chunks_add(c, &sql, 0, NULL);
    c->snapshot = chunks_add_text(
        c,
        "SELECT pg_catalog.txid_current_snapshot()::text, CASE WHEN "
        "pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE "
        "pg_catalog.pg_current_wal_insert_lsn() END::text");
    add_description(c);
    buf_init(&sql, CHUNK_SQL_MAX);
    chunk_rows_sql(&sql, s, params, &n);
    c->rows = chunks_add(c, &sql, n, params);
    chunks_add_text(c, "COMMIT");
}

void
chunks_run(struct chunks *c)
{
    script_run(c->script);
}

/* ------------------------------------------------------------------------------------------------ answers */

bool
chunks_relation(const struct chunks *c, struct arena *a, struct pgo_relation *rel,
                struct relation_facts *facts)
{
    const PGresult *head = script_result(c->script, c->head);
    const PGresult *r = script_result(c->script, c->facts);
    struct catalog_table t = c->described;
    struct catalog_rows rows;
    struct pgo_column *cols;
    uint64_t oid = 0;
    uint16_t kept = 0;

    if (!head || !r || PQntuples(head) != 1)
        return false;
    (void)num_parse_u64(slice_of(PQgetvalue(head, 0, 0)), &oid);
    t.oid = (uint32_t)oid;
    t.identity = PQgetvalue(head, 0, 1)[0];
    rows = catalog_rows_all(r);
    catalog_read_relation(&rows, &t, a, rel);
    catalog_read_facts(&rows, a, facts);
    cols = arena_alloc(a, (rel->ncols + 1u) * sizeof(*cols));
    for (uint16_t i = 0; i < rel->ncols; i++)
        if (i >= facts->ncols || !facts->cols[i].generated)
            cols[kept++] = rel->cols[i];
    rel->cols = cols;
    rel->ncols = kept;
    return true;
}

uint64_t
chunks_row_bytes(const struct chunks *c)
{
    const PGresult *head = script_result(c->script, c->head);
    uint64_t bytes = 0;

    if (head && PQntuples(head) == 1)
        (void)num_parse_u64(slice_of(PQgetvalue(head, 0, 2)), &bytes);
    return bytes;
}

void
chunks_take_types(const struct chunks *c, struct types *registry)
{
    const PGresult *r = script_result(c->script, c->types);

    if (r)
        catalog_read_types(r, registry, false);
}

size_t
chunks_nrows(const struct chunks *c)
{
    const PGresult *r = script_result(c->script, c->rows);

    return r ? (size_t)PQntuples(r) : 0;
}

struct value
chunks_value(const struct chunks *c, size_t row, size_t column)
{
    const PGresult *r = script_result(c->script, c->rows);

    if (PQgetisnull(r, (int)row, (int)column))
        return (struct value){NULL, 0, VALUE_NULL};
    return (struct value){PQgetvalue(r, (int)row, (int)column),
                          (uint32_t)PQgetlength(r, (int)row, (int)column), VALUE_TEXT};
}

bool
chunk_snapshot_parse(struct slice text, struct arena *a, struct chunk_snapshot *out)
{
    const char *end = text.p + text.n;
    uint64_t *xip = arena_alloc(a, (text.n + 1) * sizeof(*xip));
    uint64_t *fields[] = {&out->xmin, &out->xmax};
    size_t field = 0;

    *out = (struct chunk_snapshot){.xip = xip};
    if (text.n && end[-1] == ',')
        return false;
    while (text.n) {
        size_t n = 0;
        uint64_t v;

        while (text.p + n < end && text.p[n] != ':' && text.p[n] != ',')
            n++;
        if (n == 0 && field == 2 && out->nxip == 0)
            break;
        if (!num_parse_u64((struct slice){text.p, n}, &v))
            return false;
        if (field < 2)
            *fields[field++] = v;
        else
            xip[out->nxip++] = v;
        if (text.p + n == end)
            return field == 2 && out->nxip > 0;
        text = (struct slice){text.p + n + 1, (size_t)(end - text.p) - n - 1};
    }
    return field == 2;
}

/* xid: the low half; the whole one is the nearest to the snapshot's. */
bool
chunk_snapshot_sees(const struct chunk_snapshot *s, uint32_t xid)
{
    uint64_t x = (s->xmax & ~(uint64_t)UINT32_MAX) | xid;

    if (x > s->xmax + INT32_MAX && x > UINT32_MAX)
        x -= (uint64_t)1 << 32;
    else if (x + INT32_MAX < s->xmax)
        x += (uint64_t)1 << 32;
    if (x >= s->xmax)
        return false;
    for (size_t i = 0; x >= s->xmin && i < s->nxip; i++)
        if (s->xip[i] == x)
            return false;
    return true;
}

/*
 * The place that is about to be written may lie behind a page's header, while what has been sent ends before it: a
 * transaction never ends within a header.
 */
static uint64_t
before_page_header(uint64_t lsn)
{
    uint64_t at = lsn % CHUNK_PAGE;

    return at == 24 || at == 40 ? lsn - at : lsn;
}

bool
chunks_snapshot(const struct chunks *c, struct arena *a, struct chunk_snapshot *out)
{
    const PGresult *r = script_result(c->script, c->snapshot);

    if (!r || PQntuples(r) != 1 || PQgetisnull(r, 0, 1) ||
        !chunk_snapshot_parse(slice_of(PQgetvalue(r, 0, 0)), a, out) ||
        !num_parse_lsn(slice_of(PQgetvalue(r, 0, 1)), &out->lsn))
        return false;
    out->lsn = before_page_header(out->lsn);
    return true;
}
