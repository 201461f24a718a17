#include <strings.h>

#include "replicator/offset.h"

struct offset_store *
offset_store_open(const struct config *c, struct err *e)
{
    const char *kind = config_str(c, "walbridge.offset.storage");

    return kind && strcasecmp(kind, "kafka") == 0 ? offset_kafka_open(c, e)
                                                  : offset_file_open(c, e);
}
