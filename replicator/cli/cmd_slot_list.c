/* slot list, lag: looking at slots. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "replicator/cli/slot_session.h"

/* ---- slot list ---- */

enum { LIST_COLS = 9 };

static char *
cell(const char *text)
{
    return mem_strdup(text);
}

static void
list_row(char **out, const struct slot_report *r, const char *own)
{
    char tmp[32];
    struct buf holder;

    buf_init(&holder, 1024);
    slot_holder_text(&holder, r);
    out[0] = cell(r->slot.name);
    out[1] = cell(slot_report_state(r, own));
    out[2] = cell(r->logical ? r->slot.database : "(physical)");
    out[3] = cell(r->slot.plugin[0] ? r->slot.plugin : "-");
    out[4] = r->slot.invalidation_reason[0]
                 ? mem_printf("%s: %s", r->slot.wal_status, r->slot.invalidation_reason)
             : r->slot.has_safe_bytes
                 ? mem_printf("%s, %s safe", r->slot.wal_status,
                              slot_bytes_text(tmp, r->slot.safe_bytes < 0 ? 0 : r->slot.safe_bytes))
                 : cell(r->slot.wal_status[0] ? r->slot.wal_status : "unknown");
    out[5] = cell(slot_bytes_text(tmp, r->retained_bytes));
    out[6] = cell(slot_bytes_text(tmp, r->lag_bytes));
    out[7] = cell(slot_seconds_text(tmp, r->lag_s));
    out[8] = cell(buf_cstr(&holder));
    buf_free(&holder);
}

struct list_total {
    size_t slots, orphans;
    int64_t retained; /* of the slot that holds most: the others' is part of it */
    const char *by;
};

static struct list_total
list_sum(const struct slot_report *all, size_t n, const char *own)
{
    struct list_total t = {n, 0, 0, NULL};

    for (size_t i = 0; i < n; i++) {
        t.orphans += slot_report_orphan(&all[i], own);
        if (all[i].retained_bytes > t.retained) {
            t.retained = all[i].retained_bytes;
            t.by = all[i].slot.name;
        }
    }
    return t;
}

static void
list_print(const struct slot_report *all, size_t n, const char *own)
{
    static const char *const heading[LIST_COLS] = {"SLOT",   "STATE",      "DATABASE",
                                                   "PLUGIN", "WAL STATUS", "RETAINED",
                                                   "LAG",    "BEHIND",     "HELD BY"};
    char **cells = mem_array((n + 1) * LIST_COLS, sizeof *cells);
    struct list_total t = list_sum(all, n, own);
    char tmp[32];

    for (size_t i = 0; i < LIST_COLS; i++)
        cells[i] = cell(heading[i]);
    for (size_t i = 0; i < n; i++)
        list_row(cells + (i + 1) * LIST_COLS, &all[i], own);
    slot_print_table(cells, n + 1, LIST_COLS, "fgh");
    for (size_t i = 0; i < (n + 1) * LIST_COLS; i++)
        free(cells[i]);
    free(cells);
    printf("%zu slot%s, %zu orphan%s; WAL retained: %s%s%s%s\n", t.slots, t.slots == 1 ? "" : "s",
           t.orphans, t.orphans == 1 ? "" : "s", slot_bytes_text(tmp, t.retained),
           t.by ? " (for " : "", t.by ? t.by : "", t.by ? ")" : "");
}

static void
list_print_json(const struct slot_report *all, size_t n, const char *own)
{
    struct list_total t = list_sum(all, n, own);
    json_t *j = json_object(), *slots = json_array(), *total = json_object();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(slots, slot_report_json(&all[i], own));
    json_object_set_new(total, "slots", json_integer((json_int_t)t.slots));
    json_object_set_new(total, "orphans", json_integer((json_int_t)t.orphans));
    json_object_set_new(total, "retained_bytes", json_integer(t.retained));
    json_object_set_new(j, "slots", slots);
    json_object_set_new(j, "total", total);
    slot_print_json(j, false);
}

static size_t
keep_orphans(struct slot_report *all, size_t n, const char *own)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        if (slot_report_orphan(&all[i], own))
            all[kept++] = all[i];
    return kept;
}

