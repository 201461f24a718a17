/* The labels that a connector's custom.metric.tags add to its figures. */
#ifndef REPLICATOR_METRICS_LABELS_H
#define REPLICATOR_METRICS_LABELS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * "team=a, cost center=b" → {team="a",cost_center="b"} without the braces, appended. What a label's name may not hold becomes
 * '_', as Prometheus' exporter for Java does it; a name that the figures have themselves, or that begins with a digit, gets "tag_" before it;
 * of two that become one the first counts, since a page with both is none to Prometheus. False (config): a pair without '='.
 */
bool metrics_labels(struct buf *out, const char *tags, struct err *e);
/* A label's value: backslash, quote and line feed are escaped. */
void metrics_write_label(struct buf *out, const char *name, const char *value);

#endif
