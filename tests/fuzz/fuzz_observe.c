/* `deltaflow observe` on any bytes: no crash, and every line whole, finite and within [-2, 2]. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/ensure.h"
#include "cli/observe.h"
#include "features/features.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(void *ctx, const char *text, size_t n)
{
    (void)ctx;
    json_t *line = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    ensure(line != NULL);
    const json_t *features = json_object_get(line, "features");
    ensure(json_array_size(features) == FEATURE_COUNT);
    for (size_t i = 0; i < FEATURE_COUNT; i++) {
        double v = json_number_value(json_array_get(features, i));
        ensure(v >= -2 && v <= 2);
    }
    json_decref(line);
}

static void count(void *ctx, const char *text)
{
    (void)text;
    ++*(uint32_t *)ctx;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t complaints = 0;
    uint32_t malformed = 0;
    struct observe_sink sink = {check_line, count, &complaints};
    struct err err = {0};
    enum status st = observe_text((const char *)data, size, &sink, &malformed, &err);
    ensure(st == ST_OK || err.text[0] != '\0');
    ensure(st != ST_OK || malformed == complaints);
    return 0;
}
