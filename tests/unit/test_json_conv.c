/* Records as the JSON converter writes them, byte for byte, for each kind of change. */
#include "decoder/json_conv.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/unit/decoder_fixture.h"

#define S(text) SLICE_INIT(text)

/* item (id int primary key, name text not null default 'none', body text) */
static const struct pgo_column item_cols[] = {
    {S("id"), 23, -1, true},
    {S("name"), 25, -1, false},
    {S("body"), 25, -1, false},
};
static const struct column_facts item_facts[] = {
    {S("id"), true, false, {NULL, 0}},
    {S("name"), true, false, S("'none'::text")},
    {S("body"), false, false, {NULL, 0}},
};
static const struct slice item_key[] = {S("id")};

enum { UNCHANGED = 1, ABSENT };
static const char unchanged[] = "?", absent[] = "-";

struct fixture {
    struct dfix d;
    const struct plan *plan;
    struct json_program *prog;
    struct recbuf out;
    struct txn txn;
    struct value before[4], after[4];
    struct err e;
};

static void
compile(struct fixture *f, size_t nkey)
{
    const struct pgo_relation rel = {.oid = 16400,
                                     .schema = S("public"),
                                     .table = S("item"),
                                     .identity = 'f',
                                     .ncols = 3,
                                     .cols = item_cols};
    const struct relation_facts facts = {true, 3, item_facts, nkey, item_key};

    json_discard(f->prog);
    f->plan = dfix_plan(&f->d, &rel, &facts);
    f->prog = json_compile(f->plan, &f->e);
    assert_non_null(f->prog);
}

static int
setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof(*f));

    dfix_open(&f->d, NULL);
    recbuf_init(&f->out, 1 << 20);
    f->txn = (struct txn){.seq = 1,
                          .commit_lsn = 900,
                          .last_commit_lsn = 800,
                          .commit_us = INT64_C(1795256445123456),
                          .xid = 742};
    compile(f, 1);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    json_discard(f->prog);
    recbuf_free(&f->out);
    dfix_close(&f->d);
    free(f);
    return 0;
}

static struct tuple
tuple(struct value *v, const char *const *texts)
{
    if (!texts)
        return (struct tuple){NULL, 0};
    for (int i = 0; i < 3; i++)
        v[i] = texts[i] == unchanged ? (struct value){NULL, 0, VALUE_UNCHANGED}
               : texts[i] == absent  ? (struct value){NULL, 0, VALUE_ABSENT}
               : !texts[i]           ? (struct value){NULL, 0, VALUE_NULL}
                           : (struct value){texts[i], (uint32_t)strlen(texts[i]), VALUE_TEXT};
    return (struct tuple){v, 3};
}

#define ROW(...) ((const char *const[]){__VA_ARGS__})

static bool
try_encode(struct fixture *f, enum change_op op, bool old_is_key, const char *const *before,
           const char *const *after)
{
    const struct change c = {
        .op = op,
        .snapshot = op == OP_READ ? SNAPSHOT_FIRST : SNAPSHOT_FALSE,
        .old_is_key = old_is_key,
        .plan = f->plan,
        .txn = &f->txn,
        .before = tuple(f->before, before),
        .after = tuple(f->after, after),
        .lsn = 850,
        .id = {900, 850, 3, op == OP_READ},
        .now_ns = INT64_C(1795256446000111222),
    };

    recbuf_clear(&f->out);
    return json_encode(f->prog, &c, &f->out, &f->e);
}

static void
encode(struct fixture *f, enum change_op op, bool old_is_key, const char *const *before,
       const char *const *after)
{
    if (!try_encode(f, op, old_is_key, before, after))
        fail_msg("%s", f->e.msg);
}

static void
is_text(struct slice s, const char *text)
{
    if (!slice_is(s, text))
        fail_msg("\n  %.*s\nis not\n  %s", SLICE_ARG(s), text);
}

static void
key_is(struct fixture *f, size_t i, const char *text)
{
    const struct record *r = &f->out.recs[i];

    assert_true(i < f->out.n);
    assert_int_equal(r->null_key, text == NULL);
    if (text)
        is_text(recbuf_slice(&f->out, r->key, r->nkey), text);
}

#define SOURCE_LSN(snapshot, sequence, xid, lsn)                                                   \
    "\"source\":{\"version\":\"3.6.1.Final\",\"connector\":\"postgresql\",\"name\":\"p\",\"ts_"    \
    "ms\":1795256445123,"                                                                          \
    "\"snapshot\":\"" snapshot "\",\"db\":\"d\",\"sequence\":\"[" sequence ",\\\"" lsn             \
    "\\\"]\","                                                                                     \
    "\"ts_us\":1795256445123456,\"ts_ns\":1795256445123456000,\"schema\":\"public\",\"table\":"    \
    "\"item\",\"txId\":" xid ",\"lsn\":" lsn ",\"xmin\":null,\"origin\":null,\"origin_lsn\":null}"
