/*
 * tape.h - several recordings read as one, in the order of their times.
 *
 * A message's time is the recorder's receive time, else its ts_ms, else that of the message before
 * it in its file (those before the first time of a file have that one); inside a file it never
 * falls. Messages with the same time come in the order of the files. Owner: one thread.
 */
#ifndef SIM_TAPE_H
#define SIM_TAPE_H

#include "base/timefmt.h"
#include "wire/msg.h"

#define TAPE_FILES_MAX 1000u

enum tape_align {
    TAPE_RECORDED, /* files keep their place in time to each other */
    TAPE_START     /* every file begins when the earliest one does */
};

struct tape_item {
    struct wire_msg msg; /* WIRE_SNAPSHOT, WIRE_DELTA, WIRE_TRADE, WIRE_OTHER; borrows from text */
    struct text text;    /* the message; valid until the next call */
    wall_ns_t at, shift; /* at is shifted already, ts_ms of the message is not */
    uint64_t order;      /* from 1, over all files: the same in every reading */
};

struct tape; /* private to tape.c */

/* ST_INVALID: no file, or too many. ST_MALFORMED: a file has no book and no trade message; else as
 * capture_open(). err names the file. Paths are borrowed. */
enum status tape_open(const char *const *paths, size_t n, enum tape_align align, struct tape **ret,
                      struct err *err) MUST_CHECK;
void tape_close(struct tape *t); /* NULL is fine */

/* The next message; lines that are none are counted and passed over. ST_END. ST_IO, ST_NOMEM: err
 * says which file and why. */
enum status tape_next(struct tape *t, struct tape_item *ret, struct err *err) MUST_CHECK;

wall_ns_t tape_first(const struct tape *t);  /* time of the first message */
uint64_t tape_skipped(const struct tape *t); /* lines that were no message, so far */

/* Whose book or trade it is; n 0: of no market. */
struct text tape_ticker(const struct wire_msg *m);

#endif
