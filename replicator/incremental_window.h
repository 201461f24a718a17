/*
 * The window of an incremental snapshot: rows of one chunk by key, from which every streamed change takes its own away.
 */
#ifndef REPLICATOR_INCREMENTAL_WINDOW_H
#define REPLICATOR_INCREMENTAL_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/change.h"

struct window;

struct window *window_new(void);
void window_free(struct window *w);
/* Empties it for rows whose keys have ncols columns. */
void window_clear(struct window *w);
/* The next row's key. Rows may share one. */
void window_add(struct window *w, const struct value *key, size_t ncols);
/* A change of the row with this key was streamed. How many rows it took away. */
size_t window_remove(struct window *w, const struct value *key, size_t ncols);
/* Takes one of them out to be said; false: none is left. */
bool window_take(struct window *w, const struct value *key, size_t ncols, size_t *row);
void window_remove_all(struct window *w);
size_t window_rows(const struct window *w); /* added */
size_t window_left(const struct window *w);
/* Takes the next row that is left out of the window, in the order in which they were added; false: none. */
bool window_next(struct window *w, size_t *row);

#endif
