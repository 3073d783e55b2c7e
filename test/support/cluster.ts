/** Whole nodes in one process, over the in-memory network, on a clock that stands still until a test moves it. */
import assert from "node:assert/strict";
import { type MemoryDiscovery, memory } from "../../src/discovery/memory.js";
import { RpcError } from "../../src/errors.js";
import type { Logger } from "../../src/internal/logger.js";
import { type ClusterNode, createNode } from "../../src/node/node.js";
import type { NodeOptions } from "../../src/node/options.js";
import { type DirectionConditions, MemoryNetwork } from "../../src/transport/memory.js";
import { FakeClock } from "./fake-clock.js";
import { SeededRandom } from "./seeded-random.js";

export const PORT = 8000;

export interface ClusterOptions {
  seed?: number | undefined;
  conditions?: Partial<DirectionConditions> | undefined;
  /** For every node, unless it says otherwise itself. */
  node?: Partial<NodeOptions> | undefined;
}

export interface LogLine {
  readonly level: keyof Logger;
  readonly text: string;
}

/** Each node has a host of its own, named after its address: `1.2.3` is on `h1-2-3`. */
export class Cluster {
  readonly clock = new FakeClock();
  readonly random: SeededRandom;
  readonly network: MemoryNetwork;
  readonly discovery: MemoryDiscovery = memory();
  readonly nodes: ClusterNode[] = [];
  readonly log: LogLine[] = [];
  readonly #defaults: Partial<NodeOptions>;

  constructor({ seed = 1, conditions, node = {} }: ClusterOptions = {}) {
    this.random = new SeededRandom(seed);
    this.network = new MemoryNetwork({ clock: this.clock, random: this.random, conditions });
    this.#defaults = node;
  }

  /** A node that is not started. */
  make(address: string, options: Partial<NodeOptions> = {}): ClusterNode {
    const host = hostOf(address);
    const node = createNode({
      address: address as `${number}.${number}.${number}`,
      discovery: this.discovery,
      listen: `${host}:${PORT}`,
      insecure: true,
      logger: this.#logger(),
      clock: this.clock,
      random: this.random,
      transport: this.network.transport(host),
      ...this.#defaults,
      ...options,
    });
    this.nodes.push(node);
    return node;
  }

  /** A node that runs, and knows of those that were started before. */
  async start(address: string, options: Partial<NodeOptions> = {}, prepare?: (node: ClusterNode) => void): Promise<ClusterNode> {
    const node = this.make(address, options);
    prepare?.(node);
    await this.run(node.start());
    await this.clock.settle();
    return node;
  }

  /** Lets time pass, from timer to timer, until `promise` settles, and gives or throws what it settles with. */
  async run<T>(promise: Promise<T>, maxMs = 120_000): Promise<T> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    promise.then(done, done);
    const end = this.clock.now() + maxMs;
    await this.clock.settle();
    while (!settled) {
      const next = this.clock.nextTimerMs;
      if (next === undefined || this.clock.now() + next > end) throw new Error(`not settled within ${maxMs} ms of virtual time`);
      await this.clock.advance(Math.max(0, next));
    }
    return await promise;
  }

  /** As {@link run}, for what must fail. */
  async fails(promise: Promise<unknown>, maxMs?: number): Promise<RpcError> {
    return await this.run(failureOf(promise), maxMs);
  }

  /** Closes all nodes, and checks that nothing of them is left. */
  async close(): Promise<void> {
    await this.run(Promise.all(this.nodes.map((node) => node.close({ timeoutMs: 100 }))));
    await this.clock.advance(20);
    this.assertNothingLeft();
  }

  assertNothingLeft(): void {
    assert.equal(this.network.connectionCount, 0, "connections are left");
    assert.equal(this.clock.pendingTimers, 0, "timers are left");
  }

  #logger(): Logger {
    const at =
      (level: keyof Logger) =>
      (_fields: object, text?: string): void =>
        void this.log.push({ level, text: text ?? "" });
    return { trace: at("trace"), debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }
}

/** What `promise` fails with. Moves no clock, so that several may be waited for at once. */
export async function failureOf(promise: Promise<unknown>): Promise<RpcError> {
  const error = await promise.then(
    () => assert.fail("it succeeded, and should have failed"),
    (thrown: unknown) => thrown,
  );
  assert.ok(RpcError.is(error), `not an RpcError: ${String(error)}`);
  return error;
}

export function hostOf(address: string): string {
  return `h${address.replaceAll(".", "-")}`;
}
