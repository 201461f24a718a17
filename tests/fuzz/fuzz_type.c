/*
 * Any text through every type's writer, in every mode: no crash, and what is written with success
 * is one JSON value. Any text as a default expression: the schema stays a JSON object.
 *
 * Input: type, modes, modes, typmod (2 bytes), then the text.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/type_rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { HEAD = 5, DEPTH_MAX = 8, OID_TYPE = 100000, OID_ARRAY, OUT_MAX = 1 << 24 };

struct json {
    const char *p, *end;
};

static bool json_value(struct json *j, int depth);

static bool
json_word(struct json *j, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(j->end - j->p) < n || memcmp(j->p, word, n) != 0)
        return false;
    j->p += n;
    return true;
}

static bool
json_digits(struct json *j)
{
    const char *start = j->p;

    while (j->p < j->end && *j->p >= '0' && *j->p <= '9')
        j->p++;
    return j->p > start;
}

static bool
json_number(struct json *j)
{
    const char *start;

    json_word(j, "-");
    start = j->p;
    if (!json_digits(j) || (*start == '0' && j->p - start > 1))
        return false;
    if (json_word(j, ".") && !json_digits(j))
        return false;
    if (!json_word(j, "E"))
        return true;
    json_word(j, "-");
    return json_digits(j);
}

static bool
json_string(struct json *j)
{
    if (!json_word(j, "\""))
        return false;
    while (j->p < j->end && *j->p != '"') {
        if ((unsigned char)*j->p < 0x20)
            return false;
        if (*j->p++ != '\\')
            continue;
        if (j->p == j->end || !strchr("\"\\bfnrtu", *j->p))
            return false;
        if (*j->p++ == 'u') {
            for (int i = 0; i < 4; i++, j->p++)
                if (j->p == j->end || !strchr("0123456789ABCDEF", *j->p))
                    return false;
        }
    }
    return json_word(j, "\"");
}

static bool
json_list(struct json *j, const char *close, bool object, int depth)
{
    if (json_word(j, close))
        return true;
    do {
        if (object && (!json_string(j) || !json_word(j, ":")))
            return false;
        if (!json_value(j, depth + 1))
            return false;
    } while (json_word(j, ","));
    return json_word(j, close);
}

static bool
json_value(struct json *j, int depth)
{
    if (j->p == j->end || depth > DEPTH_MAX)
        return false;
    switch (*j->p) {
    case '{':
        j->p++;
        return json_list(j, "}", true, depth);
    case '[':
        j->p++;
        return json_list(j, "]", false, depth);
    case '"':
        return json_string(j);
    case 't':
        return json_word(j, "true");
    case 'f':
        return json_word(j, "false");
    case 'n':
        return json_word(j, "null");
    default:
        return json_number(j);
    }
}

static void
must_be_json(struct slice s, const char *what, const char *type)
{
    struct json j = {s.p, s.p + s.n};

    if (json_value(&j, 0) && j.p == j.end)
        return;
    fprintf(stderr, "%s of %s is no JSON: %.*s\n", what, type, SLICE_ARG(s));
    abort();
}

static size_t
rule_count(void)
{
    size_t n = 0;

    while (type_rule_at(n))
        n++;
    return n;
}

static uint32_t
add_type(struct types *t, const struct type_rule *rule, bool array)
{
    static const char *const labels[] = {"a", "b,c", "\"q\""};
    struct pgtype type = {.oid = OID_TYPE,
                          .schema = rule->flags & RULE_EXTENSION ? "public" : "pg_catalog",
                          .name = rule->name,
                          .kind = strcmp(rule->name, "enum") == 0 ? 'e' : 'b',
                          .base_typmod = -1,
                          .labels = labels,
                          .nlabels = 3};
    struct pgtype list = {.oid = OID_ARRAY,
                          .schema = "public",
                          .name = "_x",
                          .kind = 'b',
                          .elem = OID_TYPE,
                          .base_typmod = -1};

    types_add(t, &type);
    types_add(t, &list);
    return array ? OID_ARRAY : OID_TYPE;
}

static void
check(const struct binding *b, const struct column *col, struct slice text)
{
    struct buf out;

    buf_init(&out, OUT_MAX);
    schema_write(&out, b->schema, col->name);
    must_be_json(buf_view(&out), "the schema", b->type->name);
    must_be_json(b->null_json, "the null", b->type->name);
    must_be_json(b->unavailable_json, "the placeholder", b->type->name);
    buf_clear(&out);
    if (b->write(&out, text, b->ctx, NULL) && buf_ok(&out))
        must_be_json(buf_view(&out), "a value", b->type->name);
    buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct settings s = {.money_scale = 2, .unavailable = SLICE_LIT("n/a"), .unknown_types = true};
    struct column col = {.name = SLICE_LIT("c"), .known = true};
    struct types *types;
    struct binding b;
    struct arena a;
    uint32_t missing;
    char *text;

    if (n < HEAD)
        return 0;
    s.time = (enum time_mode)(data[1] % 6);
    s.decimal = (enum decimal_mode)(data[1] / 6 % 3);
    s.binary = (enum binary_mode)(data[2] & 3);
    s.interval = (enum interval_mode)(data[2] >> 2 & 1);
    s.hstore = (enum hstore_mode)(data[2] >> 3 & 1);
    s.value_json = (struct json_format){true, data[2] >> 4 & 1, data[2] >> 5 & 1};
    col.not_null = data[2] >> 6 & 1;
    col.typmod = (int16_t)(data[3] | data[4] << 8);
    /* NUL-terminated for the default; the writers get a copy without, so that reading on is seen. */
    text = strndup((const char *)data + HEAD, n - HEAD);
    col.default_expr = text;
    types = types_new();
    arena_init(&a);
    col.type = add_type(types, type_rule_at(data[0] % rule_count()), data[2] >> 7);
    if (type_bind(types, &col, &s, &s.value_json, &a, &b, &missing) == BIND_OK) {
        char *exact = malloc(n - HEAD + 1);

        memmove(exact + 1, data + HEAD, n - HEAD);
        check(&b, &col, (struct slice){exact + 1, n - HEAD});
        free(exact);
    }
    arena_free(&a);
    types_free(types);
    free(text);
    return 0;
}
