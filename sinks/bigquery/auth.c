#include "sinks/bigquery/auth.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "sinks/bigquery/jwt.h"

#define SCOPE "https://www.googleapis.com/auth/bigquery"
enum {
    REFRESH_BEFORE_S =
        225, /* as Google's own libraries: the metadata server renews 300 s before the end */
    ASSERTION_LIFE_S = 3600, /* the most that is allowed */
    METADATA_TIMEOUT_MS = 3000,
    FIRST_TRIES = 5, /* without ever a token: then a person has to look */
    TOKEN_MAX = 16 * 1024,
};

enum identity_kind { WHO_NOBODY, WHO_SERVICE_ACCOUNT, WHO_USER, WHO_METADATA };

struct bq_auth {
    const struct bq_conf *conf;
    struct http *http;
    enum identity_kind kind;
    struct arena arena;
    const char *email, *key_id, *token_uri, *client_id, *client_secret, *refresh_token;
    const char *metadata_host;
    struct jwt_key *key;
    char *project;
    char *header;       /* "Authorization: Bearer …" */
    int64_t expires_us; /* monotonic */
    int64_t next_us;    /* when to fetch (again) */
    bool fetching, asking_project;
    struct buf body;
    unsigned generation, tries;
    bool refused; /* the token in use was fetched because one was refused */
    bool want_new;
    struct err failed;
};

static const char *
member(struct bq_auth *a, json_t *doc, const char *name)
{
    const char *s = json_string_value(json_object_get(doc, name));

    return s && *s ? arena_strdup(&a->arena, s) : NULL;
}

static bool
check_token_uri(const char *uri, struct err *e)
{
    if (strncmp(uri, "https://", 8) == 0 || bq_url_is_local(uri))
        return true;
    return err_set(e, ERR_CONFIG, "bigquery.key", "the key file's token_uri \"%s\" is not https://",
                   uri);
}

static bool
load_service_account(struct bq_auth *a, json_t *doc, struct err *e)
{
    const char *pem = json_string_value(json_object_get(doc, "private_key"));

    a->kind = WHO_SERVICE_ACCOUNT;
    a->email = member(a, doc, "client_email");
    a->key_id = member(a, doc, "private_key_id");
    a->token_uri = member(a, doc, "token_uri");
    if (!a->token_uri)
        a->token_uri = "https://oauth2.googleapis.com/token";
    if (!a->email || !pem)
        return err_set(e, ERR_CONFIG, "bigquery.key",
                       "the service account's key lacks client_email or private_key");
    a->key = jwt_key_new(slice_of(pem), e);
    return a->key && check_token_uri(a->token_uri, e);
}

static bool
load_user(struct bq_auth *a, json_t *doc, struct err *e)
{
    a->kind = WHO_USER;
    a->client_id = member(a, doc, "client_id");
    a->client_secret = member(a, doc, "client_secret");
    a->refresh_token = member(a, doc, "refresh_token");
    a->token_uri = member(a, doc, "token_uri");
    if (!a->token_uri)
        a->token_uri = "https://oauth2.googleapis.com/token";
    if (!a->client_id || !a->client_secret || !a->refresh_token)
        return err_set(e, ERR_CONFIG, "bigquery.key",
                       "the key file lacks client_id, client_secret or refresh_token");
    return check_token_uri(a->token_uri, e);
}

static const struct {
    const char *type;
    bool (*load)(struct bq_auth *a, json_t *doc, struct err *e);
} key_types[] = {{"service_account", load_service_account}, {"authorized_user", load_user}};

static bool
load_key_file(struct bq_auth *a, const char *path, struct err *e)
{
    json_error_t je;
    json_t *doc = json_load_file(path, 0, &je);
    const char *type = json_string_value(json_object_get(doc, "type")), *project;
    bool ok = false;
    size_t i;

    if (!doc && json_error_code(&je) == json_error_cannot_open_file)
        return err_set(e, ERR_CONFIG, "bigquery.key", "cannot read the key file \"%s\": %s", path,
                       strerror(errno));
    if (!doc)
        return err_set(e, ERR_CONFIG, "bigquery.key", "the key file \"%s\" is not JSON", path);
    for (i = 0; i < 2 && !(type && strcmp(type, key_types[i].type) == 0); i++)
        ;
    if (i < 2)
        ok = key_types[i].load(a, doc, e);
    else
        err_set(e, ERR_CONFIG, "bigquery.key",
                "keys of type \"%s\" are not supported; service_account and authorized_user are",
                type ? type : "(none)");
    project = json_string_value(json_object_get(doc, "project_id"));
    if (project)
        a->project = mem_strdup(project);
    json_decref(doc);
    return ok || err_wrap(e, "key file \"%s\"", path);
}

