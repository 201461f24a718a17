/*
 * A server that sends anything: frames through the pipeline to a sink that encodes and drops, with a catalog that answers
 * anything. There is an error or there is not; no position ever passes what was received, neither output goes back, and
 * what was put is acknowledged exactly once.
 *
 * Input: u8 settings (bit 0: transaction metadata), frames, each u8 what, u8 length, bytes. what: bits 0–3 the frame's LSN advances by so many times 8; bit 4 the sink is
 * full for a while; bit 5 acks are held back; bit 6 a new session begins before it; bit 7 a keepalive comes before it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rd.h"
#include "decoder/filter.h"
#include "decoder/json_conv.h"
#include "replicator/conf.h"
#include "replicator/pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { HELD_MAX = 1024, LEDGER_BYTES = 1 << 16 };

static void
must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

/* ------------------------------------------------------------------------------------------------ the sink */

struct lag {
    struct sink base;
    uint64_t held[HELD_MAX];
    size_t n;
    bool full;
    int programs;
};

static bool
lag_compile(struct sink *s, const struct plan *p, void **prog, struct err *e)
{
    *prog = json_compile(p, e);
    ((struct lag *)s)->programs += *prog != NULL;
    return *prog != NULL;
}

static void
lag_discard(struct sink *s, void *prog)
{
    ((struct lag *)s)->programs--;
    json_discard(prog);
}

static bool
lag_encode(const void *prog, const struct change *c, struct recbuf *out, struct err *e)
{
    return json_encode(prog, c, out, e);
}

static enum sink_put
lag_put(struct sink *s, void *prog, const struct recbuf *b, const struct record *r, uint64_t ticket,
        struct err *e)
{
    struct lag *l = (struct lag *)s;

    (void)prog, (void)e;
    must((size_t)r->key + r->nkey <= b->bytes.n && (size_t)r->value + r->nvalue <= b->bytes.n &&
             (size_t)r->extra + r->nextra <= b->bytes.n,
         "a record lies inside its buffer");
    if (l->full || l->n == HELD_MAX)
        return SINK_FULL;
    l->held[l->n++] = ticket;
    return SINK_TAKEN;
}

static const struct sink_ops lag_ops = {.name = "lag",
                                        .compile = lag_compile,
                                        .discard = lag_discard,
                                        .encode = lag_encode,
                                        .put = lag_put};

/* ------------------------------------------------------------------------------------------------ the catalog */

/* Answers of every kind, chosen by the relation's oid. */
struct rumour {
    bool asked;
    unsigned busy;
    uint32_t oid;
    struct column_facts cols[8];
    struct slice key[2];
    struct relation_facts facts;
};

static bool
rumour_ask(void *arg, const struct pgo_relation *rel, struct err *e)
{
    static const char *const defaults[] = {
        NULL, "1", "'a'::text", "now()", "nextval('s'::regclass)", "'", "(("};
    struct rumour *r = arg;

    if (rel->oid % 31 == 30)
        return err_set(e, ERR_DATA, "fuzz.question", "refused");
    r->asked = true;
    r->oid = rel->oid;
    r->busy = rel->oid % 3;
    r->facts = (struct relation_facts){.found = rel->oid % 5 != 0, .cols = r->cols, .key = r->key};
    for (uint16_t i = 0; i < rel->ncols && r->facts.found && i < 8; i++) {
        const char *def = defaults[(rel->oid + i) % (sizeof(defaults) / sizeof(*defaults))];

        /* Names are the message's, which stays until the answer is taken. */
        r->cols[i] = (struct column_facts){rel->cols[i].name, (rel->oid + i) % 2, i % 4 == 3,
                                           def ? slice_of(def) : (struct slice){NULL, 0}};
        r->facts.ncols++;
        if (i < rel->oid % 3)
            r->key[r->facts.nkey++] = rel->cols[i].name;
    }
    return true;
}

