// recorded.mjs - the captured REST exchanges, and how an answer differs from a captured one in shape.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { shared } from "./shared.mjs";

/** Lines of a recording below data/kalshi/rest, as {name, method, path, body (object or undefined), auth, status, answer}. */
export function recorded(file) {
  const path = shared(join("data/kalshi/rest", file));
  const text = file.endsWith(".zst") ? execFileSync("zstd", ["-dc", path], { maxBuffer: 1 << 28 }).toString() : readFileSync(path, "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line, i) => {
      const d = JSON.parse(line);
      const request = d.request ?? { method: d.method, uri: d.url };
      const url = new URL(request.path ?? request.uri, "https://exchange.invalid");
      const body = typeof request.body === "string" ? JSON.parse(request.body) : (request.body ?? undefined);
      return {
        file,
        name: `${d.name ?? url.pathname.split("/").slice(3).join("/")} ${i + 1}`,
        method: request.method,
        path: url.pathname.replace("/trade-api/v2", "") + url.search,
        body,
        auth: request.auth,
        note: d.note,
        status: d.status ?? 200,
        answer: d.response_body?.response ?? JSON.parse(d.response_text ?? d.response_body),
      };
    });
}

function kind(v) {
  return v === null ? "null" : Array.isArray(v) ? "array" : typeof v;
}

// Every path of keys with the kinds of value that are found there.
function paths(value, at = "", out = new Map()) {
  out.set(at, (out.get(at) ?? new Set()).add(kind(value)));
  if (Array.isArray(value)) {
    value.forEach((v) => paths(v, `${at}/*`, out));
  } else if (value !== null && typeof value === "object") {
    Object.entries(value).forEach(([k, v]) => paths(v, `${at}/${k}`, out));
  }
  return out;
}

/** Texts "gone PATH", "new PATH" and "kind PATH recorded/ours". Below a path that is gone or new nothing more is said. */
export function shapeDifferences(captured, ours) {
  const a = paths(captured);
  const b = paths(ours);
  const found = [];
  const parent = (path) => path.slice(0, path.lastIndexOf("/"));
  const empty = (map, path) => path.endsWith("/*") && !map.has(path); // a list without items has no shape
  for (const [path, kinds] of a) {
    if (!b.has(path)) {
      if (b.has(parent(path)) && !empty(b, path)) {
        found.push(`gone ${path}`);
      }
    } else {
      const other = b.get(path);
      if (![...kinds].some((k) => other.has(k))) {
        found.push(`kind ${path} ${[...kinds].join("|")}/${[...other].join("|")}`);
      }
    }
  }
  for (const path of b.keys()) {
    if (!a.has(path) && a.has(parent(path)) && !empty(a, path)) {
      found.push(`new ${path}`);
    }
  }
  return found;
}

/** The code of an error of any of the four shapes. */
export function errorCode(body) {
  return body?.error?.code ?? body?.code ?? (typeof body?.error === "string" ? body.error : body?.msg);
}
