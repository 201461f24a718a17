/*
 * Bounded big-endian reader for wire messages. A read past the end yields zeros and sets `bad` for good; check rd_done
 * (everything read, nothing missing) or rd_ok once at the end.
 */
#ifndef BASE_RD_H
#define BASE_RD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/slice.h"

struct rd {
    const unsigned char *p, *end;
    bool bad;
};

static inline struct rd
rd_of(const void *p, size_t n)
{
    return (struct rd){p, (const unsigned char *)p + n, false};
}

static inline size_t
rd_left(const struct rd *r)
{
    return (size_t)(r->end - r->p);
}

static inline bool
rd_need(struct rd *r, size_t n)
{
    if (__builtin_expect(rd_left(r) < n, 0)) {
        r->bad = true;
        r->p = r->end;
        return false;
    }
    return true;
}

static inline uint8_t
rd_u8(struct rd *r)
{
    return rd_need(r, 1) ? *r->p++ : 0;
}

static inline uint16_t
rd_u16(struct rd *r)
{
    uint16_t v;

    if (!rd_need(r, 2))
        return 0;
    memcpy(&v, r->p, 2);
    r->p += 2;
    return __builtin_bswap16(v);
}

static inline uint32_t
rd_u32(struct rd *r)
{
    uint32_t v;

    if (!rd_need(r, 4))
        return 0;
    memcpy(&v, r->p, 4);
    r->p += 4;
    return __builtin_bswap32(v);
}

static inline uint64_t
rd_u64(struct rd *r)
{
    uint64_t v;

    if (!rd_need(r, 8))
        return 0;
    memcpy(&v, r->p, 8);
    r->p += 8;
    return __builtin_bswap64(v);
}

static inline struct slice
rd_bytes(struct rd *r, size_t n)
{
    struct slice s = {(const char *)r->p, n};

    if (!rd_need(r, n))
        return (struct slice){"", 0};
    r->p += n;
    return s;
}

/* A NUL-terminated string; the slice excludes the NUL, which stands behind it. */
static inline struct slice
rd_cstr(struct rd *r)
{
    const unsigned char *nul = rd_left(r) ? memchr(r->p, 0, rd_left(r)) : NULL;
    struct slice s;

    if (!nul) {
        r->bad = true;
        r->p = r->end;
        return (struct slice){"", 0};
    }
    s = (struct slice){(const char *)r->p, (size_t)(nul - r->p)};
    r->p = nul + 1;
    return s;
}

static inline bool
rd_ok(const struct rd *r)
{
    return !r->bad;
}

static inline bool
rd_done(const struct rd *r)
{
    return !r->bad && r->p == r->end;
}

#endif
