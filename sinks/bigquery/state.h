/*
 * What the sink's files share: the sink, its tables, their batches.
 *
 *   table     UNKNOWN ──get──► READY                      batch   open ──full, lingered or flushed──► closed
 *                │  └──404──► create ──► READY                    closed ──sent──► in flight
 *                └──columns missing──► patch ──► READY            in flight ──accepted──► acknowledged, freed
 *             READY ──404 or unknown column in an answer──► UNKNOWN     └──anything else──► closed, sent again later
 *
 * Batches of a table are a list in order of acceptance; the first max_in_flight of them may be under way.
 */
#ifndef SINKS_BIGQUERY_STATE_H
#define SINKS_BIGQUERY_STATE_H

#include "base/map.h"
#include "sinks/bigquery/auth.h"
#include "sinks/bigquery/conf.h"
#include "sinks/bigquery/program.h"
#include "sinks/bigquery/reply.h"
#include "sinks/http.h"
#include "sinks/retry.h"
#include "sinks/sink.h"

struct bq_row {
    uint64_t ticket;
    struct identity id;
    uint32_t at, n;   /* {"insertId":…,"json":…} in the batch's body */
    uint32_t json_at; /* where the row's own JSON begins in it */
    uint16_t index;
    uint8_t op;
};

struct bq_batch {
    struct bq_table *t;
    struct buf body; /* {"rows":[…,…,  and, once closed, ]} */
    struct bq_row *rows;
    size_t nrows, cap;
    int64_t opened_us, retry_at_us;
    unsigned attempt;
    unsigned generation; /* of the token it was sent with */
    bool closed, in_flight;
    struct bq_batch *next;
};

enum bq_table_state {
    BQ_TABLE_UNKNOWN,
    BQ_TABLE_BUSY /* get, create or patch under way */,
    BQ_TABLE_READY
};

struct bq_table {
    struct bq_sink *s;
    char *name;
    struct arena arena;
    enum bq_table_state state;
    int64_t retry_at_us;
    unsigned attempt;
    unsigned generation;
    struct bq_desired want;
    struct bq_remote remote;
    char *document; /* body of the request under way */
    bool warned;    /* of REQUIRED columns that nothing feeds */
    bool accepted_any;
    int64_t
        unknown_column_us; /* since when the service does not know a column that exists; 0: it does */
    struct bq_batch *head, *tail;
    bool active; /* in the sink's list of tables with rows */
    struct bq_table *next_active;
};

enum bq_dataset_state { BQ_DATASET_UNKNOWN, BQ_DATASET_BUSY, BQ_DATASET_READY };

struct bq_sink {
    struct sink base; /* first */
    struct bq_conf conf;
    struct http *http;
    struct bq_auth *auth;
    struct map *said;        /* warnings that were logged: new versions of a table repeat them */
    struct map *tables;      /* name → struct bq_table */
    struct bq_table *active; /* those with rows */
    struct bq_table *dead_letters;
    enum bq_dataset_state dataset;
    int64_t dataset_retry_us;
    unsigned dataset_attempt, dataset_generation;
    uint64_t pending_bytes;
    bool accepted_any; /* BigQuery took a request in this run: what is refused now worked before */
    struct err failed; /* cls ERR_NONE: going on */
};

/* bigquery.c */
/* The first error is the sink's; poll reports it. Always false. */
bool bq_sink_fail(struct bq_sink *s, enum err_class cls, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
const char *bq_sink_project(const struct bq_sink *s);
/* Sends to <base>/projects/<project>/datasets/<dataset><path>; *generation: of the token used. False: the sink failed. */
bool bq_sink_call(struct bq_sink *s, const char *method, const char *path, const char *if_match,
                  struct slice body, http_done done, void *arg, unsigned *generation);
void bq_sink_accepted(struct bq_sink *s, const struct bq_row *rows, size_t n);

/* table.c */
struct bq_table *bq_table_get(struct bq_sink *s, const char *name); /* made when new */
void bq_table_free(void *table);
/* Takes over what the program wants of its table. */
void bq_table_attach(struct bq_table *t, const struct bq_program *p);
void bq_table_want(struct bq_table *t, const char *name, enum bq_type type, enum bq_mode mode,
                   const char *description);
/* Does what is due: looks at the table, sends batches. False: the sink failed. */
bool bq_table_step(struct bq_table *t, int64_t now_us);
int64_t bq_table_deadline_us(const struct bq_table *t);
void bq_table_look_again(struct bq_table *t, int64_t wait_ms);

/* batch.c */
void bq_batch_free(struct bq_batch *b);
/* Appends a row to the table's open batch. */
void bq_batch_put(struct bq_table *t, uint64_t ticket, const struct identity *id, uint16_t index,
                  uint8_t op, struct slice json);
bool bq_batch_due(const struct bq_batch *b, int64_t now_us);
void bq_batch_close(struct bq_batch *b);
bool bq_batch_send(struct bq_batch *b);
uint64_t bq_row_cost(size_t json_bytes);

/* dead.c */
struct bq_refusal {
    const char *reason, *location, *message;
};
/* By policy: the sink fails, or the row goes to the dead-letter table with its ticket. False: it failed. */
bool bq_row_refused(struct bq_table *t, uint64_t ticket, const struct identity *id, uint16_t index,
                    uint8_t op, struct slice json, const struct bq_refusal *why);

#endif
