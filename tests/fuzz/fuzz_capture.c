/*
 * fuzz_capture.c - any bytes as a recording: every line is good or has a fault with its
 * number, none is longer than the limit, and the end stays the end.
 */
#include <stdlib.h>

#include "capture/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct capture *cap = NULL;
    if (capture_open_mem((struct text){(const char *)data, size}, 4096, &cap) != ST_OK) {
        abort();
    }
    uint64_t last = 0;
    for (;;) {
        struct capture_line line;
        enum status st = capture_next(cap, &line);
        if (st == ST_END) {
            break;
        }
        if ((st != ST_OK && st != ST_MALFORMED) || line.number <= last ||
            (st == ST_MALFORMED) != (line.fault != NULL)) {
            abort();
        }
        last = line.number;
        if (st == ST_OK && line.msg.n > 4096) {
            abort();
        }
    }
    struct capture_line line;
    if (capture_next(cap, &line) != ST_END) {
        abort();
    }
    capture_close(cap);
    return 0;
}
