/* Every command of the program, in the order of the help. */
#include "replicator/cli/cli.h"

const struct cli_command *const cli_commands[] = {
    &cmd_run,
    &cmd_connect,
    &cmd_slot_list,
    &cmd_slot_create,
    &cmd_slot_drop,
    &cmd_slot_advance,
    &cmd_slot_peek,
    &cmd_lag,
    &cmd_offsets_show,
    &cmd_offsets_accept,
    &cmd_offsets_reset,
    &cmd_snapshot,
    &cmd_signal,
    &cmd_record,
    &cmd_decode,
    &cmd_broker,
    &cmd_help,
    &cmd_completion,
    NULL,
};
