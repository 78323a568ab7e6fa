/*
 * rng.h - seeded random numbers (xoshiro256**, seeded through splitmix64). Passed in, never global.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_init(struct rng *rng, uint64_t seed);

uint64_t rng_next(struct rng *rng);

/* Even over 0..n-1, without bias; n > 0. */
uint64_t rng_below(struct rng *rng, uint64_t n);

/* In [0, 1), 53 random bits. */
double rng_unit(struct rng *rng);

#endif
