#include "replicator/java_order.h"

#include <stdlib.h>

#include "base/mem.h"
#include "decoder/pgtext.h"

struct place {
    uint32_t bucket;
    size_t at;
};

static int
by_bucket(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return x->bucket != y->bucket ? (x->bucket < y->bucket ? -1 : 1) : x->at < y->at ? -1 : 1;
}

uint32_t
java_set_table(size_t n)
{
    size_t made_for = n * 4 / 3 + 1;

    return pgtext_java_table(made_for > JAVA_TABLE_DEFAULT ? made_for : JAVA_TABLE_DEFAULT, n);
}

/* It grows when three quarters are taken, a HashMap once they are passed. */
uint32_t
java_concurrent_table(size_t n)
{
    return pgtext_java_table(JAVA_TABLE_DEFAULT, n + 1);
}

void
java_order(const char *const *names, size_t n, uint32_t table, size_t *order)
{
    struct place *places = mem_array(n + 1, sizeof(*places));

    for (size_t i = 0; i < n; i++)
        places[i] =
            (struct place){pgtext_java_bucket(pgtext_java_hash(slice_of(names[i])), table), i};
    if (n > 1)
        qsort(places, n, sizeof(*places), by_bucket);
    for (size_t i = 0; i < n; i++)
        order[i] = places[i].at;
    free(places);
}
