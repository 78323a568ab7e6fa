/*
 * btree.c - see btree.h.
 *
 * A table WITHOUT ROWID is an index b-tree: a page has a header (type, number of cells), an array
 * with the place of each cell, and the cells in any order; a cell is a record, in pages above the
 * leaves with the page of all smaller ones before it. So inner pages hold rows too, and the last
 * child stands in the header. A record is a header, one type for each column, and the values behind
 * it. What does not fit into a page goes on in a chain of pages.
 *
 * The walk keeps the way from the root, a buffer for each page on it. A step is a number: of a leaf
 * the next cell; above, 2k for the child before cell k and 2k + 1 for cell k itself.
 */
#include "store/btree.h"

#include <stdlib.h>
#include <string.h>

#define LEAF         10
#define INNER        2
#define LEAF_HEADER  8U
#define INNER_HEADER 12U

struct visit {
    uint8_t *page; /* [pages.size], NULL: not yet needed */
    uint32_t number;
    uint32_t cells, step;
    bool leaf;
};

struct btree {
    struct btree_pages pages;
    struct btree_table table;
    int64_t prefix[BTREE_KEY_MAX], last[BTREE_KEY_MAX];
    uint32_t n_prefix;
    bool begun, any; /* any: last is the key of a row */
    struct visit levels[BTREE_DEPTH_MAX];
    uint32_t depth; /* levels in use */
    uint8_t *chain; /* a record that goes on in other pages */
    size_t chain_cap;
    uint32_t fault_page;
    const char *fault;
};

struct record {
    const uint8_t *p;
    size_t n;
};

static enum status damaged(struct btree *t, uint32_t page, const char *what)
{
    t->fault_page = page;
    t->fault = what;
    return ST_MALFORMED;
}

static uint32_t get_u16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

/* Groups of 7 bits, the highest first; a ninth byte counts whole. False: it ends behind end. */
static bool get_varint(const uint8_t **at, const uint8_t *end, uint64_t *ret)
{
    const uint8_t *p = *at;
    uint64_t v = 0;
    for (int i = 0; i < 9; i++) {
        if (p == end) {
            return false;
        }
        uint8_t b = *p++;
        v = i == 8 ? v << 8 | b : v << 7 | (b & 0x7f);
        if (b < 0x80) {
            break;
        }
    }
    *at = p;
    *ret = v;
    return true;
}

/* --- pages --- */

static enum status push(struct btree *t, uint32_t number)
{
    if (t->depth == BTREE_DEPTH_MAX) {
        return damaged(t, number, "it lies too deep");
    }
    if (number < 2 || number > t->pages.count) {
        return damaged(t, number, "there is no such page");
    }
    struct visit *l = &t->levels[t->depth];
    if (l->page == NULL) {
        l->page = malloc(t->pages.size);
        if (l->page == NULL) {
            return ST_NOMEM;
        }
    }
    t->fault_page = number;
    enum status st = t->pages.read(t->pages.self, number, l->page);
    if (st != ST_OK) {
        return st;
    }
    uint8_t type = l->page[0];
    if (type != LEAF && type != INNER) {
        return damaged(t, number, "it is no page of an index");
    }
    l->number = number;
    l->leaf = type == LEAF;
    l->cells = get_u16(l->page + 3);
    l->step = 0;
    if ((l->leaf ? LEAF_HEADER : INNER_HEADER) + 2 * l->cells > t->pages.usable) {
        return damaged(t, number, "it has too many cells");
    }
    t->depth++;
    return ST_OK;
}

/* The cell's bytes up to the end of the page; of an inner page behind the child's number. */
static enum status cell_at(struct btree *t, const struct visit *l, uint32_t i, struct record *ret)
{
    uint32_t at = get_u16(l->page + (l->leaf ? LEAF_HEADER : INNER_HEADER) + (size_t)2 * i);
    uint32_t skip = l->leaf ? 0 : 4;
    if (at < LEAF_HEADER || at + skip >= t->pages.usable) {
        return damaged(t, l->number, "a cell lies outside");
    }
    *ret = (struct record){l->page + at + skip, t->pages.usable - at - skip};
    return ST_OK;
}

/* Of child i of an inner page: the last one has no cell. */
static enum status child_at(struct btree *t, const struct visit *l, uint32_t i, uint32_t *ret)
{
    struct record cell;
    if (i == l->cells) {
        *ret = get_u32(l->page + LEAF_HEADER);
        return ST_OK;
    }
    enum status st = cell_at(t, l, i, &cell);
    if (st == ST_OK) {
        *ret = get_u32(cell.p - 4);
    }
    return st;
}

/* --- records --- */

