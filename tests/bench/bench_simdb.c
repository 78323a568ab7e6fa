/*
 * bench_simdb.c - what it costs to keep the state: orders through the exchange's REST routes, with
 * a save and a commit after each, and without. usage: bench_simdb [--json FILE]. Processor time of
 * this process, so that a busy machine does not matter.
 */
#include "sim_fixture.h"

#include <time.h>
#include <unistd.h>

#include "simdb/simdb.h"

#define ORDERS 5000

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Microseconds an order; db NULL: nothing is kept. */
static double orders(uint32_t markets, struct simdb *db)
{
    struct sim_config c = sim_config_default();
    c.markets = markets;
    c.rate = 1e-9;
    c.duration_ns = 0;
    c.balance = 1000000 * USD_ONE;
    c.read_rate = c.write_rate = c.read_capacity = c.write_capacity = 100000000;
    struct fix f = fix_make(c);
    struct err err = {0};
    uint64_t rows = 0;
    if (db != NULL) {
        struct sim_rows_out out = simdb_out(db);
        simdb_accept(db);
        assert_int_equal(sim_state_watch(f.sim), ST_OK);
        assert_int_equal(sim_state_save(f.sim, true, &out, &rows), ST_OK);
        assert_int_equal(simdb_commit(db, &err), ST_OK);
    }
    double began = cpu_us();
    for (uint32_t i = 0; i < ORDERS; i++) {
        char body[400];
        snprintf(
            body, sizeof body,
            "{\"ticker\":\"%s\",\"client_order_id\":\"b%u\",\"side\":\"%s\",\"count\":\"%u.00\","
            "\"price\":\"0.%02u00\",\"time_in_force\":\"good_till_canceled\","
            "\"self_trade_prevention_type\":\"maker\"}",
            sim_market(f.sim, i % markets), i, i % 2 == 0 ? "bid" : "ask", 1 + i % 7, 30 + i % 40);
        (void)fix_request(&f, i % 3 == 0 ? KEY_A : KEY_B, "POST", "/portfolio/events/orders", body);
        if (db != NULL) {
            struct sim_rows_out out = simdb_out(db);
            assert_int_equal(sim_state_save(f.sim, false, &out, &rows), ST_OK);
            assert_int_equal(simdb_commit(db, &err), ST_OK);
        }
        fix_advance(&f, NS_PER_MS);
    }
    double took = (cpu_us() - began) / ORDERS;
    fix_end(&f);
    return took;
}

/* What an order costs in one world, with the state in a file and without. */
static bool measure(uint32_t markets, double *ret_with, double *ret_without)
{
    char dir[] = "/tmp/deltaflow-bench-XXXXXX";
    char path[64];
    struct err err = {0};
    struct simdb *db = NULL;
    bool fresh = false;
    if (mkdtemp(dir) == NULL) {
        perror(dir);
        return false;
    }
    snprintf(path, sizeof path, "%s/sim.db", dir);
    if (simdb_open(path, &db, &fresh, &err) != ST_OK) {
        fprintf(stderr, "%s\n", err.text);
        return false;
    }
    *ret_without = orders(markets, NULL);
    *ret_with = orders(markets, db);
    printf("markets %5u: an order %7.1f us, with its state kept %7.1f us (%.1f rows)\n", markets,
           *ret_without, *ret_with, (double)simdb_stats(db)->rows / ORDERS);
    simdb_close(db);
    unlink(path);
    rmdir(dir);
    return true;
}

int main(int argc, char **argv)
{
    static const uint32_t markets[] = {10, 200, 1000, 5000};
    bool json = argc == 3 && strcmp(argv[1], "--json") == 0;
    FILE *out = json ? fopen(argv[2], "w") : NULL;
    if (json && out == NULL) {
        perror(argv[2]);
        return 1;
    }
    for (size_t i = 0; i < sizeof markets / sizeof markets[0]; i++) {
        double with, without;
        if (!measure(markets[i], &with, &without)) {
            return 1;
        }
        if (json) {
            fprintf(out,
                    "%s{\"name\":\"order with its state kept, %u markets\",\"ns\":%.0f,"
                    "\"peer\":\"not kept\",\"peer_ns\":%.0f,\"ratio\":%.3f,\"runs\":1}",
                    i > 0 ? "," : "{\"results\":[", markets[i], with * 1e3, without * 1e3,
                    without / with);
        }
    }
    if (json) {
        fprintf(out, "]}\n");
        return fclose(out) == 0 ? 0 : 1;
    }
    return 0;
}
