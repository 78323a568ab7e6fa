/*
 * book.c - two ladders of bids over one grid.
 *
 * A ladder is cut into pages of 64 levels. A page is one word of occupancy bits, then the sizes of
 * its levels; it lies in the book's pool at an offset (in words) that the ladder's table names.
 * A coarse grid has all its pages from the start, the last one as short as the grid allows, so its
 * ladder is a dense array; a fine grid takes a page when a level in it is first touched and keeps
 * it. A summary bit for each page says whether the page holds any level. So the best level, the
 * next one below a level, and walking over all levels are bit scans that never look at empty
 * levels.
 *
 * Invariants: a size in a page is > 0 exactly where its occupancy bit is set; a summary bit is set
 * exactly where the page's word is not 0; best, total and levels say what the pages hold.
 */
#include "book/book.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_LEVELS   64
#define PAGE_WORDS    (PAGE_LEVELS + 1)
#define PAGES_MAX     157 /* 9,999 levels */
#define SUMMARY_WORDS ((PAGES_MAX + 63) / 64)
#define COARSE_LEVELS 384 /* up to here all pages are taken at the start */
#define NO_PAGE       UINT16_MAX
#define TOP_MAX       8
#define LARGEST_LAST  (BOOK_LARGEST - 1)

struct ladder {
    qty_t total;
    uint32_t levels;
    int32_t best; /* index of the highest level, -1 when there is none */
    uint64_t summary[SUMMARY_WORDS];
    uint16_t *base;              /* offset of each page in the pool, NO_PAGE when not taken yet */
    qty_t largest[BOOK_LARGEST]; /* largest first; not known while the last is 0 */
};

struct book {
    struct ladder side[2];
    uint64_t *pool;
    uint32_t pool_used, pool_cap; /* words */
    uint64_t version;
    uint64_t inverse[GRID_RANGES_MAX]; /* of each range's step, see index_of */
    struct grid grid;
};

/* --- prices --- */

/*
 * grid_index() without its division, the slowest instruction of an update: with inverse = 2^32 /
 * step rounded up, (d * inverse) >> 32 is d / step exactly, since d times the rounding stays far
 * below 2^32 for d and steps up to 10,000.
 */
static int32_t index_of(const struct book *b, px_t px)
{
    if (px <= 0 || px >= PX_ONE) {
        return -1;
    }
    uint32_t i = 0;
    while (px >= b->grid.r[i].end) {
        i++; /* ends: the last range ends at PX_ONE */
    }
    const struct grid_range *r = &b->grid.r[i];
    uint32_t d = (uint32_t)(px - r->start);
    uint32_t q = (uint32_t)(d * b->inverse[i] >> 32);
    return q * (uint32_t)r->step == d ? r->before + (int32_t)q : -1;
}

static void invert_steps(struct book *b)
{
    for (uint32_t i = 0; i < b->grid.n; i++) {
        uint64_t step = (uint64_t)b->grid.r[i].step;
        b->inverse[i] = ((UINT64_C(1) << 32) + step - 1) / step;
    }
}

/* --- pages --- */

static uint32_t page_count(const struct grid *grid)
{
    return ((uint32_t)grid->levels + PAGE_LEVELS - 1) / PAGE_LEVELS;
}

static const uint64_t *page_at(const struct book *b, const struct ladder *l, uint32_t page)
{
    return b->pool + l->base[page];
}

static bool pool_reserve(struct book *b, uint32_t words)
{
    if (b->pool_cap - b->pool_used >= words) {
        return true;
    }
    uint32_t cap = b->pool_used + words + b->pool_used / 2;
    uint64_t *pool = realloc(b->pool, cap * sizeof *pool);
    if (pool == NULL) {
        return false;
    }
    b->pool = pool;
    b->pool_cap = cap;
    return true;
}

/* Give a page its place in the pool, with `levels` empty levels. */
static bool page_take(struct book *b, struct ladder *l, uint32_t page, uint32_t levels)
{
    uint32_t words = levels + 1;
    if (!pool_reserve(b, words)) {
        return false;
    }
    memset(b->pool + b->pool_used, 0, words * sizeof *b->pool);
    l->base[page] = (uint16_t)b->pool_used;
    b->pool_used += words;
    return true;
}

static bool take_all_pages(struct book *b)
{
    uint32_t levels = (uint32_t)b->grid.levels;
    uint32_t pages = page_count(&b->grid);
    if (!pool_reserve(b, 2 * (levels + pages))) {
        return false;
    }
    for (int s = 0; s < 2; s++) {
        for (uint32_t p = 0; p < pages; p++) {
            uint32_t left = levels - p * PAGE_LEVELS;
            if (!page_take(b, &b->side[s], p, left < PAGE_LEVELS ? left : PAGE_LEVELS)) {
                return false;
            }
        }
    }
    return true;
}

