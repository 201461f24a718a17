/* The Java objects in stored offsets, against bytes that Debezium 3.6.1 and a JDK wrote. */
#include "replicator/java_object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Debezium: smallint, integer, bigint, text, uuid, numeric(10,2), numeric, boolean, real, double, date, timestamp,
 * timestamptz, time, char(3), bytea, an enum, varchar, timestamp(3), oid, money. */
static const char keys_hex[] =
    "aced0005757200135b4c6a6176612e6c616e672e4f626a6563743b90ce589f1073296c02000078700000001573"
    "7200116a6176612e6c616e672e496e746567657212e2a0a4f781873802000149000576616c7565787200106a61"
    "76612e6c616e672e4e756d62657286ac951d0b94e08b02000078700000000171007e00047372000e6a6176612e"
    "6c616e672e4c6f6e673b8be490cc8f23df0200014a000576616c75657871007e00030000000000000001740004"
    "74c3a9317372000e6a6176612e7574696c2e55554944bc9903f7986d852f0200024a000c6c6561737453696742"
    "6974734a000b6d6f737453696742697473787000000000000000010000000000000000737200146a6176612e6d"
    "6174682e426967446563696d616c54c71557f981284f0300024900057363616c654c0006696e7456616c740016"
    "4c6a6176612f6d6174682f426967496e74656765723b7871007e000300000002737200146a6176612e6d617468"
    "2e426967496e74656765728cfc9f1fa93bfb1d030006490008626974436f756e744900096269744c656e677468"
    "49001366697273744e6f6e7a65726f427974654e756d49000c6c6f776573745365744269744900067369676e75"
    "6d5b00096d61676e69747564657400025b427871007e0003fffffffffffffffffffffffefffffffe0000000175"
    "7200025b42acf317f8060854e00200007870000000019678787371007e000a000000007371007e000dffffffff"
    "fffffffffffffffefffffffe000000017571007e00100000000203e87878737200116a6176612e6c616e672e42"
    "6f6f6c65616ecd207280d59cfaee0200015a000576616c75657870017372000f6a6176612e6c616e672e466c6f"
    "6174daedc9a2db3cf0ec02000146000576616c75657871007e00033fa00000737200106a6176612e6c616e672e"
    "446f75626c6580b3c24a296bfb0402000144000576616c75657871007e00033ff20000000000007372000d6a61"
    "76612e73716c2e4461746514fa46683f3566970200007872000e6a6176612e7574696c2e44617465686a81014b"
    "597419030000787077080000016f5e66e8007874001a323032302d30312d30312031303a30303a30302e313233"
    "34353174001d323032302d30312d30312031303a30303a30302e3132333435312b303074000831303a30303a30"
    "317400036162207571007e00100000000201ff740005686170707974000176740017323032302d30312d303120"
    "31303a30303a30302e31323371007e00067371007e000a000000027371007e000dfffffffffffffffffffffffe"
    "fffffffe000000017571007e001000000001647878";

static const struct java_value keys[] = {
    {JAVA_INTEGER, SLICE_INIT("1")},
    {JAVA_INTEGER, SLICE_INIT("1")},
    {JAVA_LONG, SLICE_INIT("1")},
    {JAVA_STRING, SLICE_INIT("t\xc3\xa9"
                             "1")},
    {JAVA_UUID, SLICE_INIT("00000000-0000-0000-0000-000000000001")},
    {JAVA_DECIMAL, SLICE_INIT("1.50")},
    {JAVA_DECIMAL, SLICE_INIT("1000")},
    {JAVA_BOOLEAN, SLICE_INIT("t")},
    {JAVA_FLOAT, SLICE_INIT("1.25")},
    {JAVA_DOUBLE, SLICE_INIT("1.125")},
    {JAVA_DATE, SLICE_INIT("2020-01-01")},
    {JAVA_STRING, SLICE_INIT("2020-01-01 10:00:00.123451")},
    {JAVA_STRING, SLICE_INIT("2020-01-01 10:00:00.123451+00")},
    {JAVA_STRING, SLICE_INIT("10:00:01")},
    {JAVA_STRING, SLICE_INIT("ab ")},
    {JAVA_BYTES, SLICE_INIT("\\x01ff")},
    {JAVA_STRING, SLICE_INIT("happy")},
    {JAVA_STRING, SLICE_INIT("v")},
    {JAVA_STRING, SLICE_INIT("2020-01-01 10:00:00.123")},
    {JAVA_LONG, SLICE_INIT("1")},
    {JAVA_DECIMAL, SLICE_INIT("1.00")},
};
enum { KEYS = sizeof(keys) / sizeof(*keys) };

