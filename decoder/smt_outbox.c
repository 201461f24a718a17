/*
 * Debezium's outbox EventRouter: rows inserted into an outbox table become messages.
 *
 *   column (defaults)   becomes
 *   id                  header "id"
 *   aggregateid         key
 *   aggregatetype       topic, by route.topic.regex and route.topic.replacement
 *   payload             value, alone or in a struct with further columns
 *   others              headers, fields beside the payload, the partition: table.fields.additional.placement
 *
 * Deletes and tombstones are left out, updates by table.op.invalid.behavior. What the topic is depends on the row, so there
 * is a program for each value of aggregatetype.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "decoder/smt_outbox.h"
#include "decoder/smt_priv.h"

enum outbox_place { OUTBOX_HEADER, OUTBOX_ENVELOPE, OUTBOX_PARTITION };

/* table.op.invalid.behavior */
enum outbox_update { OUTBOX_UPDATE_WARN, OUTBOX_UPDATE_ERROR, OUTBOX_UPDATE_FATAL };

struct outbox_extra {
    struct slice column;
    enum outbox_place place;
    const char *as;
};

struct outbox {
    struct slice id, key, payload, timestamp, version, route_by; /* p NULL: not configured */
    size_t nextras;
    struct outbox_extra *extras;
    bool in_struct; /* an extra stands beside the payload */
    bool missing_ignored, tombstone_on_empty;
    enum outbox_update update;
    bool expand;
    struct outbox_expansion expansion;
    struct pattern_swap *route;
    struct outbox_names *names;
};

/*
 * Debezium keeps the schema of a payload's struct by the payload's schema (or by its version) alone, so that the first row
 * names it for the topics of all others. Entries are only ever put before the others.
 */
struct outbox_name {
    struct outbox_name *next;
    struct slice key;
    const char *name;
};

struct outbox_names {
    _Atomic(struct outbox_name *) first;
    atomic_uint n;
};

/* As many as Debezium keeps. Expanded payloads of ever new forms would fill the memory; later ones name themselves. */
enum { OUTBOX_NAMES_MAX = 10000 };

/* clang-format off */
static const struct prop outbox_rows[] = {
    {.name = "table.field.event.id", .type = PROP_STRING, .def = "id", .importance = PROP_LOW, .doc = "Column of the event's id, which becomes the header \"id\"."},
    {.name = "table.field.event.key", .type = PROP_STRING, .def = "aggregateid", .importance = PROP_LOW, .doc = "Column that becomes the key."},
    {.name = "table.field.event.type", .type = PROP_STRING, .def = "type", .importance = PROP_LOW, .flags = PROP_NOOP,
     .see = "Debezium does not read it either", .doc = "Column of the event's type."},
    {.name = "table.field.event.payload", .type = PROP_STRING, .def = "payload", .importance = PROP_LOW, .doc = "Column that becomes the value."},
    {.name = "table.field.event.timestamp", .type = PROP_STRING, .importance = PROP_LOW,
     .doc = "Column of the record's time (a timestamp without zone); without it, when the change was read."},
    {.name = "table.field.event.schema.version", .type = PROP_STRING, .importance = PROP_LOW, .doc = "Integer column of the version of the value's schema."},
    {.name = "table.fields.additional.placement", .type = PROP_LIST, .importance = PROP_LOW,
     .doc = "Further columns, as column:place or column:place:name; places are header, envelope (beside the payload) and partition."},
    {.name = "table.field.additional.missing", .type = PROP_ENUM, .def = "error", .choices = "error,ignore", .importance = PROP_LOW,
     .doc = "What a table without one of these columns leads to."},
    {.name = "table.fields.additional.error.on.missing", .type = PROP_BOOL, .def = "true", .importance = PROP_LOW,
     .doc = "The older form: false ignores them."},
    {.name = "route.by.field", .type = PROP_STRING, .def = "aggregatetype", .importance = PROP_HIGH, .doc = "Text column that decides on the topic."},
    {.name = "route.topic.regex", .type = PROP_STRING, .def = "(?<routedByValue>.*)", .importance = PROP_LOW, .doc = "Java regular expression for that column's value."},
    {.name = "route.topic.replacement", .type = PROP_STRING, .def = "outbox.event.${routedByValue}", .importance = PROP_HIGH, .doc = "The topic, with the expression's groups."},
    {.name = "route.tombstone.on.empty.payload", .type = PROP_BOOL, .def = "false", .importance = PROP_HIGH, .doc = "A payload that is null or blank becomes a tombstone."},
    {.name = "table.expand.json.payload", .type = PROP_BOOL, .def = "false", .importance = PROP_MEDIUM,
     .doc = "A payload that is a JSON object is written as such, with a schema made of its members; others as text."},
    {.name = "table.json.payload.null.behavior", .type = PROP_ENUM, .def = "ignore", .choices = "ignore,optional_bytes", .importance = PROP_MEDIUM,
     .doc = "With table.expand.json.payload: nulls are left out, or are optional bytes."},
    {.name = "table.op.invalid.behavior", .type = PROP_ENUM, .def = "warn", .choices = "warn,error,fatal", .importance = PROP_MEDIUM,
     .doc = "What an update of the table leads to: warn and error leave it out with a line of that level in the log, fatal stops the "
            "connector."},
    {.name = "tracing.", .type = PROP_STRING, .importance = PROP_LOW, .flags = PROP_NOOP | PROP_PREFIX,
     .see = "there is no tracing here", .doc = "OpenTelemetry's spans."},
};
/* clang-format on */
static const struct prop_table outbox_props = SMT_PROPS(outbox_rows);

