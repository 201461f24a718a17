/*
 * Lists of regular expressions as Debezium's properties hold them: Java's, anchored at both ends, mostly without regard to
 * case. Asked when relations are looked at, never per row; one thread at a time.
 */
#ifndef DECODER_PATTERN_H
#define DECODER_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"

struct pattern;

struct pattern_list {
    size_t n;
    struct pattern *v;
    void *match; /* PCRE2's scratch */
};

/* Adds one expression of the property `prop`; a NUL comes somewhere behind the text. */
bool pattern_add(struct pattern_list *l, const char *prop, struct slice text, bool case_sensitive,
                 struct err *e);
/* Adds each of a comma list ("\," is a comma); NULL: none. */
bool pattern_add_list(struct pattern_list *l, const char *prop, const char *list,
                      bool case_sensitive, struct err *e);
/* Whether the expression at a position matches the whole name. */
bool pattern_matches(const struct pattern_list *l, size_t at, struct slice name);
/* Position of the first expression that matches the whole name; -1: none. */
int pattern_first(const struct pattern_list *l, struct slice name);
void pattern_list_free(struct pattern_list *l);

/* "a.b", or "a.b.c" when c.p is not NULL. Names are at most 63 characters each; longer ones give "", which none matches. */
enum { PATTERN_NAME_MAX = 64 * 3 * 4 };
struct slice pattern_name(char dst[PATTERN_NAME_MAX], struct slice a, struct slice b,
                          struct slice c);

#endif
