/* Checks of single property values, beyond what type, range and choices say. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "decoder/naming.h"
#include "replicator/conf_rows.h"
#include "replicator/pg/reselect.h"

enum {
    ITEM_MAX = 1 << 16, /* one element of a list; longer ones are not written by people */
    SLOT_NAME_MAX = 63, /* NAMEDATALEN - 1 */
    TOPIC_MAX = 249,    /* Kafka's limit for topic names */
};

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool
wrong(struct err *e, const char *what)
{
    return err_set(e, ERR_CONFIG, "config.value", "%s", what);
}

/* ---------------------------------------------------------------------------------------------------------- names */

bool
conf_rule_name(const struct config *c, const char *value, struct err *e)
{
    (void)c;
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return wrong(e, "control characters are not allowed");
    /* It becomes a path segment of the REST interface and part of a file's name. */
    if (strchr(value, '/'))
        return wrong(e, "a slash is not allowed");
    return true;
}

bool
conf_rule_topic_prefix(const struct config *c, const char *value, struct err *e)
{
    (void)c;
    if (value[strspn(value, LETTERS DIGITS "._-")])
        return wrong(e, "allowed are letters, digits, dot, hyphen and underscore");
    return true;
}

bool
conf_rule_topic(const struct config *c, const char *value, struct err *e)
{
    (void)c;
    if (value[strspn(value, LETTERS DIGITS "._-")] || strlen(value) > TOPIC_MAX ||
        strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
        return wrong(
            e, "a topic's name has letters, digits, dots, hyphens and underscores, at most 249");
    return true;
}

bool
conf_rule_delimiter(const struct config *c, const char *value, struct err *e)
{
    (void)c;
    if (value[strspn(value, LETTERS DIGITS "._-")])
        return wrong(e, "topic names hold only letters, digits, dot, hyphen and underscore");
    return true;
}

bool
conf_rule_hostname(const struct config *c, const char *value, struct err *e)
{
    (void)c;
    if (value[strspn(value, LETTERS DIGITS "._-:,/@")])
        return wrong(
            e, "allowed are host names and addresses, separated by commas, or a socket's folder");
    return true;
}

bool
conf_rule_slot_name(const struct config *c, const char *value, struct err *e)
{
    (void)c;
    if (value[strspn(value, "abcdefghijklmnopqrstuvwxyz" DIGITS "_")] ||
        strlen(value) > SLOT_NAME_MAX)
        return wrong(e, "allowed are lower-case letters, digits and underscore, at most 63");
    return true;
}

/* -------------------------------------------------------------------------------------------------- Java classes */

bool
conf_rule_connector_class(const struct config *c, const char *value, struct err *e)
{
    static const char *const same[] = {"io.debezium.connector.postgresql.PostgresConnector",
                                       "PostgresConnector", "Postgres"};

    (void)c;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        if (strcmp(value, same[i]) == 0)
            return true;
    return wrong(e, "only io.debezium.connector.postgresql.PostgresConnector can be replaced");
}

bool
conf_rule_naming(const struct config *c, const char *value, struct err *e)
{
    struct naming *naming;

    (void)value;
    if (!naming_new(c, &naming, e))
        return false;
    naming_free(naming);
    return true;
}

bool
conf_rule_processors(const struct config *c, const char *value, struct err *e)
{
    struct reselect *r;

    (void)value;
    if (!reselect_new(c, NULL, NULL, &r, e))
        return false;
    reselect_free(r);
    return true;
}

bool
conf_rule_converter(const struct config *c, const char *value, struct err *e)
{
    enum converter ignored;

    (void)c;
    if (conf_converter(value, &ignored) && ignored != CONVERTER_SIMPLE)
        return true;
    return wrong(e,
                 "only JsonConverter, StringConverter and ByteArrayConverter of Apache Kafka are "
                 "there; keep this connector on Kafka Connect until its converter is, or change "
                 "its consumers to JSON");
}

bool
conf_rule_header_converter(const struct config *c, const char *value, struct err *e)
{
    enum converter ignored;

    (void)c;
    if (conf_converter(value, &ignored) && ignored != CONVERTER_BYTES)
        return true;
    return wrong(e,
                 "only SimpleHeaderConverter, JsonConverter and StringConverter of Apache Kafka "
                 "are there");
}

/* --------------------------------------------------------------------------------------------------------- modes */

bool
conf_rule_snapshot_mode(const struct config *c, const char *value, struct err *e)
{
    (void)c;
    if (strcmp(value, "custom") != 0)
        return true;
    return wrong(e,
                 "Java classes cannot be loaded; configuration_based says what to read and "
                 "whether to stream by properties of its own");
}

bool
conf_rule_new_tables(const struct config *c, const char *value, struct err *e)
{
    if (strcasecmp(value, "off") == 0 || config_bool(c, "walbridge.snapshot.resume"))
        return true;
    return wrong(e,
                 "it is done as an interrupted snapshot goes on, so it needs "
                 "walbridge.snapshot.resume=true");
}

bool
conf_rule_locking_mode(const struct config *c, const char *value, struct err *e)
{
    (void)c;
    if (strcmp(value, "custom") != 0)
        return true;
    return wrong(e, "Java classes cannot be loaded; allowed are none, shared");
}

bool
conf_rule_query_mode(const struct config *c, const char *value, struct err *e)
{
    (void)c;
    if (strcmp(value, "custom") != 0)
        return true;
    return wrong(e, "Java classes cannot be loaded; use snapshot.select.statement.overrides");
}

bool
conf_rule_skipped_operations(const struct config *c, const char *value, struct err *e)
{
    bool none = false, ok = true;
    unsigned n = 0;
    struct buf item;

    (void)c;
    buf_init(&item, ITEM_MAX);
    for (; config_list_next(&value, &item); n++) {
        const char *op = buf_cstr(&item);

        none = none || strcasecmp(op, "none") == 0;
        ok = ok && (strcasecmp(op, "none") == 0 || (item.n == 1 && strchr("rcudtRCUDT", op[0])));
    }
    buf_free(&item);
    if (!ok)
        return wrong(e, "allowed is a list of c, u, d, t, r (which skips nothing), or none");
    if (none && n > 1)
        return wrong(e, "none does not go together with other operations");
    return true;
}

/* name=value[;…]; not those that decide in which form the server sends changes, or which. */
bool
conf_rule_stream_params(const struct config *c, const char *value, struct err *e)
{
    static const char *const ours[] = {"proto_version", "publication_names", "messages",
                                       "binary",        "streaming",         "two_phase"};

    (void)c;
    while (*value) {
        size_t n = strcspn(value, ";"), name = strcspn(value, "=;");

        if (n > 0 && (name == 0 || name == n))
            return wrong(e, "expected are name=value pairs separated by semicolons");
        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
            if (name == strlen(ours[i]) && strncasecmp(value, ours[i], name) == 0)
                return err_set(e, ERR_CONFIG, "config.value", "%s is set by the program itself",
                               ours[i]);
        value += n + (value[n] == ';');
    }
    return true;
}

bool
conf_rule_placeholder(const struct config *c, const char *value, struct err *e)
{
    const char *hex = value + 4;

    (void)c;
    if (strncmp(value, "hex:", 4) != 0)
        return true;
    if (strlen(hex) % 2 || hex[strspn(hex, DIGITS "abcdefABCDEF")])
        return wrong(e, "behind hex: an even number of hexadecimal digits is expected");
    return true;
}

/* ---------------------------------------------------------------------------------------------- regular expressions */

static bool
check_regex(const char *text, size_t n, struct err *e)
{
    PCRE2_UCHAR why[160];
    PCRE2_SIZE at;
    int code;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)text, n, PCRE2_UTF, &code, &at, NULL);

    if (re) {
        pcre2_code_free(re);
        return true;
    }
    pcre2_get_error_message(code, why, sizeof(why));
    return err_set(e, ERR_CONFIG, "config.regex",
                   "\"%.*s\" is not a regular expression: %s, at character %zu",
                   n > 200 ? 200 : (int)n, text, (const char *)why, (size_t)at);
}

