/* The pipeline between messages made by hand, a catalog made by hand and sinks that take, refuse and lag as told. */
#include "replicator/pipeline.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "decoder/filter.h"
#include "replicator/conf.h"
#include "tests/unit/wire.h"

enum {
    ITEM = 100,
    LINE = 101,
    HIDDEN = 102,
    LATER = 103,
    FAKES = 2,
    TICKETS = 1000,
    TIME_US = 1795256445
};

/* ------------------------------------------------------------------------------------------------ a sink */

/* Says each record as "c item (1,a) @lsn/ordinal" and a newline. */
struct fake {
    struct sink base;
    struct buf log;
    unsigned room;       /* records it still takes before it is full */
    unsigned per_change; /* records one change makes */
    bool fails, holds;   /* put is an error; acks are held back */
    uint64_t held[TICKETS];
    unsigned nheld;
    int programs; /* compiled and not discarded */
    bool cannot_compile;
};

static bool
fake_compile(struct sink *s, const struct plan *p, void **prog, struct err *e)
{
    (void)p;
    if (((struct fake *)s)->cannot_compile)
        return err_set(e, ERR_CONFIG, "fake.compile", "cannot be compiled");
    ((struct fake *)s)->programs++;
    *prog = s;
    return true;
}

static void
fake_discard(struct sink *s, void *prog)
{
    assert_ptr_equal(prog, s);
    ((struct fake *)s)->programs--;
}

static void
fake_tuple(struct buf *b, struct tuple t)
{
    static const char *const others[] = {
        [VALUE_NULL] = "null", [VALUE_UNCHANGED] = "?", [VALUE_ABSENT] = "-"};

    if (!t.n)
        return;
    buf_str(b, " (");
    for (uint16_t i = 0; i < t.n; i++) {
        if (i)
            buf_putc(b, ',');
        if (t.v[i].kind == VALUE_TEXT)
            buf_add(b, t.v[i].p, t.v[i].n);
        else
            buf_str(b, others[t.v[i].kind]);
    }
    buf_putc(b, ')');
}

static void
fake_summary(struct buf *b, const struct txn_summary *sum)
{
    buf_printf(b, " %" PRIu64 " events", sum->events);
    for (size_t i = 0; i < sum->ncollections; i++)
        buf_printf(b, " %.*s:%" PRIu64, SLICE_ARG(sum->collections[i].name),
                   sum->collections[i].events);
}

static bool
fake_encode(const void *prog, const struct change *c, struct recbuf *out, struct err *e)
{
    const struct fake *f = prog;

    (void)e;
    for (unsigned i = 0; i < f->per_change; i++) {
        struct record *r = recbuf_add(out);

        r->id = c->id;
        r->value = (uint32_t)out->bytes.n;
        buf_printf(&out->bytes, "%c", c->op);
        if (c->plan->rel)
            buf_printf(&out->bytes, " %.*s", SLICE_ARG(c->plan->rel->table));
        fake_tuple(&out->bytes, c->before);
        fake_tuple(&out->bytes, c->after);
        if (c->op == OP_MESSAGE)
            buf_printf(&out->bytes, " %.*s=%.*s", SLICE_ARG(c->prefix), SLICE_ARG(c->content));
        buf_printf(&out->bytes, " @%" PRIu64 "/%" PRIu64, c->lsn, c->id.ordinal);
        if (c->block)
            buf_printf(&out->bytes, " %" PRIu64 "/%" PRIu64, c->block->total_order,
                       c->block->collection_order);
        if (c->summary)
            fake_summary(&out->bytes, c->summary);
        if (c->txn->origin)
            buf_printf(&out->bytes, " from %s:%" PRIu64, c->txn->origin, c->txn->origin_lsn);
        buf_putc(&out->bytes, '\n');
        r->nvalue = (uint32_t)out->bytes.n - r->value;
    }
    return true;
}

static enum sink_put
fake_put(struct sink *s, void *prog, const struct recbuf *b, const struct record *r,
         uint64_t ticket, struct err *e)
{
    struct fake *f = (struct fake *)s;

    assert_ptr_equal(prog, s);
    if (f->fails) {
        err_set(e, ERR_RETRY, "fake.fails", "told to fail");
        return SINK_ERROR;
    }
    if (!f->room)
        return SINK_FULL;
    f->room--;
    buf_slice(&f->log, recbuf_slice(b, r->value, r->nvalue));
    f->held[f->nheld++] = ticket;
    return SINK_TAKEN;
}

static const struct sink_ops fake_ops = {.name = "fake",
                                         .compile = fake_compile,
                                         .discard = fake_discard,
                                         .encode = fake_encode,
                                         .put = fake_put};

/* ------------------------------------------------------------------------------------------------ a catalog */

struct facts {
    unsigned busy, asked; /* polls that still answer "busy"; questions */
    bool open, fails, cannot_ask;
    struct relation_facts answer;
};

static bool
facts_ask(void *arg, const struct pgo_relation *rel, struct err *e)
{
    struct facts *c = arg;

    (void)rel;
    if (c->cannot_ask)
        return err_set(e, ERR_DATA, "fake.question", "cannot be asked");
    c->asked++;
    c->open = true;
    return true;
}

static enum facts_state
facts_poll(void *arg, struct types *types, const struct relation_facts **facts, struct err *e)
{
    struct facts *c = arg;

    (void)types;
    if (!c->open)
        return FACTS_IDLE;
    if (c->busy) {
        c->busy--;
        return FACTS_BUSY;
    }
    c->open = false;
    if (c->fails) {
        err_set(e, ERR_CONFIG, "fake.catalog", "told to fail");
        return FACTS_FAILED;
    }
    *facts = &c->answer;
    return FACTS_READY;
}

/* ------------------------------------------------------------------------------------------------ fixture */

struct fixture {
    struct config *config;
    struct settings settings;
    struct filter *filter;
    struct types *types;
    struct ledger *ledger;
    struct fake fakes[FAKES];
    struct sink *sinks[FAKES];
    struct facts facts;
    struct pipeline *p;
    struct buf b;
    struct led_position pos;
    struct err e;
};

static void
fixture_open(struct fixture *f, unsigned nsinks, const char *more)
{
    static const char base[] =
        "database.hostname=h\ndatabase.user=u\ndatabase.dbname=d\ntopic.prefix=p\n"
        "table.exclude.list=public\\\\.hidden\n";
    char text[2000];
    struct err e;

    snprintf(text, sizeof(text), "%s%s", base, more);
    log_set_level(LOG_ERROR);
    f->config = conf_parse(text, strlen(text), "t.properties", &e);
    if (!f->config || !conf_check(f->config, &e))
        fail_msg("%s", e.msg);
    conf_settings(f->config, &f->settings);
    f->filter = filter_new(f->config, &e);
    f->settings.filter = f->filter;
    f->types = types_new();
    f->ledger = led_new(1 << 20);
    for (unsigned i = 0; i < FAKES; i++) {
        f->fakes[i] =
            (struct fake){.base = {.ops = &fake_ops, .index = i}, .room = TICKETS, .per_change = 1};
        buf_init(&f->fakes[i].log, 1 << 20);
        f->sinks[i] = &f->fakes[i].base;
    }
    buf_init(&f->b, 1 << 20);
    f->p = pipeline_new(&(struct pipeline_parts){.settings = &f->settings,
                                                 .sinks = f->sinks,
                                                 .nsinks = nsinks,
                                                 .ledger = f->ledger,
                                                 .types = f->types,
                                                 .stores_positions = true});
    pipeline_start(f->p, &(struct pipeline_resume){0});
    f->facts.answer.found = true;
}

static void
new_session(struct fixture *f)
{
    pipeline_new_session(f->p, (struct facts_source){facts_ask, facts_poll, &f->facts});
}

static int
setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof(*f));

    fixture_open(f, 1, "");
    new_session(f);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    pipeline_free(f->p);
    for (unsigned i = 0; i < FAKES; i++) {
        assert_int_equal(f->fakes[i].programs, 0);
        buf_free(&f->fakes[i].log);
    }
    led_free(f->ledger);
    types_free(f->types);
    filter_free(f->filter);
    config_free(f->config);
    buf_free(&f->b);
    free(f);
    return 0;
}

