/*
 * cmd_replay.c - `deltaflow replay`: a recorded session through the engine again.
 *
 * The world (src/world) does it, without clock or terminal; here are the options, the pace, the
 * policies, and what is printed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/url.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/memory.h"
#include "cli/replay_options.h"
#include "cli/run_engine.h"
#include "config/options.h"
#include "world/load.h"

/* What a replay has at hand; not all of it in every use. */
struct replaying {
    const struct replay_options *o;
    struct run_options recorded; /* of the session's run */
    struct config *config;       /* owns its texts */
    bool trading, imported;      /* imported: nobody has decided anything yet */
    uint64_t session_id;
    struct session session;
    struct policy *own, *other;
    struct replay *replay;
    struct verify verify;
    struct asker ask_own, ask_other;
    struct agreement agreement;
    struct books *books;
    bool *markets; /* NULL: all */
    uint32_t n_markets;
    wall_ns_t from, until; /* 0: none */
    double load_seconds, seconds;
    struct buf line;
    bool output_failed;
};

/* The first turn's time: what +DURATION counts from. */
static wall_ns_t first_time(const struct replaying *r)
{
    struct cursor turns = session_cursor(&r->session, REC_TURN);
    const struct rec_turn *first = cursor_peek(&turns);
    return first != NULL ? first->h.wall : r->session.began;
}

/* --- the session --- */

struct loading {
    mono_ns_t began;
    uint64_t bytes; /* about, of the whole session */
};

static bool load_progress(void *self, const struct session *so_far)
{
    const struct loading *l = self;
    if (clock_mono() - l->began > 2 * NS_PER_SEC) {
        cli_progress("loading: %zu of some %" PRIu64 " MB", so_far->bytes / 1000000,
                     l->bytes / 1000000);
    }
    return !interrupt_asked();
}

/* Whether there is memory for it, before any is taken. */
static int check_memory(struct replaying *r, int64_t id, enum load_what what, struct loading *l)
{
    const struct session_args *a = &r->o->shared;
    struct err err = {0};
    const char *whose = NULL;
    uint64_t available = memory_available(&whose);
    bool given = r->o->memory_mb > 0;
    r->session.bytes_max = given ? (size_t)r->o->memory_mb << 20 : available;
    enum status st = session_size(a->path, id, what, false, &l->bytes, &err);
    if (st == ST_OK && !given && l->bytes > available) { /* is it so? */
        st = session_size(a->path, id, what, true, &l->bytes, &err);
    }
    if (st != ST_OK) {
        return session_fail(a, st, &err);
    }
    if (given || l->bytes <= available) {
        return EXIT_DONE;
    }
    return cli_fail("replay", EXIT_REFUSED,
                    "session %" PRId64 " takes about %" PRIu64 " MB of memory%s, and %s leaves "
                    "%" PRIu64 " MB (--memory-mb N: try with at most that)",
                    id, l->bytes / 1000000 + 1, what == LOAD_MARKET ? " for its books" : "", whose,
                    available / 1000000);
}

/* What is wrong with the session's contents or a model. */
static int code_of(enum status st)
{
    return st == ST_NOMEM || st == ST_CLOSED ? EXIT_FAILED : EXIT_REFUSED;
}

static int load(struct replaying *r)
{
    const struct session_args *a = &r->o->shared;
    struct session_row row;
    int code = session_pick(a, r->o->session, &row);
    int64_t id = row.s.id;
    bool seq_check = true;
    r->imported = code == EXIT_DONE && session_imported(&row.s, &seq_check);
    session_row_finish(&row);
    if (code != EXIT_DONE) {
        return code;
    }
    struct err err = {0};
    struct loading l = {.began = clock_mono()};
    enum load_what what = r->o->books ? LOAD_MARKET : LOAD_ALL;
    code = check_memory(r, id, what, &l);
    if (code != EXIT_DONE) {
        return code;
    }
    enum status st = session_load(a->path, id, what, &r->session, load_progress, &l, &err);
    cli_progress_end();
    r->load_seconds = (double)(clock_mono() - l.began) / 1e9;
    if (st == ST_LIMIT) {
        return cli_fail("replay", EXIT_REFUSED, "%s", err.text);
    }
    return st == ST_OK ? EXIT_DONE : session_fail(a, st, &err);
}