#define SOURCE SOURCE_LSN("false", "\\\"800\\\"", "742", "850")
#define CLOCKS "\"ts_ms\":1795256446000,\"ts_us\":1795256446000111,\"ts_ns\":1795256446000111222}"
#define ENVELOPE(before, after, op)                                                                \
    "{\"before\":" before ",\"after\":" after "," SOURCE ",\"transaction\":null,\"op\":\"" op      \
    "\"," CLOCKS

static void
value_is(struct fixture *f, size_t i, const char *text)
{
    const struct record *r = &f->out.recs[i];

    assert_true(i < f->out.n);
    assert_int_equal(r->null_value, text == NULL);
    if (text)
        is_text(recbuf_slice(&f->out, r->value, r->nvalue), text);
}

static void
header_is(struct fixture *f, size_t i, const char *name, const char *text)
{
    const struct record *r = &f->out.recs[i];

    if (!name) {
        assert_int_equal(r->nextra, 0);
        return;
    }
    assert_string_equal(r->extra_name, name);
    is_text(recbuf_slice(&f->out, r->extra, r->nextra), text);
}

/* ------------------------------------------------------------------------------------------------ operations */

static void
an_insert_is_a_create(void **state)
{
    struct fixture *f = *state;

    encode(f, OP_CREATE, false, NULL, ROW("7", "nail", NULL));
    assert_int_equal(f->out.n, 1);
    key_is(f, 0, "{\"id\":7}");
    value_is(f, 0, ENVELOPE("null", "{\"id\":7,\"name\":\"nail\",\"body\":null}", "c"));
    header_is(f, 0, NULL, NULL);
    assert_int_equal(f->out.recs[0].op, OP_CREATE);
    assert_int_equal(f->out.recs[0].headers, RECORD_PLAIN);
    assert_int_equal(f->out.recs[0].id.commit_lsn, 900);
    assert_int_equal(f->out.recs[0].id.lsn, 850);
    assert_int_equal(f->out.recs[0].id.ordinal, 3);
}

static void
a_snapshot_row_is_a_read_with_its_marker(void **state)
{
    struct fixture *f = *state;

    f->txn.last_commit_lsn = f->txn.xid = 0;
    encode(f, OP_READ, false, NULL, ROW("7", "nail", "b"));
    key_is(f, 0, "{\"id\":7}");
    value_is(f, 0,
             "{\"before\":null,\"after\":{\"id\":7,\"name\":\"nail\",\"body\":\"b\"}," SOURCE_LSN(
                 "first", "null", "null", "850") ",\"transaction\":null,\"op\":\"r\"," CLOCKS);
}

static void
an_update_has_the_old_row_when_it_was_sent(void **state)
{
    struct fixture *f = *state;

    encode(f, OP_UPDATE, false, NULL, ROW("7", "nail", "b"));
    assert_int_equal(f->out.n, 1);
    value_is(f, 0, ENVELOPE("null", "{\"id\":7,\"name\":\"nail\",\"body\":\"b\"}", "u"));
    encode(f, OP_UPDATE, false, ROW("7", "old", NULL), ROW("7", "nail", "b"));
    assert_int_equal(f->out.n, 1);
    key_is(f, 0, "{\"id\":7}");
    value_is(f, 0,
             ENVELOPE("{\"id\":7,\"name\":\"old\",\"body\":null}",
                      "{\"id\":7,\"name\":\"nail\",\"body\":\"b\"}", "u"));
}

static void
a_delete_is_followed_by_its_tombstone(void **state)
{
    struct fixture *f = *state;

    encode(f, OP_DELETE, false, ROW("7", "nail", "b"), NULL);
    assert_int_equal(f->out.n, 2);
    for (size_t i = 0; i < 2; i++) {
        key_is(f, i, "{\"id\":7}");
        header_is(f, i, NULL, NULL);
        assert_int_equal(f->out.recs[i].index, i);
    }
    value_is(f, 0, ENVELOPE("{\"id\":7,\"name\":\"nail\",\"body\":\"b\"}", "null", "d"));
    value_is(f, 1, NULL);
}

static void
tombstones_can_be_off(void **state)
{
    struct fixture *f = *state;

    f->d.settings.tombstones = false;
    encode(f, OP_DELETE, false, ROW("7", "nail", "b"), NULL);
    assert_int_equal(f->out.n, 1);
    encode(f, OP_UPDATE, false, ROW("7", "a", NULL), ROW("8", "a", NULL));
    assert_int_equal(f->out.n, 2);
    assert_int_equal(f->out.recs[1].index, 1);
    key_is(f, 1, "{\"id\":8}");
    header_is(f, 1, "__debezium.oldkey", "{\"id\":7}");
}

/* Columns that a key-only old row lacks: a NOT NULL text falls back to the empty string, others are null. */
static void
a_delete_with_the_key_alone_fills_the_rest(void **state)
{
    struct fixture *f = *state;

    encode(f, OP_DELETE, true, ROW("7", NULL, NULL), NULL);
    key_is(f, 0, "{\"id\":7}");
    value_is(f, 0, ENVELOPE("{\"id\":7,\"name\":\"none\",\"body\":null}", "null", "d"));
}

