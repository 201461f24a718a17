#include "decoder/encoder.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "decoder/side.h"
#include "decoder/smt.h"

enum {
    ENCODER_BRANCH_BUCKETS = 64,
    /* Values of one branch that keep their program; of others it is made anew for each record. */
    ENCODER_BRANCHES_MAX = 4096,
    /* What the kept programs of a table take together; branches below branches multiply. */
    ENCODER_KEPT_MAX = 32 << 20,
    ENCODER_KNOWN_MAX = 256,
};

enum path_kind {
    PATH_EMIT,
    PATH_DROP,
    PATH_BRANCH, /* by a value that a transform asked for */
    PATH_FAIL,
};

struct path_header {
    const char *name;
    struct side value;
};

/* What becomes of one kind of record; below a branch, of those in which the values asked for are these. */
struct path {
    enum path_kind kind;
    struct arena arena;
    struct err *why; /* PATH_FAIL */
    struct smt_note note;

    /* PATH_EMIT */
    const char *topic; /* NULL: the plan's */
    bool untouched;    /* but for the topic: the JSON program writes it */
    struct side key, value;
    const struct node *partition, *timestamp;
    size_t nheaders, nlead;
    struct path_header *headers; /* but the context's */
    bool context;

    /* PATH_BRANCH */
    const struct node *on;
    size_t nknown;
    struct smt_value *known;
    _Atomic(struct branch *) *branches;
    atomic_uint nbranches;
};

struct branch {
    struct branch *next;
    struct path *path;
    struct smt_value value;
};

struct encoder {
    const struct plan *plan;
    struct json_program *json;
    const struct smt_chain *chain; /* NULL: the JSON program does it all */
    _Atomic(struct path *)
        *paths;          /* [DRAFT_KINDS][2]: without and with the place in the transaction */
    atomic_size_t *kept; /* bytes of programs below branches */
};

/* ----------------------------------------------------------------------------------------------------- freeing */

static void
path_free(struct path *p)
{
    if (!p)
        return;
    for (size_t i = 0; p->branches && i < ENCODER_BRANCH_BUCKETS; i++)
        for (struct branch *b = atomic_load(&p->branches[i]), *next; b; b = next) {
            next = b->next;
            path_free(b->path);
            free(b);
        }
    free(p->why);
    arena_free(&p->arena);
    free(p);
}

struct encoder *
encoder_new(const struct plan *p, struct err *e)
{
    struct encoder *enc = mem_alloc(sizeof(*enc));

    enc->plan = p;
    enc->chain = p->settings->chain;
    enc->json = json_compile(p, e);
    if (!enc->json) {
        free(enc);
        return NULL;
    }
    if (enc->chain) {
        enc->paths = mem_array(2 * (size_t)DRAFT_KINDS, sizeof(*enc->paths));
        enc->kept = mem_alloc(sizeof(*enc->kept));
    }
    return enc;
}

void
encoder_free(struct encoder *enc)
{
    if (!enc)
        return;
    for (size_t i = 0; enc->paths && i < 2 * (size_t)DRAFT_KINDS; i++)
        path_free(atomic_load(&enc->paths[i]));
    free(enc->paths);
    free(enc->kept);
    json_discard(enc->json);
    free(enc);
}

/* --------------------------------------------------------------------------------------------------- compiling */

/* The four headers of the context in a row, untouched: the sink has them ready. */
static bool
path_has_context(const struct encoder *enc, const struct draft *d, size_t at)
{
    const struct draft_context *context = smt_context(enc->chain);

    if (at + DRAFT_CONTEXT_HEADERS > d->nheaders)
        return false;
    for (size_t i = 0; i < DRAFT_CONTEXT_HEADERS; i++)
        if (d->headers[at + i].value != context->value[i])
            return false;
    return true;
}

static bool
path_make_headers(const struct encoder *enc, struct path *p, const struct draft *d, struct err *e)
{
    const struct settings *s = enc->plan->settings;

    p->headers = arena_alloc(&p->arena, (d->nheaders + 1) * sizeof(*p->headers));
    for (size_t i = 0; i < d->nheaders; i++) {
        struct path_header *h = &p->headers[p->nheaders];

        if (!p->context && s->header_converter == CONVERTER_SIMPLE && path_has_context(enc, d, i)) {
            p->context = true;
            p->nlead = p->nheaders;
            i += DRAFT_CONTEXT_HEADERS - 1;
            continue;
        }
        h->name = d->headers[i].name;
        if (!side_compile(&h->value, d->headers[i].value, s->header_converter, &s->header_json,
                          &p->arena, e))
            return err_wrap(e, "header \"%s\"", h->name);
        p->nheaders++;
    }
    return true;
}

