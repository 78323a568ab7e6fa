/* fuzz_frame.c - any bytes as a frame; what is accepted must be terminated and in range. */
#include <stdlib.h>

#include "wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void whole(const char *field, size_t cap)
{
    if (memchr(field, '\0', cap) == NULL) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame f;
    struct err err = {ST_OK, ""};
    enum status st = frame_decode((const char *)data, size, &f, &err);
    if (st != ST_OK) {
        if (st != ST_MALFORMED || err.st != ST_MALFORMED || err.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    whole(f.channel, sizeof f.channel);
    whole(f.text, sizeof f.text);
    whole(f.ticker, sizeof f.ticker);
    whole(f.order_id, sizeof f.order_id);
    whole(f.client_id, sizeof f.client_id);
    whole(f.reason, sizeof f.reason);
    whole(f.status, sizeof f.status);
    whole(f.event_type, sizeof f.event_type);
    if (f.has_grid && (f.grid.levels < 1 || f.grid.levels > 9999 ||
                       grid_index(&f.grid, grid_px(&f.grid, 0)) != 0)) {
        abort();
    }
    return 0;
}
