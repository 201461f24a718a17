#include "tests/unit/smt_fixture.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct prop rows[] = {
    {.name = "transforms", .type = PROP_LIST, .doc = "x"},
    {.name = "predicates", .type = PROP_LIST, .doc = "x"},
    {.name = "transforms.", .type = PROP_STRING, .flags = PROP_PREFIX, .doc = "x"},
    {.name = "predicates.", .type = PROP_STRING, .flags = PROP_PREFIX, .doc = "x"},
    {.name = "errors.tolerance",
     .type = PROP_ENUM,
     .def = "none",
     .choices = "none,all",
     .doc = "x"},
};
static const struct prop_table table = {rows, sizeof(rows) / sizeof(*rows)};
static const struct prop_table *const tables[] = {&table, NULL};

static const struct pgo_column item_cols[SMTFIX_COLS] = {
    {SLICE_INIT("id"), 23, -1, true},    {SLICE_INIT("name"), 25, -1, false},
    {SLICE_INIT("body"), 25, -1, false}, {SLICE_INIT("amount"), 1700, (6 << 16 | 2) + 4, false},
    {SLICE_INIT("at"), 1184, -1, false},
};
static const struct column_facts item_facts[SMTFIX_COLS] = {
    {SLICE_INIT("id"), true, false, {NULL, 0}},
    {SLICE_INIT("name"), true, false, SLICE_INIT("'none'::text")},
    {SLICE_INIT("body"), false, false, SLICE_INIT("'empty'::text")},
    {SLICE_INIT("amount"), false, false, {NULL, 0}},
    {SLICE_INIT("at"), false, false, {NULL, 0}},
};
static const struct slice item_key[] = {SLICE_INIT("id")};

void
smtfix_open(struct smtfix *f)
{
    memset(f, 0, sizeof(*f));
    dfix_open(&f->d, NULL);
    f->d.settings.header_converter = CONVERTER_SIMPLE;
    recbuf_init(&f->out, 1 << 20);
    buf_init(&f->text, 1 << 20);
    f->txn = (struct txn){.seq = 1,
                          .commit_lsn = 900,
                          .last_commit_lsn = 800,
                          .commit_us = INT64_C(1795256445123456),
                          .xid = 742};
}

static void
drop_chain(struct smtfix *f)
{
    encoder_free(f->enc);
    f->enc = NULL;
    plan_unref(f->event);
    f->event = NULL;
    f->d.settings.chain = NULL;
    smt_chain_free(f->chain);
    f->chain = NULL;
    if (f->config)
        config_free(f->config);
    f->config = NULL;
}

void
smtfix_close(struct smtfix *f)
{
    drop_chain(f);
    recbuf_free(&f->out);
    buf_free(&f->text);
    dfix_close(&f->d);
}

bool
smtfix_chain(struct smtfix *f, const char *const *pairs)
{
    const struct pgo_relation rel = {.oid = 16400,
                                     .schema = SLICE_INIT("public"),
                                     .table = SLICE_INIT("item"),
                                     .identity = 'f',
                                     .ncols = SMTFIX_COLS,
                                     .cols = item_cols};
    const struct relation_facts facts = {true, SMTFIX_COLS, item_facts, 1, item_key};

    drop_chain(f);
    f->config = config_new("c", tables);
    for (; *pairs; pairs += 2)
        config_set(f->config, pairs[0], pairs[1]);
    err_clear(&f->e);
    if (!smt_chain_new(f->config, &f->d.settings, "run-1", &f->chain, &f->e))
        return false;
    f->d.settings.chain = f->chain;
    f->plan = dfix_plan(&f->d, &rel, &facts);
    f->enc = encoder_new(f->plan, &f->e);
    return f->enc != NULL;
}

static struct tuple
tuple(struct value *v, const char *const *texts)
{
    if (!texts)
        return (struct tuple){NULL, 0};
    for (size_t i = 0; i < SMTFIX_COLS; i++)
        v[i] = texts[i] ? (struct value){texts[i], (uint32_t)strlen(texts[i]), VALUE_TEXT}
                        : (struct value){NULL, 0, VALUE_NULL};
    return (struct tuple){v, SMTFIX_COLS};
}

static bool
run(struct smtfix *f, enum change_op op, const struct plan *plan, const char *const *before,
    const char *const *after)
{
    const struct change c = {
        .op = op,
        .snapshot = op == OP_READ ? SNAPSHOT_FIRST : SNAPSHOT_FALSE,
        .plan = plan,
        .txn = &f->txn,
        .before = tuple(f->before, before),
        .after = tuple(f->after, after),
        .lsn = 850,
        .id = {900, 850, 3, op == OP_READ},
        .now_ns = INT64_C(1795256446000111222),
        .prefix = SLICE_INIT("pre"),
        .content = SLICE_INIT("hello"),
        .block = f->with_block ? &f->block : NULL,
    };

    recbuf_clear(&f->out);
    return encoder_encode(f->enc, &c, &f->out, &f->e);
}

bool
smtfix_encode(struct smtfix *f, enum change_op op, const char *const *before,
              const char *const *after)
{
    return run(f, op, f->plan, before, after);
}

bool
smtfix_encode_event(struct smtfix *f, enum change_op op)
{
    bool ok;

    encoder_free(f->enc);
    plan_unref(f->event);
    f->event = plan_new_event(&f->d.settings, op == OP_HEARTBEAT ? PLAN_HEARTBEAT
                                              : op == OP_MESSAGE ? PLAN_MESSAGE
                                                                 : PLAN_TRANSACTION);
    f->enc = encoder_new(f->event, &f->e);
    ok = f->enc && run(f, op, f->event, NULL, NULL);
    return ok;
}

static void
add_header(struct smtfix *f, const char *name, struct slice value, bool null)
{
    if (f->text.p[f->text.n - 1] != '|')
        buf_putc(&f->text, ',');
    buf_printf(&f->text, "%s=%.*s", name, SLICE_ARG(null ? SLICE_LIT("~") : value));
}

static void
add_headers(struct smtfix *f, const struct record *r, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        const struct record_header_value *h = &f->out.headers[r->hdr + i];

        add_header(f, h->name, recbuf_slice(&f->out, h->at, h->n), h->null);
    }
}

const char *
smtfix_text(struct smtfix *f)
{
    buf_clear(&f->text);
    for (size_t i = 0; i < f->out.n; i++) {
        const struct record *r = &f->out.recs[i];

        buf_printf(&f->text, "%s|", r->topic ? r->topic : (f->event ? f->event : f->plan)->topic);
        buf_slice(&f->text, r->null_key ? SLICE_LIT("~") : recbuf_slice(&f->out, r->key, r->nkey));
        buf_putc(&f->text, '|');
        buf_slice(&f->text,
                  r->null_value ? SLICE_LIT("~") : recbuf_slice(&f->out, r->value, r->nvalue));
        buf_putc(&f->text, '|');
        add_headers(f, r, 0, r->nlead);
        if (r->headers == RECORD_CONTEXT)
            add_header(f, "context", SLICE_LIT("*"), false);
        add_headers(f, r, r->nlead, r->nhdr);
        if (r->partition != RECORD_ANY_PARTITION)
            buf_printf(&f->text, "@%d", r->partition);
        if (r->timestamp_ms)
            buf_printf(&f->text, "!%" PRId64, r->timestamp_ms);
        buf_putc(&f->text, '\n');
    }
    return buf_cstr(&f->text);
}
