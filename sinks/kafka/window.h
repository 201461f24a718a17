/*
 * How much of one topic librdkafka may hold at a time. Its idempotent producer has one batch of a partition away, and while
 * that is so its broker thread does not sleep once a record behind it has waited out its linger: it polls without pause and
 * takes a core for the rest of the round trip (rd_kafka_toppar_producer_serve works out the time of the next wake-up before
 * it looks at the limit of records in flight). So what would wait longer than the linger is not handed over yet: the
 * pipeline waits instead, until a report makes room.
 */
#ifndef SINKS_KAFKA_WINDOW_H
#define SINKS_KAFKA_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/* Of a producer. */
struct kafka_batching {
    uint64_t batch_bytes;  /* batch.size; 0: there is no window, every record is admitted */
    uint64_t record_bytes; /* that a record takes in a batch beside key and value */
    int64_t linger_us;     /* linger.ms */
};

/* Of a topic. Zeroed: nothing is away. Times are of a clock that never stands still nor goes back. */
struct kafka_window {
    uint64_t away;   /* records handed over and not reported */
    uint64_t bytes;  /* their keys and values */
    int64_t open_us; /* when the batch that lingers began, at the latest: none was away, or few */
    int64_t
        full_us; /* when the batch that goes next was full, so that it does not linger; 0: not yet */
    int64_t trip_us; /* mean time from a batch's sending to its report; 0: not known yet */
    bool first;      /* no batch was reported since one was handed over while none was away */
};

/* May a record be handed over, of so many bytes? False: a report will come, ask again then. */
bool kafka_window_admits(const struct kafka_window *w, const struct kafka_batching *b,
                         uint64_t bytes, int64_t now_us);
/* A record was handed over. */
void kafka_window_put(struct kafka_window *w, const struct kafka_batching *b, uint64_t bytes,
                      int64_t now_us);
/* A record was reported. */
void kafka_window_take(struct kafka_window *w, uint64_t bytes);
/* Once all records of a batch were taken: its report is here. */
void kafka_window_reported(struct kafka_window *w, const struct kafka_batching *b, int64_t now_us);

#endif
