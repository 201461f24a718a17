/* Notifications of an initial or a blocking snapshot's tables. */
#include <inttypes.h>
#include <stdio.h>

#include "replicator/notify.h"
#include "replicator/pg/snapshot.h"

enum said { SAY_BEGUN, SAY_READ, SAY_FAILED };

static void
say_table(struct notify *n, const struct snapshot *s, const struct snapshot_table_progress *p,
          enum said what)
{
    struct buf name;
    char rows[24];

    buf_init(&name, 1024);
    buf_printf(&name, "%s.%s", p->schema, p->table);
    snprintf(rows, sizeof(rows), "%" PRIu64, p->rows);
    switch (what) {
    case SAY_BEGUN:
        notify_say(n, NOTIFY_INITIAL, "IN_PROGRESS", NULL, "current_collection_in_progress",
                   buf_cstr(&name), "data_collections", snapshot_names_reading(s), NULL);
        break;
    case SAY_READ:
        notify_say(n, NOTIFY_INITIAL, "TABLE_SCAN_COMPLETED", NULL, "scanned_collection",
                   buf_cstr(&name), "total_rows_scanned", rows, "data_collections",
                   snapshot_names_captured(s), "status", "SUCCEEDED", NULL);
        break;
    case SAY_FAILED:
        notify_say(n, NOTIFY_INITIAL, "TABLE_SCAN_COMPLETED", NULL, "scanned_collection",
                   buf_cstr(&name), "status", "SQL_EXCEPTION", NULL);
        break;
    }
    buf_free(&name);
}

void
notify_of_tables(struct notify *n, struct notify_tables *t, struct snapshot *s)
{
    struct snapshot_table_progress p;

    if (!notify_is_on(n))
        return;
    for (; t->told < snapshot_ntables(s); t->told++, t->begun = false) {
        snapshot_table_progress(s, t->told, &p);
        if (p.started_us && !t->begun) {
            say_table(n, s, &p, SAY_BEGUN);
            t->begun = true;
        }
        if (!p.ended_us)
            return;
        say_table(n, s, &p, SAY_READ);
    }
}

void
notify_of_failure(struct notify *n, struct notify_tables *t, struct snapshot *s)
{
    struct snapshot_table_progress p;

    notify_of_tables(n, t, s);
    for (size_t i = t->told; i < snapshot_ntables(s); i++) {
        snapshot_table_progress(s, i, &p);
        if (!p.failed)
            continue;
        if (i > t->told || !t->begun)
            say_table(n, s, &p, SAY_BEGUN);
        say_table(n, s, &p, SAY_FAILED);
    }
}
