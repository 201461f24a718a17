/* Debezium's MurmurHash3 (io.debezium.util): of a text's UTF-8, or of the four bytes of another value's hashCode. */
#ifndef DECODER_MURMUR_H
#define DECODER_MURMUR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

uint32_t murmur_hash(struct slice bytes);
uint32_t murmur_hash_int(uint32_t v);

#endif