/* A row's envelope as it came: what only routes or filters costs what no transforms cost. */
static bool
path_is_untouched(const struct encoder *enc, const struct draft *d, const struct draft *came)
{
    const struct settings *s = enc->plan->settings;
    size_t context = s->context_headers ? DRAFT_CONTEXT_HEADERS : 0;

    return d->kind <= DRAFT_TRUNCATE && d->kind != DRAFT_TOMBSTONE && d->key == came->key &&
           d->value == came->value && d->nheaders == context &&
           (context == 0 || path_has_context(enc, d, 0)) && !d->partition && !d->timestamp &&
           s->key_converter == CONVERTER_JSON && s->value_converter == CONVERTER_JSON &&
           s->header_converter == CONVERTER_SIMPLE;
}

static bool
path_make_emit(const struct encoder *enc, struct path *p, const struct draft *d, struct err *e)
{
    const struct settings *s = enc->plan->settings;

    if (!side_compile(&p->key, d->key, s->key_converter, &s->key_json, &p->arena, e))
        return err_wrap(e, "the key of a record of topic \"%s\"", d->topic);
    if (!side_compile(&p->value, d->value, s->value_converter, &s->value_json, &p->arena, e))
        return err_wrap(e, "the value of a record of topic \"%s\"", d->topic);
    if (!path_make_headers(enc, p, d, e))
        return err_wrap(e, "a record of topic \"%s\"", d->topic);
    p->topic = strcmp(d->topic, enc->plan->topic) == 0 ? NULL : d->topic;
    p->partition = d->partition;
    p->timestamp = d->timestamp;
    p->kind = PATH_EMIT;
    return true;
}

static void
path_make_branch(struct path *p, const struct smt_run *run)
{
    p->kind = PATH_BRANCH;
    p->on = run->need;
    p->branches = arena_alloc(&p->arena, ENCODER_BRANCH_BUCKETS * sizeof(*p->branches));
}

static void
path_make_fail(struct path *p, const struct err *e)
{
    p->kind = PATH_FAIL;
    p->why = mem_alloc(sizeof(*p->why));
    *p->why = *e;
}

/* The record as it comes to the first transform: a tombstone has the headers that its delete was given. */
static enum smt_result
path_draft(const struct encoder *enc, struct path *p, enum draft_kind kind, bool block,
           struct draft *d, struct smt_run *run)
{
    enum draft_kind deleting = draft_deleting(kind);
    struct draft deleted;
    enum smt_result result;

    draft_new(d, &p->arena, enc->plan, kind, block, smt_context(enc->chain));
    if (deleting == DRAFT_KINDS)
        return SMT_OK;
    draft_new(&deleted, &p->arena, enc->plan, deleting, block, smt_context(enc->chain));
    run->draft = &deleted;
    result = smt_apply(run);
    run->draft = d;
    if (result == SMT_NEED)
        return SMT_NEED;
    for (size_t i = 0; i < deleted.nshared; i++)
        draft_add_header(d, deleted.shared[i].name, deleted.shared[i].value);
    return SMT_OK;
}

/* Copied: nodes may be views of the values, and live as long as the path. */
static void
path_take_known(struct path *p, const struct smt_value *known, size_t n)
{
    p->nknown = n;
    p->known = arena_alloc(&p->arena, (n + 1) * sizeof(*p->known));
    for (size_t i = 0; i < n; i++)
        p->known[i] = (struct smt_value){arena_slice(&p->arena, known[i].json), known[i].null};
}

static struct path *
path_new(const struct encoder *enc, enum draft_kind kind, bool block, const struct smt_value *known,
         size_t nknown)
{
    struct path *p = mem_alloc(sizeof(*p));
    struct draft draft, came;
    struct err e = {0};
    struct smt_run run = {.chain = enc->chain, .draft = &draft, .e = &e, .nknown = nknown};
    enum smt_result result;

    arena_init(&p->arena);
    path_take_known(p, known, nknown);
    run.known = p->known;
    result = path_draft(enc, p, kind, block, &draft, &run);
    came = draft;
    if (result == SMT_OK) {
        run.note.text[0] = '\0'; /* that of a tombstone's delete was said with it */
        result = smt_apply(&run);
        p->note = run.note;
    }
    switch (result) {
    case SMT_OK:
        p->untouched = path_is_untouched(enc, &draft, &came);
        if (path_make_emit(enc, p, &draft, &e))
            return p;
        break;
    case SMT_DROP:
        p->kind = PATH_DROP;
        return p;
    case SMT_NEED:
        if (nknown < ENCODER_KNOWN_MAX) {
            path_make_branch(p, &run);
            return p;
        }
        err_set(&e, ERR_FATAL, "transform.failed",
                "the transforms ask for more than %d values of a record", ENCODER_KNOWN_MAX);
        break;
    case SMT_FAIL:
        break;
    }
    path_make_fail(p, &e);
    return p;
}

