/*
 * test_served_book.c - a recording served and read back gives the same book after every message, on
 * both price scales, and no frame leaves a book crossed.
 *
 * The recording is read with zstd's command and jansson, not with the simulator's reader. Three
 * books are kept: of the recording, of a reader on the sides' own scales, of a reader on the YES
 * scale. A delta changes one level, so comparing that level after each compares the whole.
 */
#include "ws_fixture.h"

#include "base/rng.h"

struct side_book {
    qty_t qty[PX_ONE + 1]; /* by own price */
    px_t best;
};
struct test_book {
    struct side_book side[2]; /* yes, no */
};

static px_t px_in(const json_t *j)
{
    px_t v = 0;
    const char *s = json_string_value(j);
    assert_non_null(s);
    assert_int_equal(px_parse(s, strlen(s), &v), ST_OK);
    return v;
}

static qty_t qty_in(const json_t *j)
{
    qty_t v = 0;
    const char *s = json_string_value(j);
    assert_non_null(s);
    assert_int_equal(qty_parse(s, strlen(s), &v), ST_OK);
    return v;
}

static void level_add(struct side_book *b, px_t px, qty_t qty)
{
    assert_true(px > 0 && px < PX_ONE);
    b->qty[px] += qty;
    assert_true(b->qty[px] >= 0); /* no level goes below zero */
    if (b->qty[px] > 0 && px > b->best) {
        b->best = px;
    }
    while (b->best > 0 && b->qty[b->best] == 0) {
        b->best--;
    }
}

static px_t own_px(px_t px, int side, bool yes_scale)
{
    return yes_scale && side == 1 ? PX_ONE - px : px;
}

/* The touched side and own price of a delta; PX_ONE for a snapshot. */
struct touched {
    int side;
    px_t px;
};

static struct touched apply(struct test_book *b, const json_t *frame, bool yes_scale)
{
    json_t *msg = json_object_get(frame, "msg");
    if (strcmp(fix_text((json_t *)(uintptr_t)frame, "type"), "orderbook_delta") == 0) {
        int side = strcmp(fix_text(msg, "side"), "no") == 0;
        px_t px = own_px(px_in(json_object_get(msg, "price_dollars")), side, yes_scale);
        level_add(&b->side[side], px, qty_in(json_object_get(msg, "delta_fp")));
        return (struct touched){side, px};
    }
    static const char *const keys[] = {"yes_dollars_fp", "no_dollars_fp"};
    memset(b, 0, sizeof *b);
    for (int side = 0; side < 2; side++) {
        json_t *levels = json_object_get(msg, keys[side]);
        px_t last = -1;
        for (size_t i = 0; i < json_array_size(levels); i++) {
            json_t *l = json_array_get(levels, i);
            px_t printed = px_in(json_array_get(l, 0));
            assert_true(printed > last); /* rising as printed, on either scale */
            last = printed;
            level_add(&b->side[side], own_px(printed, side, yes_scale),
                      qty_in(json_array_get(l, 1)));
        }
        assert_true(levels == NULL || json_array_size(levels) > 0); /* else the key is absent */
    }
    return (struct touched){0, PX_ONE};
}

static void expect_same(const struct test_book *a, const struct test_book *b, struct touched t)
{
    if (t.px == PX_ONE) {
        assert_memory_equal(a, b, sizeof *a);
    } else {
        assert_int_equal(a->side[t.side].qty[t.px], b->side[t.side].qty[t.px]);
        assert_int_equal(a->side[t.side].best, b->side[t.side].best);
    }
}

static void expect_uncrossed(const struct test_book *b)
{
    assert_true(b->side[0].best == 0 || b->side[1].best == 0 ||
                b->side[0].best + b->side[1].best < PX_ONE);
}

static bool is_book(json_t *frame)
{
    return strncmp(fix_text(frame, "type"), "orderbook_", 10) == 0;
}

/* --- recordings --- */

static json_t *next_recorded(FILE *in)
{
    static char line[1 << 20];
    while (fgets(line, sizeof line, in) != NULL) {
        json_t *j = json_loads(line, 0, NULL);
        json_t *event = json_incref(json_object_get(j, "event"));
        json_decref(j);
        assert_non_null(event);
        if (is_book(event)) {
            return event;
        }
        json_decref(event);
    }
    return NULL;
}

static void check_frames(struct peer *own, struct peer *yes, FILE *in, size_t *count)
{
    static struct test_book recorded, of_own, of_yes;
    assert_int_equal(frames(own), frames(yes));
    for (size_t i = 0; i < frames(own); i++) {
        json_t *a = fix_nth(own, (int)i);
        if (!is_book(a)) {
            continue;
        }
        json_t *event = next_recorded(in);
        assert_non_null(event);
        struct touched t = apply(&recorded, event, false);
        struct touched ta = apply(&of_own, a, false);
        struct touched tb = apply(&of_yes, fix_nth(yes, (int)i), true);
        assert_true(t.side == ta.side && t.px == ta.px && t.side == tb.side && t.px == tb.px);
        expect_same(&recorded, &of_own, t);
        expect_same(&recorded, &of_yes, t);
        expect_uncrossed(&of_own);
        (*count)++;
        if (*count % 5000 == 0) { /* the whole of it, now and then */
            expect_same(&recorded, &of_own, (struct touched){0, PX_ONE});
            expect_same(&recorded, &of_yes, (struct touched){0, PX_ONE});
        }
        json_decref(event);
    }
    forget(own);
    forget(yes);
}

