/* RFC 9562 UUIDs. */
#ifndef REPLICATOR_UUID_H
#define REPLICATOR_UUID_H

/* Version 7 (Unix milliseconds, then random) as text; dst holds at least 37 bytes. */
void uuid_v7(char *dst);

#endif
