/* Kafka's transforms of times: TimestampConverter and TimestampRouter. */
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "decoder/date_format.h"
#include "decoder/node_text.h"
#include "decoder/smt_priv.h"

#define KAFKA_DATA(name) "org.apache.kafka.connect.data." name

enum { TIME_DAY_MS = 86400000, TIME_TOPIC_MAX = 1 << 16 };

/* In the order of target.type's choices. */
enum time_kind { TIME_OF_STRING, TIME_OF_UNIX, TIME_OF_DATE, TIME_OF_TIME, TIME_OF_TIMESTAMP };

struct convert {
    const char *field; /* NULL: the whole */
    enum time_kind target;
    const char *format; /* NULL: none */
    int precision;      /* position in the choices */
    bool replace_null;
};

/* clang-format off */
static const struct prop convert_rows[] = {
    {.name = "field", .type = PROP_STRING, .importance = PROP_HIGH, .doc = "The field; without it, the whole key or value."},
    {.name = "target.type", .type = PROP_ENUM, .choices = "string,unix,Date,Time,Timestamp", .importance = PROP_HIGH,
     .flags = PROP_REQUIRED, .doc = "What the time becomes: a text, a number, or one of Connect's own types."},
    {.name = "format", .type = PROP_STRING, .importance = PROP_MEDIUM,
     .doc = "Pattern of java.text.SimpleDateFormat, in UTC: how a text is written, or read."},
    {.name = "unix.precision", .type = PROP_ENUM, .def = "milliseconds",
     .choices = "nanoseconds,microseconds,milliseconds,seconds", .importance = PROP_LOW,
     .doc = "The unit of a time as a number, written or read."},
    SMT_REPLACE_NULL_ROW,
};
/* clang-format on */
static const struct prop_table convert_props = SMT_PROPS(convert_rows);

static bool
convert_init(struct smt_init *in)
{
    struct convert *s = in->setup;

    s->field = smt_read_string(in, "field");
    s->format = smt_read_string(in, "format");
    s->target = (enum time_kind)config_enum(in->c, "target.type");
    s->precision = config_enum(in->c, "unix.precision");
    s->replace_null = config_bool(in->c, "replace.null.with.default");
    if (s->target == TIME_OF_STRING && !s->format)
        return err_set(in->e, ERR_CONFIG, "config.value", "target.type=string needs format");
    return !s->format || date_format_check(s->format, in->e);
}

static const struct schema *
convert_schema(struct arena *a, enum time_kind kind, bool optional)
{
    static const struct schema forms[] = {
        [TIME_OF_STRING] = {.type = SCHEMA_STRING},
        [TIME_OF_UNIX] = {.type = SCHEMA_INT64},
        [TIME_OF_DATE] = {.type = SCHEMA_INT32, .name = KAFKA_DATA("Date"), .version = 1},
        [TIME_OF_TIME] = {.type = SCHEMA_INT32, .name = KAFKA_DATA("Time"), .version = 1},
        [TIME_OF_TIMESTAMP] = {.type = SCHEMA_INT64, .name = KAFKA_DATA("Timestamp"), .version = 1},
    };

    return optional ? node_optional(a, &forms[kind]) : &forms[kind];
}

/* False: no time. */
static bool
convert_source(const struct schema *s, enum time_kind *kind)
{
    switch (node_date_of(s)) {
    case NODE_DATE:
        *kind = TIME_OF_DATE;
        return true;
    case NODE_TIME:
        *kind = TIME_OF_TIME;
        return true;
    case NODE_TIMESTAMP:
        *kind = TIME_OF_TIMESTAMP;
        return true;
    case NODE_NO_DATE:
        break;
    }
    *kind = s && s->type == SCHEMA_STRING ? TIME_OF_STRING : TIME_OF_UNIX;
    return s && (s->type == SCHEMA_STRING || s->type == SCHEMA_INT64);
}

/* Nanoseconds for one of each choice; milliseconds are what it is all turned into. */
static const int64_t precision_ns[] = {1, 1000, 1000000, 1000000000};

