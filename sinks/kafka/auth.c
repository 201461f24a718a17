/* Who we are and whom we trust: SASL out of a JAAS line, TLS out of Java's stores. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sinks/kafka/translate.h"

enum { CREDENTIAL_MAX = 1024 };

static bool
jaas_bad(struct err *e, const char *why)
{
    return err_set(e, ERR_CONFIG, "kafka.jaas",
                   "property \"sasl.jaas.config\": %s; expected: "
                   "org.apache.kafka.common.security.plain.PlainLoginModule "
                   "required username=\"…\" password=\"…\";",
                   why);
}

static const char *
skip_space(const char *p)
{
    return p + strspn(p, " \t\r\n\\");
}

/*
 * A word or a quoted text, as java.io.StreamTokenizer reads it in JAAS lines. Returns what follows, NULL when it does not
 * fit or does not end.
 */
static const char *
jaas_token(const char *p, char *out, size_t n, const char *stop)
{
    size_t used = 0;
    char quote = *p == '"' || *p == '\'' ? *p : '\0';

    if (quote)
        p++;
    for (;; p++) {
        char c = *p;

        if (quote ? c == quote : (c == '\0' || strchr(stop, c) != NULL))
            break;
        if (c == '\0')
            return NULL;
        if (quote && c == '\\' && p[1] != '\0') {
            static const char from[] = "ntrbf", to[] = "\n\t\r\b\f";
            const char *hit = strchr(from, *++p);

            c = hit ? to[hit - from] : *p;
        }
        if (used + 1 >= n)
            return NULL;
        out[used++] = c;
    }
    out[used] = '\0';
    return quote ? p + 1 : p;
}

bool
kafka_jaas_parse(const char *jaas, char *module, char *username, char *password, size_t n,
                 struct err *e)
{
    char key[128], value[CREDENTIAL_MAX];
    const char *p = skip_space(jaas);

    *username = *password = '\0';
    if (!(p = jaas_token(p, module, n, " \t\r\n;")) || *module == '\0')
        return jaas_bad(e, "it names no login module");
    p = skip_space(p);
    if (!(p = jaas_token(p, key, sizeof key, " \t\r\n;=")) ||
        (strcasecmp(key, "required") != 0 && strcasecmp(key, "requisite") != 0 &&
         strcasecmp(key, "sufficient") != 0 && strcasecmp(key, "optional") != 0))
        return jaas_bad(e, "\"required\" is missing behind the login module");
    for (;;) {
        p = skip_space(p);
        if (*p == ';')
            break;
        if (*p == '\0')
            return jaas_bad(e, "the ; at its end is missing");
        if (!(p = jaas_token(p, key, sizeof key, " \t\r\n;=")) || *(p = skip_space(p)) != '=')
            return jaas_bad(e, "an option has no value");
        p = skip_space(p + 1);
        if (!(p = jaas_token(p, value, sizeof value, " \t\r\n;")))
            return jaas_bad(e, "a value is too long or its quote is not closed");
        if (strlen(value) >= n)
            return jaas_bad(e, "a value is too long");
        if (strcmp(key, "username") == 0)
            memcpy(username, value, strlen(value) + 1);
        else if (strcmp(key, "password") == 0)
            memcpy(password, value, strlen(value) + 1);
    }
    return *skip_space(p + 1) == '\0' || jaas_bad(e, "there is more than one login module");
}

static bool
ends_with(const char *s, const char *tail)
{
    size_t n = strlen(s), m = strlen(tail);

    return n >= m && strcmp(s + n - m, tail) == 0;
}

static bool
apply_jaas(struct kafka_translation *t, struct err *e)
{
    char module[CREDENTIAL_MAX], username[CREDENTIAL_MAX], password[CREDENTIAL_MAX];
    bool ok;

    if (!kafka_jaas_parse(t->jaas, module, username, password, sizeof module, e))
        return false;
    if (ends_with(module, "PlainLoginModule")) {
        if (!t->mechanism)
            t->mechanism = "PLAIN";
        ok = strcmp(t->mechanism, "PLAIN") == 0;
    } else if (ends_with(module, "ScramLoginModule")) {
        if (!t->mechanism)
            return err_set(e, ERR_CONFIG, "kafka.sasl_mechanism",
                           "property \"sasl.mechanism\" is missing: SCRAM-SHA-256 or SCRAM-SHA-512 "
                           "(Amazon MSK: the latter)");
        ok = strncmp(t->mechanism, "SCRAM-", 6) == 0;
    } else {
        return err_set(e, ERR_CONFIG, "kafka.jaas",
                       "property \"sasl.jaas.config\": login module \"%.200s\" is not supported, "
                       "only PlainLoginModule and "
                       "ScramLoginModule (Amazon MSK: use its SCRAM listener, port 9096, or mutual "
                       "TLS, port 9094)",
                       module);
    }
    if (!ok)
        return err_set(e, ERR_CONFIG, "kafka.sasl_mechanism",
                       "property \"sasl.mechanism\" is %s, but sasl.jaas.config names %.200s",
                       t->mechanism, module);
    if (*username == '\0')
        return jaas_bad(e, "username is missing");
    return kafka_set(t->rk, "sasl.username", username, true, e) &&
           kafka_set(t->rk, "sasl.password", password, true, e);
}

