/* Kafka's predicates, and its Filter. */
#include <string.h>

#include "decoder/smt_priv.h"

static const struct prop_table no_props = {NULL, 0};

/* ------------------------------------------------------------------------------------------- TopicNameMatches */

struct topic_matches {
    struct pattern_swap *pattern;
};

static const struct prop topic_rows[] = {
    {.name = "pattern",
     .type = PROP_STRING,
     .importance = PROP_MEDIUM,
     .flags = PROP_REQUIRED,
     .doc = "Java regular expression that has to match the whole topic."},
};
static const struct prop_table topic_props = {topic_rows, 1};

static bool
topic_init(struct smt_init *in)
{
    struct topic_matches *m = in->setup;

    m->pattern = pattern_swap_new(config_str(in->c, "pattern"), NULL, in->e);
    return m->pattern != NULL;
}

static void
topic_fini(const void *setup)
{
    pattern_swap_free(((const struct topic_matches *)setup)->pattern);
}

static enum smt_result
topic_test(const struct smt *t, struct smt_run *run, bool *holds)
{
    const struct topic_matches *m = t->setup;

    *holds = pattern_swap_match(m->pattern, slice_of(run->draft->topic), NULL);
    return SMT_OK;
}

const struct smt_type smt_type_topic_name_matches = {
    .name = "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
    .predicate = true,
    .props = &topic_props,
    .size = sizeof(struct topic_matches),
    .init = topic_init,
    .fini = topic_fini,
    .test = topic_test,
    .doc = "Holds for topics that match a regular expression.",
};

/* ----------------------------------------------------------------------------------------------- HasHeaderKey */

struct has_header {
    const char *name;
};

static const struct prop header_rows[] = {
    {.name = "name",
     .type = PROP_STRING,
     .importance = PROP_MEDIUM,
     .flags = PROP_REQUIRED,
     .doc = "Name of the header."},
};
static const struct prop_table header_props = {header_rows, 1};

static bool
header_init(struct smt_init *in)
{
    ((struct has_header *)in->setup)->name = arena_strdup(in->a, config_str(in->c, "name"));
    return true;
}

static enum smt_result
header_test(const struct smt *t, struct smt_run *run, bool *holds)
{
    *holds = draft_header(run->draft, ((const struct has_header *)t->setup)->name) != NULL;
    return SMT_OK;
}

const struct smt_type smt_type_has_header_key = {
    .name = "org.apache.kafka.connect.transforms.predicates.HasHeaderKey",
    .predicate = true,
    .props = &header_props,
    .size = sizeof(struct has_header),
    .init = header_init,
    .test = header_test,
    .doc = "Holds for records that have a header of a name.",
};

/* ------------------------------------------------------------------------------------------ RecordIsTombstone */

static enum smt_result
tombstone_test(const struct smt *t, struct smt_run *run, bool *holds)
{
    (void)t;
    return smt_known_null(run, run->draft->value, holds) ? SMT_OK : SMT_NEED;
}

const struct smt_type smt_type_is_tombstone = {
    .name = "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
    .predicate = true,
    .props = &no_props,
    .test = tombstone_test,
    .doc = "Holds for records whose value is null.",
};

/* ----------------------------------------------------------------------------------------------------- Filter */

static enum smt_result
filter_apply(const struct smt *t, struct smt_run *run)
{
    (void)t, (void)run;
    return SMT_DROP;
}

const struct smt_type smt_type_filter = {
    .name = "org.apache.kafka.connect.transforms.Filter",
    .props = &no_props,
    .apply = filter_apply,
    .doc = "Leaves records out: those that its predicate holds for, or all.",
};
