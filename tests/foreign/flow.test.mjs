// Flow before an independent client: generated flow of many markets, and a recording served as fast as the client reads.
// Every frame is judged; books are compared with REST and with the recording.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Exchange } from "./lib/exchange.mjs";
import { Judge } from "./lib/judge.mjs";
import { shared } from "./lib/shared.mjs";
import { Socket } from "./lib/socket.mjs";

const judge = new Judge("flow");
const running = [];

after(async () => {
  for (const x of running) {
    await x.close?.();
  }
});

const levels = (side) => [...side].map(([p, c]) => [p, (c / 100).toFixed(2)]).sort();

test("generated flow: books of the stream are the books of REST, each trade has its delta", async () => {
  const exchange = await Exchange.start({ args: ["--markets", "20", "--rate", "600", "--tier", "prestige"] });
  const s = await Socket.open(exchange, exchange.users[0], judge);
  running.push(s);
  await s.subscribe("trade");
  await s.subscribe("ticker");
  await s.subscribe("market_lifecycle_v2");
  const sid = await s.subscribe("orderbook_delta", { market_tickers: exchange.markets });
  const count = (type) => s.frames.filter((f) => f.type === type).length;
  const enough = () => count("orderbook_delta") > 1500 && count("trade") > 20 && count("ticker") > 20;
  for (const from = Date.now(); !enough() && Date.now() - from < 240_000; await sleep(200));
  await exchange.command("do", '{"do":"stop_flow"}');
  await s.settled();
  assert.ok(count("orderbook_delta") > 500, `${count("orderbook_delta")} deltas`);
  assert.ok(count("trade") > 5, `${count("trade")} trades`);
  assert.ok(count("ticker") > 5, `${count("ticker")} tickers`);
  const rest = exchange.rest(0, judge);
  const query = exchange.markets.map((t) => `tickers=${t}`).join("&");
  const { orderbooks } = (await rest.get(`/markets/orderbooks?${query}`)).body;
  assert.equal(orderbooks.length, 20);
  for (const { ticker, orderbook_fp } of orderbooks) {
    const book = s.book(sid, ticker);
    assert.deepEqual(levels(book.yes), orderbook_fp.yes_dollars ?? [], ticker);
    assert.deepEqual(levels(book.no), orderbook_fp.no_dollars ?? [], ticker);
  }
  // Section 5.8 point 1: same ts_ms, the side opposite to the taker, the trade's price on it, the trade's count.
  const deltas = new Map();
  const key = (ts, ticker, side, price, size) => `${ts} ${ticker} ${side} ${price} ${size}`;
  for (const f of s.frames.filter((g) => g.type === "orderbook_delta")) {
    const k = key(f.msg.ts_ms, f.msg.market_ticker, f.msg.side, f.msg.price_dollars, f.msg.delta_fp);
    deltas.set(k, (deltas.get(k) ?? 0) + 1);
  }
  for (const f of s.frames.filter((g) => g.type === "trade")) {
    const t = f.msg;
    const yes = t.taker_outcome_side === "no";
    const k = key(t.ts_ms, t.market_ticker, yes ? "yes" : "no", yes ? t.yes_price_dollars : t.no_price_dollars, `-${t.count_fp}`);
    const left = deltas.get(k) ?? 0;
    assert.ok(left > 0, `no delta for ${JSON.stringify(t)}`);
    deltas.set(k, left - 1);
  }
  assert.deepEqual(s.complaints, []);
  rest.close();
  await s.close();
  await exchange.stop();
});

test("a recording of the exchange is served delta for delta and trade for trade", async () => {
  const ticker = "KXGOLD15M-26AUG101900-00";
  const file = shared(`data/kalshi/ws/gold15m/${ticker}.jsonl.zst`);
  const recorded = execFileSync("zstd", ["-dc", file], { maxBuffer: 1 << 28 })
    .toString()
    .split("\n")
    .filter((line) => line)
    .map((line) => JSON.parse(line).event);
  const exchange = await Exchange.start({ args: ["--capture", file, "--speed", "0", "--rules-pong-timeout-ms", "0"] }); // a ping waits behind all of it
  const s = await Socket.open(exchange, exchange.users[1], judge, { deflate: true });
  running.push(s);
  await s.subscribe("trade", { market_tickers: [ticker] });
  await s.subscribe("orderbook_delta", { market_tickers: [ticker] });
  const want = (type) => recorded.filter((f) => f.type === type);
  const have = (type) => s.frames.filter((f) => f.type === type);
  const all = () => ["orderbook_delta", "trade"].every((type) => have(type).length >= want(type).length);
  for (const from = Date.now(); !all() && Date.now() - from < 240_000; await sleep(200));
  await s.settled(); // nor does more come
  const delta = (f) => [f.msg.side, f.msg.price_dollars, f.msg.delta_fp];
  assert.deepEqual(have("orderbook_delta").map(delta), want("orderbook_delta").map(delta));
  const trade = (f) => [f.msg.yes_price_dollars, f.msg.no_price_dollars, f.msg.count_fp, f.msg.taker_outcome_side];
  assert.deepEqual(have("trade").map(trade), want("trade").map(trade));
  assert.deepEqual(s.complaints, []);
  await s.close();
  await exchange.stop();
});

test("every frame is what asyncapi.yaml says, but for the known deviations", () => {
  console.log(judge.summary());
  const wrong = judge.verdict();
  wrong.forEach((w) => console.log(w));
  assert.equal(wrong.length, 0, `${wrong.length} deviations, listed above`);
});