static void
a_changed_key_is_three_records(void **state)
{
    struct fixture *f = *state;

    encode(f, OP_UPDATE, false, ROW("7", "a", NULL), ROW("8", "b", NULL));
    assert_int_equal(f->out.n, 3);
    key_is(f, 0, "{\"id\":7}");
    value_is(f, 0, ENVELOPE("{\"id\":7,\"name\":\"a\",\"body\":null}", "null", "d"));
    header_is(f, 0, "__debezium.newkey", "{\"id\":8}");
    key_is(f, 1, "{\"id\":7}");
    value_is(f, 1, NULL);
    header_is(f, 1, "__debezium.newkey", "{\"id\":8}");
    key_is(f, 2, "{\"id\":8}");
    value_is(f, 2, ENVELOPE("null", "{\"id\":8,\"name\":\"b\",\"body\":null}", "c"));
    header_is(f, 2, "__debezium.oldkey", "{\"id\":7}");
    for (uint16_t i = 0; i < 3; i++)
        assert_int_equal(f->out.recs[i].index, i);
    assert_int_equal(f->out.recs[0].op, OP_DELETE);
    assert_int_equal(f->out.recs[2].op, OP_CREATE);
}

static void
a_key_only_old_row_tells_that_the_key_changed(void **state)
{
    struct fixture *f = *state;

    encode(f, OP_UPDATE, true, ROW("7", NULL, NULL), ROW("8", "b", unchanged));
    assert_int_equal(f->out.n, 3);
    key_is(f, 0, "{\"id\":7}");
    key_is(f, 2, "{\"id\":8}");
    value_is(f, 2,
             ENVELOPE("null", "{\"id\":8,\"name\":\"b\",\"body\":\"__debezium_unavailable_value\"}",
                      "c"));
}

static void
without_a_key_there_is_none(void **state)
{
    struct fixture *f = *state;

    compile(f, 0);
    encode(f, OP_UPDATE, false, ROW("7", "a", NULL), ROW("8", "a", NULL));
    assert_int_equal(f->out.n, 1);
    key_is(f, 0, NULL);
    encode(f, OP_DELETE, false, ROW("7", "a", NULL), NULL);
    assert_int_equal(f->out.n, 2);
    key_is(f, 1, NULL);
    value_is(f, 1, NULL);
}

static void
a_truncate_has_neither_row_nor_key(void **state)
{
    struct fixture *f = *state;

    encode(f, OP_TRUNCATE, false, NULL, NULL);
    assert_int_equal(f->out.n, 1);
    key_is(f, 0, NULL);
    value_is(f, 0, ENVELOPE("null", "null", "t"));
}

/* ------------------------------------------------------------------------------------------------ values */

static void
an_unchanged_value_comes_from_a_whole_old_row(void **state)
{
    struct fixture *f = *state;

    encode(f, OP_UPDATE, false, ROW("7", "a", "long"), ROW("7", "b", unchanged));
    value_is(f, 0,
             ENVELOPE("{\"id\":7,\"name\":\"a\",\"body\":\"long\"}",
                      "{\"id\":7,\"name\":\"b\",\"body\":\"long\"}", "u"));
}

static void
an_unchanged_value_without_old_row_is_the_placeholder(void **state)
{
    struct fixture *f = *state;

    encode(f, OP_UPDATE, false, NULL, ROW("7", "b", unchanged));
    value_is(f, 0,
             ENVELOPE("null", "{\"id\":7,\"name\":\"b\",\"body\":\"__debezium_unavailable_value\"}",
                      "u"));
    /* A key-only old row's null is no value. */
    encode(f, OP_UPDATE, true, ROW("7", NULL, NULL), ROW("7", "b", unchanged));
    assert_int_equal(f->out.n, 1);
    assert_non_null(strstr(buf_cstr(&f->out.bytes), "\"body\":\"__debezium_unavailable_value\""));
}

static void
the_placeholder_is_a_setting(void **state)
{
    struct fixture *f = *state;

    f->d.settings.unavailable = SLICE_LIT("g\"one");
    compile(f, 1);
    encode(f, OP_UPDATE, false, NULL, ROW("7", "b", unchanged));
    value_is(f, 0, ENVELOPE("null", "{\"id\":7,\"name\":\"b\",\"body\":\"g\\\"one\"}", "u"));
}

static void
an_absent_value_is_a_null(void **state)
{
    struct fixture *f = *state;

    encode(f, OP_DELETE, true, ROW("7", absent, absent), NULL);
    value_is(f, 0, ENVELOPE("{\"id\":7,\"name\":\"none\",\"body\":null}", "null", "d"));
}

