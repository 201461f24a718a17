#include "sinks/kafka/window.h"

enum {
    WINDOW_FREE = 5,    /* records in flight that librdkafka sends others beside: it never waits */
    WINDOW_BATCHES = 2, /* at most: one on its way, one behind it */
    WINDOW_WEIGHT = 4,  /* the last trip counts for one of so many */
    WINDOW_LINGERS = 2, /* a trip counts for no more: the first of a topic waits for metadata */
};

bool
kafka_window_admits(const struct kafka_window *w, const struct kafka_batching *b, uint64_t bytes,
                    int64_t now_us)
{
    int64_t batches;

    if (w->away < WINDOW_FREE || b->batch_bytes == 0)
        return true;
    batches =
        w->trip_us * WINDOW_BATCHES <= b->linger_us ? WINDOW_BATCHES : b->linger_us / w->trip_us;
    /* So many trips are made, one after the other, before the last record has lingered. */
    if (batches > 0)
        return w->bytes < b->batch_bytes * (uint64_t)batches;
    /* One trip outlasts the linger: only what goes with the batch that has not been sent. */
    return now_us < w->open_us + b->linger_us &&
           w->bytes + bytes + (w->away + 1) * b->record_bytes <= b->batch_bytes;
}

void
kafka_window_put(struct kafka_window *w, const struct kafka_batching *b, uint64_t bytes,
                 int64_t now_us)
{
    if (w->away++ == 0) {
        w->open_us = now_us;
        w->full_us = 0;
        w->first = true;
    }
    w->bytes += bytes;
    if (w->full_us == 0 && w->bytes >= b->batch_bytes)
        w->full_us = now_us;
}

void
kafka_window_take(struct kafka_window *w, uint64_t bytes)
{
    w->away--;
    w->bytes -= bytes;
}

void
kafka_window_reported(struct kafka_window *w, const struct kafka_batching *b, int64_t now_us)
{
    int64_t sent_us = w->full_us != 0 ? w->full_us : w->open_us + b->linger_us;
    int64_t trip_us = now_us - sent_us, most = b->linger_us * WINDOW_LINGERS;

    /* When a later batch that lingered was sent is not known. */
    if (w->first || w->full_us != 0) {
        trip_us = trip_us < 1 ? 1 : trip_us > most ? most : trip_us;
        w->trip_us += w->trip_us == 0 ? trip_us : (trip_us - w->trip_us) / WINDOW_WEIGHT;
    }
    w->first = false;
    /* So few are no reason to close. With several partitions there may always be some on their way. */
    if (w->away < WINDOW_FREE)
        w->open_us = now_us;
    w->full_us = w->bytes >= b->batch_bytes ? now_us : 0;
}
