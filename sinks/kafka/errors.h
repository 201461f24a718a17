/* The table behind kafka_err_class; walked by its test and by the reference page. */
#ifndef SINKS_KAFKA_ERRORS_H
#define SINKS_KAFKA_ERRORS_H

#include <stddef.h>

#include "sinks/kafka/client.h"

struct kafka_err_row {
    rd_kafka_resp_err_t kafka;
    enum err_class cls;
    const char *code; /* ours */
    const char *hint; /* what to do, NULL */
};

extern const struct kafka_err_row kafka_err_rows[];
extern const size_t kafka_err_nrows;

#endif
