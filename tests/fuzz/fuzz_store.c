/*
 * fuzz_store.c - a database that is damaged, or that somebody has written to.
 *
 * The file holds one record of each type. An input that begins with 'R' is changes to cells: table,
 * column, kind of value (0 NULL, 1 integer of 8 bytes, 2 text, 3 blob, 4 real), length, bytes. Any
 * other is changes to bytes of the file: three bytes of place, one of value. Then records are
 * read: each comes whole and valid, or reading says why not; and the file is opened for writing.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/ensure.h"
#include "base/log.h"
#include "store/layout.h"
#include "store/store.h"
#include "unit/store/make_records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64], path[96];
static uint8_t *image, *work;
static size_t image_n;

/* --- the file as it should be --- */

static void push_all(struct ring *ring)
{
    static _Alignas(8) uint8_t buf[RECORD_ROOM];
    struct rng rng;
    uint64_t ord = 0;
    rng_init(&rng, 5);
    for (size_t i = 0; event_types[i] != 0; i++) {
        uint32_t n = make_record(&rng, event_types[i], EV_SRC_MARKET, ++ord, buf);
        ensure(ring_push(ring, buf, n) == ST_OK);
    }
    for (size_t i = 0; record_types[i] != 0; i++) {
        uint32_t n = make_record(&rng, record_types[i], 0, 1, buf);
        ensure(ring_push(ring, buf, n) == ST_OK);
    }
}