/* A JDK: what pgjdbc does not give, and the edges of what it does. */
static const char more_hex[] =
    "aced0005757200135b4c6a6176612e6c616e672e4f626a6563743b90ce589f1073296c02000078700000000c73"
    "72000f6a6176612e6c616e672e53686f7274684d37133460da5202000153000576616c7565787200106a617661"
    "2e6c616e672e4e756d62657286ac951d0b94e08b0200007870fff9737200126a6176612e73716c2e54696d6573"
    "74616d702618d5c80153bf650200014900056e616e6f737872000e6a6176612e7574696c2e44617465686a8101"
    "4b597419030000787077080000016f608c390078075bca0070737200146a6176612e6d6174682e426967446563"
    "696d616c54c71557f981284f0300024900057363616c654c0006696e7456616c7400164c6a6176612f6d617468"
    "2f426967496e74656765723b7871007e000300000009737200146a6176612e6d6174682e426967496e74656765"
    "728cfc9f1fa93bfb1d030006490008626974436f756e744900096269744c656e67746849001366697273744e6f"
    "6e7a65726f427974654e756d49000c6c6f776573745365744269744900067369676e756d5b00096d61676e6974"
    "7564657400025b427871007e0003fffffffffffffffffffffffefffffffeffffffff757200025b42acf317f806"
    "0854e002000078700000000c27e41b3246bec9b16e39811578787371007e0008fffffffd7371007e000bffffff"
    "fffffffffffffffffefffffffe000000017571007e000e000000010178787371007e0008000000037371007e00"
    "0bfffffffffffffffffffffffefffffffe000000007571007e000e000000007878737200116a6176612e6c616e"
    "672e496e746567657212e2a0a4f781873802000149000576616c75657871007e0003fffffed47372000e6a6176"
    "612e6c616e672e4c6f6e673b8be490cc8f23df0200014a000576616c75657871007e000300000000b2d05e0074"
    "000878eda0bdedb880797372000e6a6176612e7574696c2e55554944bc9903f7986d852f0200024a000c6c6561"
    "7374536967426974734a000b6d6f7374536967426974737870a76500a0c91e6bf6f81d4fae7dec11d073720011"
    "6a6176612e6c616e672e426f6f6c65616ecd207280d59cfaee0200015a000576616c756578700071007e001e";

static const struct java_value more[] = {
    {JAVA_SHORT, SLICE_INIT("-7")},
    {JAVA_TIMESTAMP, SLICE_INIT("2020-01-01 10:00:00.123456+00")},
    {JAVA_NULL, {NULL, 0}},
    {JAVA_DECIMAL, SLICE_INIT("-12345678901234567890.123456789")},
    {JAVA_DECIMAL, SLICE_INIT("1000")}, /* 1E+3 */
    {JAVA_DECIMAL, SLICE_INIT("0.000")},
    {JAVA_INTEGER, SLICE_INIT("-300")},
    {JAVA_LONG, SLICE_INIT("3000000000")},
    {JAVA_STRING, SLICE_INIT("x\xf0\x9f\x98\x80y")},
    {JAVA_UUID, SLICE_INIT("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")},
    {JAVA_BOOLEAN, SLICE_INIT("f")},
    {JAVA_BOOLEAN, SLICE_INIT("f")},
};
enum { MORE = sizeof(more) / sizeof(*more) };

