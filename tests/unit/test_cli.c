#include "replicator/cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"

/* What the last command was given. */
static struct {
    const char *path, *sink, *file;
    char sinks[64];
    bool check, help, json;
    size_t n;
    char operands[64];
} got;

static int
record(const struct cli_args *a, const char *path)
{
    got.path = path;
    got.n = cli_noperands(a);
    for (size_t i = 0; i < got.n; i++)
        strcat(strcat(got.operands, cli_operand(a, i)), ";");
    assert_null(cli_operand(a, got.n));
    return EXIT_OK;
}

static int
run_run(const struct cli_args *a)
{
    const char *sink;

    got.sink = cli_value(a, "sink");
    for (size_t i = 0; (sink = cli_each(a, "sink", &i));)
        strcat(strcat(got.sinks, sink), ";");
    got.check = cli_flag(a, "check");
    got.file = cli_value(a, "file");
    return record(a, "run");
}

static int
run_list(const struct cli_args *a)
{
    got.json = cli_flag(a, "json");
    return record(a, "slot list");
}

static int
run_drop(const struct cli_args *a)
{
    record(a, "slot drop");
    return EXIT_REFUSED;
}

static const struct cli_option run_options[] = {
    {'s', "sink", "NAME", true, "kafka,lines,null", "Where records go."},
    {'c', "check", NULL, false, NULL, "Check only."},
    {'f', "file", "FILE", false, NULL, "A file with a | in its help."},
    {0, NULL, NULL, false, NULL, NULL},
};
static const struct cli_option list_options[] = {
    {0, "json", NULL, false, NULL, "Print JSON."},
    {0, NULL, NULL, false, NULL, NULL},
};
static const struct cli_command run = {"run",
                                       "FILE...",
                                       1,
                                       -1,
                                       run_options,
                                       run_run,
                                       "Run connectors.",
                                       "First paragraph of details.\nSecond paragraph."};
static const struct cli_command list = {"slot list",   "",  0, 0, list_options, run_list,
                                        "List slots.", NULL};
static const struct cli_command drop = {"slot drop",          "NAME", 1, 1, NULL, run_drop,
                                        ".Drop it's \\slot.", NULL};

/* In place of the program's own list. */
const struct cli_command *const cli_commands[] = {&run,      &list,           &drop,
                                                  &cmd_help, &cmd_completion, NULL};

/* Runs a command line written with single spaces; out gets what it prints, err what it complains about. */
static int
walbridge(const char *line, struct buf *out, struct buf *err)
{
    static char words[256]; /* what the commands keep of it is looked at afterwards */
    char *argv[24] = {0}, *rest = words;
    FILE *files[2] = {tmpfile(), tmpfile()};
    struct buf *bufs[2] = {out, err};
    int saved[2], argc = 0, code;

    memset(&got, 0, sizeof(got));
    snprintf(words, sizeof(words), "walbridge%s%s", *line ? " " : "", line);
    while (rest)
        argv[argc++] = strsep(&rest, " ");
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        saved[i] = dup(i + 1);
        dup2(fileno(files[i]), i + 1);
    }
    code = cli_main(argc, argv);
    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
        rewind(files[i]);
        buf_clear(bufs[i]);
        for (char part[4096]; fgets(part, sizeof(part), files[i]);)
            buf_str(bufs[i], part);
        fclose(files[i]);
    }
    return code;
}

static struct buf out, err;

static int
setup(void **state)
{
    (void)state;
    buf_init(&out, 4 << 20);
    buf_init(&err, 1 << 20);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    buf_free(&out);
    buf_free(&err);
    return 0;
}

static void
must_say(const struct buf *where, const char *text)
{
    struct buf copy;

    buf_init(&copy, 8 << 20);
    buf_slice(&copy, buf_view(where));
    if (!strstr(buf_cstr(&copy), text))
        fail_msg("\"%s\" is not in:\n%s", text, buf_cstr(&copy));
    buf_free(&copy);
}

