/*
 * Kafka Connect's single message transforms and predicates, as far as they are built in. A chain is read from the
 * configuration once; it is applied to drafts, when a record's program is made, and not to records. A transform that must
 * know a value to decide what becomes of the record asks for it (smt_known): then there is one program for each value.
 */
#ifndef DECODER_SMT_H
#define DECODER_SMT_H

#include "base/prop.h"
#include "decoder/draft.h"
#include "decoder/record.h"

/* The chain of a connector. */
struct smt_chain;

/*
 * Reads transforms, predicates and what belongs to them. run_id: header __debezium.context.runId. *out stays NULL when
 * there are none.
 */
bool smt_chain_new(const struct config *c, const struct settings *s, const char *run_id,
                   struct smt_chain **out, struct err *e);
void smt_chain_free(struct smt_chain *chain);
/* Every problem of the transforms and predicates that a configuration names. Called for each; returns how many are errors. */
typedef void (*smt_issue)(void *arg, bool is_error, const char *property, const char *text);
unsigned smt_check(const struct config *c, smt_issue issue, void *arg);

const struct draft_context *smt_context(const struct smt_chain *chain);
/* Records that a transform fails on are left out: errors.tolerance=all. */
bool smt_tolerant(const struct smt_chain *chain);
/* One pointer for each name, for as long as the chain lives. Any thread. NULL: too many. */
const char *smt_intern(const struct smt_chain *chain, struct slice topic);

/* A value that a transform has asked for. */
struct smt_value {
    struct slice json;
    bool null;
};

enum smt_result {
    SMT_OK,
    SMT_DROP, /* the record is left out */
    SMT_NEED, /* need is a value that must be known */
    SMT_FAIL, /* as the real one would fail the task; e is set */
};

struct smt_run {
    const struct smt_chain *chain;
    struct draft *draft;
    struct err *e;
    /* The values asked for so far, in the order of asking. */
    size_t nknown, asked;
    const struct smt_value *known;
    const struct node *need;
    /* What to say of every record that comes to this; "": nothing. */
    struct smt_note note;
};

/* Applies the chain to run->draft. */
enum smt_result smt_apply(struct smt_run *run);

/* What there is: for (size_t i = 0; smt_next(&i, &info);) */
struct smt_info {
    const char *name; /* of the class, without $Key and $Value */
    bool predicate, sides;
    const struct prop_table *props;
    const char *doc;
};
bool smt_next(size_t *i, struct smt_info *info);
/* The one of that name, in full or its last part, with $Key or $Value or without; false: there is none. */
bool smt_named(const char *class_name, struct smt_info *info);

#endif
