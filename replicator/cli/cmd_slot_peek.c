/* slot peek: what waits in a slot, decoded and not consumed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "decoder/pgoutput.h"
#include "replicator/cli/slot_session.h"

enum { PEEK_DEFAULT = 10, PEEK_MAX = 100000, TEXT_MAX = 200 };

/* What a Relation message said, kept for the changes that refer to it. */
struct peek_table {
    struct slice schema, name;
    uint16_t ncols;
    struct slice *cols;
    bool *identity;
};

struct peek {
    bool values, json;
    int64_t shown;
    struct pgo *decoder;
    struct arena arena;
    struct map *tables; /* by oid */
    json_t *changes;
    uint64_t xid;
    int64_t commit_us;
};

static void
peek_relation(struct peek *k, const struct pgo_relation *r)
{
    struct peek_table *t = arena_alloc(&k->arena, sizeof *t);

    t->schema = arena_slice(&k->arena, r->schema);
    t->name = arena_slice(&k->arena, r->table);
    t->ncols = r->ncols;
    t->cols = arena_alloc(&k->arena, (r->ncols ? r->ncols : 1) * sizeof *t->cols);
    t->identity = arena_alloc(&k->arena, (r->ncols ? r->ncols : 1) * sizeof *t->identity);
    for (uint16_t i = 0; i < r->ncols; i++) {
        t->cols[i] = arena_slice(&k->arena, r->cols[i].name);
        t->identity[i] = r->cols[i].identity;
    }
    map_put_u32(k->tables, r->oid, t);
}

