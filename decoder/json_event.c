/* Records that are no rows: logical messages, the beginning and end of transactions, heartbeats. */
#include <inttypes.h>

#include "base/json.h"
#include "decoder/json_priv.h"

void
json_put_content(const struct change *c, struct buf *b)
{
    static const char hex[] = "0123456789abcdef";
    enum binary_mode mode = c->plan->settings->binary;
    size_t at = b->n;

    if (mode == BINARY_HEX) {
        buf_putc(b, '"');
        for (size_t i = 0; i < c->content.n; i++) {
            buf_putc(b, hex[(unsigned char)c->content.p[i] >> 4]);
            buf_putc(b, hex[(unsigned char)c->content.p[i] & 15]);
        }
        buf_putc(b, '"');
        return;
    }
    json_base64(b, c->content);
    if (mode == BINARY_BASE64_URL)
        for (size_t i = at; i < b->n; i++)
            b->p[i] = b->p[i] == '+' ? '-' : b->p[i] == '/' ? '_' : b->p[i];
}

/* A logical message: {"op":"m","ts_ms":…,"source":{…},"transaction":…,"message":{"prefix":…,"content":…}} */
bool
json_encode_message(const struct json_program *prog, const struct change *c, struct recbuf *out,
                    struct err *e)
{
    struct record *r = json_open(out, c, OP_MESSAGE, 0);
    struct buf *b = &out->bytes;

    r->key = (uint32_t)b->n;
    buf_slice(b, prog->key_head);
    BUF_LIT(b, "{\"prefix\":");
    json_str(b, c->prefix);
    buf_str(b, prog->key_brace ? "}}" : "}");
    r->nkey = (uint32_t)b->n - r->key;
    r->value = (uint32_t)b->n;
    buf_slice(b, prog->value_head);
    BUF_LIT(b, "{\"op\":\"m\",\"ts_ms\":");
    num_add_i64(b, c->now_ns / 1000000);
    json_put_source(prog, c, out);
    BUF_LIT(b, ",\"transaction\":");
    if (c->block)
        json_put_block(prog, c, false, b);
    else
        BUF_LIT(b, "null");
    BUF_LIT(b, ",\"message\":{\"prefix\":");
    json_str(b, c->prefix);
    BUF_LIT(b, ",\"content\":");
    json_put_content(c, b);
    BUF_LIT(b, "}}");
    return json_close(prog, out, r, e);
}

/* Key and value heads, then the payloads; the caller has put the value's payload behind `at`. */
static struct record *
json_open_event(const struct json_program *prog, const struct change *c, struct recbuf *out)
{
    struct record *r = json_open(out, c, c->op, 0);

    r->key = (uint32_t)out->bytes.n;
    buf_slice(&out->bytes, prog->key_head);
    return r;
}

static void
json_close_event_key(const struct json_program *prog, struct recbuf *out, struct record *r)
{
    if (prog->key_brace)
        buf_putc(&out->bytes, '}');
    r->nkey = (uint32_t)out->bytes.n - r->key;
    r->value = (uint32_t)out->bytes.n;
    buf_slice(&out->bytes, prog->value_head);
}

void
json_put_collections(const struct txn_summary *sum, struct buf *b)
{
    buf_putc(b, '[');
    for (size_t i = 0; i < sum->ncollections; i++) {
        buf_str(b, i ? ",{\"data_collection\":" : "{\"data_collection\":");
        json_str(b, sum->collections[i].name);
        buf_printf(b, ",\"event_count\":%" PRIu64 "}", sum->collections[i].events);
    }
    buf_putc(b, ']');
}

/* {"status":"END","id":…,"event_count":n,"data_collections":[{"data_collection":"s.t","event_count":n}],"ts_ms":…} */
bool
json_encode_transaction(const struct json_program *prog, const struct change *c, struct recbuf *out,
                        struct err *e)
{
    struct record *r = json_open_event(prog, c, out);
    struct buf *b = &out->bytes;
    const struct txn_summary *sum = c->summary;

    BUF_LIT(b, "{\"id\":");
    prog->voice->put_transaction_id(c, b);
    buf_putc(b, '}');
    json_close_event_key(prog, out, r);
    buf_printf(b, "{\"status\":\"%s\",\"id\":", sum ? "END" : "BEGIN");
    prog->voice->put_transaction_id(c, b);
    BUF_LIT(b, ",\"event_count\":");
    if (!sum) {
        BUF_LIT(b, "null,\"data_collections\":null");
    } else {
        buf_printf(b, "%" PRIu64 ",\"data_collections\":", sum->events);
        json_put_collections(sum, b);
    }
    if (prog->voice->transaction_clock)
        buf_printf(b, ",\"ts_ms\":%" PRId64, c->txn->commit_us / 1000);
    buf_putc(b, '}');
    return json_close(prog, out, r, e);
}

/* {"serverName":"<prefix>"} → {"ts_ms":…}, always in partition 0 */
bool
json_encode_heartbeat(const struct json_program *prog, const struct change *c, struct recbuf *out,
                      struct err *e)
{
    struct record *r = json_open_event(prog, c, out);

    BUF_LIT(&out->bytes, "{\"serverName\":");
    json_cstr(&out->bytes, prog->plan->settings->prefix);
    buf_putc(&out->bytes, '}');
    json_close_event_key(prog, out, r);
    buf_printf(&out->bytes, "{\"ts_ms\":%" PRId64 "}", c->now_ns / 1000000);
    r->partition = 0;
    return json_close(prog, out, r, e);
}

void
json_put_notification_data(const struct notification *n, struct buf *b)
{
    buf_putc(b, '{');
    for (unsigned i = 0; i < n->nfields; i++) {
        buf_printf(b, "%s\"%s\":", i ? "," : "", n->fields[i].name);
        json_str(b, n->fields[i].value);
    }
    buf_putc(b, '}');
}

/* {"id":…} → {"id":…,"type":…,"aggregate_type":…,"additional_data":{…},"timestamp":…} */
bool
json_encode_notification(const struct json_program *prog, const struct change *c,
                         struct recbuf *out, struct err *e)
{
    struct record *r = json_open_event(prog, c, out);
    const struct notification *n = c->notification;
    struct buf *b = &out->bytes;

    BUF_LIT(b, "{\"id\":");
    json_str(b, n->id);
    buf_putc(b, '}');
    json_close_event_key(prog, out, r);
    BUF_LIT(b, "{\"id\":");
    json_str(b, n->id);
    buf_printf(b, ",\"type\":\"%s\",\"aggregate_type\":\"%s\",\"additional_data\":", n->type,
               n->aggregate);
    json_put_notification_data(n, b);
    buf_printf(b, ",\"timestamp\":%" PRId64 "}", n->ms);
    return json_close(prog, out, r, e);
}
