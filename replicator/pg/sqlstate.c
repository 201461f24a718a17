/* What the server's errors mean for us: SQLSTATE → class, code, what to do. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "replicator/pg/conn.h"

/*
 * Five characters go before their class of two; what is in neither is tried again, loudly. {user} and {database} in a hint
 * are replaced by the session's.
 */
const struct pg_state_class pg_state_classes[] = {
    /* clang-format off */
    {"08",    ERR_RETRY,  "conn.lost",            NULL},
    {"0A000", ERR_CONFIG, "server.unsupported",   NULL},
    {"22",    ERR_DATA,   "server.data",          NULL},
    {"22021", ERR_DATA,   "server.encoding",      "bytes that are not valid in the database's encoding stop every reader: correct the row"},
    {"22023", ERR_CONFIG, "server.parameter",     NULL},
    {"23",    ERR_DATA,   "server.constraint",    NULL},
    {"25006", ERR_RETRY,  "server.read_only",     "this server is read-only: connect to the primary, or set read.only"},
    {"25P03", ERR_RETRY,  "conn.idle",            NULL},
    {"25P04", ERR_RETRY,  "conn.idle",            NULL},
    {"28",    ERR_CONFIG, "auth.refused",         NULL},
    {"28000", ERR_CONFIG, "auth.refused",         "check the role and pg_hba.conf"},
    {"28P01", ERR_CONFIG, "auth.password",        "check database.user and database.password"},
    {"3D000", ERR_CONFIG, "database.missing",     "check database.dbname, or CREATE DATABASE \"{database}\""},
    {"3F000", ERR_CONFIG, "schema.missing",       NULL},
    {"40",    ERR_RETRY,  "server.conflict",      NULL},
    {"42",    ERR_CONFIG, "server.statement",     NULL},
    {"42501", ERR_CONFIG, "auth.right",           "grant the right to the role \"{user}\""},
    {"42704", ERR_CONFIG, "object.missing",       "see 'walbridge slot list' and SELECT pubname FROM pg_publication"},
    {"42710", ERR_CONFIG, "object.exists",        NULL},
    {"42P01", ERR_CONFIG, "table.missing",        NULL},
    {"53",    ERR_RETRY,  "server.resources",     NULL},
    {"53100", ERR_RETRY,  "server.disk_full",     "the server's disk is full: free space; 'walbridge slot list' shows what slots retain"},
    {"53200", ERR_RETRY,  "server.memory",        NULL},
    {"53300", ERR_RETRY,  "server.connections",   "end sessions, or raise max_connections or the role's CONNECTION LIMIT"},
    {"53400", ERR_CONFIG, "slot.none_free",       "drop a slot nobody needs ('walbridge slot list'), or raise max_replication_slots and restart the server"},
    {"54000", ERR_DATA,   "server.row_too_large", "a row whose text exceeds 1 GB cannot be sent: leave the column out of the publication, or the row out of the table"},
    {"55000", ERR_FATAL,  "slot.unusable",        "'walbridge slot list' shows the slot's state"},
    {"55006", ERR_RETRY,  "slot.in_use",          "'walbridge slot list' shows who holds it; each connector needs a slot.name of its own"},
    {"55P02", ERR_CONFIG, "server.parameter",     NULL},
    {"55P03", ERR_RETRY,  "server.locked",        NULL},
    {"57",    ERR_RETRY,  "server.stopped",       NULL},
    {"57014", ERR_RETRY,  "server.cancelled",     NULL},
    {"57P01", ERR_RETRY,  "server.terminated",    NULL},
    {"57P02", ERR_RETRY,  "server.crashed",       NULL},
    {"57P03", ERR_RETRY,  "server.starting",      NULL},
    {"57P04", ERR_CONFIG, "database.missing",     NULL},
    {"57P05", ERR_RETRY,  "conn.idle",            NULL},
    {"58",    ERR_RETRY,  "server.system",        NULL},
    {"58030", ERR_RETRY,  "server.io",            NULL},
    {"58P01", ERR_FATAL,  "wal.removed",          "the WAL the slot needs is gone: drop the slot and take a new snapshot"},
    {"72000", ERR_RETRY,  "snapshot.too_old",     NULL},
    {"F0",    ERR_CONFIG, "server.configuration", NULL},
    {"P0",    ERR_CONFIG, "server.statement",     NULL},
    {"XX",    ERR_RETRY,  "server.internal",      NULL},
    {"XX001", ERR_FATAL,  "server.corrupted",     "the server found its data damaged"},
    {"XX002", ERR_FATAL,  "server.corrupted",     "the server found an index damaged"},
    /* clang-format on */
};
const size_t pg_nstate_classes = sizeof pg_state_classes / sizeof pg_state_classes[0];

