/*
 * interrupt.h - SIGINT and SIGTERM for commands that work in a loop: noted, and looked at between
 * two pieces of work, so that what was begun is ended properly.
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

/* From now on both signals only set a flag. A second one ends the process at once. */
void interrupt_catch(void);
/* One of them came. */
bool interrupt_asked(void);

#endif
