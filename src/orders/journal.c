/*
 * journal.c - see journal.h.
 *
 * The file: two header slots of 4096 bytes, then records of 256 bytes.
 *
 *   0      header A  magic, version, record size, epoch, halt state, crc32c
 *   2048   sessions A  epoch, ids of the runs before this epoch, crc32c
 *   4096   header B  the same; the valid one with the higher epoch counts
 *   6144   sessions B
 *   8192   record 0  crc32c over epoch and record, index, ...
 *   8448   record 1
 *
 * A record is valid when its index is its place and its checksum, which begins with the epoch, is
 * right. So beginning anew is one write: the other slot gets epoch + 1 and the halt state, and
 * every old record is invalid at once; killed before that write nothing has changed, and a torn
 * header leaves the other one in force. Space after the last record is zero or of older epochs.
 * Sessions are on the medium before the header that they belong to is written. A file of a program
 * that did not know them has zeros there: no sessions.
 *
 * Reading goes to the end of the file. An invalid record with none behind it is a torn tail, and
 * will be written over. One with valid ones behind it can only come from a medium that lost a page
 * (the machine went down before journal_sync, or the disk is bad); it is counted as damaged.
 */
#include "orders/journal.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/idmap.h"

#define JOURNAL_VERSION 1
#define SLOT_SIZE       4096U
#define SESSIONS_AT     2048U /* in a slot */
#define RECORDS_AT      (2U * SLOT_SIZE)
#define RECORD_SIZE     ((uint64_t)sizeof(struct journal_record))
#define READ_RECORDS    256U
#define UNSETTLED_MAX   1000000U

static const char magic[8] = {'D', 'F', 'J', 'O', 'U', 'R', 'N', '\n'};

struct header {
    char magic[8];
    uint32_t version;
    uint32_t record_size;
    uint64_t epoch; /* from 1 */
    uint32_t halted;
    uint32_t pad;
    wall_ns_t halt_wall;
    char halt_reason[REASON_MAX];
    uint32_t pad2;
    uint32_t crc;
};
_Static_assert(sizeof(struct header) == 112, "no hidden bytes under the checksum");

struct sessions {
    uint64_t epoch;
    uint64_t id[JOURNAL_SESSIONS];
    uint32_t n;
    uint32_t crc;
};
_Static_assert(sizeof(struct sessions) == 16 + 8 * JOURNAL_SESSIONS, "no hidden bytes");

struct journal {
    struct file_io io;
    struct journal_config config;
    uint64_t epoch;
    uint64_t count; /* records */
    uint64_t room;  /* records that fit into the space taken */
    _Atomic uint64_t written;
    _Atomic uint64_t synced;
    _Atomic bool failed; /* read by other threads */
};

struct journal_config journal_config_default(void)
{
    return (struct journal_config){.records = 16384, .records_max = 4194304};
}

static uint32_t header_crc(const struct header *h)
{
    return crc32c(0, h, offsetof(struct header, crc));
}

static uint32_t record_crc(uint64_t epoch, const struct journal_record *rec)
{
    const uint8_t *p = (const uint8_t *)rec;
    uint32_t crc = crc32c(0, &epoch, sizeof epoch);
    return crc32c(crc, p + sizeof rec->crc, sizeof *rec - sizeof rec->crc);
}

