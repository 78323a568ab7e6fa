/*
 * line.h - what one line of a recording holds (private to capture).
 */
#ifndef CAPTURE_LINE_H
#define CAPTURE_LINE_H

#include "capture/capture.h"

/*
 * Take line apart into ret (number is the caller's). scratch takes an unescaped "raw" message and
 * must live as long as ret. ST_MALFORMED: ret->fault says why, ret->msg is the line. ST_NOMEM.
 */
enum status capture_line_read(struct text line, struct buf *scratch,
                              struct capture_line *ret) MUST_CHECK;

#endif
