#include "decoder/pattern_swap.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/mem.h"
#include "decoder/pattern_priv.h"

/*
 * The replacement, cut up. Java: "\x" is x, "$1" a group by number (as many digits as make a group that exists), "${a}" one
 * by name.
 */
struct swap_part {
    struct slice text;
    int group; /* -1: the text itself */
};

struct pattern_swap {
    /* replaceFirst looks for the first match anywhere, even when another one covers the whole text. */
    pcre2_code *whole, *first;
    struct swap_part *parts;
    size_t nparts;
    char *text; /* the parts' characters */
};

static void
swap_add(struct pattern_swap *s, struct slice text, int group)
{
    s->parts = mem_grow(s->parts, s->nparts + 1, sizeof(*s->parts));
    s->parts[s->nparts++] = (struct swap_part){text, group};
}

/* "$…" at p: the group, and in *n how many bytes it was; -1: e is set. */
static int
swap_group(const struct pattern_swap *s, const char *p, size_t *n, struct err *e)
{
    uint32_t groups = 0;
    unsigned group;

    pcre2_pattern_info(s->first, PCRE2_INFO_CAPTURECOUNT, &groups);
    if (p[1] == '{') {
        const char *close = strchr(p, '}');
        char name[64];
        int found;

        if (!close || close - p - 2 >= (long)sizeof(name) || close == p + 2)
            return err_set(e, ERR_CONFIG, "config.value", "\"${\" is not closed by \"}\""), -1;
        memcpy(name, p + 2, (size_t)(close - p) - 2);
        name[close - p - 2] = '\0';
        found = pcre2_substring_number_from_name(s->first, (PCRE2_SPTR)name);
        if (found < 0)
            return err_set(e, ERR_CONFIG, "config.value", "the expression has no group \"%s\"",
                           name),
                   -1;
        *n = (size_t)(close - p) + 1;
        return found;
    }
    if (!isdigit((unsigned char)p[1]))
        return err_set(e, ERR_CONFIG, "config.value",
                       "\"$\" must be followed by a group; write \"\\$\" for the character"),
               -1;
    group = (unsigned)(p[1] - '0');
    *n = 2;
    while (isdigit((unsigned char)p[*n]) && group * 10 + (unsigned)(p[*n] - '0') <= groups)
        group = group * 10 + (unsigned)(p[(*n)++] - '0');
    if (group > groups)
        return err_set(e, ERR_CONFIG, "config.value", "the expression has no group %u", group), -1;
    return (int)group;
}

static bool
swap_read(struct pattern_swap *s, const char *p, struct err *e)
{
    while (*p) {
        size_t n = strcspn(p, "\\$");

        if (n) {
            swap_add(s, (struct slice){p, n}, -1);
        } else if (*p == '\\') {
            if (!p[1])
                return err_set(e, ERR_CONFIG, "config.value",
                               "a character must follow the last \"\\\"");
            swap_add(s, (struct slice){p + 1, 1}, -1);
            n = 2;
        } else {
            int group = swap_group(s, p, &n, e);

            if (group < 0)
                return false;
            swap_add(s, (struct slice){NULL, 0}, group);
        }
        p += n;
    }
    return true;
}

struct pattern_swap *
pattern_swap_new(const char *regex, const char *replacement, struct err *e)
{
    struct pattern_swap *s = mem_alloc(sizeof(*s));

    s->whole = pattern_code("regex", slice_of(regex), PATTERN_WHOLE, e);
    s->first = s->whole ? pattern_code("regex", slice_of(regex), 0, e) : NULL;
    if (s->first && replacement)
        s->text = mem_strdup(replacement);
    if (s->first && (!replacement || swap_read(s, s->text, e)))
        return s;
    pattern_swap_free(s);
    return NULL;
}

void
pattern_swap_free(struct pattern_swap *s)
{
    if (!s)
        return;
    pcre2_code_free(s->whole);
    pcre2_code_free(s->first);
    free(s->parts);
    free(s->text);
    free(s);
}

static void
swap_put(const struct pattern_swap *s, struct slice text, const PCRE2_SIZE *at, struct buf *out)
{
    buf_add(out, text.p, at[0]);
    for (size_t i = 0; i < s->nparts; i++) {
        const struct swap_part *part = &s->parts[i];

        if (part->group < 0)
            buf_slice(out, part->text);
        else if (at[2 * part->group] != PCRE2_UNSET)
            buf_add(out, text.p + at[2 * part->group],
                    at[2 * part->group + 1] - at[2 * part->group]);
    }
    buf_add(out, text.p + at[1], text.n - at[1]);
}

bool
pattern_swap_match(const struct pattern_swap *s, struct slice text, struct buf *out)
{
    pcre2_match_data *m = pcre2_match_data_create_from_pattern(s->whole, NULL);
    bool matches = pcre2_match(s->whole, (PCRE2_SPTR)text.p, text.n, 0, 0, m, NULL) >= 0;

    if (matches && out && pcre2_match(s->first, (PCRE2_SPTR)text.p, text.n, 0, 0, m, NULL) >= 0)
        swap_put(s, text, pcre2_get_ovector_pointer(m), out);
    pcre2_match_data_free(m);
    return matches;
}
