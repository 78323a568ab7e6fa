/*
 * capture.h - recordings of the exchange's WebSocket as files: reading, writing, compression.
 *
 * A recording has one JSON object a line: a wire message itself, or a wrapper that holds it under
 * "event" (an object) or "raw" (a string), with the receive time under "recv_ms" (Unix ms) or
 * "ts_utc" (RFC 3339). A name that ends in .zst is a zstd stream; "-" is standard input or output.
 * Owner of each object: one thread.
 */
#ifndef CAPTURE_CAPTURE_H
#define CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/timefmt.h"

#define CAPTURE_LINE_MAX ((size_t)64 << 20) /* as the exchange's largest message */

struct capture; /* private to capture.c */

struct capture_line {
    uint64_t number; /* from 1; empty lines count but are not handed out */
    struct text msg; /* the wire message, byte for byte as it stands in the file ("raw" unescaped);
                        valid until the next call. The whole line when it is malformed */
    bool has_recv;   /* the wrapper had a receive time */
    wall_ns_t recv;  /* then that time */
    const char *fault; /* malformed: what is wrong with the line; constant text. NULL otherwise */
};

/*
 * Open a recording for reading. line_max 0: CAPTURE_LINE_MAX. err names the file. ST_IO,
 * ST_NOT_FOUND, ST_DENIED, ST_NOMEM. The caller ends *ret with capture_close().
 */
enum status capture_open(const char *path, size_t line_max, struct capture **ret,
                         struct err *err) MUST_CHECK;

/*
 * From now on a wait for the file (a pipe that is silent) ends soon after asked() says so, with
 * ST_CLOSED. asked is called now and then while it waits.
 */
void capture_stop_when(struct capture *cap, bool (*asked)(void));

/* Read a recording that is in memory (never compressed); the bytes must outlive the reader. */
enum status capture_open_mem(struct text bytes, size_t line_max, struct capture **ret) MUST_CHECK;

/*
 * The next line that is not blank. ST_OK: *ret is a message. ST_MALFORMED: line ret->number is not
 * a JSON object, is longer than line_max, or its wrapper is wrong (ret->fault says what); go on
 * with the next call. ST_END: no more lines. ST_IO: the file cannot be read further or its
 * compression is damaged, capture_error() says why; ST_NOMEM; ST_CLOSED: see capture_stop_when().
 * After ST_END, ST_IO, ST_NOMEM and ST_CLOSED every call gives the same answer.
 */
enum status capture_next(struct capture *cap, struct capture_line *ret) MUST_CHECK;

/* What went wrong when capture_next gave ST_IO: names the file; "" otherwise. */
const char *capture_error(const struct capture *cap);
void capture_close(struct capture *cap); /* NULL is fine */

struct capture_writer; /* private to writer.c */

/* Make or replace a recording; compressed when the name ends in .zst. ST_IO, ST_DENIED, ST_NOMEM.
 */
enum status capture_create(const char *path, struct capture_writer **ret,
                           struct err *err) MUST_CHECK;

/*
 * Append a message as one line. recv 0: the message alone; otherwise
 * {"recv_ms":...,"event":MESSAGE}. Surrounding white space of the message is dropped. ST_INVALID:
 * the message is not a JSON object, or has a line break inside. ST_IO: nothing more can be written.
 */
enum status capture_write(struct capture_writer *w, struct text msg, wall_ns_t recv) MUST_CHECK;

/* Write what is left and close; frees w in any case. NULL is fine. */
enum status capture_finish(struct capture_writer *w, struct err *err) MUST_CHECK;

#endif
