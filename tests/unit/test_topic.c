/* Names made legal; the expected ones are those that Debezium has written. */
#include "decoder/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decoder/plan.h"

static void
topic_is(const char *prefix, const char *delimiter, const char *schema, const char *table,
         const char *expected)
{
    const struct settings s = {.prefix = prefix, .delimiter = delimiter};
    struct buf b;

    buf_init(&b, 4096);
    topic_name(&b, &s, slice_of(schema), slice_of(table));
    assert_string_equal(buf_cstr(&b), expected);
    buf_free(&b);
}

static void
a_topic_is_prefix_schema_and_table(void **state)
{
    (void)state;
    topic_is("shop", ".", "public", "item", "shop.public.item");
    topic_is("ops_topic_naming", "-", "public", "t", "ops_topic_naming-public-t");
}

static void
what_kafka_does_not_allow_becomes_an_underscore(void **state)
{
    (void)state;
    topic_is("ops_odd_names", ".", "My Schema", "Table.One", "ops_odd_names.My_Schema.Table.One");
    topic_is("ops_odd_names", ".", "public", "na\xc3\xafve \xe8\xa1\xa8",
             "ops_odd_names.public.na_ve__");
    topic_is("ops_name_adjustment_avro", ".", "My Schema", "Table-1",
             "ops_name_adjustment_avro.My_Schema.Table-1");
    topic_is("p", ".", "s", "a/b:c#d\"e\\f", "p.s.a_b_c_d_e_f");
    topic_is("p", ".", "s", "\xf0\x9f\x98\x80", "p.s.__"); /* two UTF-16 units */
    topic_is("p", ".", "s", "caf\xe9", "p.s.caf_");        /* no UTF-8 at all */
    topic_is("p", ".", "s", "", "p.s.");
}

static void
a_topic_is_at_most_249_long(void **state)
{
    char table[400], expected[250];

    (void)state;
    memset(table, 't', sizeof(table) - 1);
    table[sizeof(table) - 1] = '\0';
    memset(expected, 't', sizeof(expected) - 1);
    memcpy(expected, "p.s.", 4);
    expected[249] = '\0';
    topic_is("p", ".", "s", table, expected);
}

static void
topics_of_their_own_have_a_suffix(void **state)
{
    const struct settings s = {.prefix = "shop", .delimiter = "-"};
    struct buf b;

    (void)state;
    buf_init(&b, 4096);
    BUF_LIT(&b, "kept ");
    topic_name_of(&b, &s, "tx");
    assert_string_equal(buf_cstr(&b), "kept shop-tx");
    buf_free(&b);
}

