/* Kafka's transforms of a struct's fields: ReplaceField, InsertField, HoistField, ValueToKey, Flatten, SetSchemaMetadata. */
#include <string.h>

#include "decoder/smt_priv.h"

static const struct schema timestamp_required = {
    .type = SCHEMA_INT64, .name = "org.apache.kafka.connect.data.Timestamp", .version = 1};
static const struct schema timestamp_optional = {.type = SCHEMA_INT64,
                                                 .optional = true,
                                                 .name = "org.apache.kafka.connect.data.Timestamp",
                                                 .version = 1};

/* A struct to work on. *pass: there is nothing to do. */
static enum smt_result
fields_operand(const struct smt *t, struct smt_run *run, const char *purpose, bool *pass)
{
    enum smt_result r = smt_operand_null(t, run, pass);

    return r != SMT_OK || *pass ? r : smt_struct(run, smt_operand(t, run), purpose);
}

static enum smt_result
fields_put(const struct smt *t, struct smt_run *run, struct node_builder *b)
{
    const struct node *n = NULL;
    enum smt_result r = smt_built(run, b, &n);

    if (r == SMT_OK)
        smt_put(t, run, n);
    return r;
}

/* ------------------------------------------------------------------------------------------------ ReplaceField */

struct replace {
    struct smt_list include, exclude;
    struct smt_list from, to; /* renames */
    bool replace_null;
};

/* clang-format off */
static const struct prop replace_rows[] = {
    {.name = "include", .type = PROP_LIST, .importance = PROP_MEDIUM, .doc = "Fields to keep; without it, all."},
    {.name = "exclude", .type = PROP_LIST, .importance = PROP_MEDIUM, .doc = "Fields to leave out."},
    {.name = "renames", .type = PROP_LIST, .importance = PROP_MEDIUM, .doc = "Pairs old:new of field names."},
    SMT_REPLACE_NULL_ROW,
    {.name = "whitelist", .type = PROP_LIST, .flags = PROP_ALIAS, .see = "include", .doc = "Old name of include."},
    {.name = "blacklist", .type = PROP_LIST, .flags = PROP_ALIAS, .see = "exclude", .doc = "Old name of exclude."},
};
/* clang-format on */
static const struct prop_table replace_props = SMT_PROPS(replace_rows);

static bool
replace_init(struct smt_init *in)
{
    struct replace *s = in->setup;
    struct smt_list pairs = smt_read_list(in, "renames");

    s->include = smt_read_list(in, "include");
    s->exclude = smt_read_list(in, "exclude");
    s->replace_null = config_bool(in->c, "replace.null.with.default");
    s->from.v = arena_alloc(in->a, (pairs.n + 1) * sizeof(*s->from.v));
    s->to.v = arena_alloc(in->a, (pairs.n + 1) * sizeof(*s->to.v));
    for (size_t i = 0; i < pairs.n; i++) {
        struct slice p = pairs.v[i];
        const char *colon = memchr(p.p, ':', p.n);

        if (!colon || colon == p.p || colon + 1 == p.p + p.n ||
            memchr(colon + 1, ':', (size_t)(p.p + p.n - colon - 1)))
            return err_set(in->e, ERR_CONFIG, "config.value",
                           "renames: \"%.*s\" is no pair old:new", SLICE_ARG(p));
        s->from.v[s->from.n++] = (struct slice){p.p, (size_t)(colon - p.p)};
        s->to.v[s->to.n++] = (struct slice){colon + 1, (size_t)(p.p + p.n - colon - 1)};
    }
    return true;
}

static enum smt_result
replace_apply(const struct smt *t, struct smt_run *run)
{
    const struct replace *s = t->setup;
    const struct node *n = smt_operand(t, run);
    struct node_builder b;
    bool pass;
    enum smt_result r = fields_operand(t, run, "field replacement", &pass);

    if (r != SMT_OK || pass)
        return r;
    node_build(&b, run->draft->arena, n->schema);
    b.bare = n->bare;
    for (size_t i = 0; i < n->schema->nfields; i++) {
        struct slice name = n->schema->fields[i].name;

        if (smt_list_has(&s->exclude, name) || (s->include.n && !smt_list_has(&s->include, name)))
            continue;
        for (size_t k = 0; k < s->from.n; k++)
            if (slice_eq(s->from.v[k], name)) {
                name = s->to.v[k];
                break;
            }
        node_add(&b, name,
                 s->replace_null ? node_or_default(run->draft->arena, n->members[i])
                                 : n->members[i]);
    }
    return fields_put(t, run, &b);
}

