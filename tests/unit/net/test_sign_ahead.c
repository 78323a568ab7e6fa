/* The thread that signs ahead, with real keys: what it gives is good, is used once, and is there.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/keys.h"
#include "net/sign_ahead.h"

#define ID "c6f1f2a6-5c3e-4c3f-9d3e-000000000001"

static char folder[64];

static bool good(struct verifier *v, int64_t ts, const char *method, const char *path,
                 const char *sig)
{
    char text[320];
    int n = snprintf(text, sizeof text, "%lld%s%s", (long long)ts, method, path);
    struct sim_verifier face = verifier_face(v);
    return face.verify(face.self, text_of(ID), text, (size_t)n, text_of(sig));
}

static bool wait_ready(struct sign_ahead *s, uint32_t n)
{
    for (int i = 0; i < 60000; i++) { /* five minutes: it takes milliseconds */
        if (sign_ahead_stats(s).ready >= n) {
            return true;
        }
        usleep(5000);
    }
    return false;
}

struct taker {
    struct sign_ahead *s;
    _Atomic int64_t newest;
    _Atomic int twice, taken;
};

static void *take_some(void *self)
{
    struct taker *t = self;
    char sig[SIGNATURE_MAX];
    for (int i = 0; i < 200; i++) {
        int64_t ts = 0;
        if (sign_ahead_take(t->s, "POST", "/trade-api/v2/x", &ts, sig)) {
            atomic_fetch_add(&t->taken, 1);
        }
        char path[SIG_PATH_MAX];
        snprintf(path, sizeof path, "/trade-api/v2/x/%d", i % 7);
        if (sign_ahead_keep(t->s, "DELETE", path, (uint32_t)(i % 2)) != ST_OK) {
            atomic_fetch_add(&t->twice, 1);
        }
        usleep(200);
    }
    return NULL;
}

static void try_kind(enum key_kind kind)
{
    char private_path[128], public_path[128];
    struct err err = {0};
    snprintf(private_path, sizeof private_path, "%s/%d.key", folder, (int)kind);
    snprintf(public_path, sizeof public_path, "%s/%d.pub", folder, (int)kind);
    assert_int_equal(key_generate(kind, private_path, public_path, &err), ST_OK);
    struct key *key = NULL;
    assert_int_equal(key_load(private_path, ID, &key, &err), ST_OK);
    struct verifier *v = NULL;
    assert_int_equal(verifier_create(&v), ST_OK);
    assert_int_equal(verifier_add(v, ID, public_path, &err), ST_OK);
    struct signer signer = key_signer(key);
    struct sign_ahead *s = NULL;
    /* None grows too old while the test is held up; sigbook's own test lets them. */
    assert_int_equal(sign_ahead_create(&signer, 8, 3600 * NS_PER_SEC, &s), ST_OK);
    assert_int_equal(sign_ahead_keep(s, "POST", "/trade-api/v2/x", 4), ST_OK);
    assert_true(wait_ready(s, 4));
    char sig[SIGNATURE_MAX];
    int64_t before = 0;
    for (int i = 0; i < 4; i++) {
        int64_t ts = 0;
        assert_true(sign_ahead_take(s, "POST", "/trade-api/v2/x", &ts, sig));
        assert_true(good(v, ts, "POST", "/trade-api/v2/x", sig));
        assert_false(good(v, ts + 1, "POST", "/trade-api/v2/x", sig));
        assert_true(ts > before);
        before = ts;
    }
    struct taker t = {.s = s};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_some, &t), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(atomic_load(&t.twice), 0);
    assert_int_equal(sign_ahead_stats(s).taken, (uint64_t)atomic_load(&t.taken) + 4);
    sign_ahead_destroy(s);
    verifier_destroy(v);
    key_destroy(key);
}

static void rsa_signatures_are_good_and_there_when_needed(void **state)
{
    (void)state;
    try_kind(KEY_RSA);
}

static void ed25519_signatures_are_good_and_there_when_needed(void **state)
{
    (void)state;
    try_kind(KEY_ED25519);
}

int main(void)
{
    snprintf(folder, sizeof folder, "/tmp/deltaflow-sign-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rsa_signatures_are_good_and_there_when_needed),
        cmocka_unit_test(ed25519_signatures_are_good_and_there_when_needed),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char line[128];
    snprintf(line, sizeof line, "rm -rf %s", folder);
    return system(line) == 0 ? failed : 1;
}
