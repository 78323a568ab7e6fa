/* The admin socket's lines and its two ends, without a simulator behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/admin.h"

#define PATIENCE (300 * NS_PER_SEC) /* for what comes at once */
#define TOKEN    "00112233445566778899aabbccddeeff"

static enum status parse(const char *line, struct err *err)
{
    json_t *action = NULL;
    enum status st = admin_parse(text_of(line), TOKEN, &action, err);
    if (st == ST_OK) {
        assert_null(json_object_get(action, "token"));
        json_decref(action);
    }
    return st;
}

static void only_the_whole_token_opens(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(parse("{\"token\":\"" TOKEN "\",\"do\":\"x\"}", &err), ST_OK);
    assert_int_equal(parse("{\"token\":\"" TOKEN "0\",\"do\":\"x\"}", &err), ST_DENIED);
    assert_int_equal(parse("{\"token\":\"0011\",\"do\":\"x\"}", &err), ST_DENIED);
    assert_int_equal(parse("{\"token\":\"\",\"do\":\"x\"}", &err), ST_DENIED);
    assert_int_equal(parse("{\"token\":null,\"do\":\"x\"}", &err), ST_DENIED);
    assert_int_equal(parse("{\"do\":\"x\"}", &err), ST_DENIED);
    json_t *action = NULL; /* a simulator without a token lets nobody in */
    assert_int_equal(admin_parse(TEXT("{\"token\":\"\",\"do\":\"x\"}"), "", &action, &err),
                     ST_DENIED);
}

static void what_is_no_action_is_malformed(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(parse("", &err), ST_MALFORMED);
    assert_int_equal(parse("{", &err), ST_MALFORMED);
    assert_int_equal(parse("7", &err), ST_MALFORMED);
    assert_int_equal(parse("{\"token\":\"" TOKEN "\"}", &err), ST_MALFORMED);
    assert_int_equal(parse("{\"token\":\"" TOKEN "\",\"do\":7}", &err), ST_MALFORMED);
    assert_int_equal(parse("{\"token\":\"" TOKEN "\",\"token\":\"a\",\"do\":\"x\"}", &err),
                     ST_MALFORMED);
    char deep[400];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    assert_int_equal(parse(deep, &err), ST_MALFORMED);
}

struct served {
    struct admin *admin;
    _Atomic bool stop;
};

static void act(void *self, const json_t *action, struct buf *reply)
{
    (void)self;
    buf_printf(reply, "{\"ok\":true,\"did\":\"%s\"}",
               json_string_value(json_object_get(action, "do")));
}

static void *serve(void *self)
{
    struct served *s = self;
    while (!atomic_load(&s->stop)) {
        (void)admin_work(s->admin, clock_mono());
        usleep(500);
    }
    return NULL;
}

static void an_action_goes_in_and_a_reply_comes_out(void **state)
{
    (void)state;
    char dir[] = "/tmp/deltaflow-admin-XXXXXX";
    char socket_path[64];
    char token_path[64];
    char token[ADMIN_TOKEN_MAX];
    struct err err = {0};
    struct served s = {0};
    struct stat sb;
    assert_non_null(mkdtemp(dir));
    snprintf(socket_path, sizeof socket_path, "%s/s", dir);
    snprintf(token_path, sizeof token_path, "%s/t", dir);
    json_t *action = json_pack("{s:s}", "do", "something");
    json_t *reply = NULL;
    assert_int_equal(admin_ask(socket_path, "x", action, NS_PER_SEC, &reply, &err), ST_UNREACHABLE);
    assert_int_equal(admin_create(socket_path, token_path, act, NULL, &s.admin, &err), ST_OK);
    assert_int_equal(stat(socket_path, &sb), 0);
    assert_int_equal(sb.st_mode & 0777, 0600);
    struct admin *other = NULL;
    assert_int_equal(admin_create(socket_path, token_path, act, NULL, &other, &err), ST_EXISTS);
    assert_int_equal(admin_token(token_path, token, &err), ST_OK);
    assert_true(strlen(token) >= 32);

    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, serve, &s), 0);
    assert_int_equal(admin_ask(socket_path, token, action, PATIENCE, &reply, &err), ST_OK);
    assert_string_equal(json_string_value(json_object_get(reply, "did")), "something");
    json_decref(reply);
    assert_int_equal(admin_ask(socket_path, "wrong", action, PATIENCE, &reply, &err), ST_OK);
    assert_true(json_is_false(json_object_get(reply, "ok")));
    json_decref(reply);
    atomic_store(&s.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(admin_stats(s.admin)->refused, 1);
    assert_int_equal(admin_stats(s.admin)->requests, 2);
    admin_destroy(s.admin);
    assert_int_not_equal(access(socket_path, F_OK), 0);

    assert_int_equal(chmod(token_path, 0640), 0);
    assert_int_equal(admin_token(token_path, token, &err), ST_DENIED);
    unlink(token_path);
    rmdir(dir);
    json_decref(action);
}

static void a_path_that_is_no_socket_is_left_alone(void **state)
{
    (void)state;
    char dir[] = "/tmp/deltaflow-admin-XXXXXX";
    char path[64];
    char token_path[64];
    char longer[200];
    struct err err = {0};
    struct admin *admin = NULL;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/file", dir);
    snprintf(token_path, sizeof token_path, "%s/t", dir);
    FILE *f = fopen(path, "w");
    fclose(f);
    assert_int_equal(admin_create(path, token_path, act, NULL, &admin, &err), ST_EXISTS);
    assert_int_equal(access(path, F_OK), 0);
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(admin_create(longer, token_path, act, NULL, &admin, &err), ST_LIMIT);
    unlink(path);
    unlink(token_path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_whole_token_opens),
        cmocka_unit_test(what_is_no_action_is_malformed),
        cmocka_unit_test(an_action_goes_in_and_a_reply_comes_out),
        cmocka_unit_test(a_path_that_is_no_socket_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
