// Every captured REST exchange that can be replayed is sent again to a simulator in the same state, and the answer is
// compared in status, code and shape, and in the values that the state decides. What cannot be replayed is listed with the
// reason, and so is each difference with the fact that it rests on (replay_differences.json).
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Exchange } from "./lib/exchange.mjs";
import { Judge } from "./lib/judge.mjs";
import { errorCode, recorded, shapeDifferences } from "./lib/recorded.mjs";
import { eventLike, marketLike, scenarioWorld, until } from "./lib/world.mjs";

const judge = new Judge("replay");
const listed = JSON.parse(readFileSync(new URL("replay_differences.json", import.meta.url), "utf8"));
const differences = listed.differences.flatMap((d) => d.match.map((glob) => ({ id: `${d.id}: ${glob}`, match: pattern(glob), seen: 0 })));
const unknown = new Map();
const replayed = new Set();
const every = ["demo_event_contracts_2026-06-11.jsonl.zst", "demo_orderbooks_2026-07-01.jsonl", "legacy_vcr_2025-11_2025-12.jsonl.zst", "gold15m_events.jsonl.zst"].flatMap(recorded);
const of = (file) => every.filter((x) => x.file.startsWith(file));

function pattern(glob) {
  return new RegExp(`^${glob.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`);
}

function differs(x, text) {
  const line = `${x.name.split(" ")[0]} ${text}`;
  const known = differences.filter((d) => d.match.test(line));
  known.forEach((d) => d.seen++);
  if (known.length === 0) {
    unknown.set(line, x.path);
  }
}

// Status, code and shape of one answer beside the recorded one.
function compare(x, answer) {
  replayed.add(`${x.file} ${x.name}`);
  if (answer.status !== x.status) {
    differs(x, `status ${x.status}/${answer.status} ${errorCode(answer.body) ?? ""}`.trim());
    return;
  }
  if (x.status >= 400) {
    assert.equal(errorCode(answer.body), errorCode(x.answer), x.name);
    assert.equal(answer.body.error?.details, x.answer.error?.details, x.name);
    assert.equal(answer.body.error?.message, x.answer.error?.message, x.name);
    assert.equal(answer.body.details, x.answer.details, x.name);
  }
  shapeDifferences(x.answer, answer.body).forEach((text) => differs(x, text));
}

const bid = (ticker, price, count, more = {}) => ({
  ticker,
  side: "bid",
  price,
  count,
  time_in_force: "good_till_canceled",
  self_trade_prevention_type: "taker_at_cross",
  ...more,
});
const ask = (ticker, price, count, more = {}) => ({ ...bid(ticker, price, count, more), side: "ask" });
const ioc = { time_in_force: "immediate_or_cancel" };

