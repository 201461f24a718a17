#include "replicator/pg/reselect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "decoder/pattern.h"
#include "decoder/plan.h"
#include "replicator/pg/chunk.h"
#include "replicator/pg/script.h"

enum { RESELECT_TRIES = 3, RESELECT_SQL_MAX = 1 << 20 };

/* How a column may come to need it. */
enum { RESELECT_UNAVAILABLE = 1, RESELECT_NULL = 2 };

struct reselect_column {
    uint16_t col;
    unsigned when;
};

/* What is known of a table; made anew for another plan. */
struct reselect_table {
    uint64_t plan_id;
    size_t n; /* 0: none of its columns is asked for */
    struct reselect_column *cols;
    struct arena arena;
};

struct reselect {
    const struct settings *settings;
    const struct pg_params *params;
    bool unavailable, nulls, event_key, fails;
    bool listed, excludes; /* the list names columns to read, or to leave */
    struct pattern_list list;
    struct map *tables; /* oid → struct reselect_table */
    struct script *script;

    /* The change at hand. */
    bool asked;
    unsigned tries;
    uint64_t plan_id;
    struct identity id;
    size_t nwanted;
    uint16_t *wanted; /* columns asked for */
    struct value *row;
    size_t cap;
};

/* ----------------------------------------------------------------------------------------------- configuration */

#define RESELECT_CLASS "io.debezium.processors.reselect.ReselectColumnsPostProcessor"

static const char *
reselect_property(char dst[300], struct slice name, const char *option)
{
    snprintf(dst, 300, "%.*s.%s", SLICE_ARG(name), option);
    return dst;
}

static bool
reselect_read(struct reselect *r, const struct config *c, struct slice name, struct err *e)
{
    char key[300];
    const char *include, *exclude, *mode;

    r->unavailable = config_bool(c, reselect_property(key, name, "reselect.unavailable.values"));
    r->nulls = config_bool(c, reselect_property(key, name, "reselect.null.values"));
    r->event_key = config_bool(c, reselect_property(key, name, "reselect.use.event.key"));
    mode = config_str(c, reselect_property(key, name, "reselect.error.handling.mode"));
    r->fails = strcasecmp(mode, "fail") == 0;
    exclude = config_str(c, reselect_property(key, name, "reselect.columns.exclude.list"));
    include = config_str(c, reselect_property(key, name, "reselect.columns.include.list"));
    r->listed = include && include[strspn(include, " ")];
    r->excludes = !r->listed && exclude && exclude[strspn(exclude, " ")];
    return (!r->listed && !r->excludes) ||
           pattern_add_list(&r->list, key, r->listed ? include : exclude, false, e);
}

/* The processor that post.processors names; false: more than one, or another class. */
static bool
reselect_find(const struct config *c, struct buf *name, struct err *e)
{
    const char *pos = config_str(c, "post.processors"), *class_name;
    struct buf more;
    char key[300];
    bool ok;

    if (!pos || !config_list_next(&pos, name))
        return true;
    buf_init(&more, 1 << 16);
    ok = !config_list_next(&pos, &more);
    buf_free(&more);
    if (!ok)
        return err_set(e, ERR_CONFIG, "config.value",
                       "one processor is enough: the only one that is built in is " RESELECT_CLASS);
    if (name->n > 200 || memchr(name->p, '.', name->n))
        return err_set(e, ERR_CONFIG, "config.value",
                       "a processor's name holds no point and at most 200 characters");
    class_name = config_str(c, reselect_property(key, buf_view(name), "type"));
    if (!class_name || strcmp(class_name, RESELECT_CLASS) != 0)
        return err_set(e, ERR_CONFIG, "config.value",
                       "%s must be " RESELECT_CLASS
                       ": Java classes cannot be loaded, and it is "
                       "the only one that is built in",
                       key);
    return true;
}

bool
reselect_new(const struct config *c, const struct settings *s, const struct pg_params *params,
             struct reselect **out, struct err *e)
{
    struct reselect *r;
    struct buf name;
    bool ok;

    *out = NULL;
    buf_init(&name, 1 << 16);
    ok = reselect_find(c, &name, e);
    if (!ok || name.n == 0) {
        buf_free(&name);
        return ok;
    }
    r = mem_alloc(sizeof(*r));
    r->settings = s;
    r->params = params;
    r->tables = map_new();
    r->script = params ? script_new(params) : NULL;
    ok = reselect_read(r, c, (struct slice){buf_cstr(&name), name.n}, e);
    buf_free(&name);
    if (ok)
        *out = r;
    else
        reselect_free(r);
    return ok;
}

