#include "bus/event.h"

const char *ev_type_name(uint16_t type)
{
    static const char *const names[EV_TYPE_MAX] = {
        "none", "market",     "snapshot", "delta",  "trade",   "stale", "link",
        "fill", "user_order", "position", "answer", "command", "clock"};
    return type < EV_TYPE_MAX ? names[type] : "unknown";
}

const char *gw_op_name(uint32_t op)
{
    static const char *const names[GW_OP_MAX] = {
        "create",         "cancel",      "get_order",    "list_orders",  "list_fills",
        "list_positions", "get_balance", "get_book",     "list_markets", "get_limits",
        "as_of",          "amend",       "group_create", "group_reset"};
    return op < GW_OP_MAX ? names[op] : "unknown";
}

const char *gw_outcome_name(uint32_t outcome)
{
    static const char *const names[GW_OUTCOME_MAX] = {
        "ok", "rejected", "not_found", "not_sent", "rate_limit", "auth", "unknown"};
    return outcome < GW_OUTCOME_MAX ? names[outcome] : "unknown";
}
