/*
 * keys.h - private keys that sign requests, public keys that check them, and the simulator's own
 * certificate authority. All of OpenSSL is behind this.
 *
 * RSA keys sign with RSA-PSS, SHA-256, MGF1 with SHA-256, 32 bytes of salt; Ed25519 keys sign the
 * text itself (kalshi-api.md section 3.1). A key never leaves its struct, and no error text holds a
 * part of one. Owner of a struct: one thread.
 */
#ifndef NET_KEYS_H
#define NET_KEYS_H

#include "base/bytes.h"
#include "exchange/exchange.h"
#include "sim/sim.h"

enum key_kind { KEY_RSA, KEY_ED25519 };
const char *key_kind_name(enum key_kind kind);

struct key; /* a private key with its id */

/*
 * Load a PEM private key (PKCS#8 or PKCS#1). ST_NOT_FOUND, ST_DENIED (not readable, or readable by
 * group or others), ST_UNSUPPORTED (encrypted, or neither RSA of 2048 bits or more nor Ed25519),
 * ST_MALFORMED (no key in it), ST_LIMIT. key_id is copied.
 */
enum status key_load(const char *path, const char *key_id, struct key **ret_key,
                     struct err *err) MUST_CHECK;
void key_destroy(struct key *key); /* NULL is fine */
enum key_kind key_kind_of(const struct key *key);

/* The interface of exchange.h; valid as long as the key. One thread. */
struct signer key_signer(struct key *key);

/* A new key: private PEM (0600) and public PEM (0644). */
enum status key_generate(enum key_kind kind, const char *private_path, const char *public_path,
                         struct err *err) MUST_CHECK;

#define KEY_PEM_MAX ((size_t)64 << 10)
/* A new key as PEM texts, appended; bits: of RSA (2048 to 8192), else not looked at. ST_INVALID,
 * ST_IO, ST_NOMEM. */
enum status key_make(enum key_kind kind, int bits, struct buf *ret_private, struct buf *ret_public,
                     struct err *err) MUST_CHECK;

/* A random UUID (version 4) as text, 37 bytes with NUL. ST_IO. */
enum status uuid_random(char out[37]) MUST_CHECK;

/* A seed for struct rng from the system. ST_IO. */
enum status seed_random(uint64_t *ret_seed) MUST_CHECK;

/* --- checking --- */

struct verifier; /* public keys by id */

enum status verifier_create(struct verifier **ret_v) MUST_CHECK;
void verifier_destroy(struct verifier *v);
/* Errors as of key_load. ST_EXISTS: the id is taken. */
enum status verifier_add(struct verifier *v, const char *key_id, const char *public_path,
                         struct err *err) MUST_CHECK;
/* The same of a PEM text. */
enum status verifier_add_pem(struct verifier *v, const char *key_id, struct text pem,
                             struct err *err) MUST_CHECK;
/* The interfaces of sim.h; valid as long as v. */
struct sim_verifier verifier_face(struct verifier *v);
struct sim_keys verifier_keys(struct verifier *v);

/* --- the simulator's own authority --- */

#define NET_PATH_MAX 1024

struct ca_files {
    char ca_cert[NET_PATH_MAX];     /* what clients trust */
    char server_cert[NET_PATH_MAX]; /* for localhost, 127.0.0.1, ::1, and the address asked for */
    char server_key[NET_PATH_MAX];
};

/*
 * Make what is missing in dir (created when it is not there): an authority, and a server
 * certificate that is valid for address and for some days yet. Two processes may do so at once.
 */
enum status ca_ensure(const char *dir, const char *address, struct ca_files *ret_files,
                      struct err *err) MUST_CHECK;

#endif
