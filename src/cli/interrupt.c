#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t asked;

static void note(int sig)
{
    (void)sig;
    asked = 1;
}

void interrupt_catch(void)
{
    /* SA_RESETHAND: who presses it twice does not want to wait. */
    struct sigaction sa = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&sa.sa_mask);
    (void)sigaction(SIGINT, &sa, NULL);
    (void)sigaction(SIGTERM, &sa, NULL);
}

bool interrupt_asked(void)
{
    return asked != 0;
}
