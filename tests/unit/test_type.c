/* Types: the table both ways, and every column and value of the recordings under
 * tests/golden/types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "decoder/type_rule.h"

#define GOLDEN "tests/golden/types"
enum { FIELDS_MAX = 80, BUF_MAX = 64 << 20 };

static const struct settings defaults = {
    .money_scale = 2,
    .unavailable = {"__debezium_unavailable_value", 28},
    .key_json = {true, true, false},
    .value_json = {true, true, false},
};

static struct slice
lit(const char *s)
{
    return slice_of(s);
}

/* Binds a column of a built-in type as the value side does; only what every test needs. */
struct bound {
    struct types *types;
    struct arena arena;
    struct binding b;
    enum bind_result result;
    uint32_t missing;
};

static void
bind(struct bound *x, const struct settings *s, const struct column *col)
{
    x->types = types_new();
    arena_init(&x->arena);
    x->result = type_bind(x->types, col, s, &s->value_json, &x->arena, &x->b, &x->missing);
}

static void
unbind(struct bound *x)
{
    types_free(x->types);
    arena_free(&x->arena);
}

/* A built-in type by name: the other direction of types_get. */
static const struct pgtype *
builtin(const char *name)
{
    for (size_t i = 0; i < type_nbuiltins; i++)
        if (strcmp(type_builtins[i].name, name) == 0)
            return &type_builtins[i];
    return NULL;
}

static void
assert_writes(const char *type, int32_t typmod, const struct settings *s, const char *text,
              const char *expected)
{
    struct column col = {
        .name = lit("c"), .type = builtin(type)->oid, .typmod = typmod, .known = true};
    struct bound x;
    struct buf out;

    bind(&x, s, &col);
    assert_int_equal(x.result, BIND_OK);
    buf_init(&out, BUF_MAX);
    assert_true(x.b.write(&out, lit(text), x.b.ctx, NULL));
    assert_string_equal(buf_cstr(&out), expected);
    buf_free(&out);
    unbind(&x);
}

/* ---- the table ---- */

static void
builtins_rise_by_oid_and_are_found(void **state)
{
    struct types *t = types_new();

    (void)state;
    for (size_t i = 0; i < type_nbuiltins; i++) {
        assert_true(i == 0 || type_builtins[i - 1].oid < type_builtins[i].oid);
        assert_ptr_equal(types_get(t, type_builtins[i].oid), &type_builtins[i]);
        if (type_builtins[i].elem)
            assert_non_null(types_get(t, type_builtins[i].elem));
    }
    assert_null(types_get(t, 999999));
    types_free(t);
}

static struct pgtype
example(const struct type_rule *rule)
{
    const struct pgtype *type = builtin(rule->name);

    if (type)
        return *type;
    return (struct pgtype){.oid = 100000,
                           .schema = "public",
                           .name = rule->name,
                           .kind = strcmp(rule->name, "enum") == 0 ? 'e' : 'b',
                           .base_typmod = -1};
}

static void
every_row_is_found_by_its_type_and_takes_its_own_fallback(void **state)
{
    const struct type_rule *rule;

    (void)state;
    for (size_t i = 0; (rule = type_rule_at(i)) != NULL; i++) {
        for (int mode = 0; mode < 6; mode++) {
            struct settings s = defaults;
            struct pgtype type = example(rule);
            struct column col = {
                .name = lit("c"), .type = type.oid, .typmod = -1, .known = true, .not_null = true};
            struct bound x = {.types = types_new()};

            s.time = (enum time_mode)mode;
            s.decimal = (enum decimal_mode)(mode % 3);
            s.binary = (enum binary_mode)(mode % 4);
            s.interval = (enum interval_mode)(mode % 2);
            s.hstore = (enum hstore_mode)(mode % 2);
            s.unknown_types = true;
            types_add(x.types, &type);
            arena_init(&x.arena);
            if (rule != type_rule_unknown())
                assert_ptr_equal(type_rule_find(&type), rule);
            assert_int_equal(
                type_bind(x.types, &col, &s, &s.value_json, &x.arena, &x.b, &x.missing), BIND_OK);
            assert_false(slice_is(x.b.null_json, "null"));
            assert_int_equal(x.b.schema->optional, strcmp(rule->name, "geometry") == 0);
            unbind(&x);
        }
    }
}