/* The rest of a record of n bytes, of which have are copied already. */
static enum status follow(struct btree *t, uint32_t next, size_t have, size_t n)
{
    uint8_t *page = malloc(t->pages.size);
    enum status st = page != NULL ? ST_OK : ST_NOMEM;
    while (st == ST_OK && have < n) {
        t->fault_page = next;
        if (next < 2 || next > t->pages.count) {
            st = damaged(t, next, "a record's rest is not there");
            break;
        }
        st = t->pages.read(t->pages.self, next, page);
        if (st == ST_OK) {
            size_t more = t->pages.usable - 4;
            more = more < n - have ? more : n - have;
            memcpy(t->chain + have, page + 4, more);
            have += more;
            next = get_u32(page);
        }
    }
    free(page);
    return st;
}

static enum status chained(struct btree *t, const struct visit *l, struct record here,
                           uint64_t size, struct record *ret)
{
    size_t usable = t->pages.usable;
    size_t least = (usable - 12) * 32 / 255 - 23, most = (usable - 12) * 64 / 255 - 23;
    if (size > (uint64_t)t->pages.count * usable) {
        return damaged(t, l->number, "a record is larger than the file");
    }
    size_t local = least + (size_t)((size - least) % (usable - 4));
    local = local <= most ? local : least;
    if (here.n < local + 4) {
        return damaged(t, l->number, "a record leaves the page");
    }
    if (size > t->chain_cap) {
        uint8_t *grown = realloc(t->chain, (size_t)size);
        if (grown == NULL) {
            return ST_NOMEM;
        }
        t->chain = grown;
        t->chain_cap = (size_t)size;
    }
    memcpy(t->chain, here.p, local);
    *ret = (struct record){t->chain, (size_t)size};
    return follow(t, get_u32(here.p + local), local, (size_t)size);
}

/* The whole record of cell i. Valid until the next one that is chained, and while the page is. */
static enum status record_at(struct btree *t, const struct visit *l, uint32_t i, struct record *ret)
{
    struct record here;
    uint64_t size = 0;
    enum status st = cell_at(t, l, i, &here);
    if (st != ST_OK) {
        return st;
    }
    const uint8_t *p = here.p, *end = here.p + here.n;
    if (!get_varint(&p, end, &size)) {
        return damaged(t, l->number, "a cell has no length");
    }
    here = (struct record){p, (size_t)(end - p)};
    if (size > (uint64_t)(t->pages.usable - 12) * 64 / 255 - 23) {
        return chained(t, l, here, size, ret);
    }
    if (size > here.n) {
        return damaged(t, l->number, "a record leaves the page");
    }
    *ret = (struct record){p, (size_t)size};
    return ST_OK;
}

static inline int64_t get_int(const uint8_t *p, size_t n)
{
    uint64_t v = p[0] >= 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }
    return (int64_t)v;
}

/* A value of a type that begins at p, with n bytes left. False: it does not fit, or is not what the
 * column holds. *ret_size: its bytes. */
static inline bool take_value(uint64_t type, enum cell_kind kind, const uint8_t *p, size_t n,
                              struct cell *cell, size_t *ret_size)
{
    static const uint8_t sizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
    if (type >= 12) {
        uint64_t size = (type - 12) / 2;
        if (size > n || kind == CELL_INT || (kind == CELL_TEXT) != (type % 2 == 1)) {
            return false;
        }
        *cell = (struct cell){0, (const char *)p, (size_t)size};
        *ret_size = (size_t)size;
        return true;
    }
    if (type >= sizeof sizes || type == 7 || sizes[type] > n) {
        return false; /* 7: a double; ours have none */
    }
    if (kind != CELL_INT && type != 0) {
        return false;
    }
    *cell = (struct cell){.i = 0, .p = NULL, .n = 0};
    if (type >= 8) {
        cell->i = (int64_t)type - 8;
    } else if (type > 0) {
        cell->i = get_int(p, sizes[type]);
    }
    *ret_size = sizes[type];
    return true;
}

/* What records need to be taken apart. */
struct parts {
    const uint8_t *type, *types_end; /* of the next column */
    const uint8_t *value, *end;
};

static bool parts_begin(struct record r, struct parts *ret)
{
    const uint8_t *p = r.p;
    uint64_t header = 0;
    if (!get_varint(&p, r.p + r.n, &header) || header > r.n || header < (uint64_t)(p - r.p)) {
        return false;
    }
    *ret = (struct parts){p, r.p + header, r.p + header, r.p + r.n};
    return true;
}

/* The next value; of a record without it, what the column says. */
static inline bool parts_next(struct parts *s, const struct btree_column *c, struct cell *cell)
{
    uint64_t type;
    size_t size = 0;
    if (s->type == s->types_end) {
        *cell = (struct cell){c->missing, "", 0};
        return true;
    }
    if (*s->type < 0x80) {
        type = *s->type++;
    } else if (!get_varint(&s->type, s->types_end, &type)) {
        return false;
    }
    if (!take_value(type, c->kind, s->value, (size_t)(s->end - s->value), cell, &size)) {
        return false;
    }
    s->value += size;
    return true;
}

