#include "replicator/rest/validate.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "decoder/smt.h"
#include "replicator/conf.h"
#include "replicator/conf_provider.h"
#include "replicator/pg/probe.h"
#include "replicator/rest/definition.h"
#include "replicator/rest/rules.h"
#include "replicator/rest/stage.h"

enum {
    VALUE_MAX = 5 << 20, /* one value, variables filled in; more than a body has */
    MESSAGE_MAX = 1 << 20,
};

/* In the order of the answer; what stands in `transforms` and `predicates` comes behind the worker's. */
static const struct definition_table *const tables[] = {
    &definitions_worker, &definitions_postgres, &definitions_connector, &definitions_events};
enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

/* ------------------------------------------------------------------------------------------------------------- errors */

static void
add_error(struct validation *v, const char *name, const char *text)
{
    json_t *list = json_object_get(v->errors, name);

    if (!list) {
        list = json_array();
        json_object_set_new_nocheck(v->errors, name, list);
    }
    json_array_append_new(list, json_string_nocheck(text));
    v->nerrors++;
}

static bool
has_error(const struct validation *v, const char *name)
{
    return json_object_get(v->errors, name) != NULL;
}

static void
apply_rule(struct validation *v, enum rule rule, const struct rule_value *value, const char *name)
{
    struct buf text;

    buf_init(&text, MESSAGE_MAX);
    if (!rule_check(rule, value, &text))
        add_error(v, name, buf_ok(&text) ? buf_cstr(&text) : "the value is too long");
    buf_free(&text);
}

/* -------------------------------------------------------------------------------------------------------- the checks */

/* Fills v->config; a variable that cannot be filled in is an error of its property. */
static void
fill_in(struct validation *v)
{
    const char *name = json_string_value(json_object_get(v->given, "name")), *key;
    struct buf value;
    json_t *text;

    v->config = config_new(name ? name : "", conf_tables);
    buf_init(&value, VALUE_MAX);
    json_object_foreach(v->given, key, text)
    {
        struct err e = {0};

        if (json_is_null(text)) {
            add_error(v, key, "Null value can not be supplied as the configuration value.");
            continue;
        }
        if (conf_expand(&value, key, json_string_value(text), &e))
            config_set(v->config, key, buf_cstr(&value));
        else
            add_error(v, key, e.msg);
    }
    if (value.p)
        explicit_bzero(value.p, value.n);
    buf_free(&value);
}

/* Under an old name, where that one's values are those of today. */
static const char *
given_before(const struct config *c, const char *name)
{
    const char *key, *value;

    for (size_t i = 0; config_next(c, &i, &key, &value);) {
        const struct prop *row = config_prop(c, key);

        if (row && (row->flags & PROP_ALIAS) && !row->choices && strcmp(row->see, name) == 0)
            return value;
    }
    return NULL;
}

static struct slice
trim(const char *text)
{
    const char *end;

    while (isspace((unsigned char)*text))
        text++;
    for (end = text + strlen(text); end > text && isspace((unsigned char)end[-1]);)
        end--;
    return (struct slice){text, (size_t)(end - text)};
}

static void
check_row(struct validation *v, const struct definition *d)
{
    struct rule_value value = {v->config, d, d->name, config_as_given(v->config, d->name)};

    if (has_error(v, d->name)) /* its variable */
        return;
    if (!value.value)
        value.value = given_before(v->config, d->name);
    if (value.value && d->trimmed) {
        struct slice t = trim(value.value);

        value.value = config_keep(v->config, t.p, t.n);
    }
    if (d->required && !value.value) {
        char text[200];

        snprintf(text, sizeof(text),
                 "Missing required configuration \"%s\" which has no default value.", d->name);
        add_error(v, d->name, text);
        return;
    }
    for (size_t i = 0; i < sizeof(d->rules) / sizeof(d->rules[0]); i++)
        apply_rule(v, (enum rule)d->rules[i], &value, d->name);
}

