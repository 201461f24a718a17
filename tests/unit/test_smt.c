/* Transforms and predicates: what they make of each kind of record, and what is refused. */
#include "decoder/smt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/unit/smt_fixture.h"

static int
setup(void **state)
{
    struct smtfix *f = mem_alloc(sizeof(*f));

    smtfix_open(f);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    smtfix_close(*state);
    free(*state);
    return 0;
}

static void
chain(struct smtfix *f, const char *const *pairs)
{
    if (!smtfix_chain(f, pairs))
        fail_msg("%s", f->e.msg);
}

static void
gives(struct smtfix *f, enum change_op op, const char *const *before, const char *const *after,
      const char *expected)
{
    if (!smtfix_encode(f, op, before, after))
        fail_msg("%s", f->e.msg);
    assert_string_equal(smtfix_text(f), expected);
}

#define UNWRAP "transforms.u.type", "io.debezium.transforms.ExtractNewRecordState"
#define ROW1 SMT_ROW("1", "a")
#define ROW2 SMT_ROW("1", "b")
#define VALUE(name) "{\"id\":1,\"name\":\"" name "\",\"body\":\"empty\",\"amount\":null,\"at\":null"
#define KEY "p.public.item|{\"id\":1}|"

/* ------------------------------------------------------------------------------------- ExtractNewRecordState */

static void
a_row_stands_for_its_envelope(void **state)
{
    struct smtfix *f = *state;

    chain(f, SMT_CHAIN("transforms", "u", UNWRAP));
    gives(f, OP_CREATE, NULL, ROW1, KEY VALUE("a") "}|\n");
    gives(f, OP_READ, NULL, ROW1, KEY VALUE("a") "}|\n");
    gives(f, OP_UPDATE, NULL, ROW2, KEY VALUE("b") "}|\n");
    gives(f, OP_UPDATE, ROW1, ROW2, KEY VALUE("b") "}|\n");
    gives(f, OP_TRUNCATE, NULL, NULL, "");
}

/* Also of a column that has a default: NULL is the mask before it could be replaced. */
static void
masked_nulls_are_the_mask(void **state)
{
    static const char *const masked[] = {"column.mask.with.3.chars", "public.item.body", NULL};
    struct smtfix *f = *state;

    for (int replace = 0; replace < 2; replace++) {
        dfix_close(&f->d);
        dfix_open(&f->d, masked);
        f->d.settings.header_converter = CONVERTER_SIMPLE;
        f->d.settings.value_json.replace_null = replace;
        f->plan = NULL;
        chain(f, SMT_CHAIN("transforms", "u", UNWRAP));
        gives(f, OP_CREATE, NULL, ROW1,
              KEY "{\"id\":1,\"name\":\"a\",\"body\":\"***\",\"amount\":null,\"at\":null}|\n");
        encoder_free(f->enc); /* the plan goes with the fixture */
        f->enc = NULL;
    }
}

static void
deletes_are_handled_as_the_mode_says(void **state)
{
    static const struct {
        const char *mode, *expected;
    } cases[] = {
        {"drop", ""},
        {"tombstone", KEY "null|\n"},
        {"delete-to-tombstone", KEY "~|\n"},
        {"rewrite", KEY VALUE("a") ",\"__deleted\":\"true\"}|\n"},
        {"rewrite-with-tombstone", KEY VALUE("a") ",\"__deleted\":\"true\"}|\n" KEY "~|\n"},
    };
    struct smtfix *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        chain(f, SMT_CHAIN("transforms", "u", UNWRAP, "transforms.u.delete.tombstone.handling.mode",
                           cases[i].mode));
        gives(f, OP_DELETE, ROW1, NULL, cases[i].expected);
    }
}

static void
names_of_older_releases_count_for_deletes(void **state)
{
    static const struct {
        const char *mode, *drop, *expected;
    } cases[] = {
        {"none", "true", KEY "null|\n"},
        {"none", "false", KEY "null|\n" KEY "~|\n"},
        {"drop", "true", ""},
        {"drop", "false", KEY "~|\n"},
        {"rewrite", "true", KEY VALUE("a") ",\"__deleted\":\"true\"}|\n"},
        {"rewrite", "false", KEY VALUE("a") ",\"__deleted\":\"true\"}|\n" KEY "~|\n"},
    };
    struct smtfix *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        chain(f, SMT_CHAIN("transforms", "u", UNWRAP, "transforms.u.delete.handling.mode",
                           cases[i].mode, "transforms.u.drop.tombstones", cases[i].drop));
        gives(f, OP_DELETE, ROW1, NULL, cases[i].expected);
    }
}

