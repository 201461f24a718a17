/* walbridge completion: scripts for the shells, made of the rows of the commands. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "replicator/cli/cli.h"
#include "replicator/conf.h"

enum { SCRIPT_MAX = 1 << 20 };

static const char *const shells[] = {"bash", "zsh", "fish"};

/* Words behind "walbridge": commands and groups, each once. */
static void
first_words(struct buf *out)
{
    for (size_t i = 0; cli_commands[i]; i++) {
        size_t n = strcspn(cli_commands[i]->path, " ");
        bool again = false;

        for (size_t j = 0; j < i && !again; j++)
            again = strcspn(cli_commands[j]->path, " ") == n &&
                    strncmp(cli_commands[j]->path, cli_commands[i]->path, n) == 0;
        if (!again)
            buf_printf(out, "%.*s ", (int)n, cli_commands[i]->path);
    }
}

static void
option_words(struct buf *out, const struct cli_option *o)
{
    for (; o && o->name; o++)
        buf_printf(out, "--%s ", o->name);
}

static void
spaced(struct buf *out, const char *comma_list)
{
    for (; *comma_list; comma_list++)
        buf_putc(out, *comma_list == ',' ? ' ' : *comma_list);
}

/* "--sink)" and the like: words that may follow an option. */
static void
value_cases(struct buf *out, const struct cli_option *o, const char *path)
{
    for (; o && o->name; o++) {
        if (!o->choices)
            continue;
        buf_printf(out, "    \"%s --%s\") words=\"", path, o->name);
        spaced(out, o->choices);
        buf_str(out, "\" ;;\n");
    }
}

/* Names a person may type behind "help": what is no prefix, pattern or old name. */
static void
property_words(struct buf *out)
{
    for (size_t t = 0; conf_tables[t]; t++)
        for (size_t i = 0; i < conf_tables[t]->n; i++)
            if (!(conf_tables[t]->rows[i].flags & (PROP_PREFIX | PROP_PATTERN | PROP_ALIAS)))
                buf_printf(out, "%s ", conf_tables[t]->rows[i].name);
}

/*
 * The part that bash and zsh share: $command is the path of the command so far, $prev the word before the one that is
 * completed; sets $words.
 */
static void
word_cases(struct buf *out)
{
    buf_str(out, "  words=\"\"\n  case \"$command\" in\n    \"\") words=\"");
    first_words(out);
    option_words(out, cli_globals);
    buf_str(out, "\" ;;\n");
    for (size_t i = 0; cli_commands[i]; i++) {
        const char *path = cli_commands[i]->path;
        const char *second = strchr(path, ' ');

        if (second && (i == 0 || strncmp(cli_commands[i - 1]->path, path,
                                         (size_t)(second - path) + 1) != 0)) {
            buf_printf(out, "    \"%.*s\") words=\"", (int)(second - path), path);
            for (size_t j = 0; cli_commands[j]; j++)
                if (strncmp(cli_commands[j]->path, path, (size_t)(second - path) + 1) == 0)
                    buf_printf(out, "%s ", cli_commands[j]->path + (second - path) + 1);
            buf_str(out, "\" ;;\n");
        }
        buf_printf(out, "    \"%s\") words=\"", path);
        option_words(out, cli_commands[i]->options);
        option_words(out, cli_globals);
        if (cli_commands[i] == &cmd_help) {
            first_words(out);
            property_words(out);
        }
        if (cli_commands[i] == &cmd_completion)
            for (size_t s = 0; s < sizeof(shells) / sizeof(shells[0]); s++)
                buf_printf(out, "%s ", shells[s]);
        buf_str(out, "\" ;;\n");
    }
    buf_str(out, "  esac\n  case \"$command $prev\" in\n");
    for (size_t i = 0; cli_commands[i]; i++) {
        value_cases(out, cli_commands[i]->options, cli_commands[i]->path);
        value_cases(out, cli_globals, cli_commands[i]->path);
    }
    buf_str(out, "  esac\n");
}

/* "slot" and "list" are one command; a word that begins with a hyphen is none. */
static void
path_cases(struct buf *out)
{
    const char *sep = "      ";

    buf_str(out, "    case \"$command $w\" in\n");
    for (size_t i = 0; cli_commands[i]; i++) {
        const char *second = strchr(cli_commands[i]->path, ' ');

        if (second)
            buf_printf(out, "%s\"%s\"", sep, cli_commands[i]->path);
        if (second)
            sep = "|";
    }
    if (*sep == '|')
        buf_str(out, ") command=\"$command $w\" ;;\n");
    buf_str(out,
            "      *) case \"$w\" in -*) ;; *) [ -n \"$command\" ] || command=\"$w\" ;; esac ;;\n  "
            "  esac\n");
}