/* The rows of the transformations and predicates. */
static void
check_stage(struct validation *v, const struct stage_row *row)
{
    struct rule_value value = {v->config, row->definition, row->full.name, row->given};
    size_t n = sizeof(row->definition->rules) / sizeof(row->definition->rules[0]);

    if (row->error)
        add_error(v, row->full.name, row->error);
    apply_rule(v, row->type_rule, &value, row->full.name);
    value.name = row->definition->name;
    for (size_t i = 0; i < n; i++)
        apply_rule(v, (enum rule)row->definition->rules[i], &value, row->full.name);
}

/* An error in our words, unless the property has one. The text begins with: property "name" */
static void
add_ours(void *arg, bool is_error, const char *name, const char *text)
{
    struct validation *v = arg;
    const char *quote = strstr(text, "\" ");
    char *message;

    if (!is_error || has_error(v, name))
        return;
    message = mem_printf("The '%s' value is invalid: %s", name, quote ? quote + 2 : text);
    add_error(v, name, message);
    free(message);
}

/* Of a transform or predicate that Connect has nothing to say against: what is wrong with it here. */
struct smt_errors {
    struct validation *v;
    json_t *known; /* the errors so far */
};

static void
add_smt_error(void *arg, bool is_error, const char *name, const char *text)
{
    const struct smt_errors *s = arg;
    const char *dot = strchr(name, '.'), *end = dot ? strchr(dot + 1, '.') : NULL, *key;
    size_t n = end ? (size_t)(end - name) + 1 : strlen(name);
    json_t *messages;

    json_object_foreach(s->known, key, messages)
    {
        if (strlen(key) >= n && memcmp(key, name, n) == 0)
            return;
    }
    add_ours(s->v, is_error, name, text);
}

/* What we refuse beyond what Debezium does. */
static void
check_ours(struct validation *v)
{
    struct config *c = config_copy(v->config);
    struct smt_errors smt = {.v = v};
    const struct prop_issue *is;
    const char *key, *value;

    config_validate(c, &is);
    for (; is; is = is->next)
        add_ours(v, is->is_error, is->name, is->text);
    smt.known = json_copy(v->errors);
    smt_check(c, add_smt_error, &smt);
    json_decref(smt.known);
    /* From here on with aliases resolved. */
    for (size_t i = 0; config_next(c, &i, &key, &value);)
        config_set(v->config, key, value);
    config_free(c);
}

static void
check_database(struct validation *v)
{
    struct err e = {0};
    const char *name;
    json_t *list;
    char *text;

    /* With something wrong in them there is nothing to connect with. */
    json_object_foreach(v->errors, name, list) if (strncmp(name, "database.", 9) == 0 ||
                                                   strncmp(name, "connection.", 11) == 0) return;
    if (pg_probe(v->config, config_int(v->config, "connection.validation.timeout.ms"), &e))
        return;
    v->unreachable = e.cls == ERR_RETRY;
    text = strncmp(e.msg, "Connection validation", 21) == 0 ||
                   strncmp(e.msg, "Postgres server", 15) == 0
               ? mem_strdup(e.msg)
               : mem_printf("Error while validating connector config: %s", e.msg);
    add_error(v, "database.hostname", text);
    free(text);
}

void
validate(struct validation *v, const char *class_name, json_t *config)
{
    struct stage_rows stages;

    *v = (struct validation){
        .class_name = class_name, .given = json_incref(config), .errors = json_object()};
    fill_in(v);
    for (size_t t = 0; t < TABLES; t++)
        for (size_t i = 0; i < tables[t]->n; i++)
            check_row(v, &tables[t]->rows[i]);
    stage_rows(&stages, v->config, !has_error(v, "transforms"), !has_error(v, "predicates"));
    for (size_t i = 0; i < stages.n; i++)
        check_stage(v, &stages.v[i]);
    stage_rows_free(&stages);
    check_ours(v);
    check_database(v);
}

void
validate_free(struct validation *v)
{
    config_free(v->config);
    json_decref(v->errors);
    json_decref(v->given);
    *v = (struct validation){0};
}

/* ----------------------------------------------------------------------------------------------------------- answers */

