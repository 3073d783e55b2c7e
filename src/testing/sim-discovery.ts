/**
 * The discovery of a simulated cluster: one store for all, reached by each node over a connection of its own that takes
 * time, breaks when the store is away, and whose end the store notices when a lease runs out.
 */
import type { LogicalAddress } from "../addr/logical-address.js";
import type { Discovery, DiscoveryEvent, Member, MemberPatch, Registration } from "../discovery/discovery.js";
import { type MemoryDiscovery, memory } from "../discovery/memory.js";
import type { AbortSignal } from "../internal/abort-signal.js";
import { Deferred } from "../internal/deferred.js";
import type { ProcessClock } from "./process-clock.js";
import type { SeededRandom } from "./seeded-random.js";
import type { VirtualClock } from "./virtual-clock.js";

/** How long the store keeps the entry of a process of which it hears nothing. */
export const LEASE_MS = 5_000;

/** What a question to the store takes, there and back, at least and at most. */
const LATENCY_MS: readonly [number, number] = [0.5, 5];

export class SimStore {
  readonly store: MemoryDiscovery = memory();
  readonly #world: VirtualClock;
  readonly #random: SeededRandom;
  readonly #sessions = new Set<StoreSession>();
  #isAway = false;

  constructor(world: VirtualClock, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
  }

  get isAway(): boolean {
    return this.#isAway;
  }

  get world(): VirtualClock {
    return this.#world;
  }

  latencyMs(): number {
    const [least, most] = LATENCY_MS;
    return least + this.#random.next() * (most - least);
  }

  /** What the store has: incarnations by address. */
  members(): ReadonlyMap<LogicalAddress, bigint | undefined> {
    return new Map(this.store.list().map((member) => [member.address, member.incarnation]));
  }

  /** A process's way to the store. */
  session(clock: ProcessClock): StoreSession {
    const session = new StoreSession(this, clock);
    this.#sessions.add(session);
    return session;
  }

  goAway(): void {
    this.#isAway = true;
    for (const session of this.#sessions) session.disconnect();
  }

  comeBack(): void {
    this.#isAway = false;
  }

  wipe(): void {
    this.store.wipe();
  }

  over(session: StoreSession): void {
    this.#sessions.delete(session);
  }
}

/** One process's use of the store; what it is told, it is told on its own clock. */
export class StoreSession implements Discovery {
  readonly #shared: SimStore;
  readonly #clock: ProcessClock;
  #watches = new Set<AbortController>();
  #entry: SimRegistration | undefined;
  /** Goes up when the process is heard of again: an older countdown is void then. */
  #silences = 0;

  constructor(shared: SimStore, clock: ProcessClock) {
    this.#shared = shared;
    this.#clock = clock;
  }

  get store(): SimStore {
    return this.#shared;
  }

  async *watch(signal: AbortSignal): AsyncGenerator<DiscoveryEvent, void> {
    await this.delay();
    this.checkReachable();
    const abort = new AbortController();
    const onAbort = (): void => abort.abort();
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) abort.abort();
    this.#watches.add(abort);
    try {
      for await (const event of this.#shared.store.watch(abort.signal)) {
        await this.delay();
        if (abort.signal.aborted) break;
        yield event;
      }
      if (this.#clock.state === "dead") await never();
      if (!signal.aborted) throw new Error("the connection to the store was lost");
    } finally {
      this.#watches.delete(abort);
      signal.removeEventListener("abort", onAbort);
    }
  }

  async register(self: Member, signal: AbortSignal): Promise<Registration> {
    await this.delay();
    signal.throwIfAborted();
    this.checkReachable();
    const registration = await this.#shared.store.register(self, signal);
    const entry = new SimRegistration(this, registration);
    this.#entry = entry;
    await this.delay();
    return entry;
  }

  /** Time that a question takes; never over for a process that is stopped or dead. */
  delay(): Promise<void> {
    return new Promise((resolve) => {
      const { world } = this.#shared;
      world.schedule(resolve, this.#shared.latencyMs(), this.#clock);
    });
  }

  checkReachable(): void {
    if (this.#shared.isAway) throw new Error("the store cannot be reached");
  }

  /** The store does not answer: watches end, what is asked fails. */
  disconnect(): void {
    for (const watch of this.#watches) watch.abort();
  }

  /** The store hears nothing of the process any more: its entry ends with its lease. */
  fallSilent(): void {
    const silence = ++this.#silences;
    const { world } = this.#shared;
    const entry = this.#entry;
    const expire = (): void => {
      if (silence !== this.#silences) return;
      // A store that is away counts no time.
      if (this.#shared.isAway) world.setTimeout(expire, LEASE_MS);
      else entry?.expire();
    };
    world.setTimeout(expire, LEASE_MS);
  }

  /** The process is heard of again. */
  speakAgain(): void {
    this.#silences++;
  }

  /** The process is gone. */
  end(): void {
    this.disconnect();
    this.fallSilent();
    this.#shared.over(this);
  }

  /** Calls the process's code. */
  tell(news: () => void): void {
    this.#shared.world.scheduleNextTurn(news, this.#clock);
  }
}

class SimRegistration implements Registration {
  readonly fencingToken: bigint | undefined;
  readonly #session: StoreSession;
  readonly #entry: Registration;
  readonly #lost = new Deferred<Error>();

  constructor(session: StoreSession, entry: Registration) {
    this.fencingToken = entry.fencingToken;
    this.#session = session;
    this.#entry = entry;
    void entry.lost.then((reason) => this.#lose(reason));
  }

  get lost(): Promise<Error> {
    return this.#lost.promise;
  }

  async update(patch: MemberPatch): Promise<void> {
    await this.#session.delay();
    this.#session.checkReachable();
    await this.#entry.update(patch);
    await this.#session.delay();
  }

  /** The lease is over. */
  expire(): void {
    void this.#entry[Symbol.asyncDispose]();
    this.#lose(new Error("the lease ran out"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session.fallSilent(); // whatever comes of it, nobody keeps the entry any more
    await this.#session.delay();
    this.#session.checkReachable();
    await this.#entry[Symbol.asyncDispose]();
    await this.#session.delay();
  }

  #lose(reason: Error): void {
    this.#session.tell(() => this.#lost.resolve(reason));
  }
}

/** What a dead process waits for. */
function never(): Promise<never> {
  return new Promise(() => {});
}
