#include "cli/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"

static _Atomic bool asked;
static const char *of_command, *what_is_left;
static pthread_t command_thread;
static sigset_t both;

static void nothing(int sig)
{
    (void)sig;
}

/* As if it had never been caught. */
static void end_by(int sig)
{
    (void)signal(sig, SIG_DFL);
    (void)pthread_sigmask(SIG_UNBLOCK, &both, NULL);
    (void)raise(sig);
}

/* No stdio: the command's thread may hold its locks. */
static void end_by_force(void)
{
    char text[400];
    int n = snprintf(text, sizeof text,
                     "deltaflow %s: not ended %d s after the signal, for a disk or a server does "
                     "not answer: it is left; %s\n",
                     of_command, (int)(INTERRUPT_WAIT_NS / NS_PER_SEC), what_is_left);
    ssize_t put = write(STDERR_FILENO, text, n > 0 ? strnlen(text, sizeof text) : 0);
    (void)put;
    _exit(EXIT_FAILED);
}

static void *take_signals(void *unused)
{
    (void)unused;
    (void)pthread_setname_np(pthread_self(), "signals"); /* only for people who look */
    int sig = sigwaitinfo(&both, NULL);
    while (sig < 0) { /* EINTR */
        sig = sigwaitinfo(&both, NULL);
    }
    mono_ns_t first = clock_mono();
    atomic_store(&asked, true);
    (void)pthread_kill(command_thread, SIGURG); /* it may wait for a pipe */
    for (mono_ns_t passed = 0; passed < INTERRUPT_WAIT_NS; passed = clock_mono() - first) {
        mono_ns_t left = INTERRUPT_WAIT_NS - passed;
        struct timespec wait = {.tv_sec = left / NS_PER_SEC, .tv_nsec = left % NS_PER_SEC};
        sig = sigtimedwait(&both, NULL, &wait);
        if (sig > 0 && clock_mono() - first >= INTERRUPT_SAME_NS) {
            end_by(sig);
        }
    }
    end_by_force();
    return NULL;
}

void interrupt_catch(const char *command, const char *left)
{
    pthread_t thread;
    sigset_t before;
    of_command = command;
    what_is_left = left;
    command_thread = pthread_self();
    struct sigaction sa = {.sa_handler = nothing}; /* what waits in a call comes out of it */
    sigemptyset(&sa.sa_mask);
    (void)sigaction(SIGURG, &sa, NULL);
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &both, &before);
    if (pthread_create(&thread, NULL, take_signals, NULL) != 0) {
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        return;
    }
    (void)pthread_detach(thread);
}

bool interrupt_asked(void)
{
    return atomic_load(&asked);
}
