/** CPU time that the processes of a run use between two moments. */
import { cpuSeconds } from "../lib/proc.mjs";

export class CpuMeter {
  #pids;
  #client = process.cpuUsage();
  #others;

  /** Starts counting. `pids`: the server first, then relays and broker; this process is the client. */
  constructor(pids) {
    this.#pids = pids;
    this.#others = pids.map(cpuSeconds);
  }

  #used() {
    const { user, system } = process.cpuUsage(this.#client);
    const client = (user + system) / 1e6;
    const others = this.#pids.map((pid, i) => cpuSeconds(pid) - this.#others[i]);
    return { client, server: others[0] ?? 0, total: others.reduce((sum, seconds) => sum + seconds, client) };
  }

  /** CPU seconds per 100,000 of `count` calls, messages or streams. */
  per100k(count) {
    const { client, server, total } = this.#used();
    const scale = 1e5 / count;
    return { cpu100k: total * scale, cpuClient100k: client * scale, cpuServer100k: server * scale };
  }

  /** CPU seconds per 10^9 bytes of payload. */
  perGB(bytes) {
    return { cpuPerGB: (this.#used().total / bytes) * 1e9 };
  }
}
