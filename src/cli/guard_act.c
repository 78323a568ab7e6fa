#include "cli/guard_act.h"

#include <jansson.h>
#include <stdio.h>

void guard_act_begin(struct guard_act *a, const struct guard_watch *watch, bool cancel_all)
{
    *a = (struct guard_act){.watch = watch,
                            .cancel_all = cancel_all,
                            .groups_left = watch->n_groups,
                            .good = true,
                            .left = -1};
    a->step = watch->n_groups > 0 ? GUARD_TRIGGER : cancel_all ? GUARD_CANCEL : GUARD_READ;
}

void guard_act_request(const struct guard_act *a, struct guard_request *ret)
{
    const struct guard_watch *w = a->watch;
    *ret = (struct guard_request){.body = ""};
    switch (a->step) {
    case GUARD_TRIGGER:
        ret->what = "trigger group";
        ret->method = HTTP_PUT;
        ret->body = "{}";
        snprintf(ret->rest, sizeof ret->rest, "/portfolio/order_groups/%s/trigger",
                 w->groups[a->groups_left - 1]);
        if (w->shards[a->groups_left - 1] !=
            0) { /* another shard than the first does not know it */
            snprintf(ret->query, sizeof ret->query, "exchange_index=%d",
                     (int)w->shards[a->groups_left - 1]);
        }
        return;
    case GUARD_CANCEL:
        ret->what = "cancel all";
        ret->method = HTTP_DELETE;
        snprintf(ret->rest, sizeof ret->rest, "/portfolio/events/orders");
        return;
    case GUARD_READ:
        ret->what = "read what rests";
        ret->method = HTTP_GET;
        snprintf(ret->rest, sizeof ret->rest, "/portfolio/orders");
        snprintf(ret->query, sizeof ret->query, "status=resting&limit=1000");
        return;
    }
}

/* Orders of a list; -1: it is none. */
static int64_t count_orders(const char *body, size_t n)
{
    json_t *root = json_loadb(body, n, 0, NULL);
    const json_t *orders = json_object_get(root, "orders");
    int64_t count = json_is_array(orders) ? (int64_t)json_array_size(orders) : -1;
    json_decref(root);
    return count;
}

enum guard_result guard_act_answer(struct guard_act *a, int status, const char *body, size_t n)
{
    switch (a->step) {
    case GUARD_TRIGGER:
        a->good = a->good && (status == 200 || status == 404);
        if (--a->groups_left == 0) {
            a->step = a->cancel_all ? GUARD_CANCEL : GUARD_READ;
        }
        return GUARD_NEXT;
    case GUARD_CANCEL:
        a->good = a->good && (status == 204 || status == 200);
        a->step = GUARD_READ;
        return GUARD_NEXT;
    case GUARD_READ:
        a->left = status == 200 ? count_orders(body, n) : -1;
        break;
    }
    bool gone = a->left == 0 || (a->left > 0 && !a->cancel_all);
    return a->good && gone ? GUARD_DONE : GUARD_AGAIN;
}