/* Tables and pool of an empty book on grid; what the book had before is not freed. */
static enum status lay_out(struct book *b, const struct grid *grid)
{
    uint32_t pages = page_count(grid);
    uint16_t *base = malloc(2 * pages * sizeof *base);
    if (base == NULL) {
        return ST_NOMEM;
    }
    memset(base, 0xff, 2 * pages * sizeof *base); /* NO_PAGE everywhere */
    b->grid = *grid;
    invert_steps(b);
    b->pool = NULL;
    b->pool_used = b->pool_cap = 0;
    for (uint32_t s = 0; s < 2; s++) {
        b->side[s] = (struct ladder){.best = -1, .base = base + s * pages};
    }
    if (grid->levels <= COARSE_LEVELS && !take_all_pages(b)) {
        free(base);
        free(b->pool);
        return ST_NOMEM;
    }
    return ST_OK;
}

static void lay_out_free(struct book *b)
{
    free(b->side[0].base); /* both tables are one allocation */
    free(b->pool);
}

/* --- walking --- */

/* The highest level below index `below` of a ladder, -1 when there is none. */
static int32_t next_below(const struct book *b, const struct ladder *l, int32_t below)
{
    if (below <= 0) {
        return -1;
    }
    uint32_t last = (uint32_t)below - 1;
    uint32_t page = last / PAGE_LEVELS;
    uint32_t word = page / 64;
    uint64_t pages = l->summary[word] & (UINT64_MAX >> (63 - page % 64));
    if (pages >> (page % 64) & 1) {
        uint64_t occupied = *page_at(b, l, page) & (UINT64_MAX >> (63 - last % PAGE_LEVELS));
        if (occupied != 0) {
            return (int32_t)(page * PAGE_LEVELS + 63 - (uint32_t)__builtin_clzll(occupied));
        }
        pages &= ~(UINT64_C(1) << (page % 64));
    }
    while (pages == 0) {
        if (word == 0) {
            return -1;
        }
        pages = l->summary[--word];
    }
    page = word * 64 + 63 - (uint32_t)__builtin_clzll(pages);
    uint64_t occupied = *page_at(b, l, page);
    return (int32_t)(page * PAGE_LEVELS + 63 - (uint32_t)__builtin_clzll(occupied));
}

static qty_t qty_at(const struct book *b, const struct ladder *l, int32_t index)
{
    uint32_t i = (uint32_t)index;
    uint16_t base = l->base[i / PAGE_LEVELS];
    return base == NO_PAGE ? 0 : (qty_t)b->pool[base + 1 + i % PAGE_LEVELS];
}

/* --- life --- */

enum status book_create(const struct grid *grid, struct book **ret_book)
{
    assert(grid->levels >= 1 && page_count(grid) <= PAGES_MAX);
    struct book *b = malloc(sizeof *b);
    if (b == NULL) {
        return ST_NOMEM;
    }
    b->version = 0;
    enum status st = lay_out(b, grid);
    if (st != ST_OK) {
        free(b);
        return st;
    }
    *ret_book = b;
    return ST_OK;
}

void book_destroy(struct book *book)
{
    if (book != NULL) {
        lay_out_free(book);
        free(book);
    }
}

const struct grid *book_grid(const struct book *book)
{
    return &book->grid;
}

/* --- changes --- */

static void clear_ladder(struct book *b, struct ladder *l)
{
    for (uint32_t w = 0; w < SUMMARY_WORDS; w++) {
        for (uint64_t pages = l->summary[w]; pages != 0; pages &= pages - 1) {
            uint64_t *page = b->pool + l->base[w * 64 + (uint32_t)__builtin_ctzll(pages)];
            for (uint64_t o = *page; o != 0; o &= o - 1) {
                page[1 + __builtin_ctzll(o)] = 0;
            }
            *page = 0;
        }
        l->summary[w] = 0;
    }
    l->best = -1;
    l->total = 0;
    l->levels = 0;
    l->largest[LARGEST_LAST] = 0;
}

/*
 * Set a level that exists or is to exist; its page is there. qty 0 removes it. Levels come and go
 * in an order nobody can predict, so the bits are computed and not branched on; only the best
 * level's end is a branch.
 */
