/* test_keys.c - loading, signing, checking, and the simulator's authority. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/files.h"
#include "net/keys.h"

static char dir[64];

static int remove_one(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
    (void)sb;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/deltaflow-keys-XXXXXX");
    return mkdtemp(dir) == NULL;
}

static int teardown(void **state)
{
    (void)state;
    return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *in_dir(const char *name)
{
    static char path[4][160];
    static int i;
    i = (i + 1) % 4;
    snprintf(path[i], sizeof path[i], "%s/%s", dir, name);
    return path[i];
}

static void generate(enum key_kind kind, const char *name)
{
    char pub[64];
    snprintf(pub, sizeof pub, "%s.pub", name);
    assert_int_equal(key_generate(kind, in_dir(name), in_dir(pub), NULL), ST_OK);
}

static void write_key(EVP_PKEY *pkey, const char *name, const char *password)
{
    FILE *f = fopen(in_dir(name), "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PKCS8PrivateKey(f, pkey, password != NULL ? EVP_aes_256_cbc() : NULL,
                                               password, password != NULL ? 4 : 0, NULL, NULL),
                     1);
    fclose(f);
    assert_int_equal(chmod(in_dir(name), 0600), 0);
    EVP_PKEY_free(pkey);
}

static void expect_refusal(const char *name, enum status want, const char *part)
{
    struct key *key = NULL;
    struct err err = {ST_OK, ""};
    assert_int_equal(key_load(in_dir(name), "id", &key, &err), want);
    assert_null(key);
    assert_non_null(strstr(err.text, name)); /* the place */
    if (strstr(err.text, part) == NULL) {
        fail_msg("'%s' does not say '%s'", err.text, part);
    }
}

static void round_trip(enum key_kind kind, const char *name)
{
    char pub[64];
    struct key *key = NULL;
    struct verifier *v = NULL;
    generate(kind, name);
    snprintf(pub, sizeof pub, "%s.pub", name);
    assert_int_equal(key_load(in_dir(name), "key-1", &key, NULL), ST_OK);
    assert_int_equal(key_kind_of(key), kind);
    assert_int_equal(verifier_create(&v), ST_OK);
    assert_int_equal(verifier_add(v, "key-1", in_dir(pub), NULL), ST_OK);
    assert_int_equal(verifier_add(v, "key-1", in_dir(pub), NULL), ST_EXISTS);
    struct signer signer = key_signer(key);
    struct sim_verifier face = verifier_face(v);
    char sig[SIGNATURE_MAX];
    for (int i = 0; i < 3; i++) { /* the context is used again */
        assert_int_equal(
            signer_sign(&signer, 1781159364000 + i, "GET", "/trade-api/ws/v2", sig, sizeof sig),
            ST_OK);
        char text[64];
        int n = snprintf(text, sizeof text, "%lldGET/trade-api/ws/v2", 1781159364000LL + i);
        assert_true(face.verify(face.self, TEXT("key-1"), text, (size_t)n, text_of(sig)));
        assert_false(face.verify(face.self, TEXT("key-2"), text, (size_t)n, text_of(sig)));
        text[3] ^= 1;
        assert_false(face.verify(face.self, TEXT("key-1"), text, (size_t)n, text_of(sig)));
        text[3] ^= 1;
        sig[8] = sig[8] == 'A' ? 'B' : 'A';
        assert_false(face.verify(face.self, TEXT("key-1"), text, (size_t)n, text_of(sig)));
        sig[8] = '!';
        assert_false(face.verify(face.self, TEXT("key-1"), text, (size_t)n, text_of(sig)));
    }
    assert_true(face.known(face.self, TEXT("key-1")));
    assert_false(face.known(face.self, TEXT("key")));
    assert_int_equal(signer.sign(signer.self, "x", 1, sig, 20), ST_LIMIT);
    verifier_destroy(v);
    key_destroy(key);
}

static void rsa_signatures_are_pss_and_check(void **state)
{
    (void)state;
    round_trip(KEY_RSA, "rsa.pem");
}

static void ed25519_signatures_check(void **state)
{
    (void)state;
    round_trip(KEY_ED25519, "ed.pem");
}

static void missing_file_is_not_found(void **state)
{
    (void)state;
    expect_refusal("nothing.pem", ST_NOT_FOUND, "No such file");
}

static void key_that_others_may_read_is_refused(void **state)
{
    (void)state;
    generate(KEY_ED25519, "open.pem");
    chmod(in_dir("open.pem"), 0640);
    expect_refusal("open.pem", ST_DENIED, "chmod 600");
    chmod(in_dir("open.pem"), 0604);
    expect_refusal("open.pem", ST_DENIED, "0604");
}

