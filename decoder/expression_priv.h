/* Inside expressions: reading them (expression_read.c), and what they are for a record (expression.c). */
#ifndef DECODER_EXPRESSION_PRIV_H
#define DECODER_EXPRESSION_PRIV_H

#include "decoder/expression.h"

enum expression_kind {
    EXPR_CHOICE,
    EXPR_OR,
    EXPR_AND,
    EXPR_NOT,
    EXPR_COMPARE,
    EXPR_JOIN,
    EXPR_LITERAL,
    EXPR_PATH,
};

enum compare_op { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE };

struct expression {
    enum expression_kind kind;
    const struct expression *a, *b, *c;
    enum compare_op op;
    struct slice json; /* a literal; n 0: null */
    size_t nsteps;     /* of a path, the root first */
    struct slice *steps;
    bool *safe; /* by "?.": null stays null */
};

#endif
