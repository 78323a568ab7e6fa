#include "cli/observe.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/grid.h"
#include "base/idmap.h"
#include "features/features.h"

#define LINE_MAX_BYTES 16384
#define LEVELS_MAX     9999
#define MARKETS_MAX    100000
#define POSITIONS_MAX  100000
#define VOLUME_LIMIT   (INT64_C(1) << 53) /* sums of sizes stay exact in a double */
#define MKT_OTHER      (UINT32_MAX - 2)   /* a position's ticker that is not the market's */
#define FORMAT         "features-golden/1"

/* --- numbers --- */

static enum status read_integer(const json_t *v, const char *name, int64_t *ret, struct err *err)
{
    if (json_is_integer(v)) {
        *ret = json_integer_value(v);
        return ST_OK;
    }
    double d = json_real_value(v); /* 0 when v is no real */
    if (!json_is_real(v) || d != floor(d) || fabs(d) > 0x1p53) {
        return err_set(err, ST_MALFORMED, "%s is %s", name,
                       v == NULL ? "missing" : "not a whole number");
    }
    *ret = (int64_t)d;
    return ST_OK;
}

static enum status read_number(const json_t *v, const char *name, double *ret, struct err *err)
{
    if (!json_is_number(v)) {
        return err_set(err, ST_MALFORMED, "%s is %s", name, v == NULL ? "missing" : "not a number");
    }
    *ret = json_number_value(v);
    return ST_OK;
}

/* A size in contracts, with at most two decimals, as a number or as text. */
static enum status read_size(const json_t *v, qty_t *ret)
{
    if (json_is_string(v)) {
        enum status st = qty_parse(json_string_value(v), json_string_length(v), ret);
        return st != ST_OK ? st : *ret > 0 && *ret <= QTY_LIMIT ? ST_OK : ST_RANGE;
    }
    if (!json_is_number(v)) {
        return ST_MALFORMED;
    }
    double hundredths = json_number_value(v) * 100.0;
    double whole = nearbyint(hundredths);
    /* The product of the nearest double and 100 is off by some last bits, decimals beyond the
     * second by far more. */
    if (!(whole > 0 && whole <= (double)QTY_LIMIT) ||
        fabs(hundredths - whole) > 1e-14 * whole + 1e-9) {
        return ST_RANGE;
    }
    *ret = (qty_t)whole;
    return ST_OK;
}

/* A price in cents, as decimal text, between 0 and 100. */
static enum status read_price(const char *text, px_t *ret)
{
    usd_t micros; /* of a cent: the same six decimals */
    enum status st = usd_parse(text, strlen(text), &micros);
    if (st != ST_OK) {
        return st;
    }
    px_t px = micros / 10000;
    if (px * 10000 != micros || px <= 0 || px >= PX_ONE) {
        return ST_RANGE;
    }
    *ret = px;
    return ST_OK;
}

/* --- books --- */

struct ladder {
    struct level levels[LEVELS_MAX];
    uint32_t n;
};

struct four {
    struct ladder yes_bids, yes_asks, no_bids, no_asks;
    uint8_t seen[PX_ONE]; /* prices of the ladder being read */
};

static enum status read_ladder(const json_t *map, const char *name, struct four *books,
                               struct ladder *ladder, struct err *err)
{
    ladder->n = 0;
    if (!json_is_object(map)) {
        return err_set(err, ST_MALFORMED, "%s is %s", name,
                       map == NULL ? "missing" : "not an object of prices and sizes");
    }
    memset(books->seen, 0, sizeof books->seen);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, key, value)
    {
        struct level level;
        if (read_price(key, &level.px) != ST_OK) {
            return err_set(err, ST_MALFORMED,
                           "%s: price '%.40s' is not decimal cents between 0 and 100", name, key);
        }
        if (read_size(value, &level.qty) != ST_OK) {
            return err_set(err, ST_MALFORMED,
                           "%s: the size at price '%.40s' is not a positive number of contracts "
                           "with at most two decimals",
                           name, key);
        }
        if (books->seen[level.px]) {
            return err_set(err, ST_MALFORMED, "%s: price '%.40s' comes twice", name, key);
        }
        books->seen[level.px] = 1;
        ladder->levels[ladder->n++] = level; /* each price once, so there is room */
    }
    return ST_OK;
}

