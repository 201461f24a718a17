#define PCRE2_CODE_UNIT_WIDTH 8
#include "sinks/kafka/topic.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* -------------------------------------------------------------------------------------------------------- rules */

#define PREFIX "topic.creation."

enum { PATTERNS_MAX = 200 };

struct patterns {
    pcre2_code *code[PATTERNS_MAX];
    size_t n;
};

struct rule {
    char *name; /* of the group */
    struct patterns include, exclude;
    int partitions, replication;
    size_t nsettings;
    struct setting {
        const char *name, *value;
    } * settings;
};

struct kafka_rules {
    struct arena arena;
    struct rule *rules; /* groups in their order, the default last */
    size_t n;
};

static bool
patterns_add(struct patterns *list, const char *property, const char *text, struct err *e)
{
    struct buf one;
    const char *pos = text;
    bool ok = true;

    buf_init(&one, 4096);
    while (ok && config_list_next(&pos, &one)) {
        int code;
        PCRE2_SIZE at;
        PCRE2_UCHAR why[200];

        if (list->n == PATTERNS_MAX) {
            ok = err_set(e, ERR_CONFIG, "kafka.topic_creation",
                         "property \"%s\": more than %d expressions", property, PATTERNS_MAX);
            break;
        }
        list->code[list->n] =
            pcre2_compile((PCRE2_SPTR)one.p, one.n, PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF,
                          &code, &at, NULL);
        if (list->code[list->n]) {
            list->n++;
            continue;
        }
        pcre2_get_error_message(code, why, sizeof why);
        ok = err_set(e, ERR_CONFIG, "kafka.topic_creation",
                     "property \"%s\": \"%.200s\" is no regular expression: %s", property,
                     buf_cstr(&one), (const char *)why);
    }
    buf_free(&one);
    return ok;
}

static void
patterns_free(struct patterns *list)
{
    for (size_t i = 0; i < list->n; i++)
        pcre2_code_free(list->code[i]);
}

static bool
patterns_match(const struct patterns *list, const char *topic)
{
    for (size_t i = 0; i < list->n; i++) {
        pcre2_match_data *m = pcre2_match_data_create_from_pattern(list->code[i], NULL);
        int r = pcre2_match(list->code[i], (PCRE2_SPTR)topic, strlen(topic), 0, 0, m, NULL);

        pcre2_match_data_free(m);
        if (r >= 0)
            return true;
    }
    return false;
}

static bool
rule_count(const char *property, const char *value, int *out, struct err *e)
{
    char *end;
    long n = strtol(value, &end, 10);

    if (end == value || *end != '\0' || n < -1 || n == 0 || n > 100000)
        return err_set(e, ERR_CONFIG, "kafka.topic_creation",
                       "property \"%s\": got \"%.40s\", expected a positive number, or -1 for the "
                       "broker's default",
                       property, value);
    *out = (int)n;
    return true;
}

/* All topic.creation.<group>.* of one group. */
static bool
rule_read(struct kafka_rules *r, struct rule *rule, const struct config *c, struct err *e)
{
    char *prefix = arena_printf(&r->arena, PREFIX "%s.", rule->name);
    const char *key, *value;
    bool ok = true;

    for (size_t i = 0; ok && config_next(c, &i, &key, &value);) {
        const char *name = key + strlen(prefix);

        if (strncmp(key, prefix, strlen(prefix)) != 0)
            continue;
        if (strcmp(name, "include") == 0) {
            ok = patterns_add(&rule->include, key, value, e);
        } else if (strcmp(name, "exclude") == 0) {
            ok = patterns_add(&rule->exclude, key, value, e);
        } else if (strcmp(name, "partitions") == 0) {
            ok = rule_count(key, value, &rule->partitions, e);
        } else if (strcmp(name, "replication.factor") == 0) {
            ok = rule_count(key, value, &rule->replication, e);
        } else {
            rule->settings = mem_grow(rule->settings, rule->nsettings + 1, sizeof *rule->settings);
            rule->settings[rule->nsettings++] =
                (struct setting){arena_strdup(&r->arena, name), arena_strdup(&r->arena, value)};
        }
    }
    return ok;
}

static struct rule *
rule_add(struct kafka_rules *r, const char *name, size_t n)
{
    r->rules = mem_grow(r->rules, r->n + 1, sizeof *r->rules);
    memset(&r->rules[r->n], 0, sizeof *r->rules);
    r->rules[r->n].name = arena_strndup(&r->arena, name, n);
    return &r->rules[r->n++];
}

static bool
rules_read(struct kafka_rules *r, const struct config *c, struct err *e)
{
    const char *groups = kafka_given(c, PREFIX "groups"), *pos = groups ? groups : "";
    struct rule base = {.name = arena_strdup(&r->arena, "default")};
    struct buf one;
    bool ok = rule_read(r, &base, c, e);

    buf_init(&one, 1024);
    while (ok && config_list_next(&pos, &one)) {
        struct rule *rule;

        if (strcmp(buf_cstr(&one), "default") == 0)
            continue;
        rule = rule_add(r, one.p, one.n);
        rule->partitions = base.partitions;
        rule->replication = base.replication;
        ok = rule_read(r, rule, c, e);
        if (ok && rule->include.n == 0)
            ok = err_set(e, ERR_CONFIG, "kafka.topic_creation",
                         "property \"" PREFIX
                         "%s.include\" is missing: it says which topics belong to the group",
                         rule->name);
    }
    buf_free(&one);
    *rule_add(r, "", 0) = base;
    return ok;
}

