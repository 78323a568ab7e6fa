// Every error row of the fact sheet that REST can show (3.2 to 3.4, 7.2, 7.3, 8.1 to 8.5, 9, 10, 17), against the real binary.
// error_rows.json says which test covers which row, here and elsewhere.
import assert from "node:assert/strict";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Exchange } from "./lib/exchange.mjs";
import { Judge } from "./lib/judge.mjs";
import { RawRest } from "./lib/rest.mjs";
import { Signer } from "./lib/sign.mjs";
import { quietMarkets } from "./lib/world.mjs";

const judge = new Judge("errors");
const ORDERS = "/portfolio/events/orders";
let exchange, a, b, nobody, ticker, second;

before(async () => {
  exchange = await Exchange.start({ ...quietMarkets(4), more: ["--tier", "prestige", "--balance", "1000"] });
  [a, b, nobody] = [exchange.rest(0, judge), exchange.rest(1, judge), exchange.rest(null, judge)];
  [ticker, second] = exchange.markets;
});
after(async () => {
  [a, b, nobody].forEach((r) => r?.close());
  await exchange?.stop();
});
afterEach(async () => {
  for (const r of [a, b]) {
    await r?.delete(ORDERS);
  }
});

const order = (more = {}) => ({
  ticker,
  side: "bid",
  price: "0.4000",
  count: "2.00",
  time_in_force: "good_till_canceled",
  self_trade_prevention_type: "taker_at_cross",
  client_order_id: randomUUID(),
  ...more,
});
const ioc = { time_in_force: "immediate_or_cancel" };

async function placed(who, more) {
  const answer = await who.post(ORDERS, order(more));
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
}

/** code: text, or a regular expression over the code. */
function refused(answer, status, code, details) {
  assert.equal(answer.status, status, answer.text);
  const e = answer.body.error;
  assert.ok(e, `not nested: ${answer.text}`);
  if (code instanceof RegExp) {
    assert.match(e.code, code);
  } else {
    assert.equal(e.code, code, answer.text);
  }
  if (details) {
    assert.match(e.details ?? "", details);
  }
}

function flat(answer, details) {
  assert.equal(answer.status, 400, answer.text);
  assert.equal(answer.body.code, "bad_request", answer.text);
  assert.equal(answer.body.message, "bad request");
  if (details) {
    assert.match(answer.body.details ?? "", details);
  }
}

describe("signatures", () => {
  const get = (options, who = a) => who.send("GET", "/portfolio/balance", options);

  test("a timestamp too old or too far ahead is header_timestamp_expired", async () => {
    for (const skewMs of [-30_000, -60_000, -300_000, 60_000, 300_000]) {
      refused(await get({ skewMs }), 401, "header_timestamp_expired");
    }
    for (const skewMs of [-10_000, -5_000, 5_000, 10_000, 30_000]) {
      assert.equal((await get({ skewMs })).status, 200, String(skewMs));
    }
  });

  test("a wrong signature is INCORRECT_API_KEY_SIGNATURE", async () => {
    for (const who of [a, b]) {
      const wrong = { "KALSHI-ACCESS-SIGNATURE": Buffer.alloc(who.signer.kind === "rsa" ? 256 : 64, 7).toString("base64") };
      const answer = await get({ headers: wrong }, who);
      refused(answer, 401, "authentication_error", /^INCORRECT_API_KEY_SIGNATURE$/);
      refused(await get({ headers: { "KALSHI-ACCESS-SIGNATURE": "no base64!" } }, who), 401, "authentication_error", /^INCORRECT/);
    }
  });

  test("a signature over another method or path is refused", async () => {
    const other = a.signer.generateAuthHeaders("POST", "/trade-api/v2/portfolio/balance");
    refused(await get({ headers: other }), 401, "authentication_error", /^INCORRECT/);
    const query = a.signer.generateAuthHeaders("GET", "/trade-api/v2/portfolio/balance?subaccount=0");
    refused(await a.send("GET", "/portfolio/balance?subaccount=0", { headers: query }), 401, "authentication_error", /^INCORRECT/);
  });

  test("an unknown key id is NOT_FOUND", async () => {
    refused(await get({ headers: { "KALSHI-ACCESS-KEY": randomUUID() } }), 401, "authentication_error", /^NOT_FOUND$/);
  });

  test("a missing signature header is told", async () => {
    refused(await get({ headers: { "KALSHI-ACCESS-SIGNATURE": undefined } }), 401, "signature_is_missing_from_headers");
    refused(await get({}, nobody), 401, "signature_is_missing_from_headers");
  });

  test("a key without the scope of a call, or of one subaccount, is refused with 403", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const subaccount = (await a.post("/portfolio/subaccounts", {})).body.subaccount_number;
    for (const [more, call, status] of [
      [{ scopes: ["read"] }, (r) => r.get("/portfolio/balance"), 200],
      [{ scopes: ["read"] }, (r) => r.post(ORDERS, order()), 403],
      [{ scopes: ["read", "write"], subaccount }, (r) => r.post(ORDERS, order({ subaccount: 0 })), 403],
    ]) {
      const made = await a.post("/api_keys", { name: "narrow", public_key: publicKey.export({ type: "spki", format: "pem" }), ...more });
      assert.equal(made.status, 201, made.text);
      const narrow = new RawRest(exchange, new Signer(made.body.api_key_id, privateKey.export({ type: "pkcs8", format: "pem" })), judge);
      const answer = await call(narrow);
      assert.equal(answer.status, status, answer.text);
      narrow.close();
      assert.equal((await a.delete(`/api_keys/${made.body.api_key_id}`)).status, 204);
    }
  });
});

