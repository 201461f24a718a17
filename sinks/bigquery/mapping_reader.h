/* How the mapping file is walked: tables of members, and a place that every fault names. Shared by mapping*.c only. */
#ifndef SINKS_BIGQUERY_MAPPING_READER_H
#define SINKS_BIGQUERY_MAPPING_READER_H

#include <jansson.h>

#include "sinks/bigquery/mapping.h"

/* What a member handler works on. */
struct mapping_reader {
    struct bq_mapping *m;
    struct bq_map_table *t;
    struct bq_map_column *col;
    struct bq_faults *faults;
    char place[512];
    size_t nplace;
};

typedef void (*mapping_member_fn)(struct mapping_reader *r, json_t *v);
struct mapping_member {
    const char *name;
    mapping_member_fn read;
};

/* Adds to the place, and goes back to an earlier length of it. */
void mapping_place_push(struct mapping_reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void mapping_place_pop(struct mapping_reader *r, size_t to);
/* Each member goes to its handler; unknown ones are faults. */
void mapping_read_members(struct mapping_reader *r, json_t *object,
                          const struct mapping_member *members, size_t n);
const char *mapping_read_string(struct mapping_reader *r, json_t *v); /* NULL: a fault */
bool mapping_read_bool(struct mapping_reader *r, json_t *v);
struct slice mapping_read_json(struct mapping_reader *r, json_t *v); /* the value as JSON text */
/* Position of the word among those allowed (NULL-terminated); -1: a fault. */
int mapping_read_word(struct mapping_reader *r, json_t *v, const char *const *allowed);
unsigned mapping_read_ops(struct mapping_reader *r, json_t *v);
bool mapping_read_missing(struct mapping_reader *r, json_t *v); /* true: dead_letter */

/* mapping_column.c: r->col from a member of "columns". */
void mapping_read_column(struct mapping_reader *r, const char *name, json_t *v);

#endif
