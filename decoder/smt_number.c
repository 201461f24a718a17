#include "decoder/smt_number.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

enum { NUMBER_TEXT_MAX = 400 };

/* The shortest digits that read back as the same number, which is how PostgreSQL prints them and Java does. */
static int
shortest(char *text, size_t max, double v, bool single)
{
    int n = 0;

    for (int digits = 1; digits <= 17; digits++) {
        n = snprintf(text, max, "%.*g", digits, v);
        if (single ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v)
            break;
    }
    return n;
}

void
smt_put_float(struct buf *out, double v, bool single)
{
    char text[64];
    int n;

    if (isnan(v))
        n = snprintf(text, sizeof(text), "NaN");
    else if (isinf(v))
        n = snprintf(text, sizeof(text), v < 0 ? "-Infinity" : "Infinity");
    else
        n = shortest(text, sizeof(text), v, single);
    num_add_java_float(out, (struct slice){text, (size_t)n}, single);
}

/* A copy with a NUL behind it; false: too long to be a number anybody means. */
static bool
copy_text(struct slice text, char *dst, size_t max)
{
    if (text.n == 0 || text.n >= max || memchr(text.p, '\0', text.n))
        return false;
    memcpy(dst, text.p, text.n);
    dst[text.n] = '\0';
    return true;
}

bool
smt_parse_plain_number(struct slice text, double *out)
{
    char copy[NUMBER_TEXT_MAX], *end;

    if (!copy_text(text, copy, sizeof(copy)) || copy[strspn(copy, "+-.0123456789eE")] != '\0' ||
        !strpbrk(copy, "0123456789"))
        return false;
    *out = strtod(copy, &end);
    return *end == '\0';
}

bool
smt_parse_float(struct slice text, bool single, double *out)
{
    char copy[NUMBER_TEXT_MAX], *end;
    const char *digits;

    while (text.n && (unsigned char)*text.p <= ' ')
        text.p++, text.n--;
    while (text.n && (unsigned char)text.p[text.n - 1] <= ' ')
        text.n--;
    if (!copy_text(text, copy, sizeof(copy)))
        return false;
    digits = copy + strspn(copy, "+-");
    if (digits - copy > 1)
        return false;
    if (strcmp(digits, "NaN") == 0 || strcmp(digits, "Infinity") == 0) {
        *out = *digits == 'N' ? (double)NAN : *copy == '-' ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    /* The C library knows more words ("inf", "nan(...)"); Java a letter behind the digits. */
    if (!isdigit((unsigned char)*digits) && *digits != '.')
        return false;
    *out = single ? (double)strtof(copy, &end) : strtod(copy, &end);
    if (*end && strchr("fFdD", *end))
        end++;
    return *end == '\0' && end > digits;
}

bool
smt_parse_whole(struct slice text, int64_t min, int64_t max, int64_t *out)
{
    if (text.n > 1 && text.p[0] == '+' && isdigit((unsigned char)text.p[1]))
        text.p++, text.n--;
    return num_parse_i64(text, out) && *out >= min && *out <= max;
}

int64_t
smt_decimal_low_bits(struct slice text)
{
    uint64_t v = 0;
    bool negative = text.n && text.p[0] == '-';
    int64_t exponent = 0, point = -1, digits = 0;
    size_t i = negative, end = text.n;

    for (size_t k = 0; k < text.n; k++)
        if (text.p[k] == 'E' || text.p[k] == 'e') {
            (void)num_parse_i64((struct slice){text.p + k + 1, text.n - k - 1}, &exponent);
            end = k;
            break;
        }
    for (size_t k = i; k < end; k++) {
        if (text.p[k] == '.')
            point = digits;
        else
            digits++;
    }
    /* So many digits are the whole part; more than there are means zeros. */
    digits = (point < 0 ? digits : point) + exponent;
    for (; i < end && digits > 0; i++) {
        if (text.p[i] == '.')
            continue;
        v = v * 10 + (uint64_t)(text.p[i] - '0');
        digits--;
    }
    for (; digits > 0 && v; digits--)
        v *= 10;
    return (int64_t)(negative ? 0 - v : v);
}
