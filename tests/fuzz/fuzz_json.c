/*
 * json_str of any bytes is a valid document, the string is what Java would hold, and both scanners agree; base64 has the
 * length it must have; a float is either refused or a JSON value that reads back as the same number.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_scan.h"
#include "base/num.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

/* Decodes what was written the other way, character by character, and holds it against the input. */
static void
check_string(struct slice in, struct buf *b)
{
    json_t *parsed;
    size_t kept = 0;

    json_str(b, in);
    must(buf_ok(b), "the buffer is large enough");
    parsed = json_loadb(b->p, b->n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    must(json_is_string(parsed), "json_str writes a JSON string");

    for (size_t i = 0; i < in.n;) {
        const unsigned char *p = (const unsigned char *)in.p + i;
        struct json_seq seq = {1, true};
        struct slice expected = {in.p + i, 1};

        if (*p >= 0x80) {
            seq = json_utf8(p, in.n - i);
            expected = seq.valid ? (struct slice){in.p + i, seq.n} : SLICE_LIT("\xef\xbf\xbd");
        }
        must(seq.n >= 1 && seq.n <= in.n - i, "a sequence lies inside the input");
        must(json_string_length(parsed) - kept >= expected.n &&
                 memcmp(json_string_value(parsed) + kept, expected.p, expected.n) == 0,
             "the string reads back as it was");
        kept += expected.n;
        i += seq.n;
    }
    must(json_string_length(parsed) == kept, "nothing stands behind the string");
    json_decref(parsed);
}

static void
check_base64(struct slice in, struct buf *b)
{
    buf_clear(b);
    json_base64(b, in);
    must(b->n == (in.n + 2) / 3 * 4 + 2, "base64 is padded");
    for (size_t i = 0; i < b->n; i++)
        must(json_is_plain((unsigned char)b->p[i]) || b->p[i] == '"', "base64 is plain");
}

static void
check_float(struct slice in, struct buf *b, bool single)
{
    json_t *parsed;
    char *text;

    buf_clear(b);
    if (!num_add_java_float(b, in, single)) {
        must(b->n == 0, "a refused float writes nothing");
        return;
    }
    text = strndup(in.p, in.n);
    must(text != NULL, "memory");
    if (*b->p == '"') {
        parsed = json_loadb(b->p, b->n, JSON_DECODE_ANY, NULL);
        must(json_is_string(parsed), "a word is a string");
        json_decref(parsed);
    } else {
        const char *java = buf_cstr(b);
        double was = single ? (double)strtof(text, NULL) : strtod(text, NULL);
        double is = single ? (double)strtof(java, NULL) : strtod(java, NULL);

        must(memcmp(&was, &is, sizeof(was)) == 0, "a float reads back as the same number");
        must(strpbrk(java, ".") != NULL, "Java writes a point");
    }
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct slice in = {(const char *)data, n};
    struct buf b;

#ifdef __SSE2__
    must(json_scan_sse2(data, n) == json_scan_portable(data, n), "both scanners agree");
#endif
    buf_init(&b, 8 * n + 1000);
    check_string(in, &b);
    check_base64(in, &b);
    check_float(in, &b, false);
    check_float(in, &b, true);
    buf_free(&b);
    return 0;
}
