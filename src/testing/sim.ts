/** The cluster of one run, and what a scenario may do to it. */
import { AsyncLocalStorage } from "node:async_hooks";
import { type AddressText, addressGroup, formatAddress, isHarbor, parseAnyAddress } from "../addr/logical-address.js";
import { Deferred } from "../internal/deferred.js";
import type { Logger, LogLevel } from "../internal/logger.js";
import type { ClusterNode } from "../node/node.js";
import { type NodeOptions, resolveNodeOptions } from "../node/options.js";
import { MemoryNetwork } from "../transport/memory.js";
import type { TimeSource } from "./fake-timers.js";
import { Ledger } from "./ledger.js";
import { ProcessClock } from "./process-clock.js";
import { RelayWatch } from "./relay-watch.js";
import { SeededRandom } from "./seeded-random.js";
import { SimStore } from "./sim-discovery.js";
import { SimProcess } from "./sim-process.js";
import { Trace } from "./trace.js";
import { VirtualClock } from "./virtual-clock.js";
import { WatchedNode } from "./watched-node.js";
import { type WireWatch, watchedTransport } from "./wire-watch.js";

/** Where every node listens, on a host of its own. */
const PORT = 8_000;

/** Links are looked at every second at most, twice for a verdict; and what was under way comes first. */
const SILENCE_TOLERANCE_MS = 3_000;

/** Longest time until every peer of a dead process has noticed that, by the defaults of links. */
const SILENCE_NOTICED_MS = 25_000;

/** All nodes have this secret, so that the opening of every link is proved as in production. */
export const SECRET = "a secret that all simulated nodes share, of no use outside";
/** And harbors this one among each other. */
export const HARBOR_SECRET = "a secret that all simulated harbors share, of no use outside";

/** In place of a group: the store of the harbors. */
const HARBORS = 0;

/** Options of a simulated node; clock, chance, network and discovery are the simulation's. */
export type SimNodeOptions = Omit<NodeOptions, "address" | "clock" | "random" | "transport" | "discovery" | "harbors">;

export type Setup = (node: ClusterNode) => void;

/** A cluster in one process, on virtual time. Time goes on by itself while the scenario awaits something. */
export interface Sim {
  /** The seed of this run. */
  readonly seed: number;
  /** Numbers in [0, 1) that the seed decides. */
  readonly random: () => number;
  /** Virtual milliseconds since the run began. */
  readonly now: number;
  /**
   * Starts a node on a machine of its own. `setup` registers its handlers, again at each {@link restart}. A second node of
   * an address is a second process: it is refused while the first one lives. Each group has a discovery of its own; a node of type 255 is a
   * harbor, and sits in that of the harbors too.
   *
   * @throws StartError as `start()`.
   */
  node(address: AddressText, setup?: Setup, options?: SimNodeOptions): Promise<ClusterNode>;
  /** Lets `ms` of virtual time pass. */
  advance(ms: number): Promise<void>;
  /** Nothing gets through between the two until {@link heal}; `oneWay`: only from `a` to `b`. What is sent is kept, as TCP does. */
  partition(a: ClusterNode, b: ClusterNode, options?: { oneWay?: boolean | undefined }): void;
  /** Ends all partitions and slow readers. */
  heal(): void;
  /** All connections between the two are lost; both learn it. */
  cutConnections(a: ClusterNode, b: ClusterNode): void;
  /** All connections between the two are lost; only `forgetful` learns it. */
  halfOpen(forgetful: ClusterNode, other: ClusterNode): void;
  /** The node runs, but its machine hands it nothing of what arrives, until {@link heal}. */
  slowReader(node: ClusterNode): void;
  /** Milliseconds that everything takes on its way, from now on: `ms`, and up to `jitterMs` more by chance. At first 1 and 1. */
  latency(options: { ms: number; jitterMs?: number | undefined }): void;
  /**
   * The process is gone: no code of it runs any more, and what its calls would have brought never comes.
   * `peersSee: "reset"` (default): its machine closes its connections; `"silent"`: the machine is gone too.
   */
  crash(node: ClusterNode, options?: { peersSee?: "reset" | "silent" | undefined }): void;
  /** A new process of the same address on the same machine, with the same setup. One that still runs is killed first. */
  restart(node: ClusterNode): Promise<ClusterNode>;
  /** The process is stopped, as by SIGSTOP, until {@link resume}. */
  pause(node: ClusterNode): void;
  resume(node: ClusterNode): void;
  /** The wall clock of the node's machine is set by `ms`, forwards or backwards. */
  clockJump(node: ClusterNode, ms: number): void;
  /** The store cannot be reached, by nobody, until {@link discoveryBack}. */
  discoveryAway(): void;
  discoveryBack(): void;
  /** The store loses all it knows. */
  discoveryWipe(): void;
  /** Adds a line to the trace. */
  note(text: string): void;
}

