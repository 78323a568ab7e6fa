/*
 * views_list.h - the views for people, once for each database.
 *
 * Included by views.c, which defines VIEW(name, select) and how a database writes what SQL does not
 * say alike: PX, QTY, USD (integers of base/money.h as decimal text), WALL and MS (times), SIDE,
 * IF, NUM (a number beside texts), RAW_TEXT (bytes as text), FIRST_MARKETS (the first row of each
 * market).
 */
/* clang-format off */
#define JOIN " LEFT JOIN ticker k ON k.session=t.session AND k.mkt=t.mkt"

VIEW(ticker,
    "SELECT DISTINCT session, mkt, ticker FROM market")

VIEW(markets,
    FIRST_MARKETS)

VIEW(deltas,
    "SELECT t.session, ord, "
    WALL("recv_wall") " AS received, "
    MS("ts_ms") " AS sent, k.ticker, "
    SIDE("side") " AS side, "
    PX("px") " AS price, "
    QTY("qty") " AS change, seq, flags FROM delta t" JOIN)

VIEW(trades,
    "SELECT t.session, ord, "
    WALL("recv_wall") " AS received, "
    MS("ts_ms") " AS sent, k.ticker, "
    SIDE("taker") " AS taker, "
    PX("yes_px") " AS yes_price, "
    QTY("qty") " AS count, trade_id, seq FROM trade t" JOIN)

VIEW(snapshots,
    "SELECT t.session, ord, "
    WALL("recv_wall") " AS received, k.ticker, n_yes AS yes_levels, n_no AS no_levels, seq"
    " FROM snapshot t" JOIN)

VIEW(fills,
    "SELECT session, "
    WALL("wall") " AS counted, ticker, "
    SIDE("outcome") " AS outcome, "
    PX("yes_px") " AS yes_price, "
    QTY("qty") " AS count, "
    USD("fee") " AS fee, is_taker, order_number, trade_id, order_id FROM applied_fill")

/* The last step of each order, with the time of its first. */
VIEW(orders,
    "SELECT o.session, o.number, "
    WALL("first_wall") " AS began, "
    WALL("wall") " AS changed, ticker, " IF("is_buy<>0", "'buy'", "'sell'") " AS action, "
    SIDE("outcome") " AS outcome, "
    PX("yes_px") " AS yes_price, "
    QTY("qty") " AS count, "
    QTY("filled") " AS filled, to_name AS state, reason, client_id, order_id FROM order_step o"
    " JOIN (SELECT max(n) AS last, min(wall) AS first_wall FROM order_step"
    " GROUP BY session, number) l ON o.n=l.last")

VIEW(decisions,
    "SELECT t.session, number, turn, "
    WALL("wall") " AS at, k.ticker,"
    " CASE action WHEN 0 THEN 'hold' WHEN 1 THEN 'buy yes' WHEN 2 THEN 'sell yes'"
    " WHEN 3 THEN 'buy no' WHEN 4 THEN 'sell no' ELSE " NUM("action") " END AS action,"
    " CASE verdict WHEN 0 THEN 'hold' WHEN 1 THEN 'throttled' WHEN 2 THEN 'breaker'"
    " WHEN 3 THEN 'refused' WHEN 4 THEN 'kept' WHEN 5 THEN 'sent' WHEN 6 THEN 'error'"
    " ELSE " NUM("verdict") " END AS verdict, check_name, sharing, order_number FROM decision t" JOIN)

VIEW(accounts,
    "SELECT session, "
    WALL("wall") " AS at, ticker, "
    QTY("position") " AS position, "
    USD("cost") " AS cost, "
    USD("realized") " AS realized, "
    USD("fees") " AS fees, "
    USD("cash_total") " AS cash_total, "
    USD("cash_reserved") " AS cash_reserved, "
    USD("pv_mid") " AS pv_mid, "
    USD("pv_exit") " AS pv_exit FROM account")

VIEW(marks,
    "SELECT session, "
    WALL("wall") " AS at, "
    USD("cash_total") " AS cash_total, "
    USD("cash_reserved") " AS cash_reserved, "
    USD("pv_mid") " AS pv_mid, "
    USD("pv_exit") " AS pv_exit,"
    " CASE pv_known WHEN 0 THEN NULL ELSE " USD("pv_exchange") " END AS pv_exchange,"
    " positions, open_orders FROM worth")

VIEW(reconciliations,
    "SELECT session, "
    WALL("wall") " AS at, ticker,"
    " CASE kind WHEN 0 THEN 'position' WHEN 1 THEN 'cash' WHEN 2 THEN 'orders of others'"
    " ELSE " NUM("kind") " END AS kind,"
    " CASE kind WHEN 1 THEN " USD("ours") " WHEN 2 THEN " NUM("ours") " ELSE " QTY("ours") " END AS ours,"
    " CASE kind WHEN 0 THEN " QTY("theirs") " ELSE " USD("theirs") " END AS theirs,"
    " in_flight, adopted, reason FROM reconciliation")

VIEW(fee_drifts,
    "SELECT session, "
    WALL("wall") " AS counted, ticker, "
    SIDE("outcome") " AS outcome, "
    PX("yes_px") " AS yes_price, "
    QTY("qty") " AS count, is_taker, "
    USD("fee") " AS fee, "
    USD("ours") " AS our_fee, order_number, trade_id, order_id FROM fee_drift")

VIEW(settlements,
    "SELECT session, "
    WALL("wall") " AS at, ticker, "
    QTY("position") " AS position, "
    PX("yes_px") " AS yes_pays, "
    USD("cost") " AS cost, "
    USD("paid") " AS paid, "
    USD("realized") " AS realized FROM settlement")

VIEW(frames,
    "SELECT session, "
    WALL("wall") " AS at, ord AS after_ord,"
    " CASE kind WHEN 0 THEN 'unknown' WHEN 1 THEN 'malformed' ELSE 'connection' END AS kind,"
    " " RAW_TEXT("bytes") " AS text FROM raw")

VIEW(gaps,
    "SELECT session, "
    WALL("wall") " AS at,"
    " CASE source WHEN 0 THEN 'command' WHEN 1 THEN 'private' WHEN 2 THEN 'answer'"
    " WHEN 3 THEN 'market' ELSE " NUM("source") " END AS source, mkt, lost, sid, seq_expected, seq_got,"
    " reason FROM gap")

VIEW(sessions,
    "SELECT id, "
    WALL("began") " AS began, "
    WALL("ended") " AS ended,"
    " coalesce(outcome, 'running') AS outcome, exchange, policy, build, rows, lost FROM session")

#undef JOIN
/* clang-format on */