describe("shapes and pages", () => {
  test("an unknown route is 404 with plain text", async () => {
    for (const [method, path] of [["GET", "/no/such/route"], ["GET", ORDERS], ["POST", "/markets"], ["PUT", "/portfolio/balance"]]) {
      const answer = await a.send(method, path, { body: method === "GET" ? undefined : {} });
      assert.equal(answer.status, 404, answer.text);
      assert.match(answer.type, /^text\/plain/);
      assert.equal(answer.text, "404 page not found\n");
    }
  });

  test("a body that does not decode is the flat bad_request", async () => {
    flat(await a.post(ORDERS, order({ count: 1 })), /^json: cannot unmarshal number into Go struct field CreateOrderV2Request.count of type string$/);
    flat(await a.post(ORDERS, order({ price: 0.4 })), /CreateOrderV2Request.price of type string/);
    flat(await a.post(ORDERS, order({ post_only: "yes" })), /cannot unmarshal string .*post_only of type bool/);
    flat(await a.post(ORDERS, "{ no json"));
    flat(await a.post(ORDERS, "[]"));
  });

  test("a POST without a body is the flat invalid_content_type", async () => {
    const answer = await a.send("POST", ORDERS, {});
    assert.equal(answer.status, 400, answer.text);
    assert.equal(answer.body.code, "invalid_content_type", answer.text);
  });

  test("bad query values are 400 of the msg shape", async () => {
    for (const [path, text] of [
      ["/markets?limit=1001", /^Parameter validation failed for GetMarkets: .*'Limit'.*'lte' tag$/],
      ["/markets?limit=-1", /'Limit'/],
      ["/portfolio/orders?limit=1001", /GetOrders.*'Limit'.*'lte'/],
      ["/portfolio/fills?limit=1001", /GetFills.*'Limit'.*'lte'/],
      ["/portfolio/positions?limit=1001", /GetPositions.*'Limit'.*'lte'/],
      ["/portfolio/settlements?limit=1001", /GetSettlements.*'Limit'.*'lte'/],
      ["/markets/trades?limit=1001", /GetTrades.*'Limit'.*'lte'/],
      ["/events?limit=201", /GetEvents.*'Limit'.*'lte'/],
      [`/markets/${ticker}/orderbook?depth=101`, /Depth.*'lte'/],
    ]) {
      const answer = await a.get(path);
      assert.equal(answer.status, 400, `${path}: ${answer.text}`);
      assert.deepEqual(Object.keys(answer.body), ["msg"], answer.text);
      assert.match(answer.body.msg, text);
    }
  });

  test("a made-up cursor gives the first page, the last page an empty cursor", async () => {
    const first = (await a.get("/markets?limit=2")).body;
    const made = (await a.get("/markets?limit=2&cursor=garbage")).body;
    assert.deepEqual(made.markets.map((m) => m.ticker), first.markets.map((m) => m.ticker));
    assert.notEqual(first.cursor, "");
    const seen = new Set();
    for (let cursor = ""; ; ) {
      const page = (await a.get(`/markets?limit=2&cursor=${encodeURIComponent(cursor)}`)).body;
      page.markets.forEach((m) => seen.add(m.ticker));
      if (page.cursor === "") {
        break;
      }
      cursor = page.cursor;
    }
    assert.deepEqual([...seen].sort(), [...exchange.markets].sort());
  });

  test("the mutations of v1 orders are 410 deprecated_v1_order_endpoint", async () => {
    const id = randomUUID();
    for (const [method, path] of [
      ["POST", "/portfolio/orders"],
      ["DELETE", `/portfolio/orders/${id}`],
      ["POST", `/portfolio/orders/${id}/amend`],
      ["POST", `/portfolio/orders/${id}/decrease`],
      ["POST", "/portfolio/orders/batched"],
      ["DELETE", "/portfolio/orders/batched"],
    ]) {
      refused(await a.send(method, path, { body: {} }), 410, "deprecated_v1_order_endpoint");
    }
  });

  test("unknown objects are 404 not_found", async () => {
    const id = randomUUID();
    refused(await a.get(`/portfolio/orders/${id}`), 404, "not_found");
    refused(await a.get(`/portfolio/orders/${id}/queue_position`), 404, "not_found");
    refused(await a.get("/markets/KXNOSUCH-26JAN01-X"), 404, "not_found");
    refused(await a.get("/markets/KXNOSUCH-26JAN01-X/orderbook"), 404, /^(not_found|market_not_found)$/);
    refused(await a.get("/events/KXNOSUCH-26JAN01"), 404, "not_found");
    refused(await a.get("/series/KXNOSUCH"), 404, "not_found");
    refused(await a.get(`/portfolio/order_groups/${id}`), 404, /^(not_found|order_group_not_found)$/);
    refused(await a.get(`/portfolio/intra_exchange_instance_transfers/${id}`), 404, "not_found");
  });
});

