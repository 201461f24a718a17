/* What a table's description makes of it: the plan of its rows, the order of its chunks, what names a row in the stream. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "decoder/filter.h"
#include "replicator/incremental_priv.h"
#include "replicator/pg/catalog.h"

enum { INC_CHUNK_BYTES = 64 << 20 };

void
inc_forget_table(struct incremental *i)
{
    if (i->plan)
        pipeline_drop_plan(i->parts.pipeline, i->plan);
    i->plan = NULL;
    pipeline_watch(i->parts.pipeline, 0);
    arena_reset(&i->arena);
    free(i->fingerprint);
    i->fingerprint = NULL;
}

/* Everything a plan is made of: the same text, the same plan. */
static char *
fingerprint(const struct pgo_relation *rel, const struct relation_facts *f)
{
    struct buf b;
    char *text;

    buf_init(&b, 1 << 22);
    buf_printf(&b, "%u %c", rel->oid, rel->identity);
    for (uint16_t k = 0; k < rel->ncols; k++)
        buf_printf(&b, " %.*s:%u:%d:%d", SLICE_ARG(rel->cols[k].name), rel->cols[k].type,
                   rel->cols[k].typmod, rel->cols[k].identity);
    for (size_t k = 0; k < f->ncols; k++)
        buf_printf(&b, " %.*s:%d:%d:%.*s", SLICE_ARG(f->cols[k].name), f->cols[k].not_null,
                   f->cols[k].generated, SLICE_ARG(f->cols[k].default_expr));
    for (size_t k = 0; k < f->nkey; k++)
        buf_printf(&b, " %.*s", SLICE_ARG(f->key[k]));
    text = mem_strdup(buf_cstr(&b));
    buf_free(&b);
    return text;
}

/* Of the table under the chunk's lock: is it still the one that the plan was made of? */
bool
inc_is_as_described(struct incremental *i)
{
    struct pgo_relation rel;
    struct relation_facts facts;
    bool same = false;

    if (chunks_relation(i->chunks, &i->snapshot_arena, &rel, &facts)) {
        char *print = fingerprint(&rel, &facts);

        same = strcmp(print, i->fingerprint) == 0;
        free(print);
    }
    return same;
}

int
inc_column_at(const struct relation *rel, struct slice name)
{
    for (uint16_t k = 0; k < rel->ncols; k++)
        if (slice_eq(rel->cols[k].name, name))
            return k;
    return -1;
}

static size_t
selected_at(const struct incremental *i, uint16_t col)
{
    size_t k = 0;

    while (k < i->ncolumns && i->column_of[k] != col)
        k++;
    return k;
}

/* The surrogate, or the key that records have (message.key.columns wins over the table's own). */
static bool
choose_key(struct incremental *i, uint16_t *cols, size_t *n)
{
    const struct relation *rel = i->plan->rel;
    const struct inc_table *t = &i->tables[0];

    *n = 0;
    if (t->surrogate) {
        int col = inc_column_at(rel, slice_of(t->surrogate));

        if (col < 0) {
            log_warn(
                "incremental snapshot: table \"%s\" has no column \"%s\" to be its surrogate "
                "key; the table is skipped",
                t->name, t->surrogate);
            return false;
        }
        cols[(*n)++] = (uint16_t)col;
        return true;
    }
    for (uint16_t k = 0; k < plan_key_width(i->plan); k++)
        cols[(*n)++] = i->plan->key[k].col;
    return true;
}

static void
select_columns(struct incremental *i, const uint16_t *key, size_t nkey)
{
    const struct relation *rel = i->plan->rel;
    bool *wanted = mem_array(rel->ncols + 1u, sizeof(*wanted));

    for (uint16_t k = 0; k < i->plan->nfields; k++)
        wanted[i->plan->fields[k].col] = true;
    for (uint16_t k = 0; k < plan_key_width(i->plan); k++)
        wanted[i->plan->key[k].col] = true;
    for (size_t k = 0; k < nkey; k++)
        wanted[key[k]] = true;
    i->columns = arena_alloc(&i->arena, (rel->ncols + 1u) * sizeof(*i->columns));
    i->column_of = arena_alloc(&i->arena, (rel->ncols + 1u) * sizeof(*i->column_of));
    i->ncolumns = 0;
    for (uint16_t k = 0; k < rel->ncols; k++)
        if (wanted[k]) {
            i->columns[i->ncolumns] = rel->cols[k].name;
            i->column_of[i->ncolumns++] = k;
        }
    i->row = arena_alloc(&i->arena, (rel->ncols + 1u) * sizeof(*i->row));
    free(wanted);
}

