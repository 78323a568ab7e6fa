/*
 * store_peers.h - what bench_store compares with: SQLite's own ways to do the same.
 *
 * Each works on a database that the store has made, with the settings of the store's connection, so
 * that the tables are the same. Returns what it took; ends the program when something fails.
 */
#ifndef TESTS_BENCH_STORE_PEERS_H
#define TESTS_BENCH_STORE_PEERS_H

#include "store_input.h"

struct took {
    int64_t wall_ns;
    int64_t cpu_ns; /* user and system, of this process or of the one that was run */
};

struct took took_begin(void);
struct took took_end(struct took begun);

/* A prepared INSERT for each table: bind, step, reset for each row, in one transaction. */
struct took peer_insert_loop(const char *db_path, const struct input *in);

/* The deltas as CSV, columns as in their table. */
void peer_write_csv(const char *csv_path, const struct input *in);
/* The sqlite3 shell's own .import of that file, its start and end included. */
struct took peer_import(const char *db_path, const char *csv_path);

/* SELECT of all columns of the deltas in order, each read as a number. */
struct took peer_select_loop(const char *db_path, size_t rows);
/* read(2) of the whole file, 1 MiB at a time. */
struct took peer_read_file(const char *db_path, int64_t *ret_bytes);

int64_t peer_count(const char *db_path, const char *table);

#endif
