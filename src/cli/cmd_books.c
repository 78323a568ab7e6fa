/*
 * cmd_books.c - `deltaflow books`: recordings through the OrderbookClient into books.
 *
 * The client runs offline: it asks for nothing, follows every ticker it meets, and counts gaps
 * instead of repairing them. This file is its actor (it applies the events) and its shell.
 */
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "book/book.h"
#include "capture/capture.h"
#include "cli/cli.h"
#include "feed/feed.h"

#define MARKETS_MAX 200000
#define LEVELS_MAX  20000
#define NAMED_MAX   1000 /* malformed lines named one by one */
#define PRICES_ALL  9999 /* levels of the finest grid */
#define PROGRESS_NS (2 * NS_PER_SEC)
#define LOOK_EVERY  4096 /* lines between looks at the clock */

struct shown_market {
    const char *ticker; /* the client's, lives as long as it does */
    struct book *book;
    px_t step;      /* of its grid */
    bool based;     /* a snapshot was taken: deltas mean something */
    uint64_t share; /* of the hash of all books */
    uint64_t snapshots, deltas, trades, gaps, rejected;
};

struct options {
    bool seq_check, use_yes_price, hash, json;
    uint64_t until;
};

struct books {
    struct options opt;
    struct feed *feed;
    struct shown_market *markets;
    uint32_t n, cap;
    bool out_of_memory;
    uint64_t hash; /* sum of the markets' shares */
    uint64_t messages, malformed, lines, malformed_here;
    mono_ns_t started;
};

static const char help[] =
    "Usage: deltaflow books FILE... [OPTION]...\n"
    "\n"
    "Replays recordings of the exchange's WebSocket through the program's own market\n"
    "data client and prints the order book of each market as it stands at the end.\n"
    "\n"
    "FILE is a recording with one JSON object a line: a wire message itself, or an\n"
    "object that holds it as \"event\" (object) or \"raw\" (string). A name that ends in\n"
    ".zst is decompressed; - is standard input. Several files are read one after the\n"
    "other, each as a connection of its own; the books go on.\n"
    "\n"
    "Options:\n"
    "  --no-seq-check    take messages in file order and do not look at seq. For a\n"
    "                    recording of some markets out of a subscription of many, in\n"
    "                    which gaps mean nothing.\n"
    "  --use-yes-price   the recording was subscribed with use_yes_price: prices of the\n"
    "                    NO side are on the YES scale.\n"
    "  --until LINE      stop after line LINE of each file.\n"
    "  --hash            after every message print a hash of all books. Equal books have\n"
    "                    equal hashes, whichever way they came about.\n"
    "  --json            one JSON object a line (docs/schemas/books.json).\n"
    "  --help            this text.\n"
    "\n"
    "What is printed, for each market with a book message or a trade, by ticker: the\n"
    "bids of both sides rising by price, and how many snapshots, deltas and trades came,\n"
    "how many gaps in seq touched its subscription, and how many book messages were\n"
    "rejected. Rejected are a delta before the first snapshot, a delta that takes a\n"
    "level below zero, a price outside 0..1 USD, and a snapshot that is crossed or names\n"
    "a price twice (the book is then empty until the next one). With the sequence check\n"
    "on, a gap is counted and the book goes on from what came, since a file cannot be\n"
    "asked again; a repeated message is dropped; a number that goes back with a new\n"
    "snapshot, or far, is a new connection.\n"
    "\n"
    "A recording does not tell the price grids: a market begins with whole cents and\n"
    "gets the coarsest even grid that holds every price seen.\n"
    "\n"
    "Exit status: 0 everything was read; 1 a file could not be read; 2 wrong usage;\n"
    "3 some lines were malformed (each is named on standard error).\n"
    "\n"
    "Examples:\n"
    "  deltaflow books session.jsonl.zst\n"
    "  deltaflow books one-market.jsonl.zst --no-seq-check --json | head -1\n";

/* --- the actor's part: events into books --- */

static struct shown_market *market_of(struct books *b, uint32_t mkt)
{
    if (mkt < b->n) {
        return &b->markets[mkt];
    }
    if (b->n == b->cap) {
        uint32_t cap = b->cap == 0 ? 64 : b->cap * 2;
        struct shown_market *more = realloc(b->markets, cap * sizeof *more);
        if (more == NULL) {
            return NULL;
        }
        b->markets = more;
        b->cap = cap;
    }
    struct grid cents = grid_cents();
    struct shown_market *m = &b->markets[b->n];
    *m = (struct shown_market){.ticker = feed_ticker(b->feed, mkt), .step = PX_CENT};
    if (book_create(&cents, &m->book) != ST_OK) {
        return NULL;
    }
    b->n++;
    return m;
}

