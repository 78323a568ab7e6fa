// Pages and filters of every list (section 7.3, and 8.6, 10, 11): walked with a limit of 1 a list gives each item once and in
// order, and each filter gives what it should and nothing else.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Exchange } from "./lib/exchange.mjs";
import { Judge } from "./lib/judge.mjs";
import { scenarioWorld, until } from "./lib/world.mjs";

const judge = new Judge("pages");
const ORDERS = "/portfolio/events/orders";
const A = ["KXPAGEA-26NOV27-T1", "KXPAGEA-26NOV27-T2"];
const B = ["KXPAGEB-26NOV27-T1", "KXPAGEB-26NOV28-T1"];
const LATE = "KXPAGEB-26DEC01-T1";
const DONE = "KXPAGEC-26NOV27-T1";
const COMBO = "KXMVEPAGE-S1-T1";
let exchange, a, b, subaccount;

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
const ioc = { time_in_force: "immediate_or_cancel" };
const now = () => Math.floor(Date.now() / 1000);

async function good(who, method, path, body, status = 201) {
  const answer = await who.send(method, path, { body });
  assert.equal(answer.status, status, answer.text);
  return answer.body;
}
const place = (who, ...args) => good(who, "POST", ORDERS, order(...args));

async function list(path, key) {
  return (await good(a, "GET", path, undefined, 200))[key];
}

before(async () => {
  exchange = await Exchange.start({
    ...scenarioWorld([
      ...[...A, ...B, DONE, COMBO].map((market) => ({ at: "0s", do: "create_market", market, close_in: "2h" })),
      { at: "0s", do: "create_market", market: LATE, open_in: "1h", close_in: "5h" },
    ]),
    more: ["--tier", "prestige", "--rules-stale-read-ms", "0"],
  });
  [a, b] = [exchange.rest(0, judge), exchange.rest(1, judge)];
  await until(a, LATE);
  subaccount = (await good(a, "POST", "/portfolio/subaccounts", {})).subaccount_number;
  await good(a, "POST", "/portfolio/subaccounts/transfer", { client_transfer_id: randomUUID(), from_subaccount: 0, to_subaccount: subaccount, amount_cents: 50_000 }, 200);
  for (const ticker of [...A, ...B, DONE]) {
    await place(b, ticker, "ask", "0.6000", "9.00");
    await place(a, ticker, "bid", "0.6000", "2.00", ioc);
    await place(a, ticker, "bid", "0.6000", "1.00", ioc);
    await place(a, ticker, "bid", "0.1000", "1.00");
  }
  await place(a, A[0], "bid", "0.6000", "3.00", { subaccount, ...ioc });
  const { order_id } = await place(a, A[0], "bid", "0.2000", "1.00");
  await good(a, "DELETE", `${ORDERS}/${order_id}`, undefined, 200);
  for (const action of [{ do: "close", market: DONE }, { do: "determine", market: DONE, result: "yes" }, { do: "settle", market: DONE }]) {
    await exchange.command("do", JSON.stringify(action));
  }
});
after(async () => {
  [a, b].forEach((r) => r?.close());
  await exchange?.stop();
});

test("each list walked item by item is the list", async () => {
  for (const [path, key, id, least] of [
    ["/markets", "markets", "ticker", 7],
    ["/events", "events", "event_ticker", 5],
    ["/markets/trades", "trades", "trade_id", 11],
    ["/portfolio/orders", "orders", "order_id", 17],
    ["/portfolio/fills", "fills", "fill_id", 11],
    ["/portfolio/positions", "market_positions", "ticker", 4],
    ["/portfolio/settlements", "settlements", "ticker", 1],
    ["/portfolio/subaccounts/transfers", "transfers", "transfer_id", 1],
    ["/portfolio/deposits", "deposits", "id", 0],
  ]) {
    const whole = (await list(`${path}?limit=100`, key)).map((x) => x[id]);
    assert.ok(whole.length >= least, `${path}: ${whole.length}`);
    const walked = [];
    for (let cursor = "", i = 0; i <= whole.length; i++) {
      const body = await good(a, "GET", `${path}?limit=1&cursor=${encodeURIComponent(cursor)}`, undefined, 200);
      assert.ok(body[key].length <= 1, path);
      walked.push(...body[key].map((x) => x[id]));
      cursor = body.cursor;
      if (cursor === "") {
        break;
      }
    }
    assert.deepEqual(walked, whole, path);
  }
});