static void
options_and_operands_may_be_mixed(void **state)
{
    (void)state;
    assert_int_equal(walbridge("run a.json --check b.json -s kafka -", &out, &err), EXIT_OK);
    assert_string_equal(got.path, "run");
    assert_string_equal(got.operands, "a.json;b.json;-;");
    assert_true(got.check);
    assert_string_equal(got.sink, "kafka");
}

static void
values_are_taken_in_every_usual_way(void **state)
{
    static const char *const lines[] = {
        "run --sink null x", "run --sink=null x", "run -s null x",
        "run -snull x",      "run -csnull x",     "run x --sink=null",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(walbridge(lines[i], &out, &err), EXIT_OK);
        assert_string_equal(got.sink, "null");
        assert_string_equal(got.operands, "x;");
    }
}

static void
an_option_may_be_repeated_and_the_last_counts(void **state)
{
    (void)state;
    assert_int_equal(walbridge("run -s kafka --sink=lines x", &out, &err), EXIT_OK);
    assert_string_equal(got.sinks, "kafka;lines;");
    assert_string_equal(got.sink, "lines");
    assert_null(got.file);
    assert_false(got.check);
}

static void
a_value_may_be_empty_or_look_like_an_option(void **state)
{
    (void)state;
    assert_int_equal(walbridge("run --file= x", &out, &err), EXIT_OK);
    assert_string_equal(got.file, "");
    assert_int_equal(walbridge("run --file --check x", &out, &err), EXIT_OK);
    assert_string_equal(got.file, "--check");
    assert_false(got.check);
}

static void
two_hyphens_end_the_options(void **state)
{
    (void)state;
    assert_int_equal(walbridge("run -- --check -s", &out, &err), EXIT_OK);
    assert_string_equal(got.operands, "--check;-s;");
    assert_false(got.check);
}

static void
two_words_are_one_command(void **state)
{
    (void)state;
    assert_int_equal(walbridge("slot list --json", &out, &err), EXIT_OK);
    assert_string_equal(got.path, "slot list");
    assert_true(got.json);
    assert_int_equal(walbridge("slot drop a", &out, &err), EXIT_REFUSED);
    assert_string_equal(got.path, "slot drop");
    assert_string_equal(got.operands, "a;");
}

static void
global_options_stand_before_or_behind_the_command(void **state)
{
    (void)state;
    assert_int_equal(walbridge("--log-level=error slot list", &out, &err), EXIT_OK);
    assert_string_equal(got.path, "slot list");
    assert_int_equal(walbridge("slot list --log-format text", &out, &err), EXIT_OK);
    assert_string_equal(got.path, "slot list");
}

static void
wrong_command_lines_are_said_with_what_was_meant(void **state)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"", "command is missing"},
        {"rnu x", "did you mean \"run\""},
        {"frobnicate", "unknown command \"frobnicate\""},
        {"list", "did you mean \"slot list\""},
        {"slot", "needs a command behind it"},
        {"slot lst", "did you mean \"slot list\""},
        {"slot frobnicate", "unknown command \"slot frobnicate\""},
        {"run", "walbridge run FILE..."},
        {"slot drop a b", "unexpected argument \"b\""},
        {"slot list a", "unexpected argument \"a\""},
        {"run --chekc x", "did you mean \"--check\""},
        {"run --frobnicate x", "unknown option \"--frobnicate\""},
        {"run --check=yes x", "takes no value"},
        {"run x --sink", "needs a value"},
        {"run x -s", "needs a value"},
        {"run -x", "unknown option \"-x\""},
        {"run --json x", "unknown option \"--json\""},
        {"--sink=a run", "unknown option \"--sink\""},
        {"run --log-level=loud x", "allowed are error,warn,info,debug"},
        {"run --log-format=xml x", "allowed are auto,text,json"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(walbridge(cases[i].line, &out, &err), EXIT_USAGE);
        must_say(&err, cases[i].says);
        must_say(&err, "--help");
        assert_int_equal(out.n, 0);
        assert_null(got.path);
    }
}

