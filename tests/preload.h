/*
 * preload.h - for libraries that are preloaded (LD_PRELOAD) to stand in front of functions of the C
 * library.
 */
#ifndef TESTS_PRELOAD_H
#define TESTS_PRELOAD_H

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

/* In a function: `real` is the one of that name that this one stands in front of. */
#define REAL(name)                                                                                 \
    static _Atomic(void *) next;                                                                   \
    void *found = atomic_load_explicit(&next, memory_order_relaxed);                               \
    if (found == NULL) {                                                                           \
        found = dlsym(RTLD_NEXT, #name);                                                           \
        atomic_store_explicit(&next, found, memory_order_relaxed);                                 \
    }                                                                                              \
    __typeof__(&name) real;                                                                        \
    memcpy(&real, &found, sizeof real)

#endif
