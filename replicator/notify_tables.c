/* Notifications of an initial or a blocking snapshot's tables. */
#include <inttypes.h>
#include <stdio.h>

#include "replicator/notify.h"
#include "replicator/pg/snapshot.h"

enum { TABLE_NAMES_MAX = 1 << 22 };

static void
all_names(struct snapshot *s, struct buf *out)
{
    struct snapshot_table_progress p;

    for (size_t i = 0; i < snapshot_ntables(s); i++) {
        snapshot_table_progress(s, i, &p);
        buf_printf(out, "%s%s.%s", i ? "," : "", p.schema, p.table);
    }
}

static void
say_table(struct notify *n, struct snapshot *s, const struct snapshot_table_progress *p,
          bool finished, const char *also)
{
    struct buf names, name;
    char rows[24];

    buf_init(&names, TABLE_NAMES_MAX);
    buf_init(&name, 1024);
    all_names(s, &names);
    if (finished && also)
        buf_printf(&names, ",%s", also);
    buf_printf(&name, "%s.%s", p->schema, p->table);
    snprintf(rows, sizeof(rows), "%" PRIu64, p->rows);
    if (finished)
        notify_say(n, NOTIFY_INITIAL, "TABLE_SCAN_COMPLETED", NULL, "scanned_collection",
                   buf_cstr(&name), "total_rows_scanned", rows, "data_collections",
                   buf_cstr(&names), "status", "SUCCEEDED", NULL);
    else
        notify_say(n, NOTIFY_INITIAL, "IN_PROGRESS", NULL, "current_collection_in_progress",
                   buf_cstr(&name), "data_collections", buf_cstr(&names), NULL);
    buf_free(&names);
    buf_free(&name);
}

void
notify_of_tables(struct notify *n, struct notify_tables *t, struct snapshot *s, const char *also)
{
    struct snapshot_table_progress p;

    if (!notify_is_on(n))
        return;
    for (; t->told < snapshot_ntables(s); t->told++, t->begun = false) {
        snapshot_table_progress(s, t->told, &p);
        if (p.started_us && !t->begun) {
            say_table(n, s, &p, false, also);
            t->begun = true;
        }
        if (!p.ended_us)
            return;
        say_table(n, s, &p, true, also);
    }
}
