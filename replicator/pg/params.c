/* Connection parameters: from database.* properties, from a URI, from PG* variables. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "replicator/pg/params.h"

enum { CONNECT_TIMEOUT_MS = 10000 };

/* How a database.<name> property becomes a libpq keyword. */
enum passage {
    PASS_TEXT,
    PASS_LOWER,
    PASS_SECONDS_MS, /* seconds → milliseconds */
    PASS_TARGET,     /* targetServerType's words */
    PASS_KEEPALIVES, /* tcpKeepAlive */
    PASS_SSL,        /* ssl=true without sslmode */
    PASS_TIMEOUT,    /* the connect time-out, which is ours */
    PASS_APPLICATION,
    PASS_OPTIONS,
    PASS_SCHEMA,
    PASS_OWN, /* read by name elsewhere */
};

/*
 * database.<name> → libpq. JDBC's words first, then libpq's own. An allow-list: a keyword such as passfile, service or
 * sslcompression has no business in a configuration that may have come over REST.
 */
static const struct {
    const char *name;
    enum passage how;
    const char *keyword;
} passages[] = {
    {"hostname", PASS_OWN, NULL},
    {"port", PASS_OWN, NULL},
    {"server.name", PASS_OWN, NULL},
    {"server.id", PASS_OWN, NULL},
    {"query.timeout.ms", PASS_OWN, NULL},
    {"initial.statements", PASS_OWN, NULL},
    {"user", PASS_TEXT, "user"},
    {"password", PASS_TEXT, "password"},
    {"dbname", PASS_TEXT, "dbname"},
    {"sslmode", PASS_LOWER, "sslmode"},
    {"sslcert", PASS_TEXT, "sslcert"},
    {"sslkey", PASS_TEXT, "sslkey"},
    {"sslpassword", PASS_TEXT, "sslpassword"},
    {"sslrootcert", PASS_TEXT, "sslrootcert"},
    {"ssl", PASS_SSL, "sslmode"},
    {"tcpKeepAlive", PASS_KEEPALIVES, "keepalives"},
    {"applicationName", PASS_APPLICATION, NULL},
    {"ApplicationName", PASS_APPLICATION, NULL},
    {"loginTimeout", PASS_TIMEOUT, NULL},
    {"connectTimeout", PASS_TIMEOUT, NULL},
    {"socketTimeout", PASS_SECONDS_MS, "tcp_user_timeout"},
    {"targetServerType", PASS_TARGET, "target_session_attrs"},
    {"currentSchema", PASS_SCHEMA, NULL},
    {"options", PASS_OPTIONS, NULL},
    {"gssEncMode", PASS_LOWER, "gssencmode"},
    {"channelBinding", PASS_TEXT, "channel_binding"},
    {"requireAuth", PASS_TEXT, "require_auth"},
    {"kerberosServerName", PASS_TEXT, "krbsrvname"},
    {"application_name", PASS_APPLICATION, NULL},
    {"connect_timeout", PASS_TIMEOUT, NULL},
    {"target_session_attrs", PASS_TEXT, "target_session_attrs"},
    {"load_balance_hosts", PASS_TEXT, "load_balance_hosts"},
    {"channel_binding", PASS_TEXT, "channel_binding"},
    {"require_auth", PASS_TEXT, "require_auth"},
    {"sslcrl", PASS_TEXT, "sslcrl"},
    {"sslsni", PASS_TEXT, "sslsni"},
    {"sslnegotiation", PASS_TEXT, "sslnegotiation"},
    {"ssl_min_protocol_version", PASS_TEXT, "ssl_min_protocol_version"},
    {"ssl_max_protocol_version", PASS_TEXT, "ssl_max_protocol_version"},
    {"gssencmode", PASS_TEXT, "gssencmode"},
    {"krbsrvname", PASS_TEXT, "krbsrvname"},
    {"keepalives", PASS_TEXT, "keepalives"},
    {"keepalives_idle", PASS_TEXT, "keepalives_idle"},
    {"keepalives_interval", PASS_TEXT, "keepalives_interval"},
    {"keepalives_count", PASS_TEXT, "keepalives_count"},
    {"tcp_user_timeout", PASS_TEXT, "tcp_user_timeout"},
};

