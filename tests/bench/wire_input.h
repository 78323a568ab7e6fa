/*
 * wire_input.h - messages for bench_wire: a recording where there is one, else generated.
 */
#ifndef BENCH_WIRE_INPUT_H
#define BENCH_WIRE_INPUT_H

#ifdef __cplusplus
extern "C" {
#endif

#include <stdbool.h>
#include <stddef.h>

/* Messages one after another in bytes, each followed by 64 bytes of zeros (simdjson's padding). */
struct wire_input {
    char *bytes;
    size_t *at, *len;
    size_t n;
    char hash[33];
    const char *source;
};

/* Messages whose text holds type ("\"orderbook_delta\""), at most max. path NULL: generated. */
bool wire_input_load(struct wire_input *in, const char *path, const char *type, size_t max);
void wire_input_free(struct wire_input *in);

/* Decode message i with ours or with jansson; a sum of its numbers, so that nothing is left out. */
long long wire_input_hot(const struct wire_input *in, size_t i);
long long wire_input_jansson(const struct wire_input *in, size_t i);

/* Seconds since some moment. */
double wire_input_clock(void);

#ifdef __cplusplus
}
#endif

#endif
