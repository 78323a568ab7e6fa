/* make_config_doc.c - prints docs/CONFIG.md (target config_doc writes it). */
#include <stdio.h>

#include "config/options.h"

int main(void)
{
    struct buf out;
    buf_init(&out, 1U << 20);
    options_document(&out);
    bool ok = !out.failed && fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0;
    buf_finish(&out);
    return ok ? 0 : 1;
}
