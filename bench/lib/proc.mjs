// Child processes and /proc readings. Every role (server, relay, broker, client)
// runs in a process of its own and talks to the runner by lines on stdout:
//   READY {json}   the role accepts work
//   RESULT {json}  a client is done
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

const live = new Set();
process.on("exit", () => {
  for (const c of live)
    try {
      c.kill("SIGKILL");
    } catch {}
});
for (const s of ["SIGINT", "SIGTERM"]) process.on(s, () => process.exit(1));

export class Role {
  constructor(name, cmd, args, { env, onExit } = {}) {
    this.name = name;
    this.tail = "";
    this.child = spawn(cmd, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
    live.add(this.child);
    this.waiters = new Map();
    this.seen = new Map();
    let buf = "";
    this.child.stdout.on("data", (d) => {
      buf += d;
      let i;
      while ((i = buf.indexOf("\n")) >= 0) {
        const line = buf.slice(0, i);
        buf = buf.slice(i + 1);
        const m = /^(READY|RESULT) (.*)$/.exec(line);
        if (m) this.#got(m[1], JSON.parse(m[2]));
        else this.#note(`${line}\n`);
      }
    });
    this.child.stderr.on("data", (d) => this.#note(String(d)));
    this.child.stdin.on("error", () => {});
    this.exited = new Promise((res) =>
      this.child.on("exit", (code, sig) => {
        live.delete(this.child);
        for (const { rej } of this.waiters.values()) rej(new Error(`${name} exited (${code ?? sig}): ${this.tail.slice(-800)}`));
        this.waiters.clear();
        onExit?.();
        res();
      }),
    );
    this.child.on("error", (e) => this.#note(String(e)));
  }
  get pid() {
    return this.child.pid;
  }
  #note(s) {
    this.tail = (this.tail + s).slice(-4000);
  }
  #got(kind, v) {
    this.seen.set(kind, v);
    const w = this.waiters.get(kind);
    if (w) {
      this.waiters.delete(kind);
      w.res(v);
    }
  }
  wait(kind, ms) {
    if (this.seen.has(kind)) return Promise.resolve(this.seen.get(kind));
    if (this.child.exitCode !== null) return Promise.reject(new Error(`${this.name} exited early: ${this.tail.slice(-800)}`));
    return new Promise((res, rej) => {
      const t = setTimeout(() => {
        this.waiters.delete(kind);
        rej(new Error(`${this.name}: no ${kind} in ${ms} ms: ${this.tail.slice(-800)}`));
      }, ms);
      this.waiters.set(kind, {
        res: (v) => {
          clearTimeout(t);
          res(v);
        },
        rej: (e) => {
          clearTimeout(t);
          rej(e);
        },
      });
    });
  }
  async kill() {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill("SIGKILL");
      await this.exited;
    }
  }
}

/** CPU seconds (user + system, all threads) of a process so far. 10 ms steps. */
export function cpuSeconds(pid) {
  try {
    const s = readFileSync(`/proc/${pid}/stat`, "latin1");
    const f = s.slice(s.lastIndexOf(")") + 2).split(" ");
    return (Number(f[11]) + Number(f[12])) / 100;
  } catch {
    return 0;
  }
}

export function rssBytes(pid) {
  const m = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  return m ? Number(m[1]) * 1024 : 0;
}
