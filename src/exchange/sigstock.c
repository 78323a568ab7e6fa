#include <stdio.h>

#include "exchange/exchange.h"
#include "wire/rest.h"

enum status signer_sign(const struct signer *signer, int64_t ts_ms, const char *method,
                        const char *path, char *sig, size_t cap)
{
    char text[320];
    size_t n = 0;
    enum status st = rest_sign_text(ts_ms, method, path, text, sizeof text, &n);
    return st == ST_OK ? signer->sign(signer->self, text, n, sig, cap) : st;
}

enum status sig_stock_init(struct sig_stock *stock, const struct signer *signer, const char *method,
                           const char *path, uint32_t want, wall_ns_t age_max)
{
    memset(stock, 0, sizeof *stock);
    if (want > SIG_STOCK_MAX || !text_copy(stock->method, sizeof stock->method, text_of(method)) ||
        !text_copy(stock->path, sizeof stock->path, text_of(path))) {
        return ST_LIMIT;
    }
    stock->signer = signer;
    stock->want = want;
    stock->age_max = age_max;
    return ST_OK;
}

static void drop_old(struct sig_stock *stock, wall_ns_t wall)
{
    while (stock->n > 0) {
        wall_ns_t made = stock->entries[stock->first].ts_ms * NS_PER_MS;
        /* Far in the future: the clock was set back, and the timestamp would be refused. */
        if (wall - made <= stock->age_max && made - wall <= stock->age_max) {
            return;
        }
        stock->first = (stock->first + 1) % SIG_STOCK_MAX;
        stock->n--;
        stock->expired++;
    }
}

/* The next unused millisecond; a clock that was set back starts anew. */
static int64_t next_ms(struct sig_stock *stock, wall_ns_t wall)
{
    int64_t now_ms = wall / NS_PER_MS;
    bool set_back = stock->last_ms - now_ms > stock->age_max / NS_PER_MS;
    stock->last_ms = now_ms > stock->last_ms || set_back ? now_ms : stock->last_ms + 1;
    return stock->last_ms;
}

bool sig_stock_refill(struct sig_stock *stock, wall_ns_t wall)
{
    drop_old(stock, wall);
    if (stock->n >= stock->want) {
        return false;
    }
    struct sig_entry *e = &stock->entries[(stock->first + stock->n) % SIG_STOCK_MAX];
    e->ts_ms = next_ms(stock, wall);
    if (signer_sign(stock->signer, e->ts_ms, stock->method, stock->path, e->sig, sizeof e->sig) !=
        ST_OK) {
        return false; /* the next take signs itself and reports */
    }
    stock->n++;
    return true;
}

enum status sig_stock_take(struct sig_stock *stock, wall_ns_t wall, int64_t *ret_ts_ms, char *sig)
{
    drop_old(stock, wall);
    if (stock->n > 0) {
        const struct sig_entry *e = &stock->entries[stock->first];
        memcpy(sig, e->sig, strlen(e->sig) + 1);
        *ret_ts_ms = e->ts_ms;
        stock->first = (stock->first + 1) % SIG_STOCK_MAX;
        stock->n--;
        stock->from_stock++;
        return ST_OK;
    }
    int64_t ts_ms = next_ms(stock, wall);
    enum status st =
        signer_sign(stock->signer, ts_ms, stock->method, stock->path, sig, SIGNATURE_MAX);
    if (st == ST_OK) {
        *ret_ts_ms = ts_ms;
        stock->made_now++;
    }
    return st;
}
