/*
 * Publications, by Debezium's statements:
 *
 *   mode        missing                                              there
 *   disabled    refused                                              used
 *   all_tables  CREATE PUBLICATION n FOR ALL TABLES[ WITH (…)]        used
 *   filtered    CREATE PUBLICATION n FOR TABLE "s"."a", …[ WITH (…)]  ALTER PUBLICATION n SET TABLE … when its tables differ
 *   no_tables   CREATE PUBLICATION n[ WITH (…)]                       used
 *
 *   WITH (publish_via_partition_root = true, publish = 'insert,update,delete')
 *
 * One difference: Debezium never quotes the publication's name, so that Upper becomes upper; quoted it stays what it says.
 */
#include "replicator/pg/publication.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"

/* Thousands of tables with names of 63 four-byte characters fit. */
enum { SQL_MAX = 16 << 20 };

struct existing {
    bool found, all_tables;
    bool publishes_nothing;
};

static bool
look_up(PGconn *c, const char *name, struct existing *out, struct err *e)
{
    PGresult *r =
        pg_query_params(c, e, 2,
                        "SELECT puballtables, pubinsert OR pubupdate OR pubdelete OR pubtruncate"
                        " FROM pg_catalog.pg_publication WHERE pubname = $1::name",
                        1, &name);

    if (!r)
        return err_wrap(e, "looking up publication \"%s\"", name);
    memset(out, 0, sizeof *out);
    out->found = PQntuples(r) == 1;
    if (out->found) {
        out->all_tables = PQgetvalue(r, 0, 0)[0] == 't';
        out->publishes_nothing = PQgetvalue(r, 0, 1)[0] != 't';
    }
    PQclear(r);
    return true;
}

static void
add_tables(struct buf *sql, const struct pub_request *r)
{
    for (size_t i = 0; i < r->ntables; i++) {
        if (i)
            BUF_LIT(sql, ", ");
        pg_ident(sql, r->tables[i].schema);
        buf_putc(sql, '.');
        pg_ident(sql, r->tables[i].table);
    }
}

static void
add_with(struct buf *sql, const struct pub_request *r)
{
    if (!r->via_root && !r->publish)
        return;
    BUF_LIT(sql, " WITH (");
    if (r->via_root)
        BUF_LIT(sql, "publish_via_partition_root = true");
    if (r->publish) {
        buf_str(sql, r->via_root ? ", publish = " : "publish = ");
        pg_literal(sql, r->publish);
    }
    BUF_LIT(sql, ")");
}

static bool
run_within(PGconn *c, const struct pub_request *r, const char *sql, struct err *e)
{
    bool ok;

    if (r->timeout_ms > 0 && !pg_exec(c, e, "SET statement_timeout = %d", r->timeout_ms))
        return false;
    ok = pg_exec(c, e, "%s", sql);
    if (r->timeout_ms > 0 && PQstatus(c) == CONNECTION_OK &&
        !pg_exec(c, ok ? e : NULL, "SET statement_timeout = 0"))
        ok = false;
    return ok;
}

static bool
run(PGconn *c, const struct pub_request *r, const char *doing, struct buf *sql, bool dry_run,
    struct err *e)
{
    const char *text = buf_cstr(sql);
    struct err why = {0};

    if (!buf_ok(sql))
        return err_set(e, ERR_CONFIG, "publication.too_large",
                       "the statement for publication \"%s\" would exceed %d MB: use "
                       "publication.autocreate.mode=all_tables",
                       r->name, SQL_MAX >> 20);
    log_info("%s publication \"%s\"%s: %s", doing, r->name,
             dry_run ? " (not now: this is a check)" : "", text);
    if (dry_run || run_within(c, r, text, &why))
        return true;
    /* Whoever may not do it is given the line for somebody who may. */
    if (strcmp(why.sqlstate, "42501") == 0)
        return err_set(e, ERR_CONFIG, "publication.right",
                       "role \"%s\" may not create or change publication \"%s\": let the owner of "
                       "the tables (for all "
                       "tables: a superuser) run: %.1000s",
                       PQuser(c), r->name, text);
    if (strcmp(why.sqlstate, "57014") == 0 && r->timeout_ms > 0)
        return err_set(e, ERR_RETRY, "publication.timeout",
                       "%s publication \"%s\" took more than %d s: another session has its tables "
                       "locked; SELECT pid, query "
                       "FROM pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks) shows it",
                       doing, r->name, r->timeout_ms / 1000);
    if (e)
        *e = why;
    return err_wrap(e, "%s publication \"%s\"", doing, r->name);
}

