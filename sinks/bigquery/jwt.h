/* Signing with a service account's key: JSON Web Tokens with RS256, and base64url. */
#ifndef SINKS_BIGQUERY_JWT_H
#define SINKS_BIGQUERY_JWT_H

#include "base/buf.h"
#include "base/err.h"

struct jwt_key;

/* A PEM private key (PKCS#8 or PKCS#1), RSA. */
struct jwt_key *jwt_key_new(struct slice pem, struct err *e);
void jwt_key_free(struct jwt_key *k);
/* header and claims are JSON texts; appends header.claims.signature. */
bool jwt_sign(struct jwt_key *k, struct slice header, struct slice claims, struct buf *out,
              struct err *e);
/* base64url without padding. */
void jwt_base64url(struct buf *out, struct slice bytes);

#endif
