/* Transforms and predicates read from the configuration, with every problem at once. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "decoder/smt_chain.h"

/* What is being read, and whom to tell. */
struct smt_reader {
    const struct config *c;
    struct smt_chain *chain;
    smt_issue issue;
    void *arg;
    unsigned errors;
};

static void __attribute__((format(printf, 4, 5)))
smt_tell(struct smt_reader *r, bool is_error, const char *property, const char *fmt, ...)
{
    char text[600];
    int n = snprintf(text, sizeof(text), "property \"%.150s\" ", property);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
    va_end(ap);
    r->issue(r->arg, is_error, property, text);
    r->errors += is_error;
}

/* ------------------------------------------------------------------------------------------------------- classes */

/* "$Key" and "$Value" cut off; false: neither is there. */
static bool
smt_cut_side(const char *class_name, char *base, size_t max, bool *key)
{
    static const char *const sides[] = {"$Value", "$Key"};
    size_t n = strlen(class_name);

    for (size_t i = 0; i < 2; i++) {
        size_t s = strlen(sides[i]);

        if (n > s && n - s < max && strcmp(class_name + n - s, sides[i]) == 0) {
            memcpy(base, class_name, n - s);
            base[n - s] = '\0';
            *key = i == 1;
            return true;
        }
    }
    return false;
}

/* The class's own name or, as Connect allows, what stands behind its last point. */
static bool
smt_is_named(const struct smt_type *t, const char *name)
{
    const char *tail = strrchr(t->name, '.');

    return strcmp(t->name, name) == 0 || (t->old && strcmp(t->old, name) == 0) ||
           strcmp(tail + 1, name) == 0;
}

static const struct smt_type *
smt_find(const char *class_name, bool predicate, bool *key)
{
    char base[200];
    const char *name = smt_cut_side(class_name, base, sizeof(base), key) ? base : class_name;
    enum smt_side side = name == base ? SMT_SIDES : SMT_WHOLE;

    for (size_t i = 0; smt_types[i]; i++)
        if (smt_types[i]->predicate == predicate && smt_types[i]->side == side &&
            smt_is_named(smt_types[i], name))
            return smt_types[i];
    return NULL;
}

static void
smt_tell_class(struct smt_reader *r, const char *property, const char *value, bool predicate)
{
    bool key;

    if (!value)
        smt_tell(r, true, property, "is required: the class of the %s",
                 predicate ? "predicate" : "transform");
    else if (smt_find(value, !predicate, &key))
        smt_tell(r, true, property, "has the value \"%.150s\", which is a %s", value,
                 predicate ? "transform" : "predicate");
    else
        smt_tell(r, true, property,
                 "has the value \"%.150s\": there is no such %s here; `walbridge help transforms` "
                 "lists those that are built in, and Java classes cannot be loaded",
                 value, predicate ? "predicate" : "transform");
}

/* ---------------------------------------------------------------------------------------------------- properties */

static bool
smt_is_outer(const char *name)
{
    return strcmp(name, "type") == 0 || strcmp(name, "predicate") == 0 ||
           strcmp(name, "negate") == 0 || strcmp(name, "plugin.version") == 0;
}

/* Issues of the transform's own properties under the names that the connector's file has. */
static bool
smt_validate(struct smt_reader *r, const char *prefix, struct config *own)
{
    const struct prop_issue *is;
    bool ok = config_validate(own, &is);

    for (; is; is = is->next) {
        char property[250];

        snprintf(property, sizeof(property), "%s%s", prefix, is->name);
        smt_tell(r, is->is_error, property, "%s",
                 is->text + strlen("property \"\" ") + strlen(is->name));
    }
    return ok;
}

static struct config *
smt_own_config(struct smt_reader *r, const struct smt_type *type, const char *name,
               const char *prefix)
{
    const struct prop_table **tables =
        arena_alloc(&r->chain->arena, 2 * sizeof(struct prop_table *));
    struct config *own;
    const char *key, *value;
    size_t n = strlen(prefix);

    tables[0] = type->props;
    own = config_new(name, tables);
    for (size_t i = 0; config_next(r->c, &i, &key, &value);)
        if (strncmp(key, prefix, n) == 0 && !smt_is_outer(key + n))
            config_set(own, key + n, value);
    if (smt_validate(r, prefix, own))
        return own;
    config_free(own);
    return NULL;
}

