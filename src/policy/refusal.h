/*
 * refusal.h - why a model file is refused: a class for machines and one line for people.
 *
 * The classes are those of sb3-ppo-format.md section 10, and a few of our own. The text names the
 * member and the offending key or value; what comes from the file is made printable and cut.
 */
#ifndef POLICY_REFUSAL_H
#define POLICY_REFUSAL_H

#include "base/status.h"

#define REFUSAL_MAP(X)                                                                             \
    X(NOT_ZIP, not_zip, MALFORMED)                                                                 \
    X(TRUNCATED, truncated, TRUNCATED)                                                             \
    X(ZIP_STRUCT, zip_struct, MALFORMED)                                                           \
    X(ZIP_UNSUPPORTED, zip_unsupported, UNSUPPORTED)                                               \
    X(ZIP_LIMIT, zip_limit, LIMIT)                                                                 \
    X(CRC, crc, MALFORMED)                                                                         \
    X(MISSING_MEMBER, missing_member, MALFORMED)                                                   \
    X(FORMAT, format, MALFORMED)                                                                   \
    X(JSON, json, MALFORMED)                                                                       \
    X(JSON_LIMIT, json_limit, LIMIT)                                                               \
    X(PICKLE_OPCODE, pickle_opcode, UNSUPPORTED)                                                   \
    X(PICKLE_GLOBAL, pickle_global, UNSUPPORTED)                                                   \
    X(PICKLE_STRUCT, pickle_struct, MALFORMED)                                                     \
    X(PICKLE_TRUNCATED, pickle_truncated, TRUNCATED)                                               \
    X(PICKLE_LIMIT, pickle_limit, LIMIT)                                                           \
    X(TENSOR_BOUNDS, tensor_bounds, MALFORMED)                                                     \
    X(DTYPE, dtype, UNSUPPORTED)                                                                   \
    X(SHAPE, shape, MALFORMED)                                                                     \
    X(MISSING_KEY, missing_key, MALFORMED)                                                         \
    X(KEYS, keys, UNSUPPORTED)                                                                     \
    X(NONFINITE, nonfinite, MALFORMED)                                                             \
    X(ALGORITHM, algorithm, UNSUPPORTED)                                                           \
    X(POLICY_CLASS, policy_class, UNSUPPORTED)                                                     \
    X(POLICY_KWARGS, policy_kwargs, UNSUPPORTED)                                                   \
    X(FEATURES_EXTRACTOR, features_extractor, UNSUPPORTED)                                         \
    X(ACTIVATION, activation, UNSUPPORTED)                                                         \
    X(OBSERVATION_SPACE, observation_space, UNSUPPORTED)                                           \
    X(ACTION_SPACE, action_space, UNSUPPORTED)                                                     \
    X(OBSERVATION_SIZE, observation_size, UNSUPPORTED)                                             \
    X(ACTION_COUNT, action_count, UNSUPPORTED)                                                     \
    X(STATISTICS, statistics, UNSUPPORTED)                                                         \
    X(NOT_FOUND, not_found, NOT_FOUND)                                                             \
    X(IO, io, IO)                                                                                  \
    X(NOMEM, memory, NOMEM)

enum refusal_class {
#define X(id, name, st) REFUSED_##id,
    REFUSAL_MAP(X)
#undef X
        REFUSED_MAX
};

struct refusal {
    enum refusal_class class;
    struct err err;
};

/* "tensor_bounds"; never NULL. */
const char *refusal_name(enum refusal_class class);

/* Fill r and return the status of the class, so that one can write: return refuse(r, ...). */
enum status refuse(struct refusal *r, enum refusal_class class, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "place: " before the text that is there; returns r->err.st. */
enum status refuse_at(struct refusal *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Out of memory has one text. */
enum status refuse_memory(struct refusal *r);

#endif
