// The official kalshi-typescript package drives every route that it knows, once with an RSA and once with an Ed25519 key.
// Each answer is judged by openapi.yaml and its overlay; what the package knows and the simulator does not serve is listed.
import assert from "node:assert/strict";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Client, everyMethod } from "./lib/client.mjs";
import { Exchange } from "./lib/exchange.mjs";
import { Judge } from "./lib/judge.mjs";
import { RawRest } from "./lib/rest.mjs";
import { Signer } from "./lib/sign.mjs";
import { quietMarkets, scenarioWorld } from "./lib/world.mjs";

const judge = new Judge("rest");
const notServed = JSON.parse(readFileSync(new URL("not_served.json", import.meta.url), "utf8"));
const now = () => Math.floor(Date.now() / 1000);
let exchange;

before(async () => {
  exchange = await Exchange.start({ ...quietMarkets(4), more: ["--tier", "prestige"] });
});

after(async () => {
  await exchange?.stop();
});

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

for (const [user, kind] of [
  [0, "rsa"],
  [1, "ed25519"],
]) {
  describe(`kalshi-typescript with an ${kind} key`, () => {
    let c; // this user
    let other; // who it trades with
    let ticker, event, series;

    before(() => {
      assert.equal(exchange.users[user].kind, kind);
      c = new Client(exchange, exchange.users[user], judge);
      other = exchange.rest(1 - user, judge);
      ticker = exchange.markets[user];
    });
    after(() => {
      c.close();
      other.close();
    });

    const good = async (status, name, ...args) => {
      const res = await c.call(name, ...args);
      assert.equal(res.status, status, `${name}: ${JSON.stringify(res.data)}`);
      return res.data;
    };
    const place = (...args) => good(201, "OrdersApi.createOrderV2", order(...args));

    test("the exchange tells its state, schedule and fees", async () => {
      const status = await good(200, "ExchangeApi.getExchangeStatus");
      assert.equal(status.exchange_active, true);
      const schedule = await good(200, "ExchangeApi.getExchangeSchedule");
      assert.ok(schedule.schedule.standard_hours.length >= 1);
      assert.ok((await good(200, "ExchangeApi.getUserDataTimestamp")).as_of_time);
      await good(200, "ExchangeApi.getSeriesFeeChanges");
      await good(200, "EventsApi.getEventFeeChanges");
    });

    test("the account tells its limits and costs", async () => {
      const limits = await good(200, "AccountApi.getAccountApiLimits");
      assert.equal(limits.usage_tier, "prestige");
      assert.equal(limits.write.refill_rate, 9600);
      const costs = await good(200, "AccountApi.getAccountEndpointCosts");
      assert.equal(costs.default_cost, 10);
    });

    test("markets, events and series can be read", async () => {
      const { markets } = await good(200, "MarketApi.getMarkets", 2);
      assert.equal(markets.length, 2);
      const { market } = await good(200, "MarketApi.getMarket", ticker);
      assert.equal(market.ticker, ticker);
      event = market.event_ticker;
      const { events } = await good(200, "EventsApi.getEvents", 200, undefined, true);
      const mine = events.find((e) => e.event_ticker === event);
      assert.ok(mine.markets.some((m) => m.ticker === ticker));
      series = mine.series_ticker;
      assert.equal((await good(200, "EventsApi.getEvent", event)).event.event_ticker, event);
      assert.equal((await good(200, "MarketApi.getSeries", series)).series.ticker, series);
      const list = await good(200, "MarketApi.getSeriesList");
      assert.ok(list.series.some((s) => s.ticker === series));
    });

    test("orders rest, are read, amended, decreased and canceled", async () => {
      const made = await place(ticker, "bid", "0.4000", "10.00");
      assert.equal(made.fill_count, "0.00");
      assert.equal(made.remaining_count, "10.00");
      const { order: seen } = await good(200, "OrdersApi.getOrder", made.order_id);
      assert.equal(seen.status, "resting");
      assert.equal(seen.yes_price_dollars, "0.4000");
      const { orderbook_fp: book } = await good(200, "MarketApi.getMarketOrderbook", ticker);
      assert.deepEqual(book.yes_dollars.at(-1), ["0.4000", "10.00"]);
      const books = await good(200, "MarketApi.getMarketOrderbooks", [ticker, exchange.markets[2]]);
      assert.equal(books.orderbooks.length, 2);
      assert.equal((await good(200, "OrdersApi.getOrderQueuePosition", made.order_id)).queue_position_fp, "0.00");
      const { queue_positions } = await good(200, "OrdersApi.getOrderQueuePositions", ticker);
      assert.ok(queue_positions.some((q) => q.order_id === made.order_id));
      const amended = await good(200, "OrdersApi.amendOrderV2", made.order_id, { ticker, side: "bid", price: "0.4100", count: "8.00" });
      assert.equal(amended.order_id, made.order_id);
      const less = await good(200, "OrdersApi.decreaseOrderV2", made.order_id, { reduce_by: "3.00" });
      assert.equal(less.remaining_count, "5.00");
      const { orders } = await good(200, "OrdersApi.getOrders", ticker, undefined, undefined, undefined, "resting");
      assert.equal(orders[0].order_id, made.order_id);
      assert.equal(orders[0].remaining_count_fp, "5.00");
      const gone = await good(200, "OrdersApi.cancelOrderV2", made.order_id);
      assert.equal(gone.reduced_by, "5.00");
      assert.equal((await c.call("OrdersApi.cancelOrderV2", made.order_id)).status, 404);
    });

    test("batches place and cancel, cancel-all leaves nothing", async () => {
      const batch = await good(201, "OrdersApi.batchCreateOrdersV2", {
        orders: [
          order(ticker, "bid", "0.2000", "1.00"),
          order(ticker, "bid", "0.2050", "1.00"),
          order(ticker, "bid", "0.2100", "2.00"),
        ],
      });
      assert.equal(batch.orders.length, 3);
      assert.equal(batch.orders[1].error.code, "invalid_price");
      const ids = [batch.orders[0].order_id, batch.orders[2].order_id];
      const gone = await good(200, "OrdersApi.batchCancelOrdersV2", {
        orders: [{ order_id: ids[0] }, { order_id: randomUUID() }],
      });
      assert.equal(gone.orders[0].reduced_by, "1.00");
      assert.equal(gone.orders[1].reduced_by, "0.00");
      assert.ok(gone.orders[1].error);
      await good(204, "OrdersApi.cancelAllOrders");
      assert.equal((await c.call("OrdersApi.cancelOrderV2", ids[1])).status, 404);
    });

    test("a trade with another user shows in fills, positions, balance and public trades", async () => {
      const before = await good(200, "PortfolioApi.getBalance");
      const made = await place(ticker, "bid", "0.5500", "4.00");
      const hit = await other.post("/portfolio/events/orders", order(ticker, "ask", "0.5000", "3.00", { time_in_force: "immediate_or_cancel" }));
      assert.equal(hit.status, 201, hit.text);
      assert.equal(hit.body.fill_count, "3.00");
      assert.equal(hit.body.average_fill_price, "0.5500");
      const { fills } = await good(200, "PortfolioApi.getFills", ticker);
      assert.equal(fills[0].order_id, made.order_id);
      assert.equal(fills[0].count_fp, "3.00");
      assert.equal(fills[0].is_taker, false);
      const { market_positions, event_positions } = await good(200, "PortfolioApi.getPositions", undefined, undefined, undefined, ticker);
      assert.equal(market_positions[0].position_fp, "3.00");
      assert.equal(event_positions[0].event_ticker, event);
      const { trades } = await good(200, "MarketApi.getTrades", 10, undefined, ticker);
      assert.equal(trades[0].trade_id, fills[0].trade_id);
      assert.equal(trades[0].taker_outcome_side, "no");
      const then = await good(200, "PortfolioApi.getBalance");
      const paid = Number(before.balance_dollars) - Number(then.balance_dollars);
      assert.ok(Math.abs(paid - 1.65) < 1e-9, `paid ${paid}`);
    });

    test("order groups are made, limited, triggered, reset and deleted", async () => {
      const group = await good(201, "OrderGroupsApi.createOrderGroup", { contracts_limit_fp: "20.00" });
      const id = group.order_group_id;
      const inside = await place(ticker, "bid", "0.1000", "1.00", { order_group_id: id });
      const { order_groups } = await good(200, "OrderGroupsApi.getOrderGroups");
      assert.ok(order_groups.some((g) => g.id === id));
      const one = await good(200, "OrderGroupsApi.getOrderGroup", id);
      assert.deepEqual(one.orders, [inside.order_id]);
      assert.equal(one.contracts_limit_fp, "20.00");
      await good(200, "OrderGroupsApi.updateOrderGroupLimit", id, { contracts_limit_fp: "30.00" });
      await good(200, "OrderGroupsApi.triggerOrderGroup", id);
      const refused = await c.call("OrdersApi.createOrderV2", order(ticker, "bid", "0.1000", "1.00", { order_group_id: id }));
      assert.ok(refused.status >= 400, JSON.stringify(refused.data));
      await good(200, "OrderGroupsApi.resetOrderGroup", id);
      await place(ticker, "bid", "0.1000", "1.00", { order_group_id: id });
      await good(200, "OrderGroupsApi.deleteOrderGroup", id);
      assert.equal((await c.call("OrderGroupsApi.getOrderGroup", id)).status, 404);
    });

    test("subaccounts are made, paid, read and traded from", async () => {
      const made = await good(201, "PortfolioApi.createSubaccount");
      const n = made.subaccount_number;
      assert.ok(n >= 1 && n <= 63);
      const transfer = { client_transfer_id: randomUUID(), from_subaccount: 0, to_subaccount: n, amount_cents: 2500 };
      await good(200, "PortfolioApi.applySubaccountTransfer", transfer);
      const again = await c.call("PortfolioApi.applySubaccountTransfer", transfer);
      assert.equal(again.status, 409);
      assert.equal(again.data.error.code, "transfer_already_applied");
      const { subaccount_balances } = await good(200, "PortfolioApi.getSubaccountBalances");
      assert.equal(Number(subaccount_balances.find((b) => b.subaccount_number === n).balance), 25);
      const { transfers } = await good(200, "PortfolioApi.getSubaccountTransfers");
      assert.equal(transfers[0].amount_cents, 2500);
      await good(200, "PortfolioApi.updateSubaccountNetting", { subaccount_number: n, enabled: true });
      const { netting_configs } = await good(200, "PortfolioApi.getSubaccountNetting");
      assert.equal(netting_configs.find((b) => b.subaccount_number === n).enabled, true);
      const there = await place(exchange.markets[2], "bid", "0.0100", "1.00", { subaccount: n });
      await good(200, "OrdersApi.cancelOrderV2", there.order_id, n);
    });

    test("money moves between shards and back, and may be shared out between them", async () => {
      const move = (from, to) =>
        good(200, "PortfolioApi.intraExchangeInstanceTransfer", {
          source: "event_contract",
          destination: "event_contract",
          amount: 10000,
          source_exchange_shard: from,
          destination_exchange_shard: to,
        });
      const moved = await move(0, 1);
      const list = await good(200, "PortfolioApi.getIntraExchangeInstanceTransfers");
      assert.equal(list.transfers[0].transfer_id, moved.transfer_id);
      const one = await good(200, "PortfolioApi.getIntraExchangeInstanceTransfer", moved.transfer_id);
      assert.equal(one.transfer.destination_exchange_shard, 1);
      await move(1, 0);
      await good(200, "PortfolioApi.setTargetBalanceAllocation", { allocations: [{ exchange_index: 0, percent: 100 }] });
      const { allocations } = await good(200, "PortfolioApi.getTargetBalanceAllocation");
      assert.equal(allocations.find((x) => x.exchange_index === 0).percent, 100);
    });

    test("keys are made, used, listed and deleted; the volume counts and the tier can be raised", async () => {
      const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
      const pem = { type: "spki", format: "pem" };
      const given = await good(201, "ApiKeysApi.createApiKey", { name: "given", public_key: publicKey.export(pem) });
      const made = await good(201, "ApiKeysApi.generateApiKey", { name: "made", scopes: ["read"] });
      const signers = [
        new Signer(given.api_key_id, privateKey.export({ type: "pkcs8", format: "pem" })),
        new Signer(made.api_key_id, made.private_key),
      ];
      assert.equal(signers[1].kind, "rsa");
      for (const signer of signers) {
        const rest = new RawRest(exchange, signer, judge);
        const { body } = await rest.get("/portfolio/balance");
        assert.equal(typeof body.balance, "number");
        rest.close();
      }
      const reader = new RawRest(exchange, signers[1], judge);
      assert.equal((await reader.delete("/portfolio/events/orders")).status, 403);
      reader.close();
      const { api_keys } = await good(200, "ApiKeysApi.getApiKeys");
      assert.ok(api_keys.some((k) => k.api_key_id === made.api_key_id && k.name === "made"));
      await good(204, "ApiKeysApi.deleteApiKey", made.api_key_id);
      await good(204, "ApiKeysApi.deleteApiKey", given.api_key_id);
      assert.ok((await good(200, "AccountApi.getAccountApiUsageLevelVolumeProgress")).volume_progress);
      await good(201, "AccountApi.upgradeAccountApiUsageLevel");
    });

    test("deposits, withdrawals and settlements can be read", async () => {
      await good(200, "PortfolioApi.getDeposits");
      await good(200, "PortfolioApi.getWithdrawals");
      await good(200, "PortfolioApi.getSettlements");
    });

    test("history can be read", async () => {
      const cutoff = await good(200, "HistoricalApi.getHistoricalCutoff");
      assert.ok(cutoff.market_settled_ts);
      await good(200, "HistoricalApi.getFillsHistorical");
      await good(200, "HistoricalApi.getHistoricalOrders");
      await good(200, "HistoricalApi.getHistoricalPositions");
      await good(200, "HistoricalApi.getHistoricalMarkets");
      await good(200, "HistoricalApi.getTradesHistorical");
    });

    test("a market that was settled long enough ago is historical", async () => {
      const old = "KXOLD-26NOV27-T1";
      const past = await Exchange.start({
        ...scenarioWorld([
          { at: "0s", do: "create_market", market: old },
          { at: "1s", do: "close", market: old },
          { at: "1s", do: "determine", market: old, result: "no" },
          { at: "1s", do: "settle", market: old },
        ]),
        more: ["--sim-live-window-s", "1"],
      });
      const reader = new Client(past, past.users[user], judge);
      assert.equal((await reader.call("HistoricalApi.getHistoricalMarket", "KXNOSUCH-26JAN01-X")).status, 404);
      let res;
      for (let i = 0; i < 2400 && res?.status !== 200; i++) {
        await sleep(100);
        res = await reader.call("HistoricalApi.getHistoricalMarket", old);
      }
      assert.equal(res.data.market.result, "no", JSON.stringify(res.data));
      const candles = await reader.call("HistoricalApi.getMarketCandlesticksHistorical", old, now() - 3600, now() + 60, 1);
      assert.equal(candles.status, 200, JSON.stringify(candles.data));
      const { data } = await reader.call("HistoricalApi.getHistoricalMarkets");
      assert.deepEqual(data.markets.map((m) => m.ticker), [old]);
      reader.driven.forEach((name) => c.driven.add(name));
      reader.close();
      await past.stop();
    });

    test("candlesticks can be read", async () => {
      const range = [now() - 3600, now() + 60, 1];
      const { candlesticks } = await good(200, "MarketApi.getMarketCandlesticks", series, ticker, ...range);
      assert.ok(candlesticks.length >= 1);
      await good(200, "MarketApi.batchGetMarketCandlesticks", `${ticker},${exchange.markets[2]}`, ...range);
      await good(200, "EventsApi.getMarketCandlesticksByEvent", event, series, ...range);
    });

    test("what this exchange has none of is read as an empty list", async () => {
      assert.equal((await good(200, "EventsApi.getEventMetadata", event)).market_details.length, 4);
      assert.deepEqual((await good(200, "EventsApi.getMultivariateEvents")).events, []);
      assert.deepEqual((await good(200, "IncentiveProgramsApi.getIncentivePrograms")).incentive_programs, []);
      assert.deepEqual((await good(200, "LiveDataApi.getLiveDatas", [randomUUID()])).live_datas, []);
      assert.deepEqual((await good(200, "MilestoneApi.getMilestones", 10)).milestones, []);
      assert.deepEqual((await good(200, "MultivariateApi.getMultivariateEventCollections")).multivariate_contracts, []);
      assert.deepEqual((await good(200, "StructuredTargetsApi.getStructuredTargets")).structured_targets, []);
      assert.deepEqual((await good(200, "SearchApi.getFiltersForSports")).sport_ordering, []);
      assert.ok((await good(200, "SearchApi.getTagsForSeriesCategories")).tags_by_categories);
    });

    test("what is not served is answered as an unknown route, or says why not", async () => {
      for (const [name, { reason, status, code }] of Object.entries(notServed)) {
        assert.ok(reason.length > 10, name);
        const n = everyMethod().get(name);
        assert.ok(n !== undefined, `${name} is listed, but the package has no such method`);
        const res = await c.call(name, ...Array(n - 1).fill("x"));
        assert.equal(res.status, status ?? 404, `${name}: ${JSON.stringify(res.data)}`);
        if (code) {
          assert.equal(res.data.error?.code, code, `${name}: ${JSON.stringify(res.data)}`);
        } else {
          assert.equal(typeof res.data, "string", `${name} is answered: ${JSON.stringify(res.data)}`);
        }
      }
    });

    test("every method of the package is driven or listed with its reason", () => {
      const left = [...everyMethod().keys()].filter((name) => !c.driven.has(name) && !notServed[name]);
      assert.deepEqual(left, []);
      const both = Object.keys(notServed).filter((name) => c.driven.has(name));
      assert.deepEqual(both, [], "listed as not served, but answered");
    });
  });
}

test("every answer is what openapi.yaml says, but for the known deviations", () => {
  console.log(judge.summary());
  const wrong = judge.verdict();
  wrong.forEach((w) => console.log(w));
  assert.equal(wrong.length, 0, `${wrong.length} deviations, listed above`);
});
