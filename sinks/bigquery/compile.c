/* A plan and the mapping become a program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "sinks/bigquery/feeds.h"
#include "sinks/bigquery/program.h"

enum { OPS_MAPPED = BQ_OP_R | BQ_OP_C | BQ_OP_U | BQ_OP_D, OPS_DEFAULT = OPS_MAPPED | BQ_OP_T };

struct compiler {
    const struct bq_conf *conf;
    const struct plan *plan;
    struct bq_program *p;
    struct bq_faults faults;
};

/* Letters, digits and underscores; what is not becomes an underscore, a digit in front gets one before it. */
static const char *
sanitised(struct arena *a, struct slice name)
{
    char *s = arena_printf(a, "_%.*s", SLICE_ARG(name));
    bool plain_start;

    for (char *c = s; *c; c++) {
        if (!((*c >= '0' && *c <= '9') || ((*c | 32) >= 'a' && (*c | 32) <= 'z')))
            *c = '_';
    }
    plain_start = name.n > 0 && !(s[1] >= '0' && s[1] <= '9');
    s += plain_start;
    return bq_name_is_legal(s) ? s : arena_printf(a, "x%.290s", s);
}

static const char *
default_table(struct compiler *k)
{
    const struct relation *rel = k->plan->rel;

    return sanitised(&k->p->arena,
                     slice_of(arena_printf(&k->p->arena, "%.*s_%.*s", SLICE_ARG(rel->schema),
                                           SLICE_ARG(rel->table))));
}

static const struct plan_field *
find_field(const struct plan *plan, const char *name)
{
    for (uint16_t i = 0; i < plan->nfields; i++) {
        if (slice_is(plan->rel->cols[plan->fields[i].col].name, name) ||
            slice_is(plan->fields[i].name, name))
            return &plan->fields[i];
    }
    return NULL;
}

static bool
is_key_field(const struct plan *plan, uint16_t col)
{
    for (uint16_t i = 0; i < plan_key_width(plan); i++) {
        if (plan->key[i].col == col)
            return true;
    }
    return false;
}

static struct slice
member_text(struct arena *a, const char *name)
{
    struct buf b;
    struct slice s;

    buf_init(&b, 4096);
    json_cstr(&b, name);
    buf_putc(&b, ':');
    s = arena_slice(a, buf_view(&b));
    buf_free(&b);
    return s;
}

/* One JSON document instead of REPEATED values. An array of JSON documents can be either; it is REPEATED unless told. */
static bool
wants_json_array(const struct compiler *k, const struct bq_map_column *m, enum bq_type element)
{
    if (!m->typed)
        return k->conf->arrays == BQ_ARRAYS_JSON;
    return m->type == BQ_JSON && (m->moded ? m->mode != BQ_REPEATED : element != BQ_JSON);
}

/* Which writer brings `source` to the column, and which type the column has when the mapping is silent. */
static void
choose_writer(struct compiler *k, struct bq_column *c, const struct bq_map_column *m,
              struct bq_typed src, const char *place)
{
    enum bq_type type = src.type;
    bool json_array = src.array && wants_json_array(k, m, src.type);

    if (json_array)
        type = BQ_JSON;
    if (m->as && strcmp(m->as, "string") == 0) {
        type = BQ_STRING;
    } else if (m->as) {
        for (size_t i = 0; i < bq_nnamed; i++) {
            if (strcmp(bq_named[i].name, m->as) == 0 && bq_named[i].source == src.source &&
                !src.array) {
                c->write = bq_named[i].write;
                c->type = bq_named[i].type;
                if (m->typed && m->type != c->type)
                    bq_fault(&k->faults, place, "\"as\": \"%s\" gives a %s, not a %s", m->as,
                             bq_type_name(c->type), bq_type_name(m->type));
                return;
            }
        }
        bq_fault(&k->faults, place, "\"as\": \"%s\" does not fit what feeds the column", m->as);
        return;
    }
    if (m->typed)
        type = m->type;
    c->type = type;
    if (!src.array) {
        c->write = bq_writer_for(src.source, type);
    } else if (json_array) {
        c->array = c->array_json = true;
        c->write = bq_writer_for(src.source, src.type);
    } else if (type == BQ_STRING && m->moded && m->mode != BQ_REPEATED) {
        c->write = bq_writer_for(BQ_SRC_TEXT, BQ_STRING);
    } else {
        c->array = true;
        c->mode = BQ_REPEATED;
        c->write = bq_writer_for(src.source, type);
    }
    if (!c->write)
        bq_fault(&k->faults, place, "what feeds the column cannot become %s; %s would fit",
                 bq_type_name(type), bq_type_name(src.type));
    else if (m->moded && (m->mode == BQ_REPEATED) != (c->mode == BQ_REPEATED))
        bq_fault(&k->faults, place, "the column is %s but what feeds it is %s",
                 bq_mode_name(m->mode), src.array ? "an array" : "a single value");
}