/* Asks that the file leaves out: the other outcome's bids seen from here. */
static void mirror_ladder(const struct ladder *bids, px_t mirror, struct ladder *asks)
{
    asks->n = 0;
    for (uint32_t i = 0; i < bids->n; i++) {
        px_t px = mirror - bids->levels[i].px;
        if (px > 0) {
            asks->levels[asks->n++] = (struct level){px, bids->levels[i].qty};
        }
    }
}

static enum status read_asks(const json_t *map, const char *name, const struct ladder *bids,
                             px_t mirror, struct four *books, struct ladder *asks, struct err *err)
{
    if (map == NULL) {
        mirror_ladder(bids, mirror, asks);
        return ST_OK;
    }
    return read_ladder(map, name, books, asks, err);
}

static enum status read_book(const json_t *book, px_t mirror, struct four *four,
                             struct feature_book *ret, struct err *err)
{
    if (json_is_null(book)) { /* no snapshot yet */
        *ret = (struct feature_book){.any = false};
        return ST_OK;
    }
    if (!json_is_object(book)) {
        return err_set(err, ST_MALFORMED, "book is %s", book == NULL ? "missing" : "not an object");
    }
    enum status st =
        read_ladder(json_object_get(book, "yes_bids"), "yes_bids", four, &four->yes_bids, err);
    if (st == ST_OK) {
        st = read_ladder(json_object_get(book, "no_bids"), "no_bids", four, &four->no_bids, err);
    }
    if (st == ST_OK) {
        st = read_asks(json_object_get(book, "yes_asks"), "yes_asks", &four->no_bids, mirror, four,
                       &four->yes_asks, err);
    }
    if (st == ST_OK) {
        st = read_asks(json_object_get(book, "no_asks"), "no_asks", &four->yes_bids, mirror, four,
                       &four->no_asks, err);
    }
    if (st != ST_OK) {
        return st;
    }
    struct feature_levels levels = {
        four->yes_bids.levels, four->yes_asks.levels, four->no_bids.levels, four->no_asks.levels,
        four->yes_bids.n,      four->yes_asks.n,      four->no_bids.n,      four->no_asks.n};
    feature_book_of_levels(&levels, ret);
    if (ret->yes_bids + ret->yes_asks + ret->no_bids + ret->no_asks > VOLUME_LIMIT) {
        return err_set(err, ST_MALFORMED, "the sizes add up to more than 2^53 hundredths");
    }
    return ST_OK;
}

/* --- account --- */

struct account {
    struct feature_account a;
    struct feature_position *positions;
    uint32_t cap;
};

static enum status read_position(const json_t *v, const char *market, uint32_t mkt,
                                 struct feature_position *ret, struct err *err)
{
    const json_t *ticker = json_object_get(v, "ticker");
    if (!json_is_string(ticker)) {
        return err_set(err, ST_MALFORMED, "ticker is missing or not text");
    }
    ret->mkt = strcmp(json_string_value(ticker), market) == 0 ? mkt : MKT_OTHER;
    enum status st = read_number(json_object_get(v, "position"), "position", &ret->position, err);
    if (st == ST_OK) {
        st = read_number(json_object_get(v, "cost_basis"), "cost_basis", &ret->cost, err);
    }
    return st;
}

