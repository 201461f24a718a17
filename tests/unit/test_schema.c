/* The JSON text of schemas: member order and the names of types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decoder/schema.h"

static const struct slice no_field = {NULL, 0};

static void
assert_schema(const struct schema *s, struct slice field, const char *expected)
{
    struct buf out;

    buf_init(&out, 65536);
    schema_write(&out, s, field);
    assert_string_equal(buf_cstr(&out), expected);
    buf_free(&out);
}

static void
every_type_has_its_connect_name(void **state)
{
    static const char *const names[] = {"boolean", "int8",  "int16",  "int32", "int64", "float",
                                        "double",  "bytes", "string", "array", "map",   "struct"};

    (void)state;
    for (int t = SCHEMA_BOOLEAN; t <= SCHEMA_STRUCT; t++)
        assert_string_equal(schema_type_name((enum schema_type)t), names[t]);
}

static void
members_stand_in_connects_order(void **state)
{
    static const struct schema_param params[] = {{"scale", "2"},
                                                 {"connect.decimal.precision", "10"}};
    const struct schema s = {
        .type = SCHEMA_BYTES,
        .optional = true,
        .name = "n",
        .version = 1,
        .doc = "d",
        .params = params,
        .nparams = 2,
        .def = SLICE_LIT("\"AA==\""),
    };

    (void)state;
    assert_schema(
        &s, SLICE_LIT("f"),
        "{\"type\":\"bytes\",\"optional\":true,\"name\":\"n\",\"version\":1,\"doc\":\"d\","
        "\"parameters\":{\"scale\":"
        "\"2\",\"connect.decimal.precision\":\"10\"},\"default\":\"AA==\",\"field\":\"f\"}");
}

static void
compound_types_show_their_parts_before_optional(void **state)
{
    const struct schema item = {.type = SCHEMA_INT32, .optional = true};
    const struct schema key = {.type = SCHEMA_STRING};
    const struct schema array = {.type = SCHEMA_ARRAY, .items = &item};
    const struct schema map = {.type = SCHEMA_MAP, .keys = &key, .values = &item, .optional = true};
    const struct schema_field fields[] = {{SLICE_LIT("a"), &array}, {SLICE_LIT("m"), &map}};
    const struct schema s = {
        .type = SCHEMA_STRUCT, .fields = fields, .nfields = 2, .name = "t.Value"};

    (void)state;
    assert_schema(&s, no_field,
                  "{\"type\":\"struct\",\"fields\":[{\"type\":\"array\",\"items\":{\"type\":"
                  "\"int32\",\"optional\":true},"
                  "\"optional\":false,\"field\":\"a\"},{\"type\":\"map\",\"keys\":{\"type\":"
                  "\"string\",\"optional\":false},"
                  "\"values\":{\"type\":\"int32\",\"optional\":true},\"optional\":true,\"field\":"
                  "\"m\"}],\"optional\":false,"
                  "\"name\":\"t.Value\"}");
}

static void
a_field_may_have_an_empty_name(void **state)
{
    const struct schema s = {.type = SCHEMA_BOOLEAN};

    (void)state;
    assert_schema(&s, SLICE_LIT(""), "{\"type\":\"boolean\",\"optional\":false,\"field\":\"\"}");
    assert_schema(&s, no_field, "{\"type\":\"boolean\",\"optional\":false}");
}

static void
a_struct_without_fields_keeps_its_list(void **state)
{
    const struct schema s = {.type = SCHEMA_STRUCT};

    (void)state;
    assert_schema(&s, no_field, "{\"type\":\"struct\",\"fields\":[],\"optional\":false}");
}

static void
names_are_escaped(void **state)
{
    static const struct schema_param params[] = {{"allowed", "a\"b,\n"}};
    const struct schema s = {.type = SCHEMA_STRING, .params = params, .nparams = 1};

    (void)state;
    assert_schema(
        &s, SLICE_LIT("f\\\"\xc3\xa9"),
        "{\"type\":\"string\",\"optional\":false,\"parameters\":{\"allowed\":\"a\\\"b,\\n\"},"
        "\"field\":\"f\\\\\\\"\xc3\xa9\"}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_its_connect_name),
        cmocka_unit_test(members_stand_in_connects_order),
        cmocka_unit_test(compound_types_show_their_parts_before_optional),
        cmocka_unit_test(a_field_may_have_an_empty_name),
        cmocka_unit_test(a_struct_without_fields_keeps_its_list),
        cmocka_unit_test(names_are_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
