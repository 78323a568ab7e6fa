// world.mjs - what the simulator is started with.
import { randomUUID } from "node:crypto";

/** n markets with empty books that nothing but the test moves. */
export function quietMarkets(n) {
  const lines = [];
  for (let i = 1; i <= n; i++) {
    const msg = { market_ticker: `KXQUIET-26NOV27-T${i}`, market_id: randomUUID() };
    lines.push(JSON.stringify({ type: "orderbook_snapshot", sid: 1, seq: i, msg }));
  }
  return { args: [], capture: lines.join("\n") + "\n" };
}
