/*
 * status.h - how functions say that something went wrong.
 *
 * Anything that can fail returns enum status and is MUST_CHECK; its result comes through a last
 * parameter named ret_x, written on success only. Where a person must find a mistake (config,
 * files, connecting) a last parameter struct err takes the text. Statuses that are answers and not
 * errors: ST_FULL, ST_AGAIN, ST_END.
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#define MUST_CHECK __attribute__((warn_unused_result))

#define STATUS_MAP(X)                                                                              \
    X(OK, "ok")                                                                                    \
    X(FULL, "full")                                                                                \
    X(AGAIN, "nothing now, try again")                                                             \
    X(END, "end of input")                                                                         \
    X(INVALID, "invalid value")                                                                    \
    X(MALFORMED, "malformed input")                                                                \
    X(TRUNCATED, "input ends too soon")                                                            \
    X(RANGE, "out of range")                                                                       \
    X(LIMIT, "over a configured limit")                                                            \
    X(UNSUPPORTED, "not supported")                                                                \
    X(NOT_FOUND, "not found")                                                                      \
    X(EXISTS, "exists already")                                                                    \
    X(DENIED, "permission denied")                                                                 \
    X(STATE, "not possible in this state")                                                         \
    X(NOMEM, "out of memory")                                                                      \
    X(IO, "input/output error")                                                                    \
    X(UNREACHABLE, "not reachable")                                                                \
    X(TIMEOUT, "timed out")                                                                        \
    X(CLOSED, "closed")

enum status {
#define X(name, text) ST_##name,
    STATUS_MAP(X)
#undef X
        ST_MAX
};

/* Name ("INVALID") and text ("invalid value") of a status; never NULL. */
const char *status_name(enum status st);
const char *status_text(enum status st);

/* What a person reads: what, where, what to do. Text is cut, never overflows, and holds no secret.
 */
struct err {
    enum status st;
    char text[480];
};

/* Fill err (NULL is fine) and return st, so that one can write: return err_set(err, ST_INVALID,
 * "...", ...); */
enum status err_set(struct err *err, enum status st, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "context: " before the text that is there, for callers that know the file or key. Returns
 * err->st. */
enum status err_prefix(struct err *err, enum status st, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
