/* walbridge help: a command's or a property's page, and the reference pages made of all of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "decoder/smt.h"
#include "decoder/type.h"
#include "replicator/cli/cli.h"
#include "replicator/conf.h"
#include "replicator/metrics.h"
#include "replicator/rest/route.h"

enum { PAGE_MAX = 4 << 20 }; /* the largest page has some hundred kilobytes */

static const char *const type_names[] = {
    [PROP_STRING] = "text",
    [PROP_PASSWORD] = "secret",
    [PROP_BOOL] = "true or false",
    [PROP_INT] = "number",
    [PROP_LONG] = "number",
    [PROP_ENUM] = "choice",
    [PROP_LIST] = "comma list",
    [PROP_CLASS] = "class",
    [PROP_DOUBLE] = "number with a fraction",
};
static const char *const importance_names[] = {"low", "medium", "high"};

/* What each state means, and how it is called. */
static const struct {
    unsigned flag;
    const char *title, *meaning;
} states[] = {
    {PROP_ALIAS, "Old name of", "counts as the property of today, which wins when both are given"},
    {PROP_NOOP, "Without effect", "accepted; another value than the default gives a warning"},
    {PROP_REFUSED, "Not supported", "another value than the default is an error"},
};

static void
words(struct buf *out, const char *list, const char *left, const char *right)
{
    const char *sep = "";

    while (*list) {
        size_t n = strcspn(list, ",");
        size_t first = strcspn(list, "|,");

        buf_printf(out, "%s%s%.*s%s", sep, left, (int)first, list, right);
        for (const char *old = list + first; old < list + n; old += strcspn(old, "|,")) {
            old++;
            buf_printf(out, " (once %s%.*s%s)", left, (int)strcspn(old, "|,"), old, right);
        }
        sep = ", ";
        list += n + (list[n] == ',');
    }
}

/* "choice, default initial, importance medium" */
static void
facts(struct buf *out, const struct prop *row, const char *left, const char *right)
{
    buf_str(out, type_names[row->type]);
    if (row->flags & PROP_REQUIRED)
        buf_str(out, ", required");
    if (row->def)
        buf_printf(out, ", default %s%s%s", left, row->def, right);
    if (row->max)
        buf_printf(out, ", from %lld", (long long)row->min);
    if (row->max && row->max != INT32_MAX && row->max != INT64_MAX)
        buf_printf(out, " to %lld", (long long)row->max);
    buf_printf(out, ", importance %s", importance_names[row->importance]);
    if (row->flags & PROP_PREFIX)
        buf_str(out, ", any name that begins so");
}

/* Aliases of a row, in the order of the tables. */
static const struct prop *
next_alias(const char *name, size_t *t, size_t *i)
{
    for (; conf_tables[*t]; ++*t, *i = 0) {
        while (*i < conf_tables[*t]->n) {
            const struct prop *row = &conf_tables[*t]->rows[(*i)++];

            if ((row->flags & PROP_ALIAS) && strcmp(row->see, name) == 0)
                return row;
        }
    }
    return NULL;
}

static void
old_names(struct buf *out, const struct prop *row, const char *left, const char *right)
{
    const char *sep = "Old names: ";
    const struct prop *old;

    for (size_t t = 0, i = 0; (old = next_alias(row->name, &t, &i));) {
        buf_printf(out, "%s%s%s%s", sep, left, old->name, right);
        sep = ", ";
    }
    if (*sep == ',')
        buf_putc(out, '.');
}

/* The line about the state of a row; empty for an ordinary one. */
static void
state(struct buf *out, const struct prop *row, const char *left, const char *right)
{
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (row->flags & states[i].flag)
            buf_printf(out, "%s: %s%s%s.", states[i].title, row->flags & PROP_ALIAS ? left : "",
                       row->see, row->flags & PROP_ALIAS ? right : "");
    if ((row->flags & PROP_ALIAS) && row->choices)
        buf_printf(out, " Its values were called otherwise: %s.", row->choices);
}

/* --------------------------------------------------------------------------------------------------- one property */

static void
property_page(struct buf *out, const struct prop *row)
{
    struct buf line;
    void (*const parts[])(struct buf *, const struct prop *, const char *,
                          const char *) = {facts, state, old_names};

    buf_init(&line, PAGE_MAX);
    buf_printf(out, "%s\n", row->name);
    facts(&line, row, "", "");
    cli_wrap(out, buf_cstr(&line), 2);
    buf_putc(out, '\n');
    cli_wrap(out, row->doc, 2);
    if (row->type == PROP_ENUM && row->choices) {
        buf_clear(&line);
        buf_str(&line, "Allowed: ");
        words(&line, row->choices, "", "");
        buf_putc(out, '\n');
        cli_wrap(out, buf_cstr(&line), 2);
    }
    for (size_t i = 1; i < sizeof(parts) / sizeof(parts[0]); i++) {
        buf_clear(&line);
        parts[i](&line, row, "", "");
        if (line.n) {
            buf_putc(out, '\n');
            cli_wrap(out, buf_cstr(&line), 2);
        }
    }
    buf_free(&line);
}

