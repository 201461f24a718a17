#include "replicator/connect/worker_conf.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/conf_props.h"
#include "replicator/rest/server.h"
#include "sinks/sink.h"

#define WORKER_SLOT_RETRIES "60" /* of 10 s each */

enum { WORKER_FILE_MAX = 1 << 20 };

const struct prop_table *const worker_conf_tables[] = {&worker_prop_table, &rest_prop_table,
                                                       &kafka_prop_table, NULL};

/* What the properties file in the image says before any variable stands in its place. */
static const struct {
    const char *name, *value;
} image_file[] = {
    {"group.id", "connect-cluster"},
    {"key.converter", "org.apache.kafka.connect.json.JsonConverter"},
    {"value.converter", "org.apache.kafka.connect.json.JsonConverter"},
    {"key.converter.schemas.enable", "true"},
    {"value.converter.schemas.enable", "true"},
    {"offset.storage.topic", "connect-offsets"},
    {"offset.storage.replication.factor", "1"},
    {"config.storage.topic", "connect-configs"},
    {"config.storage.replication.factor", "1"},
    {"status.storage.topic", "connect-status"},
    {"status.storage.replication.factor", "1"},
    {"offset.flush.interval.ms", "10000"},
};

/* The short forms; def NULL: without it the property stays as it was. They win over CONNECT_ names, as in the image. */
static const struct {
    const char *env, *property, *def;
} short_names[] = {
    {"GROUP_ID", "group.id", "1"},
    {"CONFIG_STORAGE_TOPIC", "config.storage.topic", NULL},
    {"OFFSET_STORAGE_TOPIC", "offset.storage.topic", NULL},
    {"STATUS_STORAGE_TOPIC", "status.storage.topic", NULL},
    {"KEY_CONVERTER", "key.converter", "org.apache.kafka.connect.json.JsonConverter"},
    {"VALUE_CONVERTER", "value.converter", "org.apache.kafka.connect.json.JsonConverter"},
    {"REST_HOST_NAME", "rest.host.name", NULL},
    {"REST_PORT", "rest.port", NULL},
    {"ADVERTISED_HOST_NAME", "rest.advertised.host.name", NULL},
    {"ADVERTISED_PORT", "rest.advertised.port", "8083"},
    {"OFFSET_FLUSH_INTERVAL_MS", "offset.flush.interval.ms", "60000"},
    {"OFFSET_FLUSH_TIMEOUT_MS", "offset.flush.timeout.ms", "5000"},
    {"SHUTDOWN_TIMEOUT", "task.shutdown.graceful.timeout.ms", "10000"},
};

/* CONNECT_ names that are no properties of the worker. */
static const char *const not_properties[] = {"CONNECT_LOG4J"};

/* For a JVM, or for what the image brings along beside it. */
static const char *const without_effect[] = {
    "HEAP_OPTS",
    "KAFKA_OPTS",
    "KAFKA_HEAP_OPTS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_JMX_OPTS",
    "EXTRA_ARGS",
    "ENABLE_JOLOKIA",
    "ENABLE_JMX_EXPORTER",
    "JMXHOST",
    "JMXPORT",
    "ENABLE_JFR",
    "ENABLE_OTEL",
    "ENABLE_DEBEZIUM_SCRIPTING",
    "ENABLE_CHRONICLE_QUEUE",
    "ENABLE_APICURIO_CONVERTERS",
    "APICURIO_REGISTRY",
};

/* --------------------------------------------------------------------------------------------------- environment */

static const char *
env_value(char *const *env, const char *name)
{
    size_t n = strlen(name);

    for (; *env; env++)
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
            return *env + n + 1;
    return NULL;
}

static bool
set_property(void *arg, const char *key, const char *value, struct err *e)
{
    (void)e;
    config_set(arg, key, value);
    return true;
}

/* The script puts the first line of a value behind "name=" into a properties file, so its backslashes are escapes. */
static bool
set_line(struct config *c, const char *variable, const char *name, const char *value, struct err *e)
{
    struct buf line;
    bool ok;

    buf_init(&line, WORKER_FILE_MAX);
    buf_printf(&line, "%s=%.*s\n", name, (int)strcspn(value, "\n"), value);
    ok = buf_ok(&line) ? props_parse(line.p, line.n, set_property, c, e)
                       : err_set(e, ERR_CONFIG, "config.size", "it is too long");
    buf_free(&line);
    return ok || err_wrap(e, "variable %s", variable);
}

static bool
is_property(const char *variable)
{
    for (size_t i = 0; i < sizeof(not_properties) / sizeof(*not_properties); i++)
        if (strncmp(variable, not_properties[i], strlen(not_properties[i])) == 0)
            return false;
    return strncmp(variable, "CONNECT_", 8) == 0;
}

