/*
 * cpu.h - which of its vector instructions this CPU may use.
 *
 * The C library is asked, not the CPU: what GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2 masks is masked
 * for our code and for the library's alike, so that a test can run as on an older machine. Results
 * are the same bits either way; only the speed differs.
 */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#include <stdbool.h>
#include <sys/platform/x86.h>

static inline bool cpu_has_avx2(void)
{
    return CPU_FEATURE_ACTIVE(AVX2);
}

static inline bool cpu_has_avx512f(void)
{
    return CPU_FEATURE_ACTIVE(AVX512F);
}

static inline bool cpu_has_sse42(void)
{
    return CPU_FEATURE_ACTIVE(SSE4_2);
}

#endif
