/*
 * Debezium's TimezoneConverter. A timestamp with time zone keeps its instant and is written with the zone's offset; one without
 * is taken for a time of day there and becomes the instant. Which columns: include.list or exclude.list, of
 *
 *   [ "source:" | "topic:" ] table-or-topic [ ":" field ]
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/num.h"
#include "decoder/node_text.h"
#include "decoder/pgtext_civil.h"
#include "decoder/smt_priv.h"
#include "decoder/zone.h"

enum timezone_of { OF_ANY, OF_TOPIC, OF_TABLE };

struct timezone_rule {
    enum timezone_of of;
    struct slice name, field; /* field p NULL: all */
};

struct timezone_setup {
    struct zone *zone;
    bool exclude;
    size_t n;
    struct timezone_rule *rules;
};

/* clang-format off */
static const struct prop timezone_rows[] = {
    {.name = "converted.timezone", .type = PROP_STRING, .importance = PROP_HIGH, .flags = PROP_REQUIRED,
     .doc = "The zone: Europe/Berlin, or an offset as +02:00. Read from the system's time zone files at start."},
    {.name = "include.list", .type = PROP_LIST, .importance = PROP_MEDIUM,
     .doc = "Fields to convert, as source:table:field, topic:topic:field or table:field; without the field, all of them."},
    {.name = "exclude.list", .type = PROP_LIST, .importance = PROP_MEDIUM, .doc = "Fields to leave, in the same form."},
};
/* clang-format on */
static const struct prop_table timezone_props = SMT_PROPS(timezone_rows);

static bool
timezone_read_rule(struct smt_init *in, struct slice item, struct timezone_rule *rule,
                   enum timezone_of *last)
{
    struct slice part[3] = {0};
    size_t n = 0, from = 1;

    for (const char *p = item.p, *end = item.p + item.n; p <= end; n++) {
        const char *colon = memchr(p, ':', (size_t)(end - p));

        if (n == 3 || p == end)
            return err_set(in->e, ERR_CONFIG, "config.value",
                           "\"%.*s\" is not [source:|topic:]name[:field]", SLICE_ARG(item));
        part[n] = (struct slice){p, (size_t)((colon ? colon : end) - p)};
        p = colon ? colon + 1 : end + 1;
    }
    /* A prefix holds for the items behind it too. */
    if (n > 1 && slice_is(part[0], "source"))
        *last = OF_TABLE;
    else if (n > 1 && slice_is(part[0], "topic"))
        *last = OF_TOPIC;
    else
        from = 0;
    rule->of = *last;
    rule->name = part[from];
    rule->field = n > from + 1 ? part[from + 1] : (struct slice){NULL, 0};
    return true;
}

static bool
timezone_init(struct smt_init *in)
{
    struct timezone_setup *s = in->setup;
    struct smt_list include = smt_read_list(in, "include.list");
    struct smt_list exclude = smt_read_list(in, "exclude.list");
    const struct smt_list *list = include.n ? &include : &exclude;
    enum timezone_of last = OF_ANY;

    if (include.n && exclude.n)
        return err_set(in->e, ERR_CONFIG, "config.value",
                       "include.list and exclude.list exclude each other");
    s->exclude = exclude.n > 0;
    s->rules = arena_alloc(in->a, (list->n + 1) * sizeof(*s->rules));
    for (; s->n < list->n; s->n++)
        if (!timezone_read_rule(in, list->v[s->n], &s->rules[s->n], &last))
            return false;
    s->zone = zone_load(config_str(in->c, "converted.timezone"), in->e);
    return s->zone != NULL;
}

static void
timezone_fini(const void *setup)
{
    zone_free(((const struct timezone_setup *)setup)->zone);
}

/* -------------------------------------------------------------------------------------------------------- values */

/* What one of a unit's is in a second; the number is a time of day in the zone. */
struct timezone_arg {
    const struct timezone_setup *s;
    int64_t per_second;
    bool shift; /* the number is an instant, and is moved by the offset (source.ts_ms) */
};

static enum node_got
call_number(const struct node *n, struct node_run *run, struct buf *out)
{
    const struct timezone_arg *arg = n->arg;
    struct slice json;
    enum node_got got = node_input(n->in, run, &json);
    int64_t v, seconds;

    if (got != NODE_HAS_VALUE || !num_parse_i64(json, &v))
        return got;
    seconds = v / arg->per_second - (v % arg->per_second < 0);
    if (arg->shift)
        v += zone_offset_at(arg->s->zone, seconds) * arg->per_second;
    else
        v -= zone_offset_local(arg->s->zone, seconds) * arg->per_second;
    num_add_i64(out, v);
    return got;
}

