#include "replicator/rest/definition.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "decoder/smt.h"
#include "replicator/conf.h"

static const char *
type_name(enum prop_type type)
{
    static const char *const names[] = {
        [PROP_STRING] = "STRING", [PROP_PASSWORD] = "PASSWORD", [PROP_BOOL] = "BOOLEAN",
        [PROP_INT] = "INT",       [PROP_LONG] = "LONG",         [PROP_ENUM] = "STRING",
        [PROP_LIST] = "LIST",     [PROP_CLASS] = "CLASS",       [PROP_DOUBLE] = "DOUBLE",
    };

    return names[type];
}

static const char *
importance_name(enum prop_importance importance)
{
    static const char *const names[] = {
        [PROP_LOW] = "LOW", [PROP_MEDIUM] = "MEDIUM", [PROP_HIGH] = "HIGH"};

    return names[importance];
}

struct definition_full
definition_fill(const struct definition *d, int order_before)
{
    /* A plugin's row says all, a connector's has a property. */
    const struct prop *p = d->importance && d->type && !d->row
                               ? NULL
                               : prop_find(conf_tables, d->row ? d->row : d->name);
    const char *def = d->def ? d->def : p ? p->def : NULL;

    return (struct definition_full){
        .name = d->name,
        .type = d->type ? d->type
                : p     ? type_name(p->type)
                        : "STRING",
        .def = def,
        .importance = d->importance ? d->importance
                      : p           ? importance_name(p->importance)
                                    : "LOW",
        .doc = d->doc,
        .group = d->group ? d->group
                 : p      ? p->group
                          : NULL,
        .width = d->width,
        .display = d->display        ? d->display
                   : p && p->display ? p->display
                                     : d->name,
        .dependents = d->dependents,
        .required = d->required,
        .order = d->order ? d->order : order_before + 1,
    };
}

static void
write_string(struct buf *out, const char *text)
{
    if (text)
        json_cstr(out, text);
    else
        BUF_LIT(out, "null");
}

void
definition_write_list(struct buf *out, const char *list)
{
    bool first = true;

    buf_putc(out, '[');
    while (list && *list) {
        size_t n = strcspn(list, ",");

        if (!first)
            buf_putc(out, ',');
        first = false;
        json_str(out, (struct slice){list, n});
        list += n + (list[n] == ',');
        list += strspn(list, " ");
    }
    buf_putc(out, ']');
}

void
definition_write(struct buf *out, const struct definition_full *d)
{
    BUF_LIT(out, "{\"name\":");
    json_cstr(out, d->name);
    buf_printf(out, ",\"type\":\"%s\",\"required\":%s,\"default_value\":", d->type,
               d->required ? "true" : "false");
    write_string(out, d->def);
    buf_printf(out, ",\"importance\":\"%s\",\"documentation\":", d->importance);
    write_string(out, d->doc);
    BUF_LIT(out, ",\"group\":");
    write_string(out, d->group);
    buf_printf(out, ",\"order_in_group\":%d,\"width\":\"%s\",\"display_name\":", d->order,
               d->width);
    write_string(out, d->display);
    BUF_LIT(out, ",\"dependents\":");
    definition_write_list(out, d->dependents);
    buf_putc(out, '}');
}

/* ------------------------------------------------------------------------------------------------------------ plugins */

static const struct plugin connector = {CONNECTOR_CLASS, PLUGIN_SOURCE, CONNECTOR_VERSION, {0}};

/* Those of the image's scripting package are there when it is switched on, as in the image. */
static bool
is_switched_off(const struct plugin *p)
{
    static const char *const scripting[] = {"io.debezium.transforms.Filter",
                                            "io.debezium.transforms.ContentBasedRouter"};
    const char *on = getenv("ENABLE_DEBEZIUM_SCRIPTING");
    bool is = false;

    for (size_t i = 0; i < sizeof(scripting) / sizeof(scripting[0]); i++)
        is |= strcmp(p->class_name, scripting[i]) == 0;
    return is && !(on && strcmp(on, "true") == 0);
}

/* A table says what is said of it; what can be run, the decoder knows. */
static bool
can_run(const struct plugin *p)
{
    struct smt_info s;

    return !is_switched_off(p) && (!(p->types & (PLUGIN_TRANSFORMATION | PLUGIN_PREDICATE)) ||
                                   smt_named(p->class_name, &s));
}

/* The order of kinds in Connect's list. */
static const unsigned kinds[] = {PLUGIN_SOURCE, PLUGIN_TRANSFORMATION, PLUGIN_PREDICATE,
                                 PLUGIN_CONVERTER, PLUGIN_HEADER_CONVERTER};

static const struct plugin *
plugin_at(size_t i)
{
    if (i == 0)
        return &connector;
    i--;
    if (i < plugins_debezium_n)
        return &plugins_debezium[i];
    i -= plugins_debezium_n;
    return i < plugins_kafka_n ? &plugins_kafka[i] : NULL;
}

const struct plugin *
plugin_next(size_t *at, unsigned *kind)
{
    size_t all = 1 + plugins_debezium_n + plugins_kafka_n;

    while (*at < all * (sizeof(kinds) / sizeof(kinds[0]))) {
        const struct plugin *p = plugin_at(*at % all);

        *kind = kinds[*at / all];
        ++*at;
        if ((p->types & *kind) && can_run(p))
            return p;
    }
    return NULL;
}

/* The last part of a class name is the name, or the name and the kind. */
static bool
is_alias(const struct plugin *p, const char *name)
{
    const char *simple = strrchr(p->class_name, '.') + 1;
    const char *kind = p->types & PLUGIN_SOURCE      ? "Connector"
                       : p->types & PLUGIN_CONVERTER ? "Converter"
                                                     : "";
    size_t n = strlen(simple), k = strlen(kind);

    if (strchr(simple, '$'))
        return false;
    if (strcmp(simple, name) == 0)
        return true;
    return k && n > k && strcmp(simple + n - k, kind) == 0 && strlen(name) == n - k &&
           strncmp(simple, name, n - k) == 0;
}

const struct plugin *
plugin_find(const char *name, unsigned types)
{
    const struct plugin *p;

    for (size_t i = 0; (p = plugin_at(i)) != NULL; i++)
        if ((p->types & types) && (strcmp(p->class_name, name) == 0 || is_alias(p, name)) &&
            can_run(p))
            return p;
    return NULL;
}
