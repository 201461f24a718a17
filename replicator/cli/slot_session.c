#include "replicator/cli/slot_session.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "replicator/conf.h"

static bool
take_config(struct slot_session *s, const char *path, struct err *e)
{
    const struct prop_issue *issues;

    s->config = conf_read(path, e);
    if (!s->config)
        return false;
    /* Old names are resolved here. What is wrong with the rest of the file is none of this command's business. */
    if (!config_validate(s->config, &issues)) {
        for (; issues; issues = issues->next)
            if (issues->is_error && (strncmp(issues->name, "database.", 9) == 0 ||
                                     strcmp(issues->name, "slot.name") == 0))
                return err_set(e, ERR_CONFIG, "conf.invalid", "%s", issues->text);
    }
    s->own = config_str(s->config, "slot.name");
    s->publication = config_str(s->config, "publication.name");
    s->params = pg_params_from_config(s->config, e);
    return s->params != NULL;
}

bool
slot_session_open(const struct cli_args *a, struct slot_session *s, struct err *e)
{
    const char *url = cli_value(a, "url"), *file = cli_value(a, "config");

    memset(s, 0, sizeof *s);
    if (url && file)
        return err_set(e, ERR_CONFIG, "cli.usage", "--url and --config exclude each other");
    if (file) {
        if (!take_config(s, file, e))
            return false;
    } else {
        s->params = pg_params_from_uri(url, e);
        if (!s->params)
            return false;
    }
    s->c = pg_connect(s->params, PG_GENERAL, e);
    if (!s->c)
        return false;
    s->database = PQdb(s->c);
    return true;
}

void
slot_session_close(struct slot_session *s)
{
    PQfinish(s->c);
    pg_params_free(s->params);
    if (s->config)
        config_free(s->config);
}

const char *
slot_session_name(const struct cli_args *a, const struct slot_session *s)
{
    if (cli_noperands(a))
        return cli_operand(a, 0);
    if (!s->own)
        fprintf(stderr, "walbridge: name a slot, or give --config\n");
    return s->own;
}

/* Error codes → exit codes; the first that begins the code counts. */
static const struct {
    const char *code;
    int exit;
} exits[] = {
    {"cli.usage", EXIT_USAGE},
    {"conn.parameter", EXIT_CONFIG},
    {"conn.pooler", EXIT_CONFIG},
    {"conn.ssl", EXIT_CONFIG},
    {"conn.", EXIT_UNREACHABLE},
    {"server.starting", EXIT_UNREACHABLE},
    {"server.stopped", EXIT_UNREACHABLE},
    {"auth.", EXIT_CONFIG},
    {"conf.", EXIT_CONFIG},
    {"database.missing", EXIT_CONFIG},
    {"wal.level", EXIT_CONFIG},
    {"slot.in_use", EXIT_REFUSED},
};

int
slot_failed(const struct err *e)
{
    fprintf(stderr, "walbridge: %s\n", e->msg);
    for (size_t i = 0; i < sizeof exits / sizeof exits[0]; i++)
        if (strncmp(e->code, exits[i].code, strlen(exits[i].code)) == 0)
            return exits[i].exit;
    return EXIT_FAILED;
}

int
slot_refused(const char *fmt, ...)
{
    va_list ap;

    fputs("walbridge: refused: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return EXIT_REFUSED;
}

int
slot_session_report(struct slot_session *s, const char *name, struct slot_report *out)
{
    struct slot_report *all;
    struct err e = {0};
    size_t n;

    if (!slot_report_read(s->c, name, &all, &n, &e))
        return slot_failed(&e);
    if (n)
        *out = all[0];
    free(all);
    if (n)
        return EXIT_OK;
    fprintf(stderr,
            "walbridge: slot \"%s\" does not exist; 'walbridge slot list' shows those that do\n",
            name);
    return EXIT_FAILED;
}

int
slot_session_may(const struct cli_args *a, const struct slot_session *s,
                 const struct slot_report *r, const char *doing)
{
    const char *foreign = slot_report_foreign(r, s->own, s->database);
    struct buf holder;

    if (cli_flag(a, "force"))
        return EXIT_OK;
    if (foreign)
        return slot_refused("slot \"%s\" %s; --force %s it all the same", r->slot.name, foreign,
                            doing);
    if (!r->slot.active)
        return EXIT_OK;
    buf_init(&holder, 1024);
    slot_holder_text(&holder, r);
    slot_refused(
        "slot \"%s\" is in use (%s); stop that, or --force ends its session and %s the slot",
        r->slot.name, buf_cstr(&holder), doing);
    buf_free(&holder);
    return EXIT_REFUSED;
}

bool
slot_session_publications(struct slot_session *s, struct buf *out, struct err *e)
{
    if (s->publication)
        pg_ident(out, s->publication);
    else if (!slot_publications(s->c, out, e))
        return false;
    if (out->n == 0)
        return err_set(e, ERR_CONFIG, "publication.missing",
                       "database \"%s\" has no publication, and without one pgoutput decodes "
                       "nothing: CREATE PUBLICATION",
                       s->database);
    return true;
}

/* ---- printing ---- */

const char *
slot_bytes_text(char dst[32], int64_t n)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double v = (double)n;
    size_t u = 0;

    if (n < 0)
        return "unknown";
    for (; v >= 1024 && u + 1 < sizeof units / sizeof units[0]; u++)
        v /= 1024;
    snprintf(dst, 32, u && v < 10 ? "%.1f %s" : "%.0f %s", v, units[u]);
    return dst;
}

