/**
 * A child process in one role (server, relay, broker, client). It talks to the runner by lines on its stdout:
 * `READY {json}` when it accepts work, `RESULT {json}` when a client is done. It ends when its stdin ends.
 */
import { spawn } from "node:child_process";

const LINE = /^(READY|RESULT) (.*)$/;
const TAIL_CHARS = 4000;

const live = new Set();
process.on("exit", () => {
  for (const child of live) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

export class Role {
  #unread = "";
  #tail = ""; // the last of what it printed besides, for error messages
  #seen = new Map();
  #waiting = new Map();

  constructor(name, command, args) {
    this.name = name;
    this.child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, NODE_ENV: "production" } });
    live.add(this.child);
    this.child.stdout.setEncoding("utf8").on("data", (text) => this.#read(text));
    this.child.stderr.setEncoding("utf8").on("data", (text) => this.#note(text));
    this.child.stdin.on("error", (error) => this.#note(`stdin: ${error.message}\n`)); // it ended before we did
    this.exited = new Promise((resolve) => {
      const ended = (how) => {
        live.delete(this.child);
        for (const { reject } of this.#waiting.values()) reject(this.#failure(how));
        this.#waiting.clear();
        resolve();
      };
      this.child.on("exit", (code, signal) => ended(`exited (${code ?? signal})`));
      this.child.on("error", (error) => ended(`did not start (${error.message})`));
    });
  }

  get pid() {
    return this.child.pid;
  }

  /** Resolves with the JSON after `kind`. @throws when the process ends first, or after `timeoutMs`. */
  wait(kind, timeoutMs) {
    if (this.#seen.has(kind)) return Promise.resolve(this.#seen.get(kind));
    if (!live.has(this.child)) return Promise.reject(this.#failure("exited early"));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(kind);
        reject(this.#failure(`no ${kind} in ${timeoutMs} ms`));
      }, timeoutMs);
      const settle = (how) => (value) => {
        clearTimeout(timer);
        how(value);
      };
      this.#waiting.set(kind, { resolve: settle(resolve), reject: settle(reject) });
    });
  }

  /** Lets it end by itself, so that it writes its profile; kills it after `timeoutMs`. */
  async end(timeoutMs) {
    this.child.stdin.end();
    const timer = setTimeout(() => this.child.kill("SIGKILL"), timeoutMs);
    await this.exited;
    clearTimeout(timer);
  }

  async kill() {
    if (live.has(this.child)) this.child.kill("SIGKILL");
    await this.exited;
  }

  #read(text) {
    this.#unread += text;
    for (let end = this.#unread.indexOf("\n"); end >= 0; end = this.#unread.indexOf("\n")) {
      const line = this.#unread.slice(0, end);
      this.#unread = this.#unread.slice(end + 1);
      const match = LINE.exec(line);
      if (match === null) this.#note(`${line}\n`);
      else this.#got(match[1], JSON.parse(match[2]));
    }
  }

  #got(kind, value) {
    this.#seen.set(kind, value);
    this.#waiting.get(kind)?.resolve(value);
    this.#waiting.delete(kind);
  }

  #note(text) {
    this.#tail = (this.#tail + text).slice(-TAIL_CHARS);
  }

  /** Names the error that it printed, and then the last of what it printed. */
  #failure(what) {
    const cause = /^.*Error\b.*$/m.exec(this.#tail)?.[0].trim();
    const head = `${this.name}: ${what}${cause === undefined ? "" : `: ${cause}`}`;
    return new Error(this.#tail === "" ? head : `${head}\n${this.#tail.slice(-800).trim()}`);
  }
}
