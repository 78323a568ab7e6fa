/*
 * fuzz_wire_diff.c - the hot decoder against its jansson twin, on any bytes.
 *
 * Aborts when they disagree in a way that tests/fuzz/README.md does not permit.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/wire/wire_compare.h"
#include "wire/frame.h"

#define LEVELS 64

static void disagree(const char *what, enum status hot, enum status slow, const char *s, size_t n)
{
    fprintf(stderr, "hot %s, jansson %s: %s\n%.*s\n", status_name(hot), status_name(slow), what,
            (int)n, s);
    abort();
}

/* What jansson refuses although it has no bearing on the message: see the README. */
static bool jansson_alone_may_refuse(const char *s, size_t n)
{
    json_error_t e;
    json_t *root = json_loadb(s, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
    if (root != NULL) {
        json_decref(root);
        return false;
    }
    enum json_error_code code = json_error_code(&e);
    return code == json_error_duplicate_key || code == json_error_numeric_overflow ||
           code == json_error_null_byte_in_key;
}

static unsigned deepest(const char *s, size_t n)
{
    unsigned depth = 0;
    unsigned most = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '{' || s[i] == '[') {
            depth++;
            most = depth > most ? depth : most;
        } else if ((s[i] == '}' || s[i] == ']') && depth > 0) {
            depth--;
        }
    }
    return most;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *s = (const char *)data;
    struct wire_decoder a;
    struct wire_decoder b;
    if (wire_decoder_init(&a, LEVELS) != ST_OK || wire_decoder_init(&b, LEVELS) != ST_OK) {
        abort();
    }
    struct wire_msg hot;
    struct wire_msg slow;
    struct frame_doc *doc = NULL;
    size_t pos = 0;
    enum status st_hot = wire_decode(&a, s, size, &hot, &pos);
    enum status st_slow = frame_decode_hot(&b, s, size, &slow, &doc);
    if (st_hot != ST_OK && pos > size) {
        disagree("the position is outside", st_hot, st_slow, s, size);
    }
    if (st_hot == ST_OK && st_slow == ST_OK) {
        const char *what = compare_messages(&hot, &slow);
        if (what != NULL) {
            disagree(what, st_hot, st_slow, s, size);
        }
    } else if (st_hot == ST_OK) {
        if (!jansson_alone_may_refuse(s, size)) {
            disagree("only the hot one accepts", st_hot, st_slow, s, size);
        }
    } else if (st_slow == ST_OK || st_slow == ST_LIMIT) {
        bool permitted = memchr(s, '\\', size) != NULL || deepest(s, size) > 64 ||
                         (st_hot == ST_LIMIT && st_slow == ST_LIMIT);
        if (!permitted) {
            disagree("only jansson accepts", st_hot, st_slow, s, size);
        }
    }
    frame_doc_free(doc);
    wire_decoder_finish(&a);
    wire_decoder_finish(&b);
    return 0;
}
