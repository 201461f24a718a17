/* A record's key or value as its converter writes it, compiled from a node. */
#ifndef DECODER_SIDE_H
#define DECODER_SIDE_H

#include "decoder/json_priv.h"
#include "decoder/settings.h"

enum side_step_kind {
    SIDE_COLUMN, /* of the new row */
    SIDE_OLD_COLUMN,
    SIDE_SOURCE, /* the source block, with its comma and name */
    SIDE_NODE,
};

struct side_step {
    const char *lit; /* padded for buf_add_padded */
    uint32_t nlit;
    uint16_t col;
    uint8_t kind;
    const struct node *node;
    struct slice null_text;
};

struct side {
    enum converter converter;
    bool null;               /* no bytes, for every row */
    const struct node *node; /* not NULL: a single value, of a converter that writes no JSON */
    const struct json_format *format;
    size_t n;
    struct side_step *steps;
    struct slice tail;
};

/* False: the converter cannot write it (as the real one would say); e is set. */
bool side_compile(struct side *s, const struct node *n, enum converter converter,
                  const struct json_format *format, struct arena *a, struct err *e);
/* Appends the bytes. NODE_FAILED: run->e is set. */
enum node_got side_write(const struct side *s, struct node_run *run);

#endif
