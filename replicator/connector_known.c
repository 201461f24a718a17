/*
 * Which captured tables need no snapshot (known.h), and what becomes of those that do (walbridge.snapshot.new.tables): they
 * are read as if `walbridge snapshot` had asked for them. Why nothing is lost: docs/architecture.md, "New tables".
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "decoder/pattern.h"
#include "replicator/connector_priv.h"

enum { KNOWN_TOLD_MAX = 10, NEW_TABLES_OFF = 0 };

/* Of an offset that another program wrote, or none, the history is not known. */
void
connector_load_known(struct connector *c, const struct offset_store *store)
{
    const char *json = store->beside[OFFSET_TABLES];
    struct err e = {0};

    known_clear(&c->known.now);
    c->known.found = json && c->has_stored && c->stored.own && startup_offset_counts(&c->stored);
    if (c->known.found && !known_from_json(json, &c->known.now, &e)) {
        c->known.found = false;
        log_err(LOG_WARN, &e, "tables that are captured now are taken for read");
    }
}

void
connector_clear_known(struct connector *c)
{
    known_clear(&c->known.now);
    known_clear(&c->known.then);
    known_clear(&c->known.published);
    c->known.found = c->known.changed = false;
}

static bool
known_of(const struct connector *c, const struct catalog_table *t)
{
    return known_has(&c->known.now, c->server.system_id, t->oid, t->schema, t->name);
}

static bool
known_wanted(const struct connector *c)
{
    return config_enum(c->config, "walbridge.snapshot.new.tables") != NEW_TABLES_OFF;
}

/* Those that no snapshot reads need none. */
static bool
known_join_unread(struct connector *c, const struct catalog_table *tables, size_t n, struct err *e)
{
    struct pattern_list include = {0};
    bool ok = snapshot_include(c->config, &include, e);

    for (size_t i = 0; ok && i < n; i++) {
        const struct catalog_table *t = &tables[i];

        if (known_of(c, t) || snapshot_reads(c->config, &include, t->schema, t->name))
            continue;
        known_add(&c->known.now, t->oid, t->schema, t->name);
        c->known.changed = true;
    }
    pattern_list_free(&include);
    return ok;
}

/* ------------------------------------------------------------------------------------------------ tables that are new */

static void
known_say_new(const struct catalog_table *t, size_t so_far)
{
    if (so_far < KNOWN_TOLD_MAX)
        log_info("table \"%s.%s\" is new: it is read now", t->schema, t->name);
}

/* Where the stream goes on from the offset: the request for those that are new. *asked: there are some. */
bool
connector_ask_for_new(struct connector *c, const struct startup_plan *plan,
                      const struct catalog_table *tables, size_t n, bool *asked, struct err *e)
{
    struct progress p = {.news = true};
    size_t new = 0;

    *asked = false;
    if (!known_wanted(c) || !c->known.found || c->phase != PHASE_NEW || plan->snapshot ||
        plan->create_slot)
        return true;
    if (!known_join_unread(c, tables, n, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (known_of(c, &tables[i]))
            progress_table(&p, tables[i].oid, tables[i].schema, tables[i].name)->whole = true;
        else
            known_say_new(&tables[i], new ++);
    }
    if (new > KNOWN_TOLD_MAX)
        log_info("and so are %zu more", new - KNOWN_TOLD_MAX);
    *asked = new > 0;
    if (!*asked) {
        progress_clear(&p);
        return true;
    }
    progress_ask(&p, &c->stored);
    progress_clear(&c->life.progress);
    c->life.progress = p;
    return true;
}

/* ------------------------------------------------------------------------------------------------ what is noted */

static void
known_put(struct connector *c, const struct known *k)
{
    struct buf json;

    buf_init(&json, PROGRESS_MAX);
    known_to_json(k, &json);
    if (!buf_ok(&json) && known_wanted(c))
        log_warn(
            "%zu tables are captured, too many to be noted: those that are new at the next "
            "start are not found; ask for them with 'walbridge snapshot'",
            known_count(k));
    offsets_put_tables(c->offsets, buf_ok(&json) ? buf_cstr(&json) : NULL);
    buf_free(&json);
}

/* all: also those that are not known yet. */
static size_t
known_take(const struct connector *c, struct known *out, const struct catalog_table *tables,
           size_t n, bool all)
{
    known_clear(out);
    out->system_id = c->server.system_id;
    for (size_t i = 0; i < n; i++)
        if (all || known_of(c, &tables[i]))
            known_add(out, tables[i].oid, tables[i].schema, tables[i].name);
    return known_count(out);
}

void
connector_note_known(struct connector *c, const struct startup_plan *plan,
                     const struct catalog_table *tables, size_t n)
{
    bool asked = plan->resume_snapshot && c->life.progress.requested;
    struct known *then = &c->known.then;
    size_t kept;

    (void)known_take(c, &c->known.published, tables, n, true);
    if (plan->snapshot && !asked) {
        (void)known_take(c, then, tables, n, true);
        return;
    }
    if (!c->known.found) {
        if (known_wanted(c) && c->has_stored)
            log_info(
                "which tables were read before is not known: the %zu that are captured now are "
                "taken for read, and later ones are new",
                n);
        (void)known_take(c, then, tables, n, true);
        known_put(c, then);
        return;
    }
    kept = known_take(c, then, tables, n, false);
    if (c->known.changed || kept != known_count(&c->known.now) ||
        c->known.now.system_id != c->server.system_id)
        known_put(c, then);
    if (asked && c->life.progress.news)
        (void)known_take(c, then, tables, n, true);
}

/*
 * The snapshot looks at the tables anew, maybe hours after the publication was made to fit: of one that was made in between
 * no stream has the changes. It stays new, and its rows come again.
 */
void
connector_note_read(struct connector *c)
{
    struct snapshot_unit u;

    for (size_t i = 0; i < snapshot_nunits(c->snapshot); i++) {
        snapshot_unit(c->snapshot, i, &u);
        if (known_has(&c->known.published, c->server.system_id, u.oid, u.rows.schema, u.rows.table))
            known_add(&c->known.then, u.oid, u.rows.schema, u.rows.table);
    }
}

void
connector_snapshot_known(struct connector *c)
{
    known_put(c, &c->known.then);
}
