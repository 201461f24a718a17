#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char captured[1 << 20];
static int saved_stderr;
static FILE *file;

/* Standard error goes to a file until capture_end, which puts what was written into `captured`. */
static void
capture_begin(void)
{
    file = tmpfile();
    assert_non_null(file);
    saved_stderr = dup(STDERR_FILENO);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
}

static const char *
capture_end(void)
{
    size_t n;

    assert_true(dup2(saved_stderr, STDERR_FILENO) >= 0);
    close(saved_stderr);
    rewind(file);
    n = fread(captured, 1, sizeof(captured) - 1, file);
    captured[n] = '\0';
    fclose(file);
    return captured;
}

/* Like `expected`, where '#' stands for a digit. */
static void
assert_line(const char *line, const char *expected)
{
    char masked[4096];
    size_t n = strlen(line);

    assert_true(n < sizeof(masked));
    for (size_t i = 0; i <= n; i++)
        masked[i] = i < strlen(expected) && expected[i] == '#' && line[i] >= '0' && line[i] <= '9'
                        ? '#'
                        : line[i];
    assert_string_equal(masked, expected);
}

static int
reset(void **state)
{
    (void)state;
    log_set_connector(NULL);
    log_init(LOG_INFO, LOG_TEXT);
    return 0;
}

static void
text_line(void **state)
{
    (void)state;
    capture_begin();
    log_info("started in %d ms", 12);
    assert_line(capture_end(), "####-##-##T##:##:##.###Z INFO  started in 12 ms\n");
}

static void
json_line(void **state)
{
    (void)state;
    log_init(LOG_INFO, LOG_JSON);
    capture_begin();
    log_warn("a \"quoted\" name\n");
    assert_line(capture_end(),
                "{\"ts\":\"####-##-##T##:##:##.###Z\",\"level\":\"warn\","
                "\"message\":\"a \\\"quoted\\\" name\\n\"}\n");
}

static void
what_is_not_a_terminal_gets_json(void **state)
{
    (void)state;
    log_init(LOG_INFO, LOG_AUTO);
    capture_begin();
    log_error("x");
    assert_line(capture_end(),
                "{\"ts\":\"####-##-##T##:##:##.###Z\",\"level\":\"error\",\"message\":\"x\"}\n");
}

static void
connector_stands_in_every_line(void **state)
{
    (void)state;
    log_set_connector("shop");
    capture_begin();
    log_info("x");
    assert_line(capture_end(), "####-##-##T##:##:##.###Z INFO  [shop] x\n");
    log_init(LOG_INFO, LOG_JSON);
    capture_begin();
    log_info("x");
    assert_line(capture_end(),
                "{\"ts\":\"####-##-##T##:##:##.###Z\",\"level\":\"info\","
                "\"connector\":\"shop\",\"message\":\"x\"}\n");
}

static void
error_members(void **state)
{
    struct err e;

    (void)state;
    err_set(&e, ERR_RETRY, "slot.in_use", "slot \"s\" is held");
    strcpy(e.sqlstate, "55006");
    capture_begin();
    log_err(LOG_ERROR, &e, "starting");
    assert_line(capture_end(),
                "####-##-##T##:##:##.###Z ERROR starting: slot \"s\" is held "
                "(retry, slot.in_use, SQLSTATE 55006)\n");
    log_init(LOG_INFO, LOG_JSON);
    capture_begin();
    log_err(LOG_ERROR, &e, NULL);
    assert_line(
        capture_end(),
        "{\"ts\":\"####-##-##T##:##:##.###Z\",\"level\":\"error\",\"message\":\"slot \\\"s\\\" "
        "is held\",\"class\":\"retry\",\"code\":\"slot.in_use\",\"sqlstate\":\"55006\"}\n");
}

static void
error_without_sqlstate_has_no_such_member(void **state)
{
    struct err e;

    (void)state;
    err_set(&e, ERR_CONFIG, "a.b", "m");
    log_init(LOG_INFO, LOG_JSON);
    capture_begin();
    log_err(LOG_WARN, &e, "x");
    assert_null(strstr(capture_end(), "sqlstate"));
    assert_non_null(strstr(captured, "\"code\":\"a.b\"}"));
}

static void
levels_below_are_silent(void **state)
{
    struct err e = {.msg = "m"};

    (void)state;
    capture_begin();
    log_debug("no");
    log_set_level(LOG_ERROR);
    log_warn("no");
    log_err(LOG_WARN, &e, "no");
    assert_false(log_enabled(LOG_WARN));
    assert_true(log_enabled(LOG_ERROR));
    assert_string_equal(capture_end(), "");
    log_set_level(LOG_DEBUG);
    capture_begin();
    log_debug("yes");
    assert_line(capture_end(), "####-##-##T##:##:##.###Z DEBUG yes\n");
}

