/* make_sim_schemas.c - prints the schema of actions, or with an argument that of scenarios (target
 * sim_schemas writes both to docs/schemas). */
#include <stdio.h>

#include "sim/sim.h"

int main(int argc, char **argv)
{
    struct buf out;
    (void)argv;
    buf_init(&out, 1U << 20);
    sim_command_schema(&out, argc > 1);
    bool ok = !out.failed && fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0;
    buf_finish(&out);
    return ok ? 0 : 1;
}
