/* Inside the JSON converter: programs, the cache of what is constant for a transaction, and what its files share. */
#ifndef DECODER_JSON_PRIV_H
#define DECODER_JSON_PRIV_H

#include "base/num.h"
#include "decoder/json_conv.h"
#include "decoder/node.h"

/* Before this column: this text. */
struct json_step {
    const char *lit;
    uint32_t nlit;
    uint16_t col;
    const struct plan_field *field;
};

/* '{"a":', ',"b":', … and the closing brace. */
struct json_row {
    uint16_t n;
    struct json_step *steps;
};

struct json_source;

/*
 * What the versions that walbridge.compat names say differently around a row. Called when the text it makes is not in the
 * cache, and for records that are seldom: a row pays nothing for there being several.
 */
struct json_voice {
    bool sequence; /* the source block has sequence, ts_us and ts_ns */
    void (*render_source)(const struct json_program *prog, const struct change *c,
                          struct json_source *s);
    void (*render_tail)(struct recbuf_cache *cache, int64_t now_ns);
    /* The tail with the row's place in its transaction. */
    void (*put_tail_with_block)(const struct json_program *prog, const struct change *c,
                                enum change_op op, bool second, const struct recbuf_cache *cache,
                                struct buf *b);
    void (*put_transaction_id)(const struct change *c, struct buf *b);
    bool transaction_clock; /* transaction records say when */
    const char *(*marker_text)(enum snapshot_marker m);
};

struct json_program {
    const struct plan *plan;
    const struct json_voice *voice;
    struct json_row row, key;
    struct slice value_head;  /* '{"schema":…,"payload":' or nothing */
    struct slice create_head; /* the same and '{"before":null,"after":' */
    struct slice key_head;
    bool value_brace, key_brace; /* the head's '{' needs its '}' */
    /* The source block's constant pieces; see json_render_source. */
    struct slice source_name, source_db, source_tail;
    struct arena arena;
};

enum { JSON_CACHE_SLOTS = 64, JSON_SOURCE_MAX = 8192, JSON_TAIL_MAX = 128, JSON_LSN_LOW = 10000 };

/* The source block of one program in one transaction, in three pieces with the LSN between them. */
struct json_source {
    uint64_t plan_id, txn_seq;
    enum snapshot_marker marker;
    uint32_t n1, n2,
        n3; /* lengths of the pieces in text; n1 == 0: the LSN stands but once, between the others */
    struct buf text;
};

struct recbuf_cache {
    struct json_source sources[JSON_CACHE_SLOTS];
    int64_t now_ns;
    unsigned ntail, tail_op;
    char tail
        [JSON_TAIL_MAX]; /* what follows the source block; the operation's letter is put in at tail_op */
    uint64_t lsn_high; /* LSN / JSON_LSN_LOW: the digits that seldom change */
    unsigned nhigh, nlsn;
    char lsn_text[NUM_U64_MAX + 4];
    struct buf scratch[NODE_DEPTH_MAX + 1]; /* of values that are worked out of others */
};

/* A column that an update did not touch: from the old row when it is whole, else NULL: the placeholder stands for it. */
static inline const struct value *
json_unchanged(const struct change *c, uint16_t col)
{
    const struct value *old = !c->old_is_key && col < c->before.n ? &c->before.v[col] : NULL;

    return old && (old->kind == VALUE_TEXT || old->kind == VALUE_NULL) ? old : NULL;
}

/* json_conv.c */
/* A value that cannot be said: the buffer is cut back to `mark` and NULL stands for it, or false. */
bool json_unconverted(const struct plan *p, const struct plan_field *f, struct recbuf *out,
                      struct buf *b, size_t mark, struct err *e);
/* A column's value was just written to `b`, and bytes that are no UTF-8 were replaced: told of, or false. */
bool json_value_replaced(const struct plan *p, uint16_t col, const struct value *v,
                         struct recbuf *out, struct buf *b, struct err *e);
/* One envelope: before and after as given (NULL: null), key from `key` (no key at all for a truncate). */
bool json_put_envelope(const struct json_program *prog, const struct change *c, enum change_op op,
                       const struct tuple *before, const struct tuple *after,
                       const struct tuple *key, uint16_t index, struct recbuf *out, struct err *e);
/* Did the key change? Compared as it is said: a NOT NULL key column that the old tuple lacks counts as its fallback. */
bool json_key_changed(const struct json_program *prog, const struct change *c, struct recbuf *out,
                      bool *changed, struct err *e);

/* json_source.c: everything of a record that is not the row. */
struct recbuf_cache *json_cache(struct recbuf *out);
struct slice json_keep(struct arena *a, struct buf *b);
extern const struct json_voice json_voice_3_6;
/* "snapshot":…, with its comma: Debezium leaves the member out while streaming, and the converter then writes the schema's
 * default, or null. */
void json_compile_source(struct json_program *prog, struct buf *b);
void json_put_txid(const struct txn *t, struct buf *b);
void json_put_xmin(const struct txn *t, struct buf *b);
/* A change's place in its transaction, the value of "transaction". */
void json_put_block(const struct json_program *prog, const struct change *c, bool second,
                    struct buf *b);
void json_put_marker(const struct json_program *prog, enum snapshot_marker marker, const char *text,
                     struct buf *b);
void json_put_source(const struct json_program *prog, const struct change *c, struct recbuf *out);
/* ,"source":{…},"transaction":…,"op":"c","ts_ms":…,"ts_us":…,"ts_ns":…}; second: the later half of a key change. */
void json_put_source_and_tail(const struct json_program *prog, const struct change *c,
                              enum change_op op, bool second, struct recbuf *out);
struct record *json_open(struct recbuf *out, const struct change *c, enum change_op op,
                         uint16_t index);
bool json_close(const struct json_program *prog, struct recbuf *out, struct record *r,
                struct err *e);

/* json_event.c: records that are no rows. */
void json_put_notification_data(const struct notification *n, struct buf *b);
void json_put_content(const struct change *c, struct buf *b);
void json_put_collections(const struct txn_summary *sum, struct buf *b);
bool json_encode_message(const struct json_program *prog, const struct change *c,
                         struct recbuf *out, struct err *e);
bool json_encode_transaction(const struct json_program *prog, const struct change *c,
                             struct recbuf *out, struct err *e);
bool json_encode_heartbeat(const struct json_program *prog, const struct change *c,
                           struct recbuf *out, struct err *e);
bool json_encode_notification(const struct json_program *prog, const struct change *c,
                              struct recbuf *out, struct err *e);

/* json_legacy.c: as Debezium 1.2 said it. */
extern const struct json_voice json_voice_1_2;

/* json_header.c: JSON that we rendered ourselves → the text of Connect's SimpleHeaderConverter. */
size_t json_put_unicode(struct buf *b, const char *p, size_t n);
void json_put_header_text(struct buf *b, const char *json, size_t n);

#endif
