#include "net/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/files.h"

#define CLIENTS_MAX   16
#define TOKEN_BYTES   32
#define IDLE_NS       (60 * NS_PER_SEC) /* of a client that says nothing, or takes no answer */
#define READ_A_TURN   ((size_t)64 << 10)
#define REQUESTS_TURN 16 /* of one client in one turn */
#define DEPTH_MAX     64

struct client {
    int fd; /* -1: free */
    struct buf in, out;
    size_t out_from;
    mono_ns_t heard;
    bool last; /* nothing more is read; it ends with the answer */
};

struct admin {
    int fd;
    char path[sizeof((struct sockaddr_un){0}.sun_path)];
    char token[ADMIN_TOKEN_MAX];
    admin_do_fn act;
    void *self;
    struct client clients[CLIENTS_MAX];
    struct admin_stats stats;
};

/* --- a line --- */

/* Deeper than any action: jansson would follow it with its own stack. */
static bool too_deep(struct text s)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (quoted) {
            i += c == '\\' ? 1 : 0;
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        }
        if (depth > DEPTH_MAX) {
            return true;
        }
    }
    return false;
}

static bool token_right(const char *given, const char *token)
{
    char padded[ADMIN_TOKEN_MAX] = {0};
    size_t n = strnlen(given, sizeof padded - 1);
    memcpy(padded, given, n);
    char whole[ADMIN_TOKEN_MAX] = {0};
    memcpy(whole, token, strnlen(token, sizeof whole - 1));
    bool fits = strlen(given) < sizeof padded && token[0] != '\0';
    return CRYPTO_memcmp(padded, whole, sizeof padded) == 0 && fits;
}

enum status admin_parse(struct text line, const char *token, json_t **ret_action, struct err *err)
{
    json_error_t je;
    json_t *j = too_deep(line) ? NULL : json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, &je);
    if (!json_is_object(j)) {
        json_decref(j);
        return err_set(err, ST_MALFORMED,
                       "a line must be one JSON object: {\"token\":...,\"do\":"
                       "...}");
    }
    const char *given = json_string_value(json_object_get(j, "token"));
    if (!token_right(given != NULL ? given : "", token)) {
        json_decref(j);
        return err_set(err, ST_DENIED, "the token is missing or wrong");
    }
    if (!json_is_string(json_object_get(j, "do"))) {
        json_decref(j);
        return err_set(err, ST_MALFORMED, "an action is an object with the key 'do'");
    }
    json_object_del(j, "token");
    *ret_action = j;
    return ST_OK;
}

/* --- the token --- */

enum status admin_token(const char *token_path, char out[ADMIN_TOKEN_MAX], struct err *err)
{
    struct stat sb;
    if (stat(token_path, &sb) == 0 && (sb.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return err_set(err, ST_DENIED, "%s: mode %04o lets others at the token; do: chmod 600 %s",
                       token_path, (unsigned)(sb.st_mode & 07777), token_path);
    }
    struct buf text;
    buf_init(&text, ADMIN_TOKEN_MAX);
    enum status st = file_read(token_path, &text, err);
    size_t n = st == ST_OK && text.p != NULL ? strspn(text.p, "0123456789abcdef") : 0;
    bool ends = text.p != NULL && (text.p[n] == '\0' || text.p[n] == '\n');
    if (st == ST_OK &&
        (n < 32 || !ends || !text_copy(out, ADMIN_TOKEN_MAX, (struct text){text.p, n}))) {
        st = err_set(err, ST_MALFORMED, "%s holds no token", token_path);
    }
    if (text.p != NULL) {
        OPENSSL_cleanse(text.p, text.cap);
    }
    buf_finish(&text);
    return st;
}

static enum status token_ensure(const char *path, char out[ADMIN_TOKEN_MAX], struct err *err)
{
    enum status st = admin_token(path, out, err);
    if (st != ST_NOT_FOUND) {
        return st;
    }
    unsigned char bytes[TOKEN_BYTES];
    if (RAND_bytes(bytes, sizeof bytes) != 1) {
        return err_set(err, ST_IO, "no random bytes for a token");
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
    OPENSSL_cleanse(bytes, sizeof bytes);
    return file_write(path, out, strlen(out), 0600, err);
}

/* --- listening --- */

static bool address_of(const char *path, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    return text_copy(ret->sun_path, sizeof ret->sun_path, text_of(path));
}

static int connect_to(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)a, sizeof *a) != 0) {
        int e = errno;
        close(fd);
        errno = e;
        return -1;
    }
    return fd;
}

/* Only a socket, and only one that nobody answers at. */
static enum status clear_place(const struct sockaddr_un *a, struct err *err)
{
    struct stat sb;
    if (lstat(a->sun_path, &sb) != 0) {
        return ST_OK;
    }
    if (!S_ISSOCK(sb.st_mode)) {
        return err_set(err, ST_EXISTS, "%s: is there already, and no socket", a->sun_path);
    }
    int fd = connect_to(a);
    if (fd >= 0 || errno == EAGAIN) {
        if (fd >= 0) {
            close(fd);
        }
        return err_set(err, ST_EXISTS, "%s: another simulator listens there", a->sun_path);
    }
    (void)unlink(a->sun_path);
    return ST_OK;
}