static void set_level(struct book *b, struct ladder *l, int32_t index, qty_t old, qty_t qty)
{
    uint32_t i = (uint32_t)index;
    uint32_t page = i / PAGE_LEVELS;
    uint64_t *p = b->pool + l->base[page];
    uint64_t is = qty != 0, was = old != 0;
    p[1 + i % PAGE_LEVELS] = (uint64_t)qty;
    uint64_t occupied = (*p & ~(UINT64_C(1) << (i % PAGE_LEVELS))) | is << (i % PAGE_LEVELS);
    *p = occupied;
    uint64_t *summary = &l->summary[page / 64];
    uint64_t any = occupied != 0;
    *summary = (*summary & ~(UINT64_C(1) << (page % 64))) | any << (page % 64);
    l->total += qty - old;
    l->levels += (uint32_t)(is - was);
    qty_t least = l->largest[LARGEST_LAST];
    bool stays = (old < least) & (qty <= least);
    l->largest[LARGEST_LAST] = stays ? least : 0;
    int32_t candidate = is ? index : -1;
    l->best = candidate > l->best ? candidate : l->best;
    if (qty == 0 && index == l->best) {
        l->best = next_below(b, l, index);
    }
}

enum status book_apply(struct book *book, enum side side, px_t px, qty_t qty)
{
    struct ladder *l = &book->side[side];
    int32_t index = index_of(book, px);
    if (index < 0) {
        return ST_INVALID;
    }
    qty_t old = qty_at(book, l, index);
    qty_t sum;
    if (__builtin_add_overflow(old, qty, &sum) || sum < 0 || sum > QTY_LIMIT) {
        return ST_INVALID;
    }
    uint32_t page = (uint32_t)index / PAGE_LEVELS;
    if (l->base[page] == NO_PAGE) {
        if (sum == 0) {
            book->version++;
            return ST_OK; /* nothing added to a level that is not there */
        }
        if (!page_take(book, l, page, PAGE_LEVELS)) {
            return ST_NOMEM;
        }
    }
    set_level(book, l, index, old, sum);
    book->version++;
    return ST_OK;
}

static enum status fill_ladder(struct book *b, enum side side, const struct level *levels,
                               uint32_t n)
{
    struct ladder *l = &b->side[side];
    for (uint32_t i = 0; i < n; i++) {
        int32_t index = index_of(b, levels[i].px);
        qty_t qty = levels[i].qty;
        if (index < 0 || qty <= 0 || qty > QTY_LIMIT || qty_at(b, l, index) != 0) {
            return ST_INVALID;
        }
        uint32_t page = (uint32_t)index / PAGE_LEVELS;
        if (l->base[page] == NO_PAGE && !page_take(b, l, page, PAGE_LEVELS)) {
            return ST_NOMEM;
        }
        set_level(b, l, index, 0, qty);
    }
    return ST_OK;
}

enum status book_snapshot(struct book *book, const struct level *yes, uint32_t n_yes,
                          const struct level *no, uint32_t n_no)
{
    book_clear(book);
    enum status st = fill_ladder(book, SIDE_YES, yes, n_yes);
    if (st == ST_OK) {
        st = fill_ladder(book, SIDE_NO, no, n_no);
    }
    if (st == ST_OK && book_crossed(book)) {
        st = ST_INVALID;
    }
    if (st != ST_OK) {
        clear_ladder(book, &book->side[SIDE_YES]);
        clear_ladder(book, &book->side[SIDE_NO]);
    }
    return st;
}

void book_clear(struct book *book)
{
    clear_ladder(book, &book->side[SIDE_YES]);
    clear_ladder(book, &book->side[SIDE_NO]);
    book->version++;
}

/* Copy the levels of `from` that are on the grid of `to`. */
static enum status carry_over(struct book *to, const struct book *from, uint32_t *dropped)
{
    for (int s = 0; s < 2; s++) {
        const struct ladder *l = &from->side[s];
        for (int32_t i = l->best; i >= 0; i = next_below(from, l, i)) {
            struct level level = {grid_px(&from->grid, i), qty_at(from, l, i)};
            enum status st = fill_ladder(to, (enum side)s, &level, 1);
            if (st == ST_NOMEM) {
                return st;
            }
            *dropped += st != ST_OK; /* off the new grid: nothing else can be wrong with it */
        }
    }
    return ST_OK;
}

enum status book_regrid(struct book *book, const struct grid *grid, uint32_t *ret_dropped)
{
    uint32_t dropped = 0;
    if (!grid_equal(&book->grid, grid)) {
        struct book next = {.version = book->version + 1};
        enum status st = lay_out(&next, grid);
        if (st != ST_OK) {
            return st;
        }
        st = carry_over(&next, book, &dropped);
        if (st != ST_OK) {
            lay_out_free(&next);
            return st;
        }
        lay_out_free(book);
        *book = next;
    }
    if (ret_dropped != NULL) {
        *ret_dropped = dropped;
    }
    return ST_OK;
}

/* --- reading --- */

px_t book_best(const struct book *book, enum side side)
{
    int32_t best = book->side[side].best;
    return best < 0 ? 0 : grid_px(&book->grid, best);
}

