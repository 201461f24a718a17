#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_now_ns(void);  /* wall clock, nanoseconds since 1970 */
int64_t clock_mono_us(void); /* monotonic, microseconds: for timers and deadlines */

/* PostgreSQL counts from 2000-01-01: µs since 2000 → µs since 1970. */
#define CLOCK_PG_EPOCH_US INT64_C(946684800000000)

/*
 * Back-off: 'attempt' 0, 1, 2 … → the wait in ms: min(cap, base · 2^attempt) with ±25 % jitter. Jitter is drawn from a
 * per-process generator.
 */
int64_t clock_backoff_ms(unsigned attempt, int64_t base_ms, int64_t cap_ms);

#endif