static bool
convert_read(const struct convert *s, const struct node *n, struct slice json, int64_t *ms)
{
    enum time_kind from;
    struct buf text;
    bool ok;

    convert_source(n->schema, &from);
    if (from != TIME_OF_STRING && !num_parse_i64(json, ms))
        return false;
    switch (from) {
    case TIME_OF_STRING:
        buf_init(&text, json.n + 16);
        node_unquote(&text, json);
        ok = s->format && date_format_parse(s->format, buf_view(&text), ms);
        buf_free(&text);
        return ok;
    case TIME_OF_UNIX:
        if (precision_ns[s->precision] > 1000000)
            return !__builtin_mul_overflow(*ms, precision_ns[s->precision] / 1000000, ms);
        *ms /= 1000000 / precision_ns[s->precision];
        return true;
    case TIME_OF_DATE:
        return !__builtin_mul_overflow(*ms, (int64_t)TIME_DAY_MS, ms);
    case TIME_OF_TIME:
    case TIME_OF_TIMESTAMP:
        break;
    }
    return true;
}

static bool
convert_write(const struct convert *s, int64_t ms, struct buf *out)
{
    int64_t days = ms / TIME_DAY_MS - (ms % TIME_DAY_MS < 0);
    struct buf text;

    switch (s->target) {
    case TIME_OF_STRING:
        buf_init(&text, 4096);
        date_format_put(&text, s->format, ms);
        json_str(out, buf_view(&text));
        buf_free(&text);
        break;
    case TIME_OF_UNIX:
        if (precision_ns[s->precision] > 1000000)
            ms /= precision_ns[s->precision] / 1000000;
        else if (__builtin_mul_overflow(ms, 1000000 / precision_ns[s->precision], &ms))
            return false;
        num_add_i64(out, ms);
        break;
    case TIME_OF_DATE:
        num_add_i64(out, days);
        break;
    case TIME_OF_TIME:
        num_add_i64(out, ms - days * TIME_DAY_MS);
        break;
    case TIME_OF_TIMESTAMP:
        num_add_i64(out, ms);
        break;
    }
    return true;
}

static enum node_got
convert_call(const struct node *n, struct node_run *run, struct buf *out)
{
    const struct convert *s = n->arg;
    struct slice json;
    enum node_got got = node_input(n->in, run, &json);
    int64_t ms;

    if (got != NODE_HAS_VALUE)
        return got;
    if (convert_read(s, n->in, json, &ms) && convert_write(s, ms, out))
        return got;
    err_set(run->e, ERR_FATAL, "transform.failed",
            "TimestampConverter: a value cannot be read as a time%s%s",
            s->format ? " of the format " : "; it may need format", s->format ? s->format : "");
    return NODE_FAILED;
}

static enum smt_result
convert_node(const struct convert *s, struct smt_run *run, const struct node *n,
             const struct node **out)
{
    struct arena *a = run->draft->arena;
    const struct schema *schema;
    enum time_kind from;

    if (!n->schema || !convert_source(n->schema, &from))
        return smt_fail(run, "a value of type %s is no time",
                        n->schema ? schema_type_name(n->schema->type) : "map");
    schema = convert_schema(a, s->target, n->schema->optional);
    if (s->replace_null)
        n = node_or_default(a, n);
    *out = node_is_null(n) ? node_null(a, schema) : node_calling(a, schema, convert_call, n, s);
    return SMT_OK;
}

/* The struct's field converted; of a null struct, the schema alone. */
static enum smt_result
convert_field(const struct convert *s, struct smt_run *run, const struct node *n,
              const struct node **out)
{
    struct arena *a = run->draft->arena;
    struct node_builder b;
    enum smt_result r = SMT_OK;

    node_build(&b, a, n->schema);
    b.bare = n->bare;
    b.schema->optional = n->schema->optional;
    for (size_t i = 0; i < n->schema->nfields && r == SMT_OK; i++) {
        const struct schema_field *f = &n->schema->fields[i];
        const struct node *m = n->kind == NODE_STRUCT ? n->members[i] : node_null(a, f->schema);

        if (slice_is(f->name, s->field))
            r = convert_node(s, run, m, &m);
        else if (s->replace_null)
            m = node_or_default(a, m);
        node_add(&b, f->name, m);
    }
    if (r == SMT_OK)
        r = smt_built(run, &b, out);
    if (r == SMT_OK && n->kind == NODE_NULL)
        *out = node_null(a, (*out)->schema);
    return r;
}