describe("the demo session of 2026-06-11", () => {
  const session = of("demo_event_contracts");
  const market = "KXWTACHALLENGERMATCH-26JUN11JIMLEP-LEP";
  let exchange, mine, other, anybody;

  // What the recorder's account had before it began: 100 dollars and two fills of 1 YES at .99; the book of its market.
  before(async () => {
    exchange = await Exchange.start({
      ...scenarioWorld(listedMarkets().flatMap((m) => marketLike(m))),
      more: ["--balance", "100", "--tier", "prestige", "--rules-error-service", "--no-rules-cancel-client-order-id", "--rules-stale-read-ms", "3000"],
    });
    [mine, other, anybody] = [exchange.rest(0, judge), exchange.rest(1, judge), exchange.rest(null, judge)];
    await until(anybody, market);
    await good(other, ask(market, "0.9900", "2.00"));
    await good(mine, bid(market, "0.9900", "1.00", ioc));
    await good(mine, bid(market, "0.9900", "1.00", ioc));
    await good(other, ask(market, "0.5200", "3.00"));
    await good(other, bid(market, "0.4700", "3.00"));
  });
  after(async () => {
    [mine, other, anybody].forEach((r) => r?.close());
    await exchange?.stop();
  });

  // Every market that the session saw, once.
  function listedMarkets() {
    const seen = session.flatMap((x) => x.answer.markets ?? (x.answer.market ? [x.answer.market] : []));
    // Pages come newest first, so the oldest is listed first.
    return [...new Map(seen.map((m) => [m.ticker, m])).values()].sort((m, n) => (m.created_time < n.created_time ? -1 : 1));
  }

  async function good(who, order) {
    const answer = await who.post("/portfolio/events/orders", order);
    assert.equal(answer.status, 201, answer.text);
  }

  const ids = new Map(); // recorded order ids and cursors -> ours
  const skews = { minus5s: -5000, plus5s: 5000, minus30s: -30_000, minus5min: -300_000, plus5min: 300_000 };

  async function send(x) {
    let path = x.path;
    for (const [theirs, ours] of ids) {
      path = path.replace(theirs, ours);
    }
    const options = { body: x.body };
    let who = /^(unauthenticated|NONE)/.test(x.auth) ? anybody : mine;
    if (x.auth === "signed-skewed") {
      options.skewMs = skews[x.name.match(/skew_(\w+)/)[1]];
    } else if (x.auth === "bad-signature") {
      options.headers = { "KALSHI-ACCESS-SIGNATURE": Buffer.from("not a signature".repeat(10)).toString("base64") };
    } else if (x.auth === "unknown-key-id") {
      options.headers = { "KALSHI-ACCESS-KEY": randomUUID() };
    } else if (x.auth === "missing-signature-header") {
      options.headers = { "KALSHI-ACCESS-SIGNATURE": undefined };
    }
    return who.send(x.method, path, options);
  }

  // Values that the state decides, of the exchanges whose state is rebuilt here: "key/key" -> equal to the recorded one.
  const values = {
    auth__balance_ok: ["balance", "balance_dollars", "portfolio_value", "balance_breakdown"],
    orderbook__base: ["orderbook_fp"],
    exchange__status: ["exchange_active", "trading_active"],
    orders__create_v2_maker: ["client_order_id", "fill_count", "remaining_count"],
    orders__get_after_create: ORDER(),
    orders__cancel_v2: ["reduced_by"],
    orders__get_after_cancel: ORDER(),
    orders__create_v2_taker_ioc: ["average_fee_paid", "average_fill_price", "client_order_id", "fill_count", "remaining_count"],
    orders__stp_setup: ["fill_count", "remaining_count"],
    orders__stp_self_cross: ["fill_count", "remaining_count"],
    orders__stp_resting_after: ORDER(),
    cleanup__stp_resting: ["reduced_by"],
    orders__settlement_seed: ["average_fee_paid", "average_fill_price", "fill_count", "remaining_count"],
    settlements__page: ["settlements", "cursor"],
    markets__single_filter_lastpage: ["cursor"],
    series__fee_changes: ["series_fee_change_arr"],
  };

  function ORDER() {
    const keys = ["action", "book_side", "side", "outcome_side", "client_order_id", "fill_count_fp", "initial_count_fp", "remaining_count_fp", "status"];
    const money = ["maker_fees_dollars", "maker_fill_cost_dollars", "taker_fees_dollars", "taker_fill_cost_dollars", "yes_price_dollars", "no_price_dollars"];
    return [...keys, ...money, "self_trade_prevention_type", "subaccount_number", "ticker", "type"].map((k) => `order/${k}`);
  }

  const at = (value, path) => path.split("/").reduce((v, k) => v?.[k], value);

  for (const x of session.filter((y) => !y.name.startsWith("trades__public_recorded"))) {
    test(`${x.name}: ${x.method} ${x.path.slice(0, 60)}`, async () => {
      const answer = await send(x);
      compare(x, answer);
      if (x.answer.order_id && answer.body?.order_id) {
        ids.set(x.answer.order_id, answer.body.order_id);
      }
      if (x.answer.cursor && answer.body?.cursor) {
        ids.set(x.answer.cursor, answer.body.cursor);
      }
      if (/^markets__(unauth_list|page\d)/.test(x.name)) {
        assert.deepEqual(answer.body.markets.map((m) => m.status), x.answer.markets.map((m) => m.status));
      }
      for (const key of values[x.name.split(" ")[0]] ?? []) {
        assert.deepEqual(at(answer.body, key), at(x.answer, key), `${x.name} ${key}`);
      }
    });
  }

  test("positions, fills and orders hold what the session did", async () => {
    const fills = (await mine.get(`/portfolio/fills?ticker=${market}`)).body.fills;
    const recordedFills = session.find((x) => x.name.startsWith("fills__after_taker")).answer.fills;
    const view = (f) => [f.count_fp, f.yes_price_dollars, f.fee_cost, f.is_taker, f.action, f.side];
    assert.deepEqual(fills.slice(-recordedFills.length).map(view), recordedFills.map(view));
    const positions = (await mine.get("/portfolio/positions")).body;
    const [recordedPosition] = session.find((x) => x.name.startsWith("portfolio__positions")).answer.market_positions;
    const mineNow = positions.market_positions.find((p) => p.ticker === market);
    // One more contract (orders__settlement_seed, .52 and .0175) than when positions were recorded.
    assert.equal(Number(mineNow.position_fp), Number(recordedPosition.position_fp) + 1);
    assert.equal(Number(mineNow.total_traded_dollars).toFixed(4), (Number(recordedPosition.total_traded_dollars) + 0.52).toFixed(4));
    assert.equal(Number(mineNow.market_exposure_dollars).toFixed(4), (Number(recordedPosition.market_exposure_dollars) + 0.52).toFixed(4));
    assert.equal(Number(mineNow.fees_paid_dollars).toFixed(4), (Number(recordedPosition.fees_paid_dollars) + 0.0175).toFixed(4));
  });
});

