/*
 * unpickle.c - the stack machine of Python's pickle, with everything that could act taken out.
 *
 * A pickle is a list of opcodes, each one byte and an argument. step() first decodes the argument
 * (so that a length past the end is always "truncated", whatever the opcode), then asks the rules
 * whether the opcode may occur, then changes the stack. Values live in chunks of an arena and die
 * together; only the item arrays of containers are separate.
 */
#include "policy/unpickle.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK 512

/* How an opcode's argument is laid out. */
enum arg {
    ARG_BAD, /* no such opcode */
    ARG_NONE,
    ARG_U8,
    ARG_U16,
    ARG_I32,
    ARG_U32,
    ARG_U64,
    ARG_F64,
    ARG_BLOCK8,  /* length of 1, 4, 8 bytes, then that many */
    ARG_BLOCK32, /* signed for LONG4, but a negative length is too long as well */
    ARG_BLOCK64,
    ARG_LINE, /* up to a newline */
    ARG_TWO_LINES
};

/* Who may use an opcode. */
enum use {
    USE_NONE,     /* known by name only, always refused */
    USE_ALL,      /* torch's state dict and symbolic reading */
    USE_SYMBOLIC, /* symbolic reading only */
    USE_TORCH     /* state dict only */
};

struct opcode {
    const char *name;
    enum arg arg;
    enum use use;
};