static void
set_keys(struct incremental *i, const uint16_t *key, size_t nkey)
{
    const struct relation *rel = i->plan->rel;

    i->nkey = nkey;
    i->key = arena_alloc(&i->arena, (nkey + 1) * sizeof(*i->key));
    i->key_at = arena_alloc(&i->arena, (nkey + 1) * sizeof(*i->key_at));
    for (size_t k = 0; k < nkey; k++) {
        i->key[k] = (struct chunk_key){rel->cols[key[k]].name, !rel->cols[key[k]].not_null};
        i->key_at[k] = selected_at(i, key[k]);
    }
    /* A row in the stream is known by its record's key; without one by the surrogate. */
    i->ndedup = plan_key_width(i->plan) ? plan_key_width(i->plan) : nkey;
    i->dedup = arena_alloc(&i->arena, (i->ndedup + 1) * sizeof(*i->dedup));
    i->dedup_at = arena_alloc(&i->arena, (i->ndedup + 1) * sizeof(*i->dedup_at));
    for (size_t k = 0; k < i->ndedup; k++) {
        i->dedup[k] = plan_key_width(i->plan) ? i->plan->key[k].col : key[k];
        i->dedup_at[k] = selected_at(i, i->dedup[k]);
    }
}

static char *
key_names(const struct incremental *i)
{
    struct buf b;
    char *text;

    buf_init(&b, 1 << 16);
    for (size_t k = 0; k < i->nkey; k++)
        buf_printf(&b, "%zu:%.*s ", i->key[k].column.n, SLICE_ARG(i->key[k].column));
    text = mem_strdup(buf_cstr(&b));
    buf_free(&b);
    return text;
}

/* A key that does not fit the table any more: that was stored, or that was read before another column became the key. */
static void
check_stored_key(struct incremental *i)
{
    char *names = key_names(i);
    bool renamed = i->key_names && strcmp(i->key_names, names) != 0;

    free(i->key_names);
    i->key_names = names;
    if (!renamed && (!i->after.v || i->after.n == i->nkey) && (!i->upto.v || i->upto.n == i->nkey))
        return;
    log_warn(
        "incremental snapshot: the key of table \"%s\" is another than before; the table is "
        "read anew",
        i->tables[0].name);
    inc_key_free(&i->sent);
    inc_key_free(&i->after);
    inc_key_free(&i->upto);
}

void
incremental_know(struct incremental *i, const struct catalog_table *tables, size_t n, bool anew)
{
    struct buf name;

    if (anew || !i->known) {
        map_free(i->known, NULL);
        i->known = map_new();
    }
    buf_init(&name, 4096);
    for (size_t k = 0; k < n; k++) {
        const struct catalog_table *t = &tables[k];

        if (!filter_table(i->parts.settings->filter, slice_of(t->schema), slice_of(t->name)))
            continue;
        buf_clear(&name);
        buf_printf(&name, "%s.%s", t->schema, t->name);
        (void)map_put(i->known, slice_of(buf_cstr(&name)), i->known);
    }
    buf_free(&name);
}

/* As Debezium has it: a table that it knew and that is gone cannot be queried, another one has no schema. */
static const char *
say_absent(const struct incremental *i, const char *name)
{
    if (i->known && map_get(i->known, slice_of(name))) {
        log_warn("incremental snapshot: table \"%s\" is not there any more; it is skipped", name);
        return "SQL_EXCEPTION";
    }
    log_warn(
        "incremental snapshot: there is no table \"%s\", or it is not captured "
        "(table.include.list and its like); it is skipped",
        name);
    return "UNKNOWN_SCHEMA";
}

