// An independent WebSocket client (npm ws) drives every command and every channel, two users trade with each other, and
// each frame is judged by asyncapi.yaml and its overlay; seq and books are checked in every test.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, afterEach, before, describe, test } from "node:test";

import { Exchange } from "./lib/exchange.mjs";
import { Judge } from "./lib/judge.mjs";
import { Socket } from "./lib/socket.mjs";
import { quietMarkets } from "./lib/world.mjs";

const judge = new Judge("ws");
let exchange, rest, sockets = [];
let A, B, C; // tickers of quiet markets

before(async () => {
  exchange = await Exchange.start({ ...quietMarkets(4), more: ["--tier", "prestige", "--rules-ping-interval-ms", "300"] });
  rest = [exchange.rest(0, judge), exchange.rest(1, judge)];
  [A, B, C] = exchange.markets;
});

after(async () => {
  rest?.forEach((r) => r.close());
  await exchange?.stop();
});

afterEach(async () => {
  const complaints = sockets.flatMap((s) => s.complaints);
  for (const s of sockets.splice(0)) {
    await s.close();
  }
  for (const r of rest) {
    const gone = await r.delete("/portfolio/events/orders");
    assert.equal(gone.status, 204, gone.text);
  }
  assert.deepEqual(complaints, []);
});

async function open(user, options = {}) {
  const s = await Socket.open(exchange, user === null ? null : exchange.users[user], judge, options);
  sockets.push(s);
  return s;
}

async function place(user, ticker, side, price, count, more = {}) {
  const answer = await rest[user].post("/portfolio/events/orders", {
    ticker,
    side,
    price,
    count,
    time_in_force: "good_till_canceled",
    self_trade_prevention_type: "taker_at_cross",
    client_order_id: randomUUID(),
    ...more,
  });
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
}

/** An order that expires in two seconds or, where the request takes so long, later. */
async function expires(...args) {
  for (let s = 2; ; s *= 4) {
    try {
      return await place(...args, { expiration_time: Math.floor(Date.now() / 1000) + s });
    } catch (e) {
      if (s > 60 || !/must be in the future/.test(e.message)) {
        throw e;
      }
    }
  }
}

const of = (type, more = {}) => (f) => f.type === type && Object.entries(more).every(([k, v]) => f.msg?.[k] === v);

describe("connections", () => {
  for (const [user, kind] of [[0, "rsa"], [1, "ed25519"]]) {
    test(`an upgrade signed with an ${kind} key is accepted`, async () => {
      assert.equal(exchange.users[user].kind, kind);
      const s = await open(user);
      assert.equal((await s.command("list_subscriptions")).type, "ok");
    });

    test(`an upgrade with another key's signature (${kind}) is refused with 401`, async () => {
      const path = new URL(exchange.wsUrl).pathname;
      const wrong = exchange.users[1 - user].generateAuthHeaders("GET", path);
      wrong["KALSHI-ACCESS-KEY"] = exchange.users[user].keyId;
      await assert.rejects(open(user, { headers: wrong }), { status: 401 });
    });
  }

  test("without signature, with an old one and with an unknown key an upgrade is refused with 401", async () => {
    const refusal = (options, user = 0) =>
      open(user, options).then(
        () => assert.fail("accepted"),
        (e) => {
          assert.equal(e.status, 401, e.message);
          return JSON.parse(e.text).error;
        },
      );
    assert.equal((await refusal({}, null)).code, "signature_is_missing_from_headers");
    assert.equal((await refusal({ skewMs: -60_000 })).code, "header_timestamp_expired");
    assert.equal((await refusal({ skewMs: 60_000 })).code, "header_timestamp_expired");
    const unknown = await refusal({ headers: { "KALSHI-ACCESS-KEY": randomUUID() } });
    assert.equal(unknown.code, "authentication_error");
  });

  test("permessage-deflate is agreed when it is offered, and only then", async () => {
    const plain = await open(0);
    assert.equal(plain.ws.extensions, "");
    const s = await open(0, { deflate: true });
    assert.match(s.ws.extensions, /permessage-deflate/);
    for (let i = 1; i <= 30; i++) {
      await place(0, A, "bid", `0.${String(i).padStart(2, "0")}00`, `${i}.00`);
    }
    const sid = await s.subscribe("orderbook_delta", { market_tickers: [A] });
    const snapshot = await s.wait(of("orderbook_snapshot"), "snapshot");
    assert.equal(snapshot.msg.yes_dollars_fp.length, 30);
    await place(1, A, "bid", "0.3100", "1.50");
    await s.wait(of("orderbook_delta", { price_dollars: "0.3100" }), "delta");
    assert.equal(s.book(sid, A).yes.size, 31);
  });

  test("pings hold heartbeat, and a client's ping is answered", async () => {
    const s = await open(0);
    const pong = new Promise((done) => s.ws.once("pong", (data) => done(data.toString())));
    s.ws.ping("are you there");
    assert.equal(await pong, "are you there");
    assert.ok((await s.pinged(3)) >= 3, `${s.pings.length} pings`);
    assert.ok(s.pings.every((p) => p === "heartbeat"), s.pings.join());
  });
});