describe("creating orders", () => {
  test("a price off the grid is invalid_price", async () => {
    for (const price of ["0.5150", "0.4001", "0.0000", "1.0000", "0.005"]) {
      refused(await a.post(ORDERS, order({ price })), 400, "invalid_price");
    }
  });

  test("an order beyond the money is insufficient_balance, resting orders counted", async () => {
    refused(await a.post(ORDERS, order({ price: "0.9900", count: "10099.00" })), 400, "insufficient_balance");
    await placed(a, { price: "0.5000", count: "1200.00" });
    refused(await a.post(ORDERS, order({ ticker: second, price: "0.5000", count: "1200.00" })), 400, "insufficient_balance");
  });

  test("a post-only order that would cross is invalid_order, and nothing is booked", async () => {
    await placed(b, { side: "ask", price: "0.5000" });
    const id = randomUUID();
    refused(await a.post(ORDERS, order({ price: "0.5000", post_only: true, client_order_id: id })), 400, "invalid_order", /^post only cross$/);
    const { orders } = (await a.get("/portfolio/orders")).body;
    assert.ok(!orders.some((o) => o.client_order_id === id));
  });

  test("a client_order_id is never used twice, even after a cancel and a kill", async () => {
    const resting = randomUUID();
    const { order_id } = await placed(a, { client_order_id: resting });
    refused(await a.post(ORDERS, order({ client_order_id: resting })), 409, "order_already_exists");
    assert.equal((await a.delete(`${ORDERS}/${order_id}`)).status, 200);
    refused(await a.post(ORDERS, order({ client_order_id: resting })), 409, "order_already_exists");
    assert.equal((await b.post(ORDERS, order({ client_order_id: resting }))).status, 201, "another user may");
  });

  test("a FOK that cannot fill whole is 409 and uses its id up", async () => {
    await placed(b, { side: "ask", price: "0.4500", count: "1.00" });
    const fok = order({ price: "0.4500", count: "3.00", time_in_force: "fill_or_kill" });
    refused(await a.post(ORDERS, fok), 409, "fill_or_kill_insufficient_resting_volume");
    refused(await a.post(ORDERS, { ...fok, count: "1.00" }), 409, "order_already_exists");
    const whole = await a.post(ORDERS, { ...fok, count: "1.00", client_order_id: randomUUID() });
    assert.equal(whole.body.fill_count, "1.00", whole.text);
  });

  test("an account without money on the shard, and a subaccount that is not there, are user_not_found", async () => {
    refused(await a.post("/portfolio/order_groups/create", { contracts_limit: 5, exchange_index: 2 }), 404, /^user_not_found/);
    refused(await a.post(ORDERS, order({ subaccount: 63 })), 404, /^user_not_found/);
  });

  test("an unknown market is market_not_found", async () => {
    refused(await a.post(ORDERS, order({ ticker: "KXNOSUCH-26JAN01-X" })), 404, "market_not_found");
  });

  test("a malformed UUID in a path is invalid_UUID", async () => {
    refused(await a.delete(`${ORDERS}/no-uuid`), 400, "invalid_UUID");
    refused(await a.get("/portfolio/orders/no-uuid"), 400, "invalid_UUID");
    refused(await a.post(`${ORDERS}/no-uuid/decrease`, { reduce_to: "1.00" }), 400, "invalid_UUID");
    refused(await a.post(`${ORDERS}/no-uuid/amend`, { ticker, side: "bid", price: "0.4000", count: "1.00" }), 400, "invalid_UUID");
  });

  test("an expiry in the past is refused", async () => {
    const answer = await a.post(ORDERS, order({ expiration_time: Math.floor(Date.now() / 1000) - 5 }));
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.text, /[Ee]xpiration timestamp must be in the future/);
  });

  test("reduce_only is for IOC only", async () => {
    refused(await a.post(ORDERS, order({ reduce_only: true })), 400, "invalid_order", /reduce.?only/i);
    const capped = await a.post(ORDERS, order({ reduce_only: true, ...ioc }));
    assert.equal(capped.status, 201, capped.text);
    assert.equal(capped.body.fill_count, "0.00");
  });

  test("an order without size is invalid_order_size, one with a bad field is refused", async () => {
    refused(await a.post(ORDERS, order({ count: "0.00" })), 400, /^invalid_order(_size)?$/);
    for (const bad of [{ count: "0.001" }, { count: "-1.00" }, { count: "many" }, { side: "buy" }, { time_in_force: "for_a_while" }, { self_trade_prevention_type: "never" }, { subaccount: 64 }]) {
      const answer = await a.post(ORDERS, order(bad));
      assert.equal(answer.status, 400, `${JSON.stringify(bad)}: ${answer.text}`);
    }
    for (const key of ["ticker", "side", "count", "price", "time_in_force", "self_trade_prevention_type"]) {
      const answer = await a.post(ORDERS, order({ [key]: undefined }));
      assert.equal(answer.status, 400, `without ${key}: ${answer.text}`);
    }
  });

  test("a client_order_id of more than 64 characters is refused", async () => {
    assert.equal((await a.post(ORDERS, order({ client_order_id: "x".repeat(65) }))).status, 400);
    assert.equal((await a.post(ORDERS, order({ client_order_id: randomUUID().padEnd(64, "x") }))).status, 201);
  });

  test("expiration_time is for good_till_canceled only", async () => {
    const answer = await a.post(ORDERS, order({ expiration_time: Math.floor(Date.now() / 1000) + 60, ...ioc }));
    assert.equal(answer.status, 400, answer.text);
  });

  test("an IOC that finds nothing, or its own order, answers 201 with nothing filled", async () => {
    const empty = await placed(a, ioc);
    assert.deepEqual([empty.fill_count, empty.remaining_count], ["0.00", "0.00"]);
    await placed(a, { price: "0.4800" });
    const self = await placed(a, { side: "ask", price: "0.4800", ...ioc });
    assert.deepEqual([self.fill_count, self.remaining_count], ["0.00", "0.00"]);
    assert.equal((await a.get(`/portfolio/orders/${self.order_id}`)).body.order.status, "canceled");
  });
});

