/* Heartbeat files: whatever stands in one, it is taken whole or refused with a reason. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/ensure.h"
#include "cli/run_control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heartbeat h;
    struct err err = {0};
    memset(&h, 0x5a, sizeof h);
    enum status st = heartbeat_parse((const char *)data, size, &h, &err);
    ensure(st == ST_OK || (st == ST_MALFORMED && err.text[0] != '\0'));
    if (st == ST_OK) {
        ensure(h.beat_ms >= 0 && h.exchange_ms >= 0 && h.n_groups <= RUN_GROUPS_MAX);
        for (uint32_t i = 0; i < h.n_groups; i++) {
            ensure(h.shards[i] >= 0);
            ensure(memchr(h.groups[i], 0, sizeof h.groups[i]) != NULL);
        }
    }
    return 0;
}
