/*
 * Tables that are read by a statement of the user's: snapshot.select.statement.overrides, or a blocking snapshot's own. It
 * is described first, for COPY says no column names; what it leaves out is null, as in Debezium.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "replicator/pg/snapshot_priv.h"

static const char list_property[] = "snapshot.select.statement.overrides";

/* The user's statement for a table, of the configuration; NULL: none. */
static const char *
override_of(const struct snapshot *s, const char *table)
{
    const char *list = config_str(s->req.config, list_property), *found = NULL;
    struct buf entry, name;

    if (!list)
        return NULL;
    buf_init(&entry, SNAPSHOT_SQL_MAX);
    while (!found && config_list_next(&list, &entry)) {
        if (strcmp(buf_cstr(&entry), table) != 0)
            continue;
        buf_init(&name, SNAPSHOT_SQL_MAX);
        buf_printf(&name, "%s.%s", list_property, table);
        if (config_given(s->req.config, buf_cstr(&name)))
            found = config_str(s->req.config, buf_cstr(&name));
        else
            log_warn("table \"%s\" stands in %s, but there is no %s.%s: it is read whole", table,
                     list_property, list_property, table);
        buf_free(&name);
    }
    buf_free(&entry);
    return found;
}

/* Without what would end it inside the parentheses of COPY. */
static char *
override_trim(const char *text)
{
    size_t n = strlen(text);

    while (n && strchr(" \t\r\n;", text[n - 1]))
        n--;
    return mem_strndup(text, n);
}

static uint32_t
override_base(const struct types *types, uint32_t oid)
{
    const struct pgtype *t;

    while ((t = types_get(types, oid)) != NULL && t->kind == 'd')
        oid = t->base;
    return oid;
}

static const char *
override_type_name(const struct types *types, uint32_t oid)
{
    const struct pgtype *t = types_get(types, oid);

    return t ? t->name : "another type";
}

/* Types whose text is itself. */
static bool
override_is_text(uint32_t oid)
{
    static const uint32_t text[] = {25, 1043, 1042, 19, 18, 705};

    for (size_t i = 0; i < sizeof(text) / sizeof(*text); i++)
        if (text[i] == oid)
            return true;
    return false;
}

/* One column of the statement: which of the table's it is. */
static bool
override_column(const struct snapshot *s, struct snap_table *t, const char *name, uint32_t type,
                struct err *e)
{
    const struct relation *rel = t->plan->rel;

    for (uint16_t i = 0; i < rel->ncols; i++) {
        uint32_t want = override_base(s->req.types, rel->cols[i].type);

        if (!slice_is(rel->cols[i].name, name))
            continue;
        for (uint16_t k = 0; k < t->ncols; k++)
            if (t->cols[k] == i)
                return err_set(e, ERR_CONFIG, "snapshot.override",
                               "the statement has column \"%s\" twice", name);
        type = override_base(s->req.types, type);
        if (type != want && !(override_is_text(type) && override_is_text(want)))
            return err_set(
                e, ERR_CONFIG, "snapshot.override",
                "column \"%s\" of the statement is of type %s, the table's is %s: cast it", name,
                override_type_name(s->req.types, type), override_type_name(s->req.types, want));
        t->cols[t->ncols++] = i;
        return true;
    }
    return err_set(e, ERR_CONFIG, "snapshot.override",
                   "column \"%s\" of the statement is none of the table's", name);
}

static bool
override_describe(struct snapshot *s, struct snap_table *t, struct err *e)
{
    PGresult *r = PQprepare(s->conn, "", t->select, 0, NULL);
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK || pg_error(s->conn, r, e);

    PQclear(r);
    if (!ok)
        return false;
    r = PQdescribePrepared(s->conn, "");
    ok = PQresultStatus(r) == PGRES_COMMAND_OK || pg_error(s->conn, r, e);
    if (ok && PQnparams(r) > 0)
        ok = err_set(e, ERR_CONFIG, "snapshot.override", "the statement has parameters ($1)");
    if (ok && PQnfields(r) == 0)
        ok = err_set(e, ERR_CONFIG, "snapshot.override", "the statement gives no columns");
    if (ok && PQnfields(r) > t->plan->rel->ncols)
        ok = err_set(e, ERR_CONFIG, "snapshot.override",
                     "the statement has %d columns, the table has %u", PQnfields(r),
                     t->plan->rel->ncols);
    t->ncols = 0;
    for (int i = 0; ok && i < PQnfields(r); i++)
        ok = override_column(s, t, PQfname(r, i), PQftype(r, i), e);
    PQclear(r);
    return ok;
}

/* The transaction, and with it the snapshot and its locks, outlives a statement that fails. False: e stays. */
static bool
override_put_off(struct snapshot *s, struct snap_table *t, struct err *e)
{
    struct err lost = {0};

    if (!pg_exec(s->conn, &lost, "ROLLBACK TO SAVEPOINT override"))
        return false;
    t->unreadable = mem_alloc(sizeof(*t->unreadable));
    *t->unreadable = *e;
    err_clear(e);
    return true;
}

bool
snapshot_override(struct snapshot *s, struct snap_table *t, struct err *e)
{
    const char *text = t->select ? t->select : override_of(s, t->name);
    char *trimmed;

    if (!text || (s->req.tables && !t->select))
        return true;
    trimmed = override_trim(text);
    free(t->select);
    t->select = trimmed;
    if (!s->req.tables)
        return override_describe(s, t, e) ||
               err_wrap(e, "table \"%s\", the statement it is to be read with", t->name);
    if (!pg_exec(s->conn, e, "SAVEPOINT override"))
        return false;
    if (!override_describe(s, t, e)) {
        err_wrap(e, "the statement it is to be read with");
        return override_put_off(s, t, e) || err_wrap(e, "table \"%s\"", t->name);
    }
    return pg_exec(s->conn, e, "RELEASE SAVEPOINT override");
}

void
snapshot_override_warn(const struct snapshot *s)
{
    const char *list = s->req.tables ? NULL : config_str(s->req.config, list_property);
    struct buf entry;

    if (!list)
        return;
    buf_init(&entry, SNAPSHOT_SQL_MAX);
    while (config_list_next(&list, &entry)) {
        bool found = false;

        for (size_t i = 0; i < s->ntables && !found; i++)
            found = strcmp(s->tables[i].name, buf_cstr(&entry)) == 0;
        if (!found)
            log_warn("%s names \"%s\", which is none of the tables the snapshot reads",
                     list_property, buf_cstr(&entry));
    }
    buf_free(&entry);
}