static enum status listen_at(struct admin *ad, const struct sockaddr_un *a, struct err *err)
{
    ad->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t old = umask(0177);
    bool bound = ad->fd >= 0 && bind(ad->fd, (const struct sockaddr *)a, sizeof *a) == 0;
    int e = errno;
    umask(old);
    if (!bound || listen(ad->fd, CLIENTS_MAX) != 0) {
        e = bound ? errno : e;
        return err_set(err, e == EACCES ? ST_DENIED : ST_IO, "%s: cannot listen: %s", a->sun_path,
                       strerror(e));
    }
    text_copy(ad->path, sizeof ad->path, text_of(a->sun_path));
    return ST_OK;
}

enum status admin_create(const char *socket_path, const char *token_path, admin_do_fn act,
                         void *self, struct admin **ret_admin, struct err *err)
{
    struct sockaddr_un a;
    if (!address_of(socket_path, &a)) {
        return err_set(err, ST_LIMIT, "%s: longer than the %zu bytes of a socket's path",
                       socket_path, sizeof a.sun_path - 1);
    }
    struct admin *ad = calloc(1, sizeof *ad);
    if (ad == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    ad->fd = -1;
    ad->act = act;
    ad->self = self;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        ad->clients[i].fd = -1;
    }
    enum status st = token_ensure(token_path, ad->token, err);
    st = st == ST_OK ? clear_place(&a, err) : st;
    st = st == ST_OK ? listen_at(ad, &a, err) : st;
    if (st != ST_OK) {
        admin_destroy(ad);
        return st;
    }
    *ret_admin = ad;
    return ST_OK;
}

static void hang_up(struct client *c)
{
    if (c->fd >= 0) {
        close(c->fd);
        buf_finish(&c->in);
        buf_finish(&c->out);
        *c = (struct client){.fd = -1};
    }
}

void admin_destroy(struct admin *admin)
{
    if (admin == NULL) {
        return;
    }
    for (int i = 0; i < CLIENTS_MAX; i++) {
        hang_up(&admin->clients[i]);
    }
    if (admin->fd >= 0) {
        close(admin->fd);
    }
    if (admin->path[0] != '\0') {
        (void)unlink(admin->path);
    }
    OPENSSL_cleanse(admin->token, sizeof admin->token);
    free(admin);
}

/* --- work --- */

static void take_clients(struct admin *ad, mono_ns_t now)
{
    for (int i = 0; i < CLIENTS_MAX; i++) {
        struct client *c = &ad->clients[i];
        if (c->fd >= 0) {
            continue;
        }
        int fd = accept4(ad->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            return;
        }
        *c = (struct client){.fd = fd, .heard = now};
        buf_init(&c->in, ADMIN_LINE_MAX);
        buf_init(&c->out, ADMIN_REPLY_MAX);
        ad->stats.clients++;
    }
}

static void put_error(struct buf *out, const char *text)
{
    buf_str(out, "{\"ok\":false,\"error\":");
    buf_json_str(out, text_of(text));
    buf_char(out, '}');
}

static void answer_line(struct admin *ad, struct client *c, struct text line)
{
    json_t *action = NULL;
    struct err err = {0};
    ad->stats.requests++;
    enum status st = admin_parse(line, ad->token, &action, &err);
    if (st == ST_OK) {
        ad->act(ad->self, action, &c->out);
        json_decref(action);
    } else {
        ad->stats.refused += st == ST_DENIED ? 1 : 0;
        ad->stats.malformed += st == ST_MALFORMED ? 1 : 0;
        put_error(&c->out, err.text);
        c->last = st == ST_DENIED; /* who guesses must connect again */
    }
    if (c->out.failed) {
        buf_clear(&c->out);
        put_error(&c->out,
                  "the reply is too long, or there is no memory for it; the action may have "
                  "been done");
    }
    buf_char(&c->out, '\n');
}

/* Whole lines of what has come; one is left when its answer is still to be taken. */
static void answer(struct admin *ad, struct client *c)
{
    size_t from = 0;
    for (int i = 0; i < REQUESTS_TURN && c->out.n == 0 && !c->last; i++) {
        const char *end = c->in.n > from ? memchr(c->in.p + from, '\n', c->in.n - from) : NULL;
        if (end == NULL) {
            break;
        }
        size_t n = (size_t)(end - (c->in.p + from));
        answer_line(ad, c, (struct text){c->in.p + from, n});
        from += n + 1;
    }
    if (from > 0) {
        memmove(c->in.p, c->in.p + from, c->in.n - from);
        c->in.n -= from;
    }
}

/* False: the client has gone. */
static bool hear(struct admin *ad, struct client *c, mono_ns_t now)
{
    char part[4096];
    size_t got = 0;
    while (got < READ_A_TURN && c->out.n == 0 && !c->last) {
        ssize_t n = read(c->fd, part, sizeof part);
        if (n <= 0) {
            return n < 0 && (errno == EAGAIN || errno == EINTR);
        }
        got += (size_t)n;
        c->heard = now;
        buf_add(&c->in, part, (size_t)n);
        if (c->in.failed) {
            ad->stats.malformed++;
            put_error(&c->out, "the line is too long");
            buf_char(&c->out, '\n');
            c->last = true;
            return true;
        }
        answer(ad, c);
    }
    return true;
}