static void
reopen(struct fixture *f, unsigned nsinks, const char *more)
{
    struct fixture old = *f;
    struct fixture *copy = mem_alloc(sizeof(*copy));
    void *state = copy;

    *copy = old;
    teardown(&state);
    memset(f, 0, sizeof(*f));
    fixture_open(f, nsinks, more);
    new_session(f);
}

/* Acknowledges everything that the sinks have. */
static void
ack_all(struct fixture *f)
{
    for (unsigned s = 0; s < FAKES; s++) {
        for (unsigned i = 0; i < f->fakes[s].nheld; i++)
            if (!led_ack(f->ledger, f->fakes[s].held[i], 1, &f->e))
                fail_msg("%s", f->e.msg);
        f->fakes[s].nheld = 0;
    }
    (void)led_position(f->ledger, &f->pos);
}

static enum pipe_result
feed(struct fixture *f, uint64_t lsn)
{
    return pipeline_feed(f->p, buf_view(&f->b), lsn, INT64_C(1795256446000000000), &f->e);
}

static void
ok(struct fixture *f, enum pipe_result r)
{
    if (r != PIPE_OK)
        fail_msg("%s: %s", r == PIPE_PARKED ? "parked" : f->e.code, f->e.msg);
}

static void
refused(struct fixture *f, enum pipe_result r, const char *code)
{
    assert_int_equal(r, PIPE_ERROR);
    assert_string_equal(f->e.code, code);
}

static void
begin(struct fixture *f, uint64_t commit_lsn)
{
    wire_begin(&f->b, commit_lsn, TIME_US, (uint32_t)commit_lsn + 7);
    ok(f, feed(f, 0));
}

static void
commit(struct fixture *f, uint64_t commit_lsn)
{
    wire_commit(&f->b, commit_lsn, commit_lsn + 8, TIME_US);
    ok(f, feed(f, commit_lsn + 8));
}

static enum pipe_result
relation(struct fixture *f, uint32_t oid)
{
    static const struct wire_column cols[] = {{"id", 23, -1, 1}, {"v", 25, -1, 0}};
    static const char *const names[] = {"item", "line", "hidden", "later"};

    wire_relation(&f->b, oid, "public", names[oid - ITEM], 'd', 2, cols);
    return feed(f, 0);
}

/* Describes the tables that the tests use. */
static void
describe(struct fixture *f)
{
    for (uint32_t oid = ITEM; oid <= HIDDEN; oid++)
        if (relation(f, oid) == PIPE_PARKED)
            ok(f, pipeline_resume(f->p, &f->e));
}

static enum pipe_result
insert(struct fixture *f, uint32_t oid, uint64_t lsn, const char *id)
{
    const char *row[] = {id, "a"};

    wire_row(&f->b, 'I', oid, 0, 2, NULL, row);
    return feed(f, lsn);
}

static void
said(struct fixture *f, unsigned sink, const char *text)
{
    assert_string_equal(buf_cstr(&f->fakes[sink].log), text);
    buf_clear(&f->fakes[sink].log);
}

/* ------------------------------------------------------------------------------------------------ transactions */

static void
a_transaction_reaches_the_sink_in_order(void **state)
{
    struct fixture *f = *state;
    const char *a[] = {"1", "a"}, *b[] = {"1", "b"}, *key[] = {"1", NULL};

    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    wire_row(&f->b, 'U', ITEM, 'O', 2, a, b);
    ok(f, feed(f, 20));
    wire_row(&f->b, 'D', LINE, 'K', 2, key, NULL);
    ok(f, feed(f, 30));
    commit(f, 100);
    said(f, 0, "c item (1,a) @10/1\nu item (1,a) (1,b) @20/2\nd line (1,null) @30/3\n");
    assert_int_equal(led_pending(f->ledger), 3);
    ack_all(f);
    assert_int_equal(f->pos.lsn, 30);
    assert_int_equal(f->pos.ordinal, 3);
    assert_int_equal(f->pos.type, LED_DELETE);
    assert_int_equal(f->pos.txn.commit_lsn, 100);
    assert_int_equal(f->pos.txn.xid, 107);
    assert_int_equal(f->pos.flush_lsn, 108);
    assert_int_equal(pipeline_stats(f->p)->changes, 3);
}

static void
each_transaction_knows_the_end_of_the_one_before(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    ack_all(f);
    assert_int_equal(f->pos.txn.last_commit_lsn, 0);
    commit(f, 100);
    begin(f, 200);
    ok(f, insert(f, ITEM, 110, "2"));
    ack_all(f);
    assert_int_equal(f->pos.txn.last_commit_lsn, 108);
    commit(f, 200);
}

static void
a_filtered_transaction_moves_the_flush_lsn(void **state)
{
    struct fixture *f = *state;
    uint64_t lsn;

    begin(f, 100);
    describe(f);
    ok(f, insert(f, HIDDEN, 10, "1"));
    commit(f, 100);
    said(f, 0, "");
    assert_false(led_position(f->ledger, &f->pos));
    assert_true(led_quiet(f->ledger, &f->pos, &lsn));
    assert_int_equal(lsn, 108);
    assert_int_equal(pipeline_stats(f->p)->filtered, 1);
}

static void
ordinals_count_filtered_changes_too(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    describe(f);
    ok(f, insert(f, HIDDEN, 10, "1"));
    ok(f, insert(f, ITEM, 20, "2"));
    commit(f, 100);
    said(f, 0, "c item (2,a) @20/2\n");
}

static void
skipped_operations_are_not_put(void **state)
{
    struct fixture *f = *state;
    const char *a[] = {"1", "a"};
    const uint32_t oids[] = {ITEM};

    reopen(f, 1, "skipped.operations=c,t\n");
    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    wire_row(&f->b, 'D', ITEM, 'O', 2, a, NULL);
    ok(f, feed(f, 20));
    wire_truncate(&f->b, 0, 1, oids);
    ok(f, feed(f, 30));
    commit(f, 100);
    said(f, 0, "d item (1,a) @20/2\n");
    assert_int_equal(pipeline_stats(f->p)->filtered, 2);
}

static void
updates_that_change_nothing_are_skipped_on_request(void **state)
{
    struct fixture *f = *state;
    const char *a[] = {"1", "a"}, *b[] = {"1", "b"};

    reopen(f, 1, "skip.messages.without.change=true\n");
    begin(f, 100);
    describe(f);
    wire_row(&f->b, 'U', ITEM, 'O', 2, a, a);
    ok(f, feed(f, 10));
    wire_row(&f->b, 'U', ITEM, 'O', 2, a, b);
    ok(f, feed(f, 20));
    wire_row(&f->b, 'U', ITEM, 0, 2, NULL, b);
    ok(f, feed(f, 30));
    commit(f, 100);
    said(f, 0, "u item (1,a) (1,b) @20/2\nu item (1,b) @30/3\n");
    assert_int_equal(pipeline_stats(f->p)->filtered, 1);
}

/* Says "!" for a value that did not come, after so many questions. */
struct completer {
    unsigned waits, asked;
    bool fails;
    struct value row[2];
};

static bool
complete(void *arg, struct change *c, bool *wait, struct err *e)
{
    struct completer *k = arg;

    k->asked++;
    *wait = k->waits > 0;
    if (k->waits) {
        k->waits--;
        return true;
    }
    if (k->fails)
        return err_set(e, ERR_DATA, "fake.complete", "told to fail");
    memcpy(k->row, c->after.v, sizeof(k->row));
    for (size_t i = 0; i < 2; i++)
        if (k->row[i].kind == VALUE_UNCHANGED)
            k->row[i] = (struct value){"!", 1, VALUE_TEXT};
    c->after.v = k->row;
    return true;
}