static void
text_is_one_line_without_control_characters(void **state)
{
    (void)state;
    capture_begin();
    log_info("a\nb\x1b[31mc\rd\x7f.");
    assert_line(capture_end(), "####-##-##T##:##:##.###Z INFO  a b [31mc d .\n");
}

static void
a_long_message_is_cut_and_stays_a_document(void **state)
{
    char *text = malloc(10000);

    (void)state;
    assert_non_null(text);
    memset(text, 1, 9999);
    text[9999] = '\0';
    log_init(LOG_INFO, LOG_JSON);
    capture_begin();
    log_info("%s", text);
    capture_end();
    assert_true(strlen(captured) > 6 * 4000);
    assert_string_equal(captured + strlen(captured) - 9, "\\u0001\"}\n");
    free(text);
}

static void
errno_survives(void **state)
{
    int after;

    (void)state;
    capture_begin();
    errno = EXDEV;
    log_info("x");
    after = errno;
    capture_end();
    assert_int_equal(after, EXDEV);
}

static void
no_progress_line_without_a_terminal(void **state)
{
    (void)state;
    capture_begin();
    assert_false(log_is_terminal());
    log_progress("10 %");
    log_progress(NULL);
    assert_string_equal(capture_end(), "");
}

/* On a pseudo-terminal: the progress line is wiped before a log line, and ended by NULL. */
static void
progress_line_on_a_terminal(void **state)
{
    char got[1024];
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
    size_t total = 0;

    (void)state;
    if (master < 0)
        skip();
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    saved_stderr = dup(STDERR_FILENO);
    dup2(slave, STDERR_FILENO);
    log_init(LOG_INFO, LOG_AUTO);
    log_progress("50 %\n");
    log_info("line");
    log_progress("60 %");
    log_progress(NULL);
    log_progress(NULL);
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);

    /* A terminal hands out what it has, not all of it. */
    do {
        ssize_t n = read(master, got + total, sizeof(got) - 1 - total);

        assert_true(n > 0);
        total += (size_t)n;
        got[total] = '\0';
    } while (!strstr(got, "60 %\r\x1b[K"));
    assert_memory_equal(got, "\r\x1b[K50 % \r\x1b[K", 13);
    assert_non_null(strstr(got, "INFO  line\r\n\r\x1b[K60 %\r\x1b[K"));
    assert_string_equal(got + total - 8, "60 %\r\x1b[K");
    close(slave);
    close(master);
}

enum { THREADS = 4, LINES = 500 };

static void *
write_lines(void *name)
{
    log_set_connector(name);
    for (int i = 0; i < LINES; i++)
        log_info("%0100d", i);
    return NULL;
}

static void
lines_of_threads_do_not_mix(void **state)
{
    static char names[THREADS][2] = {"a", "b", "c", "d"};
    pthread_t threads[THREADS];
    int lines = 0;

    (void)state;
    capture_begin();
    /* Appending, as a log file is opened: else the file's position is what mixes. */
    assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, O_APPEND), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, names[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    capture_end();
    for (char *line = strtok(captured, "\n"); line; line = strtok(NULL, "\n"), lines++)
        assert_int_equal(strlen(line), strlen("2026-01-01T00:00:00.000Z INFO  [a] ") + 100);
    assert_int_equal(lines, THREADS * LINES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(text_line, reset),
        cmocka_unit_test_setup(json_line, reset),
        cmocka_unit_test_setup(what_is_not_a_terminal_gets_json, reset),
        cmocka_unit_test_setup(connector_stands_in_every_line, reset),
        cmocka_unit_test_setup(error_members, reset),
        cmocka_unit_test_setup(error_without_sqlstate_has_no_such_member, reset),
        cmocka_unit_test_setup(levels_below_are_silent, reset),
        cmocka_unit_test_setup(text_is_one_line_without_control_characters, reset),
        cmocka_unit_test_setup(a_long_message_is_cut_and_stays_a_document, reset),
        cmocka_unit_test_setup(errno_survives, reset),
        cmocka_unit_test_setup(no_progress_line_without_a_terminal, reset),
        cmocka_unit_test_setup(progress_line_on_a_terminal, reset),
        cmocka_unit_test_setup(lines_of_threads_do_not_mix, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
