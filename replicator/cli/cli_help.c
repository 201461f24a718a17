/* Help, man page and reference page, all printed from the rows of the commands. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "replicator/cli/cli.h"

enum { WIDTH = 80, OPTION_COLUMN = 28 };

static const char summary[] =
    "walbridge reads PostgreSQL's logical replication stream, says every change exactly as "
    "Debezium's PostgreSQL "
    "connector does, and delivers it to Kafka and BigQuery from one process.";

static const struct {
    const char *name, *help;
} environment[] = {
    {"BOOTSTRAP_SERVERS", "Kafka brokers, for a connector whose file has no bootstrap.servers."},
    {"PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, ...",
     "The database of slot commands that are given neither a URI nor a connector file, as for "
     "psql."},
    {"any", "${env:NAME} in the value of a property is replaced by the variable NAME."},
};

/* ---------------------------------------------------------------------------------------------------------- help text */

static void
spaces(struct buf *out, unsigned n)
{
    while (n--)
        buf_putc(out, ' ');
}

/* Folds text; the first line begins at column `at`, the others at `indent`. */
static void
fold(struct buf *out, const char *text, unsigned at, unsigned indent)
{
    bool first = true;

    while (*text) {
        size_t n = strcspn(text, " \n");

        if (!first && at + 1 + n > WIDTH) {
            buf_putc(out, '\n');
            spaces(out, indent);
            at = indent;
            first = true;
        }
        if (!first) {
            buf_putc(out, ' ');
            at++;
        }
        buf_add(out, text, n);
        at += (unsigned)n;
        first = false;
        text += n;
        if (*text == '\n') {
            buf_str(out, "\n\n");
            spaces(out, indent);
            at = indent;
            first = true;
        }
        text += strspn(text, " \n");
    }
    buf_putc(out, '\n');
}

void
cli_wrap(struct buf *out, const char *text, unsigned indent)
{
    spaces(out, indent);
    fold(out, text, indent, indent);
}

static void
help_row(struct buf *out, const char *left, const char *right)
{
    unsigned n = (unsigned)strlen(left);

    buf_printf(out, "  %s", left);
    if (n + 4 > OPTION_COLUMN) {
        buf_putc(out, '\n');
        spaces(out, OPTION_COLUMN);
    } else {
        spaces(out, OPTION_COLUMN - n - 2);
    }
    fold(out, right, OPTION_COLUMN, OPTION_COLUMN);
}