describe("commands", () => {
  test("subscribe acknowledges each channel with its own sid, and repeats change nothing", async () => {
    const s = await open(0);
    const channels = ["orderbook_delta", "ticker", "trade", "fill", "market_positions", "user_orders", "order_group_updates", "market_lifecycle_v2"];
    const acks = await s.command("subscribe", { channels, market_tickers: [A] }, channels.length);
    assert.deepEqual(acks.map((f) => f.msg.channel).sort(), [...channels].sort());
    assert.deepEqual(acks.map((f) => f.msg.sid), acks.map((_, i) => i + 1));
    const list = await s.command("list_subscriptions");
    assert.deepEqual(list.msg.map((x) => x.channel).sort(), [...channels].sort());
    const book = acks.find((f) => f.msg.channel === "orderbook_delta").msg.sid;
    await s.wait(of("orderbook_snapshot", { market_ticker: A }), "snapshot");
    const from = s.mark();
    const again = await s.command("subscribe", { channels: ["orderbook_delta"], market_tickers: [A, B] });
    assert.equal(again.type, "subscribed");
    assert.equal(again.msg.sid, book);
    await s.wait(of("orderbook_snapshot", { market_ticker: B }), "snapshot of the new market", from);
    await s.settled();
    assert.ok(!s.frames.slice(from).some(of("orderbook_snapshot", { market_ticker: A })));
  });

  test("a bad channel among good ones gives one error, the good ones are subscribed", async () => {
    const s = await open(0);
    const replies = await s.command("subscribe", { channels: ["trade", "no_such_channel", "ticker"], market_tickers: [A] }, 3);
    assert.deepEqual(replies.filter((f) => f.type === "error").map((f) => f.msg.code), [8]);
    assert.deepEqual(replies.filter((f) => f.type === "subscribed").map((f) => f.msg.channel), ["trade", "ticker"]);
  });

  test("add_markets, delete_markets and get_snapshot change and show what is followed", async () => {
    const s = await open(0);
    const sid = await s.subscribe("orderbook_delta", { market_ticker: A });
    const added = await s.command("update_subscription", { sid, action: "add_markets", market_tickers: [B, C] });
    assert.equal(added.type, "ok");
    assert.deepEqual([...added.msg.market_tickers].sort(), [A, B, C].sort());
    await s.wait(of("orderbook_snapshot", { market_ticker: C }), "snapshot of an added market");
    const fewer = await s.command("update_subscription", { sids: [sid], action: "delete_markets", market_ticker: B });
    assert.deepEqual([...fewer.msg.market_tickers].sort(), [A, C].sort());
    await place(0, B, "bid", "0.1000", "1.00");
    await place(0, C, "bid", "0.1000", "1.00");
    await s.wait(of("orderbook_delta", { market_ticker: C }), "delta");
    assert.ok(!s.frames.some(of("orderbook_delta", { market_ticker: B })));
    const from = s.mark();
    s.send({ id: 900, cmd: "update_subscription", params: { sid, action: "get_snapshot", market_tickers: [A, C] } });
    const first = await s.wait((f) => f.type === "orderbook_snapshot" && f.msg.market_ticker === A, "snapshot", from);
    const second = await s.wait((f) => f.type === "orderbook_snapshot" && f.msg.market_ticker === C, "snapshot", from);
    assert.deepEqual([first.id, second.id], [900, 900]);
    assert.deepEqual(second.msg.yes_dollars_fp, [["0.1000", "1.00"]]);
    assert.ok(!("yes_dollars_fp" in first.msg) && !("no_dollars_fp" in first.msg));
  });

  test("update_subscription adds and removes markets on every market channel", async () => {
    const s = await open(0);
    for (const channel of ["ticker", "trade", "fill", "market_positions", "user_orders"]) {
      const sid = await s.subscribe(channel, { market_tickers: [A] });
      const added = await s.command("update_subscription", { sid, action: "add_markets", market_tickers: [B] });
      assert.equal(added.type, "ok", channel);
      assert.deepEqual([...added.msg.market_tickers].sort(), [A, B].sort(), channel);
      const fewer = await s.command("update_subscription", { sid, action: "delete_markets", market_tickers: [A] });
      assert.deepEqual(fewer.msg.market_tickers, [B], channel);
    }
  });

  test("unsubscribe ends a sid with a last seq, and nothing follows", async () => {
    const s = await open(0);
    const sid = await s.subscribe("orderbook_delta", { market_tickers: [A] });
    const id = s.nextId++;
    s.send({ id, cmd: "unsubscribe", params: { sids: [sid] } });
    const gone = await s.wait((f) => f.type === "unsubscribed", "unsubscribed");
    assert.equal(gone.sid, sid);
    assert.equal(gone.id, id);
    assert.ok(!("msg" in gone));
    const from = s.mark();
    await place(0, A, "bid", "0.1000", "1.00");
    await s.settled();
    assert.ok(!s.frames.slice(from).some((f) => f.sid === sid));
    assert.deepEqual((await s.command("list_subscriptions")).msg, []);
  });

  test("a ticker subscription by market_ids, with an initial snapshot", async () => {
    const s = await open(0);
    const book = await s.subscribe("orderbook_delta", { market_tickers: [A] });
    assert.ok(book >= 1);
    const { market_id } = (await s.wait(of("orderbook_snapshot"), "snapshot")).msg;
    await s.subscribe("ticker", { market_ids: [market_id], send_initial_snapshot: true });
    const t = await s.wait(of("ticker"), "ticker");
    assert.equal(t.msg.market_ticker, A);
    assert.equal(t.msg.market_id, market_id);
  });

  test("skip_ticker_ack leaves the lists out of later acknowledgements", async () => {
    const s = await open(0);
    const sid = await s.subscribe("trade", { market_tickers: [A], skip_ticker_ack: true });
    const ok = await s.command("update_subscription", { sid, action: "add_markets", market_tickers: [B] });
    assert.equal(ok.type, "ok");
    assert.ok(!ok.msg?.market_tickers, JSON.stringify(ok));
  });

  // error-rows: 5.4
  const errors = [
    [1, "text that is not JSON", "no json"],
    [1, "a frame that is no object", "[1]"],
    [2, "subscribe without params", { cmd: "subscribe" }],
    [3, "subscribe without channels", { cmd: "subscribe", params: {} }],
    [3, "subscribe with an empty list of channels", { cmd: "subscribe", params: { channels: [] } }],
    [4, "unsubscribe without sids", { cmd: "unsubscribe", params: {} }],
    [5, "an unknown command", { cmd: "resubscribe", params: {} }],
    [7, "unsubscribe of a sid that is not there", { cmd: "unsubscribe", params: { sids: [77] } }],
    [7, "update of a sid that is not there", { cmd: "update_subscription", params: { sid: 77, action: "add_markets", market_tickers: ["X"] } }],
    [8, "an unknown channel", { cmd: "subscribe", params: { channels: ["ticker_v2"] } }],
    [11, "market tickers that are no texts", { cmd: "subscribe", params: { channels: ["ticker"], market_tickers: [5] } }],
    [12, "update_subscription without a sid", { cmd: "update_subscription", params: { action: "add_markets", market_tickers: ["X"] } }],
    [12, "update_subscription with two sids", { cmd: "update_subscription", params: { sids: [1, 2], action: "add_markets", market_tickers: ["X"] } }],
    [13, "an unknown action", { cmd: "update_subscription", params: { sid: 1, action: "replace_markets", market_tickers: ["X"] } }],
    [14, "orderbook_delta without markets", { cmd: "subscribe", params: { channels: ["orderbook_delta"] } }],
    [15, "update_subscription without an action", { cmd: "update_subscription", params: { sid: 1, market_tickers: ["X"] } }],
  ];
  for (const [code, what, command] of errors) {
    test(`error code ${code}: ${what}`, async () => {
      const s = await open(0);
      assert.equal(await s.subscribe("trade", { market_tickers: [A] }), 1);
      const from = s.mark();
      if (typeof command === "string") {
        s.send(command);
      } else {
        s.send({ id: 41, ...command });
      }
      const f = await s.wait((g) => g.type === "error", `error ${code}`, from);
      assert.equal(f.msg.code, code, JSON.stringify(f));
      assert.equal(f.id, typeof command === "string" ? undefined : 41);
      assert.ok(f.msg.msg.length > 0);
      await s.settled();
    });
  }

  test("every channel that the specification names can be subscribed to", async () => {
    const s = await open(0);
    const more = { orderbook_delta: { market_tickers: [A] }, cfbenchmarks_value: { index_ids: ["BRTI"] }, cfbenchmarks_value_5hz: { index_ids: ["BRTI"] }, pyth_value: { underlying_tickers: ["XAU"] } };
    assert.ok(judge.asyncapi.channels.length >= 13);
    for (const channel of judge.asyncapi.channels) {
      assert.ok((await s.subscribe(channel, more[channel] ?? {})) >= 1, channel);
    }
    const { msg } = await s.command("list_subscriptions");
    assert.deepEqual(msg.map((x) => x.channel).sort(), [...judge.asyncapi.channels].sort());
    const sid = (channel) => msg.find((x) => x.channel === channel).sid;
    const names = s.mark();
    s.send({ id: 71, cmd: "update_subscription", params: { sid: sid("cfbenchmarks_value"), action: "indexlist" } });
    assert.equal((await s.wait((f) => f.type === "cfbenchmarks_value_indexlist", "indexlist", names)).id, 71);
    s.send({ id: 72, cmd: "update_subscription", params: { sid: sid("pyth_value"), action: "underlying_list" } });
    assert.equal((await s.wait((f) => f.type === "pyth_value_underlying_list", "underlying_list", names)).id, 72);
    for (const [channel, action, key] of [
      ["cfbenchmarks_value", "subscribe_indices", "index_ids"],
      ["cfbenchmarks_value", "unsubscribe_indices", "index_ids"],
      ["pyth_value", "subscribe_underlyings", "underlying_tickers"],
      ["pyth_value", "unsubscribe_underlyings", "underlying_tickers"],
    ]) {
      const ok = await s.command("update_subscription", { sid: sid(channel), action, [key]: ["ABC"] });
      assert.equal(ok.type, "ok", `${action}: ${JSON.stringify(ok)}`);
      const none = await s.command("update_subscription", { sid: sid(channel), action });
      assert.equal(none.msg.code, channel === "pyth_value" ? 28 : 24, action);
    }
  });

  for (const [code, what, more] of [
    [19, "shard_factor 0", { shard_factor: 0, shard_key: 0 }],
    [20, "shard_key without shard_factor", { shard_key: 1 }],
    [21, "a shard_key beyond the factor", { shard_factor: 4, shard_key: 4 }],
    [22, "a shard_factor above 100", { shard_factor: 101, shard_key: 0 }],
  ]) {
    test(`error code ${code}: ${what}`, async () => {
      const s = await open(0);
      const reply = await s.command("subscribe", { channels: ["communications"], ...more });
      assert.deepEqual([reply.type, reply.msg.code], ["error", code], JSON.stringify(reply));
    });
  }

  test("error code 9: a channel with user data on a connection without a key", async () => {
    const free = await Exchange.start({ ...quietMarkets(1), more: ["--rules-ws-public-open"] });
    const s = await Socket.open(free, null, judge);
    sockets.push(s);
    assert.equal((await s.command("subscribe", { channels: ["ticker"] })).type, "subscribed");
    for (const channel of ["fill", "user_orders", "market_positions", "order_group_updates"]) {
      const reply = await s.command("subscribe", { channels: [channel] });
      assert.deepEqual([reply.type, reply.msg.code], ["error", 9], channel);
    }
    await s.close();
    await free.stop();
  });

  test("error codes 10 and 18 come on demand; 10 ends the subscription", async () => {
    const ill = await Exchange.start({ ...quietMarkets(1) });
    const s = await Socket.open(ill, ill.users[0], judge);
    sockets.push(s);
    await ill.command("fault", "ws_error", "code=18");
    const late = await s.command("subscribe", { channels: ["ticker"] });
    assert.deepEqual([late.type, late.msg.code], ["error", 18]);
    const sid = await s.subscribe("orderbook_delta", { market_tickers: ill.markets });
    await ill.command("fault", "ws_error", "code=10");
    s.send({ id: 90, cmd: "list_subscriptions" });
    const dead = await s.wait((f) => f.type === "error" && f.msg.code === 10, "error 10");
    assert.equal(dead.sid, sid);
    assert.deepEqual((await s.command("list_subscriptions")).msg, []);
    await s.close();
    await ill.stop();
  });

  test("error code 27: more than 10,000 commands in a second", async () => {
    const s = await open(0);
    const n = 30_010; // in three seconds of the clock one has more than 10,000
    for (let i = 0; i < n; i++) {
      s.send('{"id":7,"cmd":"list_subscriptions"}');
    }
    await s.wait(() => s.frames.length >= n, "all replies");
    const span = s.frames.at(-1).sending_ts_ms - s.frames[0].sending_ts_ms;
    const refused = s.frames.filter((f) => f.type === "error" && f.msg.code === 27).length;
    if (refused === 0 && span >= 2000) {
      console.log(`# ${n} commands took ${span} ms: too slow here for the limit; unit test more_than_10000_commands_in_a_second_are_code_27`);
      return;
    }
    assert.ok(refused > 0, `no error 27 of ${n} commands in ${span} ms`);
  });
});