static const struct {
    const char *jdbc, *libpq;
} target_types[] = {
    {"any", "any"},
    {"primary", "primary"},
    {"master", "primary"},
    {"secondary", "standby"},
    {"slave", "standby"},
    {"preferSecondary", "prefer-standby"},
    {"preferSlave", "prefer-standby"},
};

/* What a session has unless the user says otherwise. A vanished peer is noticed within a minute. */
static const struct {
    const char *keyword, *value;
} keyword_defaults[] = {
    {"keepalives", "1"},       {"keepalives_idle", "30"},     {"keepalives_interval", "10"},
    {"keepalives_count", "3"}, {"tcp_user_timeout", "60000"}, {"gssencmode", "disable"},
};

static void
wipe(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

/* Passwords live outside the arena, so that they can be wiped. */
static const char *
keep(struct pg_params *p, const char *keyword, const char *value)
{
    char **secret = strcmp(keyword, "password") == 0      ? &p->password
                    : strcmp(keyword, "sslpassword") == 0 ? &p->sslpassword
                                                          : NULL;

    if (!secret)
        return arena_strdup(&p->arena, value);
    wipe(*secret);
    *secret = mem_strdup(value);
    return *secret;
}

static bool
keyword_set(struct pg_params *p, const char *keyword, const char *value, struct err *e)
{
    size_t i = 0;

    while (i < p->n && strcmp(p->keyword[i], keyword) != 0)
        i++;
    if (i == PG_KEYWORDS_MAX)
        return err_set(e, ERR_CONFIG, "conn.parameter", "too many connection parameters");
    if (i == p->n) {
        p->keyword[i] = arena_strdup(&p->arena, keyword);
        p->n++;
    }
    p->value[i] = keep(p, keyword, value);
    return true;
}

static const char *
keyword_get(const struct pg_params *p, const char *keyword)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->keyword[i], keyword) == 0)
            return p->value[i];
    return NULL;
}

/* A keyword of a libpq newer than ours would be an "invalid connection option" at every connect: say it once. */
static bool
keyword_known(const char *keyword)
{
    PQconninfoOption *all = PQconndefaults();
    bool found = false;

    for (PQconninfoOption *o = all; o && o->keyword; o++)
        found = found || strcmp(o->keyword, keyword) == 0;
    PQconninfoFree(all);
    return found;
}

static bool
set_timeout(struct pg_params *p, const char *name, const char *value, struct err *e)
{
    int64_t seconds;

    if (!num_parse_i64(slice_of(value), &seconds) || seconds < 0 || seconds > 86400)
        return err_set(e, ERR_CONFIG, "conn.parameter",
                       "\"%s\" must be a number of seconds, got \"%s\"", name, value);
    if (seconds >
        0) /* 0 is "no limit" in JDBC: a session that never comes must not hang a connector */
        p->timeout_ms = (int)seconds * 1000;
    return true;
}

static bool
set_target(struct pg_params *p, const char *name, const char *value, struct err *e)
{
    for (size_t i = 0; i < sizeof target_types / sizeof target_types[0]; i++)
        if (strcasecmp(target_types[i].jdbc, value) == 0)
            return keyword_set(p, "target_session_attrs", target_types[i].libpq, e);
    return err_set(e, ERR_CONFIG, "conn.parameter",
                   "\"%s\" must be any, primary, secondary or preferSecondary, got \"%s\"", name,
                   value);
}

static bool
set_seconds_ms(struct pg_params *p, const char *name, const char *keyword, const char *value,
               struct err *e)
{
    int64_t seconds;
    char text[NUM_U64_MAX + 4];

