/* A view of bytes that somebody else owns. Not NUL-terminated. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *p;
    size_t n;
};

/* For printf: "%.*s", SLICE_ARG(s). */
#define SLICE_ARG(s) (int)(s).n, (s).p
#define SLICE_LIT(s) ((struct slice){"" s, sizeof(s) - 1})
/* The same in the initializer of a const table, where a compound literal is no constant. */
/* clang-format off */
#define SLICE_INIT(s) {"" s, sizeof(s) - 1}
/* clang-format on */

static inline struct slice
slice_of(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static inline bool
slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
slice_is(struct slice a, const char *text)
{
    return slice_eq(a, slice_of(text));
}

#endif
