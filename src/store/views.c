/*
 * views.c - see views.h.
 *
 * PostgreSQL has to give SQLite's texts: its deltaflow_time does what SQLite's strftime does with a
 * number of seconds, in the same doubles (milliseconds of the Julian day, rounded to the nearest).
 */
#include "store/views.h"

#include <string.h>

/* clang-format off */
#define PX(c)   "printf('%s%d.%04d', iif(" c "<0,'-',''), abs(" c ")/10000, abs(" c ")%10000)"
#define QTY(c)  "printf('%s%d.%02d', iif(" c "<0,'-',''), abs(" c ")/100, abs(" c ")%100)"
#define USD(c)  "printf('%s%d.%06d', iif(" c "<0,'-',''), abs(" c ")/1000000, abs(" c ")%1000000)"
#define WALL(c) "strftime('%Y-%m-%dT%H:%M:%fZ', " c "/1000000000.0, 'unixepoch')"
#define MS(c)   "iif(" c "=0, NULL, strftime('%Y-%m-%dT%H:%M:%fZ', " c "/1000.0, 'unixepoch'))"
#define SIDE(c) "iif(" c "=0,'yes','no')"
#define IF(c, a, b) "iif(" c ", " a ", " b ")"
#define NUM(c)      c
#define RAW_TEXT(c) "CAST(" c " AS TEXT)"
#define FIRST_MARKETS                                                                              \
    "SELECT session, mkt, ticker, status, grid, min(ord) AS first_ord"                             \
    " FROM market GROUP BY session, mkt"
#define VIEW(name_, text_) {#name_, text_},
static const struct {
    const char *name, *text;
} in_sqlite[] = {
#include "store/views_list.h"
};
#undef PX
#undef QTY
#undef USD
#undef WALL
#undef MS
#undef SIDE
#undef IF
#undef NUM
#undef RAW_TEXT
#undef FIRST_MARKETS
#undef VIEW

#define PX(c)   "(" c "*0.0001)::text"
#define QTY(c)  "(" c "*0.01)::text"
#define USD(c)  "(" c "*0.000001)::text"
#define WALL(c) "deltaflow_time(" c "/1000000000.0::float8)"
#define MS(c)   "CASE WHEN " c "=0 THEN NULL ELSE deltaflow_time(" c "/1000.0::float8) END"
#define SIDE(c) "CASE WHEN " c "=0 THEN 'yes' ELSE 'no' END"
#define IF(c, a, b) "CASE WHEN " c " THEN " a " ELSE " b " END"
#define NUM(c)      c "::text"
#define RAW_TEXT(c) "deltaflow_text(" c ")"
#define FIRST_MARKETS                                                                              \
    "SELECT DISTINCT ON (session, mkt) session, mkt, ticker, status, grid, ord AS first_ord"       \
    " FROM market ORDER BY session, mkt, ord"
#define VIEW(name_, text_) text_,
static const char *const in_pg[] = {
#include "store/views_list.h"
};
/* clang-format on */

#define VIEWS (sizeof in_sqlite / sizeof in_sqlite[0])
_Static_assert(VIEWS == sizeof in_pg / sizeof in_pg[0], "the same views");

size_t view_count(void)
{
    return VIEWS;
}

const char *view_name(size_t i)
{
    return in_sqlite[i].name;
}

const char *view_text(size_t i, enum dialect dialect)
{
    return dialect == DIALECT_PG ? in_pg[i] : in_sqlite[i].text;
}

size_t view_number(const char *name)
{
    size_t i = 0;
    while (i < VIEWS && strcmp(in_sqlite[i].name, name) != 0) {
        i++;
    }
    return i;
}

/* Bytes that are no UTF-8, or hold a NUL, are shown with backslashes. */
const char views_pg_functions[] =
    "CREATE FUNCTION deltaflow_time(seconds float8) RETURNS text LANGUAGE sql STABLE AS $$"
    " SELECT CASE WHEN jd >= 0 AND jd < 464269060800000.0::float8 THEN"
    " to_char(timestamp 'epoch' + interval '1 millisecond' * (jd - 210866760000000.0::float8),"
    " 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') END FROM (SELECT"
    " trunc(seconds*1000.0::float8 + 210866760000000.0::float8 + 0.5::float8) AS jd) j $$;\n"
    "CREATE FUNCTION deltaflow_text(bytes bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$"
    " BEGIN RETURN convert_from(bytes, 'UTF8');"
    " EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN"
    " RETURN encode(bytes, 'escape'); END $$;\n";