bool
conf_rule_regex_list(const struct config *c, const char *value, struct err *e)
{
    struct buf item;
    bool ok = true;

    (void)c;
    buf_init(&item, ITEM_MAX);
    while (ok && config_list_next(&value, &item)) {
        ok = buf_ok(&item) && check_regex(item.p, item.n, e);
        if (!buf_ok(&item))
            wrong(e, "one expression is longer than 65536 bytes");
    }
    buf_free(&item);
    return ok;
}

/* Debezium refuses the two lists of a pair together. */
static bool
exclude_list(const struct config *c, const char *include, const char *value, struct err *e)
{
    const char *other = config_str(c, include);

    if (other && *other)
        return err_set(e, ERR_CONFIG, "config.value",
                       "\"%s\" is given too; only one of the two may be", include);
    return conf_rule_regex_list(c, value, e);
}

bool
conf_rule_schema_exclude(const struct config *c, const char *value, struct err *e)
{
    return exclude_list(c, "schema.include.list", value, e);
}

bool
conf_rule_table_exclude(const struct config *c, const char *value, struct err *e)
{
    return exclude_list(c, "table.include.list", value, e);
}

bool
conf_rule_column_exclude(const struct config *c, const char *value, struct err *e)
{
    return exclude_list(c, "column.include.list", value, e);
}

bool
conf_rule_message_exclude(const struct config *c, const char *value, struct err *e)
{
    return exclude_list(c, "message.prefix.include.list", value, e);
}

/* <table expression>:<column>[,<column>…][;…] */
bool
conf_rule_key_columns(const struct config *c, const char *value, struct err *e)
{
    (void)c;
    while (*value) {
        size_t n, colon;

        value += strspn(value, " \t\r\n");
        n = strcspn(value, ";");
        colon = strcspn(value, ":;");
        if (n > 0) {
            if (colon == 0 || colon + 1 >= n)
                return wrong(e,
                             "expected is <schema>.<table>:<column>,<column>, with semicolons "
                             "between tables");
            if (!check_regex(value, colon, e))
                return false;
        }
        value += n;
        value += *value == ';';
    }
    return true;
}

static bool
is_identity(const char *text)
{
    static const char *const words[] = {"DEFAULT", "FULL", "NOTHING"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return strncasecmp(text, "INDEX ", 6) == 0 && text[6 + strspn(text + 6, " ")];
}

/* <table expression>:DEFAULT|FULL|NOTHING|INDEX <name>[,…] */
bool
conf_rule_identity_autoset(const struct config *c, const char *value, struct err *e)
{
    struct buf item;
    bool ok = true;

    (void)c;
    buf_init(&item, ITEM_MAX);
    while (ok && config_list_next(&value, &item)) {
        const char *text = buf_cstr(&item);
        const char *colon = strrchr(text, ':');

        if (!colon || colon == text || !is_identity(colon + 1))
            ok = wrong(e,
                       "expected is <schema>.<table>:DEFAULT, :FULL, :NOTHING or :INDEX <name>, "
                       "with commas "
                       "between tables");
        else
            ok = check_regex(text, (size_t)(colon - text), e);
    }
    buf_free(&item);
    return ok;
}