/* "row.x" and its like. False: `from` is no such thing. */
static bool
feed_from_row(struct compiler *k, struct bq_column *c, const struct bq_map_column *m,
              const char *place)
{
    static const struct {
        const char *prefix;
        enum bq_feed feed;
        bool key;
    } prefixes[] = {
        {"row.", BQ_FEED_ROW, false},
        {"before.", BQ_FEED_BEFORE, false},
        {"after.", BQ_FEED_AFTER, false},
        {"key.", BQ_FEED_ROW, true},
    };

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        size_t n = strlen(prefixes[i].prefix);
        const struct plan_field *f;

        if (strncmp(m->from, prefixes[i].prefix, n) != 0)
            continue;
        c->feed = prefixes[i].feed;
        f = find_field(k->plan, m->from + n);
        if (!f) {
            bq_fault(&k->faults, place, "the table has no captured column \"%s\"", m->from + n);
            return true;
        }
        if (prefixes[i].key && !is_key_field(k->plan, f->col))
            bq_fault(&k->faults, place, "\"%s\" is not part of the key", m->from + n);
        c->col = f->col;
        c->source = k->plan->rel->cols[f->col].name;
        if (!prefixes[i].key) /* a key is said as it is */
            c->map = f->map;
        choose_writer(k, c, m, bq_type_of(&f->value), place);
        return true;
    }
    return false;
}

static void
feed_column(struct compiler *k, struct bq_column *c, const struct bq_map_column *m,
            const char *place)
{
    const struct bq_feed_word *w;
    struct bq_typed src = {0};

    if (m->op_in) {
        c->feed = BQ_FEED_OP_IN;
        c->op_in = m->op_in;
        c->type = BQ_BOOL;
    } else if (m->constant.p) {
        c->feed = BQ_FEED_CONST;
        c->constant = arena_slice(&k->p->arena, m->constant);
        c->type = m->type;
    } else if (strcmp(m->from, "unavailable") == 0) {
        c->feed = BQ_FEED_UNAVAILABLE;
        c->type = BQ_STRING;
        c->mode = BQ_REPEATED;
    } else if (!feed_from_row(k, c, m, place)) {
        w = bq_feed_find(m->from);
        if (!w) {
            bq_fault(&k->faults, place, "\"from\": \"%s\" is unknown", m->from);
            return;
        }
        c->feed = BQ_FEED_COMPUTED;
        c->source = slice_of(w->name);
        c->compute = w->compute;
        src.source = w->source;
        src.type = w->source == BQ_SRC_INT    ? BQ_INT64
                   : w->source == BQ_SRC_BOOL ? BQ_BOOL
                                              : BQ_STRING;
        choose_writer(k, c, m, src, place);
    }
}

