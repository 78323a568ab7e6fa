// exchange.mjs - `deltaflow sim` as a child process: started with options, known by its state folder, stopped with a check
// of its exit status (a sanitizer's report makes it fail).
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { RawRest } from "./rest.mjs";
import { Signer } from "./sign.mjs";

// For what must happen at last: only a failure takes so long.
const START_MS = 240_000;
const STOP_MS = 240_000;

// A test that failed before it could stop its exchange leaves none behind, and does not keep node from ending.
const alive = new Set();
process.on("exit", () => alive.forEach((child) => child.kill("SIGKILL")));

export class Exchange {
  /** options: array of command line arguments; scenario: object written to a file; users: how many. */
  static async start({ args = [], more = [], scenario = null, users = 2 } = {}) {
    const x = new Exchange();
    x.folder = mkdtempSync(join(tmpdir(), "deltaflow-foreign-"));
    const file = (name) => join(x.folder, name);
    x.dumpFile = file("dump.json");
    const all = ["sim", "--state-dir", file("sim"), "--ready-file", file("ready.json"), "--dump", x.dumpFile];
    all.push("--users", String(users), "--log-level", "info", ...args, ...more);
    if (scenario) {
      writeFileSync(file("scenario.json"), JSON.stringify(scenario));
      all.push("--scenario", file("scenario.json"));
    }
    x.log = "";
    x.process = spawn(process.env.DELTAFLOW_BINARY, all, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, HOME: x.folder, XDG_CONFIG_HOME: file("config"), XDG_STATE_HOME: file("state") },
    });
    for (const stream of [x.process.stdout, x.process.stderr]) {
      stream.on("data", (chunk) => (x.log = (x.log + chunk).slice(-100_000)));
    }
    alive.add(x.process);
    x.ended = new Promise((done) => x.process.on("close", (code, signal) => done(signal ?? code)));
    x.ended.then(() => alive.delete(x.process));
    [x.process, x.process.stdout, x.process.stderr].forEach((h) => h.unref());
    let over = false;
    x.ended.then(() => (over = true));
    for (const from = Date.now(); !existsSync(file("ready.json")); await sleep(20)) {
      if (over || Date.now() - from > START_MS) {
        x.process.kill("SIGKILL");
        throw new Error(`deltaflow sim did not start: ${all.join(" ")}\n${x.log}`);
      }
    }
    const ready = JSON.parse(readFileSync(file("ready.json"), "utf8"));
    x.restUrl = ready.rest_url;
    x.wsUrl = ready.ws_url;
    x.markets = ready.markets;
    x.ca = readFileSync(ready.ca_file);
    x.users = [];
    for (let i = 1; i <= users; i++) {
      const id = readFileSync(file(`sim/user${i}.id`), "utf8").trim();
      x.users.push(new Signer(id, readFileSync(file(`sim/user${i}.key`), "utf8")));
    }
    if (scenario) {
      await x.listed(scenario);
    }
    return x;
  }

  // Markets that a scenario lists at its start are there just after the ready file.
  async listed(scenario) {
    this.markets = scenario.actions.filter((s) => s.do === "create_market" && s.at === "0s").map((s) => s.market);
    const rest = this.rest(null);
    for (const from = Date.now(); this.markets.length > 0; await sleep(20)) {
      if ((await rest.get(`/markets/${this.markets.at(-1)}`)).status === 200) {
        break;
      }
      if (Date.now() - from > START_MS) {
        throw new Error(`the scenario's markets did not come\n${this.log}`);
      }
    }
    rest.close();
  }

  rest(user, judge) {
    return new RawRest(this, user === null ? null : this.users[user], judge);
  }

  /** `deltaflow sim COMMAND...` on this exchange, such as fault or do; gives what it printed. */
  async command(...words) {
    const args = ["sim", ...words, "--state-dir", join(this.folder, "sim")];
    const { stdout } = await promisify(execFile)(process.env.DELTAFLOW_BINARY, args);
    return stdout;
  }

  /** An action now, over the admin socket: a command does the same, after the start of a process. Gives the reply; throws when it is refused. */
  async act(action) {
    const token = readFileSync(join(this.folder, "sim/admin.token"), "utf8").trim();
    const text = await new Promise((done, failed) => {
      let data = "";
      const socket = connect(join(this.folder, "sim/admin.sock"), () => socket.write(`${JSON.stringify({ token, ...action })}\n`));
      socket.on("data", (chunk) => {
        data += chunk;
        if (data.endsWith("\n")) {
          socket.destroy();
          done(data);
        }
      });
      socket.on("error", failed);
    });
    const reply = JSON.parse(text);
    if (!reply.ok) {
      throw new Error(`${JSON.stringify(action)}: ${text}`);
    }
    return reply;
  }

  /** Ends it; throws when it did not end well. Returns its final state. */
  async stop() {
    [this.process, this.process.stdout, this.process.stderr].forEach((h) => h.ref());
    this.process.kill("SIGTERM");
    const code = await Promise.race([this.ended, sleep(STOP_MS, "timeout", { ref: false })]);
    if (code !== 0) {
      this.process.kill("SIGKILL");
      throw new Error(`deltaflow sim ended with ${code}\n${this.log.slice(-8000)}`);
    }
    const dump = JSON.parse(readFileSync(this.dumpFile, "utf8"));
    rmSync(this.folder, { recursive: true, force: true });
    return dump;
  }
}