/* Everything of one transform or predicate. */
static void
smt_read_one(struct smt_reader *r, const char *kind, const char *name, struct smt *t)
{
    struct arena *a = &r->chain->arena;
    const char *prefix = arena_printf(a, "%s.%s.", kind, name);
    const char *type_name = arena_printf(a, "%stype", prefix);
    const char *class_name = config_given(r->c, type_name) ? config_str(r->c, type_name) : NULL;
    bool predicate = strcmp(kind, "predicates") == 0;
    struct err e = {0};
    struct smt_init in = {.a = a, .connector = r->c, .e = &e};

    t->name = name;
    t->type = class_name ? smt_find(class_name, predicate, &t->key) : NULL;
    if (!t->type) {
        smt_tell_class(r, type_name, class_name, predicate);
        return;
    }
    in.c = smt_own_config(r, t->type, name, prefix);
    if (!in.c)
        return;
    in.key = t->key;
    in.setup = arena_alloc(a, t->type->size + 1);
    if (t->type->init && !t->type->init(&in))
        smt_tell(r, true, arena_printf(a, "%s.%s", kind, name), "cannot be used: %s", e.msg);
    t->setup = in.setup;
    config_free(in.c);
}

/* transforms=a,b: each with what belongs to it. */
static struct smt *
smt_read_all(struct smt_reader *r, const char *kind, size_t *count)
{
    const char *list = config_str(r->c, kind), *pos = list;
    struct smt *v = NULL;
    struct buf item;
    size_t n = 0;

    buf_init(&item, 1 << 16);
    while (pos && config_list_next(&pos, &item))
        n++;
    v = arena_alloc(&r->chain->arena, (n + 1) * sizeof(*v));
    *count = n = 0;
    for (pos = list; pos && config_list_next(&pos, &item);) {
        const char *name = arena_strdup(&r->chain->arena, buf_cstr(&item));

        for (size_t i = 0; i < n; i++)
            if (strcmp(v[i].name, name) == 0)
                smt_tell(r, true, kind, "names \"%.100s\" twice", name);
        v[n].name = name;
        smt_read_one(r, kind, name, &v[n]);
        *count = ++n;
    }
    buf_free(&item);
    return v;
}

/* ---------------------------------------------------------------------------------------------------- predicates */

static void
smt_bind_predicate(struct smt_reader *r, struct smt *t)
{
    struct arena *a = &r->chain->arena;
    const char *property = arena_printf(a, "transforms.%s.predicate", t->name);
    const char *negate = arena_printf(a, "transforms.%s.negate", t->name);
    const char *name;

    if (config_given(r->c, negate)) {
        const char *value = config_str(r->c, negate);

        t->negate = strcasecmp(value, "true") == 0;
        if (!t->negate && strcasecmp(value, "false") != 0)
            smt_tell(r, true, negate, "has the value \"%.100s\": allowed are true, false", value);
    }
    if (!config_given(r->c, property)) {
        if (t->negate)
            smt_tell(r, true, negate, "needs %s", property);
        return;
    }
    name = config_str(r->c, property);
    for (size_t i = 0; i < r->chain->npredicates; i++)
        if (strcmp(r->chain->predicates[i].name, name) == 0)
            t->predicate = &r->chain->predicates[i];
    if (!t->predicate)
        smt_tell(r, true, property, "has the value \"%.100s\", which is not one of predicates",
                 name);
}

/* transforms.x.* of an x that transforms does not name: a slip of the pen. */
static void
smt_tell_strays(struct smt_reader *r, const char *kind, const struct smt *v, size_t n)
{
    const char *key, *value;
    size_t k = strlen(kind);

    for (size_t i = 0; config_next(r->c, &i, &key, &value);) {
        bool found = false;

        if (strncmp(key, kind, k) != 0 || key[k] != '.')
            continue;
        for (size_t j = 0; j < n && !found; j++) {
            size_t len = strlen(v[j].name);

            found = strncmp(key + k + 1, v[j].name, len) == 0 && key[k + 1 + len] == '.';
        }
        if (!found)
            smt_tell(r, false, key, "is of none that \"%s\" names, and has no effect", kind);
    }
}

/* ---------------------------------------------------------------------------------------------------- the chain */

