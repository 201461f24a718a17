#include "replicator/rest/stage.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Transformations and predicates differ in little. */
struct kind {
    const char *list;  /* the property with the aliases */
    const char *what;  /* in texts */
    const char *title; /* in texts, and of the group */
    unsigned types;
};
static const struct kind kinds[] = {
    {"transforms", "transformation", "Transformation", PLUGIN_TRANSFORMATION},
    {"predicates", "predicate", "Predicate", PLUGIN_PREDICATE},
};

/* What every transformation has beside its own. */
static const struct definition shared[] = {
    {.name = "predicate",
     .type = "STRING",
     .importance = "MEDIUM",
     .order = -1,
     .width = "NONE",
     .doc = "The alias of a predicate used to determine whether to apply this transformation."},
    {.name = "negate",
     .type = "BOOLEAN",
     .def = "false",
     .importance = "MEDIUM",
     .order = -1,
     .width = "NONE",
     .doc = "Whether the configured predicate should be negated."},
};
enum { SHARED = sizeof(shared) / sizeof(shared[0]) };

/* One alias while its rows are made. */
struct alias {
    struct stage_rows *out;
    const struct config *config;
    const struct kind *kind;
    const char *name, *group;
    int order;
};

static enum rule
rule_of(const char *type)
{
    return strcmp(type, "INT") == 0       ? RULE_CONNECT_INT
           : strcmp(type, "LONG") == 0    ? RULE_CONNECT_LONG
           : strcmp(type, "BOOLEAN") == 0 ? RULE_CONNECT_BOOL
                                          : RULE_NONE;
}

static struct stage_row *
add_row(struct alias *a, const struct definition *d)
{
    struct stage_rows *s = a->out;
    struct stage_row *r;

    if (s->n == s->cap)
        s->v = mem_grow(s->v, s->cap = s->cap ? s->cap * 2 : 64, sizeof(*s->v));
    r = &s->v[s->n++];
    *r = (struct stage_row){.definition = d, .full = definition_fill(d, 0)};
    r->full.name = arena_printf(&s->arena, "%s.%s.%s", a->kind->list, a->name, d->name);
    r->full.group = a->group;
    r->full.order = a->order++;
    r->type_rule = rule_of(r->full.type);
    r->given = config_as_given(a->config, r->full.name);
    if (r->full.required && !r->given)
        r->error = arena_printf(&s->arena,
                                "Missing required configuration \"%s\" which has no default value.",
                                r->full.name);
    return r;
}

static const char *
all_classes(struct arena *arena, unsigned types)
{
    const struct plugin *p;
    const char *list = "";
    unsigned kind;

    for (size_t i = 0; (p = plugin_next(&i, &kind)) != NULL;)
        if (kind & types)
            list = arena_printf(arena, "%s%s%s", list, *list ? ", " : "", p->class_name);
    return list;
}

/* Why there is no plugin of this class. */
static const char *
unknown_class(struct alias *a, const char *full_name, const char *class_name)
{
    char *key = mem_printf("%s$Key", class_name);
    bool is_pair = plugin_find(key, a->kind->types) != NULL;

    free(key);
    if (is_pair)
        return arena_printf(&a->out->arena,
                            "This class is abstract and cannot be created. Did you mean %s$Key, "
                            "%s$Value?",
                            class_name, class_name);
    return arena_printf(&a->out->arena,
                        "Invalid value %s for configuration %s: Class %s could not be found.",
                        class_name, full_name, class_name);
}

/* NULL: unknown or not given. */
static const struct plugin *
add_type(struct alias *a)
{
    struct arena *arena = &a->out->arena;
    struct definition *type = arena_alloc(arena, sizeof(*type));
    struct definition *version = arena_alloc(arena, sizeof(*version));
    const struct plugin *p = NULL;
    struct stage_row *r;

    *type = (struct definition){
        .name = "type",
        .type = "CLASS",
        .importance = "HIGH",
        .width = "LONG",
        .required = true,
        .recommended = all_classes(arena, a->kind->types),
        .display = arena_printf(arena, "%s type for %s", a->kind->title, a->name),
        .doc = arena_printf(arena, "Class for the '%s' %s.", a->name, a->kind->what)};
    r = add_row(a, type);
    if (r->given && !(p = plugin_find(r->given, a->kind->types)))
        r->error = unknown_class(a, r->full.name, r->given);
    *version = (struct definition){
        .name = "plugin.version",
        .type = "STRING",
        .def = p ? p->version : NULL,
        .importance = "HIGH",
        .width = "LONG",
        .recommended = p ? p->version : NULL,
        .display = arena_printf(arena, "%s version for %s", a->kind->title, a->name),
        .doc = arena_printf(arena, "Version of the '%s' %s.", a->name, a->kind->what)};
    add_row(a, version);
    return p;
}

static int
importance_rank(const char *importance)
{
    return strcmp(importance, "HIGH") == 0 ? 0 : strcmp(importance, "MEDIUM") == 0 ? 1 : 2;
}

/* Groups come in the order in which a plugin names them first. */
static int
group_rank(const struct plugin *p, const char *group)
{
    for (size_t i = 0; group && i < p->properties.n; i++)
        if (p->properties.rows[i].group && strcmp(p->properties.rows[i].group, group) == 0)
            return (int)i;
    return -1;
}

static int
compare(const struct plugin *p, const struct definition *a, const struct definition *b)
{
    int cmp = group_rank(p, a->group) - group_rank(p, b->group);

    if (cmp == 0)
        cmp = a->order - b->order;
    if (cmp == 0)
        cmp = (int)b->required - (int)a->required;
    if (cmp == 0)
        cmp = importance_rank(a->importance) - importance_rank(b->importance);
    return cmp ? cmp : strcmp(a->name, b->name);
}

static void
add_properties(struct alias *a, const struct plugin *p)
{
    size_t extra = a->kind->types == PLUGIN_TRANSFORMATION ? SHARED : 0;
    size_t n = p->properties.n + extra;
    const struct definition **rows = mem_array(n + 1, sizeof(const struct definition *));

    for (size_t i = 0; i < n; i++) {
        const struct definition *d = i < extra ? &shared[i] : &p->properties.rows[i - extra];
        size_t at = i;

        for (; at > 0 && compare(p, d, rows[at - 1]) < 0; at--)
            rows[at] = rows[at - 1];
        rows[at] = d;
    }
    for (size_t i = 0; i < n; i++)
        add_row(a, rows[i]);
    free(rows);
}

static void
add_kind(struct stage_rows *out, const struct config *c, const struct kind *k)
{
    const char *list = config_as_given(c, k->list);
    struct buf name;

    buf_init(&name, 1 << 16);
    while (list && config_list_next(&list, &name)) {
        struct alias a = {.out = out, .config = c, .kind = k};
        const struct plugin *p;

        if (name.n == 0)
            continue;
        a.name = arena_strndup(&out->arena, name.p, name.n);
        a.group = arena_printf(&out->arena, "%ss: %s",
                               k->types == PLUGIN_PREDICATE ? "Predicate" : "Transform", a.name);
        p = add_type(&a);
        if (p)
            add_properties(&a, p);
    }
    buf_free(&name);
}

void
stage_rows(struct stage_rows *out, const struct config *c, bool transforms, bool predicates)
{
    *out = (struct stage_rows){0};
    arena_init(&out->arena);
    if (transforms)
        add_kind(out, c, &kinds[0]);
    if (predicates)
        add_kind(out, c, &kinds[1]);
}

void
stage_rows_free(struct stage_rows *s)
{
    arena_free(&s->arena);
    free(s->v);
    *s = (struct stage_rows){0};
}