/** The process whose code is running. */
const running = new AsyncLocalStorage<SimProcess>();

interface Life {
  readonly process: SimProcess;
  readonly node: WatchedNode;
  readonly setup: Setup | undefined;
  readonly options: SimNodeOptions;
}

export class Simulation implements Sim {
  readonly seed: number;
  readonly clock = new VirtualClock();
  readonly trace: Trace;
  readonly ledger: Ledger;
  readonly network: MemoryNetwork;
  /** By group; 0 for the one of the harbors. */
  readonly stores = new Map<number, SimStore>();
  readonly random: () => number;
  readonly lives: Life[] = [];
  #isStoreAway = false;
  /** What went wrong first. */
  failure: Error | undefined;
  /** Whether anything was broken on purpose. */
  hadFaults = false;
  #healedAt = Number.NEGATIVE_INFINITY;
  /** When something was broken or mended last. */
  #disturbedAt = Number.NEGATIVE_INFINITY;
  /** When a connection was broken last without its ends, or one of them, being told. */
  #silencedAt = Number.NEGATIVE_INFINITY;
  /** Something is held up until {@link heal}. */
  #isHeldUp = false;
  /** Virtual time that the scenario asked for. */
  advancedMs = 0;
  readonly #randomOfNodes: SeededRandom;
  readonly #randomOfStores: SeededRandom;
  readonly #marks: SeededRandom;
  readonly #forPrograms: SeededRandom;
  readonly #enter: (process: SimProcess, code: () => void) => void;
  /** The time of the scenario's own code. */
  readonly #scenarioClock: ProcessClock;
  readonly #failed = new Deferred<never>();
  readonly #wireWatch: WireWatch;