static void
fields_of_the_envelope_are_added(void **state)
{
    struct smtfix *f = *state;

    chain(f, SMT_CHAIN("transforms", "u", UNWRAP, "transforms.u.add.fields",
                       "op,source.lsn:position,table,nothing,transaction.id",
                       "transforms.u.add.headers", "op, source.snapshot,name",
                       "transforms.u.add.headers.prefix", ""));
    gives(f, OP_CREATE, NULL, ROW1,
          KEY VALUE("a") ",\"__op\":\"c\",\"__position\":850,\"__table\":\"item\","
                         "\"__transaction_id\":null}|op=c,source_snapshot=~,name=p\n");
    f->block = (struct txn_block){4, 2};
    f->with_block = true;
    gives(f, OP_READ, NULL, ROW1,
          KEY VALUE("a") ",\"__op\":\"r\",\"__position\":850,\"__table\":\"item\","
                         "\"__transaction_id\":\"742:850\"}|op=r,source_snapshot=first,name=p\n");
}

static void
a_tombstone_shares_the_headers_of_its_delete(void **state)
{
    struct smtfix *f = *state;

    chain(f, SMT_CHAIN("transforms", "u", UNWRAP, "transforms.u.delete.tombstone.handling.mode",
                       "rewrite-with-tombstone", "transforms.u.add.headers", "op,lsn"));
    gives(f, OP_DELETE, ROW1, NULL,
          KEY VALUE("a") ",\"__deleted\":\"true\"}|__op=d,__lsn=850\n" KEY
                         "~|__op=d,__lsn=850,__op=d\n");
}

static void
a_column_can_be_the_topic(void **state)
{
    struct smtfix *f = *state;

    chain(f, SMT_CHAIN("transforms", "u", UNWRAP, "transforms.u.route.by.field", "name"));
    gives(f, OP_CREATE, NULL, ROW1, "a|{\"id\":1}|" VALUE("a") "}|\n");
    gives(f, OP_CREATE, NULL, ROW2, "b|{\"id\":1}|" VALUE("b") "}|\n");
    gives(f, OP_CREATE, NULL, SMT_ROW("1", " "), KEY VALUE(" ") "}|\n");
    gives(f, OP_DELETE, ROW2, NULL, "b|{\"id\":1}|null|\n");
    chain(f, SMT_CHAIN("transforms", "u", UNWRAP, "transforms.u.route.by.field", "id"));
    assert_false(smtfix_encode(f, OP_CREATE, NULL, ROW1));
    assert_string_equal(f->e.code, "transform.failed");
}

static void
halves_of_a_key_change_pass_one_by_one(void **state)
{
    struct smtfix *f = *state;

    f->d.settings.context_headers = true;
    chain(f, SMT_CHAIN("transforms", "u", UNWRAP));
    gives(f, OP_UPDATE, ROW1, SMT_ROW("2", "a"),
          "p.public.item|{\"id\":1}|null|__debezium.newkey={\"id\":2},context=*\n"
          "p.public.item|{\"id\":2}|{\"id\":2,\"name\":\"a\",\"body\":\"empty\",\"amount\":null,"
          "\"at\":null}|__debezium.oldkey={\"id\":1},context=*\n");
    assert_int_equal(f->out.hidden, 0);
}

static void
records_that_are_no_envelopes_pass(void **state)
{
    struct smtfix *f = *state;

    chain(f, SMT_CHAIN("transforms", "u", UNWRAP));
    f->d.settings.heartbeat_prefix = "__debezium-heartbeat";
    assert_true(smtfix_encode_event(f, OP_HEARTBEAT));
    assert_string_equal(
        smtfix_text(f),
        "__debezium-heartbeat.p|{\"serverName\":\"p\"}|{\"ts_ms\":1795256446000}|@0\n");
    assert_true(smtfix_encode_event(f, OP_MESSAGE));
    assert_non_null(strstr(smtfix_text(f), "{\"prefix\":\"pre\"}|{\"op\":\"m\",\"ts_ms\":"));
    assert_non_null(
        strstr(smtfix_text(f), "\"message\":{\"prefix\":\"pre\",\"content\":\"aGVsbG8=\"}}"));
}