describe("canceling and changing orders", () => {
  test("canceled, executed, unknown and another user's orders are the same 404", async () => {
    const canceled = await placed(a);
    assert.equal((await a.delete(`${ORDERS}/${canceled.order_id}`)).status, 200);
    const executed = await placed(b, { side: "ask", price: "0.4500", count: "1.00" });
    await placed(a, { price: "0.4500", count: "1.00", ...ioc });
    const theirs = await placed(b, { price: "0.1000" });
    const texts = [];
    for (const [who, id] of [[a, canceled.order_id], [b, executed.order_id], [a, randomUUID()], [a, theirs.order_id]]) {
      const answer = await who.delete(`${ORDERS}/${id}`);
      refused(answer, 404, "not_found");
      texts.push(answer.text);
    }
    assert.equal(new Set(texts).size, 1);
  });

  test("a read just after a cancel may be stale, later it is not", async () => {
    let order_id;
    for (let i = 0; i < 10; i++) {
      ({ order_id } = await placed(a));
      const from = Date.now();
      await a.delete(`${ORDERS}/${order_id}`);
      const early = (await a.get(`/portfolio/orders/${order_id}`)).body.order;
      if (Date.now() - from < 350) {
        assert.equal(early.status, "resting");
        break;
      }
    }
    await sleep(500);
    const late = (await a.get(`/portfolio/orders/${order_id}`)).body.order;
    assert.deepEqual([late.status, late.remaining_count_fp], ["canceled", "0.00"]);
  });

  test("an amend must name the order's ticker and side, a price on the grid and no other id", async () => {
    const mine = randomUUID();
    const { order_id } = await placed(a, { client_order_id: mine });
    const amend = (more) => a.post(`${ORDERS}/${order_id}/amend`, { ticker, side: "bid", price: "0.4000", count: "3.00", ...more });
    refused(await amend({ ticker: second }), 400, "order_ticker_mismatch");
    refused(await amend({ side: "ask" }), 400, "order_side_mismatch");
    refused(await amend({ client_order_id: randomUUID() }), 400, "order_id_and_client_order_id_mismatch");
    refused(await amend({ price: "0.4050" }), 400, "invalid_price");
    refused(await amend({ count: "99999.00" }), 400, "insufficient_balance");
    assert.equal((await amend({ expiration_time: 1000 })).status, 400);
    assert.equal((await amend({ client_order_id: mine })).status, 200);
    refused(await a.post(`${ORDERS}/${randomUUID()}/amend`, { ticker, side: "bid", price: "0.4000", count: "3.00" }), 404, "not_found");
  });

  test("an amend to less than what is filled is refused, to just that cancels", async () => {
    const { order_id } = await placed(a, { price: "0.4500", count: "5.00" });
    await placed(b, { side: "ask", price: "0.4500", count: "3.00", ...ioc });
    const amend = (count) => a.post(`${ORDERS}/${order_id}/amend`, { ticker, side: "bid", price: "0.4500", count });
    const less = await amend("2.00");
    assert.equal(less.status, 400, less.text);
    assert.equal((await amend("3.00")).status, 200);
    refused(await a.delete(`${ORDERS}/${order_id}`), 404, "not_found");
    refused(await amend("9.00"), 404, "not_found");
  });

  test("an amended price that would cross post-only is refused", async () => {
    await placed(b, { side: "ask", price: "0.5000" });
    const { order_id } = await placed(a, { price: "0.4000", post_only: true });
    const answer = await a.post(`${ORDERS}/${order_id}/amend`, { ticker, side: "bid", price: "0.5000", count: "2.00" });
    refused(answer, 400, "invalid_order", /post only cross/);
  });

  test("a decrease needs exactly one of reduce_by and reduce_to, of an order that rests", async () => {
    const { order_id } = await placed(a);
    const decrease = (body) => a.post(`${ORDERS}/${order_id}/decrease`, body);
    for (const body of [{}, { reduce_by: "1.00", reduce_to: "1.00" }, { reduce_to: "-1.00" }, { reduce_by: "0.001" }]) {
      const answer = await decrease(body);
      assert.equal(answer.status, 400, `${JSON.stringify(body)}: ${answer.text}`);
    }
    assert.equal((await decrease({ reduce_to: "9.00" })).status, 400);
    const gone = await decrease({ reduce_to: "0.00" });
    assert.deepEqual([gone.status, gone.body.remaining_count], [200, "0.00"]);
    refused(await decrease({ reduce_to: "1.00" }), 404, "not_found");
  });

  test("items of a batch fail alone, with null counts and an error", async () => {
    const used = randomUUID();
    await placed(a, { client_order_id: used });
    const batch = await a.post(`${ORDERS}/batched`, {
      orders: [order(), order({ price: "0.4050" }), order({ client_order_id: used }), order({ ticker: "KXNOSUCH-26JAN01-X" }), order({ time_in_force: "fill_or_kill", price: "0.9000" })],
    });
    assert.equal(batch.status, 201, batch.text);
    assert.deepEqual(
      batch.body.orders.map((o) => o.error?.code ?? null),
      [null, "invalid_price", "order_already_exists", "market_not_found", "fill_or_kill_insufficient_resting_volume"],
    );
    for (const o of batch.body.orders.slice(1)) {
      assert.deepEqual([o.fill_count, o.remaining_count], [null, null]);
      assert.ok(o.error.message);
    }
    const gone = await a.delete(`${ORDERS}/batched`, { orders: [{ order_id: batch.body.orders[0].order_id }, { order_id: randomUUID() }] });
    assert.equal(gone.status, 200, gone.text);
    assert.deepEqual(gone.body.orders.map((o) => [o.reduced_by, o.error?.code]), [["2.00", undefined], ["0.00", "not_found"]]);
    assert.equal((await a.post(`${ORDERS}/batched`, { orders: [] })).status, 400);
  });
});

