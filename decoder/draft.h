/*
 * A record as it is known when its program is made: topic, key, value, headers. One for each kind of record that changes
 * lead to; Debezium's own form comes first, transforms turn it into others.
 */
#ifndef DECODER_DRAFT_H
#define DECODER_DRAFT_H

#include "decoder/node.h"

enum draft_kind {
    DRAFT_CREATE,
    DRAFT_READ,
    DRAFT_UPDATE,
    DRAFT_UPDATE_OLD, /* with the row before */
    DRAFT_DELETE,
    DRAFT_TOMBSTONE,
    DRAFT_TRUNCATE,
    DRAFT_MOVED_AWAY, /* a changed key: delete under the old one, */
    DRAFT_MOVED_TOMBSTONE,
    DRAFT_MOVED_HERE, /* create under the new one */
    DRAFT_MESSAGE,
    DRAFT_BEGIN,
    DRAFT_END,
    DRAFT_HEARTBEAT,
    DRAFT_NOTIFICATION,
    DRAFT_KINDS,
};

struct draft_header {
    const char *name;
    const struct node *value;
};

enum { DRAFT_CONTEXT_HEADERS = 4, DRAFT_SHARED_HEADERS = 64 };

struct draft {
    struct arena *arena;
    const struct plan *plan;
    enum draft_kind kind;
    const char *topic;
    const struct node *key, *value; /* never NULL */
    size_t nheaders, headers_cap;
    struct draft_header *headers;
    const struct node *partition, *timestamp; /* NULL: not said */
    /*
     * Debezium gives a delete and its tombstone one list of headers, and some of its transforms add to the list they find:
     * what they add to the delete, the tombstone has too, unless a transform before has made the record another with a list
     * of its own.
     */
    bool own_headers;
    size_t nshared;
    struct draft_header shared[DRAFT_SHARED_HEADERS];
};

/* What the headers of a connector's context say, in their order. */
struct draft_context {
    const char *name[DRAFT_CONTEXT_HEADERS];
    const struct node *value[DRAFT_CONTEXT_HEADERS];
};

/* block: the change carries its place in the transaction. */
void draft_new(struct draft *d, struct arena *a, const struct plan *p, enum draft_kind kind,
               bool block, const struct draft_context *context);
enum change_op draft_op(enum draft_kind kind);
/* Appends. */
void draft_add_header(struct draft *d, const char *name, const struct node *value);
/* The same to the list that the record shares. */
void draft_add_header_in_place(struct draft *d, const char *name, const struct node *value);
/* The kind of the delete that a tombstone follows; DRAFT_KINDS: it is no tombstone. */
enum draft_kind draft_deleting(enum draft_kind kind);
/* The first of that name; NULL: none. */
const struct node *draft_header(const struct draft *d, const char *name);
/* Debezium's envelope, by its schema's name. */
bool draft_is_envelope(const struct draft *d);

#endif