static void
an_untouched_envelope_is_the_converters(void **state)
{
    struct smtfix *f = *state;
    char plain[20000];

    f->d.settings.value_json.schemas = true;
    chain(f, SMT_CHAIN("transforms", ""));
    assert_null(f->chain);
    assert_true(smtfix_encode(f, OP_UPDATE, ROW1, ROW2));
    snprintf(plain, sizeof(plain), "%s", smtfix_text(f));
    chain(f, SMT_CHAIN("transforms", "f", "transforms.f.type", "Filter", "transforms.f.predicate",
                       "p", "predicates", "p", "predicates.p.type", "RecordIsTombstone"));
    gives(f, OP_UPDATE, ROW1, ROW2, plain);
}

/* ------------------------------------------------------------------------------------------ topics, predicates */

static void
topics_are_replaced_as_java_does(void **state)
{
    static const struct {
        const char *regex, *replacement, *topic;
    } cases[] = {
        {"(.*)\\.item", "$1.thing", "p.public.thing"},
        {"p\\.(?<s>[^.]*)\\.(.*)", "${s}-$2", "public-item"},
        {"(.*)", "\\$$1\\\\", "$p.public.item\\"},
        {"(.*)item", "$10", "p.public.0"},
        {"public", "x", "p.public.item"},
        {"p|p.public.item", "x", "x.public.item"},
    };
    struct smtfix *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        chain(f, SMT_CHAIN("transforms", "r", "transforms.r.type",
                           "org.apache.kafka.connect.transforms.RegexRouter", "transforms.r.regex",
                           cases[i].regex, "transforms.r.replacement", cases[i].replacement));
        assert_true(smtfix_encode(f, OP_CREATE, NULL, ROW1));
        assert_memory_equal(smtfix_text(f), cases[i].topic, strlen(cases[i].topic));
        assert_int_equal(smtfix_text(f)[strlen(cases[i].topic)], '|');
    }
}

static void
a_predicate_decides_for_each_record(void **state)
{
    struct smtfix *f = *state;

    chain(f, SMT_CHAIN("transforms", "u,f", UNWRAP, "transforms.u.predicate", "item",
                       "transforms.f.type", "Filter", "transforms.f.predicate", "item",
                       "transforms.f.negate", "TRUE", "predicates", "item", "predicates.item.type",
                       "TopicNameMatches", "predicates.item.pattern", ".*item"));
    gives(f, OP_CREATE, NULL, ROW1, KEY VALUE("a") "}|\n");
    f->d.settings.transaction_topic = "transaction";
    assert_true(smtfix_encode_event(f, OP_BEGIN));
    assert_int_equal(f->out.n, 0);
    assert_int_equal(f->out.hidden, 1);
}

static void
headers_are_asked_for_by_name(void **state)
{
    struct smtfix *f = *state;

    chain(f, SMT_CHAIN("transforms", "f", "transforms.f.type", "Filter", "transforms.f.predicate",
                       "h", "predicates", "h", "predicates.h.type", "HasHeaderKey",
                       "predicates.h.name", "__debezium.newkey"));
    assert_true(smtfix_encode(f, OP_UPDATE, ROW1, SMT_ROW("2", "a")));
    assert_int_equal(f->out.n, 1);
    assert_int_equal(f->out.hidden, 1);
}

/* ------------------------------------------------------------------------------------------------ expressions */

