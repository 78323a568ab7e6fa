/*
 * A recorded run replays bit for bit; every change of what was recorded is found, at its place; and
 * what is missing ends a replay, with a reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "recorded.h"
#include "store/layout.h"

static const struct verify_config everything;
static struct recorded run;

static int set_up(void **state)
{
    (void)state;
    record_run(&run, 20261128, 1400);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    recorded_finish(&run);
    return 0;
}

static void must_be_equal(const struct replay_outcome *o)
{
    const struct difference *d = &o->verify.first;
    if (o->verify.differs) {
        fail_msg("turn %llu table %s row %llu %s: %s against %s", (unsigned long long)d->turn,
                 d->table, (unsigned long long)d->row, d->field, d->recorded, d->replayed);
    }
    assert_int_equal(o->st, ST_END);
    assert_int_equal(o->status.end, REPLAY_COMPLETE);
    assert_int_equal(o->status.turns, run.s.rows[REC_TURN - REC_BASE].records);
}

static void a_recorded_run_replays_bit_for_bit(void **state)
{
    (void)state;
    static const enum replay_answers ways[] = {ANSWERS_ASKED, ANSWERS_RECORDED};
    for (int i = 0; i < 2; i++) {
        struct replay_outcome o;
        replay_run(&run, ways[i], &everything, &o);
        must_be_equal(&o);
        for (int t = REC_TURN; t < REC_TYPE_MAX; t++) {
            bool compared = verify_compared(&o.verify, (enum rec_type)t) > 0;
            uint64_t recorded = run.s.rows[t - REC_BASE].records;
            bool input = t == REC_RESTORED || t == REC_REFUSED;
            assert_true(input ? recorded > 0
                              : compared == (recorded > 0) &&
                                    verify_compared(&o.verify, (enum rec_type)t) == recorded);
        }
        assert_true(verify_compared(&o.verify, REC_DECISION) > 400);
        assert_true(verify_compared(&o.verify, REC_ORDER) > 100);
        assert_true(verify_compared(&o.verify, REC_APPLIED) > 5);
        assert_true(verify_compared(&o.verify, REC_POSITION) > 5);
        assert_true(verify_compared(&o.verify, REC_RECONCILE) > 5);
        assert_int_equal(o.asked > 0, ways[i] == ANSWERS_RECORDED);
    }
}

/* The rows of a type as an array. */
static struct rec *row_at(struct arena *a, uint64_t i)
{
    struct cursor c = cursor_of(a);
    while (i-- > 0) {
        cursor_pass(&c);
    }
    return (struct rec *)(uintptr_t)cursor_peek(&c);
}

/* A bit of a column that is not looked at to find the row: header and number. */
static const struct field *random_field(struct rng *rng, const struct layout *l, uint16_t type)
{
    const struct field *f;
    do {
        f = &l->fields[rng_below(rng, l->n_fields)];
    } while (f->offset < sizeof(struct rec) || strcmp(f->name, "number") == 0 ||
             strcmp(f->name, "turn") == 0 || f->kind == FIELD_TEXT);
    (void)type;
    return f;
}

static void every_changed_row_is_found_at_its_place(void **state)
{
    (void)state;
    static const uint16_t types[] = {REC_DECISION,  REC_ORDER,    REC_APPLIED,
                                     REC_RECONCILE, REC_POSITION, REC_DECISION};
    struct rng rng;
    rng_init(&rng, 7);
    for (int round = 0; round < 60; round++) {
        uint16_t type = types[rng_below(&rng, sizeof types / sizeof types[0])];
        struct arena *a = &run.s.rows[type - REC_BASE];
        uint64_t i = rng_below(&rng, a->records);
        const struct field *f = random_field(&rng, layout_of(type), type);
        uint8_t *byte = (uint8_t *)row_at(a, i) + f->offset + rng_below(&rng, f->size);
        uint8_t bit = (uint8_t)(1U << rng_below(&rng, 8));
        *byte ^= bit;
        struct replay_outcome o;
        enum replay_answers way = rng_below(&rng, 2) == 0 ? ANSWERS_ASKED : ANSWERS_RECORDED;
        replay_run(&run, way, &everything, &o);
        *byte ^= bit;
        const struct difference *d = &o.verify.first;
        assert_true(o.verify.differs);
        if (strncmp(d->field, f->name, strlen(f->name)) != 0 || d->row != i + 1 ||
            strcmp(d->table, layout_of(type)->table) != 0) {
            fail_msg("%s row %llu %s was changed, table %s row %llu %s was named (%s, %s)",
                     layout_of(type)->table, (unsigned long long)i + 1, f->name, d->table,
                     (unsigned long long)d->row, d->field, d->recorded, d->replayed);
        }
        assert_string_not_equal(d->recorded, d->replayed);
    }
}