static enum smt_result
convert_apply(const struct smt *t, struct smt_run *run)
{
    const struct convert *s = t->setup;
    const struct node *n = smt_operand(t, run), *out = n;
    enum smt_result r;

    if (!n->schema && node_is_null(n))
        return SMT_OK;
    if (!s->field)
        r = convert_node(s, run, n, &out);
    else if (n->schema && n->schema->type == SCHEMA_STRUCT &&
             (n->kind == NODE_STRUCT || n->kind == NODE_NULL))
        r = convert_field(s, run, n, &out);
    else
        r = smt_struct(run, n, "converting timestamp formats");
    if (r == SMT_OK)
        smt_put(t, run, out);
    return r;
}

const struct smt_type smt_type_timestamp_converter = {
    .name = KAFKA_SMT("TimestampConverter"),
    .side = SMT_SIDES,
    .props = &convert_props,
    .size = sizeof(struct convert),
    .init = convert_init,
    .apply = convert_apply,
    .doc = "A time in another form.",
};

/* --------------------------------------------------------------------------------------------- TimestampRouter */

struct time_router {
    const char *topic, *format;
};

/* clang-format off */
static const struct prop router_rows[] = {
    {.name = "topic.format", .type = PROP_STRING, .def = "${topic}-${timestamp}", .importance = PROP_HIGH,
     .doc = "The new topic, with ${topic} and ${timestamp} in it."},
    {.name = "timestamp.format", .type = PROP_STRING, .def = "yyyyMMdd", .importance = PROP_HIGH,
     .doc = "Pattern of java.text.SimpleDateFormat for the record's time, in UTC. Debezium's records have a time of their "
            "own only behind EventRouter; others fail, as in Kafka Connect."},
};
/* clang-format on */
static const struct prop_table router_props = SMT_PROPS(router_rows);

static bool
router_init(struct smt_init *in)
{
    struct time_router *s = in->setup;

    s->topic = arena_strdup(in->a, config_str(in->c, "topic.format"));
    s->format = arena_strdup(in->a, config_str(in->c, "timestamp.format"));
    return date_format_check(s->format, in->e);
}

/* The time as the router writes it: rows that share it share a program. */
static enum node_got
router_call(const struct node *n, struct node_run *run, struct buf *out)
{
    const struct time_router *s = n->arg;
    struct slice json;
    enum node_got got = node_input(n->in, run, &json);
    int64_t ms;

    if (got == NODE_HAS_VALUE && num_parse_i64(json, &ms))
        date_format_put(out, s->format, ms);
    return got;
}

static void
router_put(struct buf *out, const struct time_router *s, const char *topic, struct slice time)
{
    static const struct slice holes[] = {SLICE_INIT("${topic}"), SLICE_INIT("${timestamp}")};

    for (const char *p = s->topic; *p;) {
        if (strncmp(p, holes[0].p, holes[0].n) == 0) {
            buf_str(out, topic);
            p += holes[0].n;
        } else if (strncmp(p, holes[1].p, holes[1].n) == 0) {
            buf_slice(out, time);
            p += holes[1].n;
        } else {
            buf_putc(out, *p++);
        }
    }
}

static enum smt_result
router_apply(const struct smt *t, struct smt_run *run)
{
    const struct time_router *s = t->setup;
    struct draft *d = run->draft;
    struct smt_value v = {.null = true};
    enum smt_result r;
    struct buf topic;

    if (d->timestamp &&
        !smt_known(run, node_calling(d->arena, NULL, router_call, d->timestamp, s), &v))
        return SMT_NEED;
    if (v.null)
        return smt_fail(run, "the record has no time of its own");
    buf_init(&topic, TIME_TOPIC_MAX);
    router_put(&topic, s, d->topic, v.json);
    r = smt_set_topic(run, buf_view(&topic));
    buf_free(&topic);
    return r;
}

const struct smt_type smt_type_timestamp_router = {
    .name = KAFKA_SMT("TimestampRouter"),
    .props = &router_props,
    .size = sizeof(struct time_router),
    .init = router_init,
    .apply = router_apply,
    .doc = "A topic that has the record's time in its name.",
};
