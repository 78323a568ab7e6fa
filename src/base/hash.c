#include "base/hash.h"

#include <stdio.h>
#include <string.h>

#include "base/cpu.h"

static uint32_t crc32c_bitwise(uint32_t crc, const unsigned char *s, size_t n)
{
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= s[i];
        for (int k = 0; k < 8; k++) {
            crc = (crc >> 1) ^ (UINT32_C(0x82f63b78) & (0U - (crc & 1U)));
        }
    }
    return ~crc;
}

/* The processor's instruction for the same polynomial; an order's journal record waits for it. */
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const unsigned char *s,
                                                               size_t n)
{
    uint64_t eight = ~crc;
    for (; n >= 8; s += 8, n -= 8) {
        uint64_t v;
        memcpy(&v, s, 8);
        eight = __builtin_ia32_crc32di(eight, v);
    }
    crc = (uint32_t)eight;
    for (; n > 0; s++, n--) {
        crc = __builtin_ia32_crc32qi(crc, *s);
    }
    return ~crc;
}

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
    return cpu_has_sse42() ? crc32c_sse42(crc, p, n) : crc32c_bitwise(crc, p, n);
}

uint64_t hash64(const void *p, size_t n)
{
    const unsigned char *s = p;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++) {
        h = (h ^ s[i]) * UINT64_C(0x100000001b3);
    }
    h ^= h >> 32;
    h *= UINT64_C(0x9fb21c651e98df25);
    return h ^ (h >> 29);
}

uint64_t hash64_words(const void *words, size_t n_words)
{
    const unsigned char *p = words;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n_words; i++) {
        uint64_t w;
        memcpy(&w, p + i * sizeof w, sizeof w);
        h = (h ^ w) * UINT64_C(0x9fb21c651e98df25);
        h ^= h >> 32;
    }
    h *= UINT64_C(0x9fb21c651e98df25);
    return h ^ (h >> 29);
}

void digest_init(struct digest *d)
{
    d->a = UINT64_C(0x243f6a8885a308d3);
    d->b = UINT64_C(0x13198a2e03707344);
}

void digest_add(struct digest *d, const void *p, size_t n)
{
    const unsigned char *s = p;
    while (n >= 8) {
        uint64_t v;
        memcpy(&v, s, 8);
        digest_u64(d, v);
        s += 8;
        n -= 8;
    }
    uint64_t tail = (uint64_t)n << 56;
    memcpy(&tail, s, n);
    digest_u64(d, tail);
}

void digest_text(const struct digest *d, char buf[33])
{
    snprintf(buf, 33, "%016llx%016llx", (unsigned long long)d->a, (unsigned long long)d->b);
}
