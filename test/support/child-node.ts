/** A node in a process of its own; see processes/callee.ts. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { until } from "./until.js";

const PROGRAM = fileURLToPath(new URL("processes/callee.ts", import.meta.url));

export class ChildNode implements AsyncDisposable {
  readonly #child: ChildProcess;
  /** Calls that its handler has taken. */
  taken = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", (message) => {
      if (message === "taken") this.taken++;
    });
  }

  /** Resolves when it is up. */
  static async start(nodeFile: string, address: string): Promise<ChildNode> {
    const child = fork(PROGRAM, [nodeFile, address], { execArgv: ["--import", "tsx"] });
    const [message] = await Promise.race([once(child, "message"), once(child, "exit").then(([code]) => [`it exited with ${code}`])]);
    if (message !== "up") throw new Error(`the child did not start: ${message}`);
    return new ChildNode(child);
  }

  async took(count: number): Promise<void> {
    await until(() => this.taken === count);
  }

  /** Not killed, but it does nothing any more, as a process on a machine that hangs. */
  stop(): void {
    this.#child.kill("SIGSTOP");
  }

  /** As `kill -9`: the process says nothing any more to anybody. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