/* A java.util.Locale: no key. */
static const char unknown_hex[] =
    "aced0005757200135b4c6a6176612e6c616e672e4f626a6563743b90ce589f1073296c02000078700000000173"
    "7200106a6176612e7574696c2e4c6f63616c657ef811609c30f9ec03000649000868617368636f64654c000763"
    "6f756e7472797400124c6a6176612f6c616e672f537472696e673b4c000a657874656e73696f6e7371007e0003"
    "4c00086c616e677561676571007e00034c000673637269707471007e00034c000776617269616e7471007e0003"
    "7870ffffffff74000071007e00057400017871007e000571007e000578";

static void
reads_as(const char *hex, const struct java_value *want, size_t nwant)
{
    struct java_value *v;
    struct arena a;
    struct err e = {0};
    size_t n;

    arena_init(&a);
    if (!java_read(slice_of(hex), &a, &v, &n, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(n, nwant);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(v[i].kind, want[i].kind);
        if (v[i].kind != JAVA_NULL && !slice_eq(v[i].text, want[i].text))
            fail_msg("value %zu is \"%.*s\", not \"%.*s\"", i, SLICE_ARG(v[i].text),
                     SLICE_ARG(want[i].text));
    }
    arena_free(&a);
}

static void
debezium_keys_are_read(void **state)
{
    (void)state;
    reads_as(keys_hex, keys, KEYS);
    reads_as(more_hex, more, MORE);
}

static void
keys_are_written_as_debezium_does(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 20);
    java_write(&b, keys, KEYS);
    assert_string_equal(buf_cstr(&b), keys_hex);
    buf_free(&b);
}

static void
what_is_written_is_read(void **state)
{
    struct java_value values[MORE];
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 20);
    memcpy(values, more, sizeof(more));
    values[1] = (struct java_value){JAVA_DECIMAL, SLICE_LIT("-0.05")};
    java_write(&b, values, MORE);
    reads_as(buf_cstr(&b), values, MORE);
    buf_free(&b);
}

static void
a_value_its_class_cannot_hold_is_a_string(void **state)
{
    static const struct java_value odd[] = {
        {JAVA_DECIMAL, SLICE_INIT("NaN")},
        {JAVA_DATE, SLICE_INIT("infinity")},
        {JAVA_DATE, SLICE_INIT("0044-03-15 BC")},
        {JAVA_INTEGER, SLICE_INIT("3000000000")},
        {JAVA_UUID, SLICE_INIT("x")},
        {JAVA_BYTES, SLICE_INIT("\\")},
    };
    static const struct java_value strings[] = {
        {JAVA_STRING, SLICE_INIT("NaN")},
        {JAVA_STRING, SLICE_INIT("infinity")},
        {JAVA_STRING, SLICE_INIT("0044-03-15 BC")},
        {JAVA_STRING, SLICE_INIT("3000000000")},
        {JAVA_STRING, SLICE_INIT("x")},
        {JAVA_STRING, SLICE_INIT("\\")},
    };
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 20);
    java_write(&b, odd, 6);
    reads_as(buf_cstr(&b), strings, 6);
    buf_free(&b);
}

static void
null_is_an_array_that_is_not_there(void **state)
{
    struct java_value *v;
    struct arena a;
    struct buf b;
    size_t n;

    (void)state;
    arena_init(&a);
    buf_init(&b, 100);
    java_write(&b, NULL, 0);
    assert_string_equal(buf_cstr(&b), "aced000570");
    assert_true(java_read(buf_view(&b), &a, &v, &n, NULL));
    assert_null(v);
    buf_free(&b);
    arena_free(&a);
}

static void
fails(struct slice hex)
{
    struct java_value *v;
    struct arena a;
    struct err e = {0};
    size_t n;

    arena_init(&a);
    assert_false(java_read(hex, &a, &v, &n, &e));
    assert_string_equal(e.code, "java.object");
    arena_free(&a);
}

static void
every_cut_is_an_error(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof(keys_hex) - 1; n++)
        fails((struct slice){keys_hex, n});
    fails(slice_of(unknown_hex));
    fails(SLICE_LIT("zz"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(debezium_keys_are_read),
        cmocka_unit_test(keys_are_written_as_debezium_does),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_value_its_class_cannot_hold_is_a_string),
        cmocka_unit_test(null_is_an_array_that_is_not_there),
        cmocka_unit_test(every_cut_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