describe("books", () => {
  test("orders appear as deltas on both price scales, own ones with their client_order_id", async () => {
    const mine = await open(0);
    const yes = await open(1, { yes: true });
    const sid = await mine.subscribe("orderbook_delta", { market_tickers: [A], use_yes_price: false });
    const yesSid = await yes.subscribe("orderbook_delta", { market_tickers: [A], use_yes_price: true });
    const made = await place(0, A, "ask", "0.6000", "5.00");
    const d = await mine.wait(of("orderbook_delta"), "delta");
    assert.deepEqual([d.msg.side, d.msg.price_dollars, d.msg.delta_fp], ["no", "0.4000", "5.00"]);
    assert.equal(d.msg.client_order_id, made.client_order_id);
    const e = await yes.wait(of("orderbook_delta"), "delta");
    assert.deepEqual([e.msg.side, e.msg.price_dollars, e.msg.delta_fp], ["no", "0.6000", "5.00"]);
    assert.ok(!("client_order_id" in e.msg));
    await yes.command("unsubscribe", { sids: [yesSid] });
    await yes.subscribe("orderbook_delta", { market_tickers: [A], use_yes_price: true });
    const again = await yes.wait((f) => f.type === "orderbook_snapshot" && f.sid !== yesSid, "snapshot");
    assert.deepEqual(again.msg.no_dollars_fp, [["0.6000", "5.00"]]);
    assert.equal(mine.book(sid, A).no.get("0.4000"), 500);
  });

  test("the stream's book is the REST book", async () => {
    const s = await open(0);
    const sid = await s.subscribe("orderbook_delta", { market_tickers: [A] });
    await place(0, A, "bid", "0.3000", "1.25");
    await place(0, A, "bid", "0.3000", "2.00");
    await place(1, A, "ask", "0.7000", "0.01");
    await place(1, A, "ask", "0.3000", "2.25", { time_in_force: "immediate_or_cancel" });
    const last = await place(1, A, "bid", "0.0100", "1.00");
    assert.ok(last.order_id);
    await s.wait(of("orderbook_delta", { price_dollars: "0.0100" }), "the last delta");
    const { orderbook_fp } = (await rest[0].get(`/markets/${A}/orderbook`)).body;
    const mine = (side) => [...s.book(sid, A)[side]].map(([p, c]) => [p, (c / 100).toFixed(2)]).sort();
    assert.deepEqual(mine("yes"), orderbook_fp.yes_dollars);
    assert.deepEqual(mine("no"), orderbook_fp.no_dollars);
    assert.deepEqual(orderbook_fp.yes_dollars, [["0.0100", "1.00"], ["0.3000", "1.00"]]);
  });

  test("an unknown ticker is acknowledged and gets an empty snapshot", async () => {
    const s = await open(0);
    await s.subscribe("orderbook_delta", { market_tickers: ["KXNOSUCH-26JAN01-X"] });
    const f = await s.wait(of("orderbook_snapshot"), "snapshot");
    assert.equal(f.msg.market_ticker, "KXNOSUCH-26JAN01-X");
    assert.ok(!("yes_dollars_fp" in f.msg) && !("no_dollars_fp" in f.msg));
  });
});