static void
bash_script(struct buf *out)
{
    buf_str(
        out,
        "# bash completion of walbridge; printed by \"walbridge completion bash\"\n_walbridge() {\n"
        "  local command=\"\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\" words w i\n"
        "  for ((i = 1; i < COMP_CWORD; i++)); do\n    w=\"${COMP_WORDS[i]}\"\n");
    path_cases(out);
    buf_str(out, "  done\n");
    word_cases(out);
    buf_str(out,
            "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\n"
            "complete -o default -F _walbridge walbridge\n");
}

static void
zsh_script(struct buf *out)
{
    buf_str(out,
            "#compdef walbridge\n# zsh completion of walbridge; printed by \"walbridge completion "
            "zsh\"\n_walbridge() {\n"
            "  local command=\"\" prev=\"${words[CURRENT-1]}\" w i\n  local -a line\n  "
            "line=(\"${words[@]}\")\n"
            "  for ((i = 2; i < CURRENT; i++)); do\n    w=\"${line[i]}\"\n");
    path_cases(out);
    /* $words belongs to zsh's own completion: ours is a local of an inner function. */
    buf_str(out,
            "  done\n  _walbridge_words \"$command\" \"$prev\"\n  _files\n}\n_walbridge_words() {\n"
            "  local command=\"$1\" prev=\"$2\" words\n");
    word_cases(out);
    buf_str(out,
            "  compadd -- ${=words}\n}\n"
            "if [ \"$funcstack[1]\" = \"_walbridge\" ]; then _walbridge \"$@\"; else compdef "
            "_walbridge walbridge; fi\n");
}

/* fish: text between single quotes. */
static void
fish_text(struct buf *out, const char *text)
{
    buf_putc(out, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            buf_putc(out, '\\');
        buf_putc(out, *text);
    }
    buf_putc(out, '\'');
}

static void
fish_options(struct buf *out, const char *condition, const struct cli_option *o)
{
    for (; o && o->name; o++) {
        buf_printf(out, "complete -c walbridge%s -l %s", condition, o->name);
        if (o->short_name)
            buf_printf(out, " -s %c", o->short_name);
        if (o->arg)
            buf_str(out, " -r");
        if (o->choices) {
            buf_str(out, " -f -a '");
            spaced(out, o->choices);
            buf_putc(out, '\'');
        }
        buf_str(out, " -d ");
        fish_text(out, o->help);
        buf_putc(out, '\n');
    }
}

static void
fish_script(struct buf *out)
{
    char condition[160];

    buf_str(out,
            "# fish completion of walbridge; printed by \"walbridge completion fish\"\n"
            "complete -c walbridge -n __fish_use_subcommand -f -a '");
    first_words(out);
    buf_str(out, "'\n");
    fish_options(out, "", cli_globals);
    for (size_t i = 0; cli_commands[i]; i++) {
        const char *path = cli_commands[i]->path, *second = strchr(path, ' ');

        if (second) {
            buf_printf(out,
                       "complete -c walbridge -n '__fish_seen_subcommand_from %.*s' -f -a %s -d ",
                       (int)(second - path), path, second + 1);
            fish_text(out, cli_commands[i]->help);
            buf_putc(out, '\n');
        }
        snprintf(condition, sizeof(condition), " -n '__fish_seen_subcommand_from %s'",
                 second ? second + 1 : path);
        fish_options(out, condition, cli_commands[i]->options);
    }
    buf_str(out, "complete -c walbridge -n '__fish_seen_subcommand_from help' -f -a '");
    property_words(out);
    buf_str(out, "'\n");
}

bool
cli_completion(struct buf *out, const char *shell)
{
    void (*const scripts[])(struct buf *) = {bash_script, zsh_script, fish_script};

    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        if (strcmp(shell, shells[i]) == 0) {
            scripts[i](out);
            return true;
        }
    }
    return false;
}

static int
run_completion(const struct cli_args *a)
{
    struct buf out;
    int code = EXIT_USAGE;

    buf_init(&out, SCRIPT_MAX);
    if (cli_completion(&out, cli_operand(a, 0)))
        code = cli_print(&out);
    else
        fprintf(stderr, "walbridge: there is no completion for \"%s\": bash, zsh, fish\n",
                cli_operand(a, 0));
    buf_free(&out);
    return code;
}

const struct cli_command cmd_completion = {
    .path = "completion",
    .operands = "bash|zsh|fish",
    .min_operands = 1,
    .max_operands = 1,
    .run = run_completion,
    .help = "Print a completion script for a shell.",
    .details =
        "bash: source <(walbridge completion bash). zsh: put it as _walbridge into a folder of "
        "$fpath. fish: "
        "walbridge completion fish > ~/.config/fish/completions/walbridge.fish",
};
