/** Asks discovery and all nodes what they are doing, for as long as somebody looks. */
import { ANONYMOUS, type LogicalAddress } from "../addr/logical-address.js";
import type { Discovery, Member } from "../discovery/discovery.js";
import { Members } from "../discovery/members.js";
import { silentLogger } from "../internal/logger.js";
import { messageOf } from "../internal/message-of.js";
import { systemClock, systemRandom } from "../internal/system-clock.js";
import { type AnonymousCaller, connectAnonymously } from "../node/anonymous-caller.js";
import type { TlsOptions } from "../transport/tls-options.js";
import { askNode } from "./ask-node.js";
import { ClusterBook } from "./cluster-view.js";
import { InspectorServer } from "./inspector-server.js";

export interface InspectorOptions {
  /** Who there is. */
  readonly discovery: Discovery;
  /** As nodes have them. */
  readonly cluster?: string | undefined;
  readonly secrets?: readonly string[] | undefined;
  readonly tls?: TlsOptions | undefined;
  /** Where its page is served, `host:port`. Default `127.0.0.1:8120`. */
  readonly listen?: string | undefined;
  /** Required where others can reach `listen`; see {@link InspectorServer}. */
  readonly token?: string | undefined;
  /** Milliseconds between two looks at each node. Default 1,000. */
  readonly intervalMs?: number | undefined;
}

/** Nodes that are asked at once. */
const ASKED_AT_ONCE = 64;
/** Longest time for one answer. */
const ANSWER_MS = 2_000;

export class Inspector implements AsyncDisposable {
  readonly #options: InspectorOptions;
  readonly #book = new ClusterBook();
  readonly #callers = new Map<LogicalAddress, { readonly caller: AnonymousCaller; readonly endpoint: string }>();
  readonly #members: Members;
  readonly #server: InspectorServer;
  #isWatched = false;
  #isRunning = false;
  #closed = false;
  #wake: (() => void) | undefined;
  #endpoint = "";

  /** Opens nothing; see {@link start}. @throws {@link InvalidOptionsError} */
  constructor(options: InspectorOptions) {
    this.#options = options;
    this.#members = new Members({
      self: ANONYMOUS,
      discovery: options.discovery,
      clock: systemClock,
      random: systemRandom,
      report: () => {}, // what stands is shown on the page
    });
    this.#members.onChange(({ added, updated, removed }) => {
      const now = performance.now();
      for (const member of [...added, ...updated]) this.#book.put(member, now);
      for (const { address } of removed) {
        this.#book.remove(address, now);
        this.#forget(address);
      }
    });
    this.#server = new InspectorServer({
      listen: options.listen ?? "127.0.0.1:8120",
      token: options.token,
      intervalMs: options.intervalMs,
      view: () => this.#book.view(performance.now(), this.#members.problem),
      onWatched: (isWatched) => this.#onWatched(isWatched),
    });
  }

  /** Where its page is, `host:port`. */
  get endpoint(): string {
    return this.#endpoint;
  }

  async start(): Promise<this> {
    this.#endpoint = await this.#server.listen();
    this.#members.start();
    return this;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    for (const address of [...this.#callers.keys()]) this.#forget(address);
    await Promise.all([this.#server.close(), this.#members.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #onWatched(isWatched: boolean): void {
    this.#isWatched = isWatched;
    if (isWatched && !this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#isWatched && !this.#closed) {
      const began = performance.now();
      const queue = [...this.#members.list()];
      const worker = async (): Promise<void> => {
        for (let member = queue.pop(); member !== undefined && !this.#closed; member = queue.pop()) await this.#ask(member);
      };
      await Promise.all(Array.from({ length: Math.min(ASKED_AT_ONCE, queue.length) }, worker));
      this.#book.sweep(performance.now());
      await this.#pause((this.#options.intervalMs ?? 1_000) - (performance.now() - began));
    }
    this.#isRunning = false;
  }

  async #ask(member: Member): Promise<void> {
    const { address } = member;
    try {
      this.#book.answered(address, await askNode(this.#callerOf(member), ANSWER_MS), performance.now());
    } catch (error) {
      this.#book.failed(address, messageOf(error), performance.now());
    }
  }

  #callerOf({ address, endpoint }: Member): AnonymousCaller {
    const known = this.#callers.get(address);
    if (known?.endpoint === endpoint) return known.caller;
    known?.caller.destroy("its endpoint has changed");
    const { cluster, secrets, tls } = this.#options;
    const caller = connectAnonymously({
      to: address,
      endpoint,
      cluster,
      secrets,
      tls,
      logger: silentLogger, // what goes wrong is shown on the page
      link: { reachTimeoutMs: ANSWER_MS },
    });
    this.#callers.set(address, { caller, endpoint });
    return caller;
  }

  #forget(address: LogicalAddress): void {
    this.#callers.get(address)?.caller.destroy("discovery no longer lists it");
    this.#callers.delete(address);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(50, ms));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