static enum status read_positions(const json_t *list, const char *market, uint32_t mkt,
                                  struct account *account, struct err *err)
{
    if (!json_is_array(list)) {
        return err_set(err, ST_MALFORMED, "positions is %s",
                       list == NULL ? "missing" : "not an array");
    }
    size_t n = json_array_size(list);
    if (n > POSITIONS_MAX) {
        return err_set(err, ST_MALFORMED, "more than %d positions", POSITIONS_MAX);
    }
    if (n > account->cap) {
        void *p = realloc(account->positions, n * sizeof *account->positions);
        if (p == NULL) {
            return err_set(err, ST_NOMEM, "out of memory");
        }
        account->positions = p;
        account->cap = (uint32_t)n;
    }
    for (size_t i = 0; i < n; i++) {
        enum status st =
            read_position(json_array_get(list, i), market, mkt, &account->positions[i], err);
        if (st != ST_OK) {
            return err_prefix(err, st, "positions[%zu]", i);
        }
    }
    account->a.positions = account->positions;
    account->a.n_positions = (uint32_t)n;
    return ST_OK;
}

static enum status read_account(const json_t *step, const char *market, uint32_t mkt,
                                struct account *account, struct err *err)
{
    struct feature_account *a = &account->a;
    enum status st =
        read_number(json_object_get(step, "portfolio_value"), "portfolio_value", &a->pv, err);
    if (st == ST_OK) {
        st = read_number(json_object_get(step, "cash_balance"), "cash_balance", &a->cash, err);
    }
    if (st == ST_OK) {
        st = read_positions(json_object_get(step, "positions"), market, mkt, account, err);
    }
    if (st != ST_OK) {
        return st;
    }
    const json_t *orders = json_object_get(step, "order_features");
    if (!json_is_array(orders) || json_array_size(orders) != 5) {
        return err_set(err, ST_MALFORMED, "order_features is missing or not an array of five");
    }
    for (size_t i = 0; i < 5 && st == ST_OK; i++) {
        st = read_number(json_array_get(orders, i), "order_features", &a->orders[i], err);
    }
    return st;
}

/* --- output --- */

/* The shortest decimals that give the float back. */
static void add_float(struct buf *b, float v)
{
    char text[32];
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v) {
            break;
        }
    }
    buf_str(b, text);
}

struct observer {
    const struct observe_sink *sink;
    struct buf line;
    struct four *four;
    struct account account;
    uint32_t malformed;
};

/* market is NULL for a step of a sequence. */
static enum status print_line(struct observer *o, const char *sequence, size_t step,
                              const char *market, const float *obs, struct err *err)
{
    struct buf *b = &o->line;
    buf_clear(b);
    buf_str(b, "{\"sequence\":");
    buf_json_str(b, text_of(sequence));
    buf_printf(b, ",\"step\":%zu", step);
    if (market != NULL) {
        buf_str(b, ",\"market\":");
        buf_json_str(b, text_of(market));
    }
    buf_str(b, ",\"features\":[");
    for (int i = 0; i < FEATURE_COUNT; i++) {
        if (i > 0) {
            buf_char(b, ',');
        }
        add_float(b, obs[i]);
    }
    buf_str(b, "]}");
    if (b->failed) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    o->sink->line(o->sink->ctx, b->p, b->n);
    return ST_OK;
}

static void complain(struct observer *o, const struct err *err)
{
    o->malformed++;
    o->sink->complain(o->sink->ctx, err->text);
}

/* Text of a field, or NULL with err set. Names are cut to what a line can hold. */
static const char *read_name(const json_t *v, const char *field, struct err *err)
{
    const json_t *name = json_object_get(v, field);
    if (!json_is_string(name) || json_string_length(name) == 0 || json_string_length(name) > 1000) {
        (void)err_set(err, ST_MALFORMED, "%s is missing or not text of 1 to 1000 bytes", field);
        return NULL;
    }
    return json_string_value(name);
}

/* --- sequences: one market each --- */

