#include "decoder/unchanged.h"

#include "decoder/mapper.h"
#include "decoder/plan.h"

/* Appends what a value is said as; nothing: NULL, which no value equals, not even the default that NULL is written as. */
static void
unchanged_say(struct buf *out, const struct value *v, const struct binding *b)
{
    size_t start = out->n;

    if (v->kind == VALUE_UNCHANGED) {
        buf_slice(out, b->unavailable_json);
    } else if (v->kind != VALUE_TEXT) {
        if (!b->schema->optional)
            buf_slice(out, b->null_json);
    } else if (!b->write(out, (struct slice){v->p, v->n}, b->ctx, NULL)) {
        out->n = start;
    }
}

static bool
unchanged_field(const struct change *c, const struct plan_field *f, struct buf *scratch)
{
    const struct value *old = &c->before.v[f->col], *v = &c->after.v[f->col];
    size_t n;

    if (mapping_is_constant(f->map))
        return true;
    if (v->kind == VALUE_UNCHANGED && old->kind == VALUE_TEXT)
        return true;
    if (old->kind == VALUE_TEXT && v->kind == VALUE_TEXT && old->n == v->n &&
        memcmp(old->p, v->p, v->n) == 0)
        return true;
    buf_clear(scratch);
    unchanged_say(scratch, old, &f->value);
    n = scratch->n;
    unchanged_say(scratch, v, &f->value);
    return buf_ok(scratch) && scratch->n == 2 * n &&
           (n == 0 || memcmp(scratch->p, scratch->p + n, n) == 0);
}

bool
unchanged_update(const struct change *c, struct buf *scratch)
{
    if (!c->before.n)
        return false;
    for (uint16_t i = 0; i < c->plan->nfields; i++)
        if (!unchanged_field(c, &c->plan->fields[i], scratch))
            return false;
    return true;
}
