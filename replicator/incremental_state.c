/* What an offset holds of an incremental snapshot, as Debezium writes it. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "replicator/incremental_priv.h"

#define MEMBER "incremental_snapshot"

enum {
    STATE_MAX = 4 << 20, /* behind the largest state_max */
    STATES_MAX = 16 << 20,
};

void
inc_key_free(struct inc_key *k)
{
    for (size_t i = 0; i < k->n; i++)
        free(k->v[i]);
    free(k->v);
    free(k->kinds);
    *k = (struct inc_key){0};
}

void
inc_key_move(struct inc_key *to, struct inc_key *from)
{
    inc_key_free(to);
    *to = *from;
    *from = (struct inc_key){0};
}

void
inc_key_copy(struct inc_key *to, const struct inc_key *from)
{
    inc_key_free(to);
    if (!from->v)
        return;
    *to = (struct inc_key){mem_array(from->n + 1, sizeof(*to->v)),
                           mem_array(from->n + 1, sizeof(*to->kinds)), from->n};
    for (size_t k = 0; k < from->n; k++) {
        to->v[k] = from->v[k] ? mem_strdup(from->v[k]) : NULL;
        to->kinds[k] = from->kinds[k];
    }
}

void
inc_table_free(struct inc_table *t)
{
    free(t->name);
    free(t->schema);
    free(t->table);
    free(t->condition);
    free(t->surrogate);
}

void
inc_drop_table(struct incremental *i, size_t at)
{
    inc_table_free(&i->tables[at]);
    memmove(&i->tables[at], &i->tables[at + 1], (i->ntables - at - 1) * sizeof(*i->tables));
    i->ntables--;
}

void
inc_set_id(struct incremental *i, const char *id)
{
    char *copy = id ? mem_strdup(id) : NULL;

    free(i->id);
    i->id = copy;
}

char *
inc_names(const struct incremental *i)
{
    struct buf b;
    char *text;

    buf_init(&b, STATE_MAX);
    for (size_t k = 0; k < i->ntables; k++)
        buf_printf(&b, "%s%s", k ? "," : "", i->tables[k].name);
    text = mem_strdup(buf_cstr(&b));
    buf_free(&b);
    return text;
}

char *
inc_key_text(const struct inc_key *k)
{
    struct buf b;
    char *text;

    buf_init(&b, STATE_MAX);
    for (size_t i = 0; i < k->n; i++) {
        const char *v = k->v[i];

        buf_str(&b, i ? "," : "");
        if (!v)
            BUF_LIT(&b, "<null>");
        else if (k->kinds[i] == JAVA_BOOLEAN)
            buf_str(&b, *v == 't' ? "true" : "false");
        else if ((k->kinds[i] == JAVA_FLOAT || k->kinds[i] == JAVA_DOUBLE) && !strpbrk(v, "Ny"))
            (void)num_add_java_float(&b, slice_of(v), k->kinds[i] == JAVA_FLOAT);
        else
            buf_str(&b, v); /* NaN and Infinity are the same in both */
    }
    text = mem_strdup(buf_cstr(&b));
    buf_free(&b);
    return text;
}

/* ------------------------------------------------------------------------------------------------ writing */

static void
put_key(struct buf *b, const struct inc_key *k)
{
    struct java_value *v = k->v ? mem_array(k->n + 1, sizeof(*v)) : NULL;

    for (size_t i = 0; v && i < k->n; i++)
        v[i] = k->v[i] ? (struct java_value){k->kinds[i], slice_of(k->v[i])}
                       : (struct java_value){.kind = JAVA_NULL};
    buf_putc(b, '"');
    java_write(b, v, k->n);
    buf_putc(b, '"');
    free(v);
}

static void
put_text_or_null(struct buf *b, const char *text)
{
    if (text)
        json_cstr(b, text);
    else
        BUF_LIT(b, "null");
}

static char *
state_text(const struct incremental *i)
{
    const struct inc_key none = {0};
    bool stopped = i->ntables && inc_is_stopped(i, i->tables[0].name);
    struct buf b, list;
    size_t left = 0;
    char *text;

    buf_init(&b, STATE_MAX);
    buf_init(&list, STATE_MAX);
    buf_putc(&list, '[');
    for (size_t k = 0; k < i->ntables; k++) {
        const struct inc_table *t = &i->tables[k];

        if (inc_is_stopped(i, t->name))
            continue;
        buf_str(&list, left++ ? ",{" : "{");
        BUF_LIT(&list, "\"" MEMBER "_collections_id\":");
        json_cstr(&list, t->name);
        BUF_LIT(&list, ",\"" MEMBER "_collections_additional_condition\":");
        put_text_or_null(&list, t->condition);
        BUF_LIT(&list, ",\"" MEMBER "_collections_surrogate_key\":");
        put_text_or_null(&list, t->surrogate);
        buf_putc(&list, '}');
    }
    buf_putc(&list, ']');
    if (!left) {
        buf_free(&list);
        return NULL;
    }
    BUF_LIT(&b, "{\"" MEMBER "_primary_key\":");
    put_key(&b, stopped ? &none : &i->sent);
    BUF_LIT(&b, ",\"" MEMBER "_maximum_key\":");
    put_key(&b, stopped ? &none : &i->upto);
    BUF_LIT(&b, ",\"" MEMBER "_collections\":");
    json_str(&b, buf_view(&list));
    BUF_LIT(&b, ",\"" MEMBER "_correlation_id\":");
    put_text_or_null(&b, i->id);
    buf_putc(&b, '}');
    text = buf_ok(&b) && buf_ok(&list) ? mem_strdup(buf_cstr(&b)) : NULL;
    buf_free(&b);
    buf_free(&list);
    return text;
}