static void
expressions_are_read_as_groovy_and_javascript_do(void **state)
{
    static const struct {
        const char *condition;
        bool holds; /* of a create of (1, 'a', NULL, 12.50) */
    } cases[] = {
        {"true", true},
        {"value.op == 'c'", true},
        {"value.op != \"c\"", false},
        {"value.after.id == 1 && value.after.name === 'a'", true},
        {"value.after.id >= 2 || value.after.amount > 12.4", true},
        {"value.after.amount == 12.5", true},
        {"value.after.id == '1'", false},
        {"value.after.at == null", true},
        {"value.before == null || value.before.id == 7", true},
        {"value.before != null && value.before.id == 7", false},
        {"value.before?.id == null", true},
        {"!(key.id == 1)", false},
        {"topic == 'p.public' + '.item'", true},
        {"value.get('after')['id'] < 10 ? true : false", true},
        {"header.__op?.value == 'c'", false},
        {"valueSchema.name == 'p.public.item.Envelope'", true},
    };
    struct smtfix *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        chain(f, SMT_CHAIN("transforms", "f", "transforms.f.type", "io.debezium.transforms.Filter",
                           "transforms.f.language", "jsr223.groovy", "transforms.f.condition",
                           cases[i].condition));
        if (!smtfix_encode(f, OP_CREATE, NULL, SMT_ROW("1", "a", NULL, "12.50")))
            fail_msg("%s: %s", cases[i].condition, f->e.msg);
        if (f->out.n != cases[i].holds)
            fail_msg("%s", cases[i].condition);
    }
}

static void
what_is_no_such_expression_is_refused(void **state)
{
    static const char *const cases[] = {"",
                                        "value.op = 'c'",
                                        "value.op ==",
                                        "foo.bar == 1",
                                        "value.op == 'c' and true",
                                        "(true",
                                        "value.op == 'c",
                                        "import x",
                                        "value.list.any { it }",
                                        "value.op.size() > 1"};
    struct smtfix *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (smtfix_chain(f, SMT_CHAIN("transforms", "f", "transforms.f.type",
                                      "io.debezium.transforms.Filter", "transforms.f.language",
                                      "jsr223.groovy", "transforms.f.condition", cases[i])))
            fail_msg("%s passes", cases[i]);
}

static void
a_topic_can_be_an_expression(void **state)
{
    struct smtfix *f = *state;

    chain(f, SMT_CHAIN("transforms", "r,u", "transforms.r.type", "ContentBasedRouter",
                       "transforms.r.language", "jsr223.graal.js", "transforms.r.topic.expression",
                       "value.after.id > 1 ? 'big-' + value.after.name : null", UNWRAP));
    gives(f, OP_CREATE, NULL, ROW1, KEY VALUE("a") "}|\n");
    gives(f, OP_CREATE, NULL, SMT_ROW("2", "z"),
          "big-z|{\"id\":2}|{\"id\":2,\"name\":\"z\",\"body\":\"empty\",\"amount\":null,\"at\":"
          "null}|\n");
    assert_false(smtfix_encode(f, OP_DELETE, ROW1, NULL));
    assert_non_null(strstr(f->e.msg, "write ?. before it"));
}

/* ---------------------------------------------------------------------------------------------------- partitions */

static void
partitions_are_java_hashes(void **state)
{
    static const struct {
        const char *id, *name;
        int partition;
    } cases[] = {
        {"1", "a", (1 + 97) % 7},
        {"-5", "", (0x7fffffff - 4) % 7},
        {"3", "\xC3\xA4z", (3 + 228 * 31 + 122) % 7},
        {"0", "\xF0\x9F\x98\x80", (55357 * 31 + 56832) % 7},
    };
    struct smtfix *f = *state;

    chain(f, SMT_CHAIN("transforms", "p", "transforms.p.type", "PartitionRouting",
                       "transforms.p.partition.payload.fields", "change.id,after.name,after.none",
                       "transforms.p.partition.topic.num", "7"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_true(smtfix_encode(f, OP_CREATE, NULL, SMT_ROW(cases[i].id, cases[i].name)));
        assert_int_equal(f->out.recs[0].partition, cases[i].partition);
    }
}

/* --------------------------------------------------------------------------------------------------------- values */

static void
values_that_cannot_be_changed_fail(void **state)
{
    static const struct {
        const char *type, *property, *value;
    } cases[] = {
        {"Cast$Value", "spec", "name:int32"},    {"Cast$Value", "spec", "at:float64"},
        {"MaskField$Value", "fields", "amount"}, {"TimestampConverter$Value", "field", "id"},
        {"ValueToKey", "fields", "none"},        {"ExtractField$Value", "field", "none"},
        {"HeaderFrom$Value", "fields", "none"},
    };
    struct smtfix *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char property[80];

        snprintf(property, sizeof(property), "transforms.x.%s", cases[i].property);
        chain(f, SMT_CHAIN("transforms", "u,x", UNWRAP, "transforms.x.type", cases[i].type,
                           property, cases[i].value,
                           cases[i].type[0] == 'T'   ? "transforms.x.target.type"
                           : cases[i].type[0] == 'H' ? "transforms.x.headers"
                                                     : "errors.tolerance",
                           cases[i].type[0] == 'T'   ? "unix"
                           : cases[i].type[0] == 'H' ? "h"
                                                     : "none",
                           cases[i].type[0] == 'H' ? "transforms.x.operation" : "predicates",
                           cases[i].type[0] == 'H' ? "copy" : ""));
        if (smtfix_encode(f, OP_CREATE, NULL,
                          SMT_ROW("1", "x", "b", "1.50", "2020-01-02 03:04:05+00")))
            fail_msg("%s %s=%s passes", cases[i].type, cases[i].property, cases[i].value);
        assert_string_equal(f->e.code, "transform.failed");
    }
}