static bool speak(struct client *c, mono_ns_t now)
{
    while (c->out_from < c->out.n) {
        ssize_t n = send(c->fd, c->out.p + c->out_from, c->out.n - c->out_from, MSG_NOSIGNAL);
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        c->out_from += (size_t)n;
        c->heard = now;
    }
    if (c->out.n > 0) {
        buf_finish(&c->out); /* a dump's memory is not kept */
        buf_init(&c->out, ADMIN_REPLY_MAX);
        c->out_from = 0;
        return !c->last;
    }
    return true;
}

uint32_t admin_work(struct admin *admin, mono_ns_t now)
{
    uint32_t n = 0;
    take_clients(admin, now);
    for (int i = 0; i < CLIENTS_MAX; i++) {
        struct client *c = &admin->clients[i];
        if (c->fd < 0) {
            continue;
        }
        answer(admin, c); /* what came with an earlier request */
        if (!hear(admin, c, now) || !speak(c, now) || now - c->heard > IDLE_NS) {
            hang_up(c);
            continue;
        }
        n++;
    }
    return n;
}

const struct admin_stats *admin_stats(const struct admin *admin)
{
    return &admin->stats;
}

/* --- the other end --- */

static enum status wait_for(int fd, short events, mono_ns_t until, struct err *err)
{
    struct pollfd p = {.fd = fd, .events = events};
    for (;;) {
        mono_ns_t left = until - clock_mono();
        int rc = left > 0 ? poll(&p, 1, (int)(left / NS_PER_MS) + 1) : 0;
        if (rc > 0) {
            return ST_OK;
        }
        if (rc == 0) {
            return err_set(err, ST_TIMEOUT, "the simulator does not answer");
        }
        if (errno != EINTR) {
            return err_set(err, ST_IO, "poll: %s", strerror(errno));
        }
    }
}

static enum status send_all(int fd, const struct buf *b, mono_ns_t until, struct err *err)
{
    size_t from = 0;
    while (from < b->n) {
        ssize_t n = send(fd, b->p + from, b->n - from, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return err_set(err, ST_CLOSED, "the simulator hung up: %s", strerror(errno));
        }
        from += n > 0 ? (size_t)n : 0;
        enum status st = n < 0 ? wait_for(fd, POLLOUT, until, err) : ST_OK;
        if (st != ST_OK) {
            return st;
        }
    }
    return ST_OK;
}

static enum status read_line(int fd, mono_ns_t until, struct buf *line, struct err *err)
{
    char part[65536];
    while (line->n == 0 || line->p[line->n - 1] != '\n') {
        enum status st = wait_for(fd, POLLIN, until, err);
        ssize_t n = st == ST_OK ? read(fd, part, sizeof part) : 0;
        if (st != ST_OK) {
            return st;
        }
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            return err_set(err, ST_CLOSED, "the simulator hung up without an answer");
        }
        buf_add(line, part, n > 0 ? (size_t)n : 0);
        if (line->failed) {
            return err_set(err, ST_NOMEM, "no memory for the reply");
        }
    }
    return ST_OK;
}

static bool request_line(const char *token, const json_t *action, struct buf *out)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)action);
    json_object_set_new(copy, "token", json_string(token));
    char *text = json_dumps(copy, JSON_COMPACT);
    json_decref(copy);
    if (text == NULL) {
        return false;
    }
    buf_str(out, text);
    buf_char(out, '\n');
    OPENSSL_cleanse(text, strlen(text));
    free(text);
    return !out->failed;
}

enum status admin_ask(const char *socket_path, const char *token, const json_t *action,
                      mono_ns_t wait, json_t **ret_reply, struct err *err)
{
    struct sockaddr_un a;
    mono_ns_t until = clock_mono() + wait;
    struct buf out;
    struct buf in;
    int fd = address_of(socket_path, &a) ? connect_to(&a) : -1;
    if (fd < 0) {
        return err_set(err, ST_UNREACHABLE, "no simulator answers at %s", socket_path);
    }
    buf_init(&out, ADMIN_LINE_MAX + 1024);
    buf_init(&in, ADMIN_REPLY_MAX);
    enum status st = request_line(token, action, &out)
                         ? send_all(fd, &out, until, err)
                         : err_set(err, ST_LIMIT, "the action is too long");
    st = st == ST_OK ? read_line(fd, until, &in, err) : st;
    if (st == ST_OK) {
        *ret_reply = json_loadb(in.p, in.n, 0, NULL);
        st = *ret_reply != NULL ? ST_OK
                                : err_set(err, ST_MALFORMED, "the simulator's reply is no JSON");
    }
    close(fd);
    if (out.p != NULL) {
        OPENSSL_cleanse(out.p, out.cap);
    }
    buf_finish(&out);
    buf_finish(&in);
    return st;
}
