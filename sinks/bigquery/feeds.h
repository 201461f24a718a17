/* Values a column can be fed with that are no column of the row: the words `from` knows besides row.x and its like. */
#ifndef SINKS_BIGQUERY_FEEDS_H
#define SINKS_BIGQUERY_FEEDS_H

#include "sinks/bigquery/program.h"

struct bq_feed_word {
    const char *name;
    enum bq_source source;
    bq_feed_fn compute;
    bool optional; /* can be NULL */
};
extern const struct bq_feed_word bq_feed_words[];
extern const size_t bq_nfeed_words;

const struct bq_feed_word *bq_feed_find(const char *name); /* NULL: no such word */

/* The metadata columns of the default mapping. */
struct bq_meta_column {
    const char *name; /* behind walbridge.bigquery.metadata.prefix */
    const char *from;
    const char *as; /* NULL: none */
    enum bq_type type;
    enum bq_mode mode;
    const char *doc;
};
extern const struct bq_meta_column bq_meta_columns[];
extern const size_t bq_nmeta_columns;

#endif
