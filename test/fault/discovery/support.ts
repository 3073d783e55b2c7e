/** What the runs with real processes share. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ClusterNode } from "../../../src/node/node.js";
import type { Target } from "../../../src/rpc/service.js";
import { textMethod } from "../../support/text-method.js";

export const echo = textMethod("test/echo");

const PROGRAM = fileURLToPath(new URL("processes/node.ts", import.meta.url));

/** A node in a process of its own, once it runs. */
export async function nodeProcess(address: string, endpoint: string): Promise<ChildProcess> {
  const child = fork(PROGRAM, [address, endpoint], { execArgv: ["--import", "tsx"] });
  await Promise.race([once(child, "message"), once(child, "exit").then(([code]) => Promise.reject(new Error(`it exited with ${code}`)))]);
  return child;
}

/** Calls one after the other until it is stopped. */
export class Calls {
  count = 0;
  readonly failures: string[] = [];
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(caller: ClusterNode, to: Target) {
    this.#running = this.#run(caller, to);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(caller: ClusterNode, to: Target): Promise<void> {
    while (!this.#stopped) {
      await caller.invoke(to, echo, { text: "x" }, { timeoutMs: 2_000 }).catch((error: Error) => this.failures.push(error.message));
      this.count++;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