describe("groups, subaccounts and transfers", () => {
  test("a group's limit lies in 1 to 1,000,000 and both spellings must agree", async () => {
    for (const body of [{}, { contracts_limit: 0 }, { contracts_limit: 1_000_001 }, { contracts_limit_fp: "0.50" }, { contracts_limit: 5, contracts_limit_fp: "6.00" }]) {
      const answer = await a.post("/portfolio/order_groups/create", body);
      assert.equal(answer.status, 400, `${JSON.stringify(body)}: ${answer.text}`);
    }
  });

  test("a triggered group cancels its orders and refuses new ones until reset", async () => {
    const id = (await a.post("/portfolio/order_groups/create", { contracts_limit: 10 })).body.order_group_id;
    const { order_id } = await placed(a, { order_group_id: id });
    assert.deepEqual((await a.put(`/portfolio/order_groups/${id}/trigger`, {})).body, {});
    refused(await a.delete(`${ORDERS}/${order_id}`), 404, "not_found");
    refused(await a.post(ORDERS, order({ order_group_id: id })), 400, /order_group/);
    assert.equal((await a.put(`/portfolio/order_groups/${id}/reset`, {})).status, 200);
    await placed(a, { order_group_id: id });
    assert.equal((await a.delete(`/portfolio/order_groups/${id}`)).status, 200);
  });

  test("a group that matches more than its limit is triggered", async () => {
    const id = (await a.post("/portfolio/order_groups/create", { contracts_limit: 3 })).body.order_group_id;
    await placed(a, { order_group_id: id, price: "0.3000", count: "3.00" });
    const kept = await placed(a, { order_group_id: id, price: "0.2000", count: "3.00" });
    await placed(b, { side: "ask", price: "0.3000", count: "3.00", ...ioc });
    assert.equal((await a.get(`/portfolio/orders/${kept.order_id}`)).body.order.status, "resting", "the limit itself is allowed");
    await placed(b, { side: "ask", price: "0.2000", count: "1.00", ...ioc });
    refused(await a.delete(`${ORDERS}/${kept.order_id}`), 404, "not_found");
    refused(await a.post(ORDERS, order({ order_group_id: id })), 400, /order_group/);
  });

  test("an order of an unknown group is refused, so are calls on one", async () => {
    const id = randomUUID();
    const answer = await a.post(ORDERS, order({ order_group_id: id }));
    assert.ok([400, 404].includes(answer.status), answer.text);
    assert.match(answer.body.error.code, /order_group_not_found/);
    for (const [method, end, body] of [["PUT", "/trigger", {}], ["PUT", "/reset", {}], ["PUT", "/limit", { contracts_limit: 5 }], ["DELETE", "", undefined]]) {
      refused(await a.send(method, `/portfolio/order_groups/${id}${end}`, { body }), 404, /not_found/);
    }
  });

  test("a transfer is applied once, between subaccounts that are there, with money that is there", async () => {
    const to = (await a.post("/portfolio/subaccounts", {})).body.subaccount_number;
    const transfer = { client_transfer_id: randomUUID(), from_subaccount: 0, to_subaccount: to, amount_cents: 100 };
    const send = (more) => a.post("/portfolio/subaccounts/transfer", { ...transfer, client_transfer_id: randomUUID(), ...more });
    assert.equal((await a.post("/portfolio/subaccounts/transfer", transfer)).status, 200);
    refused(await a.post("/portfolio/subaccounts/transfer", transfer), 409, "transfer_already_applied");
    refused(await send({ amount_cents: 100_000_000 }), 400, "insufficient_balance");
    assert.equal((await send({ amount_cents: 0 })).status, 400);
    assert.equal((await send({ amount_cents: -5 })).status, 400);
    assert.ok([400, 404].includes((await send({ to_subaccount: 63 })).status));
    assert.equal((await send({ to_subaccount: 64 })).status, 400);
    assert.equal((await a.get("/portfolio/balance?subaccount=64")).status, 400);
  });

  test("the total of resting orders is for FCM members only", async () => {
    refused(await a.get("/portfolio/summary/total_resting_order_value"), 403, "forbidden");
  });
});