static enum status observe_step(struct observer *o, const json_t *step, const char *market,
                                px_t mirror, struct feature_window *w, float *obs, struct err *err)
{
    if (!json_is_object(step)) {
        return err_set(err, ST_MALFORMED, "not an object");
    }
    int64_t t_ms;
    struct feature_book book;
    enum status st =
        read_integer(json_object_get(step, "timestamp_ms"), "timestamp_ms", &t_ms, err);
    if (st == ST_OK && (t_ms < -VOLUME_LIMIT || t_ms > VOLUME_LIMIT)) {
        st = err_set(err, ST_MALFORMED, "timestamp_ms is out of range");
    }
    if (st == ST_OK) {
        st = read_book(json_object_get(step, "book"), mirror, o->four, &book, err);
    }
    if (st == ST_OK) {
        st = read_account(step, market, 0, &o->account, err);
    }
    if (st != ST_OK) {
        return st;
    }
    feature_window_add(w, &book, t_ms);
    feature_build(w, 0, &o->account.a, obs);
    return ST_OK;
}

static enum status read_mirror(const json_t *sequence, px_t *ret, struct err *err)
{
    const json_t *v = json_object_get(sequence, "mirror");
    int64_t mirror = 100;
    enum status st = v == NULL ? ST_OK : read_integer(v, "mirror", &mirror, err);
    if (st == ST_OK && mirror != 100 && mirror != 99) {
        st = err_set(err, ST_MALFORMED, "mirror is %" PRId64 ", not 100 or 99", mirror);
    }
    *ret = mirror * PX_CENT;
    return st;
}

static enum status observe_sequence(struct observer *o, const json_t *sequence, struct err *err)
{
    const char *name = read_name(sequence, "name", err);
    if (name == NULL) {
        return ST_MALFORMED;
    }
    const json_t *steps = json_object_get(sequence, "steps");
    const char *market = read_name(sequence, "market", err);
    px_t mirror;
    enum status st = market == NULL ? ST_MALFORMED : read_mirror(sequence, &mirror, err);
    if (st == ST_OK && !json_is_array(steps)) {
        st = err_set(err, ST_MALFORMED, "steps is missing or not an array");
    }
    struct feature_window w = {0};
    for (size_t i = 0; st == ST_OK && i < json_array_size(steps); i++) {
        float obs[FEATURE_COUNT];
        st = observe_step(o, json_array_get(steps, i), market, mirror, &w, obs, err);
        if (st != ST_OK) {
            (void)err_prefix(err, st, "step %zu", i);
            break;
        }
        st = print_line(o, name, i, NULL, obs, err);
    }
    return st == ST_OK ? ST_OK : err_prefix(err, st, "'%.100s'", name);
}

/* --- sessions: several markets, session-wide numbers --- */

struct session {
    struct feature_session s;
    struct feature_window *windows; /* one for each market, as s.markets */
    struct feature_book *books;     /* of the current point; .any false: not in it, or no book */
    bool *in_point;
    uint32_t cap;
    struct idmap tickers;
};

static void session_finish(struct session *s)
{
    idmap_finish(&s->tickers);
    free(s->s.markets);
    free(s->windows);
    free(s->books);
    free(s->in_point);
}

static bool grow(void *array, size_t size, uint32_t from, uint32_t to)
{
    void *old;
    memcpy(&old, array, sizeof old);
    char *p = realloc(old, size * to);
    if (p == NULL) {
        return false;
    }
    memset(p + size * from, 0, size * (to - from));
    memcpy(array, &p, sizeof p);
    return true;
}