/* ------------------------------------------------------------------------------------------------------ reading */

static struct slice
outbox_trim(struct slice s)
{
    while (s.n && (unsigned char)*s.p <= ' ')
        s.p++, s.n--;
    while (s.n && (unsigned char)s.p[s.n - 1] <= ' ')
        s.n--;
    return s;
}

static bool
outbox_read_extra(struct smt_init *in, struct slice item, struct outbox_extra *out)
{
    static const char *const places[] = {"header", "envelope", "partition"};
    struct slice part[3] = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    size_t n = 0;

    for (const char *p = item.p, *end = item.p + item.n; p <= end && n < 3; n++) {
        const char *colon = n < 2 && p < end ? memchr(p, ':', (size_t)(end - p)) : NULL;

        part[n] = outbox_trim((struct slice){p, (size_t)((colon ? colon : end) - p)});
        p = colon ? colon + 1 : end + 1;
    }
    out->column = part[0];
    out->as = arena_printf(in->a, "%.*s", SLICE_ARG(n == 3 ? part[2] : part[0]));
    for (size_t i = 0; n > 1 && i < 3; i++)
        if (slice_is(part[1], places[i])) {
            out->place = (enum outbox_place)i;
            return true;
        }
    return err_set(in->e, ERR_CONFIG, "config.value",
                   "table.fields.additional.placement: \"%.*s\" is not column:place or "
                   "column:place:name, with header, envelope or partition for place",
                   SLICE_ARG(item));
}

static struct slice
outbox_column(struct smt_init *in, const char *property)
{
    const char *text = smt_read_string(in, property);

    return text ? slice_of(text) : (struct slice){NULL, 0};
}

static bool
outbox_init(struct smt_init *in)
{
    struct outbox *s = in->setup;
    struct smt_list extras = smt_read_list(in, "table.fields.additional.placement");

    s->id = outbox_column(in, "table.field.event.id");
    s->key = outbox_column(in, "table.field.event.key");
    s->payload = outbox_column(in, "table.field.event.payload");
    s->timestamp = outbox_column(in, "table.field.event.timestamp");
    s->version = outbox_column(in, "table.field.event.schema.version");
    s->route_by = outbox_column(in, "route.by.field");
    s->missing_ignored = config_enum(in->c, "table.field.additional.missing") == 1 ||
                         !config_bool(in->c, "table.fields.additional.error.on.missing");
    s->tombstone_on_empty = config_bool(in->c, "route.tombstone.on.empty.payload");
    s->update = (enum outbox_update)config_enum(in->c, "table.op.invalid.behavior");
    s->expand = config_bool(in->c, "table.expand.json.payload");
    s->expansion.keep_nulls = config_enum(in->c, "table.json.payload.null.behavior") == 1;
    s->extras = arena_alloc(in->a, (extras.n + 1) * sizeof(*s->extras));
    for (; s->nextras < extras.n; s->nextras++) {
        if (!outbox_read_extra(in, extras.v[s->nextras], &s->extras[s->nextras]))
            return false;
        s->in_struct |= s->extras[s->nextras].place == OUTBOX_ENVELOPE;
    }
    s->route = pattern_swap_new(config_str(in->c, "route.topic.regex"),
                                config_str(in->c, "route.topic.replacement"), in->e);
    s->names = mem_alloc(sizeof(*s->names));
    return s->route != NULL;
}