describe("budgets and a server in trouble", () => {
  let basic, rest;
  before(async () => {
    basic = await Exchange.start({ ...quietMarkets(2), more: ["--tier", "basic"] });
    rest = basic.rest(1, judge);
  });
  after(async () => {
    rest?.close();
    await basic?.stop();
  });
  const market = (more) => order({ ticker: basic.markets[0], ...more });
  const full = () => sleep(1100); // the write bucket of Basic holds one second

  test("an empty write bucket is 429 with the bare string, and refills", async () => {
    // Ten orders are the whole bucket; a second later it would be full again. So they are sent at once.
    const ten = () => rest.post(`${ORDERS}/batched`, { orders: Array.from({ length: 10 }, () => market()) });
    let empty;
    for (let i = 0; i < 20 && !empty; i++) {
      empty = (await Promise.all([ten(), ten(), ten(), ten(), ten(), ten()])).find((answer) => answer.status === 429);
    }
    assert.ok(empty, "no 429");
    assert.equal(empty.text, '{"error":"too many requests"}');
    await full();
    assert.equal((await rest.post(ORDERS, market())).status, 201);
  });

  test("a batch that does not fit the bucket fails whole", async () => {
    await full();
    const before_ = (await rest.get("/portfolio/orders?limit=1000")).body.orders.length;
    const batch = await rest.post(`${ORDERS}/batched`, { orders: Array.from({ length: 11 }, () => market()) });
    assert.equal(batch.status, 429, batch.text);
    assert.equal((await rest.get("/portfolio/orders?limit=1000")).body.orders.length, before_);
    assert.equal((await rest.post(`${ORDERS}/batched`, { orders: Array.from({ length: 5 }, () => market()) })).status, 201);
  });

  test("an answer 500, 503 or 504 before the effect leaves nothing", async () => {
    for (const status of [500, 503, 504]) {
      await full();
      await basic.command("fault", "http_500", `status=${status}`);
      const mine = market();
      assert.equal((await rest.post(ORDERS, mine)).status, status);
      assert.equal((await rest.post(ORDERS, mine)).status, 201, "sent again, it is placed");
    }
  });

  test("an answer 500 or none after the effect: the same id sent again is 409", async () => {
    await full();
    await basic.command("fault", "http_500_after");
    const mine = market();
    assert.equal((await rest.post(ORDERS, mine)).status, 500);
    refused(await rest.post(ORDERS, mine), 409, "order_already_exists");
    await basic.command("fault", "timeout");
    const lost = market();
    await assert.rejects(rest.post(ORDERS, lost));
    refused(await rest.post(ORDERS, lost), 409, "order_already_exists");
  });

  test("a 429 storm refuses orders before any effect", async () => {
    await full();
    await basic.command("fault", "http_429", "--count", "3");
    const mine = market();
    for (let i = 0; i < 3; i++) {
      assert.equal((await rest.post(ORDERS, mine)).status, 429);
    }
    assert.equal((await rest.post(ORDERS, mine)).status, 201);
  });
});

test("every answer is what openapi.yaml says, but for the known deviations", () => {
  console.log(judge.summary());
  const wrong = judge.verdict();
  wrong.forEach((w) => console.log(w));
  assert.equal(wrong.length, 0, `${wrong.length} deviations, listed above`);
});
