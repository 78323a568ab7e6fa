/* pg_proxy.c - see pg_proxy.h. */
#include "pg_proxy.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define HELD_MAX 16

static struct proxy {
    char server[108];
    int listener;
    pthread_t thread;
    atomic_int mode;
    atomic_uint lost;
    atomic_bool stop;
    int held[HELD_MAX]; /* servers' sides of half-open connections */
    int n_held;
} p;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    return a;
}

static bool send_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, bytes, n, MSG_NOSIGNAL);
        if (k <= 0) {
            return false;
        }
        bytes += k;
        n -= (size_t)k;
    }
    return true;
}

/* From client to server. False: the connection is over. */
static bool pass_up(int client, int server, bool *hold)
{
    static const char commit[] = "; COMMIT"; /* and its NUL: the end of a message */
    char bytes[65536];
    ssize_t n = recv(client, bytes, sizeof bytes, 0);
    if (n <= 0) {
        return false;
    }
    int mode = atomic_load(&p.mode);
    if (mode == PROXY_PASS || memmem(bytes, (size_t)n, commit, sizeof commit) == NULL) {
        return send_all(server, bytes, (size_t)n);
    }
    atomic_store(&p.mode, PROXY_PASS);
    atomic_fetch_add(&p.lost, 1);
    *hold = mode == PROXY_HALF_OPEN;
    if (mode == PROXY_ANSWER_LOST && send_all(server, bytes, (size_t)n)) {
        (void)!recv(server, bytes, sizeof bytes, 0);
    }
    return false;
}

static bool pass_down(int server, int client)
{
    char bytes[65536];
    ssize_t n = recv(server, bytes, sizeof bytes, 0);
    return n > 0 && send_all(client, bytes, (size_t)n);
}

static void serve(int client)
{
    struct sockaddr_un a = address_of(p.server);
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    bool hold = false, on = connect(server, (struct sockaddr *)&a, sizeof a) == 0;
    while (on && !atomic_load(&p.stop)) {
        struct pollfd fds[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
        if (poll(fds, 2, 50) > 0) {
            on = fds[0].revents == 0 || pass_up(client, server, &hold);
            on = on && (fds[1].revents == 0 || pass_down(server, client));
        }
    }
    close(client);
    if (hold && p.n_held < HELD_MAX) {
        p.held[p.n_held++] = server;
    } else {
        close(server);
    }
}

static void *run(void *self)
{
    (void)self;
    while (!atomic_load(&p.stop)) {
        struct pollfd fd = {p.listener, POLLIN, 0};
        if (poll(&fd, 1, 50) > 0) {
            serve(accept(p.listener, NULL, NULL));
        }
    }
    return NULL;
}

void pg_proxy_start(const char *folder)
{
    char path[108];
    memset(&p, 0, sizeof p);
    snprintf(p.server, sizeof p.server, "%s/.s.PGSQL.5432", folder);
    snprintf(path, sizeof path, "%s/proxy", folder);
    if (mkdir(path, 0700) != 0) {
        die(path);
    }
    snprintf(path, sizeof path, "%s/proxy/.s.PGSQL.5432", folder);
    struct sockaddr_un a = address_of(path);
    p.listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(p.listener, (struct sockaddr *)&a, sizeof a) != 0 || listen(p.listener, 8) != 0) {
        die(path);
    }
    if (pthread_create(&p.thread, NULL, run, NULL) != 0) {
        die("thread");
    }
}

void pg_proxy_stop(void)
{
    atomic_store(&p.stop, true);
    pthread_join(p.thread, NULL);
    close(p.listener);
    for (int i = 0; i < p.n_held; i++) {
        close(p.held[i]);
    }
}

void pg_proxy_mode(enum proxy_mode mode)
{
    atomic_store(&p.mode, (int)mode);
}

unsigned pg_proxy_lost(void)
{
    return atomic_load(&p.lost);
}
