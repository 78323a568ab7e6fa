/*
 * shared_data.h - where tests find the shared recordings and models.
 *
 * DELTAFLOW_SHARED names the folder (default ../shared). When the variable is set, a missing file
 * fails the test; when it is not and the folder is missing, the test is skipped and says why.
 */
#ifndef TESTS_SHARED_DATA_H
#define TESTS_SHARED_DATA_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Path of a shared file in buf. True when it can be read; otherwise says what is missing, or fails
 * the run. */
static inline bool shared_path(const char *name, char *buf, size_t cap)
{
    const char *dir = getenv("DELTAFLOW_SHARED");
    bool must = dir != NULL && dir[0] != '\0';
    snprintf(buf, cap, "%s/%s", must ? dir : "../shared", name);
    if (access(buf, R_OK) == 0) {
        return true;
    }
    if (must) {
        fprintf(stderr, "FAILED: DELTAFLOW_SHARED is set, but %s cannot be read\n", buf);
        exit(1);
    }
    fprintf(stderr, "skipped: shared data %s is not here\n", buf);
    return false;
}

#endif
