/* fuzz_config.c - INI text of any kind: refused with a reason, or printed and read back the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *const env[] = {"HOME=/h", NULL};

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

/* Everything but the comments that say where a value came from. */
static void print_values(const struct config *c, struct buf *out)
{
    buf_init(out, 1U << 24);
    config_json(c, out);
    check(!out->failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run_options o, p;
    struct config *c = NULL, *d = NULL;
    struct err err = {.st = ST_OK};
    struct text ini = {(const char *)data, size};
    check(config_create(&run_option_table, env, &o, &c) == ST_OK);
    if (config_read_text(c, "f", ini, &err) != ST_OK) {
        check(err.text[0] != '\0' && err.st != ST_OK);
        config_destroy(c);
        return 0;
    }
    struct err ignored;
    (void)!run_options_check(&o, &ignored);
    struct buf printed, values, again;
    buf_init(&printed, 1U << 24);
    config_print(c, &printed);
    check(!printed.failed);
    check(config_create(&run_option_table, env, &p, &d) == ST_OK);
    enum status st = config_read_text(d, "g", (struct text){printed.p, printed.n}, &err);
    /* A text that fills an INI line to its end has no room behind its key. */
    if (st != ST_LIMIT) {
        check(st == ST_OK);
        print_values(c, &values);
        print_values(d, &again);
        check(values.n == again.n && memcmp(values.p, again.p, values.n) == 0);
        buf_finish(&values);
        buf_finish(&again);
    }
    buf_finish(&printed);
    config_destroy(c);
    config_destroy(d);
    return 0;
}
