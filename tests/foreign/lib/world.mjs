// world.mjs - what the simulator is started with.
import { randomUUID } from "node:crypto";

/** Markets with empty books that nothing but the test moves. tickers: their names, or how many. */
export function quietMarkets(tickers) {
  const names = Array.isArray(tickers) ? tickers : Array.from({ length: tickers }, (_, i) => `KXQUIET-26NOV27-T${i + 1}`);
  const frame = (market_ticker, seq) => ({ type: "orderbook_snapshot", sid: 1, seq, msg: { market_ticker, market_id: randomUUID() } });
  const lines = names.map((ticker, i) => JSON.stringify({ recv_ms: 1_790_000_000_000, event: frame(ticker, i + 1) }));
  lines.push(JSON.stringify({ recv_ms: 1_790_086_400_000, event: frame("KXLAST-26NOV27-T1", names.length + 1) })); // a day later
  return { capture: lines.join("\n") + "\n" };
}