static struct smt_chain *
smt_chain_read(const struct config *c, smt_issue issue, void *arg, unsigned *errors)
{
    struct smt_chain *chain = mem_alloc(sizeof(*chain));
    struct smt_reader r = {.c = c, .chain = chain, .issue = issue, .arg = arg};

    arena_init(&chain->arena);
    chain->topics = mem_alloc(sizeof(*chain->topics));
    chain->predicates = smt_read_all(&r, "predicates", &chain->npredicates);
    chain->v = smt_read_all(&r, "transforms", &chain->n);
    for (size_t i = 0; i < chain->n; i++)
        smt_bind_predicate(&r, &chain->v[i]);
    smt_tell_strays(&r, "transforms", chain->v, chain->n);
    smt_tell_strays(&r, "predicates", chain->predicates, chain->npredicates);
    *errors = r.errors;
    return chain;
}

unsigned
smt_check(const struct config *c, smt_issue issue, void *arg)
{
    unsigned errors;

    smt_chain_free(smt_chain_read(c, issue, arg, &errors));
    return errors;
}

static void
smt_fini_all(const struct smt *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].type && v[i].type->fini && v[i].setup)
            v[i].type->fini(v[i].setup);
}

void
smt_chain_free(struct smt_chain *chain)
{
    if (!chain)
        return;
    smt_fini_all(chain->v, chain->n);
    smt_fini_all(chain->predicates, chain->npredicates);
    for (size_t i = 0; i < SMT_TOPIC_BUCKETS; i++)
        for (struct smt_topic *t = atomic_load(&chain->topics->buckets[i]), *next; t; t = next) {
            next = t->next;
            free(t);
        }
    free(chain->topics);
    arena_free(&chain->arena);
    free(chain);
}

static void
smt_first_issue(void *arg, bool is_error, const char *property, const char *text)
{
    struct err *e = arg;

    (void)property;
    if (is_error && e->cls == ERR_NONE)
        err_set(e, ERR_CONFIG, "config.transforms", "%s", text);
}

static void
smt_set_context(struct smt_chain *chain, const struct settings *s, const char *run_id)
{
    const char *const rows[DRAFT_CONTEXT_HEADERS][2] = {
        {"__debezium.context.connectorLogicalName", s->prefix},
        {"__debezium.context.taskId", "0"},
        {"__debezium.context.connectorName", "postgresql"},
        {"__debezium.context.runId", run_id ? run_id : ""},
    };

    for (size_t i = 0; i < DRAFT_CONTEXT_HEADERS; i++) {
        chain->context.name[i] = rows[i][0];
        chain->context.value[i] =
            node_string(&chain->arena, &node_string_required, slice_of(rows[i][1]));
    }
}

/* A test's configuration may know less than a connector's. */
static const char *
smt_property(const struct config *c, const char *name)
{
    return config_prop(c, name) ? config_str(c, name) : NULL;
}

bool
smt_chain_new(const struct config *c, const struct settings *s, const char *run_id,
              struct smt_chain **out, struct err *e)
{
    struct err first = {0};
    const char *tolerance = smt_property(c, "errors.tolerance");
    const char *transforms = smt_property(c, "transforms");
    struct smt_chain *chain;
    unsigned errors;

    *out = NULL;
    if ((!transforms || !*transforms) && s->key_converter == CONVERTER_JSON &&
        s->value_converter == CONVERTER_JSON && s->header_converter == CONVERTER_SIMPLE)
        return true;
    chain = smt_chain_read(c, smt_first_issue, &first, &errors);
    if (errors) {
        smt_chain_free(chain);
        if (e)
            *e = first;
        return false;
    }
    smt_set_context(chain, s, run_id);
    chain->tolerant = tolerance && strcasecmp(tolerance, "all") == 0;
    *out = chain;
    return true;
}

/* -------------------------------------------------------------------------------------------------- for transforms */

struct smt_list
smt_read_list(struct smt_init *in, const char *property)
{
    const char *pos = config_str(in->c, property);
    struct smt_list l = {0};
    size_t cap = 1;
    struct buf item;

    for (const char *p = pos; p && *p; p++)
        cap += *p == ',';
    l.v = arena_alloc(in->a, cap * sizeof(*l.v));
    buf_init(&item, 1 << 16);
    while (pos && config_list_next(&pos, &item))
        l.v[l.n++] = arena_slice(in->a, (struct slice){buf_cstr(&item), item.n});
    buf_free(&item);
    return l;
}

bool
smt_list_has(const struct smt_list *l, struct slice name)
{
    for (size_t i = 0; i < l->n; i++)
        if (slice_eq(l->v[i], name))
            return true;
    return false;
}

const char *
smt_read_string(struct smt_init *in, const char *property)
{
    const char *value = config_str(in->c, property);

    return value && *value ? arena_strdup(in->a, value) : NULL;
}