static void
with_completer(struct fixture *f, struct completer *k, const char *more)
{
    reopen(f, 1, more);
    pipeline_free(f->p);
    f->p = pipeline_new(&(struct pipeline_parts){.settings = &f->settings,
                                                 .sinks = f->sinks,
                                                 .nsinks = 1,
                                                 .ledger = f->ledger,
                                                 .types = f->types,
                                                 .completer = {complete, k}});
    pipeline_start(f->p, &(struct pipeline_resume){0});
    new_session(f);
}

static void
rows_wait_until_they_are_complete(void **state)
{
    struct fixture *f = *state;
    struct completer k = {.waits = 2};
    const char *a[] = {"1", "a"}, *b[] = {"1", WIRE_UNCHANGED};

    with_completer(f, &k, "");
    begin(f, 100);
    describe(f);
    wire_row(&f->b, 'U', ITEM, 0, 2, NULL, b);
    assert_int_equal(feed(f, 10), PIPE_PARKED);
    assert_true(pipeline_waits_for_server(f->p));
    assert_false(pipeline_waits_for_sink(f->p));
    assert_int_equal(pipeline_resume(f->p, &f->e), PIPE_PARKED);
    ok(f, pipeline_resume(f->p, &f->e));
    wire_row(&f->b, 'D', ITEM, 'K', 2, a, NULL);
    ok(f, feed(f, 20));
    commit(f, 100);
    assert_int_equal(k.asked, 3);
    said(f, 0, "u item (1,!) @10/1\nd item (1,a) @20/2\n");
}

static void
a_row_that_waits_comes_again_with_the_next_session(void **state)
{
    struct fixture *f = *state;
    struct completer k = {.waits = 1};
    const char *b[] = {"1", WIRE_UNCHANGED};

    with_completer(f, &k, "");
    for (int i = 0; i < 2; i++) {
        begin(f, 100);
        describe(f);
        wire_row(&f->b, 'U', ITEM, 0, 2, NULL, b);
        assert_int_equal(feed(f, 10), i ? PIPE_OK : PIPE_PARKED);
        if (i == 0)
            new_session(f);
    }
    commit(f, 100);
    said(f, 0, "u item (1,!) @10/1\n");
}

static void
a_row_that_cannot_be_completed_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct completer k = {.fails = true};
    const char *b[] = {"1", WIRE_UNCHANGED};

    with_completer(f, &k, "");
    begin(f, 100);
    describe(f);
    wire_row(&f->b, 'U', ITEM, 0, 2, NULL, b);
    refused(f, feed(f, 10), "fake.complete");
}

static void
a_row_that_cannot_be_completed_is_left_out_on_request(void **state)
{
    struct fixture *f = *state;
    struct completer k = {.fails = true};
    const char *b[] = {"1", WIRE_UNCHANGED};

    with_completer(f, &k, "event.processing.failure.handling.mode=skip\n");
    begin(f, 100);
    describe(f);
    wire_row(&f->b, 'U', ITEM, 0, 2, NULL, b);
    ok(f, feed(f, 10));
    commit(f, 100);
    said(f, 0, "");
    assert_int_equal(pipeline_stats(f->p)->failed, 1);
}

static void
an_origin_belongs_to_its_transaction(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    wire_origin(&f->b, 55, "elsewhere");
    ok(f, feed(f, 0));
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    commit(f, 100);
    begin(f, 200);
    ok(f, insert(f, ITEM, 110, "2"));
    commit(f, 200);
    said(f, 0, "c item (1,a) @10/1 from elsewhere:55\nc item (2,a) @110/1\n");
}

/* Debezium forgets an origin only when the next transaction begins. */
static void
a_message_that_stands_alone_has_the_origin_of_the_transaction_before(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    wire_origin(&f->b, 55, "elsewhere");
    ok(f, feed(f, 0));
    commit(f, 100);
    wire_message(&f->b, 0, 120, "m", "x");
    ok(f, feed(f, 120));
    begin(f, 200);
    commit(f, 200);
    wire_message(&f->b, 0, 220, "m", "y");
    ok(f, feed(f, 220));
    said(f, 0, "m m=x @120/0 from elsewhere:55\nm m=y @220/0\n");
}

static void
a_message_that_stands_alone_counts_as_a_commit_even_unsaid(void **state)
{
    struct fixture *f = *state;

    reopen(f, 1, "message.prefix.exclude.list=noise\n");
    wire_message(&f->b, 0, 50, "noise", "x");
    ok(f, feed(f, 50));
    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 60, "1"));
    commit(f, 100);
    said(f, 0, "c item (1,a) @60/1\n");
    ack_all(f);
    assert_int_equal(f->pos.txn.last_commit_lsn, 50);
}

static void
rows_of_a_table_without_columns_are_left_out(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    wire_relation(&f->b, ITEM, "public", "item", 'f', 0, NULL);
    assert_int_equal(feed(f, 0), PIPE_PARKED);
    ok(f, pipeline_resume(f->p, &f->e));
    wire_row(&f->b, 'I', ITEM, 0, 0, NULL, (const char *[]){NULL});
    ok(f, feed(f, 10));
    commit(f, 100);
    said(f, 0, "");
    assert_int_equal(pipeline_stats(f->p)->filtered, 1);
}

static void
a_truncate_is_one_change_per_captured_table(void **state)
{
    struct fixture *f = *state;
    const uint32_t oids[] = {LINE, HIDDEN, ITEM};

    reopen(f, 1, "skipped.operations=none\n");
    begin(f, 100);
    describe(f);
    wire_truncate(&f->b, 1, 3, oids);
    ok(f, feed(f, 10));
    commit(f, 100);
    said(f, 0, "t line @10/1\nt item @10/3\n");
}

static void
messages_out_of_order_are_refused(void **state)
{
    struct fixture *f = *state;
    const uint32_t oids[] = {ITEM};

    begin(f, 100);
    describe(f);
    commit(f, 100);
    refused(f, insert(f, ITEM, 110, "1"), "pgoutput.order");
    wire_commit(&f->b, 200, 208, TIME_US);
    refused(f, feed(f, 208), "pgoutput.order");
    wire_truncate(&f->b, 0, 1, oids);
    refused(f, feed(f, 110), "pgoutput.order");
    wire_message(&f->b, 1, 110, "m", "x");
    refused(f, feed(f, 110), "pgoutput.order");
    begin(f, 300);
    wire_begin(&f->b, 400, TIME_US, 1);
    refused(f, feed(f, 0), "pgoutput.order");
}

static void
a_message_that_claims_to_stand_alone_inside_a_transaction_is_refused(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    wire_message(&f->b, 0, 50, "m", "x");
    refused(f, feed(f, 50), "pgoutput.order");
    assert_int_equal(led_pending(f->ledger), 0);
}

static void
a_message_that_stands_alone_while_a_transaction_is_cut_off_is_refused(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    new_session(f);
    wire_message(&f->b, 0, 50, "m", "x");
    refused(f, feed(f, 50), "wal.gap");
}

static void
rows_of_unknown_relations_are_refused(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    describe(f);
    refused(f, insert(f, LATER, 10, "1"), "pgoutput.relation");
    said(f, 0, "");
    assert_int_equal(led_pending(f->ledger), 0);
}

static void
rows_of_another_width_are_refused(void **state)
{
    struct fixture *f = *state;
    const char *row[] = {"1", "a", "b"};

    begin(f, 100);
    describe(f);
    for (unsigned n = 1; n <= 3; n += 2) {
        wire_row(&f->b, 'I', ITEM, 0, n, NULL, row);
        refused(f, feed(f, 10), "pgoutput.columns");
        wire_row(&f->b, 'D', ITEM, 'K', n, row, NULL);
        refused(f, feed(f, 10), "pgoutput.columns");
    }
}

static void
rows_without_columns_are_refused_when_the_table_has_some(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    describe(f);
    wire_row(&f->b, 'I', ITEM, 0, 0, NULL, (const char *[]){NULL});
    refused(f, feed(f, 10), "pgoutput.columns");
    wire_row(&f->b, 'D', ITEM, 'K', 0, (const char *[]){NULL}, NULL);
    refused(f, feed(f, 10), "pgoutput.columns");
}

/* ------------------------------------------------------------------------------------------------ the catalog */

