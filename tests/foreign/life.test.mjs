// A market's life and more, seen by two users over REST and WebSocket: by actions listed, deactivated, given
// a new price structure, closed, determined and settled; pauses; and the error rows of section 17.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Exchange } from "./lib/exchange.mjs";
import { Judge } from "./lib/judge.mjs";
import { Socket } from "./lib/socket.mjs";
import { until } from "./lib/world.mjs";

const judge = new Judge("life");
const ORDERS = "/portfolio/events/orders";
const EVENT = "KXLIFE-26NOV27";
const [X, Y, Z, S, P, LATE] = ["X", "Y", "Z", "S", "P", "LATE"].map((t) => `${EVENT}-${t}`);
const COMBO = "KXMVELIFE-S1-A";

// Done when somebody listens.
const listing = [
  { do: "create_series", series: "KXLIFE", title: "Lives", fee_type: "quadratic_with_maker_fees" },
  { do: "create_event", event: EVENT, title: "A life", sub_title: "In short", mutually_exclusive: true },
  ...[X, Y, Z, P].map((market) => ({ do: "create_market", market, strike_type: "greater", floor_strike: 1.5 })),
  { do: "create_market", market: S, market_type: "scalar", settlement_timer_seconds: 1 },
  { do: "create_market", market: COMBO, event: "KXMVELIFE-S1" },
  { do: "create_market", market: LATE, open_in: "1h" },
];

let exchange, rest, life, private_;

const order = (ticker, side, price, count, more = {}) => ({
  ticker,
  side,
  price,
  count,
  time_in_force: "good_till_canceled",
  self_trade_prevention_type: "taker_at_cross",
  client_order_id: randomUUID(),
  ...more,
});
const of = (type, more = {}) => (f) => f.type === type && Object.entries(more).every(([k, v]) => f.msg?.[k] === v);
const told = (event_type, market_ticker, more = {}) => life.wait(of("market_lifecycle_v2", { event_type, market_ticker, ...more }), `${event_type} of ${market_ticker}`);

async function placed(user, ...args) {
  const answer = await rest[user].post(ORDERS, order(...args));
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
}

function refused(answer, status, code) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.body.error?.code ?? "", code, answer.text);
}

// An action now, by the admin socket.
const act = (action) => exchange.act(action);

before(async () => {
  exchange = await Exchange.start({ args: ["--markets", "0", "--tier", "prestige", "--rules-stale-read-ms", "0"] });
  rest = [exchange.rest(0, judge), exchange.rest(1, judge)];
  life = await Socket.open(exchange, exchange.users[0], judge);
  for (const channel of ["market_lifecycle_v2", "multivariate_market_lifecycle"]) {
    await life.subscribe(channel);
  }
  refused(await rest[0].get(`/markets/${LATE}`), 404, /not_found/);
  for (const action of listing) {
    await act(action);
  }
  private_ = await Socket.open(exchange, exchange.users[0], judge);
  await private_.command("subscribe", { channels: ["fill", "user_orders", "market_positions", "trade", "ticker"] }, 5);
  await private_.subscribe("orderbook_delta", { market_tickers: [X, Y, Z, S, P] });
  await until(rest[0], LATE);
});

after(async () => {
  await life?.close();
  await private_?.close();
  rest?.forEach((r) => r.close());
  await exchange?.stop();
});

describe("listing", () => {
  test("a new event and new markets are told with what a client needs", async () => {
    const event = await life.wait(of("event_lifecycle", { event_ticker: EVENT }), "event_lifecycle");
    assert.deepEqual([event.msg.series_ticker, event.msg.title], ["KXLIFE", "A life"]);
    const created = await told("created", X);
    assert.equal(created.msg.price_level_structure, "linear_cent");
    assert.deepEqual([created.msg.additional_metadata.event_ticker, created.msg.additional_metadata.floor_strike], [EVENT, 1.5]);
    assert.ok(created.msg.close_ts > created.msg.open_ts);
    await life.wait(of("multivariate_market_lifecycle", { event_type: "created", market_ticker: COMBO }), "created of a combo");
    assert.ok(!life.frames.some(of("market_lifecycle_v2", { market_ticker: COMBO })), "combos have a channel of their own");
  });

  test("a market before its open_time refuses orders and is unopened", async () => {
    refused(await rest[0].post(ORDERS, order(LATE, "bid", "0.5000", "1.00")), 400, /^market_inactive$/);
    assert.equal((await rest[0].get(`/markets/${LATE}`)).body.market.status, "initialized");
    const { markets } = (await rest[0].get("/markets?status=unopened")).body;
    assert.deepEqual(markets.map((m) => m.ticker), [LATE]);
  });

  test("positions are taken in what will be settled", async () => {
    await placed(1, X, "ask", "0.6000", "10.00");
    const taker = await placed(0, X, "bid", "0.6000", "10.00", { time_in_force: "immediate_or_cancel" });
    assert.equal(taker.fill_count, "10.00");
    await placed(0, X, "ask", "0.7000", "4.00");
    await placed(1, X, "bid", "0.7000", "4.00", { time_in_force: "immediate_or_cancel" });
    await placed(1, S, "ask", "0.5000", "0.14");
    await placed(0, S, "bid", "0.5000", "0.14", { time_in_force: "immediate_or_cancel" });
    const { fills } = (await rest[0].get(`/portfolio/fills?ticker=${X}`)).body;
    // Taker of 10 at .60: 0.07 x 10 x .24 = .168; maker of 4 at .70 in a series with maker fees: 0.0175 x 4 x .21 = .0147
    assert.deepEqual(fills.map((f) => f.fee_cost).sort(), ["0.014700", "0.168000"]);
    // Resting orders that the states below will cancel.
    for (const [user, ticker] of [[0, X], [0, Y], [0, S]]) {
      await placed(user, ticker, "bid", "0.1000", "5.00");
    }
  });
});