describe("order books and trades", () => {
  const golf = "KXPGATOUR-USO26-JDAY";
  const books = of("demo_orderbooks");
  const ticker = (x) => x.path.split("/")[2];
  let exchange, rest, other;

  before(async () => {
    const tickers = [golf, ...new Set(books.filter((x) => x.answer.orderbook_fp).map(ticker))];
    exchange = await Exchange.start({
      ...scenarioWorld(tickers.map((market) => ({ at: "0s", do: "create_market", market }))),
      more: ["--balance", "100000000", "--tier", "prestige"],
    });
    [rest, other] = [exchange.rest(0, judge), exchange.rest(1, judge)];
    await until(rest, tickers.at(-1));
  });
  after(async () => {
    [rest, other].forEach((r) => r?.close());
    await exchange?.stop();
  });

  async function good(who, order) {
    const answer = await who.post("/portfolio/events/orders", order);
    assert.equal(answer.status, 201, answer.text);
  }

  test("books placed level by level are answered value for value as recorded", async () => {
    const done = new Set();
    for (const x of books.filter((y) => y.answer.orderbook_fp)) {
      if (!done.has(ticker(x))) {
        done.add(ticker(x));
        for (const [price, count] of x.answer.orderbook_fp.yes_dollars ?? []) {
          await good(rest, bid(ticker(x), price, count));
        }
        for (const [price, count] of x.answer.orderbook_fp.no_dollars ?? []) {
          await good(rest, ask(ticker(x), (1 - Number(price)).toFixed(4), count));
        }
      }
      const answer = await rest.get(x.path);
      compare(x, answer);
      assert.deepEqual(answer.body, x.answer);
    }
  });

  test("trades__public_recorded: the recorded prints, made again, read as recorded", async () => {
    const x = every.find((y) => y.name.startsWith("trades__public_recorded"));
    const prints = [...x.answer.trades].reverse();
    prints.unshift(prints[0]); // one more than the page holds
    for (const t of prints) {
      const [maker, taker] = t.taker_outcome_side === "yes" ? [ask, bid] : [bid, ask];
      await good(other, maker(golf, t.yes_price_dollars, t.count_fp));
      await good(rest, taker(golf, t.yes_price_dollars, t.count_fp, ioc));
    }
    const answer = await rest.get(x.path);
    compare(x, answer);
    const view = (t) => [t.count_fp, t.yes_price_dollars, t.no_price_dollars, t.taker_outcome_side, t.taker_book_side, t.taker_side, t.is_block_trade];
    assert.deepEqual(answer.body.trades.map(view), x.answer.trades.map(view));
  });

  test("positions have the shape recorded on 2026-07-01", async () => {
    const x = books.find((y) => y.answer.market_positions);
    compare(x, await rest.get(x.path));
  });
});