static void
help_is_there_for_all_for_groups_and_for_each_command(void **state)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"--help", "slot list"},      {"-h", "--log-level"},
        {"slot --help", "slot drop"}, {"run --help", "FILE..."},
        {"run x y -h", "--sink"},     {"slot drop --help", "Usage: walbridge slot drop NAME"},
        {"help", "completion"},       {"help run", "--check"},
        {"help slot list", "--json"}, {"run --help", "Second"},
        {"run --help", "May be"},     {"run --help", "One of kafka, lines, null."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(walbridge(cases[i].line, &out, &err), EXIT_OK);
        must_say(&out, cases[i].says);
        assert_int_equal(err.n, 0);
        assert_null(got.path);
    }
}

static void
help_of_a_group_leaves_the_others_out(void **state)
{
    (void)state;
    assert_int_equal(walbridge("slot --help", &out, &err), EXIT_OK);
    assert_null(strstr(buf_cstr(&out), "Run connectors."));
}

static void
help_fits_a_terminal(void **state)
{
    static const char *const lines[] = {"--help", "run --help", "help snapshot.mode",
                                        "help plugin.name"};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(walbridge(lines[i], &out, &err), EXIT_OK);
        for (const char *p = buf_cstr(&out); *p; p += strcspn(p, "\n") + 1)
            if (strcspn(p, "\n") > 80)
                fail_msg("%.*s", (int)strcspn(p, "\n"), p);
    }
}

static void
version_is_printed(void **state)
{
    (void)state;
    assert_int_equal(walbridge("--version", &out, &err), EXIT_OK);
    must_say(&out, "walbridge ");
    assert_int_equal(walbridge("run -V", &out, &err), EXIT_OK);
    must_say(&out, "walbridge ");
}

static void
a_property_has_a_page(void **state)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"help snapshot.mode", "Allowed: initial (once exported), no_data (once never)"},
        {"help snapshot.mode", "default initial"},
        {"help topic.prefix", "required"},
        {"help topic.prefix", "Old names: database.server.name"},
        {"help table.whitelist", "Old name of: table.include.list"},
        {"help transforms", "org.apache.kafka.connect.transforms.RegexRouter"},
        {"help RegexRouter", "replacement"},
        {"help max.batch.size", "Without effect: "},
        {"help producer.override.acks", "producer.override."},
        {"help column.mask.with.5.chars", "column.mask.with.<n>.chars"},
        {"help slot.max.retries", "from 0"},
        {"help database.port", "from 1 to 65535"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(walbridge(cases[i].line, &out, &err), EXIT_OK);
        must_say(&out, cases[i].says);
    }
}

static void
help_for_what_does_not_exist_suggests(void **state)
{
    (void)state;
    assert_int_equal(walbridge("help snapshot.mod", &out, &err), EXIT_USAGE);
    must_say(&err, "did you mean \"snapshot.mode\"");
    assert_int_equal(walbridge("help rum", &out, &err), EXIT_USAGE);
    must_say(&err, "did you mean \"run\"");
}

static void
the_man_page_has_every_command_and_no_stray_requests(void **state)
{
    (void)state;
    assert_int_equal(walbridge("help --man", &out, &err), EXIT_OK);
    must_say(&out, ".TH WALBRIDGE 1");
    must_say(&out, ".SS walbridge run [OPTION...] FILE...");
    must_say(&out, "\\&.Drop it's \\eslot.");
    must_say(&out, "\\-\\-sink NAME");
    must_say(&out, ".SH EXIT STATUS");
}

static void
reference_pages_are_printed(void **state)
{
    (void)state;
    assert_int_equal(walbridge("help --markdown-cli", &out, &err), EXIT_OK);
    must_say(&out, "## walbridge slot list");
    must_say(&out, "a \\| in its help");
    must_say(&out, "| 5 | ");
    assert_int_equal(walbridge("help --markdown-config", &out, &err), EXIT_OK);
    must_say(&out, "### `snapshot.mode`");
    must_say(&out, "### `producer.override.*`");
    must_say(&out, "**Old name of: `topic.prefix`.**");
}