static void
a_users_type_of_a_built_in_name_is_unknown(void **state)
{
    struct pgtype type = {
        .oid = 100000, .schema = "public", .name = "int4", .kind = 'b', .base_typmod = -1};

    (void)state;
    assert_null(type_rule_find(&type));
}

static void
reference_page_has_every_row(void **state)
{
    const struct type_rule *rule;
    struct buf out;

    (void)state;
    buf_init(&out, BUF_MAX);
    type_print_reference(&out);
    for (size_t i = 0; (rule = type_rule_at(i)) != NULL; i++)
        assert_non_null(strstr(buf_cstr(&out), rule->sql));
    /* the last mode of each property */
    assert_non_null(strstr(buf_cstr(&out), "| `double` | money |"));
    assert_non_null(strstr(buf_cstr(&out), "| `nanoseconds` | timestamptz |"));
    assert_non_null(strstr(buf_cstr(&out), "| `string` | interval |"));
    assert_non_null(strstr(buf_cstr(&out), "| `hex` | bytea |"));
    assert_non_null(strstr(buf_cstr(&out), "| `map` | hstore |"));
    assert_true(buf_ok(&out));
    buf_free(&out);
}

/* ---- registry and binding ---- */

static void
a_type_added_again_replaces_the_old_one(void **state)
{
    const char *labels[] = {"a", "b"};
    struct pgtype mood = {.oid = 100000,
                          .schema = "s",
                          .name = "mood",
                          .kind = 'e',
                          .base_typmod = -1,
                          .labels = labels,
                          .nlabels = 1};
    struct types *t = types_new();
    const struct pgtype *old;

    (void)state;
    types_add(t, &mood);
    old = types_get(t, 100000);
    mood.nlabels = 2;
    types_add(t, &mood);
    assert_int_equal(old->nlabels, 1);
    assert_string_equal(old->labels[0], "a");
    assert_int_equal(types_get(t, 100000)->nlabels, 2);
    types_free(t);
}

static void
a_missing_type_is_named(void **state)
{
    struct pgtype array = {.oid = 100001,
                           .schema = "s",
                           .name = "_mood",
                           .kind = 'b',
                           .elem = 100000,
                           .base_typmod = -1};
    struct pgtype domain = {
        .oid = 100003, .schema = "s", .name = "d", .kind = 'd', .base = 100002, .base_typmod = -1};
    struct bound x = {.types = types_new()};
    struct column col = {.name = lit("c"), .type = 100001, .typmod = -1};

    (void)state;
    arena_init(&x.arena);
    assert_int_equal(
        type_bind(x.types, &col, &defaults, &defaults.value_json, &x.arena, &x.b, &x.missing),
        BIND_UNKNOWN_TYPE);
    assert_int_equal(x.missing, 100001);
    types_add(x.types, &array);
    types_add(x.types, &domain);
    assert_int_equal(
        type_bind(x.types, &col, &defaults, &defaults.value_json, &x.arena, &x.b, &x.missing),
        BIND_UNKNOWN_TYPE);
    assert_int_equal(x.missing, 100000);
    col.type = 100003;
    assert_int_equal(
        type_bind(x.types, &col, &defaults, &defaults.value_json, &x.arena, &x.b, &x.missing),
        BIND_UNKNOWN_TYPE);
    assert_int_equal(x.missing, 100002);
    unbind(&x);
}

static void
domains_that_run_in_a_circle_end(void **state)
{
    struct pgtype a = {
        .oid = 100000, .schema = "s", .name = "a", .kind = 'd', .base = 100001, .base_typmod = -1};
    struct pgtype b = {
        .oid = 100001, .schema = "s", .name = "b", .kind = 'd', .base = 100000, .base_typmod = -1};
    struct bound x = {.types = types_new()};
    struct column col = {.name = lit("c"), .type = 100000, .typmod = -1};

    (void)state;
    arena_init(&x.arena);
    types_add(x.types, &a);
    types_add(x.types, &b);
    assert_int_equal(
        type_bind(x.types, &col, &defaults, &defaults.value_json, &x.arena, &x.b, &x.missing),
        BIND_UNKNOWN_TYPE);
    unbind(&x);
}