static void
a_relation_waits_for_the_catalog(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    f->facts.busy = 2;
    assert_int_equal(relation(f, ITEM), PIPE_PARKED);
    assert_true(pipeline_waits_for_server(f->p));
    assert_int_equal(pipeline_resume(f->p, &f->e), PIPE_PARKED);
    assert_int_equal(pipeline_resume(f->p, &f->e), PIPE_PARKED);
    ok(f, pipeline_resume(f->p, &f->e));
    assert_false(pipeline_waits_for_server(f->p));
    ok(f, pipeline_resume(f->p, &f->e)); /* nothing is parked */
    ok(f, insert(f, ITEM, 10, "1"));
    said(f, 0, "c item (1,a) @10/1\n");
}

static void
a_filtered_relation_is_not_looked_up(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    ok(f, relation(f, HIDDEN));
    assert_int_equal(f->facts.asked, 0);
}

static void
a_changed_relation_replaces_its_plan(void **state)
{
    struct fixture *f = *state;
    static const struct wire_column wider[] = {
        {"id", 23, -1, 1}, {"v", 25, -1, 0}, {"w", 25, -1, 0}};
    const char *row[] = {"2", "b", "c"};

    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    wire_relation(&f->b, ITEM, "public", "item", 'd', 3, wider);
    assert_int_equal(feed(f, 0), PIPE_PARKED);
    ok(f, pipeline_resume(f->p, &f->e));
    assert_int_equal(f->fakes[0].programs, 2);
    wire_row(&f->b, 'I', ITEM, 0, 3, NULL, row);
    ok(f, feed(f, 20));
    said(f, 0, "c item (1,a) @10/1\nc item (2,b,c) @20/2\n");
}

static void
a_renamed_table_may_leave_the_filter(void **state)
{
    struct fixture *f = *state;
    static const struct wire_column cols[] = {{"id", 23, -1, 1}, {"v", 25, -1, 0}};

    begin(f, 100);
    describe(f);
    wire_relation(&f->b, ITEM, "public", "hidden", 'd', 2, cols);
    ok(f, feed(f, 0));
    ok(f, insert(f, ITEM, 10, "1"));
    said(f, 0, "");
    assert_int_equal(f->fakes[0].programs, 1);
}

static void
a_catalog_that_fails_is_an_error(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    f->facts.fails = true;
    assert_int_equal(relation(f, ITEM), PIPE_PARKED);
    refused(f, pipeline_resume(f->p, &f->e), "fake.catalog");
    assert_non_null(strstr(f->e.msg, "public.item"));
    new_session(f);
    f->facts.cannot_ask = true;
    refused(f, relation(f, ITEM), "fake.question");
}

static void
a_type_that_is_gone_does_not_stop_the_table(void **state)
{
    struct fixture *f = *state;
    static const struct wire_column cols[] = {{"id", 23, -1, 1}, {"m", 99999, -1, 0}};

    begin(f, 100);
    wire_relation(&f->b, ITEM, "public", "item", 'd', 2, cols);
    assert_int_equal(feed(f, 0), PIPE_PARKED);
    ok(f, pipeline_resume(f->p, &f->e));
    ok(f, insert(f, ITEM, 10, "1"));
    said(f, 0, "c item (1,a) @10/1\n");
}

static void
a_question_does_not_outlive_its_session(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    f->facts.busy = 1000;
    assert_int_equal(relation(f, ITEM), PIPE_PARKED);
    new_session(f);
    assert_false(pipeline_waits_for_server(f->p));
    f->facts = (struct facts){.answer = {.found = true}};
    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    commit(f, 100);
    said(f, 0, "c item (1,a) @10/1\n");
}

/* ------------------------------------------------------------------------------------------------ full sinks */

static void
a_full_sink_parks_and_the_put_goes_on(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    describe(f);
    f->fakes[0].per_change = 3;
    f->fakes[0].room = 2;
    assert_int_equal(insert(f, ITEM, 10, "1"), PIPE_PARKED);
    assert_false(pipeline_waits_for_server(f->p));
    assert_int_equal(pipeline_resume(f->p, &f->e), PIPE_PARKED);
    assert_int_equal(led_pending(f->ledger), 1);
    /* What it has may be acknowledged before the rest is put: the entry still waits. */
    ack_all(f);
    assert_int_equal(led_pending(f->ledger), 1);
    f->fakes[0].room = TICKETS;
    ok(f, pipeline_resume(f->p, &f->e));
    said(f, 0, "c item (1,a) @10/1\nc item (1,a) @10/1\nc item (1,a) @10/1\n");
    ack_all(f);
    assert_int_equal(led_pending(f->ledger), 0);
    f->fakes[0].per_change = 1;
    ok(f, insert(f, ITEM, 20, "2"));
    said(f, 0, "c item (2,a) @20/2\n");
}

static void
sinks_that_took_a_change_do_not_get_it_again(void **state)
{
    struct fixture *f = *state;

    reopen(f, 2, "");
    begin(f, 100);
    describe(f);
    f->fakes[1].room = 0;
    assert_int_equal(insert(f, ITEM, 10, "1"), PIPE_PARKED);
    said(f, 0, "c item (1,a) @10/1\n");
    said(f, 1, "");
    assert_int_equal(pipeline_resume(f->p, &f->e), PIPE_PARKED);
    f->fakes[1].room = TICKETS;
    ok(f, pipeline_resume(f->p, &f->e));
    said(f, 0, "");
    said(f, 1, "c item (1,a) @10/1\n");
    assert_int_equal(led_pending(f->ledger), 1);
    ack_all(f);
    assert_int_equal(led_pending(f->ledger), 0);
}

static void
a_parked_truncate_goes_on_with_its_next_table(void **state)
{
    struct fixture *f = *state;
    const uint32_t oids[] = {LINE, HIDDEN, ITEM};

    reopen(f, 1, "skipped.operations=none\n");
    begin(f, 100);
    describe(f);
    f->fakes[0].room = 0;
    wire_truncate(&f->b, 0, 3, oids);
    assert_int_equal(feed(f, 10), PIPE_PARKED);
    f->fakes[0].room = 1;
    assert_int_equal(pipeline_resume(f->p, &f->e), PIPE_PARKED);
    f->fakes[0].room = 1;
    ok(f, pipeline_resume(f->p, &f->e));
    said(f, 0, "t line @10/1\nt item @10/3\n");
    commit(f, 100);
    ack_all(f);
    assert_int_equal(f->pos.flush_lsn, 108);
}

static void
a_sink_that_fails_is_an_error(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    describe(f);
    f->fakes[0].fails = true;
    refused(f, insert(f, ITEM, 10, "1"), "fake.fails");
    assert_non_null(strstr(f->e.msg, "fake"));
    assert_non_null(strstr(f->e.msg, "p.public.item"));
}

static void
a_change_without_records_needs_no_ack(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    describe(f);
    f->fakes[0].per_change = 0;
    ok(f, insert(f, ITEM, 10, "1"));
    commit(f, 100);
    assert_true(led_idle(f->ledger));
    assert_true(led_position(f->ledger, &f->pos));
    assert_int_equal(f->pos.flush_lsn, 108);
}

