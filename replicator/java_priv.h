/* The stream's tags and classes, for writing and reading. */
#ifndef REPLICATOR_JAVA_PRIV_H
#define REPLICATOR_JAVA_PRIV_H

#include <stdint.h>

#include "replicator/java_object.h"

enum {
    TC_NULL = 0x70,
    TC_REFERENCE = 0x71,
    TC_CLASSDESC = 0x72,
    TC_OBJECT = 0x73,
    TC_STRING = 0x74,
    TC_ARRAY = 0x75,
    TC_BLOCKDATA = 0x77,
    TC_ENDBLOCKDATA = 0x78,
    TC_LONGSTRING = 0x7c,
    SC_WRITE_METHOD = 1,
    JAVA_FIRST_HANDLE = 0x7e0000,
    JAVA_DIGITS_MAX = 20000, /* of a decimal; a key of more than that fits no index */
};

/* Days since 1970 of "YYYY-MM-DD"; false when it is no such text. */
bool java_days(struct slice text, int64_t *days);
void java_date_text(int64_t days, char dst[16]);

#endif