static void a_changed_event_changes_what_follows(void **state)
{
    (void)state;
    struct arena *a = &run.s.events[EV_SRC_MARKET];
    for (uint64_t i = 40; i < a->records; i++) {
        struct ev_delta *d = (struct ev_delta *)(void *)row_at(a, i);
        if (d->h.type == EV_DELTA) {
            struct replay_outcome o;
            d->qty += 700;
            replay_run(&run, ANSWERS_RECORDED, &everything, &o);
            d->qty -= 700;
            assert_true(o.verify.differs);
            assert_true(o.verify.first.ord >= d->h.ord);
            return;
        }
    }
    fail_msg("no delta");
}

static void without_what_an_earlier_run_left_it_is_another_run(void **state)
{
    (void)state;
    struct arena kept = run.s.rows[REC_RESTORED - REC_BASE];
    run.s.rows[REC_RESTORED - REC_BASE] = (struct arena){0};
    struct replay_outcome o;
    replay_run(&run, ANSWERS_RECORDED, &everything, &o);
    run.s.rows[REC_RESTORED - REC_BASE] = kept;
    assert_true(o.verify.differs);
    assert_int_equal(o.verify.first.turn, 1);
}

static void without_the_failed_calls_it_is_another_run(void **state)
{
    (void)state;
    struct arena kept = run.s.rows[REC_REFUSED - REC_BASE];
    run.s.rows[REC_REFUSED - REC_BASE] = (struct arena){0};
    struct replay_outcome o;
    replay_run(&run, ANSWERS_RECORDED, &everything, &o);
    run.s.rows[REC_REFUSED - REC_BASE] = kept;
    assert_true(o.verify.differs || o.st == ST_TRUNCATED);
}

/* --- what is missing --- */

/* The same session without record i of an arena, and with a gap row when reason is given. */
static void without(struct recorded *part, bool event, uint32_t which, uint64_t i,
                    const char *reason)
{
    *part = run;
    part->s = (struct session){0};
    struct err err = {0};
    for (uint32_t k = 0; k < EV_SRC_MAX + SESSION_ROWS; k++) {
        bool is_event = k < EV_SRC_MAX;
        uint32_t index = is_event ? k : k - EV_SRC_MAX;
        struct cursor c = cursor_of(is_event ? &run.s.events[index] : &run.s.rows[index]);
        uint64_t at = 0;
        for (const void *rec = cursor_next(&c); rec != NULL; rec = cursor_next(&c), at++) {
            if (is_event != event || index != which || at != i) {
                assert_int_equal(session_add(&part->s, rec, &err), ST_OK);
            }
        }
    }
    part->s.outcome = strdup("done");
    if (reason != NULL) {
        struct rec_gap gap = {.h = {.size = sizeof gap, .type = REC_GAP, .mkt = MKT_NONE},
                              .lost = 1,
                              .seq_expected = i + 1,
                              .seq_got = i + 2};
        gap.h.source = event ? (uint16_t)which : EV_SRC_COMMAND;
        snprintf(gap.reason, sizeof gap.reason, "%s", reason);
        assert_int_equal(session_add(&part->s, &gap, &err), ST_OK);
    }
}