static void
a_batch_goes_on_where_it_was_parked(void **state)
{
    struct fixture *f = *state;
    static const struct wire_column cols[] = {{"id", 23, -1, 1}, {"v", 25, -1, 0}};
    struct pgo *pgo = pgo_new();
    struct pgo_msg m;
    struct batch b = {0};
    struct plan *plan;
    const struct txn t = {.seq = 1};

    wire_relation(&f->b, ITEM, "public", "item", 'd', 2, cols);
    assert_true(pgo_decode(pgo, buf_view(&f->b), &m, &f->e));
    plan = pipeline_plan(f->p, PLAN_FOR_STREAM, &m.u.relation, &f->facts.answer, &f->e);
    assert_non_null(plan);
    recbuf_init(&b.out[0], 1 << 20);
    for (unsigned i = 0; i < 3; i++) {
        const struct change c = {
            .op = OP_READ, .plan = plan, .txn = &t, .lsn = 50, .id = {50, 50, i + 1, true}};

        f->fakes[0].per_change = i == 1 ? 2 : 1;
        assert_true(fake_encode(plan->progs[0], &c, &b.out[0], &f->e));
    }
    b.plan = plan;
    b.nrows = 3;
    b.number = 3;
    led_begin(f->ledger, &(struct led_txn){.commit_lsn = 50});
    f->fakes[0].room = 2;
    assert_int_equal(pipeline_put_batch(f->p, &b, 50, &f->e), PIPE_PARKED);
    assert_int_equal(pipeline_put_batch(f->p, &b, 50, &f->e), PIPE_PARKED);
    assert_int_equal(led_pending(f->ledger), 1);
    f->fakes[0].room = TICKETS;
    ok(f, pipeline_put_batch(f->p, &b, 50, &f->e));
    said(f, 0, "r item @50/1\nr item @50/2\nr item @50/2\nr item @50/3\n");
    ack_all(f);
    assert_int_equal(f->pos.ordinal, 3);
    assert_int_equal(led_pending(f->ledger), 0);
    recbuf_free(&b.out[0]);
    pipeline_drop_plan(f->p, plan);
    pgo_free(pgo);
}

/* ------------------------------------------------------------------------------------------------ repeated changes */

static void
a_new_session_repeats_whole_transactions(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    commit(f, 100);
    begin(f, 200);
    ok(f, insert(f, ITEM, 110, "2"));
    commit(f, 200);
    said(f, 0, "c item (1,a) @10/1\nc item (2,a) @110/1\n");
    new_session(f);
    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    commit(f, 100);
    begin(f, 200);
    ok(f, insert(f, ITEM, 110, "2"));
    commit(f, 200);
    begin(f, 300);
    ok(f, insert(f, ITEM, 210, "3"));
    commit(f, 300);
    said(f, 0, "c item (3,a) @210/1\n");
    assert_int_equal(pipeline_stats(f->p)->repeated, 2);
    ack_all(f);
    assert_int_equal(f->pos.txn.last_commit_lsn, 208);
    assert_int_equal(f->pos.flush_lsn, 308);
    assert_true(led_idle(f->ledger));
}

static void
a_transaction_cut_off_goes_on_in_the_next_session(void **state)
{
    struct fixture *f = *state;

    begin(f, 50);
    describe(f);
    ok(f, insert(f, ITEM, 5, "0"));
    commit(f, 50);
    begin(f, 100);
    wire_origin(&f->b, 55, "elsewhere");
    ok(f, feed(f, 0));
    ok(f, insert(f, ITEM, 60, "1"));
    ok(f, insert(f, HIDDEN, 61, "h"));
    ok(f, insert(f, ITEM, 62, "2"));
    buf_clear(&f->fakes[0].log);
    new_session(f);
    /* The server begins where it was confirmed: an older transaction comes first. */
    begin(f, 50);
    describe(f);
    ok(f, insert(f, ITEM, 5, "0"));
    commit(f, 50);
    assert_true(led_in_txn(f->ledger));
    begin(f, 100);
    wire_origin(&f->b, 55, "elsewhere");
    ok(f, feed(f, 0));
    ok(f, insert(f, ITEM, 60, "1"));
    ok(f, insert(f, HIDDEN, 61, "h"));
    ok(f, insert(f, ITEM, 62, "2"));
    ok(f, insert(f, ITEM, 63, "3"));
    commit(f, 100);
    said(f, 0, "c item (3,a) @63/4 from elsewhere:55\n");
    ack_all(f);
    assert_int_equal(f->pos.flush_lsn, 108);
    assert_int_equal(f->pos.ordinal, 4);
}

static void
a_transaction_cut_off_and_not_repeated_is_a_gap(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    new_session(f);
    wire_begin(&f->b, 200, TIME_US, 1);
    refused(f, feed(f, 0), "wal.gap");
    assert_int_equal(f->e.cls, ERR_FATAL);
}

/* ------------------------------------------------------------------------------------------------ catching up */

struct watcher {
    uint32_t unwanted;
    unsigned updates, unsaid;
};

static bool
watcher_wants(void *arg, const struct plan *plan)
{
    return ((struct watcher *)arg)->unwanted != plan->rel->oid;
}

static void
watcher_update(void *arg, const struct change *c, bool said)
{
    assert_int_equal(c->op, OP_UPDATE);
    ((struct watcher *)arg)->updates++;
    ((struct watcher *)arg)->unsaid += !said;
}

static void
catch_up(struct fixture *f, struct watcher *w, uint64_t until)
{
    pipeline_catch_up(
        f->p, &(struct pipeline_catch_up){
                  .until = until, .wants = watcher_wants, .update = watcher_update, .arg = w});
}

static void
what_commits_at_the_point_waits_for_it(void **state)
{
    struct fixture *f = *state;
    struct watcher w = {0};

    catch_up(f, &w, 200);
    begin(f, 192);
    describe(f);
    ok(f, insert(f, ITEM, 20, "1"));
    commit(f, 192);
    assert_false(pipeline_caught_up(f->p));
    wire_begin(&f->b, 200, TIME_US, 5);
    assert_int_equal(feed(f, 0), PIPE_PARKED);
    assert_true(pipeline_caught_up(f->p));
    assert_true(
        pipeline_waits_for_server(f->p)); /* no sink's poll moves it: a stop need not wait */
    assert_int_equal(pipeline_resume(f->p, &f->e), PIPE_PARKED);
    said(f, 0, "c item (1,a) @20/1\n");
    /* A later point: it goes on with the transaction that waited. */
    catch_up(f, &w, 300);
    ok(f, pipeline_resume(f->p, &f->e));
    assert_false(pipeline_caught_up(f->p));
    ok(f, insert(f, ITEM, 30, "2"));
    commit(f, 200);
    said(f, 0, "c item (2,a) @30/1\n");
    /* None any more: the session goes, and what waited comes again. */
    wire_begin(&f->b, 300, TIME_US, 5);
    assert_int_equal(feed(f, 0), PIPE_PARKED);
    pipeline_catch_up(f->p, NULL);
    new_session(f);
    begin(f, 300);
    describe(f);
    ok(f, insert(f, ITEM, 40, "3"));
    commit(f, 300);
    said(f, 0, "c item (3,a) @40/1\n");
}

static void
a_message_outside_a_transaction_waits_likewise(void **state)
{
    struct fixture *f = *state;
    struct watcher w = {0};

    catch_up(f, &w, 200);
    wire_message(&f->b, 0, 199, "p", "x");
    ok(f, feed(f, 199));
    wire_message(&f->b, 0, 200, "p", "y");
    assert_int_equal(feed(f, 200), PIPE_PARKED);
    catch_up(f, &w, 201);
    ok(f, pipeline_resume(f->p, &f->e));
    said(f, 0, "m p=x @199/0\nm p=y @200/0\n");
}

static void
rows_of_tables_that_are_read_later_only_leave(void **state)
{
    static const char *const row[] = {"1", "a"}, *const new_row[] = {"2", "b"};
    struct fixture *f = *state;
    struct watcher w = {.unwanted = LINE};
    uint32_t oids[] = {LINE};

    reopen(f, 1, "skipped.operations=none\n");
    catch_up(f, &w, 200);
    begin(f, 100);
    describe(f);
    ok(f, insert(f, LINE, 10, "1"));
    wire_row(&f->b, 'U', LINE, 'O', 2, row, new_row);
    ok(f, feed(f, 20));
    wire_row(&f->b, 'U', LINE, 0, 2, NULL, new_row); /* its old row is not known */
    ok(f, feed(f, 30));
    wire_row(&f->b, 'D', LINE, 'O', 2, new_row, NULL);
    ok(f, feed(f, 40));
    wire_truncate(&f->b, 0, 1, oids);
    ok(f, feed(f, 50));
    commit(f, 100);
    said(f, 0, "d line (1,a) @20/2\nd line (2,b) @40/4\nt line @50/5\n");
    assert_int_equal(w.updates, 0);
}

