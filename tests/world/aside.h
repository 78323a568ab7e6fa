/*
 * aside.h - a call that stops in its middle while the world goes on, and goes on later.
 *
 * It has a stack of its own (a thread, of which only one runs at a time: nothing is left to
 * chance). Owner: the world's thread; aside_stop is for the call.
 */
#ifndef TESTS_WORLD_ASIDE_H
#define TESTS_WORLD_ASIDE_H

#include <stdbool.h>

struct aside;

struct aside *aside_create(void);
void aside_destroy(struct aside *a); /* not while a call is in its middle; NULL is fine */

/* Run call(arg) to its end, or to its first stop. True: the end. */
bool aside_run(struct aside *a, void (*call)(void *arg), void *arg);
/* Go on behind the stop. True: the end. */
bool aside_resume(struct aside *a);
/* A call is in its middle. */
bool aside_stopped(const struct aside *a);
/* The call that asks runs aside, and may stop. */
bool aside_inside(const struct aside *a);
/* In the call: the world goes on; returns when it resumes the call. */
void aside_stop(struct aside *a);

#endif