/* The market's number, new ones in the order of their first point. */
static enum status market_number(struct session *s, const char *ticker, uint32_t *ret,
                                 struct err *err)
{
    *ret = idmap_get(&s->tickers, text_of(ticker));
    if (*ret != IDMAP_NONE) {
        return ST_OK;
    }
    uint32_t n = s->s.n_markets;
    if (n == s->cap) {
        uint32_t cap = s->cap == 0 ? 16 : s->cap * 2;
        if (!grow(&s->s.markets, sizeof *s->s.markets, s->cap, cap) ||
            !grow(&s->windows, sizeof *s->windows, s->cap, cap) ||
            !grow(&s->books, sizeof *s->books, s->cap, cap) ||
            !grow(&s->in_point, sizeof *s->in_point, s->cap, cap)) {
            return err_set(err, ST_NOMEM, "out of memory");
        }
        s->cap = cap;
    }
    enum status st = idmap_put(&s->tickers, text_of(ticker), n);
    if (st != ST_OK) {
        return err_set(err, st, "market '%.100s': %s", ticker, status_text(st));
    }
    s->s.n_markets = n + 1;
    *ret = n;
    return ST_OK;
}

static enum status read_books(struct observer *o, struct session *s, const json_t *books,
                              struct err *err)
{
    if (!json_is_object(books)) {
        return err_set(err, ST_MALFORMED, "books is missing or not an object");
    }
    for (uint32_t i = 0; i < s->s.n_markets; i++) {
        s->in_point[i] = false;
    }
    const char *ticker;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)books, ticker, value)
    {
        uint32_t mkt;
        enum status st = market_number(s, ticker, &mkt, err);
        if (st != ST_OK) {
            return st;
        }
        st = read_book(value, PX_ONE, o->four, &s->books[mkt], err);
        if (st != ST_OK) {
            return err_prefix(err, st, "books: '%.100s'", ticker);
        }
        s->in_point[mkt] = true;
        feature_session_add(&s->s, mkt, &s->books[mkt]);
        if (s->s.volume > VOLUME_LIMIT) {
            return err_set(err, ST_MALFORMED, "the sizes add up to more than 2^53 hundredths");
        }
    }
    return ST_OK;
}

static enum status observe_targets(struct observer *o, struct session *s, const char *name,
                                   size_t index, const json_t *targets, struct err *err)
{
    if (!json_is_object(targets)) {
        return err_set(err, ST_MALFORMED, "targets is missing or not an object");
    }
    const char *ticker;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)targets, ticker, value)
    {
        uint32_t mkt = idmap_get(&s->tickers, text_of(ticker));
        enum status st = ST_OK;
        if (mkt == IDMAP_NONE || !s->in_point[mkt]) {
            st = err_set(err, ST_MALFORMED, "not in the point's books");
        } else if (!json_is_object(value)) {
            st = err_set(err, ST_MALFORMED, "not an object");
        } else {
            st = read_account(value, ticker, mkt, &o->account, err);
        }
        if (st != ST_OK) {
            return err_prefix(err, st, "target '%.100s'", ticker);
        }
        float obs[FEATURE_COUNT];
        feature_build(&s->windows[mkt], mkt, &o->account.a, obs);
        st = print_line(o, name, index, ticker, obs, err);
        if (st != ST_OK) {
            return st;
        }
    }
    return ST_OK;
}

static enum status observe_point(struct observer *o, struct session *s, const char *name,
                                 size_t index, const json_t *point, struct err *err)
{
    int64_t t_ms;
    enum status st =
        read_integer(json_object_get(point, "timestamp_ms"), "timestamp_ms", &t_ms, err);
    if (st == ST_OK && (t_ms < -VOLUME_LIMIT || t_ms > VOLUME_LIMIT)) {
        st = err_set(err, ST_MALFORMED, "timestamp_ms is out of range");
    }
    if (st != ST_OK) {
        return st;
    }
    feature_session_begin(&s->s, t_ms);
    st = read_books(o, s, json_object_get(point, "books"), err);
    if (st != ST_OK) {
        return st;
    }
    feature_session_end(&s->s);
    for (uint32_t mkt = 0; mkt < s->s.n_markets; mkt++) {
        if (s->in_point[mkt]) {
            feature_window_add_derived(&s->windows[mkt], &s->books[mkt], t_ms, s->s.time_gap,
                                       s->s.activity, s->s.momentum);
        }
    }
    return observe_targets(o, s, name, index, json_object_get(point, "targets"), err);
}