/* Whether the value is of the type at all: what is not has no value. */
static bool
is_of_type(const char *type, const struct definition *d, const struct config *c, const char *text)
{
    static const struct {
        const char *type;
        enum rule rule;
    } types[] = {{"INT", RULE_CONNECT_INT},
                 {"LONG", RULE_CONNECT_LONG},
                 {"BOOLEAN", RULE_CONNECT_BOOL},
                 {"CLASS", RULE_CONNECT_CLASS}};
    struct rule_value v = {c, d, d->name, text};
    struct buf unused;
    bool ok = true;

    buf_init(&unused, MESSAGE_MAX);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if ((types[i].rule != RULE_CONNECT_CLASS || d->recommended) &&
            strcmp(types[i].type, type) == 0)
            ok = rule_check(types[i].rule, &v, &unused);
    buf_free(&unused);
    return ok;
}

static void
write_value(struct buf *out, const char *type, const char *text)
{
    if (!text)
        BUF_LIT(out, "null");
    else if (strcmp(type, "PASSWORD") == 0)
        BUF_LIT(out, "\"[hidden]\"");
    else
        json_str(out, trim(text));
}

static void
write_errors(const struct validation *v, const char *name, struct buf *out)
{
    json_t *list = json_object_get(v->errors, name), *text;
    size_t i;

    buf_putc(out, '[');
    json_array_foreach(list, i, text)
    {
        if (i)
            buf_putc(out, ',');
        json_cstr(out, json_string_value(text));
    }
    buf_putc(out, ']');
}

static void
write_entry(const struct validation *v, const struct definition *d,
            const struct definition_full *full, const char *value, struct buf *out)
{
    BUF_LIT(out, "{\"definition\":");
    definition_write(out, full);
    if (d->no_value) {
        BUF_LIT(out, ",\"value\":null}");
        return;
    }
    BUF_LIT(out, ",\"value\":{\"name\":");
    json_cstr(out, full->name);
    BUF_LIT(out, ",\"value\":");
    write_value(out, full->type, value);
    BUF_LIT(out, ",\"recommended_values\":");
    definition_write_list(out, d->recommended);
    BUF_LIT(out, ",\"errors\":");
    write_errors(v, full->name, out);
    buf_printf(out, ",\"visible\":%s}}", d->hidden ? "false" : "true");
}

/* The worker's properties say their values, Debezium's do not. */
static void
write_table(const struct validation *v, const struct definition_table *t, struct buf *out)
{
    const char *group = "";
    int order = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct definition *d = &t->rows[i];
        struct definition_full full = definition_fill(d, order);
        const char *value = NULL;

        if (strcmp(full.group, group) != 0)
            full.order = d->order ? d->order : 1;
        group = full.group;
        order = full.order;
        if (t == &definitions_worker) {
            value = config_as_given(v->config, d->name);
            value = !value ? full.def : is_of_type(full.type, d, v->config, value) ? value : NULL;
        }
        if (i || t != tables[0])
            buf_putc(out, ',');
        write_entry(v, d, &full, value, out);
    }
}

static void
write_stages(const struct validation *v, const struct stage_rows *stages, struct buf *out)
{
    for (size_t i = 0; i < stages->n; i++) {
        const struct stage_row *r = &stages->v[i];

        buf_putc(out, ',');
        write_entry(v, r->definition, &r->full,
                    r->error                                                       ? NULL
                    : !r->given                                                    ? r->full.def
                    : is_of_type(r->full.type, r->definition, v->config, r->given) ? r->given
                                                                                   : NULL,
                    out);
    }
}

static bool
is_row(const struct stage_rows *stages, const char *name)
{
    for (size_t t = 0; t < TABLES; t++)
        for (size_t i = 0; i < tables[t]->n; i++)
            if (strcmp(tables[t]->rows[i].name, name) == 0)
                return true;
    for (size_t i = 0; i < stages->n; i++)
        if (strcmp(stages->v[i].full.name, name) == 0)
            return true;
    return false;
}