const struct smt_type smt_type_replace_field = {
    .name = KAFKA_SMT("ReplaceField"),
    .side = SMT_SIDES,
    .props = &replace_props,
    .size = sizeof(struct replace),
    .init = replace_init,
    .apply = replace_apply,
    .doc = "Fields left out or renamed.",
};

/* ------------------------------------------------------------------------------------------------- InsertField */

struct insertion {
    struct slice name; /* p NULL: none */
    bool required;
};

struct insert {
    struct insertion topic, partition, timestamp, fixed;
    const char *value;
    bool replace_null;
};

/* clang-format off */
static const struct prop insert_rows[] = {
    {.name = "topic.field", .type = PROP_STRING, .importance = PROP_MEDIUM,
     .doc = "Name of a field for the topic. \"!\" behind it makes the field required; \"?\" is the default, optional."},
    {.name = "partition.field", .type = PROP_STRING, .importance = PROP_MEDIUM, .doc = "The same for the partition; null unless one is fixed."},
    {.name = "timestamp.field", .type = PROP_STRING, .importance = PROP_MEDIUM, .doc = "The same for the record's time; null unless a transform has set it."},
    {.name = "static.field", .type = PROP_STRING, .importance = PROP_MEDIUM, .doc = "The same for static.value."},
    {.name = "static.value", .type = PROP_STRING, .importance = PROP_MEDIUM, .doc = "A text that is the same in all records."},
    {.name = "offset.field", .type = PROP_STRING, .importance = PROP_LOW, .flags = PROP_REFUSED,
     .see = "only sink connectors have offsets to insert", .doc = "Name of a field for the offset."},
    SMT_REPLACE_NULL_ROW,
};
/* clang-format on */
static const struct prop_table insert_props = SMT_PROPS(insert_rows);

static struct insertion
insert_read(struct smt_init *in, const char *property)
{
    const char *text = smt_read_string(in, property);
    struct insertion i = {0};

    if (!text)
        return i;
    i.name = slice_of(text);
    if (i.name.n && strchr("!?", text[i.name.n - 1]))
        i.required = text[--i.name.n] == '!';
    return i;
}

static bool
insert_init(struct smt_init *in)
{
    struct insert *s = in->setup;

    s->topic = insert_read(in, "topic.field");
    s->partition = insert_read(in, "partition.field");
    s->timestamp = insert_read(in, "timestamp.field");
    s->fixed = insert_read(in, "static.field");
    s->value = config_given(in->c, "static.value")
                   ? arena_strdup(in->a, config_str(in->c, "static.value"))
                   : NULL;
    s->replace_null = config_bool(in->c, "replace.null.with.default");
    if (!s->topic.name.p && !s->partition.name.p && !s->timestamp.name.p && !s->fixed.name.p)
        return err_set(in->e, ERR_CONFIG, "config.value", "no field to insert is configured");
    if (s->fixed.name.p && !s->value)
        return err_set(in->e, ERR_CONFIG, "config.value", "static.field needs static.value");
    return true;
}

static const struct node *
insert_node(struct smt_run *run, const struct node *n, const struct schema *schema)
{
    return n ? node_with_schema(run->draft->arena, n, schema)
             : node_null(run->draft->arena, schema);
}

static enum smt_result
insert_apply(const struct smt *t, struct smt_run *run)
{
    const struct insert *s = t->setup;
    struct draft *d = run->draft;
    struct node_builder b;
    bool pass;
    enum smt_result r = fields_operand(t, run, "field insertion", &pass);

    if (r != SMT_OK || pass)
        return r;
    smt_copy_struct(&b, run, smt_operand(t, run), s->replace_null, NULL);
    if ((s->partition.required && !d->partition) || (s->timestamp.required && !d->timestamp))
        return smt_fail(run, "the record has no %s for a required field",
                        s->partition.required && !d->partition ? "partition" : "time");
    if (s->topic.name.p)
        node_add(&b, s->topic.name,
                 node_string(d->arena,
                             s->topic.required ? &node_string_required : &node_string_optional,
                             slice_of(d->topic)));
    if (s->partition.name.p)
        node_add(&b, s->partition.name,
                 insert_node(run, d->partition,
                             s->partition.required ? &node_int32_required : &node_int32_optional));
    if (s->timestamp.name.p)
        node_add(&b, s->timestamp.name,
                 insert_node(run, d->timestamp,
                             s->timestamp.required ? &timestamp_required : &timestamp_optional));
    if (s->fixed.name.p)
        node_add(&b, s->fixed.name,
                 node_string(d->arena,
                             s->fixed.required ? &node_string_required : &node_string_optional,
                             slice_of(s->value)));
    return fields_put(t, run, &b);
}

