/* store_peers.c - see store_peers.h. */
#include "store_peers.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/layout.h"

static void die(const char *what)
{
    fprintf(stderr, "bench_store: %s\n", what);
    exit(1);
}

/* --- time --- */

static int64_t ns_of(struct timeval t)
{
    return (int64_t)t.tv_sec * NS_PER_SEC + (int64_t)t.tv_usec * 1000;
}

static int64_t cpu_of(int who)
{
    struct rusage u;
    getrusage(who, &u);
    return ns_of(u.ru_utime) + ns_of(u.ru_stime);
}

struct took took_begin(void)
{
    return (struct took){clock_mono(), cpu_of(RUSAGE_SELF)};
}

struct took took_end(struct took begun)
{
    return (struct took){clock_mono() - begun.wall_ns, cpu_of(RUSAGE_SELF) - begun.cpu_ns};
}

/* --- writing --- */

static sqlite3 *open_db(const char *path)
{
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK ||
        sqlite3_exec(db,
                     "PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=4000; "
                     "PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-16384;",
                     NULL, NULL, NULL) != SQLITE_OK) {
        die(sqlite3_errmsg(db));
    }
    return db;
}

static sqlite3_stmt *prepare_insert(sqlite3 *db, const struct layout *l)
{
    struct buf sql;
    sqlite3_stmt *s = NULL;
    buf_init(&sql, 8192);
    buf_printf(&sql, "INSERT INTO %s (", l->table);
    layout_columns(l, &sql);
    buf_str(&sql, ") VALUES (?,?");
    for (uint32_t i = 0; i < l->n_fields; i++) {
        buf_str(&sql, ",?");
    }
    buf_char(&sql, ')');
    if (sqlite3_prepare_v3(db, sql.p, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL) != SQLITE_OK) {
        die(sqlite3_errmsg(db));
    }
    buf_finish(&sql);
    return s;
}

static int64_t number_at(const uint8_t *p, enum field_kind kind)
{
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    if (kind == FIELD_I32) {
        memcpy(&i32, p, sizeof i32);
        return i32;
    }
    if (kind == FIELD_U32) {
        memcpy(&u32, p, sizeof u32);
        return u32;
    }
    memcpy(&i64, p, sizeof i64);
    return i64;
}

static void bind_field(sqlite3_stmt *s, int at, const struct field *f, const void *record)
{
    static uint8_t levels[4096];
    const uint8_t *p = (const uint8_t *)record + f->offset;
    const struct ev_snapshot *snapshot = record;
    switch (f->kind) {
    case FIELD_I32:
    case FIELD_U32:
    case FIELD_I64:
        sqlite3_bind_int64(s, at, number_at(p, f->kind));
        return;
    case FIELD_TEXT:
        sqlite3_bind_text(s, at, (const char *)p, -1, SQLITE_STATIC);
        return;
    case FIELD_BYTES:
        sqlite3_bind_blob64(s, at, p, f->size, SQLITE_STATIC);
        return;
    case FIELD_LEVELS:
        if (levels_encoded_max(snapshot->n_yes + snapshot->n_no) > sizeof levels) {
            die("a snapshot has too many levels");
        }
        sqlite3_bind_blob64(
            s, at, levels,
            levels_encode(snapshot->levels, snapshot->n_yes + snapshot->n_no, levels),
            SQLITE_STATIC);
        return;
    case FIELD_GRID:
    case FIELD_ROWS:
    case FIELD_RAW:
        die("no such records in the input");
    }
}

static void insert(sqlite3 *db, sqlite3_stmt *s, const struct layout *l, const void *record)
{
    sqlite3_bind_int64(s, 1, 1);
    sqlite3_bind_int64(s, 2, ((const struct rec *)record)->source);
    for (uint32_t i = 0; i < l->n_fields; i++) {
        bind_field(s, (int)i + 3, &l->fields[i], record);
    }
    if (sqlite3_step(s) != SQLITE_DONE) {
        die(sqlite3_errmsg(db));
    }
    sqlite3_reset(s);
}