static void
tables_that_are_not_wanted_are_left_out_and_updates_are_shown(void **state)
{
    static const char *const row[] = {"1", "a"};
    struct fixture *f = *state;
    struct watcher w = {.unwanted = LINE};

    catch_up(f, &w, 200);
    begin(f, 100);
    describe(f);
    ok(f, insert(f, LINE, 10, "1"));
    ok(f, insert(f, ITEM, 20, "1"));
    wire_row(&f->b, 'U', ITEM, 0, 2, NULL, row);
    ok(f, feed(f, 30));
    wire_row(&f->b, 'U', LINE, 0, 2, NULL, row);
    ok(f, feed(f, 40));
    commit(f, 100);
    said(f, 0, "c item (1,a) @20/2\nu item (1,a) @30/3\n");
    assert_int_equal(w.updates, 1);
    /* The next session knows nothing of that. */
    pipeline_catch_up(f->p, NULL);
    new_session(f);
    begin(f, 200);
    describe(f);
    ok(f, insert(f, LINE, 50, "2"));
    said(f, 0, "c line (2,a) @50/1\n");
}

/* ------------------------------------------------------------------------------------------------ resuming */

static void
resume(struct fixture *f, struct pipeline_resume r)
{
    reopen(f, 1, "");
    pipeline_start(f->p, &r);
}

static void
a_run_goes_on_in_the_middle_of_a_transaction(void **state)
{
    struct fixture *f = *state;

    resume(f, (struct pipeline_resume){.commit_lsn = 200, .ordinal = 2, .last_commit_lsn = 108});
    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "0"));
    commit(f, 100);
    begin(f, 200);
    ok(f, insert(f, ITEM, 20, "1"));
    ok(f, insert(f, ITEM, 20, "2"));
    ok(f, insert(f, ITEM, 20, "3"));
    ok(f, insert(f, ITEM, 15, "4"));
    commit(f, 200);
    begin(f, 300);
    ok(f, insert(f, ITEM, 12, "5"));
    commit(f, 300);
    said(f, 0, "c item (3,a) @20/3\nc item (4,a) @15/4\nc item (5,a) @12/1\n");
    ack_all(f);
    assert_int_equal(f->pos.flush_lsn, 308);
}

static void
a_run_goes_on_at_a_position_without_a_record(void **state)
{
    struct fixture *f = *state;

    /* A keepalive at 200: the next transaction may commit exactly there. */
    resume(f, (struct pipeline_resume){.commit_lsn = 200, .last_commit_lsn = 108});
    begin(f, 200);
    describe(f);
    ok(f, insert(f, ITEM, 150, "1"));
    commit(f, 200);
    said(f, 0, "c item (1,a) @150/1\n");
    ack_all(f);
    assert_int_equal(f->pos.txn.last_commit_lsn, 108);
}

static void
a_transaction_wholly_delivered_before_is_finished_again(void **state)
{
    struct fixture *f = *state;
    uint64_t lsn;

    resume(f, (struct pipeline_resume){.commit_lsn = 100, .ordinal = 1});
    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    commit(f, 100);
    said(f, 0, "");
    assert_true(led_quiet(f->ledger, &f->pos, &lsn));
    assert_int_equal(lsn, 108);
}

static struct pipeline_resume
bare(uint64_t commit, uint64_t lsn, uint64_t rows, uint64_t xid)
{
    return (struct pipeline_resume){.bare = true,
                                    .bare_is_row = true,
                                    .bare_commit = commit,
                                    .bare_lsn = lsn,
                                    .bare_rows = rows,
                                    .bare_xid = xid,
                                    .last_commit_lsn = commit};
}

static void
a_bare_offset_drops_up_to_its_row(void **state)
{
    struct fixture *f = *state;

    resume(f, bare(108, 130, 1, 207));
    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "0"));
    commit(f, 100);
    begin(f, 200);
    ok(f, insert(f, ITEM, 120, "1"));
    ok(f, insert(f, ITEM, 130, "2"));
    ok(f, insert(f, ITEM, 140, "3"));
    commit(f, 200);
    said(f, 0, "c item (3,a) @140/3\n");
    /* Rows of a later transaction may be older than that. */
    begin(f, 300);
    ok(f, insert(f, ITEM, 125, "4"));
    commit(f, 300);
    said(f, 0, "c item (4,a) @125/1\n");
}

static void
a_bare_offset_counts_the_rows_of_its_lsn(void **state)
{
    struct fixture *f = *state;

    resume(f, bare(0, 130, 2, 207));
    begin(f, 200);
    describe(f);
    for (unsigned i = 0; i < 4; i++)
        ok(f, insert(f, ITEM, 130, (const char *[]){"1", "2", "3", "4"}[i]));
    commit(f, 200);
    said(f, 0, "c item (3,a) @130/3\nc item (4,a) @130/4\n");
}

static void
a_bare_offset_drops_nothing_of_another_transaction(void **state)
{
    struct fixture *f = *state;

    /* The transaction of its row (207) is confirmed already; the next one began before that row and committed behind it. */
    resume(f, bare(108, 130, 1, 207));
    begin(f, 300);
    describe(f);
    ok(f, insert(f, ITEM, 120, "1"));
    ok(f, insert(f, ITEM, 250, "2"));
    commit(f, 300);
    said(f, 0, "c item (1,a) @120/1\nc item (2,a) @250/2\n");
}

static void
a_bare_offset_without_transaction_id_takes_the_first(void **state)
{
    struct fixture *f = *state;

    resume(f, bare(108, 130, 1, 0));
    begin(f, 200);
    describe(f);
    ok(f, insert(f, ITEM, 130, "1"));
    ok(f, insert(f, ITEM, 140, "2"));
    commit(f, 200);
    said(f, 0, "c item (2,a) @140/2\n");
}

static void
a_bare_offset_holds_through_a_lost_session(void **state)
{
    struct fixture *f = *state;

    resume(f, bare(108, 130, 2, 207));
    begin(f, 200);
    describe(f);
    ok(f, insert(f, ITEM, 130, "1"));
    new_session(f);
    begin(f, 200);
    describe(f);
    ok(f, insert(f, ITEM, 130, "1"));
    ok(f, insert(f, ITEM, 130, "2"));
    ok(f, insert(f, ITEM, 130, "3"));
    commit(f, 200);
    said(f, 0, "c item (3,a) @130/3\n");
}

static void
a_bare_offset_of_no_row_drops_older_transactions_alone(void **state)
{
    struct fixture *f = *state;

    resume(f, (struct pipeline_resume){
                  .bare = true, .bare_commit = 200, .bare_lsn = 200, .bare_rows = 1});
    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    commit(f, 100);
    begin(f, 300);
    ok(f, insert(f, ITEM, 150, "2"));
    commit(f, 300);
    said(f, 0, "c item (2,a) @150/1\n");
}

/* ------------------------------------------------------------------------------------------------ logical messages */

static void
a_message_in_a_transaction_is_one_of_its_changes(void **state)
{
    struct fixture *f = *state;

    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    wire_message(&f->b, 1, 20, "audit", "x");
    ok(f, feed(f, 20));
    commit(f, 100);
    said(f, 0, "c item (1,a) @10/1\nm audit=x @20/2\n");
    ack_all(f);
    assert_int_equal(f->pos.type, LED_MESSAGE);
    assert_int_equal(f->pos.ordinal, 2);
}

static void
a_message_outside_any_transaction_is_complete_by_itself(void **state)
{
    struct fixture *f = *state;

    wire_message(&f->b, 0, 56, "audit", "x");
    ok(f, feed(f, 56));
    said(f, 0, "m audit=x @56/0\n");
    assert_false(led_in_txn(f->ledger));
    assert_false(led_keepalive(f->ledger, 90));
    ack_all(f);
    assert_int_equal(f->pos.lsn, 56);
    assert_int_equal(f->pos.type, LED_MESSAGE);
    assert_int_equal(f->pos.flush_lsn, 57); /* behind its LSN: no commit covers it */
    assert_int_equal(f->pos.txn.xid, 0);
    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    ack_all(f);
    assert_int_equal(f->pos.txn.last_commit_lsn, 56);
}