static const struct opcode opcodes[256] = {
    ['('] = {"MARK", ARG_NONE, USE_ALL},
    [')'] = {"EMPTY_TUPLE", ARG_NONE, USE_ALL},
    ['.'] = {"STOP", ARG_NONE, USE_ALL},
    ['0'] = {"POP", ARG_NONE, USE_NONE},
    ['1'] = {"POP_MARK", ARG_NONE, USE_NONE},
    ['2'] = {"DUP", ARG_NONE, USE_NONE},
    ['B'] = {"BINBYTES", ARG_BLOCK32, USE_SYMBOLIC},
    ['C'] = {"SHORT_BINBYTES", ARG_BLOCK8, USE_SYMBOLIC},
    ['F'] = {"FLOAT", ARG_LINE, USE_NONE},
    ['G'] = {"BINFLOAT", ARG_F64, USE_SYMBOLIC},
    ['I'] = {"INT", ARG_LINE, USE_NONE},
    ['J'] = {"BININT", ARG_I32, USE_ALL},
    ['K'] = {"BININT1", ARG_U8, USE_ALL},
    ['L'] = {"LONG", ARG_LINE, USE_NONE},
    ['M'] = {"BININT2", ARG_U16, USE_ALL},
    ['N'] = {"NONE", ARG_NONE, USE_ALL},
    ['P'] = {"PERSID", ARG_LINE, USE_NONE},
    ['Q'] = {"BINPERSID", ARG_NONE, USE_TORCH},
    ['R'] = {"REDUCE", ARG_NONE, USE_ALL},
    ['S'] = {"STRING", ARG_LINE, USE_NONE},
    ['T'] = {"BINSTRING", ARG_BLOCK32, USE_NONE},
    ['U'] = {"SHORT_BINSTRING", ARG_BLOCK8, USE_NONE},
    ['V'] = {"UNICODE", ARG_LINE, USE_NONE},
    ['X'] = {"BINUNICODE", ARG_BLOCK32, USE_ALL},
    ['a'] = {"APPEND", ARG_NONE, USE_ALL},
    ['b'] = {"BUILD", ARG_NONE, USE_ALL},
    ['c'] = {"GLOBAL", ARG_TWO_LINES, USE_ALL},
    ['d'] = {"DICT", ARG_NONE, USE_NONE},
    ['e'] = {"APPENDS", ARG_NONE, USE_ALL},
    ['g'] = {"GET", ARG_LINE, USE_NONE},
    ['h'] = {"BINGET", ARG_U8, USE_ALL},
    ['i'] = {"INST", ARG_TWO_LINES, USE_NONE},
    ['j'] = {"LONG_BINGET", ARG_U32, USE_ALL},
    ['l'] = {"LIST", ARG_NONE, USE_NONE},
    ['o'] = {"OBJ", ARG_NONE, USE_NONE},
    ['p'] = {"PUT", ARG_LINE, USE_NONE},
    ['q'] = {"BINPUT", ARG_U8, USE_ALL},
    ['r'] = {"LONG_BINPUT", ARG_U32, USE_ALL},
    ['s'] = {"SETITEM", ARG_NONE, USE_ALL},
    ['t'] = {"TUPLE", ARG_NONE, USE_ALL},
    ['u'] = {"SETITEMS", ARG_NONE, USE_ALL},
    [']'] = {"EMPTY_LIST", ARG_NONE, USE_ALL},
    ['}'] = {"EMPTY_DICT", ARG_NONE, USE_ALL},
    [0x80] = {"PROTO", ARG_U8, USE_ALL},
    [0x81] = {"NEWOBJ", ARG_NONE, USE_SYMBOLIC},
    [0x82] = {"EXT1", ARG_U8, USE_NONE},
    [0x83] = {"EXT2", ARG_U16, USE_NONE},
    [0x84] = {"EXT4", ARG_U32, USE_NONE},
    [0x85] = {"TUPLE1", ARG_NONE, USE_ALL},
    [0x86] = {"TUPLE2", ARG_NONE, USE_ALL},
    [0x87] = {"TUPLE3", ARG_NONE, USE_ALL},
    [0x88] = {"NEWTRUE", ARG_NONE, USE_ALL},
    [0x89] = {"NEWFALSE", ARG_NONE, USE_ALL},
    [0x8a] = {"LONG1", ARG_BLOCK8, USE_ALL},
    [0x8b] = {"LONG4", ARG_BLOCK32, USE_NONE},
    [0x8c] = {"SHORT_BINUNICODE", ARG_BLOCK8, USE_SYMBOLIC},
    [0x8d] = {"BINUNICODE8", ARG_BLOCK64, USE_NONE},
    [0x8e] = {"BINBYTES8", ARG_BLOCK64, USE_NONE},
    [0x8f] = {"EMPTY_SET", ARG_NONE, USE_SYMBOLIC},
    [0x90] = {"ADDITEMS", ARG_NONE, USE_SYMBOLIC},
    [0x91] = {"FROZENSET", ARG_NONE, USE_NONE},
    [0x92] = {"NEWOBJ_EX", ARG_NONE, USE_NONE},
    [0x93] = {"STACK_GLOBAL", ARG_NONE, USE_SYMBOLIC},
    [0x94] = {"MEMOIZE", ARG_NONE, USE_SYMBOLIC},
    [0x95] = {"FRAME", ARG_U64, USE_SYMBOLIC},
    [0x96] = {"BYTEARRAY8", ARG_BLOCK64, USE_SYMBOLIC},
    [0x97] = {"NEXT_BUFFER", ARG_NONE, USE_NONE},
    [0x98] = {"READONLY_BUFFER", ARG_NONE, USE_NONE},
};

struct chunk {
    struct chunk *next;
    uint32_t used;
    struct pv values[CHUNK];
};

struct pickle {
    struct chunk *chunks;
    const struct pv *root;
};

/* The machine while it runs. */
struct reader {
    const uint8_t *p;
    size_t n, at;
    const struct pickle_rules *rules;
    struct refusal *r;
    struct pickle *out;
    struct pv **stack;
    uint32_t depth;
    struct pv **memo;
    uint32_t memo_cap, memo_used;
    uint32_t values, items;
    /* The opcode being run. */
    const struct opcode *op;
    size_t op_at;
    uint64_t number;
    struct text block, second;
};

/* What stands on the stack for MARK; only its address matters. */
static struct pv mark;

