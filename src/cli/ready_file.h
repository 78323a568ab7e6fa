/*
 * ready_file.h - the file that `deltaflow sim --ready-file` writes and `deltaflow run --exchange`
 * takes.
 */
#ifndef CLI_READY_FILE_H
#define CLI_READY_FILE_H

#include "config/config.h"

/*
 * Fill exchange.rest_url, ws_url, ca_file, key_id, key_file and feed.markets from path, each where
 * it is still at its default. ST_NOT_FOUND, ST_MALFORMED; err names path and key.
 */
enum status ready_file_apply(struct config *c, const char *path, struct err *err) MUST_CHECK;

#endif
