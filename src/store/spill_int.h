/*
 * spill_int.h - the spill file's layout, shared by its writer (spill.c) and its reader
 * (spill_read.c). Private to both.
 *
 * The file: two header slots, then blocks.
 *
 *   0      header A  magic, version, session, its begin, database, where reading begins, crc32c
 *   4096   header B  the same; the valid one with the higher sequence counts
 *   8192   block     head of 64 bytes, records one behind the other, zeros up to a page
 *   ...    block
 *
 * A block begins at a page (4096 bytes). Its head and its records have a checksum each, and both
 * checksums begin with a salt made of the session: what lies in the file from elsewhere, even a
 * block inside a recorded frame, is none of ours.
 *
 * Blocks are written behind each other and never changed. What is drained is given back: its room
 * becomes a hole, and the header says where reading begins; once all is drained the file begins
 * anew. Both are only hints. What counts are the numbers of the records: a block whose records are
 * all in the database is passed over, and a number that does not follow shows what is missing. So
 * no order of the writes to the header, the hole and the database can lose a record or write one
 * twice.
 *
 * A reader who finds no valid block at a page looks at the next page, and so on: behind damage the
 * next whole block counts again. A block that was torn by a kill has nothing behind it. When its
 * head is whole its numbers say how much is missing.
 */
#ifndef STORE_SPILL_INT_H
#define STORE_SPILL_INT_H

#include "store/spill.h"

#define SPILL_PAGE       4096U
#define SPILL_BLOCKS_AT  (UINT64_C(2) * SPILL_PAGE)
#define SPILL_BLOCK_MAX  ((uint64_t)128 << 20)
#define SPILL_RECORD_MIN 24U    /* struct rec */
#define SPILL_MAGIC      "DFSB" /* of a block, without the zero */

enum spill_block_kind { BLOCK_NONE, BLOCK_RECORDS, BLOCK_END };

struct spill_head {
    char magic[4];
    uint32_t kind;
    uint32_t bytes; /* of the records */
    uint32_t count;
    uint64_t first; /* number of the first record */
    struct spill_state state;
    uint32_t pad;
    uint32_t records_crc;
    uint32_t pad2;
    uint32_t crc;
};
_Static_assert(sizeof(struct spill_head) == 64, "no hidden bytes under the checksum");

/* Memory that grows to the largest block. */
struct spill_room {
    uint8_t *p;
    size_t cap;
};

struct spill {
    const struct file_system *files;
    struct file_io io;
    char *path;
    struct spill_id id;
    uint32_t salt;
    uint64_t sequence;
    uint64_t begin;  /* of the oldest block that is needed */
    uint64_t given;  /* room is given back up to here */
    uint64_t end;    /* where the next block goes; UINT64_MAX: nobody knows, read to the end */
    bool created;    /* by us: may be written */
    bool dirty;      /* a write failed: cut the file before the next one */
    bool keeps_room; /* this disk makes no holes */
    struct spill_room out; /* the block that is being filled, with its head */
    size_t out_bytes;      /* of its records */
    uint32_t out_count;
    struct spill_room in; /* a whole block that was read */
    uint64_t in_at;       /* where; 0: none */
    uint64_t in_unread;   /* a page that cannot be read and is passed over; 0: none */
    char error[128];
};

/* Bytes of the pages that n bytes take. */
static inline uint64_t spill_pages(uint64_t n)
{
    return (n + SPILL_PAGE - 1) / SPILL_PAGE * SPILL_PAGE;
}

/* Over what stands before the checksum. */
uint32_t spill_head_crc(const struct spill *sp, const struct spill_head *h);

/* False: no memory. */
bool spill_room(struct spill_room *r, size_t n);

/* ST_IO, and spill_error() says: what, and the file; code is a negative errno. */
enum status spill_failed(struct spill *sp, const char *what, int64_t code);

#endif