static void
texts_are_escaped(void **state)
{
    struct fixture *f = *state;

    encode(f, OP_CREATE, false, NULL, ROW("7", "a\"b\\c\n\x01\xc3\xa4\xf0\x9f\x98\x80", ""));
    value_is(
        f, 0,
        ENVELOPE(
            "null",
            "{\"id\":7,\"name\":\"a\\\"b\\\\c\\n\\u0001\xc3\xa4\\uD83D\\uDE00\",\"body\":\"\"}",
            "c"));
}

/* message.key.columns: in the order of the list, without regard to how often one is named; a list that names none says nothing. */
static void
listed_key_columns_come_before_the_tables_own(void **state)
{
    static const struct {
        const char *list, *key;
    } cases[] = {
        {"public.item:body,name", "{\"body\":\"b\",\"name\":\"a\"}"},
        {"public.item:body;public.*:b.*,id", "{\"body\":\"b\",\"id\":7}"},
        {"public.item:gone", "{\"id\":7}"},
        {"public.other:body", "{\"id\":7}"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *const filters[] = {"message.key.columns", cases[i].list, NULL};

        json_discard(f->prog);
        f->prog = NULL;
        dfix_close(&f->d);
        dfix_open(&f->d, filters);
        compile(f, 1);
        encode(f, OP_CREATE, false, NULL, ROW("7", "a", "b"));
        key_is(f, 0, cases[i].key);
    }
}

/* Both are written as the default is; a column that is NOT NULL has the default where it is null. */
static void
a_key_that_becomes_null_where_it_was_the_default_changes(void **state)
{
    static const struct {
        const char *before, *after;
        bool not_null, changed;
    } cases[] = {{"5", NULL, false, true}, {NULL, "5", false, true},   {NULL, NULL, false, false},
                 {"5", "5", false, false}, {"5", "6", true, true},     {NULL, "5", true, false},
                 {"6", NULL, false, true}, {NULL, "NaN", false, false}};
    static const struct pgo_column cols[] = {{S("id"), 1700, (4 << 16) + 4, true}};
    const struct pgo_relation rel = {
        .oid = 1, .schema = S("s"), .table = S("t"), .identity = 'f', .ncols = 1, .cols = cols};
    struct fixture *f = *state;

    f->d.settings.key_json.replace_null = true;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct column_facts id = {S("id"), cases[i].not_null, false, S("5")};
        const struct relation_facts facts = {true, 1, &id, 1, item_key};

        json_discard(f->prog);
        f->plan = dfix_plan(&f->d, &rel, &facts);
        f->prog = json_compile(f->plan, &f->e);
        encode(f, OP_UPDATE, false, ROW(cases[i].before, "", ""), ROW(cases[i].after, "", ""));
        if ((f->out.n > 1) != cases[i].changed)
            fail_msg("case %zu: %zu records", i, f->out.n);
    }
}

/* A key of a type that is left out is a key without fields; no key is something else. */
static void
a_key_of_unknown_types_has_no_fields(void **state)
{
    static const struct pgo_column cols[] = {{S("id"), 718, -1, true}, {S("v"), 25, -1, false}};
    static const struct column_facts facts_cols[] = {{S("id"), true, false, {NULL, 0}},
                                                     {S("v"), false, false, {NULL, 0}}};
    const struct pgo_relation rel = {
        .oid = 1, .schema = S("s"), .table = S("t"), .identity = 'f', .ncols = 2, .cols = cols};
    const struct relation_facts facts = {true, 2, facts_cols, 1, item_key};
    struct fixture *f = *state;
    struct value v[] = {{"<(0,0),1>", 9, VALUE_TEXT}, {"x", 1, VALUE_TEXT}};
    struct change c = {.op = OP_CREATE, .txn = &f->txn, .after = {v, 2}, .lsn = 1};

    json_discard(f->prog);
    f->d.settings.key_json.schemas = true;
    c.plan = f->plan = dfix_plan(&f->d, &rel, &facts);
    f->prog = json_compile(f->plan, &f->e);
    assert_true(json_encode(f->prog, &c, &f->out, &f->e));
    key_is(f, 0,
           "{\"schema\":{\"type\":\"struct\",\"fields\":[],\"optional\":false,"
           "\"name\":\"p.s.t.Key\"},\"payload\":{}}");
}

/* SimpleHeaderConverter's text: only quotes and backslashes escaped, control characters and emoji as they are. */
static void
key_headers_are_texts_of_connect(void **state)
{
    static const struct pgo_column cols[] = {{S("id"), 25, -1, true}};
    static const struct column_facts facts_cols[] = {{S("id"), true, false, {NULL, 0}}};
    const struct pgo_relation rel = {
        .oid = 1, .schema = S("s"), .table = S("t"), .identity = 'f', .ncols = 1, .cols = cols};
    const struct relation_facts facts = {true, 1, facts_cols, 1, item_key};
    struct fixture *f = *state;
    const char *odd = "a\"\\\n\t\x02\xf0\x9f\x98\x80/\xc3\xa4";
    struct value o = {"x", 1, VALUE_TEXT}, n = {odd, (uint32_t)strlen(odd), VALUE_TEXT};
    struct change c = {
        .op = OP_UPDATE, .txn = &f->txn, .before = {&o, 1}, .after = {&n, 1}, .lsn = 1};

    json_discard(f->prog);
    c.plan = f->plan = dfix_plan(&f->d, &rel, &facts);
    f->prog = json_compile(f->plan, &f->e);
    assert_true(json_encode(f->prog, &c, &f->out, &f->e));
    assert_int_equal(f->out.n, 3);
    header_is(f, 0, "__debezium.newkey", "{\"id\":\"a\\\"\\\\\n\t\x02\xf0\x9f\x98\x80/\xc3\xa4\"}");
    header_is(f, 2, "__debezium.oldkey", "{\"id\":\"x\"}");
    key_is(f, 2, "{\"id\":\"a\\\"\\\\\\n\\t\\u0002\\uD83D\\uDE00/\xc3\xa4\"}");
}