static void
a_message_sent_again_is_dropped(void **state)
{
    struct fixture *f = *state;

    for (int session = 0; session < 2; session++) {
        new_session(f);
        wire_message(&f->b, 0, 56, "audit", "x");
        ok(f, feed(f, 56));
        wire_message(&f->b, 0, 64, "audit", "y");
        ok(f, feed(f, 64));
    }
    said(f, 0, "m audit=x @56/0\nm audit=y @64/0\n");
    assert_int_equal(pipeline_stats(f->p)->repeated, 2);
}

static void
a_message_put_before_a_transaction_was_cut_off_is_dropped_when_repeated(void **state)
{
    struct fixture *f = *state;

    wire_message(&f->b, 0, 56, "audit", "x");
    ok(f, feed(f, 56));
    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    new_session(f);
    wire_message(&f->b, 0, 56, "audit", "x");
    ok(f, feed(f, 56));
    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    commit(f, 100);
    said(f, 0, "m audit=x @56/0\nc item (1,a) @10/1\n");
}

static void
a_parked_message_goes_on(void **state)
{
    struct fixture *f = *state;

    f->fakes[0].room = 0;
    wire_message(&f->b, 0, 56, "audit", "x");
    assert_int_equal(feed(f, 56), PIPE_PARKED);
    f->fakes[0].room = 1;
    ok(f, pipeline_resume(f->p, &f->e));
    said(f, 0, "m audit=x @56/0\n");
}

static void
filtered_messages_are_not_put(void **state)
{
    struct fixture *f = *state;

    reopen(f, 1, "message.prefix.exclude.list=noise.*\n");
    wire_message(&f->b, 0, 56, "noise1", "x");
    ok(f, feed(f, 56));
    begin(f, 100);
    wire_message(&f->b, 1, 64, "noise2", "x");
    ok(f, feed(f, 64));
    wire_message(&f->b, 1, 72, "audit", "y");
    ok(f, feed(f, 72));
    commit(f, 100);
    said(f, 0, "m audit=y @72/2\n");
    assert_int_equal(pipeline_stats(f->p)->filtered, 2);
}

/* ------------------------------------------------------------------------------------------------ notes */

static void
a_transaction_is_told_with_its_counts(void **state)
{
    struct fixture *f = *state;

    reopen(f, 1, "provide.transaction.metadata=true\n");
    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    ok(f, insert(f, HIDDEN, 20, "h"));
    ok(f, insert(f, LINE, 30, "2"));
    ok(f, insert(f, ITEM, 40, "3"));
    commit(f, 100);
    said(f, 0,
         "B @0/0\n"
         "c item (1,a) @10/1 1/1\n"
         "c line (2,a) @30/3 2/1\n"
         "c item (3,a) @40/4 3/2\n"
         "E @108/4 3 events public.item:2 public.line:1\n");
    ack_all(f);
    assert_int_equal(f->pos.lsn, 108);
    assert_int_equal(f->pos.type, LED_END);
    assert_int_equal(f->pos.flush_lsn, 108);
}

/* Debezium gives each a collection of its own, named after a Java object. */
static void
messages_of_a_transaction_count_as_one_collection(void **state)
{
    struct fixture *f = *state;

    reopen(f, 1, "provide.transaction.metadata=true\n");
    begin(f, 100);
    describe(f);
    wire_message(&f->b, 1, 10, "m", "x");
    ok(f, feed(f, 10));
    ok(f, insert(f, ITEM, 20, "1"));
    wire_message(&f->b, 1, 30, "m", "y");
    ok(f, feed(f, 30));
    commit(f, 100);
    wire_message(&f->b, 0, 120, "m", "z");
    ok(f, feed(f, 120));
    said(f, 0,
         "B @0/0\n"
         "m m=x @10/1 1/1\n"
         "c item (1,a) @20/2 2/1\n"
         "m m=y @30/3 3/1\n"
         "E @108/3 3 events public.item:1"
         " io.debezium.connector.postgresql.LogicalDecodingMessageMonitor$LogicalDecodingMessageId@"
         "0:2\n"
         "m m=z @120/0\n");
}

static void
collections_stand_in_the_order_of_a_java_hash_map(void **state)
{
    struct fixture *f = *state;

    reopen(f, 1, "provide.transaction.metadata=true\n");
    begin(f, 100);
    describe(f);
    wire_message(&f->b, 1, 10, "m", "x");
    ok(f, feed(f, 10));
    ok(f, insert(f, LINE, 20, "1"));
    commit(f, 100);
    said(f, 0,
         "B @0/0\n"
         "m m=x @10/1 1/1\n"
         "c line (1,a) @20/2 2/1\n"
         "E @108/2 2 events public.line:1"
         " io.debezium.connector.postgresql.LogicalDecodingMessageMonitor$LogicalDecodingMessageId@"
         "0:1\n");
}

static void
counts_are_known_at_every_position(void **state)
{
    struct fixture *f = *state;
    struct txn_summary at;

    reopen(f, 1, "provide.transaction.metadata=true\n");
    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    ok(f, insert(f, LINE, 20, "1"));
    ok(f, insert(f, ITEM, 30, "2"));
    at = pipeline_counts_at(f->p, 100, 2);
    assert_int_equal(at.events, 2);
    assert_int_equal(at.ncollections, 2);
    assert_true(slice_is(at.collections[1].name, "public.line"));
    commit(f, 100);
    begin(f, 200);
    ok(f, insert(f, LINE, 110, "3"));
    at = pipeline_counts_at(f->p, 100, LED_ORDINAL_END);
    assert_int_equal(at.events, 3);
    assert_int_equal(at.collections[0].events, 2);
    at = pipeline_counts_at(f->p, 200, 1);
    assert_int_equal(at.events, 1);
    assert_int_equal(at.ncollections, 1);
}

static void
a_restart_inside_a_transaction_goes_on_counting_without_another_begin(void **state)
{
    struct fixture *f = *state;
    const struct txn_collection had[] = {{SLICE_LIT("public.item"), 1},
                                         {SLICE_LIT("public.line"), 4}};
    const struct txn_summary counts = {5, 2, had};
    struct txn_summary at;

    reopen(f, 1, "provide.transaction.metadata=true\n");
    pipeline_start(f->p, &(struct pipeline_resume){
                             .commit_lsn = 100, .ordinal = 2, .xid = 107, .counts = &counts});
    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    ok(f, insert(f, LINE, 20, "1"));
    ok(f, insert(f, ITEM, 30, "2"));
    at = pipeline_counts_at(f->p, 100, 3);
    assert_int_equal(at.events, 6);
    assert_int_equal(at.collections[0].events, 2);
    commit(f, 100);
    said(f, 0,
         "c item (2,a) @30/3 6/2\n"
         "E @108/3 6 events public.item:2 public.line:4\n");
    begin(f, 200);
    ok(f, insert(f, ITEM, 110, "3"));
    commit(f, 200);
    assert_non_null(strstr(buf_cstr(&f->fakes[0].log), "E @208/1 1 events public.item:1\n"));
}

static void
another_transactions_counts_are_dropped(void **state)
{
    struct fixture *f = *state;
    const struct txn_collection had[] = {{SLICE_LIT("public.item"), 1}};
    const struct txn_summary counts = {1, 1, had};

    reopen(f, 1, "provide.transaction.metadata=true\n");
    pipeline_start(f->p, &(struct pipeline_resume){
                             .commit_lsn = 90, .ordinal = 1, .xid = 97, .counts = &counts});
    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    said(f, 0,
         "B @0/0\n"
         "c item (1,a) @10/1 1/1\n");
}

