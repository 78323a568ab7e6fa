/*
 * shrink.c - first whole kinds, then hits by halves, quarters and so on (ddmin), then the lengths.
 */
#include "chaos/shrink.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

/* The text of a failure without its numbers and ids: two with the same are taken for one. */
static void shape(const char *why, char out[240])
{
    size_t n = 0;
    while (*why != '\0' && n < 239) {
        const char *end = why;
        bool number = false;
        while (*end != '\0' && *end != ' ') {
            number = number || isdigit((unsigned char)*end) != 0;
            end++;
        }
        if (number) {
            out[n++] = '#';
        } else {
            for (; why < end && n < 239; why++) {
                out[n++] = *why;
            }
        }
        why = end;
        while (*why == ' ') {
            why++;
            n -= n == 239;
            out[n++] = ' ';
        }
    }
    out[n] = '\0';
}

struct search {
    struct shrunk *s;
    char want[240];
    uint32_t runs_max;
};

static bool still_fails(struct search *k, const struct plan *plan)
{
    struct real *r = NULL;
    char got[240];
    if (k->s->runs >= k->runs_max) {
        return false;
    }
    k->s->runs++;
    struct outcome o = plan_run(plan, &r);
    real_destroy(r);
    shape(o.why, got);
    bool same = o.failed && strcmp(got, k->want) == 0;
    if (same) {
        memcpy(k->s->why, o.why, sizeof o.why);
    }
    return same;
}

/* Without hits [from, to): kept so when it still fails. */
static bool without(struct search *k, uint32_t from, uint32_t to)
{
    struct shrunk *s = k->s;
    struct real_hit *left = malloc((s->n_hits + 1) * sizeof *left);
    ensure(left != NULL);
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_hits; i++) {
        if (i < from || i >= to) {
            left[n++] = s->hits[i];
        }
    }
    struct plan p = s->plan;
    p.config.only = left;
    p.config.n_only = n;
    bool fails = still_fails(k, &p);
    if (fails) {
        free(s->hits);
        s->hits = left;
        s->n_hits = n;
        s->plan.config.only = left;
        s->plan.config.n_only = n;
    } else {
        free(left);
    }
    return fails;
}

static int by_kind(const void *a, const void *b)
{
    const struct real_hit *x = a, *y = b;
    if (x->kind != y->kind) {
        return x->kind < y->kind ? -1 : 1;
    }
    return x->draw < y->draw ? -1 : x->draw > y->draw;
}

static void fewer_kinds(struct search *k)
{
    struct shrunk *s = k->s;
    qsort(s->hits, s->n_hits, sizeof *s->hits, by_kind);
    for (uint32_t i = 0; i < s->n_hits;) {
        uint32_t end = i;
        while (end < s->n_hits && s->hits[end].kind == s->hits[i].kind) {
            end++;
        }
        i = without(k, i, end) ? i : end;
    }
}

static void fewer_hits(struct search *k)
{
    struct shrunk *s = k->s;
    for (uint32_t size = (s->n_hits + 1) / 2; size > 0; size = size == 1 ? 0 : (size + 1) / 2) {
        for (uint32_t i = 0; i < s->n_hits;) {
            uint32_t end = i + size < s->n_hits ? i + size : s->n_hits;
            i = without(k, i, end) ? i : end;
        }
    }
}

static void shorter(struct search *k)
{
    for (uint32_t i = 0; i < k->s->plan.n_phases; i++) {
        for (int part = 0; part < 6; part++) {
            struct plan p = k->s->plan;
            p.phases[i].length = p.phases[i].length * 2 / 3;
            if (p.phases[i].length < NS_PER_MS || !still_fails(k, &p)) {
                break;
            }
            k->s->plan = p;
        }
    }
}

void shrink(const struct plan *plan, const struct outcome *failure, uint32_t runs_max,
            struct shrunk *ret)
{
    struct search k = {.s = ret, .runs_max = runs_max};
    struct real *r = NULL;
    memset(ret, 0, sizeof *ret);
    ret->plan = *plan;
    memcpy(ret->why, failure->why, sizeof failure->why);
    shape(failure->why, k.want);
    (void)plan_run(plan, &r); /* once more, for its hits */
    uint32_t n = 0;
    const struct real_hit *hits = real_hits(r, &n);
    ret->hits = malloc((n + 1) * sizeof *hits);
    ensure(ret->hits != NULL);
    if (n > 0) {
        memcpy(ret->hits, hits, n * sizeof *hits);
    }
    ret->n_hits = ret->n_before = n;
    real_destroy(r);
    ret->plan.config.only = ret->hits;
    ret->plan.config.n_only = n;
    fewer_kinds(&k);
    fewer_hits(&k);
    shorter(&k);
    fewer_hits(&k);
}