static enum status bad(struct reader *x, const char *why)
{
    return refuse(x->r, REFUSED_PICKLE_STRUCT, "pickle: %s at byte %zu: %s", x->op->name, x->op_at,
                  why);
}

static enum status over(struct reader *x, const char *what, unsigned long limit)
{
    return refuse(x->r, REFUSED_PICKLE_LIMIT, "pickle: %s at byte %zu: %s is over the limit of %lu",
                  x->op->name, x->op_at, what, limit);
}

static enum status ends(struct reader *x, const char *name)
{
    return refuse(x->r, REFUSED_PICKLE_TRUNCATED,
                  "pickle: truncated in %s at byte %zu of %zu, no STOP before the end", name,
                  x->op_at, x->n);
}

/* --- arguments --- */

static uint64_t little(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v |= (uint64_t)p[i] << (8 * i);
    }
    return v;
}

static enum status take_number(struct reader *x, size_t width)
{
    if (x->n - x->at < width) {
        return ends(x, x->op->name);
    }
    x->number = little(x->p + x->at, width);
    x->at += width;
    return ST_OK;
}

static enum status take_block(struct reader *x, size_t width)
{
    enum status st = take_number(x, width);
    if (st != ST_OK) {
        return st;
    }
    if (x->number > x->n - x->at) {
        return refuse(x->r, REFUSED_PICKLE_TRUNCATED,
                      "pickle: truncated: %s at byte %zu has a length of %llu, past the end",
                      x->op->name, x->op_at, (unsigned long long)x->number);
    }
    x->block = (struct text){(const char *)x->p + x->at, (size_t)x->number};
    x->at += (size_t)x->number;
    return ST_OK;
}

static enum status take_line(struct reader *x, struct text *ret_line)
{
    const uint8_t *from = x->p + x->at;
    const uint8_t *newline = x->at < x->n ? memchr(from, '\n', x->n - x->at) : NULL;
    if (newline == NULL) {
        return ends(x, x->op->name);
    }
    *ret_line = (struct text){(const char *)from, (size_t)(newline - from)};
    x->at += ret_line->n + 1;
    return ST_OK;
}

static enum status take_argument(struct reader *x)
{
    enum status st = ST_OK;
    switch (x->op->arg) {
    case ARG_BAD:
    case ARG_NONE:
        return ST_OK;
    case ARG_U8:
        return take_number(x, 1);
    case ARG_U16:
        return take_number(x, 2);
    case ARG_I32:
    case ARG_U32:
        return take_number(x, 4);
    case ARG_U64:
    case ARG_F64:
        return take_number(x, 8);
    case ARG_BLOCK8:
        return take_block(x, 1);
    case ARG_BLOCK32:
        return take_block(x, 4);
    case ARG_BLOCK64:
        return take_block(x, 8);
    case ARG_LINE:
        return take_line(x, &x->block);
    case ARG_TWO_LINES:
        st = take_line(x, &x->block);
        return st == ST_OK ? take_line(x, &x->second) : st;
    }
    return ST_OK;
}

/* --- values, stack, memo --- */

static struct pv *new_value(struct reader *x, enum pv_kind kind)
{
    struct chunk *c = x->out->chunks;
    if (c == NULL || c->used == CHUNK) {
        c = malloc(sizeof *c);
        if (c == NULL) {
            return NULL;
        }
        c->next = x->out->chunks;
        c->used = 0;
        x->out->chunks = c;
    }
    struct pv *v = &c->values[c->used++];
    memset(v, 0, sizeof *v);
    v->kind = kind;
    x->values++;
    return v;
}

static enum status push(struct reader *x, struct pv *v)
{
    if (v == NULL) {
        return refuse_memory(x->r);
    }
    if (x->values > PICKLE_VALUES_MAX) {
        return over(x, "number of values", PICKLE_VALUES_MAX);
    }
    if (x->depth == PICKLE_STACK_MAX) {
        return over(x, "stack depth (nesting)", PICKLE_STACK_MAX);
    }
    x->stack[x->depth++] = v;
    return ST_OK;
}

