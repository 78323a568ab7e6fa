// judge.mjs - collects what the specifications do not say, and holds it against the written list of known deviations.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { AsyncApi } from "./asyncapi.mjs";
import { OpenApi } from "./openapi.mjs";
import { shared } from "./shared.mjs";

const here = new URL("..", import.meta.url).pathname;

function pattern(glob) {
  return new RegExp(`^${glob.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`);
}

export class Judge {
  /** test: the name under which deviations.json says where a deviation must be seen. */
  constructor(test) {
    const reference = (name) => shared(join("reference", name));
    this.test = test;
    this.openapi = new OpenApi(reference("openapi.yaml"), reference("openapi-3.32-overlay.yaml"));
    this.asyncapi = new AsyncApi(reference("asyncapi.yaml"), reference("asyncapi-2026-10-overlay.yaml"));
    this.deviations = JSON.parse(readFileSync(join(here, "deviations.json"), "utf8")).deviations.map((d) => ({
      ...d,
      match: d.match.map(pattern),
      seen: 0,
    }));
    // Routes of products that the simulator does not have: section 7.2, unknown routes give 404 with plain text.
    for (const [name, { status = 404 }] of Object.entries(JSON.parse(readFileSync(join(here, "not_served.json"), "utf8")))) {
      const op = name.split(".")[1];
      const id = op[0].toUpperCase() + op.slice(1);
      const match = [pattern(`http ${id} ${status} / error of the shape *`), pattern(`http ${id} ${status} / status is not in the specification`)];
      this.deviations.push({ id: `not-served ${name}`, match, seen: 0, seen_in: [] });
    }
    this.unknown = new Map();
    this.operations = new Map(); // operation -> set of statuses seen
    this.types = new Map(); // frame type -> number seen
    this.answers = 0;
    this.frames = 0;
  }

  http(method, path, answer) {
    this.answers++;
    const op = this.openapi.operation(method, path);
    if (op) {
      const statuses = this.operations.get(op.id) ?? new Set();
      this.operations.set(op.id, statuses.add(answer.status));
    }
    this.weigh("http", this.openapi.judge(method, path, answer), `${method} ${path}: ${answer.text.slice(0, 300)}`);
  }

  frame(frame) {
    this.frames++;
    this.types.set(frame.type, (this.types.get(frame.type) ?? 0) + 1);
    this.weigh("frame", this.asyncapi.judge(frame), JSON.stringify(frame).slice(0, 300));
  }

  weigh(kind, texts, evidence) {
    for (const text of texts) {
      const line = `${kind} ${text}`;
      const known = this.deviations.filter((d) => d.match.some((m) => m.test(line)));
      known.forEach((d) => d.seen++);
      if (known.length === 0 && !this.unknown.has(line)) {
        this.unknown.set(line, evidence);
      }
    }
  }

  /** What is wrong: deviations that no line of the list covers, and lines whose deviation no longer occurs. */
  verdict() {
    const wrong = [...this.unknown].map(([line, evidence]) => `not in the list: ${line}\n    ${evidence}`);
    for (const d of this.deviations) {
      if (d.seen === 0 && d.seen_in.includes(this.test)) {
        wrong.push(`no longer occurs in ${this.test}: ${d.id}`);
      }
    }
    return wrong;
  }

  summary() {
    const seen = this.deviations.filter((d) => d.seen > 0).length;
    return `${this.answers} answers of ${this.operations.size} operations and ${this.frames} frames of ${this.types.size} types judged; ${seen} known deviations seen`;
  }
}
