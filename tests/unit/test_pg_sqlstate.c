/* What server errors mean: the table, and the texts of connections that were not made. */
#include "replicator/pg/conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
rows_are_well_formed_and_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < pg_nstate_classes; i++) {
        const struct pg_state_class *s = &pg_state_classes[i];
        size_t n = strlen(s->sqlstate);

        assert_true(n == 2 || n == 5);
        assert_int_equal(strspn(s->sqlstate, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"), n);
        assert_true(s->cls == ERR_RETRY || s->cls == ERR_CONFIG || s->cls == ERR_DATA ||
                    s->cls == ERR_FATAL);
        assert_non_null(strchr(s->code, '.'));
        assert_true(strlen(s->code) < sizeof((struct err *)0)->code);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(s->sqlstate, pg_state_classes[k].sqlstate);
    }
}

static void
every_row_is_found_by_its_own_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < pg_nstate_classes; i++)
        assert_ptr_equal(pg_state_lookup(pg_state_classes[i].sqlstate), &pg_state_classes[i]);
}

static void
states_have_the_class_the_life_cycle_needs(void **state)
{
    static const struct {
        const char *sqlstate;
        enum err_class cls;
    } cases[] = {
        {"57P01", ERR_RETRY},  /* told to end: also what a slot that was just lost looks like */
        {"57P02", ERR_RETRY},  /* another session crashed */
        {"57P03", ERR_RETRY},  /* starting up */
        {"55006", ERR_RETRY},  /* slot in use: the old walsender may still be there */
        {"55000", ERR_FATAL},  /* slot lost, of another database */
        {"42704", ERR_CONFIG}, /* no slot, no publication */
        {"53400", ERR_CONFIG}, /* no slot free */
        {"53300", ERR_RETRY},  /* too many sessions */
        {"08006", ERR_RETRY},  /* class 08 by its two letters */
        {"28P01", ERR_CONFIG}, {"28000", ERR_CONFIG}, {"28XXX", ERR_CONFIG}, {"42501", ERR_CONFIG},
        {"58P01", ERR_FATAL}, /* WAL removed */
        {"XX000", ERR_RETRY},  {"XX001", ERR_FATAL},  {"54000", ERR_DATA},   {"22021", ERR_DATA},
        {"40001", ERR_RETRY},  {"ZZ999", ERR_RETRY}, /* unknown: again, loudly */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(pg_state_lookup(cases[i].sqlstate)->cls, cases[i].cls);
}

static void
a_refused_connection_says_what_to_do(void **state)
{
    static const struct {
        const char *text, *code;
        enum err_class cls;
        const char *sqlstate, *part;
    } cases[] = {
        {"connection to server at \"h\", port 1 failed: FATAL:  28P01: password authentication "
         "failed for user \"u\"\n"
         "LOCATION:  auth_failed, auth.c:335\n",
         "auth.password", ERR_CONFIG, "28P01", "database.password"},
        {"connection to server at \"h\", port 1 failed: FATAL:  28000: no pg_hba.conf entry for "
         "host \"10.0.0.1\", user \"u\"\n",
         "auth.hba", ERR_CONFIG, "28000", "host \"d\" \"u\""},
        {"connection to server at \"h\", port 1 failed: FATAL:  28000: role \"u\" is not permitted "
         "to log in\n",
         "auth.login", ERR_CONFIG, "28000", "ALTER ROLE \"u\" LOGIN"},
        {"connection to server at \"h\", port 1 failed: FATAL:  42501: must be superuser or "
         "replication role to start walsender\n",
         "auth.replication", ERR_CONFIG, "42501", "ALTER ROLE \"u\" REPLICATION"},
        {"connection to server at \"h\", port 1 failed: SCHWERWIEGEND:  3D000: Datenbank »d« "
         "existiert nicht\n",
         "database.missing", ERR_CONFIG, "3D000", "CREATE DATABASE \"d\""},
        {"connection to server at \"h\", port 1 failed: FATAL:  57P03: the database system is "
         "starting up\n",
         "server.starting", ERR_RETRY, "57P03", "starting up"},
        {"connection to server at \"h\", port 1 failed: FATAL:  53300: sorry, too many clients "
         "already\n",
         "server.connections", ERR_RETRY, "53300", "max_connections"},
        {"connection to server at \"h\", port 1 failed: FATAL:  53300: number of requested standby "
         "connections exceeds max_wal_senders (currently 10)\n",
         "server.wal_senders", ERR_RETRY, "53300", "raise max_wal_senders and restart"},
        {"connection to server at \"h\", port 1 failed: FATAL:  08P01: unsupported startup "
         "parameter: options\n",
         "conn.pooler", ERR_CONFIG, "08P01", "pooler"},
        {"connection to server at \"h\", port 1 failed: Connection refused\n\tIs the server "
         "running on that host?\n",
         "conn.refused", ERR_RETRY, "", "database.port"},
        {"could not translate host name \"h\" to address: Name or service not known\n", "conn.dns",
         ERR_RETRY, "", "database.hostname"},
        {"connection to server at \"h\", port 1 failed: server does not support SSL, but SSL was "
         "required\n",
         "conn.ssl", ERR_CONFIG, "", "sslmode"},
        {"connection to server at \"h\", port 1 failed: SSL error: certificate verify failed\n",
         "conn.ssl", ERR_CONFIG, "", "sslrootcert"},
        {"connection to server at \"h\", port 1 failed: SSL error: unexpected eof while reading\n",
         "conn.lost", ERR_RETRY, "", "eof"},
        {"connection to server at \"h\", port 1 failed: SSL connection has been closed "
         "unexpectedly\n",
         "conn.lost", ERR_RETRY, "", "closed"},
        {"connection to server at \"h\", port 1 failed: SSL SYSCALL error: EOF detected\n",
         "conn.lost", ERR_RETRY, "", "EOF"},
        {"connection to server at \"h\", port 1 failed: fe_sendauth: no password supplied\n",
         "auth.password", ERR_CONFIG, "", "database.password"},
        {"something new\n", "conn.failed", ERR_RETRY, "", "something new"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = {0};

        assert_false(pg_connect_error(cases[i].text, "h:1/d", "u", "d", &e));
        assert_string_equal(e.code, cases[i].code);
        assert_int_equal(e.cls, cases[i].cls);
        assert_string_equal(e.sqlstate, cases[i].sqlstate);
        assert_non_null(strstr(e.msg, cases[i].part));
        assert_non_null(strstr(e.msg, "\"h:1/d\""));
        assert_null(strchr(e.msg, '\n'));
        assert_null(strstr(e.msg, "LOCATION"));
        assert_null(strstr(e.msg, "Is the server"));
    }
}

static void
of_several_hosts_the_last_answer_counts(void **state)
{
    struct err e = {0};

    (void)state;
    pg_connect_error(
        "connection to server at \"a\", port 1 failed: FATAL:  57P03: the database system is "
        "starting up\n"
        "connection to server at \"b\", port 1 failed: FATAL:  28P01: password authentication "
        "failed\n",
        "a:1,b:1/d", "u", "d", &e);
    assert_string_equal(e.sqlstate, "28P01");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_well_formed_and_unique),
        cmocka_unit_test(every_row_is_found_by_its_own_state),
        cmocka_unit_test(states_have_the_class_the_life_cycle_needs),
        cmocka_unit_test(a_refused_connection_says_what_to_do),
        cmocka_unit_test(of_several_hosts_the_last_answer_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
