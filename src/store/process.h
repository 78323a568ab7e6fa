/* process.h - what tells a process of this machine from every other, in a session's row. */
#ifndef STORE_PROCESS_H
#define STORE_PROCESS_H

#include <stdint.h>

/* When a process began, in clock ticks since boot; -1: there is none. With the boot's id this tells
 * a process from a later one with the same number. */
int64_t process_start(int64_t pid);

#define BOOT_ID_MAX 64
void boot_id(char buf[BOOT_ID_MAX]); /* "" when the machine does not say */

#endif
