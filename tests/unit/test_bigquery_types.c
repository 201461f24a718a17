#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sinks/bigquery/types.h"
#include "sinks/bigquery/values.h"

#define COUNT(v) (sizeof(v) / sizeof(*(v)))
#define REFUSED NULL

static void
check(bq_writer write, const char *text, const char *want)
{
    struct buf b;
    bool ok;

    buf_init(&b, 1 << 20);
    ok = write(&b, slice_of(text));
    if (ok != (want != REFUSED) || (want && strcmp(buf_cstr(&b), want) != 0))
        fail_msg("\"%s\": got %s %s, expected %s", text, ok ? "" : "(refused)", buf_cstr(&b),
                 want ? want : "(refused)");
    if (want) {
        json_t *doc = json_loads(buf_cstr(&b), JSON_DECODE_ANY, NULL);

        assert_non_null(doc);
        json_decref(doc);
    }
    buf_free(&b);
}

struct sample {
    bq_writer write;
    const char *text, *want;
};

static void
values_are_written_as_bigquery_reads_them(void **state)
{
    static const struct sample rows[] = {
        {bq_write_bool, "t", "true"},
        {bq_write_bool, "f", "false"},
        {bq_write_bool, "yes", REFUSED},
        {bq_write_bool_text, "t", "\"true\""},
        {bq_write_bit, "1", "true"},
        {bq_write_bit, "10", REFUSED},
        {bq_write_int, "0", "0"},
        {bq_write_int, "-42", "-42"},
        {bq_write_int, "9007199254740993", "\"9007199254740993\""},
        {bq_write_int, "-9223372036854775808", "\"-9223372036854775808\""},
        {bq_write_int, "", REFUSED},
        {bq_write_int, "-", REFUSED},
        {bq_write_int, "1.0", REFUSED},
        {bq_write_int_text, "7", "\"7\""},
        {bq_write_float, "0.1", "0.1"},
        {bq_write_float, "-0", "-0"},
        {bq_write_float, "1e+22", "1e+22"},
        {bq_write_float, "1.5e-300", "1.5e-300"},
        {bq_write_float, "NaN", "\"NaN\""},
        {bq_write_float, "-Infinity", "\"-Infinity\""},
        {bq_write_float, "$1", REFUSED},
        {bq_write_text, "a \"b\" \\ \n", "\"a \\\"b\\\" \\\\ \\n\""},
        {bq_write_bytea, "\\x", "\"\""},
        {bq_write_bytea, "\\x00", "\"AA==\""},
        {bq_write_bytea, "\\x00ff", "\"AP8=\""},
        {bq_write_bytea, "\\xDEADbeef00", "\"3q2+7wA=\""},
        {bq_write_bytea, "\\x0", REFUSED},
        {bq_write_bytea, "\\xzz", REFUSED},
        {bq_write_bytea, "abc", REFUSED},
        {bq_write_bytea, "", REFUSED},
        {bq_write_json, "{\"a\": 1}", "\"{\\\"a\\\": 1}\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        check(rows[i].write, rows[i].text, rows[i].want);
}

static void
decimals_are_never_rounded(void **state)
{
    static const struct sample rows[] = {
        {bq_write_numeric, "123.450", "\"123.450\""},
        {bq_write_numeric, "-0.000000001", "\"-0.000000001\""},
        {bq_write_numeric, "0.0000000010", "\"0.0000000010\""},
        {bq_write_numeric, "0.0000000001", REFUSED},
        {bq_write_numeric, "99999999999999999999999999999", "\"99999999999999999999999999999\""},
        {bq_write_numeric, "100000000000000000000000000000", REFUSED},
        {bq_write_numeric, "NaN", REFUSED},
        {bq_write_numeric, "", REFUSED},
        {bq_write_numeric, "-", REFUSED},
        {bq_write_numeric, "1.", REFUSED},
        {bq_write_bignumeric, "Infinity", REFUSED},
        {bq_write_bignumeric, "1.00000000000000000000000000000000000000000",
         "\"1.00000000000000000000000000000000000000000\""},
        {bq_write_bignumeric, "0.00000000000000000000000000000000000001",
         "\"0.00000000000000000000000000000000000001\""},
        {bq_write_bignumeric, "0.000000000000000000000000000000000000001", REFUSED},
        {bq_write_bignumeric, "578960446186580977117854925043439539265",
         "\"578960446186580977117854925043439539265\""},
        {bq_write_bignumeric, "578960446186580977117854925043439539266", REFUSED},
        {bq_write_bignumeric, "1000000000000000000000000000000000000000", REFUSED},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        check(rows[i].write, rows[i].text, rows[i].want);
}

static void
times_outside_bigquerys_range_are_refused_not_clamped(void **state)
{
    static const struct sample rows[] = {
        {bq_write_date, "2026-11-21", "\"2026-11-21\""},
        {bq_write_date, "2026-11-21 10:00:00.5+00", "\"2026-11-21\""},
        {bq_write_date, "infinity", REFUSED},
        {bq_write_date, "-infinity", REFUSED},
        {bq_write_date, "0044-03-15 BC", REFUSED},
        {bq_write_date, "10000-01-01", REFUSED},
        {bq_write_datetime, "2026-11-21 10:34:05", "\"2026-11-21T10:34:05\""},
        {bq_write_datetime, "2026-11-21 10:34:05.123456", "\"2026-11-21T10:34:05.123456\""},
        {bq_write_datetime, "2026-11-21 10:34:05.1 BC", REFUSED},
        {bq_write_datetime, "infinity", REFUSED},
        {bq_write_datetime, "294276-12-31 23:59:59", REFUSED},
        {bq_write_timestamp, "2026-11-21 10:34:05.5+00", "\"2026-11-21T10:34:05.5Z\""},
        {bq_write_timestamp, "2026-11-21 10:34:05", REFUSED},
        {bq_write_timestamp, "2026-11-21 10:34:05+05:30", REFUSED},
        {bq_write_timestamp, "2026-11-21 10:34:05+00 BC", REFUSED},
        {bq_write_timestamp, "-infinity", REFUSED},
        {bq_write_utc_timestamp, "2026-11-21 10:34:05", "\"2026-11-21T10:34:05Z\""},
        {bq_write_time, "23:59:59.999999", "\"23:59:59.999999\""},
        {bq_write_time, "24:00:00", REFUSED},
        {bq_write_time, "10:00:00+02", REFUSED},
        {bq_write_ms_datetime, "1795256445000", "\"2026-11-21T10:20:45\""},
        {bq_write_ms_datetime, "1795256445789", "\"2026-11-21T10:20:45.789000\""},
        {bq_write_ms_timestamp, "0", "\"1970-01-01T00:00:00Z\""},
        {bq_write_ms_timestamp, "-1", "\"1969-12-31T23:59:59.999000Z\""},
        {bq_write_us_timestamp, "951782400000001", "\"2000-02-29T00:00:00.000001Z\""},
        {bq_write_ms_date, "1795256445789", "\"2026-11-21\""},
        {bq_write_ms_datetime, "253402300799999", "\"9999-12-31T23:59:59.999000\""},
        {bq_write_ms_datetime, "253402300800000", REFUSED},
        {bq_write_ms_datetime, "-62135596800000", "\"0001-01-01T00:00:00\""},
        {bq_write_ms_datetime, "-62135596800001", REFUSED},
        {bq_write_ms_datetime, "9223372036854775807", REFUSED},
        {bq_write_ms_datetime, "x", REFUSED},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        check(rows[i].write, rows[i].text, rows[i].want);
}

static void
json_with_integers_beyond_64_bits_is_refused(void **state)
{
    static const struct sample rows[] = {
        {bq_write_json, "18446744073709551615", "\"18446744073709551615\""},
        {bq_write_json, "[-9223372036854775808]", "\"[-9223372036854775808]\""},
        {bq_write_json, "{\"a\": 18446744073709551616}", REFUSED},
        {bq_write_json, "[-9223372036854775809]", REFUSED},
        {bq_write_json, "{\"a\": \"18446744073709551616 \\\" 99999999999999999999\"}",
         "\"{\\\"a\\\": \\\"18446744073709551616 \\\\\\\" 99999999999999999999\\\"}\""},
        {bq_write_json, "1234567890123456789012.5", "\"1234567890123456789012.5\""},
        {bq_write_json, "1e400", "\"1e400\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        check(rows[i].write, rows[i].text, rows[i].want);
}

static void
hstore_becomes_a_json_object(void **state)
{
    static const struct sample rows[] = {
        {bq_write_hstore, "", "\"{}\""},
        {bq_write_hstore, "\"a\"=>\"1\", \"b\"=>NULL", "\"{\\\"a\\\":\\\"1\\\",\\\"b\\\":null}\""},
        {bq_write_hstore, "\"q\\\"\"=>\"x, \\\\y\"",
         "\"{\\\"q\\\\\\\"\\\":\\\"x, \\\\\\\\y\\\"}\""},
        {bq_write_hstore, "\"a\"", REFUSED},
        {bq_write_hstore, "\"a\"=>", REFUSED},
        {bq_write_hstore, "\"a\"=>\"1\",", REFUSED},
        {bq_write_hstore, "\"a", REFUSED},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        check(rows[i].write, rows[i].text, rows[i].want);
}

static void
arrays_become_repeated_values_or_json(void **state)
{
    static const struct {
        bool json;
        bq_writer element;
        const char *text, *want;
    } rows[] = {
        {false, bq_write_int, "{1,2,3}", "[1,2,3]"},
        {false, bq_write_int, "{}", "[]"},
        {false, bq_write_int, "[2:3]={1,2}", "[1,2]"},
        {false, bq_write_text, "{a,\"b,\\\"c\\\\\",\"\",\"NULL\"}",
         "[\"a\",\"b,\\\"c\\\\\",\"\",\"NULL\"]"},
        {false, bq_write_text, "{a,NULL}", REFUSED},
        {false, bq_write_int, "{{1,2},{3,4}}", REFUSED},
        {false, bq_write_int, "{1,2", REFUSED},
        {false, bq_write_int, "{1,}", REFUSED},
        {false, bq_write_int, "x", REFUSED},
        {false, bq_write_text, "{\"a", REFUSED},
        {false, bq_write_int, "{1}x", REFUSED},
        {false, bq_write_datetime, "{\"2026-11-21 10:00:00\"}", "[\"2026-11-21T10:00:00\"]"},
        {false, bq_write_float, "[1,2.5,-3e-05]", "[1,2.5,-3e-05]"},
        {false, bq_write_float, "[1,2", REFUSED},
        {false, bq_write_int, "1 2 3", "[1,2,3]"},
        {false, bq_write_int, "", "[]"},
        {false, bq_write_int, "1 ", REFUSED},
        {false, bq_write_int, "1  2", REFUSED},
        {true, bq_write_int, "{{1,NULL},{3,4}}", "\"[[1,null],[3,4]]\""},
        {true, bq_write_text, "{a}", "\"[\\\"a\\\"]\""},
        {true, bq_write_json, "{\"{\\\"k\\\": 1}\"}", "\"[{\\\"k\\\": 1}]\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf b;
        bool ok;

        buf_init(&b, 4096);
        ok = (rows[i].json ? bq_write_array_json : bq_write_array)(&b, slice_of(rows[i].text),
                                                                   rows[i].element);
        assert_int_equal(ok, rows[i].want != REFUSED);
        if (rows[i].want)
            assert_string_equal(buf_cstr(&b), rows[i].want);
        buf_free(&b);
    }
}

static void
every_rule_has_a_writer_for_its_default_and_for_string(void **state)
{
    (void)state;
    for (size_t i = 0; i < bq_nrules; i++) {
        assert_non_null(bq_writer_for(bq_rules[i].source, bq_rules[i].type));
        assert_non_null(bq_writer_for(bq_rules[i].source, BQ_STRING));
    }
    assert_null(bq_rules[bq_nrules - 1].semantic);
    for (size_t i = 0; i < bq_nconversions; i++) {
        assert_non_null(bq_conversions[i].write);
        for (size_t k = 0; k < i; k++)
            assert_false(bq_conversions[i].source == bq_conversions[k].source &&
                         bq_conversions[i].type == bq_conversions[k].type);
    }
}

static void
bound_columns_get_their_types(void **state)
{
    static const struct {
        enum schema_type schema;
        const char *semantic, *pg;
        int typmod;
        enum bq_source source;
        enum bq_type type;
    } rows[] = {
        {SCHEMA_BOOLEAN, NULL, "bool", -1, BQ_SRC_BOOL, BQ_BOOL},
        {SCHEMA_BOOLEAN, NULL, "bit", 1, BQ_SRC_BIT, BQ_BOOL},
        {SCHEMA_BYTES, "io.debezium.data.Bits", "bit", 8, BQ_SRC_TEXT, BQ_STRING},
        {SCHEMA_INT16, NULL, "int2", -1, BQ_SRC_INT, BQ_INT64},
        {SCHEMA_INT64, NULL, "oid", -1, BQ_SRC_INT, BQ_INT64},
        {SCHEMA_FLOAT32, NULL, "float4", -1, BQ_SRC_FLOAT, BQ_FLOAT64},
        {SCHEMA_BYTES, "org.apache.kafka.connect.data.Decimal", "numeric", ((10 << 16) | 2) + 4,
         BQ_SRC_DECIMAL, BQ_NUMERIC},
        {SCHEMA_STRUCT, "io.debezium.data.VariableScaleDecimal", "numeric", -1, BQ_SRC_DECIMAL,
         BQ_BIGNUMERIC},
        {SCHEMA_STRING, NULL, "numeric", -1, BQ_SRC_TEXT, BQ_STRING},
        {SCHEMA_FLOAT64, NULL, "numeric", -1, BQ_SRC_FLOAT, BQ_FLOAT64},
        {SCHEMA_BYTES, "org.apache.kafka.connect.data.Decimal", "money", -1, BQ_SRC_TEXT,
         BQ_STRING},
        {SCHEMA_BYTES, NULL, "bytea", -1, BQ_SRC_BYTEA, BQ_BYTES},
        {SCHEMA_STRING, NULL, "bytea", -1, BQ_SRC_BYTEA, BQ_BYTES},
        {SCHEMA_INT32, "io.debezium.time.Date", "date", -1, BQ_SRC_DATE, BQ_DATE},
        {SCHEMA_INT64, "io.debezium.time.MicroTimestamp", "timestamp", -1, BQ_SRC_DATETIME,
         BQ_DATETIME},
        {SCHEMA_STRING, "io.debezium.time.ZonedTimestamp", "timestamptz", -1, BQ_SRC_TIMESTAMP,
         BQ_TIMESTAMP},
        {SCHEMA_INT64, "io.debezium.time.MicroTime", "time", -1, BQ_SRC_TIME, BQ_TIME},
        {SCHEMA_STRING, "io.debezium.time.ZonedTime", "timetz", -1, BQ_SRC_TEXT, BQ_STRING},
        {SCHEMA_INT64, "io.debezium.time.MicroDuration", "interval", -1, BQ_SRC_TEXT, BQ_STRING},
        {SCHEMA_STRING, "io.debezium.data.Json", "jsonb", -1, BQ_SRC_JSON, BQ_JSON},
        {SCHEMA_STRING, "io.debezium.data.Json", "hstore", -1, BQ_SRC_HSTORE, BQ_JSON},
        {SCHEMA_STRING, "io.debezium.data.Uuid", "uuid", -1, BQ_SRC_TEXT, BQ_STRING},
        {SCHEMA_STRING, "io.debezium.data.Enum", "mood", -1, BQ_SRC_TEXT, BQ_STRING},
        {SCHEMA_STRUCT, "io.debezium.data.geometry.Point", "point", -1, BQ_SRC_TEXT, BQ_STRING},
        {SCHEMA_BYTES, NULL, "whatever", -1, BQ_SRC_TEXT, BQ_STRING},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct schema s = {.type = rows[i].schema, .name = rows[i].semantic};
        struct schema list = {.type = SCHEMA_ARRAY, .items = &s};
        char array_name[64];
        struct pgtype scalar = {.name = rows[i].pg}, array = {.name = array_name};
        struct binding b = {.schema = &s, .type = &scalar, .typmod = rows[i].typmod};
        struct bq_typed got = bq_type_of(&b);

        assert_int_equal(got.source, rows[i].source);
        assert_int_equal(got.type, rows[i].type);
        assert_false(got.array);
        snprintf(array_name, sizeof(array_name), "_%s", rows[i].pg);
        b.schema = &list;
        b.type = &array;
        got = bq_type_of(&b);
        assert_int_equal(got.source, rows[i].source);
        assert_int_equal(got.type, rows[i].type);
        assert_true(got.array);
    }
}

static int
typmod(int precision, int scale)
{
    return ((precision << 16) | (scale & 0x7ff)) + 4;
}

static void
numeric_precision_picks_the_type(void **state)
{
    (void)state;
    assert_int_equal(bq_numeric_type(-1), BQ_BIGNUMERIC);
    assert_int_equal(bq_numeric_type(typmod(38, 9)), BQ_NUMERIC);
    assert_int_equal(bq_numeric_type(typmod(39, 9)), BQ_BIGNUMERIC);
    assert_int_equal(bq_numeric_type(typmod(12, 10)), BQ_BIGNUMERIC);
    assert_int_equal(bq_numeric_type(typmod(76, 38)), BQ_BIGNUMERIC);
    assert_int_equal(bq_numeric_type(typmod(77, 38)), BQ_STRING);
    assert_int_equal(bq_numeric_type(typmod(50, 39)), BQ_STRING);
    assert_int_equal(bq_numeric_type(typmod(10, -20)), BQ_BIGNUMERIC);
    assert_int_equal(bq_numeric_type(typmod(10, -5)), BQ_NUMERIC);
    assert_int_equal(bq_numeric_type(typmod(3, 5)), BQ_NUMERIC);
}

static void
type_and_mode_names_are_read_back(void **state)
{
    enum bq_type t;
    enum bq_mode m;

    (void)state;
    for (unsigned i = 0; i < BQ_NTYPES; i++) {
        assert_true(bq_type_parse(bq_type_name((enum bq_type)i), &t));
        assert_int_equal(t, i);
    }
    assert_true(bq_type_parse("INTEGER", &t) && t == BQ_INT64);
    assert_true(bq_type_parse("float", &t) && t == BQ_FLOAT64);
    assert_false(bq_type_parse("RECORD", &t));
    assert_true(bq_mode_parse("required", &m) && m == BQ_REQUIRED);
    assert_false(bq_mode_parse("", &m));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_written_as_bigquery_reads_them),
        cmocka_unit_test(decimals_are_never_rounded),
        cmocka_unit_test(times_outside_bigquerys_range_are_refused_not_clamped),
        cmocka_unit_test(json_with_integers_beyond_64_bits_is_refused),
        cmocka_unit_test(hstore_becomes_a_json_object),
        cmocka_unit_test(arrays_become_repeated_values_or_json),
        cmocka_unit_test(every_rule_has_a_writer_for_its_default_and_for_string),
        cmocka_unit_test(bound_columns_get_their_types),
        cmocka_unit_test(numeric_precision_picks_the_type),
        cmocka_unit_test(type_and_mode_names_are_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