/* The value at depth d below the top, NULL when there is none or a mark stands there. */
static struct pv *peek(const struct reader *x, uint32_t d)
{
    if (d >= x->depth || x->stack[x->depth - 1 - d] == &mark) {
        return NULL;
    }
    return x->stack[x->depth - 1 - d];
}

/* Index just above the topmost mark. */
static bool above_mark(const struct reader *x, uint32_t *ret_from)
{
    for (uint32_t i = x->depth; i > 0; i--) {
        if (x->stack[i - 1] == &mark) {
            *ret_from = i;
            return true;
        }
    }
    return false;
}

static enum status add_items(struct reader *x, struct pv *seq, struct pv **items, uint32_t n)
{
    if (x->items + n > PICKLE_ITEMS_MAX) {
        return over(x, "number of items", PICKLE_ITEMS_MAX);
    }
    x->items += n;
    if (seq->seq.cap - seq->seq.n < n) {
        uint32_t cap = seq->seq.n + n;
        if (seq->seq.cap > 0 && cap < seq->seq.cap * 2) {
            cap = seq->seq.cap * 2;
        }
        struct pv **grown = realloc(seq->seq.items, cap * sizeof *grown);
        if (grown == NULL) {
            return refuse_memory(x->r);
        }
        seq->seq.items = grown;
        seq->seq.cap = cap;
    }
    if (n > 0) {
        memcpy(seq->seq.items + seq->seq.n, items, n * sizeof *items);
    }
    seq->seq.n += n;
    return ST_OK;
}

static enum status memo_put(struct reader *x, uint64_t slot)
{
    struct pv *v = peek(x, 0);
    if (v == NULL) {
        return bad(x, "nothing on the stack to remember");
    }
    if (slot >= PICKLE_MEMO_MAX) {
        return over(x, "memo", PICKLE_MEMO_MAX);
    }
    if (slot >= x->memo_cap) {
        uint32_t cap = x->memo_cap * 2 > slot ? x->memo_cap * 2 : (uint32_t)slot + 256;
        struct pv **grown = realloc(x->memo, cap * sizeof *grown);
        if (grown == NULL) {
            return refuse_memory(x->r);
        }
        memset(grown + x->memo_cap, 0, (cap - x->memo_cap) * sizeof *grown);
        x->memo = grown;
        x->memo_cap = cap;
    }
    x->memo_used += x->memo[slot] == NULL;
    x->memo[slot] = v;
    return ST_OK;
}

static enum status memo_get(struct reader *x, uint64_t slot)
{
    if (slot >= x->memo_cap || x->memo[slot] == NULL) {
        return bad(x, "no such memo entry");
    }
    return push(x, x->memo[slot]);
}

/* --- opcodes --- */

static enum status push_int(struct reader *x, int64_t i)
{
    struct pv *v = new_value(x, PV_INT);
    if (v != NULL) {
        v->i = i;
    }
    return push(x, v);
}

static enum status push_bool(struct reader *x, bool b)
{
    struct pv *v = new_value(x, PV_BOOL);
    if (v != NULL) {
        v->i = b;
    }
    return push(x, v);
}

static enum status push_float(struct reader *x)
{
    struct pv *v = new_value(x, PV_FLOAT);
    if (v != NULL) {
        uint64_t bits = __builtin_bswap64(x->number); /* BINFLOAT is big-endian */
        memcpy(&v->f, &bits, sizeof v->f);
    }
    return push(x, v);
}

static enum status push_text(struct reader *x, enum pv_kind kind)
{
    if (kind == PV_STR && x->block.n > PICKLE_STRING_MAX) {
        return over(x, "string length", PICKLE_STRING_MAX);
    }
    struct pv *v = new_value(x, kind);
    if (v != NULL) {
        v->s = x->block;
    }
    return push(x, v);
}

