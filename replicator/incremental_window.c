#include "replicator/incremental_window.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"

enum { WINDOW_KEY_MAX = 1 << 30 };

struct window_row {
    bool gone;
    size_t same; /* 1 + the row before that has the same key; 0: none */
};

struct window {
    struct map *by_key; /* → struct window_row's number + 1, the last one of that key */
    struct window_row *rows;
    size_t n, cap, left, at;
    struct buf key;
};

struct window *
window_new(void)
{
    struct window *w = mem_alloc(sizeof(*w));

    w->by_key = map_new();
    buf_init(&w->key, WINDOW_KEY_MAX);
    return w;
}

void
window_free(struct window *w)
{
    if (!w)
        return;
    map_free(w->by_key, NULL);
    free(w->rows);
    buf_free(&w->key);
    free(w);
}

void
window_clear(struct window *w)
{
    map_free(w->by_key, NULL);
    w->by_key = map_new();
    w->n = w->left = w->at = 0;
}

/* The columns one behind the other, each with its length, so that no two keys look the same. */
static struct slice
window_key(struct window *w, const struct value *key, size_t ncols)
{
    buf_clear(&w->key);
    for (size_t i = 0; i < ncols; i++) {
        buf_putc(&w->key, (char)key[i].kind);
        buf_add(&w->key, &key[i].n, sizeof(key[i].n));
        if (key[i].kind == VALUE_TEXT)
            buf_add(&w->key, key[i].p, key[i].n);
    }
    return buf_view(&w->key);
}

void
window_add(struct window *w, const struct value *key, size_t ncols)
{
    void *before;

    if (w->n == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 256;
        w->rows = mem_grow(w->rows, w->cap, sizeof(*w->rows));
    }
    before = map_put(w->by_key, window_key(w, key, ncols), (void *)(uintptr_t)(w->n + 1));
    w->rows[w->n++] = (struct window_row){false, (size_t)(uintptr_t)before};
    w->left++;
}

size_t
window_remove(struct window *w, const struct value *key, size_t ncols)
{
    size_t removed = 0;
    size_t row = (size_t)(uintptr_t)map_get(w->by_key, window_key(w, key, ncols));

    for (; row; row = w->rows[row - 1].same)
        if (!w->rows[row - 1].gone) {
            w->rows[row - 1].gone = true;
            removed++;
        }
    w->left -= removed;
    return removed;
}

bool
window_take(struct window *w, const struct value *key, size_t ncols, size_t *row)
{
    size_t at = (size_t)(uintptr_t)map_get(w->by_key, window_key(w, key, ncols));

    while (at && w->rows[at - 1].gone)
        at = w->rows[at - 1].same;
    if (!at)
        return false;
    w->rows[at - 1].gone = true;
    w->left--;
    *row = at - 1;
    return true;
}

void
window_remove_all(struct window *w)
{
    for (size_t i = 0; i < w->n; i++)
        w->rows[i].gone = true;
    w->left = 0;
}

size_t
window_rows(const struct window *w)
{
    return w->n;
}

size_t
window_left(const struct window *w)
{
    return w->left;
}

bool
window_next(struct window *w, size_t *row)
{
    while (w->at < w->n && w->rows[w->at].gone)
        w->at++;
    if (w->at == w->n)
        return false;
    w->rows[w->at].gone = true;
    w->left--;
    *row = w->at++;
    return true;
}
