// rest.mjs - plain HTTPS requests, for what a generated client cannot say: wrong bodies, signatures, routes.
import { Agent, request } from "node:https";

export class RawRest {
  constructor(exchange, signer, judge) {
    this.exchange = exchange;
    this.signer = signer;
    this.judge = judge;
    this.agent = new Agent({ ca: exchange.ca, keepAlive: true });
  }

  get(path) {
    return this.send("GET", path);
  }
  post(path, body) {
    return this.send("POST", path, { body });
  }
  put(path, body) {
    return this.send("PUT", path, { body });
  }
  delete(path, body) {
    return this.send("DELETE", path, { body });
  }

  /**
   * path: below /trade-api/v2 with its query. options: body (object or text), headers (over the signed ones; undefined
   * removes), skewMs, contentType. Gives {status, type, text, body (JSON or undefined)}.
   */
  async send(method, path, options = {}) {
    const url = new URL(this.exchange.restUrl + path);
    let text;
    if (options.body !== undefined) {
      text = typeof options.body === "string" ? options.body : JSON.stringify(options.body);
    }
    const headers = this.signer ? this.signer.generateAuthHeaders(method, url.pathname, options.skewMs) : {};
    if (text !== undefined) {
      headers["Content-Type"] = options.contentType ?? "application/json";
      headers["Content-Length"] = Buffer.byteLength(text);
    }
    for (const [k, v] of Object.entries(options.headers ?? {})) {
      if (v === undefined) {
        delete headers[k];
      } else {
        headers[k] = v;
      }
    }
    const answer = await new Promise((done, failed) => {
      const req = request(url, { method, headers, agent: this.agent, timeout: 240_000 }, (res) => {
        const parts = [];
        res.on("data", (c) => parts.push(c));
        res.on("error", failed);
        res.on("end", () =>
          done({ status: res.statusCode, type: res.headers["content-type"] ?? "", text: Buffer.concat(parts).toString() }),
        );
      });
      req.on("error", failed);
      req.on("timeout", () => req.destroy(new Error("no answer in 240 s")));
      req.end(text);
    });
    answer.body = parse(answer.text);
    this.judge?.http(method, url.pathname, answer);
    return answer;
  }

  close() {
    this.agent.destroy();
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
