/* walbridge.compat=1.2: the records of Debezium 1.2.5 in tests/golden/1.2, byte for byte, and what they do not show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "decoder/json_conv.h"
#include "tests/unit/decoder_fixture.h"

#define RECORDED "tests/golden/1.2/inventory/records.jsonl"
#define S(text) SLICE_INIT(text)

enum { COLUMNS = 6, RECORDS = 14, LINE_MAX_BYTES = 65536 };

/* inventory(id uuid default …, sku char(15) not null, name varchar(150) not null, description text,
 *           price double precision not null default 0.0, available integer) */
static const struct pgo_column columns[COLUMNS] = {
    {S("id"), 2950, -1, true},        {S("sku"), 1042, 19, true},  {S("name"), 1043, 154, true},
    {S("description"), 25, -1, true}, {S("price"), 701, -1, true}, {S("available"), 23, -1, true},
};
static const struct column_facts facts_of[COLUMNS] = {
    {S("id"), false, false, S("uuid_generate_v4()")},
    {S("sku"), true, false, {NULL, 0}},
    {S("name"), true, false, {NULL, 0}},
    {S("description"), false, false, {NULL, 0}},
    {S("price"), true, false, S("0.0")},
    {S("available"), false, false, {NULL, 0}},
};
static const struct slice sku_key[] = {S("sku")};

#define ID1 "11111111-1111-1111-1111-111111111111"
#define ID2 "22222222-2222-2222-2222-222222222222"
#define ID3 "33333333-3333-3333-3333-333333333333"
#define QUOTED                                                                                     \
    "A \"quoted\" thing \xe2\x80\x93 \xc3\xbcn\xc3\xaf"                                            \
    "code \xf0\x9f\x98\x80"
#define SKU(n) "SKU-000" n "       "

/* The changes that were recorded; times in milliseconds behind RECORDED_MS. */
#define RECORDED_MS INT64_C(1795242000000)
static const struct step {
    enum change_op op;
    enum snapshot_marker marker;
    bool keyed, has_before, has_after;
    uint64_t xid, lsn;
    int64_t source_ms, now_ms;
    const char *before[COLUMNS], *after[COLUMNS];
    size_t first, records; /* in the recording */
} steps[] = {
    {OP_READ,
     SNAPSHOT_FIRST,
     false,
     false,
     true,
     491,
     23524144,
     498820,
     498822,
     {NULL},
     {ID1, SKU("1"), "Widget", QUOTED, "9.99", "5"},
     0,
     1},
    {OP_READ,
     SNAPSHOT_LAST,
     false,
     false,
     true,
     491,
     23524144,
     498824,
     498824,
     {NULL},
     {ID2, SKU("2"), "Gadget", NULL, "1e+20", NULL},
     1,
     1},
    {OP_CREATE,
     SNAPSHOT_FALSE,
     false,
     false,
     true,
     492,
     23524184,
     505816,
     506021,
     {NULL},
     {ID3, SKU("3"), "Third", "tab\tnewline\n", "3", "3"},
     2,
     1},
    {OP_CREATE,
     SNAPSHOT_FALSE,
     false,
     false,
     true,
     493,
     23524360,
     505847,
     506022,
     {NULL},
     {NULL, SKU("4"), "defaults", NULL, "0", NULL},
     3,
     1},
    {OP_UPDATE,
     SNAPSHOT_FALSE,
     false,
     true,
     true,
     495,
     23524864,
     505980,
     506036,
     {ID1, SKU("1"), "Widget", QUOTED, "9.99", "5"},
     {ID1, SKU("1"), "Widget", QUOTED, "12.5", "7"},
     4,
     1},
    {OP_UPDATE,
     SNAPSHOT_FALSE,
     false,
     true,
     true,
     496,
     23525168,
     506022,
     506037,
     {ID1, SKU("1"), "Widget", QUOTED, "12.5", "7"},
     {ID1, SKU("1"), "Widget", NULL, "12.5", "7"},
     5,
     1},
    {OP_DELETE,
     SNAPSHOT_FALSE,
     false,
     true,
     false,
     496,
     23525384,
     506022,
     506039,
     {ID2, SKU("2"), "Gadget", NULL, "1e+20", NULL},
     {NULL},
     6,
     2},
    {OP_UPDATE,
     SNAPSHOT_FALSE,
     true,
     false,
     true,
     499,
     23548928,
     506093,
     506558,
     {NULL},
     {ID1, SKU("1"), "Widget", NULL, "13", "7"},
     8,
     1},
    {OP_UPDATE,
     SNAPSHOT_FALSE,
     true,
     true,
     true,
     500,
     23549096,
     506094,
     506559,
     {NULL, SKU("4"), NULL, NULL, NULL, NULL},
     {NULL, SKU("9"), "defaults", NULL, "0", NULL},
     9,
     3},
    {OP_DELETE,
     SNAPSHOT_FALSE,
     true,
     true,
     false,
     501,
     23549344,
     506094,
     506560,
     {NULL, SKU("1"), NULL, NULL, NULL, NULL},
     {NULL},
     12,
     2},
};