const struct smt_type smt_type_insert_field = {
    .name = KAFKA_SMT("InsertField"),
    .side = SMT_SIDES,
    .props = &insert_props,
    .size = sizeof(struct insert),
    .init = insert_init,
    .apply = insert_apply,
    .doc = "Fields added: the topic, the partition, the record's time, a fixed text.",
};

/* -------------------------------------------------------------------------------------------------- HoistField */

struct hoist {
    const char *field;
};

static const struct prop hoist_rows[] = {
    {.name = "field",
     .type = PROP_STRING,
     .importance = PROP_MEDIUM,
     .flags = PROP_REQUIRED,
     .doc = "Name of the one field of the new struct."},
};
static const struct prop_table hoist_props = SMT_PROPS(hoist_rows);

static bool
hoist_init(struct smt_init *in)
{
    ((struct hoist *)in->setup)->field = arena_strdup(in->a, config_str(in->c, "field"));
    return true;
}

static enum smt_result
hoist_apply(const struct smt *t, struct smt_run *run)
{
    const struct node *n = smt_operand(t, run);
    struct node_builder b;

    node_build(&b, run->draft->arena, NULL);
    b.bare = !n->schema || n->bare;
    node_add(&b, slice_of(((const struct hoist *)t->setup)->field), n);
    return fields_put(t, run, &b);
}

const struct smt_type smt_type_hoist_field = {
    .name = KAFKA_SMT("HoistField"),
    .side = SMT_SIDES,
    .props = &hoist_props,
    .size = sizeof(struct hoist),
    .init = hoist_init,
    .apply = hoist_apply,
    .doc = "The whole as the one field of a new struct.",
};

/* -------------------------------------------------------------------------------------------------- ValueToKey */

struct to_key {
    struct smt_list fields;
    bool replace_null;
};

/* clang-format off */
static const struct prop to_key_rows[] = {
    {.name = "fields", .type = PROP_LIST, .importance = PROP_HIGH, .flags = PROP_REQUIRED, .doc = "Fields of the value that become the key."},
    SMT_REPLACE_NULL_ROW,
};
/* clang-format on */
static const struct prop_table to_key_props = SMT_PROPS(to_key_rows);

static bool
to_key_init(struct smt_init *in)
{
    struct to_key *s = in->setup;

    s->fields = smt_read_list(in, "fields");
    s->replace_null = config_bool(in->c, "replace.null.with.default");
    return true;
}

static enum smt_result
to_key_apply(const struct smt *t, struct smt_run *run)
{
    const struct to_key *s = t->setup;
    struct draft *d = run->draft;
    enum smt_result r = smt_struct(run, d->value, "copying fields from value to key");
    struct node_builder b;

    if (r != SMT_OK)
        return r;
    node_build(&b, d->arena, NULL);
    b.bare = d->value->bare;
    for (size_t i = 0; i < s->fields.n; i++) {
        const struct node *n = node_member(d->value, s->fields.v[i]);

        if (!n && !b.bare)
            return smt_fail(run, "field does not exist: \"%.*s\"", SLICE_ARG(s->fields.v[i]));
        if (!n)
            n = node_null(d->arena, NULL);
        node_add(&b, s->fields.v[i], s->replace_null ? node_or_default(d->arena, n) : n);
    }
    return smt_built(run, &b, &d->key);
}

const struct smt_type smt_type_value_to_key = {
    .name = KAFKA_SMT("ValueToKey"),
    .props = &to_key_props,
    .size = sizeof(struct to_key),
    .init = to_key_init,
    .apply = to_key_apply,
    .doc = "A key of some of the value's fields.",
};

/* ----------------------------------------------------------------------------------------------------- Flatten */

struct flatten {
    const char *delimiter;
};

static const struct prop flatten_rows[] = {
    {.name = "delimiter",
     .type = PROP_STRING,
     .def = ".",
     .importance = PROP_MEDIUM,
     .doc = "What stands between the names of a field and the struct it was in."},
};
static const struct prop_table flatten_props = SMT_PROPS(flatten_rows);

static bool
flatten_init(struct smt_init *in)
{
    ((struct flatten *)in->setup)->delimiter = arena_strdup(in->a, config_str(in->c, "delimiter"));
    return true;
}

