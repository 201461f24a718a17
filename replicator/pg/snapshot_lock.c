/* Locks on the tables that are read, many in one round trip: there may be thousands, and the connector waits meanwhile. */
#include "base/num.h"
#include "replicator/pg/snapshot_priv.h"

bool
snapshot_lock_timeout(struct snapshot *s, bool begin, struct err *e)
{
    enum { LOCKING_SHARED = 1 };

    if (s->req.exported && config_enum(s->req.config, "snapshot.locking.mode") != LOCKING_SHARED)
        return true;
    return pg_exec(s->conn, e, "SET lock_timeout = %d", begin ? snapshot_patience_ms(s) : 0);
}

static bool
lock_failed(const struct catalog_table *t, struct err *e)
{
    if (strcmp(e->sqlstate, "42P01") == 0)
        err_set(e, ERR_RETRY, "snapshot.dropped",
                "the table was dropped or renamed after the snapshot began; it begins anew");
    else if (strcmp(e->sqlstate, "55P03") == 0)
        err_wrap(e, "no lock within snapshot.lock.timeout.ms");
    return err_wrap(e, "table \"%s.%s\"", t->schema, t->name);
}

/* The statements answer one by one up to the first that fails, and so name its table. */
static bool
lock_answers(struct snapshot *s, const struct catalog_table *const *tables, size_t n, struct err *e)
{
    size_t locked = 0;
    bool ok = true;

    for (PGresult *r; (r = PQgetResult(s->conn)) != NULL; PQclear(r)) {
        if (PQresultStatus(r) == PGRES_COMMAND_OK) {
            locked++;
        } else if (ok) {
            pg_error(s->conn, r, e);
            ok = false;
        }
    }
    if (ok && locked < n)
        ok = pg_error(s->conn, NULL, e); /* the session is gone */
    return ok || lock_failed(tables[locked < n ? locked : n - 1], e);
}

static bool
lock_all(struct snapshot *s, const struct catalog_table *const *tables, size_t n, struct err *e)
{
    struct buf sql;
    bool sent;

    buf_init(&sql, SNAPSHOT_SQL_MAX);
    for (size_t i = 0; i < n; i++) {
        BUF_LIT(&sql, "LOCK TABLE ");
        pg_ident(&sql, tables[i]->schema);
        buf_putc(&sql, '.');
        pg_ident(&sql, tables[i]->name);
        BUF_LIT(&sql, " IN ACCESS SHARE MODE;");
    }
    sent = PQsendQuery(s->conn, buf_cstr(&sql)) == 1;
    buf_free(&sql);
    return sent ? lock_answers(s, tables, n, e) : pg_error(s->conn, NULL, e);
}

/* pg_class is read under the snapshot, pg_relation_filenode says what is true now. */
static bool
lock_still_same(struct snapshot *s, const struct catalog_table *const *tables, size_t n,
                struct err *e)
{
    static const char others[] =
        "SELECT x.place::text FROM unnest($1::oid[]) WITH ORDINALITY AS x(oid, place) WHERE EXISTS "
        "(SELECT 1 FROM pg_catalog.pg_class c WHERE c.relkind = 'r' AND c.oid IN "
        "(SELECT x.oid UNION ALL SELECT p.relid FROM "
        "pg_catalog.pg_partition_tree(x.oid::regclass) p) "
        "AND c.relfilenode IS DISTINCT FROM pg_catalog.pg_relation_filenode(c.oid)) LIMIT 1";
    struct buf oids;
    const char *params[1];
    uint64_t place = 0;
    PGresult *r;
    bool ok;

    buf_init(&oids, SNAPSHOT_SQL_MAX);
    for (size_t i = 0; i < n; i++)
        buf_printf(&oids, "%c%u", i ? ',' : '{', tables[i]->oid);
    buf_putc(&oids, '}');
    params[0] = buf_cstr(&oids);
    r = pg_query_params(s->conn, e, 1, others, 1, params);
    buf_free(&oids);
    ok = r && PQntuples(r) == 0;
    if (r && !ok && num_parse_u64(slice_of(PQgetvalue(r, 0, 0)), &place) && place >= 1 &&
        place <= n) {
        err_set(e, ERR_RETRY, "snapshot.rewritten",
                "the table was rewritten after the snapshot began; it begins anew");
        err_wrap(e, "table \"%s.%s\"", tables[place - 1]->schema, tables[place - 1]->name);
    }
    PQclear(r);
    return ok;
}

bool
snapshot_lock(struct snapshot *s, const struct catalog_table *const *tables, size_t n,
              struct err *e)
{
    return lock_all(s, tables, n, e) && lock_still_same(s, tables, n, e);
}
