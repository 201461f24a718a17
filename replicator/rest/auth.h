/* Basic authentication: users from a file as Kafka Connect's PropertyFileLoginModule reads it, lines of name=password. */
#ifndef REPLICATOR_REST_AUTH_H
#define REPLICATOR_REST_AUTH_H

#include <stdbool.h>

#include "base/err.h"

struct rest_users;

struct rest_users *auth_read(const char *path, struct err *e);
void auth_free(struct rest_users *u);
/* header: "Basic …", NULL: absent. Takes as long for a wrong password as for a right one. */
bool auth_is_allowed(const struct rest_users *u, const char *header);

#endif
