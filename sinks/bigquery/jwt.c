#include "sinks/bigquery/jwt.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "base/mem.h"

struct jwt_key {
    EVP_PKEY *pkey;
};

struct jwt_key *
jwt_key_new(struct slice pem, struct err *e)
{
    BIO *bio = pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    struct jwt_key *k;

    BIO_free(bio);
    if (!pkey || EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA) {
        EVP_PKEY_free(pkey);
        err_set(e, ERR_CONFIG, "bigquery.key", "the private key is no RSA key in PEM form");
        return NULL;
    }
    k = mem_alloc(sizeof(*k));
    k->pkey = pkey;
    return k;
}

void
jwt_key_free(struct jwt_key *k)
{
    if (!k)
        return;
    EVP_PKEY_free(k->pkey);
    free(k);
}

void
jwt_base64url(struct buf *out, struct slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for (size_t i = 0; i < bytes.n; i += 3) {
        unsigned have = bytes.n - i < 3 ? (unsigned)(bytes.n - i) : 3;
        uint32_t bits = 0;

        for (unsigned k = 0; k < have; k++)
            bits |= (uint32_t)(unsigned char)bytes.p[i + k] << (16 - 8 * k);
        for (unsigned k = 0; k <= have; k++)
            buf_putc(out, digits[(bits >> (18 - 6 * k)) & 63]);
    }
}

bool
jwt_sign(struct jwt_key *k, struct slice header, struct slice claims, struct buf *out,
         struct err *e)
{
    unsigned char sig[1024]; /* an RSA key of 8192 bits */
    size_t nsig = sizeof(sig), start = out->n;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok;

    jwt_base64url(out, header);
    buf_putc(out, '.');
    jwt_base64url(out, claims);
    ok =
        ctx && buf_ok(out) && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) == 1 &&
        EVP_DigestSign(ctx, sig, &nsig, (const unsigned char *)out->p + start, out->n - start) == 1;
    EVP_MD_CTX_free(ctx);
    if (!ok)
        return err_set(e, ERR_CONFIG, "bigquery.key", "cannot sign with the service account's key");
    buf_putc(out, '.');
    jwt_base64url(out, (struct slice){(const char *)sig, nsig});
    return true;
}
