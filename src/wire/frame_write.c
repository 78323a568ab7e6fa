#include <inttypes.h>

#include "wire/frame.h"

static void key_list(struct buf *out, const char *key, const char *const *texts, size_t n)
{
    buf_printf(out, "\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        if (i > 0) {
            buf_char(out, ',');
        }
        buf_json_str(out, text_of(texts[i]));
    }
    buf_char(out, ']');
}

/* use_yes_price is always sent: the exchange's default is going to change. */
void frame_subscribe(struct buf *out, uint64_t id, const char *const *channels, size_t n_channels,
                     const char *const *tickers, size_t n_tickers, bool use_yes_price)
{
    buf_printf(out, "{\"id\":%" PRIu64 ",\"cmd\":\"subscribe\",\"params\":{", id);
    key_list(out, "channels", channels, n_channels);
    if (n_tickers > 0) {
        buf_char(out, ',');
        key_list(out, "market_tickers", tickers, n_tickers);
    }
    buf_printf(out, ",\"use_yes_price\":%s}}", use_yes_price ? "true" : "false");
}

void frame_update(struct buf *out, uint64_t id, uint64_t sid, enum frame_action action,
                  const char *const *tickers, size_t n_tickers)
{
    static const char *const names[] = {"add_markets", "delete_markets", "get_snapshot"};
    buf_printf(out,
               "{\"id\":%" PRIu64 ",\"cmd\":\"update_subscription\",\"params\":{\"sids\":[%" PRIu64
               "],\"action\":\"%s\",",
               id, sid, names[action]);
    key_list(out, "market_tickers", tickers, n_tickers);
    buf_str(out, "}}");
}

void frame_unsubscribe(struct buf *out, uint64_t id, const uint64_t *sids, size_t n)
{
    buf_printf(out, "{\"id\":%" PRIu64 ",\"cmd\":\"unsubscribe\",\"params\":{\"sids\":[", id);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%s%" PRIu64, i > 0 ? "," : "", sids[i]);
    }
    buf_str(out, "]}}");
}