struct bq_auth *
bq_auth_new(const struct bq_conf *conf, struct http *http, struct err *e)
{
    struct bq_auth *a = mem_alloc(sizeof(*a));
    const char *host = getenv("GCE_METADATA_HOST");

    a->conf = conf;
    a->http = http;
    arena_init(&a->arena);
    buf_init(&a->body, TOKEN_MAX);
    a->metadata_host = host && *host ? host : "metadata.google.internal";
    if (conf->credentials == BQ_CRED_METADATA)
        a->kind = WHO_METADATA;
    if (conf->credentials == BQ_CRED_FILE && !load_key_file(a, conf->key_path, e)) {
        bq_auth_free(a);
        return NULL;
    }
    return a;
}

void
bq_auth_free(struct bq_auth *a)
{
    if (!a)
        return;
    jwt_key_free(a->key);
    if (a->header)
        explicit_bzero(a->header, strlen(a->header));
    free(a->header);
    free(a->project);
    if (a->body.p)
        explicit_bzero(a->body.p, a->body.cap);
    buf_free(&a->body);
    arena_free(&a->arena);
    free(a);
}

/* A failed fetch: what was had stays in use as long as it lasts. */
static void
fetch_failed(struct bq_auth *a, int status, const char *why)
{
    int64_t wait_ms = clock_backoff_ms(a->tries, 1000, 64000);

    a->tries++;
    log_warn("cannot get an access token for BigQuery: %s%s", why,
             a->kind == WHO_METADATA && status == 0 ? " (is this a Google Cloud machine?)" : "");
    a->next_us = clock_mono_us() + wait_ms * 1000;
    if (a->generation == 0 &&
        (a->tries >= FIRST_TRIES || (status >= 400 && status < 500 && status != 429)))
        err_set(&a->failed, ERR_CONFIG, "bigquery.token",
                "no access token for BigQuery: %s; see walbridge.bigquery.credentials", why);
}

static void
take_token(struct bq_auth *a, json_t *doc)
{
    const char *token = json_string_value(json_object_get(doc, "access_token"));
    int64_t life_s = json_integer_value(json_object_get(doc, "expires_in")),
            now_us = clock_mono_us();

    if (!token || strpbrk(token, "\r\n")) {
        fetch_failed(a, 0, "the answer holds no access_token");
        return;
    }
    if (life_s <= 0 || life_s > 24 * 3600)
        life_s = ASSERTION_LIFE_S;
    free(a->header);
    a->header = mem_printf("Authorization: Bearer %s", token);
    a->expires_us = now_us + life_s * 1000000;
    a->next_us =
        now_us +
        (life_s > 2 * REFRESH_BEFORE_S ? life_s - REFRESH_BEFORE_S : (life_s + 1) / 2) * 1000000;
    a->generation++;
    a->tries = 0;
    a->refused = a->want_new;
    a->want_new = false;
}

static void
on_token(void *arg, const struct http_response *r)
{
    struct bq_auth *a = arg;
    json_t *doc = json_loadb(r->body.p ? r->body.p : "", r->body.n, 0, NULL);
    const char *error = json_string_value(json_object_get(doc, "error"));
    const char *detail = json_string_value(json_object_get(doc, "error_description"));
    char why[400];

    a->fetching = false;
    if (r->status == 200) {
        take_token(a, doc);
    } else {
        snprintf(why, sizeof(why), "%s%s%s%s", r->status ? "" : r->error,
                 error       ? error
                 : r->status ? "HTTP error"
                             : "",
                 detail ? ": " : "", detail ? detail : "");
        if (r->status)
            snprintf(why + strlen(why), sizeof(why) - strlen(why), " (HTTP %d)", r->status);
        fetch_failed(a, r->status, why);
    }
    json_decref(doc);
}

static void
on_project(void *arg, const struct http_response *r)
{
    struct bq_auth *a = arg;

    a->asking_project = false;
    if (r->status == 200 && r->body.n > 0 && r->body.n < 128)
        a->project = mem_strndup(r->body.p, r->body.n);
    else
        fetch_failed(a, r->status, "the metadata server does not tell the project id");
}

static void
add_form(struct buf *b, const char *name, const char *value)
{
    char escaped[4096] = "";

    if (!http_escape(escaped, sizeof(escaped), slice_of(value)))
        b->full = true;
    buf_printf(b, "%s%s=%s", b->n ? "&" : "", name, escaped);
}

/*
 * The assertion: header {"alg","typ","kid"}, claims {"iss","scope","aud","iat","exp"}, RS256.
 * https://developers.google.com/identity/protocols/oauth2/service-account#httprest
 */
