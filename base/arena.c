#include "base/arena.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

/* What is not handed out is poisoned, so that a view that outlived its arena is found by the asan build. */
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum { ARENA_FIRST = 4096 - 64, ARENA_LARGEST = 256 * 1024 };

/* Newest first; the last in the chain is the first block, which a reset keeps. */
struct arena_block {
    struct arena_block *next;
    size_t cap, n;
    max_align_t data[];
};

static char *
arena_block_data(struct arena_block *blk)
{
    return (char *)blk->data;
}

static struct arena_block *
arena_block_new(struct arena *a, size_t need)
{
    size_t cap = ARENA_FIRST;
    struct arena_block *blk;

    if (a->head)
        cap = a->head->cap < ARENA_LARGEST ? a->head->cap * 2 : ARENA_LARGEST;
    if (cap < need)
        cap = need;
    blk = mem_grow(NULL, sizeof(*blk) + cap, 1);
    *blk = (struct arena_block){.cap = cap};
    ASAN_POISON_MEMORY_REGION(arena_block_data(blk), cap);

    /* A block of its own for one big piece stands behind the head, whose free end stays in use. */
    if (a->head && need > ARENA_LARGEST / 4 && a->head->next) {
        blk->next = a->head->next;
        a->head->next = blk;
    } else {
        blk->next = a->head;
        a->head = blk;
    }
    return blk;
}

void
arena_init(struct arena *a)
{
    *a = (struct arena){0};
}

void *
arena_alloc(struct arena *a, size_t n)
{
    const size_t align = _Alignof(max_align_t);
    struct arena_block *blk = a->head;
    size_t need;
    char *p;

    /* Sizes near SIZE_MAX would wrap; mem_grow aborts on them. */
    if (n > SIZE_MAX / 2)
        (void)mem_grow(NULL, n, 2);
    need = n ? (n + align - 1) & ~(align - 1) : align;
    if (!blk || blk->cap - blk->n < need)
        blk = arena_block_new(a, need);
    p = arena_block_data(blk) + blk->n;
    blk->n += need;
    a->used += need;
    ASAN_UNPOISON_MEMORY_REGION(p, n);
    memset(p, 0, n);
    return p;
}

char *
arena_strdup(struct arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *
arena_strndup(struct arena *a, const char *p, size_t n)
{
    char *copy = arena_alloc(a, n + 1);

    if (n)
        memcpy(copy, p, n);
    return copy;
}

struct slice
arena_slice(struct arena *a, struct slice s)
{
    return (struct slice){arena_strndup(a, s.p, s.n), s.n};
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    char *text;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        n = 0;
    text = arena_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return text;
}

static void
arena_free_until(struct arena *a, const struct arena_block *keep)
{
    while (a->head != keep) {
        struct arena_block *blk = a->head;

        a->head = blk->next;
        ASAN_UNPOISON_MEMORY_REGION(arena_block_data(blk), blk->cap);
        free(blk);
    }
    a->used = 0;
}

void
arena_reset(struct arena *a)
{
    struct arena_block *first = a->head;

    if (!first)
        return;
    while (first->next)
        first = first->next;
    arena_free_until(a, first);
    first->n = 0;
    ASAN_POISON_MEMORY_REGION(arena_block_data(first), first->cap);
}

void
arena_free(struct arena *a)
{
    arena_free_until(a, NULL);
}
