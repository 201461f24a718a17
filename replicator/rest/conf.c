#include "replicator/rest/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "replicator/rest/server.h"

/* A chain of certificates has some kilobytes each. */
enum { PEM_MAX = 1 << 18 };

#define BASIC_AUTH                                                                                 \
    "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"

static bool
check_extension(const struct config *c, const char *value, struct err *e)
{
    const char *users = config_str(c, "walbridge.rest.users.file");

    if (!*value)
        return true;
    if (strcmp(value, BASIC_AUTH) != 0)
        return err_set(e, ERR_CONFIG, "config.value",
                       "only " BASIC_AUTH " is there; Java classes cannot be loaded");
    if (!users || !*users)
        return err_set(e, ERR_CONFIG, "config.value",
                       "the users are read from a file: set walbridge.rest.users.file to the one "
                       "that the login module's \"file\" names");
    return true;
}

/* clang-format off */
static const struct prop rows[] = {
    {.name = "listeners", .type = PROP_LIST, .def = "http://:8083", .group = "REST", .importance = PROP_LOW,
     .doc = "Where REST is served: http:// or https://, a host or nothing for every address, a port."},
    {.name = "admin.listeners", .type = PROP_LIST, .group = "REST", .importance = PROP_LOW,
     .doc = "Where /admin is served instead of with the rest; empty: nowhere; not given: on the same listeners."},
    {.name = "access.control.allow.origin", .type = PROP_STRING, .def = "", .group = "REST", .importance = PROP_LOW,
     .doc = "Origins whose pages may call REST: *, or a list in which an element may hold a *; empty: none."},
    {.name = "access.control.allow.methods", .type = PROP_STRING, .def = "", .group = "REST", .importance = PROP_LOW,
     .doc = "Methods that they may use; empty: GET, POST, HEAD."},
    {.name = "response.http.headers.config", .type = PROP_STRING, .def = "", .group = "REST", .importance = PROP_LOW,
     .flags = PROP_REFUSED, .see = "answers have no headers but Kafka Connect's own; add them in a proxy",
     .doc = "Headers that Kafka Connect adds to every answer."},
    {.name = "rest.extension.classes", .type = PROP_LIST, .def = "", .group = "REST", .importance = PROP_LOW,
     .check = check_extension,
     .doc = "Kafka Connect's extensions: only its basic authentication, with walbridge.rest.users.file."},
    {.name = "walbridge.rest.users.file", .type = PROP_STRING, .def = "", .group = "REST", .importance = PROP_LOW,
     .flags = PROP_OWN,
     .doc = "A file of lines name=password: REST then asks for one of them (basic authentication), except on /health and /metrics."},
    {.name = "walbridge.rest.read.only", .type = PROP_BOOL, .def = "false", .group = "REST", .importance = PROP_LOW,
     .flags = PROP_OWN,
     .doc = "Refuses every request that would change something."},
    {.name = "listeners.https.ssl.keystore.type", .type = PROP_STRING, .group = "REST", .importance = PROP_LOW,
     .doc = "PEM. JKS and PKCS12 files cannot be read: convert them with openssl."},
    {.name = "listeners.https.ssl.keystore.location", .type = PROP_STRING, .group = "REST", .importance = PROP_LOW,
     .doc = "A PEM file with the private key and the chain of certificates, for https listeners."},
    {.name = "listeners.https.ssl.keystore.certificate.chain", .type = PROP_STRING, .group = "REST", .importance = PROP_LOW,
     .doc = "The chain of certificates itself, instead of a file."},
    {.name = "listeners.https.ssl.keystore.key", .type = PROP_PASSWORD, .group = "REST", .importance = PROP_LOW,
     .flags = PROP_SECRET, .doc = "The private key itself, instead of a file."},
    {.name = "listeners.https.ssl.key.password", .type = PROP_PASSWORD, .group = "REST", .importance = PROP_LOW,
     .flags = PROP_SECRET, .doc = "The password of the private key."},
    {.name = "listeners.https.ssl.client.auth", .type = PROP_ENUM, .def = "none", .choices = "none,requested,required", .group = "REST",
     .importance = PROP_LOW, .flags = PROP_REFUSED,
     .see = "clients' certificates are not looked at; put a proxy in front, or use walbridge.rest.users.file",
     .doc = "Whether clients must show a certificate."},
    {.name = "listeners.https.", .type = PROP_STRING, .group = "REST", .importance = PROP_LOW, .flags = PROP_PREFIX | PROP_NOOP,
     .see = "TLS is GnuTLS's with its defaults", .doc = "Other TLS settings of Java."},
};
/* clang-format on */

const struct prop_table rest_prop_table = {rows, sizeof(rows) / sizeof(rows[0])};

/* ---------------------------------------------------------------------------------------------------------- listeners */

static bool
bad_listener(const char *text, const char *why, struct err *e)
{
    return err_set(e, ERR_CONFIG, "rest.listener",
                   "listener \"%.200s\": %s; written http://host:port or https://host:port", text,
                   why);
}

