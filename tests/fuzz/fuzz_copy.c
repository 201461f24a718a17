/* A row of COPY's text form, split eight bytes at a time and in place, is what reading it byte by byte gives. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replicator/pg/copy_text.h"

enum { COLS = 5 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static char
plain(char c)
{
    static const char from[] = "bfnrtv", to[] = "\b\f\n\r\t\v";
    const char *at = c ? strchr(from, c) : NULL;

    return at ? to[at - from] : c;
}

/* The field that begins at *at; false: it was the last one. */
static bool
slow_field(const char *row, size_t n, size_t *at, char *out, size_t *nout, bool *null)
{
    size_t from = *at;

    *nout = 0;
    while (*at < n && row[*at] != '\t') {
        bool escape = row[*at] == '\\' && *at + 1 < n;

        *at += escape;
        out[(*nout)++] = escape ? plain(row[*at]) : row[*at];
        ++*at;
    }
    *null = *at - from == 2 && row[from] == '\\' && row[from + 1] == 'N';
    return (*at)++ < n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uint16_t cols[COLS] = {4, 2, 0, 1, 3};
    char *fast = malloc(n ? n : 1), *slow = malloc(n ? n : 1), *field = malloc(n ? n : 1);
    struct value v[COLS];
    unsigned got, fields = 0;
    size_t at = 0, nfield;
    bool more = true, null;

    if (n) {
        memcpy(fast, data, n);
        memcpy(slow, data, n);
    }
    got = copy_text_split(fast, n, cols, COLS, v);
    while (more && fields < COLS) {
        const struct value *is = &v[cols[fields++]];

        more = slow_field(slow, n, &at, field, &nfield, &null);
        must(null == (is->kind == VALUE_NULL), "only \\N is null");
        must(null || (is->n == nfield && memcmp(is->p, field, nfield) == 0), "the same bytes");
    }
    must(got == fields + more, "the same number of fields");
    free(fast);
    free(slow);
    free(field);
    return 0;
}