describe("two users trade with each other", () => {
  test("trade, fill, user_order, market_position and ticker tell of it on both sides", async () => {
    const s = [await open(0), await open(1)];
    const channels = ["trade", "ticker", "fill", "user_orders", "market_positions", "orderbook_delta"];
    for (const x of s) {
      await x.command("subscribe", { channels, market_tickers: [B] }, channels.length);
    }
    const before = await Promise.all(rest.map(async (r) => position((await r.get(`/portfolio/positions?ticker=${B}`)).body)));
    const maker = await place(0, B, "bid", "0.5600", "10.00");
    const placed = await s[0].wait(of("user_order", { order_id: maker.order_id }), "user_order");
    assert.equal(placed.msg.status, "resting");
    assert.equal(placed.msg.remaining_count_fp, "10.00");
    const taker = await place(1, B, "ask", "0.5000", "4.00");
    assert.equal(taker.fill_count, "4.00");
    const trade = await s[0].wait(of("trade"), "trade");
    assert.deepEqual([trade.msg.yes_price_dollars, trade.msg.no_price_dollars, trade.msg.count_fp], ["0.5600", "0.4400", "4.00"]);
    assert.deepEqual([trade.msg.taker_outcome_side, trade.msg.taker_book_side, trade.msg.is_block_trade], ["no", "ask", false]);
    const fills = [await s[0].wait(of("fill"), "maker's fill"), await s[1].wait(of("fill"), "taker's fill")];
    fills.forEach((f) => assert.equal(f.msg.trade_id, trade.msg.trade_id));
    assert.deepEqual(fills.map((f) => f.msg.order_id), [maker.order_id, taker.order_id]);
    assert.deepEqual(fills.map((f) => f.msg.is_taker), [false, true]);
    assert.deepEqual(fills.map((f) => f.msg.outcome_side), ["yes", "no"]);
    assert.deepEqual(fills.map((f) => Number(f.msg.post_position_fp)), [before[0] + 4, before[1] - 4]);
    // 0.07 x 4 x 0.56 x 0.44 = 0.068992, up to 1/10,000 (section 16)
    assert.equal(fills[1].msg.fee_cost, "0.069000");
    assert.equal(fills[0].msg.fee_cost, "0.000000");
    const part = await s[0].wait(of("user_order", { order_id: maker.order_id, fill_count_fp: "4.00" }), "user_order of the fill");
    assert.equal(part.msg.status, "resting");
    assert.equal(part.msg.remaining_count_fp, "6.00");
    const whole = await s[1].wait(of("user_order", { order_id: taker.order_id }), "taker's user_order");
    assert.equal(whole.msg.status, "executed");
    for (const i of [0, 1]) {
      const p = await s[i].wait(of("market_position"), "market_position");
      assert.equal(Number(p.msg.position_fp), before[i] + (i === 0 ? 4 : -4));
    }
    const t = await s[0].wait((f) => f.type === "ticker" && f.msg.price_dollars === "0.5600", "ticker");
    assert.equal(t.msg.last_trade_size_fp, "4.00");
    // the maker's fill is told to the maker only
    assert.ok(!s[1].frames.some((f) => f.type === "fill" && f.msg.order_id === maker.order_id));
    const { fills: read } = (await rest[1].get(`/portfolio/fills?order_id=${taker.order_id}`)).body;
    assert.deepEqual([read[0].trade_id, read[0].fee_cost], [trade.msg.trade_id, "0.069000"]);
  });

  test("amend, decrease and cancel are told with their reasons", async () => {
    const s = await open(0);
    await s.subscribe("user_orders", { market_tickers: [A] });
    const { order_id } = await place(0, A, "bid", "0.2000", "9.00");
    await s.wait(of("user_order", { order_id, status: "resting" }), "placed");
    let from = s.mark();
    assert.equal((await rest[0].post(`/portfolio/events/orders/${order_id}/amend`, { ticker: A, side: "bid", price: "0.2100", count: "8.00" })).status, 200);
    const amended = await s.wait(of("user_order", { order_id }), "amended", from);
    assert.deepEqual([amended.msg.yes_price_dollars, amended.msg.remaining_count_fp, amended.msg.last_update_reason], ["0.2100", "8.00", "Amend"]);
    from = s.mark();
    assert.equal((await rest[0].post(`/portfolio/events/orders/${order_id}/decrease`, { reduce_to: "3.00" })).status, 200);
    const less = await s.wait(of("user_order", { order_id }), "decreased", from);
    assert.deepEqual([less.msg.remaining_count_fp, less.msg.last_update_reason], ["3.00", "Decrease"]);
    from = s.mark();
    assert.equal((await rest[0].delete(`/portfolio/events/orders/${order_id}`)).status, 200);
    const gone = await s.wait(of("user_order", { order_id }), "canceled", from);
    assert.deepEqual([gone.msg.status, gone.msg.remaining_count_fp], ["canceled", "0.00"]);
  });

  test("self-trade prevention and expiry cancel with their reasons", async () => {
    const s = await open(0);
    await s.subscribe("user_orders", { market_tickers: [A] });
    const resting = await place(0, A, "bid", "0.4000", "2.00");
    await place(0, A, "ask", "0.4000", "1.00", { self_trade_prevention_type: "maker" });
    const selfCanceled = await s.wait(of("user_order", { order_id: resting.order_id, status: "canceled" }), "canceled");
    assert.equal(selfCanceled.msg.last_update_reason, "SelfTradeCancel");
    const expiring = await expires(0, A, "bid", "0.0500", "1.00");
    const expired = await s.wait(of("user_order", { order_id: expiring.order_id, status: "canceled" }), "expired");
    assert.equal(expired.msg.last_update_reason, "ExpiryCancel");
  });
});

