#include "replicator/pg/snapshot_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_BAR = 20 };

struct text {
    char *p;
    size_t n;
};

static void __attribute__((format(printf, 2, 3))) text_add(struct text *t, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(t->p + t->n, SNAPSHOT_TEXT - t->n, fmt, ap);
    va_end(ap);
    if (n > 0)
        t->n = t->n + (size_t)n < SNAPSHOT_TEXT ? t->n + (size_t)n : SNAPSHOT_TEXT - 1;
}

/* 0.8 MB, 12 MB, 3.4 GB */
static void
text_bytes(struct text *t, double bytes)
{
    if (bytes < 10e6)
        text_add(t, "%.1f MB", bytes / 1e6);
    else if (bytes < 10e9)
        text_add(t, "%.0f MB", bytes / 1e6);
    else
        text_add(t, "%.1f GB", bytes / 1e9);
}

static void
text_time(struct text *t, double seconds)
{
    if (seconds < 120)
        text_add(t, ", about %.0f s left", seconds);
    else if (seconds < 7200)
        text_add(t, ", about %.0f min left", seconds / 60);
    else
        text_add(t, ", about %.1f h left", seconds / 3600);
}

/* "5 of about 9 rows, 1.2 MB, 3 rows/s, 0.4 MB/s, about 2 s left" */
static void
text_pace(struct text *t, uint64_t rows, uint64_t bytes, double total, double seconds)
{
    double rate = seconds > 0 ? (double)rows / seconds : 0;

    text_add(t, "%" PRIu64, rows);
    /* The server's estimate is old, or the snapshot: then it says nothing any more. */
    if (total > (double)rows)
        text_add(t, " of about %.0f", total);
    text_add(t, " rows, ");
    text_bytes(t, (double)bytes);
    if (seconds <= 0)
        return;
    text_add(t, ", %.0f rows/s, ", rate);
    text_bytes(t, (double)bytes / seconds);
    text_add(t, "/s");
    if (total > (double)rows && rate > 0)
        text_time(t, (total - (double)rows) / rate);
}

static void
text_bar(struct text *t, double part)
{
    char bar[TEXT_BAR + 1];
    int done = (int)(part * TEXT_BAR);

    memset(bar, '.', TEXT_BAR);
    memset(bar, '#', (size_t)(done < 0 ? 0 : done > TEXT_BAR ? TEXT_BAR : done));
    bar[TEXT_BAR] = '\0';
    text_add(t, "[%s] %.0f %% ", bar, part * 100);
}

void
snapshot_text_total(const struct snapshot_progress *p, int64_t now_us, bool bar,
                    char out[SNAPSHOT_TEXT])
{
    struct text t = {out, 0};

    out[0] = '\0';
    text_add(&t, "snapshot: ");
    if (bar && p->total_rows > 0)
        text_bar(&t, (double)p->rows < p->total_rows ? (double)p->rows / p->total_rows : 1);
    text_add(&t, "%u of %u tables, ", p->tables_done, p->tables);
    text_pace(&t, p->rows, p->bytes, p->total_rows, (double)(now_us - p->started_us) / 1e6);
    if (p->wal_retained >= 0) {
        text_add(&t, "; the slot keeps ");
        text_bytes(&t, (double)p->wal_retained);
        text_add(&t, " of WAL");
        if (p->wal_limit > 0) {
            text_add(&t, ", and may keep ");
            text_bytes(&t, (double)p->wal_limit);
        }
    }
}

void
snapshot_text_table(const struct snapshot_table_progress *p, int64_t now_us,
                    char out[SNAPSHOT_TEXT])
{
    struct text t = {out, 0};

    out[0] = '\0';
    text_add(&t, "snapshot: table \"%s.%s\", ", p->schema, p->table);
    text_pace(&t, p->rows, p->bytes, p->total_rows, (double)(now_us - p->started_us) / 1e6);
}
