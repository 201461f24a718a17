#include "replicator/conf_provider.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "replicator/conf_props.h"

/* A file of secrets has some lines; a directory's file is one secret, at most a certificate chain. */
enum { SECRET_FILE_MAX = 1 << 18 };

/* One ${provider:path:name}; path is empty for env. */
struct variable {
    const char *key; /* the property it stands in */
    char *path, *name;
};

struct lookup {
    const char *name;
    struct buf *out;
    bool found;
};

static bool
is_name(const char *p)
{
    size_t i = 0;

    for (; p[i]; i++) {
        bool alpha = (p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'z';

        if (!alpha && p[i] != '_' && (i == 0 || p[i] < '0' || p[i] > '9'))
            return false;
    }
    return i > 0;
}

static bool
from_env(const struct variable *v, struct buf *out, struct err *e)
{
    const char *text;

    if (*v->path || !is_name(v->name))
        return err_set(e, ERR_CONFIG, "config.env",
                       "property \"%s\" has a ${env:NAME} without a proper name or '}'", v->key);
    text = getenv(v->name);
    if (!text)
        return err_set(e, ERR_CONFIG, "config.env",
                       "property \"%s\" needs the environment variable %s, which is not set",
                       v->key, v->name);
    buf_str(out, text);
    return true;
}

static bool
read_file(const struct variable *v, const char *path, struct buf *text, struct err *e)
{
    FILE *f = fopen(path, "re");
    char *room;
    size_t n;

    if (!f)
        return err_set(e, ERR_CONFIG, "config.provider",
                       "property \"%s\" needs the file \"%s\": %s", v->key, path, strerror(errno));
    while ((room = buf_room(text, 4096)) && (n = fread(room, 1, 4096, f)) > 0)
        buf_took(text, n);
    n = (size_t)ferror(f);
    fclose(f);
    if (n || !buf_ok(text) || (text->p && memchr(text->p, 0, text->n)))
        return err_set(e, ERR_CONFIG, "config.provider",
                       "property \"%s\" needs the file \"%s\", which is not a text of at most %d "
                       "bytes",
                       v->key, path, SECRET_FILE_MAX);
    return true;
}

static bool
take_property(void *arg, const char *key, const char *value, struct err *e)
{
    struct lookup *l = arg;

    (void)e;
    if (strcmp(key, l->name) == 0) {
        buf_clear(l->out);
        buf_str(l->out, value);
        l->found = true;
    }
    return true;
}

static bool
from_file(const struct variable *v, struct buf *out, struct err *e)
{
    struct buf text, value;
    struct lookup l = {v->name, &value, false};
    bool ok;

    buf_init(&text, SECRET_FILE_MAX + 4096);
    buf_init(&value, SECRET_FILE_MAX);
    ok = read_file(v, v->path, &text, e);
    if (ok && !props_parse(text.n ? text.p : "", text.n, take_property, &l, e))
        ok = err_wrap(e, "property \"%s\": reading \"%s\"", v->key, v->path);
    if (ok && !l.found)
        ok = err_set(e, ERR_CONFIG, "config.provider",
                     "property \"%s\" needs \"%s\", which is not in the file \"%s\"", v->key,
                     v->name, v->path);
    if (ok)
        buf_slice(out, buf_view(&value));
    if (text.p)
        explicit_bzero(text.p, text.n);
    if (value.p)
        explicit_bzero(value.p, value.n);
    buf_free(&text);
    buf_free(&value);
    return ok;
}

static bool
from_directory(const struct variable *v, struct buf *out, struct err *e)
{
    char *path;
    struct buf text;
    bool ok;

    /* The directory is what was allowed, so the name stays within. */
    if (strchr(v->name, '/') || strcmp(v->name, "..") == 0 || !*v->name)
        return err_set(e, ERR_CONFIG, "config.provider",
                       "property \"%s\" names \"%s\", which is no file's name", v->key, v->name);
    path = mem_printf("%s/%s", v->path, v->name);
    buf_init(&text, SECRET_FILE_MAX + 4096);
    ok = read_file(v, path, &text, e);
    if (ok)
        buf_slice(out, buf_view(&text));
    if (text.p)
        explicit_bzero(text.p, text.n);
    buf_free(&text);
    free(path);
    return ok;
}

static const struct provider {
    const char *prefix;
    bool (*fill)(const struct variable *v, struct buf *out, struct err *e);
} providers[] = {
    {"${env:", from_env},
    {"${file:", from_file},
    {"${dir:", from_directory},
    {"${directory:", from_directory},
};

/* p stands behind "${provider:"; *next behind the '}'. */
static bool
fill_in(const struct provider *provider, const char *key, const char *p, const char **next,
        struct buf *out, struct err *e)
{
    size_t n = strcspn(p, "}");
    struct variable v = {.key = key};
    const char *colon;
    bool ok;

    if (!p[n])
        return err_set(e, ERR_CONFIG, provider == providers ? "config.env" : "config.provider",
                       "property \"%s\" has a %s…} without a proper name or '}'", key,
                       provider->prefix);
    *next = p + n + 1;
    colon = memchr(p, ':', n);
    v.path = mem_strndup(p, colon ? (size_t)(colon - p) : 0);
    v.name = colon ? mem_strndup(colon + 1, (size_t)(p + n - colon - 1)) : mem_strndup(p, n);
    if (provider != providers && !*v.path)
        ok = err_set(e, ERR_CONFIG, "config.provider",
                     "property \"%s\" has a %sPATH:NAME} without a path", key, provider->prefix);
    else
        ok = provider->fill(&v, out, e);
    free(v.path);
    free(v.name);
    return ok;
}

bool
conf_expand(struct buf *out, const char *key, const char *value, struct err *e)
{
    buf_clear(out);
    while (*value) {
        size_t p = 0, n = sizeof(providers) / sizeof(providers[0]);

        while (p < n && strncmp(value, providers[p].prefix, strlen(providers[p].prefix)) != 0)
            p++;
        if (p == n)
            buf_putc(out, *value++);
        else if (!fill_in(&providers[p], key, value + strlen(providers[p].prefix), &value, out, e))
            return false;
    }
    if (!buf_ok(out))
        return err_set(e, ERR_CONFIG, "config.size", "property \"%s\" is longer than %zu bytes",
                       key, out->max);
    return true;
}
