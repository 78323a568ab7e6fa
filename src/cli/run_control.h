/*
 * run_control.h - how a run is told to halt, resume or flatten, and how others see that it lives.
 *
 * A Unix socket with a token (net/admin.h) takes commands; a heartbeat file tells, each second,
 * that the threads turn and when the exchange was heard last, and names the order groups, for
 * `deltaflow guard`. Owner: the main thread.
 */
#ifndef CLI_RUN_CONTROL_H
#define CLI_RUN_CONTROL_H

#include <jansson.h>

#include "cli/run.h"

struct run_control;

/* Errors as exit codes. Without [control] socket and heartbeat there is nothing to open. */
int run_control_open(struct run *r, struct run_control **ret, struct err *err);
/* Answer who asks, write the heartbeat when it is due. Never waits. */
void run_control_work(struct run_control *c, mono_ns_t now);
/* The heartbeat says that the run has ended, orderly or not. NULL is fine. */
void run_control_close(struct run_control *c, const char *outcome);

/* --- what may be asked --- */

struct run_ask {
    bool status_only;
    enum command command; /* of a person, to the engine */
    uint32_t flags;       /* ENGINE_CMD_KEEP */
    char reason[REASON_MAX];
};
/* The action of a line that admin_parse() took. ST_MALFORMED: err says what may be asked. */
enum status run_ask_parse(const json_t *action, struct run_ask *ret, struct err *err) MUST_CHECK;

/* --- heartbeat files --- */

struct heartbeat {
    int64_t beat_ms, exchange_ms; /* Unix milliseconds */
    bool stopped;                 /* the run has ended by itself */
    bool trading;
    int64_t pid;
    uint32_t n_groups;
    int32_t shards[RUN_GROUPS_MAX]; /* of the groups */
    char groups[RUN_GROUPS_MAX][ORDER_ID_MAX];
};
/* ST_NOT_FOUND, ST_IO, ST_MALFORMED (err names the file). */
enum status heartbeat_read(const char *path, struct heartbeat *ret, struct err *err) MUST_CHECK;
/* The text of a file, parsed. */
enum status heartbeat_parse(const char *s, size_t n, struct heartbeat *ret,
                            struct err *err) MUST_CHECK;

#endif
