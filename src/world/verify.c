/*
 * verify.c - see verify.h.
 *
 * The rows of each table come in the order in which the engine made them, so each table has a
 * cursor that moves with the replay. A row that the engine did not make again shows at the end of
 * its turn: rows bear their turn's time.
 */
#include "world/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/layout.h"

static const enum rec_type compared_types[] = {REC_DECISION,  REC_ORDER,    REC_APPLIED,
                                               REC_RECONCILE, REC_POSITION, REC_FEE_DRIFT,
                                               REC_SETTLED,   REC_MARK,     REC_TURN};
#define COMPARED (sizeof compared_types / sizeof compared_types[0])

void verify_init(struct verify *v, const struct session *session, const struct replay *replay,
                 const struct verify_config *config)
{
    *v = (struct verify){.s = session, .replay = replay, .config = *config};
    for (size_t i = 0; i < SESSION_ROWS; i++) {
        v->at[i] = cursor_of(&session->rows[i]);
    }
}

uint64_t verify_compared(const struct verify *v, enum rec_type type)
{
    return v->compared[type - REC_BASE];
}

bool verify_nothing(const struct verify *v)
{
    uint64_t n = v->compared[REC_TURN - REC_BASE];
    for (size_t i = 0; i < COMPARED; i++) {
        n += v->compared[compared_types[i] - REC_BASE];
    }
    return n == 0 && !v->differs;
}

static bool is_compared(uint16_t type)
{
    for (size_t i = 0; i < COMPARED; i++) {
        if (compared_types[i] == type) {
            return true;
        }
    }
    return false;
}

static bool wanted(const struct verify *v, const struct rec *rec)
{
    if (v->config.markets == NULL || rec->type == REC_TURN) {
        return true;
    }
    return rec->mkt < v->config.n_markets && v->config.markets[rec->mkt];
}

/* The next recorded row of a type that is compared, NULL: none. */
static const struct rec *recorded_next(struct verify *v, enum rec_type type)
{
    struct cursor *c = &v->at[type - REC_BASE];
    const struct rec *rec = cursor_peek(c);
    while (rec != NULL && !wanted(v, rec)) {
        cursor_pass(c);
        v->passed[type - REC_BASE]++;
        rec = cursor_peek(c);
    }
    return rec;
}

static void recorded_pass(struct verify *v, enum rec_type type)
{
    cursor_pass(&v->at[type - REC_BASE]);
    v->passed[type - REC_BASE]++;
}

/* --- a difference --- */

static bool settle(struct verify *v)
{
    if (v->config.settle != NULL && !v->differs) {
        v->config.settle(v->config.self);
    }
    return !v->differs;
}

/* Where it is; the texts are the caller's. */
static struct difference *note(struct verify *v, const struct rec *rec, uint64_t row)
{
    const struct replay_status *at = replay_status(v->replay);
    struct difference *d = &v->first;
    v->differs = true;
    *d = (struct difference){
        .turn = at->last_turn,
        .wall = at->last_wall,
        .source = at->last_source,
        .ord = at->last_ord,
        .row = row,
    };
    snprintf(d->table, sizeof d->table, "%s", layout_of(rec->type)->table);
    snprintf(d->market, sizeof d->market, "%s", session_ticker(v->s, rec->mkt));
    if (rec->type == REC_DECISION) {
        const struct rec_decision *decision = (const struct rec_decision *)rec;
        d->row = decision->number;
        d->turn = decision->turn;
        d->wall = decision->h.wall;
        d->source = EV_SRC_MARKET;
        d->ord = decision->last_ord;
    }
    return d;
}

static void float_text(const uint8_t *p, char buf[VALUE_TEXT_MAX])
{
    float f;
    uint32_t bits;
    memcpy(&f, p, sizeof f);
    memcpy(&bits, p, sizeof bits);
    snprintf(buf, VALUE_TEXT_MAX, "%.9g (0x%08" PRIx32 ")", (double)f, bits);
}

static void value_text(const struct field *f, const void *record, char buf[VALUE_TEXT_MAX])
{
    const uint8_t *p = (const uint8_t *)record + f->offset;
    switch (f->kind) {
    case FIELD_I32:
    case FIELD_U32:
    case FIELD_I64:
        snprintf(buf, VALUE_TEXT_MAX, "%" PRId64, layout_number(f, record));
        return;
    case FIELD_TEXT:
        snprintf(buf, VALUE_TEXT_MAX, "%.*s", (int)f->size, (const char *)p);
        return;
    case FIELD_BYTES: /* of a decision: floats */
        float_text(p, buf);
        return;
    case FIELD_GRID:
    case FIELD_LEVELS:
    case FIELD_ROWS:
    case FIELD_RAW:
        break;
    }
    buf[0] = '\0';
}

