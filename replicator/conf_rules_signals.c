/* Checks of what signals, notifications and metrics are set up with. */
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "replicator/conf_rows.h"
#include "replicator/metrics_labels.h"

static bool
is_among(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcasecmp(name, *list) == 0)
            return true;
    return false;
}

static bool
all_among(const char *list, const char *const *names, const char *what, struct err *e)
{
    struct buf item;
    bool ok = true;

    buf_init(&item, 1 << 16);
    while (ok && config_list_next(&list, &item))
        ok = is_among(buf_cstr(&item), names) ||
             err_set(e, ERR_CONFIG, "config.value", "channel \"%s\" is unknown; %s are there",
                     buf_cstr(&item), what);
    buf_free(&item);
    return ok;
}

bool
conf_rule_signal_table(const struct config *c, const char *value, struct err *e)
{
    const char *dot = strchr(value, '.');

    (void)c;
    if (strchr(value, ','))
        return err_set(e, ERR_CONFIG, "config.value", "PostgreSQL has one signal table");
    return (dot && dot != value && dot[1]) ||
           err_set(e, ERR_CONFIG, "config.value", "a table is named as schema.table");
}

bool
conf_rule_signal_channels(const struct config *c, const char *value, struct err *e)
{
    static const char *const names[] = {"source", "kafka", "file", "jmx", "in-process", NULL};

    (void)c;
    return all_among(value, names, "source, kafka, file, jmx and in-process", e);
}

bool
conf_rule_notification_channels(const struct config *c, const char *value, struct err *e)
{
    static const char *const names[] = {"sink", "log", "jmx", NULL};

    if (!all_among(value, names, "sink, log and jmx", e))
        return false;
    return !config_list_has(c, "notification.enabled.channels", "sink") ||
           config_given(c, "notification.sink.topic.name") ||
           err_set(e, ERR_CONFIG, "config.value",
                   "the channel sink needs notification.sink.topic.name");
}

bool
conf_rule_metric_tags(const struct config *c, const char *value, struct err *e)
{
    struct buf labels;
    bool ok;

    (void)c;
    buf_init(&labels, 1 << 20);
    ok = metrics_labels(&labels, value, e);
    buf_free(&labels);
    return ok;
}