static void serve(const char *name, double speed)
{
    char path[512];
    char command[600];
    char file[160];
    snprintf(file, sizeof file, "data/kalshi/ws/gold15m/%s.jsonl.zst", name);
    if (!shared_path(file, path, sizeof path)) {
        skip();
    }
    snprintf(command, sizeof command, "zstd -dcq '%s'", path);
    FILE *in = popen(command, "r");
    assert_non_null(in);
    struct sim_config c = sim_config_default();
    c.captures = (const char *const[]){path};
    c.n_captures = 1;
    c.speed = speed;
    c.wait_for_client = true;
    struct fix f = fix_make(c);
    struct peer *peers[2];
    for (int i = 0; i < 2; i++) {
        peers[i] = subscribed(&f, KEY_A,
                              q("'channels':['orderbook_delta'],'market_ticker':'%s',"
                                "'use_yes_price':%s",
                                ticker(&f, 0), i == 0 ? "false" : "true"));
    }
    size_t count = 0;
    while (!sim_finished(f.sim)) {
        fix_advance(&f, speed == 0 ? 0 : NS_PER_SEC);
        check_frames(peers[0], peers[1], in, &count);
    }
    json_t *left = next_recorded(in);
    assert_null(left);
    pclose(in);
    print_message("%s: %zu messages\n", name, count);
    assert_true(count > 10000);
    fix_disconnect(&f, peers[0]);
    fix_disconnect(&f, peers[1]);
    fix_end(&f);
}

static void a_window_gives_the_same_book_after_every_message(void **state)
{
    (void)state;
    serve("KXGOLD15M-26AUG101900-00", 1);
}

static void a_window_at_ten_times_the_speed_too(void **state)
{
    (void)state;
    serve("KXGOLD15M-26AUG102015-15", 10);
}

static void a_window_with_a_reconnect_too(void **state)
{
    (void)state;
    serve("KXGOLD15M-26AUG102030-30", 0);
}

/* --- generated flow with users in it --- */

static void generated_books_are_never_crossed_after_a_frame(void **state)
{
    (void)state;
    static struct test_book books[3][2];
    struct rng rng;
    rng_init(&rng, 42);
    print_message("seed 42\n");
    struct sim_config c = sim_config_default();
    c.markets = 3;
    c.rate = 3000;
    c.duration_ns = 6 * NS_PER_SEC;
    c.balance = 100000 * USD_ONE;
    c.write_rate = c.write_capacity = 1000000;
    struct fix f = fix_make(c);
    memset(books, 0, sizeof books);
    struct peer *peers[2];
    for (int i = 0; i < 2; i++) {
        peers[i] =
            subscribed(&f, KEY_A,
                       q("'channels':['orderbook_delta'],'market_tickers':['%s','%s','%s'],"
                         "'use_yes_price':%s",
                         ticker(&f, 0), ticker(&f, 1), ticker(&f, 2), i == 0 ? "false" : "true"));
    }
    size_t count = 0;
    for (int step = 0; step < 2500; step++) {
        fix_advance(&f, 4 * NS_PER_MS);
        int64_t cents = 1 + (int64_t)rng_below(&rng, 99);
        (void)fix_request(
            &f, rng_below(&rng, 2) == 0 ? KEY_A : KEY_B, "POST", "/portfolio/events/orders",
            q("{'ticker':'%s','side':'%s','count':'%d.00','price':'0.%02d00',"
              "'time_in_force':'%s','self_trade_prevention_type':'maker'}",
              ticker(&f, rng_below(&rng, 3)), rng_below(&rng, 2) == 0 ? "bid" : "ask",
              1 + (int)rng_below(&rng, 20), (int)cents,
              rng_below(&rng, 2) == 0 ? "good_till_canceled" : "immediate_or_cancel"));
        assert_int_equal(frames(peers[0]), frames(peers[1]));
        for (size_t i = 0; i < frames(peers[0]); i++) {
            if (!is_book(fix_nth(peers[0], (int)i))) {
                continue;
            }
            size_t m = 0;
            while (strcmp(ticker(&f, m), str(peers[0], (int)i, "msg/market_ticker")) != 0) {
                m++;
            }
            struct touched t = apply(&books[m][0], fix_nth(peers[0], (int)i), false);
            (void)apply(&books[m][1], fix_nth(peers[1], (int)i), true);
            expect_same(&books[m][0], &books[m][1], t);
            expect_uncrossed(&books[m][0]);
            count++;
        }
        forget(peers[0]);
        forget(peers[1]);
    }
    assert_true(count > 5000);
    print_message("%zu messages\n", count);
    fix_disconnect(&f, peers[0]);
    fix_disconnect(&f, peers[1]);
    fix_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_gives_the_same_book_after_every_message),
        cmocka_unit_test(a_window_at_ten_times_the_speed_too),
        cmocka_unit_test(a_window_with_a_reconnect_too),
        cmocka_unit_test(generated_books_are_never_crossed_after_a_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
