#include "net/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/files.h"

#define KEY_FILE_MAX  ((size_t)64 << 10)
#define RSA_BITS_MIN  2048
#define KEY_BYTES_MAX 1024 /* of a signature: RSA of 8192 bits */

struct key {
    EVP_PKEY *pkey;
    EVP_MD_CTX *ctx;
    enum key_kind kind;
    char id[128];
};

const char *key_kind_name(enum key_kind kind)
{
    return kind == KEY_RSA ? "rsa" : "ed25519";
}

/* --- loading --- */

/* Called when a file is encrypted: there is nobody to ask, and the flag tells why it failed. */
static int no_password(char *buf, int size, int rwflag, void *self)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    *(bool *)self = true;
    return -1;
}

static enum status private_mode(const char *path, struct err *err)
{
    struct stat sb;
    if (stat(path, &sb) != 0) {
        return ST_OK; /* reading tells it better */
    }
    if (!S_ISREG(sb.st_mode)) {
        return err_set(err, ST_INVALID, "%s: not a file", path);
    }
    if ((sb.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return err_set(err, ST_DENIED,
                       "%s: mode %04o lets others at the private key; do: chmod 600 %s", path,
                       (unsigned)(sb.st_mode & 07777), path);
    }
    return ST_OK;
}

static enum status kind_of(const EVP_PKEY *pkey, enum key_kind *ret)
{
    switch (EVP_PKEY_get_base_id(pkey)) {
    case EVP_PKEY_RSA:
        *ret = KEY_RSA;
        return EVP_PKEY_get_bits(pkey) >= RSA_BITS_MIN &&
                       EVP_PKEY_get_size(pkey) <= KEY_BYTES_MAX * 3 / 4
                   ? ST_OK
                   : ST_UNSUPPORTED;
    case EVP_PKEY_ED25519:
        *ret = KEY_ED25519;
        return ST_OK;
    default:
        return ST_UNSUPPORTED;
    }
}

static enum status parse_pem(const char *path, const struct buf *pem, bool private,
                             EVP_PKEY **ret_pkey, enum key_kind *ret_kind, struct err *err)
{
    bool encrypted = false;
    BIO *bio = BIO_new_mem_buf(pem->n > 0 ? pem->p : "", (int)pem->n);
    if (bio == NULL) {
        return err_set(err, ST_NOMEM, "%s: out of memory", path);
    }
    EVP_PKEY *pkey = private ? PEM_read_bio_PrivateKey(bio, NULL, no_password, &encrypted)
                             : PEM_read_bio_PUBKEY(bio, NULL, no_password, &encrypted);
    BIO_free(bio);
    ERR_clear_error();
    if (pkey == NULL && encrypted) {
        return err_set(err, ST_UNSUPPORTED,
                       "%s: the key is encrypted; decrypt it first (openssl pkey -in ... -out ...)",
                       path);
    }
    if (pkey == NULL) {
        return err_set(err, ST_MALFORMED, "%s: no PEM %s key in it", path,
                       private ? "private" : "public");
    }
    if (kind_of(pkey, ret_kind) != ST_OK) {
        EVP_PKEY_free(pkey);
        return err_set(err, ST_UNSUPPORTED, "%s: key is neither RSA of %d bits or more nor Ed25519",
                       path, RSA_BITS_MIN);
    }
    *ret_pkey = pkey;
    return ST_OK;
}

static enum status load_pem(const char *path, bool private, EVP_PKEY **ret_pkey,
                            enum key_kind *ret_kind, struct err *err)
{
    struct buf pem;
    buf_init(&pem, KEY_FILE_MAX);
    enum status st = private ? private_mode(path, err) : ST_OK;
    if (st == ST_OK) {
        st = file_read(path, &pem, err);
    }
    if (st == ST_OK) {
        st = parse_pem(path, &pem, private, ret_pkey, ret_kind, err);
    }
    if (pem.p != NULL) {
        OPENSSL_cleanse(pem.p, pem.cap);
    }
    buf_finish(&pem);
    return st;
}

enum status key_load(const char *path, const char *key_id, struct key **ret_key, struct err *err)
{
    struct key *key = calloc(1, sizeof *key);
    if (key == NULL) {
        return err_set(err, ST_NOMEM, "%s: out of memory", path);
    }
    enum status st = ST_OK;
    if (key_id[0] == '\0' || !text_copy(key->id, sizeof key->id, text_of(key_id))) {
        st = err_set(err, ST_INVALID, "key id is empty or longer than %zu characters",
                     sizeof key->id - 1);
    }
    if (st == ST_OK) {
        st = load_pem(path, true, &key->pkey, &key->kind, err);
    }
    if (st == ST_OK) {
        key->ctx = EVP_MD_CTX_new();
        if (key->ctx == NULL) {
            st = err_set(err, ST_NOMEM, "%s: out of memory", path);
        }
    }
    if (st != ST_OK) {
        key_destroy(key);
        return st;
    }
    *ret_key = key;
    return ST_OK;
}

void key_destroy(struct key *key)
{
    if (key == NULL) {
        return;
    }
    EVP_MD_CTX_free(key->ctx);
    EVP_PKEY_free(key->pkey);
    free(key);
}

enum key_kind key_kind_of(const struct key *key)
{
    return key->kind;
}

/* --- signing and checking --- */

static bool pss(EVP_PKEY_CTX *pctx)
{
    return EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) > 0;
}