static void
outbox_fini(const void *setup)
{
    const struct outbox *s = setup;

    pattern_swap_free(s->route);
    for (struct outbox_name *n = s->names ? atomic_load(&s->names->first) : NULL, *next; n;
         n = next) {
        next = n->next;
        free(n);
    }
    free(s->names);
}

/* ------------------------------------------------------------------------------------------------------- values */

/* The column's milliseconds, else when the change was read. */
static enum node_got
outbox_call_time(const struct node *n, struct node_run *run, struct buf *out)
{
    struct slice json;
    enum node_got got = node_input(n->in, run, &json);
    int64_t v;

    if (got == NODE_IS_NULL)
        return node_eval(n->in2, run, out);
    if (got == NODE_HAS_VALUE && num_parse_i64(json, &v))
        num_add_i64(out, v / *(const int64_t *)n->arg);
    return got;
}

static enum smt_result
outbox_time(const struct outbox *s, struct smt_run *run, const struct node *after,
            const struct node *ts_ms)
{
    static const struct {
        const char *name;
        int64_t per_ms;
    } units[] = {{"io.debezium.time.Timestamp", 1},
                 {"io.debezium.time.MicroTimestamp", 1000},
                 {"io.debezium.time.NanoTimestamp", 1000000}};
    const struct node *column;
    struct node *call;

    run->draft->timestamp = ts_ms;
    if (!s->timestamp.p)
        return SMT_OK;
    column = node_member(after, s->timestamp);
    if (!column)
        return smt_fail(run, "the table has no time column \"%.*s\"", SLICE_ARG(s->timestamp));
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
        if (column->schema->name && column->schema->type == SCHEMA_INT64 &&
            strcmp(column->schema->name, units[i].name) == 0) {
            call = arena_alloc(run->draft->arena, sizeof(*call));
            *call = (struct node){.kind = NODE_CALL,
                                  .call = outbox_call_time,
                                  .in = column,
                                  .in2 = ts_ms,
                                  .arg = &units[i].per_ms};
            run->draft->timestamp = call;
            return SMT_OK;
        }
    return smt_fail(run, "column \"%.*s\" is no timestamp that the record's time can be",
                    SLICE_ARG(s->timestamp));
}

static enum node_got
outbox_call_blank(const struct node *n, struct node_run *run, struct buf *out)
{
    struct slice json;
    enum node_got got = node_input(n->in, run, &json);
    bool blank = true;

    if (got == NODE_FAILED)
        return got;
    for (size_t i = 1; got == NODE_HAS_VALUE && i + 1 < json.n && blank; i++) {
        /* Java's trim takes everything up to the space away; in JSON controls are escaped. */
        blank = json.p[i] == ' ' || (json.p[i] == '\\' && strchr("tnrbf", json.p[i + 1]));
        i += json.p[i] == '\\';
    }
    buf_putc(out, got == NODE_IS_NULL || (json.p[0] == '"' && blank) ? '1' : '0');
    return NODE_HAS_VALUE;
}

/* <up to the last point of the row's schema name>.<routed value>.<the rest> */
static const char *
outbox_schema_name(struct arena *a, const char *row, struct slice routed)
{
    const char *dot = row ? strrchr(row, '.') : NULL;

    if (!row)
        return arena_printf(a, "%.*s", SLICE_ARG(routed));
    if (!dot)
        return arena_printf(a, "%.*s.%s", SLICE_ARG(routed), row);
    return arena_printf(a, "%.*s%.*s.%s", (int)(dot + 1 - row), row, SLICE_ARG(routed), dot + 1);
}

