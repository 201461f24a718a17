/* Allocation that cannot fail: below our caps a failing malloc aborts, the safe LSN makes a crash harmless. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t n) __attribute__((malloc, returns_nonnull)); /* zeroed */
/* n × size bytes; a product that overflows aborts. mem_array zeroes, mem_grow reallocates. */
void *mem_array(size_t n, size_t size) __attribute__((returns_nonnull));
void *mem_grow(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *mem_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *mem_strndup(const char *p, size_t n) __attribute__((malloc, returns_nonnull));
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

#endif