static bool
write_assertion(struct bq_auth *a, struct err *e)
{
    int64_t now_s = clock_now_ns() / 1000000000;
    struct buf header, claims;
    bool ok;

    buf_init(&header, 4096);
    buf_init(&claims, 4096);
    buf_str(&header, "{\"alg\":\"RS256\",\"typ\":\"JWT\"");
    if (a->key_id) {
        buf_str(&header, ",\"kid\":");
        json_cstr(&header, a->key_id);
    }
    buf_putc(&header, '}');
    buf_str(&claims, "{\"iss\":");
    json_cstr(&claims, a->email);
    buf_str(&claims, ",\"scope\":\"" SCOPE "\",\"aud\":");
    json_cstr(&claims, a->token_uri);
    buf_printf(&claims, ",\"iat\":%lld,\"exp\":%lld}", (long long)now_s,
               (long long)now_s + ASSERTION_LIFE_S);
    add_form(&a->body, "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    buf_str(&a->body, "&assertion=");
    ok = jwt_sign(a->key, buf_view(&header), buf_view(&claims), &a->body, e);
    buf_free(&header);
    buf_free(&claims);
    return ok && (buf_ok(&a->body) ||
                  err_set(e, ERR_CONFIG, "bigquery.key", "the key file's members are too long"));
}

static bool
post_form(struct bq_auth *a, struct err *e)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded",
                                          "Accept: application/json"};
    struct http_request req = {.method = "POST",
                               .url = a->token_uri,
                               .headers = headers,
                               .nheaders = 2,
                               .body = buf_view(&a->body)};

    return http_send(a->http, &req, on_token, a, e);
}

static bool
get_metadata(struct bq_auth *a, const char *path, http_done done, struct err *e)
{
    static const char *const headers[] = {"Metadata-Flavor: Google"};
    char url[512];
    struct http_request req = {.method = "GET",
                               .url = url,
                               .headers = headers,
                               .nheaders = 1,
                               .timeout_ms = METADATA_TIMEOUT_MS};

    snprintf(url, sizeof(url), "http://%s/computeMetadata/v1/%s", a->metadata_host, path);
    return http_send(a->http, &req, done, a, e);
}

static bool
fetch(struct bq_auth *a, struct err *e)
{
    buf_clear(&a->body);
    switch (a->kind) {
    case WHO_NOBODY:
        return true;
    case WHO_SERVICE_ACCOUNT:
        return write_assertion(a, e) && post_form(a, e);
    case WHO_USER:
        add_form(&a->body, "grant_type", "refresh_token");
        add_form(&a->body, "client_id", a->client_id);
        add_form(&a->body, "client_secret", a->client_secret);
        add_form(&a->body, "refresh_token", a->refresh_token);
        return post_form(a, e);
    case WHO_METADATA:
        return get_metadata(a, "instance/service-accounts/default/token", on_token, e);
    }
    return true;
}

static bool
needs_project(const struct bq_auth *a)
{
    return a->kind == WHO_METADATA && !a->conf->project && !a->project;
}

bool
bq_auth_step(struct bq_auth *a, struct err *e)
{
    int64_t now_us = clock_mono_us();

    if (a->failed.cls != ERR_NONE) {
        *e = a->failed;
        return false;
    }
    if (a->kind == WHO_NOBODY || now_us < a->next_us)
        return true;
    if (needs_project(a) && !a->asking_project) {
        a->asking_project = get_metadata(a, "project/project-id", on_project, e);
        if (!a->asking_project)
            return false;
    }
    if (a->fetching)
        return true;
    a->fetching = fetch(a, e);
    return a->fetching;
}

int64_t
bq_auth_deadline_us(const struct bq_auth *a)
{
    return a->kind == WHO_NOBODY || a->fetching || a->asking_project ? INT64_MAX : a->next_us;
}

bool
bq_auth_ready(const struct bq_auth *a, const char **header)
{
    *header = a->header;
    if (a->kind == WHO_NOBODY)
        return true;
    return a->header && !a->want_new && !needs_project(a) && clock_mono_us() < a->expires_us;
}

unsigned
bq_auth_generation(const struct bq_auth *a)
{
    return a->generation;
}

bool
bq_auth_refused(struct bq_auth *a, unsigned generation)
{
    if (generation != a->generation)
        return true; /* an answer to the token before: there is a new one already */
    if (a->refused || a->kind == WHO_NOBODY)
        return false;
    a->want_new = true;
    a->next_us = 0;
    return true;
}

void
bq_auth_worked(struct bq_auth *a, unsigned generation)
{
    if (generation == a->generation)
        a->refused = false;
}

const char *
bq_auth_project(const struct bq_auth *a)
{
    return a->project;
}
