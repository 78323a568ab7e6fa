/*
 * ensure.h - checks that stay in every build, where going on could lose money (position, cash,
 * sequence).
 *
 * assert() is for what a caller or we must have got right; ensure() for what must hold or trading
 * stops. It writes the place and the condition and aborts; the process's halt state and the order
 * groups are what protects the account then.
 */
#ifndef BASE_ENSURE_H
#define BASE_ENSURE_H

#include <stdio.h>
#include <stdlib.h>

#define ensure(cond)                                                                               \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0)) {                                                        \
            fprintf(stderr, "fatal: %s:%d: broken invariant: %s\n", __FILE__, __LINE__, #cond);    \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/*
 * Memory that is wanted in the middle of a change. Without it the process ends there with exit
 * status 1, as after a kill: what it had written stands, and the next start goes on from it.
 */
#define ensure_memory(there)                                                                       \
    do {                                                                                           \
        if (__builtin_expect(!(there), 0)) {                                                       \
            fprintf(stderr, "fatal: %s:%d: out of memory\n", __FILE__, __LINE__);                  \
            _Exit(EXIT_FAILURE);                                                                   \
        }                                                                                          \
    } while (0)

#endif
