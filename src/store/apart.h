/*
 * apart.h - a back end that goes on being served while it waits, for a database that waits for a
 * disk inside its calls (SQLite).
 *
 * It has the face of the one that it is put before (backend.h). While a call lasts, a thread of its
 * own runs idle every few milliseconds, never at the same time as the store's thread does anything
 * else. What a call was given must stay meanwhile, whatever idle does. Owner: the store's thread.
 *
 * Usually a call lasts as long as it lasts. With b->limited one that has not come back after
 * answer_ns is answered for with ST_TIMEOUT, and so is every other one, at once, until it does come
 * back; then the next call rolls back first what it may have left open. Such calls are given
 * copies.
 */
#ifndef STORE_APART_H
#define STORE_APART_H

#include "store/backend.h"

/* Takes real, which is closed with it, or later when a call of it does not come back. Without
 * memory or a thread *ret_backend is real itself: its calls then wait as they do. */
void apart_create(struct backend *real, mono_ns_t answer_ns, struct backend **ret_backend);

/*
 * From another thread: when the store's thread is in a call, the store is the caller's from now on,
 * and that thread never returns from the call. Every further call answers ST_TIMEOUT, and memory
 * that the thread may look at is never freed: for the end of a process. False: it is in none.
 */
bool apart_take_over(struct backend *b);

#endif
