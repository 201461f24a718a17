/*
 * Kafka Connect's JsonConverter, compiled: a plan becomes literal bytes and "write column 3 with writer f" steps. The
 * schema half, field names and everything constant are memcpy; the source block is rendered once per transaction and
 * table, into the recbuf's cache.
 */
#ifndef DECODER_JSON_CONV_H
#define DECODER_JSON_CONV_H

#include "base/err.h"
#include "decoder/change.h"
#include "decoder/plan.h"
#include "decoder/record.h"

struct json_program;

/* The plan must outlive the program. */
struct json_program *json_compile(const struct plan *p, struct err *e);
void json_discard(struct json_program *prog);

/*
 * Appends the change's records: one; a delete and its tombstone; a key change's delete, tombstone and create. False: a
 * value cannot be said and the settings say fail, or the record passes the buffer's maximum (data).
 */
bool json_encode(const struct json_program *prog, const struct change *c, struct recbuf *out,
                 struct err *e);

#endif
