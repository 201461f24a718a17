#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <time.h>

static pthread_once_t clock_seeded = PTHREAD_ONCE_INIT;
static _Atomic uint64_t clock_random_state;

int64_t
clock_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t
clock_mono_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
clock_seed(void)
{
    uint64_t seed;

    /* Many processes that start together must not retry together; the clock is the fallback, not the rule. */
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
        seed = (uint64_t)clock_now_ns();
    atomic_store(&clock_random_state, seed);
}

/* splitmix64: one atomic addition a draw, so that threads may share it. */
static uint64_t
clock_random(void)
{
    const uint64_t step = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z;

    pthread_once(&clock_seeded, clock_seed);
    z = atomic_fetch_add(&clock_random_state, step) + step;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int64_t
clock_backoff_ms(unsigned attempt, int64_t base_ms, int64_t cap_ms)
{
    int64_t wait = base_ms;
    uint64_t quarter;

    while (attempt-- > 0 && wait > 0 && wait < cap_ms)
        wait = wait > INT64_MAX / 2 ? INT64_MAX : wait * 2;
    if (wait > cap_ms)
        wait = cap_ms;
    if (wait <= 0)
        return 0;
    quarter = (uint64_t)wait / 4;
    /* wait − wait/4 … wait + wait/4; unsigned so that no cap overflows. */
    return (int64_t)((uint64_t)wait - quarter + clock_random() % (2 * quarter + 1));
}
