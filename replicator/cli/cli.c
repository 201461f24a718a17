/* Parsing the command line by the rows of the commands, and running what was asked. */
#include "replicator/cli/cli.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/prop.h"

/* A build outside the Makefile has no version. */
#ifndef WALBRIDGE_VERSION
#define WALBRIDGE_VERSION "unreleased"
#endif

const struct cli_option cli_globals[] = {
    {0, "log-level", "LEVEL", false, "error,warn,info,debug",
     "Least important lines to log (info)."},
    {0, "log-format", "FORMAT", false, "auto,text,json",
     "Form of the log: auto is text on a terminal, else JSON."},
    {'h', "help", NULL, false, NULL, "Show the help of the command and exit."},
    {'V', "version", NULL, false, NULL, "Show the version and exit."},
    {0, NULL, NULL, false, NULL, NULL},
};

const struct cli_exit cli_exits[] = {
    {EXIT_OK, "The work was done; run: a signal ended it in good order."},
    {EXIT_FAILED, "A connector failed, or the command could not do its work."},
    {EXIT_USAGE, "The command line is wrong."},
    {EXIT_CONFIG, "The configuration is wrong, or --check found errors."},
    {EXIT_REFUSED, "Refused for safety; the message names what settles it, such as --force."},
    {EXIT_UNREACHABLE, "A server, broker or service cannot be reached."},
    {EXIT_OK, NULL},
};

struct given {
    const struct cli_option *option;
    const char *value; /* NULL: a flag */
};

struct cli_args {
    const struct cli_command *cmd;
    struct given *given;
    size_t ngiven;
    const char **operands;
    size_t noperands;
};

/* ------------------------------------------------------------------------------------------- what commands ask for */

static const struct cli_option *
option_in(const struct cli_option *options, const char *name, size_t n)
{
    for (; options && options->name; options++)
        if (strncmp(options->name, name, n) == 0 && options->name[n] == '\0')
            return options;
    return NULL;
}

static const struct cli_option *
option_named(const struct cli_command *cmd, const char *name, size_t n)
{
    const struct cli_option *o = cmd ? option_in(cmd->options, name, n) : NULL;

    return o ? o : option_in(cli_globals, name, n);
}

static void
must_exist(const struct cli_args *a, const char *name)
{
    if (!option_named(a->cmd, name, strlen(name))) {
        fprintf(stderr, "bug: command \"%s\" has no option --%s\n", a->cmd ? a->cmd->path : "",
                name);
        abort();
    }
}

const char *
cli_each(const struct cli_args *a, const char *name, size_t *i)
{
    must_exist(a, name);
    while (*i < a->ngiven) {
        const struct given *g = &a->given[(*i)++];

        if (strcmp(g->option->name, name) == 0)
            return g->value ? g->value : "";
    }
    return NULL;
}

const char *
cli_value(const struct cli_args *a, const char *name)
{
    const char *value = NULL, *next;

    for (size_t i = 0; (next = cli_each(a, name, &i));)
        value = next;
    return value;
}

bool
cli_flag(const struct cli_args *a, const char *name)
{
    return cli_value(a, name) != NULL;
}

size_t
cli_noperands(const struct cli_args *a)
{
    return a->noperands;
}

const char *
cli_operand(const struct cli_args *a, size_t i)
{
    return i < a->noperands ? a->operands[i] : NULL;
}

int
cli_print(const struct buf *out)
{
    bool ok = buf_ok(out) && fwrite(out->p, 1, out->n, stdout) == out->n && fflush(stdout) == 0;

    return ok ? EXIT_OK : EXIT_FAILED;
}

/* ------------------------------------------------------------------------------------------------ names of commands */

const struct cli_command *
cli_find(const char *path)
{
    for (size_t i = 0; cli_commands[i]; i++)
        if (strcmp(cli_commands[i]->path, path) == 0)
            return cli_commands[i];
    return NULL;
}

/* Whether some command is "<word> something". */
static bool
is_group(const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; cli_commands[i]; i++)
        if (strncmp(cli_commands[i]->path, word, n) == 0 && cli_commands[i]->path[n] == ' ')
            return true;
    return false;
}

const char *
cli_suggest_command(const char *typed)
{
    unsigned limit = strlen(typed) <= 3 ? 1 : 2, best = limit + 1;
    const char *found = NULL;

    for (size_t i = 0; cli_commands[i]; i++) {
        unsigned d = prop_distance(typed, cli_commands[i]->path, limit);
        const char *second = strchr(cli_commands[i]->path, ' ');

        /* "advance" for "slot advance" */
        if (second && strcmp(second + 1, typed) == 0)
            d = 1;
        if (d < best) {
            best = d;
            found = cli_commands[i]->path;
        }
    }
    return found;
}