/* ------------------------------------------------------------------------------------------------ the recording */

struct recorded {
    char *key, *value; /* NULL: null */
};

/* The text of a JSON string that needs no escapes but these two; NULL for null. */
static char *
unquoted(const char *line, const char *member)
{
    const char *p = strstr(line, member);
    char *text, *w;

    if (!p)
        fail_msg("no %s in %s", member, line);
    p += strlen(member);
    if (*p++ != '"')
        return NULL;
    text = w = mem_alloc(strlen(p) + 1);
    for (; *p != '"'; p++) {
        if (*p == '\\' && *++p != '"' && *p != '\\')
            fail_msg("an escape this reader does not know: \\%c", *p);
        *w++ = *p;
    }
    *w = '\0';
    return text;
}

static void
read_recording(struct recorded *out)
{
    static char line[LINE_MAX_BYTES];
    FILE *f = fopen(RECORDED, "re");
    size_t n = 0;

    if (!f)
        fail_msg("no file %s", RECORDED);
    while (n < RECORDS && fgets(line, sizeof(line), f)) {
        out[n].key = unquoted(line, "\"key\": ");
        out[n++].value = unquoted(line, "\"value\": ");
    }
    fclose(f);
    assert_int_equal(n, RECORDS);
}

static void
settings_as_1_2(struct settings *s)
{
    s->compat = COMPAT_1_2;
    s->version = "1.2.5.Final";
    s->schema_adjust = ADJUST_AVRO_1_2;
    s->money_scale = 4; /* without effect */
}

static struct tuple
tuple(struct value *v, bool has, const char *const *texts)
{
    if (!has)
        return (struct tuple){NULL, 0};
    for (int i = 0; i < COLUMNS; i++)
        v[i] = texts[i] ? (struct value){texts[i], (uint32_t)strlen(texts[i]), VALUE_TEXT}
                        : (struct value){NULL, 0, VALUE_NULL};
    return (struct tuple){v, COLUMNS};
}

static void
is_text(struct slice got, const char *text, const char *what, size_t i)
{
    if (!slice_is(got, text))
        fail_msg("%s of record %zu\n  %.*s\nis not\n  %s", what, i, SLICE_ARG(got), text);
}

static void
play(struct dfix *d, const struct step *st, struct recbuf *out)
{
    const struct pgo_relation rel = {.oid = 16400,
                                     .schema = S("public"),
                                     .table = S("inventory"),
                                     .identity = st->keyed ? 'd' : 'f',
                                     .ncols = COLUMNS,
                                     .cols = columns};
    const struct relation_facts facts = {true, COLUMNS, facts_of, st->keyed, sku_key};
    const struct txn t = {.seq = st->lsn,
                          .xid = st->xid,
                          .last_commit_lsn = 7,
                          .commit_us = (RECORDED_MS + st->source_ms) * 1000 + 999};
    const struct plan *p = dfix_plan(d, &rel, &facts);
    struct value before[COLUMNS], after[COLUMNS];
    const struct change c = {
        .op = st->op,
        .snapshot = st->marker,
        .old_is_key = st->keyed,
        .plan = p,
        .txn = &t,
        .lsn = st->lsn,
        .before = tuple(before, st->has_before, st->before),
        .after = tuple(after, st->has_after, st->after),
        .now_ns = (RECORDED_MS + st->now_ms) * 1000000 + 123456,
    };
    struct err e = {0};
    struct json_program *prog = json_compile(p, &e);

    assert_string_equal(p->topic, "debezium_multicloud.public.inventory");
    recbuf_clear(out);
    if (!prog || !json_encode(prog, &c, out, &e))
        fail_msg("%s", e.msg);
    json_discard(prog);
}

