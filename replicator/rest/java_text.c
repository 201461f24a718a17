#include "replicator/rest/java_text.h"

#include <errno.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* Long.valueOf and Integer.valueOf: digits with a sign, nothing around them. */
bool
java_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
    const char *digits = text + (*text == '-' || *text == '+');
    long long n;

    if (!*digits || digits[strspn(digits, DIGITS)])
        return false;
    errno = 0;
    n = strtoll(text, NULL, 10);
    *out = n;
    return errno == 0 && n >= min && n <= max;
}

bool
java_bool(const char *text)
{
    return strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0;
}

static bool
is_keyword(const char *p, size_t n)
{
    static const char *const words[] = {
        "abstract",  "assert",       "boolean",  "break",      "byte",    "case",       "catch",
        "char",      "class",        "const",    "continue",   "default", "do",         "double",
        "else",      "enum",         "extends",  "false",      "final",   "finally",    "float",
        "for",       "goto",         "if",       "implements", "import",  "instanceof", "int",
        "interface", "long",         "native",   "new",        "null",    "package",    "private",
        "protected", "public",       "return",   "short",      "static",  "strictfp",   "super",
        "switch",    "synchronized", "this",     "throw",      "throws",  "transient",  "true",
        "try",       "void",         "volatile", "while",      "_",
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strlen(words[i]) == n && strncmp(words[i], p, n) == 0)
            return true;
    return false;
}

/* SourceVersion.isName: identifiers between dots, none a keyword. */
bool
java_class_name(const char *p)
{
    for (;;) {
        size_t n = strcspn(p, ".");

        if (n == 0 || strchr(DIGITS, *p) || strspn(p, LETTERS DIGITS "_$") < n || is_keyword(p, n))
            return false;
        if (!p[n])
            return true;
        p += n + 1;
    }
}

static void
regex_message(int code, size_t n, size_t at, struct buf *why)
{
    PCRE2_UCHAR text[160];

    switch (code) {
    case PCRE2_ERROR_MISSING_CLOSING_PARENTHESIS:
        buf_printf(why, "Unclosed group near index %zu", n);
        break;
    case PCRE2_ERROR_MISSING_SQUARE_BRACKET:
        at = n ? n - 1 : 0;
        buf_printf(why, "Unclosed character class near index %zu", at);
        break;
    case PCRE2_ERROR_UNMATCHED_CLOSING_PARENTHESIS:
        at = at ? at - 1 : 0;
        buf_printf(why, "Unmatched closing ')' near index %zu", at);
        break;
    default:
        pcre2_get_error_message(code, text, sizeof(text));
        buf_printf(why, "%s near index %zu", (const char *)text, at);
    }
}

bool
java_regex(const char *text, size_t n, struct buf *why)
{
    PCRE2_SIZE at;
    int code;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)text, n, PCRE2_UTF, &code, &at, NULL);
    size_t from = why->n, near;

    if (re) {
        pcre2_code_free(re);
        return true;
    }
    if (code == PCRE2_ERROR_QUANTIFIER_INVALID) {
        at = at ? at - 1 : 0;
        buf_printf(why, "Dangling meta character '%c' near index %zu", text[at], (size_t)at);
    } else {
        regex_message(code, n, at, why);
    }
    /* The caret stands under the place, unless that is the end. */
    buf_putc(why, '\0');
    near = (size_t)strtoull(strrchr(why->p + from, ' ') + 1, NULL, 10);
    why->n--;
    buf_putc(why, '\n');
    buf_add(why, text, n);
    if (near < n)
        buf_printf(why, "\n%*s^", (int)near, "");
    return false;
}
