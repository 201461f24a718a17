/* Reading a connector's configuration: JSON as Kafka Connect takes it, or a properties file. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "replicator/conf.h"
#include "replicator/conf_props.h"
#include "replicator/conf_provider.h"

enum {
    FILE_MAX =
        1 << 20, /* a connector file has some kilobytes, with certificates inline some dozens */
    VALUE_MAX = 1 << 18, /* one value, variables filled in */
    PROPERTIES_MAX = 4096,
};

struct reader {
    struct config *c;
    struct map *seen; /* names given so far */
    struct buf value; /* the one being filled in */
};

static bool
add_property(void *arg, const char *key, const char *value, struct err *e)
{
    struct reader *r = arg;

    if (map_put(r->seen, slice_of(key), r))
        return err_set(e, ERR_CONFIG, "config.duplicate", "property \"%s\" is given twice", key);
    if (map_count(r->seen) > PROPERTIES_MAX)
        return err_set(e, ERR_CONFIG, "config.size", "more than %d properties", PROPERTIES_MAX);
    if (!conf_expand(&r->value, key, value, e))
        return false;
    config_set(r->c, key, buf_cstr(&r->value));
    return true;
}

/* ------------------------------------------------------------------------------------------------------------ JSON */

/* Scalars become the text they are written as; null means not given. */
static bool
add_json(struct reader *r, const char *key, const json_t *v, struct err *e)
{
    char text[32];

    switch (json_typeof(v)) {
    case JSON_STRING:
        return add_property(r, key, json_string_value(v), e);
    case JSON_TRUE:
        return add_property(r, key, "true", e);
    case JSON_FALSE:
        return add_property(r, key, "false", e);
    case JSON_INTEGER:
        snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(v));
        return add_property(r, key, text, e);
    case JSON_REAL:
        /* The shortest text that means this number. */
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(text, sizeof(text), "%.*g", digits, json_real_value(v));
            if (strtod(text, NULL) == json_real_value(v))
                break;
        }
        return add_property(r, key, text, e);
    case JSON_NULL:
        return true;
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    return err_set(e, ERR_CONFIG, "config.nested",
                   "property \"%s\" is an object or a list; text is expected", key);
}

static bool
add_members(struct reader *r, json_t *object, struct err *e)
{
    for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it))
        if (!add_json(r, json_object_iter_key(it), json_object_iter_value(it), e))
            return false;
    return true;
}

/* {"name": …, "config": {…}}: what is posted to Kafka Connect. */
static bool
add_wrapped(struct reader *r, json_t *root, json_t *config, struct err *e)
{
    const char *name = json_string_value(json_object_get(root, "name"));
    const char *own = json_string_value(json_object_get(config, "name"));

    if (json_object_size(root) > (name ? 2 : 1))
        return err_set(e, ERR_CONFIG, "config.shape",
                       "beside \"config\" only a \"name\" (text) is expected");
    if (name && own && strcmp(name, own) != 0)
        return err_set(e, ERR_CONFIG, "config.shape",
                       "\"name\" is \"%s\", but \"config\" names \"%s\"", name, own);
    if (name && !own && !add_property(r, "name", name, e))
        return false;
    return add_members(r, config, e);
}

static bool
parse_json(struct reader *r, const char *text, size_t n, struct err *e)
{
    json_error_t je;
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
    json_t *config = json_object_get(root, "config");
    bool ok;

    if (!root)
        /* jansson quotes what it found near the error, which may be a password: only the place is said. */
        return err_set(e, ERR_CONFIG, "config.syntax", "%s in line %d, column %d",
                       json_error_code(&je) == json_error_duplicate_key
                           ? "a name is given twice"
                           : "the JSON is not well-formed",
                       je.line, je.column);
    ok = json_is_object(config) ? add_wrapped(r, root, config, e) : add_members(r, root, e);
    json_decref(root);
    return ok;
}

/* ------------------------------------------------------------------------------------------------------------- files */

static const char *
first_of(const struct config *c, const char *const *names)
{
    for (; *names; names++)
        if (config_str(c, *names) && *config_str(c, *names))
            return config_str(c, *names);
    return NULL;
}

/* The file's name, else what identifies the server, else "orders" for "conf/orders.json". */
static char *
connector_name(const struct config *c, const char *origin)
{
    static const char *const naming[] = {"name", "topic.prefix", "database.server.name", NULL};
    const char *name = first_of(c, naming), *base, *dot;

    if (name)
        return mem_strdup(name);
    if (strcmp(origin, "-") == 0)
        return mem_strdup("walbridge");
    base = strrchr(origin, '/');
    base = base ? base + 1 : origin;
    dot = strrchr(base, '.');
    return dot && dot > base ? mem_strndup(base, (size_t)(dot - base)) : mem_strdup(base);
}

/* The configuration under the name it turned out to have. */
static struct config *
renamed(const struct config *c, const char *origin)
{
    char *name = connector_name(c, origin);
    struct config *named = config_new(name, conf_tables);
    const char *servers = getenv("BOOTSTRAP_SERVERS"), *key, *value;

    for (size_t i = 0; config_next(c, &i, &key, &value);)
        config_set(named, key, value);
    config_set(named, "name", name);
    if (servers && *servers && !config_given(named, "bootstrap.servers"))
        config_set(named, "bootstrap.servers", servers);
    free(name);
    return named;
}

struct config *
conf_parse(const char *text, size_t n, const char *origin, struct err *e)
{
    struct reader r = {.c = config_new(origin, conf_tables), .seen = map_new()};
    struct config *c = NULL;
    size_t at = 0;
    bool ok;

    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        at = 3;
    text += at;
    n -= at;
    for (at = 0; at < n && strchr(" \t\r\n", text[at]) && text[at];)
        at++;
    buf_init(&r.value, VALUE_MAX);
    ok = at < n && text[at] == '{' ? parse_json(&r, text, n, e)
                                   : props_parse(text, n, add_property, &r, e);
    if (ok && map_count(r.seen) == 0)
        ok = err_set(e, ERR_CONFIG, "config.empty", "there are no properties in it");
    if (ok)
        c = renamed(r.c, origin);
    else
        err_wrap(e, "reading \"%s\"", origin);
    buf_free(&r.value);
    map_free(r.seen, NULL);
    config_free(r.c);
    return c;
}

static bool
read_all(FILE *f, struct buf *text, const char *path, struct err *e)
{
    size_t n;
    char *room;

    while ((room = buf_room(text, 4096)) && (n = fread(room, 1, 4096, f)) > 0)
        buf_took(text, n);
    if (!buf_ok(text))
        return err_set(e, ERR_CONFIG, "config.size",
                       "\"%s\" is larger than %d bytes, which no connector's file is", path,
                       FILE_MAX);
    if (ferror(f))
        return err_set(e, ERR_CONFIG, "config.read", "cannot read \"%s\": %s", path,
                       strerror(errno));
    return true;
}

struct config *
conf_read(const char *path, struct err *e)
{
    bool from_stdin = strcmp(path, "-") == 0;
    FILE *f = from_stdin ? stdin : fopen(path, "re");
    struct config *c = NULL;
    struct buf text;

    if (!f) {
        err_set(e, ERR_CONFIG, "config.read", "cannot open \"%s\": %s", path, strerror(errno));
        return NULL;
    }
    buf_init(&text, FILE_MAX + 4096);
    if (read_all(f, &text, path, e))
        c = conf_parse(text.p ? text.p : "", text.n, path, e);
    /* It may hold passwords. */
    if (text.p)
        explicit_bzero(text.p, text.n);
    buf_free(&text);
    if (!from_stdin)
        fclose(f);
    return c;
}