size_t
inc_state_bytes(const struct incremental *i)
{
    char *text = state_text(i);
    size_t n = text ? strlen(text) : SIZE_MAX;

    free(text);
    return n;
}

/* One that no entry has come behind is nobody's any more. */
void
inc_save(struct incremental *i)
{
    uint64_t ticket = led_next(i->parts.ledger);

    if (i->nsaved > 1 && i->saved[i->nsaved - 1].ticket == ticket)
        free(i->saved[--i->nsaved].text);
    i->saved = mem_grow(i->saved, i->nsaved + 1, sizeof(*i->saved));
    i->saved[i->nsaved++] = (struct inc_saved){++i->mark, ticket, state_text(i)};
    led_mark(i->parts.ledger, i->mark);
}

bool
inc_is_ahead(const struct incremental *i)
{
    size_t bytes = 0;

    for (size_t k = 1; k < i->nsaved && bytes <= STATES_MAX; k++)
        bytes += i->saved[k].text ? strlen(i->saved[k].text) : 0;
    return i->nsaved > 2 && bytes > STATES_MAX;
}

uint64_t
incremental_mark(const struct incremental *i)
{
    return i->mark;
}

uint64_t
incremental_touch(struct incremental *i)
{
    inc_save(i);
    return i->mark;
}

/* The newest state that is not younger than the mark; older ones are never asked for again. */
char *
incremental_state(struct incremental *i, uint64_t mark)
{
    size_t at = 0;

    while (at + 1 < i->nsaved && i->saved[at + 1].mark <= mark)
        at++;
    for (size_t k = 0; k < at; k++)
        free(i->saved[k].text);
    memmove(i->saved, i->saved + at, (i->nsaved - at) * sizeof(*i->saved));
    i->nsaved -= at;
    return i->saved[0].text;
}

/* ------------------------------------------------------------------------------------------------ reading */

static const char *
member_text(const json_t *doc, const char *name)
{
    return json_string_value(json_object_get(doc, name));
}

/* "" and null alike are none. */
static char *
optional_text(const json_t *doc, const char *name)
{
    const char *text = member_text(doc, name);

    return text && *text ? mem_strdup(text) : NULL;
}

static bool
load_tables(struct incremental *i, const char *text)
{
    json_t *list = json_loads(text, 0, NULL), *item;
    bool ok = json_is_array(list);
    size_t n;

    json_array_foreach(list, n, item)
    {
        const char *name = member_text(item, MEMBER "_collections_id");
        const char *dot = name ? strchr(name, '.') : NULL;

        if (!name) {
            ok = false;
            break;
        }
        i->tables = mem_grow(i->tables, i->ntables + 1, sizeof(*i->tables));
        i->tables[i->ntables++] = (struct inc_table){
            .name = mem_strdup(name),
            .schema = dot ? mem_strndup(name, (size_t)(dot - name)) : mem_strdup(""),
            .table = mem_strdup(dot ? dot + 1 : name),
            .condition = optional_text(item, MEMBER "_collections_additional_condition"),
            .surrogate = optional_text(item, MEMBER "_collections_surrogate_key"),
        };
    }
    json_decref(list);
    return ok;
}

static bool
load_key(const char *hex, struct inc_key *k)
{
    struct java_value *v;
    struct arena a;
    struct err e = {0};
    size_t n;
    bool ok = true;

    if (!hex)
        return true;
    arena_init(&a);
    if (!java_read(slice_of(hex), &a, &v, &n, &e)) {
        log_err(LOG_WARN, &e, "the incremental snapshot begins its present table anew");
        ok = false;
    } else if (v) {
        *k = (struct inc_key){mem_array(n + 1, sizeof(*k->v)), mem_array(n + 1, sizeof(*k->kinds)),
                              n};
        for (size_t i = 0; i < n; i++) {
            k->kinds[i] = v[i].kind;
            k->v[i] = v[i].kind == JAVA_NULL ? NULL : mem_strndup(v[i].text.p, v[i].text.n);
        }
    }
    arena_free(&a);
    return ok;
}

void
incremental_load(struct incremental *i, const char *members)
{
    json_t *doc = members ? json_loads(members, 0, NULL) : NULL;
    const char *tables = doc ? member_text(doc, MEMBER "_collections") : NULL;

    if (tables && !load_tables(i, tables)) {
        log_warn(
            "the stored incremental snapshot cannot be understood and is given up: give its "
            "signal again");
        while (i->ntables)
            inc_drop_table(i, 0);
    }
    if (i->ntables) {
        inc_set_id(i, member_text(doc, MEMBER "_correlation_id"));
        if (!load_key(member_text(doc, MEMBER "_primary_key"), &i->sent) ||
            !load_key(member_text(doc, MEMBER "_maximum_key"), &i->upto)) {
            inc_key_free(&i->sent);
            inc_key_free(&i->upto);
        }
        inc_key_copy(&i->after, &i->sent);
        log_info("an incremental snapshot of %zu tables goes on with \"%s\"", i->ntables,
                 i->tables[0].name);
    }
    json_decref(doc);
    free(i->saved[0].text);
    i->saved[0].text = state_text(i);
}