/*
 * Up to 2.6.0 librdkafka says its nonce twice (https://github.com/confluentinc/librdkafka/pull/4895), which brokers that
 * look closely (Kafka 4 does) take for wrong credentials: the user would look for his mistake in vain.
 */
static void
warn_of_scram(const char *mechanism)
{
    enum { SCRAM_MENDED = 0x02060100 };

    if (strncmp(mechanism, "SCRAM-", 6) == 0 && rd_kafka_version() < SCRAM_MENDED)
        log_warn(
            "kafka: librdkafka %s has a fault in %s for which newer brokers refuse the login with "
            "\"invalid "
            "credentials\"; librdkafka 2.6.1 or later works with all",
            rd_kafka_version_str(), mechanism);
}

bool
kafka_auth_end(struct kafka_translation *t, struct err *e)
{
    if (t->jaas && !apply_jaas(t, e))
        return false;
    if (t->mechanism)
        warn_of_scram(t->mechanism);
    return !t->mechanism || kafka_set(t->rk, "sasl.mechanisms", t->mechanism, false, e);
}

enum store_kind { STORE_PEM, STORE_PKCS12, STORE_JKS };

/* By the first bytes, not by ssl.*.type: that one is often left at its default. */
static bool
store_kind(const char *property, const char *path, enum store_kind *kind, struct err *e)
{
    unsigned char head[4] = {0};
    FILE *f = fopen(path, "rbe");
    size_t n;

    if (!f)
        return err_set(e, ERR_CONFIG, "kafka.tls_store",
                       "property \"%s\": cannot read \"%.300s\": %s", property, path,
                       strerror(errno));
    n = fread(head, 1, sizeof head, f);
    fclose(f);
    if (n < sizeof head)
        return err_set(e, ERR_CONFIG, "kafka.tls_store", "property \"%s\": \"%.300s\" is empty",
                       property, path);
    *kind = memcmp(head, "\xFE\xED\xFE\xED", 4) == 0 ? STORE_JKS
            : head[0] == 0x30                        ? STORE_PKCS12
                                                     : STORE_PEM;
    return true;
}

static bool
apply_trust(struct kafka_translation *t, struct err *e)
{
    static const char property[] = "ssl.truststore.location";
    enum store_kind kind = STORE_PEM;

    if (t->trust.pem && !kafka_set(t->rk, "ssl.ca.pem", t->trust.pem, true, e))
        return err_wrap(e, "property \"ssl.truststore.certificates\"");
    if (!t->trust.location)
        return true;
    if (!store_kind(property, t->trust.location, &kind, e))
        return false;
    if (kind == STORE_JKS)
        return err_set(e, ERR_CONFIG, "kafka.tls_store",
                       "property \"%s\": \"%.200s\" is a Java key store; write it out with: "
                       "keytool -list -rfc -keystore "
                       "%.200s > ca.pem, and set the property to ca.pem",
                       property, t->trust.location, t->trust.location);
    if (kind == STORE_PKCS12)
        return err_set(e, ERR_CONFIG, "kafka.tls_store",
                       "property \"%s\": \"%.200s\" is a PKCS#12 store; write it out with: openssl "
                       "pkcs12 -in %.200s -nokeys "
                       "-out ca.pem, and set the property to ca.pem",
                       property, t->trust.location, t->trust.location);
    return kafka_set(t->rk, "ssl.ca.location", t->trust.location, false, e) ||
           err_wrap(e, "property \"%s\"", property);
}

static bool
apply_key(struct kafka_translation *t, struct err *e)
{
    static const char property[] = "ssl.keystore.location";
    const struct kafka_tls_store *k = &t->key;
    enum store_kind kind = STORE_PEM;

    if (k->pem && !kafka_set(t->rk, "ssl.certificate.pem", k->pem, true, e))
        return err_wrap(e, "property \"ssl.keystore.certificate.chain\"");
    if (k->key_pem && !kafka_set(t->rk, "ssl.key.pem", k->key_pem, true, e))
        return err_wrap(e, "property \"ssl.keystore.key\"");
    if (k->key_password && !kafka_set(t->rk, "ssl.key.password", k->key_password, true, e))
        return err_wrap(e, "property \"ssl.key.password\"");
    if (!k->location)
        return true;
    if (!store_kind(property, k->location, &kind, e))
        return false;
    if (kind == STORE_JKS)
        return err_set(e, ERR_CONFIG, "kafka.tls_store",
                       "property \"%s\": \"%.200s\" is a Java key store; turn it into PKCS#12 "
                       "with: keytool -importkeystore "
                       "-srckeystore %.200s -destkeystore key.p12 -deststoretype PKCS12, and set "
                       "the property to key.p12",
                       property, k->location, k->location);
    if (kind == STORE_PKCS12)
        return (kafka_set(t->rk, "ssl.keystore.location", k->location, false, e) &&
                kafka_set(t->rk, "ssl.keystore.password", k->password ? k->password : "", true,
                          e)) ||
               err_wrap(e, "property \"%s\"", property);
    /* One PEM file holds both, as Java has it. */
    return (kafka_set(t->rk, "ssl.certificate.location", k->location, false, e) &&
            kafka_set(t->rk, "ssl.key.location", k->location, false, e)) ||
           err_wrap(e, "property \"%s\"", property);
}

bool
kafka_tls_end(struct kafka_translation *t, struct err *e)
{
    return apply_trust(t, e) && apply_key(t, e);
}