static int
run_list(const struct cli_args *a)
{
    struct slot_report *all = NULL;
    struct slot_session s;
    struct err e = {0};
    int code = EXIT_OK;
    size_t n = 0;

    if (!slot_session_open(a, &s, &e) || !slot_report_read(s.c, NULL, &all, &n, &e)) {
        code = slot_failed(&e);
    } else {
        if (cli_flag(a, "orphans"))
            n = keep_orphans(all, n, s.own);
        if (cli_flag(a, "json"))
            list_print_json(all, n, s.own);
        else
            list_print(all, n, s.own);
    }
    free(all);
    slot_session_close(&s);
    return code;
}

static const struct cli_option list_options[] = {
    SLOT_CONNECTION_OPTIONS,
    {0, "orphans", NULL, false, NULL, "Only slots that nobody reads."},
    SLOT_JSON_OPTION,
    {0, NULL, NULL, false, NULL, NULL},
};

const struct cli_command cmd_slot_list = {
    .path = "slot list",
    .operands = "",
    .max_operands = 0,
    .options = list_options,
    .run = run_list,
    .help = "Show the server's replication slots, who holds them and what they retain.",
    .details =
        "STATE is active (a session holds it), orphan (nobody does), idle (nobody does, but it is "
        "the connector's of --config), "
        "synced (a standby's copy) or lost (the server removed WAL it needs; it can only be "
        "dropped).\n\n"
        "RETAINED is the WAL kept on disk for the slot, LAG what was written since its confirmed "
        "position, BEHIND the same as "
        "time: what the holder's walsender measures, or, with track_commit_timestamp, the age of "
        "the oldest transaction "
        "the slot may need; otherwise it is unknown. WAL STATUS and the bytes that may still be "
        "written before the slot "
        "is lost are known from PostgreSQL 13 on.\n\n"
        "Other users' sessions show their application and address only to a member of pg_monitor.",
};

/* ---- lag ---- */

enum { LAG_COLS = 7 };

struct lag_before {
    char name[64];
    int64_t lag_bytes, at_us;
};

/* How fast the lag grows, bytes a second; *known false at the first sight. */
static double
lag_growth(struct lag_before *before, size_t n, const struct slot_report *r, bool *known)
{
    int64_t now_us = clock_mono_us();
    double rate = 0;

    *known = false;
    for (size_t i = 0; i < n; i++) {
        if (before[i].name[0] && strcmp(before[i].name, r->slot.name) != 0)
            continue;
        if (before[i].name[0] && before[i].lag_bytes >= 0 && r->lag_bytes >= 0 &&
            now_us > before[i].at_us) {
            rate = (double)(r->lag_bytes - before[i].lag_bytes) * 1e6 /
                   (double)(now_us - before[i].at_us);
            *known = true;
        }
        memcpy(before[i].name, r->slot.name, sizeof before[i].name);
        before[i].lag_bytes = r->lag_bytes;
        before[i].at_us = now_us;
        break;
    }
    return rate;
}

static void
lag_row(char **out, const struct slot_report *r, const char *own, bool known, double growth)
{
    char tmp[32];

    out[0] = cell(r->slot.name);
    out[1] = cell(slot_report_state(r, own));
    out[2] = cell(slot_bytes_text(tmp, r->lag_bytes));
    out[3] = cell(slot_seconds_text(tmp, r->lag_s));
    out[4] = cell(slot_bytes_text(tmp, r->retained_bytes));
    out[5] = known ? mem_printf("%s%s/s", growth < 0 ? "-" : "+",
                                slot_bytes_text(tmp, (int64_t)(growth < 0 ? -growth : growth)))
                   : cell("-");
    out[6] = cell(r->lag_from ? r->lag_from : "-");
}