/* ---------------------------------------------------------------------------------------------------------- parsing */

enum parsed { PARSED_RUN, PARSED_HELP, PARSED_VERSION, PARSED_WRONG };

struct parser {
    struct cli_args a;
    const char *group; /* "slot" alone, for its help */
    int argc, i;
    char **argv;
};

static enum parsed __attribute__((format(printf, 2, 3)))
wrong(const struct parser *p, const char *fmt, ...)
{
    const char *of = p->a.cmd ? p->a.cmd->path : p->group;
    va_list ap;

    fputs("walbridge: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\nTry \"walbridge%s%s --help\".\n", of ? " " : "", of ? of : "");
    return PARSED_WRONG;
}

static void
keep_option(struct parser *p, const struct cli_option *o, const char *value)
{
    p->a.given[p->a.ngiven++] = (struct given){o, value};
}

static enum parsed
unknown_option(const struct parser *p, const char *name, size_t n)
{
    char typed[64];
    const char *found = NULL;
    unsigned best = 3;
    const struct cli_option *const lists[] = {p->a.cmd ? p->a.cmd->options : NULL, cli_globals};

    snprintf(typed, sizeof(typed), "%.*s", n < 60 ? (int)n : 60, name);
    for (size_t i = 0; i < 2; i++) {
        for (const struct cli_option *o = lists[i]; o && o->name; o++) {
            unsigned d = prop_distance(typed, o->name, 2);

            if (d < best) {
                best = d;
                found = o->name;
            }
        }
    }
    if (found)
        return wrong(p, "unknown option \"--%s\"; did you mean \"--%s\"?", typed, found);
    return wrong(p, "unknown option \"--%s\"", typed);
}

/* Position of text in a comma list, or -1. */
static int
word_in(const char *list, const char *text)
{
    size_t n = strlen(text);

    for (int at = 0; *list; at++) {
        size_t w = strcspn(list, ",");

        if (w == n && strncmp(list, text, n) == 0)
            return at;
        list += w + (list[w] == ',');
    }
    return -1;
}

/* A value that is none of the option's choices is refused here, for every command. */
static enum parsed
take_option(struct parser *p, const struct cli_option *o, const char *value)
{
    if (value && o->choices && word_in(o->choices, value) < 0)
        return wrong(p, "option \"--%s\" is \"%s\": allowed are %s", o->name, value, o->choices);
    keep_option(p, o, value);
    return PARSED_RUN;
}

/* --name, --name=value, --name value */
static enum parsed
parse_long(struct parser *p)
{
    const char *arg = p->argv[p->i++] + 2;
    size_t n = strcspn(arg, "=");
    const struct cli_option *o = option_named(p->a.cmd, arg, n);
    const char *value = arg[n] ? arg + n + 1 : NULL;

    if (!o)
        return unknown_option(p, arg, n);
    if (!o->arg && value)
        return wrong(p, "option \"--%s\" takes no value", o->name);
    if (o->arg && !value) {
        if (p->i == p->argc)
            return wrong(p, "option \"--%s\" needs a value: --%s %s", o->name, o->name, o->arg);
        value = p->argv[p->i++];
    }
    return take_option(p, o, value);
}

static const struct cli_option *
option_lettered(const struct cli_command *cmd, char letter)
{
    const struct cli_option *const lists[] = {cmd ? cmd->options : NULL, cli_globals};

    for (size_t i = 0; i < 2; i++)
        for (const struct cli_option *o = lists[i]; o && o->name; o++)
            if (o->short_name == letter)
                return o;
    return NULL;
}

/* -a, -ab, -o value, -ovalue */
static enum parsed
parse_short(struct parser *p)
{
    for (const char *arg = p->argv[p->i++] + 1; *arg; arg++) {
        const struct cli_option *o = option_lettered(p->a.cmd, *arg);

        if (!o)
            return wrong(p, "unknown option \"-%c\"", *arg);
        if (!o->arg) {
            keep_option(p, o, NULL);
            continue;
        }
        if (!arg[1] && p->i == p->argc)
            return wrong(p, "option \"-%c\" needs a value: -%c %s", *arg, *arg, o->arg);
        return take_option(p, o, arg[1] ? arg + 1 : p->argv[p->i++]);
    }
    return PARSED_RUN;
}