static const struct pg_state_class unknown_state = {"", ERR_RETRY, "server.error", NULL};

/*
 * States that stand for several things. The texts are parts no translation touches (names of settings, of files), or ones
 * that are only ever English. First match counts.
 */
static const struct {
    const char *sqlstate, *part;
    struct pg_state_class means;
} refinements[] = {
    /* clang-format off */
    {"53300", "max_wal_senders", {"53300", ERR_RETRY, "server.wal_senders", "end a reader that nobody needs (pg_stat_replication, 'walbridge slot list'), or raise max_wal_senders and restart the server"}},
    {"55000", "wal_level",       {"55000", ERR_CONFIG, "wal.level", "ALTER SYSTEM SET wal_level = logical, then restart the server (RDS, Aurora: rds.logical_replication = 1, then reboot)"}},
    {"55000", "RO (Read Only)",  {"55000", ERR_RETRY,  "server.read_only", "this is a reader: connect to the writer's endpoint"}},
    {"55000", "max_slot_wal_keep_size", {"55000", ERR_FATAL, "slot.lost", "the server threw away WAL the slot needs: drop the slot and take a new snapshot"}},
    {"55000", "invalidated",     {"55000", ERR_FATAL,  "slot.lost", "the server threw away WAL the slot needs: drop the slot and take a new snapshot"}},
    {"55000", "maximum reserved size", {"55000", ERR_FATAL, "slot.lost", "the server threw away WAL the slot needs: drop the slot and take a new snapshot"}},
    {"28000", "pg_hba.conf",     {"28000", ERR_CONFIG, "auth.hba", "add to pg_hba.conf: host \"{database}\" \"{user}\" ADDRESS scram-sha-256 (replication of a database is matched by the database's name), then SELECT pg_reload_conf()"}},
    {"28000", "not permitted to log in", {"28000", ERR_CONFIG, "auth.login", "ALTER ROLE \"{user}\" LOGIN"}},
    {"42501", "walsender",       {"42501", ERR_CONFIG, "auth.replication", "ALTER ROLE \"{user}\" REPLICATION (RDS, Aurora: GRANT rds_replication TO \"{user}\")"}},
    {"42501", "WAL sender",      {"42501", ERR_CONFIG, "auth.replication", "ALTER ROLE \"{user}\" REPLICATION (RDS, Aurora: GRANT rds_replication TO \"{user}\")"}},
    {"42501", "REPLICATION",     {"42501", ERR_CONFIG, "auth.replication", "ALTER ROLE \"{user}\" REPLICATION (RDS, Aurora: GRANT rds_replication TO \"{user}\")"}},
    {"42501", "replication slots", {"42501", ERR_CONFIG, "auth.replication", "ALTER ROLE \"{user}\" REPLICATION (RDS, Aurora: GRANT rds_replication TO \"{user}\")"}},
    {"XX000", "invalid memory alloc request size", {"XX000", ERR_DATA, "server.row_too_large", "a row whose text exceeds 1 GB cannot be sent: leave the column out of the publication, or the row out of the table"}},
    {"42501", "FOR ALL TABLES",  {"42501", ERR_CONFIG, "auth.right", "only a superuser may: use publication.autocreate.mode=filtered, or let one run CREATE PUBLICATION"}},
    /* clang-format on */
};