static void
the_recorded_changes_become_the_recorded_bytes(void **state)
{
    struct recorded want[RECORDS];
    struct recbuf out;
    struct dfix d;

    (void)state;
    read_recording(want);
    dfix_open(&d, NULL);
    settings_as_1_2(&d.settings);
    d.settings.prefix = "debezium_multicloud";
    d.settings.database = "inventory";
    d.settings.key_json.schemas = d.settings.value_json.schemas = true;
    recbuf_init(&out, 1 << 20);
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        play(&d, &steps[i], &out);
        assert_int_equal(out.n, steps[i].records);
        for (size_t j = 0; j < out.n; j++) {
            const struct record *r = &out.recs[j];
            const struct recorded *w = &want[steps[i].first + j];

            assert_int_equal(r->headers, RECORD_PLAIN);
            assert_int_equal(r->null_key, w->key == NULL);
            assert_int_equal(r->null_value, w->value == NULL);
            if (w->key)
                is_text(recbuf_slice(&out, r->key, r->nkey), w->key, "key", steps[i].first + j);
            if (w->value)
                is_text(recbuf_slice(&out, r->value, r->nvalue), w->value, "value",
                        steps[i].first + j);
        }
    }
    recbuf_free(&out);
    dfix_close(&d);
    for (size_t i = 0; i < RECORDS; i++) {
        free(want[i].key);
        free(want[i].value);
    }
}

/* ------------------------------------------------------------------------------------------------ beside the recording */

/* t(a int not null, b int not null), primary key (b, a): encoded with a place in the transaction. */
static void
the_transaction_stands_last_and_its_id_is_the_xid(void **state)
{
    static const struct pgo_column cols[] = {{S("a"), 23, -1, true}, {S("b"), 23, -1, true}};
    static const struct column_facts col_facts[] = {{S("a"), true, false, S("1")},
                                                    {S("b"), true, false, {NULL, 0}}};
    static const struct slice key[] = {S("b"), S("a")};
    const struct pgo_relation rel = {
        .oid = 5, .schema = S("s"), .table = S("t"), .identity = 'd', .ncols = 2, .cols = cols};
    const struct relation_facts facts = {true, 2, col_facts, 2, key};
    const struct txn t = {.seq = 1, .xid = 742, .commit_us = 5000};
    const struct txn_block block = {3, 2};
    const struct value v[] = {{"1", 1, VALUE_TEXT}, {"2", 1, VALUE_TEXT}};
    struct change c = {
        .op = OP_CREATE, .txn = &t, .after = {v, 2}, .lsn = 9, .now_ns = 7000000, .block = &block};
    struct json_program *prog;
    struct recbuf out;
    struct dfix d;

    (void)state;
    dfix_open(&d, NULL);
    settings_as_1_2(&d.settings);
    recbuf_init(&out, 1 << 20);
    c.plan = dfix_plan(&d, &rel, &facts);
    prog = json_compile(c.plan, NULL);
    assert_true(json_encode(prog, &c, &out, NULL));
    /* The stream knows a key in the order of the table's columns. */
    is_text(recbuf_slice(&out, out.recs[0].key, out.recs[0].nkey), "{\"a\":1,\"b\":2}", "key", 0);
    is_text(recbuf_slice(&out, out.recs[0].value, out.recs[0].nvalue),
            "{\"before\":null,\"after\":{\"a\":1,\"b\":2},\"source\":{\"version\":\"1.2.5.Final\","
            "\"connector\":"
            "\"postgresql\",\"name\":\"p\",\"ts_ms\":5,\"snapshot\":\"false\",\"db\":\"d\","
            "\"schema\":\"s\",\"table\":\"t\","
            "\"txId\":742,\"lsn\":9,\"xmin\":null},\"op\":\"c\",\"ts_ms\":7,\"transaction\":{"
            "\"id\":\"742\","
            "\"total_order\":3,\"data_collection_order\":2}}",
            "value", 0);
    json_discard(prog);
    recbuf_free(&out);
    dfix_close(&d);
}

