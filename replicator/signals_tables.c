/* Which tables an order means. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "decoder/filter.h"
#include "replicator/java_order.h"
#include "replicator/signals_priv.h"

/*
 * part     = space quoted space / space 1*( char - space - "." ) space, as Debezium reads it
 * Quotes count at its beginning only, and are doubled inside.
 */
static bool
parse_part(struct arena *a, const char **text, char **out)
{
    const char *p = *text + strspn(*text, " \t\r\n");
    char *w = *out = arena_alloc(a, strlen(p) + 1), quote = *p;

    if (quote == '"' || quote == '\'' || quote == '`') {
        for (p++; *p && (*p != quote || p[1] == quote); p++) {
            p += *p == quote;
            *w++ = *p;
        }
        if (*p++ != quote)
            return false;
    } else {
        while (*p && *p != '.' && !strchr(" \t\r\n", *p))
            *w++ = *p++;
        if (w == *out)
            return false;
    }
    *text = p + strspn(p, " \t\r\n");
    return **text == '\0' || **text == '.';
}

/* "a"."b.c" and a.b alike; with a database before it, as Debezium allows, the last two count. */
static bool
parse_name(struct arena *a, const char *text, struct order_table *out)
{
    char *parts[3];
    size_t n = 0;

    for (;; text++) {
        if (n == 3 || !parse_part(a, &text, &parts[n]))
            return false;
        n++;
        if (!*text)
            break;
    }
    *out = (struct order_table){.schema = n > 1 ? parts[n - 2] : "", .table = parts[n - 1]};
    return true;
}

static const char *
condition_of(const struct signals *s, struct slice name, struct err *e)
{
    for (size_t i = 0; i < s->order.nconditions; i++) {
        struct pattern_list l = {0};
        bool hit = pattern_add(&l, "additional-conditions", slice_of(s->order.conditions[i].tables),
                               false, e) &&
                   pattern_first(&l, name) >= 0;

        pattern_list_free(&l);
        if (hit)
            return s->order.conditions[i].filter;
    }
    return NULL;
}

static void
list_add(struct signals *s, struct table_list *l, const struct order_table *t)
{
    struct order_table *bigger;

    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i].schema, t->schema) == 0 && strcmp(l->v[i].table, t->table) == 0)
            return;
    bigger = arena_alloc(&s->arena, (l->n + 1) * sizeof(*bigger));
    if (l->n)
        memcpy(bigger, l->v, l->n * sizeof(*bigger));
    bigger[l->n++] = *t;
    l->v = bigger;
}

/* One expression: the captured tables that it matches, or what it names literally. A blocking snapshot's may be a comma list,
 * and takes names in any case. */
static bool
expand(struct signals *s, const char *text, const struct table_list *captured,
       struct table_list *out, struct err *e)
{
    struct pattern_list l = {0};
    struct order_table t;
    bool found = false, ok = s->order.blocking
                                 ? pattern_add_list(&l, "data-collections", text, false, e)
                                 : pattern_add(&l, "data-collections", slice_of(text), true, e);

    for (size_t i = 0; ok && i < captured->n; i++) {
        char name[PATTERN_NAME_MAX];

        t = captured->v[i];
        if (pattern_first(&l, pattern_name(name, slice_of(t.schema), slice_of(t.table),
                                           (struct slice){NULL, 0})) < 0)
            continue;
        list_add(s, out, &t);
        found = true;
    }
    pattern_list_free(&l);
    if (!ok || found)
        return ok;
    if (parse_name(&s->arena, text, &t))
        list_add(s, out, &t);
    else
        log_warn("signal \"%s\": \"%s\" names no table and matches none, it is left out",
                 s->order.id ? s->order.id : "", text);
    return true;
}

/* Those of the listed tables that are captured, in the order in which Debezium goes through them: that of a Java map,
 * the last by name first where they share a bucket. */
