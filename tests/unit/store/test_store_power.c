/*
 * A loss of power: SQLite on a disk that forgets what was not synced. A session keeps its row, and
 * what came out of a synced spill file does not get lost with the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/ensure.h"
#include "base/log.h"
#include "store/backend.h"
#include "world/vfs.h"

struct machine {
    struct vdisk disk;
    struct vfs_host host;
    struct rng rng;
    bool off; /* nothing reaches the disk any more */
};

static enum vdisk_fate ask(void *self, const char *name, enum vdisk_op op, size_t n, size_t *part)
{
    (void)name;
    (void)op;
    (void)n;
    (void)part;
    return ((struct machine *)self)->off ? VDISK_ERROR : VDISK_OK;
}

static bool is_off(void *self)
{
    return ((struct machine *)self)->off;
}

static void start(struct machine *m, uint64_t seed)
{
    memset(m, 0, sizeof *m);
    rng_init(&m->rng, seed);
    m->disk = (struct vdisk){.ask = ask, .self = m};
    m->host = (struct vfs_host){.disk = &m->disk, .self = m, .dead = is_off};
    vfs_use(&m->host);
}

static struct backend *open_db(void)
{
    struct store_config c = store_config_default();
    struct backend *b = NULL;
    struct err err = {0};
    c.path = "power.db";
    c.vfs = VFS_NAME;
    c.process = 1000000007; /* no process has such a number */
    if (backend_open(&c, 5, &b, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    return b;
}

static void lose_power(struct machine *m, struct backend *b)
{
    m->off = true;
    b->ops->close(b);
    m->off = false;
    vdisk_power_loss(&m->disk, &m->rng);
}

static void commit(struct backend *b, uint64_t progress)
{
    assert_int_equal(b->ops->begin(b), ST_OK);
    assert_int_equal(b->ops->commit(b, progress), ST_OK);
}

static uint64_t progress(struct backend *b, int64_t session)
{
    uint64_t n = 0;
    int64_t own = b->session;
    b->session = session;
    assert_int_equal(b->ops->begin(b), ST_OK);
    assert_int_equal(b->ops->progress(b, &n), ST_OK); /* ST_NOT_FOUND: there is no such row */
    b->ops->rollback(b);
    b->session = own;
    return n;
}

static void the_row_of_a_session_and_what_is_done_at_a_start_survive(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct machine m;
        start(&m, seed);
        struct backend *b = open_db();
        int64_t first = b->session;
        lose_power(&m, b);
        b = open_db();
        assert_true(b->session > first); /* its row is there: the number is not given again */
        commit(b, 7);                    /* rows out of a file that goes then */
        int64_t second = b->session;
        lose_power(&m, b);
        b = open_db();
        assert_int_equal(progress(b, first), 0);
        assert_int_equal(progress(b, second), 7);
        b->ops->close(b);
        vfs_use(NULL);
        vdisk_finish(&m.disk);
    }
}

static void a_session_that_is_under_way_may_lose_its_last_commits_and_no_others(void **state)
{
    (void)state;
    bool lost = false;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct machine m;
        start(&m, seed);
        struct backend *b = open_db();
        commit(b, 3);
        b->lazy = true;
        for (uint64_t i = 4; i <= 20; i++) {
            commit(b, i);
        }
        int64_t session = b->session;
        lose_power(&m, b);
        b = open_db();
        uint64_t n = progress(b, session);
        assert_in_range(n, 3, 20);
        lost = lost || n < 20;
        b->ops->close(b);
        vfs_use(NULL);
        vdisk_finish(&m.disk);
    }
    assert_true(lost); /* else this disk forgets nothing, and the test above says nothing */
}

int main(void)
{
    log_set_level(LOG_ERROR);
    vfs_register();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_row_of_a_session_and_what_is_done_at_a_start_survive),
        cmocka_unit_test(a_session_that_is_under_way_may_lose_its_last_commits_and_no_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
