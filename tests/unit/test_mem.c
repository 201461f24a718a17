#include "base/mem.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"

static void
memory_is_zeroed_and_never_null(void **state)
{
    unsigned char *p = mem_alloc(100), *q = mem_array(10, 7), *empty = mem_alloc(0);

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    for (int i = 0; i < 70; i++)
        assert_int_equal(q[i], 0);
    free(empty);
    free(p);
    free(q);
}

static void
grow_keeps_what_was_there(void **state)
{
    char *p = mem_strdup("hello");

    (void)state;
    p = mem_grow(p, 1000, 2);
    assert_string_equal(p, "hello");
    free(p);
}

static void
copies_end_in_nul(void **state)
{
    char *a = mem_strndup("abcdef", 3), *b = mem_strndup(NULL, 0), *c = mem_printf("%s-%d", "x", 7);

    (void)state;
    assert_string_equal(a, "abc");
    assert_string_equal(b, "");
    assert_string_equal(c, "x-7");
    free(a);
    free(b);
    free(c);
}

/* Runs fn in a child; true when it ended by SIGABRT. */
static bool
aborts(void (*fn)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        const struct rlimit no_core = {0, 0};

        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* Hidden from the compiler, which knows that these cannot work. */
static volatile size_t huge = SIZE_MAX / 2;

static void
grow_overflow(void)
{
    free(mem_grow(NULL, huge, 3));
}

static void
strndup_overflow(void)
{
    free(mem_strndup("x", huge * 2 + 1));
}

static void
a_size_that_overflows_aborts(void **state)
{
    (void)state;
    assert_true(aborts(grow_overflow));
    assert_true(aborts(strndup_overflow));
}

static void
arena_memory_is_zeroed_and_aligned_also_after_reset(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a);
    for (int round = 0; round < 3; round++) {
        for (size_t n = 0; n < 300; n++) {
            unsigned char *p = arena_alloc(&a, n);

            assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xff, n);
        }
        assert_true(a.used >= 300 * 299 / 2);
        arena_reset(&a);
        assert_int_equal(a.used, 0);
    }
    arena_free(&a);
}

static void
arena_pieces_do_not_overlap(void **state)
{
    enum { PIECES = 3000 };
    struct arena a;
    unsigned char *pieces[PIECES];

    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < PIECES; i++) {
        /* Mostly small, now and then far larger than a block. */
        size_t n = i % 500 == 499 ? 700000 : 1 + i % 90;

        pieces[i] = arena_alloc(&a, n);
        memset(pieces[i], (int)(i & 0xff), n);
    }
    for (size_t i = 0; i < PIECES; i++) {
        size_t n = i % 500 == 499 ? 700000 : 1 + i % 90;

        assert_int_equal(pieces[i][0], i & 0xff);
        assert_int_equal(pieces[i][n - 1], i & 0xff);
    }
    arena_free(&a);
    assert_null(a.head);
}

static void
arena_reset_keeps_the_first_block_alone(void **state)
{
    struct arena a;
    void *first;

    (void)state;
    arena_init(&a);
    arena_reset(&a);
    first = arena_alloc(&a, 10);
    for (int i = 0; i < 100; i++)
        arena_alloc(&a, 10000);
    arena_reset(&a);
    assert_ptr_equal(arena_alloc(&a, 10), first);
    arena_free(&a);
    arena_free(&a);
}

static void
arena_copies_end_in_nul(void **state)
{
    struct arena a;
    struct slice s;

    (void)state;
    arena_init(&a);
    assert_string_equal(arena_strdup(&a, "text"), "text");
    assert_string_equal(arena_strndup(&a, "text", 2), "te");
    assert_string_equal(arena_strndup(&a, NULL, 0), "");
    s = arena_slice(&a, SLICE_LIT("a\0b"));
    assert_int_equal(s.n, 3);
    assert_memory_equal(s.p, "a\0b", 4);
    assert_string_equal(arena_printf(&a, "%d/%s", 12, "x"), "12/x");
    arena_free(&a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_never_null),
        cmocka_unit_test(grow_keeps_what_was_there),
        cmocka_unit_test(copies_end_in_nul),
        cmocka_unit_test(a_size_that_overflows_aborts),
        cmocka_unit_test(arena_memory_is_zeroed_and_aligned_also_after_reset),
        cmocka_unit_test(arena_pieces_do_not_overlap),
        cmocka_unit_test(arena_reset_keeps_the_first_block_alone),
        cmocka_unit_test(arena_copies_end_in_nul),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