/* ----------------------------------------------------------------------------------------------------- transforms */

/* "RegexRouter", "Cast$Key or Cast$Value" */
static void
smt_title(struct buf *out, const struct smt_info *s)
{
    const char *tail = strrchr(s->name, '.') + 1;

    if (s->sides)
        buf_printf(out, "%s$Key, %s$Value", tail, tail);
    else
        buf_str(out, tail);
}

static void
smt_page(struct buf *out, const struct smt_info *s)
{
    buf_printf(out, "%s%s\n", s->name, s->sides ? "$Key, ...$Value" : "");
    cli_wrap(out, s->doc, 2);
    for (size_t i = 0; i < s->props->n; i++) {
        buf_putc(out, '\n');
        property_page(out, &s->props->rows[i]);
    }
}

static void
smt_list(struct buf *out, bool predicates)
{
    struct smt_info s;

    buf_printf(out, "\n  Built in (`walbridge help NAME` tells more):\n");
    for (size_t i = 0; smt_next(&i, &s);)
        if (s.predicate == predicates)
            buf_printf(out, "    %s%s\n", s.name, s.sides ? "$Key, ...$Value" : "");
}

static void property_markdown(struct buf *out, const struct prop *row, const char *level);

static void
smt_markdown(struct buf *out, bool predicates)
{
    struct smt_info s;

    for (size_t i = 0; smt_next(&i, &s);) {
        if (s.predicate != predicates)
            continue;
        buf_str(out, "\n## ");
        smt_title(out, &s);
        buf_printf(out, "\n\n`%s`\n\n%s\n", s.name, s.doc);
        for (size_t k = 0; k < s.props->n; k++)
            property_markdown(out, &s.props->rows[k], "###");
    }
}

static void
transforms_markdown(struct buf *out)
{
    buf_str(out,
            "# Transforms and predicates: reference\n\n"
            "<!-- printed by `walbridge help --markdown-transforms`; `make docs` renews it "
            "-->\n\nWhat they do to records, and how they are put into a connector's file: "
            "[transforms.md](transforms.md).\n\n# Transforms\n");
    smt_markdown(out, false);
    buf_str(out, "\n# Predicates\n");
    smt_markdown(out, true);
}

/* ------------------------------------------------------------------------------------------------------- any page */

/* Pages of docs/ that are neither a property nor a command. */
static const struct {
    const char *name;
    void (*print)(struct buf *out);
} references[] = {
    {"types", type_print_reference},
    {"rest", route_write_page},
    {"metrics", metrics_write_page},
};

static int
page_of(struct buf *out, const char *what)
{
    const struct cli_command *cmd = cli_find(what);
    const struct prop *row = cmd ? NULL : prop_find(conf_tables, what);
    struct smt_info smt;
    const char *meant;

    for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++) {
        if (strcmp(what, references[i].name) == 0) {
            references[i].print(out);
            return cli_print(out);
        }
    }
    if (cmd)
        cli_help(out, cmd, NULL);
    else if (row)
        property_page(out, row);
    else if (smt_named(what, &smt))
        smt_page(out, &smt);
    if (row && (strcmp(what, "transforms") == 0 || strcmp(what, "predicates") == 0))
        smt_list(out, *what == 'p');
    if (out->n)
        return cli_print(out);
    meant = prop_suggest(conf_tables, what);
    if (!meant)
        meant = cli_suggest_command(what);
    fprintf(
        stderr,
        "walbridge: \"%s\" is neither a property nor a transform nor a command, nor types, rest or "
        "metrics",
        what);
    if (meant)
        fprintf(stderr, "; did you mean \"%s\"?", meant);
    fputc('\n', stderr);
    return EXIT_USAGE;
}

/* -------------------------------------------------------------------------------------------------- all properties */

static void
property_markdown(struct buf *out, const struct prop *row, const char *level)
{
    struct buf line;

    buf_init(&line, PAGE_MAX);
    buf_printf(out, "\n%s `%s%s`\n\n", level, row->name, row->flags & PROP_PREFIX ? "*" : "");
    state(&line, row, "`", "`");
    if (line.n)
        buf_printf(out, "**%s**\n\n", buf_cstr(&line));
    facts(out, row, "`", "`");
    /* '<' would begin an HTML tag. */
    buf_str(out, "\n\n");
    for (const char *p = row->doc; *p; p++) {
        if (*p == '<' || *p == '*' || *p == '_')
            buf_putc(out, '\\');
        buf_putc(out, *p);
    }
    buf_putc(out, '\n');
    if (row->type == PROP_ENUM && row->choices) {
        buf_str(out, "\nAllowed: ");
        words(out, row->choices, "`", "`");
        buf_str(out, ".\n");
    }
    buf_clear(&line);
    old_names(&line, row, "`", "`");
    if (line.n)
        buf_printf(out, "\n%s\n", buf_cstr(&line));
    buf_free(&line);
}