/* The options of the recorded run. */
static int read_config(struct replaying *r)
{
    static char *const no_env[] = {NULL};
    struct err err = {0};
    const char *text = r->session.config != NULL ? r->session.config : "";
    enum status st = config_create(&run_option_table, no_env, &r->recorded, &r->config);
    if (st != ST_OK) {
        return cli_fail("replay", EXIT_FAILED, "out of memory");
    }
    if (text[0] == '\0') {
        return cli_fail("replay", EXIT_REFUSED,
                        "session %" PRId64 " was not recorded by a run: it has market data, but "
                        "no engine's inputs (--books shows its books)",
                        r->session.id);
    }
    st = run_session_read(r->config, text, &r->trading, &r->session_id, &err);
    return st == ST_OK
               ? EXIT_DONE
               : cli_fail("replay", code_of(st), "session %" PRId64 ": table session, config: %s",
                          r->session.id, err.text);
}

/* The market of that name, the tickers up to a comma; n_markets: there is none. */
static uint32_t market_named(const struct session *s, struct text name)
{
    uint32_t i = 0;
    while (i < s->n_markets && !text_equal(name, text_of(session_ticker(s, i)))) {
        i++;
    }
    return name.n > 0 ? i : s->n_markets;
}

static int choose_markets(struct replaying *r)
{
    const struct session *s = &r->session;
    if (r->o->tickers == NULL) {
        return EXIT_DONE;
    }
    r->n_markets = s->n_markets;
    r->markets = calloc(s->n_markets + 1U, sizeof *r->markets);
    if (r->markets == NULL) {
        return cli_fail("replay", EXIT_FAILED, "out of memory");
    }
    const char *p = r->o->tickers;
    do {
        struct text name = {p, strcspn(p, ",")};
        uint32_t i = market_named(s, name);
        if (i == s->n_markets) {
            return cli_fail("replay", EXIT_REFUSED, "the session has no market %.*s", (int)name.n,
                            name.p);
        }
        r->markets[i] = true;
        p += name.n + (p[name.n] == ',');
    } while (*p != '\0');
    return EXIT_DONE;
}

/* --- policies --- */

/* "... hash X" of a model's line; the line itself for what has no model. */
static const char *fingerprint(const char *line)
{
    const char *at = strstr(line, ", hash ");
    return at != NULL ? at : line;
}

static int make_own(struct replaying *r)
{
    struct err err = {0};
    struct run_options o = r->recorded;
    if (r->o->model != NULL) {
        o.policy.model = r->o->model;
    }
    enum status st = run_policy_create(&o, &r->own, &err);
    if (st != ST_OK) {
        return cli_fail("replay", code_of(st),
                        "the session's own policy: %s (--model says where its model is now)",
                        err.text);
    }
    const char *was = r->session.policy != NULL ? r->session.policy : "";
    const char *now = policy_text(r->own);
    if (was[0] != '\0' && strcmp(fingerprint(was), fingerprint(now)) != 0) {
        return cli_fail("replay", EXIT_REFUSED,
                        "this is not the session's policy: recorded %s, now %s", was, now);
    }
    return EXIT_DONE;
}

static int make_other(struct replaying *r)
{
    struct err err = {0};
    const char *name = r->o->policy;
    bool builtin = strcmp(name, "hold") == 0 || strcmp(name, "random") == 0;
    struct policy_config c = {
        .kind = builtin ? name : "ppo",
        .model = builtin ? NULL : name,
        .stats = r->o->stats,
        .sample = r->o->sample,
        .seed = r->o->seed,
    };
    enum status st = policy_create(&c, &r->other, &err);
    return st == ST_OK ? EXIT_DONE : cli_fail("replay", code_of(st), "--policy: %s", err.text);
}

static int make_policies(struct replaying *r)
{
    if (r->imported && r->o->verify) {
        return cli_fail("replay", EXIT_REFUSED,
                        "session %" PRId64 " was imported: there are no decisions to compare with "
                        "(--policy shows what a policy decides; `deltaflow verify` checks the "
                        "session)",
                        r->session.id);
    }
    if (r->imported && r->o->policy != NULL) { /* it is asked, as live */
        int code = make_other(r);
        r->own = r->other;
        r->other = NULL;
        return code;
    }
    int code = r->o->verify || r->o->policy == NULL ? make_own(r) : EXIT_DONE;
    return code == EXIT_DONE && r->o->policy != NULL ? make_other(r) : code;
}