static void
add_column(struct compiler *k, const struct bq_map_column *m)
{
    struct bq_column *c = &k->p->columns[k->p->ncolumns];
    struct arena *a = &k->p->arena;
    char place[400];

    snprintf(place, sizeof(place), "table \"%s\", column \"%s\"", k->p->table, m->name);
    for (size_t i = 0; i < k->p->ncolumns; i++) {
        if (strcasecmp(k->p->columns[i].name, m->name) == 0)
            bq_fault(&k->faults, place,
                     "there are two columns of that name; change a mapping or "
                     "walbridge.bigquery.metadata.prefix");
    }
    c->name = arena_strdup(a, m->name);
    c->member = member_text(a, m->name);
    c->mode = m->moded ? m->mode : BQ_NULLABLE;
    if (c->mode == BQ_REPEATED)
        c->mode = BQ_NULLABLE; /* what feeds it decides; choose_writer compares */
    c->description = m->description ? arena_strdup(a, m->description) : NULL;
    c->trim = m->trim;
    c->upper = m->upper;
    c->on_null = m->on_null.p ? arena_slice(a, m->on_null) : (struct slice){NULL, 0};
    c->on_null_dead = m->on_null_dead;
    c->missing_dead = m->missing_dead;
    feed_column(k, c, m, place);
    if ((c->trim || c->upper) && c->type != BQ_STRING)
        bq_fault(&k->faults, place, "\"trim\" and \"upper\" are for STRING columns");
    k->p->ncolumns++;
}

static void
add_default_columns(struct compiler *k)
{
    const struct plan *plan = k->plan;
    size_t n = (size_t)plan->nfields + bq_nmeta_columns;

    k->p->columns = arena_alloc(&k->p->arena, (n + 1) * sizeof(*k->p->columns));
    for (uint16_t i = 0; i < plan->nfields; i++) {
        struct bq_map_column m = {.name = sanitised(&k->p->arena, plan->fields[i].name)};
        struct slice col = plan->rel->cols[plan->fields[i].col].name;

        m.from = arena_printf(&k->p->arena, "row.%.*s", SLICE_ARG(col));
        add_column(k, &m);
    }
    for (size_t i = 0; k->conf->metadata && i < bq_nmeta_columns; i++) {
        const struct bq_meta_column *meta = &bq_meta_columns[i];
        struct bq_map_column m = {.from = meta->from,
                                  .as = meta->as,
                                  .typed = true,
                                  .type = meta->type,
                                  .description = meta->doc};

        m.name = arena_printf(&k->p->arena, "%s%s", k->conf->meta_prefix, meta->name);
        add_column(k, &m);
    }
}

/* Part of what PostgreSQL sends of an old row; a snapshot's relation knows the key only, not the wire's flags. */
static bool
is_identity(const struct relation *rel, uint16_t col)
{
    if (rel->cols[col].identity || rel->identity == 'f')
        return true;
    for (uint16_t i = 0; rel->identity == 'd' && i < rel->nkey; i++) {
        if (rel->key[i] == col)
            return true;
    }
    return false;
}

static bool
has_identity(const struct relation *rel)
{
    for (uint16_t i = 0; i < rel->ncols; i++) {
        if (is_identity(rel, i))
            return true;
    }
    return false;
}

static void
note_deletes(const struct compiler *k)
{
    const struct relation *rel = k->plan->rel;
    char required[300] = "";
    size_t n = 0;

    if (!(k->p->ops & BQ_OP_D) || rel->identity == 'f')
        return;
    for (size_t i = 0; i < k->p->ncolumns && n < sizeof(required) - 1; i++) {
        const struct bq_column *c = &k->p->columns[i];

        if (c->mode == BQ_REQUIRED && c->feed <= BQ_FEED_AFTER && !is_identity(rel, c->col)) {
            snprintf(required + n, sizeof(required) - n, "%s\"%s\"", n ? ", " : "", c->name);
            n = strlen(required);
        }
    }
    k->p->notes[k->p->nnotes++] =
        arena_printf(&k->p->arena,
                     "table \"%s.%s\" has no REPLICA IDENTITY FULL: PostgreSQL sends %s of a "
                     "deleted row, the other columns are "
                     "NULL in BigQuery table \"%s\"%s%s; mend it with ALTER TABLE \"%s\".\"%s\" "
                     "REPLICA IDENTITY FULL",
                     rel->schema.p, rel->table.p, has_identity(rel) ? "only the key" : "nothing",
                     k->p->table, n ? ", and the row is refused for the REQUIRED columns " : "",
                     required, rel->schema.p, rel->table.p);
}

