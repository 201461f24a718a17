/* What can be run, and looking at configurations before they are. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "replicator/conf.h"
#include "replicator/connect/worker.h"
#include "replicator/rest/api.h"
#include "replicator/rest/definition.h"
#include "replicator/rest/route.h"
#include "replicator/rest/validate.h"

/* Larger maps are not put into Java's order, which costs time and helps nobody. */
enum { ORDERED_MAX = 64 };

static const char *
kind_name(unsigned kind)
{
    static const struct {
        unsigned kind;
        const char *name;
    } names[] = {
        {PLUGIN_SOURCE, "source"},
        {PLUGIN_TRANSFORMATION, "transformation"},
        {PLUGIN_PREDICATE, "predicate"},
        {PLUGIN_CONVERTER, "converter"},
        {PLUGIN_HEADER_CONVERTER, "header_converter"},
    };
    size_t i = 0;

    while (names[i].kind != kind)
        i++;
    return names[i].name;
}

void
api_plugins(struct rest_request *r)
{
    size_t at = 0;
    char *only = uri_query(&r->uri, "connectorsOnly", &at);
    bool connectors = !only || strcmp(only, "true") == 0, first = true;
    const struct plugin *p;
    unsigned kind;

    free(only);
    r->status = 200;
    r->type = "application/json";
    buf_putc(&r->out, '[');
    for (size_t i = 0; (p = plugin_next(&i, &kind)) != NULL;) {
        if (connectors && kind != PLUGIN_SOURCE)
            break;
        buf_printf(&r->out, "%s{\"class\":\"%s\",\"type\":\"%s\",\"version\":\"%s\"}",
                   first ? "" : ",", p->class_name, kind_name(kind), p->version);
        first = false;
    }
    buf_putc(&r->out, ']');
}

void
api_plugin_config(struct rest_request *r)
{
    const struct plugin *p = plugin_find(r->params[0], ~0U);
    size_t at = 0;
    char *version = uri_query(&r->uri, "version", &at);
    char *text = NULL;

    if (!p) {
        text = mem_printf("Unknown plugin %s.", r->params[0]);
        rest_error(r, 404, text);
    } else if (version && strcmp(version, p->version) != 0) {
        text = mem_printf(
            "Plugin %s not found that matches the version range [%s,%s], available "
            "versions: [%s]",
            p->class_name, version, version, p->version);
        rest_error(r, 400, text);
    } else {
        r->status = 200;
        r->type = "application/json";
        validate_write_plugin(p, &r->out);
    }
    free(version);
    free(text);
}

/* --------------------------------------------------------------------------------------------------------- validation */

/* A copy of a Java HashMap gives its keys by the low bits of their hashes; it is as large as n of them need. */
static uint32_t
java_bucket(const char *key, size_t n)
{
    uint32_t h = 0, size = 1;

    /* Letters beyond ASCII would count as UTF-16; names have none. */
    for (; *key; key++)
        h = 31 * h + (unsigned char)*key;
    while (size * 3 < n * 4 + 3)
        size *= 2;
    return (h ^ h >> 16) & (size - 1);
}

static void
write_entry(struct buf *out, const char *key, const json_t *v)
{
    const struct prop *p = prop_find(conf_tables, key);
    bool secret = p && (p->type == PROP_PASSWORD || (p->flags & PROP_SECRET));

    buf_printf(out, "%s=%s", key,
               json_is_null(v) ? "null"
               : secret        ? "[hidden]"
                               : json_string_value(v));
}

/* "{name=x, a=b}": as Java prints a map, but without what is secret. */
static void
write_map(struct buf *out, json_t *config)
{
    size_t n = json_object_size(config), written = 0;
    const char *key;
    json_t *v;

    buf_putc(out, '{');
    for (uint32_t bucket = 0; written < n; bucket++) {
        json_object_foreach(config, key, v)
        {
            if (n <= ORDERED_MAX && java_bucket(key, n) != bucket)
                continue;
            if (written++)
                BUF_LIT(out, ", ");
            write_entry(out, key, v);
        }
    }
    buf_putc(out, '}');
}

/* Where Kafka Connect would have found the class. */
static void
write_location(struct buf *out, const struct config *worker)
{
    const char *path =
        worker && config_prop(worker, "plugin.path") ? config_str(worker, "plugin.path") : NULL;

    if (path && *path)
        buf_printf(out, "file:%.*s/debezium/", (int)strcspn(path, ","), path);
    else
        BUF_LIT(out, "classpath");
}

/* The class is there and one that we run; else why not. */
static bool
check_class(const struct config *worker, json_t *config, struct buf *why)
{
    const char *class_name = json_string_value(json_object_get(config, "connector.class"));

    if (!class_name) {
        BUF_LIT(why, "Connector config ");
        write_map(why, config);
        BUF_LIT(why, " contains no connector type");
        return false;
    }
    if (plugin_find(class_name, PLUGIN_SOURCE))
        return true;
    buf_printf(why,
               "org.apache.kafka.connect.errors.ConnectException: Failed to find any class that "
               "implements Connector and which name matches %s, available connectors are: "
               "PluginDesc{klass=class " CONNECTOR_CLASS ", name='" CONNECTOR_CLASS
               "', version='" CONNECTOR_VERSION "', encodedVersion=" CONNECTOR_VERSION
               ", type=source, typeName='source', location='",
               class_name);
    write_location(why, worker);
    BUF_LIT(why, "'}");
    return false;
}

/* Both without "Connector" and up to the end of the longer: "Postgres" is asked for PostgresConnector. */
static bool
is_same_class(const char *asked, const char *class_name)
{
    size_t a = strlen(asked), c = strlen(class_name), tail = strlen("Connector");

    if (a > tail && strcmp(asked + a - tail, "Connector") == 0)
        a -= tail;
    if (c > tail && strcmp(class_name + c - tail, "Connector") == 0)
        c -= tail;
    if (a > c) {
        const char *longer = asked;

        asked = class_name;
        class_name = longer;
        a ^= c;
        c ^= a;
        a ^= c;
    }
    return a > 0 && strncmp(class_name + c - a, asked, a) == 0;
}

void
api_validate(struct rest_request *r)
{
    json_t *config = rest_body_config(r);
    const char *class_name = json_string_value(json_object_get(config, "connector.class"));
    struct validation v;
    struct buf why;

    if (!config)
        return;
    buf_init(&why, REST_ANSWER_MAX);
    if (class_name && !is_same_class(r->params[0], class_name)) {
        buf_printf(&why, "Included connector type %s does not match request type %s", class_name,
                   r->params[0]);
        rest_error(r, 400, buf_cstr(&why));
    } else if (!check_class(r->context->config, config, &why)) {
        rest_error(r, 500, buf_cstr(&why));
    } else {
        validate(&v, class_name, config);
        r->status = 200;
        r->type = "application/json";
        validate_write(&v, &r->out);
        validate_free(&v);
    }
    buf_free(&why);
    json_decref(config);
}

bool
api_check(void *arg, const char *name, json_t *config, struct worker_error *e)
{
    struct validation v;
    struct buf why;
    bool ok;

    (void)name;
    buf_init(&why, REST_ANSWER_MAX);
    ok = check_class(arg, config, &why);
    if (ok) {
        validate(&v, NULL, config);
        ok = v.nerrors == 0;
        if (!ok)
            validate_summary(&v, &why);
        validate_free(&v);
    }
    if (!ok)
        worker_refuse(e, 400, "%s", buf_cstr(&why));
    buf_free(&why);
    return ok;
}