const char *
slot_seconds_text(char dst[32], double s)
{
    if (s < 0)
        return "unknown";
    if (s < 10)
        snprintf(dst, 32, "%.1f s", s);
    else if (s < 120)
        snprintf(dst, 32, "%.0f s", s);
    else if (s < 7200)
        snprintf(dst, 32, "%.0f min", s / 60);
    else
        snprintf(dst, 32, "%.0f h", s / 3600);
    return dst;
}

void
slot_holder_text(struct buf *out, const struct slot_report *r)
{
    if (!r->slot.active || !r->slot.active_pid) {
        buf_str(out, r->slot.active ? "?" : "-");
        return;
    }
    buf_printf(out, "pid %d", r->slot.active_pid);
    if (r->application[0])
        buf_printf(out, ", %s", r->application);
    if (r->user[0])
        buf_printf(out, ", user %s", r->user);
    if (r->client[0])
        buf_printf(out, ", from %s", r->client);
}

json_t *
slot_json_text(const char *p, size_t n)
{
    json_t *j = json_stringn(p, n);
    struct buf hex;

    if (j)
        return j;
    buf_init(&hex, 2 * n + 3);
    BUF_LIT(&hex, "\\x");
    for (size_t i = 0; i < n; i++)
        buf_printf(&hex, "%02x", (unsigned char)p[i]);
    j = json_string(buf_cstr(&hex));
    buf_free(&hex);
    return j;
}

static json_t *
text_or_null(const char *s)
{
    return *s ? slot_json_text(s, strlen(s)) : json_null();
}

static json_t *
lsn_or_null(uint64_t lsn)
{
    char text[NUM_LSN_TEXT];

    return lsn ? json_string(num_lsn_text(text, lsn)) : json_null();
}

static json_t *
number_or_null(int64_t n)
{
    return n < 0 ? json_null() : json_integer(n);
}

static json_t *
real_or_null(double v)
{
    return v < 0 ? json_null() : json_real(v);
}

static json_t *
holder_json(const struct slot_report *r)
{
    json_t *j;

    if (!r->slot.active)
        return json_null();
    j = json_object();
    json_object_set_new(j, "pid",
                        r->slot.active_pid ? json_integer(r->slot.active_pid) : json_null());
    json_object_set_new(j, "user", text_or_null(r->user));
    json_object_set_new(j, "application", text_or_null(r->application));
    json_object_set_new(j, "client", text_or_null(r->client));
    return j;
}

json_t *
slot_report_json(const struct slot_report *r, const char *own)
{
    json_t *j = json_object();

    json_object_set_new(j, "slot", text_or_null(r->slot.name));
    json_object_set_new(j, "state", json_string(slot_report_state(r, own)));
    json_object_set_new(j, "orphan", json_boolean(slot_report_orphan(r, own)));
    json_object_set_new(j, "type", json_string(r->logical ? "logical" : "physical"));
    json_object_set_new(j, "plugin", text_or_null(r->slot.plugin));
    json_object_set_new(j, "database", text_or_null(r->slot.database));
    json_object_set_new(j, "temporary", json_boolean(r->slot.temporary));
    json_object_set_new(j, "failover", json_boolean(r->failover));
    json_object_set_new(j, "active", json_boolean(r->slot.active));
    json_object_set_new(j, "holder", holder_json(r));
    json_object_set_new(j, "restart_lsn", lsn_or_null(r->slot.restart_lsn));
    json_object_set_new(j, "confirmed_flush_lsn", lsn_or_null(r->slot.confirmed_lsn));
    json_object_set_new(j, "wal_status", text_or_null(r->slot.wal_status));
    json_object_set_new(j, "invalidation_reason", text_or_null(r->slot.invalidation_reason));
    json_object_set_new(j, "safe_bytes",
                        r->slot.has_safe_bytes ? json_integer(r->slot.safe_bytes) : json_null());
    json_object_set_new(j, "retained_bytes", number_or_null(r->retained_bytes));
    json_object_set_new(j, "lag_bytes", number_or_null(r->lag_bytes));
    json_object_set_new(j, "lag_seconds", real_or_null(r->lag_s));
    json_object_set_new(j, "lag_from", r->lag_from ? json_string(r->lag_from) : json_null());
    json_object_set_new(j, "inactive_seconds", real_or_null(r->inactive_s));
    return j;
}

void
slot_print_json(json_t *j, bool one_line)
{
    json_dumpf(j, stdout, (one_line ? JSON_COMPACT : JSON_INDENT(2)) | JSON_REAL_PRECISION(6));
    putchar('\n');
    fflush(stdout);
    json_decref(j);
}

void
slot_print_table(char *const *cells, size_t rows, size_t cols, const char *right)
{
    size_t *width = mem_array(cols, sizeof *width);

    for (size_t i = 0; i < rows * cols; i++) {
        size_t n = strlen(cells[i]);

        for (char *p = cells[i]; *p; p++)
            if (iscntrl(
                    (unsigned char)*p)) /* a name may hold anything; a terminal must not obey it */
                *p = '?';
        if (n > width[i % cols])
            width[i % cols] = n;
    }
    for (size_t i = 0; i < rows * cols; i++) {
        size_t col = i % cols;
        bool last = col + 1 == cols;
        int w = (int)width[col];

        if (strchr(right, (int)('a' + col)))
            printf("%*s%s", w, cells[i], last ? "\n" : "  ");
        else if (last)
            printf("%s\n", cells[i]);
        else
            printf("%-*s  ", w, cells[i]);
    }
    free(width);
}
