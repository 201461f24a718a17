/* Fault points are compiled into the test itself: release builds have none. */
#ifndef FAULT_POINTS
#define FAULT_POINTS
#endif
#include "base/fault.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * The variable is read once per process, so each case is a process: it passes `name` five times and ends with the bits of
 * the passings that were hit; -1 killed, -2 aborted.
 */
static int
passings_hit(const char *env, const char *name)
{
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        const struct rlimit no_core = {0, 0};
        int bits = 0;

        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        if (env)
            setenv("WALBRIDGE_FAULT", env, 1);
        else
            unsetenv("WALBRIDGE_FAULT");
        for (int i = 0; i < 5; i++)
            bits |= fault_hit(name) << i;
        /* Not _exit: coverage is written at exit. */
        exit(bits);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    return WTERMSIG(status) == SIGKILL ? -1 : -2;
}

static void
faults_hit_what_they_name_and_when(void **state)
{
    static const struct {
        const char *env, *name;
        int result;
    } cases[] = {
        {NULL, "a", 0},
        {"", "a", 0},
        {"a=error", "a", 31},
        {"a=error", "b", 0},
        {"a=error", "ab", 0},
        {"a=error@2", "a", 2},
        {"x=crash,a=error@1,a=error@4", "a", 9},
        {"a=crash", "a", -1},
        {"a=crash@5", "a", -1},
        {"a=crash@6", "a", 0},
        {"a=explode", "a", -2},
        {"a", "a", -2},
        {"=error", "a", -2},
        {"a=error@", "a", -2},
        {"a=error@0", "a", -2},
        {"a=error@2x", "a", -2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(passings_hit(cases[i].env, cases[i].name), cases[i].result);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_hit_what_they_name_and_when),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