    if (!num_parse_i64(slice_of(value), &seconds) || seconds < 0 || seconds > 86400)
        return err_set(e, ERR_CONFIG, "conn.parameter",
                       "\"%s\" must be a number of seconds, got \"%s\"", name, value);
    if (seconds == 0)
        return true;
    snprintf(text, sizeof text, "%lld", (long long)seconds * 1000);
    return keyword_set(p, keyword, text, e);
}

static bool
apply(struct pg_params *p, const char *name, size_t row, const char *value, struct err *e)
{
    const char *keyword = passages[row].keyword;
    char *lower;

    switch (passages[row].how) {
    case PASS_TEXT:
        if (!keyword_known(keyword))
            return err_set(e, ERR_CONFIG, "conn.parameter",
                           "\"%s\" needs a newer libpq than %d, which this program is linked with",
                           name, PQlibVersion());
        return keyword_set(p, keyword, value, e);
    case PASS_LOWER: /* Debezium takes its choices in any case, libpq does not */
        lower = arena_strdup(&p->arena, value);
        for (char *s = lower; *s; s++)
            *s = (char)tolower((unsigned char)*s);
        return keyword_set(p, keyword, lower, e);
    case PASS_SECONDS_MS:
        return set_seconds_ms(p, name, keyword, value, e);
    case PASS_TARGET:
        return set_target(p, name, value, e);
    case PASS_KEEPALIVES:
        return keyword_set(p, keyword, strcasecmp(value, "false") == 0 ? "0" : "1", e);
    case PASS_SSL:
        /* As JDBC: ssl=true alone means the strictest mode. */
        if (strcasecmp(value, "true") == 0 && !keyword_get(p, keyword))
            return keyword_set(p, keyword, "verify-full", e);
        return true;
    case PASS_TIMEOUT:
        return set_timeout(p, name, value, e);
    case PASS_APPLICATION:
        p->application = arena_strdup(&p->arena, value);
        return true;
    case PASS_OPTIONS:
        p->options = arena_strdup(&p->arena, value);
        return true;
    case PASS_SCHEMA:
        p->search_path = arena_strdup(&p->arena, value);
        return true;
    case PASS_OWN:
        return true;
    }
    return true;
}

static bool
apply_given(struct pg_params *p, const struct config *c, struct err *e)
{
    static const char prefix[] = "database.";
    const size_t n = sizeof prefix - 1;
    const char *key, *value;

    for (size_t i = 0; config_next(c, &i, &key, &value);) {
        size_t row = 0;

        if (strncmp(key, prefix, n) != 0 || strncmp(key, "database.history", 16) == 0)
            continue;
        while (row < sizeof passages / sizeof passages[0] &&
               strcmp(passages[row].name, key + n) != 0)
            row++;
        if (row == sizeof passages / sizeof passages[0])
            log_warn("property \"%s\" is ignored: it is a JDBC option that has no counterpart here",
                     key);
        else if (!apply(p, key, row, value, e))
            return false;
    }
    return true;
}

/* Given or default; NULL when the tables have no such name (a test's small table). */
static const char *
get(const struct config *c, const char *name)
{
    return config_prop(c, name) ? config_str(c, name) : NULL;
}

static void
add_host(struct pg_params *p, const char *host, const char *port)
{
    struct pg_host *grown = arena_alloc(&p->arena, (p->nhosts + 1) * sizeof *grown);

    if (p->nhosts)
        memcpy(grown, p->hosts, p->nhosts * sizeof *grown);
    grown[p->nhosts++] = (struct pg_host){host, port && *port ? port : NULL};
    p->hosts = grown;
}

