/*
 * From a change to the records that Kafka-like sinks take. Without transforms, and with JSON on both sides, this is the JSON
 * converter (decoder/json_conv.h) and nothing else. Otherwise each kind of record a change can lead to has a program of its
 * own, made when the first such record comes: transforms have been applied to it by then, and cost a row nothing but what
 * depends on its values.
 */
#ifndef DECODER_ENCODER_H
#define DECODER_ENCODER_H

#include "base/err.h"
#include "decoder/change.h"
#include "decoder/plan.h"
#include "decoder/record.h"

struct encoder;

/* The plan must outlive the encoder. */
struct encoder *encoder_new(const struct plan *p, struct err *e);
void encoder_free(struct encoder *enc);
/*
 * Appends the change's 0..n records. Pure; any thread. False: a value cannot be said, a transform cannot take the record
 * (unless errors.tolerance=all), or the record passes the buffer's maximum.
 */
bool encoder_encode(const struct encoder *enc, const struct change *c, struct recbuf *out,
                    struct err *e);

#endif