static enum status key_sign(void *self, const char *text, size_t n, char *sig, size_t cap)
{
    struct key *key = self;
    unsigned char raw[KEY_BYTES_MAX];
    size_t len = sizeof raw;
    EVP_PKEY_CTX *pctx = NULL;
    const EVP_MD *md = key->kind == KEY_RSA ? EVP_sha256() : NULL;
    bool ok = EVP_MD_CTX_reset(key->ctx) > 0 &&
              EVP_DigestSignInit(key->ctx, &pctx, md, NULL, key->pkey) > 0 &&
              (key->kind != KEY_RSA || pss(pctx)) &&
              EVP_DigestSign(key->ctx, raw, &len, (const unsigned char *)text, n) > 0;
    ERR_clear_error();
    if (!ok) {
        return ST_IO;
    }
    if (cap < (len + 2) / 3 * 4 + 1) {
        return ST_LIMIT;
    }
    EVP_EncodeBlock((unsigned char *)sig, raw, (int)len);
    return ST_OK;
}

struct signer key_signer(struct key *key)
{
    return (struct signer){.self = key, .key_id = key->id, .sign = key_sign};
}

struct verifier {
    EVP_MD_CTX *ctx;
    size_t n;
    struct verifier_key {
        char id[128];
        EVP_PKEY *pkey;
        enum key_kind kind;
    } keys[1024];
};

enum status verifier_create(struct verifier **ret_v)
{
    struct verifier *v = calloc(1, sizeof *v);
    if (v == NULL) {
        return ST_NOMEM;
    }
    v->ctx = EVP_MD_CTX_new();
    if (v->ctx == NULL) {
        free(v);
        return ST_NOMEM;
    }
    *ret_v = v;
    return ST_OK;
}

void verifier_destroy(struct verifier *v)
{
    if (v == NULL) {
        return;
    }
    for (size_t i = 0; i < v->n; i++) {
        EVP_PKEY_free(v->keys[i].pkey);
    }
    EVP_MD_CTX_free(v->ctx);
    free(v);
}

static struct verifier_key *find(struct verifier *v, struct text id)
{
    for (size_t i = 0; i < v->n; i++) {
        if (text_equal(text_of(v->keys[i].id), id)) {
            return &v->keys[i];
        }
    }
    return NULL;
}