/* LONG1: little-endian two's complement of any length. */
static enum status push_long(struct reader *x)
{
    size_t n = x->block.n;
    if (n > 8) {
        return push_text(x, PV_BIGINT);
    }
    uint64_t v = little((const uint8_t *)x->block.p, n);
    if (n > 0 && n < 8 && (v >> (8 * n - 1)) != 0) {
        v |= UINT64_MAX << (8 * n);
    }
    return push_int(x, (int64_t)v);
}

static bool global_allowed(const struct reader *x, struct text module, struct text name)
{
    if (x->rules->globals == NULL) {
        return true;
    }
    for (const char *const *g = x->rules->globals; *g != NULL; g++) {
        size_t n = strlen(*g);
        if (n == module.n + 1 + name.n && memcmp(*g, module.p, module.n) == 0 &&
            (*g)[module.n] == ' ' && memcmp(*g + module.n + 1, name.p, name.n) == 0) {
            return true;
        }
    }
    return false;
}

static enum status push_global(struct reader *x, struct text module, struct text name)
{
    if (!global_allowed(x, module, name)) {
        return refuse(x->r, REFUSED_PICKLE_GLOBAL,
                      "pickle: global '%.*s %.*s' at byte %zu is not allowed, the file is unsafe",
                      (int)(module.n < 80 ? module.n : 80), module.p,
                      (int)(name.n < 80 ? name.n : 80), name.p, x->op_at);
    }
    struct pv *v = new_value(x, PV_GLOBAL);
    if (v != NULL) {
        v->global.module = module;
        v->global.name = name;
    }
    return push(x, v);
}

static enum status stack_global(struct reader *x)
{
    const struct pv *name = peek(x, 0);
    const struct pv *module = peek(x, 1);
    if (name == NULL || module == NULL || name->kind != PV_STR || module->kind != PV_STR) {
        return bad(x, "needs two strings");
    }
    x->depth -= 2;
    return push_global(x, module->s, name->s);
}

static enum status push_tuple(struct reader *x, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (peek(x, i) == NULL) {
            return bad(x, "too few values on the stack");
        }
    }
    struct pv *v = new_value(x, PV_TUPLE);
    if (v == NULL) {
        return refuse_memory(x->r);
    }
    enum status st = add_items(x, v, x->stack + x->depth - n, n);
    x->depth -= n;
    return st == ST_OK ? push(x, v) : st;
}

static enum status tuple_from_mark(struct reader *x)
{
    uint32_t from = 0;
    if (!above_mark(x, &from)) {
        return bad(x, "no mark on the stack");
    }
    struct pv *v = new_value(x, PV_TUPLE);
    if (v == NULL) {
        return refuse_memory(x->r);
    }
    enum status st = add_items(x, v, x->stack + from, x->depth - from);
    x->depth = from - 1;
    return st == ST_OK ? push(x, v) : st;
}

static bool takes(const struct pv *v, enum pv_kind kind)
{
    return v != NULL && v->kind == kind;
}

/* APPEND, SETITEM: the last n values go into the container below them. */
static enum status add_last(struct reader *x, enum pv_kind kind, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (peek(x, i) == NULL) {
            return bad(x, "too few values on the stack");
        }
    }
    struct pv *seq = peek(x, n);
    if (!takes(seq, kind)) {
        return bad(x, "no such container on the stack");
    }
    enum status st = add_items(x, seq, x->stack + x->depth - n, n);
    x->depth -= n;
    return st;
}