/* The first value of an array that differs, as a field of its own. */
static struct field element(const struct field *f, const uint8_t *a, const uint8_t *b,
                            char name[32])
{
    uint32_t i = 0;
    while (memcmp(a + f->offset + i, b + f->offset + i, sizeof(float)) == 0) {
        i += (uint32_t)sizeof(float);
    }
    snprintf(name, 32, "%s[%u]", f->name, i / (uint32_t)sizeof(float));
    return (struct field){name, FIELD_BYTES, f->offset + i, sizeof(float)};
}

/* Only its hash was recorded. */
static bool is_hashed(const struct rec_decision *d)
{
    static const float none[OBS_SIZE];
    return memcmp(d->obs, none, sizeof none) == 0 && d->obs_hash != obs_hash_of(none);
}

static bool field_differs(const struct field *f, const struct rec *recorded, const void *replayed)
{
    const uint8_t *a = (const uint8_t *)recorded + f->offset;
    const uint8_t *b = (const uint8_t *)replayed + f->offset;
    if (f->kind == FIELD_TEXT) {
        return strncmp((const char *)a, (const char *)b, f->size) != 0;
    }
    if (recorded->type == REC_DECISION && f->offset == offsetof(struct rec_decision, obs) &&
        is_hashed((const struct rec_decision *)recorded)) {
        return false;
    }
    return memcmp(a, b, f->size) != 0;
}

static void note_field(struct verify *v, const struct rec *recorded, const void *replayed,
                       const struct field *f, uint64_t row)
{
    char name[32];
    struct field at = *f;
    if (f->kind == FIELD_BYTES) {
        at = element(f, (const uint8_t *)recorded, replayed, name);
    }
    struct difference *d = note(v, recorded, row);
    snprintf(d->field, sizeof d->field, "%s", at.name);
    value_text(&at, recorded, d->recorded);
    value_text(&at, replayed, d->replayed);
}

/* One side has no such row. */
static void note_row(struct verify *v, const struct rec *rec, uint64_t row, bool is_recorded)
{
    struct difference *d = note(v, rec, row);
    snprintf(d->field, sizeof d->field, "row");
    snprintf(d->recorded, sizeof d->recorded, "%s", is_recorded ? "a row" : "none");
    snprintf(d->replayed, sizeof d->replayed, "%s", is_recorded ? "none" : "a row");
}

/* --- comparing --- */

static bool before_start(const struct verify *v)
{
    return replay_status(v->replay)->last_wall < v->config.from;
}

/* Rows without numbers leave no hole when they are lost: from the first that does not fit on, a gap
 * row of such rows that comes later is the reason. */
static bool is_lost(struct verify *v, const struct rec *rec)
{
    const struct rec_gap *gap = session_row_gap(v->s, (enum rec_type)rec->type, 0, 0);
    if (rec->type == REC_DECISION || gap == NULL || gap->h.wall < rec->wall) {
        return false;
    }
    v->lost = gap;
    return true;
}

/* What the engine made has no recorded row. */
static void compare_none(struct verify *v, const struct rec *rec, uint64_t row)
{
    if (!is_lost(v, rec) && settle(v)) {
        note_row(v, rec, row, false);
    }
}

static void compare(struct verify *v, const struct rec *recorded, const struct rec *rec)
{
    const struct layout *l = layout_of(rec->type);
    uint64_t row = v->passed[rec->type - REC_BASE];
    v->compared[rec->type - REC_BASE]++;
    if (recorded->size == rec->size && memcmp(recorded, rec, rec->size) == 0) {
        return;
    }
    for (uint32_t i = 0; i < l->n_fields; i++) {
        if (field_differs(&l->fields[i], recorded, rec)) {
            if (!is_lost(v, rec) && settle(v)) {
                note_field(v, recorded, rec, &l->fields[i], row);
            }
            return;
        }
    }
}

