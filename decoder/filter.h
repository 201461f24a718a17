/*
 * Which schemas, tables, columns and messages are captured: Debezium's include and exclude lists of Java regular
 * expressions (anchored, case-insensitive), and message.key.columns. Asked once per relation, never per row.
 */
#ifndef DECODER_FILTER_H
#define DECODER_FILTER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/prop.h"
#include "base/slice.h"

struct filter;

/* Compiles the lists of a validated configuration. */
struct filter *filter_new(const struct config *c, struct err *e);
void filter_free(struct filter *f);

bool filter_table(const struct filter *f, struct slice schema, struct slice table);
/* The table of signal.data.collection: captured whatever the lists say, and never snapshotted. */
bool filter_signal_table(const struct filter *f, struct slice schema, struct slice table);
bool filter_column(const struct filter *f, struct slice schema, struct slice table,
                   struct slice column);
bool filter_message(const struct filter *f, struct slice prefix);
/* message.key.columns as rules, one for each column that it lists; and whether a rule names a column. */
size_t filter_key_rules(const struct filter *f);
bool filter_key_column(const struct filter *f, size_t rule, struct slice schema, struct slice table,
                       struct slice column);
/* Position of the first table.include.list (or snapshot order) pattern that matches, for the order of a snapshot; INT_MAX. */
int filter_table_rank(const struct filter *f, struct slice schema, struct slice table);

#endif
