/*
 * cut.h - text into a fixed array, cut where it does not fit: for reasons and names that people
 * read.
 */
#ifndef FEED_CUT_H
#define FEED_CUT_H

#include "base/bytes.h"

static inline void cut(char *dst, size_t cap, const char *src)
{
    (void)text_copy(dst, cap, (struct text){src, strnlen(src, cap - 1)});
}

#endif