static void
put_offset(struct buf *out, int32_t offset)
{
    unsigned v = (unsigned)(offset < 0 ? -offset : offset);

    if (offset == 0) {
        buf_putc(out, 'Z');
        return;
    }
    buf_printf(out, "%c%02u:%02u", offset < 0 ? '-' : '+', v / 3600, v / 60 % 60);
    if (v % 60)
        buf_printf(out, ":%02u", v % 60);
}

/* A text as Debezium writes it, with its quotes; date NULL: a time of day. False: it has another form. */
static bool
read_zoned(struct slice json, struct civil *date, struct clock_time *time, int *offset_s)
{
    const char *p = json.p + 1, *end = json.p + json.n - 1;
    bool negative;

    if (json.n < 2)
        return false;
    if (date) {
        negative = *p == '-';
        p += negative || *p == '+';
        if (!civil_read_date(&p, end, date) || *p++ != 'T')
            return false;
        date->year *= negative ? -1 : 1;
    }
    if (!civil_read_time(&p, end, time))
        return false;
    *offset_s = 0;
    if (*p == 'Z')
        p++;
    else if (!civil_read_offset(&p, end, offset_s))
        return false;
    return p == end;
}

static int
seconds_of_day(const struct clock_time *t)
{
    return (int)(t->hour * 3600 + t->minute * 60 + t->second);
}

/* As java.time prints it: no zeros at the end of the fraction. */
static void
put_time(struct buf *out, int64_t seconds, unsigned nanos, int32_t offset)
{
    unsigned of_day = (unsigned)((seconds % DAY_S + DAY_S) % DAY_S);

    civil_put_time(out, (struct clock_time){of_day / 3600, of_day / 60 % 60, of_day % 60, nanos});
    put_offset(out, offset);
}

static enum node_got
call_timestamp(const struct node *n, struct node_run *run, struct buf *out)
{
    const struct timezone_arg *arg = n->arg;
    struct slice json;
    enum node_got got = node_input(n->in, run, &json);
    struct civil date;
    struct clock_time time;
    int64_t local;
    int32_t offset;
    int was;

    if (got != NODE_HAS_VALUE)
        return got;
    if (!read_zoned(json, &date, &time, &was)) {
        err_set(run->e, ERR_FATAL, "transform.failed",
                "TimezoneConverter: a value cannot be read as a time");
        return NODE_FAILED;
    }
    local = civil_days(date) * DAY_S + seconds_of_day(&time);
    /* Debezium asks for the offset of the time of day, not of the instant. */
    offset = zone_offset_local(arg->s->zone, local);
    local += offset - was;
    buf_putc(out, '"');
    civil_put_date(out, civil_from_days(local / DAY_S - (local % DAY_S < 0)));
    buf_putc(out, 'T');
    put_time(out, local, time.nanos, offset);
    buf_putc(out, '"');
    return got;
}

static enum node_got
call_time(const struct node *n, struct node_run *run, struct buf *out)
{
    const struct timezone_arg *arg = n->arg;
    struct slice json;
    enum node_got got = node_input(n->in, run, &json);
    struct clock_time time;
    int32_t offset;
    int was;

    if (got != NODE_HAS_VALUE)
        return got;
    if (!read_zoned(json, NULL, &time, &was)) {
        err_set(run->e, ERR_FATAL, "transform.failed",
                "TimezoneConverter: a value cannot be read as a time of day");
        return NODE_FAILED;
    }
    offset = zone_offset_at(arg->s->zone, run->c->now_ns / 1000000000);
    buf_putc(out, '"');
    put_time(out, seconds_of_day(&time) + offset - was, time.nanos, offset);
    buf_putc(out, '"');
    return got;
}

/* ------------------------------------------------------------------------------------------------------ applying */

static const struct timezone_type {
    const char *name; /* of the schema */
    node_call call;
    int64_t per_second;
} timezone_types[] = {
    {"io.debezium.time.ZonedTimestamp", call_timestamp, 1},
    {"io.debezium.time.ZonedTime", call_time, 1},
    {"io.debezium.time.MicroTimestamp", call_number, 1000000},
    {"io.debezium.time.NanoTimestamp", call_number, 1000000000},
    {"io.debezium.time.Timestamp", call_number, 1000},
    {"org.apache.kafka.connect.data.Timestamp", call_number, 1000},
};
static const struct timezone_type timezone_epochs[] = {{"ts_ms", call_number, 1000},
                                                       {"ts_us", call_number, 1000000},
                                                       {"ts_ns", call_number, 1000000000}};

/* What is to be done with the fields of one struct. */
struct timezone_scope {
    const struct timezone_setup *s;
    enum timezone_of of;
    struct slice name;
    const char *prefix; /* "before.", "after.", "source." */
    bool all;           /* no list, or no field of this table in it */
};

