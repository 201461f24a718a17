/*
 * A time zone of the system's database (TZif, RFC 8536) or a fixed offset, loaded once at start: the one file that the decoder
 * reads. Immutable afterwards; any thread may ask.
 */
#ifndef DECODER_ZONE_H
#define DECODER_ZONE_H

#include <stdint.h>

#include "base/err.h"

struct zone;

/* "Europe/Berlin", "UTC", "+02:00", "-05:30:15". NULL: e is set. */
struct zone *zone_load(const char *name, struct err *e);
void zone_free(struct zone *z);
/* Seconds east of Greenwich at a time of day there, seconds since 1970 as if it were UTC. In a gap or an overlap that of before. */
int32_t zone_offset_local(const struct zone *z, int64_t local);
/* At an instant. */
int32_t zone_offset_at(const struct zone *z, int64_t utc);

#endif
