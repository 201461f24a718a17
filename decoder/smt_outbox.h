/* The outbox's payload expansion: a text that is a JSON object, as a struct. */
#ifndef DECODER_SMT_OUTBOX_H
#define DECODER_SMT_OUTBOX_H

#include "decoder/smt_priv.h"

struct outbox_expansion {
    bool keep_nulls; /* as optional bytes */
};

/*
 * Sets *out to the payload as a struct, or to the payload when its value in this record is no such text. The value's schema
 * is asked for, so that there is a program for each.
 */
enum smt_result outbox_expand(const struct outbox_expansion *x, struct smt_run *run,
                              const struct node *payload, struct slice name,
                              const struct node **out);

#endif
