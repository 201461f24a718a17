/*
 * The topic that brings signals (signal.kafka.topic, partition 0): records whose key is the connector's topic.prefix. What
 * a signal asked for is committed once it is stored, so a program that is killed before reads it again.
 */
#ifndef REPLICATOR_KAFKA_SIGNALS_H
#define REPLICATOR_KAFKA_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/prop.h"
#include "replicator/signal.h"

struct kafka_signals;

struct kafka_signals *kafka_signals_open(const struct config *c, struct err *e);
/* The next signal, in `a`, and its offset; false: none. Others' and what is no signal are passed over. */
bool kafka_signals_take(struct kafka_signals *k, struct arena *a, struct signal *out,
                        int64_t *offset);
void kafka_signals_commit(struct kafka_signals *k, int64_t offset);
int kafka_signals_fd(const struct kafka_signals *k);
void kafka_signals_close(struct kafka_signals *k);
/* Puts a signal there (for a command); waits until the broker has it. */
bool kafka_signals_send(const struct config *c, const struct signal *s, struct err *e);

#endif
