#include "sinks/retry.h"

#include <stdbool.h>
#include <string.h>

#include "base/clock.h"

enum { MINUTE_MS = 60 * 1000, TEN_MINUTES_MS = 10 * MINUTE_MS };

/* clang-format off */
const struct retry_rule retry_rules[] = {
    {200, 299, NULL, NULL, RETRY_DONE, ERR_NONE, 0, 0, ""},

    /* Too large shows in several ways; a front end's 413 can also appear as a broken TLS stream, which is status 0. */
    {413, 413, NULL, NULL, RETRY_SPLIT, ERR_DATA, 0, 0, "bigquery.too_large"},
    {400, 400, NULL, "request payload size exceeds", RETRY_SPLIT, ERR_DATA, 0, 0, "bigquery.too_large"},
    {400, 400, NULL, "too many rows", RETRY_SPLIT, ERR_DATA, 0, 0, "bigquery.too_large"},
    {400, 400, NULL, "request too large", RETRY_SPLIT, ERR_DATA, 0, 0, "bigquery.too_large"},

    {401, 401, NULL, NULL, RETRY_AUTH, ERR_CONFIG, 1000, MINUTE_MS, "bigquery.unauthenticated"},
    {403, 403, "rateLimitExceeded", NULL, RETRY_AGAIN, ERR_RETRY, 1000, 64000, "bigquery.rate"},
    {403, 403, "backendError", NULL, RETRY_AGAIN, ERR_RETRY, 1000, 64000, "bigquery.backend"},
    /* Long-term quotas do not come back within seconds. */
    {403, 403, "quotaExceeded", NULL, RETRY_AGAIN, ERR_RETRY, MINUTE_MS, TEN_MINUTES_MS, "bigquery.quota"},
    {403, 403, "accessDenied", NULL, RETRY_PEOPLE, ERR_CONFIG, MINUTE_MS, MINUTE_MS, "bigquery.access_denied"},
    {403, 403, "billingNotEnabled", NULL, RETRY_PEOPLE, ERR_CONFIG, MINUTE_MS, MINUTE_MS, "bigquery.billing"},
    {403, 403, "blocked", NULL, RETRY_PEOPLE, ERR_CONFIG, MINUTE_MS, MINUTE_MS, "bigquery.blocked"},
    {403, 403, NULL, NULL, RETRY_PEOPLE, ERR_CONFIG, MINUTE_MS, MINUTE_MS, "bigquery.forbidden"},
    {407, 407, NULL, NULL, RETRY_PEOPLE, ERR_CONFIG, MINUTE_MS, MINUTE_MS, "bigquery.proxy_auth"},

    {404, 404, NULL, NULL, RETRY_MISSING, ERR_CONFIG, 1000, 30000, "bigquery.not_found"},
    {409, 409, NULL, NULL, RETRY_EXISTS, ERR_RETRY, 0, 0, "bigquery.duplicate"},
    {412, 412, NULL, NULL, RETRY_STALE, ERR_RETRY, 200, 5000, "bigquery.stale"},
    {408, 408, NULL, NULL, RETRY_AGAIN, ERR_RETRY, 1000, 64000, "bigquery.timeout"},
    {429, 429, NULL, NULL, RETRY_AGAIN, ERR_RETRY, 1000, 64000, "bigquery.rate"},

    {400, 400, "invalid", "no schema", RETRY_SCHEMA, ERR_RETRY, 1000, 30000, "bigquery.schema"},
    {400, 400, "rateLimitExceeded", NULL, RETRY_AGAIN, ERR_RETRY, 1000, 64000, "bigquery.rate"},
    {400, 400, "quotaExceeded", NULL, RETRY_AGAIN, ERR_RETRY, MINUTE_MS, TEN_MINUTES_MS, "bigquery.quota"},
    {400, 499, NULL, NULL, RETRY_REFUSED, ERR_FATAL, 0, 0, "bigquery.refused"},

    {500, 599, NULL, NULL, RETRY_AGAIN, ERR_RETRY, 1000, 64000, "bigquery.backend"},
    {0, 0, NULL, NULL, RETRY_AGAIN, ERR_RETRY, 1000, 64000, "bigquery.unreachable"},
    /* Redirects and oddities: some box in between answers, not the service. */
    {1, 999, NULL, NULL, RETRY_AGAIN, ERR_RETRY, 1000, 64000, "bigquery.odd_answer"},
};
/* clang-format on */
const size_t retry_nrules = sizeof(retry_rules) / sizeof(retry_rules[0]);

const struct retry_rule *
retry_find(int status, const char *reason, const char *message)
{
    for (size_t i = 0; i < retry_nrules; i++) {
        const struct retry_rule *r = &retry_rules[i];

        if (status < r->lo || status > r->hi)
            continue;
        if (r->reason && (!reason || strcmp(reason, r->reason) != 0))
            continue;
        if (r->text && (!message || !strcasestr(message, r->text)))
            continue;
        return r;
    }
    return &retry_rules[retry_nrules - 1];
}

int64_t
retry_wait_ms(const struct retry_rule *r, unsigned attempt, int64_t retry_after_ms)
{
    int64_t wait_ms = r->base_ms ? clock_backoff_ms(attempt, r->base_ms, r->cap_ms) : 0;

    /* An hour at most: what a server says is input too. */
    if (retry_after_ms > 3600 * INT64_C(1000))
        retry_after_ms = 3600 * INT64_C(1000);
    return retry_after_ms > wait_ms ? retry_after_ms : wait_ms;
}
