/* Masks, hashes, cuts and source types, on plans of columns of every kind; hashes are those that Debezium wrote. */
#include "decoder/mapper.h"

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

enum {
    MOOD = 90001,
    MOODS = 90002,
    PRICE = 90003,
    AMOUNT = 90004,
    OTHER = 90005,
    TEXT_MAX = 1 << 20
};

static const char *const labels[] = {"happy", "sad"};
static const struct pgtype extra_types[] = {
    {.oid = MOOD,
     .schema = "public",
     .name = "mood",
     .kind = 'e',
     .base_typmod = -1,
     .labels = labels,
     .nlabels = 2},
    {.oid = MOODS,
     .schema = "public",
     .name = "_mood",
     .kind = 'b',
     .elem = MOOD,
     .base_typmod = -1},
    {.oid = PRICE,
     .schema = "public",
     .name = "price",
     .kind = 'd',
     .base = 1700,
     .base_typmod = ((8 << 16) | 2) + 4},
    {.oid = AMOUNT,
     .schema = "public",
     .name = "amount",
     .kind = 'd',
     .base = PRICE,
     .base_typmod = -1},
    {.oid = OTHER,
     .schema = "ödd ßx𐐨",
     .name = "kind",
     .kind = 'e',
     .base_typmod = -1,
     .labels = labels,
     .nlabels = 2},
};

/* A plan of public.t with one column "c". */
struct fixture {
    struct dfix d;
    struct pgo_column wire;
    struct column_facts facts;
    const struct plan_field *field;
    struct buf out;
};

static struct fixture *
open_with(const char *const *config)
{
    struct fixture *f = mem_alloc(sizeof(*f));

    dfix_open(&f->d, config);
    f->d.settings.money_scale = 2;
    for (size_t i = 0; i < sizeof(extra_types) / sizeof(extra_types[0]); i++)
        types_add(f->d.types, &extra_types[i]);
    buf_init(&f->out, TEXT_MAX);
    return f;
}

static void
close_it(struct fixture *f)
{
    buf_free(&f->out);
    dfix_close(&f->d);
    free(f);
}

#define OPEN(...) open_with((const char *const[]){__VA_ARGS__, NULL})

static const struct binding *
plan_column(struct fixture *f, uint32_t type, int32_t typmod, bool not_null, const char *def)
{
    const struct pgo_relation rel = {.oid = 1,
                                     .schema = SLICE_LIT("public"),
                                     .table = SLICE_LIT("t"),
                                     .identity = 'd',
                                     .ncols = 1,
                                     .cols = &f->wire};
    const struct relation_facts facts = {.found = true, .ncols = 1, .cols = &f->facts};

    f->wire = (struct pgo_column){SLICE_LIT("c"), type, typmod, false};
    f->facts = (struct column_facts){SLICE_LIT("c"), not_null, false,
                                     def ? slice_of(def) : (struct slice){NULL, 0}};
    f->field = dfix_plan(&f->d, &rel, &facts)->fields;
    assert_int_equal(f->d.plan->nfields, 1);
    return &f->field->value;
}

static const char *
say(struct fixture *f, const char *text)
{
    const struct binding *b = &f->field->value;
    struct err e = {0};

    buf_clear(&f->out);
    if (!b->write(&f->out, slice_of(text), b->ctx, &e))
        fail_msg("%s", e.msg);
    return buf_cstr(&f->out);
}

static const char *
schema_of(struct fixture *f)
{
    buf_clear(&f->out);
    schema_write(&f->out, f->field->value.schema, (struct slice){NULL, 0});
    return buf_cstr(&f->out);
}

static void
assert_slice(struct slice s, const char *text)
{
    if (!slice_is(s, text))
        fail_msg("%.*s is not %s", SLICE_ARG(s), text);
}

/* ---------------------------------------------------------------------------------- masks */

static void
a_mask_stands_for_every_value_and_for_none(void **state)
{
    static const uint32_t character[] = {18, 19, 25, 1042, 1043, MOOD};

    (void)state;
    for (size_t i = 0; i < sizeof(character) / sizeof(character[0]); i++) {
        struct fixture *f = OPEN("column.mask.with.3.chars", "public.t.c");
        const struct binding *b = plan_column(f, character[i], -1, i % 2, NULL);

        assert_string_equal(say(f, "x"), "\"***\"");
        assert_slice(b->null_json, "\"***\"");
        assert_slice(b->unavailable_json, "\"***\"");
        assert_true(mapping_is_constant(f->field->map));
        assert_non_null(strstr(schema_of(f), "\"masked\":\"true\""));
        close_it(f);
    }
}