static bool
apply_connect(struct config *c, char *const *env, struct err *e)
{
    bool ok = true;

    for (; ok && *env; env++) {
        const char *eq = strchr(*env, '=');
        char *variable, *name;

        if (!eq || !is_property(*env) || eq == *env + 8)
            continue;
        variable = mem_strndup(*env, (size_t)(eq - *env));
        name = mem_strdup(variable + 8);
        for (char *p = name; *p; p++)
            *p = *p == '_' ? '.' : (char)tolower((unsigned char)*p);
        ok = set_line(c, variable, name, eq + 1, e);
        free(name);
        free(variable);
    }
    return ok;
}

static bool
apply_short(struct config *c, char *const *env, struct err *e)
{
    const char *servers = env_value(env, "BOOTSTRAP_SERVERS");

    for (size_t i = 0; i < sizeof(short_names) / sizeof(*short_names); i++) {
        const char *value = env_value(env, short_names[i].env);

        if (!value || !*value)
            value = short_names[i].def;
        if (value && !set_line(c, short_names[i].env, short_names[i].property, value, e))
            return false;
    }
    /* The image's 0.0.0.0:9092 would be nobody: CONNECT_BOOTSTRAP_SERVERS counts when the short form is not there. */
    return !servers || !*servers ||
           set_line(c, "BOOTSTRAP_SERVERS", "bootstrap.servers", servers, e);
}

/* The two that the image ends without. */
static bool
require_topics(const struct config *c, char *const *env, bool has_base, struct err *e)
{
    static const struct {
        const char *name, *property, *what;
    } topics[] = {
        {"CONFIG_STORAGE_TOPIC", "config.storage.topic", "connector configurations"},
        {"OFFSET_STORAGE_TOPIC", "offset.storage.topic", "connector offsets"},
    };

    for (size_t i = 0; !has_base && i < sizeof(topics) / sizeof(*topics); i++) {
        char variable[64];
        const char *value = env_value(env, topics[i].name);

        snprintf(variable, sizeof(variable), "CONNECT_%s", topics[i].name);
        if (!value)
            value = env_value(env, variable);
        if (!value || !*value)
            return err_set(e, ERR_CONFIG, "worker.topic",
                           "the variable %s must be set to the name of the topic where %s are "
                           "stored",
                           topics[i].name, topics[i].what);
    }
    (void)c;
    return true;
}

static void
tell_without_effect(char *const *env)
{
    for (size_t i = 0; i < sizeof(without_effect) / sizeof(*without_effect); i++) {
        const char *value = env_value(env, without_effect[i]);

        if (value && *value && strcmp(value, "false") != 0)
            log_info("variable %s has no effect: there is no JVM", without_effect[i]);
    }
}

/* ---------------------------------------------------------------------------------------------------------- files */

static bool
read_file(struct config *c, const char *path, struct err *e)
{
    FILE *f = fopen(path, "re");
    struct buf text;
    size_t n;
    char *room;
    bool ok;

    if (!f)
        return err_set(e, ERR_CONFIG, "config.read", "cannot open \"%s\": %s", path,
                       strerror(errno));
    buf_init(&text, WORKER_FILE_MAX);
    while ((room = buf_room(&text, 4096)) && (n = fread(room, 1, 4096, f)) > 0)
        buf_took(&text, n);
    if (!buf_ok(&text))
        ok = err_set(e, ERR_CONFIG, "config.size", "it is larger than %d bytes", WORKER_FILE_MAX);
    else if (ferror(f))
        ok = err_set(e, ERR_CONFIG, "config.read", "it cannot be read: %s", strerror(errno));
    else
        ok = props_parse(text.p ? text.p : "", text.n, set_property, c, e);
    fclose(f);
    /* It may hold passwords. */
    if (text.p)
        explicit_bzero(text.p, text.n);
    buf_free(&text);
    return ok || err_wrap(e, "worker configuration \"%s\"", path);
}

struct config *
worker_conf_file(const char *path, struct err *e)
{
    struct config *c = config_new("connect", worker_conf_tables);

    if (!read_file(c, path, e)) {
        config_free(c);
        return NULL;
    }
    return c;
}

struct config *
worker_conf_env(char *const *env, const char *base, struct err *e)
{
    struct config *c = config_new("connect", worker_conf_tables);
    bool ok = true;

    if (base)
        ok = read_file(c, base, e);
    else
        for (size_t i = 0; i < sizeof(image_file) / sizeof(*image_file); i++)
            config_set(c, image_file[i].name, image_file[i].value);
    if (!ok || !require_topics(c, env, base != NULL, e) || !apply_connect(c, env, e) ||
        !apply_short(c, env, e)) {
        config_free(c);
        return NULL;
    }
    tell_without_effect(env);
    return c;
}

