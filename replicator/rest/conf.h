/* The REST server's settings, out of a worker's properties. */
#ifndef REPLICATOR_REST_CONF_H
#define REPLICATOR_REST_CONF_H

#include "base/buf.h"
#include "base/err.h"
#include "base/prop.h"

enum { REST_LISTENERS_MAX = 8 };

struct rest_listener {
    bool is_tls, is_admin;
    char host[256]; /* "": every address */
    char port[8];
};

struct rest_conf {
    struct rest_listener listeners[REST_LISTENERS_MAX];
    size_t nlisteners;
    bool admin_apart, admin_off;
    const char *origins, *methods; /* access.control.allow.*; origins NULL: none */
    const char *users;             /* file; NULL: anyone may come */
    bool read_only;
    char *certificate, *key; /* PEM, for TLS; to be freed */
    const char *key_password;
};

bool rest_conf_read(const struct config *c, struct rest_conf *out, struct err *e);
void rest_conf_free(struct rest_conf *c);

#endif