static void
completion_knows_commands_options_choices_and_properties(void **state)
{
    static const char *const lines[] = {"completion bash", "completion zsh", "completion fish"};
    static const char *const all[] = {"list", "json", "kafka lines null", "snapshot.mode", "run "};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(walbridge(lines[i], &out, &err), EXIT_OK);
        for (size_t j = 0; j < sizeof(all) / sizeof(all[0]); j++)
            must_say(&out, all[j]);
    }
    assert_int_equal(walbridge("completion tcsh", &out, &err), EXIT_USAGE);
    assert_int_equal(walbridge("completion", &out, &err), EXIT_USAGE);
}

/* The script as bash runs it: the words offered for a command line of which the last word is being typed. */
static void
bash_offers_what_fits(void **state)
{
    static const struct {
        const char *words, *offered;
    } cases[] = {
        {"walbridge ru", "run"},
        {"walbridge slot l", "list"},
        {"walbridge slot list --j", "--json"},
        {"walbridge run --s", "--sink"},
        {"walbridge run --sink n", "null"},
        {"walbridge help money.f", "money.fraction.digits"},
    };
    char path[] = "/tmp/walbridge-test-XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(walbridge("completion bash", &out, &err), EXIT_OK);
    assert_int_equal(write(fd, out.p, out.n), (ssize_t)out.n);
    close(fd);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char command[512], line[4096] = "";
        FILE *f;

        snprintf(command, sizeof(command),
                 "bash -c '. %s; COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _walbridge; "
                 "echo ${COMPREPLY[0]}'",
                 path, cases[i].words);
        f = popen(command, "r");
        assert_non_null(f);
        assert_non_null(fgets(line, sizeof(line), f));
        pclose(f);
        line[strcspn(line, "\n")] = '\0';
        assert_string_equal(line, cases[i].offered);
    }
    unlink(path);
}

static void
any_words_are_parsed_without_harm(void **state)
{
    static const char *const words[] = {
        "", "-", "--", "---", "=", "--=", "--sink=", "-s", "run", "slot", "list", "help", "-hV"};
    enum { N = sizeof(words) / sizeof(words[0]) };

    (void)state;
    for (size_t i = 0; i < N * N * N; i++) {
        char line[64];

        snprintf(line, sizeof(line), "%s %s %s", words[i % N], words[i / N % N], words[i / N / N]);
        walbridge(line, &out, &err);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_operands_may_be_mixed),
        cmocka_unit_test(values_are_taken_in_every_usual_way),
        cmocka_unit_test(an_option_may_be_repeated_and_the_last_counts),
        cmocka_unit_test(a_value_may_be_empty_or_look_like_an_option),
        cmocka_unit_test(two_hyphens_end_the_options),
        cmocka_unit_test(two_words_are_one_command),
        cmocka_unit_test(global_options_stand_before_or_behind_the_command),
        cmocka_unit_test(wrong_command_lines_are_said_with_what_was_meant),
        cmocka_unit_test(help_is_there_for_all_for_groups_and_for_each_command),
        cmocka_unit_test(help_of_a_group_leaves_the_others_out),
        cmocka_unit_test(help_fits_a_terminal),
        cmocka_unit_test(version_is_printed),
        cmocka_unit_test(a_property_has_a_page),
        cmocka_unit_test(help_for_what_does_not_exist_suggests),
        cmocka_unit_test(the_man_page_has_every_command_and_no_stray_requests),
        cmocka_unit_test(reference_pages_are_printed),
        cmocka_unit_test(completion_knows_commands_options_choices_and_properties),
        cmocka_unit_test(bash_offers_what_fits),
        cmocka_unit_test(any_words_are_parsed_without_harm),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
