#include "sinks/bigquery/mapping.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

enum { FAULTS_MAX_BYTES = 16 * 1024, NAME_MAX_CHARS = 300 };
#define COUNT(v) (sizeof(v) / sizeof(*(v)))

void
bq_faults_init(struct bq_faults *f)
{
    f->n = 0;
    buf_init(&f->text, FAULTS_MAX_BYTES);
}

void
bq_fault(struct bq_faults *f, const char *place, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    buf_printf(&f->text, "%s%s: %s", f->n ? "; " : "", place, text);
    f->n++;
}

bool
bq_faults_end(struct bq_faults *f, const char *code, struct err *e)
{
    bool ok = f->n == 0;

    if (!ok)
        err_set(e, ERR_CONFIG, code, "%u error%s: %s", f->n, f->n == 1 ? "" : "s", buf_cstr(&f->text));
    buf_free(&f->text);
    return ok;
}

/* What a member handler works on. */
struct reader {
    struct bq_mapping *m;
    struct bq_map_table *t;
    struct bq_map_column *col;
    struct bq_faults *faults;
    char place[512];
    size_t nplace;
};

typedef void (*member_fn)(struct reader *r, json_t *v);
struct member {
    const char *name;
    member_fn read;
};

static void
place_push(struct reader *r, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(r->place + r->nplace, sizeof(r->place) - r->nplace, fmt, ap);
    va_end(ap);
    if (n > 0)
        r->nplace += (size_t)n < sizeof(r->place) - r->nplace ? (size_t)n : sizeof(r->place) - r->nplace - 1;
}

static void
place_pop(struct reader *r, size_t to)
{
    r->nplace = to;
    r->place[to] = '\0';
}

static void
read_members(struct reader *r, json_t *object, const struct member *members, size_t n)
{
    const char *key;
    json_t *v;

    if (!json_is_object(object)) {
        bq_fault(r->faults, r->place[0] ? r->place : "mapping", "must be an object");
        return;
    }
    json_object_foreach(object, key, v) {
        size_t back = r->nplace, i;

        place_push(r, "%s%s", r->nplace ? "." : "", key);
        for (i = 0; i < n && strcmp(members[i].name, key) != 0; i++)
            ;
        if (i < n)
            members[i].read(r, v);
        else
            bq_fault(r->faults, r->place, "unknown member");
        place_pop(r, back);
    }
}

static const char *
read_string(struct reader *r, json_t *v)
{
    const char *s = json_string_value(v);

    if (!s || !*s) {
        bq_fault(r->faults, r->place, "must be a string that is not empty");
        return NULL;
    }
    return arena_strdup(&r->m->arena, s);
}

static bool
read_bool(struct reader *r, json_t *v)
{
    if (!json_is_boolean(v))
        bq_fault(r->faults, r->place, "must be true or false");
    return json_is_true(v);
}

/* The value as JSON text. */
static struct slice
read_json(struct reader *r, json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    struct slice out;

    if (!text)
        abort();
    out = arena_slice(&r->m->arena, slice_of(text));
    free(text);
    return out;
}

/* One of the words; -1 and a fault otherwise. allowed: NULL-terminated. */
static int
read_word(struct reader *r, json_t *v, const char *const *allowed)
{
    const char *s = json_string_value(v);
    char list[160] = "";

    for (int i = 0; allowed[i]; i++) {
        if (s && strcasecmp(s, allowed[i]) == 0)
            return i;
        snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "", allowed[i]);
    }
    bq_fault(r->faults, r->place, "got \"%s\", allowed: %s", s ? s : "(no string)", list);
    return -1;
}

static unsigned
read_ops(struct reader *r, json_t *v)
{
    static const char letters[] = "rcudt";
    unsigned ops = 0;
    size_t i;
    json_t *item;

    json_array_foreach(v, i, item) {
        const char *s = json_string_value(item), *at = s && s[0] && !s[1] ? strchr(letters, s[0]) : NULL;

        if (at)
            ops |= 1u << (at - letters);
        else
            bq_fault(r->faults, r->place, "element %zu is no operation: r, c, u, d or t", i);
    }
    if (!json_is_array(v) || json_array_size(v) == 0)
        bq_fault(r->faults, r->place, "must be a list of operations that is not empty");
    return ops;
}

/* ---- a column ---- */

static void
column_from(struct reader *r, json_t *v)
{
    r->col->from = read_string(r, v);
}

static void
column_type(struct reader *r, json_t *v)
{
    const char *s = json_string_value(v);

    r->col->typed = true;
    if (!s || !bq_type_parse(s, &r->col->type))
        bq_fault(r->faults, r->place, "got \"%s\", which is no BigQuery type that can be written", s ? s : "(no string)");
}