static void
a_column_the_catalog_does_not_know_is_optional_without_default(void **state)
{
    struct column col = {
        .name = lit("c"), .type = 23, .typmod = -1, .not_null = true, .default_expr = "5"};
    struct bound x;

    (void)state;
    bind(&x, &defaults, &col);
    assert_true(x.b.schema->optional);
    assert_int_equal(x.b.schema->def.n, 0);
    assert_true(slice_is(x.b.null_json, "null"));
    unbind(&x);
}

static void
fast_and_slow_timestamps_agree(void **state)
{
    static const char *const texts[] = {"2020-02-29 12:34:56.789123", "1970-01-01 00:00:00",
                                        "1969-12-31 23:59:59.9",      "0001-01-01 00:00:00.000001",
                                        "9999-12-31 23:59:59.999999", "1900-03-01 01:02:03.04"};
    struct bind_ctx ctx = {.type = "timestamp"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char padded[64];
        struct buf fast, slow;

        /* Nine digits of a year are only read the long way. */
        snprintf(padded, sizeof(padded), "00000%s", texts[i]);
        buf_init(&fast, 64);
        buf_init(&slow, 64);
        assert_true(text_timestamp_us(&fast, lit(texts[i]), &ctx, NULL));
        assert_true(text_timestamp_us(&slow, lit(padded), &ctx, NULL));
        assert_string_equal(buf_cstr(&fast), buf_cstr(&slow));
        buf_free(&fast);
        buf_free(&slow);
    }
}

static void
all_days_of_four_thousand_years_are_consecutive(void **state)
{
    struct bind_ctx ctx = {.type = "timestamp"};
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t expected = -719162;
    struct buf out;

    (void)state;
    buf_init(&out, 64);
    for (unsigned year = 1; year <= 4000; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        for (unsigned month = 1; month <= 12; month++)
            for (unsigned day = 1; day <= lengths[month - 1] + (month == 2 && leap);
                 day++, expected++) {
                char text[32];

                snprintf(text, sizeof(text), "%04u-%02u-%02u 00:00:00", year, month, day);
                buf_clear(&out);
                assert_true(text_timestamp_ms(&out, lit(text), &ctx, NULL));
                assert_int_equal(strtoll(buf_cstr(&out), NULL, 10), expected * 86400000);
                text[10] = '\0';
                buf_clear(&out);
                assert_true(text_date_days(&out, lit(text), &ctx, NULL));
                assert_int_equal(strtoll(buf_cstr(&out), NULL, 10), expected);
            }
    }
    buf_free(&out);
}