/* ---------------------------------------------------------------------------------------------------- branching */

static bool
smt_value_eq(const struct smt_value *a, const struct smt_value *b)
{
    return a->null == b->null && slice_eq(a->json, b->json);
}

static struct path *
path_for_value(const struct encoder *enc, enum draft_kind kind, bool block, const struct path *p,
               const struct smt_value *v)
{
    struct smt_value known[ENCODER_KNOWN_MAX + 1];

    if (p->nknown)
        memcpy(known, p->known, p->nknown * sizeof(*known));
    known[p->nknown] = *v;
    return path_new(enc, kind, block, known, p->nknown + 1);
}

/* May a branch get one more program that is kept? */
static bool
path_has_room(const struct encoder *enc, struct path *p)
{
    return atomic_load(enc->kept) < ENCODER_KEPT_MAX &&
           atomic_fetch_add(&p->nbranches, 1) < ENCODER_BRANCHES_MAX;
}

/*
 * Entries are only put before the others; two threads that race for one value both make it, and one is found first.
 * *own: given, p is not kept, and so is nothing below it; set to a path that the caller frees.
 */
static struct path *
path_branch(const struct encoder *enc, enum draft_kind kind, bool block, struct path *p,
            const struct smt_value *v, struct path **own)
{
    uint64_t h = 14695981039346656037u;
    _Atomic(struct branch *) *bucket;
    struct branch *b;

    for (size_t i = 0; i < v->json.n; i++)
        h = (h ^ (unsigned char)v->json.p[i]) * 1099511628211u;
    bucket = &p->branches[h % ENCODER_BRANCH_BUCKETS];
    for (b = atomic_load(bucket); b; b = b->next)
        if (smt_value_eq(&b->value, v))
            return b->path;
    if (*own || !path_has_room(enc, p)) {
        struct path *made = path_for_value(enc, kind, block, p, v);

        path_free(*own);
        return *own = made;
    }
    b = mem_alloc(sizeof(*b) + v->json.n);
    b->value = (struct smt_value){{(char *)(b + 1), v->json.n}, v->null};
    if (v->json.n)
        memcpy(b + 1, v->json.p, v->json.n);
    b->path = path_for_value(enc, kind, block, p, &b->value);
    atomic_fetch_add(enc->kept, sizeof(*b) + v->json.n + sizeof(*b->path) + b->path->arena.used +
                                    (b->path->why ? sizeof(*b->path->why) : 0));
    b->next = atomic_load(bucket);
    while (!atomic_compare_exchange_weak(bucket, &b->next, b))
        continue;
    return b->path;
}

static struct path *
path_of(const struct encoder *enc, enum draft_kind kind, bool block)
{
    _Atomic(struct path *) *slot = &enc->paths[2 * (size_t)kind + block];
    struct path *p = atomic_load_explicit(slot, memory_order_acquire), *made;

    if (__builtin_expect(p != NULL, 1))
        return p;
    made = path_new(enc, kind, block, NULL, 0);
    if (atomic_compare_exchange_strong(slot, &p, made))
        return made;
    path_free(made);
    return p;
}

/* ------------------------------------------------------------------------------------------------------ records */

/* A number that goes beside the record, not into it. */
static bool
path_number(const struct node *n, struct node_run *run, int64_t *out, bool *null)
{
    struct buf *b = &run->scratch[NODE_DEPTH_MAX];
    enum node_got got;

    buf_clear(b);
    got = node_eval(n, run, b);
    *null = got == NODE_IS_NULL;
    if (got == NODE_HAS_VALUE && !num_parse_i64(buf_view(b), out))
        return err_set(run->e, ERR_FATAL, "transform.failed",
                       "a partition or a time is no whole number");
    return got != NODE_FAILED;
}

