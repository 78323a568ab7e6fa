/*
 * errand.h - one call at a time on a thread of its own, for calls that wait for a disk as long as
 * the disk likes.
 *
 * Who owns the errand gives it a call, and waits, or does something else meanwhile. What the call
 * is given must live until it has come back, however long that takes. Owner: one thread at a time.
 */
#ifndef BUS_ERRAND_H
#define BUS_ERRAND_H

#include <stdbool.h>

#include "base/status.h"
#include "base/timefmt.h"

struct errand; /* private to errand.c */

typedef void (*errand_fn)(void *arg);

/* Its thread, which takes no signals; name is also the thread's, cut to 15 characters. ST_NOMEM;
 * ST_IO: there is no thread to be had. */
enum status errand_create(const char *name, struct errand **ret_errand) MUST_CHECK;

/* Wait for the call that is under way, then end. NULL is fine. */
void errand_destroy(struct errand *e);

/*
 * Do not wait: e is gone for the caller. When the call has come back, its thread runs last(arg) and
 * ends. If none is under way that is at once, in that thread.
 */
void errand_leave(struct errand *e, errand_fn last, void *arg);

/* Run call(arg). Not while another is under way. What was written before is seen by the call. */
void errand_begin(struct errand *e, errand_fn call, void *arg);

/* Nothing is under way; what the last call wrote is seen from now on. */
bool errand_done(struct errand *e);

/* Wait at most max_ns; returns errand_done(). A call of a few microseconds is waited for without a
 * sleep, if there is more than one core. */
bool errand_wait(struct errand *e, mono_ns_t max_ns);

#endif