static bool
create(PGconn *c, const struct pub_request *r, bool dry_run, struct err *e)
{
    struct buf sql;
    bool ok;

    if (r->mode == PUB_DISABLED)
        return err_set(e, ERR_CONFIG, "publication.missing",
                       "publication \"%s\" does not exist and publication.autocreate.mode is "
                       "disabled: CREATE PUBLICATION \"%s\" "
                       "FOR TABLE …, before the slot is created",
                       r->name, r->name);
    if (r->mode == PUB_FILTERED && r->ntables == 0)
        return err_set(e, ERR_CONFIG, "publication.empty",
                       "no table filters found for filtered publication \"%s\": no table matches "
                       "table.include.list",
                       r->name);
    if (r->via_root && PQserverVersion(c) < 130000)
        return err_set(e, ERR_CONFIG, "publication.root",
                       "publish.via.partition.root needs PostgreSQL 13, and this server is %d",
                       PQserverVersion(c) / 10000);
    buf_init(&sql, SQL_MAX);
    BUF_LIT(&sql, "CREATE PUBLICATION ");
    pg_ident(&sql, r->name);
    if (r->mode == PUB_ALL_TABLES)
        BUF_LIT(&sql, " FOR ALL TABLES");
    if (r->mode == PUB_FILTERED) {
        BUF_LIT(&sql, " FOR TABLE ");
        add_tables(&sql, r);
    }
    add_with(&sql, r);
    ok = run(c, r, "creating", &sql, dry_run, e);
    buf_free(&sql);
    return ok;
}

static int
order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The wanted tables as texts "s"."t", sorted by those texts, the order the query below has too. */
static char **
wanted_names(const struct pub_request *r)
{
    char **names = mem_array(r->ntables ? r->ntables : 1, sizeof *names);

    for (size_t i = 0; i < r->ntables; i++) {
        struct buf one;

        buf_init(&one, 4096);
        pg_ident(&one, r->tables[i].schema);
        buf_putc(&one, '.');
        pg_ident(&one, r->tables[i].table);
        names[i] = mem_strdup(buf_cstr(&one));
        buf_free(&one);
    }
    qsort(names, r->ntables, sizeof *names, order);
    return names;
}

/* Names as the query gives them, quoted and sorted; its one parameter is the publication. */
static bool
same_names(PGconn *c, const struct pub_request *r, const char *sql, bool *same, struct err *e)
{
    PGresult *q = pg_query_params(c, e, 1, sql, 1, &r->name);
    char **names;

    *same = false;
    if (!q)
        return err_wrap(e, "reading the tables of publication \"%s\"", r->name);
    names = wanted_names(r);
    *same = (size_t)PQntuples(q) == r->ntables;
    for (size_t i = 0; i < r->ntables; i++) {
        if (*same && strcmp(PQgetvalue(q, (int)i, 0), names[i]) != 0)
            *same = false;
        free(names[i]);
    }
    free(names);
    PQclear(q);
    return true;
}

/*
 * Debezium compares with pg_publication_tables, where a partitioned table stands as its partitions or only as itself, and
 * so alters a publication of partitioned tables at every start. The members themselves are looked at first; the view
 * still counts, for publications of whole schemas.
 */