static bool
path_put_headers(const struct path *p, struct node_run *run, struct record *r)
{
    struct recbuf *out = run->out;

    r->hdr = (uint32_t)out->nheaders;
    r->nhdr = (uint32_t)p->nheaders;
    r->nlead = (uint32_t)p->nlead;
    r->headers = p->context ? RECORD_CONTEXT : RECORD_PLAIN;
    for (size_t i = 0; i < p->nheaders; i++) {
        struct record_header_value *h = recbuf_add_header(out);
        enum node_got got;

        h->name = p->headers[i].name;
        h->at = (uint32_t)out->bytes.n;
        got = side_write(&p->headers[i].value, run);
        if (got == NODE_FAILED)
            return false;
        h->null = got == NODE_IS_NULL;
        h->n = (uint32_t)out->bytes.n - h->at;
    }
    return true;
}

/* As Kafka's own client: neither can be negative, but that -1 is no time. */
static bool
path_refuse(const struct path *p, const struct node_run *run, const char *what, int64_t v)
{
    return err_set(run->e, ERR_FATAL, "transform.failed",
                   "%s of a record for topic \"%s\" is %" PRId64 ", and Kafka has none such", what,
                   p->topic ? p->topic : run->json->plan->topic, v);
}

static bool
path_put_beside(const struct path *p, struct node_run *run, struct record *r)
{
    int64_t v = 0;
    bool null;

    if (p->partition) {
        if (!path_number(p->partition, run, &v, &null))
            return false;
        if (!null && (v < 0 || v > INT32_MAX))
            return path_refuse(p, run, "a partition", v);
        if (!null)
            r->partition = (int32_t)v;
    }
    if (p->timestamp) {
        if (!path_number(p->timestamp, run, &v, &null))
            return false;
        if (!null && v < -1)
            return path_refuse(p, run, "a record's time", v);
        r->timestamp_ms = null || v < 0 ? 0 : v;
    }
    return true;
}

static bool
path_emit_untouched(const struct path *p, struct node_run *run, enum draft_kind kind,
                    uint16_t index)
{
    const struct change *c = run->c;
    bool old = kind == DRAFT_UPDATE_OLD || kind == DRAFT_DELETE;
    const struct tuple *after = kind == DRAFT_DELETE || kind == DRAFT_TRUNCATE ? NULL : &c->after;
    const struct tuple *key = kind == DRAFT_TRUNCATE ? NULL
                              : kind == DRAFT_DELETE ? &c->before
                                                     : &c->after;
    size_t at = run->out->n;

    if (!json_put_envelope(run->json, c, draft_op(kind), old ? &c->before : NULL, after, key, index,
                           run->out, run->e))
        return false;
    run->out->recs[at].topic = p->topic;
    return true;
}

static bool
path_emit(const struct path *p, struct node_run *run, enum change_op op, uint16_t index)
{
    struct recbuf *out = run->out;
    struct buf *b = &out->bytes;
    struct record *r = json_open(out, run->c, op, index);
    enum node_got got;

    r->topic = p->topic;
    r->key = (uint32_t)b->n;
    if ((got = side_write(&p->key, run)) == NODE_FAILED)
        return false;
    r->null_key = got == NODE_IS_NULL;
    r->nkey = (uint32_t)b->n - r->key;
    r->value = (uint32_t)b->n;
    if ((got = side_write(&p->value, run)) == NODE_FAILED)
        return false;
    r->null_value = got == NODE_IS_NULL;
    r->nvalue = (uint32_t)b->n - r->value;
    if (!path_put_headers(p, run, r) || !path_put_beside(p, run, r))
        return false;
    return buf_ok(b) || err_set(run->e, ERR_DATA, "record.too_large",
                                "a record for topic \"%s\" is larger than %zu bytes",
                                p->topic ? p->topic : run->json->plan->topic, b->max);
}

/* Follows branches to what becomes of the record. */
static bool
path_run(const struct encoder *enc, enum draft_kind kind, struct node_run *run, uint16_t index)
{
    bool block = run->c->block != NULL, ok = false;
    struct path *p = path_of(enc, kind, block), *own = NULL;
    struct buf value;

    buf_init(&value, run->out->bytes.max);
    while (p && p->kind == PATH_BRANCH) {
        struct smt_value v = {0};
        enum node_got got;

        buf_clear(&value);
        got = node_eval(p->on, run, &value);
        v = (struct smt_value){{value.n ? value.p : "", value.n}, got == NODE_IS_NULL};
        p = got == NODE_FAILED ? NULL : path_branch(enc, kind, block, p, &v, &own);
    }
    if (p)
        switch (p->kind) {
        case PATH_EMIT:
            ok = p->untouched ? path_emit_untouched(p, run, kind, index)
                              : path_emit(p, run, draft_op(kind), index);
            break;
        case PATH_DROP:
            ok = true;
            break;
        case PATH_FAIL:
            if (run->e)
                *run->e = *p->why;
            break;
        case PATH_BRANCH:
            break;
        }
    if (ok && p->note.text[0]) {
        run->out->noted++;
        run->out->note = p->note;
    }
    path_free(own);
    buf_free(&value);
    return ok;
}

