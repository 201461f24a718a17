/* ExtractField: one field in place of the whole. */
#include <string.h>

#include "decoder/smt_priv.h"

struct extract {
    const char *path; /* as configured */
    struct smt_list steps;
    bool replace_null;
};

/* clang-format off */
static const struct prop extract_rows[] = {
    {.name = "field", .type = PROP_STRING, .importance = PROP_MEDIUM, .flags = PROP_REQUIRED, .doc = "The field that takes the place of the whole."},
    {.name = "field.syntax.version", .type = PROP_ENUM, .def = "V1", .choices = "V1,V2", .importance = PROP_HIGH,
     .doc = "V1: a field's name. V2: a path with points; `name.with.points` in backquotes is one step."},
    SMT_REPLACE_NULL_ROW,
};
/* clang-format on */
static const struct prop_table extract_props = SMT_PROPS(extract_rows);

/* a.`b.c`.d: a backquote that is followed by a point, or the end, closes; "\`" before a point is a backquote. */
static bool
extract_read_path(struct smt_init *in, const char *path, struct smt_list *steps)
{
    const char *p = path, *dot;

    steps->v = arena_alloc(in->a, (strlen(path) + 2) * sizeof(*steps->v));
    while (*p) {
        struct buf step;
        bool closed = false;

        if (*p != '`') {
            dot = strchr(p, '.');
            steps->v[steps->n++] = (struct slice){p, dot ? (size_t)(dot - p) : strlen(p)};
            p = dot ? dot + 1 : p + strlen(p);
            continue;
        }
        buf_init(&step, strlen(path) + 1);
        for (p++; *p && !closed; p++) {
            bool ends = *p == '`' && (p[1] == '.' || p[1] == '\0');

            if (ends && p[-1] == '\\') {
                step.n--;
                buf_putc(&step, '`');
            } else if (ends) {
                closed = true;
            } else {
                buf_putc(&step, *p);
            }
        }
        steps->v[steps->n++] = arena_slice(in->a, buf_view(&step));
        buf_free(&step);
        if (!closed)
            return err_set(in->e, ERR_CONFIG, "config.value",
                           "field: a backquote in \"%s\" is not closed", path);
        p += *p == '.';
    }
    if (*path && path[strlen(path) - 1] == '.')
        steps->v[steps->n++] = (struct slice){"", 0};
    return true;
}

static bool
extract_init(struct smt_init *in)
{
    struct extract *s = in->setup;

    s->path = arena_strdup(in->a, config_str(in->c, "field"));
    s->replace_null = config_bool(in->c, "replace.null.with.default");
    if (config_enum(in->c, "field.syntax.version") == 1)
        return extract_read_path(in, s->path, &s->steps);
    s->steps.v = arena_alloc(in->a, sizeof(*s->steps.v));
    s->steps.v[s->steps.n++] = slice_of(s->path);
    return true;
}

static const struct schema *
extract_schema(const struct schema *s, struct slice name)
{
    for (size_t i = 0; s && s->type == SCHEMA_STRUCT && i < s->nfields; i++)
        if (slice_eq(s->fields[i].name, name))
            return s->fields[i].schema;
    return NULL;
}

/* Down in the value and in its schema; *value becomes NULL where only the schema goes on. */
static enum smt_result
extract_walk(const struct extract *s, struct smt_run *run, const struct node **value,
             const struct schema **schema)
{
    for (size_t i = 0; i < s->steps.n; i++) {
        const struct node *from = *value;

        *value = from ? node_member(from, s->steps.v[i]) : NULL;
        *schema = extract_schema(*schema, s->steps.v[i]);
        if (*value || *schema)
            continue;
        /* What has no schema may have any field. */
        return from && from->bare ? SMT_OK : smt_fail(run, "unknown field \"%s\"", s->path);
    }
    return SMT_OK;
}

static enum smt_result
extract_apply(const struct smt *t, struct smt_run *run)
{
    const struct extract *s = t->setup;
    const struct node *n = smt_operand(t, run);
    const struct schema *schema = n->schema;
    enum smt_result r;

    if (!schema && node_is_null(n))
        return SMT_OK;
    if (!node_is_null(n) && (r = smt_struct(run, n, "field extraction")) != SMT_OK)
        return r;
    if ((r = extract_walk(s, run, &n, &schema)) != SMT_OK)
        return r;
    if (!n)
        n = node_null(run->draft->arena, schema);
    smt_put(t, run, s->replace_null ? node_or_default(run->draft->arena, n) : n);
    return SMT_OK;
}

const struct smt_type smt_type_extract_field = {
    .name = KAFKA_SMT("ExtractField"),
    .side = SMT_SIDES,
    .props = &extract_props,
    .size = sizeof(struct extract),
    .init = extract_init,
    .apply = extract_apply,
    .doc = "One field in place of the whole.",
};