static void
each_kind_of_record_has_its_topic(void **state)
{
    static const struct {
        enum plan_kind kind;
        const char *heartbeat, *topic;
    } cases[] = {
        {PLAN_MESSAGE, NULL, "shop.message"}, /* a point, whatever the delimiter */
        {PLAN_TRANSACTION, NULL, "shop-tx"},
        {PLAN_HEARTBEAT, NULL, "beats-shop"},
        {PLAN_HEARTBEAT, "all-beats", "all-beats"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct settings s = {.prefix = "shop",
                                   .delimiter = "-",
                                   .transaction_topic = "tx",
                                   .heartbeat_prefix = "beats",
                                   .heartbeat_topic = cases[i].heartbeat};
        struct plan *p = plan_new_event(&s, cases[i].kind);

        assert_string_equal(p->topic, cases[i].topic);
        plan_unref(p);
    }
}

static const struct {
    enum adjust_mode mode;
    bool is_field;
    const char *name, *expected;
} adjustments[] = {
    {ADJUST_NONE, false, "p.My Schema.T-1.Value", "p.My Schema.T-1.Value"},
    {ADJUST_NONE, true, "a b", "a b"},
    /* ops-name-adjustment-avro: the topic is made legal before, so its blank is an underscore already. */
    {ADJUST_AVRO, false, "ops_name_adjustment_avro.My_Schema.Table-1.Key",
     "ops_name_adjustment_avro.My_Schema.Table_1.Key"},
    {ADJUST_AVRO, true, "Id", "Id"},
    {ADJUST_AVRO, true, "a b", "a_b"},
    {ADJUST_AVRO, true, "1st", "_1st"},
    {ADJUST_AVRO, true, "\xc3\xa4_u", "__u"},
    {ADJUST_AVRO, true, "a.b", "a_b"},
    {ADJUST_AVRO, true, "_x1", "_x1"},
    {ADJUST_AVRO, true, "a1", "a1"},
    {ADJUST_AVRO, true, "x\xf0\x9f\x98\x80", "x__"},
    {ADJUST_AVRO, true, "", ""},
    /* A digit in front was replaced, not preceded. */
    {ADJUST_AVRO_1_2, false, "1st-shop.s.t_x.Value", "_st_shop.s.t_x.Value"},
    {ADJUST_AVRO_1_2, false, "a1.x\xf0\x9f\x98\x80", "a1.x__"},
    {ADJUST_AVRO_UNICODE, false, "ops_name_adjustment_avro_unicode.My_Schema.Table-1.Key",
     "ops_u005fname_u005fadjustment_u005favro_u005funicode.My_u005fSchema.Table_u002d1.Key"},
    {ADJUST_AVRO_UNICODE, true, "Id", "Id"},
    {ADJUST_AVRO_UNICODE, true, "a b", "a_u0020b"},
    {ADJUST_AVRO_UNICODE, true, "1st", "_u0031st"},
    {ADJUST_AVRO_UNICODE, true, "\xc3\xa4_u", "_u00e4_u005fu"},
    {ADJUST_AVRO_UNICODE, true, "\xf0\x9f\x98\x80", "_ud83d_ude00"},
};

static void
names_are_adjusted_as_recorded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(adjustments) / sizeof(*adjustments); i++) {
        struct buf b;

        buf_init(&b, 4096);
        topic_adjust_name(&b, slice_of(adjustments[i].name), adjustments[i].mode,
                          adjustments[i].is_field);
        if (strcmp(buf_cstr(&b), adjustments[i].expected) != 0)
            fail_msg("\"%s\" becomes \"%s\", not \"%s\"", adjustments[i].name, buf_cstr(&b),
                     adjustments[i].expected);
        buf_free(&b);
    }
}

/* Any bytes, in any mode, at any cut: the sanitizers look on. */
static void
any_bytes_have_a_name(void **state)
{
    static const char bytes[] = "\xf0\x9f\x98\x80\xed\xa0\x80\xc3\xff\xe8\xa1";

    (void)state;
    for (size_t from = 0; from < sizeof(bytes); from++)
        for (size_t n = 0; from + n < sizeof(bytes); n++)
            for (int mode = ADJUST_NONE; mode <= ADJUST_AVRO_1_2; mode++) {
                const struct settings s = {.prefix = "p", .delimiter = "."};
                char *copy = strndup(bytes + from, n);
                struct slice name = {copy, n};
                struct buf b;

                buf_init(&b, 4096);
                topic_adjust_name(&b, name, (enum adjust_mode)mode, true);
                buf_clear(&b);
                topic_name(&b, &s, name, name);
                for (const char *p = buf_cstr(&b); *p; p++)
                    assert_true(*p == '_' || *p == '.' || *p == 'p');
                buf_free(&b);
                free(copy);
            }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topic_is_prefix_schema_and_table),
        cmocka_unit_test(what_kafka_does_not_allow_becomes_an_underscore),
        cmocka_unit_test(a_topic_is_at_most_249_long),
        cmocka_unit_test(topics_of_their_own_have_a_suffix),
        cmocka_unit_test(each_kind_of_record_has_its_topic),
        cmocka_unit_test(names_are_adjusted_as_recorded),
        cmocka_unit_test(any_bytes_have_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
