/* Salted hashes of strings, as Debezium takes them. Inside decoder/mapper*.c only. */
#ifndef DECODER_MAPPER_HASH_H
#define DECODER_MAPPER_HASH_H

#include "base/err.h"
#include "base/slice.h"

struct mapper_hash;

enum { MAPPER_HASH_HEX_MAX = 128 };

/* serialized: of the string as java.io writes it. NULL: the algorithm is unknown; `prop` is named in the error. */
struct mapper_hash *mapper_hash_new(const char *prop, struct slice algorithm, struct slice salt,
                                    bool serialized, struct err *e);
void mapper_hash_free(struct mapper_hash *h);

/* Lower-case hexadecimal digits of the hash of a text in UTF-8; their number, 0 when the library fails. */
size_t mapper_hash_text(const struct mapper_hash *h, struct slice text,
                        char hex[MAPPER_HASH_HEX_MAX]);
/* The same of the text inside a JSON string (without its quotes). */
size_t mapper_hash_json(const struct mapper_hash *h, struct slice body,
                        char hex[MAPPER_HASH_HEX_MAX]);

#endif