static void
column_mode(struct reader *r, json_t *v)
{
    static const char *const words[] = {"NULLABLE", "REQUIRED", "REPEATED", NULL};
    int i = read_word(r, v, words);

    r->col->moded = true;
    r->col->mode = i < 0 ? BQ_NULLABLE : (enum bq_mode)i;
}

static void
column_as_one(struct reader *r, json_t *v)
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
                 "got \"%s\", allowed: datetime_ms, timestamp_ms, datetime_us, timestamp_us, date, string, json, trim, "
                 "upper",
                 s ? s : "(no string)");
}

static void
column_as(struct reader *r, json_t *v)
{
    size_t i;
    json_t *item;

    if (!json_is_array(v)) {
        column_as_one(r, v);
        return;
    }
    json_array_foreach(v, i, item)
        column_as_one(r, item);
}

static void
column_trim(struct reader *r, json_t *v)
{
    r->col->trim = read_bool(r, v);
}

static void
column_upper(struct reader *r, json_t *v)
{
    r->col->upper = read_bool(r, v);
}

static void
column_on_null(struct reader *r, json_t *v)
{
    const char *s = json_string_value(v);

    if (s && strcmp(s, "dead_letter") == 0)
        r->col->on_null_dead = true;
    else if (json_is_object(v) || json_is_array(v))
        bq_fault(r->faults, r->place, "must be a plain value or \"dead_letter\"");
    else if (!json_is_null(v))
        r->col->on_null = read_json(r, v);
}

static void
column_const(struct reader *r, json_t *v)
{
    if (json_is_object(v) || json_is_array(v))
        bq_fault(r->faults, r->place, "must be a plain value");
    else
        r->col->constant = read_json(r, v);
}

static void
column_op_in(struct reader *r, json_t *v)
{
    r->col->op_in = read_ops(r, v);
}

static bool
read_missing(struct reader *r, json_t *v)
{
    static const char *const words[] = {"null", "dead_letter", NULL};

    if (json_is_string(v) && strcmp(json_string_value(v), "last_known") == 0) {
        bq_fault(r->faults, r->place, "\"last_known\" would need a store of rows, which this sink does not keep; give the "
                                      "table REPLICA IDENTITY FULL instead");
        return false;
    }
    return read_word(r, v, words) == 1;
}

static void
column_missing(struct reader *r, json_t *v)
{
    r->col->missing_dead = read_missing(r, v);
}

static void
column_description(struct reader *r, json_t *v)
{
    r->col->description = read_string(r, v);
}

static const struct member column_members[] = {
    {"from", column_from},       {"type", column_type},         {"mode", column_mode},
    {"as", column_as},           {"trim", column_trim},         {"upper", column_upper},
    {"on_null", column_on_null}, {"const", column_const},       {"op_in", column_op_in},
    {"on_missing_before", column_missing}, {"description", column_description},
};

/* A constant or default must be of the column's type: BigQuery would refuse every row otherwise. */
static void
check_literal(struct reader *r, struct slice json, const char *what, enum bq_type type)
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

