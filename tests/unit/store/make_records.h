/* make_records.h - whole records of every type with random contents, for the store's tests. */
#ifndef TESTS_STORE_MAKE_RECORDS_H
#define TESTS_STORE_MAKE_RECORDS_H

#include "base/rng.h"
#include "bus/record.h"
#include "databases.h"

#define RECORD_ROOM 65536U

/* A valid record of the type in buf (RECORD_ROOM bytes, 8-aligned); ord is its number. Source and
 * times are random for records, the source is as given for events. Returns its size. */
uint32_t make_record(struct rng *rng, uint16_t type, uint16_t source, uint64_t ord, void *buf);

/* A small delta that has the number ord of source market. */
struct ev_delta make_delta(uint64_t ord);

/* All types: 0 behind the last. */
extern const uint16_t event_types[], record_types[];

/* A new folder in /tmp, and its removal with everything in it. */
void make_folder(char path[64]);
void remove_folder(const char *path);

#endif