static enum facts_state
rumour_poll(void *arg, struct types *types, const struct relation_facts **facts, struct err *e)
{
    static const char *const labels[] = {"sad", "ok"};
    struct rumour *r = arg;
    const struct pgtype kinds[] = {
        {20000, "public", "mood", 'e', 0, 0, -1, labels, 2},
        {20001, "public", "_mood", 'b', 20000, 0, -1, NULL, 0},
        {20002, "public", "positive", 'd', 0, 23, -1, NULL, 0},
        {20003, "public", "pair", 'c', 0, 0, -1, NULL, 0},
    };

    must(r->asked, "polled only after a question");
    if (r->busy) {
        r->busy--;
        return FACTS_BUSY;
    }
    r->asked = false;
    if (r->oid % 37 == 36) {
        err_set(e, ERR_CONFIG, "fuzz.answer", "refused");
        return FACTS_FAILED;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        types_add(types, &kinds[i]);
    *facts = &r->facts;
    return FACTS_READY;
}

/* ------------------------------------------------------------------------------------------------ the run */

static struct {
    struct config *config;
    struct settings settings;
    struct filter *filter;
} fixed;

static void
prepare(void)
{
    static const char text[] =
        "database.hostname=h\ndatabase.user=u\ndatabase.dbname=d\ntopic.prefix=p\n"
        "skipped.operations=none\ntable.exclude.list=.*\\\\.hidden.*\n";
    struct err e = {0};

    if (fixed.config)
        return;
    log_set_level(LOG_ERROR);
    fixed.config = conf_parse(text, sizeof(text) - 1, "fuzz", &e);
    must(fixed.config && conf_check(fixed.config, &e), "the configuration is right");
    conf_settings(fixed.config, &fixed.settings);
    fixed.filter = filter_new(fixed.config, &e);
    fixed.settings.filter = fixed.filter;
    must(fixed.filter, "the filter is right");
}

struct run {
    struct lag lag;
    struct sink *sinks[1];
    struct rumour rumour;
    struct ledger *ledger;
    struct types *types;
    struct pipeline *p;
    struct led_position pos;
    uint64_t lsn, received;
    bool parked;
};

static void
run_ack(struct run *r)
{
    struct err e = {0};

    for (size_t i = 0; i < r->lag.n; i++)
        must(led_ack(r->ledger, r->lag.held[i], 1, &e), "every record put is awaited");
    r->lag.n = 0;
}

/* Positions of records are the frames'; those of transactions stand in the messages, which may say anything. */
static void
run_check(struct run *r)
{
    struct led_position now;
    uint64_t quiet = 0;

    if (led_quiet(r->ledger, &now, &quiet))
        must(quiet >= now.flush_lsn && quiet >= r->pos.flush_lsn, "a quiet position is ahead");
    if (!led_position(r->ledger, &now))
        return;
    must(now.flush_lsn >= r->pos.flush_lsn, "the flush LSN never goes back");
    must(now.lsn <= r->received, "no position passes what was received");
    must(led_flush_lsn(r->ledger) <= now.flush_lsn, "nobody is told what is not stored");
    r->pos = now;
    led_stored(r->ledger, now.flush_lsn);
}

/* What is parked goes on until it can; false: an error, which ends the run. */
static bool
run_unpark(struct run *r)
{
    struct err e = {0};

    r->lag.full = false;
    for (int i = 0; r->parked; i++) {
        enum pipe_result result = pipeline_resume(r->p, &e);

        must(i < 100000, "what is parked goes on");
        if (result == PIPE_ERROR)
            return false;
        r->parked = result == PIPE_PARKED;
        if (r->lag.n == HELD_MAX)
            run_ack(r);
    }
    return true;
}

static bool
run_frame(struct run *r, uint8_t what, struct slice data)
{
    struct err e = {0};
    enum pipe_result result;
    char *copy;

    if ((what & 0x40) && !run_unpark(r))
        return false;
    if (what & 0x40)
        pipeline_new_session(r->p, (struct facts_source){rumour_ask, rumour_poll, &r->rumour});
    r->lsn += (what & 15) * 8u;
    r->received = r->lsn;
    if (what & 0x80)
        led_keepalive(r->ledger, r->lsn);
    r->lag.full = what & 0x10;
    copy = mem_alloc(data.n +
                     1); /* exactly as long as it is, nearly: the address sanitizer looks on */
    memcpy(copy + 1, data.p, data.n);
    result = pipeline_feed(r->p, (struct slice){copy + 1, data.n}, r->lsn, 1, &e);
    must(result != PIPE_ERROR || (e.code[0] && e.msg[0] && e.cls != ERR_BUG),
         "an error says why, and it is not ours");
    r->parked = result == PIPE_PARKED;
    if (result != PIPE_ERROR && !run_unpark(r))
        result = PIPE_ERROR;
    free(copy);
    if (!(what & 0x20))
        run_ack(r);
    run_check(r);
    return result != PIPE_ERROR;
}

static void
run_open(struct run *r)
{
    r->lag.base.ops = &lag_ops;
    r->sinks[0] = &r->lag.base;
    r->ledger = led_new(LEDGER_BYTES);
    r->types = types_new();
    r->p = pipeline_new(&(struct pipeline_parts){.settings = &fixed.settings,
                                                 .sinks = r->sinks,
                                                 .nsinks = 1,
                                                 .ledger = r->ledger,
                                                 .types = r->types});
    pipeline_start(r->p, &(struct pipeline_resume){0});
    pipeline_new_session(r->p, (struct facts_source){rumour_ask, rumour_poll, &r->rumour});
    r->lsn = r->received = 1 << 20;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct run *r = mem_alloc(sizeof(*r));
    struct rd rd = rd_of(data, n);

    prepare();
    fixed.settings.transactions = rd_u8(&rd) & 1;
    run_open(r);
    while (rd_left(&rd) >= 2) {
        uint8_t what = rd_u8(&rd), length = rd_u8(&rd);
        struct slice frame = {(const char *)rd.p, length < rd_left(&rd) ? length : rd_left(&rd)};

        rd_bytes(&rd, frame.n);
        if (!run_frame(r, what, frame))
            break;
    }
    run_ack(r);
    run_check(r);
    must(led_pending(r->ledger) == 0 || r->parked, "what was put and acknowledged is not pending");
    pipeline_free(r->p);
    must(r->lag.programs == 0, "every program is discarded");
    led_free(r->ledger);
    types_free(r->types);
    free(r);
    return 0;
}