static void
more_values_than_programs_are_kept_still_pass(void **state)
{
    struct smtfix *f = *state;
    char name[20], topic[30];

    chain(f, SMT_CHAIN("transforms", "u,r", UNWRAP, "transforms.u.route.by.field", "name",
                       "transforms.r.type", "RegexRouter", "transforms.r.regex", "(.*)",
                       "transforms.r.replacement", "x-$1"));
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        snprintf(topic, sizeof(topic), "x-n%d", i);
        assert_true(smtfix_encode(f, OP_CREATE, NULL, SMT_ROW("1", name)));
        assert_string_equal(f->out.recs[0].topic, topic);
    }
}

/* --------------------------------------------------------------------------------------------------- the outbox */

#define OUTBOX                                                                                     \
    "transforms.o.type", "io.debezium.transforms.outbox.EventRouter",                              \
        "transforms.o.table.field.event.key", "id", "transforms.o.table.field.event.payload",      \
        "body", "transforms.o.route.by.field", "name"

static void
rows_of_an_outbox_become_messages(void **state)
{
    struct smtfix *f = *state;

    chain(f, SMT_CHAIN("transforms", "o", OUTBOX));
    gives(f, OP_CREATE, NULL, SMT_ROW("1", "order", "hello"),
          "outbox.event.order|1|\"hello\"|id=1!1795256446000\n");
    gives(f, OP_DELETE, ROW1, NULL, "");
    chain(f,
          SMT_CHAIN("transforms", "o", OUTBOX, "transforms.o.table.op.invalid.behavior", "fatal"));
    assert_false(smtfix_encode(f, OP_UPDATE, NULL, ROW1));
    chain(f, SMT_CHAIN("transforms", "o", OUTBOX, "transforms.o.route.tombstone.on.empty.payload",
                       "true", "transforms.o.table.fields.additional.placement",
                       "amount:header:sum,id:partition"));
    gives(f, OP_CREATE, NULL, SMT_ROW("2", "order", " \t", "12.50"),
          "outbox.event.order|2|~|id=2,sum=12.50@2!1795256446000\n");
}

/* What was noted of the record that was encoded last; "": nothing. */
static const char *
noted(struct smtfix *f, bool is_error)
{
    bool any = f->out.noted > 0;

    assert_true(f->out.noted <= 1);
    f->out.noted = 0;
    assert_true(!any || f->out.note.is_error == is_error);
    return any ? f->out.note.text : "";
}

static void
what_an_outbox_leaves_out_is_noted(void **state)
{
    struct smtfix *f = *state;

    chain(f, SMT_CHAIN("transforms", "o", OUTBOX));
    for (int again = 0; again < 2; again++) {
        gives(f, OP_UPDATE, NULL, ROW1, "");
        assert_non_null(strstr(noted(f, false), "was updated"));
    }
    gives(f, OP_DELETE, ROW1, NULL, "");
    gives(f, OP_CREATE, NULL, SMT_ROW("1", "order", "hello"),
          "outbox.event.order|1|\"hello\"|id=1!1795256446000\n");
    assert_string_equal(noted(f, false), "");
    chain(f,
          SMT_CHAIN("transforms", "o", OUTBOX, "transforms.o.table.op.invalid.behavior", "error"));
    gives(f, OP_UPDATE, NULL, ROW1, "");
    assert_non_null(strstr(noted(f, true), "was updated"));
}

