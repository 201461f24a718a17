#include "sinks/bigquery/conf.h"
#include "sinks/bigquery/mapping.h"
#include "sinks/sink.h"

#define GROUP "BigQuery sink"
#define BQ "walbridge.bigquery."

static bool
check_mapping(const struct config *c, const char *value, struct err *e)
{
    struct bq_mapping *m = bq_mapping_read(value, e);

    (void)c;
    if (!m)
        return false;
    bq_mapping_free(m);
    return true;
}

static bool
check_endpoint(const struct config *c, const char *value, struct err *e)
{
    (void)c;
    if (strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0)
        return true;
    return err_set(e, ERR_CONFIG, "bigquery.endpoint", "must begin with http:// or https://");
}

/* clang-format off */
static const struct prop rows[] = {
    {BQ "project", PROP_STRING, NULL, 0, 0, NULL, GROUP, PROP_HIGH, PROP_OWN, NULL,
     "Google Cloud project id (not its display name). Default: the mapping file's, GOOGLE_CLOUD_PROJECT, the key file's, "
     "then the metadata server's.", NULL, NULL},
    {BQ "dataset", PROP_STRING, NULL, 0, 0, NULL, GROUP, PROP_HIGH, PROP_OWN, NULL,
     "Dataset that holds the tables; it must exist. Default: the mapping file's.", NULL, NULL},
    {BQ "endpoint", PROP_STRING, NULL, 0, 0, NULL, GROUP, PROP_LOW, PROP_OWN, NULL,
     "Base URL of the BigQuery API; an emulator's for tests. A URL without a path gets /bigquery/v2. Default: "
     "BIGQUERY_EMULATOR_HOST (taken as it is), else https://bigquery.googleapis.com.", check_endpoint, NULL},
    {BQ "credentials", PROP_STRING, NULL, 0, 0, NULL, GROUP, PROP_HIGH, PROP_OWN, NULL,
     "'none' (http:// endpoints only), 'metadata' (the metadata server of a Google Cloud machine), or the path of a key "
     "file (service account or authorized user). Default: GOOGLE_APPLICATION_CREDENTIALS, else none for http:// "
     "endpoints and metadata for https://.", NULL, NULL},
    {BQ "ca.file", PROP_STRING, NULL, 0, 0, NULL, GROUP, PROP_LOW, PROP_OWN, NULL,
     "PEM file of certificate authorities to trust instead of the system's.", NULL, NULL},
    {BQ "mapping", PROP_STRING, NULL, 0, 0, NULL, GROUP, PROP_HIGH, PROP_OWN, NULL,
     "Path of a JSON mapping file, or the JSON itself: which source table feeds which BigQuery table and columns. Tables "
     "it does not name get the default mapping (every column and the metadata columns) unless it says \"unmapped\": "
     "\"ignore\".", check_mapping, NULL},
    {BQ "metadata.columns", PROP_BOOL, "true", 0, 0, NULL, GROUP, PROP_MEDIUM, PROP_OWN, NULL,
     "Whether the default mapping adds the columns _seq (orders events for ever), _op (r, c, u, d, t; a row with d is the "
     "deleted row), _source_ts, _commit_ts, _lsn, _txid, _table, _snapshot and _unavailable.", NULL, NULL},
    {BQ "metadata.prefix", PROP_STRING, "_", 0, 0, NULL, GROUP, PROP_LOW, PROP_OWN, NULL,
     "What the names of the metadata columns begin with.", NULL, NULL},
    {BQ "arrays", PROP_ENUM, "repeated", 0, 0, "repeated,json", GROUP, PROP_LOW, PROP_OWN, NULL,
     "PostgreSQL arrays as REPEATED columns (one dimension, no NULL elements) or as JSON columns (any array).", NULL, NULL},
    {BQ "unrepresentable", PROP_ENUM, "error", 0, 0, "error,null", GROUP, PROP_MEDIUM, PROP_OWN, NULL,
     "A value that BigQuery has no place for (infinity, BC, years above 9999, 24:00, NaN in a NUMERIC, NULL in an "
     "array …): 'error' hands the row to " BQ "on.error, 'null' writes NULL. Values are never clamped.", NULL, NULL},
    {BQ "on.error", PROP_ENUM, "fail", 0, 0, "fail,dead-letter", GROUP, PROP_HIGH, PROP_OWN, NULL,
     "A row that BigQuery refuses: 'fail' stops the connector before it, 'dead-letter' writes it with the reason to the "
     "dead-letter table and goes on.", NULL, NULL},
    {BQ "dead.letter.table", PROP_STRING, "_walbridge_dead_letter", 0, 0, NULL, GROUP, PROP_MEDIUM, PROP_OWN, NULL,
     "Table for refused rows: at, table, seq, op, reason, message, row.", NULL, NULL},
    {BQ "auto.create.tables", PROP_BOOL, "true", 0, 0, NULL, GROUP, PROP_MEDIUM, PROP_OWN, NULL,
     "Create missing tables (also one that expired while the connector runs).", NULL, NULL},
    {BQ "schema.evolution", PROP_ENUM, "add", 0, 0, "none,add", GROUP, PROP_MEDIUM, PROP_OWN, NULL,
     "Columns that a table lacks: 'add' appends them as NULLABLE, 'none' leaves the table alone.", NULL, NULL},
    {BQ "partition", PROP_ENUM, "none", 0, 0, "none,hour,day,month,year", GROUP, PROP_LOW, PROP_OWN, NULL,
     "Ingestion-time partitioning of tables that are created by the default mapping.", NULL, NULL},
    {BQ "batch.rows", PROP_INT, "500", 1, 50000, NULL, GROUP, PROP_MEDIUM, PROP_OWN, NULL,
     "Most rows in one request; the service recommends 500.", NULL, NULL},
    {BQ "batch.bytes", PROP_INT, "5000000", 1000, 9500000, NULL, GROUP, PROP_MEDIUM, PROP_OWN, NULL,
     "Most bytes in one request; the service takes 10 MB.", NULL, NULL},
    {BQ "linger.ms", PROP_INT, "200", 0, 600000, NULL, GROUP, PROP_MEDIUM, PROP_OWN, NULL,
     "How long the first row of a batch waits for company.", NULL, NULL},
    {BQ "max.in.flight", PROP_INT, "1", 1, 32, NULL, GROUP, PROP_MEDIUM, PROP_OWN, NULL,
     "Requests under way per table. Above 1 rows can arrive in another order than they were committed.", NULL, NULL},
    {BQ "buffer.bytes", PROP_LONG, "67108864", 1000000, INT64_C(17179869184), NULL, GROUP, PROP_MEDIUM, PROP_OWN, NULL,
     "Bytes accepted and not yet acknowledged, over all tables; beyond that reading stops.", NULL, NULL},
    {BQ "request.timeout.ms", PROP_INT, "60000", 100, 600000, NULL, GROUP, PROP_LOW, PROP_OWN, NULL,
     "Time for one request; then it is sent again with the same ids.", NULL, NULL},
    {BQ "propagation.timeout.ms", PROP_INT, "900000", 0, 86400000, NULL, GROUP, PROP_LOW, PROP_OWN, NULL,
     "How long a column that was just added may stay unknown to the streaming service before its rows count as refused.",
     NULL, NULL},
};
/* clang-format on */

const struct prop_table bigquery_prop_table = {rows, sizeof(rows) / sizeof(rows[0])};