/* --- what the replay tells --- */

static bool is_shown(const struct replaying *r, const struct rec *rec)
{
    bool here = r->markets == NULL || (rec->mkt < r->n_markets && r->markets[rec->mkt]);
    return here && rec->wall >= r->from;
}

static void say_step(struct replaying *r, const struct rec *rec, const struct policy_out *other)
{
    if (r->o->steps == STEPS_NONE || !is_shown(r, rec)) {
        return;
    }
    buf_clear(&r->line);
    if (r->o->steps == STEPS_TEXT) {
        replay_step_text(&r->session, rec, other, &r->line);
    } else {
        replay_step_json(&r->session, rec, other, &r->line);
    }
    if (r->line.n > 0 && fwrite(r->line.p, 1, r->line.n, stdout) != r->line.n) {
        r->output_failed = true;
    }
}

static void on_record(void *self, const struct rec *rec)
{
    struct replaying *r = self;
    if (r->o->verify) {
        verify_record(&r->verify, rec);
    }
    if (r->other == NULL || rec->type != REC_DECISION) { /* decisions: with the other's answer */
        say_step(r, rec, NULL);
    }
}

static void on_turn(void *self, const struct rec_turn *turn, bool happened)
{
    struct replaying *r = self;
    if (r->o->verify) {
        verify_turn(&r->verify, turn, happened);
    }
    if (r->verify.differs) {
        replay_stop(r->replay, "a difference was found");
    } else if (r->verify.lost != NULL) {
        char why[160];
        snprintf(why, sizeof why, "rows are missing (gap row: %s)", r->verify.lost->reason);
        replay_stop(r->replay, why);
    }
}

static void on_asked(void *self, uint32_t mkt, const float *obs,
                     const struct rec_decision *recorded)
{
    struct replaying *r = self;
    if (r->o->verify) {
        verify_question(&r->verify, mkt, obs, recorded);
        asker_add(&r->ask_own, obs, recorded);
    }
    if (r->other != NULL) {
        asker_add(&r->ask_other, obs, recorded);
    }
}

static void on_own(void *self, const struct rec_decision *recorded, const struct policy_out *out)
{
    struct replaying *r = self;
    verify_answer(&r->verify, recorded, out);
}

static void on_other(void *self, const struct rec_decision *recorded, const struct policy_out *out)
{
    struct replaying *r = self;
    struct agreement *a = &r->agreement;
    if (!is_shown(r, &recorded->h)) {
        return;
    }
    bool known = recorded->action < ACTION_COUNT && out->action < ACTION_COUNT;
    a->steps++;
    a->agreed += recorded->action == out->action;
    if (known) {
        a->n[recorded->action][out->action]++;
    }
    say_step(r, &recorded->h, out);
}

static void settle(void *self)
{
    struct replaying *r = self;
    asker_flush(&r->ask_own);
}

/* --- the replay --- */

static int make_replay(struct replaying *r)
{
    struct err err = {0};
    bool recorded = r->o->verify || r->other != NULL;
    struct replay_config c = {
        .engine = run_engine_config(&r->recorded, r->trading, r->session_id),
        .answers = recorded ? ANSWERS_RECORDED : ANSWERS_ASKED,
        .policy = r->own,
    };
    struct replay_sinks sinks = {
        .self = r, .turn = on_turn, .record = on_record, .asked = on_asked};
    enum status st = replay_create(&r->session, &c, &sinks, &r->replay, &err);
    if (st != ST_OK) {
        return cli_fail("replay", code_of(st), "session %" PRId64 ": %s", r->session.id, err.text);
    }
    struct verify_config vc = {.markets = r->markets,
                               .n_markets = r->n_markets,
                               .from = r->from,
                               .self = r,
                               .settle = settle};
    verify_init(&r->verify, &r->session, r->replay, &vc);
    r->ask_own = (struct asker){.policy = r->own, .self = r, .answered = on_own};
    r->ask_other = (struct asker){.policy = r->other, .self = r, .answered = on_other};
    return EXIT_DONE;
}

