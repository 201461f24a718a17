#include "replicator/rest/rules.h"

#include <ctype.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "replicator/conf.h"
#include "replicator/rest/java_text.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* ----------------------------------------------------------------------------------------------------------- Debezium */

static bool
wrong(const struct rule_value *v, struct buf *out, const char *what)
{
    buf_printf(out, "The '%s' value is invalid: %s", v->name, what);
    return false;
}

static bool
wrong_value(const struct rule_value *v, struct buf *out, const char *what)
{
    buf_printf(out, "The '%s' value is invalid: %s %s", v->name, v->value, what);
    return false;
}

/* A rule with what it needs: limits, and the words for what breaks it. */
struct check {
    bool (*run)(const struct rule_value *v, const struct check *c, struct buf *out);
    int64_t min, max;
    const char *text;
    bool absent; /* also asked when there is no value */
};

static bool
number(const struct rule_value *v, const struct check *c, struct buf *out)
{
    int64_t n;

    return java_number(v->value, c->min, c->max, &n) || wrong(v, out, c->text);
}

/* The range alone: that it is a number, another rule says. */
static bool
in_range(const struct rule_value *v, const struct check *c, struct buf *out)
{
    int64_t n;

    return !java_number(v->value, INT32_MIN, INT32_MAX, &n) || (n >= c->min && n <= c->max) ||
           wrong(v, out, c->text);
}

static bool
boolean(const struct rule_value *v, const struct check *c, struct buf *out)
{
    return java_bool(v->value) || wrong(v, out, c->text);
}

static bool
class_name(const struct rule_value *v, const struct check *c, struct buf *out)
{
    return java_class_name(v->value) || wrong(v, out, c->text);
}

static bool
not_empty(const struct rule_value *v, const struct check *c, struct buf *out)
{
    return (v->value && *v->value) || wrong(v, out, c->text);
}

static bool
debezium_choice(const struct rule_value *v, const struct check *c, struct buf *out)
{
    (void)c;
    const struct definition *d = v->definition;
    const struct prop *p = prop_find(conf_tables, d->row ? d->row : d->name);
    const char *choice = d->with ? d->with : p->choices ? p->choices : d->recommended;
    size_t n = strlen(v->value);

    while (*choice) {
        size_t len = strcspn(choice, ",|");

        if (len == n && strncasecmp(choice, v->value, n) == 0)
            return true;
        choice += len;
        choice += strspn(choice, ",| ");
    }
    buf_printf(out, "The '%s' value is invalid: Value must be one of %s", v->name, d->recommended);
    return false;
}

static bool
key_values(const struct rule_value *v, const struct check *c, struct buf *out)
{
    const char *p = v->value;

    while (*p) {
        size_t n = strcspn(p, ","), eq = strcspn(p, "=,");

        if (eq == 0 || eq >= n || eq + 1 == n)
            return wrong(v, out, c->text);
        p += n + (p[n] == ',');
    }
    return true;
}

static bool
regex_list(const struct rule_value *v, const struct check *c, struct buf *out)
{
    (void)c;
    const char *at = v->value;
    struct buf item, why;
    bool ok = true;

    buf_init(&item, 1 << 16);
    buf_init(&why, 1 << 17);
    while (ok && config_list_next(&at, &item)) {
        ok = buf_ok(&item) && java_regex(item.p, item.n, &why);
        if (!ok)
            buf_printf(out,
                       "The '%s' value is invalid: A comma-separated list of valid regular "
                       "expressions is expected, but %s",
                       v->name, buf_cstr(&why));
    }
    buf_free(&item);
    buf_free(&why);
    return ok;
}

static bool
excludes(const struct rule_value *v, const struct check *c, struct buf *out)
{
    (void)c;
    const char *other = config_str(v->config, v->definition->with);

    if (!other || !*other)
        return true;
    buf_printf(out, "The '%s' value is invalid: \"%s\" is already specified", v->name,
               v->definition->with);
    return false;
}

static bool
topic_prefix(const struct rule_value *v, const struct check *c, struct buf *out)
{
    return (*v->value && !v->value[strspn(v->value, LETTERS DIGITS "._-")]) ||
           wrong_value(v, out, c->text);
}

/* Host names, addresses, several of them, a socket's folder; what our own check refuses. */
static bool
host(const struct rule_value *v, const struct check *c, struct buf *out)
{
    const struct prop *p = prop_find(conf_tables, v->definition->name);

    return !*v->value || p->check(v->config, v->value, NULL) || wrong_value(v, out, c->text);
}