static void
read_column(struct reader *r, const char *name, json_t *v)
{
    struct bq_map_column *c = r->col;

    c->name = arena_strdup(&r->m->arena, name);
    if (!bq_name_is_legal(name))
        bq_fault(r->faults, r->place, "is no legal column name: letters, digits, underscores, not a digit first, no "
                                      "reserved prefix");
    read_members(r, v, column_members, COUNT(column_members));
    if (!json_is_object(v))
        return;
    if ((c->from != NULL) + (c->constant.p != NULL) + (c->op_in != 0) != 1 && !json_object_get(v, "op_in") &&
        !json_object_get(v, "from"))
        bq_fault(r->faults, r->place, "needs exactly one of \"from\", \"const\" and \"op_in\"");
    if (!!json_object_get(v, "from") + !!json_object_get(v, "const") + !!json_object_get(v, "op_in") > 1)
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

/* ---- a table ---- */

static void
table_source(struct reader *r, json_t *v)
{
    r->t->source = read_string(r, v);
    if (r->t->source && !strchr(r->t->source, '.'))
        bq_fault(r->faults, r->place, "must be \"schema.table\"");
}

static void
table_table(struct reader *r, json_t *v)
{
    r->t->table = read_string(r, v);
    if (r->t->table && !bq_name_is_legal(r->t->table))
        bq_fault(r->faults, r->place, "is no legal table name: letters, digits and underscores");
}

static void
table_mode(struct reader *r, json_t *v)
{
    static const char *const words[] = {"history", NULL};

    read_word(r, v, words);
}

static void
table_method(struct reader *r, json_t *v)
{
    static const char *const words[] = {"insertall", NULL};

    read_word(r, v, words);
}

static void
table_columns(struct reader *r, json_t *v)
{
    const char *key;
    json_t *item;
    size_t n = 0;

    if (json_is_string(v) && strcmp(json_string_value(v), "*") == 0) {
        r->t->automatic = true;
        return;
    }
    if (!json_is_object(v) || json_object_size(v) == 0) {
        bq_fault(r->faults, r->place, "must be \"*\" or an object that is not empty");
        return;
    }
    r->t->columns = arena_alloc(&r->m->arena, json_object_size(v) * sizeof(*r->t->columns));
    r->t->ncolumns = json_object_size(v);
    json_object_foreach(v, key, item) {
        size_t back = r->nplace;

        place_push(r, ".%s", key);
        r->col = &r->t->columns[n];
        read_column(r, key, item);
        for (size_t i = 0; i < n; i++) {
            if (strcasecmp(r->t->columns[i].name, key) == 0)
                bq_fault(r->faults, r->place, "differs from \"%s\" only in case: to BigQuery they are one column",
                         r->t->columns[i].name);
        }
        place_pop(r, back);
        n++;
    }
}

static void
table_ops(struct reader *r, json_t *v)
{
    r->t->ops = read_ops(r, v);
}

static void
partition_type(struct reader *r, json_t *v)
{
    static const char *const words[] = {"HOUR", "DAY", "MONTH", "YEAR", NULL};
    int i = read_word(r, v, words);

    r->t->partition = i < 0 ? NULL : words[i];
}

static void
partition_field(struct reader *r, json_t *v)
{
    r->t->partition_field = read_string(r, v);
}

static void
partition_expiration(struct reader *r, json_t *v)
{
    r->t->partition_expiration_ms = json_integer_value(v);
    if (!json_is_integer(v) || json_integer_value(v) <= 0)
        bq_fault(r->faults, r->place, "must be a number of milliseconds above 0");
}

static const struct member partition_members[] = {
    {"type", partition_type}, {"field", partition_field}, {"expiration_ms", partition_expiration},
};

static void
table_partition(struct reader *r, json_t *v)
{
    read_members(r, v, partition_members, COUNT(partition_members));
    if (json_is_object(v) && !json_object_get(v, "type"))
        bq_fault(r->faults, r->place, "needs a \"type\"");
}

static void
table_cluster(struct reader *r, json_t *v)
{
    size_t i;
    json_t *item;

    if (!json_is_array(v) || json_array_size(v) == 0 || json_array_size(v) > 4) {
        bq_fault(r->faults, r->place, "must be a list of one to four columns");
        return;
    }
    r->t->cluster = arena_alloc(&r->m->arena, json_array_size(v) * sizeof(*r->t->cluster));
    json_array_foreach(v, i, item)
        r->t->cluster[i] = read_string(r, item);
    r->t->ncluster = json_array_size(v);
}

static void
table_missing(struct reader *r, json_t *v)
{
    r->t->missing_dead = read_missing(r, v);
}

static const struct member table_members[] = {
    {"source", table_source}, {"table", table_table}, {"mode", table_mode},
    {"method", table_method}, {"columns", table_columns}, {"ops", table_ops},
    {"partition", table_partition}, {"cluster", table_cluster}, {"on_missing_before", table_missing},
};

/* A partition or cluster column that does not exist would only be found out when the table is created. */
static void
check_table(struct reader *r, size_t index)
{
    struct bq_map_table *t = r->t;

    if (!t->source)
        bq_fault(r->faults, r->place, "needs a \"source\"");
    if (!t->automatic && !t->ncolumns)
        bq_fault(r->faults, r->place, "needs \"columns\"");
    for (size_t i = 0; t->source && i < index; i++) {
        if (r->m->tables[i].source && strcmp(r->m->tables[i].source, t->source) == 0)
            bq_fault(r->faults, r->place, "source \"%s\" was mapped before, in tables[%zu]", t->source, i);
    }
    if (t->automatic)
        return;
    for (size_t i = 0; i <= t->ncluster; i++) {
        const char *name = i < t->ncluster ? t->cluster[i] : t->partition_field;
        size_t k;

        if (!name)
            continue;
        for (k = 0; k < t->ncolumns && !(t->columns[k].name && strcasecmp(t->columns[k].name, name) == 0); k++)
            ;
        if (k == t->ncolumns)
            bq_fault(r->faults, r->place, "\"%s\" partitions or clusters the table but is none of its columns", name);
    }
}

static void
root_tables(struct reader *r, json_t *v)
{
    size_t i;
    json_t *item;

    if (!json_is_array(v)) {
        bq_fault(r->faults, r->place, "must be a list");
        return;
    }
    r->m->tables = arena_alloc(&r->m->arena, (json_array_size(v) + 1) * sizeof(*r->m->tables));
    json_array_foreach(v, i, item) {
        size_t back = r->nplace;

        place_push(r, "[%zu]", i);
        r->t = &r->m->tables[i];
        read_members(r, item, table_members, COUNT(table_members));
        if (json_is_object(item))
            check_table(r, i);
        place_pop(r, back);
    }
    r->m->ntables = json_array_size(v);
}

static void
root_project(struct reader *r, json_t *v)
{
    r->m->project = read_string(r, v);
}

static void
root_dataset(struct reader *r, json_t *v)
{
    r->m->dataset = read_string(r, v);
}

static void
root_unmapped(struct reader *r, json_t *v)
{
    static const char *const words[] = {"default", "ignore", NULL};

    r->m->ignore_unmapped = read_word(r, v, words) == 1;
}

static const struct member root_members[] = {
    {"project", root_project}, {"dataset", root_dataset}, {"unmapped", root_unmapped}, {"tables", root_tables},
};

static json_t *
load_json(const char *text, struct err *e)
{
    const char *p = text + strspn(text, " \t\r\n");
    json_error_t je;
    json_t *doc;

    if (*p == '{')
        doc = json_loads(p, JSON_REJECT_DUPLICATES, &je);
    else
        doc = json_load_file(text, JSON_REJECT_DUPLICATES, &je);
    if (doc)
        return doc;
    if (json_error_code(&je) == json_error_cannot_open_file)
        err_set(e, ERR_CONFIG, "bigquery.mapping", "cannot open the mapping file \"%s\": %s", text, strerror(errno));
    else
        err_set(e, ERR_CONFIG, "bigquery.mapping", "%s is not valid JSON: line %d, column %d: %s",
                *p == '{' ? "the mapping" : text, je.line, je.column, je.text);
    return NULL;
}

struct bq_mapping *
bq_mapping_read(const char *text, struct err *e)
{
    json_t *doc = load_json(text, e), *root = doc;
    struct bq_faults faults;
    struct reader r = {.faults = &faults};

    if (!doc)
        return NULL;
    bq_faults_init(&faults);
    r.m = mem_alloc(sizeof(*r.m));
    arena_init(&r.m->arena);
    if (json_is_object(json_object_get(doc, "bigquery")) && json_object_size(doc) == 1) {
        root = json_object_get(doc, "bigquery");
        place_push(&r, "bigquery");
    }
    read_members(&r, root, root_members, COUNT(root_members));
    if (!json_object_get(root, "tables"))
        bq_fault(&faults, r.place[0] ? r.place : "mapping", "needs \"tables\"");
    json_decref(doc);
    if (!bq_faults_end(&faults, "bigquery.mapping", e)) {
        bq_mapping_free(r.m);
        return NULL;
    }
    return r.m;
}

void
bq_mapping_free(struct bq_mapping *m)
{
    if (!m)
        return;
    arena_free(&m->arena);
    free(m);
}

const struct bq_map_table *
bq_mapping_find(const struct bq_mapping *m, struct slice schema, struct slice table)
{
    for (size_t i = 0; i < m->ntables; i++) {
        const char *s = m->tables[i].source;

        if (strlen(s) == schema.n + 1 + table.n && memcmp(s, schema.p, schema.n) == 0 && s[schema.n] == '.' &&
            memcmp(s + schema.n + 1, table.p, table.n) == 0)
            return &m->tables[i];
    }
    return NULL;
}

bool
bq_name_is_legal(const char *name)
{
    static const char *const reserved[] = {"_TABLE_", "_FILE_", "_PARTITION", "_ROW_TIMESTAMP", "__ROOT__",
                                           "_COLIDENTIFIER", "_CHANGE_"};
    size_t n = strlen(name);

    if (n == 0 || n > NAME_MAX_CHARS || (name[0] >= '0' && name[0] <= '9'))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!((name[i] >= '0' && name[i] <= '9') || ((name[i] | 32) >= 'a' && (name[i] | 32) <= 'z') || name[i] == '_'))
            return false;
    }
    for (size_t i = 0; i < COUNT(reserved); i++) {
        if (strncasecmp(name, reserved[i], strlen(reserved[i])) == 0)
            return false;
    }
    return true;
}
