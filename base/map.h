/*
 * A hash map from bytes (or a number) to a pointer. Keys are copied. Iteration is in insertion order; a key that it hands
 * out is valid until the map changes. One map has keys of one kind: a number is its four bytes.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct map;

struct map *map_new(void);
void map_free(struct map *m, void (*free_value)(void *)); /* free_value may be NULL */
void *map_get(const struct map *m, struct slice key);     /* NULL: absent */
/* Returns the value replaced, or NULL. value must not be NULL. */
void *map_put(struct map *m, struct slice key, void *value);
void *map_del(struct map *m, struct slice key); /* returns the value removed, or NULL */
void *map_get_u32(const struct map *m, uint32_t key);
void *map_put_u32(struct map *m, uint32_t key, void *value);
void *map_del_u32(struct map *m, uint32_t key);
size_t map_count(const struct map *m);
/* for (size_t i = 0; map_next(m, &i, &key, &value);) */
bool map_next(const struct map *m, size_t *i, struct slice *key, void **value);

#endif
