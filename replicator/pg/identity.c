#include "replicator/pg/identity.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/pattern.h"

static const char property[] = "replica.identity.autoset.values";

enum { RULE_TEXT_MAX = 65536, STATEMENT_MAX = 4096 };

struct rule {
    struct pattern_list tables;
    char identity; /* pg_class.relreplident */
    char *index;   /* identity i */
};

struct rules {
    struct rule *v;
    size_t n;
};

/* ------------------------------------------------------------------------------------------------ rules */

static const struct {
    const char *word;
    char identity;
} words[] = {{"DEFAULT", 'd'}, {"FULL", 'f'}, {"NOTHING", 'n'}};

static const char *
word_of(char identity)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (words[i].identity == identity)
            return words[i].word;
    return "USING INDEX";
}

static bool
read_identity(struct rule *r, const char *text)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(text, words[i].word) == 0)
            r->identity = words[i].identity;
    if (r->identity)
        return true;
    if (strncasecmp(text, "INDEX ", 6) != 0)
        return false;
    text += 6;
    text += strspn(text, " ");
    r->identity = 'i';
    r->index = mem_strndup(text, strlen(text));
    return *text != '\0';
}

static bool
read_rule(struct rules *rules, const char *text, struct err *e)
{
    const char *colon = strrchr(text, ':');
    struct rule *r;

    rules->v = mem_grow(rules->v, rules->n + 1, sizeof(*rules->v));
    r = &rules->v[rules->n++];
    *r = (struct rule){0};
    if (!colon || !read_identity(r, colon + 1))
        return err_set(e, ERR_CONFIG, "config.value",
                       "property \"%s\": \"%s\" should be <schema>.<table>:DEFAULT, :FULL, "
                       ":NOTHING or :INDEX <name>",
                       property, text);
    return pattern_add(&r->tables, property, (struct slice){text, (size_t)(colon - text)}, false,
                       e);
}

static bool
read_rules(struct rules *rules, const char *list, struct err *e)
{
    struct buf item;
    bool ok = true;

    buf_init(&item, RULE_TEXT_MAX);
    while (ok && config_list_next(&list, &item))
        ok = read_rule(rules, buf_cstr(&item), e);
    buf_free(&item);
    return ok;
}

static void
free_rules(struct rules *rules)
{
    for (size_t i = 0; i < rules->n; i++) {
        pattern_list_free(&rules->v[i].tables);
        free(rules->v[i].index);
    }
    free(rules->v);
}

/* The one rule that names the table; NULL: none, or, with a line in the log, several. */
static const struct rule *
find_rule(const struct rules *rules, const struct catalog_table *t)
{
    char dst[PATTERN_NAME_MAX];
    struct slice name =
        pattern_name(dst, slice_of(t->schema), slice_of(t->name), (struct slice){NULL, 0});
    const struct rule *found = NULL;

    for (size_t i = 0; i < rules->n; i++) {
        if (pattern_first(&rules->v[i].tables, name) < 0)
            continue;
        if (found) {
            log_error("property \"%s\": two rules name table \"%s.%s\"; its replica identity stays",
                      property, t->schema, t->name);
            return NULL;
        }
        found = &rules->v[i];
    }
    return found;
}

/* ------------------------------------------------------------------------------------------------ tables */

/*
 * The table's index of that name, written as in the rule or in lower case, as PostgreSQL reads a name without quotes.
 * *current: it is the replica identity already.
 */
static bool
find_index(PGconn *c, const struct catalog_table *t, const char *name, struct buf *out,
           bool *current, struct err *e)
{
    char oid[NUM_U64_MAX + 1];
    const char *params[] = {oid, name};
    PGresult *r;

    oid[num_u64(oid, t->oid)] = '\0';
    r = pg_query_params(
        c, e, 2,
        "SELECT i.relname, x.indisreplident FROM pg_catalog.pg_index x"
        " JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid"
        " WHERE x.indrelid = $1::oid AND i.relname IN ($2::text, pg_catalog.lower($2::text))"
        " ORDER BY i.relname = $2::text DESC LIMIT 1",
        2, params);
    if (!r)
        return false;
    if (PQntuples(r) == 1) {
        buf_str(out, PQgetvalue(r, 0, 0));
        *current = PQgetvalue(r, 0, 1)[0] == 't';
    }
    PQclear(r);
    return true;
}

static bool
alter(PGconn *c, const struct catalog_table *t, const struct rule *r, const char *index,
      int timeout_ms, struct err *e)
{
    struct buf sql;
    bool ok;

    buf_init(&sql, STATEMENT_MAX);
    BUF_LIT(&sql, "ALTER TABLE ");
    pg_ident(&sql, t->schema);
    buf_putc(&sql, '.');
    pg_ident(&sql, t->name);
    BUF_LIT(&sql, " REPLICA IDENTITY ");
    buf_str(&sql, word_of(r->identity));
    if (r->identity == 'i') {
        buf_putc(&sql, ' ');
        pg_ident(&sql, index);
    }
    /* Another session may have the table locked for long. */
    ok = pg_exec(c, e, "SET statement_timeout = %d", timeout_ms) &&
         pg_exec(c, e, "%s", buf_cstr(&sql));
    if (PQstatus(c) == CONNECTION_OK && !pg_exec(c, ok ? e : NULL, "SET statement_timeout = 0"))
        ok = false;
    buf_free(&sql);
    return ok;
}

/* False: it could not be set, e says why. */
static bool
set_identity(PGconn *c, struct catalog_table *t, const struct rule *r, int timeout_ms, bool dry_run,
             struct err *e)
{
    struct buf index;
    bool same = t->identity == r->identity, ok = true;

    buf_init(&index, 256);
    if (r->identity == 'i') {
        ok = find_index(c, t, r->index, &index, &same, e);
        if (ok && !index.n)
            ok = err_set(e, ERR_CONFIG, "identity.index", "it has no index \"%s\"", r->index);
    }
    if (ok && !same) {
        ok = dry_run || alter(c, t, r, buf_cstr(&index), timeout_ms, e);
        if (ok) {
            log_info("table \"%s.%s\": replica identity %s %s%s%s", t->schema, t->name,
                     dry_run ? "would be set to" : "set to", word_of(r->identity),
                     index.n ? " " : "", buf_cstr(&index));
            t->identity = r->identity;
        }
    }
    buf_free(&index);
    return ok;
}

bool
pg_identity_autoset(PGconn *c, const char *list, struct catalog_table *tables, size_t n,
                    int timeout_ms, bool dry_run, struct err *e)
{
    struct rules rules = {0};
    bool ok = read_rules(&rules, list, e);

    for (size_t i = 0; ok && i < n; i++) {
        const struct rule *r = find_rule(&rules, &tables[i]);
        struct err why = {0};

        if (!r || set_identity(c, &tables[i], r, timeout_ms, dry_run, &why))
            continue;
        if (PQstatus(c) == CONNECTION_OK) {
            log_error("table \"%s.%s\": its replica identity could not be set to %s, and stays: %s",
                      tables[i].schema, tables[i].name, word_of(r->identity), why.msg);
        } else {
            *e = why;
            ok = false;
        }
    }
    free_rules(&rules);
    return ok;
}