struct took peer_insert_loop(const char *db_path, const struct input *in)
{
    sqlite3 *db = open_db(db_path);
    sqlite3_stmt *statements[LAYOUTS_MAX] = {NULL};
    size_t n_layouts = 0;
    const struct layout *all = layouts(&n_layouts);
    for (size_t i = 0; i < n_layouts; i++) {
        statements[i] = prepare_insert(db, &all[i]);
    }
    struct took t = took_begin();
    if (sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
        die(sqlite3_errmsg(db));
    }
    for (size_t i = 0; i < in->n; i++) {
        const struct layout *l = layout_of(((const struct rec *)in->records[i])->type);
        insert(db, statements[l - all], l, in->records[i]);
    }
    if (sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        die(sqlite3_errmsg(db));
    }
    t = took_end(t);
    for (size_t i = 0; i < n_layouts; i++) {
        sqlite3_finalize(statements[i]);
    }
    sqlite3_close(db);
    return t;
}

void peer_write_csv(const char *csv_path, const struct input *in)
{
    FILE *f = fopen(csv_path, "w");
    if (f == NULL) {
        die("cannot write the CSV file");
    }
    for (size_t i = 0; i < in->n; i++) {
        const uint8_t *record = in->records[i];
        const struct layout *l = layout_of(((const struct rec *)in->records[i])->type);
        fprintf(f, "1,%u", ((const struct rec *)in->records[i])->source);
        for (uint32_t k = 0; k < l->n_fields; k++) {
            fprintf(f, ",%" PRId64, number_at(record + l->fields[k].offset, l->fields[k].kind));
        }
        fputc('\n', f);
    }
    if (fclose(f) != 0) {
        die("cannot write the CSV file");
    }
}

struct took peer_import(const char *db_path, const char *csv_path)
{
    char command[600];
    snprintf(command, sizeof command, ".import --csv %s delta", csv_path);
    struct took t = {clock_mono(), cpu_of(RUSAGE_CHILDREN)};
    pid_t child = fork();
    if (child == 0) {
        execlp("sqlite3", "sqlite3", "-cmd", "PRAGMA synchronous=NORMAL", "-cmd",
               "PRAGMA cache_size=-16384", db_path, command, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        die("the sqlite3 shell failed; is it installed? tools/setup does it");
    }
    return (struct took){clock_mono() - t.wall_ns, cpu_of(RUSAGE_CHILDREN) - t.cpu_ns};
}

/* --- reading --- */

struct took peer_select_loop(const char *db_path, size_t rows)
{
    sqlite3 *db = open_db(db_path);
    sqlite3_stmt *s = NULL;
    struct buf sql;
    buf_init(&sql, 8192);
    buf_str(&sql, "SELECT ");
    layout_columns(layout_of(EV_DELTA), &sql);
    buf_str(&sql, " FROM delta WHERE session=1 AND source=3 ORDER BY ord");
    if (sqlite3_prepare_v2(db, sql.p, -1, &s, NULL) != SQLITE_OK) {
        die(sqlite3_errmsg(db));
    }
    struct took t = took_begin();
    size_t n = 0;
    int64_t sum = 0;
    int columns = sqlite3_column_count(s);
    for (; sqlite3_step(s) == SQLITE_ROW; n++) {
        for (int i = 0; i < columns; i++) {
            sum ^= sqlite3_column_int64(s, i);
        }
    }
    t = took_end(t);
    if (n != rows || sum == 1) { /* of no meaning, but it must be made */
        die("the SELECT loop misses rows");
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
    buf_finish(&sql);
    return t;
}

struct took peer_read_file(const char *db_path, int64_t *ret_bytes)
{
    static uint8_t block[1 << 20];
    struct took t = took_begin();
    int fd = open(db_path, O_RDONLY | O_CLOEXEC);
    ssize_t n;
    *ret_bytes = 0;
    while ((n = read(fd, block, sizeof block)) > 0) {
        *ret_bytes += n;
    }
    if (fd < 0 || n < 0) {
        die("cannot read the file");
    }
    close(fd);
    return took_end(t);
}

int64_t peer_count(const char *db_path, const char *table)
{
    sqlite3 *db = open_db(db_path);
    sqlite3_stmt *s = NULL;
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW) {
        die(sqlite3_errmsg(db));
    }
    int64_t n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return n;
}