/* Connect's Values: numbers as Java prints them, its own dates by their clock, bytes in base64. */
static void
key_headers_say_dates_and_decimals_as_text(void **state)
{
    static const struct {
        uint32_t type;
        int32_t typmod;
        const char *text, *header;
    } cases[] = {
        {1082, -1, "2009-10-12", "2009-10-12"},
        {1082, -1, "1969-12-31", "00:00:00.000Z"},
        {1083, -1, "01:02:03.5", "01:02:03.500Z"},
        {1114, -1, "2009-10-12 01:02:03.5", "2009-10-12T01:02:03.500Z"},
        {1114, -1, "2009-10-12 00:00:00", "2009-10-12"},
        {1700, (10 << 16 | 2) + 4, "-12.50", "-12.50"},
        {1700, (20 << 16 | 12) + 4, "0.000000000001", "1E-12"},
        {701, -1, "NaN", "NaN"},
        {701, -1, "1e+20", "1.0E20"},
        {17, -1, "\\x00ff", "\"AP8=\""},
        {16, -1, "t", "true"},
    };
    struct fixture *f = *state;

    f->d.settings.time = TIME_CONNECT;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct pgo_column cols[] = {{S("id"), cases[i].type, cases[i].typmod, true}};
        static const struct column_facts facts_cols[] = {{S("id"), true, false, {NULL, 0}}};
        const struct pgo_relation rel = {
            .oid = 1, .schema = S("s"), .table = S("t"), .identity = 'f', .ncols = 1, .cols = cols};
        const struct relation_facts facts = {true, 1, facts_cols, 1, item_key};
        const char *text = cases[i].text;
        struct value o = {NULL, 0, VALUE_NULL}, n = {text, (uint32_t)strlen(text), VALUE_TEXT};
        struct change c = {
            .op = OP_UPDATE, .txn = &f->txn, .before = {&o, 1}, .after = {&n, 1}, .lsn = 1};
        char want[64];

        json_discard(f->prog);
        c.plan = f->plan = dfix_plan(&f->d, &rel, &facts);
        f->prog = json_compile(f->plan, &f->e);
        recbuf_clear(&f->out);
        assert_true(json_encode(f->prog, &c, &f->out, &f->e));
        snprintf(want, sizeof(want), "{\"id\":%s}", cases[i].header);
        header_is(f, 0, "__debezium.newkey", want);
    }
}

static void
bytes_that_are_no_utf8_are_told_of_or_an_error(void **state)
{
    struct fixture *f = *state;

    encode(f, OP_CREATE, false, NULL, ROW("7", "na\xff\xef\xbf\xbdl", NULL));
    assert_int_equal(f->out.unconverted, 1);
    assert_true(slice_is(f->out.unconverted_column, "name"));
    f->out.unconverted = 0;
    encode(f, OP_CREATE, false, NULL, ROW("7", "na\xef\xbf\xbdl", NULL)); /* stored as it is */
    assert_int_equal(f->out.unconverted, 0);
    f->d.settings.fail_on_unconvertible = true;
    assert_false(try_encode(f, OP_CREATE, false, NULL, ROW("7", "na\xffl", NULL)));
    assert_string_equal(f->e.code, "value.encoding");
    assert_non_null(strstr(f->e.msg, "\"name\""));
}

static void
a_value_that_cannot_be_said_is_null_or_an_error(void **state)
{
    struct fixture *f = *state;

    encode(f, OP_CREATE, false, NULL, ROW("seven", "a", NULL));
    assert_int_equal(f->out.unconverted, 2); /* in the key and in the row */
    assert_true(slice_is(f->out.unconverted_column, "id"));
    assert_int_equal(f->e.cls, ERR_NONE);
    assert_int_equal(f->out.unconverted_why.cls, ERR_DATA);
    f->out.unconverted = 0;
    f->d.settings.fail_on_unconvertible = true;
    f->e = (struct err){0};
    assert_false(try_encode(f, OP_CREATE, false, NULL, ROW("seven", "a", NULL)));
    assert_int_equal(f->e.cls, ERR_DATA);
    assert_non_null(strstr(f->e.msg, "\"id\""));
    assert_null(strstr(f->e.msg, "seven"));
}

