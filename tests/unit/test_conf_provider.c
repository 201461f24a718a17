#include "replicator/conf_provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

static char dir[] = "/tmp/wb-provider-XXXXXX";

static int
make_files(void **state)
{
    FILE *f;

    (void)state;
    if (!mkdtemp(dir) || chdir(dir) != 0)
        return -1;
    f = fopen("secrets.properties", "we");
    fputs("# of the database\npassword = p\\u00e4ss word\nuser=wb\n", f);
    fclose(f);
    f = fopen("token", "we");
    fputs("from a file\n", f);
    fclose(f);
    f = fopen("binary", "we");
    fwrite("a\0b", 1, 3, f);
    fclose(f);
    setenv("WB_PROVIDER", "from the environment", 1);
    return 0;
}

static int
remove_files(void **state)
{
    (void)state;
    unlink("secrets.properties");
    unlink("token");
    unlink("binary");
    return chdir("/") == 0 ? rmdir(dir) : -1;
}

/* "%s" in the cases stands for the directory. */
static char *
with_dir(const char *text)
{
    const char *at = strstr(text, "%s");

    return at ? mem_printf("%.*s%s%s", (int)(at - text), text, dir, at + 2) : mem_strdup(text);
}

static void
variables_are_filled_in(void **state)
{
    static const struct {
        const char *value, *filled;
    } cases[] = {
        {"plain", "plain"},
        {"", ""},
        {"${env:WB_PROVIDER}", "from the environment"},
        {"<${env:WB_PROVIDER}>", "<from the environment>"},
        {"${file:%s/secrets.properties:password}", "p\xc3\xa4ss word"},
        {"${file:%s/secrets.properties:user}@", "wb@"},
        {"${dir:%s:token}", "from a file\n"},
        {"${directory:%s:token}", "from a file\n"},
        {"${routedBy}", "${routedBy}"},
        {"$1", "$1"},
        {"${vault:secret/x:y}", "${vault:secret/x:y}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *value = with_dir(cases[i].value);
        struct err e = {0};
        struct buf out;

        buf_init(&out, 1000);
        if (!conf_expand(&out, "k", value, &e))
            fail_msg("%s: %s", value, e.msg);
        assert_string_equal(buf_cstr(&out), cases[i].filled);
        buf_free(&out);
        free(value);
    }
}

static void
what_is_not_there_is_an_error_that_holds_no_secret(void **state)
{
    static const struct {
        const char *value, *code;
    } cases[] = {
        {"${env:WB_PROVIDER_NOT_SET}", "config.env"},
        {"${env:}", "config.env"},
        {"${env:A", "config.env"},
        {"${env:a:b}", "config.env"},
        {"${file:%s/secrets.properties:nothing}", "config.provider"},
        {"${file:%s/none:password}", "config.provider"},
        {"${file:password}", "config.provider"},
        {"${file:%s/secrets.properties", "config.provider"},
        {"${dir:%s:none}", "config.provider"},
        {"${dir:%s:../etc/passwd}", "config.provider"},
        {"${dir:%s:..}", "config.provider"},
        {"${dir:%s:}", "config.provider"},
        {"${dir:%s:binary}", "config.provider"},
        {"${dir:token}", "config.provider"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *value = with_dir(cases[i].value);
        struct err e = {0};
        struct buf out;

        buf_init(&out, 1000);
        if (conf_expand(&out, "the.key", value, &e))
            fail_msg("%s was taken", value);
        assert_string_equal(e.code, cases[i].code);
        assert_non_null(strstr(e.msg, "the.key"));
        assert_null(strstr(e.msg, "ss word"));
        buf_free(&out);
        free(value);
    }
}

static void
a_value_has_a_limit(void **state)
{
    struct err e = {0};
    struct buf out;

    (void)state;
    buf_init(&out, 10);
    assert_false(conf_expand(&out, "k", "${env:WB_PROVIDER}", &e));
    assert_string_equal(e.code, "config.size");
    buf_free(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_filled_in),
        cmocka_unit_test(what_is_not_there_is_an_error_that_holds_no_secret),
        cmocka_unit_test(a_value_has_a_limit),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
