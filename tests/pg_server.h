/*
 * pg_server.h - a PostgreSQL server of a test's own, through the script tests/pg_server.
 *
 * Tests run in the top folder of the tree, where the script is found. One for each test program.
 */
#ifndef TESTS_PG_SERVER_H
#define TESTS_PG_SERVER_H

#include <stdbool.h>
#include <stddef.h>

/* Start it with an empty cluster. settings: "-c name=value ..." or "". False: PostgreSQL is not
 * here, and the reason has been printed. Ends the program when it is here but does not start. */
bool pg_server_start(const char *settings);
/* With everything in it. */
void pg_server_stop(void);

void pg_server_kill(void);                  /* kill -9 */
void pg_server_quit(void);                  /* at once, but in order */
void pg_server_again(const char *settings); /* after either */
const char *pg_server_folder(void);
long pg_server_pid(void);

/* A new empty schema in the server, and the URL of a database that is used through it. */
void pg_server_url(char *url, size_t cap);
/* The same server without a schema of its own, for what looks from outside. */
const char *pg_server_admin_url(void);

#endif
