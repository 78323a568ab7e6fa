/*
 * fuzz_btree.c - pages of a table of any kind: reading ends, every byte that it gives can be read,
 * and the rows' keys rise.
 *
 * The first byte is the page of the root, the second the kinds of the four columns (two bits each,
 * the first is the key), the third the length of the prefix. Pages are of 512 bytes, the last one
 * is filled up with zeros.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/btree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAGE    512U
#define COLUMNS 4U

struct image {
    const uint8_t *p;
    size_t n;
};

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

static enum status image_read(void *self, uint32_t number, uint8_t *buf)
{
    const struct image *m = self;
    size_t at = (size_t)(number - 1) * PAGE;
    check(number > 0 && at < m->n);
    size_t n = m->n - at < PAGE ? m->n - at : PAGE;
    memset(buf, 0, PAGE);
    memcpy(buf, m->p + at, n);
    return ST_OK;
}

static uint32_t look(const struct cell *cell)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < cell->n; i++) {
        sum += (uint8_t)cell->p[i];
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    struct image m = {data + 3, size - 3};
    struct btree_table table = {.root = data[0], .n_key = 1, .n_columns = COLUMNS};
    enum cell_kind kinds[COLUMNS] = {CELL_INT};
    for (uint32_t i = 0; i < COLUMNS; i++) {
        uint32_t kind = data[1] >> (2 * i) & 3;
        kinds[i] = i == 0 || kind == 3 ? CELL_INT : (enum cell_kind)kind;
        table.columns[i] = (struct btree_column){.cell = i, .kind = kinds[i], .missing = 1};
    }
    struct btree_pages pages = {&m, image_read, PAGE, PAGE, (uint32_t)((m.n + PAGE - 1) / PAGE)};
    struct btree *t = NULL;
    struct cell cells[READER_CELLS_MAX];
    int64_t prefix = data[2], last = 0;
    bool all = data[2] == 0;
    check(btree_open(&pages, &table, &prefix, all ? 0 : 1, &t) == ST_OK);
    enum status st;
    uint32_t sum = 0;
    for (uint32_t rows = 0; (st = btree_next(t, cells)) == ST_OK; rows++) {
        check(all ? rows == 0 || cells[0].i > last : rows == 0 && cells[0].i == prefix);
        last = cells[0].i;
        for (uint32_t i = 0; i < COLUMNS; i++) {
            sum += kinds[i] == CELL_INT ? (uint32_t)cells[i].i : look(&cells[i]);
        }
    }
    check(st == ST_END || st == ST_MALFORMED || st == ST_NOMEM);
    check(btree_next(t, cells) == ST_END);
    btree_close(t);
    return sum == UINT32_MAX ? -1 : 0;
}
