/* One column of a mapping. */
#include <string.h>

#include "sinks/bigquery/mapping_reader.h"

#define COUNT(v) (sizeof(v) / sizeof(*(v)))

static void
column_from(struct mapping_reader *r, json_t *v)
{
    r->col->from = mapping_read_string(r, v);
}

static void
column_type(struct mapping_reader *r, json_t *v)
{
    const char *s = json_string_value(v);

    r->col->typed = true;
    if (!s || !bq_type_parse(s, &r->col->type))
        bq_fault(r->faults, r->place, "got \"%s\", which is no BigQuery type that can be written",
                 s ? s : "(no string)");
}

static void
column_mode(struct mapping_reader *r, json_t *v)
{
    static const char *const words[] = {"NULLABLE", "REQUIRED", "REPEATED", NULL};
    int i = mapping_read_word(r, v, words);

    r->col->moded = true;
    r->col->mode = i < 0 ? BQ_NULLABLE : (enum bq_mode)i;
}

static void
column_as_one(struct mapping_reader *r, json_t *v)
{
    const char *s = json_string_value(v);

    if (s && strcmp(s, "trim") == 0) {
        r->col->trim = true;
        return;
    }
    if (s && strcmp(s, "upper") == 0) {
        r->col->upper = true;
        return;
    }
    if (r->col->as)
        bq_fault(r->faults, r->place, "only one converter besides trim and upper");
    for (size_t i = 0; s && i < bq_nnamed; i++) {
        if (strcmp(s, bq_named[i].name) == 0)
            r->col->as = bq_named[i].name;
    }
    if (s && strcmp(s, "string") == 0)
        r->col->as = "string";
    if (!r->col->as)
        bq_fault(r->faults, r->place,
                 "got \"%s\", allowed: datetime_ms, timestamp_ms, datetime_us, timestamp_us, date, "
                 "string, json, trim, "
                 "upper",
                 s ? s : "(no string)");
}

static void
column_as(struct mapping_reader *r, json_t *v)
{
    size_t i;
    json_t *item;

    if (!json_is_array(v)) {
        column_as_one(r, v);
        return;
    }
    json_array_foreach(v, i, item) column_as_one(r, item);
}

static void
column_trim(struct mapping_reader *r, json_t *v)
{
    r->col->trim = mapping_read_bool(r, v);
}

static void
column_upper(struct mapping_reader *r, json_t *v)
{
    r->col->upper = mapping_read_bool(r, v);
}

static void
column_on_null(struct mapping_reader *r, json_t *v)
{
    const char *s = json_string_value(v);

    if (s && strcmp(s, "dead_letter") == 0)
        r->col->on_null_dead = true;
    else if (json_is_object(v) || json_is_array(v))
        bq_fault(r->faults, r->place, "must be a plain value or \"dead_letter\"");
    else if (!json_is_null(v))
        r->col->on_null = mapping_read_json(r, v);
}

static void
column_const(struct mapping_reader *r, json_t *v)
{
    if (json_is_object(v) || json_is_array(v))
        bq_fault(r->faults, r->place, "must be a plain value");
    else
        r->col->constant = mapping_read_json(r, v);
}

static void
column_op_in(struct mapping_reader *r, json_t *v)
{
    r->col->op_in = mapping_read_ops(r, v);
}

static void
column_missing(struct mapping_reader *r, json_t *v)
{
    r->col->missing_dead = mapping_read_missing(r, v);
}

static void
column_description(struct mapping_reader *r, json_t *v)
{
    r->col->description = mapping_read_string(r, v);
}

static const struct mapping_member column_members[] = {
    {"from", column_from},
    {"type", column_type},
    {"mode", column_mode},
    {"as", column_as},
    {"trim", column_trim},
    {"upper", column_upper},
    {"on_null", column_on_null},
    {"const", column_const},
    {"op_in", column_op_in},
    {"on_missing_before", column_missing},
    {"description", column_description},
};

/* A constant or default must be of the column's type: BigQuery would refuse every row otherwise. */
static void
check_literal(struct mapping_reader *r, struct slice json, const char *what, enum bq_type type)
{
    char first = json.p ? json.p[0] : '\0';
    bool ok = true;

    if (!json.p || slice_is(json, "null"))
        return;
    if (type == BQ_BOOL)
        ok = first == 't' || first == 'f';
    else if (type == BQ_INT64)
        ok = first == '-' || (first >= '0' && first <= '9' && !memchr(json.p, '.', json.n));
    else if (type == BQ_FLOAT64)
        ok = first == '-' || (first >= '0' && first <= '9');
    else if (type != BQ_NUMERIC && type != BQ_BIGNUMERIC)
        ok = first == '"';
    if (!ok)
        bq_fault(r->faults, r->place, "%s is no %s", what, bq_type_name(type));
}

void
mapping_read_column(struct mapping_reader *r, const char *name, json_t *v)
{
    struct bq_map_column *c = r->col;

    c->name = arena_strdup(&r->m->arena, name);
    if (!bq_name_is_legal(name))
        bq_fault(r->faults, r->place,
                 "is no legal column name: letters, digits, underscores, not a digit first, no "
                 "reserved prefix");
    mapping_read_members(r, v, column_members, COUNT(column_members));
    if (!json_is_object(v))
        return;
    if ((c->from != NULL) + (c->constant.p != NULL) + (c->op_in != 0) != 1 &&
        !json_object_get(v, "op_in") && !json_object_get(v, "from"))
        bq_fault(r->faults, r->place, "needs exactly one of \"from\", \"const\" and \"op_in\"");
    if (!!json_object_get(v, "from") + !!json_object_get(v, "const") +
            !!json_object_get(v, "op_in") >
        1)
        bq_fault(r->faults, r->place, "has more than one of \"from\", \"const\" and \"op_in\"");
    if (c->constant.p && !c->typed)
        bq_fault(r->faults, r->place, "a constant needs a \"type\"");
    if (c->op_in && c->typed && c->type != BQ_BOOL)
        bq_fault(r->faults, r->place, "\"op_in\" gives a BOOL, not a %s", bq_type_name(c->type));
    if (c->typed) {
        check_literal(r, c->constant, "\"const\"", c->type);
        check_literal(r, c->on_null, "\"on_null\"", c->type);
    }
}
