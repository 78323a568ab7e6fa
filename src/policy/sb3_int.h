/*
 * sb3_int.h - what the files sb3*.c share: `data` as JSON and the pickles inside it.
 *
 * SB3 stores what JSON cannot hold twice: as text for people, and as a base64 pickle, which is the
 * part it reads back. We read both, as data, and refuse a file in which they disagree.
 */
#ifndef POLICY_SB3_INT_H
#define POLICY_SB3_INT_H

#include <jansson.h>

#include "policy/model.h"
#include "policy/unpickle.h"

/* The pickle of one object of `data`. */
struct sb3_object {
    const char *key;
    const json_t *text; /* the JSON object with ":type:", attributes and so on */
    uint8_t *bytes;
    struct pickle *pickle;
    const struct pv *root;
};

/* Parse `data` (changed in place: NaN and Infinity become null). json, json_limit. */
enum status sb3_json(uint8_t *text, size_t n, json_t **ret_json, struct refusal *r) MUST_CHECK;

/* Open data[key][":serialized:"]; a failure has the given class. */
enum status sb3_object_open(struct sb3_object *o, const char *key, const json_t *value,
                            enum refusal_class class, struct refusal *r) MUST_CHECK;
void sb3_object_close(struct sb3_object *o);

/* ":type:" of an object, "" when it is none. */
const char *sb3_type(const json_t *value);

/* The two spaces. The first call says of what kind they are, the second what they hold. */
enum status sb3_space_kinds(const json_t *data, struct refusal *r) MUST_CHECK;
enum status sb3_read_spaces(const json_t *data, struct model *model, struct refusal *r) MUST_CHECK;

/* policy_kwargs. The first call looks at the features extractor only, the second at everything. */
enum status sb3_check_extractor(const json_t *data, struct refusal *r) MUST_CHECK;
enum status sb3_read_kwargs(const json_t *data, struct model *model, struct refusal *r) MUST_CHECK;

#endif
