/*
 * A growing byte buffer that cannot exist without a maximum. A write that would pass the maximum is dropped and sets
 * `full` for good (until buf_clear): writers need not check each step, the owner asks buf_ok once at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/slice.h"

struct buf {
    char *p;
    size_t n, cap, max;
    bool full;
    bool replaced; /* json_str wrote U+FFFD for bytes that are no UTF-8 */
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_free(struct buf *b);
bool buf_grow(struct buf *b, size_t more); /* slow path of buf_room */

static inline void
buf_clear(struct buf *b)
{
    b->n = 0;
    b->full = b->replaced = false;
}

/* What a buffer that is used again and again keeps: one huge value must not stay in memory for good. */
#define BUF_KEEP ((size_t)16 << 20)

/* Empties it for the next use. */
static inline void
buf_recycle(struct buf *b)
{
    if (__builtin_expect(b->cap > BUF_KEEP, 0))
        buf_free(b);
    else
        buf_clear(b);
}

static inline bool
buf_ok(const struct buf *b)
{
    return !b->full;
}

/* Where `n` more bytes can be written, or NULL (and full). Advance with buf_took. */
static inline char *
buf_room(struct buf *b, size_t n)
{
    if (__builtin_expect(b->cap - b->n < n, 0) && !buf_grow(b, n))
        return NULL;
    return b->p + b->n;
}

static inline void
buf_took(struct buf *b, size_t n)
{
    b->n += n;
}

static inline void
buf_add(struct buf *b, const void *p, size_t n)
{
    char *w = n ? buf_room(b, n) : NULL;

    if (w) {
        memcpy(w, p, n);
        b->n += n;
    }
}

static inline void
buf_putc(struct buf *b, char c)
{
    char *w = buf_room(b, 1);

    if (w) {
        *w = c;
        b->n++;
    }
}

/*
 * Appends a short text that has BUF_PAD readable bytes behind its end: copied in blocks, without a call. For the constant
 * pieces of records.
 */
enum { BUF_PAD = 32 };
static inline void
buf_add_padded(struct buf *b, const char *p, size_t n)
{
    char *w = buf_room(b, n + BUF_PAD);

    if (!w)
        return;
    b->n += n;
    memcpy(w, p, BUF_PAD);
    if (__builtin_expect(n > BUF_PAD, 0))
        memcpy(w + BUF_PAD, p + BUF_PAD, n - BUF_PAD);
}

#define BUF_LIT(b, s) buf_add((b), "" s, sizeof(s) - 1)

void buf_str(struct buf *b, const char *s);
void buf_slice(struct buf *b, struct slice s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* NUL-terminates (not counted in n) and returns the text; "" when empty. */
const char *buf_cstr(struct buf *b);

static inline struct slice
buf_view(const struct buf *b)
{
    return (struct slice){b->p, b->n};
}

#endif