static px_t common_step(px_t a, px_t b)
{
    while (b != 0) {
        px_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* A grid on which px is, too. ST_INVALID: px is on no grid. */
static enum status widen(struct shown_market *m, px_t px)
{
    if (px <= 0 || px >= PX_ONE) {
        return ST_INVALID;
    }
    if (px % m->step == 0) {
        return ST_OK;
    }
    px_t step = common_step(m->step, px);
    struct grid_range all = {0, PX_ONE, step, 0};
    struct grid grid;
    enum status st = grid_init(&grid, &all, 1);
    st = st == ST_OK ? book_regrid(m->book, &grid, NULL) : st;
    m->step = st == ST_OK ? step : m->step;
    return st;
}

static enum status on_snapshot(struct shown_market *m, const struct ev_snapshot *e)
{
    const struct level *yes = e->levels, *no = e->levels + e->n_yes;
    m->snapshots++;
    for (uint32_t i = 0; i < e->n_yes + e->n_no; i++) {
        if (widen(m, e->levels[i].px) == ST_NOMEM) { /* what is on no grid is refused below */
            return ST_NOMEM;
        }
    }
    enum status st = book_snapshot(m->book, yes, e->n_yes, no, e->n_no);
    m->based = st == ST_OK;
    m->rejected += !m->based;
    return st;
}

static enum status on_delta(struct shown_market *m, const struct ev_delta *e)
{
    m->deltas++;
    enum status st = m->based ? widen(m, e->px) : ST_INVALID;
    st = st == ST_OK ? book_apply(m->book, (enum side)e->side, e->px, e->qty) : st;
    m->rejected += st != ST_OK;
    return st;
}

static void hash_again(struct books *b, struct shown_market *m)
{
    uint64_t key[2] = {hash64(m->ticker, strlen(m->ticker)), book_hash(m->book)};
    uint64_t share = hash64(key, sizeof key);
    b->hash += share - m->share;
    m->share = share;
}

static enum status take_event(void *self, const struct ev *ev)
{
    struct books *b = self;
    if (ev->mkt == MKT_NONE || ev->mkt == MKT_ALL || ev->type == EV_MARKET) {
        return ST_OK;
    }
    struct shown_market *m = market_of(b, ev->mkt);
    if (m == NULL) {
        b->out_of_memory = true;
        return ST_OK;
    }
    enum status st = ST_OK;
    if (ev->type == EV_SNAPSHOT) {
        st = on_snapshot(m, (const struct ev_snapshot *)(const void *)ev);
    } else if (ev->type == EV_DELTA) {
        st = on_delta(m, (const struct ev_delta *)(const void *)ev);
    } else if (ev->type == EV_TRADE) {
        m->trades++;
    } else if (ev->type == EV_STALE) {
        m->gaps++;
    }
    b->out_of_memory |= st == ST_NOMEM;
    if (b->opt.hash) {
        hash_again(b, m);
    }
    return ST_OK;
}

static enum status send_nothing(void *self, const char *text, size_t n)
{
    (void)self;
    (void)text;
    (void)n;
    return ST_CLOSED;
}

static void never_reconnect(void *self, const char *reason)
{
    (void)self;
    (void)reason;
}

/* --- the shell's part: lines into the client --- */

static bool is_json(struct text line)
{
    json_t *root = json_loadb(line.p, line.n, JSON_DECODE_ANY, NULL);
    json_decref(root);
    return root != NULL;
}

static void name_malformed(struct books *b, const char *path, uint64_t line, const char *why)
{
    b->malformed++;
    b->malformed_here++;
    if (b->malformed_here <= NAMED_MAX) {
        cli_progress_end();
        fprintf(stderr, "deltaflow books: %s:%" PRIu64 ": malformed: %s\n", path, line, why);
    } else if (b->malformed_here == NAMED_MAX + 1) {
        fprintf(stderr, "deltaflow books: %s: further malformed lines are only counted\n", path);
    }
}

static void print_hash(const struct books *b, const char *path, uint64_t line)
{
    if (b->opt.json) {
        printf("{\"line\":%" PRIu64 ",\"hash\":\"%016" PRIx64 "\"}\n", line, b->hash);
    } else {
        printf("%s:%" PRIu64 " %016" PRIx64 "\n", path, line, b->hash);
    }
}

static void on_line(struct books *b, const char *path, const struct capture_line *line,
                    enum status st)
{
    const char *why = line->fault;
    struct text msg = line->msg;
    if (st == ST_OK) {
        wall_ns_t t = line->has_recv ? line->recv : 0;
        st = feed_frame(b->feed, msg.p, msg.n, t, t);
        why = "not a message of its type";
    }
    b->out_of_memory |= st == ST_NOMEM;
    bool json = true;
    if (st == ST_MALFORMED) {
        json = is_json(msg);
        name_malformed(b, path, line->number, why);
    }
    b->messages += json;
    if (json && b->opt.hash) {
        print_hash(b, path, line->number);
    }
}

static void show_progress(struct books *b, const char *path, uint64_t line)
{
    if (++b->lines % LOOK_EVERY == 0 && clock_mono() - b->started > PROGRESS_NS) {
        cli_progress("%s: line %" PRIu64 ", %u markets", path, line, b->n);
    }
}

/* One file, as a connection of its own. False: it could not be read to its end. */
static bool read_file(struct books *b, const char *path)
{
    struct capture *cap;
    struct err err;
    if (capture_open(path, 0, &cap, &err) != ST_OK) {
        cli_fail("books", EXIT_FAILED, "%s", err.text);
        return false;
    }
    b->malformed_here = 0;
    feed_open(b->feed, 0, 0);
    struct capture_line line;
    enum status st = capture_next(cap, &line);
    while ((st == ST_OK || st == ST_MALFORMED) && line.number <= b->opt.until &&
           !b->out_of_memory) {
        on_line(b, path, &line, st);
        show_progress(b, path, line.number);
        st = capture_next(cap, &line);
    }
    feed_close(b->feed, "end of file", 0, 0);
    cli_progress_end();
    bool good = st == ST_OK || st == ST_MALFORMED || st == ST_END;
    if (!good) {
        const char *why = capture_error(cap);
        cli_fail("books", EXIT_FAILED, "%s", why[0] != '\0' ? why : status_text(st));
    }
    capture_close(cap);
    return good && !b->out_of_memory;
}

/* --- printing --- */

static int by_ticker(const void *a, const void *b)
{
    const struct shown_market *x = a, *y = b;
    return strcmp(x->ticker, y->ticker);
}

static void print_levels(const char *name, const struct book *book, enum side side,
                         struct level *room)
{
    uint32_t n = book_depth(book, side, room, PRICES_ALL);
    printf("\"%s\":[", name);
    for (uint32_t i = n; i-- > 0;) {
        char px[MONEY_TEXT_MAX], qty[MONEY_TEXT_MAX];
        px_format(room[i].px, px);
        qty_format(room[i].qty, qty);
        printf("[\"%s\",\"%s\"]%s", px, qty, i > 0 ? "," : "");
    }
    printf("],");
}

static bool print_json(const struct books *b, struct level *room)
{
    struct buf text;
    buf_init(&text, 1024);
    for (uint32_t i = 0; i < b->n; i++) {
        const struct shown_market *m = &b->markets[i];
        buf_clear(&text);
        buf_json_str(&text, text_of(m->ticker));
        if (text.failed) {
            break;
        }
        printf("{\"market\":%s,", text.p);
        print_levels("yes", m->book, SIDE_YES, room);
        print_levels("no", m->book, SIDE_NO, room);
        printf("\"snapshots\":%" PRIu64 ",\"deltas\":%" PRIu64 ",\"trades\":%" PRIu64
               ",\"gaps\":%" PRIu64 ",\"rejected\":%" PRIu64 "}\n",
               m->snapshots, m->deltas, m->trades, m->gaps, m->rejected);
    }
    bool whole = !text.failed;
    buf_finish(&text);
    printf("{\"summary\":{\"messages\":%" PRIu64 ",\"unknown\":%" PRIu64 ",\"malformed\":%" PRIu64
           ",\"markets\":%u",
           b->messages, feed_stats(b->feed)->unknown, b->malformed, b->n);
    if (b->opt.hash) {
        printf(",\"hash\":\"%016" PRIx64 "\"", b->hash);
    }
    printf("}}\n");
    return whole;
}

static void print_best(const struct book *book, enum side side)
{
    char px[MONEY_TEXT_MAX], qty[MONEY_TEXT_MAX];
    if (book_levels(book, side) == 0) {
        printf(" %8s %14s", "-", "-");
        return;
    }
    px_format(book_best(book, side), px);
    qty_format(book_best_qty(book, side), qty);
    printf(" %8s %14s", px, qty);
}

static void print_table(const struct books *b)
{
    printf("%-40s %8s %14s %8s %14s %9s %9s %9s %7s %7s %8s\n", "MARKET", "YES BID", "SIZE",
           "NO BID", "SIZE", "LEVELS", "SNAPSHOTS", "DELTAS", "TRADES", "GAPS", "REJECTED");
    for (uint32_t i = 0; i < b->n; i++) {
        const struct shown_market *m = &b->markets[i];
        char levels[32];
        snprintf(levels, sizeof levels, "%u+%u", book_levels(m->book, SIDE_YES),
                 book_levels(m->book, SIDE_NO));
        printf("%-40s", m->ticker);
        print_best(m->book, SIDE_YES);
        print_best(m->book, SIDE_NO);
        printf(" %9s %9" PRIu64 " %9" PRIu64 " %7" PRIu64 " %7" PRIu64 " %8" PRIu64 "\n", levels,
               m->snapshots, m->deltas, m->trades, m->gaps, m->rejected);
    }
    printf("%" PRIu64 " messages, %" PRIu64 " of unknown type, %" PRIu64
           " malformed lines, %u markets\n",
           b->messages, feed_stats(b->feed)->unknown, b->malformed, b->n);
    if (b->opt.hash) {
        printf("hash %016" PRIx64 "\n", b->hash);
    }
}

/* --- the command --- */

static int parse(int argc, char **argv, struct options *opt)
{
    enum { NO_SEQ_CHECK = 256, USE_YES_PRICE, UNTIL, HASH, JSON, HELP };
    static const struct option longs[] = {{"no-seq-check", no_argument, NULL, NO_SEQ_CHECK},
                                          {"use-yes-price", no_argument, NULL, USE_YES_PRICE},
                                          {"until", required_argument, NULL, UNTIL},
                                          {"hash", no_argument, NULL, HASH},
                                          {"json", no_argument, NULL, JSON},
                                          {"help", no_argument, NULL, HELP},
                                          {NULL, 0, NULL, 0}};
    *opt = (struct options){.seq_check = true, .until = UINT64_MAX};
    char *end;
    opterr = 0;
    optind = 0;
    for (;;) {
        int c = getopt_long(argc, argv, ":", longs, NULL);
        switch (c) {
        case -1:
            return optind < argc ? -1 : cli_usage("books", "no FILE given");
        case NO_SEQ_CHECK:
            opt->seq_check = false;
            break;
        case USE_YES_PRICE:
            opt->use_yes_price = true;
            break;
        case UNTIL:
            opt->until = strtoull(optarg, &end, 10);
            if (optarg[0] < '0' || optarg[0] > '9' || *end != '\0') {
                return cli_usage("books", "--until: not a line number: '%s'", optarg);
            }
            break;
        case HASH:
            opt->hash = true;
            break;
        case JSON:
            opt->json = true;
            break;
        case HELP:
            fputs(help, stdout);
            return EXIT_DONE;
        case ':':
            return cli_usage("books", "%s wants a value", argv[optind - 1]);
        default:
            return cli_usage("books", "unknown option '%s'", argv[optind - 1]);
        }
    }
}

static int print_all(struct books *b)
{
    struct level *room = calloc(PRICES_ALL, sizeof *room);
    if (room == NULL || b->out_of_memory) {
        free(room);
        return cli_fail("books", EXIT_FAILED, "out of memory");
    }
    if (b->n > 0) {
        qsort(b->markets, b->n, sizeof *b->markets, by_ticker);
    }
    bool whole = true;
    if (b->opt.json) {
        whole = print_json(b, room);
    } else {
        print_table(b);
    }
    free(room);
    if (!whole) {
        return cli_fail("books", EXIT_FAILED, "out of memory");
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return cli_fail("books", EXIT_FAILED, "standard output cannot be written");
    }
    return EXIT_DONE;
}

static int run(int argc, char **argv)
{
    struct books b = {.started = clock_mono()};
    int code = parse(argc, argv, &b.opt);
    if (code >= 0) {
        return code;
    }
    struct feed_config config = feed_config_default();
    config.seq_check = b.opt.seq_check;
    config.use_yes_price = b.opt.use_yes_price;
    config.repair = false;
    config.markets_max = MARKETS_MAX;
    config.levels_max = LEVELS_MAX;
    struct feed_out out = {&b, take_event, NULL, send_nothing, never_reconnect};
    if (feed_create(&config, &out, &b.feed) != ST_OK) {
        return cli_fail("books", EXIT_FAILED, "out of memory");
    }
    bool read_all = true;
    for (int i = optind; i < argc; i++) {
        read_all = read_file(&b, argv[i]) && read_all;
    }
    code = print_all(&b);
    for (uint32_t i = 0; i < b.n; i++) {
        book_destroy(b.markets[i].book);
    }
    free(b.markets);
    feed_destroy(b.feed);
    if (code != EXIT_DONE || !read_all) {
        return EXIT_FAILED;
    }
    return b.malformed > 0 ? EXIT_PARTLY : EXIT_DONE;
}

const struct cli_command cmd_books = {"books", "books of recorded captures, message by message",
                                      run};
