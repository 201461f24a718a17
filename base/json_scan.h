/*
 * How far a JSON string goes without anything to escape, and what a byte from 0x80 up begins. Inside json.c and its test
 * only; the test holds the two scanners against each other.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline bool
json_is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* The number of bytes at p before the first that is a control, '"', '\' or not ASCII. */
static inline size_t
json_scan_portable(const unsigned char *p, size_t n)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
    size_t i = 0;

    for (; n - i >= 8; i += 8) {
        uint64_t w, quote, backslash;

        memcpy(&w, p + i, 8);
        quote = w ^ (ones * '"');
        backslash = w ^ (ones * '\\');
        /* A byte whose subtraction borrows, or that has its top bit set: exact as "none in this word". */
        if (((w | (w - ones * 0x20) | (quote - ones) | (backslash - ones)) & tops) != 0)
            break;
    }
    while (i < n && json_is_plain(p[i]))
        i++;
    return i;
}

#ifdef __SSE2__
/* One bit for each byte that is not plain. Signed comparison: bytes from 0x80 up are negative, so below 0x20 too. */
static inline unsigned
json_scan_mask(__m128i v)
{
    __m128i special = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)),
                                   _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                                _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));

    return (unsigned)_mm_movemask_epi8(special);
}

static inline size_t
json_scan_sse2(const unsigned char *p, size_t n)
{
    size_t i = 0;
    unsigned mask;

    for (; n - i >= 16; i += 16) {
        mask = json_scan_mask(_mm_loadu_si128((const __m128i *)(const void *)(p + i)));
        if (mask)
            return i + (unsigned)__builtin_ctz(mask);
    }
    if (n - i >= 8) {
        mask = json_scan_mask(_mm_loadl_epi64((const __m128i *)(const void *)(p + i))) & 0xff;
        if (mask)
            return i + (unsigned)__builtin_ctz(mask);
        i += 8;
    }
    if (n - i >= 4) {
        int word;

        memcpy(&word, p + i, 4);
        mask = json_scan_mask(_mm_cvtsi32_si128(word)) & 0xf;
        if (mask)
            return i + (unsigned)__builtin_ctz(mask);
        i += 4;
    }
    while (i < n && json_is_plain(p[i]))
        i++;
    return i;
}
#define json_scan json_scan_sse2
#else
#define json_scan json_scan_portable
#endif

struct json_seq {
    size_t n; /* bytes of the character, or bytes that one U+FFFD stands for */
    bool valid;
};

static inline bool
json_continues(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/*
 * The sequence at p, whose first byte is 0x80 or more. One U+FFFD stands for what java.lang.String's decoder takes for one:
 * the longest beginning of a character that goes wrong (E2 82 41: two bytes), a whole surrogate (ED A0 80: three), else one
 * byte.
 *
 *   C2..DF 80..BF
 *   E0     A0..BF 80..BF   |  E1..EF 80..BF 80..BF, but D800..DFFF (ED A0..BF) is no character
 *   F0     90..BF 80..BF 80..BF | F1..F3 80..BF … | F4 80..8F …
 */
static inline struct json_seq
json_utf8(const unsigned char *p, size_t n)
{
    unsigned char first = p[0], low = 0x80, high = 0xbf;
    size_t want;

    if (first < 0xc2 || first > 0xf4)
        return (struct json_seq){1, false};
    want = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    if (n < 2 || p[1] < low || p[1] > high)
        return (struct json_seq){1, false};
    for (size_t i = 2; i < want; i++)
        if (i >= n || !json_continues(p[i]))
            return (struct json_seq){i, false};
    return (struct json_seq){want, first != 0xed || p[1] < 0xa0};
}

/*
 * The bytes at p that are surely whole characters of two or three bytes. Stops early rather than look closely (E0, ED, the
 * last two bytes): json_utf8 does that.
 */
static inline size_t
json_scan_utf8(const unsigned char *p, size_t n)
{
    size_t i = 0;

    while (n - i >= 3) {
        unsigned char first = p[i];

        if (first >= 0xc2 && first < 0xe0 && json_continues(p[i + 1]))
            i += 2;
        else if ((first & 0xf0) == 0xe0 && first != 0xe0 && first != 0xed &&
                 json_continues(p[i + 1]) && json_continues(p[i + 2]))
            i += 3;
        else
            break;
    }
    return i;
}

#endif