static void
reselect_drop_table(void *v)
{
    struct reselect_table *t = v;

    arena_free(&t->arena);
    free(t);
}

void
reselect_free(struct reselect *r)
{
    if (!r)
        return;
    script_free(r->script);
    map_free(r->tables, reselect_drop_table);
    pattern_list_free(&r->list);
    free(r->wanted);
    free(r->row);
    free(r);
}

/* ------------------------------------------------------------------------------------------------------ tables */

/* Is what stands for the missing value one of the forms that Debezium knows it by? */
static bool
reselect_is_placeholder(const struct reselect *r, const struct plan_field *f)
{
    struct slice placeholder = r->settings->unavailable, said = f->value.unavailable_json;
    const struct schema *schema = f->value.schema;
    bool list = schema->type == SCHEMA_ARRAY, known = schema->type == SCHEMA_MAP;
    struct buf text, pair;

    if (list)
        known = schema->items->type == SCHEMA_INT32 || schema->items->type == SCHEMA_INT64;
    if (list && said.n >= 2)
        said = (struct slice){said.p + 1, said.n - 2};
    if (known)
        return said.n > 0 && !slice_is(said, "null");
    buf_init(&text, 1 << 20);
    buf_init(&pair, 1 << 20);
    if (schema->type == SCHEMA_BYTES || (list && schema->items->type == SCHEMA_BYTES))
        json_base64(&text, placeholder);
    else
        json_str(&text, placeholder);
    known = slice_eq(buf_view(&text), said);
    if (!known && !list) { /* hstore as JSON */
        buf_putc(&pair, '{');
        buf_slice(&pair, buf_view(&text));
        buf_putc(&pair, ':');
        buf_slice(&pair, buf_view(&text));
        buf_putc(&pair, '}');
        buf_clear(&text);
        json_str(&text, buf_view(&pair));
        known = slice_eq(buf_view(&text), said);
    }
    buf_free(&text);
    buf_free(&pair);
    return known;
}

static bool
reselect_wants_column(const struct reselect *r, const struct relation *rel, struct slice column)
{
    struct buf name;
    bool found;

    if (!r->listed && !r->excludes)
        return true;
    buf_init(&name, 4096);
    buf_printf(&name, "%.*s.%.*s:%.*s", SLICE_ARG(rel->schema), SLICE_ARG(rel->table),
               SLICE_ARG(column));
    found = pattern_first(&r->list, (struct slice){buf_cstr(&name), name.n}) >= 0;
    buf_free(&name);
    return found == r->listed;
}

static struct reselect_table *
reselect_table_new(const struct reselect *r, const struct plan *p)
{
    struct reselect_table *t = mem_alloc(sizeof(*t));

    arena_init(&t->arena);
    t->plan_id = p->id;
    t->cols = arena_alloc(&t->arena, (p->nfields + 1u) * sizeof(*t->cols));
    for (uint16_t i = 0; i < p->nfields; i++) {
        const struct plan_field *f = &p->fields[i];
        bool lost = slice_is(f->value.unavailable_json, "null");
        unsigned when = 0;

        /* A null that is said as a default is none; nor is one whose values are lost in the stream. */
        if (f->value.stream_null || !reselect_wants_column(r, p->rel, p->rel->cols[f->col].name))
            continue;
        if (r->unavailable && !lost && reselect_is_placeholder(r, f))
            when |= RESELECT_UNAVAILABLE;
        if (r->nulls && f->value.schema->def.n == 0 && slice_is(f->value.null_json, "null"))
            when |= RESELECT_NULL | (lost ? RESELECT_UNAVAILABLE : 0);
        if (when)
            t->cols[t->n++] = (struct reselect_column){f->col, when};
    }
    return t;
}

static const struct reselect_table *
reselect_table(struct reselect *r, const struct plan *p)
{
    struct reselect_table *t = map_get_u32(r->tables, p->rel->oid);

    if (t && t->plan_id == p->id)
        return t;
    t = map_put_u32(r->tables, p->rel->oid, reselect_table_new(r, p));
    if (t)
        reselect_drop_table(t);
    return map_get_u32(r->tables, p->rel->oid);
}

/* ------------------------------------------------------------------------------------------------------ asking */

