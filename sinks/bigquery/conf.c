#include "sinks/bigquery/conf.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/bigquery/mapping.h"

#define BQ "walbridge.bigquery."

static const char *
env(const char *name)
{
    const char *v = getenv(name);

    return v && *v ? v : NULL;
}

static bool
starts(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

bool
bq_url_is_local(const char *url)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]"};

    if (!starts(url, "http://"))
        return false;
    url += strlen("http://");
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
        size_t n = strlen(hosts[i]);

        if (strncmp(url, hosts[i], n) == 0 && (url[n] == '\0' || url[n] == ':' || url[n] == '/'))
            return true;
    }
    return false;
}

/*
 * The property names the service, so a bare host gets the API's path; the environment variable is what Google's own
 * clients read, and they put no path behind it.
 */
static void
load_endpoint(struct bq_conf *conf, const struct config *c)
{
    const char *url = config_str(c, BQ "endpoint"), *host = env("BIGQUERY_EMULATOR_HOST");
    char *base;
    size_t n;

    if (url) {
        const char *path = strchr(strstr(url, "://") + 3, '/');

        base = arena_printf(&conf->arena, "%s%s", url,
                            !path     ? "/bigquery/v2"
                            : path[1] ? ""
                                      : "bigquery/v2");
    } else if (host) {
        base = arena_printf(&conf->arena, "%s%s", strstr(host, "://") ? "" : "http://", host);
    } else {
        base = arena_strdup(&conf->arena, "https://bigquery.googleapis.com/bigquery/v2");
    }
    for (n = strlen(base); n && base[n - 1] == '/'; n--)
        base[n - 1] = '\0';
    conf->base_url = base;
    conf->plain_http = starts(base, "http://");
}

static bool
load_credentials(struct bq_conf *conf, const struct config *c, struct err *e)
{
    const char *given = config_str(c, BQ "credentials"),
               *file = env("GOOGLE_APPLICATION_CREDENTIALS");

    if (!given)
        given = conf->plain_http ? "none" : file ? file : "metadata";
    if (strcmp(given, "none") == 0) {
        conf->credentials = BQ_CRED_NONE;
        if (!conf->plain_http)
            return err_set(e, ERR_CONFIG, "bigquery.credentials",
                           BQ
                           "credentials is 'none', which only an http:// endpoint (an emulator) "
                           "accepts; name a key "
                           "file or 'metadata'");
        return true;
    }
    conf->credentials = strcmp(given, "metadata") == 0 ? BQ_CRED_METADATA : BQ_CRED_FILE;
    conf->key_path = given;
    if (conf->plain_http && !bq_url_is_local(conf->base_url))
        return err_set(e, ERR_CONFIG, "bigquery.plain_token",
                       "a token would travel unencrypted to \"%s\"; use https://, or " BQ
                       "credentials=none",
                       conf->base_url);
    return true;
}

/* Names go into URLs as they are, so they may hold nothing that means something there. */
static bool
check_name(const char *what, const char *name, const char *extra, struct err *e)
{
    for (const char *p = name; *p; p++) {
        if (!isalnum((unsigned char)*p) && !strchr(extra, *p))
            return err_set(e, ERR_CONFIG, "bigquery.name",
                           "%s \"%s\" has a character that its name cannot have%s", what, name,
                           *p == ' ' ? " (is it the display name? the id is needed)" : "");
    }
    return true;
}

static bool
load_names(struct bq_conf *conf, const struct config *c, struct err *e)
{
    const char *project = config_str(c, BQ "project"), *dataset = config_str(c, BQ "dataset");

    if (!project && conf->mapping)
        project = conf->mapping->project;
    if (!project)
        project = env("GOOGLE_CLOUD_PROJECT");
    if (!dataset && conf->mapping)
        dataset = conf->mapping->dataset;
    if (!dataset)
        return err_set(e, ERR_CONFIG, "bigquery.dataset",
                       BQ "dataset is missing: say which dataset the tables belong to");
    if (!project && conf->credentials == BQ_CRED_NONE)
        return err_set(e, ERR_CONFIG, "bigquery.project", BQ "project is missing");
    if ((project && !check_name("project", project, "-_.:", e)) ||
        !check_name("dataset", dataset, "_", e))
        return false;
    conf->project = project;
    conf->dataset = dataset;
    return check_name("dead-letter table", conf->dead_letter_table, "_-", e);
}

static uint32_t
fnv(uint32_t h, const char *s)
{
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT32_C(16777619);
    return (h ^ 0xff) * UINT32_C(16777619);
}

bool
bq_conf_load(struct bq_conf *conf, const struct config *c, const char *connector,
             const char *database, struct err *e)
{
    static const char *const partitions[] = {NULL, "HOUR", "DAY", "MONTH", "YEAR"};
    const char *mapping = config_str(c, BQ "mapping");

    memset(conf, 0, sizeof(*conf));
    arena_init(&conf->arena);
    if (mapping && !(conf->mapping = bq_mapping_read(mapping, e)))
        return err_wrap(e, BQ "mapping");
    conf->metadata = config_bool(c, BQ "metadata.columns");
    conf->meta_prefix = config_str(c, BQ "metadata.prefix");
    conf->arrays = (enum bq_arrays)config_enum(c, BQ "arrays");
    conf->unrepresentable = (enum bq_unrepresentable)config_enum(c, BQ "unrepresentable");
    conf->on_error = (enum bq_on_error)config_enum(c, BQ "on.error");
    conf->dead_letter_table = config_str(c, BQ "dead.letter.table");
    conf->auto_create = config_bool(c, BQ "auto.create.tables");
    conf->evolve = config_enum(c, BQ "schema.evolution") == 1;
    conf->partition = partitions[config_enum(c, BQ "partition")];
    conf->max_rows = (unsigned)config_int(c, BQ "batch.rows");
    conf->max_bytes = (size_t)config_int(c, BQ "batch.bytes");
    conf->max_in_flight = (unsigned)config_int(c, BQ "max.in.flight");
    conf->linger_us = config_int(c, BQ "linger.ms") * 1000;
    conf->buffer_bytes = (uint64_t)config_int(c, BQ "buffer.bytes");
    conf->request_timeout_ms = config_int(c, BQ "request.timeout.ms");
    conf->propagation_us = config_int(c, BQ "propagation.timeout.ms") * 1000;
    conf->ca_file = config_str(c, BQ "ca.file");
    conf->tag =
        fnv(fnv(UINT32_C(2166136261), connector ? connector : ""), database ? database : "");
    load_endpoint(conf, c);
    return load_credentials(conf, c, e) && load_names(conf, c, e);
}

void
bq_conf_free(struct bq_conf *conf)
{
    bq_mapping_free(conf->mapping);
    arena_free(&conf->arena);
}