/* The name that `key` has, or gets now. */
static const char *
outbox_name_for(const struct outbox *s, struct slice key, const char *name)
{
    size_t n = strlen(name) + 1;
    struct outbox_name *head = atomic_load(&s->names->first), *own;

    for (struct outbox_name *i = head; i; i = i->next)
        if (slice_eq(i->key, key))
            return i->name;
    if (atomic_fetch_add(&s->names->n, 1) >= OUTBOX_NAMES_MAX)
        return name;
    own = mem_alloc(sizeof(*own) + key.n + n);
    memcpy(own + 1, key.p, key.n);
    memcpy((char *)(own + 1) + key.n, name, n);
    own->key = (struct slice){(char *)(own + 1), key.n};
    own->name = own->key.p + key.n;
    own->next = head;
    while (!atomic_compare_exchange_weak(&s->names->first, &own->next, own))
        continue;
    return own->name;
}

/* By the version, if the table has one, else by the payload's schema. */
static const char *
outbox_first_name(const struct outbox *s, const struct schema *payload, int version,
                  const char *name)
{
    struct buf key;

    buf_init(&key, 1 << 24);
    if (s->version.p)
        num_add_i64(&key, version);
    else
        schema_write(&key, payload, (struct slice){NULL, 0});
    name = outbox_name_for(s, buf_view(&key), name);
    buf_free(&key);
    return name;
}

static enum smt_result
outbox_column_of(struct smt_run *run, const struct node *after, struct slice name,
                 const struct node **out)
{
    *out = node_member(after, name);
    if (!*out)
        return smt_fail(run, "the table has no column \"%.*s\"", SLICE_ARG(name));
    *out = node_or_default(run->draft->arena, *out);
    return SMT_OK;
}

/* The payload in a struct, with the columns that stand beside it. */
static enum smt_result
outbox_struct(const struct outbox *s, struct smt_run *run, const struct node *after,
              const struct node *payload, struct slice routed, const struct node **out)
{
    struct arena *a = run->draft->arena;
    const struct node *n;
    struct node_builder b;
    struct smt_value version;
    int64_t number;
    enum smt_result r;

    node_build(&b, a, NULL);
    b.schema->name = outbox_schema_name(a, after->schema->name, routed);
    if (s->version.p) {
        if ((r = outbox_column_of(run, after, s->version, &n)) != SMT_OK)
            return r;
        if (n->schema->type != SCHEMA_INT32)
            return smt_fail(run, "column \"%.*s\" is no integer", SLICE_ARG(s->version));
        if (!smt_known(run, n, &version))
            return SMT_NEED;
        if (!version.null && num_parse_i64(version.json, &number))
            b.schema->version = (int)number;
    }
    b.schema->name = outbox_first_name(s, payload->schema, b.schema->version, b.schema->name);
    node_add(&b, SLICE_LIT("payload"), payload);
    for (size_t i = 0; i < s->nextras; i++) {
        if (s->extras[i].place != OUTBOX_ENVELOPE ||
            (n = node_member(after, s->extras[i].column)) == NULL)
            continue;
        node_add(&b, slice_of(s->extras[i].as), node_or_default(a, n));
    }
    return smt_built(run, &b, out);
}

static enum smt_result
outbox_extras(const struct outbox *s, struct smt_run *run, const struct node *after)
{
    for (size_t i = 0; i < s->nextras; i++) {
        const struct outbox_extra *x = &s->extras[i];
        const struct node *n;
        enum smt_result r;

        if (s->missing_ignored && !node_member(after, x->column))
            continue;
        if ((r = outbox_column_of(run, after, x->column, &n)) != SMT_OK)
            return r;
        if (x->place == OUTBOX_PARTITION && n->schema->type != SCHEMA_INT32)
            return smt_fail(run, "column \"%.*s\" is no integer, and cannot be the partition",
                            SLICE_ARG(x->column));
        if (x->place == OUTBOX_PARTITION)
            run->draft->partition = n;
        else if (x->place == OUTBOX_HEADER)
            draft_add_header(run->draft, x->as, n);
    }
    return SMT_OK;
}

/* ------------------------------------------------------------------------------------------------------ routing */

static enum smt_result
outbox_route(const struct outbox *s, struct smt_run *run, struct slice routed)
{
    enum smt_result r;
    struct buf topic;

    buf_init(&topic, 1 << 16);
    if (!pattern_swap_match(s->route, routed, &topic))
        buf_slice(&topic, routed);
    r = smt_set_topic(run, buf_view(&topic));
    buf_free(&topic);
    return r;
}