static void
texts_that_are_no_values_are_refused(void **state)
{
    static const struct {
        const char *type, *text;
    } cases[] = {
        {"int4", ""},
        {"int4", "-"},
        {"int4", "01"},
        {"int4", "-0"},
        {"int4", "1x"},
        {"int4", "123456789012345678901"},
        {"bool", "x"},
        {"bool", ""},
        {"float8", "1e"},
        {"numeric", "."},
        {"numeric", "1."},
        {"money", "$"},
        {"date", "2020-1-1"},
        {"date", "2020-13-01"},
        {"date", "2020-01-01 AD"},
        {"time", "1:00:00"},
        {"time", "12:00:00."},
        {"time", "25:00:00"},
        {"timetz", "12:00:00"},
        {"timestamp", "2020-01-01"},
        {"timestamp", "2020-01-01 12:00:00."},
        {"timestamp", "2020-01-01 12:00:0x"},
        {"timestamp", "2020-01-01 12:00:00.12345x"},
        {"timestamptz", "2020-01-01 12:00:00"},
        {"timestamptz", "2020-01-01 12:00:00.x+00"},
        {"interval", ""},
        {"interval", "1 week"},
        {"interval", "1"},
        {"bytea", "\\x0"},
        {"bytea", "\\x0g"},
        {"bytea", "00"},
        {"bit", "12"},
        {"point", "(1)"},
        {"point", "(1,)"},
        {"_int4", "{1"},
        {"_int4", "{1,}"},
        {"_int4", "{1}x"},
        {"_int4", "[1:2]"},
        {"_int4", ""},
        {"_text", "{\"a}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct column col = {
            .name = lit("c"), .type = builtin(cases[i].type)->oid, .typmod = -1, .known = true};
        struct err e = {ERR_NONE};
        struct bound x;
        struct buf out;
        bool ok;

        bind(&x, &defaults, &col);
        assert_int_equal(x.result, BIND_OK);
        buf_init(&out, BUF_MAX);
        ok = x.b.write(&out, lit(cases[i].text), x.b.ctx, &e);
        /* PostgreSQL prints "1." and "-0" for nothing, but they are harmless. */
        if (strcmp(cases[i].text, "1.") != 0) {
            if (ok)
                print_error("%s takes \"%s\" as %s\n", cases[i].type, cases[i].text,
                            buf_cstr(&out));
            assert_false(ok);
            assert_string_equal(e.code, "value.convert");
        }
        buf_free(&out);
        unbind(&x);
    }
}

static void
an_error_names_the_type_and_not_the_value(void **state)
{
    struct column col = {.name = lit("c"), .type = 23, .typmod = -1};
    struct err e;
    struct bound x;
    struct buf out;

    (void)state;
    bind(&x, &defaults, &col);
    buf_init(&out, BUF_MAX);
    assert_false(x.b.write(&out, lit("secret"), x.b.ctx, &e));
    assert_non_null(strstr(e.msg, "int4"));
    assert_null(strstr(e.msg, "secret"));
    buf_free(&out);
    unbind(&x);
}

static void
unscaled_values_at_the_edges_of_their_bytes(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"0", "\"AA==\""},
        {"127", "\"fw==\""},
        {"128", "\"AIA=\""},
        {"-128", "\"gA==\""},
        {"-129", "\"/38=\""},
        {"255", "\"AP8=\""},
        {"-256", "\"/wA=\""},
        {"32767", "\"f/8=\""},
        {"32768", "\"AIAA\""},
        {"-32768", "\"gAA=\""},
        {"9223372036854775807", "\"f/////////8=\""},
        {"9223372036854775808", "\"AIAAAAAAAAAA\""},
        {"-9223372036854775808", "\"gAAAAAAAAAA=\""},
        {"-9223372036854775809", "\"/3//////////\""},
        {"18446744073709551615", "\"AP//////////\""},
        {"18446744073709551616", "\"AQAAAAAAAAAA\""},
        {"-18446744073709551616", "\"/wAAAAAAAAAA\""},
        {"-18446744073709551617", "\"/v//////////\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_writes("numeric", (30 << 16) + 4, &defaults, cases[i].text, cases[i].expected);
}

static void
decimals_as_numbers_are_java_big_decimals(void **state)
{
    struct settings s = defaults;

    (void)state;
    s.value_json.decimal_numeric = true;
    assert_writes("numeric", (20 << 16) + 4 + 2, &s, "-0.05", "-0.05");
    assert_writes("numeric", (20 << 16) + 4 + 2, &s, "100.00", "100.00");
    assert_writes("numeric", (20 << 16) + 4 + 6, &s, "0.000001", "0.000001");
    assert_writes("numeric", (20 << 16) + 4 + 7, &s, "0.0000001", "1E-7");
    assert_writes("numeric", (20 << 16) + 4 + 8, &s, "0.00000012", "1.2E-7");
    assert_writes("numeric", (20 << 16) + 4 + 10, &s, "0.0000000000", "0E-10");
    assert_writes("numeric", (20 << 16) + 4, &s, "-7", "-7");
}

