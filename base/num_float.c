/* num_add_java_float: the digits are PostgreSQL's, the form is Java's. */
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

/* 17 significant digits are the most that a shortest text has; more means that it is none. */
enum { FLOAT_DIGITS = 17, FLOAT_EXPONENT_MAX = 400 };

/* 0.d1d2d3… × 10^point, without leading and trailing zeros; no digits: zero. */
struct num_decimal {
    bool negative;
    int n, point;
    char digits[FLOAT_DIGITS + 1];
};

static bool
num_read_exponent(struct slice s, int *exponent)
{
    bool negative = s.n && s.p[0] == '-';
    int v = 0;

    if (s.n && (s.p[0] == '-' || s.p[0] == '+')) {
        s.p++;
        s.n--;
    }
    if (!s.n)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        v = v * 10 + (s.p[i] - '0');
        if (v > FLOAT_EXPONENT_MAX)
            return false;
    }
    *exponent = negative ? -v : v;
    return true;
}

/* float = [ "-" ] 1*digit [ "." 1*digit ] [ "e" [ "+" / "-" ] 1*digit ] */
static bool
num_read_decimal(struct slice s, struct num_decimal *d)
{
    size_t i = 0, before = 0, after = 0;
    int zeros = 0, exponent = 0;

    *d = (struct num_decimal){.negative = s.n && s.p[0] == '-'};
    if (d->negative)
        i++;
    for (bool fraction = false; i < s.n; i++) {
        char c = s.p[i];

        if (c == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (c < '0' || c > '9')
            break;
        *(fraction ? &after : &before) += 1;
        if (c == '0') {
            /* Held back: zeros in front and at the end are no digits. */
            zeros++;
            if (!d->n && fraction)
                d->point--;
        } else {
            if (!d->n)
                zeros = 0;
            if (d->n + zeros >= FLOAT_DIGITS)
                return false;
            memset(d->digits + d->n, '0', (size_t)zeros);
            d->n += zeros;
            d->digits[d->n++] = c;
            zeros = 0;
        }
        if (!fraction && d->n)
            d->point++;
    }
    if (!before || (!after && before + d->negative < s.n && s.p[before + d->negative] == '.'))
        return false;
    if (i < s.n) {
        if ((s.p[i] != 'e' && s.p[i] != 'E') ||
            !num_read_exponent((struct slice){s.p + i + 1, s.n - i - 1}, &exponent))
            return false;
        d->point += exponent;
    }
    return true;
}

static double
num_decimal_value(const struct num_decimal *d, bool single)
{
    char text[FLOAT_DIGITS + 16];

    snprintf(text, sizeof(text), "0.%.*se%d", d->n, d->digits, d->point);
    return single ? (double)strtof(text, NULL) : strtod(text, NULL);
}

/* The nearest decimal of n digits, when it reads back as the same float. */
static bool
num_nearest(const struct num_decimal *d, bool single, int n, struct num_decimal *out)
{
    double value = num_decimal_value(d, single);
    char text[FLOAT_DIGITS + 16];

    snprintf(text, sizeof(text), "%.*e", n - 1, value);
    return num_read_decimal(slice_of(text), out) && num_decimal_value(out, single) == value;
}

/*
 * PostgreSQL's digits are Java's with two exceptions:
 * - a decimal exactly half way between two floats reads back as the one with the even mantissa; Java takes it when it is
 *   shorter (2e23), PostgreSQL never does (its d2s.c leaves STRICTLY_SHORTEST off: 1.9999999999999998e+23). A halfway
 *   decimal with fewer digits than the longest needs a value of at least 2^53 that an odd number of 54 or 55 bits times a
 *   power of two divides by 5^k, so k <= 23: only 1e15 <= |x| < 1e39 and 16 or more digits have to be looked at; for
 *   single precision 1e7 <= |x| < 1e19 and 7 digits or more;
 * - Java never asks for fewer than two digits: where one digit would do it takes the nearest of two, which differs from
 *   "d.0" only where floats are so coarse that two digits are more than enough, the smallest subnormals (4.9E-324).
 */
static void
num_java_digits(struct num_decimal *d, bool single)
{
    struct num_decimal shorter;
    int many = single ? 7 : 16, low = single ? 8 : 16, high = single ? 19 : 39;

    if (d->n >= many && d->point >= low && d->point <= high) {
        while (d->n > 1 && num_nearest(d, single, d->n - 1, &shorter)) {
            shorter.negative = d->negative;
            *d = shorter;
        }
    }
    if (d->n == 1 && d->point < (single ? FLT_MIN_10_EXP : DBL_MIN_10_EXP) &&
        num_nearest(d, single, 2, &shorter)) {
        shorter.negative = d->negative;
        *d = shorter;
    }
}

/* 1e-3 <= |x| < 1e7 plainly, else d.dddE[-]n; at least one digit behind the point. */
static unsigned
num_java_form(const struct num_decimal *d, char *w)
{
    char *start = w;
    int exponent = d->point - 1;

    if (d->negative)
        *w++ = '-';
    if (d->point >= -2 && d->point <= 7) {
        int whole = d->point > 0 ? d->point : 0;
        int zeros = d->point < 0 ? -d->point : 0;

        for (int i = 0; i < whole; i++)
            *w++ = i < d->n ? d->digits[i] : '0';
        if (!whole)
            *w++ = '0';
        *w++ = '.';
        for (int i = 0; i < zeros; i++)
            *w++ = '0';
        for (int i = whole; i < d->n; i++)
            *w++ = d->digits[i];
        if (whole >= d->n)
            *w++ = '0';
        return (unsigned)(w - start);
    }
    *w++ = d->digits[0];
    *w++ = '.';
    for (int i = 1; i < d->n; i++)
        *w++ = d->digits[i];
    if (d->n == 1)
        *w++ = '0';
    *w++ = 'E';
    if (exponent < 0) {
        *w++ = '-';
        exponent = -exponent;
    }
    w += num_u64(w, (uint64_t)exponent);
    return (unsigned)(w - start);
}

/*
 * The usual case is no work: from 1e-3 to below 1e7 both write the same, but that Java has ".0" behind a whole number.
 * False: to be looked at closely.
 */
static bool
num_add_same(struct buf *b, struct slice s)
{
    size_t sign = s.n && s.p[0] == '-', i = sign, whole, behind;

    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    whole = i - sign;
    if (whole < 1 || whole > 7 || (s.p[sign] == '0' && whole > 1))
        return false;
    if (i == s.n) {
        if (s.p[sign] == '0')
            return false;
        buf_slice(b, s);
        BUF_LIT(b, ".0");
        return true;
    }
    if (s.p[i++] != '.')
        return false;
    behind = i;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    if (i < s.n || i == behind || s.p[i - 1] == '0' || whole + (i - behind) > FLOAT_DIGITS)
        return false;
    if (s.p[sign] == '0' && memcmp(s.p + behind, "000", i - behind < 3 ? i - behind : 3) == 0)
        return false;
    buf_slice(b, s);
    return true;
}

bool
num_add_java_float(struct buf *b, struct slice pg_text, bool single)
{
    static const struct {
        const char *text, *json;
    } words[] = {
        {"NaN", "\"NaN\""},
        {"Infinity", "\"Infinity\""},
        {"-Infinity", "\"-Infinity\""},
    };
    char text[FLOAT_DIGITS + 24];
    struct num_decimal d;

    if (num_add_same(b, pg_text))
        return true;
    if (!num_read_decimal(pg_text, &d)) {
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            if (slice_is(pg_text, words[i].text)) {
                buf_str(b, words[i].json);
                return true;
            }
        }
        return false;
    }
    if (!d.n) {
        buf_str(b, d.negative ? "-0.0" : "0.0");
        return true;
    }
    num_java_digits(&d, single);
    buf_add(b, text, num_java_form(&d, text));
    return true;
}