/* APPENDS, SETITEMS, ADDITEMS: everything above the mark goes into the container below it. */
static enum status add_from_mark(struct reader *x, enum pv_kind kind)
{
    uint32_t from = 0;
    if (!above_mark(x, &from)) {
        return bad(x, "no mark on the stack");
    }
    uint32_t n = x->depth - from;
    if (from < 2 || x->stack[from - 2] == &mark || !takes(x->stack[from - 2], kind) ||
        (kind == PV_DICT && n % 2 != 0)) {
        return bad(x, "no such container under the mark");
    }
    enum status st = add_items(x, x->stack[from - 2], x->stack + from, n);
    x->depth = from - 1;
    return st;
}

/* REDUCE and NEWOBJ: a record of the call. Only OrderedDict() becomes what it says, an empty dict.
 */
static enum status record_call(struct reader *x)
{
    struct pv *args = peek(x, 0);
    struct pv *func = peek(x, 1);
    if (!takes(args, PV_TUPLE) || func == NULL) {
        return bad(x, "needs something to call and a tuple");
    }
    if (func->kind != PV_GLOBAL) {
        return bad(x, "what would be called is no global");
    }
    x->depth -= 2;
    if (pv_is_global(func, "collections", "OrderedDict") && args->seq.n == 0) {
        return push(x, new_value(x, PV_DICT));
    }
    struct pv *v = new_value(x, PV_CALL);
    if (v != NULL) {
        v->call.func = func;
        v->call.args = args;
    }
    return push(x, v);
}

static enum status record_state(struct reader *x)
{
    struct pv *state = peek(x, 0);
    struct pv *object = peek(x, 1);
    bool can = object != NULL && (object->kind == PV_CALL || object->kind == PV_DICT);
    if (state == NULL || !can) {
        return bad(x, "needs an object and its state");
    }
    x->depth--;
    object->state = state;
    return ST_OK;
}

static enum status persistent_id(struct reader *x)
{
    struct pv *id = peek(x, 0);
    if (!takes(id, PV_TUPLE)) {
        return bad(x, "the persistent id is no tuple");
    }
    struct pv *v = new_value(x, PV_PERSID);
    if (v == NULL) {
        return refuse_memory(x->r);
    }
    v->call.args = id;
    x->depth--;
    return push(x, v);
}

/* The number changes nothing here: which opcodes may occur is the rules' business. */
static enum status protocol(struct reader *x)
{
    return x->number > 5 ? bad(x, "unknown protocol") : ST_OK;
}

static enum status frame(struct reader *x)
{
    return x->number > x->n - x->at ? ends(x, "FRAME") : ST_OK;
}

/* Run the opcode whose argument was taken. STOP is the caller's. */
static enum status run(struct reader *x, uint8_t code)
{
    switch (code) {
    case 0x80:
        return protocol(x);
    case 0x95:
        return frame(x);
    case '(':
        return push(x, &mark);
    case 'N':
        return push(x, new_value(x, PV_NONE));
    case 0x88:
        return push_bool(x, true);
    case 0x89:
        return push_bool(x, false);
    case 'K':
    case 'M':
        return push_int(x, (int64_t)x->number);
    case 'J':
        return push_int(x, (int32_t)(uint32_t)x->number);
    case 0x8a:
        return push_long(x);
    case 'G':
        return push_float(x);
    case 'X':
    case 0x8c:
        return push_text(x, PV_STR);
    case 'B':
    case 'C':
    case 0x96:
        return push_text(x, PV_BYTES);
    case 'c':
        return push_global(x, x->block, x->second);
    case 0x93:
        return stack_global(x);
    case ')':
        return push(x, new_value(x, PV_TUPLE));
    case 0x85:
    case 0x86:
    case 0x87:
        return push_tuple(x, code - 0x84U);
    case 't':
        return tuple_from_mark(x);
    case ']':
        return push(x, new_value(x, PV_LIST));
    case '}':
        return push(x, new_value(x, PV_DICT));
    case 0x8f:
        return push(x, new_value(x, PV_SET));
    case 'a':
        return add_last(x, PV_LIST, 1);
    case 's':
        return add_last(x, PV_DICT, 2);
    case 'e':
        return add_from_mark(x, PV_LIST);
    case 'u':
        return add_from_mark(x, PV_DICT);
    case 0x90:
        return add_from_mark(x, PV_SET);
    case 'q':
    case 'r':
        return memo_put(x, x->number);
    case 0x94:
        return memo_put(x, x->memo_used);
    case 'h':
    case 'j':
        return memo_get(x, x->number);
    case 'R':
    case 0x81:
        return record_call(x);
    case 'b':
        return record_state(x);
    case 'Q':
        return persistent_id(x);
    default:
        return bad(x, "opcode has no meaning here");
    }
}