static void
list_captured(struct signals *s, const struct catalog_table *tables, size_t n,
              struct table_list *out)
{
    const struct filter *filter = s->parts.inc.settings->filter;
    const char **names = arena_alloc(&s->arena, (n + 1) * sizeof(*names));
    size_t *order = arena_alloc(&s->arena, (n + 1) * sizeof(*order));
    size_t *at = arena_alloc(&s->arena, (n + 1) * sizeof(*at));

    *out = (struct table_list){arena_alloc(&s->arena, (n + 1) * sizeof(*out->v)), 0};
    for (size_t i = n; i-- > 0;) {
        if (!filter_table(filter, slice_of(tables[i].schema), slice_of(tables[i].name)))
            continue;
        at[out->n] = i;
        names[out->n++] = arena_printf(&s->arena, "%s.%s", tables[i].schema, tables[i].name);
    }
    s->ncaptured = out->n;
    java_order(names, out->n, java_concurrent_table(out->n), order);
    for (size_t i = 0; i < out->n; i++)
        out->v[i] =
            (struct order_table){.schema = arena_strdup(&s->arena, tables[at[order[i]]].schema),
                                 .table = arena_strdup(&s->arena, tables[at[order[i]]].name)};
}

bool
signals_expand(struct signals *s, const struct catalog_table *tables, size_t n,
               struct table_list *out, struct err *e)
{
    struct table_list captured;

    list_captured(s, tables, n, &captured);
    for (size_t i = 0; i < s->order.ntables; i++)
        if (!expand(s, s->order.tables[i], &captured, out, e))
            return false;
    for (size_t i = 0; i < out->n; i++) {
        char *name = arena_printf(&s->arena, "%s.%s", out->v[i].schema, out->v[i].table);

        out->v[i].filter = condition_of(s, slice_of(name), e);
        if (e->cls != ERR_NONE)
            return false;
    }
    return true;
}

static int
by_text_down(const void *a, const void *b)
{
    return strcmp(*(const char *const *)b, *(const char *const *)a);
}

/* What is queued, as list_captured has it. */
static size_t
list_queued(struct signals *s, const char ***out)
{
    const char **names;
    size_t n = 0, *order;

    while (incremental_queued(s->inc, n))
        n++;
    names = arena_alloc(&s->arena, (n + 1) * sizeof(*names));
    order = arena_alloc(&s->arena, (n + 1) * sizeof(*order));
    *out = arena_alloc(&s->arena, (n + 1) * sizeof(**out));
    for (size_t i = 0; i < n; i++)
        names[i] = arena_strdup(&s->arena, incremental_queued(s->inc, i));
    if (n > 1)
        qsort(names, n, sizeof(*names), by_text_down);
    java_order(names, n, java_concurrent_table(n > s->ncaptured ? n : s->ncaptured), order);
    for (size_t i = 0; i < n; i++)
        (*out)[i] = names[order[i]];
    return n;
}

/* What it matches of the queued; if that is nothing, it is taken as a name, and then not found. */
static bool
stop_matches(const char *text, const char *const *queued, size_t nqueued, const char **names,
             size_t *n, struct err *e)
{
    struct pattern_list l = {0};
    bool ok = pattern_add(&l, "data-collections", slice_of(text), true, e);
    size_t before = *n;

    for (size_t k = 0; ok && k < nqueued; k++)
        if (pattern_first(&l, slice_of(queued[k])) >= 0)
            names[(*n)++] = queued[k];
    if (ok && *n == before)
        names[(*n)++] = text;
    pattern_list_free(&l);
    return ok;
}

bool
signals_to_stop(struct signals *s, const char ***names, size_t *n, struct err *e)
{
    const char **queued;
    size_t nqueued = list_queued(s, &queued);

    *n = 0;
    if (!s->order.ntables) {
        *names = queued;
        *n = nqueued;
        return true;
    }
    *names = arena_alloc(&s->arena, s->order.ntables * (nqueued + 1) * sizeof(**names));
    for (size_t i = 0; i < s->order.ntables; i++)
        if (!stop_matches(s->order.tables[i], queued, nqueued, *names, n, e))
            return false;
    return true;
}