static void
a_record_larger_than_the_buffer_is_an_error(void **state)
{
    struct fixture *f = *state;
    char *big = mem_alloc(3 << 20);

    memset(big, 'x', (3 << 20) - 1);
    assert_false(try_encode(f, OP_CREATE, false, NULL, ROW("7", big, NULL)));
    assert_string_equal(f->e.code, "record.too_large");
    assert_int_equal(f->e.cls, ERR_DATA);
    free(big);
    encode(f, OP_CREATE, false, NULL, ROW("7", "small", NULL)); /* the next one fits */
}

/* ------------------------------------------------------------------------------------------------ transactions */

static void
the_source_follows_the_transaction(void **state)
{
    struct fixture *f = *state;

    encode(f, OP_CREATE, false, NULL, ROW("7", "a", NULL));
    f->txn = (struct txn){.seq = 2,
                          .last_commit_lsn = 900,
                          .commit_us = INT64_C(1795256445999999),
                          .xid = 743,
                          .origin = "nod\"e",
                          .origin_lsn = 5};
    encode(f, OP_CREATE, false, NULL, ROW("7", "a", NULL));
    value_is(f, 0,
             "{\"before\":null,\"after\":{\"id\":7,\"name\":\"a\",\"body\":null},\"source\":{"
             "\"version\":\"3.6.1.Final\","
             "\"connector\":\"postgresql\",\"name\":\"p\",\"ts_ms\":1795256445999,\"snapshot\":"
             "\"false\",\"db\":\"d\","
             "\"sequence\":\"[\\\"900\\\",\\\"850\\\"]\",\"ts_us\":1795256445999999,\"ts_ns\":"
             "1795256445999999000,"
             "\"schema\":\"public\",\"table\":\"item\",\"txId\":743,\"lsn\":850,\"xmin\":null,"
             "\"origin\":\"nod\\\"e\","
             "\"origin_lsn\":5},\"transaction\":null,\"op\":\"c\"," CLOCKS);
}

static void
several_changes_share_one_buffer(void **state)
{
    struct fixture *f = *state;
    struct change c = {
        .op = OP_CREATE, .plan = f->plan, .txn = &f->txn, .now_ns = INT64_C(1795256446000111222)};

    for (uint64_t i = 0; i < 100; i++) {
        char id[20];

        snprintf(id, sizeof(id), "%" PRIu64, i);
        c.after = tuple(f->after, ROW(id, "n", NULL));
        c.lsn = 1000 + i;
        assert_true(json_encode(f->prog, &c, &f->out, &f->e));
    }
    assert_int_equal(f->out.n, 100);
    for (size_t i = 0; i < 100; i++) {
        char text[40];
        struct slice v = recbuf_slice(&f->out, f->out.recs[i].value, f->out.recs[i].nvalue);

        snprintf(text, sizeof(text), "{\"id\":%zu}", i);
        key_is(f, i, text);
        snprintf(text, sizeof(text), ",\"lsn\":%zu,", 1000 + i);
        assert_non_null(memmem(v.p, v.n, text, strlen(text)));
    }
}

static void
context_headers_are_marked(void **state)
{
    struct fixture *f = *state;

    f->d.settings.context_headers = true;
    encode(f, OP_UPDATE, false, ROW("7", "a", NULL), ROW("8", "a", NULL));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(f->out.recs[i].headers, RECORD_CONTEXT);
}

/* ------------------------------------------------------------------------------------------------ schemas */

#define KEY_SCHEMA                                                                                 \
    "{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"optional\":false,\"field\":\"id\"}],"  \
    "\"optional\":false,"                                                                          \
    "\"name\":\"p.public.item.Key\"}"
#define ROW_SCHEMA(field)                                                                          \
    "{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"optional\":false,\"field\":\"id\"},"   \
    "{\"type\":\"string\",\"optional\":false,\"default\":\"none\",\"field\":\"name\"},"            \
    "{\"type\":\"string\",\"optional\":true,\"field\":\"body\"}],\"optional\":true,\"name\":\"p."  \
    "public.item.Value\","                                                                         \
    "\"field\":\"" field "\"}"
