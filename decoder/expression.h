/*
 * The part of Groovy and JavaScript that Filter and ContentBasedRouter are mostly used with:
 *
 *   choice  = or [ "?" choice ":" choice ]
 *   or      = and { "||" and }            and   = not { "&&" not }
 *   not     = "!" not | compare           compare = sum [ ( "==" | "!=" | "===" | "!==" | "<" | "<=" | ">" | ">=" ) sum ]
 *   sum     = operand { "+" operand }
 *   operand = "(" choice ")" | 'text' | "text" | number | "true" | "false" | "null" | path
 *   path    = root { ( "." | "?." ) name | "[" text "]" | ".get(" text ")" }
 *   root    = "value" | "key" | "topic" | "header" | "valueSchema" | "keySchema"
 *
 * header.name.value is a header's value; valueSchema.name a schema's name. "+" joins texts.
 */
#ifndef DECODER_EXPRESSION_H
#define DECODER_EXPRESSION_H

#include "decoder/smt_priv.h"

struct expression;

/* In the arena. NULL: e says what is not understood, and where. */
const struct expression *expression_parse(struct arena *a, const char *text, struct err *e);
/* What it is for the draft: a constant, or a node that is true, false or a text for each row. */
enum smt_result expression_node(const struct expression *x, struct smt_run *run,
                                const struct node **out);

#endif