static void
event_is(enum plan_kind kind, const struct change *change, const char *key, const char *value)
{
    struct change c = *change;
    struct json_program *prog;
    struct recbuf out;
    struct plan *p;
    struct dfix d;

    dfix_open(&d, NULL);
    settings_as_1_2(&d.settings);
    d.settings.transaction_topic = "transaction";
    d.settings.heartbeat_prefix = "__debezium-heartbeat";
    d.settings.key_json.schemas = d.settings.value_json.schemas = true;
    recbuf_init(&out, 1 << 20);
    c.plan = p = plan_new_event(&d.settings, kind);
    prog = json_compile(p, NULL);
    assert_true(json_encode(prog, &c, &out, NULL));
    is_text(recbuf_slice(&out, out.recs[0].key, out.recs[0].nkey), key, "key", 0);
    is_text(recbuf_slice(&out, out.recs[0].value, out.recs[0].nvalue), value, "value", 0);
    json_discard(prog);
    plan_unref(p);
    recbuf_free(&out);
    dfix_close(&d);
}

#define STRING_FIELD(name) "{\"type\":\"string\",\"optional\":false,\"field\":\"" name "\"}"
#define LONG_FIELD(optional, name)                                                                 \
    "{\"type\":\"int64\",\"optional\":" optional ",\"field\":\"" name "\"}"

static void
transactions_and_heartbeats_have_no_versions_and_no_times(void **state)
{
    const struct txn t = {.seq = 1, .xid = 742, .commit_us = 5000};
    const struct txn_collection tables[] = {{S("s.t"), 2}};
    const struct txn_summary sum = {2, 1, tables};
    const struct change end = {.op = OP_END, .txn = &t, .lsn = 9, .summary = &sum};
    const struct change beat = {.op = OP_HEARTBEAT, .txn = &t, .now_ns = 7000000};

    (void)state;
    event_is(PLAN_TRANSACTION, &end,
             "{\"schema\":{\"type\":\"struct\",\"fields\":[" STRING_FIELD("id") "],\"optional\":false,\"name\":"
             "\"io.debezium.connector.common.TransactionMetadataKey\"},\"payload\":{\"id\":\"742\"}}",
             "{\"schema\":{\"type\":\"struct\",\"fields\":[" STRING_FIELD("status") "," STRING_FIELD("id") "," LONG_FIELD(
                 "true", "event_count") ",{\"type\":\"array\",\"items\":{\"type\":\"struct\",\"fields\":[" STRING_FIELD(
                 "data_collection") "," LONG_FIELD("false", "event_count") "],\"optional\":false},\"optional\":true,"
             "\"field\":\"data_collections\"}],\"optional\":false,\"name\":"
             "\"io.debezium.connector.common.TransactionMetadataValue\"},\"payload\":{\"status\":\"END\",\"id\":\"742\","
             "\"event_count\":2,\"data_collections\":[{\"data_collection\":\"s.t\",\"event_count\":2}]}}");
    event_is(PLAN_HEARTBEAT, &beat,
             "{\"schema\":{\"type\":\"struct\",\"fields\":[" STRING_FIELD("serverName") "],\"optional\":false,\"name\":"
             "\"io.debezium.connector.common.ServerNameKey\"},\"payload\":{\"serverName\":\"p\"}}",
             "{\"schema\":{\"type\":\"struct\",\"fields\":[" LONG_FIELD("false", "ts_ms") "],\"optional\":false,\"name\":"
             "\"io.debezium.connector.common.Heartbeat\"},\"payload\":{\"ts_ms\":7}}");
}

/* ------------------------------------------------------------------------------------------------ types */