static bool
slot(const struct rule_value *v, const struct check *c, struct buf *out)
{
    size_t n = strlen(v->value);

    return (n > 0 && n <= 63 && strspn(v->value, "abcdefghijklmnopqrstuvwxyz" DIGITS "_") == n) ||
           wrong(v, out, c->text);
}

static bool
operations(const struct rule_value *v, const struct check *c, struct buf *out)
{
    const char *p = v->value;

    if (strcmp(p, "none") == 0)
        return true;
    do {
        if (!*p || !strchr("rcudt", p[0]) || (p[1] && !strchr(", ", p[1])))
            return wrong(v, out, c->text);
        p++;
        p += strspn(p, ", ");
    } while (*p);
    return true;
}

static bool
queue_size(const struct rule_value *v, const struct check *c, struct buf *out)
{
    int64_t n, most;

    if (!java_number(config_str(v->config, "max.batch.size"), 1, INT32_MAX, &most))
        most = 2048;
    return !java_number(v->value, INT32_MIN, INT32_MAX, &n) || n > most || wrong(v, out, c->text);
}

static bool
matches(const struct rule_value *v, struct buf *out, const char *item, size_t n,
        const char *expression)
{
    PCRE2_SIZE at;
    int code;
    pcre2_code *re =
        pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &code, &at, NULL);
    pcre2_match_data *m = re ? pcre2_match_data_create(1, NULL) : NULL;
    bool ok = m && pcre2_match(re, (PCRE2_SPTR)item, n, 0, 0, m, NULL) >=
                       0; /* 0: more groups than room for them */

    if (!ok)
        buf_printf(out, "The '%s' value is invalid: %.*s has an invalid format (expecting '%s')",
                   v->name, (int)n, item, expression);
    pcre2_match_data_free(m);
    pcre2_code_free(re);
    return ok;
}

/* Each part of a list that the character `min` separates. */
static bool
matches_all(const struct rule_value *v, const struct check *c, struct buf *out)
{
    const char *p = v->value;

    for (;;) {
        const char *end = strchrnul(p, (int)c->min);

        if (!matches(v, out, p, (size_t)(end - p), c->text))
            return false;
        if (!*end || !end[1])
            return true;
        p = end + 1;
    }
}

static bool
notification_topic(const struct rule_value *v, const struct check *c, struct buf *out)
{
    const char *channels = config_str(v->config, "notification.enabled.channels");

    return (v->value && *v->value) || !channels || !strstr(channels, "sink") ||
           wrong(v, out, c->text);
}

/* ------------------------------------------------------------------------------------------------------ Kafka Connect */

static bool
invalid(const struct rule_value *v, struct buf *out, const char *what)
{
    buf_printf(out, "Invalid value %s for configuration %s: %s", v->value, v->name, what);
    return false;
}

/* Kafka trims numbers. */
static bool
trimmed_number(const struct rule_value *v, int64_t min, int64_t max, int64_t *n)
{
    char text[32];
    const char *p = v->value;
    size_t len;

    while (isspace((unsigned char)*p))
        p++;
    len = strlen(p);
    while (len && isspace((unsigned char)p[len - 1]))
        len--;
    if (len >= sizeof(text))
        return false;
    memcpy(text, p, len);
    text[len] = '\0';
    return java_number(text, min, max, n);
}

static bool
connect_number(const struct rule_value *v, const struct check *c, struct buf *out)
{
    int64_t n;

    return trimmed_number(v, c->min, c->max, &n) || invalid(v, out, c->text);
}

static bool
connect_bool(const struct rule_value *v, const struct check *c, struct buf *out)
{
    return java_bool(v->value) || invalid(v, out, c->text);
}

static bool
connect_not_empty(const struct rule_value *v, const struct check *c, struct buf *out)
{
    return *v->value || invalid(v, out, c->text);
}

static bool
exactly_once(const struct rule_value *v, const struct check *c, struct buf *out)
{
    if (strcasecmp(v->value, "required") != 0)
        return true;
    buf_str(out, c->text);
    return false;
}

static bool
connect_min(const struct rule_value *v, const struct check *c, struct buf *out)
{
    bool is_int = v->definition->rules[0] == RULE_CONNECT_INT;
    int64_t n;

    if (trimmed_number(v, is_int ? INT32_MIN : INT64_MIN, is_int ? INT32_MAX : INT64_MAX, &n))
        return n >= c->min || invalid(v, out, c->text);
    /* What is no number counts as none at all. */
    if (is_int)
        buf_printf(out, "Invalid value null for configuration %s: Value must be non-null", v->name);
    return !is_int;
}

