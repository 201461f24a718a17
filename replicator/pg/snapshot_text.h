/* A snapshot's progress, as the log and a terminal show it. No libpq. */
#ifndef REPLICATOR_PG_SNAPSHOT_TEXT_H
#define REPLICATOR_PG_SNAPSHOT_TEXT_H

#include <stddef.h>

#include "replicator/pg/snapshot.h"

enum { SNAPSHOT_TEXT = 256 };

/* All tables in one line; bar: with one, when the number of rows is known. */
void snapshot_text_total(const struct snapshot_progress *p, int64_t now_us, bool bar,
                         char out[SNAPSHOT_TEXT]);
/* One table that is being read. */
void snapshot_text_table(const struct snapshot_table_progress *p, int64_t now_us,
                         char out[SNAPSHOT_TEXT]);

#endif
