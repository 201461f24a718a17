#include "replicator/kafka/murmur2.h"

int32_t
murmur2(const void *key, size_t n)
{
    const unsigned char *p = key;
    const uint32_t m = 0x5bd1e995;
    uint32_t h = 0x9747b28cu ^ (uint32_t)n;

    for (; n >= 4; p += 4, n -= 4) {
        uint32_t k =
            (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;

        k *= m;
        k ^= k >> 24;
        k *= m;
        h = h * m ^ k;
    }
    /* What is left over, least significant byte first. */
    for (size_t i = n; i > 0; i--)
        h ^= (uint32_t)p[i - 1] << (8 * (i - 1));
    if (n > 0)
        h *= m;
    h ^= h >> 13;
    h *= m;
    h ^= h >> 15;
    return (int32_t)h;
}

int32_t
murmur2_partition(const void *key, size_t n, int32_t partitions)
{
    return (murmur2(key, n) & 0x7fffffff) % partitions;
}