static bool
seen_before(const char *group, size_t table, size_t row)
{
    for (size_t t = 0; t <= table; t++)
        for (size_t i = 0; i < (t == table ? row : conf_tables[t]->n); i++)
            if (strcmp(conf_tables[t]->rows[i].group, group) == 0)
                return true;
    return false;
}

static void
group_markdown(struct buf *out, const char *group)
{
    buf_printf(out, "\n## %s\n", group);
    for (size_t t = 0; conf_tables[t]; t++)
        for (size_t i = 0; i < conf_tables[t]->n; i++)
            if (strcmp(conf_tables[t]->rows[i].group, group) == 0)
                property_markdown(out, &conf_tables[t]->rows[i], "###");
}

static void
config_markdown(struct buf *out)
{
    buf_str(out,
            "# Configuration\n\n"
            "<!-- printed by `walbridge help --markdown-config`; `make docs` renews it -->\n\n"
            "A connector is described by the JSON that Kafka Connect takes (`{\"name\": ..., "
            "\"config\": {...}}`), by "
            "its `config` alone, or by a Java properties file. `${env:NAME}` in a value stands for "
            "an environment "
            "variable. Every property of Debezium's PostgreSQL connector 3.6 is known here, and "
            "the names it had "
            "before:\n\n| State | Meaning |\n|---|---|\n| no remark | works as in Debezium |\n");
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        buf_printf(out, "| %s | %s |\n", states[i].title, states[i].meaning);
    buf_str(out,
            "\nA name that is not on this page gives a warning that says which one was probably "
            "meant. All "
            "errors of a configuration are reported at once: `walbridge run --check FILE`.\n");
    for (size_t t = 0; conf_tables[t]; t++)
        for (size_t i = 0; i < conf_tables[t]->n; i++)
            if (!seen_before(conf_tables[t]->rows[i].group, t, i))
                group_markdown(out, conf_tables[t]->rows[i].group);
}

/* ------------------------------------------------------------------------------------------------------------ command */

static const struct cli_option options[] = {
    {0, "man", NULL, false, NULL, "Print the man page (troff)."},
    {0, "markdown-config", NULL, false, NULL, "Print the reference of all properties."},
    {0, "markdown-transforms", NULL, false, NULL, "Print the reference of all transforms."},
    {0, "markdown-cli", NULL, false, NULL, "Print the reference of all commands."},
    {0, NULL, NULL, false, NULL, NULL},
};

static const struct {
    const char *option;
    void (*print)(struct buf *out);
} pages[] = {
    {"man", cli_man},
    {"markdown-config", config_markdown},
    {"markdown-transforms", transforms_markdown},
    {"markdown-cli", cli_markdown},
};

static int
run_help(const struct cli_args *a)
{
    struct arena words_arena;
    struct buf out;
    int code;

    buf_init(&out, PAGE_MAX);
    arena_init(&words_arena);
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (cli_flag(a, pages[i].option)) {
            pages[i].print(&out);
            break;
        }
    }
    if (out.n) {
        code = cli_print(&out);
    } else if (cli_noperands(a) == 0) {
        cli_help(&out, NULL, NULL);
        code = cli_print(&out);
    } else if (cli_noperands(a) == 1) {
        code = page_of(&out, cli_operand(a, 0));
    } else {
        code = page_of(&out,
                       arena_printf(&words_arena, "%s %s", cli_operand(a, 0), cli_operand(a, 1)));
    }
    arena_free(&words_arena);
    buf_free(&out);
    return code;
}

const struct cli_command cmd_help = {
    .path = "help",
    .operands = "[PROPERTY | TRANSFORM | COMMAND | types | rest | metrics]",
    .max_operands = 2,
    .options = options,
    .run = run_help,
    .help = "Tell about a command, or about a property of the configuration.",
    .details =
        "Without an argument all commands are listed. A property is found by its name of today, by "
        "an old "
        "name, and by a name that a prefix covers (\"walbridge help producer.override.acks\"). "
        "\"types\" "
        "prints what each PostgreSQL type becomes in a record, \"rest\" the routes of "
        "\"walbridge connect\", \"metrics\" its figures; all in Markdown.",
};
