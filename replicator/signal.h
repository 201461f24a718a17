/*
 * A signal: id, type and data (JSON), and what it asks for. Type and data are Debezium's.
 */
#ifndef REPLICATOR_SIGNAL_H
#define REPLICATOR_SIGNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

struct signal {
    const char *id; /* NULL: none is given */
    const char *type;
    const char *data; /* NULL or "": {} */
};

enum signal_kind {
    SIGNAL_EXECUTE,
    SIGNAL_STOP,
    SIGNAL_PAUSE,
    SIGNAL_RESUME,
    SIGNAL_LOG,
    SIGNAL_SCHEMA_CHANGES,
    SIGNAL_OPEN, /* watermarks */
    SIGNAL_CLOSE,
};

struct signal_condition {
    const char *tables; /* expression */
    const char *filter;
};

struct signal_order {
    enum signal_kind kind;
    const char *id;
    bool blocking;
    const char **tables; /* expressions; n 0: none are named */
    size_t ntables;
    const struct signal_condition *conditions;
    size_t nconditions;
    const char *surrogate; /* NULL none */
    const char *message;   /* SIGNAL_LOG */
};

enum { SIGNAL_DATA_MAX = 256 << 10 };

/* The types that there are, for help and completion; NULL at the end. */
extern const char *const signal_types[];
/* "execute-snapshot", …; false: e. */
bool signal_kind_of(const char *type, enum signal_kind *kind, struct err *e);
/* What it asks for; strings live in `a`. False (data): e says what is wrong with it. */
bool signal_parse(const struct signal *s, struct arena *a, struct signal_order *out, struct err *e);
/* A signal as one JSON document {"id","type","data"} (a line of a file, a Kafka record). */
bool signal_read(const char *json, size_t n, struct arena *a, struct signal *out, struct err *e);
/* The other way; the caller frees it. Data that is not JSON goes as a text. */
char *signal_json(const struct signal *s);

#endif
