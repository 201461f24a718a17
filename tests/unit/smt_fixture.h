/* Records as a chain of transforms leaves them, without a server: the changes of a table "public.item". */
#ifndef TESTS_UNIT_SMT_FIXTURE_H
#define TESTS_UNIT_SMT_FIXTURE_H

#include "decoder/encoder.h"
#include "decoder/smt.h"
#include "tests/unit/decoder_fixture.h"

struct smtfix {
    struct dfix d;
    struct config *config;
    struct smt_chain *chain;
    const struct plan *plan;
    struct plan *event;
    struct encoder *enc;
    struct recbuf out;
    struct buf text;
    struct txn txn;
    struct txn_block block;
    bool with_block;
    struct value before[8], after[8];
    struct err e;
};

/* item (id int primary key, name text not null default 'none', body text, amount numeric(6,2), at timestamptz) */
enum { SMTFIX_COLS = 5 };

void smtfix_open(struct smtfix *f);
void smtfix_close(struct smtfix *f);
/* Property, value, …, NULL: a chain, and the table's plan under it. False: f->e is set. Settings may be changed before. */
bool smtfix_chain(struct smtfix *f, const char *const *pairs);
/* Texts of the row's columns; NULL is NULL. n fewer: the rest is NULL. NULL for a row: there is none. */
bool smtfix_encode(struct smtfix *f, enum change_op op, const char *const *before,
                   const char *const *after);
bool smtfix_encode_event(struct smtfix *f, enum change_op op);
/* The records: "topic|key|value|header=text,…" and a line feed for each; ~ is null, @n a partition, !n a timestamp. */
const char *smtfix_text(struct smtfix *f);

#define SMT_CHAIN(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SMT_ROW(...) ((const char *const[SMTFIX_COLS]){__VA_ARGS__})

#endif
