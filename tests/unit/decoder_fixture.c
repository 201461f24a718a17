#include "tests/unit/decoder_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct prop rows[] = {
    {.name = "schema.include.list", .type = PROP_LIST, .doc = "x"},
    {.name = "schema.exclude.list", .type = PROP_LIST, .doc = "x"},
    {.name = "table.include.list", .type = PROP_LIST, .doc = "x"},
    {.name = "table.exclude.list", .type = PROP_LIST, .doc = "x"},
    {.name = "column.include.list", .type = PROP_LIST, .doc = "x"},
    {.name = "column.exclude.list", .type = PROP_LIST, .doc = "x"},
    {.name = "message.prefix.include.list", .type = PROP_LIST, .doc = "x"},
    {.name = "message.prefix.exclude.list", .type = PROP_LIST, .doc = "x"},
    {.name = "signal.data.collection", .type = PROP_LIST, .doc = "x"},
    {.name = "message.key.columns", .type = PROP_STRING, .doc = "x"},
    {.name = "table.ignore.builtin", .type = PROP_BOOL, .def = "true", .doc = "x"},
    {.name = "column.truncate.to.<n>.chars", .flags = PROP_PATTERN, .doc = "x"},
    {.name = "column.mask.with.<n>.chars", .flags = PROP_PATTERN, .doc = "x"},
    {.name = "column.mask.hash.<algorithm>.with.salt.<salt>", .flags = PROP_PATTERN, .doc = "x"},
    {.name = "column.mask.hash.v2.<algorithm>.with.salt.<salt>", .flags = PROP_PATTERN, .doc = "x"},
    {.name = "column.propagate.source.type", .type = PROP_LIST, .doc = "x"},
    {.name = "datatype.propagate.source.type", .type = PROP_LIST, .doc = "x"},
};
static const struct prop_table table = {rows, sizeof(rows) / sizeof(rows[0])};
static const struct prop_table *const tables[] = {&table, NULL};

static void
must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fixture: %s\n", what);
    abort();
}

struct config *
dfix_config(const char *const *pairs)
{
    struct config *c = config_new("c", tables);

    for (; pairs && *pairs; pairs += 2)
        config_set(c, pairs[0], pairs[1]);
    return c;
}

void
dfix_open(struct dfix *f, const char *const *filters)
{
    struct err e = {0};

    *f = (struct dfix){.settings = {
                           .prefix = "p",
                           .database = "d",
                           .delimiter = ".",
                           .version = "3.6.1.Final",
                           .unavailable = SLICE_LIT("__debezium_unavailable_value"),
                           .tombstones = true,
                           .key_json.replace_null = true,
                           .value_json.replace_null = true,
                       }};
    f->config = dfix_config(filters);
    f->filter = filter_new(f->config, &e);
    must(f->filter, e.msg);
    f->settings.filter = f->filter;
    f->mappers = mappers_new(f->config, &e);
    must(f->mappers, e.msg);
    f->settings.mappers = f->mappers;
    f->types = types_new();
}

void
dfix_close(struct dfix *f)
{
    plan_unref(f->plan);
    types_free(f->types);
    filter_free(f->filter);
    mappers_free(f->mappers);
    config_free(f->config);
}

const struct plan *
dfix_plan(struct dfix *f, const struct pgo_relation *rel, const struct relation_facts *facts)
{
    struct relation *r = relation_new(rel, facts);
    uint32_t missing;

    plan_unref(f->plan);
    f->plan = plan_new_table(r, f->use, f->types, &f->settings, &missing);
    must(f->plan, "a type is missing");
    relation_unref(r);
    return f->plan;
}