/* What libpq says itself, without a SQLSTATE; it is not translated here, the program sets no locale. */
static const struct {
    const char *part;
    enum err_class cls;
    const char *code, *hint;
} client_errors[] = {
    /* clang-format off */
    {"unsupported startup parameter", ERR_CONFIG, "conn.pooler", "a connection pooler answers, which refuses the session settings and cannot pass replication: give the server's own host and port"},
    {"no password supplied",          ERR_CONFIG, "auth.password", "set database.password"},
    {"does not support SSL",          ERR_CONFIG, "conn.ssl", "switch ssl on in postgresql.conf, or set database.sslmode=prefer"},
    {"SSL SYSCALL error",             ERR_RETRY,  "conn.lost", NULL},
    /* A server that goes down, or a balancer that drops us, in the middle of the handshake. */
    {"closed unexpectedly",           ERR_RETRY,  "conn.lost", NULL},
    {"unexpected eof",                ERR_RETRY,  "conn.lost", NULL},
    {"root certificate file",         ERR_CONFIG, "conn.ssl", "give the certificate authority's file in database.sslrootcert"},
    {"does not match host name",      ERR_CONFIG, "conn.ssl", "connect by a name that stands in the certificate, or set database.sslmode=verify-ca"},
    {"certificate verify failed",     ERR_CONFIG, "conn.ssl", "give the certificate authority's file in database.sslrootcert"},
    {"private key file",              ERR_CONFIG, "conn.ssl", "check database.sslkey, and that only its owner may read it (chmod 600)"},
    {"certificate file",              ERR_CONFIG, "conn.ssl", "check database.sslcert"},
    {"channel binding",               ERR_CONFIG, "conn.ssl", NULL},
    {"SSL",                           ERR_CONFIG, "conn.ssl", "check database.sslmode and the certificates"},
    {"could not translate host name", ERR_RETRY,  "conn.dns", "check database.hostname"},
    {"invalid port number",           ERR_CONFIG, "conn.parameter", "check database.port"},
    {"could not match",               ERR_CONFIG, "conn.parameter", "give one port, or as many as there are hosts"},
    {"invalid ",                      ERR_CONFIG, "conn.parameter", NULL},
    {"session is read-only",          ERR_RETRY,  "conn.no_primary", "no host given is the primary"},
    {"server is in hot standby",      ERR_RETRY,  "conn.no_primary", "no host given is the primary"},
    {"Connection refused",            ERR_RETRY,  "conn.refused", "check that the server runs, its listen_addresses, and database.port"},
    {"No such file or directory",     ERR_RETRY,  "conn.refused", "check that the server runs and the folder of its socket"},
    {"server closed the connection",  ERR_RETRY,  "conn.lost", NULL},
    {"timeout expired",               ERR_RETRY,  "conn.timeout", "check the address, routing and firewalls"},
    /* clang-format on */
};

const struct pg_state_class *
pg_state_lookup(const char *sqlstate)
{
    const struct pg_state_class *by_class = &unknown_state;

    for (size_t i = 0; i < pg_nstate_classes; i++) {
        const struct pg_state_class *s = &pg_state_classes[i];

        if (strcmp(s->sqlstate, sqlstate) == 0)
            return s;
        if (strlen(s->sqlstate) == 2 && strncmp(s->sqlstate, sqlstate, 2) == 0)
            by_class = s;
    }
    return by_class;
}

static const struct pg_state_class *
refine(const char *sqlstate, const char *text)
{
    for (size_t i = 0; i < sizeof refinements / sizeof refinements[0]; i++)
        if (strcmp(refinements[i].sqlstate, sqlstate) == 0 && strstr(text, refinements[i].part))
            return &refinements[i].means;
    return pg_state_lookup(sqlstate);
}

/* Text as one line: runs of white space become one blank, the last full stop goes. */
static void
add_line(struct buf *out, const char *text)
{
    size_t from = out->n;

    for (; *text; text++) {
        if (!isspace((unsigned char)*text))
            buf_putc(out, *text);
        else if (out->n > from && out->p[out->n - 1] != ' ')
            buf_putc(out, ' ');
    }
    while (out->n > from && (out->p[out->n - 1] == ' ' || out->p[out->n - 1] == '.'))
        out->n--;
}

static void
add_hint(struct buf *out, const char *hint, const char *user, const char *database)
{
    if (!hint)
        return;
    BUF_LIT(out, "; ");
    for (const char *p = hint; *p; p++) {
        if (strncmp(p, "{user}", 6) == 0) {
            buf_str(out, user && *user ? user : "ROLE");
            p += 5;
        } else if (strncmp(p, "{database}", 10) == 0) {
            buf_str(out, database && *database ? database : "DATABASE");
            p += 9;
        } else {
            buf_putc(out, *p);
        }
    }
}

static bool
set_error(struct err *e, const char *sqlstate, enum err_class cls, const char *code,
          struct buf *text)
{
    err_set(e, cls, code, "%s", buf_cstr(text));
    if (e)
        snprintf(e->sqlstate, sizeof e->sqlstate, "%s", sqlstate);
    buf_free(text);
    return false;
}

