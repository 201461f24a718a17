#include "decoder/murmur.h"

enum { MURMUR_SEED = 9001, MURMUR_BLOCK = 16 };

struct murmur {
    uint64_t h1, h2, c1, c2;
};

static uint64_t
murmur_rotate(uint64_t v, unsigned n)
{
    return v << n | v >> (64 - n);
}

static void
murmur_mix(struct murmur *m, uint64_t k1, uint64_t k2)
{
    m->h1 = (m->h1 ^ murmur_rotate(k1 * m->c1, 23) * m->c2) + m->h2;
    m->h2 = murmur_rotate(m->h2, 41);
    m->h2 = (m->h2 ^ murmur_rotate(k2 * m->c2, 23) * m->c1) + m->h1;
    m->h1 = m->h1 * 3 + 0x52dce729;
    m->h2 = m->h2 * 3 + 0x38495ab5;
    m->c1 = m->c1 * 5 + 0x7b7d159c;
    m->c2 = m->c2 * 5 + 0x6bce6396;
}

static uint64_t
murmur_finish(uint64_t k)
{
    k = (k ^ k >> 33) * UINT64_C(0xff51afd7ed558ccd);
    k = (k ^ k >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return k ^ k >> 33;
}

/* Little-endian. In the tail Java extends each byte's sign, so that they meet in the higher bits: ^, not |. */
static uint64_t
murmur_word(const char *p, size_t n, bool tail)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++)
        v ^= (tail ? (uint64_t)(int64_t)(signed char)p[i] : (uint64_t)(unsigned char)p[i])
             << (8 * i);
    return v;
}

uint32_t
murmur_hash(struct slice s)
{
    struct murmur m = {UINT64_C(0x9368e53c2f6af274) ^ MURMUR_SEED,
                       UINT64_C(0x586dcd208f7cd3fd) ^ MURMUR_SEED, UINT64_C(0x87c37b91114253d5),
                       UINT64_C(0x4cf5ad432745937f)};
    const size_t length = s.n;
    size_t n = length;

    for (; n >= MURMUR_BLOCK; n -= MURMUR_BLOCK, s.p += MURMUR_BLOCK)
        murmur_mix(&m, murmur_word(s.p, 8, false), murmur_word(s.p + 8, 8, false));
    if (n)
        murmur_mix(&m, murmur_word(s.p, n < 8 ? n : 8, true),
                   n > 8 ? murmur_word(s.p + 8, n - 8, true) : 0);
    m.h2 ^= length;
    m.h1 += m.h2;
    m.h2 += m.h1;
    m.h1 = murmur_finish(m.h1);
    m.h2 = murmur_finish(m.h2);
    return (uint32_t)((m.h1 + m.h2) >> 32);
}

uint32_t
murmur_hash_int(uint32_t v)
{
    const char bytes[4] = {(char)v, (char)(v >> 8), (char)(v >> 16), (char)(v >> 24)};

    return murmur_hash((struct slice){bytes, sizeof(bytes)});
}