static bool all_zero(const void *p, size_t n)
{
    const uint8_t *bytes = p;
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static enum status io_error(struct err *err, const char *what, int64_t code)
{
    return err_set(err, ST_IO, "%s failed: %s", what, strerror((int)-code));
}

/* --- headers
 * ------------------------------------------------------------------------------------------------
 */

static uint32_t sessions_crc(const struct sessions *s)
{
    return crc32c(0, s, offsetof(struct sessions, crc));
}

static uint64_t slot_of(uint64_t epoch)
{
    return epoch % 2 == 1 ? 0 : SLOT_SIZE;
}

/* None, as in a new file, are zeros: a making that ends here has written nothing yet. */
static enum status sessions_write(const struct file_io *io, uint64_t epoch,
                                  const struct journal_recovery *state, struct err *err)
{
    if (state->n_sessions == 0) {
        return ST_OK;
    }
    struct sessions s = {.epoch = epoch, .n = state->n_sessions};
    memcpy(s.id, state->sessions, sizeof s.id);
    s.crc = sessions_crc(&s);
    int r = file_write_all(io, &s, sizeof s, slot_of(epoch) + SESSIONS_AT);
    if (r == 0) {
        r = io->sync(io->self);
    }
    return r < 0 ? io_error(err, "writing the journal's sessions", r) : ST_OK;
}

static enum status sessions_read(const struct file_io *io, uint64_t epoch,
                                 struct journal_recovery *out, struct err *err)
{
    struct sessions s;
    memset(&s, 0, sizeof s);
    int64_t r = file_read_all(io, &s, sizeof s, slot_of(epoch) + SESSIONS_AT);
    if (r < 0) {
        return io_error(err, "reading the journal's sessions", r);
    }
    if (s.crc == sessions_crc(&s) && s.epoch == epoch && s.n <= JOURNAL_SESSIONS) {
        memcpy(out->sessions, s.id, sizeof out->sessions);
        out->n_sessions = s.n;
    }
    return ST_OK;
}

static void session_add(struct journal_recovery *out, uint64_t id)
{
    if (out->n_sessions == JOURNAL_SESSIONS) {
        out->n_sessions--;
        memmove(out->sessions, out->sessions + 1, out->n_sessions * sizeof out->sessions[0]);
    }
    out->sessions[out->n_sessions++] = id;
}

static enum status header_write(const struct file_io *io, uint64_t epoch,
                                const struct journal_recovery *state, struct err *err)
{
    enum status st = sessions_write(io, epoch, state, err);
    if (st != ST_OK) {
        return st;
    }
    struct header h = {.version = JOURNAL_VERSION, .record_size = RECORD_SIZE, .epoch = epoch};
    memcpy(h.magic, magic, sizeof magic);
    h.halted = state->halted;
    h.halt_wall = state->halt_wall;
    memcpy(h.halt_reason, state->halt_reason, sizeof h.halt_reason);
    h.crc = header_crc(&h);
    int r = file_write_all(io, &h, sizeof h, slot_of(epoch));
    if (r == 0) {
        r = io->sync(io->self);
    }
    return r < 0 ? io_error(err, "writing the journal's header", r) : ST_OK;
}

static bool header_valid(const struct header *h)
{
    return memcmp(h->magic, magic, sizeof magic) == 0 && h->crc == header_crc(h) && h->epoch > 0;
}

/* True for an empty file, and for one whose making ended before its first header. */
static bool head_is_zero(const struct file_io *io)
{
    uint8_t head[RECORDS_AT + sizeof(struct journal_record)];
    int64_t n = file_read_all(io, head, sizeof head, 0);
    return n >= 0 && all_zero(head, (size_t)n);
}

/* The header in force. ST_NOT_FOUND: the file is empty, or its making was interrupted. */
static enum status header_read(const struct file_io *io, struct header *ret, struct err *err)
{
    struct header slot[2];
    memset(slot, 0, sizeof slot);
    for (int i = 0; i < 2; i++) {
        int64_t r = file_read_all(io, &slot[i], sizeof slot[i], (uint64_t)i * SLOT_SIZE);
        if (r < 0) {
            return io_error(err, "reading the journal's header", r);
        }
    }
    int best = -1;
    for (int i = 0; i < 2; i++) {
        if (header_valid(&slot[i]) && (best < 0 || slot[i].epoch > slot[best].epoch)) {
            best = i;
        }
    }
    if (best < 0) {
        if (all_zero(slot, sizeof slot) && head_is_zero(io)) {
            return ST_NOT_FOUND;
        }
        return err_set(err, ST_MALFORMED, "not an order journal (no valid header)");
    }
    if (slot[best].version != JOURNAL_VERSION || slot[best].record_size != RECORD_SIZE) {
        return err_set(err, ST_UNSUPPORTED, "order journal of version %u, this program knows %u",
                       slot[best].version, JOURNAL_VERSION);
    }
    *ret = slot[best];
    ret->halt_reason[REASON_MAX - 1] = '\0';
    return ST_OK;
}

/* --- recovery
 * -----------------------------------------------------------------------------------------------
 */

struct reader {
    const struct file_io *io;
    uint64_t epoch;
    journal_record_fn fn;
    void *self;
    struct journal_recovery *out;
    struct idmap open;    /* client ids of unsettled intents */
    uint64_t end;         /* one past the last valid record */
    uint64_t bad_pending; /* invalid, not zero, since then */
};

static bool terminated(const char *s, size_t n)
{
    return memchr(s, '\0', n) != NULL;
}

static bool record_valid(const struct reader *r, const struct journal_record *rec, uint64_t index)
{
    return rec->index == index && rec->crc == record_crc(r->epoch, rec) &&
           rec->type > JOURNAL_NONE && rec->type < JOURNAL_TYPE_MAX &&
           terminated(rec->ticker, sizeof rec->ticker) &&
           terminated(rec->order_id, sizeof rec->order_id) &&
           terminated(rec->client_id, sizeof rec->client_id) &&
           ((rec->type != JOURNAL_HALT && rec->type != JOURNAL_RELEASE) ||
            terminated(rec->reason, sizeof rec->reason));
}

/* What the record means for what is settled and halted. */
static enum status reader_note(struct reader *r, const struct journal_record *rec)
{
    switch ((enum journal_type)rec->type) {
    case JOURNAL_INTENT:
        return idmap_put(&r->open, text_of(rec->client_id), 0);
    case JOURNAL_DONE:
        idmap_remove(&r->open, text_of(rec->client_id));
        return ST_OK;
    case JOURNAL_HALT:
    case JOURNAL_RELEASE:
        if (rec->ticker[0] != '\0') { /* of one market */
            r->out->markets_halted += rec->type == JOURNAL_HALT;
            return ST_OK;
        }
        r->out->markets_halted = rec->type == JOURNAL_HALT ? r->out->markets_halted : 0;
        r->out->halted = rec->type == JOURNAL_HALT;
        r->out->halt_wall = rec->wall;
        memcpy(r->out->halt_reason, rec->reason, sizeof r->out->halt_reason);
        return ST_OK;
    case JOURNAL_SESSION:
        session_add(r->out, rec->number);
        return ST_OK;
    case JOURNAL_NONE:
    case JOURNAL_ACK:
    case JOURNAL_AMEND:
    case JOURNAL_TYPE_MAX:
        return ST_OK;
    }
    return ST_OK;
}

static enum status reader_take(struct reader *r, const struct journal_record *rec, uint64_t index)
{
    if (!record_valid(r, rec, index)) {
        r->bad_pending++;
        return ST_OK;
    }
    /* Everything invalid before a valid record was damaged, zero or not: it had been written. */
    r->out->damaged += index - r->end;
    r->end = index + 1;
    r->bad_pending = 0;
    r->out->records++;
    enum status st = reader_note(r, rec);
    if (st == ST_OK && r->fn != NULL) {
        st = r->fn(r->self, rec);
    }
    return st;
}

/* Records of an older epoch behind the end are no torn tail; only what is neither is. */
static bool tail_is_torn(const struct file_io *io, uint64_t epoch, uint64_t end)
{
    struct journal_record rec;
    memset(&rec, 0, sizeof rec);
    int64_t n = file_read_all(io, &rec, sizeof rec, RECORDS_AT + end * RECORD_SIZE);
    if (n <= 0 || all_zero(&rec, (size_t)n)) {
        return false;
    }
    for (uint64_t e = epoch; e > 1 && epoch - e < 64; e--) {
        if (rec.crc == record_crc(e - 1, &rec)) {
            return false;
        }
    }
    return true;
}

static enum status reader_run(struct reader *r, struct err *err)
{
    struct journal_record *chunk = malloc(READ_RECORDS * RECORD_SIZE);
    if (chunk == NULL) {
        return err_set(err, ST_NOMEM, "no memory to read the journal");
    }
    enum status st = ST_OK;
    for (uint64_t at = 0; st == ST_OK;) {
        int64_t n =
            file_read_all(r->io, chunk, READ_RECORDS * RECORD_SIZE, RECORDS_AT + at * RECORD_SIZE);
        if (n < 0) {
            st = io_error(err, "reading the journal", n);
            break;
        }
        uint64_t whole = (uint64_t)n / RECORD_SIZE;
        for (uint64_t i = 0; i < whole && st == ST_OK; i++) {
            st = reader_take(r, &chunk[i], at + i);
            if (st != ST_OK) {
                (void)err_set(err, st, "journal record %llu: %s", (unsigned long long)(at + i),
                              status_text(st));
            }
        }
        at += whole;
        if (whole < READ_RECORDS) {
            break;
        }
    }
    free(chunk);
    r->out->torn = tail_is_torn(r->io, r->epoch, r->end);
    r->out->unsettled = r->open.live;
    return st;
}

/* --- opening
 * ------------------------------------------------------------------------------------------------
 */

static enum status take_space(struct journal *j, uint64_t records, struct err *err)
{
    int r = j->io.allocate(j->io.self, RECORDS_AT + records * RECORD_SIZE);
    if (r < 0) {
        return io_error(err, "taking space for the journal", r);
    }
    j->room = records;
    return ST_OK;
}

/* Clear what a torn write left at the end, so that no later reader takes it for more. */
static enum status clear_tail(struct journal *j, struct err *err)
{
    static const struct journal_record zero;
    int r = file_write_all(&j->io, &zero, sizeof zero, RECORDS_AT + j->count * RECORD_SIZE);
    return r < 0 ? io_error(err, "clearing a torn record", r) : ST_OK;
}

static enum status recover(struct journal *j, journal_record_fn fn, void *self,
                           struct journal_recovery *out, struct err *err)
{
    struct header h = {0};
    enum status st = header_read(&j->io, &h, err);
    if (st == ST_NOT_FOUND) {
        out->created = true;
        j->epoch = 1;
        st = take_space(j, j->config.records, err);
        return st == ST_OK ? header_write(&j->io, 1, out, err) : st;
    }
    if (st != ST_OK) {
        return st;
    }
    j->epoch = h.epoch;
    out->halted = h.halted != 0;
    out->halt_wall = h.halt_wall;
    memcpy(out->halt_reason, h.halt_reason, sizeof out->halt_reason);
    st = sessions_read(&j->io, h.epoch, out, err);
    if (st != ST_OK) {
        return st;
    }
    struct reader r = {.io = &j->io, .epoch = h.epoch, .fn = fn, .self = self, .out = out};
    st = idmap_init(&r.open, UNSETTLED_MAX);
    if (st != ST_OK) {
        return err_set(err, st, "no memory to read the journal");
    }
    st = reader_run(&r, err);
    idmap_finish(&r.open);
    j->count = r.end;
    if (st == ST_OK && j->count > 0 && out->unsettled == 0 && out->damaged == 0 &&
        out->markets_halted == 0) {
        out->compacted = true;
        j->epoch++;
        j->count = 0;
        st = header_write(&j->io, j->epoch, out, err);
    } else if (st == ST_OK && out->torn) {
        st = clear_tail(j, err);
    }
    if (st == ST_OK) {
        uint64_t room = (j->count / j->config.records + 1) * j->config.records;
        st = take_space(j, room, err);
    }
    return st;
}

enum status journal_open(const struct journal_config *config, const struct file_io *io,
                         journal_record_fn fn, void *self, struct journal_recovery *ret_recovery,
                         struct journal **ret_journal, struct err *err)
{
    struct journal_config defaults = journal_config_default();
    struct journal *j = calloc(1, sizeof *j);
    if (j == NULL) {
        io->close(io->self);
        return err_set(err, ST_NOMEM, "no memory for the journal");
    }
    j->io = *io;
    j->config = config != NULL ? *config : defaults;
    if (j->config.records == 0) {
        j->config.records = defaults.records;
    }
    struct journal_recovery out;
    memset(&out, 0, sizeof out);
    enum status st = recover(j, fn, self, &out, err);
    if (st != ST_OK) {
        journal_close(j);
        return st;
    }
    *ret_recovery = out;
    *ret_journal = j;
    return ST_OK;
}

void journal_close(struct journal *j)
{
    if (j == NULL) {
        return;
    }
    j->io.close(j->io.self);
    free(j);
}

/* --- appending
 * ----------------------------------------------------------------------------------------------
 */

enum status journal_append(struct journal *j, struct journal_record *rec)
{
    if (rec->type <= JOURNAL_NONE || rec->type >= JOURNAL_TYPE_MAX) {
        return ST_INVALID;
    }
    if (atomic_load_explicit(&j->failed, memory_order_relaxed)) {
        return ST_IO;
    }
    if (j->count >= j->config.records_max) {
        atomic_store(&j->failed, true);
        return ST_LIMIT;
    }
    if (j->count >= j->room) {
        enum status st = take_space(j, j->room + j->config.records, NULL);
        if (st != ST_OK) {
            atomic_store(&j->failed, true);
            return st;
        }
    }
    rec->index = j->count;
    rec->crc = record_crc(j->epoch, rec);
    if (file_write_all(&j->io, rec, sizeof *rec, RECORDS_AT + j->count * RECORD_SIZE) < 0) {
        atomic_store(&j->failed, true);
        return ST_IO;
    }
    j->count++;
    atomic_fetch_add_explicit(&j->written, 1, memory_order_release);
    return ST_OK;
}

enum status journal_sync(struct journal *j)
{
    uint64_t written = atomic_load_explicit(&j->written, memory_order_acquire);
    if (atomic_load(&j->failed)) {
        return ST_IO;
    }
    /* After a failed sync the kernel may have dropped the pages: trying again would prove nothing.
     */
    if (j->io.sync(j->io.self) < 0) {
        atomic_store(&j->failed, true);
        return ST_IO;
    }
    atomic_store(&j->synced, written);
    return ST_OK;
}

bool journal_failed(const struct journal *j)
{
    return atomic_load(&j->failed);
}

uint64_t journal_count(const struct journal *j)
{
    return j->count;
}

uint64_t journal_pending(const struct journal *j)
{
    uint64_t synced = atomic_load(&j->synced);
    return atomic_load(&j->written) - synced;
}