test("markets are filtered by event, series, tickers, status and times", async () => {
  const of = async (query) => (await list(`/markets?${query}`, "markets")).map((m) => m.ticker).sort();
  const everything = [...A, ...B, LATE, DONE, COMBO].sort();
  assert.deepEqual(await of(""), everything);
  assert.deepEqual(await of("event_ticker=KXPAGEA-26NOV27"), A);
  assert.deepEqual(await of("series_ticker=KXPAGEB"), [...B, LATE].sort());
  assert.deepEqual(await of(`tickers=${A[0]},${B[1]}`), [A[0], B[1]]);
  assert.deepEqual(await of("status=open"), [...A, ...B, COMBO].sort());
  assert.deepEqual(await of("status=unopened"), [LATE]);
  assert.deepEqual(await of("status=settled"), [DONE]);
  assert.deepEqual(await of("status=closed"), []);
  assert.deepEqual(await of("status=paused"), []);
  assert.deepEqual(await of("mve_filter=only"), [COMBO]);
  assert.deepEqual(await of("mve_filter=exclude"), everything.filter((t) => t !== COMBO));
  assert.deepEqual(await of(`min_close_ts=${now() + 3 * 3600}`), [LATE]);
  assert.deepEqual(await of(`max_close_ts=${now() + 3 * 3600}`), everything.filter((t) => t !== LATE));
  assert.deepEqual(await of(`min_created_ts=${now() + 60}`), []);
  assert.deepEqual(await of(`max_created_ts=${now() + 60}`), everything);
  assert.deepEqual(await of(`min_settled_ts=${now() - 600}`), [DONE]);
  assert.deepEqual(await of(`max_settled_ts=${now() - 600}`), []);
  assert.deepEqual(await of("event_ticker=KXNOSUCH-1"), []);
  const bad = await a.get("/markets?status=sleeping");
  assert.equal(bad.status, 400, bad.text);
});

test("events and series are filtered", async () => {
  const of = async (query) => (await list(`/events?${query}`, "events")).map((e) => e.event_ticker).sort();
  assert.deepEqual(await of("series_ticker=KXPAGEB"), ["KXPAGEB-26DEC01", "KXPAGEB-26NOV27", "KXPAGEB-26NOV28"]);
  assert.deepEqual(await of("status=settled"), ["KXPAGEC-26NOV27"]);
  assert.ok(!(await of("status=open")).includes("KXPAGEC-26NOV27"));
  assert.deepEqual(await of("tickers=KXPAGEA-26NOV27"), ["KXPAGEA-26NOV27"]);
  const [nested] = await list("/events?series_ticker=KXPAGEA&with_nested_markets=true", "events");
  assert.deepEqual(nested.markets.map((m) => m.ticker).sort(), A);
  const [bare] = await list("/events?series_ticker=KXPAGEA", "events");
  assert.ok(!bare.markets);
  const event = await good(a, "GET", "/events/KXPAGEA-26NOV27", undefined, 200);
  assert.deepEqual(event.markets.map((m) => m.ticker).sort(), A);
  const inside = await good(a, "GET", "/events/KXPAGEA-26NOV27?with_nested_markets=true", undefined, 200);
  assert.deepEqual(inside.event.markets.map((m) => m.ticker).sort(), A);
});

test("trades are newest first and filtered by market and time", async () => {
  const trades = await list(`/markets/trades?ticker=${A[0]}`, "trades");
  assert.deepEqual(trades.map((t) => t.count_fp), ["3.00", "1.00", "2.00"]);
  assert.ok(trades.every((t) => t.taker_outcome_side === "yes" && !t.is_block_trade));
  assert.equal((await list(`/markets/trades?min_ts=${now() + 60}`, "trades")).length, 0);
  assert.equal((await list(`/markets/trades?max_ts=${now() + 60}&limit=100`, "trades")).length, 11);
  assert.equal((await list("/markets/trades?is_block_trade=true", "trades")).length, 0);
});

test("orders are newest first and filtered by market, events, status, time and subaccount", async () => {
  const orders = (query) => list(`/portfolio/orders?limit=100&${query}`, "orders");
  const all = await orders("");
  // As text they have an order only with all digits: the last zeros are left out.
  const times = all.map((o) => o.created_time.replace(/(?:\.(\d+))?Z$/, (_, digits = "") => `.${digits.padEnd(9, "0")}Z`));
  assert.deepEqual([...times].sort().reverse(), times);
  assert.deepEqual(new Set((await orders(`ticker=${A[1]}`)).map((o) => o.ticker)), new Set([A[1]]));
  const events = await orders("event_ticker=KXPAGEB-26NOV27,KXPAGEB-26NOV28");
  assert.deepEqual(new Set(events.map((o) => o.ticker)), new Set(B));
  assert.deepEqual((await orders("status=resting")).map((o) => o.ticker).sort(), [...A, ...B].sort());
  assert.ok((await orders("status=executed")).every((o) => o.status === "executed" && o.remaining_count_fp === "0.00"));
  assert.ok((await orders(`status=canceled&ticker=${A[0]}`)).some((o) => o.yes_price_dollars === "0.2000"));
  assert.equal((await orders(`subaccount=${subaccount}`)).length, 1);
  assert.equal((await orders("subaccount=0")).length, all.length - 1);
  assert.equal((await orders(`min_ts=${now() + 60}`)).length, 0);
  assert.equal((await orders(`max_ts=${now() + 60}`)).length, all.length);
  assert.equal((await a.get("/portfolio/orders?status=asleep")).status, 400);
  const many = Array.from({ length: 11 }, (_, i) => `E${i}`).join();
  assert.equal((await a.get(`/portfolio/orders?event_ticker=${many}`)).status, 400, "at most 10 events");
});