describe("events of the gold windows", () => {
  test("settled events and their markets are answered as recorded", async () => {
    const events = of("gold15m_events");
    const exchange = await Exchange.start(
      scenarioWorld([
        ...events.flatMap((x) => eventLike(x.answer.event)).filter((v, i, all) => v.do !== "create_series" || all.findIndex((w) => w.series === v.series && w.do === v.do) === i),
        ...events.flatMap((x) => x.answer.markets).flatMap((m) => marketLike(m)),
      ]),
    );
    const rest = exchange.rest(null, judge);
    await until(rest, events.at(-1).answer.markets[0].ticker);
    const eventKeys = ["category", "collateral_return_type", "event_ticker", "exchange_index", "mutually_exclusive", "product_metadata", "series_ticker", "settlement_sources", "strike_date", "strike_period", "sub_title", "title"];
    const marketKeys = ["can_close_early", "custom_strike", "event_ticker", "exchange_index", "expiration_value", "floor_strike", "market_type", "no_ask_dollars", "no_bid_dollars", "no_sub_title", "notional_value_dollars", "price_level_structure", "price_ranges", "result", "rules_primary", "rules_secondary", "settlement_timer_seconds", "settlement_value_dollars", "status", "strike_type", "ticker", "title", "yes_ask_dollars", "yes_ask_size_fp", "yes_bid_dollars", "yes_bid_size_fp", "yes_sub_title"];
    const pick = (o, keys) => Object.fromEntries(keys.map((k) => [k, o[k]]));
    for (const x of events) {
      let answer = await rest.get(x.path);
      for (let i = 0; i < 4800 && answer.body.markets?.[0].status !== "finalized"; i++) {
        await sleep(50);
        answer = await rest.get(x.path);
      }
      compare(x, answer);
      assert.deepEqual(pick(answer.body.event, eventKeys), pick(x.answer.event, eventKeys));
      assert.deepEqual(answer.body.markets.map((m) => pick(m, marketKeys)), x.answer.markets.map((m) => pick(m, marketKeys)));
    }
    rest.close();
    await exchange.stop();
  });
});

describe("the sessions of 2025", () => {
  test("the routes that are left answer with the recorded status and what is left of the shape", async () => {
    const session = of("legacy_vcr");
    const markets = session.flatMap((x) => x.answer.markets ?? []);
    const exchange = await Exchange.start({ ...scenarioWorld([...new Map(markets.map((m) => [m.ticker, m])).values()].flatMap((m) => marketLike({ ...m, price_level_structure: undefined, status: "active" }))), more: ["--balance", "1000"] });
    const [rest, other] = [exchange.rest(0, judge), exchange.rest(1, judge)];
    const ticker = markets.at(-1).ticker;
    await until(rest, ticker);
    // Something to read: a position.
    await other.post("/portfolio/events/orders", ask(ticker, "0.0400", "3.00"));
    const mine = await rest.post("/portfolio/events/orders", bid(ticker, "0.0400", "3.00"));
    for (const x of session) {
      // The order that v1 could make is one of V2 here; reading it is the same call.
      compare(x, await rest.send(x.method, x.path.replace(/orders\/[-0-9a-f]{36}$/, `orders/${mine.body.order_id}`), { body: x.body }));
    }
    [rest, other].forEach((r) => r.close());
    await exchange.stop();
  });
});

test("every captured exchange is replayed or listed with the reason", () => {
  const left = every.filter((x) => !replayed.has(`${x.file} ${x.name}`) && !listed.not_replayed.some((n) => pattern(n.match).test(`${x.file} ${x.name}`)));
  console.log(`${replayed.size} of ${every.length} captured exchanges replayed`);
  assert.deepEqual(left.map((x) => `${x.file} ${x.name}`), []);
});

test("answers have the recorded status, code and shape, but for the listed differences", () => {
  unknown.forEach((path, line) => console.log(`not in the list: ${line} (${path})`));
  const stale = differences.filter((d) => d.seen === 0).map((d) => d.id);
  assert.deepEqual(stale, [], "no longer occur");
  assert.equal(unknown.size, 0, `${unknown.size} differences, listed above`);
});

test("every answer is what openapi.yaml says, but for the known deviations", () => {
  console.log(judge.summary());
  const wrong = judge.verdict();
  wrong.forEach((w) => console.log(w));
  assert.equal(wrong.length, 0, `${wrong.length} deviations, listed above`);
});