static bool
same_tables(PGconn *c, const struct pub_request *r, bool *same, struct err *e)
{
#define QUOTED(s, t)                                                                               \
    "'\"' || replace(" s ", '\"', '\"\"') || '\".\"' || replace(" t ", '\"', '\"\"') || '\"'"
    if (!same_names(c, r,
                    "SELECT q FROM (SELECT " QUOTED(
                        "n.nspname",
                        "t.relname") " AS q FROM pg_catalog.pg_publication_rel m"
                                     " JOIN pg_catalog.pg_publication p ON p.oid = m.prpubid JOIN "
                                     "pg_catalog.pg_class t ON t.oid = m.prrelid"
                                     " JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace"
                                     " WHERE p.pubname = $1::name) m ORDER BY q COLLATE \"C\"",
                    same, e))
        return false;
    return *same || same_names(c, r,
                               "SELECT q FROM (SELECT " QUOTED("schemaname", "tablename") " AS q FROM pg_catalog.pg_publication_tables"
                               " WHERE pubname = $1::name) m ORDER BY q COLLATE \"C\"",
                               same, e);
#undef QUOTED
}

static bool
adjust(PGconn *c, const struct pub_request *r, const struct existing *is, bool dry_run,
       struct err *e)
{
    struct buf sql;
    bool same = false, ok;

    if (is->all_tables)
        return err_set(e, ERR_CONFIG, "publication.all_tables",
                       "publication \"%s\" is FOR ALL TABLES and cannot be made a filtered one: "
                       "DROP PUBLICATION \"%s\", or set "
                       "publication.autocreate.mode=all_tables",
                       r->name, r->name);
    if (r->ntables == 0)
        return err_set(e, ERR_CONFIG, "publication.empty",
                       "no table filters found for filtered publication \"%s\": no table matches "
                       "table.include.list",
                       r->name);
    if (!same_tables(c, r, &same, e))
        return false;
    if (same)
        return true;
    buf_init(&sql, SQL_MAX);
    BUF_LIT(&sql, "ALTER PUBLICATION ");
    pg_ident(&sql, r->name);
    BUF_LIT(&sql, " SET TABLE ");
    add_tables(&sql, r);
    ok = run(c, r, "updating", &sql, dry_run, e);
    /* PostgreSQL knows no ALTER PUBLICATION … SET TABLE … WITH: the options are a statement of their own. */
    if (ok && r->publish) {
        buf_clear(&sql);
        BUF_LIT(&sql, "ALTER PUBLICATION ");
        pg_ident(&sql, r->name);
        BUF_LIT(&sql, " SET (publish = ");
        pg_literal(&sql, r->publish);
        BUF_LIT(&sql, ")");
        ok = run(c, r, "updating", &sql, dry_run, e);
    }
    buf_free(&sql);
    return ok;
}

bool
pg_publication_ensure(PGconn *c, const struct pub_request *r, bool dry_run, struct err *e)
{
    struct existing is = {0};

    if (!look_up(c, r->name, &is, e))
        return false;
    if (!is.found) {
        if (r->mode == PUB_ALL_TABLES || r->mode == PUB_FILTERED || r->mode == PUB_NO_TABLES) {
            PGresult *q = pg_query(c, e, 1, "SELECT pg_catalog.pg_is_in_recovery()");
            bool standby = q && PQgetvalue(q, 0, 0)[0] == 't';

            if (!q)
                return false;
            PQclear(q);
            if (standby)
                return err_set(e, ERR_CONFIG, "publication.standby",
                               "publication \"%s\" does not exist and this server is a standby: "
                               "create it on the primary",
                               r->name);
        }
        return create(c, r, dry_run, e);
    }
    if (is.publishes_nothing)
        log_warn(
            "publication \"%s\" publishes no operation: ALTER PUBLICATION \"%s\" SET (publish = "
            "'insert, update, delete, truncate')",
            r->name, r->name);
    return r->mode == PUB_FILTERED ? adjust(c, r, &is, dry_run, e) : true;
}
