/* databases.h - the databases that the store's tests write into and look at. */
#ifndef TESTS_STORE_DATABASES_H
#define TESTS_STORE_DATABASES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#define DATABASE_MAX 256

/* What path names in this run of the tests. */
extern bool database_is_pg;

/* Run the tests with SQLite, then with a PostgreSQL server of their own, or say why not. Returns
 * how many failed. */
int database_run_both(const struct CMUnitTest *tests, size_t n);
/* With PostgreSQL only. */
int database_run_pg(const struct CMUnitTest *tests, size_t n);

/* A new, empty one: a file in folder, or a URL. */
void database_new(const char *folder, char path[DATABASE_MAX]);

/* First column of the first row as a number (true is 1); fails the test on an SQL error. */
long long sql_number(const char *db_path, const char *sql);
/* The same as text, "NULL" for NULL. */
void sql_text(const char *db_path, const char *sql, char *buf, size_t cap);
void sql_run(const char *db_path, const char *sql);
void sql_check(const char *db_path); /* the database says that it is whole */

/* Every session's digest is that of its rows. A database that cannot be read has no sessions. */
void digests_are_right(const char *db_path);

/* Another connection that holds what the store must write, and its end. */
void *database_lock(const char *db_path);
void database_unlock(void *lock);

#endif
