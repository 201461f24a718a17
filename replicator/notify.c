#include "replicator/notify.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/uuid.h"

struct queued {
    struct queued *next;
    struct arena arena;
    struct notification n;
};

struct notify {
    const char *name; /* topic.prefix */
    bool sink, log;
    struct queued *first, **last;
};

struct notify *
notify_new(const struct config *c)
{
    struct notify *n = mem_alloc(sizeof(*n));

    n->name = config_str(c, "topic.prefix");
    n->sink = config_list_has(c, "notification.enabled.channels", "sink");
    n->log = config_list_has(c, "notification.enabled.channels", "log") ||
             config_list_has(c, "notification.enabled.channels", "jmx");
    n->last = &n->first;
    return n;
}

static void
queued_free(struct queued *q)
{
    arena_free(&q->arena);
    free(q);
}

void
notify_free(struct notify *n)
{
    if (!n)
        return;
    while (n->first) {
        struct queued *q = n->first;

        n->first = q->next;
        queued_free(q);
    }
    free(n);
}

bool
notify_is_on(const struct notify *n)
{
    return n->sink || n->log;
}

static void
notify_log(const struct notification *n)
{
    struct buf b;

    buf_init(&b, 1 << 20);
    for (unsigned i = 0; i < n->nfields; i++)
        buf_printf(&b, "%s%s=%.*s", i ? ", " : "", n->fields[i].name,
                   SLICE_ARG(n->fields[i].value));
    log_info(
        "[Notification Service] {id='%.*s', aggregate_type='%s', type='%s', "
        "additional_data={%s}, timestamp=%lld}",
        SLICE_ARG(n->id), n->aggregate, n->type, buf_cstr(&b), (long long)n->ms);
    buf_free(&b);
}

/*
 * Where Java's hash map has it: behind the table that a notification is of, before everything else; but first where a status
 * alone stands beside that.
 */
static void
add_name(const struct notify *n, struct notification *to)
{
    bool failed = to->nfields == 2 && strcmp(to->fields[1].name, "status") == 0;
    unsigned at =
        !failed && to->nfields && strcmp(to->fields[0].name, "data_collections") != 0 ? 1 : 0;

    memmove(&to->fields[at + 1], &to->fields[at], (to->nfields - at) * sizeof(*to->fields));
    to->fields[at] = (struct notification_field){"connector_name", slice_of(n->name)};
    to->nfields++;
}

void
notify_say(struct notify *n, const char *aggregate, const char *type, const char *id, ...)
{
    struct queued *q;
    const char *name;
    char uuid[40];
    va_list ap;

    if (!notify_is_on(n))
        return;
    q = mem_alloc(sizeof(*q));
    arena_init(&q->arena);
    if (!id)
        uuid_v7(uuid);
    q->n = (struct notification){.id = arena_slice(&q->arena, slice_of(id ? id : uuid)),
                                 .type = type,
                                 .aggregate = aggregate,
                                 .ms = clock_now_ns() / 1000000};
    va_start(ap, id);
    while ((name = va_arg(ap, const char *)) != NULL) {
        const char *value = va_arg(ap, const char *);

        if (value && q->n.nfields < NOTIFICATION_FIELDS - 1)
            q->n.fields[q->n.nfields++] =
                (struct notification_field){name, arena_slice(&q->arena, slice_of(value))};
    }
    va_end(ap);
    add_name(n, &q->n);
    if (n->log)
        notify_log(&q->n);
    if (!n->sink) {
        queued_free(q);
        return;
    }
    *n->last = q;
    n->last = &q->next;
}

enum pipe_result
notify_flush(struct notify *n, struct pipeline *p, struct err *e)
{
    while (n->first && pipeline_may_put(p)) {
        struct queued *q = n->first;
        enum pipe_result r = pipeline_notify(p, &q->n, e);

        n->first = q->next;
        if (!n->first)
            n->last = &n->first;
        queued_free(q);
        if (r != PIPE_OK)
            return r;
    }
    return PIPE_OK;
}