static bool
connect_choice(const struct rule_value *v, const struct check *c, struct buf *out)
{
    bool any_case = c->min;
    const char *p = v->definition->with;
    size_t n = strlen(v->value);

    while (*p) {
        size_t len = strcspn(p, ",");

        if (len == n &&
            (any_case ? strncasecmp(p, v->value, n) == 0 : strncmp(p, v->value, n) == 0))
            return true;
        p += len;
        p += strspn(p, ", ");
    }
    if (c->text)
        buf_printf(out, "Invalid value %s for configuration %s: %s %s", v->value, v->name, c->text,
                   v->definition->with);
    else
        buf_printf(out, "Invalid value %s for configuration %s: String must be one of%s: %s",
                   v->value, v->name, any_case ? " (case insensitive)" : "", v->definition->with);
    return false;
}

static bool
connect_regex(const struct rule_value *v, const struct check *c, struct buf *out)
{
    struct buf why;
    bool ok;

    (void)c;
    buf_init(&why, 1 << 17);
    if (!v->value)
        BUF_LIT(&why, "null");
    ok = v->value && java_regex(v->value, strlen(v->value), &why);
    if (!ok)
        buf_printf(out, "Invalid value %s for configuration %s: Invalid regex: %s",
                   v->value ? v->value : "null", v->name, buf_cstr(&why));
    buf_free(&why);
    return ok;
}

static bool
connect_class(const struct rule_value *v, const struct check *c, struct buf *out)
{
    (void)c;
    const char *p = v->definition->recommended;
    size_t n = strlen(v->value);
    unsigned types = strcmp(v->definition->name, "header.converter") == 0 ? PLUGIN_HEADER_CONVERTER
                                                                          : PLUGIN_CONVERTER;

    if (plugin_find(v->value, types))
        return true;
    for (; *p; p += strspn(p, ", ")) {
        size_t len = strcspn(p, ",");

        /* There in Kafka Connect, but not here: our own check says so. */
        if (len == n && strncmp(p, v->value, n) == 0)
            return true;
        p += len;
    }
    buf_printf(out, "Invalid value %s for configuration %s: Class %s could not be found.", v->value,
               v->name, v->value);
    return false;
}

static bool
name_rule(const struct rule_value *v, const struct check *c, struct buf *out)
{
    (void)c;
    bool first = true;

    if (!v->value[strspn(v->value, " \t\r\n")])
        return invalid(v, out, "String may not be empty");
    for (const char *p = v->value; *p; p++) {
        if ((unsigned char)*p >= 0x20 && *p != 0x7f)
            continue;
        if (first)
            buf_printf(out,
                       "Invalid value %s for configuration %s: String may not contain control "
                       "sequences but had the following ASCII chars: %d",
                       v->value, v->name, *p);
        else
            buf_printf(out, ", %d", *p);
        first = false;
    }
    if (first && strpbrk(v->value, "/\\%"))
        return invalid(v, out,
                       "a connector of this name could not be addressed: '/', '\\' and '%' do not "
                       "pass in a URL");
    return first;
}

static bool
aliases(const struct rule_value *v, const struct check *c, struct buf *out)
{
    (void)c;
    struct buf a, b;
    const char *at = v->value, *other;
    bool twice = false;

    buf_init(&a, 1 << 16);
    buf_init(&b, 1 << 16);
    while (!twice && config_list_next(&at, &a)) {
        other = at;
        while (!twice && config_list_next(&other, &b))
            twice = a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
    }
    if (twice) {
        BUF_LIT(out, "Invalid value [");
        at = v->value;
        for (bool first = true; config_list_next(&at, &a); first = false) {
            if (!first)
                BUF_LIT(out, ", ");
            buf_slice(out, buf_view(&a));
        }
        buf_printf(out, "] for configuration %s: Duplicate alias provided.", v->name);
    }
    buf_free(&a);
    buf_free(&b);
    return !twice;
}

static bool
plugin_version(const struct rule_value *v, const struct check *c, struct buf *out)
{
    (void)c;
    if (strcmp(v->value, CONNECTOR_VERSION) == 0)
        return true;
    buf_printf(out,
               "Plugin " CONNECTOR_CLASS
               " not found that matches the version range [%s,%s], available versions: "
               "[" CONNECTOR_VERSION "]",
               v->value, v->value);
    return false;
}

/* -------------------------------------------------------------------------------------------------------- the table */

