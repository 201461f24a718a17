#include <openssl/evp.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sinks/bigquery/jwt.h"

static char *
new_pem(EVP_PKEY *pkey, size_t *n)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p, *copy;

    assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
    *n = (size_t)BIO_get_mem_data(bio, &p);
    copy = malloc(*n);
    memcpy(copy, p, *n);
    BIO_free(bio);
    return copy;
}

static size_t
from_base64url(const char *text, size_t n, unsigned char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    size_t have = 0, len = 0;

    for (size_t i = 0; i < n; i++) {
        bits = bits << 6 | (uint32_t)(strchr(digits, text[i]) - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[len++] = (unsigned char)(bits >> have);
        }
    }
    return len;
}

static void
base64url_has_no_padding_and_its_own_alphabet(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *want;
    } rows[] = {
        {"", 0, ""},
        {"f", 1, "Zg"},
        {"fo", 2, "Zm8"},
        {"foo", 3, "Zm9v"},
        {"\xfb\xff\xfe", 3, "-__-"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf b;

        buf_init(&b, 64);
        jwt_base64url(&b, (struct slice){rows[i].bytes, rows[i].n});
        assert_string_equal(buf_cstr(&b), rows[i].want);
        buf_free(&b);
    }
}

static void
signature_verifies_with_the_public_key(void **state)
{
    EVP_PKEY *pkey = EVP_RSA_gen(2048);
    struct buf b;
    struct err e = {0};
    unsigned char sig[512];
    const char *dot;
    size_t n, nsig;
    char *pem = new_pem(pkey, &n);
    struct jwt_key *key = jwt_key_new((struct slice){pem, n}, &e);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    (void)state;
    assert_non_null(key);
    buf_init(&b, 4096);
    assert_true(
        jwt_sign(key, SLICE_LIT("{\"alg\":\"RS256\"}"), SLICE_LIT("{\"iss\":\"x\"}"), &b, &e));
    dot = strrchr(buf_cstr(&b), '.');
    assert_memory_equal(b.p, "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.", 37);
    nsig = from_base64url(dot + 1, b.n - (size_t)(dot + 1 - b.p), sig);
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey), 1);
    assert_int_equal(
        EVP_DigestVerify(ctx, sig, nsig, (const unsigned char *)b.p, (size_t)(dot - b.p)), 1);
    EVP_MD_CTX_free(ctx);
    buf_free(&b);
    jwt_key_free(key);
    free(pem);
    EVP_PKEY_free(pkey);
}

static void
what_is_no_rsa_key_is_refused(void **state)
{
    EVP_PKEY *ec = EVP_EC_gen("P-256");
    struct err e = {0};
    size_t n;
    char *pem = new_pem(ec, &n);

    (void)state;
    assert_null(jwt_key_new(
        SLICE_LIT("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), &e));
    assert_string_equal(e.code, "bigquery.key");
    err_clear(&e);
    assert_null(jwt_key_new((struct slice){pem, n}, &e));
    assert_string_equal(e.code, "bigquery.key");
    free(pem);
    EVP_PKEY_free(ec);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64url_has_no_padding_and_its_own_alphabet),
        cmocka_unit_test(signature_verifies_with_the_public_key),
        cmocka_unit_test(what_is_no_rsa_key_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
