/* Inside replicator/pg: what conn.c needs of the parameters that params.c worked out. */
#ifndef REPLICATOR_PG_PARAMS_H
#define REPLICATOR_PG_PARAMS_H

#include "base/arena.h"
#include "base/buf.h"
#include "replicator/pg/conn.h"

enum { PG_KEYWORDS_MAX = 64 };

struct pg_host {
    const char *host, *port; /* port NULL: libpq's default */
};

struct pg_params {
    struct arena arena;
    size_t n; /* keywords without host, port and what depends on the role */
    const char *keyword[PG_KEYWORDS_MAX], *value[PG_KEYWORDS_MAX];
    size_t nhosts;
    struct pg_host *hosts;
    const char *target, *database, *user;
    const char *connector;        /* for application_name */
    const char *application;      /* the user's own application_name, NULL */
    const char *options;          /* the user's own startup options, NULL */
    const char *search_path;      /* database.currentSchema, NULL */
    char *password, *sslpassword; /* what keyword[] points to */
    int timeout_ms;
    size_t ninitial; /* database.initial.statements */
    const char **initial;
};

/* A setting of every session. */
struct pg_setting {
    const char *name, *value;
    bool snapshot_only;
    const char *chunk; /* PG_CHUNK has this instead; NULL: the same */
};
extern const struct pg_setting pg_settings[];
extern const size_t pg_nsettings;

/* The `options` startup parameter. */
void pg_params_options(const struct pg_params *p, enum pg_role role, struct buf *out);
/* The same as one text of SET statements, for a session that did not take them. */
void pg_params_set_statements(const struct pg_params *p, enum pg_role role, struct buf *out);
/* "walbridge/<connector> (role)" */
void pg_params_application(const struct pg_params *p, enum pg_role role, struct buf *out);
/* Splits "a; b;; c; d" into "a", "b; c", "d". */
size_t pg_split_statements(struct arena *a, const char *text, const char ***out);

#endif