/* What is said of a column: an unchanged value is the old row's, when that is whole. */
static const struct value *
reselect_value(const struct change *c, uint16_t col)
{
    const struct value *v = &c->after.v[col];
    const struct value *old = !c->old_is_key && col < c->before.n ? &c->before.v[col] : NULL;

    if (v->kind == VALUE_UNCHANGED && old && (old->kind == VALUE_TEXT || old->kind == VALUE_NULL))
        return old;
    return v;
}

/* Which columns of this row need it. */
static void
reselect_want(struct reselect *r, const struct reselect_table *t, const struct change *c)
{
    r->nwanted = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct value *v = reselect_value(c, t->cols[i].col);
        unsigned need = v->kind == VALUE_UNCHANGED ? RESELECT_UNAVAILABLE
                        : v->kind == VALUE_TEXT    ? 0
                                                   : RESELECT_NULL;

        if (need & t->cols[i].when)
            r->wanted[r->nwanted++] = t->cols[i].col;
    }
}

static void
reselect_fit(struct reselect *r, uint16_t ncols)
{
    if (r->cap >= ncols)
        return;
    r->wanted = mem_grow(r->wanted, ncols, sizeof(*r->wanted));
    r->row = mem_grow(r->row, ncols, sizeof(*r->row));
    r->cap = ncols;
}

/* The columns that find the row: the event's key, or the primary key. */
static uint16_t
reselect_key(const struct reselect *r, const struct plan *p, uint16_t *cols)
{
    uint16_t n = r->event_key ? plan_key_width(p) : p->rel->nkey;

    for (uint16_t i = 0; i < n; i++)
        cols[i] = r->event_key ? p->key[i].col : p->rel->key[i];
    return n;
}

/* SELECT … FROM … WHERE key = $1 …; false: there is no key to find it by. */
static bool
reselect_ask(struct reselect *r, const struct change *c)
{
    const struct relation *rel = c->plan->rel;
    uint16_t *key = mem_array(rel->ncols + 1u, sizeof(*key));
    uint16_t nkey = reselect_key(r, c->plan, key);
    char **params = mem_array(nkey + 1u, sizeof(*params));
    struct buf sql;

    buf_init(&sql, RESELECT_SQL_MAX);
    BUF_LIT(&sql, "SELECT ");
    for (size_t i = 0; i < r->nwanted; i++) {
        buf_str(&sql, i ? ", " : "");
        pg_ident_slice(&sql, rel->cols[r->wanted[i]].name);
    }
    BUF_LIT(&sql, " FROM ");
    pg_ident_slice(&sql, rel->schema);
    buf_putc(&sql, '.');
    pg_ident_slice(&sql, rel->table);
    for (uint16_t i = 0; i < nkey; i++) {
        const struct value *v = reselect_value(c, key[i]);

        buf_str(&sql, i ? " AND " : " WHERE ");
        pg_ident_slice(&sql, rel->cols[key[i]].name);
        buf_printf(&sql, " = $%u", i + 1u);
        params[i] = v->kind == VALUE_TEXT ? mem_strndup(v->p, v->n) : NULL;
    }
    BUF_LIT(&sql, " LIMIT 2");
    script_clear(r->script);
    if (nkey && buf_ok(&sql)) {
        script_add(r->script, SLICE_LIT("SELECT pg_catalog.txid_current_snapshot()::text"), 0,
                   NULL);
        script_add(r->script, buf_view(&sql), nkey, (const char *const *)params);
        script_run(r->script);
    }
    for (uint16_t i = 0; i < nkey; i++)
        free(params[i]);
    buf_free(&sql);
    free(params);
    free(key);
    return nkey > 0;
}

/* ----------------------------------------------------------------------------------------------------- answers */

static enum reselect_result
reselect_failed(const struct reselect *r, const struct change *c, const char *why, struct err *e)
{
    const struct relation *rel = c->plan->rel;

    if (!r->fails) {
        log_warn("table \"%.*s.%.*s\": columns could not be read again, and stay as they came: %s",
                 SLICE_ARG(rel->schema), SLICE_ARG(rel->table), why);
        return RESELECT_GO;
    }
    err_set(e, ERR_DATA, "reselect.failed",
            "table \"%.*s.%.*s\": columns could not be read again, and "
            "reselect.error.handling.mode is fail: %s",
            SLICE_ARG(rel->schema), SLICE_ARG(rel->table), why);
    return RESELECT_FAILED;
}

