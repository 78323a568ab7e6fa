/* store_input.h - seeded records for bench_store, one behind the other as a queue holds them. */
#ifndef TESTS_BENCH_STORE_INPUT_H
#define TESTS_BENCH_STORE_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct input {
    const char *name;
    uint8_t *bytes;
    const void **records; /* n of them, in bytes */
    size_t n;
    char hash[33]; /* of bytes */
};

/* n deltas of 100 markets. */
void input_deltas(struct input *in, size_t n);

/*
 * What a trading run records: of 1000 records 598 deltas, 10 trades, 2 snapshots of 40 levels, 190
 * turns, 190 decisions with all 52 values and 10 steps of orders.
 */
void input_mix(struct input *in, size_t n);

void input_finish(struct input *in);

#endif