static void
an_end_that_was_parked_still_commits(void **state)
{
    struct fixture *f = *state;

    reopen(f, 1, "provide.transaction.metadata=true\n");
    begin(f, 100);
    describe(f);
    ok(f, insert(f, ITEM, 10, "1"));
    f->fakes[0].room = 0;
    wire_commit(&f->b, 100, 108, TIME_US);
    assert_int_equal(feed(f, 108), PIPE_PARKED);
    assert_true(led_in_txn(f->ledger));
    assert_int_equal(pipeline_resume(f->p, &f->e), PIPE_PARKED);
    f->fakes[0].room = TICKETS;
    ok(f, pipeline_resume(f->p, &f->e));
    assert_false(led_in_txn(f->ledger));
    begin(f, 200);
    ok(f, insert(f, ITEM, 110, "2"));
    commit(f, 200);
    ack_all(f);
    assert_int_equal(f->pos.flush_lsn, 208);
    assert_true(led_idle(f->ledger));
}

static void
counts_go_on_in_the_next_session(void **state)
{
    struct fixture *f = *state;
    const uint32_t oids[] = {LINE};

    reopen(f, 1, "provide.transaction.metadata=true\nskipped.operations=none\n");
    for (int session = 0; session < 2; session++) {
        new_session(f);
        begin(f, 100);
        describe(f);
        ok(f, insert(f, ITEM, 10, "1"));
        wire_truncate(&f->b, 0, 1, oids);
        ok(f, feed(f, 20));
    }
    ok(f, insert(f, ITEM, 30, "2"));
    commit(f, 100);
    said(f, 0,
         "B @0/0\n"
         "c item (1,a) @10/1 1/1\n"
         "t line @20/2 2/1\n"
         "c item (2,a) @30/3 3/2\n"
         "E @108/3 3 events public.item:2 public.line:1\n");
}

static void
a_heartbeat_is_delivered_and_moves_nothing(void **state)
{
    struct fixture *f = *state;
    struct led_position before;

    begin(f, 100);
    describe(f);
    assert_false(pipeline_may_beat(f->p));
    ok(f, insert(f, ITEM, 10, "1"));
    commit(f, 100);
    ack_all(f);
    before = f->pos;
    assert_true(pipeline_may_beat(f->p));
    f->fakes[0].room = 0;
    assert_int_equal(pipeline_heartbeat(f->p, 1, &f->e), PIPE_PARKED);
    assert_false(pipeline_may_beat(f->p));
    assert_false(led_keepalive(f->ledger, 500));
    f->fakes[0].room = TICKETS;
    ok(f, pipeline_resume(f->p, &f->e));
    assert_int_equal(led_pending(f->ledger), 1);
    ack_all(f);
    assert_true(led_idle(f->ledger));
    assert_int_equal(f->pos.lsn, before.lsn);
    assert_int_equal(f->pos.flush_lsn, before.flush_lsn);
}

static void
a_record_that_could_not_be_compiled_is_compiled_at_its_next_turn(void **state)
{
    struct fixture *f = *state;

    f->fakes[0].cannot_compile = true;
    assert_int_equal(pipeline_heartbeat(f->p, 1, &f->e), PIPE_ERROR);
    assert_string_equal(f->e.code, "fake.compile");
    f->fakes[0].cannot_compile = false;
    assert_int_equal(pipeline_heartbeat(f->p, 1, &f->e), PIPE_OK);
    assert_int_equal(f->fakes[0].programs, 1);
}

/* The message at hand when a heartbeat was parked is over: nothing of it is done again. */
static void
a_heartbeat_behind_a_truncate_repeats_nothing(void **state)
{
    struct fixture *f = *state;
    const uint32_t oids[] = {LINE, ITEM};

    reopen(f, 1, "skipped.operations=none\n");
    begin(f, 100);
    describe(f);
    wire_truncate(&f->b, 0, 2, oids);
    ok(f, feed(f, 20));
    commit(f, 100);
    buf_clear(&f->fakes[0].log);
    f->fakes[0].room = 0;
    assert_int_equal(pipeline_heartbeat(f->p, 1, &f->e), PIPE_PARKED);
    f->fakes[0].room = TICKETS;
    ok(f, pipeline_resume(f->p, &f->e));
    assert_memory_equal(buf_cstr(&f->fakes[0].log), "h ", 2);
    assert_int_equal(pipeline_stats(f->p)->changes, 3);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_transaction_reaches_the_sink_in_order),
        T(each_transaction_knows_the_end_of_the_one_before),
        T(a_filtered_transaction_moves_the_flush_lsn),
        T(ordinals_count_filtered_changes_too),
        T(skipped_operations_are_not_put),
        T(updates_that_change_nothing_are_skipped_on_request),
        T(rows_wait_until_they_are_complete),
        T(a_row_that_waits_comes_again_with_the_next_session),
        T(a_row_that_cannot_be_completed_is_an_error),
        T(a_row_that_cannot_be_completed_is_left_out_on_request),
        T(an_origin_belongs_to_its_transaction),
        T(a_message_that_stands_alone_has_the_origin_of_the_transaction_before),
        T(a_message_that_stands_alone_counts_as_a_commit_even_unsaid),
        T(rows_of_a_table_without_columns_are_left_out),
        T(a_truncate_is_one_change_per_captured_table),
        T(messages_out_of_order_are_refused),
        T(a_message_that_claims_to_stand_alone_inside_a_transaction_is_refused),
        T(a_message_that_stands_alone_while_a_transaction_is_cut_off_is_refused),
        T(rows_of_unknown_relations_are_refused),
        T(rows_of_another_width_are_refused),
        T(rows_without_columns_are_refused_when_the_table_has_some),
        T(a_relation_waits_for_the_catalog),
        T(a_filtered_relation_is_not_looked_up),
        T(a_changed_relation_replaces_its_plan),
        T(a_renamed_table_may_leave_the_filter),
        T(a_catalog_that_fails_is_an_error),
        T(a_type_that_is_gone_does_not_stop_the_table),
        T(a_question_does_not_outlive_its_session),
        T(a_full_sink_parks_and_the_put_goes_on),
        T(sinks_that_took_a_change_do_not_get_it_again),
        T(a_parked_truncate_goes_on_with_its_next_table),
        T(a_sink_that_fails_is_an_error),
        T(a_change_without_records_needs_no_ack),
        T(a_batch_goes_on_where_it_was_parked),
        T(a_new_session_repeats_whole_transactions),
        T(a_transaction_cut_off_goes_on_in_the_next_session),
        T(a_transaction_cut_off_and_not_repeated_is_a_gap),
        T(what_commits_at_the_point_waits_for_it),
        T(a_message_outside_a_transaction_waits_likewise),
        T(rows_of_tables_that_are_read_later_only_leave),
        T(tables_that_are_not_wanted_are_left_out_and_updates_are_shown),
        T(a_run_goes_on_in_the_middle_of_a_transaction),
        T(a_run_goes_on_at_a_position_without_a_record),
        T(a_transaction_wholly_delivered_before_is_finished_again),
        T(a_bare_offset_drops_up_to_its_row),
        T(a_bare_offset_counts_the_rows_of_its_lsn),
        T(a_bare_offset_drops_nothing_of_another_transaction),
        T(a_bare_offset_without_transaction_id_takes_the_first),
        T(a_bare_offset_holds_through_a_lost_session),
        T(a_bare_offset_of_no_row_drops_older_transactions_alone),
        T(a_message_in_a_transaction_is_one_of_its_changes),
        T(a_message_outside_any_transaction_is_complete_by_itself),
        T(a_message_sent_again_is_dropped),
        T(a_message_put_before_a_transaction_was_cut_off_is_dropped_when_repeated),
        T(a_parked_message_goes_on),
        T(filtered_messages_are_not_put),
        T(a_transaction_is_told_with_its_counts),
        T(messages_of_a_transaction_count_as_one_collection),
        T(collections_stand_in_the_order_of_a_java_hash_map),
        T(counts_are_known_at_every_position),
        T(a_restart_inside_a_transaction_goes_on_counting_without_another_begin),
        T(another_transactions_counts_are_dropped),
        T(an_end_that_was_parked_still_commits),
        T(counts_go_on_in_the_next_session),
        T(a_heartbeat_is_delivered_and_moves_nothing),
        T(a_record_that_could_not_be_compiled_is_compiled_at_its_next_turn),
        T(a_heartbeat_behind_a_truncate_repeats_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
