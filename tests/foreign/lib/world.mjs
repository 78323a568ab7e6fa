// world.mjs - what the simulator is started with.
import { setTimeout as sleep } from "node:timers/promises";

/** Markets with empty books that nothing but the test moves. tickers: their names, or how many. */
export function quietMarkets(tickers) {
  const names = Array.isArray(tickers) ? tickers : Array.from({ length: tickers }, (_, i) => `KXQUIET-26NOV27-T${i + 1}`);
  return scenarioWorld(names.map((market) => ({ at: "0s", do: "create_market", market })));
}

/** Actions that make a market as a recorded one was, in the recorded status. */
export function marketLike(m, more = {}) {
  const same = ["title", "yes_sub_title", "no_sub_title", "rules_primary", "rules_secondary", "early_close_condition", "can_close_early", "strike_type", "floor_strike", "cap_strike", "functional_strike", "custom_strike", "price_level_structure", "settlement_timer_seconds"];
  const create = { at: "0s", do: "create_market", market: m.ticker, event: m.event_ticker, close_in: "10d", expected_expiration_in: "10d", latest_expiration_in: "11d" };
  for (const key of same) {
    if (m[key] !== undefined) {
      create[key] = m[key];
    }
  }
  if (m.occurrence_datetime) {
    create.occurrence_in = "10d";
  }
  if (m.status === "initialized") {
    create.open_in = "1h";
  }
  const actions = [{ ...create, ...more }];
  if (m.status === "determined") {
    actions[0].settlement_timer_seconds = 3600; // it stays as it was recorded
  }
  if (m.status === "determined" || m.status === "finalized") {
    actions.push({ at: "0s", do: "close", market: m.ticker });
    const determine = { at: "0s", do: "determine", market: m.ticker, result: m.result || "yes" };
    if (m.expiration_value) {
      determine.expiration_value = m.expiration_value;
    }
    actions.push(determine);
  }
  if (m.status === "finalized") {
    actions.push({ at: "0s", do: "settle", market: m.ticker });
  }
  return actions;
}

/** Actions for an event and its series as recorded. */
export function eventLike(e) {
  const series = { at: "0s", do: "create_series", series: e.series_ticker, title: e.title, category: e.category, settlement_sources: e.settlement_sources };
  const event = { at: "0s", do: "create_event", event: e.event_ticker, series: e.series_ticker, title: e.title, sub_title: e.sub_title, mutually_exclusive: e.mutually_exclusive };
  if (e.strike_date) {
    event.strike_time = e.strike_date;
  }
  if (e.strike_period) {
    event.strike_period = e.strike_period;
  }
  if (e.product_metadata) {
    event.product_metadata = e.product_metadata;
  }
  return [series, event];
}

/** Options of an exchange that has what the scenario makes and nothing else, from its start. */
export function scenarioWorld(actions) {
  return { args: ["--markets", "0", "--no-wait-for-client"], scenario: { actions } };
}

/** Waits until a market can be read. */
export async function until(rest, ticker, ms = 240_000) {
  for (const from = Date.now(); (await rest.get(`/markets/${ticker}`)).status !== 200; await sleep(20)) {
    if (Date.now() - from > ms) {
      throw new Error(`market ${ticker} is not there`);
    }
  }
}