/* What the reference deployment has wrong: said before the first row, not found out by the first refusal. */
static void
note_refusals(const struct compiler *k)
{
    const struct relation *rel = k->plan->rel;

    k->p->notes = arena_alloc(&k->p->arena, (k->p->ncolumns + 1) * sizeof(*k->p->notes));
    for (size_t i = 0; i < k->p->ncolumns; i++) {
        const struct bq_column *c = &k->p->columns[i];
        const struct column *src = &rel->cols[c->col];

        if (c->mode == BQ_REQUIRED && c->feed <= BQ_FEED_AFTER && src->known && !src->not_null &&
            !c->on_null.p)
            k->p->notes[k->p->nnotes++] = arena_printf(
                &k->p->arena,
                "column \"%s\" of BigQuery table \"%s\" is REQUIRED but fed by \"%.*s\" of "
                "\"%s.%s\", which can be "
                "NULL: such rows go to walbridge.bigquery.on.error; give the mapping an "
                "\"on_null\"",
                c->name, k->p->table, SLICE_ARG(src->name), rel->schema.p, rel->table.p);
    }
    note_deletes(k);
}

static void
copy_key(struct compiler *k)
{
    uint16_t *key = arena_alloc(&k->p->arena, ((size_t)plan_key_width(k->plan) + 1) * sizeof(*key));

    for (uint16_t i = 0; i < plan_key_width(k->plan); i++)
        key[i] = k->plan->key[i].col;
    k->p->key = key;
    k->p->nkey = plan_key_width(k->plan);
}

static void
compile_mapped(struct compiler *k, const struct bq_map_table *t)
{
    struct arena *a = &k->p->arena;

    k->p->ops = t->ops ? t->ops : OPS_MAPPED;
    k->p->table = t->table ? arena_strdup(a, t->table) : default_table(k);
    k->p->partition = t->partition;
    k->p->partition_field = t->partition_field;
    k->p->partition_expiration_ms = t->partition_expiration_ms;
    k->p->cluster = t->cluster;
    k->p->ncluster = t->ncluster;
    if (t->automatic) {
        add_default_columns(k);
        return;
    }
    k->p->columns = arena_alloc(a, t->ncolumns * sizeof(*k->p->columns));
    for (size_t i = 0; i < t->ncolumns; i++) {
        add_column(k, &t->columns[i]);
        k->p->columns[i].missing_dead |= t->missing_dead;
    }
}

/* OPS_ bits of the settings as ours: operations the user does not want anywhere. */
static unsigned
wanted(const struct settings *s)
{
    static const struct {
        unsigned skipped, op;
    } pairs[] = {{OPS_CREATE, BQ_OP_C},
                 {OPS_UPDATE, BQ_OP_U},
                 {OPS_DELETE, BQ_OP_D},
                 {OPS_TRUNCATE, BQ_OP_T}};
    unsigned ops = OPS_DEFAULT;

    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        if (s->skipped_ops & pairs[i].skipped)
            ops &= ~pairs[i].op;
    }
    return ops;
}

struct bq_program *
bq_program_new(const struct bq_conf *conf, const struct plan *plan, struct err *e)
{
    struct compiler k = {.conf = conf, .plan = plan, .p = mem_alloc(sizeof(struct bq_program))};
    const struct bq_map_table *t = NULL;

    arena_init(&k.p->arena);
    k.p->unrepresentable = conf->unrepresentable;
    if (plan->kind != PLAN_TABLE || !plan->rel)
        return k.p;
    if (conf->mapping)
        t = bq_mapping_find(conf->mapping, plan->rel->schema, plan->rel->table);
    if (conf->mapping && !t && conf->mapping->ignore_unmapped)
        return k.p;
    bq_faults_init(&k.faults);
    copy_key(&k);
    if (t) {
        compile_mapped(&k, t);
    } else {
        k.p->ops = OPS_DEFAULT;
        k.p->table = default_table(&k);
        k.p->partition = conf->partition;
        add_default_columns(&k);
    }
    k.p->ops &= wanted(plan->settings);
    if (!bq_faults_end(&k.faults, "bigquery.mapping", e)) {
        bq_program_free(k.p);
        return NULL;
    }
    note_refusals(&k);
    return k.p;
}

void
bq_program_free(struct bq_program *p)
{
    if (!p)
        return;
    arena_free(&p->arena);
    free(p);
}