#define SOURCE_SCHEMA                                                                              \
    "{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":false,\"field\":"          \
    "\"version\"},"                                                                                \
    "{\"type\":\"string\",\"optional\":false,\"field\":\"connector\"},"                            \
    "{\"type\":\"string\",\"optional\":false,\"field\":\"name\"},{\"type\":\"int64\","             \
    "\"optional\":false,\"field\":"                                                                \
    "\"ts_ms\"},{\"type\":\"string\",\"optional\":true,\"name\":\"io.debezium.data.Enum\","        \
    "\"version\":1,"                                                                               \
    "\"parameters\":{\"allowed\":\"true,first,first_in_data_collection,last_in_data_collection,"   \
    "last,false,"                                                                                  \
    "incremental\"},\"default\":\"false\",\"field\":\"snapshot\"},{\"type\":\"string\","           \
    "\"optional\":false,\"field\":"                                                                \
    "\"db\"},{\"type\":\"string\",\"optional\":true,\"field\":\"sequence\"},{\"type\":\"int64\","  \
    "\"optional\":true,"                                                                           \
    "\"field\":\"ts_us\"},{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_ns\"},{\"type\":"   \
    "\"string\","                                                                                  \
    "\"optional\":false,\"field\":\"schema\"},{\"type\":\"string\",\"optional\":false,\"field\":"  \
    "\"table\"},"                                                                                  \
    "{\"type\":\"int64\",\"optional\":true,\"field\":\"txId\"},{\"type\":\"int64\",\"optional\":"  \
    "true,\"field\":"                                                                              \
    "\"lsn\"},{\"type\":\"int64\",\"optional\":true,\"field\":\"xmin\"},{\"type\":\"string\","     \
    "\"optional\":true,"                                                                           \
    "\"field\":\"origin\"},{\"type\":\"int64\",\"optional\":true,\"field\":\"origin_lsn\"}],"      \
    "\"optional\":false,"                                                                          \
    "\"name\":\"io.debezium.connector.postgresql.Source\",\"version\":1,\"field\":\"source\"}"
#define TRANSACTION_SCHEMA                                                                         \
    "{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":false,\"field\":\"id\"},{" \
    "\"type\":\"int64\","                                                                          \
    "\"optional\":false,\"field\":\"total_order\"},{\"type\":\"int64\",\"optional\":false,"        \
    "\"field\":"                                                                                   \
    "\"data_collection_order\"}],\"optional\":true,\"name\":\"event.block\",\"version\":1,"        \
    "\"field\":\"transaction\"}"
#define VALUE_SCHEMA                                                                               \
    "{\"type\":\"struct\",\"fields\":[" ROW_SCHEMA("before") "," ROW_SCHEMA(                       \
        "after") "," SOURCE_SCHEMA "," TRANSACTION_SCHEMA                                          \
                 ",{\"type\":\"string\",\"optional\":false,\"field\":\"op\"},{\"type\":\"int64\"," \
                 "\"optional\":true,\"field\":\"ts_ms\"},{\"type\":\"int64\",\"optional\":true,"   \
                 "\"field\":\"ts_us\"},"                                                           \
                 "{\"type\":\"int64\",\"optional\":true,\"field\":\"ts_ns\"}],\"optional\":false," \
                 "\"name\":\"p.public.item.Envelope\",\"version\":2}"

static void
schemas_go_around_key_and_value(void **state)
{
    struct fixture *f = *state;

    f->d.settings.key_json.schemas = f->d.settings.value_json.schemas = true;
    compile(f, 1);
    encode(f, OP_DELETE, false, ROW("7", "nail", NULL), NULL);
    assert_int_equal(f->out.n, 2);
    for (size_t i = 0; i < 2; i++)
        key_is(f, i, "{\"schema\":" KEY_SCHEMA ",\"payload\":{\"id\":7}}");
    value_is(f, 0,
             "{\"schema\":" VALUE_SCHEMA ",\"payload\":" ENVELOPE(
                 "{\"id\":7,\"name\":\"nail\",\"body\":null}", "null", "d") "}");
    value_is(f, 1, NULL);
}

static void
each_side_has_schemas_of_its_own(void **state)
{
    struct fixture *f = *state;

    f->d.settings.key_json.schemas = true;
    compile(f, 1);
    encode(f, OP_UPDATE, false, ROW("7", "a", NULL), ROW("8", "a", NULL));
    key_is(f, 2, "{\"schema\":" KEY_SCHEMA ",\"payload\":{\"id\":8}}");
    value_is(f, 2, ENVELOPE("null", "{\"id\":8,\"name\":\"a\",\"body\":null}", "c"));
    header_is(f, 0, "__debezium.newkey", "{\"id\":8}"); /* a header has none */
}

/* ------------------------------------------------------------------------------------------------ messages */

static void
message_in(struct fixture *f, const struct txn_block *block, const char *content, size_t n)
{
    struct change c = {.op = OP_MESSAGE,
                       .txn = &f->txn,
                       .lsn = 850,
                       .now_ns = INT64_C(1795256446000111222),
                       .prefix = SLICE_LIT("au\"dit"),
                       .content = {content, n},
                       .block = block};

    json_discard(f->prog);
    plan_unref(f->d.plan);
    c.plan = f->plan = f->d.plan = plan_new_event(&f->d.settings, PLAN_MESSAGE);
    f->prog = json_compile(f->plan, &f->e);
    assert_non_null(f->prog);
    recbuf_clear(&f->out);
    assert_true(json_encode(f->prog, &c, &f->out, &f->e));
    assert_int_equal(f->out.n, 1);
}

static void
message(struct fixture *f, const char *content, size_t n)
{
    message_in(f, NULL, content, n);
}

