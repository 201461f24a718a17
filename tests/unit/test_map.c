#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int one = 1, two = 2, three = 3;

static void
put_get_replace_remove(void **state)
{
    struct map *m = map_new();
    struct slice k = SLICE_LIT("a key longer than eight bytes");

    (void)state;
    assert_null(map_get(m, k));
    assert_null(map_put(m, k, &one));
    assert_ptr_equal(map_get(m, k), &one);
    assert_ptr_equal(map_put(m, k, &two), &one);
    assert_int_equal(map_count(m), 1);
    assert_ptr_equal(map_del(m, k), &two);
    assert_null(map_del(m, k));
    assert_null(map_get(m, k));
    assert_int_equal(map_count(m), 0);
    map_free(m, NULL);
}

static void
keys_of_every_length_are_told_apart(void **state)
{
    static char text[40];
    struct map *m = map_new();

    (void)state;
    /* Zeros: only the length differs. */
    for (size_t n = 0; n <= sizeof(text); n++)
        assert_null(map_put(m, (struct slice){text, n}, text + n % sizeof(text)));
    for (size_t n = 0; n <= sizeof(text); n++)
        assert_ptr_equal(map_get(m, (struct slice){text, n}), text + n % sizeof(text));
    assert_int_equal(map_count(m), sizeof(text) + 1);
    map_free(m, NULL);
}

static void
keys_are_copied(void **state)
{
    struct map *m = map_new();
    char key[] = "changing key, long";

    (void)state;
    map_put(m, slice_of(key), &one);
    key[0] = 'X';
    assert_null(map_get(m, slice_of(key)));
    assert_ptr_equal(map_get(m, SLICE_LIT("changing key, long")), &one);
    map_free(m, NULL);
}

static void
many_keys(void **state)
{
    enum { N = 100000 };
    struct map *m = map_new();
    int *values = calloc(N, sizeof(*values));
    char key[32];

    (void)state;
    assert_non_null(values);
    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof(key), "schema_%d.table_%d", i % 7, i);
        assert_null(map_put(m, slice_of(key), &values[i]));
    }
    assert_int_equal(map_count(m), N);
    /* Every third one goes. */
    for (int i = 0; i < N; i += 3) {
        snprintf(key, sizeof(key), "schema_%d.table_%d", i % 7, i);
        assert_ptr_equal(map_del(m, slice_of(key)), &values[i]);
    }
    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof(key), "schema_%d.table_%d", i % 7, i);
        assert_ptr_equal(map_get(m, slice_of(key)), i % 3 ? &values[i] : NULL);
    }
    map_free(m, NULL);
    free(values);
}

static void
numbers_as_keys(void **state)
{
    enum { N = 50000 };
    struct map *m = map_new();
    int *values = calloc(N, sizeof(*values));

    (void)state;
    assert_non_null(values);
    for (uint32_t i = 0; i < N; i++)
        assert_null(map_put_u32(m, i * 0x10000 + 1, &values[i]));
    for (uint32_t i = 0; i < N; i++)
        assert_ptr_equal(map_get_u32(m, i * 0x10000 + 1), &values[i]);
    assert_null(map_get_u32(m, 2));
    assert_ptr_equal(map_del_u32(m, 1), &values[0]);
    assert_null(map_get_u32(m, 1));
    map_free(m, NULL);
    free(values);
}

static void
iteration_is_in_order_of_insertion_without_the_removed(void **state)
{
    struct map *m = map_new();
    char seen[64] = "";
    struct slice key;
    void *value;

    (void)state;
    map_put(m, SLICE_LIT("z"), &one);
    map_put(m, SLICE_LIT("a"), &two);
    map_put(m, SLICE_LIT("m"), &three);
    map_put(m, SLICE_LIT("z"), &two);
    map_del(m, SLICE_LIT("a"));
    map_put(m, SLICE_LIT("a"), &three);
    for (size_t i = 0; map_next(m, &i, &key, &value);) {
        size_t n = strlen(seen);

        snprintf(seen + n, sizeof(seen) - n, "%.*s%d ", SLICE_ARG(key), *(int *)value);
    }
    assert_string_equal(seen, "z2 m3 a3 ");
    map_free(m, NULL);
}

/* A queue-like use must not grow for ever, nor search ever longer. */
static void
put_and_remove_in_turn_stays_small(void **state)
{
    struct map *m = map_new();

    (void)state;
    for (uint32_t i = 0; i < 200000; i++) {
        map_put_u32(m, i, &one);
        if (i >= 5)
            assert_ptr_equal(map_del_u32(m, i - 5), &one);
    }
    assert_int_equal(map_count(m), 5);
    map_free(m, NULL);
}

static int freed;

static void
count_free(void *value)
{
    freed++;
    free(value);
}

static void
free_hands_every_live_value_to_the_owner(void **state)
{
    struct map *m = map_new();

    (void)state;
    freed = 0;
    for (uint32_t i = 0; i < 100; i++)
        map_put_u32(m, i, malloc(10));
    free(map_del_u32(m, 50));
    map_free(m, count_free);
    assert_int_equal(freed, 99);
    map_free(NULL, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_get_replace_remove),
        cmocka_unit_test(keys_of_every_length_are_told_apart),
        cmocka_unit_test(keys_are_copied),
        cmocka_unit_test(many_keys),
        cmocka_unit_test(numbers_as_keys),
        cmocka_unit_test(iteration_is_in_order_of_insertion_without_the_removed),
        cmocka_unit_test(put_and_remove_in_turn_stays_small),
        cmocka_unit_test(free_hands_every_live_value_to_the_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
