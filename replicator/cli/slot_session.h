/* What the slot commands share: the connection their options name, whose slot it is, and how they print. */
#ifndef REPLICATOR_CLI_SLOT_SESSION_H
#define REPLICATOR_CLI_SLOT_SESSION_H

#include <jansson.h>

#include "base/prop.h"
#include "replicator/cli/cli.h"
#include "replicator/pg/slot_report.h"

struct slot_session {
    struct config *config; /* --config, NULL */
    struct pg_params *params;
    PGconn *c;
    const char *own;         /* the connector's slot.name, NULL */
    const char *publication; /* --publication, else the connector's, NULL */
    const char *database;
};

#define SLOT_CONNECTION_OPTIONS                                                                    \
    {0,     "url",                                                                                 \
     "URI", false,                                                                                 \
     NULL,  "Connect there (postgresql://user@host:port/database; default: the PG* variables)."},  \
    {                                                                                              \
        'c', "config", "FILE", false, NULL,                                                        \
            "Connect as this connector does; its slot.name says which slot is its own."            \
    }
#define SLOT_JSON_OPTION                                                                           \
    {                                                                                              \
        0, "json", NULL, false, NULL, "Print JSON."                                                \
    }
#define SLOT_FORCE_OPTION(help)                                                                    \
    {                                                                                              \
        0, "force", NULL, false, NULL, help                                                        \
    }

/* The paragraph every command's --help ends with. */
#define SLOT_THEIRS_TEXT                                                                           \
    "A slot is left alone unless it is a connector's: a logical slot of pgoutput in the database " \
    "connected to, no "                                                                            \
    "standby's copy, not one that a subscription's table synchronization made; and with --config " \
    "exactly the one that "                                                                        \
    "slot.name names. A slot that a session holds is left alone as well. --force overrides both."

/* False: e is printed by slot_failed. */
bool slot_session_open(const struct cli_args *a, struct slot_session *s, struct err *e);
void slot_session_close(struct slot_session *s);
/* The operand, else the connector's slot; NULL: neither (a message was printed). */
const char *slot_session_name(const struct cli_args *a, const struct slot_session *s);
/* Prints the error; returns the exit code it means. */
int slot_failed(const struct err *e);
int slot_refused(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Reads one slot's report. EXIT_OK, or the code after a message was printed. */
int slot_session_report(struct slot_session *s, const char *name, struct slot_report *out);
/* EXIT_OK when the command may touch the slot, or --force was given. */
int slot_session_may(const struct cli_args *a, const struct slot_session *s,
                     const struct slot_report *r, const char *doing);
/* The publications to decode with, as pgoutput wants them. */
bool slot_session_publications(struct slot_session *s, struct buf *out, struct err *e);

/* "1.5 GB", "312 kB", "57 B"; negative: "unknown". */
const char *slot_bytes_text(char dst[32], int64_t n);
/* "0 s", "12 s", "3 min", "5 h"; negative: "unknown". */
const char *slot_seconds_text(char dst[32], double s);
/* "pid 12, walbridge/orders (streaming), user cdc, from 10.0.0.7"; "-" nobody */
void slot_holder_text(struct buf *out, const struct slot_report *r);
json_t *slot_report_json(const struct slot_report *r, const char *own);
/* Text of any bytes as JSON: what is no UTF-8 becomes "\x…". */
json_t *slot_json_text(const char *p, size_t n);
/* Prints and frees. */
void slot_print_json(json_t *j, bool one_line);

/* Prints rows of `cols` cells in aligned columns; the first row is the heading. right: letters of the columns to align right. */
void slot_print_table(char *const *cells, size_t rows, size_t cols, const char *right);

#endif
