/*
 * interrupt.h - SIGINT and SIGTERM for commands that work in a loop: noted, and looked at between
 * two pieces of work, so that what was begun is ended properly.
 *
 * Signals are taken by a thread of their own, so that they are heard while the command's thread
 * waits for a disk. Each command but those that run on (run, sim, guard) and those that change
 * nothing and end at once behaves like this:
 *
 *     the first signal        the work ends where nothing is half done
 *     within a second of it   the same one: `timeout` and a terminal send it to the process and to
 *                             its group
 *     a later one             the process ends at once, by the signal
 *     INTERRUPT_WAIT_NS on    it says what it left, and ends with EXIT_FAILED: something hangs
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

#include "base/timefmt.h"

#define INTERRUPT_SAME_NS NS_PER_SEC
#define INTERRUPT_WAIT_NS (30 * NS_PER_SEC)

/*
 * From now on. Before other threads are made, which must not take the signals; once in a process.
 * left: constant text, what the end by force leaves, as half a sentence: "nothing is changed".
 * Without memory for a thread signals end the process, as they do by themselves.
 */
void interrupt_catch(const char *command, const char *left);
/* One of them came. Any thread. */
bool interrupt_asked(void);

#endif
