#include "decoder/relation.h"

#include <stdlib.h>

#include "base/mem.h"
#include "decoder/pgoutput.h"

static const struct column_facts *
relation_column_facts(const struct relation_facts *f, struct slice name)
{
    for (size_t i = 0; i < f->ncols; i++)
        if (slice_eq(f->cols[i].name, name))
            return &f->cols[i];
    return NULL;
}

/* The key restricted to the columns that the message has, in the key's order. */
static void
relation_set_key(struct relation *r, const struct relation_facts *f)
{
    r->key = arena_alloc(&r->arena, (f->nkey ? f->nkey : 1) * sizeof(*r->key));
    for (size_t k = 0; k < f->nkey; k++)
        for (uint16_t i = 0; i < r->ncols; i++)
            if (slice_eq(r->cols[i].name, f->key[k])) {
                r->key[r->nkey++] = i;
                break;
            }
}

struct relation *
relation_new(const struct pgo_relation *wire, const struct relation_facts *facts)
{
    struct relation *r = mem_alloc(sizeof(*r));
    /* With many columns a linear search per column would be quadratic: the catalog gives them in the same order, so the
     * next one is tried first. */
    size_t guess = 0;

    arena_init(&r->arena);
    atomic_init(&r->refs, 1);
    r->oid = wire->oid;
    r->schema = arena_slice(&r->arena, wire->schema);
    r->table = arena_slice(&r->arena, wire->table);
    r->identity = wire->identity;
    r->ncols = wire->ncols;
    r->cols = arena_alloc(&r->arena, (wire->ncols ? wire->ncols : 1u) * sizeof(*r->cols));
    for (uint16_t i = 0; i < wire->ncols; i++) {
        const struct pgo_column *w = &wire->cols[i];
        struct column *c = &r->cols[i];
        const struct column_facts *f = NULL;

        if (guess < facts->ncols && slice_eq(facts->cols[guess].name, w->name))
            f = &facts->cols[guess];
        else
            f = relation_column_facts(facts, w->name);
        if (f)
            guess = (size_t)(f - facts->cols) + 1;
        c->name = arena_slice(&r->arena, w->name);
        c->type = w->type;
        c->typmod = w->typmod;
        c->identity = w->identity;
        c->known = f != NULL;
        if (f) {
            c->not_null = f->not_null;
            c->generated = f->generated;
            if (f->default_expr.p)
                c->default_expr = arena_strndup(&r->arena, f->default_expr.p, f->default_expr.n);
        }
    }
    relation_set_key(r, facts);
    return r;
}

struct relation *
relation_ref(struct relation *r)
{
    atomic_fetch_add(&r->refs, 1);
    return r;
}

void
relation_unref(struct relation *r)
{
    if (!r || atomic_fetch_sub(&r->refs, 1) != 1)
        return;
    arena_free(&r->arena);
    free(r);
}