void verify_record(struct verify *v, const struct rec *rec)
{
    enum rec_type type = (enum rec_type)rec->type;
    if (v->differs || v->lost != NULL || type == REC_TURN || !is_compared(rec->type) ||
        !wanted(v, rec)) {
        return;
    }
    const struct rec *recorded = recorded_next(v, type);
    bool other = recorded == NULL || (type != REC_DECISION && recorded->wall != rec->wall);
    if (other && !before_start(v)) {
        compare_none(v, rec, v->passed[type - REC_BASE] + 1);
        return;
    }
    if (other) {
        return;
    }
    recorded_pass(v, type);
    if (!before_start(v)) {
        compare(v, recorded, rec);
    }
}

void verify_question(struct verify *v, uint32_t mkt, const float *obs,
                     const struct rec_decision *recorded)
{
    bool same = recorded->h.mkt == mkt && memcmp(recorded->obs, obs, sizeof recorded->obs) == 0;
    if (same || v->differs || before_start(v) || !wanted(v, &recorded->h)) {
        return;
    }
    struct rec_decision made = *recorded;
    made.h.mkt = mkt;
    memcpy(made.obs, obs, sizeof made.obs);
    static const uint32_t offsets[] = {offsetof(struct rec_decision, h.mkt),
                                       offsetof(struct rec_decision, obs)};
    const struct layout *l = layout_of(REC_DECISION);
    for (uint32_t i = 0; i < l->n_fields; i++) {
        const struct field *f = &l->fields[i];
        bool asked = f->offset == offsets[0] || f->offset == offsets[1];
        if (asked && field_differs(f, &recorded->h, &made)) {
            if (settle(v)) {
                note_field(v, &recorded->h, &made, f, recorded->number);
            }
            return;
        }
    }
}

void verify_answer(struct verify *v, const struct rec_decision *recorded,
                   const struct policy_out *out)
{
    bool same = recorded->action == out->action &&
                memcmp(recorded->logits, out->logits, sizeof out->logits) == 0 &&
                memcmp(recorded->probs, out->probs, sizeof out->probs) == 0;
    if (same || v->differs || recorded->h.wall < v->config.from || !wanted(v, &recorded->h)) {
        return;
    }
    struct rec_decision made = *recorded;
    made.action = out->action;
    memcpy(made.logits, out->logits, sizeof made.logits);
    memcpy(made.probs, out->probs, sizeof made.probs);
    const struct layout *l = layout_of(REC_DECISION);
    for (uint32_t i = 0; i < l->n_fields; i++) {
        if (field_differs(&l->fields[i], &recorded->h, &made)) {
            note_field(v, &recorded->h, &made, &l->fields[i], recorded->number);
            return;
        }
    }
}

/* A recorded row of this turn, or of no later one, that the engine did not make; NULL: none. */
static const struct rec *left_over(struct verify *v, enum rec_type type,
                                   const struct rec_turn *turn, bool alone)
{
    const struct rec *rec = recorded_next(v, type);
    if (rec == NULL || type == REC_TURN) {
        return NULL;
    }
    bool here = type == REC_DECISION ? ((const struct rec_decision *)rec)->turn <= turn->turn
                                     : alone && rec->wall == turn->h.wall;
    return here ? rec : NULL;
}

void verify_turn(struct verify *v, const struct rec_turn *turn, bool happened)
{
    if (v->differs || v->lost != NULL) {
        return;
    }
    recorded_pass(v, REC_TURN);
    bool skip = before_start(v);
    v->compared[REC_TURN - REC_BASE] += !skip;
    const struct rec_turn *next = replay_next(v->replay);
    bool alone = next == NULL || next->h.wall != turn->h.wall;
    for (size_t i = 0; i < COMPARED; i++) {
        enum rec_type type = compared_types[i];
        const struct rec *rec = left_over(v, type, turn, alone);
        while (skip && rec != NULL) {
            recorded_pass(v, type);
            rec = left_over(v, type, turn, alone);
        }
        if (rec != NULL && settle(v)) {
            note_row(v, rec, v->passed[type - REC_BASE] + 1, true);
            return;
        }
    }
    if (!happened && !skip && settle(v)) {
        note_row(v, &turn->h, turn->turn, true);
    }
}

void verify_end(struct verify *v)
{
    if (session_is_open(v->s)) {
        return; /* what is left is of a turn whose own row was not stored any more */
    }
    for (size_t i = 0; i < COMPARED && !v->differs && v->lost == NULL; i++) {
        const struct rec *rec = recorded_next(v, compared_types[i]);
        if (rec != NULL && settle(v)) {
            note_row(v, rec, v->passed[compared_types[i] - REC_BASE] + 1, true);
        }
    }
}