struct pace {
    double speed;
    mono_ns_t began;    /* our clock, at the first turn that is shown */
    mono_ns_t recorded; /* the recorded one there */
};

/* Wait until the turn is due. */
static void pace_wait(struct pace *p, const struct rec_turn *turn)
{
    if (p->began == 0) {
        p->began = clock_mono();
        p->recorded = turn->mono;
    }
    mono_ns_t due = p->began + (mono_ns_t)((double)(turn->mono - p->recorded) / p->speed);
    for (mono_ns_t left = due - clock_mono(); left > 0 && !interrupt_asked();
         left = due - clock_mono()) {
        mono_ns_t slice = left < NS_PER_SEC / 4 ? left : NS_PER_SEC / 4;
        struct timespec ts = {.tv_sec = 0, .tv_nsec = (long)slice};
        (void)nanosleep(&ts, NULL);
    }
}

static bool go_on(struct replaying *r, struct pace *pace, mono_ns_t began)
{
    const struct rec_turn *turn = replay_next(r->replay);
    const struct replay_status *st = replay_status(r->replay);
    if (interrupt_asked()) {
        replay_stop(r->replay, "interrupted");
    } else if (turn != NULL && r->until != 0 && turn->h.wall > r->until) {
        replay_stop(r->replay, "--until");
    } else if (turn != NULL && pace->speed > 0 && turn->h.wall >= r->from) {
        asker_flush(&r->ask_other);
        if (fflush(stdout) != 0) {
            r->output_failed = true;
        }
        pace_wait(pace, turn);
    }
    if (st->turns % 4096 == 0 && clock_mono() - began > 2 * NS_PER_SEC) {
        char when[TIME_TEXT_MAX];
        time_format(st->last_wall, when);
        uint64_t of = r->session.rows[REC_TURN - REC_BASE].records;
        cli_progress("replaying: turn %" PRIu64 " of %" PRIu64 ", %s", st->turns, of, when);
    }
    return !r->output_failed && st->end == REPLAY_RUNS;
}

static int replay_all(struct replaying *r)
{
    struct err err = {0};
    struct pace pace = {.speed = r->o->speed};
    mono_ns_t began = clock_mono();
    enum status st = ST_OK;
    while (st == ST_OK && go_on(r, &pace, began)) {
        st = replay_turn(r->replay, &err);
    }
    asker_flush(&r->ask_own);
    asker_flush(&r->ask_other);
    if (r->o->verify && replay_status(r->replay)->end == REPLAY_COMPLETE) {
        verify_end(&r->verify);
    }
    r->seconds = (double)(clock_mono() - began) / 1e9;
    cli_progress_end();
    if (st != ST_OK && st != ST_END) {
        char shown[URL_SHOWN_MAX];
        return cli_fail("replay", code_of(st), "session %" PRId64 " of %s: %s", r->session.id,
                        url_shown(r->o->shared.path, shown, sizeof shown), err.text);
    }
    return r->verify.differs || interrupt_asked() ? EXIT_FAILED : EXIT_DONE;
}

/* A check of nothing is no success: a script that looks at the exit status would take it for one.
 */
static int check_compared(const struct replaying *r)
{
    if (!r->o->verify || !verify_nothing(&r->verify)) {
        return EXIT_DONE;
    }
    return cli_fail("replay", EXIT_REFUSED,
                    "session %" PRId64 ": --verify found nothing to compare (`deltaflow verify` "
                    "says what the session holds)",
                    r->session.id);
}

static int run_books(struct replaying *r)
{
    struct err err = {0};
    mono_ns_t began = clock_mono();
    enum status st = books_create(&r->session, &r->books);
    while (st == ST_OK && !interrupt_asked()) {
        st = books_run(r->books, 1000000, &err);
        if (clock_mono() - began > 2 * NS_PER_SEC) {
            cli_progress("replaying: %" PRIu64 " events", books_stats(r->books)->events);
        }
    }
    r->seconds = (double)(clock_mono() - began) / 1e9;
    cli_progress_end();
    if (st != ST_OK && st != ST_END) {
        return cli_fail("replay", code_of(st), "session %" PRId64 ": %s", r->session.id, err.text);
    }
    return interrupt_asked() ? EXIT_FAILED : EXIT_DONE;
}