/* One word, or two when together they are a command. */
static enum parsed
parse_command(struct parser *p)
{
    const char *word = p->argv[p->i++], *next = p->i < p->argc ? p->argv[p->i] : NULL;
    char two[128];
    const char *meant;

    if (next && (size_t)snprintf(two, sizeof(two), "%s %s", word, next) < sizeof(two)) {
        p->a.cmd = cli_find(two);
        p->i += p->a.cmd != NULL;
    }
    if (!p->a.cmd)
        p->a.cmd = cli_find(word);
    if (p->a.cmd)
        return PARSED_RUN;
    if (is_group(word)) {
        p->group = word;
        if (!next || next[0] == '-')
            return PARSED_RUN;
        meant = cli_suggest_command(two);
        if (meant)
            return wrong(p, "unknown command \"%s %s\"; did you mean \"%s\"?", word, next, meant);
        return wrong(p, "unknown command \"%s %s\"", word, next);
    }
    meant = cli_suggest_command(word);
    if (meant)
        return wrong(p, "unknown command \"%s\"; did you mean \"%s\"?", word, meant);
    return wrong(p, "unknown command \"%s\"", word);
}

static enum parsed
parse_all(struct parser *p)
{
    enum parsed r = PARSED_RUN;

    while (r == PARSED_RUN && p->i < p->argc) {
        const char *arg = p->argv[p->i];

        if (strcmp(arg, "--") == 0) {
            p->i++;
            break;
        }
        if (strncmp(arg, "--", 2) == 0)
            r = parse_long(p);
        else if (arg[0] == '-' && arg[1])
            r = parse_short(p);
        else if (!p->a.cmd && !p->group)
            r = parse_command(p);
        else
            p->a.operands[p->a.noperands++] = p->argv[p->i++];
    }
    while (r == PARSED_RUN && p->i < p->argc)
        p->a.operands[p->a.noperands++] = p->argv[p->i++];
    return r;
}

static bool
asked_for(const struct parser *p, const char *name)
{
    for (size_t i = 0; i < p->a.ngiven; i++)
        if (strcmp(p->a.given[i].option->name, name) == 0)
            return true;
    return false;
}

static enum parsed
check_operands(const struct parser *p)
{
    const struct cli_command *cmd = p->a.cmd;

    if (cmd->max_operands >= 0 && p->a.noperands > (size_t)cmd->max_operands)
        return wrong(p, "unexpected argument \"%s\"", p->a.operands[cmd->max_operands]);
    if (cmd->min_operands > 0 && p->a.noperands < (size_t)cmd->min_operands)
        return wrong(p, "missing argument: walbridge %s %s", cmd->path, cmd->operands);
    return PARSED_RUN;
}

static enum parsed
parse(struct parser *p)
{
    enum parsed r = parse_all(p);

    if (r != PARSED_RUN)
        return r;
    if (asked_for(p, "version"))
        return PARSED_VERSION;
    if (asked_for(p, "help"))
        return PARSED_HELP;
    if (p->group)
        return wrong(p, "\"%s\" needs a command behind it", p->group);
    if (!p->a.cmd)
        return wrong(p, "a command is missing");
    return check_operands(p);
}

/* -------------------------------------------------------------------------------------------------------------- main */

/* The choices stand in the order of enum log_level and enum log_format; take_option has checked them. */
static void
start_log(const struct parser *p)
{
    const char *level = cli_value(&p->a, "log-level"), *format = cli_value(&p->a, "log-format");
    int l = level ? word_in(cli_globals[0].choices, level) : LOG_INFO;
    int f = format ? word_in(cli_globals[1].choices, format) : LOG_AUTO;

    log_init((enum log_level)l, (enum log_format)f);
}

static int
print_help(const struct parser *p)
{
    struct buf out;
    int code;

    buf_init(&out, 1 << 20);
    cli_help(&out, p->a.cmd, p->group);
    code = cli_print(&out);
    buf_free(&out);
    return code;
}

int
cli_main(int argc, char **argv)
{
    struct parser p = {.argc = argc, .argv = argv, .i = argc > 0};
    size_t max = 1;
    enum parsed r;
    int code = EXIT_USAGE;

    /* One option per letter of every argument at most. */
    for (int i = 1; i < argc; i++)
        max += strlen(argv[i]) + 1;
    p.a.given = mem_array(max, sizeof(*p.a.given));
    p.a.operands = mem_array((size_t)argc + 1, sizeof(*p.a.operands));
    r = parse(&p);
    switch (r) {
    case PARSED_RUN:
        assert(p.a.cmd);
        start_log(&p);
        code = p.a.cmd->run(&p.a);
        break;
    case PARSED_HELP:
        code = print_help(&p);
        break;
    case PARSED_VERSION:
        code = printf("walbridge " WALBRIDGE_VERSION "\n") < 0 || fflush(stdout) != 0 ? EXIT_FAILED
                                                                                      : EXIT_OK;
        break;
    case PARSED_WRONG:
        break;
    }
    free(p.a.given);
    free(p.a.operands);
    return code;
}