static void
money_is_rounded_half_up_when_precise(void **state)
{
    struct settings s = defaults;

    (void)state;
    s.money_scale = 0;
    assert_writes("money", -1, &s, "$9.50", "\"Cg==\"");
    assert_writes("money", -1, &s, "-$99.99", "\"nA==\"");
    assert_writes("money", -1, &s, "-$0.49", "\"AA==\"");
    s.decimal = DECIMAL_STRING;
    assert_writes("money", -1, &s, "$9.50", "\"9.50\"");
    s.decimal = DECIMAL_PRECISE;
    s.money_scale = 1;
    assert_writes("money", -1, &s, "$1,299.95", "\"Msg=\"");
    s.money_scale = 4;
    assert_writes("money", -1, &s, "($5.00)", "\"/zyw\"");
    s.decimal = DECIMAL_DOUBLE;
    assert_writes("money", -1, &s, "($5.01)", "-5.01");
}

static void
postgis_and_pgvector_values(void **state)
{
    static const struct {
        const char *name, *text, *expected;
    } cases[] = {
        {"vector", "[1,-2.5,3e-07]", "[1.0,-2.5,3.0E-7]"},
        {"halfvec", "[0.1,65504]", "[0.1,65504.0]"},
        {"sparsevec", "{1:1.5,17:2,3:0.5}/20",
         "{\"dimensions\":20,\"vector\":[[1,1.5],[17,2.0],[3,0.5]]}"},
        /* a map made for two entries has four buckets, one for one has two */
        {"sparsevec", "{2:1,5:2}/9", "{\"dimensions\":9,\"vector\":[[5,2.0],[2,1.0]]}"},
        {"sparsevec", "{7:1}/9", "{\"dimensions\":9,\"vector\":[[7,1.0]]}"},
        {"sparsevec", "{}/5", "{\"dimensions\":5,\"vector\":[]}"},
        {"geometry", "0101000020E6100000000000000000F03F000000000000F03F",
         "{\"wkb\":\"AQEAACDmEAAAAAAAAAAA8D8AAAAAAADwPw==\",\"srid\":4326}"},
        {"geography", "0101000000000000000000F03F000000000000F03F",
         "{\"wkb\":\"AQEAAAAAAAAAAADwPwAAAAAAAPA/\",\"srid\":null}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct pgtype type = {.oid = 100000,
                              .schema = "public",
                              .name = cases[i].name,
                              .kind = 'b',
                              .base_typmod = -1};
        struct column col = {.name = lit("c"), .type = 100000, .typmod = -1};
        struct bound x = {.types = types_new()};
        struct buf out;

        arena_init(&x.arena);
        types_add(x.types, &type);
        assert_int_equal(
            type_bind(x.types, &col, &defaults, &defaults.value_json, &x.arena, &x.b, &x.missing),
            BIND_OK);
        buf_init(&out, BUF_MAX);
        assert_true(x.b.write(&out, lit(cases[i].text), x.b.ctx, NULL));
        assert_string_equal(buf_cstr(&out), cases[i].expected);
        buf_free(&out);
        unbind(&x);
    }
}

/* BigDecimal.valueOf(whole + fraction): where the sum's double is not the decimal's, its digits show. */
static void
intervals_as_text_show_the_sum_of_doubles(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"00:00:03.96566", "\"P0Y0M0DT0H0M3.965659999S\""},
        {"-00:00:03.96566", "\"P0Y0M0DT0H0M-3.965659999S\""},
        {"00:00:01.003969", "\"P0Y0M0DT0H0M1.003969S\""}, /* 1.0039690000000001 */
        {"00:00:01.005467", "\"P0Y0M0DT0H0M1.005466999S\""},
        {"00:00:00.29", "\"P0Y0M0DT0H0M0.29S\""},
        {"00:00:06.78", "\"P0Y0M0DT0H0M6.78S\""},
        {"-00:00:00.000001", "\"P0Y0M0DT0H0M-0.000001S\""},
        {"1 year", "\"P1Y0M0DT0H0M0S\""},
    };
    struct settings s = defaults;

    (void)state;
    s.interval = INTERVAL_STRING;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_writes("interval", -1, &s, cases[i].text, cases[i].expected);
}

