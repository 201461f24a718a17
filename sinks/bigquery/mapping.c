#include "sinks/bigquery/mapping.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "sinks/bigquery/mapping_reader.h"

enum { NAME_MAX_CHARS = 300 };
#define COUNT(v) (sizeof(v) / sizeof(*(v)))

static void
table_source(struct mapping_reader *r, json_t *v)
{
    r->t->source = mapping_read_string(r, v);
    if (r->t->source && !strchr(r->t->source, '.'))
        bq_fault(r->faults, r->place, "must be \"schema.table\"");
}

static void
table_table(struct mapping_reader *r, json_t *v)
{
    r->t->table = mapping_read_string(r, v);
    if (r->t->table && !bq_name_is_legal(r->t->table))
        bq_fault(r->faults, r->place, "is no legal table name: letters, digits and underscores");
}

static void
table_mode(struct mapping_reader *r, json_t *v)
{
    static const char *const words[] = {"history", NULL};

    mapping_read_word(r, v, words);
}

static void
table_method(struct mapping_reader *r, json_t *v)
{
    static const char *const words[] = {"insertall", NULL};

    mapping_read_word(r, v, words);
}

static void
table_columns(struct mapping_reader *r, json_t *v)
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
    json_object_foreach(v, key, item)
    {
        size_t back = r->nplace;

        mapping_place_push(r, ".%s", key);
        r->col = &r->t->columns[n];
        mapping_read_column(r, key, item);
        for (size_t i = 0; i < n; i++) {
            if (strcasecmp(r->t->columns[i].name, key) == 0)
                bq_fault(r->faults, r->place,
                         "differs from \"%s\" only in case: to BigQuery they are one column",
                         r->t->columns[i].name);
        }
        mapping_place_pop(r, back);
        n++;
    }
}

static void
table_ops(struct mapping_reader *r, json_t *v)
{
    r->t->ops = mapping_read_ops(r, v);
}

static void
partition_type(struct mapping_reader *r, json_t *v)
{
    static const char *const words[] = {"HOUR", "DAY", "MONTH", "YEAR", NULL};
    int i = mapping_read_word(r, v, words);

    r->t->partition = i < 0 ? NULL : words[i];
}

static void
partition_field(struct mapping_reader *r, json_t *v)
{
    r->t->partition_field = mapping_read_string(r, v);
}

static void
partition_expiration(struct mapping_reader *r, json_t *v)
{
    r->t->partition_expiration_ms = json_integer_value(v);
    if (!json_is_integer(v) || json_integer_value(v) <= 0)
        bq_fault(r->faults, r->place, "must be a number of milliseconds above 0");
}

static const struct mapping_member partition_members[] = {
    {"type", partition_type},
    {"field", partition_field},
    {"expiration_ms", partition_expiration},
};

static void
table_partition(struct mapping_reader *r, json_t *v)
{
    mapping_read_members(r, v, partition_members, COUNT(partition_members));
    if (json_is_object(v) && !json_object_get(v, "type"))
        bq_fault(r->faults, r->place, "needs a \"type\"");
}

static void
table_cluster(struct mapping_reader *r, json_t *v)
{
    size_t i;
    json_t *item;

    if (!json_is_array(v) || json_array_size(v) == 0 || json_array_size(v) > 4) {
        bq_fault(r->faults, r->place, "must be a list of one to four columns");
        return;
    }
    r->t->cluster = arena_alloc(&r->m->arena, json_array_size(v) * sizeof(*r->t->cluster));
    json_array_foreach(v, i, item) r->t->cluster[i] = mapping_read_string(r, item);
    r->t->ncluster = json_array_size(v);
}

static void
table_missing(struct mapping_reader *r, json_t *v)
{
    r->t->missing_dead = mapping_read_missing(r, v);
}

static const struct mapping_member table_members[] = {
    {"source", table_source},
    {"table", table_table},
    {"mode", table_mode},
    {"method", table_method},
    {"columns", table_columns},
    {"ops", table_ops},
    {"partition", table_partition},
    {"cluster", table_cluster},
    {"on_missing_before", table_missing},
};