/* "a:5432", "[::1]:5432", "a", "/run/postgresql" → host and port; port NULL when there is none. */
static const char *
split_port(char *host, char **out_host)
{
    char *colon = strrchr(host, ':');

    *out_host = host;
    if (host[0] == '[') {
        char *close = strchr(host, ']');

        if (close) {
            *out_host = host + 1;
            *close = 0;
            return close[1] == ':' ? close + 2 : NULL;
        }
    }
    /* One colon separates a port; several are an IPv6 address, and a path may hold any. */
    if (!colon || host[0] == '/' || strchr(host, ':') != colon)
        return NULL;
    *colon = 0;
    return colon + 1;
}

static bool
set_hosts(struct pg_params *p, const char *hosts, const char *ports, struct err *e)
{
    const char *at = hosts, *port_at = ports ? ports : "", *last_port = NULL;
    size_t nports = 0;
    struct buf host, port;

    buf_init(&host, 4096);
    buf_init(&port, 64);
    while (config_list_next(&at, &host)) {
        char *name;
        const char *own = split_port(arena_strdup(&p->arena, buf_cstr(&host)), &name);

        if (config_list_next(&port_at, &port)) {
            last_port = arena_strdup(&p->arena, buf_cstr(&port));
            nports++;
        }
        if (*name)
            add_host(p, name, own ? own : last_port);
    }
    buf_free(&host);
    bool too_many = config_list_next(&port_at, &port);
    buf_free(&port);
    if (p->nhosts == 0)
        return err_set(e, ERR_CONFIG, "conn.parameter", "\"database.hostname\" names no host");
    if (too_many || (nports > 1 && nports != p->nhosts))
        return err_set(e, ERR_CONFIG, "conn.parameter",
                       "\"database.port\" must be one port, or as many as \"database.hostname\" "
                       "has hosts (%zu)",
                       p->nhosts);
    return true;
}

static void
set_target_text(struct pg_params *p)
{
    struct buf text;

    buf_init(&text, 8192);
    for (size_t i = 0; i < p->nhosts; i++) {
        if (i)
            buf_putc(&text, ',');
        buf_str(&text, p->hosts[i].host);
        if (p->hosts[i].port)
            buf_printf(&text, ":%s", p->hosts[i].port);
    }
    buf_printf(&text, "/%s", p->database);
    p->target = arena_strdup(&p->arena, buf_cstr(&text));
    buf_free(&text);
}

static bool
set_defaults(struct pg_params *p, struct err *e)
{
    const char *keepalives = keyword_get(p, "keepalives");
    bool off = keepalives && strcmp(keepalives, "0") == 0;

    for (size_t i = 0; i < sizeof keyword_defaults / sizeof keyword_defaults[0]; i++) {
        if (off && strncmp(keyword_defaults[i].keyword, "keepalives", 10) == 0)
            continue;
        if (!keyword_get(p, keyword_defaults[i].keyword) &&
            !keyword_set(p, keyword_defaults[i].keyword, keyword_defaults[i].value, e))
            return false;
    }
    return true;
}

static struct pg_params *
params_new(void)
{
    struct pg_params *p = mem_alloc(sizeof *p);

    arena_init(&p->arena);
    p->timeout_ms = CONNECT_TIMEOUT_MS;
    return p;
}

static bool
from_config(struct pg_params *p, const struct config *c, struct err *e)
{
    const char *hosts = get(c, "database.hostname"), *ports = get(c, "database.port");
    const char *initial = get(c, "database.initial.statements"), *read_only = get(c, "read.only");

    if (!hosts || !*hosts)
        return err_set(e, ERR_CONFIG, "conn.parameter", "\"database.hostname\" is not set");
    if (!apply_given(p, c, e) || !set_hosts(p, hosts, ports ? ports : "5432", e) ||
        !set_defaults(p, e))
        return false;
    p->user = keyword_get(p, "user");
    p->database = keyword_get(p, "dbname");
    if (!p->database || !*p->database)
        return err_set(e, ERR_CONFIG, "conn.parameter", "\"database.dbname\" is not set");
    /* A reader among several hosts would be taken by accident; one host is taken as it is. */
    if (p->nhosts > 1 && !keyword_get(p, "target_session_attrs") &&
        !(read_only && strcasecmp(read_only, "true") == 0) &&
        !keyword_set(p, "target_session_attrs", "primary", e))
        return false;
    if (initial && *initial)
        p->ninitial = pg_split_statements(&p->arena, initial, &p->initial);
    p->connector = arena_strdup(&p->arena, config_name(c) ? config_name(c) : "walbridge");
    set_target_text(p);
    return true;
}