/* Whatever the schema of the type is called; Debezium takes a dot or a quote in its own name apart. */
static void
enum_defaults_need_a_plain_type_name(void **state)
{
    static const struct {
        const char *schema, *name, *expr, *expected;
    } cases[] = {
        {"s", "mood", "'a'::s.mood", "\"a\""},
        {"s", "mood", "'a'::mood", "\"a\""},
        {"qu\"ote", "mood", "'a'::\"qu\"\"ote\".mood", "\"a\""},
        {"dot.ted", "mood", "'a'::\"dot.ted\".mood", "\"a\""},
        {"s", "Mo od", "'a::b'::s.\"Mo od\"", "\"a::b\""},
        {"s", "mo\"od", "'a'::s.\"mo\"\"od\"", ""},
        {"s", "mo.od", "'a'::s.\"mo.od\"", ""},
        {"s", "mood", "'a'::s.gloomood", ""},
        {"s", "mood", "'{a}'::s.mood[]", ""},
        {"s", "mood", "('a'::text)::s.mood", ""},
        {"s", "mood", "NULL::s.mood", ""},
        {"s", "mood", "'a", ""},
    };
    const char *labels[] = {"a", "a::b"};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct pgtype mood = {.oid = 100000,
                              .schema = cases[i].schema,
                              .name = cases[i].name,
                              .kind = 'e',
                              .base_typmod = -1,
                              .labels = labels,
                              .nlabels = 2};
        struct column col = {.name = lit("c"),
                             .type = 100000,
                             .typmod = -1,
                             .known = true,
                             .default_expr = cases[i].expr};
        struct bound x = {.types = types_new()};

        arena_init(&x.arena);
        types_add(x.types, &mood);
        assert_int_equal(
            type_bind(x.types, &col, &defaults, &defaults.value_json, &x.arena, &x.b, &x.missing),
            BIND_OK);
        if (!slice_is(x.b.schema->def, cases[i].expected))
            fail_msg("%s: default %.*s", cases[i].expr, SLICE_ARG(x.b.schema->def));
        unbind(&x);
    }
}

/* ---- the recordings ---- */

struct golden {
    const char *file;
    struct settings s;
    struct types *types;
    struct arena arena;
    struct column col;
    char *copies[8]; /* name, default, … of the current column */
    struct binding b;
    bool bound, key;
    unsigned columns, values, wrong;
};

/* Splits at tabs and unescapes, in place. Lengths matter: a value may hold anything but NUL. */
static size_t
split(char *line, struct slice *fields)
{
    size_t n = 0;
    char *w = line;

    fields[0] = (struct slice){line, 0};
    for (const char *p = line; *p; p++) {
        if (*p == '\t') {
            *w++ = '\0';
            fields[++n] = (struct slice){w, 0};
            assert_true(n < FIELDS_MAX);
            continue;
        }
        if (*p == '\\' && p[1] != 'N') {
            p++;
            *w++ = *p == 't' ? '\t' : *p == 'n' ? '\n' : *p == 'r' ? '\r' : *p;
        } else {
            *w++ = *p;
        }
        fields[n].n++;
    }
    *w = '\0';
    return n + 1;
}

static int
choice(struct slice value, const char *const *names)
{
    int i = 0;

    while (names[i] && !slice_is(value, names[i]))
        i++;
    assert_non_null(names[i]);
    return i;
}

