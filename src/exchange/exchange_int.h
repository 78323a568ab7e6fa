/*
 * exchange_int.h - what the files of this folder share: token buckets, calls, and the two ways
 * between a request and HTTP.
 */
#ifndef EXCHANGE_EXCHANGE_INT_H
#define EXCHANGE_EXCHANGE_INT_H

#include "exchange/exchange.h"
#include "wire/rest.h"

/* --- bucket.c: a token bucket that is given the time --- */

#define COST_DEFAULT   10
#define COST_CANCEL    2
#define COST_GET_ORDER 2

struct bucket {
    int64_t nano;     /* tokens times 1e9 */
    int64_t capacity; /* tokens, 1..BUCKET_LIMIT */
    int64_t rate;     /* tokens a second, 1..BUCKET_LIMIT */
    mono_ns_t last;   /* refilled up to here */
    mono_ns_t paused_until;
};
#define BUCKET_LIMIT 10000000

void bucket_init(struct bucket *b, int64_t capacity, int64_t rate, mono_ns_t now);
/* New limits; what is in the bucket stays, up to the new capacity. Values are brought into range.
 */
void bucket_set(struct bucket *b, int64_t capacity, int64_t rate, mono_ns_t now);
/* Take cost tokens if cost + reserve are there. */
bool bucket_take(struct bucket *b, int64_t cost, int64_t reserve, mono_ns_t now);
/* When bucket_take may succeed, at the earliest. */
mono_ns_t bucket_ready(const struct bucket *b, int64_t cost, int64_t reserve, mono_ns_t now);
void bucket_empty(struct bucket *b, mono_ns_t now, mono_ns_t pause);
int64_t bucket_tokens(const struct bucket *b);

/* --- a request on its way --- */

#define CURSOR_MAX 512
#define CALL_NONE  UINT32_MAX

enum call_stage {
    STAGE_AS_OF, /* user_data_timestamp is read first */
    STAGE_MAIN
};

struct call {
    struct gw_request req;
    char *tickers; /* owned copy of the list behind a LIST_MARKETS, or NULL */
    uint32_t next; /* in the queue or the free list */
    bool at_transport;
    enum call_stage stage;
    uint32_t tries; /* of the current HTTP request */
    uint32_t pages; /* whole pages so far */
    uint32_t rows;  /* rows answered so far */
    uint64_t http_id;
    mono_ns_t queued, not_before, sent;
    wall_ns_t signed_wall, as_of;
    char cursor[CURSOR_MAX];
    struct buf path, query, body;
};

/* --- encode.c --- */

/*
 * Path, query and body of the call's next HTTP request. ST_INVALID: a text that must not stand in a
 * URL; ST_LIMIT: too long.
 */
enum status call_encode(struct call *call, const char *base_path, uint32_t page_rows,
                        enum http_method *ret_method) MUST_CHECK;

static inline bool op_is_read(uint32_t op)
{
    return op != GW_CREATE && op != GW_CANCEL && op != GW_AMEND && op != GW_GROUP_CREATE &&
           op != GW_GROUP_RESET;
}
int64_t op_cost(const struct call *call);

/* --- decode.c --- */

/* A page's rows as the structs of bus/event.h, gathered before any is handed out. */
struct page {
    enum gw_row kind;
    uint32_t row_size;
    uint32_t n, n_yes;
    struct buf rows;
    char cursor[CURSOR_MAX];
};

/*
 * Read a 2xx body into the answer's fields and the page. limits is filled for GW_GET_LIMITS.
 * Anything but ST_OK: the body cannot be trusted.
 */
enum status call_decode(const struct call *call, struct wire_decoder *levels, const char *s,
                        size_t n, struct ev_answer *a, struct page *page) MUST_CHECK;

/* What an HTTP answer means for an op; is only asked for fates other than a readable 2xx. */
enum gw_outcome outcome_of(uint32_t op, const struct http_resp *resp);

#endif
