/*
 * hash.h - CRC-32C for files, FNV-1a for tables, and a 128-bit running hash for comparing long
 * runs.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli) of n bytes, going on from crc (0 to begin with). The same bytes on every
 * machine. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

/* FNV-1a, 64 bits, with a final mix; for hash tables of trusted or checked keys. */
uint64_t hash64(const void *p, size_t n);

/* The same purpose over 8-byte words, several times as fast; another value than hash64 of the
 * bytes. words is aligned to 8 or not. */
uint64_t hash64_words(const void *words, size_t n_words);

/* A running hash over a stream of words, for "same inputs, same bits". Not cryptographic. */
struct digest {
    uint64_t a, b;
};

void digest_init(struct digest *d);
void digest_add(struct digest *d, const void *p, size_t n);

static inline void digest_u64(struct digest *d, uint64_t v)
{
    d->a = (d->a ^ v) * UINT64_C(0x9fb21c651e98df25);
    d->a ^= d->a >> 32;
    d->b = (d->b + v) * UINT64_C(0xd6e8feb86659fd93);
    d->b ^= d->a >> 29;
}

/* 32 hexadecimal digits and a NUL. */
void digest_text(const struct digest *d, char buf[33]);

#endif
