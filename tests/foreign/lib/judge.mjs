// judge.mjs - collects what the specifications do not say, and holds it against the written list of known deviations.
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { AsyncApi } from "./asyncapi.mjs";
import { OpenApi } from "./openapi.mjs";
import { shared } from "./shared.mjs";

const here = new URL("..", import.meta.url).pathname;

function pattern(glob) {
  return new RegExp(`^${glob.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`);
}

export class Judge {
  /**
   * test: the name under which deviations.json says where a deviation must be seen. With DELTAFLOW_JUDGE_SEEN each
   * known deviation that is seen is appended to that file.
   */
  constructor(test) {
    const reference = (name) => shared(join("reference", name));
    this.test = test;
    this.openapi = new OpenApi(reference("openapi.yaml"), reference("openapi-3.32-overlay.yaml"));
    this.asyncapi = new AsyncApi(reference("asyncapi.yaml"), reference("asyncapi-2026-10-overlay.yaml"));
    // Each pattern of the list says which tests must show it.
    this.patterns = [];
    const list = JSON.parse(readFileSync(join(here, "deviations.json"), "utf8")).deviations;
    for (const { id, match } of list) {
      for (const [glob, tests] of Object.entries(match)) {
        this.patterns.push({ id, glob, match: pattern(glob), tests, seen: 0 });
      }
    }
    // Routes of products that the simulator does not have: section 7.2, unknown routes give 404 with plain text.
    for (const [name, { status = 404 }] of Object.entries(JSON.parse(readFileSync(join(here, "not_served.json"), "utf8")))) {
      const op = name.split(".")[1];
      for (const what of ["error of the shape *", "status is not in the specification"]) {
        const glob = `http ${op[0].toUpperCase()}${op.slice(1)} ${status} / ${what}`;
        this.patterns.push({ id: `not served: ${name}`, glob, match: pattern(glob), tests: [], seen: 0 });
      }
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
      const known = this.patterns.filter((p) => p.match.test(line));
      known.forEach((p) => p.seen++);
      if (process.env.DELTAFLOW_JUDGE_SEEN) {
        known.forEach((p) => appendFileSync(process.env.DELTAFLOW_JUDGE_SEEN, `${this.test}\t${p.id}\t${line}\n`));
      }
      if (known.length === 0 && !this.unknown.has(line)) {
        this.unknown.set(line, evidence);
      }
    }
  }

  /** What is wrong: deviations that no line of the list covers, and lines whose deviation no longer occurs. */
  verdict() {
    const wrong = [...this.unknown].map(([line, evidence]) => `not in the list: ${line}\n    ${evidence}`);
    for (const p of this.patterns) {
      if (p.seen === 0 && p.tests.includes(this.test)) {
        wrong.push(`no longer occurs in ${this.test}: ${p.id}: ${p.glob}`);
      }
    }
    return wrong;
  }

  summary() {
    const seen = new Set(this.patterns.filter((p) => p.seen > 0).map((p) => p.id)).size;
    return `${this.answers} answers of ${this.operations.size} operations and ${this.frames} frames of ${this.types.size} types judged; ${seen} known deviations seen`;
  }
}
