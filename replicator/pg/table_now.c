#include "replicator/pg/table_now.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { OID_LIST_MAX = 16 << 20 };

bool
table_now_read(PGconn *c, const uint32_t *oids, size_t n, struct table_now **out, size_t *nout,
               struct err *e)
{
    /* The sum of all the files of a partitioned table, which has none itself. No locks: others may wait for the reader's. */
    static const char sql[] =
        "SELECT c.oid, s.nspname, c.relname, coalesce((WITH RECURSIVE tree AS (SELECT c.oid UNION "
        "ALL SELECT i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid) "
        "SELECT pg_catalog.sum(pg_catalog.pg_relation_filenode(t.oid)::int8) % 4294967296 FROM "
        "tree t), 0), "
        "coalesce((SELECT a.attname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON "
        "a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indrelid = c.oid AND "
        "i.indisprimary), '') FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = "
        "c.relnamespace WHERE c.oid = ANY ($1::oid[]) ORDER BY c.oid";
    const char *params[1];
    struct buf list;
    PGresult *r;

    *out = NULL;
    *nout = 0;
    buf_init(&list, OID_LIST_MAX);
    buf_putc(&list, '{');
    for (size_t i = 0; i < n; i++)
        buf_printf(&list, "%s%" PRIu32, i ? "," : "", oids[i]);
    buf_putc(&list, '}');
    params[0] = buf_cstr(&list);
    r = pg_query_params(c, e, 5, sql, 1, params);
    buf_free(&list);
    if (!r)
        return err_wrap(e, "looking tables up");
    *nout = (size_t)PQntuples(r);
    *out = mem_array(*nout + 1, sizeof(**out));
    for (int i = 0; i < PQntuples(r); i++)
        (*out)[i] = (struct table_now){
            .oid = (uint32_t)strtoul(PQgetvalue(r, i, 0), NULL, 10),
            .schema = mem_strdup(PQgetvalue(r, i, 1)),
            .table = mem_strdup(PQgetvalue(r, i, 2)),
            .filenode = (uint32_t)strtoul(PQgetvalue(r, i, 3), NULL, 10),
            .key = mem_strdup(PQgetvalue(r, i, 4)),
        };
    PQclear(r);
    return true;
}

const struct table_now *
table_now_find(const struct table_now *t, size_t n, uint32_t oid)
{
    for (size_t i = 0; i < n; i++)
        if (t[i].oid == oid)
            return &t[i];
    return NULL;
}

void
table_now_free(struct table_now *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(t[i].schema);
        free(t[i].table);
        free(t[i].key);
    }
    free(t);
}
