#include "base/fault.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef FAULT_POINTS

enum { FAULT_MAX = 16 };

enum fault_action { FAULT_CRASH, FAULT_ERROR };

struct fault_point {
    char name[64];
    enum fault_action action;
    unsigned long at; /* the passing that it acts on; 0: every one */
    atomic_ulong passed;
};

static pthread_once_t fault_once = PTHREAD_ONCE_INIT;
static struct fault_point fault_points[FAULT_MAX];
static size_t fault_count;

/* A test with a misspelt fault would pass without testing anything. */
static _Noreturn void
fault_bad(const char *item)
{
    fprintf(stderr,
            "WALBRIDGE_FAULT: cannot read \"%s\"; expected name=crash[@n] or name=error[@n]\n",
            item);
    abort();
}

static void
fault_parse_item(char *item)
{
    struct fault_point *f = &fault_points[fault_count];
    char *eq = strchr(item, '=');
    char *at, *end = NULL;

    if (!eq || eq == item || (size_t)(eq - item) >= sizeof(f->name) || fault_count == FAULT_MAX)
        fault_bad(item);
    memcpy(f->name, item, (size_t)(eq - item));
    at = strchr(eq + 1, '@');
    if (at) {
        *at = '\0';
        f->at = strtoul(at + 1, &end, 10);
        if (end == at + 1 || *end || !f->at)
            fault_bad(item);
    }
    if (strcmp(eq + 1, "crash") == 0)
        f->action = FAULT_CRASH;
    else if (strcmp(eq + 1, "error") == 0)
        f->action = FAULT_ERROR;
    else
        fault_bad(item);
    fault_count++;
}

static void
fault_parse(void)
{
    const char *env = getenv("WALBRIDGE_FAULT");
    char *text, *rest = NULL;

    if (!env || !*env)
        return;
    text = strdup(env);
    if (!text)
        abort();
    for (char *item = strtok_r(text, ",", &rest); item; item = strtok_r(NULL, ",", &rest))
        fault_parse_item(item);
    free(text);
}

bool
fault_hit(const char *name)
{
    bool failed = false;

    pthread_once(&fault_once, fault_parse);
    for (size_t i = 0; i < fault_count; i++) {
        struct fault_point *f = &fault_points[i];
        unsigned long passed;

        if (strcmp(f->name, name) != 0)
            continue;
        passed = atomic_fetch_add(&f->passed, 1) + 1;
        if (f->at && passed != f->at)
            continue;
        /* As kill -9 does it: no handler, no flush, no atexit. */
        if (f->action == FAULT_CRASH)
            raise(SIGKILL);
        failed = true;
    }
    return failed;
}

#endif