/* The next place, with the id in it; v->n is raised when the key is there too. */
static enum status place_of(struct verifier *v, const char *key_id, struct verifier_key **ret,
                            struct err *err)
{
    if (v->n == sizeof v->keys / sizeof v->keys[0]) {
        return err_set(err, ST_LIMIT, "more than %zu users", v->n);
    }
    if (find(v, text_of(key_id)) != NULL) {
        return err_set(err, ST_EXISTS, "key id %s is there twice", key_id);
    }
    struct verifier_key *k = &v->keys[v->n];
    if (!text_copy(k->id, sizeof k->id, text_of(key_id))) {
        return err_set(err, ST_LIMIT, "key id is longer than %zu characters", sizeof k->id - 1);
    }
    *ret = k;
    return ST_OK;
}

enum status verifier_add(struct verifier *v, const char *key_id, const char *public_path,
                         struct err *err)
{
    struct verifier_key *k = NULL;
    enum status st = place_of(v, key_id, &k, err);
    st = st == ST_OK ? load_pem(public_path, false, &k->pkey, &k->kind, err) : st;
    v->n += st == ST_OK ? 1 : 0;
    return st;
}

enum status verifier_add_pem(struct verifier *v, const char *key_id, struct text pem,
                             struct err *err)
{
    struct verifier_key *k = NULL;
    struct buf copy;
    buf_init(&copy, KEY_FILE_MAX);
    buf_add(&copy, pem.p, pem.n);
    enum status st = copy.failed ? err_set(err, ST_LIMIT, "key %s: text too long", key_id)
                                 : place_of(v, key_id, &k, err);
    st = st == ST_OK ? parse_pem(key_id, &copy, false, &k->pkey, &k->kind, err) : st;
    v->n += st == ST_OK ? 1 : 0;
    buf_finish(&copy);
    return st;
}

/* Standard base64 with padding, strictly: no white space, nothing after the padding. */
static bool base64_decode(struct text s, unsigned char *out, size_t cap, size_t *ret_n)
{
    if (s.n == 0 || s.n % 4 != 0 || s.n / 4 * 3 > cap) {
        return false;
    }
    size_t pad = s.p[s.n - 1] != '=' ? 0 : s.p[s.n - 2] != '=' ? 1 : 2;
    for (size_t i = 0; i < s.n - pad; i++) {
        char c = s.p[i];
        bool ok = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '+' || c == '/';
        if (!ok) {
            return false;
        }
    }
    int n = EVP_DecodeBlock(out, (const unsigned char *)s.p, (int)s.n);
    if (n < (int)pad) {
        return false;
    }
    *ret_n = (size_t)n - pad;
    return true;
}

static bool verifier_verify(void *self, struct text key_id, const char *text, size_t n,
                            struct text signature)
{
    struct verifier *v = self;
    const struct verifier_key *k = find(v, key_id);
    unsigned char raw[KEY_BYTES_MAX];
    size_t len = 0;
    if (k == NULL || !base64_decode(signature, raw, sizeof raw, &len)) {
        return false;
    }
    EVP_PKEY_CTX *pctx = NULL;
    const EVP_MD *md = k->kind == KEY_RSA ? EVP_sha256() : NULL;
    bool ok = EVP_MD_CTX_reset(v->ctx) > 0 &&
              EVP_DigestVerifyInit(v->ctx, &pctx, md, NULL, k->pkey) > 0 &&
              (k->kind != KEY_RSA || pss(pctx)) &&
              EVP_DigestVerify(v->ctx, raw, len, (const unsigned char *)text, n) == 1;
    ERR_clear_error();
    return ok;
}

static bool verifier_known(void *self, struct text key_id)
{
    return find(self, key_id) != NULL;
}

struct sim_verifier verifier_face(struct verifier *v)
{
    return (struct sim_verifier){.self = v, .verify = verifier_verify, .known = verifier_known};
}

/* --- new keys --- */

static bool pem_text(EVP_PKEY *pkey, bool private, struct buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio != NULL &&
              (private ? PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
                       : PEM_write_bio_PUBKEY(bio, pkey)) > 0;
    char *p = NULL;
    long n = ok ? BIO_get_mem_data(bio, &p) : 0;
    buf_add(out, n > 0 ? p : "", n > 0 ? (size_t)n : 0);
    if (p != NULL) {
        OPENSSL_cleanse(p, (size_t)n);
    }
    BIO_free(bio);
    return n > 0 && !out->failed;
}

