/* The captured tables, and what they need before a slot reads them. */
#include <limits.h>
#include <stdlib.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "decoder/filter.h"
#include "replicator/connector_priv.h"
#include "replicator/pg/identity.h"
#include "replicator/pg/publication.h"

enum { TABLES_WARNINGS_MAX = 10 };

int
connector_timeout_ms(const struct connector *c)
{
    int64_t s = config_int(c->config, "create.slot.command.timeout");

    return s < INT_MAX / 1000 ? (int)s * 1000 : INT_MAX;
}

static bool
tables_is_captured(const struct connector *c, const struct catalog_table *t)
{
    return filter_table(c->filter, slice_of(t->schema), slice_of(t->name));
}

/* Without an identity PostgreSQL itself refuses updates and deletes as soon as the table is published. */
static void
tables_warn_identity(const struct catalog_table *t)
{
    log_warn(
        "table \"%s.%s\" has %s: PostgreSQL refuses its updates and deletes while it is published, "
        "or sends no old row; "
        "ALTER TABLE \"%s\".\"%s\" REPLICA IDENTITY FULL, or give it a primary key",
        t->schema, t->name,
        t->identity == 'n' ? "REPLICA IDENTITY NOTHING" : "no primary key and no replica identity",
        t->schema, t->name);
}

/* Tables that pass the filters, in place; the rest are freed. */
bool
connector_captured(const struct connector *c, PGconn *conn, struct catalog_table **out, size_t *n,
                   struct err *e)
{
    size_t all, kept = 0;

    if (!catalog_tables(conn, out, &all, e))
        return false;
    for (size_t i = 0; i < all; i++) {
        struct catalog_table t = (*out)[i];

        if (tables_is_captured(c, &t)) {
            (*out)[i] = (*out)[kept];
            (*out)[kept++] = t;
        }
    }
    for (size_t i = kept; i < all; i++)
        catalog_table_clear(&(*out)[i]);
    *n = kept;
    return true;
}

static void
tables_warn_identities(const struct catalog_table *tables, size_t n)
{
    size_t warned = 0;

    for (size_t i = 0; i < n; i++) {
        const struct catalog_table *t = &tables[i];

        if ((t->identity == 'n' || (t->identity == 'd' && !t->has_pk)) &&
            warned++ < TABLES_WARNINGS_MAX)
            tables_warn_identity(t);
    }
    if (warned > TABLES_WARNINGS_MAX)
        log_warn("%zu more tables are without replica identity", warned - TABLES_WARNINGS_MAX);
}

static bool
tables_check_guardrail(const struct connector *c, size_t ntables, struct err *e)
{
    int64_t max = config_int(c->config, "guardrail.collections.max");

    if (max <= 0 || ntables <= (size_t)max)
        return true;
    if (strcasecmp(config_str(c->config, "guardrail.collections.limit.action"), "fail") == 0)
        return err_set(e, ERR_CONFIG, "config.guardrail",
                       "%zu tables are captured, guardrail.collections.max allows %lld; narrow "
                       "table.include.list or raise it",
                       ntables, (long long)max);
    log_warn("%zu tables are captured, more than guardrail.collections.max (%lld)", ntables,
             (long long)max);
    return true;
}

/* ------------------------------------------------------------------------------------------------ publication */

static const char *const pub_modes[] = {
    [PUB_DISABLED] = "disabled",
    [PUB_ALL_TABLES] = "all_tables",
    [PUB_FILTERED] = "filtered",
    [PUB_NO_TABLES] = "no_tables",
};

/* What Debezium puts into WITH (publish = …): only when skipped.operations is given and not "none". */
static void
tables_publish_values(const struct connector *c, struct buf *out)
{
    static const struct {
        unsigned bit;
        const char *name;
    } ops[] = {{OPS_CREATE, "insert"},
               {OPS_UPDATE, "update"},
               {OPS_DELETE, "delete"},
               {OPS_TRUNCATE, "truncate"}};

    if (!config_given(c->config, "skipped.operations") || !c->settings.skipped_ops)
        return;
    for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
        if (!(c->settings.skipped_ops & ops[i].bit)) {
            if (out->n)
                buf_putc(out, ',');
            buf_str(out, ops[i].name);
        }
}

static bool
tables_publication(struct connector *c, PGconn *conn, const struct catalog_table *tables, size_t n,
                   bool dry_run, struct err *e)
{
    const char *mode = config_str(c->config, "publication.autocreate.mode");
    struct pub_table *names = mem_array(n + 1, sizeof(*names));
    struct pub_request r = {
        .name = config_str(c->config, "publication.name"),
        .mode = PUB_ALL_TABLES,
        .via_root = config_bool(c->config, "publish.via.partition.root"),
        .tables = names,
        .ntables = n,
        .timeout_ms = connector_timeout_ms(c),
    };
    struct buf publish;
    bool ok;

    for (unsigned i = 0; i < sizeof(pub_modes) / sizeof(*pub_modes); i++)
        if (strcasecmp(mode, pub_modes[i]) == 0)
            r.mode = (enum pub_mode)i;
    for (size_t i = 0; i < n; i++)
        names[i] = (struct pub_table){tables[i].schema, tables[i].name};
    buf_init(&publish, 256);
    tables_publish_values(c, &publish);
    r.publish = publish.n ? buf_cstr(&publish) : NULL;
    ok = pg_publication_ensure(conn, &r, dry_run, e);
    buf_free(&publish);
    free(names);
    return ok;
}

bool
connector_prepare_tables(struct connector *c, PGconn *conn, struct catalog_table *tables, size_t n,
                         bool dry_run, struct err *e)
{
    const char *rules = config_str(c->config, "replica.identity.autoset.values");
    bool ok;

    log_info("%zu tables are captured", n);
    ok = tables_check_guardrail(c, n, e) &&
         (!startup_mode(c->config).streams || tables_publication(c, conn, tables, n, dry_run, e)) &&
         (!rules ||
          pg_identity_autoset(conn, rules, tables, n, connector_timeout_ms(c), dry_run, e));
    if (ok)
        tables_warn_identities(tables, n);
    return ok;
}