bool
pg_error(PGconn *c, const PGresult *r, struct err *e)
{
    const char *sqlstate = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    const char *primary = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const struct pg_state_class *s;
    const char *detail;
    struct buf text;

    buf_init(&text, 4096);
    if (!sqlstate || !primary) { /* libpq's own: the connection broke, or memory ran out */
        const char *said =
            r && *PQresultErrorMessage(r) ? PQresultErrorMessage(r) : PQerrorMessage(c);
        bool lost = PQstatus(c) == CONNECTION_BAD;

        BUF_LIT(&text, "lost the connection to the server: ");
        if (!lost)
            buf_clear(&text);
        add_line(&text, *said ? said : "no answer");
        return set_error(e, "", ERR_RETRY, lost ? "conn.lost" : "server.error", &text);
    }
    /* The server's details of class 22 and 23 quote the row. */
    detail = strncmp(sqlstate, "22", 2) != 0 && strncmp(sqlstate, "23", 2) != 0
                 ? PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL)
                 : NULL;
    add_line(&text, primary);
    if (detail) {
        BUF_LIT(&text, ": ");
        add_line(&text, detail);
    }
    s = refine(sqlstate, buf_cstr(&text));
    if (s->hint)
        add_hint(&text, s->hint, PQuser(c), PQdb(c));
    else
        add_hint(&text, PQresultErrorField(r, PG_DIAG_MESSAGE_HINT), "", "");
    return set_error(e, sqlstate, s->cls, s->code, &text);
}

/*
 * The SQLSTATE in a verbose message, "FATAL:  28P01: password …" whatever the language of FATAL. With several hosts there
 * are several messages, and the last counts. NULL: none.
 */
static const char *
find_sqlstate(const char *text)
{
    const char *found = NULL;

    for (const char *p = strstr(text, ":  "); p; p = strstr(p + 1, ":  ")) {
        size_t n = strspn(p + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");

        if (n == 5 && p[8] == ':' && p[9] == ' ')
            found = p + 3;
    }
    return found;
}

/* The verbose text without SQLSTATEs and LOCATION lines. */
static void
add_connect_text(struct buf *out, const char *text)
{
    struct buf plain;

    buf_init(&plain, 8192);
    while (*text) {
        size_t n = strcspn(text, "\n");
        struct slice line = {text, n};
        const char *state;

        text += n + (text[n] == '\n');
        if (n > 9 && (strncmp(line.p, "LOCATION:", 9) == 0 || strncmp(line.p, "\tIs the ", 8) == 0))
            continue;
        char copy[1024];
        snprintf(copy, sizeof copy, "%.*s", SLICE_ARG(line));
        state = find_sqlstate(copy);
        if (state) { /* "FATAL:  28P01: text" → "FATAL: text" */
            buf_add(&plain, copy, (size_t)(state - 2 - copy));
            buf_str(&plain, state + 6);
        } else {
            buf_str(&plain, copy);
        }
        buf_putc(&plain, '\n');
    }
    add_line(out, buf_cstr(&plain));
    buf_free(&plain);
}

bool
pg_connect_error(const char *text, const char *target, const char *user, const char *database,
                 struct err *e)
{
    const char *state = find_sqlstate(text);
    char sqlstate[6] = "";
    enum err_class cls = ERR_RETRY;
    const char *code = "conn.failed", *hint = NULL;
    struct buf out;

    buf_init(&out, 4096);
    buf_printf(&out, "cannot connect to \"%s\": ", target);
    add_connect_text(&out, text);
    if (state) {
        const struct pg_state_class *s;

        memcpy(sqlstate, state, 5);
        s = refine(sqlstate, text);
        cls = s->cls;
        code = s->code;
        hint = s->hint;
    }
    if (!state || strncmp(sqlstate, "08", 2) == 0) {
        for (size_t i = 0; i < sizeof client_errors / sizeof client_errors[0]; i++) {
            if (!strstr(text, client_errors[i].part))
                continue;
            cls = client_errors[i].cls;
            code = client_errors[i].code;
            hint = client_errors[i].hint;
            break;
        }
    }
    add_hint(&out, hint, user, database);
    return set_error(e, sqlstate, cls, code, &out);
}