/* Replay it, and say how it ended. */
static void missing(bool event, uint32_t which, uint64_t i, const char *reason, const char *outcome,
                    struct replay_outcome *o)
{
    struct recorded part;
    without(&part, event, which, i, reason);
    free(part.s.outcome);
    part.s.outcome = strdup(outcome);
    replay_run(&part, ANSWERS_RECORDED, &everything, o);
    recorded_finish(&part);
}

static void what_is_missing_ends_it_with_a_reason(void **state)
{
    (void)state;
    struct {
        bool event;
        uint32_t which;
        const char *reason, *word;
    } cases[] = {
        {true, EV_SRC_MARKET, "store: ring full, events missing", "market event"},
        {true, EV_SRC_PRIVATE, "store: memory full, market data dropped", "private event"},
        {true, EV_SRC_ANSWER, "store: ring full, events missing", "answer event"},
        {false, REC_TURN - REC_BASE, "store: ring full, turns missing", "turn"},
        {false, REC_DECISION - REC_BASE, "store: ring full, decisions missing", "decision"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const struct arena *a =
            cases[k].event ? &run.s.events[cases[k].which] : &run.s.rows[cases[k].which];
        uint64_t i = a->records / 3;
        struct replay_outcome o;
        missing(cases[k].event, cases[k].which, i, NULL, "done", &o);
        assert_int_equal(o.st, ST_TRUNCATED);
        assert_non_null(strstr(o.err.text, cases[k].word));
        assert_non_null(strstr(o.err.text, "table turn, turn "));
        missing(cases[k].event, cases[k].which, i, NULL, "broken", &o);
        assert_int_equal(o.st, ST_END);
        assert_int_equal(o.status.end, REPLAY_BROKEN);
        assert_non_null(strstr(o.status.why, cases[k].word));
        missing(cases[k].event, cases[k].which, i, cases[k].reason, "done", &o);
        assert_int_equal(o.st, ST_END);
        assert_int_equal(o.status.end, REPLAY_GAP);
        assert_non_null(strstr(o.status.why, cases[k].reason));
        assert_false(o.verify.differs);
        assert_true(o.status.turns > 20);
        assert_true(o.status.turns < run.s.rows[REC_TURN - REC_BASE].records);
    }
}

static void a_gap_row_of_something_else_explains_nothing(void **state)
{
    (void)state;
    struct replay_outcome o;
    uint64_t i = run.s.events[EV_SRC_MARKET].records / 2;
    missing(true, EV_SRC_MARKET, i, "store: ring full, turns missing", "done", &o);
    assert_int_equal(o.st, ST_TRUNCATED);
    missing(true, EV_SRC_MARKET, i, "event not taken", "done", &o); /* the feed's word */
    assert_int_equal(o.st, ST_TRUNCATED);
}

static void a_lost_row_without_number_is_a_difference_unless_a_gap_row_tells(void **state)
{
    (void)state;
    struct replay_outcome o;
    uint64_t i = run.s.rows[REC_ORDER - REC_BASE].records / 2;
    missing(false, REC_ORDER - REC_BASE, i, NULL, "done", &o);
    assert_true(o.verify.differs);
    assert_string_equal(o.verify.first.table, "order_step");
    struct recorded part;
    without(&part, false, REC_ORDER - REC_BASE, i, "store: ring full, records missing");
    ((struct rec_gap *)(void *)part.s.rows[REC_GAP - REC_BASE].p)->h.wall = INT64_MAX;
    replay_run(&part, ANSWERS_RECORDED, &everything, &o);
    recorded_finish(&part);
    assert_false(o.verify.differs);
    assert_non_null(o.verify.lost);
}

static void a_row_too_many_is_a_difference(void **state)
{
    (void)state;
    struct recorded part;
    struct err err = {0};
    without(&part, false, SESSION_ROWS, 0, NULL);
    struct arena *a = &run.s.rows[REC_ORDER - REC_BASE];
    assert_int_equal(session_add(&part.s, row_at(a, a->records - 1), &err), ST_OK);
    struct replay_outcome o;
    replay_run(&part, ANSWERS_RECORDED, &everything, &o);
    recorded_finish(&part);
    assert_true(o.verify.differs);
    assert_string_equal(o.verify.first.replayed, "none");
    assert_int_equal(o.verify.first.row, a->records + 1);
}

static void rows_of_a_turn_that_was_cut_off_are_no_difference(void **state)
{
    (void)state;
    uint64_t last = run.s.rows[REC_TURN - REC_BASE].records - 1;
    /* The last turn in which something was decided loses its row, and so does all behind it. */
    struct arena *decisions = &run.s.rows[REC_DECISION - REC_BASE];
    const void *newest = row_at(decisions, decisions->records - 1);
    uint64_t turn = ((const struct rec_decision *)newest)->turn;
    assert_true(turn <= last + 1);
    struct arena *turns = &run.s.rows[REC_TURN - REC_BASE];
    struct arena whole = *turns;
    char *outcome = run.s.outcome;
    turns->records = turns->whole = turn - 1;
    turns->n = (turn - 1) * sizeof(struct rec_turn);
    for (int broken = 0; broken < 2; broken++) {
        char text[] = "broken", closed[] = "done";
        struct replay_outcome o;
        run.s.outcome = broken == 1 ? text : closed;
        replay_run(&run, ANSWERS_RECORDED, &everything, &o);
        assert_int_equal(o.status.end, REPLAY_COMPLETE);
        assert_int_equal(o.verify.differs, broken == 0);
    }
    run.s.outcome = outcome;
    *turns = whole;
}

/* --- parts --- */

static void from_and_markets_limit_what_is_compared(void **state)
{
    (void)state;
    struct arena *turns = &run.s.rows[REC_TURN - REC_BASE];
    struct arena *decisions = &run.s.rows[REC_DECISION - REC_BASE];
    bool markets[64] = {false};
    markets[1] = true;
    struct rec_decision *early = (struct rec_decision *)(void *)row_at(decisions, 20);
    struct verify_config late = {.from = row_at(turns, turns->records / 2)->wall};
    struct verify_config one = {.markets = markets, .n_markets = 64};
    struct replay_outcome o;
    early->book_version ^= 1;
    replay_run(&run, ANSWERS_RECORDED, &late, &o);
    must_be_equal(&o);
    assert_true(verify_compared(&o.verify, REC_TURN) > 100);
    assert_true(verify_compared(&o.verify, REC_TURN) <= turns->records / 2 + 1);
    replay_run(&run, ANSWERS_RECORDED, &one, &o);
    assert_int_equal(o.verify.differs, early->h.mkt == 1);
    early->book_version ^= 1;
    replay_run(&run, ANSWERS_RECORDED, &one, &o);
    must_be_equal(&o);
    uint64_t of_it = 0;
    for (uint64_t i = 0; i < decisions->records; i++) {
        of_it += row_at(decisions, i)->mkt == 1;
    }
    assert_int_equal(verify_compared(&o.verify, REC_DECISION), of_it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recorded_run_replays_bit_for_bit),
        cmocka_unit_test(every_changed_row_is_found_at_its_place),
        cmocka_unit_test(a_changed_event_changes_what_follows),
        cmocka_unit_test(without_what_an_earlier_run_left_it_is_another_run),
        cmocka_unit_test(without_the_failed_calls_it_is_another_run),
        cmocka_unit_test(what_is_missing_ends_it_with_a_reason),
        cmocka_unit_test(a_gap_row_of_something_else_explains_nothing),
        cmocka_unit_test(a_lost_row_without_number_is_a_difference_unless_a_gap_row_tells),
        cmocka_unit_test(a_row_too_many_is_a_difference),
        cmocka_unit_test(rows_of_a_turn_that_was_cut_off_are_no_difference),
        cmocka_unit_test(from_and_markets_limit_what_is_compared),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
