#include "replicator/cli/conf_args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "replicator/conf.h"

static bool
conf_args_set_pair(struct config *config, const char *pair, struct err *e)
{
    const char *eq = strchr(pair, '=');
    char *key;

    /* The value may be a password: only the part in front of "=" is said. */
    if (!eq || eq == pair)
        return err_set(e, ERR_CONFIG, "cli.set", "--set \"%.*s\" should be KEY=VALUE", eq ? 0 : 40,
                       pair);
    key = mem_strndup(pair, (size_t)(eq - pair));
    config_set(config, key, eq + 1);
    free(key);
    return true;
}

bool
conf_args_set(const struct cli_args *a, struct config *config, struct err *e)
{
    const char *pair;

    for (size_t i = 0; (pair = cli_each(a, "set", &i)) != NULL;)
        if (!conf_args_set_pair(config, pair, e))
            return false;
    return true;
}

struct config *
conf_args_read(const struct cli_args *a, const char *path, struct err *e)
{
    struct config *config = conf_read(path, e);

    if (!config)
        return NULL;
    if (!conf_args_set(a, config, e) || !conf_check(config, e)) {
        config_free(config);
        err_wrap(e, "%s", strcmp(path, "-") == 0 ? "standard input" : path);
        return NULL;
    }
    return config;
}

int
conf_args_exit(const struct err *e)
{
    if (strncmp(e->code, "offset.", 7) == 0 || strcmp(e->code, "slot.missing") == 0)
        return EXIT_REFUSED;
    switch (e->cls) {
    case ERR_NONE:
        return EXIT_OK;
    case ERR_CONFIG:
        return EXIT_CONFIG;
    case ERR_RETRY:
        return EXIT_UNREACHABLE;
    case ERR_DATA:
    case ERR_FATAL:
    case ERR_BUG:
        break;
    }
    return EXIT_FAILED;
}

int
conf_args_failed(const struct err *e)
{
    fprintf(stderr, "walbridge: %s\n", e->msg);
    return conf_args_exit(e);
}
