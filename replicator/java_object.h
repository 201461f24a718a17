/*
 * The keys of an incremental snapshot as Debezium stores them: a Java-serialized Object[] in hexadecimal. Both ways, for the
 * classes that pgjdbc gives key columns; values are the text that PostgreSQL writes and reads.
 * Source: Java Object Serialization Specification, chapter 6; bytes that Debezium 3.6.1 stored.
 */
#ifndef REPLICATOR_JAVA_OBJECT_H
#define REPLICATOR_JAVA_OBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum java_kind {
    JAVA_NULL,
    JAVA_SHORT,
    JAVA_INTEGER,
    JAVA_LONG,
    JAVA_FLOAT,
    JAVA_DOUBLE,
    JAVA_BOOLEAN, /* "t", "f" */
    JAVA_STRING,
    JAVA_DECIMAL, /* also money's "$1,000.00" */
    JAVA_UUID,
    JAVA_DATE,      /* java.sql.Date, at midnight UTC; years 1 to 9999 */
    JAVA_TIMESTAMP, /* java.sql.Timestamp; read only, as text in UTC */
    JAVA_BYTES,     /* "\x01ff" */
};

struct java_value {
    enum java_kind kind;
    struct slice text;
};

/* How a column of this type (by its built-in oid, domains resolved) comes out of pgjdbc. */
enum java_kind java_kind_of(uint32_t type);
/* Appends the array in lower-case hexadecimal; v NULL: Java's null. A value that its class cannot hold goes as a String. */
void java_write(struct buf *hex, const struct java_value *v, size_t n);
/* *v NULL: the stream holds null. False (data): not hexadecimal, cut off, or a class that is not known here. */
bool java_read(struct slice hex, struct arena *a, struct java_value **v, size_t *n, struct err *e);

#endif