bool
worker_conf_check(struct config *c, struct err *e)
{
    const struct prop_issue *is;
    unsigned errors = 0;
    bool ok = config_validate(c, &is);

    for (; is; is = is->next) {
        log_at(is->is_error ? LOG_ERROR : LOG_INFO, "worker: %s", is->text);
        errors += is->is_error;
    }
    if (ok && !config_given(c, "bootstrap.servers"))
        return err_set(e, ERR_CONFIG, "kafka.bootstrap",
                       "no Kafka brokers are given: set BOOTSTRAP_SERVERS, or bootstrap.servers in "
                       "the worker's file");
    return ok ||
           err_set(e, ERR_CONFIG, "config.invalid", "the worker's configuration has %u error%s",
                   errors, errors == 1 ? "" : "s");
}

/* ------------------------------------------------------------------------------------------------------ worked out */

/* As the image's script has it: the address of the last interface that can broadcast. */
static void
last_address(char *out, size_t n)
{
    struct ifaddrs *list = NULL;

    snprintf(out, n, "127.0.0.1");
    if (getifaddrs(&list) != 0)
        return;
    for (const struct ifaddrs *i = list; i; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET && (i->ifa_flags & IFF_BROADCAST) &&
            (i->ifa_flags & IFF_UP))
            inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr,
                      out, (socklen_t)n);
    freeifaddrs(list);
}

/* "http://host:8083,https://…" → 8083 */
static long
listener_port(const char *listeners)
{
    size_t n = strcspn(listeners, ",");
    const char *colon = memrchr(listeners, ':', n);
    long port = colon ? strtol(colon + 1, NULL, 10) : 0;

    return port > 0 && port < 65536 ? port : 8083;
}

char *
worker_conf_id(const struct config *c)
{
    const char *host = config_str(c, "rest.advertised.host.name");
    char address[INET_ADDRSTRLEN];
    long port = config_given(c, "rest.advertised.port") ? config_int(c, "rest.advertised.port")
                                                        : listener_port(config_str(c, "listeners"));

    if (!host || !*host) {
        last_address(address, sizeof(address));
        host = address;
    }
    return mem_printf("%s:%ld", host, port);
}

static bool
is_security(const char *name)
{
    return strncmp(name, "security.", 9) == 0 || strncmp(name, "sasl.", 5) == 0 ||
           strncmp(name, "ssl.", 4) == 0;
}

static void
give(struct config *connector, const char *name, const char *value)
{
    if (!config_given(connector, name))
        config_set(connector, name, value);
}

/* A converter comes with all of its options, or the connector has one of its own with its own. */
static void
give_converter(const struct config *worker, struct config *connector, const char *name)
{
    char *prefix = mem_printf("%s.", name);
    const char *key, *value;
    size_t n = strlen(prefix);

    if (!config_given(connector, name)) {
        for (size_t i = 0; config_next(connector, &i, &key, &value);)
            if (strncmp(key, prefix, n) == 0)
                config_set(connector, key, NULL);
        config_set(connector, name, config_str(worker, name));
        for (size_t i = 0; config_next(worker, &i, &key, &value);)
            if (strncmp(key, prefix, n) == 0)
                config_set(connector, key, value);
    }
    free(prefix);
}

void
worker_conf_apply(const struct config *worker, struct config *connector)
{
    const char *key, *value;

    for (size_t i = 0; config_next(worker, &i, &key, &value);) {
        if (strcmp(key, "bootstrap.servers") == 0 || is_security(key)) {
            give(connector, key, value);
        } else if (strncmp(key, "producer.", 9) == 0) {
            char *name = mem_printf("producer.override.%s", key + 9);

            give(connector, name, value);
            free(name);
        }
    }
    /* Two of us do not see each other. In a rolling deployment the old one holds the slots until the new one has been found
     * well and connections to the old one are drained, which takes minutes; Debezium's own default would fail by then. */
    give(connector, "slot.max.retries", WORKER_SLOT_RETRIES);
    give_converter(worker, connector, "key.converter");
    give_converter(worker, connector, "value.converter");
    give_converter(worker, connector, "header.converter");
    if (!config_bool(worker, "topic.creation.enable"))
        config_set(connector, "topic.creation.enable", "false");
    give(connector, "offset.flush.interval.ms", config_str(worker, "offset.flush.interval.ms"));
    give(connector, "offset.flush.timeout.ms", config_str(worker, "offset.flush.timeout.ms"));
    give(connector, "walbridge.shutdown.timeout.ms",
         config_str(worker, "task.shutdown.graceful.timeout.ms"));
}