static void
bind_as_1_2(uint32_t oid, int32_t typmod, struct settings s, struct arena *a, struct types *types,
            struct binding *out, enum bind_result expected)
{
    struct column col = {
        .name = S("c"), .type = oid, .typmod = typmod, .known = true, .default_expr = "now()"};
    uint32_t missing;

    s.compat = COMPAT_1_2;
    s.unavailable = SLICE_LIT("gone");
    s.key_json.replace_null = s.value_json.replace_null = true;
    assert_int_equal(type_bind(types, &col, &s, &s.value_json, a, out, &missing), expected);
    if (expected == BIND_OK)
        assert_int_equal(out->schema->def.n, 0);
}

static const struct {
    uint32_t oid;
    int32_t typmod;
    struct settings s;
    const char *text, *expected, *unchanged;
} writes[] = {
    /* No fixed width of fractions. */
    {1184, -1, {.binary = 0}, "2016-11-04 13:51:30+00", "\"2016-11-04T13:51:30Z\"", "\"gone\""},
    {1184, -1, {.binary = 0}, "2016-11-04 13:51:30.1+00", "\"2016-11-04T13:51:30.1Z\"", "\"gone\""},
    {1184,
     -1,
     {.binary = 0},
     "2016-11-04 13:51:00.123456+00",
     "\"2016-11-04T13:51:00.123456Z\"",
     "\"gone\""},
    {1184, 0, {.binary = 0}, "2016-11-04 13:51:30+00", "\"2016-11-04T13:51:30Z\"", "\"gone\""},
    {1184,
     3,
     {.binary = 0},
     "2016-11-04 13:51:30.12+00",
     "\"2016-11-04T13:51:30.12Z\"",
     "\"gone\""},
    {1184, -1, {.binary = 0}, "0044-03-15 12:00:00+00 BC", "\"-0043-03-15T12:00:00Z\"", "\"gone\""},
    {1184, -1, {.binary = 0}, "infinity", "\"infinity\"", "\"gone\""},
    {1185,
     -1,
     {.binary = 0},
     "{\"2016-11-04 13:51:30.5+00\"}",
     "[\"2016-11-04T13:51:30.5Z\"]",
     "null"},
    /* Money knows neither decimal.handling.mode nor money.fraction.digits. */
    {790, -1, {.decimal = DECIMAL_STRING, .money_scale = 4}, "$1.10", "\"bg==\"", "null"},
    {790, -1, {.decimal = DECIMAL_DOUBLE}, "-$1.00", "\"nA==\"", "null"},
    /* BigDecimal.toString. */
    {1700, -1, {.decimal = DECIMAL_STRING}, "0.000001", "\"0.000001\"", "\"gone\""},
    {1700, -1, {.decimal = DECIMAL_STRING}, "0.0000001", "\"1E-7\"", "\"gone\""},
    {1700, -1, {.decimal = DECIMAL_STRING}, "-0.00000012", "\"-1.2E-7\"", "\"gone\""},
    {1700, -1, {.decimal = DECIMAL_STRING}, "0.00000010", "\"1.0E-7\"", "\"gone\""},
    {1700, -1, {.decimal = DECIMAL_STRING}, "0.0000000", "\"0E-7\"", "\"gone\""},
    {1700, -1, {.decimal = DECIMAL_STRING}, "100.0000000000", "\"100.0000000000\"", "\"gone\""},
    {1700, -1, {.decimal = DECIMAL_STRING}, "7", "\"7\"", "\"gone\""},
    {1700, -1, {.decimal = DECIMAL_STRING}, "NaN", "\"NAN\"", "\"gone\""},
    {1700, (12 << 16 | 8) + 4, {.decimal = DECIMAL_STRING}, "0", "\"0E-8\"", "\"gone\""},
    {1700, (5 << 16 | 2) + 4, {.binary = 0}, "1.10", "\"bg==\"", "null"},
    /* new BigDecimal(double), cut to nine digits. */
    {1186,
     -1,
     {.interval = INTERVAL_STRING},
     "1 year 2 mons 3 days 04:05:06.78",
     "\"P1Y2M3DT4H5M6.78S\"",
     "\"gone\""},
    {1186,
     -1,
     {.interval = INTERVAL_STRING},
     "00:00:00.29",
     "\"P0Y0M0DT0H0M0.289999999S\"",
     "\"gone\""},
    {1186, -1, {.interval = INTERVAL_STRING}, "-00:00:10", "\"P0Y0M0DT0H0M-10S\"", "\"gone\""},
    {1186, -1, {.interval = INTERVAL_NUMERIC}, "00:00:01.5", "1500000", "null"},
    /* The placeholder only where text fits, and in bytes. */
    {25, -1, {.binary = 0}, "x", "\"x\"", "\"gone\""},
    {2950, -1, {.binary = 0}, ID1, "\"" ID1 "\"", "\"gone\""},
    {17, -1, {.binary = BINARY_BYTES}, "\\x01", "\"AQ==\"", "\"Z29uZQ==\""},
    {17, -1, {.binary = BINARY_HEX}, "\\x01", "\"01\"", "null"},
    {1007, -1, {.binary = 0}, "{1}", "[1]", "null"},
    {1009, -1, {.binary = 0}, "{x}", "[\"x\"]", "null"},
    {3614, -1, {.unknown_types = true}, "'a'", "\"J2En\"", "\"Z29uZQ==\""},
    {600,
     -1,
     {.binary = 0},
     "(1,2)",
     "{\"x\":1.0,\"y\":2.0,\"wkb\":\"AQEAAAAAAAAAAADwPwAAAAAAAABA\",\"srid\":null}",
     "null"},
};