static bool key_of(const struct btree *t, struct record r, int64_t key[BTREE_KEY_MAX])
{
    struct parts s;
    struct cell cell = {0};
    bool ok = parts_begin(r, &s);
    for (uint32_t i = 0; ok && i < t->table.n_key; i++) {
        ok = parts_next(&s, &t->table.columns[i], &cell);
        key[i] = cell.i;
    }
    return ok;
}

static int compare(const int64_t *a, const int64_t *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

static enum status take_record(struct btree *t, const struct visit *l, struct record r,
                               struct cell *cells)
{
    struct parts s;
    int64_t key[BTREE_KEY_MAX];
    bool ok = parts_begin(r, &s);
    for (uint32_t i = 0; ok && i < t->table.n_columns; i++) {
        const struct btree_column *c = &t->table.columns[i];
        struct cell *cell = &cells[c->cell];
        ok = parts_next(&s, c, cell);
        if (i < t->table.n_key) {
            key[i] = cell->i;
        }
    }
    if (!ok) {
        return damaged(t, l->number, "a record does not have the table's columns");
    }
    int beside = compare(key, t->prefix, t->n_prefix);
    if (beside > 0) {
        return ST_END;
    }
    /* Also what ends a walk over pages that are each other's children. */
    if (beside < 0 || (t->any && compare(key, t->last, t->table.n_key) <= 0)) {
        return damaged(t, l->number, "its rows are not in order");
    }
    memcpy(t->last, key, sizeof key);
    t->any = true;
    return ST_OK;
}

/* --- the walk --- */

/* The first cell whose key is not before the prefix. */
static enum status lower_bound(struct btree *t, const struct visit *l, uint32_t *ret)
{
    uint32_t low = 0, high = l->cells;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        int64_t key[BTREE_KEY_MAX];
        struct record r;
        enum status st = record_at(t, l, mid, &r);
        if (st != ST_OK) {
            return st;
        }
        if (!key_of(t, r, key)) {
            return damaged(t, l->number, "a record does not have the table's columns");
        }
        if (compare(key, t->prefix, t->n_prefix) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    *ret = low;
    return ST_OK;
}

static enum status seek(struct btree *t)
{
    enum status st = push(t, t->table.root);
    while (st == ST_OK) {
        struct visit *l = &t->levels[t->depth - 1];
        uint32_t i = 0, child = 0;
        st = lower_bound(t, l, &i);
        if (st != ST_OK || l->leaf) {
            l->step = i;
            break;
        }
        l->step = 2 * i + 1;
        st = child_at(t, l, i, &child);
        if (st == ST_OK) {
            st = push(t, child);
        }
    }
    return st;
}

/* The cell that comes next, its level first; ST_END: there is none. */
static enum status advance(struct btree *t, struct visit **ret_level, uint32_t *ret_cell)
{
    while (t->depth > 0) {
        struct visit *l = &t->levels[t->depth - 1];
        uint32_t step = l->step++;
        if (step >= (l->leaf ? l->cells : 2 * l->cells + 1)) {
            t->depth--;
        } else if (l->leaf || step % 2 == 1) {
            *ret_level = l;
            *ret_cell = l->leaf ? step : step / 2;
            return ST_OK;
        } else {
            uint32_t child = 0;
            enum status st = child_at(t, l, step / 2, &child);
            if (st == ST_OK) {
                st = push(t, child);
            }
            if (st != ST_OK) {
                return st;
            }
        }
    }
    return ST_END;
}

static enum status step(struct btree *t, struct cell *cells)
{
    struct visit *l = NULL;
    struct record r;
    uint32_t i = 0;
    enum status st = t->begun ? ST_OK : seek(t);
    t->begun = true;
    if (st == ST_OK) {
        st = advance(t, &l, &i);
    }
    if (st == ST_OK) {
        st = record_at(t, l, i, &r);
    }
    return st == ST_OK ? take_record(t, l, r, cells) : st;
}

enum status btree_next(struct btree *t, struct cell *cells)
{
    enum status st = step(t, cells);
    if (st != ST_OK) {
        t->depth = 0; /* what comes after it is the end */
    }
    return st;
}

const char *btree_fault(const struct btree *t, uint32_t *ret_page)
{
    *ret_page = t->fault_page;
    return t->fault != NULL ? t->fault : "it cannot be read";
}

enum status btree_open(const struct btree_pages *pages, const struct btree_table *table,
                       const int64_t *prefix, uint32_t n_prefix, struct btree **ret_tree)
{
    struct btree *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return ST_NOMEM;
    }
    t->pages = *pages;
    t->table = *table;
    t->n_prefix = n_prefix;
    for (uint32_t i = 0; i < n_prefix; i++) {
        t->prefix[i] = prefix[i];
    }
    *ret_tree = t;
    return ST_OK;
}

void btree_close(struct btree *t)
{
    for (size_t i = 0; t != NULL && i < BTREE_DEPTH_MAX; i++) {
        free(t->levels[i].page);
    }
    if (t != NULL) {
        free(t->chain);
    }
    free(t);
}