describe("changes while open", () => {
  test("a price structure, metadata and a close date change", async () => {
    await act({ do: "price_structure", market: Z, price_level_structure: "tapered_deci_cent" });
    await act({ do: "metadata", market: Z, yes_sub_title: "Longer" });
    await act({ do: "move_close", market: Z, close_in: "2h" });
    const structure = await told("price_level_structure_updated", Z);
    assert.equal(structure.msg.price_level_structure, "tapered_deci_cent");
    assert.equal(structure.msg.price_ranges[0].step, "0.0010");
    assert.equal((await told("metadata_updated", Z)).msg.yes_sub_title, "Longer");
    const close = await told("close_date_updated", Z);
    assert.ok(Math.abs(close.msg.close_ts - Date.now() / 1000 - 7200) < 60);
    await placed(0, Z, "bid", "0.0550", "1.00");
  });

  test("a deactivated market refuses orders; activation cancels what rests", async () => {
    await act({ do: "deactivate", market: Y });
    const off = await told("deactivated", Y);
    assert.equal(off.msg.is_deactivated, true);
    refused(await rest[0].post(ORDERS, order(Y, "bid", "0.2000", "1.00")), 400, /^market_inactive$/);
    await act({ do: "activate", market: Y });
    const on = await told("activated", Y);
    assert.equal(on.msg.is_deactivated, false);
    const gone = await private_.wait((f) => f.type === "user_order" && f.msg.ticker === Y && f.msg.status === "canceled", "the canceled order");
    assert.equal(gone.msg.remaining_count_fp, "0.00");
    await placed(0, Y, "bid", "0.2000", "1.00");
  });

  test("a fee override of an event begins and ends", async () => {
    await act({ do: "fee_override", event: EVENT, fee_type: "quadratic", fee_multiplier: 0.5 });
    const set = await life.wait(of("event_fee_update", { event_ticker: EVENT, fee_type_override: "quadratic" }), "event_fee_update");
    assert.equal(set.msg.fee_multiplier_override, 0.5);
    await act({ do: "fee_override", event: EVENT });
    const cleared = await life.wait(of("event_fee_update", { event_ticker: EVENT, fee_type_override: null }), "its end");
    assert.equal(cleared.msg.fee_multiplier_override, null);
    const { event_fee_changes } = (await rest[0].get("/events/fee_changes")).body;
    assert.equal(event_fee_changes.length, 2);
  });
});

