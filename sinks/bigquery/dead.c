/* Rows that BigQuery refuses, or that cannot be said to it: the policy walbridge.bigquery.on.error. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/num.h"
#include "sinks/bigquery/state.h"
#include "sinks/bigquery/values.h"

static const struct {
    const char *name;
    enum bq_type type;
    const char *doc;
} columns[] = {
    {"at", BQ_TIMESTAMP, "When the row was refused"},
    {"table", BQ_STRING, "BigQuery table it was meant for"},
    {"seq", BQ_STRING, "Its place among all events, as in _seq"},
    {"op", BQ_STRING, "r, c, u, d or t"},
    {"reason", BQ_STRING, "Short reason"},
    {"message", BQ_STRING, "What BigQuery or the sink said"},
    {"row", BQ_STRING, "The row, JSON"},
};

static struct bq_table *
dead_letters(struct bq_sink *s)
{
    if (!s->dead_letters) {
        s->dead_letters = bq_table_get(s, s->conf.dead_letter_table);
        for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
            bq_table_want(s->dead_letters, columns[i].name, columns[i].type, BQ_NULLABLE,
                          columns[i].doc);
    }
    return s->dead_letters;
}

static void
add_member(struct buf *b, size_t column, struct slice text)
{
    if (b->n > 1)
        buf_putc(b, ',');
    json_cstr(b, columns[column].name);
    buf_putc(b, ':');
    json_str(b, text);
}

static void
write_letter(struct buf *b, const struct bq_table *t, const struct identity *id, uint16_t index,
             uint8_t op, struct slice json, const struct bq_refusal *why)
{
    char seq[BQ_SEQ_MAX], now[NUM_U64_MAX], letter[1] = {(char)op};
    struct slice us = {now, num_u64(now, (uint64_t)(clock_now_ns() / 1000))};
    const char *where = why->location && *why->location ? why->location : NULL;
    struct buf message;

    buf_init(&message, 4096);
    buf_printf(&message, "%s%s%s", where ? where : "", where ? ": " : "", why->message);
    BUF_LIT(b, "{\"at\":");
    bq_write_us_timestamp(b, us);
    add_member(b, 1, slice_of(t->name));
    add_member(b, 2, (struct slice){seq, bq_seq(seq, id, index)});
    add_member(b, 3, (struct slice){letter, 1});
    add_member(b, 4, slice_of(why->reason));
    add_member(b, 5, buf_view(&message));
    add_member(b, 6, json);
    buf_putc(b, '}');
    buf_free(&message);
}

bool
bq_row_refused(struct bq_table *t, uint64_t ticket, const struct identity *id, uint16_t index,
               uint8_t op, struct slice json, const struct bq_refusal *why)
{
    struct bq_sink *s = t->s;
    char lsn[NUM_LSN_TEXT], message[600];
    const char *where = why->location && *why->location ? why->location : NULL;
    struct buf letter;

    snprintf(message, sizeof(message), "%s", why->message);
    bq_redact(message);
    if (s->conf.on_error == BQ_FAIL || t == s->dead_letters)
        return bq_sink_fail(s, t == s->dead_letters ? ERR_FATAL : ERR_DATA, "bigquery.row",
                            "BigQuery table \"%s\" cannot take the row of LSN %s (op %c): "
                            "%s%s%s%s: %s; mend it, or set "
                            "walbridge.bigquery.on.error=dead-letter",
                            t->name, num_lsn_text(lsn, id->snapshot ? id->commit_lsn : id->lsn),
                            (char)op, why->reason, where ? ", column \"" : "", where ? where : "",
                            where ? "\"" : "", message);
    log_warn("row of LSN %s (op %c) for BigQuery table \"%s\" goes to \"%s\": %s%s%s%s: %s",
             num_lsn_text(lsn, id->snapshot ? id->commit_lsn : id->lsn), (char)op, t->name,
             s->conf.dead_letter_table, why->reason, where ? ", column \"" : "", where ? where : "",
             where ? "\"" : "", message);
    /* Six times: every byte of the row may have to be escaped. */
    buf_init(&letter, json.n * 6 + 8192);
    write_letter(&letter, t, id, index, op, json, why);
    bq_batch_put(dead_letters(s), ticket, id, index, op, buf_view(&letter));
    buf_free(&letter);
    return true;
}
