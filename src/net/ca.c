/*
 * ca.c - the simulator's own certificate authority: one P-256 key and certificate for the
 * authority, one for the server. A lock file keeps two first starts apart.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "net/files.h"
#include "net/keys.h"

#define DAY_S          (24L * 3600)
#define CA_DAYS        3650
#define SERVER_DAYS    800
#define SERVER_DAYS_UP 30 /* renewed when fewer are left */

struct pair {
    EVP_PKEY *key;
    X509 *cert;
};

static void pair_free(struct pair *p)
{
    EVP_PKEY_free(p->key);
    X509_free(p->cert);
    *p = (struct pair){NULL, NULL};
}

static bool add_ext(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = ext != NULL && X509_add_ext(cert, ext, -1) > 0;
    X509_EXTENSION_free(ext);
    return ok;
}

static bool set_serial(X509 *cert)
{
    unsigned char b[8];
    uint64_t v = 0;
    if (RAND_bytes(b, sizeof b) != 1) {
        return false;
    }
    memcpy(&v, b, sizeof v);
    return ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), (v >> 1) | 1) > 0;
}

/* A certificate for key with what both kinds share; not signed yet. */
static X509 *new_cert(EVP_PKEY *key, const char *name, const X509 *issuer, long days)
{
    X509 *cert = X509_new();
    if (cert == NULL) {
        return NULL;
    }
    X509_NAME *subject = X509_get_subject_name(cert);
    bool ok =
        X509_set_version(cert, X509_VERSION_3) > 0 && set_serial(cert) &&
        X509_gmtime_adj(X509_getm_notBefore(cert), -DAY_S) != NULL &&
        X509_gmtime_adj(X509_getm_notAfter(cert), days * DAY_S) != NULL &&
        X509_set_pubkey(cert, key) > 0 &&
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                                   -1, 0) > 0 &&
        X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : subject) > 0;
    if (!ok) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static enum status make_ca(struct pair *ca)
{
    ca->key = EVP_EC_gen("P-256");
    ca->cert = ca->key != NULL ? new_cert(ca->key, "deltaflow simulator CA", NULL, CA_DAYS) : NULL;
    bool ok = ca->cert != NULL &&
              add_ext(ca->cert, ca->cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
              add_ext(ca->cert, ca->cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
              add_ext(ca->cert, ca->cert, NID_subject_key_identifier, "hash") &&
              X509_sign(ca->cert, ca->key, EVP_sha256()) > 0;
    return ok ? ST_OK : ST_IO;
}

static bool numeric_address(const char *s)
{
    ASN1_OCTET_STRING *ip = a2i_IPADDRESS(s);
    ASN1_OCTET_STRING_free(ip);
    ERR_clear_error();
    return ip != NULL;
}

static enum status make_server(const struct pair *ca, const char *address, struct pair *server)
{
    char san[512];
    const char *kind = numeric_address(address) ? "IP" : "DNS";
    int n = snprintf(san, sizeof san, "DNS:localhost,IP:127.0.0.1,IP:::1,%s:%s", kind, address);
    if (n < 0 || (size_t)n >= sizeof san || strpbrk(address, ",: ") != NULL) {
        snprintf(san, sizeof san, "DNS:localhost,IP:127.0.0.1,IP:::1");
    }
    server->key = EVP_EC_gen("P-256");
    server->cert = server->key != NULL
                       ? new_cert(server->key, "deltaflow simulator", ca->cert, SERVER_DAYS)
                       : NULL;
    bool ok = server->cert != NULL &&
              add_ext(server->cert, ca->cert, NID_basic_constraints, "critical,CA:FALSE") &&
              add_ext(server->cert, ca->cert, NID_key_usage, "critical,digitalSignature") &&
              add_ext(server->cert, ca->cert, NID_ext_key_usage, "serverAuth") &&
              add_ext(server->cert, ca->cert, NID_subject_alt_name, san) &&
              add_ext(server->cert, ca->cert, NID_authority_key_identifier, "keyid:always") &&
              X509_sign(server->cert, ca->key, EVP_sha256()) > 0;
    return ok ? ST_OK : ST_IO;
}

/* --- files --- */

static enum status save(const char *path, BIO *bio, mode_t mode, struct err *err)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    enum status st = n > 0 ? file_write(path, p, (size_t)n, mode, err)
                           : err_set(err, ST_NOMEM, "%s: nothing to write", path);
    if (p != NULL) {
        OPENSSL_cleanse(p, (size_t)n);
    }
    return st;
}

static enum status save_pair(const struct pair *p, const char *key_path, const char *cert_path,
                             struct err *err)
{
    BIO *key = BIO_new(BIO_s_mem());
    BIO *cert = BIO_new(BIO_s_mem());
    enum status st = ST_OK;
    if (key == NULL || cert == NULL ||
        PEM_write_bio_PKCS8PrivateKey(key, p->key, NULL, NULL, 0, NULL, NULL) <= 0 ||
        PEM_write_bio_X509(cert, p->cert) <= 0) {
        st = err_set(err, ST_NOMEM, "%s: the certificate cannot be written", cert_path);
    }
    if (st == ST_OK) {
        st = save(key_path, key, 0600, err);
    }
    if (st == ST_OK) {
        st = save(cert_path, cert, 0644, err);
    }
    BIO_free(key);
    BIO_free(cert);
    return st;
}

/* False: a file is missing, unreadable, or the two do not belong together. */
static bool load_pair(const char *key_path, const char *cert_path, struct pair *ret)
{
    BIO *key = BIO_new_file(key_path, "r");
    BIO *cert = BIO_new_file(cert_path, "r");
    if (key != NULL && cert != NULL) {
        ret->key = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
        ret->cert = PEM_read_bio_X509(cert, NULL, NULL, NULL);
    }
    BIO_free(key);
    BIO_free(cert);
    bool ok =
        ret->key != NULL && ret->cert != NULL && X509_check_private_key(ret->cert, ret->key) > 0;
    ERR_clear_error();
    if (!ok) {
        pair_free(ret);
    }
    return ok;
}

static bool lasts(const X509 *cert, long days)
{
    int left_days = 0;
    int left_s = 0;
    return ASN1_TIME_diff(&left_days, &left_s, NULL, X509_get0_notAfter(cert)) > 0 &&
           left_days >= days;
}

static bool covers(X509 *cert, const char *address)
{
    return numeric_address(address) ? X509_check_ip_asc(cert, address, 0) == 1
                                    : X509_check_host(cert, address, 0, 0, NULL) == 1;
}

static enum status ensure_locked(const char *dir, const char *address, const struct ca_files *f,
                                 struct err *err)
{
    char ca_key[NET_PATH_MAX + 16];
    snprintf(ca_key, sizeof ca_key, "%s/ca.key", dir);
    struct pair ca = {NULL, NULL};
    struct pair server = {NULL, NULL};
    enum status st = ST_OK;
    bool fresh_ca = !load_pair(ca_key, f->ca_cert, &ca) || !lasts(ca.cert, SERVER_DAYS_UP);
    if (fresh_ca) {
        pair_free(&ca);
        st = make_ca(&ca);
        st = st == ST_OK ? save_pair(&ca, ca_key, f->ca_cert, err)
                         : err_set(err, st, "%s: OpenSSL made no authority", dir);
    }
    bool good = st == ST_OK && !fresh_ca && load_pair(f->server_key, f->server_cert, &server) &&
                lasts(server.cert, SERVER_DAYS_UP) && covers(server.cert, address) &&
                X509_verify(server.cert, ca.key) > 0;
    if (st == ST_OK && !good) {
        pair_free(&server);
        st = make_server(&ca, address, &server);
        st = st == ST_OK ? save_pair(&server, f->server_key, f->server_cert, err)
                         : err_set(err, st, "%s: OpenSSL made no certificate", dir);
    }
    pair_free(&ca);
    pair_free(&server);
    ERR_clear_error();
    return st;
}

enum status ca_ensure(const char *dir, const char *address, struct ca_files *ret_files,
                      struct err *err)
{
    if (strlen(dir) + 32 > NET_PATH_MAX) {
        return err_set(err, ST_LIMIT, "%s: path too long", dir);
    }
    enum status st = folder_make(dir, err);
    if (st != ST_OK) {
        return st;
    }
    struct ca_files f;
    snprintf(f.ca_cert, sizeof f.ca_cert, "%s/ca.pem", dir);
    snprintf(f.server_cert, sizeof f.server_cert, "%s/server.pem", dir);
    snprintf(f.server_key, sizeof f.server_key, "%s/server.key", dir);
    int lock = -1;
    st = folder_lock(dir, &lock, err);
    if (st != ST_OK) {
        return st;
    }
    st = ensure_locked(dir, address, &f, err);
    folder_unlock(lock);
    if (st == ST_OK) {
        *ret_files = f;
    }
    return st;
}
