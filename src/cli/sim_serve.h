/*
 * sim_serve.h - what the files of a serving simulator share.
 *
 *   sim_serve.c   building, serving, restarts     sim_setup.c   options, faults, ready file
 *   sim_people.c  users and their keys            sim_keep.c    the state file
 *
 * One thread owns all of it.
 */
#ifndef CLI_SIM_SERVE_H
#define CLI_SIM_SERVE_H

#include "config/options.h"
#include "net/admin.h"
#include "net/keys.h"
#include "net/server.h"
#include "simdb/simdb.h"

#define FAULTS_MAX 256
#define USERS_MAX  1000

struct planned_fault {
    struct sim_fault_plan plan; /* after_ns: from the first connection */
    bool done;
};

struct people; /* sim_people.c */

enum restart { RESTART_NONE, RESTART_KEEP, RESTART_FORGET };

struct exchange {
    const struct sim_options *o;
    struct server *server;
    struct sim *sim;
    struct verifier *verifier;
    struct ca_files ca;
    struct people *people;
    struct planned_fault faults[FAULTS_MAX];
    size_t n_faults;
    mono_ns_t first_connection;   /* 0: none yet */
    int port;                     /* after the first start: the same again */
    enum restart restart;         /* asked for; done between two turns */
    struct sim_progress progress; /* of the scenario, over restarts */
    /* state file; NULL: none */
    struct simdb *db;
    mono_ns_t saved, lazy_ns; /* when last; how long the flow's changes may wait */
    bool broken;              /* the state cannot be written: nothing is answered any more */
    struct admin *admin;      /* NULL: none */
};

/* Serve until a signal, the action stop, or the end of the flow; returns an exit code. */
int sim_serve(const struct sim_options *o);

/* --- sim_setup.c --- */
enum status sim_plan_faults(struct exchange *x, struct err *err) MUST_CHECK;
/* The dump is written at the end; that it can be is known before. */
enum status sim_check_dump(const struct exchange *x, struct err *err) MUST_CHECK;
enum status sim_write_ready_file(const struct exchange *x, struct err *err) MUST_CHECK;

/* --- sim_people.c --- */
/* Users of the options, of STATE_DIR/users.json and of --users-file, with their keys; what is
 * missing of the numbered ones is made. */
enum status people_create(struct exchange *x, struct err *err) MUST_CHECK;
void people_destroy(struct people *p);                            /* NULL is fine */
void people_config(const struct people *p, struct sim_config *c); /* borrowed */
const char *people_first_key(const struct people *p);             /* its id; the key is user1.key */

/* --- sim_keep.c --- */
/* Open the state file, if there is one in the options. *ret_in: it holds an exchange. */
enum status keep_open(struct exchange *x, bool *ret_holds, struct err *err) MUST_CHECK;
/* What was loaded is right, or there was nothing: from now on changes are kept. */
enum status keep_begin(struct exchange *x, struct err *err) MUST_CHECK;
/* Keep what changed. now: because somebody is told of it; else only after a while. False: the file
 * cannot be written; x->broken. */
bool keep_save(struct exchange *x, bool now);
enum status keep_forget(struct exchange *x, struct err *err) MUST_CHECK;
void keep_close(struct exchange *x); /* with a last save of everything */

#endif