static void
lag_print(const struct slot_report *all, size_t n, const char *own, struct lag_before *before,
          size_t nbefore, bool heading, bool json)
{
    static const char *const names[LAG_COLS] = {"SLOT",     "STATE",  "LAG", "BEHIND",
                                                "RETAINED", "GROWTH", "FROM"};
    char **cells = mem_array((n + 1) * LAG_COLS, sizeof *cells);
    size_t rows = 0;

    for (size_t i = 0; heading && !json && i < LAG_COLS; i++)
        cells[i] = cell(names[i]);
    rows += heading && !json;
    for (size_t i = 0; i < n; i++) {
        bool known;
        double growth = lag_growth(before, nbefore, &all[i], &known);

        if (json) {
            json_t *j = slot_report_json(&all[i], own);

            json_object_set_new(j, "lag_growth_bytes_per_second",
                                known ? json_real(growth) : json_null());
            slot_print_json(j, true);
        } else {
            lag_row(cells + rows++ * LAG_COLS, &all[i], own, known, growth);
        }
    }
    if (!json)
        slot_print_table(cells, rows, LAG_COLS, "cdef");
    for (size_t i = 0; i < rows * LAG_COLS; i++)
        free(cells[i]);
    free(cells);
    fflush(stdout);
}

static bool
lag_options(const struct cli_args *a, double *interval_s, int64_t *times, struct err *e)
{
    const char *interval = cli_value(a, "interval"), *count = cli_value(a, "count");
    char *end;

    *interval_s = interval ? strtod(interval, &end) : 1;
    if (interval && (end == interval || *end || *interval_s < 0.1 || *interval_s > 86400))
        return err_set(e, ERR_CONFIG, "cli.usage",
                       "--interval must be seconds from 0.1 to 86400, got \"%s\"", interval);
    *times = cli_flag(a, "watch") ? INT64_MAX : 1;
    if (count && (!num_parse_i64(slice_of(count), times) || *times < 1))
        return err_set(e, ERR_CONFIG, "cli.usage", "--count must be a number from 1, got \"%s\"",
                       count);
    return true;
}

static int
lag_loop(const struct cli_args *a, struct slot_session *s, double interval_s, int64_t times)
{
    const char *name = cli_noperands(a) ? cli_operand(a, 0) : s->own;
    struct timespec pause = {(time_t)interval_s,
                             (long)((interval_s - (double)(time_t)interval_s) * 1e9)};
    struct lag_before before[64] = {{{0}, 0, 0}};
    struct err e = {0};

    for (int64_t i = 0; i < times; i++) {
        struct slot_report *all;
        size_t n;

        if (i)
            nanosleep(&pause, NULL);
        if (!slot_report_read(s->c, name, &all, &n, &e))
            return slot_failed(&e);
        if (name && n == 0) {
            free(all);
            fprintf(stderr,
                    "walbridge: slot \"%s\" does not exist; 'walbridge slot list' shows those that "
                    "do\n",
                    name);
            return EXIT_FAILED;
        }
        lag_print(all, n, s->own, before, sizeof before / sizeof before[0], i % 20 == 0,
                  cli_flag(a, "json"));
        free(all);
    }
    return EXIT_OK;
}

static int
run_lag(const struct cli_args *a)
{
    struct slot_session s = {0};
    struct err e = {0};
    double interval_s = 1;
    int64_t times = 1;
    int code;

    if (!lag_options(a, &interval_s, &times, &e))
        return slot_failed(&e);
    if (slot_session_open(a, &s, &e))
        code = lag_loop(a, &s, interval_s, times);
    else
        code = slot_failed(&e);
    slot_session_close(&s);
    return code;
}

static const struct cli_option lag_option_rows[] = {
    SLOT_CONNECTION_OPTIONS,
    {'w', "watch", NULL, false, NULL, "Go on until interrupted."},
    {0, "interval", "SECONDS", false, NULL, "Time between two looks (default 1)."},
    {0, "count", "N", false, NULL, "Look so many times."},
    SLOT_JSON_OPTION,
    {0, NULL, NULL, false, NULL, NULL},
};

const struct cli_command cmd_lag = {
    .path = "lag",
    .operands = "[SLOT]",
    .max_operands = 1,
    .options = lag_option_rows,
    .run = run_lag,
    .help = "Show how far slots are behind, once or again and again.",
    .details =
        "Without SLOT: the connector's of --config, or all slots. GROWTH is how fast the lag "
        "changes between two looks; "
        "a minus means it is catching up. With --json each look prints one object a line for each "
        "slot.",
};