static bool opcode_allowed(const struct reader *x)
{
    switch (x->op->use) {
    case USE_ALL:
        return true;
    case USE_SYMBOLIC:
        return x->rules->symbolic;
    case USE_TORCH:
        return !x->rules->symbolic;
    case USE_NONE:
        return false;
    }
    return false;
}

static enum status step(struct reader *x, bool *ret_stop)
{
    x->op_at = x->at;
    if (x->at >= x->n) {
        return ends(x, "the opcodes");
    }
    uint8_t code = x->p[x->at++];
    x->op = &opcodes[code];
    if (x->op->arg == ARG_BAD) {
        return refuse(x->r, REFUSED_PICKLE_OPCODE, "pickle: unknown opcode 0x%02x at byte %zu",
                      code, x->op_at);
    }
    enum status st = take_argument(x);
    if (st != ST_OK) {
        return st;
    }
    if (!opcode_allowed(x)) {
        return refuse(x->r, REFUSED_PICKLE_OPCODE, "pickle: opcode %s at byte %zu is not allowed",
                      x->op->name, x->op_at);
    }
    *ret_stop = code == '.';
    return *ret_stop ? ST_OK : run(x, code);
}

static enum status finish(struct reader *x)
{
    if (x->depth != 1 || x->stack[0] == &mark) {
        return refuse(x->r, REFUSED_PICKLE_STRUCT, "pickle: STOP with %u values on the stack",
                      x->depth);
    }
    if (!x->rules->more_may_follow && x->at != x->n) {
        return refuse(x->r, REFUSED_PICKLE_STRUCT, "pickle: %zu bytes after STOP", x->n - x->at);
    }
    x->out->root = x->stack[0];
    return ST_OK;
}

enum status unpickle(const uint8_t *bytes, size_t n, const struct pickle_rules *rules,
                     struct pickle **ret_pickle, size_t *ret_used, struct refusal *r)
{
    struct reader x = {.p = bytes, .n = n, .rules = rules, .r = r};
    x.out = calloc(1, sizeof *x.out);
    x.stack = malloc(PICKLE_STACK_MAX * sizeof *x.stack);
    enum status st = x.out != NULL && x.stack != NULL ? ST_OK : refuse_memory(r);
    bool stop = false;
    while (st == ST_OK && !stop) {
        st = step(&x, &stop);
    }
    if (st == ST_OK) {
        st = finish(&x);
    }
    free(x.stack);
    free(x.memo);
    if (st != ST_OK) {
        pickle_destroy(x.out);
        return st;
    }
    *ret_pickle = x.out;
    *ret_used = x.at;
    return ST_OK;
}

void pickle_destroy(struct pickle *pickle)
{
    if (pickle == NULL) {
        return;
    }
    for (struct chunk *c = pickle->chunks; c != NULL;) {
        struct chunk *next = c->next;
        for (uint32_t i = 0; i < c->used; i++) {
            enum pv_kind kind = c->values[i].kind;
            if (kind == PV_TUPLE || kind == PV_LIST || kind == PV_SET || kind == PV_DICT) {
                free(c->values[i].seq.items);
            }
        }
        free(c);
        c = next;
    }
    free(pickle);
}

const struct pv *pickle_root(const struct pickle *pickle)
{
    return pickle->root;
}
