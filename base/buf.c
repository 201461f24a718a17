#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum { BUF_FIRST = 256 };

void
buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.max = max_bytes};
}

void
buf_free(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.max = b->max};
}

bool
buf_grow(struct buf *b, size_t more)
{
    size_t cap = b->cap ? b->cap : BUF_FIRST;
    size_t need;

    if (b->full || __builtin_add_overflow(b->n, more, &need) || need > b->max) {
        b->full = true;
        return false;
    }
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap > b->max)
        cap = b->max;
    /* One byte behind the end is always there for the NUL of buf_cstr and vsnprintf. */
    b->p = mem_grow(b->p, cap + 1, 1);
    b->cap = cap;
    return true;
}

void
buf_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void
buf_slice(struct buf *b, struct slice s)
{
    buf_add(b, s.p, s.n);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    char *w;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n <= 0)
        return;
    w = buf_room(b, (size_t)n);
    if (!w)
        return;
    va_start(ap, fmt);
    vsnprintf(w, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
}

const char *
buf_cstr(struct buf *b)
{
    if (!b->p)
        return "";
    b->p[b->n] = '\0';
    return b->p;
}
