/*
 * sim_routes.c - the signed routes, what each costs and what a key needs for it.
 *
 * Routes of markets and of the exchange itself need no key: sim_public.c. Costs: sheet 7.4.
 */
#include "sim/sim_rest.h"

#define ORDERS "/portfolio/events/orders"
#define V1     "/portfolio/orders"
#define GROUPS "/portfolio/order_groups"
#define SUBS   "/portfolio/subaccounts"
#define SHARD  "/portfolio/intra_exchange_instance_transfer"

#define READ  SCOPE_READ
#define TRADE (SCOPE_WRITE | SCOPE_WRITE_TRADE)
#define MOVE  (SCOPE_WRITE | SCOPE_WRITE_TRANSFER)
#define CASH  (SCOPE_READ | SCOPE_READ_BALANCE)

#define ENTRY (ROUTE_ORDER | ROUTE_CREATES)

const struct route sim_routes[] = {
    /* orders */
    {"POST", ORDERS, "CreateOrderV2", order_create, 10, ENTRY, TRADE},
    {"DELETE", ORDERS, "CancelAllOrders", order_cancel_all, 2, ROUTE_ORDER, TRADE},
    {"POST", ORDERS "/batched", "BatchCreateOrdersV2", batch_create, 10, ENTRY | ROUTE_PER_ITEM,
     TRADE},
    {"DELETE", ORDERS "/batched", "BatchCancelOrdersV2", batch_cancel, 2,
     ROUTE_ORDER | ROUTE_PER_ITEM, TRADE},
    {"DELETE", ORDERS "/:order_id", "CancelOrderV2", order_cancel, 2, ROUTE_ORDER, TRADE},
    {"POST", ORDERS "/:order_id/amend", "AmendOrderV2", order_amend, 10, ENTRY, TRADE},
    {"POST", ORDERS "/:order_id/decrease", "DecreaseOrderV2", order_decrease, 10, ROUTE_ORDER,
     TRADE},
    {"GET", V1, "GetOrders", orders_list, 10, 0, READ},
    {"GET", V1 "/queue_positions", "GetOrderQueuePositions", orders_queue, 10, 0, READ},
    {"GET", V1 "/:order_id", "GetOrder", orders_get, 2, 0, READ},
    {"GET", V1 "/:order_id/queue_position", "GetOrderQueuePosition", orders_queue_one, 10, 0, READ},
    {"GET", "/historical/orders", "GetHistoricalOrders", orders_historical, 10, 0, READ},
    /* the mutations of v1: gone since June 2026, still billed */
    {"POST", V1, "CreateOrder", order_v1, 20, 0, TRADE},
    {"POST", V1 "/batched", "BatchCreateOrders", order_v1, 20, 0, TRADE},
    {"DELETE", V1 "/batched", "BatchCancelOrders", order_v1, 4, 0, TRADE},
    {"DELETE", V1 "/:order_id", "CancelOrder", order_v1, 4, 0, TRADE},
    {"POST", V1 "/:order_id/amend", "AmendOrder", order_v1, 20, 0, TRADE},
    {"POST", V1 "/:order_id/decrease", "DecreaseOrder", order_v1, 20, 0, TRADE},
    /* order groups */
    {"GET", GROUPS, "GetOrderGroups", group_list, 10, 0, READ},
    {"POST", GROUPS "/create", "CreateOrderGroup", group_create, 10, 0, TRADE},
    {"GET", GROUPS "/:order_group_id", "GetOrderGroup", group_get, 10, 0, READ},
    {"DELETE", GROUPS "/:order_group_id", "DeleteOrderGroup", group_delete, 10, 0, TRADE},
    {"PUT", GROUPS "/:order_group_id/reset", "ResetOrderGroup", group_reset, 10, 0, TRADE},
    {"PUT", GROUPS "/:order_group_id/trigger", "TriggerOrderGroup", group_trigger, 10, 0, TRADE},
    {"PUT", GROUPS "/:order_group_id/limit", "UpdateOrderGroupLimit", group_limit, 10, 0, TRADE},
    /* portfolio */
    {"GET", "/portfolio/balance", "GetBalance", portfolio_balance, 10, 0, CASH},
    {"GET", "/portfolio/positions", "GetPositions", portfolio_positions, 10, 0, READ},
    {"GET", "/portfolio/fills", "GetFills", portfolio_fills, 10, 0, READ},
    {"GET", "/portfolio/settlements", "GetSettlements", portfolio_settlements, 10, 0, READ},
    {"GET", "/portfolio/deposits", "GetDeposits", portfolio_deposits, 10, 0, READ},
    {"GET", "/portfolio/withdrawals", "GetWithdrawals", portfolio_withdrawals, 10, 0, READ},
    {"GET", "/portfolio/summary/total_resting_order_value", "GetPortfolioRestingOrderTotalValue",
     portfolio_resting_value, 10, 0, READ},
    {"GET", "/historical/fills", "GetFillsHistorical", fills_historical, 10, 0, READ},
    {"GET", "/historical/positions", "GetHistoricalPositions", positions_historical, 10, 0, READ},
    /* subaccounts and shards */
    {"POST", SUBS, "CreateSubaccount", subaccount_create, 10, ROUTE_WHOLE, SCOPE_WRITE},
    {"GET", SUBS "/balances", "GetSubaccountBalances", subaccount_balances, 10, 0, CASH},
    {"GET", SUBS "/netting", "GetSubaccountNetting", subaccount_netting, 10, 0, READ},
    {"PUT", SUBS "/netting", "UpdateSubaccountNetting", subaccount_set_netting, 10, 0, SCOPE_WRITE},
    {"POST", SUBS "/transfer", "ApplySubaccountTransfer", subaccount_transfer, 10, ROUTE_WHOLE,
     MOVE},
    {"GET", SUBS "/transfers", "GetSubaccountTransfers", subaccount_transfers, 10, ROUTE_WHOLE,
     READ},
    {"POST", SHARD, "IntraExchangeInstanceTransfer", shard_transfer, 10, ROUTE_WHOLE, MOVE},
    {"GET", SHARD "s", "GetIntraExchangeInstanceTransfers", shard_transfers, 10, ROUTE_WHOLE, READ},
    {"GET", SHARD "s/:transfer_id", "GetIntraExchangeInstanceTransfer", shard_transfer_get, 10,
     ROUTE_WHOLE, READ},
    {"GET", "/portfolio/target_balance_allocation", "GetTargetBalanceAllocation", allocation_get,
     10, ROUTE_WHOLE, READ},
    {"POST", "/portfolio/target_balance_allocation", "SetTargetBalanceAllocation", allocation_set,
     10, ROUTE_WHOLE, MOVE},
    /* account and keys */
    {"GET", "/account/limits", "GetAccountApiLimits", account_limits, 10, 0, READ},
    {"POST", "/account/api_usage_level/upgrade", "UpgradeAccountApiUsageLevel", account_upgrade, 30,
     0, SCOPE_WRITE},
    {"GET", "/account/api_usage_level/volume_progress", "GetAccountApiUsageLevelVolumeProgress",
     account_progress, 10, 0, READ},
    {"GET", "/api_keys", "GetApiKeys", keys_list, 10, 0, READ},
    {"POST", "/api_keys", "CreateApiKey", keys_create, 10, ROUTE_WHOLE, SCOPE_WRITE},
    {"POST", "/api_keys/generate", "GenerateApiKey", keys_generate, 10, ROUTE_WHOLE, SCOPE_WRITE},
    {"DELETE", "/api_keys/:api_key", "DeleteApiKey", keys_delete, 10, ROUTE_WHOLE, SCOPE_WRITE},
};

const size_t sim_n_routes = sizeof sim_routes / sizeof sim_routes[0];