static void
values_are_said_as_1_2_said_them(void **state)
{
    struct types *types = types_new();

    (void)state;
    for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
        struct binding b;
        struct arena a;
        struct buf out;
        struct err e = {0};

        arena_init(&a);
        buf_init(&out, 65536);
        bind_as_1_2(writes[i].oid, writes[i].typmod, writes[i].s, &a, types, &b, BIND_OK);
        if (!b.write(&out, slice_of(writes[i].text), b.ctx, &e))
            fail_msg("%s: %s", writes[i].text, e.msg);
        is_text(buf_view(&out), writes[i].expected, writes[i].text, i);
        is_text(b.unavailable_json, writes[i].unchanged, "an unchanged value", i);
        buf_free(&out);
        arena_free(&a);
    }
    types_free(types);
}

static void
types_that_came_later_are_left_out(void **state)
{
    /* tsvector, bytea[], oid[], line, int2vector, pg_lsn[], money[] */
    static const uint32_t oids[] = {3614, 1001, 1028, 628, 22, 3221, 791};
    struct types *types = types_new();

    (void)state;
    for (size_t i = 0; i < sizeof(oids) / sizeof(*oids); i++) {
        struct binding b;
        struct arena a;

        arena_init(&a);
        bind_as_1_2(oids[i], -1, (struct settings){.binary = BINARY_BYTES}, &a, types, &b,
                    BIND_DROPPED);
        arena_free(&a);
    }
    types_free(types);
}

static void
money_is_a_decimal_of_two_places(void **state)
{
    struct types *types = types_new();
    struct binding b;
    struct arena a;
    struct buf out;

    (void)state;
    arena_init(&a);
    buf_init(&out, 4096);
    bind_as_1_2(790, -1, (struct settings){.decimal = DECIMAL_STRING, .money_scale = 4}, &a, types,
                &b, BIND_OK);
    schema_write(&out, b.schema, SLICE_LIT("m"));
    assert_string_equal(
        buf_cstr(&out),
        "{\"type\":\"bytes\",\"optional\":true,\"name\":\"org.apache.kafka.connect.data.Decimal\","
        "\"version\":1,\"parameters\":{\"scale\":\"2\"},\"field\":\"m\"}");
    buf_free(&out);
    arena_free(&a);
    types_free(types);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_recorded_changes_become_the_recorded_bytes),
        cmocka_unit_test(the_transaction_stands_last_and_its_id_is_the_xid),
        cmocka_unit_test(transactions_and_heartbeats_have_no_versions_and_no_times),
        cmocka_unit_test(values_are_said_as_1_2_said_them),
        cmocka_unit_test(types_that_came_later_are_left_out),
        cmocka_unit_test(money_is_a_decimal_of_two_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