static void sql(const char *text)
{
    sqlite3 *db = NULL;
    ensure(sqlite3_open(path, &db) == SQLITE_OK);
    ensure(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
}

static int drop_view(void *self, int n, char **values, char **names)
{
    (void)n;
    (void)names;
    buf_printf(self, "DROP VIEW %s;", values[0]);
    return 0;
}

/* Views are for people; without them a file is opened much faster. */
static void drop_views(void)
{
    struct buf text;
    sqlite3 *db = NULL;
    buf_init(&text, 1 << 16);
    ensure(sqlite3_open(path, &db) == SQLITE_OK);
    ensure(sqlite3_exec(db, "SELECT name FROM sqlite_master WHERE type='view'", drop_view, &text,
                        NULL) == SQLITE_OK);
    sqlite3_close(db);
    sql(text.p);
    buf_finish(&text);
}

static void remove_at_exit(void)
{
    remove_folder(folder);
}

static void make_image(void)
{
    struct store_config config = store_config_default();
    struct store *s = NULL;
    struct ring *ring = NULL;
    struct err err = {0};
    log_set_level(LOG_ERROR);
    make_folder(folder);
    atexit(remove_at_exit);
    snprintf(path, sizeof path, "%s/f.db", folder);
    config.path = path;
    config.threads = false;
    ensure(ring_create(1U << 20, &ring) == ST_OK);
    ensure(store_open(&config, 1000, &s, &err) == ST_OK);
    store_add_ring(s, ring);
    push_all(ring);
    store_close(s, "done", 2000);
    ring_destroy(ring);
    drop_views();
    sql("PRAGMA journal_mode=DELETE; PRAGMA page_size=1024; VACUUM;");
    FILE *f = fopen(path, "rb");
    ensure(f != NULL && fseek(f, 0, SEEK_END) == 0);
    image_n = (size_t)ftell(f);
    rewind(f);
    image = malloc(image_n);
    work = malloc(image_n);
    ensure(image != NULL && work != NULL && fread(image, 1, image_n, f) == image_n);
    fclose(f);
}

static void write_file(const uint8_t *p)
{
    char beside[112];
    static const char *const ends[] = {"-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(beside, sizeof beside, "%s%s", path, ends[i]);
        (void)unlink(beside);
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ensure(fd >= 0 && write(fd, p, image_n) == (ssize_t)image_n && close(fd) == 0);
}

/* --- what is changed --- */

static void change_bytes(const uint8_t *p, size_t n)
{
    memcpy(work, image, image_n);
    for (; n >= 4; p += 4, n -= 4) {
        size_t at = ((size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2]) % image_n;
        work[at] = p[3];
    }
    write_file(work);
}

static void bind(sqlite3_stmt *s, uint8_t kind, const uint8_t *p, size_t n)
{
    int64_t i = 0;
    memcpy(&i, p, n < sizeof i ? n : sizeof i);
    switch (kind % 5) {
    case 1:
        sqlite3_bind_int64(s, 1, i);
        break;
    case 2:
        sqlite3_bind_text(s, 1, (const char *)p, (int)n, SQLITE_STATIC);
        break;
    case 3:
        sqlite3_bind_blob(s, 1, p, (int)n, SQLITE_STATIC);
        break;
    case 4:
        sqlite3_bind_double(s, 1, (double)i / 3);
        break;
    default:
        sqlite3_bind_null(s, 1);
        break;
    }
}

/* Returns the types that were changed. */
static uint32_t change_cells(const uint8_t *p, size_t n)
{
    uint32_t types = 0;
    size_t n_layouts = 0;
    const struct layout *all = layouts(&n_layouts);
    sqlite3 *db = NULL;
    write_file(image);
    ensure(sqlite3_open(path, &db) == SQLITE_OK);
    ensure(sqlite3_exec(db, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN", NULL, NULL,
                        NULL) == SQLITE_OK);
    while (n >= 4) {
        const struct layout *l = &all[p[0] % n_layouts];
        const struct field *f = &l->fields[p[1] % l->n_fields];
        size_t len = p[3] < n - 4 ? p[3] : n - 4;
        char text[200];
        sqlite3_stmt *s = NULL;
        snprintf(text, sizeof text, "UPDATE %s SET %s=?", l->table, f->name);
        if (sqlite3_prepare_v2(db, text, -1, &s, NULL) == SQLITE_OK) {
            bind(s, p[2], p + 4, len);
            (void)sqlite3_step(s);
        }
        sqlite3_finalize(s);
        types |= 1U << (p[0] % n_layouts);
        p += 4 + len;
        n -= 4 + len;
    }
    ensure(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
    return types;
}

/* --- what must hold --- */

static enum status look(void *self, const void *record)
{
    const struct layout *l = self;
    ensure(((const struct rec *)record)->type == l->type && layout_valid(l, record));
    return ST_OK;
}

static enum status look_at_session(void *self, const struct store_session *s)
{
    int64_t *id = self;
    *id = s->id;
    ensure(strlen(s->outcome) < 1 << 24 && strlen(s->config) < 1 << 24);
    return ST_OK;
}

/* Of some types only: each opens the file anew. */
static void read_some(uint32_t types)
{
    size_t n = 0;
    const struct layout *all = layouts(&n);
    struct err err = {0};
    int64_t id = 1;
    if (store_read_sessions(path, look_at_session, &id, &err) != ST_OK) {
        ensure(err.text[0] != '\0');
    }
    for (size_t i = 0; i < n; i++) {
        if ((types >> i & 1) == 0) {
            continue;
        }
        struct err why = {0};
        union {
            const struct layout *in;
            void *out;
        } self = {&all[i]};
        ensure(store_read_records(path, id, all[i].type, look, self.out, &why) == ST_OK ||
               why.text[0] != '\0');
    }
}

static void open_for_writing(void)
{
    struct store_config config = store_config_default();
    struct store *s = NULL;
    struct err err = {0};
    config.path = path;
    config.threads = false;
    config.close_wait_ns = 0;
    if (store_open(&config, 3000, &s, &err) == ST_OK) {
        store_close(s, "done", 4000);
    } else {
        ensure(err.text[0] != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (image == NULL) {
        make_image();
    }
    if (size == 0) {
        return 0;
    }
    if (data[0] == 'R') {
        read_some(change_cells(data + 1, size - 1));
    } else {
        change_bytes(data, size);
        read_some(0x11111111U << data[0] % 4);
        open_for_writing();
    }
    return 0;
}