/* Errors of names that have no definition. */
static void
write_others(const struct validation *v, const struct stage_rows *stages, struct buf *out)
{
    const char *name;
    json_t *list;

    json_object_foreach(v->errors, name, list)
    {
        if (is_row(stages, name))
            continue;
        BUF_LIT(out, ",{\"definition\":null,\"value\":{\"name\":");
        json_cstr(out, name);
        BUF_LIT(out, ",\"value\":null,\"recommended_values\":[],\"errors\":");
        write_errors(v, name, out);
        BUF_LIT(out, ",\"visible\":true}}");
    }
}

static void
write_groups(const struct stage_rows *stages, struct buf *out)
{
    const char *before = "";

    BUF_LIT(out,
            "[\"Common\",\"Transforms\",\"Predicates\",\"Error Handling\",\"Topic Creation\","
            "\"Exactly Once Support\",\"offsets.topic\"");
    for (size_t i = 0; i < stages->n; i++) {
        if (strcmp(before, stages->v[i].full.group) == 0)
            continue;
        before = stages->v[i].full.group;
        buf_putc(out, ',');
        json_cstr(out, before);
    }
    BUF_LIT(out, ",\"Postgres\",\"Connector\",\"Events\"]");
}

void
validate_write(const struct validation *v, struct buf *out)
{
    struct stage_rows stages;

    stage_rows(&stages, v->config, !has_error(v, "transforms"), !has_error(v, "predicates"));
    BUF_LIT(out, "{\"name\":");
    json_cstr(out, v->class_name);
    buf_printf(out, ",\"error_count\":%u,\"groups\":", v->nerrors);
    write_groups(&stages, out);
    BUF_LIT(out, ",\"configs\":[");
    for (size_t t = 0; t < TABLES; t++) {
        write_table(v, tables[t], out);
        if (tables[t] == &definitions_worker)
            write_stages(v, &stages, out);
    }
    write_others(v, &stages, out);
    BUF_LIT(out, "]}");
    stage_rows_free(&stages);
}

static void
add_lines(const struct validation *v, const char *name, struct buf *out)
{
    json_t *text;
    size_t i;

    json_array_foreach(json_object_get(v->errors, name), i, text)
        buf_printf(out, "\n%s", json_string_value(text));
}

void
validate_summary(const struct validation *v, struct buf *out)
{
    struct stage_rows none = {0};
    const char *name;
    json_t *list;

    buf_printf(out, "Connector configuration is invalid and contains the following %u error(s):",
               v->nerrors);
    for (size_t t = 0; t < TABLES; t++)
        for (size_t i = 0; i < tables[t]->n; i++)
            add_lines(v, tables[t]->rows[i].name, out);
    json_object_foreach(v->errors, name, list) if (!is_row(&none, name)) add_lines(v, name, out);
    BUF_LIT(out,
            "\nYou can also find the above list of errors at the endpoint "
            "`/connector-plugins/{connectorType}/config/validate`");
}

void
validate_write_plugin(const struct plugin *p, struct buf *out)
{
    /* Without a worker, its properties come behind and have no defaults of its own. */
    static const struct definition_table *const order[] = {
        &definitions_postgres, &definitions_connector, &definitions_events, &definitions_worker};
    const struct definition_table *own[] = {&p->properties};
    bool is_connector = p->types & PLUGIN_SOURCE, first = true;

    buf_putc(out, '[');
    for (size_t t = 0; t < (is_connector ? TABLES : 1); t++) {
        const struct definition_table *table = is_connector ? order[t] : own[t];
        const char *group = "";
        int before = 0;

        for (size_t i = 0; i < table->n; i++) {
            const struct definition *d = &table->rows[i];
            struct definition_full full = definition_fill(d, before);

            if (is_connector && strcmp(full.group, group) != 0)
                full.order = d->order ? d->order : 1;
            group = full.group ? full.group : "";
            before = full.order;
            if (d->of_worker)
                full.def = NULL;
            if (!first)
                buf_putc(out, ',');
            first = false;
            definition_write(out, &full);
        }
    }
    buf_putc(out, ']');
}
