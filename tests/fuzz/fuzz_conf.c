/*
 * Any bytes are a configuration or an error with a code; validating one never crashes, gives the same answer twice, and
 * leaves no old name behind. What passes can be turned into settings.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "replicator/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

/* Messages are single lines; a value of a secret is not among them, which the unit tests look at. */
static void
check_issues(const struct prop_issue *is)
{
    for (; is; is = is->next)
        must(!strpbrk(is->text, "\n\r\033"), "a message is one line");
}

static void
check_validated(struct config *c)
{
    const struct prop_issue *is;
    const char *key, *value;
    bool ok = config_validate(c, &is);
    struct settings s;

    check_issues(is);
    for (size_t i = 0; config_next(c, &i, &key, &value);) {
        const struct prop *row = config_prop(c, key);

        must(!row || !(row->flags & PROP_ALIAS), "old names are resolved");
        must(ok || row || !config_prop(c, key), "the same row is found again");
    }
    must(config_validate(c, &is) || !ok, "what was right stays right");
    if (ok) {
        conf_settings(c, &s);
        must(s.prefix && s.database && s.unavailable.p, "settings are filled");
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct err e = {0};
    struct config *c = conf_parse((const char *)data, n, "fuzz", &e);

    log_set_level(LOG_ERROR);
    must(c || (e.code[0] && e.msg[0]), "a refusal says why");
    if (c)
        check_validated(c);
    config_free(c);
    return 0;
}
