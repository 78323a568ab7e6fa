#include "policy/model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "policy/network.h"
#include "policy/policy.h"
#include "policy/safetensors.h"
#include "policy/sb3.h"
#include "policy/vecnormalize.h"

#define STATISTICS_FILE_MAX (16U << 20)

static enum status read_all(int fd, size_t max, uint8_t **ret_bytes, size_t *ret_n,
                            struct refusal *r)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return refuse(r, REFUSED_IO, "not a regular file");
    }
    if ((uint64_t)info.st_size > max) {
        return refuse(r, REFUSED_ZIP_LIMIT, "%lld bytes, too large: the limit is %zu",
                      (long long)info.st_size, max);
    }
    size_t size = (size_t)info.st_size;
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    if (bytes == NULL) {
        return refuse_memory(r);
    }
    size_t have = 0;
    while (have < size) {
        ssize_t got = read(fd, bytes + have, size - have);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            free(bytes);
            return refuse(r, REFUSED_IO, "cannot be read: %s", strerror(errno));
        }
        if (got == 0) {
            break;
        }
        have += (size_t)got;
    }
    *ret_bytes = bytes;
    *ret_n = have;
    return ST_OK;
}

/* Everything into memory at once: a file that changes while it is read is then harmless, and
 * O_NONBLOCK keeps a pipe from holding us up. */
static enum status read_file(const char *path, size_t max, uint8_t **ret_bytes, size_t *ret_n,
                             struct refusal *r)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return refuse(r, errno == ENOENT ? REFUSED_NOT_FOUND : REFUSED_IO, "cannot be opened: %s",
                      strerror(errno));
    }
    enum status st = read_all(fd, max, ret_bytes, ret_n, r);
    close(fd);
    return st;
}

static void hash_layer(struct digest *d, const struct layer *layer)
{
    digest_u64(d, (uint64_t)layer->in << 32 | layer->out);
    digest_add(d, layer->weights, (size_t)layer->in * layer->out_padded * sizeof(float));
    digest_add(d, layer->bias, layer->out_padded * sizeof(float));
}

static void hash_layers(struct digest *d, const struct layers *layers)
{
    digest_u64(d, layers->n);
    for (uint32_t i = 0; i < layers->n; i++) {
        hash_layer(d, &layers->layer[i]);
    }
}

/* Over what decides an action and nothing else, so that one network in two containers has one hash.
 */
static void hash_model(struct model *m)
{
    struct digest d;
    const char *act = activation_name(m->activation);
    digest_init(&d);
    digest_add(&d, act, strlen(act));
    hash_layers(&d, &m->shared);
    hash_layers(&d, &m->actor);
    hash_layers(&d, &m->critic);
    hash_layer(&d, &m->action_head);
    hash_layer(&d, &m->value_head);
    digest_u64(&d, m->normalizer.applies);
    if (m->normalizer.applies) {
        digest_add(&d, m->normalizer.mean, m->obs_count * sizeof(double));
        digest_add(&d, m->normalizer.deviation, m->obs_count * sizeof(double));
        digest_add(&d, &m->normalizer.limit, sizeof(double));
    }
    digest_text(&d, m->hash);
}

enum status model_parse(const uint8_t *bytes, size_t n, struct model **ret_model, struct refusal *r)
{
    struct model *model = calloc(1, sizeof *model);
    if (model == NULL) {
        return refuse_memory(r);
    }
    bool zip = n >= 4 && bytes[0] == 'P' && bytes[1] == 'K';
    enum status st = !zip && safetensors_looks_like(bytes, n) ? safetensors_load(bytes, n, model, r)
                                                              : sb3_load(bytes, n, model, r);
    if (st != ST_OK) {
        model_destroy(model);
        return st;
    }
    hash_model(model);
    *ret_model = model;
    return ST_OK;
}

static enum status load_statistics(const char *path, struct model *model, struct refusal *r)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    enum status st = read_file(path, STATISTICS_FILE_MAX, &bytes, &n, r);
    if (st == ST_OK) {
        st = vecnormalize_load(bytes, n, model->obs_count, &model->normalizer, r);
        free(bytes);
    }
    if (st != ST_OK) {
        return refuse_at(r, "%s", path);
    }
    hash_model(model);
    return ST_OK;
}

enum status model_load(const char *path, const char *stats, struct model **ret_model,
                       struct refusal *r)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    struct model *model = NULL;
    enum status st = read_file(path, MODEL_FILE_MAX, &bytes, &n, r);
    if (st == ST_OK) {
        st = model_parse(bytes, n, &model, r);
        free(bytes);
    }
    if (st != ST_OK) {
        return refuse_at(r, "%s", path);
    }
    if (stats != NULL) {
        st = load_statistics(stats, model, r);
    }
    if (st != ST_OK) {
        model_destroy(model);
        return st;
    }
    *ret_model = model;
    return ST_OK;
}

void model_destroy(struct model *model)
{
    if (model == NULL) {
        return;
    }
    network_finish(model);
    normalizer_finish(&model->normalizer);
    free(model);
}

enum status model_check_agent(const struct model *model, struct refusal *r)
{
    if (model->obs_count != POLICY_OBS) {
        return refuse(r, REFUSED_OBSERVATION_SIZE, "the model takes %u inputs, the agent gives %d",
                      model->obs_count, POLICY_OBS);
    }
    if (model->action_count != POLICY_ACTIONS) {
        return refuse(r, REFUSED_ACTION_COUNT, "the model has %u actions, the agent %d",
                      model->action_count, POLICY_ACTIONS);
    }
    return ST_OK;
}

static void add_layers(struct buf *b, const struct layers *layers)
{
    for (uint32_t i = 0; i < layers->n; i++) {
        buf_printf(b, "-%u", layers->layer[i].out);
    }
}

void model_text(const struct model *model, char *buf, size_t cap)
{
    struct buf b;
    buf_init(&b, 1024);
    buf_printf(&b, "%u", model->obs_count);
    add_layers(&b, &model->shared);
    add_layers(&b, &model->actor);
    buf_printf(&b, "-%u %s (value %u", model->action_count, activation_name(model->activation),
               model->obs_count);
    add_layers(&b, &model->shared);
    add_layers(&b, &model->critic);
    buf_printf(&b, "-1), %s%s%s", model->source == MODEL_SB3_ZIP ? "sb3" : "safetensors",
               model->version[0] != '\0' ? " " : "", model->version);
    snprintf(buf, cap, "%s", b.failed || b.p == NULL ? "?" : b.p);
    buf_finish(&b);
}
