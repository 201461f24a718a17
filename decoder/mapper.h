/*
 * Debezium's column mappers: masks, hashes and cuts of values, and source types in schemas. A column has the first rule
 * that names it, in this order whatever the configuration's:
 *
 *   column.truncate.to.<n>.chars                            a string's first n UTF-16 units, a bytea's first n bytes
 *   column.mask.with.<n>.chars                              n asterisks, for NULL too
 *   column.propagate.source.type                            the value stays, the schema gets parameters
 *   datatype.propagate.source.type                          the same, by schema.table.type
 *   column.mask.hash.<algorithm>.with.salt.<salt>           hexadecimal hash of the salt and the string as Java serializes it
 *   column.mask.hash.v2.<algorithm>.with.salt.<salt>        of the salt and the string
 *
 * So a column that is cut is not masked, and one that is named for its source type is not hashed. Keys are said as they
 * are. Masks and hashes touch character types and enumerations alone; others get the schema's parameter and keep their
 * values.
 *
 * All of it is worked out when a plan is made: a rule wraps the column's binding, and a row pays for the work itself.
 */
#ifndef DECODER_MAPPER_H
#define DECODER_MAPPER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/prop.h"
#include "decoder/type.h"

struct mappers;

/* Reads the rules of a validated configuration. */
struct mappers *mappers_new(const struct config *c, struct err *e);
void mappers_free(struct mappers *m);

/* What a rule does to a column's values. Lives as long as the plan; any thread may use it. */
struct mapping;

struct mapper_site {
    const struct mappers *mappers; /* outlive what is bound; NULL: no rules */
    const struct types *types;
    struct slice schema, table;
    const struct column *col;
    bool snapshot; /* else the stream, where Debezium knows types otherwise */
    struct arena *arena;
};

struct mapped {
    const struct mapping *map; /* NULL: values are said as they are */
    bool unmasked;             /* a mask or hash would have applied, but another rule came first */
};

/* Wraps a column bound for the value side. */
struct mapped mapper_apply(const struct mapper_site *at, struct binding *b);
/* The column's values are lost on the way: all are said as NULL is. */
void mapper_lose(struct binding *b);

/* Every value, NULL included, is said alike. */
bool mapping_is_constant(const struct mapping *m);
/*
 * What stands for a value, for sinks that write no JSON payloads: of a text and other types alike PostgreSQL's text.
 * Types whose cut text would be no value of the type any more (json) are not cut.
 */
enum { MAPPING_TEXT_MAX = 128 };
struct slice mapping_text(const struct mapping *m, struct slice text,
                          char scratch[MAPPING_TEXT_MAX]);

#endif