bool
inc_table_ready(struct incremental *i, const char **status)
{
    struct pgo_relation rel;
    struct relation_facts facts;
    struct err e = {0};
    uint16_t key[CHUNK_KEY_MAX] = {0};
    size_t nkey;
    char *print;

    if (!chunks_relation(i->chunks, &i->snapshot_arena, &rel, &facts) ||
        !filter_table(i->parts.settings->filter, rel.schema, rel.table)) {
        *status = say_absent(i, i->tables[0].name);
        return false;
    }
    i->row_bytes = chunks_row_bytes(i->chunks);
    print = fingerprint(&rel, &facts);
    if (i->plan && strcmp(print, i->fingerprint) == 0) {
        free(print);
        return true;
    }
    inc_forget_table(i);
    i->fingerprint = print;
    i->plan = pipeline_plan(i->parts.pipeline, PLAN_FOR_SNAPSHOT, &rel, &facts, &e);
    *status = "SQL_EXCEPTION";
    if (!i->plan) {
        log_err(LOG_WARN, &e, "incremental snapshot: a table is skipped");
        return false;
    }
    if (plan_key_width(i->plan) > CHUNK_KEY_MAX || !choose_key(i, key, &nkey))
        return false;
    if (nkey == 0) {
        log_warn(
            "incremental snapshot: table \"%s\" has no primary key and is skipped; name a "
            "column as surrogate-key in the signal, or set message.key.columns",
            i->tables[0].name);
        *status = "NO_PRIMARY_KEY";
        return false;
    }
    select_columns(i, key, nkey);
    set_keys(i, key, nkey);
    check_stored_key(i);
    pipeline_watch(i->parts.pipeline, rel.oid);
    /* What came since the window opened was not shown: the chunk has to see it, too. */
    if (i->open)
        inc_note_open(i);
    return true;
}

void
inc_select(const struct incremental *i, struct chunk_select *s)
{
    const struct inc_table *t = &i->tables[0];

    *s = (struct chunk_select){
        .schema = t->schema,
        .table = t->table,
        .columns = i->columns,
        .ncolumns = i->ncolumns,
        .key = i->key,
        .nkey = i->nkey,
        .condition = t->condition,
        .after = i->after.v ? (const char *const *)i->after.v : NULL,
        .upto = (const char *const *)i->upto.v,
        .limit = i->chunk_rows,
    };
    /* Wide rows make smaller chunks: one is held in memory. */
    if (i->row_bytes && (uint64_t)i->chunk_rows > INC_CHUNK_BYTES / i->row_bytes)
        s->limit = i->row_bytes < INC_CHUNK_BYTES ? (int64_t)(INC_CHUNK_BYTES / i->row_bytes) : 1;
}

/* The base type of a domain decides, as pgjdbc sees it. */
static enum java_kind
kind_of(const struct incremental *i, uint32_t type)
{
    for (int depth = 0; depth < 16; depth++) {
        const struct pgtype *t = types_get(i->parts.types, type);

        if (!t || t->kind != 'd' || !t->base)
            break;
        type = t->base;
    }
    return java_kind_of(type);
}

/* whole_row: the answer has all selected columns, else the key's alone. */
void
inc_take_key(const struct incremental *i, size_t row, bool whole_row, struct inc_key *out)
{
    inc_key_free(out);
    *out = (struct inc_key){mem_array(i->nkey + 1, sizeof(*out->v)),
                            mem_array(i->nkey + 1, sizeof(*out->kinds)), i->nkey};
    for (size_t k = 0; k < i->nkey; k++) {
        struct value v = chunks_value(i->chunks, row, whole_row ? i->key_at[k] : k);
        int col = inc_column_at(i->plan->rel, i->key[k].column);

        out->v[k] = v.kind == VALUE_TEXT ? mem_strndup(v.p, v.n) : NULL;
        out->kinds[k] = kind_of(i, i->plan->rel->cols[col].type);
    }
}