/* Is the field in the list? source's fields are only by their prefix. */
static bool
scope_lists(const struct timezone_scope *k, struct slice field)
{
    size_t n = strlen(k->prefix);

    for (size_t i = 0; i < k->s->n; i++) {
        const struct timezone_rule *r = &k->s->rules[i];
        struct slice f = r->field;

        if (!f.p || r->of != k->of || !slice_eq(r->name, k->name))
            continue;
        if (f.n > n && memcmp(f.p, k->prefix, n) == 0)
            f = (struct slice){f.p + n, f.n - n};
        else if (memchr(f.p, '.', f.n) || *k->prefix == 's')
            continue;
        if (slice_eq(f, field))
            return true;
    }
    return false;
}

static const struct node *
timezone_field(const struct timezone_scope *k, struct smt_run *run, struct slice name,
               const struct node *n)
{
    bool source = *k->prefix == 's';
    const struct timezone_type *types = source ? timezone_epochs : timezone_types;
    size_t ntypes =
        source ? sizeof(timezone_epochs) / sizeof(*types) : sizeof(timezone_types) / sizeof(*types);
    const char *is = source ? NULL : n->schema->name;

    if (node_is_null(n) || (!source && !is) || (!k->all && scope_lists(k, name) == k->s->exclude))
        return n;
    for (size_t i = 0; i < ntypes; i++) {
        struct timezone_arg *arg;

        if (source ? !slice_is(name, types[i].name) : strcmp(is, types[i].name) != 0)
            continue;
        arg = arena_alloc(run->draft->arena, sizeof(*arg));
        *arg = (struct timezone_arg){k->s, types[i].per_second, source};
        return node_calling(run->draft->arena, n->schema, types[i].call, n, arg);
    }
    return n;
}

static const struct node *
timezone_struct(const struct timezone_scope *k, struct smt_run *run, const struct node *n)
{
    struct node_builder b;

    if (n->kind != NODE_STRUCT)
        return n;
    node_build(&b, run->draft->arena, n->schema);
    for (size_t i = 0; i < n->schema->nfields; i++)
        node_add(&b, n->schema->fields[i].name,
                 timezone_field(k, run, n->schema->fields[i].name, n->members[i]));
    return node_with_schema(run->draft->arena, node_built(&b), n->schema);
}

/* The list's entry that counts for the record: by topic, by table, then without a prefix by either. False: none. */
static bool
timezone_match(const struct timezone_setup *s, struct slice topic, struct slice table,
               struct timezone_scope *k, bool *fields)
{
    const struct {
        enum timezone_of of;
        struct slice name;
    } tries[] = {{OF_TOPIC, topic}, {OF_TABLE, table}, {OF_ANY, topic}, {OF_ANY, table}};
    bool found = false;

    *fields = false;
    for (size_t t = 0; t < 4 && !found; t++)
        for (size_t i = 0; i < s->n; i++)
            if (s->rules[i].of == tries[t].of && slice_eq(s->rules[i].name, tries[t].name)) {
                found = true;
                k->of = tries[t].of;
                k->name = tries[t].name;
                *fields |= s->rules[i].field.p != NULL;
            }
    return found;
}

static enum smt_result
timezone_apply(const struct smt *t, struct smt_run *run)
{
    static const char *const parts[] = {"before", "after", "source"};
    const struct timezone_setup *s = t->setup;
    struct draft *d = run->draft;
    struct timezone_scope k = {.s = s};
    const struct plan *plan = d->plan;
    struct node_builder b;
    bool fields, found;

    if (d->value->kind != NODE_STRUCT || !draft_is_envelope(d))
        return SMT_OK;
    found = timezone_match(s, slice_of(d->topic), plan->rel ? plan->rel->table : SLICE_LIT(""), &k,
                           &fields);
    /* Named without fields: all are converted by include.list, and none by exclude.list. */
    if (s->n && (s->exclude ? found && !fields : !found))
        return SMT_OK;
    k.all = !found || !fields;
    node_build(&b, d->arena, d->value->schema);
    for (size_t i = 0; i < d->value->schema->nfields; i++) {
        struct slice name = d->value->schema->fields[i].name;
        const struct node *m = d->value->members[i];

        for (size_t p = 0; p < 3; p++)
            if ((p < 2 || (!k.all && !s->exclude)) && slice_is(name, parts[p])) {
                k.prefix = arena_printf(d->arena, "%s.", parts[p]);
                m = timezone_struct(&k, run, m);
            }
        node_add(&b, name, m);
    }
    d->value = node_with_schema(d->arena, node_built(&b), d->value->schema);
    return SMT_OK;
}

const struct smt_type smt_type_timezone_converter = {
    .name = "io.debezium.transforms.TimezoneConverter",
    .props = &timezone_props,
    .size = sizeof(struct timezone_setup),
    .init = timezone_init,
    .fini = timezone_fini,
    .apply = timezone_apply,
    .doc = "Timestamps in another time zone.",
};