static void unreadable_key_is_denied(void **state)
{
    (void)state;
    if (geteuid() == 0) {
        skip(); /* root reads everything */
    }
    generate(KEY_ED25519, "none.pem");
    chmod(in_dir("none.pem"), 0);
    expect_refusal("none.pem", ST_DENIED, "Permission denied");
}

static void folder_is_no_key(void **state)
{
    (void)state;
    assert_int_equal(mkdir(in_dir("folder.pem"), 0700), 0);
    expect_refusal("folder.pem", ST_INVALID, "not a file");
}

static void encrypted_key_is_named_as_such(void **state)
{
    (void)state;
    write_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "enc.pem", "abcd");
    expect_refusal("enc.pem", ST_UNSUPPORTED, "encrypted");
}

static void text_and_certificates_and_public_keys_are_no_private_key(void **state)
{
    (void)state;
    assert_int_equal(file_write(in_dir("text.pem"), "hello\n", 6, 0600, NULL), ST_OK);
    expect_refusal("text.pem", ST_MALFORMED, "no PEM private key");
    assert_int_equal(file_write(in_dir("empty.pem"), "", 0, 0600, NULL), ST_OK);
    expect_refusal("empty.pem", ST_MALFORMED, "no PEM private key");
    generate(KEY_ED25519, "some.pem");
    chmod(in_dir("some.pem.pub"), 0600);
    expect_refusal("some.pem.pub", ST_MALFORMED, "no PEM private key");
}

static void other_kinds_and_short_rsa_are_unsupported(void **state)
{
    (void)state;
    write_key(EVP_EC_gen("P-256"), "ec.pem", NULL);
    expect_refusal("ec.pem", ST_UNSUPPORTED, "neither RSA");
    write_key(EVP_RSA_gen(1024), "short.pem", NULL);
    expect_refusal("short.pem", ST_UNSUPPORTED, "2048");
}

static void large_file_is_refused(void **state)
{
    (void)state;
    char *much = calloc(1, 100000);
    assert_int_equal(file_write(in_dir("large.pem"), much, 100000, 0600, NULL), ST_OK);
    expect_refusal("large.pem", ST_LIMIT, "larger");
    free(much);
}

/* A rename would take the pipe away, /dev/stdout of the whole machine for a privileged user. */
static void a_pipe_is_written_and_stays(void **state)
{
    (void)state;
    char path[PATH_MAX], got[8] = "";
    snprintf(path, sizeof path, "%s", in_dir("pipe"));
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_int_equal(file_write(path, "hello\n", 6, 0600, NULL), ST_OK);
    assert_int_equal(read(reader, got, sizeof got), 6);
    assert_string_equal(got, "hello\n");
    close(reader);
    struct stat is;
    assert_int_equal(stat(path, &is), 0);
    assert_true(S_ISFIFO(is.st_mode));
}

static void the_target_of_a_link_is_written_and_the_link_stays(void **state)
{
    (void)state;
    char link[PATH_MAX];
    assert_int_equal(file_write(in_dir("target"), "old", 3, 0600, NULL), ST_OK);
    snprintf(link, sizeof link, "%s", in_dir("link"));
    assert_int_equal(symlink("target", link), 0);
    assert_int_equal(file_write(link, "hello\n", 6, 0600, NULL), ST_OK);
    struct stat is;
    assert_int_equal(lstat(link, &is), 0);
    assert_true(S_ISLNK(is.st_mode));
    struct buf b;
    buf_init(&b, 100);
    assert_int_equal(file_read(in_dir("target"), &b, NULL), ST_OK);
    assert_int_equal(b.n, 6);
    buf_finish(&b);
}

static void private_key_files_are_mode_0600(void **state)
{
    (void)state;
    struct stat sb;
    mode_t was = umask(0);
    generate(KEY_ED25519, "mode.pem");
    umask(was);
    assert_int_equal(stat(in_dir("mode.pem"), &sb), 0);
    assert_int_equal(sb.st_mode & 07777, 0600);
}

static void empty_key_id_is_refused(void **state)
{
    (void)state;
    struct key *key = NULL;
    generate(KEY_ED25519, "id.pem");
    assert_int_equal(key_load(in_dir("id.pem"), "", &key, NULL), ST_INVALID);
}

static X509 *load_cert(const char *path)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    X509 *cert = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    assert_non_null(cert);
    return cert;
}