qty_t book_best_qty(const struct book *book, enum side side)
{
    const struct ladder *l = &book->side[side];
    return l->best < 0 ? 0 : qty_at(book, l, l->best);
}

px_t book_ask(const struct book *book, enum side side)
{
    px_t bid = book_best(book, side_other(side));
    return bid == 0 ? 0 : PX_ONE - bid;
}

bool book_two_sided(const struct book *book)
{
    return book->side[SIDE_YES].best >= 0 && book->side[SIDE_NO].best >= 0;
}

bool book_crossed(const struct book *book)
{
    return book_best(book, SIDE_YES) + book_best(book, SIDE_NO) >= PX_ONE;
}

qty_t book_qty(const struct book *book, enum side side, px_t px)
{
    int32_t index = index_of(book, px);
    return index < 0 ? 0 : qty_at(book, &book->side[side], index);
}

qty_t book_total(const struct book *book, enum side side)
{
    return book->side[side].total;
}

uint32_t book_levels(const struct book *book, enum side side)
{
    return book->side[side].levels;
}

/* Put qty among the n largest, largest first. */
static inline void top_add(qty_t *top, uint32_t n, qty_t qty)
{
    uint32_t at = n - 1;
    while (at > 0 && top[at - 1] < qty) {
        top[at] = top[at - 1];
        at--;
    }
    top[at] = qty;
}

void book_top_sizes(const struct book *book, enum side side, qty_t *ret, uint32_t n)
{
    assert(n <= TOP_MAX);
    const struct ladder *l = &book->side[side];
    memset(ret, 0, n * sizeof *ret);
    if (n == 0 || l->best < 0) {
        return;
    }
    qty_t least = 0; /* of those found: most levels are smaller, and one comparison tells */
    for (uint32_t page = 0; page <= (uint32_t)l->best / PAGE_LEVELS; page++) {
        if ((l->summary[page / 64] >> (page % 64) & 1) == 0) {
            continue;
        }
        const uint64_t *words = page_at(book, l, page);
        /* Empty levels are zero and never among the largest, so the bits need not be walked. */
        uint32_t first = (uint32_t)__builtin_ctzll(words[0]);
        uint32_t last = 63 - (uint32_t)__builtin_clzll(words[0]);
        for (uint32_t i = first; i <= last; i++) {
            qty_t qty = (qty_t)words[1 + i];
            if (qty > least) {
                top_add(ret, n, qty);
                least = ret[n - 1];
            }
        }
    }
}

/* Most changes are to levels that are not among the largest, and leave those as they are. */
const qty_t *book_largest(struct book *book, enum side side)
{
    struct ladder *l = &book->side[side];
    if (l->largest[LARGEST_LAST] == 0) {
        book_top_sizes(book, side, l->largest, BOOK_LARGEST);
    }
    return l->largest;
}

uint32_t book_depth(const struct book *book, enum side side, struct level *ret, uint32_t cap)
{
    const struct ladder *l = &book->side[side];
    uint32_t n = 0;
    for (int32_t i = l->best; i >= 0 && n < cap; i = next_below(book, l, i)) {
        ret[n++] = (struct level){grid_px(&book->grid, i), qty_at(book, l, i)};
    }
    return n;
}

qty_t book_depth_to(const struct book *book, enum side side, px_t px)
{
    const struct ladder *l = &book->side[side];
    px_t first = grid_ceil(&book->grid, px);
    if (first == 0) {
        return 0; /* above every tradable price */
    }
    int32_t last = grid_index(&book->grid, first);
    qty_t sum = 0;
    for (int32_t i = l->best; i >= last; i = next_below(book, l, i)) {
        sum += qty_at(book, l, i);
    }
    return sum;
}

uint64_t book_version(const struct book *book)
{
    return book->version;
}

static uint64_t mix(uint64_t v)
{
    v = (v ^ (v >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    v = (v ^ (v >> 27)) * UINT64_C(0x94d049bb133111eb);
    return v ^ (v >> 31);
}

uint64_t book_hash(const struct book *book)
{
    /* A sum over levels: the order in which they came cannot matter, nor can the grid. */
    uint64_t sum = 0;
    for (uint64_t s = 0; s < 2; s++) {
        const struct ladder *l = &book->side[s];
        for (int32_t i = l->best; i >= 0; i = next_below(book, l, i)) {
            uint64_t place = (uint64_t)grid_px(&book->grid, i) * 2 + s + 1;
            sum += mix(mix(place) ^ (uint64_t)qty_at(book, l, i));
        }
    }
    return mix(sum);
}

size_t book_memory(const struct book *book)
{
    /* With what malloc adds to each of the three pieces. */
    return malloc_usable_size((void *)(uintptr_t)book) + malloc_usable_size(book->side[0].base) +
           malloc_usable_size(book->pool) + 3 * sizeof(size_t);
}