static enum status write_pem(EVP_PKEY *pkey, const char *path, bool private, struct err *err)
{
    struct buf pem;
    buf_init(&pem, KEY_PEM_MAX);
    enum status st = pem_text(pkey, private, &pem)
                         ? file_write(path, pem.p, pem.n, private ? 0600 : 0644, err)
                         : err_set(err, ST_NOMEM, "%s: the key cannot be written", path);
    if (pem.p != NULL) {
        OPENSSL_cleanse(pem.p, pem.cap);
    }
    buf_finish(&pem);
    return st;
}

enum status key_make(enum key_kind kind, int bits, struct buf *ret_private, struct buf *ret_public,
                     struct err *err)
{
    if (kind == KEY_RSA && (bits < RSA_BITS_MIN || bits > KEY_BYTES_MAX * 8)) {
        return err_set(err, ST_INVALID, "RSA of %d bits: 2048 to %d", bits, KEY_BYTES_MAX * 8);
    }
    EVP_PKEY *pkey =
        kind == KEY_RSA ? EVP_RSA_gen((unsigned)bits) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (pkey == NULL) {
        return err_set(err, ST_IO, "no new key from OpenSSL");
    }
    bool ok = pem_text(pkey, true, ret_private) && pem_text(pkey, false, ret_public);
    EVP_PKEY_free(pkey);
    return ok ? ST_OK : err_set(err, ST_NOMEM, "no memory for a key");
}

/* --- the keys of the API --- */

static bool id_text(struct text key_id, char out[128])
{
    return text_copy(out, 128, key_id);
}

static enum status keys_add(void *self, struct text key_id, const char *pem, size_t n)
{
    char id[128];
    struct err err = {0};
    return id_text(key_id, id) ? verifier_add_pem(self, id, (struct text){pem, n}, &err)
                               : ST_INVALID;
}

static enum status keys_generate(void *self, struct text key_id, bool ed25519, struct buf *ret_pem)
{
    struct buf public;
    struct err err = {0};
    buf_init(&public, KEY_PEM_MAX);
    enum status st =
        key_make(ed25519 ? KEY_ED25519 : KEY_RSA, RSA_BITS_MIN, ret_pem, &public, &err);
    st = st == ST_OK ? keys_add(self, key_id, public.p, public.n) : st;
    buf_finish(&public);
    return st;
}

static void keys_remove(void *self, struct text key_id)
{
    struct verifier *v = self;
    struct verifier_key *k = find(v, key_id);
    if (k != NULL) {
        EVP_PKEY_free(k->pkey);
        *k = v->keys[--v->n];
        v->keys[v->n] = (struct verifier_key){0};
    }
}

static bool keys_public(void *self, struct text key_id, struct buf *ret_pem)
{
    struct verifier_key *k = find(self, key_id);
    return k != NULL && pem_text(k->pkey, false, ret_pem);
}

struct sim_keys verifier_keys(struct verifier *v)
{
    return (struct sim_keys){v, keys_add, keys_generate, keys_remove, keys_public};
}

enum status key_generate(enum key_kind kind, const char *private_path, const char *public_path,
                         struct err *err)
{
    EVP_PKEY *pkey =
        kind == KEY_RSA ? EVP_RSA_gen(RSA_BITS_MIN) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (pkey == NULL) {
        return err_set(err, ST_IO, "%s: no new key from OpenSSL", private_path);
    }
    enum status st = write_pem(pkey, private_path, true, err);
    if (st == ST_OK) {
        st = write_pem(pkey, public_path, false, err);
    }
    EVP_PKEY_free(pkey);
    return st;
}

enum status uuid_random(char out[37])
{
    unsigned char b[16];
    if (RAND_bytes(b, sizeof b) != 1) {
        return ST_IO;
    }
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
    return ST_OK;
}

enum status seed_random(uint64_t *ret_seed)
{
    return RAND_bytes((unsigned char *)ret_seed, sizeof *ret_seed) == 1 ? ST_OK : ST_IO;
}
