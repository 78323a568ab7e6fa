/*
 * fuzz_keys.c - key files (PEM): a private key ('P' before it, or 'D' and its inner bytes, which
 * get their armour here) or a user's public one.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/ensure.h"
#include "net/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_private(const uint8_t *p, size_t n)
{
    struct key *key = NULL;
    struct err err = {0};
    char path[64];
    int fd = memfd_create("key", MFD_CLOEXEC);
    ensure(fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, p, n) == (ssize_t)n);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (key_load(path, "id", &key, &err) == ST_OK) {
        ensure(key_kind_of(key) == KEY_RSA || key_kind_of(key) == KEY_ED25519);
        key_destroy(key);
    } else {
        ensure(err.text[0] != '\0');
    }
    close(fd);
}

static void try_inner(const uint8_t *p, size_t n)
{
    static unsigned char base64[16384];
    struct buf pem;
    if (n > 8192) {
        return;
    }
    int len = EVP_EncodeBlock(base64, p, (int)n);
    buf_init(&pem, KEY_PEM_MAX);
    buf_str(&pem, "-----BEGIN PRIVATE" /* not a key in this file */ " KEY-----\n");
    for (int i = 0; i < len; i += 64) {
        buf_printf(&pem, "%.*s\n", len - i < 64 ? len - i : 64, (const char *)base64 + i);
    }
    buf_str(&pem, "-----END PRIVATE KEY-----\n");
    try_private((const uint8_t *)pem.p, pem.n);
    buf_finish(&pem);
}

static void try_public(const uint8_t *p, size_t n)
{
    struct verifier *v = NULL;
    struct err err = {0};
    ensure(verifier_create(&v) == ST_OK);
    ensure(verifier_add_pem(v, "id", (struct text){(const char *)p, n}, &err) == ST_OK ||
           err.text[0] != '\0');
    verifier_destroy(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 'P') {
        try_private(data + 1, size - 1);
    } else if (size > 0 && data[0] == 'D') {
        try_inner(data + 1, size - 1);
    } else {
        try_public(data, size);
    }
    return 0;
}
