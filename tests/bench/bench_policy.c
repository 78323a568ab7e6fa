/*
 * bench_policy.c - nanoseconds for one observation through a 52-64-64-5 tanh network.
 *
 * The peer is the same arithmetic as a plain scalar loop with the C library's tanhf; with OpenBLAS
 * at build time also sgemv. Both run in the same process, turn by turn with ours, and the median of
 * the runs is printed. Weights and observations come from a fixed seed.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if HAVE_OPENBLAS
#include <cblas.h>
#endif

#include "base/hash.h"
#include "base/rng.h"
#include "bench/plain_policy.h"
#include "policy/mlp.h"
#include "policy/network.h"

#define OBS    52
#define ROWS   256
#define RUNS   15
#define ROUNDS 20

/* The network in both forms, with and without the value part. */
struct bench {
    struct model *model;
    struct plain_layer layer[6]; /* actor 0 1 2, critic 3 4 5 */
    float obs[ROWS * OBS];
    char input_hash[33];
};

static volatile float sink;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static float uniform(struct rng *rng, double limit)
{
    return (float)((2 * rng_unit(rng) - 1) * limit);
}

static void add_tensor(struct tensors *all, const char *name, int out, int in, struct rng *rng)
{
    struct tensor *t = &all->t[all->n++];
    snprintf(t->name, sizeof t->name, "%s", name);
    t->dims = in > 0 ? 2 : 1;
    t->shape[0] = (uint64_t)out;
    t->shape[1] = (uint64_t)in;
    t->n = (size_t)out * (size_t)(in > 0 ? in : 1);
    t->data = malloc(t->n * sizeof(float));
    double limit = in > 0 ? sqrt(3.0 / in) : 0.1;
    for (size_t i = 0; i < t->n; i++) {
        t->data[i] = uniform(rng, limit);
    }
}

static void setup(struct bench *b)
{
    static const char *const names[6] = {
        "mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net",
        "mlp_extractor.value_net.0",  "mlp_extractor.value_net.2",  "value_net"};
    static const int sizes[6][2] = {{64, OBS}, {64, 64}, {5, 64}, {64, OBS}, {64, 64}, {1, 64}};
    struct tensors *all = calloc(1, sizeof *all);
    struct rng rng;
    struct digest d;
    struct refusal r;
    rng_init(&rng, 20261123);
    digest_init(&d);
    for (int i = 0; i < 6; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.weight", names[i]);
        add_tensor(all, name, sizes[i][0], sizes[i][1], &rng);
        b->layer[i] = (struct plain_layer){sizes[i][1], sizes[i][0], all->t[all->n - 1].data, NULL};
        snprintf(name, sizeof name, "%s.bias", names[i]);
        add_tensor(all, name, sizes[i][0], 0, &rng);
        b->layer[i].b = all->t[all->n - 1].data;
    }
    for (uint32_t i = 0; i < all->n; i++) {
        digest_add(&d, all->t[i].data, all->t[i].n * sizeof(float));
    }
    for (size_t i = 0; i < ROWS * OBS; i++) {
        b->obs[i] = uniform(&rng, 1.5);
    }
    digest_add(&d, b->obs, sizeof b->obs);
    digest_text(&d, b->input_hash);
    b->model = calloc(1, sizeof *b->model);
    b->model->activation = ACT_TANH;
    b->model->obs_count = OBS;
    if (network_build(b->model, all, &r) != ST_OK) {
        fprintf(stderr, "bench_policy: %s\n", r.err.text);
        exit(1);
    }
    /* The tensors' data stays, for the peer. */
    free(all);
}

#if HAVE_OPENBLAS
static void blas_layer(const struct plain_layer *l, const float *x, float *y, bool hidden)
{
    memcpy(y, l->b, (size_t)l->out * sizeof *y);
    cblas_sgemv(CblasRowMajor, CblasNoTrans, l->out, l->in, 1, l->w, l->in, x, 1, 1, y, 1);
    for (int o = 0; hidden && o < l->out; o++) {
        y[o] = tanhf(y[o]);
    }
}
#endif

typedef void layer_fn(const struct plain_layer *l, const float *x, float *y, bool hidden);

static void peer_actor(const struct bench *b, layer_fn *layer, float *logits, const float *x)
{
    float h1[64];
    float h2[64];
    layer(&b->layer[0], x, h1, true);
    layer(&b->layer[1], h1, h2, true);
    layer(&b->layer[2], h2, logits, false);
}

static void peer_whole(const struct bench *b, layer_fn *layer, const float *x)
{
    float h1[64];
    float h2[64];
    float logits[5];
    float probs[5];
    float value = 0;
    peer_actor(b, layer, logits, x);
    layer(&b->layer[3], x, h1, true);
    layer(&b->layer[4], h1, h2, true);
    layer(&b->layer[5], h2, &value, false);
    sink = plain_softmax(logits, probs) + value;
}

/* The actor's three layers only: what "52-64-64-5" says, without value and softmax. */
static void our_actor(const struct model *m, const float *x)
{
    float h1[64];
    float h2[64];
    float out[8];
    mlp_layer(&m->actor.layer[0], x, OBS, 1, h1, 64);
    activation_apply(ACT_TANH, h1, 64);
    mlp_layer(&m->actor.layer[1], h1, 64, 1, h2, 64);
    activation_apply(ACT_TANH, h2, 64);
    mlp_layer(&m->action_head, h2, 64, 1, out, 8);
    sink = out[0];
}