describe("the end of a market", () => {
  test("after the close every order call is refused, and resting orders go with CloseCancel", async () => {
    await act({ do: "close", market: X });
    refused(await rest[0].post(ORDERS, order(X, "bid", "0.5000", "1.00")), 400, /^market_(inactive|already_closed)$/);
    // Half a second passes between the close and the sweep of what rests, after which there is nothing to cancel.
    let answer;
    for (let i = 0, late = true; i < 50 && late; i++) {
      const market = `${EVENT}-C${i}`;
      await act({ do: "create_market", market });
      const { order_id } = await placed(0, market, "bid", "0.1000", "5.00");
      const from = Date.now();
      await act({ do: "close", market });
      answer = await rest[0].delete(`${ORDERS}/${order_id}`);
      late = answer.status === 404 && Date.now() - from >= 450;
    }
    refused(answer, 400, /^market_(inactive|already_closed)$/);
    await act({ do: "close", market: S });
    const { orders } = (await rest[0].get(`/portfolio/orders?ticker=${S}`)).body;
    const resting = orders.find((o) => o.initial_count_fp === "5.00");
    refused(await rest[0].post(ORDERS, order(S, "bid", "0.5000", "1.00")), 400, /^market_(inactive|already_closed)$/);
    const gone = await private_.wait(of("user_order", { ticker: S, status: "canceled", order_id: resting.order_id }), "CloseCancel");
    assert.equal(gone.msg.last_update_reason, "CloseCancel");
    const empty = await private_.wait((f) => f.type === "orderbook_snapshot" && f.msg.market_ticker === S && !f.msg.yes_dollars_fp && f.seq > 7, "the snapshot without sides");
    assert.ok(!("no_dollars_fp" in empty.msg) && !("id" in empty));
    const { market } = (await rest[0].get(`/markets/${S}`)).body;
    assert.deepEqual([market.status, market.yes_bid_dollars, market.yes_ask_dollars], ["closed", "0.0000", "1.0000"]);
    const { markets } = (await rest[0].get("/markets?status=closed")).body;
    assert.deepEqual(markets.map((m) => m.ticker).filter((t) => !/-C\d+$/.test(t)).sort(), [S, X].sort());
  });

  test("determination and settlement are told, and pay the net position", async () => {
    await act({ do: "determine", market: X, result: "yes", expiration_value: "71" });
    await act({ do: "determine", market: S, result: "scalar", value: "0.4500" });
    const yes = await told("determined", X);
    assert.deepEqual([yes.msg.result, yes.msg.settlement_value], ["yes", "1.0000"]);
    const scalar = await told("determined", S);
    assert.deepEqual([scalar.msg.result, scalar.msg.settlement_value], ["scalar", "0.4500"]);
    await act({ do: "settle", market: X });
    assert.ok((await told("settled", X)).msg.settled_ts > 0);
    await told("settled", S);
    const { settlements } = (await rest[0].get("/portfolio/settlements")).body;
    const of_ = (ticker) => settlements.find((s) => s.ticker === ticker);
    const x = of_(X);
    // 10 bought, 4 sold: 6 YES are paid, the counts are what was traded (section 10).
    assert.deepEqual([x.market_result, x.revenue, x.yes_count_fp, x.no_count_fp], ["yes", 600, "10.00", "4.00"]);
    assert.equal(Number(x.fee_cost), 0.1827);
    const s = of_(S);
    // 0.14 x 45 = 6.3, cut to whole cents.
    assert.deepEqual([s.market_result, s.value, s.revenue], ["scalar", 45, 6]);
    const { market } = (await rest[0].get(`/markets/${X}`)).body;
    assert.deepEqual([market.status, market.result, market.settlement_value_dollars, market.expiration_value], ["finalized", "yes", "1.0000", "71"]);
    const { market_positions } = (await rest[0].get(`/portfolio/positions?ticker=${X}&settlement_status=settled`)).body;
    assert.equal(market_positions.length, 1);
  });
});

describe("pauses", () => {
  const until_ = async (what, fits) => {
    for (const from = Date.now(); Date.now() - from < 240_000; await sleep(50)) {
      const { body } = await rest[0].get("/exchange/status");
      if (fits(body)) {
        return;
      }
    }
    assert.fail(`no ${what}`);
  };

  test("a trading pause lets cancels work, not creates and amends", async () => {
    const kept = await placed(0, P, "bid", "0.3000", "2.00");
    const halted = await placed(0, P, "bid", "0.2900", "2.00", { cancel_order_on_pause: true });
    const other = await placed(0, P, "bid", "0.2800", "2.00");
    await act({ do: "pause", kind: "trading" });
    await until_("trading pause", (s) => s.exchange_active && !s.trading_active);
    refused(await rest[0].post(ORDERS, order(P, "bid", "0.5000", "1.00")), 503, /^trading_paused$/);
    refused(await rest[0].post(`${ORDERS}/${kept.order_id}/amend`, { ticker: P, side: "bid", price: "0.3100", count: "2.00" }), 503, /^trading_paused$/);
    assert.equal((await rest[0].delete(`${ORDERS}/${other.order_id}`)).status, 200);
    const gone = await private_.wait(of("user_order", { order_id: halted.order_id, status: "canceled" }), "HaltCancel");
    assert.equal(gone.msg.last_update_reason, "HaltCancel");
    assert.equal((await rest[0].get(`/portfolio/orders/${kept.order_id}`)).body.order.status, "resting");
  });

  test("in an exchange pause nothing works", async () => {
    await act({ do: "resume" });
    await act({ do: "pause", kind: "exchange" });
    await until_("exchange pause", (s) => !s.exchange_active);
    const { orders } = (await rest[0].get(`/portfolio/orders?ticker=${P}&status=resting`)).body;
    refused(await rest[0].post(ORDERS, order(P, "bid", "0.5000", "1.00")), 503, /^exchange_(paused|unavailable)$/);
    refused(await rest[0].delete(`${ORDERS}/${orders[0].order_id}`), 503, /^exchange_(paused|unavailable)$/);
    await act({ do: "resume" });
    await until_("end of the pause", (s) => s.exchange_active && s.trading_active);
    assert.equal((await rest[0].delete(`${ORDERS}/${orders[0].order_id}`)).status, 200);
  });
});

test("seq, newlines and books were right in every frame", () => {
  assert.deepEqual([...life.complaints, ...private_.complaints], []);
});

test("every answer and frame is what the specifications say, but for the known deviations", () => {
  console.log(judge.summary());
  const wrong = judge.verdict();
  wrong.forEach((w) => console.log(w));
  assert.equal(wrong.length, 0, `${wrong.length} deviations, listed above`);
});