static void authority_signs_a_server_certificate_for_loopback_names(void **state)
{
    (void)state;
    struct ca_files f;
    assert_int_equal(ca_ensure(in_dir("ca/deep"), "127.0.0.1", &f, NULL), ST_OK);
    X509 *ca = load_cert(f.ca_cert);
    X509 *server = load_cert(f.server_cert);
    assert_int_equal(X509_verify(server, X509_get0_pubkey(ca)), 1);
    assert_int_equal(X509_check_host(server, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(server, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(server, "::1", 0), 1);
    assert_int_equal(X509_check_host(server, "example.com", 0, 0, NULL), 0);
    assert_true(X509_check_ca(ca) > 0);
    assert_int_equal(X509_check_ca(server), 0);
    struct stat sb;
    assert_int_equal(stat(f.server_key, &sb), 0);
    assert_int_equal(sb.st_mode & 0777, 0600);
    X509_free(ca);
    X509_free(server);
}

static void authority_is_kept_and_the_server_renewed_for_a_new_address(void **state)
{
    (void)state;
    struct ca_files f;
    assert_int_equal(ca_ensure(in_dir("keep"), "127.0.0.1", &f, NULL), ST_OK);
    X509 *ca = load_cert(f.ca_cert);
    X509 *first = load_cert(f.server_cert);
    assert_int_equal(ca_ensure(in_dir("keep"), "127.0.0.1", &f, NULL), ST_OK);
    X509 *again = load_cert(f.server_cert);
    assert_int_equal(X509_cmp(first, again), 0);
    assert_int_equal(ca_ensure(in_dir("keep"), "10.1.2.3", &f, NULL), ST_OK);
    X509 *other = load_cert(f.server_cert);
    X509 *same_ca = load_cert(f.ca_cert);
    assert_int_equal(X509_cmp(ca, same_ca), 0);
    assert_int_not_equal(X509_cmp(first, other), 0);
    assert_int_equal(X509_check_ip_asc(other, "10.1.2.3", 0), 1);
    X509_free(ca);
    X509_free(first);
    X509_free(again);
    X509_free(other);
    X509_free(same_ca);
}

static void damaged_authority_is_made_anew(void **state)
{
    (void)state;
    struct ca_files f;
    assert_int_equal(ca_ensure(in_dir("torn"), "127.0.0.1", &f, NULL), ST_OK);
    assert_int_equal(file_write(f.ca_cert, "x", 1, 0644, NULL), ST_OK);
    assert_int_equal(ca_ensure(in_dir("torn"), "127.0.0.1", &f, NULL), ST_OK);
    X509 *ca = load_cert(f.ca_cert);
    X509 *server = load_cert(f.server_cert);
    assert_int_equal(X509_verify(server, X509_get0_pubkey(ca)), 1);
    X509_free(ca);
    X509_free(server);
}

static void folder_that_cannot_be_made_is_named(void **state)
{
    (void)state;
    struct ca_files f;
    struct err err = {ST_OK, ""};
    assert_int_equal(file_write(in_dir("file"), "x", 1, 0600, NULL), ST_OK);
    assert_int_not_equal(ca_ensure(in_dir("file/sub"), "127.0.0.1", &f, &err), ST_OK);
    assert_non_null(strstr(err.text, "file/sub"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rsa_signatures_are_pss_and_check),
        cmocka_unit_test(ed25519_signatures_check),
        cmocka_unit_test(missing_file_is_not_found),
        cmocka_unit_test(key_that_others_may_read_is_refused),
        cmocka_unit_test(unreadable_key_is_denied),
        cmocka_unit_test(folder_is_no_key),
        cmocka_unit_test(encrypted_key_is_named_as_such),
        cmocka_unit_test(text_and_certificates_and_public_keys_are_no_private_key),
        cmocka_unit_test(other_kinds_and_short_rsa_are_unsupported),
        cmocka_unit_test(large_file_is_refused),
        cmocka_unit_test(a_pipe_is_written_and_stays),
        cmocka_unit_test(the_target_of_a_link_is_written_and_the_link_stays),
        cmocka_unit_test(private_key_files_are_mode_0600),
        cmocka_unit_test(empty_key_id_is_refused),
        cmocka_unit_test(authority_signs_a_server_certificate_for_loopback_names),
        cmocka_unit_test(authority_is_kept_and_the_server_renewed_for_a_new_address),
        cmocka_unit_test(damaged_authority_is_made_anew),
        cmocka_unit_test(folder_that_cannot_be_made_is_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