bool
kafka_rules_new(const struct config *c, struct kafka_rules **out, struct err *e)
{
    const char *enable = kafka_given(c, PREFIX "enable");
    bool replicas = kafka_given(c, PREFIX "default.replication.factor") != NULL;
    bool partitions = kafka_given(c, PREFIX "default.partitions") != NULL;
    struct kafka_rules *r;

    *out = NULL;
    if ((enable && strcasecmp(enable, "false") == 0) || (!replicas && !partitions))
        return true;
    if (!replicas || !partitions)
        return err_set(e, ERR_CONFIG, "kafka.topic_creation",
                       "property \"" PREFIX
                       "default.%s\" is missing: creating topics needs it beside the other",
                       replicas ? "partitions" : "replication.factor");
    r = mem_alloc(sizeof *r);
    arena_init(&r->arena);
    if (!rules_read(r, c, e)) {
        kafka_rules_free(r);
        return false;
    }
    *out = r;
    return true;
}

void
kafka_rules_free(struct kafka_rules *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n; i++) {
        patterns_free(&r->rules[i].include);
        patterns_free(&r->rules[i].exclude);
        free(r->rules[i].settings);
    }
    free(r->rules);
    arena_free(&r->arena);
    free(r);
}

rd_kafka_NewTopic_t *
kafka_rules_topic(const struct kafka_rules *r, const char *topic, struct err *e)
{
    const struct rule *rule = r->rules;
    rd_kafka_NewTopic_t *t;
    char why[256];

    /* The last one is the default, which takes all. */
    while (rule < r->rules + r->n - 1 &&
           !(patterns_match(&rule->include, topic) && !patterns_match(&rule->exclude, topic)))
        rule++;
    t = rd_kafka_NewTopic_new(topic, rule->partitions, rule->replication, why, sizeof why);
    if (!t) {
        err_set(e, ERR_CONFIG, "kafka.topic_creation", "cannot create topic \"%s\": %s", topic,
                why);
        return NULL;
    }
    for (size_t i = 0; i < rule->nsettings; i++)
        rd_kafka_NewTopic_set_config(t, rule->settings[i].name, rule->settings[i].value);
    return t;
}

/* --------------------------------------------------------------------------------------------------------- life */

static bool
topic_open(struct kafka_topic *t, rd_kafka_t *rk, struct err *e)
{
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(rk);

    rd_kafka_topic_conf_set_opaque(conf, t);
    t->rkt = rd_kafka_topic_new(rk, t->name, conf);
    if (!t->rkt)
        return kafka_err(e, rd_kafka_last_error(), "topic \"%s\"", t->name);
    t->state = KAFKA_TOPIC_OPEN;
    return true;
}

static bool
topic_create(struct kafka_topic *t, rd_kafka_t *rk, const struct kafka_rules *r,
             rd_kafka_queue_t *queue, struct err *e)
{
    rd_kafka_NewTopic_t *new_topic = kafka_rules_topic(r, t->name, e);
    rd_kafka_AdminOptions_t *options;
    char why[200];

    if (!new_topic)
        return false;
    options = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_request_timeout(options, 10000, why, sizeof why);
    rd_kafka_AdminOptions_set_operation_timeout(options, 5000, why, sizeof why);
    rd_kafka_AdminOptions_set_opaque(options, t);
    rd_kafka_CreateTopics(rk, &new_topic, 1, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(new_topic);
    t->state = KAFKA_TOPIC_CREATING;
    return true;
}

enum sink_put
kafka_topic_prepare(struct kafka_topic *t, rd_kafka_t *rk, const struct kafka_rules *r,
                    rd_kafka_queue_t *queue, struct err *e)
{
    switch (t->state) {
    case KAFKA_TOPIC_OPEN:
        return SINK_TAKEN;
    case KAFKA_TOPIC_CREATING:
        return SINK_FULL;
    case KAFKA_TOPIC_WAITING:
        if (clock_mono_us() < t->retry_us)
            return SINK_FULL;
        break;
    case KAFKA_TOPIC_NEW:
        if (!r)
            return topic_open(t, rk, e) ? SINK_TAKEN : SINK_ERROR;
        break;
    }
    return topic_create(t, rk, r, queue, e) ? SINK_FULL : SINK_ERROR;
}

bool
kafka_topic_created(rd_kafka_event_t *ev, rd_kafka_t *rk, struct err *e)
{
    struct kafka_topic *t = rd_kafka_event_opaque(ev);
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(ev);
    rd_kafka_resp_err_t code = rd_kafka_event_error(ev);
    const char *text = rd_kafka_event_error_string(ev);
    size_t n = 0;
    const rd_kafka_topic_result_t **topics =
        result ? rd_kafka_CreateTopics_result_topics(result, &n) : NULL;

    if (!code && n == 1) {
        code = rd_kafka_topic_result_error(topics[0]);
        text = rd_kafka_topic_result_error_string(topics[0]);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        log_info("kafka: created topic \"%s\"", t->name);
        return topic_open(t, rk, e);
    }
    if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return topic_open(t, rk, e);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE) {
        /* It may exist all the same; if not, the first record says so. */
        log_warn("kafka: cannot create topic \"%s\" (%s), going on as if it existed", t->name,
                 text ? text : rd_kafka_err2str(code));
        return topic_open(t, rk, e);
    }
    if (kafka_err_class(code) != ERR_RETRY)
        return kafka_err(e, code, "cannot create topic \"%s\": %s", t->name, text ? text : "");
    t->retry_us = clock_mono_us() + clock_backoff_ms(t->attempts++, 200, 10000) * 1000;
    t->state = KAFKA_TOPIC_WAITING;
    log_warn("kafka: cannot create topic \"%s\" yet (%s), trying again", t->name,
             text ? text : rd_kafka_err2str(code));
    return true;
}
