/* pg_server.c - see pg_server.h. */
#include "pg_server.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], admin[160];
static long server;
static unsigned schemas;

static void die(const char *what)
{
    fprintf(stderr, "pg_server: %s\n", what);
    exit(1);
}

/* Exit status of the script; what it prints is the server's process id. */
static int script(const char *what, const char *settings)
{
    char command[400], line[64] = "";
    snprintf(command, sizeof command, "exec tests/pg_server %s %s %s", what, folder, settings);
    FILE *f = popen(command, "r");
    if (f == NULL) {
        die("popen fails");
    }
    if (fgets(line, sizeof line, f) != NULL) {
        server = strtol(line, NULL, 10);
    }
    int rc = pclose(f);
    return WIFEXITED(rc) ? WEXITSTATUS(rc) : 1;
}

bool pg_server_start(const char *settings)
{
    snprintf(folder, sizeof folder, "/tmp/deltaflow-pg-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        die("no folder");
    }
    snprintf(admin, sizeof admin, "postgresql:///postgres?host=%s&user=deltaflow", folder);
    int rc = script("start", settings);
    if (rc == 77) {
        printf("SKIPPED: no tests with PostgreSQL, see the reason above\n");
        (void)rmdir(folder);
        return false;
    }
    if (rc != 0) {
        die("the server does not start");
    }
    return true;
}

void pg_server_again(const char *settings)
{
    if (script("start", settings) != 0) {
        die("the server does not start again");
    }
}

void pg_server_kill(void)
{
    if (script("kill", "") != 0) {
        die("the server cannot be killed");
    }
}

void pg_server_quit(void)
{
    if (script("stop", "") != 0) {
        die("the server cannot be stopped");
    }
}

void pg_server_stop(void)
{
    char command[100];
    pg_server_quit();
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0) {
        fprintf(stderr, "pg_server: %s stays\n", folder);
    }
}

const char *pg_server_folder(void)
{
    return folder;
}

long pg_server_pid(void)
{
    return server;
}

const char *pg_server_admin_url(void)
{
    return admin;
}

void pg_server_url(char *url, size_t cap)
{
    char sql[64];
    PGconn *c = PQconnectdb(admin);
    snprintf(sql, sizeof sql, "CREATE SCHEMA t%u", ++schemas);
    PGresult *r = PQexec(c, sql);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) {
        die(PQerrorMessage(c));
    }
    PQclear(r);
    PQfinish(c);
    snprintf(url, cap, "%s&options=-csearch_path%%3Dt%u", admin, schemas);
}
