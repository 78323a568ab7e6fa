/*
 * fuzz_session.c - the options of a session row (JSON): refused with a reason, or written and read
 * again with the same values.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "cli/run_engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *const env[] = {"HOME=/h", NULL};

struct row {
    struct run_options o;
    struct config *c;
    bool trading;
    uint64_t id;
    struct err err;
};

static enum status read_row(const char *json, struct row *r)
{
    memset(r, 0, sizeof *r);
    ensure(config_create(&run_option_table, env, &r->o, &r->c) == ST_OK);
    return run_session_read(r->c, json, &r->trading, &r->id, &r->err);
}

static void write_row(const struct row *r, struct buf *out)
{
    buf_init(out, 1U << 24);
    run_session_json(r->c, r->trading, false, r->id, NULL, out);
    ensure(!out->failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *json = malloc(size + 1);
    ensure(json != NULL);
    memcpy(json, data, size);
    json[size] = '\0';
    struct row a;
    struct row b;
    if (read_row(json, &a) == ST_OK) {
        struct buf once;
        struct buf twice;
        struct err err = {0};
        (void)!run_options_check(&a.o, &err);
        (void)run_engine_config(&a.o, a.trading, a.id);
        write_row(&a, &once);
        ensure(read_row(once.p, &b) == ST_OK);
        write_row(&b, &twice);
        ensure(once.n == twice.n && memcmp(once.p, twice.p, once.n) == 0);
        buf_finish(&once);
        buf_finish(&twice);
        config_destroy(b.c);
    } else {
        ensure(a.err.text[0] != '\0');
    }
    config_destroy(a.c);
    free(json);
    return 0;
}
