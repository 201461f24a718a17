/* What the commands that take a connector's file share: reading it with --set over it, and what an error means for the
 * exit code. */
#ifndef REPLICATOR_CLI_CONF_ARGS_H
#define REPLICATOR_CLI_CONF_ARGS_H

#include "base/err.h"
#include "base/prop.h"
#include "replicator/cli/cli.h"

#define CONF_SET_OPTION                                                                            \
    {                                                                                              \
        0, "set", "KEY=VALUE", true, NULL, "Set a property, over the file's."                      \
    }

/* Puts the command line's --set over a configuration; not yet validated. */
bool conf_args_set(const struct cli_args *a, struct config *config, struct err *e);
/* The connector's file, --set over it, validated. NULL: e, with the file's name. */
struct config *conf_args_read(const struct cli_args *a, const char *path, struct err *e);
int conf_args_exit(const struct err *e);
/* Says the error on standard error; returns the exit code it means. */
int conf_args_failed(const struct err *e);

#endif
