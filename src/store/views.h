/* views.h - the views for people, the same names, columns and texts in every database. */
#ifndef STORE_VIEWS_H
#define STORE_VIEWS_H

#include <stddef.h>

enum dialect { DIALECT_SQLITE, DIALECT_PG };

/* They can be made in order of their numbers, from 0. */
size_t view_count(void);
const char *view_name(size_t i);
const char *view_text(size_t i, enum dialect dialect); /* the SELECT behind CREATE VIEW name AS */
size_t view_number(const char *name);                  /* view_count() when there is none */

/* PostgreSQL's functions that its views use; made before them. */
extern const char views_pg_functions[];

#endif
