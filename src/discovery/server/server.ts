/// <reference lib="esnext.disposable" preserve="true" />
/** The discovery server as a library: a node with a well-known address, and the store behind it. */
import { isWildcardHost, parseEndpoint } from "../../addr/endpoint.js";
import { Keys, Members } from "../../gen/clusterts/discovery.js";
import { type Logger, silentLogger } from "../../internal/logger.js";
import { systemClock, systemRandom } from "../../internal/system-clock.js";
import type { LinkOptions } from "../../link/link-options.js";
import { consoleLogger } from "../../node/console-logger.js";
import { type ClusterNode, createNode } from "../../node/node.js";
import type { RpcOptions } from "../../rpc/rpc-options.js";
import type { TlsOptions } from "../../transport/tls-options.js";
import type { Discovery } from "../discovery.js";
import { KeysService } from "./keys-service.js";
import { MembersService } from "./members-service.js";
import { type ResolvedServerOptions, resolveServerOptions, type StartDiscoveryServerOptions } from "./options.js";
import { StoreHost } from "./store-host.js";

/** All who ask have the same address, none; each has two questions that wait. */
const RPC: RpcOptions = { maxRequests: 262_144, maxRequestsPerPeer: 262_144 };
/** When it comes back, all nodes connect at once. */
const LINK: LinkOptions = { maxOpenings: 8_192 };

export interface DiscoveryServerStatus {
  /** Where it listens. */
  readonly endpoint: string;
  readonly members: number;
  readonly revision: bigint;
  readonly epoch: string;
  /** Connections of nodes and tools. */
  readonly connections: number;
  /** Questions for changes that wait. */
  readonly watching: number;
}

/**
 * Starts a discovery server in this process: nodes use it with `discoveryServer("host:port")`.
 *
 *     await using server = await startDiscoveryServer({ listen: "10.0.1.7:8110", data: "cluster.json", secrets });
 *
 * @throws InvalidOptionsError for options that cannot work; StartError when it cannot listen; Error when the data file cannot be
 *   read or written. Nothing is left running then.
 */
export async function startDiscoveryServer(options: StartDiscoveryServerOptions = {}): Promise<DiscoveryServer> {
  const server = new DiscoveryServer(resolveServerOptions(options));
  await server.start();
  return server;
}

export class DiscoveryServer implements AsyncDisposable {
  readonly #node: ClusterNode;
  readonly #host: StoreHost;
  readonly #members: MembersService;
  readonly #keys: KeysService;
  #closing: Promise<void> | undefined;

  /** @internal Use {@link startDiscoveryServer}. */
  constructor({ address, data, files, leaseMs, listen, node }: ResolvedServerOptions) {
    const { clock = systemClock, random = systemRandom } = node;
    const logger = node.logger === false ? silentLogger : (node.logger ?? consoleLogger);
    this.#host = new StoreHost({
      files,
      path: data,
      clock,
      random,
      logger,
      onOpened: (store) => {
        this.#members.onOpened(store);
        this.#keys.onOpened(store);
      },
      onWritten: (store) => {
        this.#members.onWritten(store);
        this.#keys.onWritten(store);
      },
    });
    this.#members = new MembersService({ host: this.#host, leaseMs, clock, random, logger });
    this.#keys = new KeysService(this.#host, clock);
    this.#node = createNode({
      ...node,
      logger: withoutInfo(logger), // that it is registered with itself is of no interest
      address,
      discovery: alone(),
      listen,
      ...published(listen),
      rpc: { ...RPC, ...node.rpc },
      link: { ...LINK, ...node.link },
    });
    Members.Register(this.#node, this.#members);
    Keys.Register(this.#node, this.#keys);
  }

  /** @internal Use {@link startDiscoveryServer}. */
  async start(): Promise<void> {
    try {
      await this.#host.open();
      await this.#node.start();
    } catch (error) {
      await this.close({ timeoutMs: 0 });
      throw error;
    }
  }

  /** Where it listens, `host:port`: with port 0 the one that it was given. */
  get endpoint(): string {
    return this.#node.status().endpoint ?? "";
  }

  /** @throws RpcError `UNAVAILABLE` while the data file cannot be written. */
  status(): DiscoveryServerStatus {
    const { epoch, memberCount: members, revision } = this.#host.store;
    const { anonymousPeers: connections } = this.#node.status();
    return { endpoint: this.endpoint, members, revision, epoch, connections, watching: this.#members.watching };
  }

  /** Exchanges the secrets, as `ClusterNode.setSecrets()`. */
  setSecrets(secrets: readonly string[]): void {
    this.#node.setSecrets(secrets);
  }

  /** Exchanges certificates and authorities, as `ClusterNode.setTls()`. */
  setTls(tls: TlsOptions): void {
    this.#node.setTls(tls);
  }

  /** Answers what waits, writes what was taken, and ends. Entries stay: nodes have a lease of grace at the next start. */
  close({ timeoutMs = 5_000 }: { timeoutMs?: number | undefined } = {}): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    const written = this.#host.close(); // from here on nothing is taken
    this.#members.close();
    this.#keys.close();
    await written;
    await this.#node.close({ timeoutMs });
  }
}

/** The discovery of the server itself: there is nobody else, and whoever calls knows where it is. */
function alone(): Discovery {
  return {
    async *watch(signal) {
      yield { type: "snapshot", members: [] };
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    },
    register: async () => ({ update: async () => {}, lost: new Promise<Error>(() => {}), async [Symbol.asyncDispose]() {} }),
  };
}

function withoutInfo(logger: Logger): Logger {
  const { debug, error, trace, warn } = logger;
  const bound = (method: Logger["warn"]): Logger["warn"] => method.bind(logger);
  return { trace: bound(trace), debug: bound(debug), info: bound(debug), warn: bound(warn), error: bound(error) };
}

/** Nobody looks it up anywhere, and yet no node may say that it is on all interfaces. */
function published(listen: string): { advertise?: string } {
  return isWildcardHost(parseEndpoint(listen).host) ? { advertise: "discovery.invalid" } : {};
}
