/* aside.c - see aside.h. */
#include "world/aside.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/ensure.h"

enum turn { TURN_WORLD, TURN_CALL, TURN_QUIT };

struct aside {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum turn turn; /* under the lock; what follows belongs to whose turn it is */
    void (*call)(void *arg);
    void *arg;
    bool middle;
};

/* Give the turn away, and wait until it is mine again, or the other side quits. */
static enum turn swap(struct aside *a, enum turn to, enum turn mine)
{
    a->turn = to;
    pthread_cond_broadcast(&a->changed);
    while (a->turn != mine && a->turn != TURN_QUIT) {
        pthread_cond_wait(&a->changed, &a->lock);
    }
    return a->turn;
}

static void *thread_main(void *self)
{
    struct aside *a = self;
    pthread_mutex_lock(&a->lock);
    while (a->turn == TURN_WORLD) {
        pthread_cond_wait(&a->changed, &a->lock);
    }
    while (a->turn == TURN_CALL) {
        a->call(a->arg);
        a->middle = false;
        (void)swap(a, TURN_WORLD, TURN_CALL);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

struct aside *aside_create(void)
{
    struct aside *a = calloc(1, sizeof *a);
    ensure(a != NULL);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    ensure(pthread_create(&a->thread, NULL, thread_main, a) == 0);
    return a;
}

void aside_destroy(struct aside *a)
{
    if (a == NULL) {
        return;
    }
    ensure(!a->middle);
    pthread_mutex_lock(&a->lock);
    a->turn = TURN_QUIT;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

bool aside_run(struct aside *a, void (*call)(void *arg), void *arg)
{
    ensure(!a->middle);
    a->call = call;
    a->arg = arg;
    a->middle = true;
    return aside_resume(a);
}

bool aside_resume(struct aside *a)
{
    pthread_mutex_lock(&a->lock);
    (void)swap(a, TURN_CALL, TURN_WORLD);
    pthread_mutex_unlock(&a->lock);
    return !a->middle;
}

bool aside_stopped(const struct aside *a)
{
    return a != NULL && a->middle && a->turn == TURN_WORLD;
}

bool aside_inside(const struct aside *a)
{
    return a != NULL && a->turn == TURN_CALL;
}

void aside_stop(struct aside *a)
{
    (void)swap(a, TURN_WORLD, TURN_CALL); /* the call has the lock */
}
