/* memory.h - how much memory this process may still take. Any thread. */
#ifndef CLI_MEMORY_H
#define CLI_MEMORY_H

#include <stdint.h>

/*
 * Bytes: the least of what the machine has available, what is left of the process's limits (ulimit
 * -v, -d) and of its control group's. INT64_MAX: nothing of that is known. *ret_what: whose limit
 * it is, for people; constant text.
 */
uint64_t memory_available(const char **ret_what);

#endif
