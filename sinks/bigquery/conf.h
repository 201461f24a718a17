/* The BigQuery sink's settings, worked out once from properties, mapping file and environment. */
#ifndef SINKS_BIGQUERY_CONF_H
#define SINKS_BIGQUERY_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/prop.h"

struct bq_mapping;

enum bq_credentials { BQ_CRED_NONE, BQ_CRED_FILE, BQ_CRED_METADATA };
/* In the order of the properties' choices. */
enum bq_on_error { BQ_FAIL, BQ_DEAD_LETTER };
enum bq_unrepresentable { BQ_UNREP_ERROR, BQ_UNREP_NULL };
enum bq_arrays { BQ_ARRAYS_REPEATED, BQ_ARRAYS_JSON };

struct bq_conf {
    const char *project; /* NULL: the credentials know it */
    const char *dataset;
    const char *base_url; /* "https://bigquery.googleapis.com/bigquery/v2", no slash at the end */
    bool plain_http;
    enum bq_credentials credentials;
    const char *key_path;       /* BQ_CRED_FILE */
    const char *ca_file;        /* NULL: the system's */
    struct bq_mapping *mapping; /* NULL: none; owned */
    bool metadata;
    const char *meta_prefix;
    enum bq_arrays arrays;
    enum bq_unrepresentable unrepresentable;
    enum bq_on_error on_error;
    const char *dead_letter_table;
    bool auto_create, evolve;
    const char *partition; /* "DAY", … NULL: none */
    unsigned max_rows, max_in_flight;
    size_t max_bytes;
    int64_t linger_us, request_timeout_ms, propagation_us;
    uint64_t buffer_bytes;
    uint32_t tag; /* of the connector: keeps two connectors' insert ids apart */
    struct arena arena;
};

bool bq_conf_load(struct bq_conf *conf, const struct config *c, const char *connector,
                  const char *database, struct err *e);
void bq_conf_free(struct bq_conf *conf);
/* http:// to this machine only: where a token may travel in the clear. */
bool bq_url_is_local(const char *url);

#endif
