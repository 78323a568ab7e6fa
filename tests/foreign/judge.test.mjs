// The judges themselves: what the exchange sent passes, what it no longer sends and what nobody ever sent is found.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Judge } from "./lib/judge.mjs";
import { shapeDifferences } from "./lib/recorded.mjs";
import { shared } from "./lib/shared.mjs";

const folder = shared("reference/messages");
const read = (name) => JSON.parse(readFileSync(join(folder, name), "utf8"));
const judge = new Judge("judge");

test("captured frames of today pass", () => {
  const names = ["orderbook_snapshot", "orderbook_snapshot_fractional", "orderbook_snapshot_empty_book", "orderbook_delta", "orderbook_delta_fractional", "orderbook_delta_own_order_2026_10", "fill_2026_10", "trade_2026_10", "user_order_2026_10_resting", "user_order_2026_10_canceled", "subscribed", "unsubscribed", "ok_update", "ok_list_subscriptions", "error_unknown_channel", "lifecycle_activated", "lifecycle_settled", "order_group_updates_created"];
  for (const name of names) {
    assert.deepEqual(judge.asyncapi.judge(read(`ws_${name}.json`)), [], name);
  }
});

test("every legacy frame and retired error code is found", () => {
  const legacy = readdirSync(folder).filter((f) => /^ws_.*legacy.*\.json$/.test(f));
  assert.ok(legacy.length >= 7);
  for (const name of legacy) {
    assert.notDeepEqual(judge.asyncapi.judge(read(name)), [], name);
  }
});

test("a missing, an extra and a wrong field of a frame are each found", () => {
  const frame = read("ws_orderbook_delta.json");
  const found = (change) => {
    const copy = structuredClone(frame);
    change(copy);
    return judge.asyncapi.judge(copy);
  };
  assert.deepEqual(found(() => {}), []);
  assert.deepEqual(found((f) => delete f.msg.side), ["orderbook_delta /msg missing side"]);
  assert.deepEqual(found((f) => delete f.seq), ["orderbook_delta / missing seq"]);
  assert.deepEqual(found((f) => (f.msg.price = 47)), ["orderbook_delta /msg extra price"]);
  assert.deepEqual(found((f) => (f.extra = 1)), ["orderbook_delta / extra extra"]);
  assert.deepEqual(found((f) => (f.msg.side = "bid")), ["orderbook_delta /msg/side not in enum"]);
  assert.deepEqual(found((f) => (f.type = "book")), ["book / is no message of the specification"]);
  assert.deepEqual(judge.asyncapi.judge({ ...read("ws_fill_2026_10.json"), seq: 4 }), ["fill / extra seq"]);
});

test("statuses, bodies and error shapes of answers are each judged", () => {
  const json = (status, body) => ({ status, body, text: JSON.stringify(body), type: "application/json" });
  const of = (path, answer, method = "GET") => judge.openapi.judge(method, `/trade-api/v2${path}`, answer);
  const created = read("rest_create_order_response_resting.json");
  assert.deepEqual(of("/portfolio/events/orders", json(201, created), "POST"), []);
  assert.deepEqual(of("/portfolio/events/orders", json(200, created), "POST"), ["CreateOrderV2 200 / status is not in the specification"]);
  assert.deepEqual(of("/portfolio/events/orders", json(201, { ...created, fill_count: 0 }), "POST"), ["CreateOrderV2 201 /fill_count not string"]);
  const { order_id, ...less } = created;
  assert.ok(order_id);
  assert.deepEqual(of("/portfolio/events/orders", json(201, less), "POST"), ["CreateOrderV2 201 / missing order_id"]);
  assert.deepEqual(of("/portfolio/events/orders", json(201, { ...created, order: {} }), "POST"), ["CreateOrderV2 201 / extra order"]);
  assert.deepEqual(of("/portfolio/balance", json(401, { error: { code: "a", message: "b" } })), ["GetBalance 401 / error of the shape nested"]);
  assert.deepEqual(of("/portfolio/balance", json(401, { error: { code: 5, message: "b" } })), ["GetBalance 401 / error of the shape unknown"]);
  assert.deepEqual(of("/portfolio/balance", json(401, { code: "a", message: "b" })), []);
  assert.deepEqual(of("/no/such", { status: 404, text: "404 page not found\n", type: "text/plain" }), ["none 404 / text for a route that is not in the specification"]);
  const market = read("rest_market_2026_06.json");
  const old = of("/markets/X", json(200, market));
  assert.ok(old.includes("GetMarket 200 /market missing settlement_bounds_type"), old.join("\n")); // 3.32
  assert.ok(old.includes("GetMarket 200 /market extra liquidity_dollars"), old.join("\n")); // gone in 3.32
});

test("a deviation that is not listed, and a listed one that does not occur, fail", () => {
  const j = new Judge("ws");
  j.frame(read("ws_orderbook_delta.json"));
  assert.deepEqual(j.verdict(), []);
  j.frame({ type: "book" });
  assert.equal(j.verdict().length, 1);
  const k = new Judge("errors");
  assert.ok(k.verdict().length > 5);
  assert.ok(k.verdict().every((text) => text.startsWith("no longer occurs in errors: ")));
});

test("differences of shape are each found", () => {
  assert.deepEqual(shapeDifferences({ a: [{ b: 1, c: "x" }], d: null }, { a: [{ b: "1", e: 2 }], d: 4 }), ["kind /a/*/b number/string", "gone /a/*/c", "kind /d null/number", "new /a/*/e"]);
  assert.deepEqual(shapeDifferences({ a: [] }, { a: [{ b: 1 }] }), []);
});