/*
 * A commit is in the WAL, and streamed, before other sessions see it: what was read then is older than the change, and would
 * say a value that the change removed. The snapshot that was asked for first is the older of the two.
 */
static bool
reselect_sees(const struct reselect *r, const struct change *c)
{
    const PGresult *row = script_result(r->script, 0);
    struct chunk_snapshot s;
    struct arena a;
    bool sees;

    if (!row || PQntuples(row) != 1 || c->txn->xid == 0)
        return true;
    arena_init(&a);
    sees = !chunk_snapshot_parse(slice_of(PQgetvalue(row, 0, 0)), &a, &s) ||
           chunk_snapshot_sees(&s, (uint32_t)c->txn->xid);
    arena_free(&a);
    return sees;
}

static enum reselect_result
reselect_take(struct reselect *r, struct change *c, struct err *e)
{
    const PGresult *rows = script_result(r->script, 1);

    if (!rows || PQntuples(rows) == 0 || PQnfields(rows) != (int)r->nwanted)
        return reselect_failed(r, c, "the row is gone", e);
    if (PQntuples(rows) > 1)
        log_warn(
            "table \"%.*s.%.*s\": several rows have the key by which columns are read again; "
            "the first counts",
            SLICE_ARG(c->plan->rel->schema), SLICE_ARG(c->plan->rel->table));
    memcpy(r->row, c->after.v, c->after.n * sizeof(*r->row));
    for (size_t i = 0; i < r->nwanted; i++)
        r->row[r->wanted[i]] =
            PQgetisnull(rows, 0, (int)i)
                ? (struct value){NULL, 0, VALUE_NULL}
                : (struct value){PQgetvalue(rows, 0, (int)i),
                                 (uint32_t)PQgetlength(rows, 0, (int)i), VALUE_TEXT};
    c->after.v = r->row;
    return RESELECT_GO;
}

static enum reselect_result
reselect_wait(struct reselect *r, struct change *c, struct err *e)
{
    struct err why = {0};

    switch (script_poll(r->script, &why)) {
    case SCRIPT_BUSY:
        return RESELECT_WAIT;
    case SCRIPT_DONE:
    case SCRIPT_IDLE:
        if (!reselect_sees(r, c)) {
            reselect_ask(r, c);
            return RESELECT_WAIT;
        }
        r->asked = false;
        return reselect_take(r, c, e);
    case SCRIPT_LOST:
        if (++r->tries < RESELECT_TRIES) {
            log_err(LOG_WARN, &why, "reading columns again");
            reselect_ask(r, c);
            return RESELECT_WAIT;
        }
        break;
    case SCRIPT_FAILED:
        break;
    }
    r->asked = false;
    return reselect_failed(r, c, why.msg, e);
}

/* The change that was asked for may never come again: a session with the server ended meanwhile. */
static bool
reselect_is_at(const struct reselect *r, const struct change *c)
{
    return r->plan_id == c->plan->id && r->id.commit_lsn == c->id.commit_lsn &&
           r->id.lsn == c->id.lsn && r->id.ordinal == c->id.ordinal;
}

enum reselect_result
reselect_complete(struct reselect *r, struct change *c, struct err *e)
{
    const struct reselect_table *t;

    if (r->asked && reselect_is_at(r, c))
        return reselect_wait(r, c, e);
    if (r->asked && script_is_busy(r->script)) {
        script_free(r->script);
        r->script = script_new(r->params);
    }
    r->asked = false;
    if (!c->plan->key_schema)
        return RESELECT_GO;
    t = reselect_table(r, c->plan);
    if (t->n == 0)
        return RESELECT_GO;
    reselect_fit(r, c->after.n);
    reselect_want(r, t, c);
    if (r->nwanted == 0)
        return RESELECT_GO;
    r->plan_id = c->plan->id;
    r->id = c->id;
    r->tries = 0;
    if (!reselect_ask(r, c))
        return reselect_failed(r, c, "the table has no primary key to find the row by", e);
    r->asked = true;
    return reselect_wait(r, c, e);
}

int
reselect_fd(const struct reselect *r)
{
    return r->asked ? script_fd(r->script) : -1;
}

bool
reselect_wants_write(const struct reselect *r)
{
    return script_wants_write(r->script);
}

int64_t
reselect_deadline_us(const struct reselect *r)
{
    return r->asked ? script_deadline_us(r->script) : INT64_MAX;
}
