#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No printf here: it may want memory itself. */
static _Noreturn void
mem_exhausted(void)
{
    static const char text[] = "walbridge: out of memory, aborting\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

    (void)ignored;
    abort();
}

static void *
mem_must(void *p)
{
    if (!p)
        mem_exhausted();
    return p;
}

/* malloc(0) may return NULL, which would look like a failure. */
static size_t
mem_size(size_t n)
{
    return n ? n : 1;
}

void *
mem_alloc(size_t n)
{
    return mem_must(calloc(1, mem_size(n)));
}

void *
mem_array(size_t n, size_t size)
{
    return mem_must(calloc(mem_size(n), mem_size(size)));
}

void *
mem_grow(void *p, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        mem_exhausted();
    return mem_must(realloc(p, mem_size(bytes)));
}

char *
mem_strdup(const char *s)
{
    return mem_strndup(s, strlen(s));
}

char *
mem_strndup(const char *p, size_t n)
{
    char *copy;

    if (n == SIZE_MAX)
        mem_exhausted();
    copy = mem_must(malloc(n + 1));
    if (n)
        memcpy(copy, p, n);
    copy[n] = '\0';
    return copy;
}

char *
mem_printf(const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        mem_exhausted();
    return text;
}