static const char *
time_text(char dst[40], int64_t us)
{
    time_t s = (time_t)(us / 1000000);
    struct tm tm;
    size_t n;

    if (!gmtime_r(&s, &tm))
        return "?";
    n = strftime(dst, 40, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(dst + n, 40 - n, ".%06dZ", (int)(us % 1000000));
    return dst;
}

/* A key tuple has all columns too; those that are not of the key are null and say nothing. */
static bool
is_shown(const struct peek_table *t, struct tuple row, uint16_t i, bool key)
{
    return row.v[i].kind != VALUE_ABSENT && !(key && t && i < t->ncols && !t->identity[i]);
}

/* ---- as text ---- */

/* Text for a terminal: control characters replaced, long values cut. */
static void
print_text(struct slice s)
{
    size_t n = s.n < TEXT_MAX ? s.n : TEXT_MAX;

    while (n < s.n && n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--; /* not inside a character */
    for (size_t i = 0; i < n; i++)
        putchar((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f ? '?' : s.p[i]);
    if (n < s.n)
        printf("… (%zu bytes)", s.n);
}

static void
print_value(const struct peek *k, struct value v)
{
    switch ((enum value_kind)v.kind) {
    case VALUE_NULL:
        fputs(k->values ? "null" : "***", stdout);
        break;
    case VALUE_UNCHANGED:
        fputs("(unchanged)", stdout);
        break;
    case VALUE_TEXT:
        if (k->values) {
            putchar('\'');
            print_text((struct slice){v.p, v.n});
            putchar('\'');
        } else {
            fputs("***", stdout);
        }
        break;
    case VALUE_ABSENT:
        break;
    }
}

static void
print_tuple(const struct peek *k, const char *label, const struct peek_table *t, struct tuple row,
            bool key)
{
    if (row.n == 0)
        return;
    printf(" %s", label);
    for (uint16_t i = 0; i < row.n; i++) {
        if (!is_shown(t, row, i, key))
            continue;
        putchar(' ');
        if (t && i < t->ncols)
            print_text(t->cols[i]);
        else
            printf("$%u", i + 1U);
        putchar('=');
        print_value(k, row.v[i]);
    }
}

static void
print_table_name(const struct peek_table *t, uint32_t oid)
{
    if (!t) {
        printf("oid %u", oid);
        return;
    }
    print_text(t->schema);
    putchar('.');
    print_text(t->name);
}

static void
print_row(const struct peek *k, const char *op, uint64_t lsn, const struct pgo_row *r)
{
    const struct peek_table *t = map_get_u32(k->tables, r->oid);
    char at[NUM_LSN_TEXT];

    printf("  %s %s ", num_lsn_text(at, lsn), op);
    print_table_name(t, r->oid);
    print_tuple(k, r->old_kind == 'K' ? "key" : "old", t, r->old_row, r->old_kind == 'K');
    print_tuple(k, r->old_kind ? "new" : "row", t, r->new_row, false);
    putchar('\n');
}

/* ---- as JSON ---- */

static json_t *
json_tuple(const struct peek *k, const struct peek_table *t, struct tuple row, bool key)
{
    json_t *j = json_object();
    char number[16];

    for (uint16_t i = 0; i < row.n; i++) {
        const struct value v = row.v[i];
        const char *name = number;
        json_t *value;

        if (!is_shown(t, row, i, key))
            continue;
        snprintf(number, sizeof number, "$%u", i + 1U);
        if (t && i < t->ncols)
            name = t->cols[i].p;
        if (v.kind == VALUE_UNCHANGED)
            value = json_pack("{s:b}", "unchanged", 1);
        else if (!k->values)
            value = json_string("***");
        else
            value = v.kind == VALUE_NULL ? json_null() : slot_json_text(v.p, v.n);
        json_object_set_new(j, name, value);
    }
    return j;
}

static json_t *
json_change(const struct peek *k, const char *op, uint64_t lsn)
{
    char at[NUM_LSN_TEXT], when[40];
    json_t *j = json_pack("{s:s, s:s}", "op", op, "lsn", num_lsn_text(at, lsn));

    json_object_set_new(j, "xid", k->xid ? json_integer((json_int_t)k->xid) : json_null());
    json_object_set_new(j, "commit_time",
                        k->xid ? json_string(time_text(when, k->commit_us)) : json_null());
    return j;
}

static void
json_add_table(json_t *j, const struct peek_table *t, uint32_t oid)
{
    json_object_set_new(j, "schema", t ? slot_json_text(t->schema.p, t->schema.n) : json_null());
    json_object_set_new(j, "table", t ? slot_json_text(t->name.p, t->name.n) : json_integer(oid));
}

static void
json_row(struct peek *k, const char *op, uint64_t lsn, const struct pgo_row *r)
{
    const struct peek_table *t = map_get_u32(k->tables, r->oid);
    json_t *j = json_change(k, op, lsn);

    json_add_table(j, t, r->oid);
    if (r->old_row.n)
        json_object_set_new(j, r->old_kind == 'K' ? "key" : "old",
                            json_tuple(k, t, r->old_row, r->old_kind == 'K'));
    if (r->new_row.n)
        json_object_set_new(j, "new", json_tuple(k, t, r->new_row, false));
    json_array_append_new(k->changes, j);
}

/* ---- messages ---- */

static void
peek_row(struct peek *k, const char *op, uint64_t lsn, const struct pgo_row *r)
{
    k->shown++;
    if (k->json)
        json_row(k, op, lsn, r);
    else
        print_row(k, op, lsn, r);
}

static void
peek_truncate(struct peek *k, uint64_t lsn, const uint32_t *oids, uint32_t n)
{
    char at[NUM_LSN_TEXT];

    k->shown++;
    if (!k->json)
        printf("  %s truncate", num_lsn_text(at, lsn));
    for (uint32_t i = 0; i < n; i++) {
        const struct peek_table *t = map_get_u32(k->tables, oids[i]);

        if (k->json) {
            json_t *j = json_change(k, "truncate", lsn);

            json_add_table(j, t, oids[i]);
            json_array_append_new(k->changes, j);
        } else {
            fputs(i ? ", " : " ", stdout);
            print_table_name(t, oids[i]);
        }
    }
    if (!k->json)
        putchar('\n');
}

static void
peek_message(struct peek *k, uint64_t lsn, struct slice prefix, struct slice content)
{
    char at[NUM_LSN_TEXT];

    k->shown++;
    if (k->json) {
        json_t *j = json_change(k, "message", lsn);

        json_object_set_new(j, "prefix", slot_json_text(prefix.p, prefix.n));
        json_object_set_new(j, "content",
                            k->values ? slot_json_text(content.p, content.n) : json_string("***"));
        json_array_append_new(k->changes, j);
        return;
    }
    printf("  %s message prefix=", num_lsn_text(at, lsn));
    print_text(prefix);
    fputs(" content=", stdout);
    if (k->values)
        print_text(content);
    else
        printf("*** (%zu bytes)", content.n);
    putchar('\n');
}

static bool
peek_each(void *arg, uint64_t lsn, uint64_t xid, struct slice bytes, struct err *e)
{
    struct peek *k = arg;
    struct pgo_msg m;
    char at[NUM_LSN_TEXT], when[40];

    if (!pgo_decode(k->decoder, bytes, &m, e))
        return err_wrap(e, "decoding the message at %s", num_lsn_text(at, lsn));
    switch (m.type) {
    case PGO_BEGIN:
        k->xid = xid;
        k->commit_us = m.u.begin.commit_us;
        if (!k->json)
            printf("transaction %llu, committed %s at %s\n", (unsigned long long)xid,
                   time_text(when, k->commit_us), num_lsn_text(at, m.u.begin.final_lsn));
        break;
    case PGO_COMMIT:
        k->xid = 0;
        break;
    case PGO_RELATION:
        peek_relation(k, &m.u.relation);
        break;
    case PGO_INSERT:
        peek_row(k, "insert", lsn, &m.u.row);
        break;
    case PGO_UPDATE:
        peek_row(k, "update", lsn, &m.u.row);
        break;
    case PGO_DELETE:
        peek_row(k, "delete", lsn, &m.u.row);
        break;
    case PGO_TRUNCATE:
        peek_truncate(k, lsn, m.u.truncate.oids, m.u.truncate.n);
        break;
    case PGO_MESSAGE:
        peek_message(k, lsn, m.u.message.prefix, m.u.message.content);
        break;
    case PGO_ORIGIN:
    case PGO_TYPE:
        break;
    }
    return true;
}

static bool
peek_run(const struct cli_args *a, struct slot_session *s, const char *name, int64_t changes,
         struct err *e)
{
    struct peek k = {.values = cli_flag(a, "values"), .json = cli_flag(a, "json")};
    struct buf publications;
    bool ok;

    buf_init(&publications, 1 << 20);
    arena_init(&k.arena);
    k.decoder = pgo_new();
    k.tables = map_new();
    k.changes = json_array();
    ok = slot_session_publications(s, &publications, e) &&
         slot_peek(s->c, name, buf_cstr(&publications), (int)changes, peek_each, &k, e);
    if (ok && k.json)
        slot_print_json(json_pack("{s:s, s:O}", "slot", name, "changes", k.changes), false);
    else if (ok && k.shown == 0)
        printf("no change waits in slot \"%s\" for publication %s\n", name,
               buf_cstr(&publications));
    json_decref(k.changes);
    map_free(k.tables, NULL);
    pgo_free(k.decoder);
    arena_free(&k.arena);
    buf_free(&publications);
    return ok;
}

static int
peek_slot(const struct cli_args *a, struct slot_session *s, const char *name, int64_t changes)
{
    struct slot_report r;
    struct err e = {0};
    struct buf holder;
    int code = slot_session_report(s, name, &r);

    if (code != EXIT_OK)
        return code;
    if (strcmp(r.slot.plugin, "pgoutput") != 0 || strcmp(r.slot.database, s->database) != 0)
        return slot_refused("slot \"%s\" %s, so it cannot be decoded here", name,
                            slot_report_foreign(&r, NULL, s->database));
    if (r.slot.active) {
        buf_init(&holder, 1024);
        slot_holder_text(&holder, &r);
        code = slot_refused(
            "slot \"%s\" is in use (%s), and only one session at a time can read it; stop that "
            "first",
            name, buf_cstr(&holder));
        buf_free(&holder);
        return code;
    }
    return peek_run(a, s, name, changes, &e) ? EXIT_OK : slot_failed(&e);
}

static int
run_peek(const struct cli_args *a)
{
    const char *number = cli_value(a, "changes");
    struct slot_session s = {0};
    int64_t changes = PEEK_DEFAULT;
    struct err e = {0};
    int code;

    if (number &&
        (!num_parse_i64(slice_of(number), &changes) || changes < 1 || changes > PEEK_MAX)) {
        fprintf(stderr, "walbridge: --changes must be a number from 1 to %d, got \"%s\"\n",
                PEEK_MAX, number);
        return EXIT_USAGE;
    }
    if (slot_session_open(a, &s, &e)) {
        const char *name = slot_session_name(a, &s);

        if (cli_value(a, "publication"))
            s.publication = cli_value(a, "publication");
        code = name ? peek_slot(a, &s, name, changes) : EXIT_USAGE;
    } else {
        code = slot_failed(&e);
    }
    slot_session_close(&s);
    return code;
}

static const struct cli_option peek_options[] = {
    SLOT_CONNECTION_OPTIONS,
    {'n', "changes", "N", false, NULL, "How many changes to show (default 10)."},
    {0, "publication", "NAME", false, NULL,
     "Decode by this publication (default: the connector's, or all)."},
    {0, "values", NULL, false, NULL, "Show the values of columns; they are masked otherwise."},
    SLOT_JSON_OPTION,
    {0, NULL, NULL, false, NULL, NULL},
};

const struct cli_command cmd_slot_peek = {
    .path = "slot peek",
    .operands = "[SLOT]",
    .max_operands = 1,
    .options = peek_options,
    .run = run_peek,
    .help = "Show the next changes that wait in a slot, without consuming them.",
    .details =
        "Without SLOT: the slot.name of --config. Values are shown as *** unless --values is "
        "given. The server decodes whole "
        "transactions: a look at the beginning of a big one takes it as long as reading all of it.",
};
