/** The nodes of one test, over TCP on loopback: they find each other in memory, and all of them are closed at its end. */
import type { AddressText } from "../../src/addr/logical-address.js";
import { parseAnyAddress } from "../../src/addr/logical-address.js";
import { type MemoryDiscovery, memory } from "../../src/discovery/memory.js";
import { type ClusterNode, createNode } from "../../src/node/node.js";
import type { NodeOptions } from "../../src/node/options.js";
import { until } from "./until.js";

export class LoopbackNodes implements AsyncDisposable {
  readonly discovery: MemoryDiscovery = memory();
  readonly #nodes: ClusterNode[] = [];

  /** A node that has not been started. */
  make(address: AddressText, options: Partial<NodeOptions> = {}): ClusterNode {
    const node = createNode({ address, discovery: this.discovery, logger: false, ...options });
    this.#nodes.push(node);
    return node;
  }

  async start(
    address: AddressText,
    options: Partial<NodeOptions> = {},
    prepare: (node: ClusterNode) => void = () => {},
  ): Promise<ClusterNode> {
    const node = this.make(address, options);
    prepare(node);
    await node.start();
    return node;
  }

  /** Says in discovery that `address` is at `endpoint`, whoever that may be. */
  async put(address: AddressText, endpoint: string): Promise<void> {
    this.discovery.put({ address: parseAnyAddress(address), endpoint });
    await this.known(address);
  }

  /** Resolves when all running nodes know `address`. */
  async known(address: AddressText): Promise<void> {
    const running = this.#nodes.filter((node) => node.status().phase === "running");
    await until(() => running.every((node) => node.member(address) !== undefined));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.close({ timeoutMs: 1 })));
  }
}
