#include "decoder/naming.h"

#include <stdlib.h>

#include "base/mem.h"
#include "decoder/pattern_swap.h"

enum naming_way { NAMING_PLAIN, NAMING_UNICODE, NAMING_REGEX };

static const struct naming_class {
    const char *name; /* behind "io.debezium.schema." */
    bool has_schema;
    enum naming_way way;
} naming_classes[] = {
    {"SchemaTopicNamingStrategy", true, NAMING_PLAIN},
    {"DefaultTopicNamingStrategy", false, NAMING_PLAIN},
    {"SchemaUnicodeTopicNamingStrategy", true, NAMING_UNICODE},
    {"DefaultUnicodeTopicNamingStrategy", false, NAMING_UNICODE},
    {"SchemaRegexTopicNamingStrategy", true, NAMING_REGEX},
    {"DefaultRegexTopicNamingStrategy", false, NAMING_REGEX},
};

#define NAMING_PACKAGE "io.debezium.schema."

struct naming {
    const struct naming_class *class;
    struct pattern_swap *topic, *key; /* key NULL: the topic itself */
    char *field;                      /* NULL: no field */
};

static const struct naming_class *
naming_find(const char *name)
{
    size_t n = sizeof(NAMING_PACKAGE) - 1;

    for (size_t i = 0; i < sizeof(naming_classes) / sizeof(*naming_classes); i++)
        if (strncmp(name, NAMING_PACKAGE, n) == 0 && strcmp(name + n, naming_classes[i].name) == 0)
            return &naming_classes[i];
    return NULL;
}

/* A property's value; NULL: none, or nothing but spaces. */
static const char *
naming_given(const struct config *c, const char *property)
{
    const char *v = config_str(c, property);

    return v && v[strspn(v, " \t\r\n")] ? v : NULL;
}

static bool
naming_read_swap(const struct config *c, const char *regex, const char *replacement,
                 struct pattern_swap **out, struct err *e)
{
    const char *from = naming_given(c, regex), *to = naming_given(c, replacement);

    if (!from || !to)
        return err_set(e, ERR_CONFIG, "config.value", "it needs %s and %s", regex, replacement);
    *out = pattern_swap_new(from, to, e);
    return *out || err_wrap(e, "%s", regex);
}

static bool
naming_read_regex(struct naming *n, const struct config *c, struct err *e)
{
    if (!naming_read_swap(c, "topic.regex", "topic.replacement", &n->topic, e))
        return false;
    if (config_bool(c, "topic.key.enforce.uniqueness"))
        n->field = mem_strdup(config_str(c, "topic.key.field.name"));
    return !naming_given(c, "topic.key.field.regex") ||
           naming_read_swap(c, "topic.key.field.regex", "topic.key.field.replacement", &n->key, e);
}

bool
naming_new(const struct config *c, struct naming **out, struct err *e)
{
    const char *name =
        config_prop(c, "topic.naming.strategy") ? config_str(c, "topic.naming.strategy") : NULL;
    const struct naming_class *class = name ? naming_find(name) : naming_classes;
    struct naming *n;

    *out = NULL;
    if (class == naming_classes)
        return true;
    if (!class)
        return err_set(e, ERR_CONFIG, "config.value",
                       "Java classes cannot be loaded; of " NAMING_PACKAGE
                       "* there are SchemaTopicNamingStrategy, DefaultTopicNamingStrategy, and the "
                       "same with Unicode or Regex before Topic");
    n = mem_alloc(sizeof(*n));
    n->class = class;
    if (class->way == NAMING_REGEX && !naming_read_regex(n, c, e)) {
        naming_free(n);
        return false;
    }
    *out = n;
    return true;
}

void
naming_free(struct naming *n)
{
    if (!n)
        return;
    pattern_swap_free(n->topic);
    pattern_swap_free(n->key);
    free(n->field);
    free(n);
}

bool
naming_escapes(const struct naming *n)
{
    return n && n->class->way == NAMING_UNICODE;
}

bool
naming_has_schema(const struct naming *n)
{
    return !n || n->class->has_schema;
}

bool
naming_replace(const struct naming *n, struct slice topic, struct buf *out)
{
    size_t at = out->n;

    return n && n->topic && pattern_swap_match(n->topic, topic, out) && out->n > at;
}

const char *
naming_key_field(const struct naming *n)
{
    return n ? n->field : NULL;
}

void
naming_key_value(const struct naming *n, struct slice origin, struct buf *out)
{
    if (!n->key || !pattern_swap_match(n->key, origin, out))
        buf_slice(out, origin);
}