/* What the row is routed by, as a text. */
static enum smt_result
outbox_routed(const struct outbox *s, struct smt_run *run, const struct node *after,
              struct slice *routed)
{
    const struct node *n = s->route_by.p ? node_member(after, s->route_by) : NULL;
    struct smt_value v;

    if (!n || n->schema->type != SCHEMA_STRING)
        return smt_fail(run, "the table has no text column \"%.*s\" to route by",
                        SLICE_ARG(s->route_by));
    if (!smt_known(run, n, &v))
        return SMT_NEED;
    if (v.null)
        return smt_fail(run, "column \"%.*s\", which decides on the topic, is null",
                        SLICE_ARG(s->route_by));
    *routed = smt_text_of(run, &v);
    return SMT_OK;
}

static enum smt_result
outbox_value(const struct outbox *s, struct smt_run *run, const struct node *after,
             const struct node *payload, struct slice routed)
{
    struct draft *d = run->draft;
    struct smt_value blank = {0};

    if (s->tombstone_on_empty) {
        if (!smt_known(run, node_calling(d->arena, NULL, outbox_call_blank, payload, NULL), &blank))
            return SMT_NEED;
        if (slice_is(blank.json, "1")) {
            d->value = node_null(d->arena, NULL);
            return SMT_OK;
        }
    }
    if (s->in_struct)
        return outbox_struct(s, run, after, payload, routed, &d->value);
    d->value = payload;
    return SMT_OK;
}

static enum smt_result
outbox_row(const struct outbox *s, struct smt_run *run, const struct node *envelope)
{
    struct draft *d = run->draft;
    const struct node *after = node_member(envelope, SLICE_LIT("after"));
    const struct node *ts_ms = node_member(envelope, SLICE_LIT("ts_ms")), *payload, *id;
    struct slice routed;
    enum smt_result r;

    if (!after || after->kind != NODE_STRUCT)
        return smt_fail(run, "the change has no new row");
    if ((r = outbox_column_of(run, after, s->payload, &payload)) != SMT_OK ||
        (r = outbox_time(s, run, after, ts_ms)) != SMT_OK ||
        (r = outbox_column_of(run, after, s->id, &id)) != SMT_OK ||
        (r = outbox_routed(s, run, after, &routed)) != SMT_OK)
        return r;
    draft_add_header(d, "id", id);
    if (s->expand &&
        (r = outbox_expand(&s->expansion, run, payload, s->payload, &payload)) != SMT_OK)
        return r;
    d->partition = NULL;
    if ((r = outbox_column_of(run, after, s->key, &d->key)) != SMT_OK ||
        (r = outbox_extras(s, run, after)) != SMT_OK ||
        (r = outbox_value(s, run, after, payload, routed)) != SMT_OK)
        return r;
    return outbox_route(s, run, routed);
}

static enum smt_result
outbox_update(const struct outbox *s, struct smt_run *run)
{
    if (s->update == OUTBOX_UPDATE_FATAL)
        return smt_fail(run, "a row of the outbox table was updated");
    smt_say(run, s->update == OUTBOX_UPDATE_ERROR,
            "a row of the outbox table was updated; no message is made of that");
    return SMT_DROP;
}

static enum smt_result
outbox_apply(const struct smt *t, struct smt_run *run)
{
    const struct outbox *s = t->setup;
    const struct node *value = run->draft->value, *op;
    bool null;

    if (!smt_known_null(run, value, &null))
        return SMT_NEED;
    if (null)
        return SMT_DROP;
    if (!draft_is_envelope(run->draft) || value->kind != NODE_STRUCT)
        return SMT_OK;
    op = node_member(value, SLICE_LIT("op"));
    if (!op || op->kind != NODE_TEXT)
        return smt_fail(run, "the envelope has no operation");
    if (slice_is(op->text, "\"d\""))
        return SMT_DROP;
    if (slice_is(op->text, "\"u\""))
        return outbox_update(s, run);
    return outbox_row(s, run, value);
}

const struct smt_type smt_type_event_router = {
    .name = "io.debezium.transforms.outbox.EventRouter",
    .props = &outbox_props,
    .size = sizeof(struct outbox),
    .init = outbox_init,
    .fini = outbox_fini,
    .apply = outbox_apply,
    .doc = "Rows of an outbox table as messages to the topics that they name.",
};
