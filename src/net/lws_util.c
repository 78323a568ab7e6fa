#include "net/lws_util.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"

static void to_log(int level, const char *line)
{
    (void)level;
    size_t n = strlen(line);
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == ' ')) {
        n--;
    }
    log_debug("lws", "%.*s", (int)n, line);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void set_logs(void)
{
    lws_set_log_level(LLL_ERR | LLL_WARN, to_log);
}

void lws_util_logs(void)
{
    pthread_once(&once, set_logs);
}

static void on_wait_over(lws_sorted_usec_list_t *timer)
{
    struct lws_wait *w = (struct lws_wait *)(void *)timer;
    lws_cancel_service(w->context);
}

void lws_wait_service(struct lws_wait *w, struct lws_context *context, int64_t wait_us)
{
    if (wait_us <= 0) {
        lws_service(context, -1);
        return;
    }
    w->context = context;
    lws_sul_schedule(context, 0, &w->timer, on_wait_over, wait_us);
    lws_service(context, 0);
    lws_sul_cancel(&w->timer);
}

/* A record: its payload's length in 8 bytes, LWS_PRE bytes, payload, up to a multiple of 8. */
#define HEAD_BYTES (8 + (size_t)LWS_PRE)

static size_t record_size(size_t n)
{
    return (HEAD_BYTES + n + 7) & ~(size_t)7;
}

enum status msg_queue_init(struct msg_queue *q, size_t cap)
{
    memset(q, 0, sizeof *q);
    q->p = malloc(cap);
    q->cap = cap & ~(size_t)7;
    return q->p != NULL ? ST_OK : ST_NOMEM;
}

void msg_queue_finish(struct msg_queue *q)
{
    free(q->p);
    memset(q, 0, sizeof *q);
}

void msg_queue_clear(struct msg_queue *q)
{
    q->head = q->tail = q->wrap = q->used = 0;
    q->n = 0;
}

/* Where a record of size bytes can lie, SIZE_MAX when nowhere. */
static size_t place_for(struct msg_queue *q, size_t size)
{
    if (q->n == 0) {
        q->head = q->tail = 0;
    }
    if (q->tail >= q->head && (q->n == 0 || q->tail > q->head)) {
        if (q->cap - q->tail >= size) {
            return q->tail;
        }
        if (q->head >= size) {
            q->wrap = q->tail;
            return 0;
        }
        return SIZE_MAX;
    }
    return q->head - q->tail >= size ? q->tail : SIZE_MAX;
}

enum status msg_queue_push(struct msg_queue *q, const char *s, size_t n)
{
    size_t size = record_size(n);
    if (size > q->cap) {
        return ST_LIMIT;
    }
    size_t at = place_for(q, size);
    if (at == SIZE_MAX) {
        return ST_FULL;
    }
    uint64_t len = n;
    memcpy(q->p + at, &len, sizeof len);
    memcpy(q->p + at + HEAD_BYTES, s, n);
    q->tail = at + size;
    q->n++;
    q->used += size;
    q->used_max = q->used > q->used_max ? q->used : q->used_max;
    return ST_OK;
}

static uint64_t front_len(const struct msg_queue *q)
{
    uint64_t len = 0;
    memcpy(&len, q->p + q->head, sizeof len);
    return len;
}

unsigned char *msg_queue_front(struct msg_queue *q, size_t *ret_n)
{
    if (q->n == 0) {
        return NULL;
    }
    *ret_n = (size_t)front_len(q);
    return q->p + q->head + HEAD_BYTES;
}

void msg_queue_pop(struct msg_queue *q)
{
    size_t size = record_size((size_t)front_len(q));
    q->head += size;
    q->used -= size;
    q->n--;
    if (q->n == 0) {
        q->head = q->tail = 0;
    } else if (q->tail < q->head && q->head == q->wrap) {
        q->head = 0;
    }
}
