/* memory.c - see memory.h. */
#include "cli/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define LINE 256

struct least {
    uint64_t bytes;
    const char *what;
};

static void take(struct least *l, uint64_t bytes, const char *what)
{
    if (bytes < l->bytes) {
        *l = (struct least){bytes, what};
    }
}

/* The number behind a word at the beginning of a line; 0: none. */
static uint64_t number_in(const char *path, const char *word)
{
    char line[LINE];
    uint64_t v = 0;
    FILE *f = fopen(path, "re");
    while (f != NULL && v == 0 && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, word, strlen(word)) == 0) {
            (void)sscanf(line + strlen(word), "%" SCNu64, &v); /* "max": no limit */
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return v;
}

static void take_limit(struct least *l, rlim_t limit, const char *used_word, const char *what)
{
    if (limit != RLIM_INFINITY) {
        uint64_t used = number_in("/proc/self/status", used_word) * 1024;
        take(l, limit > used ? limit - used : 0, what);
    }
}

uint64_t memory_available(const char **ret_what)
{
    struct least l = {INT64_MAX, "nothing"};
    uint64_t machine = number_in("/proc/meminfo", "MemAvailable:");
    if (machine > 0) {
        take(&l, machine * 1024, "this machine");
    }
    struct rlimit space, data;
    if (getrlimit(RLIMIT_AS, &space) == 0 && getrlimit(RLIMIT_DATA, &data) == 0) {
        take_limit(&l, space.rlim_cur, "VmSize:", "ulimit -v");
        take_limit(&l, data.rlim_cur, "VmData:", "ulimit -d");
    }
    uint64_t group = number_in("/sys/fs/cgroup/memory.max", "");
    if (group > 0) {
        uint64_t used = number_in("/sys/fs/cgroup/memory.current", "");
        uint64_t cache = number_in("/sys/fs/cgroup/memory.stat", "file ");
        used -= cache < used ? cache : used; /* what the kernel gives back when it is asked */
        take(&l, group > used ? group - used : 0, "the control group");
    }
    *ret_what = l.what;
    return l.bytes;
}
