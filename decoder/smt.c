/* A chain applied to drafts, and what its transforms share. */
#include "decoder/smt.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "decoder/node_text.h"
#include "decoder/smt_chain.h"

/* -------------------------------------------------------------------------------------------------------- topics */

static uint64_t
smt_hash(struct slice s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* Entries are only ever put before the others, so that readers need no lock. Two that race for one name: the later looks again. */
const char *
smt_intern(const struct smt_chain *chain, struct slice topic)
{
    struct smt_topics *t = chain->topics;
    _Atomic(struct smt_topic *) *bucket = &t->buckets[smt_hash(topic) % SMT_TOPIC_BUCKETS];
    struct smt_topic *head = atomic_load(bucket), *own = NULL;

    for (;;) {
        for (struct smt_topic *i = head; i; i = i->next)
            if (i->n == topic.n && memcmp(i->name, topic.p, topic.n) == 0) {
                free(own);
                return i->name;
            }
        if (!own) {
            if (atomic_load(&t->n) >= SMT_TOPICS_MAX)
                return NULL;
            own = mem_alloc(sizeof(*own) + topic.n + 1);
            own->n = topic.n;
            memcpy(own->name, topic.p, topic.n);
        }
        own->next = head;
        if (atomic_compare_exchange_weak(bucket, &head, own)) {
            atomic_fetch_add(&t->n, 1);
            return own->name;
        }
    }
}

enum smt_result
smt_set_topic(struct smt_run *run, struct slice topic)
{
    run->draft->topic = smt_intern(run->chain, topic);
    return run->draft->topic ? SMT_OK
                             : smt_fail(run,
                                        "it has named %d topics already; route by a column "
                                        "with fewer values",
                                        SMT_TOPICS_MAX);
}

/* ---------------------------------------------------------------------------------------------- for transforms */

bool
smt_known(struct smt_run *run, const struct node *n, struct smt_value *v)
{
    if (node_is_constant(n)) {
        *v = (struct smt_value){n->text, n->kind == NODE_NULL};
        return true;
    }
    if (run->asked < run->nknown) {
        *v = run->known[run->asked++];
        return true;
    }
    run->need = n;
    return false;
}

static enum node_got
smt_call_is_null(const struct node *n, struct node_run *run, struct buf *out)
{
    struct slice json;
    enum node_got got = node_input(n->in, run, &json);

    if (got == NODE_FAILED)
        return got;
    buf_putc(out, got == NODE_IS_NULL ? '1' : '0');
    return NODE_HAS_VALUE;
}

bool
smt_known_null(struct smt_run *run, const struct node *n, bool *null)
{
    struct smt_value v;

    if (node_is_constant(n) || n->kind == NODE_STRUCT || n->null_text.p) {
        *null = n->kind == NODE_NULL;
        return true;
    }
    if (!smt_known(run, node_calling(run->draft->arena, NULL, smt_call_is_null, n, NULL), &v))
        return false;
    *null = slice_is(v.json, "1");
    return true;
}

struct slice
smt_text_of(struct smt_run *run, const struct smt_value *v)
{
    struct slice text;
    struct buf b;

    buf_init(&b, 2 * v->json.n + 16);
    if (v->json.n && v->json.p[0] == '"')
        node_unquote(&b, v->json);
    else
        buf_slice(&b, v->json);
    text = arena_slice(run->draft->arena, buf_view(&b));
    buf_free(&b);
    return text;
}

void
smt_set_reason(struct smt_run *run, const char *fmt, ...)
{
    char text[700];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    err_set(run->e, ERR_FATAL, "transform.failed", "%s", text);
}

void
smt_say(struct smt_run *run, bool is_error, const char *fmt, ...)
{
    va_list ap;

    run->note.is_error = is_error;
    va_start(ap, fmt);
    vsnprintf(run->note.text, sizeof(run->note.text), fmt, ap);
    va_end(ap);
}

enum smt_result
smt_struct(struct smt_run *run, const struct node *n, const char *purpose)
{
    if (n->kind == NODE_STRUCT)
        return SMT_OK;
    return smt_fail(run, "only structs can be used for %s, and this is %s", purpose,
                    n->kind == NODE_NULL ? "null" : "a single value");
}

enum smt_result
smt_operand_null(const struct smt *t, struct smt_run *run, bool *null)
{
    return smt_known_null(run, smt_operand(t, run), null) ? SMT_OK : SMT_NEED;
}

void
smt_copy_struct(struct node_builder *b, struct smt_run *run, const struct node *n, bool get,
                const struct smt_list *without)
{
    struct arena *a = run->draft->arena;

    node_build(b, a, n->schema);
    b->bare = n->bare;
    for (size_t i = 0; i < n->schema->nfields; i++)
        if (!without || !smt_list_has(without, n->schema->fields[i].name))
            node_add(b, n->schema->fields[i].name,
                     get ? node_or_default(a, n->members[i]) : n->members[i]);
}

enum smt_result
smt_built(struct smt_run *run, struct node_builder *b, const struct node **out)
{
    if (b->twice)
        return smt_fail(run, "field \"%s\" would be there twice", b->twice);
    *out = node_built(b);
    return SMT_OK;
}

/* --------------------------------------------------------------------------------------------------- the chain */

static enum smt_result
smt_apply_one(const struct smt *t, struct smt_run *run)
{
    bool holds = true;

    if (t->predicate) {
        enum smt_result r = t->predicate->type->test(t->predicate, run, &holds);

        if (r != SMT_OK)
            return r;
        if (holds == t->negate)
            return SMT_OK;
    }
    return t->type->apply(t, run);
}

enum smt_result
smt_apply(struct smt_run *run)
{
    const struct smt_chain *chain = run->chain;

    for (size_t i = 0; i < chain->n; i++) {
        const struct draft was = *run->draft;
        const char *topic = was.topic;
        enum smt_result r = smt_apply_one(&chain->v[i], run);

        if (r == SMT_FAIL)
            err_wrap(run->e, "transform \"%s\" (%s) cannot take a record of topic \"%s\"",
                     chain->v[i].name, chain->v[i].type->name, topic);
        if (r != SMT_OK)
            return r;
        /* What is not the record that came has headers of its own. */
        run->draft->own_headers |=
            run->draft->key != was.key || run->draft->value != was.value ||
            strcmp(run->draft->topic, topic) != 0 ||
            run->draft->nheaders - was.nheaders != run->draft->nshared - was.nshared;
    }
    return SMT_OK;
}

const struct draft_context *
smt_context(const struct smt_chain *chain)
{
    return &chain->context;
}

bool
smt_tolerant(const struct smt_chain *chain)
{
    return chain->tolerant;
}
