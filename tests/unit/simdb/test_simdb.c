/*
 * The state of the exchange in a file: saved as it changes, read into another exchange, which goes
 * on as the first; and files that are refused.
 */
#include "sim_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rng.h"
#include "simdb/simdb.h"

static char folder[] = "/tmp/deltaflow-simdb-XXXXXX";
static char path[64];

static void fresh_path(void)
{
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -f %s/*", folder);
    assert_int_equal(system(cmd), 0);
    snprintf(path, sizeof path, "%s/sim.db", folder);
}

static struct simdb *open_db(bool want_fresh)
{
    struct simdb *db = NULL;
    struct err err = {0};
    bool fresh = false;
    if (simdb_open(path, &db, &fresh, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(fresh, want_fresh);
    return db;
}

/* Still markets, so that only requests change anything. */
static struct sim_config still(void)
{
    struct sim_config c = sim_config_default();
    c.markets = 6;
    c.rate = 1e-9;
    c.duration_ns = 0;
    c.wait_for_client = false;
    c.read_rate = c.write_rate = c.read_capacity = c.write_capacity = 1000000;
    return c;
}

static void save(struct fix *f, struct simdb *db, bool whole)
{
    struct err err = {0};
    struct sim_rows_out out = simdb_out(db);
    uint64_t rows = 0;
    assert_int_equal(sim_state_save(f->sim, whole, &out, &rows), ST_OK);
    if (simdb_commit(db, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
}

static struct fix load(struct simdb *db, const struct fix *like)
{
    struct fix f;
    struct err err = {0};
    struct sim_config c = still();
    struct sim_rows_in in = simdb_in(db);
    c.state = &in;
    if (fix_try(&f, c, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    f.wall = like->wall;
    f.now = like->now;
    return f;
}

/* Rows as text, to say which one differs. */
static enum status print_row(void *self, uint32_t table, uint64_t key, const void *row)
{
    struct buf *b = self;
    const struct row_table *t = sim_state_table(table);
    buf_printf(b, "%s %llu", t->name, (unsigned long long)key);
    for (uint32_t i = 0; i < t->n_columns; i++) {
        const struct row_column *c = &t->columns[i];
        buf_printf(b, " %s=", c->name);
        if (row_is_number(c)) {
            buf_printf(b, "%lld", (long long)row_int(c, row));
        } else {
            struct text v = row_text(c, row);
            buf_json_str(b, v.p != NULL ? v : TEXT("(null)"));
        }
    }
    buf_char(b, '\n');
    return ST_OK;
}

static void assert_same_rows(struct fix *a, struct fix *b)
{
    struct buf x;
    struct buf y;
    buf_init(&x, (size_t)256 << 20);
    buf_init(&y, (size_t)256 << 20);
    sim_state_all(a->sim, &(struct sim_rows_out){&x, print_row});
    sim_state_all(b->sim, &(struct sim_rows_out){&y, print_row});
    assert_true(x.n > 1000 && !x.failed);
    if (x.n != y.n || memcmp(x.p, y.p, x.n) != 0) {
        char *s = x.p;
        char *t = y.p;
        for (; *s != '\0'; s = strchr(s, '\n') + 1, t = strchr(t, '\n') + 1) {
            size_t n = strcspn(s, "\n");
            size_t m = strcspn(t, "\n");
            if (n != m || memcmp(s, t, n) != 0) {
                fail_msg("rows differ:\n%.*s\n%.*s", (int)n, s, (int)m, t);
            }
        }
    }
    buf_finish(&x);
    buf_finish(&y);
}

static void assert_same(struct fix *a, struct fix *b)
{
    json_t *j = fix_dump(a);
    json_t *k = fix_dump(b);
    json_object_del(j, "counters"); /* of the process */
    json_object_del(k, "counters");
    if (!json_equal(j, k)) {
        char *s = json_dumps(j, 0);
        char *t = json_dumps(k, 0);
        size_t i = 0;
        while (s[i] == t[i]) {
            i++;
        }
        fail_msg("dumps differ: %.200s | %.200s", s + (i > 80 ? i - 80 : 0),
                 t + (i > 80 ? i - 80 : 0));
    }
    json_decref(j);
    json_decref(k);
}

/* --- random requests --- */

#define IDS_MAX 4000

struct client {
    char ids[IDS_MAX][40];
    uint32_t n;
    char groups[64][40]; /* of user A */
    uint32_t n_groups;
};

static void random_order(struct rng *r, const struct fix *f, char *body, size_t cap, uint32_t n)
{
    char expiry[64] = "";
    const char *tif = rng_below(r, 4) == 0   ? "immediate_or_cancel"
                      : rng_below(r, 8) == 0 ? "fill_or_kill"
                                             : "good_till_canceled";
    if (tif[0] == 'g' && rng_below(r, 4) == 0) {
        snprintf(expiry, sizeof expiry, ",\"expiration_time\":%lld",
                 (long long)(f->wall / NS_PER_SEC + 1 + (int64_t)rng_below(r, 90)));
    }
    snprintf(body, cap,
             "{\"ticker\":\"%s\",\"client_order_id\":\"c%u\",\"side\":\"%s\",\"count\":\"%u.%02u\","
             "\"price\":\"0.%02u00\",\"time_in_force\":\"%s\",\"self_trade_prevention_type\":\"%s\""
             "%s}",
             sim_market(f->sim, rng_below(r, 6)), n, rng_below(r, 2) == 0 ? "bid" : "ask",
             1 + (unsigned)rng_below(r, 30), (unsigned)rng_below(r, 100),
             20 + (unsigned)rng_below(r, 60), tif,
             rng_below(r, 2) == 0 ? "maker" : "taker_at_cross", expiry);
}

struct request {
    const char *key, *method;
    char path[200], body[512];
    mono_ns_t wait;
};

static struct request random_request(struct rng *r, const struct fix *f, const struct client *c,
                                     uint32_t n)
{
    struct request q = {.key = rng_below(r, 2) == 0 ? KEY_A : KEY_B, .method = "POST"};
    const char *id = c->n > 0 ? c->ids[rng_below(r, c->n)] : "x";
    q.wait = (mono_ns_t)rng_below(r, (uint64_t)NS_PER_SEC);
    const char *group = c->n_groups > 0 ? c->groups[rng_below(r, c->n_groups)] : "x";
    switch (rng_below(r, 16)) {
    case 10:
        q.key = KEY_A;
        snprintf(q.path, sizeof q.path, "/portfolio/order_groups/create");
        snprintf(q.body, sizeof q.body, "{\"contracts_limit\":%u}", 5 + (unsigned)rng_below(r, 60));
        break;
    case 11:
        q.key = KEY_A;
        q.method = rng_below(r, 4) == 0 ? "DELETE" : "PUT";
        snprintf(q.path, sizeof q.path, "/portfolio/order_groups/%s%s", group,
                 q.method[0] == 'D'     ? ""
                 : rng_below(r, 3) == 0 ? "/trigger"
                                        : "/reset");
        snprintf(q.body, sizeof q.body, q.method[0] == 'D' ? "" : "{}");
        break;
    case 12:
        snprintf(q.path, sizeof q.path, "/portfolio/subaccounts");
        snprintf(q.body, sizeof q.body, "{}");
        break;
    case 13:
        snprintf(q.path, sizeof q.path, "/portfolio/subaccounts/transfer");
        snprintf(q.body, sizeof q.body,
                 "{\"client_transfer_id\":\"00000000-0000-4000-8000-%012u\",\"from_subaccount\":%u,"
                 "\"to_subaccount\":%u,\"amount_cents\":%u}",
                 n, (unsigned)rng_below(r, 2), (unsigned)rng_below(r, 2),
                 1 + (unsigned)rng_below(r, 500));
        break;
    case 14: { /* in a group */
        q.key = KEY_A;
        snprintf(q.path, sizeof q.path, "/portfolio/events/orders");
        random_order(r, f, q.body, sizeof q.body, n);
        size_t end = strlen(q.body) - 1;
        snprintf(q.body + end, sizeof q.body - end, ",\"order_group_id\":\"%s\"}", group);
        break;
    }
    case 15:
        q.method = "GET";
        snprintf(q.path, sizeof q.path, "/portfolio/order_groups/%s", group);
        break;
    case 0:
        q.method = "DELETE";
        snprintf(q.path, sizeof q.path, "/portfolio/events/orders/%s", id);
        break;
    case 1:
        snprintf(q.path, sizeof q.path, "/portfolio/events/orders/%s/decrease", id);
        snprintf(q.body, sizeof q.body, "{\"reduce_by\":\"%u.50\"}", 1 + (unsigned)rng_below(r, 5));
        break;
    case 2:
        q.method = "GET";
        snprintf(q.path, sizeof q.path, "/portfolio/balance");
        break;
    default:
        snprintf(q.path, sizeof q.path, "/portfolio/events/orders");
        random_order(r, f, q.body, sizeof q.body, n);
        break;
    }
    return q;
}

static void ask(struct fix *f, const struct request *q)
{
    fix_advance(f, q->wait);
    (void)fix_request(f, q->key, q->method, q->path, q->body[0] != '\0' ? q->body : NULL);
}

static void remember(struct client *c, struct fix *f)
{
    const char *id = fix_text(f->body, "order_id");
    if (f->resp.status == 201 && c->n < IDS_MAX) {
        if (id[0] != '(') {
            snprintf(c->ids[c->n++], sizeof c->ids[0], "%s", id);
        }
    }
    const char *group = fix_text(f->body, "order_group_id");
    if (f->resp.status == 201 && group[0] != '(' && c->n_groups < 64) {
        snprintf(c->groups[c->n_groups++], sizeof c->groups[0], "%s", group);
    }
}

/* Who has a worthless position loses it without a change of cash. */
static void settle(struct fix *f, size_t market, struct rng *r)
{
    char text[200];
    struct buf reply = {.max = 1 << 16};
    snprintf(text, sizeof text, "{\"do\":\"determine\",\"market\":\"%s\",\"result\":\"%s\"}",
             sim_market(f->sim, market), rng_below(r, 2) == 0 ? "yes" : "no");
    json_t *action = json_loads(text, 0, NULL);
    (void)!sim_command(f->sim, action, f->wall, f->now, &reply, NULL);
    json_object_set_new(action, "do", json_string("settle"));
    json_object_del(action, "result");
    (void)!sim_command(f->sim, action, f->wall, f->now, &reply, NULL);
    json_decref(action);
    buf_finish(&reply);
}

/* The exchange is saved as it goes; now and then a second one is made of the file, and must answer
 * the same to the same requests, and hold the same. The second one takes over. */
static void run(uint64_t seed, struct client *c)
{
    struct rng r;
    rng_init(&r, seed);
    fresh_path();
    c->n = 0;
    c->n_groups = 0;
    struct simdb *db = open_db(true);
    struct fix a = fix_make(still());
    simdb_accept(db);
    assert_int_equal(sim_state_watch(a.sim), ST_OK);
    uint32_t n = 0;
    uint32_t made = 0;
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < 60; i++) {
            struct request q = random_request(&r, &a, c, ++n);
            ask(&a, &q);
            made += a.resp.status == 201 ? 1 : 0;
            remember(c, &a);
            save(&a, db, false);
        }
        if (round % 3 == 2) {
            settle(&a, (size_t)round % 6, &r);
            save(&a, db, false);
        }
        assert_int_equal(sim_state_missed(a.sim), 0);
        simdb_close(db);
        db = open_db(false);
        struct fix b = load(db, &a);
        simdb_accept(db);
        assert_same_rows(&a, &b);
        assert_same(&a, &b);
        assert_int_equal(sim_state_watch(b.sim), ST_OK);
        for (int i = 0; i < 40; i++) {
            struct request q = random_request(&r, &a, c, ++n);
            ask(&a, &q);
            ask(&b, &q);
            assert_int_equal(a.resp.status, b.resp.status);
            assert_true(a.body == NULL ? b.body == NULL : json_equal(a.body, b.body));
            remember(c, &b);
            save(&b, db, false);
        }
        /* How the engine numbers its orders is no longer the same, and nobody's business. */
        assert_same(&a, &b);
        fix_end(&a);
        a = b;
    }
    assert_true(made > 300);
    assert_true(c->n_groups > 10);
    fix_end(&a);
    simdb_close(db);
}

static void an_exchange_read_from_its_file_answers_as_the_one_that_wrote_it(void **state)
{
    (void)state;
    struct client *c = calloc(1, sizeof *c);
    assert_non_null(c);
    for (uint64_t seed = 1; seed <= 2; seed++) {
        run(seed, c);
    }
    free(c);
}

static void every_field_of_a_kept_struct_is_a_column_or_named_as_not_kept(void **state)
{
    (void)state;
    struct err err = {0};
    if (!sim_state_covered(&err)) {
        fail_msg("%s", err.text);
    }
}

/* --- files that are refused --- */

/* A state file with something in it. */
static void make_state(void)
{
    fresh_path();
    struct simdb *db = open_db(true);
    struct fix f = fix_make(still());
    simdb_accept(db);
    assert_int_equal(sim_state_watch(f.sim), ST_OK);
    struct rng r;
    rng_init(&r, 9);
    struct client *c = calloc(1, sizeof *c);
    for (uint32_t i = 0; i < 200; i++) {
        struct request q = random_request(&r, &f, c, i);
        ask(&f, &q);
        remember(c, &f);
    }
    save(&f, db, true);
    fix_end(&f);
    simdb_close(db);
    free(c);
}

static char *slurp(size_t *ret_n)
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    char *p = malloc((size_t)st.st_size + 1);
    assert_int_equal(read(fd, p, (size_t)st.st_size), st.st_size);
    close(fd);
    *ret_n = (size_t)st.st_size;
    return p;
}

static void spill(const char *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    close(fd);
}

/* Open and load; ST_OK or why not. The file must be as before. */
static enum status try_file(struct err *err)
{
    size_t n = 0;
    size_t m = 0;
    char *before = slurp(&n);
    struct simdb *db = NULL;
    bool fresh = false;
    enum status st = simdb_open(path, &db, &fresh, err);
    if (st == ST_OK) {
        struct fix f;
        struct sim_config c = still();
        struct sim_rows_in in = simdb_in(db);
        c.state = &in;
        st = fix_try(&f, c, err);
        if (st == ST_OK) {
            fix_end(&f);
        } else {
            buf_finish(&f.resp.body);
        }
        simdb_close(db);
    }
    char *after = slurp(&m);
    assert_int_equal(n, m);
    assert_memory_equal(before, after, n);
    free(before);
    free(after);
    return st;
}

static void sql(const char *text)
{
    char cmd[512];
    snprintf(cmd, sizeof cmd,
             "python3 -c 'import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); "
             "c.executescript(sys.argv[2]); c.commit()' %s \"%s\"",
             path, text);
    assert_int_equal(system(cmd), 0);
}

static void assert_refused(enum status want, const char *part)
{
    struct err err = {0};
    enum status st = try_file(&err);
    if (st != want || strstr(err.text, part) == NULL || strstr(err.text, path) == NULL) {
        fail_msg("status %s, not %s: %s", status_name(st), status_name(want), err.text);
    }
}

static void foreign_newer_and_damaged_files_are_refused_and_left_as_they_are(void **state)
{
    (void)state;
    fresh_path();
    spill("[sim]\nport = 1\n", 15);
    assert_refused(ST_MALFORMED, "no SQLite database");
    fresh_path();
    sql("create table t(a);");
    assert_refused(ST_MALFORMED, "another program");
    make_state();
    sql("pragma user_version=2;");
    assert_refused(ST_UNSUPPORTED, "a newer one wrote it");
    make_state();
    sql("update layout set sum=1;");
    assert_refused(ST_UNSUPPORTED, "other tables");
    make_state();
    sql("update orders set px=px+100 where key=3;");
    assert_refused(ST_MALFORMED, "row 3 of table orders");
    make_state();
    sql("delete from orders where key=2;");
    assert_refused(ST_MALFORMED, "table orders");
    make_state();
    sql("delete from fills;");
    assert_refused(ST_MALFORMED, "table fills");
    make_state();
    sql("drop table fills;");
    assert_refused(ST_MALFORMED, "fills");
    make_state();
    sql("update books set levels='x' where key=0;");
    assert_refused(ST_MALFORMED, "row 0 of table books");
}

static void flipped_bytes_never_crash_and_are_mostly_noticed(void **state)
{
    (void)state;
    make_state();
    size_t n = 0;
    char *good = slurp(&n);
    struct rng r;
    rng_init(&r, 5);
    uint32_t noticed = 0;
    for (int i = 0; i < 150; i++) {
        char *bad = malloc(n);
        memcpy(bad, good, n);
        for (int k = 0; k < 20; k++) {
            bad[rng_below(&r, n)] ^= (char)(1 + rng_below(&r, 255));
        }
        spill(bad, n);
        struct err err = {0};
        noticed += try_file(&err) != ST_OK ? 1 : 0;
        free(bad);
    }
    free(good);
    assert_true(noticed > 120); /* some hit only free space of pages */
}

static void a_file_in_use_is_refused(void **state)
{
    (void)state;
    fresh_path();
    struct simdb *db = open_db(true);
    struct fix f = fix_make(still());
    simdb_accept(db);
    assert_int_equal(sim_state_watch(f.sim), ST_OK);
    save(&f, db, true);
    struct simdb *other = NULL;
    bool fresh = false;
    struct err err = {0};
    assert_int_equal(simdb_open(path, &other, &fresh, &err), ST_STATE);
    assert_non_null(strstr(err.text, "in use"));
    fix_end(&f);
    simdb_close(db);
}

static void a_cleared_file_holds_no_exchange(void **state)
{
    (void)state;
    make_state();
    struct err err = {0};
    struct simdb *db = open_db(false);
    simdb_accept(db);
    assert_int_equal(simdb_clear(db, &err), ST_OK);
    assert_int_equal(simdb_commit(db, &err), ST_OK);
    simdb_close(db);
    db = open_db(true);
    simdb_close(db);
}

int main(void)
{
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exchange_read_from_its_file_answers_as_the_one_that_wrote_it),
        cmocka_unit_test(every_field_of_a_kept_struct_is_a_column_or_named_as_not_kept),
        cmocka_unit_test(foreign_newer_and_damaged_files_are_refused_and_left_as_they_are),
        cmocka_unit_test(flipped_bytes_never_crash_and_are_mostly_noticed),
        cmocka_unit_test(a_file_in_use_is_refused),
        cmocka_unit_test(a_cleared_file_holds_no_exchange),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fresh_path();
    rmdir(folder);
    return failed;
}
