/* The registry: a const table of built-ins, and what the catalog added. */
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "decoder/type_rule.h"

struct types {
    struct arena arena; /* descriptions live until the registry goes: plans hold pointers to them */
    struct map *added;
};

struct types *
types_new(void)
{
    struct types *t = mem_alloc(sizeof(*t));

    arena_init(&t->arena);
    t->added = map_new();
    return t;
}

void
types_free(struct types *t)
{
    if (!t)
        return;
    map_free(t->added, NULL);
    arena_free(&t->arena);
    free(t);
}

static int
types_compare(const void *key, const void *row)
{
    uint32_t oid = *(const uint32_t *)key, other = ((const struct pgtype *)row)->oid;

    return oid < other ? -1 : oid > other;
}

const struct pgtype *
types_get(const struct types *t, uint32_t oid)
{
    const struct pgtype *type =
        bsearch(&oid, type_builtins, type_nbuiltins, sizeof(*type_builtins), types_compare);

    return type ? type : map_get_u32(t->added, oid);
}

void
types_add(struct types *t, const struct pgtype *type)
{
    struct pgtype *copy = arena_alloc(&t->arena, sizeof(*copy));

    *copy = *type;
    copy->schema = arena_strdup(&t->arena, type->schema);
    copy->name = arena_strdup(&t->arena, type->name);
    copy->labels = NULL;
    if (type->nlabels > 0) {
        const char **labels = arena_alloc(&t->arena, type->nlabels * sizeof(*labels));

        for (size_t i = 0; i < type->nlabels; i++)
            labels[i] = arena_strdup(&t->arena, type->labels[i]);
        copy->labels = labels;
    }
    map_put_u32(t->added, type->oid, copy);
}