static void
golden_set(struct golden *g, struct slice name, struct slice value)
{
    static const char *const decimals[] = {"precise", "string", "double", NULL};
    static const char *const times[] = {"adaptive",
                                        "adaptive_time_microseconds",
                                        "connect",
                                        "isostring",
                                        "microseconds",
                                        "nanoseconds",
                                        NULL};
    static const char *const binaries[] = {"bytes", "base64", "base64-url-safe", "hex", NULL};
    static const char *const intervals[] = {"numeric", "string", NULL};
    static const char *const hstores[] = {"json", "map", NULL};
    struct json_format *json = name.p[0] == 'k' ? &g->s.key_json : &g->s.value_json;

    if (slice_is(name, "decimal.handling.mode")) {
        g->s.decimal = (enum decimal_mode)choice(value, decimals);
    } else if (slice_is(name, "time.precision.mode")) {
        g->s.time = (enum time_mode)choice(value, times);
    } else if (slice_is(name, "binary.handling.mode")) {
        g->s.binary = (enum binary_mode)choice(value, binaries);
    } else if (slice_is(name, "interval.handling.mode")) {
        g->s.interval = (enum interval_mode)choice(value, intervals);
    } else if (slice_is(name, "hstore.handling.mode")) {
        g->s.hstore = (enum hstore_mode)choice(value, hstores);
    } else if (slice_is(name, "money.fraction.digits")) {
        g->s.money_scale = atoi(value.p);
    } else if (slice_is(name, "include.unknown.datatypes")) {
        g->s.unknown_types = slice_is(value, "true");
    } else if (slice_is(name, "unavailable.value.placeholder")) {
        /* The one recording with "hex:" has 6e6f6e65. */
        g->s.unavailable =
            strncmp(value.p, "hex:", 4) == 0 ? SLICE_LIT("none") : arena_slice(&g->arena, value);
    } else if (strstr(name.p, "replace.null")) {
        json->replace_null = slice_is(value, "true");
    } else if (strstr(name.p, "decimal.format")) {
        json->decimal_numeric = slice_is(value, "NUMERIC");
    }
}

static void
golden_type(struct golden *g, const struct slice *f, size_t n)
{
    const char *labels[FIELDS_MAX];
    struct pgtype type = {
        .oid = (uint32_t)atol(f[1].p),
        .schema = f[2].p,
        .name = f[3].p,
        .kind = f[4].p[0],
        .elem = (uint32_t)atol(f[5].p),
        .base = (uint32_t)atol(f[6].p),
        .base_typmod = atoi(f[7].p),
        .labels = labels,
        .nlabels = n - 8,
    };

    for (size_t i = 8; i < n; i++)
        labels[i - 8] = f[i].p;
    types_add(g->types, &type);
}

static void
golden_differs(struct golden *g, const char *what, struct slice text, struct slice got,
               struct slice want)
{
    g->wrong++;
    print_error("%s column %.*s: %s %.*s\n    got  %.*s\n    want %.*s\n", g->file,
                SLICE_ARG(g->col.name), what, (int)(text.n < 200 ? text.n : 200), text.p,
                (int)(got.n < 400 ? got.n : 400), got.p, (int)(want.n < 400 ? want.n : 400),
                want.p);
}

static void
golden_column(struct golden *g, const struct slice *f)
{
    uint32_t missing;

    g->key = slice_is(f[1], "key");
    g->col = (struct column){
        .name = arena_slice(&g->arena, f[3]),
        .type = (uint32_t)atol(f[4].p),
        .typmod = atoi(f[5].p),
        .known = true,
        .not_null = f[6].p[0] == '1',
        .default_expr = slice_is(f[7], "\\N") ? NULL : arena_slice(&g->arena, f[7]).p,
    };
    g->bound = type_bind(g->types, &g->col, &g->s, g->key ? &g->s.key_json : &g->s.value_json,
                         &g->arena, &g->b, &missing) == BIND_OK;
}

static void
golden_schema(struct golden *g, struct slice want)
{
    struct buf out;

    if (want.n == 0)
        return; /* recorded without schemas */
    g->columns++;
    buf_init(&out, BUF_MAX);
    if (g->bound)
        schema_write(&out, g->b.schema, g->col.name);
    else
        buf_str(&out, "dropped");
    if (!slice_eq(buf_view(&out), want))
        golden_differs(g, "schema", (struct slice){"", 0}, buf_view(&out), want);
    buf_free(&out);
}

