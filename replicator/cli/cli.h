/*
 * The command line as data: one const row per command feeds parsing, --help, completion and the man page.
 */
#ifndef REPLICATOR_CLI_CLI_H
#define REPLICATOR_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

/* Exit codes, documented in the man page. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,      /* a connector failed, or a command could not do its work */
    EXIT_USAGE = 2,       /* wrong command line */
    EXIT_CONFIG = 3,      /* invalid configuration, or --check found errors */
    EXIT_REFUSED = 4,     /* refused for safety: --force, or another command, settles it */
    EXIT_UNREACHABLE = 5, /* server, broker or service not reachable */
};

struct cli_option {
    char short_name;  /* 0: none */
    const char *name; /* "sink" for --sink */
    const char *arg;  /* "NAME": takes a value; NULL: a flag */
    bool repeat;
    const char *choices; /* for completion, NULL */
    const char *help;
};

struct cli_args; /* parsed */
struct cli_command {
    const char *path;                     /* "slot list" */
    const char *operands;                 /* "FILE..." for the usage line, "" none */
    int min_operands, max_operands;       /* -1: any */
    const struct cli_option *options;     /* ended by name NULL */
    int (*run)(const struct cli_args *a); /* exit code */
    const char *help;                     /* one line */
    const char *details;                  /* paragraphs for --help and the man page, NULL */
};

const char *cli_value(const struct cli_args *a, const char *name); /* last given, or NULL */
bool cli_flag(const struct cli_args *a, const char *name);
const char *cli_each(const struct cli_args *a, const char *name,
                     size_t *i); /* repeated option: next, or NULL */
size_t cli_noperands(const struct cli_args *a);
const char *cli_operand(const struct cli_args *a, size_t i);

/* Each file of commands exports its rows; cli.c lists them. */
extern const struct cli_command cmd_run, cmd_connect, cmd_decode, cmd_record, cmd_help,
    cmd_completion, cmd_broker, cmd_signal;
extern const struct cli_command cmd_slot_list, cmd_slot_create, cmd_slot_drop, cmd_slot_advance,
    cmd_slot_peek, cmd_lag;
extern const struct cli_command cmd_offsets_show, cmd_offsets_accept, cmd_offsets_reset,
    cmd_snapshot;

/* All rows, NULL-terminated, in the order of the help. */
extern const struct cli_command *const cli_commands[];
/* Options that every command takes; ended by name NULL. */
extern const struct cli_option cli_globals[];
/* The meaning of each exit code, in order; ended by help NULL. */
struct cli_exit {
    enum exit_code code;
    const char *help;
};
extern const struct cli_exit cli_exits[];

/* NULL: unknown. */
const struct cli_command *cli_find(const char *path);
/* The word nearest to what was typed; NULL: none is near. */
const char *cli_suggest_command(const char *typed);

/* Texts printed from the rows. cmd or group NULL: all commands; group "slot": those that begin so. */
struct buf;
void cli_help(struct buf *out, const struct cli_command *cmd, const char *group);
void cli_man(struct buf *out);
void cli_markdown(struct buf *out);
bool cli_completion(struct buf *out, const char *shell);
/* Words of text folded at column 80, every line indented, newline at the end; a newline in text starts a paragraph. */
void cli_wrap(struct buf *out, const char *text, unsigned indent);
/* Writes to standard output: EXIT_OK, or EXIT_FAILED when that fails. */
int cli_print(const struct buf *out);

int cli_main(int argc, char **argv);

#endif