static bool
encoder_skips(const struct encoder *enc, struct recbuf *out, struct err *e)
{
    if (!e || e->cls != ERR_FATAL || !smt_tolerant(enc->chain))
        return false;
    out->skipped++;
    out->skipped_why = *e;
    err_clear(e);
    return true;
}

/* One record that the change leads to, if the transforms leave it. */
static bool
encoder_put(const struct encoder *enc, enum draft_kind kind, const struct change *c, uint16_t index,
            struct recbuf *out, struct err *e)
{
    size_t n = out->n, bytes = out->bytes.n, headers = out->nheaders;
    struct node_run run = {
        .c = c,
        .json = enc->json,
        .out = out,
        .scratch = json_cache(out)->scratch,
        .second = index > 0,
        .e = e,
    };

    if (!path_run(enc, kind, &run, index)) {
        if (!encoder_skips(enc, out, e))
            return false;
        out->n = n;
        out->bytes.n = bytes;
        out->nheaders = headers;
    }
    if (kind != DRAFT_TOMBSTONE && kind != DRAFT_MOVED_TOMBSTONE)
        out->hidden += out->n == n || out->recs[n].null_value;
    return true;
}

static bool
encoder_put_moved(const struct encoder *enc, const struct change *c, struct recbuf *out,
                  struct err *e)
{
    const struct settings *s = enc->plan->settings;
    uint16_t index = 0;

    if (!(s->skipped_ops & OPS_DELETE)) {
        if (!encoder_put(enc, DRAFT_MOVED_AWAY, c, index++, out, e) ||
            (s->tombstones && !encoder_put(enc, DRAFT_MOVED_TOMBSTONE, c, index++, out, e)))
            return false;
    }
    return s->skipped_ops & OPS_CREATE || encoder_put(enc, DRAFT_MOVED_HERE, c, index, out, e);
}

static bool
encoder_put_update(const struct encoder *enc, const struct change *c, struct recbuf *out,
                   struct err *e)
{
    bool changed = false;

    if (c->before.n && enc->json->key.n && !json_key_changed(enc->json, c, out, &changed, e))
        return false;
    if (changed)
        return encoder_put_moved(enc, c, out, e);
    return encoder_put(enc, c->before.n ? DRAFT_UPDATE_OLD : DRAFT_UPDATE, c, 0, out, e);
}

bool
encoder_encode(const struct encoder *enc, const struct change *c, struct recbuf *out, struct err *e)
{
    if (!enc->chain)
        return json_encode(enc->json, c, out, e);
    switch (c->op) {
    case OP_CREATE:
        return encoder_put(enc, DRAFT_CREATE, c, 0, out, e);
    case OP_READ:
        return encoder_put(enc, DRAFT_READ, c, 0, out, e);
    case OP_UPDATE:
        return encoder_put_update(enc, c, out, e);
    case OP_DELETE:
        return encoder_put(enc, DRAFT_DELETE, c, 0, out, e) &&
               (!enc->plan->settings->tombstones ||
                encoder_put(enc, DRAFT_TOMBSTONE, c, 1, out, e));
    case OP_TRUNCATE:
        return encoder_put(enc, DRAFT_TRUNCATE, c, 0, out, e);
    case OP_MESSAGE:
        return encoder_put(enc, DRAFT_MESSAGE, c, 0, out, e);
    case OP_BEGIN:
        return encoder_put(enc, DRAFT_BEGIN, c, 0, out, e);
    case OP_END:
        return encoder_put(enc, DRAFT_END, c, 0, out, e);
    case OP_HEARTBEAT:
        return encoder_put(enc, DRAFT_HEARTBEAT, c, 0, out, e);
    case OP_NOTIFICATION:
        return encoder_put(enc, DRAFT_NOTIFICATION, c, 0, out, e);
    }
    return err_set(e, ERR_BUG, "change.op", "change with unknown operation 0x%02x",
                   (unsigned)c->op);
}