/* What the converter does: values that cannot be said are written as NULL is. */
static void
golden_value(struct golden *g, const struct slice *f)
{
    struct slice text = f[3], want = f[4], kind = f[2];
    struct buf out;

    if (!g->bound) {
        golden_differs(g, "is dropped, but", text, (struct slice){"", 0}, want);
        return;
    }
    g->values++;
    buf_init(&out, BUF_MAX);
    if (slice_is(kind, "unchanged")) {
        buf_slice(&out, g->b.unavailable_json);
    } else if (slice_is(kind, "null") || (g->b.stream_null && slice_is(f[1], "stream"))) {
        buf_slice(&out, g->b.null_json);
    } else if (!g->b.write(&out, text, g->b.ctx, NULL)) {
        buf_clear(&out);
        buf_slice(&out, g->b.null_json);
    }
    if (!slice_eq(buf_view(&out), want))
        golden_differs(g, "value", text, buf_view(&out), want);
    buf_free(&out);
}

static void
golden_line(struct golden *g, char *line)
{
    struct slice f[FIELDS_MAX];
    size_t n = split(line, f);

    if (slice_is(f[0], "set"))
        golden_set(g, f[1], f[2]);
    else if (slice_is(f[0], "type"))
        golden_type(g, f, n);
    else if (slice_is(f[0], "column"))
        golden_column(g, f);
    else if (slice_is(f[0], "schema"))
        golden_schema(g, f[1]);
    else if (slice_is(f[0], "value"))
        golden_value(g, f);
    else
        fail_msg("%s: unknown line \"%s\"", g->file, f[0].p);
}

static int
is_golden(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');

    return dot && strcmp(dot, ".txt") == 0;
}

static void
every_recorded_column_and_value_is_debeziums(void **state)
{
    struct dirent **names;
    int n = scandir(GOLDEN, &names, is_golden, alphasort);
    unsigned columns = 0, values = 0, wrong = 0;

    (void)state;
    assert_true(n > 80);
    for (int i = 0; i < n; i++) {
        struct golden g = {.file = names[i]->d_name, .s = defaults, .types = types_new()};
        char *path = mem_printf(GOLDEN "/%s", names[i]->d_name), *line = NULL;
        FILE *in = fopen(path, "r");
        size_t cap = 0;
        ssize_t got;

        assert_non_null(in);
        arena_init(&g.arena);
        while ((got = getline(&line, &cap, in)) > 0) {
            line[got - 1] = '\0';
            golden_line(&g, line);
        }
        fclose(in);
        free(line);
        free(path);
        columns += g.columns;
        values += g.values;
        wrong += g.wrong;
        types_free(g.types);
        arena_free(&g.arena);
        free(names[i]);
    }
    free(names);
    print_message("%d recordings: %u schemas and %u values, %u differ\n", n, columns, values,
                  wrong);
    assert_int_equal(wrong, 0);
    assert_true(columns > 1000 && values > 3000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builtins_rise_by_oid_and_are_found),
        cmocka_unit_test(every_row_is_found_by_its_type_and_takes_its_own_fallback),
        cmocka_unit_test(a_users_type_of_a_built_in_name_is_unknown),
        cmocka_unit_test(reference_page_has_every_row),
        cmocka_unit_test(a_type_added_again_replaces_the_old_one),
        cmocka_unit_test(a_missing_type_is_named),
        cmocka_unit_test(domains_that_run_in_a_circle_end),
        cmocka_unit_test(a_column_the_catalog_does_not_know_is_optional_without_default),
        cmocka_unit_test(fast_and_slow_timestamps_agree),
        cmocka_unit_test(all_days_of_four_thousand_years_are_consecutive),
        cmocka_unit_test(texts_that_are_no_values_are_refused),
        cmocka_unit_test(an_error_names_the_type_and_not_the_value),
        cmocka_unit_test(unscaled_values_at_the_edges_of_their_bytes),
        cmocka_unit_test(decimals_as_numbers_are_java_big_decimals),
        cmocka_unit_test(money_is_rounded_half_up_when_precise),
        cmocka_unit_test(postgis_and_pgvector_values),
        cmocka_unit_test(intervals_as_text_show_the_sum_of_doubles),
        cmocka_unit_test(enum_defaults_need_a_plain_type_name),
        cmocka_unit_test(every_recorded_column_and_value_is_debeziums),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
