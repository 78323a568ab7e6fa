/*
 * test_full.c - the actor's ring is full: at every single point of a scenario, and for a while.
 */
#include "unit/feed/rig.h"

/* Two markets, gap, repair, cut, reconnect; what the exchange answers depends on what was asked. */
struct play {
    struct rig r;
    uint32_t answered; /* commands answered so far */
    unsigned sid, seq, trade_seq;
};

static const char *const tickers[] = {"A", "B"};

static void answer(struct play *p)
{
    while (p->answered < p->r.n_commands) {
        const char *c = p->r.commands[p->answered++];
        unsigned id = (unsigned)strtoul(strstr(c, "\"id\":") + 5, NULL, 10);
        bool snapshot = strstr(c, "get_snapshot") != NULL;
        if (strstr(c, "\"subscribe\"") != NULL) {
            p->sid += 2;
            p->seq = p->trade_seq = 0;
            if (strstr(c, "orderbook_delta") != NULL) {
                rig_subscribed(&p->r, id, "orderbook_delta", p->sid);
                snapshot = true;
            }
            if (strstr(c, "\"trade\"") != NULL) {
                rig_subscribed(&p->r, id, "trade", p->sid + 1);
            }
        }
        for (int i = 0; snapshot && i < 2; i++) {
            char name[8];
            snprintf(name, sizeof name, "\"%s\"", tickers[i]);
            if (strstr(c, name) != NULL) {
                rig_snapshot(&p->r, p->sid, ++p->seq, tickers[i], RIG_YES, RIG_NO);
            }
        }
    }
}

static void pass(struct play *p)
{
    answer(p);
    rig_tick(&p->r, 20 * NS_PER_MS);
    answer(p);
}

static void run_play(struct play *p, int64_t full_at, int64_t full_for)
{
    memset(p, 0, sizeof *p);
    struct feed_config c = rig_config();
    rig_init(&p->r, &c);
    p->r.full_at = full_at;
    p->r.full_for = full_for;
    assert_int_equal(rig_market(&p->r, "A"), ST_OK);
    feed_open(p->r.feed, p->r.now, p->r.now);
    pass(p);
    assert_int_equal(rig_market(&p->r, "B"), ST_OK);
    pass(p);
    for (int i = 0; i < 3; i++) {
        rig_delta(&p->r, p->sid, ++p->seq, "A", "yes", "0.4600", "1.00");
        rig_delta(&p->r, p->sid, ++p->seq, "B", "no", "0.4700", "1.00");
        rig_trade(&p->r, p->sid + 1, ++p->trade_seq, "A");
    }
    pass(p);
    p->seq += 2;
    rig_delta(&p->r, p->sid, p->seq, "A", "yes", "0.4500", "1.00");
    pass(p);
    feed_close(p->r.feed, "cut", p->r.now, p->r.now);
    rig_tick(&p->r, NS_PER_MS);
    feed_open(p->r.feed, p->r.now, p->r.now);
    pass(p);
    for (int i = 0; i < 24; i++) {                   /* time to repair, whatever was refused */
        p->r.full_for = i == 12 ? 0 : p->r.full_for; /* the ring has room for good */
        pass(p);
        rig_tick(&p->r, NS_PER_SEC);
        answer(p);
    }
    rig_delta(&p->r, p->sid, ++p->seq, "A", "yes", "0.4600", "5.00");
    rig_delta(&p->r, p->sid, ++p->seq, "B", "no", "0.4700", "6.00");
}

static void check(struct play *p, int64_t full_at)
{
    struct rig *r = &p->r;
    if (!r->good[0] || !r->good[1] || !r->link) {
        fail_msg("full for %lld from offer %lld of %lld: not good again (%d %d, link %d)",
                 (long long)r->full_for, (long long)full_at, (long long)r->offers, r->good[0],
                 r->good[1], r->link);
    }
    assert_int_equal(r->contradictions, 0);
    assert_int_equal(book_qty(r->books[0], SIDE_YES, 4600), 500);
    assert_int_equal(book_qty(r->books[0], SIDE_YES, 4700), 300);
    assert_int_equal(book_qty(r->books[1], SIDE_NO, 4700), 600);
    assert_int_equal(r->reconnects, 0);
}

static struct play p;

/* B is only in the subscription through add_markets, which this exchange answers with nothing but
 * what get_snapshot brings: so the play also covers a market whose first snapshot does not come. */
static void every_single_refusal_is_repaired(void **state)
{
    (void)state;
    run_play(&p, -1, 0);
    int64_t offers = p.r.offers;
    check(&p, -1);
    assert_int_equal(feed_stats(p.r.feed)->not_taken, 0);
    rig_finish(&p.r);
    assert_true(offers > 20);
    for (int64_t at = 0; at < offers; at++) {
        run_play(&p, at, 1);
        check(&p, at);
        rig_finish(&p.r);
    }
}

static void long_refusals_are_repaired(void **state)
{
    (void)state;
    for (int64_t at = 0; at < 30; at++) {
        for (int64_t n = 2; n < 25; n++) {
            run_play(&p, at, n);
            check(&p, at);
            rig_finish(&p.r);
        }
    }
}

static void the_books_of_other_markets_go_on(void **state)
{
    (void)state;
    struct feed_config c = rig_config();
    struct rig r;
    rig_standing(&r, &c);
    r.full = true;
    rig_delta(&r, 1, 3, "A", "yes", "0.4700", "1.00");
    assert_int_equal(feed_stats(r.feed)->not_taken, 1);
    rig_gap_is(&r, 1, 3);
    assert_int_equal(r.n_commands, 1); /* no repair while nothing would be taken */
    assert_true(feed_deadline(r.feed) <= r.now + 20 * NS_PER_MS);
    r.full = false;
    rig_delta(&r, 1, 4, "B", "yes", "0.4700", "1.00");
    assert_true(r.good[1] && !r.good[0]);
    assert_int_equal(book_qty(r.books[1], SIDE_YES, 4700), 400);
    assert_string_equal(rig_event(&r, 1)->reason, "event not taken");
    assert_non_null(strstr(rig_command(&r, 0), "[\"A\"]"));
    rig_snapshot(&r, 1, 5, "A", RIG_YES, "");
    assert_true(r.good[0]);
    assert_int_equal(feed_stats(r.feed)->gaps, 0);
    rig_finish(&r);
}

static void a_lost_trade_is_counted_and_no_book_suffers(void **state)
{
    (void)state;
    struct feed_config c = rig_config();
    struct rig r;
    rig_standing(&r, &c);
    r.full = true;
    rig_trade(&r, 2, 1, "A");
    r.full = false;
    rig_tick(&r, NS_PER_SEC);
    assert_true(r.good[0]);
    assert_int_equal(feed_stats(r.feed)->not_taken, 1);
    assert_int_equal(r.gaps, 1);
    rig_gap_is(&r, 2, 1);
    rig_finish(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_single_refusal_is_repaired),
        cmocka_unit_test(long_refusals_are_repaired),
        cmocka_unit_test(the_books_of_other_markets_go_on),
        cmocka_unit_test(a_lost_trade_is_counted_and_no_book_suffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
