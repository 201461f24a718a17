#include "replicator/rest/auth.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "replicator/conf_props.h"

enum {
    FILE_MAX = 1 << 20,
    HEADER_MAX = 4096, /* of name and password together, encoded */
};

struct rest_users {
    struct map *passwords; /* by name */
};

static void
free_password(void *password)
{
    explicit_bzero(password, strlen(password));
    free(password);
}

static bool
take_user(void *arg, const char *key, const char *value, struct err *e)
{
    struct rest_users *u = arg;

    if (!*value)
        return err_set(e, ERR_CONFIG, "rest.users", "the user \"%s\" has no password", key);
    free(map_put(u->passwords, slice_of(key), mem_strdup(value)));
    return true;
}

struct rest_users *
auth_read(const char *path, struct err *e)
{
    struct rest_users *u = NULL;
    FILE *f = fopen(path, "re");
    struct buf text;
    char *room;
    size_t n;

    if (!f) {
        err_set(e, ERR_CONFIG, "rest.users", "cannot open \"%s\": %s", path, strerror(errno));
        return NULL;
    }
    buf_init(&text, FILE_MAX);
    while ((room = buf_room(&text, 4096)) && (n = fread(room, 1, 4096, f)) > 0)
        buf_took(&text, n);
    fclose(f);
    u = mem_alloc(sizeof(*u));
    u->passwords = map_new();
    if (!props_parse(text.n ? text.p : "", text.n, take_user, u, e) ||
        (map_count(u->passwords) == 0 &&
         !err_set(e, ERR_CONFIG, "rest.users", "there are no users in it"))) {
        err_wrap(e, "reading \"%s\"", path);
        auth_free(u);
        u = NULL;
    }
    if (text.p)
        explicit_bzero(text.p, text.n);
    buf_free(&text);
    return u;
}

void
auth_free(struct rest_users *u)
{
    if (!u)
        return;
    map_free(u->passwords, free_password);
    free(u);
}

bool
auth_is_allowed(const struct rest_users *u, const char *header)
{
    unsigned char plain[HEADER_MAX];
    const char *password, *given;
    char *colon;
    size_t n;
    int len;
    bool same;

    if (!header || strncasecmp(header, "Basic ", 6) != 0)
        return false;
    header += 6;
    header += strspn(header, " ");
    n = strlen(header);
    if (n == 0 || n % 4 || n > HEADER_MAX)
        return false;
    len = EVP_DecodeBlock(plain, (const unsigned char *)header, (int)n);
    if (len < 3)
        return false;
    len -= (header[n - 1] == '=') + (header[n - 2] == '=');
    plain[len] = '\0';
    colon = strchr((char *)plain, ':');
    if (!colon || strlen((char *)plain) != (size_t)len)
        return false;
    *colon = '\0';
    given = colon + 1;
    password = map_get(u->passwords, slice_of((char *)plain));
    same = password && strlen(password) == strlen(given) &&
           CRYPTO_memcmp(password, given, strlen(given)) == 0;
    explicit_bzero(plain, sizeof(plain));
    return same;
}
