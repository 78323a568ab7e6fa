/*
 * unpickle.h - reads a Python pickle as data, never as a program.
 *
 * Every global stays an inert name, every REDUCE and NEWOBJ a record (what would be called, with
 * what), every BUILD a state beside its object. Nothing is looked up, called or imported. Rules say
 * which opcodes and which globals may occur at all; depth, memo, values and strings are bounded,
 * and memory is at most a small multiple of the pickle's size.
 */
#ifndef POLICY_UNPICKLE_H
#define POLICY_UNPICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "policy/refusal.h"

#define PICKLE_STACK_MAX  4096
#define PICKLE_MEMO_MAX   65536
#define PICKLE_STRING_MAX 65536
#define PICKLE_VALUES_MAX 262144
#define PICKLE_ITEMS_MAX  1048576

enum pv_kind {
    PV_NONE,
    PV_BOOL,   /* i */
    PV_INT,    /* i */
    PV_BIGINT, /* s: little-endian two's complement, beyond 64 bits */
    PV_FLOAT,  /* f */
    PV_STR,    /* s: UTF-8 as it came, not validated */
    PV_BYTES,  /* s */
    PV_TUPLE,  /* seq */
    PV_LIST,   /* seq */
    PV_SET,    /* seq */
    PV_DICT,   /* seq: key, value, key, value; also OrderedDict */
    PV_GLOBAL, /* global */
    PV_CALL,   /* call: REDUCE or NEWOBJ */
    PV_PERSID  /* call.args: the persistent id */
};

/* One value. Strings point into the pickle's bytes. Values can be shared, and containers can even
 * hold themselves: walk by names, never blindly. */
struct pv {
    enum pv_kind kind;
    union {
        int64_t i;
        double f;
        struct text s;
        struct {
            struct text module, name;
        } global;
        struct {
            struct pv **items;
            uint32_t n, cap;
        } seq;
        struct {
            struct pv *func, *args;
        } call;
    };
    struct pv *state; /* what BUILD gave, or NULL */
};

struct pickle_rules {
    bool symbolic;              /* protocol 4 and 5, objects, any global; else torch's state dict */
    const char *const *globals; /* "module name" allowed, NULL-ended; NULL: any, as a name */
    bool more_may_follow;       /* bytes after STOP are not an error */
};

struct pickle;

/*
 * Read one pickle at bytes[0..n), which must outlive the result. *ret_used is where STOP left off.
 * pickle_opcode, pickle_global, pickle_struct, pickle_truncated, pickle_limit; dtype is never ours.
 */
enum status unpickle(const uint8_t *bytes, size_t n, const struct pickle_rules *rules,
                     struct pickle **ret_pickle, size_t *ret_used, struct refusal *r) MUST_CHECK;
void pickle_destroy(struct pickle *pickle); /* NULL is fine */

const struct pv *pickle_root(const struct pickle *pickle);

/* NULL is fine as v in all of these; they are false or NULL then. */
bool pv_is_str(const struct pv *v, const char *text);
bool pv_is_global(const struct pv *v, const char *module, const char *name);
/* True and *ret_i when v is an integer of 64 bits. */
bool pv_int(const struct pv *v, int64_t *ret_i);
/* Item i of a tuple or list. */
const struct pv *pv_item(const struct pv *v, uint32_t i);
/* Value of the last such key in a dict. */
const struct pv *pv_get(const struct pv *dict, const char *key);

#endif
