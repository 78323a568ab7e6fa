/*
 * observe.h - the golden format of the observation in, one JSON line for each observation out.
 *
 * What `deltaflow observe` does, without files: bytes in, lines through a callback. The derived
 * numbers of a point are computed from the books; those in the input are not read.
 */
#ifndef CLI_OBSERVE_H
#define CLI_OBSERVE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct observe_sink {
    /* One line of JSON without newline, valid until it returns. */
    void (*line)(void *ctx, const char *text, size_t n);
    /* Something in the input is malformed: place and cause. */
    void (*complain)(void *ctx, const char *text);
    void *ctx;
};

/*
 * Observe everything in text. A malformed step ends its sequence or session, as what follows would
 * have a wrong history; it is complained about and counted in *ret_malformed, and the others go on.
 * ST_MALFORMED: not JSON, or not the golden format; ST_NOMEM. Then err says where and why.
 */
enum status observe_text(const char *text, size_t n, const struct observe_sink *sink,
                         uint32_t *ret_malformed, struct err *err) MUST_CHECK;

#endif