static enum status observe_points(struct observer *o, const json_t *session, const char *name,
                                  struct err *err)
{
    const json_t *points = json_object_get(session, "points");
    if (!json_is_array(points)) {
        return err_set(err, ST_MALFORMED, "points is missing or not an array");
    }
    struct session s = {0};
    enum status st = idmap_init(&s.tickers, MARKETS_MAX);
    if (st != ST_OK) {
        return err_set(err, st, "out of memory");
    }
    for (size_t i = 0; st == ST_OK && i < json_array_size(points); i++) {
        st = observe_point(o, &s, name, i, json_array_get(points, i), err);
        if (st != ST_OK) {
            (void)err_prefix(err, st, "point %zu", i);
        }
    }
    session_finish(&s);
    return st;
}

static enum status observe_session(struct observer *o, const json_t *session, struct err *err)
{
    const char *name = read_name(session, "name", err);
    if (name == NULL) {
        return ST_MALFORMED;
    }
    enum status st = observe_points(o, session, name, err);
    return st == ST_OK ? ST_OK : err_prefix(err, st, "'%.100s'", name);
}

/* --- the document --- */

typedef enum status (*observe_one_fn)(struct observer *o, const json_t *v, struct err *err);

static enum status observe_all(struct observer *o, const json_t *root, const char *key,
                               observe_one_fn one, struct err *err)
{
    const json_t *list = json_object_get(root, key);
    for (size_t i = 0; i < json_array_size(list); i++) {
        enum status st = one(o, json_array_get(list, i), err);
        if (st == ST_NOMEM) {
            return st;
        }
        if (st != ST_OK) {
            (void)err_prefix(err, st, "%s[%zu]", key, i);
            complain(o, err);
        }
    }
    return ST_OK;
}

static enum status check_document(const json_t *root, struct err *err)
{
    if (!json_is_object(root)) {
        return err_set(err, ST_MALFORMED, "not a JSON object");
    }
    const char *format = json_string_value(json_object_get(root, "format"));
    if (format == NULL || strcmp(format, FORMAT) != 0) {
        return err_set(err, ST_MALFORMED, "format is %s%.60s%s, not \"" FORMAT "\"",
                       format != NULL ? "\"" : "", format != NULL ? format : "missing",
                       format != NULL ? "\"" : "");
    }
    const json_t *sequences = json_object_get(root, "sequences");
    const json_t *sessions = json_object_get(root, "sessions");
    if ((sequences != NULL && !json_is_array(sequences)) ||
        (sessions != NULL && !json_is_array(sessions)) || (sequences == NULL && sessions == NULL)) {
        return err_set(err, ST_MALFORMED, "sequences and sessions are missing or not arrays");
    }
    return ST_OK;
}

enum status observe_text(const char *text, size_t n, const struct observe_sink *sink,
                         uint32_t *ret_malformed, struct err *err)
{
    json_error_t je;
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
    if (root == NULL) {
        return err_set(err, ST_MALFORMED, "line %d, column %d: %s", je.line, je.column, je.text);
    }
    struct observer o = {.sink = sink, .four = malloc(sizeof *o.four)};
    buf_init(&o.line, LINE_MAX_BYTES);
    enum status st = check_document(root, err);
    if (st == ST_OK && o.four == NULL) {
        st = err_set(err, ST_NOMEM, "out of memory");
    }
    if (st == ST_OK) {
        st = observe_all(&o, root, "sequences", observe_sequence, err);
    }
    if (st == ST_OK) {
        st = observe_all(&o, root, "sessions", observe_session, err);
    }
    *ret_malformed = o.malformed;
    buf_finish(&o.line);
    free(o.four);
    free(o.account.positions);
    json_decref(root);
    return st;
}
