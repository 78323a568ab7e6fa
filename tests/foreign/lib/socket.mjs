// socket.mjs - an independent WebSocket client (npm ws) that judges whatever it is sent: each frame by asyncapi.yaml, seq by
// the rules of section 5.5, books by never being crossed. Complaints are kept and must be empty at the end.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import WebSocket from "ws";

const WITHOUT_SEQ = new Set(["ticker", "fill", "market_position", "user_order"]);
const REPLIES = new Set(["subscribed", "unsubscribed", "ok", "error"]);

export class Socket {
  /** options: deflate (offer compression), yes (no-side prices arrive on the YES scale), headers, skewMs. */
  static async open(exchange, signer, judge, options = {}) {
    const s = new Socket();
    s.judge = judge;
    s.yes = options.yes ?? false;
    s.frames = [];
    s.waiters = [];
    s.complaints = [];
    s.pings = [];
    s.seqs = new Map(); // sid -> last seq
    s.books = new Map(); // "sid ticker" -> {yes, no} of price -> count
    s.nextId = 1;
    const path = new URL(exchange.wsUrl).pathname;
    s.ws = new WebSocket(exchange.wsUrl, {
      ca: exchange.ca,
      perMessageDeflate: options.deflate ?? false,
      headers: { ...(signer ? signer.generateAuthHeaders("GET", path, options.skewMs) : {}), ...options.headers },
    });
    s.ws.on("message", (data, binary) => s.take(data.toString(), binary));
    s.ws.on("ping", (data) => s.pings.push(data.toString()));
    s.ws.on("close", (code) => {
      s.closed = code;
      s.waiters.forEach((w) => w());
    });
    const refused = new Promise((_, failed) => {
      s.ws.once("unexpected-response", (_req, res) => {
        const parts = [];
        res.on("data", (c) => parts.push(c));
        res.on("end", () => failed(Object.assign(new Error(`upgrade refused: ${res.statusCode}`), { status: res.statusCode, text: Buffer.concat(parts).toString() })));
      });
      s.ws.once("error", failed);
    });
    await Promise.race([once(s.ws, "open"), refused]);
    refused.catch(() => {});
    return s;
  }

  complain(what, text) {
    this.complaints.push(`${what}: ${text.slice(0, 300)}`);
  }

  take(text, binary) {
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      this.complain("not JSON", text);
      return;
    }
    if (binary || !text.endsWith("}\n") || text.indexOf("\n") !== text.length - 1) {
      this.complain("not one line of text", text);
    }
    this.judge.frame(frame);
    this.checkSeq(frame, text);
    this.checkBook(frame, text);
    this.frames.push(frame);
    this.waiters.splice(0).forEach((w) => w());
  }

  checkSeq(frame, text) {
    if (frame.sid === undefined || frame.type === "subscribed") {
      return;
    }
    if (WITHOUT_SEQ.has(frame.type)) {
      if (frame.seq !== undefined) {
        this.complain("a seq where none is", text);
      }
      return;
    }
    if (frame.type === "error" && frame.seq === undefined) {
      return;
    }
    const next = (this.seqs.get(frame.sid) ?? 0) + 1;
    if (frame.seq !== next) {
      this.complain(`seq is not ${next}`, text);
    }
    this.seqs.set(frame.sid, frame.seq);
  }

  book(sid, ticker) {
    return this.books.get(`${sid} ${ticker}`);
  }

  checkBook(frame, text) {
    const m = frame.msg;
    if (frame.type === "orderbook_snapshot") {
      const levels = (list) => new Map((list ?? []).map(([p, c]) => [p, hundredths(c)]));
      for (const side of ["yes_dollars_fp", "no_dollars_fp"]) {
        const prices = (m[side] ?? []).map(([p]) => ten4(p));
        const rising = prices.every((p, i) => i === 0 || p > prices[i - 1]);
        const falling = prices.every((p, i) => i === 0 || p < prices[i - 1]);
        if (m[side]?.length === 0 || !(rising || (this.yes && side === "no_dollars_fp" && falling))) {
          this.complain("levels do not rise", text);
        }
      }
      this.books.set(`${frame.sid} ${m.market_ticker}`, { yes: levels(m.yes_dollars_fp), no: levels(m.no_dollars_fp) });
    } else if (frame.type === "orderbook_delta") {
      const book = this.book(frame.sid, m.market_ticker);
      if (!book) {
        this.complain("a delta before the snapshot", text);
        return;
      }
      const side = book[m.side];
      const count = (side.get(m.price_dollars) ?? 0) + hundredths(m.delta_fp);
      if (count < 0) {
        this.complain("a level below zero", text);
      }
      if (count === 0) {
        side.delete(m.price_dollars);
      } else {
        side.set(m.price_dollars, count);
      }
      const best = (levels) => Math.max(...[...levels.keys()].map(ten4), 0);
      const no = this.yes ? Math.max(0, ...[...book.no.keys()].map((p) => 10000 - ten4(p))) : best(book.no);
      if (best(book.yes) + no >= 10000) {
        this.complain("the book is crossed", text);
      }
    }
  }

  send(object) {
    this.ws.send(typeof object === "string" ? object : JSON.stringify(object));
  }

  /** The first frame from index `from` on that fits; waits for it. */
  async wait(fits, what, from = 0, ms = 240_000) {
    const until = Date.now() + ms;
    for (let i = from; ; ) {
      for (; i < this.frames.length; i++) {
        if (fits(this.frames[i])) {
          return this.frames[i];
        }
      }
      const left = until - Date.now();
      if (left <= 0 || this.closed) {
        const last = this.frames.slice(-5).map((f) => JSON.stringify(f).slice(0, 200));
        throw new Error(`${what ?? fits} did not come (${this.closed ? "closed" : `${ms} ms`}); the last frames:\n${last.join("\n")}`);
      }
      await Promise.race([new Promise((go) => this.waiters.push(go)), sleep(left, null, { ref: false })]);
    }
  }

  /** Sends a command and gives the first n replies to it. */
  async command(cmd, params, n = 1) {
    const id = this.nextId++;
    this.send(params === undefined ? { id, cmd } : { id, cmd, params });
    const replies = () => this.frames.filter((f) => f.id === id && REPLIES.has(f.type));
    await this.wait(() => replies().length >= n, `${n} replies to ${cmd} ${JSON.stringify(params)}`);
    return n === 1 ? replies()[0] : replies().slice(0, n);
  }

  /** The sid of a channel after a subscribe. */
  async subscribe(channel, params = {}) {
    const reply = await this.command("subscribe", { channels: [channel], ...params });
    if (reply.type !== "subscribed") {
      throw new Error(`not subscribed: ${JSON.stringify(reply)}`);
    }
    return reply.msg.sid;
  }

  /** Waits until at least n pings have come. */
  async pinged(n, ms = 240_000) {
    for (const from = Date.now(); this.pings.length < n && Date.now() - from < ms; await sleep(50));
    return this.pings.length;
  }

  mark() {
    return this.frames.length;
  }

  /** A round trip: whatever the exchange sent before this is here after it. */
  async settled() {
    await this.command("list_subscriptions");
  }

  async close() {
    if (this.closed === undefined) {
      this.ws.close();
      await Promise.race([once(this.ws, "close"), sleep(5000, null, { ref: false })]);
    }
  }
}

// "0.4700" in 1/10,000 dollar, "-3.00" in 1/100 contract.
function ten4(text) {
  return Math.round(Number(text) * 10000);
}

function hundredths(text) {
  return Math.round(Number(text) * 100);
}
