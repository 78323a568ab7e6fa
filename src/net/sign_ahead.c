#include "net/sign_ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

struct sign_ahead {
    struct signer signer; /* the thread's */
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    struct sigbook *book;
    bool stop;
};

static enum status sign(struct sign_ahead *s, const struct sigbook_job *job, char *sig)
{
    return signer_sign(&s->signer, job->ts_ms, job->method, job->path, sig, SIGNATURE_MAX);
}

/* Until the next job is due, at most a second; with the lock. */
static void rest(struct sign_ahead *s)
{
    wall_ns_t wall = clock_wall();
    wall_ns_t due = sigbook_due(s->book);
    mono_ns_t ns = due == NS_NEVER || due - wall > NS_PER_SEC ? NS_PER_SEC : due - wall;
    ns = ns < NS_PER_MS ? NS_PER_MS : ns;
    mono_ns_t at = clock_mono() + ns;
    struct timespec until = {.tv_sec = at / NS_PER_SEC, .tv_nsec = at % NS_PER_SEC};
    (void)pthread_cond_timedwait(&s->wake, &s->lock, &until);
}

static void *run(void *self)
{
    struct sign_ahead *s = self;
    struct sigbook_job job;
    char sig[SIGNATURE_MAX];
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        if (!sigbook_job(s->book, clock_wall(), &job)) {
            rest(s);
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        enum status st = sign(s, &job, sig);
        pthread_mutex_lock(&s->lock);
        sigbook_done(s->book, &job, st == ST_OK ? sig : NULL);
        if (st != ST_OK && !s->stop) {
            rest(s); /* whoever takes signs itself, and reports */
        }
    }
    pthread_mutex_unlock(&s->lock);
    explicit_bzero(sig, sizeof sig);
    return NULL;
}

enum status sign_ahead_create(const struct signer *signer, uint32_t paths_max, wall_ns_t age_max,
                              struct sign_ahead **ret)
{
    struct sign_ahead *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return ST_NOMEM;
    }
    s->signer = *signer;
    enum status st = sigbook_create(paths_max, age_max, &s->book);
    if (st != ST_OK) {
        free(s);
        return st;
    }
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&s->lock, NULL);
    if (pthread_create(&s->thread, NULL, run, s) != 0) {
        pthread_cond_destroy(&s->wake);
        pthread_mutex_destroy(&s->lock);
        sigbook_destroy(s->book);
        free(s);
        return ST_IO;
    }
    *ret = s;
    return ST_OK;
}

void sign_ahead_destroy(struct sign_ahead *s)
{
    if (s == NULL) {
        return;
    }
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    sigbook_destroy(s->book);
    free(s);
}

enum status sign_ahead_keep(struct sign_ahead *s, const char *method, const char *path,
                            uint32_t want)
{
    pthread_mutex_lock(&s->lock);
    enum status st = sigbook_keep(s->book, method, path, want);
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    return st;
}

bool sign_ahead_take(struct sign_ahead *s, const char *method, const char *path, int64_t *ret_ts_ms,
                     char *sig)
{
    pthread_mutex_lock(&s->lock);
    bool ready = sigbook_take(s->book, method, path, clock_wall(), ret_ts_ms, sig);
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    return ready;
}

struct sigbook_stats sign_ahead_stats(struct sign_ahead *s)
{
    pthread_mutex_lock(&s->lock);
    struct sigbook_stats stats = sigbook_stats(s->book);
    pthread_mutex_unlock(&s->lock);
    return stats;
}