enum what {
    OUR_ACTOR,
    OUR_WHOLE,
    OUR_BATCH,
    PEER_ACTOR,
    PEER_WHOLE,
    BLAS_ACTOR,
    BLAS_WHOLE,
    WHATS
};

static void one_round(struct bench *b, enum what what)
{
    float logits[ROWS * 5];
    float probs[ROWS * 5];
    float value[ROWS];
    bool finite[ROWS];
    if (what == OUR_BATCH) {
        model_forward(b->model, b->obs, ROWS, logits, probs, value, finite);
        sink = value[0];
        return;
    }
    for (size_t i = 0; i < ROWS; i++) {
        const float *x = b->obs + i * OBS;
        switch (what) {
        case OUR_ACTOR:
            our_actor(b->model, x);
            break;
        case OUR_WHOLE:
            model_forward(b->model, x, 1, logits, probs, value, finite);
            sink = value[0];
            break;
        case PEER_ACTOR:
            peer_actor(b, plain_layer, logits, x);
            sink = logits[0];
            break;
        case PEER_WHOLE:
            peer_whole(b, plain_layer, x);
            break;
        case BLAS_ACTOR:
        case BLAS_WHOLE:
#if HAVE_OPENBLAS
            if (what == BLAS_ACTOR) {
                peer_actor(b, blas_layer, logits, x);
                sink = logits[0];
            } else {
                peer_whole(b, blas_layer, x);
            }
#endif
            break;
        case OUR_BATCH:
        case WHATS:
            break;
        }
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(struct bench *b, double median[WHATS])
{
    double ns[WHATS][RUNS];
    for (int run = 0; run < RUNS; run++) {
        for (int w = 0; w < WHATS; w++) {
            double from = now_ns();
            for (int i = 0; i < ROUNDS; i++) {
                one_round(b, (enum what)w);
            }
            ns[w][run] = (now_ns() - from) / (ROUNDS * ROWS);
        }
    }
    for (int w = 0; w < WHATS; w++) {
        qsort(ns[w], RUNS, sizeof ns[w][0], by_value);
        median[w] = ns[w][RUNS / 2];
    }
}

/* A figure means nothing when the two compute different things. */
static bool agrees(struct bench *b)
{
    for (size_t i = 0; i < ROWS; i++) {
        float logits[5];
        float probs[5];
        float want[5];
        float value = 0;
        bool finite = false;
        model_forward(b->model, b->obs + i * OBS, 1, logits, probs, &value, &finite);
        peer_actor(b, plain_layer, want, b->obs + i * OBS);
        for (int k = 0; k < 5; k++) {
            if (!finite || fabsf(logits[k] - want[k]) > 1e-5F) {
                return false;
            }
        }
    }
    return true;
}

static const struct {
    const char *name;
    enum what ours;
    const char *peer;
    enum what theirs;
} rows[] = {
    {"actor 52-64-64-5 tanh, one row", OUR_ACTOR, "scalar loop, libm tanhf", PEER_ACTOR},
    {"actor and value with softmax, one row", OUR_WHOLE, "scalar loop, libm", PEER_WHOLE},
    {"actor and value with softmax, batch of 256", OUR_BATCH, "scalar loop, libm", PEER_WHOLE},
#if HAVE_OPENBLAS
    {"actor 52-64-64-5 tanh, against BLAS", OUR_ACTOR, "OpenBLAS sgemv, libm tanhf", BLAS_ACTOR},
    {"actor and value, against BLAS", OUR_WHOLE, "OpenBLAS sgemv, libm", BLAS_WHOLE},
#endif
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static bool write_json(const char *path, const struct bench *b, const double median[WHATS])
{
    FILE *f = fopen(path, "w");
    if (f == NULL) {
        perror(path);
        return false;
    }
    fprintf(f, "{\"results\":[");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        fprintf(f,
                "%s{\"name\":\"%s\",\"ns\":%.1f,\"peer\":\"%s\",\"peer_ns\":%.1f,\"ratio\":%.2f,"
                "\"input_hash\":\"%s\",\"runs\":%d}",
                i > 0 ? "," : "", rows[i].name, median[rows[i].ours], rows[i].peer,
                median[rows[i].theirs], median[rows[i].theirs] / median[rows[i].ours],
                b->input_hash, RUNS);
    }
    fprintf(f, "]}\n");
    return fclose(f) == 0;
}

int main(int argc, char **argv)
{
    static struct bench b;
    double median[WHATS];
    setup(&b);
    if (!agrees(&b)) {
        fprintf(stderr, "bench_policy: ours and the peer's logits differ\n");
        return 1;
    }
    measure(&b, median);
    printf("policy: median of %d runs of %d rows, input %s\n", RUNS, ROUNDS * ROWS, b.input_hash);
    printf("  %-44s %8s  %-28s %8s %7s\n", "", "ns", "peer", "ns", "ratio");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        printf("  %-44s %8.0f  %-28s %8.0f %6.1fx\n", rows[i].name, median[rows[i].ours],
               rows[i].peer, median[rows[i].theirs], median[rows[i].theirs] / median[rows[i].ours]);
    }
    for (int i = 0; i < 6; i++) {
        free(b.layer[i].w);
        free(b.layer[i].b);
    }
    model_destroy(b.model);
    if (argc == 3 && strcmp(argv[1], "--json") == 0) {
        return write_json(argv[2], &b, median) ? 0 : 1;
    }
    return argc == 1 ? 0 : 2;
}