/* n NULL: the struct is null, and so are its fields. */
static enum smt_result
flatten_walk(const struct flatten *s, struct smt_run *run, struct node_builder *b,
             const struct schema *schema, const struct node *n, struct slice prefix, bool optional)
{
    struct arena *a = run->draft->arena;
    enum smt_result r = SMT_OK;

    for (size_t i = 0; i < schema->nfields && r == SMT_OK; i++) {
        const struct schema *fs = schema->fields[i].schema;
        struct slice name = schema->fields[i].name;
        bool field_optional = optional || (fs && fs->optional);
        const struct node *m = n ? n->members[i] : NULL;
        struct schema *flat;

        if (prefix.n)
            name = slice_of(
                arena_printf(a, "%.*s%s%.*s", SLICE_ARG(prefix), s->delimiter, SLICE_ARG(name)));
        if (!fs) {
            node_add(b, name, m ? m : node_null(a, NULL));
            continue;
        }
        if (fs->type == SCHEMA_MAP)
            return smt_fail(run, "maps cannot be flattened, and field \"%.*s\" is one",
                            SLICE_ARG(name));
        if (fs->type == SCHEMA_STRUCT && (!m || m->kind == NODE_NULL || m->kind == NODE_STRUCT)) {
            r = flatten_walk(s, run, b, fs, m && m->kind == NODE_STRUCT ? m : NULL, name,
                             field_optional);
            continue;
        }
        if (fs->type == SCHEMA_STRUCT)
            return smt_fail(run,
                            "field \"%.*s\" is a struct that only the row knows; take it apart "
                            "with decimal.handling.mode or another form of the column",
                            SLICE_ARG(name));
        flat = arena_alloc(a, sizeof(*flat));
        *flat = *fs;
        flat->optional = field_optional;
        node_add(b, name,
                 m ? node_with_schema(a, node_or_default(a, m), flat) : node_null(a, flat));
    }
    return r;
}

static enum smt_result
flatten_apply(const struct smt *t, struct smt_run *run)
{
    const struct node *n = smt_operand(t, run);
    struct node_builder b;
    bool pass;
    enum smt_result r = fields_operand(t, run, "flattening", &pass);

    if (r != SMT_OK || pass)
        return r;
    node_build(&b, run->draft->arena, n->schema);
    b.bare = n->bare;
    r = flatten_walk(t->setup, run, &b, n->schema, n, (struct slice){NULL, 0}, n->schema->optional);
    return r == SMT_OK ? fields_put(t, run, &b) : r;
}

const struct smt_type smt_type_flatten = {
    .name = KAFKA_SMT("Flatten"),
    .side = SMT_SIDES,
    .props = &flatten_props,
    .size = sizeof(struct flatten),
    .init = flatten_init,
    .apply = flatten_apply,
    .doc = "The fields of structs inside as fields of the whole.",
};

/* ------------------------------------------------------------------------------------------- SetSchemaMetadata */

struct metadata {
    const char *name;
    bool has_version, replace_null;
    int version;
};

/* clang-format off */
static const struct prop metadata_rows[] = {
    {.name = "schema.name", .type = PROP_STRING, .importance = PROP_HIGH, .doc = "Name for the schema."},
    {.name = "schema.version", .type = PROP_INT, .importance = PROP_HIGH, .doc = "Version for the schema."},
    SMT_REPLACE_NULL_ROW,
};
/* clang-format on */
static const struct prop_table metadata_props = SMT_PROPS(metadata_rows);

static bool
metadata_init(struct smt_init *in)
{
    struct metadata *s = in->setup;

    s->name = smt_read_string(in, "schema.name");
    s->has_version = config_given(in->c, "schema.version");
    s->version = s->has_version ? (int)config_int(in->c, "schema.version") : 0;
    s->replace_null = config_bool(in->c, "replace.null.with.default");
    return s->name || s->has_version ||
           err_set(in->e, ERR_CONFIG, "config.value",
                   "neither schema.name nor schema.version is configured");
}

static enum smt_result
metadata_apply(const struct smt *t, struct smt_run *run)
{
    const struct metadata *s = t->setup;
    const struct node *n = smt_operand(t, run);
    struct schema *schema;
    struct node_builder b;

    if (!n->schema && node_is_null(n))
        return SMT_OK;
    if (!n->schema || n->bare)
        return smt_fail(run, "a schema is required for updating schema metadata");
    schema = arena_alloc(run->draft->arena, sizeof(*schema));
    *schema = *n->schema;
    if (s->name)
        schema->name = s->name;
    if (s->has_version)
        schema->version = s->version;
    if (n->kind == NODE_STRUCT) {
        smt_copy_struct(&b, run, n, s->replace_null, NULL);
        n = node_built(&b);
        schema->fields = n->schema->fields;
    }
    smt_put(t, run, node_with_schema(run->draft->arena, n, schema));
    return SMT_OK;
}

const struct smt_type smt_type_set_schema_metadata = {
    .name = KAFKA_SMT("SetSchemaMetadata"),
    .side = SMT_SIDES,
    .props = &metadata_props,
    .size = sizeof(struct metadata),
    .init = metadata_init,
    .apply = metadata_apply,
    .doc = "Another name or version of the schema.",
};