static void say_summary(struct replaying *r)
{
    uint64_t changes = 0;
    if (r->replay != NULL) {
        changes = counter_get(&engine_metrics(replay_engine(r->replay))->changes);
    } else {
        changes = books_stats(r->books)->changes;
    }
    char shown[URL_SHOWN_MAX];
    struct replay_report report = {
        .store = url_shown(r->o->shared.path, shown, sizeof shown),
        .session = &r->session,
        .replay = r->replay,
        .verify = r->o->verify ? &r->verify : NULL,
        .books = r->books,
        .other = r->other != NULL ? &r->agreement : NULL,
        .other_policy = r->other != NULL ? policy_text(r->other) : NULL,
        .markets = r->markets,
        .n_markets = r->n_markets,
        .from = r->from,
        .until = r->until,
        .load_seconds = r->load_seconds,
        .seconds = r->seconds,
        .changes = changes,
    };
    struct buf out;
    buf_init(&out, 256U << 20);
    if (r->o->shared.json) {
        replay_summary_json(&report, &out);
    } else {
        replay_summary_text(&report, &out);
    }
    if (out.failed || fwrite(out.p, 1, out.n, stdout) != out.n || fflush(stdout) != 0) {
        r->output_failed = true;
    }
    buf_finish(&out);
}

/* A part that holds no turn would compare nothing, and look as if all were well. */
static int check_range(const struct replaying *r)
{
    const struct arena *turns = &r->session.rows[REC_TURN - REC_BASE];
    struct cursor c = cursor_of(turns);
    wall_ns_t last = 0;
    for (const struct rec_turn *t = cursor_next(&c); t != NULL; t = cursor_next(&c)) {
        last = t->h.wall > last ? t->h.wall : last;
    }
    if (r->until != 0 && r->from > r->until) {
        return cli_usage("replay", "--from is after --until");
    }
    if (turns->records > 0 && r->from > last) {
        char when[TIME_TEXT_MAX];
        time_format(last, when);
        return cli_fail("replay", EXIT_REFUSED, "--from: the session's last turn is at %s", when);
    }
    return EXIT_DONE;
}

static int prepare(struct replaying *r)
{
    int code = load(r);
    if (code == EXIT_DONE) {
        code = choose_markets(r);
    }
    if (code != EXIT_DONE || r->o->books) {
        return code;
    }
    code = replay_time("--from", r->o->from, first_time(r), &r->from);
    if (code == EXIT_DONE) {
        code = replay_time("--until", r->o->until, first_time(r), &r->until);
    }
    if (code == EXIT_DONE) {
        code = check_range(r);
    }
    if (code == EXIT_DONE) {
        code = read_config(r);
    }
    if (code == EXIT_DONE) {
        code = make_policies(r);
    }
    return code == EXIT_DONE ? make_replay(r) : code;
}

static int replay(const struct replay_options *o)
{
    struct replaying *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return cli_fail("replay", EXIT_FAILED, "out of memory");
    }
    r->o = o;
    buf_init(&r->line, 1U << 20);
    int code = prepare(r);
    if (code == EXIT_DONE) {
        code = o->books ? run_books(r) : replay_all(r);
        if (code == EXIT_DONE || code == EXIT_FAILED) {
            say_summary(r);
        }
        code = code == EXIT_DONE ? check_compared(r) : code;
        if (r->output_failed) {
            code = cli_fail("replay", EXIT_FAILED, "output failed");
        }
    }
    replay_destroy(r->replay);
    books_destroy(r->books);
    policy_destroy(r->own);
    policy_destroy(r->other);
    config_destroy(r->config);
    session_finish(&r->session);
    buf_finish(&r->line);
    free(r->markets);
    free(r);
    return code;
}

static int run(int argc, char **argv)
{
    struct replay_options o;
    int code = replay_options_parse(argc, argv, &o);
    if (code == EXIT_DONE && o.shared.help) {
        fputs(replay_help, stdout);
    } else if (code == EXIT_DONE) {
        interrupt_catch("replay", "nothing is changed");
        code = session_store_find(&o.shared);
        code = code == EXIT_DONE ? replay(&o) : code;
    }
    replay_options_finish(&o);
    return code;
}

const struct cli_command cmd_replay = {"replay", "a recorded session through the engine again",
                                       run};