/* "-s, --sink NAME" */
static void
option_text(char *dst, size_t max, const struct cli_option *o)
{
    char letter[8] = "";

    if (o->short_name)
        snprintf(letter, sizeof(letter), "-%c, ", o->short_name);
    snprintf(dst, max, "%s--%s%s%s", letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
}

/* The help of an option with what it leaves to the row. */
static void
option_help(struct buf *dst, const struct cli_option *o)
{
    buf_clear(dst);
    buf_str(dst, o->help);
    if ((o->choices || o->repeat) && dst->n && dst->p[dst->n - 1] != '.')
        buf_putc(dst, '.');
    if (o->choices) {
        buf_str(dst, " One of ");
        for (const char *p = o->choices; *p; p++) {
            buf_putc(dst, *p);
            if (*p == ',')
                buf_putc(dst, ' ');
        }
        buf_putc(dst, '.');
    }
    if (o->repeat)
        buf_str(dst, " May be repeated.");
}

static void
help_options(struct buf *out, const char *title, const struct cli_option *o)
{
    struct buf help;
    char left[96];

    if (!o || !o->name)
        return;
    buf_init(&help, 1 << 16);
    buf_printf(out, "\n%s:\n", title);
    for (; o->name; o++) {
        option_text(left, sizeof(left), o);
        option_help(&help, o);
        help_row(out, left, buf_cstr(&help));
    }
    buf_free(&help);
}

static bool
has_options(const struct cli_command *cmd)
{
    return cmd->options && cmd->options->name;
}

static void
usage(struct buf *out, const struct cli_command *cmd)
{
    buf_printf(out, "walbridge %s%s%s%s", cmd->path, has_options(cmd) ? " [OPTION...]" : "",
               *cmd->operands ? " " : "", cmd->operands);
}

static void
help_command(struct buf *out, const struct cli_command *cmd)
{
    buf_str(out, "Usage: ");
    usage(out, cmd);
    buf_str(out, "\n\n");
    cli_wrap(out, cmd->help, 0);
    help_options(out, "Options", cmd->options);
    help_options(out, "Options of every command", cli_globals);
    if (cmd->details) {
        buf_putc(out, '\n');
        cli_wrap(out, cmd->details, 0);
    }
}

void
cli_help(struct buf *out, const struct cli_command *cmd, const char *group)
{
    size_t n = group ? strlen(group) : 0;

    if (cmd) {
        help_command(out, cmd);
        return;
    }
    buf_printf(out, "Usage: walbridge %s%sCOMMAND [OPTION...] [ARGUMENT...]\n\n",
               group ? group : "", group ? " " : "");
    if (!group) {
        cli_wrap(out, summary, 0);
        buf_putc(out, '\n');
    }
    buf_str(out, "Commands:\n");
    for (size_t i = 0; cli_commands[i]; i++) {
        const char *path = cli_commands[i]->path;

        if (!group || (strncmp(path, group, n) == 0 && path[n] == ' '))
            help_row(out, path, cli_commands[i]->help);
    }
    help_options(out, "Options of every command", cli_globals);
    buf_putc(out, '\n');
    cli_wrap(
        out,
        "\"walbridge COMMAND --help\" tells more of a command, \"walbridge help PROPERTY\" of a "
        "property of the connector's configuration.",
        0);
}

/* ----------------------------------------------------------------------------------------------------------- man page */

/* troff: a backslash and a hyphen are written as themselves, and no text line may begin with a control character. */
static void
troff(struct buf *out, const char *text)
{
    bool start = true;

    for (; *text; text++) {
        if (start && (*text == '.' || *text == '\''))
            buf_str(out, "\\&");
        start = *text == '\n';
        if (*text == '\\')
            buf_str(out, "\\e");
        else if (*text == '-')
            buf_str(out, "\\-");
        else if (*text == '\n')
            buf_str(out, "\n.PP\n");
        else
            buf_putc(out, *text);
    }
    buf_putc(out, '\n');
}

static void
man_options(struct buf *out, const struct cli_option *o)
{
    struct buf help;
    char left[96];

    buf_init(&help, 1 << 16);
    for (; o && o->name; o++) {
        option_text(left, sizeof(left), o);
        option_help(&help, o);
        buf_str(out, ".TP\n.B ");
        troff(out, left);
        troff(out, buf_cstr(&help));
    }
    buf_free(&help);
}

static void
man_command(struct buf *out, const struct cli_command *cmd)
{
    struct buf line;

    buf_init(&line, 1 << 16);
    usage(&line, cmd);
    buf_str(out, ".SS ");
    troff(out, buf_cstr(&line));
    troff(out, cmd->help);
    man_options(out, cmd->options);
    if (cmd->details) {
        buf_str(out, ".PP\n");
        troff(out, cmd->details);
    }
    buf_free(&line);
}

void
cli_man(struct buf *out)
{
    buf_str(
        out,
        ".TH WALBRIDGE 1 \"\" \"walbridge\" \"User Commands\"\n.SH NAME\nwalbridge \\- PostgreSQL "
        "changes to Kafka "
        "and BigQuery, as Debezium says them\n.SH SYNOPSIS\n.B walbridge\n.I COMMAND\n[OPTION...] "
        "[ARGUMENT...]\n.SH DESCRIPTION\n");
    troff(out, summary);
    buf_str(out, ".SH COMMANDS\n");
    for (size_t i = 0; cli_commands[i]; i++)
        man_command(out, cli_commands[i]);
    buf_str(out, ".SH OPTIONS OF EVERY COMMAND\n");
    man_options(out, cli_globals);
    buf_str(out, ".SH EXIT STATUS\n");
    for (const struct cli_exit *x = cli_exits; x->help; x++) {
        buf_printf(out, ".TP\n.B %d\n", (int)x->code);
        troff(out, x->help);
    }
    buf_str(out, ".SH ENVIRONMENT\n");
    for (size_t i = 0; i < sizeof(environment) / sizeof(environment[0]); i++) {
        buf_str(out, ".TP\n.B ");
        troff(out, environment[i].name);
        troff(out, environment[i].help);
    }
    buf_str(out, ".SH CONFIGURATION\n");
    troff(out,
          "A connector is described by the JSON that Kafka Connect takes, by its \"config\" alone, "
          "or by a "
          "properties file. \"walbridge help PROPERTY\" tells of one property.");
}

/* --------------------------------------------------------------------------------------------------------- reference */

static void
markdown_options(struct buf *out, const struct cli_option *o)
{
    struct buf help;
    char left[96];

    buf_init(&help, 1 << 16);
    buf_str(out, "\n| Option | |\n|---|---|\n");
    for (; o->name; o++) {
        option_text(left, sizeof(left), o);
        option_help(&help, o);
        buf_printf(out, "| `%s` | ", left);
        for (const char *p = buf_cstr(&help); *p; p++) {
            if (*p == '|')
                buf_putc(out, '\\');
            buf_putc(out, *p);
        }
        buf_str(out, " |\n");
    }
    buf_free(&help);
}

void
cli_markdown(struct buf *out)
{
    buf_str(out, "# Commands\n\n");
    buf_printf(out,
               "<!-- printed by `walbridge help --markdown-cli`; `make docs` renews it -->\n\n%s\n",
               summary);
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct cli_command *cmd = cli_commands[i];

        buf_printf(out, "\n## walbridge %s\n\n```\n", cmd->path);
        usage(out, cmd);
        buf_printf(out, "\n```\n\n%s\n", cmd->help);
        if (has_options(cmd))
            markdown_options(out, cmd->options);
        if (cmd->details) {
            buf_putc(out, '\n');
            for (const char *p = cmd->details; *p; p++)
                buf_str(out, *p == '\n' ? "\n\n" : (char[]){*p, '\0'});
            buf_putc(out, '\n');
        }
    }
    buf_str(out, "\n## Options of every command\n");
    markdown_options(out, cli_globals);
    buf_str(out, "\n## Exit codes\n\n| Code | Meaning |\n|---|---|\n");
    for (const struct cli_exit *x = cli_exits; x->help; x++)
        buf_printf(out, "| %d | %s |\n", (int)x->code, x->help);
    buf_str(out, "\n## Environment\n\n| Variable | Meaning |\n|---|---|\n");
    for (size_t i = 0; i < sizeof(environment) / sizeof(environment[0]); i++)
        buf_printf(out, "| %s | %s |\n", environment[i].name, environment[i].help);
}
