/*
 * fuzz_control.c - a line of the control socket of `deltaflow run`: refused with a reason, or one
 * of the few things that a person may ask for.
 */
#include <stdint.h>
#include <string.h>

#include "actor/engine.h"
#include "base/ensure.h"
#include "cli/run_control.h"
#include "net/admin.h"

#define TOKEN "0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const json_t *action)
{
    struct run_ask a;
    struct err err = {0};
    memset(&a, 0x5a, sizeof a);
    if (run_ask_parse(action, &a, &err) != ST_OK) {
        ensure(err.text[0] != '\0');
        return;
    }
    ensure(memchr(a.reason, 0, sizeof a.reason) != NULL);
    ensure(a.status_only || a.reason[0] != '\0');
    ensure(a.flags == 0 || a.flags == ENGINE_CMD_KEEP);
    ensure(a.status_only || a.command == CMD_HALT || a.command == CMD_RESUME ||
           a.command == CMD_FLATTEN || a.command == CMD_CANCEL_ALL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *action = NULL;
    struct err err = {0};
    if (admin_parse((struct text){(const char *)data, size}, TOKEN, &action, &err) == ST_OK) {
        ask(action);
        json_decref(action);
    } else {
        ensure(err.text[0] != '\0');
    }
    /* Without the token, so that it need not be guessed. */
    action = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_string(json_object_get(action, "do"))) {
        ask(action);
    }
    json_decref(action);
    return 0;
}
