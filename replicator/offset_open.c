#include <strings.h>

#include "replicator/offset.h"

enum { EXTRA_MAX_TOPIC = 900000, EXTRA_MAX_FILE = 3 << 20 };

static bool
is_kafka(const struct config *c)
{
    const char *kind = config_str(c, "walbridge.offset.storage");

    return kind && strcasecmp(kind, "kafka") == 0;
}

size_t
offset_extra_max(const struct config *c, bool topic)
{
    return topic || is_kafka(c) ? EXTRA_MAX_TOPIC : EXTRA_MAX_FILE;
}

struct offset_store *
offset_store_open(const struct config *c, struct err *e)
{
    return is_kafka(c) ? offset_kafka_open(c, e) : offset_file_open(c, e);
}
