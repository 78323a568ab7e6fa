/*
 * pickle_value.c - reading the values that unpickle() built; each takes NULL, so that a walk by
 * names needs one check at its end.
 */
#include "policy/unpickle.h"

bool pv_is_str(const struct pv *v, const char *text)
{
    return v != NULL && v->kind == PV_STR && text_equal(v->s, text_of(text));
}

bool pv_is_global(const struct pv *v, const char *module, const char *name)
{
    return v != NULL && v->kind == PV_GLOBAL && text_equal(v->global.module, text_of(module)) &&
           text_equal(v->global.name, text_of(name));
}

bool pv_int(const struct pv *v, int64_t *ret_i)
{
    if (v == NULL || v->kind != PV_INT) {
        return false;
    }
    *ret_i = v->i;
    return true;
}

const struct pv *pv_item(const struct pv *v, uint32_t i)
{
    if (v == NULL || (v->kind != PV_TUPLE && v->kind != PV_LIST) || i >= v->seq.n) {
        return NULL;
    }
    return v->seq.items[i];
}

const struct pv *pv_get(const struct pv *dict, const char *key)
{
    if (dict == NULL || dict->kind != PV_DICT) {
        return NULL;
    }
    for (uint32_t i = dict->seq.n; i >= 2; i -= 2) {
        if (pv_is_str(dict->seq.items[i - 2], key)) {
            return dict->seq.items[i - 1];
        }
    }
    return NULL;
}