test("fills are filtered by up to 100 markets, order, time and subaccount", async () => {
  const fills = (query) => list(`/portfolio/fills?limit=100&${query}`, "fills");
  const all = await fills("");
  assert.equal(all.length, 11);
  assert.deepEqual(new Set((await fills(`ticker=${A[0]},${B[0]}`)).map((f) => f.ticker)), new Set([A[0], B[0]]));
  const [one] = await fills(`ticker=${B[1]}`);
  assert.deepEqual((await fills(`order_id=${one.order_id}`)).map((f) => f.fill_id), [one.fill_id]);
  assert.equal((await fills(`subaccount=${subaccount}`)).length, 1);
  assert.equal((await fills(`min_ts=${now() + 60}`)).length, 0);
  assert.equal((await fills(`max_ts=${now() + 60}`)).length, 11);
  const many = (n) => Array.from({ length: n }, (_, i) => `KXT-${i}`).join();
  assert.equal((await a.get(`/portfolio/fills?ticker=${many(100)}`)).status, 200);
  assert.equal((await a.get(`/portfolio/fills?ticker=${many(101)}`)).status, 400);
});

test("positions are filtered by market, event, counts, settlement and subaccount", async () => {
  const of = async (query) => (await list(`/portfolio/positions?${query}`, "market_positions")).map((p) => p.ticker).sort();
  assert.deepEqual(await of(""), [...A, ...B].sort());
  assert.deepEqual(await of("settlement_status=settled"), [DONE]);
  assert.deepEqual(await of("settlement_status=all"), [...A, ...B, DONE].sort());
  assert.deepEqual(await of(`ticker=${B[0]}`), [B[0]]);
  assert.deepEqual(await of("event_ticker=KXPAGEA-26NOV27"), A);
  assert.deepEqual(await of("count_filter=position"), [...A, ...B].sort());
  assert.deepEqual(await of(`subaccount=${subaccount}`), [A[0]]);
  const events = await list("/portfolio/positions", "event_positions");
  assert.deepEqual(events.map((e) => e.event_ticker).sort(), ["KXPAGEA-26NOV27", "KXPAGEB-26NOV27", "KXPAGEB-26NOV28"]);
  const ours = events.find((e) => e.event_ticker === "KXPAGEA-26NOV27");
  assert.equal(ours.total_cost_dollars, "3.600000");
});

test("queue positions count what is ahead", async () => {
  await sleep(10);
  const ahead = await place(b, A[1], "bid", "0.3000", "7.50");
  const mine = await place(a, A[1], "bid", "0.3000", "1.00");
  assert.ok(ahead.order_id);
  const one = await good(a, "GET", `/portfolio/orders/${mine.order_id}/queue_position`, undefined, 200);
  assert.equal(one.queue_position_fp, "7.50");
  const rows = await list("/portfolio/orders/queue_positions?event_ticker=KXPAGEA-26NOV27", "queue_positions");
  assert.equal(rows.find((r) => r.order_id === mine.order_id).queue_position_fp, "7.50");
  assert.equal((await a.get("/portfolio/orders/queue_positions")).status, 400);
});

test("the best levels of a book are asked for with depth", async () => {
  for (const [price, count] of [["0.1100", "1.00"], ["0.1200", "2.00"], ["0.1300", "3.00"]]) {
    await place(a, B[0], "bid", price, count);
  }
  const book = async (query) => (await good(a, "GET", `/markets/${B[0]}/orderbook?${query}`, undefined, 200)).orderbook_fp.yes_dollars;
  assert.deepEqual(await book("depth=2"), [["0.1200", "2.00"], ["0.1300", "3.00"]]);
  assert.equal((await book("depth=0")).length, 4);
});

test("every answer is what openapi.yaml says, but for the known deviations", () => {
  console.log(judge.summary());
  const wrong = judge.verdict();
  wrong.forEach((w) => console.log(w));
  assert.equal(wrong.length, 0, `${wrong.length} deviations, listed above`);
});
