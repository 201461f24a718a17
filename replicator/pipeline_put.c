/* From a relation to compiled plans, from a change to records, from records to the sinks. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "replicator/pipeline_priv.h"
#include "replicator/unconverted.h"

/* ------------------------------------------------------------------------------------------------ plans */

void
pipeline_drop_plan(struct pipeline *p, struct plan *plan)
{
    if (!plan)
        return;
    for (unsigned i = 0; i < p->parts.nsinks; i++)
        if (plan->progs[i])
            p->parts.sinks[i]->ops->discard(p->parts.sinks[i], plan->progs[i]);
    plan_unref(plan);
}

bool
pipeline_compile(struct pipeline *p, struct plan *plan, struct err *e)
{
    for (unsigned i = 0; i < p->parts.nsinks; i++) {
        struct sink *s = p->parts.sinks[i];

        if (!s->ops->compile(s, plan, &plan->progs[i], e))
            return err_wrap(e, "sink \"%s\", topic \"%s\"", s->ops->name, plan->topic);
    }
    return true;
}

struct plan *
pipeline_plan(struct pipeline *p, enum plan_use use, const struct pgo_relation *wire,
              const struct relation_facts *facts, struct err *e)
{
    struct relation *rel = relation_new(wire, facts);
    struct plan *plan;
    uint32_t missing;

    while (!(plan = plan_new_table(rel, use, p->parts.types, p->parts.settings, &missing))) {
        /* The catalog no longer knows the type (dropped since): as any type that cannot be said. */
        const struct pgtype gone = {
            .oid = missing, .schema = "", .name = "unknown", .kind = 'p', .base_typmod = -1};

        log_warn("table \"%.*s.%.*s\": type %u is not in the catalog any more",
                 SLICE_ARG(rel->schema), SLICE_ARG(rel->table), missing);
        types_add(p->parts.types, &gone);
    }
    relation_unref(rel);
    if (plan->unmasked.p)
        log_warn(
            "table \"%.*s.%.*s\": column \"%.*s\" is to be masked, but another rule that names it "
            "comes first, as in "
            "Debezium: its values are said",
            SLICE_ARG(plan->rel->schema), SLICE_ARG(plan->rel->table), SLICE_ARG(plan->unmasked));
    if (!pipeline_compile(p, plan, e)) {
        pipeline_drop_plan(p, plan);
        return NULL;
    }
    return plan;
}

/* ------------------------------------------------------------------------------------------------ putting */

/* One record to the sink whose turn it is. */
static inline enum pipe_result
pipeline_put_record(struct pipeline *p, const struct recbuf *out, size_t rec, struct err *e)
{
    struct sink *s = p->parts.sinks[p->put_sink];

    switch (
        s->ops->put(s, p->put_plan->progs[p->put_sink], out, &out->recs[rec], p->put_ticket, e)) {
    case SINK_TAKEN:
        break;
    case SINK_FULL:
        p->park = PARK_SINK;
        return PIPE_PARKED;
    case SINK_ERROR:
        err_wrap(e, "sink \"%s\", topic \"%s\"", s->ops->name, p->put_plan->topic);
        return PIPE_ERROR;
    }
    return PIPE_OK;
}

/* Gives what is encoded to the sinks, from where it stopped. */
enum pipe_result
pipeline_put(struct pipeline *p, struct err *e)
{
    for (; p->put_sink < p->parts.nsinks; p->put_sink++, p->put_rec = 0) {
        const struct recbuf *out = &p->out[p->put_sink];

        for (; p->put_rec < out->n; p->put_rec++) {
            enum pipe_result r = pipeline_put_record(p, out, p->put_rec, e);

            if (r != PIPE_OK)
                return r;
        }
    }
    p->park = PARK_NONE;
    p->stats.changes++;
    return PIPE_OK;
}

static void
pipeline_take_unconverted(struct pipeline *p, const struct change *c, struct recbuf *out)
{
    char lsn[NUM_LSN_TEXT];

    p->stats.unconverted =
        unconverted_take(out, c->plan, p->stats.unconverted, num_lsn_text(lsn, c->lsn));
}

static void
pipeline_take_noted(struct pipeline *p, const struct change *c, struct recbuf *out)
{
    char lsn[NUM_LSN_TEXT];

    p->noted = unconverted_take_note(out, c->plan, p->noted, num_lsn_text(lsn, c->lsn));
}

static void
pipeline_warn_skipped(struct recbuf *out, uint64_t lsn)
{
    char text[NUM_LSN_TEXT];

    log_warn("%s: %" PRIu64 " record%s left out because errors.tolerance is all: %s",
             num_lsn_text(text, lsn), out->skipped, out->skipped == 1 ? "" : "s",
             out->skipped_why.msg);
    out->skipped = 0;
}

/* Encodes a change for every sink; total records and bytes. */
bool
pipeline_encode(struct pipeline *p, const struct change *c, unsigned *nrecs, uint32_t *bytes,
                struct err *e)
{
    size_t total = 0;

    p->stats.creates += c->op == OP_CREATE;
    p->stats.updates += c->op == OP_UPDATE;
    p->stats.deletes += c->op == OP_DELETE;
    *nrecs = 0;
    for (unsigned i = 0; i < p->parts.nsinks; i++) {
        struct recbuf *out = &p->out[i];

        recbuf_clear(out);
        if (!p->parts.sinks[i]->ops->encode(c->plan->progs[i], c, out, e))
            return false;
        if (__builtin_expect(out->unconverted != 0, 0))
            pipeline_take_unconverted(p, c, out);
        if (__builtin_expect(out->noted != 0, 0))
            pipeline_take_noted(p, c, out);
        if (__builtin_expect(out->skipped != 0, 0))
            pipeline_warn_skipped(out, c->lsn);
        *nrecs += (unsigned)out->n;
        total += out->bytes.n;
    }
    *bytes = total > UINT32_MAX ? UINT32_MAX : (uint32_t)total;
    return true;
}

void
pipeline_ready_to_put(struct pipeline *p, struct plan *plan, uint64_t ticket)
{
    p->put_plan = plan;
    p->put_sink = 0;
    p->put_rec = 0;
    p->put_ticket = ticket;
}

enum pipe_result
pipeline_put_batch(struct pipeline *p, struct batch *b, uint64_t lsn, struct err *e)
{
    if (p->park == PARK_NONE) {
        size_t nrecs = 0, bytes = 0;

        for (unsigned i = 0; i < p->parts.nsinks; i++) {
            nrecs += b->out[i].n;
            bytes += b->out[i].bytes.n;
        }
        b->ticket = led_open(p->parts.ledger, lsn ? LED_INSERT : LED_NOTE, lsn, b->number,
                             (unsigned)nrecs, bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes);
        pipeline_ready_to_put(p, b->plan, b->ticket);
    }
    for (; p->put_sink < p->parts.nsinks; p->put_sink++, p->put_rec = 0) {
        const struct recbuf *out = &b->out[p->put_sink];

        for (; p->put_rec < out->n; p->put_rec++) {
            enum pipe_result r = pipeline_put_record(p, out, p->put_rec, e);

            if (r != PIPE_OK)
                return r;
        }
    }
    p->park = PARK_NONE;
    p->stats.changes += b->nrows;
    return PIPE_OK;
}
