/* Inside the transforms: what a kind of transform is, and what its code works with. */
#ifndef DECODER_SMT_PRIV_H
#define DECODER_SMT_PRIV_H

#include "decoder/pattern_swap.h"
#include "decoder/smt.h"

enum smt_side {
    SMT_WHOLE, /* of the whole record */
    SMT_SIDES, /* named with $Key or $Value */
};

/* A comma list as slices in the arena; "": none. */
struct smt_list {
    struct slice *v;
    size_t n;
};

/* One transform (or predicate) of a chain. */
struct smt {
    const struct smt_type *type;
    const char *name;  /* as the configuration calls it */
    bool key;          /* $Key */
    const void *setup; /* what init made */
    const struct smt *predicate;
    bool negate;
};

/* What init works with. */
struct smt_init {
    struct arena *a;  /* the chain's */
    struct config *c; /* the transform's own properties, validated */
    const struct config *connector;
    bool key;
    void *setup;   /* of smt_type.size bytes */
    struct err *e; /* its message names no transform; that is put before it */
};

struct smt_type {
    const char *name; /* the class */
    const char *old;  /* another name of it; NULL: none */
    enum smt_side side;
    bool predicate;
    const struct prop_table *props;
    size_t size; /* of setup */
    bool (*init)(struct smt_init *in);
    void (*fini)(const void *setup); /* what the arena does not free; NULL: nothing */
    enum smt_result (*apply)(const struct smt *t, struct smt_run *run);
    /* Predicates. */
    enum smt_result (*test)(const struct smt *t, struct smt_run *run, bool *holds);
    const char *doc;
};

/* All of them, NULL-terminated. */
extern const struct smt_type *const smt_types[];

/* True: *v is what `n` is in this record. False: return SMT_NEED. */
bool smt_known(struct smt_run *run, const struct node *n, struct smt_value *v);
/* Is it null in this record? False: return SMT_NEED. */
bool smt_known_null(struct smt_run *run, const struct node *n, bool *null);
/* A string's characters, in the draft's arena. */
struct slice smt_text_of(struct smt_run *run, const struct smt_value *v);
void smt_set_reason(struct smt_run *run, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void smt_say(struct smt_run *run, bool is_error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* return smt_fail(run, "why"): readers and analyzers see what it gives. */
#define smt_fail(run, ...) (smt_set_reason((run), __VA_ARGS__), SMT_FAIL)

/* The side that a transform works on. */
static inline const struct node *
smt_operand(const struct smt *t, const struct smt_run *run)
{
    return t->key ? run->draft->key : run->draft->value;
}

static inline void
smt_put(const struct smt *t, struct smt_run *run, const struct node *n)
{
    if (t->key)
        run->draft->key = n;
    else
        run->draft->value = n;
}

/* Where a struct's member is asked for: what it is, for messages. Sets *out or fails. */
enum smt_result smt_struct(struct smt_run *run, const struct node *n, const char *purpose);
/* Begins a struct like n, with n's members but `without` (NULL: all); get: nulls become their defaults. */
void smt_copy_struct(struct node_builder *b, struct smt_run *run, const struct node *n, bool get,
                     const struct smt_list *without);
/* Is the operand null, so that the record passes? Sets *null, or SMT_NEED. */
enum smt_result smt_operand_null(const struct smt *t, struct smt_run *run, bool *null);
/* The built struct, unless a name came twice. */
enum smt_result smt_built(struct smt_run *run, struct node_builder *b, const struct node **out);

/* ---- reading properties */
struct smt_list smt_read_list(struct smt_init *in, const char *property);
bool smt_list_has(const struct smt_list *l, struct slice name);
/* NULL when not given or empty. */
const char *smt_read_string(struct smt_init *in, const char *property);

/* Sets the draft's topic. */
enum smt_result smt_set_topic(struct smt_run *run, struct slice topic);

extern const struct smt_type smt_type_extract_state, smt_type_by_logical_table,
    smt_type_regex_router, smt_type_topic_name_matches, smt_type_has_header_key,
    smt_type_is_tombstone, smt_type_filter, smt_type_replace_field, smt_type_insert_field,
    smt_type_mask_field, smt_type_cast, smt_type_flatten, smt_type_hoist_field,
    smt_type_extract_field, smt_type_value_to_key, smt_type_set_schema_metadata,
    smt_type_timestamp_converter, smt_type_timestamp_router, smt_type_insert_header,
    smt_type_drop_headers, smt_type_header_from, smt_type_header_to_value, smt_type_event_router,
    smt_type_extract_changed, smt_type_partition_routing, smt_type_decode_message,
    smt_type_timezone_converter, smt_type_script_filter, smt_type_content_router;

/* The class of one of Kafka's transforms. */
#define KAFKA_SMT(name) "org.apache.kafka.connect.transforms." name

/* Properties that many of Kafka's transforms have. */
/* clang-format off */
#define SMT_REPLACE_NULL_ROW                                                                                              \
    {.name = "replace.null.with.default", .type = PROP_BOOL, .def = "true", .importance = PROP_MEDIUM,                    \
     .doc = "Takes a field's default where the field is null."}
/* clang-format on */
#define SMT_PROPS(rows)                                                                            \
    {                                                                                              \
        (rows), sizeof(rows) / sizeof(*(rows))                                                     \
    }

#endif
