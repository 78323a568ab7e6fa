/*
 * store_start.h - opens the store for a command that must be able to say what it waits for, and to
 * end, while the database's disk or server does not answer.
 */
#ifndef CLI_STORE_START_H
#define CLI_STORE_START_H

#include "store/store.h"

/*
 * store_open() in a thread of its own. After two seconds a progress line names the database. asked
 * is called now and then: true, a signal came. Files of earlier runs are then drained no further,
 * and a call into the database that still has not come back some seconds later is left in its
 * thread: ST_TIMEOUT, for the end of a process. config->stop must be NULL. Texts of config are
 * copied.
 */
enum status store_start(const struct store_config *config, wall_ns_t wall,
                        bool (*asked)(void *self), void *self, struct store **ret_store,
                        struct err *err) MUST_CHECK;

#endif