static const struct check checks[] = {
    [RULE_REQUIRED] = {not_empty, 0, 0, "A value is required", true},
    [RULE_INT] = {number, INT32_MIN, INT32_MAX, "An integer is expected", false},
    [RULE_LONG] = {number, INT64_MIN, INT64_MAX, "A long value is expected", false},
    [RULE_BOOL] = {boolean, 0, 0, "Either 'true' or 'false' is expected", false},
    [RULE_CLASS] = {class_name, 0, 0, "A Java class name is expected", false},
    [RULE_POS_INT] = {number, 1, INT32_MAX, "A positive, non-zero integer value is expected",
                      false},
    [RULE_NAT_INT] = {number, 0, INT32_MAX, "An non-negative integer is expected", false},
    [RULE_POS_LONG] = {number, 1, INT64_MAX, "A positive, non-zero long value is expected", false},
    [RULE_NAT_LONG] = {number, 0, INT64_MAX, "A non-negative long value is expected", false},
    [RULE_CHOICE] = {debezium_choice, 0, 0, NULL, false},
    [RULE_MAP] = {key_values, 0, 0,
                  "A equivalent-separated map of valid key/value pairs is expected, for example: "
                  "k1=v1,k2=v2",
                  false},
    [RULE_REGEX_LIST] = {regex_list, 0, 0, NULL, false},
    [RULE_EXCLUDES] = {excludes, 0, 0, NULL, false},
    [RULE_NOT_EMPTY] = {not_empty, 0, 0, "Must not be empty", false},
    [RULE_TOPIC_PREFIX] = {topic_prefix, 0, 0,
                           "has invalid format (only the underscore, hyphen, dot and alphanumeric "
                           "characters are allowed)",
                           false},
    [RULE_HOST] = {host, 0, 0,
                   "has invalid format (only the underscore, hyphen, dot and alphanumeric "
                   "characters are allowed)",
                   false},
    [RULE_SLOT] = {slot, 0, 0,
                   "Valid replication slot name must contain only digits, lowercase characters and "
                   "underscores with length <= 63",
                   false},
    [RULE_OPERATIONS] = {operations, 0, 0, "Invalid operation", false},
    [RULE_QUEUE_POSITIVE] = {in_range, 1, INT32_MAX, "A positive queue size is required", false},
    [RULE_QUEUE_SIZE] = {queue_size, 0, 0, "Must be larger than the maximum batch size", false},
    [RULE_KEY_COLUMNS] = {matches_all, ';', 0, "^\\s*([^:]+):([^:,]+(,[^:,]+)*)\\s*$", false},
    [RULE_IDENTITY] = {matches_all, ',', 0,
                       "(?i)^\\s*(?<tablepredicate>[^\\s:]+):(?<replicaidentity>DEFAULT|(INDEX) "
                       "(?<indexname>.\\w*)|FULL|NOTHING)\\s*$",
                       false},
    [RULE_NOTIFICATION_TOPIC] = {notification_topic, 0, 0,
                                 "Notification topic name must be provided when kafka notification "
                                 "channel is enabled",
                                 true},
    [RULE_NAME] = {name_rule, 0, 0, NULL, false},
    [RULE_CONNECT_INT] = {connect_number, INT32_MIN, INT32_MAX, "Not a number of type INT", false},
    [RULE_CONNECT_LONG] = {connect_number, INT64_MIN, INT64_MAX, "Not a number of type LONG",
                           false},
    [RULE_CONNECT_BOOL] = {connect_bool, 0, 0, "Expected value to be either true or false", false},
    [RULE_CONNECT_MIN] = {connect_min, 1, 0, "Value must be at least 1", false},
    [RULE_CONNECT_NATURAL] = {connect_min, 0, 0, "Value must be at least 0", false},
    [RULE_CONNECT_CHOICE] = {connect_choice, false, 0, NULL, false},
    [RULE_CONNECT_CHOICE_ANY] = {connect_choice, true, 0, NULL, false},
    [RULE_CONNECT_CLASS] = {connect_class, 0, 0, NULL, false},
    [RULE_CONNECT_NOT_EMPTY] = {connect_not_empty, 0, 0, "String must be non-empty", false},
    [RULE_CONNECT_REGEX] = {connect_regex, 0, 0, NULL, true},
    [RULE_CONNECT_ONE_OF] = {connect_choice, false, 0, "Value must be one of", false},
    [RULE_EXACTLY_ONCE] = {exactly_once, 0, 0,
                           "This worker does not have exactly-once source support enabled.", false},
    [RULE_PLUGIN_VERSION] = {plugin_version, 0, 0, NULL, false},
    [RULE_ALIASES] = {aliases, 0, 0, NULL, false},
};

bool
rule_check(enum rule rule, const struct rule_value *v, struct buf *out)
{
    const struct check *c = &checks[rule];

    return !c->run || (!v->value && !c->absent) || c->run(v, c, out);
}
