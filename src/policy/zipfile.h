/*
 * zipfile.h - members of a zip archive that lies in memory.
 *
 * The directory is checked by our own code before libzip sees the bytes: the end record must be
 * the last thing in the file, entries and sizes are bounded, and what the directory says must be
 * what libzip found, so that two readers cannot disagree. Memory grows with what was inflated,
 * never with what a header claims. Nothing is written anywhere.
 */
#ifndef POLICY_ZIPFILE_H
#define POLICY_ZIPFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "policy/refusal.h"

#define ZIP_ENTRIES_MAX 4096

struct zipfile;

/*
 * Open the archive of n bytes, which are borrowed until zipfile_close(). not_zip: no end record at
 * the end. zip_struct: the directory contradicts itself. zip_limit: too many entries.
 */
enum status zipfile_open(const uint8_t *bytes, size_t n, struct zipfile **ret_zip,
                         struct refusal *r) MUST_CHECK;
void zipfile_close(struct zipfile *zip); /* NULL is fine */

size_t zipfile_count(const struct zipfile *zip);
/* Name of entry i, valid until the archive's bytes go. */
struct text zipfile_name(const struct zipfile *zip, size_t i);
/* True when at least one member has the name. */
bool zipfile_has(const struct zipfile *zip, const char *name);

/*
 * Read one member of at most max bytes into new memory that the caller frees with free(); the CRC
 * is checked. missing_member, zip_struct (two of that name, header and directory differ),
 * zip_unsupported (encryption, method), zip_limit, crc.
 */
enum status zipfile_read(struct zipfile *zip, const char *name, size_t max, uint8_t **ret_bytes,
                         size_t *ret_n, struct refusal *r) MUST_CHECK;

#endif
