#include "replicator/uuid.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"

void
uuid_v7(char *dst)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char b[16];
    uint64_t ms = (uint64_t)(clock_now_ns() / 1000000);

    if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b)) {
        log_error("getrandom failed");
        abort();
    }
    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)(ms >> (40 - 8 * i));
    b[6] = (b[6] & 0x0F) | 0x70;
    b[8] = (b[8] & 0x3F) | 0x80;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *dst++ = '-';
        *dst++ = hex[b[i] >> 4];
        *dst++ = hex[b[i] & 15];
    }
    *dst = '\0';
}