/* A partition or cluster column that does not exist would only be found out when the table is created. */
static void
check_table(struct mapping_reader *r, size_t index)
{
    struct bq_map_table *t = r->t;

    if (!t->source)
        bq_fault(r->faults, r->place, "needs a \"source\"");
    if (!t->automatic && !t->ncolumns)
        bq_fault(r->faults, r->place, "needs \"columns\"");
    for (size_t i = 0; t->source && i < index; i++) {
        if (r->m->tables[i].source && strcmp(r->m->tables[i].source, t->source) == 0)
            bq_fault(r->faults, r->place, "source \"%s\" was mapped before, in tables[%zu]",
                     t->source, i);
    }
    if (t->automatic)
        return;
    for (size_t i = 0; i <= t->ncluster; i++) {
        const char *name = i < t->ncluster ? t->cluster[i] : t->partition_field;
        size_t k;

        if (!name)
            continue;
        for (k = 0;
             k < t->ncolumns && !(t->columns[k].name && strcasecmp(t->columns[k].name, name) == 0);
             k++)
            ;
        if (k == t->ncolumns)
            bq_fault(r->faults, r->place,
                     "\"%s\" partitions or clusters the table but is none of its columns", name);
    }
}

static void
root_tables(struct mapping_reader *r, json_t *v)
{
    size_t i;
    json_t *item;

    if (!json_is_array(v)) {
        bq_fault(r->faults, r->place, "must be a list");
        return;
    }
    r->m->tables = arena_alloc(&r->m->arena, (json_array_size(v) + 1) * sizeof(*r->m->tables));
    json_array_foreach(v, i, item)
    {
        size_t back = r->nplace;

        mapping_place_push(r, "[%zu]", i);
        r->t = &r->m->tables[i];
        mapping_read_members(r, item, table_members, COUNT(table_members));
        if (json_is_object(item))
            check_table(r, i);
        mapping_place_pop(r, back);
    }
    r->m->ntables = json_array_size(v);
}

static void
root_project(struct mapping_reader *r, json_t *v)
{
    r->m->project = mapping_read_string(r, v);
}

static void
root_dataset(struct mapping_reader *r, json_t *v)
{
    r->m->dataset = mapping_read_string(r, v);
}

static void
root_unmapped(struct mapping_reader *r, json_t *v)
{
    static const char *const words[] = {"default", "ignore", NULL};

    r->m->ignore_unmapped = mapping_read_word(r, v, words) == 1;
}

static const struct mapping_member root_members[] = {
    {"project", root_project},
    {"dataset", root_dataset},
    {"unmapped", root_unmapped},
    {"tables", root_tables},
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
        err_set(e, ERR_CONFIG, "bigquery.mapping", "cannot open the mapping file \"%s\": %s", text,
                strerror(errno));
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
    struct mapping_reader r = {.faults = &faults};

    if (!doc)
        return NULL;
    bq_faults_init(&faults);
    r.m = mem_alloc(sizeof(*r.m));
    arena_init(&r.m->arena);
    if (json_is_object(json_object_get(doc, "bigquery")) && json_object_size(doc) == 1) {
        root = json_object_get(doc, "bigquery");
        mapping_place_push(&r, "bigquery");
    }
    mapping_read_members(&r, root, root_members, COUNT(root_members));
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

        if (strlen(s) == schema.n + 1 + table.n && memcmp(s, schema.p, schema.n) == 0 &&
            s[schema.n] == '.' && memcmp(s + schema.n + 1, table.p, table.n) == 0)
            return &m->tables[i];
    }
    return NULL;
}

bool
bq_name_is_legal(const char *name)
{
    static const char *const reserved[] = {"_TABLE_",        "_FILE_",   "_PARTITION",
                                           "_ROW_TIMESTAMP", "__ROOT__", "_COLIDENTIFIER",
                                           "_CHANGE_"};
    size_t n = strlen(name);

    if (n == 0 || n > NAME_MAX_CHARS || (name[0] >= '0' && name[0] <= '9'))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!((name[i] >= '0' && name[i] <= '9') ||
              ((name[i] | 32) >= 'a' && (name[i] | 32) <= 'z') || name[i] == '_'))
            return false;
    }
    for (size_t i = 0; i < COUNT(reserved); i++) {
        if (strncasecmp(name, reserved[i], strlen(reserved[i])) == 0)
            return false;
    }
    return true;
}