#define MESSAGE(content) MESSAGE_WITH("null", "null", content)
#define MESSAGE_WITH(xmin, block, content)                                                         \
    "{\"op\":\"m\",\"ts_ms\":1795256446000,\"source\":{\"version\":\"3.6.1.Final\",\"connector\":" \
    "\"postgresql\","                                                                              \
    "\"name\":\"p\",\"ts_ms\":1795256445123,\"snapshot\":\"false\",\"db\":\"d\",\"sequence\":\"["  \
    "\\\"800\\\","                                                                                 \
    "\\\"850\\\"]\",\"ts_us\":1795256445123456,\"ts_ns\":1795256445123456000,\"schema\":\"\","     \
    "\"table\":\"\","                                                                              \
    "\"txId\":742,\"lsn\":850,\"xmin\":" xmin                                                      \
    ",\"origin\":null,\"origin_lsn\":null},\"transaction\":" block                                 \
    ","                                                                                            \
    "\"message\":{\"prefix\":\"au\\\"dit\",\"content\":\"" content "\"}}"

static void
a_logical_message_has_prefix_and_content(void **state)
{
    struct fixture *f = *state;

    f->d.settings.context_headers = true;
    message(f, "\xfb\xff\x00", 3);
    key_is(f, 0, "{\"prefix\":\"au\\\"dit\"}");
    value_is(f, 0, MESSAGE("+/8A"));
    assert_int_equal(f->out.recs[0].headers, RECORD_PLAIN);
    assert_string_equal(f->plan->topic, "p.message");
}

static void
a_logical_message_has_its_place_in_the_transaction_and_xmin(void **state)
{
    struct fixture *f = *state;

    f->txn.xmin = 741;
    message_in(f, &(struct txn_block){3, 1}, "\xfb\xff\x00", 3);
    value_is(f, 0,
             MESSAGE_WITH("741",
                          "{\"id\":\"742:850\",\"total_order\":3,\"data_collection_order\":1}",
                          "+/8A"));
}

static void
content_follows_the_binary_mode(void **state)
{
    struct fixture *f = *state;

    f->d.settings.binary = BINARY_BASE64_URL;
    message(f, "\xfb\xff\x00", 3);
    value_is(f, 0, MESSAGE("-_8A"));
    f->d.settings.binary = BINARY_HEX;
    message(f, "\xfb\xff\x00", 3);
    value_is(f, 0, MESSAGE("fbff00"));
    f->d.settings.binary = BINARY_BASE64;
    message(f, "", 0);
    value_is(f, 0, MESSAGE(""));
}

static void
a_message_with_schemas_is_a_whole_document(void **state)
{
    struct fixture *f = *state;
    struct slice v;

    f->d.settings.key_json.schemas = f->d.settings.value_json.schemas = true;
    message(f, "x", 1);
    key_is(f, 0,
           "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":true,"
           "\"field\":\"prefix\"}],"
           "\"optional\":false,\"name\":\"io.debezium.connector.postgresql.MessageKey\","
           "\"version\":1},"
           "\"payload\":{\"prefix\":\"au\\\"dit\"}}");
    v = recbuf_slice(&f->out, f->out.recs[0].value, f->out.recs[0].nvalue);
    assert_true(v.n > 3 && memcmp(v.p + v.n - 5, "\"}}}", 4) != 0);
    assert_memory_equal(v.p + v.n - 4, "\"}}}", 4);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_insert_is_a_create),
        T(a_snapshot_row_is_a_read_with_its_marker),
        T(an_update_has_the_old_row_when_it_was_sent),
        T(a_delete_is_followed_by_its_tombstone),
        T(tombstones_can_be_off),
        T(a_delete_with_the_key_alone_fills_the_rest),
        T(a_changed_key_is_three_records),
        T(a_key_only_old_row_tells_that_the_key_changed),
        T(a_key_that_becomes_null_where_it_was_the_default_changes),
        T(without_a_key_there_is_none),
        T(a_truncate_has_neither_row_nor_key),
        T(an_unchanged_value_comes_from_a_whole_old_row),
        T(an_unchanged_value_without_old_row_is_the_placeholder),
        T(the_placeholder_is_a_setting),
        T(an_absent_value_is_a_null),
        T(texts_are_escaped),
        T(listed_key_columns_come_before_the_tables_own),
        T(a_key_of_unknown_types_has_no_fields),
        T(key_headers_are_texts_of_connect),
        T(key_headers_say_dates_and_decimals_as_text),
        T(a_value_that_cannot_be_said_is_null_or_an_error),
        T(bytes_that_are_no_utf8_are_told_of_or_an_error),
        T(a_record_larger_than_the_buffer_is_an_error),
        T(the_source_follows_the_transaction),
        T(several_changes_share_one_buffer),
        T(context_headers_are_marked),
        T(schemas_go_around_key_and_value),
        T(each_side_has_schemas_of_its_own),
        T(a_logical_message_has_prefix_and_content),
        T(a_logical_message_has_its_place_in_the_transaction_and_xmin),
        T(content_follows_the_binary_mode),
        T(a_message_with_schemas_is_a_whole_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
