/** The nodes of one test in one process: over a memory network, in virtual time, found in memory. */
import type { AddressText } from "../../src/addr/logical-address.js";
import { memory } from "../../src/discovery/memory.js";
import { type ClusterNode, createNode } from "../../src/node/node.js";
import type { NodeOptions } from "../../src/node/options.js";
import { MemoryNetwork } from "../../src/transport/memory.js";
import { FakeClock } from "./fake-clock.js";
import { SeededRandom } from "./seeded-random.js";

export class MemoryNodes implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly #random = new SeededRandom(1);
  readonly #network = new MemoryNetwork({ clock: this.clock, random: this.#random });
  readonly #discovery = memory();
  readonly #nodes: ClusterNode[] = [];

  /** A running node; `prepare` registers its handlers. */
  async start(
    address: AddressText,
    prepare: (node: ClusterNode) => void = () => {},
    options: Partial<NodeOptions> = {},
  ): Promise<ClusterNode> {
    const node = createNode({
      address,
      discovery: this.#discovery,
      transport: this.#network.transport(`host-${address.replaceAll(".", "-")}`),
      listen: `host-${address.replaceAll(".", "-")}:8000`,
      insecure: true,
      logger: false,
      clock: this.clock,
      random: this.#random,
      ...options,
    });
    this.#nodes.push(node);
    prepare(node);
    const started = node.start();
    await this.clock.advance(100);
    return await started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = Promise.all(this.#nodes.map((node) => node.close({ timeoutMs: 1 })));
    await this.clock.advance(5_000);
    await closed;
  }
}