  /** `onLine` gets each line of the trace as it happens; `isTimed`: the code of processes is told apart, see {@link timeSource}. */
  constructor(
    seed: number,
    { onLine, isTimed = false }: { onLine?: ((line: string) => void) | undefined; isTimed?: boolean | undefined } = {},
  ) {
    this.seed = seed;
    this.#enter = isTimed ? (process, code) => running.run(process, code) : (_, code) => code();
    const random = new SeededRandom(seed);
    const forScenario = random.fork();
    this.random = () => forScenario.next();
    this.#randomOfNodes = random.fork();
    this.#marks = random.fork();
    this.trace = new Trace(() => this.clock.now(), onLine);
    this.ledger = new Ledger(
      this.trace,
      () => this.clock.now(),
      (what) => this.violated(what),
    );
    this.network = new MemoryNetwork({
      clock: this.clock,
      random: random.fork(),
      conditions: { jitterMs: 1 },
      trace: (line) => {
        if (!/ data \d+$/.test(line)) this.trace.add(line); // frames are traced where they are written
      },
    });
    this.#wireWatch = {
      world: this.clock,
      ledger: this.ledger,
      trace: this.trace,
      violated: (what) => this.violated(what),
      enter: this.#enter,
      connections: new Map(),
      leaving: new Set(),
      relays: new RelayWatch(),
      isUp: (process) => this.#isUp(process),
      isDisturbed: (since) => this.#disturbedAt > since || since - this.#silencedAt < SILENCE_NOTICED_MS || this.#isImpaired,
      processOn: (host) => this.lives.findLast(({ process }) => process.host === host)?.process,
    };
    this.#randomOfStores = random.fork();
    this.#forPrograms = random.fork();
    this.#scenarioClock = new ProcessClock(this.clock);
    this.#failed.promise.catch(() => undefined);
  }

  get now(): number {
    return this.clock.now();
  }

  /** Whose time `fakeTimers` gives to the code that is running: that of the process to which it belongs, or the scenario's. */
  get timeSource(): TimeSource {
    return { clock: running.getStore()?.userClock ?? this.#scenarioClock, random: () => this.#forPrograms.next() };
  }

  /** Rejects with the first thing that goes wrong. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  violated(what: string): void {
    this.fail(new InvariantError(what));
  }

  fail(error: Error): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    this.trace.add("FAILED:", error.message);
    this.#failed.reject(error);
  }

  async node(address: AddressText, setup?: Setup, options: SimNodeOptions = {}): Promise<ClusterNode> {
    const earlier = this.lives.filter(({ process }) => process.address === parseAnyAddress(address)).length;
    const host = `h${address.replaceAll(".", "-")}${earlier === 0 ? "" : `-${earlier + 1}`}`;
    return await this.#start(address, host, setup, options);
  }

  async restart(node: ClusterNode): Promise<ClusterNode> {
    const life = this.#lifeOf(node);
    const { process, setup, options } = life;
    if (!process.isGone) this.crash(node);
    this.network.restart(process.host);
    return await this.#start(formatAddress(process.address), process.host, setup, options);
  }

  advance(ms: number): Promise<void> {
    this.advancedMs += ms;
    return new Promise((resolve) => {
      this.clock.setTimeout(resolve, ms);
    });
  }

  partition(a: ClusterNode, b: ClusterNode, options: { oneWay?: boolean | undefined } = {}): void {
    this.#isHeldUp = true;
    this.#fault("partition", a, options.oneWay === true ? ">" : "|", b);
    const [one, other] = [this.#hostOf(a), this.#hostOf(b)];
    this.network.hold(one, other);
    if (options.oneWay !== true) this.network.hold(other, one);
  }

  heal(): void {
    this.trace.add("heal");
    this.#healedAt = this.clock.now();
    this.#disturbedAt = this.clock.now();
    this.#isHeldUp = false;
    this.network.shapeAll({ held: false, receiverReads: true });
  }

  cutConnections(a: ClusterNode, b: ClusterNode): void {
    this.#fault("cut connections", a, "-", b);
    this.network.reset(this.#hostOf(a), this.#hostOf(b));
  }

  halfOpen(forgetful: ClusterNode, other: ClusterNode): void {
    this.#silencedAt = this.clock.now();
    this.#fault("half-open: forgotten by", forgetful, "not by", other);
    this.network.halfOpen(this.#hostOf(forgetful), this.#hostOf(other));
  }

  slowReader(node: ClusterNode): void {
    this.#isHeldUp = true;
    this.#fault("slow reader", node);
    const reader = this.#hostOf(node);
    for (const { process } of this.lives) if (process.host !== reader) this.network.pauseReading(reader, process.host);
  }

  latency({ ms, jitterMs = 0 }: { ms: number; jitterMs?: number | undefined }): void {
    this.#disturbedAt = this.clock.now();
    this.trace.add("latency", ms, "ms, jitter", jitterMs, "ms");
    this.network.shapeAll({ latencyMs: ms, jitterMs });
  }

  crash(node: ClusterNode, { peersSee = "reset" }: { peersSee?: "reset" | "silent" | undefined } = {}): void {
    const { process } = this.#lifeOf(node);
    if (process.isGone) return;
    if (peersSee === "silent") this.#silencedAt = this.clock.now();
    this.#fault("crash", node, peersSee);
    this.#expectSilenceNoticed(process);
    this.network.crash(process.host, { peersSee });
    process.clock.kill();
    process.userClock.kill();
    for (const session of process.sessions) session.end();
  }

  pause(node: ClusterNode): void {
    const { process } = this.#lifeOf(node);
    if (process.clock.state !== "running") return;
    this.#fault("pause", node);
    this.#expectSilenceNoticed(process);
    process.clock.stop();
    process.userClock.stop();
    this.network.freeze(process.host);
    for (const session of process.sessions) session.fallSilent();
  }

  resume(node: ClusterNode): void {
    const { process } = this.#lifeOf(node);
    if (!process.isStopped) return;
    this.trace.add("resume", process.name);
    this.#disturbedAt = this.clock.now();
    process.resumedAt = this.clock.now();
    for (const session of process.sessions) session.speakAgain();
    process.clock.resume();
    process.userClock.resume();
    this.network.thaw(process.host);
  }

  clockJump(node: ClusterNode, ms: number): void {
    const { process } = this.#lifeOf(node);
    this.trace.add("clock jump", process.name, ms, "ms");
    process.clock.jumpWallClock(ms);
    process.userClock.jumpWallClock(ms);
  }

  discoveryAway(): void {
    this.hadFaults = true;
    this.trace.add("discovery away");
    this.#isStoreAway = true;
    for (const store of this.stores.values()) store.goAway();
  }

  discoveryBack(): void {
    this.trace.add("discovery back");
    this.#isStoreAway = false;
    for (const store of this.stores.values()) store.comeBack();
  }

  discoveryWipe(): void {
    this.hadFaults = true;
    this.trace.add("discovery wiped");
    for (const store of this.stores.values()) store.wipe();
  }

  note(text: string): void {
    this.trace.add(text);
  }

  /** The discovery of a group. */
  storeOf(group: number): SimStore {
    let store = this.stores.get(group);
    if (store === undefined) {
      store = new SimStore(this.clock, this.#randomOfStores.fork());
      if (this.#isStoreAway) store.goAway();
      this.stores.set(group, store);
    }
    return store;
  }

  async #start(address: AddressText, host: string, setup: Setup | undefined, options: SimNodeOptions): Promise<ClusterNode> {
    const parsed = parseAnyAddress(address);
    const lifeCount = this.lives.filter(({ process }) => process.address === parsed).length + 1;
    const enter = (code: () => void): void => this.#enter(process, code);
    const clock = new ProcessClock(this.clock, enter);
    const process: SimProcess = new SimProcess(
      this.lives.length,
      parsed,
      lifeCount,
      host,
      clock,
      new ProcessClock(this.clock, enter),
      (isHarbor(parsed) ? [addressGroup(parsed), HARBORS] : [addressGroup(parsed)]).map((group) => this.storeOf(group).session(clock)),
    );
    const [discovery, harbors] = process.sessions;
    const resolved = resolveNodeOptions({
      listen: `${host}:${PORT}`,
      secrets: [SECRET],
      logger: this.#loggerOf(process),
      ...options,
      address,
      clock,
      random: this.#randomOfNodes.fork(),
      transport: watchedTransport(this.network.transport(host, clock), process, this.#wireWatch),
      discovery: discovery!,
      ...(harbors !== undefined && { harbors, harborSecrets: [HARBOR_SECRET] }),
    });
    const node = new WatchedNode(resolved, process, this.ledger, () => !this.#marks.chance(0.25));
    this.lives.push({ process, node, setup, options });
    this.trace.add("start", process.name, "on", host);
    return await new Promise((resolve, reject) => {
      this.#enter(process, () => {
        try {
          setup?.(node);
          node.start().then(resolve, reject);
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Nothing comes from `silent` any more: calls that wait for it end long before their deadlines. */
  #expectSilenceNoticed(silent: SimProcess): void {
    const since = this.clock.now();
    for (const [caller, connections] of this.#wireWatch.connections) {
      const waiting = [...connections].filter(({ peer }) => peer === silent).flatMap((connection) => connection.waiting);
      if (waiting.length === 0 || caller === silent) continue;
      const { probeMs, keepaliveTimeoutMs } = this.lives[caller.serial]!.node.resolved.link;
      const boundMs = probeMs + keepaliveTimeoutMs + SILENCE_TOLERANCE_MS;
      this.clock.setTimeout(() => {
        // What was held up may have come late, and counts as life; a caller that stood still has noticed nothing.
        const excused =
          silent.resumedAt >= since || caller.clock.state !== "running" || caller.resumedAt >= since || this.#healedAt >= since;
        const call = waiting.find(({ settled }) => !settled);
        if (call !== undefined && !excused)
          this.violated(`${silent.name} has been silent for ${boundMs} ms, and call #${call.id} of ${caller.name} still waits for it`);
      }, boundMs);
    }
  }

  #fault(what: string, ...parts: (ClusterNode | string)[]): void {
    this.hadFaults = true;
    this.#disturbedAt = this.clock.now();
    this.trace.add(what, ...parts.map((part) => (typeof part === "string" ? part : this.#lifeOf(part).process.name)));
  }

  #isUp(process: SimProcess): boolean {
    return process.clock.state === "running" && this.lives[process.serial]!.node.status().phase === "running";
  }

  get #isImpaired(): boolean {
    return this.#isHeldUp || this.lives.some(({ process }) => process.isStopped);
  }

  #lifeOf(node: ClusterNode): Life {
    const life = this.lives.find((candidate) => candidate.node === node);
    if (life === undefined) throw new TypeError("this node is none of the simulation's: make it with sim.node()");
    return life;
  }

  #hostOf(node: ClusterNode): string {
    return this.#lifeOf(node).process.host;
  }

  #loggerOf({ name }: SimProcess): Logger {
    const at = (level: LogLevel) => (fields: object, message: string) => {
      const { cause, peer } = fields as { cause?: unknown; peer?: unknown };
      this.trace.add(
        name,
        level === "debug" ? "" : `[${level}]`,
        message,
        typeof peer === "string" ? peer : "",
        typeof cause === "string" ? cause : "",
      );
    };
    return { trace: () => {}, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }
}

/** Something happened that the library promises never happens. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}