struct pg_params *
pg_params_from_config(const struct config *c, struct err *e)
{
    struct pg_params *p = params_new();

    if (from_config(p, c, e))
        return p;
    pg_params_free(p);
    return NULL;
}

static bool
take_options(struct pg_params *p, const PQconninfoOption *opts, const char **hosts,
             const char **ports, struct err *e)
{
    for (const PQconninfoOption *o = opts; o->keyword; o++) {
        if (!o->val || !*o->val)
            continue;
        if (strcmp(o->keyword, "host") == 0)
            *hosts = arena_strdup(&p->arena, o->val);
        else if (strcmp(o->keyword, "port") == 0)
            *ports = arena_strdup(&p->arena, o->val);
        else if (strcmp(o->keyword, "options") == 0)
            p->options = arena_strdup(&p->arena, o->val);
        else if (strcmp(o->keyword, "application_name") == 0)
            p->application = arena_strdup(&p->arena, o->val);
        else if (strcmp(o->keyword, "connect_timeout") == 0) {
            if (!set_timeout(p, o->keyword, o->val, e))
                return false;
        } else if (strcmp(o->keyword, "client_encoding") != 0 &&
                   strcmp(o->keyword, "replication") != 0 && !keyword_set(p, o->keyword, o->val, e))
            return false;
    }
    return true;
}

static bool
from_uri(struct pg_params *p, const char *uri, struct err *e)
{
    const char *hosts = NULL, *ports = NULL;
    PQconninfoOption *opts = PQconndefaults();
    bool ok = !opts ||
              take_options(p, opts, &hosts, &ports, e); /* PG* variables, then what the URI says */

    PQconninfoFree(opts);
    if (ok && uri) {
        char *said = NULL;

        opts = PQconninfoParse(uri, &said);
        PQfreemem(said); /* may quote the password */
        if (!opts)
            return err_set(e, ERR_CONFIG, "conn.parameter",
                           "not a connection URI: expected postgresql://user@host:port/database or "
                           "\"host=… dbname=…\"");
        ok = take_options(p, opts, &hosts, &ports, e);
        PQconninfoFree(opts);
    }
    if (!ok || !set_defaults(p, e))
        return false;
    p->user = keyword_get(p, "user");
    p->database = keyword_get(p, "dbname");
    if (!p->database)
        p->database = p->user ? p->user : "postgres";
    if (!hosts) /* libpq knows the folder of the local socket */
        add_host(p, "", ports);
    else if (!set_hosts(p, hosts, ports, e))
        return false;
    set_target_text(p);
    return true;
}

struct pg_params *
pg_params_from_uri(const char *uri, struct err *e)
{
    struct pg_params *p = params_new();

    if (from_uri(p, uri, e))
        return p;
    pg_params_free(p);
    return NULL;
}

void
pg_params_free(struct pg_params *p)
{
    if (!p)
        return;
    wipe(p->password);
    wipe(p->sslpassword);
    arena_free(&p->arena);
    free(p);
}

const char *
pg_params_target(const struct pg_params *p)
{
    return p->target;
}

const char *
pg_params_database(const struct pg_params *p)
{
    return p->database;
}

const char *
pg_params_user(const struct pg_params *p)
{
    return p->user ? p->user : "";
}

int
pg_params_timeout_ms(const struct pg_params *p)
{
    return p->timeout_ms;
}
