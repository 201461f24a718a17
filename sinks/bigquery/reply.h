/* BigQuery's answers, and the documents we send about tables. Control plane: JSON trees are fine here. */
#ifndef SINKS_BIGQUERY_REPLY_H
#define SINKS_BIGQUERY_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "sinks/bigquery/types.h"

struct bq_api_error {
    char reason[64]; /* error.errors[0].reason; empty: none given */
    char message[600];
};

struct bq_row_error {
    size_t index;
    char reason[64];
    char location[320]; /* column */
    char message[600];
};

struct bq_remote_field {
    char *name;
    char *type;
    enum bq_mode mode;
};

/* A table as the service has it. */
struct bq_remote {
    struct bq_remote_field *fields;
    size_t nfields;
    char *etag;
    void *raw; /* schema.fields, to be sent back whole */
};

/* What we want a table to look like. */
struct bq_desired_column {
    char *name;
    enum bq_type type;
    enum bq_mode mode;
    char *description; /* NULL: none */
};
struct bq_desired {
    struct bq_desired_column *columns;
    size_t ncolumns, cap;
    const char *partition, *partition_field; /* NULL: none, ingestion time */
    int64_t partition_expiration_ms;
    const char **cluster;
    size_t ncluster;
};

void bq_reply_error(struct slice body, struct bq_api_error *out);
/* Row errors of an insertAll answer, at most one per row (one that is not "stopped" wins); free(*errors). False: no such
 * answer. */
bool bq_reply_insert(struct slice body, size_t nrows, struct bq_row_error **errors, size_t *n);
/* defaultTableExpirationMs of a dataset; 0: none. */
int64_t bq_reply_expiration_ms(struct slice body);
bool bq_reply_table(struct slice body, struct bq_remote *out); /* frees what out held before */
void bq_remote_free(struct bq_remote *r);
const struct bq_remote_field *bq_remote_find(const struct bq_remote *r,
                                             const char *name); /* case-insensitive */

/* Bodies of tables.insert and tables.patch; free() them. */
char *bq_table_document(const char *project, const char *dataset, const char *table,
                        const struct bq_desired *d);
char *bq_patch_document(const struct bq_remote *r, const struct bq_desired *d);
/* A message of the service without the column value it may quote. */
void bq_redact(char *message);

#endif