static bool
parse_listener(const char *text, struct rest_listener *l, struct err *e)
{
    const char *p = text, *colon;
    size_t n;
    char *end;
    long port;

    if (strncasecmp(p, "https://", 8) == 0)
        l->is_tls = true;
    else if (strncasecmp(p, "http://", 7) != 0)
        return bad_listener(text, "unknown protocol", e);
    p += l->is_tls ? 8 : 7;
    colon = strrchr(p, ':');
    if (!colon)
        return bad_listener(text, "there is no port", e);
    port = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || *end || port < 0 || port > 65535)
        return bad_listener(text, "there is no port", e);
    n = (size_t)(colon - p);
    if (n >= 2 && *p == '[' && p[n - 1] == ']') { /* IPv6 */
        p++;
        n -= 2;
    }
    if (n >= sizeof(l->host))
        return bad_listener(text, "the host is too long", e);
    memcpy(l->host, p, n);
    l->host[n] = '\0';
    snprintf(l->port, sizeof(l->port), "%ld", port);
    return true;
}

static bool
parse_listeners(const char *list, bool is_admin, struct rest_conf *out, struct err *e)
{
    struct buf item;
    bool ok = true;

    buf_init(&item, 1 << 16);
    while (ok && config_list_next(&list, &item)) {
        struct rest_listener *l = &out->listeners[out->nlisteners];

        if (out->nlisteners == REST_LISTENERS_MAX) {
            ok = err_set(e, ERR_CONFIG, "rest.listener", "there are more than %d listeners",
                         REST_LISTENERS_MAX);
        } else {
            ok = parse_listener(buf_cstr(&item), l, e);
            l->is_admin = is_admin;
            out->nlisteners++;
        }
    }
    buf_free(&item);
    return ok;
}

/* ---------------------------------------------------------------------------------------------------------------- TLS */

static char *
read_pem(const char *path, struct err *e)
{
    FILE *f = fopen(path, "re");
    struct buf text;
    char *room, *copy = NULL;
    size_t n;

    if (!f) {
        err_set(e, ERR_CONFIG, "rest.tls", "cannot open \"%s\": %s", path, strerror(errno));
        return NULL;
    }
    buf_init(&text, PEM_MAX);
    while ((room = buf_room(&text, 4096)) && (n = fread(room, 1, 4096, f)) > 0)
        buf_took(&text, n);
    fclose(f);
    if (buf_ok(&text) && strstr(buf_cstr(&text), "-----BEGIN "))
        copy = mem_strdup(buf_cstr(&text));
    else
        err_set(e, ERR_CONFIG, "rest.tls",
                "\"%s\" is no PEM file; convert a JKS or PKCS12 file with keytool and openssl",
                path);
    if (text.p)
        explicit_bzero(text.p, text.n);
    buf_free(&text);
    return copy;
}

static const char *
tls_value(const struct config *c, const char *name)
{
    const char *value = config_str(c, name);

    return value && *value ? value : NULL;
}

static bool
read_tls(const struct config *c, struct rest_conf *out, struct err *e)
{
    const char *type = tls_value(c, "listeners.https.ssl.keystore.type");
    const char *file = tls_value(c, "listeners.https.ssl.keystore.location");
    const char *chain = tls_value(c, "listeners.https.ssl.keystore.certificate.chain");
    const char *key = tls_value(c, "listeners.https.ssl.keystore.key");

    if (type && strcasecmp(type, "PEM") != 0)
        return err_set(e, ERR_CONFIG, "rest.tls",
                       "listeners.https.ssl.keystore.type is %s; only PEM can be read: convert "
                       "the file with keytool and openssl",
                       type);
    if (file) {
        out->certificate = read_pem(file, e);
        out->key = out->certificate ? mem_strdup(out->certificate) : NULL;
    } else if (chain && key) {
        out->certificate = mem_strdup(chain);
        out->key = mem_strdup(key);
    } else {
        err_set(e, ERR_CONFIG, "rest.tls",
                "an https listener needs listeners.https.ssl.keystore.location, or "
                "...keystore.certificate.chain and ...keystore.key");
    }
    out->key_password = tls_value(c, "listeners.https.ssl.key.password");
    return out->certificate != NULL;
}

bool
rest_conf_read(const struct config *c, struct rest_conf *out, struct err *e)
{
    const char *admin = config_str(c, "admin.listeners");
    bool tls = false;

    *out = (struct rest_conf){
        .origins = tls_value(c, "access.control.allow.origin"),
        .methods = tls_value(c, "access.control.allow.methods"),
        .users = tls_value(c, "walbridge.rest.users.file"),
        .read_only = config_bool(c, "walbridge.rest.read.only"),
        .admin_off = admin && !*admin,
        .admin_apart = admin && *admin,
    };
    if (!out->methods)
        out->methods = "GET,POST,HEAD";
    if (!parse_listeners(config_str(c, "listeners"), false, out, e) ||
        (admin && !parse_listeners(admin, true, out, e)))
        return false;
    if (out->nlisteners == 0)
        return err_set(e, ERR_CONFIG, "rest.listener", "\"listeners\" is empty");
    for (size_t i = 0; i < out->nlisteners; i++)
        tls |= out->listeners[i].is_tls;
    return !tls || read_tls(c, out, e);
}

void
rest_conf_free(struct rest_conf *c)
{
    if (c->key)
        explicit_bzero(c->key, strlen(c->key));
    if (c->certificate)
        explicit_bzero(c->certificate, strlen(c->certificate));
    free(c->key);
    free(c->certificate);
    *c = (struct rest_conf){0};
}
