#include "decoder/mapper_hash.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

struct mapper_hash {
    EVP_MD *md;
    EVP_MD_CTX *salted; /* has taken the salt: each value goes on from a copy */
    bool serialized;
};

/* java.security.MessageDigest's names, in any case, and OpenSSL's. */
static const struct {
    const char *java, *openssl;
} hash_names[] = {
    {"SHA-256", "SHA2-256"},
    {"SHA-512", "SHA2-512"},
    {"SHA-1", "SHA1"},
    {"SHA", "SHA1"},
    {"SHA1", "SHA1"},
    {"MD5", "MD5"},
    {"SHA-224", "SHA2-224"},
    {"SHA-384", "SHA2-384"},
    {"SHA-512/224", "SHA2-512/224"},
    {"SHA-512/256", "SHA2-512/256"},
    {"SHA3-224", "SHA3-224"},
    {"SHA3-256", "SHA3-256"},
    {"SHA3-384", "SHA3-384"},
    {"SHA3-512", "SHA3-512"},
};

static EVP_MD *
hash_fetch(struct slice algorithm)
{
    for (size_t i = 0; i < sizeof(hash_names) / sizeof(*hash_names); i++)
        if (strlen(hash_names[i].java) == algorithm.n &&
            strncasecmp(hash_names[i].java, algorithm.p, algorithm.n) == 0)
            return EVP_MD_fetch(NULL, hash_names[i].openssl, NULL);
    return NULL;
}

struct mapper_hash *
mapper_hash_new(const char *prop, struct slice algorithm, struct slice salt, bool serialized,
                struct err *e)
{
    struct mapper_hash *h = mem_alloc(sizeof(*h));

    h->serialized = serialized;
    h->md = hash_fetch(algorithm);
    h->salted = EVP_MD_CTX_new();
    if (h->md && h->salted && EVP_DigestInit_ex2(h->salted, h->md, NULL) == 1 &&
        EVP_DigestUpdate(h->salted, salt.p, salt.n) == 1)
        return h;
    mapper_hash_free(h);
    err_set(e, ERR_CONFIG, "config.value",
            "property \"%s\": the hash algorithm \"%.*s\" is unknown; SHA-256, SHA-512, SHA-1, "
            "MD5, SHA-224, SHA-384, SHA-512/256, SHA3-256 and their like are there",
            prop, SLICE_ARG(algorithm));
    return NULL;
}

void
mapper_hash_free(struct mapper_hash *h)
{
    if (!h)
        return;
    EVP_MD_CTX_free(h->salted);
    EVP_MD_free(h->md);
    free(h);
}

/* ---------------------------------------------------------------------------------- Java's bytes of a string */

/*
 * The body of a JSON string of ours as String.getBytes gives it, or, serialized, in Java's modified UTF-8, which has six
 * bytes for what stands outside the basic plane: one half of a surrogate pair after the other.
 */
static void
hash_unescape(struct buf *out, struct slice body, bool modified)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";

    for (size_t i = 0; i < body.n; i++) {
        const char *p = body.p + i, *escape;
        uint32_t cp;

        if (*p != '\\') {
            buf_putc(out, *p);
            continue;
        }
        i++;
        escape = strchr(from, p[1]);
        if (p[1] != 'u') {
            buf_putc(out, escape ? to[escape - from] : p[1]);
            continue;
        }
        i += 4;
        cp = utf8_hex4(p + 2);
        if (!modified && cp >= 0xD800 && cp < 0xDC00) {
            cp = utf8_of_units(cp, utf8_hex4(p + 8));
            i += 6;
        }
        utf8_put(out, cp);
    }
}

/* ---------------------------------------------------------------------------------- the hash */

/* ObjectOutputStream: magic, version, then a string with its length in two bytes, a long one in eight. */
static bool
hash_add_header(EVP_MD_CTX *ctx, size_t n)
{
    unsigned char head[13] = {0xAC, 0xED, 0, 5};
    int bytes = n <= UINT16_MAX ? 2 : 8;

    head[4] = n <= UINT16_MAX ? 0x74 : 0x7C;
    for (int i = 0; i < bytes; i++)
        head[5 + i] = (unsigned char)((uint64_t)n >> 8 * (bytes - 1 - i));
    return EVP_DigestUpdate(ctx, head, 5 + (size_t)bytes) == 1;
}

static size_t
hash_bytes(const struct mapper_hash *h, struct slice bytes, char hex[MAPPER_HASH_HEX_MAX])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_MD_CTX_copy_ex(ctx, h->salted) == 1 &&
              (!h->serialized || hash_add_header(ctx, bytes.n)) &&
              EVP_DigestUpdate(ctx, bytes.p, bytes.n) == 1 && EVP_DigestFinal_ex(ctx, md, &n) == 1;

    EVP_MD_CTX_free(ctx);
    if (!ok)
        return 0;
    for (unsigned i = 0; i < n; i++) {
        hex[2 * i] = digits[md[i] >> 4];
        hex[2 * i + 1] = digits[md[i] & 15];
    }
    return 2 * n;
}

size_t
mapper_hash_json(const struct mapper_hash *h, struct slice body, char hex[MAPPER_HASH_HEX_MAX])
{
    struct buf bytes;
    size_t n;

    /* No escape becomes more bytes than it has characters. */
    buf_init(&bytes, body.n + 1);
    hash_unescape(&bytes, body, h->serialized);
    n = hash_bytes(h, buf_view(&bytes), hex);
    buf_free(&bytes);
    return n;
}

static bool
hash_is_ascii(struct slice text)
{
    unsigned char any = 0;

    for (size_t i = 0; i < text.n; i++)
        any |= (unsigned char)text.p[i];
    return any < 0x80;
}

size_t
mapper_hash_text(const struct mapper_hash *h, struct slice text, char hex[MAPPER_HASH_HEX_MAX])
{
    struct buf json;
    size_t n;

    if (hash_is_ascii(text))
        return hash_bytes(h, text, hex);
    /* The writer of JSON knows what Java's decoder makes of bytes that are no UTF-8. */
    buf_init(&json, 6 * text.n + 1);
    json_str_body(&json, text);
    n = mapper_hash_json(h, buf_view(&json), hex);
    buf_free(&json);
    return n;
}