static void
payloads_that_cannot_be_expanded_are_noted(void **state)
{
    static const struct {
        const char *column, *body, *amount;
        bool said;
    } cases[] = {{"body", "{\"a\":1}", NULL, false}, {"body", "text", NULL, true},
                 {"body", "", NULL, true},           {"body", NULL, NULL, true}, /* its default */
                 {"amount", NULL, "1.00", true},     {"amount", NULL, NULL, false}};
    struct smtfix *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        chain(f, SMT_CHAIN("transforms", "o", OUTBOX, "transforms.o.table.field.event.payload",
                           cases[i].column, "transforms.o.table.expand.json.payload", "true"));
        assert_true(smtfix_encode(f, OP_CREATE, NULL,
                                  SMT_ROW("1", "order", cases[i].body, cases[i].amount)));
        assert_int_equal(f->out.n, 1);
        if ((strstr(noted(f, false), "expanded") != NULL) != cases[i].said)
            fail_msg("case %zu: %s", i, f->out.note.text);
    }
}

static void
payloads_that_are_objects_are_written_as_such(void **state)
{
    static char deep[2000];
    static const struct {
        const char *payload, *expected;
    } cases[] = {
        {"{\"a\":1,\"b\":[true,null],\"c\":{\"d\":null,\"e\":\"\\u00e4\"}}",
         "{\"a\":1,\"b\":[true,null],\"c\":{\"e\":\"\xC3\xA4\"}}"},
        {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
        {"{}", "{}"},
        {"{\"a\":[]}", "{}"},
        {"{\"a\":[1,\"x\"]}", "\"{\\\"a\\\":[1,\\\"x\\\"]}\""},
        {"{\"a\":[{\"x\":1},{\"y\":[1,true]},{\"z\":1}]}",
         "\"{\\\"a\\\":[{\\\"x\\\":1},{\\\"y\\\":[1,true]},{\\\"z\\\":1}]}\""},
        {"{\"a\":", "\"{\\\"a\\\":\""},
        {"{\"a\":99999999999999999999}", "\"{\\\"a\\\":99999999999999999999}\""},
        {"text", "\"text\""},
        {deep, NULL},
    };
    struct smtfix *f = *state;

    for (size_t i = 0; i < 250; i++)
        memcpy(deep + 5 * i, "{\"a\":", 6);
    chain(f,
          SMT_CHAIN("transforms", "o", OUTBOX, "transforms.o.table.expand.json.payload", "true"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char expected[200];

        if (!smtfix_encode(f, OP_CREATE, NULL, SMT_ROW("1", "order", cases[i].payload)))
            fail_msg("%s: %s", cases[i].payload, f->e.msg);
        snprintf(expected, sizeof(expected), "outbox.event.order|1|%s|", cases[i].expected);
        if (cases[i].expected && strncmp(smtfix_text(f), expected, strlen(expected)) != 0)
            fail_msg("%s gives %s", cases[i].payload, smtfix_text(f));
    }
}

/* Their schemas are merged: by squares. */
static void
a_list_of_very_different_objects_stays_text(void **state)
{
    struct smtfix *f = *state;
    struct buf list;

    buf_init(&list, 1 << 20);
    BUF_LIT(&list, "{\"l\":[");
    for (int i = 0; i < 3000; i++)
        buf_printf(&list, "%s{\"m%d\":1}", i ? "," : "", i);
    BUF_LIT(&list, "]}");
    chain(f,
          SMT_CHAIN("transforms", "o", OUTBOX, "transforms.o.table.expand.json.payload", "true"));
    assert_true(smtfix_encode(f, OP_CREATE, NULL, SMT_ROW("1", "order", buf_cstr(&list))));
    assert_non_null(strstr(smtfix_text(f), "|\"{\\\"l\\\":[{\\\"m0"));
    buf_free(&list);
}

static void
more_values_of_two_kinds_than_programs_are_kept_still_pass(void **state)
{
    struct smtfix *f = *state;
    char name[20], body[40], expected[200];

    chain(f,
          SMT_CHAIN("transforms", "o,u", OUTBOX, "transforms.o.route.tombstone.on.empty.payload",
                    "true", "transforms.o.table.expand.json.payload", "true", "transforms.u.type",
                    "InsertHeader", "transforms.u.header", "h", "transforms.u.value.literal", "1"));
    for (int i = 0; i < 4500; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        snprintf(body, sizeof(body), i % 2 ? " " : "{\"m%d\":1}", i);
        snprintf(expected, sizeof(expected),
                 i % 2 ? "outbox.event.n%d|1|~|id=1,h=1!1795256446000\n"
                       : "outbox.event.n%d|1|{\"m%d\":1}|id=1,h=1!1795256446000\n",
                 i, i);
        gives(f, OP_CREATE, NULL, SMT_ROW("1", name, body), expected);
    }
}

static void
bytes_that_are_no_utf8_are_told_of(void **state)
{
    struct smtfix *f = *state;

    for (int cast = 0; cast < 2; cast++) {
        f->d.settings.fail_on_unconvertible = false;
        chain(f, SMT_CHAIN("transforms", "u,c", UNWRAP, "transforms.c.type", "Cast$Value",
                           "transforms.c.spec", cast ? "name:string" : "id:int64"));
        f->out.unconverted = 0;
        gives(f, OP_CREATE, NULL, SMT_ROW("1", "a\xFF"), KEY VALUE("a\xEF\xBF\xBD") "}|\n");
        assert_int_equal(f->out.unconverted, 1);
        assert_memory_equal(f->out.unconverted_column.p, "name", 4);
        assert_string_equal(f->out.unconverted_why.code, "value.encoding");
        gives(f, OP_CREATE, NULL, SMT_ROW("1", "\xEF\xBF\xBD"), KEY VALUE("\xEF\xBF\xBD") "}|\n");
        assert_int_equal(f->out.unconverted, 1);
        f->d.settings.fail_on_unconvertible = true;
        assert_false(smtfix_encode(f, OP_CREATE, NULL, SMT_ROW("1", "a\xFF")));
        assert_string_equal(f->e.code, "value.encoding");
        err_clear(&f->e);
    }
}

static void
partitions_and_times_that_kafka_has_not_fail(void **state)
{
    struct smtfix *f = *state;

    chain(f, SMT_CHAIN("transforms", "o", OUTBOX, "transforms.o.table.fields.additional.placement",
                       "id:partition"));
    gives(f, OP_CREATE, NULL, SMT_ROW("0", "order", "x"),
          "outbox.event.order|0|\"x\"|id=0@0!1795256446000\n");
    assert_false(smtfix_encode(f, OP_CREATE, NULL, SMT_ROW("-1", "order", "x")));
    assert_string_equal(f->e.code, "transform.failed");
}

/* -------------------------------------------------------------------------------------------------- failing */

static void
a_failing_transform_names_itself_or_leaves_the_record_out(void **state)
{
    struct smtfix *f = *state;

    chain(f, SMT_CHAIN("transforms", "u", UNWRAP, "transforms.u.add.fields", "gone.x"));
    assert_false(smtfix_encode(f, OP_CREATE, NULL, ROW1));
    assert_int_equal(f->e.cls, ERR_FATAL);
    assert_string_equal(f->e.code, "transform.failed");
    assert_non_null(strstr(f->e.msg, "\"u\" (io.debezium.transforms.ExtractNewRecordState)"));
    assert_non_null(strstr(f->e.msg, "p.public.item"));
    chain(f, SMT_CHAIN("transforms", "u", UNWRAP, "transforms.u.add.fields", "gone.x",
                       "errors.tolerance", "all"));
    gives(f, OP_CREATE, NULL, ROW1, "");
    assert_int_equal(f->out.skipped, 1);
    assert_int_equal(f->out.hidden, 1);
}

struct issues {
    unsigned n;
    char text[20][700];
};

static void
collect(void *arg, bool is_error, const char *property, const char *text)
{
    struct issues *is = arg;

    (void)property;
    snprintf(is->text[is->n++], sizeof(is->text[0]), "%c %s", is_error ? 'E' : 'W', text);
}

static void
every_problem_is_told_at_once(void **state)
{
    static const char *const pairs[] = {
        "transforms",
        "a,b,c,d,e,a",
        "transforms.a.type",
        "com.example.Own",
        "transforms.c.type",
        "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.c.regex",
        "(x",
        "transforms.d.type",
        "RegexRouter",
        "transforms.d.regex",
        "(x)",
        "transforms.d.replacement",
        "$2",
        "transforms.d.predicate",
        "nowhere",
        "transforms.e.type",
        "ExtractNewRecordState",
        "transforms.e.delete.tombstone.handling.mode",
        "sometimes",
        "transforms.e.negate",
        "maybe",
        "transforms.z.type",
        "x",
        NULL,
    };
    static const char *const expected[] = {
        "E property \"transforms.a.type\" has the value \"com.example.Own\"",
        "E property \"transforms.b.type\" is required",
        "E property \"transforms.c.replacement\" is required",
        "E property \"transforms.d\" cannot be used: the expression has no group 2",
        "E property \"transforms.e.delete.tombstone.handling.mode\" has the value \"sometimes\"",
        "E property \"transforms\" names \"a\" twice",
        "E property \"transforms.a.type\"",
        "E property \"transforms.d.predicate\" has the value \"nowhere\"",
        "E property \"transforms.e.negate\" has the value \"maybe\"",
        "W property \"transforms.z.type\" is of none",
    };
    struct smtfix *f = *state;
    struct issues is = {0};

    assert_false(smtfix_chain(f, pairs));
    assert_int_equal(smt_check(f->config, collect, &is), 9);
    assert_int_equal(is.n, sizeof(expected) / sizeof(*expected));
    for (size_t i = 0; i < is.n; i++)
        if (strncmp(is.text[i], expected[i], strlen(expected[i])) != 0)
            fail_msg("%s\nis not: %s", is.text[i], expected[i]);
}

static void
every_transform_says_what_it_is(void **state)
{
    struct smt_info s;
    size_t n = 0;

    (void)state;
    for (size_t i = 0; smt_next(&i, &s); n++) {
        assert_non_null(strrchr(s.name, '.'));
        assert_true(strlen(s.doc) > 10);
        for (size_t k = 0; k < s.props->n; k++)
            if (!s.props->rows[k].doc || !s.props->rows[k].name)
                fail_msg("%s, row %zu", s.name, k);
        assert_true(smt_named(s.name, &s));
    }
    assert_true(n >= 8);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_row_stands_for_its_envelope, setup, teardown),
        cmocka_unit_test_setup_teardown(masked_nulls_are_the_mask, setup, teardown),
        cmocka_unit_test_setup_teardown(deletes_are_handled_as_the_mode_says, setup, teardown),
        cmocka_unit_test_setup_teardown(names_of_older_releases_count_for_deletes, setup, teardown),
        cmocka_unit_test_setup_teardown(fields_of_the_envelope_are_added, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tombstone_shares_the_headers_of_its_delete, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_column_can_be_the_topic, setup, teardown),
        cmocka_unit_test_setup_teardown(halves_of_a_key_change_pass_one_by_one, setup, teardown),
        cmocka_unit_test_setup_teardown(records_that_are_no_envelopes_pass, setup, teardown),
        cmocka_unit_test_setup_teardown(an_untouched_envelope_is_the_converters, setup, teardown),
        cmocka_unit_test_setup_teardown(topics_are_replaced_as_java_does, setup, teardown),
        cmocka_unit_test_setup_teardown(a_predicate_decides_for_each_record, setup, teardown),
        cmocka_unit_test_setup_teardown(headers_are_asked_for_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failing_transform_names_itself_or_leaves_the_record_out,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(expressions_are_read_as_groovy_and_javascript_do, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_no_such_expression_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_topic_can_be_an_expression, setup, teardown),
        cmocka_unit_test_setup_teardown(partitions_are_java_hashes, setup, teardown),
        cmocka_unit_test_setup_teardown(values_that_cannot_be_changed_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(more_values_than_programs_are_kept_still_pass, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(rows_of_an_outbox_become_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(what_an_outbox_leaves_out_is_noted, setup, teardown),
        cmocka_unit_test_setup_teardown(payloads_that_cannot_be_expanded_are_noted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(payloads_that_are_objects_are_written_as_such, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_list_of_very_different_objects_stays_text, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(more_values_of_two_kinds_than_programs_are_kept_still_pass,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_utf8_are_told_of, setup, teardown),
        cmocka_unit_test_setup_teardown(partitions_and_times_that_kafka_has_not_fail, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_problem_is_told_at_once, setup, teardown),
        cmocka_unit_test(every_transform_says_what_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
