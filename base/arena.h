/* Memory of one lifetime, freed at once. Name the lifetime: message arena, relation arena, connector arena. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *head;
    size_t used; /* bytes handed out since the last reset */
};

void arena_init(struct arena *a);
/* Zeroed, aligned for anything. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull));
char *arena_strdup(struct arena *a, const char *s) __attribute__((returns_nonnull));
/* Copies with a NUL behind them. */
char *arena_strndup(struct arena *a, const char *p, size_t n) __attribute__((returns_nonnull));
struct slice arena_slice(struct arena *a, struct slice s);
char *arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));
void arena_reset(struct arena *a); /* keeps the first block */
void arena_free(struct arena *a);

#endif
