/*
 * Java's properties syntax:
 *
 *   file     = { blank | comment | entry }
 *   comment  = blanks ( "#" | "!" ) …
 *   entry    = blanks key [ blanks ] [ "=" | ":" ] [ blanks ] value      a "\" at a line's end goes on in the next line,
 *                                                                       whose leading blanks are dropped
 *   escape   = "\t" | "\n" | "\r" | "\f" | "\uXXXX" | "\" any            any other: that character
 *
 * Unlike Java we take the file as UTF-8 rather than Latin-1, and a NUL or half a surrogate pair is an error.
 */
#include "replicator/conf_props.h"

#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/utf8.h"

struct props {
    const char *p, *end;
    unsigned line;
    struct buf key, value;
};

static bool
bad(const struct props *r, const char *what, struct err *e)
{
    return err_set(e, ERR_CONFIG, "config.syntax", "line %u: %s", r->line, what);
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static bool
is_eol(char c)
{
    return c == '\n' || c == '\r';
}

static void
skip_eol(struct props *r)
{
    if (r->p == r->end)
        return;
    if (*r->p == '\r' && r->p + 1 < r->end && r->p[1] == '\n')
        r->p++;
    r->p++;
    r->line++;
}

/* "\" + end of line: over to the next line's first character that is not blank. */
static bool
skip_continuation(struct props *r)
{
    if (r->p + 1 >= r->end || *r->p != '\\' || !is_eol(r->p[1]))
        return false;
    r->p++;
    skip_eol(r);
    while (r->p < r->end && is_blank(*r->p))
        r->p++;
    return true;
}

static void
skip_blanks(struct props *r)
{
    while (r->p < r->end) {
        if (is_blank(*r->p))
            r->p++;
        else if (!skip_continuation(r))
            break;
    }
}

/* The four digits behind "\u". */
static bool
read_unit(struct props *r, unsigned *unit, struct err *e)
{
    *unit = 0;
    if (r->end - r->p < 4)
        return bad(r, "\\u needs four hexadecimal digits", e);
    for (int i = 0; i < 4; i++) {
        int d = num_hex_digit(*r->p++);

        if (d < 0)
            return bad(r, "\\u needs four hexadecimal digits", e);
        *unit = *unit << 4 | (unsigned)d;
    }
    return true;
}

static bool
read_unicode(struct props *r, struct buf *out, struct err *e)
{
    unsigned hi, lo;

    if (!read_unit(r, &hi, e))
        return false;
    if (hi >= 0xd800 && hi < 0xdc00) {
        if (r->end - r->p < 2 || r->p[0] != '\\' || r->p[1] != 'u')
            return bad(r, "half a surrogate pair", e);
        r->p += 2;
        if (!read_unit(r, &lo, e))
            return false;
        if (lo < 0xdc00 || lo > 0xdfff)
            return bad(r, "half a surrogate pair", e);
        hi = utf8_of_units(hi, lo);
    } else if (hi >= 0xdc00 && hi < 0xe000) {
        return bad(r, "half a surrogate pair", e);
    }
    if (hi == 0)
        return bad(r, "a NUL character is not allowed", e);
    utf8_put(out, hi);
    return true;
}

/* One character of a key or value, with its escape; the caller has seen that there is one. */
static bool
read_char(struct props *r, struct buf *out, struct err *e)
{
    static const char from[] = "tnrf", to[] = "\t\n\r\f";
    const char *known;
    char c = *r->p++;

    if (c == '\0')
        return bad(r, "a NUL character is not allowed", e);
    if (c != '\\') {
        buf_putc(out, c);
        return true;
    }
    if (r->p == r->end)
        return true; /* a lone backslash ends the file: dropped, as Java does */
    c = *r->p++;
    if (c == 'u')
        return read_unicode(r, out, e);
    if (c == '\0')
        return bad(r, "a NUL character is not allowed", e);
    known = strchr(from, c);
    buf_putc(out, known ? to[known - from] : c);
    return true;
}

static bool
read_entry(struct props *r, struct err *e)
{
    buf_clear(&r->key);
    buf_clear(&r->value);
    while (r->p < r->end && !is_eol(*r->p) && !is_blank(*r->p) && *r->p != '=' && *r->p != ':')
        if (!skip_continuation(r) && !read_char(r, &r->key, e))
            return false;
    skip_blanks(r);
    if (r->p < r->end && (*r->p == '=' || *r->p == ':')) {
        r->p++;
        skip_blanks(r);
    }
    while (r->p < r->end && !is_eol(*r->p))
        if (!skip_continuation(r) && !read_char(r, &r->value, e))
            return false;
    if (r->key.n == 0)
        return bad(r, "a name is missing", e);
    if (!buf_ok(&r->key) || !buf_ok(&r->value))
        return bad(r, "too long", e);
    return true;
}

bool
props_parse(const char *text, size_t n, props_each each, void *arg, struct err *e)
{
    struct props r = {.p = text, .end = text + n, .line = 1};
    bool ok = true;

    /* Neither can be longer than the file, apart from the end's NUL. */
    buf_init(&r.key, n + 1);
    buf_init(&r.value, n + 1);
    while (ok && r.p < r.end) {
        if (is_blank(*r.p)) {
            r.p++;
        } else if (is_eol(*r.p)) {
            skip_eol(&r);
        } else if (*r.p == '#' || *r.p == '!') {
            while (r.p < r.end && !is_eol(*r.p))
                r.p++;
        } else if ((ok = read_entry(&r, e))) {
            ok = each(arg, buf_cstr(&r.key), buf_cstr(&r.value), e);
            if (!ok)
                err_wrap(e, "line %u", r.line);
        }
    }
    buf_free(&r.key);
    buf_free(&r.value);
    return ok;
}