describe("order groups", () => {
  test("created, limited, triggered, reset and deleted are told in sequence", async () => {
    const s = await open(0);
    const foreign = await open(1);
    await s.subscribe("order_group_updates");
    await s.subscribe("user_orders");
    await foreign.subscribe("order_group_updates");
    const made = await rest[0].post("/portfolio/order_groups/create", { contracts_limit: 10 });
    assert.equal(made.status, 201, made.text);
    const id = made.body.order_group_id;
    const { order_id } = await place(0, A, "bid", "0.1100", "1.00", { order_group_id: id });
    assert.equal((await rest[0].put(`/portfolio/order_groups/${id}/limit`, { contracts_limit: 25 })).status, 200);
    assert.equal((await rest[0].put(`/portfolio/order_groups/${id}/trigger`, {})).status, 200);
    await s.wait(of("user_order", { order_id, status: "canceled" }), "the group's order canceled");
    assert.equal((await rest[0].put(`/portfolio/order_groups/${id}/reset`, {})).status, 200);
    assert.equal((await rest[0].delete(`/portfolio/order_groups/${id}`)).status, 200);
    await s.wait(of("order_group_updates", { event_type: "deleted" }), "deleted");
    const told = s.frames.filter((f) => f.type === "order_group_updates");
    assert.deepEqual(told.map((f) => f.msg.event_type), ["created", "limit_updated", "triggered", "reset", "deleted"]);
    assert.ok(told.every((f) => f.msg.order_group_id === id));
    assert.deepEqual(told.map((f) => f.msg.contracts_limit_fp), ["10.00", "25.00", undefined, undefined, undefined]);
    await foreign.settled();
    assert.ok(!foreign.frames.some((f) => f.type === "order_group_updates"));
  });
});

test("every frame is what asyncapi.yaml says, but for the known deviations", () => {
  console.log(judge.summary());
  const wrong = judge.verdict();
  wrong.forEach((w) => console.log(w));
  assert.equal(wrong.length, 0, `${wrong.length} deviations, listed above`);
});

function position(body) {
  return Number(body.market_positions[0]?.position_fp ?? 0);
}
