#include "decoder/pattern.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/prop.h"
#include "decoder/pattern_priv.h"

/* One expression as long as PCRE2 compiles in reasonable time. */
enum { PATTERN_MAX = 65536 };

struct pattern {
    pcre2_code *code;
};

/* Java's names for POSIX classes, ASCII only in both. */
static const struct {
    const char *java, *posix;
} pattern_classes[] = {
    {"Lower", "lower"}, {"Upper", "upper"}, {"ASCII", "ascii"}, {"Alpha", "alpha"},
    {"Digit", "digit"}, {"Alnum", "alnum"}, {"Punct", "punct"}, {"Graph", "graph"},
    {"Print", "print"}, {"Blank", "blank"}, {"Cntrl", "cntrl"}, {"XDigit", "xdigit"},
    {"Space", "space"},
};

/* \p{Name} and \P{Name} at p, in a class or not: how many bytes it was; 0: another escape. */
static size_t
pattern_add_class(struct buf *out, const char *p, size_t n, bool in_class)
{
    for (size_t i = 0; i < sizeof(pattern_classes) / sizeof(*pattern_classes); i++) {
        size_t len = strlen(pattern_classes[i].java);

        if (n < len + 4 || p[2] != '{' || memcmp(p + 3, pattern_classes[i].java, len) != 0 ||
            p[3 + len] != '}')
            continue;
        buf_printf(out, "%s[:%s%s:]%s", in_class ? "" : "[", p[1] == 'P' ? "^" : "",
                   pattern_classes[i].posix, in_class ? "" : "]");
        return len + 4;
    }
    return 0;
}

/* The escape at p as PCRE2 writes it; returns how many bytes it was. */
static size_t
pattern_add_escape(struct buf *out, const char *p, size_t n, bool in_class)
{
    size_t taken = 0;

    if (n > 1 && (p[1] == 'p' || p[1] == 'P'))
        taken = pattern_add_class(out, p, n, in_class);
    if (n >= 6 && p[1] == 'u' && strspn(p + 2, "0123456789abcdefABCDEF") >= 4) {
        buf_printf(out, "\\x{%.4s}", p + 2);
        taken = 6;
    }
    if (taken)
        return taken;
    taken = n > 1 ? 2 : 1;
    buf_add(out, p, taken);
    return taken;
}

/*
 * Java's syntax as PCRE2's, where they differ: \p{Alpha}, \u0041. Classes inside of classes and && mean something else in
 * PCRE2, silently: false. text has a NUL behind it.
 */
static bool
pattern_translate(struct buf *out, struct slice text)
{
    const char *p = text.p, *end = text.p + text.n;
    bool in_class = false;

    while (p < end) {
        size_t n = (size_t)(end - p);

        if (n >= 2 && p[0] == '\\' && p[1] == 'Q') {
            const char *close = memmem(p, n, "\\E", 2);
            size_t quoted = close ? (size_t)(close - p) + 2 : n;

            buf_add(out, p, quoted);
            p += quoted;
        } else if (*p == '\\') {
            p += pattern_add_escape(out, p, n, in_class);
        } else {
            if (in_class && (*p == '[' || (n >= 2 && p[0] == '&' && p[1] == '&')))
                return false;
            if (*p == '[')
                in_class = true;
            else if (*p == ']')
                in_class = false;
            buf_putc(out, *p++);
        }
    }
    return true;
}

static pcre2_code *
pattern_compile(const char *prop, struct slice text, struct slice translated, uint32_t options,
                struct err *e)
{
    char why[160] = "";
    int code;
    size_t at;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)translated.p, translated.n, options | PCRE2_UTF,
                                   &code, &at, NULL);

    if (re)
        return re;
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
    err_set(e, ERR_CONFIG, "config.regex",
            "property \"%s\": \"%.*s\" is no regular expression: %s at character %zu", prop,
            SLICE_ARG(text), why, at);
    return NULL;
}

