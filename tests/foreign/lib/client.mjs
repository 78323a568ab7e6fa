// client.mjs - the official kalshi-typescript package against the simulator. Each of its API classes is made once a user;
// RSA keys sign with the package's own signer. That signer knows RSA only, so for Ed25519 keys ours takes its place behind
// the same generated classes (same face: generateAuthHeaders).
import axios from "axios";
import { Agent } from "node:https";
import Kalshi from "kalshi-typescript";

/** Every method of every API class of the package: "OrdersApi.createOrderV2", with how many arguments it takes. */
export function everyMethod() {
  const out = new Map();
  for (const [name, cls] of Object.entries(Kalshi)) {
    if (typeof cls === "function" && name.endsWith("Api")) {
      for (const method of Object.getOwnPropertyNames(cls.prototype)) {
        if (method !== "constructor") {
          out.set(`${name}.${method}`, cls.prototype[method].length);
        }
      }
    }
  }
  return out;
}

export class Client {
  constructor(exchange, signer, judge) {
    this.driven = new Set();
    this.agent = new Agent({ ca: exchange.ca, keepAlive: true });
    this.apis = {};
    const rsa = signer.kind === "rsa";
    for (const [name, cls] of Object.entries(Kalshi)) {
      if (typeof cls !== "function" || !name.endsWith("Api")) {
        continue;
      }
      const http = axios.create({ httpsAgent: this.agent, validateStatus: () => true, timeout: 240_000 });
      const config = new Kalshi.Configuration({
        basePath: exchange.restUrl,
        ...(rsa ? { apiKey: signer.keyId, privateKeyPem: signer.pem } : {}),
      });
      const api = new cls(config, exchange.restUrl, http);
      if (!rsa) {
        api.auth = signer;
      }
      http.interceptors.response.use((res) => {
        const raw = res.data;
        const text = typeof raw === "string" ? raw : JSON.stringify(raw);
        judge.http(res.config.method.toUpperCase(), new URL(res.config.url).pathname, {
          status: res.status,
          type: String(res.headers["content-type"] ?? ""),
          text,
          body: typeof raw === "string" ? undefined : raw,
        });
        return res;
      });
      this.apis[name] = api;
    }
  }

  /** call("OrdersApi.getOrder", id): the axios response. A method counts as driven when it was answered below 400 once. */
  async call(name, ...args) {
    const [cls, method] = name.split(".");
    const res = await this.apis[cls][method](...args);
    if (res.status < 400) {
      this.driven.add(name);
    }
    return res;
  }

  close() {
    this.agent.destroy();
  }
}