static void
other_types_keep_their_values_under_a_mask(void **state)
{
    static const struct {
        uint32_t type;
        const char *text, *json;
    } cases[] = {{23, "5", "5"},
                 {2950, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", NULL},
                 {114, "{}", "\"{}\""},
                 {1009, "{a}", "[\"a\"]"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture *f = OPEN("column.mask.with.3.chars", ".*");

        plan_column(f, cases[i].type, -1, false, NULL);
        if (cases[i].json)
            assert_string_equal(say(f, cases[i].text), cases[i].json);
        assert_null(f->field->map);
        assert_false(mapping_is_constant(f->field->map));
        assert_non_null(strstr(schema_of(f), "\"parameters\":{\"masked\":\"true\"}"));
        close_it(f);
    }
}

static void
a_mask_may_be_empty(void **state)
{
    struct fixture *f = OPEN("column.mask.with.0.chars", "public.t.c");

    (void)state;
    plan_column(f, 25, -1, false, NULL);
    assert_string_equal(say(f, "x"), "\"\"");
    close_it(f);
}

static void
keys_are_not_masked(void **state)
{
    struct fixture *f = OPEN("column.mask.with.3.chars", "public.t.c");
    const struct slice key = SLICE_LIT("c");
    const struct pgo_column wire = {SLICE_LIT("c"), 25, -1, true};
    const struct column_facts facts = {SLICE_LIT("c"), true, false, {NULL, 0}};
    const struct plan *p = dfix_plan(&f->d,
                                     &(struct pgo_relation){.oid = 1,
                                                            .schema = SLICE_LIT("public"),
                                                            .table = SLICE_LIT("t"),
                                                            .ncols = 1,
                                                            .cols = &wire},
                                     &(struct relation_facts){true, 1, &facts, 1, &key});

    (void)state;
    assert_int_equal(p->nkey, 1);
    assert_null(p->key[0].map);
    assert_int_equal(p->key[0].value.schema->nparams, 0);
    assert_true(p->key[0].value.write(&f->out, SLICE_LIT("k"), p->key[0].value.ctx, NULL));
    assert_string_equal(buf_cstr(&f->out), "\"k\"");
    close_it(f);
}

/* ---------------------------------------------------------------------------------- hashes */

static void
hashes_are_debeziums(void **state)
{
    static char longest[70001];
    static const struct {
        const char *property, *text, *hex;
    } cases[] = {
        {"column.mask.hash.SHA-256.with.salt.salty", "hash me",
         "24e3b8b1fd2f9948529689ff64ab85874fd086dd0ba8c0dda405d5816b9f2fd2"},
        {"column.mask.hash.v2.SHA-256.with.salt.salty", "v2 hash",
         "279b83503bda9f2085640c3c7ebd835d434ed0dcaddc72847fb2684adab0680f"},
        {"column.mask.hash.MD5.with.salt.a.b", "texttexttext", "381fc42b549667b36e684593948f8fcf"},
        /* Java serializes two halves of a pair, in three bytes each. */
        {"column.mask.hash.MD5.with.salt.a.b", "ab😀cd", "04a5a01b45b73a4eb5ad539998afbd38"},
        {"column.mask.hash.MD5.with.salt.a.b", "é€漢字\"\\\\ x",
         "71c989e7d1bb526fea4b5e565571689d"},
        /* Its length takes eight bytes then. */
        {"column.mask.hash.md5.with.salt.a.b", longest, "1be73937ef6e5f45a460465e893b013b"},
        {"column.mask.hash.MD5.with.salt.a.b", "", "474e0188605ebf55c7dee64d4096600f"},
        {"column.mask.hash.v2.SHA-512.with.salt.a.b", "ab😀cd",
         "ccfb57bf9e78a2eb5fa723d1858834d8a7b14460aa5e9720d2269700ba89d293"
         "660fb1bb293f2b19233df2c89dfa4fdedf7f34e22274b5c069ab215c1887ee96"},
    };

    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture *f = OPEN(cases[i].property, "public.t.c");
        char want[140];

        plan_column(f, 25, -1, false, NULL);
        snprintf(want, sizeof(want), "\"%s\"", cases[i].hex);
        assert_string_equal(say(f, cases[i].text), want);
        assert_slice(f->field->value.null_json, "null");
        close_it(f);
    }
}

static void
a_hash_is_cut_to_the_columns_length(void **state)
{
    struct fixture *f = OPEN("column.mask.hash.MD5.with.salt.a.b", ".*");

    (void)state;
    plan_column(f, 1043, 20 + 4, false, NULL);
    assert_string_equal(say(f, "hello"), "\"d7da509965c0e68e0996\"");
    plan_column(f, 18, -1, false, NULL);
    assert_string_equal(say(f, "q"), "\"6\"");
    close_it(f);
}

static void
what_stands_for_null_is_hashed_where_null_cannot_be(void **state)
{
    struct fixture *f = OPEN("column.mask.hash.MD5.with.salt.a.b", ".*");

    (void)state;
    plan_column(f, 25, -1, true, NULL);
    assert_slice(f->field->value.null_json, "\"474e0188605ebf55c7dee64d4096600f\"");
    plan_column(f, 25, -1, true, "'texttexttext'::text");
    assert_slice(f->field->value.null_json, "\"381fc42b549667b36e684593948f8fcf\"");
    /* The converter of Kafka Connect, not the mapper, puts the default in: as it is. */
    plan_column(f, 25, -1, false, "'d'::text");
    assert_slice(f->field->value.null_json, "\"d\"");
    close_it(f);
}

static void
the_placeholder_is_hashed_too(void **state)
{
    struct fixture *f = OPEN("column.mask.hash.v2.MD5.with.salt.a.b", ".*");
    struct buf want;

    (void)state;
    plan_column(f, 25, -1, false, NULL);
    buf_init(&want, 100);
    buf_str(&want, say(f, "__debezium_unavailable_value"));
    assert_slice(f->field->value.unavailable_json, buf_cstr(&want));
    buf_free(&want);
    close_it(f);
}

static void
bytes_that_are_no_utf8_hash_as_java_reads_them(void **state)
{
    struct fixture *f = OPEN("column.mask.hash.v2.SHA-1.with.salt.s", ".*");
    struct buf want;

    (void)state;
    plan_column(f, 25, -1, false, NULL);
    buf_init(&want, 100);
    buf_str(&want, say(f, "a\xEF\xBF\xBDz"));
    assert_string_equal(say(f, "a\xffz"), buf_cstr(&want));
    buf_free(&want);
    close_it(f);
}

/* ---------------------------------------------------------------------------------- cuts */

static void
strings_are_cut_to_utf16_units(void **state)
{
    static const struct {
        uint32_t type;
        const char *text, *json;
    } cases[] = {
        {25, "abcdef", "\"abc\""},
        {25, "ab", "\"ab\""},
        {25, "abc", "\"abc\""},
        {25, "", "\"\""},
        {25, "é€漢字", "\"é€漢\""},
        {25, "\n\"\\x", "\"\\n\\\"\\\\\""},
        {25, "\001\002\003\004", "\"\\u0001\\u0002\\u0003\""},
        {25, "ab😀c", "\"ab\\uD83D\""}, /* half a pair, as Java cuts it */
        {25, "a😀c", "\"a\\uD83D\\uDE00\""},
        {3802, "{\"a\": 1}", "\"{\\\"a\""},
        {MOOD, "happy", "\"hap\""},
        {1184, "2020-01-02 03:04:05+00", "\"202\""},
        {17, "\\x0102030405", "\"AQID\""},
        {17, "\\x01", "\"AQ==\""},
        {23, "12345", "12345"},
        {1009, "{abcdef}", "[\"abcdef\"]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture *f = OPEN("column.truncate.to.3.chars", "public.t.c");

        plan_column(f, cases[i].type, -1, false, NULL);
        assert_string_equal(say(f, cases[i].text), cases[i].json);
        assert_slice(f->field->value.null_json, "null");
        assert_non_null(strstr(schema_of(f), "\"truncateLength\":\"3\""));
        close_it(f);
    }
}

static void
bytes_are_cut_anywhere_in_their_base64(void **state)
{
    static const struct {
        const char *property, *json;
    } cases[] = {
        {"column.truncate.to.0.chars", "\"\""},
        {"column.truncate.to.1.chars", "\"/w==\""},
        {"column.truncate.to.2.chars", "\"/+4=\""},
        {"column.truncate.to.3.chars", "\"/+7d\""},
        {"column.truncate.to.4.chars", "\"/+7dzA==\""},
        {"column.truncate.to.5.chars", "\"/+7dzLs=\""},
        {"column.truncate.to.6.chars", "\"/+7dzLs=\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture *f = OPEN(cases[i].property, ".*");

        plan_column(f, 17, -1, false, NULL);
        assert_string_equal(say(f, "\\xffeeddccbb"), cases[i].json);
        assert_slice(f->field->value.unavailable_json,
                     "\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\"");
        close_it(f);
    }
}

static void
columns_that_are_short_enough_are_left_alone(void **state)
{
    struct fixture *f = OPEN("column.truncate.to.10.chars", ".*");

    (void)state;
    plan_column(f, 1043, 10 + 4, false, NULL);
    assert_null(f->field->map);
    assert_null(strstr(schema_of(f), "truncateLength"));
    plan_column(f, 1043, 11 + 4, false, NULL);
    assert_non_null(f->field->map);
    close_it(f);
}

static void
what_stands_for_values_is_cut(void **state)
{
    struct fixture *f = OPEN("column.truncate.to.3.chars", ".*");

    (void)state;
    plan_column(f, 25, -1, true, "'default'::text");
    assert_slice(f->field->value.null_json, "\"def\"");
    assert_slice(f->field->value.unavailable_json, "\"__d\"");
    assert_non_null(strstr(schema_of(f), "\"default\":\"default\""));
    plan_column(f, 25, -1, false, "'default'::text");
    assert_slice(f->field->value.null_json, "\"default\"");
    close_it(f);
}

static void
a_long_value_is_cut_as_a_short_one(void **state)
{
    static char text[300001];
    struct fixture *f = OPEN("column.truncate.to.2.chars", ".*");

    (void)state;
    for (size_t i = 0; i + 3 < sizeof(text); i += 3)
        memcpy(text + i, "漢", 3);
    plan_column(f, 25, -1, false, NULL);
    assert_string_equal(say(f, text), "\"漢漢\"");
    close_it(f);
}

/* ---------------------------------------------------------------------------------- source types */

static void
source_types_are_the_drivers(void **state)
{
    /* Recorded, snapshot and stream; NULL: the same. */
    static const struct {
        uint32_t type;
        int32_t typmod;
        const char *def, *snapshot, *stream;
    } cases[] = {
        {23, -1, "nextval('s'::regclass)", "SERIAL 10 0", "INT4 10 0"},
        {20, -1, "nextval('s'::regclass)", "BIGSERIAL 19 0", "INT8 19 0"},
        {21, -1, "nextval('s'::regclass)", "SMALLSERIAL 5 0", "INT2 5 0"},
        {23, -1, NULL, "INT4 10 0", NULL},
        {1700, -1, NULL, "NUMERIC 0 -", "NUMERIC 131089 0"},
        {1700, ((10 << 16) | 2) + 4, NULL, "NUMERIC 10 2", NULL},
        {1700, ((5 << 16) | 0) + 4, NULL, "NUMERIC 5 0", NULL},
        {1043, -1, NULL, "VARCHAR 2147483647 0", NULL},
        {1043, 24, NULL, "VARCHAR 20 0", NULL},
        {1042, 7, NULL, "BPCHAR 3 0", NULL},
        {25, -1, NULL, "TEXT 2147483647 0", NULL},
        {18, -1, NULL, "CHAR 1 0", NULL},
        {16, -1, NULL, "BOOL 1 0", NULL},
        {1082, -1, NULL, "DATE 13 0", NULL},
        {1083, -1, NULL, "TIME 15 6", NULL},
        {1083, 0, NULL, "TIME 8 0", NULL},
        {1083, 1, NULL, "TIME 11 1", NULL},
        {1083, 3, NULL, "TIME 12 3", NULL},
        {1266, -1, NULL, "TIMETZ 21 6", NULL},
        {1266, 2, NULL, "TIMETZ 17 2", NULL},
        {1114, -1, NULL, "TIMESTAMP 29 6", NULL},
        {1114, 0, NULL, "TIMESTAMP 22 0", NULL},
        {1184, 4, NULL, "TIMESTAMPTZ 33 4", NULL},
        {1186, -1, NULL, "INTERVAL 49 6", NULL},
        {1186, 0x7fff0003, NULL, "INTERVAL 49 3", NULL},
        {1186, 0x0006ffff, NULL, "INTERVAL 49 65535", NULL},
        {1560, 5, NULL, "BIT 5 0", NULL},
        {1562, -1, NULL, "VARBIT 2147483647 0", NULL},
        {1562, 9, NULL, "VARBIT 9 0", NULL},
        {700, -1, NULL, "FLOAT4 8 8", NULL},
        {701, -1, NULL, "FLOAT8 17 17", NULL},
        {26, -1, NULL, "OID 10 0", NULL},
        {790, -1, NULL, "MONEY 2147483647 0", NULL},
        {1007, -1, NULL, "_INT4 10 0", NULL},
        {1015, 8, NULL, "_VARCHAR 4 0", NULL},
        {1231, -1, NULL, "_NUMERIC 131089 0", NULL},
        {1231, ((6 << 16) | 1) + 4, NULL, "_NUMERIC 6 1", NULL},
        {1115, 3, NULL, "_TIMESTAMP 26 3", NULL},
        {MOOD, -1, NULL, "MOOD 2147483647 0", NULL},
        {MOODS, -1, NULL, "_MOOD 2147483647 0", NULL},
        {OTHER, -1, NULL, "\"ÖDD SSX𐐀\".\"KIND\" 2147483647 0", "KIND 2147483647 0"},
        {PRICE, -1, NULL, "PRICE 8 2", NULL},
        {AMOUNT, -1, NULL, "AMOUNT 8 2", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (int snapshot = 0; snapshot < 2; snapshot++) {
            struct fixture *f = OPEN("column.propagate.source.type", "public.t.c");
            const char *want = snapshot || !cases[i].stream ? cases[i].snapshot : cases[i].stream;
            const struct schema_param *p;
            const struct schema *s;
            char got[100];

            f->d.use = snapshot ? PLAN_FOR_SNAPSHOT : PLAN_FOR_STREAM;
            s = plan_column(f, cases[i].type, cases[i].typmod, false, cases[i].def)->schema;
            p = s->params + s->nparams - 1;
            assert_string_equal(p->name, "__debezium.source.column.name");
            assert_string_equal(p->value, "c");
            p = s->params;
            while (strcmp(p->name, "__debezium.source.column.type") != 0)
                p++;
            snprintf(got, sizeof(got), "%s %s %s", p[0].value, p[1].value,
                     strcmp(p[2].name, "__debezium.source.column.scale") == 0 ? p[2].value : "-");
            assert_string_equal(got, want);
            close_it(f);
        }
}

static void
source_types_follow_the_schemas_own_parameters(void **state)
{
    struct fixture *f = OPEN("datatype.propagate.source.type", "public\\.t\\.(NUMERIC|x)");

    (void)state;
    plan_column(f, 1700, ((10 << 16) | 2) + 4, false, NULL);
    assert_non_null(strstr(schema_of(f),
                           "\"parameters\":{\"scale\":\"2\",\"connect.decimal.precision\":\"10\","
                           "\"__debezium.source.column.type\":\"NUMERIC\","
                           "\"__debezium.source.column.length\":\"10\","
                           "\"__debezium.source.column.scale\":\"2\","
                           "\"__debezium.source.column.name\":\"c\"}"));
    assert_null(f->field->map);
    plan_column(f, 23, -1, false, NULL);
    assert_null(strstr(schema_of(f), "parameters"));
    close_it(f);
}

static void
data_types_match_by_the_name_of_the_phase(void **state)
{
    struct fixture *f = OPEN("datatype.propagate.source.type", "public.t.serial");

    (void)state;
    plan_column(f, 23, -1, true, "nextval('s'::regclass)");
    assert_null(strstr(schema_of(f), "parameters"));
    f->d.use = PLAN_FOR_SNAPSHOT;
    plan_column(f, 23, -1, true, "nextval('s'::regclass)");
    assert_non_null(strstr(schema_of(f), "parameters"));
    close_it(f);
}

/* ---------------------------------------------------------------------------------- rules */

static void
the_first_rule_in_debeziums_order_wins(void **state)
{
    static const struct {
        const char *config[9];
        const char *json; /* of "abcdef" */
        bool unmasked;
    } cases[] = {
        {{"column.mask.with.2.chars", "public.t.c", "column.truncate.to.3.chars", "public.t.c"},
         "\"abc\"",
         true},
        {{"column.mask.hash.MD5.with.salt.x", "public.t.c", "column.mask.with.2.chars",
          "public.t.c"},
         "\"**\"",
         false},
        {{"column.mask.hash.MD5.with.salt.x", "public.t.c", "column.propagate.source.type",
          "public.t.c"},
         "\"abcdef\"",
         true},
        {{"column.mask.hash.MD5.with.salt.x", "public.t.c", "datatype.propagate.source.type",
          "public.t.text"},
         "\"abcdef\"",
         true},
        {{"column.propagate.source.type", "public.t.c", "column.mask.with.2.chars", "public.t.c"},
         "\"**\"",
         false},
        {{"column.mask.with.2.chars", "PUBLIC.T.C"}, "\"**\"", false},
        {{"column.mask.with.2.chars", "t.c,public.t"}, "\"abcdef\"", false},
        {{"column.mask.with.2.chars", "x, public\\.t\\.(c|d)"}, "\"**\"", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture *f = open_with(cases[i].config);

        plan_column(f, 25, -1, false, NULL);
        assert_string_equal(say(f, "abcdef"), cases[i].json);
        assert_int_equal(f->d.plan->unmasked.p != NULL, cases[i].unmasked);
        close_it(f);
    }
}

static void
wrong_rules_are_refused(void **state)
{
    static const char *const cases[][2] = {
        {"column.mask.with.x.chars", "a"},
        {"column.mask.with.-1.chars", "a"},
        {"column.mask.with.9999999.chars", "a"},
        {"column.truncate.to.5x.chars", "a"},
        {"column.truncate.to.5.chars", "a(b"},
        {"column.mask.hash.SHA-999.with.salt.s", "a"},
        {"column.mask.hash.v2.sha256.with.salt.s", "a"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = dfix_config((const char *const[]){cases[i][0], cases[i][1], NULL});
        struct err e = {0};

        if (mappers_new(c, &e))
            fail_msg("%s passes", cases[i][0]);
        assert_int_equal(e.cls, ERR_CONFIG);
        assert_null(strstr(e.msg, "salt.s"));
        config_free(c);
    }
}

static void
without_rules_a_binding_stays_what_it_is(void **state)
{
    struct fixture *f = open_with(NULL);

    (void)state;
    plan_column(f, 25, -1, false, NULL);
    assert_null(f->field->map);
    assert_int_equal(f->field->value.schema->nparams, 0);
    assert_string_equal(say(f, "abc"), "\"abc\"");
    close_it(f);
}

/* ---------------------------------------------------------------------------------- lost values */

static void
names_are_lost_in_the_stream_and_not_in_a_snapshot(void **state)
{
    struct fixture *f = open_with(NULL);

    (void)state;
    plan_column(f, 19, -1, false, NULL);
    assert_string_equal(say(f, "n"), "null");
    plan_column(f, 19, -1, true, NULL);
    assert_string_equal(say(f, "n"), "\"\"");
    f->d.use = PLAN_FOR_SNAPSHOT;
    plan_column(f, 19, -1, true, NULL);
    assert_string_equal(say(f, "n"), "\"n\"");
    close_it(f);
}

static void
rules_apply_to_what_is_left_of_a_lost_value(void **state)
{
    struct fixture *f = OPEN("column.mask.hash.MD5.with.salt.a.b", ".*");

    (void)state;
    plan_column(f, 19, -1, false, NULL);
    assert_string_equal(say(f, "n"), "null");
    plan_column(f, 19, -1, true, NULL);
    assert_string_equal(say(f, "n"), "\"474e0188605ebf55c7dee64d4096600f\"");
    close_it(f);
}

static void
key_columns_that_are_left_out_are_not_asked_for(void **state)
{
    struct fixture *f = OPEN("column.exclude.list", "public.t.c");
    const struct slice key = SLICE_LIT("c");
    const struct pgo_column wire = {SLICE_LIT("c"), 25, -1, true};
    const struct column_facts column = {SLICE_LIT("c"), true, false, SLICE_LIT("'d'::text")};
    const struct pgo_relation rel = {.oid = 1,
                                     .schema = SLICE_LIT("public"),
                                     .table = SLICE_LIT("t"),
                                     .ncols = 1,
                                     .cols = &wire};
    const struct relation_facts facts = {true, 1, &column, 1, &key};
    const struct binding *b;

    (void)state;
    b = &dfix_plan(&f->d, &rel, &facts)->key[0].value;
    assert_true(b->schema->optional);
    assert_int_equal(b->schema->def.n, 0);
    f->d.use = PLAN_FOR_SNAPSHOT;
    b = &dfix_plan(&f->d, &rel, &facts)->key[0].value;
    assert_false(b->schema->optional);
    assert_true(b->write(&f->out, SLICE_LIT("k"), b->ctx, NULL));
    assert_string_equal(buf_cstr(&f->out), "\"d\"");
    close_it(f);
}

/* ---------------------------------------------------------------------------------- for other sinks */

static void
texts_are_mapped_without_json(void **state)
{
    static const struct {
        const char *property;
        uint32_t type;
        const char *text, *want;
    } cases[] = {
        {"column.mask.with.4.chars", 25, "secret", "****"},
        {"column.mask.hash.MD5.with.salt.a.b", 1043, "hello", "d7da509965c0e68e0996"},
        {"column.truncate.to.3.chars", 25, "abcdef", "abc"},
        {"column.truncate.to.3.chars", 25, "é€漢字", "é€漢"},
        {"column.truncate.to.3.chars", 25, "ab😀", "ab"}, /* half a pair is no UTF-8 */
        {"column.truncate.to.3.chars", 25, "a😀b", "a😀"},
        {"column.truncate.to.3.chars", 25, "abc", "abc"},
        {"column.truncate.to.3.chars", 17, "\\x0102030405", "\\x010203"},
        {"column.truncate.to.3.chars", 3802, "{\"a\": 1}", "{\"a\": 1}"},
        {"column.truncate.to.3.chars", 1184, "2020-01-02 03:04:05+00", "2020-01-02 03:04:05+00"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture *f = OPEN(cases[i].property, ".*");
        char scratch[MAPPING_TEXT_MAX];

        plan_column(f, cases[i].type, cases[i].type == 1043 ? 24 : -1, false, NULL);
        assert_non_null(f->field->map);
        assert_slice(mapping_text(f->field->map, slice_of(cases[i].text), scratch), cases[i].want);
        close_it(f);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mask_stands_for_every_value_and_for_none),
        cmocka_unit_test(other_types_keep_their_values_under_a_mask),
        cmocka_unit_test(a_mask_may_be_empty),
        cmocka_unit_test(keys_are_not_masked),
        cmocka_unit_test(hashes_are_debeziums),
        cmocka_unit_test(a_hash_is_cut_to_the_columns_length),
        cmocka_unit_test(what_stands_for_null_is_hashed_where_null_cannot_be),
        cmocka_unit_test(the_placeholder_is_hashed_too),
        cmocka_unit_test(bytes_that_are_no_utf8_hash_as_java_reads_them),
        cmocka_unit_test(strings_are_cut_to_utf16_units),
        cmocka_unit_test(bytes_are_cut_anywhere_in_their_base64),
        cmocka_unit_test(columns_that_are_short_enough_are_left_alone),
        cmocka_unit_test(what_stands_for_values_is_cut),
        cmocka_unit_test(a_long_value_is_cut_as_a_short_one),
        cmocka_unit_test(source_types_are_the_drivers),
        cmocka_unit_test(source_types_follow_the_schemas_own_parameters),
        cmocka_unit_test(data_types_match_by_the_name_of_the_phase),
        cmocka_unit_test(the_first_rule_in_debeziums_order_wins),
        cmocka_unit_test(wrong_rules_are_refused),
        cmocka_unit_test(without_rules_a_binding_stays_what_it_is),
        cmocka_unit_test(names_are_lost_in_the_stream_and_not_in_a_snapshot),
        cmocka_unit_test(rules_apply_to_what_is_left_of_a_lost_value),
        cmocka_unit_test(key_columns_that_are_left_out_are_not_asked_for),
        cmocka_unit_test(texts_are_mapped_without_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