pcre2_code *
pattern_code(const char *prop, struct slice text, uint32_t options, struct err *e)
{
    pcre2_code *re = NULL;
    struct buf translated;

    buf_init(&translated, 2 * PATTERN_MAX);
    if (!pattern_translate(&translated, text))
        err_set(e, ERR_CONFIG, "config.regex",
                "property \"%s\": \"%.*s\" has a character class inside of another, or &&, which "
                "are not supported; write the "
                "class out",
                prop, SLICE_ARG(text));
    else
        re = pattern_compile(prop, text, (struct slice){buf_cstr(&translated), translated.n},
                             options, e);
    buf_free(&translated);
    /* The JIT only makes it faster; without it matching works as well. */
    if (re)
        (void)pcre2_jit_compile(re, PCRE2_JIT_COMPLETE);
    return re;
}

bool
pattern_add(struct pattern_list *l, const char *prop, struct slice text, bool case_sensitive,
            struct err *e)
{
    pcre2_code *re =
        pattern_code(prop, text, PATTERN_WHOLE | (case_sensitive ? 0 : PCRE2_CASELESS), e);

    if (!re)
        return false;
    if (!l->match)
        l->match = pcre2_match_data_create(1, NULL);
    l->v = mem_grow(l->v, l->n + 1, sizeof(*l->v));
    l->v[l->n++] = (struct pattern){re};
    return true;
}

bool
pattern_add_list(struct pattern_list *l, const char *prop, const char *list, bool case_sensitive,
                 struct err *e)
{
    struct buf item;
    bool ok = true;

    buf_init(&item, PATTERN_MAX);
    while (ok && list && config_list_next(&list, &item))
        ok = pattern_add(l, prop, (struct slice){buf_cstr(&item), item.n}, case_sensitive, e);
    buf_free(&item);
    return ok;
}

/* A name that is no UTF-8 (a database without encoding): a character per byte, so that patterns still see characters. */
static int
pattern_match_bytes(void *match, const pcre2_code *re, struct slice name)
{
    char wide[2 * PATTERN_NAME_MAX];
    size_t n = 0;

    for (size_t i = 0; i < name.n && n + 2 <= sizeof(wide); i++) {
        unsigned char c = (unsigned char)name.p[i];

        if (c >= 0x80)
            wide[n++] = (char)(0xC0 | c >> 6);
        wide[n++] = (char)(c < 0x80 ? c : 0x80 | (c & 0x3F));
    }
    return pcre2_match(re, (PCRE2_SPTR)wide, n, 0, 0, match, NULL);
}

bool
pattern_matches(const struct pattern_list *l, size_t at, struct slice name)
{
    const pcre2_code *re = l->v[at].code;
    int found = pcre2_match(re, (PCRE2_SPTR)name.p, name.n, 0, 0, l->match, NULL);

    if (found <= PCRE2_ERROR_UTF8_ERR1 && found >= PCRE2_ERROR_UTF8_ERR21)
        found = pattern_match_bytes(l->match, re, name);
    return found >= 0;
}

int
pattern_first(const struct pattern_list *l, struct slice name)
{
    for (size_t i = 0; i < l->n; i++)
        if (pattern_matches(l, i, name))
            return (int)i;
    return -1;
}

void
pattern_list_free(struct pattern_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        pcre2_code_free(l->v[i].code);
    free(l->v);
    if (l->match)
        pcre2_match_data_free(l->match);
    *l = (struct pattern_list){0};
}

struct slice
pattern_name(char dst[PATTERN_NAME_MAX], struct slice a, struct slice b, struct slice c)
{
    const struct slice parts[] = {a, b, c};
    size_t n = 0;

    for (size_t i = 0; i < 3 && parts[i].p; i++) {
        if (n + parts[i].n + 2 > PATTERN_NAME_MAX)
            return (struct slice){dst, 0};
        if (i > 0)
            dst[n++] = '.';
        memcpy(dst + n, parts[i].p, parts[i].n);
        n += parts[i].n;
    }
    return (struct slice){dst, n};
}
